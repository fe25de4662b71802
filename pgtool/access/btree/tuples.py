"""Index tuples of a btree as bytes: plain, posting list and pivot tuples.

Pure functions of a tuple's bytes. A TID is an integer here, ``block << 16 | offset``, so
that the order of integers is the order of TIDs; on the page it is six bytes.

* a **plain** tuple has its heap TID in ``t_tid``;
* a **posting list** tuple has the keys once and an ascending array of TIDs at the end;
* a **pivot** tuple (inner pages, high keys) has in ``t_tid`` the child's block and the
  number of attributes that it keeps, and perhaps a heap TID as its last six bytes.

Invariant: every tuple's size is a multiple of MAXALIGN; keys without posting list too.
"""

from __future__ import annotations

import struct

from formats.derive import offset_of, struct_of
from formats.errors import CorruptData
from formats.itemptr import ItemPointerData
from formats.itup import INDEX_SIZE_MASK, SIZEOF_INDEX_TUPLE, IndexTupleData
from formats.nbtree import (
    BT_IS_POSTING,
    BT_OFFSET_MASK,
    BT_PIVOT_HEAP_TID_ATTR,
    INDEX_ALT_TID_MASK,
    SIZEOF_TID,
)
from formats.units import BLCKSZ, INVALID_BLOCK_NUMBER

__all__ = [
    "BUILD_POSTING_SIZE",
    "PIVOT_TID_SPACE",
    "as_pivot",
    "as_plain",
    "child_block",
    "compose_tid",
    "first_tid",
    "form_posting",
    "is_pivot",
    "is_posting",
    "key_size",
    "last_tid",
    "max_tid",
    "minus_infinity",
    "natts",
    "pack_tid",
    "pivot_tid",
    "posting_count",
    "swap_posting",
    "tid_array",
    "tids",
    "top_parent",
    "top_parent_tuple",
    "tuple_size",
    "unpack_tid",
    "update_posting",
    "with_child",
]  # fmt: skip

_HEAD = struct_of(IndexTupleData)  # high half of the block, low half, offset, t_info
_INFO_AT = offset_of(IndexTupleData, "t_info")
_TID = struct_of(ItemPointerData)
_U16 = struct.Struct("<H")
_head = _HEAD.unpack_from
#: A posting list tuple of a build takes a tenth of a page at most, its line pointer included.
BUILD_POSTING_SIZE = (BLCKSZ * 10 // 100 & ~7) - 4
#: Room that a heap TID takes at the end of a pivot tuple.
PIVOT_TID_SPACE = SIZEOF_TID + 7 & ~7

Tuple = bytes | bytearray | memoryview


# -- TIDs -------------------------------------------------------------------------------------


def compose_tid(block: int, offset: int) -> int:
    """A TID as one integer."""
    return block << 16 | offset


def pack_tid(tid: int) -> bytes:
    """A TID's six bytes."""
    return _TID.pack(tid >> 32, tid >> 16 & 0xFFFF, tid & 0xFFFF)


def unpack_tid(data: Tuple, at: int = 0) -> int:
    """The TID whose six bytes lie at ``at``."""
    high, low, offset = _TID.unpack_from(data, at)
    return int(high) << 32 | int(low) << 16 | int(offset)


def tid_array(data: Tuple, at: int, count: int) -> list[int]:
    """``count`` TIDs, side by side."""
    flat = struct.unpack_from(f"<{count * 3}H", data, at)
    return [
        high << 32 | low << 16 | offset
        for high, low, offset in zip(flat[::3], flat[1::3], flat[2::3])
    ]


# -- what a tuple is --------------------------------------------------------------------------


def tuple_size(tup: Tuple, at: int = 0) -> int:
    """The size that the tuple states."""
    return int(_U16.unpack_from(tup, at + _INFO_AT)[0]) & INDEX_SIZE_MASK


def is_pivot(tup: Tuple, at: int = 0) -> bool:
    """Whether it is a pivot tuple (of an index of version 4)."""
    _high, _low, posid, info = _head(tup, at)
    return bool(info & INDEX_ALT_TID_MASK) and not posid & BT_IS_POSTING


def is_posting(tup: Tuple, at: int = 0) -> bool:
    """Whether it has a posting list."""
    _high, _low, posid, info = _head(tup, at)
    return bool(info & INDEX_ALT_TID_MASK) and bool(posid & BT_IS_POSTING)


def natts(tup: Tuple, all_attributes: int) -> int:
    """The number of attributes that the tuple has."""
    _high, _low, posid, info = _head(tup, 0)
    if info & INDEX_ALT_TID_MASK and not posid & BT_IS_POSTING:
        return int(posid) & BT_OFFSET_MASK
    return all_attributes


def key_size(tup: Tuple) -> int:
    """Bytes of header and keys of a plain or posting list tuple."""
    high, low, posid, info = _head(tup, 0)
    if info & INDEX_ALT_TID_MASK and posid & BT_IS_POSTING:
        return int(high) << 16 | int(low)
    return int(info) & INDEX_SIZE_MASK


def key_image(tup: bytes) -> bytes:
    """What a plain tuple of a posting list's key has behind its TID."""
    high, low, _posid, info = _head(tup, 0)
    size = high << 16 | low
    info = info & ~(INDEX_SIZE_MASK | INDEX_ALT_TID_MASK) | size
    return _U16.pack(info) + tup[SIZEOF_INDEX_TUPLE:size]


def posting_count(tup: Tuple) -> int:
    """The number of TIDs of a plain or posting list tuple."""
    _high, _low, posid, info = _head(tup, 0)
    if info & INDEX_ALT_TID_MASK and posid & BT_IS_POSTING:
        return int(posid) & BT_OFFSET_MASK
    return 1


def tids(tup: Tuple) -> list[int]:
    """All heap TIDs of a plain or posting list tuple."""
    high, low, posid, info = _head(tup, 0)
    if not info & INDEX_ALT_TID_MASK:
        return [high << 32 | low << 16 | posid]
    start, count = high << 16 | low, posid & BT_OFFSET_MASK
    if not posid & BT_IS_POSTING or start + count * SIZEOF_TID > len(tup):
        raise CorruptData("posting list does not fit into its tuple", field="t_tid")
    return tid_array(tup, start, count)


def first_tid(tup: Tuple) -> int:
    """The lowest heap TID of a plain or posting list tuple."""
    high, low, posid, info = _head(tup, 0)
    if info & INDEX_ALT_TID_MASK:
        return unpack_tid(tup, high << 16 | low)
    return int(high) << 32 | int(low) << 16 | int(posid)


def max_tid(tup: Tuple) -> int:
    """The highest heap TID of a plain or posting list tuple."""
    high, low, posid, info = _head(tup, 0)
    if info & INDEX_ALT_TID_MASK:
        count = int(posid) & BT_OFFSET_MASK
        return unpack_tid(tup, (high << 16 | low) + (count - 1) * SIZEOF_TID)
    return int(high) << 32 | int(low) << 16 | int(posid)


last_tid = max_tid


# -- posting lists ----------------------------------------------------------------------------


def form_posting(base: Tuple, heap_tids: list[int]) -> bytes:
    """The keys of ``base`` with these TIDs (ascending); one TID gives a plain tuple."""
    size = key_size(base)
    out = bytearray(base[:size])
    info = _U16.unpack_from(out, _INFO_AT)[0] & ~(INDEX_SIZE_MASK | INDEX_ALT_TID_MASK)
    if len(heap_tids) == 1:
        tid = heap_tids[0]
        _HEAD.pack_into(out, 0, tid >> 32, tid >> 16 & 0xFFFF, tid & 0xFFFF, info | size)
        return bytes(out)
    flat: list[int] = []
    for tid in heap_tids:
        flat += (tid >> 32, tid >> 16 & 0xFFFF, tid & 0xFFFF)
    total = size + len(heap_tids) * SIZEOF_TID + 7 & ~7
    out += struct.pack(f"<{len(flat)}H", *flat)
    out += bytes(total - len(out))
    _HEAD.pack_into(out, 0, size >> 16, size & 0xFFFF, len(heap_tids) | BT_IS_POSTING,
                    info | INDEX_ALT_TID_MASK | total)  # fmt: skip
    return bytes(out)


def update_posting(tup: Tuple, gone: set[int] | list[int]) -> bytes:
    """The tuple without the TIDs at these places (from 0) of its posting list."""
    left = [tid for place, tid in enumerate(tids(tup)) if place not in gone]
    if not left:
        raise CorruptData("posting list would become empty", field="t_tid")
    return form_posting(tup, left)


def swap_posting(new: Tuple, posting: Tuple, postingoff: int) -> tuple[bytes, bytes]:
    """A new tuple whose TID belongs inside a posting list: (final new tuple, new posting).

    The list takes the new TID and gives away its highest, which the new tuple gets.
    """
    heap_tids = tids(posting)
    if not 0 < postingoff < len(heap_tids):
        raise CorruptData(
            f"posting list tuple with {len(heap_tids)} items cannot be split at offset "
            f"{postingoff}",
            field="t_tid",
        )
    tid = unpack_tid(new)
    start = key_size(posting)
    out = bytearray(posting)
    at = start + postingoff * SIZEOF_TID
    end = start + (len(heap_tids) - 1) * SIZEOF_TID
    out[at + SIZEOF_TID : end + SIZEOF_TID] = posting[at:end]
    out[at : at + SIZEOF_TID] = pack_tid(tid)
    final = bytearray(new)
    final[:SIZEOF_TID] = pack_tid(heap_tids[-1])
    return bytes(final), bytes(out)


# -- pivot tuples -----------------------------------------------------------------------------


def pivot_tid(tup: Tuple) -> int | None:
    """The heap TID of a pivot tuple, where it has one."""
    _high, _low, posid, info = _head(tup, 0)
    if not posid & BT_PIVOT_HEAP_TID_ATTR:
        return None
    return unpack_tid(tup, (info & INDEX_SIZE_MASK) - SIZEOF_TID)


def as_pivot(tup: Tuple, size: int, attributes: int, tid: int | None = None) -> bytes:
    """The first ``size`` bytes of a tuple as a pivot with so many attributes.

    ``tid`` is appended where it is needed to tell equal keys apart. The child is unset.
    """
    out = bytearray(tup[:size])
    info = _U16.unpack_from(out, _INFO_AT)[0] & ~INDEX_SIZE_MASK | INDEX_ALT_TID_MASK
    posid = attributes
    if tid is not None:
        out += bytes(PIVOT_TID_SPACE - SIZEOF_TID) + pack_tid(tid)
        posid |= BT_PIVOT_HEAP_TID_ATTR
    _HEAD.pack_into(out, 0, 0, 0, posid, info | len(out))
    return bytes(out)


def as_plain(tup: Tuple, tid: int) -> bytes:
    """A tuple with another heap TID."""
    out = bytearray(tup)
    out[:SIZEOF_TID] = pack_tid(tid)
    return bytes(out)


def child_block(tup: Tuple, at: int = 0) -> int:
    """The child page that a pivot tuple leads to."""
    high, low, _posid, _info = _head(tup, at)
    return int(high) << 16 | int(low)


def with_child(tup: Tuple, block: int) -> bytes:
    """A pivot tuple that leads to another child."""
    out = bytearray(tup)
    _high, _low, posid, info = _head(tup, 0)
    _HEAD.pack_into(out, 0, block >> 16, block & 0xFFFF, posid, info)
    return bytes(out)


def minus_infinity(block: int) -> bytes:
    """A pivot tuple without attributes: what an inner page begins with."""
    return _HEAD.pack(block >> 16, block & 0xFFFF, 0, INDEX_ALT_TID_MASK | SIZEOF_INDEX_TUPLE)


def top_parent_tuple(block: int | None) -> bytes:
    """The high key of a half-dead leaf: which page of its branch goes next."""
    return minus_infinity(INVALID_BLOCK_NUMBER if block is None else block)


def top_parent(tup: Tuple) -> int | None:
    """What :func:`top_parent_tuple` holds."""
    block = child_block(tup)
    return None if block == INVALID_BLOCK_NUMBER else block
