"""A workload that makes nearly every record type of the smaller resource managers occur.

What cannot be had from a client's commands is done to the stopped cluster: a promotion,
a WAL record that a crash cut off, transaction numbers moved on by pg_resetwal so that
whole segments of the SLRUs become removable.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.installs import NOBODY
from tests.servers import Server

CONF = {
    "wal_level": "logical",
    "max_prepared_transactions": 10,
    "track_commit_timestamp": "on",
    "wal_keep_size": "1GB",
    "max_wal_size": "1GB",
    "wal_log_hints": "on",
    "statement_timeout": "60s",
}
INITDB = ["--wal-segsize=1"]

#: Each script runs in a session of its own; {names} are filled in.
SCRIPTS = (
    """CREATE TABLE t(a int PRIMARY KEY, b text);
    INSERT INTO t SELECT g, 'x' || g FROM generate_series(1, 1000) g""",
    """BEGIN; INSERT INTO t VALUES (10001); SAVEPOINT a; INSERT INTO t VALUES (10002);
    SAVEPOINT b; INSERT INTO t VALUES (10003); ROLLBACK TO b; CREATE TABLE tt AS SELECT 1 x;
    COMMIT""",
    "BEGIN; CREATE TABLE gone(a int PRIMARY KEY, b text); INSERT INTO gone VALUES (1); ROLLBACK",
    "CREATE TABLE d(a int PRIMARY KEY); INSERT INTO d VALUES (1); DROP TABLE d",
    "CREATE UNLOGGED TABLE u(a serial PRIMARY KEY)",
    "SET synchronous_commit = remote_apply; INSERT INTO t VALUES (20000)",
    """DO $$ BEGIN FOR i IN 1..200 LOOP BEGIN INSERT INTO t VALUES (100000 + i);
    EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$""",
    """BEGIN; CREATE TABLE p1(a int PRIMARY KEY); SAVEPOINT x; INSERT INTO p1 VALUES (1);
    RELEASE x; DROP TABLE u; PREPARE TRANSACTION 'my gid é'""",
    """BEGIN; INSERT INTO t VALUES (300001); CREATE TABLE p2(a text PRIMARY KEY);
    PREPARE TRANSACTION 'second'""",
    "COMMIT PREPARED 'my gid é'",
    "ROLLBACK PREPARED 'second'",
    """SELECT pg_replication_origin_create('o1'); SELECT pg_replication_origin_create('o2');
    SELECT pg_replication_origin_advance('o2', '0/ABCDEF');
    SELECT pg_replication_origin_drop('o2')""",
    """SELECT pg_replication_origin_session_setup('o1');
    BEGIN; SELECT pg_replication_origin_xact_setup('0/AABBCCDD', '2013-01-01 00:00:01.5');
    INSERT INTO t VALUES (400000); COMMIT;
    BEGIN; SELECT pg_replication_origin_xact_setup('1/AABBCCDD', '1999-01-01 00:00:01.25');
    INSERT INTO t VALUES (400001); CREATE TABLE oo(a int); PREPARE TRANSACTION 'og';
    SELECT pg_replication_origin_session_reset()""",
    """SELECT pg_replication_origin_session_setup('o1');
    SELECT pg_replication_origin_xact_setup('0/AABBCCDE', '2013-01-01 00:00:01.5');
    COMMIT PREPARED 'og';
    SELECT pg_replication_origin_session_reset()""",
    """SELECT pg_replication_origin_session_setup('o1');
    BEGIN; INSERT INTO t VALUES (400002); PREPARE TRANSACTION 'og2'; ROLLBACK PREPARED 'og2';
    SELECT pg_replication_origin_session_reset()""",
    """SELECT pg_replication_origin_session_setup('o1');
    BEGIN; SELECT pg_replication_origin_xact_setup('1/AABBCCFF', '2000-01-01 00:00:01.25');
    CREATE TABLE oa(a int); ROLLBACK;
    SELECT pg_replication_origin_session_reset()""",
    """SELECT pg_logical_emit_message(true, 'pre', 'hello');
    SELECT pg_logical_emit_message(false, 'préfix', '\\x00ff01'::bytea);
    SELECT pg_logical_emit_message(false, '', '')""",
    """CREATE SEQUENCE sq; SELECT nextval('sq') FROM generate_series(1, 100);
    SELECT setval('sq', 9999999999, false)""",
    """CREATE TABLE tr(a int); INSERT INTO tr SELECT generate_series(1, 5000);
    DELETE FROM tr WHERE a > 100; VACUUM tr; TRUNCATE tr;
    CREATE TABLE tr2(a int PRIMARY KEY); TRUNCATE tr2""",
    "VACUUM FULL pg_class; VACUUM FULL pg_database; REINDEX TABLE pg_attribute",
    "CREATE DATABASE dbw {wal_log}",
    "CREATE DATABASE dbf {file_copy}",
    "CREATE TABLESPACE ts1 LOCATION '{base}/ts1'",
    """CREATE TABLE tst(a int PRIMARY KEY) TABLESPACE ts1; INSERT INTO tst VALUES (1);
    ALTER DATABASE dbf SET TABLESPACE ts1""",
    """\\c dbw
    CREATE TABLE tst(a int PRIMARY KEY) TABLESPACE ts1; DROP TABLE tst;
    CREATE TABLE tst2(a int) TABLESPACE ts1""",
    "DROP TABLE tst; DROP DATABASE dbw; DROP DATABASE dbf; DROP TABLESPACE ts1",
    """CREATE TABLE hh(a int); CREATE INDEX ON hh(a); VACUUM ANALYZE hh; REINDEX TABLE hh;
    CLUSTER t USING t_pkey; CREATE INDEX CONCURRENTLY hh2 ON t(b)""",
    "CREATE TEMP TABLE tmpx(a int); CREATE INDEX ON tmpx(a); ANALYZE tmpx; DROP TABLE tmpx",
    "SELECT pg_create_restore_point('my restore point'); SELECT pg_switch_wal()",
    "{backup}",
    "ALTER SYSTEM SET full_page_writes = off",
    "SELECT pg_reload_conf()",
    "SELECT pg_sleep(0.3); CHECKPOINT",
    "ALTER SYSTEM SET full_page_writes = on",
    "SELECT pg_reload_conf()",
    "SELECT pg_sleep(0.3)",
    """CREATE TABLE br(a int, b text, i inet) WITH (fillfactor = 50);
    CREATE INDEX brx ON br USING brin(a, b) WITH (pages_per_range = 1, autosummarize = off);
    INSERT INTO br SELECT g, repeat('x', g % 50 + 1), '10.0.0.1' FROM generate_series(1, 5000) g;
    SELECT brin_summarize_new_values('brx');
    INSERT INTO br SELECT 5, repeat('z', 1000) FROM generate_series(1, 50);
    UPDATE br SET b = repeat('y', 1200) WHERE a % 37 = 0;
    INSERT INTO br SELECT g, repeat(chr(65 + g % 26), 500) FROM generate_series(1, 3000) g;
    SELECT brin_summarize_new_values('brx');
    UPDATE br SET b = b || repeat(chr(65 + a % 26), 1500) WHERE a < 300; VACUUM br;
    SELECT brin_desummarize_range('brx', 0), brin_desummarize_range('brx', 5)""",
    "CREATE TABLE mx(a int PRIMARY KEY, b int); INSERT INTO mx SELECT generate_series(1, 2500)",
)
BLOOM = """CREATE TABLE bl(a int, b int); INSERT INTO bl SELECT g, g FROM generate_series(1, 500) g;
    CREATE INDEX ON bl USING bloom(a, b); INSERT INTO bl SELECT g, g FROM generate_series(1, 50) g;
    DELETE FROM bl WHERE a % 3 = 0; VACUUM bl"""
SUBXACTS = """DO $$ BEGIN FOR i IN 1..{n} LOOP BEGIN {do};
    EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$"""
SNAPSHOT = {True: "SELECT pg_log_standby_snapshot()", False: "CHECKPOINT"}


def run(server: Server) -> list[list[Path]]:
    """The whole workload; the WAL it made, as runs of segments that hang together."""
    online(server)
    insert = "PERFORM pg_current_xact_id(); INSERT INTO hh VALUES (i)"
    server.psql(SUBXACTS.format(n=33000, do=insert))
    server.psql("ALTER DATABASE template0 ALLOW_CONNECTIONS true; CHECKPOINT")
    _freeze(server)
    server.stop()
    server.start(max_connections=35, wal_log_hints="off", max_locks_per_transaction=70)
    server.psql("SELECT pg_switch_wal()")
    server.stop()
    _promote(server)
    _cut_record(server)
    saved = _saved(server, server.base / "first")
    if server.has_tool("pg_resetwal"):
        _far_ahead(server)
        saved += _saved(server, server.base / "second")
    return saved


def online(server: Server) -> None:
    """What clients do to the running server."""
    (server.base / "ts1").mkdir(mode=0o700)
    give(server.base / "ts1")
    new = server.major >= 15
    filled = {
        "base": server.base,
        "wal_log": "STRATEGY wal_log" if new else "",
        "file_copy": "STRATEGY file_copy" if new else "",
        "backup": "SELECT pg_backup_start('b', true); SELECT pg_backup_stop()" if new
        else "SELECT pg_start_backup('b', true, false); SELECT pg_stop_backup(false)",
    }
    for script in SCRIPTS:
        server.psql(script.format(**filled))
    if server.extension("bloom"):
        server.psql(BLOOM)
    _locks(server)
    _multixacts(server)


def give(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def _saved(server: Server, to: Path) -> list[list[Path]]:
    shutil.copytree(server.wal, to)
    for path in (to, *to.iterdir()):
        give(path)
    runs: dict[str, list[Path]] = {}
    for path in sorted(p for p in to.iterdir() if len(p.name) == 24):
        runs.setdefault(path.name[:8], []).append(path)
    return list(runs.values())


def _locks(server: Server) -> None:
    one = server.connect(autocommit=False)
    one.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE; CREATE TABLE lk(a int); SAVEPOINT a")
    one.execute("INSERT INTO lk VALUES (1); SAVEPOINT b; INSERT INTO lk VALUES (2)")
    server.psql("CHECKPOINT")
    server.psql(SNAPSHOT[server.major >= 16])
    one.rollback()
    one.execute(SUBXACTS.format(n=200, do="INSERT INTO t VALUES (110000 + i)"))
    server.psql("CHECKPOINT")
    one.rollback()
    one.close()


def _multixacts(server: Server) -> None:
    one, two = server.connect(autocommit=False), server.connect(autocommit=False)
    modes = ("FOR KEY SHARE", "FOR SHARE", "FOR NO KEY UPDATE")
    for mode in modes:
        one.execute("SELECT * FROM mx WHERE a < 50 FOR KEY SHARE")
        two.execute(f"SELECT * FROM mx WHERE a < 50 {mode}")
        one.commit()
        two.commit()
    one.execute("SELECT * FROM mx WHERE a < 50 FOR KEY SHARE")
    two.execute("UPDATE mx SET b = 1 WHERE a < 50")
    one.commit()
    two.commit()
    one.execute("SELECT * FROM mx FOR KEY SHARE")
    two.execute(SUBXACTS.format(n=2200, do="PERFORM * FROM mx WHERE a = i FOR SHARE"))
    one.commit()
    two.commit()
    one.close()
    two.close()


def _freeze(server: Server) -> None:
    for database in ("template0", "template1", "postgres"):
        server.psql("VACUUM (FREEZE)", database)


def _promote(server: Server) -> None:
    (server.data / "standby.signal").touch()
    give(server.data / "standby.signal")
    server.start()
    server.psql("SELECT pg_promote()")
    server.psql("INSERT INTO t VALUES (7777777); CHECKPOINT")
    server.stop()


def _cut_record(server: Server) -> None:
    """A record that begins in one segment and whose end is lost."""
    server.start()
    server.psql("SELECT pg_switch_wal(); CHECKPOINT")
    message = "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 900000))"
    server.psql(message)
    server.psql(message)
    last = server.psql("SELECT pg_walfile_name(pg_current_wal_insert_lsn())").strip()
    server.kill9()
    for path in server.segments():
        if path.name >= last:
            path.unlink()
    server.start()
    server.psql("INSERT INTO t VALUES (7777778); CHECKPOINT")
    server.stop()


def _far_ahead(server: Server) -> None:
    """Move the counters to the fourth segment of pg_xact and of the multixact offsets."""
    xid, multi = 3 * 32 * 32768 + 10, 3 * 65536 + 5
    server.run_tool("pg_resetwal", "-x", xid, "-m", f"{multi},{multi}", "-D", server.data)
    for name in ("pg_xact/0003", "pg_multixact/offsets/0003", "pg_multixact/members/0000",
                 f"pg_commit_ts/{xid // 819 // 32:04X}"):
        (server.data / name).write_bytes(bytes(32 * 8192))
        give(server.data / name)
    server.start()
    _freeze(server)
    server.psql("CHECKPOINT")
    _freeze(server)
    server.stop()
