"""Function calls: plain functions, casts in disguise, aggregates, window functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.enums import CoercionForm
from pgtool.nodes.exprs import FuncExpr, NamedArgExpr, WindowFunc
from pgtool.sql.analyze.coerce import Context, coerce_to_boolean, coerce_to_target, coerce_type
from pgtool.sql.analyze.functions import Candidate, find_function, not_found, not_unique
from pgtool.sql.analyze.nodetypes import expr_location, expr_type
from pgtool.sql.analyze.polymorphic import enforce_generics
from pgtool.sql.analyze.state import ParseState

__all__ = ["call_function", "check_srf_place", "row_function", "transform_call"]

WRONG_OBJECT = "42809"
LATERAL_HINT = (
    "You might be able to move the set-returning function into a LATERAL FROM item."
)


def transform_call(state: ParseState, node: Any) -> Any:
    """A raw FuncCall."""
    from pgtool.sql.analyze.expressions import transform_expr

    kind = state.kind
    before = state.last_srf
    args = [transform_expr(state, arg, kind) for arg in node.args]
    if node.agg_within_group:
        args += [transform_expr(state, sort.node, kind) for sort in node.agg_order]
    names = [part.sval for part in node.funcname]
    _check_named(args)
    if len(args) == 1 and not _decorated(node) and len(names) == 1:
        field = _as_field(state, names[0], args[0], node)
        if field is not None:
            return field
    made = located(node.location, lambda: _resolve(state, node, names, args))
    check_nested_srf(state, made, before)
    return made


def located(location: int, work: Callable[[], Any]) -> Any:
    """Do something; an unknown schema is then reported at this place."""
    try:
        return work()
    except SqlError as error:
        if error.sqlstate == "3F000" and error.position is None and location >= 0:
            error.position = location + 1
        raise


def check_nested_srf(state: ParseState, made: Any, before: Any) -> None:
    """Set-returning functions in FROM stand at the top; aggregates take none as arguments.

    ``before`` is the last one that was seen before the call's arguments.
    """
    inner = state.last_srf
    own = made is inner
    if own:
        inner = state.inner_srf
    if inner is before or inner is None:
        return
    at = expr_location(inner) + 1 or None
    if own and state.kind == "FROM":
        raise SqlError("set-returning functions must appear at top level of FROM", "0A000",
                       position=at)  # fmt: skip


def _check_named(args: list[Any]) -> None:
    seen: set[str] = set()
    for arg in args:
        if isinstance(arg, NamedArgExpr):
            if arg.name in seen:
                raise SqlError(f'argument name "{arg.name}" used more than once', "42601",
                               position=arg.location + 1)  # fmt: skip
            seen.add(str(arg.name))
        elif seen:
            raise SqlError("positional argument cannot follow named argument", "42601",
                           position=expr_location(arg) + 1 or None)  # fmt: skip


def _decorated(node: Any) -> bool:
    """Whether the call has anything that only functions can have."""
    return bool(
        node.agg_order or node.agg_filter or node.agg_star or node.agg_distinct or node.over
        or node.func_variadic or node.agg_within_group
    )  # fmt: skip


def _as_field(state: ParseState, name: str, arg: Any, node: Any) -> Any | None:
    """``name(row)`` as the row's column, where it has one of that name."""
    from pgtool.sql.analyze.expressions import project_column

    if not state.types.is_complex(expr_type(arg)) or node.funcformat != 0:
        return None
    return project_column(state, arg, name)


def row_function(state: ParseState, name: str, row: Any, location: int) -> Any | None:
    """``row.name`` as a call of function ``name(row)``; None where there is none."""
    found = find_function(state, [name], [expr_type(row)], [], single=row)
    if found.coercion_type:
        return coerce_type(state, row, expr_type(row), found.coercion_type, -1, Context.explicit,
                           CoercionForm.COERCE_EXPLICIT_CALL, location)  # fmt: skip
    if found.candidate is None:
        return None
    return _plain(state, found.candidate, [row], [], False, location,
                  CoercionForm.COERCE_EXPLICIT_CALL)  # fmt: skip


def call_function(state: ParseState, names: list[str], args: list[Any], location: int = -1) -> Any:
    """A call of a plain function with these (analyzed) arguments."""
    argtypes = [expr_type(arg) for arg in args]
    found = find_function(state, names, argtypes, [])
    if found.candidate is None:
        raise not_found(state, names, argtypes, [], location)
    return _plain(state, found.candidate, args, [], False, location,
                  CoercionForm.COERCE_EXPLICIT_CALL)  # fmt: skip


def _resolve(state: ParseState, node: Any, names: list[str], args: list[Any]) -> Any:
    argnames = [str(arg.name) for arg in args if isinstance(arg, NamedArgExpr)]
    argtypes = [expr_type(arg) for arg in args]
    single = args[0] if len(args) == 1 and not _decorated(node) else None
    found = find_function(
        state, names, argtypes, argnames, expand_variadic=not node.func_variadic, single=single
    )
    if found.coercion_type:
        return coerce_type(state, args[0], argtypes[0], found.coercion_type, -1, Context.explicit,
                           CoercionForm.COERCE_EXPLICIT_CALL, node.location)  # fmt: skip
    if found.ambiguous:
        raise not_unique(state, names, argtypes, argnames, node.location)
    candidate = found.candidate
    if candidate is None:
        raise _not_found(state, node, names, argtypes, argnames)
    kind = candidate.row.prokind
    if kind == "p":
        raise SqlError(
            f"{_signature(state, names, argtypes)} is a procedure", WRONG_OBJECT,
            hint="To call a procedure, use CALL.", position=node.location + 1,
        )  # fmt: skip
    if kind == "a" or (kind == "w") or node.over is not None:
        return _aggregate_or_window(state, node, names, candidate, args, argtypes)
    _only_for_aggregates(node, names)
    return _plain(
        state, candidate, args, argnames, node.func_variadic, node.location, node.funcformat
    )


def _signature(state: ParseState, names: list[str], argtypes: list[int]) -> str:
    shown = ", ".join(state.types.name(typid) for typid in argtypes)
    return f"{'.'.join(names)}({shown})"


def _not_found(
    state: ParseState, node: Any, names: list[str], argtypes: list[int], argnames: list[str]
) -> SqlError:
    if len(node.agg_order) > 1 and not node.agg_within_group:
        shown = _signature(state, names, argtypes)
        return SqlError(
            f"function {shown} does not exist", "42883",
            hint="No aggregate function matches the given name and argument types. Perhaps you "
            "misplaced ORDER BY; ORDER BY must appear after all regular arguments of the "
            "aggregate.", position=node.location + 1,
        )  # fmt: skip
    return not_found(state, names, argtypes, argnames, node.location)


def _only_for_aggregates(node: Any, names: list[str]) -> None:
    name = ".".join(names)
    checks = (
        (node.agg_star, f"{name}(*) specified, but {name} is not an aggregate function"),
        (node.agg_distinct, f"DISTINCT specified, but {name} is not an aggregate function"),
        (node.agg_within_group, f"WITHIN GROUP specified, but {name} is not an aggregate function"),
        (node.agg_order, f"ORDER BY specified, but {name} is not an aggregate function"),
        (node.agg_filter, f"FILTER specified, but {name} is not an aggregate function"),
        (node.over, f"OVER specified, but {name} is not a window function nor an aggregate "
         "function"),
    )  # fmt: skip
    for present, message in checks:
        if present:
            raise SqlError(message, WRONG_OBJECT, position=node.location + 1)


def prepare_args(
    state: ParseState, candidate: Candidate, args: list[Any], argnames: list[str],
    func_variadic: bool,
) -> tuple[list[Any], int, bool]:  # fmt: skip
    """Arguments converted, reordered, completed: (arguments, result type, variadic flag)."""
    row = candidate.row
    actual = [expr_type(arg) for arg in args]
    declared = list(candidate.args[: len(args)])
    declared, result = enforce_generics(state, actual, declared, row.prorettype)
    made: list[Any] = []
    for arg, source, target in zip(args, actual, declared):
        inner = arg.arg if isinstance(arg, NamedArgExpr) else arg
        new = coerce_type(state, inner, source, target, -1, Context.implicit,
                          CoercionForm.COERCE_IMPLICIT_CAST)  # fmt: skip
        if isinstance(arg, NamedArgExpr):
            assert candidate.order is not None
            at = len(made)
            new = arg.copy(arg=new, argnumber=candidate.order[at])
        made.append(new)
    variadic = bool(func_variadic)
    if candidate.variadic and row.provariadic != t.ANYOID:
        made = _collect_variadic(state, made, candidate.variadic)
        variadic = True
    elif func_variadic and row.provariadic == t.ANYOID:
        last = state.types.base_type(expr_type(made[-1]))
        if not state.types.element_type(last):
            raise SqlError("VARIADIC argument must be an array", "42804",
                           position=expr_location(made[-1]) + 1 or None)  # fmt: skip
    del argnames
    return made, result, variadic


def _collect_variadic(state: ParseState, args: list[Any], count: int) -> list[Any]:
    from pgtool.nodes.exprs import ArrayExpr
    from pgtool.sql.analyze.coerce import coerce_to_common, select_common_type

    elements = args[-count:]
    element = select_common_type(state, elements, None) or expr_type(elements[0])
    element = expr_type(elements[0]) if expr_type(elements[0]) != t.UNKNOWNOID else element
    elements = [coerce_to_common(state, e, element, "VARIADIC") for e in elements]
    array = state.types.array_type(element)
    if not array:
        raise SqlError(f"could not find array type for data type {state.types.name(element)}",
                       "42704", position=expr_location(elements) + 1 or None)  # fmt: skip
    made = ArrayExpr(array_typeid=array, element_typeid=element, elements=elements,
                     location=expr_location(elements))  # fmt: skip
    return [*args[:-count], made]


def _plain(
    state: ParseState, candidate: Candidate, args: list[Any], argnames: list[str],
    func_variadic: bool, location: int, form: CoercionForm,
) -> FuncExpr:  # fmt: skip
    made, result, variadic = prepare_args(state, candidate, args, argnames, func_variadic)
    call = FuncExpr(
        funcid=candidate.oid, funcresulttype=result, funcretset=candidate.row.proretset,
        funcvariadic=variadic, funcformat=form, args=made, location=location,
    )  # fmt: skip
    if call.funcretset:
        check_srf_place(state, location)
        state.has_srfs |= state.kind != "FROM"
        state.inner_srf, state.last_srf = state.last_srf, call
    return call


#: Clauses in which a set-returning function may stand.
_SRF_OK = {"SELECT", "WINDOW", "INSERT", "ORDER BY", "GROUP BY", "DISTINCT ON", "FROM",
           "VALUES_SINGLE"}  # fmt: skip
_SRF_WORDS = {
    "JOIN/ON": "JOIN conditions", "WHERE": "WHERE", "HAVING": "HAVING", "FILTER": "FILTER",
    "LIMIT": "LIMIT", "OFFSET": "OFFSET", "EXECUTE": "EXECUTE parameters",
    "VALUES": "VALUES", "RETURNING": "RETURNING",
    **dict.fromkeys(("WINDOW ROWS", "WINDOW RANGE", "WINDOW GROUPS"), "window definitions"),
    "CHECK": "check constraints", "DEFAULT": "DEFAULT expressions",
    "UPDATE": "UPDATE", "INDEX": "index expressions", "INDEX PREDICATE": "index predicates",
    "PARTITION BY": "partition key expressions", "GENERATED": "column generation expressions",
    "POLICY": "policy expressions", "TRIGGER WHEN": "trigger WHEN conditions",
    "COPY WHERE": "COPY FROM WHERE conditions", "TRANSFORM": "transform expressions",
    "PARTITION BOUND": "partition bound",
}  # fmt: skip


def check_srf_place(state: ParseState, location: int) -> None:
    """SqlError where a set-returning function stands in a clause that has one row."""
    if state.kind in _SRF_OK:
        return
    words = _SRF_WORDS.get(state.kind, state.kind)
    raise SqlError(f"set-returning functions are not allowed in {words}", "0A000",
                   position=location + 1 if location >= 0 else None)  # fmt: skip


# -- aggregates and window functions ------------------------------------------------------------


def _aggregate_or_window(
    state: ParseState, node: Any, names: list[str], candidate: Candidate, args: list[Any],
    argtypes: list[int],
) -> Any:  # fmt: skip
    from pgtool.sql.analyze.aggregates import make_aggregate

    name = ".".join(names)
    kind = candidate.row.prokind
    if kind not in ("a", "w"):
        raise SqlError(
            f"OVER specified, but {name} is not a window function nor an aggregate function",
            WRONG_OBJECT, position=node.location + 1,
        )  # fmt: skip
    if kind == "w" and node.over is None:
        raise SqlError(f"window function {name} requires an OVER clause", WRONG_OBJECT,
                       position=node.location + 1)  # fmt: skip
    if kind == "a" and node.over is None:
        return make_aggregate(state, node, names, candidate, args, argtypes)
    return _window(state, node, name, candidate, args)


def _window(
    state: ParseState, node: Any, name: str, candidate: Candidate, args: list[Any]
) -> WindowFunc:
    from pgtool.sql.analyze.aggregates import attach_window, check_star

    at = node.location + 1
    is_agg = candidate.row.prokind == "a"
    if node.agg_within_group:
        raise SqlError(f"OVER is not supported for ordered-set aggregate {name}", "0A000",
                       position=at)  # fmt: skip
    if node.agg_distinct:
        raise SqlError("DISTINCT is not implemented for window functions", "0A000", position=at)
    check_star(node, name, is_agg, args)
    if node.agg_order:
        raise SqlError("aggregate ORDER BY is not implemented for window functions", "0A000",
                       position=at)  # fmt: skip
    if node.agg_filter is not None and not is_agg:
        raise SqlError("FILTER is not implemented for non-aggregate window functions", "0A000",
                       position=at)  # fmt: skip
    if any(state.returns_set(arg) for arg in args):
        raise SqlError("window function calls cannot contain set-returning function calls",
                       "0A000", hint=LATERAL_HINT,
                       position=expr_location(state.last_srf) + 1 or at)  # fmt: skip
    made, result, _variadic = prepare_args(state, candidate, args, [], node.func_variadic)
    if candidate.row.proretset:
        raise SqlError("window functions cannot return sets", "42P13", position=at)
    condition = filter_condition(state, node)
    call = WindowFunc(
        winfnoid=candidate.oid, wintype=result, args=made, aggfilter=condition,
        winstar=node.agg_star, winagg=is_agg, location=node.location,
    )  # fmt: skip
    attach_window(state, call, node.over)
    return call


def filter_condition(state: ParseState, node: Any) -> Any:
    """The FILTER clause of a call, as a condition."""
    from pgtool.sql.analyze.expressions import transform_expr

    if node.agg_filter is None:
        return None
    return coerce_to_boolean(state, transform_expr(state, node.agg_filter, "FILTER"), "FILTER")


def to_target(state: ParseState, node: Any, target: int, message: str) -> Any:
    """An implicit conversion that must exist."""
    made = coerce_to_target(
        state, node, expr_type(node), target, -1, Context.assignment,
        CoercionForm.COERCE_IMPLICIT_CAST,
    )  # fmt: skip
    if made is None:
        raise SqlError(message, "42804", position=expr_location(node) + 1 or None)
    return made
