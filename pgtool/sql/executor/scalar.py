"""Expressions compiled to closures over one row: ``fn(row, ctx) -> value``.

``row`` is a tuple of values, ``None`` is NULL. One function a node class, found by the
class's name; a node that is not here is Unsupported when it is *evaluated*, so that a
branch never taken does no harm. Placeholders (CASE's test value, a domain's value, an
array coercion's element) are cells, lists of one, that the enclosing node fills.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.errors import PgtoolError, Unsupported
from pgtool.functions.values import ArrayValue
from pgtool.nodes.enums import BoolExprType, BoolTestType, NullTestType, ParamKind
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.executor.scope import Env, Scope

__all__ = ["Scalar", "ScalarCompiler", "const_value"]

Scalar = Callable[[Any, Any], Any]
_BYTES_HEADER = 4


def const_datum(const: Any) -> bytes | None:
    """The stored datum in a Const."""
    value = const.constvalue
    if const.constisnull or value is None:
        return None
    if const.constbyval:
        return bytes(value[: const.constlen])
    if const.constlen == -1:
        return bytes(value[1:]) if value[0] & 1 else bytes(value[_BYTES_HEADER:])
    return bytes(value[:-1]) if const.constlen == -2 else bytes(value)


def const_value(env: Env, const: Any) -> Any:
    """The value of a Const."""
    datum = const_datum(const)
    return None if datum is None else env.codec(const.consttype).decode(datum)


class ScalarCompiler:
    """Compiles expressions of one scope."""

    def __init__(self, env: Env, scope: Scope) -> None:
        self.env = env
        self.scope = scope
        self.case_cell: list[Any] | None = None
        self.domain_cell: list[Any] | None = None

    def compile(self, node: Any) -> Scalar:
        """The closure of an expression."""
        name = type(node).__name__
        maker = getattr(self, f"_{name}", None)
        if maker is None:
            from pgtool.sql.executor.scalar_forms import FORMS

            form = FORMS.get(name)
            if form is None:
                return failing(Unsupported(f"{name} expression"))
            maker = lambda n: form(self, n)  # noqa: E731
        try:
            made: Scalar = maker(node)
        except PgtoolError as problem:
            return failing(problem)
        return made

    def many(self, nodes: list[Any]) -> list[Scalar]:
        """The closures of several expressions."""
        return [self.compile(n) for n in nodes]

    # -- leaves ---------------------------------------------------------------------

    def _Var(self, node: Any) -> Scalar:
        place = self.scope.position(node)
        return lambda row, ctx: row[place]

    def _Const(self, node: Any) -> Scalar:
        value = const_value(self.env, node)
        return lambda row, ctx: value

    def _Param(self, node: Any) -> Scalar:
        number = node.paramid
        if node.paramkind == ParamKind.PARAM_EXTERN:
            return lambda row, ctx: ctx.externs[number - 1]
        if node.paramkind != ParamKind.PARAM_EXEC:
            raise Unsupported(f"parameter of kind {node.paramkind.name}")
        return lambda row, ctx: ctx.param(number)

    def _CaseTestExpr(self, node: Any) -> Scalar:
        cell = self.case_cell
        if cell is None:
            raise Unsupported("CaseTestExpr outside its node")
        return lambda row, ctx: cell[0]

    def _CoerceToDomainValue(self, node: Any) -> Scalar:
        cell = self.domain_cell
        if cell is None:
            raise Unsupported("CoerceToDomainValue outside its node")
        return lambda row, ctx: cell[0]

    def _NamedArgExpr(self, node: Any) -> Scalar:
        return self.compile(node.arg)

    _CollateExpr = _NamedArgExpr

    def _TargetEntry(self, node: Any) -> Scalar:
        return self.compile(node.expr)

    # -- calls ----------------------------------------------------------------------

    def _FuncExpr(self, node: Any) -> Scalar:
        return self.call(
            node.funcid, node.args, node.funcresulttype, node.inputcollid, node.funcvariadic
        )

    def _OpExpr(self, node: Any) -> Scalar:
        return self.call(self.opfunc(node), node.args, node.opresulttype, node.inputcollid)

    def opfunc(self, node: Any) -> int:
        """The function of an operator node."""
        if node.opfuncid:
            return int(node.opfuncid)
        row = self.env.session.cache.operator(node.opno)
        if row is None or not row.oprcode:
            raise Unsupported(f"operator with OID {node.opno}")
        return int(row.oprcode)

    def bound(
        self, funcid: int, nodes: list[Any], rettype: int, collation: int, variadic: bool = False
    ) -> tuple[Callable[..., Any], bool]:
        """(implementation, strictness) of a function for these arguments."""
        function = self.env.ops.function(funcid)
        types = tuple(expr_type(n) for n in nodes)
        run = self.env.ops.callable(funcid, types, rettype, collation, variadic)
        return run, function.strict

    def call(
        self, funcid: int, nodes: list[Any], rettype: int, collation: int, variadic: bool = False
    ) -> Scalar:
        """A function call."""
        run, strict = self.bound(funcid, nodes, rettype, collation, variadic)
        args = self.many(nodes)
        if len(args) == 1:
            one = args[0]
            if not strict:
                return lambda row, ctx: run(one(row, ctx))

            def call1(row: Any, ctx: Any) -> Any:
                value = one(row, ctx)
                return None if value is None else run(value)

            return call1
        if len(args) == 2:
            left, right = args
            if not strict:
                return lambda row, ctx: run(left(row, ctx), right(row, ctx))

            def call2(row: Any, ctx: Any) -> Any:
                a, b = left(row, ctx), right(row, ctx)
                return None if a is None or b is None else run(a, b)

            return call2

        def call_many(row: Any, ctx: Any) -> Any:
            found = [arg(row, ctx) for arg in args]
            return None if strict and None in found else run(*found)

        return call_many

    def _DistinctExpr(self, node: Any) -> Scalar:
        run, _ = self.bound(self.opfunc(node), node.args, node.opresulttype, node.inputcollid)
        left, right = self.many(node.args)

        def distinct(row: Any, ctx: Any) -> bool:
            a, b = left(row, ctx), right(row, ctx)
            if a is None or b is None:
                return (a is None) != (b is None)
            return not run(a, b)

        return distinct

    def _NullIfExpr(self, node: Any) -> Scalar:
        run, _ = self.bound(self.opfunc(node), node.args, 16, node.inputcollid)
        left, right = self.many(node.args)

        def nullif(row: Any, ctx: Any) -> Any:
            a, b = left(row, ctx), right(row, ctx)
            return None if a is not None and b is not None and run(a, b) else a

        return nullif

    def _ScalarArrayOpExpr(self, node: Any) -> Scalar:
        funcid = self.opfunc(node)
        function = self.env.ops.function(funcid)
        types = tuple(expr_type(n) for n in node.args)
        run: Any = None
        left, right = self.many(node.args)
        wanted, strict = bool(node.useOr), function.strict

        def over_array(row: Any, ctx: Any) -> Any:
            nonlocal run
            a, array = left(row, ctx), right(row, ctx)
            if array is None or (a is None and strict and array.elements):
                return None
            if run is None:
                run = self.env.ops.callable(
                    funcid, (types[0], array.elemtype), 16, node.inputcollid
                )
            unknown = False
            for item in array.elements:
                result = None if item is None and strict else run(a, item)
                if result is None:
                    unknown = True
                elif result is wanted:
                    return wanted
            return None if unknown else not wanted

        return over_array

    # -- logic ----------------------------------------------------------------------

    def _BoolExpr(self, node: Any) -> Scalar:
        args = self.many(node.args)
        if node.boolop == BoolExprType.NOT_EXPR:
            one = args[0]

            def negate(row: Any, ctx: Any) -> Any:
                value = one(row, ctx)
                return None if value is None else not value

            return negate
        decides = node.boolop == BoolExprType.OR_EXPR

        def combine(row: Any, ctx: Any) -> Any:
            unknown = False
            for arg in args:
                value = arg(row, ctx)
                if value is None:
                    unknown = True
                elif value is decides:
                    return decides
            return None if unknown else not decides

        return combine

    def _CaseExpr(self, node: Any) -> Scalar:
        test = self.compile(node.arg) if node.arg is not None else None
        cell: list[Any] = [None]
        outer, self.case_cell = self.case_cell, cell if test is not None else self.case_cell
        whens = [(self.compile(w.expr), w.result) for w in node.args]
        self.case_cell = outer
        branches = [(when, self.compile(result)) for when, result in whens]
        default = self.compile(node.defresult) if node.defresult is not None else _null

        def choose(row: Any, ctx: Any) -> Any:
            if test is not None:
                value = test(row, ctx)
                for when, result in branches:
                    cell[0] = value
                    if when(row, ctx):
                        return result(row, ctx)
                return default(row, ctx)
            for when, result in branches:
                if when(row, ctx):
                    return result(row, ctx)
            return default(row, ctx)

        return choose

    def _CoalesceExpr(self, node: Any) -> Scalar:
        args = self.many(node.args)

        def first(row: Any, ctx: Any) -> Any:
            for arg in args:
                value = arg(row, ctx)
                if value is not None:
                    return value
            return None

        return first

    def _NullTest(self, node: Any) -> Scalar:
        arg = self.compile(node.arg)
        wants_null = node.nulltesttype == NullTestType.IS_NULL
        if not node.argisrow:
            return lambda row, ctx: (arg(row, ctx) is None) == wants_null

        def row_test(row: Any, ctx: Any) -> bool:
            value = arg(row, ctx)
            if value is None:
                return wants_null
            return all((field is None) == wants_null for field in value.fields)

        return row_test

    def _BooleanTest(self, node: Any) -> Scalar:
        arg = self.compile(node.arg)
        value, same = BOOLEAN_TESTS[node.booltesttype]
        return lambda row, ctx: (arg(row, ctx) is value) == same

    # -- subqueries -----------------------------------------------------------------

    def _SubPlan(self, node: Any) -> Scalar:
        from pgtool.sql.executor.subplans import scalar_subplan

        return scalar_subplan(self, node)

    def _AlternativeSubPlan(self, node: Any) -> Scalar:
        return self.compile(node.subplans[0])


BOOLEAN_TESTS: dict[BoolTestType, tuple[Any, bool]] = {
    BoolTestType.IS_TRUE: (True, True), BoolTestType.IS_NOT_TRUE: (True, False),
    BoolTestType.IS_FALSE: (False, True), BoolTestType.IS_NOT_FALSE: (False, False),
    BoolTestType.IS_UNKNOWN: (None, True), BoolTestType.IS_NOT_UNKNOWN: (None, False),
}  # fmt: skip


def _null(row: Any, ctx: Any) -> Any:
    return None


def failing(problem: Exception) -> Scalar:
    """A closure that raises what compiling found."""

    def fail(row: Any, ctx: Any) -> Any:
        raise problem

    return fail


def relabelled(value: Any, elemtype: int) -> Any:
    """An array under another element type of the same stored form."""
    if isinstance(value, ArrayValue) and value.elemtype != elemtype:
        return ArrayValue(elemtype, value.dims, value.lbounds, value.elements)
    return value
