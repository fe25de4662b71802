"""Where a recursive WITH query may refer to itself (manual, 7.8.2), checked on the raw tree.

Once, in the second operand of UNION, and not where the rows of one step would not simply
be added: below an outer join's nullable side, in a subquery of an expression, or under
INTERSECT ALL and EXCEPT.
"""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.nodes.base import Node
from pgtool.nodes.enums import JoinType, SetOperation
from pgtool.sql.analyze.nodetypes import expr_location

__all__ = ["check_recursive_form"]

INVALID_RECURSION = "42P19"
_NOT_IN_FIRST = "within its non-recursive term"
_NOT_IN_SUBLINK = "within a subquery"
_NOT_IN_OUTER_JOIN = "within an outer join"
_NULLABLE = {
    JoinType.JOIN_LEFT: ("rarg",), JoinType.JOIN_RIGHT: ("larg",),
    JoinType.JOIN_FULL: ("larg", "rarg"),
}  # fmt: skip


def check_recursive_form(cte: Any) -> None:
    """SqlError where a WITH query that refers to itself has no form that can be evaluated."""
    raw = cte.ctequery
    if type(raw).__name__ != "SelectStmt":
        raise SqlError(
            f'recursive query "{cte.ctename}" must not contain data-modifying statements',
            INVALID_RECURSION, position=cte.location + 1,
        )  # fmt: skip
    if raw.op != SetOperation.SETOP_UNION:
        raise SqlError(
            f'recursive query "{cte.ctename}" does not have the form non-recursive-term UNION '
            "[ALL] recursive-term", INVALID_RECURSION, position=cte.location + 1,
        )  # fmt: skip
    refused = (
        (raw.sortClause, "ORDER BY"), (raw.limitOffset, "OFFSET"), (raw.limitCount, "LIMIT"),
        (raw.lockingClause, "FOR UPDATE/SHARE"),
    )  # fmt: skip
    for present, what in refused:
        if present:
            raise SqlError(f"{what} in a recursive query is not implemented", "0A000",
                           position=expr_location(present) + 1 or None)  # fmt: skip
    walker = _Walker(str(cte.ctename))
    walker.visit(raw.withClause, _NOT_IN_SUBLINK)
    walker.visit(raw.larg, _NOT_IN_FIRST)
    walker.visit(raw.rarg, "")


class _Walker:
    """Finds the references to one name; ``forbidden`` says where the walk is, '' where it may."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.found = 0

    def visit(self, node: Any, forbidden: str) -> None:
        """Look at a node and everything below it."""
        if isinstance(node, list):
            for item in node:
                self.visit(item, forbidden)
            return
        if not isinstance(node, Node):
            return
        kind = type(node).__name__
        self._visit_node(node, kind, forbidden)

    def _visit_node(self, node: Any, kind: str, forbidden: str) -> None:
        if kind == "RangeVar":
            self._reference(node, forbidden)
        elif kind == "SelectStmt" and not self._is_shadowed(node):
            self._select(node, forbidden)
        elif kind == "SubLink":
            self.visit(node.subselect, _NOT_IN_SUBLINK)
            self.visit(node.testexpr, forbidden)
        elif kind == "JoinExpr":
            nullable = _NULLABLE.get(node.jointype, ())
            for side in ("larg", "rarg"):
                inner = _NOT_IN_OUTER_JOIN if side in nullable and not forbidden else forbidden
                self.visit(getattr(node, side), inner)
            self.visit(node.quals, forbidden)
        elif kind != "SelectStmt":
            self.visit(list(node.children()), forbidden)

    def _is_shadowed(self, node: Any) -> bool:
        clause = node.withClause
        return clause is not None and any(cte.ctename == self.name for cte in clause.ctes)

    def _select(self, node: Any, forbidden: str) -> None:
        inner = forbidden
        if not forbidden and node.op == SetOperation.SETOP_INTERSECT and node.all:
            inner = "within INTERSECT"
        self.visit(node.withClause, forbidden)
        self.visit(node.larg, "within EXCEPT" if not forbidden and _is_except(node) and node.all
                   else inner)  # fmt: skip
        self.visit(node.rarg, "within EXCEPT" if not forbidden and _is_except(node) else inner)
        rest = [
            getattr(node, name) for name, kind in node.FIELDS.items()
            if kind in ("NodeRef", "NodeList") and name not in ("larg", "rarg", "withClause")
        ]  # fmt: skip
        self.visit(rest, forbidden)

    def _reference(self, node: Any, forbidden: str) -> None:
        if node.schemaname is not None or node.relname != self.name:
            return
        position = node.location + 1
        if forbidden:
            raise SqlError(
                f'recursive reference to query "{self.name}" must not appear {forbidden}',
                INVALID_RECURSION, position=position,
            )  # fmt: skip
        self.found += 1
        if self.found > 1:
            raise SqlError(
                f'recursive reference to query "{self.name}" must not appear more than once',
                INVALID_RECURSION, position=position,
            )  # fmt: skip


def _is_except(node: Any) -> bool:
    return bool(node.op == SetOperation.SETOP_EXCEPT)
