"""Settings against a real server's: SHOW of every one, and what SET accepts and refuses."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgtool.catalog.cluster import Cluster
from pgtool.errors import SqlError
from pgtool.functions.session import Session
from tests.conftest import need
from tests.servers import cluster

#: What depends on the machine, on the running server, or on its minor version.
ELSEWHERE = {
    "config_file", "data_directory", "hba_file", "ident_file", "huge_pages_status",
    "io_max_concurrency", "num_os_semaphores", "server_version", "server_version_num",
    "shared_memory_size", "shared_memory_size_in_huge_pages", "external_pid_file",
    "unix_socket_directories", "max_stack_depth", "lc_messages", "lc_monetary", "lc_numeric",
    "lc_time", "transaction_isolation", "debug_assertions", "max_index_keys", "event_source",
    "ssl_library", "wal_sync_method", "dynamic_library_path", "log_timezone", "krb_server_keyfile",
    "krb_caseins_users", "effective_io_concurrency", "maintenance_io_concurrency",
    "application_name", "io_method", "wal_compression", "io_combine_limit",
}  # fmt: skip
WORK_MEM = ("1", "64", "64kB", "1MB", "1.5MB", "1GB", "3TB", "10TB", "abc", "1 MB", "1mb", "-5",
            "0x40", "1e3", "0100", " 128 ", "")  # fmt: skip
TIMEOUT = ("1s", "100", "1.5s", "2min", "1h", "1d", "1us", "600us", "-1", "5 foo", "1ms")
BOOL = ("on", "of", "off", "o", "t", "TRUE", "yes", "n", "1", "0", "2", "")
COST = ("1", "1.5", "-1", "1e3", "abc", "1e400", "nan", "4x")
STYLE = ("iso", "sql, dmy", "german", "postgres", "foo", "iso, sql", "us", "european",
         "sql,us,dmy", ",")  # fmt: skip
ZONE = ("UTC", "gmt", "europe/paris", "Foo/Bar", "+3", "-7.5", "EST5EDT", "200", "<-03>+3")
OTHERS = (
    ("IntervalStyle", "ISO_8601"), ("IntervalStyle", "x"), ("client_min_messages", "debug"),
    ("client_min_messages", "info"), ("client_min_messages", "x"), ("bytea_output", "hexx"),
    ("search_path", 'a, "B c",$user'), ("search_path", "a,,b"), ("search_path", '"x'),
    ("extra_float_digits", "4"), ("server_version", "1"), ("max_connections", "5"),
    ("autovacuum", "off"), ("nope", "1"), ("my.var", "x"), ("my..var", "x"), ("jit", "maybe"),
    ("hash_mem_multiplier", "0.5"), ("effective_cache_size", "8GB"),
    ("effective_cache_size", "1B"), ("client_encoding", "latin1"), ("client_encoding", "foo"),
    ("plan_cache_mode", "force_x"), ("constraint_exclusion", "true"),
    ("vacuum_cost_delay", "2000us"), ("vacuum_cost_delay", "1s"), ("temp_buffers", "50"),
    ("default_transaction_isolation", "x"), ("ignore_system_indexes", "on"),
    ("synchronous_commit", "true"), ("geqo_seed", "1.5"), ("track_activity_query_size", "1"),
)  # fmt: skip
CASES = [
    *(("work_mem", v) for v in WORK_MEM), *(("statement_timeout", v) for v in TIMEOUT),
    *(("enable_seqscan", v) for v in BOOL), *(("random_page_cost", v) for v in COST),
    *(("DateStyle", v) for v in STYLE), *(("TimeZone", v) for v in ZONE), *OTHERS,
]  # fmt: skip


def theirs(connection: Any, name: str, value: str) -> Any:
    quoted = ".".join(f'"{part}"' for part in name.split("."))
    try:
        connection.execute("select set_config(%s, %s, false)", (name, value))
        return connection.execute(f"show {quoted}").fetchone()[0]
    except psycopg.Error as error:
        diag = error.diag
        return diag.sqlstate, diag.message_primary, diag.message_detail, diag.message_hint
    finally:
        connection.execute("reset all")


def ours(session: Session, name: str, value: str) -> Any:
    try:
        session.set(name, value)
        return session.show(name)
    except SqlError as error:
        return error.sqlstate, error.message, error.detail, error.hint
    finally:
        session.reset_all()


def test_set_and_show(tmp_path: Path) -> None:
    need(18)
    with cluster(18) as server:
        server.stop()
        shutil.copytree(server.data, tmp_path / "data")
        server.start()
        session = Session.open(Cluster(str(tmp_path / "data")), "postgres")
        with server.connect() as connection:
            connection.autocommit = True
            # What drivers change when they connect.
            connection.execute("reset all")
            names = [row[0] for row in connection.execute("select name from pg_settings")]
            shown = {}
            for name in names:
                if "." not in name and name not in ELSEWHERE:
                    want = connection.execute(f'show "{name}"').fetchone()[0]
                    if want != session.show(name):
                        shown[name] = (want, session.show(name))
            assert not shown
            wrong = {
                case: (theirs(connection, *case), ours(session, *case)) for case in CASES
                if theirs(connection, *case) != ours(session, *case)
            }  # fmt: skip
            assert not wrong


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_set_local_ends_with_the_transaction(end: str, tmp_path: Path) -> None:
    from pgtool.functions.guc import Gucs

    gucs = Gucs(18)
    gucs.begin()
    gucs.set("work_mem", "1MB", is_local=True)
    gucs.set("enable_sort", "off")
    assert gucs.show("work_mem") == "1MB"
    getattr(gucs, end)()
    assert gucs.show("work_mem") == "4MB"
    assert gucs.show("enable_sort") == ("off" if end == "commit" else "on")
