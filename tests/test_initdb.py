"""`pgtool initdb` beside the real one: the same catalogs, and a server that finds nothing wrong."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from formats.derive import offset_of
from formats.page import PageHeaderData
from formats.units import BLCKSZ
from pgtool.catalog.cluster import Cluster
from pgtool.catalog.genesis.declared import read_text, views
from pgtool.catalog.genesis.stored import read_trees
from pgtool.functions.session import Session
from pgtool.storage import page as bufpage
from tests.conftest import need
from tests.initdb_compare import Catalogs, differences
from tests.installs import run_as
from tests.make_initdb_data import ROWS, TEXTS, Facts, table_of
from tests.make_initdb_statistics import OPTIONS, statistics
from tests.make_initdb_trees import make, sections
from tests.own_cluster import ROOT, initdb, own_cluster
from tests.servers import Server, cluster

SAME = ("--locale=C", "-E", "UTF8")
EXTENSIONS = (
    "amcheck", "hstore", "pg_trgm", "btree_gist", "pgcrypto", "postgres_fdw", "uuid-ossp",
    "citext", "ltree", "intarray", "pageinspect", "pg_stat_statements", "unaccent",
)  # fmt: skip
#: Bodies in SQL that are text: they are worded in our own way.
WORDED = {"quote_literal", "quote_nullable", "textanycat", "anytextcat"}
#: Views whose rows tell of the running server, of its files, or of what comes later.
LIVE = ("pg_stat", "pg_shmem", "pg_backend_memory", "pg_locks", "pg_settings", "pg_file_settings",
        "pg_hba_file_rules", "pg_aios")  # fmt: skip
SETTINGS = ("lc_", "datestyle", "default_text_search_config")
OBJECTS = Path(__file__).parent / "initdb" / "objects.sql"
CALLS = Path(__file__).parent / "initdb" / "calls.sql"


@pytest.fixture(scope="module")
def ours() -> Iterator[Server]:
    need(18)
    with own_cluster(*SAME) as server:
        yield server


@pytest.fixture(scope="module")
def theirs() -> Iterator[Server]:
    need(18)
    with cluster(18, initdb_args=SAME) as server:
        yield server


def test_catalogs_are_those_of_the_real_initdb(ours: Server, theirs: Server) -> None:
    for database in ("template1", "postgres"):
        with ours.connect(database) as mine, theirs.connect(database) as real:
            found = differences(Catalogs(mine), Catalogs(real))
        assert [line for line in found if not WORDED & set(line.replace("=", " ").split())] == []


def test_server_finds_nothing_wrong(theirs: Server) -> None:
    with own_cluster(*SAME) as server:
        for database in ("template1", "postgres"):
            server.extension("amcheck", database)
        server.run_tool("pg_amcheck", "-h", server.base, "-p", server.port, "-U", "postgres",
                        "--all", "--heapallindexed", "--parent-check", "--rootdescend")
        for extension in EXTENSIONS:
            server.extension(extension)
        server.psql("create database a strategy wal_log; create database b strategy file_copy;"
                    "create database c template template0")
        for database in "abc":
            server.psql("create table t(a int primary key, b text); insert into t select i, i"
                        " from generate_series(1, 900) i; vacuum analyze; reindex system", database)
        server.run_tool("pg_amcheck", "-h", server.base, "-p", server.port, "-U", "postgres",
                        "--all", "--install-missing", "--heapallindexed", "--parent-check",
                        "--rootdescend")
        log = server.tail()
        server.stop()
        server.run_tool("pg_checksums", "--check", "-D", server.data)
    assert not [line for line in log.splitlines() if " LOG: " not in line]


def test_indexes_are_those_that_the_server_builds() -> None:
    """REINDEX makes the same pages, but for LSNs and what lies in holes."""
    need(18)
    query = ("select c.oid, c.oid::regclass::text from pg_class c join pg_index"
             " on indexrelid = c.oid where not relisshared and indrelid <> 'pg_class'::regclass")
    path = "select pg_relation_filepath(%s::oid)"
    with own_cluster(*SAME) as server, server.connect("template1") as connection:
        found = connection.execute(query).fetchall()
        made = []
        for _ in range(2):
            paths = [connection.execute(path, (oid,)).fetchone()[0] for oid, _name in found]
            made.append([_pages(server.data / name) for name in paths])
            connection.execute("; ".join(f"reindex index {name}" for _oid, name in found))
            connection.execute("checkpoint")
    differ = [name for (_, name), a, b in zip(found, *made) if a != b]
    assert differ == [] and len(found) > 100


def _pages(path: Path) -> list[bytes]:
    """The pages without LSN and checksum, holes cleared."""
    data, out = path.read_bytes(), []
    for at in range(0, len(data), BLCKSZ):
        page = data[at : at + BLCKSZ]
        lower, upper, _special = bufpage.bounds(page)
        out.append(page[offset_of(PageHeaderData, "pd_flags") : lower] + page[upper:])
    return out


def test_pg_dumpall_is_the_real_one(ours: Server, theirs: Server) -> None:
    dumps = []
    for server in (ours, theirs):
        out = server.run_tool("pg_dumpall", "-h", server.base, "-p", server.port, "-U", "postgres")
        dumps.append([line for line in out.decode().splitlines()
                      if not line.startswith(("\\restrict", "\\unrestrict"))])  # fmt: skip
    assert dumps[0] == dumps[1]


@pytest.mark.parametrize("command", [
    r"\du", r"\dC", r"\db", r"\dAc btree", r"\df pg_catalog.lpad", r"\d+ pg_class",
    r"\sf lpad(text,int)", r"\d pg_stats", r"\dS pg_proc", r"\drds", r"\dp pg_catalog.*",
])  # fmt: skip
def test_psql_says_the_same(ours: Server, theirs: Server, command: str) -> None:
    mine, real = (server.psql(command) for server in (ours, theirs))
    assert mine == real


@pytest.mark.parametrize("command", [
    r"\d+ pg_stats", r"\dt+ pg_catalog.*", r"\dn+", r"\do pg_catalog.||", r"\dx", r"\dL", r"\l+",
    r"\dT+ pg_catalog.*", r"\df+ pg_catalog.*", r"\dO pg_catalog.*", r"\dF pg_catalog.*",
])  # fmt: skip
def test_psql_has_something_to_say(ours: Server, command: str) -> None:
    """Where descriptions and sizes of ours are told."""
    assert ours.psql(command).strip()


def test_views_and_functions_answer_the_same(ours: Server, theirs: Server) -> None:
    queries = [
        f"select {', '.join(f'{c.name}::text' for c in view.columns)} from pg_catalog.{view.name}"
        for view in views()
        if not view.name.startswith(LIVE)
    ]  # fmt: skip
    queries += [f"select ({line})::text" for line in CALLS.read_text().splitlines() if line]
    found = []
    for server in (ours, theirs):
        server.psql(OBJECTS.read_text())
        with server.connect() as connection:
            connection.execute("set timezone = 'Europe/Berlin'")
            answers = {q: {_own(row) for row in connection.execute(q)} for q in queries}
            connection.execute("update pg_settings set setting = '9MB' where name = 'work_mem'")
            answers["work_mem"] = set(connection.execute("show work_mem"))
        found.append(answers)
    for query, rows in found[0].items():
        assert rows - {None} == found[1][query] - {None}, query


def _own(row: tuple[str | None, ...]) -> tuple[str | None, ...] | None:
    """A row without what is not to be compared: OIDs at run time, salted passwords."""
    if "information_schema" in row or row[:1] == ("pg_catalog",):
        return None
    return tuple(
        None if v is not None and (v.startswith("SCRAM") or (v.isdigit() and int(v) >= 12000))
        else v
        for v in row
    )  # fmt: skip


def test_every_view_can_be_read(ours: Server) -> None:
    with ours.connect() as connection:
        for view in views():
            query = f"select * from pg_catalog.{view.name} limit 0"
            got = connection.execute(query).description
            assert [c.name for c in got] == [c.name for c in view.columns]


def test_statistics_are_what_analyze_finds() -> None:
    need(18)
    with own_cluster(*OPTIONS, start=False) as server:
        before = statistics(server.data)
        server.start()
        server.psql("analyze", "template1")
        server.stop()
        assert statistics(server.data) == before


def test_stored_queries_are_what_their_texts_say(tmp_path: Path) -> None:
    """trees.bin is made of views.sql, functions.sql and function_defaults.txt as they are."""
    with cluster(18, start=False, initdb_args=SAME) as server:
        shutil.copytree(server.data, tmp_path / "data")
    made = make(Session.open(Cluster(str(tmp_path / "data")), "template1"))
    assert json.loads(json.dumps(made)) == read_trees()


def test_the_server_makes_the_same_trees(ours: Server) -> None:
    """CREATE VIEW with the texts of ours stores, letter for letter, what initdb stored."""
    tree = "select ev_action::text from pg_rewrite where rulename = '_RETURN' and ev_class = %s"
    with ours.connect() as connection:
        texts = dict(sections(read_text("views.sql"), r"^-- (pg_\w+)$"))
        for view in views():
            if any(column.type == "anyarray" for column in view.columns):
                continue  # which no user may have in a view
            names = ", ".join(column.name for column in view.columns)
            connection.execute(f"create temp view again ({names}) as {texts[view.name]}")
            query = f"{tree}::regclass"
            made = connection.execute(query, ("again",)).fetchone()
            assert made == connection.execute(query, (f"pg_catalog.{view.name}",)).fetchone()
            connection.execute("drop view again")


def test_facts_are_those_of_the_server(theirs: Server) -> None:
    """The files of facts are what their script finds."""
    with theirs.connect("template1") as connection:
        facts = Facts(connection)
        for name, where in ROWS.items():
            assert table_of(facts, name, where) == read_text(f"{name}.tsv"), name
        for name, found in TEXTS.items():
            assert found(facts) == read_text(name), name


# -- options ---------------------------------------------------------------------------------


def test_password_and_authentication() -> None:
    need(18)
    import psycopg

    with own_cluster(start=False) as server:
        data = server.base / "second"
        data.mkdir()
        os.chown(data, *_owner(server.data))
        secret = server.base / "secret"
        secret.write_text("grüße ½\nmore\n")
        made = initdb("-D", data, "-U", "dba", "-A", "scram-sha-256", "--pwfile", secret,
                      "--no-sync", "--wal-segsize=1", "-c", "max_connections=25")
        assert made.returncode == 0, made.stderr
        assert "warning" not in made.stderr
        server.data = data
        server.configure({"unix_socket_directories": str(server.base), "listen_addresses": ""})
        server.start()
        where = {"host": str(server.base), "port": 5432, "user": "dba", "dbname": "postgres"}
        with psycopg.connect(password="grüße ½", **where) as connection:
            row = connection.execute("select current_setting('max_connections'),"
                                     " current_setting('wal_segment_size')").fetchone()
            assert row == ("25", "1MB")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(password="other", **where)


def _owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid


@pytest.mark.parametrize("options", [
    ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"),
    ("--locale-provider=builtin", "--locale=C", "-E", "LATIN1", "--no-data-checksums"),
    ("--locale=C.UTF-8", "--lc-messages=C"),
])  # fmt: skip
def test_locales(options: tuple[str, ...]) -> None:
    need(18)
    query = ("select datname, encoding, datlocprovider::text, datcollate, datctype, datlocale,"
             " datcollversion from pg_database order by 1")  # fmt: skip
    settings = ("select name, setting from pg_settings where name ~ '^lc_|checksums|text_search'"
                " order by 1")
    sorts = "select c from unnest(array['b', 'B', 'a', '_']) c order by c"
    found = []
    real = tuple("--no-data-checksums" if o == "--no-data-checksums" else o for o in options)
    with own_cluster(*options) as mine, cluster(18, start=False) as theirs:
        theirs.data = theirs.base / "other"
        theirs.run_tool("initdb", "-D", theirs.data, "-U", "postgres", "--no-sync", *real)
        theirs.configure({"unix_socket_directories": str(theirs.base), "listen_addresses": ""})
        theirs.start()
        for server in (mine, theirs):
            with server.connect() as connection:
                found.append([connection.execute(q).fetchall() for q in (query, settings, sorts)])
    assert found[0] == found[1]


def test_group_access_and_waldir(tmp_path: Path) -> None:
    wal = tmp_path / "wal"
    made = initdb("-D", tmp_path / "new" / "d", "-X", wal, "-g", "--no-sync")
    assert made.returncode == 0, made.stderr
    data = tmp_path / "new" / "d"
    assert (data / "pg_wal").is_symlink()
    assert (wal / "000000010000000000000001").stat().st_size == 16 << 20
    for path in (data, wal, data / "base" / "1", wal / "summaries"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o750
    for path in (data / "PG_VERSION", data / "global" / "pg_control", data / "base/5/1259"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "log_file_mode = 0640" in (data / "postgresql.conf").read_text()


@pytest.mark.parametrize(("options", "message"), [
    (("--wal-segsize=3",), "power of two"),
    (("-U", "pg_me"), 'cannot begin with "pg_"'),
    (("-A", "nonsense"), 'invalid authentication method "nonsense"'),
    (("-A", "md5"), "must specify a password"),
    (("--locale=nn_XX",), 'invalid locale name "nn_XX"'),
    (("-E", "EBCDIC"), '"EBCDIC" is not a valid server encoding name'),
    (("--locale=C.UTF-8", "-E", "LATIN1"), "encoding mismatch"),
    (("--locale-provider=builtin", "--locale=C.UTF-8", "-E", "SQL_ASCII"),
     'requires encoding "UTF-8"'),
    (("-c", "work_memory=1",), 'unrecognized configuration parameter "work_memory"'),
    (("-c", "work_mem=lots",), 'invalid value for parameter "work_mem"'),
    (("-X", "relative",), "must be an absolute path"),
    (("--builtin-locale=C",), "--builtin-locale cannot be specified"),
])  # fmt: skip
def test_refusals_leave_nothing(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    made = initdb("-D", tmp_path / "d", "--no-sync", *options)
    assert made.returncode == 1
    assert message in made.stderr
    assert made.stderr.count("\n") == 1
    assert not (tmp_path / "d").exists()


def test_directory_must_be_empty(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    made = initdb("-D", tmp_path, "--no-sync")
    assert made.returncode == 1
    assert "exists but is not empty" in made.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    empty, wal = tmp_path / "empty", tmp_path / "wal"
    empty.mkdir()
    wal.mkdir()
    (wal / "x").touch()
    made = initdb("-D", empty, "-X", wal, "--no-sync")
    assert made.returncode == 1
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize("there", [False, True])
def test_a_failed_write_leaves_nothing(tmp_path: Path, there: bool) -> None:
    """A file system that takes no file as large as a WAL segment."""
    data, wal = tmp_path / "up" / "d", tmp_path / "wal"
    if there:
        data.mkdir(parents=True)
    run = subprocess.run(
        [sys.executable, "-m", "pgtool", "initdb", "-D", data, "-X", wal, *SAME], cwd=ROOT,
        capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20)),
    )  # fmt: skip
    assert run.returncode == 1
    assert "File too large" in run.stderr and run.stderr.count("\n") == 1
    assert not wal.exists()
    assert (list(data.iterdir()) == []) if there else not (tmp_path / "up").exists()


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_nothing(tmp_path: Path, kind: signal.Signals) -> None:
    data = tmp_path / "d"
    process = subprocess.Popen(
        [sys.executable, "-m", "pgtool", "initdb", "-D", data, "--no-sync", *SAME], cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    while not (data / "base" / "5").exists() and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(kind)
    _out, errors = process.communicate()
    if process.returncode:  # it was not done already
        assert (process.returncode, errors.strip()) == (130, b"pgtool: interrupted")
        assert not data.exists()


def test_locales_of_the_machine(tmp_path: Path) -> None:
    """Collations are those that the real initdb finds, their aliases and versions too."""
    need(18)
    if shutil.which("localedef") is None or not Path("/usr/share/i18n/locales/de_DE").exists():
        pytest.skip("no sources of locales here")
    with own_cluster(start=False) as place:
        made = {"de_DE.utf8": ("de_DE", "UTF-8"), "de_DE": ("de_DE", "ISO-8859-1"),
                "de_DE@euro": ("de_DE@euro", "ISO-8859-15"), "ja_JP.eucjp": ("ja_JP", "EUC-JP")}
        there = place.base / "locales"
        there.mkdir()
        for name, (source, charmap) in made.items():
            subprocess.run(["localedef", "-i", source, "-f", charmap, there / name], check=False,
                           stderr=subprocess.DEVNULL)
        program = there / "locale"
        lines = "\\n".join(["C", "C.utf8", "POSIX", *made, "xx_XX", "bokm\\345l"])
        program.write_text(f"#!/bin/sh\nprintf '{lines}\\n'\n")
        subprocess.run(["chmod", "-R", "a+rX,a+x", there], check=True)
        env = {"LOCPATH": str(there), "PATH": f"{there}:{os.environ['PATH']}"}
        found = []
        for who in ("ours", "real"):
            data = place.base / who
            data.mkdir()
            os.chown(data, *_owner(place.data))
            args = ["-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "--locale=de_DE"]
            if who == "ours":
                assert initdb(*args, env=env).returncode == 0
            else:
                subprocess.run([place.tool("initdb"), *map(str, args)], check=True,
                               env=place.install.env() | env, stdout=subprocess.DEVNULL,
                               **run_as())
            found.append(_collations(place, data, env))
    assert found[0] == found[1]
    assert len(found[0][0]) == 3 + len(made) + len(("de_DE", "ja_JP"))


def _collations(place: Server, data: Path, env: dict[str, str]) -> tuple[object, ...]:
    """What a server on a directory says of collations and locales, and its settings."""
    script = ("select string_agg((collname, collencoding, collcollate, collctype, collversion)"
              "::text, '|' order by collname, collencoding) from pg_collation"
              " where collprovider = 'c'\n"
              "select string_agg((datname, encoding, datcollate, datcollversion)::text, '|'"
              " order by datname) from pg_database\n")
    run = subprocess.run(
        [place.tool("postgres"), "--single", "-D", data, "postgres"], input=script, text=True,
        env=place.install.env() | env, check=True, capture_output=True, **run_as())
    answers = re.findall(r'string_agg = "(.*)"\t', run.stdout)
    conf = [line.partition("#")[0].replace("'", "").split() for line in
            (data / "postgresql.conf").read_text().splitlines()]
    settings = [words for words in conf if words and words[0].startswith(SETTINGS)]
    return answers[0].split("|"), answers, settings


def test_pgtool_reads_what_it_made(tmp_path: Path) -> None:
    import pgtool

    assert initdb(tmp_path / "d", "--no-sync", *SAME).returncode == 0
    with pgtool.connect(str(tmp_path / "d"), dbname="postgres") as connection:
        cursor = connection.cursor()
        cursor.execute("select count(*), lpad('x', 3) from pg_views where viewname ~ '^pg_'")
        assert cursor.fetchall() == [(len(views()), "  x")]
