"""MergeJoin: both inputs come sorted by the merge clauses.

The inner side is kept by key as in a hash join, and the outer side streams past it, so the
output follows the outer order, as the planner counts on where it may (not for RIGHT and
FULL, whose order is nobody's promise). An inner side that does not fit into memory is read
piece by piece beside the outer one: only rows of the same keys are there at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pgtool.sql.executor.batch import Batch, concat_batches
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.hashjoin import HashJoinExec, _Table
from pgtool.sql.executor.joins import empty_batch
from pgtool.sql.executor.keys import KeySpec
from pgtool.sql.executor.merging import Keys, aligned
from pgtool.sql.executor.spill import batch_bytes, compacted

__all__ = ["MergeJoinExec"]


class MergeJoinExec(HashJoinExec):
    """See the module."""

    CLAUSES = "mergeclauses"

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.keys = self._order(self.outer_specs), self._order(self.inner_specs)
        #: Whether the keys of both sides can be told in order, being of one form.
        self.comparable = bool(plan.mergeclauses) and all(
            o.codec.typid == i.codec.typid or o.kind == i.kind in ("int", "float")
            for o, i in zip(self.outer_specs, self.inner_specs)
        )

    def _order(self, specs: list[KeySpec]) -> Keys:
        plan = self.plan
        directions = zip(specs, plan.mergeReversals, plan.mergeNullsFirst)
        return Keys([replace(s, reverse=bool(r), nulls_first=bool(n)) for s, r, n in directions])

    def _join(
        self, outer: Iterator[Batch], inner: Iterator[Batch], ctx: Context, depth: int,
        keep: Any = None,
    ) -> Iterator[Batch]:  # fmt: skip
        kept: list[Batch] = []
        size = 0
        for batch in inner:
            kept.append(compacted(batch, self.inner_codecs))
            size += batch_bytes(kept[-1])
            if size > ctx.hash_mem and self.comparable:
                yield from self._beside(outer, itertools.chain(kept, inner), ctx)
                return
        table = self._table(concat_batches(kept, self.inner_codecs) if kept else None)
        if keep is not None:
            ctx.kept[keep[0]] = (keep[1], table)
        yield from self._probe_all(outer, table, ctx)

    def _table(self, rows: Batch | None) -> _Table:
        return _Table(empty_batch(self.inner_codecs) if rows is None else rows, self.inner_specs)

    def _beside(
        self, outer: Iterator[Batch], inner: Iterator[Batch], ctx: Context
    ) -> Iterator[Batch]:
        for left, right in aligned(outer, inner, self.keys, (self.outer_codecs, self.inner_codecs)):
            ctx.check()
            rows = iter([] if left is None else [left])
            yield from self._probe_all(rows, self._table(right), ctx)
