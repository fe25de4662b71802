"""Which operator an expression means (manual, 10.2), and the nodes it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.enums import CoercionForm
from pgtool.nodes.exprs import OpExpr, ScalarArrayOpExpr
from pgtool.sql.analyze.coerce import Context, can_coerce, coerce_type
from pgtool.sql.analyze.functions import best_candidate
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.analyze.polymorphic import enforce_generics

if TYPE_CHECKING:
    from pgtool.sql.analyze.state import ParseState

__all__ = ["find_operator", "make_op", "make_scalar_array_op"]

UNDEFINED_FUNCTION = "42883"


@dataclass(slots=True)
class _Candidate:
    row: Any
    args: tuple[int, ...]


def _error(
    state: ParseState, names: list[str], left: int, right: int, location: int, ambiguous: bool
) -> SqlError:
    shown = f"{state.types.name(left)} " if left else ""
    shown += f"{'.'.join(names)} {state.types.name(right)}"
    position = location + 1 if location >= 0 else None
    if ambiguous:
        return SqlError(
            f"operator is not unique: {shown}", "42725",
            hint="Could not choose a best candidate operator. "
            "You might need to add explicit type casts.", position=position,
        )  # fmt: skip
    kinds = "name and argument types" if left else "name and argument type"
    casts = "explicit type casts" if left else "an explicit type cast"
    return SqlError(
        f"operator does not exist: {shown}", UNDEFINED_FUNCTION,
        hint=f"No operator matches the given {kinds}. You might need to add {casts}.",
        position=position,
    )  # fmt: skip


def _exact(state: ParseState, spaces: list[int], name: str, left: int, right: int) -> Any | None:
    key = ("oprname", "oprleft", "oprright")
    rows = state.cache.lookup("pg_operator", key, (name, left, right))
    by_space = {row.oprnamespace: row for row in rows}
    return next((by_space[space] for space in spaces if space in by_space), None)


def find_operator(
    state: ParseState, names: list[str], left: int, right: int, location: int
) -> Any:
    """The pg_operator row for these operand types (``left`` 0: prefix operator)."""
    key = (tuple(names), left, right)
    found = state.operator_cache.get(key)
    if found is None:
        found = _find(state, names, left, right, location)
        state.operator_cache[key] = found
    return found


def _find(state: ParseState, names: list[str], left: int, right: int, location: int) -> Any:
    schema, name = state.split_name(names)
    spaces = [state.namespace_oid(schema)] if schema else state.search_path
    row = _find_exact(state, spaces, name, left, right)
    if row is not None:
        return row
    rank = {oid: i for i, oid in enumerate(spaces)}
    seen: dict[tuple[int, ...], tuple[int, Any]] = {}
    for row in state.cache.lookup("pg_operator", "oprname", name):
        if row.oprnamespace not in rank or bool(row.oprleft) != bool(left):
            continue
        args = (row.oprleft, row.oprright) if left else (row.oprright,)
        place = rank[row.oprnamespace]
        if args not in seen or place < seen[args][0]:
            seen[args] = (place, row)
    actual = [left, right] if left else [right]
    fitting = [
        _Candidate(row, args) for args, (_place, row) in seen.items()
        if can_coerce(state, actual, list(args), Context.implicit)
    ]  # fmt: skip
    if len(fitting) == 1:
        return fitting[0].row
    if fitting:
        chosen = best_candidate(state, actual, fitting)
        if chosen is not None:
            return chosen.row
    raise _error(state, names, left, right, location, bool(fitting))


def _find_exact(
    state: ParseState, spaces: list[int], name: str, left: int, right: int
) -> Any | None:
    """An operator whose types are the operands', unknown taken as the other side's type."""
    if left == t.UNKNOWNOID and right != t.UNKNOWNOID and right:
        left = right
    elif right == t.UNKNOWNOID and left not in (t.UNKNOWNOID, 0):
        right = left
    else:
        return _exact(state, spaces, name, left, right)
    found = _exact(state, spaces, name, left, right)
    if found is None:
        base = state.types.base_type(left)
        if base != left:
            found = _exact(state, spaces, name, base, base)
    return found


def make_op(
    state: ParseState, names: list[str], left: Any, right: Any, location: int
) -> Any:
    """``left op right`` (left None: prefix) with its operands converted."""
    left_type, right_type = expr_type(left), expr_type(right)
    row = find_operator(state, names, left_type, right_type, location)
    if not row.oprcode:
        raise SqlError(
            f"operator is only a shell: {'.'.join(names)}", UNDEFINED_FUNCTION,
            position=location + 1 if location >= 0 else None,
        )  # fmt: skip
    actual = [left_type, right_type] if left is not None else [right_type]
    declared = [row.oprleft, row.oprright] if left is not None else [row.oprright]
    declared, result = enforce_generics(state, actual, declared, row.oprresult)
    operands = [left, right] if left is not None else [right]
    args = _coerced(state, operands, actual, declared)
    return OpExpr(
        opno=row.oid, opfuncid=row.oprcode, opresulttype=result,
        opretset=state.cache.proc(row.oprcode).proretset, args=args, location=location,
    )  # fmt: skip


def _coerced(
    state: ParseState, operands: list[Any], actual: list[int], declared: list[int]
) -> list[Any]:
    return [
        coerce_type(state, operand, source, target, -1, Context.implicit,
                    CoercionForm.COERCE_IMPLICIT_CAST)
        for operand, source, target in zip(operands, actual, declared)
    ]  # fmt: skip


def make_scalar_array_op(
    state: ParseState, names: list[str], use_or: bool, left: Any, right: Any, location: int
) -> Any:
    """``left op ANY (array)`` or ``ALL``."""
    left_type, right_type = expr_type(left), expr_type(right)
    position = location + 1 if location >= 0 else None
    if right_type == t.UNKNOWNOID:
        element = t.UNKNOWNOID
    else:
        element = state.types.element_type(state.types.base_type(right_type))
        if not element:
            raise SqlError("op ANY/ALL (array) requires array on right side", "42809",
                           position=position)  # fmt: skip
    row = find_operator(state, names, left_type, element, location)
    actual = [left_type, element]
    declared, result = enforce_generics(state, actual, [row.oprleft, row.oprright], row.oprresult)
    if result != t.BOOLOID:
        raise SqlError("op ANY/ALL (array) requires operator to yield boolean", "42809",
                       position=position)  # fmt: skip
    function = state.cache.proc(row.oprcode)
    if function.proretset:
        raise SqlError("op ANY/ALL (array) requires operator not to return a set", "42809",
                       position=position)  # fmt: skip
    if declared[1] in t.POLYMORPHIC:
        array = right_type
    else:
        array = state.types.array_type(declared[1])
        if not array:
            raise SqlError(
                f"could not find array type for data type {state.types.name(declared[1])}", "42704",
                position=position,
            )  # fmt: skip
    args = _coerced(state, [left, right], [left_type, right_type], [declared[0], array])
    return ScalarArrayOpExpr(
        opno=row.oid, opfuncid=row.oprcode, useOr=use_or, args=args, location=location
    )
