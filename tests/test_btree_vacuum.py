"""VACUUM of btrees: entries and pages that pgtool deletes, judged by the real server.

The rows are deleted by a server, which then stops without VACUUM; pgtool takes their entries
out of the indexes. The server must find its trees sound, vacuum the table, and reuse the
pages that were deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from formats.nbtree import BtpFlags
from pgtool.access.btree import pageops, split
from pgtool.access.index import IndexRelation
from pgtool.catalog.indexinfo import open_index_of
from pgtool.transam.instance import Instance
from tests.conftest import need
from tests.servers import Server, cluster
from tests.test_btree_write import BTREE, Filler, keys, lsn, own

pytestmark = pytest.mark.server

#: Name → (columns, rows, index, what is deleted).
TABLES = {
    "most": ("a int, b text", "SELECT g, 'x' FROM generate_series(1, 6000) g", "(a)",
             "a BETWEEN 300 AND 5900"),
    "lists": ("a int, b text", "SELECT g % 4, 'x' FROM generate_series(1, 6000) g", "(a)",
              "ctid::text LIKE '%7)' OR a = 2"),
    "high": ("a text, b text", "SELECT repeat(chr(97 + g % 26), 200) || repeat(md5(g::text), 40), "
             "'x' FROM generate_series(1, 900) g", "(a)", "a > 'c'"),
    "whole": ("a int, b text", "SELECT g, 'x' FROM generate_series(1, 3000) g", "(a, b)", "true"),
}  # fmt: skip


@pytest.fixture
def served() -> Iterator[tuple[Server, dict[str, list[int]]]]:
    need(18)
    with cluster(18, initdb_args=["--wal-segsize=4"]) as server:
        server.psql("CREATE EXTENSION amcheck")
        dead = {}
        for name, (columns, rows, index, where) in TABLES.items():
            server.psql(f"CREATE TABLE {name} ({columns}); INSERT INTO {name} {rows};"
                        f"CREATE INDEX {name}_i ON {name} {index}")  # fmt: skip
            found = server.psql(f"DELETE FROM {name} WHERE {where} RETURNING ctid").split()
            dead[name] = sorted(flat(text) for text in found)
        yield server, dead


def flat(ctid: str) -> int:
    block, offset = ctid.strip("()").split(",")
    return int(block) << 16 | int(offset)


def check(server: Server) -> None:
    for name in TABLES:
        server.psql(f"SELECT bt_index_parent_check('{name}_i', true, true)")


def vacuum(filler: Filler, name: str, dead: list[int]) -> IndexRelation:
    oid = filler.relation(f"{name}_i").oid
    index = open_index_of(filler.database, filler.instance, oid, keys)
    result = index.vacuum_cleanup(index.bulk_delete(np.array(dead)))
    assert result.tuples_removed == len(dead)
    assert result.pages_newly_deleted > 0 or name == "lists"
    again = index.bulk_delete(np.array(dead))
    assert again.tuples_removed == 0 and again.num_index_tuples == result.num_index_tuples
    return index


@pytest.mark.parametrize("killed", [False, True], ids=["shutdown", "killed"])
def test_the_server_goes_on(served: tuple[Server, dict[str, list[int]]], killed: bool) -> None:
    server, dead = served
    server.stop()
    instance = Instance.start(str(server.data))
    filler = Filler(server, instance)
    if killed:
        instance.checkpoint()
        instance.wal.consistency = BTREE
    start = instance.wal.insert_lsn
    for name in TABLES:
        vacuum(filler, name, dead[name])
    filler.xact.commit()
    end = instance.wal.end
    instance.wal.flush_all()
    if killed:
        instance.abandon()
    else:
        instance.shutdown()
    own(server)
    seen = server.run_tool("pg_waldump", "-p", server.wal, "-s", lsn(start), "-e", lsn(end))
    for kind in (b"VACUUM", b"MARK_PAGE_HALFDEAD", b"UNLINK_PAGE", b"META_CLEANUP"):
        assert kind in seen, kind
    server.start()
    check(server)
    for name, (_columns, rows, _index, _where) in TABLES.items():
        before = server.psql(f"SELECT pg_relation_size('{name}_i')")
        server.psql(f"VACUUM {name}; SELECT txid_current(); VACUUM {name};"
                    f"INSERT INTO {name} {rows}")  # fmt: skip
        if name in ("most", "whole"):
            assert int(server.psql(f"SELECT pg_relation_size('{name}_i')")) < int(before) * 2
    check(server)


def test_deleted_pages_are_reused(served: tuple[Server, dict[str, list[int]]]) -> None:
    """Our own insertions take pages that our own VACUUM deleted."""
    server, dead = served
    server.stop()
    instance = Instance.start(str(server.data))
    filler = Filler(server, instance)
    index = vacuum(filler, "most", dead["most"])
    filler.xact.commit()
    filler.xact.begin()
    filler.xact.current_xid()
    filler.xact.commit()
    index.bulk_delete(np.zeros(0, np.int64))
    pool, where = instance.pool, index.tree.where
    blocks = pool.nblocks(where)

    def deleted() -> int:
        return sum(
            bool(pageops.flags_of(pool.pin(where, b).page) & BtpFlags.BTP_DELETED)
            for b in range(blocks)
        )

    before = deleted()
    assert before > 5
    filler.xact.begin()
    for place, tid in enumerate(dead["most"]):
        datum = (300 + place).to_bytes(4, "little")
        index.insert(filler.xact, [datum], (tid >> 16, tid & 0xFFFF))
    filler.xact.abort()
    assert deleted() < before // 2
    instance.shutdown()
    own(server)
    server.start()
    server.psql("SELECT bt_index_parent_check('most_i', true, true)")


class Interrupted(Exception):
    """The test ends the work here."""


def test_unfinished_splits_are_finished(
    served: tuple[Server, dict[str, list[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the two records of a split: the server recovers, we finish it."""
    server, dead = served
    server.stop()
    instance = Instance.start(str(server.data))
    filler = Filler(server, instance)
    index = vacuum(filler, "most", dead["most"])
    filler.xact.commit()
    filler.xact.begin()
    finish = split.insert_parent
    splits = 0

    def fail_at_the_fifth(*args: Any) -> None:
        nonlocal splits
        splits += 1
        if splits == 5:
            raise Interrupted
        finish(*args)

    monkeypatch.setattr(split, "insert_parent", fail_at_the_fifth)
    done = 0
    with pytest.raises(Interrupted):
        for done, tid in enumerate(dead["most"]):
            enter(filler, index, done, tid)
    monkeypatch.undo()
    instance.wal.flush_all()
    instance.abandon()
    own(server)
    server.start()
    server.psql("SELECT bt_index_check('most_i', true)")
    server.stop()
    instance = Instance.start(str(server.data))
    filler = Filler(server, instance)
    index = open_index_of(filler.database, instance, filler.relation("most_i").oid, keys)
    flagged = unfinished(index)
    assert len(flagged) == 1
    for place, tid in enumerate(dead["most"][done + 1 :], done + 1):
        enter(filler, index, place, tid)
    assert not unfinished(index)
    filler.xact.commit()
    instance.shutdown()
    own(server)
    server.start()
    server.psql("SELECT bt_index_parent_check('most_i', true, true)")


def enter(filler: Filler, index: IndexRelation, place: int, tid: int) -> None:
    datum = (300 + place).to_bytes(4, "little")
    index.insert(filler.xact, [datum], (tid >> 16, tid & 0xFFFF))


def unfinished(index: IndexRelation) -> list[int]:
    """Pages whose right sibling has no link from above."""
    tree = index.tree
    out = []
    for block in range(1, tree.pool.nblocks(tree.where)):
        with tree.pool.read(tree.where, block) as buffer:
            if pageops.flags_of(buffer.page) & BtpFlags.BTP_INCOMPLETE_SPLIT:
                out.append(block)
    return out
