"""CteScan, RecursiveUnion and WorkTableScan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.sql.executor.batch import Batch
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.grouping import key_specs
from pgtool.sql.executor.interning import GroupTable
from pgtool.sql.executor.node import Exec
from pgtool.sql.executor.rowtype import scan_scope, with_whole_row
from pgtool.sql.executor.spill import SpillFile, Store, batch_bytes, compacted

__all__ = ["CteScanExec", "RecursiveUnionExec", "WorkTableExec", "shared_rows"]


class SharedRows:
    """The rows of a WITH query: computed as far as anybody has read, kept for all readers."""

    def __init__(self, rows: Iterator[Batch], codecs: list[Any], limit: int) -> None:
        self.rows = rows
        self.codecs = codecs
        self.limit = limit
        #: Batches, or numbers of blocks in the file.
        self.kept: list[Batch | int] = []
        self.file: SpillFile | None = None
        self.size = 0
        self.done = False

    def read(self) -> Iterator[Batch]:
        """All rows, from the first."""
        at = 0
        while True:
            if at < len(self.kept):
                batch = self.kept[at]
                if isinstance(batch, int):
                    assert self.file is not None
                    batch = self.file.block(batch)
                yield batch
                at += 1
                continue
            if self.done:
                return
            found = next(self.rows, None)
            if found is None:
                self.done = True
            elif found.n:
                self._keep(compacted(found, self.codecs))

    def _keep(self, batch: Batch) -> None:
        self.size += batch_bytes(batch)
        if self.size <= self.limit:
            self.kept.append(batch)
            return
        self.file = self.file or SpillFile(self.codecs)
        self.kept.append(len(self.file.places))
        self.file.append(batch)


class _Scan(Exec):
    """A scan over rows that somebody else keeps."""

    def __init__(self, builder: Any, plan: Any, types: list[int], names: list[str]) -> None:
        super().__init__(builder, plan)
        self.row_types, self.names = types, names
        self.filter, self.project = self.over(scan_scope(plan.scanrelid, len(types)))

    def scanned(self, rows: Iterator[Batch], ctx: Context) -> Iterator[Batch]:
        """Filter and projection over the kept rows."""
        for batch in rows:
            ctx.check()
            full = with_whole_row(self.env, batch, self.row_types, self.names)
            yield from self.output(full, ctx)


def _columns(rte: Any) -> tuple[list[int], list[str]]:
    names = [getattr(n, "sval", n) for n in rte.eref.colnames]
    return list(rte.coltypes), names


def shared_rows(source: Exec, number: int, ctx: Context) -> SharedRows:
    """The rows of a WITH query, shared by all that read it in one execution."""
    key, version = ("cte", number), ctx.version(source.depends)
    found = ctx.kept.get(key)
    if found is None or found[0] != version:
        rows = SharedRows(source.run(ctx), source.codecs, ctx.work_mem)
        found = ctx.kept[key] = (version, rows)
    made: SharedRows = found[1]
    return made


class CteScanExec(_Scan):
    """The rows of a WITH query that is computed once."""

    def __init__(self, builder: Any, plan: Any) -> None:
        self.source = builder.subplan(plan.ctePlanId)
        visible = [i for i, t in enumerate(builder.planned.subplans[plan.ctePlanId - 1].targetlist)
                   if not t.resjunk]  # fmt: skip
        self.visible = visible
        _types, names = _columns(builder.rte(plan.scanrelid))
        super().__init__(builder, plan, [self.source.types[i] for i in visible], names)

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        shared = shared_rows(self.source, self.plan.ctePlanId, ctx)
        yield from self.scanned((b.pick(self.visible) for b in shared.read()), ctx)


class WorkTableExec(_Scan):
    """The rows that the last round of a recursive query gave."""

    def __init__(self, builder: Any, plan: Any) -> None:
        types, names = _columns(builder.rte(plan.scanrelid))
        super().__init__(builder, plan, types, names)

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        store: Store = ctx.kept["worktable", self.plan.wtParam]
        yield from self.scanned(store.read(), ctx)


class RecursiveUnionExec(Exec):
    """The left plan's rows, then the right plan's over the rows of the round before."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.lefttree)
        self.right = self.child(plan.righttree)
        self.specs = key_specs(self, plan.dupColIdx, plan.dupOperators, plan.dupCollations)

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        table = GroupTable(self.specs) if self.specs else None
        rows = self.left.run(ctx)
        round_ = 0
        while True:
            store = Store(self.codecs, ctx.work_mem)
            for batch in rows:
                ctx.check()
                fresh = self._new(batch, table)
                if fresh.n:
                    fresh = compacted(fresh, self.codecs)
                    store.add(fresh)
                    yield fresh
            if not store.rows:
                return
            round_ += 1
            ctx.kept["worktable", self.plan.wtParam] = store
            ctx.set_param(self.plan.wtParam, (round_, object()))
            rows = self.right.run(ctx)

    @staticmethod
    def _new(batch: Batch, table: GroupTable | None) -> Batch:
        """The rows not seen before, where duplicates do not count."""
        if table is None or not batch.n:
            return batch
        before = table.count
        ids, _ = table.numbers(batch)
        fresh = np.flatnonzero(ids >= before)
        _, first = np.unique(ids[fresh], return_index=True)
        return batch.take(np.sort(fresh[first]))
