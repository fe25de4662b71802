"""The heap's WAL records as the writer makes them.

The layouts are :mod:`formats.wal.heap`'s and :mod:`formats.wal.heap2`'s; here is which parts
go where. A new tuple travels without its transaction fields, in the data of block 0, where a
page image replaces it; with ``logical`` it stays in the record all the same, since logical
decoding reads records and no pages. Where the change clears bits of the visibility map, the
map's page is registered too.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from formats.derive import struct_of
from formats.heap import SIZEOF_HEAP_TUPLE_HEADER
from formats.wal import heap, heap2
from formats.wal.heap import XLOG_HEAP_INIT_PAGE, DeleteFlags, InsertFlags, LockFlags, UpdateFlags
from formats.wal.rmgrs import RmgrId, opcode
from formats.wal.tuples import xl_heap_header
from pgtool.access.heap import pageops
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer
from pgtool.wal.insert import Record, Wal

_INSERT, _DELETE, _UPDATE, _HOT_UPDATE, _CONFIRM, _LOCK, _INPLACE = (
    opcode(heap.RECORDS, name) for name in (
        "INSERT", "DELETE", "UPDATE", "HOT_UPDATE", "HEAP_CONFIRM", "LOCK", "INPLACE"
    )
)  # fmt: skip
_MULTI_INSERT, _LOCK_UPDATED, _NEW_CID, _VISIBLE = (
    opcode(heap2.RECORDS, name) for name in ("MULTI_INSERT", "LOCK_UPDATED", "NEW_CID", "VISIBLE")
)
_insert, _delete, _update, _lock, _confirm, _visible, _header, _new_cid = (
    struct_of(layout).pack for layout in (
        heap.xl_heap_insert, heap.xl_heap_delete, heap.xl_heap_update, heap.xl_heap_lock,
        heap.xl_heap_confirm, heap2.xl_heap_visible, xl_heap_header, heap2.xl_heap_new_cid,
    )
)  # fmt: skip
_inplace = struct_of(heap.xl_heap_inplace[18]).pack
_multi_insert = struct_of(heap2.xl_heap_multi_insert).pack
_multi_tuple = struct_of(heap2.xl_multi_insert_tuple).pack
_U16 = struct.Struct("<H").pack
_masks_and_hoff = struct.Struct("<HHB").unpack_from
#: Equal bytes at an end of both versions count from this many on.
_MIN_SHARED = 3
INVALID_COMMAND_ID = 0xFFFFFFFF
#: The flags as plain numbers: operations on enumerations are slow.
_INSERT_ALL_FROZEN_SET = int(InsertFlags.XLH_INSERT_ALL_FROZEN_SET)
_INSERT_ALL_VISIBLE_CLEARED = int(InsertFlags.XLH_INSERT_ALL_VISIBLE_CLEARED)
_INSERT_CONTAINS_NEW_TUPLE = int(InsertFlags.XLH_INSERT_CONTAINS_NEW_TUPLE)
_INSERT_IS_SPECULATIVE = int(InsertFlags.XLH_INSERT_IS_SPECULATIVE)
_INSERT_LAST_IN_MULTI = int(InsertFlags.XLH_INSERT_LAST_IN_MULTI)
_INSERT_ON_TOAST_RELATION = int(InsertFlags.XLH_INSERT_ON_TOAST_RELATION)
_DELETE_ALL_VISIBLE_CLEARED = int(DeleteFlags.XLH_DELETE_ALL_VISIBLE_CLEARED)
_DELETE_CONTAINS_OLD_KEY = int(DeleteFlags.XLH_DELETE_CONTAINS_OLD_KEY)
_DELETE_CONTAINS_OLD_TUPLE = int(DeleteFlags.XLH_DELETE_CONTAINS_OLD_TUPLE)
_DELETE_IS_PARTITION_MOVE = int(DeleteFlags.XLH_DELETE_IS_PARTITION_MOVE)
_DELETE_IS_SUPER = int(DeleteFlags.XLH_DELETE_IS_SUPER)
_UPDATE_CONTAINS_NEW_TUPLE = int(UpdateFlags.XLH_UPDATE_CONTAINS_NEW_TUPLE)
_UPDATE_CONTAINS_OLD_KEY = int(UpdateFlags.XLH_UPDATE_CONTAINS_OLD_KEY)
_UPDATE_CONTAINS_OLD_TUPLE = int(UpdateFlags.XLH_UPDATE_CONTAINS_OLD_TUPLE)
_UPDATE_NEW_ALL_VISIBLE_CLEARED = int(UpdateFlags.XLH_UPDATE_NEW_ALL_VISIBLE_CLEARED)
_UPDATE_OLD_ALL_VISIBLE_CLEARED = int(UpdateFlags.XLH_UPDATE_OLD_ALL_VISIBLE_CLEARED)
_UPDATE_PREFIX_FROM_OLD = int(UpdateFlags.XLH_UPDATE_PREFIX_FROM_OLD)
_UPDATE_SUFFIX_FROM_OLD = int(UpdateFlags.XLH_UPDATE_SUFFIX_FROM_OLD)
_LOCK_ALL_FROZEN_CLEARED = int(LockFlags.XLH_LOCK_ALL_FROZEN_CLEARED)


def _init_flag(page: bytearray, offnum: int) -> int:
    """XLOG_HEAP_INIT_PAGE where the new tuple is the only one of its page."""
    return XLOG_HEAP_INIT_PAGE if offnum == 1 and bufpage.max_offset(page) == 1 else 0


def logged_tuple(tup: bytes) -> bytes:
    """A tuple as records carry it: three header fields, then what follows the header."""
    mask2, mask, hoff = _masks_and_hoff(tup, pageops.MASK2)
    return _header(mask2, mask, hoff) + tup[SIZEOF_HEAP_TUPLE_HEADER:]


@dataclass(slots=True)
class OldTuple:
    """What logical decoding is told of the old version; ``full`` where it is all of it."""

    tup: bytes
    full: bool


def insert(
    buffer: Buffer, offnum: int, vm: Buffer | None, *, logical: bool, toast: bool = False,
    speculative: bool = False, frozen_page: bool = False,
) -> Record:  # fmt: skip
    """One tuple was put on a page."""
    flags = 0
    if vm is not None:
        flags |= _INSERT_ALL_VISIBLE_CLEARED
    if speculative:
        flags |= _INSERT_IS_SPECULATIVE
    if frozen_page:
        flags |= _INSERT_ALL_FROZEN_SET
    if logical:
        flags |= _INSERT_CONTAINS_NEW_TUPLE
        if toast:
            flags |= _INSERT_ON_TOAST_RELATION
    init = _init_flag(buffer.page, offnum)
    record = Record(RmgrId.RM_HEAP_ID, _INSERT | init, _insert(offnum, flags))
    data = logged_tuple(bufpage.item(buffer.page, offnum))
    record.block(0, buffer, data, will_init=bool(init), keep_data=logical)
    if vm is not None:
        record.block(1, vm, standard=False)
    return record


def multi_insert(
    buffer: Buffer, offnums: Sequence[int], tuples: Sequence[bytes], vm: Buffer | None, *,
    init: bool, logical: bool, last: bool, frozen_page: bool = False,
) -> Record:  # fmt: skip
    """Tuples were put on a page; ``init`` where it was empty, ``last`` where no more follow."""
    flags = 0
    if vm is not None:
        flags |= _INSERT_ALL_VISIBLE_CLEARED
    if frozen_page:
        flags |= _INSERT_ALL_FROZEN_SET
    if last:
        flags |= _INSERT_LAST_IN_MULTI
    if logical:
        flags |= _INSERT_CONTAINS_NEW_TUPLE
    main = _multi_insert(flags, b"\0", len(tuples))
    if not init:
        main += struct.pack(f"<{len(offnums)}H", *offnums)
    parts: list[bytes] = []
    odd = False
    for tup in tuples:
        if odd:
            parts.append(b"\0")
        size = len(tup) - SIZEOF_HEAP_TUPLE_HEADER
        parts.append(_multi_tuple(size, *_masks_and_hoff(tup, pageops.MASK2)))
        parts.append(tup[SIZEOF_HEAP_TUPLE_HEADER:])
        odd = bool(size + 7 & 1)
    code = _MULTI_INSERT | (XLOG_HEAP_INIT_PAGE if init else 0)
    record = Record(RmgrId.RM_HEAP2_ID, code, main)
    record.block(0, buffer, b"".join(parts), will_init=init, keep_data=logical)
    if vm is not None:
        record.block(1, vm, standard=False)
    return record


def delete(
    buffer: Buffer, offnum: int, xmax: int, vm: Buffer | None, old: OldTuple | None, *,
    moved: bool = False, super_: bool = False,
) -> Record:  # fmt: skip
    """A tuple got its deleter, or (``super_``) its speculative insertion was taken back."""
    flags = 0
    if vm is not None:
        flags |= _DELETE_ALL_VISIBLE_CLEARED
    if moved:
        flags |= _DELETE_IS_PARTITION_MOVE
    if super_:
        flags |= _DELETE_IS_SUPER
    if old is not None:
        flags |= (
            _DELETE_CONTAINS_OLD_TUPLE if old.full
            else _DELETE_CONTAINS_OLD_KEY
        )  # fmt: skip
    bits = pageops.infobits_of(*pageops.masks_at(buffer.page, _at(buffer, offnum)))
    main = _delete(xmax, offnum, bits, flags)
    if old is not None:
        main += logged_tuple(old.tup)
    record = Record(RmgrId.RM_HEAP_ID, _DELETE, main)
    record.block(0, buffer)
    if vm is not None:
        record.block(1, vm, standard=False)
    return record


def _at(buffer: Buffer, offnum: int) -> int:
    return pageops.tuple_at(buffer.page, offnum)


def shared_ends(old: bytes, new: bytes) -> tuple[int, int]:
    """How many bytes of attributes equal the old version's, at the start and at the end."""
    a, b = old[old[pageops.HOFF] :], new[new[pageops.HOFF] :]
    most = min(len(a), len(b))
    prefix = _common(a[:most], b[:most])
    if prefix < _MIN_SHARED:
        prefix = 0
    rest = most - prefix
    suffix = _common(a[len(a) - rest :][::-1], b[len(b) - rest :][::-1]) if rest else 0
    return prefix, 0 if suffix < _MIN_SHARED else suffix


def _common(a: bytes, b: bytes) -> int:
    """Length of the common start of two byte strings of one length."""
    if a == b:
        return len(a)
    differs = int.from_bytes(a, "little") ^ int.from_bytes(b, "little")
    return ((differs & -differs).bit_length() - 1) >> 3


def update(
    wal: Wal, old_buffer: Buffer, old_offnum: int, buffer: Buffer, offnum: int, *, hot: bool,
    old_vm: Buffer | None, vm: Buffer | None, logical: bool, old: OldTuple | None,
) -> Record:  # fmt: skip
    """A tuple got its new version, both as they lie on their pages now."""
    page, same = buffer.page, old_buffer is buffer
    tup = bufpage.item(page, offnum)
    flags = prefix = suffix = 0
    if same and not logical and not needs_image(wal, buffer):
        prefix, suffix = shared_ends(bufpage.item(page, old_offnum), tup)
    if old_vm is not None:
        flags |= _UPDATE_OLD_ALL_VISIBLE_CLEARED
    if vm is not None:
        flags |= _UPDATE_NEW_ALL_VISIBLE_CLEARED
    if prefix:
        flags |= _UPDATE_PREFIX_FROM_OLD
    if suffix:
        flags |= _UPDATE_SUFFIX_FROM_OLD
    if logical:
        flags |= _UPDATE_CONTAINS_NEW_TUPLE
    if old is not None:
        flags |= _UPDATE_CONTAINS_OLD_TUPLE if old.full else _UPDATE_CONTAINS_OLD_KEY
    old_at = _at(old_buffer, old_offnum)
    old_xmax = pageops.xid_at(old_buffer.page, old_at, pageops.XMAX)
    new_xmax = pageops.xid_at(tup, 0, pageops.XMAX)
    bits = pageops.infobits_of(*pageops.masks_at(old_buffer.page, old_at))
    main = _update(old_xmax, old_offnum, bits, flags, new_xmax, offnum)
    if old is not None:
        main += logged_tuple(old.tup)
    init = _init_flag(page, offnum)
    code = (_HOT_UPDATE if hot else _UPDATE) | init
    record = Record(RmgrId.RM_HEAP_ID, code, main)
    data = _updated_data(tup, prefix, suffix)
    record.block(0, buffer, data, will_init=bool(init), keep_data=logical)
    if not same:
        record.block(1, old_buffer)
    if vm is not None:
        record.block(2, vm, standard=False)
    if old_vm is not None and old_vm is not vm:
        record.block(3, old_vm, standard=False)
    return record


def _updated_data(tup: bytes, prefix: int, suffix: int) -> bytes:
    """The new version without the bytes that it shares with the old one."""
    mask2, mask, hoff = _masks_and_hoff(tup, pageops.MASK2)
    if not prefix and not suffix:
        return _header(mask2, mask, hoff) + tup[SIZEOF_HEAP_TUPLE_HEADER:]
    parts = [_U16(prefix)] if prefix else []
    if suffix:
        parts.append(_U16(suffix))
    parts.append(_header(mask2, mask, hoff))
    parts.append(tup[SIZEOF_HEAP_TUPLE_HEADER:hoff])
    parts.append(tup[hoff + prefix : len(tup) - suffix])
    return b"".join(parts)


def needs_image(wal: Wal, buffer: Buffer) -> bool:
    """Whether a record about the page will carry its image."""
    return wal.full_page_writes and buffer.lsn <= wal.redo_lsn


def lock(
    buffer: Buffer, offnum: int, xmax: int, vm: Buffer | None, *, newer_version: bool = False
) -> Record:
    """A tuple got a locker (a newer version of the row, where an older one is locked)."""
    bits = pageops.infobits_of(*pageops.masks_at(buffer.page, _at(buffer, offnum)))
    flags = _LOCK_ALL_FROZEN_CLEARED if vm is not None else 0
    main = _lock(xmax, offnum, bits, flags)
    record = (
        Record(RmgrId.RM_HEAP2_ID, _LOCK_UPDATED, main) if newer_version
        else Record(RmgrId.RM_HEAP_ID, _LOCK, main)
    )  # fmt: skip
    record.block(0, buffer)
    if vm is not None:
        record.block(1, vm, standard=False)
    return record


def confirm(buffer: Buffer, offnum: int) -> Record:
    """A speculative insertion stays."""
    record = Record(RmgrId.RM_HEAP_ID, _CONFIRM, _confirm(offnum))
    return record.block(0, buffer)


def inplace(
    buffer: Buffer, offnum: int, attributes: bytes, database: int, tablespace: int,
    messages: Sequence[bytes], init_file: bool,
) -> Record:  # fmt: skip
    """A catalog row was overwritten where it lies; with the invalidations that this means."""
    main = _inplace(
        offnum, bytes(2), database, tablespace, init_file, bytes(3), len(messages)
    ) + b"".join(messages)
    record = Record(RmgrId.RM_HEAP_ID, _INPLACE, main)
    return record.block(0, buffer, attributes)


def visible(
    heap_buffer: Buffer, vm: Buffer, horizon: int, flags: int, *, image: bool
) -> Record:
    """Bits of the visibility map were set; ``image`` where the heap page's hint is logged."""
    record = Record(RmgrId.RM_HEAP2_ID, _VISIBLE, _visible(horizon, flags))
    record.block(0, vm, standard=False)
    return record.block(1, heap_buffer, no_image=not image, set_lsn=image)


def new_cid(
    top_xid: int, locator: tuple[int, int, int], tid: tuple[int, int], cmin: int, cmax: int,
    combo: int,
) -> Record:  # fmt: skip
    """A catalog tuple's command ids, which logical decoding needs."""
    block, offnum = tid
    main = _new_cid(
        top_xid, cmin, cmax, combo, *locator, block >> 16, block & 0xFFFF, offnum
    )
    return Record(RmgrId.RM_HEAP2_ID, _NEW_CID, main)
