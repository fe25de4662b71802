"""Replay of btree records: the changes of :mod:`.pageops` again, out of the record.

``REDO`` maps each record type's name to its function. All pages of a record are written
one after the other; in between nobody looks. A right page, a root, a meta page and a
deleted page are made anew, whatever was there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from formats.derive import fields, reader, sizeof, struct_of
from formats.nbtree import P_NONE
from formats.units import INVALID_BLOCK_NUMBER, OffsetNumber, uint16
from formats.wal.btree import (
    BTDedupInterval,
    xl_btree_delete,
    xl_btree_insert,
    xl_btree_mark_page_halfdead,
    xl_btree_metadata,
    xl_btree_newroot,
    xl_btree_split,
    xl_btree_unlink_page,
    xl_btree_vacuum,
)
from formats.wal.record import DecodedRecord
from pgtool.access.btree import pageops, tuples
from pgtool.errors import CorruptData
from pgtool.wal.redo import BLK_NEEDS_REDO

__all__ = ["REDO", "pack_deletion", "pack_metadata"]

_insert = struct_of(xl_btree_insert).unpack_from
_split = struct_of(xl_btree_split).unpack_from
_vacuum = struct_of(xl_btree_vacuum).unpack_from
_newroot = reader(xl_btree_newroot)
_halfdead = reader(xl_btree_mark_page_halfdead)
_unlink = reader(xl_btree_unlink_page)
_metadata = reader(xl_btree_metadata)
_INTERVAL = struct_of(BTDedupInterval)
_METADATA = struct_of(xl_btree_metadata)
_U16 = struct_of(uint16)
_OFFSET_SIZE = sizeof(OffsetNumber)
#: Where the counts begin in the main data of a DELETE record, by major.
_DELETE_COUNTS = {
    major: next(f.offset for f in fields(layout) if f.name == "ndeleted")
    for major, layout in xl_btree_delete.items()
}

Context = Any


def _data(rec: DecodedRecord, block_id: int) -> bytes:
    ref = rec.block(block_id)
    if ref is None:
        raise CorruptData(f"record at {rec.lsn} lacks block reference {block_id}")
    return ref.data


def _block(rec: DecodedRecord, block_id: int) -> int:
    ref = rec.block(block_id)
    if ref is None:
        raise CorruptData(f"record at {rec.lsn} lacks block reference {block_id}")
    return ref.block


def _change(
    ctx: Context, rec: DecodedRecord, block_id: int, change: Callable[[bytearray], None],
    *, init: bool = False,
) -> None:  # fmt: skip
    """Apply a change to the page of a block reference if it lacks it."""
    action, buffer = ctx.buffer(rec, block_id, init=init)
    if action == BLK_NEEDS_REDO:
        try:
            change(buffer.page)
        except (struct.error, IndexError, CorruptData) as error:
            where = _block(rec, block_id)
            raise CorruptData(f"record at {rec.lsn}: {error}", block=where) from None
        ctx.done(buffer, rec)


# -- meta page ----------------------------------------------------------------------------------


def pack_metadata(meta: pageops.Meta) -> bytes:
    """The meta page's contents as records carry them."""
    return _METADATA.pack(*meta[:-1], int(meta.allequalimage), bytes(3))


def _restore_meta(ctx: Context, rec: DecodedRecord, block_id: int) -> None:
    row = _metadata(_data(rec, block_id), 0)
    meta = pageops.Meta(row.version, row.root, row.level, row.fastroot, row.fastlevel,
                        row.last_cleanup_num_delpages, bool(row.allequalimage))  # fmt: skip
    _change(ctx, rec, block_id, lambda page: pageops.write_meta(page, meta), init=True)


# -- insertion ------------------------------------------------------------------------------------


def _redo_insert(rec: DecodedRecord, ctx: Context) -> None:
    (offnum,) = _insert(rec.main)
    _change(ctx, rec, 0, lambda page: pageops.insert(page, offnum, _data(rec, 0)))


def _redo_insert_upper(rec: DecodedRecord, ctx: Context) -> None:
    _change(ctx, rec, 1, pageops.clear_incomplete_split)
    _redo_insert(rec, ctx)


def _redo_insert_meta(rec: DecodedRecord, ctx: Context) -> None:
    _redo_insert_upper(rec, ctx)
    _restore_meta(ctx, rec, 2)


def _redo_insert_post(rec: DecodedRecord, ctx: Context) -> None:
    (offnum,) = _insert(rec.main)

    def change(page: bytearray) -> None:
        data = _data(rec, 0)
        pageops.insert_posting(page, offnum, data[_U16.size :], _U16.unpack_from(data)[0])

    _change(ctx, rec, 0, change)


def _redo_split(rec: DecodedRecord, ctx: Context, on_left: bool) -> None:
    level, first_right, offnum, postingoff = _split(rec.main)
    left_block, right_block = _block(rec, 0), _block(rec, 1)
    beyond = rec.block(2)
    if level > 0:
        _change(ctx, rec, 3, pageops.clear_incomplete_split)
    right = pageops.restored_right(
        left_block, P_NONE if beyond is None else beyond.block, level, _data(rec, 1)
    )

    def write_right(page: bytearray) -> None:
        page[:] = right

    def write_left(page: bytearray) -> None:
        data = _data(rec, 0)
        new = b""
        if on_left or postingoff:
            size = tuples.tuple_size(data) + 7 & ~7
            new, data = data[:size], data[size:]
        cut = pageops.SplitPoint(offnum, first_right, on_left, postingoff, new)
        high_key = data[: tuples.tuple_size(data) + 7 & ~7]
        pageops.left_half(page, cut, high_key, right_block)

    _change(ctx, rec, 1, write_right, init=True)
    _change(ctx, rec, 0, write_left)
    if beyond is not None:
        _change(ctx, rec, 2, lambda page: pageops.set_siblings(page, prev=right_block))


def _redo_split_l(rec: DecodedRecord, ctx: Context) -> None:
    _redo_split(rec, ctx, True)


def _redo_split_r(rec: DecodedRecord, ctx: Context) -> None:
    _redo_split(rec, ctx, False)


def _redo_newroot(rec: DecodedRecord, ctx: Context) -> None:
    level = _newroot(rec.main, 0).level
    if level > 0:
        _change(ctx, rec, 1, pageops.clear_incomplete_split)
    items = _data(rec, 0) if level > 0 else b""
    _change(ctx, rec, 0, lambda page: pageops.write_root(page, level, items), init=True)
    _restore_meta(ctx, rec, 2)


# -- merging and deleting -----------------------------------------------------------------------


def _redo_dedup(rec: DecodedRecord, ctx: Context) -> None:
    def change(page: bytearray) -> None:
        data = _data(rec, 0)
        pageops.apply_dedup(page, list(_INTERVAL.iter_unpack(data)))

    _change(ctx, rec, 0, change)


def pack_deletion(deleted: list[int], updated: Mapping[int, list[int]]) -> bytes:
    """The block data of VACUUM and DELETE records."""
    out = [struct.pack(f"<{len(deleted) + len(updated)}H", *deleted, *updated)]
    for places in updated.values():
        out.append(struct.pack(f"<{len(places) + 1}H", len(places), *places))
    return b"".join(out)


def _deletion(data: bytes, ndeleted: int, nupdated: int) -> tuple[list[int], dict[int, list[int]]]:
    words = struct.unpack_from(f"<{len(data) // 2}H", data)
    deleted = list(words[:ndeleted])
    offnums = words[ndeleted : ndeleted + nupdated]
    at = ndeleted + nupdated
    updated: dict[int, list[int]] = {}
    for offnum in offnums:
        count = words[at]
        updated[offnum] = list(words[at + 1 : at + 1 + count])
        at += 1 + count
    if at > len(words) or len(deleted) < ndeleted:
        raise CorruptData("deleted items do not fit into their data")
    return deleted, updated


def _delete(ctx: Context, rec: DecodedRecord, counts: tuple[int, int]) -> None:
    def change(page: bytearray) -> None:
        pageops.delete_items(page, *_deletion(_data(rec, 0), *counts))

    _change(ctx, rec, 0, change)


def _redo_vacuum(rec: DecodedRecord, ctx: Context) -> None:
    _delete(ctx, rec, _vacuum(rec.main))


def _redo_delete(rec: DecodedRecord, ctx: Context) -> None:
    at = xl_btree_delete_counts(rec.major)
    _delete(ctx, rec, _vacuum(rec.main, at))


def xl_btree_delete_counts(major: int) -> int:
    """Where the counts stand in a DELETE record's main data."""
    return _DELETE_COUNTS[max(m for m in _DELETE_COUNTS if m <= major)]


# -- deleting pages ---------------------------------------------------------------------------


def _top_parent(block: int) -> int | None:
    return None if block == INVALID_BLOCK_NUMBER else block


def _redo_halfdead(rec: DecodedRecord, ctx: Context) -> None:
    row = _halfdead(rec.main, 0)
    _change(ctx, rec, 1, lambda page: pageops.remove_downlink(page, row.poffset))
    _change(ctx, rec, 0, lambda page: pageops.make_half_dead(
        page, row.leftblk, row.rightblk, _top_parent(row.topparent)), init=True)  # fmt: skip


def _redo_unlink(rec: DecodedRecord, ctx: Context) -> None:
    row = _unlink(rec.main, 0)
    if row.leftsib != P_NONE:
        _change(ctx, rec, 1, lambda page: pageops.set_siblings(page, next_=row.rightsib))
    _change(ctx, rec, 0, lambda page: pageops.make_deleted(
        page, row.leftsib, row.rightsib, row.level, row.safexid), init=True)  # fmt: skip
    _change(ctx, rec, 2, lambda page: pageops.set_siblings(page, prev=row.leftsib))
    if rec.block(3) is not None:
        _change(ctx, rec, 3, lambda page: pageops.make_half_dead(
            page, row.leafleftsib, row.leafrightsib, _top_parent(row.leaftopparent)
        ), init=True)  # fmt: skip


def _redo_unlink_meta(rec: DecodedRecord, ctx: Context) -> None:
    _redo_unlink(rec, ctx)
    _restore_meta(ctx, rec, 4)


def _redo_meta_cleanup(rec: DecodedRecord, ctx: Context) -> None:
    _restore_meta(ctx, rec, 0)


def _redo_reuse(rec: DecodedRecord, ctx: Context) -> None:
    """Only a standby's queries care that a page is reused."""


REDO: dict[str, Callable[[DecodedRecord, Context], None]] = {
    "INSERT_LEAF": _redo_insert,
    "INSERT_UPPER": _redo_insert_upper,
    "INSERT_META": _redo_insert_meta,
    "INSERT_POST": _redo_insert_post,
    "SPLIT_L": _redo_split_l,
    "SPLIT_R": _redo_split_r,
    "DEDUP": _redo_dedup,
    "DELETE": _redo_delete,
    "UNLINK_PAGE": _redo_unlink,
    "UNLINK_PAGE_META": _redo_unlink_meta,
    "NEWROOT": _redo_newroot,
    "MARK_PAGE_HALFDEAD": _redo_halfdead,
    "VACUUM": _redo_vacuum,
    "REUSE_PAGE": _redo_reuse,
    "META_CLEANUP": _redo_meta_cleanup,
}
