"""HOT chains: under which TID an index knows a visible version.

An UPDATE that changes no indexed column puts the new version on the same page as a
*heap-only* tuple and leaves the indexes alone: they point to the chain's root, an ordinary
tuple or a line pointer that redirects. Each link goes from a version's ``t_ctid`` to the
next, whose xmin is the xid that ended the one before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from formats.derive import offset_of
from formats.heap import HeapInfomask, HeapInfomask2
from formats.heap import HeapTupleHeaderData as Header
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, LpFlags, PageHeaderData
from formats.units import BLCKSZ
from pgtool.access.heap.page import Tuples

_LOWER = offset_of(PageHeaderData, "pd_lower")
_POSID = offset_of(Header, "t_ctid") + 4
_XMIN, _XMAX = offset_of(Header, "t_xmin"), offset_of(Header, "t_xmax")
_MASK, _MASK2 = offset_of(Header, "t_infomask"), offset_of(Header, "t_infomask2")
_OFF_SHIFT, _OFF_WIDTH = ItemIdData.bits["lp_off"]
_FLAG_SHIFT, _FLAG_WIDTH = ItemIdData.bits["lp_flags"]
_LP_BYTES = 4


def index_places(tuples: Tuples) -> npt.NDArray[np.int64]:
    """``block << 16 | offset`` of the root of each tuple's chain; -1 where there is none."""
    block = tuples.blocks()
    out = (block << 16) | tuples.offnum
    only = (tuples.u16("t_infomask2") & HeapInfomask2.HEAP_ONLY_TUPLE) != 0
    if not only.any():
        return out
    roots: dict[int, dict[int, int]] = {}
    for row in np.flatnonzero(only).tolist():
        page = int(tuples.page[row])
        if page not in roots:
            roots[page] = _roots(tuples.buffer, page * BLCKSZ)
        root = roots[page].get(int(tuples.offnum[row]))
        out[row] = -1 if root is None else int(block[row]) << 16 | root
    return out


def _roots(buffer: npt.NDArray[np.uint8], base: int) -> dict[int, int]:
    """Line pointer of a heap-only tuple → its chain's root, on one page."""
    page = bytes(buffer[base : base + BLCKSZ])
    lower = int.from_bytes(page[_LOWER : _LOWER + 2], "little")
    count = max(min(lower, BLCKSZ) - SIZE_OF_PAGE_HEADER, 0) // _LP_BYTES
    words = memoryview(page)[SIZE_OF_PAGE_HEADER : SIZE_OF_PAGE_HEADER + count * _LP_BYTES]
    pointers = [
        (w >> _FLAG_SHIFT & ((1 << _FLAG_WIDTH) - 1), w >> _OFF_SHIFT & ((1 << _OFF_WIDTH) - 1))
        for w in words.cast("I")
    ]
    out: dict[int, int] = {}
    for number, (flag, offset) in enumerate(pointers, 1):
        if flag == LpFlags.LP_REDIRECT:
            if 0 < offset <= count:
                out[offset] = number
                _follow(page, pointers, offset, number, out)
        elif flag == LpFlags.LP_NORMAL and not _field(page, offset, _MASK2, 2) \
                & HeapInfomask2.HEAP_ONLY_TUPLE:  # fmt: skip
            _follow(page, pointers, number, number, out)
    return out


def _field(page: bytes, offset: int, at: int, size: int) -> int:
    return int.from_bytes(page[offset + at : offset + at + size], "little")


def _follow(
    page: bytes, pointers: list[Any], number: int, root: int, out: dict[int, int]
) -> None:
    """Note the root of every version behind one of a chain."""
    for _ in range(len(pointers)):
        flag, offset = pointers[number - 1]
        if flag != LpFlags.LP_NORMAL:
            return
        mask = _field(page, offset, _MASK, 2)
        if not _field(page, offset, _MASK2, 2) & HeapInfomask2.HEAP_HOT_UPDATED \
                or mask & HeapInfomask.HEAP_XMAX_INVALID:  # fmt: skip
            return
        following = _field(page, offset, _POSID, 2)
        if not 0 < following <= len(pointers) or following in out:
            return
        flag, place = pointers[following - 1]
        if flag != LpFlags.LP_NORMAL:
            return
        if not _field(page, place, _MASK2, 2) & HeapInfomask2.HEAP_ONLY_TUPLE:
            return
        # Behind a multixact stands the updater's xid; the link itself must do then.
        ended = _field(page, offset, _XMAX, 4)
        if not mask & HeapInfomask.HEAP_XMAX_IS_MULTI and ended != _field(page, place, _XMIN, 4):
            return
        out[following] = root
        number = following
