"""A parameterised nested loop over an index, run as a hash join where that is quicker.

The planner reckons with the server's index scans, which cost microseconds. Where many outer
rows would each descend the index, one scan of the inner table into a table of keys gives
the same pairs: the conditions are the same, and the output follows the outer rows as before.
Where they are fewer, the index is asked for each of them, and the rows that it names are
fetched all at once into such a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.errors import SqlError
from pgtool.nodes.base import mutate, walk
from pgtool.nodes.enums import ParamKind
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.executor.batch import Batch, concat_batches, values
from pgtool.sql.executor.bitmapscan import BitmapHeapExec
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.hashjoin import _Table
from pgtool.sql.executor.indexscan import _IndexExec
from pgtool.sql.executor.joins import empty_batch
from pgtool.sql.executor.keys import key_spec
from pgtool.sql.executor.node import Filter, is_of_a_row
from pgtool.sql.executor.plain import MemoizeExec
from pgtool.sql.executor.scan import filtered
from pgtool.sql.executor.scope import Scope
from pgtool.sql.executor.spill import batch_bytes, compacted
from pgtool.sql.executor.tidscan import fetch_tids
from pgtool.sql.executor.vectors import VectorCompiler

__all__ = ["LookupJoin", "has_params", "lookup_join"]

#: What a look-up costs, in pages read by a sequential scan.
_LOOKUP_PAGES = 12
#: Outer rows that are looked up together: few at first, as few may be wanted.
_FIRST_ROWS, _MOST_ROWS = 8, 4096
#: TIDs that are fetched together, and how many a semi-join may meet for one outer row.
_MOST_TIDS, _FEW_TIDS = 1 << 15, 64
#: Times hash_mem that the table may take: without it every outer row reads pages of its own.
_ROOM = 4


def lookup_join(join: Any) -> LookupJoin | None:
    """The hash form of a nested loop; None where its inner side is nothing of the kind."""
    inner = join.right.left if isinstance(join.right, MemoizeExec) else join.right
    if not isinstance(inner, (_IndexExec, BitmapHeapExec)) or inner.init_plans:
        return None
    if inner.conditions is None:
        return None
    by_param = {p.paramno: p.paramval for p in join.plan.nestParams}
    keys, rest = [], []
    paired: list[Any] = []
    for clause in inner.conditions:
        param: Any = _bare(clause.args[1]) if len(getattr(clause, "args", ())) == 2 else None
        if (
            type(clause).__name__ == "OpExpr" and type(param).__name__ == "Param"
            and param.paramkind == ParamKind.PARAM_EXEC and param.paramid in by_param
            and _equates(join, clause) and not has_params(clause.args[0])
        ):  # fmt: skip
            keys.append((clause, by_param[param.paramid]))
        else:
            rest.append(clause)
    for clause in [*rest, *inner.residual]:
        if has_params(clause):
            paired.append(_with_values(clause, by_param))
    rest = [c for c in [*rest, *inner.residual] if not has_params(c)]
    if not keys or has_params([*paired, *[t.expr for t in inner.targets]]):
        return None
    made = LookupJoin(join, inner, keys, rest, paired)
    # Rows that no outer row asks for are looked at too: nothing may fail on them.
    vectors = [*inner.project.vectors, *made.inner_keys, *made.paired.quals]
    return made if all(v.total for v in vectors) else None


def _with_values(clause: Any, by_param: dict[int, Any]) -> Any:
    """Parameters replaced by the outer columns that feed them."""

    def change(node: Any) -> Any:
        if type(node).__name__ == "Param" and node.paramkind == ParamKind.PARAM_EXEC:
            return by_param.get(node.paramid, node)
        return mutate(node, change)

    return change(clause)


def _equates(join: Any, clause: Any) -> bool:
    strategy = join.env.ops.strategy(clause.opno)
    return strategy is not None and strategy[1] == 3


def _bare(node: Any) -> Any:
    while type(node).__name__ == "RelabelType":
        node = node.arg
    return node


def has_params(nodes: Any) -> bool:
    """Whether a subplan or a parameter of the plan is read."""
    return any(
        type(n).__name__ == "SubPlan"
        or (type(n).__name__ == "Param" and n.paramkind == ParamKind.PARAM_EXEC)
        for n in walk([nodes])
    )


class LookupJoin:
    """The inner table by key, made when the outer rows are many enough."""

    def __init__(
        self, join: Any, inner: Any, keys: list[Any], rest: list[Any], paired: list[Any]
    ) -> None:
        self.join = join
        self.inner = inner
        env = join.env
        scope = inner.source.scope
        self.rest = Filter(env, scope, rest)
        self.total = all(v.total for v in self.rest.quals)
        compiler = VectorCompiler(env, scope)
        self.inner_keys = [compiler.compile(c.args[0]) for c, _ in keys]
        outer = VectorCompiler(env, join.scope)
        self.outer_keys = [outer.compile(v) for _, v in keys]
        self.inner_width = len(join.right.codecs)
        self.outer_width = len(join.left.codecs)
        self.inner_specs, self.outer_specs = [], []
        for i, (clause, value) in enumerate(keys):
            left, right = expr_type(clause.args[0]), expr_type(value)
            self.inner_specs.append(key_spec(
                env, self.inner_width + i, env.codec(left), clause.opno, clause.inputcollid))
            self.outer_specs.append(key_spec(
                env, self.outer_width + i, env.codec(right), clause.opno, clause.inputcollid))
        self.codecs = [*join.right.codecs, *[s.codec for s in self.inner_specs]]
        # Conditions on both rows: they see the outer columns, then the table's own.
        found = {
            (v.varno, v.varattno): v for v in walk(paired)
            if type(v).__name__ == "Var" and v.varno == inner.plan.scanrelid
        }  # fmt: skip
        self.extra = [scope.position(v) for v in found.values()]
        places = dict(join.scope.places)
        places.update({key: self.outer_width + n for n, key in enumerate(found)})
        self.paired = Filter(env, Scope(places), paired)
        self.extra_at = range(len(self.codecs), len(self.codecs) + len(self.extra))
        self.codecs += [env.codec(v.vartype) for v in found.values()]

    def table(self, outer_rows: int, ctx: Context) -> Any:
        """The table of keys; None while look-ups are cheaper or it does not fit."""
        if ctx.measures is not None:
            return None  # EXPLAIN ANALYZE counts the plan's own loops
        key = ("lookup", id(self))
        found = ctx.kept.get(key)
        if found is not None:
            return found or None
        # Outer rows come in many small batches too: what counts is all there were.
        count_key = ("lookups", id(self))
        ctx.kept[count_key] = outer_rows = ctx.kept.get(count_key, 0) + outer_rows
        if not self.total or outer_rows * _LOOKUP_PAGES < self.inner.source.heap.file.nblocks:
            return None
        kept: list[Batch] = []
        size = 0
        tuples = self.inner.source.runs()
        for batch in self._rows((b for t in tuples for b in self.inner.source.batches(t)), ctx):
            small = compacted(batch, self.codecs)
            kept.append(small)
            size += batch_bytes(small)
            if size > _ROOM * ctx.hash_mem:
                ctx.kept[key] = False
                return None
        rows = concat_batches(kept, self.codecs) if kept else empty_batch(self.codecs)
        found = ctx.kept[key] = _Table(rows, self.inner_specs)
        return found

    def _rows(self, batches: Iterator[Batch], ctx: Context) -> Iterator[Batch]:
        inner = self.inner
        for batch in batches:
            ctx.check()
            rows = filtered(self.rest, batch, ctx)
            if rows.n:
                out = inner.project.apply(rows, ctx)
                columns = [out.raw(i) for i in range(out.width)]
                columns += [k.run(rows, ctx) for k in self.inner_keys]
                yield Batch(rows.n, columns + [rows.raw(n) for n in self.extra])

    def looked_up(self, outer: Batch, ctx: Context) -> Iterator[tuple[Batch, Any]]:
        """The outer rows, some at a time, with a table of the inner rows that they need.

        It ends early where a semi-join meets more rows than it may want, and where something
        fails, perhaps on a row that is not wanted after all: the rows that are left are then to
        be looked at one by one.
        """
        params = self.join.params
        lists = [values(v.run(outer, ctx), codec) for _, v, codec in params]
        keyed = list(zip(*lists))
        slow = ("many", id(self))
        size = ctx.kept.get(("rows at once", id(self)), _FIRST_ROWS)
        low = 0
        while low < outer.n and not (self.join.first_only and ctx.kept.get(slow)):
            found: list[Any] = []
            count, high = 0, low
            while high < min(outer.n, low + size) and count < _MOST_TIDS:
                ctx.check()
                for (param, _, _), value in zip(params, keyed[high]):
                    ctx.set_param(param, value)
                found.append(self.inner.wanted(ctx))
                count += len(found[-1])
                high += 1
            ctx.kept[slow] = count > _FEW_TIDS * (high - low)
            try:
                table = self._fetched(np.concatenate(found), ctx)
            except SqlError as error:
                if not is_of_a_row(error):
                    raise
                return
            yield outer.slice(low, high), table
            low, size = high, min(4 * size, _MOST_ROWS)
        ctx.kept["rows at once", id(self)] = size

    def _fetched(self, tids: Any, ctx: Context) -> Any:
        source = self.inner.source
        batches = fetch_tids(source, tids >> 16, tids & 0xFFFF, chains=True)
        kept = [compacted(batch, self.codecs) for batch in self._rows(batches, ctx)]
        rows = concat_batches(kept, self.codecs) if kept else empty_batch(self.codecs)
        return _Table(rows, self.inner_specs)

    def pairs(self, outer: Batch, table: Any, ctx: Context) -> tuple[Batch, Any, Any]:
        """(inner rows, outer and inner row numbers that go together)."""
        columns = [outer.raw(i) for i in range(self.outer_width)]
        keyed = Batch(outer.n, columns + [k.run(outer, ctx) for k in self.outer_keys])
        o, i = table.probe(keyed, self.outer_specs)
        if self.paired and len(o):
            both = outer.take(o).beside(table.rows.pick(self.extra_at).take(i))
            keep = self.paired.mask(both, ctx)
            o, i = o[keep], i[keep]
        inner = table.rows.pick(range(self.inner_width))
        o, i = self.join.pairs(outer, inner, o, i, ctx)
        return inner, o, i
