"""pglz as plain Python and as installed; the other methods through their libraries."""

from __future__ import annotations

import contextlib
import importlib.util
import random
from types import ModuleType

import pytest

from formats import compression, pglz
from formats.errors import CorruptData


def from_source() -> ModuleType:
    path = pglz.__file__
    spec = importlib.util.spec_from_file_location(
        "plain_pglz", f"{path[: path.index('pglz')]}pglz.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compress(data: bytes) -> bytes:
    """A simple pglz compressor: the last place where the next three bytes stood."""
    out, places, at = bytearray(), dict[bytes, int](), 0
    while at < len(data):
        control = len(out)
        out.append(0)
        for bit in range(8):
            if at >= len(data):
                break
            key = data[at : at + 3]
            before = places.get(key, at)
            distance, length = at - before, 0
            while 0 < distance < 4096 and length < 273 and at + length < len(data):
                if data[before + length] != data[at + length]:
                    break
                length += 1
            if length < 3:
                out.append(data[at])
                length = 1
            else:
                out[control] |= 1 << bit
                out += bytes([distance >> 4 & 0xF0 | min(length - 3, 15), distance & 0xFF])
                if length >= 18:
                    out.append(length - 18)
            for i in range(at, at + length):
                places[data[i : i + 3]] = i
            at += length
    return bytes(out)


@pytest.mark.parametrize("module", [pglz, from_source()], ids=["installed", "source"])
def test_pglz(module: ModuleType) -> None:
    rnd = random.Random(1)
    for size in (1, 2, 17, 300, 8192, 70_000):
        words = [rnd.randbytes(rnd.randrange(1, 9)) for _ in range(40)] + [b"\0" * 300]
        data = b"".join(rnd.choice(words) for _ in range(size))[:size]
        packed = compress(data)
        assert module.decompress(packed, size) == data
        start = module.decompress_slice(packed[: len(packed) // 2 + 1], size // 4)
        assert start == data[: size // 4]
        with pytest.raises(CorruptData):
            module.decompress(packed, size + 1)
        for _ in range(200):
            bad = bytearray(packed)
            bad[rnd.randrange(len(bad))] ^= 1 << rnd.randrange(8)
            with contextlib.suppress(CorruptData):
                assert len(module.decompress(bytes(bad), size)) == size
    with pytest.raises(CorruptData):
        module.decompress(b"\0\0", 1 << 40)


def test_lz4() -> None:
    import lz4.block

    data = b"abcdefgh" * 1000
    packed = lz4.block.compress(data, store_size=False)
    assert compression.decompress("lz4", packed, len(data)) == data
    for bad, size in ((packed, len(data) + 1), (packed, 100), (packed[:-3], len(data)), (b"", 5)):
        with pytest.raises(CorruptData):
            compression.decompress("lz4", bad, size)


def test_zstd() -> None:
    zstandard = pytest.importorskip("zstandard")
    data = b"abcdefgh" * 1000
    packed = zstandard.ZstdCompressor().compress(data)
    assert compression.decompress("zstd", packed, len(data)) == data
    for bad, size in ((packed, len(data) + 1), (packed, 100), (packed[:-3], len(data)), (b"", 5)):
        with pytest.raises(CorruptData):
            compression.decompress("zstd", bad, size)
