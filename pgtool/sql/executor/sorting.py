"""Sort, IncrementalSort and MergeAppend.

In memory the whole input is one batch and its order one array of row numbers. Beyond
work_mem sorted runs go to temporary files and are merged block by block: the next blocks
of all runs are sorted together, and everything up to the least of their last rows is final.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.sql.executor.batch import Batch, concat_batches
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.keys import KeySpec, key_specs, sort_order
from pgtool.sql.executor.node import BATCH_ROWS, Exec, chunks
from pgtool.sql.executor.spill import SpillFile, batch_bytes, compacted

__all__ = ["MergeAppendExec", "SortExec", "merge_sorted", "sorted_batches"]

_BLOCK = 8192
_MOST_RUNS = 32
#: A sort takes this much whatever it sorts, for EXPLAIN.
_LEAST_SPACE = 25 << 10


def sorted_batches(
    rows: Iterator[Batch], specs: list[KeySpec], codecs: list[Any], ctx: Context,
    bound: int | None = None, note: Any = None,
) -> Iterator[Batch]:  # fmt: skip
    """The rows in order; only the first ``bound`` ones where that is given."""
    kept: list[Batch] = []
    size, count = 0, 0
    runs: list[SpillFile] = []
    for batch in rows:
        ctx.check()
        small = compacted(batch, codecs)
        kept.append(small)
        size += batch_bytes(small)
        count += small.n
        if bound is not None and count > max(4 * bound, 4 * BATCH_ROWS):
            whole = concat_batches(kept, codecs)
            kept = [compacted(whole.take(sort_order(whole, specs)[:bound]), codecs)]
            size, count = batch_bytes(kept[0]), kept[0].n
        if size > ctx.work_mem and bound is None:
            runs.append(_write_run(kept, specs, codecs))
            kept, size, count = [], 0, 0
            if len(runs) >= _MOST_RUNS:
                runs = [_merge_to_file(runs, specs, codecs)]
    if note is not None:
        top = bound is not None and bound < count
        if top and bound is not None:
            size = size * bound // max(count, 1)
        note.extra = (
            ("external merge", sum(r.bytes for r in runs) + size) if runs
            else ("top-N heapsort" if top else "quicksort", max(size, _LEAST_SPACE))
        )  # fmt: skip
    if runs:
        if kept:
            runs.append(_write_run(kept, specs, codecs))
        yield from merge_sorted([r.read() for r in runs], specs, codecs)
        return
    if not kept:
        return
    whole = concat_batches(kept, codecs)
    order = sort_order(whole, specs)
    order = order if bound is None else order[:bound]
    for low in range(0, len(order), BATCH_ROWS):
        yield whole.take(order[low : low + BATCH_ROWS])


def _write_run(kept: list[Batch], specs: list[KeySpec], codecs: list[Any]) -> SpillFile:
    whole = concat_batches(kept, codecs)
    order = sort_order(whole, specs)
    run = SpillFile(codecs)
    for low in range(0, len(order), _BLOCK):
        run.write(whole.take(order[low : low + _BLOCK]))
    return run


def _merge_to_file(runs: list[SpillFile], specs: list[KeySpec], codecs: list[Any]) -> SpillFile:
    out = SpillFile(codecs)
    for batch in merge_sorted([r.read() for r in runs], specs, codecs):
        for part in chunks(batch, _BLOCK):
            out.write(part)
    for run in runs:
        run.close()
    return out


def merge_sorted(
    inputs: list[Iterator[Batch]], specs: list[KeySpec], codecs: list[Any]
) -> Iterator[Batch]:
    """Several sorted inputs as one; rows that are equal come in the order of the inputs."""
    heads: list[Batch] = []
    open_: list[Iterator[Batch]] = []
    for rows in inputs:
        first = _next(rows)
        if first is not None:
            heads.append(first)
            open_.append(rows)
    while heads:
        if len(heads) == 1:
            yield heads[0]
            yield from (b for b in open_[0] if b.n)
            return
        whole = concat_batches(heads, codecs)
        order = sort_order(whole, specs)
        ends = np.cumsum([h.n for h in heads])
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        cut = int(place[ends - 1].min())
        yield from chunks(whole.take(order[: cut + 1]))
        heads, open_ = _refilled(whole, place > cut, ends, open_)


def _refilled(
    whole: Batch, left: Any, ends: Any, open_: list[Iterator[Batch]]
) -> tuple[list[Batch], list[Iterator[Batch]]]:
    """What is left of each head, replaced by its input's next block where that is nothing."""
    heads, inputs = [], []
    low = 0
    for end, rows in zip(ends.tolist(), open_):
        index = np.flatnonzero(left[low:end]) + low
        head = whole.take(index) if len(index) else _next(rows)
        if head is not None:
            heads.append(head)
            inputs.append(rows)
        low = end
    return heads, inputs


def _next(rows: Iterator[Batch]) -> Batch | None:
    for batch in rows:
        if batch.n:
            return batch
    return None


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
