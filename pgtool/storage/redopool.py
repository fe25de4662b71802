"""The pages that redo has in hand: a write-back cache of relation pages over a backend.

It offers what :class:`pgtool.storage.bufmgr.BufferPool` offers to the code that changes
pages, for a world with one actor: nothing is evicted while a record is being replayed, so
there is no pinning to count. Between records :meth:`RedoPool.trim` writes out and forgets
pages once there are too many.

Invariants: a page's checksum is verified when it is read and set when it is written; the
log is complete before redo begins, so pages may be written at any time (``before_write``
is told the highest page LSN first, for pg_control's minRecoveryPoint); a relation's size
counts blocks that so far exist only here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from formats.derive import offset_of
from formats.errors import CorruptData
from formats.page import PageHeaderData
from formats.units import BLCKSZ
from pgtool.storage import page as bufpage
from pgtool.storage.backend import WritableBackend
from pgtool.storage.checksum import page_checksum, stamp_missing, verify_pages
from pgtool.storage.forks import share
from pgtool.storage.redobuffer import RedoBuffer
from pgtool.storage.smgr import FORK_SUFFIX, ForkNumber, RelFileLocator, database_path

DEFAULT_PAGES = 65536
RUN = 128  # pages in one write
SHARED_RUNS = 64  # fewer are written sooner than a process is there
_CHECKSUM = offset_of(PageHeaderData, "pd_checksum")
_MAIN = ForkNumber.MAIN
_MAPS = (int(ForkNumber.FSM), int(ForkNumber.VM))

#: (tablespace, database, file number, fork, block)
Key = tuple[int, int, int, int, int]
#: (tablespace, database, file number, fork)
Fork = tuple[int, int, int, int]


def _ignore(_lsn: int) -> None:
    pass


class RedoPool:
    """Relation pages by key, read when asked for, written back in runs."""

    def __init__(
        self, backend: WritableBackend, major: int, relseg_size: int, *, checksums: bool,
        pages: int = DEFAULT_PAGES, before_write: Callable[[int], None] = _ignore,
        jobs: int = 1,
    ) -> None:  # fmt: skip
        """``jobs``: so many processes write and sync; the backend must then be a directory."""
        self.backend = backend
        self.major = major
        self.relseg_size = relseg_size
        self.checksums = checksums
        self.pages = pages
        self.before_write = before_write
        self.jobs = jobs
        #: The pages in memory of each fork. Its dictionary stays the same while the pool lives.
        self.forks: dict[Fork, dict[int, RedoBuffer]] = {}
        self.held = 0
        self.touched: set[str] = set()
        self._sizes: dict[Fork, int] = {}
        self._paths: dict[Fork, str] = {}
        self.reads = 0

    # -- by key (redo's own way) -----------------------------------------------------------

    def path(self, fork: Fork) -> str:
        """The first segment's path of a relation's fork."""
        path = self._paths.get(fork)
        if path is None:
            spc, db, rel, kind = fork
            directory = database_path(spc, db, self.major)
            path = self._paths[fork] = f"{directory}/{rel}{FORK_SUFFIX[ForkNumber(kind)]}"
        return path

    def _segment(self, path: str, number: int) -> str:
        return path if number == 0 else f"{path}.{number}"

    def blocks(self, fork: Fork) -> int:
        """Blocks of a fork; a fork without a file is made, as redo expects to find one."""
        known = self._sizes.get(fork)
        if known is None:
            known = self._sizes[fork] = self._measure(fork)
        return known

    def _measure(self, fork: Fork) -> int:
        path = self.path(fork)
        if not self.backend.exists(path):
            self._make(path)
            return 0
        number = 0
        while True:
            blocks = self.backend.size(self._segment(path, number)) // BLCKSZ
            following = self._segment(path, number + 1)
            if blocks < self.relseg_size or not self.backend.exists(following):
                return number * self.relseg_size + blocks
            number += 1

    def _make(self, path: str) -> None:
        directory = path.rpartition("/")[0]
        if not self.backend.exists(directory):
            self.backend.mkdir(directory)
            self.touched.add(directory.rpartition("/")[0])
        self.backend.create(path)
        self.touched.add(path)
        self.touched.add(directory)

    def pages_of(self, fork: Fork) -> dict[int, RedoBuffer]:
        """The pages of a fork that are in memory, by block."""
        pages = self.forks.get(fork)
        if pages is None:
            pages = self.forks[fork] = {}
        return pages

    def get(self, key: Key) -> RedoBuffer | None:
        """The page, None where its relation ends before it."""
        buffer = self.pages_of(key[:4]).get(key[4])
        if buffer is None:
            if key[4] >= self.blocks(key[:4]):
                return None
            buffer = self._keep(key, self._load(key))
        return buffer

    def put(self, key: Key, page: bytearray) -> RedoBuffer:
        """The page with new contents whatever it held; the relation grows as needed."""
        fork = key[:4]
        buffer = self.pages_of(fork).get(key[4])
        if buffer is None:
            if key[4] >= self.blocks(fork):
                self._sizes[fork] = key[4] + 1
            buffer = self._keep(key, page)
        else:
            buffer.page[:] = page
        buffer.dirty = True
        return buffer

    def _keep(self, key: Key, page: bytearray) -> RedoBuffer:
        buffer = self.forks[key[:4]][key[4]] = RedoBuffer(key, page)
        self.held += 1
        return buffer

    def _load(self, key: Key) -> bytearray:
        number, block = divmod(key[4], self.relseg_size)
        path = self._segment(self.path(key[:4]), number)
        self.reads += 1
        try:
            data = self.backend.read(path, block * BLCKSZ, BLCKSZ)
        except FileNotFoundError:
            data = b""
        if len(data) < BLCKSZ:  # the relation grew in memory only
            return bytearray(BLCKSZ)
        page = bytearray(data)
        if self.checksums and not self._is_stamped(page, key[4]):
            for bad in verify_pages(page, key[4]):
                if key[3] in _MAPS:  # not logged in full, and never wrong when empty
                    return bytearray(BLCKSZ)
                raise CorruptData(
                    f"page verification failed, calculated checksum {bad.calculated} "
                    f"but expected {bad.stored}",
                    file=path, block=key[4], field="pd_checksum",
                )  # fmt: skip
        return page

    def _is_stamped(self, page: bytearray, block: int) -> bool:
        stored = page[_CHECKSUM] | page[_CHECKSUM + 1] << 8
        return stored != 0 and stored == page_checksum(page, block)

    def forget(self, fork: Fork, first: int = 0) -> None:
        """Drop the pages of a fork from block ``first`` on, dirty ones too."""
        pages = self.forks.get(fork, {})
        gone = [block for block in pages if block >= first]
        for block in gone:
            del pages[block]
        self.held -= len(gone)

    # -- as the buffer manager does ------------------------------------------------------------

    def pin(self, where: RelFileLocator, block: int, fork: ForkNumber = _MAIN) -> RedoBuffer:
        """The page of a block that must exist."""
        key = (where.spc, where.db, where.rel, int(fork), block)
        buffer = self.get(key)
        if buffer is None:
            raise CorruptData(
                f"block {block} is beyond the end of the relation", file=self.path(key[:4])
            )
        return buffer

    def unpin(self, buffer: RedoBuffer) -> None:
        """Nothing to do: no page leaves while a record is replayed."""

    @contextmanager
    def read(
        self, where: RelFileLocator, block: int, fork: ForkNumber = _MAIN
    ) -> Iterator[RedoBuffer]:
        """The page of a block that must exist, as a context."""
        yield self.pin(where, block, fork)

    def zeroed(
        self, where: RelFileLocator, block: int, fork: ForkNumber = _MAIN
    ) -> RedoBuffer:
        """The page of a block, all zero, the relation extended as needed."""
        return self.put((where.spc, where.db, where.rel, int(fork), block), bytearray(BLCKSZ))

    def extend(self, where: RelFileLocator, fork: ForkNumber = _MAIN, count: int = 1) -> int:
        """``count`` more blocks, all zero; the number of the first."""
        key = (where.spc, where.db, where.rel, int(fork))
        first = self.blocks(key)
        self._sizes[key] = first + count
        self.put((*key, first + count - 1), bytearray(BLCKSZ))
        return first

    def mark_dirty(self, buffer: RedoBuffer) -> None:
        """The page was changed."""
        buffer.dirty = True

    mark_dirty_hint = mark_dirty

    def nblocks(self, where: RelFileLocator, fork: ForkNumber = _MAIN) -> int:
        """Blocks of a fork, 0 where it has no file."""
        key = (where.spc, where.db, where.rel, int(fork))
        if key not in self._sizes and not self.backend.exists(self.path(key)):
            return 0
        return self.blocks(key)

    def exists(self, where: RelFileLocator, fork: ForkNumber = _MAIN) -> bool:
        """Whether a fork has a file."""
        key = (where.spc, where.db, where.rel, int(fork))
        return key in self._sizes or self.backend.exists(self.path(key))

    def create(self, where: RelFileLocator, fork: ForkNumber = _MAIN) -> None:
        """Make a fork's file; nothing where it is there."""
        self.blocks((where.spc, where.db, where.rel, int(fork)))

    def truncate(self, where: RelFileLocator, fork: ForkNumber, nblocks: int) -> None:
        """Cut a fork down to ``nblocks`` blocks."""
        key = (where.spc, where.db, where.rel, int(fork))
        if nblocks >= self.blocks(key):
            return
        self.forget(key, nblocks)
        self._sizes[key] = nblocks
        path = self.path(key)
        number = 0
        while self.backend.exists(segment := self._segment(path, number)):
            left = max(0, nblocks - number * self.relseg_size) * BLCKSZ
            self.backend.truncate(segment, left)
            self.touched.add(segment)
            number += 1

    def drop(self, where: RelFileLocator) -> None:
        """Remove a relation: pages and files of all forks."""
        for kind in ForkNumber:
            key = (where.spc, where.db, where.rel, int(kind))
            self.forget(key)
            self._sizes.pop(key, None)
            path = self.path(key)
            number = 0
            while self.backend.exists(segment := self._segment(path, number)):
                self.backend.unlink(segment)
                self.touched.discard(segment)
                self.touched.add(path.rpartition("/")[0])
                number += 1

    def drop_database(self, db: int, spc: int | None = None) -> None:
        """Forget the pages of a database, in one tablespace or in all."""

        def of_it(key: tuple[int, ...]) -> bool:
            return key[1] == db and spc in (None, key[0])

        for fork in self.forks:
            if of_it(fork):
                self.forget(fork)
        self._sizes = {key: n for key, n in self._sizes.items() if not of_it(key)}

    # -- writing -----------------------------------------------------------------------------

    def trim(self) -> None:
        """Between records: write out and forget pages when there are too many."""
        if self.held > self.pages:
            self.flush_all()
            for pages in self.forks.values():
                pages.clear()
            self.held = 0

    def flush_all(self) -> None:
        """Write every dirty page."""
        self._flush(sorted(self.forks))

    def flush_relation(self, where: RelFileLocator) -> None:
        """Write the dirty pages of one relation."""
        mine = (where.spc, where.db, where.rel)
        self._flush(sorted(fork for fork in self.forks if fork[:3] == mine))

    def flush_database(self, db: int, spc: int) -> None:
        """Write the dirty pages of one database in one tablespace."""
        self._flush(sorted(fork for fork in self.forks if fork[:2] == (spc, db)))

    def _flush(self, forks: list[Fork]) -> None:
        dirty = [
            [pages[block] for block in sorted(pages) if pages[block].dirty]
            for pages in (self.forks[fork] for fork in forks)
        ]
        if not any(dirty):
            return
        self.before_write(max(bufpage.lsn(one.page) for pages in dirty for one in pages))
        runs = [run for pages in dirty for run in self._runs(pages)]
        if self.jobs == 1 or len(runs) < SHARED_RUNS:
            for run in runs:
                self._make_room(run, 0)
                self._write(run)
        else:  # they are written in any order
            for run in runs:
                self._make_room(run, len(run))
            share(runs, self._write, self.jobs)
        for run in runs:
            for buffer in run:
                buffer.dirty = False

    def _runs(self, pages: list[RedoBuffer]) -> Iterator[list[RedoBuffer]]:
        """A fork's pages, in order, in pieces that are written at once."""
        run: list[RedoBuffer] = []
        for buffer in pages:
            block = buffer.key[4]
            if run and (
                block != run[-1].key[4] + 1 or block % self.relseg_size == 0 or len(run) >= RUN
            ):
                yield run
                run = []
            run.append(buffer)
        if run:
            yield run

    def _make_room(self, run: list[RedoBuffer], pages: int) -> None:
        """Let the file of a run hold its first ``pages`` pages, and the segments before be full."""
        first = run[0].key
        number, block = divmod(first[4], self.relseg_size)
        base = self.path(first[:4])
        path = self._segment(base, number)
        for earlier in range(number):
            self.backend.extend(self._segment(base, earlier), self.relseg_size * BLCKSZ)
        if block + pages:
            self.backend.extend(path, (block + pages) * BLCKSZ)
        self.touched.add(path)

    def _write(self, run: list[RedoBuffer]) -> None:
        first = run[0].key
        number, block = divmod(first[4], self.relseg_size)
        path = self._segment(self.path(first[:4]), number)
        data = bytearray().join([buffer.page for buffer in run])
        if self.checksums:
            stamp_missing(data, first[4])
        self.backend.write(path, block * BLCKSZ, data)

    def sync(self) -> None:
        """Make what was written survive a crash."""
        paths = [path for path in sorted(self.touched) if self.backend.exists(path)]
        share(paths, self.backend.sync, self.jobs)
        self.touched.clear()


_RELATION = re.compile(r"\d+(?:_(?:fsm|vm|init))?(?:\.\d+)?")


def is_relation_file(name: str) -> bool:
    """Whether a file name in a database's directory is a relation's segment."""
    return _RELATION.fullmatch(name) is not None
