"""Window functions: which windows, in what order, over which columns."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.exprs import WindowFunc
from pgtool.sql.planner import cost, equiv, trees
from pgtool.sql.planner.base import Path, Rel, Root, add_path, set_cheapest


def functions(root: Root) -> dict[int, list[Any]]:
    """winref → the window functions of the query."""
    out: dict[int, dict[Any, Any]] = {}

    def look(node: Any, _depth: int) -> None:
        if isinstance(node, WindowFunc):
            out.setdefault(node.winref, {}).setdefault(trees.key(node), node)

    trees.visit([e.expr for e in root.query.targetList], look)
    return {ref: list(found.values()) for ref, found in out.items()}


def active(root: Root) -> list[Any]:
    """The windows that are used; those with longer common orders first."""
    if not root.query.hasWindowFuncs:
        return []
    used = functions(root)
    found = [w for w in root.query.windowClause if w.winref in used]
    names = {w.name for w in root.query.windowClause if w.name}
    number = 0
    out = []
    for w in sorted(found, key=_order):
        if not w.name:
            while True:
                number += 1
                if f"w{number}" not in names:
                    break
            w = w.copy(name=f"w{number}")
        if all(_frameless(root, f) for f in used[w.winref]):
            w = w.copy(frameOptions=_ROWS_TO_HERE)
        out.append(w)
    return out


_ROWS_TO_HERE = 0x1 | 0x4 | 0x20 | 0x400
_FRAMELESS = {
    "window_row_number", "window_rank", "window_dense_rank", "window_percent_rank",
    "window_cume_dist", "window_ntile",
}  # fmt: skip


def _frameless(root: Root, function: Any) -> bool:
    """Whether a window function gives the same whatever its frame; ROWS is the cheapest."""
    proc = root.glob.cache.proc(function.winfnoid)
    return proc is not None and proc.prosrc in _FRAMELESS


def _order(window: Any) -> Any:
    items = _unique_order(window)
    return [(-c.tleSortGroupRef, -c.sortop, not c.nulls_first) for c in items] + [(1, 0, False)]


def _unique_order(window: Any) -> list[Any]:
    refs = {c.tleSortGroupRef for c in window.partitionClause}
    return list(window.partitionClause) + [
        c for c in window.orderClause if c.tleSortGroupRef not in refs
    ]


def pathkeys(root: Root, window: Any) -> list[Any]:
    """The order that a window's input must have."""
    out: list[Any] = []
    tlist = root.query.targetList
    for clause in [*window.partitionClause, *window.orderClause]:
        made = equiv.pathkeys_for_clauses(root, [clause], tlist)
        out += [k for k in made if not equiv.redundant(k, out)]
    return out


def input_target(
    root: Root, target: list[Any], refs: list[int]
) -> tuple[list[Any], list[int]]:
    """The columns below the window functions."""
    from pgtool.sql.planner.grouping import parts

    query = root.query
    keep = {c.tleSortGroupRef for w in root.__dict__["active_windows"]
            for c in [*w.partitionClause, *w.orderClause]}  # fmt: skip
    keep |= {c.tleSortGroupRef for c in query.groupClause}
    out: list[Any] = []
    out_refs: list[int] = []
    known: set[Any] = set()
    rest: list[Any] = []
    entries = [(e.expr, e.ressortgroupref) for e in query.targetList]
    for expr, ref in entries if keep else list(zip(target, refs)):
        if ref and ref in keep:
            if trees.key(expr) not in known:
                known.add(trees.key(expr))
                out.append(expr)
                out_refs.append(ref)
        else:
            rest.append(expr)
    for part in parts(rest, into_windows=True):
        if trees.key(part) not in known:
            known.add(trees.key(part))
            out.append(part)
            out_refs.append(0)
    return out, out_refs


def paths(
    root: Root, rel: Rel, source: list[Any], source_refs: list[int], target: list[Any],
    refs: list[int],
) -> Rel:  # fmt: skip
    """WindowAgg nodes over the relation's paths."""
    from pgtool.sql.planner.upper import upper_rel

    made = upper_rel(root)
    first = root.__dict__["window_keys"]
    for path in rel.paths:
        if path is rel.cheapest or equiv.common_prefix(first, path.pathkeys):
            add_path(made, _chain(root, made, path, source, source_refs, target, refs))
    set_cheapest(made)
    return made


def _chain(
    root: Root, rel: Rel, path: Path, source: list[Any], source_refs: list[int],
    target: list[Any], refs: list[int],
) -> Path:  # fmt: skip
    from pgtool.sql.planner.upper import sort_path

    used = functions(root)
    current, current_refs = list(source), list(source_refs)
    windows = root.__dict__["active_windows"]
    for number, window in enumerate(windows):
        path = sort_path(root, rel, path, pathkeys(root, window))
        last = number == len(windows) - 1
        if last:
            current, current_refs = target, refs
        else:
            current = current + used[window.winref]
            current_refs = current_refs + [0] * len(used[window.winref])
        startup, total = _cost(root, path, window, used[window.winref])
        (once, per), width = cost.target_cost(root, current)
        made = Path("WindowAgg", rel, path.rows, startup + once,
                    total + once + per * path.rows, path.pathkeys, sub=path, window=window,
                    top=last)  # fmt: skip
        made.target, made.refs, made.width = current, current_refs, width
        made.disabled = path.disabled
        path = made
    return path


def _cost(root: Root, sub: Path, window: Any, funcs: list[Any]) -> tuple[float, float]:
    glob = root.glob
    c = glob.costs
    startup, total = sub.startup, sub.total
    for func in funcs:
        proc = glob.cache.proc(func.winfnoid)
        per = (proc.procost if proc is not None else 1.0) * c.cpu_operator_cost
        if proc is not None and proc.prokind == "a":
            row = glob.cache.one("pg_aggregate", "aggfnoid", func.winfnoid)
            if row is not None:
                trans = glob.cache.proc(row.aggtransfn)
                per = (trans.procost if trans is not None else 1.0) * c.cpu_operator_cost
                if row.aggfinalfn:
                    final = glob.cache.proc(row.aggfinalfn)
                    per += (final.procost if final is not None else 1.0) * c.cpu_operator_cost
        once, each = cost.qual_cost(glob, list(func.args))
        startup += once
        total += once + (per + each) * sub.rows
    columns = len(window.partitionClause) + len(window.orderClause)
    total += c.cpu_operator_cost * columns * sub.rows + c.cpu_tuple_cost * sub.rows
    first = _startup_tuples(root, window, sub.rows)
    if first > 1.0 and sub.rows > 0:
        startup += (total - startup) / sub.rows * (first - 1.0)
    return startup, total


_NON_DEFAULT, _RANGE_MODE, _ROWS_MODE = 0x1, 0x2, 0x4
_END_UNBOUNDED = 0x100
_END_CURRENT = 0x400


def _startup_tuples(root: Root, window: Any, rows: float) -> float:
    """Input rows that are read before the first row can be given."""
    from pgtool.sql.planner.groups import number_of_groups

    options = window.frameOptions
    tlist = root.query.targetList

    def exprs(clauses: list[Any]) -> list[Any]:
        return [next(e.expr for e in tlist if e.ressortgroupref == c.tleSortGroupRef)
                for c in clauses]  # fmt: skip

    if window.partitionClause:
        parts = number_of_groups(root, exprs(window.partitionClause), rows)
    else:
        parts = 1.0
    per_part = rows / max(parts, 1.0)
    if options & _END_UNBOUNDED or not window.orderClause:
        found = per_part if not (options & _ROWS_MODE and options & _END_CURRENT) else 1.0
    elif options & _END_CURRENT:
        if options & _ROWS_MODE:
            found = 1.0
        else:
            peers = number_of_groups(root, exprs(window.orderClause), per_part)
            found = per_part / peers
    else:
        found = per_part * 0.3333333333333333 if window.endOffset is None else 1.0
        found = min(max(found, 1.0), per_part)
    if not window.partitionClause and options & _END_UNBOUNDED:
        return min(cost.clamp_rows(found), rows)
    found = found + 1.0 if window.partitionClause or window.orderClause else found
    return cost.clamp_rows(min(found, rows))
