"""MergeJoin: both inputs come sorted by the merge clauses.

The inner side is kept by key as in a hash join, and the outer side streams past it, so the
output follows the outer order, as the planner counts on where it may (not for RIGHT and
FULL, whose order is nobody's promise).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.sql.executor.batch import Batch, concat_batches
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.hashjoin import HashJoinExec, _Table
from pgtool.sql.executor.joins import empty_batch
from pgtool.sql.executor.spill import compacted

__all__ = ["MergeJoinExec"]


class MergeJoinExec(HashJoinExec):
    """See the module."""

    CLAUSES = "mergeclauses"

    def _join(
        self, outer: Iterator[Batch], inner: Iterator[Batch], ctx: Context, depth: int,
        keep: Any = None,
    ) -> Iterator[Batch]:  # fmt: skip
        kept = [compacted(batch, self.inner_codecs) for batch in inner]
        rows = (concat_batches(kept, self.inner_codecs) if kept
                else empty_batch(self.inner_codecs))  # fmt: skip
        table = _Table(rows, self.inner_specs)
        if keep is not None:
            ctx.kept[keep[0]] = (keep[1], table)
        yield from self._probe_all(outer, table, ctx)
