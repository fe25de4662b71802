"""The buffer pool: pages in memory, each at most once, found by relation, fork and block.

For point access (one page here, one there); bulk reads go past it (:mod:`bulk`) and only
look whether the pool holds a newer copy of a page.

* A **pin** keeps a page where it is. :meth:`BufferPool.read` pins, leaving its ``with``
  block unpins.
* The **usage count** rises with every pin up to :data:`MAX_USAGE`; the clock hand passes
  over the buffers, takes one from each count, and evicts the first unpinned buffer whose
  count is zero. So what is used often stays.
* A **ring** (:class:`Ring`) is a handful of buffers that a long scan reuses for itself, so
  that it does not push everybody else's pages out.

Invariants: a page's checksum is verified when it is read; a dirty page is never evicted
without its writer having been called; a pinned page is never evicted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from formats.errors import CorruptData, UserError
from formats.units import BLCKSZ
from pgtool.storage.checksum import verify_pages
from pgtool.storage.smgr import ForkNumber, RelationFile, RelFileLocator

MAX_USAGE = 5
DEFAULT_BUFFERS = 2048
RING_BUFFERS = 32


class BufferTag(NamedTuple):
    """Which page a buffer holds."""

    where: RelFileLocator
    fork: ForkNumber
    block: int


@dataclass(slots=True)
class Buffer:
    """One page in memory."""

    tag: BufferTag
    page: bytearray
    pins: int = 0
    usage: int = 0
    dirty: bool = False
    ring: Ring | None = None


@dataclass(slots=True)
class Ring:
    """The buffers that one bulk access uses over and over."""

    size: int = RING_BUFFERS
    tags: deque[BufferTag] = field(default_factory=deque)


Opener = Callable[[RelFileLocator, ForkNumber], RelationFile]
Writer = Callable[[BufferTag, bytearray], None]


class BufferPool:
    """A pool of at most ``size`` pages."""

    def __init__(
        self, opener: Opener, size: int = DEFAULT_BUFFERS, *, checksums: bool = False,
        write: Writer | None = None,
    ) -> None:  # fmt: skip
        """``opener`` gives a relation's fork; ``write`` is called for a dirty page."""
        if size < 1:
            raise UserError("a buffer pool needs at least one buffer")
        self.opener = opener
        self.size = size
        self.checksums = checksums
        self.write = write
        self.hits = self.reads = 0
        self._buffers: list[Buffer] = []
        self._places: dict[BufferTag, int] = {}
        self._hand = 0

    def __len__(self) -> int:
        return len(self._buffers)

    @contextmanager
    def read(
        self, where: RelFileLocator, block: int, fork: ForkNumber = ForkNumber.MAIN,
        ring: Ring | None = None,
    ) -> Iterator[Buffer]:  # fmt: skip
        """The page of a block, pinned while the ``with`` block runs."""
        buffer = self._pin(BufferTag(where, fork, block), ring)
        try:
            yield buffer
        finally:
            buffer.pins -= 1

    def peek(self, tag: BufferTag) -> Buffer | None:
        """The buffer that holds a page, without pinning or counting."""
        place = self._places.get(tag)
        return None if place is None else self._buffers[place]

    def flush(self) -> None:
        """Write every dirty page."""
        for buffer in self._buffers:
            self._clean(buffer)

    def drop(self, where: RelFileLocator) -> None:
        """Forget a relation's pages, dirty ones too: its files are gone."""
        for buffer in self._buffers:
            if buffer.tag.where == where and self._places.pop(buffer.tag, None) is not None:
                if buffer.pins:
                    raise UserError(f"block {buffer.tag.block} of {where.rel} is pinned")
                buffer.usage, buffer.dirty = 0, False

    def _pin(self, tag: BufferTag, ring: Ring | None) -> Buffer:
        place = self._places.get(tag)
        if place is not None:
            self.hits += 1
            buffer = self._buffers[place]
            if ring is None:
                buffer.usage = min(buffer.usage + 1, MAX_USAGE)
                buffer.ring = None
        else:
            page = self._load(tag)
            place = self._victim(ring)
            buffer = Buffer(tag, page, usage=0 if ring else 1, ring=ring)
            if place == len(self._buffers):
                self._buffers.append(buffer)
            else:
                self._buffers[place] = buffer
            self._places[tag] = place
            if ring is not None:
                ring.tags.append(tag)
        buffer.pins += 1
        return buffer

    def _load(self, tag: BufferTag) -> bytearray:
        file = self.opener(tag.where, tag.fork)
        page = bytearray(file.read_block(tag.block))
        self.reads += 1
        if self.checksums:
            for bad in verify_pages(page, tag.block):
                raise CorruptData(
                    f"page verification failed, calculated checksum {bad.calculated} "
                    f"but expected {bad.stored}",
                    file=file.path, block=tag.block, field="pd_checksum",
                )  # fmt: skip
        assert len(page) == BLCKSZ
        return page

    def _victim(self, ring: Ring | None) -> int:
        """The place for a new page: the ring's oldest, a free one, or the clock's choice."""
        if ring is not None and len(ring.tags) >= ring.size:
            oldest = ring.tags.popleft()
            place = self._places.get(oldest)
            if place is not None:
                buffer = self._buffers[place]
                if buffer.ring is ring and not buffer.pins:
                    self._evict(buffer)
                    return place
        if len(self._buffers) < self.size:
            return len(self._buffers)
        for _ in range(self.size * (MAX_USAGE + 1) + 1):
            place = self._hand
            self._hand = (self._hand + 1) % self.size
            buffer = self._buffers[place]
            if buffer.pins:
                continue
            if buffer.usage:
                buffer.usage -= 1
                continue
            self._evict(buffer)
            return place
        raise UserError("no unpinned buffers available")

    def _evict(self, buffer: Buffer) -> None:
        self._clean(buffer)
        self._places.pop(buffer.tag, None)

    def _clean(self, buffer: Buffer) -> None:
        if not buffer.dirty:
            return
        if self.write is None:
            raise UserError("a page was changed in a pool that only reads")
        self.write(buffer.tag, buffer.page)
        buffer.dirty = False
