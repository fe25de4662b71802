"""SeqScan, and what every scan of a heap shares: lazily decoded columns of tuples.

A :class:`HeapSource` knows one relation: which attributes and system columns a node
reads, where each stands in the node's batches. A :class:`HeapBatch` holds tuples and the
places of their attributes; a column is fetched from the pages when it is first asked for,
and after the filter only for the rows that passed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from formats.derive import sizeof
from formats.itemptr import ItemPointerData
from formats.units import BLCKSZ
from pgtool.access.damage import strict
from pgtool.access.heap.columns import materialise
from pgtool.access.heap.deform import walk as walk_tuples
from pgtool.access.heap.page import Tuples, tuples_of
from pgtool.access.heap.scan import HeapScan
from pgtool.errors import CorruptData, Unsupported
from pgtool.nodes.base import walk
from pgtool.sql.executor.ahead import ahead
from pgtool.sql.executor.batch import Batch, ConstColumn, take
from pgtool.sql.executor.context import Context, Measure
from pgtool.sql.executor.node import Exec, Filter, in_row_order
from pgtool.sql.executor.pages import touch
from pgtool.sql.executor.rowtype import with_whole_row
from pgtool.sql.executor.scope import Scope
from pgtool.sql.executor.spill import batch_bytes, compacted
from pgtool.types.column import FixedColumn

__all__ = ["HeapBatch", "HeapSource", "SeqScanExec", "tid_values"]

CTID, XMIN, CMIN, XMAX, CMAX, TABLEOID = -1, -2, -3, -4, -5, -6
_SYSTEM_TYPES = {CTID: 27, XMIN: 28, CMIN: 29, XMAX: 28, CMAX: 29, TABLEOID: 26}
_HEADER_FIELDS = {XMIN: "t_xmin", XMAX: "t_xmax", CMIN: "t_field3", CMAX: "t_field3"}
_TID = np.dtype([("high", "<u2"), ("low", "<u2"), ("pos", "<u2")])
assert sizeof(ItemPointerData) == _TID.itemsize


def tid_values(block: Any, offnum: Any) -> Any:
    """Stored tids."""
    out = np.empty(len(block), _TID)
    out["high"], out["low"], out["pos"] = block >> 16, block & 0xFFFF, offnum
    return out.view("V6")


class HeapSource:
    """What a node reads of one relation."""

    def __init__(self, env: Any, rte: Any, scanrelid: int, expressions: list[Any]) -> None:
        self.env = env
        database = env.session.database
        self.relation = database.relation(rte.relid)
        if self.relation.relkind in ("v", "p", "f", "i", "I", "c"):
            raise Unsupported(f'scan of {self.relation.kind} "{self.relation.relname}"')
        self._heap: HeapScan = database.scan(self.relation)
        self._reading = database.cluster.reading
        self.attributes = self.relation.attributes
        wanted = sorted({
            v.varattno for v in walk(expressions)
            if type(v).__name__ == "Var" and v.varno == scanrelid
        })  # fmt: skip
        self.system = [a for a in wanted if a < 0]
        self.whole = 0 in wanted
        live = [a.attnum for a in self.attributes if not a.attisdropped]
        self.attnums = live if self.whole else [a for a in wanted if a > 0]
        self.indexes = [a - 1 for a in self.attnums]
        self.stored = self._heap.attrs
        self.types = [self.attributes[i].atttypid for i in self.indexes]
        self.codecs = [env.codec(t) for t in self.types]
        self.system_codecs = [env.codec(_SYSTEM_TYPES[a]) for a in self.system]
        order = [*self.attnums, *self.system]
        places = {(scanrelid, attnum): i for i, attnum in enumerate(order)}
        if self.whole:
            places[scanrelid, 0] = len(order)
        self.scope = Scope(places)

    @property
    def heap(self) -> HeapScan:
        """The scan, by the current command's snapshot."""
        cluster = self.env.session.database.cluster
        if cluster.reading is not self._reading:
            self._reading = cluster.reading
            self._heap = self.env.session.database.scan(self.relation)
        return self._heap

    def runs(self) -> Iterator[Tuples]:
        """The visible tuples of the whole relation, read ahead.

        Pages whose checksums this session has found right are not summed again, as a
        server does not for pages in its buffers.
        """
        known: set[str] = self.env.session.__dict__.setdefault("_checked_files", set())
        heap = self.heap
        if heap.file.path in known:
            heap = replace(heap, checksums=False)
        source = heap.runs()
        # Pages of the pool may change under another thread's eyes.
        alone = self.env.session.xact is None and heap.file.nblocks > 2 * heap.run_pages
        yield from ahead(source) if alone else source
        known.add(heap.file.path)

    def runs_at(self, first: int, stop: int) -> Iterator[Tuples]:
        """The visible tuples of some blocks; pages once found right are not summed again."""
        heap = self.heap
        if heap.checksums:
            checked = self.env.session.__dict__.setdefault("_checked_blocks", {})
            known: set[int] = checked.setdefault(heap.file.path, set())
            blocks = range(first, stop)
            if len(blocks) > heap.run_pages or not known.issuperset(blocks):
                yield from heap.runs(first, stop)
                known.update(blocks)
                return
            heap = replace(heap, checksums=False)
        yield from heap.runs(first, stop)

    def scattered(self, blocks: Any) -> Tuples | None:
        """The visible tuples of blocks from here and there, as one chunk.

        None where some are still to be summed, or not sound: then they are read run by run.
        """
        heap = self.heap
        if heap.checksums:
            checked = self.env.session.__dict__.setdefault("_checked_blocks", {})
            if not checked.setdefault(heap.file.path, set()).issuperset(blocks.tolist()):
                return None
        try:
            size = len(blocks) * BLCKSZ
            buffer = np.empty(size + heap.spare, np.uint8)
            buffer[size:] = 0
            heap.file.gather(blocks.tolist(), buffer[:size].data)
            tuples = tuples_of(buffer, len(blocks), 0, heap.file.path, strict)
            tuples.scattered = blocks
            return tuples if heap.sees is None or not len(tuples) else heap.sees(tuples, strict)
        except CorruptData:
            return None

    def batches(self, tuples: Tuples) -> Iterator[Batch]:
        """The columns of some tuples."""
        if not self.indexes:
            yield self.with_row(HeapBatch(self, tuples, {}))
            return
        sound, places = walk_tuples(
            tuples, self.stored, self.indexes, self._heap.damage, fetch=True
        )
        if all(place.special is None for place in places.values()):
            yield self.with_row(HeapBatch(self, sound, places))
            return
        for part in self._heap.decode(tuples, self.indexes):
            batch = HeapBatch(self, part.tuples, {})
            for i, column in enumerate(part.columns):
                batch._columns[i] = self.codecs[i].canonical(column)
            yield self.with_row(batch)

    @staticmethod
    def places_of(batch: Batch) -> Any:
        """block << 16 | line pointer of every row."""
        tuples = batch.tuples  # type: ignore[attr-defined]
        return (tuples.blocks() << 16) | tuples.offnum

    def with_row(self, batch: Batch) -> Batch:
        """With the whole row as a column, where something reads it."""
        if not self.whole:
            return batch
        names = [self.attributes[i].attname for i in self.indexes]
        return with_whole_row(
            self.env, batch, self.types, names, list(range(len(self.indexes))),
            self.relation.reltype,
        )  # fmt: skip


class HeapBatch(Batch):
    """Tuples whose columns are fetched when asked for."""

    __slots__ = ("places", "source", "tuples")

    def __init__(self, source: HeapSource, tuples: Tuples, places: dict[int, Any]) -> None:
        super().__init__(len(tuples), [None] * (len(source.indexes) + len(source.system)))
        self.source = source
        self.tuples = tuples
        self.places = places

    def col(self, number: int) -> Any:
        """One column."""
        if self._columns[number] is None:
            self._columns[number] = self._fetch(number)
        return super().col(number)

    def _fetch(self, number: int) -> Any:
        source = self.source
        if number >= len(source.indexes):
            return self._system(source.system[number - len(source.indexes)])
        index = source.indexes[number]
        column = materialise(
            self.tuples, source.stored[index], self.places[index], source._heap.fetch,
            source._heap.damage,
        )  # fmt: skip
        return source.codecs[number].canonical(column)

    def _system(self, attnum: int) -> Any:
        tuples = self.tuples
        if attnum == TABLEOID:
            return ConstColumn(self.source.relation.oid, self.n)
        if attnum == CTID:
            return FixedColumn(tid_values(tuples.blocks(), tuples.offnum))
        return FixedColumn(tuples.u32(_HEADER_FIELDS[attnum]))

    def narrowed(self, keep: Any) -> HeapBatch:
        """The rows of a mask; columns not fetched yet are then fetched for these only."""
        out = HeapBatch(
            self.source, self.tuples.take(keep),
            {i: place.take(keep) for i, place in self.places.items()},
        )  # fmt: skip
        index = np.flatnonzero(keep)
        for i, column in enumerate(self._columns):
            if column is not None:
                out._columns[i] = take(self.col(i), index)
        return out


class SeqScanExec(Exec):
    """Every visible row of a table that passes the filter."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        rte = builder.rte(plan.scanrelid)
        expressions = [*plan.targetlist, *plan.qual]
        self.source = HeapSource(self.env, rte, plan.scanrelid, expressions)
        self.filter, self.project = self.over(self.source.scope)

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        measure = self.measure(ctx)
        for batch in self._rows(ctx):
            yield from scanned(self, batch, ctx, measure)
        if measure is not None:
            file = self.source.heap.file
            touch(measure, ctx, file.path, range(file.nblocks))

    def _rows(self, ctx: Context) -> Iterator[Batch]:
        """The table's rows; columns that a rescan reads again stay, if memory allows."""
        key = ("seqscan", id(self))
        kept = ctx.kept.get(key)
        if isinstance(kept, list):
            for batch in kept:
                ctx.check()
                yield batch
            return
        ctx.kept[key] = kept or "once"
        keeping: list[Batch] | None = [] if kept == "once" and not self.source.whole else None
        codecs = [*self.source.codecs, *self.source.system_codecs]
        size = 0
        for tuples in self.source.runs():
            ctx.check()
            for batch in self.source.batches(tuples):
                if keeping is not None:
                    batch = compacted(batch, codecs)
                    size += batch_bytes(batch)
                    keeping.append(batch)
                    if size > ctx.hash_mem:
                        keeping, kept = None, "never"
                yield batch
        if keeping is not None:
            ctx.kept[key] = keeping
        elif kept == "never":
            ctx.kept[key] = kept


def scanned(
    node: Exec, batch: Batch, ctx: Context, measure: Measure | None = None,
    before: Filter | None = None,
) -> Iterator[Batch]:  # fmt: skip
    """What a scan's filter and projection leave of the rows of a heap, ``before`` passed."""

    def run(rows: Batch) -> Batch:
        rows = rows if before is None else filtered(before, rows, ctx)
        out = filtered(node.filter, rows, ctx)
        if measure is not None:
            measure.removed += rows.n - out.n
        return node.project.apply(out, ctx) if out.n else out

    return in_row_order(batch, run)


def filtered(condition: Any, batch: Batch, ctx: Context) -> Batch:
    """The rows of a heap batch that pass, the rest of their columns still to be fetched."""
    if not condition or not batch.n:
        return batch
    keep = condition.mask(batch, ctx)
    count = int(np.count_nonzero(keep))
    if count == batch.n:
        return batch
    if isinstance(batch, HeapBatch) and batch.places and 0 < count < batch.n // 2:
        return batch.narrowed(keep)
    return batch.filter(keep)
