"""Filling a new index from its table: CREATE INDEX and REINDEX.

All row versions that anybody may still look for get an entry, under the TID of their HOT
chain's root: what the transaction itself sees, and what other sessions may see although it
is deleted (not *alive*: such rows break no unique constraint). A chain with an older version
that somebody may still see is *broken* for the new index, which can know only one version of
it: whoever makes the index must note that (``indcheckxmin``).

Values of plain columns go from the heap's pages to the index's in batches; expressions and
predicates are computed row by row by functions that the descriptor brings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from formats.heap import HeapInfomask2
from formats.units import BLCKSZ
from pgtool.access.heap.hot import index_places
from pgtool.access.heap.page import Tuples
from pgtool.access.index import IndexRelation, index_datums
from pgtool.access.indexdesc import IndexDescriptor
from pgtool.catalog.database import Database
from pgtool.catalog.indexinfo import Keys, open_index_of
from pgtool.catalog.relation import Relation
from pgtool.errors import CorruptData, SqlError
from pgtool.transam.tqual import VacuumState
from pgtool.transam.visibility import Headers

__all__ = ["Built", "build_index"]

_HOT_UPDATED = int(HeapInfomask2.HEAP_HOT_UPDATED)
LOCK_NOT_AVAILABLE = "55P03"

Complete = Callable[[IndexDescriptor], Callable[[list[Any]], Any] | None]


@dataclass
class Built:
    """What a build did: live rows of the table, entries, whether HOT chains are broken."""

    heap_tuples: int = 0
    index_tuples: int = 0
    broken_chains: bool = False


def build_index(
    database: Database, instance: Any, xact: Any, oid: int, *, keys: Keys | None = None,
    complete: Complete | None = None,
) -> Built:  # fmt: skip
    """Fill the empty file of an index.

    ``complete`` puts expressions, predicate and the wording of keys into the descriptor and
    gives the function that makes of datums the row that those take.
    """
    index = open_index_of(database, instance, oid, keys)
    make_row = complete(index.descriptor) if complete is not None else None
    out = Built()
    heap = database.relation(index.descriptor.heap_oid)
    rows = _Rows(database, instance, xact, heap, index, out)
    plain = index.descriptor.predicate is None and 0 not in index.descriptor.attnums
    batches = rows.columns() if plain else rows.computed(make_row)
    out.index_tuples = index.build(batches, xid=xact.current_xid())
    return out


class _Rows:
    """The rows of a table that a new index must know."""

    def __init__(
        self, database: Database, instance: Any, xact: Any, heap: Relation,
        index: IndexRelation, out: Built,
    ) -> None:  # fmt: skip
        self.database = database
        self.instance = instance
        self.xact = xact
        self.heap = heap
        self.descriptor = index.descriptor
        self.out = out
        self.snapshot = xact.latest_snapshot()
        where = heap.locator
        assert where is not None
        self.where = where
        self.horizon = instance.procarray.horizon(
            bool(heap.relisshared), where.db, index.descriptor.heap_is_catalog
        )
        #: TIDs (of the versions themselves) that are kept and not alive.
        self.not_alive: set[int] = set()

    def _scan(self, wanted: list[int]) -> Iterator[Any]:
        """Batches of attributes, each with its tuples."""
        scan = self.database.scan(self.heap, visible=False)
        for tuples in scan.runs():
            kept = self._kept(tuples)
            if len(kept):
                yield from scan.decode(kept, wanted)

    def columns(self) -> Iterator[tuple[Any, ...]]:
        """(columns, TIDs, alive) of rows whose index columns are plain attributes."""
        wanted = sorted({attnum - 1 for attnum in self.descriptor.attnums})
        for batch in self._scan(wanted):
            columns = [
                batch.columns[wanted.index(attnum - 1)] for attnum in self.descriptor.attnums
            ]
            yield columns, self._places(batch.tuples), self._alive(batch.tuples)

    def computed(
        self, make_row: Callable[[list[Any]], Any] | None
    ) -> Iterator[tuple[Any, ...]]:
        """The same where expressions or a predicate have to be computed."""
        descriptor = self.descriptor
        for batch in self._scan(list(range(len(self.heap.attributes)))):
            places, alive = self._places(batch.tuples), self._alive(batch.tuples)
            picked: list[int] = []
            rows: list[list[Any]] = []
            for number in range(len(batch)):
                datums = [column.datum(number) for column in batch.columns]
                row = datums if make_row is None else make_row(datums)
                if descriptor.predicate is None or descriptor.predicate(row):
                    picked.append(number)
                    rows.append(index_datums(descriptor, datums, row))
            columns = [[row[i] for row in rows] for i in range(len(descriptor.attnums))]
            yield columns, places[picked], alive[picked]

    # -- which versions -----------------------------------------------------------------------

    def _kept(self, tuples: Tuples) -> Tuples:
        """The versions that need an entry."""
        seen = self._seen(tuples)
        self.out.heap_tuples += int(seen.sum())
        if seen.all():
            return tuples
        keep = seen.copy()
        for row in np.flatnonzero(~seen).tolist():
            keep[row] = self._somebody_sees(tuples, row)
        return tuples.take(keep)

    def _seen(self, tuples: Tuples) -> Any:
        """Which versions the transaction sees."""

        def unknown(which: Any, xid: int, problem: CorruptData) -> None:
            raise problem.at(file=tuples.path, block=tuples.block_of(int(which[0])))

        headers = Headers(
            tuples.infomask, tuples.u32("t_xmin"), tuples.u32("t_xmax"), tuples.u32("t_field3")
        )
        return self.snapshot.visible(headers, unknown)

    def _somebody_sees(self, tuples: Tuples, row: int) -> bool:
        """Whether a version that the transaction does not see needs an entry all the same."""
        block, at = tuples.block_of(row), int(tuples.start[row]) % BLCKSZ
        with self.instance.pool.read(self.where, block) as buffer:
            state = self.instance.tqual.satisfies_vacuum(buffer, at, self.horizon, self.xact)
        if state == VacuumState.HEAPTUPLE_DEAD:
            return False
        if state == VacuumState.HEAPTUPLE_INSERT_IN_PROGRESS:
            raise SqlError(
                f'could not build index "{self.descriptor.name}": another transaction is '
                f'inserting into table "{self.heap.relname}"', LOCK_NOT_AVAILABLE,
            )  # fmt: skip
        if int(tuples.u16("t_infomask2")[row]) & _HOT_UPDATED:
            self.out.broken_chains = True
            return False
        self.not_alive.add(block << 16 | int(tuples.offnum[row]))
        return True

    def _places(self, tuples: Tuples) -> Any:
        """The TIDs under which the index knows the versions."""
        out = index_places(tuples)
        if (out < 0).any():
            row = int(np.flatnonzero(out < 0)[0])
            raise CorruptData(
                f"failed to find parent tuple for heap-only tuple at "
                f"({tuples.block_of(row)},{int(tuples.offnum[row])}) "
                f'in table "{self.heap.relname}"',
                file=tuples.path, block=tuples.block_of(row),
            )  # fmt: skip
        return out

    def _alive(self, tuples: Tuples) -> Any:
        """Which rows count for a unique constraint."""
        alive = np.ones(len(tuples), bool)
        if self.not_alive:
            own = tuples.blocks() << 16 | tuples.offnum
            alive &= ~np.isin(own, np.fromiter(self.not_alive, np.int64))
        return alive
