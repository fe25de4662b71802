"""Changes to a page: line pointers and the items behind them, free space, header fields.

Pure functions of a ``bytearray`` of one page, shared by every access method that keeps
items behind line pointers (heap, B-tree, hash, GiST, SP-GiST, BRIN), by the writer and by
redo. Line pointers grow up from the header to ``pd_lower``, items grow down from the
special space to ``pd_upper``; an item begins MAXALIGNed. Offset numbers count from 1.

Invariant: a function either changes the page wholly or raises :class:`CorruptData` and
leaves it as it was. Where items move, they come to lie in line pointer order, the first
one highest, as PostgreSQL lays them: a page that redo makes equals the one that was logged.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from formats.derive import offset_of
from formats.page import (
    PG_PAGE_LAYOUT_VERSION,
    SIZE_OF_PAGE_HEADER,
    ItemIdData,
    LpFlags,
    PageFlags,
    PageHeaderData,
)
from formats.units import BLCKSZ, maxalign
from pgtool.errors import CorruptData
from pgtool.storage import pageedit

__all__ = [
    "MAX_HEAP_TUPLES_PER_PAGE", "SIZE_OF_ITEM_ID", "ItemId", "add_item", "bounds",
    "exact_free_space", "flags", "free_space", "heap_free_space", "index_multi_delete",
    "index_tuple_delete", "index_tuple_delete_no_compact", "index_tuple_overwrite", "init",
    "is_empty", "is_new", "item", "item_id", "item_ids", "item_words", "lsn", "max_offset",
    "normal_item", "place_item", "prune_xid", "put_item_words", "repair_fragmentation",
    "set_bounds", "set_dead", "set_flag", "set_item_id", "set_lsn", "set_prune_xid",
    "set_redirect", "set_unused", "truncate_line_pointers",
]  # fmt: skip

SIZE_OF_ITEM_ID = 4
_LSN = offset_of(PageHeaderData, "pd_lsn")
_FLAGS = offset_of(PageHeaderData, "pd_flags")
_LOWER = offset_of(PageHeaderData, "pd_lower")
_UPPER = offset_of(PageHeaderData, "pd_upper")
_SPECIAL = offset_of(PageHeaderData, "pd_special")
_VERSION = offset_of(PageHeaderData, "pd_pagesize_version")
_PRUNE_XID = offset_of(PageHeaderData, "pd_prune_xid")
assert (_UPPER - _LOWER, _SPECIAL - _UPPER) == (2, 2)

_U16, _U32, _TWO_U32, _BOUNDS, _LOWER_UPPER = (
    struct.Struct(code) for code in ("<H", "<I", "<II", "<HHH", "<HH")
)
_get_bounds, _get_u32 = _BOUNDS.unpack_from, _U32.unpack_from
_FLAG_SHIFT, _FLAG_WIDTH = ItemIdData.bits["lp_flags"]
_LEN_SHIFT, _LEN_WIDTH = ItemIdData.bits["lp_len"]
_OFF_MASK = (1 << ItemIdData.bits["lp_off"][1]) - 1
_FLAG_MASK = (1 << _FLAG_WIDTH) - 1
_FLAG_BITS = _FLAG_MASK << _FLAG_SHIFT
_NORMAL = LpFlags.LP_NORMAL << _FLAG_SHIFT
_FIRST = SIZE_OF_PAGE_HEADER - SIZE_OF_ITEM_ID
_HAS_FREE_LINES = int(PageFlags.PD_HAS_FREE_LINES)

#: The smallest heap tuple is its header; so many fit, and no more line pointers are made.
MAX_HEAP_TUPLES_PER_PAGE = (BLCKSZ - SIZE_OF_PAGE_HEADER) // (maxalign(23) + SIZE_OF_ITEM_ID)

Page = Any


class ItemId(NamedTuple):
    """A line pointer: state, offset of the item (or redirect target), its length."""

    flags: int
    offset: int
    length: int


# -- header -------------------------------------------------------------------------------


def init(page: bytearray, special_size: int = 0) -> None:
    """Make the page an empty one with that much special space (zeroed)."""
    page[:] = bytes(BLCKSZ)
    special = BLCKSZ - maxalign(special_size)
    _BOUNDS.pack_into(page, _LOWER, SIZE_OF_PAGE_HEADER, special, special)
    _U16.pack_into(page, _VERSION, BLCKSZ | PG_PAGE_LAYOUT_VERSION)


def is_new(page: Page) -> bool:
    """Whether the page was never initialised (``pd_upper`` is zero)."""
    return page[_UPPER] == 0 and page[_UPPER + 1] == 0


def is_empty(page: Page) -> bool:
    """Whether there is no line pointer."""
    return int(_U16.unpack_from(page, _LOWER)[0]) <= SIZE_OF_PAGE_HEADER


def lsn(page: Page) -> int:
    """``pd_lsn``."""
    high, low = _TWO_U32.unpack_from(page, _LSN)
    return int(high << 32 | low)


def set_lsn(page: bytearray, value: int) -> None:
    """Set ``pd_lsn``."""
    _TWO_U32.pack_into(page, _LSN, value >> 32, value & 0xFFFFFFFF)


def flags(page: Page) -> int:
    """``pd_flags``."""
    return int(_U16.unpack_from(page, _FLAGS)[0])


def set_flag(page: bytearray, flag: int, on: bool = True) -> None:
    """Set or clear bits of ``pd_flags``."""
    old = flags(page)
    _U16.pack_into(page, _FLAGS, old | flag if on else old & ~flag)


def prune_xid(page: Page) -> int:
    """``pd_prune_xid``."""
    return int(_get_u32(page, _PRUNE_XID)[0])


def set_prune_xid(page: bytearray, xid: int) -> None:
    """Set ``pd_prune_xid``."""
    _U32.pack_into(page, _PRUNE_XID, xid)


def bounds(page: Page) -> tuple[int, int, int]:
    """(pd_lower, pd_upper, pd_special)."""
    lower, upper, special = _get_bounds(page, _LOWER)
    return lower, upper, special


def set_bounds(page: bytearray, lower: int, upper: int) -> None:
    """Set ``pd_lower`` and ``pd_upper``."""
    _LOWER_UPPER.pack_into(page, _LOWER, lower, upper)


def _sound_bounds(page: Page) -> tuple[int, int, int]:
    lower, upper, special = _get_bounds(page, _LOWER)
    if not SIZE_OF_PAGE_HEADER <= lower <= upper <= special <= BLCKSZ or special & 7:
        raise CorruptData(
            f"corrupted page pointers: lower = {lower}, upper = {upper}, special = {special}",
            offset=_LOWER, field="pd_lower",
        )  # fmt: skip
    return lower, upper, special


# -- line pointers ------------------------------------------------------------------------


def max_offset(page: Page) -> int:
    """The number of line pointers."""
    count = (page[_LOWER] + (page[_LOWER + 1] << 8) - SIZE_OF_PAGE_HEADER) >> 2
    return int(count) if count > 0 else 0


def item_id(page: Page, number: int) -> ItemId:
    """A line pointer."""
    word = _get_u32(page, _FIRST + SIZE_OF_ITEM_ID * number)[0]
    return ItemId(word >> _FLAG_SHIFT & _FLAG_MASK, word & _OFF_MASK, word >> _LEN_SHIFT)


def item_ids(page: Page) -> list[ItemId]:
    """Every line pointer; the first is number 1."""
    return [
        ItemId(word >> _FLAG_SHIFT & _FLAG_MASK, word & _OFF_MASK, word >> _LEN_SHIFT)
        for word in _words(page, max_offset(page))
    ]


def _words(page: Page, count: int) -> tuple[int, ...]:
    return struct.unpack_from(f"<{count}I", page, SIZE_OF_PAGE_HEADER)


def item_words(page: Page) -> tuple[int, ...]:
    """The words of all line pointers, as they lie."""
    return _words(page, max_offset(page))


def put_item_words(page: bytearray, words: Sequence[int]) -> None:
    """Write the words of all line pointers, as many as there are."""
    struct.pack_into(f"<{len(words)}I", page, SIZE_OF_PAGE_HEADER, *words)


def item_places(page: Page) -> list[tuple[int, int]]:
    """(offset, length) of every line pointer's item."""
    return [(word & _OFF_MASK, word >> _LEN_SHIFT) for word in _words(page, max_offset(page))]


def item(page: Page, number: int) -> bytes:
    """The bytes of an item."""
    word = _get_u32(page, _FIRST + SIZE_OF_ITEM_ID * number)[0]
    offset = word & _OFF_MASK
    return bytes(page[offset : offset + (word >> _LEN_SHIFT)])


def normal_item(page: Page, number: int) -> int:
    """Where the item of a line pointer in state LP_NORMAL begins; 0 where it is in another."""
    if not 0 < number <= max_offset(page):
        return 0
    word = int(_get_u32(page, _FIRST + SIZE_OF_ITEM_ID * number)[0])
    return word & _OFF_MASK if word & _FLAG_BITS == _NORMAL else 0


def normal_offset(word: int) -> int:
    """Where the item of a line pointer's word begins; 0 where it is not in state LP_NORMAL."""
    return word & _OFF_MASK if word & _FLAG_BITS == _NORMAL else 0


def redirect_word(target: int) -> int:
    """The word of a line pointer that leads to another one."""
    return target | LpFlags.LP_REDIRECT << _FLAG_SHIFT


def set_item_id(page: bytearray, number: int, state: int, offset: int, length: int) -> None:
    """Write a line pointer."""
    word = offset | state << _FLAG_SHIFT | length << _LEN_SHIFT
    _U32.pack_into(page, _FIRST + SIZE_OF_ITEM_ID * number, word)


def set_unused(page: bytearray, number: int) -> None:
    """Make a line pointer free for reuse."""
    set_item_id(page, number, LpFlags.LP_UNUSED, 0, 0)


def set_dead(page: bytearray, number: int) -> None:
    """Make a line pointer dead, without an item."""
    set_item_id(page, number, LpFlags.LP_DEAD, 0, 0)


def set_redirect(page: bytearray, number: int, target: int) -> None:
    """Make a line pointer lead to another one."""
    set_item_id(page, number, LpFlags.LP_REDIRECT, target, 0)


#: A dead line pointer without an item.
DEAD_WORD = int(LpFlags.LP_DEAD) << _FLAG_SHIFT


# -- free space ---------------------------------------------------------------------------


def exact_free_space(page: Page) -> int:
    """Bytes between line pointers and items."""
    lower, upper, _special = _get_bounds(page, _LOWER)
    return max(upper - lower, 0)


def free_space(page: Page, items: int = 1) -> int:
    """Bytes left for items after so many new line pointers."""
    return max(exact_free_space(page) - items * SIZE_OF_ITEM_ID, 0)


def heap_free_space(page: Page) -> int:
    """:func:`free_space` of a heap page, where line pointers are limited in number too."""
    return int(pageedit.heap_free_space(page))


# -- adding and moving items --------------------------------------------------------------


def _first_free(page: Page, count: int) -> int:
    """The first line pointer that can be reused, 0 if none."""
    for number, word in enumerate(_words(page, count), 1):
        if not word & _FLAG_BITS and not word >> _LEN_SHIFT:
            return number
    return 0


def place_item(page: Page, number: int = 0, *, heap: bool = False) -> int:
    """The line pointer that :func:`add_item` would use for a new item of no given number."""
    count = max_offset(page)
    if not number and flags(page) & _HAS_FREE_LINES:
        number = _first_free(page, count)
    number = number or count + 1
    return 0 if heap and number > MAX_HEAP_TUPLES_PER_PAGE else number


def add_item(
    page: bytearray, data: bytes | bytearray | memoryview, number: int = 0, *,
    overwrite: bool = False, heap: bool = False,
) -> int:  # fmt: skip
    """Put an item on the page; its line pointer's number, 0 where it does not fit.

    Without a ``number`` a free line pointer is reused, or one is added. With one, later
    line pointers move up, unless ``overwrite`` says that this very one is free. ``heap``
    enforces the limit on line pointers.
    """
    if not isinstance(data, (bytes, bytearray)):
        data = bytes(data)
    found = pageedit.add_item(page, number, data, 0, len(data), overwrite, heap)
    if found < 0:
        _sound_bounds(page)  # says what is wrong
    return max(int(found), 0)


def _checked_item(number: int, word: int, upper: int, special: int) -> tuple[int, int]:
    """(offset, aligned length) of an item that must lie in the items' space."""
    offset, length = word & _OFF_MASK, word >> _LEN_SHIFT
    if offset < upper or offset + length > special or offset & 7:
        raise CorruptData(
            f"corrupted line pointer: offset = {offset}, size = {length}",
            offset=_FIRST + SIZE_OF_ITEM_ID * number, field="lp_off",
        )  # fmt: skip
    return offset, maxalign(length)


def repair_fragmentation(page: bytearray, *, truncate: bool = True) -> None:
    """Close the gaps between the items of a heap page, and see which line pointers are free.

    ``truncate`` takes unused line pointers off the end, as 16 and later do.
    """
    if pageedit.close_gaps(page, truncate):
        return
    lower, upper, special = _sound_bounds(page)
    total = 0
    for number, word in enumerate(item_words(page), 1):
        if word & _FLAG_BITS and word >> _LEN_SHIFT:
            total += _checked_item(number, word, upper, special)[1]
    raise CorruptData(
        f"corrupted item lengths: total {total}, available space {special - lower}",
        offset=_LOWER, field="pd_lower",
    )  # fmt: skip


def truncate_line_pointers(page: bytearray) -> None:
    """Take unused line pointers off the end (one always stays); note whether any is left."""
    pageedit.drop_unused_end(page)


# -- index pages --------------------------------------------------------------------------


def _own_item(page: Page, number: int) -> tuple[int, int, int, int, int]:
    """(pd_lower, pd_upper, pd_special, offset, aligned length) of an item to be changed."""
    lower, upper, special = _sound_bounds(page)
    if not 0 < number <= max_offset(page):
        raise CorruptData(f"invalid index offnum: {number}")
    word = _get_u32(page, _FIRST + SIZE_OF_ITEM_ID * number)[0]
    return lower, upper, special, *_checked_item(number, word, upper, special)


def index_tuple_delete(page: bytearray, number: int) -> None:
    """Remove an item and its line pointer; later line pointers move down."""
    if not pageedit.delete_item(page, number):
        _own_item(page, number)  # says what is wrong


def index_tuple_delete_no_compact(page: bytearray, number: int) -> None:
    """Remove an item; its line pointer becomes unused, or goes if it is the last."""
    lower, _upper, _special, offset, size = _own_item(page, number)
    if number < max_offset(page):
        set_unused(page, number)
    else:
        _U16.pack_into(page, _LOWER, lower - SIZE_OF_ITEM_ID)
    pageedit.shift_items(page, offset, size)


def index_multi_delete(page: bytearray, numbers: Sequence[int]) -> None:
    """Remove items, given in ascending order, and their line pointers."""
    data = struct.pack(f"<{len(numbers)}H", *numbers)
    if not pageedit.delete_items(page, data, 0, len(numbers)):
        for number in range(1, max_offset(page) + 1):
            _own_item(page, number)  # says what is wrong
        raise CorruptData("incorrect index offsets supplied")


def index_tuple_overwrite(page: bytearray, number: int, data: bytes) -> bool:
    """Put an item in another's place, other items making room; False where it does not fit."""
    done = pageedit.overwrite_item(page, number, data, 0, len(data))
    if done < 0:
        _own_item(page, number)  # says what is wrong
    return bool(done > 0)


# -- for redo: what does not fit or exist is damage ---------------------------------------


def must_add_item(
    page: bytearray, data: bytes | bytearray | memoryview, number: int = 0, *,
    overwrite: bool = False,
) -> int:  # fmt: skip
    """:func:`add_item`; CorruptData where the item cannot stand there."""
    done = add_item(page, data, number, overwrite=overwrite)
    if not done:
        raise CorruptData(f"failed to add an item of {len(data)} bytes at {number}")
    return done


def must_overwrite(page: bytearray, number: int, data: bytes) -> None:
    """:func:`index_tuple_overwrite`; CorruptData where the item does not fit."""
    if not index_tuple_overwrite(page, number, data):
        raise CorruptData(f"failed to overwrite item {number} with {len(data)} bytes")


def own_item_id(page: Page, number: int) -> ItemId:
    """A line pointer that must exist and have an item within the page."""
    if not 0 < number <= max_offset(page):
        raise CorruptData(f"there is no line pointer {number}")
    found = item_id(page, number)
    _lower, upper, special = _get_bounds(page, _LOWER)
    if found.offset < upper or found.offset + found.length > special or not found.length:
        raise CorruptData(f"item {number} does not lie on its page", offset=found.offset)
    return found
