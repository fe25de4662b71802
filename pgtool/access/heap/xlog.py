"""Redo of the heap's WAL records, both resource managers, every major.

A record becomes a page by the very functions of :mod:`pgtool.access.heap.pageops` that the
writer called; here is only what the records' layouts (:mod:`formats.wal.heap`,
:mod:`formats.wal.heap2`) add: where the tuple's parts travel, which page is which block
reference, and the maps beside the heap. The visibility map is cleared whether or not the
heap page needs its change: late 18 refers to the map's page in the record, before that the
record's flags alone say so.

:func:`mask` blanks what need not be equal between a replayed page and the server's.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from formats.derive import reader, struct_of
from formats.heap import (
    HEAP_XACT_MASK,
    SIZEOF_HEAP_TUPLE_HEADER,
    HeapInfomask,
    xmin_frozen,
)
from formats.itemptr import SPEC_TOKEN_OFFSET_NUMBER
from formats.page import LpFlags
from formats.units import BLCKSZ, maxalign
from formats.wal.heap import (
    XLOG_HEAP_INIT_PAGE,
    DeleteFlags,
    InsertFlags,
    LockFlags,
    UpdateFlags,
    xl_heap_confirm,
    xl_heap_delete,
    xl_heap_inplace,
    xl_heap_insert,
    xl_heap_lock,
    xl_heap_update,
)
from formats.wal.heap2 import xl_heap_multi_insert, xl_multi_insert_tuple
from formats.wal.record import BlockRef, DecodedRecord
from formats.wal.tuples import xl_heap_header
from pgtool.access.heap import pageops, visibilitymap
from pgtool.errors import CorruptData
from pgtool.storage import bufmask, freespace
from pgtool.storage import page as bufpage
from pgtool.storage.smgr import ForkNumber, RelFileLocator
from pgtool.wal.redo import BLK_NEEDS_REDO

if TYPE_CHECKING:
    from pgtool.storage.redopool import RedoBuffer
    from pgtool.wal.redo import Action, RedoContext

#: A page with less room than this is noted in the free space map.
LOW_SPACE = BLCKSZ // 5

_insert, _delete, _update, _confirm, _lock, _multi_insert = (
    struct_of(layout).unpack_from
    for layout in (
        xl_heap_insert, xl_heap_delete, xl_heap_update, xl_heap_confirm, xl_heap_lock,
        xl_heap_multi_insert,
    )
)  # fmt: skip
_HEADER = struct_of(xl_heap_header)
_MULTI = struct_of(xl_multi_insert_tuple)
_U16 = struct.Struct("<H")
_FSM = int(ForkNumber.FSM)
_DELETE_ALL_VISIBLE_CLEARED = int(DeleteFlags.XLH_DELETE_ALL_VISIBLE_CLEARED)
_DELETE_IS_PARTITION_MOVE = int(DeleteFlags.XLH_DELETE_IS_PARTITION_MOVE)
_DELETE_IS_SUPER = int(DeleteFlags.XLH_DELETE_IS_SUPER)
_INSERT_ALL_FROZEN_SET = int(InsertFlags.XLH_INSERT_ALL_FROZEN_SET)
_INSERT_ALL_VISIBLE_CLEARED = int(InsertFlags.XLH_INSERT_ALL_VISIBLE_CLEARED)
_LOCK_ALL_FROZEN_CLEARED = int(LockFlags.XLH_LOCK_ALL_FROZEN_CLEARED)
_UPDATE_NEW_ALL_VISIBLE_CLEARED = int(UpdateFlags.XLH_UPDATE_NEW_ALL_VISIBLE_CLEARED)
_UPDATE_OLD_ALL_VISIBLE_CLEARED = int(UpdateFlags.XLH_UPDATE_OLD_ALL_VISIBLE_CLEARED)
_UPDATE_PREFIX_FROM_OLD = int(UpdateFlags.XLH_UPDATE_PREFIX_FROM_OLD)
_UPDATE_SUFFIX_FROM_OLD = int(UpdateFlags.XLH_UPDATE_SUFFIX_FROM_OLD)
_COMBOCID = int(HeapInfomask.HEAP_COMBOCID)


def where(ref: BlockRef) -> RelFileLocator:
    """The relation of a block reference."""
    return RelFileLocator(ref.spc, ref.db, ref.rel)


def reference(rec: DecodedRecord, block_id: int) -> BlockRef:
    """A block reference that the record must have."""
    if not block_id and rec.blocks and not rec.blocks[0].id:
        return rec.blocks[0]
    ref = rec.block(block_id)
    if ref is None:
        raise CorruptData(f"WAL record at {rec.lsn} has no block reference {block_id}")
    return ref


def clear_map(
    ctx: RedoContext, rec: DecodedRecord, heap: list[BlockRef],
    bits: int = visibilitymap.VALID_BITS,
) -> None:  # fmt: skip
    """Clear bits of heap blocks, on the map pages that the record refers to, if it does."""
    pages: dict[int, list[BlockRef]] = {}
    for ref in heap:
        pages.setdefault(visibilitymap.locate(ref.block)[0], []).append(ref)
    for page, refs in pages.items():
        map_id = next(
            (ref.id for ref in rec.blocks if ref.fork == ForkNumber.VM and ref.block == page), None
        )
        if map_id is None:
            for ref in refs:
                visibilitymap.clear_unlogged(ctx.pool, where(ref), ref.block, bits)
            continue
        action, buffer = ctx.buffer(rec, map_id, zero_on_error=True)
        if buffer is not None:
            if action == BLK_NEEDS_REDO:
                for ref in refs:
                    visibilitymap.clear_bits(buffer.page, ref.block, bits)
                ctx.done(buffer, rec)
            ctx.pool.unpin(buffer)


def note_space(ctx: RedoContext, ref: BlockRef, free: int) -> None:
    """Tell the free space map, which no record does."""
    number, slot = divmod(ref.block, freespace.SLOTS_PER_FSM_PAGE)
    block = freespace.fsm_block(number)
    buffer = ctx.pool.get((ref.spc, ref.db, ref.rel, _FSM, block))
    if buffer is None:
        buffer = ctx.pool.zeroed(where(ref), block, ForkNumber.FSM)
    page = buffer.page
    if bufpage.is_new(page):
        bufpage.init(page)
    if freespace.set_category(page, slot, freespace.bytes_to_category(free)):
        ctx.pool.mark_dirty_hint(buffer)
    ctx.pool.unpin(buffer)


def _heap_page(
    ctx: RedoContext, rec: DecodedRecord, block_id: int = 0, init: bool = False
) -> tuple[Action, RedoBuffer | None]:
    """The heap page of a block reference; a fresh one where the record begins it."""
    action, buffer = ctx.buffer(rec, block_id, init=init)
    if init and buffer is not None and action == BLK_NEEDS_REDO:
        bufpage.init(buffer.page)
    return action, buffer


def _header_and_rest(
    data: bytes, xid: int, xmax: int = 0, at: int = 0
) -> tuple[bytes, bytes]:
    """(the tuple's header, the logged rest) of a tuple that begins at ``at`` of block data."""
    mask2, mask, hoff = _HEADER.unpack_from(data, at)
    head = pageops.HEADER.pack(xid, xmax, 0, 0, 0, 0, mask2, mask & ~_COMBOCID, hoff)
    return head, data[at + _HEADER.size :]


def _place(page: bytearray, block: int, tup: bytes, number: int, rec: DecodedRecord) -> None:
    if bufpage.max_offset(page) + 1 < number:
        raise CorruptData(f"invalid max offset number on the page of the record at {rec.lsn}",
                          block=block, field="pd_lower")  # fmt: skip
    if not pageops.insert(page, block, tup, number):
        raise CorruptData(f"failed to add the tuple of the record at {rec.lsn}", block=block)


def _finish(
    ctx: RedoContext, rec: DecodedRecord, ref: BlockRef, buffer: RedoBuffer, cleared: bool
) -> int:
    """A page got new tuples: its flags, its LSN; the room that is left."""
    if cleared:
        pageops.set_all_visible(buffer.page, False)
    ctx.done(buffer, rec)
    return bufpage.heap_free_space(buffer.page)


# -- one tuple -----------------------------------------------------------------------------


def redo_insert(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A new tuple: header fields and the rest in the data of block 0."""
    offnum, flags = _insert(rec.main, 0)
    ref = reference(rec, 0)
    cleared = bool(flags & _INSERT_ALL_VISIBLE_CLEARED)
    if cleared:
        clear_map(ctx, rec, [ref])
    action, buffer = _heap_page(ctx, rec, init=bool(rec.info & XLOG_HEAP_INIT_PAGE))
    if buffer is None:
        return
    if action == BLK_NEEDS_REDO:
        head, rest = _header_and_rest(ref.data, rec.xid)
        _place(buffer.page, ref.block, head + rest, offnum, rec)
        if flags & _INSERT_ALL_FROZEN_SET:
            pageops.set_all_visible(buffer.page)
        free = _finish(ctx, rec, ref, buffer, cleared)
        if free < LOW_SPACE:
            note_space(ctx, ref, free)
    ctx.pool.unpin(buffer)


def redo_multi_insert(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Several new tuples of one page, each with its short header, 2-aligned."""
    flags, _pad, count = _multi_insert(rec.main, 0)
    ref = reference(rec, 0)
    init = bool(rec.info & XLOG_HEAP_INIT_PAGE)
    cleared = bool(flags & _INSERT_ALL_VISIBLE_CLEARED)
    if cleared:
        clear_map(ctx, rec, [ref])
    action, buffer = _heap_page(ctx, rec, init=init)
    if buffer is None:
        return
    if action == BLK_NEEDS_REDO:
        numbers = range(1, count + 1) if init else struct.unpack_from(
            f"<{count}H", rec.main, struct_of(xl_heap_multi_insert).size
        )
        data, at = ref.data, 0
        pack = pageops.HEADER.pack
        for number in numbers:
            at += at & 1
            length, mask2, mask, hoff = _MULTI.unpack_from(data, at)
            at += _MULTI.size
            head = pack(rec.xid, 0, 0, 0, 0, 0, mask2, mask & ~_COMBOCID, hoff)
            _place(buffer.page, ref.block, head + data[at : at + length], number, rec)
            at += length
        if flags & _INSERT_ALL_FROZEN_SET:
            pageops.set_all_visible(buffer.page)
        free = _finish(ctx, rec, ref, buffer, cleared)
        if free < LOW_SPACE:
            note_space(ctx, ref, free)
    ctx.pool.unpin(buffer)


def redo_delete(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A tuple gets its deleter, or (speculative) loses its inserter."""
    xmax, offnum, bits, flags = _delete(rec.main, 0)
    ref = reference(rec, 0)
    cleared = bool(flags & _DELETE_ALL_VISIBLE_CLEARED)
    if cleared:
        clear_map(ctx, rec, [ref])
    action, buffer = ctx.buffer(rec, 0)
    if buffer is None:
        return
    if action == BLK_NEEDS_REDO:
        page = buffer.page
        if flags & _DELETE_IS_SUPER:
            pageops.abort_speculative(page, ref.block, offnum)
        else:
            mask, mask2 = pageops.masks_of(bits)
            moved = bool(flags & _DELETE_IS_PARTITION_MOVE)
            pageops.mark_deleted(page, ref.block, offnum, xmax, mask, mask2, moved=moved)
        pageops.set_prunable(page, rec.xid)
        if cleared:
            pageops.set_all_visible(page, False)
        ctx.done(buffer, rec)
    ctx.pool.unpin(buffer)


def redo_update(rec: DecodedRecord, ctx: RedoContext, hot: bool = False) -> None:
    """The old version gets its updater and points to the new one, which may be on its page."""
    old_xmax, old_offnum, bits, flags, new_xmax, offnum = _update(rec.main, 0)
    new_ref = reference(rec, 0)
    old_ref = rec.block(1) or new_ref
    same = old_ref is new_ref
    old_cleared = bool(flags & _UPDATE_OLD_ALL_VISIBLE_CLEARED)
    new_cleared = bool(flags & _UPDATE_NEW_ALL_VISIBLE_CLEARED)
    if old_cleared or new_cleared:
        clear_map(ctx, rec, [old_ref] * old_cleared + [new_ref] * new_cleared)
    old_action, old = ctx.buffer(rec, 0 if same else 1)
    if old is not None and old_action == BLK_NEEDS_REDO:
        page = old.page
        mask, mask2 = pageops.masks_of(bits)
        old_tuple = _old_tuple(page, old_offnum)
        pageops.mark_updated(
            page, old_offnum, old_xmax, mask, mask2,
            (new_ref.block, offnum), hot,
        )  # fmt: skip
        pageops.set_prunable(page, rec.xid)
        if old_cleared:
            pageops.set_all_visible(page, False)
        if not same:
            ctx.done(old, rec)
    else:
        old_tuple = b""
    if same:
        action, new = old_action, old
    else:
        action, new = _heap_page(ctx, rec, init=bool(rec.info & XLOG_HEAP_INIT_PAGE))
    if new is not None and action == BLK_NEEDS_REDO:
        tup = _new_version(rec, new_ref.data, flags, new_xmax, old_tuple)
        _place(new.page, new_ref.block, tup, offnum, rec)
        free = _finish(ctx, rec, new_ref, new, new_cleared)
        if free < LOW_SPACE and not hot:
            note_space(ctx, new_ref, free)
    if old is not None:
        ctx.pool.unpin(old)
    if new is not None and new is not old:
        ctx.pool.unpin(new)


def redo_hot_update(rec: DecodedRecord, ctx: RedoContext) -> None:
    """An update whose new version no index needs to know."""
    redo_update(rec, ctx, hot=True)


def _old_tuple(page: bytearray, number: int) -> bytes:
    pageops.tuple_at(page, number)
    return bufpage.item(page, number)


def _new_version(
    rec: DecodedRecord, data: bytes, flags: int, xmax: int, old_tuple: bytes
) -> bytes:
    """The new tuple; attributes that equal the old one's at both ends are taken from there."""
    at = prefix = suffix = 0
    if flags & _UPDATE_PREFIX_FROM_OLD:
        (prefix,) = _U16.unpack_from(data, at)
        at += 2
    if flags & _UPDATE_SUFFIX_FROM_OLD:
        (suffix,) = _U16.unpack_from(data, at)
        at += 2
    head, rest = _header_and_rest(data, rec.xid, xmax, at)
    if not prefix and not suffix:
        return head + rest
    old_start = old_tuple[pageops.HOFF] if old_tuple else 0
    if old_start + max(prefix, suffix) > len(old_tuple):
        raise CorruptData(f"the old version of the record at {rec.lsn} is too short for it")
    bitmap = head[pageops.HOFF] - SIZEOF_HEAP_TUPLE_HEADER
    parts = [head, rest[:bitmap], old_tuple[old_start : old_start + prefix], rest[bitmap:]]
    if suffix:
        parts.append(old_tuple[-suffix:])
    return b"".join(parts)


def redo_confirm(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A speculative insertion stays."""
    (offnum,) = _confirm(rec.main, 0)
    action, buffer = ctx.buffer(rec, 0)
    if buffer is not None:
        if action == BLK_NEEDS_REDO:
            pageops.confirm_speculative(buffer.page, reference(rec, 0).block, offnum)
            ctx.done(buffer, rec)
        ctx.pool.unpin(buffer)


def _redo_locked(rec: DecodedRecord, ctx: RedoContext, newer_version: bool) -> None:
    xmax, offnum, bits, flags = _lock(rec.main, 0)
    ref = reference(rec, 0)
    if flags & _LOCK_ALL_FROZEN_CLEARED:
        clear_map(ctx, rec, [ref], visibilitymap.ALL_FROZEN)
    action, buffer = ctx.buffer(rec, 0)
    if buffer is None:
        return
    if action == BLK_NEEDS_REDO:
        masks = pageops.masks_of(bits)
        if newer_version:
            pageops.mark_updated_version_locked(buffer.page, offnum, xmax, *masks)
        else:
            pageops.mark_locked(buffer.page, ref.block, offnum, xmax, *masks)
        ctx.done(buffer, rec)
    ctx.pool.unpin(buffer)


def redo_lock(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A row gets a locker."""
    _redo_locked(rec, ctx, False)


def redo_lock_updated(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A newer version of a row being locked gets the locker too."""
    _redo_locked(rec, ctx, True)


def redo_inplace(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A catalog row is overwritten where it lies."""
    offnum = int(reader(xl_heap_inplace[rec.major])(rec.main, 0).offnum)
    action, buffer = ctx.buffer(rec, 0)
    if buffer is not None:
        if action == BLK_NEEDS_REDO:
            pageops.overwrite_inplace(buffer.page, offnum, reference(rec, 0).data)
            ctx.done(buffer, rec)
        ctx.pool.unpin(buffer)


def nothing(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Records that only logical decoding reads."""


# -- comparing -----------------------------------------------------------------------------


def mask(page: bytearray, block: int) -> None:
    """Blank hints: those of the page, of unfrozen tuples' flags, command ids, paddings."""
    bufmask.mask_page_lsn_and_checksum(page)
    bufmask.mask_page_hint_bits(page)
    bufmask.mask_unused_space(page)
    hints = int(HeapInfomask.HEAP_XMAX_INVALID | HeapInfomask.HEAP_XMAX_COMMITTED)
    for number, (state, at, length) in enumerate(bufpage.item_ids(page), 1):
        if state == LpFlags.LP_NORMAL:
            infomask, infomask2 = pageops.masks_at(page, at)
            gone = hints if xmin_frozen(infomask) else HEAP_XACT_MASK
            pageops.set_masks(page, at, infomask & ~gone, infomask2)
            pageops.set_xid(page, at, pageops.FIELD3, 0)
            if _U16.unpack_from(page, at + pageops.CTID + 4)[0] == SPEC_TOKEN_OFFSET_NUMBER:
                pageops.set_ctid(page, at, block, number)
        if length:
            end = at + length
            page[end : at + maxalign(length)] = bytes(maxalign(length) - length)


Redo = Callable[[DecodedRecord, "RedoContext"], None]

REDO: dict[str, Redo] = {
    "INSERT": redo_insert,
    "DELETE": redo_delete,
    "UPDATE": redo_update,
    "TRUNCATE": nothing,
    "HOT_UPDATE": redo_hot_update,
    "HEAP_CONFIRM": redo_confirm,
    "LOCK": redo_lock,
    "INPLACE": redo_inplace,
}
