"""IndexScan and IndexOnlyScan: heap rows in the order of a btree.

Both fetch the rows from the heap, whose visibility rules alone decide, and check every index
condition on them; an IndexOnlyScan computes its index columns from the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.errors import Unsupported
from pgtool.nodes.base import mutate
from pgtool.nodes.plan import INDEX_VAR, ScanDirection
from pgtool.sql.executor.batch import Batch, concat_batches
from pgtool.sql.executor.context import Context, Measure
from pgtool.sql.executor.indexkeys import IndexKeys, index_tree
from pgtool.sql.executor.killed import DeadEntries
from pgtool.sql.executor.node import Exec, Filter, Project
from pgtool.sql.executor.pages import AllVisible, HeapVisits, counted_tids
from pgtool.sql.executor.scan import HeapSource, scanned
from pgtool.sql.executor.tidscan import fetch_placed

__all__ = ["IndexOnlyScanExec", "IndexScanExec"]

_FIRST_ROWS = 64
#: Where each of them takes a part of the index to be found.
_FIRST_RARE = 16
_MOST_ROWS = 8192


class _IndexExec(Exec):
    """What both share; subclasses say what the conditions on the row are."""

    def __init__(
        self, builder: Any, plan: Any, quals: list[Any], targets: list[Any], recheck: list[Any]
    ) -> None:
        super().__init__(builder, plan)
        if plan.indexorderby:
            raise Unsupported("ordering by an index operator")
        rte = builder.rte(plan.scanrelid)
        self.keys = IndexKeys(self.env, plan.indexid, plan.indexqual)
        self.backward = plan.indexorderdir == ScanDirection.BackwardScanDirection
        self.source = HeapSource(self.env, rte, plan.scanrelid, [*targets, *quals, *recheck])
        #: For :mod:`.lookupjoin`: what holds of a row, in terms of the table's columns.
        self.conditions = recheck if len(recheck) == len(plan.indexqual) else None
        self.residual, self.targets = quals, targets
        self.recheck = Filter(self.env, self.source.scope, recheck)
        self.filter = Filter(self.env, self.source.scope, quals)
        self.project = Project(self.env, self.source.scope, targets)

    def tids(self, ctx: Context) -> Iterator[Any]:
        """TIDs in index order, few at first."""
        tree = index_tree(self.env, self.keys.indexid)
        waiting: list[Any] = []
        count, size = 0, _FIRST_RARE if self.keys.has_checks else _FIRST_ROWS
        for found in counted_tids(tree, self.keys, self.backward, self.measure(ctx), ctx):
            waiting.append(found)
            count += len(found)
            if count >= size:
                yield np.concatenate(waiting)
                waiting, count, size = [], 0, min(4 * size, _MOST_ROWS)
        if waiting:
            yield np.concatenate(waiting)

    def wanted(self, ctx: Context) -> Any:
        """The TIDs for the parameters as they are, in no order."""
        tree = index_tree(self.env, self.keys.indexid)
        found = list(counted_tids(tree, self.keys, False, None, ctx))
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the module."""
        measure = self.measure(ctx)
        visits = None
        if measure is not None:
            visits = HeapVisits(measure, ctx, self.source.heap.file.path)
        dead, tree = self._dead_entries(measure)
        for places in self.tids(ctx):
            ctx.check()
            if visits is not None:
                visits.add(self.fetched(places, visits.measure, ctx))
            parts = list(fetch_placed(self.source, places))
            if dead is not None:
                seen = [index for _, index in parts]
                dead.missed(places, np.concatenate(seen) if seen else [], tree.touched or [])
            if not parts:
                continue
            index = np.concatenate([p for _, p in parts])
            order = np.argsort(index, kind="stable")
            whole = parts[0][0] if len(parts) == 1 else self._together(parts)
            if (order[1:] < order[:-1]).any():
                whole = whole.take(order)
            yield from scanned(self, whole, ctx, measure, self.recheck)

    def _dead_entries(self, measure: Measure | None) -> tuple[DeadEntries | None, Any]:
        """What marks entries of dead rows, in a session that writes; the index."""
        if measure is not None:
            return None, None
        dead = DeadEntries.of(self.env.session, self.keys.indexid, self.source.relation)
        if dead is None:
            return None, None
        tree = index_tree(self.env, self.keys.indexid)
        tree.touched = []
        return dead, tree

    def fetched(self, places: Any, _measure: Measure, _ctx: Context) -> Any:
        """The places for which the server goes to the heap."""
        return places

    def _together(self, parts: list[tuple[Batch, Any]]) -> Batch:
        codecs = [*self.source.codecs, *self.source.system_codecs]
        return self.source.with_row(concat_batches([b for b, _ in parts], codecs))


class IndexScanExec(_IndexExec):
    """Rows of a table in an index's order."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan, plan.qual, plan.targetlist, plan.indexqualorig)


class IndexOnlyScanExec(_IndexExec):
    """Index columns, computed from the rows."""

    def __init__(self, builder: Any, plan: Any) -> None:
        entries = [t.expr for t in plan.indextlist]

        def change(node: Any) -> Any:
            if type(node).__name__ == "Var" and node.varno == INDEX_VAR:
                return entries[node.varattno - 1]
            return mutate(node, change)

        targets = [t.copy(expr=change(t.expr)) for t in plan.targetlist]
        recheck = [change(q) for q in (plan.indexqual or plan.recheckqual)]
        super().__init__(builder, plan, [change(q) for q in plan.qual], targets, recheck)
        self.visible = AllVisible(self.env.session.database, self.source.relation)

    def fetched(self, places: Any, measure: Measure, ctx: Context) -> Any:
        """See the base: rows of pages that are all visible need no visit."""
        places = places[~self.visible.of(places, measure, ctx)]
        measure.fetches += len(places)
        return places
