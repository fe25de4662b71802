"""Records of the XLOG resource manager: checkpoints, page images, marks in the WAL itself.

Source: ``catalog/pg_control.h``, ``access/xlog_internal.h``.
"""

from __future__ import annotations

from construct import Struct

from formats.control import CheckPoint, WalLevel
from formats.units import (
    Bool,
    Choice,
    Oid,
    Raw,
    TimeLineID,
    TimestampTz,
    XLogRecPtr,
    int32,
)
from formats.version import ByMajor
from formats.wal.rmgrs import FixedText, RecordType, always, record

MAXFNAMELEN = 64

xl_nextoid = Struct("nextOid" / Oid * "OIDs below this one may have been handed out")
xl_backup_end = Struct("startpoint" / XLogRecPtr * "where the backup that ends here began")
xl_fpw_change = Struct("fpw" / Bool * "whether full_page_writes is on from here")

xl_parameter_change = Struct(
    "MaxConnections" / int32 * "max_connections from here on",
    "max_worker_processes" / int32 * "setting from here on",
    "max_wal_senders" / int32 * "setting from here on",
    "max_prepared_xacts" / int32 * "max_prepared_transactions from here on",
    "max_locks_per_xact" / int32 * "max_locks_per_transaction from here on",
    "wal_level" / Choice(int32, WalLevel) * "setting from here on",
    "wal_log_hints" / Bool * "whether on",
    "track_commit_timestamp" / Bool * "whether on",
    "pad" / Raw(2) * "alignment",
)
assert xl_parameter_change.sizeof() == 28

xl_restore_point = Struct(
    "rp_time" / TimestampTz * "when the restore point was made",
    "rp_name" / FixedText(MAXFNAMELEN) * "its name",
)
assert xl_restore_point.sizeof() == 72

xl_overwrite_contrecord = Struct(
    "overwritten_lsn" / XLogRecPtr * "start of the incomplete record that this page cuts off",
    "overwrite_time" / TimestampTz * "when recovery found it",
)

_END_OF_RECOVERY = Struct(
    "end_time" / TimestampTz * "end of recovery",
    "ThisTimeLineID" / TimeLineID * "the new timeline",
    "PrevTimeLineID" / TimeLineID * "the timeline that it leaves",
)
xl_end_of_recovery = ByMajor(
    {
        14: _END_OF_RECOVERY,
        17: Struct(
            *_END_OF_RECOVERY.subcons,
            "wal_level" / Choice(int32, WalLevel) * "wal_level from here on",
            "pad" / Raw(4) * "alignment",
        ),
    }
)
assert [layout.sizeof() for layout in xl_end_of_recovery.distinct()] == [16, 24]

xl_checkpoint_redo = Struct(
    "wal_level" / Choice(int32, WalLevel) * "wal_level when the checkpoint began"
)

_CHECKPOINT = ByMajor({14: record(CheckPoint[14]), 17: record(CheckPoint[17])})

RECORDS = (
    RecordType(0x00, "CHECKPOINT_SHUTDOWN", _CHECKPOINT),
    RecordType(0x10, "CHECKPOINT_ONLINE", _CHECKPOINT),
    RecordType(0x20, "NOOP", always()),
    RecordType(0x30, "NEXTOID", always(xl_nextoid)),
    RecordType(0x40, "SWITCH", always()),
    RecordType(0x50, "BACKUP_END", always(xl_backup_end)),
    RecordType(0x60, "PARAMETER_CHANGE", always(xl_parameter_change)),
    RecordType(0x70, "RESTORE_POINT", always(xl_restore_point)),
    RecordType(0x80, "FPW_CHANGE", always(xl_fpw_change)),
    RecordType(
        0x90,
        "END_OF_RECOVERY",
        ByMajor({14: record(xl_end_of_recovery[14]), 17: record(xl_end_of_recovery[17])}),
    ),
    RecordType(0xA0, "FPI_FOR_HINT", always()),
    RecordType(0xB0, "FPI", always()),
    RecordType(0xD0, "OVERWRITE_CONTRECORD", always(xl_overwrite_contrecord)),
    RecordType(0xE0, "CHECKPOINT_REDO", ByMajor({17: record(xl_checkpoint_redo)})),
)
