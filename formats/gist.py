"""GiST pages: leaf and internal pages of index tuples, and deleted pages.

Source: ``access/gist.h``, ``access/gist_private.h``. Every page ends with
GISTPageOpaqueData, whose last two bytes are GIST_PAGE_ID; block 0 is the root.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from construct import Struct

from formats.derive import reader
from formats.itup import begin_layout, key_layout, tuple_size
from formats.layout import (
    Item,
    PageView,
    Piece,
    Problems,
    contents_piece,
    header_piece,
    line_pointer_page,
    special_piece,
)
from formats.units import BlockNumber, Flags, FullTransactionId, PageXLogRecPtr, uint16

GIST_ROOT_BLKNO = 0
GIST_PAGE_ID = 0xFF81
#: ``t_tid`` offset of an inner tuple; 0xfffe marks one of an unfinished split (before 9.1).
TUPLE_IS_VALID = 0xFFFF
TUPLE_IS_INVALID = 0xFFFE


class GistFlags(enum.IntFlag):
    """``flags``."""

    F_LEAF = 0x0001
    F_DELETED = 0x0002
    F_TUPLES_DELETED = 0x0004
    F_FOLLOW_RIGHT = 0x0008
    F_HAS_GARBAGE = 0x0010


GISTPageOpaqueData = Struct(
    "nsn" / PageXLogRecPtr * "node sequence number: LSN of the latest split",
    "rightlink" / BlockNumber * "right sibling, 4294967295 if there is none",
    "flags" / Flags(uint16, GistFlags) * "leaf, deleted, unfinished split, garbage",
    "gist_page_id" / uint16 * "0xFF81: a GiST index",
)
assert GISTPageOpaqueData.sizeof() == 16

GISTDeletedPageContents = Struct(
    "deleteXid" / FullTransactionId * "the page may be reused when no older snapshot is left",
)
assert GISTDeletedPageContents.sizeof() == 8

read_opaque = reader(GISTPageOpaqueData)


def layout(view: PageView, problems: Problems) -> Iterator[Piece]:
    """The pieces of a GiST page."""
    special = special_piece(view, "GISTPageOpaqueData", GISTPageOpaqueData)
    yield special
    if read_opaque(view.data, special.offset).flags & GistFlags.F_DELETED:
        yield header_piece()
        yield contents_piece("GISTDeletedPageContents", GISTDeletedPageContents)
    else:
        yield from line_pointer_page(view, _tuple, problems)


def _tuple(view: PageView, item: Item) -> list[Piece]:
    out, head = begin_layout(view, item)
    key_layout(out, head.t_info, item.offset + tuple_size(head.t_info))
    out.raw("after the tuple", item.end)
    return out.pieces
