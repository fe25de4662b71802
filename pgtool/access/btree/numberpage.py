# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
# cython: cdivision=True, initializedcheck=False
"""One number on a page of a btree on one number: which child, which entries, which place.

For statements about one row (:mod:`pgtool.access.btree.pointed` goes from page to page);
compiled where possible. ``g`` is a page: a bytearray, a pointer to its bytes where this is
compiled; ``kind`` is the size of the number in bytes, negative where it has a sign.

Invariant: whatever is out of the ordinary on the way (NULLs, posting lists, a page that is
deleted, split half way, or not sound, a key that belongs to another page) gives :data:`ASK`
or None, and the tree is asked in the general way, which also finds what is wrong. Nothing
is changed.
"""

from __future__ import annotations

from formats.derive import offset_of, sizeof
from formats.itup import IndexInfo, IndexTupleData
from formats.nbtree import (
    BT_IS_POSTING,
    BT_OFFSET_MASK,
    INDEX_ALT_TID_MASK,
    BTPageOpaqueData,
    BtpFlags,
)
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, LpFlags, PageHeaderData
from formats.units import BLCKSZ
from pgtool.storage.pageedit import count_items, is_sound, u16, u32

__all__ = ["ASK", "KINDS", "child_of", "place_of", "tids_of"]

#: numpy type of a number → its kind.
KINDS = {"<u1": 1, "<i2": -2, "<i4": -4, "<u4": 4, "<i8": -8}
ASK = -1
PAGE = BLCKSZ
FIRST, ITEM = SIZE_OF_PAGE_HEADER - sizeof(ItemIdData), sizeof(ItemIdData)
OFF_MASK = (1 << ItemIdData.bits["lp_off"][1]) - 1
FLAG_SHIFT = ItemIdData.bits["lp_flags"][0]
DEAD, FLAG_MASK = int(LpFlags.LP_DEAD), (1 << ItemIdData.bits["lp_flags"][1]) - 1
OPAQUE = PAGE - sizeof(BTPageOpaqueData)
PREV, NEXT, LEVEL, FLAGS = (
    OPAQUE + offset_of(BTPageOpaqueData, name) for name in (
        "btpo_prev", "btpo_next", "btpo_level", "btpo_flags",
    )
)  # fmt: skip
LEAF, UNUSUAL = int(BtpFlags.BTP_LEAF), int(
    BtpFlags.BTP_DELETED | BtpFlags.BTP_HALF_DEAD | BtpFlags.BTP_INCOMPLETE_SPLIT
    | BtpFlags.BTP_META
)  # fmt: skip
SPECIAL_AT, HEADER = offset_of(PageHeaderData, "pd_special"), sizeof(IndexTupleData)
INFO, POSID = offset_of(IndexTupleData, "t_info"), 4
NULLS, ALT_TID = int(IndexInfo.INDEX_NULL_MASK), int(INDEX_ALT_TID_MASK)
POSTING, COUNT_MASK = int(BT_IS_POSTING), int(BT_OFFSET_MASK)
HALF, WHOLE = 1 << 31, 1 << 32  # variables: Cython takes so large literals for objects


def usual(g, level, alone):
    """Whether it is a sound living page of a level, ``alone`` on it if that is asked for."""
    if not is_sound(g) or u16(g, SPECIAL_AT) != OPAQUE or u32(g, LEVEL) != level:
        return False
    flags = u16(g, FLAGS)
    if flags & UNUSUAL or (flags & LEAF != 0) != (level == 0):
        return False
    return not alone or (u32(g, PREV) == 0 and u32(g, NEXT) == 0)


def item_at(g, number):
    """Where an item with a number begins; 0 where it may have none."""
    at = u32(g, FIRST + ITEM * number) & OFF_MASK
    if at < HEADER or at + HEADER + 8 > PAGE:
        return 0
    info = u16(g, at + INFO)
    if info & NULLS:
        return 0
    if info & ALT_TID:
        posid = u16(g, at + POSID)
        if not posid & POSTING and posid & COUNT_MASK == 0:
            return 0
    return at


def number_at(g, at, kind):
    """The number of the item at a place."""
    at += HEADER
    if kind == -4:
        value = u32(g, at)
        return value - WHOLE if value >= HALF else value
    if kind == -8:
        low = u32(g, at)
        high = u32(g, at + 4)
        value = high - WHOLE if high >= HALF else high
        return value * WHOLE + low
    if kind == 4:
        return u32(g, at)
    if kind == -2:
        value = u16(g, at)
        return value - 65536 if value > 32767 else value
    return g[at]


def first_not_before(g, low, high, key, kind):
    """The first item in [low, high) whose number is not less than the key, ``high`` if none."""
    while low < high:
        middle = (low + high) // 2
        at = item_at(g, middle)
        if at == 0:
            return ASK
        if number_at(g, at, kind) < key:
            low = middle + 1
        else:
            high = middle
    return low


def child_of(g, level, alone, key, kind):
    """The child of an inner page that leads to the first entry of a key."""
    if not usual(g, level, alone):
        return ASK
    first = 1
    if u32(g, NEXT) != 0:
        first = 2
        at = item_at(g, 1)
        if count_items(g) < 1 or at == 0 or number_at(g, at, kind) < key:
            return ASK
    count = count_items(g)
    if count < first:
        return ASK
    # The first item stands for everything before the second.
    place = first_not_before(g, first + 1, count + 1, key, kind)
    if place == ASK:
        return ASK
    at = u32(g, FIRST + ITEM * (place - 1)) & OFF_MASK
    if at < HEADER or at + HEADER > PAGE:
        return ASK
    return u16(g, at) << 16 | u16(g, at + 2)


def tids_of(g, alone, key, kind):
    """``block << 16 | offset`` of a leaf's entries with a key that are not marked dead."""
    if not usual(g, 0, alone):
        return None
    first = 1
    count = count_items(g)
    if u32(g, NEXT) != 0:
        first = 2
        at = item_at(g, 1)
        if count < 1 or at == 0 or number_at(g, at, kind) <= key:
            return None
    place = first_not_before(g, first, count + 1, key, kind)
    if place == ASK:
        return None
    out = []
    while place <= count:
        at = item_at(g, place)
        if at == 0:
            return None
        if number_at(g, at, kind) != key:
            break
        if u16(g, at + INFO) & ALT_TID:
            return None
        if u32(g, FIRST + ITEM * place) >> FLAG_SHIFT & FLAG_MASK != DEAD:
            tid = u16(g, at)
            tid = tid << 32 | u16(g, at + 2) << 16 | u16(g, at + 4)
            out.append(tid)
        place += 1
    return out


def place_of(g, alone, behind_first, key, kind, tid):
    """The line pointer that a new entry gets on a leaf.

    ``behind_first`` asks that it comes behind the page's first entry, which tells that it
    belongs on this page where nobody came here from above.
    """
    if not usual(g, 0, alone):
        return ASK
    first = 1
    count = count_items(g)
    if u32(g, NEXT) != 0:
        first = 2
        at = item_at(g, 1)
        if count < 1 or at == 0 or number_at(g, at, kind) <= key:
            return ASK
    if behind_first:
        if count < first:
            return ASK
        at = item_at(g, first)
        if at == 0 or number_at(g, at, kind) >= key:
            return ASK
    place = first_not_before(g, first, count + 1, key, kind)
    while ASK < place <= count:
        at = item_at(g, place)
        if at == 0:
            return ASK
        if number_at(g, at, kind) != key:
            break
        if u16(g, at + INFO) & ALT_TID:
            return ASK
        other = u16(g, at)
        other = other << 32 | u16(g, at + 2) << 16 | u16(g, at + 4)
        if other == tid:
            return ASK
        if other > tid:
            break
        place += 1
    return place
