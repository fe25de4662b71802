"""Following a HOT chain on one page: from the TID that an index knows to a visible version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from formats.heap import HeapInfomask, HeapInfomask2
from formats.page import LpFlags
from pgtool.storage import page as bufpage
from pgtool.storage import pageedit
from pgtool.transam.tqual import Header, header_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgtool.access.heap.heapam import HeapRelation, Tid
    from pgtool.transam.snapshot import Snapshot
    from pgtool.transam.tqual import Rules

_HOT_UPDATED = int(HeapInfomask2.HEAP_HOT_UPDATED)
_HEAP_ONLY = int(HeapInfomask2.HEAP_ONLY_TUPLE)
_XMAX_INVALID = int(HeapInfomask.HEAP_XMAX_INVALID)


def versions(
    rules: Rules, page: bytearray, offnum: int
) -> Iterator[tuple[int, int, int, Header]]:
    """(line pointer, offset, length, header) of each version of a chain, oldest first.

    Whoever takes them may set hint bits on the page meanwhile: the links stay the same.
    """
    count = bufpage.max_offset(page)
    at_start, ended_by = True, 0
    for _ in range(count + 1):
        if not 0 < offnum <= count:
            return
        state, at, length = bufpage.item_id(page, offnum)
        if state == LpFlags.LP_REDIRECT and at_start:
            offnum, at_start = at, False
            continue
        if state != LpFlags.LP_NORMAL:
            return
        h = header_of(page, at)
        if at_start and h.infomask2 & _HEAP_ONLY:
            return
        if ended_by and h.xmin != ended_by:
            return
        yield offnum, at, length, h
        at_start = False
        if not h.infomask2 & _HOT_UPDATED or h.infomask & _XMAX_INVALID:
            return
        ended_by = rules.update_xid(h.infomask, h.xmax)
        offnum = h.offnum


def search(rel: HeapRelation, tid: Tid, snapshot: Snapshot) -> tuple[Tid, bytes] | None:
    """The visible version of a chain: (its TID, the tuple); None where none is."""
    block, offnum = tid
    if block >= rel.nblocks:
        return None
    buffer = rel.pool.pin(rel.where, block)
    try:
        page = buffer.page
        at = pageedit.normal_item(page, offnum)
        if at:  # mostly the first one is
            h = header_of(page, at)
            if not h.infomask2 & _HEAP_ONLY and snapshot.sees(
                h.infomask, h.xmin, h.xmax, h.field3
            ):
                return tid, bufpage.item(page, offnum)
        for number, at, length, h in versions(rel.rules, page, offnum):
            if snapshot.sees(h.infomask, h.xmin, h.xmax, h.field3):
                return (block, number), bytes(page[at : at + length])
    finally:
        rel.pool.unpin(buffer)
    return None
