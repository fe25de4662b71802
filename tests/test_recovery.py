"""Recovery beside the real server: the same crashed directory, recovered by both."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from formats.wal.record import DecodedRecord
from pgtool.check.diagnose import diagnose
from pgtool.storage.backend import ReadOnly
from pgtool.storage.overlay import Overlay
from pgtool.transam.recovery.driver import Recovery
from pgtool.transam.recovery.start import find_start
from pgtool.wal import consistency, rmgr
from tests import recovery_cases as cases
from tests.conftest import need
from tests.servers import Server, cluster
from tests.uncompiled import as_python

pytestmark = pytest.mark.server
MAJORS = (14, 15, 16, 17, 18)
#: Managers whose pages the workload makes the server check.
CHECKED = {"Heap", "Heap2", "Btree", "Hash", "Gin", "Gist", "SPGist", "BRIN", "Sequence"}

#: Record types that come about in few ways only, and how: pages of a posting tree get empty,
#: chains of a hash bucket are squeezed, dead entries give way to new ones, a row is locked
#: that somebody is updating, an insertion is confirmed.
RARE = {("Gin", "DELETE_PAGE"), ("Gin", "VACUUM_DATA_LEAF_PAGE"), ("Hash", "VACUUM_ONE_PAGE"),
        ("Hash", "MOVE_PAGE_CONTENTS"), ("Hash", "SQUEEZE_PAGE"), ("Heap", "HEAP_CONFIRM"),
        ("Heap2", "LOCK_UPDATED")}  # fmt: skip
POSTED = """SET wal_consistency_checking = '';
CREATE TABLE posted AS SELECT g AS id, ARRAY[1] AS i FROM generate_series(1, 20000) g;
CREATE INDEX ON posted USING gin (i);
CREATE TABLE chained(id int); CREATE INDEX ON chained USING hash (id);
CREATE TABLE locked(a int PRIMARY KEY, b int); INSERT INTO locked VALUES (1, 1)"""
EMPTIED = """INSERT INTO locked VALUES (1, 3), (2, 2) ON CONFLICT (a) DO UPDATE SET b = 3;
SET wal_consistency_checking = 'gin,hash';
DELETE FROM posted WHERE id % 900 = 0; VACUUM posted;
DELETE FROM posted WHERE id BETWEEN 1000 AND 19000; VACUUM posted;
INSERT INTO chained SELECT 1 FROM generate_series(1, 380); DELETE FROM chained;
SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*) FROM chained WHERE id = 1;
INSERT INTO chained SELECT 1 FROM generate_series(1, 1000);
DELETE FROM chained WHERE ctid::text ~ '[147].$'; VACUUM chained"""


def rare_changes(server: Server) -> None:
    """Make records of the types in RARE."""
    server.psql(POSTED)
    server.psql("CHECKPOINT")
    server.psql(EMPTIED)
    one = server.connect(autocommit=False)
    one.execute("UPDATE locked SET b = 2")
    server.psql("SELECT * FROM locked FOR KEY SHARE")
    one.commit()
    one.close()


Compared = Counter[tuple[str, str]]


def replayed_with_checks(path: Path, fast: bool) -> tuple[Compared, str]:
    """Replay over an overlay and compare each page with the image in the log; by record type.

    Also a hash of what came out.
    """
    overlay = Overlay(ReadOnly(str(path)))
    run = Recovery(overlay, find_start(overlay), durable=False)
    run.fast = fast
    compared: Compared = Counter()

    def check(rec: DecodedRecord) -> None:
        found = rmgr.entry(rec.major, rec.rmid, rec.info)
        compared[found.rmgr.name, found.name] += consistency.check(rec, run.context)

    run.check_every(check)
    run.begin()
    run.replay()
    out = hashlib.sha256()
    for fork, pages in sorted(run.pool.forks.items()):
        for block, buffer in sorted(pages.items()):
            out.update(repr((fork, block, buffer.dirty)).encode() + buffer.page)
    for area in run.state.areas():
        out.update(repr(sorted(area._pages.items())).encode())
    out.update(repr((run.state.next_xid, run.state.next_multi, run.end, run.last)).encode())
    return compared, out.hexdigest()


@pytest.mark.parametrize("major", MAJORS)
def test_every_replayed_page_is_the_servers(major: int) -> None:
    need(major)
    conf = {**cases.CONF, "wal_consistency_checking": "all", "wal_compression": "on"}
    with cluster(major, initdb_args=cases.INITDB, conf=conf) as server:
        cases.crash(server, rows=120)
        compared, pages = replayed_with_checks(server.data, fast=False)
        assert replayed_with_checks(server.data, fast=True) == (compared, pages)
        if major == max(MAJORS):
            with as_python():
                assert replayed_with_checks(server.data, fast=True) == (compared, pages)
    assert {name for (name, _type), pages in compared.items() if pages} >= CHECKED


@pytest.mark.parametrize("major", MAJORS)
def test_pages_of_rare_records_are_the_servers(major: int) -> None:
    need(major)
    conf = {**cases.CONF, "wal_consistency_checking": "all", "wal_compression": "on"}
    with cluster(major, initdb_args=cases.INITDB, conf=conf) as server:
        rare_changes(server)
        server.kill9()
        compared, pages = replayed_with_checks(server.data, fast=False)
        assert replayed_with_checks(server.data, fast=True) == (compared, pages)
    assert {kind for kind in RARE if compared[kind]} == RARE


@pytest.mark.parametrize("major", MAJORS)
def test_both_recover_to_the_same_rows(major: int) -> None:
    need(major)
    with cluster(major, initdb_args=cases.INITDB, conf=cases.CONF) as server:
        cases.crash(server)
        path = cases.twin(server, "ours")
        before = cases.digest(path)
        server.start()
        databases = ["postgres", "other", *(["logged"] if major >= 15 else [])]
        expected = {db: cases.server_rows(server, db) for db in databases}
        server.stop()
        for db in databases:
            assert cases.our_rows(path, db, list(expected[db])) == expected[db]
        assert cases.digest(path) == before
        cases.recover(path, "-j", "2" if major == max(MAJORS) else "1")
        mine = cases.on_copy(server, path)
        try:
            check_recovered(mine, expected)
        finally:
            mine.close()


def check_recovered(mine: Server, expected: dict[str, dict[str, list[str]]]) -> None:
    """The real server starts on our directory without redo, and finds the same rows."""
    if mine.has_tool("pg_checksums"):
        assert b"Bad checksums:  0" in mine.run_tool("pg_checksums", "-c", "-D", mine.data)
    mine.start()
    log = mine.log.read_text()
    assert "database system was shut down" in log and "redo starts" not in log
    assert {db: cases.server_rows(mine, db) for db in expected} == expected
    assert mine.psql("SELECT gid FROM pg_prepared_xacts") == "pending\n"
    assert mine.psql("SELECT count(*) FROM unlogged") == "0\n"
    if mine.has_tool("pg_amcheck") and mine.extension("amcheck"):
        found = mine.run_tool(
            "pg_amcheck", "-h", mine.base, "-U", "postgres", "-d", "postgres",
            "--heapallindexed", "--parent-check", "--rootdescend", merge=True,
        )  # fmt: skip
        assert found == b""
    mine.psql("INSERT INTO kept VALUES (9999); COMMIT PREPARED 'pending'")
    assert mine.psql("SELECT count(*) FROM tr") == "3\n"


def test_nothing_to_do_after_a_clean_shutdown() -> None:
    need(18)
    with cluster(18, initdb_args=cases.INITDB) as server:
        server.stop()
        before = cases.digest(server.data)
        assert "nothing to recover" in cases.recover(server.data).stderr
        report = diagnose(str(server.data))
        assert (report.verdict, report.blocked) == ("the cluster was shut down cleanly", False)
        assert cases.digest(server.data) == before
        (server.data / "pg_xact" / "0000").unlink()
        report = diagnose(str(server.data))
        assert any("pg_xact" in finding.text for finding in report.findings) and report.blocked
        assert "copy the whole directory first" in report.advice
