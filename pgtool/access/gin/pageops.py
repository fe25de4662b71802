"""Changes of GIN pages, as pure functions of (page, arguments).

Entry pages are slotted pages of index tuples; posting tree pages are arrays (inner) or a
row of compressed segments (leaf) behind the right bound, with ``pd_lower`` at their end.
"""

from __future__ import annotations

from collections.abc import Sequence

from formats.derive import offset_of, sizeof, struct_of
from formats.errors import CorruptData
from formats.gin import (
    DATA_PAGE_START,
    GIN_CURRENT_VERSION,
    GinFlags,
    GinMetaPageData,
    GinPageOpaqueData,
    GinPostingListHeader,
    PostingItem,
    decode_posting_list,
    encode_posting_list,
)
from formats.itemptr import ItemPointer
from formats.itup import read_tids
from formats.page import SIZE_OF_PAGE_HEADER
from formats.units import BLCKSZ, INVALID_BLOCK_NUMBER
from formats.wal.gin import SegmentAction
from pgtool.storage import page as bufpage

_OPAQUE = struct_of(GinPageOpaqueData)
_RIGHTLINK = offset_of(GinPageOpaqueData, "rightlink")
_MAXOFF = offset_of(GinPageOpaqueData, "maxoff")
_FLAGS = offset_of(GinPageOpaqueData, "flags")
_AT = BLCKSZ - _OPAQUE.size
_META = sizeof(GinMetaPageData)
_ITEM = sizeof(PostingItem)
_HEAD = sizeof(GinPostingListHeader)
_NBYTES = offset_of(GinPostingListHeader, "nbytes")
_TID = 6
assert GIN_CURRENT_VERSION == 2


def init(page: bytearray, flags: int) -> None:
    """An empty page of a kind, without a right sibling."""
    bufpage.init(page, _OPAQUE.size)
    _OPAQUE.pack_into(page, _AT, INVALID_BLOCK_NUMBER, 0, flags)


def init_meta(page: bytearray, metadata: bytes) -> None:
    """The metapage with these contents."""
    init(page, GinFlags.GIN_META)
    page[SIZE_OF_PAGE_HEADER : SIZE_OF_PAGE_HEADER + _META] = metadata
    bufpage.set_bounds(page, SIZE_OF_PAGE_HEADER + _META, _AT)


def flags(page: bytes | bytearray) -> int:
    """The page's flags."""
    return int.from_bytes(page[_AT + _FLAGS : _AT + _FLAGS + 2], "little")


def set_flags(page: bytearray, on: int = 0, off: int = 0) -> None:
    """Set and clear flags."""
    value = flags(page) & ~off | on
    page[_AT + _FLAGS : _AT + _FLAGS + 2] = value.to_bytes(2, "little")


def maxoff(page: bytes | bytearray) -> int:
    """``maxoff`` of the special space."""
    return int.from_bytes(page[_AT + _MAXOFF : _AT + _MAXOFF + 2], "little")


def set_maxoff(page: bytearray, value: int) -> None:
    """Set ``maxoff``."""
    page[_AT + _MAXOFF : _AT + _MAXOFF + 2] = value.to_bytes(2, "little")


def set_rightlink(page: bytearray, block: int) -> None:
    """Set the right sibling."""
    page[_AT + _RIGHTLINK : _AT + _RIGHTLINK + 4] = block.to_bytes(4, "little")


def set_delete_xid(page: bytearray, xid: int) -> None:
    """Mark the page deleted, to be reused when nobody needs ``xid`` any more."""
    set_flags(page, on=GinFlags.GIN_DELETED)
    bufpage.set_prune_xid(page, xid)


def set_data_size(page: bytearray, size: int) -> None:
    """The posting tree page holds ``size`` bytes."""
    if DATA_PAGE_START + size > _AT:
        raise CorruptData(f"posting tree page of {size} bytes", field="pd_lower")
    bufpage.set_bounds(page, DATA_PAGE_START + size, bufpage.bounds(page)[1])


def set_segments(page: bytearray, data: bytes) -> None:
    """The segments of a posting tree leaf, as bytes."""
    if DATA_PAGE_START + len(data) > _AT:
        raise CorruptData(f"posting tree leaf of {len(data)} bytes", field="pd_lower")
    page[DATA_PAGE_START : DATA_PAGE_START + len(data)] = data
    set_data_size(page, len(data))


# -- entry tree ---------------------------------------------------------------------------


def set_downlink(page: bytearray, offnum: int, child: int) -> None:
    """The tuple at ``offnum`` leads to another child."""
    offset = bufpage.own_item_id(page, offnum).offset
    page[offset : offset + _TID] = _pointer(child, 0)


def insert_entry(
    page: bytearray, offnum: int, data: bytes, replace: bool, right_child: int | None
) -> None:
    """Put an entry tuple at ``offnum``; ``right_child`` is where the tuple there leads then."""
    if right_child is not None:
        set_downlink(page, offnum, right_child)
    if replace:
        bufpage.index_tuple_delete(page, offnum)
    bufpage.must_add_item(page, data, offnum)


def _pointer(block: int, offset: int) -> bytes:
    return (
        (block >> 16).to_bytes(2, "little")
        + (block & 0xFFFF).to_bytes(2, "little")
        + offset.to_bytes(2, "little")
    )


# -- posting tree, inner pages --------------------------------------------------------------


def insert_item(page: bytearray, offnum: int, data: bytes, right_child: int) -> None:
    """Put a posting item at ``offnum``; the one there leads to ``right_child`` then."""
    count = maxoff(page)
    at = DATA_PAGE_START + (offnum - 1) * _ITEM
    end = DATA_PAGE_START + count * _ITEM
    if not 1 <= offnum <= count or end + _ITEM > _AT:
        raise CorruptData(f"there is no posting item {offnum}", field="maxoff")
    page[at : at + 4] = _pointer(right_child, 0)[:4]
    page[at + _ITEM : end + _ITEM] = page[at:end]
    page[at : at + _ITEM] = data
    set_maxoff(page, count + 1)
    set_data_size(page, (count + 1) * _ITEM)


def delete_posting_item(page: bytearray, offnum: int) -> None:
    """Take out a posting item."""
    count = maxoff(page)
    at = DATA_PAGE_START + (offnum - 1) * _ITEM
    end = DATA_PAGE_START + count * _ITEM
    if not 1 <= offnum <= count:
        raise CorruptData(f"there is no posting item {offnum}", field="maxoff")
    page[at : end - _ITEM] = page[at + _ITEM : end]
    set_maxoff(page, count - 1)
    set_data_size(page, (count - 1) * _ITEM)


# -- posting tree, leaves -----------------------------------------------------------------------


def segment_size(data: bytes | bytearray | memoryview, at: int) -> int:
    """Bytes of the segment at ``at``, alignment included."""
    nbytes = int.from_bytes(data[at + _NBYTES : at + _NBYTES + 2], "little")
    return _HEAD + nbytes + (nbytes & 1)


def segments(page: bytes | bytearray) -> list[bytes]:
    """The segments of a compressed leaf."""
    at, end = DATA_PAGE_START, bufpage.bounds(page)[0]
    out = []
    while at < end:
        size = segment_size(page, at)
        if at + size > end:
            raise CorruptData("posting list does not fit", offset=at, field="nbytes")
        out.append(bytes(page[at : at + size]))
        at += size
    return out


def compress(page: bytearray) -> None:
    """Bring a leaf of before 9.4 (plain TIDs) into the compressed form."""
    count = maxoff(page)
    tids = [ItemPointer(*t) for t in read_tids(bytes(page), DATA_PAGE_START, count)]
    set_segments(page, encode_posting_list(tids) if tids else b"")
    set_flags(page, on=GinFlags.GIN_COMPRESSED)
    set_maxoff(page, 0)


#: What becomes of a segment: (segment number, action, new segment, added TIDs).
SegmentChange = tuple[int, int, bytes, Sequence[ItemPointer]]


def recompress(page: bytearray, changes: Sequence[SegmentChange]) -> None:
    """Change some segments of a leaf."""
    if not flags(page) & GinFlags.GIN_COMPRESSED:
        compress(page)
    old = segments(page)
    out: list[bytes] = []
    at = 0
    for number, action, data, added in changes:
        if number < at or number > len(old):
            raise CorruptData(f"there is no posting list {number}")
        out += old[at:number]
        at = number
        if action == SegmentAction.GIN_SEGMENT_INSERT:
            out.append(data)
            continue
        if at >= len(old):
            raise CorruptData(f"there is no posting list {number}")
        if action == SegmentAction.GIN_SEGMENT_REPLACE:
            out.append(data)
        elif action == SegmentAction.GIN_SEGMENT_ADDITEMS:
            before = decode_posting_list(old[at], 0, len(old[at]))[0]
            out.append(encode_posting_list(sorted({*before, *added})))
        elif action != SegmentAction.GIN_SEGMENT_DELETE:
            raise CorruptData(f"unexpected GIN leaf action: {action}")
        at += 1
    out += old[at:]
    set_segments(page, b"".join(out))
