"""Joins, groups, sets and windows over keys of every type: the live server's answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pgtool.catalog.cluster import Cluster
from pgtool.functions.session import Session
from pgtool.sql.analyze.query import analyze
from pgtool.sql.executor.run import execute
from pgtool.sql.parse import parse
from pgtool.sql.planner import plan
from pgtool.sql.rewrite import rewrite
from tests import keyed_queries
from tests.conftest import need
from tests.servers import cluster

ROWS = 2500
SEED = 20
SIZE = 40
#: Values that are equal though they are written otherwise, or differ far behind.
FIXED = (
    "select x, count(*) from (values (1234567890123456789012345678901234567::numeric),"
    " (1234567890123456789012345678901234568), (1234567890123456789012345678901234567.0)) v(x)"
    " group by x order by x",
    "select count(*) from (select distinct x from"
    " (values (array[interval '1 day']), (array[interval '24 h'])) v(x)) s",
    "select count(*) from (values ('a'::char(3)), ('a'::char(5)), ('b')) v(x)"
    " where x not in (select 'a'::char(9) from generate_series(1, 3))",
    "select count(*) from (select distinct row(x, y) from"
    " (values (jsonb '1.0', 'a'::char(3)), ('1.00', 'a'::char(9)), ('1', 'a')) v(x, y)) s",
    "select count(*) from (values (array[jsonb '1.0']), (array[jsonb '1.00'])) v(x) group by x",
    "select count(*), sum(n) from (select t, count(*) n from a group by t) s",
    "select count(*) from a join b on a.dt = b.ts",
    "select count(*) from a join b on a.ts = b.tz",
    "select count(*) from a left join b on a.nu = b.nu",
    "select count(*) from a full join b on a.t = b.t",
)
ALL = [(text, {"work_mem": "64kB"}) for text in FIXED] + keyed_queries.statements(SEED, SIZE)


def _own(session: Session, text: str) -> list[Any]:
    session.start_statement()
    query = rewrite(analyze(parse(text)[0], session, text)[0], session)
    return list(execute(plan(query, session), session).texts())


@pytest.fixture(scope="module")
def answers() -> Iterator[tuple[Path, list[list[Any]]]]:
    """The data directory at rest, and what the server answered before."""
    import psycopg

    need(18)
    with cluster(18) as server:
        with server.connect() as connection:
            connection.autocommit = True
            for text in keyed_queries.schema(ROWS, ROWS * 5 // 8):
                connection.execute(text)
            wanted = []
            for text, settings in ALL:
                connection.execute("reset all")
                for name, value in settings.items():
                    connection.execute(f"set {name} = '{value}'")
                result = psycopg.ClientCursor(connection).execute(text).pgresult
                rows = [
                    [result.get_value(i, j) for j in range(result.nfields)]
                    for i in range(result.ntuples)
                ]
                wanted.append(
                    [tuple(None if v is None else bytes(v).decode() for v in r) for r in rows]
                )
        server.stop()
        yield server.data, wanted


def test_keys_are_found_equal_as_by_the_server(answers: tuple[Path, list[list[Any]]]) -> None:
    data, wanted = answers
    sessions: dict[tuple[tuple[str, str], ...], Session] = {}
    wrong = []
    for (text, settings), want in zip(ALL, wanted):
        key = tuple(settings.items())
        if key not in sessions:
            sessions[key] = Session.open(Cluster(str(data)), "postgres", options=settings)
        have = _own(sessions[key], text)
        if have != want:
            wrong.append(f"{text} {settings}\n  {want[:3]}\n  {have[:3]}")
    assert not wrong, "\n".join(wrong)
