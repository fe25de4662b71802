"""WindowAgg: window functions and aggregates over frames, a partition at a time.

Of a partition the columns stay in memory that its functions read; the others wait in a queue
until the functions are computed, in a file where they are many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pgtool.errors import Unsupported
from pgtool.functions import registry
from pgtool.functions.opcache import INTERNAL
from pgtool.nodes.base import mutate, walk
from pgtool.nodes.exprs import Aggref, Var
from pgtool.nodes.query import TargetEntry
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.executor.aggregates import AggCall, AggState
from pgtool.sql.executor.batch import (
    Batch,
    ConstColumn,
    concat,
    concat_batches,
    take,
    truth,
)
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.frames import Frames, frames_of, range_bounds, simple_in_range
from pgtool.sql.executor.grouping import boundaries, key_specs
from pgtool.sql.executor.merging import Keys
from pgtool.sql.executor.node import Exec, Filter, Project, chunks
from pgtool.sql.executor.runningframes import running
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.scope import Scope
from pgtool.sql.executor.spill import Queue, compacted
from pgtool.sql.executor.vectors import VectorCompiler
from pgtool.sql.executor.window_functions import FUNCTIONS, registered

__all__ = ["WindowExec"]

_WINDOW_VARNO = -101
_EXPANDED = 1 << 20
_SIMPLE_RANGE = (
    "in_range_int2_int2", "in_range_int2_int4", "in_range_int2_int8", "in_range_int4_int2",
    "in_range_int4_int4", "in_range_int4_int8", "in_range_int8_int8",
)  # fmt: skip


class _Call:
    """One window function call."""

    def __init__(self, node: Exec, scope: Scope, func: Any) -> None:
        env = node.env
        self.func = func
        self.result = env.codec(func.wintype)
        function = env.ops.function(func.winfnoid)
        self.prosrc = function.prosrc
        self.is_aggregate = bool(func.winagg) or function.row.prokind == "a"
        if self.is_aggregate:
            args = [TargetEntry(expr=a, resno=i + 1) for i, a in enumerate(func.args)]
            self.agg = AggCall(env, scope, Aggref(
                aggfnoid=func.winfnoid, aggtype=func.wintype, inputcollid=func.inputcollid,
                args=args, aggfilter=func.aggfilter, aggkind="n", aggstar=func.winstar,
            ))  # fmt: skip
            return
        if func.aggfilter is not None:
            raise Unsupported("FILTER of a window function")
        compiler = VectorCompiler(env, scope)
        self.args = [compiler.compile(a) for a in func.args]
        self.codecs = [env.codec(expr_type(a)) for a in func.args]
        types = tuple(expr_type(a) for a in func.args)
        self.call = registry.Call(types, func.wintype, func.inputcollid, env.session)

    def evaluate(self, rows: Batch, peer: Any, frames: Frames, ctx: Context) -> Any:
        """The call's column for one partition."""
        if self.is_aggregate:
            return self._aggregate(rows, frames, ctx)
        columns = [a.run(rows, ctx) for a in self.args]
        compute = FUNCTIONS.get(self.prosrc)
        if compute is not None:
            return compute(rows.n, peer, frames, columns, self.codecs, self.result)
        return registered(self.prosrc, self.call, peer, frames, columns, self.codecs, self.result)

    def _aggregate(self, rows: Batch, frames: Frames, ctx: Context) -> Any:
        if frames.whole:
            state = AggState(self.agg, ctx)
            state.step(rows, np.zeros(rows.n, np.int64), 1)
            return take(state.results(1), np.zeros(rows.n, np.int64))
        if frames.running and rows.n > 64:
            found = self._running(rows, frames, ctx)
            if found is not None:
                return found
        return self._expanded(rows, frames, ctx)

    def _running(self, rows: Batch, frames: Frames, ctx: Context) -> Any:
        """Frames that only grow: one state, its result taken at every end."""
        registry.load()
        if self.agg.key not in registry.AGGREGATES:
            return None
        if self.agg.filter is not None:
            keep = truth(self.agg.filter.run(rows, ctx), rows.n)
        else:
            keep = np.ones(rows.n, bool)
        columns = [a.run(rows, ctx) for a in self.agg.args]
        ends = frames.runs[0][1]
        found = running(self.agg.key, columns, self.agg.codecs, keep, ends, self.result)
        if found is not None:
            return found
        lists = [
            codec.values(column) if not hasattr(column, "cache") else [column.value] * rows.n
            for codec, column in zip(self.agg.codecs, columns)
        ]
        arguments = list(zip(*lists)) if lists else [()] * rows.n
        state = self.agg.scalar()
        out, done, last = [], 0, None
        for row, end in enumerate(ends.tolist()):
            if end > done or not row:
                for i in range(done, end):
                    if keep[i] and not (self.agg.strict and None in arguments[i]):
                        state.step(*arguments[i])
                done = end
                last = state.final()
            out.append(last)
        from pgtool.sql.executor.aggregates import column_of

        return column_of(out, self.result)

    def _expanded(self, rows: Batch, frames: Frames, ctx: Context) -> Any:
        """Each frame as a group of its own."""
        sizes = frames.sizes()
        ends = np.cumsum(sizes)
        parts = []
        low = 0
        while low < rows.n:
            before = int(ends[low - 1]) if low else 0
            high = max(int(np.searchsorted(ends, before + _EXPANDED, side="right")), low + 1)
            ctx.check()
            index, ids = _spread(frames, low, high)
            state = AggState(self.agg, ctx)
            state.step(rows.take(index), ids, high - low)
            parts.append(state.results(high - low))
            low = high
        return concat(parts, self.result)


def _spread(frames: Frames, low: int, high: int) -> tuple[Any, Any]:
    """(rows, number of the frame) of the frames low … high − 1, in frame order."""
    index, ids = [], []
    for start, end in frames.runs:
        size = np.maximum(end[low:high] - start[low:high], 0)
        total = int(size.sum())
        group = np.repeat(np.arange(high - low), size)
        within = np.arange(total) - np.repeat(np.cumsum(size) - size, size)
        index.append(np.repeat(start[low:high], size) + within)
        ids.append(group)
    if len(index) == 1:
        return index[0], ids[0]
    rows, groups = np.concatenate(index), np.concatenate(ids)
    order = np.lexsort((rows, groups))
    return rows[order], groups[order]


@dataclass(slots=True)
class _Rows:
    """Input rows; which of them begin a partition, and which a group of peers."""

    batch: Batch
    starts: Any
    peers: Any

    def slice(self, low: int, high: int) -> _Rows:
        return _Rows(self.batch.slice(low, high), self.starts[low:high], self.peers[low:high])


def _joined(parts: list[_Rows], codecs: list[Any]) -> _Rows:
    if len(parts) == 1:
        return parts[0]
    return _Rows(
        concat_batches([p.batch for p in parts], codecs),
        np.concatenate([p.starts for p in parts]), np.concatenate([p.peers for p in parts]),
    )  # fmt: skip


class WindowExec(Exec):
    """See the module."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.lefttree)
        width = len(self.left.codecs)
        scope = Scope.of(width)
        self.calls: list[_Call] = []
        self.known: dict[str, int] = {}
        targets = [t.copy(expr=self._replace(t.expr, scope)) for t in plan.targetlist]
        conditions = list(plan.qual)
        if plan.topWindow:
            conditions += plan.runConditionOrig
        quals = [self._replace(q, scope) for q in conditions]
        above = Scope(dict(scope.places))
        for i in range(len(self.calls)):
            above.places[_WINDOW_VARNO, i + 1] = width + i
        self.filter = Filter(self.env, above, quals)
        self.project = Project(self.env, above, targets)
        codecs = self.left.codecs
        self.parts = key_specs(
            self, plan.partColIdx, plan.partOperators, plan.partCollations, codecs=codecs
        )
        self.order = key_specs(
            self, plan.ordColIdx, plan.ordOperators, plan.ordCollations, codecs=codecs
        )
        needed = self._needed()
        self.passed = sorted(_columns([*targets, *quals]) - needed)
        self.unused = set(range(width)) - needed
        scalars = ScalarCompiler(self.env, Scope())
        self.offsets = [
            None if n is None else scalars.compile(n) for n in (plan.startOffset, plan.endOffset)
        ]

    def _replace(self, node: Any, scope: Scope) -> Any:
        def change(found: Any) -> Any:
            if type(found).__name__ != "WindowFunc":
                return mutate(found, change)
            key = repr(found.copy(location=-1))
            if key not in self.known:
                self.known[key] = len(self.calls)
                self.calls.append(_Call(self, scope, found))
            return Var(varno=_WINDOW_VARNO, varattno=self.known[key] + 1,
                       vartype=found.wintype, vartypmod=-1, varcollid=found.wincollid)  # fmt: skip

        return change(node)

    def _needed(self) -> set[int]:
        """The input columns that functions and frames read."""
        needed = _columns([call.func for call in self.calls])
        if self.plan.startInRangeFunc or self.plan.endInRangeFunc:
            needed |= {s.column for s in self.order}
        return needed

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        codecs = self.left.codecs
        waiting = Queue([codecs[i] for i in self.passed], ctx.work_mem)
        for rows in self._partitions(self._marked(waiting, ctx)):
            starts = np.flatnonzero(rows.starts)
            if self._whole_only():
                parts = [(rows.batch, self._many(rows.batch, starts, ctx))]
            else:
                ends = [*starts[1:].tolist(), rows.batch.n]
                parts = (  # type: ignore[assignment]
                    self._partition(rows.batch.slice(low, high), rows.peers[low:high], ctx)
                    for low, high in zip(starts.tolist(), ends)
                )
            for whole, columns in parts:
                ctx.check()
                passed = waiting.take(whole.n) if self.passed else chunks(whole)
                yield from self._output(whole, columns, passed, ctx)

    def _marked(self, waiting: Queue, ctx: Context) -> Iterator[_Rows]:
        """The rows, and where partitions and peers begin; the columns passed on wait."""
        keys = Keys([*self.parts, *self.order])
        count = len(self.parts)
        last: Batch | None = None
        for batch in self.left.run(ctx):
            if not batch.n:
                continue
            ctx.check()
            mine = keys.of(batch)
            both = mine if last is None else concat_batches([last, mine], keys.codecs)
            first = 0 if last is None else 1
            starts = boundaries(both, keys.specs[:count])[first:]
            peers = boundaries(both, keys.specs[count:])[first:]
            last = compacted(mine.slice(batch.n - 1, batch.n), keys.codecs)
            if self.passed:
                waiting.add(batch.pick(self.passed))
            yield _Rows(Batch(batch.n, [
                ConstColumn(None, batch.n) if i in self.unused else batch.raw(i)
                for i in range(batch.width)
            ]), starts, peers)  # fmt: skip

    def _partitions(self, marked: Iterator[_Rows]) -> Iterator[_Rows]:
        """The rows put together so that no partition is cut."""
        kept: list[_Rows] = []
        codecs = self.left.codecs
        for rows in marked:
            last = int(np.flatnonzero(rows.starts)[-1]) if rows.starts.any() else -1
            if last > 0:
                kept.append(rows.slice(0, last))
            if last >= 0:
                if kept:
                    yield _joined(kept, codecs)
                kept, rows = [], rows.slice(last, rows.batch.n)
            rows.batch = compacted(rows.batch, codecs)
            kept.append(rows)
        if kept:
            yield _joined(kept, codecs)

    def _whole_only(self) -> bool:
        """Whether every function sees the whole partition: then many go at once."""
        plain = 0x20 | 0x100
        whole = (self.plan.frameOptions & plain == plain) or (
            not self.order and not self.plan.frameOptions & 0x4
            and not any(self.offsets)
        )  # fmt: skip
        return bool(
            whole and not self.plan.frameOptions & 0x38000
            and all(c.is_aggregate for c in self.calls)
        )

    def _many(self, batch: Batch, starts: Any, ctx: Context) -> list[Any]:
        ids = np.zeros(batch.n, np.int64)
        ids[starts[1:]] = 1
        ids = np.cumsum(ids)
        columns = []
        for call in self.calls:
            state = AggState(call.agg, ctx)
            state.step(batch, ids, len(starts))
            columns.append(take(state.results(len(starts)), ids))
        return columns

    def _partition(self, rows: Batch, new: Any, ctx: Context) -> tuple[Batch, list[Any]]:
        new = new.copy()
        new[:1] = False
        peer = np.cumsum(new)
        offsets = [None if fn is None else fn((), ctx) for fn in self.offsets]
        frames = frames_of(
            self.plan.frameOptions, rows, peer, (offsets[0], offsets[1]),
            lambda start, preceding, offset: self._range(rows, peer, start, preceding, offset),
        )  # fmt: skip
        columns = [c.evaluate(rows, peer, frames, ctx) for c in self.calls]
        return rows, columns

    def _range(self, rows: Batch, peer: Any, start: bool, preceding: bool, offset: Any) -> Any:
        plan = self.plan
        funcid = plan.startInRangeFunc if start else plan.endInRangeFunc
        function = self.env.ops.function(funcid)
        spec = self.order[0]
        if function.prosrc in _SIMPLE_RANGE and function.language == INTERNAL:
            run: Any = simple_in_range
        else:
            types = (spec.codec.typid, spec.codec.typid, 0, 16, 16)
            run = self.env.ops.callable(funcid, types, 16, plan.inRangeColl)
        find = range_bounds(
            rows.col(spec.column), spec.codec, run, plan.inRangeAsc, plan.inRangeNullsFirst, peer
        )
        return find(start, preceding, offset)

    def _output(
        self, rows: Batch, columns: list[Any], parts: Iterator[Batch], ctx: Context
    ) -> Iterator[Batch]:
        """``parts``: the columns that were passed on, or all, piece by piece."""
        whole = Batch(rows.n, [*[rows.raw(i) for i in range(rows.width)], *columns])
        low = 0
        for passed in parts:
            part = whole.slice(low, low + passed.n)
            low += passed.n
            if self.passed:
                place = {column: i for i, column in enumerate(self.passed)}
                part = Batch(part.n, [
                    passed.raw(place[i]) if i in place else part.raw(i) for i in range(part.width)
                ])  # fmt: skip
            yield from self.output(part, ctx)


def _columns(nodes: list[Any]) -> set[int]:
    """The input columns that expressions read."""
    return {
        v.varattno - 1 for v in walk(nodes) if isinstance(v, Var) and v.varno != _WINDOW_VARNO
    }
