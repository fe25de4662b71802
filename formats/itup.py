"""The index tuple: btree, hash and GiST pages and GIN's entry pages hold these.

Source: ``access/itup.h``. Eight bytes of header, then (where INDEX_NULL_MASK is set) a
null bitmap of fixed size, then the key attributes at the next 8-byte boundary. The
access methods use ``t_tid`` and INDEX_AM_RESERVED_BIT in their own ways.
"""

from __future__ import annotations

import enum
import struct
from functools import cache
from typing import Any

from construct import Struct

from formats.derive import reader, struct_of
from formats.errors import CorruptData
from formats.itemptr import ItemPointer, ItemPointerData, pointer_in
from formats.layout import Item, PageView, TupleWriter
from formats.units import Flags, maxalign, uint16

INDEX_MAX_KEYS = 32
INDEX_SIZE_MASK = 0x1FFF
INDEX_ATTRIBUTE_BITMAP_SIZE = (INDEX_MAX_KEYS + 7) // 8


class IndexInfo(enum.IntFlag):
    """``t_info``; its low thirteen bits hold the size of the tuple."""

    INDEX_AM_RESERVED_BIT = 0x2000
    INDEX_VAR_MASK = 0x4000
    INDEX_NULL_MASK = 0x8000


IndexTupleData = Struct(
    "t_tid" / ItemPointerData * "the heap tuple; in inner tuples the child page",
    "t_info" / Flags(uint16, IndexInfo) * "size in bytes, and whether there are nulls or varlenas",
)
SIZEOF_INDEX_TUPLE = IndexTupleData.sizeof()
assert SIZEOF_INDEX_TUPLE == 8


def tuple_size(t_info: int) -> int:
    """Bytes of the tuple, header included, as the tuple itself says."""
    return t_info & INDEX_SIZE_MASK


def data_offset(t_info: int) -> int:
    """Offset of the first key attribute from the start of the tuple."""
    return _WITH_NULLS if t_info & _NULL_MASK else SIZEOF_INDEX_TUPLE


_NULL_MASK = int(IndexInfo.INDEX_NULL_MASK)
_WITH_NULLS = maxalign(SIZEOF_INDEX_TUPLE + INDEX_ATTRIBUTE_BITMAP_SIZE)

read_index_tuple = reader(IndexTupleData)


def tid_of(head: Any) -> ItemPointer:
    """``t_tid`` of a header that :data:`read_index_tuple` gave."""
    return pointer_in(head, "t_tid")


def checked_header(view: PageView, item: Item) -> Any:
    """The header of the tuple that a line pointer points to.

    CorruptData where the tuple does not lie on the page or is shorter than its header.
    """
    data = view.item_bytes(item)
    if item.offset + SIZEOF_INDEX_TUPLE > len(view.data):
        raise CorruptData(f"tuple {item.number} does not fit", offset=item.offset)
    head = read_index_tuple(view.data, item.offset)
    size = tuple_size(head.t_info)
    if size < SIZEOF_INDEX_TUPLE or item.offset + size > len(view.data):
        raise CorruptData(
            f"tuple {item.number} says that it has {size} bytes (line pointer: {len(data)})",
            offset=item.offset,
            field="t_info",
        )
    return head


def read_tids(data: bytes, at: int, count: int) -> list[ItemPointer]:
    """An array of TIDs; the caller has checked that it lies within ``data``."""
    flat = _tid_struct(count).unpack_from(data, at)
    return [
        ItemPointer(hi << 16 | lo, posid)
        for hi, lo, posid in zip(flat[::3], flat[1::3], flat[2::3])
    ]


@cache
def _tid_struct(count: int) -> struct.Struct:
    return struct.Struct("<" + struct_of(ItemPointerData).format[1:] * count)


def begin_layout(view: PageView, item: Item, note: str = "") -> tuple[TupleWriter, Any]:
    """A writer that has placed the header of an index tuple, and that header."""
    head = checked_header(view, item)
    size = tuple_size(head.t_info)
    if size > item.length:
        raise CorruptData(
            f"tuple {item.number} says {size} bytes, its line pointer {item.length}",
            offset=item.offset,
            field="t_info",
        )
    out = TupleWriter(item)
    out.add("IndexTupleData", IndexTupleData, note)
    return out, head


def key_layout(out: TupleWriter, t_info: int, end: int) -> None:
    """Null bitmap and key attributes, up to ``end``."""
    start = out.item.offset + data_offset(t_info)
    if out.at < start <= end:
        out.raw("null bitmap and padding", start)
    out.raw("key", end)
