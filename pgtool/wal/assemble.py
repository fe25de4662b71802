# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
# cython: cdivision=True, initializedcheck=False
"""A WAL record without page images put together in one go, compiled where possible.

:class:`pgtool.wal.insert.Wal` asks first here, and does itself what is not done here: records
with images, of unusual size, or in which something else than blocks and main data stands.

``assemble.pxd`` gives the C types.
"""

from __future__ import annotations

from formats.derive import offset_of, sizeof
from formats.wal.record import (
    BkpBlockFlags,
    FragmentId,
    RelFileLocator,
    XLogRecord,
    XLogRecordBlockHeader,
)
from pgtool.storage.pageedit import copy, lsn, put16, put32, set_lsn

__all__ = ["ROOM", "assemble", "stamp"]

#: What a record may take here, and the same in C.
ROOM = 16384
MOST = ROOM
R_SIZE = sizeof(XLogRecord)
R_LEN, R_XID, R_PREV, R_INFO, R_RMID = (
    offset_of(XLogRecord, name) for name in (
        "xl_tot_len", "xl_xid", "xl_prev", "xl_info", "xl_rmid",
    )
)  # fmt: skip
B_SIZE, L_SIZE = sizeof(XLogRecordBlockHeader), sizeof(RelFileLocator)
B_FLAGS, B_LEN = (offset_of(XLogRecordBlockHeader, n) for n in ("fork_flags", "data_length"))
_IMAGE, HAS_DATA, WILL_INIT, SAME_REL = (int(flag) for flag in BkpBlockFlags)
SHORT = int(FragmentId.XLR_BLOCK_ID_DATA_SHORT)
LONG = int(FragmentId.XLR_BLOCK_ID_DATA_LONG)
LOW_HALF = 0xFFFFFFFF  # a variable: Cython takes so large a literal for an object


def assemble(out, blocks, main, head, redo, images):  # type: ignore[no-untyped-def]
    """Lay a record into ``out``, its CRC zero; its length, or 0 where that is not for here.

    ``head`` is (xid, start of the record before, info, resource manager); ``images`` whether
    pages whose LSN is not behind ``redo`` need an image. The blocks are in order.
    """
    at = R_SIZE
    last = None
    size = len(main)
    for entry in blocks:
        buffer = entry[1]
        page = buffer.page
        if entry[5] or type(entry[2]) is not bytes or type(page) is not bytearray:
            return 0
        if images and not entry[6] and lsn(page) <= redo:
            return 0
        size += len(entry[2])
        tag = buffer.tag
        where = tag[0]
        flags = tag[1]
        if entry[4]:
            flags |= WILL_INIT
        length = len(entry[2])
        if length:
            flags |= HAS_DATA
        if size + at + B_SIZE + L_SIZE + 16 > MOST:
            return 0
        same = last is not None and where == last
        out[at] = entry[0]
        out[at + B_FLAGS] = flags | SAME_REL if same else flags
        put16(out, at + B_LEN, length)
        at += B_SIZE
        if not same:
            put32(out, at, where[0])
            put32(out, at + 4, where[1])
            put32(out, at + 8, where[2])
            at += L_SIZE
        put32(out, at, tag[2])
        at += 4
        last = where
    if at + size + 16 > MOST:
        return 0
    length = len(main)
    if length > 255:
        out[at] = LONG
        put32(out, at + 1, length)
        at += 5
    elif length:
        out[at] = SHORT
        out[at + 1] = length
        at += 2
    for entry in blocks:
        data = entry[2]
        length = len(data)
        copy(out, at, data, 0, length)
        at += length
    length = len(main)
    copy(out, at, main, 0, length)
    at += length
    put32(out, R_LEN, at)
    put32(out, R_XID, head[0])
    before = head[1]
    set_lsn_words(out, R_PREV, before)
    out[R_INFO] = head[2]
    out[R_RMID] = head[3]
    put16(out, R_RMID + 1, 0)
    return at


def set_lsn_words(out, at, value):  # type: ignore[no-untyped-def]
    """Write a position, low word first."""
    put32(out, at, value & LOW_HALF)
    put32(out, at + 4, value >> 32)


def stamp(blocks, end):  # type: ignore[no-untyped-def]
    """Give the pages of a record its end as their LSN."""
    for entry in blocks:
        if entry[8]:
            buffer = entry[1]
            page = buffer.page
            if type(page) is bytearray:
                set_lsn(page, end)
            else:  # a part of a run of pages
                buffer.set_lsn(end)
    return 0
