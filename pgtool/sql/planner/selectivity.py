"""Selectivity of clauses: lists, AND/OR/NOT, ranges, joins; PostgreSQL's rules and defaults."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.nodes.enums import BoolExprType, JoinType
from pgtool.nodes.exprs import Var
from pgtool.sql.planner import selfuncs, stats, trees
from pgtool.sql.planner.base import Rinfo, Root, SpecialJoin

DEFAULT_RANGE = 0.005
_SPECIAL = (JoinType.JOIN_SEMI, JoinType.JOIN_ANTI, JoinType.JOIN_LEFT, JoinType.JOIN_FULL)
_LOW = {"scalargtsel", "scalargesel"}
_HIGH = {"scalarltsel", "scalarlesel"}


def clamp(value: float) -> float:
    """A probability."""
    return min(max(value, 0.0), 1.0)


def clauselist(
    root: Root, clauses: list[Any], varrelid: int, jointype: int, sjinfo: SpecialJoin | None
) -> float:
    """Selectivity of AND-ed clauses; a lower and an upper bound on one thing are one range."""
    if len(clauses) == 1:
        return clause(root, clauses[0], varrelid, jointype, sjinfo)
    result = 1.0
    ranges: dict[Any, dict[str, Any]] = {}
    for item in clauses:
        sel = clause(root, item, varrelid, jointype, sjinfo)
        node = item.clause if isinstance(item, Rinfo) else item
        if isinstance(item, Rinfo) and item.pseudo:
            result *= sel
            continue
        found = _range_side(root, node, varrelid)
        if found is None:
            result *= sel
            continue
        var, low = found
        entry = ranges.setdefault(trees.key(var), {"var": var})
        side = "low" if low else "high"
        entry[side] = min(entry.get(side, 1.0), sel)
    for entry in ranges.values():
        result *= _range(root, entry)
    return result


def _range(root: Root, entry: dict[str, Any]) -> float:
    if "low" not in entry or "high" not in entry:
        return float(entry.get("low", entry.get("high", 1.0)))
    low, high = entry["low"], entry["high"]
    if selfuncs.DEFAULT_INEQ in (low, high):
        return DEFAULT_RANGE
    found = low + high - 1.0 + selfuncs.nulltest(root, entry["var"], 0)
    if found <= 0.0:
        return DEFAULT_RANGE if found < -0.01 else 1.0e-10
    return float(found)


def _range_side(root: Root, node: Any, varrelid: int) -> tuple[Any, bool] | None:
    if type(node).__name__ != "OpExpr" or len(node.args) != 2:
        return None
    rest = selfuncs.restriction(root.glob.cache, node.opno)
    if rest not in _LOW and rest not in _HIGH:
        return None
    left, right = node.args
    left_rels, right_rels = trees.varnos(left), trees.varnos(right)
    low = rest in _LOW
    if varrelid:
        one, two = varrelid in left_rels, varrelid in right_rels
        if one == two:
            return None
        on_left = one
    else:
        if left_rels and not right_rels:
            on_left = True
        elif right_rels and not left_rels:
            on_left = False
        else:
            return None
    return (left, low) if on_left else (right, not low)


def clause(
    root: Root, item: Any, varrelid: int, jointype: int, sjinfo: SpecialJoin | None
) -> float:
    """Selectivity of one clause, remembered in its Rinfo."""
    if not isinstance(item, Rinfo):
        return clamp(_node(root, item, varrelid, jointype, sjinfo, None))
    if item.pseudo and not trees.is_true(item.clause) and not trees.is_false(item.clause):
        return 1.0
    remember = not varrelid or item.clause_relids <= {varrelid}
    kind = (int(jointype) if jointype in _SPECIAL else 0, id(sjinfo) if sjinfo else 0)
    if len(item.clause_relids) < 2:
        kind = (0, 0)
    if remember and kind in item.sel:
        return item.sel[kind]
    found = clamp(_node(root, item.clause, varrelid, jointype, sjinfo, item))
    if remember and not kind[0]:
        found = clamp(found * item.scale)
    if remember:
        item.sel[kind] = found
    return found


def _node(
    root: Root, node: Any, varrelid: int, jointype: int, sjinfo: SpecialJoin | None,
    rinfo: Rinfo | None,
) -> float:  # fmt: skip
    name = type(node).__name__
    if isinstance(node, Var):
        if node.varlevelsup == 0 and (not varrelid or varrelid == node.varno):
            return selfuncs.bool_variable(root, node)
        return 0.5
    if name == "Const":
        return 0.0 if node.constisnull or not trees.is_true(node) else 1.0
    if name == "BoolExpr":
        return _bool(root, node, varrelid, jointype, sjinfo)
    if name in ("OpExpr", "DistinctExpr"):
        return _operator(root, node, varrelid, jointype, sjinfo, rinfo)
    if name == "ScalarArrayOpExpr":
        return selfuncs.array_operator(root, node, varrelid, jointype, sjinfo)
    if name == "NullTest":
        return selfuncs.nulltest(root, node.arg, int(node.nulltesttype))
    if name == "BooleanTest":
        return selfuncs.booltest(root, node)
    if name == "RowCompareExpr":
        return selfuncs.compare(root, node.opnos[0], [node.largs[0], node.rargs[0]], varrelid)
    if name in ("RelabelType", "CoerceToDomain"):
        return clause(root, node.arg, varrelid, jointype, sjinfo)
    if name == "FuncExpr":
        return 0.3333333
    return 0.5


def _bool(
    root: Root, node: Any, varrelid: int, jointype: int, sjinfo: SpecialJoin | None
) -> float:
    if node.boolop == BoolExprType.NOT_EXPR:
        return 1.0 - clause(root, node.args[0], varrelid, jointype, sjinfo)
    if node.boolop == BoolExprType.AND_EXPR:
        return clauselist(root, list(node.args), varrelid, jointype, sjinfo)
    out = 0.0
    for arg in node.args:
        s2 = clauselist(root, trees.conjuncts(arg), varrelid, jointype, sjinfo)
        out = out + s2 - out * s2
    return out


def as_join_clause(
    root: Root, node: Any, varrelid: int, sjinfo: SpecialJoin | None
) -> bool:
    """Whether a clause is estimated as a join (else as a restriction of one relation)."""
    if varrelid or sjinfo is None:
        return False
    return len(trees.varnos(node)) > 1


def _operator(
    root: Root, node: Any, varrelid: int, jointype: int, sjinfo: SpecialJoin | None,
    rinfo: Rinfo | None,
) -> float:  # fmt: skip
    if as_join_clause(root, node, varrelid, sjinfo):
        found = selfuncs.join(root, node.opno, list(node.args), jointype, sjinfo)
    else:
        found = selfuncs.compare(root, node.opno, list(node.args), varrelid, node.inputcollid)
    return 1.0 - found if type(node).__name__ == "DistinctExpr" else found


def mergeable_default(typid: int) -> bool:
    """Whether a type's histogram can be read for merge join estimates."""
    return stats.ordered(typid) or typid == t.BOOLOID
