"""Page checksums: every way to compute them gives the same numbers."""

from __future__ import annotations

import importlib
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from formats.crc import _plain, crc32c
from formats.units import BLCKSZ
from pgtool.storage import checksum, fnv

ROOT = Path(__file__).resolve().parent.parent
SEED = 20


def _page(rng: random.Random) -> bytes:
    return rng.randbytes(BLCKSZ)


def test_one_page_and_many_agree() -> None:
    rng = random.Random(SEED)
    pages = [_page(rng) for _ in range(6)]
    good = []
    for block, page in enumerate(pages):
        value = checksum.page_checksum(page, 100 + block)
        assert 1 <= value <= 65535
        good.append(page[:8] + value.to_bytes(2, "little") + page[10:])
        assert checksum.page_checksum(good[-1], 100 + block) == value  # the field counts as zero
    whole = b"".join(good)
    assert checksum.verify_pages(whole, 100) == []
    assert checksum._verify_numpy(memoryview(whole), [(2, 100), (4, 102)]) == []
    shifted = checksum.verify_pages(whole, 101)
    assert [bad.block for bad in shifted] == [101 + i for i in range(6)]
    assert shifted == [
        bad._replace(block=101 + bad.block)
        for bad in checksum._verify_numpy(memoryview(whole), [(6, 101)])
    ]
    for bad, page in zip(shifted, good, strict=True):
        assert bad.calculated == checksum.page_checksum(page, bad.block)
        assert bad.stored == int.from_bytes(page[8:10], "little")


def test_every_bit_counts_and_new_pages_do_not() -> None:
    rng = random.Random(SEED + 1)
    page = bytearray(_page(rng))
    page[8:10] = checksum.page_checksum(page, 5).to_bytes(2, "little")
    for _ in range(20):
        at = rng.randrange(BLCKSZ)
        if at in (14, 15):
            continue
        page[at] ^= 1 << rng.randrange(8)
        if not checksum.is_new(page):
            assert len(checksum.verify_pages(page, 5)) == 1
        page[8:10] = checksum.page_checksum(page, 5).to_bytes(2, "little")
        assert checksum.verify_pages(page, 5) == []
    assert checksum.verify_pages(bytes(BLCKSZ * 3), 0) == []
    page[14:16] = b"\0\0"
    assert checksum.is_new(page) and checksum.verify_pages(page, 6) == []


def test_runs_of_several_files() -> None:
    rng = random.Random(SEED + 2)
    pages = []
    for block in (0, 1, 2, 131072, 131073):
        page = bytearray(_page(rng))
        page[8:10] = checksum.page_checksum(page, block).to_bytes(2, "little")
        pages.append(bytes(page))
    whole = b"".join(pages)
    assert checksum.verify_runs(whole, [(3, 0), (2, 131072)]) == []
    assert [bad.block for bad in checksum.verify_runs(whole, [(3, 0), (2, 3)])] == [3, 4]
    assert checksum.verify_runs(b"", []) == []


def test_crc32c_of_short_and_long_data() -> None:
    assert _plain(b"123456789", 0) == crc32c(b"123456789") == 0xE3069283
    rng = random.Random(SEED + 3)
    for size in (0, 1, 7, 288, 1024, 5000):
        data = rng.randbytes(size)
        importlib.import_module("crc32c")
        assert _plain(data, 0) == crc32c(data)
        assert _plain(data[3:], _plain(data[:3], 0)) == crc32c(data)


CHECK = """
import random, sys
sys.path.insert(0, sys.argv[1])
from pgtool.storage import checksum, fnv
assert fnv.COMPILED, fnv.__file__
rng = random.Random(1)
whole = rng.randbytes(8192 * 130)
print(checksum.page_checksum(whole[:8192], 9))
print(*checksum.verify_pages(whole, 9), sep="\\n")
"""


@pytest.mark.skipif(fnv.COMPILED, reason="the compiled loop is the one that runs here")
def test_compiled_loop_agrees(tmp_path: Path) -> None:
    pytest.importorskip("Cython")
    if shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.skip("no C compiler")
    for top in ("formats", "pgtool"):
        shutil.copytree(ROOT / top, tmp_path / top, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [sys.executable, "-m", "Cython.Build.Cythonize", "-i", "-q", "pgtool/storage/fnv.py"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(tmp_path)],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    rng = random.Random(1)
    whole = rng.randbytes(BLCKSZ * 130)
    expected = [str(checksum.page_checksum(whole[:BLCKSZ], 9))]
    expected += [str(bad) for bad in checksum.verify_pages(whole, 9)]
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize("compiled", [True, False])
def test_set_checksums_one_by_one_and_at_once(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksum.fnv, "COMPILED", compiled)
    rng = random.Random(SEED)
    pages = [bytearray(_page(rng)) for _ in range(5)]
    checksum.set_checksums(pages, 40)
    assert checksum.verify_pages(b"".join(pages), 40) == []
