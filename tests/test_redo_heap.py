"""Redo of heap records: every page equals the image that the server logged behind the change.

A cluster's files are copied, then the server works under wal_consistency_checking; its
records are replayed over the copy. Images are compared record by record, and in the end the
pages and the visibility maps with the files that the server left.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from formats.units import BLCKSZ
from formats.vm import MAP
from formats.wal.record import DecodedRecord
from pgtool.access.heap import pageops, xlog
from pgtool.storage.backend import ReadOnly
from pgtool.storage.overlay import Overlay
from pgtool.storage.redopool import RedoPool
from pgtool.storage.smgr import RELSEG_SIZE
from pgtool.wal import redo, rmgr
from pgtool.wal.redo import RedoContext
from tests.conftest import need
from tests.installs import MAJORS
from tests.servers import Server, cluster
from tests.test_rmgr_cluster import records
from tests.test_rmgr_heap import (
    CATALOGS,
    HEAP,
    HEAP2,
    IDENTITY,
    MANY,
    ROWS,
    several_at_once,
)

pytestmark = pytest.mark.server

CONF = {"wal_level": "logical", "max_wal_size": "2GB", "wal_keep_size": "2GB"}
#: Record types that the scripts must bring about, in every major.
EXPECTED = {
    "INSERT", "INSERT+INIT", "DELETE", "UPDATE", "HOT_UPDATE", "HEAP_CONFIRM", "LOCK", "INPLACE",
    "VISIBLE", "MULTI_INSERT", "MULTI_INSERT+INIT", "LOCK_UPDATED",
}  # fmt: skip
PRUNING = {
    major: {"PRUNE_ON_ACCESS", "PRUNE_VACUUM_SCAN", "PRUNE_VACUUM_CLEANUP"} if major > 16
    else {"PRUNE", "VACUUM", "FREEZE_PAGE"}
    for major in MAJORS
}  # fmt: skip
MAPS = """
CREATE TABLE mapped(a int, b text) WITH (autovacuum_enabled = off);
INSERT INTO mapped SELECT g, repeat('x', 500) FROM generate_series(1, 90) g;
VACUUM FREEZE mapped;
BEGIN; SELECT a FROM mapped WHERE a IN (1, 50) FOR UPDATE; COMMIT;
UPDATE mapped SET b = repeat('y', 1500) WHERE a IN (1, 2, 30);
DELETE FROM mapped WHERE a IN (40, 60);
VACUUM FREEZE mapped;
UPDATE mapped SET b = repeat('z', 600) WHERE a IN (31, 41, 61);
INSERT INTO mapped SELECT g, 'q' FROM generate_series(100, 110) g;
VACUUM mapped;
DELETE FROM mapped WHERE a > 70;
VACUUM mapped;
"""


def work(server: Server) -> None:
    server.psql("SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
    server.psql(ROWS + IDENTITY + MANY + MAPS)
    several_at_once(server, "public")
    server.psql("CHECKPOINT; VACUUM FREEZE h;" + CATALOGS)


@pytest.fixture(scope="module", params=MAJORS, ids=[f"pg{m}" for m in MAJORS])
def worked(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Path]]:
    """A stopped cluster and its files as they were before."""
    need(request.param)
    with cluster(request.param, initdb_args=["--wal-segsize=4", "--data-checksums"],
                 conf=CONF) as server:  # fmt: skip
        server.stop()
        before = server.base / "before"
        shutil.copytree(server.data, before)
        server.start(wal_consistency_checking="heap,heap2")
        work(server)
        server.stop()
        yield server, before


def blanked(page: bytes, block: int) -> bytes:
    out = bytearray(page)
    if any(out):
        xlog.mask(out, block)
    return bytes(out)


def check_images(rec: DecodedRecord, ctx: RedoContext) -> int:
    """Compare the pages of a record with its images, the map's pages bit by bit."""
    checked = 0
    for ref in rec.blocks:
        if ref.image is None or ref.image.apply:
            continue
        buffer = ctx.pool.get((ref.spc, ref.db, ref.rel, ref.fork, ref.block))
        assert buffer is not None, f"{rec.lsn}"
        ours, theirs = bytes(buffer.page), ref.image.page()
        if ref.fork:
            assert ours[MAP:] == theirs[MAP:], f"{rec.lsn} {rmgr.describe(rec)}"
        else:
            assert blanked(ours, ref.block) == blanked(theirs, ref.block), (
                f"{rec.lsn} {rmgr.identify(rec)} {rmgr.describe(rec)}"
            )
        checked += 1
    return checked


def replay(server: Server, ctx: RedoContext) -> tuple[Counter[str], set[tuple[int, ...]]]:
    seen: Counter[str] = Counter()
    forks: set[tuple[int, ...]] = set()
    for rec in records(server.segments()):
        name = rmgr.identify(rec)
        if rec.rmid in (HEAP, HEAP2):
            redo.apply(rec, ctx)
            seen[name] += check_images(rec, ctx)
            forks |= {(ref.spc, ref.db, ref.rel, ref.fork) for ref in rec.blocks}
        elif name in ("FPI", "FPI_FOR_HINT"):
            for ref in rec.blocks:
                ctx.buffer(rec, ref.id)
        elif (rec.rmid, name) == (2, "TRUNCATE"):
            main = rmgr.parse_main(rec)
            fork = (main.rlocator.spcOid, main.rlocator.dbOid, main.rlocator.relNumber)
            for kind in (0, 2):
                forks.discard((*fork, kind))
    return seen, forks


def test_every_page(worked: tuple[Server, Path]) -> None:
    server, before = worked
    pool = RedoPool(Overlay(ReadOnly(str(before))), server.major, RELSEG_SIZE, checksums=True,
                    pages=1 << 20)  # fmt: skip
    ctx = RedoContext(pool, None, server.major)
    seen, forks = replay(server, ctx)
    assert EXPECTED | PRUNING[server.major] <= set(seen)
    assert all(seen[name] for name in EXPECTED | PRUNING[server.major]), seen
    files = ReadOnly(str(server.data))
    same = 0
    for buffer in (buffer for pages in pool.forks.values() for buffer in pages.values()):
        key = buffer.key
        path = pool.path(key[:4])
        if key[:4] not in forks or not files.exists(path) or files.size(path) <= key[4] * BLCKSZ:
            continue
        theirs = files.read(path, key[4] * BLCKSZ, BLCKSZ)
        if key[3]:
            assert bytes(buffer.page[MAP:]) == theirs[MAP:], f"{path} block {key[4]}"
        else:
            assert blanked(bytes(buffer.page), key[4]) == blanked(theirs, key[4])
            assert pageops.all_visible(buffer.page) == pageops.all_visible(theirs)
        same += 1
    assert same > 50
