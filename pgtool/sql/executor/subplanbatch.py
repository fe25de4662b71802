"""A correlated subquery that aggregates what an index finds, for a whole batch of rows at once.

``(SELECT sum(x) FROM t WHERE t.a = outer.b)`` would run an index scan and an aggregation for
each row. Here the index is asked for all rows of a batch, as in :mod:`.lookupjoin`, and each
row is a group of one aggregation.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from pgtool.catalog import typeoids as t
from pgtool.nodes.exprs import Var
from pgtool.nodes.plan import AggStrategy
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.executor.agg import AggExec
from pgtool.sql.executor.aggregates import AggState, step_all
from pgtool.sql.executor.batch import Batch, ConstColumn, take, values
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.lookupjoin import LookupJoin, has_params, lookup_join
from pgtool.sql.executor.scope import Scope
from pgtool.sql.executor.vectors import VectorCompiler

__all__ = ["Incomplete", "SubplanBatch"]

_OUTER_VARNO = -101
#: What these give does not depend on the order of the rows, but for sums of floats.
_ORDERLESS = {"count", "sum", "avg", "bool_and", "bool_or", "every"}
_FLOATS = {t.FLOAT4OID, t.FLOAT8OID}


class Incomplete(Exception):
    """Something failed: row by row it shows whether it counts."""


class SubplanBatch:
    """The subquery of one SubPlan node over batches of its arguments."""

    def __init__(self, env: Any, node: Any, agg: AggExec, lookup: LookupJoin) -> None:
        self.agg = agg
        self.lookup = lookup
        self.codecs = [env.codec(expr_type(a)) for a in node.args]
        self.place = next(i for i, x in enumerate(agg.plan.targetlist) if not x.resjunk)

    @classmethod
    def of(cls, env: Any, node: Any) -> SubplanBatch | None:
        """None where the subquery is nothing of the kind."""
        agg = env.subplan(node.plan_id)
        if not isinstance(agg, AggExec) or agg.init_plans or agg.specs or agg.used:
            return None
        plan = agg.plan
        if plan.aggstrategy != AggStrategy.AGG_PLAIN or plan.groupingSets or plan.qual:
            return None
        arguments = [[*c.node.args, *c.node.aggdirectargs, c.node.aggfilter] for c in agg.calls]
        if has_params([*[x.expr for x in plan.targetlist], *arguments]):
            return None
        lookup = _lookup(env, node, agg)
        if lookup is None or not all(_is_orderless(call) for call in agg.calls):
            return None
        return cls(env, node, agg, lookup)

    def run(self, columns: list[Any], known: dict[Any, Any], ctx: Context) -> list[Any]:
        """The subquery's value for each row of these arguments; ``known`` ones are kept there."""
        lists = [values(x, c) for x, c in zip(columns, self.codecs)]
        marks = [
            tuple(None if v is None else c.encode(v) for v, c in zip(key, self.codecs))
            for key in zip(*lists)
        ]
        new: dict[Any, int] = {}
        for row, mark in enumerate(marks):
            if mark not in known:
                new.setdefault(mark, row)
        if new:
            rows = np.fromiter(new.values(), np.int64, len(new))
            outer = Batch(len(new), [take(column, rows) for column in columns])
            whole = self.agg.project.apply(self._aggregated(outer, ctx), ctx)
            found = values(whole.col(self.place), self.agg.codecs[self.place])
            known.update(zip(new, found))
        return [known[mark] for mark in marks]

    def _aggregated(self, outer: Batch, ctx: Context) -> Batch:
        states = [AggState(call, ctx) for call in self.agg.calls]
        groups = outer.n
        table = self.lookup.table(groups, ctx)
        parts = [(outer, table)] if table is not None else self.lookup.looked_up(outer, ctx)
        low = 0
        for part, found in parts:
            inner, o, i = self.lookup.pairs(part, found, ctx)
            step_all(states, inner.take(i), o + low, groups)
            low += part.n
        if low < groups:
            raise Incomplete
        nothing = Batch(groups, [ConstColumn(None, groups) for _ in self.agg.left.codecs])
        return self.agg._with_results(nothing, states, groups)


def _is_orderless(call: Any) -> bool:
    return call.name in _ORDERLESS and not call.sort and not call.ordered_set and not (
        _FLOATS & {*call.types}
    )


def _lookup(env: Any, node: Any, agg: AggExec) -> LookupJoin | None:
    """The index scan below the aggregation, as the inner side of a join with the arguments."""
    arguments = [
        Var(varno=_OUTER_VARNO, varattno=i + 1, vartype=expr_type(a), vartypmod=-1)
        for i, a in enumerate(node.args)
    ]
    scope = Scope({(_OUTER_VARNO, i + 1): i for i in range(len(arguments))})
    compiler = VectorCompiler(env, scope)
    codecs = [env.codec(a.vartype) for a in arguments]
    params = list(zip(node.parParam, arguments))
    return lookup_join(SimpleNamespace(
        right=agg.left, left=SimpleNamespace(codecs=codecs), env=env, scope=scope,
        plan=SimpleNamespace(
            nestParams=[SimpleNamespace(paramno=p, paramval=v) for p, v in params]
        ),
        params=[(p, compiler.compile(v), c) for (p, v), c in zip(params, codecs)],
        first_only=False, pairs=lambda outer, inner, o, i, ctx: (o, i),
    ))  # fmt: skip
