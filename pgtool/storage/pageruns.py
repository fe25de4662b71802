"""Runs of a relation's pages as arrays, to be changed many at a time.

VACUUM looks at whole relations. Pages of a large one pass the pool by: a run is read with
one call, changed, logged, and written behind its WAL some thousand pages later
(:class:`DirectRuns`); what the pool held of it is taken over. A small one's stay in the
pool, as it is the checkpoint that writes them (:class:`PooledRuns`). Either way a run is an
array with a row for each page, and a page that needs a closer look is had as a buffer.

Invariants: nobody else changes the relation meanwhile; between :meth:`load` and
:meth:`save` nothing else happens to a run's pages; a page that was changed reaches the pool
or the disk whatever happens, unless the whole process fails.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from formats.derive import offset_of
from formats.page import PageHeaderData
from formats.units import BLCKSZ
from pgtool.errors import CorruptData
from pgtool.storage.bufmgr import Buffer, BufferPool
from pgtool.storage.bulk import SPARE
from pgtool.storage.checksum import stamp, verify_pages
from pgtool.storage.smgr import ForkNumber, RelFileLocator

__all__ = ["DirectRuns", "PooledRuns", "Run", "Runs", "runs_of"]

Pages = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
#: Relations that are larger pass the pool by.
DIRECT_FROM = 512
#: Pages that wait for their WAL at most.
BEHIND = 4096
_LSN = offset_of(PageHeaderData, "pd_lsn")


class Run:
    """Some blocks, ascending, and their pages; ``flat`` has spare bytes behind the last."""

    def __init__(self, blocks: Ints) -> None:
        self.blocks = blocks
        self.flat = np.empty(len(blocks) * BLCKSZ + SPARE, np.uint8)
        self.flat[len(blocks) * BLCKSZ :] = 0
        self.pages: Pages = self.flat[: len(blocks) * BLCKSZ].reshape(len(blocks), BLCKSZ)
        #: Rows that are not in the file as they are here.
        self.dirty = np.zeros(len(blocks), np.bool_)

    def some(self, rows: npt.NDArray[Any]) -> Pages:
        """Some of the pages; a copy, unless they are all."""
        return self.pages if len(rows) == len(self.pages) else self.pages[rows]

    def set_lsn(self, rows: Any, ends: Ints) -> None:
        """Note the ends of the records of some pages' last changes."""
        words = self.pages[:, _LSN : _LSN + 8].view(np.uint32)
        words[rows, 0] = ends >> 32
        words[rows, 1] = ends & 0xFFFFFFFF

    def lsns(self) -> Ints:
        """The pages' LSNs."""
        words = self.pages[:, _LSN : _LSN + 8].view(np.uint32).astype(np.int64)
        return np.asarray(words[:, 0] << 32 | words[:, 1])


class PooledRuns:
    """Runs of pages that stay in the pool."""

    def __init__(self, pool: BufferPool, where: RelFileLocator) -> None:
        self.pool = pool
        self.where = where
        self._held: list[Buffer] = []

    def load(self, blocks: Sequence[int]) -> Run:
        """The pages of some blocks, pinned until :meth:`save`."""
        run = Run(np.asarray(blocks, np.int64))
        for row, block in enumerate(blocks):
            buffer = self.pool.pin(self.where, block)
            self._held.append(buffer)
            run.pages[row] = np.frombuffer(buffer.page, np.uint8)
        return run

    def save(self, run: Run, aside: Sequence[int] = ()) -> list[Buffer]:
        """Put the changed pages back; the pages of the rows ``aside`` as pinned buffers."""
        for row in np.flatnonzero(run.dirty).tolist():
            self._held[row].page[:] = run.pages[row].data
            self.pool.mark_dirty(self._held[row])
        out = [self._held[row] for row in aside]
        kept = set(aside)
        for row, buffer in enumerate(self._held):
            if row not in kept:
                self.pool.unpin(buffer)
        self._held = []
        return out

    #: Pages that wait to be written.
    waiting = 0

    def settle(self) -> None:
        """Nothing waits here."""

    def abandon(self) -> None:
        """After an error: let go of what is held."""
        for buffer in self._held:
            self.pool.unpin(buffer)
        self._held = []


class DirectRuns:
    """Runs of pages that pass the pool by."""

    def __init__(self, pool: BufferPool, where: RelFileLocator) -> None:
        self.pool = pool
        self.where = where
        self._behind: list[Run] = []
        self.waiting = 0
        self._loaded: Run | None = None

    def load(self, blocks: Sequence[int]) -> Run:
        """The pages of some blocks; the pool has none of them then."""
        run = Run(np.asarray(blocks, np.int64))
        breaks = np.flatnonzero(np.diff(run.blocks) != 1) + 1
        bounds = [0, *breaks.tolist(), len(blocks)]
        self._loaded = run
        for low, high in itertools.pairwise(bounds):
            self._read(run, low, high)
        return run

    def _read(self, run: Run, low: int, high: int) -> None:
        """Read blocks in a row, as far as the pool does not hold them dirty."""
        pool, first = self.pool, int(run.blocks[low])
        pages = run.pages[low:high]
        pool.read_blocks(self.where, ForkNumber.MAIN, first, pages.data.cast("B"))
        held = pool.take(self.where, ForkNumber.MAIN, first, high - low)
        for block, page in held.items():
            pages[block - first] = np.frombuffer(page, np.uint8)
            run.dirty[low + block - first] = True
        if not pool.checksums:
            return
        for bad in verify_pages(pages.reshape(-1), first):
            if bad.block not in held:
                raise CorruptData(
                    f"page verification failed, calculated checksum {bad.calculated} "
                    f"but expected {bad.stored}", file=pool.path(self.where), block=bad.block,
                    field="pd_checksum",
                )  # fmt: skip

    def save(self, run: Run, aside: Sequence[int] = ()) -> list[Buffer]:
        """Keep the changed pages to be written; those ``aside`` go into the pool, pinned."""
        out = []
        for row in aside:
            out.append(
                self.pool.adopt(self.where, int(run.blocks[row]), bytearray(run.pages[row].data),
                                dirty=bool(run.dirty[row]))
            )  # fmt: skip
            run.dirty[row] = False
        if run.dirty.any():
            self._behind.append(run)
            self.waiting += len(run.blocks)
        self._loaded = None
        if self.waiting >= BEHIND:
            self.settle()
        return out

    def settle(self) -> None:
        """Write what waits, behind its WAL."""
        for run in self._behind:
            if self.pool.flush_wal is not None:
                self.pool.flush_wal(int(run.lsns()[run.dirty].max()))
            rows = np.flatnonzero(run.dirty)
            breaks = np.flatnonzero(np.diff(run.blocks[rows]) != 1) + 1
            for part in np.split(rows, breaks):
                first, pages = int(run.blocks[part[0]]), run.pages[part[0] : part[-1] + 1]
                if self.pool.checksums:
                    stamp(pages, first)
                self.pool.dirtied += len(part)
                self.pool.write_signed(self.where, ForkNumber.MAIN, first, pages.data.cast("B"))
        self._behind = []
        self.waiting = 0

    def abandon(self) -> None:
        """After an error that is no panic: nothing that was changed is lost."""
        if self._loaded is not None:
            self._behind.append(self._loaded)
            self._loaded = None
        self._behind = [run for run in self._behind if run.dirty.any()]
        self.settle()


Runs = PooledRuns | DirectRuns


def runs_of(pool: BufferPool, where: RelFileLocator) -> Runs:
    """The way that suits a relation's size."""
    direct = where.temp is None and pool.nblocks(where) >= DIRECT_FROM
    direct = direct and not pool.pinned_blocks(where)
    return DirectRuns(pool, where) if direct else PooledRuns(pool, where)
