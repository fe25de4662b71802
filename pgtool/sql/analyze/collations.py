"""Collations: derived bottom up once a clause is analyzed (manual, 23.2).

A collation is *implicit* where it comes from a column or type, *explicit* where a COLLATE
clause gives it. Two different implicit ones conflict, which is an error only where a
collation is needed when the expression runs; two different explicit ones are an error.
"""

from __future__ import annotations

import enum
from typing import Any

from pgtool.catalog.typeoids import DEFAULT_COLLATION_OID
from pgtool.errors import SqlError
from pgtool.nodes.base import Node
from pgtool.nodes.enums import CoercionForm
from pgtool.nodes.exprs import RelabelType
from pgtool.nodes.query import Query
from pgtool.sql.analyze.nodetypes import expr_collation, expr_location, expr_type, expr_typmod
from pgtool.sql.analyze.state import ParseState

__all__ = ["assign_collations", "assign_query_collations"]


class _Strength(enum.IntEnum):
    none = 0
    implicit = 1
    conflict = 2
    explicit = 3


class _Derived:
    """The collation derived so far for the arguments of one node."""

    __slots__ = ("collation", "conflict", "location", "strength")

    def __init__(self) -> None:
        self.collation = 0
        self.strength = _Strength.none
        #: Where it comes from: a location, or the node that has it.
        self.location: Any = -1
        self.conflict = 0


#: Class → (field for the result's collation or None, field for the input collation or None).
_RESULT_INPUT: dict[str, tuple[str | None, str | None]] = {
    "FuncExpr": ("funccollid", "inputcollid"), "OpExpr": ("opcollid", "inputcollid"),
    "DistinctExpr": ("opcollid", "inputcollid"), "NullIfExpr": ("opcollid", "inputcollid"),
    "ScalarArrayOpExpr": (None, "inputcollid"), "Aggref": ("aggcollid", "inputcollid"),
    "WindowFunc": ("wincollid", "inputcollid"), "MinMaxExpr": ("minmaxcollid", "inputcollid"),
    "CaseExpr": ("casecollid", None), "CoalesceExpr": ("coalescecollid", None),
    "ArrayExpr": ("array_collid", None), "RelabelType": ("resultcollid", None),
    "CoerceViaIO": ("resultcollid", None), "ArrayCoerceExpr": ("resultcollid", None),
    "CoerceToDomain": ("resultcollid", None), "SubscriptingRef": ("refcollid", None),
    "FieldSelect": ("resultcollid", None), "JsonExpr": ("collation", None),
}  # fmt: skip
#: Their own type's collation counts, whatever their argument's is.
_FROM_TYPE = {"CoerceViaIO", "FieldSelect", "CoerceToDomain"}
_LEAVES = {"Var", "Const", "Param", "CaseTestExpr", "CoerceToDomainValue", "SetToDefault",
           "SQLValueFunction", "CurrentOfExpr", "NextValueExpr"}  # fmt: skip


#: The parts of a query that hold expressions of its own level.
_QUERY_PARTS = (
    "targetList", "jointree", "havingQual", "limitOffset", "limitCount", "windowClause",
    "returningList", "onConflict", "mergeActionList", "mergeJoinCondition",
)  # fmt: skip


def assign_query_collations(state: ParseState, query: Query) -> None:
    """Derive collations in every expression of a finished query (subqueries have theirs)."""
    for name in _QUERY_PARTS:
        value = getattr(query, name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Node):
                assign_collations(state, item)
    for rte in query.rtable:
        for item in (*rte.functions, *rte.groupexprs):
            assign_collations(state, getattr(item, "funcexpr", item))
        for values in rte.values_lists:
            for value in values:
                assign_collations(state, value)


def assign_collations(state: ParseState, node: Any) -> None:
    """Derive collations inside one expression, in place."""
    _derive(state, node, _Derived())


def _derive(state: ParseState, node: Any, into: _Derived) -> None:
    if isinstance(node, list):
        for item in node:
            _derive(state, item, _Derived())
        return
    name = type(node).__name__
    if isinstance(node, Node):
        _derive_node(state, node, name, into)


def _derive_node(state: ParseState, node: Any, name: str, into: _Derived) -> None:
    if isinstance(node, Query) or name == "Alias" or name.startswith("Value"):
        return
    if name == "CollateExpr":
        _derive(state, node.arg, _Derived())
        _merge(state, into, node.collOid, _Strength.explicit, node.location)
        return
    if name in _LEAVES:
        _leaf(state, node, into)
        return
    if name in ("SubLink", "SubPlan"):
        _derive(state, node.testexpr, _Derived())
        _leaf(state, node, into)
        return
    if name == "RowCompareExpr":
        _row_compare(state, node)
        return
    if name in ("RowExpr", "FromExpr", "JoinExpr", "SortGroupClause", "WindowClause",
                "OnConflictExpr", "MergeAction", "RangeTblRef"):  # fmt: skip
        for child in node.children():
            _derive(state, child, _Derived())
        return
    if name == "TargetEntry":
        _derive(state, node.expr, into)
        return
    _operator(state, node, name, into)


def _operator(state: ParseState, node: Any, name: str, into: _Derived) -> None:
    args = _Derived()
    for child in _collation_arguments(state, node, name):
        _derive(state, child, args)
    result_field, input_field = _RESULT_INPUT.get(name, (None, None))
    if input_field is not None and args.strength != _Strength.conflict:
        setattr(node, input_field, args.collation)
    typcollation = state.types.collation(expr_type(node)) if expr_type(node) else 0
    if not typcollation:
        collation, strength = 0, _Strength.none
    elif name == "CoerceToDomain" and typcollation == DEFAULT_COLLATION_OID:
        collation, strength = args.collation, args.strength
    elif name in _FROM_TYPE or args.strength == _Strength.none:
        collation = typcollation
        if name == "FieldSelect":
            collation = node.resultcollid or typcollation
        strength = _Strength.implicit
    else:
        collation, strength = args.collation, args.strength
    if result_field is not None:
        setattr(node, result_field, 0 if strength == _Strength.conflict else collation)
    into_location = args.location if strength == _Strength.explicit else node
    _merge(state, into, collation, strength, into_location, args.conflict)


def _collation_arguments(state: ParseState, node: Any, name: str) -> list[Any]:
    """The children whose collations count; the others are derived for themselves."""
    if name == "CaseExpr":
        _derive(state, node.arg, _Derived())
        for when in node.args:
            _derive(state, when.expr, _Derived())
        return [*(when.result for when in node.args), node.defresult]
    if name == "Aggref":
        return _aggregate_arguments(state, node)
    if name == "WindowFunc":
        _derive(state, node.aggfilter, _Derived())
        return list(node.args)
    if name == "SubscriptingRef":
        for item in (*node.refupperindexpr, *node.reflowerindexpr):
            _derive(state, item, _Derived())
        return [node.refexpr, node.refassgnexpr]
    return list(node.children())


def _aggregate_arguments(state: ParseState, node: Any) -> list[Any]:
    """The arguments from which an aggregate's collation comes; the others stand alone."""
    _derive(state, node.aggfilter, _Derived())
    if node.aggkind == "n":
        for entry in node.args:
            if entry.resjunk:
                _derive(state, entry.expr, _Derived())
        return [entry for entry in node.args if not entry.resjunk]
    if node.aggkind == "h":
        # Each hypothetical argument has its sort column for a partner.
        plain = len(node.aggdirectargs) - len(node.args)
        for direct, entry in zip(node.aggdirectargs[plain:], node.args):
            pair = _Derived()
            _derive(state, direct, pair)
            _derive(state, entry, pair)
            if pair.strength == _Strength.conflict:
                raise _conflict(state, pair)
            _agree(entry, pair.collation)
        return list(node.aggdirectargs[:plain])
    row = state.cache.proc(node.aggfnoid)
    if len(node.args) == 1 and not (row is not None and row.provariadic):
        return [*node.aggdirectargs, *node.args]
    for entry in node.args:
        _derive(state, entry, _Derived())
    return list(node.aggdirectargs)


def _agree(entry: Any, collation: int) -> None:
    """A sort column takes the collation that it and its hypothetical value agree on."""
    if collation and collation != expr_collation(entry.expr):
        entry.expr = RelabelType(
            arg=entry.expr, resulttype=expr_type(entry.expr), resulttypmod=expr_typmod(entry.expr),
            resultcollid=collation, relabelformat=CoercionForm.COERCE_IMPLICIT_CAST,
        )  # fmt: skip


def _leaf(state: ParseState, node: Any, into: _Derived) -> None:
    collation = expr_collation(node)
    strength = _Strength.implicit if collation else _Strength.none
    if not collation and type(node).__name__ == "Param":
        collation = state.types.collation(expr_type(node))
        strength = _Strength.implicit if collation else _Strength.none
    _merge(state, into, collation, strength, node)


def _row_compare(state: ParseState, node: Any) -> None:
    collations = type(node.inputcollids)()
    for left, right in zip(node.largs, node.rargs):
        pair = _Derived()
        _derive(state, left, pair)
        _derive(state, right, pair)
        if pair.strength == _Strength.conflict:
            raise _conflict(state, pair)
        collations.append(pair.collation)
    node.inputcollids = collations


def _merge(
    state: ParseState, into: _Derived, collation: int, strength: _Strength, location: Any,
    conflict: int = 0,
) -> None:  # fmt: skip
    """Add one argument's collation to what the others gave."""
    if strength > into.strength:
        into.collation, into.strength, into.location = collation, strength, location
        into.conflict = conflict
        return
    if strength < into.strength or collation == into.collation:
        return
    if strength == _Strength.implicit:
        # The default collation gives way to any other.
        if into.collation == DEFAULT_COLLATION_OID:
            into.collation, into.location = collation, location
        elif collation != DEFAULT_COLLATION_OID:
            into.conflict = collation
            into.strength = _Strength.conflict
    elif strength == _Strength.explicit:
        names = [_collation_name(state, oid) for oid in (into.collation, collation)]
        raise SqlError(
            f'collation mismatch between explicit collations "{names[0]}" and "{names[1]}"',
            "42P21", position=_position(location),
        )  # fmt: skip


def _position(place: Any) -> int | None:
    location = place if isinstance(place, int) else expr_location(place)
    return location + 1 if location >= 0 else None


def _collation_name(state: ParseState, oid: int) -> str:
    row = state.cache.one("pg_collation", "oid", oid)
    return str(row.collname) if row is not None else str(oid)


def _conflict(state: ParseState, derived: _Derived) -> SqlError:
    names = [_collation_name(state, oid) for oid in (derived.collation, derived.conflict)]
    return SqlError(
        f'collation mismatch between implicit collations "{names[0]}" and "{names[1]}"', "42P21",
        hint="You can choose the collation by applying the COLLATE clause to one or both "
        "expressions.", position=_position(derived.location),
    )  # fmt: skip
