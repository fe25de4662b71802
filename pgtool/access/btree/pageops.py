"""Every change to a btree page, as a pure function of the page: doing and redo share them.

The page is a ``bytearray``; nothing here knows a buffer, a record or how keys compare.
What :mod:`.insert`, :mod:`.split`, :mod:`.dedup`, :mod:`.delete` and :mod:`.vacuum` decide
is carried out here, and :mod:`.xlog` carries the same out again from the record.

Invariants: a page that is not the rightmost has its high key at line pointer 1; an inner
page's first data item has no attributes; levels count from the leaves, 0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from formats.derive import fields, offset_of, struct_of
from formats.errors import CorruptData
from formats.nbtree import (
    BTREE_MAGIC,
    P_HIKEY,
    P_NONE,
    BTDeletedPageData,
    BTMetaPageData,
    BTPageOpaqueData,
    BtpFlags,
)
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, LpFlags
from formats.units import BLCKSZ
from pgtool.access.btree import itemedit, tuples
from pgtool.storage import page as bufpage

__all__ = [
    "Meta", "Opaque", "add", "add_all", "apply_dedup", "clear_flags", "data_items", "delete_items",
    "first_data", "init", "insert", "insert_posting", "is_leaf", "is_rightmost", "items_data",
    "left_half", "make_deleted", "make_half_dead", "opaque", "read_meta", "remove_downlink",
    "restore_items", "right_half", "safexid", "set_flags", "set_opaque", "set_siblings",
    "write_meta", "write_root",
]  # fmt: skip

_OPAQUE = struct_of(BTPageOpaqueData)
OPAQUE_SIZE = _OPAQUE.size
OPAQUE_AT = BLCKSZ - OPAQUE_SIZE
PREV_AT = OPAQUE_AT + offset_of(BTPageOpaqueData, "btpo_prev")
NEXT_AT = OPAQUE_AT + offset_of(BTPageOpaqueData, "btpo_next")
_FLAGS_AT = OPAQUE_AT + offset_of(BTPageOpaqueData, "btpo_flags")
_CYCLE_AT = OPAQUE_AT + offset_of(BTPageOpaqueData, "btpo_cycleid")
_META = struct_of(BTMetaPageData)
_SAFEXID = struct_of(BTDeletedPageData)
_OFF_MASK = (1 << ItemIdData.bits["lp_off"][1]) - 1
_LEN_SHIFT = ItemIdData.bits["lp_len"][0]
_NORMAL = int(LpFlags.LP_NORMAL) << ItemIdData.bits["lp_flags"][0]
_U16, _U32, _PAIR = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<HH")
_LEAF, _ROOT = int(BtpFlags.BTP_LEAF), int(BtpFlags.BTP_ROOT)
_GARBAGE, _INCOMPLETE = int(BtpFlags.BTP_HAS_GARBAGE), int(BtpFlags.BTP_INCOMPLETE_SPLIT)
BTP_INCOMPLETE_SPLIT = _INCOMPLETE
_DELETED = int(BtpFlags.BTP_DELETED | BtpFlags.BTP_HAS_FULLXID)


class Opaque(NamedTuple):
    """The special space."""

    prev: int
    next: int
    level: int
    flags: int
    cycleid: int


class Meta(NamedTuple):
    """What the meta page says."""

    version: int
    root: int
    level: int
    fastroot: int
    fastlevel: int
    last_cleanup_num_delpages: int
    allequalimage: bool


# -- special space ----------------------------------------------------------------------------


def init(page: bytearray) -> None:
    """An empty btree page."""
    bufpage.init(page, OPAQUE_SIZE)


def opaque(page: bytes | bytearray) -> Opaque:
    """The special space's fields."""
    return Opaque._make(_OPAQUE.unpack_from(page, OPAQUE_AT))


def set_opaque(
    page: bytearray, prev: int, next_: int, level: int, flags: int, cycleid: int = 0
) -> None:
    """Write the special space."""
    _OPAQUE.pack_into(page, OPAQUE_AT, prev, next_, level, flags, cycleid)


def flags_of(page: bytes | bytearray) -> int:
    """``btpo_flags``."""
    return int(_U16.unpack_from(page, _FLAGS_AT)[0])


def set_flags(page: bytearray, flags: int) -> None:
    """Set some flags."""
    _U16.pack_into(page, _FLAGS_AT, flags_of(page) | flags)


def clear_flags(page: bytearray, flags: int) -> None:
    """Clear some flags."""
    _U16.pack_into(page, _FLAGS_AT, flags_of(page) & ~flags)


def clear_incomplete_split(page: bytearray) -> None:
    """The right sibling has its link from above now."""
    clear_flags(page, _INCOMPLETE)


def clear_garbage(page: bytearray) -> None:
    """No line pointer is marked dead any more."""
    clear_flags(page, _GARBAGE)


def set_siblings(page: bytearray, *, prev: int | None = None, next_: int | None = None) -> None:
    """Change one link or both."""
    if prev is not None:
        _U32.pack_into(page, PREV_AT, prev)
    if next_ is not None:
        _U32.pack_into(page, NEXT_AT, next_)


def set_cycleid(page: bytearray, cycleid: int) -> None:
    """The VACUUM cycle of the page's latest split."""
    _U16.pack_into(page, _CYCLE_AT, cycleid)


def is_leaf(page: bytes | bytearray) -> bool:
    """Whether it is a leaf."""
    return bool(flags_of(page) & _LEAF)


def is_rightmost(page: bytes | bytearray) -> bool:
    """Whether no page follows on its level."""
    return bool(_U32.unpack_from(page, NEXT_AT)[0] == P_NONE)


def first_data(page: bytes | bytearray) -> int:
    """The line pointer of the first data item."""
    return 1 if is_rightmost(page) else 2


def data_items(page: bytes | bytearray) -> list[bytes]:
    """The data items in order, dead ones too."""
    raw = bytes(page)
    return [
        raw[word & _OFF_MASK : (word & _OFF_MASK) + (word >> _LEN_SHIFT)]
        for word in bufpage.item_words(page)[first_data(page) - 1 :]
    ]


# -- the meta page ----------------------------------------------------------------------------


def write_meta(page: bytearray, meta: Meta) -> None:
    """The page becomes a meta page."""
    init(page)
    set_opaque(page, P_NONE, P_NONE, 0, int(BtpFlags.BTP_META))
    _META.pack_into(
        page, SIZE_OF_PAGE_HEADER, BTREE_MAGIC, meta.version, meta.root, meta.level,
        meta.fastroot, meta.fastlevel, meta.last_cleanup_num_delpages, bytes(4), -1.0,
        int(meta.allequalimage), bytes(7),
    )  # fmt: skip
    # Past the data, so that an image of the page can leave the hole out.
    _lower, upper, _special = bufpage.bounds(page)
    bufpage.set_bounds(page, SIZE_OF_PAGE_HEADER + _META.size, upper)


_META_NAMES = [f.name for f in fields(BTMetaPageData)]
_META_PLACES = [_META_NAMES.index("btm_" + name) for name in Meta._fields]


def read_meta(page: bytes | bytearray) -> Meta:
    """The meta page's fields; CorruptData where it is none."""
    row = _META.unpack_from(page, SIZE_OF_PAGE_HEADER)
    if row[0] != BTREE_MAGIC or not flags_of(page) & BtpFlags.BTP_META:
        raise CorruptData(f"btree magic is {row[0]:#x}", block=0, field="btm_magic")
    return Meta._make(row[place] for place in _META_PLACES)


# -- items ------------------------------------------------------------------------------------


def add(page: bytearray, data: bytes | bytearray | memoryview, offnum: int = 0) -> None:
    """Add an item that must fit."""
    if not bufpage.add_item(page, data, offnum or bufpage.max_offset(page) + 1):
        raise CorruptData(f"failed to add item {offnum} of {len(data)} bytes to a btree page")


def add_all(page: bytearray, items: Sequence[bytes]) -> None:
    """Add items behind those that are there, each below the one before."""
    lower, upper, _special = bufpage.bounds(page)
    words = list(bufpage.item_words(page))
    parts: list[bytes] = []
    end = upper
    for item in items:
        size = len(item)
        gap = -size & 7
        upper -= size + gap
        words.append(upper | _NORMAL | size << _LEN_SHIFT)
        parts.append(item + bytes(gap) if gap else item)
    lower += bufpage.SIZE_OF_ITEM_ID * len(items)
    if lower > upper:
        raise CorruptData(f"failed to add {len(items)} items to a btree page")
    page[upper:end] = b"".join(reversed(parts))
    bufpage.put_item_words(page, words)
    bufpage.set_bounds(page, lower, upper)


def insert(page: bytearray, offnum: int, tup: bytes) -> None:
    """A tuple goes between others."""
    add(page, tup, offnum)


def insert_posting(page: bytearray, offnum: int, new: bytes, postingoff: int) -> None:
    """A tuple goes behind a posting list (at ``offnum - 1``) into which its TID belongs."""
    if not itemedit.insert_posting(page, offnum, new, 0, len(new), postingoff):
        _state, offset, length = bufpage.item_id(page, offnum - 1)
        tuples.swap_posting(new, page[offset : offset + length], postingoff)  # says what is wrong
        raise CorruptData(f"failed to add item {offnum} of {len(new)} bytes to a btree page")


def items_data(page: bytes | bytearray) -> bytes:
    """All items as they lie on the page, last one first: how records carry a page."""
    _lower, upper, special = bufpage.bounds(page)
    return bytes(page[upper:special])


def restore_items(page: bytearray, data: bytes) -> None:
    """Put the items of :func:`items_data` on an empty page."""
    if not itemedit.restore(page, data, 0, len(data)):
        raise CorruptData("index tuples of a page do not fit into their data or on the page")


def write_root(page: bytearray, level: int, items: bytes = b"") -> None:
    """The page becomes a root with these items."""
    init(page)
    set_opaque(page, P_NONE, P_NONE, level, _ROOT | (_LEAF if level == 0 else 0))
    restore_items(page, items)


# -- splits -----------------------------------------------------------------------------------


class SplitPoint(NamedTuple):
    """Where a page is cut, and the tuple that did not fit.

    ``new`` is that tuple as it was before any swap, ``offnum`` where it belongs on the old
    page, ``first_right`` the first old item that goes to the right. ``postingoff`` says
    where its TID belongs in the posting list before it (0: in none).
    """

    offnum: int
    first_right: int
    on_left: bool
    postingoff: int
    new: bytes


def _with_new(page: bytes | bytearray, cut: SplitPoint) -> tuple[list[bytes], list[bytes]]:
    """The data items of the left and of the right half."""
    first = first_data(page)
    left = data_items(page)
    new, place = cut.new, cut.offnum - first
    if cut.postingoff:
        new, left[place - 1] = tuples.swap_posting(new, left[place - 1], cut.postingoff)
    at = cut.first_right - first
    right = left[at:]
    del left[at:]
    if cut.on_left:
        left.insert(place, new)
    else:
        right.insert(place - at, new)
    return left, right


def split_neighbours(page: bytes | bytearray, cut: SplitPoint) -> tuple[bytes, bytes]:
    """The last item on the left and the first on the right."""
    left, right = _with_new(page, cut)
    return left[-1], right[0]


def left_half(
    page: bytearray, cut: SplitPoint, high_key: bytes, right_block: int, cycleid: int = 0
) -> None:
    """The old page keeps its left half, awaits its right sibling's link from above."""
    new = cut.new
    if cut.postingoff and cut.offnum <= cut.first_right:
        _state, offset, length = bufpage.item_id(page, cut.offnum - 1)
        new, posting = tuples.swap_posting(new, page[offset : offset + length], cut.postingoff)
        page[offset : offset + length] = posting
    if not itemedit.split_left(
        page, cut.first_right, cut.offnum, cut.on_left,
        new + high_key, 0, len(new), len(new), len(high_key), right_block,
    ):  # fmt: skip
        raise CorruptData(f"a btree page cannot be split at item {cut.first_right}")
    set_cycleid(page, cycleid)


def right_half(
    page: bytes | bytearray, cut: SplitPoint, left_block: int, cycleid: int = 0
) -> bytearray:
    """The new right page."""
    old = opaque(page)
    out = bytearray(BLCKSZ)
    init(out)
    set_opaque(out, left_block, old.next, old.level, _LEAF if old.level == 0 else 0, cycleid)
    _left, data = _with_new(page, cut)
    if old.level > 0:
        # The first item of an inner page stands for all that is lower.
        data[0] = tuples.minus_infinity(tuples.child_block(data[0]))
    if old.next != P_NONE:
        data.insert(0, bufpage.item(page, P_HIKEY))
    add_all(out, data)
    return out


def restored_right(left_block: int, next_: int, level: int, items: bytes) -> bytearray:
    """The new right page out of its record."""
    out = bytearray(BLCKSZ)
    init(out)
    set_opaque(out, left_block, next_, level, _LEAF if level == 0 else 0)
    restore_items(out, items)
    return out


# -- merging and deleting ---------------------------------------------------------------------


def apply_dedup(page: bytearray, intervals: Sequence[tuple[int, int]]) -> None:
    """Each run of items (first line pointer, number) becomes one posting list tuple."""
    data = b"".join(_PAIR.pack(*one) for one in intervals)
    if not itemedit.dedup(page, data, 0, len(intervals)):
        raise CorruptData("deduplication intervals do not fit the items of the page")


def delete_items(
    page: bytearray, deleted: Sequence[int], updated: Mapping[int, Iterable[int]]
) -> None:
    """Take items out, and TIDs (places from 0) out of posting lists that stay."""
    for offnum, gone in updated.items():
        places = sorted(gone)
        data = struct.pack(f"<{len(places)}H", *places)
        if not itemedit.thin(page, offnum, data, 0, len(places)):
            tuples.update_posting(bufpage.item(page, offnum), set(places))  # says what is wrong
            raise CorruptData(f"failed to update posting list of item {offnum}")
    if deleted:
        bufpage.index_multi_delete(page, deleted)
    clear_garbage(page)


def mark_dead(page: bytearray, offnum: int) -> None:
    """Note that an item leads to nothing that anybody can see: a hint."""
    _state, offset, length = bufpage.item_id(page, offnum)
    bufpage.set_item_id(page, offnum, LpFlags.LP_DEAD, offset, length)
    set_flags(page, _GARBAGE)


# -- deleting pages ---------------------------------------------------------------------------


def remove_downlink(page: bytearray, offnum: int) -> None:
    """The parent's link to a child now leads to the child's right sibling."""
    _state, offset, length = bufpage.item_id(page, offnum)
    right = tuples.child_block(bufpage.item(page, offnum + 1))
    page[offset : offset + length] = tuples.with_child(page[offset : offset + length], right)
    bufpage.index_tuple_delete(page, offnum + 1)


def make_half_dead(page: bytearray, left: int, right: int, top_parent: int | None) -> None:
    """An empty leaf is on its way out: nothing leads to it from above."""
    init(page)
    set_opaque(page, left, right, 0, int(BtpFlags.BTP_HALF_DEAD) | _LEAF)
    add(page, tuples.top_parent_tuple(top_parent), P_HIKEY)


def make_deleted(page: bytearray, left: int, right: int, level: int, xid: int) -> None:
    """Nothing leads to the page; it can be reused when nobody sees transaction ``xid``."""
    init(page)
    set_opaque(page, left, right, level, _DELETED | (_LEAF if level == 0 else 0))
    _SAFEXID.pack_into(page, SIZE_OF_PAGE_HEADER, xid)
    _lower, upper, _special = bufpage.bounds(page)
    bufpage.set_bounds(page, SIZE_OF_PAGE_HEADER + _SAFEXID.size, upper)


def safexid(page: bytes | bytearray) -> int:
    """When a deleted page can be reused; 0 where it was deleted before 14."""
    if not flags_of(page) & BtpFlags.BTP_HAS_FULLXID:
        return 0
    return int(_SAFEXID.unpack_from(page, SIZE_OF_PAGE_HEADER)[0])
