"""Crashes at sync points: the real server recovers, every reported commit is there."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgtool.errors import Panic
from pgtool.storage.smgr import RelFileLocator
from pgtool.transam.instance import Instance
from tests.crash import CrashBackend, Killed
from tests.servers import Server
from tests.write_helpers import insert_int

Make = Callable[..., Server]
#: PGTOOL_CRASH_POINTS=all: every sync point and many writes, several ways each.
POINTS = os.environ.get("PGTOOL_CRASH_POINTS", "4")


@pytest.fixture
def server(make_cluster: Make) -> Iterator[Server]:
    made = make_cluster(
        18, initdb_args=("--wal-segsize=1",),
        conf={"fsync": "off", "autovacuum": "off", "min_wal_size": "2MB", "max_wal_size": "4MB"},
    )
    made.psql("CREATE TABLE t (i int); CREATE TABLE u (i int); INSERT INTO t VALUES (-1)")
    yield made


def locator(server: Server, table: str) -> RelFileLocator:
    _, db, rel = server.psql(f"SELECT pg_relation_filepath('{table}')").strip().split("/")
    return RelFileLocator(1663, int(db), int(rel))


class Model:
    """What must and what may be in the tables."""

    def __init__(self) -> None:
        self.committed = {-1}
        self.pending: set[int] | None = None

    def check(self, found: set[int]) -> None:
        assert found == self.committed or (
            self.pending is not None and found == self.committed | self.pending
        ), (self.committed ^ found, self.pending)


def work(instance: Instance, tables: list[RelFileLocator], model: Model, seed: int) -> None:
    """Transactions with savepoints, some rolled back; checkpoints; segments filled and reused."""
    rng = random.Random(seed)
    xact = instance.session(tables[0].db)
    value = 0
    for step in range(30):
        xact.begin()
        keep: set[int] = set()
        for _ in range(rng.randrange(1, 30)):
            deep = rng.random() < 0.3
            if deep:
                xact.begin_sub()
            inner = set()
            for _ in range(rng.randrange(1, 4)):
                value += 1
                insert_int(instance, xact, rng.choice(tables), value)
                inner.add(value)
            if not deep:
                keep |= inner
            elif rng.random() < 0.5:
                xact.commit_sub()
                keep |= inner
            else:
                xact.abort_sub()
        if rng.random() < 0.8:
            model.pending = keep
            xact.commit()
            model.committed |= keep
            model.pending = None
        else:
            xact.abort()
        if step % 7 == 3:
            instance.checkpoint()
        if step % 5 == 2:
            instance.wal.switch()
    instance.shutdown()


def run(
    root: Path, tables: list[RelFileLocator], stop: tuple[str, int] | None
) -> tuple[CrashBackend, Model]:
    backend, model = CrashBackend(str(root), stop), Model()
    instance = None
    try:
        instance = Instance.start(str(root), backend=backend)
        work(instance, tables, model, 5)
    except (Killed, Panic):
        if instance is not None:
            instance.abandon()
    return backend, model


def copied(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def test_the_server_recovers_from_any_sync_point(server: Server) -> None:
    tables = [locator(server, "t"), locator(server, "u")]
    server.stop()
    original = server.base / "original"
    server.data.rename(original)
    copied(original, server.data)
    first, model = run(server.data, tables, None)
    server.start()
    model.check(rows(server))
    server.stop()
    syncs, writes = first.counts["sync"], first.counts["write"]
    rng = random.Random(11)
    every = [("sync", n) for n in range(1, syncs + 1)]
    every += [("write", n) for n in rng.sample(range(1, writes + 1), min(writes, syncs))]
    points = every if POINTS == "all" else rng.sample(every, int(POINTS))
    for n, stop in enumerate(points):
        mode = ("tear", "drop", "tear", "keep")[n % 4]
        copied(original, server.data)
        backend, model = run(server.data, tables, stop)
        backend.crash(n, mode)
        try:
            server.start()
            model.check(rows(server))
            server.stop()
        except BaseException:
            print("stopped at", stop, backend.log[-3:], mode)
            raise


def rows(server: Server) -> set[int]:
    listed = server.psql("SELECT i FROM t UNION ALL SELECT i FROM u").split()
    assert len(listed) == len(set(listed))
    return {int(text) for text in listed}
