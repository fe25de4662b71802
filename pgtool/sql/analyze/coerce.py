"""Type conversion: which conversions exist, which are allowed where, and their expressions.

Manual, chapter 10 and CREATE CAST. A conversion *context* says how much is allowed:
``implicit`` (anywhere), ``assignment`` (storing into a column), ``explicit`` (a cast).

Unknown literals become constants of the wanted type here, through its input function.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.enums import CoercionForm
from pgtool.nodes.exprs import (
    ArrayCoerceExpr,
    CaseTestExpr,
    CoerceToDomain,
    CoerceViaIO,
    CollateExpr,
    Const,
    ConvertRowtypeExpr,
    FuncExpr,
    Param,
    RelabelType,
    RowExpr,
    Var,
)
from pgtool.sql.analyze.nodetypes import expr_location, expr_type, expr_typmod

if TYPE_CHECKING:
    from pgtool.sql.analyze.state import ParseState

__all__ = [
    "Context", "Path", "can_coerce", "coerce_to_boolean", "coerce_to_common", "coerce_to_target",
    "coerce_type", "find_path", "make_const", "select_common_type", "select_common_typmod",
]  # fmt: skip


class Context(enum.IntEnum):
    """How much conversion a place allows; later ones allow more."""

    implicit = 0
    assignment = 1
    explicit = 3


class Path(enum.Enum):
    """How one type becomes another."""

    none = 0
    function = 1
    relabel = 2
    array = 3
    io = 4


_CAST_CONTEXT = {"i": Context.implicit, "a": Context.assignment, "e": Context.explicit}


def find_path(state: ParseState, target: int, source: int, context: Context) -> tuple[Path, int]:
    """How ``source`` becomes ``target`` in this context: (path, cast function's OID or 0)."""
    types = state.types
    source, target = types.base_type(source), types.base_type(target)
    if source == target:
        return Path.relabel, 0
    cast = state.cache.cast(source, target)
    if cast is not None:
        if context < _CAST_CONTEXT[cast.castcontext]:
            return Path.none, 0
        if cast.castmethod == "f":
            return Path.function, cast.castfunc
        return (Path.io, 0) if cast.castmethod == "i" else (Path.relabel, 0)
    if target not in (t.OIDVECTOROID, t.INT2VECTOROID):
        found = _array_path(state, target, source, context)
        if found[0] is not Path.none:
            return found
    if context >= Context.assignment and types.category(target) == "S":
        return Path.io, 0
    if context >= Context.explicit and types.category(source) == "S":
        return Path.io, 0
    return Path.none, 0


def _array_path(
    state: ParseState, target: int, source: int, context: Context
) -> tuple[Path, int]:
    to_element = state.types.element_type(target)
    from_element = state.types.element_type(source)
    if not to_element or not from_element:
        return Path.none, 0
    path, _function = find_path(state, to_element, from_element, context)
    if path is Path.none:
        return Path.none, 0
    return Path.array, 0


def can_coerce(state: ParseState, sources: list[int], targets: list[int], context: Context) -> bool:
    """Whether argument types can be converted to declared types, polymorphism included."""
    generic = False
    for source, target in zip(sources, targets):
        if source == target or target == t.ANYOID:
            continue
        if target in t.POLYMORPHIC:
            generic = True
            continue
        if source == t.UNKNOWNOID:
            continue
        if find_path(state, target, source, context)[0] is not Path.none:
            continue
        if not _row_conversion(state, source, target):
            return False
    if generic:
        from pgtool.sql.analyze.polymorphic import generics_consistent

        return generics_consistent(state, sources, targets)
    return True


def _row_conversion(state: ParseState, source: int, target: int) -> bool:
    types = state.types
    if source == t.RECORDOID and types.is_complex(target):
        return True
    if target == t.RECORDOID and types.is_complex(source):
        return True
    if target == t.RECORDARRAYOID and types.is_complex(types.element_type(source)):
        return True
    return types.inherits(source, target)


def coerce_to_target(
    state: ParseState,
    node: Any,
    source: int,
    target: int,
    typmod: int,
    context: Context,
    form: CoercionForm,
    location: int = -1,
) -> Any:
    """``node`` as ``target(typmod)``, or None where this context has no such conversion."""
    if not can_coerce(state, [source], [target], context):
        return None
    # A COLLATE on top stays on top, so that it still shows.
    inner = node
    while isinstance(inner, CollateExpr):
        inner = inner.arg
    result = coerce_type(state, inner, source, target, typmod, context, form, location)
    hide = result is not inner and not isinstance(result, (Const, Var))
    result = coerce_typmod(state, result, target, typmod, context, form, location, hide)
    if inner is not node and state.types.collation(target):
        return CollateExpr(arg=result, collOid=node.collOid, location=node.location)
    return result


def coerce_type(
    state: ParseState,
    node: Any,
    source: int,
    target: int,
    typmod: int,
    context: Context,
    form: CoercionForm,
    location: int = -1,
) -> Any:
    """``node`` as ``target``, known to be possible; a type modifier is not enforced here."""
    if target == source or node is None:
        return node
    if target in (t.ANYOID, t.ANYELEMENTOID, t.ANYNONARRAYOID, t.ANYCOMPATIBLEOID,
                  t.ANYCOMPATIBLENONARRAYOID):  # fmt: skip
        return node
    if target in t.POLYMORPHIC:
        base = state.types.base_type(source)
        if source == t.UNKNOWNOID or base == source:
            return node
        return RelabelType(
            arg=node, resulttype=base, resulttypmod=-1, relabelformat=form, location=location,
            resultcollid=0,
        )  # fmt: skip
    if source == t.UNKNOWNOID and isinstance(node, Const):
        return _literal(state, node, target, typmod, context, form, location)
    if isinstance(node, Param) and source == t.UNKNOWNOID:
        return state.type_param(node, target, location)
    if isinstance(node, CollateExpr):
        inner = coerce_type(state, node.arg, source, target, typmod, context, form, location)
        if not state.types.collation(target):
            return inner
        return CollateExpr(arg=inner, collOid=node.collOid, location=node.location)
    return _convert(state, node, source, target, typmod, context, form, location)


def _convert(
    state: ParseState, node: Any, source: int, target: int, typmod: int, context: Context,
    form: CoercionForm, location: int,
) -> Any:  # fmt: skip
    path, function = find_path(state, target, source, context)
    if path is not Path.none:
        if path is Path.relabel:
            result = coerce_to_domain(state, node, source, target, -1, context, form, location)
            if result is not node or expr_type(node) == target:
                return result
            return RelabelType(
                arg=node, resulttype=target, resulttypmod=-1, relabelformat=form,
                location=location, resultcollid=0,
            )  # fmt: skip
        base, base_typmod = state.types.base_type_and_typmod(target, typmod)
        result = _conversion(
            state, node, path, function, base, base_typmod, context, form, location
        )
        if base != target:
            _hide_coercion(result)
            return coerce_to_domain(
                state, result, base, target, base_typmod, context, form, location
            )
        return result
    if source == t.RECORDOID and state.types.is_complex(target):
        return _record_to_complex(state, node, target, context, form, location)
    if target in (t.RECORDOID, t.RECORDARRAYOID):
        return node
    if state.types.inherits(source, target):
        base = state.types.base_type(source)
        if base != source:
            node = RelabelType(arg=node, resulttype=base, resulttypmod=-1,
                               relabelformat=CoercionForm.COERCE_IMPLICIT_CAST)  # fmt: skip
        return ConvertRowtypeExpr(
            arg=node, resulttype=target, convertformat=form, location=location
        )
    names = state.types.names(source, target)
    raise SqlError(
        "failed to find conversion function from {} to {}".format(*names), "42846"
    )


def _literal(
    state: ParseState, node: Const, target: int, typmod: int, context: Context,
    form: CoercionForm, location: int,
) -> Any:  # fmt: skip
    """An unknown literal read by the target's input function."""
    base, base_typmod = state.types.base_type_and_typmod(target, typmod)
    # A length would reject or cut the literal here; the cast that follows does it properly.
    # An interval's fields, though, decide how its text is read.
    if base != t.INTERVALOID:
        base_typmod = -1
    text = None if node.constisnull else state.literal_text(node)
    try:
        datum = None if text is None else state.types.input(base, text, base_typmod)
    except SqlError as error:
        if error.position is None and node.location >= 0:
            error.position = node.location + 1
        raise
    result: Any = make_const(state, base, datum, base_typmod, node.location)
    if base != target:
        result = coerce_to_domain(
            state, result, base, target, base_typmod, context, form, location
        )
    return result


def make_const(
    state: ParseState, typid: int, datum: bytes | None, typmod: int = -1, location: int = -1
) -> Const:
    """A constant from a stored datum (payload without varlena header), None for NULL."""
    info = state.types.row(typid)
    return Const(
        consttype=typid, consttypmod=typmod, constcollid=info.typcollation,
        constlen=info.typlen, constvalue=state.types.const_value(typid, datum),
        constisnull=datum is None, constbyval=info.typbyval, location=location,
    )  # fmt: skip


def _conversion(
    state: ParseState, node: Any, path: Path, function: int, target: int, typmod: int,
    context: Context, form: CoercionForm, location: int,
) -> Any:  # fmt: skip
    """The expression for one conversion path, without domains."""
    if path is Path.function:
        row = state.cache.proc(function)
        args = [node]
        if row.pronargs >= 2:
            args.append(state.int4_const(typmod))
        if row.pronargs == 3:
            args.append(state.bool_const(context == Context.explicit))
        return FuncExpr(
            funcid=function, funcresulttype=target, funcretset=False, funcvariadic=False,
            funcformat=form, funccollid=0, inputcollid=0, args=args, location=location,
        )  # fmt: skip
    if path is Path.io:
        return CoerceViaIO(
            arg=node, resulttype=target, resultcollid=0, coerceformat=form, location=location,
        )  # fmt: skip
    source_element = state.types.element_type(state.types.base_type(expr_type(node)))
    target_element = state.types.element_type(target)
    source_typmod = expr_typmod(node)
    case = CaseTestExpr(typeId=source_element, typeMod=source_typmod)
    element = coerce_to_target(
        state, case, source_element, target_element, typmod, context, form, location
    )
    return ArrayCoerceExpr(
        arg=node, elemexpr=element, resulttype=target, resulttypmod=expr_typmod(element),
        resultcollid=0, coerceformat=form, location=location,
    )  # fmt: skip


def coerce_to_domain(
    state: ParseState, arg: Any, base: int, domain: int, base_typmod: int, context: Context,
    form: CoercionForm, location: int,
) -> Any:  # fmt: skip
    """``arg``, of the domain's base type or binary compatible with it, as the domain."""
    found, domain_typmod = state.types.base_type_and_typmod(domain, -1)
    if found == domain:
        return arg
    if base_typmod < 0:
        base_typmod = domain_typmod
    arg = coerce_typmod(
        state, arg, found, base_typmod, context, CoercionForm.COERCE_IMPLICIT_CAST, location, False
    )
    return CoerceToDomain(
        arg=arg, resulttype=domain, resulttypmod=-1, resultcollid=0,
        coercionformat=form, location=location,
    )  # fmt: skip


def coerce_typmod(
    state: ParseState, node: Any, target: int, typmod: int, context: Context, form: CoercionForm,
    location: int, hide_input: bool,
) -> Any:  # fmt: skip
    """Enforce a length or precision where the expression does not have it yet."""
    if typmod < 0 or typmod == expr_typmod(node):
        return node
    info = state.types.row(target)
    element = state.types.element_type(target) if info.typsubscript else 0
    cast = state.cache.cast(element or target, element or target)
    if cast is None or not cast.castfunc:
        return _relabel_typmod(state, node, target, typmod)
    if hide_input:
        _hide_coercion(node)
    path = Path.array if element else Path.function
    return _conversion(state, node, path, cast.castfunc, target, typmod, context, form, location)


def _relabel_typmod(state: ParseState, node: Any, target: int, typmod: int) -> Any:
    if isinstance(node, Const):
        return node.copy(consttypmod=typmod)
    return RelabelType(
        arg=node, resulttype=target, resulttypmod=typmod,
        resultcollid=0,
        relabelformat=CoercionForm.COERCE_IMPLICIT_CAST, location=expr_location(node),
    )  # fmt: skip


_FORM_FIELD = {
    "FuncExpr": "funcformat", "RelabelType": "relabelformat", "CoerceViaIO": "coerceformat",
    "ArrayCoerceExpr": "coerceformat", "ConvertRowtypeExpr": "convertformat",
    "RowExpr": "row_format", "CoerceToDomain": "coercionformat",
}  # fmt: skip


def _hide_coercion(node: Any) -> None:
    """The inner of two conversions that the user wrote as one does not show."""
    field = _FORM_FIELD.get(type(node).__name__)
    if field is not None:
        setattr(node, field, CoercionForm.COERCE_IMPLICIT_CAST)


def _record_to_complex(
    state: ParseState, node: Any, target: int, context: Context, form: CoercionForm, location: int
) -> Any:
    """ROW(...) or a whole row as a composite type, field by field."""
    def place(expr: Any) -> int | None:
        return (location if location >= 0 else expr_location(expr)) + 1 or None

    name = state.types.name(target)
    base = state.types.base_type(target)
    columns = state.types.attributes(base)
    args = list(state.row_fields(node, name)) if not isinstance(node, RowExpr) else list(node.args)
    out = []
    for column in columns:
        if column.attisdropped:
            out.append(make_const(state, t.INT4OID, None))
            continue
        if not args:
            raise SqlError(f"cannot cast type record to {name}", "42846",
                           "Input has too few columns.", position=place(node))  # fmt: skip
        arg = args.pop(0)
        made = coerce_to_target(
            state, arg, expr_type(arg), column.atttypid, column.atttypmod, context,
            CoercionForm.COERCE_IMPLICIT_CAST,
        )  # fmt: skip
        if made is None:
            detail = "Cannot cast type {} to {} in column {}.".format(
                *state.types.names(expr_type(arg), column.atttypid), len(out) + 1
            )
            raise SqlError(f"cannot cast type record to {name}", "42846", detail,
                           position=place(arg))  # fmt: skip
        out.append(made)
    if args:
        raise SqlError(f"cannot cast type record to {name}", "42846",
                       "Input has too many columns.", position=place(node))  # fmt: skip
    row: Any = RowExpr(args=out, row_typeid=base, row_format=form, location=location)
    if base != target:
        row.row_format = CoercionForm.COERCE_IMPLICIT_CAST
        return coerce_to_domain(state, row, base, target, -1, context, form, location)
    return row


def coerce_to_boolean(state: ParseState, node: Any, construct: str) -> Any:
    """A condition: boolean, or an error that names the clause."""
    source = expr_type(node)
    if source != t.BOOLOID:
        made = coerce_to_target(
            state, node, source, t.BOOLOID, -1, Context.assignment,
            CoercionForm.COERCE_IMPLICIT_CAST,
        )  # fmt: skip
        if made is None:
            raise SqlError(
                f"argument of {construct} must be type boolean, not type "
                f"{state.types.name(source)}", "42804", position=expr_location(node) + 1 or None,
            )  # fmt: skip
        node = made
    if state.returns_set(node):
        raise SqlError(f"argument of {construct} must not return a set", "42804",
                       position=expr_location(node) + 1 or None)  # fmt: skip
    return node


def select_common_type(
    state: ParseState, exprs: list[Any], construct: str | None
) -> int:
    """The type that all expressions are brought to (UNION, CASE, ARRAY, VALUES …).

    With ``construct`` None a failure gives 0 instead of an error.
    """
    known = [expr for expr in exprs if expr_type(expr) != t.UNKNOWNOID]
    if not known:
        return t.TEXTOID
    # All alike, domains included: that type itself.
    first_type = expr_type(known[0])
    if len(known) == len(exprs) and all(expr_type(e) == first_type for e in exprs):
        return first_type
    types = state.types
    best = types.base_type(first_type)
    category, preferred = types.category_and_preferred(best)
    for expr in known[1:]:
        other = types.base_type(expr_type(expr))
        if other == best:
            continue
        other_category, other_preferred = types.category_and_preferred(other)
        if other_category != category:
            if construct is None:
                return 0
            names = types.names(best, other)
            raise SqlError(
                f"{construct} types {names[0]} and {names[1]} cannot be matched", "42804",
                position=expr_location(expr) + 1 or None,
            )  # fmt: skip
        if (
            not preferred
            and can_coerce(state, [best], [other], Context.implicit)
            and not can_coerce(state, [other], [best], Context.implicit)
        ):
            best, preferred = other, other_preferred
    return best


def coerce_to_common(state: ParseState, node: Any, target: int, construct: str) -> Any:
    """``node`` as the common type found for a construct."""
    source = expr_type(node)
    if source == target:
        return node
    if not can_coerce(state, [source], [target], Context.implicit):
        names = state.types.names(source, target)
        raise SqlError(
            f"{construct} could not convert type {names[0]} to {names[1]}", "42846",
            position=expr_location(node) + 1 or None,
        )  # fmt: skip
    return coerce_type(
        state, node, source, target, -1, Context.implicit, CoercionForm.COERCE_IMPLICIT_CAST
    )


def select_common_typmod(exprs: list[Any], typid: int) -> int:
    """The type modifier that all expressions share, or -1."""
    found = {expr_typmod(expr) if expr_type(expr) == typid else -1 for expr in exprs}
    return found.pop() if len(found) == 1 else -1
