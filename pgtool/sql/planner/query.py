"""One query level: preparation, join planning, then grouping, windows, DISTINCT, order, limit."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.enums import RTEKind
from pgtool.nodes.exprs import Const, SubLink
from pgtool.nodes.query import Query
from pgtool.sql.planner import (
    baserels,
    equiv,
    fold,
    initsplan,
    joinrels,
    lockrows,
    modify,
    orclauses,
    prep,
    simplify,
    subselect,
    trees,
    upper,
)
from pgtool.sql.planner.base import Glob, Path, Rel, Root

_JOIN, _GROUP = (RTEKind.RTE_JOIN,), (RTEKind.RTE_GROUP,)


def subquery_planner(
    glob: Glob, query: Query, parent: Root | None, fraction: float, recursive: bool = False
) -> Root:
    """Plan one query level; its ``final_paths`` are the ways to compute it."""
    root = Root(glob, query, parent, recursive, tuple_fraction=fraction)
    initsplan.check_supported(query)
    if recursive:
        root.wt_param = glob.new_param(2281)
    if query.cteList:
        subselect.process_ctes(root)
        query = root.query
    if modify.is_modifying(query):
        modify.prepare(root)
    elif query.rowMarks:
        lockrows.prepare(root)
    prep.fill_empty_from(query)
    prep.pull_up_sublinks(query, glob.cache)
    prep.pull_up_subqueries(query, glob.cache)
    _drop_results(query)
    _prepare_expressions(root, query)
    if modify.is_modifying(query):
        modify.finish_targets(root)
    prep.reduce_outer_joins(query, glob.cache)
    _split_having(root, query)
    if query.setOperations is not None:
        from pgtool.sql.planner import setops

        setops.plan(root)
    else:
        upper.plan(root)
    return root


def _drop_results(query: Query) -> None:
    """Remove one-row entries that join with something else."""
    def clean(node: Any) -> Any:
        name = type(node).__name__
        if name == "FromExpr":
            items = [clean(i) for i in node.fromlist]
            kept = [i for i in items if not _is_result(query, i)] or items[:1]
            return node.copy(fromlist=kept)
        if name == "JoinExpr":
            return node.copy(larg=clean(node.larg), rarg=clean(node.rarg))
        return node

    query.jointree = clean(query.jointree)


def _is_result(query: Query, node: Any) -> bool:
    if type(node).__name__ == "FromExpr":
        return node.quals is None and all(_is_result(query, i) for i in node.fromlist)
    return type(node).__name__ == "RangeTblRef" \
        and query.rtable[node.rtindex - 1].rtekind == RTEKind.RTE_RESULT  # fmt: skip


def _prepare_expressions(root: Root, query: Query) -> None:
    """Bring every expression of the level into the form that planning works on."""
    # Sets of them make grouping expressions NULL: nothing outside may be computed from inside.
    opaque = bool(query.groupingSets)
    if not opaque:
        _flatten_groups(query)
    query.targetList = [
        e.copy(expr=expression(root, query, e.expr)) for e in query.targetList
    ]
    if modify.is_modifying(query):
        _prepare_modification(root, query)
    if query.havingQual is not None:
        # HAVING true still makes one group of everything.
        query.havingQual = qual(root, query, query.havingQual) or trees.bool_const(True)
    if opaque:
        for i, rte in enumerate(query.rtable):
            if rte.rtekind == RTEKind.RTE_GROUP:
                query.rtable[i] = rte.copy(
                    groupexprs=[expression(root, query, e) for e in rte.groupexprs])
        _flatten_groups(query)
    query.jointree = _quals(root, query, query.jointree)
    query.limitOffset = expression(root, query, query.limitOffset)
    query.limitCount = expression(root, query, query.limitCount)
    query.windowClause = [
        w.copy(startOffset=expression(root, query, w.startOffset),
               endOffset=expression(root, query, w.endOffset)) for w in query.windowClause
    ]  # fmt: skip
    for i, rte in enumerate(query.rtable):
        kind = rte.rtekind
        if kind == RTEKind.RTE_SUBQUERY and rte.lateral:
            query.rtable[i] = rte.copy(subquery=_flatten_lateral(query, rte.subquery))
        elif kind == RTEKind.RTE_FUNCTION:
            query.rtable[i] = rte.copy(functions=[
                f.copy(funcexpr=expression(root, query, f.funcexpr)) for f in rte.functions])
        elif kind == RTEKind.RTE_VALUES:
            query.rtable[i] = rte.copy(values_lists=[
                [expression(root, query, c) for c in row] for row in rte.values_lists])
        elif kind == RTEKind.RTE_TABLEFUNC:
            query.rtable[i] = rte.copy(tablefunc=expression(root, query, rte.tablefunc))


def _prepare_modification(root: Root, query: Query) -> None:
    """RETURNING and ON CONFLICT's expressions."""
    query.returningList = [
        e.copy(expr=expression(root, query, e.expr)) for e in query.returningList
    ]
    conflict = query.onConflict
    if conflict is not None:
        query.onConflict = conflict.copy(
            onConflictSet=[
                e.copy(expr=expression(root, query, e.expr)) for e in conflict.onConflictSet
            ],
            onConflictWhere=qual(root, query, conflict.onConflictWhere),
            arbiterWhere=qual(root, query, conflict.arbiterWhere),
        )


def _flatten_groups(query: Query) -> None:
    if query.groupingSets:
        # A constant as such becomes NULL, not one that something else is computed from.
        query.targetList = [e.copy(expr=_held(query, e.expr)) for e in query.targetList]
    for name in ("targetList", "havingQual"):
        value = getattr(query, name)
        if value:
            setattr(query, name, prep.flatten_aliases(query, value, _GROUP))


def _held(query: Query, expr: Any) -> Any:
    made = prep.flatten_aliases(query, expr, _GROUP)
    is_column = type(expr).__name__ == "Var" and expr.varlevelsup == 0 and expr.varno > 0 \
        and query.rtable[expr.varno - 1].rtekind == RTEKind.RTE_GROUP  # fmt: skip
    return prep.held(made) if is_column else made


def _flatten_lateral(query: Query, sub: Query) -> Query:
    """Merged join columns of this level, seen from a lateral subquery."""
    def change(node: Any, depth: int) -> Any:
        if type(node).__name__ == "Var" and node.varlevelsup == depth + 1 \
                and 0 < node.varno <= len(query.rtable) \
                and query.rtable[node.varno - 1].rtekind == RTEKind.RTE_JOIN:  # fmt: skip
            made = prep.flatten_aliases(query, node.copy(varlevelsup=0), _JOIN)
            return trees.shift_levels(made, depth + 1)
        return None

    return trees.inside(sub, change)


def expression(root: Root, query: Query, node: Any) -> Any:
    """An expression with aliases, constants, subqueries and outer references treated."""
    if node is None:
        return None
    node = prep.flatten_aliases(query, node, _JOIN)
    node = prep.strip_nulling(node)
    node = fold.fold(root.glob, node)
    # A pulled-up subquery may have left a link in a level that had none.
    if query.hasSubLinks or trees.contains(node, SubLink):
        node = subselect.process_sublinks(root, node, False)
    return subselect.replace_outer(root, node)


def qual(root: Root, query: Query, node: Any) -> Any:
    """The same for a condition; None or an AND of clauses."""
    if node is None:
        return None
    node = prep.flatten_aliases(query, node, _JOIN)
    node = prep.strip_nulling(node)
    clauses = fold.canonical_qual(root.glob, fold.fold(root.glob, node))
    if query.hasSubLinks or trees.contains(clauses, SubLink):
        clauses = [subselect.process_sublinks(root, c, True) for c in clauses]
    return trees.and_of([subselect.replace_outer(root, c) for c in clauses])


def _quals(root: Root, query: Query, node: Any) -> Any:
    name = type(node).__name__
    if name == "FromExpr":
        items = [_quals(root, query, i) for i in node.fromlist]
        return node.copy(fromlist=items, quals=qual(root, query, node.quals))
    if name == "JoinExpr":
        return node.copy(larg=_quals(root, query, node.larg), rarg=_quals(root, query, node.rarg),
                         quals=qual(root, query, node.quals))  # fmt: skip
    return node


def _split_having(root: Root, query: Query) -> None:
    """HAVING clauses without aggregates filter rows before grouping."""
    clauses = trees.conjuncts(query.havingQual)
    kept: list[Any] = []
    for clause in clauses:
        if (query.groupingSets or trees.has_aggregate(clause) or trees.has_subplan(clause)
                or trees.volatility(clause, root.glob.cache) == "v"):  # fmt: skip
            kept.append(clause)
            continue
        moved = [*trees.conjuncts(query.jointree.quals), clause]
        query.jointree = query.jointree.copy(quals=trees.and_of(moved))
        if not query.groupClause:
            kept.append(clause)
    root.having = kept
    if clauses:
        query.havingQual = trees.and_of(kept) or (
            None if query.groupClause else trees.bool_const(True)
        )


def join_planner(root: Root) -> Rel:
    """The relation that the FROM and WHERE clauses make, with its paths."""
    query = root.query
    baserels.build(root)
    initsplan.need_everywhere(root, [e.expr for e in query.targetList])
    initsplan.need_everywhere(root, root.having)
    initsplan.Deconstruct(root).run()
    initsplan.find_lateral(root)
    for rinfo in equiv.base_equalities(root):
        initsplan.attach(root, rinfo)
    for ec in root.ecs:
        if len(ec.relids) > 1 and len(ec.members) > 1 and not ec.has_const:
            for em in ec.members:
                initsplan._need(root, em.expr, ec.relids)
    upper.set_pathkeys(root)
    for rel in root.rels.values():
        rel.has_ec_joins = any(
            len(ec.members) > 1 and ec.relids & rel.relids and len(ec.relids) > 1
            and not ec.has_const for ec in root.ecs)  # fmt: skip
    simplify.drop_useless_joins(root)
    simplify.unique_semijoins(root)
    orclauses.extract(root)
    baserels.set_sizes(root)
    baserels.set_paths(root)
    return joinrels.search(root)


def fractional_path(root: Root, fraction: float) -> Path:
    """The best finished path if only a part of the rows is wanted."""
    paths = root.final_paths
    best = min(paths, key=lambda p: (p.disabled, p.total))
    if fraction <= 0.0:
        return best
    if fraction >= 1.0:
        fraction = fraction / max(best.rows, 1.0)
    for path in paths:
        if _fractional(path, fraction) < _fractional(best, fraction):
            best = path
    return best


def _fractional(path: Path, fraction: float) -> tuple[int, float]:
    if fraction >= 1.0:
        return (path.disabled, path.total)
    return (path.disabled, path.startup + fraction * (path.total - path.startup))


def limit_values(root: Root, query: Query) -> tuple[float, float]:
    """(LIMIT, OFFSET) as estimates: -1 means unknown, 0 none."""
    out = []
    for node in (query.limitCount, query.limitOffset):
        if node is None:
            out.append(0.0)
            continue
        const = fold.estimate_value(root.glob, node)
        if not isinstance(const, Const):
            out.append(-1.0)
        elif const.constisnull:
            out.append(0.0)
        else:
            value = float(int.from_bytes(const.constvalue or b"", "little", signed=True))
            out.append(max(value, 0.0) if node is query.limitOffset else max(value, 1.0))
    return out[0], out[1]
