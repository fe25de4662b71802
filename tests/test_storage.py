"""Backends, relation files, the buffer pool, cluster states."""

from __future__ import annotations

import os
import random
import resource
import signal
from pathlib import Path

import pytest

from formats.errors import CorruptData, UserError
from formats.units import BLCKSZ
from pgtool.errors import PgtoolError, SqlError
from pgtool.storage.backend import Backend, Directory, ReadOnly, WritableBackend
from pgtool.storage.bufmgr import MAX_USAGE, BufferPool, BufferTag, Ring
from pgtool.storage.checksum import page_checksum
from pgtool.storage.forks import share
from pgtool.storage.pooled import PooledBackend
from pgtool.storage.smgr import (
    ForkNumber,
    RelationFile,
    RelFileLocator,
    relation_path,
)

WHERE = RelFileLocator(1663, 5, 16384)


def page(number: int, checksum: bool = False) -> bytes:
    raw = bytearray(BLCKSZ)
    raw[14:16] = (BLCKSZ).to_bytes(2, "little")
    raw[100:104] = number.to_bytes(4, "little")
    if checksum:
        raw[8:10] = page_checksum(raw, number).to_bytes(2, "little")
    return bytes(raw)


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    (tmp_path / "base" / "5").mkdir(parents=True)
    return Directory(str(tmp_path))


def fill(directory: Directory, blocks: int, segment: int, checksum: bool = False) -> RelationFile:
    path = relation_path(WHERE, 18)
    for number in range(blocks):
        name = path if number < segment else f"{path}.{number // segment}"
        directory.write(name, number % segment * BLCKSZ, page(number, checksum))
    return RelationFile(directory, path, segment)


def test_protocols(directory: Directory) -> None:
    assert isinstance(directory, WritableBackend)
    assert isinstance(ReadOnly(directory.root), Backend)
    assert not isinstance(ReadOnly(directory.root), WritableBackend)


def test_directory_writes_extends_truncates(directory: Directory) -> None:
    directory.write("base/5/1", 0, b"abc")
    directory.write("base/5/1", 2, b"xyz")
    assert directory.read("base/5/1") == b"abxyz"
    directory.extend("base/5/1", 8)
    assert directory.read("base/5/1", 4) == b"z\0\0\0"
    directory.truncate("base/5/1", 1)
    directory.sync("base/5/1")
    directory.sync("base/5")
    assert directory.size("base/5/1") == 1
    with pytest.raises(UserError, match="hole"):
        directory.write("base/5/1", 5, b"x")
    assert os.stat(directory.full("base/5/1")).st_mode & 0o777 in (0o600, 0o640)


def test_paths() -> None:
    assert relation_path(WHERE, 18) == "base/5/16384"
    assert relation_path(WHERE, 18, ForkNumber.VM) == "base/5/16384_vm"
    assert relation_path(RelFileLocator(1664, 0, 1262), 18) == "global/1262"
    assert relation_path(RelFileLocator(9, 5, 7), 17) == "pg_tblspc/9/PG_17_202406281/5/7"
    assert relation_path(RelFileLocator(1663, 5, 7, 3), 18) == "base/5/t3_7"


def test_segments(directory: Directory) -> None:
    file = fill(directory, 10, 4)
    assert file.nblocks == 10
    assert [(run.first, run.blocks) for run in file.runs(3)] == [
        (0, 3), (3, 1), (4, 3), (7, 1), (8, 2),
    ]  # fmt: skip
    assert [(run.first, run.blocks) for run in file.runs(9, 2, 9)] == [(2, 2), (4, 4), (8, 1)]
    for number in range(10):
        assert file.read_block(number) == page(number)
    with pytest.raises(CorruptData, match="beyond"):
        file.read_block(10)


def test_a_missing_segment_is_damage(directory: Directory) -> None:
    path = fill(directory, 10, 4).path
    os.unlink(directory.full(path + ".1"))
    broken = RelationFile(directory, path, 4)
    with pytest.raises(CorruptData, match="missing") as caught:
        _ = broken.nblocks
    assert caught.value.file == path + ".1" and caught.value.block == 4
    broken = RelationFile(directory, path, 4)
    assert len(broken.tolerate()) == 1
    assert [(run.first, run.blocks) for run in broken.runs(9)] == [(0, 4), (8, 2)]
    os.unlink(directory.full(path + ".2"))
    assert RelationFile(directory, path, 4).nblocks == 4
    with pytest.raises(CorruptData, match="missing"):
        _ = RelationFile(directory, path, 4, expected=9).nblocks
    os.unlink(directory.full(path))
    with pytest.raises(CorruptData, match="missing"):
        _ = RelationFile(directory, path, 4).nblocks


def test_a_torn_end_is_damage(directory: Directory) -> None:
    file = fill(directory, 3, 4)
    directory.truncate(file.path, 2 * BLCKSZ + 100)
    with pytest.raises(CorruptData, match="inside a block"):
        _ = RelationFile(directory, file.path, 4).nblocks


def pool_over(directory: Directory, size: int, **options: object) -> BufferPool:
    return BufferPool(directory, 18, size, relseg_size=4, **options)  # type: ignore[arg-type]


def test_pool_keeps_what_is_used(directory: Directory) -> None:
    fill(directory, 12, 4)
    pool = pool_over(directory, 4)
    for _ in range(MAX_USAGE):
        with pool.read(WHERE, 0) as buffer:
            assert buffer.pins == 1 and bytes(buffer.page) == page(0)
    for number in range(1, 12):
        with pool.read(WHERE, number) as buffer:
            assert bytes(buffer.page) == page(number)
        with pool.read(WHERE, 0):
            pass
    assert pool.peek(BufferTag(WHERE, ForkNumber.MAIN, 0)) is not None
    assert len(pool) == 4 and pool.reads == 12


def test_pool_never_evicts_pinned_pages(directory: Directory) -> None:
    fill(directory, 4, 4)
    pool = pool_over(directory, 2)
    with pool.read(WHERE, 0) as a, pool.read(WHERE, 1) as b:
        with pytest.raises(UserError, match="no unpinned"), pool.read(WHERE, 2):
            pass
        assert bytes(a.page) == page(0) and bytes(b.page) == page(1)
    with pool.read(WHERE, 2) as c:
        assert bytes(c.page) == page(2)


def test_ring_leaves_the_others_alone(directory: Directory) -> None:
    fill(directory, 12, 4)
    pool = pool_over(directory, 8)
    for number in range(3):
        with pool.read(WHERE, number):
            pass
    ring = Ring(2)
    for number in range(3, 12):
        with pool.read(WHERE, number, ring=ring) as buffer:
            assert bytes(buffer.page) == page(number)
    assert len(pool) == 5
    assert all(pool.peek(BufferTag(WHERE, ForkNumber.MAIN, n)) for n in range(3))


def test_pool_writes_dirty_pages_before_it_evicts_them(directory: Directory) -> None:
    file = fill(directory, 4, 4)
    flushed: list[int] = []
    pool = pool_over(directory, 1, flush_wal=flushed.append)
    with pool.read(WHERE, 2) as buffer:
        buffer.page[200] = 7
        buffer.set_lsn(1 << 33 | 5)
        pool.mark_dirty(buffer)
    assert PooledBackend(directory, pool).read(file.path, 2 * BLCKSZ, BLCKSZ)[200] == 7
    assert file.read_block(2)[200] == 0
    with pool.read(WHERE, 3):
        pass
    assert flushed == [1 << 33 | 5] and file.read_block(2)[200] == 7
    pool.drop(WHERE)
    assert pool.peek(BufferTag(WHERE, ForkNumber.MAIN, 3)) is None


def test_pool_verifies_checksums(directory: Directory) -> None:
    file = fill(directory, 3, 4, checksum=True)
    pool = pool_over(directory, 2, checksums=True)
    with pool.read(WHERE, 1):
        pass
    directory.write(file.path, 2 * BLCKSZ + 300, b"!")
    with (
        pytest.raises(CorruptData, match="page verification failed") as caught,
        pool.read(WHERE, 2),
    ):
        pass
    assert caught.value.block == 2


def test_a_full_disk_is_an_error_with_a_name(tmp_path: Path) -> None:
    directory = Directory(str(tmp_path))
    directory.extend("a", BLCKSZ)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * BLCKSZ, hard))
    try:
        with pytest.raises(SqlError, match='could not extend file "a": File too large'):
            directory.extend("a", 8 * BLCKSZ)
        with pytest.raises(SqlError, match='could not extend file "a": File too large'):
            directory.extend("a", 64 * BLCKSZ)
        directory.write("a", BLCKSZ, page(1))
        with pytest.raises(SqlError, match='could not write to file "a"') as caught:
            directory.write("a", 2 * BLCKSZ, b"x" * 4 * BLCKSZ)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert caught.value.sqlstate == "58030"
    with pytest.raises(SqlError, match='could not create file "missing/b"'):
        directory.write("missing/b", 0, b"x")


@pytest.mark.parametrize("seed", range(6))
def test_a_small_pool_keeps_what_was_written(directory: Directory, seed: int) -> None:
    """Random work in a pool that evicts all the time, beside a model; files at the end too."""
    rng = random.Random(seed)
    pool = BufferPool(directory, 18, 3, relseg_size=4, checksums=bool(seed % 2))
    seen = PooledBackend(directory, pool)
    relations = [RelFileLocator(1663, 5, 100 + n) for n in range(3)]
    model: dict[RelFileLocator, list[int]] = {}
    for step in range(600):
        where = rng.choice(relations)
        if where not in model:
            if pool.path(where) in pool.doomed:
                for path in pool.take_doomed():
                    directory.unlink(path)
            pool.create(where)
            model[where] = []
        blocks = model[where]
        choice = rng.random()
        if choice < 0.25 or not blocks:
            count = rng.randrange(1, 4)
            assert pool.extend(where, count=count) == len(blocks)
            blocks += [0] * count
        elif choice < 0.85:
            number = rng.randrange(len(blocks))
            buffer = pool.pin(where, number, ring=rng.choice([None, Ring(2)]))
            assert int.from_bytes(buffer.page[100:104], "little") == blocks[number]
            buffer.page[:] = page(step)
            blocks[number] = step
            pool.mark_dirty(buffer)
            pool.unpin(buffer)
        elif choice < 0.92:
            keep = rng.randrange(len(blocks) + 1)
            pool.truncate(where, nblocks=keep)
            del blocks[keep:]
        elif choice < 0.95:
            pool.unlink(where)
            del model[where]
        else:
            pool.flush_relation(where)
        if where in model:
            assert pool.nblocks(where) == len(model[where])
    assert pool.pinned == 0
    for flushed in (False, True):
        for where, blocks in model.items():
            file = RelationFile(directory if flushed else seen, pool.path(where), 4)
            found = [file.read_block(n) for n in range(len(blocks))]
            assert [int.from_bytes(p[100:104], "little") for p in found] == blocks
        pool.flush_all()
        pool.sync()
    assert not pool.dirty_files and not pool.unsynced


def test_work_is_shared_with_forked_processes(tmp_path: Path) -> None:
    def note(number: int) -> None:
        (tmp_path / str(number)).write_text(str(os.getpid()))

    for jobs in (1, 2, 3, 20):
        share(range(7), note, jobs)
        pids = {(tmp_path / str(number)).read_text() for number in range(7)}
        assert len(pids) == min(jobs, 7) and str(os.getpid()) in pids
    share([], note, 4)


def test_errors_of_forked_processes_come_back(tmp_path: Path) -> None:
    mine = os.getpid()

    def fail(number: int) -> None:
        if number == 1:
            raise CorruptData("it is broken", file="x", block=3)
        if number == 2 and os.getpid() != mine:
            os._exit(7)

    with pytest.raises(CorruptData, match="it is broken"):
        share(range(2), fail, 2)
    with pytest.raises(PgtoolError, match="ended early"):
        share([0, 2], fail, 2)
    with pytest.raises(CorruptData):
        share([1, 0, 0], fail, 3)
