"""UNION, INTERSECT, EXCEPT and recursive unions."""

from __future__ import annotations

from typing import Any

from pgtool.errors import Unsupported
from pgtool.nodes.enums import CoercionForm, SetOperation
from pgtool.nodes.exprs import Var
from pgtool.nodes.query import RangeTblRef
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.planner import cost, equiv, initsplan, trees
from pgtool.sql.planner.base import Path, Rel, Root, add_path, set_cheapest
from pgtool.sql.planner.groups import number_of_groups

_UNION, _INTERSECT = SetOperation.SETOP_UNION, SetOperation.SETOP_INTERSECT


def plan(root: Root) -> None:
    """Plan a query whose top is a set operation."""
    from pgtool.sql.planner import upper

    query = root.query
    upper._fractions(root)
    if root.has_recursion:
        path = _recursive(root)
    else:
        path = _operation(root, query.setOperations, _columns(query))
    rel: Rel = upper.upper_rel(root)
    path.rel = rel
    for choice in path.__dict__.pop("choices", [path]):
        choice.rel = rel
        choice.refs = [e.ressortgroupref for e in query.targetList]
        add_path(rel, choice)
    set_cheapest(rel)
    root.__dict__["sort_keys"] = root.query_pathkeys = equiv.pathkeys_for_clauses(
        root, list(query.sortClause), query.targetList)
    if query.sortClause:
        wanted = root.__dict__["sort_keys"]
        rel = upper.ordered(root, rel, wanted, root.limit_tuples)
    upper.finish(root, rel)


def _columns(query: Any) -> list[Any]:
    return [e.expr for e in query.targetList if not e.resjunk]


def _leftmost(node: Any) -> int:
    while not isinstance(node, RangeTblRef):
        node = node.larg
    return int(node.rtindex)


def _target(node: Any, types: list[Any]) -> list[Any]:
    """Vars that stand for the columns of a set operation: its leftmost leaf's."""
    rti = _leftmost(node)
    return [
        Var(varno=rti, varattno=i, vartype=typ, vartypmod=mod, varcollid=coll, varnosyn=rti,
            varattnosyn=i)
        for i, (typ, mod, coll) in enumerate(types, 1)
    ]  # fmt: skip


def _types(node: Any) -> list[Any]:
    return list(zip(node.colTypes, node.colTypmods, node.colCollations))


def _leaf(root: Root, node: RangeTblRef, types: list[Any], fraction: float = 0.0) -> Path:
    """The path of one query, its columns converted to the common types."""
    from pgtool.sql.planner.query import fractional_path, subquery_planner

    rti = node.rtindex
    rel = initsplan.base_rel(root, rti)
    saved, root.plan_params = root.plan_params, []
    rel.subroot = subquery_planner(root.glob, trees.deep_copy(rel.rte.subquery), root, fraction)
    if root.plan_params:
        raise Unsupported("a set operation's query that refers to its surroundings here")
    root.plan_params = saved
    sub = fractional_path(rel.subroot, fraction)
    entries = [e for e in rel.subroot.query.targetList if not e.resjunk]
    rel.rows = rel.tuples = sub.rows
    rel.subplan_paths = [sub]
    target: list[Any] = []
    for i, (entry, (typ, mod, coll)) in enumerate(zip(entries, types), 1):
        expr = entry.expr
        var = Var(varno=rti, varattno=i, vartype=expr_type(expr), vartypmod=expr_typmod(expr),
                  varcollid=expr_collation(expr), varnosyn=rti, varattnosyn=i)  # fmt: skip
        target.append(_converted(root, var, typ, mod, coll))
    rel.target = target
    once, per = cost.target_cost(root, [e for e in target if type(e) is not Var])[0]
    extra = once + (root.glob.costs.cpu_tuple_cost + per) * sub.rows if per else 0.0
    made = Path("SubqueryScan", rel, sub.rows, sub.startup, sub.total + extra,
                [], sub=sub)  # fmt: skip
    made.target = target
    made.width = rel.width = cost.target_cost(root, target)[1]
    made.disabled = sub.disabled
    return made


def _converted(root: Root, var: Var, typ: int, mod: int, coll: int) -> Any:
    """A leaf's column as the common type."""
    from pgtool.nodes.exprs import RelabelType
    from pgtool.sql.analyze.coerce import coerce_to_common
    from pgtool.sql.analyze.state import ParseState, Shared

    if var.vartype == typ:
        if var.varcollid != coll:
            return RelabelType(arg=var, resulttype=typ, resulttypmod=mod, resultcollid=coll,
                               relabelformat=CoercionForm.COERCE_IMPLICIT_CAST)  # fmt: skip
        return var
    state = ParseState(Shared(root.glob.session, "", None))
    return coerce_to_common(state, var, typ, "UNION")


def _operation(root: Root, node: Any, target: list[Any] | None = None) -> Path:
    if isinstance(node, RangeTblRef):
        raise Unsupported("a set operation of one query")
    types = _types(node)
    target = target or _target(node, types)
    if node.op == _UNION:
        return _union(root, node, types, target)
    return _setop(root, node, types, target)


def _side(root: Root, node: Any, types: list[Any]) -> Path:
    if isinstance(node, RangeTblRef):
        return _leaf(root, node, types)
    path = _operation(root, node)
    if _types(node) == types:
        return path
    target = [_converted(root, v, *t) for v, t in zip(path.target, types)]
    made = Path("Projection", path.rel, path.rows, path.startup,
                path.total + root.glob.costs.cpu_tuple_cost * path.rows, [], sub=path)  # fmt: skip
    made.target, made.width = target, path.width
    return made


def _flatten_union(root: Root, node: Any, top: Any, out: list[Any]) -> None:
    """The sides of a union, nested unions that mean the same opened."""
    for side in (node.larg, node.rarg):
        if (
            not isinstance(side, RangeTblRef) and side.op == _UNION
            and (side.all == top.all or side.all)
            and _types(side) == _types(top)
        ):  # fmt: skip
            _flatten_union(root, side, top, out)
        else:
            out.append(side)


def _union(root: Root, node: Any, types: list[Any], target: list[Any]) -> Path:
    sides: list[Any] = []
    _flatten_union(root, node, node, sides)
    paths = [_side(root, s, types) for s in sides]
    made = append_path(root, Rel(frozenset()), paths, target)
    if node.all:
        return made
    groups = made.rows
    return _deduplicate(root, made, node.groupClauses, target, groups)


def append_path(root: Root, rel: Rel, subs: list[Path], target: list[Any]) -> Path:
    """An Append over paths with the same columns."""
    c = root.glob.costs
    rows = sum(p.rows for p in subs)
    startup = subs[0].startup if subs else 0.0
    total = sum(p.total for p in subs)
    if len(subs) != 1:  # an Append of one input is left out of the plan
        total += 0.5 * c.cpu_tuple_cost * rows
    made = Path("Append", rel, rows, startup, total, [], subs=subs)
    made.target = target
    made.disabled = sum(p.disabled for p in subs)
    widths = [p.width * p.rows for p in subs]
    made.width = round(sum(widths) / rows) if rows > 0 else (subs[0].width if subs else 0)
    return made


def _deduplicate(
    root: Root, sub: Path, clauses: list[Any], target: list[Any], groups: float
) -> Path:
    """UNION's distinct rows, by hashing or sorting."""
    from pgtool.sql.planner.upper import sort_path

    choices: list[Path] = []
    c = root.glob.costs
    rel = sub.rel
    rel.consider_startup = root.tuple_fraction > 0
    if all(g.hashable for g in clauses):
        startup, total, rows = cost.agg(root, "hashed", None, len(clauses), groups, sub, [])
        made = Path("Agg", rel, rows, startup, total, [], sub=sub, strategy="hashed",
                    clauses=_columns_as_clauses(clauses), having=[], groups=groups,
                    positional=True)  # fmt: skip
        made.target, made.width = target, sub.width
        made.disabled = sub.disabled + (0 if c.enable_hashagg else 1)
        choices.append(made)
    if all(g.sortop for g in clauses):
        keys = _keys(root, clauses, target)
        ordered = sort_path(root, rel, sub, keys)
        made = Path("Unique", rel, groups, ordered.startup,
                    ordered.total + c.cpu_operator_cost * sub.rows * len(clauses), keys,
                    sub=ordered, how="sorted", nkeys=len(keys), keys=keys)  # fmt: skip
        made.target, made.width, made.disabled = target, sub.width, ordered.disabled
        choices.append(made)
    if not choices:
        raise Unsupported("UNION of columns that neither sort nor hash")
    best = min(choices, key=lambda p: (p.disabled, p.total))
    best.__dict__["choices"] = choices
    return best


def _columns_as_clauses(clauses: list[Any]) -> list[Any]:
    return [g.copy(tleSortGroupRef=i) for i, g in enumerate(clauses, 1)]


def _keys(root: Root, clauses: list[Any], target: list[Any]) -> list[Any]:
    out: list[Any] = []
    for clause, expr in zip(clauses, target):
        made = equiv.sort_pathkey(root, expr, clause.sortop, clause.nulls_first)
        if made is not None and not equiv.redundant(made, out):
            out.append(made)
    return out


def _setop(root: Root, node: Any, types: list[Any], target: list[Any]) -> Path:
    """INTERSECT and EXCEPT over two inputs."""
    from pgtool.sql.planner.upper import sort_path

    left, right = _side(root, node.larg, types), _side(root, node.rarg, types)
    groups_left, groups_right = _groups(root, node.larg, left), _groups(root, node.rarg, right)
    if node.op != SetOperation.SETOP_EXCEPT and groups_left > groups_right:
        left, right = right, left
        groups_left, groups_right = groups_right, groups_left
    if node.op == SetOperation.SETOP_EXCEPT:
        groups, rows = groups_left, left.rows if node.all else groups_left
    else:
        groups = groups_left
        rows = min(left.rows, right.rows) if node.all else groups
    c = root.glob.costs
    clauses = list(node.groupClauses)
    cmd = (0 if node.op == _INTERSECT else 2) + (1 if node.all else 0)
    rel = Rel(frozenset())
    choices = []
    per = c.cpu_operator_cost * len(clauses)
    if all(g.hashable for g in clauses):
        startup = left.total + right.total + per * (left.rows + right.rows)
        total = startup + c.cpu_operator_cost * groups
        made = Path("SetOp", rel, rows, startup, total, [], left=left, right=right, cmd=cmd,
                    strategy=1, clauses=clauses, groups=groups)  # fmt: skip
        size = groups * (-(-left.width // 8) * 8 + 64)
        made.disabled = left.disabled + right.disabled + (
            0 if c.enable_hashagg and size <= c.hash_mem else 1)
        choices.append(made)
    if all(g.sortop for g in clauses):
        one = sort_path(root, rel, left, _keys(root, clauses, left.target))
        two = sort_path(root, rel, right, _keys(root, clauses, right.target))
        startup = one.startup + two.startup
        total = one.total + two.total + per * (left.rows + right.rows)
        made = Path("SetOp", rel, rows, startup, total, [], left=one, right=two, cmd=cmd,
                    strategy=0, clauses=clauses, groups=groups)  # fmt: skip
        made.disabled = one.disabled + two.disabled
        choices.append(made)
    if not choices:
        raise Unsupported("INTERSECT or EXCEPT of columns that neither sort nor hash")
    best = min(choices, key=lambda p: (p.disabled, p.total))
    best.target, best.width = target, left.width
    return best


def _groups(root: Root, node: Any, path: Path) -> float:
    """Distinct rows of one side."""
    if not isinstance(node, RangeTblRef):
        return path.rows
    rel = root.rels[node.rtindex]
    query = rel.subroot.query
    if query.groupClause or query.groupingSets or query.distinctClause or query.hasAggs \
            or query.havingQual is not None or query.setOperations is not None:  # fmt: skip
        return path.rows
    exprs = [e.expr for e in query.targetList if not e.resjunk]
    return number_of_groups(rel.subroot, exprs, path.rows)


def _recursive(root: Root) -> Path:
    """WITH RECURSIVE: the first part, and the part that feeds on its own result."""
    node = root.query.setOperations
    types = _types(node)
    target = _columns(root.query)
    left = _side(root, node.larg, types)
    root.nonrecursive = left
    right = _side(root, node.rarg, types)
    root.nonrecursive = None
    c = root.glob.costs
    rows = left.rows + 10 * right.rows
    startup = left.startup
    total = left.total + 10 * right.total + c.cpu_tuple_cost * rows
    groups = 0.0
    clauses: list[Any] = []
    if not node.all:
        clauses = list(node.groupClauses)
        if not all(g.hashable for g in clauses):
            raise Unsupported("recursive UNION of columns that cannot be hashed")
        groups = rows
    made = Path("RecursiveUnion", Rel(frozenset()), rows, startup, total, [], left=left,
                right=right, clauses=clauses, groups=groups)  # fmt: skip
    made.target, made.width = target, max(left.width, right.width)
    return made
