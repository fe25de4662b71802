"""How many groups grouping, DISTINCT or a sort prefix makes."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.planner import stats, trees
from pgtool.sql.planner.base import Rel, Root
from pgtool.sql.planner.cost import clamp_rows


def number_of_groups(root: Root, exprs: list[Any], rows: float) -> float:
    """Estimated distinct combinations of expressions among ``rows`` rows."""
    rows = clamp_rows(rows)
    if not exprs:
        return 1.0
    groups = 1.0
    found: list[tuple[Any, stats.Variable, float]] = []
    for expr in exprs:
        if expr_type(expr) == t.BOOLOID:
            groups *= 2.0
            continue
        var = stats.examine(root, expr)
        if var.stats is not None or var.unique:
            _add(root, found, expr, var)
            continue
        parts = trees.vars_of(expr)
        if not parts:
            if trees.volatility(expr, root.glob.cache) == "v":
                return rows
            continue
        for part in parts:
            _add(root, found, part, stats.examine(root, part))
    if not found:
        return max(1.0, min(float(-(-groups // 1)), rows))
    by_rel: dict[int, list[float]] = {}
    rels: dict[int, Rel | None] = {}
    for _expr, var, n in found:
        by_rel.setdefault(id(var.rel), []).append(n)
        rels[id(var.rel)] = var.rel
    for ident, counts in by_rel.items():
        groups *= _of_rel(rels[ident], counts)
    return float(min(max(float(-(-groups // 1)), 1.0), rows))


def _add(root: Root, found: list[Any], expr: Any, var: stats.Variable) -> None:
    wanted = trees.key(expr)
    n = stats.distinct(var)[0]
    for i, (other, other_var, m) in enumerate(found):
        if trees.key(other) == wanted:
            return
        if other_var.rel is not var.rel and _known_equal(root, other, expr):
            if m > n:
                found[i] = (expr, var, n)
            return
    found.append((expr, var, n))


def _known_equal(root: Root, one: Any, two: Any) -> bool:
    a, b = trees.key(one), trees.key(two)
    for ec in root.ecs:
        keys = {trees.key(trees.strip_relabel(em.expr)) for em in ec.members if not em.child}
        if a in keys and b in keys:
            return True
    return False


def _of_rel(rel: Rel | None, counts: list[float]) -> float:
    product, most = 1.0, max(counts)
    for n in counts:
        product *= n
    if rel is None or rel.tuples <= 0:
        return product
    limit = rel.tuples
    if len(counts) > 1:
        limit *= 0.1
        if limit < most:
            limit = min(most, rel.tuples)
    product = min(product, limit)
    if product > 0 and rel.rows < rel.tuples:
        product *= 1 - ((rel.tuples - rel.rows) / rel.tuples) ** (rel.tuples / product)
    return clamp_rows(product)
