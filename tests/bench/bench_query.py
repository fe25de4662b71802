"""Queries beside a server of 18, statement by statement over one open connection each.

PGTOOL_BENCH_ROWS rows in the large table (a million unless told), and TPC-H's shape at
PGTOOL_BENCH_TPCH (0.01). The server runs without parallel workers, its data in its cache; both
sides fetch every row as text.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests import servers
from tests.bench import Result, median_times
from tests.differential import tpch
from tests.differential.selects import both_sides, ours, theirs

ROWS = int(os.environ.get("PGTOOL_BENCH_ROWS", "1000000"))
SCALE = float(os.environ.get("PGTOOL_BENCH_TPCH", "0.01"))
SCHEMA = f"""
CREATE TABLE facts AS SELECT g AS id, g % 1000 AS k, 'group ' || g % 500 AS t,
  (g::int8 * 7919 % 1000003)::int AS r, round((g % 100000) / 100.0, 2) AS n, g / 3.0::float8 AS f,
  repeat('lorem ', 1 + g % 5) || g AS note FROM generate_series(1, {ROWS}) g;
ALTER TABLE facts ADD PRIMARY KEY (id);
CREATE TABLE dims AS SELECT g AS k, 'dim ' || g AS name FROM generate_series(0, 999) g;
VACUUM ANALYZE;
"""
STATEMENTS = {
    "count": "SELECT count(*) FROM facts",
    "filter and sum": "SELECT sum(r) FROM facts WHERE r < 500000 AND k > 100",
    "group by int": "SELECT k, count(*), sum(r) FROM facts GROUP BY k",
    "group by text": "SELECT t, count(*), max(r) FROM facts GROUP BY t",
    "sort int": f"SELECT r FROM facts ORDER BY r, id OFFSET {ROWS - 1000}",
    "sort text": f"SELECT note FROM facts ORDER BY note COLLATE \"C\" OFFSET {ROWS - 1000}",
    "hash join": "SELECT d.name, count(*) FROM facts f JOIN dims d USING (k) GROUP BY d.name",
    "LIKE": "SELECT count(*) FROM facts WHERE note LIKE '%lorem lorem 9%'",
    "numeric aggregate": "SELECT sum(n), avg(n * 1.1), max(n) FROM facts",
    "float aggregate": "SELECT sum(f), avg(f), stddev(f) FROM facts WHERE f > 100",
    "distinct": "SELECT count(DISTINCT k) FROM facts",
    "window": "SELECT max(n) FROM (SELECT row_number() OVER (PARTITION BY k ORDER BY id) n"
              " FROM facts) s",
}  # fmt: skip
POINTS = 200


def run() -> Iterator[Result]:
    """One line a statement, point selects, TPC-H as a whole."""
    conf = {"shared_buffers": "512MB", "jit": "off"}
    with servers.cluster(18, conf=conf) as server, tempfile.TemporaryDirectory() as place:
        engine, connection = both_sides(server, Path(place) / "data", text=SCHEMA)
        engine.session.set("statement_timeout", "0")
        for name, statement in STATEMENTS.items():
            yield _measured(name, statement, engine, connection)
        yield _points(str(Path(place) / "data"), connection)
    with servers.cluster(18, conf=conf) as server, tempfile.TemporaryDirectory() as place:
        text = tpch.schema(SCALE)
        engine, connection = both_sides(server, Path(place) / "data", text=text)
        engine.session.set("statement_timeout", "0")

        def all_of(ask: Callable[[Any, str], Any], side: Any) -> Callable[[], None]:
            return lambda: [ask(side, query) for query in tpch.QUERIES.values()] and None

        real, mine = median_times(all_of(theirs, connection), all_of(ours, engine), rounds=1)
        yield Result(f"TPC-H {SCALE}, 22 queries", real, mine)


def _measured(name: str, statement: str, engine: Any, connection: Any) -> Result:
    real, mine = median_times(
        lambda: theirs(connection, statement), lambda: ours(engine, statement), rounds=2
    )
    return Result(name, real, mine)


def _points(data: str, connection: Any) -> Result:
    """Select by primary key, through psycopg and through pgtool.connect."""
    import pgtool

    query = "SELECT * FROM facts WHERE id = %s"
    mine = pgtool.connect(data)

    def ask(side: Any) -> Callable[[], None]:
        def go() -> None:
            for number in range(POINTS):
                side.execute(query, (1 + number * 4973 % ROWS,)).fetchone()

        return go

    real, own = median_times(ask(connection), ask(mine), rounds=2)
    return Result(f"point select, {POINTS} times", real, own)
