"""Row values: what columns they have, and how rows compare."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.base import strings
from pgtool.nodes.enums import RTEKind
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.analyze.polymorphic import enforce_generics
from pgtool.sql.analyze.state import Column, ParseState

__all__ = ["columns_of_type", "comparison_interpretation", "row_columns"]

BTREE_AM = 403
_STRATEGIES = {1: "<", 2: "<=", 3: "=", 4: ">=", 5: ">"}


def columns_of_type(state: ParseState, typid: int) -> list[Column]:
    """The columns of a named composite type."""
    return [
        Column(a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attisdropped)
        for a in state.types.attributes(typid)
    ]


def row_columns(state: ParseState, row: Any) -> list[Column] | None:
    """The columns of a row expression; None where only execution would tell."""
    typid = expr_type(row)
    if typid != t.RECORDOID:
        return columns_of_type(state, typid)
    name = type(row).__name__
    if name == "RowExpr":
        return [
            Column(label, expr_type(arg), expr_typmod(arg), expr_collation(arg))
            for label, arg in zip(strings(row.colnames), row.args)
        ]
    if name == "Var":
        owner = state.level(row.varlevelsup)
        item = owner.items[row.varno]
        if row.varattno == 0:
            return list(item.columns)
        return _column_of_rte(state, owner, item.rte, row.varattno)
    if name == "FuncExpr":
        return _function_columns(state, row)
    if name == "Const" and getattr(row, "row_columns", None):
        return list(row.row_columns)
    return None


def _column_of_rte(
    state: ParseState, owner: ParseState, rte: Any, number: int
) -> list[Column] | None:
    """The columns of a RECORD column: follow it to the expression that makes it."""
    if rte.rtekind in (RTEKind.RTE_SUBQUERY, RTEKind.RTE_CTE):
        query = rte.subquery
        if rte.rtekind == RTEKind.RTE_CTE:
            query = owner.find_cte(rte.ctename, rte.ctelevelsup)
            query = query.ctequery if query is not None else None
        if query is None or not hasattr(query, "targetList"):
            return None
        entry = next((e for e in query.targetList if e.resno == number), None)
        if entry is None:
            return None
        inner = ParseState(state.shared, owner)
        inner.adopt(query)
        return row_columns(inner, entry.expr)
    return None


def _function_columns(state: ParseState, call: Any) -> list[Column] | None:
    """The OUT parameters of a function that returns RECORD."""
    row = state.cache.proc(call.funcid)
    if row is None or row.proallargtypes is None or row.proargmodes is None:
        return None
    out: list[Column] = []
    names = row.proargnames or ("",) * len(row.proallargtypes)
    actual = [expr_type(arg) for arg in call.args]
    declared = list(row.proargtypes)[: len(actual)]
    for typid, mode, name in zip(row.proallargtypes, row.proargmodes, names):
        if mode in ("o", "b", "t"):
            if typid in t.POLYMORPHIC:
                typid = enforce_generics(state, actual, declared, typid)[1]
            out.append(Column(name or f"column{len(out) + 1}", typid, -1,
                              state.types.collation(typid)))  # fmt: skip
    return out or None


def comparison_interpretation(
    state: ParseState, compared: list[Any], op: str, position: int | None
) -> tuple[str, list[int]]:
    """What a row comparison's operators mean in a common btree sense.

    Returns the meaning (``<``, ``<=``, ``=``, ``<>``, ``>=``, ``>``) and, for the ordering
    ones, an operator family for each column.
    """
    found = [_btree_meanings(state, made.opno) for made in compared]
    common = set(found[0])
    for meanings in found[1:]:
        common &= set(meanings)
    if not common:
        raise SqlError(
            f"could not determine interpretation of row comparison operator {op}", "0A000",
            hint="Row comparison operators must be associated with btree operator families.",
            position=position,
        )  # fmt: skip
    meaning = min(common, key=["<", "<=", "=", ">=", ">", "<>"].index)
    if meaning in ("=", "<>"):
        return meaning, []
    return meaning, [meanings[meaning] for meanings in found]


def _btree_meanings(state: ParseState, opno: int) -> dict[str, int]:
    """Meaning → operator family of an operator in btree families."""
    out: dict[str, int] = {}
    for row in state.cache.lookup("pg_amop", "amopopr", opno):
        if row.amopmethod == BTREE_AM:
            out.setdefault(_STRATEGIES[row.amopstrategy], row.amopfamily)
    negator = state.cache.operator(opno).oprnegate
    if negator:
        for row in state.cache.lookup("pg_amop", "amopopr", negator):
            if row.amopmethod == BTREE_AM and row.amopstrategy == 3:
                out.setdefault("<>", row.amopfamily)
    return out
