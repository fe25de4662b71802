"""Memoize: a cache of inner results, where outer values repeat."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.enums import JoinType
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.planner import cost, trees
from pgtool.sql.planner.base import Path
from pgtool.sql.planner.groups import number_of_groups
from pgtool.sql.planner.selfuncs import equality_of


def path(pair: Any, inner: Path, outer: Path) -> Path | None:
    """A Memoize over a parameterised inner path; None where it cannot or need not be."""
    root = pair.root
    if not root.glob.costs.enable_memoize or outer.rows < 2:
        return None
    if not inner.required & outer.rel.relids or not (inner.required <= outer.rel.relids):
        return None
    if pair.inner_path is not None or pair.outer_path is not None:
        return None
    if pair.kind in (JoinType.JOIN_SEMI, JoinType.JOIN_ANTI) and not pair.inner_unique:
        return None
    if inner.rel.base and not inner.enforced and not inner.rel.lateral:
        return None
    if pair.inner_unique and any(c not in inner.enforced for c in pair.clauses) and not all(
        _covered(c, inner) for c in pair.clauses
    ):
        return None
    keys = _cache_keys(pair, inner)
    if not keys:
        return None
    if any(trees.volatility(e, root.glob.cache) == "v" for e in inner.rel.target):
        return None
    made = Path("Memoize", inner.rel, inner.rows, 0.0, 0.0, inner.pathkeys, inner.required,
                sub=inner, keys=keys, singlerow=pair.inner_unique, calls=outer.rows,
                binary=False)  # fmt: skip
    made.enforced, made.disabled, made.width = inner.enforced, inner.disabled, inner.width
    made.startup = inner.startup + root.glob.costs.cpu_tuple_cost
    made.total = inner.total + root.glob.costs.cpu_tuple_cost
    _rescan(root, made)
    return made


def _covered(rinfo: Any, inner: Path) -> bool:
    from pgtool.sql.planner.joinpath import _enforced

    return _enforced(rinfo, inner)


def _cache_keys(pair: Any, inner: Path) -> list[Any]:
    """The outer expressions that inner results depend on; empty if some cannot be hashed."""
    out: list[Any] = []
    seen = set()
    exprs: list[Any] = []
    for rinfo in inner.enforced:
        clause = rinfo.clause
        if rinfo.clause_relids <= inner.rel.relids:
            continue
        if type(clause).__name__ != "OpExpr" or len(clause.args) != 2 or not rinfo.can_join:
            return []
        left = rinfo.left <= inner.rel.relids
        exprs.append(clause.args[1] if left else clause.args[0])
        row = pair.root.glob.cache.operator(clause.opno)
        if row is None or not row.oprcanhash:
            return []
    for var in (pair.root.lateral_vars.get(inner.rel.rti, []) if inner.rel.base else []):
        exprs.append(var)
    for expr in exprs:
        expr = trees.strip_relabel(expr)
        k = trees.key(expr)
        if k in seen:
            continue
        seen.add(k)
        eq = equality_of(pair.root, expr_type(expr))
        row = pair.root.glob.cache.operator(eq) if eq else None
        if row is None or not row.oprcanhash:
            return []
        out.append((expr, eq))
    return out


def _rescan(root: Any, made: Path) -> None:
    """Cost of asking again, with the hits that repeated keys give."""
    c = root.glob.costs
    sub = made.sub
    tuples = sub.rows
    entry = cost.row_bytes(tuples, sub.width) + _OVERHEAD
    for expr, _ in made.keys:
        entry += cost.expr_width(root, expr)
    cached = max(c.hash_mem // entry, 1.0)
    distinct = number_of_groups(root, [e for e, _ in made.keys], made.calls)
    made.__dict__["est_entries"] = int(min(min(distinct, cached), 2**32 - 1))
    evict = 1.0 - min(cached, distinct) / distinct
    hit = ((made.calls - distinct) / made.calls) * (cached / max(distinct, cached))
    hit = max(hit, 0.0)
    total = sub.total * (1.0 - hit) + c.cpu_operator_cost
    startup = sub.startup * (1.0 - hit)
    total += c.cpu_tuple_cost * evict + c.cpu_operator_cost * evict * tuples
    total += 2 * c.cpu_tuple_cost + c.cpu_operator_cost * tuples
    startup += c.cpu_tuple_cost
    made.__dict__["rescan_startup"] = startup
    made.__dict__["rescan_total"] = total


_OVERHEAD = 24 + 24
