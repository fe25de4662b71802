"""The planner: an analyzed, rewritten Query becomes a PlannedStmt.

The way of a query level::

    prep        sublinks → joins, subqueries merged, outer joins weakened
    initsplan   join tree → relations, clauses, equivalence classes, join-order rules
    baserels    sizes and scan paths of each relation (indexpath, inherit, tidpath)
    joinrels    all joins, smallest first; joinpath gives their paths, joincost the costs
    upper       grouping, windows, DISTINCT, ORDER BY, LIMIT; setops for UNION and kin
    createplan  the cheapest path → plan nodes
    setrefs     final range table, Vars as positions

Estimates come from :mod:`stats`, :mod:`selectivity`, :mod:`selfuncs` and :mod:`groups`.
"""

from __future__ import annotations

import time
from typing import Any

from pgtool.nodes.base import OidList
from pgtool.nodes.plan import LockRows, ModifyTable, PlannedStmt
from pgtool.nodes.query import Query
from pgtool.sql.permissions import needed
from pgtool.sql.planner import trees
from pgtool.sql.planner.base import Glob
from pgtool.sql.planner.createplan import create_plan
from pgtool.sql.planner.query import fractional_path, subquery_planner
from pgtool.sql.planner.setrefs import set_references

__all__ = ["plan"]


def plan(query: Query, session: Any) -> PlannedStmt:
    """Plan an analyzed and rewritten query, which stays as it is."""
    begin = time.perf_counter()
    glob = Glob(session)
    root = subquery_planner(glob, trees.deep_copy(query), None, 0.0)
    path = fractional_path(root, root.tuple_fraction)
    tree = create_plan(root, path)
    tree = set_references(root, tree)
    glob.subplans = [
        set_references(subroot, sub) for sub, subroot in zip(glob.subplans, glob.subroots)
    ]
    _number(tree, glob.subplans)
    made = PlannedStmt(
        planTree=tree, rtable=glob.rtable, subplans=glob.subplans,
        relationOids=OidList(glob.relation_oids), paramExecTypes=OidList(glob.param_types),
    )  # fmt: skip
    needed(made, query, session)
    made.commandType = query.commandType
    made.writes = any(isinstance(node, (ModifyTable, LockRows)) for node in
                      trees.walk([tree, *glob.subplans]))  # fmt: skip
    made.__dict__["planning_time"] = time.perf_counter() - begin
    return made


def _number(tree: Any, subplans: list[Any]) -> None:
    """plan_node_id, in the order in which EXPLAIN visits."""
    from pgtool.nodes.plan import Plan

    number = 0
    for node in trees.walk([tree, *subplans]):
        if isinstance(node, Plan):
            node.plan_node_id = number
            number += 1
