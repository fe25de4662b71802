"""GROUP BY and aggregates: targets below and above, sorted and hashed grouping."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.exprs import Aggref, GroupingFunc, Var, WindowFunc
from pgtool.sql.planner import cost, equiv, trees
from pgtool.sql.planner.base import Path, Rel, Root, add_path, set_cheapest
from pgtool.sql.planner.groups import number_of_groups


def parts(expr: Any, into_aggs: bool = False, into_windows: bool = False) -> list[Any]:
    """The Vars and aggregates (and window functions) that an expression is made of."""
    out: dict[Any, Any] = {}

    def look(node: Any) -> None:
        if type(node) is Var:
            out.setdefault(trees.key(node), node)
            return
        if isinstance(node, (Aggref, GroupingFunc)) and not into_aggs:
            out.setdefault(trees.key(node), node)
            return
        if isinstance(node, WindowFunc) and not into_windows:
            out.setdefault(trees.key(node), node)
            return
        for child in node.children():
            look(child)

    for item in expr if isinstance(expr, list) else [expr]:
        look(item)
    return list(out.values())


def all_aggregates(root: Root) -> list[Any]:
    """The distinct aggregates of the query level."""
    out: dict[Any, Any] = {}
    nodes = [e.expr for e in root.query.targetList] + list(root.having)

    def look(node: Any, depth: int) -> None:
        if isinstance(node, Aggref) and node.agglevelsup == depth:
            out.setdefault(trees.key(node), node)

    trees.visit(nodes, look)
    return list(out.values())


def prepare_aggregates(root: Root) -> None:
    """Number the aggregates and note their transition types."""
    query = root.query
    if not query.hasAggs:
        return
    numbers: dict[Any, int] = {}

    def change(node: Any, depth: int) -> Any:
        if not isinstance(node, Aggref) or node.agglevelsup != depth:
            return None
        known = trees.key(node.copy(aggno=-1, aggtransno=-1))
        number = numbers.setdefault(known, len(numbers))
        row = root.glob.cache.one("pg_aggregate", "aggfnoid", node.aggfnoid)
        transtype = node.aggtranstype
        if not transtype and row is not None:
            transtype = row.aggtranstype
        return node.copy(aggno=number, aggtransno=number, aggtranstype=transtype)

    query.targetList = trees.transform(query.targetList, change)
    root.having = [trees.transform(c, change) for c in root.having]
    if root.having:
        query.havingQual = trees.and_of(root.having)


def presorted_keys(root: Root) -> list[Any]:
    """The order of arguments that most DISTINCT or ORDER BY aggregates share."""
    if not root.glob.costs.enable_presorted_aggregate or root.query.groupingSets:
        return []
    candidates: list[tuple[list[Any], list[Any]]] = []
    base = root.__dict__["group_keys"]
    if root.query.groupClause and not base:
        return []
    for agg in all_aggregates(root):
        if agg.aggkind not in ("n", "\0") or not (agg.aggdistinct or agg.aggorder):
            continue
        if any(trees.volatility(e.expr, root.glob.cache) == "v" for e in agg.args):
            continue
        clauses = list(agg.aggdistinct or agg.aggorder)
        keys: list[Any] = []
        for clause in clauses:
            entry = next(e for e in agg.args if e.ressortgroupref == clause.tleSortGroupRef)
            if not clause.sortop:
                break
            made = equiv.sort_pathkey(root, entry.expr, clause.sortop, clause.nulls_first)
            if made is not None and not equiv.redundant(made, keys) \
                    and not equiv.redundant(made, base):  # fmt: skip
                keys.append(made)
        else:
            if keys:
                candidates.append((keys, [agg]))
    best: tuple[int, list[Any]] = (0, [])
    for keys, _ in candidates:
        score = sum(1 for other, _ in candidates if equiv.contained_in(other, keys))
        if score > best[0] or (score == best[0] and len(keys) > len(best[1])):
            best = (score, keys)
    return best[1]


def input_target(
    root: Root, target: list[Any], refs: list[int]
) -> tuple[list[Any], list[int]]:
    """The columns below grouping: grouping expressions, and what the others are made of."""
    group_refs = {c.tleSortGroupRef for c in root.query.groupClause}
    out: list[Any] = []
    out_refs: list[int] = []
    known: dict[Any, int] = {}
    rest: list[Any] = []
    for expr, ref in zip(target, refs):
        if ref and ref in group_refs:
            known[trees.key(expr)] = len(out)
            out.append(expr)
            out_refs.append(ref)
        else:
            rest.append(expr)
    rest += root.having
    for part in parts(rest, into_aggs=True, into_windows=True):
        if trees.key(part) not in known:
            known[trees.key(part)] = len(out)
            out.append(part)
            out_refs.append(0)
    return out, out_refs


def _reuse_groups(node: Any, groups: dict[Any, Any]) -> Any:
    return groups.get(trees.key(node))


def paths(
    root: Root, rel: Rel, target: list[Any], refs: list[int], minmax: Any
) -> Rel:
    """Ways to group the rows of a relation."""
    from pgtool.sql.planner import groupsets
    from pgtool.sql.planner.upper import upper_rel

    query = root.query
    made = upper_rel(root)
    if not query.hasAggs and not query.groupClause and not query.groupingSets:
        _degenerate(root, made, target, refs)
        return made
    costs = cost.AggCosts(root, all_aggregates(root))
    exprs = group_exprs(root)
    assert rel.cheapest is not None
    if query.groupingSets:
        groupsets.paths(root, made, rel.cheapest, target, refs, costs)
        return made
    groups = number_of_groups(root, exprs, rel.cheapest.rows) if exprs else 1.0
    d = root.__dict__
    sortable = all(c.sortop for c in query.groupClause)
    if not query.groupClause:
        _plain(root, made, rel, target, refs, costs)
    elif sortable:
        _sorted(root, made, rel, target, refs, costs, groups)
    hashable = query.groupClause and all(c.hashable for c in query.groupClause) and not any(
        a.aggdistinct or a.aggorder for a in all_aggregates(root)
    )
    if hashable:
        sub = rel.cheapest
        add_path(made, agg_path(root, made, sub, "hashed", target, refs, costs, groups, []))
    if minmax is not None:
        add_path(made, minmax(root, made, target, refs))
    del d
    set_cheapest(made)
    return made


def group_exprs(root: Root) -> list[Any]:
    """The grouping expressions."""
    query = root.query
    return [
        next(e.expr for e in query.targetList if e.ressortgroupref == c.tleSortGroupRef)
        for c in root.__dict__["group_clause"]
    ]  # fmt: skip


def _plain(
    root: Root, made: Rel, rel: Rel, target: list[Any], refs: list[int], costs: cost.AggCosts
) -> None:
    from pgtool.sql.planner.upper import sort_path

    keys = root.__dict__["agg_keys"]
    for path in rel.paths:
        if path is not rel.cheapest and not (keys and equiv.common_prefix(keys, path.pathkeys)):
            continue
        sub = sort_path(root, made, path, keys) if keys else path
        add_path(made, agg_path(root, made, sub, "plain", target, refs, costs, 1.0, []))


def _sorted(
    root: Root, made: Rel, rel: Rel, target: list[Any], refs: list[int], costs: cost.AggCosts,
    groups: float,
) -> None:  # fmt: skip
    from pgtool.sql.planner.upper import plain_sort, sort_path

    d = root.__dict__
    group_keys, extra = d["group_keys"], d["agg_keys"]
    for path in rel.paths:
        lead = list(_lead(path.pathkeys, group_keys))
        order = lead + [k for k in group_keys if k not in lead]
        if path is not rel.cheapest and not lead:
            continue
        wanted = order + extra
        sub = sort_path(root, made, path, wanted)
        keys = sub.pathkeys[: len(order)] if order else []
        add_path(made, agg_path(root, made, sub, "sorted", target, refs, costs, groups, keys))
        if sub.kind == "IncrementalSort" and path is rel.cheapest:
            sub = plain_sort(root, made, path, group_keys + extra)
            add_path(made, agg_path(root, made, sub, "sorted", target, refs, costs, groups,
                                    group_keys))  # fmt: skip


def _lead(have: list[Any], keys: list[Any]) -> list[Any]:
    out = []
    for key in have:
        if key not in keys:
            break
        out.append(key)
    return out


def agg_path(
    root: Root, rel: Rel, sub: Path, strategy: str, target: list[Any], refs: list[int],
    costs: cost.AggCosts, groups: float, keys: list[Any],
) -> Path:  # fmt: skip
    """An Agg (or Group, where nothing is aggregated) over a path."""
    query = root.query
    clauses = ordered_clauses(root, keys) if strategy == "sorted" else list(
        root.__dict__["group_clause"])
    if strategy == "sorted" and not query.hasAggs:
        startup, total = cost.group(root, len(clauses), groups, sub)
        rows = groups
        if root.having:
            from pgtool.sql.planner.selectivity import clauselist

            once, per = cost.qual_cost(root.glob, root.having)
            startup += once
            total += once + per * rows
            rows = cost.clamp_rows(rows * clauselist(root, root.having, 0, 0, None))
        kind = "Group"
    else:
        startup, total, rows = cost.agg(root, strategy, costs, len(clauses), groups, sub,
                                        root.having)  # fmt: skip
        kind = "Agg"
    (once, per), width = cost.target_cost(root, target)
    made = Path(kind, rel, rows, startup + once, total + once + per * rows,
                list(sub.pathkeys[: len(keys)]) if strategy == "sorted" else [], sub=sub,
                strategy=strategy, clauses=clauses, having=list(root.having),
                groups=groups, space=costs.space)  # fmt: skip
    made.target, made.refs, made.width = target, refs, width
    made.disabled = sub.disabled
    if strategy == "hashed" and not root.glob.costs.enable_hashagg:
        made.disabled += 1
    return made


def ordered_clauses(root: Root, keys: list[Any]) -> list[Any]:
    """The GROUP BY clauses in the order in which the input is sorted."""
    clauses = list(root.__dict__["group_clause"])
    out: list[Any] = []
    for key in keys:
        for clause in clauses:
            if clause in out:
                continue
            entry = next(e for e in root.query.targetList
                         if e.ressortgroupref == clause.tleSortGroupRef)  # fmt: skip
            wanted = trees.key(trees.strip_relabel(entry.expr))
            if any(trees.key(trees.strip_relabel(em.expr)) == wanted for em in key.ec.members):
                out.append(clause)
                break
    return out + [c for c in clauses if c not in out]


def _degenerate(root: Root, made: Rel, target: list[Any], refs: list[int]) -> None:
    """HAVING alone: one row or none, whatever the tables hold."""
    c = root.glob.costs
    once, per = cost.qual_cost(root.glob, root.having)
    path = Path("GroupResult", made, 1.0, once + per, once + per + c.cpu_tuple_cost,
                quals=list(root.having))  # fmt: skip
    path.target, path.refs = target, refs
    path.width = cost.target_cost(root, target)[1]
    add_path(made, path)
    set_cheapest(made)
