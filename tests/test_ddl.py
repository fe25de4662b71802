"""DDL by pgtool beside the real server: the same statements make the same catalog rows.

Every script of tests/ddl runs twice on one PostgreSQL 18 directory, by the server in one
database and by pgtool in another. All catalog rows must then be alike (OIDs by name), the
server finds nothing wrong with what pgtool wrote, and dumps both databases alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgtool.catalog.cluster import Cluster
from pgtool.functions.session import Session
from pgtool.sql.engine import Engine
from tests.catalog_dump import difference, dump
from tests.servers import Server

SCRIPTS = {path.stem: path.read_text() for path in sorted(Path(__file__).parent.glob("ddl/*.sql"))}


def run(root: Path, database: str, text: str) -> None:
    """Run a script by pgtool."""
    engine = Engine(Session.open(Cluster(str(root)), database))
    try:
        for outcome in engine.run(text):
            if outcome.answer is not None:
                list(outcome.answer.texts())
    finally:
        engine.close()


@pytest.fixture(scope="module")
def both() -> Iterator[Server]:
    """A stopped server on whose directory all scripts ran twice."""
    from tests.servers import available, cluster

    if 18 not in available():
        pytest.skip("no PostgreSQL 18 here")
    with cluster(18) as server:
        server.psql("create role r1")
        for name, script in SCRIPTS.items():
            for side in ("real", "ours"):
                server.psql(f'create database "{side}_{name}" strategy file_copy')
            server.psql(script, f"real_{name}")
        server.stop()
        for name, script in SCRIPTS.items():
            run(server.data, f"ours_{name}", script)
        yield server


@pytest.fixture(scope="module")
def running(both: Server) -> Iterator[Server]:
    """The server again, on what pgtool wrote."""
    both.run_tool("pg_checksums", "--check", "-D", both.data)
    both.start()
    for name in SCRIPTS:
        for side in ("real", "ours"):
            both.extension("amcheck", f"{side}_{name}")
    yield both
    both.stop()


@pytest.mark.parametrize("name", SCRIPTS)
def test_catalogs(both: Server, name: str) -> None:
    sides = [Session.open(Cluster(str(both.data)), f"{side}_{name}") for side in ("real", "ours")]
    found = difference(*(dump(session.cache) for session in sides))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", SCRIPTS)
def test_server_is_content(running: Server, name: str) -> None:
    database = f"ours_{name}"
    if "amcheck" in running.install.contrib:
        said = running.run_tool(
            "pg_amcheck", "-h", running.base, "-p", running.port, "-U", "postgres",
            "--heapallindexed", "--parent-check", "--rootdescend", "-d", database, merge=True,
        )  # fmt: skip
        assert not said, said.decode()


@pytest.mark.parametrize("name", SCRIPTS)
def test_dump(running: Server, name: str) -> None:
    def text(side: str) -> bytes:
        made = running.run_tool(
            "pg_dump", "-s", "-h", running.base, "-p", running.port, "-U", "postgres",
            f"{side}_{name}",
        )  # fmt: skip
        return re.sub(rb"(?m)^\\(un)?restrict .*$", b"", made)

    assert text("ours") == text("real")


