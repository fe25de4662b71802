"""Clauses that refer to target list entries: sorting, grouping, windows, frames."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.nodetypes import expr_type
from pgtool.functions.ruleutils.deparser import Deparser
from pgtool.functions.ruleutils.exprs import constant, variable
from pgtool.nodes.enums import GroupingSetKind
from pgtool.nodes.exprs import Const, Var

__all__ = ["frame", "group_by", "order_by", "sort_item", "window_spec"]

#: Expressions that GROUP BY or ORDER BY could take for something else.
_ENCLOSED = frozenset({"FuncExpr", "Aggref", "WindowFunc", "JsonConstructorExpr"})

NONDEFAULT, BETWEEN = 0x1, 0x10
_MODES = ((0x2, "RANGE "), (0x4, "ROWS "), (0x8, "GROUPS "))
#: Bit → words; those with an offset have its expression before them.
_STARTS = (
    (0x20, "UNBOUNDED PRECEDING "), (0x200, "CURRENT ROW "), (0x800, " PRECEDING "),
    (0x2000, " FOLLOWING "),
)  # fmt: skip
_ENDS = (
    (0x100, "UNBOUNDED FOLLOWING "), (0x400, "CURRENT ROW "), (0x1000, " PRECEDING "),
    (0x4000, " FOLLOWING "),
)  # fmt: skip
_EXCLUSIONS = (
    (0x8000, "EXCLUDE CURRENT ROW "), (0x10000, "EXCLUDE GROUP "), (0x20000, "EXCLUDE TIES "),
)  # fmt: skip


def sort_item(d: Deparser, reference: int, targets: list[Any], number: bool = False) -> Any:
    """What a sort or group clause refers to; the expression comes back."""
    entry = next((e for e in targets if e.ressortgroupref == reference), None)
    if entry is None:
        raise SqlError("ORDER/GROUP BY expression not found in targetlist", "XX000")
    expr = entry.expr
    if number:
        d.put(str(entry.resno))
    elif isinstance(expr, Const):
        # A bare number would be a column's number.
        constant(d, expr, 1)
    elif isinstance(expr, Var):
        saved, d.in_order_by = d.in_order_by, True
        variable(d, expr)
        d.in_order_by = saved
    else:
        needed = d.pretty or type(expr).__name__ in _ENCLOSED
        d.put("(" if needed else "")
        d.expr(expr, True)
        d.put(")" if needed else "")
    return expr


def order_by(d: Deparser, clauses: list[Any], targets: list[Any], number: bool = False) -> None:
    """A sort list with its directions."""
    for i, clause in enumerate(clauses):
        if i:
            d.put(", ")
        expr = sort_item(d, clause.tleSortGroupRef, targets, number)
        less, greater = d.names.sort_operators(expr_type(expr))
        if clause.sortop == less:
            d.put(" NULLS FIRST" if clause.nulls_first else "")
        elif clause.sortop == greater:
            d.put(" DESC", "" if clause.nulls_first else " NULLS LAST")
        else:
            d.put(" USING ", d.names.operator(clause.sortop))
            d.put(" NULLS FIRST" if clause.nulls_first else " NULLS LAST")


_SETS = {
    GroupingSetKind.GROUPING_SET_ROLLUP: "ROLLUP(", GroupingSetKind.GROUPING_SET_CUBE: "CUBE(",
    GroupingSetKind.GROUPING_SET_SETS: "GROUPING SETS (",
}  # fmt: skip


def group_by(d: Deparser, query: Any) -> None:
    """What stands after GROUP BY."""
    d.put("DISTINCT " if query.groupDistinct else "")
    saved, d.in_group_by = d.in_group_by, True
    if query.groupingSets:
        for i, one in enumerate(query.groupingSets):
            d.put(", " if i else "")
            _grouping_set(d, one, query.targetList, True)
    else:
        for i, clause in enumerate(query.groupClause):
            d.put(", " if i else "")
            sort_item(d, clause.tleSortGroupRef, query.targetList)
    d.in_group_by = saved


def _grouping_set(d: Deparser, one: Any, targets: list[Any], bare: bool) -> None:
    if one.kind == GroupingSetKind.GROUPING_SET_EMPTY:
        d.put("()")
        return
    if one.kind == GroupingSetKind.GROUPING_SET_SIMPLE:
        enclosed = not bare or len(one.content) != 1
        d.put("(" if enclosed else "")
        for i, reference in enumerate(one.content):
            d.put(", " if i else "")
            sort_item(d, reference, targets)
        d.put(")" if enclosed else "")
        return
    d.put(_SETS[one.kind])
    for i, inner in enumerate(one.content):
        d.put(", " if i else "")
        _grouping_set(d, inner, targets, one.kind != GroupingSetKind.GROUPING_SET_SETS)
    d.put(")")


def window_spec(d: Deparser, clause: Any, targets: list[Any]) -> None:
    """A window's definition in parentheses."""
    d.put("(")
    blank = ""
    if clause.refname:
        d.put(d.names.quote(clause.refname))
        blank = " "
    if clause.partitionClause and not clause.refname:
        d.put("PARTITION BY ")
        for i, item in enumerate(clause.partitionClause):
            d.put(", " if i else "")
            sort_item(d, item.tleSortGroupRef, targets)
        blank = " "
    if clause.orderClause and not clause.copiedOrder:
        d.put(blank, "ORDER BY ")
        order_by(d, clause.orderClause, targets)
        blank = " "
    if clause.frameOptions & NONDEFAULT:
        d.put(blank)
        frame(d, clause)
    d.put(")")


def frame(d: Deparser, clause: Any) -> None:
    """A window frame that is not the default one."""
    options = clause.frameOptions
    d.put(*(word for bit, word in _MODES if options & bit))
    if options & BETWEEN:
        d.put("BETWEEN ")
    _bound(d, options, _STARTS, clause.startOffset)
    if options & BETWEEN:
        d.put("AND ")
        _bound(d, options, _ENDS, clause.endOffset)
    d.put(*(word for bit, word in _EXCLUSIONS if options & bit))
    d.strip()


def _bound(d: Deparser, options: int, words: Any, offset: Any) -> None:
    for bit, word in words:
        if options & bit:
            if word.startswith(" "):
                d.expr(offset)
            d.put(word)
            return
