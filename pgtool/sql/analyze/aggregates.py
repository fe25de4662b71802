"""Aggregates and windows: making the nodes, and checking that grouping is respected."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.nodes.base import IntList, Node, OidList, mutate, walk
from pgtool.nodes.enums import RTEKind
from pgtool.nodes.exprs import Aggref, GroupingFunc, Var
from pgtool.nodes.query import Query, TargetEntry
from pgtool.sql.analyze.grouping import expand_grouping_sets, grouping_entries
from pgtool.sql.analyze.levels import cte_references, deepen, variables_of_level
from pgtool.sql.analyze.nodetypes import expr_location, expr_type
from pgtool.sql.analyze.state import ParseState

__all__ = [
    "attach_window", "check_star", "check_ungrouped", "make_aggregate", "transform_grouping",
]  # fmt: skip

GROUPING_ERROR = "42803"
WINDOWING_ERROR = "42P20"
WRONG_OBJECT = "42809"

#: Clause → how messages name it, for clauses that may not hold aggregates or windows.
CLAUSE_WORDS = {
    "WHERE": "WHERE", "JOIN/ON": "JOIN conditions", "FILTER": "FILTER", "GROUP BY": "GROUP BY",
    "FROM": "functions in FROM", "LIMIT": "LIMIT", "OFFSET": "OFFSET", "VALUES": "VALUES",
    "VALUES_SINGLE": "VALUES", "RETURNING": "RETURNING", "EXECUTE": "EXECUTE parameters",
    "WINDOW": "window definitions", **{
        f"WINDOW {mode}": f"window {mode}" for mode in ("ROWS", "RANGE", "GROUPS")
    }, "UPDATE": "UPDATE", "TRANSFORM": "transform expressions",
    "CHECK": "check constraints", "DEFAULT": "DEFAULT expressions", "INDEX": "index expressions",
    "INDEX PREDICATE": "index predicates", "PARTITION BY": "partition key expressions",
    "POLICY": "policy expressions", "TRIGGER WHEN": "trigger WHEN conditions",
    "GENERATED": "column generation expressions", "COPY WHERE": "COPY FROM WHERE conditions",
    "PARTITION BOUND": "partition bound",
}  # fmt: skip
_NO_AGGREGATES = set(CLAUSE_WORDS) - {"WINDOW"}


def check_star(node: Any, name: str, is_agg: bool, args: list[Any]) -> None:
    """``f()`` of an aggregate without arguments must be written ``f(*)``."""
    if is_agg and not args and not node.agg_star and not node.agg_within_group:
        raise SqlError(f"{name}(*) must be used to call a parameterless aggregate function",
                       WRONG_OBJECT, position=node.location + 1)  # fmt: skip


def make_aggregate(
    state: ParseState, node: Any, names: list[str], candidate: Any, args: list[Any],
    argtypes: list[int],
) -> Aggref:  # fmt: skip
    """An aggregate call without OVER."""
    from pgtool.sql.analyze.calls import LATERAL_HINT, filter_condition, prepare_args

    name = ".".join(names)
    facts = state.cache.one("pg_aggregate", "aggfnoid", candidate.oid)
    at = node.location + 1
    if facts is None:
        raise SqlError(f"cache lookup failed for aggregate {candidate.oid}", "XX000")
    check_star(node, name, True, args)
    _check_kind(state, node, name, facts)
    _check_direct_count(state, node, name, facts, candidate, argtypes)
    args = _hypothetical(state, node, facts, args)
    made, result, variadic = prepare_args(state, candidate, args, [], node.func_variadic)
    condition = filter_condition(state, node)
    direct_count = facts.aggnumdirectargs if facts.aggkind != "n" else 0
    if facts.aggkind == "h" or (facts.aggkind == "o" and node.agg_within_group):
        direct_count = len(made) - len(node.agg_order)
    call = Aggref(
        aggfnoid=candidate.oid, aggtype=result, aggstar=node.agg_star, aggvariadic=variadic,
        aggkind=facts.aggkind, aggfilter=condition, location=node.location,
    )  # fmt: skip
    _place_arguments(state, call, node, made, direct_count)
    if any(state.returns_set(arg) for arg in made):
        raise SqlError("aggregate function calls cannot contain set-returning function calls",
                       "0A000", hint=LATERAL_HINT,
                       position=expr_location(state.last_srf) + 1 or at)  # fmt: skip
    _assign_level(state, call)
    return call


def _check_kind(state: ParseState, node: Any, name: str, facts: Any) -> None:
    at = node.location + 1
    if facts.aggkind == "n":
        if node.agg_within_group:
            raise SqlError(f"{name} is not an ordered-set aggregate, so it cannot have WITHIN "
                           "GROUP", WRONG_OBJECT, position=at)  # fmt: skip
        return
    if not node.agg_within_group:
        raise SqlError(f"WITHIN GROUP is required for ordered-set aggregate {name}", WRONG_OBJECT,
                       position=at)  # fmt: skip
    if node.agg_distinct:
        raise SqlError("cannot use DISTINCT with WITHIN GROUP", "42601", position=at)


def _check_direct_count(
    state: ParseState, node: Any, name: str, facts: Any, candidate: Any, argtypes: list[int]
) -> None:
    """Ordered-set aggregates take a fixed number of direct arguments, or one a sort column."""
    if facts.aggkind == "n":
        return
    ordered = len(node.agg_order)
    direct = len(argtypes) - ordered
    hint = None
    if candidate.row.provariadic:
        if facts.aggkind == "h" and direct != ordered:
            hint = (
                f"To use the hypothetical-set aggregate {name}, the number of hypothetical direct "
                f"arguments (here {direct}) must match the number of ordering columns "
                f"(here {ordered})."
            )
    elif direct != facts.aggnumdirectargs:
        plural = "" if facts.aggnumdirectargs == 1 else "s"
        hint = (
            f"There is an ordered-set aggregate {name}, but it requires {facts.aggnumdirectargs} "
            f"direct argument{plural}, not {direct}."
        )
    if hint is not None:
        shown = ", ".join(state.types.name(typid) for typid in argtypes)
        raise SqlError(f"function {name}({shown}) does not exist", "42883", hint=hint,
                       position=node.location + 1)  # fmt: skip


def _hypothetical(state: ParseState, node: Any, facts: Any, args: list[Any]) -> list[Any]:
    """Hypothetical-set aggregates: direct arguments match the sort columns' types."""
    from pgtool.sql.analyze.coerce import coerce_to_common, select_common_type

    if facts.aggkind != "h":
        return args
    count = len(node.agg_order)
    direct, ordered = args[:-count], args[-count:]
    if len(direct) < count:
        return args
    for i in range(count):
        at = len(direct) - count + i
        common = select_common_type(state, [ordered[i], direct[at]], "WITHIN GROUP")
        direct[at] = coerce_to_common(state, direct[at], common, "WITHIN GROUP")
        ordered[i] = coerce_to_common(state, ordered[i], common, "WITHIN GROUP")
    return direct + ordered


def _place_arguments(
    state: ParseState, call: Aggref, node: Any, args: list[Any], direct: int
) -> None:
    """Arguments as target entries, ORDER BY and DISTINCT as sort clauses over them."""
    from pgtool.sql.analyze.clauses import add_to_sort_list, distinct_clause, sort_clause

    if call.aggkind != "n":
        call.aggdirectargs = args[:direct]
        entries = [
            TargetEntry(expr=arg, resno=i) for i, arg in enumerate(args[direct:], 1)
        ]  # fmt: skip
        for sort, entry in zip(node.agg_order, entries):
            add_to_sort_list(state, entry, call.aggorder, entries, sort)
        _set_arguments(call, entries)
        return
    entries = [TargetEntry(expr=arg, resno=i) for i, arg in enumerate(args, 1)]
    if node.agg_order:
        call.aggorder = sort_clause(state, node.agg_order, entries, "ORDER BY", sql99=True)
    if node.agg_distinct:
        call.aggdistinct = distinct_clause(state, entries, call.aggorder, in_aggregate=True)
    _set_arguments(call, entries)


def _set_arguments(call: Aggref, entries: list[TargetEntry]) -> None:
    """The arguments and their types, which sorting may have settled for unknown literals."""
    call.args = entries
    shown = [entry.expr for entry in entries if not entry.resjunk]
    call.aggargtypes = OidList(expr_type(arg) for arg in [*call.aggdirectargs, *shown])


def _assign_level(state: ParseState, call: Any) -> None:
    """Find the query level that an aggregate belongs to: the innermost its variables name."""
    level = _minimum_level(call)
    call.agglevelsup = level
    owner = state.level(level)
    _check_not_nested(call)
    _check_direct_arguments(call)
    if owner.kind == "FROM SUBSELECT":
        raise SqlError(
            "aggregate functions are not allowed in FROM clause of their own query level",
            GROUPING_ERROR, position=call.location + 1,
        )  # fmt: skip
    if owner.kind in _NO_AGGREGATES or (owner.kind == "FROM"):
        words = CLAUSE_WORDS[owner.kind]
        what = "grouping operations" if isinstance(call, GroupingFunc) else "aggregate functions"
        raise SqlError(f"{what} are not allowed in {words}", GROUPING_ERROR,
                       position=call.location + 1)  # fmt: skip
    owner.has_aggs = True


def _minimum_level(call: Any) -> int:
    own = list(call.args)
    if isinstance(call, Aggref):
        own += [call.aggfilter] if call.aggfilter is not None else []
    levels = [level for item in own for level in _levels(item, 0)]
    return min(levels, default=0)


def _levels(node: Any, depth: int) -> list[int]:
    """Levels (seen from the top of ``node``) of the variables and aggregates in it."""
    found: list[int] = []
    if isinstance(node, Var):
        if node.varlevelsup >= depth:
            found.append(node.varlevelsup - depth)
        return found
    if isinstance(node, (Aggref, GroupingFunc)) and node.agglevelsup >= depth:
        found.append(node.agglevelsup - depth)
        return found
    if isinstance(node, Query):
        depth += 1
    if isinstance(node, Node):
        for child in node.children():
            found += _levels(child, depth)
    return found


def _check_direct_arguments(call: Any) -> None:
    """Direct arguments may use grouped columns of the aggregate's level, and nothing deeper."""
    if not isinstance(call, Aggref):
        return
    level = call.agglevelsup
    for item in [*call.args, call.aggfilter]:
        for found, name in cte_references(item):
            if found < level:
                raise SqlError(
                    "outer-level aggregate cannot use a nested CTE", "0A000",
                    f'CTE "{name}" is below the aggregate\'s semantic level.',
                    position=call.location + 1,
                )  # fmt: skip
    for lower in range(level):
        for var in variables_of_level(call.aggdirectargs, lower):
            raise SqlError(
                "outer-level aggregate cannot contain a lower-level variable in its direct "
                "arguments", GROUPING_ERROR, position=var.location + 1,
            )  # fmt: skip
    for arg in call.aggdirectargs:
        for lower in range(level + 1):
            for inner in _at_level(arg, lower):
                raise SqlError("aggregate function calls cannot be nested", GROUPING_ERROR,
                               position=inner.location + 1)  # fmt: skip


def _check_not_nested(call: Any) -> None:
    inner = [*call.args]
    if isinstance(call, Aggref) and call.aggfilter is not None:
        inner.append(call.aggfilter)
    for item in inner:
        for found in _at_level(item, call.agglevelsup):
            if isinstance(found, (Aggref, GroupingFunc)):
                raise SqlError("aggregate function calls cannot be nested", GROUPING_ERROR,
                               position=found.location + 1)  # fmt: skip
            raise SqlError("aggregate function calls cannot contain window function calls",
                           GROUPING_ERROR, position=found.location + 1)  # fmt: skip


def _at_level(node: Any, level: int) -> list[Any]:
    """Aggregates of query level ``level`` (and window functions at level 0) in an expression."""
    out: list[Any] = []
    if isinstance(node, list):
        return [found for item in node for found in _at_level(item, level)]
    if isinstance(node, (Aggref, GroupingFunc)) and node.agglevelsup == level:
        return [node]
    if type(node).__name__ == "WindowFunc" and level == 0:
        return [node]
    if isinstance(node, Query):
        level += 1
    if isinstance(node, Node):
        for child in node.children():
            out += _at_level(child, level)
    return out


def transform_grouping(state: ParseState, node: Any) -> GroupingFunc:
    """GROUPING(a, b): its arguments are matched to grouping columns later."""
    from pgtool.sql.analyze.expressions import transform_expr

    if len(node.args) > 31:
        raise SqlError("GROUPING must have fewer than 32 arguments", "54023",
                       position=node.location + 1)  # fmt: skip
    args = [transform_expr(state, arg, state.kind) for arg in node.args]
    made = GroupingFunc(args=args, refs=IntList(), cols=IntList(), location=node.location)
    _assign_level(state, made)
    return made


def attach_window(state: ParseState, call: Any, over: Any) -> None:
    """Give a window call its window: by name, or a definition shared with equal ones."""
    kind = state.kind
    if kind in CLAUSE_WORDS or kind in ("HAVING",):
        words = "window definitions" if kind.startswith("WINDOW") else CLAUSE_WORDS.get(kind, kind)
        raise SqlError(f"window functions are not allowed in {words}", WINDOWING_ERROR,
                       position=call.location + 1)  # fmt: skip
    for arg in call.args:
        if any(type(inner).__name__ == "WindowFunc" for inner in walk(arg)):
            raise SqlError("window function calls cannot be nested", WINDOWING_ERROR,
                           position=call.location + 1)  # fmt: skip
    state.has_windows = True
    if over.name:
        for number, window in enumerate(state.windows, 1):
            if window.name == over.name:
                call.winref = number
                return
        raise SqlError(f'window "{over.name}" does not exist', "42704", position=over.location + 1)
    for number, window in enumerate(state.windows, 1):
        if _same_window(window, over):
            call.winref = number
            return
    state.windows.append(over)
    call.winref = len(state.windows)


def _same_window(one: Any, two: Any) -> bool:
    return bool(
        one.name is None and one.refname == two.refname
        and one.partitionClause == two.partitionClause and one.orderClause == two.orderClause
        and one.frameOptions == two.frameOptions and one.startOffset == two.startOffset
        and one.endOffset == two.endOffset
    )  # fmt: skip


# -- grouped queries ----------------------------------------------------------------------------


def check_ungrouped(state: ParseState, query: Query) -> None:
    """Replace grouping expressions by Vars of the GROUP entry; refuse ungrouped columns.

    PostgreSQL 18 gives every grouped query a range table entry of kind GROUP whose columns
    are the grouping expressions; target list, HAVING and ORDER BY refer to those.
    """
    if state.has_aggs and any(rte.self_reference for rte in query.rtable):
        found = _at_level([*query.targetList, query.havingQual], 0)
        raise SqlError("aggregate functions are not allowed in a recursive query's recursive term",
                       "42P19", position=found[0].location + 1 if found else None)  # fmt: skip
    rewriter = _Grouped(state, query, grouping_entries(query))
    rewriter.make_group_rte()
    query.targetList = [
        entry.copy(expr=rewriter.rewrite(entry.expr, 0)) for entry in query.targetList
    ]
    query.havingQual = rewriter.rewrite(query.havingQual, 0)


class _Grouped:
    """Rewrites expressions of a grouped query in terms of its groups."""

    def __init__(self, state: ParseState, query: Query, entries: list[TargetEntry]) -> None:
        self.state = state
        self.query = query
        self.entries = entries
        self.index = 0
        self.in_direct = False
        #: References in every grouping set; the other grouping columns can be nulled.
        self.common: set[int] | None = None
        self.names = [entry.resname or "?column?" for entry in entries]
        if query.groupingSets:
            sets = expand_grouping_sets(query)
            self.common = set.intersection(*map(set, sets))
            if len(sets) == 1 and query.groupClause:
                # One set is plain grouping.
                query.groupingSets = []
        self.keys = self._functional_keys()

    def make_group_rte(self) -> None:
        """Append the GROUP entry, if there is anything to group by."""
        from pgtool.nodes.base import ValueString
        from pgtool.nodes.query import Alias, RangeTblEntry

        if not self.entries:
            return
        eref = Alias(aliasname="*GROUP*", colnames=[ValueString(sval=n) for n in self.names])
        rte = RangeTblEntry(
            eref=eref, rtekind=RTEKind.RTE_GROUP, groupexprs=[e.expr for e in self.entries]
        )
        self.query.rtable.append(rte)
        self.index = len(self.query.rtable)
        self.query.hasGroupRTE = True

    def _functional_keys(self) -> dict[int, set[int]]:
        """Range table index → grouped plain columns, for functional dependency on a key."""
        out: dict[int, set[int]] = {}
        for entry in self.entries:
            expr = entry.expr
            in_all = self.common is None or entry.ressortgroupref in self.common
            if in_all and isinstance(expr, Var) and expr.varlevelsup == 0:
                out.setdefault(expr.varno, set()).add(expr.varattno)
        return out

    def rewrite(self, node: Any, depth: int) -> Any:
        """``node`` with grouping expressions replaced, at subquery depth ``depth``."""
        if not isinstance(node, Node):
            return node
        if isinstance(node, Aggref) and node.agglevelsup == depth:
            self.in_direct = True
            direct = [self.rewrite(arg, depth) for arg in node.aggdirectargs]
            self.in_direct = False
            return node.copy(aggdirectargs=direct)
        if isinstance(node, Aggref) and node.agglevelsup > depth:
            return node
        if isinstance(node, GroupingFunc):
            if node.agglevelsup == depth:
                self._grouping_refs(node, depth)
                return node
            if node.agglevelsup > depth:
                return node
        replaced = self._group_var(node, depth)
        if replaced is not None:
            return replaced
        if type(node).__name__ in ("Const", "Param"):
            return node
        if isinstance(node, Var):
            return self._check_var(node, depth)
        if isinstance(node, Query):
            depth += 1
        return mutate(node, lambda child: self.rewrite(child, depth))

    def _group_var(self, node: Any, depth: int) -> Any | None:
        """The Var of the group column that equals ``node``, or None."""
        for number, entry in enumerate(self.entries, 1):
            if type(entry.expr) is not type(node):
                continue
            same = entry.expr == node if depth == 0 else _equal_at(entry.expr, node, depth)
            if same:
                from pgtool.sql.analyze.nodetypes import expr_collation, expr_typmod

                nulled = self.common is not None and entry.ressortgroupref not in self.common
                return Var(
                    varnullingrels=frozenset({self.index} if nulled else ()),
                    varno=self.index, varattno=number, vartype=expr_type(node),
                    vartypmod=expr_typmod(node), varcollid=expr_collation(node),
                    varlevelsup=depth, varnosyn=self.index, varattnosyn=number,
                    location=expr_location(node),
                )  # fmt: skip
        return None

    def _check_var(self, var: Var, depth: int) -> Var:
        if var.varlevelsup != depth or var.varno == self.index:
            return var
        if self._depends_on_key(var):
            return var
        rte = self.query.rtable[var.varno - 1]
        name = rte.eref.aliasname if rte.eref else "?"
        column = self._column_name(rte, var.varattno)
        message = (
            f'column "{name}.{column}" must appear in the GROUP BY clause or be used in an '
            "aggregate function"
            if depth == 0 else
            f'subquery uses ungrouped column "{name}.{column}" from outer query'
        )  # fmt: skip
        detail = None
        if self.in_direct and depth == 0:
            detail = "Direct arguments of an ordered-set aggregate must use only grouped columns."
        raise SqlError(message, GROUPING_ERROR, detail, position=var.location + 1 or None)

    @staticmethod
    def _column_name(rte: Any, number: int) -> str:
        if number == 0:
            return "*"
        if number < 0:
            from pgtool.sql.analyze.names import SYSTEM_COLUMNS

            return next(n for n, (at, _t) in SYSTEM_COLUMNS.items() if at == number)
        return str(rte.eref.colnames[number - 1].sval)

    def _depends_on_key(self, var: Var) -> bool:
        """Whether the grouping columns hold the primary key of the variable's table."""
        grouped = self.keys.get(var.varno)
        rte = self.query.rtable[var.varno - 1]
        if not grouped or rte.rtekind != RTEKind.RTE_RELATION:
            return False
        for row in self.state.cache.lookup("pg_constraint", "conrelid", rte.relid):
            if row.contype == "p" and not row.condeferrable and set(row.conkey) <= grouped:
                if row.oid not in self.query.constraintDeps:
                    self.query.constraintDeps = OidList([*self.query.constraintDeps, row.oid])
                return True
        return False

    def _grouping_refs(self, node: GroupingFunc, depth: int) -> None:
        refs = IntList()
        for arg in node.args:
            found = next((e for e in self.entries if _equal_at(e.expr, arg, depth)), None)
            if found is None:
                raise SqlError(
                    "arguments to GROUPING must be grouping expressions of the associated query "
                    "level", GROUPING_ERROR, position=expr_location(arg) + 1 or None,
                )  # fmt: skip
            refs.append(found.ressortgroupref)
        node.refs = refs


def _equal_at(group: Any, node: Any, depth: int) -> bool:
    """Whether ``node``, ``depth`` levels down, is the grouping expression seen from there."""
    return bool((deepen(group, depth) if depth else group) == node)
