"""RETURNING: expressions over the row as written, as it was, and over the plan's input."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.base import mutate, walk
from pgtool.nodes.enums import VarReturningType
from pgtool.nodes.exprs import Var
from pgtool.nodes.plan import OUTER_VAR
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.scope import Scope
from pgtool.sql.executor.written import EXTRA_PLACES, Row, RowShape, row_places

__all__ = ["Returning", "rows_apart"]

#: Stand for the new and the old row among the varnos of a scope.
NEW_ROW, OLD_ROW = -101, -102
_OLD = VarReturningType.VAR_RETURNING_OLD
_NEW = VarReturningType.VAR_RETURNING_NEW
_DEFAULT = VarReturningType.VAR_RETURNING_DEFAULT


class _Nothing:
    """A row that is not there: all NULL."""

    def __getitem__(self, index: int) -> None:
        return None


NOTHING = _Nothing()


class Rows:
    """The new row, the old one, and the input's columns, side by side."""

    __slots__ = ("given", "new", "old", "size")

    def __init__(self, new: Any, old: Any, given: Any, size: int) -> None:
        self.new, self.old, self.given, self.size = new, old, given, size

    def __getitem__(self, index: int) -> Any:
        size = self.size
        if index < size:
            return self.new[index]
        if index < 2 * size:
            return self.old[index - size]
        return self.given[index - 2 * size]


def rows_apart(natts: int, width: int) -> Scope:
    """The scope of :class:`Rows`."""
    size = natts + EXTRA_PLACES
    places = {**row_places(natts, NEW_ROW), **row_places(natts, OLD_ROW, size)}
    places.update({(OUTER_VAR, i + 1): 2 * size + i for i in range(width)})
    return Scope(places)


class Returning:
    """The list of one ModifyTable."""

    def __init__(self, env: Any, plan: Any, shape: RowShape, width: int) -> None:
        target = plan.nominalRelation
        deleting = plan.operation.name == "CMD_DELETE"
        default = OLD_ROW if deleting else NEW_ROW

        def change(node: Any) -> Any:
            if isinstance(node, Var) and node.varno == target:
                kind = node.varreturningtype
                place = {_OLD: OLD_ROW, _NEW: NEW_ROW, _DEFAULT: default}[kind]
                return node.copy(varno=place)
            return mutate(node, change)

        exprs = [change(entry.expr) for entry in plan.targetlist]
        self.reads_input = any(
            isinstance(v, Var) and v.varno == OUTER_VAR for v in walk(exprs)
        )
        self.size = shape.natts + EXTRA_PLACES
        self.columns = ScalarCompiler(env, rows_apart(shape.natts, width)).many(exprs)

    def row(self, new: Row | None, old: Row | None, given: Any, ctx: Any) -> tuple[Any, ...]:
        """The values for one written row."""
        rows = Rows(new or NOTHING, old or NOTHING, given, self.size)
        return tuple(column(rows, ctx) for column in self.columns)
