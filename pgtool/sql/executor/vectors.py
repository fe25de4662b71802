"""Expressions compiled to functions over a batch: ``fn(batch, ctx) -> column``.

A node with a vectorised way has a method here; every other one runs its scalar form
(:mod:`.scalar`) row by row over just the columns that it reads. Errors come as they would
row by row: what AND, OR, CASE or COALESCE would not have evaluated for a row is evaluated
for the other rows only, unless it cannot fail (:attr:`Vector.total`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pgtool.functions import registry
from pgtool.functions.opcache import C_LANGUAGE, INTERNAL
from pgtool.nodes.base import walk
from pgtool.nodes.enums import BoolExprType, NullTestType
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.executor.batch import Batch, ConstColumn, merge_rows, nulls, truth, values
from pgtool.sql.executor.scalar import BOOLEAN_TESTS, ScalarCompiler, const_value
from pgtool.sql.executor.scope import Env, Scope
from pgtool.sql.executor.vcalls import VectorCall, over_array
from pgtool.sql.executor.viaio import coercion
from pgtool.types.column import FixedColumn

__all__ = ["Vector", "VectorCompiler"]

BOOL = 16


@dataclass(slots=True)
class Vector:
    """A compiled expression. ``total``: it cannot fail on any row. ``position``: it is
    just this column."""

    run: Callable[[Batch, Any], Any]
    typid: int
    total: bool = False
    position: int = -1
    constant: bool = False


def _true_count(mask: Any) -> int:
    return int(np.count_nonzero(mask))


class VectorCompiler:
    """Compiles expressions of one scope over batches."""

    def __init__(self, env: Env, scope: Scope) -> None:
        self.env = env
        self.scope = scope

    def compile(self, node: Any) -> Vector:
        """The vector form of an expression."""
        maker = getattr(self, f"_{type(node).__name__}", None)
        made: Vector | None = maker(node) if maker is not None else None
        return made if made is not None else self.by_row(node)

    def by_row(self, node: Any) -> Vector:
        """The scalar form, for each row."""
        used: dict[tuple[int, int], int] = {}
        numbers: list[int] = []
        codecs = []
        for found in walk(node):
            if type(found).__name__ == "Var" and (found.varno, found.varattno) not in used:
                used[found.varno, found.varattno] = len(numbers)
                numbers.append(self.scope.position(found))
                codecs.append(self.env.codec(found.vartype))
        scalar = ScalarCompiler(self.env, Scope(used)).compile(node)
        codec = self.env.codec(expr_type(node))

        def run(batch: Batch, ctx: Any) -> Any:
            if not numbers:
                items = [scalar((), ctx) for _ in range(batch.n)]
            else:
                lists = [values(batch.col(i), c) for i, c in zip(numbers, codecs)]
                items = [scalar(row, ctx) for row in zip(*lists)]
            return from_items(items, codec)

        return Vector(run, expr_type(node))

    # -- leaves ---------------------------------------------------------------------

    def _Var(self, node: Any) -> Vector:
        place = self.scope.position(node)
        return Vector(lambda batch, ctx: batch.col(place), node.vartype, True, place)

    def _Const(self, node: Any) -> Vector:
        value = const_value(self.env, node)
        cache: dict[int, Any] = {}
        return Vector(
            lambda batch, ctx: ConstColumn(value, batch.n, cache), node.consttype, True,
            constant=True,
        )  # fmt: skip

    def _Param(self, node: Any) -> Vector:
        scalar = ScalarCompiler(self.env, self.scope).compile(node)
        return Vector(
            lambda batch, ctx: ConstColumn(scalar((), ctx), batch.n), node.paramtype,
            constant=True,
        )  # fmt: skip

    def _TargetEntry(self, node: Any) -> Vector:
        return self.compile(node.expr)

    def _CollateExpr(self, node: Any) -> Vector:
        return self.compile(node.arg)

    _NamedArgExpr = _CollateExpr

    def _PlaceHolderVar(self, node: Any) -> Vector:
        return self.compile(node.phexpr)

    def _RelabelType(self, node: Any) -> Vector | None:
        source, target = self.env.codec(expr_type(node.arg)), self.env.codec(node.resulttype)
        same = source is target or (source.is_text and target.is_text)
        if not same and source.is_number and source.dtype == target.dtype:
            same = True
        if not same or source.is_name != target.is_name:
            return None
        arg = self.compile(node.arg)
        return Vector(arg.run, node.resulttype, arg.total, arg.position, arg.constant)

    def _CoerceViaIO(self, node: Any) -> Vector:
        arg = self.compile(node.arg)
        run = coercion(self.env, expr_type(node.arg), node.resulttype)
        return Vector(
            lambda batch, ctx: run(arg.run(batch, ctx)), node.resulttype, constant=arg.constant
        )

    # -- calls ----------------------------------------------------------------------

    def _FuncExpr(self, node: Any) -> Vector | None:
        return self.call(node, node.funcid, node.funcresulttype)

    def _OpExpr(self, node: Any) -> Vector | None:
        funcid = ScalarCompiler(self.env, self.scope).opfunc(node)
        return self.call(node, funcid, node.opresulttype)

    def call(self, node: Any, funcid: int, rettype: int) -> Vector | None:
        """A call of a strict function over columns; None where only rows will do."""
        function = self.env.ops.function(funcid)
        if function.language not in (INTERNAL, C_LANGUAGE) or not function.strict:
            return None
        if function.volatile or function.returns_set or not node.args:
            return None
        registry.load()
        if function.prosrc not in registry.BUILTINS:
            return None
        args = [self.compile(a) for a in node.args]
        types = tuple(expr_type(a) for a in node.args)
        scalar = self.env.ops.callable(
            funcid, types, rettype, node.inputcollid, getattr(node, "funcvariadic", False)
        )
        run = VectorCall(
            function.prosrc, scalar, [self.env.codec(t) for t in types], self.env.codec(rettype)
        )
        total = run.safe and all(a.total for a in args)
        runs = [a.run for a in args]

        def evaluate(batch: Batch, ctx: Any) -> Any:
            return run(batch.n, [r(batch, ctx) for r in runs])

        return Vector(evaluate, rettype, total, constant=all(a.constant for a in args))

    def _ScalarArrayOpExpr(self, node: Any) -> Vector | None:
        scalars = ScalarCompiler(self.env, self.scope)
        funcid = scalars.opfunc(node)
        function = self.env.ops.function(funcid)
        array = self.compile(node.args[1])
        if not array.constant or not function.strict:
            return None
        left = self.compile(node.args[0])
        types = (expr_type(node.args[0]), self.env.codec(expr_type(node.args[1])).info.typelem)
        if not types[1] or function.prosrc not in registry.VECTORS:
            return None
        scalar = self.env.ops.callable(funcid, types, BOOL, node.inputcollid)
        call = VectorCall(
            function.prosrc, scalar, [self.env.codec(t) for t in types], self.env.codec(BOOL)
        )
        wanted = bool(node.useOr)

        def evaluate(batch: Batch, ctx: Any) -> Any:
            value = array.run(batch, ctx).value
            return over_array(call, left.run(batch, ctx), value, batch.n, wanted)

        return Vector(evaluate, BOOL, left.total and array.total and call.safe)

    # -- logic ----------------------------------------------------------------------

    def _BoolExpr(self, node: Any) -> Vector:
        args = [self.compile(a) for a in node.args]
        total = all(a.total for a in args)
        if node.boolop == BoolExprType.NOT_EXPR:
            run = args[0].run

            def negate(batch: Batch, ctx: Any) -> Any:
                column = run(batch, ctx)
                if type(column) is ConstColumn:
                    value = column.value
                    return ConstColumn(None if value is None else not value, batch.n)
                fixed = as_bool(column, batch.n)
                return FixedColumn(~fixed.values, fixed.valid)

            return Vector(negate, BOOL, total)
        decides = node.boolop == BoolExprType.OR_EXPR
        return Vector(lambda b, ctx: connect(args, b, ctx, decides), BOOL, total)

    def _NullTest(self, node: Any) -> Vector | None:
        if node.argisrow:
            return None
        arg = self.compile(node.arg)
        wants_null = node.nulltesttype == NullTestType.IS_NULL

        def test(batch: Batch, ctx: Any) -> Any:
            missing = nulls(arg.run(batch, ctx))
            if missing is None:
                return ConstColumn(not wants_null, batch.n)
            return FixedColumn(missing if wants_null else ~missing)

        return Vector(test, BOOL, arg.total)

    def _BooleanTest(self, node: Any) -> Vector:
        arg = self.compile(node.arg)
        value, same = BOOLEAN_TESTS[node.booltesttype]

        def test(batch: Batch, ctx: Any) -> Any:
            column = as_bool(arg.run(batch, ctx), batch.n)
            if value is None:
                hit = np.zeros(batch.n, bool) if column.valid is None else ~column.valid
            else:
                hit = column.values == value
                hit = hit if column.valid is None else hit & column.valid
            return FixedColumn(hit if same else ~hit)

        return Vector(test, BOOL, arg.total)

    def _CaseExpr(self, node: Any) -> Vector | None:
        if node.arg is not None and type(node.arg).__name__ not in ("Var", "Param", "Const"):
            return None
        branches = []
        for when in node.args:
            test = _with_test(when.expr, node.arg) if node.arg is not None else when.expr
            branches.append((self.compile(test), self.compile(when.result)))
        default = None if node.defresult is None else self.compile(node.defresult)
        codec = self.env.codec(node.casetype)

        def choose(batch: Batch, ctx: Any) -> Any:
            left = np.arange(batch.n)
            parts = []
            for when, result in branches:
                if not len(left):
                    break
                part = batch if len(left) == batch.n else batch.take(left)
                hit = truth(when.run(part, ctx), part.n)
                chosen = left[hit]
                if len(chosen):
                    rows = batch if len(chosen) == batch.n else batch.take(chosen)
                    parts.append((chosen, result.run(rows, ctx)))
                    left = left[~hit]
            if len(left):
                if default is None:
                    parts.append((left, ConstColumn(None, len(left))))
                else:
                    rows = batch if len(left) == batch.n else batch.take(left)
                    parts.append((left, default.run(rows, ctx)))
            return merge_rows(batch.n, parts, codec)

        total = all(w.total and r.total for w, r in branches)
        return Vector(choose, node.casetype, total and (default is None or default.total))

    def _CoalesceExpr(self, node: Any) -> Vector:
        args = [self.compile(a) for a in node.args]
        codec = self.env.codec(node.coalescetype)

        def first(batch: Batch, ctx: Any) -> Any:
            left, parts = np.arange(batch.n), []
            for i, arg in enumerate(args):
                rows = batch if len(left) == batch.n else batch.take(left)
                column = arg.run(rows, ctx)
                missing = nulls(column)
                if missing is None or i == len(args) - 1:
                    parts.append((left, column))
                    break
                here = np.flatnonzero(~missing)
                if len(here):
                    from pgtool.sql.executor.batch import take

                    parts.append((left[here], take(column, here)))
                    left = left[missing]
                if not len(left):
                    break
            return merge_rows(batch.n, parts, codec)

        return Vector(first, node.coalescetype, all(a.total for a in args))

    def _SubPlan(self, node: Any) -> Vector | None:
        from pgtool.sql.executor.subplans import vector_subplan

        return vector_subplan(self, node)


def from_items(items: list[Any], codec: Any) -> Any:
    """A column of computed values."""
    from pgtool.functions.columns import ObjectColumn

    return codec.column(items) if codec.is_number else ObjectColumn(items)


def _with_test(expr: Any, test: Any) -> Any:
    """CASE x WHEN y: the comparison with the placeholder replaced by x."""
    from pgtool.nodes.base import mutate

    def change(node: Any) -> Any:
        return test if type(node).__name__ == "CaseTestExpr" else mutate(node, change)

    return change(expr)


def as_bool(column: Any, n: int) -> FixedColumn:
    """A boolean column as arrays."""
    if type(column) is FixedColumn:
        return column
    items = [column.value] * n if type(column) is ConstColumn else column.items
    missing = np.fromiter((v is None for v in items), np.bool_, n)
    found = np.fromiter((v is True for v in items), np.bool_, n)
    return FixedColumn(found, ~missing if missing.any() else None)


def connect(args: list[Vector], batch: Batch, ctx: Any, decides: bool) -> Any:
    """AND (``decides`` False) and OR (True), with three values."""
    decided = np.zeros(batch.n, bool)
    unknown: Any = None
    for arg in args:
        if arg.total or not decided.any():
            column = arg.run(batch, ctx)
            if type(column) is ConstColumn and column.value is (not decides):
                continue
            found = as_bool(column, batch.n)
            hit = found.values if decides else ~found.values
            if found.valid is not None:
                hit = hit & found.valid
                unknown = ~found.valid if unknown is None else unknown | ~found.valid
            decided |= hit
            continue
        rows = np.flatnonzero(~decided)
        if not len(rows):
            break
        part = as_bool(arg.run(batch.take(rows), ctx), len(rows))
        hit = part.values if decides else ~part.values
        if part.valid is not None:
            hit = hit & part.valid
            unknown = np.zeros(batch.n, bool) if unknown is None else unknown
            unknown[rows[~part.valid]] = True
        decided[rows[hit]] = True
    values_ = decided if decides else ~decided
    valid = None if unknown is None else decided | ~unknown
    return FixedColumn(values_, valid)
