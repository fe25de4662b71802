"""What the tests of the write core share: rows put into a heap page by hand."""

from __future__ import annotations

import struct

from formats.units import BLCKSZ
from formats.wal import heap
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.storage.smgr import RelFileLocator
from pgtool.transam.instance import Instance
from pgtool.transam.xact import Xact
from pgtool.wal.insert import Record

INSERT = opcode(heap.RECORDS, "INSERT")


def insert_int(
    instance: Instance, xact: Xact, where: RelFileLocator, value: int
) -> tuple[int, int]:
    """Insert a row (int) into a heap the way the server does, for tests that need no heap code."""
    pool, wal = instance.pool, instance.wal
    xid = xact.current_xid()
    cid = xact.cid()
    block = pool.nblocks(where) - 1
    if block < 0 or _room(pool, where, block) < 40:
        block = pool.extend(where)
    buffer = pool.pin(where, block)
    page = buffer.page
    lower, upper = struct.unpack_from("<HH", page, 12)
    init = upper == 0
    if init:
        lower, upper = 24, BLCKSZ
        struct.pack_into("<HHHHHHI", page, 8, 0, 0, lower, upper, BLCKSZ, BLCKSZ | 4, 0)
    body = struct.pack("<BI", 0, value)  # padding byte after the 23-byte header
    offnum = (lower - 24) // 4 + 1
    infomask, infomask2, hoff = 0x0800, 1, 24
    with wal.critical():
        at = upper - 32
        struct.pack_into("<I", page, lower, at | 1 << 15 | 28 << 17)
        struct.pack_into("<HH", page, 12, lower + 4, at)
        struct.pack_into("<IIIHHHHHB", page, at, xid, 0, cid, block >> 16, block & 0xFFFF, offnum,
                         infomask2, infomask, hoff)
        page[at + 23 : at + 28] = body
        pool.mark_dirty(buffer)
        record = Record(RmgrId.RM_HEAP_ID, INSERT | (0x80 if init else 0),
                        struct.pack("<HB", offnum, 0))
        record.block(0, buffer, struct.pack("<HHB", infomask2, infomask, hoff) + body,
                     will_init=init)
        wal.insert(record, xid)
    pool.unpin(buffer)
    return block, offnum


def _room(pool: object, where: RelFileLocator, block: int) -> int:
    with pool.read(where, block) as buffer:  # type: ignore[attr-defined]
        lower, upper = struct.unpack_from("<HH", buffer.page, 12)
    return int(upper - lower) if upper else BLCKSZ
