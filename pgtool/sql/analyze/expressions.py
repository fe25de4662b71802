"""Expressions: raw parse nodes → typed nodes, one function a node class.

:func:`transform_expr` is the entry; ``kind`` says in which clause the expression stands,
in the words of error messages (``WHERE``, ``GROUP BY`` …).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.base import Node, OidList
from pgtool.nodes.enums import (
    BoolExprType,
    CoercionForm,
    MinMaxOp,
    NullTestType,
    SQLValueFunctionOp,
    XmlOptionType,
)
from pgtool.nodes.exprs import (
    ArrayExpr,
    BooleanTest,
    BoolExpr,
    CaseExpr,
    CaseTestExpr,
    CaseWhen,
    CoalesceExpr,
    CollateExpr,
    Const,
    DistinctExpr,
    MinMaxExpr,
    NullIfExpr,
    NullTest,
    Param,
    RowCompareExpr,
    RowExpr,
    SQLValueFunction,
)
from pgtool.nodes.raw import A_Expr, A_Star, ColumnRef
from pgtool.nodes.raw_enums import A_Expr_Kind
from pgtool.sql.analyze import names
from pgtool.sql.analyze.coerce import (
    Context,
    coerce_to_boolean,
    coerce_to_common,
    coerce_to_target,
    coerce_type,
    select_common_type,
)
from pgtool.sql.analyze.nodetypes import expr_location, expr_type, expr_typmod
from pgtool.sql.analyze.operators import make_op, make_scalar_array_op
from pgtool.sql.analyze.state import ParseState
from pgtool.sql.analyze.typenames import typename_type

__all__ = ["transform_expr", "transform_exprs"]

_IMPLICIT = CoercionForm.COERCE_IMPLICIT_CAST


def transform_expr(state: ParseState, node: Any, kind: str) -> Any:
    """One expression; None stays None. The clause's name is kept for error messages."""
    if node is None:
        return None
    saved, state.kind = state.kind, kind
    try:
        return _transform(state, node)
    finally:
        state.kind = saved


def transform_exprs(state: ParseState, nodes: list[Any], kind: str) -> list[Any]:
    """Several expressions."""
    return [transform_expr(state, node, kind) for node in nodes]


def _transform(state: ParseState, node: Any) -> Any:
    if node is None:
        return None
    handler = _HANDLERS.get(type(node).__name__)
    if handler is None:
        raise Unsupported(f"expression {type(node).__name__}")
    return handler(state, node)


def _at(node: Any) -> int | None:
    place = expr_location(node)
    return place + 1 if place >= 0 else None


# -- leaves -----------------------------------------------------------------------------


def _constant(state: ParseState, node: Any) -> Const:
    if node.isnull:
        return state.null_literal(node.location)
    value, kind = node.val, type(node.val).__name__
    if kind == "ValueInteger":
        made = state.int4_const(value.ival)
    elif kind == "ValueFloat":
        made = _number(state, value.fval)
    elif kind == "ValueBoolean":
        made = state.bool_const(value.boolval)
    elif kind == "ValueString":
        return state.unknown_literal(value.sval, node.location)
    else:
        made = _bits(state, value.bsval)
    made.location = node.location
    return made


def _number(state: ParseState, text: str) -> Const:
    """An integer too large for int4, or a number with a point or exponent."""
    from pgtool.sql.analyze.coerce import make_const

    plain = text.replace("_", "")
    try:
        value = int(plain, 0) if plain[:1].isdigit() else int(plain)
    except ValueError:
        value = None
    if value is None and plain.isdigit():
        value = int(plain)
    if value is not None and -(2**63) <= value < 2**63:
        datum = value.to_bytes(8, "little", signed=True)
        return make_const(state, t.INT8OID, datum)
    text = str(value) if value is not None else plain
    return make_const(state, t.NUMERICOID, state.types.input(t.NUMERICOID, text))


def _bits(state: ParseState, text: str) -> Const:
    from pgtool.sql.analyze.coerce import make_const

    return make_const(state, t.BITOID, state.types.input(t.BITOID, text))


def _parameter(state: ParseState, node: Any) -> Any:
    shared = state.shared
    number = node.number
    if number <= 0 or number > 65535:
        raise SqlError(f"there is no parameter ${number}", "42P02", position=node.location + 1)
    if number > len(shared.param_types):
        if not shared.variable_params:
            raise SqlError(f"there is no parameter ${number}", "42P02", position=node.location + 1)
        shared.param_types += [t.UNKNOWNOID] * (number - len(shared.param_types))
    typid = shared.param_types[number - 1] or t.UNKNOWNOID
    return Param(paramid=number, paramtype=typid, paramtypmod=-1,
                 paramcollid=state.types.collation(typid), location=node.location)  # fmt: skip


def column_ref(state: ParseState, node: ColumnRef) -> Any:
    """``a``, ``t.a``, ``s.t.a``, ``t.*`` and fields of composite columns."""
    fields = node.fields
    if isinstance(fields[-1], A_Star):
        names_ = [field.sval for field in fields[:-1]]
        found = _relation(state, names_, node.location) if names_ else None
        if found is None:
            raise SqlError('row expansion via "*" is not supported here', "0A000",
                           position=node.location + 1)  # fmt: skip
        return names.whole_row(state, *found, node.location)
    parts = [field.sval for field in fields]
    if len(parts) == 1:
        return _simple_name(state, parts[0], node.location)
    found = _relation(state, parts[:-1], node.location)
    if found is None:
        if len(parts) > 4:
            raise SqlError("improper qualified name (too many dotted names): " + ".".join(parts),
                           "42601", position=node.location + 1)  # fmt: skip
        raise names.missing_relation(state, parts[-2], node.location)
    item, level = found
    made = names.column_of_item(state, item, parts[-1], level, node.location)
    if made is None:
        made = _function_of_row(state, item, level, parts[-1], node.location)
    if made is None:
        raise names.missing_column(state, parts[-2], parts[-1], node.location)
    return made


def _relation(state: ParseState, parts: list[str], location: int) -> Any:
    if len(parts) > 3:
        return None
    if len(parts) == 3 and parts[0] != state.session.database.name:
        raise SqlError("cross-database references are not implemented: " + ".".join(parts),
                       "0A000", position=location + 1)  # fmt: skip
    schema = parts[-2] if len(parts) > 1 else None
    return names.find_relation_item(state, schema, parts[-1], location)


def _function_of_row(state: ParseState, item: Any, level: int, name: str, location: int) -> Any:
    """``t.f`` where f is a function of the row and not a column."""
    from pgtool.sql.analyze.calls import row_function

    row = names.whole_row(state, item, level, location)
    return row_function(state, name, row, location)


def _simple_name(state: ParseState, name: str, location: int) -> Any:
    if state.kind == "VALUE" and name == "value":
        return state.domain_value  # type: ignore[attr-defined]
    found = names.find_column(state, name, location)
    if found is not None:
        return found
    item = names.find_relation_item(state, None, name, location)
    if item is not None:
        return names.whole_row(state, *item, location)
    raise names.missing_column(state, None, name, location)


# -- field selection, subscripts, arrays, rows ------------------------------------------------


def _indirection(state: ParseState, node: Any) -> Any:
    result = _transform(state, node.arg)
    subscripts: list[Any] = []
    for step in node.indirection:
        if type(step).__name__ == "A_Indices":
            subscripts.append(step)
            continue
        if isinstance(step, A_Star):
            raise SqlError('row expansion via "*" is not supported here', "0A000",
                           position=_at(node))  # fmt: skip
        if subscripts:
            result = subscript(state, result, subscripts)
            subscripts = []
        result = _select_field(state, result, step.sval, expr_location(node))
    return subscript(state, result, subscripts) if subscripts else result


def _select_field(state: ParseState, row: Any, name: str, location: int) -> Any:
    from pgtool.sql.analyze.calls import row_function

    made = project_column(state, row, name)
    if made is None:
        made = row_function(state, name, row, location)
    if made is not None:
        return made
    typid = expr_type(row)
    position = location + 1 if location >= 0 else None
    if typid == t.RECORDOID:
        raise SqlError(f'could not identify column "{name}" in record data type', "42703",
                       position=position)  # fmt: skip
    if state.types.is_complex(typid):
        raise SqlError(f'column "{name}" not found in data type {state.types.name(typid)}',
                       "42703", position=position)  # fmt: skip
    raise SqlError(
        f"column notation .{name} applied to type {state.types.name(typid)}, which is not a "
        "composite type", "42809", position=position,
    )  # fmt: skip


def project_column(state: ParseState, row: Any, name: str) -> Any | None:
    """``(row).name`` where the row's type has such a column."""
    from pgtool.sql.analyze.rows import row_columns

    if not state.types.is_complex(expr_type(row)):
        return None
    if type(row).__name__ == "Var" and row.varattno == 0:
        item = state.level(row.varlevelsup).items[row.varno]
        return names.column_of_item(state, item, name, row.varlevelsup, row.location)
    columns = row_columns(state, row)
    return names.field_select(state, row, name, columns) if columns is not None else None


def subscript(state: ParseState, container: Any, steps: list[Any]) -> Any:
    """``container[…][…]``: element or slice of an array, or a member of jsonb."""
    from pgtool.sql.analyze.subscripts import subscripting_ref

    return subscripting_ref(state, container, steps)


def _array(state: ParseState, node: Any, array_type: int = 0, element_type: int = 0,
           typmod: int = -1) -> Any:  # fmt: skip
    """``ARRAY[…]``; with a type where a cast stands around it."""
    elements: list[Any] = []
    multidims = False
    for element in node.elements:
        if type(element).__name__ == "A_ArrayExpr":
            made = _array(state, element, array_type, element_type, typmod)
            multidims = True
        else:
            made = _transform(state, element)
            inner = expr_type(made)
            if not multidims and state.types.element_type(inner) and inner not in (
                t.INT2VECTOROID, t.OIDVECTOROID,
            ):  # fmt: skip
                multidims = True
        elements.append(made)
    if array_type:
        wanted = array_type if multidims else element_type
        coerced = [_to_array_element(state, e, wanted, typmod) for e in elements]
    else:
        if not elements:
            raise SqlError("cannot determine type of empty array", "42P18",
                           hint="Explicitly cast to the desired type, for example "
                           "ARRAY[]::integer[].", position=_at(node))  # fmt: skip
        wanted = select_common_type(state, elements, "ARRAY")
        if multidims:
            array_type, element_type = wanted, state.types.element_type(wanted)
            if not element_type:
                raise SqlError(f"could not find element type for data type "
                               f"{state.types.name(wanted)}", "42704", position=_at(node))  # fmt: skip
        else:
            element_type, array_type = wanted, state.types.array_type(wanted)
            if not array_type:
                raise SqlError(f"could not find array type for data type "
                               f"{state.types.name(wanted)}", "42704", position=_at(node))  # fmt: skip
        coerced = [coerce_to_common(state, e, wanted, "ARRAY") for e in elements]
    return ArrayExpr(array_typeid=array_type, element_typeid=element_type, elements=coerced,
                     multidims=multidims, location=node.location)  # fmt: skip


def _to_array_element(state: ParseState, node: Any, wanted: int, typmod: int) -> Any:
    made = coerce_to_target(
        state, node, expr_type(node), wanted, typmod, Context.explicit,
        CoercionForm.COERCE_EXPLICIT_CAST,
    )  # fmt: skip
    if made is None:
        raise _cannot_cast(state, expr_type(node), wanted, _at(node))
    return made


def _row(state: ParseState, node: Any) -> Any:
    from pgtool.nodes.base import ValueString
    from pgtool.sql.analyze.target import expand_row_args

    args = expand_row_args(state, node.args, state.kind)
    return RowExpr(args=args, row_typeid=t.RECORDOID, row_format=node.row_format,
                   colnames=[ValueString(sval=f"f{i + 1}") for i in range(len(args))],
                   location=node.location)  # fmt: skip


# -- casts and collations ------------------------------------------------------------------


def _cannot_cast(state: ParseState, source: int, target: int, position: int | None) -> SqlError:
    names_ = state.types.names(source, target)
    return SqlError(f"cannot cast type {names_[0]} to {names_[1]}", "42846", position=position)


def _type_cast(state: ParseState, node: Any) -> Any:
    target, typmod = typename_type(state, node.typeName)
    arg = node.arg
    if type(arg).__name__ == "A_ArrayExpr":
        base, base_typmod = state.types.base_type_and_typmod(target, typmod)
        element = state.types.element_type(base)
        made = (
            _array(state, arg, base, element, base_typmod) if element else _transform(state, arg)
        )
    else:
        made = _transform(state, arg)
    source = expr_type(made)
    location = node.location if node.location >= 0 else node.typeName.location
    result = coerce_to_target(
        state, made, source, target, typmod, Context.explicit, CoercionForm.COERCE_EXPLICIT_CAST,
        location,
    )  # fmt: skip
    if result is None:
        raise _cannot_cast(state, source, target, location + 1)
    return result


def _collate(state: ParseState, node: Any) -> Any:
    from pgtool.sql.analyze.typenames import collation_oid

    arg = _transform(state, node.arg)
    typid = expr_type(arg)
    if not state.types.collation(typid) and typid != t.UNKNOWNOID:
        raise SqlError(f"collations are not supported by type {state.types.name(typid)}", "42804",
                       position=node.location + 1)  # fmt: skip
    if typid == t.UNKNOWNOID:
        arg = coerce_type(state, arg, typid, t.TEXTOID, -1, Context.implicit, _IMPLICIT)
    names_ = [name.sval for name in node.collname]
    return CollateExpr(arg=arg, collOid=collation_oid(state, names_, node.location),
                       location=node.location)  # fmt: skip


# -- operators -----------------------------------------------------------------------------


def _a_expr(state: ParseState, node: A_Expr) -> Any:
    return _A_EXPR[node.kind](state, node)


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
            state, _op_names(node), _transform(state, left).args, _transform(state, right).args,
            node.location,
        )  # fmt: skip
    made_left = _transform(state, left) if left is not None else None
    made = make_op(state, _op_names(node), made_left, _transform(state, right), node.location)
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
    return _transform(state, link)


def note_srf(state: ParseState, node: Any) -> Any:
    """Remember that the query level has a set-returning function, and check its place."""
    if getattr(node, "funcretset", False) or getattr(node, "opretset", False):
        from pgtool.sql.analyze.calls import check_srf_place

        check_srf_place(state, expr_location(node))
        state.has_srfs |= state.kind != "FROM"
    return node


def _any_all(use_or: bool) -> Callable[[ParseState, A_Expr], Any]:
    def transform(state: ParseState, node: A_Expr) -> Any:
        left, right = _transform(state, node.lexpr), _transform(state, node.rexpr)
        return make_scalar_array_op(state, _op_names(node), use_or, left, right, node.location)

    return transform


def _distinct(negate: bool) -> Callable[[ParseState, A_Expr], Any]:
    def transform(state: ParseState, node: A_Expr) -> Any:
        left, right = node.lexpr, node.rexpr
        for one, other in ((left, right), (right, left)):
            if _is_null_constant(one):
                test = NullTestType.IS_NULL if negate else NullTestType.IS_NOT_NULL
                return _null_test_of(state, _transform(state, other), test, node.location)
        made_left, made_right = _transform(state, left), _transform(state, right)
        if isinstance(made_left, RowExpr) and isinstance(made_right, RowExpr):
            made = _row_distinct(state, node, made_left.args, made_right.args)
        else:
            made = make_distinct(state, _op_names(node), made_left, made_right, node.location)
        if negate:
            return BoolExpr(boolop=BoolExprType.NOT_EXPR, args=[made], location=node.location)
        return made

    return transform


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
    left, right = _transform(state, node.lexpr), _transform(state, node.rexpr)
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
    left = _transform(state, node.lexpr)
    items = node.rexpr if isinstance(node.rexpr, list) else [node.rexpr]
    made = [_transform(state, item) for item in items]
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
    from pgtool.nodes.base import walk

    return any(type(inner).__name__ == "Var" and inner.varlevelsup == 0 for inner in walk(node))


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
    return _transform(state, raw)


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


# -- conditions and special forms --------------------------------------------------------------


def _bool_expr(state: ParseState, node: BoolExpr) -> Any:
    word = {0: "AND", 1: "OR", 2: "NOT"}[int(node.boolop)]
    args = [coerce_to_boolean(state, _transform(state, arg), word) for arg in node.args]
    return BoolExpr(boolop=node.boolop, args=args, location=node.location)


def _case(state: ParseState, node: Any) -> Any:
    arg = _transform(state, node.arg)
    placeholder = None
    if arg is not None:
        if expr_type(arg) == t.UNKNOWNOID:
            arg = coerce_type(state, arg, t.UNKNOWNOID, t.TEXTOID, -1, Context.implicit, _IMPLICIT)
        from pgtool.sql.analyze.collations import assign_collations

        assign_collations(state, arg)
        from pgtool.sql.analyze.nodetypes import expr_collation

        placeholder = CaseTestExpr(typeId=expr_type(arg), typeMod=expr_typmod(arg),
                                   collation=expr_collation(arg))  # fmt: skip
    whens = []
    for when in node.args:
        if placeholder is not None:
            right = _transform(state, when.expr)
            condition = make_op(state, ["="], placeholder, right, when.location)
        else:
            condition = _transform(state, when.expr)
        condition = coerce_to_boolean(state, condition, "CASE/WHEN")
        result = _transform(state, when.result)
        whens.append(CaseWhen(expr=condition, result=result, location=when.location))
    default = (
        _transform(state, node.defresult) if node.defresult is not None else state.null_literal(-1)
    )
    common = select_common_type(state, [default, *(when.result for when in whens)], "CASE")
    for when in whens:
        when.result = coerce_to_common(state, when.result, common, "CASE/WHEN")
    return CaseExpr(
        casetype=common, arg=arg, args=whens,
        defresult=coerce_to_common(state, default, common, "CASE/ELSE"), location=node.location,
    )  # fmt: skip


def _coalesce(state: ParseState, node: Any) -> Any:
    args = [_transform(state, arg) for arg in node.args]
    common = select_common_type(state, args, "COALESCE")
    args = [coerce_to_common(state, arg, common, "COALESCE") for arg in args]
    return CoalesceExpr(coalescetype=common, args=args, location=node.location)


def _minmax(state: ParseState, node: Any) -> Any:
    word = "GREATEST" if node.op == MinMaxOp.IS_GREATEST else "LEAST"
    args = [_transform(state, arg) for arg in node.args]
    common = select_common_type(state, args, word)
    args = [coerce_to_common(state, arg, common, word) for arg in args]
    return MinMaxExpr(minmaxtype=common, op=node.op, args=args, location=node.location)


_SQL_VALUE = {
    SQLValueFunctionOp.SVFOP_CURRENT_DATE: t.DATEOID,
    SQLValueFunctionOp.SVFOP_CURRENT_TIME: t.TIMETZOID,
    SQLValueFunctionOp.SVFOP_CURRENT_TIME_N: t.TIMETZOID,
    SQLValueFunctionOp.SVFOP_CURRENT_TIMESTAMP: t.TIMESTAMPTZOID,
    SQLValueFunctionOp.SVFOP_CURRENT_TIMESTAMP_N: t.TIMESTAMPTZOID,
    SQLValueFunctionOp.SVFOP_LOCALTIME: t.TIMEOID,
    SQLValueFunctionOp.SVFOP_LOCALTIME_N: t.TIMEOID,
    SQLValueFunctionOp.SVFOP_LOCALTIMESTAMP: t.TIMESTAMPOID,
    SQLValueFunctionOp.SVFOP_LOCALTIMESTAMP_N: t.TIMESTAMPOID,
}


def _sql_value(state: ParseState, node: Any) -> Any:
    typid = _SQL_VALUE.get(node.op, t.NAMEOID)
    typmod = node.typmod if node.op.name.endswith("_N") else -1
    return SQLValueFunction(op=node.op, type=typid, typmod=min(typmod, 6), location=node.location)


def _null_test_of(state: ParseState, arg: Any, test: NullTestType, location: int) -> NullTest:
    return NullTest(arg=arg, nulltesttype=test, argisrow=state.types.is_complex(expr_type(arg)),
                    location=location)  # fmt: skip


def _null_test(state: ParseState, node: Any) -> Any:
    return _null_test_of(state, _transform(state, node.arg), node.nulltesttype, node.location)


_BOOL_TESTS = ("IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS UNKNOWN",
               "IS NOT UNKNOWN")  # fmt: skip


def _boolean_test(state: ParseState, node: Any) -> Any:
    arg = coerce_to_boolean(
        state, _transform(state, node.arg), _BOOL_TESTS[int(node.booltesttype)]
    )
    return BooleanTest(arg=arg, booltesttype=node.booltesttype, location=node.location)


def _default(state: ParseState, node: Any) -> Any:
    raise SqlError("DEFAULT is not allowed in this context", "42601", position=node.location + 1)


def _sublink(state: ParseState, node: Any) -> Any:
    from pgtool.sql.analyze.sublinks import transform_sublink

    return transform_sublink(state, node)


def _call(state: ParseState, node: Any) -> Any:
    from pgtool.sql.analyze.calls import transform_call

    return transform_call(state, node)


def _grouping(state: ParseState, node: Any) -> Any:
    from pgtool.sql.analyze.aggregates import transform_grouping

    return transform_grouping(state, node)


def _named_arg(state: ParseState, node: Any) -> Any:
    return node.copy(arg=_transform(state, node.arg))


def _xml_serialize(state: ParseState, node: Any) -> Any:
    from pgtool.nodes.enums import XmlExprOp
    from pgtool.nodes.jsonxml import XmlExpr

    arg = coerce_to_target(
        state, _transform(state, node.expr), expr_type(_transform(state, node.expr)), t.XMLOID, -1,
        Context.implicit, _IMPLICIT,
    )  # fmt: skip
    target, typmod = typename_type(state, node.typeName)
    made = XmlExpr(op=XmlExprOp.IS_XMLSERIALIZE, args=[arg], xmloption=XmlOptionType(node.xmloption),
                   indent=node.indent, type=target, typmod=typmod, location=node.location)  # fmt: skip
    result = coerce_to_target(state, made, t.TEXTOID, target, typmod, Context.implicit, _IMPLICIT)
    if result is None:
        raise SqlError(f"cannot cast XMLSERIALIZE result to {state.types.name(target)}", "42846",
                       position=node.location + 1)  # fmt: skip
    return result


def _done(state: ParseState, node: Node) -> Node:
    """A node that was analyzed before (placeholders, columns of merged joins)."""
    return node


_HANDLERS: dict[str, Callable[[ParseState, Any], Any]] = {
    "ColumnRef": column_ref, "ParamRef": _parameter, "A_Const": _constant,
    "A_Indirection": _indirection, "A_ArrayExpr": _array, "TypeCast": _type_cast,
    "CollateClause": _collate, "A_Expr": _a_expr, "BoolExpr": _bool_expr, "FuncCall": _call,
    "GroupingFunc": _grouping, "NamedArgExpr": _named_arg, "SubLink": _sublink,
    "CaseExpr": _case, "RowExpr": _row, "CoalesceExpr": _coalesce, "MinMaxExpr": _minmax,
    "SQLValueFunction": _sql_value, "XmlSerialize": _xml_serialize, "NullTest": _null_test,
    "BooleanTest": _boolean_test, "SetToDefault": _default, "CaseTestExpr": _done, "Var": _done,
    "Const": _done, "Param": _done, "FuncExpr": _done, "OpExpr": _done, "RelabelType": _done,
}  # fmt: skip
