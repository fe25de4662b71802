"""LIMIT, OFFSET and FETCH FIRST … WITH TIES."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.errors import SqlError
from pgtool.nodes.enums import LimitOption
from pgtool.sql.executor.batch import Batch, concat_batches
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.grouping import boundaries, key_specs
from pgtool.sql.executor.node import Exec
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.scope import Scope
from pgtool.sql.executor.sorting import SortExec

__all__ = ["LimitExec"]


class LimitExec(Exec):
    """A window of the input's rows."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.lefttree)
        self.types, self.codecs = self.left.types, self.left.codecs
        compiler = ScalarCompiler(self.env, Scope())
        self.offset = None if plan.limitOffset is None else compiler.compile(plan.limitOffset)
        self.count = None if plan.limitCount is None else compiler.compile(plan.limitCount)
        self.ties = plan.limitOption == LimitOption.LIMIT_OPTION_WITH_TIES
        if self.ties:
            self.specs = key_specs(self, plan.uniqColIdx, plan.uniqOperators, plan.uniqCollations)

    def bounds(self, ctx: Context) -> tuple[int, int | None]:
        """(rows to skip, rows to give or None)."""
        skip = 0 if self.offset is None else self.offset((), ctx)
        give = None if self.count is None else self.count((), ctx)
        if skip is not None and skip < 0:
            raise SqlError("OFFSET must not be negative", "2201X")
        if give is not None and give < 0:
            raise SqlError("LIMIT must not be negative", "2201W")
        return skip or 0, give

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        skip, give = self.bounds(ctx)
        if give == 0:
            return
        if give is not None and not self.ties and isinstance(self.left, SortExec):
            self.left.bound = skip + give
        rows = self.left.run(ctx)
        for batch in rows:
            if skip >= batch.n:
                skip -= batch.n
                continue
            part = batch.slice(skip, batch.n) if skip else batch
            skip = 0
            if give is None:
                yield part
            elif part.n < give:
                give -= part.n
                yield part
            else:
                if self.ties:
                    yield from self._with_ties(part, give, rows)
                else:
                    yield part.head(give)
                return

    def _with_ties(self, part: Batch, give: int, rows: Iterator[Batch]) -> Iterator[Batch]:
        yield part.head(give)
        last = part.slice(give - 1, give)
        rest = part.slice(give, part.n)
        while True:
            if rest.n:
                both = concat_batches([last, rest], self.codecs)
                breaks = np.flatnonzero(boundaries(both, self.specs)[1:])
                same = int(breaks[0]) if len(breaks) else rest.n
                if same:
                    yield rest.head(same)
                if same < rest.n:
                    return
            found = next(rows, None)
            if found is None:
                return
            rest = found
