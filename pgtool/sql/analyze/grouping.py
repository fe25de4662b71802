"""What a query groups by: the target entries behind GROUP BY and grouping sets."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.query import Query

__all__ = ["entry_of", "grouping_entries"]


def entry_of(query_or_list: Any, ref: int) -> Any:
    """The target entry with this sort/group reference."""
    entries = query_or_list.targetList if isinstance(query_or_list, Query) else query_or_list
    return next(entry for entry in entries if entry.ressortgroupref == ref)


def grouping_entries(query: Query) -> list[Any]:
    """The entries that GROUP BY names, in its order."""
    return [entry_of(query, clause.tleSortGroupRef) for clause in query.groupClause]
