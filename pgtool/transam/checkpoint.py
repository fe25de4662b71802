"""Checkpoints: everything up to the redo pointer is on disk, so older WAL can go.

An online checkpoint notes the redo pointer with a record of its own, from which on pages
get images anew; writes what is dirty; tells standbys who is running; then its own record
says where replay begins, and pg_control where that record is. A shutdown checkpoint is its own redo
point, since nothing else is written.

The order within is the server's: first all is written, then all is synced, then the record,
then pg_control, then what only the past needed is removed (files of dropped relations,
WAL segments, pages of pg_subtrans).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from construct import Container

from formats.control import CheckPoint, DBState, WalLevel
from formats.derive import struct_of
from formats.units import INVALID_XID
from formats.wal import xlog
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.errors import UserError
from pgtool.transam import xactlog
from pgtool.wal.insert import Record

if TYPE_CHECKING:
    from pgtool.transam.instance import Instance

_SHUTDOWN, _ONLINE, _REDO = (
    opcode(xlog.RECORDS, name)
    for name in ("CHECKPOINT_SHUTDOWN", "CHECKPOINT_ONLINE", "CHECKPOINT_REDO")
)
WAL_LEVELS = {
    "minimal": WalLevel.WAL_LEVEL_MINIMAL, "replica": WalLevel.WAL_LEVEL_REPLICA,
    "archive": WalLevel.WAL_LEVEL_REPLICA, "hot_standby": WalLevel.WAL_LEVEL_REPLICA,
    "logical": WalLevel.WAL_LEVEL_LOGICAL,
}  # fmt: skip


def create_checkpoint(instance: Instance, *, shutdown: bool = False, force: bool = True) -> bool:
    """Make a checkpoint; False where nothing happened since the last one (without ``force``)."""
    wal, control = instance.wal, instance.control
    if not shutdown and not force and wal.last_important == control.checkPoint:
        return False
    if shutdown:
        control.state = DBState.DB_SHUTDOWNING
        instance.write_control()
    with wal.critical():
        doomed = instance.pool.take_doomed()
        redo = _redo_pointer(instance, shutdown)
        found = _counters(instance, redo, shutdown)
        _write_and_sync(instance)
        if not shutdown and instance.settings.standby_info:
            _log_standby_snapshot(instance)
        body = CheckPoint[instance.major].build(found)
        end = wal.insert(Record(RmgrId.RM_XLOG_ID, _SHUTDOWN if shutdown else _ONLINE, body))
        wal.flush(end)
        start = wal.prev
        if shutdown and start != redo:
            raise UserError("concurrent write-ahead log activity while database is shutting down")
        if shutdown:
            control.state = DBState.DB_SHUTDOWNED
        control.checkPoint = start
        control.checkPointCopy = found
        control.minRecoveryPoint = control.minRecoveryPointTLI = 0
        instance.write_control()
    _clean_up(instance, doomed, redo)
    return True


def _redo_pointer(instance: Instance, shutdown: bool) -> int:
    """Where replay will begin; pages not changed since get images from here on."""
    wal = instance.wal
    if shutdown:
        wal.redo_lsn = wal.insert_lsn
    else:
        level = struct_of(xlog.xl_checkpoint_redo).pack(WAL_LEVELS[instance.settings.wal_level])
        wal.insert(Record(RmgrId.RM_XLOG_ID, _REDO, level), important=False)
        wal.redo_lsn = wal.prev
    return wal.redo_lsn


def _counters(instance: Instance, redo: int, shutdown: bool) -> Container:
    varsup, multi, commit_ts = instance.varsup, instance.multixact, instance.commit_ts
    oldest_active = INVALID_XID
    if not shutdown and instance.settings.standby_info:
        oldest_active = instance.procarray.oldest_running()
    return Container(
        redo=redo,
        ThisTimeLineID=instance.tli,
        PrevTimeLineID=instance.tli,
        fullPageWrites=instance.wal.full_page_writes,
        pad_flags=bytes(3),
        wal_level=WAL_LEVELS[instance.settings.wal_level],
        nextXid=varsup.next_full_xid,
        nextOid=varsup.next_oid + (0 if shutdown else varsup.oid_count) & 0xFFFFFFFF,
        nextMulti=multi.next_multi,
        nextMultiOffset=multi.next_offset,
        oldestXid=varsup.limits.oldest,
        oldestXidDB=varsup.oldest_database,
        oldestMulti=multi.oldest_multi,
        oldestMultiDB=multi.oldest_multi_db,
        pad_time=bytes(4),
        time=int(time.time()),
        oldestCommitTsXid=commit_ts.oldest,
        newestCommitTsXid=commit_ts.newest,
        oldestActiveXid=oldest_active,
        pad_end=bytes(4),
    )


def _write_and_sync(instance: Instance) -> None:
    """Everything that is dirty reaches the disk."""
    areas = instance.slru_areas()
    for area in areas:
        area.flush()
    instance.pool.flush_all()
    for area in areas:
        area.sync()
    instance.pool.sync()


def _log_standby_snapshot(instance: Instance) -> None:
    locks = [
        (xact.top_xid, database, relation)
        for xact in instance.sessions
        for database, relation in xact.exclusive_locks
    ]
    if locks:
        xactlog.log_locks(instance, locks)
    xactlog.log_running(instance)


def _clean_up(instance: Instance, doomed: list[str], redo: int) -> None:
    """Remove what nothing needs any more now that the checkpoint stands."""
    for path in doomed:
        if instance.backend.exists(path):
            instance.backend.unlink(path)
    instance.remove_old_wal(redo)
    instance.subtrans.truncate(instance.procarray.oldest_xmin())
