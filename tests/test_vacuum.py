"""VACUUM without a server beside the server's own on a twin of the directory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import MissingServer, Server, cluster

ROOT = Path(__file__).resolve().parent.parent
SETUP = """
CREATE EXTENSION amcheck; CREATE EXTENSION pg_visibility; CREATE EXTENSION pgstattuple;
CREATE TABLE t (a int PRIMARY KEY, b text, c text);
INSERT INTO t SELECT g, 'x' || g, CASE WHEN g % 50 = 0 THEN repeat(md5(g::text), 300) END
FROM generate_series(1, 3000) g;
CREATE INDEX ON t (b);
DELETE FROM t WHERE a % 3 = 0; UPDATE t SET c = 'u' WHERE a % 5 = 0; DELETE FROM t WHERE a > 2500;
CREATE TABLE hot (a int, b text) WITH (fillfactor = 50);
INSERT INTO hot SELECT g, 'v' FROM generate_series(1, 400) g; CREATE INDEX ON hot (a);
UPDATE hot SET b = 'w'; UPDATE hot SET b = 'x' WHERE a % 2 = 0;
CREATE TABLE gone (a int); INSERT INTO gone SELECT generate_series(1, 1000); DELETE FROM gone;
CREATE TABLE p (a int, b int) PARTITION BY range (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200);
INSERT INTO p SELECT g, g FROM generate_series(0, 199) g; DELETE FROM p WHERE b % 2 = 0;
CREATE TABLE locked (a int PRIMARY KEY); INSERT INTO locked SELECT generate_series(1, 50);
BEGIN; SAVEPOINT s; INSERT INTO t VALUES (10001, 's'); ROLLBACK TO s;
INSERT INTO t VALUES (10002, 's'); COMMIT;
BEGIN; INSERT INTO t VALUES (10003, 'aborted'); ROLLBACK;
CREATE TABLE other (a int[]); CREATE INDEX ON other USING gin (a);
INSERT INTO other SELECT ARRAY[g] FROM generate_series(1, 100) g; DELETE FROM other WHERE a[1] < 50;
"""
ROWS = """
SELECT count(*), sum(a), md5(string_agg(concat(a, b, c), ',' ORDER BY a)) FROM t;
SELECT count(*), md5(string_agg(concat(a, b), ',' ORDER BY a)) FROM hot;
SELECT count(*), sum(a) FROM p; SELECT count(*) FROM gone; SELECT count(*) FROM locked;
SELECT count(*) FROM other WHERE a @> ARRAY[70];
"""
FACTS = """
SELECT relname, relpages, reltuples, relallvisible, relallfrozen, pg_relation_size(oid),
       relminmxid FROM pg_class WHERE relkind IN ('r', 't', 'i') AND relname NOT LIKE 'other%'
ORDER BY relname
"""
AGES = """
SELECT relname, relfrozenxid FROM pg_class WHERE relkind IN ('r', 't')
UNION ALL SELECT datname, datfrozenxid FROM pg_database ORDER BY 1
"""
SOUND = """
SELECT c.relname FROM pg_class c, pg_check_visible(c.oid) WHERE relkind IN ('r', 't');
SELECT c.relname FROM pg_class c, pg_check_frozen(c.oid) WHERE relkind IN ('r', 't');
SELECT c.relname, dead_tuple_count FROM pg_class c, pgstattuple(c.oid)
WHERE relkind IN ('r', 't') AND dead_tuple_count > 0
"""


def pgtool(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pgtool", *map(str, args)], cwd=ROOT, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def prepared() -> Iterator[Server]:
    try:
        with cluster(18, conf={"max_prepared_transactions": 2}) as server:
            server.psql(SETUP)
            # Two transactions hold the same rows: multixacts.
            with server.connect(autocommit=False) as one, server.connect(autocommit=False) as two:
                one.execute("SELECT * FROM locked FOR SHARE").fetchall()
                two.execute("SELECT * FROM locked FOR KEY SHARE").fetchall()
            server.stop()
            server.data.rename(server.base / "original")
            yield server
    except MissingServer as missing:
        pytest.skip(str(missing))


def fresh(server: Server) -> None:
    subprocess.run(["rm", "-rf", str(server.data)], check=True)
    subprocess.run(["cp", "-a", str(server.base / "original"), str(server.data)], check=True)


def test_freeze_all_is_the_servers(prepared: Server) -> None:
    server = prepared
    fresh(server)
    done = pgtool("vacuum", "--freeze", "--all", "-D", server.data)
    # The table with an index that cannot be cleaned up is said, and is the only error.
    assert done.returncode == 1, done.stderr
    assert 'indexes of table "other" are not vacuumed' in done.stderr
    server.start()
    rows, facts, ages = (server.psql(text) for text in (ROWS, FACTS, AGES))
    assert [line for line in server.psql(SOUND).split() if not line.startswith("other")] == []
    server.run_tool("pg_amcheck", "-h", server.base, "-U", "postgres", "--all",
                    "--heapallindexed", "--parent-check", "--rootdescend")  # fmt: skip
    server.stop()
    server.run_tool("pg_checksums", "--check", "-D", server.data)
    fresh(server)
    server.start()
    for name in ("postgres", "template1"):
        server.psql("VACUUM FREEZE", name)
    assert rows == server.psql(ROWS)
    wanted, theirs = server.psql(FACTS), server.psql(AGES)
    server.stop()
    assert without_catalogs(facts) == without_catalogs(wanted)
    # Cutting a table's tail takes the server a transaction more.
    for mine, real in zip(ages.splitlines(), theirs.splitlines(), strict=True):
        if not mine.startswith(("other", "template0")):
            assert mine.split("|")[0] == real.split("|")[0]
            assert 0 <= int(real.split("|")[1]) - int(mine.split("|")[1]) <= 2, (mine, real)


def without_catalogs(facts: str) -> list[str]:
    """Catalogs differ by what CREATE EXTENSION and VACUUM themselves left in them."""
    return [line for line in facts.splitlines() if not line.startswith(("pg_", "sql_"))]


def test_verbose_says_what_the_server_says(prepared: Server) -> None:
    server = prepared
    statements = [f"VACUUM (VERBOSE) {name}" for name in ("t", "hot", "gone", "p")]
    fresh(server)
    commands = [part for text in statements for part in ("-c", text)]
    done = pgtool("query", "-D", server.data, *commands)
    assert done.returncode == 0, done.stderr
    fresh(server)
    server.start()
    said: list[str] = []

    def note(diag: Any) -> None:
        said.append(f"{diag.severity}:  {diag.message_primary}")

    with server.connect() as connection:
        connection.add_notice_handler(note)
        for text in statements:
            connection.execute(text)
    server.stop()
    assert told(done.stderr) == told("\n".join(said))


def told(text: str) -> list[str]:
    """The lines of a report, less resource use, which is each one's own, and xid counts."""
    skipped = ("avg read", "buffer usage", "WAL usage", "system usage", "removable cutoff",
               "new relfrozenxid")  # fmt: skip
    return [line for line in text.splitlines() if not line.startswith(skipped)]


def test_full_and_reindex(prepared: Server) -> None:
    server = prepared
    fresh(server)
    for args in (["vacuum", "--full", "-t", "t", "-t", "hot", "-t", "locked"],
                 ["reindex", "-t", "t", "-t", "hot"], ["checkpoint"]):  # fmt: skip
        done = pgtool(*args, "-q", "-D", server.data)
        assert (done.returncode, done.stderr) == (0, ""), args
    server.start()
    rows = server.psql(ROWS)
    sizes = server.psql("SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relname IN "
                        "('t', 'hot', 't_pkey', 't_b_idx', 'hot_a_idx') ORDER BY 1")  # fmt: skip
    server.run_tool("pg_amcheck", "-h", server.base, "-U", "postgres", "-d", "postgres",
                    "--heapallindexed", "--parent-check", "--rootdescend")  # fmt: skip
    server.stop()
    fresh(server)
    server.start()
    for table in ("t", "hot", "locked"):
        server.psql(f"VACUUM FULL {table}")
    assert rows == server.psql(ROWS)
    assert sizes == server.psql(
        "SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relname IN "
        "('t', 'hot', 't_pkey', 't_b_idx', 'hot_a_idx') ORDER BY 1"
    )
    server.stop()


def test_full_leaves_dropped_columns_behind(prepared: Server) -> None:
    """Their values, and the chunks of these; columns that were added later stay what they are."""
    server = prepared
    fresh(server)
    server.start()
    server.psql(
        "CREATE TABLE dropped (a int, b text, c text, d text);"
        "INSERT INTO dropped SELECT g, repeat('b', 300), repeat(md5(g::text), 200), "
        "CASE WHEN g % 3 = 0 THEN repeat(md5(g::text), 150) END FROM generate_series(1, 400) g;"
        "ALTER TABLE dropped DROP b, DROP c, ADD e text DEFAULT 'added', ADD f int;"
        "INSERT INTO dropped SELECT g, 'd' || g, NULL, g FROM generate_series(401, 600) g;"
        "DELETE FROM dropped WHERE a % 7 = 0; CREATE INDEX ON dropped (e, a)"
    )
    question = (
        "SELECT count(*), md5(string_agg(dropped::text, ',' ORDER BY a)), "
        "pg_relation_size('dropped'), pg_relation_size(reltoastrelid) "
        "FROM dropped, pg_class WHERE relname = 'dropped' GROUP BY reltoastrelid"
    )
    server.stop()
    subprocess.run(["cp", "-a", str(server.data), str(server.base / "before")], check=True)
    done = pgtool("vacuum", "--full", "-q", "-t", "dropped", "-D", server.data)
    assert (done.returncode, done.stderr) == (0, "")
    server.start()
    ours = server.psql(question)
    server.run_tool("pg_amcheck", "-h", server.base, "-U", "postgres", "-t", "dropped",
                    "--heapallindexed", "--parent-check", "-d", "postgres")  # fmt: skip
    server.stop()
    subprocess.run(["rm", "-rf", str(server.data)], check=True)
    (server.base / "before").rename(server.data)
    server.start()
    server.psql("VACUUM FULL dropped")
    assert server.psql(question) == ours
    server.stop()


def test_full_keeps_what_a_prepared_transaction_may_want(prepared: Server) -> None:
    """Ids older than the horizon are frozen in dead versions too, and locks are no multixacts."""
    server = prepared
    fresh(server)
    server.start()
    with server.connect(autocommit=False) as one, server.connect(autocommit=False) as two:
        one.execute("SELECT * FROM locked WHERE a < 20 FOR KEY SHARE").fetchall()
        two.execute("UPDATE locked SET a = a WHERE a < 10")
    server.psql("BEGIN; INSERT INTO gone VALUES (1); PREPARE TRANSACTION 'held'")
    server.psql(
        "SELECT * FROM t FOR KEY SHARE; UPDATE hot SET b = 'y'; DELETE FROM t WHERE a > 90;"
        "UPDATE t SET c = 'z' WHERE c IS NOT NULL; DELETE FROM locked WHERE a % 2 = 0"
    )
    with server.connect(autocommit=False) as one, server.connect(autocommit=False) as two:
        one.execute("SELECT * FROM hot WHERE a < 20 FOR KEY SHARE").fetchall()
        two.execute("UPDATE hot SET b = 'u' WHERE a < 30")
        two.commit()
    rows = server.psql(ROWS)
    server.stop()
    done = pgtool("vacuum", "--full", "-q", "-t", "t", "-t", "hot", "-t", "locked",
                  "-D", server.data)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    server.start()
    assert server.psql(ROWS) == rows
    server.stop()
    done = pgtool("vacuum", "--full", "--skip-locked", "-q", "-t", "gone", "-D", server.data)
    assert done.returncode == 0
    assert 'WARNING:  skipping vacuum of "gone" --- lock not available' in done.stderr
    server.start()
    server.psql("COMMIT PREPARED 'held'")
    server.run_tool("pg_amcheck", "-h", server.base, "-U", "postgres", "-d", "postgres",
                    "--heapallindexed", "--parent-check", "--rootdescend")  # fmt: skip
    server.stop()


def test_auto_takes_what_needs_it_once(prepared: Server) -> None:
    server = prepared
    fresh(server)
    planned = pgtool("vacuum", "--auto", "--dry-run", "-D", server.data)
    tables = {line.split(" (")[0].split(".")[-1] for line in planned.stdout.splitlines()}
    assert {"t", "hot", "gone"} <= tables, planned.stdout
    assert "locked" not in {
        line.split(" (")[0].split(".")[-1] for line in planned.stdout.splitlines()
        if line.startswith("vacuum")
    }  # fmt: skip
    pgtool("vacuum", "--auto", "-q", "-D", server.data)
    again = pgtool("vacuum", "--auto", "--dry-run", "-D", server.data)
    left = {line.split(" (")[0].split(".")[-1] for line in again.stdout.splitlines()}
    assert not left & {"t", "hot", "gone"}, again.stdout


STATISTICS = """
SELECT starelid::regclass, staattnum, stainherit, stanullfrac, stadistinct, stakind1, stakind2
FROM pg_statistic WHERE starelid >= 16384 ORDER BY 1, 2, 3;
SELECT relname, relpages, reltuples FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'p')
ORDER BY 1
"""


def test_named_tables_partitions_and_columns_as_vacuumdb(prepared: Server) -> None:
    server = prepared
    for names in (("-t", "p", "-t", "t(b, A)", "-z"), ("-Z", "-t", "p")):
        fresh(server)
        server.start()
        server.run_tool("vacuumdb", "-h", server.base, "-U", "postgres", "-d", "postgres", *names)
        wanted = server.psql(STATISTICS)
        server.stop()
        fresh(server)
        assert pgtool("vacuum", "-q", "-D", server.data, *names).returncode == 0
        server.start()
        assert server.psql(STATISTICS) == wanted
        server.stop()
    done = pgtool("vacuum", "-D", server.data, "-t", "t(b)")
    assert done.returncode == 1 and "ANALYZE option must be specified" in done.stderr


def test_stages_and_missing_statistics_as_vacuumdb(prepared: Server) -> None:
    server = prepared
    fresh(server)
    server.start()
    server.psql(
        "ALTER TABLE locked ALTER a SET STATISTICS 0; CREATE INDEX ON hot ((a + 1)); ANALYZE t;"
        "CREATE TABLE made (a int, b int); INSERT INTO made VALUES (1, 2); ANALYZE made;"
        "CREATE STATISTICS made_s ON a, b FROM made; CREATE TABLE kid () INHERITS (made);"
        "ANALYZE hot (b); ANALYZE p1; CREATE TABLE idle (a int); ANALYZE idle"
    )
    server.stop()
    planned = pgtool("vacuum", "-Z", "--missing-stats-only", "--dry-run", "-D", server.data)
    server.start()
    said = server.run_tool("vacuumdb", "-h", server.base, "-U", "postgres", "-d", "postgres", "-Z",
                           "--missing-stats-only", "--echo").decode()  # fmt: skip
    server.stop()
    wanted = [line.strip(";").removeprefix("ANALYZE ") for line in said.splitlines()
              if line.startswith("ANALYZE")]  # fmt: skip
    ours = [line.removeprefix("analyze postgres.") for line in planned.stdout.splitlines()]
    assert sorted(ours) == sorted(wanted)
    assert {"public.hot", "public.p2", "public.other", "public.made"} <= set(wanted)
    fresh(server)
    server.start()
    server.run_tool("vacuumdb", "-h", server.base, "-U", "postgres", "-d", "postgres",
                    "--analyze-in-stages")  # fmt: skip
    wanted = server.psql(STATISTICS)
    server.stop()
    fresh(server)
    done_ours = pgtool("vacuum", "-q", "-D", server.data, "--analyze-in-stages")
    assert (done_ours.returncode, done_ours.stderr) == (0, "")
    server.start()
    assert server.psql(STATISTICS) == wanted
    server.stop()


def test_a_running_server_is_left_alone(prepared: Server) -> None:
    server = prepared
    fresh(server)
    server.start()
    for args in (["vacuum", "--all"], ["reindex"], ["checkpoint"]):
        done = pgtool(*args, "-D", server.data, "--lock-timeout", "0.3")
        assert done.returncode == 3, args
        assert done.stderr.count("\n") == 1
    assert server.psql("SELECT 1").strip() == "1"
    server.stop()
