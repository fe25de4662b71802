"""Rows that draw from a sequence on their way into a table: computed as they are written.

A value that a sequence gave out is gone, whatever becomes of the statement. An INSERT that
fails at its third row must have drawn three values, as the server's has, and not those of a
whole batch. So where an input's target list draws values, its rows are computed one by one;
after :data:`ALONE` of them in growing steps, since bulk loads should not pay for that.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from pgtool.nodes.base import walk
from pgtool.nodes.exprs import FuncExpr, NextValueExpr
from pgtool.sql.executor.batch import Batch
from pgtool.sql.executor.context import Context

__all__ = ["Stepwise", "draws", "pieces", "steps"]

ALONE, MOST = 1000, 4096


def draws(session: Any, exprs: list[Any]) -> bool:
    """Whether expressions take values from sequences."""
    for node in walk(exprs):
        if isinstance(node, NextValueExpr):
            return True
        if isinstance(node, FuncExpr) and session.cache.proc(node.funcid).prosrc == "nextval_oid":
            return True
    return False


def steps() -> Iterator[int]:
    """How many rows to compute at a time."""
    yield from itertools.repeat(1, ALONE)
    size = 1
    while True:
        size = min(2 * size, MOST)
        yield size


class Stepwise:
    """In the place of a projection: what it gives is computed when it is asked for."""

    def __init__(self, project: Any) -> None:
        self.project = project

    def apply(self, batch: Batch, ctx: Context) -> Any:
        """The rows, not yet computed."""
        return _Steps(self.project, batch, ctx)


class _Steps:
    """A batch to come."""

    def __init__(self, project: Any, batch: Batch, ctx: Context) -> None:
        self.project, self.batch, self.ctx = project, batch, ctx
        self.n = batch.n

    def __iter__(self) -> Iterator[Batch]:
        low, sizes = 0, steps()
        while low < self.n:
            size = next(sizes)
            yield self.project.apply(self.batch.slice(low, low + size), self.ctx)
            low += size


def pieces(batch: Any) -> Iterator[Batch]:
    """What an input gave, as batches that have been computed."""
    if isinstance(batch, _Steps):
        yield from batch
    else:
        yield batch
