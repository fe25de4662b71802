"""How much the value of an expression can change, and whether NULL in gives NULL out.

Volatility is pg_proc's letter: ``i`` immutable, ``s`` stable, ``v`` volatile; of a tree,
the worst of its functions'.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.functions.nodetypes import expr_type
from pgtool.nodes.base import walk

__all__ = ["is_strict", "volatility"]

_ORDER = "isv"
#: Nodes that can give a value although an argument is NULL.
_NOT_STRICT = {
    "Aggref", "GroupingFunc", "WindowFunc", "DistinctExpr", "NullIfExpr", "SubLink", "SubPlan",
    "AlternativeSubPlan", "FieldStore", "CaseExpr", "ArrayExpr", "RowExpr", "RowCompareExpr",
    "CoalesceExpr", "MinMaxExpr", "XmlExpr", "NullTest", "BooleanTest", "JsonConstructorExpr",
}  # fmt: skip


def _functions(node: Any, cache: Any) -> Iterator[int]:
    """The functions that one node calls."""
    name = type(node).__name__
    if name == "FuncExpr":
        yield node.funcid
    elif name in ("OpExpr", "DistinctExpr", "NullIfExpr", "ScalarArrayOpExpr"):
        yield node.opfuncid or cache.operator(node.opno).oprcode
    elif name == "Aggref":
        yield node.aggfnoid
    elif name == "WindowFunc":
        yield node.winfnoid
    elif name == "CoerceViaIO":
        yield cache.type(node.resulttype).typinput
        yield cache.type(expr_type(node.arg)).typoutput
    elif name == "RowCompareExpr":
        for opno in node.opnos:
            yield cache.operator(opno).oprcode


def volatility(tree: Any, cache: Any) -> str:
    """The letter of the most volatile thing in a tree."""
    worst = "i"
    for node in walk([tree]):
        name = type(node).__name__
        letter = "i"
        if name == "NextValueExpr":
            return "v"
        if name == "SQLValueFunction":
            letter = "s"
        for oid in _functions(node, cache):
            row = cache.proc(oid)
            letter = max(letter, row.provolatile if row is not None else "v", key=_ORDER.index)
        worst = max(worst, letter, key=_ORDER.index)
        if worst == "v":
            break
    return worst


def is_strict(tree: Any, cache: Any) -> bool:
    """Whether every node of an expression gives NULL for a NULL argument."""
    for node in walk([tree]):
        name = type(node).__name__
        if name in _NOT_STRICT or (name == "BoolExpr" and int(node.boolop) != 2):
            return False
        if not all(row is not None and row.proisstrict
                   for row in map(cache.proc, _functions(node, cache))):  # fmt: skip
            return False
    return True
