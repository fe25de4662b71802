"""Replay of GIN records."""

from __future__ import annotations

import struct

from formats.derive import reader, sizeof, struct_of
from formats.gin import DATA_PAGE_START, GinFlags, GinMetaPageData, PostingItem
from formats.itemptr import BlockIdData, ItemPointer
from formats.itup import INDEX_SIZE_MASK, IndexTupleData, read_tids
from formats.page import SIZE_OF_PAGE_HEADER
from formats.units import INVALID_BLOCK_NUMBER
from formats.wal import gin as layout
from formats.wal.gin import InsertFlags, SegmentAction
from formats.wal.record import DecodedRecord
from pgtool.access.gin import pageops
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.storage import pageedit
from pgtool.storage.bufmask import (
    mask_page_content,
    mask_page_hint_bits,
    mask_page_lsn_and_checksum,
    mask_unused_space,
)
from pgtool.wal.redo import BLK_RESTORED, RedoContext

_U16 = struct.Struct("<H")
_INSERT = struct_of(layout.ginxlogInsert)
_ENTRY = struct_of(layout.ginxlogInsertEntryHeader)
_split = reader(layout.ginxlogSplit)
_delete = reader(layout.ginxlogDeletePage)
_list = reader(layout.ginxlogInsertListPage)
_META_AT = sizeof(layout.RelFileLocator) + 4
_META = sizeof(GinMetaPageData)
_TAIL = struct.Struct("<2Ii")
_T_INFO = sizeof(IndexTupleData) - 2
_BLOCK = sizeof(BlockIdData)


def _clear_incomplete_split(rec: DecodedRecord, ctx: RedoContext, block_id: int) -> None:
    buf = ctx.needed(rec, block_id)
    if buf is not None:
        pageops.set_flags(buf.page, off=GinFlags.GIN_INCOMPLETE_SPLIT)
        ctx.done(buf, rec)


def _restore(rec: DecodedRecord, ctx: RedoContext, block_id: int, what: str) -> None:
    if ctx.buffer(rec, block_id)[0] != BLK_RESTORED:
        raise CorruptData(f"GIN record at {rec.lsn} has no full-page image of the {what}")


def create_ptree(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A posting tree of one leaf."""
    buf = ctx.needed(rec, 0, init=True)
    if buf is None:
        return
    pageops.init(buf.page, GinFlags.GIN_DATA | GinFlags.GIN_LEAF | GinFlags.GIN_COMPRESSED)
    size = int.from_bytes(rec.main[:4], "little")
    pageops.set_segments(buf.page, rec.main[4 : 4 + size])
    ctx.done(buf, rec)


def _changes(data: bytes, at: int) -> list[pageops.SegmentChange]:
    (count,) = _U16.unpack_from(data, at)
    at += 2
    out: list[pageops.SegmentChange] = []
    for _ in range(count):
        number, action = data[at], data[at + 1]
        at += 2
        segment, added = b"", list[ItemPointer]()
        if action in (SegmentAction.GIN_SEGMENT_INSERT, SegmentAction.GIN_SEGMENT_REPLACE):
            size = pageops.segment_size(data, at)
            segment = data[at : at + size]
            at += size
        elif action == SegmentAction.GIN_SEGMENT_ADDITEMS:
            (nitems,) = _U16.unpack_from(data, at)
            added = read_tids(data, at + 2, nitems)
            at += 2 + 6 * nitems
        out.append((number, action, segment, added))
    return out


def insert(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A tuple, an item or rows put into a page; perhaps the end of a split below."""
    (flags,) = _INSERT.unpack_from(rec.main, 0)
    leaf = bool(flags & InsertFlags.GIN_INSERT_ISLEAF)
    right: int | None = None
    if not leaf:
        high, low = struct.unpack_from("<2H", rec.main, _INSERT.size + _BLOCK)
        right = high << 16 | low
        _clear_incomplete_split(rec, ctx, 1)
    buf = ctx.needed(rec, 0)
    if buf is None:
        return
    ref = rec.block(0)
    assert ref is not None
    data = ref.data
    if not flags & InsertFlags.GIN_INSERT_ISDATA:
        offnum, replace, _pad = _ENTRY.unpack_from(data, 0)
        size = _tuple_size(data, _ENTRY.size)
        pageops.insert_entry(
            buf.page, offnum, data[_ENTRY.size : _ENTRY.size + size], bool(replace), right
        )
    elif leaf:
        pageops.recompress(buf.page, _changes(data, 0))
    else:
        assert right is not None
        (offnum,) = _U16.unpack_from(data, 0)
        pageops.insert_item(buf.page, offnum, data[2 : 2 + sizeof(PostingItem)], right)
    ctx.done(buf, rec)


def split(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A split: both halves (and a new root) come as images."""
    flags = _split(rec.main, 0).flags
    if not flags & InsertFlags.GIN_INSERT_ISLEAF:
        _clear_incomplete_split(rec, ctx, 3)
    _restore(rec, ctx, 0, "left page")
    _restore(rec, ctx, 1, "right page")
    if flags & InsertFlags.GIN_SPLIT_ROOT:
        _restore(rec, ctx, 2, "root page")


def vacuum_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """An entry page after VACUUM, as an image."""
    _restore(rec, ctx, 0, "page")


def vacuum_data_leaf(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Rows taken out of a posting tree leaf."""
    buf = ctx.needed(rec, 0)
    if buf is not None:
        ref = rec.block(0)
        assert ref is not None
        pageops.recompress(buf.page, _changes(ref.data, 0))
        ctx.done(buf, rec)


def delete_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A posting tree page taken out of the tree."""
    data = _delete(rec.main, 0)
    buf = ctx.needed(rec, 2)
    if buf is not None:
        pageops.set_rightlink(buf.page, data.rightLink)
        ctx.done(buf, rec)
    buf = ctx.needed(rec, 0)
    if buf is not None:
        pageops.set_delete_xid(buf.page, data.deleteXid)
        ctx.done(buf, rec)
    buf = ctx.needed(rec, 1)
    if buf is not None:
        pageops.delete_posting_item(buf.page, data.parentOffset)
        ctx.done(buf, rec)


def _tuple_size(data: bytes, at: int) -> int:
    size = int(_U16.unpack_from(data, at + _T_INFO)[0]) & INDEX_SIZE_MASK
    if size < sizeof(IndexTupleData):
        raise CorruptData(f"GIN record holds a tuple of {size} bytes")
    return size


def _append(page: bytearray, data: bytes, count: int) -> None:
    number = bufpage.max_offset(page) + 1
    if not pageedit.add_tuples(page, number, data, 0, len(data), count):
        raise CorruptData(f"{count} index tuples do not fit into their data or on the page")


def _meta(rec: DecodedRecord, ctx: RedoContext, metadata: bytes) -> None:
    buf = ctx.needed(rec, 0, init=True)
    if buf is not None:
        pageops.init_meta(buf.page, metadata)
        ctx.done(buf, rec)


def update_meta(rec: DecodedRecord, ctx: RedoContext) -> None:
    """The metapage anew; rows put on the pending list's last page, or a new last page."""
    _meta(rec, ctx, rec.main[_META_AT : _META_AT + _META])
    prev_tail, right, ntuples = _TAIL.unpack_from(rec.main, _META_AT + _META)
    if ntuples <= 0 and prev_tail == INVALID_BLOCK_NUMBER:
        return
    buf = ctx.needed(rec, 1)
    if buf is None:
        return
    if ntuples > 0:
        ref = rec.block(1)
        assert ref is not None
        _append(buf.page, ref.data, ntuples)
        pageops.set_maxoff(buf.page, pageops.maxoff(buf.page) + 1)
    else:
        pageops.set_rightlink(buf.page, right)
    ctx.done(buf, rec)


def insert_list_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A whole page of the pending list."""
    head = _list(rec.main, 0)
    buf = ctx.needed(rec, 0, init=True)
    if buf is None:
        return
    last = head.rightlink == INVALID_BLOCK_NUMBER
    pageops.init(buf.page, GinFlags.GIN_LIST | (GinFlags.GIN_LIST_FULLROW if last else 0))
    pageops.set_rightlink(buf.page, head.rightlink)
    pageops.set_maxoff(buf.page, 1 if last else 0)
    ref = rec.block(0)
    assert ref is not None
    _append(buf.page, ref.data, head.ntuples)
    ctx.done(buf, rec)


def delete_list_pages(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Pages taken off the pending list: they become empty, deleted pages."""
    _meta(rec, ctx, rec.main[:_META])
    (count,) = struct.unpack_from("<i", rec.main, _META)
    for block_id in range(1, count + 1):
        buf = ctx.needed(rec, block_id, init=True)
        if buf is not None:
            pageops.init(buf.page, GinFlags.GIN_DELETED)
            ctx.done(buf, rec)


def mask(page: bytearray, block: int) -> None:
    """Blank what replay need not restore."""
    mask_page_lsn_and_checksum(page)
    mask_page_hint_bits(page)
    if pageops.flags(page) & GinFlags.GIN_DELETED:
        mask_page_content(page)
    elif bufpage.bounds(page)[0] > SIZE_OF_PAGE_HEADER:
        mask_unused_space(page)


assert DATA_PAGE_START == SIZE_OF_PAGE_HEADER + 8

REDO = {
    "CREATE_PTREE": create_ptree,
    "INSERT": insert,
    "SPLIT": split,
    "VACUUM_PAGE": vacuum_page,
    "DELETE_PAGE": delete_page,
    "UPDATE_META_PAGE": update_meta,
    "INSERT_LISTPAGE": insert_list_page,
    "DELETE_LISTPAGE": delete_list_pages,
    "VACUUM_DATA_LEAF_PAGE": vacuum_data_leaf,
}
