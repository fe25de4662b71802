"""The heap tuple: header, flag words and null bitmap.

Source: ``access/htup_details.h``. A heap tuple on a page is the 23-byte header, the
null bitmap (only where HEAP_HASNULL is set), padding up to ``t_hoff``, then the
attributes. The functions here are pure functions of header values and bytes; whether
a transaction committed is not theirs to know (see ``pgtool.transam``).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from construct import Construct, Struct

from formats.derive import offset_of, reader
from formats.errors import CorruptData
from formats.itemptr import ItemPointerData
from formats.layout import (
    Item,
    PageView,
    Piece,
    Problems,
    TupleWriter,
    corrupt,
    line_pointer_page,
)
from formats.units import Flags, TransactionId, maxalign, uint8, uint16, uint32

SIZEOF_HEAP_TUPLE_HEADER = 23
MAX_HEAP_ATTRIBUTE_NUMBER = 1600
MAX_TUPLE_ATTRIBUTE_NUMBER = 1664


class HeapInfomask(enum.IntFlag):
    """``t_infomask``."""

    HEAP_HASNULL = 0x0001
    HEAP_HASVARWIDTH = 0x0002
    HEAP_HASEXTERNAL = 0x0004
    HEAP_HASOID_OLD = 0x0008
    HEAP_XMAX_KEYSHR_LOCK = 0x0010
    HEAP_COMBOCID = 0x0020
    HEAP_XMAX_EXCL_LOCK = 0x0040
    HEAP_XMAX_LOCK_ONLY = 0x0080
    HEAP_XMIN_COMMITTED = 0x0100
    HEAP_XMIN_INVALID = 0x0200
    HEAP_XMAX_COMMITTED = 0x0400
    HEAP_XMAX_INVALID = 0x0800
    HEAP_XMAX_IS_MULTI = 0x1000
    HEAP_UPDATED = 0x2000
    HEAP_MOVED_OFF = 0x4000
    HEAP_MOVED_IN = 0x8000


class HeapInfomask2(enum.IntFlag):
    """``t_infomask2``; its low eleven bits hold the number of attributes."""

    HEAP_KEYS_UPDATED = 0x2000
    HEAP_HOT_UPDATED = 0x4000
    HEAP_ONLY_TUPLE = 0x8000


HEAP_NATTS_MASK = 0x07FF

#: Combinations that have a name and a meaning of their own: (name, bits).
COMBINED_INFOMASK: tuple[tuple[str, int], ...] = (
    ("HEAP_XMAX_SHR_LOCK", HeapInfomask.HEAP_XMAX_EXCL_LOCK | HeapInfomask.HEAP_XMAX_KEYSHR_LOCK),
    ("HEAP_XMIN_FROZEN", HeapInfomask.HEAP_XMIN_COMMITTED | HeapInfomask.HEAP_XMIN_INVALID),
    ("HEAP_MOVED", HeapInfomask.HEAP_MOVED_IN | HeapInfomask.HEAP_MOVED_OFF),
)
HEAP_XMAX_SHR_LOCK, HEAP_XMIN_FROZEN, HEAP_MOVED = (int(bits) for _name, bits in COMBINED_INFOMASK)
HEAP_LOCK_MASK = HEAP_XMAX_SHR_LOCK
#: Everything in ``t_infomask`` that tells what xmax is and what became of it.
HEAP_XMAX_BITS = int(
    HeapInfomask.HEAP_XMAX_COMMITTED | HeapInfomask.HEAP_XMAX_INVALID
    | HeapInfomask.HEAP_XMAX_IS_MULTI | HeapInfomask.HEAP_XMAX_LOCK_ONLY | HEAP_LOCK_MASK
)  # fmt: skip
#: The bits of the two flag words that transactions set, as against what the tuple holds.
HEAP_XACT_MASK = 0xFFF0
#: Plain numbers: operations on enumerations are slow.
_LOCK_ONLY = int(HeapInfomask.HEAP_XMAX_LOCK_ONLY)
_EXCL_LOCK = int(HeapInfomask.HEAP_XMAX_EXCL_LOCK)
_MULTI_OR_LOCK = int(HeapInfomask.HEAP_XMAX_IS_MULTI) | HEAP_LOCK_MASK
HEAP2_XACT_MASK = 0xE000

HeapTupleHeaderData = Struct(
    "t_xmin" / TransactionId * "transaction that inserted this version",
    "t_xmax" / TransactionId * "transaction or multixact that deleted, replaced or locked it",
    "t_field3" / uint32 * "command id (or combo cid) of insert and delete; t_xvac of an old VACUUM",
    "t_ctid" / ItemPointerData * "the next version of the row, or this one itself",
    "t_infomask2" / Flags(uint16, HeapInfomask2) * "number of attributes and HOT flags",
    "t_infomask" / Flags(uint16, HeapInfomask) * "what the tuple holds; hints on xmin and xmax",
    "t_hoff" / uint8 * "offset of the first attribute from the start of the tuple",
)
assert HeapTupleHeaderData.sizeof() == SIZEOF_HEAP_TUPLE_HEADER



def natts(infomask2: int) -> int:
    """Number of attributes that the tuple stores."""
    return infomask2 & HEAP_NATTS_MASK


def bitmap_length(attributes: int) -> int:
    """Bytes of a null bitmap over so many attributes."""
    return (attributes + 7) // 8


def header_length(attributes: int, has_nulls: bool) -> int:
    """The ``t_hoff`` that PostgreSQL gives a new tuple."""
    return maxalign(SIZEOF_HEAP_TUPLE_HEADER + (bitmap_length(attributes) if has_nulls else 0))


def null_flags(bitmap: bytes, attributes: int) -> list[bool]:
    """True for each attribute that is NULL (its bit is 0, lowest bit first)."""
    return [not bitmap[i >> 3] >> (i & 7) & 1 for i in range(attributes)]


def bitmap_text(bitmap: bytes) -> str:
    """The bitmap as a string of 0 and 1 in attribute order, all bits of all bytes."""
    return "".join(f"{byte:08b}"[::-1] for byte in bitmap)


def pack_bitmap(nulls: list[bool]) -> bytes:
    """The null bitmap of attributes, padding bits zero."""
    out = bytearray(bitmap_length(len(nulls)))
    for i, null in enumerate(nulls):
        if not null:
            out[i >> 3] |= 1 << (i & 7)
    return bytes(out)


def xmin_frozen(infomask: int) -> bool:
    """Whether the inserting transaction is visible to all, whatever t_xmin says."""
    return infomask & HEAP_XMIN_FROZEN == HEAP_XMIN_FROZEN


def xmax_is_locked_only(infomask: int) -> bool:
    """Whether xmax only locks the row (an old-style exclusive lock counts)."""
    return bool(infomask & _LOCK_ONLY) or infomask & _MULTI_OR_LOCK == _EXCL_LOCK


read_header = reader(HeapTupleHeaderData)


def layout(view: PageView, problems: Problems) -> Iterator[Piece]:
    """The pieces of a heap page (TOAST tables included)."""
    if view.special_size != 0:
        raise corrupt("pd_special", f"special space of {view.special_size} bytes on a heap page")
    yield from line_pointer_page(view, tuple_layout, problems)


def tuple_layout(view: PageView, item: Item, row: Construct | None = None) -> list[Piece]:
    """Header, null bitmap, padding and attributes of one heap tuple.

    ``row`` declares the attributes where their types are known beforehand.
    """
    out = TupleWriter(item)
    out.add("HeapTupleHeaderData", HeapTupleHeaderData)
    head = read_header(view.data, item.offset)
    start = item.offset + head.t_hoff
    if not out.at <= start <= item.end:
        raise CorruptData(
            f"attributes of tuple {item.number} begin at {head.t_hoff} of {item.length} bytes",
            offset=item.offset + offset_of(HeapTupleHeaderData, "t_hoff"),
            field="t_hoff",
        )
    if head.t_infomask & HeapInfomask.HEAP_HASNULL:
        end = out.at + bitmap_length(natts(head.t_infomask2))
        if end > start:
            raise CorruptData(
                f"null bitmap of tuple {item.number} does not fit", offset=out.at, field="t_bits"
            )
        shown = bitmap_text(view.data[out.at : end])[: natts(head.t_infomask2)]
        out.raw("t_bits", end, f"{shown}: 1 is a value, 0 a NULL")
    out.raw("padding", start)
    if row is not None:
        out.add("attributes", row)
    out.raw("attributes", item.end)
    return out.pieces
