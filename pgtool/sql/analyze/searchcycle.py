"""SEARCH and CYCLE of recursive WITH queries: what they add, and whether they may.

SEARCH adds a column that rows can be ordered by, CYCLE two columns, a mark and the path that
led to the row. References to the WITH query see them behind its own columns (inside it only
by name, not through ``*``); :mod:`pgtool.sql.searchcycle` makes them when the query runs.
"""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.base import strings
from pgtool.sql.analyze.clauses import sort_group_operators
from pgtool.sql.analyze.coerce import coerce_to_common, select_common_type, select_common_typmod
from pgtool.sql.analyze.collations import assign_collations
from pgtool.sql.analyze.state import Column, ParseState

__all__ = ["added_columns", "check_clauses", "transform_mark"]

SYNTAX_ERROR = "42601"
UNDEFINED_FUNCTION = "42883"


def transform_mark(state: ParseState, cte: Any) -> None:
    """The cycle mark's values and type, which the WITH query itself may refer to."""
    from pgtool.sql.analyze.expressions import transform_expr
    from pgtool.sql.analyze.setops import common_collation

    if cte.cycle_clause is None:
        return
    cycle = cte.cycle_clause = cte.cycle_clause.copy()
    raw = cycle.cycle_mark_value, cycle.cycle_mark_default
    marks = [transform_expr(state, node, "CYCLE") for node in raw]
    typid = select_common_type(state, marks, "CYCLE")
    value = coerce_to_common(state, marks[0], typid, "CYCLE/SET/TO")
    default = coerce_to_common(state, marks[1], typid, "CYCLE/SET/DEFAULT")
    assign_collations(state, value)
    assign_collations(state, default)
    cycle.cycle_mark_value, cycle.cycle_mark_default = value, default
    cycle.cycle_mark_type = typid
    cycle.cycle_mark_typmod = select_common_typmod([value, default], typid)
    cycle.cycle_mark_collation = common_collation(state, [value, default], typid)
    _lt, equal, _gt, _hashable = sort_group_operators(state, typid, False, False, -1)
    opposite = state.cache.operator(equal).oprnegate if equal else 0
    if not opposite:
        what = "inequality" if equal else "equality"
        raise SqlError(
            f"could not identify an {what} operator for type {state.types.name(typid)}",
            UNDEFINED_FUNCTION,
        )
    cycle.cycle_mark_neop = opposite


def added_columns(cte: Any) -> list[Column]:
    """The columns behind the WITH query's own."""
    out = []
    search, cycle = cte.search_clause, cte.cycle_clause
    if search is not None:
        typid = t.RECORDOID if search.search_breadth_first else t.RECORDARRAYOID
        out.append(Column(search.search_seq_column, typid))
    if cycle is not None:
        out.append(Column(cycle.cycle_mark_column, cycle.cycle_mark_type,
                          cycle.cycle_mark_typmod, cycle.cycle_mark_collation))  # fmt: skip
        out.append(Column(cycle.cycle_path_column, t.RECORDARRAYOID))
    return out


def check_clauses(cte: Any) -> None:
    """SqlError where the clauses do not fit the analyzed WITH query."""
    search, cycle = cte.search_clause, cte.cycle_clause
    if search is None and cycle is None:
        return
    if not cte.cterecursive:
        raise SqlError("WITH query is not recursive", SYNTAX_ERROR, position=cte.location + 1)
    tree = cte.ctequery.setOperations
    for side, arm in (("left", tree.larg), ("right", tree.rarg)):
        if type(arm).__name__ != "RangeTblRef":
            raise SqlError(
                f"with a SEARCH or CYCLE clause, the {side} side of the UNION must be a SELECT",
                SYNTAX_ERROR,
            )
    columns = set(strings(cte.ctecolnames))
    added = []
    if search is not None:
        _check_list("search", search.search_col_list, columns, search.location)
        added.append(("search sequence column name", search.search_seq_column, search.location))
    if cycle is not None:
        _check_list("cycle", cycle.cycle_col_list, columns, cycle.location)
        added.append(("cycle mark column name", cycle.cycle_mark_column, cycle.location))
        added.append(("cycle path column name", cycle.cycle_path_column, cycle.location))
    for what, name, location in added:
        if name in columns:
            raise SqlError(f'{what} "{name}" already used in WITH query column list',
                           SYNTAX_ERROR, position=location + 1)  # fmt: skip
    # The cycle's own two first.
    for i, j in ((-2, -1), (0, -2), (0, -1)):
        if cycle is not None and (i < 0 or search is not None) and added[i][1] == added[j][1]:
            raise SqlError(f"{added[i][0]} and {added[j][0]} are the same", SYNTAX_ERROR,
                           position=added[i][2] + 1)  # fmt: skip


def _check_list(kind: str, names: list[Any], columns: set[str], location: int) -> None:
    seen: set[str] = set()
    for name in strings(names):
        if name not in columns:
            raise SqlError(f'{kind} column "{name}" not in WITH query column list', SYNTAX_ERROR,
                           position=location + 1)  # fmt: skip
        if name in seen:
            raise SqlError(f'{kind} column "{name}" specified more than once', "42701",
                           position=location + 1)  # fmt: skip
        seen.add(name)
