"""A grouped query without its GROUP entry: references to groups become their expressions."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.base import Node, mutate
from pgtool.nodes.enums import RTEKind
from pgtool.nodes.exprs import Aggref, GroupingFunc, Var
from pgtool.nodes.query import CommonTableExpr, Query

__all__ = ["without_groups"]


def without_groups(query: Any) -> Any:
    """The query with its target list and HAVING as they were written."""
    if not query.hasGroupRTE:
        return query
    numbers = [
        i for i, rte in enumerate(query.rtable, 1) if rte.rtekind == RTEKind.RTE_GROUP
    ]  # fmt: skip
    if not numbers:
        return query
    flatten = _Flatten(numbers[0], query.rtable[numbers[0] - 1].groupexprs)
    return query.copy(
        targetList=flatten(query.targetList, 0), havingQual=flatten(query.havingQual, 0)
    )


class _Flatten:
    def __init__(self, number: int, exprs: list[Any]) -> None:
        self.number, self.exprs = number, exprs

    def __call__(self, node: Any, depth: int) -> Any:
        if isinstance(node, list):
            return [self(item, depth) if isinstance(item, (list, Node)) else item for item in node]
        if not isinstance(node, Node):
            return node
        if isinstance(node, Var):
            if node.varno == self.number and node.varlevelsup == depth:
                return _deeper(self.exprs[node.varattno - 1], depth, 0) if depth else (
                    self.exprs[node.varattno - 1]
                )
            return node
        inside = depth + isinstance(node, Query)
        return mutate(node, lambda child: self(child, inside))


def _deeper(node: Any, by: int, depth: int) -> Any:
    """A copy whose references to levels outside of it go ``by`` levels further."""
    if isinstance(node, Var):
        return node.copy(varlevelsup=node.varlevelsup + by) if node.varlevelsup >= depth else node
    if isinstance(node, (Aggref, GroupingFunc)) and node.agglevelsup >= depth:
        node = node.copy(agglevelsup=node.agglevelsup + by)
    elif isinstance(node, CommonTableExpr):
        return node
    inside = depth + isinstance(node, Query)
    return mutate(node, lambda child: _deeper(child, by, inside))
