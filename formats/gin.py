"""GIN pages: meta, entry tree, posting trees and pending list; the posting list codec.

Source: ``access/ginblock.h``, ``access/ginpostinglist.c`` for the codec's facts. Every
page ends with the 8-byte GinPageOpaqueData, which has no page id: a GIN page is known by
the size of its special space and a flag word below 0x0100.

* Entry pages hold index tuples: key, then on leaves either a posting list inside the
  tuple or the root of a posting tree; on inner pages a child.
* Posting tree pages (GIN_DATA) begin with the right bound, then compressed segments
  (leaf) or posting items (inner).
* Pending list pages (GIN_LIST) hold index tuples, one for each (row, key) pair.

Compressed posting list: the first TID, a byte count, then the differences between
successive TIDs, taken as block << 11 | offset, seven bits to a byte, lowest first, the
high bit set on all but the last byte of each.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from construct import Struct

from formats.derive import reader, sizeof
from formats.errors import CorruptData
from formats.itemptr import BlockIdData, ItemPointer, ItemPointerData, pointer_in
from formats.itup import begin_layout, checked_header, key_layout, tid_of, tuple_size
from formats.layout import (
    Item,
    PageView,
    Piece,
    Problems,
    Role,
    TupleWriter,
    array,
    contents_piece,
    corrupt,
    header_piece,
    line_pointer_page,
    raw,
    special_piece,
)
from formats.page import SIZE_OF_PAGE_HEADER
from formats.units import BlockNumber, Flags, OffsetNumber, Raw, int32, int64, uint16, uint32

GIN_METAPAGE_BLKNO = 0
GIN_ROOT_BLKNO = 1
GIN_CURRENT_VERSION = 2
GIN_TREE_POSTING = 0xFFFF
GIN_ITUP_COMPRESSED = 1 << 31
MAX_HEAP_TUPLES_PER_PAGE_BITS = 11
MAX_BYTES_PER_INTEGER = 7


class GinFlags(enum.IntFlag):
    """``flags``."""

    GIN_DATA = 0x0001
    GIN_LEAF = 0x0002
    GIN_DELETED = 0x0004
    GIN_META = 0x0008
    GIN_LIST = 0x0010
    GIN_LIST_FULLROW = 0x0020
    GIN_INCOMPLETE_SPLIT = 0x0040
    GIN_COMPRESSED = 0x0080


class GinNullCategory(enum.IntEnum):
    """Category byte of a null key in an entry tuple."""

    GIN_CAT_NORM_KEY = 0
    GIN_CAT_NULL_KEY = 1
    GIN_CAT_EMPTY_ITEM = 2
    GIN_CAT_NULL_ITEM = 3


GinPageOpaqueData = Struct(
    "rightlink" / BlockNumber * "next page of the level or list, 4294967295 at its end",
    "maxoff" / OffsetNumber * "posting items on an inner posting tree page; rows on a list page",
    "flags" / Flags(uint16, GinFlags) * "what kind of page, and its state",
)
assert GinPageOpaqueData.sizeof() == 8

GinMetaPageData = Struct(
    "head" / BlockNumber * "first page of the pending list, 4294967295 if it is empty",
    "tail" / BlockNumber * "last page of the pending list",
    "tailFreeSize" / uint32 * "free bytes on that page",
    "nPendingPages" / BlockNumber * "pages in the pending list",
    "nPendingHeapTuples" / int64 * "rows in the pending list",
    "nTotalPages" / BlockNumber * "pages of the index at the last VACUUM",
    "nEntryPages" / BlockNumber * "of these, entry tree pages",
    "nDataPages" / BlockNumber * "of these, posting tree pages",
    "padding1" / Raw(4) * "alignment",
    "nEntries" / int64 * "keys at the last VACUUM",
    "ginVersion" / int32 * "version of the format, 2 since PostgreSQL 9.4",
    "padding2" / Raw(4) * "alignment",
)
assert GinMetaPageData.sizeof() == 56

PostingItem = Struct(
    "child_blkno" / BlockIdData * "child page",
    "key" / ItemPointerData * "its right bound",
)
assert PostingItem.sizeof() == 10

#: What leaves held before PostgreSQL 9.4, still there after pg_upgrade.
UncompressedItem = Struct("tid" / ItemPointerData * "heap tuple")

GinPostingListHeader = Struct(
    "first" / ItemPointerData * "the first TID, not compressed",
    "nbytes" / uint16 * "bytes of differences that follow",
)
assert GinPostingListHeader.sizeof() == 8

RightBound = Struct(
    "right bound" / ItemPointerData * "greatest TID that the page may hold",
    "padding" / Raw(2) * "alignment",
)
assert RightBound.sizeof() == 8

#: Where the contents of a posting tree page begin.
DATA_PAGE_START = SIZE_OF_PAGE_HEADER + sizeof(RightBound)

read_opaque = reader(GinPageOpaqueData)
read_meta = reader(GinMetaPageData)
_read_list = reader(GinPostingListHeader)


def decode_posting_list(data: bytes, at: int, end: int) -> tuple[list[ItemPointer], int]:
    """The TIDs of the compressed list at ``at``, and where the list ends (2-byte aligned).

    CorruptData where it does not end by ``end`` or a difference is too long.
    """
    if at + sizeof(GinPostingListHeader) > end:
        raise CorruptData("posting list ends inside its header", offset=at)
    head = _read_list(data, at)
    first = pointer_in(head, "first")
    start = at + sizeof(GinPostingListHeader)
    stop = start + head.nbytes
    if stop > end:
        raise CorruptData(f"posting list of {head.nbytes} bytes", offset=at, field="nbytes")
    value = first.block << MAX_HEAP_TUPLES_PER_PAGE_BITS | first.offset
    tids = [first]
    mask = (1 << MAX_HEAP_TUPLES_PER_PAGE_BITS) - 1
    shift = delta = 0
    for position in range(start, stop):
        byte = data[position]
        delta |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
            if shift >= 7 * MAX_BYTES_PER_INTEGER:
                raise CorruptData("difference of too many bytes", offset=position)
            continue
        value += delta
        block = value >> MAX_HEAP_TUPLES_PER_PAGE_BITS
        if block > 0xFFFFFFFF:
            raise CorruptData("posting list leads beyond the last block", offset=position)
        tids.append(ItemPointer(block, value & mask))
        shift = delta = 0
    if shift:
        raise CorruptData("posting list ends inside a difference", offset=stop)
    return tids, stop + (head.nbytes & 1)


def encode_posting_list(tids: Sequence[ItemPointer]) -> bytes:
    """The compressed list of ascending TIDs, padded to an even length."""
    values = [block << MAX_HEAP_TUPLES_PER_PAGE_BITS | offset for block, offset in tids]
    out = bytearray()
    for previous, value in itertools.pairwise(values):
        delta = value - previous
        assert delta > 0, "TIDs must ascend"
        while delta > 0x7F:
            out.append(0x80 | delta & 0x7F)
            delta >>= 7
        out.append(delta)
    head: bytes = GinPostingListHeader.build({"first": tids[0], "nbytes": len(out)})
    return head + bytes(out) + b"\0" * (len(out) & 1)


def posting_segments(view: PageView) -> Iterator[tuple[int, int, list[ItemPointer]]]:
    """(start, nbytes, TIDs) of each segment of a compressed posting tree leaf."""
    end = int(view.header.pd_lower)
    if not DATA_PAGE_START <= end <= view.special:
        raise corrupt("pd_lower", f"posting lists end at {end}")
    at = DATA_PAGE_START
    while at < end:
        tids, stop = decode_posting_list(view.data, at, end)
        yield at, _read_list(view.data, at).nbytes, tids
        at = stop


def layout(view: PageView, problems: Problems) -> Iterator[Piece]:
    """The pieces of a GIN page."""
    special = special_piece(view, "GinPageOpaqueData", GinPageOpaqueData)
    yield special
    opaque = read_opaque(view.data, special.offset)
    if opaque.flags & GinFlags.GIN_META:
        yield header_piece()
        yield contents_piece("GinMetaPageData", GinMetaPageData)
    elif opaque.flags & GinFlags.GIN_DATA:
        yield from _data_page(view, opaque, special.offset, problems)
    elif opaque.flags & GinFlags.GIN_LIST or not opaque.flags & GinFlags.GIN_LEAF:
        yield from line_pointer_page(view, _plain_tuple, problems)
    else:
        yield from line_pointer_page(view, _leaf_tuple, problems)


def _data_page(view: PageView, opaque: Any, end: int, problems: Problems) -> Iterator[Piece]:
    yield header_piece()
    yield contents_piece("right bound", RightBound)
    if opaque.flags & GinFlags.GIN_LEAF and opaque.flags & GinFlags.GIN_COMPRESSED:
        try:
            for number, (start, nbytes, tids) in enumerate(posting_segments(view), 1):
                note = f"{len(tids)} TIDs, {tids[0]} to {tids[-1]}"
                name = f"posting list {number}"
                head = Piece(name, Role.CONTENTS, start, GinPostingListHeader, number, note)
                yield head
                if nbytes:
                    shown = ", ".join(str(t) for t in tids)
                    body = raw(nbytes)
                    yield Piece(f"{name}: bytes", Role.CONTENTS, head.end, body, number, shown)
        except CorruptData as error:
            problems(error)
        return
    leaf = opaque.flags & GinFlags.GIN_LEAF
    con = UncompressedItem if leaf else PostingItem
    if DATA_PAGE_START + opaque.maxoff * sizeof(con) > end:
        raise CorruptData(f"{opaque.maxoff} posting items", offset=end, field="maxoff")
    for number in range(1, opaque.maxoff + 1):
        at = DATA_PAGE_START + (number - 1) * sizeof(con)
        yield Piece(f"posting item {number}", Role.CONTENTS, at, con, number)


def _plain_tuple(view: PageView, item: Item) -> list[Piece]:
    out, head = begin_layout(view, item)
    key_layout(out, head.t_info, item.offset + tuple_size(head.t_info))
    out.raw("after the tuple", item.end)
    return out.pieces


def _leaf_tuple(view: PageView, item: Item) -> list[Piece]:
    head = checked_header(view, item)
    block, count = tid_of(head)
    end = item.offset + tuple_size(head.t_info)
    if count == GIN_TREE_POSTING:
        out, head = begin_layout(view, item, f"posting tree with root block {block}")
        key_layout(out, head.t_info, end)
    else:
        where = block & ~GIN_ITUP_COMPRESSED
        out, head = begin_layout(view, item, f"{count} TIDs, {where} bytes into the tuple")
        start = item.offset + where
        if not out.at <= start <= end:
            raise CorruptData(
                f"posting list of tuple {item.number} does not fit", offset=item.offset
            )
        key_layout(out, head.t_info, start)
        _posting(view, out, end, count, bool(block & GIN_ITUP_COMPRESSED))
    out.raw("after the tuple", item.end)
    return out.pieces


def _posting(view: PageView, out: TupleWriter, end: int, count: int, compressed: bool) -> None:
    if not count:
        return
    if not compressed:
        out.add("posting list", array(count, ItemPointerData))
        return
    tids, stop = decode_posting_list(view.data, out.at, end)
    out.add("posting list", GinPostingListHeader)
    out.raw("posting list bytes", min(stop, end), ", ".join(str(t) for t in tids))
