"""Page checksums: the only implementation, for one page and for many.

Source of the algorithm: ``storage/checksum_impl.h``. A page is read as 64 rows of 32
words; each of 32 lanes runs an FNV-1a variant down its column, two more rounds follow on
zeroes, and the lanes are folded with exclusive or. The checksum field itself counts as
zero, the block number is mixed in, and the result is reduced to 1 … 65535.

Two ways lead to the same numbers. :mod:`pgtool.storage.fnv` goes page by page; compiled
it reaches 12 GB/s a thread and needs no numpy. Where it is not compiled, batches go
through numpy, all pages of a batch one row at a time: per row four calls over (pages × 32)
words. Calls are few and the working set stays in the cache at about 1,024 pages (measured,
GB/s: 64 pages 2.6, 256 6.0, 1,024 7.2, 2,048 5.2; copying the lanes into a transposed
order first costs more than it gains). Both release the GIL.

Invariant: a page whose ``pd_upper`` is 0 was never initialised, carries no checksum and
is never reported.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from formats.derive import offset_of
from formats.page import PageHeaderData
from formats.units import BLCKSZ
from pgtool.storage import fnv

if TYPE_CHECKING:
    import numpy as np

LANES = 32
ROWS = BLCKSZ // (4 * LANES)
FNV_PRIME = 16777619
SHIFT = 17
ZERO_ROUNDS = 2

#: Pages to verify in one call: what the second-level cache holds, or numpy's best.
BATCH = 64 if fnv.COMPILED else 1024

# fmt: off
LANE_OFFSETS = (
    0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
    0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
    0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
    0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756,
)
# fmt: on
_LANES = array("I", LANE_OFFSETS)
assert _LANES.itemsize == 4

_PD_CHECKSUM = offset_of(PageHeaderData, "pd_checksum")
_PD_UPPER = offset_of(PageHeaderData, "pd_upper")
# What fnv.py has written into its code.
assert (_PD_CHECKSUM, _PD_UPPER, ROWS, LANES) == (8, 14, 64, 32)


class BadPage(NamedTuple):
    """A page whose stored checksum is not the calculated one."""

    block: int
    calculated: int
    stored: int


class _Scratch(threading.local):
    """Memory of one thread, so that nothing is allocated per call."""

    def __init__(self) -> None:
        self.sums = array("I", bytes(4 * LANES))
        self.bad = array("I")


_scratch = _Scratch()


def is_new(page: bytes | bytearray | memoryview) -> bool:
    """Whether a page was never initialised (``pd_upper`` is 0)."""
    return page[_PD_UPPER] == 0 and page[_PD_UPPER + 1] == 0


def page_checksum(page: bytes | bytearray | memoryview, blkno: int) -> int:
    """The checksum that a page should carry as block ``blkno`` of its fork."""
    assert len(page) == BLCKSZ, f"a page has {BLCKSZ} bytes"
    words = memoryview(page).cast("B").cast("I")
    return int(fnv.checksum(words, blkno, _LANES, _scratch.sums))


def set_checksums(pages: Sequence[bytearray], first_block: int = 0) -> None:
    """Put the checksums on consecutive blocks."""
    if fnv.COMPILED or len(pages) < 2:
        sums = [page_checksum(page, first_block + i) for i, page in enumerate(pages)]
    else:
        import numpy as np

        words = np.frombuffer(b"".join(pages), dtype="<u4").reshape(-1, ROWS, LANES)
        blocks = np.arange(first_block, first_block + len(pages), dtype=np.uint32)
        sums = _sum_numpy(words, blocks).tolist()
    for page, found in zip(pages, sums):
        page[_PD_CHECKSUM : _PD_CHECKSUM + 2] = found.to_bytes(2, "little")


def stamp(pages: np.ndarray[Any, Any], first_block: int) -> None:
    """Put the checksums on consecutive blocks, a row of bytes each."""
    import numpy as np

    n = len(pages)
    if fnv.COMPILED:
        bad = np.empty(2 * n, np.uint32)
        words = pages.reshape(-1).data.cast("B").cast("I")
        count = fnv.find_bad(words, n, first_block, _LANES, _scratch.sums, bad)
        rows, sums = bad[: 2 * count : 2], bad[1 : 2 * count : 2]
    else:
        blocks = np.arange(first_block, first_block + n, dtype=np.uint32)
        used = pages[:, _PD_UPPER : _PD_UPPER + 2].any(axis=1)
        rows = np.arange(n, dtype=np.uint32)[used]
        sums = _sum_numpy(pages.view(np.uint32).reshape(n, ROWS, LANES), blocks)[used]
    pages[:, _PD_CHECKSUM : _PD_CHECKSUM + 2].view(np.uint16)[rows, 0] = sums


def stamp_missing(buffer: Any, first_block: int) -> list[int]:
    """Put the checksums on consecutive blocks in a writable buffer; which ones lacked theirs."""
    view = memoryview(buffer).cast("B")
    halves = view.cast("H")
    pages, at = len(view) // BLCKSZ, _PD_CHECKSUM // 2
    if not fnv.COMPILED:
        found = [(bad.block, bad.calculated) for bad in _verify_numpy(view, [(pages, first_block)])]
    else:
        if len(_scratch.bad) < 2 * pages:
            _scratch.bad = array("I", bytes(8 * pages))
        bad = _scratch.bad
        count = fnv.find_bad(view.cast("I"), pages, first_block, _LANES, _scratch.sums, bad)
        found = list(zip(bad[: 2 * count : 2], bad[1 : 2 * count : 2]))
    for index, calculated in found:
        halves[index * (BLCKSZ // 2) + at] = calculated
    return [index for index, _ in found]


def verify_runs(buffer: Any, runs: Sequence[tuple[int, int]]) -> list[BadPage]:
    """The bad pages of a buffer that holds several runs of blocks one after another.

    ``runs`` gives (number of pages, number of the first block) of each. ``block`` of the
    result is the index of the page in the buffer.
    """
    view = memoryview(buffer).cast("B")
    assert len(view) == BLCKSZ * sum(pages for pages, _ in runs), "whole pages only"
    if not fnv.COMPILED:
        return _verify_numpy(view, runs)
    out: list[BadPage] = []
    words = view.cast("I")
    per_page = BLCKSZ // 4
    at = 0
    for pages, first in runs:
        part = words[at * per_page : (at + pages) * per_page]
        if len(_scratch.bad) < 2 * pages:
            _scratch.bad = array("I", bytes(8 * pages))
        bad = _scratch.bad
        for i in range(fnv.find_bad(part, pages, first, _LANES, _scratch.sums, bad)):
            index = bad[2 * i]
            stored = part[index * per_page + _PD_CHECKSUM // 4] & 0xFFFF
            out.append(BadPage(at + index, bad[2 * i + 1], stored))
        at += pages
    return out


def verify_pages(buffer: Any, first_block: int) -> list[BadPage]:
    """The bad pages of a run of consecutive blocks that starts at block ``first_block``."""
    view = memoryview(buffer).cast("B")
    assert len(view) % BLCKSZ == 0, "whole pages only"
    out: list[BadPage] = []
    for at in range(0, len(view) // BLCKSZ, BATCH):
        part = view[at * BLCKSZ : (at + BATCH) * BLCKSZ]
        start = first_block + at
        found = verify_runs(part, [(len(part) // BLCKSZ, start)])
        out += [bad._replace(block=start + bad.block) for bad in found]
    return out


def _verify_numpy(view: memoryview, runs: Sequence[tuple[int, int]]) -> list[BadPage]:
    import numpy as np

    if not runs:
        return []
    pages = np.frombuffer(view, dtype="<u4").reshape(-1, ROWS, LANES)
    blknos = np.concatenate([np.arange(first, first + n, dtype=np.uint32) for n, first in runs])
    calculated = _sum_numpy(pages, blknos)
    stored = pages[:, 0, _PD_CHECKSUM // 4] & 0xFFFF
    word, high = divmod(_PD_UPPER, 4)
    initialised = (pages[:, 0, word] >> (8 * high)) & 0xFFFF != 0
    bad = np.flatnonzero((calculated != stored) & initialised)
    return [BadPage(int(i), int(calculated[i]), int(stored[i])) for i in bad]


def _sum_numpy(pages: np.ndarray[Any, Any], blknos: np.ndarray[Any, Any]) -> Any:
    """Checksums of many pages: ``pages`` is uint32 (n, ROWS, LANES), ``blknos`` uint32 (n,)."""
    import numpy as np

    prime, shift = np.uint32(FNV_PRIME), np.uint32(SHIFT)
    first = pages[:, 0].copy()
    first[:, _PD_CHECKSUM // 4] &= np.uint32(0xFFFF0000)
    sums = np.empty((len(pages), LANES), np.uint32)
    sums[:] = np.array(LANE_OFFSETS, np.uint32)
    spare = np.empty_like(sums)
    for row in range(ROWS + ZERO_ROUNDS):
        if row < ROWS:
            np.bitwise_xor(sums, pages[:, row] if row else first, out=sums)
        np.right_shift(sums, shift, out=spare)
        np.multiply(sums, prime, out=sums)
        np.bitwise_xor(sums, spare, out=sums)
    folded = np.bitwise_xor.reduce(sums, axis=1)
    folded ^= blknos
    return folded % np.uint32(65535) + np.uint32(1)
