"""Clusters in every state, tablespaces, encodings, settings; ls; the API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.installs import NOBODY
from tests.servers import Server

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parent.parent


def pgtool(*argv: object) -> tuple[int, bytes, str]:
    """(exit code, output, messages) of a command."""
    done = subprocess.run(
        [sys.executable, "-m", "pgtool", *map(str, argv)], cwd=ROOT, capture_output=True,
        check=False, env={k: v for k, v in os.environ.items() if not k.startswith("PG")},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr.decode()


def rows(*argv: object) -> list[dict[str, object]]:
    code, out, message = pgtool(*argv, "--format", "jsonl")
    assert code == 0, message
    return [json.loads(line) for line in out.splitlines()]


def test_states(make_cluster: Callable[..., Server]) -> None:
    server = make_cluster(18)
    server.psql("create table t as select generate_series(1, 10) as a; checkpoint")
    export = ("export", "-D", server.data, "-d", "postgres", "-t", "t")
    code, out, message = pgtool(*export)
    assert (code, out) == (3, b"") and "running" in message and message.count("\n") == 1
    code, out, message = pgtool(*export, "--inconsistent")
    assert code == 0 and len(out.splitlines()) == 10 and "warning" in message
    server.kill9()
    code, out, message = pgtool("ls", "-D", server.data)
    assert code == 0 and "crashed" in message and message.count("\n") == 1
    assert pgtool("ls", "-D", server.data, "--inconsistent")[0] == 0
    server.start()
    server.stop()
    assert pgtool(*export)[0] == 0
    (server.data / "backup_label").write_text("START WAL LOCATION: 0/2000028\n")
    code, out, message = pgtool(*export)
    assert code == 2 and "backup" in message
    (server.data / "backup_label").unlink()
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")
    assert pgtool(*export)[0] == 0  # a process, but not one of this directory
    (server.data / "postmaster.pid").unlink()
    (server.data / "standby.signal").touch()
    code, out, message = pgtool(*export)
    assert code == 0 and "standby.signal" in message
    assert pgtool("ls", "-D", server.base)[0] == 1


def test_a_relation_behind_the_wal(make_cluster: Callable[..., Server]) -> None:
    """A crash whose files are older than the WAL: replayed in memory, or read as they lie."""
    server = make_cluster(17)
    server.psql("create table t as select generate_series(1, 1000) as a")
    server.kill9()
    code, out, message = pgtool("export", "-D", server.data, "-d", "postgres", "-t", "t")
    assert code == 0 and "not at rest" in message and len(out.splitlines()) == 1000
    code, _out, message = pgtool(
        "export", "-D", server.data, "-d", "postgres", "--inconsistent", "-n", "pg_catalog",
        "-o", f"{server.base}/out/",
    )  # fmt: skip
    assert code in (0, 1, 2) and "Traceback" not in message


def test_tablespaces_and_databases(make_cluster: Callable[..., Server]) -> None:
    server = make_cluster(15)
    place = server.base / "space"
    place.mkdir()
    if os.geteuid() == 0:
        os.chown(place, NOBODY, NOBODY)
    server.psql(f"create tablespace space location '{place}'")
    server.psql("create database other tablespace space")
    server.psql("create table here (a int); insert into here values (1); "
                "create table there (b text) tablespace pg_default; "
                "insert into there select repeat('x', 5000)", "other")  # fmt: skip
    server.psql("create table moved (c int) tablespace space; insert into moved values (3)")
    sizes = dict(
        line.split("|") for line in
        server.psql("select datname, pg_database_size(oid) from pg_database").splitlines()
    )  # fmt: skip
    paths = server.psql(
        "select relname || '|' || pg_relation_filepath(oid) || '|' || pg_table_size(oid) "
        "from pg_class where relname in ('here', 'there')", "other",
    )  # fmt: skip
    server.stop()
    found = {str(row["name"]): row for row in rows("ls", "-D", server.data)}
    assert set(found) == set(sizes) and found["other"]["tablespace"] == "space"
    for name in ("other", "template0"):
        assert found[name]["size"] == int(sizes[name])
    listed = {row["name"]: row for row in rows("ls", "-D", server.data, "-d", "other")}
    for line in paths.splitlines():
        name, path, size = line.split("|")
        assert (listed[name]["path"], listed[name]["size"]) == (path, int(size))
        (owner,) = rows("ls", "-D", server.data, "--filenode", path)
        assert (owner["name"], owner["database"]) == (name, "other")
    for database, table, expected in (
        ("other", "here", b"1\n"), ("other", "there", b"x" * 5000 + b"\n"),
        ("postgres", "moved", b"3\n"),
    ):  # fmt: skip
        out = pgtool("export", "-D", server.data, "-d", database, "-t", table, "-q")
        assert out == (0, expected, "")


def test_encodings(make_cluster: Callable[..., Server]) -> None:
    server = make_cluster(16)
    words = {"LATIN1": "naïve ÿ", "EUC_JP": "日本語", "KOI8R": "привет", "SQL_ASCII": "plain"}
    copies = {}
    for encoding, word in words.items():
        server.psql(f"create database {encoding} encoding '{encoding}' template template0 "
                    "lc_collate 'C' lc_ctype 'C'")  # fmt: skip
        name = encoding.lower()
        with server.connect(name, client_encoding="UTF8") as connection:
            connection.execute("create table t (a text, j jsonb)")
            value = json.dumps([word], ensure_ascii=False)
            connection.execute("insert into t values (%s, %s::jsonb)", (word, value))
            connection.execute(f"set client_encoding to '{encoding}'")
            with connection.cursor().copy("copy t to stdout") as lines:
                copies[name] = b"".join(bytes(line) for line in lines)
    server.stop()
    for name, expected in copies.items():
        assert pgtool("export", "-D", server.data, "-d", name, "-t", "t", "-q")[1] == expected
        found = {row["name"]: row["encoding"] for row in rows("ls", "-D", server.data)}
        assert str(found[name]).lower() == name


def test_settings_of_the_cluster(make_cluster: Callable[..., Server]) -> None:
    conf = {"timezone": "America/New_York", "datestyle": "SQL, DMY", "intervalstyle": "iso_8601"}
    server = make_cluster(18, conf=conf)
    server.psql("create database d")
    server.psql("alter database d set bytea_output = 'escape'; "
                "alter database d set datestyle = 'German'")  # fmt: skip
    table = """create table t as select timestamptz '2024-07-01 12:00+00' as a,
        date '2024-02-03' as b, interval '1 day 2 hours' as c, '\\x00ff41'::bytea as d"""
    copies = {}
    for name in ("postgres", "d"):
        server.psql(table, name)
        with server.connect(name) as connection, connection.cursor().copy("copy t to stdout") as c:
            copies[name] = b"".join(bytes(line) for line in c)
    server.stop()
    for name, expected in copies.items():
        assert pgtool("export", "-D", server.data, "-d", name, "-t", "t", "-q")[1] == expected
    out = pgtool("export", "-D", server.data, "-d", "d", "-t", "t", "-q", "-c", "datestyle=ISO",
                 "-c", "timezone=UTC", "-c", "bytea_output=hex")[1]  # fmt: skip
    assert out == b"2024-07-01 12:00:00+00\t2024-02-03\tP1DT2H\t\\\\x00ff41\n"


def test_files_jobs_resume(make_cluster: Callable[..., Server], tmp_path: Path) -> None:
    import pyarrow.parquet

    server = make_cluster(17)
    server.psql("create table big as select g as id, repeat('y', 1000) as v "
                "from generate_series(1, 140000) g; "
                "create table small (a int, b numeric(10,2)); insert into small values (1, 2.5); "
                "create view w as select 1 as one; create schema odd; "
                "create table odd.acl as select relacl[1] as a from pg_class limit 1; "
                "create table odd.b as select 1 as b")  # fmt: skip
    server.stop()
    base = ("export", "-D", server.data, "-d", "postgres")
    for jobs in (1, 2):  # what fails for one relation does not keep the others
        code, _out, message = pgtool(
            *base, "-n", "odd", "--format", "binary", "-j", jobs, "-o", f"{tmp_path}/odd{jobs}/"
        )
        assert code == 1 and "error: odd.acl: " in message and "binary output" in message
        assert os.listdir(tmp_path / f"odd{jobs}") == ["odd.b.bin"]
    code, one, message = pgtool(*base, "-t", "big")
    assert code == 0 and "public.big: 140000 rows" in message
    assert pgtool(*base, "-n", "public", "-j", 2, "-o", f"{tmp_path}/out/")[0] == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["public.big.copy", "public.small.copy"]
    assert (tmp_path / "out/public.big.copy").read_bytes() == one
    (tmp_path / "out/public.small.copy").unlink()
    (tmp_path / "out/public.big.copy").write_bytes(b"kept")
    code, _out, message = pgtool(*base, "-n", "public", "--resume", "-o", f"{tmp_path}/out/")
    assert code == 0 and "big" not in message and "public.small: 1 row\n" in message
    assert (tmp_path / "out/public.big.copy").read_bytes() == b"kept"
    assert pgtool(*base, "-t", "small", "--format", "parquet", "-o", f"{tmp_path}/p")[0] == 0
    (row,) = pyarrow.parquet.read_table(tmp_path / "p").to_pylist()
    assert row == {"a": 1, "b": Decimal("2.50")}
    code, _out, message = pgtool(*base, "-t", "nosuch")
    assert code == 1 and 'no matching relations were found for "nosuch"' in message
    assert pgtool("export", "-D", server.data, "-d", "nosuch")[0] == 1
    assert pgtool(*base)[0] == 1  # two relations and one standard output


def test_api(make_cluster: Callable[..., Server]) -> None:
    import pgtool as package

    server = make_cluster(18)
    server.psql("create table t (a int, b text, c numeric); "
                "insert into t values (1, 'x', 1.50), (2, null, null); "
                "alter table t drop column b; alter table t add d bool default true")  # fmt: skip
    server.stop()
    with package.open(str(server.data)) as cluster:
        assert cluster.major == 18 and "postgres" in cluster.databases
        table = cluster["postgres"]["t"]
        assert [c.attname for c in table.columns] == ["a", "c", "d"]
        found = [(a, None if c is None else str(c), d) for a, c, d in table.rows()]
        assert found == [(1, "1.50", True), (2, None, True)]
        assert [list(batch["a"].values) for batch in table.batches(["a"])] == [[1, 2]]
        assert table.to_arrow(["d", "a"]).to_pylist() == [
            {"d": True, "a": 1}, {"d": True, "a": 2},
        ]  # fmt: skip
        assert cluster["postgres"].tables() == ["public.t"]
    with pytest.raises(Exception, match="closed"):
        next(table.rows())
