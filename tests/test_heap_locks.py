"""Rows that a prepared transaction holds: what conflicts, what goes together in a multixact."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgtool.access.heap.heapam import HeapRelation
from pgtool.access.heap.xmax import LockTupleMode
from pgtool.errors import SqlError
from pgtool.transam.instance import Instance
from pgtool.transam.tqual import TmResult
from pgtool.transam.xact import Xact
from tests import heap_helpers as h
from tests.conftest import need
from tests.servers import Server, cluster

pytestmark = pytest.mark.server
MODES = list(LockTupleMode)
#: Row → what the prepared transaction does with it, the weakest mode that this excludes.
HELD = {
    1: ("SELECT FROM t WHERE k = 1 FOR KEY SHARE", LockTupleMode.Exclusive),
    2: ("SELECT FROM t WHERE k = 2 FOR SHARE", LockTupleMode.NoKeyExclusive),
    3: ("SELECT FROM t WHERE k = 3 FOR NO KEY UPDATE", LockTupleMode.Share),
    4: ("SELECT FROM t WHERE k = 4 FOR UPDATE", LockTupleMode.KeyShare),
    5: ("UPDATE t SET v = 'theirs' WHERE k = 5", LockTupleMode.Share),
    6: ("DELETE FROM t WHERE k = 6", LockTupleMode.KeyShare),
    7: ("UPDATE t SET k = 70 WHERE k = 7", LockTupleMode.KeyShare),
}


@pytest.fixture
def server() -> Iterator[Server]:
    need(18)
    conf = {"max_prepared_transactions": 4, "autovacuum": "off"}
    with cluster(18, conf=conf) as made:
        for name in ("amcheck", "pgrowlocks"):
            made.extension(name)
        made.psql(
            "CREATE TABLE t (k int PRIMARY KEY, v text); "
            "INSERT INTO t SELECT g, 'was' FROM generate_series(1, 8) g"
        )
        made.psql(
            "BEGIN; " + "; ".join(sql for sql, _mode in HELD.values())
            + "; PREPARE TRANSACTION 'p'"
        )
        yield made


def begun(server: Server) -> tuple[Instance, HeapRelation, Xact, dict[int, tuple[int, int]]]:
    target = h.target(server, "t", hot_attrs=frozenset({1}), key_attrs=frozenset({1}))
    server.stop()
    instance = Instance.start(str(server.data))
    rel = HeapRelation(instance, target)
    xact = h.session(instance, rel)
    xact.begin()
    places = {
        int.from_bytes(datums[0] or b"", "little"): tid for tid, datums in h.scan(rel, xact)
    }
    return instance, rel, xact, places


def test_what_conflicts(server: Server) -> None:
    instance, rel, xact, places = begun(server)
    assert sorted(places) == list(range(1, 9))
    for key, (_sql, excluded) in HELD.items():
        for mode in MODES:
            xact.begin_sub()
            result, failure = rel.lock(xact, places[key], mode)
            if mode < excluded:
                assert result == TmResult.TM_Ok, (key, mode)
            else:
                assert result == TmResult.TM_BeingModified and failure is not None
                assert len(failure.blockers) == 1, (key, mode)
                assert rel.lock(xact, places[key], mode, "skip")[0] == TmResult.TM_WouldBlock
                with pytest.raises(SqlError, match='could not obtain lock on row in relation "t"'):
                    rel.lock(xact, places[key], mode, "error")
            xact.abort_sub()
    for key in HELD:
        kept = rel.update(xact, places[key], h.row(rel, key, "ours"))
        moved = rel.update(xact, places[key], h.row(rel, key + 100, "ours"))
        assert (kept.result == TmResult.TM_Ok) == (key == 1)
        assert moved.result == (TmResult.TM_SelfModified if key == 1 else TmResult.TM_BeingModified)
        if key > 1:
            assert rel.delete(xact, places[key]) == TmResult.TM_BeingModified
    xact.abort()
    instance.shutdown()
    server.start()
    server.psql("COMMIT PREPARED 'p'")
    assert server.psql("SELECT k, v FROM t ORDER BY k").split() == [
        "1|was", "2|was", "3|was", "4|was", "5|theirs", "8|was", "70|was",
    ]  # fmt: skip
    assert server.psql("SELECT * FROM verify_heapam('t')") == ""


def test_together(server: Server) -> None:
    """Locks beside the prepared transaction's, an update beside its lock: the server agrees."""
    instance, rel, xact, places = begun(server)
    assert rel.update(xact, places[1], h.row(rel, 1, "ours")).result == TmResult.TM_Ok
    assert rel.lock(xact, places[2], LockTupleMode.Share)[0] == TmResult.TM_Ok
    assert rel.lock(xact, places[3], LockTupleMode.KeyShare)[0] == TmResult.TM_Ok
    assert rel.lock(xact, places[5], LockTupleMode.KeyShare)[0] == TmResult.TM_Ok
    xact.commit()
    xact.begin()
    latest = {
        int.from_bytes(datums[0] or b"", "little"): tid for tid, datums in h.scan(rel, xact)
    }
    assert rel.lock(xact, latest[1], LockTupleMode.Share)[0] == TmResult.TM_Ok
    assert rel.lock(xact, latest[8], LockTupleMode.Exclusive)[0] == TmResult.TM_Ok
    xact.commit()
    instance.shutdown()
    server.start()
    assert server.psql("SELECT v FROM t WHERE k = 1").strip() == "ours"
    assert "Key Share" in server.psql("SELECT locked_row, modes FROM pgrowlocks('t')")
    server.psql("COMMIT PREPARED 'p'")
    assert server.psql("SELECT k, v FROM t WHERE k < 6 ORDER BY k").split() == [
        "1|ours", "2|was", "3|was", "4|was", "5|theirs",
    ]  # fmt: skip
    server.psql("UPDATE t SET v = 'later' WHERE k < 6; VACUUM FREEZE t")
    assert server.psql("SELECT count(*) FROM t WHERE v = 'later'").strip() == "5"
    assert server.psql("SELECT * FROM verify_heapam('t')") == ""
    assert server.psql("SELECT bt_index_check('t_pkey')").strip() == ""
