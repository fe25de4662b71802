"""Expressions: raw parse nodes → typed nodes, one function a node class.

:func:`transform_expr` is the entry; ``kind`` says in which clause the expression stands,
in the words of error messages (``WHERE``, ``GROUP BY`` …).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.base import Node
from pgtool.nodes.enums import (
    CoercionForm,
)
from pgtool.nodes.exprs import (
    ArrayExpr,
    CollateExpr,
    Const,
    Param,
    RowExpr,
)
from pgtool.nodes.raw import A_Star, ColumnRef
from pgtool.sql.analyze import names
from pgtool.sql.analyze.coerce import (
    Context,
    coerce_to_common,
    coerce_to_target,
    coerce_type,
    select_common_type,
)
from pgtool.sql.analyze.nodetypes import expr_location, expr_type
from pgtool.sql.analyze.state import ParseState
from pgtool.sql.analyze.typenames import typename_type

__all__ = ["project_column", "transform", "transform_expr", "transform_exprs"]

_IMPLICIT = CoercionForm.COERCE_IMPLICIT_CAST


def transform_expr(state: ParseState, node: Any, kind: str) -> Any:
    """One expression; None stays None. The clause's name is kept for error messages."""
    if node is None:
        return None
    saved, state.kind = state.kind, kind
    try:
        return transform(state, node)
    finally:
        state.kind = saved


def transform_exprs(state: ParseState, nodes: list[Any], kind: str) -> list[Any]:
    """Several expressions."""
    return [transform_expr(state, node, kind) for node in nodes]


@cache
def _handlers() -> dict[str, Callable[[ParseState, Any], Any]]:
    from pgtool.sql.analyze import forms, operator_exprs

    return {**_HANDLERS, **forms.HANDLERS, **operator_exprs.HANDLERS}


def transform(state: ParseState, node: Any) -> Any:
    """One expression in the clause that is being analyzed."""
    if node is None:
        return None
    handler = _handlers().get(type(node).__name__)
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
        try:
            made = _bits(state, value.bsval)
        except SqlError as error:
            error.position = node.location + 1
            raise
    made.location = node.location
    return made


def _number(state: ParseState, text: str) -> Const:
    """An integer too large for int4, or a number with a point or exponent."""
    from pgtool.sql.analyze.coerce import make_const

    plain = text.replace("_", "")
    value: int | None
    try:
        value = int(plain) if plain.lstrip("-").isdigit() else int(plain, 0)
    except ValueError:
        value = None
    if value is not None and -(2**31) <= value < 2**31:
        return state.int4_const(value)
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
    return _param(state, number, typid, node.location)


def _param(state: ParseState, number: int, typid: int, location: int) -> Param:
    collation = state.types.collation(typid)
    function = state.shared.function
    if collation and function is not None and function.collation:
        collation = function.collation
    return Param(paramid=number, paramtype=typid, paramtypmod=-1, paramcollid=collation,
                 location=location)  # fmt: skip


def _function_parameter(state: ParseState, parts: list[str], location: int) -> Any | None:
    """A parameter of the SQL function whose body this is, by name; None where there is none."""
    function = state.shared.function
    if function is None or not 1 <= len(parts) <= 3:
        return None
    rest = list(parts)
    if len(rest) > 1 and rest[0] == function.name and rest[1] in function.parameters:
        rest.pop(0)
    if rest[0] not in function.parameters or len(rest) > 2:
        return None
    number = function.parameters.index(rest[0]) + 1
    made = _param(state, number, function.types[number - 1], location)
    return made if len(rest) == 1 else project_column(state, made, rest[1])


def column_ref(state: ParseState, node: ColumnRef) -> Any:
    """``a``, ``t.a``, ``s.t.a``, ``t.*`` and fields of composite columns."""
    fields = node.fields
    if isinstance(fields[-1], A_Star):
        names_ = [field.sval for field in fields[:-1]]
        found = _relation(state, names_, node.location) if names_ else None
        if found is None:
            raise SqlError('row expansion via "*" is not supported here', "0A000",
                           position=node.location + 1)  # fmt: skip
        item, level = found
        return names.whole_row(state, item, level, node.location)
    parts = [field.sval for field in fields]
    if len(parts) == 1:
        return _simple_name(state, parts[0], node.location)
    found = _relation(state, parts[:-1], node.location, parts[-1])
    if found is None:
        parameter = _function_parameter(state, parts, node.location)
        if parameter is not None:
            return parameter
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


def _relation(state: ParseState, parts: list[str], location: int, last: str = "*") -> Any:
    if len(parts) > 3:
        return None
    if len(parts) == 3 and parts[0] != state.session.database.name:
        raise SqlError(
            "cross-database references are not implemented: " + ".".join([*parts, last]), "0A000",
            position=location + 1,
        )  # fmt: skip
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
    parameter = _function_parameter(state, [name], location)
    if parameter is not None:
        return parameter
    raise names.missing_column(state, None, name, location)


# -- field selection, subscripts, arrays, rows ------------------------------------------------


def _indirection(state: ParseState, node: Any) -> Any:
    result = transform(state, node.arg)
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
    if type(row).__name__ == "Var" and row.varattno == 0:
        owner = state.level(row.varlevelsup).items[row.varno].refname
        raise SqlError(f"column {owner}.{name} does not exist", "42703", position=position)
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
            made = transform(state, element)
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
                raise _no_type(state, "element", wanted, node)
        else:
            element_type, array_type = wanted, state.types.array_type(wanted)
            if not array_type:
                raise _no_type(state, "array", wanted, node)
        coerced = [coerce_to_common(state, e, wanted, "ARRAY") for e in elements]
    return ArrayExpr(array_typeid=array_type, element_typeid=element_type, elements=coerced,
                     multidims=multidims, location=node.location)  # fmt: skip


def _no_type(state: ParseState, kind: str, typid: int, node: Any) -> SqlError:
    name = state.types.name(typid)
    return SqlError(f"could not find {kind} type for data type {name}", "42704", position=_at(node))


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
    return RowExpr(args=args, row_typeid=t.RECORDOID, row_format=_IMPLICIT,
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
            _array(state, arg, base, element, base_typmod) if element else transform(state, arg)
        )
    else:
        made = transform(state, arg)
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

    arg = transform(state, node.arg)
    typid = expr_type(arg)
    if not state.types.collation(typid) and typid != t.UNKNOWNOID:
        raise SqlError(f"collations are not supported by type {state.types.name(typid)}", "42804",
                       position=node.location + 1)  # fmt: skip
    if typid == t.UNKNOWNOID:
        arg = coerce_type(state, arg, typid, t.TEXTOID, -1, Context.implicit, _IMPLICIT)
    names_ = [name.sval for name in node.collname]
    return CollateExpr(arg=arg, collOid=collation_oid(state, names_, node.location),
                       location=node.location)  # fmt: skip


def _default(state: ParseState, node: Any) -> Any:
    """DEFAULT stands where a column gets a value, and nowhere else."""
    raise SqlError("DEFAULT is not allowed in this context", "42601", position=_at(node))


def _done(state: ParseState, node: Node) -> Node:
    """A node that was analyzed before (placeholders, columns of merged joins)."""
    return node


_HANDLERS: dict[str, Callable[[ParseState, Any], Any]] = {
    "CoerceToDomainValue": _done,
    "ColumnRef": column_ref, "ParamRef": _parameter, "A_Const": _constant,
    "A_Indirection": _indirection, "A_ArrayExpr": _array, "TypeCast": _type_cast,
    "CollateClause": _collate, "RowExpr": _row, "SetToDefault": _default, "CaseTestExpr": _done,
    "Var": _done, "Const": _done, "Param": _done, "FuncExpr": _done, "OpExpr": _done,
    "RelabelType": _done,
}  # fmt: skip
