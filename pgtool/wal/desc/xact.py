"""Descriptions of the Transaction resource manager's records.

Commit is among the most frequent records of all: one without further parts is worded
without any detour. The others are walked part by part, as their flags tell.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from formats.derive import reader, sizeof, struct_of
from formats.errors import CorruptData
from formats.units import Lsn, TransactionId, maxalign
from formats.version import MAJORS, ByMajor
from formats.wal import xact
from formats.wal.record import RelFileLocator
from formats.wal.sinval import SIZEOF_SHARED_INVALIDATION_MESSAGE
from formats.wal.xact import XLOG_XACT_HAS_INFO, XactInfo
from pgtool.wal.desc.standby import invalidations
from pgtool.wal.desc.text import items, relation_path, timestamptz

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_TIME = struct_of(xact.xl_xact_time)
_XINFO = struct_of(xact.xl_xact_xinfo)
_DBINFO = struct_of(xact.xl_xact_dbinfo)
_COUNT = struct_of(xact.xl_xact_count)
_TWOPHASE = struct_of(xact.xl_xact_twophase)
_ORIGIN = struct_of(xact.xl_xact_origin)
_XID = struct_of(TransactionId)
_LOCATOR = struct_of(RelFileLocator)
_STATS = {m: struct_of(item) for m, item in xact.xl_xact_stats_item.items()}
_PREPARE = {m: reader(xact.xl_xact_prepare[m]) for m in MAJORS}
_PREPARE_SIZE = {m: sizeof(xact.xl_xact_prepare[m]) for m in MAJORS}
_ASSIGNMENT = struct_of(xact.xl_xact_assignment)
_INVALS = struct_of(xact.xl_xact_invals)

_DBINFO_BIT = int(XactInfo.XACT_XINFO_HAS_DBINFO)
_SUBXACTS_BIT = int(XactInfo.XACT_XINFO_HAS_SUBXACTS)
_RELS_BIT = int(XactInfo.XACT_XINFO_HAS_RELFILELOCATORS)
_STATS_BIT = int(XactInfo.XACT_XINFO_HAS_DROPPED_STATS)
_INVALS_BIT = int(XactInfo.XACT_XINFO_HAS_INVALS)
_TWOPHASE_BIT = int(XactInfo.XACT_XINFO_HAS_TWOPHASE)
_GID_BIT = int(XactInfo.XACT_XINFO_HAS_GID)
_ORIGIN_BIT = int(XactInfo.XACT_XINFO_HAS_ORIGIN)
_FEEDBACK_BIT = int(XactInfo.XACT_COMPLETION_APPLY_FEEDBACK)
_INIT_FILE_BIT = int(XactInfo.XACT_COMPLETION_UPDATE_RELCACHE_FILE)
_SYNC_BIT = int(XactInfo.XACT_COMPLETION_FORCE_SYNC_COMMIT)


@dataclass(frozen=True, slots=True)
class _Ended:
    """A commit or abort taken apart: each part already in words."""

    xinfo: int
    head: str
    rels: str
    subxacts: str
    stats: str
    invals: str
    origin: str


def _relations(rec: DecodedRecord, label: str, at: int, count: int) -> str:
    if count <= 0:
        return ""
    paths = [
        relation_path(rec.major, spc, db, rel)
        for spc, db, rel in items(_LOCATOR, rec.main, at, count)
    ]
    return f"; {label}: {' '.join(paths)}"


def _subxacts(rec: DecodedRecord, at: int, count: int) -> str:
    if count <= 0:
        return ""
    return "; subxacts:" + "".join(f" {xid}" for (xid,) in items(_XID, rec.main, at, count))


def _stats(rec: DecodedRecord, label: str, at: int, count: int) -> str:
    if count <= 0:
        return ""
    dropped = []
    for kind, db, low, *high in items(_STATS[rec.major], rec.main, at, count):
        dropped.append(f" {kind}/{db}/{low | (high[0] << 32 if high else 0)}")
    return f"; {label}dropped stats:{''.join(dropped)}"


def _origin_text(rec: DecodedRecord, lsn: int, time: int) -> str:
    return f"; origin: node {rec.origin or 0}, lsn {Lsn(lsn)}, at {timestamptz(time)}"


def _count(main: bytes, at: int, item_size: int) -> tuple[int, int, int]:
    """(count, start of the items, their end) of a counted part."""
    (count,) = _COUNT.unpack_from(main, at)
    at += _COUNT.size
    if not 0 <= count * item_size <= len(main) - at:
        raise CorruptData(f"{count} items do not fit into the record", offset=at)
    return count, at, at + count * item_size


def _ended(rec: DecodedRecord, xinfo: int, with_invals: bool) -> _Ended:
    main, at = rec.main, _TIME.size + _XINFO.size
    head = timestamptz(_TIME.unpack_from(main)[0])
    rels = subxacts = stats = invals = origin = ""
    db = tablespace = 0
    if xinfo & _DBINFO_BIT:
        db, tablespace = _DBINFO.unpack_from(main, at)
        at += _DBINFO.size
    if xinfo & _SUBXACTS_BIT:
        count, start, at = _count(main, at, _XID.size)
        subxacts = _subxacts(rec, start, count)
    if xinfo & _RELS_BIT:
        count, start, at = _count(main, at, _LOCATOR.size)
        rels = _relations(rec, "rels", start, count)
    if xinfo & _STATS_BIT and rec.major in _STATS:
        count, start, at = _count(main, at, _STATS[rec.major].size)
        stats = _stats(rec, "", start, count)
    if xinfo & _INVALS_BIT and with_invals:
        count, start, at = _count(main, at, SIZEOF_SHARED_INVALIDATION_MESSAGE)
        init_file = xinfo & _INIT_FILE_BIT != 0
        invals = invalidations(rec.major, main, start, count, db, tablespace, init_file)
    if xinfo & _TWOPHASE_BIT:
        (xid,) = _TWOPHASE.unpack_from(main, at)
        at += _TWOPHASE.size
        if xid:
            head = f"{xid}: {head}"
        if xinfo & _GID_BIT:
            at = main.index(b"\0", at) + 1
    if xinfo & _ORIGIN_BIT:
        origin = _origin_text(rec, *_ORIGIN.unpack_from(main, at))
    return _Ended(xinfo, head, rels, subxacts, stats, invals, origin)


def _xinfo(rec: DecodedRecord) -> int:
    return int(_XINFO.unpack_from(rec.main, _TIME.size)[0])


def _commit(rec: DecodedRecord, feedback: str) -> str:
    if not rec.info & XLOG_XACT_HAS_INFO:
        return timestamptz(_TIME.unpack_from(rec.main)[0])
    xinfo = _xinfo(rec)
    parts = _ended(rec, xinfo, True)
    return (
        f"{parts.head}{parts.rels}{parts.subxacts}{parts.stats}{parts.invals}"
        f"{feedback if xinfo & _FEEDBACK_BIT else ''}"
        f"{'; sync' if xinfo & _SYNC_BIT else ''}{parts.origin}"
    )


def _abort(rec: DecodedRecord, with_origin: bool) -> str:
    if not rec.info & XLOG_XACT_HAS_INFO:
        return timestamptz(_TIME.unpack_from(rec.main)[0])
    parts = _ended(rec, _xinfo(rec), False)
    origin = parts.origin if with_origin else ""
    return f"{parts.head}{parts.rels}{parts.subxacts}{origin}{parts.stats}"


def _prepare(rec: DecodedRecord, with_origin: bool) -> str:
    main = rec.main
    head = _PREPARE[rec.major](main, 0)
    at = _PREPARE_SIZE[rec.major]

    def part(item: struct.Struct | int, count: int) -> int:
        nonlocal at
        start, size = at, item if isinstance(item, int) else item.size
        if not 0 <= count * size <= len(main) - start:
            raise CorruptData(f"{count} items do not fit into the record", offset=at)
        at = start + maxalign(count * size)
        return start

    start = part(1, head.gidlen)
    gid = main[start : start + head.gidlen].partition(b"\0")[0]
    subxacts = _subxacts(rec, part(_XID, head.nsubxacts), head.nsubxacts)
    out = [
        f"gid {gid.decode('utf-8', 'surrogateescape')}: {timestamptz(head.prepared_at)}",
        _relations(rec, "rels(commit)", part(_LOCATOR, head.ncommitrels), head.ncommitrels),
        _relations(rec, "rels(abort)", part(_LOCATOR, head.nabortrels), head.nabortrels),
    ]
    if rec.major in _STATS:
        item = _STATS[rec.major]
        out.append(_stats(rec, "commit ", part(item, head.ncommitstats), head.ncommitstats))
        out.append(_stats(rec, "abort ", part(item, head.nabortstats), head.nabortstats))
    out.append(subxacts)
    start = part(SIZEOF_SHARED_INVALIDATION_MESSAGE, head.ninvalmsgs)
    init_file = bool(head.initfileinval)
    out.append(invalidations(rec.major, main, start, head.ninvalmsgs, head.database, 0, init_file))
    if with_origin and rec.origin:
        out.append(_origin_text(rec, head.origin_lsn, head.origin_timestamp))
    return "".join(out)


def _assignment(rec: DecodedRecord) -> str:
    top, count = _ASSIGNMENT.unpack_from(rec.main)
    xids = "".join(f" {xid}" for (xid,) in items(_XID, rec.main, _ASSIGNMENT.size, count))
    return f"xtop {top}: subxacts:{xids}"


def _invalidation(rec: DecodedRecord) -> str:
    (count,) = _INVALS.unpack_from(rec.main)
    return invalidations(rec.major, rec.main, _INVALS.size, count, 0, 0, False)


#: PostgreSQL 15 added apply feedback to commits, and the origin to aborts and prepares.
_COMMIT: ByMajor[Describe] = ByMajor(
    {14: lambda rec: _commit(rec, ""), 15: lambda rec: _commit(rec, "; apply_feedback")}
)
_ABORT: ByMajor[Describe] = ByMajor(
    {14: lambda rec: _abort(rec, False), 15: lambda rec: _abort(rec, True)}
)
DESCRIBE: dict[str, Describe | ByMajor[Describe]] = {
    "COMMIT": _COMMIT,
    "PREPARE": ByMajor({14: lambda rec: _prepare(rec, False), 15: lambda rec: _prepare(rec, True)}),
    "ABORT": _ABORT,
    "COMMIT_PREPARED": _COMMIT,
    "ABORT_PREPARED": _ABORT,
    "ASSIGNMENT": _assignment,
    "INVALIDATION": _invalidation,
}
