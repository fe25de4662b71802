"""One aggregate call: its arguments, filter, order, and its states over many groups.

Three ways to run: the many-groups form (:data:`pgtool.functions.registry.GROUPED`) on
columns; a scalar state for each group; and, where DISTINCT or ORDER BY says so, the
arguments put aside and sorted before the scalar (or many-groups) form sees them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pgtool.errors import SqlError, Unsupported
from pgtool.functions import registry
from pgtool.functions.columns import ObjectColumn
from pgtool.functions.registry import Call
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.executor.batch import Batch, concat_batches, nulls, take, truth, values
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.grouping import boundaries
from pgtool.sql.executor.keys import KeySpec, key_spec
from pgtool.sql.executor.node import in_row_order, is_of_a_row
from pgtool.sql.executor.scope import Env, Scope
from pgtool.sql.executor.sorting import Sorter
from pgtool.sql.executor.spill import compacted
from pgtool.sql.executor.vcalls import integers_of, numeric_argument
from pgtool.sql.executor.vectors import VectorCompiler

__all__ = ["AggCall", "AggState", "step_all"]

ORDERED_KINDS = ("o", "h")


class AggCall:
    """What is known of an aggregate call before it runs."""

    def __init__(self, env: Env, scope: Scope, node: Any) -> None:
        self.env = env
        self.node = node
        compiler = VectorCompiler(env, scope)
        self.args = [compiler.compile(t.expr) for t in node.args]
        self.types = [expr_type(t.expr) for t in node.args]
        self.codecs = [env.codec(t) for t in self.types]
        self.filter = None if node.aggfilter is None else compiler.compile(node.aggfilter)
        self.result = env.codec(node.aggtype)
        self.ordered_set = node.aggkind in ORDERED_KINDS
        self.hypothetical = node.aggkind == "h"
        self.direct = [compiler.compile(n) for n in node.aggdirectargs]
        self.direct_types = [expr_type(n) for n in node.aggdirectargs]
        row = env.session.cache.one("pg_aggregate", "aggfnoid", node.aggfnoid)
        if row is None:
            raise Unsupported(f"aggregate with OID {node.aggfnoid}")
        transition = env.ops.function(row.aggtransfn)
        final = env.ops.function(row.aggfinalfn).prosrc if row.aggfinalfn else ""
        self.key = (transition.prosrc, final)
        self.name = str(env.ops.function(node.aggfnoid).row.proname)
        self.strict = transition.strict
        live = [i for i, t in enumerate(node.args) if not t.resjunk]
        self.live = live
        self.sort, self.distinct = self._orders(env, node)
        #: Rows that are put aside to be sorted: the arguments, and the number of the group.
        self.aside_codecs = [*self.codecs, env.codec(20)]
        self.by_group = KeySpec(len(self.codecs), env.codec(20), "int", "btint8cmp", 0, False,
                                False, env.session, env.ops)  # fmt: skip
        types = tuple(self.direct_types) + tuple(self.types[i] for i in live)
        self.call = Call(types, node.aggtype, node.inputcollid, env.session, node.aggvariadic)

    def _orders(self, env: Env, node: Any) -> tuple[list[KeySpec], list[KeySpec]]:
        by_ref = {t.ressortgroupref: i for i, t in enumerate(node.args) if t.ressortgroupref}

        def specs(clauses: list[Any]) -> list[KeySpec]:
            from pgtool.sql.analyze.nodetypes import expr_collation

            return [
                key_spec(
                    env, by_ref[c.tleSortGroupRef], self.codecs[by_ref[c.tleSortGroupRef]],
                    c.sortop or c.eqop,
                    expr_collation(node.args[by_ref[c.tleSortGroupRef]].expr), bool(c.nulls_first),
                )
                for c in clauses
            ]  # fmt: skip

        order, distinct = specs(node.aggorder), specs(node.aggdistinct)
        have = {s.column for s in order}
        return order + [s for s in distinct if s.column not in have], distinct

    def grouped(self) -> Any:
        """A many-groups state, or None."""
        registry.load()
        if self.ordered_set:
            return None
        kind = registry.GROUPED.get(self.key)
        return None if kind is None else kind(self.call)

    def scalar(self) -> Any:
        """A state for one group."""
        registry.load()
        kind = registry.AGGREGATES.get(self.key)
        if kind is None:
            raise Unsupported(f"aggregate {self.name}")
        return kind(self.call)


class AggState:
    """One call's states over groups 0, 1, 2 …"""

    def __init__(self, call: AggCall, ctx: Context) -> None:
        self.call = call
        self.ctx = ctx
        self.grouped = call.grouped()
        self.states: dict[int, Any] = {}
        self.taken = False
        self.aside: Sorter | None = None
        self.direct: dict[int, tuple[Any, ...]] = {}

    def arguments(self, batch: Batch) -> tuple[Any, Batch, list[Any]]:
        """(row numbers that FILTER leaves or None, those rows, the arguments)."""
        keep = None
        if self.call.filter is not None and batch.n:
            keep = np.flatnonzero(truth(self.call.filter.run(batch, self.ctx), batch.n))
            batch = batch.take(keep)
        return keep, batch, [a.run(batch, self.ctx) for a in self.call.args]

    def step(self, batch: Batch, ids: Any, groups: int) -> None:
        """Take in a batch whose rows belong to these groups."""
        call = self.call
        keep, batch, columns = self.arguments(batch)
        ids = ids if keep is None else ids[keep]
        if call.ordered_set:
            self._direct_args(batch, ids)
        if call.sort or call.ordered_set:
            from pgtool.types.column import FixedColumn

            if self.aside is None:
                self.aside = Sorter([call.by_group, *call.sort], call.aside_codecs,
                                    self.ctx.work_mem, None)  # fmt: skip
            self.aside.add(Batch(batch.n, [*columns, FixedColumn(ids.astype(np.int64))]))
            return
        self._take([columns[i] for i in call.live], ids, groups)

    def _direct_args(self, batch: Batch, ids: Any) -> None:
        call = self.call
        if not call.direct:
            return
        found, first = np.unique(ids, return_index=True)
        fresh = [i for i, g in enumerate(found.tolist()) if g not in self.direct]
        if fresh:
            rows = batch.take(first[fresh])
            lists = [
                values(d.run(rows, self.ctx), call.env.codec(t))
                for d, t in zip(call.direct, call.direct_types)
            ]
            for i, row in zip(fresh, zip(*lists)):
                self.direct[int(found[i])] = row

    def _take(self, columns: list[Any], ids: Any, groups: int) -> None:
        call = self.call
        if self.grouped is not None:
            columns = [self._argument(c, call.codecs[i]) for i, c in zip(call.live, columns)]
        if call.strict or self.grouped is not None:
            # The many-groups forms are of aggregates that pass over NULLs.
            missing: Any = None
            for column in columns:
                gone = nulls(column)
                if gone is not None:
                    missing = gone if missing is None else missing | gone
            if missing is not None and missing.any():
                rows = np.flatnonzero(~missing)
                columns, ids = [take(c, rows) for c in columns], ids[rows]
        if self.grouped is not None:
            if self.grouped.step(ids, groups, *columns):
                self.taken = True
                return
            if self.taken:
                raise Unsupported(f"aggregate {call.name} over values of mixed form")
            self.grouped = None
        self._by_row(columns, ids)

    def _argument(self, column: Any, codec: Any) -> Any:
        if codec.is_numeric:
            from pgtool.sql.executor.batch import ConstColumn

            if type(column) is ConstColumn:
                column = codec.column([column.value] * column.n)
            found = (integers_of if self.grouped.mixed else numeric_argument)(column, codec)
            return ObjectColumn(values(column, codec)) if found is NotImplemented else found
        from pgtool.sql.executor.batch import stored

        return stored(column, codec)

    def _by_row(self, columns: list[Any], ids: Any) -> None:
        call = self.call
        lists = [values(c, call.codecs[i]) for i, c in zip(call.live, columns)]
        states = self.states
        rows = zip(*lists) if lists else iter([()] * len(ids))
        for group, row in zip(ids.tolist(), rows):
            state = states.get(group)
            if state is None:
                state = states[group] = self._new(group)
            state.step(*row)

    def _new(self, group: int) -> Any:
        state = self.call.scalar()
        if self.call.ordered_set:
            state.direct = self.direct.get(group, ())
        if self.call.hypothetical:
            state.orders = [
                (s.ops.comparison(s.cmp, s.codec.typid, s.collation), s.reverse, s.nulls_first)
                for s in self.call.sort
            ]
        return state

    def _sorted(self, rows: Sorter, groups: int) -> None:
        call = self.call
        last: Batch | None = None
        for batch in rows.rows():
            self.ctx.check()
            if call.distinct:
                known = 0 if last is None else 1
                both = batch if last is None else concat_batches([last, batch], call.aside_codecs)
                last = compacted(batch.slice(batch.n - 1, batch.n), call.aside_codecs)
                batch = batch.filter(boundaries(both, [call.by_group, *call.distinct])[known:])
            ids = batch.col(len(call.codecs)).values
            self._take([batch.col(i) for i in call.live], ids, groups)

    def results(self, groups: int) -> Any:
        """One result for each group."""
        call = self.call
        if self.aside is not None:
            rows, self.aside = self.aside, None
            self._sorted(rows, groups)
        if self.grouped is not None and not self.states:
            found = self.grouped.final(groups)
            return column_of(found, call.result)
        out = []
        for group in range(groups):
            state = self.states.get(group)
            out.append((state or self._new(group)).final())
        return column_of(out, call.result)


def step_all(states: list[AggState], batch: Batch, ids: Any, groups: int) -> None:
    """Take a batch into the states of several calls."""
    try:
        for state in states:
            state.step(batch, ids, groups)
    except SqlError as error:
        # An argument of another call may have to fail first, in an earlier row.
        if not is_of_a_row(error):
            raise
        for _ in in_row_order(batch, lambda rows: _looked_at(states, rows)):
            pass
        raise


def _looked_at(states: list[AggState], rows: Batch) -> Batch:
    for state in states:
        state.arguments(rows)
    return rows


def column_of(found: Any, codec: Any) -> Any:
    """A list of values as a column; a column as it is."""
    if isinstance(found, list):
        return codec.column(found) if codec.is_number else ObjectColumn(found)
    if codec.is_number and found.values.dtype != codec.dtype:
        found.values = found.values.astype(codec.dtype)
    return found
