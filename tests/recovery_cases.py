"""Crashed clusters for the recovery tests: workloads that touch every resource manager, copies,
and the rows of every table as one text."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pgtool.catalog.cluster import Cluster
from pgtool.catalog.names import find_relation
from pgtool.commands.copy.export import Exporter, Options
from tests.servers import Server

CONF = {
    "max_wal_size": "1GB", "max_prepared_transactions": 10, "track_commit_timestamp": "on",
    "wal_log_hints": "on",
}  # fmt: skip
INITDB = ("--wal-segsize=1", "--data-checksums")

BEFORE = """
CREATE TABLE kept(a int PRIMARY KEY, b text);
INSERT INTO kept SELECT g, md5(g::text) FROM generate_series(1, 600) g;
CREATE UNLOGGED TABLE unlogged(a int); INSERT INTO unlogged SELECT generate_series(1, 50);
CREATE TABLE dropped(a int); INSERT INTO dropped VALUES (1);
CREATE TABLE cut(a int); INSERT INTO cut SELECT generate_series(1, 2000);
"""
INDEXES = """
CREATE TABLE ix(id int, t text, p point, i int[], r int4range);
CREATE INDEX ON ix USING hash (id); CREATE INDEX ON ix USING gist (p);
CREATE INDEX ON ix USING gist (r); CREATE INDEX ON ix USING spgist (t);
CREATE INDEX ON ix USING spgist (p); CREATE INDEX ON ix USING gin (i);
CREATE INDEX ON ix USING gin (i) WITH (fastupdate = off);
CREATE INDEX ON ix USING brin (id) WITH (pages_per_range = 1); CREATE INDEX ON ix (t);
CREATE INDEX ON ix ((id % 7));
INSERT INTO ix SELECT g, md5((g % 300)::text) || repeat('x', g % 40), point(g % 100, g / 50.0),
    ARRAY[g % 7, g % 100, g], int4range(g, g + g % 9 + 1) FROM generate_series(1, {rows}) g;
UPDATE ix SET t = t || 'y', p = point(id, id) WHERE id % 5 = 0;
DELETE FROM ix WHERE id % 3 = 0; VACUUM ix;
INSERT INTO ix SELECT g, NULL, point(g % 13, g), ARRAY[1, g % 3], NULL
    FROM generate_series(1, {rows} / 2) g;
UPDATE ix SET id = id + 1 WHERE id % 11 = 0;
DELETE FROM ix WHERE id < {rows} / 2; VACUUM ix; DELETE FROM ix WHERE id % 2 = 0; VACUUM ix;
INSERT INTO ix SELECT g, md5(g::text), point(g % 100, g / 50.0), ARRAY[g % 7, g % 100, g],
    int4range(g, g + g % 9 + 1) FROM generate_series(1, {rows} / 2) g;
VACUUM (FREEZE) ix;
"""
AFTER = """
UPDATE kept SET b = b || 'z' WHERE a % 3 = 0; DELETE FROM kept WHERE a % 10 = 0;
DROP TABLE dropped; INSERT INTO unlogged SELECT generate_series(1, 50);
DELETE FROM cut WHERE a > 100; VACUUM cut; CREATE TABLE gone AS SELECT 1 AS a; DROP TABLE gone;
CREATE TABLE big(a int, b text); ALTER TABLE big ALTER b SET STORAGE EXTERNAL;
INSERT INTO big SELECT g, repeat(md5(g::text), 300) FROM generate_series(1, 10) g;
CREATE SEQUENCE sq; SELECT nextval('sq') FROM generate_series(1, 40);
CREATE TABLE tr AS SELECT 1 AS a; TRUNCATE tr; INSERT INTO tr VALUES (2);
VACUUM FULL pg_class; REINDEX TABLE pg_attribute;
BEGIN; INSERT INTO kept VALUES (7001); SAVEPOINT a; INSERT INTO kept VALUES (7002);
ROLLBACK TO a; SAVEPOINT b; INSERT INTO kept VALUES (7003); COMMIT;
BEGIN; SELECT * FROM kept WHERE a < 5 FOR SHARE; SAVEPOINT s;
SELECT * FROM kept WHERE a < 3 FOR UPDATE; COMMIT;
BEGIN; INSERT INTO tr VALUES (3); SAVEPOINT a; INSERT INTO tr VALUES (4);
PREPARE TRANSACTION 'pending';
BEGIN; INSERT INTO kept VALUES (8001); PREPARE TRANSACTION 'done'; COMMIT PREPARED 'done';
"""
_LIST = """SELECT quote_ident(n.nspname) || '.' || quote_ident(relname) FROM pg_class c
    JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'm', 'S', 't') ORDER BY 1"""
_NAME = re.compile(r"^-- (\S+)$", re.M)


def crash(server: Server, rows: int = 200) -> None:
    """A workload after a checkpoint, an open transaction, and the end of every process."""
    server.psql(BEFORE)
    server.psql("CREATE DATABASE other")
    server.psql("CHECKPOINT")
    server.psql(INDEXES.format(rows=rows))
    server.psql(AFTER)
    server.psql("CREATE TABLE there(a int); INSERT INTO there VALUES (1)", "other")
    if server.major >= 15:  # by WAL; a copy of files would make a checkpoint
        server.psql("CREATE DATABASE logged TEMPLATE other")
    session = server.connect(autocommit=False)
    session.execute("INSERT INTO kept VALUES (-1)")
    session.execute("CREATE TABLE never(a int)")
    server.kill9()


def twin(server: Server, name: str) -> Path:
    """A copy of a stopped server's directory, owner and modes kept."""
    path = server.base / name
    subprocess.run(["cp", "-a", str(server.data), str(path)], check=True)
    return path


def on_copy(server: Server, path: Path) -> Server:
    """A server on a copy of another one's directory, in its own place."""
    out = Server(server.major)
    shutil.rmtree(out.data, ignore_errors=True)
    subprocess.run(["cp", "-a", str(path), str(out.data)], check=True)
    out.configure({"unix_socket_directories": str(out.base), "log_min_messages": "log"})
    return out


def tables_of(server: Server, db: str) -> list[str]:
    """Every table, sequence and TOAST table of a database."""
    return server.psql(_LIST, db).split()


def server_rows(server: Server, db: str = "postgres") -> dict[str, list[str]]:
    """The rows of every table as COPY text, sorted."""
    script = "".join(
        f"\\qecho -- {t}\nCOPY (SELECT * FROM {t}) TO STDOUT;\n" for t in tables_of(server, db)
    )
    parts = _NAME.split(server.psql(script, db))[1:]
    return {
        name: sorted(text.removeprefix("\n").splitlines())
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def our_rows(path: Path, db: str, names: list[str]) -> dict[str, list[str]]:
    """The same through the exporter, over whatever state the directory is in."""
    database = Cluster(str(path)).database(db)
    exporter = Exporter(database, Options("copy", False, False, False, False, {}))
    out = {}
    for name in names:
        buffer = io.BytesIO()
        exporter.run(find_relation(database, name), buffer)
        out[name] = sorted(buffer.getvalue().decode().splitlines())
    return out


def recover(path: Path, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """``pgtool recover`` on a directory."""
    done = subprocess.run(
        [sys.executable, "-m", "pgtool", "recover", "-D", str(path), *args],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stderr
    return done


def digest(path: Path) -> str:
    """One hash over names and contents of all files."""
    out = hashlib.sha256()
    for directory, _names, files in sorted(os.walk(path)):
        for name in sorted(files):
            full = Path(directory) / name
            out.update(str(full.relative_to(path)).encode())
            out.update(full.read_bytes())
    return out.hexdigest()
