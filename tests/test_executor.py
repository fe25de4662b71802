"""The executor against PostgreSQL 18: same rows from the same files, whatever the plan."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pgtool.catalog.cluster import Cluster
from pgtool.errors import SqlError
from pgtool.functions.session import Session
from pgtool.sql.analyze.query import analyze
from pgtool.sql.executor.run import execute
from pgtool.sql.parse import parse
from tests import mini_planner, servers
from tests.conftest import need
from tests.executor_cases import INDEXED, QUERIES, SETUP

pytestmark = pytest.mark.server
TUPLES_OK = 2
SQLSTATE = 67


def _lines(text: str) -> list[str]:
    return [line for line in text.strip().splitlines() if line]


def _ask(connection: Any, query: str) -> Any:
    """Rows as text, or the SQLSTATE."""
    found = connection.pgconn.exec_(query.encode())
    if found.status != TUPLES_OK:
        return found.error_field(SQLSTATE).decode()
    return [
        tuple(None if (v := found.get_value(r, c)) is None else v.decode()
              for c in range(found.nfields))
        for r in range(found.ntuples)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def oracle() -> Iterator[tuple[Path, dict[str, Any]]]:
    """A directory at rest, and what its server answered."""
    need(18)
    with servers.cluster(18) as server:
        server.psql(SETUP)
        with server.connect() as connection:
            answers = {q: _ask(connection, q) for q in _lines(QUERIES) + _lines(INDEXED)}
        server.stop()
        yield server.data, answers


@pytest.fixture(scope="module")
def session(oracle: tuple[Path, dict[str, Any]]) -> Session:
    return Session.open(Cluster(str(oracle[0])), "postgres")


def run(session: Session, query: str, **options: Any) -> Any:
    """Our answer, in the same form."""
    session.start_statement()
    try:
        tree, _types = analyze(parse(query)[0], session, query)
        planned = mini_planner.plan(tree, session, **options)
        return list(execute(planned, session).texts())
    except SqlError as problem:
        return problem.sqlstate


def check(session: Session, expected: Any, query: str, **options: Any) -> None:
    got = run(session, query, **options)
    if "order by" not in query and isinstance(got, list) and isinstance(expected, list):
        got, expected = sorted(map(repr, got)), sorted(map(repr, expected))
    assert got == expected, query


@pytest.mark.parametrize("options", [
    {}, {"join": "merge"}, {"join": "nest", "agg": "sorted", "hash": ""},
], ids=["hash", "merge", "nest"])  # fmt: skip
def test_queries(
    session: Session, oracle: tuple[Path, dict[str, Any]], options: dict[str, Any]
) -> None:
    for query in _lines(QUERIES):
        if options.get("join") == "nest" and "history h join" in query:
            continue  # eight thousand times thirty thousand pairs
        check(session, oracle[1][query], query, **options)


def test_little_memory(session: Session, oracle: tuple[Path, dict[str, Any]]) -> None:
    """Sorts, joins and aggregation that go to disk."""
    session.set("work_mem", "64kB")
    try:
        for query in _lines(QUERIES):
            check(session, oracle[1][query], query)
            if " join " in query and "union" not in query:
                check(session, oracle[1][query], query, join="merge")
    finally:
        session.reset("work_mem")


@pytest.mark.parametrize("method", ["plain", "bitmap", "backward"])
def test_indexes(
    session: Session, oracle: tuple[Path, dict[str, Any]], method: str
) -> None:
    options = {"index": "bitmap" if method == "bitmap" else "plain",
               "direction": -1 if method == "backward" else 1}  # fmt: skip
    for query in _lines(INDEXED):
        check(session, oracle[1][query], query, **options)


def test_reading_leaves_no_trace(
    session: Session, oracle: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Not a byte of the directory changes."""
    copy = tmp_path / "copy"
    shutil.copytree(oracle[0] / "base", copy)
    for query in _lines(QUERIES)[:20]:
        run(session, query)
    for path in copy.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (oracle[0] / "base" / path.relative_to(copy)).read_bytes()


def test_cancel_and_timeout(session: Session) -> None:
    """A cancel request ends a running query; so does statement_timeout."""
    query = "with recursive t(n) as (select 1 union all select n + 1 from t) select count(*) from t"
    session.set("statement_timeout", "200ms")
    try:
        assert run(session, query) == "57014"
        # Rows are not tried one by one after that.
        assert run(session, "select pg_sleep(20) from emp") == "57014"
    finally:
        session.reset("statement_timeout")


def test_measures(session: Session) -> None:
    """What EXPLAIN ANALYZE needs is counted."""
    session.start_statement()
    text = "select * from emp where sal > 500"
    tree, _types = analyze(parse(text)[0], session, text)
    planned = mini_planner.plan(tree, session)
    result = execute(planned, session, measure=True)
    rows = list(result.rows())
    top = result.measures[planned.planTree.plan_node_id]
    assert (top.rows, top.loops) == (len(rows), 1)
