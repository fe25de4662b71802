"""Errors for names that mean nothing in FROM, with PostgreSQL's guesses at what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgtool.errors import SqlError
from pgtool.nodes.enums import RTEKind

if TYPE_CHECKING:
    from pgtool.sql.analyze.state import Namespace, ParseState

__all__ = ["missing_column", "missing_relation"]

MAX_DISTANCE = 3
_THIS_PART = "it cannot be referenced from this part of the query."


def distance(one: str, two: str) -> int:
    """Levenshtein distance: insertions, deletions and substitutions."""
    row = list(range(len(two) + 1))
    for i, left in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(two, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]


def _levels(state: ParseState) -> Iterator[ParseState]:
    here: ParseState | None = state
    while here is not None:
        yield here
        here = here.parent


def _visible_if_lateral(state: ParseState, item: Namespace) -> bool:
    """Whether marking the subquery LATERAL would bring an item into scope."""
    if state.lateral_active:
        return False
    found = [
        one for level in _levels(state) for one in level.namespace if one.rte is item.rte
    ]  # fmt: skip
    return bool(found) and found[0].lateral_only and found[0].lateral_ok


def missing_relation(state: ParseState, name: str, location: int) -> SqlError:
    """The error for a qualifier that names nothing in FROM."""
    position = location + 1
    invalid = f'invalid reference to FROM-clause entry for table "{name}"'
    for level in _levels(state):
        for item in level.items.values():
            rte = item.rte
            if rte.rtekind == RTEKind.RTE_JOIN and rte.alias is None:
                continue
            if rte.eref is not None and rte.eref.aliasname == name:
                hint = None
                if _visible_if_lateral(state, item):
                    hint = "To reference that table, you must mark this subquery with LATERAL."
                return SqlError(invalid, "42P01",
                                f'There is an entry for table "{name}", but {_THIS_PART}', hint,
                                position)  # fmt: skip
            if rte.rtekind == RTEKind.RTE_RELATION and rte.alias is not None:
                row = state.cache.one("pg_class", "oid", rte.relid)
                if row is not None and row.relname == name:
                    alias = rte.alias.aliasname
                    hint = f'Perhaps you meant to reference the table alias "{alias}".'
                    return SqlError(invalid, "42P01", hint=hint, position=position)
    return SqlError(f'missing FROM-clause entry for table "{name}"', "42P01", position=position)


def missing_column(state: ParseState, relation: str | None, name: str, location: int) -> SqlError:
    """The error for a column that does not exist."""
    shown = f"column {relation}.{name} does not exist" if relation else (
        f'column "{name}" does not exist'
    )
    exact: list[Namespace] = []
    near = _Nearest(name)
    for level in _levels(state):
        for item in level.items.values():
            if item.rte.rtekind == RTEKind.RTE_JOIN or item.rte.eref is None:
                continue
            penalty = 0 if relation is None else distance(relation, item.rte.eref.aliasname)
            for column in item.columns:
                if column.dropped:
                    continue
                if column.name == name and penalty == 0:
                    exact.append(item)
                near.offer(item.rte.eref.aliasname, column.name, penalty)
    detail = hint = None
    if exact:
        detail, hint = _out_of_reach(state, relation, name, exact)
    elif near.best:
        hint = "Perhaps you meant to reference the " + " or the ".join(
            f'column "{table}.{column}"' for table, column in near.best
        )
        hint += "."
    return SqlError(shown, "42703", detail, hint, location + 1)


def _out_of_reach(
    state: ParseState, relation: str | None, name: str, exact: list[Namespace]
) -> tuple[str, str | None]:
    if len(exact) > 1:
        hint = None if relation else "Try using a table-qualified name."
        return (f'There are columns named "{name}", but they are in tables that cannot be '
                "referenced from this part of the query.", hint)  # fmt: skip
    item = exact[0]
    detail = f'There is a column named "{name}" in table "{item.rte.eref.aliasname}", but '
    hint = None
    if _visible_if_lateral(state, item):
        hint = "To reference that column, you must mark this subquery with LATERAL."
    elif relation is None and any(
        one.rte is item.rte and one.rel_visible for level in _levels(state)
        for one in level.namespace
    ):
        hint = "To reference that column, you must use a table-qualified name."
    return detail + _THIS_PART, hint


class _Nearest:
    """The one or two columns whose names are nearest; none where more are as near."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.distance = MAX_DISTANCE + 1
        self.best: list[tuple[str, str]] = []

    def offer(self, table: str, column: str, penalty: int) -> None:
        """Consider one column; ``penalty`` is how far off its table's name is."""
        if penalty > self.distance:
            return
        found = distance(column, self.name)
        if found > len(self.name.encode()) // 2:
            return
        found += penalty
        if found < self.distance:
            self.distance, self.best = found, [(table, column)]
        elif found == self.distance:
            if len(self.best) == 2:
                self.best = []
            elif self.best:
                self.best.append((table, column))
