"""Base relations: their sizes, their subqueries, the ways to scan them."""

from __future__ import annotations

from typing import Any

from formats.errors import Unsupported
from pgtool.nodes.enums import RTEKind
from pgtool.nodes.exprs import Var
from pgtool.sql.planner import cost, equiv, initsplan, selectivity, stats, trees
from pgtool.sql.planner.base import Path, Rel, Root, add_path, set_cheapest
from pgtool.sql.planner.equiv import PathKey

_SCANNABLE = frozenset("rtmS")


def load_relation(root: Root, rel: Rel, relid: int) -> None:
    """Sizes and indexes of a table."""
    from pgtool.sql.planner import indexes

    glob = root.glob
    rel.relation = glob.cache.database.relation(relid)
    if rel.relation.relkind in _SCANNABLE:
        pages, rel.tuples, rel.allvisfrac = stats.relation_size(glob, rel.relation)
        rel.pages = float(pages)
    elif rel.relation.relkind != "p":
        raise Unsupported(f'reading {rel.relation.kind} "{rel.relation.relname}"')
    rel.indexes = indexes.load(root, rel)


def set_sizes(root: Root) -> None:
    """Rows and width of every base relation."""
    from pgtool.sql.planner import inherit

    for rti in sorted(root.rels):
        rel = root.rels[rti]
        if rel.parent is None and rel.rte.rtekind == RTEKind.RTE_RELATION:
            inherit.expand(root, rel)
    root.total_pages = sum(
        r.pages for r in root.rels.values() if not r.dummy and r.relation is not None
    )
    for rti in sorted(root.all_rels):
        _SIZES[root.rels[rti].rte.rtekind](root, root.rels[rti])


def finish_size(root: Root, rel: Rel) -> None:
    """Rows after the restrictions, width and cost of the target."""
    sel = selectivity.clauselist(root, list(rel.baserestrict), 0, 0, None)
    rel.rows = cost.clamp_rows(rel.tuples * sel)
    _, rel.width = cost.target_cost(root, rel.target)
    rel.dummy = rel.dummy or any(trees.is_false(r.clause) for r in rel.baserestrict)


def _size_table(root: Root, rel: Rel) -> None:
    from pgtool.sql.planner import indexes, inherit

    if rel.children or rel.partitions is not None:
        inherit.size(root, rel)
        return
    # A partitioned table by itself has no rows.
    rel.dummy = rel.dummy or rel.relation.relkind == "p"
    indexes.check_predicates(root, rel)
    finish_size(root, rel)


def _size_subquery(root: Root, rel: Rel) -> None:
    from pgtool.sql.planner.pushdown import drop_unused, push_quals
    from pgtool.sql.planner.query import subquery_planner

    sub = trees.deep_copy(rel.rte.subquery)
    quals = [r.clause for r in rel.baserestrict]
    pushed, rel.baserestrict = push_quals(root, rel, sub), rel.baserestrict
    rel.baserestrict = [r for r in rel.baserestrict if r not in pushed]
    drop_unused(root, rel, sub)
    fraction = root.tuple_fraction if _alone(root, quals) else 0.0
    saved, root.plan_params = root.plan_params, []
    rel.subroot = subquery_planner(root.glob, sub, root, fraction)
    rel.__dict__["subplan_params"] = root.plan_params
    root.plan_params = saved
    paths = rel.subroot.final_paths
    rel.tuples = paths[0].rows
    rel.subplan_paths = paths
    finish_size(root, rel)


def _alone(root: Root, quals: list[Any]) -> bool:
    q = root.query
    return not (q.hasAggs or q.groupClause or q.havingQual is not None or q.distinctClause
                or q.sortClause or len(root.all_rels) > 1 or q.hasTargetSRFs)  # fmt: skip


def _size_function(root: Root, rel: Rel) -> None:
    rel.tuples = max((function_rows(root, f.funcexpr) for f in rel.rte.functions), default=1.0)
    finish_size(root, rel)


def function_rows(root: Root, node: Any) -> float:
    """How many rows a function call is expected to return."""
    if not (getattr(node, "funcretset", False) or getattr(node, "opretset", False)):
        return 1.0
    glob = root.glob
    oid = next(iter(trees.function_oids(node, glob.cache)))
    proc = glob.cache.proc(oid)
    if (proc.prosrc.startswith("generate_series_") and proc.prosrc.split("_")[-1] in (
        "int4", "int8")) or proc.prosrc.startswith("generate_series_step_int"):  # fmt: skip
        found = _series_rows(root, node.args)
        if found is not None:
            return found
    if proc.prosrc == "array_unnest":
        return max(cost.array_length(node.args[0], glob), 1.0)
    return cost.clamp_rows(float(proc.prorows) or 1.0)


def _series_rows(root: Root, args: list[Any]) -> float | None:
    from pgtool.sql.planner.fold import estimate_value

    values = []
    for arg in args:
        const = estimate_value(root.glob, arg)
        if const is None:
            return None
        if const.constisnull:
            return 1.0
        values.append(stats.comparable(const.consttype, root.glob.types.datum_of_const(const)))
    start, stop = values[0], values[1]
    step = values[2] if len(values) > 2 else 1
    if step == 0 or not all(isinstance(v, int) for v in values):
        return None
    return cost.clamp_rows(float(max((stop - start + step) // step, 0)))


def _size_values(root: Root, rel: Rel) -> None:
    rel.tuples = float(len(rel.rte.values_lists))
    finish_size(root, rel)


def _size_cte(root: Root, rel: Rel) -> None:
    rte = rel.rte
    if rte.self_reference:
        owner = worktable_root(root, rte)
        rel.tuples = cost.clamp_rows(
            root.glob.costs.recursive_worktable_factor * owner.nonrecursive.rows)
    else:
        _, (_, path, _) = cte_plan(root, rte)
        rel.tuples = path.rows
    finish_size(root, rel)


def _size_result(root: Root, rel: Rel) -> None:
    rel.tuples = 1.0
    finish_size(root, rel)


def _size_tablefunc(root: Root, rel: Rel) -> None:
    rel.tuples = 100.0
    finish_size(root, rel)


def cte_plan(root: Root, rte: Any) -> tuple[Root, Any]:
    """(query level that owns a WITH query, (its root, path, SubPlan))."""
    owner: Root | None = root
    for _ in range(rte.ctelevelsup):
        assert owner is not None
        owner = owner.parent
    assert owner is not None
    number = next(i for i, c in enumerate(owner.query.cteList) if c.ctename == rte.ctename)
    return owner, owner.cte_roots[owner.cte_plan_ids[number]]


def worktable_root(root: Root, rte: Any) -> Root:
    """The query level that plans the recursive union of a self reference."""
    owner: Root | None = root
    for _ in range(rte.ctelevelsup - 1):
        assert owner is not None
        owner = owner.parent
    assert owner is not None
    return owner


_SIZES: dict[int, Any] = {
    RTEKind.RTE_RELATION: _size_table, RTEKind.RTE_SUBQUERY: _size_subquery,
    RTEKind.RTE_FUNCTION: _size_function, RTEKind.RTE_VALUES: _size_values,
    RTEKind.RTE_CTE: _size_cte, RTEKind.RTE_RESULT: _size_result,
    RTEKind.RTE_TABLEFUNC: _size_tablefunc,
}  # fmt: skip


# -- paths ----


def set_paths(root: Root) -> None:
    """Ways to scan every base relation."""
    for rti in sorted(root.all_rels):
        base_paths(root, root.rels[rti])


def base_paths(root: Root, rel: Rel) -> None:
    """Ways to scan one base relation."""
    rel.consider_startup = root.tuple_fraction > 0
    if rel.dummy:
        dummy_path(rel)
        return
    _PATHS[rel.rte.rtekind](root, rel)
    set_cheapest(rel)


def dummy_path(rel: Rel) -> None:
    """A relation known to be empty."""
    rel.rows = 0.0
    rel.dummy = True
    rel.paths = [Path("Dummy", rel, 0.0, 0.0, 0.0)]
    set_cheapest(rel)


def _table_paths(root: Root, rel: Rel) -> None:
    from pgtool.sql.planner import indexpath, inherit, tidpath

    if rel.children or rel.partitions is not None:
        inherit.paths(root, rel)
        return
    startup, total = cost.seqscan(root, rel, list(rel.baserestrict), rel.rows)
    path = Path("SeqScan", rel, rel.rows, startup, total, required=rel.lateral)
    path.disabled = 0 if root.glob.costs.enable_seqscan else 1
    if rel.rte.tablesample is not None:
        raise Unsupported("TABLESAMPLE")
    add_path(rel, path)
    indexpath.create(root, rel)
    tidpath.create(root, rel)


def _subquery_paths(root: Root, rel: Rel) -> None:
    for sub in rel.subplan_paths:
        trivial = not rel.baserestrict and _trivial(rel, sub)
        startup, total = sub.startup, sub.total
        if not trivial:
            c = root.glob.costs
            once, per = cost.qual_cost(root.glob, list(rel.baserestrict))
            (t_once, t_per), _ = cost.target_cost(root, rel.target)
            startup += once + t_once
            total += once + t_once + (c.cpu_tuple_cost + per) * sub.rows + t_per * rel.rows
        made = Path("SubqueryScan", rel, rel.rows, startup, total,
                    _outer_pathkeys(root, rel, sub), rel.lateral, sub=sub)  # fmt: skip
        made.disabled = sub.disabled
        add_path(rel, made)


def _trivial(rel: Rel, sub: Path) -> bool:
    """Whether the scan's output is exactly the subquery's."""
    visible = [e for e in rel.subroot.query.targetList if not e.resjunk]
    found = [e.varattno for e in rel.target if type(e) is Var]
    return len(found) == len(rel.target) and found == list(range(1, len(visible) + 1))


def _outer_pathkeys(root: Root, rel: Rel, sub: Path) -> list[PathKey]:
    """The subquery's order in terms of the outer query's classes."""
    out: list[PathKey] = []
    entries = [e for e in rel.subroot.query.targetList if not e.resjunk]
    for key in sub.pathkeys:
        made = None
        for entry in entries:
            if _in_class(key.ec, entry):
                var = next((v for v in rel.target if type(v) is Var
                            and v.varattno == entry.resno), None)  # fmt: skip
                if var is None:
                    continue
                member = next(iter(key.ec.members))
                ec = equiv.class_for_expr(root, var, key.ec.families, member.datatype,
                                          key.ec.collation)  # fmt: skip
                if ec is not None:
                    made = equiv.pathkey(root, ec, key.family, key.descending, key.nulls_first)
                break
        if made is None:
            break
        if not equiv.redundant(made, out):
            out.append(made)
    return out


def _in_class(ec: Any, entry: Any) -> bool:
    if ec.volatile:
        return bool(entry.ressortgroupref == ec.sortref)
    wanted = trees.key(trees.strip_relabel(entry.expr))
    return any(trees.key(trees.strip_relabel(em.expr)) == wanted for em in ec.members)


def _function_paths(root: Root, rel: Rel) -> None:
    once, per = cost.qual_cost(root.glob, [f.funcexpr for f in rel.rte.functions])
    startup, total = cost.simple_scan(root, rel, list(rel.baserestrict), rel.rows, rel.tuples,
                                      once + per, 0.0)  # fmt: skip
    keys: list[PathKey] = []
    if rel.rte.funcordinality:
        number = len(rel.rte.eref.colnames)
        var = next((v for v in rel.target if type(v) is Var and v.varattno == number), None)
        if var is not None:
            made = equiv.sort_pathkey(root, var, 412, False, create=False)
            keys = [made] if made is not None else []
    add_path(rel, Path("FunctionScan", rel, rel.rows, startup, total, keys, rel.lateral))


def _values_paths(root: Root, rel: Rel) -> None:
    c = root.glob.costs
    startup, total = cost.simple_scan(root, rel, list(rel.baserestrict), rel.rows, rel.tuples,
                                      0.0, c.cpu_operator_cost)  # fmt: skip
    add_path(rel, Path("ValuesScan", rel, rel.rows, startup, total, None, rel.lateral))


def _cte_paths(root: Root, rel: Rel) -> None:
    c = root.glob.costs
    startup, total = cost.simple_scan(root, rel, list(rel.baserestrict), rel.rows, rel.tuples,
                                      0.0, c.cpu_tuple_cost)  # fmt: skip
    kind = "WorkTableScan" if rel.rte.self_reference else "CteScan"
    add_path(rel, Path(kind, rel, rel.rows, startup, total))


def _result_paths(root: Root, rel: Rel) -> None:
    startup, total = cost.simple_scan(root, rel, list(rel.baserestrict), rel.rows, rel.tuples,
                                      0.0, 0.0)  # fmt: skip
    add_path(rel, Path("GroupResult", rel, rel.rows, startup, total, None, rel.lateral))


def _tablefunc_paths(root: Root, rel: Rel) -> None:
    once, per = cost.qual_cost(root.glob, rel.rte.tablefunc)
    startup, total = cost.simple_scan(root, rel, list(rel.baserestrict), rel.rows, rel.tuples,
                                      once + per, 0.0)  # fmt: skip
    add_path(rel, Path("TableFuncScan", rel, rel.rows, startup, total, None, rel.lateral))


_PATHS: dict[int, Any] = {
    RTEKind.RTE_RELATION: _table_paths, RTEKind.RTE_SUBQUERY: _subquery_paths,
    RTEKind.RTE_FUNCTION: _function_paths, RTEKind.RTE_VALUES: _values_paths,
    RTEKind.RTE_CTE: _cte_paths, RTEKind.RTE_RESULT: _result_paths,
    RTEKind.RTE_TABLEFUNC: _tablefunc_paths,
}  # fmt: skip


def build(root: Root) -> None:
    """Make base relations for everything in the join tree."""
    from pgtool.sql.planner.prep import jointree_rels

    for rti in sorted(jointree_rels(root.query.jointree)):
        rel = initsplan.base_rel(root, rti)
        if rel.rte.rtekind == RTEKind.RTE_RELATION:
            load_relation(root, rel, rel.rte.relid)

