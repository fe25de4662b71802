"""Logical decoding by the real server of what we wrote under wal_level = logical."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest

import pgtool
from tests.servers import Server

STATEMENTS = (
    "begin", "create table made (a int primary key, b text)", "insert into made values (1, 'one')",
    "alter table made add column c int default 3", "savepoint s",
    "insert into made values (2, 'two')", "rollback to s", "insert into made values (4, 'four', 4)",
    "savepoint t", "update made set b = 'uno' where a = 1", "release t", "commit",
    "update t set v = 'changed' where id = 2", "delete from t where id = 1",
    "update t set id = 30 where id = 3",
    "begin", "savepoint q", "insert into t values (5, 'five')", "release q", "commit",
    "begin", "insert into t values (6, 'six')", "rollback",
    "insert into t select g, repeat('x', 10) from generate_series(10, 13) g",
)  # fmt: skip


def changes(server: Server) -> list[str]:
    """What test_decoding says, without the numbers of transactions."""
    found = server.psql("SELECT data FROM pg_logical_slot_get_changes('s', NULL, NULL, "
                        "'include-xids', '0', 'skip-empty-xacts', '1')")  # fmt: skip
    return [line for line in found.splitlines() if line]


def test_the_server_decodes_what_we_wrote(make_cluster: Callable[..., Server]) -> None:
    server = make_cluster(18, conf={"fsync": "off", "autovacuum": "off", "wal_level": "logical"})
    server.psql("CREATE TABLE t (id int PRIMARY KEY, v text);"
                "INSERT INTO t SELECT g, 'v' || g FROM generate_series(1, 3) g")  # fmt: skip
    if not list((server.install.root / "lib").rglob("test_decoding.so")):
        pytest.skip("this installation has no test_decoding")
    server.psql("SELECT pg_create_logical_replication_slot('s', 'test_decoding')")
    server.stop()
    copy = server.base / "copy"
    subprocess.run(["cp", "-a", str(server.data), str(copy)], check=True)
    server.start()
    server.psql(";".join(STATEMENTS))
    theirs = changes(server)
    server.stop()
    shutil.rmtree(server.data)
    copy.rename(server.data)
    with pgtool.connect(str(server.data), autocommit=True) as connection:
        for statement in STATEMENTS:
            connection.execute(statement)
    server.start()
    assert changes(server) == theirs and len(theirs) > 12
