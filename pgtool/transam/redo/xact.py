"""Replay of transaction ends: commit, abort, prepare.

A hot path: commits are as frequent as anything in the log, so their parts are read with
``struct`` from the declared pieces.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from formats.derive import sizeof, struct_of
from formats.wal import xact as layout
from formats.wal.record import DecodedRecord, RelFileLocator
from formats.wal.sinval import SharedInvalidationMessage
from formats.wal.xact import XLOG_XACT_HAS_INFO, XactInfo
from pgtool.errors import CorruptData
from pgtool.storage import smgr
from pgtool.storage.smgr import ForkNumber
from pgtool.transam.redo import twophase
from pgtool.transam.redo.state import ABORTED, COMMITTED, RecoveryState
from pgtool.wal.redo import RedoContext

_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_TIME = struct_of(layout.xl_xact_time)
_LOCATOR = struct_of(RelFileLocator)
_ORIGIN = struct_of(layout.xl_xact_origin)
_MESSAGE = sizeof(SharedInvalidationMessage)
_HAS_DB = int(XactInfo.XACT_XINFO_HAS_DBINFO)
_HAS_SUB = int(XactInfo.XACT_XINFO_HAS_SUBXACTS)
_HAS_RELS = int(XactInfo.XACT_XINFO_HAS_RELFILELOCATORS)
_HAS_STATS = int(XactInfo.XACT_XINFO_HAS_DROPPED_STATS)
_HAS_INVALS = int(XactInfo.XACT_XINFO_HAS_INVALS)
_HAS_TWOPHASE = int(XactInfo.XACT_XINFO_HAS_TWOPHASE)
_HAS_GID = int(XactInfo.XACT_XINFO_HAS_GID)
_HAS_ORIGIN = int(XactInfo.XACT_XINFO_HAS_ORIGIN)
_DB = sizeof(layout.xl_xact_dbinfo)


@dataclass(slots=True)
class Ended:
    """What a commit or abort record says."""

    time: int
    children: tuple[int, ...] = ()
    relations: tuple[tuple[int, int, int], ...] = ()
    twophase: int = 0
    origin_lsn: int = 0
    origin_time: int = 0
    has_origin: bool = False


def _count(data: bytes, at: int, size: int) -> int:
    (count,) = _I32.unpack_from(data, at)
    if not 0 <= count * size <= len(data) - at - 4:
        raise CorruptData(f"{count} items do not fit into a transaction's end record")
    return int(count)


def parse_end(rec: DecodedRecord, *, abort: bool) -> Ended:
    """The parts of a commit or abort."""
    data = rec.main
    out = Ended(_TIME.unpack_from(data, 0)[0])
    if not rec.info & XLOG_XACT_HAS_INFO:
        return out
    (info,) = _U32.unpack_from(data, _TIME.size)
    at = _TIME.size + 4
    if info & _HAS_DB:
        at += _DB
    if info & _HAS_SUB:
        count = _count(data, at, 4)
        out.children = struct.unpack_from(f"<{count}I", data, at + 4)
        at += 4 + 4 * count
    if info & _HAS_RELS:
        count = _count(data, at, _LOCATOR.size)
        at += 4
        end = at + count * _LOCATOR.size
        out.relations = tuple(_LOCATOR.iter_unpack(data[at:end]))
        at = end
    if info & _HAS_STATS:
        size = sizeof(layout.xl_xact_stats_item[rec.major])
        at += 4 + size * _count(data, at, size)
    if info & _HAS_INVALS and not abort:
        at += 4 + _MESSAGE * _count(data, at, _MESSAGE)
    if info & _HAS_TWOPHASE:
        (out.twophase,) = _U32.unpack_from(data, at)
        at += 4
        if info & _HAS_GID:
            at = data.index(b"\0", at) + 1
    if info & _HAS_ORIGIN:
        out.origin_lsn, out.origin_time = _ORIGIN.unpack_from(data, at)
        out.has_origin = True
    return out


def drop_relations(ctx: RedoContext, relations: tuple[tuple[int, int, int], ...]) -> None:
    """Remove the files of relations, and what is remembered of them."""
    for spc, db, rel in relations:
        for fork in ForkNumber:
            ctx.invalid.forget((spc, db, rel, int(fork)))
        ctx.pool.drop(smgr.RelFileLocator(spc, db, rel))


def _advance_origin(rec: DecodedRecord, state: RecoveryState, ended: Ended) -> None:
    if ended.has_origin and rec.origin is not None:
        known = state.origins.get(rec.origin, 0)
        state.origins[rec.origin] = max(known, ended.origin_lsn)


def _commit(rec: DecodedRecord, ctx: RedoContext, xid: int, ended: Ended) -> None:
    state: RecoveryState = ctx.instance
    state.advance_past(state.latest(xid, ended.children))
    time = ended.origin_time if ended.has_origin else ended.time
    state.set_commit_time(xid, ended.children, time, rec.origin or 0)
    state.set_status((xid, *ended.children), COMMITTED)
    _advance_origin(rec, state, ended)
    drop_relations(ctx, ended.relations)


def _abort(rec: DecodedRecord, ctx: RedoContext, xid: int, ended: Ended) -> None:
    state: RecoveryState = ctx.instance
    state.advance_past(state.latest(xid, ended.children))
    state.set_status((xid, *ended.children), ABORTED)
    _advance_origin(rec, state, ended)
    drop_relations(ctx, ended.relations)


def commit(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A transaction committed."""
    _commit(rec, ctx, rec.xid, parse_end(rec, abort=False))


def abort(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A transaction aborted."""
    _abort(rec, ctx, rec.xid, parse_end(rec, abort=True))


def commit_prepared(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A prepared transaction committed."""
    ended = parse_end(rec, abort=False)
    _commit(rec, ctx, ended.twophase, ended)
    twophase.forget(ctx.instance, ended.twophase)


def abort_prepared(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A prepared transaction was rolled back."""
    ended = parse_end(rec, abort=True)
    _abort(rec, ctx, ended.twophase, ended)
    twophase.forget(ctx.instance, ended.twophase)


def prepare(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A transaction was prepared: its state is kept until it ends."""
    twophase.remember(ctx.instance, rec)


def nothing(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Matters to a hot standby or to logical decoding only."""


XACT = {
    "COMMIT": commit,
    "ABORT": abort,
    "PREPARE": prepare,
    "COMMIT_PREPARED": commit_prepared,
    "ABORT_PREPARED": abort_prepared,
    "ASSIGNMENT": nothing,
    "INVALIDATION": nothing,
}
