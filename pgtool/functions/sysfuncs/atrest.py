"""What a server would tell of its processes and shared memory: nothing, at rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.errors import Unsupported
from pgtool.functions.registry import Call, builtin

__all__: list[str] = []


@builtin(
    "pg_available_extension_versions", "pg_available_extensions", "pg_cursor",
    "pg_extension_update_paths", "pg_get_aios", "pg_get_backend_memory_contexts",
    "pg_get_loaded_modules", "pg_get_shmem_allocations", "pg_get_shmem_allocations_numa",
    "pg_listening_channels", "pg_lock_status", "pg_stat_get_activity",
    "pg_stat_get_backend_idset", "pg_stat_get_progress_info", "pg_stat_get_recovery_prefetch",
    "pg_stat_get_subscription", "pg_stat_get_wal_senders", "pg_stat_get_backend_io",
    returns_set=True,
)  # fmt: skip
def empty(*_args: Any) -> Iterator[tuple[Any, ...]]:
    """No rows."""
    return iter(())


@builtin("pg_get_replication_slots", call=True, returns_set=True)
def pg_get_replication_slots(call: Call) -> Iterator[tuple[Any, ...]]:
    """Slots outlive the server, as directories."""
    if call.session.database.cluster.directory.backend.list("pg_replslot"):
        raise Unsupported("function pg_get_replication_slots where there are slots")
    return iter(())


@builtin("pg_prepared_statement", call=True, returns_set=True)
def pg_prepared_statement(call: Call) -> Iterator[tuple[Any, ...]]:
    """The session's own PREPAREs."""
    if call.session.prepared:
        raise Unsupported("function pg_prepared_statement after PREPARE")
    return iter(())


@builtin(
    "pg_stat_get_wal_receiver", "pg_stat_get_backend_pid", "pg_stat_get_backend_dbid",
    "pg_stat_get_backend_userid", "pg_stat_get_backend_activity",
    "pg_stat_get_backend_wait_event_type", "pg_stat_get_backend_wait_event",
    "pg_stat_get_backend_activity_start", "pg_stat_get_backend_xact_start",
    "pg_stat_get_backend_start", "pg_stat_get_backend_client_addr",
    "pg_stat_get_backend_client_port", "pg_stat_get_backend_subxact",
    "pg_indexam_progress_phasename",
)  # fmt: skip
def no_backend(*_args: Any) -> None:
    """There is no such process."""
    return
