"""pg_control: the cluster's identity, state, last checkpoint and compile-time parameters.

Source: ``catalog/pg_control.h``. The file is PG_CONTROL_FILE_SIZE bytes long; the struct
at its start ends in a CRC over all bytes before it, the rest is zero. The first sixteen
bytes (system identifier, pg_control version, catalog version) never move, so that the
format can be told before anything else is believed.

:func:`parse` accepts only a file whose version is known and whose CRC is right.
:func:`decode` reads the fields of a damaged file as they lie, for showing it.
"""

from __future__ import annotations

import enum

from construct import ConstructError, Container, Struct

from formats.crc import crc32c
from formats.derive import offset_of, sizeof
from formats.errors import CorruptData, Unsupported
from formats.units import (
    BLCKSZ,
    Bool,
    Choice,
    FullTransactionId,
    MultiXactId,
    MultiXactOffset,
    Oid,
    Raw,
    TimeLineID,
    TransactionId,
    XLogRecPtr,
    float8,
    int32,
    maxalign,
    pg_crc32c,
    pg_time_t,
    uint8,
    uint32,
    uint64,
)
from formats.version import MAJOR_OF_CATALOG_VERSION, PG_CONTROL_VERSION, ByMajor

CONTROL_FILE = "global/pg_control"
PG_CONTROL_FILE_SIZE = 8192
PG_CONTROL_MAX_SAFE_SIZE = 512
MOCK_AUTH_NONCE_LEN = 32
FLOATFORMAT_VALUE = 1234567.0
MIN_WAL_SEGMENT_SIZE = 1 << 20
MAX_WAL_SEGMENT_SIZE = 1 << 30


class DBState(enum.IntEnum):
    """``state``: what the cluster was doing when pg_control was last written."""

    DB_STARTUP = 0
    DB_SHUTDOWNED = 1
    DB_SHUTDOWNED_IN_RECOVERY = 2
    DB_SHUTDOWNING = 3
    DB_IN_CRASH_RECOVERY = 4
    DB_IN_ARCHIVE_RECOVERY = 5
    DB_IN_PRODUCTION = 6


class WalLevel(enum.IntEnum):
    """``wal_level``."""

    WAL_LEVEL_MINIMAL = 0
    WAL_LEVEL_REPLICA = 1
    WAL_LEVEL_LOGICAL = 2


_CHECKPOINT_HEAD = (
    "redo" / XLogRecPtr * "where replay from this checkpoint begins",
    "ThisTimeLineID" / TimeLineID * "timeline at the checkpoint",
    "PrevTimeLineID" / TimeLineID * "the timeline before, where this checkpoint starts a new one",
    "fullPageWrites" / Bool * "whether full_page_writes was on",
)
_CHECKPOINT_TAIL = (
    "nextXid" / FullTransactionId * "next transaction ID to assign, epoch in the high half",
    "nextOid" / Oid * "next OID to assign",
    "nextMulti" / MultiXactId * "next multixact ID to assign",
    "nextMultiOffset" / MultiXactOffset * "next free slot of pg_multixact/members",
    "oldestXid" / TransactionId * "smallest datfrozenxid of the cluster",
    "oldestXidDB" / Oid * "a database that has this datfrozenxid",
    "oldestMulti" / MultiXactId * "smallest datminmxid of the cluster",
    "oldestMultiDB" / Oid * "a database that has this datminmxid",
    "pad_time" / Raw(4) * "alignment",
    "time" / pg_time_t * "when the checkpoint was made",
    "oldestCommitTsXid" / TransactionId * "first transaction that has a commit time stamp",
    "newestCommitTsXid" / TransactionId * "last transaction that has a commit time stamp",
    "oldestActiveXid" / TransactionId * "oldest running transaction, for hot standby; else 0",
    "pad_end" / Raw(4) * "alignment",
)

CheckPoint = ByMajor(
    {
        14: Struct(*_CHECKPOINT_HEAD, "pad_flags" / Raw(7) * "alignment", *_CHECKPOINT_TAIL),
        17: Struct(
            *_CHECKPOINT_HEAD,
            "pad_flags" / Raw(3) * "alignment",
            "wal_level" / Choice(int32, WalLevel) * "wal_level at the checkpoint",
            *_CHECKPOINT_TAIL,
        ),
    }
)
assert [sizeof(layout) for layout in CheckPoint.distinct()] == [88, 88]


def _control(checkpoint: Struct, *signedness: object) -> Struct:
    return Struct(
        "system_identifier" / uint64 * "drawn by initdb; names the cluster in WAL and backups",
        "pg_control_version" / uint32 * "format of this file",
        "catalog_version_no" / uint32 * "format of the system catalogs",
        "state" / Choice(int32, DBState) * "what the cluster was doing",
        "pad_state" / Raw(4) * "alignment",
        "time" / pg_time_t * "last update of this file",
        "checkPoint" / XLogRecPtr * "the last checkpoint record",
        "checkPointCopy" / checkpoint * "copy of that record's body",
        "unloggedLSN" / XLogRecPtr * "counter for LSNs of unlogged relations",
        "minRecoveryPoint" / XLogRecPtr * "archive recovery must reach this to be consistent",
        "minRecoveryPointTLI" / TimeLineID * "timeline of minRecoveryPoint",
        "pad_recovery" / Raw(4) * "alignment",
        "backupStartPoint" / XLogRecPtr * "redo point of the base backup being recovered",
        "backupEndPoint" / XLogRecPtr * "end of the base backup taken from a standby",
        "backupEndRequired" / Bool * "whether an end-of-backup record must be seen first",
        "pad_backup" / Raw(3) * "alignment",
        "wal_level" / Choice(int32, WalLevel) * "setting of the primary",
        "wal_log_hints" / uint8 * "setting of the primary",
        "pad_hints" / Raw(3) * "alignment",
        "MaxConnections" / int32 * "setting of the primary",
        "max_worker_processes" / int32 * "setting of the primary",
        "max_wal_senders" / int32 * "setting of the primary",
        "max_prepared_xacts" / int32 * "setting of the primary",
        "max_locks_per_xact" / int32 * "setting of the primary",
        "track_commit_timestamp" / Bool * "whether pg_commit_ts is maintained",
        "pad_track" / Raw(3) * "alignment",
        "maxAlign" / uint32 * "alignment of tuples in bytes",
        "floatFormat" / float8 * "the number 1234567.0 as this machine stores it",
        "blcksz" / uint32 * "bytes per data page",
        "relseg_size" / uint32 * "pages per segment file",
        "xlog_blcksz" / uint32 * "bytes per WAL page",
        "xlog_seg_size" / uint32 * "bytes per WAL segment file",
        "nameDataLen" / uint32 * "bytes of an identifier, terminator included",
        "indexMaxKeys" / uint32 * "most columns of an index",
        "toast_max_chunk_size" / uint32 * "bytes per TOAST chunk",
        "loblksize" / uint32 * "bytes per large-object chunk",
        "float8ByVal" / Bool * "whether 8-byte types are passed by value",
        "pad_byval" / Raw(3) * "alignment",
        "data_checksum_version" / uint32 * "0 without page checksums, else their version",
        *signedness,
        "crc" / pg_crc32c * "CRC-32C of all bytes before it",
    )


_NONCE = "mock_authentication_nonce" / Raw(MOCK_AUTH_NONCE_LEN) * "secret of the cluster"

ControlFileData = ByMajor(
    {
        14: _control(CheckPoint[14], _NONCE),
        17: _control(CheckPoint[17], _NONCE),
        18: _control(
            CheckPoint[18],
            "default_char_signedness" / Bool * "whether C's char is signed where initdb ran",
            _NONCE,
            "pad_crc" / Raw(3) * "alignment",
        ),
    }
)
assert [sizeof(layout) for layout in ControlFileData.distinct()] == [292, 292, 296]
#: Bytes that a reader wants at least: the struct of any major with its alignment.
LEAST_SIZE = max(maxalign(sizeof(layout)) for layout in ControlFileData.distinct())

_HEAD = ControlFileData[14]
_VERSIONS = offset_of(_HEAD, "pg_control_version")
_SAFE_HEAD = Struct("pg_control_version" / uint32, "catalog_version_no" / uint32)


def swapped(pg_control_version: int) -> bool:
    """Whether a pg_control version looks like one of the other byte order."""
    return pg_control_version % 65536 == 0 and pg_control_version // 65536 != 0


def valid_wal_segment_size(size: int) -> bool:
    """A power of two from 1 MB to 1 GB."""
    return MIN_WAL_SEGMENT_SIZE <= size <= MAX_WAL_SEGMENT_SIZE and size & (size - 1) == 0


def major_of(data: bytes) -> int:
    """The major that wrote the file, by its two version numbers."""
    if len(data) < _VERSIONS + sizeof(_SAFE_HEAD):
        raise CorruptData("pg_control is too short", file=CONTROL_FILE, offset=len(data))
    head = _SAFE_HEAD.parse(data[_VERSIONS:])
    if swapped(head.pg_control_version):
        raise Unsupported(
            "pg_control was written on a machine of the other byte order "
            f"(pg_control version {head.pg_control_version})"
        )
    major = MAJOR_OF_CATALOG_VERSION.get(head.catalog_version_no)
    if major is not None and PG_CONTROL_VERSION[major] == head.pg_control_version:
        return major
    if head.pg_control_version not in PG_CONTROL_VERSION.values():
        raise Unsupported(f"pg_control version {head.pg_control_version} is not known")
    raise Unsupported(
        f"catalog version {head.catalog_version_no} with pg_control version "
        f"{head.pg_control_version} is not known"
    )


def decode(data: bytes, major: int) -> Container:
    """The fields as they lie, no check made; ``unused`` holds the bytes after the struct."""
    layout = ControlFileData[major]
    if len(data) < sizeof(layout):
        raise CorruptData(
            f"pg_control has {len(data)} bytes, {sizeof(layout)} are needed", file=CONTROL_FILE
        )
    try:
        found = layout.parse(data)
    except ConstructError as error:  # pragma: no cover - a fixed layout of enough bytes
        raise CorruptData(f"pg_control cannot be read: {error}", file=CONTROL_FILE) from None
    found.unused = data[sizeof(layout) :]
    return found


def crc_of(data: bytes, major: int) -> int:
    """The CRC that the struct's bytes should carry."""
    return crc32c(data[: offset_of(ControlFileData[major], "crc")])


def parse(data: bytes) -> tuple[int, Container]:
    """(major, fields) of a sound file; CorruptData or Unsupported otherwise."""
    major = major_of(data)
    found = decode(data, major)
    if crc_of(data, major) != found.crc:
        raise CorruptData(
            "calculated CRC checksum does not match value stored in control file",
            file=CONTROL_FILE, offset=offset_of(ControlFileData[major], "crc"), field="crc",
        )  # fmt: skip
    if found.floatFormat != FLOATFORMAT_VALUE:
        raise Unsupported("pg_control was written with another floating-point format")
    if found.blcksz != BLCKSZ:
        raise Unsupported(f"data pages of {found.blcksz} bytes (only {BLCKSZ} is known)")
    if found.xlog_blcksz != BLCKSZ:
        raise Unsupported(f"WAL pages of {found.xlog_blcksz} bytes (only {BLCKSZ} is known)")
    if not valid_wal_segment_size(found.xlog_seg_size):
        raise CorruptData(
            f"invalid WAL segment size {found.xlog_seg_size}",
            file=CONTROL_FILE, field="xlog_seg_size",
        )  # fmt: skip
    return major, found


def build(major: int, control: Container, *, crc: bool = False) -> bytes:
    """The whole file; with ``crc`` the CRC is computed instead of taken from ``control``."""
    layout = ControlFileData[major]
    data = bytes(layout.build(control))
    if crc:
        data = data[: offset_of(layout, "crc")] + pg_crc32c.build(crc_of(data, major))
    return data + control.get("unused", bytes(PG_CONTROL_FILE_SIZE - len(data)))
