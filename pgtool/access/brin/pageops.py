"""Changes of BRIN pages, as pure functions of (page, arguments)."""

from __future__ import annotations

from formats.brin import (
    BRIN_META_MAGIC,
    REVMAP_PAGE_MAXITEMS,
    BrinMetaPageData,
    BrinPageType,
    BrinSpecialSpace,
)
from formats.derive import offset_of, sizeof, struct_of
from formats.itemptr import ItemPointerData
from formats.page import SIZE_OF_PAGE_HEADER
from formats.units import BLCKSZ, INVALID_BLOCK_NUMBER
from pgtool.storage import page as bufpage

_AT = BLCKSZ - sizeof(BrinSpecialSpace)
_TYPE = _AT + offset_of(BrinSpecialSpace, "type")
_META = struct_of(BrinMetaPageData)
_LAST_REVMAP = SIZE_OF_PAGE_HEADER + offset_of(BrinMetaPageData, "lastRevmapPage")
_TID = struct_of(ItemPointerData)


def init(page: bytearray, kind: BrinPageType) -> None:
    """An empty page of a kind."""
    bufpage.init(page, sizeof(BrinSpecialSpace))
    page[_TYPE : _TYPE + 2] = int(kind).to_bytes(2, "little")


def init_meta(page: bytearray, pages_per_range: int, version: int) -> None:
    """The metapage of a new index."""
    init(page, BrinPageType.BRIN_PAGETYPE_META)
    _META.pack_into(page, SIZE_OF_PAGE_HEADER, BRIN_META_MAGIC, version, pages_per_range, 0)
    bufpage.set_bounds(page, SIZE_OF_PAGE_HEADER + _META.size, bufpage.bounds(page)[1])


def page_type(page: bytes | bytearray) -> int:
    """The page's kind."""
    return int.from_bytes(page[_TYPE : _TYPE + 2], "little")


def set_last_revmap_page(page: bytearray, block: int) -> None:
    """The range map ends at ``block`` (on the metapage)."""
    page[_LAST_REVMAP : _LAST_REVMAP + 4] = block.to_bytes(4, "little")
    bufpage.set_bounds(page, SIZE_OF_PAGE_HEADER + _META.size, bufpage.bounds(page)[1])


def set_range(
    page: bytearray, pages_per_range: int, heap_block: int, tid: tuple[int, int] | None
) -> None:
    """Where the summary of a heap block's range lies; None: it has none (on a revmap page)."""
    index = heap_block // max(1, pages_per_range) % REVMAP_PAGE_MAXITEMS
    block, offset = (INVALID_BLOCK_NUMBER, 0) if tid is None else tid
    at = SIZE_OF_PAGE_HEADER + index * _TID.size
    _TID.pack_into(page, at, block >> 16, block & 0xFFFF, offset)
