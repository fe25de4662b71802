# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
# cython: cdivision=True, initializedcheck=False
"""The changes to a heap page that are made for every row, compiled where possible.

:mod:`pgtool.access.heap.pageops` gives them to the writer, the compiled replay
(:mod:`pgtool.access.replay`) calls them as they are. ``g`` is a page: a bytearray, a
pointer to its bytes where this is compiled; ``at`` where a tuple begins on it.

Invariant: see :mod:`pgtool.storage.pageedit`.
"""

from __future__ import annotations

from formats.derive import offset_of, sizeof
from formats.heap import (
    HEAP_MOVED,
    HEAP_XMAX_BITS,
    HeapInfomask,
    HeapInfomask2,
    HeapTupleHeaderData,
)
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, LpFlags, PageHeaderData
from formats.units import BLCKSZ, FROZEN_XID
from formats.vm import BITS_PER_HEAPBLOCK, HEAPBLOCKS_PER_BYTE, HEAPBLOCKS_PER_PAGE
from formats.vm import MAP as _MAP
from formats.wal.heap2 import FreezeFlags
from pgtool.storage.pageedit import (
    close_gaps,
    count_items,
    drop_unused_end,
    init,
    is_new,
    normal_item,
    put16,
    put32,
    u16,
    u32,
)

try:
    import cython

    COMPILED = cython.compiled
except ImportError:
    COMPILED = False

XMIN, XMAX, FIELD3, CTID, MASK2, MASK, HOFF = (
    offset_of(HeapTupleHeaderData, name) for name in (
        "t_xmin", "t_xmax", "t_field3", "t_ctid", "t_infomask2", "t_infomask", "t_hoff",
    )
)  # fmt: skip
FIRST, ITEM = SIZE_OF_PAGE_HEADER - ItemIdData.sizeof(), ItemIdData.sizeof()
PRUNE_AT = offset_of(PageHeaderData, "pd_prune_xid")
REDIRECT, DEAD = (
    int(state) << ItemIdData.bits["lp_flags"][0]
    for state in (LpFlags.LP_REDIRECT, LpFlags.LP_DEAD)
)
SIGN = 0x80000000  # a variable: Cython takes so large a literal for an object
NOT_XMAX = 0xFFFF & ~(HEAP_XMAX_BITS | HEAP_MOVED)
KEYS_UPDATED = int(HeapInfomask2.HEAP_KEYS_UPDATED)
HOT_UPDATED = int(HeapInfomask2.HEAP_HOT_UPDATED)
COMBOCID = int(HeapInfomask.HEAP_COMBOCID)
LIVE = int(HeapInfomask.HEAP_XMIN_COMMITTED | HeapInfomask.HEAP_XMAX_INVALID)
OFF_MASK = (1 << ItemIdData.bits["lp_off"][1]) - 1
LP_FLAGS = ((1 << ItemIdData.bits["lp_flags"][1]) - 1) << ItemIdData.bits["lp_flags"][0]
LAST_HEADER = BLCKSZ - sizeof(HeapTupleHeaderData)
FROZEN, FREEZE_XVAC = FROZEN_XID, int(FreezeFlags.XLH_FREEZE_XVAC)
MAP, MAP_BITS, PER_BYTE, PER_PAGE = (
    _MAP, BITS_PER_HEAPBLOCK, HEAPBLOCKS_PER_BYTE, HEAPBLOCKS_PER_PAGE
)  # fmt: skip


def set_ctid(g, at, block, number):
    """Write ``t_ctid``."""
    put16(g, at + CTID, block >> 16)
    put16(g, at + CTID + 2, block & 0xFFFF)
    put16(g, at + CTID + 4, number)


def mark(g, at, xmax, infomask, infomask2, hot):
    """Give a tuple a new xmax with its flags."""
    mask2 = u16(g, at + MASK2) & ~(KEYS_UPDATED | HOT_UPDATED) | infomask2
    if hot:
        mask2 |= HOT_UPDATED
    put16(g, at + MASK2, mask2)
    put16(g, at + MASK, u16(g, at + MASK) & NOT_XMAX | infomask)
    put32(g, at + XMAX, xmax)


def set_cmax(g, at, cid, combo):
    """Note the command that deletes or locks a tuple."""
    put32(g, at + FIELD3, cid)
    mask = u16(g, at + MASK)
    put16(g, at + MASK, mask | COMBOCID if combo else mask & ~COMBOCID)


def set_prunable(g, xid):
    """Note that pruning pays once ``xid`` is no longer seen by anybody; the oldest counts."""
    known = u32(g, PRUNE_AT)
    if known != 0:
        if known < 3 or xid < 3:  # permanent ones do not go round
            if xid >= known:
                return
        elif (xid - known) & SIGN == 0:
            return
    put32(g, PRUNE_AT, xid)


def change_lines(g, p, at, redirected, dead, unused):
    """Redirect, kill and free line pointers; False where one does not exist (none is changed).

    Their numbers stand in ``p`` from ``at`` on, two bytes each: pairs of those that are
    redirected and their targets, then the dead ones, then the unused ones.
    """
    last = count_items(g)
    for i in range(redirected):
        number = u16(p, at + 4 * i)
        if number == 0 or number > last:
            return False
    for i in range(2 * redirected, 2 * redirected + dead + unused):
        number = u16(p, at + 2 * i)
        if number == 0 or number > last:
            return False
    for i in range(redirected):
        number = u16(p, at + 4 * i)
        put32(g, FIRST + ITEM * number, u16(p, at + 4 * i + 2) | REDIRECT)
    at += 4 * redirected
    for i in range(dead):
        number = u16(p, at + 2 * i)
        put32(g, FIRST + ITEM * number, DEAD)
    at += 2 * dead
    for i in range(unused):
        number = u16(p, at + 2 * i)
        put32(g, FIRST + ITEM * number, 0)
    return True


def is_live(g, number):
    """Whether a tuple's own hints say that it is there for everybody; False where none is."""
    at = normal_item(g, number)
    return 0 < at <= LAST_HEADER and u16(g, at + MASK) & LIVE == LIVE


def suspects(g, out):
    """The line pointers of which pruning has more to know than the tuples' hints; how many.

    Those left out are plainly live, lead to such a tuple, or have none. Two bytes each of
    ``out`` tell the numbers.
    """
    count = 0
    for number in range(1, count_items(g) + 1):
        word = u32(g, FIRST + ITEM * number)
        flags = word & LP_FLAGS
        if flags == REDIRECT:
            if is_live(g, word & OFF_MASK):
                continue
        elif flags == 0 or flags == DEAD or is_live(g, number):
            continue
        put16(out, 2 * count, number)
        count += 1
    return count


def settle_lines(g, lines_only, truncate):
    """After :func:`change_lines`: close the gaps, or only see which line pointers are free."""
    if lines_only:
        drop_unused_end(g)
        return True
    return close_gaps(g, truncate)


def freeze_tuples(g, p, at, count, xmax, infomask, infomask2, flags):
    """Give tuples the xmax and flags of a freeze plan; False where one is none.

    The numbers of their line pointers stand in ``p`` from ``at`` on.
    """
    for i in range(count):
        place = normal_item(g, u16(p, at + 2 * i))
        if place == 0:
            return False
        put32(g, place + XMAX, xmax)
        if flags:
            put32(g, place + FIELD3, FROZEN if flags & FREEZE_XVAC else 0)
        put16(g, place + MASK2, infomask2)
        put16(g, place + MASK, infomask)
    return True


def map_place(block):
    """The byte of its visibility map page that holds a heap block's bits."""
    return MAP + block % PER_PAGE // PER_BYTE


def clear_map_bits(g, block, bits):
    """Clear bits of a heap block; whether any was set. A zero page becomes a map page."""
    if is_new(g):
        init(g, 0)
    at = map_place(block)
    old = g[at]
    g[at] = old & ~(bits << MAP_BITS * (block % PER_BYTE)) & 0xFF
    return g[at] != old


def set_map_bits(g, block, bits):
    """Set bits of a heap block; whether any was clear. A zero page becomes a map page."""
    if is_new(g):
        init(g, 0)
    at = map_place(block)
    old = g[at]
    g[at] = old | bits << MAP_BITS * (block % PER_BYTE)
    return g[at] != old
