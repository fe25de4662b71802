"""GROUP BY: plain expressions and grouping sets, and the target entries behind them.

A grouping set is a tree of GroupingSet nodes whose leaves (kind SIMPLE) hold references to
target entries. :func:`expand_grouping_sets` multiplies the tree out into plain sets.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from pgtool.errors import SqlError
from pgtool.nodes.base import IntList
from pgtool.nodes.enums import CoercionForm, GroupingSetKind
from pgtool.nodes.exprs import RowExpr
from pgtool.nodes.query import GroupingSet, Query, SortGroupClause, TargetEntry
from pgtool.sql.analyze.clauses import find_entry, group_item
from pgtool.sql.analyze.nodetypes import expr_location
from pgtool.sql.analyze.state import ParseState

__all__ = ["entry_of", "expand_grouping_sets", "group_clause", "grouping_entries"]

MAX_SETS = 4096
MAX_CUBE = 12
_EMPTY, _SIMPLE, _SETS = (
    GroupingSetKind.GROUPING_SET_EMPTY, GroupingSetKind.GROUPING_SET_SIMPLE,
    GroupingSetKind.GROUPING_SET_SETS,
)  # fmt: skip


def entry_of(query_or_list: Any, ref: int) -> Any:
    """The target entry with this sort/group reference."""
    entries = query_or_list.targetList if isinstance(query_or_list, Query) else query_or_list
    return next(entry for entry in entries if entry.ressortgroupref == ref)


def grouping_entries(query: Query) -> list[Any]:
    """The entries that GROUP BY names, in its order."""
    return [entry_of(query, clause.tleSortGroupRef) for clause in query.groupClause]


class _Clause:
    """A GROUP BY clause under construction."""

    def __init__(
        self, state: ParseState, entries: list[TargetEntry], sorts: list[SortGroupClause]
    ) -> None:
        self.state = state
        self.entries = entries
        self.sorts = sorts
        self.clauses: list[SortGroupClause] = []

    def add(self, node: Any, seen: set[int], top: bool) -> int:
        """One expression: its reference, 0 where the same list has it already."""
        entry = find_entry(self.state, node, self.entries, "GROUP BY")
        ref = entry.ressortgroupref
        if ref:
            if ref in seen:
                return 0
            if any(clause.tleSortGroupRef == ref for clause in self.clauses):
                return ref
            for clause in self.sorts:
                if clause.tleSortGroupRef == ref:
                    # Grouping in the order of ORDER BY saves a sort.
                    changes = {} if top else {"nulls_first": False}
                    self.clauses.append(clause.copy(**changes))
                    return ref
        group_item(self.state, entry, self.clauses, self.entries, expr_location(node))
        return entry.ressortgroupref

    def add_list(self, nodes: list[Any]) -> IntList:
        """The references of a parenthesised list."""
        seen: set[int] = set()
        refs = IntList()
        for node in nodes:
            ref = self.add(node, seen, False)
            if ref:
                seen.add(ref)
                refs.append(ref)
        return refs

    def add_set(self, node: GroupingSet) -> GroupingSet:
        """ROLLUP, CUBE or GROUPING SETS with its contents."""
        content = []
        for item in node.content:
            if isinstance(item, GroupingSet):
                content.append(self.add_set(item))
                continue
            refs = self.add_list(item if isinstance(item, list) else [item])
            content.append(_simple(refs, expr_location(item)))
        if node.kind == GroupingSetKind.GROUPING_SET_CUBE and len(content) > MAX_CUBE:
            raise SqlError(f"CUBE is limited to {MAX_CUBE} elements", "54011",
                           position=node.location + 1)  # fmt: skip
        return GroupingSet(kind=node.kind, content=content, location=node.location)


def _simple(refs: IntList, location: int) -> GroupingSet:
    return GroupingSet(kind=_SIMPLE, content=refs, location=location)


def group_clause(
    state: ParseState, items: list[Any], entries: list[TargetEntry], sorts: list[SortGroupClause]
) -> tuple[list[SortGroupClause], list[GroupingSet]]:
    """GROUP BY as (keys, grouping sets); the latter are empty where it uses none."""
    flat = _flatten_top(items)
    uses_sets = any(isinstance(item, GroupingSet) for item in flat)
    if not flat and any(isinstance(item, GroupingSet) for item in items):
        return [], [GroupingSet(kind=_EMPTY, location=expr_location(items))]
    clause = _Clause(state, entries, sorts)
    sets: list[GroupingSet] = []
    seen: set[int] = set()
    for item in flat:
        if isinstance(item, GroupingSet):
            sets.append(clause.add_set(item))
            continue
        ref = clause.add(item, seen, True)
        if ref:
            seen.add(ref)
            if uses_sets:
                sets.append(_simple(IntList([ref]), expr_location(item)))
    return clause.clauses, sets


def _is_list(node: Any) -> bool:
    return isinstance(node, RowExpr) and node.row_format == CoercionForm.COERCE_IMPLICIT_CAST


def _flatten_top(items: list[Any]) -> list[Any]:
    """Parenthesised lists opened; ``()`` on its own groups by nothing."""
    out: list[Any] = []
    for item in items:
        if _is_list(item):
            out += _flatten_top(item.args)
        elif isinstance(item, GroupingSet):
            if item.kind != _EMPTY:
                out.append(_flatten_set(item))
        else:
            out.append(item)
    return out


def _flatten_set(node: GroupingSet) -> GroupingSet:
    """Rows become lists, and GROUPING SETS directly inside GROUPING SETS are merged."""
    content: list[Any] = []
    for item in node.content:
        if _is_list(item):
            content.append(_flatten_list(item.args))
        elif isinstance(item, GroupingSet):
            inner = _flatten_set(item)
            if item.kind == _SETS:
                content += inner.content
            else:
                content.append(inner)
        else:
            content.append(item)
    return node.copy(content=content)


def _flatten_list(items: list[Any]) -> list[Any]:
    out: list[Any] = []
    for item in items:
        out += _flatten_list(item.args) if _is_list(item) else [item]
    return out


# -- multiplying out -----------------------------------------------------------------------


def _expand(node: GroupingSet) -> list[list[int]]:
    """The plain sets (references, in order) that one GroupingSet node stands for."""
    if node.kind == _EMPTY:
        return [[]]
    if node.kind == _SIMPLE:
        return [list(node.content)]
    if node.kind == _SETS:
        return [one for item in node.content for one in _expand(item)]
    parts = [list(item.content) for item in node.content]
    if node.kind == GroupingSetKind.GROUPING_SET_ROLLUP:
        ends = range(len(parts), -1, -1)
        return [[ref for part in parts[:end] for ref in part] for end in ends]
    masks = range(1 << len(parts))
    return [
        [ref for bit, part in enumerate(parts) if mask >> bit & 1 for ref in part]
        for mask in masks
    ]


def expand_grouping_sets(query: Query) -> list[list[int]]:
    """All grouping sets of a query: the product of its nodes, each a list of references."""
    factors = [_expand(node) for node in query.groupingSets]
    count = 1
    for factor in factors:
        count *= len(factor)
        if count > MAX_SETS:
            raise SqlError(f"too many grouping sets present (maximum {MAX_SETS})", "54001")
    sets = [list(dict.fromkeys(ref for part in parts for ref in part))
            for parts in product(*factors)]  # fmt: skip
    if query.groupDistinct:
        unique = {tuple(sorted(one)): one for one in reversed(sets)}
        sets = [one for one in sets if unique.get(tuple(sorted(one))) is one]
    return sorted(sets, key=len)
