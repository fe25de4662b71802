"""Sort, IncrementalSort and MergeAppend.

In memory the whole input is one batch and its order one array of row numbers. Beyond
work_mem sorted runs go to temporary files, in blocks so small that a block of every run
fits into work_mem again, and are merged (:mod:`.merging`); many runs in several levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.sql.executor.batch import Batch, concat_batches
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.keys import KeySpec, key_specs, sort_order
from pgtool.sql.executor.merging import merge_sorted
from pgtool.sql.executor.node import BATCH_ROWS, Exec
from pgtool.sql.executor.spill import SpillFile, batch_bytes, compacted

__all__ = ["MergeAppendExec", "SortExec", "Sorter", "sorted_batches"]

#: Rows in a block of a run: as many as fit, but reading few at a time does not pay.
_LEAST_BLOCK, _MOST_BLOCK = 256, 8192
_MOST_RUNS = 48
#: A batch that is so much larger than the bound is cut to it at once.
_MANY_TIMES = 4
#: A sort takes this much whatever it sorts, for EXPLAIN.
_LEAST_SPACE = 25 << 10


class _Runs:
    """Sorted runs in temporary files."""

    def __init__(self, specs: list[KeySpec], codecs: list[Any], room: int) -> None:
        self.specs = specs
        self.codecs = codecs
        self.room = room
        #: By how often their rows were merged before.
        self.levels: list[list[SpillFile]] = []
        self.block = _LEAST_BLOCK

    def add(self, whole: Batch, size: int) -> None:
        """Sort rows that take ``size`` bytes and write them as a run."""
        fit = self.room // _MOST_RUNS * whole.n // max(size, 1)
        self.block = min(max(fit, _LEAST_BLOCK), _MOST_BLOCK)
        order = sort_order(whole, self.specs)
        self._put(0, (whole.take(order[low : low + self.block])
                      for low in range(0, len(order), self.block)))  # fmt: skip

    def _put(self, level: int, rows: Iterator[Batch]) -> None:
        run = SpillFile(self.codecs)
        for batch in rows:
            for low in range(0, batch.n, self.block):
                run.append(batch.slice(low, low + self.block))
        if level == len(self.levels):
            self.levels.append([])
        full = self.levels[level]
        full.append(run)
        if len(full) == _MOST_RUNS:
            self.levels[level] = []
            self._put(level + 1, self._merged(full))

    def _merged(self, runs: list[SpillFile]) -> Iterator[Batch]:
        inputs = [run.read() for run in runs]
        # Fewer runs than there may be leave room for more blocks of each.
        most = self.block * max(_MOST_RUNS // max(len(runs), 1), 1)
        yield from merge_sorted(inputs, self.specs, self.codecs, most)
        for run in runs:
            run.close()

    def rows(self) -> Iterator[Batch]:
        """All rows in order; of equal rows the one that came first."""
        return self._merged([run for level in reversed(self.levels) for run in level])

    @property
    def bytes(self) -> int:
        """What lies in files."""
        return sum(run.bytes for level in self.levels for run in level)


class Sorter:
    """Rows on their way into order."""

    def __init__(
        self, specs: list[KeySpec], codecs: list[Any], room: int, bound: int | None
    ) -> None:
        self.specs = specs
        self.codecs = codecs
        self.room = room
        self.bound = bound
        self.kept: list[Batch] = []
        self.size, self.count = 0, 0
        #: Rows that came, also those that were not kept.
        self.seen = 0
        self.runs: _Runs | None = None

    def add(self, batch: Batch) -> None:
        """Take in rows; they are sorted and put aside when there is no room for more."""
        self.seen += batch.n
        if self.bound is not None and batch.n > _MANY_TIMES * self.bound:
            # Of these few the other columns are fetched.
            batch = batch.take(sort_order(batch, self.specs)[: self.bound])
        small = compacted(batch, self.codecs)
        self.kept.append(small)
        self.size += batch_bytes(small)
        self.count += small.n
        full = self.size > self.room
        if self.bound is not None and self.count >= (
            2 * self.bound if full else 4 * max(self.bound, BATCH_ROWS)
        ):
            self._first(self.bound)
            full = self.size > self.room
        if full:
            self.put_aside()

    def _first(self, bound: int) -> None:
        whole = concat_batches(self.kept, self.codecs)
        best = compacted(whole.take(sort_order(whole, self.specs)[:bound]), self.codecs)
        self.kept, self.size, self.count = [best], batch_bytes(best), best.n

    def put_aside(self) -> None:
        """What is in memory becomes a run."""
        if self.kept:
            self.runs = self.runs or _Runs(self.specs, self.codecs, self.room)
            self.runs.add(concat_batches(self.kept, self.codecs), self.size)
        self.kept, self.size, self.count = [], 0, 0

    def rows(self) -> Iterator[Batch]:
        """All rows in order, once."""
        if self.runs:
            self.put_aside()
            yield from self.runs.rows()
        elif self.kept:
            whole = concat_batches(self.kept, self.codecs)
            self.kept = []
            order = sort_order(whole, self.specs)
            order = order if self.bound is None else order[: self.bound]
            for low in range(0, len(order), BATCH_ROWS):
                yield whole.take(order[low : low + BATCH_ROWS])

    def used(self) -> tuple[str, int]:
        """Method and space, for EXPLAIN ANALYZE."""
        if self.runs:
            return "external merge", self.runs.bytes + self.size
        if self.bound is not None and self.bound < self.seen:
            size = self.size * min(self.bound, self.count) // max(self.count, 1)
            return "top-N heapsort", max(size, _LEAST_SPACE)
        return "quicksort", max(self.size, _LEAST_SPACE)


def sorted_batches(
    rows: Iterator[Batch], specs: list[KeySpec], codecs: list[Any], ctx: Context,
    bound: int | None = None, note: Any = None,
) -> Iterator[Batch]:  # fmt: skip
    """The rows in order; not all behind the first ``bound`` ones where that is given."""
    sorter = Sorter(specs, codecs, ctx.work_mem, bound)
    for batch in rows:
        ctx.check()
        if batch.n:
            sorter.add(batch)
    if note is not None:
        note.extra = sorter.used()
    yield from sorter.rows()


class SortExec(Exec):
    """The input in order. ``bound`` is set by a Limit above for the next run."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.lefttree)
        self.types, self.codecs = self.left.types, self.left.codecs
        self.specs = key_specs(
            self, plan.sortColIdx, plan.sortOperators, plan.collations, plan.nullsFirst
        )
        self.bound: int | None = None

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        bound, self.bound = self.bound, None
        yield from sorted_batches(
            self.left.run(ctx), self.specs, self.codecs, ctx, bound, self.measure(ctx)
        )


class MergeAppendExec(Exec):
    """Several sorted inputs, merged."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.children = [self.child(p) for p in plan.mergeplans]
        self.specs = key_specs(
            self, plan.sortColIdx, plan.sortOperators, plan.collations, plan.nullsFirst
        )

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        yield from merge_sorted([c.run(ctx) for c in self.children], self.specs, self.codecs)
