"""Plan nodes of index and bitmap scans."""

from __future__ import annotations

from typing import Any

from pgtool.nodes import plan as p
from pgtool.nodes.exprs import Var
from pgtool.nodes.query import TargetEntry
from pgtool.sql.planner import cost, trees
from pgtool.sql.planner.base import Path
from pgtool.sql.planner.indexclause import column_expr
from pgtool.sql.planner.indexcost import _needed


def _quals(maker: Any, clauses: list[Any], index: Any) -> tuple[list[Any], list[Any]]:
    """(conditions on index columns, the same as the table's columns)."""
    fixed: list[Any] = []
    original: list[Any] = []
    for clause in clauses:
        for qual in clause.quals:
            qual = maker.param(qual)
            original.append(qual)
            fixed.append(_on_index(qual, clause.column, index))
    return fixed, original


def _on_index(qual: Any, column: int, index: Any) -> Any:
    expr = column_expr(index, column)
    from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod

    var = Var(varno=p.INDEX_VAR, varattno=column + 1, vartype=expr_type(expr),
              vartypmod=expr_typmod(expr), varcollid=expr_collation(expr))  # fmt: skip
    if type(qual).__name__ == "NullTest":
        return qual.copy(arg=var)
    return qual.copy(args=[var, *qual.args[1:]])


def _filters(maker: Any, path: Path) -> list[Any]:
    done = {id(r) for r in path.indexed}
    used = [r.ec for r in path.indexed if r.ec is not None and len(r.clause_relids) > 1]
    found = [r for r in _needed(maker.root, path) if id(r) not in done]
    for r in path.enforced:
        if id(r) in done or r in found:
            continue
        if r.ec is not None and any(r.ec is ec for ec in used):
            continue
        found.append(r)
    return list(maker.quals([r for r in found if not trees.is_true(r.clause)]))


def scan(maker: Any, path: Path) -> Any:
    """IndexScan or IndexOnlyScan."""
    index = path.index
    fixed, original = _quals(maker, path.index_clauses, index)
    direction = p.ScanDirection(-1 if path.backward else 1)
    common: dict[str, Any] = {
        "scanrelid": path.rel.rti, "indexid": index.oid, "indexqual": fixed,
        "indexorderdir": direction, "qual": _filters(maker, path),
    }  # fmt: skip
    if path.kind == "IndexOnlyScan":
        entries = [
            TargetEntry(expr=_any_column(index, i), resno=i + 1) for i in range(index.ncols)
        ]
        node: Any = p.IndexOnlyScan(**common, recheckqual=original, indextlist=entries)
    else:
        node = p.IndexScan(**common, indexqualorig=original)
    return maker.fill(node, path)


def _any_column(index: Any, column: int) -> Any:
    """A key or included column as an expression."""
    return column_expr(index, column)


def bitmap_heap(maker: Any, path: Path) -> Any:
    """BitmapHeapScan with the tree of bitmaps below."""
    tree, recheck, exact = _bitmap(maker, path.bitmap)
    done = {id(r) for r in exact}
    used = [r.ec for r in exact if r.ec is not None and len(r.clause_relids) > 1]
    found = [r for r in path.rel.baserestrict if id(r) not in done]
    found += [
        r for r in path.enforced
        if id(r) not in done and r not in found
        and not (r.ec is not None and any(r.ec is ec for ec in used))
    ]  # fmt: skip
    node = p.BitmapHeapScan(
        scanrelid=path.rel.rti, bitmapqualorig=recheck, lefttree=tree,
        qual=maker.quals([r for r in found if not trees.is_true(r.clause)]))
    return maker.fill(node, path)


def _bitmap(maker: Any, path: Path) -> tuple[Any, list[Any], list[Any]]:
    """(plan, conditions for rechecking, clauses that it checks exactly)."""
    root = maker.root
    total, sel = cost_of(root, path)
    rows = cost.clamp_rows(sel * path.rel.tuples)
    if path.kind == "BitmapIndex":
        fixed, original = _quals(maker, path.index_clauses, path.index)
        node: Any = p.BitmapIndexScan(
            scanrelid=path.rel.rti, indexid=path.index.oid, indexqual=fixed,
            indexqualorig=original, startup_cost=0.0, total_cost=path.index_total,
            plan_rows=rows, plan_width=0)
        return node, original, list(path.indexed)
    parts = [_bitmap(maker, s) for s in path.subs]
    plans = [plan for plan, _, _ in parts]
    if path.kind == "BitmapAnd":
        node = p.BitmapAnd(bitmapplans=plans, startup_cost=total, total_cost=total,
                           plan_rows=rows, plan_width=0)  # fmt: skip
        return node, [q for _, qs, _ in parts for q in qs], [r for _, _, rs in parts for r in rs]
    node = p.BitmapOr(bitmapplans=plans, startup_cost=total, total_cost=total, plan_rows=rows,
                      plan_width=0)  # fmt: skip
    arms = [trees.and_of(qs) for _, qs, _ in parts]
    recheck = trees.BoolExpr(boolop=trees.BoolExprType.OR_EXPR, args=arms)
    # An arm with clauses beyond its index condition is only a filter's first half.
    rinfo = path.rinfo
    exact = all(
        len(rs) == len(arm) for (_, _, rs), arm in zip(parts, rinfo.or_clauses)
    )
    return node, [recheck], [rinfo] if exact else []


def cost_of(root: Any, path: Path) -> tuple[float, float]:
    """(cost, selectivity) of a bitmap."""
    from pgtool.sql.planner.bitmap import tree_cost

    return tree_cost(root, path)
