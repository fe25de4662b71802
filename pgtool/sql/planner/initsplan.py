"""From a join tree to relations, clauses and join-order rules.

Each AND-ed clause is attached where it can first be evaluated: to a base relation, to an
equivalence class, or as a join clause to all relations that it mentions. Outer joins leave
a ``SpecialJoin`` that says which relations must be on which side, and delay clauses above
them that would otherwise see rows before their null extension.
"""

from __future__ import annotations

from typing import Any

from pgtool.errors import Unsupported
from pgtool.nodes.base import IntList
from pgtool.nodes.enums import JoinType, RTEKind
from pgtool.nodes.exprs import Var
from pgtool.nodes.query import FromExpr, RangeTblRef
from pgtool.sql.planner import equiv, trees
from pgtool.sql.planner import operators as ops
from pgtool.sql.planner.base import NONE, Rel, Relids, Rinfo, Root, SpecialJoin
from pgtool.sql.planner.trees import conjuncts, varnos

_OUTER = (JoinType.JOIN_LEFT, JoinType.JOIN_ANTI, JoinType.JOIN_FULL)


def make_rinfo(
    root: Root, clause: Any, required: Relids | None = None, pushed_down: bool = True
) -> Rinfo:
    """A clause with what the planner wants to know about it."""
    found = varnos(clause)
    made = Rinfo(clause, found if required is None else required, found, pushed_down)
    cache = root.glob.cache
    if type(clause).__name__ == "OpExpr" and len(clause.args) == 2:
        made.left, made.right = varnos(clause.args[0]), varnos(clause.args[1])
        if made.left and made.right and not made.left & made.right:
            made.can_join = True
        if trees.volatility(clause, cache) != "v":
            made.mergeops = ops.merge_families(cache, clause.opno)
            if made.can_join and ops.can_hash(cache, clause.opno):
                made.hash_op = clause.opno
    if trees.BoolExpr is type(clause) and clause.boolop == 1:
        made.or_clauses = [
            [make_rinfo(root, part) for part in conjuncts(arg)] for arg in clause.args
        ]
    made.pseudo = not found and trees.volatility(clause, cache) != "v"
    return made


class Deconstruct:
    """One pass over a join tree."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.cache = root.glob.cache

    def run(self) -> None:
        """Attach every clause of the query's join tree."""
        self.root.all_rels = _rels(self.root.query.jointree)
        self.tree(self.root.query.jointree, False)

    def tree(self, node: Any, below: bool) -> tuple[Relids, Relids]:
        """(relations below, relations below inner joins only)."""
        if isinstance(node, RangeTblRef):
            return frozenset((node.rtindex,)), NONE
        if isinstance(node, FromExpr):
            rels, inner = NONE, NONE
            for item in node.fromlist:
                found, found_inner = self.tree(item, below)
                rels, inner = rels | found, inner | found_inner
            if len(node.fromlist) > 1:
                inner = rels
            for clause in conjuncts(node.quals):
                self.distribute(clause, below, rels, None, NONE)
            return rels, inner
        return self.join(node, below)

    def join(self, node: Any, below: bool) -> tuple[Relids, Relids]:
        kind = node.jointype
        full = kind == JoinType.JOIN_FULL
        left, left_inner = self.tree(node.larg, below or full)
        right, right_inner = self.tree(node.rarg, below or kind in _OUTER)
        rels, inner = left | right, left_inner | right_inner
        if kind == JoinType.JOIN_INNER:
            for clause in conjuncts(node.quals):
                self.distribute(clause, below, rels, None, NONE)
            return rels, rels
        special = self.special(node, left, right, inner)
        if kind == JoinType.JOIN_SEMI:
            nonnullable, scope = NONE, None
            inner = inner | rels
        else:
            scope = special.min_left | special.min_right
            nonnullable = rels if full else left
        if full:
            self.root.nullable |= rels
        elif kind != JoinType.JOIN_SEMI:
            self.root.nullable |= right
        for clause in conjuncts(node.quals):
            self.distribute(clause, below, rels, scope, nonnullable)
        self.root.sjinfos.append(special)
        return rels, inner

    def special(self, node: Any, left: Relids, right: Relids, inner: Relids) -> SpecialJoin:
        """What an outer or semi join demands of the join order."""
        kind = node.jointype
        made = SpecialJoin(left, right, left, right, kind)
        if kind == JoinType.JOIN_FULL:
            return made
        clauses = conjuncts(node.quals)
        if kind == JoinType.JOIN_SEMI:
            _semi_details(self.root, made, clauses)
        mentioned = varnos(node.quals) if node.quals is not None else NONE
        strict = trees.nonnullable_rels(clauses, self.cache)
        made.lhs_strict = bool(strict & left)
        min_left, min_right = mentioned & left, (mentioned | inner) & right
        semi = (JoinType.JOIN_SEMI, JoinType.JOIN_ANTI)
        for other in self.root.sjinfos:
            both = other.syn_left | other.syn_right
            if other.jointype == JoinType.JOIN_FULL:
                if left & both:
                    min_left |= both
                if right & both:
                    min_right |= both
                continue
            if left & other.syn_right and mentioned & other.syn_right and (
                kind in semi or not strict & other.min_right
            ):
                min_left |= both
            if right & other.syn_right and (
                mentioned & other.syn_right or not mentioned & other.min_left
                or kind in semi or other.jointype in semi
                or not other.lhs_strict or other.delay_upper
            ):
                min_right |= both
        made.min_left, made.min_right = min_left or left, min_right or right
        return made

    def distribute(
        self, clause: Any, below: bool, scope_rels: Relids, ojscope: Relids | None,
        nonnullable: Relids,
    ) -> None:  # fmt: skip
        """Attach one clause."""
        relids = varnos(clause)
        if not relids:
            if ojscope is not None:
                relids = ojscope
            elif below:
                relids = scope_rels
            elif trees.volatility(clause, self.cache) != "v":
                self.root.gating.append(clause)
                return
            else:
                relids = self.root.all_rels
        outer_clause = bool(relids & nonnullable)
        if outer_clause:
            delayed, nullable = False, NONE
            relids, delayed, nullable = self.delay(relids, False)
            assert ojscope is not None
            relids = ojscope
            equivalence = False
        else:
            relids, delayed, nullable = self.delay(relids, True)
            equivalence = not delayed
        known = None if nullable else self.known_null_test(clause)
        if known is True:
            return
        if known is False:
            clause = trees.bool_const(False)
        rinfo = make_rinfo(self.root, clause, relids, not outer_clause)
        rinfo.outer_delayed, rinfo.nullable = delayed, nullable
        if outer_clause:
            rinfo.outer_relids = nonnullable
        if len(relids) > 1:
            _need(self.root, clause, relids)
        if equivalence and rinfo.mergeops and rinfo.required == rinfo.clause_relids \
                and equiv.process_equality(self.root, rinfo):  # fmt: skip
            return
        attach(self.root, rinfo)

    def known_null_test(self, clause: Any) -> bool | None:
        """What IS [NOT] NULL gives for a column that is declared NOT NULL."""
        if type(clause).__name__ != "NullTest" or clause.argisrow:
            return None
        var = clause.arg
        if not isinstance(var, Var) or var.varattno <= 0 or var.varno in self.root.nullable:
            return None
        rel = self.root.rels.get(var.varno)
        if rel is None or rel.relation is None:
            return None
        if not rel.relation.attributes[var.varattno - 1].attnotnull:
            return None
        return int(clause.nulltesttype) == 1

    def delay(self, relids: Relids, pushed: bool) -> tuple[Relids, bool, Relids]:
        """(relations needed, whether the clause must wait, nullable ones among them)."""
        nullable, delayed, again = NONE, False, True
        while again:
            again = False
            for special in self.root.sjinfos:
                full = special.jointype == JoinType.JOIN_FULL
                if special.jointype == JoinType.JOIN_SEMI:
                    continue
                if not (relids & special.min_right or (full and relids & special.min_left)):
                    continue
                both = special.min_left | special.min_right
                if not both <= relids:
                    relids |= both
                    delayed = again = True
                nullable |= both if full else special.min_right
                if pushed and not full and relids & special.min_left:
                    special.delay_upper = True
        return relids, delayed, nullable & relids


def _rels(node: Any) -> Relids:
    from pgtool.sql.planner.prep import jointree_rels

    return jointree_rels(node)


def _need(root: Root, expr: Any, relids: Relids) -> None:
    """Remember that columns are needed up to the join of these relations."""
    for var in trees.vars_of(expr):
        root.attr_needed.setdefault((var.varno, var.varattno), set()).update(relids)
        add_target(root, var)


def need_everywhere(root: Root, exprs: Any) -> None:
    """Columns that the query's output needs (marked with 0)."""
    for var in trees.vars_of(exprs):
        root.attr_needed.setdefault((var.varno, var.varattno), set()).add(0)
        add_target(root, var)


def add_target(root: Root, var: Var) -> None:
    """Make a base relation give a column."""
    rel = root.rels.get(var.varno)
    if rel is not None and not any(
        type(e) is Var and e.varattno == var.varattno for e in rel.target
    ):
        rel.target.append(var)


def attach(root: Root, rinfo: Rinfo) -> None:
    """Put a clause on its relation, or on each relation of a join clause."""
    if not rinfo.required:
        root.gating.append(rinfo.clause)
        return
    if len(rinfo.required) == 1:
        (rti,) = rinfo.required
        root.rels[rti].baserestrict.append(rinfo)
        return
    init_merge_classes(root, rinfo)
    for rti in rinfo.required:
        root.rels[rti].joininfo.append(rinfo)


def init_merge_classes(root: Root, rinfo: Rinfo) -> None:
    """Classes for the two sides of a mergejoinable join clause that is not in one."""
    if not rinfo.mergeops or rinfo.left_ec is not None or not rinfo.can_join:
        return
    clause = rinfo.clause
    row = root.glob.cache.operator(clause.opno)
    rinfo.left_ec = equiv.class_for_expr(
        root, clause.args[0], rinfo.mergeops, row.oprleft, clause.inputcollid)
    rinfo.right_ec = equiv.class_for_expr(
        root, clause.args[1], rinfo.mergeops, row.oprright, clause.inputcollid)


def _semi_details(root: Root, special: SpecialJoin, clauses: list[Any]) -> None:
    """Whether the right side could be made unique first: which operators over which columns."""
    cache = root.glob.cache
    btree = hashing = True
    for clause in clauses:
        if type(clause).__name__ != "OpExpr" or len(clause.args) != 2:
            if varnos(clause) & special.syn_right and varnos(clause) & special.syn_left:
                return
            if varnos(clause) <= special.syn_right and trees.volatility(clause, cache) != "v":
                continue
            if trees.volatility(clause, cache) == "v" or varnos(clause) & special.syn_right:
                return
            continue
        left, right = varnos(clause.args[0]), varnos(clause.args[1])
        everything = left | right
        if everything <= special.syn_right or not everything & special.syn_right:
            if trees.volatility(clause, cache) == "v":
                return
            continue
        opno = clause.opno
        if right and right <= special.syn_right and not left & special.syn_right:
            expr = clause.args[1]
        elif left and left <= special.syn_right and not right & special.syn_right:
            opno = ops.commutator(cache, opno)
            expr = clause.args[0]
        else:
            return
        if not opno:
            return
        btree = btree and bool(ops.merge_families(cache, opno))
        hashing = hashing and ops.can_hash(cache, opno)
        if not (btree or hashing):
            return
        special.semi_ops.append(opno)
        special.semi_rhs.append(expr)
    if special.semi_ops and not any(
        trees.volatility(e, cache) == "v" for e in special.semi_rhs
    ):
        special.semi_can_btree, special.semi_can_hash = btree, hashing


def find_lateral(root: Root) -> None:
    """Which relations a LATERAL item needs on the outer side of its join."""
    for rti, rel in root.rels.items():
        rte = root.rte(rti)
        if not rte.lateral:
            continue
        found = lateral_vars(rte)
        relids = frozenset(v.varno for v in found if v.varno in root.all_rels) - {rti}
        rel.lateral = rel.direct_lateral = relids
        root.lateral_vars[rti] = found
        for var in found:
            root.attr_needed.setdefault((var.varno, var.varattno), set()).update({rti})
            add_target(root, var)
            root.attr_needed[(var.varno, var.varattno)].update(relids | {rti})
    changed = True
    while changed:
        changed = False
        for rel in root.rels.values():
            more = rel.lateral.union(*(root.rels[r].lateral for r in rel.lateral))
            if more != rel.lateral:
                rel.lateral, changed = more, True


def lateral_vars(rte: Any) -> list[Var]:
    """The Vars of the surrounding level that an entry's contents use."""
    out: dict[Any, Var] = {}
    if rte.rtekind == RTEKind.RTE_SUBQUERY:
        parts, level = list(rte.subquery.children()), 1
    elif rte.rtekind in (RTEKind.RTE_FUNCTION, RTEKind.RTE_VALUES, RTEKind.RTE_TABLEFUNC):
        parts, level = [*rte.functions, *(c for row in rte.values_lists for c in row)], 0
        if rte.tablefunc is not None:
            parts.append(rte.tablefunc)
    else:
        return []

    def look(inner: Any, depth: int) -> None:
        if isinstance(inner, Var) and inner.varlevelsup == depth + level:
            out.setdefault((inner.varno, inner.varattno), inner.copy(varlevelsup=0))

    trees.visit(parts, look)
    return list(out.values())


def check_supported(query: Any) -> None:
    """Clauses that planning does not know."""
    if query.groupingSets and not _one_empty_set(query):
        if not query.groupClause:
            raise Unsupported("several empty GROUPING SETS")
        _number_groupings(query)


def _one_empty_set(query: Any) -> bool:
    """GROUP BY (): plain aggregation, one group even of no rows; made so in place."""
    from pgtool.sql.analyze.grouping import expand_grouping_sets

    if query.groupClause or len(expand_grouping_sets(query)) > 1:
        return False
    query.groupingSets = []
    if not query.hasAggs and query.havingQual is None:
        query.havingQual = trees.bool_const(True)
    return True


def _number_groupings(query: Any) -> None:
    """GROUPING()'s arguments as places in the GROUP BY list."""
    places = {c.tleSortGroupRef: i for i, c in enumerate(query.groupClause)}

    def change(node: Any, depth: int) -> Any:
        if type(node).__name__ != "GroupingFunc" or node.agglevelsup != depth:
            return None
        return node.copy(cols=IntList(places[r] for r in node.refs))

    query.targetList = trees.transform(query.targetList, change)
    query.havingQual = trees.transform(query.havingQual, change)


def base_rel(root: Root, rti: int) -> Rel:
    """A new base relation."""
    rel = Rel(frozenset((rti,)), rti=rti, rte=root.rte(rti))
    root.rels[rti] = rel
    return rel
