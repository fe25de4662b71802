"""The index access methods' WAL records: pg_waldump's words, layouts that give bytes back.

One cluster per major runs each script three times: without page images (all block data
stays), with fewer rows and images (block data is replaced, after a checkpoint), and with
images that replay only compares (both are there); last a build under minimal WAL.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import need
from tests.installs import MAJORS
from tests.rmgr_compare import compare, wanted
from tests.servers import Server, cluster

pytestmark = pytest.mark.server

CONF = {
    "max_wal_size": "2GB",
    "wal_keep_size": "2GB",
    "full_page_writes": "off",
}
BTREE, HASH, GIN, GIST, SPGIST = 11, 12, 13, 14, 16
#: Some transactions that end, so that deleted pages become reusable.
TIME = "SELECT txid_current(); SELECT txid_current(); SELECT txid_current();"
#: Index scans mark the dead rows that they meet; insertions then delete those first.
SCANS = "SET enable_seqscan = off; SET enable_bitmapscan = off;"

SCRIPTS = {
    "btree": f"""
CREATE TABLE t(a int, k int); CREATE INDEX ON t(a); CREATE INDEX ON t(k);
INSERT INTO t SELECT g, g % 5 FROM generate_series(1, 6000) g;
DELETE FROM t WHERE k = 2 AND a % 2 = 0;
VACUUM t;
DELETE FROM t WHERE a BETWEEN 500 AND 5500; VACUUM t; VACUUM t; {TIME}
INSERT INTO t SELECT g, g % 7 FROM generate_series(1, 3000) g;
VACUUM t;
DELETE FROM t WHERE a < 5990; VACUUM t; {TIME} VACUUM t;
INSERT INTO t SELECT 5990 + g, 3 FROM generate_series(1, 3000) g;
CREATE TABLE churn(a int PRIMARY KEY, k int, v int) WITH (fillfactor = 50);
CREATE INDEX ON churn(k); CREATE INDEX ON churn(v);
INSERT INTO churn SELECT g, g % 10, 0 FROM generate_series(1, 150) g;
DO $$ BEGIN FOR i IN 1..12 LOOP UPDATE churn SET v = v + 1; END LOOP; END $$;
UPDATE churn SET v = v + 1; UPDATE churn SET v = v + 1; UPDATE churn SET v = v + 1;
UPDATE churn SET v = v + 1; UPDATE churn SET v = v + 1; UPDATE churn SET v = v + 1;
CREATE TABLE dup(a int); CREATE INDEX ON dup(a);
INSERT INTO dup SELECT g % 4 FROM generate_series(1, 1500) g;
SELECT setseed(0.5);
DELETE FROM dup WHERE random() < 0.5; VACUUM dup;
INSERT INTO dup SELECT g % 4 FROM generate_series(1, 1500) g;
DELETE FROM dup WHERE random() < 0.3; VACUUM dup;
INSERT INTO dup SELECT g % 4 FROM generate_series(1, 1500) g;
CREATE TABLE txt(x text); CREATE INDEX ON txt(x);
INSERT INTO txt SELECT md5(g::text) || repeat('q', 300) FROM generate_series(1, 1500) g;
DELETE FROM txt; VACUUM txt;
INSERT INTO txt SELECT md5((g % 40)::text) FROM generate_series(1, 500) g;
{SCANS}
CREATE TABLE kills(a int, b int); CREATE INDEX ON kills(a);
INSERT INTO kills SELECT g % 3, g FROM generate_series(1, 1500) g;
DELETE FROM kills WHERE b % 3 <> 0;
SELECT count(*) FROM kills WHERE a = 1; SELECT count(*) FROM kills WHERE a = 2;
INSERT INTO kills SELECT g % 3, g FROM generate_series(1, 1500) g;
DELETE FROM kills WHERE b % 2 <> 0;
SELECT sum(b) FROM kills WHERE a = 1; SELECT sum(b) FROM kills WHERE a = 0;
INSERT INTO kills SELECT g % 3, g FROM generate_series(1, 1500) g;
""",
    "hash": f"""
CREATE TABLE t(a int, b text);
CREATE INDEX ON t USING hash(a); CREATE INDEX ON t USING hash(b);
INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, 3000) g;
INSERT INTO t SELECT 7, 'same' FROM generate_series(1, 2000) g;
DELETE FROM t WHERE a % 3 = 0; VACUUM t;
DELETE FROM t WHERE a = 7; VACUUM t;
INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, 1000) g;
DELETE FROM t WHERE a % 2 = 0; VACUUM t;
CREATE TABLE moved(a int); CREATE INDEX ON moved USING hash(a);
INSERT INTO moved SELECT 1 FROM generate_series(1, 2500);
INSERT INTO moved SELECT 2 FROM generate_series(1, 2500);
SELECT setseed(0.5);
DELETE FROM moved WHERE random() < 0.8; VACUUM moved;
DELETE FROM moved WHERE random() < 0.9; VACUUM moved;
{SCANS}
CREATE TABLE kills(a int, b int); CREATE INDEX ON kills USING hash(a);
INSERT INTO kills SELECT g % 5, g FROM generate_series(1, 3000) g;
DELETE FROM kills WHERE b % 2 = 0;
SELECT sum(b) FROM kills WHERE a = 1; SELECT sum(b) FROM kills WHERE a = 2;
SELECT sum(b) FROM kills WHERE a = 3; SELECT sum(b) FROM kills WHERE a = 4;
INSERT INTO kills SELECT g % 5, g FROM generate_series(1, 3000) g;
CREATE UNLOGGED TABLE u(a int); CREATE INDEX ON u USING hash(a);
""",
    "gin": f"""
CREATE TABLE t(id int, a int[]); CREATE INDEX ON t USING gin(a) WITH (fastupdate = off);
CREATE INDEX pending ON t USING gin(a) WITH (fastupdate = on, gin_pending_list_limit = 64);
INSERT INTO t SELECT g, ARRAY[g % 3, g % 50, g] FROM generate_series(1, 2000) g;
VACUUM t;
INSERT INTO t SELECT g, ARRAY[g % 3, g % 50, g] FROM generate_series(2001, 2300) g;
DELETE FROM t WHERE id % 2 = 0; VACUUM t;
DELETE FROM t WHERE id < 1500; VACUUM t;
INSERT INTO t SELECT g, ARRAY[g % 3, g % 50, g] FROM generate_series(1, 2000) g;
SELECT gin_clean_pending_list('pending');
DELETE FROM t; VACUUM t; {TIME} VACUUM t;
CREATE TABLE one(id int, a int[]);
INSERT INTO one SELECT g, ARRAY[1] FROM generate_series(1, 25000) g;
CREATE INDEX ON one USING gin(a) WITH (fastupdate = off);
DELETE FROM one WHERE id BETWEEN 100 AND 24000; VACUUM one; {TIME} VACUUM one;
INSERT INTO one SELECT g, ARRAY[1] FROM generate_series(1, 2000) g;
SELECT setseed(0.5);
DELETE FROM one WHERE random() < 0.1; VACUUM one;
INSERT INTO one SELECT g, ARRAY[1, 2] FROM generate_series(1, 500) g;
INSERT INTO one SELECT g, ARRAY[5] FROM generate_series(1, 4000) g;
CREATE TABLE empty(a int[]); CREATE INDEX ON empty USING gin(a) WITH (fastupdate = off);
INSERT INTO empty VALUES (null), ('{{}}'), ('{{null}}'); DELETE FROM empty; VACUUM empty;
""",
    "gist": f"""
CREATE TABLE t(id int, p point); CREATE INDEX ON t USING gist(p) WITH (buffering = off);
SELECT setseed(0.5);
INSERT INTO t SELECT g, point(random() * 100, random() * 100) FROM generate_series(1, 1500) g;
DELETE FROM t WHERE p <@ box '((0,0),(60,60))'; VACUUM t;
UPDATE t SET p = point(p[0] + 0.001, p[1]) WHERE id % 5 = 0;
CREATE TABLE r(r int4range); CREATE INDEX ON r USING gist(r);
INSERT INTO r SELECT int4range(g, g + 10) FROM generate_series(1, 3000) g;
INSERT INTO r VALUES ('empty'), (null);
DELETE FROM r WHERE lower(r) < 2500; VACUUM r; {TIME} VACUUM r; {TIME}
INSERT INTO r SELECT int4range(g, g + 10) FROM generate_series(1, 3000) g;
CREATE TABLE b(b box); CREATE INDEX gist_b ON b USING gist(b) WITH (buffering = on);
INSERT INTO b SELECT box(point(g, g), point(g + 1, g + 1)) FROM generate_series(1, 300) g;
REINDEX INDEX gist_b;
{SCANS}
CREATE TABLE kills(id int, p point); CREATE INDEX ON kills USING gist(p);
INSERT INTO kills SELECT g, point(g % 40, g % 40) FROM generate_series(1, 1000) g;
DELETE FROM kills WHERE id % 3 <> 0;
SELECT count(*) FROM kills WHERE p <@ box '((0,0),(100,100))';
INSERT INTO kills SELECT g, point(g % 40, g % 40) FROM generate_series(1, 1000) g;
""",
    "spgist": f"""
CREATE TABLE t(id int, p point); CREATE INDEX ON t USING spgist(p);
CREATE INDEX ON t USING spgist(p kd_point_ops);
SELECT setseed(0.5);
INSERT INTO t SELECT g, CASE WHEN g % 50 > 0 THEN point(random() * 100, random() * 100) END
FROM generate_series(1, 2000) g;
DELETE FROM t WHERE p <@ box '((0,0),(60,60))'; VACUUM t;
INSERT INTO t SELECT g, point(random() * 100, random() * 100) FROM generate_series(1, 1000) g;
DELETE FROM t WHERE id % 3 = 0; VACUUM t; {TIME} VACUUM t;
CREATE TABLE x(id int, x text); CREATE INDEX ON x USING spgist(x);
INSERT INTO x SELECT g, 'www.' || md5((g % 300)::text) || g FROM generate_series(1, 1500) g;
INSERT INTO x SELECT g, repeat('long prefix ', 30) || chr(40 + g % 80) || g
FROM generate_series(1, 600) g;
INSERT INTO x SELECT g, 'www.' || chr(256 + g % 300) || md5(g::text)
FROM generate_series(1, 900) g;
INSERT INTO x SELECT g, null FROM generate_series(1, 300) g;
INSERT INTO x SELECT g, 'b' || repeat('q', g) FROM generate_series(1, 300) g;
DELETE FROM x WHERE id % 2 = 0; VACUUM x; DELETE FROM x WHERE x IS NULL; VACUUM x;
INSERT INTO x SELECT g, md5(g::text) FROM generate_series(1, 500) g;
DELETE FROM x; VACUUM x; {TIME} VACUUM x;
CREATE TABLE few(x text); CREATE INDEX ON few USING spgist(x);
INSERT INTO few SELECT md5(g::text) FROM generate_series(1, 50) g;
DELETE FROM few WHERE x < '8'; VACUUM few;
CREATE TABLE bit(id int, x text); CREATE INDEX ON bit USING spgist(x);
DO $$ BEGIN FOR i IN 1..600 LOOP
INSERT INTO bit VALUES (i, substr(md5((i * 7919)::text), 1, 2 + i % 8)),
(i, 'w' || chr(97 + (i * 31) % 26) || chr(97 + (i * 17) % 26) || repeat('z', i % 40));
END LOOP; END $$;
INSERT INTO bit SELECT g, repeat(chr(97 + (g * 7) % 26), 100 + g % 50) ||
chr(65 + (g * 11) % 26) || g FROM generate_series(1, 800) g;
""",
}

MINIMAL = """
BEGIN; CREATE TABLE least(p point); CREATE INDEX ON least USING gist(p) WITH (buffering = off);
INSERT INTO least SELECT point(g % 50, g / 50) FROM generate_series(1, 1000) g; COMMIT;
"""


def run_scripts(server: Server) -> None:
    for turn, settings in (
        ("bare", ""),
        ("imaged", "SET wal_compression = on;"),
        ("compared", "SET wal_consistency_checking = 'btree,hash,gin,gist,spgist';"),
    ):
        if turn == "imaged":
            server.psql("ALTER SYSTEM SET full_page_writes = on")
            server.psql("SELECT pg_reload_conf()")
        for method, script in SCRIPTS.items():
            if turn != "bare":
                script = shorter(script)
            if turn == "imaged":
                server.psql("CHECKPOINT")
            schema = f"{turn}_{method}"
            server.psql(
                f"CREATE SCHEMA {schema}; SET search_path = {schema}; {settings} {script}"
            )
    server.restart(wal_level="minimal", max_wal_senders=0)
    server.psql(MINIMAL)


def shorter(script: str) -> str:
    """The script with a tenth of the rows, as many of its records carry a page."""
    for rows in ("25000", "6000", "4000", "3000", "2500", "2000", "1500", "1000"):
        script = script.replace(f"generate_series(1, {rows})", f"generate_series(1, {rows[:-1]})")
    return script


@pytest.fixture(scope="module", params=MAJORS, ids=[f"pg{m}" for m in MAJORS])
def stopped(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A stopped cluster whose WAL holds all that the scripts did."""
    need(request.param)
    with cluster(request.param, initdb_args=["--wal-segsize=4"], conf=CONF) as server:
        run_scripts(server)
        server.stop()
        yield server


def test_index_records(stopped: Server) -> None:
    rmids = {BTREE, HASH, GIN, GIST, SPGIST}
    seen = compare(stopped, rmids)
    assert wanted(stopped.major, rmids) - seen.keys() == set()
