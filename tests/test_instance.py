"""A running instance on a directory of the real server: rows, crashes, restarts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest

from pgtool.storage.smgr import RelFileLocator
from pgtool.transam.instance import Instance
from tests.installs import client, run_as
from tests.servers import Server
from tests.write_helpers import insert_int

Make = Callable[..., Server]


def locator(server: Server, table: str) -> RelFileLocator:
    _, db, rel = server.psql(f"SELECT pg_relation_filepath('{table}')").strip().split("/")
    return RelFileLocator(1663, int(db), int(rel))


@pytest.fixture
def server(make_cluster: Make) -> Iterator[Server]:
    made = make_cluster(18, conf={"fsync": "off", "autovacuum": "off"})
    made.psql("CREATE TABLE t (i int); INSERT INTO t VALUES (1)")
    yield made


def waldump(server: Server, start: str) -> str:
    install, program = client("pg_waldump", 18)
    out = subprocess.run(
        [str(program), "-p", str(server.wal), "-s", start], env=install.env(), check=False,
        capture_output=True, text=True, cwd=server.base, **run_as())  # type: ignore[call-overload]
    assert out.stderr.count("\n") == 1 and "invalid record length" in out.stderr, out.stderr
    return str(out.stdout)


def values(server: Server) -> list[int]:
    return [int(v) for v in server.psql("SELECT i FROM t ORDER BY 1").split()]


def test_a_row_and_a_clean_shutdown(server: Server) -> None:
    where = locator(server, "t")
    start = server.lsn()
    server.stop()
    instance = Instance.start(str(server.data))
    xact = instance.session(where.db)
    for value in (2, 3):
        xact.begin()
        insert_int(instance, xact, where, value)
        xact.commit()
    xact.begin()
    insert_int(instance, xact, where, 4)
    xact.abort()
    instance.checkpoint()
    xact.begin()
    insert_int(instance, xact, where, 5)
    xact.commit()
    instance.shutdown()
    text = waldump(server, start)
    assert "CHECKPOINT_ONLINE" in text and "CHECKPOINT_SHUTDOWN" in text and "ABORT" in text
    server.start()
    assert values(server) == [1, 2, 3, 5]
    assert "redo starts" not in server.tail()


def test_the_server_recovers_after_a_kill(server: Server) -> None:
    where = locator(server, "t")
    server.stop()
    instance = Instance.start(str(server.data))
    xact = instance.session(where.db)
    for value in range(2, 700):
        xact.begin()
        insert_int(instance, xact, where, value)
        if value % 3:
            xact.commit()
        else:
            xact.abort()
        if value == 300:
            instance.checkpoint()
    instance.abandon()
    server.start()
    assert values(server) == [1, *(v for v in range(2, 700) if v % 3)]
