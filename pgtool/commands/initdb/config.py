"""The configuration files of a new cluster, in words of our own.

postgresql.conf sets what a fresh cluster must have set, names the settings that people
change first with their defaults, and ends with what ``-c`` gave. pg_hba.conf lets in whom
the chosen methods let in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pgtool.commands.initdb.locales import Locales
from pgtool.commands.initdb.options import Options

MIN_WAL_SEGMENTS, MAX_WAL_SEGMENTS = 5, 64
Line = tuple[str, str | None]

#: Section → settings that stand there as comments, with the default.
_SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Where and how to listen", "runtime-config-connection", (
        "listen_addresses = 'localhost'", "port = 5432", "unix_socket_directories = '/tmp'",
        "superuser_reserved_connections = 3")),
    ("Authentication and TLS", "runtime-config-connection", (
        "password_encryption = scram-sha-256", "authentication_timeout = 1min", "ssl = off",
        "ssl_cert_file = 'server.crt'", "ssl_key_file = 'server.key'")),
    ("Memory", "runtime-config-resource", (
        "work_mem = 4MB", "maintenance_work_mem = 64MB", "huge_pages = try", "temp_buffers = 8MB",
        "effective_cache_size = 4GB")),
    ("Processes", "runtime-config-resource", (
        "max_worker_processes = 8", "max_parallel_workers = 8",
        "max_parallel_workers_per_gather = 2")),
    ("Write-ahead log and checkpoints", "runtime-config-wal", (
        "wal_level = replica", "fsync = on", "synchronous_commit = on", "wal_compression = off",
        "checkpoint_timeout = 5min", "checkpoint_completion_target = 0.9", "archive_mode = off",
        "archive_command = ''")),
    ("Replication", "runtime-config-replication", (
        "max_wal_senders = 10", "max_replication_slots = 10", "wal_keep_size = 0",
        "hot_standby = on", "primary_conninfo = ''")),
    ("Planning", "runtime-config-query", (
        "random_page_cost = 4.0", "seq_page_cost = 1.0", "default_statistics_target = 100",
        "jit = on")),
    ("Logging", "runtime-config-logging", (
        "log_destination = 'stderr'", "logging_collector = off", "log_directory = 'log'",
        "log_min_messages = warning", "log_min_duration_statement = -1",
        "log_line_prefix = '%m [%p] '")),
    ("Vacuum", "runtime-config-vacuum", (
        "autovacuum = on", "autovacuum_max_workers = 3", "autovacuum_naptime = 1min",
        "autovacuum_vacuum_scale_factor = 0.2")),
    ("Sessions", "runtime-config-client", (
        "search_path = '\"$user\", public'", "statement_timeout = 0", "lock_timeout = 0",
        "idle_in_transaction_session_timeout = 0", "shared_preload_libraries = ''")),
)  # fmt: skip

_MANUAL = "https://www.postgresql.org/docs/18"


def quoted(value: str) -> str:
    """A value as a configuration file takes it."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*|-?\d+(\.\d+)?[A-Za-z]*", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def postgresql_conf(options: Options, locales: Locales, timezone: str) -> str:
    """The main configuration file."""
    size = options.wal_segsize
    required: list[Line] = [
        ("max_connections", "100"), ("shared_buffers", "128MB"),
        ("dynamic_shared_memory_type", "posix"),
        ("max_wal_size", _megabytes(MAX_WAL_SEGMENTS * size)),
        ("min_wal_size", _megabytes(MIN_WAL_SEGMENTS * size)),
        ("autovacuum_worker_slots", "16"), ("log_timezone", timezone), ("timezone", timezone),
        ("datestyle", f"iso, {locales.datestyle}"),
        *((f"lc_{c}", locales.lc[c]) for c in ("messages", "monetary", "numeric", "time")),
        ("default_text_search_config", f"pg_catalog.{options.text_search}"),
    ]  # fmt: skip
    if options.group_access:
        required.append(("log_file_mode", "0640"))
    if "md5" in (options.auth_local, options.auth_host):
        required.append(("password_encryption", "md5"))
    given = dict(setting.split("=", 1) for setting in options.settings)
    given = {name.strip(): value for name, value in given.items()}
    lowered = {name.lower() for name in given}
    out = [
        "# Settings of this cluster, read when the server starts and on reload.",
        "#",
        "# NAME = VALUE, one a line; text with blanks or punctuation goes in single quotes.",
        f"# A line that begins with # does nothing. All settings: {_MANUAL}/runtime-config.html",
        "", "# Chosen when the cluster was made", "",
    ]  # fmt: skip
    out += [f"{n} = {quoted(v or '')}" for n, v in required if n not in lowered]
    for title, page, lines in _SECTIONS:
        out += ["", f"# {title}: {_MANUAL}/{page}.html", ""]
        out += [f"#{line}" for line in lines]
    if given:
        out += ["", "# Given on the command line", ""]
        out += [f"{name} = {quoted(value)}" for name, value in given.items()]
    return "\n".join(out) + "\n"


def _megabytes(size: int) -> str:
    return f"{size // 1024}GB" if size % 1024 == 0 else f"{size}MB"


def pg_hba_conf(options: Options) -> str:
    """Who may connect from where, and how they prove who they are."""
    local, host = options.auth_local or "trust", options.auth_host or "trust"
    rows: list[Iterable[str]] = []
    for database in ("all", "replication"):
        rows.append(("local", database, "all", "", local))
        rows.append(("host", database, "all", "127.0.0.1/32", host))
        rows.append(("host", database, "all", "::1/128", host))
    out = [
        "# Client authentication. The first line that fits a connection decides about it.",
        "#",
        "# TYPE is local (Unix socket), host (TCP), hostssl, hostnossl, hostgssenc or",
        "# hostnogssenc; local lines have no ADDRESS. Reload the server after a change.",
        f"# {_MANUAL}/auth-pg-hba-conf.html",
        "",
        _columns(("# TYPE", "DATABASE", "USER", "ADDRESS", "METHOD")),
    ]
    if "trust" in (local, host):
        out[5:5] = ["#", "# trust lets anybody in who can reach the server, as any user."]
    return "\n".join(out + [_columns(row) for row in rows]) + "\n"


def _columns(cells: Iterable[str]) -> str:
    widths = (8, 16, 16, 24, 0)
    return "".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()


def pg_ident_conf() -> str:
    """Maps from names of the operating system to roles: none yet."""
    return (
        "# Which names of the operating system may connect as which role, for lines of\n"
        "# pg_hba.conf with map=NAME. Reload the server after a change.\n"
        f"# {_MANUAL}/auth-username-maps.html\n"
        "\n"
        "# MAP       SYSTEM-USER       ROLE\n"
    )


def auto_conf() -> str:
    """What ALTER SYSTEM writes: nothing yet."""
    return "# Written by ALTER SYSTEM; do not edit by hand.\n"
