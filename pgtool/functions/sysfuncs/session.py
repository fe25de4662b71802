"""The session and the server it stands for: names, settings, versions, encodings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from pgtool.errors import SqlError, UserError
from pgtool.functions.registry import Call, builtin
from pgtool.functions.session import Session
from pgtool.functions.values import ArrayValue
from pgtool.types.encoding import encoding_by_id

__all__: list[str] = []

NAMEOID = 19
PG_CATALOG = 11


@builtin("current_database", call=True)
def current_database(call: Call) -> str:
    """The database."""
    return str(call.session.database.name)


@builtin("current_user", call=True)
def current_user(call: Call) -> str:
    """The user."""
    return str(call.session.user)


@builtin("session_user", call=True)
def session_user(call: Call) -> str:
    """Who opened the session."""
    return str(call.session.session_user)


@builtin("system_user")
def system_user() -> None:
    """Nobody was authenticated."""
    return


def _schemas(session: Session, implicit: bool) -> list[str]:
    path = session.search_path
    names = session.database.namespaces
    if not implicit and "pg_catalog" not in session.search_path_names:
        path = [oid for oid in path if oid != PG_CATALOG]
    return [names[oid] for oid in path if oid in names]


@builtin("current_schema", call=True)
def current_schema(call: Call) -> str | None:
    """Where new objects would go."""
    found = _schemas(call.session, False)
    return found[0] if found else None


@builtin("current_schemas", call=True)
def current_schemas(call: Call, implicit: bool) -> ArrayValue:
    """The search path."""
    return ArrayValue.of(NAMEOID, list(_schemas(call.session, implicit)))


@builtin("pgsql_version", call=True)
def version(call: Call) -> str:
    """The major that wrote the directory, and who reads it."""
    return f"PostgreSQL {call.session.database.cluster.major} (data directory read by pgtool)"


@builtin("pg_backend_pid")
def pg_backend_pid() -> int:
    """This process."""
    return os.getpid()


@builtin("pg_is_in_recovery", "pg_jit_available", "pg_numa_available")
def never() -> bool:
    """Not so in a directory at rest."""
    return False


@builtin("pg_postmaster_start_time", "pg_conf_load_time", call=True)
def started(call: Call) -> int:
    """When the session was opened: there is no server."""
    return int(call.session.__dict__.setdefault("_opened", call.session.now))


@builtin("pg_trigger_depth")
def pg_trigger_depth() -> int:
    """No trigger runs here."""
    return 0


@builtin("pg_notification_queue_usage")
def pg_notification_queue_usage() -> float:
    """Nothing is queued."""
    return 0.0


@builtin(
    "pg_last_wal_receive_lsn", "pg_last_wal_replay_lsn", "pg_last_xact_replay_timestamp",
    "pg_current_logfile", "pg_current_xact_id_if_assigned",
)  # fmt: skip
def nothing() -> None:
    """There is no network, no recovery, no log, no transaction of our own."""
    return


@builtin("pg_blocking_pids", "pg_safe_snapshot_blocking_pids")
def pg_blocking_pids(_pid: int) -> ArrayValue:
    """Nobody waits."""
    return ArrayValue.of(23, [])


@builtin("pg_num_nulls", call=True)
def pg_num_nulls(call: Call, *args: Any) -> int | None:
    """How many arguments are NULL."""
    values = _spread(call, args)
    return None if values is None else sum(value is None for value in values)


@builtin("pg_num_nonnulls", call=True)
def pg_num_nonnulls(call: Call, *args: Any) -> int | None:
    """How many arguments are not NULL."""
    values = _spread(call, args)
    return None if values is None else sum(value is not None for value in values)


def _spread(call: Call, args: tuple[Any, ...]) -> Any:
    if call.variadic and args:
        return None if args[-1] is None else args[-1].elements
    return args


# -- encodings -----------------------------------------------------------------------------


@builtin("PG_encoding_to_char")
def pg_encoding_to_char(number: int) -> str:
    """An encoding's name."""
    try:
        return encoding_by_id(number).name
    except (UserError, KeyError, ValueError):
        return ""


@builtin("PG_char_to_encoding")
def pg_char_to_encoding(name: str) -> int:
    """An encoding's number, -1 where there is none."""
    wanted = "".join(c for c in name.lower() if c.isalnum())
    for number in range(64):
        known = pg_encoding_to_char(number)
        if known and "".join(c for c in known.lower() if c.isalnum()) == wanted:
            return number
    return -1


#: Bytes of the longest character of multibyte encodings, by number; others have one.
_WIDEST = {
    1: 3, 2: 3, 3: 3, 4: 4, 5: 3, 6: 4, 7: 4, 35: 2, 36: 2, 37: 2, 38: 2, 39: 4, 40: 3, 41: 3,
}  # fmt: skip
_ENCODINGS = 42


@builtin("pg_encoding_max_length_sql")
def pg_encoding_max_length_sql(number: int) -> int | None:
    """Bytes of an encoding's longest character."""
    return _WIDEST.get(number, 1) if 0 <= number < _ENCODINGS else None


@builtin("getdatabaseencoding", "pg_client_encoding", call=True)
def getdatabaseencoding(call: Call) -> str:
    """The database's encoding."""
    return str(call.session.database.encoding.name)


# -- settings ------------------------------------------------------------------------------


@builtin("show_config_by_name", call=True)
def show_config_by_name(call: Call, name: str) -> str:
    """current_setting(name)."""
    return str(call.session.show(name))


@builtin("show_config_by_name_missing_ok", call=True)
def show_config_by_name_missing_ok(call: Call, name: str, missing_ok: bool) -> str | None:
    """current_setting(name, missing_ok)."""
    try:
        return str(call.session.show(name))
    except SqlError:
        if missing_ok:
            return None
        raise


@builtin("set_config_by_name", call=True)
def set_config_by_name(
    call: Call, name: str | None, value: str | None, is_local: bool | None
) -> str:
    """set_config."""
    if name is None:
        raise SqlError("SET requires parameter name", "22004")
    call.session.set(name, value, bool(is_local))
    return str(call.session.show(name))


@builtin("show_all_settings", call=True, returns_set=True)
def show_all_settings(call: Call) -> Iterator[tuple[Any, ...]]:
    """pg_settings; descriptions are not known here."""
    gucs = call.session.gucs
    for key in sorted(gucs.specs):
        spec = gucs.specs[key]
        if not spec.category:
            continue
        enums = ArrayValue.of(25, list(spec.enumvals)) if spec.enumvals else None
        default = gucs.defaults.get(key)
        yield (
            spec.name, gucs.setting(spec.name), spec.unit or None, spec.category, None, None,
            spec.context, spec.vartype, gucs.sources.get(key, "default"), spec.min_val,
            spec.max_val, enums, spec.boot_val, None if default is None else str(_plain(default)),
            None, None, False,
        )  # fmt: skip


def _plain(value: Any) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else f"{value}"


@builtin("pg_settings_get_flags", call=True)
def pg_settings_get_flags(call: Call, name: str) -> ArrayValue | None:
    """No flags are known; NULL for a setting that there is not."""
    return ArrayValue.of(25, []) if name.lower() in call.session.gucs.specs else None
