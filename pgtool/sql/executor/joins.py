"""What all joins share: the two sides' columns, conditions, and pairs of row numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.nodes.enums import JoinType
from pgtool.sql.executor.batch import Batch
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.node import Exec, Filter
from pgtool.sql.executor.scope import Scope

__all__ = ["JoinExec", "empty_batch", "with_unmatched"]


def empty_batch(codecs: list[Any]) -> Batch:
    """No rows."""
    return Batch(0, [c.column([]) for c in codecs])


def with_unmatched(n: int, outer: Any, inner: Any) -> tuple[Any, Any]:
    """The pairs, and (row, −1) for every outer row without one, in outer order."""
    alone = np.ones(n, bool)
    alone[outer] = False
    rows = np.flatnonzero(alone)
    if not len(rows):
        return outer, inner
    both = np.concatenate([outer, rows])
    order = np.argsort(both, kind="stable")
    return both[order], np.concatenate([inner, np.full(len(rows), -1)])[order]


class JoinExec(Exec):
    """A join: ``left`` is the outer side, ``right`` the inner one."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.lefttree)
        self.right = self.child(plan.righttree)
        self.scope = Scope.of(len(self.left.codecs), len(self.right.codecs))
        self.joinqual = Filter(self.env, self.scope, plan.joinqual)
        self.filter, self.project = self.over(self.scope)
        self.kind: JoinType = plan.jointype

    def pairs(
        self, outer: Batch, inner: Batch, o: Any, i: Any, ctx: Context
    ) -> tuple[Any, Any]:
        """The pairs that pass the join's own condition."""
        if not self.joinqual or not len(o):
            return o, i
        keep = self.joinqual.mask(outer.take(o).beside(inner.take(i)), ctx)
        return (o, i) if keep.all() else (o[keep], i[keep])

    def emit(self, outer: Batch, inner: Batch, o: Any, i: Any, ctx: Context) -> Iterator[Batch]:
        """The output rows of some pairs; −1 stands for a row of NULLs."""
        left = outer.take(o, nullable=bool(len(o)) and bool((o < 0).any()))
        right = inner.take(i, nullable=bool(len(i)) and bool((i < 0).any()))
        return self.output(left.beside(right), ctx)

    def by_outer(self, n: int, o: Any, i: Any) -> tuple[Any, Any]:
        """What the join's kind makes of the pairs of ``n`` outer rows (in outer order)."""
        if self.kind in (JoinType.JOIN_LEFT, JoinType.JOIN_FULL):
            return with_unmatched(n, o, i)
        if self.kind == JoinType.JOIN_SEMI:
            rows, first = np.unique(o, return_index=True)
            return rows, i[first]
        if self.kind == JoinType.JOIN_ANTI:
            alone = np.ones(n, bool)
            alone[o] = False
            rows = np.flatnonzero(alone)
            return rows, np.full(len(rows), -1)
        return o, i
