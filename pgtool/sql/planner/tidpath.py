"""TID scans: ``ctid = …`` and ranges of ctid."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.exprs import Var
from pgtool.sql.planner import cost, selectivity, trees
from pgtool.sql.planner.base import Path, Rel, Root, add_path

_EQUAL = 387
_RANGE = {2799, 2800, 2801, 2802}
_TID_ARRAY_EQ = 387


def _is_ctid(node: Any, rel: Rel) -> bool:
    return type(node) is Var and node.varno == rel.rti and node.varattno == -1


def create(root: Root, rel: Rel) -> None:
    """Add TID paths where the restrictions name TIDs."""
    equal: list[Any] = []
    ranges: list[Any] = []
    for rinfo in rel.baserestrict:
        clause = rinfo.clause
        name = type(clause).__name__
        if name == "OpExpr" and len(clause.args) == 2:
            a, b = clause.args
            ctid = (_is_ctid(a, rel) and not trees.varnos(b)) or (
                _is_ctid(b, rel) and not trees.varnos(a))  # fmt: skip
            if ctid and clause.opno == _EQUAL:
                equal.append(rinfo)
            elif ctid and clause.opno in _RANGE:
                ranges.append(rinfo)
        elif name == "ScalarArrayOpExpr" and clause.opno == _TID_ARRAY_EQ and clause.useOr \
                and _is_ctid(clause.args[0], rel) and not trees.varnos(clause.args[1]):  # fmt: skip
            equal.append(rinfo)
    if equal:
        _tid(root, rel, equal[:1])
    if ranges:
        _tid_range(root, rel, ranges)


def _tid(root: Root, rel: Rel, quals: list[Any]) -> None:
    c = root.glob.costs
    tuples = 0.0
    for rinfo in quals:
        clause = rinfo.clause
        if type(clause).__name__ == "ScalarArrayOpExpr":
            tuples += cost.array_length(clause.args[1], root.glob)
        else:
            tuples += 1
    once, per = cost.qual_cost(root.glob, list(rel.baserestrict))
    tid_once, tid_per = cost.qual_cost(root.glob, quals)
    (t_once, t_per), _ = cost.target_cost(root, rel.target)
    startup = once + tid_per + t_once
    run = c.random_page_cost * tuples + (c.cpu_tuple_cost + per - tid_per) * tuples
    run += t_per * rel.rows
    made = Path("TidScan", rel, rel.rows, startup, startup + run, quals=quals)
    made.disabled = 0 if c.enable_tidscan else 1
    add_path(rel, made)
    del tid_once


def _tid_range(root: Root, rel: Rel, quals: list[Any]) -> None:
    c = root.glob.costs
    sel = selectivity.clauselist(root, list(quals), rel.rti, 0, None)
    pages = max(-(-sel * rel.pages // 1), 1.0)
    tuples = sel * rel.tuples
    once, per = cost.qual_cost(root.glob, list(rel.baserestrict))
    _, tid_per = cost.qual_cost(root.glob, quals)
    (t_once, t_per), _ = cost.target_cost(root, rel.target)
    startup = once + tid_per + t_once
    run = c.random_page_cost + c.seq_page_cost * (pages - 1)
    run += (c.cpu_tuple_cost + per - tid_per) * tuples + t_per * rel.rows
    made = Path("TidRangeScan", rel, rel.rows, startup, startup + run, quals=quals)
    made.disabled = 0 if c.enable_tidscan else 1
    add_path(rel, made)
