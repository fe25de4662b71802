"""Btree redo against the server's own pages: each record carries its pages as they became.

A server under ``wal_consistency_checking`` puts an image of every changed page into the
record that changes it. All records are replayed here from empty files on, by their data
alone, and after each one the pages must equal the images, hints masked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from formats.wal.record import BlockRef, DecodedRecord
from pgtool.access.btree.mask import mask
from pgtool.access.btree.xlog import REDO
from pgtool.storage import page as bufpage
from pgtool.wal import rmgr
from pgtool.wal.redo import BLK_NEEDS_REDO, BLK_NOTFOUND
from tests.conftest import need
from tests.fixtures import scenarios
from tests.installs import MAJORS
from tests.servers import cluster
from tests.test_rmgr_cluster import records
from tests.test_rmgr_index import SCRIPTS, shorter

XLOG, BTREE = 0, 11
#: Records of each type whose pages are compared; all are replayed.
COMPARED = 120
Key = tuple[int, int, int]


@dataclass
class Page:
    """A buffer, as far as redo needs one."""

    page: bytearray
    key: Key


class Replay:
    """A redo context over pages in a dictionary, which never uses a btree record's image."""

    def __init__(self) -> None:
        self.pages: dict[Key, bytearray] = {}
        self.seen: Counter[str] = Counter()

    def buffer(
        self, rec: DecodedRecord, block_id: int, *, init: bool = False
    ) -> tuple[object, Page | None]:
        ref = rec.block(block_id)
        assert ref is not None
        key = (ref.rel, ref.fork, ref.block)
        if key not in self.pages:
            if not init:
                return BLK_NOTFOUND, None
            self.pages[key] = bytearray(8192)
        return BLK_NEEDS_REDO, Page(self.pages[key], key)

    def done(self, buffer: Page, rec: DecodedRecord) -> None:
        bufpage.set_lsn(buffer.page, rec.end)

    def restore(self, ref: BlockRef) -> None:
        assert ref.image is not None
        self.pages[ref.rel, ref.fork, ref.block] = bytearray(ref.image.page())

    def run(self, recs: Iterable[DecodedRecord]) -> None:
        for rec in recs:
            if rec.rmid == XLOG:
                for ref in rec.blocks:
                    if ref.image is not None:
                        self.restore(ref)
            elif rec.rmid == BTREE:
                name = rmgr.entry(rec.major, rec.rmid, rec.info).name
                self.seen[name] += 1
                unknown = [r for r in rec.blocks if r.image and r.image.apply and not r.will_init]
                REDO[name](rec, self)
                for ref in unknown:
                    self.restore(ref)
                if self.seen[name] <= COMPARED:
                    self.compare(rec, name)

    def compare(self, rec: DecodedRecord, name: str) -> None:
        for ref in rec.blocks:
            ours = self.pages.get((ref.rel, ref.fork, ref.block))
            if ref.image is None or ours is None:
                continue
            mine, theirs = bytearray(ours), bytearray(ref.image.page())
            mask(mine, ref.block)
            mask(theirs, ref.block)
            assert mine == theirs, f"{name} at {rec.lsn}, block reference {ref.id}"


@pytest.mark.server
@pytest.mark.parametrize("major", MAJORS)
def test_redo_makes_the_server_s_pages(major: int) -> None:
    need(major)
    conf = {"wal_consistency_checking": "btree", "full_page_writes": "off", "wal_compression": "on",
            "max_wal_size": "2GB", "wal_keep_size": "2GB"}  # fmt: skip
    with cluster(major, initdb_args=["--wal-segsize=4"], conf=conf) as server:
        server.psql(f"CREATE SCHEMA s; SET search_path = s; {shorter(SCRIPTS['btree'])}")
        server.psql(MORE)
        server.stop()
        replay = Replay()
        replay.run(records(server.segments()))
    assert set(replay.seen) >= set(REDO) - {"META_CLEANUP", "REUSE_PAGE"}


#: Records that the shortened script is too small for: high trees, deleted inner pages.
MORE = """
CREATE TABLE high(a text, b int) WITH (fillfactor = 50); CREATE INDEX ON high(a, b);
INSERT INTO high SELECT repeat('x', 1000 + g % 7 * 30) || (g * 7919 % 1000), g
FROM generate_series(1, 300) g;
ALTER TABLE high ALTER a SET STORAGE PLAIN;
INSERT INTO high SELECT repeat(chr(97 + g % 26), 1500) || (g * 7919 % 1000), g
FROM generate_series(1, 200) g;
DELETE FROM high WHERE b % 100 <> 3; VACUUM high; VACUUM high;
SELECT txid_current(); SELECT txid_current(); VACUUM high;
INSERT INTO high SELECT repeat(chr(97 + g % 26), 1500) || (g * 7919 % 1000), g
FROM generate_series(1, 100) g;
CREATE TABLE posts(k int, v int); CREATE INDEX ON posts(k);
INSERT INTO posts SELECT g % 3, g FROM generate_series(1, 3000) g;
DELETE FROM posts WHERE v % 7 = 0; VACUUM posts;
INSERT INTO posts SELECT g % 3, g FROM generate_series(1, 3000) g;
CREATE TABLE single(a int); INSERT INTO single SELECT g FROM generate_series(1, 1000) g;
CREATE INDEX ON single(a) WITH (fillfactor = 10);
DELETE FROM single WHERE a < 990; VACUUM single;
SELECT txid_current(); VACUUM single; SET wal_consistency_checking = '';
INSERT INTO single SELECT g FROM generate_series(1001, 1350) g;
RESET wal_consistency_checking;
INSERT INTO single SELECT g FROM generate_series(1351, 1450) g;
"""


@pytest.mark.parametrize("scenario", scenarios(name="consistency"), ids=str)
def test_redo_of_the_fixtures(scenario, tmp_path) -> None:  # type: ignore[no-untyped-def]
    scenario.unpack(tmp_path)
    run = sorted(p for p in (tmp_path / "pg_wal").iterdir() if len(p.name) == 24)
    replay = Replay()
    replay.run(records(run))
    assert replay.seen["INSERT_LEAF"] > 30
