"""Last step: one range table for the whole statement, Vars of upper nodes as positions.

A scan's Vars get the final range table index. Above scans a Var (or a whole expression
that the input computes already) becomes ``OUTER_VAR`` or ``INNER_VAR`` with the column
number of the left or right input.
"""

from __future__ import annotations

from typing import Any

from pgtool.errors import Unsupported
from pgtool.nodes import plan as p
from pgtool.nodes.base import IntList
from pgtool.nodes.enums import RTEKind
from pgtool.nodes.exprs import Const, Var
from pgtool.nodes.query import TargetEntry
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.planner import trees
from pgtool.sql.planner.base import Glob, Root

OUTER, INNER, INDEX = p.OUTER_VAR, p.INNER_VAR, p.INDEX_VAR


def set_references(root: Root, plan: Any) -> Any:
    """Finish the plan of one query level (and of those under its subquery scans)."""
    offset = add_range_table(root)
    return Fixer(root.glob, offset).fix(plan)


def add_range_table(root: Root) -> int:
    """Append a level's entries to the statement's range table; the offset of its indexes."""
    glob = root.glob
    offset = len(glob.rtable)
    for rte in root.query.rtable:
        glob.rtable.append(rte.copy(subquery=None))
        if rte.rtekind == RTEKind.RTE_RELATION and rte.relid not in glob.relation_oids:
            glob.relation_oids.append(rte.relid)
    return offset


class Fixer:
    """Rewrites the plan tree of one query level in place."""

    def __init__(self, glob: Glob, offset: int) -> None:
        self.glob = glob
        self.offset = offset

    def fix(self, plan: Any) -> Any:
        """A plan node and everything below it."""
        if plan is None:
            return None
        if isinstance(plan, p.SubqueryScan):
            return self.subquery(plan)
        if isinstance(plan, p.ModifyTable):
            return self.modify(plan)
        if isinstance(plan, p.Scan):
            self.scan(plan)
        elif isinstance(plan, p.Join):
            self.join(plan)
        elif isinstance(plan, (p.Append, p.MergeAppend)):
            return self.append(plan)
        elif isinstance(plan, (p.RecursiveUnion, p.SetOp)):
            self.positional(plan)
        elif isinstance(plan, p.Result) and plan.lefttree is None:
            self.plain(plan)
        elif isinstance(plan, p.Memoize):
            plan.param_exprs = self.scan_exprs(plan.param_exprs)
            self.positional(plan)
        elif isinstance(plan, _PASS):
            if isinstance(plan, p.Limit):
                plan.limitOffset = self.scan_exprs(plan.limitOffset)
                plan.limitCount = self.scan_exprs(plan.limitCount)
            if isinstance(plan, p.LockRows):
                plan.rowMarks = [m.copy(rti=m.rti + self.offset) for m in plan.rowMarks]
            if isinstance(plan, p.Hash):
                inner = Columns(plan.lefttree.targetlist)
                plan.hashkeys = [self.upper(e, inner, OUTER) for e in plan.hashkeys]
            self.positional(plan)
        elif isinstance(plan, (p.BitmapAnd, p.BitmapOr)):
            plan.bitmapplans = [self.fix(s) for s in plan.bitmapplans]
            return plan
        else:
            self.over(plan)
        plan.initPlan = [self.scan_exprs(i) for i in plan.initPlan]
        plan.lefttree = self.fix(plan.lefttree)
        plan.righttree = self.fix(plan.righttree)
        return plan

    # -- expressions ----

    def scan_exprs(self, node: Any) -> Any:
        """Vars of the level get their final range table index."""
        if not self.offset or node is None:
            return node

        def change(inner: Any, _depth: int) -> Any:
            if isinstance(inner, Var):
                if inner.varno > 0:
                    syn = inner.varnosyn + self.offset if inner.varnosyn else 0
                    return inner.copy(varno=inner.varno + self.offset, varnosyn=syn)
                return inner
            return None

        return trees.transform(node, change)

    def upper(self, node: Any, outer: Columns, side: int, inner: Columns | None = None) -> Any:
        """Expressions that an input computes become references to it."""
        if node is None:
            return None

        def change(expr: Any, _depth: int) -> Any:
            if isinstance(expr, Const):
                return expr
            found = outer.find(expr)
            if found is not None:
                return self.reference(expr, found, side)
            if inner is not None:
                found = inner.find(expr)
                if found is not None:
                    return self.reference(expr, found, INNER)
            if isinstance(expr, Var) and expr.varno > 0:
                raise Unsupported(f"column {expr.varattno} of range table entry {expr.varno}"
                                  " where the plan's input does not give it")  # fmt: skip
            return None

        return trees.transform(node, change)

    def reference(self, expr: Any, position: int, side: int) -> Var:
        made = Var(varno=side, varattno=position, vartype=expr_type(expr),
                   vartypmod=expr_typmod(expr), varcollid=expr_collation(expr))  # fmt: skip
        if isinstance(expr, Var):
            made.varnosyn = expr.varnosyn + self.offset if expr.varnosyn > 0 else expr.varnosyn
            made.varattnosyn = expr.varattnosyn
        return made

    # -- kinds of nodes ----

    def plain(self, plan: Any) -> None:
        swap = plan.__dict__.pop("_minmax", None)
        if swap:
            def change(node: Any, _depth: int) -> Any:
                return swap.get(trees.key(node)) if type(node).__name__ == "Aggref" else None

            plan.targetlist = trees.transform(plan.targetlist, change)
            plan.resconstantqual = trees.transform(plan.resconstantqual, change)
        plan.targetlist = self.scan_exprs(plan.targetlist)
        plan.qual = self.scan_exprs(plan.qual)
        plan.resconstantqual = self.scan_exprs(plan.resconstantqual)

    _SCAN_FIELDS = (
        "targetlist", "qual", "indexqualorig", "functions", "values_lists", "tablefunc",
        "tidquals", "tidrangequals", "bitmapqualorig",
    )
    _INDEX_FIELDS = ("indexqual", "indexorderby")

    def scan(self, plan: Any) -> None:
        if isinstance(plan, p.IndexOnlyScan):
            self.index_only(plan)
            return
        for name in (*self._SCAN_FIELDS, *self._INDEX_FIELDS):
            if name in plan.FIELDS:
                setattr(plan, name, self.scan_exprs(getattr(plan, name)))
        plan.scanrelid += self.offset

    def index_only(self, plan: Any) -> None:
        columns = Columns(plan.indextlist)
        plan.targetlist = [
            e.copy(expr=self.upper(e.expr, columns, INDEX)) for e in plan.targetlist
        ]
        plan.qual = [self.upper(q, columns, INDEX) for q in plan.qual]
        plan.recheckqual = [self.upper(q, columns, INDEX) for q in plan.recheckqual]
        plan.indexqual = self.scan_exprs(plan.indexqual)
        plan.indextlist = self.scan_exprs(plan.indextlist)
        plan.scanrelid += self.offset

    def join(self, plan: Any) -> None:
        outer, inner = Columns(plan.lefttree.targetlist), Columns(plan.righttree.targetlist)

        def fixed(nodes: list[Any]) -> list[Any]:
            return [self.upper(n, outer, OUTER, inner) for n in nodes]

        plan.targetlist = [
            e.copy(expr=self.upper(e.expr, outer, OUTER, inner)) for e in plan.targetlist
        ]
        plan.qual, plan.joinqual = fixed(plan.qual), fixed(plan.joinqual)
        if isinstance(plan, p.NestLoop):
            for param in plan.nestParams:
                param.paramval = self.upper(param.paramval, outer, OUTER)
        elif isinstance(plan, p.HashJoin):
            plan.hashclauses = fixed(plan.hashclauses)
            plan.hashkeys = [self.upper(k, outer, OUTER) for k in plan.hashkeys]
        else:
            plan.mergeclauses = fixed(plan.mergeclauses)

    def over(self, plan: Any) -> None:
        """A node that computes its target list over its only input."""
        below = Columns(plan.lefttree.targetlist)
        plan.targetlist = [
            e.copy(expr=self.upper_ref(e, below)) for e in plan.targetlist
        ]
        plan.qual = [self.upper(q, below, OUTER) for q in plan.qual]
        if isinstance(plan, p.Result):
            plan.resconstantqual = self.upper(plan.resconstantqual, below, OUTER)
        if isinstance(plan, p.WindowAgg):
            plan.startOffset = self.upper(plan.startOffset, below, OUTER)
            plan.endOffset = self.upper(plan.endOffset, below, OUTER)

    def upper_ref(self, entry: Any, below: Columns) -> Any:
        """A sort or group column refers to the input's column of the same reference."""
        if entry.ressortgroupref:
            found = below.by_ref(entry.ressortgroupref, entry.expr)
            if found is not None:
                return self.reference(entry.expr, found, OUTER)
        return self.upper(entry.expr, below, OUTER)

    def modify(self, plan: Any) -> Any:
        """RETURNING reads the target and the input, ON CONFLICT the target and EXCLUDED."""
        below = Columns(plan.lefttree.targetlist)
        target, excluded = plan.nominalRelation, plan.exclRelRTI

        def change(expr: Any, _depth: int) -> Any:
            if not isinstance(expr, Var):
                return None
            if excluded and expr.varno == excluded:
                return expr.copy(varno=INNER)
            if expr.varno == target or expr.varno < 0:
                moved = expr.varno + self.offset if expr.varno > 0 else expr.varno
                return expr.copy(varno=moved, varnosyn=expr.varnosyn + self.offset)
            found = below.find(expr)
            if found is None:
                raise Unsupported(f"column {expr.varattno} of range table entry {expr.varno} "
                                  "where the plan's input does not give it")  # fmt: skip
            return self.reference(expr, found, OUTER)

        for name in ("targetlist", "onConflictSet", "onConflictWhere"):
            setattr(plan, name, trees.transform(getattr(plan, name), change))
        plan.nominalRelation += self.offset
        plan.rootRelation += self.offset if plan.rootRelation else 0
        plan.exclRelRTI += self.offset if excluded else 0
        plan.resultRelations = IntList(r + self.offset for r in plan.resultRelations)
        plan.initPlan = [self.scan_exprs(i) for i in plan.initPlan]
        plan.lefttree = self.fix(plan.lefttree)
        return plan

    def positional(self, plan: Any) -> None:
        """A node that hands its input's columns on."""
        made = []
        for number, entry in enumerate(plan.targetlist, 1):
            if isinstance(entry.expr, Const):
                made.append(entry.copy(expr=self.keep_const(entry, number)))
            else:
                made.append(entry.copy(expr=self.reference(entry.expr, number, OUTER)))
        plan.targetlist = made

    def keep_const(self, entry: TargetEntry, number: int) -> Any:
        return self.reference(entry.expr, number, OUTER)

    def append(self, plan: Any) -> Any:
        name = "appendplans" if isinstance(plan, p.Append) else "mergeplans"
        plans = getattr(plan, name)
        if len(plans) == 1 and len(plans[0].targetlist) == len(plan.targetlist):
            only = plans[0]
            only.initPlan = list(plan.initPlan) + list(only.initPlan)
            made = self.fix(only)
            _names(made, plan)
            return made
        self.positional(plan)
        plan.initPlan = [self.scan_exprs(i) for i in plan.initPlan]
        setattr(plan, name, [self.fix(s) for s in plans])
        plan.apprelids = frozenset(r + self.offset for r in plan.apprelids)
        return plan

    def subquery(self, plan: Any) -> Any:
        """A subquery scan; it disappears where it only hands rows on."""
        subroot = plan.__dict__.pop("_subroot")
        sub = set_references(subroot, plan.subplan)
        if not plan.qual and _identity(plan.targetlist, sub.targetlist):
            sub.initPlan = [self.scan_exprs(i) for i in plan.initPlan] + list(sub.initPlan)
            _names(sub, plan)
            return sub
        plan.subplan = sub
        self.scan(plan)
        plan.initPlan = [self.scan_exprs(i) for i in plan.initPlan]
        return plan


_PASS = (p.Sort, p.IncrementalSort, p.Unique, p.Material, p.Limit, p.Hash, p.LockRows)


def _names(made: Any, plan: Any) -> None:
    for entry, wanted in zip(made.targetlist, plan.targetlist):
        entry.resname, entry.resjunk = wanted.resname, wanted.resjunk
        entry.ressortgroupref = wanted.ressortgroupref
        entry.resorigtbl, entry.resorigcol = wanted.resorigtbl, wanted.resorigcol


def _identity(outer: list[Any], inner: list[Any]) -> bool:
    """Whether a scan's columns are the subplan's, in order, without hidden ones left over."""
    if len(outer) != len(inner):
        return False
    for entry, sub in zip(outer, inner):
        if entry.resjunk != sub.resjunk:
            return False
        expr = entry.expr
        if not (type(expr) is Var and expr.varattno == sub.resno):
            return False
    return True


class Columns:
    """An input's target list, searchable by expression."""

    def __init__(self, tlist: list[Any]) -> None:
        self.entries = tlist
        self.places: dict[Any, int] = {}
        for entry in tlist:
            self.places.setdefault(trees.key(entry.expr), entry.resno)

    def find(self, expr: Any) -> int | None:
        """The column that gives an expression."""
        return self.places.get(trees.key(expr))

    def by_ref(self, ref: int, expr: Any) -> int | None:
        """The column with a sort or group reference, if it is the same expression."""
        for entry in self.entries:
            if entry.ressortgroupref == ref and trees.same(entry.expr, expr):
                return int(entry.resno)
        return None
