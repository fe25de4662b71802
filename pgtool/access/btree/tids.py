"""Which heap blocks the leaves of a B-tree point to, page runs at a time.

Leaf tuples carry one heap TID, or, as posting lists, many; pivot tuples (high keys) and
tuples known to be dead are left out. Damaged index pages give nothing: the result is used
as evidence only, so it may be too small but never wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from formats.derive import offset_of
from formats.errors import CorruptData
from formats.itup import IndexTupleData
from formats.nbtree import (
    BT_IS_POSTING,
    BT_OFFSET_MASK,
    INDEX_ALT_TID_MASK,
    SIZEOF_TID,
    BTPageOpaqueData,
    BtpFlags,
)
from formats.units import BLCKSZ
from pgtool.access.heap.page import tuples_of
from pgtool.storage.bulk import read_runs
from pgtool.storage.smgr import RelationFile

_OPAQUE = BLCKSZ - BTPageOpaqueData.sizeof()
_FLAGS = (_OPAQUE + offset_of(BTPageOpaqueData, "btpo_flags")) // 2
_NEXT = (_OPAQUE + offset_of(BTPageOpaqueData, "btpo_next")) // 4
_INFO = offset_of(IndexTupleData, "t_info") // 2
_NOT_A_LEAF = BtpFlags.BTP_DELETED | BtpFlags.BTP_META | BtpFlags.BTP_HALF_DEAD


def _ignore(problem: CorruptData) -> None:
    """Damaged pages are no evidence."""


def heap_blocks(file: RelationFile, *, checksums: bool, begin: int = 0) -> Iterator[Any]:
    """Arrays of heap block numbers that leaf tuples point to, repeats included.

    ``begin`` is the page of the index to begin at.
    """
    file.tolerate()
    for run in read_runs(file, _ignore, checksums=checksums, first=begin, reuse=True):
        pages = run.buffer[: run.pages * BLCKSZ].view(np.uint16).reshape(run.pages, -1)
        wide = run.buffer[: run.pages * BLCKSZ].view(np.uint32).reshape(run.pages, -1)
        leaf = (pages[:, _FLAGS] & BtpFlags.BTP_LEAF) != 0
        leaf &= (pages[:, _FLAGS] & _NOT_A_LEAF) == 0
        found = tuples_of(
            run.buffer, run.pages, run.first, run.path, _ignore, header=IndexTupleData.sizeof()
        )
        keep = leaf[found.page]
        keep &= ~((found.offnum == 1) & (wide[:, _NEXT] != 0)[found.page])  # the high key
        found = found.take(keep)
        if not len(found):
            continue
        halves = run.buffer[: len(run.buffer) & ~1].view(np.uint16)
        at = found.start >> 1
        block = halves[at].astype(np.int64) << 16 | halves[at + 1]
        posid, info = halves[at + 2], halves[at + _INFO]
        special = (info & INDEX_ALT_TID_MASK) != 0
        yield block[~special]
        lists = np.flatnonzero(special & ((posid & BT_IS_POSTING) != 0))
        if len(lists):
            count = (posid[lists] & BT_OFFSET_MASK).astype(np.int64)
            first = found.start[lists] + block[lists]
            good = first + count * SIZEOF_TID <= found.end[lists]
            first, count = first[good], count[good]
            step = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
            place = (np.repeat(first, count) + step * SIZEOF_TID) >> 1
            yield halves[place].astype(np.int64) << 16 | halves[place + 1]
