"""The heap's WAL records: pg_waldump's words, and layouts that give the same bytes back.

One cluster per major runs the same scripts three times: without page images (all block
data stays), with them (block data is replaced, after a checkpoint), and with images that
replay only compares (both are there).
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
    "wal_level": "logical",
    "max_wal_size": "2GB",
    "wal_keep_size": "2GB",
    "full_page_writes": "off",
}
HEAP2, HEAP = 9, 10

ROWS = """
CREATE TABLE h(a int PRIMARY KEY, b text, c int) WITH (fillfactor = 70, autovacuum_enabled = off);
CREATE INDEX ON h(c);
INSERT INTO h SELECT g, repeat('x', g % 50), g % 10 FROM generate_series(1, 400) g;
UPDATE h SET b = b || 'y' WHERE a % 3 = 0;
UPDATE h SET b = 'p' || b || 'y' WHERE a % 6 = 0;
UPDATE h SET c = c + 1 WHERE a % 5 = 0;
UPDATE h SET b = repeat('z', 1000) WHERE a % 10 = 0;
DELETE FROM h WHERE a % 7 = 0;
SELECT count(*) FROM h WHERE a < 200;
UPDATE h SET b = 'w1' WHERE a < 100;
UPDATE h SET b = 'w2' WHERE a < 100;
UPDATE h SET b = 'w3' WHERE a < 100;
VACUUM h;
INSERT INTO h SELECT g, 'n', g % 10 FROM generate_series(3000, 3100) g;
INSERT INTO h VALUES (1, 'q', 1) ON CONFLICT (a) DO UPDATE SET b = 'was there';
INSERT INTO h VALUES (100001, 'q', 1) ON CONFLICT (a) DO NOTHING;
BEGIN; SELECT * FROM h WHERE a IN (5, 6, 8) FOR UPDATE; COMMIT;
BEGIN; SELECT * FROM h WHERE a IN (5, 6, 8) FOR KEY SHARE; COMMIT;
BEGIN; SELECT * FROM h WHERE a IN (10, 11) FOR NO KEY UPDATE; SAVEPOINT s;
SELECT * FROM h WHERE a IN (10, 11) FOR UPDATE; ROLLBACK TO s;
UPDATE h SET b = 'after' WHERE a = 10; COMMIT;
CREATE TABLE nulls(a int, b text, c int, d text);
INSERT INTO nulls SELECT null, CASE WHEN g % 2 = 0 THEN 'x' END, g FROM generate_series(1, 100) g;
UPDATE nulls SET d = 'd' WHERE c % 3 = 0;
UPDATE nulls SET a = 5;
VACUUM FREEZE h, nulls;
"""

IDENTITY = """
CREATE TABLE ri(a int PRIMARY KEY, b text);
ALTER TABLE ri REPLICA IDENTITY FULL;
INSERT INTO ri SELECT g, null FROM generate_series(1, 10) g;
UPDATE ri SET b = 'x' WHERE a < 5;
DELETE FROM ri WHERE a > 7;
ALTER TABLE ri REPLICA IDENTITY DEFAULT;
UPDATE ri SET a = a + 100 WHERE a = 1;
DELETE FROM ri WHERE a = 2;
CREATE TABLE parent(id int PRIMARY KEY, v int);
CREATE TABLE child(id serial, p int REFERENCES parent);
INSERT INTO parent SELECT g, 0 FROM generate_series(1, 20) g;
INSERT INTO child(p) SELECT 1 + g % 20 FROM generate_series(1, 40) g;
UPDATE parent SET v = v + 1;
INSERT INTO child(p) VALUES (1), (2), (3);
TRUNCATE child, ri RESTART IDENTITY CASCADE;
TRUNCATE parent CASCADE;
TRUNCATE ri;
CREATE TABLE part(a int, b int) PARTITION BY LIST (a);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part2 PARTITION OF part FOR VALUES IN (2);
INSERT INTO part SELECT 1, g FROM generate_series(1, 10) g;
UPDATE part SET a = 2 WHERE b < 5;
"""

MANY = """
CREATE TABLE cp(a int, b text);
COPY cp FROM PROGRAM 'seq 1 1000 | sed "s/$/\ttext/"';
COPY cp FROM PROGRAM 'seq 1 3 | sed "s/$/\tt/"';
BEGIN; CREATE TABLE cpf(a int, b text);
COPY cpf FROM PROGRAM 'seq 1 500 | sed "s/$/\ttext/"' WITH (FREEZE); COMMIT;
DELETE FROM cp WHERE a % 3 = 0;
VACUUM FREEZE cp;
CREATE TABLE toasty(a int, b text);
ALTER TABLE toasty ALTER b SET STORAGE EXTERNAL;
INSERT INTO toasty SELECT g, repeat(md5(g::text), 300) FROM generate_series(1, 5) g;
UPDATE toasty SET b = b || 'x' WHERE a % 2 = 0;
DELETE FROM toasty WHERE a % 3 = 0;
VACUUM FREEZE toasty;
"""

CATALOGS = """
DO $$ BEGIN FOR i IN 1..20 LOOP
EXECUTE format('CREATE TABLE cat%s(a int PRIMARY KEY, b text DEFAULT %L)', i, 'x');
END LOOP; END $$;
DO $$ BEGIN FOR i IN 1..20 LOOP
EXECUTE format('ALTER TABLE cat%s ADD COLUMN c%s int', i, i); END LOOP; END $$;
BEGIN; CREATE TABLE seen(a int); ALTER TABLE seen ADD b int; DROP TABLE seen;
CREATE TABLE seen(a int); CREATE INDEX ON seen(a); COMMIT;
DO $$ BEGIN FOR i IN 1..20 BY 2 LOOP EXECUTE format('DROP TABLE cat%s', i); END LOOP; END $$;
ANALYZE h; VACUUM pg_class; VACUUM pg_attribute;
VACUUM FULL pg_class; CLUSTER pg_index USING pg_index_indexrelid_index;
"""


def several_at_once(server: Server, schema: str) -> None:
    """Rows that many sessions lock, while others update them; then their multixacts freeze."""
    path = f"SET search_path = {schema}"
    a, b, c = (server.connect(autocommit=False, options=f"-c search_path={schema}") for _ in "abc")
    server.psql(f"""{path}; CREATE TABLE mx(a int PRIMARY KEY, b int, c int);
        INSERT INTO mx SELECT g, 0, 0 FROM generate_series(1, 60) g""")
    for turn in range(2):
        a.execute(f"SELECT * FROM mx WHERE mod(a, 2) = {turn} FOR KEY SHARE")
        b.execute("SELECT * FROM mx WHERE a < 40 FOR SHARE")
        b.commit()
        b.execute("SELECT * FROM mx WHERE a < 50 FOR KEY SHARE")
        c.execute("UPDATE mx SET b = b + 1 WHERE a < 30")
        c.commit()
        c.execute("UPDATE mx SET b = b + 1 WHERE a BETWEEN 10 AND 20")
        for session in (a, b, c):
            session.commit()
        a.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        a.execute("SELECT count(*) FROM mx")
        c.execute("UPDATE mx SET c = c + 1 WHERE a < 25")
        c.commit()
        a.execute("SELECT * FROM mx WHERE a < 15 FOR KEY SHARE")
        a.commit()
        c.execute("UPDATE mx SET c = c + 1 WHERE a < 8")
        a.execute("SELECT * FROM mx WHERE a < 5 FOR KEY SHARE")
        b.execute("SELECT * FROM mx WHERE a < 4 FOR KEY SHARE")
        for session in (a, b, c):
            session.commit()
        a.execute("SELECT * FROM mx WHERE a = 55 FOR KEY SHARE")
        a.execute("SAVEPOINT deeper")
        a.execute("SELECT * FROM mx WHERE a = 55 FOR UPDATE")
        a.commit()
    server.psql(f"{path}; VACUUM FREEZE mx; DELETE FROM mx WHERE a % 2 = 0")
    a.execute("SELECT * FROM mx FOR KEY SHARE")
    b.execute("SELECT * FROM mx WHERE a < 40 FOR SHARE")
    server.psql(f"""{path}; SET vacuum_multixact_freeze_min_age = 0;
        SET vacuum_freeze_min_age = 0; VACUUM mx""")
    for session in (a, b, c):
        session.close()
    server.psql(f"{path}; VACUUM FREEZE mx")


def run_scripts(server: Server) -> None:
    server.psql("SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
    for schema, settings in (
        ("bare", ""),
        ("imaged", "SET wal_compression = on"),
        ("compared", "SET wal_consistency_checking = 'heap,heap2'"),
    ):
        if schema == "imaged":
            server.psql("ALTER SYSTEM SET full_page_writes = on")
            server.psql("SELECT pg_reload_conf(); CHECKPOINT")
        server.psql(f"CREATE SCHEMA {schema}")
        begin = f"{settings}; SET search_path = {schema};"
        server.psql(begin + ROWS + IDENTITY + MANY)
        several_at_once(server, schema)
        if schema == "imaged":
            server.psql("CHECKPOINT")
        server.psql(begin + "VACUUM FREEZE h;" + CATALOGS)


@pytest.fixture(scope="module", params=MAJORS, ids=[f"pg{m}" for m in MAJORS])
def stopped(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A stopped cluster whose WAL holds all that the scripts did."""
    need(request.param)
    with cluster(request.param, initdb_args=["--wal-segsize=4"], conf=CONF) as server:
        run_scripts(server)
        server.stop()
        yield server


def test_heap_records(stopped: Server) -> None:
    seen = compare(stopped, {HEAP, HEAP2})
    assert wanted(stopped.major, {HEAP, HEAP2}) - seen.keys() == set()
