"""Changes of GiST pages, as pure functions of (page, arguments)."""

from __future__ import annotations

from formats.derive import offset_of, sizeof, struct_of
from formats.gist import GIST_PAGE_ID, GISTDeletedPageContents, GistFlags, GISTPageOpaqueData
from formats.page import SIZE_OF_PAGE_HEADER
from formats.units import BLCKSZ, INVALID_BLOCK_NUMBER
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.storage import pageedit

_OPAQUE = struct_of(GISTPageOpaqueData)
_AT = BLCKSZ - _OPAQUE.size
_NSN = _AT + offset_of(GISTPageOpaqueData, "nsn")
_RIGHTLINK = _AT + offset_of(GISTPageOpaqueData, "rightlink")
_FLAGS = _AT + offset_of(GISTPageOpaqueData, "flags")
_DELETED = sizeof(GISTDeletedPageContents)


def init(page: bytearray, flags: int) -> None:
    """An empty page."""
    bufpage.init(page, _OPAQUE.size)
    _OPAQUE.pack_into(page, _AT, 0, 0, INVALID_BLOCK_NUMBER, flags, GIST_PAGE_ID)


def flags(page: bytes | bytearray) -> int:
    """The page's flags."""
    return int.from_bytes(page[_FLAGS : _FLAGS + 2], "little")


def set_flags(page: bytearray, on: int = 0, off: int = 0) -> None:
    """Set and clear flags."""
    page[_FLAGS : _FLAGS + 2] = (flags(page) & ~off | on).to_bytes(2, "little")


def set_nsn(page: bytearray, value: int) -> None:
    """Set the node sequence number."""
    page[_NSN : _NSN + 4] = (value >> 32).to_bytes(4, "little")
    page[_NSN + 4 : _NSN + 8] = (value & 0xFFFFFFFF).to_bytes(4, "little")


def set_rightlink(page: bytearray, block: int) -> None:
    """Set the right sibling."""
    page[_RIGHTLINK : _RIGHTLINK + 4] = block.to_bytes(4, "little")


def clear_follow_right(page: bytearray, nsn: int) -> None:
    """The split that left this page is finished."""
    set_nsn(page, nsn)
    set_flags(page, off=GistFlags.F_FOLLOW_RIGHT)


def set_deleted(page: bytearray, xid: int) -> None:
    """Mark a page deleted: it may be reused when no snapshot sees ``xid`` any more."""
    set_flags(page, on=GistFlags.F_DELETED)
    end = SIZE_OF_PAGE_HEADER + _DELETED
    bufpage.set_bounds(page, end, bufpage.bounds(page)[1])
    page[SIZE_OF_PAGE_HEADER:end] = xid.to_bytes(_DELETED, "little")


def fill(page: bytearray, data: bytes, at: int) -> None:
    """Append the index tuples that follow one another from ``at`` on."""
    number = bufpage.max_offset(page) + 1
    if not pageedit.add_tuples(page, number, data, at, len(data), -1):
        raise CorruptData("index tuples do not fit into their data or on the page")
