"""Two-phase state files: prepared transactions that outlived a checkpoint.

Source: ``access/transam/twophase.c``. A file in pg_twophase holds exactly what the
transaction's PREPARE record carries (:mod:`formats.wal.xact` declares it) and a CRC over
all of it. The name is the transaction ID in hexadecimal, since 17 the 64-bit one. The
module records at the end are declared here: what the lock manager, the statistics, the
multixacts and the predicate locks need to go on after a restart.
"""

from __future__ import annotations

import enum
from typing import Any

from construct import ConstructError, Container, Struct

from formats.crc import crc32c
from formats.derive import sizeof
from formats.errors import CorruptData
from formats.units import (
    Bool,
    Choice,
    MultiXactId,
    Oid,
    Raw,
    TransactionId,
    int32,
    int64,
    pg_crc32c,
    uint8,
    uint16,
    uint32,
)
from formats.version import ByMajor
from formats.wal import xact

TWOPHASE_DIR = "pg_twophase"
TWOPHASE_MAGIC = 0x57F94534
NAME_DIGITS = ByMajor({14: 8, 17: 16})

_PREPARE = next(row for row in xact.RECORDS if row.name == "PREPARE").main


class TwoPhaseRmgrId(enum.IntEnum):
    """``rmid`` of a module record."""

    TWOPHASE_RM_END_ID = 0
    TWOPHASE_RM_LOCK_ID = 1
    TWOPHASE_RM_PGSTAT_ID = 2
    TWOPHASE_RM_MULTIXACT_ID = 3
    TWOPHASE_RM_PREDICATELOCK_ID = 4


class LockTagType(enum.IntEnum):
    """``locktag_type``: what kind of object is locked."""

    LOCKTAG_RELATION = 0
    LOCKTAG_RELATION_EXTEND = 1
    LOCKTAG_DATABASE_FROZEN_IDS = 2
    LOCKTAG_PAGE = 3
    LOCKTAG_TUPLE = 4
    LOCKTAG_TRANSACTION = 5
    LOCKTAG_VIRTUALTRANSACTION = 6
    LOCKTAG_SPECULATIVE_TOKEN = 7
    LOCKTAG_OBJECT = 8
    LOCKTAG_USERLOCK = 9
    LOCKTAG_ADVISORY = 10
    LOCKTAG_APPLY_TRANSACTION = 11


TwoPhaseLockRecord = Struct(
    "locktag_field1" / uint32 * "usually the database",
    "locktag_field2" / uint32 * "usually the relation or class",
    "locktag_field3" / uint32 * "block, object, or upper half of an ID",
    "locktag_field4" / uint16 * "line pointer or sub-object",
    "locktag_type" / Choice(uint8, LockTagType) * "what kind of object is locked",
    "locktag_lockmethodid" / uint8 * "1 for ordinary locks, 2 for advisory ones",
    "lockmode" / int32 * "lock mode, 1 (access share) to 8 (access exclusive)",
)
assert sizeof(TwoPhaseLockRecord) == 20

TwoPhasePgStatRecord = Struct(
    "tuples_inserted" / int64 * "rows inserted",
    "tuples_updated" / int64 * "rows updated",
    "tuples_deleted" / int64 * "rows deleted",
    "inserted_pre_truncdrop" / int64 * "rows inserted before a truncation",
    "updated_pre_truncdrop" / int64 * "rows updated before a truncation",
    "deleted_pre_truncdrop" / int64 * "rows deleted before a truncation",
    "id" / Oid * "the table",
    "shared" / Bool * "whether it is a shared catalog",
    "truncdropped" / Bool * "whether it was truncated or dropped",
    "pad" / Raw(2) * "alignment",
)
assert sizeof(TwoPhasePgStatRecord) == 56

TwoPhaseMultiXactRecord = Struct("multi" / MultiXactId * "oldest multixact it may be a member of")


class TwoPhasePredicateRecordType(enum.IntEnum):
    """``type`` of a predicate lock record."""

    TWOPHASEPREDICATERECORD_XACT = 0
    TWOPHASEPREDICATERECORD_LOCK = 1


TwoPhasePredicateXactRecord = Struct(
    "type" / Choice(int32, TwoPhasePredicateRecordType) * "XACT",
    "xmin" / TransactionId * "of its snapshot",
    "flags" / uint32 * "state of the serializable transaction",
    "unused" / Raw(12) * "up to the size of the lock record",
)
TwoPhasePredicateLockRecord = Struct(
    "type" / Choice(int32, TwoPhasePredicateRecordType) * "LOCK",
    "locktag_field1" / uint32 * "database",
    "locktag_field2" / uint32 * "relation",
    "locktag_field3" / uint32 * "block",
    "locktag_field4" / uint32 * "line pointer",
    "filler" / uint32 * "unused",
)
assert sizeof(TwoPhasePredicateXactRecord) == sizeof(TwoPhasePredicateLockRecord) == 24


def module_layout(rmid: int, data: bytes) -> Struct | None:
    """The layout of a module record's data, None where none is declared."""
    if rmid == TwoPhaseRmgrId.TWOPHASE_RM_PREDICATELOCK_ID:
        kind = int.from_bytes(data[:4], "little")
        if kind == TwoPhasePredicateRecordType.TWOPHASEPREDICATERECORD_XACT:
            return TwoPhasePredicateXactRecord
        return TwoPhasePredicateLockRecord
    return _MODULES.get(rmid)


_MODULES: dict[int, Struct] = {
    TwoPhaseRmgrId.TWOPHASE_RM_LOCK_ID: TwoPhaseLockRecord,
    TwoPhaseRmgrId.TWOPHASE_RM_PGSTAT_ID: TwoPhasePgStatRecord,
    TwoPhaseRmgrId.TWOPHASE_RM_MULTIXACT_ID: TwoPhaseMultiXactRecord,
}


def file_name(full_xid: int, major: int) -> str:
    """The file of a prepared transaction, below the data directory."""
    digits = NAME_DIGITS[major]
    return f"{TWOPHASE_DIR}/{full_xid % 16**digits:0{digits}X}"


def parse(data: bytes, major: int, *, file: str = TWOPHASE_DIR) -> Container:
    """The state, checked: magic, length, CRC, and that the records end as they must."""
    if len(data) < sizeof(xact.xl_xact_prepare[major]) + pg_crc32c.sizeof():
        raise CorruptData(f"two-phase state file has only {len(data)} bytes", file=file)
    body, crc = data[:-4], int.from_bytes(data[-4:], "little")
    head = xact.xl_xact_prepare[major].parse(body)
    if head.magic != TWOPHASE_MAGIC:
        raise CorruptData(
            f"invalid magic number 0x{head.magic:08X}", file=file, offset=0, field="magic"
        )
    if head.total_len != len(data):
        raise CorruptData(
            f"two-phase state file has {len(data)} bytes, its header says {head.total_len}",
            file=file, field="total_len",
        )  # fmt: skip
    if crc32c(body) != crc:
        raise CorruptData(
            "calculated CRC checksum does not match value stored in file",
            file=file, offset=len(body), field="crc",
        )  # fmt: skip
    try:
        found: Any = _PREPARE[major].parse(body)
    except (ConstructError, UnicodeDecodeError) as error:
        raise CorruptData(f"two-phase state cannot be read: {error}", file=file) from None
    records = found.records
    if found.rest or not records or records[-1].rmid != TwoPhaseRmgrId.TWOPHASE_RM_END_ID:
        raise CorruptData("two-phase state does not end with its end record", file=file)
    found.crc = crc
    return Container(found)


def build(state: Container, major: int, *, crc: bool = False) -> bytes:
    """The bytes of a state file; with ``crc`` the CRC is computed instead of kept."""
    body = bytes(_PREPARE[major].build(state))
    return body + pg_crc32c.build(crc32c(body) if crc else state.crc)
