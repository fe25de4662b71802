"""GROUPING SETS, ROLLUP and CUBE: one Agg that hashes the rows once for each set."""

from __future__ import annotations

from typing import Any

from pgtool.sql.analyze.grouping import expand_grouping_sets
from pgtool.sql.planner import cost
from pgtool.sql.planner.base import Path, Rel, Root, add_path, set_cheapest
from pgtool.sql.planner.groups import number_of_groups


def paths(
    root: Root, made: Rel, sub: Path, target: list[Any], refs: list[int], costs: Any
) -> None:
    """The only way: a MixedAggregate, or a HashAggregate where no set is empty."""
    from pgtool.sql.planner.grouping import group_exprs

    query = root.query
    exprs = group_exprs(root)
    root.ecs = root.__dict__["upper_ecs"]
    places = {c.tleSortGroupRef: i for i, c in enumerate(query.groupClause)}
    sets = sorted(
        ([places[r] for r in one] for one in expand_grouping_sets(query)),
        key=lambda one: (bool(one), -len(one)),
    )
    startup = total = sub.total
    rows = groups = 0.0
    for one in sets:
        count = number_of_groups(root, [exprs[i] for i in one], sub.rows) if one else 1.0
        strategy = "hashed" if one else "plain"
        _start, end, out = cost.agg(root, strategy, costs, len(one), count, sub, root.having)
        startup, total = startup + _start - sub.total, total + end - sub.total
        rows, groups = rows + out, groups + count
    if not all(sets):
        startup = sub.startup
    (once, per), width = cost.target_cost(root, target)
    path = Path(
        "Agg", made, rows, startup + once, total + once + per * rows, [], sub=sub,
        strategy="hashed" if all(sets) else "mixed", clauses=list(query.groupClause),
        having=list(root.having), groups=groups, space=costs.space, sets=sets,
    )  # fmt: skip
    path.target, path.refs, path.width, path.disabled = target, refs, width, sub.disabled
    add_path(made, path)
    set_cheapest(made)
