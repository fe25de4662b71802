"""What happens above the joins: grouping, window functions, DISTINCT, ORDER BY, LIMIT."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.exprs import Aggref, GroupingFunc, Var, WindowFunc
from pgtool.sql.planner import cost, equiv, grouping, lockrows, trees, windows
from pgtool.sql.planner.base import Path, Rel, Root, add_path, set_cheapest
from pgtool.sql.planner.groups import number_of_groups

_MISSING = -1.0


class Upper(Rel):
    """A relation above the joins: paths with targets of their own."""


def upper_rel(root: Root) -> Upper:
    """A new one."""
    rel = Upper(frozenset())
    rel.consider_startup = root.tuple_fraction > 0
    return rel


# -- sort orders ----


def set_pathkeys(root: Root) -> None:
    """The orders that the query wants, most important first."""
    query = root.query
    tlist = query.targetList
    d = root.__dict__
    grouped = bool(query.groupClause) and not query.groupingSets
    d["group_clause"] = _useful_groups(root) if grouped else list(query.groupClause)
    d["group_keys"] = (
        equiv.pathkeys_for_clauses(root, d["group_clause"], tlist)
        if grouped and all(c.sortop for c in query.groupClause) else []
    )
    below = root.ecs
    if query.groupingSets:
        # What is known to be equal below need not be above: grouping columns become NULL.
        root.ecs = []
    d["active_windows"] = windows.active(root)
    d["window_keys"] = (
        windows.pathkeys(root, d["active_windows"][0]) if d["active_windows"] else []
    )
    d["distinct_keys"] = (
        equiv.pathkeys_for_clauses(root, list(query.distinctClause), tlist)
        if query.distinctClause and all(c.sortop for c in query.distinctClause) else []
    )
    d["sort_keys"] = equiv.pathkeys_for_clauses(root, list(query.sortClause), tlist)
    d["upper_ecs"], root.ecs = root.ecs, below
    d["agg_keys"] = grouping.presorted_keys(root) if query.hasAggs else []
    if d["agg_keys"] and not query.groupingSets:
        d["group_keys_full"] = d["group_keys"] + d["agg_keys"]
    else:
        d["group_keys_full"] = d["group_keys"]
    if d["group_keys_full"]:
        root.query_pathkeys = d["group_keys_full"]
    elif d["window_keys"]:
        root.query_pathkeys = d["window_keys"]
    elif len(d["distinct_keys"]) > len(d["sort_keys"]):
        root.query_pathkeys = d["distinct_keys"]
    elif d["sort_keys"]:
        root.query_pathkeys = d["sort_keys"]
    elif d.get("setop_keys"):
        root.query_pathkeys = d["setop_keys"]


def _useful_groups(root: Root) -> list[Any]:
    """GROUP BY in the order of ORDER BY where that saves a sort."""
    query = root.query
    groups = _independent(root)
    refs = {c.tleSortGroupRef: c for c in groups}
    out: list[Any] = []
    for sort in query.sortClause:
        found = refs.get(sort.tleSortGroupRef)
        if found is None or found.eqop != sort.eqop:
            break
        out.append(sort)
    used = {c.tleSortGroupRef for c in out}
    return out + [c for c in groups if c.tleSortGroupRef not in used]


def _independent(root: Root) -> list[Any]:
    """GROUP BY without columns that a grouped unique key of their table determines."""
    query = root.query
    groups = list(query.groupClause)
    exprs = {c.tleSortGroupRef: next(
        e.expr for e in query.targetList if e.ressortgroupref == c.tleSortGroupRef
    ) for c in groups}  # fmt: skip
    for rti, rel in root.rels.items():
        mine = {
            e.varattno: ref for ref, e in exprs.items() if type(e) is Var and e.varno == rti
        }
        if len(mine) < 2 or rel.relation is None:
            continue
        keys = [
            set(i.keys[: i.nkeys]) for i in rel.indexes
            if i.unique and i.immediate and not i.predicate and 0 not in i.keys[: i.nkeys]
            and all(k > 0 and rel.relation.attributes[k - 1].attnotnull
                    for k in i.keys[: i.nkeys]) and set(i.keys[: i.nkeys]) < set(mine)
        ]  # fmt: skip
        if keys:
            best = min(keys, key=len)
            dropped = {ref for attno, ref in mine.items() if attno not in best}
            groups = [c for c in groups if c.tleSortGroupRef not in dropped]
    return groups


# -- the stages ----


def plan(root: Root) -> None:
    """Plan a query without set operations."""
    from pgtool.sql.planner import minmax
    from pgtool.sql.planner.query import join_planner

    query = root.query
    _fractions(root)
    grouping.prepare_aggregates(root)
    if query.hasAggs:
        made = minmax.paths(root)
    else:
        made = None
    joined = join_planner(root)
    d = root.__dict__
    final = [e.expr for e in query.targetList]
    refs = [e.ressortgroupref for e in query.targetList]
    srfs = query.hasTargetSRFs
    sort_input, sort_refs = _sort_input(root, final, refs)
    have_grouping = bool(query.groupClause or query.groupingSets or query.hasAggs
                         or query.havingQual is not None)  # fmt: skip
    whole, whole_refs = sort_input, sort_refs
    expand = srfs and (have_grouping or d["active_windows"]) and any(
        trees.returns_set(e) for e in sort_input)  # fmt: skip
    if expand:
        sort_input, sort_refs = _before_sets(root, sort_input, sort_refs)
    group_target, group_refs = sort_input, sort_refs
    if d["active_windows"]:
        group_target, group_refs = windows.input_target(root, sort_input, sort_refs)
    scan_target, scan_refs = group_target, group_refs
    if have_grouping:
        scan_target, scan_refs = grouping.input_target(root, group_target, group_refs)
    rel = _scan_stage(root, joined, scan_target, scan_refs)
    if have_grouping:
        rel = grouping.paths(root, rel, group_target, group_refs, made)
    if d["active_windows"]:
        rel = windows.paths(root, rel, group_target, group_refs, sort_input, sort_refs)
    if expand:
        rel = project(root, rel, whole, whole_refs)
        sort_input, sort_refs = whole, whole_refs
    if query.distinctClause:
        rel = distinct(root, rel)
    if query.sortClause:
        limit = root.limit_tuples
        rel = ordered(root, rel, d["sort_keys"], _MISSING if srfs and sort_input is not final
                      else limit)  # fmt: skip
    if sort_input is not final or refs != sort_refs:
        rel = project(root, rel, final, refs)
    finish(root, rel)


def _fractions(root: Root) -> None:
    """How many of the rows will be fetched, from LIMIT and from outside."""
    from pgtool.sql.planner.query import limit_values

    query = root.query
    if query.limitCount is None and query.limitOffset is None:
        return
    count, offset = limit_values(root, query)
    root.__dict__["limit_estimates"] = (count, offset)
    if count > 0 and offset >= 0:
        root.limit_tuples = count + offset
    if count == 0:
        if offset != 0 and root.tuple_fraction >= 1.0 and offset > 0:
            root.tuple_fraction += offset
        return
    if count < 0 or offset < 0:
        limit = 0.10
    else:
        limit = count + offset
    have = root.tuple_fraction
    if have <= 0:
        root.tuple_fraction = limit
    elif have >= 1.0:
        root.tuple_fraction = min(have, limit) if limit >= 1.0 else have
    else:
        root.tuple_fraction = limit if limit >= 1.0 else have * limit


def _sort_input(root: Root, final: list[Any], refs: list[int]) -> tuple[list[Any], list[int]]:
    """The columns below the final sort: costly and volatile ones wait until after it."""
    query = root.query
    if not query.sortClause or query.distinctClause:
        return final, refs
    cache, costs = root.glob.cache, root.glob.costs
    limited = query.limitCount is not None or root.tuple_fraction > 0
    postponed = []
    srf_in_sort = any(r and trees.returns_set(e) for e, r in zip(final, refs))
    for i, (expr, ref) in enumerate(zip(final, refs)):
        if ref:
            continue
        if query.hasTargetSRFs and trees.returns_set(expr):
            if not srf_in_sort:
                postponed.append(i)
        elif trees.volatility(expr, cache) == "v" or (limited and cost.qual_cost(
                root.glob, expr)[1] > 10 * costs.cpu_operator_cost):  # fmt: skip
            postponed.append(i)
    if not postponed:
        return final, refs
    out = [e for i, e in enumerate(final) if i not in postponed]
    out_refs = [r for i, r in enumerate(refs) if i not in postponed]
    known = {trees.key(e) for e in out}
    for i in postponed:
        for part in grouping.parts(final[i]):
            if trees.key(part) not in known:
                known.add(trees.key(part))
                out.append(part)
                out_refs.append(0)
    return out, out_refs


def _before_sets(
    root: Root, target: list[Any], refs: list[int]
) -> tuple[list[Any], list[int]]:
    """What grouping and windows give where set-returning functions expand their rows after."""
    groups = {trees.key(e.expr): e for e in root.query.targetList
              if any(c.tleSortGroupRef == e.ressortgroupref for c in root.query.groupClause)}
    out: list[Any] = []
    out_refs: list[int] = []
    known: set[Any] = set()

    def keep(expr: Any, ref: int) -> None:
        if trees.key(expr) not in known:
            known.add(trees.key(expr))
            out.append(expr)
            out_refs.append(ref)

    def look(node: Any) -> None:
        if trees.key(node) in groups:
            keep(groups[trees.key(node)].expr, groups[trees.key(node)].ressortgroupref)
        elif type(node) is Var or isinstance(node, (Aggref, GroupingFunc, WindowFunc)):
            keep(node, 0)
        else:
            for child in node.children():
                look(child)

    for expr, ref in zip(target, refs):
        if not trees.returns_set(expr):
            keep(expr, ref)
    for expr in target:
        if trees.returns_set(expr):
            look(expr)
    return out, out_refs


def _scan_stage(root: Root, joined: Rel, target: list[Any], refs: list[int]) -> Rel:
    """The joined rows with the columns that the next stage wants."""
    rel = upper_rel(root)
    for path in joined.paths:
        if path.required:
            continue
        base = _gate(root, path)
        add_path(rel, projection(root, rel, base, target, refs))
    set_cheapest(rel)
    return rel


def _gate(root: Root, path: Path) -> Path:
    """Conditions without columns decide once whether to run at all."""
    if not root.gating:
        return path
    if any(trees.is_false(c) for c in root.gating):
        made = Path("Dummy", path.rel, 0.0, 0.0, 0.0)
        made.target, made.width = path.target, path.width
        return made
    once, per = cost.qual_cost(root.glob, list(root.gating))
    made = Path("Gate", path.rel, path.rows, path.startup + once + per, path.total + once + per,
                path.pathkeys, path.required, sub=path, quals=list(root.gating))  # fmt: skip
    made.target, made.width, made.disabled = path.target, path.width, path.disabled
    return made


def projection(
    root: Root, rel: Rel, sub: Path, target: list[Any], refs: list[int] | None
) -> Path:
    """A path whose output is another list of expressions over the input's."""
    if _pending(target, sub):
        return _project_set(root, rel, sub, target, refs)
    same = len(target) == len(sub.target) and all(
        trees.same(a, b) for a, b in zip(target, sub.target))  # fmt: skip
    (o_once, o_per), _ = cost.target_cost(root, sub.target)
    (n_once, n_per), width = cost.target_cost(root, target)
    startup = sub.startup - o_once + n_once
    total = sub.total - o_once - o_per * sub.rows + n_once + n_per * sub.rows
    if sub.kind in _NO_PROJECTION and not same:
        startup = sub.startup + n_once
        total = sub.total + n_once + (root.glob.costs.cpu_tuple_cost + n_per) * sub.rows
    made = Path("Projection", rel, sub.rows, startup, total, sub.pathkeys, sub.required, sub=sub)
    made.target, made.refs, made.width = target, refs, width
    made.disabled, made.enforced = sub.disabled, sub.enforced
    return made


_NO_PROJECTION = {
    "Sort", "IncrementalSort", "Material", "Memoize", "Unique", "Limit", "SetOp", "Append",
    "MergeAppend", "RecursiveUnion", "Hash",
}  # fmt: skip


def _project_set(
    root: Root, rel: Rel, sub: Path, target: list[Any], refs: list[int] | None
) -> Path:
    """Set-returning functions are computed in steps, arguments before calls around them."""
    done = _computed(sub)
    levels = _srf_levels(target, done)
    made = sub
    known: list[Any] = list(sub.target)
    for number, calls in enumerate(levels):
        last = number == len(levels) - 1
        parts: list[Any] = []
        if last and all(trees.key(e) in done or _top_or_free(e, calls) for e in target):
            parts, part_refs = list(target), refs
        else:
            parts = [v for v in _inputs(target, known, calls) if v not in calls] + calls
            part_refs = None
        once, per = cost.target_cost(root, parts)[0]
        from pgtool.sql.planner.baserels import function_rows

        count = max((function_rows(root, c) for c in calls), default=1.0)
        rows = made.rows * count
        startup = made.startup + once
        c = root.glob.costs
        total = made.total + once + (c.cpu_tuple_cost + per) * made.rows
        total += (rows - made.rows) * c.cpu_tuple_cost / 2
        if made is sub:
            made = projection(root, rel, sub, _below(parts, done), None)
        step = Path("ProjectSet", rel, rows, startup, total, sub.pathkeys, sub.required, sub=made)
        step.target, step.refs = parts, part_refs
        step.width = cost.target_cost(root, parts)[1]
        step.disabled = sub.disabled
        made, known = step, parts
    if not all(trees.same(a, b) for a, b in zip(made.target, target)) or len(
        made.target) != len(target):  # fmt: skip
        made = _plain_projection(root, rel, made, target, refs)
    return made


def _plain_projection(
    root: Root, rel: Rel, sub: Path, target: list[Any], refs: list[int] | None
) -> Path:
    made = Path("Projection", rel, sub.rows, sub.startup,
                sub.total + root.glob.costs.cpu_tuple_cost * sub.rows, sub.pathkeys, sub.required,
                sub=sub)  # fmt: skip
    made.target, made.refs, made.disabled = target, refs, sub.disabled
    made.width = cost.target_cost(root, target)[1]
    return made


def _is_srf(node: Any) -> bool:
    return bool(getattr(node, "funcretset", False) or getattr(node, "opretset", False))


def _computed(sub: Path) -> set[Any]:
    """Keys of the set-returning columns that the input gives already."""
    return {trees.key(e) for e in sub.target if trees.returns_set(e)}


def _pending(target: list[Any], sub: Path) -> bool:
    """Whether a set-returning call is left to run over a path's rows."""
    if not any(trees.returns_set(e) for e in target):
        return False
    return bool(_srf_levels(target, _computed(sub)))


def _srf_levels(target: list[Any], done: set[Any]) -> list[list[Any]]:
    """Set-returning calls by nesting depth, innermost first; those done already are none."""
    levels: list[dict[Any, Any]] = []

    def depth(node: Any) -> int:
        if done and trees.key(node) in done:
            return 0
        below = max((depth(child) for child in node.children()), default=0)
        if _is_srf(node):
            while len(levels) <= below:
                levels.append({})
            levels[below][trees.key(node)] = node
            return below + 1
        return below

    for expr in target:
        depth(expr)
    return [list(level.values()) for level in levels]


def _top_or_free(expr: Any, calls: list[Any]) -> bool:
    """Whether a column is one of the calls itself or has no unevaluated call inside."""
    if _is_srf(expr):
        return True
    return not trees.returns_set(expr)


def _inputs(target: list[Any], known: list[Any], calls: list[Any]) -> list[Any]:
    """What later steps need besides the calls: known columns and Vars."""
    keys = {trees.key(k): k for k in known if type(k) is not Var or True}
    out: dict[Any, Any] = {}
    call_keys = {trees.key(c) for c in calls}

    def look(node: Any) -> None:
        k = trees.key(node)
        if k in call_keys:
            return
        if k in keys or type(node) is Var or isinstance(node, Aggref):
            out.setdefault(k, node)
            return
        for child in node.children():
            look(child)

    for expr in target:
        look(expr)
    return list(out.values())


def _below(parts: list[Any], done: set[Any]) -> list[Any]:
    """Columns that the input of a ProjectSet must have."""
    out: dict[Any, Any] = {}
    for expr in parts:
        for part in [expr] if trees.key(expr) in done else grouping.parts(expr):
            out.setdefault(trees.key(part), part)
    return list(out.values())


def project(root: Root, rel: Rel, target: list[Any], refs: list[int]) -> Rel:
    """All paths with another target."""
    made = upper_rel(root)
    for path in rel.paths:
        add_path(made, projection(root, made, path, target, refs))
    set_cheapest(made)
    return made


# -- sorting and DISTINCT ----


def sort_path(root: Root, rel: Rel, sub: Path, keys: list[Any], limit: float = -1.0) -> Path:
    """A Sort over a path; the path itself if it has the order."""
    if equiv.contained_in(keys, sub.pathkeys):
        return sub
    prefix = equiv.common_prefix(keys, sub.pathkeys)
    c = root.glob.costs
    if prefix and c.enable_incremental_sort:
        exprs = [key_expr(k) for k in keys[:prefix]]
        groups = number_of_groups(root, exprs, sub.rows)
        startup, total = cost.incremental_sort(root.glob, sub, groups, limit)
        made = Path("IncrementalSort", rel, sub.rows, startup, total, keys, sub.required, sub=sub,
                    presorted=prefix, limit=limit)  # fmt: skip
    else:
        startup, total = cost.sort(root.glob, sub.total, sub.rows, sub.width, limit)
        made = Path("Sort", rel, sub.rows, startup, total, keys, sub.required, sub=sub,
                    limit=limit)  # fmt: skip
        made.disabled = 0 if c.enable_sort else 1
    made.target, made.refs, made.width = sub.target, sub.refs, sub.width
    made.disabled += sub.disabled
    made.enforced = sub.enforced
    return made


def key_expr(key: Any) -> Any:
    """An expression of a sort key's class that has statistics."""
    return key.ec.members[0].expr


def ordered(root: Root, rel: Rel, keys: list[Any], limit: float) -> Rel:
    """The rows in order."""
    made = upper_rel(root)
    for path in rel.paths:
        done = equiv.contained_in(keys, path.pathkeys)
        if not done and path is not rel.cheapest and not (
            equiv.common_prefix(keys, path.pathkeys)
            and root.glob.costs.enable_incremental_sort
        ):
            continue
        add_path(made, path if done else sort_path(root, made, path, keys, limit))
        if not done and path is rel.cheapest and equiv.common_prefix(keys, path.pathkeys):
            add_path(made, plain_sort(root, made, path, keys, limit))
    set_cheapest(made)
    return made


def plain_sort(root: Root, rel: Rel, sub: Path, keys: list[Any], limit: float = -1.0) -> Path:
    """A full Sort even where a prefix is sorted."""
    startup, total = cost.sort(root.glob, sub.total, sub.rows, sub.width, limit)
    made = Path("Sort", rel, sub.rows, startup, total, keys, sub.required, sub=sub, limit=limit)
    made.target, made.refs, made.width = sub.target, sub.refs, sub.width
    made.disabled = sub.disabled + (0 if root.glob.costs.enable_sort else 1)
    return made


def distinct(root: Root, rel: Rel) -> Rel:
    """SELECT DISTINCT and DISTINCT ON."""
    query = root.query
    made = upper_rel(root)
    exprs = [
        next(e.expr for e in query.targetList if e.ressortgroupref == c.tleSortGroupRef)
        for c in query.distinctClause
    ]  # fmt: skip
    assert rel.cheapest is not None
    if query.groupClause or query.groupingSets or query.hasAggs or query.havingQual is not None:
        groups = rel.cheapest.rows
    else:
        groups = number_of_groups(root, exprs, rel.cheapest.rows)
    d = root.__dict__
    keys = d["distinct_keys"]
    if query.distinctClause and all(c.sortop for c in query.distinctClause):
        wanted = keys
        if query.hasDistinctOn and len(keys) < len(d["sort_keys"]):
            wanted = d["sort_keys"]
        for path in rel.paths:
            if path is not rel.cheapest and not equiv.common_prefix(wanted, path.pathkeys):
                continue
            order = _reordered(wanted, path.pathkeys) if not query.hasDistinctOn else wanted
            add_path(made, _unique(root, made, sort_path(root, made, path, order), keys, groups))
            if not query.hasDistinctOn and not equiv.contained_in(order, path.pathkeys) \
                    and path is rel.cheapest and d["sort_keys"]:  # fmt: skip
                continue
    if not query.hasDistinctOn and all(c.hashable for c in query.distinctClause):
        sub = rel.cheapest
        startup, total, rows = cost.agg(root, "hashed", None, len(exprs), groups, sub, [])
        path = Path("Agg", made, rows, startup, total, [], sub=sub, strategy="hashed",
                    clauses=list(query.distinctClause), having=[], groups=groups)  # fmt: skip
        path.target, path.refs, path.width = sub.target, sub.refs, sub.width
        path.disabled = sub.disabled + (0 if root.glob.costs.enable_hashagg else 1)
        add_path(made, path)
    set_cheapest(made)
    return made


def _reordered(keys: list[Any], have: list[Any]) -> list[Any]:
    """DISTINCT's columns may be sorted in any order: take the one that is there."""
    lead = []
    for key in have:
        if key not in keys:
            break
        lead.append(key)
    return lead + [k for k in keys if k not in lead]


def _unique(root: Root, rel: Rel, sub: Path, keys: list[Any], groups: float) -> Path:
    c = root.glob.costs
    if not keys:
        made = Path("Limit", rel, 1.0, sub.startup,
                    sub.startup + (sub.total - sub.startup) / max(sub.rows, 1.0), sub.pathkeys,
                    sub=sub, one=True)  # fmt: skip
    else:
        made = Path("Unique", rel, groups, sub.startup,
                    sub.total + c.cpu_operator_cost * sub.rows * len(keys), sub.pathkeys, sub=sub,
                    how="sorted", nkeys=len(keys), keys=sub.pathkeys[: len(keys)])  # fmt: skip
    made.target, made.refs, made.width = sub.target, sub.refs, sub.width
    made.disabled = sub.disabled
    return made


# -- the end ----


def finish(root: Root, rel: Rel) -> None:
    """LIMIT, then keep the finished paths."""
    query = root.query
    final = upper_rel(root)
    final.consider_startup = True
    for path in rel.paths:
        path = lockrows.lock_path(root, final, path)
        if query.limitCount is not None or query.limitOffset is not None:
            path = _limit(root, final, path)
        path.rel = final
        add_path(final, path)
    root.final_paths = final.paths
    root.__dict__["final_rel"] = final


def _limit(root: Root, rel: Rel, sub: Path) -> Path:
    count, offset = root.__dict__["limit_estimates"]
    rows, startup, total = sub.rows, sub.startup, sub.total
    per = (sub.total - sub.startup) / sub.rows if sub.rows > 0 else 0.0
    if offset != 0:
        skip = offset if offset > 0 else cost.clamp_rows(sub.rows * 0.10)
        skip = min(skip, rows)
        startup += per * skip
        rows = max(rows - skip, 1.0)
    if count != 0:
        want = count if count > 0 else cost.clamp_rows(sub.rows * 0.10)
        want = min(want, rows)
        total = startup + per * want
        rows = max(want, 1.0)
    made = Path("Limit", rel, rows, startup, total, sub.pathkeys, sub=sub, one=False)
    made.target, made.refs, made.width = sub.target, sub.refs, sub.width
    made.disabled = sub.disabled
    return made
