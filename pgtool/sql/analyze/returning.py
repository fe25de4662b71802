"""RETURNING: expressions over the target's row, and over OLD and NEW (or the names given them)."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.nodes.base import ValueString
from pgtool.nodes.enums import VarReturningType
from pgtool.nodes.query import Alias, Query
from pgtool.nodes.raw_enums import ReturningOptionKind
from pgtool.sql.analyze.state import Namespace, ParseState
from pgtool.sql.analyze.target import resolve_unknowns, transform_target_list

__all__ = ["transform_returning"]

_OLD, _NEW = VarReturningType.VAR_RETURNING_OLD, VarReturningType.VAR_RETURNING_NEW


def transform_returning(
    state: ParseState, query: Query, clause: Any, target: Namespace
) -> None:
    """Analyze the clause into ``returningList``; the names come into scope for it only."""
    given: dict[ReturningOptionKind, str] = {}
    for option in clause.options:
        word = "OLD" if option.option == ReturningOptionKind.RETURNING_OPTION_OLD else "NEW"
        if option.option in given:
            raise SqlError(f"{word} cannot be specified multiple times", "42601",
                           position=option.location + 1)  # fmt: skip
        given[option.option] = option.value
        if any(item.refname == option.value and item.rel_visible for item in state.namespace):
            raise SqlError(f'table name "{option.value}" specified more than once', "42712",
                           position=option.location + 1)  # fmt: skip
    names = {
        _OLD: given.get(ReturningOptionKind.RETURNING_OPTION_OLD, "old"),
        _NEW: given.get(ReturningOptionKind.RETURNING_OPTION_NEW, "new"),
    }
    taken = {item.refname for item in state.namespace if item.rel_visible}
    before = len(state.namespace)
    for kind, name in names.items():
        if name not in taken:
            state.namespace.append(_row_item(target, kind, name))
            taken.add(name)
            field = "returningOldAlias" if kind == _OLD else "returningNewAlias"
            setattr(query, field, name)
    query.returningList = transform_target_list(state, clause.exprs, "RETURNING")
    del state.namespace[before:]
    if not query.returningList:
        raise SqlError("RETURNING must have at least one column", "42601")
    resolve_unknowns(state, query.returningList)


def _row_item(target: Namespace, kind: VarReturningType, name: str) -> Namespace:
    """OLD or NEW: the target's columns under another name."""
    labels = [ValueString(sval=column.name) for column in target.columns]
    return Namespace(
        target.rte, target.index, target.columns, cols_visible=False,
        names=Alias(aliasname=name, colnames=labels), returning=kind,
    )  # fmt: skip
