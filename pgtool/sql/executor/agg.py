"""Agg and Group: plain, sorted and hashed aggregation.

Every strategy comes down to giving each row the number of its group and handing batches to
:class:`~pgtool.sql.executor.aggregates.AggState`; sorted input lets finished groups go at
once, hashing keeps one row of keys for each group. When the hash table outgrows its memory
the groups it has stay, and rows of other groups wait in partition files.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.errors import Unsupported
from pgtool.nodes.base import walk
from pgtool.nodes.plan import AggStrategy
from pgtool.sql.executor.aggregates import AggCall, AggState, step_all
from pgtool.sql.executor.batch import Batch, ConstColumn, concat_batches
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.grouping import boundaries, key_specs, whole_groups
from pgtool.sql.executor.interning import GroupTable
from pgtool.sql.executor.node import BATCH_ROWS, Exec, Filter, Project, chunks
from pgtool.sql.executor.partition import Partitions
from pgtool.sql.executor.scope import Scope
from pgtool.sql.executor.spill import Store, batch_bytes, compacted

__all__ = ["AggExec", "GroupExec"]

#: What a group takes: in the table of keys, and for each aggregate; a key of variable width
#: is kept with the group and in the table.
_GROUP_BYTES, _STATE_BYTES, _KEY_COPIES = 32, 16, 2
_LEAST_GROUPS, _DEEPEST = 1024, 4
_GROUPS_AT_ONCE = 8192
#: An empty hash table takes this much, for EXPLAIN.
_LEAST_SPACE = 32 << 10


class AggExec(Exec):
    """Aggregates by group."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        if plan.chain:
            raise Unsupported("chained aggregation")
        if plan.aggsplit:
            raise Unsupported("partial aggregation")
        self.left = self.child(plan.lefttree)
        width = len(self.left.codecs)
        scope = Scope.of(width)
        self.calls: list[AggCall] = []
        self.places: dict[str, int] = {}
        #: The arguments of each GROUPING(), as places in the grouping columns.
        self.groupings: list[tuple[int, ...]] = []
        #: In one of several grouping sets: the columns that are not in it, GROUPING()s.
        self.nulled: frozenset[int] = frozenset()
        self.masks: list[int] = []
        targets = [t.copy(expr=self._replace(t.expr, scope, width)) for t in plan.targetlist]
        quals = [self._replace(q, scope, width) for q in plan.qual]
        above = Scope(dict(scope.places))
        for i in range(len(self.calls)):
            above.places[_AGG_VARNO, i + 1] = width + i
        for i in range(len(self.groupings)):
            above.places[_AGG_VARNO, -i - 1] = width + len(self.calls) + i
        self.filter = Filter(self.env, above, quals)
        self.project = Project(self.env, above, targets)
        self.specs = key_specs(
            self, plan.grpColIdx, plan.grpOperators, plan.grpCollations, codecs=self.left.codecs
        )
        self.used = _columns_used([*targets, *quals]) | {s.column for s in self.specs}

    def _replace(self, node: Any, scope: Scope, width: int) -> Any:
        """Aggrefs become Vars of a range of their own."""
        from pgtool.nodes.base import mutate
        from pgtool.nodes.exprs import Var

        def change(found: Any) -> Any:
            if type(found).__name__ == "GroupingFunc":
                self.groupings.append(tuple(found.cols))
                return Var(varno=_AGG_VARNO, varattno=-len(self.groupings), vartype=_INT4,
                           vartypmod=-1)  # fmt: skip
            if type(found).__name__ != "Aggref":
                return mutate(found, change)
            key = repr(found.copy(location=-1, aggno=-1, aggtransno=-1))
            if key not in self.places:
                self.places[key] = len(self.calls)
                self.calls.append(AggCall(self.env, scope, found))
            return Var(
                varno=_AGG_VARNO, varattno=self.places[key] + 1, vartype=found.aggtype,
                vartypmod=-1, varcollid=found.aggcollid,
            )  # fmt: skip

        return change(node)

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        strategy = self.plan.aggstrategy
        if self.plan.groupingSets:
            yield from self._by_sets(ctx)
        elif not self.specs:
            if strategy == AggStrategy.AGG_PLAIN:
                yield from self._plain(ctx)
            else:
                yield from self._output(self._constant_groups(ctx), ctx)
        elif strategy == AggStrategy.AGG_HASHED:
            yield from self._hashed(self.left.run(ctx), ctx, 0)
        else:
            yield from self._sorted(ctx)

    def _by_sets(self, ctx: Context) -> Iterator[Batch]:
        """One grouping set after the other over the kept rows."""
        store = Store(self.left.codecs, ctx.work_mem)
        for batch in self.left.run(ctx):
            ctx.check()
            store.add(batch)
        for members in self.plan.groupingSets:
            one = copy.copy(self)
            one.left = _Stored(store)
            one.specs = [self.specs[i] for i in members]
            inside = {s.column for s in one.specs}
            one.nulled = frozenset(s.column for s in self.specs if s.column not in inside)
            one.masks = [_mask(args, members) for args in self.groupings]
            yield from one._hashed(one.left.run(ctx), ctx, 0) if members else one._plain(ctx)

    def _output(self, batches: Iterator[Batch], ctx: Context) -> Iterator[Batch]:
        measure = self.measure(ctx)
        for batch in batches:
            for part in chunks(batch):
                if measure is not None:
                    measure.removed += part.n
                for out in self.output(part, ctx):
                    if measure is not None:
                        measure.removed -= out.n
                    yield out

    def _with_results(self, keys: Batch, states: list[AggState], groups: int) -> Batch:
        columns = [
            ConstColumn(None, groups) if i in self.nulled else keys.raw(i)
            for i in range(keys.width)
        ]
        columns += [s.results(groups) for s in states]
        return Batch(groups, columns + [ConstColumn(m, groups) for m in self.masks])

    def _plain(self, ctx: Context) -> Iterator[Batch]:
        states = [AggState(c, ctx) for c in self.calls]
        first: Batch | None = None
        for batch in self.left.run(ctx):
            ctx.check()
            if first is None and self.used:
                first = compacted(batch.head(1), self.left.codecs)
            ids = np.zeros(batch.n, np.int64)
            step_all(states, batch, ids, 1)
        if first is None:
            first = Batch(1, [ConstColumn(None, 1) for _ in self.left.codecs])
        yield from self._output(iter([self._with_results(first, states, 1)]), ctx)

    def _constant_groups(self, ctx: Context) -> Iterator[Batch]:
        """GROUP BY of constants only: one group if there is any row."""
        states = [AggState(c, ctx) for c in self.calls]
        first: Batch | None = None
        for batch in self.left.run(ctx):
            first = compacted(batch.head(1), self.left.codecs) if first is None else first
            step_all(states, batch, np.zeros(batch.n, np.int64), 1)
        if first is not None:
            yield self._with_results(first, states, 1)

    def _sorted(self, ctx: Context) -> Iterator[Batch]:
        """Groups one after the other; states begin anew where a batch of groups is given out."""
        codecs = self.left.codecs
        states = [AggState(c, ctx) for c in self.calls]
        keys: list[Batch] = []
        last: Batch | None = None
        groups = 0
        for batch in self.left.run(ctx):
            ctx.check()
            if not batch.n:
                continue
            both = batch if last is None else concat_batches([last, batch], codecs)
            new = boundaries(both, self.specs)
            new = new if last is None else new[1:]
            last = compacted(batch.slice(batch.n - 1, batch.n), codecs)
            starts = np.flatnonzero(new)
            ids = groups - 1 + np.cumsum(new)
            cut = 0
            if groups + len(starts) > _GROUPS_AT_ONCE and len(starts):
                cut = int(starts[-1])
                groups += len(starts) - 1
                if cut:
                    step_all(states, batch.slice(0, cut), ids[:cut], groups)
                    keys.append(compacted(batch.take(starts[:-1]), codecs))
                if groups:
                    yield from self._groups(keys, states, ctx)
                states, keys, groups = [AggState(c, ctx) for c in self.calls], [], 0
                batch, starts = batch.slice(cut, batch.n), np.zeros(1, np.int64)
                ids = np.zeros(batch.n, np.int64)
            if len(starts):
                groups += len(starts)
                keys.append(compacted(batch.take(starts), codecs))
            step_all(states, batch, ids, groups)
        if groups:
            yield from self._groups(keys, states, ctx)

    def _groups(self, keys: list[Batch], states: list[AggState], ctx: Context) -> Iterator[Batch]:
        whole = concat_batches([k for k in keys if k.n], self.left.codecs)
        yield from self._output(iter([self._with_results(whole, states, whole.n)]), ctx)

    def _hashed(self, rows: Iterator[Batch], ctx: Context, depth: int) -> Iterator[Batch]:
        table = GroupTable(self.specs)
        states = [AggState(c, ctx) for c in self.calls]
        keys: list[Batch] = []
        aside: Partitions | None = None
        size = 0
        for batch in rows:
            ctx.check()
            if not batch.n:
                continue
            if aside is not None:
                ids, _ = table.numbers(batch, insert=False)
                new = ids < 0
                if new.any():
                    aside.add(batch.filter(new), self.specs)
                    batch, ids = batch.filter(~new), ids[~new]
            else:
                before = table.count
                ids, _ = table.numbers(batch)
                if table.count > before:
                    keys.append(self._keys(batch, ids, before))
                    size += (table.count - before) * (_GROUP_BYTES + _STATE_BYTES * len(states))
                    size += _KEY_COPIES * batch_bytes(keys[-1])
                if size > ctx.hash_mem and table.count >= _LEAST_GROUPS and depth < _DEEPEST:
                    aside = Partitions(self.left.codecs, depth)
            step_all(states, batch, ids, table.count)
        self._note_memory(size, depth, ctx)
        if keys:
            # Groups are numbered as they appear, so their keys lie in that order.
            whole = concat_batches(keys, self.left.codecs)
            yield from self._output(
                iter([self._with_results(whole, states, whole.n)]), ctx
            )
        if aside is not None:
            table, states, keys = GroupTable(self.specs), [], []
            for part in aside.files():
                yield from self._hashed(part, ctx, depth + 1)

    def _note_memory(self, size: int, depth: int, ctx: Context) -> None:
        """For EXPLAIN ANALYZE: how many batches, and the most memory that a table took."""
        measure = self.measure(ctx)
        if measure is not None:
            batches, most = measure.extra or (1, _LEAST_SPACE)
            measure.extra = (batches + bool(depth), max(most, size))

    def _keys(self, batch: Batch, ids: Any, before: int) -> Batch:
        """One row of each new group."""
        fresh = np.flatnonzero(ids >= before)
        _found, first = np.unique(ids[fresh], return_index=True)
        rows = batch.take(fresh[first])
        wanted = [
            rows.raw(i) if i in self.used else ConstColumn(None, rows.n)
            for i in range(len(self.left.codecs))
        ]
        return compacted(Batch(rows.n, wanted), self.left.codecs)


_AGG_VARNO = -100
_INT4 = 23


class _Stored:
    """The kept rows of an input, as an input."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.codecs = store.codecs

    def run(self, _ctx: Context) -> Iterator[Batch]:
        """See :class:`Exec`."""
        return self.store.read()


def _mask(args: tuple[int, ...], members: list[int]) -> int:
    """GROUPING(): a bit for each argument that is not in the set, the first one highest."""
    out = 0
    for arg in args:
        out = out << 1 | (arg not in members)
    return out


def _columns_used(nodes: list[Any]) -> set[int]:
    """The input columns that expressions over groups read."""
    return {
        v.varattno - 1 for v in walk(nodes) if type(v).__name__ == "Var" and v.varno != _AGG_VARNO
    }


class GroupExec(Exec):
    """One row a group of a sorted input."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.lefttree)
        self.specs = key_specs(
            self, plan.grpColIdx, plan.grpOperators, plan.grpCollations, codecs=self.left.codecs
        )
        self.filter, self.project = self.over(Scope.of(len(self.left.codecs)))

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        for batch, starts in whole_groups(self.left.run(ctx), self.specs, self.left.codecs):
            for low in range(0, len(starts), BATCH_ROWS):
                part = batch.take(starts[low : low + BATCH_ROWS])
                yield from self.output(part, ctx)
