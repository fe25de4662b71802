"""Subqueries in expressions: SubLinks become SubPlans, outer references parameters.

A SubPlan's arguments are expressions of the level around it; inside, they are PARAM_EXEC
parameters. A subquery that refers to nothing outside is an InitPlan, run at most once.
"""

from __future__ import annotations

from typing import Any

from pgtool.nodes.base import IntList, mutate
from pgtool.nodes.enums import (
    BoolExprType,
    CmdType,
    CTEMaterialize,
    ParamKind,
    RTEKind,
    SubLinkType,
)
from pgtool.nodes.exprs import (
    Aggref,
    BoolExpr,
    GroupingFunc,
    Param,
    SubLink,
    SubPlan,
    Var,
)
from pgtool.nodes.query import Query
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.planner import trees
from pgtool.sql.planner.base import Glob, Path, Root
from pgtool.sql.planner.prep import simplify_exists

_BOOL = 16
_ARRAY = SubLinkType.ARRAY_SUBLINK


def exec_param(glob: Glob, expr: Any) -> Param:
    """A new executor parameter of an expression's type."""
    typid = expr_type(expr)
    return Param(paramkind=ParamKind.PARAM_EXEC, paramid=glob.new_param(typid), paramtype=typid,
                 paramtypmod=expr_typmod(expr), paramcollid=expr_collation(expr))  # fmt: skip


def replace_outer(root: Root, node: Any) -> Any:
    """Replace references to outer query levels by parameters."""
    if root.parent is None:
        return node

    def change(inner: Any, depth: int) -> Any:
        if isinstance(inner, Var):
            return outer_value(root, inner, inner.varlevelsup) if inner.varlevelsup else inner
        if isinstance(inner, (Aggref, GroupingFunc)) and inner.agglevelsup:
            return outer_value(root, inner, inner.agglevelsup)
        return None

    return trees.transform(node, change)


def outer_value(root: Root, node: Any, levels: int) -> Param:
    """The parameter for an expression that belongs to the query ``levels`` out."""
    owner: Root = root
    for _ in range(levels):
        assert owner.parent is not None
        owner = owner.parent
    expr = trees.shift_levels(node, -levels, levels)
    wanted = trees.key(expr)
    found = [number for known, _, number in owner.plan_params if known == wanted]
    if found:
        paramid = found[0]
    else:
        paramid = root.glob.new_param(expr_type(expr))
        owner.plan_params.append((wanted, expr, paramid))
    return Param(paramkind=ParamKind.PARAM_EXEC, paramid=paramid, paramtype=expr_type(expr),
                 paramtypmod=expr_typmod(expr), paramcollid=expr_collation(expr))  # fmt: skip


def process_sublinks(root: Root, node: Any, is_qual: bool) -> Any:
    """Replace the SubLinks of an expression by SubPlans or parameters of InitPlans."""
    if node is None:
        return None
    if isinstance(node, list):
        return type(node)(process_sublinks(root, item, is_qual) for item in node)
    if isinstance(node, SubLink):
        test = process_sublinks(root, node.testexpr, False)
        return _make_subplan(root, node, test, is_qual)
    if isinstance(node, (Aggref, GroupingFunc)) and node.agglevelsup:
        return node
    if isinstance(node, BoolExpr) and node.boolop != BoolExprType.NOT_EXPR:
        return mutate(node, lambda child: process_sublinks(root, child, is_qual))
    return mutate(node, lambda child: process_sublinks(root, child, False))


def _make_subplan(root: Root, link: SubLink, test: Any, is_qual: bool) -> Any:
    from pgtool.sql.planner.createplan import create_plan
    from pgtool.sql.planner.query import fractional_path, subquery_planner

    sub = trees.deep_copy(link.subselect)
    kind = link.subLinkType
    fraction = 0.0
    if kind == SubLinkType.EXISTS_SUBLINK:
        sub = _existence(sub)
        fraction = 1.0
    elif kind in (SubLinkType.ALL_SUBLINK, SubLinkType.ANY_SUBLINK):
        fraction = 0.5
    saved, root.plan_params = root.plan_params, []
    subroot = subquery_planner(root.glob, sub, root, fraction)
    params, root.plan_params = root.plan_params, saved
    path = fractional_path(subroot, fraction)
    plan = create_plan(subroot, path)
    return _build(root, link, test, plan, subroot, path, params, is_qual)


def _existence(sub: Query) -> Query:
    """An EXISTS subquery with nothing in it that does not matter."""
    simple = simplify_exists(sub)
    return sub if simple is None else simple


def _add_subplan(root: Root, plan: Any, subroot: Root) -> int:
    root.glob.subplans.append(plan)
    root.glob.subroots.append(subroot)
    return len(root.glob.subplans)


def _build(
    root: Root, link: SubLink, test: Any, plan: Any, subroot: Root, path: Path,
    params: list[Any], is_qual: bool,
) -> Any:  # fmt: skip
    kind = link.subLinkType
    made = SubPlan(
        subLinkType=kind, paramIds=IntList(), setParam=IntList(), parParam=IntList(),
        unknownEqFalse=is_qual,
    )  # fmt: skip
    first = next((e for e in plan.targetlist if not e.resjunk), None)
    if first is not None and kind != SubLinkType.EXISTS_SUBLINK:
        made.firstColType = expr_type(first.expr)
        made.firstColTypmod = expr_typmod(first.expr)
        made.firstColCollation = expr_collation(first.expr)
    if kind == _ARRAY:
        made.__dict__["array_type"] = root.glob.types.promoted_array_type(made.firstColType)
    for _key, expr, paramid in params:
        made.parParam.append(paramid)
        made.args.append(expr)
    init = not params
    result: Any = made
    if init and kind in (SubLinkType.EXISTS_SUBLINK, SubLinkType.EXPR_SUBLINK, _ARRAY):
        result = _init_result(root, made, kind)
    elif init and kind == SubLinkType.ROWCOMPARE_SUBLINK:
        made.setParam, result = _row_params(root, plan, test)
    else:
        init = False
        if test is not None:
            made.paramIds, made.testexpr = _row_params(root, plan, test)
        if kind == SubLinkType.ANY_SUBLINK and not params and _hashable(root, made, test, path):
            made.useHashTable = True
        elif not params and kind in (SubLinkType.ANY_SUBLINK, SubLinkType.ALL_SUBLINK):
            plan = _materialized(root, plan)
    made.plan_id = _add_subplan(root, plan, subroot)
    made.plan_name = f"{'InitPlan' if init else 'SubPlan'} {made.plan_id}"
    if init:
        root.init_plans.append(made)
    _cost(root, made, plan)
    return result


def init_plan(root: Root, subroot: Root, path: Path) -> Param:
    """Make an init plan of a planned scalar subquery; the parameter that it sets."""
    from pgtool.sql.planner.createplan import create_plan

    plan = create_plan(subroot, path)
    made = SubPlan(subLinkType=SubLinkType.EXPR_SUBLINK, paramIds=IntList(), setParam=IntList(),
                   parParam=IntList())  # fmt: skip
    first = plan.targetlist[0].expr
    made.firstColType = expr_type(first)
    made.firstColTypmod = expr_typmod(first)
    made.firstColCollation = expr_collation(first)
    result = _init_result(root, made, SubLinkType.EXPR_SUBLINK)
    made.plan_id = _add_subplan(root, plan, subroot)
    made.plan_name = f"InitPlan {made.plan_id}"
    root.init_plans.append(made)
    return result


def _init_result(root: Root, made: SubPlan, kind: SubLinkType) -> Param:
    if kind == SubLinkType.EXISTS_SUBLINK:
        typid, typmod, collation = _BOOL, -1, 0
    elif kind == _ARRAY:
        typid, typmod, collation = made.__dict__["array_type"], -1, made.firstColCollation
    else:
        typid, typmod = made.firstColType, made.firstColTypmod
        collation = made.firstColCollation
    paramid = root.glob.new_param(typid)
    made.setParam.append(paramid)
    return Param(paramkind=ParamKind.PARAM_EXEC, paramid=paramid, paramtype=typid,
                 paramtypmod=typmod, paramcollid=collation)  # fmt: skip


def _row_params(root: Root, plan: Any, test: Any) -> tuple[IntList, Any]:
    """Parameters for the subquery's columns, and the test over them."""
    made = [exec_param(root.glob, e.expr) for e in plan.targetlist if not e.resjunk]

    def change(node: Any, _depth: int) -> Any:
        if isinstance(node, Param) and node.paramkind == ParamKind.PARAM_SUBLINK:
            return made[node.paramid - 1]
        return None

    return IntList(p.paramid for p in made), trees.transform(test, change)


def _hashable(root: Root, made: SubPlan, test: Any, path: Path) -> bool:
    """Whether IN can look its left side up in a hash table of the subquery's rows."""
    costs = root.glob.costs
    if path.rows * (path.width + 40) > costs.hash_mem:
        return False
    clauses = trees.conjuncts(made.testexpr)
    for clause in clauses:
        if type(clause).__name__ != "OpExpr" or len(clause.args) != 2:
            return False
        row = root.glob.cache.operator(clause.opno)
        if row is None or not row.oprcanhash or trees.contains(clause.args[1], Var):
            return False
        ids = set(made.paramIds)
        if any(isinstance(n, Param) and n.paramkind == ParamKind.PARAM_EXEC and n.paramid in ids
               for n in trees.walk(clause.args[0])):  # fmt: skip
            return False
    return bool(clauses)


_KEEPERS = ("Material", "FunctionScan", "CteScan", "Sort", "WorkTableScan")


def _materialized(root: Root, plan: Any) -> Any:
    from pgtool.sql.planner.createplan import material_over

    if not root.glob.costs.enable_material or type(plan).__name__ in _KEEPERS:
        return plan
    return material_over(root, plan)


def _cost(root: Root, made: SubPlan, plan: Any) -> None:
    costs = root.glob.costs
    if made.useHashTable:
        made.startup_cost = plan.total_cost + costs.cpu_operator_cost * plan.plan_rows
        made.per_call_cost = 0.0
        return
    run = plan.total_cost - plan.startup_cost
    per_call = 0.0
    if made.subLinkType == SubLinkType.EXISTS_SUBLINK:
        per_call += run / max(plan.plan_rows, 1.0)
    elif made.subLinkType in (SubLinkType.ALL_SUBLINK, SubLinkType.ANY_SUBLINK):
        per_call += 0.5 * run + 0.5 * plan.plan_rows * costs.cpu_operator_cost
    else:
        per_call += run
    if not made.parParam and type(plan).__name__ in _KEEPERS:
        made.startup_cost = plan.startup_cost
    else:
        made.startup_cost = 0.0
        per_call += plan.startup_cost
    made.per_call_cost = per_call


# -- WITH ----


def process_ctes(root: Root) -> None:
    """Inline WITH queries that are used once, plan the others as subplans."""
    from pgtool.sql.planner.createplan import create_plan
    from pgtool.sql.planner.query import fractional_path, subquery_planner

    query = root.query
    for number in range(len(query.cteList)):
        # Inlining an earlier one rewrites those after it.
        cte = query.cteList[number]
        writes = cte.ctequery.commandType != CmdType.CMD_SELECT
        if cte.cterefcount == 0 and not writes:
            root.cte_plan_ids.append(-1)
            continue
        if _inlinable(root, cte):
            query = root.query = _inline(query, cte)
            root.cte_plan_ids.append(-1)
            continue
        sub = trees.deep_copy(cte.ctequery)
        saved, root.plan_params = root.plan_params, []
        subroot = subquery_planner(root.glob, sub, root, 0.0, bool(cte.cterecursive))
        root.plan_params = saved
        path = fractional_path(subroot, 0.0)
        plan = create_plan(subroot, path)
        made = SubPlan(subLinkType=SubLinkType.CTE_SUBLINK, paramIds=IntList(),
                       setParam=IntList(), parParam=IntList())  # fmt: skip
        first = next((e for e in plan.targetlist if not e.resjunk), None)
        if first is not None:
            made.firstColType = expr_type(first.expr)
        made.plan_id = _add_subplan(root, plan, subroot)
        made.plan_name = f"CTE {cte.ctename}"
        made.setParam.append(root.glob.new_param(_INTERNAL))
        root.init_plans.append(made)
        root.cte_plan_ids.append(made.plan_id)
        root.cte_roots[made.plan_id] = (subroot, path, made)
        _cost(root, made, plan)


_INTERNAL = 2281


def _inlinable(root: Root, cte: Any) -> bool:
    mode = cte.ctematerialized
    if mode == CTEMaterialize.CTEMaterializeAlways or cte.cterecursive:
        return False
    if mode != CTEMaterialize.CTEMaterializeNever and cte.cterefcount != 1:
        return False
    sub = cte.ctequery
    if sub.commandType != CmdType.CMD_SELECT:
        return False
    if sub.rowMarks or trees.volatility(sub, root.glob.cache) == "v":
        return False
    return cte.cterefcount == 1 or not _has_recursive_self(sub)


def _has_recursive_self(sub: Query) -> bool:
    hit = False

    def look(node: Any, _depth: int) -> bool:
        nonlocal hit
        if type(node).__name__ == "RangeTblEntry" and node.self_reference:
            hit = True
        return hit

    trees.visit(sub, look)
    return hit


def _inline(query: Query, cte: Any) -> Query:
    """Replace references to a WITH query by its text."""

    def change(node: Any, depth: int) -> Any:
        if (
            type(node).__name__ == "RangeTblEntry" and node.rtekind == RTEKind.RTE_CTE
            and node.ctename == cte.ctename and node.ctelevelsup == depth
        ):  # fmt: skip
            sub = trees.deep_copy(cte.ctequery)
            sub = mutate(sub, lambda child: trees.shift_levels(child, depth, 1))
            return node.copy(rtekind=RTEKind.RTE_SUBQUERY, subquery=sub, ctename=None,
                             ctelevelsup=0, coltypes=[], coltypmods=[],
                             colcollations=[])  # fmt: skip
        return None

    return trees.inside(query, change)
