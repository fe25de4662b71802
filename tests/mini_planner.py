"""A planner without cost, for tests of the executor: every clause, the first plan that works.

Sequential scans, hash joins where an equality offers itself (or any other join method that a
test asks for), hashed aggregation, sorts below windows. Not part of the product.
"""

from __future__ import annotations

import itertools
from typing import Any

from pgtool.nodes import plan as P
from pgtool.nodes.base import mutate, walk
from pgtool.nodes.enums import (
    BoolExprType,
    JoinType,
    ParamKind,
    RTEKind,
    SetOperation,
    SubLinkType,
)
from pgtool.nodes.exprs import Param, SubPlan, Var
from pgtool.nodes.query import TargetEntry
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod

#: Variable numbers from here down are of pseudo relations: aggregates, group keys, windows.
PSEUDO = -50


def kind(node: Any) -> str:
    return type(node).__name__


class Root:
    """One statement: flat range table, subplans, parameters."""

    def __init__(self, session: Any, options: dict[str, Any]) -> None:
        self.session = session
        self.options = options
        self.rtable: list[Any] = []
        self.subplans: list[Any] = []
        self.params = itertools.count()
        self.ids = itertools.count(1)


def plan(query: Any, session: Any, **options: Any) -> P.PlannedStmt:
    root = Root(session, options)
    tree = Level(root, query, None).plan()
    return P.PlannedStmt(planTree=tree, rtable=root.rtable, subplans=root.subplans)


class Rel:
    """A plan and what its columns are: (varno, attno) of the level → position."""

    def __init__(self, tree: Any, columns: list[tuple[int, int]], varnos: set[int]) -> None:
        self.tree = tree
        self.columns = columns
        self.varnos = varnos


class Level:
    """One query level."""

    def __init__(self, root: Root, query: Any, parent: Level | None) -> None:
        self.root = root
        self.parent = parent
        self.base = len(root.rtable)
        self.ctes: dict[str, tuple[int, Any]] = {}
        self.outer_params: dict[tuple[int, int, int], tuple[int, Any]] = {}
        self.query = self.flatten(query)
        root.rtable += self.query.rtable

    def flatten(self, query: Any) -> Any:
        """Join alias and group Vars replaced by what they stand for."""
        def change(depth: int) -> Any:
            def go(node: Any) -> Any:
                if kind(node) == "Var" and node.varlevelsup == depth:
                    rte = query.rtable[node.varno - 1]
                    source = {RTEKind.RTE_JOIN: "joinaliasvars",
                              RTEKind.RTE_GROUP: "groupexprs"}.get(rte.rtekind)
                    if source and node.varattno > 0:
                        found = getattr(rte, source)[node.varattno - 1]
                        return lifted(change(0)(found), depth)
                    return node
                if kind(node) == "Query":
                    return mutate(node, change(depth + 1))
                return mutate(node, go)
            return go
        rtable = query.rtable
        out = query.copy(rtable=[])
        out = mutate(out, change(0))
        out.rtable = [
            r if r.rtekind in (RTEKind.RTE_JOIN, RTEKind.RTE_GROUP) else mutate(r, change(0))
            for r in rtable]
        return out

    # -- plans ------------------------------------------------------------------

    def node(self, cls: Any, **fields: Any) -> Any:
        return cls(plan_node_id=next(self.root.ids), **fields)

    def plan(self) -> Any:
        query = self.query
        for cte in query.cteList:
            self.cte(cte)
        tree = self.setop(query.setOperations) if query.setOperations else self.select()
        if query.limitCount or query.limitOffset:
            fields = {}
            if query.limitOption:
                fields = self.keys(query.sortClause, tree.targetlist, "uniq", eq=True)
            tree = self.node(P.Limit, lefttree=tree, targetlist=outer_tlist(tree),
                             limitOffset=self.links(query.limitOffset),
                             limitCount=self.links(query.limitCount),
                             limitOption=query.limitOption, **fields)
        return tree

    def cte(self, cte: Any) -> None:
        number = len(self.root.subplans) + 1
        self.root.subplans.append(None)
        if cte.cterecursive and cte.ctequery.setOperations and any(
                kind(r) == "RangeTblEntry" and r.ctename == cte.ctename
                for r in walk(cte.ctequery)):
            tree = self.recursive(cte)
        else:
            tree = Level(self.root, cte.ctequery, self).plan()
        self.root.subplans[number - 1] = tree
        self.ctes[cte.ctename] = (number, tree)

    def recursive(self, cte: Any) -> Any:
        inner = Level(self.root, cte.ctequery, self)
        top = inner.query.setOperations
        param = next(self.root.params)
        inner.working = (cte.ctename, param)
        left = inner.setop(top.larg)
        right = inner.setop(top.rarg)
        fields: dict[str, Any] = {}
        if not top.all:
            fields = {"dupColIdx": list(range(1, len(left.targetlist) + 1)),
                      "dupOperators": [c.eqop for c in top.groupClauses],
                      "dupCollations": list(top.colCollations)}
        return inner.node(P.RecursiveUnion, lefttree=left, righttree=right, wtParam=param,
                          targetlist=named_tlist(left, inner.query.targetList), **fields)

    working: tuple[str, int] | None = None

    def find_working(self, name: str) -> int | None:
        level: Level | None = self
        while level is not None:
            if level.working and level.working[0] == name:
                return level.working[1]
            level = level.parent
        return None

    def setop(self, node: Any) -> Any:
        if kind(node) == "RangeTblRef":
            rte = self.query.rtable[node.rtindex - 1]
            return strip_junk(self, Level(self.root, rte.subquery, self).plan())
        left, right = self.setop(node.larg), self.setop(node.rarg)
        cols = list(range(1, len(left.targetlist) + 1))
        operators = [c.eqop for c in node.groupClauses]
        if node.op == SetOperation.SETOP_UNION:
            tree = self.node(P.Append, appendplans=[left, right],
                             targetlist=named_tlist(left, self.query.targetList))
            if not node.all:
                tree = self.node(P.Agg, lefttree=tree, aggstrategy=P.AggStrategy.AGG_HASHED,
                                 grpColIdx=cols, grpOperators=operators,
                                 grpCollations=list(node.colCollations),
                                 targetlist=outer_tlist(tree))
        else:
            command = (0 if node.op == SetOperation.SETOP_INTERSECT else 2) + bool(node.all)
            tree = self.node(P.SetOp, lefttree=left, righttree=right, cmpColIdx=cols,
                             cmp=None, cmpOperators=operators, cmd=P.SetOpCmd(command),
                             cmpCollations=list(node.colCollations),
                             targetlist=named_tlist(left, self.query.targetList)) \
                if False else self.node(
                    P.SetOp, lefttree=left, righttree=right, cmpColIdx=cols,
                    cmpOperators=operators, cmd=P.SetOpCmd(command),
                    cmpCollations=list(node.colCollations),
                    targetlist=named_tlist(left, self.query.targetList))
        if node is self.query.setOperations:
            tree = self.sorted(tree, self.query.sortClause, self.query.targetList)
        return tree

    def select(self) -> Any:
        query = self.query
        self.wanted: dict[int, set[int]] = {}
        for found in level_vars(query):
            self.wanted.setdefault(found.varno, set()).add(found.varattno)
        rel = self.from_items(query.jointree)
        targets = query.targetList
        if query.hasAggs or query.groupClause or query.havingQual:
            rel, targets = self.aggregate(rel, targets)
        if query.hasWindowFuncs:
            rel, targets = self.windows(rel, targets)
        tree = self.projected(rel, targets)
        if query.hasTargetSRFs:
            tree = self.srfs(tree, targets, rel)
        if query.distinctClause:
            if query.hasDistinctOn:
                tree = self.sorted(tree, query.sortClause or query.distinctClause, targets)
                tree = self.node(P.Unique, lefttree=tree, targetlist=outer_tlist(tree),
                                 **self.keys(query.distinctClause, targets, "uniq", eq=True))
                return tree
            keys = self.keys(query.distinctClause, targets, "grp", eq=True)
            tree = self.node(P.Agg, lefttree=tree, aggstrategy=P.AggStrategy.AGG_HASHED,
                             targetlist=outer_tlist(tree), **keys)
        return self.sorted(tree, query.sortClause, targets)

    def srfs(self, tree: Any, targets: list[Any], rel: Rel) -> Any:
        inner = self.pass_through(rel)
        project = self.projected(inner, targets)
        fields = [t.copy(expr=t.expr) for t in project.targetlist]
        return self.node(P.ProjectSet, lefttree=inner.tree, targetlist=fields)

    def pass_through(self, rel: Rel) -> Rel:
        return rel

    def sorted(self, tree: Any, clauses: list[Any], targets: list[Any]) -> Any:
        if not clauses:
            return tree
        keys = self.keys(clauses, targets, "sort")
        return self.node(P.Sort, lefttree=tree, targetlist=outer_tlist(tree), **keys)

    def keys(self, clauses: list[Any], targets: list[Any], prefix: str, eq: bool = False) -> Any:
        places = {t.ressortgroupref: i + 1 for i, t in enumerate(targets) if t.ressortgroupref}
        exprs = {t.ressortgroupref: t.expr for t in targets if t.ressortgroupref}
        names = {"sort": ("sortColIdx", "sortOperators", "collations"),
                 "uniq": ("uniqColIdx", "uniqOperators", "uniqCollations"),
                 "grp": ("grpColIdx", "grpOperators", "grpCollations")}[prefix]
        out = {
            names[0]: [places[c.tleSortGroupRef] for c in clauses],
            names[1]: [c.eqop if eq else c.sortop for c in clauses],
            names[2]: [expr_collation(exprs[c.tleSortGroupRef]) for c in clauses],
        }
        if prefix == "sort":
            out["nullsFirst"] = [c.nulls_first for c in clauses]
        return out

    # -- FROM ---------------------------------------------------------------------

    def from_items(self, jointree: Any) -> Rel:
        quals = conjuncts(jointree.quals)
        rel: Rel | None = None
        for item in jointree.fromlist:
            one = self.item(item)
            ready = [q for q in quals if self.varnos(q) <= (rel.varnos if rel else set())
                     | one.varnos and not self.volatile(q)]
            quals = [q for q in quals if not any(q is r for r in ready)]
            rel = self.filtered(one, ready) if rel is None else self.join(
                rel, one, JoinType.JOIN_INNER, ready)
        if rel is None:
            tree = self.node(P.Result, targetlist=[])
            return Rel(self.node(P.Result, resconstantqual=[self.links(q) for q in quals])
                       if quals else tree, [], set())
        return self.filtered(rel, quals)

    @staticmethod
    def volatile(node: Any) -> bool:
        return False

    def varnos(self, node: Any) -> set[int]:
        return {v.varno for v in level_vars(node)}

    def item(self, node: Any) -> Rel:
        if kind(node) == "JoinExpr":
            left, right = self.item(node.larg), self.item(node.rarg)
            return self.join(left, right, node.jointype, conjuncts(node.quals))
        return self.scan(node.rtindex)

    def filtered(self, rel: Rel, quals: list[Any]) -> Rel:
        if not quals:
            return rel
        tree = self.node(P.Result, lefttree=rel.tree, targetlist=outer_tlist(rel.tree),
                         qual=[self.fix(q, rel) for q in quals])
        return Rel(tree, rel.columns, rel.varnos)

    def scan(self, number: int) -> Rel:
        rte = self.query.rtable[number - 1]
        scanrelid = self.base + number
        attnos = sorted(self.wanted.get(number, ()))
        columns = [(number, a) for a in attnos]
        samples = {(v.varno, v.varattno): v for v in level_vars(self.query)}
        tlist = [
            TargetEntry(expr=samples[c].copy(varno=scanrelid), resno=i + 1)
            for i, c in enumerate(columns)
        ]
        common = {"scanrelid": scanrelid, "targetlist": tlist}
        if rte.rtekind == RTEKind.RTE_RELATION:
            tree = self.indexed(rte, number, common) or self.node(P.SeqScan, **common)
        elif rte.rtekind == RTEKind.RTE_SUBQUERY:
            level = Level(self.root, rte.subquery, self)
            tree = self.node(P.SubqueryScan, subplan=level.plan(), **common)
            self.absorb(level)
        elif rte.rtekind == RTEKind.RTE_FUNCTION:
            functions = [f.copy(funcexpr=self.links(self.lateral(f.funcexpr)))
                         for f in rte.functions]
            tree = self.node(P.FunctionScan, functions=functions,
                             funcordinality=rte.funcordinality, **common)
        elif rte.rtekind == RTEKind.RTE_VALUES:
            lists = [[self.links(e) for e in row] for row in rte.values_lists]
            tree = self.node(P.ValuesScan, values_lists=lists, **common)
        else:
            param = self.find_working(rte.ctename) if rte.self_reference else None
            if param is not None:
                tree = self.node(P.WorkTableScan, wtParam=param, **common)
            else:
                level: Level = self
                for _ in range(rte.ctelevelsup):
                    assert level.parent is not None
                    level = level.parent
                tree = self.node(P.CteScan, ctePlanId=level.ctes[rte.ctename][0],
                                 cteParam=0, **common)
        return Rel(tree, columns, {number})

    def indexed(self, rte: Any, number: int, common: Any) -> Any:
        """A scan by the first index that a condition fits, where the test wants one."""
        method = self.root.options.get("index")
        cache = self.root.session.cache
        if not method:
            return None
        for index in cache.lookup("pg_index", "indrelid", rte.relid):
            quals, plain = [], []
            for qual in conjuncts(self.query.jointree.quals):
                found = qual
                for i, attno in enumerate(index.indkey[:index.indnkeyatts]):
                    found = to_index(found, number, attno, i + 1)
                args = getattr(found, "args", None) or [getattr(found, "arg", None)]
                families = {cache.one("pg_opclass", "oid", c).opcfamily for c in index.indclass}
                member = kind(qual) == "NullTest" or any(
                    r.amopfamily in families
                    for r in cache.lookup("pg_amop", "amopopr", getattr(qual, "opno", 0)))
                if kind(args[0]) == "Var" and args[0].varno == P.INDEX_VAR and member and not any(
                        kind(n) in ("Var", "SubLink") for a in args[1:] for n in [a, *walk([a])]):
                    quals.append(found)
                    plain.append(to_index(qual, number, 0, 0, self.base + number))
            if not quals or any(len(i.indkey) == 0 for i in [index]):
                continue
            backward = P.ScanDirection(self.root.options.get("direction", 1))
            if method == "bitmap":
                inner = self.node(P.BitmapIndexScan, scanrelid=common["scanrelid"],
                                  indexid=index.indexrelid, indexqual=quals)
                return self.node(P.BitmapHeapScan, lefttree=inner, bitmapqualorig=plain, **common)
            return self.node(P.IndexScan, indexid=index.indexrelid, indexqual=quals,
                             indexqualorig=plain, indexorderdir=backward, **common)
        return None

    def lateral(self, node: Any) -> Any:
        """Vars of this level inside a lateral item become parameters."""
        def change(found: Any) -> Any:
            if kind(found) == "Var" and found.varlevelsup == 0:
                return self.param_for(found)
            return mutate(found, change)
        return change(node)

    def absorb(self, level: Level) -> None:
        """Outer references of a subquery in FROM: lateral ones of this level, others go up."""
        for (depth, varno, attno), (param, var) in level.outer_params.items():
            if depth == 1:
                self.lateral_params[varno, attno] = (param, var.copy(varlevelsup=0))
            else:
                key = (depth - 1, varno, attno)
                self.outer_params.setdefault(key, (param, var.copy(varlevelsup=depth - 1)))

    @property
    def lateral_params(self) -> dict[tuple[int, int], tuple[int, Any]]:
        return self.__dict__.setdefault("_lateral", {})

    def param_for(self, var: Any) -> Param:
        key = (var.varno, var.varattno)
        if key not in self.lateral_params:
            self.lateral_params[key] = (next(self.root.params), var)
        return as_param(self.lateral_params[key][0], var)

    def join(self, left: Rel, right: Rel, jointype: JoinType, quals: list[Any]) -> Rel:
        columns = left.columns + right.columns
        varnos = left.varnos | right.varnos
        both = Rel(None, columns, varnos)
        both.split = len(left.columns)  # type: ignore[attr-defined]
        tlist = side_tlist(left.tree, P.OUTER_VAR) + side_tlist(right.tree, P.INNER_VAR)
        for i, entry in enumerate(tlist):
            entry.resno = i + 1
        params = {k: v for k, v in self.lateral_params.items() if k[0] in left.varnos
                  and v[0] in params_of(right.tree)}
        method = self.root.options.get("join", "hash")
        hashable = [q for q in quals if self.equates(q, left, right)] if not params else []
        if hashable and method in ("hash", "merge"):
            rest = [self.fix(q, both) for q in quals if not any(q is h for h in hashable)]
            clauses = [self.fix(self.oriented(q, left), both) for q in hashable]
            if method == "hash":
                inner = self.node(P.Hash, lefttree=right.tree, targetlist=outer_tlist(right.tree))
                tree = self.node(P.HashJoin, jointype=jointype, joinqual=rest, lefttree=left.tree,
                                 hashclauses=clauses, targetlist=tlist, righttree=inner)
            else:
                tree = self.node(P.MergeJoin, jointype=jointype, joinqual=rest,
                                 lefttree=left.tree, mergeclauses=clauses, targetlist=tlist,
                                 righttree=right.tree)
        elif jointype in (JoinType.JOIN_RIGHT, JoinType.JOIN_FULL):
            tree = self.node(P.MergeJoin, jointype=jointype, lefttree=left.tree,
                             joinqual=[self.fix(q, both) for q in quals], targetlist=tlist,
                             righttree=right.tree)
        else:
            nest = [P.NestLoopParam(paramno=p, paramval=self.fix(v, both))
                    for p, v in params.values()]
            tree = self.node(P.NestLoop, jointype=jointype, lefttree=left.tree,
                             righttree=right.tree, nestParams=nest, targetlist=tlist,
                             joinqual=[self.fix(q, both) for q in quals])
        return Rel(tree, columns, varnos)

    def equates(self, q: Any, left: Rel, right: Rel) -> bool:
        if kind(q) != "OpExpr" or len(q.args) != 2 or any(kind(n) == "SubLink" for n in walk(q)):
            return False
        row = self.root.session.cache.operator(q.opno)
        if not row.oprcanmerge and not row.oprcanhash:
            return False
        a, b = (self.varnos(x) for x in q.args)
        straight = bool(a) and bool(b) and a <= left.varnos and b <= right.varnos
        crossed = bool(a) and bool(b) and b <= left.varnos and a <= right.varnos and row.oprcom
        return straight or bool(crossed)

    def oriented(self, q: Any, left: Rel) -> Any:
        if self.varnos(q.args[0]) <= left.varnos:
            return q
        row = self.root.session.cache.operator(q.opno)
        other = self.root.session.cache.operator(row.oprcom)
        return q.copy(opno=other.oid, opfuncid=other.oprcode, args=[q.args[1], q.args[0]])

    # -- expressions ----------------------------------------------------------------

    def fix(self, node: Any, rel: Rel) -> Any:
        """Vars of this level → OUTER/INNER Vars of an input; links → subplans."""
        split = getattr(rel, "split", len(rel.columns))
        places = {c: i for i, c in enumerate(rel.columns)}

        def change(found: Any) -> Any:
            if kind(found) == "Var" and found.varlevelsup == 0 and (
                    found.varno > 0 or found.varno <= PSEUDO):
                place = places[found.varno, found.varattno]
                if place < split:
                    return found.copy(varno=P.OUTER_VAR, varattno=place + 1)
                return found.copy(varno=P.INNER_VAR, varattno=place - split + 1)
            return mutate(found, change)

        return change(self.links(node))

    def links(self, node: Any) -> Any:
        """Outer Vars → parameters; SubLinks → SubPlans."""
        if node is None:
            return None

        def change(found: Any) -> Any:
            if kind(found) == "Var" and found.varlevelsup > 0:
                key = (found.varlevelsup, found.varno, found.varattno)
                if key not in self.outer_params:
                    self.outer_params[key] = (next(self.root.params), found)
                return as_param(self.outer_params[key][0], found)
            if kind(found) == "SubLink":
                return self.sublink(found, change)
            return mutate(found, change)

        return change(node)

    def sublink(self, link: Any, change: Any) -> Any:
        level = Level(self.root, link.subselect, self)
        tree = level.plan()
        self.root.subplans.append(tree)
        visible = [t for t in tree.targetlist if not t.resjunk]
        sub = SubPlan(subLinkType=link.subLinkType, plan_id=len(self.root.subplans),
                      firstColType=expr_type(visible[0].expr) if visible else 0)
        if link.subLinkType == SubLinkType.ARRAY_SUBLINK:
            sub.array_type = expr_type(link)
        if link.testexpr is not None:
            ids = [next(self.root.params) for _ in visible]

            def sublinks(found: Any) -> Any:
                if kind(found) == "Param" and found.paramkind == ParamKind.PARAM_SUBLINK:
                    return found.copy(paramkind=ParamKind.PARAM_EXEC,
                                      paramid=ids[found.paramid - 1])
                return mutate(found, sublinks)

            sub.testexpr = change(sublinks(link.testexpr))
            sub.paramIds = ids
            sub.useHashTable = (link.subLinkType == SubLinkType.ANY_SUBLINK
                                and not level.outer_params and self.root.options.get("hash", True))
        for (depth, _varno, _attno), (param, var) in level.outer_params.items():
            sub.parParam.append(param)
            sub.args.append(change(var.copy(varlevelsup=depth - 1)))
        return sub

    def projected(self, rel: Rel, targets: list[Any]) -> Any:
        if self.query.hasTargetSRFs:
            fields = [t.copy(expr=self.fix(t.expr, rel)) for t in targets]
            return self.node(P.Result, lefttree=rel.tree, targetlist=fields)
        fields = [t.copy(expr=self.fix(t.expr, rel)) for t in targets]
        if kind(rel.tree) == "Result" and not rel.columns and rel.tree.lefttree is None \
                and not rel.tree.targetlist and not rel.varnos:
            return rel.tree.copy(targetlist=fields)
        return self.node(P.Result, lefttree=rel.tree, targetlist=fields)

    # -- aggregates and windows -------------------------------------------------------

    def aggregate(self, rel: Rel, targets: list[Any]) -> tuple[Rel, list[Any]]:
        """Aggregates become Vars of a pseudo relation −50, group keys of −51."""
        query = self.query
        groups = [next(t for t in targets if t.ressortgroupref == c.tleSortGroupRef)
                  for c in query.groupClause]
        extra = [TargetEntry(expr=self.fix(g.expr, rel), resno=len(rel.columns) + i + 1)
                 for i, g in enumerate(groups)]
        below = self.node(P.Result, lefttree=rel.tree, targetlist=outer_tlist(rel.tree) + extra)
        wide = Rel(below, rel.columns + [(-51, i) for i in range(len(groups))], rel.varnos)
        group_exprs = [g.expr for g in groups]
        found: list[Any] = []

        def change(node: Any) -> Any:
            for i, expr in enumerate(group_exprs):
                if kind(node) == kind(expr) and node == expr:
                    return pseudo(node, -51, i)
            if kind(node) == "Aggref" and node.agglevelsup == 0:
                for i, other in enumerate(found):
                    if other == node:
                        return pseudo(node, -50, i)
                found.append(node)
                return pseudo(node, -50, len(found) - 1)
            return mutate(node, change)

        targets = [t.copy(expr=change(t.expr)) for t in targets]
        having = [change(q) for q in conjuncts(query.havingQual)]
        strategy = self.root.options.get("agg", "hashed")
        columns = [(-51, i) for i in range(len(groups))] + [(-50, i) for i in range(len(found))]
        others = sorted({(v.varno, v.varattno) for v in level_vars([targets, having])}
                        - set(columns))
        samples = {(v.varno, v.varattno): v for v in level_vars(targets + having)}
        columns += others
        entries = [self.fix(pseudo(g, -51, i), wide) for i, g in enumerate(group_exprs)]
        entries += [self.fix(a, wide) for a in found]
        entries += [self.fix(samples[c], wide) for c in others]
        tlist = [TargetEntry(expr=e, resno=i + 1) for i, e in enumerate(entries)]
        keys = {"grpColIdx": [len(rel.columns) + i + 1 for i in range(len(groups))],
                "grpOperators": [c.eqop for c in query.groupClause],
                "grpCollations": [expr_collation(g) for g in group_exprs]}
        tree: Any = below
        if groups and strategy == "sorted":
            tree = self.node(P.Sort, lefttree=tree, targetlist=outer_tlist(tree),
                             sortColIdx=keys["grpColIdx"], collations=keys["grpCollations"],
                             sortOperators=[c.sortop for c in query.groupClause],
                             nullsFirst=[False] * len(groups))
        mode = (P.AggStrategy.AGG_PLAIN if not groups else P.AggStrategy.AGG_SORTED
                if strategy == "sorted" else P.AggStrategy.AGG_HASHED)
        tree = self.node(P.Agg, lefttree=tree, aggstrategy=mode, targetlist=tlist, **keys)
        return self.filtered(Rel(tree, columns, rel.varnos), having), targets

    def windows(self, rel: Rel, targets: list[Any]) -> tuple[Rel, list[Any]]:
        query = self.query
        for window in query.windowClause:
            funcs: list[Any] = []
            for node in level_nodes(targets):
                if kind(node) == "WindowFunc" and node.winref == window.winref \
                        and not any(node == f for f in funcs):
                    funcs.append(node)
            if not funcs:
                continue
            parts = window.partitionClause + window.orderClause
            exprs = [next(t.expr for t in targets if t.ressortgroupref == c.tleSortGroupRef)
                     for c in parts]
            n = len(rel.columns)
            extra = [TargetEntry(expr=self.fix(e, rel), resno=n + i + 1)
                     for i, e in enumerate(exprs)]
            below = self.node(P.Result, lefttree=rel.tree,
                              targetlist=outer_tlist(rel.tree) + extra)
            tree: Any = below
            collations = [expr_collation(e) for e in exprs]
            if parts:
                tree = self.node(P.Sort, lefttree=below, targetlist=outer_tlist(below),
                                 sortColIdx=[n + i + 1 for i in range(len(parts))],
                                 sortOperators=[c.sortop for c in parts], collations=collations,
                                 nullsFirst=[c.nulls_first for c in parts])
            np_ = len(window.partitionClause)
            tlist = outer_tlist(rel.tree)
            for f in funcs:
                tlist.append(TargetEntry(expr=self.fix(f, rel), resno=len(tlist) + 1))
            tree = self.node(
                P.WindowAgg, lefttree=tree, targetlist=tlist, winref=window.winref,
                partColIdx=[n + i + 1 for i in range(np_)],
                partOperators=[c.eqop for c in window.partitionClause],
                partCollations=collations[:np_],
                ordColIdx=[n + np_ + i + 1 for i in range(len(window.orderClause))],
                ordOperators=[c.eqop for c in window.orderClause],
                ordCollations=collations[np_:], frameOptions=window.frameOptions,
                startOffset=self.links(window.startOffset),
                endOffset=self.links(window.endOffset),
                startInRangeFunc=window.startInRangeFunc, endInRangeFunc=window.endInRangeFunc,
                inRangeColl=window.inRangeColl, inRangeAsc=window.inRangeAsc,
                inRangeNullsFirst=window.inRangeNullsFirst)
            mark = -60 - window.winref

            def change(node: Any, funcs: Any = funcs, mark: int = mark) -> Any:
                for i, f in enumerate(funcs):
                    if kind(node) == "WindowFunc" and node == f:
                        return pseudo(node, mark, i)
                return mutate(node, change)

            targets = [t.copy(expr=change(t.expr)) for t in targets]
            rel = Rel(tree, rel.columns + [(mark, i) for i in range(len(funcs))], rel.varnos)
        return rel, targets


def pseudo(node: Any, varno: int, number: int) -> Var:
    """A stand-in Var; its real position is found by :meth:`Level.fix`."""
    return Var(varno=varno, varattno=number, vartype=expr_type(node),
               vartypmod=expr_typmod(node), varcollid=expr_collation(node))


def as_param(number: int, var: Any) -> Param:
    return Param(paramkind=ParamKind.PARAM_EXEC, paramid=number, paramtype=var.vartype,
                 paramtypmod=var.vartypmod, paramcollid=var.varcollid)


def conjuncts(node: Any) -> list[Any]:
    if node is None:
        return []
    if kind(node) == "BoolExpr" and node.boolop == BoolExprType.AND_EXPR:
        return [c for a in node.args for c in conjuncts(a)]
    return [node]


def level_nodes(value: Any, depth: int = 0) -> Any:
    """Nodes of this level: subqueries are entered for their outer Vars only."""
    items = value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, list):
            yield from level_nodes(item, depth)
        elif item is None or not hasattr(item, "FIELDS"):
            continue
        elif kind(item) == "Query" and depth >= 0:
            yield from level_nodes(list(item.children()), depth + 1)
        else:
            if kind(item) == "Var":
                if item.varlevelsup == depth:
                    yield item.copy(varlevelsup=0)
            elif depth == 0:
                yield item
            yield from level_nodes(list(item.children()), depth)


def level_vars(value: Any) -> list[Any]:
    if kind(value) == "Query":
        items = [r for r in value.rtable if r.rtekind not in (RTEKind.RTE_JOIN, RTEKind.RTE_GROUP)]
        value = list(value.copy(rtable=items).children())
    return [v for v in level_nodes(value) if kind(v) == "Var"]


def lifted(node: Any, depth: int) -> Any:
    if not depth:
        return node

    def change(found: Any) -> Any:
        if kind(found) == "Var":
            return found.copy(varlevelsup=found.varlevelsup + depth)
        return mutate(found, change)

    return change(node)


def to_index(node: Any, varno: int, attno: int, column: int, back: int = 0) -> Any:
    """Vars of a table's column → INDEX_VAR (or, with ``back``, numbered in the flat table)."""
    def change(found: Any) -> Any:
        if kind(found) == "Var" and found.varno == varno and found.varlevelsup == 0:
            if back:
                return found.copy(varno=back)
            if found.varattno == attno:
                return found.copy(varno=P.INDEX_VAR, varattno=column)
        return mutate(found, change)

    return change(node)


def params_of(tree: Any) -> set[int]:
    return {n.paramid for n in walk([tree]) if kind(n) == "Param"
            and n.paramkind == ParamKind.PARAM_EXEC}


def side_tlist(tree: Any, varno: int) -> list[Any]:
    return [
        TargetEntry(expr=Var(varno=varno, varattno=i + 1, vartype=expr_type(t.expr),
                             vartypmod=expr_typmod(t.expr), varcollid=expr_collation(t.expr)),
                    resno=i + 1, resname=t.resname, resjunk=t.resjunk,
                    ressortgroupref=t.ressortgroupref)
        for i, t in enumerate(tree.targetlist)
    ]


def outer_tlist(tree: Any) -> list[Any]:
    return side_tlist(tree, P.OUTER_VAR)


def named_tlist(tree: Any, targets: list[Any]) -> list[Any]:
    out = outer_tlist(tree)
    for entry, target in zip(out, targets):
        entry.resname, entry.ressortgroupref = target.resname, target.ressortgroupref
    return out


def strip_junk(level: Level, tree: Any) -> Any:
    if not any(t.resjunk for t in tree.targetlist):
        return tree
    keep = [t for t in outer_tlist(tree) if not t.resjunk]
    return level.node(P.Result, lefttree=tree, targetlist=keep)
