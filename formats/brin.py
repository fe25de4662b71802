"""BRIN pages: meta page, range map (revmap) pages and regular pages of summary tuples.

Source: ``access/brin_page.h``, ``access/brin_tuple.h``. The special space's last half-word
tells the page type. A revmap page is one array of TIDs, one for each range of
``pagesPerRange`` heap blocks; (0,0) means that the range is not summarised.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

from construct import Array, Struct

from formats.derive import reader, sizeof
from formats.errors import CorruptData
from formats.itemptr import ItemPointerData
from formats.layout import (
    Item,
    PageView,
    Piece,
    Problems,
    TupleWriter,
    contents_piece,
    header_piece,
    line_pointer_page,
    special_piece,
)
from formats.page import SIZE_OF_PAGE_HEADER
from formats.units import (
    BLCKSZ,
    BitFields,
    BlockNumber,
    Choice,
    Flags,
    Raw,
    uint8,
    uint16,
    uint32,
)

BRIN_METAPAGE_BLKNO = 0
BRIN_META_MAGIC = 0xA8109CFA
BRIN_CURRENT_VERSION = 1


class BrinPageType(enum.IntEnum):
    """The last half-word of a BRIN page."""

    BRIN_PAGETYPE_META = 0xF091
    BRIN_PAGETYPE_REVMAP = 0xF092
    BRIN_PAGETYPE_REGULAR = 0xF093


class BrinPageFlags(enum.IntFlag):
    """The half-word before it."""

    BRIN_EVACUATE_PAGE = 0x0001


BrinSpecialSpace = Struct(
    "unused" / Raw(4) * "not used",
    "flags" / Flags(uint16, BrinPageFlags) * "set while tuples are moved off the page",
    "type" / Choice(uint16, BrinPageType) * "meta, revmap or regular page",
)
assert BrinSpecialSpace.sizeof() == 8

BrinMetaPageData = Struct(
    "brinMagic" / uint32 * "0xA8109CFA",
    "brinVersion" / uint32 * "version of the format, 1",
    "pagesPerRange" / BlockNumber * "heap blocks that one summary covers",
    "lastRevmapPage" / BlockNumber * "the last revmap page; the first is block 1",
)
assert BrinMetaPageData.sizeof() == 16

BrinTuple = Struct(
    "bt_blkno" / BlockNumber * "first heap block of the range",
    "bt_info" / BitFields(uint8, data_offset=5, empty_range=1, placeholder=1, has_nulls=1)
    * "where the values begin; empty range; placeholder; null bitmap present",
)  # fmt: skip
assert BrinTuple.sizeof() == 5

REVMAP_PAGE_MAXITEMS = (BLCKSZ - SIZE_OF_PAGE_HEADER - sizeof(BrinSpecialSpace)) // sizeof(
    ItemPointerData
)
RevmapContents = Array(REVMAP_PAGE_MAXITEMS, ItemPointerData)

read_special = reader(BrinSpecialSpace)
read_meta = reader(BrinMetaPageData)
read_tuple = reader(BrinTuple)
_INFO: dict[str, tuple[int, int]] = {
    name: (shift, (1 << width) - 1)
    for field in BrinTuple.subcons
    if field.name == "bt_info"
    for name, (shift, width) in field.subcon.subcon.bits.items()
}


def info(bt_info: int, name: str) -> int:
    """One bit range of ``bt_info``."""
    shift, mask = _INFO[name]
    return bt_info >> shift & mask


def layout(view: PageView, problems: Problems) -> Iterator[Piece]:
    """The pieces of a BRIN page."""
    special = special_piece(view, "BrinSpecialSpace", BrinSpecialSpace)
    yield special
    kind = read_special(view.data, special.offset).type
    if kind == BrinPageType.BRIN_PAGETYPE_META:
        yield header_piece()
        yield contents_piece("BrinMetaPageData", BrinMetaPageData)
    elif kind == BrinPageType.BRIN_PAGETYPE_REVMAP:
        yield header_piece()
        yield contents_piece("RevmapContents", RevmapContents, "one TID for each range")
    elif kind == BrinPageType.BRIN_PAGETYPE_REGULAR:
        yield from line_pointer_page(view, _tuple, problems)
    else:
        raise CorruptData(
            f"unknown BRIN page type 0x{kind:04X}", offset=special.end - 2, field="type"
        )


def _tuple(view: PageView, item: Item) -> list[Piece]:
    out = TupleWriter(item)
    out.add("BrinTuple", BrinTuple)
    bits: Any = read_tuple(view.data, item.offset).bt_info
    start = item.offset + info(bits, "data_offset")
    name = "null bits and padding" if info(bits, "has_nulls") else "padding"
    out.raw(name, min(start, item.end) if start >= out.at else out.at)
    out.raw("values", item.end)
    return out.pieces
