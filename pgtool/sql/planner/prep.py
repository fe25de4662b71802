"""Query tree preparation: sublinks become joins, subqueries merge, outer joins weaken.

All functions take and give Query trees (never changing the caller's); the order in which
:mod:`pgtool.sql.planner.query` calls them is the order here.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from pgtool.nodes.base import ValueString
from pgtool.nodes.enums import BoolExprType, CmdType, JoinType, ParamKind, RTEKind, SubLinkType
from pgtool.nodes.exprs import BoolExpr, Const, PlaceHolderVar, SubLink, Var
from pgtool.nodes.query import (
    Alias,
    FromExpr,
    JoinExpr,
    Query,
    RangeTblEntry,
    RangeTblRef,
)
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.planner import trees
from pgtool.sql.planner.trees import and_of, conjuncts, transform, varnos

_EMPTY: frozenset[int] = frozenset()


def jointree_rels(node: Any) -> frozenset[int]:
    """The base range table indexes below a join tree node."""
    if node is None:
        return _EMPTY
    if isinstance(node, RangeTblRef):
        return frozenset((node.rtindex,))
    if isinstance(node, FromExpr):
        return _EMPTY.union(*(jointree_rels(item) for item in node.fromlist))
    return jointree_rels(node.larg) | jointree_rels(node.rarg)


def fill_empty_from(query: Query) -> None:
    """Give a query without FROM an entry that yields one row."""
    if not query.jointree.fromlist and query.setOperations is None:
        rte = RangeTblEntry(rtekind=RTEKind.RTE_RESULT, eref=Alias(aliasname="*RESULT*"))
        query.rtable.append(rte)
        query.jointree = query.jointree.copy(fromlist=[RangeTblRef(rtindex=len(query.rtable))])


# -- sublinks → semi and anti joins ----


def pull_up_sublinks(query: Query, cache: Any) -> None:
    """Turn IN and EXISTS in WHERE and ON into joins where that means the same."""
    if query.hasSubLinks:
        query.jointree, _ = _Sublinks(query, cache).tree(query.jointree)


class _Sublinks:
    def __init__(self, query: Query, cache: Any) -> None:
        self.query = query
        self.cache = cache

    def tree(self, node: Any) -> tuple[Any, frozenset[int]]:
        if node is None or isinstance(node, RangeTblRef):
            return node, jointree_rels(node)
        if isinstance(node, FromExpr):
            items = [self.tree(item) for item in node.fromlist]
            rels = _EMPTY.union(*(found for _, found in items))
            base = FromExpr(fromlist=[item for item, _ in items])
            top, rest = self.quals(node.quals, base, rels)
            if top is base:
                return FromExpr(fromlist=base.fromlist, quals=and_of(rest)), rels
            return FromExpr(fromlist=[top], quals=and_of(rest)), rels
        left, left_rels = self.tree(node.larg)
        right, right_rels = self.tree(node.rarg)
        rels = left_rels | right_rels
        if node.jointype == JoinType.JOIN_INNER:
            base = FromExpr(fromlist=[left, right])
            top, rest = self.quals(node.quals, base, rels)
            return FromExpr(fromlist=[top], quals=and_of(rest)), rels
        node = node.copy(larg=left, rarg=right)
        if node.jointype == JoinType.JOIN_LEFT:
            node.rarg, rest = self.quals(node.quals, right, right_rels)
            node.quals = and_of(rest)
        elif node.jointype == JoinType.JOIN_RIGHT:
            node.larg, rest = self.quals(node.quals, left, left_rels)
            node.quals = and_of(rest)
        return node, rels

    def quals(self, quals: Any, top: Any, rels: frozenset[int]) -> tuple[Any, list[Any]]:
        """(join tree with the pulled-up links on top, clauses that stay)."""
        rest: list[Any] = []
        for clause in conjuncts(quals):
            made = self.clause(clause, rels)
            if made is None:
                rest.append(clause)
                continue
            made.larg = top
            top = made
        return top, rest

    def clause(self, clause: Any, rels: frozenset[int]) -> JoinExpr | None:
        if isinstance(clause, SubLink):
            if clause.subLinkType == SubLinkType.ANY_SUBLINK:
                return self.any(clause, rels)
            if clause.subLinkType == SubLinkType.EXISTS_SUBLINK:
                return self.exists(clause, rels, JoinType.JOIN_SEMI)
        if isinstance(clause, BoolExpr) and clause.boolop == BoolExprType.NOT_EXPR:
            inner = clause.args[0]
            if isinstance(inner, SubLink) and inner.subLinkType == SubLinkType.EXISTS_SUBLINK:
                return self.exists(inner, rels, JoinType.JOIN_ANTI)
        return None

    def any(self, link: SubLink, rels: frozenset[int]) -> JoinExpr | None:
        sub = link.subselect
        test_rels = varnos(link.testexpr)
        if not test_rels or not test_rels <= rels or trees.upper_vars(link.testexpr):
            return None
        if trees.volatility(link.testexpr, self.cache) == "v":
            return None
        outer = _level_rels(sub)
        if not outer <= rels:
            return None
        rti = len(self.query.rtable) + 1
        visible = [e for e in sub.targetList if not e.resjunk]
        names = [ValueString(sval=e.resname or "?column?") for e in visible]
        self.query.rtable.append(RangeTblEntry(
            rtekind=RTEKind.RTE_SUBQUERY, subquery=sub, lateral=bool(outer),
            alias=Alias(aliasname="ANY_subquery"),
            eref=Alias(aliasname="ANY_subquery", colnames=names), inFromCl=False,
        ))  # fmt: skip

        def change(node: Any, _depth: int) -> Any:
            if type(node).__name__ == "Param" and node.paramkind == ParamKind.PARAM_SUBLINK:
                expr = visible[node.paramid - 1].expr
                return Var(varno=rti, varattno=node.paramid, vartype=expr_type(expr),
                           vartypmod=expr_typmod(expr), varcollid=expr_collation(expr),
                           varnosyn=rti, varattnosyn=node.paramid)  # fmt: skip
            return None

        quals = transform(link.testexpr, change)
        right = RangeTblRef(rtindex=rti)
        return JoinExpr(jointype=JoinType.JOIN_SEMI, rarg=right, quals=quals)

    def exists(self, link: SubLink, rels: frozenset[int], kind: JoinType) -> JoinExpr | None:
        sub = link.subselect
        if sub.cteList:
            return None
        sub = simplify_exists(sub.copy())
        if sub is None or not sub.jointree.fromlist:
            return None
        where = sub.jointree.quals
        sub.jointree = sub.jointree.copy(quals=None)
        if where is None or trees.query_upper_vars(sub, 1):
            return None
        if not varnos(where, 1) or trees.volatility(where, self.cache) == "v":
            return None
        if not varnos_deep(where, 1) <= rels:
            return None
        offset = len(self.query.rtable)
        shifted = trees.shift_varnos(sub.jointree, offset)
        where = trees.shift_levels(trees.shift_varnos(where, offset), -1, 1)
        entries = [trees.shift_levels(_shift_rte(r, offset), -1, 1) for r in sub.rtable]
        self.query.rtable += entries
        inner, inner_rels = self.tree(shifted)
        if len(inner.fromlist) == 1 and inner.quals is None:
            inner = inner.fromlist[0]
        made = JoinExpr(jointype=kind, rarg=inner)
        made.rarg, rest = self.quals(where, inner, inner_rels)
        made.quals = and_of(rest)
        return made


def _shift_rte(rte: Any, offset: int) -> Any:
    """An entry whose lateral references and join columns move with the range table."""
    return trees.mutate(rte, lambda child: trees.shift_varnos(child, offset)
                        if not isinstance(child, Query)
                        else _shift_into(child, offset))  # fmt: skip


def _shift_into(query: Query, offset: int) -> Query:
    """Shift what a lateral subquery refers to in the level around it."""

    def change(node: Any, depth: int) -> Any:
        if isinstance(node, Var):
            if node.varlevelsup == depth + 1:
                return node.copy(varno=node.varno + offset)
            return node
        return None

    return trees.inside(query, change)


def _level_rels(query: Query) -> frozenset[int]:
    """Indexes of the immediate outer query that a query refers to."""
    return _EMPTY.union(*(varnos_deep(child, 1) for child in query.children()))


def varnos_deep(node: Any, level: int) -> frozenset[int]:
    """Indexes of a level, looking into subqueries too."""
    found: set[int] = set()

    def look(inner: Any, depth: int) -> None:
        if isinstance(inner, Var) and inner.varlevelsup == depth + level:
            found.add(inner.varno)

    trees.visit(node, look)
    return frozenset(found)


def simplify_exists(query: Query) -> Query | None:
    """An EXISTS subquery without what does not matter; None where rows may not be there."""
    if (
        query.commandType != CmdType.CMD_SELECT or query.setOperations is not None
        or query.hasAggs or query.groupingSets or query.hasWindowFuncs or query.hasTargetSRFs
        or query.havingQual is not None or query.limitOffset is not None or query.rowMarks
    ):  # fmt: skip
        return None
    count = query.limitCount
    if count is not None:
        if not isinstance(count, Const):
            return None
        value = count.constvalue
        if value is not None and int.from_bytes(value, "little", signed=True) <= 0:
            return None
    return query.copy(targetList=[], groupClause=[], windowClause=[], distinctClause=[],
                      sortClause=[], hasDistinctOn=False, limitCount=None,
                      hasGroupRTE=False)  # fmt: skip


# -- subqueries in FROM ----


def pull_up_subqueries(query: Query, cache: Any) -> None:
    """Merge simple subqueries in FROM into the query."""
    query.jointree = _pull(query, query.jointree, cache, False)


def _pull(query: Query, node: Any, cache: Any, nullable: bool, outer: bool = False) -> Any:
    if isinstance(node, RangeTblRef):
        rte = query.rtable[node.rtindex - 1]
        if rte.rtekind == RTEKind.RTE_SUBQUERY and not rte.security_barrier:
            made = _merge(query, node.rtindex, rte, cache, nullable, outer)
            if made is not None:
                return made
        return node
    if isinstance(node, FromExpr):
        made = node.copy(fromlist=[])
        query_from = list(node.fromlist)
        for item in query_from:
            made.fromlist.append(_pull(query, item, cache, nullable, outer))
        return _current(query, made, node)
    kind = node.jointype
    made = node.copy()
    left_null = nullable or kind in (JoinType.JOIN_RIGHT, JoinType.JOIN_FULL)
    right_null = nullable or kind in (JoinType.JOIN_LEFT, JoinType.JOIN_FULL)
    is_outer = outer or kind != JoinType.JOIN_INNER
    made.larg = _pull(query, node.larg, cache, left_null, is_outer)
    made.rarg = _pull(query, node.rarg, cache, right_null, is_outer)
    return _current(query, made, node)


def _current(query: Query, made: Any, _old: Any) -> Any:
    """A node whose quals get the replacements that its own inputs caused."""
    pending = query.__dict__.get("_replaced", [])
    quals = made.quals
    for rti, give in pending:
        if quals is not None:
            quals = trees.replace_vars(quals, rti, give)
    made.quals = quals
    return made


def is_simple(sub: Query) -> bool:
    """Whether a subquery is a plain join without anything computed over its rows."""
    return not (
        sub.commandType != CmdType.CMD_SELECT or sub.setOperations is not None or sub.hasAggs
        or sub.hasWindowFuncs or sub.hasTargetSRFs or sub.groupClause or sub.groupingSets
        or sub.havingQual is not None or sub.sortClause or sub.distinctClause
        or sub.limitOffset is not None or sub.limitCount is not None or sub.hasForUpdate
        or sub.cteList or sub.rowMarks
    )  # fmt: skip


def _merge(
    query: Query, rti: int, rte: Any, cache: Any, nullable: bool, outer: bool
) -> Any:
    """The join tree of a merged subquery; None where it must stay."""
    sub = trees.deep_copy(rte.subquery)
    if not is_simple(sub):
        return None
    if rte.lateral and (outer or _lateral_below_outer(sub.jointree, False)):
        return None
    fill_empty_from(sub)
    pull_up_sublinks(sub, cache)
    pull_up_subqueries(sub, cache)
    if not is_simple(sub):
        return None
    exprs = [entry.expr for entry in sub.targetList]
    if any(trees.volatility(e, cache) == "v" for e in exprs):
        return None
    if (nullable or outer) and not all(
        isinstance(e, Var) and e.varlevelsup == 0 for e in exprs
    ):
        return None
    if outer and any(r.rtekind == RTEKind.RTE_RESULT for r in sub.rtable):
        return None
    if nullable and _whole_row_used(query, rti):
        # The row of a null-extended subquery is NULL, not a row of NULLs.
        return None
    offset = len(query.rtable)
    entries = [trees.shift_levels(_shift_rte(r, offset), -1, 1) for r in sub.rtable]
    if rte.lateral:
        for entry in entries:
            if entry.rtekind in (RTEKind.RTE_SUBQUERY, RTEKind.RTE_FUNCTION,
                                 RTEKind.RTE_VALUES, RTEKind.RTE_TABLEFUNC):  # fmt: skip
                entry.lateral = True
    perm = len(query.rteperminfos)
    for entry in entries:
        if entry.perminfoindex:
            entry.perminfoindex += perm
    query.rteperminfos += sub.rteperminfos
    made = [trees.shift_levels(trees.shift_varnos(e, offset), -1, 1) for e in exprs]
    query.rtable += entries
    tree = trees.shift_levels(trees.shift_varnos(sub.jointree, offset), -1, 1)
    query.hasSubLinks = query.hasSubLinks or sub.hasSubLinks
    _substitute(query, rti, made, rte)
    if len(tree.fromlist) == 1 and tree.quals is None:
        return tree.fromlist[0]
    return tree


def _lateral_below_outer(node: Any, below: bool) -> bool:
    """Whether a condition at or below an outer join refers to the level around."""
    if isinstance(node, RangeTblRef) or node is None:
        return False
    if isinstance(node, FromExpr):
        items = node.fromlist
    else:
        items = [node.larg, node.rarg]
        below = below or node.jointype != JoinType.JOIN_INNER
    if below and node.quals is not None and varnos_deep(node.quals, 1):
        return True
    return any(_lateral_below_outer(item, below) for item in items)


def _whole_row_used(query: Query, rti: int) -> bool:
    """Whether a range table entry is referred to as a row."""
    hit = False

    def look(node: Any, depth: int) -> bool:
        nonlocal hit
        if isinstance(node, Var) and node.varlevelsup == depth and node.varno == rti:
            hit = hit or node.varattno == 0
        return hit

    for child in query.children():
        trees.visit(child, look)
    return hit


def _substitute(query: Query, rti: int, exprs: list[Any], rte: Any) -> None:
    """Replace the merged subquery's columns everywhere in the query."""
    from pgtool.nodes.enums import CoercionForm
    from pgtool.nodes.exprs import RowExpr

    def give(var: Var) -> Any:
        if var.varattno > 0:
            return exprs[var.varattno - 1]
        names = list(rte.eref.colnames)
        return RowExpr(args=list(exprs), row_typeid=var.vartype,
                       row_format=CoercionForm.COERCE_IMPLICIT_CAST, colnames=names)  # fmt: skip

    for name in ("targetList", "havingQual", "limitOffset", "limitCount", "windowClause",
                 "returningList", "onConflict"):  # fmt: skip
        value = getattr(query, name)
        if value:
            setattr(query, name, trees.replace_vars(value, rti, give))
    for i, entry in enumerate(query.rtable):
        if i + 1 == rti:
            continue
        grouping = query.groupingSets and entry.rtekind == RTEKind.RTE_GROUP
        put = (lambda var: held(give(var))) if grouping else give
        query.rtable[i] = trees.mutate(entry, partial(_replace_below, rti=rti, give=put))
    query.jointree = trees.replace_vars(query.jointree, rti, give)
    query.__dict__.setdefault("_replaced", []).append((rti, give))


def _replace_below(child: Any, rti: int, give: Any) -> Any:
    if isinstance(child, Query):
        return trees.mutate(child, lambda c: trees.replace_vars(c, rti, give, 1))
    return trees.replace_vars(child, rti, give)


# -- aliases of joins and groups ----


def flatten_aliases(query: Query, node: Any, kinds: tuple[RTEKind, ...]) -> Any:
    """Replace references to merged join columns and grouping columns by what they stand for."""

    def change(inner: Any, depth: int) -> Any:
        if not isinstance(inner, Var) or inner.varlevelsup != depth or inner.varno < 1:
            return None
        if inner.varno > len(query.rtable):
            return None
        rte = query.rtable[inner.varno - 1]
        if rte.rtekind not in kinds:
            return None
        if rte.rtekind == RTEKind.RTE_GROUP:
            made = rte.groupexprs[inner.varattno - 1]
        elif inner.varattno > 0:
            made = rte.joinaliasvars[inner.varattno - 1]
        else:
            made = _join_row(rte, inner)
        made = flatten_aliases(query, made, kinds)
        return trees.shift_levels(made, depth)

    return transform(node, change)


def held(expr: Any) -> Any:
    """A grouping expression that stays apart also where it is constant: sets make it NULL."""
    if any(isinstance(node, (Var, PlaceHolderVar)) for node in trees.walk(expr)):
        return expr
    return PlaceHolderVar(phexpr=expr)


def _join_row(rte: Any, var: Var) -> Any:
    from pgtool.nodes.enums import CoercionForm
    from pgtool.nodes.exprs import RowExpr

    pairs = [(e, n) for e, n in zip(rte.joinaliasvars, rte.eref.colnames) if e is not None]
    return RowExpr(args=[e for e, _ in pairs], row_typeid=var.vartype,
                   row_format=CoercionForm.COERCE_IMPLICIT_CAST,
                   colnames=[n for _, n in pairs])  # fmt: skip


def strip_nulling(node: Any) -> Any:
    """Drop varnullingrels: levels of a join tree keep null-extension apart instead."""

    def change(inner: Any, _depth: int) -> Any:
        if isinstance(inner, Var) and inner.varnullingrels:
            return inner.copy(varnullingrels=frozenset())
        return None

    return transform(node, change)


# -- outer joins ----


def reduce_outer_joins(query: Query, cache: Any) -> None:
    """Weaken outer joins whose null-extended rows cannot survive; RIGHT becomes LEFT."""
    query.jointree = _Reducer(cache).tree(query.jointree, _EMPTY, set())


def _null_tested(quals: Any) -> set[Any]:
    return {
        trees.key(c.arg) for c in conjuncts(quals)
        if type(c).__name__ == "NullTest" and c.nulltesttype == 0 and not c.argisrow
        and isinstance(c.arg, Var)
    }  # fmt: skip


class _Reducer:
    def __init__(self, cache: Any) -> None:
        self.cache = cache
        self.dropped: set[Any] = set()

    def tree(self, node: Any, strict: frozenset[int], nulls: set[Any]) -> Any:
        if isinstance(node, RangeTblRef):
            return node
        if isinstance(node, FromExpr):
            strict = strict | trees.nonnullable_rels(conjuncts(node.quals), self.cache)
            nulls = nulls | _null_tested(node.quals)
            items = [self.tree(item, strict, nulls) for item in node.fromlist]
            kept = [
                c for c in conjuncts(node.quals)
                if not (type(c).__name__ == "NullTest" and trees.key(c.arg) in self.dropped)
            ]  # fmt: skip
            return FromExpr(fromlist=items, quals=and_of(kept))
        return self.join(node, strict, nulls)

    def join(self, node: Any, strict: frozenset[int], nulls: set[Any]) -> Any:
        left, right = jointree_rels(node.larg), jointree_rels(node.rarg)
        kind = node.jointype
        node = node.copy()
        if kind == JoinType.JOIN_RIGHT:
            node.larg, node.rarg, left, right = node.rarg, node.larg, right, left
            kind = JoinType.JOIN_LEFT
        if kind == JoinType.JOIN_FULL:
            if strict & left:
                kind = JoinType.JOIN_INNER if strict & right else JoinType.JOIN_LEFT
            elif strict & right:
                node.larg, node.rarg, left, right = node.rarg, node.larg, right, left
                kind = JoinType.JOIN_LEFT
        if kind == JoinType.JOIN_LEFT and strict & right:
            kind = JoinType.JOIN_INNER
        own = trees.nonnullable_rels(conjuncts(node.quals), self.cache)
        if kind == JoinType.JOIN_LEFT:
            forced = {k for k in nulls if k[1] in right}
            if forced & self._nonnull_vars(node.quals):
                kind = JoinType.JOIN_ANTI
                self.dropped |= forced
        node.jointype = kind
        if kind == JoinType.JOIN_INNER or kind == JoinType.JOIN_SEMI:
            node.larg = self.tree(node.larg, strict | own, nulls)
            node.rarg = self.tree(node.rarg, strict | own, nulls)
        elif kind in (JoinType.JOIN_LEFT, JoinType.JOIN_ANTI):
            node.larg = self.tree(node.larg, strict, nulls)
            node.rarg = self.tree(node.rarg, own, set())
        else:
            node.larg = self.tree(node.larg, _EMPTY, set())
            node.rarg = self.tree(node.rarg, _EMPTY, set())
        if kind == JoinType.JOIN_INNER:
            return FromExpr(fromlist=[node.larg, node.rarg], quals=node.quals)
        return node

    def _nonnull_vars(self, quals: Any) -> set[Any]:
        """Vars that a true join condition proves not NULL."""
        out: set[Any] = set()
        for clause in conjuncts(quals):
            if type(clause).__name__ == "OpExpr" and trees.nonnullable_rels(clause, self.cache):
                for arg in clause.args:
                    arg = trees.strip_relabel(arg)
                    if isinstance(arg, Var):
                        out.add(trees.key(arg))
        return out
