"""The WAL records of transactions: commit, abort, assignment, invalidations, locks."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from formats.derive import struct_of
from formats.wal import record as wal_record
from formats.wal import standby, xact
from formats.wal.record import XLogRecordFlags
from formats.wal.rmgrs import RmgrId, opcode
from formats.wal.sinval import SharedInvalidation
from formats.wal.xact import XLOG_XACT_HAS_INFO, XactInfo
from pgtool.storage.smgr import RelFileLocator
from pgtool.wal.insert import Record

if TYPE_CHECKING:
    from pgtool.transam.instance import Instance
    from pgtool.transam.xact import Level, Xact

#: Subtransactions of one transaction that standbys are told of one by one.
MAX_CACHED_SUBXIDS = 64
_COMMIT, _ABORT, _ASSIGNMENT, _INVALIDATION = (
    opcode(xact.RECORDS, name) for name in ("COMMIT", "ABORT", "ASSIGNMENT", "INVALIDATION")
)
_LOCK, _RUNNING, _INVALIDATIONS = (
    opcode(standby.RECORDS, name) for name in ("LOCK", "RUNNING_XACTS", "INVALIDATIONS")
)
_time = struct_of(xact.xl_xact_time).pack
_xinfo = struct_of(xact.xl_xact_xinfo).pack
_dbinfo = struct_of(xact.xl_xact_dbinfo).pack
_count = struct_of(xact.xl_xact_count).pack
_stats = struct_of(xact.xl_xact_stats_item[18]).pack
_invals = struct_of(xact.xl_xact_invals).pack
_assignment = struct_of(xact.xl_xact_assignment).pack
_locator = struct_of(wal_record.RelFileLocator).pack
_locks = struct_of(standby.xl_standby_locks).pack
_lock = struct_of(standby.xl_standby_lock).pack
_running = struct_of(standby.xl_running_xacts).pack
_invalidations = struct_of(standby.xl_invalidations).pack


#: The first byte of messages about whole catalogs; a cache's number is at most 127.
_CATALOG = SharedInvalidation.SHAREDINVALCATALOG_ID & 0xFF


def xid_list(xids: Sequence[int]) -> bytes:
    """Xids, one after the other."""
    return struct.pack(f"<{len(xids)}I", *xids)


def _stats_part(level: Level, at_commit: bool) -> tuple[int, bytes]:
    items = [item for item in level.ending.stats if item[3] == at_commit]
    if not items:
        return 0, b""
    data = b"".join(
        _stats(kind, database, objid & 0xFFFFFFFF, objid >> 32)
        for kind, database, objid, _ in items
    )
    return int(XactInfo.XACT_XINFO_HAS_DROPPED_STATS), _count(len(items)) + data


def _shared_parts(
    children: Sequence[int], rels: Sequence[RelFileLocator], level: Level, at_commit: bool
) -> tuple[int, bytes]:
    """(xinfo, bytes) of what commits and aborts have alike, behind the database."""
    info, out = 0, b""
    if children:
        info |= XactInfo.XACT_XINFO_HAS_SUBXACTS
        out += _count(len(children)) + xid_list(children)
    if rels:
        info |= XactInfo.XACT_XINFO_HAS_RELFILELOCATORS
        out += _count(len(rels))
        out += b"".join(_locator(where.spc, where.db, where.rel) for where in rels)
    bit, data = _stats_part(level, at_commit)
    return int(info | bit), out + data


def _insert(instance: Instance, code: int, head: bytes, info: int, rest: bytes, xid: int,
            rels: Sequence[RelFileLocator]) -> int:  # fmt: skip
    if info:
        code |= XLOG_XACT_HAS_INFO
        head += _xinfo(info)
    if rels:
        code |= XLogRecordFlags.XLR_SPECIAL_REL_UPDATE
    return instance.wal.insert(Record(RmgrId.RM_XACT_ID, code, head + rest), xid)


def log_commit(
    state: Xact, now: int, children: Sequence[int], rels: Sequence[RelFileLocator]
) -> int:
    """The commit record; its end."""
    top = state.levels[0]
    messages = ordered(top.ending.messages)
    logical = state.instance.settings.wal_level == "logical"
    logged = [where for where in rels if where.temp is None]
    info, parts = _shared_parts(children, logged, top, True)
    if state.init_file_stale:
        info |= XactInfo.XACT_COMPLETION_UPDATE_RELCACHE_FILE
    if state.force_sync:
        info |= XactInfo.XACT_COMPLETION_FORCE_SYNC_COMMIT
    if state.exclusive_locks:
        info |= XactInfo.XACT_XINFO_HAS_AE_LOCKS
    rest = b""
    if messages or logical:
        info |= XactInfo.XACT_XINFO_HAS_DBINFO
        rest = _dbinfo(state.database, state.tablespace)
    rest += parts
    if messages:
        info |= XactInfo.XACT_XINFO_HAS_INVALS
        rest += _count(len(messages)) + b"".join(messages)
    return _insert(state.instance, _COMMIT, _time(now), int(info), rest, top.xid, logged)


def log_abort(state: Xact, level: Level, now: int, rels: Sequence[RelFileLocator]) -> int:
    """The abort record of a transaction or subtransaction; its end."""
    logged = [where for where in rels if where.temp is None]
    info, rest = _shared_parts(level.children, logged, level, False)
    if state.exclusive_locks:
        info |= XactInfo.XACT_XINFO_HAS_AE_LOCKS
    return _insert(state.instance, _ABORT, _time(now), info, rest, level.xid, logged)


def log_assignment(state: Xact, xids: Sequence[int]) -> int:
    """Whose these subtransactions are."""
    data = _assignment(state.top_xid, len(xids)) + xid_list(xids)
    return state.instance.wal.insert(Record(RmgrId.RM_XACT_ID, _ASSIGNMENT, data))


def ordered(messages: Iterable[bytes]) -> list[bytes]:
    """First the messages about catalog caches, then those about relations, as servers do."""
    return sorted(messages, key=lambda message: 127 < message[0] < _CATALOG)


def log_invalidations(state: Xact, pending: Iterable[bytes]) -> int:
    """Messages of a transaction that has no xid."""
    messages = ordered(pending)
    data = _invalidations(
        state.database, state.tablespace, int(state.init_file_stale), b"", len(messages)
    )
    record = Record(RmgrId.RM_STANDBY_ID, _INVALIDATIONS, data + b"".join(messages))
    return state.instance.wal.insert(record)


def log_command_invalidations(state: Xact, pending: Iterable[bytes]) -> int:
    """Messages of a command, for logical decoding of what its transaction does next."""
    messages = ordered(dict.fromkeys(pending))
    data = _invals(len(messages)) + b"".join(messages)
    record = Record(RmgrId.RM_XACT_ID, _INVALIDATION, data)
    return state.instance.wal.insert(record, state.current_xid())


def log_locks(instance: Instance, locks: Sequence[tuple[int, int, int]]) -> int:
    """AccessExclusiveLocks (xid, database, relation) that standbys must hold."""
    data = _locks(len(locks)) + b"".join(_lock(*lock) for lock in locks)
    return instance.wal.insert(Record(RmgrId.RM_STANDBY_ID, _LOCK, data), important=False)


def log_running(instance: Instance) -> int:
    """Who is running, so that a standby can begin from here.

    Where a transaction has more subtransactions than a standby has room for none is listed:
    it finds whose they are in pg_subtrans.
    """
    procs, varsup = instance.procarray.procs, instance.varsup
    tops = [proc.xid for proc in procs if proc.xid]
    many = any(len(proc.subxids) > MAX_CACHED_SUBXIDS for proc in procs)
    subs = [xid for proc in procs if proc.xid and not many for xid in proc.subxids]
    data = _running(
        len(tops), len(subs), int(many), b"", varsup.next_xid, instance.procarray.oldest_running(),
        varsup.latest_completed,
    )  # fmt: skip
    record = Record(RmgrId.RM_STANDBY_ID, _RUNNING, data + xid_list([*tops, *subs]))
    return instance.wal.insert(record, important=False)
