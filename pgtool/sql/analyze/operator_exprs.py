"""Operators in expressions: comparisons, IN, BETWEEN, DISTINCT, rows, ANY and ALL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.base import OidList
from pgtool.nodes.enums import (
    BoolExprType,
    CoercionForm,
    NullTestType,
)
from pgtool.nodes.exprs import (
    ArrayExpr,
    BoolExpr,
    DistinctExpr,
    NullIfExpr,
    RowCompareExpr,
    RowExpr,
)
from pgtool.nodes.raw import A_Expr
from pgtool.nodes.raw_enums import A_Expr_Kind
from pgtool.sql.analyze.calls import located
from pgtool.sql.analyze.coerce import (
    Context,
    coerce_to_boolean,
    coerce_to_common,
    select_common_type,
)
from pgtool.sql.analyze.expressions import transform
from pgtool.sql.analyze.forms import null_test
from pgtool.sql.analyze.levels import variables_of_level
from pgtool.sql.analyze.nodetypes import expr_location, expr_type
from pgtool.sql.analyze.operators import make_op, make_scalar_array_op
from pgtool.sql.analyze.state import ParseState

__all__ = ["HANDLERS", "row_comparison"]

_IMPLICIT = CoercionForm.COERCE_IMPLICIT_CAST


def _a_expr(state: ParseState, node: A_Expr) -> Any:
    return located(node.location, lambda: _A_EXPR[node.kind](state, node))


def _op_names(node: A_Expr) -> list[str]:
    return [name.sval for name in node.name]


def _is_null_constant(node: Any) -> bool:
    return type(node).__name__ == "A_Const" and node.isnull


def _operator(state: ParseState, node: A_Expr) -> Any:
    left, right = node.lexpr, node.rexpr
    is_row = type(left).__name__ == "RowExpr"
    if is_row and type(right).__name__ == "SubLink" and _is_scalar_link(right):
        return _row_subquery(state, node)
    if is_row and type(right).__name__ == "RowExpr":
        return row_comparison(
            state, _op_names(node), transform(state, left).args, transform(state, right).args,
            node.location,
        )  # fmt: skip
    made_left = transform(state, left) if left is not None else None
    made = make_op(state, _op_names(node), made_left, transform(state, right), node.location)
    return note_srf(state, made)


def _is_scalar_link(node: Any) -> bool:
    from pgtool.nodes.enums import SubLinkType

    return bool(node.subLinkType == SubLinkType.EXPR_SUBLINK)


def _row_subquery(state: ParseState, node: A_Expr) -> Any:
    """``ROW(…) op (SELECT …)``."""
    from pgtool.nodes.enums import SubLinkType

    assert node.rexpr is not None
    link = node.rexpr.copy(
        subLinkType=SubLinkType.ROWCOMPARE_SUBLINK, testexpr=node.lexpr, operName=node.name,
        location=node.location,
    )  # fmt: skip
    return transform(state, link)


def note_srf(state: ParseState, node: Any) -> Any:
    """Remember that the query level has a set-returning function, and check its place."""
    if getattr(node, "funcretset", False) or getattr(node, "opretset", False):
        from pgtool.sql.analyze.calls import check_srf_place

        check_srf_place(state, expr_location(node))
        state.has_srfs |= state.kind != "FROM"
        state.inner_srf, state.last_srf = state.last_srf, node
    return node


def _any_all(use_or: bool) -> Callable[[ParseState, A_Expr], Any]:
    def handle(state: ParseState, node: A_Expr) -> Any:
        left, right = transform(state, node.lexpr), transform(state, node.rexpr)
        return make_scalar_array_op(state, _op_names(node), use_or, left, right, node.location)

    return handle


def _distinct(negate: bool) -> Callable[[ParseState, A_Expr], Any]:
    def handle(state: ParseState, node: A_Expr) -> Any:
        left, right = node.lexpr, node.rexpr
        for one, other in ((left, right), (right, left)):
            if _is_null_constant(one):
                test = NullTestType.IS_NULL if negate else NullTestType.IS_NOT_NULL
                return null_test(state, transform(state, other), test, node.location)
        made_left, made_right = transform(state, left), transform(state, right)
        if isinstance(made_left, RowExpr) and isinstance(made_right, RowExpr):
            made = _row_distinct(state, node, made_left.args, made_right.args)
        else:
            made = make_distinct(state, _op_names(node), made_left, made_right, node.location)
        if negate:
            return BoolExpr(boolop=BoolExprType.NOT_EXPR, args=[made], location=node.location)
        return made

    return handle


def make_distinct(
    state: ParseState, op: list[str], left: Any, right: Any, location: int
) -> DistinctExpr:
    """``left IS DISTINCT FROM right``: an operator that treats NULL as a value."""
    made = make_op(state, op, left, right, location)
    if made.opresulttype != t.BOOLOID:
        raise SqlError("IS DISTINCT FROM requires = operator to yield boolean", "42804",
                       position=location + 1)  # fmt: skip
    return DistinctExpr(**made.__dict__)


def _row_distinct(state: ParseState, node: A_Expr, left: list[Any], right: list[Any]) -> Any:
    if len(left) != len(right):
        raise SqlError("unequal number of entries in row expressions", "42601",
                       position=node.location + 1)  # fmt: skip
    if not left:
        return state.bool_const(False)
    pairs = [
        make_distinct(state, _op_names(node), a, b, node.location) for a, b in zip(left, right)
    ]
    if len(pairs) == 1:
        return pairs[0]
    return BoolExpr(boolop=BoolExprType.OR_EXPR, args=pairs, location=node.location)


def _nullif(state: ParseState, node: A_Expr) -> Any:
    left, right = transform(state, node.lexpr), transform(state, node.rexpr)
    made = make_op(state, _op_names(node), left, right, node.location)
    if made.opresulttype != t.BOOLOID:
        raise SqlError("NULLIF requires = operator to yield boolean", "42804",
                       position=node.location + 1)  # fmt: skip
    result = NullIfExpr(**made.__dict__)
    result.opresulttype = expr_type(made.args[0])
    return result


def _in_list(state: ParseState, node: A_Expr) -> Any:
    """``x IN (…)``: one array comparison where the items allow it, else a chain."""
    op = _op_names(node)
    use_or = op[-1] == "="
    left = transform(state, node.lexpr)
    items = node.rexpr if isinstance(node.rexpr, list) else [node.rexpr]
    made = [transform(state, item) for item in items]
    plain = [item for item in made if not _has_vars(item)]
    others = [item for item in made if _has_vars(item)]
    result: list[Any] = []
    if len(plain) > 1:
        array = _in_array(state, left, plain)
        if array is not None:
            array.location = -1
            result.append(make_scalar_array_op(state, op, use_or, left, array, node.location))
        else:
            others = made
    else:
        others = made
    for item in others:
        left_copy = left
        if isinstance(left, RowExpr) and isinstance(item, RowExpr):
            compared = row_comparison(state, op, left.args, item.args, node.location)
        else:
            compared = make_op(state, op, left_copy, item, node.location)
        result.append(coerce_to_boolean(state, compared, "IN"))
    if len(result) == 1:
        return result[0]
    boolop = BoolExprType.OR_EXPR if use_or else BoolExprType.AND_EXPR
    return BoolExpr(boolop=boolop, args=result, location=node.location)


def _has_vars(node: Any) -> bool:
    return any(variables_of_level(node))


def _in_array(state: ParseState, left: Any, items: list[Any]) -> Any | None:
    common = select_common_type(state, [left, *items], None)
    if not common or common == t.RECORDOID:
        return None
    from pgtool.sql.analyze.coerce import can_coerce

    if not all(can_coerce(state, [expr_type(i)], [common], Context.implicit) for i in items):
        return None
    array_type = state.types.array_type(common)
    if not array_type:
        return None
    elements = [coerce_to_common(state, item, common, "IN") for item in items]
    return ArrayExpr(array_typeid=array_type, element_typeid=common, elements=elements)


def _between(state: ParseState, node: A_Expr) -> Any:
    kind = node.kind
    low, high = node.rexpr

    def compare(op: str, bound: Any) -> A_Expr:
        from pgtool.nodes.base import ValueString

        return A_Expr(kind=A_Expr_Kind.AEXPR_OP, name=[ValueString(sval=op)], lexpr=node.lexpr,
                      rexpr=bound, location=node.location)  # fmt: skip

    def both(one: Any, two: Any, boolop: BoolExprType) -> BoolExpr:
        return BoolExpr(boolop=boolop, args=[one, two], location=node.location)

    AND, OR = BoolExprType.AND_EXPR, BoolExprType.OR_EXPR
    if kind == A_Expr_Kind.AEXPR_BETWEEN:
        raw = both(compare(">=", low), compare("<=", high), AND)
    elif kind == A_Expr_Kind.AEXPR_NOT_BETWEEN:
        raw = both(compare("<", low), compare(">", high), OR)
    elif kind == A_Expr_Kind.AEXPR_BETWEEN_SYM:
        raw = both(both(compare(">=", low), compare("<=", high), AND),
                   both(compare(">=", high), compare("<=", low), AND), OR)  # fmt: skip
    else:
        raw = both(both(compare("<", low), compare(">", high), OR),
                   both(compare("<", high), compare(">", low), OR), AND)  # fmt: skip
    return transform(state, raw)


def row_comparison(
    state: ParseState, op: list[str], left: list[Any], right: list[Any], location: int
) -> Any:
    """``(a, b) op (c, d)``: column by column for = and <>, lexicographic for the others."""
    from pgtool.sql.analyze.rows import comparison_interpretation

    position = location + 1 if location >= 0 else None
    if len(left) != len(right):
        raise SqlError("unequal number of entries in row expressions", "42601", position=position)
    if not left:
        raise SqlError("cannot compare rows of zero length", "0A000", position=position)
    compared = [make_op(state, op, a, b, location) for a, b in zip(left, right)]
    for made in compared:
        if made.opresulttype != t.BOOLOID:
            raise SqlError(
                "row comparison operator must yield type boolean, not type "
                f"{state.types.name(made.opresulttype)}", "42804", position=position,
            )  # fmt: skip
    if len(compared) == 1:
        return compared[0]
    kind, families = comparison_interpretation(state, compared, op[-1], position)
    if kind in ("=", "<>"):
        boolop = BoolExprType.AND_EXPR if kind == "=" else BoolExprType.OR_EXPR
        return BoolExpr(boolop=boolop, args=compared, location=location)
    return RowCompareExpr(
        cmptype=_ROW_COMPARE[kind], opnos=OidList(made.opno for made in compared),
        opfamilies=OidList(families), inputcollids=OidList([0] * len(compared)),
        largs=[made.args[0] for made in compared], rargs=[made.args[1] for made in compared],
    )  # fmt: skip


def _row_compare_codes() -> dict[str, Any]:
    from pgtool.nodes.enums import CompareType

    return {
        "<": CompareType.COMPARE_LT, "<=": CompareType.COMPARE_LE, ">=": CompareType.COMPARE_GE,
        ">": CompareType.COMPARE_GT,
    }  # fmt: skip


_ROW_COMPARE = _row_compare_codes()

_A_EXPR: dict[A_Expr_Kind, Callable[[ParseState, A_Expr], Any]] = {
    A_Expr_Kind.AEXPR_OP: _operator,
    A_Expr_Kind.AEXPR_OP_ANY: _any_all(True),
    A_Expr_Kind.AEXPR_OP_ALL: _any_all(False),
    A_Expr_Kind.AEXPR_DISTINCT: _distinct(False),
    A_Expr_Kind.AEXPR_NOT_DISTINCT: _distinct(True),
    A_Expr_Kind.AEXPR_NULLIF: _nullif,
    A_Expr_Kind.AEXPR_IN: _in_list,
    A_Expr_Kind.AEXPR_LIKE: _operator,
    A_Expr_Kind.AEXPR_ILIKE: _operator,
    A_Expr_Kind.AEXPR_SIMILAR: _operator,
    A_Expr_Kind.AEXPR_BETWEEN: _between,
    A_Expr_Kind.AEXPR_NOT_BETWEEN: _between,
    A_Expr_Kind.AEXPR_BETWEEN_SYM: _between,
    A_Expr_Kind.AEXPR_NOT_BETWEEN_SYM: _between,
}


HANDLERS: dict[str, Callable[[ParseState, Any], Any]] = {"A_Expr": _a_expr}
