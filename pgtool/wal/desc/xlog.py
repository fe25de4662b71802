"""Descriptions of the XLOG resource manager's records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from formats.control import CheckPoint
from formats.derive import reader, struct_of
from formats.units import Lsn
from formats.version import MAJORS, ByMajor
from formats.wal import xlog
from pgtool.wal.desc.text import no_text, timestamptz

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

WAL_LEVELS = ("minimal", "replica", "logical")

_CHECKPOINT = {major: reader(CheckPoint[major]) for major in MAJORS}
_NEXTOID = struct_of(xlog.xl_nextoid).unpack_from
_BACKUP_END = struct_of(xlog.xl_backup_end).unpack_from
_FPW_CHANGE = struct_of(xlog.xl_fpw_change).unpack_from
_PARAMETERS = reader(xlog.xl_parameter_change)
_RESTORE_POINT = struct_of(xlog.xl_restore_point).unpack_from
_OVERWRITE = struct_of(xlog.xl_overwrite_contrecord).unpack_from
_END = {major: reader(xlog.xl_end_of_recovery[major]) for major in MAJORS}
_REDO = struct_of(xlog.xl_checkpoint_redo).unpack_from


def _level(code: int) -> str:
    return WAL_LEVELS[code] if 0 <= code < len(WAL_LEVELS) else "?"


def _checkpoint(rec: DecodedRecord, level: str, kind: str) -> str:
    point = _CHECKPOINT[rec.major](rec.main, 0)
    if level:
        level = f"{level} {_level(point.wal_level)}; "
    return (
        f"redo {Lsn(point.redo)}; tli {point.ThisTimeLineID}; prev tli {point.PrevTimeLineID}; "
        f"fpw {'true' if point.fullPageWrites else 'false'}; {level}"
        f"xid {point.nextXid >> 32}:{point.nextXid & 0xFFFFFFFF}; oid {point.nextOid}; "
        f"multi {point.nextMulti}; offset {point.nextMultiOffset}; "
        f"oldest xid {point.oldestXid} in DB {point.oldestXidDB}; "
        f"oldest multi {point.oldestMulti} in DB {point.oldestMultiDB}; "
        f"oldest/newest commit timestamp xid: "
        f"{point.oldestCommitTsXid}/{point.newestCommitTsXid}; "
        f"oldest running xid {point.oldestActiveXid}; {kind}"
    )


def _nextoid(rec: DecodedRecord) -> str:
    return str(_NEXTOID(rec.main)[0])


def _backup_end(rec: DecodedRecord) -> str:
    return str(Lsn(_BACKUP_END(rec.main)[0]))


def _fpw_change(rec: DecodedRecord) -> str:
    return "true" if _FPW_CHANGE(rec.main)[0] else "false"


def _parameter_change(rec: DecodedRecord) -> str:
    now = _PARAMETERS(rec.main, 0)
    return (
        f"max_connections={now.MaxConnections} max_worker_processes={now.max_worker_processes} "
        f"max_wal_senders={now.max_wal_senders} max_prepared_xacts={now.max_prepared_xacts} "
        f"max_locks_per_xact={now.max_locks_per_xact} wal_level={_level(now.wal_level)} "
        f"wal_log_hints={'on' if now.wal_log_hints else 'off'} "
        f"track_commit_timestamp={'on' if now.track_commit_timestamp else 'off'}"
    )


def _restore_point(rec: DecodedRecord) -> str:
    name: bytes = _RESTORE_POINT(rec.main)[1]
    return name.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _overwrite_contrecord(rec: DecodedRecord) -> str:
    lsn, time = _OVERWRITE(rec.main)
    return f"lsn {Lsn(lsn)}; time {timestamptz(time)}"


def _end_of_recovery(rec: DecodedRecord) -> str:
    end = _END[rec.major](rec.main, 0)
    return (
        f"tli {end.ThisTimeLineID}; prev tli {end.PrevTimeLineID}; time {timestamptz(end.end_time)}"
    )


def _end_of_recovery_level(rec: DecodedRecord) -> str:
    end = _END[rec.major](rec.main, 0)
    return f"{_end_of_recovery(rec)}; wal_level {_level(end.wal_level)}"


def _checkpoint_redo(rec: DecodedRecord) -> str:
    return f"wal_level {_level(_REDO(rec.main)[0])}"


def _checkpoints(kind: str) -> ByMajor[Describe]:
    """PostgreSQL 17 added wal_level to the record and to its text."""
    return ByMajor(
        {
            14: lambda rec: _checkpoint(rec, "", kind),
            17: lambda rec: _checkpoint(rec, "wal_level", kind),
        }
    )


DESCRIBE: dict[str, Describe | ByMajor[Describe]] = {
    "CHECKPOINT_SHUTDOWN": _checkpoints("shutdown"),
    "CHECKPOINT_ONLINE": _checkpoints("online"),
    "NOOP": no_text,
    "NEXTOID": _nextoid,
    "SWITCH": no_text,
    "BACKUP_END": _backup_end,
    "PARAMETER_CHANGE": _parameter_change,
    "RESTORE_POINT": _restore_point,
    "FPW_CHANGE": _fpw_change,
    "END_OF_RECOVERY": ByMajor({14: _end_of_recovery, 17: _end_of_recovery_level}),
    "FPI_FOR_HINT": no_text,
    "FPI": no_text,
    "OVERWRITE_CONTRECORD": _overwrite_contrecord,
    "CHECKPOINT_REDO": _checkpoint_redo,
}
