"""The buffer pool: pages in memory, each at most once, found by relation, fork and block.

For point access (one page here, one there); bulk reads go past it (:mod:`bulk`) through a
:class:`pgtool.storage.pooled.PooledBackend`, which patches in what the pool holds newer.

* A **pin** keeps a page where it is: :meth:`BufferPool.pin` and :meth:`BufferPool.unpin`, or
  :meth:`BufferPool.read` in a ``with``.
* The **usage count** rises with every pin up to :data:`MAX_USAGE`; the clock hand passes
  over the buffers, takes one from each count, and evicts the first unpinned buffer whose
  count is zero. So what is used often stays.
* A **ring** (:class:`Ring`) is a handful of buffers that a long scan reuses for itself, so
  that it does not push everybody else's pages out.

Files of relations are made, extended, cut and removed through the pool as well, which
knows their sizes, remembers which are to be synced at the next checkpoint, and keeps the
first segment of a removed relation as an empty file until then, so that its number is not
given to another one before.

Invariants: a page's checksum is verified when it is read, and set on a copy when it is
written; a page is written only after the WAL up to its LSN is on disk; a dirty page is never
evicted without being written; a pinned page is never evicted; nobody else changes the files.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from formats.derive import offset_of, struct_of
from formats.page import PageHeaderData
from formats.units import BLCKSZ, PageXLogRecPtr, uint16
from pgtool.errors import CorruptData, UserError
from pgtool.storage.backend import WritableBackend
from pgtool.storage.checksum import is_new, page_checksum, stamp_missing, verify_pages
from pgtool.storage.smgr import RELSEG_SIZE, ForkNumber, RelFileLocator, relation_path

MAX_USAGE = 5
DEFAULT_BUFFERS = 16384
RING_BUFFERS = 32
#: Pages that one write of a run takes at most.
WRITE_RUN = 128

_LSN = struct_of(PageXLogRecPtr)
_CHECKSUM = struct_of(uint16)
_PD_LSN, _PD_CHECKSUM = (offset_of(PageHeaderData, name) for name in ("pd_lsn", "pd_checksum"))
_FORKS = tuple(ForkNumber)


class BufferTag(NamedTuple):
    """Which page a buffer holds."""

    where: RelFileLocator
    fork: ForkNumber
    block: int


@dataclass(slots=True, eq=False)
class Buffer:
    """One page in memory."""

    tag: BufferTag
    page: bytearray
    pins: int = 0
    usage: int = 0
    dirty: bool = False
    ring: Ring | None = None
    #: Where the clock hand meets it.
    seat: int = -1

    @property
    def lsn(self) -> int:
        """The page's LSN."""
        high, low = _LSN.unpack_from(self.page, _PD_LSN)
        return int(high << 32 | low)

    def set_lsn(self, lsn: int) -> None:
        """Note the end of the record of the page's last change."""
        _LSN.pack_into(self.page, _PD_LSN, lsn >> 32, lsn & 0xFFFFFFFF)


@dataclass(slots=True)
class Ring:
    """The buffers that one bulk access uses over and over."""

    size: int = RING_BUFFERS
    buffers: deque[Buffer] = field(default_factory=deque)


FlushWal = Callable[[int], None]
LogHint = Callable[[Buffer], None]


class BufferPool:
    """A pool of at most ``size`` pages over the relation files of a backend."""

    def __init__(
        self, backend: WritableBackend, major: int, size: int = DEFAULT_BUFFERS, *,
        checksums: bool = False, relseg_size: int = RELSEG_SIZE,
        flush_wal: FlushWal | None = None, log_hint: LogHint | None = None,
    ) -> None:  # fmt: skip
        """``flush_wal`` brings the WAL up to an LSN to disk; ``log_hint`` logs a page's image
        before a mere hint dirties it (None where that is not needed)."""
        if size < 1:
            raise UserError("a buffer pool needs at least one buffer")
        self.backend = backend
        self.major = major
        self.size = size
        self.checksums = checksums
        self.relseg_size = relseg_size
        self.flush_wal = flush_wal
        self.log_hint = log_hint
        self.hits = self.reads = self.writes = self.dirtied = 0
        #: Pins held on all pages together.
        self.pinned = 0
        #: Relations without WAL: a hint in them needs no image.
        self.unlogged: set[RelFileLocator] = set()
        #: Path of a segment → block in it → the dirty buffer.
        self.dirty_files: dict[str, dict[int, Buffer]] = {}
        #: Files and directories to be synced by the next checkpoint.
        self.unsynced: set[str] = set()
        #: Files that the next checkpoint removes.
        self.doomed: list[str] = []
        #: Relation → the block that took the last row.
        self.targets: dict[RelFileLocator, int] = {}
        #: By fork: relation → block → buffer.
        self._tables: tuple[dict[RelFileLocator, dict[int, Buffer]], ...] = tuple(
            {} for _ in _FORKS
        )
        self._sizes: tuple[dict[RelFileLocator, int], ...] = tuple({} for _ in _FORKS)
        self._paths: tuple[dict[RelFileLocator, str], ...] = tuple({} for _ in _FORKS)
        self._clock: list[Buffer] = []
        self._hand = 0

    def __len__(self) -> int:
        return len(self._clock)

    # -- pages ------------------------------------------------------------------

    def pin(
        self, where: RelFileLocator, block: int, fork: ForkNumber = ForkNumber.MAIN,
        ring: Ring | None = None,
    ) -> Buffer:  # fmt: skip
        """The page of a block, pinned until :meth:`unpin`."""
        blocks = self._tables[fork].get(where)
        buffer = None if blocks is None else blocks.get(block)
        if buffer is None:
            return self._load(BufferTag(where, fork, block), ring)
        self.hits += 1
        buffer.pins += 1
        self.pinned += 1
        if ring is None:
            if buffer.usage < MAX_USAGE:
                buffer.usage += 1
            buffer.ring = None
        return buffer

    def unpin(self, buffer: Buffer) -> None:
        """Let go of a page; somebody else may need its place."""
        if buffer.pins:
            buffer.pins -= 1
            self.pinned -= 1

    def let_go(self) -> None:
        """Take back every pin: the only session there is has ended what it was doing."""
        if self.pinned:
            for buffer in self._clock:
                buffer.pins = 0
            self.pinned = 0

    @contextmanager
    def read(
        self, where: RelFileLocator, block: int, fork: ForkNumber = ForkNumber.MAIN,
        ring: Ring | None = None,
    ) -> Iterator[Buffer]:  # fmt: skip
        """The page of a block, pinned while the ``with`` block runs."""
        buffer = self.pin(where, block, fork, ring)
        try:
            yield buffer
        finally:
            self.unpin(buffer)

    def peek(self, tag: BufferTag) -> Buffer | None:
        """The buffer that holds a page, without pinning or counting."""
        return self._tables[tag.fork].get(tag.where, {}).get(tag.block)

    def zeroed(
        self, where: RelFileLocator, block: int, fork: ForkNumber = ForkNumber.MAIN
    ) -> Buffer:
        """A page of zeroes, pinned, in the place of a block that is not read.

        The file is made and extended as needed.
        """
        buffer = self._tables[fork].get(where, {}).get(block)
        if buffer is not None:
            buffer.pins += 1
            self.pinned += 1
            buffer.page[:] = bytes(BLCKSZ)
            return buffer
        if not self.exists(where, fork):
            self.create(where, fork)
        have = self.nblocks(where, fork)
        if block >= have:
            self.extend(where, fork, block + 1 - have)
        return self._enter(BufferTag(where, fork, block), bytearray(BLCKSZ), None)

    def mark_dirty(self, buffer: Buffer) -> None:
        """A page was changed: it will be written."""
        if not buffer.dirty:
            buffer.dirty = True
            self.dirtied += 1
            path, block = self.place(buffer.tag)
            self.dirty_files.setdefault(path, {})[block] = buffer

    def mark_dirty_hint(self, buffer: Buffer) -> None:
        """A page was changed in a way that may be lost, but must not be torn."""
        if buffer.dirty:
            return
        where = buffer.tag.where
        if self.log_hint is not None and where.temp is None and where not in self.unlogged:
            self.log_hint(buffer)
        self.mark_dirty(buffer)

    # -- relation files ---------------------------------------------------------

    def path(self, where: RelFileLocator, fork: ForkNumber = ForkNumber.MAIN) -> str:
        """The first segment of a fork."""
        found = self._paths[fork].get(where)
        if found is None:
            found = self._paths[fork][where] = relation_path(where, self.major, fork)
        return found

    def place(self, tag: BufferTag) -> tuple[str, int]:
        """(path of the segment, block in it)."""
        path = self.path(tag.where, tag.fork)
        if tag.block < self.relseg_size:
            return path, tag.block
        number, block = divmod(tag.block, self.relseg_size)
        return f"{path}.{number}", block

    def exists(self, where: RelFileLocator, fork: ForkNumber = ForkNumber.MAIN) -> bool:
        """Whether a fork has a file."""
        return where in self._sizes[fork] or self.backend.exists(self.path(where, fork))

    def nblocks(self, where: RelFileLocator, fork: ForkNumber = ForkNumber.MAIN) -> int:
        """Blocks of a fork; CorruptData where it has no file."""
        found = self._sizes[fork].get(where)
        if found is None:
            found = self._sizes[fork][where] = self._measure(where, fork)
        return found

    def create(self, where: RelFileLocator, fork: ForkNumber = ForkNumber.MAIN) -> None:
        """An empty file for a fork; one that is there already stays."""
        path = self.path(where, fork)
        if path in self.doomed:
            raise UserError(f'file "{path}" is about to be removed')
        if not self.backend.exists(path):
            self.backend.extend(path, 0)
            self._sizes[fork][where] = 0
            self._note_new(where, path)

    def extend(
        self, where: RelFileLocator, fork: ForkNumber = ForkNumber.MAIN, count: int = 1
    ) -> int:
        """Add pages of zeroes at the end; the number of the first."""
        first = self.nblocks(where, fork)
        at, end = first, first + count
        while at < end:
            number, low = divmod(at, self.relseg_size)
            high = min(low + end - at, self.relseg_size)
            path = self.path(where, fork) + (f".{number}" if number else "")
            if not low:
                self._note_new(where, path)
            self.backend.extend(path, high * BLCKSZ)
            self._note_unsynced(where, path)
            at += high - low
            self._sizes[fork][where] = at
        return first

    def write_blocks(
        self, where: RelFileLocator, fork: ForkNumber, first: int,
        pages: bytes | bytearray | memoryview,
    ) -> None:
        """Write whole pages past the pool, at most one after the end; checksums are set here.

        The pages must not be in the pool; their WAL, if any, must be on disk.
        """
        out = bytearray(pages)
        count = len(out) // BLCKSZ
        have = self.nblocks(where, fork)
        if self.checksums:
            stamp_missing(out, first)
        self.write_signed(where, fork, first, memoryview(out))
        self._sizes[fork][where] = max(have, first + count)

    def write_signed(
        self, where: RelFileLocator, fork: ForkNumber, first: int, pages: memoryview
    ) -> None:
        """Write whole pages, with their checksums, past the pool."""
        for path, at, part in self._parts(where, fork, first, pages):
            self.backend.write(path, at, part)
            self._note_unsynced(where, path)
        self.writes += len(pages) // BLCKSZ

    def read_blocks(
        self, where: RelFileLocator, fork: ForkNumber, first: int, pages: memoryview
    ) -> None:
        """Read whole pages past the pool, as they are in the file."""
        for path, at, part in self._parts(where, fork, first, pages):
            if self.backend.readinto(path, at, part) != len(part):
                raise CorruptData(
                    "run of blocks is beyond the end of the relation", file=path,
                    block=at // BLCKSZ,
                )  # fmt: skip
        self.reads += len(pages) // BLCKSZ

    def _parts(
        self, where: RelFileLocator, fork: ForkNumber, first: int, pages: memoryview
    ) -> Iterator[tuple[str, int, memoryview]]:
        """(segment, offset in it, bytes) of pages that lie side by side."""
        at, count = 0, len(pages) // BLCKSZ
        while at < count:
            path, low = self.place(BufferTag(where, fork, first + at))
            n = min(count - at, self.relseg_size - low)
            yield path, low * BLCKSZ, pages[at * BLCKSZ : (at + n) * BLCKSZ]
            at += n

    def take(
        self, where: RelFileLocator, fork: ForkNumber, first: int, count: int
    ) -> dict[int, bytearray]:
        """Have nothing of a run of blocks any more; the pages that are not in the file as held."""
        held = self._tables[fork].get(where, {})
        if len(held) < count:
            found = [b for b in held.values() if first <= b.tag.block < first + count]
        else:
            found = [held[block] for block in range(first, first + count) if block in held]
        dirty = {buffer.tag.block: buffer.page for buffer in found if buffer.dirty}
        for buffer in found:
            self._forget(buffer)
        return dirty

    def adopt(
        self, where: RelFileLocator, block: int, page: bytearray, *, dirty: bool
    ) -> Buffer:
        """A page that was read past the pool, or changed since, comes into it, pinned."""
        buffer = self._enter(BufferTag(where, ForkNumber.MAIN, block), page, None)
        if dirty:
            self.mark_dirty(buffer)
        return buffer

    def pinned_blocks(self, where: RelFileLocator) -> list[int]:
        """Blocks of a relation's main fork that somebody holds."""
        held = self._tables[ForkNumber.MAIN].get(where, {})
        return [block for block, buffer in held.items() if buffer.pins]

    def truncate(
        self, where: RelFileLocator, fork: ForkNumber = ForkNumber.MAIN, nblocks: int = 0
    ) -> None:
        """Cut a fork down to ``nblocks`` pages; what the pool holds beyond is forgotten."""
        have = self.nblocks(where, fork)
        if nblocks >= have:
            return
        held = self._tables[fork].get(where, {})
        for block in [b for b in held if b >= nblocks]:
            self._forget(held[block])
        base = self.path(where, fork)
        for number in range((have - 1) // self.relseg_size, -1, -1):
            low = number * self.relseg_size
            if low + self.relseg_size <= nblocks:
                break
            path = base + (f".{number}" if number else "")
            self.backend.truncate(path, max(0, nblocks - low) * BLCKSZ)
            self._note_unsynced(where, path)
        self._sizes[fork][where] = nblocks

    def drop(self, where: RelFileLocator) -> None:
        """Forget a relation's pages, dirty ones too, and its sizes: its files are going."""
        for fork in _FORKS:
            for buffer in list(self._tables[fork].get(where, {}).values()):
                self._forget(buffer)
            self._tables[fork].pop(where, None)
            self._sizes[fork].pop(where, None)
            self._paths[fork].pop(where, None)

    def drop_database(self, db: int, spc: int | None = None) -> None:
        """Forget everything of a database (in one tablespace, or in all)."""
        known = {where for table in self._tables for where in table}
        known.update(where for sizes in self._sizes for where in sizes)
        for where in known:
            if where.db == db and (spc is None or where.spc == spc):
                self.drop(where)

    def unlink(self, where: RelFileLocator) -> None:
        """Remove a relation's files; the name of its first is kept until the next checkpoint."""
        paths = [path for fork in _FORKS for path in self._segments(where, fork)]
        keep = self.path(where)
        self.drop(where)
        for path in reversed(paths):
            self.unsynced.discard(path)
            if path == keep and where.temp is None:
                self.backend.truncate(path, 0)
                self.doomed.append(path)
            else:
                self.backend.unlink(path)

    # -- writing ----------------------------------------------------------------

    def flush_all(self) -> None:
        """Write every dirty page."""
        for path in sorted(self.dirty_files):
            self._write_file(path)

    def flush_relation(self, where: RelFileLocator) -> None:
        """Write the dirty pages of a relation."""
        prefixes = [self.path(where, fork) for fork in _FORKS]
        for path in list(self.dirty_files):
            if path in prefixes or path.rpartition(".")[0] in prefixes:
                self._write_file(path)

    def flush_database(self, db: int) -> None:
        """Write the dirty pages of a database."""
        for path, found in list(self.dirty_files.items()):
            if next(iter(found.values())).tag.where.db == db:
                self._write_file(path)

    def sync(self) -> None:
        """Bring to disk what was written to relation files since the last call."""
        while self.unsynced:
            path = next(iter(self.unsynced))
            if self.backend.exists(path):
                self.backend.sync(path)
            self.unsynced.discard(path)

    def take_doomed(self) -> list[str]:
        """The files that wait for a checkpoint to be removed, no longer kept here."""
        out, self.doomed = self.doomed, []
        return out

    def _write_file(self, path: str) -> None:
        found = self.dirty_files.get(path)
        if not found:
            return
        if self.flush_wal is not None:
            self.flush_wal(max((b.lsn for b in found.values() if b.tag.where.temp is None),
                               default=0))  # fmt: skip
        blocks = sorted(found)
        runs = itertools.groupby(enumerate(blocks), lambda pair: pair[1] - pair[0])
        for _, group in runs:
            run = [block for _, block in group]
            for at in range(0, len(run), WRITE_RUN):
                self._write_run(path, [found[block] for block in run[at : at + WRITE_RUN]])

    def _write_run(self, path: str, buffers: list[Buffer]) -> None:
        """Write pages that lie side by side; they are clean then."""
        data = b"".join(self.signed(buffer) for buffer in buffers)
        first = buffers[0].tag
        self.backend.write(path, self.place(first)[1] * BLCKSZ, data)
        self.writes += len(buffers)
        self._note_unsynced(first.where, path)
        for buffer in buffers:
            self._clean(buffer)

    def signed(self, buffer: Buffer) -> bytes | bytearray:
        """The page as it belongs into the file: a copy with its checksum."""
        if not self.checksums or is_new(buffer.page):
            return buffer.page
        out = bytearray(buffer.page)
        _sign(out, buffer.tag.block)
        return out

    # -- within -----------------------------------------------------------------

    def _load(self, tag: BufferTag, ring: Ring | None) -> Buffer:
        path, block = self.place(tag)
        page = bytearray(BLCKSZ)
        try:
            got = self.backend.readinto(path, block * BLCKSZ, memoryview(page))
        except FileNotFoundError:
            raise CorruptData("relation file is missing", file=path, block=tag.block) from None
        if got != BLCKSZ:
            raise CorruptData(
                f"block {tag.block} is beyond the end of the relation", file=path, block=tag.block
            )
        self.reads += 1
        if self.checksums:
            for bad in verify_pages(page, tag.block):
                raise CorruptData(
                    f"page verification failed, calculated checksum {bad.calculated} "
                    f"but expected {bad.stored}",
                    file=path, block=tag.block, field="pd_checksum",
                )  # fmt: skip
        return self._enter(tag, page, ring)

    def _enter(self, tag: BufferTag, page: bytearray, ring: Ring | None) -> Buffer:
        buffer = Buffer(tag, page, 1, 0 if ring else 1, ring=ring)
        buffer.seat = self._vacate(ring)
        if buffer.seat == len(self._clock):
            self._clock.append(buffer)
        else:
            self._clock[buffer.seat] = buffer
        self.pinned += 1
        self._tables[tag.fork].setdefault(tag.where, {})[tag.block] = buffer
        if ring is not None:
            ring.buffers.append(buffer)
        return buffer

    def _vacate(self, ring: Ring | None) -> int:
        """The place for a new page: the ring's oldest, a free one, or the clock's choice."""
        if ring is not None and len(ring.buffers) >= ring.size:
            oldest = ring.buffers.popleft()
            if oldest.ring is ring and not oldest.pins:
                self._evict(oldest)
                return oldest.seat
        if len(self._clock) < self.size:
            return len(self._clock)
        for _ in range(self.size * (MAX_USAGE + 1) + 1):
            place = self._hand
            self._hand = (place + 1) % self.size
            buffer = self._clock[place]
            if buffer.pins:
                continue
            if buffer.usage:
                buffer.usage -= 1
                continue
            self._evict(buffer)
            return place
        raise UserError("no unpinned buffers available")

    def _evict(self, buffer: Buffer) -> None:
        if buffer.dirty:
            if self.flush_wal is not None and buffer.tag.where.temp is None:
                self.flush_wal(buffer.lsn)
            self._write_run(self.place(buffer.tag)[0], [buffer])
        blocks = self._tables[buffer.tag.fork].get(buffer.tag.where, {})
        if blocks.get(buffer.tag.block) is buffer:
            del blocks[buffer.tag.block]
        buffer.ring = None

    def _forget(self, buffer: Buffer) -> None:
        """Take a page out of the pool without writing it; its place is the next to be used."""
        if buffer.pins:
            raise UserError(f"block {buffer.tag.block} of {buffer.tag.where.rel} is pinned")
        self._clean(buffer)
        buffer.usage = 0
        del self._tables[buffer.tag.fork][buffer.tag.where][buffer.tag.block]

    def _clean(self, buffer: Buffer) -> None:
        if buffer.dirty:
            buffer.dirty = False
            path, block = self.place(buffer.tag)
            found = self.dirty_files[path]
            del found[block]
            if not found:
                del self.dirty_files[path]

    def _segments(self, where: RelFileLocator, fork: ForkNumber) -> list[str]:
        """The segment files of a fork that are there, empty ones behind a gap not."""
        base = self.path(where, fork)
        out: list[str] = []
        for number in itertools.count():
            path = base + (f".{number}" if number else "")
            if not self.backend.exists(path):
                return out
            out.append(path)
        raise AssertionError

    def _measure(self, where: RelFileLocator, fork: ForkNumber) -> int:
        base = self.path(where, fork)
        for number in itertools.count():
            path = base + (f".{number}" if number else "")
            try:
                size = self.backend.size(path)
            except FileNotFoundError:
                if not number:
                    raise CorruptData("relation file is missing", file=path) from None
                return number * self.relseg_size
            if size < self.relseg_size * BLCKSZ:
                return number * self.relseg_size + size // BLCKSZ
        raise AssertionError

    def _note_new(self, where: RelFileLocator, path: str) -> None:
        self._note_unsynced(where, path)
        if where.temp is None:
            self.unsynced.add(path.rpartition("/")[0])

    def _note_unsynced(self, where: RelFileLocator, path: str) -> None:
        if where.temp is None:
            self.unsynced.add(path)


def _sign(page: bytearray | memoryview, block: int) -> None:
    """Set the checksum of a page that is in use."""
    if not is_new(page):
        _CHECKSUM.pack_into(page, _PD_CHECKSUM, page_checksum(page, block))
