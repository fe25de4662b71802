"""RANGE with an offset: the in_range support function that fits the ordering column."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.enums import CoercionForm
from pgtool.nodes.query import SortGroupClause, TargetEntry, WindowClause
from pgtool.sql.analyze.coerce import Context, can_coerce, coerce_type
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.levels import variables_of_level
from pgtool.sql.analyze.nodetypes import expr_collation, expr_location, expr_type
from pgtool.sql.analyze.state import ParseState

__all__ = ["range_offsets"]

BTINRANGE_PROC = 3


def range_offsets(
    state: ParseState, definition: Any, made: WindowClause, order: SortGroupClause,
    entries: list[TargetEntry],
) -> None:  # fmt: skip
    """Fill in the offsets of a RANGE frame and how values are compared with them."""
    entry = next(e for e in entries if e.ressortgroupref == order.tleSortGroupRef)
    family, intype = _ordering_family(state, order.sortop)
    made.inRangeColl = expr_collation(entry.expr)
    made.inRangeAsc = not order.reverse_sort
    made.inRangeNullsFirst = order.nulls_first
    for field, function, raw in (
        ("startOffset", "startInRangeFunc", definition.startOffset),
        ("endOffset", "endInRangeFunc", definition.endOffset),
    ):
        if raw is None:
            continue
        offset = transform_expr(state, raw, "WINDOW RANGE")
        chosen = _in_range(state, family, intype, offset)
        offset = coerce_type(
            state, offset, expr_type(offset), chosen.amprocrighttype, -1, Context.implicit,
            CoercionForm.COERCE_IMPLICIT_CAST,
        )  # fmt: skip
        for found in variables_of_level(offset):
            raise SqlError("argument of RANGE must not contain variables", "42P10",
                           position=found.location + 1)  # fmt: skip
        setattr(made, field, offset)
        setattr(made, function, chosen.amproc)


def _ordering_family(state: ParseState, sort_op: int) -> tuple[int, int]:
    for row in state.cache.lookup("pg_amop", "amopopr", sort_op):
        if row.amopmethod == 403 and row.amopstrategy in (1, 5):
            return int(row.amopfamily), int(row.amoplefttype)
    raise SqlError(f"operator {sort_op} is not a valid ordering operator", "XX000")


def _in_range(state: ParseState, family: int, intype: int, offset: Any) -> Any:
    """The one in_range function that takes the offset's type."""
    offset_type = expr_type(offset)
    key = ("amprocfamily", "amproclefttype", "amprocnum")
    rows = state.cache.lookup("pg_amproc", key, (family, intype, BTINRANGE_PROC))
    position = expr_location(offset) + 1 or None
    exact = [row for row in rows if row.amprocrighttype == offset_type]
    if exact:
        return exact[0]
    if offset_type == t.UNKNOWNOID:
        # An unknown literal takes the column's own type where that is possible.
        own = [row for row in rows if row.amprocrighttype == intype]
        if own or len(rows) == 1:
            return (own or rows)[0]
    fits = [
        row for row in rows
        if can_coerce(state, [offset_type], [row.amprocrighttype], Context.implicit)
    ]  # fmt: skip
    names = state.types.names(intype, offset_type)
    if not rows:
        raise SqlError(
            "RANGE with offset PRECEDING/FOLLOWING is not supported for column type "
            f"{names[0]}", "0A000", position=position,
        )  # fmt: skip
    if not fits:
        raise SqlError(
            "RANGE with offset PRECEDING/FOLLOWING is not supported for column type "
            f"{names[0]} and offset type {names[1]}", "0A000",
            hint="Cast the offset value to an appropriate type.", position=position,
        )  # fmt: skip
    if len(fits) > 1:
        raise SqlError(
            "RANGE with offset PRECEDING/FOLLOWING has multiple interpretations for column type "
            f"{names[0]} and offset type {names[1]}", "0A000",
            hint="Cast the offset value to the exact intended type.", position=position,
        )  # fmt: skip
    return fits[0]
