"""Versions that pile up in indexes: dead entries go before a page is split.

Rows are updated over and over through the engine, so that indexes get entries of versions
that nobody sees any more. They must be found and deleted (with records that name the
horizon), the indexes stay small, and the real server recovers all of it after a kill.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import pgtool
from formats.page import LpFlags
from pgtool.storage import page as bufpage
from pgtool.storage.smgr import RelFileLocator
from pgtool.transam.instance import running_instance
from tests.conftest import need
from tests.servers import Server, cluster
from tests.test_btree_write import BTREE, own

pytestmark = pytest.mark.server

SETUP = """
CREATE TABLE churn (a int PRIMARY KEY, k int, v int);
CREATE INDEX churn_k ON churn (k); CREATE INDEX churn_v ON churn (v);
INSERT INTO churn SELECT g, g % 10, 0 FROM generate_series(1, 120) g;
"""


@pytest.fixture
def stopped() -> Iterator[Server]:
    need(18)
    with cluster(18, initdb_args=["--wal-segsize=4"]) as server:
        server.psql("CREATE EXTENSION amcheck; " + SETUP)
        server.stop()
        yield server


def test_versions_are_deleted(stopped: Server) -> None:
    connection = pgtool.connect(str(stopped.data), dbname="postgres")
    cursor = connection.cursor()
    for turn in range(24):
        cursor.execute("UPDATE churn SET v = v + 1")
        connection.commit()
        instance = running_instance(str(stopped.data))
        assert instance is not None
        if turn == 0:
            instance.wal.consistency = BTREE
    instance.wal.flush_all()
    instance.abandon()
    own(stopped)
    names = [path.name for path in stopped.segments()]
    seen = stopped.run_tool(
        "pg_waldump", "-p", stopped.wal, "-r", "Btree", names[0], names[-1], check=False
    ).decode()
    assert "desc: DELETE snapshotConflictHorizon: " in seen
    stopped.start()
    for name in ("churn_pkey", "churn_k", "churn_v"):
        stopped.psql(f"SELECT bt_index_parent_check('{name}', true, true)")
        pages = int(stopped.psql(f"SELECT pg_relation_size('{name}') / {8192}"))
        assert pages < 8, (name, pages)
    assert stopped.psql("SELECT count(*), min(v), max(v) FROM churn").strip() == "120|24|24"


def test_scans_mark_entries_of_dead_rows(stopped: Server) -> None:
    connection = pgtool.connect(str(stopped.data), dbname="postgres")
    cursor = connection.cursor()
    cursor.execute("DELETE FROM churn WHERE k = 3 AND a <> 3")
    connection.commit()
    cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    cursor.execute("SELECT a FROM churn WHERE k = 3")
    instance = running_instance(str(stopped.data))
    assert instance is not None
    cursor.execute("SELECT pg_relation_filepath('churn_k')")
    _base, db, rel = cursor.fetchone()[0].split("/")
    where = RelFileLocator(1663, int(db), int(rel))
    assert dead_items(instance, where) == 0
    cursor.execute("INSERT INTO churn VALUES (1000, 11, 0)")
    cursor.execute("SELECT a FROM churn WHERE k = 3")
    assert cursor.fetchall() == [(3,)]
    assert dead_items(instance, where) > 0
    connection.commit()
    connection.close()
    own(stopped)
    stopped.start()
    stopped.psql("SELECT bt_index_parent_check('churn_k', true, true); INSERT INTO churn SELECT "
                 "g, 3 FROM generate_series(2000, 4000) g; SET enable_seqscan = off")  # fmt: skip
    stopped.psql("SELECT bt_index_parent_check('churn_k', true, true)")
    assert stopped.psql("SELECT count(*) FROM churn WHERE k = 3").strip() == "2002"


def dead_items(instance: Any, where: Any) -> int:
    with instance.pool.read(where, 1) as buffer:
        return sum(one.flags == LpFlags.LP_DEAD for one in bufpage.item_ids(buffer.page))
