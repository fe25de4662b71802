"""What an export reads: relations, the columns they give, and their rows in batches.

A :class:`Source` is one relation as the user sees it. An ordinary table has one heap
behind it; a partitioned one has its leaves, whose attributes are put into the parent's
order by name. Columns are numbered as they come out.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from pgtool.access.damage import Damage
from pgtool.access.heap.evidence import lost_blocks
from pgtool.access.heap.scan import Batch, HeapScan
from pgtool.catalog.database import Database
from pgtool.catalog.relation import Attribute, Relation
from pgtool.errors import CorruptData
from pgtool.types.column import Column, VarColumn

BYTEA = 17
VIRTUAL = "v"


@dataclass(frozen=True, slots=True)
class OutColumn:
    """One output column; ``number`` is the index of its attribute, None for a derived one."""

    name: str
    typid: int
    typmod: int
    number: int | None
    attribute: Attribute | None = None

    @property
    def generated(self) -> str:
        """pg_attribute.attgenerated."""
        return self.attribute.attgenerated if self.attribute else ""


def columns_of(
    relation: Relation, *, generated: bool = False, virtual: bool = False, dropped: bool = False
) -> list[OutColumn]:
    """The columns that an export shows: COPY leaves generated ones out.

    Virtual generated columns are not stored; where they are wanted all the same they have no
    number. Dropped columns come as their raw bytes.
    """
    out = []
    for number, a in enumerate(relation.attributes):
        if a.attisdropped:
            if dropped:
                out.append(OutColumn(a.attname, BYTEA, -1, number, a))
        elif a.attgenerated == VIRTUAL:
            if virtual:
                out.append(OutColumn(a.attname, a.atttypid, a.atttypmod, None, a))
        elif generated or not a.attgenerated:
            out.append(OutColumn(a.attname, a.atttypid, a.atttypmod, number, a))
    return out


@dataclass
class Heap:
    """One stored relation behind a source, and where each output column is in it."""

    relation: Relation
    scan: HeapScan
    wanted: list[int]


class Source:
    """A relation's rows, with the columns in output order."""

    def __init__(
        self, database: Database, relation: Relation, columns: list[OutColumn], damage: Damage,
        *, visible: bool = True,
    ) -> None:  # fmt: skip
        self.database = database
        self.relation = relation
        self.columns = columns
        self.damage = damage
        self.heaps: list[Heap] = []
        for leaf in database.leaves(relation):
            scan = database.scan(leaf, damage, visible=visible)
            self.heaps.append(Heap(leaf, scan, self._places(leaf)))

    def _places(self, leaf: Relation) -> list[int]:
        stored = [c.number for c in self.columns if c.number is not None]
        if leaf.oid == self.relation.oid:
            return stored
        by_name = {a.attname: i for i, a in enumerate(leaf.attributes) if not a.attisdropped}
        names = [self.relation.attributes[number].attname for number in stored]
        missing = [name for name in names if name not in by_name]
        if missing:
            raise CorruptData(f'partition "{leaf.relname}" has no column "{missing[0]}"')
        return [by_name[name] for name in names]

    def missing(self, tail: bool = True, thorough: bool = False) -> None:
        """Report blocks that were found empty, or not at all, and should not be.

        Asked after the rows were read; ``tail`` if that was to the end; ``thorough`` if the
        time to read a whole index does not matter. The files of a
        cluster that is not at rest disagree without being damaged: there nothing is
        concluded.
        """
        if self.database.cluster.directory.state.reason is not None:
            return
        for heap in self.heaps:
            for problem in lost_blocks(
                heap.scan.file, heap.scan.empty, self.database.witnesses(heap.relation),
                tail=tail, checksums=heap.scan.checksums, thorough=thorough,
            ):  # fmt: skip
                self.damage(problem)

    def narrowed(self, columns: list[OutColumn]) -> Source:
        """The same rows with other columns; damage was or will be told by this one."""
        out = copy(self)
        out.columns = columns
        out.heaps = []
        for heap in self.heaps:
            scan = replace(heap.scan, damage=_deaf, empty=[])
            out.heaps.append(Heap(heap.relation, scan, []))
            out.heaps[-1].wanted = out._places(heap.relation)
        return out

    @property
    def blocks(self) -> int:
        """Pages to read."""
        return sum(heap.scan.file.nblocks for heap in self.heaps)

    def batches(
        self, first: int = 0, stop: int | None = None, *, reuse: bool = True
    ) -> Iterator[tuple[Heap, Batch]]:
        """The stored columns of all rows; with ``reuse`` a batch is valid until the next one.

        A block range applies to a source of one heap.
        """
        for heap in self.heaps:
            for batch in heap.scan.batches(heap.wanted, first, stop, reuse):
                columns: list[Column] = []
                for out, column in zip(
                    (c for c in self.columns if c.number is not None), batch.columns
                ):
                    columns.append(_raw(column) if _is_dropped(out) else column)
                yield heap, replace(batch, columns=columns)


def _deaf(problem: CorruptData) -> None:
    """For a second reading: what is damaged is left out as in the first."""


def _is_dropped(column: OutColumn) -> bool:
    return column.attribute is not None and column.attribute.attisdropped


def _raw(column: Column) -> Column:
    """A column of unknown type as a column of bytes."""
    if isinstance(column, VarColumn):
        return column
    values = np.ascontiguousarray(column.values)
    size = values.dtype.itemsize
    start = np.arange(len(values), dtype=np.int64) * size
    return VarColumn(
        values.view(np.uint8), start, np.full(len(values), size, np.int32), column.valid
    )
