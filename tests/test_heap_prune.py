"""Pruning on access looks at the tuples that its hints leave in doubt only: nothing is lost by it.

A random workload prunes as it goes; each time the whole page is judged too, in a copy, and
both must decide alike. At the end the server's amcheck finds nothing.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from pgtool.access.heap import pruneheap
from pgtool.catalog.cluster import Cluster
from pgtool.functions.session import Session
from pgtool.sql.engine import Engine
from pgtool.storage.bufmgr import Buffer
from tests.own_cluster import own_cluster

pytestmark = pytest.mark.server
ROWS = 150


def workload(rng: random.Random) -> list[str]:
    """Statements, some in blocks that end one way or the other, with savepoints."""
    out = [f"INSERT INTO t SELECT g, g, 'row {{}}' || g FROM generate_series(1, {ROWS}) g"]
    while len(out) < 350:
        key = rng.randrange(ROWS)
        many = f"id BETWEEN {key} AND {key + rng.randrange(12)}"
        one = rng.choice([
            f"UPDATE t SET v = repeat('x', {rng.randrange(30)}) WHERE id = {key}",
            f"UPDATE t SET k = k + 1 WHERE {many}",
            f"DELETE FROM t WHERE id = {key}",
            f"INSERT INTO t VALUES ({key}, 0, 'again') ON CONFLICT DO NOTHING",
            f"SELECT FROM t WHERE {many} FOR UPDATE",
        ])  # fmt: skip
        if rng.random() < 0.15:
            end = rng.choice(["COMMIT", "ROLLBACK"])
            out += ["BEGIN", one, "SAVEPOINT s", f"UPDATE t SET k = -1 WHERE {many}",
                    rng.choice(["ROLLBACK TO s", "RELEASE s"]), one, end]  # fmt: skip
        else:
            out.append(one)
    return out


def told(what: pruneheap.Pruning) -> tuple[Any, ...]:
    return (what.redirected, what.dead, what.unused, what.horizon, what.prune_xid, what.ndeleted)


def test_doubtful_tuples_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    alike: list[tuple[Any, ...]] = []
    quick = pruneheap._Suspects.decide

    def compared(self: Any) -> pruneheap.Pruning:
        copy = Buffer(self.buffer.tag, bytearray(self.page), dirty=True)
        whole = pruneheap.decide(self.rel, copy, self.horizon)
        found = quick(self)
        assert told(found) == told(whole)
        assert self.page == copy.page  # the same hints
        alike.append(told(found))
        return found

    monkeypatch.setattr(pruneheap._Suspects, "decide", compared)
    with own_cluster(start=False) as server:
        engine = Engine(Session.open(Cluster(str(server.data)), "postgres"))
        for text in ("CREATE TABLE t (id int PRIMARY KEY, k int, v text)",
                     *workload(random.Random(4))):  # fmt: skip
            for outcome in engine.run(text):
                list(outcome.answer.texts() if outcome.answer is not None else ())
        engine.close()
        server.start()
        server.psql("CREATE EXTENSION amcheck")
        assert not server.psql("SELECT * FROM verify_heapam('t')")
        server.psql("SELECT bt_index_check('t_pkey', true)")
    assert sum(bool(one[0]) for one in alike) > 10, "too few pages were pruned"
    assert sum(bool(one[1]) for one in alike) > 2
