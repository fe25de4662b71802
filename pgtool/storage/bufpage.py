"""The slotted page, changed in place: line pointers and items, whatever their access method.

Pure functions of (page, arguments), shared by writers and redo. ``page`` is a ``bytearray``
of BLCKSZ bytes. The order of items in the tuple space is part of the result: redo must
arrive at the very bytes that the writer made, so every function here moves items exactly as
PostgreSQL's page code does (deleting closes the gap and keeps the order).

Invariants: line pointers end at ``pd_lower``, items begin at ``pd_upper`` and end at
``pd_special``; an item's start is MAXALIGNed. A page that contradicts this raises
:class:`CorruptData`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from formats.derive import offset_of
from formats.errors import CorruptData
from formats.page import (
    PG_PAGE_LAYOUT_VERSION,
    SIZE_OF_PAGE_HEADER,
    ItemIdData,
    LpFlags,
    PageFlags,
    PageHeaderData,
)
from formats.units import BLCKSZ, maxalign

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_THREE = struct.Struct("<3H")
_PAIR = struct.Struct("<2I")

LSN_AT = offset_of(PageHeaderData, "pd_lsn")
CHECKSUM_AT = offset_of(PageHeaderData, "pd_checksum")
FLAGS_AT = offset_of(PageHeaderData, "pd_flags")
LOWER_AT = offset_of(PageHeaderData, "pd_lower")
UPPER_AT = offset_of(PageHeaderData, "pd_upper")
SPECIAL_AT = offset_of(PageHeaderData, "pd_special")
VERSION_AT = offset_of(PageHeaderData, "pd_pagesize_version")
PRUNE_XID_AT = offset_of(PageHeaderData, "pd_prune_xid")
ITEM_ID_SIZE = 4
_OFF_SHIFT, _FLAGS_SHIFT, _LEN_SHIFT = (
    ItemIdData.bits[name][0] for name in ("lp_off", "lp_flags", "lp_len")
)
OFF_MASK = (1 << ItemIdData.bits["lp_off"][1]) - 1
LEN_MASK = (1 << ItemIdData.bits["lp_len"][1]) - 1
FLAGS_MASK = 3
assert (_OFF_SHIFT, _FLAGS_SHIFT, _LEN_SHIFT) == (0, 15, 17)

UNUSED, NORMAL, REDIRECT, DEAD = LpFlags
_HAS_FREE_LINES = int(PageFlags.PD_HAS_FREE_LINES)

Bytes = bytes | bytearray | memoryview


class PageFull(CorruptData):
    """An item does not fit (or may not stand) where it was to be put."""


# -- header -----------------------------------------------------------------------------


def lsn(page: Bytes) -> int:
    """``pd_lsn``."""
    high, low = _PAIR.unpack_from(page, LSN_AT)
    return int(high << 32 | low)


def set_lsn(page: bytearray, value: int) -> None:
    """Set ``pd_lsn``."""
    _PAIR.pack_into(page, LSN_AT, value >> 32, value & 0xFFFFFFFF)


def lower(page: Bytes) -> int:
    """``pd_lower``."""
    return int(_U16.unpack_from(page, LOWER_AT)[0])


def upper(page: Bytes) -> int:
    """``pd_upper``; 0 on a page that was never initialised."""
    return int(_U16.unpack_from(page, UPPER_AT)[0])


def special(page: Bytes) -> int:
    """``pd_special``."""
    return int(_U16.unpack_from(page, SPECIAL_AT)[0])


def flags(page: Bytes) -> int:
    """``pd_flags``."""
    return int(_U16.unpack_from(page, FLAGS_AT)[0])


def set_flags(page: bytearray, on: int = 0, off: int = 0) -> None:
    """Set and clear bits of ``pd_flags``."""
    _U16.pack_into(page, FLAGS_AT, flags(page) & ~off | on)


def set_bounds(page: bytearray, low: int, high: int) -> None:
    """Set ``pd_lower`` and ``pd_upper``."""
    _U16.pack_into(page, LOWER_AT, low)
    _U16.pack_into(page, UPPER_AT, high)


def is_new(page: Bytes) -> bool:
    """Whether the page was never initialised."""
    return upper(page) == 0


def init(page: bytearray, special_size: int = 0) -> None:
    """Make the page empty, with a special space of ``special_size`` bytes, all zero."""
    page[:] = bytes(BLCKSZ)
    end = BLCKSZ - maxalign(special_size)
    _THREE.pack_into(page, LOWER_AT, SIZE_OF_PAGE_HEADER, end, end)
    _U16.pack_into(page, VERSION_AT, BLCKSZ | PG_PAGE_LAYOUT_VERSION)


def bounds(page: Bytes) -> tuple[int, int, int]:
    """(pd_lower, pd_upper, pd_special), checked against each other."""
    low, high, end = _THREE.unpack_from(page, LOWER_AT)
    if not SIZE_OF_PAGE_HEADER <= low <= high <= end <= BLCKSZ:
        raise CorruptData(
            f"corrupted page pointers: lower = {low}, upper = {high}, special = {end}",
            field="pd_lower",
        )
    return low, high, end


def free_space(page: Bytes) -> int:
    """Bytes that one more item may take, its line pointer already subtracted."""
    low, high = lower(page), upper(page)
    return max(0, high - low - ITEM_ID_SIZE)


def exact_free_space(page: Bytes) -> int:
    """Bytes between line pointers and items."""
    return max(0, upper(page) - lower(page))


# -- line pointers ------------------------------------------------------------------------


def max_offset(page: Bytes) -> int:
    """The number of line pointers."""
    low = lower(page)
    return (low - SIZE_OF_PAGE_HEADER) // ITEM_ID_SIZE if low > SIZE_OF_PAGE_HEADER else 0


def pointer_at(offnum: int) -> int:
    """Where line pointer ``offnum`` lies."""
    return SIZE_OF_PAGE_HEADER + ITEM_ID_SIZE * (offnum - 1)


def pointer(page: Bytes, offnum: int) -> tuple[int, int, int]:
    """(offset, flags, length) of a line pointer that must exist."""
    if not 1 <= offnum <= max_offset(page):
        raise CorruptData(f"there is no line pointer {offnum}")
    word = _U32.unpack_from(page, pointer_at(offnum))[0]
    return word & OFF_MASK, word >> 15 & FLAGS_MASK, word >> 17


def set_pointer(page: bytearray, offnum: int, offset: int, state: int, length: int) -> None:
    """Overwrite a line pointer."""
    _U32.pack_into(page, pointer_at(offnum), offset | state << 15 | length << 17)


def pointers(page: Bytes) -> list[int]:
    """All line pointers as words."""
    n = max_offset(page)
    return list(struct.unpack_from(f"<{n}I", page, SIZE_OF_PAGE_HEADER))


def _put_pointers(page: bytearray, words: Sequence[int], first: int = 1) -> None:
    struct.pack_into(f"<{len(words)}I", page, pointer_at(first), *words)


def item(page: Bytes, offnum: int) -> memoryview:
    """The bytes of an item, checked to lie in the tuple space."""
    offset, _state, length = pointer(page, offnum)
    if offset < upper(page) or offset + length > special(page) or not length:
        raise CorruptData(f"item {offnum} does not lie on its page", offset=offset)
    return memoryview(page)[offset : offset + length]


# -- adding -------------------------------------------------------------------------------


def add_item(
    page: bytearray, data: Bytes, offnum: int = 0, *, overwrite: bool = False, heap: bool = False
) -> int:
    """Put an item on the page and return its offset number.

    Without ``offnum`` a free line pointer is used (where the page has some), else a new
    one. With it, items from there on move up; ``overwrite`` uses an unused line pointer as
    it stands instead.
    """
    low, high, _end = bounds(page)
    limit = max_offset(page) + 1
    shuffle = False
    if offnum:
        if overwrite:
            if offnum < limit and _U32.unpack_from(page, pointer_at(offnum))[0] != 0:
                raise PageFull(f"will not overwrite a used line pointer {offnum}")
        else:
            shuffle = offnum < limit
    else:
        offnum = _free_pointer(page, limit, heap)
    if offnum > limit:
        raise PageFull(f"specified item offset {offnum} is too large")
    size = maxalign(len(data))
    new_low = low + ITEM_ID_SIZE if offnum == limit or shuffle else low
    new_high = high - size
    if new_low > new_high:
        raise PageFull(f"an item of {len(data)} bytes does not fit")
    at = pointer_at(offnum)
    if shuffle:
        page[at + ITEM_ID_SIZE : new_low] = page[at:low]
    _U32.pack_into(page, at, new_high | NORMAL << 15 | len(data) << 17)
    page[new_high : new_high + len(data)] = data
    set_bounds(page, new_low, new_high)
    return offnum


def _free_pointer(page: bytearray, limit: int, heap: bool) -> int:
    """A line pointer to be used again, or the next new one; clears a wrong hint."""
    state = flags(page)
    if not state & _HAS_FREE_LINES:
        return limit
    for number, word in enumerate(pointers(page), 1):
        if word >> 15 & FLAGS_MASK == UNUSED and not word >> 17:
            return number
    set_flags(page, off=_HAS_FREE_LINES)
    return limit


# -- taking away and replacing -----------------------------------------------------------


def delete_item(page: bytearray, offnum: int) -> None:
    """Remove an item and its line pointer; what follows moves down."""
    low, high, end = bounds(page)
    offset, _state, length = pointer(page, offnum)
    size = maxalign(length)
    if offset < high or offset + size > end or offset != maxalign(offset):
        raise CorruptData(f"corrupted line pointer: offset = {offset}, size = {length}")
    at = pointer_at(offnum)
    page[at : low - ITEM_ID_SIZE] = page[at + ITEM_ID_SIZE : low]
    page[high + size : offset + size] = page[high:offset]
    set_bounds(page, low - ITEM_ID_SIZE, high + size)
    words = [word + size if word & OFF_MASK <= offset else word for word in pointers(page)]
    _put_pointers(page, words)


def delete_items(page: bytearray, offnums: Sequence[int]) -> None:
    """Remove several items, given in ascending order; what is left is packed."""
    if len(offnums) <= 2:
        for offnum in reversed(offnums):
            delete_item(page, offnum)
        return
    bounds(page)
    gone = set(offnums)
    words = pointers(page)
    kept = [word for number, word in enumerate(words, 1) if number not in gone]
    if len(kept) + len(offnums) != len(words):
        raise CorruptData("incorrect index offsets supplied")
    low = pointer_at(len(kept) + 1)
    compact(page, kept, low)


def compact(page: bytearray, words: Sequence[int], low: int) -> None:
    """Pack the items of these line pointers against the special space, in their order."""
    _low, high, end = bounds(page)
    order = sorted(range(len(words)), key=lambda i: words[i] & OFF_MASK, reverse=True)
    out = list(words)
    parts: list[bytes] = []
    at = last = end
    for i in order:
        word = words[i]
        offset, length = word & OFF_MASK, word >> 17
        if not length:
            continue
        size = maxalign(length)
        if offset < high or offset + size > last or offset != maxalign(offset):
            raise CorruptData(f"corrupted line pointer: offset = {offset}, size = {length}")
        last = offset
        at -= size
        parts.append(bytes(page[offset : offset + size]))
        out[i] = word & ~OFF_MASK | at
    page[at:end] = b"".join(reversed(parts))
    _put_pointers(page, out)
    set_bounds(page, low, at)


def delete_item_no_compact(page: bytearray, offnum: int) -> None:
    """Remove an item but keep the numbers of the others: its line pointer becomes unused."""
    low, high, end = bounds(page)
    offset, _state, length = pointer(page, offnum)
    size = maxalign(length)
    if offset < high or offset + size > end or offset != maxalign(offset):
        raise CorruptData(f"corrupted line pointer: offset = {offset}, size = {length}")
    if offnum < max_offset(page):
        set_pointer(page, offnum, 0, UNUSED, 0)
        set_flags(page, on=_HAS_FREE_LINES)
    else:
        low -= ITEM_ID_SIZE
    page[high + size : offset + size] = page[high:offset]
    set_bounds(page, low, high + size)
    words = pointers(page)
    moved = [
        word + size if word >> 17 and word & OFF_MASK <= offset else word for word in words
    ]
    _put_pointers(page, moved)


def overwrite_item(page: bytearray, offnum: int, data: Bytes) -> None:
    """Replace an item's bytes; the items before it in the tuple space make room."""
    low, high, end = bounds(page)
    offset, state, length = pointer(page, offnum)
    old, new = maxalign(length), maxalign(len(data))
    if offset < high or offset + old > end or offset != maxalign(offset):
        raise CorruptData(f"corrupted line pointer: offset = {offset}, size = {length}")
    if new > old + (high - low):
        raise PageFull(f"an item of {len(data)} bytes does not fit")
    change = old - new
    if change:
        page[high + change : offset + change] = page[high:offset]
        set_bounds(page, low, high + change)
        words = pointers(page)
        _put_pointers(
            page,
            [w + change if w >> 17 and w & OFF_MASK <= offset else w for w in words],
        )
    at = _U32.unpack_from(page, pointer_at(offnum))[0] & OFF_MASK
    set_pointer(page, offnum, at, state, len(data))
    page[at : at + len(data)] = data


def add_all(page: bytearray, items: Iterable[Bytes], first: int = 0) -> None:
    """Append items, from line pointer ``first`` on where it is given."""
    for data in items:
        add_item(page, data, first)
        first += 1 if first else 0
