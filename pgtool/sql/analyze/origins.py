"""Which table column an output column shows unchanged (``resorigtbl``, ``resorigcol``)."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.enums import RTEKind
from pgtool.nodes.exprs import Var
from pgtool.nodes.query import Query
from pgtool.sql.analyze.state import ParseState

__all__ = ["mark_origins"]


def mark_origins(state: ParseState, query: Query) -> None:
    """Fill in the origins of a query's plain output columns."""
    for entry in query.targetList:
        if isinstance(entry.expr, Var):
            entry.resorigtbl, entry.resorigcol = _origin(state, entry.expr, 0)


def _origin(state: ParseState, var: Var, level: int) -> tuple[int, int]:
    owner = state.level(level + var.varlevelsup)
    number = var.varattno
    rte = owner.rtable[var.varno - 1]
    if rte.rtekind == RTEKind.RTE_RELATION:
        return rte.relid, number
    if number <= 0:
        return 0, 0
    if rte.rtekind == RTEKind.RTE_SUBQUERY:
        return _of_entry(rte.subquery, number)
    if rte.rtekind == RTEKind.RTE_CTE and not rte.self_reference:
        cte = owner.find_cte(str(rte.ctename), rte.ctelevelsup)
        if cte is None or not isinstance(cte.ctequery, Query):
            return 0, 0
        return _of_entry(cte.ctequery, number)
    return 0, 0


def _of_entry(query: Any, number: int) -> tuple[int, int]:
    entry = next((e for e in query.targetList if e.resno == number and not e.resjunk), None)
    return (entry.resorigtbl, entry.resorigcol) if entry is not None else (0, 0)
