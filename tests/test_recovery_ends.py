"""Where WAL ends and goes on: records cut off in the middle, timelines, standbys, bad records."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from formats.derive import offset_of
from formats.timeline import Branch
from formats.units import Lsn
from formats.version import XLOG_PAGE_MAGIC
from formats.wal import record as wal_record
from formats.wal.page import XLogPageHeaderData, segment_name
from pgtool.check.diagnose import diagnose
from pgtool.cli.recovery_options import make_target
from pgtool.errors import PgtoolError
from pgtool.storage.backend import Directory, ReadOnly
from pgtool.storage.overlay import Overlay
from pgtool.transam.recovery.driver import Recovery
from pgtool.transam.recovery.opening import Wish, wishing
from pgtool.transam.recovery.run import Request, rehearse
from pgtool.transam.recovery.start import Start, find_start
from pgtool.wal.archive import WalArchive
from pgtool.wal.reader import WalReader
from pgtool.wal.source import SegmentInfo
from tests import recovery_cases as cases
from tests.conftest import need
from tests.installs import NOBODY
from tests.servers import Server, ToolError, cluster

pytestmark = pytest.mark.server
MAJOR = 18
PAGE = 8192
TLI_AT = offset_of(XLogPageHeaderData, "xlp_tli")
SMALL = """CREATE TABLE s(a int PRIMARY KEY, b text);
INSERT INTO s SELECT g, repeat('x', 300) FROM generate_series(1, 400) g;
UPDATE s SET b = b || 'y'; DELETE FROM s WHERE a % 3 = 0; VACUUM s;
CREATE INDEX ON s USING gin (string_to_array(b, 'y')); CREATE INDEX ON s USING spgist (b);
INSERT INTO s SELECT g, md5(g::text) FROM generate_series(1000, 1400) g"""


def crossing(start: Start) -> list[int]:
    """Where records begin that go on on the next page."""
    reader = WalReader(start.source, sysid=start.source.info.sysid)
    reader.begin(start.redo)
    out = []
    while (raw := reader.read_raw()) is not None:
        if raw.lsn // PAGE != (raw.lsn + len(raw.data) - 1) // PAGE:
            out.append(int(raw.lsn))
    return out


def cut_behind(path: Path, start: Start, lsn: int) -> None:
    """As if nothing had been written from the next page on."""
    size = start.source.segment_size
    page = (lsn // PAGE + 1) * PAGE
    segment = path / "pg_wal" / start.source.file_name(page // size)
    data = bytearray(segment.read_bytes())
    data[page % size :] = bytes(size - page % size)
    segment.write_bytes(data)
    for name in sorted((path / "pg_wal").iterdir()):
        if len(name.name) == 24 and name.name > segment.name:
            name.unlink()


@contextmanager
def crashed() -> Iterator[tuple[Server, Start]]:
    """A server killed behind a little work, and where its recovery starts."""
    need(MAJOR)
    with cluster(MAJOR, initdb_args=cases.INITDB, conf=cases.CONF) as server:
        server.psql("CHECKPOINT")
        server.psql(SMALL)
        server.kill9()
        yield server, find_start(Directory(str(server.data)))


def test_a_record_cut_off_in_the_middle() -> None:
    with crashed() as (server, start):
        cut_behind(server.data, start, crossing(start)[-5])
        other = cases.on_copy(server, server.data)
        try:
            other.start()
            expected = cases.server_rows(other)
        finally:
            other.close()
        cases.recover(server.data)
        shown = server.run_tool(
            "pg_waldump", "-p", server.wal, "-s", str(start.redo), check=False
        ).decode()
        assert "OVERWRITE_CONTRECORD" in shown and "CHECKPOINT_SHUTDOWN" in shown
        server.start()
        assert cases.server_rows(server) == expected
        server.psql("CREATE TABLE later AS SELECT 1 AS a")
        server.kill9()
        server.start()
        assert server.psql("SELECT a FROM later") == "1\n"


def test_a_page_of_a_timeline_that_is_not_the_logs_own() -> None:
    """A higher timeline on a page is an end of WAL too, and the page itself is not believed."""
    with crashed() as (server, start):
        size = start.source.segment_size
        starts = crossing(start)
        for lsn in (starts[-5], starts[8] + PAGE):
            segment = server.wal / start.source.file_name(lsn // size)
            sound = segment.read_bytes()
            data = bytearray(sound)
            data[lsn % size // PAGE * PAGE + TLI_AT] ^= 4
            segment.write_bytes(data)
            other = cases.on_copy(server, server.data)
            try:
                other.start()
                expected = cases.server_rows(other)
                log = other.log.read_text()
            finally:
                other.close()
            why = rehearse(str(server.data), Request()).run.why_ended
            assert "unexpected timeline ID 5 in WAL segment" in why and why in log
            assert cases.our_rows(server.data, "postgres", list(expected)) == expected
            segment.write_bytes(sound)


def test_segments_of_a_timeline_that_was_left_are_not_taken(tmp_path: Path) -> None:
    """An archive holds what was written on it after the others had gone their way."""
    size = 1 << 20
    info = SegmentInfo(size, MAJOR, XLOG_PAGE_MAGIC[MAJOR], 1)
    branches = [Branch(1, Lsn(5 * size + 100), "")]
    source = WalArchive([str(tmp_path)], info, 2, branches)
    for tli, numbers in ((1, range(3, 10)), (2, (5, 6))):
        for number in numbers:
            (tmp_path / segment_name(tli, number, size)).touch()
    found = [source.locate(number) for number in range(2, 10)]
    assert [place and place[1] for place in found] == [None, 1, 1, 2, 2, None, None, None]
    (tmp_path / segment_name(2, 5, size)).unlink()
    again = WalArchive([str(tmp_path)], info, 2, branches).locate(5)
    assert again is not None and again[1] == 1


def test_a_timeline_that_began_before_its_parent(tmp_path: Path) -> None:
    """Recovery that stops before the timeline it follows begins names that one as its parent."""
    size = 1 << 20
    info = SegmentInfo(size, MAJOR, XLOG_PAGE_MAGIC[MAJOR], 1)
    branches = [Branch(1, Lsn(5 * size), ""), Branch(2, Lsn(3 * size + 8), "")]
    source = WalArchive([str(tmp_path)], info, 3, branches)
    assert [source.tli_at(3 * size + at) for at in (0, 7, 8, 2 * size)] == [1, 1, 3, 3]
    assert [source.tli_of(number) for number in (2, 3, 4, 5)] == [1, 3, 3, 3]


def test_timelines_and_standbys() -> None:
    need(MAJOR)
    conf = {**cases.CONF, "wal_keep_size": "1GB"}
    with cluster(MAJOR, initdb_args=cases.INITDB, conf=conf) as server:
        server.psql("CREATE TABLE a(x int); INSERT INTO a VALUES (1)")
        backup = server.base / "backup"
        server.run_tool("pg_basebackup", "-D", backup, "-h", server.base, "-U", "postgres",
                        "-X", "fetch", "-c", "fast", "--no-sync")  # fmt: skip
        assert cases.our_rows(backup, "postgres", ["public.a"]) == {"public.a": ["1"]}
        other = cases.on_copy(server, backup)
        try:
            cases.recover(other.data, "--action", "promote")
            other.start()
            other.psql("INSERT INTO a VALUES (3); CHECKPOINT; INSERT INTO a VALUES (4)")
            other.psql("SELECT pg_switch_wal(); INSERT INTO a VALUES (5)")
            other.kill9()
            cases.recover(other.data)
            other.start()
            assert other.psql("SELECT x FROM a") == "1\n3\n4\n5\n"
        finally:
            other.close()
        standby = cases.on_copy(server, backup)
        try:
            standby.configure(
                {"primary_conninfo": f"host={server.base} port={server.port} user=postgres"}
            )
            signal = standby.data / "standby.signal"
            signal.touch()
            if os.geteuid() == 0:
                os.chown(signal, NOBODY, NOBODY)
            standby.start()
            server.psql("INSERT INTO a VALUES (2)")
            for _ in range(200):
                if standby.psql("SELECT count(*) FROM a") == "2\n":
                    break
                time.sleep(0.1)
            standby.kill9()
            rows = cases.our_rows(standby.data, "postgres", ["public.a"])
            assert rows == {"public.a": ["1", "2"]}
            cases.recover(standby.data)
            state = standby.run_tool("pg_controldata", "-D", standby.data)
            assert b"shut down in recovery" in state
            assert cases.our_rows(standby.data, "postgres", ["public.a"]) == rows
            standby.start()
            assert standby.psql("SELECT pg_is_in_recovery()") == "t\n"
        finally:
            standby.close()


def _base_backup(server: Server, wal: str) -> Path:
    """A backup beside the server's own directory; ``wal`` is what pg_basebackup's -X says."""
    backup = server.base / "backup"
    server.run_tool("pg_basebackup", "-D", backup, "-h", server.base, "-U", "postgres", "-X", wal,
                    "-c", "fast", "--no-sync")  # fmt: skip
    return backup


def test_one_that_was_shut_down_in_recovery_is_read_where_it_stood(tmp_path: Path) -> None:
    """What it replayed after its restartpoint is seen, what lies in its WAL behind that is not."""
    need(MAJOR)
    conf = {**cases.CONF, "wal_keep_size": "1GB"}
    with cluster(MAJOR, initdb_args=cases.INITDB, conf=conf) as server:
        backup = _base_backup(server, "fetch")
        server.psql("CREATE TABLE a(x int); INSERT INTO a VALUES (1); INSERT INTO a VALUES (2)")
        server.psql("BEGIN; INSERT INTO a VALUES (9); PREPARE TRANSACTION 'kept'")
        lsn = server.lsn()
        server.psql("INSERT INTO a VALUES (3)")
        server.stop()
        for path in server.segments():
            copied = shutil.copy(path, backup / "pg_wal")
            if os.geteuid() == 0:
                os.chown(copied, NOBODY, NOBODY)
        ours, theirs = cases.on_copy(server, backup), cases.on_copy(server, backup)
        try:
            cases.recover(ours.data, "--target-lsn", lsn, "--exclusive", "--action", "shutdown")
            theirs.configure(
                {"recovery_target_lsn": lsn, "recovery_target_inclusive": "off",
                 "recovery_target_action": "shutdown", "restore_command": "false"}
            )  # fmt: skip
            signal = theirs.data / "recovery.signal"
            signal.touch()
            if os.geteuid() == 0:
                os.chown(signal, NOBODY, NOBODY)
            with pytest.raises(ToolError):
                theirs.start()
            for one in (ours, theirs):
                state = one.run_tool("pg_controldata", "-D", one.data)
                assert b"shut down in recovery" in state
                before = cases.digest(one.data)
                rows = cases.our_rows(one.data, "postgres", ["public.a"])
                assert rows == {"public.a": ["1", "2"]}
                assert not os.listdir(one.data / "pg_twophase")  # it is in the log
                assert cases.digest(one.data) == before
                for path in (one.data / "pg_wal").glob("0*"):
                    path.unlink()
                with pytest.raises(PgtoolError, match="shut down in recovery"):
                    cases.our_rows(one.data, "postgres", ["public.a"])
        finally:
            ours.close()
            theirs.close()


def test_what_was_shut_down_in_recovery_needs_no_archive(tmp_path: Path) -> None:
    """The segments that a later start replays again are in pg_wal, wherever they came from."""
    need(MAJOR)
    conf = {**cases.CONF, "wal_keep_size": "1GB"}
    with cluster(MAJOR, initdb_args=cases.INITDB, conf=conf) as server:
        backup = _base_backup(server, "none")
        server.psql("CREATE TABLE a(x int); INSERT INTO a VALUES (1); SELECT pg_switch_wal()")
        server.psql("INSERT INTO a VALUES (2)")
        lsn = server.lsn()
        server.psql("SELECT pg_switch_wal(); INSERT INTO a VALUES (3)")
        server.stop()
        archive = tmp_path / "archive"
        archive.mkdir()
        for path in server.segments():
            (archive / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
        ours = cases.on_copy(server, backup)
        try:
            end = ("--target-lsn", lsn, "--action", "shutdown")
            cases.recover(ours.data, "--wal", str(archive), *end)
            ours.start()
            assert ours.psql("SELECT x FROM a ORDER BY 1").split() == ["1", "2"]
        finally:
            ours.close()


def test_records_that_make_no_sense_are_errors_with_a_place() -> None:
    """Bytes changed behind the CRC: an error of ours or a change, never anything else."""
    need(MAJOR)
    with cluster(MAJOR, initdb_args=cases.INITDB, conf=cases.CONF) as server:
        cases.crash(server, rows=30)
        overlay = Overlay(ReadOnly(str(server.data)))
        run = Recovery(overlay, find_start(overlay), durable=False)
        run.begin()
        reader = run._reader()
        rng = random.Random(11)
        while (raw := reader.read_raw()) is not None:
            rec = reader.decode(raw)
            assert rec is not None
            data = bytearray(raw.data)
            if rng.random() < 0.4 and len(data) > 24:
                data[rng.randrange(24, len(data))] = rng.randrange(256)
                try:
                    changed = wal_record.decode(bytes(data), raw.lsn, raw.end, rec.major, 1)
                    if all(ref.block < 100000 for ref in changed.blocks):
                        run.apply(changed)
                except PgtoolError:
                    pass
            try:
                run.apply(rec)
            except PgtoolError as error:
                assert str(error)


def test_a_tablespace_made_in_place_comes_and_goes() -> None:
    with crashed() as (server, _start):
        server.start()
        make = "SET allow_in_place_tablespaces = on; CREATE TABLESPACE {0} LOCATION ''"
        server.psql(make.format("early"))
        server.psql("CREATE TABLE e(a int) TABLESPACE early; CHECKPOINT; DROP TABLE e")
        for sql in ("DROP TABLESPACE early", make.format("late"), "DROP TABLESPACE late",
                    make.format("stays"), "CREATE TABLE e TABLESPACE stays AS SELECT 7 AS a"):
            server.psql(sql)
        (oid,) = server.psql("SELECT oid FROM pg_tablespace WHERE spcname = 'stays'").split()
        server.kill9()
        assert cases.our_rows(server.data, "postgres", ["public.e"]) == {"public.e": ["7"]}
        cases.recover(server.data)
        assert os.listdir(server.data / "pg_tblspc") == [oid]
        server.start()
        assert server.psql("SELECT a FROM e") == "7\n"


def test_a_copy_at_rest_goes_on_with_an_archive(tmp_path: Path) -> None:
    """As of its own end, of a moment behind it, but of none before it."""
    need(MAJOR)
    with cluster(MAJOR, initdb_args=cases.INITDB, conf=cases.CONF) as server:
        server.psql("CREATE TABLE a(x int); INSERT INTO a VALUES (1)")
        before = server.psql("SELECT now()").strip()
        time.sleep(1.1)
        server.stop()
        path = cases.twin(server, "cold")
        server.start()
        server.psql("INSERT INTO a VALUES (2)")
        lsn = server.lsn()
        server.psql("INSERT INTO a VALUES (3)")
        server.stop()
        start = find_start(Directory(str(path)))

        def seen(wish: Wish) -> list[str]:
            with wishing(wish):
                return cases.our_rows(path, "postgres", ["public.a"])["public.a"]

        wal = (str(server.wal),)
        assert seen(Wish()) == ["1"] and seen(Wish(archives=wal)) == ["1", "2", "3"]
        assert seen(Wish(make_target(lsn=lsn), wal)) == ["1", "2"]
        for target in (make_target(lsn=str(Lsn(start.redo - 1))), make_target(moment=before)):
            with pytest.raises(PgtoolError, match="is before it; an earlier moment needs an older"):
                seen(Wish(target, wal))
            with pytest.raises(PgtoolError, match="is before it"):
                rehearse(str(path), Request(target, wal))


def test_diagnose_tells_a_crash_from_a_clean_shutdown() -> None:
    with crashed() as (server, _start):
        report = diagnose(str(server.data))
        assert report.verdict == "the cluster crashed; recovery would succeed"
        assert "run pgtool recover" in report.advice
