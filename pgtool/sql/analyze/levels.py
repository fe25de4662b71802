"""References across query levels: finding those to one level, and moving them further in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.nodes.base import Node, mutate
from pgtool.nodes.enums import RTEKind
from pgtool.nodes.exprs import Aggref, GroupingFunc, Var
from pgtool.nodes.query import Query, RangeTblEntry

__all__ = ["cte_references", "deepen", "variables_of_level"]


def variables_of_level(tree: Any, level: int = 0) -> Iterator[Var]:
    """The Vars of the query ``level`` levels around an expression, in its subqueries too."""
    if isinstance(tree, list):
        for item in tree:
            yield from variables_of_level(item, level)
    elif isinstance(tree, Var):
        if tree.varlevelsup == level:
            yield tree
    elif isinstance(tree, Node):
        inner = level + isinstance(tree, Query)
        for child in tree.children():
            yield from variables_of_level(child, inner)


def cte_references(tree: Any, depth: int = 0) -> Iterator[tuple[int, str]]:
    """(level seen from the top, name) of the WITH queries from outside that a tree reads."""
    if isinstance(tree, RangeTblEntry) and tree.rtekind == RTEKind.RTE_CTE:
        if tree.ctelevelsup >= depth:
            yield tree.ctelevelsup - depth, str(tree.ctename)
        return
    if isinstance(tree, Node):
        inner = depth + isinstance(tree, Query)
        for child in tree.children():
            yield from cte_references(child, inner)


def deepen(node: Any, by: int, depth: int = 0) -> Any:
    """An expression's references to the levels around it, for use ``by`` levels further in."""
    if isinstance(node, Var):
        return node.copy(varlevelsup=node.varlevelsup + by) if node.varlevelsup >= depth else node
    made = mutate(node, lambda child: deepen(child, by, depth + isinstance(node, Query)))
    if isinstance(node, (Aggref, GroupingFunc)) and node.agglevelsup >= depth:
        return made.copy(agglevelsup=node.agglevelsup + by)
    if isinstance(node, RangeTblEntry) and node.rtekind == RTEKind.RTE_CTE and (
        node.ctelevelsup >= depth
    ):
        return made.copy(ctelevelsup=node.ctelevelsup + by)
    return made
