"""Paths become plan nodes.

Target lists and quals still hold Vars of the query's range table; the values that an inner
side takes from the outer side of a nested loop become executor parameters here.
:mod:`pgtool.sql.planner.setrefs` then turns the Vars of upper nodes into positions.
"""

from __future__ import annotations

from typing import Any

from pgtool.errors import Unsupported
from pgtool.nodes import plan as p
from pgtool.nodes.base import IntList, OidList
from pgtool.nodes.enums import LimitOption, ParamKind
from pgtool.nodes.exprs import Const, Param, Var
from pgtool.nodes.query import TargetEntry
from pgtool.sql.planner import cost, joinplan, lockrows, modify, scanplan, subselect, trees
from pgtool.sql.planner import operators as ops
from pgtool.sql.planner.base import Path, Root

_INT8 = 20


def create_plan(root: Root, path: Path) -> Any:
    """The plan of a finished query level, with its init plans."""
    plan = Maker(root).make(path)
    query = root.query
    visible = query.targetList
    for entry, wanted in zip(plan.targetlist, visible):
        entry.resname = wanted.resname
        entry.ressortgroupref = wanted.ressortgroupref
        entry.resorigtbl, entry.resorigcol = wanted.resorigtbl, wanted.resorigcol
        entry.resjunk = wanted.resjunk
    if modify.is_modifying(query):
        plan = modify.modify_table(root, plan)
    plan.initPlan = list(root.init_plans)
    for init in root.init_plans:
        plan.startup_cost += init.startup_cost + init.per_call_cost
        plan.total_cost += init.startup_cost + init.per_call_cost
    return plan


def material_over(root: Root, plan: Any) -> Any:
    """A Material node over a plan."""
    total = cost.material(root.glob, plan.startup_cost, plan.total_cost, plan.plan_rows,
                          plan.plan_width)  # fmt: skip
    init, plan.initPlan = plan.initPlan, []
    return p.Material(startup_cost=plan.startup_cost, total_cost=total, plan_rows=plan.plan_rows,
                      plan_width=plan.plan_width, targetlist=[e.copy() for e in plan.targetlist],
                      lefttree=plan, initPlan=init)  # fmt: skip


class Maker:
    """Builds the plan nodes of one query level."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.outer: frozenset[int] = frozenset()
        self.params: list[tuple[Any, Any, int]] = []

    def make(self, path: Path, target: list[Any] | None = None) -> Any:
        """The plan of a path; ``target`` overrides what a projecting node gives."""
        maker = getattr(self, f"_{path.kind.lower()}", None) or scanplan.MAKERS.get(path.kind) \
            or joinplan.MAKERS.get(path.kind)  # fmt: skip
        if maker is None:
            raise Unsupported(f"a {path.kind} path")
        bound = getattr(maker, "__self__", None) is self
        return maker(path) if bound else maker(self, path)

    def fill(self, node: Any, path: Path) -> Any:
        """Copy estimates and the target list."""
        node.startup_cost, node.total_cost = path.startup, path.total
        node.plan_rows, node.plan_width = path.rows, path.width
        if not node.targetlist:
            node.targetlist = self.tlist(path)
        return node

    def tlist(self, path: Path) -> list[Any]:
        """The path's target as entries."""
        refs = path.refs or [0] * len(path.target)
        return [
            TargetEntry(expr=self.param(e), resno=i, ressortgroupref=r)
            for i, (e, r) in enumerate(zip(path.target, refs), 1)
        ]

    def param(self, node: Any) -> Any:
        """Replace Vars of the outer side of enclosing nested loops by parameters."""
        if not self.outer or node is None:
            return node

        def change(inner: Any, depth: int) -> Any:
            if isinstance(inner, Var) and inner.varlevelsup == depth \
                    and inner.varno in self.outer:  # fmt: skip
                return self.outer_param(inner)
            return None

        return trees.transform(node, change)

    def outer_param(self, var: Var) -> Param:
        """The parameter of an outer value."""
        wanted = trees.key(var)
        found = [number for known, _, number in self.params if known == wanted]
        if found:
            paramid = found[0]
        else:
            paramid = self.root.glob.new_param(var.vartype)
            self.params.append((wanted, var, paramid))
        return Param(paramkind=ParamKind.PARAM_EXEC, paramid=paramid, paramtype=var.vartype,
                     paramtypmod=var.vartypmod, paramcollid=var.varcollid)  # fmt: skip

    def quals(self, rinfos: list[Any]) -> list[Any]:
        """Clauses in the order of their cost, parameters in place."""
        return [self.param(c) for c in self.order(rinfos)]

    def order(self, rinfos: list[Any]) -> list[Any]:
        """Bare clauses, cheap ones first (else as they came)."""
        clauses = [r.clause if hasattr(r, "clause") else r for r in rinfos]
        costs = [cost.qual_cost(self.root.glob, c)[1] for c in clauses]
        return [clauses[i] for i in sorted(range(len(clauses)), key=lambda i: costs[i])]

    # -- projection and gating ----

    def _projection(self, path: Path) -> Any:
        sub = path.sub
        plan = self.make(sub)
        entries = self.tlist(path)
        if _projects(plan) or _same(entries, plan.targetlist):
            plan.targetlist = entries
            plan.startup_cost, plan.total_cost = path.startup, path.total
            plan.plan_width = path.width
            return plan
        return self.fill(p.Result(targetlist=entries, lefttree=plan), path)

    def _gate(self, path: Path) -> Any:
        plan = self.make(path.sub)
        quals = self.order(path.quals)
        if type(plan) is p.Result and plan.lefttree is None:
            plan.resconstantqual = trees.and_of(
                trees.conjuncts(plan.resconstantqual) + quals)
            return plan
        return self.fill(p.Result(lefttree=plan, resconstantqual=trees.and_of(quals)), path)

    def _dummy(self, path: Path) -> Any:
        return self.fill(p.Result(resconstantqual=trees.bool_const(False)), path)

    def _groupresult(self, path: Path) -> Any:
        quals = getattr(path, "quals", None) if "quals" in path.__dict__ else None
        if quals is not None:
            return self.fill(p.Result(resconstantqual=trees.and_of(self.order(quals))), path)
        rest = self.quals(list(path.rel.baserestrict))
        return self.fill(p.Result(resconstantqual=trees.and_of(rest)), path)

    def _minmax(self, path: Path) -> Any:
        """min() and max() by init plans: a Result over their parameters."""
        swap = {
            trees.key(agg): subselect.init_plan(self.root, subroot, sub)
            for agg, subroot, sub in path.parts
        }
        node = self.fill(p.Result(resconstantqual=trees.and_of(self.order(path.quals))), path)
        node.__dict__["_minmax"] = swap
        return node

    def _projectset(self, path: Path) -> Any:
        plan = self.make(path.sub)
        return self.fill(p.ProjectSet(lefttree=plan), path)

    # -- sorting, limits ----

    def sort_columns(self, plan: Any, keys: list[Any], relids: Any = None) -> tuple[Any, Any]:
        """(plan that has all sort columns, (columns, operators, collations, nulls first))."""
        cache = self.root.glob.cache
        columns, operators = IntList(), OidList()
        collations, nulls = OidList(), []
        for key in keys:
            position, em = _find_column(plan.targetlist, key.ec, relids)
            if em is None:
                plan, position, em = self._add_column(plan, key.ec, relids)
            strategy = ops.GREATER if key.descending else ops.LESS
            opno = ops.member(cache, key.family, em.datatype, em.datatype, strategy)
            if not opno:
                raise Unsupported(f"operator {strategy} of family {key.family}")
            if position in columns:
                continue
            columns.append(position)
            operators.append(opno)
            collations.append(key.ec.collation)
            nulls.append(key.nulls_first)
        return plan, (columns, operators, collations, nulls)

    def _add_column(self, plan: Any, ec: Any, relids: Any) -> tuple[Any, int, Any]:
        have = {trees.key(v) for e in plan.targetlist for v in trees.vars_of(e.expr)}
        for em in ec.members:
            if em.const or (em.child and relids is not None and not em.relids <= relids):
                continue
            if all(trees.key(v) in have for v in trees.vars_of(em.expr)):
                entries = [e.copy() for e in plan.targetlist]
                entries.append(TargetEntry(expr=self.param(em.expr), resno=len(entries) + 1,
                                           resjunk=True))  # fmt: skip
                if _projects(plan):
                    plan.targetlist = entries
                else:
                    plan = p.Result(
                        targetlist=entries, lefttree=plan, startup_cost=plan.startup_cost,
                        total_cost=plan.total_cost, plan_rows=plan.plan_rows,
                        plan_width=plan.plan_width)
                return plan, len(entries), em
        raise Unsupported("a sort column that its input does not give")

    def _sort(self, path: Path) -> Any:
        plan = self.make(path.sub)
        plan, (cols, oper, coll, nulls) = self.sort_columns(plan, path.pathkeys)
        node = p.Sort(lefttree=plan, sortColIdx=cols, sortOperators=oper, collations=coll,
                      nullsFirst=nulls, targetlist=[e.copy() for e in plan.targetlist])  # fmt: skip
        return self.fill(node, path)

    def _incrementalsort(self, path: Path) -> Any:
        plan = self.make(path.sub)
        plan, (cols, oper, coll, nulls) = self.sort_columns(plan, path.pathkeys)
        node = p.IncrementalSort(
            lefttree=plan, sortColIdx=cols, sortOperators=oper, collations=coll,
            nullsFirst=nulls, nPresortedCols=path.presorted,
            targetlist=[e.copy() for e in plan.targetlist])
        return self.fill(node, path)

    def _limit(self, path: Path) -> Any:
        plan = self.make(path.sub)
        query = self.root.query
        node = p.Limit(lefttree=plan, targetlist=[e.copy() for e in plan.targetlist])
        if path.one:
            node.limitCount = Const(consttype=_INT8, consttypmod=-1, constlen=8, constbyval=True,
                                    constvalue=(1).to_bytes(8, "little"))  # fmt: skip
            return self.fill(node, path)
        node.limitOffset, node.limitCount = query.limitOffset, query.limitCount
        node.limitOption = query.limitOption
        if query.limitOption == LimitOption.LIMIT_OPTION_WITH_TIES:
            cols, oper, coll = self.clause_columns(plan, list(query.sortClause))
            node.uniqColIdx, node.uniqOperators, node.uniqCollations = cols, oper, coll
        return self.fill(node, path)

    def _lockrows(self, path: Path) -> Any:
        return self.fill(lockrows.lock_node(self.root, self.make(path.sub)), path)

    # -- grouping ----

    def clause_columns(self, plan: Any, clauses: list[Any]) -> tuple[Any, Any, Any]:
        """(columns, equality operators, collations) of sort or group clauses."""
        from pgtool.sql.analyze.nodetypes import expr_collation

        cols, oper, coll = IntList(), OidList(), OidList()
        wanted = self.root.query.targetList
        for clause in clauses:
            ref = clause.tleSortGroupRef
            entry = next(e for e in wanted if e.ressortgroupref == ref)
            same = [
                i for i, e in enumerate(plan.targetlist, 1) if trees.same(e.expr, entry.expr)
            ]
            marked = [i for i, e in enumerate(plan.targetlist, 1) if e.ressortgroupref == ref]
            position = next((i for i in same if i in marked), 0) or (same or marked)[0]
            cols.append(position)
            oper.append(clause.eqop)
            coll.append(expr_collation(plan.targetlist[position - 1].expr))
        return cols, oper, coll

    def _positional(self, plan: Any, clauses: list[Any]) -> tuple[Any, Any, Any]:
        from pgtool.sql.analyze.nodetypes import expr_collation

        return (
            IntList(range(1, len(clauses) + 1)), OidList(c.eqop for c in clauses),
            OidList(expr_collation(e.expr) for e in plan.targetlist[: len(clauses)]),
        )  # fmt: skip

    def _agg(self, path: Path) -> Any:
        plan = self.make(path.sub)
        find = self._positional if "positional" in path.__dict__ else self.clause_columns
        cols, oper, coll = find(plan, path.clauses)
        strategy = {"plain": 0, "sorted": 1, "hashed": 2, "mixed": 3}[path.strategy]
        sets = [IntList(one) for one in path.__dict__.get("sets", ())]
        if sets and len(set(cols)) < len(cols):
            raise Unsupported("GROUPING SETS with the same column twice")
        node = p.Agg(
            lefttree=plan, aggstrategy=p.AggStrategy(strategy), grpColIdx=cols, grpOperators=oper,
            grpCollations=coll, numGroups=int(min(path.groups, 2**62)), groupingSets=sets,
            transitionSpace=path.__dict__.get("space", 0), qual=self.quals(path.having))
        if path.sub.target is path.target:
            node.targetlist = [e.copy() for e in plan.targetlist]
        return self.fill(node, path)

    def _group(self, path: Path) -> Any:
        plan = self.make(path.sub)
        cols, oper, coll = self.clause_columns(plan, path.clauses)
        node = p.Group(lefttree=plan, grpColIdx=cols, grpOperators=oper, grpCollations=coll,
                       qual=self.quals(path.having))  # fmt: skip
        return self.fill(node, path)

    def _unique(self, path: Path) -> Any:
        if path.how == "sort":
            return joinplan.unique(self, path)
        plan = self.make(path.sub)
        cache = self.root.glob.cache
        cols, oper, coll = IntList(), OidList(), OidList()
        for key in path.keys:
            position, em = _find_column(plan.targetlist, key.ec, None)
            if em is None:
                raise Unsupported("a DISTINCT column that its input does not give")
            cols.append(position)
            oper.append(ops.member(cache, key.family, em.datatype, em.datatype, ops.EQUAL))
            coll.append(key.ec.collation)
        node = p.Unique(lefttree=plan, uniqColIdx=cols, uniqOperators=oper, uniqCollations=coll,
                        targetlist=[e.copy() for e in plan.targetlist])  # fmt: skip
        return self.fill(node, path)

    def _windowagg(self, path: Path) -> Any:
        plan = self.make(path.sub)
        w = path.window
        part = self.clause_columns(plan, list(w.partitionClause))
        order = self.clause_columns(plan, list(w.orderClause))
        node = p.WindowAgg(
            lefttree=plan, winname=w.name, winref=w.winref, partColIdx=part[0],
            partOperators=part[1], partCollations=part[2], ordColIdx=order[0],
            ordOperators=order[1], ordCollations=order[2], frameOptions=w.frameOptions,
            startOffset=w.startOffset, endOffset=w.endOffset,
            startInRangeFunc=w.startInRangeFunc, endInRangeFunc=w.endInRangeFunc,
            inRangeColl=w.inRangeColl, inRangeAsc=w.inRangeAsc,
            inRangeNullsFirst=w.inRangeNullsFirst, topWindow=path.top)
        return self.fill(node, path)

    # -- several inputs ----

    def _append(self, path: Path) -> Any:
        plans = [self.make(s) for s in path.subs]
        if not plans:
            return self._dummy(path)
        node = p.Append(appendplans=plans, apprelids=path.rel.relids)
        return self.fill(node, path)

    def _mergeappend(self, path: Path) -> Any:
        plans = []
        columns: Any = None
        for sub in path.subs:
            plan = self.make(sub)
            plan, found = self.sort_columns(plan, path.pathkeys, sub.rel.relids)
            columns = columns or found
            if not _covers(path.pathkeys, sub.pathkeys):
                startup, total = cost.sort(self.root.glob, sub.total, sub.rows, sub.width)
                plan = p.Sort(
                    lefttree=plan, sortColIdx=found[0], sortOperators=found[1],
                    collations=found[2], nullsFirst=found[3], startup_cost=startup,
                    total_cost=total, plan_rows=sub.rows, plan_width=sub.width,
                    targetlist=[e.copy() for e in plan.targetlist])
            plans.append(plan)
        node = p.MergeAppend(
            mergeplans=plans, apprelids=path.rel.relids, sortColIdx=columns[0],
            sortOperators=columns[1], collations=columns[2], nullsFirst=columns[3])
        node = self.fill(node, path)
        extra = len(plans[0].targetlist) - len(node.targetlist)
        for entry in plans[0].targetlist[len(node.targetlist) :] if extra > 0 else []:
            node.targetlist.append(entry.copy())
        return node

    def _setop(self, path: Path) -> Any:
        left, right = self.make(path.left), self.make(path.right)
        cols, oper, coll = self._positional(left, path.clauses)
        if path.strategy == 0:
            oper = OidList(c.sortop for c in path.clauses)
        node = p.SetOp(
            lefttree=left, righttree=right, cmd=p.SetOpCmd(path.cmd), strategy=path.strategy,
            cmpColIdx=cols, cmpOperators=oper, cmpCollations=coll,
            cmpNullsFirst=[c.nulls_first for c in path.clauses],
            numGroups=int(min(path.groups, 2**62)))
        return self.fill(node, path)

    def _recursiveunion(self, path: Path) -> Any:
        left, right = self.make(path.left), self.make(path.right)
        cols, oper, coll = self._positional(left, path.clauses)
        node = p.RecursiveUnion(
            lefttree=left, righttree=right, wtParam=self.root.wt_param, dupColIdx=cols,
            dupOperators=oper, dupCollations=coll, numGroups=int(min(path.groups, 2**62)))
        return self.fill(node, path)


_NO_PROJECT = (p.Sort, p.IncrementalSort, p.Unique, p.SetOp, p.LockRows, p.Limit, p.Append,
               p.MergeAppend, p.RecursiveUnion, p.Material, p.Memoize, p.Hash)  # fmt: skip


def _projects(plan: Any) -> bool:
    """Whether a node computes its own target list."""
    return not isinstance(plan, (*_NO_PROJECT, p.ProjectSet))


def _same(one: list[Any], two: list[Any]) -> bool:
    return len(one) == len(two) and all(trees.same(a.expr, b.expr) for a, b in zip(one, two))


def _covers(keys: list[Any], have: list[Any]) -> bool:
    return len(keys) <= len(have) and all(a is b for a, b in zip(keys, have))


def _find_column(tlist: list[Any], ec: Any, relids: Any) -> tuple[int, Any]:
    """(position, member) of a class's expression in a target list."""
    if ec.volatile:
        for i, entry in enumerate(tlist, 1):
            if entry.ressortgroupref and entry.ressortgroupref == ec.sortref:
                return i, ec.members[0]
    keys = [trees.key(trees.strip_relabel(e.expr)) for e in tlist]
    for em in ec.members:
        if em.const:
            continue
        if em.child and (relids is None or not em.relids <= relids):
            continue
        wanted = trees.key(trees.strip_relabel(em.expr))
        if wanted in keys:
            return keys.index(wanted) + 1, em
    return 0, None

