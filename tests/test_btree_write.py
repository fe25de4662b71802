"""Btrees that pgtool fills, judged by the real server: amcheck, pg_waldump, crash recovery.

A server makes tables with indexes and stops; pgtool empties each index (its meta page is
logged anew) and enters all rows again, one by one or as a build, in some order. Then the
server must find every row in the index and every rule of the tree kept, after a clean
shutdown and, by its own recovery of our WAL, after a kill.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from pgtool.access.btree import pageops
from pgtool.access.heap.hot import index_places
from pgtool.catalog.cluster import Cluster
from pgtool.catalog.indexbuild import build_index
from pgtool.catalog.indexinfo import open_index_of
from pgtool.storage.smgr import ForkNumber
from pgtool.transam.instance import Instance
from tests.conftest import need
from tests.installs import NOBODY
from tests.servers import Server, cluster

pytestmark = pytest.mark.server

#: Name → (columns, rows, index).
TABLES = {
    "ints": ("a int", "SELECT g FROM generate_series(1, 3000) g", "(a)"),
    "dups": ("a int", "SELECT g % 5 FROM generate_series(1, 4000) g", "(a)"),
    "nulls": ("a int, b text", "SELECT nullif(g % 11, 3), CASE WHEN g % 3 > 0 THEN 'v' || g % 90 "
              "END FROM generate_series(1, 2500) g", "(a DESC, b NULLS FIRST)"),
    "incl": ("a int, b text", "SELECT g, 'payload' || g FROM generate_series(1, 1500) g",
             "(a) INCLUDE (b)"),
    "longs": ("a text", "SELECT repeat(md5((g % 90)::text), 1 + g % 40) || g FROM "
              "generate_series(1, 700) g", "(a)"),
    "names": ("a name, b bool", "SELECT 'n' || g % 300, g % 2 = 0 FROM generate_series(1, 1500) g",
              "(a, b)"),
    "wide": ("a int8, b int4", "SELECT g % 20, g FROM generate_series(1, 2500) g",
             "(a, b) WITH (fillfactor = 70, deduplicate_items = off)"),
    "single": ("a int, b text", "SELECT 7, NULL FROM generate_series(1, 3000) g", "(b, a)"),
    "uuids": ("a uuid", "SELECT md5(g::text)::uuid FROM generate_series(1, 1500) g", "(a)"),
    "times": ("a timestamptz, b numeric", "SELECT '2020-01-01'::timestamptz + g * '1 min'::interval"
              ", g / 7.0 FROM generate_series(1, 1200) g", "(b, a DESC)"),
    "uniq": ("a text", "SELECT 'key ' || g FROM generate_series(1, 1500) g", "UNIQUE (a)"),
}  # fmt: skip
#: Records carry their pages as they became: the server compares what it makes of them.
BTREE = frozenset({11})
ORDERS = ("ascending", "descending", "random", "build", "batches", "mixed batches")


def make_tables(server: Server) -> None:
    server.psql("CREATE EXTENSION amcheck")
    for name, (columns, rows, index) in TABLES.items():
        unique, _, rest = index.rpartition("UNIQUE ")
        kind = "UNIQUE INDEX" if unique or index.startswith("UNIQUE") else "INDEX"
        server.psql(f"CREATE TABLE {name} ({columns}); INSERT INTO {name} {rows}; "
                    f"CREATE {kind} {name}_i ON {name} {rest or index}")  # fmt: skip
    server.psql("CHECKPOINT")


def check(server: Server) -> None:
    for name in TABLES:
        server.psql(f"SELECT bt_index_parent_check('{name}_i', true, true), "
                    f"bt_index_check('{name}_i', true)")  # fmt: skip


class Filler:
    """Empties and fills the indexes of one stopped directory."""

    def __init__(self, server: Server, instance: Instance) -> None:
        self.instance = instance
        self.cluster = Cluster(str(server.data), inconsistent=True)
        self.database = self.cluster.database("postgres")
        self.xact = instance.session(self.database.oid)
        self.xact.begin()

    def rows(self, name: str) -> tuple[list[list[Any]], list[int]]:
        """(datums by row, TIDs) of a table."""
        datums: list[list[Any]] = []
        tids: list[int] = []
        relation = self.relation(name)
        for batch in self.database.scan(relation).batches(range(len(relation.attributes))):
            columns = batch.columns
            for row in range(len(batch)):
                datums.append([column.datum(row) for column in columns])
            tids += index_places(batch.tuples).tolist()
        return datums, tids

    def relation(self, name: str) -> Any:
        oid = next(r.oid for r in self.database.relations() if r.relname == name)
        return self.database.relation(oid)

    def empty(self, index: Any) -> None:
        """The tree's root is forgotten, logged as an image of the meta page."""
        tree = index.tree
        with tree.page(0) as buffer:
            meta = pageops.read_meta(buffer.page)
            with tree.change(buffer):
                pageops.write_meta(buffer.page, meta._replace(root=0, fastroot=0, level=0,
                                                              fastlevel=0))  # fmt: skip
                tree.wal.log_newpage(tree.where, ForkNumber.MAIN, 0, buffer.page)

    def fill(self, name: str, order: str) -> None:
        oid = self.relation(f"{name}_i").oid
        index = open_index_of(self.database, self.instance, oid, keys)
        if order == "build":
            index.tree.pool.truncate(index.tree.where)
            built = build_index(self.database, self.instance, self.xact, oid, keys=keys)
            assert built.index_tuples == built.heap_tuples > 0
            return
        datums, tids = self.rows(name)
        places = list(range(len(tids)))
        if order == "descending":
            places.reverse()
        elif order in ("random", "mixed batches"):
            random.Random(name).shuffle(places)
        self.empty(index)
        if "batches" in order:
            for first in range(0, len(places), 900):
                some = places[first : first + 900]
                columns = [[datums[i][n - 1] for i in some] for n in index.descriptor.attnums]
                index.insert_batch(self.xact, columns, [tids[i] for i in some])
            return
        for i in places:
            keyed = [datums[i][n - 1] for n in index.descriptor.attnums]
            index.insert(self.xact, keyed, (tids[i] >> 16, tids[i] & 0xFFFF))


def keys(prosrc: str, typid: int, collation: int) -> Any:
    raise AssertionError(f"{prosrc} is no plain comparison")


@pytest.fixture(scope="module")
def served() -> Iterator[Server]:
    need(18)
    with cluster(18, initdb_args=["--wal-segsize=4"], conf={"max_wal_size": "1GB"}) as server:
        make_tables(server)
        yield server


@pytest.mark.parametrize("order", ORDERS)
def test_real_server_finds_every_row(served: Server, order: str) -> None:
    served.stop()
    instance = Instance.start(str(served.data))
    try:
        filler = Filler(served, instance)
        for name in TABLES:
            filler.fill(name, order)
        filler.xact.commit()
    finally:
        instance.shutdown()
    own(served)
    served.start()
    check(served)


@pytest.mark.parametrize("order", ["random", "build", "batches"])
def test_real_server_recovers_it(served: Server, order: str) -> None:
    served.stop()
    instance = Instance.start(str(served.data))
    filler = Filler(served, instance)
    instance.checkpoint()
    instance.wal.consistency = BTREE
    start = instance.wal.insert_lsn
    for name in TABLES:
        filler.fill(name, order)
    filler.xact.commit()
    end = instance.wal.end
    instance.abandon()
    own(served)
    seen = served.run_tool("pg_waldump", "-p", served.wal, "-s", lsn(start), "-e", lsn(end))
    if order == "random":
        for kind in (b"INSERT_LEAF", b"INSERT_UPPER", b"SPLIT_L", b"SPLIT_R", b"NEWROOT", b"DEDUP",
                     b"INSERT_POST"):  # fmt: skip
            assert kind in seen, kind
    else:
        assert seen.count(b"FPI") >= len(TABLES)
    served.start()
    check(served)


def lsn(value: int) -> str:
    return f"{value >> 32:X}/{value & 0xFFFFFFFF:08X}"


def own(server: Server) -> None:
    """What we wrote as another user belongs to the server's again."""
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(server.data)], check=True)

