"""The small files of a data directory, and the commands that show them, beside the real tools.

One cluster of each major goes through a workload that sets every area; what its server
says is kept, then it is stopped and everything is compared with its files.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from formats import (
    backup,
    control,
    fsm,
    pgstat,
    postmaster,
    relmap,
    sequence,
    slot,
    slru,
    timeline,
    twophase,
    vm,
)
from formats.errors import CorruptData, PgtoolError
from formats.page import PageHeaderData
from formats.units import BLCKSZ
from tests import servers
from tests.installs import MAJORS, find_install, run_as

ROOT = Path(__file__).resolve().parent.parent
CONF = {
    "track_commit_timestamp": "on", "max_prepared_transactions": 5, "wal_level": "logical",
    "max_replication_slots": 5, "allow_in_place_tablespaces": "on",
}  # fmt: skip


def pgtool(*args: object, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command line; its output must never be a traceback."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PGDATA", "PGDATABASE")}
    done = subprocess.run(
        [sys.executable, "-m", "pgtool", *map(str, args)],
        cwd=ROOT, capture_output=True, env={**clean, **env}, check=False,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def rows(*args: object) -> list[list[str]]:
    """The rows that a command prints, without their heading."""
    done = pgtool(*args, "--format", "csv")
    assert done.returncode == 0, done.stderr.decode()
    return list(csv.reader(done.stdout.decode().splitlines()))[1:]


@dataclass
class Loaded:
    """A stopped cluster and what its server said."""

    server: servers.Server
    facts: dict[str, list[list[str]]] = field(default_factory=dict)
    pid_file: bytes = b""
    oid: int = 0
    copies: Path = Path()

    @property
    def data(self) -> Path:
        return self.server.data

    def tool(self, name: str) -> tuple[Path, dict[str, str]]:
        """A program of this major; 15's where 14 comes without."""
        for major in (self.server.major, 15 if self.server.major == 14 else self.server.major):
            install = find_install(major)
            if install is not None and (install.bin / name).exists():
                return install.bin / name, install.env()
        pytest.skip(f"no {name} here")

    def real(self, name: str, *args: object, **env: str) -> subprocess.CompletedProcess[bytes]:
        """Run a real tool."""
        program, environment = self.tool(name)
        return subprocess.run(
            [str(program), *map(str, args)],
            env={**environment, **env}, capture_output=True, check=False, **run_as(),
        )  # type: ignore[call-overload]  # fmt: skip

    def copy(self, name: str) -> Path:
        """A copy of the directory that a test may damage."""
        target = self.copies / name
        subprocess.run(["cp", "-a", str(self.data), str(target)], check=True)
        return target


SETUP = """
CREATE TABLE t (a int PRIMARY KEY, b int);
INSERT INTO t SELECT g, g FROM generate_series(1, 200) g;
CREATE TABLE big AS SELECT g AS a, repeat('x', 100) AS b FROM generate_series(1, 20000) g;
CREATE SEQUENCE seq; SELECT nextval('seq');
BEGIN; UPDATE t SET b = 1 WHERE a = 1; SAVEPOINT s; UPDATE t SET b = 2 WHERE a = 2;
SAVEPOINT q; UPDATE t SET b = 3 WHERE a = 3; ROLLBACK TO s; UPDATE t SET b = 7 WHERE a = 7; COMMIT;
BEGIN; UPDATE t SET b = 3; ROLLBACK;
SELECT pg_create_physical_replication_slot('phys', true);
SELECT pg_create_logical_replication_slot('logi', 'pgoutput', false);
SELECT pg_replication_origin_create('o1');
SELECT pg_replication_origin_session_setup('o1');
BEGIN; SELECT pg_replication_origin_xact_setup('0/123', '2020-02-03 04:05:06.789+00');
INSERT INTO t VALUES (1000, 1); COMMIT;
"""
PREPARE = """
BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM t; INSERT INTO t VALUES (2000, 1);
SAVEPOINT x; DELETE FROM t WHERE a = 5; CREATE TABLE tt (x int); PREPARE TRANSACTION 'my gid';
"""
QUERIES = {
    "shared map": "SELECT oid, relname, pg_relation_filenode(oid) FROM pg_class WHERE "
    "relfilenode = 0 AND relkind IN ('r','i','t') AND relisshared ORDER BY 1",
    "local map": "SELECT oid, relname, pg_relation_filenode(oid) FROM pg_class WHERE "
    "relfilenode = 0 AND relkind IN ('r','i','t') AND NOT relisshared ORDER BY 1",
    "xact": "SELECT x, pg_xact_status(x::text::xid8) FROM generate_series(3, "
    "txid_current() - 1) x ORDER BY 1",
    "commit_ts": "SELECT x, c.* FROM generate_series(3, txid_current() - 1) x, "
    "pg_xact_commit_timestamp_origin(x::text::xid) c WHERE c.timestamp IS NOT NULL ORDER BY 1",
}
MAPS = {
    "visibility_map": "SELECT * FROM pg_visibility_map('big') ORDER BY 1",
    "visibility": "SELECT * FROM pg_visibility('big') ORDER BY 1",
    "summary": "SELECT * FROM pg_visibility_map_summary('big')",
    "freespace": "SELECT * FROM pg_freespace('big') ORDER BY 1",
}


def _lock(server: servers.Server, sql: str, seconds: float) -> threading.Thread:
    def work() -> None:
        with server.connect(autocommit=False) as connection:
            connection.execute(sql)
            time.sleep(seconds)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def _workload(out: Loaded) -> None:
    server = out.server
    server.psql(SETUP)
    server.psql("DELETE FROM big WHERE a % 3 = 0 AND a < 9000")
    server.psql("VACUUM big")
    server.psql("VACUUM (FREEZE) t")
    server.psql("UPDATE big SET b = '' WHERE a BETWEEN 15000 AND 15010")
    threads = [
        _lock(server, f"SELECT 1 FROM t WHERE a = 10 FOR {mode}", 0.6)
        for mode in ("KEY SHARE", "SHARE", "KEY SHARE")
    ]
    threads.append(_lock(server, "SELECT 1 FROM t WHERE a = 11 FOR KEY SHARE", 0.6))
    time.sleep(0.3)
    server.psql("UPDATE t SET b = 5 WHERE a = 11")
    for thread in threads:
        thread.join()
    if server.major > 14:
        server.psql("CREATE TABLESPACE sp LOCATION ''")
        server.psql("CREATE TABLE moved TABLESPACE sp AS SELECT generate_series(1, 3000) AS a")
    server.psql(PREPARE)
    server.psql("CHECKPOINT")
    out.oid = int(server.psql("SELECT oid FROM pg_database WHERE datname = 'postgres'"))
    _ask(out)
    out.facts["paths"] = [
        [name, str(server.path_of(name).relative_to(server.data))]
        for name in ("big", "t", "seq", "t_pkey")
    ]
    out.pid_file = (server.data / "postmaster.pid").read_bytes()


def _ask(out: Loaded) -> None:
    server = out.server
    with server.connect() as connection:
        connection.execute("SET timezone = 'UTC'")

        def ask(sql: str) -> list[list[str]]:
            def text(cell: Any) -> str:
                if isinstance(cell, bool):
                    return "t" if cell else "f"
                return "" if cell is None else str(cell)

            return [[text(cell) for cell in row] for row in connection.execute(sql).fetchall()]

        for name, sql in QUERIES.items():
            out.facts[name] = ask(sql)
        stop = int(ask("SELECT next_multixact_id FROM pg_control_checkpoint()")[0][0])
        out.facts["multixact"] = [
            [str(multi), *row]
            for multi in range(1, stop)
            for row in ask(f"SELECT * FROM pg_get_multixact_members('{multi}')")
        ]
        assert len(out.facts["multixact"]) >= 4
        if server.extension("pg_visibility") and server.extension("pg_freespacemap"):
            for name, sql in MAPS.items():
                out.facts[name] = ask(sql)


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Loaded]]:
    ready: dict[int, Loaded] = {}

    def get(major: int) -> Loaded:
        if find_install(major) is None:
            pytest.skip(f"no PostgreSQL {major} here")
        if major not in ready:
            server = servers.Server(major)
            out = ready[major] = Loaded(server)
            conf = {k: v for k, v in CONF.items() if major > 14 or not k.startswith("allow_in")}
            server.initdb("--data-checksums", conf=conf)
            server.start()
            _workload(out)
            server.stop()
            out.copies = server.base / "copies"
            out.copies.mkdir()
            if os.geteuid() == 0:
                shutil.chown(out.copies, "nobody", "nogroup")
        return ready[major]

    yield get
    for loaded in ready.values():
        loaded.server.close()


@pytest.fixture(params=MAJORS, ids=[f"pg{m}" for m in MAJORS])
def loaded(request: pytest.FixtureRequest, clusters: Callable[[int], Loaded]) -> Loaded:
    return clusters(request.param)


# -- formats


@pytest.mark.server
def test_every_file_comes_back_the_same(loaded: Loaded) -> None:
    major, data = loaded.server.major, loaded.data
    raw = (data / control.CONTROL_FILE).read_bytes()
    found_major, fields = control.parse(raw)
    assert found_major == major
    assert control.build(major, fields) == raw == control.build(major, fields, crc=True)
    maps = list(data.rglob(relmap.RELMAPPER_FILENAME))
    assert len(maps) >= 4
    for path in maps:
        assert relmap.build(relmap.parse(path.read_bytes())) == path.read_bytes()
    for area in slru.AREAS:
        for path in (data / area.directory).iterdir():
            segment = area.segment_of(path.name, major)
            assert segment is not None and area.path(segment, major) == str(path.relative_to(data))
            page = path.read_bytes()[:BLCKSZ]
            if area.page is not None:
                assert area.page.build(area.page.parse(page)) == page
    states = list((data / twophase.TWOPHASE_DIR).iterdir())
    assert len(states) == 1
    raw = states[0].read_bytes()
    state = twophase.parse(raw, major)
    assert twophase.build(state, major) == raw == twophase.build(state, major, crc=True)
    assert twophase.file_name(state.xid, major) == str(states[0].relative_to(data))
    for entry in state.records:
        layout = twophase.module_layout(entry.rmid, entry.data)
        if layout is not None:
            assert layout.build(layout.parse(entry.data)) == entry.data
    assert {entry.rmid for entry in state.records} == {0, 1, 2, 3, 4}
    slots = sorted((data / slot.SLOT_DIRECTORY).glob("*/state"))
    assert [slot.text(slot.parse(path.read_bytes()).name) for path in slots] == ["logi", "phys"]
    for path in slots:
        raw = path.read_bytes()
        found = slot.parse(raw)
        assert found.version == slot.SLOT_VERSION[major]
        assert slot.build(found) == raw == slot.build(found, crc=True)
    lock = postmaster.parse_pid(loaded.pid_file)
    assert lock.render() == loaded.pid_file
    assert (lock.data_dir, lock.port, lock.status) == (str(data), loaded.server.port, "ready")
    raw = (data / postmaster.POSTMASTER_OPTS).read_bytes()
    assert postmaster.parse_opts(raw).render() == raw
    assert postmaster.parse_opts(raw).arguments[:2] == ("-D", str(data))


@pytest.mark.server
def test_statistics_come_back_the_same(loaded: Loaded) -> None:
    major = loaded.server.major
    paths = list((loaded.data / "pg_stat").glob("*.stat"))
    assert paths
    for path in paths:
        raw = path.read_bytes()
        found = pgstat.parse(raw, major)
        assert pgstat.build(found, major) == raw
        if major > 14:
            counted = {pgstat.KINDS[major](entry.key.kind).name for entry in found.entries}
            assert {"DATABASE", "RELATION", "REPLSLOT"} <= counted
            names = {e.key.name.rstrip(b"\0") for e in found.entries if e.mark == b"N"}
            assert names == {b"logi"}


@pytest.mark.server
def test_map_and_sequence_pages_come_back_the_same(loaded: Loaded) -> None:
    paths = dict(map(tuple, loaded.facts["paths"]))
    for suffix, layout in (("_fsm", fsm.FSMPage), ("_vm", vm.VMPage)):
        raw = (loaded.data / (paths["big"] + suffix)).read_bytes()
        for at in range(0, len(raw), BLCKSZ):
            page = raw[at : at + BLCKSZ]
            assert layout.build(layout.parse(page)) == page
    page = (loaded.data / paths["seq"]).read_bytes()
    assert len(page) == BLCKSZ
    header = PageHeaderData.parse(page)
    assert header.pd_special == sequence.SPECIAL_OFFSET
    special = sequence.SequenceSpecial.parse(page[sequence.SPECIAL_OFFSET :])
    assert special.magic == sequence.SEQ_MAGIC


@pytest.mark.server
def test_backup_files_come_back_the_same(clusters: Callable[[int], Loaded]) -> None:
    for major in (15, 17, 18):
        if find_install(major) is None:
            continue
        with servers.cluster(major, conf={"max_wal_senders": 3}) as server:
            target = server.base / "backup"
            server.run_tool(
                "pg_basebackup", "-D", target, "-h", server.base, "-p", server.port,
                "-U", "postgres", "-c", "fast", "-X", "none", "--no-sync", "-l", 'a "b" c',
            )  # fmt: skip
            raw = (target / backup.BACKUP_LABEL).read_bytes()
            label = backup.parse_label(raw)
            assert label.render() == raw and label.label == 'a "b" c'
            assert label.start_timeline == 1 and label.backup_from == "primary"
            raw = (target / backup.BACKUP_MANIFEST).read_bytes()
            manifest = backup.parse_manifest(raw)
            assert manifest.render() == raw
            names = {file.path.decode() for file in manifest.files}
            assert {"PG_VERSION", "global/pg_control", "backup_label"} <= names
            with pytest.raises(CorruptData, match="checksum mismatch"):
                backup.parse_manifest(raw.replace(b"PG_VERSION", b"PG_VERSIOM"))
        break


# -- controldata


@pytest.mark.server
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_controldata_is_the_real_tools(loaded: Loaded, zone: str) -> None:
    for locale in ("C", "C.UTF-8"):
        real = loaded.real("pg_controldata", "-D", loaded.data, TZ=zone, LC_ALL=locale)
        ours = pgtool("controldata", "-D", loaded.data, TZ=zone, LC_ALL=locale)
        assert ours.stdout == real.stdout
        assert (ours.returncode, ours.stderr) == (0, b"")
    facts = json.loads(pgtool("controldata", loaded.data, "--format", "json").stdout)
    assert facts["major"] == loaded.server.major and facts["crc_ok"] is True
    assert facts["control"]["state"] == "DB_SHUTDOWNED"


@pytest.mark.server
def test_controldata_of_damaged_files(loaded: Loaded) -> None:
    rng = random.Random(loaded.server.major)
    raw = (loaded.data / control.CONTROL_FILE).read_bytes()
    where = loaded.copies / "control"
    (where / "global").mkdir(parents=True)
    (where / "PG_VERSION").write_text(f"{loaded.server.major}\n")
    for _ in range(12):
        bad = bytearray(raw)
        for _ in range(rng.randrange(1, 4)):
            # The version stays: the real tool of another major would be asked.
            bad[rng.choice([*range(8), *range(16, 300)])] ^= 1 << rng.randrange(8)
        (where / control.CONTROL_FILE).write_bytes(bad)
        real = loaded.real("pg_controldata", where, TZ="UTC", LC_ALL="C")
        ours = pgtool("controldata", where, TZ="UTC", LC_ALL="C")
        assert ours.stdout == real.stdout
        assert ours.returncode == 2
        assert ours.stderr == real.stderr.replace(b"pg_controldata:", b"pgtool:")


def test_controldata_errors(tmp_path: Path) -> None:
    for args, line in (
        ((tmp_path / "no",), "does not exist"),
        ((tmp_path,), "could not open file"),
        ((), "no data directory given"),
    ):
        done = pgtool("controldata", *args)
        assert done.returncode == 1 and done.stdout == b""
        assert done.stderr.count(b"\n") == 1 and line in done.stderr.decode()
    (tmp_path / "global").mkdir()
    (tmp_path / control.CONTROL_FILE).write_bytes(b"x" * 10)
    done = pgtool("controldata", tmp_path)
    assert done.returncode == 1 and b"read 10 of " in done.stderr
    (tmp_path / control.CONTROL_FILE).write_bytes(b"x" * 8192)
    done = pgtool("controldata", tmp_path)
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1


# -- checksums


def _same_checksums(loaded: Loaded, data: Path, *args: object) -> tuple[bytes, int]:
    """Compare the summary and the complaints; gives our complaints and exit status."""
    real = loaded.real("pg_checksums", "--check", "-D", data, *args)
    ours = pgtool("checksums", "--check", "-D", data, *args, "-j", "2")
    assert ours.stdout == real.stdout
    said = sorted(real.stderr.replace(b"pg_checksums:", b"pgtool:").splitlines())
    assert sorted(ours.stderr.splitlines()) == said
    return ours.stderr, ours.returncode


@pytest.mark.server
def test_checksums_are_the_real_tools(loaded: Loaded) -> None:
    assert _same_checksums(loaded, loaded.data) == (b"", 0)
    _same_checksums(loaded, loaded.data, "-v")
    big = Path(dict(map(tuple, loaded.facts["paths"]))["big"])
    said, _ = _same_checksums(loaded, loaded.data, "-v", "-f", big.name)
    assert said.count(b"verified") == 3


@pytest.mark.server
def test_checksums_name_bad_blocks(loaded: Loaded) -> None:
    data = loaded.copy("bad")
    paths = dict(map(tuple, loaded.facts["paths"]))
    with open(data / paths["big"], "r+b") as file:
        for block in (0, 17, 60):
            file.seek(block * BLCKSZ + 100)
            file.write(b"\xa5\x5a\x11")
        file.seek(5 * BLCKSZ)
        file.write(bytes(BLCKSZ))  # a new page: not bad
    with open(data / (paths["big"] + "_fsm"), "r+b") as file:
        file.seek(BLCKSZ + 9)
        file.write(b"\x01\x02")
    first = (data / paths["t"]).read_bytes()
    (data / (paths["t"] + ".1")).write_bytes(first)  # right only as block 0 of the fork
    said, status = _same_checksums(loaded, data)
    assert status == 2
    assert len(re.findall(rb"checksum verification failed", said)) >= 5
    done = pgtool("checksums", "-D", data, "--format", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 2
    assert any(
        bad["block"] == 17 and bad["file"].endswith(paths["big"]) for bad in found["bad_blocks"]
    )
    assert all(bad["calculated"] != bad["stored"] for bad in found["bad_blocks"])
    with open(data / paths["t"], "ab") as file:
        file.write(b"x" * 100)
    real = loaded.real("pg_checksums", "-D", data)
    fatal = [line for line in real.stderr.splitlines() if b"could not read block" in line]
    ours = pgtool("checksums", "-D", data)
    assert ours.returncode == 2
    assert fatal[0].replace(b"pg_checksums:", b"pgtool:") in ours.stderr.splitlines()
    shutil.rmtree(data)


@pytest.mark.server
def test_checksums_refuse(make_cluster: Callable[..., servers.Server]) -> None:
    server = make_cluster(15)
    for wanted in ("cluster must be shut down", "data checksums are not enabled in cluster"):
        real = subprocess.run(
            [str(server.tool("pg_checksums")), "-D", str(server.data)],
            capture_output=True, check=False, **run_as(),
        )  # type: ignore[call-overload]  # fmt: skip
        ours = pgtool("checksums", server.data)
        assert ours.returncode == 1
        assert ours.stderr == real.stderr.replace(b"pg_checksums:", b"pgtool:")
        assert wanted.encode() in ours.stderr
        server.stop()


# -- slru, relmap


@pytest.mark.server
def test_slru_says_what_the_server_said(loaded: Loaded) -> None:
    data = loaded.data
    prepared = {"in progress"}
    ours = dict(map(tuple, rows("slru", "xact", "-D", data)))
    for xid, status in loaded.facts["xact"]:
        if status:
            shown = ours[xid]
            if status == "aborted":  # also what a crash or an unused xid counts as
                assert shown in ("aborted", "in progress")
            else:
                assert shown == status or (shown in prepared and status == "in progress")
    assert {"committed", "aborted"} <= set(ours.values())
    times = [[xid, _iso(moment), origin] for xid, moment, origin in loaded.facts["commit_ts"]]
    shown = rows("slru", "commit_ts", "-D", data)
    assert shown[: len(times)] == times and len(shown) - len(times) < 10  # asked before the end
    assert any(row[2] == "1" for row in loaded.facts["commit_ts"])
    shown = rows("slru", "multixact", "-D", data)
    assert shown == loaded.facts["multixact"]
    assert rows("slru", "multixact", "-D", data, "1") == [row for row in shown if row[0] == "1"]
    xid = loaded.facts["commit_ts"][-1][0]
    assert rows("slru", "xact", "-D", data, f"{xid}-{xid}") == [[xid, "committed"]]
    assert rows("slru", "xact", "-D", data, "1-2") == [["1", "committed"], ["2", "committed"]]
    parents = rows("slru", "subtrans", "-D", data)
    assert all(int(parent) < int(child) for child, parent in parents)


def _iso(text: str) -> str:
    """psycopg's datetime as the server's own text in UTC."""
    body = text.removesuffix("+00:00")
    return (body.rstrip("0") if "." in body else body) + "+00"


@pytest.mark.server
def test_slru_errors(loaded: Loaded) -> None:
    for args, words in (
        (("xact", "4000000000"), "could not access"),
        (("xact", "x"), "invalid ID or range"),
        (("xact", "9-5"), "FROM is larger than TO"),
        (("xact", "4294967296"), "out of range"),
        (("multixact", "4000"), "has not been created yet"),
        (("multixact", "0"), "MultiXactId 0"),
    ):
        done = pgtool("slru", *args, "-D", loaded.data)
        assert done.returncode == 1, args
        assert words in done.stderr.decode() and done.stderr.count(b"\n") == 1


@pytest.mark.server
def test_relmap_says_what_the_server_said(loaded: Loaded) -> None:
    key = lambda row: int(row[0])  # noqa: E731
    assert sorted(rows("relmap", "-D", loaded.data), key=key) == loaded.facts["shared map"]
    local = sorted(rows("relmap", "-D", loaded.data, "--db", loaded.oid), key=key)
    assert local == loaded.facts["local map"]
    path = loaded.data / f"base/{loaded.oid}/{relmap.RELMAPPER_FILENAME}"
    assert sorted(rows("relmap", "--file", path), key=key) == local
    assert pgtool("relmap", "-D", loaded.data, "--db", 77).returncode == 1


# -- vm, fsm


@pytest.mark.server
def test_maps_say_what_the_server_said(loaded: Loaded) -> None:
    if "freespace" not in loaded.facts:
        pytest.skip("no pg_visibility here")
    big = dict(map(tuple, loaded.facts["paths"]))["big"]
    where = ("-D", loaded.data, "--file", big)
    assert rows("vm", *where) == loaded.facts["visibility_map"]
    assert rows("vm", *where, "--page-bit") == loaded.facts["visibility"]
    assert rows("vm", *where, "--summary") == loaded.facts["summary"]
    assert rows("fsm", *where) == loaded.facts["freespace"]
    assert rows("fsm", "--file", loaded.data / (big + "_fsm")) == loaded.facts["freespace"]
    assert rows("vm", "--file", loaded.data / (big + "_vm")) == loaded.facts["visibility_map"]
    named = ("-D", loaded.data, "-d", "postgres", "--relation", "big")
    assert rows("vm", *named, "--summary") == loaded.facts["summary"]
    assert rows("fsm", *named) == loaded.facts["freespace"]
    assert rows("fsm", *where, "--block", 3) == loaded.facts["freespace"][3:4]
    assert rows("vm", *where, "--block", 99999) == [["99999", "f", "f"]]
    assert len({row[1] for row in loaded.facts["freespace"]}) > 2
    assert {"t", "f"} <= {row[1] for row in loaded.facts["visibility_map"]}
    assert pgtool("vm", "--file", loaded.data / "base/nothing").returncode == 1
    assert pgtool("vm", "--file", loaded.data).returncode == 1


# -- damage


@pytest.mark.server
def test_mutations_end_in_a_place_or_a_result(loaded: Loaded) -> None:
    major, data = loaded.server.major, loaded.data
    state = next((data / twophase.TWOPHASE_DIR).iterdir())
    subjects: list[tuple[bytes, Callable[[bytes], Any]]] = [
        ((data / control.CONTROL_FILE).read_bytes()[:400], control.parse),
        ((data / "global" / relmap.RELMAPPER_FILENAME).read_bytes(), relmap.parse),
        (state.read_bytes(), lambda raw: twophase.parse(raw, major)),
        ((data / "pg_replslot/logi/state").read_bytes(), slot.parse),
        (
            next((data / "pg_stat").glob("*.stat")).read_bytes()[:20000],
            lambda raw: pgstat.parse(raw, major),
        ),
        (loaded.pid_file, postmaster.parse_pid),
        ((data / postmaster.POSTMASTER_OPTS).read_bytes(), postmaster.parse_opts),
        (b"1\t0/3000000\tno recovery target specified\n", timeline.parse),
        (b"16385 /tmp/x\n", backup.parse_tablespace_map),
    ]
    rng = random.Random(7 + major)
    for raw, parse in subjects:
        for _ in range(150):
            bad = bytearray(raw)
            for _ in range(rng.randrange(1, 5)):
                bad[rng.randrange(len(bad))] = rng.randrange(256)
            if rng.random() < 0.3:
                del bad[rng.randrange(len(bad)) :]
            if rng.random() < 0.2 and parse is not control.parse:
                _recheck(bad)
            try:
                parse(bytes(bad))
            except PgtoolError as error:
                assert str(error)


def _recheck(bad: bytearray) -> None:
    """Give a damaged state file a right CRC, so that the layers behind it are reached."""
    if len(bad) > 8:
        from formats.crc import crc32c

        bad[-4:] = crc32c(bytes(bad[:-4])).to_bytes(4, "little")
