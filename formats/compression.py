"""Decompression by method name: pglz of our own, lz4 and zstd through their libraries.

Page images in WAL and TOASTed values use the same three. Every function takes the exact
size that must come out and raises CorruptData where anything else does.
"""

from __future__ import annotations

from collections.abc import Callable

from formats.errors import CorruptData, Unsupported


def _pglz(data: bytes, raw_size: int) -> memoryview:
    from formats import pglz

    return pglz.decompress_view(data, raw_size)


def _lz4(data: bytes, raw_size: int) -> bytes:
    import lz4.block

    try:
        out: bytes = lz4.block.decompress(data, uncompressed_size=raw_size)
    except (lz4.block.LZ4BlockError, ValueError, MemoryError) as error:
        raise CorruptData(f"invalid lz4 data: {error}") from None
    return out


def _zstd(data: bytes, raw_size: int) -> bytes:
    try:
        import zstandard
    except ImportError:
        raise Unsupported(
            "zstd needs the package zstandard: pip install 'pgtool[zstd]'"
        ) from None
    try:
        frame = zstandard.frame_content_size(data)
        if frame > raw_size:
            raise CorruptData(f"zstd frame holds {frame} bytes, expected {raw_size}")
        out: bytes = zstandard.ZstdDecompressor().decompress(data, max_output_size=raw_size)
    except zstandard.ZstdError as error:
        raise CorruptData(f"invalid zstd data: {error}") from None
    return out


_METHODS: dict[str, Callable[[bytes, int], bytes | memoryview]] = {
    "pglz": _pglz, "lz4": _lz4, "zstd": _zstd,
}  # fmt: skip


def decompress(method: str, data: bytes, raw_size: int) -> bytes:
    """``raw_size`` bytes out of ``data``, compressed with ``method``."""
    out = decompress_view(method, data, raw_size)
    return out if isinstance(out, bytes) else bytes(out)


def decompress_view(method: str, data: bytes, raw_size: int) -> bytes | memoryview:
    """The same, without the copy that makes ``bytes`` of what pglz has filled."""
    try:
        codec = _METHODS[method]
    except KeyError:
        raise Unsupported(f'compression method "{method}"') from None
    out = codec(data, raw_size)
    if len(out) != raw_size:
        raise CorruptData(f"{method} data gives {len(out)} bytes, expected {raw_size}")
    return out
