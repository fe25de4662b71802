# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
# cython: cdivision=True, initializedcheck=False
"""Changes to the items of a btree page: splits, deduplication, posting lists, compiled where
possible.

:mod:`pgtool.access.btree.pageops` gives them to the writer, the compiled replay
(:mod:`pgtool.access.btree.replay`) calls them as they are. ``g`` is a page: a bytearray, a
pointer to its bytes where this is compiled. A posting list tuple is laid out as
:mod:`pgtool.access.btree.tuples` says.

Invariant: see :mod:`pgtool.storage.pageedit`.
"""

from __future__ import annotations

from formats.derive import offset_of, sizeof
from formats.itemptr import ItemPointerData
from formats.itup import INDEX_SIZE_MASK, IndexTupleData
from formats.nbtree import (
    BT_IS_POSTING,
    BT_OFFSET_MASK,
    INDEX_ALT_TID_MASK,
    BTPageOpaqueData,
    BtpFlags,
)
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, PageHeaderData
from formats.units import BLCKSZ
from pgtool.storage.pageedit import (
    add_item,
    copy,
    count_items,
    init,
    is_sound,
    overwrite_item,
    own_item,
    put16,
    put32,
    u16,
    u32,
    zero,
)

try:
    import cython

    COMPILED = cython.compiled
except ImportError:
    COMPILED = False

PAGE, HEADER = BLCKSZ, SIZE_OF_PAGE_HEADER
FIRST, ITEM = HEADER - sizeof(ItemIdData), sizeof(ItemIdData)
OFF_MASK = (1 << ItemIdData.bits["lp_off"][1]) - 1
LEN_SHIFT = ItemIdData.bits["lp_len"][0]
UPPER_AT, SPECIAL_AT = (offset_of(PageHeaderData, name) for name in ("pd_upper", "pd_special"))
OPAQUE_SIZE = sizeof(BTPageOpaqueData)
OPAQUE = PAGE - OPAQUE_SIZE
PREV, NEXT, LEVEL, FLAGS, CYCLE = (
    OPAQUE + offset_of(BTPageOpaqueData, name) for name in (
        "btpo_prev", "btpo_next", "btpo_level", "btpo_flags", "btpo_cycleid",
    )
)  # fmt: skip
LEAF, INCOMPLETE, GARBAGE = (
    int(BtpFlags.BTP_LEAF), int(BtpFlags.BTP_INCOMPLETE_SPLIT), int(BtpFlags.BTP_HAS_GARBAGE),
)  # fmt: skip
INFO, POSID, TID = offset_of(IndexTupleData, "t_info"), 4, sizeof(ItemPointerData)
SIZE_MASK, ALT_TID, POSTING, COUNT_MASK = (
    int(INDEX_SIZE_MASK), int(INDEX_ALT_TID_MASK), int(BT_IS_POSTING), int(BT_OFFSET_MASK),
)  # fmt: skip
OLD, TUPLE = bytearray(BLCKSZ), bytearray(4 * BLCKSZ)


def tuple_size(t, at):
    """The size that the tuple at ``at`` states."""
    return u16(t, at + INFO) & SIZE_MASK


def is_posting(t, at):
    """Whether the tuple at ``at`` has a posting list."""
    return u16(t, at + INFO) & ALT_TID != 0 and u16(t, at + POSID) & POSTING != 0


def key_size(t, at):
    """Bytes of header and keys of a plain or posting list tuple."""
    if is_posting(t, at):
        return u16(t, at) << 16 | u16(t, at + 2)
    return tuple_size(t, at)


def posting_fits(t, at, size):
    """Whether the parts of the plain or posting list tuple at ``at`` lie in its ``size`` bytes."""
    if is_posting(t, at):
        return key_size(t, at) + (u16(t, at + POSID) & COUNT_MASK) * TID <= size
    return u16(t, at + INFO) & ALT_TID == 0 and tuple_size(t, at) <= size


def items_fit(g):
    """Whether all items of a page lie where items lie."""
    if not is_sound(g):
        return False
    for number in range(1, count_items(g) + 1):  # noqa: SIM110 (a generator is no C loop)
        if not own_item(g, number):
            return False
    return True


def begin(g, old):
    """Keep a page in ``old`` and empty it, special space and LSN apart."""
    copy(old, 0, g, 0, PAGE)
    init(g, OPAQUE_SIZE)
    copy(g, 0, old, 0, 8)
    copy(g, OPAQUE, old, OPAQUE, OPAQUE_SIZE)


def append(g, source, at, size):
    """Add an item behind the others; whether it fits."""
    return add_item(g, count_items(g) + 1, source, at, size, False, False) > 0


def append_from(g, old, number):
    """Add an item of another page behind the others; whether it fits."""
    word = u32(old, FIRST + ITEM * number)
    return append(g, old, word & OFF_MASK, word >> LEN_SHIFT)


# -- splits -----------------------------------------------------------------------------------


def split_left(g, first_right, offnum, on_left, p, new, new_size, key, key_size_, right):
    """The page keeps its left half; False where that cannot be (nothing is changed).

    ``first_right`` is the first item that goes; the new tuple (at ``new`` of ``p``) comes
    to ``offnum`` if it belongs ``on_left``; the high key lies at ``key``.
    """
    if not items_fit(g):
        return False
    first = 1 if u32(g, NEXT) == 0 else 2
    if first_right < first or first_right > count_items(g) + 1:
        return False
    if on_left and (offnum < first or offnum > first_right):
        return False
    old = OLD
    copy(old, 0, g, 0, PAGE)
    level = u32(old, LEVEL)
    init(g, OPAQUE_SIZE)
    put32(g, PREV, u32(old, PREV))
    put32(g, NEXT, right)
    put32(g, LEVEL, level)
    put16(g, FLAGS, INCOMPLETE | LEAF if level == 0 else INCOMPLETE)
    fits = append(g, p, key, key_size_)
    for number in range(first, first_right):
        if on_left and number == offnum:
            fits = fits and append(g, p, new, new_size)
        fits = fits and append_from(g, old, number)
    if on_left and offnum == first_right:
        fits = fits and append(g, p, new, new_size)
    if not fits:
        copy(g, 0, old, 0, PAGE)
    return fits


def restore(g, p, at, size):
    """Put items on an empty page, which lie in ``p`` last one first; whether they fit."""
    places = TUPLE
    end = at + size
    count = 0
    place = at
    while place < end:
        if place + INFO + 2 > end:
            return False
        length = tuple_size(p, place) + 7 & ~7
        if length == 0 or place + length > end or 4 * count + 4 > PAGE:
            return False
        put32(places, 4 * count, place - at)
        count += 1
        place += length
    while count > 0:
        count -= 1
        place = at + u32(places, 4 * count)
        if not append(g, p, place, tuple_size(p, place) + 7 & ~7):
            return False
    return True


# -- posting lists --------------------------------------------------------------------------------


def finish_posting(t, size, count):
    """Give the tuple in ``t`` (keys and ``count`` TIDs) its header; its whole size."""
    info = u16(t, INFO) & ~(SIZE_MASK | ALT_TID)
    if count == 1:
        copy(t, 0, t, size, TID)
        put16(t, INFO, info | size)
        return size
    used = size + count * TID
    total = used + 7 & ~7
    zero(t, used, total - used)
    put16(t, 0, size >> 16)
    put16(t, 2, size & 0xFFFF)
    put16(t, POSID, count | POSTING)
    put16(t, INFO, info | ALT_TID | total)
    return total


def plain_repeats(g, out):
    """Which data items repeat the one before but for its TID, a byte each; how many there are.

    -1 where an item is no plain tuple, or does not lie where items lie.
    """
    if not items_fit(g):
        return -1
    first = 1 if u32(g, NEXT) == 0 else 2
    last = count_items(g)
    before = before_size = 0
    for number in range(first, last + 1):
        word = u32(g, FIRST + ITEM * number)
        at = word & OFF_MASK
        size = word >> LEN_SHIFT
        if size < TID + 2 or u16(g, at + INFO) & ALT_TID != 0:
            return -1
        same = size == before_size
        i = TID
        while same and i < size:
            same = g[at + i] == g[before + i]
            i += 1
        out[number - first] = 1 if same else 0
        before = at
        before_size = size
    return last + 1 - first if last >= first else 0


def merge(g, old, number, run):
    """Add one posting list tuple for ``run`` items of ``old`` from ``number`` on."""
    t = TUPLE
    at = u32(old, FIRST + ITEM * number) & OFF_MASK
    size = key_size(old, at)
    copy(t, 0, old, at, size)
    count = 0
    for other in range(number, number + run):
        at = u32(old, FIRST + ITEM * other) & OFF_MASK
        more = 1
        start = at
        if is_posting(old, at):
            more = u16(old, at + POSID) & COUNT_MASK
            start = at + key_size(old, at)
        if size + (count + more) * TID > SIZE_MASK:
            return False
        copy(t, size + count * TID, old, start, more * TID)
        count += more
    return append(g, t, 0, finish_posting(t, size, count))


def dedup(g, p, at, count):
    """Runs of items become posting list tuples; False where they cannot (nothing is changed).

    ``p`` has ``count`` pairs from ``at`` on: a run's first line pointer, its length.
    """
    if not items_fit(g):
        return False
    last = count_items(g)
    first = 1 if u32(g, NEXT) == 0 else 2
    after = first
    for i in range(count):
        number = u16(p, at + 4 * i)
        run = u16(p, at + 4 * i + 2)
        if number < after or run < 2 or number + run > last + 1:
            return False
        after = number + run
        for other in range(number, after):
            word = u32(g, FIRST + ITEM * other)
            if not posting_fits(g, word & OFF_MASK, word >> LEN_SHIFT):
                return False
    old = OLD
    begin(g, old)
    i = 0
    number = 1
    while number <= last:
        run = 1
        if i < count and u16(p, at + 4 * i) == number:
            run = u16(p, at + 4 * i + 2)
            i += 1
        if not (append_from(g, old, number) if run == 1 else merge(g, old, number, run)):
            copy(g, 0, old, 0, PAGE)
            return False
        number += run
    put16(g, FLAGS, u16(g, FLAGS) & ~GARBAGE)
    return True


def thin(g, number, p, at, count):
    """Take TIDs out of a posting list: ``count`` places (from 0) from ``at`` on; or False."""
    if not own_item(g, number):
        return False
    word = u32(g, FIRST + ITEM * number)
    start = word & OFF_MASK
    if not is_posting(g, start) or not posting_fits(g, start, word >> LEN_SHIFT):
        return False
    t = TUPLE
    size = key_size(g, start)
    copy(t, 0, g, start, size)
    kept = gone = 0
    for place in range(u16(g, start + POSID) & COUNT_MASK):
        if gone < count and u16(p, at + 2 * gone) == place:
            gone += 1
            continue
        copy(t, size + kept * TID, g, start + size + place * TID, TID)
        kept += 1
    if gone != count or kept == 0:
        return False
    return overwrite_item(g, number, t, 0, finish_posting(t, size, kept)) > 0


def insert_posting(g, number, p, at, size, place):
    """A tuple goes behind a posting list into which its TID belongs, at ``place``; or False.

    The list takes the new TID and gives away its highest, which the tuple gets.
    """
    if not own_item(g, number - 1):
        return False
    word = u32(g, FIRST + ITEM * (number - 1))
    start = word & OFF_MASK
    if not is_posting(g, start) or not posting_fits(g, start, word >> LEN_SHIFT):
        return False
    count = u16(g, start + POSID) & COUNT_MASK
    if place <= 0 or place >= count or size < TID or size > PAGE:
        return False
    t = TUPLE
    list_at = start + key_size(g, start)
    copy(t, 0, p, at, size)
    copy(t, 0, g, list_at + (count - 1) * TID, TID)
    if add_item(g, number, t, 0, size, False, False) <= 0:
        return False
    for i in range(count - 1 - place):
        to = list_at + (count - 1 - i) * TID
        copy(g, to, g, to - TID, TID)
    copy(g, list_at + place * TID, p, at, TID)
    return True
