"""Crashes in the midst of DDL, DML, splits, TOAST and savepoints; the real server recovers."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

from tests.servers import Server
from tests.sqlcrash import Script

Make = Callable[..., Server]
#: PGTOOL_CRASH_POINTS=all: every sync point and as many writes.
POINTS = os.environ.get("PGTOOL_CRASH_POINTS", "3")

SETUP = """
CREATE TABLE keyed (id int PRIMARY KEY, t text, n numeric);
INSERT INTO keyed SELECT g, repeat(md5(g::text), g % 5), g FROM generate_series(1, 300) g;
CREATE TABLE big (id serial, body text);
"""
STATEMENTS = (
    "INSERT INTO keyed SELECT g, repeat('k', g % 90), g / 3.0 FROM generate_series(301, 1200) g",
    "INSERT INTO big(body) SELECT string_agg(md5((g * h)::text), '' ORDER BY h) "
    "FROM generate_series(1, 9) g, generate_series(1, 400) h GROUP BY g ORDER BY g",
    "BEGIN; DELETE FROM keyed WHERE id % 7 = 0; SAVEPOINT a; UPDATE keyed SET t = t || 'x' "
    "WHERE id % 5 = 0; ROLLBACK TO a; UPDATE keyed SET n = n + 1 WHERE id % 11 = 0; RELEASE a; "
    "COMMIT",
    "CREATE TABLE made (a int UNIQUE, b text DEFAULT 'none', c int REFERENCES keyed(id))",
    "INSERT INTO made(a, c) SELECT g, g FROM generate_series(1, 200) g WHERE g % 7 <> 0",
    "CREATE INDEX made_b ON made (b, a DESC)",
    "ALTER TABLE made ADD COLUMN d int DEFAULT 7",
    "UPDATE big SET body = body || body WHERE id % 2 = 0",
    "BEGIN; UPDATE made SET b = a::text WHERE a % 3 = 0; ROLLBACK",
    "UPDATE made SET b = a::text WHERE a % 3 = 0",
    "ALTER TABLE keyed ADD CHECK (id > 0)",
    "CHECKPOINT",
    "DELETE FROM big WHERE id < 4",
    "INSERT INTO keyed VALUES (1, 'one', 1), (9999, 'new', 2) "
    "ON CONFLICT (id) DO UPDATE SET t = excluded.t",
    "CREATE SEQUENCE counted; SELECT nextval('counted') FROM generate_series(1, 40)",
    "TRUNCATE big",
    "DROP TABLE made",
    "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE felt (m mood, k int)",
    "INSERT INTO felt SELECT (ARRAY['sad', 'ok']::mood[])[1 + g % 2], g FROM "
    "generate_series(1, 3000) g",
    "CREATE INDEX ON felt (k); CREATE INDEX ON felt (m)",
)
QUERY = """
SELECT count(*), sum(id), sum(length(t)), max(n::text) FROM keyed;
SELECT count(*), sum(length(body)), max(md5(body)) FROM big;
SELECT relname, relkind, relnatts, relchecks, relhasindex FROM pg_class WHERE relnamespace = 2200
AND relname NOT LIKE 'pg\\_%' ORDER BY 1;
SELECT attname, atttypid::regtype, attnum, attisdropped, atthasmissing FROM pg_attribute
WHERE attrelid = to_regclass('made') ORDER BY attnum;
SELECT 'SELECT count(*), sum(a), sum(length(b)) FROM made' WHERE to_regclass('made') IS NOT NULL
\\gexec
SELECT count(*) FROM pg_depend WHERE objid >= 16384;
"""


def test_the_server_recovers_from_crashes_of_statements(make_cluster: Make) -> None:
    server = make_cluster(
        18, initdb_args=("--wal-segsize=1",),
        conf={"fsync": "off", "autovacuum": "off", "max_wal_size": "4MB", "min_wal_size": "2MB"},
    )  # fmt: skip
    script = Script(server, SETUP, STATEMENTS, QUERY)
    backend, done = script.run(None)
    assert done == len(STATEMENTS)
    script.check(None, 0, "keep")
    rng = random.Random(23)
    points = [("sync", n) for n in range(1, backend.counts["sync"] + 1)]
    count = backend.counts["write"]
    points += [("write", n) for n in rng.sample(range(1, count + 1), min(count, len(points)))]
    if POINTS != "all":
        points = rng.sample(points, int(POINTS))
    for n, stop in enumerate(points):
        script.check(stop, n, ("tear", "drop", "tear", "keep")[n % 4])
