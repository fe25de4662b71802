"""BitmapHeapScan over BitmapIndexScan, BitmapAnd and BitmapOr.

A bitmap is a sorted array of TIDs (block << 16 | offset), exact for all its rows: eight
bytes a row are less than what the rows themselves will take.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.errors import Unsupported
from pgtool.sql.executor.batch import Batch
from pgtool.sql.executor.context import Context, Measure
from pgtool.sql.executor.indexkeys import IndexKeys, index_tree
from pgtool.sql.executor.node import Exec, Filter
from pgtool.sql.executor.pages import counted_tids, touch
from pgtool.sql.executor.scan import HeapSource, scanned
from pgtool.sql.executor.tidscan import fetch_tids

__all__ = ["BitmapHeapExec"]

_NONE = np.zeros(0, np.int64)


class _Bitmap:
    """A node that gives a bitmap."""

    def __init__(self, env: Any, plan: Any) -> None:
        self.env = env
        self.plan = plan
        kind = type(plan).__name__
        self.parts: list[_Bitmap] = []
        self.keys: IndexKeys | None = None
        if kind in ("BitmapAnd", "BitmapOr"):
            self.parts = [_Bitmap(env, p) for p in plan.bitmapplans]
            self.both = kind == "BitmapAnd"
        elif kind == "BitmapIndexScan":
            self.keys = IndexKeys(env, plan.indexid, plan.indexqual)
        else:
            raise Unsupported(f"bitmap of a {kind} node")

    def tids(self, ctx: Context) -> Any:
        """The bitmap."""
        if self.keys is not None:
            tree = index_tree(self.env, self.keys.indexid)
            measure = self._measure(ctx)
            found = list(counted_tids(tree, self.keys, False, measure, ctx))
            tids = np.unique(np.concatenate(found)) if found else _NONE
            if measure is not None:
                measure.rows += len(tids)
            return tids
        out: Any = None
        self._measure(ctx)
        for part in self.parts:
            one = part.tids(ctx)
            if out is None:
                out = one
            elif self.both:
                out = np.intersect1d(out, one, assume_unique=True)
            else:
                out = np.union1d(out, one)
        return _NONE if out is None else out

    def _measure(self, ctx: Context) -> Measure | None:
        """Where this node's counts go; one more loop."""
        if ctx.measures is None:
            return None
        measure = ctx.measures.setdefault(self.plan.plan_node_id, Measure())
        measure.loops += 1
        return measure


class BitmapHeapExec(Exec):
    """Rows of a table at the TIDs of a bitmap, in physical order."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.bitmap = _Bitmap(self.env, plan.lefttree)
        rte = builder.rte(plan.scanrelid)
        expressions = [*plan.targetlist, *plan.qual, *plan.bitmapqualorig]
        self.source = HeapSource(self.env, rte, plan.scanrelid, expressions)
        self.recheck = Filter(self.env, self.source.scope, plan.bitmapqualorig)
        self.filter, self.project = self.over(self.source.scope)
        #: For :mod:`.lookupjoin`, as an index scan has them.
        self.conditions, self.residual = plan.bitmapqualorig, plan.qual
        self.targets = plan.targetlist

    def wanted(self, ctx: Context) -> Any:
        """The TIDs for the parameters as they are."""
        return self.bitmap.tids(ctx)

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        tids = self.bitmap.tids(ctx)
        measure = self.measure(ctx)
        if measure is not None:
            blocks = np.unique(tids >> 16)
            measure.heap_blocks += len(blocks)
            touch(measure, ctx, self.source.heap.file.path, blocks)
        for batch in fetch_tids(self.source, tids >> 16, tids & 0xFFFF, chains=True):
            ctx.check()
            yield from scanned(self, batch, ctx, measure, self.recheck)
