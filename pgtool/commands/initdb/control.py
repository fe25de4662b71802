"""The small files that tell where a new cluster stands: pg_control, WAL, transaction status.

The first WAL segment is number 1, its only record a shutdown checkpoint right behind the
page header; redo begins there. Transaction IDs start at the first normal one: all rows of
the catalogs are frozen, so no status before it is ever asked for.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from construct import Container

from formats import control, relmap, slru
from formats.control import CheckPoint, DBState, WalLevel
from formats.crc import crc32c
from formats.derive import sizeof, struct_of
from formats.units import BLCKSZ, FIRST_NORMAL_XID, MAXALIGN
from formats.version import CATALOG_VERSION_NO, PG_CONTROL_VERSION, WRITE_MAJOR, XLOG_PAGE_MAGIC
from formats.wal.page import (
    SIZE_OF_LONG_PHD,
    XLOG_BLCKSZ,
    XLogLongPageHeaderData,
    XLogPageFlags,
    segment_name,
)
from formats.wal.record import (
    SIZE_OF_XLOG_RECORD,
    FragmentId,
    XLogRecord,
    XLogRecordDataHeaderShort,
)

TIMELINE = 1
FIRST_SEGMENT = 1
FIRST_MULTIXACT = 1
FIRST_UNLOGGED_LSN = 1000
RELSEG_SIZE = 131072
TOAST_MAX_CHUNK_SIZE = 1996
LOBLKSIZE = 2048
CHECKSUM_VERSION = 1
#: pg_replication_origin's state file: a magic number and the CRC over it.
REPLICATION_STATE_MAGIC = 0x1257DADE


@dataclass
class Identity:
    """What pg_control needs to know beside constants."""

    system_identifier: int
    segment_size: int
    checksums: bool
    next_oid: int
    nonce: bytes
    now: int
    settings: dict[str, Any]


def new_identity(segment_size: int, checksums: bool, next_oid: int, settings: Any) -> Identity:
    """A cluster of its own: the identifier is made of the time and the process."""
    now = time.time_ns()
    seconds, micros = divmod(now // 1000, 1_000_000)
    identifier = seconds << 32 | micros << 12 | os.getpid() & 0xFFF
    nonce = os.urandom(control.MOCK_AUTH_NONCE_LEN)
    return Identity(identifier, segment_size, checksums, next_oid, nonce, seconds, settings)


def checkpoint(identity: Identity) -> Container:
    """The body of the one checkpoint record."""
    return Container(
        redo=FIRST_SEGMENT * identity.segment_size + SIZE_OF_LONG_PHD, ThisTimeLineID=TIMELINE,
        PrevTimeLineID=TIMELINE, fullPageWrites=True, pad_flags=bytes(3),
        wal_level=_wal_level(identity), nextXid=FIRST_NORMAL_XID, nextOid=identity.next_oid,
        nextMulti=FIRST_MULTIXACT, nextMultiOffset=0, oldestXid=FIRST_NORMAL_XID, oldestXidDB=1,
        oldestMulti=FIRST_MULTIXACT, oldestMultiDB=1, pad_time=bytes(4), time=identity.now,
        oldestCommitTsXid=0, newestCommitTsXid=0, oldestActiveXid=0, pad_end=bytes(4),
    )  # fmt: skip


def _wal_level(identity: Identity) -> int:
    named = {"minimal": WalLevel.WAL_LEVEL_MINIMAL, "logical": WalLevel.WAL_LEVEL_LOGICAL}
    return named.get(str(identity.settings.get("wal_level")), WalLevel.WAL_LEVEL_REPLICA)


def first_segment(identity: Identity) -> tuple[str, bytes]:
    """(file name, first page); the rest of the segment is zero."""
    start = FIRST_SEGMENT * identity.segment_size
    head = XLogLongPageHeaderData.build(
        Container(
            std=Container(
                xlp_magic=XLOG_PAGE_MAGIC[WRITE_MAJOR], xlp_info=XLogPageFlags.XLP_LONG_HEADER,
                xlp_tli=TIMELINE, xlp_pageaddr=start, xlp_rem_len=0, padding=bytes(4),
            ),
            xlp_sysid=identity.system_identifier, xlp_seg_size=identity.segment_size,
            xlp_xlog_blcksz=XLOG_BLCKSZ,
        )
    )  # fmt: skip
    body = CheckPoint[WRITE_MAJOR].build(checkpoint(identity))
    short = struct_of(XLogRecordDataHeaderShort).pack(FragmentId.XLR_BLOCK_ID_DATA_SHORT, len(body))
    rest = short + body
    pack = struct_of(XLogRecord).pack
    fields = (SIZE_OF_XLOG_RECORD + len(rest), 0, 0, 0, 0, bytes(2))
    unsigned = pack(*fields, 0)[: -sizeof(XLogRecord.xl_crc)]
    record = pack(*fields, crc32c(rest + unsigned)) + rest
    page = head + record
    name = segment_name(TIMELINE, FIRST_SEGMENT, identity.segment_size)
    return name, page + bytes(XLOG_BLCKSZ - len(page))


def control_file(identity: Identity) -> bytes:
    """pg_control of a cluster that was shut down cleanly."""
    copy = checkpoint(identity)
    setting = identity.settings.get
    found = Container(
        system_identifier=identity.system_identifier,
        pg_control_version=PG_CONTROL_VERSION[WRITE_MAJOR],
        catalog_version_no=CATALOG_VERSION_NO[WRITE_MAJOR], state=DBState.DB_SHUTDOWNED,
        pad_state=bytes(4), time=identity.now, checkPoint=copy.redo, checkPointCopy=copy,
        unloggedLSN=FIRST_UNLOGGED_LSN, minRecoveryPoint=0, minRecoveryPointTLI=0,
        pad_recovery=bytes(4), backupStartPoint=0, backupEndPoint=0, backupEndRequired=False,
        pad_backup=bytes(3), wal_level=copy.wal_level, wal_log_hints=0, pad_hints=bytes(3),
        MaxConnections=setting("max_connections", 100),
        max_worker_processes=setting("max_worker_processes", 8),
        max_wal_senders=setting("max_wal_senders", 10),
        max_prepared_xacts=setting("max_prepared_transactions", 0),
        max_locks_per_xact=setting("max_locks_per_transaction", 64),
        track_commit_timestamp=False, pad_track=bytes(3), maxAlign=MAXALIGN,
        floatFormat=control.FLOATFORMAT_VALUE, blcksz=BLCKSZ, relseg_size=RELSEG_SIZE,
        xlog_blcksz=XLOG_BLCKSZ, xlog_seg_size=identity.segment_size, nameDataLen=64,
        indexMaxKeys=32, toast_max_chunk_size=TOAST_MAX_CHUNK_SIZE, loblksize=LOBLKSIZE,
        float8ByVal=True, pad_byval=bytes(3),
        data_checksum_version=CHECKSUM_VERSION if identity.checksums else 0,
        default_char_signedness=True, mock_authentication_nonce=identity.nonce,
        pad_crc=bytes(3), crc=0,
    )  # fmt: skip
    return control.build(WRITE_MAJOR, found, crc=True)


def relation_map(oids: list[int]) -> bytes:
    """A map in which every catalog's file has the catalog's OID as its name."""
    size = relmap.MAX_MAPPINGS[WRITE_MAJOR]
    pairs = [Container(mapoid=oid, mapfilenumber=oid) for oid in oids]
    pairs += [Container(mapoid=0, mapfilenumber=0)] * (size - len(oids))
    made = Container(
        magic=relmap.RELMAPPER_FILEMAGIC, num_mappings=len(oids), mappings=pairs, crc=0
    )
    layout = relmap.RelMapFile[WRITE_MAJOR]
    bare = layout.build(made)
    made.crc = crc32c(bare[: relmap.offset_of(layout, "crc")])
    return bytes(layout.build(made))


def status_files() -> dict[str, bytes]:
    """The first page of each SLRU that a running cluster needs."""
    areas = ("pg_xact", "pg_subtrans", "pg_multixact/offsets", "pg_multixact/members")
    assert slru.BLCKSZ == BLCKSZ
    return {f"{area}/0000": bytes(BLCKSZ) for area in areas}
