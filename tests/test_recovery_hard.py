"""Recovery under hard conditions: killed itself, with damaged or missing WAL, to a moment."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lz4.frame
import pytest
import zstandard

from formats import control
from formats.control import DBState
from formats.derive import offset_of
from formats.wal.page import XLogLongPageHeaderData
from pgtool.catalog.cluster import Cluster
from pgtool.catalog.names import find_relation
from pgtool.check.diagnose import diagnose as look_at
from pgtool.cli.recovery_options import make_target
from pgtool.errors import CorruptData, PgtoolError, UserError
from pgtool.storage.backend import Directory
from pgtool.storage.smgr import relation_path
from pgtool.transam.recovery import driver
from pgtool.transam.recovery.run import Request, recover, rehearse
from pgtool.transam.recovery.start import find_start
from pgtool.wal.archive import read_history
from tests import recovery_cases as cases
from tests.conftest import need
from tests.crash import CrashBackend, Killed
from tests.installs import NOBODY
from tests.servers import Server, ToolError, cluster

pytestmark = pytest.mark.server
MAJOR = 18
KILLS = 5
MUTATIONS = 24
WATCHED = ("public.kept", "public.tr", "public.ix", "public.big", "pg_catalog.pg_class")


@pytest.fixture(scope="module")
def crashed() -> Iterator[tuple[Server, dict[str, list[str]]]]:
    """A crashed cluster, never recovered in place, and the rows a server finds on a copy."""
    need(MAJOR)
    with cluster(MAJOR, initdb_args=cases.INITDB, conf=cases.CONF) as server:
        cases.crash(server, rows=40)
        other = cases.on_copy(server, server.data)
        try:
            other.start()
            rows = cases.server_rows(other)
        finally:
            other.close()
        yield server, {name: rows[name] for name in WATCHED}


def copied(server: Server, tmp_path: Path, name: str) -> Path:
    path = server.base / f"{tmp_path.name}-{name}"
    subprocess.run(["cp", "-a", str(server.data), str(path)], check=True)
    return path


def test_killed_at_a_sync_point_it_is_run_again(
    crashed: tuple[Server, dict[str, list[str]]], tmp_path: Path
) -> None:
    server, expected = crashed
    whole = CrashBackend(str(copied(server, tmp_path, "count")))
    recover(whole, Request(pages=64))
    whole.close()
    rng = random.Random(6)
    points = [("sync", n) for n in rng.sample(range(1, whole.counts["sync"] + 1), KILLS)]
    points += [("write", n) for n in rng.sample(range(1, whole.counts["write"] + 1), KILLS)]
    for seed, point in enumerate(points):
        path = copied(server, tmp_path, "killed")
        backend = CrashBackend(str(path), stop=point)
        with pytest.raises(Killed):
            recover(backend, Request(pages=64))
        backend.crash(seed, "tear")
        recover(Directory(str(path)), Request())
        assert cases.our_rows(path, "postgres", list(WATCHED)) == expected, point
        shutil.rmtree(path)


def test_the_server_goes_on_with_prepared_transactions(
    crashed: tuple[Server, dict[str, list[str]]], tmp_path: Path
) -> None:
    """Killed when all is written but pg_control: their files must not be there yet."""
    server, _expected = crashed
    whole = CrashBackend(str(copied(server, tmp_path, "prepared")))
    recover(whole, Request())
    whole.close()
    synced = [path for kind, path in whole.log if kind == "sync"]
    flushed = max(n for n, path in enumerate(synced, 1) if path.startswith("pg_wal/0"))
    assert synced[flushed:] == ["pg_twophase", "global/pg_control", ""]
    path = copied(server, tmp_path, "left")
    backend = CrashBackend(str(path), stop=("sync", flushed))
    with pytest.raises(Killed):
        recover(backend, Request())
    backend.crash(0, "keep")
    left = cases.on_copy(server, path)
    try:
        left.start()
        assert left.psql("SELECT gid FROM pg_prepared_xacts") == "pending\n"
    finally:
        left.close()
    recover(Directory(str(path)), Request())
    (name,) = (path / "pg_twophase").iterdir()
    assert len(name.name) == 16


def test_a_failure_in_redo_is_the_last_thing_that_happens(
    crashed: tuple[Server, dict[str, list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No page is written on the way out, which would put another failure in its place."""
    server, _expected = crashed
    monkeypatch.setattr(driver, "STEP", 1)
    whole = CrashBackend(str(copied(server, tmp_path, "watched")))
    recover(whole, Request(pages=16))
    whole.close()
    synced = [path for kind, path in whole.log if kind == "sync"]
    mapped = next(n for n, path in enumerate(synced, 1) if "pg_filenode.map" in path)
    backend = CrashBackend(str(copied(server, tmp_path, "failed")), stop=("sync", mapped))
    with pytest.raises(Killed):
        recover(backend, Request(pages=16))
    backend.close()


def test_damaged_wal_ends_recovery_where_pg_waldump_ends(
    crashed: tuple[Server, dict[str, list[str]]], tmp_path: Path
) -> None:
    server, _expected = crashed
    path = copied(server, tmp_path, "mutated")
    start = find_start(Directory(str(path)))
    good = rehearse(str(path), Request())
    assert good.failure is None
    size = start.source.segment_size
    rng = random.Random(7)
    for _ in range(MUTATIONS):
        lsn = rng.randrange(start.redo, good.run.end)
        segment = path / "pg_wal" / start.source.file_name(lsn // size)
        sound = segment.read_bytes()
        damaged = bytearray(sound)
        damaged[lsn % size] ^= 1 << rng.randrange(8)
        segment.write_bytes(damaged)
        try:
            seen = rehearse(str(path), Request())
            assert seen.failure is None or isinstance(seen.failure, PgtoolError)
            assert seen.run.end <= good.run.end
            if seen.failure is None:
                assert seen.run.last == last_record(server, path, start.redo)
        except PgtoolError as error:  # the checkpoint record itself
            assert "checkpoint" in str(error)
        finally:
            segment.write_bytes(sound)


def test_a_segment_of_another_cluster_ends_recovery(
    crashed: tuple[Server, dict[str, list[str]]], tmp_path: Path
) -> None:
    server, _expected = crashed
    path = copied(server, tmp_path, "foreign")
    start = find_start(Directory(str(path)))
    size = start.source.segment_size
    number = start.redo // size + 2
    segment = path / "pg_wal" / start.source.file_name(number)
    data = bytearray(segment.read_bytes())
    data[offset_of(XLogLongPageHeaderData, "xlp_sysid")] ^= 1
    segment.write_bytes(data)
    seen = rehearse(str(path), Request())
    assert "WAL file is from different database system" in seen.run.why_ended
    assert seen.run.end <= number * size and segment.name[:8] in str(seen.failure)
    other = cases.on_copy(server, path)
    try:
        other.start()
        assert f"redo done at {seen.run.last} " in other.log.read_text()
    finally:
        other.close()


def test_segments_that_were_being_received_or_packed(
    crashed: tuple[Server, dict[str, list[str]]], tmp_path: Path
) -> None:
    server, _expected = crashed
    path = copied(server, tmp_path, "received")
    start = find_start(Directory(str(path)))
    size = start.source.segment_size
    number = start.redo // size + 2
    segment = path / "pg_wal" / start.source.file_name(number)
    archive = tmp_path / "received"
    archive.mkdir()
    request = Request(archives=(str(archive),))
    end = rehearse(str(path), request).run.end
    (archive / f"{segment.name}.partial").touch()  # what pg_wal has is whole
    assert rehearse(str(path), request).run.end == end
    sound = segment.read_bytes()
    segment.unlink()
    packed = {".gz": gzip.compress(sound), ".lz4": lz4.frame.compress(sound),
              ".zst": zstandard.ZstdCompressor().compress(sound)}  # fmt: skip
    for suffix, data in packed.items():
        (archive / f"{segment.name}.partial").unlink(missing_ok=True)
        file = archive / f"{segment.name}{suffix}.partial"
        file.write_bytes(data[: len(data) // 2])
        seen = rehearse(str(path), request)
        assert number * size <= seen.run.end < end and "could not read" in seen.run.why_ended
        file.rename(archive / f"{segment.name}{suffix}")
        seen = rehearse(str(path), request)
        assert isinstance(seen.failure, CorruptData) and suffix in str(seen.failure)
        (archive / f"{segment.name}{suffix}").write_bytes(data)
        assert rehearse(str(path), request).run.end == end
        (archive / f"{segment.name}{suffix}").unlink()


def last_record(server: Server, path: Path, redo: int) -> int:
    """The last record that pg_waldump shows."""
    text = server.run_tool(
        "pg_waldump", "-p", path / "pg_wal", "-s", f"{redo >> 32:X}/{redo & 0xFFFFFFFF:X}",
        check=False,
    ).decode(errors="replace")  # fmt: skip
    high, low = text.rstrip().rsplit("\n", 1)[-1].split("lsn: ")[1].split(",")[0].split("/")
    return int(high, 16) << 32 | int(low, 16)


def test_diagnose_tells_and_changes_nothing(
    crashed: tuple[Server, dict[str, list[str]]], tmp_path: Path
) -> None:
    server, _expected = crashed
    path = copied(server, tmp_path, "sick")
    before = cases.digest(path)
    report = diagnose(path)
    assert not report["blocked"] and "recovery would succeed" in report["verdict"]
    assert cases.digest(path) == before
    start = find_start(Directory(str(path)))
    middle = (start.redo // start.source.segment_size) + 1
    name = start.source.file_name(middle)
    (path / "pg_wal" / name).unlink()
    report = diagnose(path)
    assert report["blocked"] and any(name in f["evidence"] for f in report["findings"])
    assert "copy" in report["advice"] or "WAL archive" in report["advice"]
    (path / "global" / "pg_control").write_bytes(bytes(8192))
    assert "control file" in diagnose(path)["verdict"]
    path.chmod(0o755)
    assert any("0755" in f["text"] for f in diagnose(path)["findings"])


def test_diagnose_of_what_it_may_not_read(
    crashed: tuple[Server, dict[str, list[str]]], tmp_path: Path
) -> None:
    server, _expected = crashed
    path = copied(server, tmp_path, "closed")
    look_at(str(path))  # everything is imported now
    for hidden in (path / "base", path):
        before = hidden.stat()
        hidden.chmod(0)
        os.chown(hidden, 0 if os.geteuid() == 0 else before.st_uid, -1)
        as_other = os.geteuid() == 0
        try:
            if as_other:
                os.seteuid(NOBODY)
            if hidden == path:
                with pytest.raises(PermissionError):
                    look_at(str(path))
            else:
                report = look_at(str(path))
                assert "user who asks" in report.verdict and "owner" in report.advice
                assert any(f.evidence == "base" for f in report.findings)
        finally:
            if as_other:
                os.seteuid(0)
            os.chown(hidden, before.st_uid, before.st_gid)
            hidden.chmod(before.st_mode & 0o7777)


def test_diagnose_names_a_tablespace_without_its_link() -> None:
    need(MAJOR)
    with cluster(MAJOR, initdb_args=cases.INITDB, conf=cases.CONF) as server:
        for name in ("lost", "gone"):
            (server.base / name).mkdir()
            give(server.base / name)
            server.psql(f"CREATE TABLESPACE {name} LOCATION '{server.base / name}'")
        server.psql("CHECKPOINT; CREATE TABLE t(a int)")
        server.psql("DROP TABLESPACE gone")
        server.kill9()
        assert not any("tablespace" in f["text"] for f in diagnose(server.data)["findings"])
        (link,) = (server.data / "pg_tblspc").iterdir()
        link.unlink()
        (text,) = (f["text"] for f in diagnose(server.data)["findings"] if "space" in f["text"])
        assert 'tablespace "lost" has no link in pg_tblspc' in text


def emptied(path: Path, name: str = "") -> None:
    (path / name).write_bytes(b"")


def changed(path: Path, name: str, text: str) -> None:
    (path / name).write_text(text)


def gone(path: Path, name: str) -> None:
    (path / name).unlink()


#: What is done to a sound directory, and words of what is then said: of a finding or the advice.
BROKEN: list[tuple[Callable[..., None], tuple[str, ...], str]] = [
    (emptied, ("postmaster.pid",), "postmaster.pid holds no process number"),
    (changed, ("postmaster.pid", "junk\n"), "postmaster.pid holds no process number"),
    (gone, ("PG_VERSION",), "or one that holds the line 18"),
    (changed, ("PG_VERSION", "15\n"), "pg_control belongs to PostgreSQL 18"),
    (gone, ("base/{db}/1249",), 'catalogs of database "postgres" cannot be read'),
    (emptied, ("base/{db}/pg_filenode.map",), 'catalogs of database "postgres" cannot be read'),
    (gone, ("base/{db}/PG_VERSION",), 'catalogs of database "postgres" cannot be read'),
    (emptied, ("global/pg_filenode.map",), "shared catalogs cannot be read"),
    (gone, ("{kept}",), "public.kept ({kept})"),
    (emptied, ("pg_xact/0000",), "files of pg_xact are missing or too short"),
    (gone, ("pg_multixact/offsets/0000",), "files of pg_multixact/offsets are missing"),
    (emptied, ("{prepared}",), "a prepared transaction is lost"),
    (changed, ("postgresql.auto.conf", "a = 'b'\nc = = d\n"), "syntax error in line 2"),
    (changed, ("recovery.signal", ""), "restore_command is not set"),
    (gone, ("pg_hba.conf",), "pg_hba.conf is missing"),
    (changed, ("backup_manifest", "{{}}"), "backup_label is gone"),
    (changed, ("pg_replslot/one/state", "junk"), 'replication slot "one" cannot be read'),
]  # fmt: skip


def test_diagnose_finds_what_is_broken(
    crashed: tuple[Server, dict[str, list[str]]], tmp_path: Path
) -> None:
    server, _expected = crashed
    path = copied(server, tmp_path, "broken")
    cases.recover(path)
    report = look_at(str(path))
    assert not report.damaged and report.verdict == "the cluster was shut down cleanly"
    database = Cluster(str(path)).database("postgres")
    kept = find_relation(database, "public.kept").locator
    assert kept is not None
    (prepared,) = (path / "pg_twophase").iterdir()
    names = {
        "db": database.oid, "kept": relation_path(kept, MAJOR),
        "prepared": f"pg_twophase/{prepared.name}",
    }  # fmt: skip
    for act, args, words in BROKEN:
        file, *rest = (arg.format(**names) for arg in args)
        full = path / file
        before = full.read_bytes() if full.exists() else None
        full.parent.mkdir(exist_ok=True)
        if words == "backup_label is gone":
            set_state(path, DBState.DB_IN_PRODUCTION)
        act(path, file, *rest)
        report = look_at(str(path))
        said = "\n".join([*(f.text for f in report.findings), report.advice,
                          *(f.evidence for f in report.findings)])  # fmt: skip
        assert report.damaged and words.format(**names) in said, (args, said)
        assert "copy the whole directory first" in report.advice and "resetwal" not in said
        full.unlink(missing_ok=True)
        if before is not None:
            full.write_bytes(before)
        if words == "backup_label is gone":
            set_state(path, DBState.DB_SHUTDOWNED)


INCREMENTAL = """START WAL LOCATION: 0/2000028 (file 000000010000000000000002)
CHECKPOINT LOCATION: 0/2000060
INCREMENTAL FROM LSN: 0/1000028
INCREMENTAL FROM TLI: 1
"""


def test_an_incremental_backup_is_no_directory(
    crashed: tuple[Server, dict[str, list[str]]], tmp_path: Path
) -> None:
    """Nor is it one that could be read as it lies."""
    server, _expected = crashed
    path = copied(server, tmp_path, "incremental")
    (path / "backup_label").write_text(INCREMENTAL)
    for inconsistent in (False, True):
        with pytest.raises(UserError) as refused:
            Cluster(str(path), inconsistent=inconsistent)
        assert "pg_combinebackup" in str(refused.value)
        assert "--inconsistent" not in str(refused.value)
    report = look_at(str(path))
    assert report.blocked and "pg_combinebackup" in report.advice


def set_state(path: Path, state: DBState) -> None:
    file = path / control.CONTROL_FILE
    _major, found = control.parse(file.read_bytes())
    found.state = state
    file.write_bytes(control.build(MAJOR, found, crc=True))


def diagnose(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "pgtool", "diagnose", "-D", str(path), "--format", "json"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert done.returncode in (0, 2), done.stderr
    out: dict[str, Any] = json.loads(done.stdout)
    return out


def test_a_crashed_cluster_is_not_read_as_of_an_earlier_moment(
    crashed: tuple[Server, dict[str, list[str]]],
) -> None:
    server, _expected = crashed
    done = cases.recover(server.data, "--dry-run", "--target-lsn", "0/1", check=False)
    assert done.returncode == 1 and "base backup" in done.stderr


# -- point in time -------------------------------------------------------------------------


def give(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def targets_made(server: Server) -> list[tuple[str, str]]:
    """Moments to go back to, of each kind, while rows are written."""
    out = []
    for n in range(4):
        server.psql(f"INSERT INTO log(n) VALUES ({n}); UPDATE kept SET b = b || '!' WHERE a < 9")
        if n == 0:
            server.psql("SELECT pg_create_restore_point('zero')")
            out.append(("name", "zero"))
        elif n == 1:
            server.psql("CREATE DATABASE copied STRATEGY file_copy; DROP TABLE cut")
            out.append(("xid", server.psql("SELECT x FROM log WHERE n = 1").strip()))
        elif n == 2:
            moment = server.psql("SELECT clock_timestamp() + interval '1 ms'").strip()
            out.append(("time", moment))
            time.sleep(0.05)
        else:
            out.append(("lsn", server.psql("SELECT pg_current_wal_insert_lsn()").strip()))
    server.psql("INSERT INTO log(n) VALUES (99); SELECT pg_switch_wal()")
    return out


def by_the_server(server: Server, backup: Path, archive: Path, key: str, value: str) -> Server:
    other = cases.on_copy(server, backup)
    settings = {"restore_command": f"cp {archive}/%f %p", "archive_mode": "off"}
    settings |= {"recovery_target_action": "promote", f"recovery_target_{key}": value}
    other.configure(settings)
    (other.data / "recovery.signal").touch()
    give(other.data / "recovery.signal")
    other.start()
    for _ in range(300):
        if other.psql("SELECT pg_is_in_recovery()").strip() == "f":
            break
        time.sleep(0.1)
    return other


def test_to_a_moment_as_the_server(tmp_path: Path) -> None:
    need(MAJOR)
    conf = {**cases.CONF, "archive_mode": "on", "archive_command": "true", "wal_keep_size": "1GB"}
    with cluster(MAJOR, initdb_args=cases.INITDB, conf=conf) as server:
        archive, packed = server.base / "archive", server.base / "packed"
        for path in (archive, packed):
            path.mkdir()
        server.psql(cases.BEFORE)
        server.psql("CREATE TABLE log(n int, x xid8 DEFAULT pg_current_xact_id())")
        backup = server.base / "backup"
        server.run_tool("pg_basebackup", "-D", backup, "-h", server.base, "-U", "postgres",
                        "-X", "none", "-c", "fast", "--no-sync")  # fmt: skip
        targets = targets_made(server)
        server.stop()
        for path in server.segments():
            shutil.copy(path, archive / path.name)
            give(archive / path.name)
            (packed / (path.name + ".gz")).write_bytes(gzip.compress(path.read_bytes(), 1))
        for key, value in targets:
            theirs = by_the_server(server, backup, archive, key, value)
            try:
                expected = cases.server_rows(theirs)
                history = (theirs.wal / "00000002.history").read_bytes()
            finally:
                theirs.close()
            check_target(server, backup, packed, (key, value), expected)
        check_missing(server, backup, packed, tmp_path)
        check_killed(server, backup, archive, tmp_path, dict(targets)["xid"])
        check_sizes(server, backup, archive)
        check_second_try(server, backup, packed, history, dict(targets)["xid"])


def check_target(
    server: Server, backup: Path, packed: Path, target: tuple[str, str],
    expected: dict[str, list[str]],
) -> None:  # fmt: skip
    key, value = target
    mine = cases.on_copy(server, backup)
    mine.configure({"archive_mode": "off"})
    try:
        cases.recover(mine.data, "--wal", str(packed), f"--target-{key}", value)
        mine.start()
        assert cases.server_rows(mine) == expected, target
        assert mine.psql("SELECT timeline_id FROM pg_control_checkpoint()") == "2\n"
    finally:
        mine.close()
    if key != "name":
        done = subprocess.run(
            [sys.executable, "-m", "pgtool", "query", "-D", str(backup), "-d", "postgres",
             "--wal", str(packed), f"--as-of-{key}", value, "-t", "--format", "csv",
             "SELECT n FROM log"],
            capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent,
        )  # fmt: skip
        shown = [line for line in done.stdout.split() if line.isdigit()]
        assert shown == [row.split("\t")[0] for row in sorted(expected["public.log"])]


def check_missing(server: Server, backup: Path, packed: Path, tmp_path: Path) -> None:
    """A hole in the archive is named; a target behind it is not reached."""
    names = sorted(path.name for path in packed.iterdir())
    start = find_start(Directory(str(backup)), archives=[str(packed)], requested=True)
    first = start.source.file_name(start.redo // start.source.segment_size)
    (packed / (first + ".gz")).rename(tmp_path / first)
    done = cases.recover(backup, "--wal", str(packed), "--dry-run", check=False)
    assert done.returncode in (1, 2) and first in done.stderr + done.stdout
    assert len(names) > 1


def check_killed(
    server: Server, backup: Path, archive: Path, tmp_path: Path, xid: str
) -> None:  # fmt: skip
    """Killed while it makes the new timeline: run again it goes to the same moment."""
    path = server.base / f"{tmp_path.name}-promoted"
    request = Request(make_target(xid=xid, inclusive=False), (str(archive),))

    def begin(stop: tuple[str, int] | None) -> CrashBackend:
        subprocess.run(["cp", "-a", str(backup), str(path)], check=True)
        backend = CrashBackend(str(path), stop)
        with pytest.raises(Killed) if stop else contextlib.nullcontext():
            recover(backend, request)
        return backend

    syncs = begin(None).counts["sync"]
    shutil.rmtree(path)
    for back in range(5):
        for mode in ("keep", "drop"):
            begin(("sync", syncs - back)).crash(back, mode)
            recover(Directory(str(path)), request)
            (row,) = cases.our_rows(path, "postgres", ["public.log"])["public.log"]
            assert row.startswith("0\t")
            assert not list((path / "pg_wal").glob("promoting.*"))
            shutil.rmtree(path)


def check_sizes(server: Server, backup: Path, archive: Path) -> None:
    """A segment of the wrong size is refused where the server restores it, and only there."""
    request = Request(archives=(str(archive),))
    start = find_start(Directory(str(backup)), archives=request.archives, requested=True)
    size = start.source.segment_size
    name = start.source.file_name(start.redo // size)
    sound, end = (archive / name).read_bytes(), rehearse(str(backup), request).run.end
    for data in (sound + bytes(512), sound[:-512]):
        (archive / name).write_bytes(data)
        words = f'archive file "{name}" has wrong size: {len(data)} instead of {size}'
        with pytest.raises(ToolError, match=words):
            by_the_server(server, backup, archive, "timeline", "latest").close()
        done = cases.recover(backup, "--wal", str(archive), "--dry-run", check=False)
        assert done.returncode == 2 and words in done.stderr
    (backup / "pg_wal" / name).write_bytes(sound)
    (backup / "standby.signal").touch()  # what is short is just being copied, then
    assert rehearse(str(backup), request).run.end == end
    (backup / "standby.signal").unlink()
    (archive / name).rename(backup / "pg_wal" / name)  # read as far as it goes
    assert rehearse(str(backup), request).run.end == end


def check_second_try(
    server: Server, backup: Path, packed: Path, history: bytes, xid: str
) -> None:  # fmt: skip
    """To an earlier moment after a later one was tried: the server's history goes back."""
    archive = server.base / "again"
    archive.mkdir()
    for path in packed.iterdir():
        (archive / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    (archive / "00000002.history").write_bytes(history)
    for path in archive.iterdir():
        give(path)
    early = by_the_server(server, backup, archive, "xid", xid)
    try:
        ends = [branch.switchpoint for branch in read_history([str(early.wal)], 3) or ()]
        assert len(ends) == 2 and ends[0] > ends[1]
        early.psql("CHECKPOINT; INSERT INTO log(n) VALUES (77)")
        early.kill9()
        rows = cases.our_rows(early.data, "postgres", ["public.log"])["public.log"]
        assert sorted(row.split("\t")[0] for row in rows) == ["0", "1", "77"]
        cases.recover(early.data)
        early.start()
        assert early.psql("SELECT n FROM log ORDER BY n") == "0\n1\n77\n"
    finally:
        early.close()


def test_the_first_statement_that_writes_recovers_first(
    crashed: tuple[Server, dict[str, list[str]]], tmp_path: Path
) -> None:
    server, expected = crashed
    path = copied(server, tmp_path, "written")
    done = subprocess.run(
        [sys.executable, "-m", "pgtool", "query", "-D", str(path), "-d", "postgres", "-q",
         "INSERT INTO kept VALUES (9999, 'new')"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert done.returncode == 0 and not done.stderr, done.stderr
    other = cases.on_copy(server, path)
    try:
        other.start()
        assert "redo starts" not in other.log.read_text()
        rows = cases.server_rows(other)["public.kept"]
        assert rows == sorted([*expected["public.kept"], "9999\tnew"])
    finally:
        other.close()
