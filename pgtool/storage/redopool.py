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
from pgtool.storage.bufmgr import BufferTag
from pgtool.storage.checksum import page_checksum, verify_pages
from pgtool.storage.smgr import FORK_SUFFIX, ForkNumber, RelFileLocator, database_path

DEFAULT_PAGES = 32768
_CHECKSUM = offset_of(PageHeaderData, "pd_checksum")
_MAIN = ForkNumber.MAIN
_MAPS = (int(ForkNumber.FSM), int(ForkNumber.VM))

#: (tablespace, database, file number, fork, block)
Key = tuple[int, int, int, int, int]
#: (tablespace, database, file number, fork)
Fork = tuple[int, int, int, int]


class RedoBuffer:
    """One page in memory."""

    __slots__ = ("dirty", "key", "page")

    def __init__(self, key: Key, page: bytearray) -> None:
        self.key = key
        self.page = page
        self.dirty = False

    @property
    def tag(self) -> BufferTag:
        """Which page this is, as the buffer manager names it."""
        spc, db, rel, fork, block = self.key
        return BufferTag(RelFileLocator(spc, db, rel), ForkNumber(fork), block)


def _ignore(_lsn: int) -> None:
    pass


class RedoPool:
    """Relation pages by key, read when asked for, written back in runs."""

    def __init__(
        self, backend: WritableBackend, major: int, relseg_size: int, *, checksums: bool,
        pages: int = DEFAULT_PAGES, before_write: Callable[[int], None] = _ignore,
    ) -> None:  # fmt: skip
        self.backend = backend
        self.major = major
        self.relseg_size = relseg_size
        self.checksums = checksums
        self.pages = pages
        self.before_write = before_write
        self.buffers: dict[Key, RedoBuffer] = {}
        self.touched: set[str] = set()
        self._sizes: dict[Fork, int] = {}
        self._held: dict[Fork, list[int]] = {}
        self._directories: dict[tuple[int, int], str] = {}
        self.reads = 0

    # -- by key (redo's own way) -----------------------------------------------------------

    def path(self, fork: Fork) -> str:
        """The first segment's path of a relation's fork."""
        spc, db, rel, kind = fork
        directory = self._directories.get((spc, db))
        if directory is None:
            directory = self._directories[spc, db] = database_path(spc, db, self.major)
        return f"{directory}/{rel}{FORK_SUFFIX[ForkNumber(kind)]}"

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

    def get(self, key: Key) -> RedoBuffer | None:
        """The page, None where its relation ends before it."""
        buffer = self.buffers.get(key)
        if buffer is None:
            if key[4] >= self.blocks(key[:4]):
                return None
            buffer = self._keep(key, self._load(key))
        return buffer

    def put(self, key: Key, page: bytearray) -> RedoBuffer:
        """The page with new contents whatever it held; the relation grows as needed."""
        buffer = self.buffers.get(key)
        if buffer is None:
            fork = key[:4]
            if key[4] >= self.blocks(fork):
                self._sizes[fork] = key[4] + 1
            buffer = self._keep(key, page)
        else:
            buffer.page[:] = page
        buffer.dirty = True
        return buffer

    def _keep(self, key: Key, page: bytearray) -> RedoBuffer:
        buffer = self.buffers[key] = RedoBuffer(key, page)
        self._held.setdefault(key[:4], []).append(key[4])
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
        if self.checksums:
            for bad in verify_pages(page, key[4]):
                if key[3] in _MAPS:  # not logged in full, and never wrong when empty
                    return bytearray(BLCKSZ)
                raise CorruptData(
                    f"page verification failed, calculated checksum {bad.calculated} "
                    f"but expected {bad.stored}",
                    file=path, block=key[4], field="pd_checksum",
                )  # fmt: skip
        return page

    def forget(self, fork: Fork, first: int = 0) -> None:
        """Drop the pages of a fork from block ``first`` on, dirty ones too."""
        kept: list[int] = []
        for block in self._held.pop(fork, ()):
            if block < first:
                kept.append(block)
            else:
                self.buffers.pop((*fork, block), None)
        if kept:
            self._held[fork] = kept

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

        self.buffers = {key: buf for key, buf in self.buffers.items() if not of_it(key)}
        self._sizes = {key: n for key, n in self._sizes.items() if not of_it(key)}
        self._held = {key: n for key, n in self._held.items() if not of_it(key)}

    # -- writing -----------------------------------------------------------------------------

    def trim(self) -> None:
        """Between records: write out and forget pages when there are too many."""
        if len(self.buffers) > self.pages:
            self.flush_all()
            self.buffers.clear()
            self._held.clear()

    def flush_all(self) -> None:
        """Write every dirty page, and give every relation its length."""
        self._flush(sorted(key for key, buffer in self.buffers.items() if buffer.dirty))

    def flush_relation(self, where: RelFileLocator) -> None:
        """Write the dirty pages of one relation."""
        mine = (where.spc, where.db, where.rel)
        self._flush(
            sorted(key for key, buf in self.buffers.items() if buf.dirty and key[:3] == mine)
        )

    def flush_database(self, db: int, spc: int) -> None:
        """Write the dirty pages of one database in one tablespace."""
        self._flush(
            sorted(
                key for key, buf in self.buffers.items() if buf.dirty and key[:2] == (spc, db)
            )
        )

    def _flush(self, keys: list[Key]) -> None:
        if not keys:
            return
        self.before_write(max(bufpage.lsn(self.buffers[key].page) for key in keys))
        run: list[Key] = []
        for key in keys:
            if run and (
                key[:4] != run[0][:4]
                or key[4] != run[-1][4] + 1
                or key[4] % self.relseg_size == 0
                or len(run) >= 128
            ):
                self._write(run)
                run = []
            run.append(key)
        self._write(run)

    def _write(self, run: list[Key]) -> None:
        first = run[0]
        number, block = divmod(first[4], self.relseg_size)
        base = self.path(first[:4])
        path = self._segment(base, number)
        for earlier in range(number):  # segments before the last one are full
            self.backend.extend(self._segment(base, earlier), self.relseg_size * BLCKSZ)
        out = bytearray()
        for key in run:
            buffer = self.buffers[key]
            out += self._stamped(buffer.page, key[4])
            buffer.dirty = False
        offset = block * BLCKSZ
        if offset:
            self.backend.extend(path, offset)
        self.backend.write(path, offset, bytes(out))
        self.touched.add(path)

    def _stamped(self, page: bytearray, block: int) -> bytes | bytearray:
        if not self.checksums or bufpage.is_new(page):
            return page
        copy = bytearray(page)
        copy[_CHECKSUM : _CHECKSUM + 2] = page_checksum(copy, block).to_bytes(2, "little")
        return copy

    def sync(self) -> None:
        """Make what was written survive a crash."""
        for path in sorted(self.touched):
            if self.backend.exists(path):
                self.backend.sync(path)
        self.touched.clear()


_RELATION = re.compile(r"\d+(?:_(?:fsm|vm|init))?(?:\.\d+)?")


def is_relation_file(name: str) -> bool:
    """Whether a file name in a database's directory is a relation's segment."""
    return _RELATION.fullmatch(name) is not None
