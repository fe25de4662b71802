"""VACUUM, VACUUM FULL and REINDEX cut off anywhere: the server recovers, nothing is lost."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

from pgtool.catalog.cluster import Cluster
from pgtool.functions.session import Session
from pgtool.sql.engine import Engine
from pgtool.storage import pageruns
from pgtool.transam.instance import Instance
from tests.crash import CrashBackend
from tests.servers import Server
from tests.sqlcrash import Script

Make = Callable[..., Server]
#: PGTOOL_CRASH_POINTS=all: every sync point, and as many writes.
POINTS = os.environ.get("PGTOOL_CRASH_POINTS", "4")
SETUP = """
CREATE TABLE t (a int PRIMARY KEY, b text, c text);
INSERT INTO t SELECT g, 'x' || g, CASE WHEN g % 50 = 0 THEN repeat(md5(g::text), 300) END
FROM generate_series(1, 1500) g;
CREATE INDEX ON t (b);
DELETE FROM t WHERE a % 3 = 0 OR a BETWEEN 700 AND 900;
UPDATE t SET c = 'u' WHERE a % 5 = 0;
DELETE FROM t WHERE a > 1300;
CREATE TABLE empty (a int); INSERT INTO empty SELECT generate_series(1, 900); DELETE FROM empty;
CREATE TABLE hot (a int, b int) WITH (fillfactor = 60);
INSERT INTO hot SELECT g, g FROM generate_series(1, 300) g; CREATE INDEX ON hot (a);
UPDATE hot SET b = b + 1; UPDATE hot SET b = b + 1 WHERE a % 2 = 0;
"""
STATEMENTS = (
    "VACUUM (FREEZE) t", "VACUUM empty", "VACUUM FULL t", "REINDEX TABLE hot", "VACUUM hot",
    "VACUUM FULL pg_class", "REINDEX TABLE pg_authid", "CHECKPOINT",
)  # fmt: skip
QUERY = """
SELECT count(*), sum(a), md5(string_agg(concat(a, b, c), ',' ORDER BY a)) FROM t;
SELECT count(*) FROM empty; SELECT count(*), sum(b) FROM hot;
SET enable_seqscan = off; SELECT count(*), sum(a) FROM t WHERE b LIKE 'x%';
SELECT sum(b) FROM hot WHERE a > 0;
"""


def test_killed_at_any_moment(
    make_cluster: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pageruns, "DIRECT_FROM", 8)
    monkeypatch.setattr(pageruns, "BEHIND", 16)
    server = make_cluster(18, conf={"autovacuum": "off", "min_wal_size": "32MB"})
    script = Script(server, SETUP, STATEMENTS, QUERY)
    backend, done = script.run(None)
    assert done == len(STATEMENTS)
    syncs, writes = backend.counts["sync"], backend.counts["write"]
    rng = random.Random(7)
    every = [("sync", n) for n in range(1, syncs + 1)]
    every += [("write", n) for n in rng.sample(range(1, writes + 1), min(syncs, writes))]
    points = every if POINTS == "all" else rng.sample(every, int(POINTS))
    for n, stop in enumerate(points):
        script.check(stop, n, ("tear", "drop", "tear", "keep")[n % 4])


QUIET = "CREATE UNLOGGED TABLE q (a serial PRIMARY KEY, b text); INSERT INTO q (b) VALUES ('x')"
STATEMENTS_QUIET = (
    "CREATE DATABASE copied STRATEGY wal_log", QUIET, "CREATE UNLOGGED TABLE r (a int UNIQUE)",
    "CREATE UNLOGGED TABLE s (a int UNIQUE)", "REINDEX TABLE r", "VACUUM FULL s",
)  # fmt: skip


def test_unlogged_relations_are_empty_after_a_crash(make_cluster: Make) -> None:
    server = make_cluster(18)
    server.psql(QUIET, "template1")
    server.stop()
    root = str(server.data)
    backend = CrashBackend(root)
    instance = Instance.start(root, backend=backend)
    engine = Engine(Session.open(Cluster(root), "postgres"))
    for text in STATEMENTS_QUIET:
        assert [outcome.answer for outcome in engine.run(text)].count(None)
    instance.wal.flush_all()
    instance.abandon()
    backend.crash(1, "keep")
    server.start()
    for database in ("template1", "copied", "postgres"):
        assert server.psql("INSERT INTO q (b) VALUES ('y'); SELECT * FROM q", database) == "1|y\n"
    server.psql("INSERT INTO r VALUES (1)")
    assert server.psql("INSERT INTO s VALUES (1); SELECT a FROM s") == "1\n"
    server.stop()
