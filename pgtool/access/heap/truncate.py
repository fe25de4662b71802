"""Cutting a relation's files: the record first, on disk, then maps and file.

The order matters: once the file is cut, the rows that were there are gone, so the record
that lets redo do the same must not be lost; and a map that promises things about blocks
that are gone, or come again, would be wrong.
"""

from __future__ import annotations

from typing import Any

from formats.derive import struct_of
from formats.wal import smgr
from formats.wal.record import XLogRecordFlags
from formats.wal.rmgrs import RmgrId, opcode
from formats.wal.smgr import SmgrTruncate
from pgtool.storage import freespace
from pgtool.storage.mapcut import cut_free_space_map, cut_visibility_map
from pgtool.storage.smgr import ForkNumber, RelFileLocator
from pgtool.wal.insert import Record

__all__ = ["truncate_relation"]

_TRUNCATE = opcode(smgr.RECORDS, "TRUNCATE")
_pack = struct_of(smgr.xl_smgr_truncate).pack
_ALL = SmgrTruncate.SMGR_TRUNCATE_HEAP | SmgrTruncate.SMGR_TRUNCATE_VM | (
    SmgrTruncate.SMGR_TRUNCATE_FSM
)


def truncate_relation(
    instance: Any, where: RelFileLocator, nblocks: int, *, logged: bool = True, xid: int = 0
) -> None:
    """Cut a relation down to ``nblocks`` blocks, its maps with it."""
    pool, wal = instance.pool, instance.wal
    with wal.critical():
        if logged:
            data = _pack(nblocks, where.spc, where.db, where.rel, int(_ALL))
            info = _TRUNCATE | XLogRecordFlags.XLR_SPECIAL_REL_UPDATE
            wal.flush(wal.insert(Record(RmgrId.RM_SMGR_ID, int(info), data), xid))
        if pool.exists(where, ForkNumber.FSM):
            cut_free_space_map(pool, where, nblocks)
        if pool.exists(where, ForkNumber.VM):
            cut_visibility_map(pool, where, nblocks)
        pool.truncate(where, ForkNumber.MAIN, nblocks)
    if pool.exists(where, ForkNumber.FSM):
        freespace.vacuum(pool, where, nblocks, None)
