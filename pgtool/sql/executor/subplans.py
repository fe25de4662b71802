"""Subqueries in expressions: initplans (run once, when first read) and correlated subplans.

A correlated subplan is run again for other arguments only: its answers are kept by their
values, unless it calls a volatile function. ``x IN (subquery)`` without correlation becomes
a hash table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.values import ArrayValue
from pgtool.nodes.base import walk
from pgtool.nodes.enums import BoolExprType, SubLinkType
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.executor.batch import Batch, ConstColumn, nulls
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.interning import GroupTable, freeze
from pgtool.sql.executor.keys import key_spec
from pgtool.sql.executor.node import Exec
from pgtool.sql.executor.scope import Env
from pgtool.types.column import FixedColumn

if TYPE_CHECKING:
    from pgtool.sql.executor.scalar import Scalar, ScalarCompiler
    from pgtool.sql.executor.vectors import Vector, VectorCompiler

__all__ = ["register_initplans", "scalar_subplan", "vector_subplan"]

_MANY = "more than one row returned by a subquery used as an expression"
_CACHE_ROWS = 10_000
_INTEGERS = {20, 21, 23}
_ANY_OR_ALL = (SubLinkType.ANY_SUBLINK, SubLinkType.ALL_SUBLINK)


def _rows(exec_: Exec, ctx: Context) -> Iterator[tuple[Any, ...]]:
    visible = [i for i, t in enumerate(exec_.plan.targetlist) if not t.resjunk]
    codecs = [exec_.codecs[i] for i in visible]
    for batch in exec_.run(ctx):
        yield from batch.pick(visible).rows(codecs)


def _only_row(exec_: Exec, ctx: Context) -> tuple[Any, ...] | None:
    found = None
    for row in _rows(exec_, ctx):
        if found is not None:
            raise SqlError(_MANY, "21000")
        found = row
    return found


def _array(exec_: Exec, ctx: Context) -> ArrayValue:
    items = [row[0] for row in _rows(exec_, ctx)]
    typid = exec_.types[next(i for i, t in enumerate(exec_.plan.targetlist) if not t.resjunk)]
    if not exec_.env.registry.info(typid).is_true_array:
        return ArrayValue.of(typid, items)
    elem = exec_.env.registry.info(typid).typelem
    full = [v for v in items if v is not None and v.dims]
    if not full:
        return ArrayValue(elem, (), (), [])
    if len(full) != len(items) or any(v.dims != full[0].dims for v in full):
        raise SqlError("cannot accumulate arrays of different dimensionality", "2202E")
    flat = [item for v in full for item in v.elements]
    return ArrayValue(elem, (len(full), *full[0].dims), (1, *full[0].lbounds), flat)


def register_initplans(node: Exec, ctx: Context) -> None:
    """Make the values of a node's initplans known to the context, to be computed when read."""
    for init in node.init_plans:
        if init.subLinkType == SubLinkType.CTE_SUBLINK:
            continue
        runner = _init_runner(node.env, init)
        for param in init.setParam:
            ctx.pending.setdefault(param, runner)


def _init_runner(env: Env, init: Any) -> Callable[[Context], None]:
    kind = init.subLinkType

    def run(ctx: Context) -> None:
        exec_ = env.subplan(init.plan_id)
        key, version = ("init", init.plan_id), ctx.version(exec_.depends)
        if ctx.kept.get(key) == version:
            return
        if kind == SubLinkType.EXISTS_SUBLINK:
            values: tuple[Any, ...] = (any(b.n for b in exec_.run(ctx)),)
        elif kind == SubLinkType.ARRAY_SUBLINK:
            values = (_array(exec_, ctx),)
        else:
            values = _only_row(exec_, ctx) or (None,) * len(init.setParam)
        ctx.kept[key] = ctx.version(exec_.depends)
        for param, value in zip(init.setParam, values):
            ctx.set_param(param, value)

    return run


def _is_volatile(env: Env, plan: Any) -> bool:
    for node in walk(plan):
        funcid = getattr(node, "funcid", 0) or getattr(node, "opfuncid", 0)
        if funcid and env.ops.function(funcid).volatile:
            return True
    return False


def scalar_subplan(c: ScalarCompiler, node: Any) -> Scalar:
    """A subplan as an expression of one row."""
    args = c.many(node.args)
    answer = _answer(c, node)
    params = list(node.parParam)
    codecs = [c.env.codec(expr_type(a)) for a in node.args]
    state: dict[str, Any] = {}

    def run(row: Any, ctx: Context) -> Any:
        exec_ = c.env.subplan(node.plan_id)
        values = [a(row, ctx) for a in args]
        if node.testexpr is not None and node.subLinkType in _ANY_OR_ALL:
            for param, value in zip(params, values):
                ctx.set_param(param, value)
            return answer(exec_, row, ctx)
        if "cached" not in state:
            state["cached"] = not _is_volatile(c.env, exec_.plan)
            state["others"] = tuple(p for p in exec_.depends if p not in params)
        if not state["cached"]:
            for param, value in zip(params, values):
                ctx.set_param(param, value)
            return answer(exec_, row, ctx)
        version = ctx.version(state["others"])
        key = ("sub", node.plan_id, id(node))
        found = ctx.kept.get(key)
        if found is None or found[0] != version or len(found[1]) > _CACHE_ROWS:
            found = ctx.kept[key] = (version, dict[Any, Any]())
        mark = tuple(None if v is None else codec.encode(v) for v, codec in zip(values, codecs))
        if mark not in found[1]:
            for param, value in zip(params, values):
                ctx.set_param(param, value)
            found[1][mark] = answer(exec_, row, ctx)
        return found[1][mark]

    return run


def _answer(c: ScalarCompiler, node: Any) -> Callable[[Exec, Any, Context], Any]:
    """What the rows of a subplan amount to."""
    kind = node.subLinkType
    if kind == SubLinkType.EXISTS_SUBLINK:
        return lambda exec_, row, ctx: any(b.n for b in exec_.run(ctx))
    if kind == SubLinkType.ARRAY_SUBLINK:
        return lambda exec_, row, ctx: _array(exec_, ctx)
    if kind == SubLinkType.EXPR_SUBLINK:
        return lambda exec_, row, ctx: (_only_row(exec_, ctx) or (None,))[0]
    if kind not in (*_ANY_OR_ALL, SubLinkType.ROWCOMPARE_SUBLINK):
        raise Unsupported(f"subplan of kind {kind.name}")
    test = c.compile(node.testexpr)
    ids = list(node.paramIds)
    if kind == SubLinkType.ROWCOMPARE_SUBLINK:

        def compare(exec_: Exec, row: Any, ctx: Context) -> Any:
            found = _only_row(exec_, ctx)
            if found is None:
                return None
            for param, value in zip(ids, found):
                ctx.set_param(param, value)
            return test(row, ctx)

        return compare
    if node.useHashTable:
        hashed = _hashed_any(c, node)
        if hashed is not None:
            return hashed
    wanted = kind == SubLinkType.ANY_SUBLINK

    def any_or_all(exec_: Exec, row: Any, ctx: Context) -> Any:
        unknown = False
        for found in _kept_rows(exec_, node, ctx):
            for param, value in zip(ids, found):
                ctx.set_param(param, value)
            result = test(row, ctx)
            if result is None:
                unknown = True
            elif result is wanted:
                return wanted
        return None if unknown else not wanted

    return any_or_all


def _kept_rows(exec_: Exec, node: Any, ctx: Context) -> Any:
    """The rows of an uncorrelated subplan stay; those of another one are run."""
    if node.parParam:
        return _rows(exec_, ctx)
    key, version = ("rows", node.plan_id), ctx.version(exec_.depends)
    found = ctx.kept.get(key)
    if found is None or found[0] != version:
        found = ctx.kept[key] = (version, list(_rows(exec_, ctx)))
    return found[1]


def _clauses(test: Any) -> list[Any]:
    if type(test).__name__ == "BoolExpr" and test.boolop == BoolExprType.AND_EXPR:
        return list(test.args)
    return [test]


def _hashed_any(c: ScalarCompiler, node: Any) -> Any:
    """``(a, b) IN (subquery)`` by a set of the subquery's rows; None where it cannot be."""
    clauses = _clauses(node.testexpr)
    if not all(type(x).__name__ == "OpExpr" and len(x.args) == 2 for x in clauses):
        return None
    lefts = c.many([x.args[0] for x in clauses])
    rights = c.many([x.args[1] for x in clauses])
    specs = []
    for clause in clauses:
        types = [c.env.codec(expr_type(a)) for a in clause.args]
        specs.append([key_spec(c.env, 0, t, clause.opno, clause.inputcollid) for t in types])
    ids = list(node.paramIds)
    test = c.compile(node.testexpr)

    def table(exec_: Exec, row: Any, ctx: Context) -> tuple[set[Any], list[Any]]:
        key, version = ("any", id(node)), ctx.version(exec_.depends)
        found = ctx.kept.get(key)
        if found is None or found[0] != version:
            full: set[Any] = set()
            partial = []
            for one in _rows(exec_, ctx):
                for param, value in zip(ids, one):
                    ctx.set_param(param, value)
                values = tuple(freeze(r(row, ctx), s[1]) for r, s in zip(rights, specs))
                if None in values:
                    partial.append(one)
                else:
                    full.add(values)
            found = ctx.kept[key] = (version, (full, partial))
        pair: tuple[set[Any], list[Any]] = found[1]
        return pair

    def look(exec_: Exec, row: Any, ctx: Context) -> Any:
        full, partial = table(exec_, row, ctx)
        if not full and not partial:
            return False
        values = tuple(freeze(a(row, ctx), s[0]) for a, s in zip(lefts, specs))
        if None not in values:
            if values in full:
                return True
            candidates: Any = partial
        elif len(values) == 1:
            return None
        else:
            candidates = [*partial, *_kept_rows(exec_, node, ctx)]
        for one in candidates:
            for param, value in zip(ids, one):
                ctx.set_param(param, value)
            if test(row, ctx) is not False:
                return None
        return False

    return look


def vector_any(c: VectorCompiler, node: Any) -> Vector | None:
    """``a IN (subquery)`` by a table of the subquery's values; None where it is not so plain."""
    from pgtool.sql.executor.vectors import Vector

    clause, ids = node.testexpr, list(node.paramIds)
    if (
        node.subLinkType != SubLinkType.ANY_SUBLINK or not node.useHashTable or node.args
        or type(clause).__name__ != "OpExpr" or len(clause.args) != 2
    ):  # fmt: skip
        return None
    left, right = clause.args
    bare = right.arg if type(right).__name__ == "RelabelType" else right
    types = expr_type(left), expr_type(right)
    if type(bare).__name__ != "Param" or bare.paramid not in ids or (
        types[0] != types[1] and {*types} - _INTEGERS
    ):  # fmt: skip
        return None
    place = ids.index(bare.paramid)
    specs = [
        key_spec(c.env, 0, c.env.codec(typid), clause.opno, clause.inputcollid) for typid in types
    ]
    value = c.compile(left)

    def table(ctx: Context) -> tuple[GroupTable, bool, bool]:
        """(the values, whether NULL is among them, whether there is any row)."""
        exec_ = c.env.subplan(node.plan_id)
        key, version = ("any column", id(node)), ctx.version(exec_.depends)
        found = ctx.kept.get(key)
        if found is None or found[0] != version:
            made, rows, nulls_ = GroupTable([specs[1]]), False, False
            visible = [i for i, t in enumerate(exec_.plan.targetlist) if not t.resjunk]
            for batch in exec_.run(ctx):
                one = batch.pick([visible[place]])
                missing = nulls(one.col(0))
                if missing is not None and missing.any():
                    nulls_ = True
                    one = one.filter(~missing)
                rows = rows or bool(batch.n)
                made.numbers(one)
            found = ctx.kept[key] = (version, (made, nulls_, rows))
        out: tuple[GroupTable, bool, bool] = found[1]
        return out

    def run(batch: Batch, ctx: Context) -> Any:
        values, with_null, any_row = table(ctx)
        if not any_row:
            return ConstColumn(False, batch.n)
        column = value.run(batch, ctx)
        numbers, missing = values.numbers(Batch(batch.n, [column]), [specs[0]], insert=False)
        known = numbers >= 0
        valid = known if with_null else None
        if missing is not None:
            valid = ~missing if valid is None else valid & ~missing
        return FixedColumn(known, valid)

    return Vector(run, expr_type(node))


def vector_subplan(c: VectorCompiler, node: Any) -> Vector | None:
    """A subplan that depends on no row is a constant; others go row by row."""
    from pgtool.sql.executor.scalar import ScalarCompiler
    from pgtool.sql.executor.vectors import Vector

    if node.testexpr is not None:
        return vector_any(c, node)
    if node.args:
        is_value = node.subLinkType == SubLinkType.EXPR_SUBLINK
        return _by_batch(c, node) if is_value else None
    scalar = ScalarCompiler(c.env, c.scope).compile(node)
    return Vector(
        lambda batch, ctx: ConstColumn(scalar((), ctx) if batch.n else None, batch.n),
        expr_type(node), constant=True,
    )  # fmt: skip


def _by_batch(c: VectorCompiler, node: Any) -> Vector:
    """A subquery's value for a batch of rows at once where that can be, else row by row."""
    from pgtool.sql.executor.subplanbatch import Incomplete, SubplanBatch
    from pgtool.sql.executor.vectors import Vector, from_items

    single = c.by_row(node)
    args = [c.compile(a) for a in node.args]
    codec = c.env.codec(expr_type(node))
    made: list[SubplanBatch | None] = []

    def run(batch: Batch, ctx: Context) -> Any:
        if batch.n < 2 or ctx.measures is not None:
            return single.run(batch, ctx)
        exec_ = c.env.subplan(node.plan_id)
        if not made:
            volatile = _is_volatile(c.env, exec_.plan)
            made.append(None if volatile else SubplanBatch.of(c.env, node))
        if made[0] is None:
            return single.run(batch, ctx)
        key = ("sub", node.plan_id, id(node))
        version = ctx.version(tuple(p for p in exec_.depends if p not in node.parParam))
        kept = ctx.kept.get(key)
        if kept is None or kept[0] != version or len(kept[1]) > _CACHE_ROWS:
            kept = ctx.kept[key] = (version, dict[Any, Any]())
        try:
            found = made[0].run([a.run(batch, ctx) for a in args], kept[1], ctx)
        except Incomplete:
            return single.run(batch, ctx)
        return from_items(found, codec)

    return Vector(run, expr_type(node))
