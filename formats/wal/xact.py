"""Records of the Transaction resource manager: commit, abort, prepare, and what leads there.

Source: ``access/xact.h``. A commit or abort is a time, and where the info byte has
XLOG_XACT_HAS_INFO a word of flags that tells which parts follow, each with its own count.
A prepare is the two-phase state file without its checksum: a header with all the counts,
then the parts, each padded to 8 bytes, then records of the modules that take part.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from construct import Construct, GreedyRange, If, Struct, this

from formats.derive import sizeof
from formats.units import (
    Bool,
    Flags,
    Oid,
    Raw,
    TimestampTz,
    TransactionId,
    XLogRecPtr,
    int32,
    maxalign,
    uint8,
    uint16,
    uint32,
)
from formats.version import ByMajor
from formats.wal.record import RelFileLocator
from formats.wal.rmgrs import Counted, CText, FixedText, PadTo, RecordType, always, record
from formats.wal.sinval import SharedInvalidationMessage

XLOG_XACT_HAS_INFO = 0x80


class XactInfo(enum.IntFlag):
    """``xinfo``: the parts of a commit or abort, and what replay must do besides."""

    XACT_XINFO_HAS_DBINFO = 1 << 0
    XACT_XINFO_HAS_SUBXACTS = 1 << 1
    XACT_XINFO_HAS_RELFILELOCATORS = 1 << 2
    XACT_XINFO_HAS_INVALS = 1 << 3
    XACT_XINFO_HAS_TWOPHASE = 1 << 4
    XACT_XINFO_HAS_ORIGIN = 1 << 5
    XACT_XINFO_HAS_AE_LOCKS = 1 << 6
    XACT_XINFO_HAS_GID = 1 << 7
    XACT_XINFO_HAS_DROPPED_STATS = 1 << 8
    XACT_COMPLETION_APPLY_FEEDBACK = 1 << 29
    XACT_COMPLETION_UPDATE_RELCACHE_FILE = 1 << 30
    XACT_COMPLETION_FORCE_SYNC_COMMIT = 1 << 31


xl_xact_time = Struct("xact_time" / TimestampTz * "when the transaction ended")
xl_xact_xinfo = Struct("xinfo" / Flags(uint32, XactInfo) * "which parts follow")

xl_xact_dbinfo = Struct(
    "dbId" / Oid * "database of the session",
    "tsId" / Oid * "that database's default tablespace",
)
xl_xact_twophase = Struct("xid" / TransactionId * "the prepared transaction")
xl_xact_origin = Struct(
    "origin_lsn" / XLogRecPtr * "position of the commit at the node that it came from",
    "origin_timestamp" / TimestampTz * "time of the commit there",
)
xl_xact_count = Struct("count" / int32 * "number of the items that follow")
assert sizeof(xl_xact_origin) == 16

#: Statistics that go with a dropped object. Object ids have 64 bits since PostgreSQL 18.
xl_xact_stats_item = ByMajor(
    {
        15: Struct(
            "kind" / int32 * "kind of statistics",
            "dboid" / Oid * "database, 0 if shared",
            "objoid" / Oid * "the dropped object",
        ),
        18: Struct(
            "kind" / int32 * "kind of statistics",
            "dboid" / Oid * "database, 0 if shared",
            "objid_lo" / uint32 * "low half of the dropped object's id",
            "objid_hi" / uint32 * "high half",
        ),
    }
)
assert [sizeof(item) for item in xl_xact_stats_item.distinct()] == [12, 16]

xl_xact_assignment = Struct(
    "xtop" / TransactionId * "the top-level transaction",
    "nsubxacts" / int32 * "number of its subtransactions listed here",
)
xl_xact_invals = Struct("nmsgs" / int32 * "number of messages")

_HEAD = (
    "magic" / uint32 * "TWOPHASE_MAGIC",
    "total_len" / uint32 * "bytes of the state file, checksum included",
    "xid" / TransactionId * "the prepared transaction",
    "database" / Oid * "its database",
    "prepared_at" / TimestampTz * "when it was prepared",
    "owner" / Oid * "the role that ran it",
    "nsubxacts" / int32 * "number of its subtransactions",
    "ncommitrels" / int32 * "relation files to remove at commit",
    "nabortrels" / int32 * "relation files to remove at abort",
)
_TAIL = (
    "ninvalmsgs" / int32 * "invalidation messages to send at commit",
    "initfileinval" / Bool * "whether the relation cache's start file becomes stale",
    "pad_initfileinval" / Raw(1) * "alignment",
    "gidlen" / uint16 * "bytes of the transaction's name with its final zero",
)
_ORIGIN = (
    "origin_lsn" / XLogRecPtr * "position of the prepare at the node that it came from",
    "origin_timestamp" / TimestampTz * "time of the prepare there",
)
xl_xact_prepare = ByMajor(
    {
        14: Struct(*_HEAD, *_TAIL, *_ORIGIN),
        15: Struct(
            *_HEAD,
            "ncommitstats" / int32 * "statistics to drop at commit",
            "nabortstats" / int32 * "statistics to drop at abort",
            *_TAIL,
            *_ORIGIN,
        ),
    }
)
assert [sizeof(head) for head in xl_xact_prepare.distinct()] == [64, 72]
assert all(sizeof(head) == maxalign(sizeof(head)) for head in xl_xact_prepare.distinct())

#: A module's contribution to the state of a prepared transaction; 0 ends the list.
TwoPhaseRecordOnDisk = Struct(
    "len" / uint32 * "bytes of the data",
    "rmid" / uint8 * "module: locks, statistics, multixacts, predicate locks; 0 ends the list",
    "pad" / Raw(1) * "alignment",
    "info" / uint16 * "the module's own kind of record",
)
assert sizeof(TwoPhaseRecordOnDisk) == 8


def _has(bit: XactInfo) -> Callable[[Any], bool]:
    return lambda ctx: ctx.xinfo is not None and bool(ctx.xinfo & bit)


def _with_info(ctx: Any) -> bool:
    return bool(ctx._params.info & XLOG_XACT_HAS_INFO)


def _part(name: str, bit: XactInfo, layout: Construct, doc: str) -> Construct:
    return name / If(_has(bit), layout) * doc


def _counted(count: str, name: str, item: Construct) -> Struct:
    return Struct(
        count / int32 * "number of items",
        name / Counted(lambda ctx: ctx[count], item) * "the items",
    )


def _ended(stats: Construct | None, invals: bool) -> Struct:
    """The layout of a commit or abort, with the parts that its major and kind can have."""
    parts = [
        xl_xact_time,
        "xinfo" / If(_with_info, Flags(uint32, XactInfo)) * "which parts follow",
        _part("dbinfo", XactInfo.XACT_XINFO_HAS_DBINFO, xl_xact_dbinfo, "the session's database"),
        _part(
            "subxacts",
            XactInfo.XACT_XINFO_HAS_SUBXACTS,
            _counted("nsubxacts", "subxacts", TransactionId),
            "subtransactions that end with it",
        ),
        _part(
            "rellocators",
            XactInfo.XACT_XINFO_HAS_RELFILELOCATORS,
            _counted("nrels", "xlocators", RelFileLocator),
            "relation files to remove",
        ),
    ]
    if stats is not None:
        parts.append(
            _part(
                "stats",
                XactInfo.XACT_XINFO_HAS_DROPPED_STATS,
                _counted("nitems", "items", stats),
                "statistics to drop",
            )
        )
    if invals:
        parts.append(
            _part(
                "invals",
                XactInfo.XACT_XINFO_HAS_INVALS,
                _counted("nmsgs", "msgs", SharedInvalidationMessage),
                "cache invalidation messages",
            )
        )
    twophase = XactInfo.XACT_XINFO_HAS_TWOPHASE
    both = twophase | XactInfo.XACT_XINFO_HAS_GID
    parts += [
        _part("twophase", twophase, xl_xact_twophase, "the prepared transaction it ends"),
        "twophase_gid"
        / If(lambda ctx: ctx.xinfo is not None and ctx.xinfo & both == both, CText)
        * "the prepared transaction's name",
        _part("origin", XactInfo.XACT_XINFO_HAS_ORIGIN, xl_xact_origin, "where it came from"),
    ]
    return record(*parts)


def _prepared(major: int) -> Struct:
    """The layout of a prepare: header, name, counted parts and module records."""
    parts: list[Construct] = [
        xl_xact_prepare[major],
        "gid" / FixedText(this.gidlen) * "name that the user gave the transaction",
        "pad_gid" / PadTo(8) * "alignment",
    ]

    def counted(name: str, count: str, item: Construct, doc: str) -> None:
        parts.append(name / Counted(lambda ctx: ctx[count], item) * doc)
        parts.append(f"pad_{name}" / PadTo(8) * "alignment")

    counted("subxacts", "nsubxacts", TransactionId, "subtransactions")
    counted("commitrels", "ncommitrels", RelFileLocator, "files to remove at commit")
    counted("abortrels", "nabortrels", RelFileLocator, "files to remove at abort")
    if major in xl_xact_stats_item:
        item = xl_xact_stats_item[major]
        counted("commitstats", "ncommitstats", item, "statistics to drop at commit")
        counted("abortstats", "nabortstats", item, "statistics to drop at abort")
    counted("invalmsgs", "ninvalmsgs", SharedInvalidationMessage, "messages to send at commit")
    module = Struct(
        *TwoPhaseRecordOnDisk.subcons,
        "data" / Raw(this.len) * "the module's data",
        "pad_data" / PadTo(8) * "alignment",
    )
    parts.append("records" / GreedyRange(module) * "what the modules must know, in turn")
    return record(*parts)


def _ended_by_major(invals: bool) -> ByMajor[Construct]:
    layouts: dict[int, Construct] = {14: _ended(None, invals)}
    for major, item in ((15, xl_xact_stats_item[15]), (18, xl_xact_stats_item[18])):
        layouts[major] = _ended(item, invals)
    return ByMajor(layouts)


_COMMIT, _ABORT = _ended_by_major(True), _ended_by_major(False)
_HAS_INFO = {XLOG_XACT_HAS_INFO: ""}

RECORDS = (
    RecordType(0x00, "COMMIT", _COMMIT, flags=_HAS_INFO),
    RecordType(
        0x10,
        "PREPARE",
        ByMajor({14: _prepared(14), 15: _prepared(15), 18: _prepared(18)}),
        flags=_HAS_INFO,
    ),
    RecordType(0x20, "ABORT", _ABORT, flags=_HAS_INFO),
    RecordType(0x30, "COMMIT_PREPARED", _COMMIT, flags=_HAS_INFO),
    RecordType(0x40, "ABORT_PREPARED", _ABORT, flags=_HAS_INFO),
    RecordType(
        0x50,
        "ASSIGNMENT",
        always(
            xl_xact_assignment,
            "xsub" / Counted(this.nsubxacts, TransactionId) * "the subtransactions",
        ),
        flags=_HAS_INFO,
    ),
    RecordType(
        0x60,
        "INVALIDATION",
        always(
            xl_xact_invals,
            "msgs" / Counted(this.nmsgs, SharedInvalidationMessage) * "messages so far",
        ),
        flags=_HAS_INFO,
    ),
)
