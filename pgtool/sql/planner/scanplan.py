"""Plan nodes of scans."""

from __future__ import annotations

from typing import Any

from pgtool.nodes import plan as p
from pgtool.nodes.exprs import Var
from pgtool.nodes.query import TargetEntry
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.planner import trees
from pgtool.sql.planner.base import Path


def _filters(maker: Any, path: Path) -> list[Any]:
    """The restrictions and the join clauses that a scan must check."""
    done = set(map(id, path.__dict__.get("indexed", [])))
    found = [r for r in path.rel.baserestrict if id(r) not in done]
    found += [r for r in path.enforced if id(r) not in done and r not in found]
    return list(maker.quals([r for r in found if not trees.is_true(r.clause)]))


def _simple(maker: Any, node: Any, path: Path) -> Any:
    node.scanrelid = path.rel.rti
    node.qual = _filters(maker, path)
    return maker.fill(node, path)


def seqscan(maker: Any, path: Path) -> Any:
    return _simple(maker, p.SeqScan(), path)


def functionscan(maker: Any, path: Path) -> Any:
    rte = path.rel.rte
    functions = [f.copy(funcexpr=maker.param(f.funcexpr)) for f in rte.functions]
    return _simple(maker, p.FunctionScan(functions=functions, funcordinality=rte.funcordinality),
                   path)  # fmt: skip


def valuesscan(maker: Any, path: Path) -> Any:
    rows = [[maker.param(c) for c in row] for row in path.rel.rte.values_lists]
    return _simple(maker, p.ValuesScan(values_lists=rows), path)


def tablefuncscan(maker: Any, path: Path) -> Any:
    return _simple(maker, p.TableFuncScan(tablefunc=maker.param(path.rel.rte.tablefunc)), path)


def ctescan(maker: Any, path: Path) -> Any:
    from pgtool.sql.planner.baserels import cte_plan

    _, (_, _, link) = cte_plan(maker.root, path.rel.rte)
    return _simple(maker, p.CteScan(ctePlanId=link.plan_id, cteParam=link.setParam[0]), path)


def worktablescan(maker: Any, path: Path) -> Any:
    from pgtool.sql.planner.baserels import worktable_root

    owner = worktable_root(maker.root, path.rel.rte)
    return _simple(maker, p.WorkTableScan(wtParam=owner.wt_param), path)


def subqueryscan(maker: Any, path: Path) -> Any:
    from pgtool.sql.planner.createplan import create_plan

    rel = path.rel
    sub = create_plan(rel.subroot, path.sub)
    for _key, expr, paramid in rel.__dict__.get("subplan_params", []):
        _feed(maker, expr, paramid)
    node = p.SubqueryScan(subplan=sub)
    if path.target is rel.target and not rel.baserestrict:
        node.targetlist = _all_columns(path, sub)
    node = _simple(maker, node, path)
    node.__dict__["_subroot"] = rel.subroot
    return node


def _all_columns(path: Path, sub: Any) -> list[Any]:
    """Every column in the subquery's order, so that the scan itself may disappear."""
    known = {e.varattno: e for e in path.target if type(e) is Var}
    if len(known) != len(path.target) or 0 in known or any(e.resjunk for e in sub.targetlist):
        return []
    rti = path.rel.rti
    return [
        TargetEntry(expr=known.get(e.resno) or Var(
            varno=rti, varattno=e.resno, vartype=expr_type(e.expr), vartypmod=expr_typmod(e.expr),
            varcollid=expr_collation(e.expr), varnosyn=rti, varattnosyn=e.resno,
        ), resno=e.resno)
        for e in sub.targetlist
    ]  # fmt: skip


def _feed(maker: Any, expr: Any, paramid: int) -> None:
    """A lateral subquery's parameter comes from the enclosing nested loop."""
    if not any(known[2] == paramid for known in maker.params):
        maker.params.append((trees.key(expr), expr, paramid))


def tidscan(maker: Any, path: Path) -> Any:
    path.__dict__["indexed"] = path.quals
    return _simple(maker, p.TidScan(tidquals=maker.quals(path.quals)), path)


def tidrangescan(maker: Any, path: Path) -> Any:
    path.__dict__["indexed"] = path.quals
    return _simple(maker, p.TidRangeScan(tidrangequals=maker.quals(path.quals)), path)


def indexscan(maker: Any, path: Path) -> Any:
    from pgtool.sql.planner import indexplan

    return indexplan.scan(maker, path)


def bitmapheapscan(maker: Any, path: Path) -> Any:
    from pgtool.sql.planner import indexplan

    return indexplan.bitmap_heap(maker, path)


MAKERS: dict[str, Any] = {
    "SeqScan": seqscan, "FunctionScan": functionscan, "ValuesScan": valuesscan,
    "TableFuncScan": tablefuncscan, "CteScan": ctescan, "WorkTableScan": worktablescan,
    "SubqueryScan": subqueryscan, "TidScan": tidscan, "TidRangeScan": tidrangescan,
    "IndexScan": indexscan, "IndexOnlyScan": indexscan, "BitmapHeapScan": bitmapheapscan,
}  # fmt: skip
