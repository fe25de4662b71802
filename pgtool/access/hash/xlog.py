"""Replay of hash index records."""

from __future__ import annotations

import struct

from formats.derive import offset_of, reader, sizeof, struct_of
from formats.hash import LhFlags
from formats.itup import INDEX_SIZE_MASK, IndexTupleData
from formats.units import INVALID_BLOCK_NUMBER, maxalign
from formats.wal import hash as layout
from formats.wal.hash import SplitFlags
from formats.wal.record import DecodedRecord
from pgtool.access.hash import pageops
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.storage.bufmask import (
    mask_lp_flags,
    mask_page_content,
    mask_page_hint_bits,
    mask_page_lsn_and_checksum,
    mask_unused_space,
)
from pgtool.storage.redopool import RedoBuffer
from pgtool.wal.redo import BLK_NEEDS_REDO, BLK_RESTORED, RedoContext

_init_meta = reader(layout.xl_hash_init_meta_page)
_add_ovfl = reader(layout.xl_hash_add_ovfl_page)
_allocate = reader(layout.xl_hash_split_allocate_page)
_complete = struct_of(layout.xl_hash_split_complete)
_move = reader(layout.xl_hash_move_page_contents)
_squeeze = reader(layout.xl_hash_squeeze_page)
_delete = struct_of(layout.xl_hash_delete)
_update_meta = struct_of(layout.xl_hash_update_meta_page)
_T_INFO = offset_of(IndexTupleData, "t_info")
_DEAD = LhFlags.LH_PAGE_HAS_DEAD_TUPLES


def _data(rec: DecodedRecord, block_id: int) -> bytes:
    ref = rec.block(block_id)
    return b"" if ref is None else ref.data


def _word(rec: DecodedRecord, block_id: int) -> int:
    return int.from_bytes(_data(rec, block_id)[:4], "little")


def _needs(rec: DecodedRecord, ctx: RedoContext, block_id: int) -> RedoBuffer | None:
    """The page of a reference where it is there and needs the change."""
    return None if rec.block(block_id) is None else ctx.needed(rec, block_id)


def init_meta_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A new index's metapage."""
    buf = ctx.needed(rec, 0, init=True)
    if buf is not None:
        data = _init_meta(rec.main, 0)
        pageops.init_meta(buf.page, data.num_tuples, data.procid, data.ffactor)
        ctx.done(buf, rec)


def init_bitmap_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A new index's first bitmap page."""
    buf = ctx.needed(rec, 0, init=True)
    if buf is not None:
        pageops.init_bitmap(buf.page, int.from_bytes(rec.main[:2], "little"))
        ctx.done(buf, rec)
    buf = _needs(rec, ctx, 1)
    if buf is not None:
        buckets = pageops.meta_get(buf.page, "maxbucket") + 1
        pageops.meta_add_bitmap(buf.page, buckets + 1)
        ctx.done(buf, rec)


def insert(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A tuple, counted in the metapage."""
    buf = _needs(rec, ctx, 0)
    if buf is not None:
        bufpage.must_add_item(buf.page, _data(rec, 0), int.from_bytes(rec.main[:2], "little"))
        ctx.done(buf, rec)
    buf = _needs(rec, ctx, 1)
    if buf is not None:
        pageops.meta_set_tuples(buf.page, pageops.meta_tuples(buf.page) + 1)
        ctx.done(buf, rec)


def add_ovfl_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """An overflow page at the end of a bucket's chain."""
    data = _add_ovfl(rec.main, 0)
    right, left = rec.block(0), rec.block(1)
    if right is None or left is None:
        raise CorruptData(f"hash record at {rec.lsn} lacks a block reference")
    buf = ctx.needed(rec, 0, init=True)
    if buf is not None:
        pageops.init(buf.page, left.block, _word(rec, 0), LhFlags.LH_OVERFLOW_PAGE)
        ctx.done(buf, rec)
    buf = _needs(rec, ctx, 1)
    if buf is not None:
        pageops.set_next(buf.page, right.block)
        ctx.done(buf, rec)
    buf = _needs(rec, ctx, 2)
    if buf is not None:
        pageops.set_bit(buf.page, _word(rec, 2), True)
        ctx.done(buf, rec)
    new_map = rec.block(3)
    if new_map is not None:
        buf = ctx.needed(rec, 3, init=True)
        if buf is not None:
            pageops.init_bitmap(buf.page, data.bmsize)
            ctx.done(buf, rec)
    buf = _needs(rec, ctx, 4)
    if buf is not None:
        pageops.meta_set(buf.page, "firstfree", _word(rec, 4))
        if not data.bmpage_found:
            pageops.meta_more_spares(buf.page)
            if new_map is not None:
                pageops.meta_add_bitmap(buf.page, new_map.block)
                pageops.meta_more_spares(buf.page)
        ctx.done(buf, rec)


def split_allocate_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A new bucket begins; the old one is marked as being split."""
    data = _allocate(rec.main, 0)
    action, buf = ctx.buffer(rec, 0)
    if action in (BLK_NEEDS_REDO, BLK_RESTORED):  # the image was taken before the change
        assert buf is not None
        pageops.set_flag(buf.page, data.old_bucket_flag)
        pageops.set_prev(buf.page, data.new_bucket)
        ctx.done(buf, rec)
    buf = ctx.needed(rec, 1, init=True)
    if buf is not None:
        pageops.init(buf.page, data.new_bucket, data.new_bucket, data.new_bucket_flag)
        ctx.done(buf, rec)
    buf = _needs(rec, ctx, 2)
    if buf is None:
        return
    pageops.meta_set(buf.page, "maxbucket", data.new_bucket)
    words, at = _data(rec, 2), 0
    if data.flags & SplitFlags.XLH_SPLIT_META_UPDATE_MASKS:
        low, high = struct.unpack_from("<2I", words, at)
        pageops.meta_set(buf.page, "lowmask", low)
        pageops.meta_set(buf.page, "highmask", high)
        at += 8
    if data.flags & SplitFlags.XLH_SPLIT_META_UPDATE_SPLITPOINT:
        point, pages = struct.unpack_from("<2I", words, at)
        pageops.meta_set_spares(buf.page, point, pages)
        pageops.meta_set(buf.page, "ovflpoint", point)
    ctx.done(buf, rec)


def split_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A page of the new bucket, as an image."""
    if ctx.buffer(rec, 0)[0] != BLK_RESTORED:
        raise CorruptData(f"hash split record at {rec.lsn} has no full-page image")


def split_complete(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Both buckets of a split are whole."""
    for block_id, value in enumerate(_complete.unpack_from(rec.main, 0)):
        action, buf = ctx.buffer(rec, block_id)
        if action in (BLK_NEEDS_REDO, BLK_RESTORED):
            assert buf is not None
            pageops.set_flag(buf.page, value)
            ctx.done(buf, rec)


def _moved(data: bytes, count: int) -> tuple[tuple[int, ...], list[bytes]]:
    """(line pointers, tuples) of moved tuples, each at a multiple of 8."""
    offsets = struct.unpack_from(f"<{count}H", data, 0)
    at, tuples = 2 * count, []
    while at < len(data):
        size = int.from_bytes(data[at + _T_INFO : at + _T_INFO + 2], "little") & INDEX_SIZE_MASK
        size = maxalign(size)
        if size < sizeof(IndexTupleData):
            raise CorruptData(f"record holds an index tuple of {size} bytes")
        tuples.append(data[at : at + size])
        at += size
    if len(tuples) != count:
        raise CorruptData(f"record holds {len(tuples)} index tuples, {count} were announced")
    return offsets, tuples


def move_page_contents(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Tuples moved from an overflow page to one before it."""
    data = _move(rec.main, 0)
    if not data.is_prim_bucket_same_wrt:
        ctx.optional(rec, 0)
    buf = _needs(rec, ctx, 1)
    if buf is not None:
        if data.ntups:
            pageops.add_tuples(buf.page, *_moved(_data(rec, 1), data.ntups))
        ctx.done(buf, rec)
    buf = _needs(rec, ctx, 2)
    if buf is not None:
        _take_out(buf.page, _data(rec, 2))
        ctx.done(buf, rec)


def _take_out(page: bytearray, data: bytes) -> None:
    if data:
        bufpage.index_multi_delete(page, struct.unpack_from(f"<{len(data) // 2}H", data, 0))


def squeeze_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """An overflow page is emptied and freed."""
    data = _squeeze(rec.main, 0)
    if not data.is_prim_bucket_same_wrt:
        ctx.optional(rec, 0)
    buf = _needs(rec, ctx, 1)
    if buf is not None:
        if data.ntups:
            pageops.add_tuples(buf.page, *_moved(_data(rec, 1), data.ntups))
        if data.is_prev_bucket_same_wrt:
            pageops.set_next(buf.page, data.nextblkno)
        ctx.done(buf, rec)
    buf = _needs(rec, ctx, 2)
    if buf is not None:
        pageops.init_unused(buf.page)
        ctx.done(buf, rec)
    if not data.is_prev_bucket_same_wrt:
        buf = _needs(rec, ctx, 3)
        if buf is not None:
            pageops.set_next(buf.page, data.nextblkno)
            ctx.done(buf, rec)
    buf = _needs(rec, ctx, 4)
    if buf is not None:
        pageops.set_prev(buf.page, data.prevblkno)
        ctx.done(buf, rec)
    buf = _needs(rec, ctx, 5)
    if buf is not None:
        pageops.set_bit(buf.page, _word(rec, 5), False)
        ctx.done(buf, rec)
    buf = _needs(rec, ctx, 6)
    if buf is not None:
        pageops.meta_set(buf.page, "firstfree", _word(rec, 6))
        ctx.done(buf, rec)


def delete(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Tuples removed by VACUUM or after a split."""
    clear, primary = _delete.unpack_from(rec.main, 0)
    if not primary:
        ctx.optional(rec, 0)
    buf = _needs(rec, ctx, 1)
    if buf is not None:
        _take_out(buf.page, _data(rec, 1))
        if clear:
            pageops.clear_flag(buf.page, _DEAD)
        ctx.done(buf, rec)


def split_cleanup(rec: DecodedRecord, ctx: RedoContext) -> None:
    """The old bucket no longer holds what the split moved away."""
    buf = _needs(rec, ctx, 0)
    if buf is not None:
        pageops.clear_flag(buf.page, LhFlags.LH_BUCKET_NEEDS_SPLIT_CLEANUP)
        ctx.done(buf, rec)


def update_meta_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """VACUUM's count of tuples."""
    buf = _needs(rec, ctx, 0)
    if buf is not None:
        pageops.meta_set_tuples(buf.page, _update_meta.unpack_from(rec.main, 0)[0])
        ctx.done(buf, rec)


def vacuum_one_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Dead tuples removed from a page to make room."""
    head = layout.xl_hash_vacuum_one_page[rec.major]
    at = offset_of(head, "ntuples")
    count = int.from_bytes(rec.main[at : at + 2], "little")
    buf = _needs(rec, ctx, 0)
    if buf is not None:
        if len(rec.main) > sizeof(head):
            gone = struct.unpack_from(f"<{count}H", rec.main, sizeof(head))
            bufpage.index_multi_delete(buf.page, gone)
        pageops.clear_flag(buf.page, _DEAD)
        ctx.done(buf, rec)
    buf = _needs(rec, ctx, 1)
    if buf is not None:
        pageops.meta_set_tuples(buf.page, pageops.meta_tuples(buf.page) - count)
        ctx.done(buf, rec)


def mask(page: bytearray, block: int) -> None:
    """Blank what replay need not restore."""
    mask_page_lsn_and_checksum(page)
    mask_page_hint_bits(page)
    mask_unused_space(page)
    kind = pageops.page_type(page)
    if kind == pageops.LH_UNUSED_PAGE:
        mask_page_content(page)
    elif kind in (LhFlags.LH_BUCKET_PAGE, LhFlags.LH_OVERFLOW_PAGE):
        mask_lp_flags(page)
    pageops.clear_flag(page, _DEAD)


assert INVALID_BLOCK_NUMBER == pageops.INVALID_BUCKET

REDO = {
    "INIT_META_PAGE": init_meta_page,
    "INIT_BITMAP_PAGE": init_bitmap_page,
    "INSERT": insert,
    "ADD_OVFL_PAGE": add_ovfl_page,
    "SPLIT_ALLOCATE_PAGE": split_allocate_page,
    "SPLIT_PAGE": split_page,
    "SPLIT_COMPLETE": split_complete,
    "MOVE_PAGE_CONTENTS": move_page_contents,
    "SQUEEZE_PAGE": squeeze_page,
    "DELETE": delete,
    "SPLIT_CLEANUP": split_cleanup,
    "UPDATE_META_PAGE": update_meta_page,
    "VACUUM_ONE_PAGE": vacuum_one_page,
}
