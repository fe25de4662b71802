"""pg_stat_get_*: the cumulative statistics that a clean shutdown leaves in its file.

Where there is none (a crash, or 14, which keeps other files) the counters are those of a
server that has just begun to count: zero, and no times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from formats import pgstat
from pgtool.functions.registry import Call, builtin
from pgtool.functions.session import Session
from pgtool.functions.values import RecordValue

__all__ = ["entry_of", "fixed_entry"]

RECORD = 2249
#: Statistics file → entries by (kind, database, object), and what exists once by kind.
Entries = tuple[dict[tuple[str, int, int], Any], dict[str, Any]]


def _read(session: Session) -> Entries:
    cluster = session.database.cluster
    backend = cluster.directory.backend
    path = pgstat.PGSTAT_STAT_PERMANENT_FILENAME
    if cluster.major not in pgstat.KINDS or not backend.exists(path):
        return {}, {}
    found = pgstat.parse(backend.read(path), cluster.major, file=path)
    kinds = pgstat.KINDS[cluster.major]
    once = {item.kind: item.body for item in found.fixed}
    entries = {}
    for entry in found.entries:
        kind = kinds(entry.key.kind).name
        if entry.mark == pgstat.ENTRY_FIXED:
            once[kind] = entry.body
        elif entry.mark == pgstat.ENTRY_HASH:
            entries[kind, entry.key.dboid, entry.key.objid] = entry.body
    return entries, once


def _entries(session: Session) -> Entries:
    database = session.database
    made: Entries | None = database.__dict__.get("_statistics")
    if made is None:
        made = database.__dict__["_statistics"] = _read(session)
    return made


def entry_of(session: Session, kind: str, oid: int) -> Any:
    """The entry of an object of this database, or a shared one; None where there is none."""
    instance = session.database.cluster.instance
    if instance is not None:
        stats, db = instance.stats, session.database.oid
        if kind == "DATABASE":
            return stats.find(kind, oid, 0)
        return stats.find(kind, db, oid) or stats.find(kind, 0, oid)
    entries = _entries(session)[0]
    if kind == "DATABASE":
        return entries.get((kind, oid, 0))
    found = entries.get((kind, session.database.oid, oid))
    return found if found is not None else entries.get((kind, 0, oid))


def fixed_entry(session: Session, kind: str) -> Any:
    """What exists once of a kind; None where nothing was counted."""
    return _entries(session)[1].get(kind)


def _register(
    name: str, kind: str, field: str, how: str = "count", once: bool = False
) -> None:
    """One counter: ``count`` as it is, ``time`` NULL where zero, ``ms``/``us`` as float."""

    @builtin(name, call=True)
    def counter(call: Call, *args: Any) -> Any:
        entry = fixed_entry(call.session, kind) if once else entry_of(call.session, kind, args[0])
        value = getattr(entry, field, 0) if entry is not None else 0
        if how == "time":
            return value or None
        if how == "count":
            return value
        return float(value) / (1000.0 if how == "us" else 1.0)


_RELATION = (
    "numscans", "tuples_returned", "tuples_fetched", "tuples_inserted", "tuples_updated",
    "tuples_deleted", "tuples_hot_updated", "tuples_newpage_updated", "live_tuples",
    "dead_tuples", "mod_since_analyze", "ins_since_vacuum", "blocks_fetched", "blocks_hit",
    "vacuum_count", "autovacuum_count", "analyze_count", "autoanalyze_count",
)  # fmt: skip
_RELATION_TIMES = (
    "lastscan", "last_vacuum_time", "last_autovacuum_time", "last_analyze_time",
    "last_autoanalyze_time",
)  # fmt: skip
_RELATION_DURATIONS = (
    "total_vacuum_time", "total_autovacuum_time", "total_analyze_time", "total_autoanalyze_time",
)  # fmt: skip
_DATABASE = (
    "xact_commit", "xact_rollback", "blocks_fetched", "blocks_hit", "tuples_returned",
    "tuples_fetched", "tuples_inserted", "tuples_updated", "tuples_deleted",
    "conflict_tablespace", "conflict_lock", "conflict_snapshot", "conflict_logicalslot",
    "conflict_bufferpin", "conflict_startup_deadlock", "deadlocks", "temp_files", "temp_bytes",
    "sessions", "sessions_abandoned", "sessions_fatal", "sessions_killed",
    "parallel_workers_to_launch", "parallel_workers_launched",
)  # fmt: skip
_DATABASE_DURATIONS = (
    "blk_read_time", "blk_write_time", "session_time", "active_time", "idle_in_transaction_time",
)  # fmt: skip
_CHECKPOINTER = (
    "num_timed", "num_requested", "num_performed", "restartpoints_timed",
    "restartpoints_requested", "restartpoints_performed", "buffers_written", "slru_written",
)  # fmt: skip
#: Functions that exist once: name → (kind, field, how).
_SINGLE = {
    "pg_stat_get_bgwriter_buf_written_clean": ("BGWRITER", "buf_written_clean", "count"),
    "pg_stat_get_bgwriter_maxwritten_clean": ("BGWRITER", "maxwritten_clean", "count"),
    "pg_stat_get_bgwriter_stat_reset_time": ("BGWRITER", "stat_reset_timestamp", "time"),
    "pg_stat_get_buf_alloc": ("BGWRITER", "buf_alloc", "count"),
    "pg_stat_get_buf_written_backend": ("CHECKPOINTER", "buf_written_backend", "count"),
    "pg_stat_get_buf_fsync_backend": ("CHECKPOINTER", "buf_fsync_backend", "count"),
    "pg_stat_get_bgwriter_timed_checkpoints": ("CHECKPOINTER", "num_timed", "count"),
    "pg_stat_get_bgwriter_requested_checkpoints": ("CHECKPOINTER", "num_requested", "count"),
    "pg_stat_get_bgwriter_buf_written_checkpoints": ("CHECKPOINTER", "buffers_written", "count"),
    "pg_stat_get_checkpoint_write_time": ("CHECKPOINTER", "write_time", "ms"),
    "pg_stat_get_checkpoint_sync_time": ("CHECKPOINTER", "sync_time", "ms"),
    "pg_stat_get_checkpointer_write_time": ("CHECKPOINTER", "write_time", "ms"),
    "pg_stat_get_checkpointer_sync_time": ("CHECKPOINTER", "sync_time", "ms"),
    "pg_stat_get_checkpointer_stat_reset_time": ("CHECKPOINTER", "stat_reset_timestamp", "time"),
}


def _register_all() -> None:
    for field in _RELATION:
        _register(f"pg_stat_get_{field}", "RELATION", field)
    for field in _RELATION_TIMES:
        _register(f"pg_stat_get_{field}", "RELATION", field, "time")
    for field in _RELATION_DURATIONS:
        _register(f"pg_stat_get_{field}", "RELATION", field, "ms")
    for field in _DATABASE:
        _register(f"pg_stat_get_db_{field}", "DATABASE", field)
    for field in _DATABASE_DURATIONS:
        _register(f"pg_stat_get_db_{field}", "DATABASE", field, "us")
    _register("pg_stat_get_db_stat_reset_time", "DATABASE", "stat_reset_timestamp", "time")
    for field in _CHECKPOINTER:
        _register(f"pg_stat_get_checkpointer_{field}", "CHECKPOINTER", field, once=True)
    for name, (kind, field, how) in _SINGLE.items():
        _register(name, kind, field, how, once=True)


_register_all()


@builtin("pg_stat_get_db_numbackends")
def pg_stat_get_db_numbackends(_oid: int) -> int:
    """Nobody is connected."""
    return 0


@builtin("pg_stat_get_db_conflict_all", call=True)
def pg_stat_get_db_conflict_all(call: Call, oid: int) -> int:
    """All conflicts of a standby."""
    entry = entry_of(call.session, "DATABASE", oid)
    names = [name for name in _DATABASE if name.startswith("conflict_")]
    return 0 if entry is None else sum(getattr(entry, name, 0) for name in names)


def _checksums(call: Call, oid: int, field: str) -> int | None:
    if not call.session.database.cluster.directory.checksums:
        return None
    entry = entry_of(call.session, "DATABASE", oid)
    return 0 if entry is None else int(entry[field])


@builtin("pg_stat_get_db_checksum_failures", call=True)
def pg_stat_get_db_checksum_failures(call: Call, oid: int) -> int | None:
    """Pages with a wrong checksum; NULL without checksums."""
    return _checksums(call, oid, "checksum_failures")


@builtin("pg_stat_get_db_checksum_last_failure", call=True)
def pg_stat_get_db_checksum_last_failure(call: Call, oid: int) -> int | None:
    """When the last one was found."""
    return _checksums(call, oid, "last_checksum_failure") or None


@builtin("pg_stat_get_function_calls", call=True)
def pg_stat_get_function_calls(call: Call, oid: int) -> int | None:
    """Calls; NULL where none was counted."""
    entry = entry_of(call.session, "FUNCTION", oid)
    return None if entry is None else int(entry.numcalls)


@builtin("pg_stat_get_function_total_time", call=True)
def pg_stat_get_function_total_time(call: Call, oid: int) -> float | None:
    """Milliseconds in a function and what it calls."""
    entry = entry_of(call.session, "FUNCTION", oid)
    return None if entry is None else entry.total_time / 1000.0


@builtin("pg_stat_get_function_self_time", call=True)
def pg_stat_get_function_self_time(call: Call, oid: int) -> float | None:
    """Milliseconds in a function itself."""
    entry = entry_of(call.session, "FUNCTION", oid)
    return None if entry is None else entry.self_time / 1000.0


# -- this transaction: it does nothing -------------------------------------------------------


@builtin(
    "pg_stat_get_xact_numscans", "pg_stat_get_xact_tuples_returned",
    "pg_stat_get_xact_tuples_fetched", "pg_stat_get_xact_tuples_inserted",
    "pg_stat_get_xact_tuples_updated", "pg_stat_get_xact_tuples_deleted",
    "pg_stat_get_xact_tuples_hot_updated", "pg_stat_get_xact_tuples_newpage_updated",
    "pg_stat_get_xact_blocks_fetched", "pg_stat_get_xact_blocks_hit",
)  # fmt: skip
def in_transaction(_oid: int) -> int:
    """Nothing is counted here."""
    return 0


@builtin(
    "pg_stat_get_xact_function_calls", "pg_stat_get_xact_function_total_time",
    "pg_stat_get_xact_function_self_time", "pg_stat_get_snapshot_timestamp",
)  # fmt: skip
def no_call(*_args: Any) -> None:
    """No call was counted."""
    return


@builtin("pg_stat_clear_snapshot", "pg_stat_force_next_flush")
def no_snapshot() -> None:
    """Nothing to forget."""
    return


@builtin("pg_stat_have_stats", call=True)
def pg_stat_have_stats(call: Call, kind: str, database: int, oid: int) -> bool:
    """Whether there is an entry."""
    entries, once = _entries(call.session)
    return (kind.upper(), database, oid) in entries or kind.upper() in once


# -- rows ----------------------------------------------------------------------------------


def _row(types: tuple[int, ...], *fields: Any) -> RecordValue:
    return RecordValue(RECORD, types, fields)


_WAL = ("wal_records", "wal_fpi", "wal_bytes", "wal_buffers_full")
_WAL_OLD = ("wal_write", "wal_sync", "wal_write_time", "wal_sync_time")


@builtin("pg_stat_get_wal", call=True)
def pg_stat_get_wal(call: Call) -> RecordValue:
    """WAL written."""
    from decimal import Decimal

    entry = fixed_entry(call.session, "WAL")
    values: list[Any] = [getattr(entry, name, 0) if entry else 0 for name in _WAL]
    values[2] = Decimal(values[2])
    types = [20, 20, 1700, 20]
    if call.session.settings.major <= LAST_WITH_WAL_TIMES:
        old = [getattr(entry, name, 0) if entry else 0 for name in _WAL_OLD]
        values += [old[0], old[1], old[2] / 1000.0, old[3] / 1000.0]
        types += [20, 20, 701, 701]
    reset = getattr(entry, "stat_reset_timestamp", 0) if entry else 0
    return _row((*types, 1184), *values, reset or None)


LAST_WITH_WAL_TIMES = 17


@builtin("pg_stat_get_archiver", call=True)
def pg_stat_get_archiver(call: Call) -> RecordValue:
    """WAL files archived."""
    entry = fixed_entry(call.session, "ARCHIVER")
    types = (20, 25, 1184, 20, 25, 1184, 1184)
    if entry is None:
        return _row(types, 0, None, None, 0, None, None, None)
    decode = call.session.database.encoding.decode
    done, failed = (
        decode(bytes(raw).split(b"\0")[0]) or None
        for raw in (entry.last_archived_wal, entry.last_failed_wal)
    )
    return _row(
        types, entry.archived_count, done, entry.last_archived_timestamp or None,
        entry.failed_count, failed, entry.last_failed_timestamp or None,
        entry.stat_reset_timestamp or None,
    )  # fmt: skip


#: Names of the SLRUs in the order of the file.
_SLRUS = {
    14: ("CommitTs", "MultiXactMember", "MultiXactOffset", "Notify", "Serial", "Subtrans",
         "Xact", "other"),
    17: ("commit_timestamp", "multixact_member", "multixact_offset", "notify", "serializable",
         "subtransaction", "transaction", "other"),
}  # fmt: skip
_SLRU_FIELDS = (
    "blocks_zeroed", "blocks_hit", "blocks_read", "blocks_written", "blocks_exists", "flush",
    "truncate",
)  # fmt: skip


@builtin("pg_stat_get_slru", call=True, returns_set=True)
def pg_stat_get_slru(call: Call) -> Iterator[tuple[Any, ...]]:
    """Accesses of the transaction logs."""
    body = fixed_entry(call.session, "SLRU")
    names = _SLRUS[max(m for m in _SLRUS if m <= call.session.settings.major)]
    for i, name in enumerate(names):
        if body is None:
            yield (name, *(0,) * len(_SLRU_FIELDS), None)
        else:
            counts = [body[i][field] for field in _SLRU_FIELDS]
            yield (name, *counts, body[i].stat_reset_timestamp or None)


@builtin("pg_stat_get_replication_slot")
def pg_stat_get_replication_slot(name: str) -> RecordValue:
    """A slot's decoding: counted while a server runs only."""
    types = (25, *(20,) * 8, 1184)
    return _row(types, name, *(0,) * 8, None)


@builtin("pg_stat_get_subscription_stats", call=True)
def pg_stat_get_subscription_stats(call: Call, oid: int) -> RecordValue:
    """A subscription's errors and conflicts."""
    entry = entry_of(call.session, "SUBSCRIPTION", oid)
    conflicts = call.session.settings.major >= FIRST_WITH_CONFLICTS
    counts = [0, 0] if entry is None else [entry.apply_error_count, entry.sync_error_count]
    if conflicts:
        counts += [0] * 7 if entry is None else list(entry.conflict_count)
    reset = None if entry is None else entry.stat_reset_timestamp or None
    return _row((26, *(20,) * len(counts), 1184), oid, *counts, reset)


FIRST_WITH_CONFLICTS = 18
