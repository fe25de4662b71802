"""Plan nodes → executor nodes: one table, and the building of subplans when first needed."""

from __future__ import annotations

import importlib
from typing import Any

from pgtool.errors import Unsupported
from pgtool.nodes.base import walk
from pgtool.nodes.plan import Plan
from pgtool.sql.executor.node import Exec, params_below
from pgtool.sql.executor.scope import Env

__all__ = ["Builder"]

#: Plan node's class → module under pgtool.sql.executor and class.
NODES: dict[str, tuple[str, str]] = {
    "Result": ("plain", "ResultExec"), "ProjectSet": ("projectset", "ProjectSetExec"),
    "Append": ("plain", "AppendExec"), "MergeAppend": ("sorting", "MergeAppendExec"),
    "RecursiveUnion": ("cte", "RecursiveUnionExec"), "WorkTableScan": ("cte", "WorkTableExec"),
    "CteScan": ("cte", "CteScanExec"), "SeqScan": ("scan", "SeqScanExec"),
    "IndexScan": ("indexscan", "IndexScanExec"),
    "IndexOnlyScan": ("indexscan", "IndexOnlyScanExec"),
    "BitmapHeapScan": ("bitmapscan", "BitmapHeapExec"),
    "TidScan": ("tidscan", "TidScanExec"), "TidRangeScan": ("tidscan", "TidRangeExec"),
    "SubqueryScan": ("plain", "SubqueryExec"), "FunctionScan": ("functionscan", "FunctionExec"),
    "ValuesScan": ("plain", "ValuesExec"), "NestLoop": ("nestloop", "NestLoopExec"),
    "HashJoin": ("hashjoin", "HashJoinExec"), "MergeJoin": ("mergejoin", "MergeJoinExec"),
    "Material": ("plain", "MaterialExec"), "Memoize": ("plain", "MemoizeExec"),
    "Hash": ("plain", "HashExec"), "Sort": ("sorting", "SortExec"),
    "IncrementalSort": ("sorting", "SortExec"), "Agg": ("agg", "AggExec"),
    "Group": ("agg", "GroupExec"), "WindowAgg": ("window", "WindowExec"),
    "Unique": ("setop", "UniqueExec"), "SetOp": ("setop", "SetOpExec"),
    "Limit": ("limit", "LimitExec"), "LockRows": ("lockrows", "LockRowsExec"),
    "ModifyTable": ("modifytable", "ModifyTableExec"),
}  # fmt: skip


class Builder:
    """Builds the executor of one planned statement."""

    def __init__(self, session: Any, planned: Any) -> None:
        self.session = session
        self.planned = planned
        self.env = Env(session, planned)
        self.env.subplan = self.subplan
        self.params_known: dict[int, set[int]] = {}
        self._subplans: dict[int, Exec] = {}
        self._params: dict[int, set[int]] = {}
        #: PARAM_EXEC parameter → the initplan that gives its value.
        self.init_params: dict[int, int] = {
            param: init.plan_id
            for tree in [planned.planTree, *planned.subplans] if tree is not None
            for plan in [tree, *walk(tree)] if isinstance(plan, Plan)
            for init in plan.initPlan for param in init.setParam
        }  # fmt: skip

    def build(self, plan: Any) -> Exec:
        """The executor of a plan node."""
        name = type(plan).__name__
        place = NODES.get(name)
        if place is None:
            raise Unsupported(f"plan node {name}")
        module = importlib.import_module(f"pgtool.sql.executor.{place[0]}")
        made: Exec = getattr(module, place[1])(self, plan)
        return made

    def subplan(self, number: int) -> Exec:
        """The executor of a subplan, by its number from 1."""
        if number not in self._subplans:
            self._subplans[number] = self.build(self.planned.subplans[number - 1])
        return self._subplans[number]

    def subplan_params(self, number: int) -> set[int]:
        """The parameters that a subplan reads."""
        if number not in self._params:
            self._params[number] = set()
            self._params[number] = params_below(self.planned.subplans[number - 1], self)
        return self._params[number]

    def rte(self, number: int) -> Any:
        """A range table entry."""
        return self.planned.rtable[number - 1]
