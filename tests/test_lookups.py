"""Index look-ups for many outer rows at once: nested loops and correlated subqueries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pgtool.sql.executor.lookupjoin import LookupJoin
from pgtool.sql.executor.subplanbatch import SubplanBatch
from tests.conftest import need
from tests.differential.selects import both_sides, difference, ours, theirs
from tests.servers import cluster

SETUP = """
CREATE TABLE few AS SELECT g AS id, CASE WHEN g % 9 > 0 THEN g * 37 % 4000 END AS a,
  (g % 50)::int8 AS b, 'n' || g % 7 AS t FROM generate_series(1, 120) g;
CREATE TABLE many AS SELECT g AS id, g % 4000 AS a, CASE WHEN g % 13 > 0 THEN g % 50 END AS b,
  (g * 7919 % 1000) / 10.0 AS n, sin(g) AS f, 'x' || g % 11 AS t, g % 3 AS z
  FROM generate_series(1, 40000) g;
CREATE INDEX many_a_b ON many (a, b);
CREATE INDEX many_b ON many (b, a DESC);
CREATE UNIQUE INDEX many_id ON many (id) INCLUDE (t);
DELETE FROM many WHERE id % 17 = 0;
UPDATE many SET t = t || '!' WHERE id % 19 = 0;
ANALYZE;
"""
SETTINGS = """SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off;
SET enable_material = off"""
JOINS = [
    "SELECT f.id, m.id, m.t FROM few f JOIN many m ON m.a = f.a",
    "SELECT f.id, m.id FROM few f JOIN many m ON m.a = f.a AND m.b = f.b",
    "SELECT f.id, m.id FROM few f LEFT JOIN many m ON m.id = f.a AND m.n > 50",
    "SELECT f.id FROM few f WHERE EXISTS (SELECT FROM many m WHERE m.a = f.a AND m.z = 1)",
    "SELECT f.id FROM few f WHERE NOT EXISTS (SELECT FROM many m WHERE m.a = f.a AND m.n < 30)",
    "SELECT f.id, m.id FROM few f JOIN many m ON m.a = f.a AND m.n > f.b ORDER BY 1, 2",
    "SELECT f.id, m.id FROM few f JOIN many m ON m.a = f.a AND m.t LIKE 'x' || '1%'",
    "SELECT f.id, m.id FROM few f JOIN many m ON m.a = f.a WHERE 1 / m.z > 0",
    "SELECT f.id, m.id FROM few f JOIN many m ON m.a = f.a WHERE m.z > 0 AND 1 / m.z > 0",
    "SELECT f.id, m.id FROM few f JOIN many m ON m.id = f.a LIMIT 3",
    "SELECT count(*) FROM few f JOIN many m ON m.b = f.b",
    "SELECT id, t FROM many WHERE a = 77 AND b = 27", "SELECT count(*) FROM many WHERE b = 7",
    "SELECT id FROM many WHERE a = 3939 AND b IS NULL", "SELECT a, b FROM many WHERE b = 49",
]  # fmt: skip
SUBQUERIES = [
    ("SELECT f.id, (SELECT count(*) FROM many m WHERE m.a = f.a) FROM few f", True),
    ("SELECT f.id, (SELECT sum(n) FROM many m WHERE m.a = f.a AND m.b = f.b) FROM few f", True),
    ("SELECT f.id, (SELECT avg(m.n) + 1 FROM many m WHERE m.a = f.a AND m.z > 0) FROM few f", True),
    ("SELECT id FROM few f WHERE b > (SELECT 0.2 * sum(n) FROM many m WHERE m.a = f.a)", True),
    ("SELECT f.id, (SELECT sum(n) FILTER (WHERE z = 1) FROM many m WHERE m.a = f.a) FROM few f",
     True),
    ("SELECT f.id, (SELECT bool_or(z = 2) FROM many m WHERE m.a = f.a) FROM few f", True),
    ("SELECT f.id, (SELECT sum(1 / z) FROM many m WHERE m.a = f.a) FROM few f", True),
    ("SELECT f.id, (SELECT count(*) FROM many m WHERE m.a = f.a AND 1 / m.z > 0) FROM few f",
     True),
    ("SELECT f.id, (SELECT count(*) FROM many m WHERE m.a = f.a HAVING count(*) > 9) FROM few f",
     False),
    ("SELECT f.id, (SELECT sum(m.n + f.b) FROM many m WHERE m.a = f.a) FROM few f", False),
    ("SELECT f.id, (SELECT max(m.n) FROM many m WHERE m.a = f.a) FROM few f", False),
    ("SELECT f.id, (SELECT sum(m.f) FROM many m WHERE m.a = f.a) FROM few f", False),
]  # fmt: skip


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    need(18)
    with cluster(18) as server:
        engine, connection = both_sides(
            server, tmp_path_factory.mktemp("lookups") / "data", text=SETUP
        )
        connection.execute(SETTINGS)
        for setting in SETTINGS.split(";"):
            list(engine.run(setting))
        yield engine, connection


def compare(sides: tuple[Any, Any], query: str) -> None:
    engine, connection = sides
    assert difference(query, ours(engine, query), theirs(connection, query)) is None


def count_calls(monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> list[Any]:
    """The arguments of every call of a method from here on."""
    calls: list[Any] = []
    original = getattr(kind, name)

    def counted(self: Any, *args: Any) -> Any:
        calls.append(args)
        return original(self, *args)

    monkeypatch.setattr(kind, name, counted)
    return calls


@pytest.mark.parametrize("query", JOINS)
def test_joins(sides: tuple[Any, Any], query: str) -> None:
    compare(sides, query)


@pytest.mark.parametrize(("query", "at_once"), SUBQUERIES)
def test_subqueries(
    monkeypatch: pytest.MonkeyPatch, sides: tuple[Any, Any], query: str, at_once: bool
) -> None:
    runs = count_calls(monkeypatch, SubplanBatch, "run")
    compare(sides, query)
    assert bool(runs) == at_once


def test_rows_are_looked_up_together(
    monkeypatch: pytest.MonkeyPatch, sides: tuple[Any, Any]
) -> None:
    monkeypatch.setattr(LookupJoin, "table", lambda *_: None)
    fetches = count_calls(monkeypatch, LookupJoin, "_fetched")
    for query in JOINS[:10]:
        compare(sides, query)
    assert 10 < len(fetches) < 60
