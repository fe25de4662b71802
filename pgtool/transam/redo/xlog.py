"""Replay of records about the log itself, and of those that change nothing in the files."""

from __future__ import annotations

from construct import Container

from formats.derive import reader, struct_of
from formats.wal import replorigin
from formats.wal import xlog as layout
from formats.wal.record import DecodedRecord
from pgtool.errors import CorruptData
from pgtool.transam.redo.state import RecoveryState
from pgtool.transam.xid import precedes
from pgtool.wal.redo import BLK_RESTORED, RedoContext

_parameters = reader(layout.xl_parameter_change)
_set_origin = reader(replorigin.xl_replorigin_set)
_PARAMETERS = (
    "MaxConnections", "max_worker_processes", "max_wal_senders", "max_prepared_xacts",
    "max_locks_per_xact", "wal_level", "wal_log_hints", "track_commit_timestamp",
)  # fmt: skip


def checkpoint_of(rec: DecodedRecord) -> Container:
    """The body of a checkpoint record."""
    return layout.CheckPoint[rec.major].parse(rec.main)


def checkpoint_shutdown(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A shutdown checkpoint states every counter exactly."""
    data = checkpoint_of(rec)
    state: RecoveryState = ctx.instance
    state.next_xid = int(data.nextXid)
    state.next_oid = data.nextOid
    state.next_multi, state.next_multi_offset = data.nextMulti, data.nextMultiOffset
    state.oldest_xid, state.oldest_xid_db = data.oldestXid, data.oldestXidDB
    _note(state, data)


def checkpoint_online(rec: DecodedRecord, ctx: RedoContext) -> None:
    """An online checkpoint states counters that may be behind already."""
    data = checkpoint_of(rec)
    state: RecoveryState = ctx.instance
    state.next_xid = max(state.next_xid, int(data.nextXid))
    state.advance_multi(data.nextMulti, data.nextMultiOffset)
    if precedes(state.oldest_xid, data.oldestXid):
        state.oldest_xid, state.oldest_xid_db = data.oldestXid, data.oldestXidDB
    _note(state, data)


def _note(state: RecoveryState, data: Container) -> None:
    state.advance_oldest_multi(data.oldestMulti, data.oldestMultiDB)
    state.full_page_writes = bool(data.fullPageWrites)


def next_oid(rec: DecodedRecord, ctx: RedoContext) -> None:
    """OIDs up to here may have been handed out."""
    ctx.instance.next_oid = int.from_bytes(rec.main[:4], "little")


def parameter_change(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Settings of the primary, which pg_control repeats."""
    data = _parameters(rec.main, 0)
    state: RecoveryState = ctx.instance
    for name in _PARAMETERS:
        state.control[name] = getattr(data, name)
    state.control_changed = True
    ctx.wal_log_hints = bool(data.wal_log_hints)
    was, state.track_commit_timestamp = (
        state.track_commit_timestamp, bool(data.track_commit_timestamp),
    )  # fmt: skip
    if was and not state.track_commit_timestamp:
        state.oldest_commit_ts = state.newest_commit_ts = 0
        state.commit_ts.remove(lambda segment: True)


def fpw_change(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Whether full_page_writes is on from here."""
    ctx.instance.full_page_writes = bool(rec.main[0])


def full_page_image(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Pages as images."""
    for ref in rec.blocks:
        if ctx.buffer(rec, ref.id)[0] != BLK_RESTORED:
            raise CorruptData("unexpected XLogReadBufferForRedo result when restoring backup block")


def image_for_hint(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Images of pages before a hint bit was set; none where images are off."""
    for ref in rec.blocks:
        if ref.image is not None:
            ctx.buffer(rec, ref.id)


def nothing(rec: DecodedRecord, ctx: RedoContext) -> None:
    """No page and no counter changes."""


def origin_set(rec: DecodedRecord, ctx: RedoContext) -> None:
    """How far a replication origin has been replayed."""
    data = _set_origin(rec.main, 0)
    state: RecoveryState = ctx.instance
    known = state.origins.get(data.node_id, 0)
    if data.force or data.remote_lsn > known:
        state.origins[data.node_id] = data.remote_lsn


def origin_drop(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A replication origin is dropped."""
    (node,) = struct_of(replorigin.xl_replorigin_drop).unpack_from(rec.main, 0)
    ctx.instance.origins.pop(node, None)


XLOG = {
    "CHECKPOINT_SHUTDOWN": checkpoint_shutdown,
    "CHECKPOINT_ONLINE": checkpoint_online,
    "NOOP": nothing,
    "NEXTOID": next_oid,
    "SWITCH": nothing,
    "BACKUP_END": nothing,
    "PARAMETER_CHANGE": parameter_change,
    "RESTORE_POINT": nothing,
    "FPW_CHANGE": fpw_change,
    "END_OF_RECOVERY": nothing,
    "FPI_FOR_HINT": image_for_hint,
    "FPI": full_page_image,
    "OVERWRITE_CONTRECORD": nothing,
    "CHECKPOINT_REDO": nothing,
}
STANDBY = {"LOCK": nothing, "RUNNING_XACTS": nothing, "INVALIDATIONS": nothing}
MESSAGE = {"MESSAGE": nothing}
ORIGIN = {"SET": origin_set, "DROP": origin_drop}
