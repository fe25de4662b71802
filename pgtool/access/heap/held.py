"""What those who change a heap hand to each other: pages in hand, and what came of a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pgtool.access.heap.xmax import LockTupleMode
from pgtool.storage.bufmgr import Buffer, BufferPool
from pgtool.transam.tqual import TmResult

#: (block, line pointer number)
Tid = tuple[int, int]


class Failure(NamedTuple):
    """What is in the way: where the row's next version is, who made it."""

    ctid: Tid
    xmax: int
    #: The command of this transaction that changed the row (TM_SelfModified).
    cmax: int
    #: Transactions in progress that hold the row.
    blockers: tuple[int, ...] = ()


@dataclass(slots=True)
class UpdateResult:
    """What came of an update: the new version's TID, and which indexes must know it.

    ``update_indexes``: none, only summarising ones, or all.
    """

    result: TmResult
    tid: Tid = (0, 0)
    update_indexes: str = "none"
    failure: Failure | None = None
    #: How strongly the old version was held: whether key columns changed.
    mode: LockTupleMode = LockTupleMode.NoKeyExclusive

    @property
    def hot(self) -> bool:
        """Whether no ordinary index needs to know."""
        return self.update_indexes != "all"


class Pinned:
    """A pinned page as a context; the library's way takes four times as long."""

    __slots__ = ("buffer", "pool")

    def __init__(self, pool: BufferPool, buffer: Buffer) -> None:
        self.pool = pool
        self.buffer = buffer

    def __enter__(self) -> Buffer:
        return self.buffer

    def __exit__(self, *error: object) -> None:
        self.pool.unpin(self.buffer)


class MapPage:
    """A pinned page of the visibility map as a context, or None."""

    __slots__ = ("buffer", "pool")

    def __init__(self, pool: BufferPool | None, buffer: Buffer | None) -> None:
        self.pool = pool
        self.buffer = buffer

    def __enter__(self) -> Buffer | None:
        return self.buffer

    def __exit__(self, *error: object) -> None:
        if self.pool is not None and self.buffer is not None:
            self.pool.unpin(self.buffer)


NO_MAP = MapPage(None, None)
