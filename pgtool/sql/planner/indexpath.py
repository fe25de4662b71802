"""Index paths: which clauses an index can use, in which order it gives rows, at what cost.

Plain and index-only scans, forward and backward; scans that take values from other
relations (for the inner side of nested loops); bitmap scans over one or several indexes.
"""

from __future__ import annotations

from typing import Any

from pgtool.sql.planner import bitmap, cost, equiv, indexcost, selectivity, trees
from pgtool.sql.planner.base import NONE, IndexInfo, Path, Rel, Relids, Rinfo, Root, add_path
from pgtool.sql.planner.indexclause import IndexClause, column_expr, match

_MAX_OUTER_SETS = 10


def create(root: Root, rel: Rel) -> None:
    """Add the useful index paths of a relation."""
    bitmaps: list[Path] = []
    joined: list[tuple[Relids, Path]] = []
    for index in rel.indexes:
        if (index.predicate and not index.pred_ok) or (index.pages == 0 and index.tuples == 0 \
                and rel.relation.relkind == "p"):  # fmt: skip
            continue
        restricted = _restrictions(root, index)
        _paths(root, rel, index, restricted, NONE, bitmaps)
        for outer, clauses in _outer_sets(root, rel, index, restricted):
            found: list[Path] = []
            _paths(root, rel, index, clauses, outer, found)
            joined += [(outer, p) for p in found]
    bitmaps += bitmap.or_paths(root, rel, list(rel.baserestrict))
    if bitmaps:
        best = bitmap.choose(root, rel, bitmaps, NONE)
        add_path(rel, bitmap.heap_path(root, rel, best, NONE))
    for outer in dict.fromkeys(o for o, _ in joined):
        usable = [p for o, p in joined if o <= outer] + bitmaps
        best = bitmap.choose(root, rel, usable, outer)
        if _required(best) & outer:
            add_path(rel, bitmap.heap_path(root, rel, best, outer))


def _required(path: Path) -> Relids:
    if path.kind == "BitmapIndex":
        return frozenset(path.required)
    return NONE.union(*(_required(p) for p in path.subs))


def _restrictions(root: Root, index: IndexInfo) -> list[IndexClause]:
    """The relation's own clauses that the index can use, by column."""
    out: list[IndexClause] = []
    for column in range(index.nkeys):
        for rinfo in index.rel.baserestrict:
            found = match(root, index, column, rinfo)
            if found is not None and not any(rinfo in c.rinfos for c in out):
                out.append(found)
    return out


def movable(rinfo: Rinfo, rel: Rel) -> bool:
    """Whether a join clause may be checked at a scan of the relation."""
    if not rinfo.clause_relids & rel.relids:
        return False
    if rinfo.outer_relids & rel.relids:
        return False
    return not rinfo.nullable & rel.relids


def _join_clauses(root: Root, rel: Rel, index: IndexInfo, column: int) -> list[IndexClause]:
    out: list[IndexClause] = []
    for rinfo in rel.joininfo:
        if movable(rinfo, rel):
            found = match(root, index, column, rinfo)
            if found is not None:
                out.append(found)
    for rinfo in implied_for_column(root, rel, index, column):
        found = match(root, index, column, rinfo)
        if found is not None:
            out.append(found)
    return out


def implied_for_column(root: Root, rel: Rel, index: IndexInfo, column: int) -> list[Rinfo]:
    """Equalities with other relations that the classes imply for an index column."""
    expr = column_expr(index, column)
    wanted = trees.key(trees.strip_relabel(expr))
    out: list[Rinfo] = []
    for ec in root.ecs:
        if ec.has_const or len(ec.members) < 2 or not ec.relids - rel.relids:
            continue
        mine = next((
            em for em in ec.members
            if em.relids == rel.relids and trees.key(trees.strip_relabel(em.expr)) == wanted
        ), None)  # fmt: skip
        if mine is None:
            continue
        parents = _parents(root, rel)
        for em in ec.members:
            if em is mine or em.child or em.relids & (rel.relids | parents) or not em.relids:
                continue
            made = equiv.derived(root, ec, mine, em)
            if made is not None and movable(made, rel):
                out.append(made)
    return out


def _parents(root: Root, rel: Rel) -> Relids:
    out: set[int] = set()
    parent = rel.parent
    while parent is not None:
        out.add(parent.rti)
        parent = parent.parent
    return frozenset(out)


def _outer_sets(
    root: Root, rel: Rel, index: IndexInfo, restricted: list[IndexClause]
) -> list[tuple[Relids, list[IndexClause]]]:
    """Sets of other relations with the index clauses that they make usable."""
    by_column = [_join_clauses(root, rel, index, c) for c in range(index.nkeys)]
    if not any(by_column):
        return []
    sets: list[Relids] = []
    for clauses in by_column:
        for clause in clauses:
            outer = clause.rinfos[0].clause_relids - rel.relids
            if outer and outer not in sets:
                for old in list(sets):
                    union = old | outer
                    if union not in sets and len(sets) < _MAX_OUTER_SETS:
                        sets.append(union)
                sets.append(outer)
    out = []
    for outer in sets[:_MAX_OUTER_SETS]:
        chosen: list[IndexClause] = []
        for column, clauses in enumerate(by_column):
            chosen += [c for c in restricted if c.column == column]
            seen: list[Any] = []
            for c in clauses:
                if not c.rinfos[0].clause_relids - rel.relids <= outer:
                    continue
                ec = c.rinfos[0].ec
                if ec is not None:
                    if any(equiv.current(ec) is s for s in seen):
                        continue
                    seen.append(equiv.current(ec))
                chosen.append(c)
        if any(c.rinfos[0].clause_relids - rel.relids for c in chosen):
            used = NONE.union(*(c.rinfos[0].clause_relids for c in chosen)) - rel.relids
            if used == outer:
                out.append((outer, chosen))
    return out


def enforced_at(root: Root, rel: Rel, outer: Relids) -> list[Rinfo]:
    """The join clauses that a scan with values from ``outer`` checks."""
    known = rel.param_clauses.get(outer)
    if known is not None:
        return known
    out = [
        r for r in rel.joininfo
        if movable(r, rel) and r.required <= rel.relids | outer and r.clause_relids & outer
    ]  # fmt: skip
    scope = rel.relids | outer
    for r in equiv.join_equalities(root, scope, outer, rel.relids):
        if movable(r, rel) and r not in out:
            out.append(r)
    rel.param_clauses[outer] = out
    return out


def rows_with(root: Root, rel: Rel, outer: Relids) -> float:
    """Rows of a scan that takes values from other relations."""
    if outer not in rel.param_rows:
        clauses = [*enforced_at(root, rel, outer), *rel.baserestrict]
        sel = selectivity.clauselist(root, clauses, rel.rti, 0, None)
        rel.param_rows[outer] = min(cost.clamp_rows(rel.tuples * sel), rel.rows)
    return rel.param_rows[outer]


def loop_count(root: Root, rel: Rel, outer: Relids) -> float:
    """How often a parameterised scan will run, at least."""
    found = [max(root.rels[r].rows, 1.0) for r in outer if r in root.rels
             and not root.rels[r].dummy]  # fmt: skip
    return min(found) if found else 1.0


def _paths(
    root: Root, rel: Rel, index: IndexInfo, clauses: list[IndexClause], outer: Relids,
    bitmaps: list[Path],
) -> None:  # fmt: skip
    """Plain, index-only and bitmap paths of one index with these clauses."""
    c = root.glob.costs
    keys = _useful(root, rel, pathkeys(root, index, False))
    back = _useful(root, rel, pathkeys(root, index, True))
    only = _index_only(root, rel, index, outer) and bool(c.enable_indexonlyscan)
    if clauses or keys or only or index.predicate:
        add_path(rel, _scan(root, rel, index, clauses, outer, keys, False, only))
    if back:
        add_path(rel, _scan(root, rel, index, clauses, outer, back, True, only))
    if clauses or index.predicate:
        made = _scan(root, rel, index, clauses, outer, [], False, False)
        made.kind = "BitmapIndex"
        bitmaps.append(made)


def _scan(
    root: Root, rel: Rel, index: IndexInfo, clauses: list[IndexClause], outer: Relids,
    keys: list[Any], backward: bool, only: bool,
) -> Path:  # fmt: skip
    """One index scan with its cost."""
    c = root.glob.costs
    required = outer | rel.lateral
    rows = rows_with(root, rel, required) if required else rel.rows
    made = Path("IndexOnlyScan" if only else "IndexScan", rel, rows, 0.0, 0.0, keys, required,
                index=index, index_clauses=clauses, backward=backward)  # fmt: skip
    if required:
        made.enforced = enforced_at(root, rel, required)
    made.__dict__["indexed"] = [r for k in clauses if not k.lossy for r in k.rinfos]
    indexcost.scan(root, made, loop_count(root, rel, outer) if outer else 1.0, only)
    made.disabled = 0 if c.enable_indexscan else 1
    return made


def _index_only(root: Root, rel: Rel, index: IndexInfo, outer: Relids) -> bool:
    """Whether the index holds every column that the scan needs."""
    have = set(index.keys) - {0}
    exprs = [*rel.target, *(r.clause for r in rel.baserestrict)]
    exprs += [r.clause for r in (enforced_at(root, rel, outer) if outer else [])]
    for var in trees.vars_of(exprs):
        if var.varno == rel.rti and var.varattno not in have:
            return False
    return True


def pathkeys(root: Root, index: IndexInfo, backward: bool) -> list[Any]:
    """The order in which an index gives its rows."""
    out: list[Any] = []
    for column in range(index.nkeys):
        expr = column_expr(index, column)
        descending = index.reverse[column] != backward
        nulls_first = index.nulls_first[column] != backward
        ec = _class_of(root, index, column, expr)
        if ec is None:
            if _fixed(index, column):
                continue
            break
        made = equiv.pathkey(root, ec, index.opfamilies[column], descending, nulls_first)
        if not equiv.redundant(made, out):
            out.append(made)
    return out


def _class_of(root: Root, index: IndexInfo, column: int, expr: Any) -> Any:
    wanted = trees.key(trees.strip_relabel(expr))
    for ec in root.ecs:
        if ec.volatile or index.opfamilies[column] not in ec.families:
            continue
        if index.collations[column] and index.collations[column] != ec.collation:
            continue
        for em in ec.members:
            if em.child and em.relids != index.rel.relids:
                continue
            if trees.key(trees.strip_relabel(em.expr)) == wanted:
                return ec
    return None


def _fixed(index: IndexInfo, column: int) -> bool:
    """A boolean column that a restriction fixes sorts nothing."""
    wanted = trees.key(column_expr(index, column))
    for r in index.rel.baserestrict:
        node = r.clause
        if type(node).__name__ == "BoolExpr" and node.boolop == 2:
            node = node.args[0]
        if trees.key(node) == wanted:
            return True
    return False


def _useful(root: Root, rel: Rel, keys: list[Any]) -> list[Any]:
    """The leading part of an order that something above may want."""
    if not keys:
        return []
    order = equiv.common_prefix(root.query_pathkeys, keys)
    d = root.__dict__
    group = d.get("group_keys") or []
    lead = 0
    for key in keys:
        if not any(key is g for g in group):
            break
        lead += 1
    wanted_distinct = d.get("distinct_keys") or []
    distinct = 0
    for key in keys:
        if not any(key is g for g in wanted_distinct):
            break
        distinct += 1
    merge = 0
    for key in keys:
        joins = key.ec.relids - rel.relids or any(
            r.left_ec is key.ec or r.right_ec is key.ec for r in rel.joininfo)
        if not joins or key.ec.has_const:
            break
        merge += 1
    return keys[: max(order, lead, distinct, merge)]
