# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
# cython: cdivision=True, initializedcheck=False
"""Page edits that are called for every row or record, compiled where possible.

:mod:`pgtool.storage.page` (and so whoever writes) and the compiled replay call the same
functions. ``g`` is a page: a bytearray, a pointer to its bytes where this is compiled.

Invariant: a function that cannot do its work because the page is not sound says so by its
result and leaves the page as it was; what exactly is wrong, its callers find out in Python.

A hot loop: ``pageedit.pxd`` gives the C types.
"""

from __future__ import annotations

from formats.derive import offset_of, sizeof
from formats.fsm import FP_NODES as _FP_NODES
from formats.fsm import NODES_PER_PAGE, NON_LEAF_NODES_PER_PAGE
from formats.itup import INDEX_SIZE_MASK, IndexTupleData
from formats.page import (
    PG_PAGE_LAYOUT_VERSION,
    SIZE_OF_PAGE_HEADER,
    ItemIdData,
    LpFlags,
    PageFlags,
    PageHeaderData,
)
from formats.units import BLCKSZ, maxalign

try:
    import cython

    COMPILED = cython.compiled
except ImportError:
    COMPILED = False

PAGE = BLCKSZ
HEADER, ITEM = SIZE_OF_PAGE_HEADER, ItemIdData.sizeof()
FIRST = HEADER - ITEM
LSN_AT, FLAGS_AT, LOWER_AT, UPPER_AT, SPECIAL_AT, VERSION_AT, PRUNE_AT = (
    offset_of(PageHeaderData, name) for name in (
        "pd_lsn", "pd_flags", "pd_lower", "pd_upper", "pd_special", "pd_pagesize_version",
        "pd_prune_xid",
    )
)  # fmt: skip
FLAG_SHIFT, LEN_SHIFT = ItemIdData.bits["lp_flags"][0], ItemIdData.bits["lp_len"][0]
OFF_MASK = (1 << ItemIdData.bits["lp_off"][1]) - 1
FLAG_BITS = ((1 << ItemIdData.bits["lp_flags"][1]) - 1) << FLAG_SHIFT
NORMAL = int(LpFlags.LP_NORMAL) << FLAG_SHIFT
HAS_FREE_LINES = int(PageFlags.PD_HAS_FREE_LINES)
VERSION = BLCKSZ | PG_PAGE_LAYOUT_VERSION
#: The smallest heap tuple is its header; so many fit, and no more line pointers are made.
MAX_HEAP_TUPLES = (BLCKSZ - HEADER) // (maxalign(23) + ITEM)
FP_NODES, NODES, INNER = _FP_NODES, NODES_PER_PAGE, NON_LEAF_NODES_PER_PAGE
INFO, SIZE_MASK, TUPLE_HEADER = (
    offset_of(IndexTupleData, "t_info"), int(INDEX_SIZE_MASK), sizeof(IndexTupleData),
)  # fmt: skip
LOW_HALF = 0xFFFFFFFF  # a variable: Cython takes so large a literal for an object
SPARE = bytearray(BLCKSZ)


# -- numbers and moves ----------------------------------------------------------------------


def u16(g, at):  # type: ignore[no-untyped-def]
    """Two bytes as an unsigned number."""
    return g[at] | g[at + 1] << 8


def u32(g, at):  # type: ignore[no-untyped-def]
    """Four bytes as an unsigned number."""
    return g[at] | g[at + 1] << 8 | g[at + 2] << 16 | g[at + 3] << 24


def put16(g, at, value):  # type: ignore[no-untyped-def]
    """Write two bytes."""
    g[at] = value & 0xFF
    g[at + 1] = value >> 8 & 0xFF


def put32(g, at, value):  # type: ignore[no-untyped-def]
    """Write four bytes."""
    g[at] = value & 0xFF
    g[at + 1] = value >> 8 & 0xFF
    g[at + 2] = value >> 16 & 0xFF
    g[at + 3] = value >> 24 & 0xFF


def copy(g, to, source, at, size):  # type: ignore[no-untyped-def]
    """Bytes of another buffer."""
    if COMPILED:
        memcpy(g + to, source + at, size)  # type: ignore  # noqa
    else:
        g[to : to + size] = source[at : at + size]


def move(g, to, at, size):  # type: ignore[no-untyped-def]
    """Bytes of the same page, which may overlap."""
    if COMPILED:
        memmove(g + to, g + at, size)  # type: ignore  # noqa
    else:
        g[to : to + size] = g[at : at + size]


def zero(g, at, size):  # type: ignore[no-untyped-def]
    """Zero bytes."""
    if COMPILED:
        memset(g + at, 0, size)  # type: ignore  # noqa
    else:
        g[at : at + size] = bytes(size)


# -- header -----------------------------------------------------------------------------------


def lsn(g):  # type: ignore[no-untyped-def]
    """``pd_lsn``."""
    high = u32(g, LSN_AT)
    low = u32(g, LSN_AT + 4)
    return high << 32 | low


def set_lsn(g, value):  # type: ignore[no-untyped-def]
    """Set ``pd_lsn``."""
    put32(g, LSN_AT, value >> 32)
    put32(g, LSN_AT + 4, value & LOW_HALF)


def is_new(g):  # type: ignore[no-untyped-def]
    """Whether the page was never initialised."""
    return u16(g, UPPER_AT) == 0


def init(g, special_size):  # type: ignore[no-untyped-def]
    """Make the page an empty one with that much special space (zeroed)."""
    zero(g, 0, PAGE)
    special = PAGE - (special_size + 7 & ~7)
    put16(g, LOWER_AT, HEADER)
    put16(g, UPPER_AT, special)
    put16(g, SPECIAL_AT, special)
    put16(g, VERSION_AT, VERSION)


def is_sound(g):  # type: ignore[no-untyped-def]
    """Whether line pointers, free space, items and special space follow one another."""
    lower = u16(g, LOWER_AT)
    upper = u16(g, UPPER_AT)
    special = u16(g, SPECIAL_AT)
    if lower < HEADER or lower > upper or upper > special or special > PAGE:
        return False
    return special & 7 == 0


def count_items(g):  # type: ignore[no-untyped-def]
    """The number of line pointers."""
    lower = u16(g, LOWER_AT)
    return (lower - HEADER) >> 2 if lower > HEADER else 0


def normal_item(g, number):  # type: ignore[no-untyped-def]
    """Where the item of a line pointer in state LP_NORMAL begins; 0 where it is in another."""
    if number <= 0 or number > count_items(g):
        return 0
    word = u32(g, FIRST + ITEM * number)
    return word & OFF_MASK if word & FLAG_BITS == NORMAL else 0


def item_length(g, number):  # type: ignore[no-untyped-def]
    """The length in a line pointer that exists."""
    return u32(g, FIRST + ITEM * number) >> LEN_SHIFT


def set_flag(g, flag, on):  # type: ignore[no-untyped-def]
    """Set or clear bits of ``pd_flags``."""
    old = u16(g, FLAGS_AT)
    put16(g, FLAGS_AT, old | flag if on else old & ~flag)


# -- items ------------------------------------------------------------------------------------


def first_free(g, count):  # type: ignore[no-untyped-def]
    """The first line pointer that can be reused, 0 if none."""
    for number in range(1, count + 1):
        word = u32(g, FIRST + ITEM * number)
        if not word & FLAG_BITS and not word >> LEN_SHIFT:
            return number
    return 0


def add_item(g, number, source, at, size, overwrite, heap):  # type: ignore[no-untyped-def]
    """Put an item on the page; its line pointer, 0 where it cannot, -1 on an unsound page.

    The item is ``size`` bytes of ``source`` from ``at`` on. See
    :func:`pgtool.storage.page.add_item` for the rest.
    """
    if not is_sound(g):
        return -1
    lower = u16(g, LOWER_AT)
    upper = u16(g, UPPER_AT)
    count = (lower - HEADER) >> 2
    shuffle = False
    if number:
        if number <= count:
            shuffle = not overwrite
            if overwrite:
                word = u32(g, FIRST + ITEM * number)
                if word & FLAG_BITS or word >> LEN_SHIFT:
                    return 0
    else:
        if u16(g, FLAGS_AT) & HAS_FREE_LINES:
            number = first_free(g, count)
            if not number:
                set_flag(g, HAS_FREE_LINES, False)
        if not number:
            number = count + 1
    if number > count + 1 or (heap and number > MAX_HEAP_TUPLES):
        return 0
    if number > count or shuffle:
        lower += ITEM
    upper -= size + 7 & ~7
    if lower > upper:
        return 0
    place = FIRST + ITEM * number
    if shuffle:
        move(g, place + ITEM, place, lower - ITEM - place)
    put32(g, place, upper | NORMAL | size << LEN_SHIFT)
    copy(g, upper, source, at, size)
    put16(g, LOWER_AT, lower)
    put16(g, UPPER_AT, upper)
    return number


def free_space(g):  # type: ignore[no-untyped-def]
    """Bytes left for an item after its line pointer."""
    lower = u16(g, LOWER_AT)
    space = u16(g, UPPER_AT) - lower - ITEM
    return space if space > 0 else 0


def heap_free_space(g):  # type: ignore[no-untyped-def]
    """Bytes left for a tuple after its line pointer; 0 where there may be no more of those."""
    space = free_space(g)
    count = count_items(g)
    if count >= MAX_HEAP_TUPLES and not (
        u16(g, FLAGS_AT) & HAS_FREE_LINES and first_free(g, count)
    ):
        return 0
    return space


def close_gaps(g, truncate):  # type: ignore[no-untyped-def]
    """Lay a heap page's items end to end in line pointer order; False on an unsound page.

    Unused line pointers are cleared and, with ``truncate``, taken off the end.
    """
    if not is_sound(g):
        return False
    lower = u16(g, LOWER_AT)
    upper = u16(g, UPPER_AT)
    special = u16(g, SPECIAL_AT)
    count = (lower - HEADER) >> 2
    total = last_used = 0
    for number in range(1, count + 1):
        word = u32(g, FIRST + ITEM * number)
        if word & FLAG_BITS:
            last_used = number
            size = word >> LEN_SHIFT
            offset = word & OFF_MASK
            if size:
                if offset < upper or offset + size > special or offset & 7:
                    return False
                total += size + 7 & ~7
    if total > special - lower:
        return False
    old = SPARE
    copy(old, 0, g, 0, PAGE)
    top = special
    free = False
    for number in range(1, count + 1):
        place = FIRST + ITEM * number
        word = u32(g, place)
        if not word & FLAG_BITS:
            put32(g, place, 0)
            free = free or number < last_used or not truncate
            continue
        size = (word >> LEN_SHIFT) + 7 & ~7
        if size:
            top -= size
            copy(g, top, old, word & OFF_MASK, size)
            put32(g, place, word & ~OFF_MASK | top)
    put16(g, UPPER_AT, top)
    if truncate and last_used != count:
        put16(g, LOWER_AT, HEADER + ITEM * last_used)
    set_flag(g, HAS_FREE_LINES, free)
    return True


def drop_unused_end(g):  # type: ignore[no-untyped-def]
    """Take unused line pointers off the end (one always stays); note whether any is left."""
    last = count_items(g)
    while last > 1 and not u32(g, FIRST + ITEM * last) & FLAG_BITS:
        last -= 1
    put16(g, LOWER_AT, HEADER + ITEM * last)
    free = False
    for number in range(1, last + 1):
        if not u32(g, FIRST + ITEM * number) & FLAG_BITS:
            free = True
    set_flag(g, HAS_FREE_LINES, free)


# -- items of indexes -------------------------------------------------------------------------


def own_item(g, number):  # type: ignore[no-untyped-def]
    """Whether the page is sound and has an item of that number, which lies where items lie."""
    if not is_sound(g) or number <= 0 or number > count_items(g):
        return False
    word = u32(g, FIRST + ITEM * number)
    offset = word & OFF_MASK
    if offset < u16(g, UPPER_AT) or offset & 7:
        return False
    return offset + (word >> LEN_SHIFT) <= u16(g, SPECIAL_AT)


def shift_items(g, offset, size):  # type: ignore[no-untyped-def]
    """Move ``pd_upper`` and the items below ``offset`` up by ``size`` (or down)."""
    upper = u16(g, UPPER_AT)
    if offset > upper:
        move(g, upper + size, upper, offset - upper)
    put16(g, UPPER_AT, upper + size)
    for number in range(1, count_items(g) + 1):
        place = FIRST + ITEM * number
        word = u32(g, place)
        if word >> LEN_SHIFT and word & OFF_MASK <= offset:
            put32(g, place, word + size)


def delete_item(g, number):  # type: ignore[no-untyped-def]
    """Remove an item and its line pointer; False where there is none such."""
    if not own_item(g, number):
        return False
    lower = u16(g, LOWER_AT)
    place = FIRST + ITEM * number
    word = u32(g, place)
    move(g, place, place + ITEM, lower - ITEM - place)
    put16(g, LOWER_AT, lower - ITEM)
    shift_items(g, word & OFF_MASK, (word >> LEN_SHIFT) + 7 & ~7)
    return True


def delete_items(g, p, at, count):  # type: ignore[no-untyped-def]
    """Remove items, their line pointers too; False where that cannot be done (nothing is).

    Their numbers, ascending, stand in ``p`` from ``at`` on, two bytes each. One or two are
    taken out singly: what lies where must come out as PostgreSQL does it.
    """
    last = count_items(g)
    before = 0
    for i in range(count):
        number = u16(p, at + 2 * i)
        if number <= before or not own_item(g, number):
            return False
        before = number
    if count <= 2:
        for i in range(count):
            delete_item(g, u16(p, at + 2 * (count - 1 - i)))
        return True
    for number in range(1, last + 1):
        if not own_item(g, number):
            return False
    old = SPARE
    copy(old, 0, g, 0, PAGE)
    top = u16(g, SPECIAL_AT)
    kept = 0
    i = 0
    for number in range(1, last + 1):
        if i < count and u16(p, at + 2 * i) == number:
            i += 1
            continue
        kept += 1
        word = u32(old, FIRST + ITEM * number)
        size = (word >> LEN_SHIFT) + 7 & ~7
        top -= size
        copy(g, top, old, word & OFF_MASK, size)
        put32(g, FIRST + ITEM * kept, word & ~OFF_MASK | top)
    put16(g, LOWER_AT, HEADER + ITEM * kept)
    put16(g, UPPER_AT, top)
    return True


def overwrite_item(g, number, source, at, size):  # type: ignore[no-untyped-def]
    """Put an item in another's place; 0 where it does not fit, -1 where there is none such."""
    if not own_item(g, number):
        return -1
    place = FIRST + ITEM * number
    word = u32(g, place)
    old_size = (word >> LEN_SHIFT) + 7 & ~7
    new_size = size + 7 & ~7
    if new_size > old_size + u16(g, UPPER_AT) - u16(g, LOWER_AT):
        return 0
    if old_size != new_size:
        shift_items(g, word & OFF_MASK, old_size - new_size)
        word = u32(g, place)
    put32(g, place, word & (OFF_MASK | FLAG_BITS) | size << LEN_SHIFT)
    copy(g, word & OFF_MASK, source, at, size)
    return 1


def add_tuples(g, number, p, at, end, count):  # type: ignore[no-untyped-def]
    """Add index tuples that follow one another in ``p``; whether they fit.

    ``count`` of them, -1 for all up to ``end``; the first gets line pointer ``number``.
    """
    while at < end and count != 0:
        if at + TUPLE_HEADER > end:
            return False
        size = u16(p, at + INFO) & SIZE_MASK
        if size < TUPLE_HEADER or at + size > end:
            return False
        if add_item(g, number, p, at, size, False, False) <= 0:
            return False
        number += 1
        at += size
        count -= 1
    return count <= 0


# -- the free space map -------------------------------------------------------------------------


def best_child(g, node):  # type: ignore[no-untyped-def]
    """The better of a node's children on a page of the free space map."""
    left = 2 * node + 1
    if left >= NODES:
        return 0
    best = g[FP_NODES + left]
    if left + 1 < NODES and g[FP_NODES + left + 1] > best:
        best = g[FP_NODES + left + 1]
    return best


def rebuild(g):  # type: ignore[no-untyped-def]
    """Make every upper node the maximum of its children; whether anything changed."""
    changed = False
    node = INNER - 1
    while node >= 0:
        best = best_child(g, node)
        if g[FP_NODES + node] != best:
            g[FP_NODES + node] = best
            changed = True
        node -= 1
    return changed


def set_category(g, slot, category):  # type: ignore[no-untyped-def]
    """Note a slot's category and its parents' maxima; whether anything changed."""
    node = INNER + slot
    if g[FP_NODES + node] == category and category <= g[FP_NODES]:
        return False
    g[FP_NODES + node] = category
    while node:
        node = (node - 1) >> 1
        best = best_child(g, node)
        if g[FP_NODES + node] == best:
            break
        g[FP_NODES + node] = best
    if category > g[FP_NODES]:
        rebuild(g)
    return True
