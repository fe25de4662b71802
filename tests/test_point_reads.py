"""SELECT of one row by its key in a directory at rest: the short way answers as the usual one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import pgtool
from pgtool.sql.executor.pointread import PointRead
from tests.conftest import need
from tests.differential.selects import both_sides, difference, ours, theirs
from tests.servers import cluster

ROWS = 3000
SETUP = f"""
CREATE DOMAIN word AS text;
CREATE TABLE t (a int2, id int PRIMARY KEY, b int8, n numeric, f float8, x text, c char(5), m name,
  d date, u uuid, j jsonb, w word, arr int[], gone text);
INSERT INTO t SELECT g % 100, g * 3, g::int8 << 33, g / 7.0, g / 3.0, 'x' || g, 'c' || g % 10,
  'n' || g, date '2000-01-01' + g, md5(g::text)::uuid, jsonb_build_object('g', g), 'w' || g,
  ARRAY[g, NULL, g + 1], 'gone' FROM generate_series(1, {ROWS}) g;
UPDATE t SET x = NULL, arr = NULL WHERE id % 7 = 0;
ALTER TABLE t DROP gone;
ALTER TABLE t ADD late int DEFAULT 42;
UPDATE t SET b = b + 1 WHERE id % 11 = 0;
DELETE FROM t WHERE id % 13 = 0;
UPDATE t SET x = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 900) i)
  WHERE id IN (30, 60);
CREATE TABLE big (id int8 PRIMARY KEY, v text);
INSERT INTO big SELECT g::int8 * 10000000000 - 5, 'v' || g FROM generate_series(-500, 500) g;
CREATE TABLE two (a int, b int, PRIMARY KEY (a, b));
INSERT INTO two SELECT g, g % 3 FROM generate_series(1, 100) g;
VACUUM (FREEZE) big;
SELECT count(*) FROM t;
CHECKPOINT;
"""
KEYS = [3, 6, 21, 30, 33, 39, 60, 66, 77, 78, 231, 3 * ROWS, 3 * ROWS + 3, 0, -3, 2**31 - 1, 4, 5]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any, str]]:
    need(18)
    with cluster(18) as server:
        data = tmp_path_factory.mktemp("points") / "data"
        engine, connection = both_sides(server, data, text=SETUP)
        yield engine, connection, str(data)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the short way gave, call by call."""
    out: list[Any] = []
    original = PointRead.rows

    def rows(self: Any, ctx: Any) -> Any:
        out.append(original(self, ctx))
        return out[-1]

    monkeypatch.setattr(PointRead, "rows", rows)
    return out


def test_texts(sides: tuple[Any, Any, str], found: list[Any]) -> None:
    engine, connection, _data = sides
    for key in KEYS:
        for query in (f"SELECT * FROM t WHERE id = {key}", f"SELECT w, id FROM t WHERE {key} = id"):
            for _ in range(2):  # the plan comes again
                assert difference(query, ours(engine, query), theirs(connection, query)) is None
    assert sum(rows is not None for rows in found) > len(KEYS)
    assert None in found  # the large value is for the usual way


def test_values(sides: tuple[Any, Any, str], found: list[Any]) -> None:
    _engine, _connection, data = sides
    query = "SELECT * FROM t WHERE id = %s"
    with pgtool.connect(data, read_only=True) as mine:
        plain = mine.execute("SELECT * FROM t").fetchall()
        by_key = {row[1]: row for row in plain}
        described = mine.execute("SELECT * FROM t").description
        for key in [*KEYS, *KEYS]:
            cursor = mine.execute(query, (key,))
            assert cursor.fetchone() == by_key.get(key)
            assert cursor.description == described
        query = "SELECT v FROM big WHERE id = %s"
        assert [mine.execute(query, (k * 10**10 - 5,)).fetchall() for k in (1, 7, -500, 501)] == [
            [("v1",)], [("v7",)], [("v-500",)], []
        ]  # fmt: skip
        assert mine.execute(query, (10**10 - 4,)).fetchone() is None
        for _ in range(2):
            assert mine.execute("SELECT * FROM two WHERE a = %s", (5,)).fetchall() == [(5, 2)]
    assert sum(rows is not None for rows in found) > len(KEYS)


def test_a_writer_sees_its_own_row(sides: tuple[Any, Any, str], found: list[Any]) -> None:
    _engine, _connection, data = sides
    query = "SELECT v FROM big WHERE id = %s"
    key = 20 * 10**10 - 5
    with pgtool.connect(data) as mine:
        for _ in range(3):
            assert mine.execute(query, (key,)).fetchone() == ("v20",)
        mine.execute("UPDATE big SET v = 'new' WHERE id = %s", (key,))
        assert mine.execute(query, (key,)).fetchone() == ("new",)
        with pgtool.connect(data) as other:
            for _ in range(2):
                assert other.execute(query, (key,)).fetchone() == ("v20",)
        mine.rollback()
        assert mine.execute(query, (key,)).fetchone() == ("v20",)
    assert found
