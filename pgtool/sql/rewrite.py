"""Rewriting: views become subqueries, by the rules that the directory stores.

A view's range table entry turns into a subquery entry over its query, again rewritten, and
keeps its relation for permissions. Materialized views are relations. A table with virtual
generated columns becomes a subquery that computes them. What would need more than reading
(row-level security for a user whom it binds, foreign tables) is refused by name.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.nodes.base import Node, ValueString, mutate, strings, walk
from pgtool.nodes.enums import RTEKind
from pgtool.nodes.exprs import Const, FuncExpr, Var, WindowFunc
from pgtool.nodes.query import (
    Alias,
    FromExpr,
    Query,
    RangeTblEntry,
    RangeTblRef,
    TargetEntry,
)
from pgtool.nodes.text import text_to_node
from pgtool.sql.analyze.clauses import sort_group_operators
from pgtool.sql.analyze.state import ParseState, Shared
from pgtool.sql.callargs import complete_arguments
from pgtool.sql.executor.domains import check_domain
from pgtool.sql.parse import too_deep
from pgtool.sql.searchcycle import expand_search_and_cycle
from pgtool.sql.sqlfunc import check_record_columns, inline_from, inline_scalar, runner
from pgtool.sql.stored import copy_tree, is_on, view_query

__all__ = ["rewrite"]

INFINITE_RECURSION = "42P17"
#: The kind of EXCLUDED: a row of no table.
COMPOSITE = "c"


def rewrite(query: Query, session: Session) -> Query:
    """The query with every view in it expanded; the query itself is changed."""
    if session.sql_function is None:
        session.sql_function = partial(runner, session)
    if session.check_domain is None:
        session.check_domain = partial(check_domain, session)
    rewriter = _Rewriter(session)
    try:
        rewriter.query(query, ())
        rewriter.calls(query, ())
    except RecursionError:
        raise too_deep() from None
    return query


class _Rewriter:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.cache = session.cache

    def query(self, query: Query, open_views: tuple[int, ...]) -> None:
        """One query level and everything below it; ``open_views`` are being expanded."""
        if query.resultRelation:
            self._target(query)
        query.cteList = [self._expanded(cte) for cte in query.cteList]
        for index, rte in enumerate(query.rtable, 1):
            if index == query.resultRelation or rte.relkind == COMPOSITE:
                continue
            if rte.rtekind == RTEKind.RTE_RELATION:
                self._relation(query, index, rte, open_views)
            elif rte.rtekind == RTEKind.RTE_SUBQUERY:
                self.query(rte.subquery, open_views)
        for cte in query.cteList:
            if isinstance(cte.ctequery, Query):
                self.query(cte.ctequery, open_views)
        if query.hasSubLinks:
            self._sublinks(query, open_views)

    def _expanded(self, cte: Any) -> Any:
        """A WITH query whose SEARCH and CYCLE have become columns."""
        return expand_search_and_cycle(cte, self._sort_group)

    def _sort_group(self, typid: int) -> tuple[int, int]:
        """The less-than and equality operators of a type."""
        state = ParseState(Shared(self.session, "", None))
        less, equal, _greater, _hashable = sort_group_operators(state, typid, False, True, -1)
        return less, equal

    def _target(self, query: Query) -> None:
        """The relation that a statement writes: what it is, and the final target list."""
        from pgtool.sql.targetlist import rewrite_targets
        from pgtool.sql.viewtarget import onto_base
        from pgtool.sql.writable import check_writable

        while True:
            rte = query.rtable[query.resultRelation - 1]
            row = check_writable(self.session, query, rte)
            relation = self.session.database.relation(rte.relid)
            if row.relkind != "v":
                break
            rewrite_targets(query, self.session, rte, relation)
            onto_base(query, self.session, row)
        rewrite_targets(query, self.session, rte, relation)
        computed = self._virtual_columns(rte.relid)
        if computed:
            self._replace_virtual(query, computed)

    def _replace_virtual(self, query: Query, computed: dict[int, str]) -> None:
        """References to virtual generated columns of the target become their expressions."""
        major = self.session.database.cluster.major
        target = query.resultRelation

        def change(node: Any) -> Any:
            if isinstance(node, Var) and node.varno == target and node.varattno in computed:
                returning = node.varreturningtype
                expr = text_to_node(computed[node.varattno], major)
                return _located(copy_tree(expr), target, returning)
            if isinstance(node, Query):
                if any(
                    isinstance(v, Var) and v.varlevelsup and v.varno == target
                    and v.varattno in computed for v in walk(node)
                ):  # fmt: skip
                    raise Unsupported("a subquery that reads a virtual generated column of the "
                                      "table that is written")  # fmt: skip
                return node
            return mutate(node, change)

        for name in ("targetList", "returningList"):
            setattr(query, name, [mutate(entry, change) for entry in getattr(query, name)])
        query.jointree = mutate(query.jointree, change)
        if query.onConflict is not None:
            query.onConflict = mutate(query.onConflict, change)

    def _sublinks(self, query: Query, open_views: tuple[int, ...]) -> None:
        """Subqueries in expressions; those of the range table and WITH are done."""
        done = {id(rte.subquery) for rte in query.rtable} | {id(c.ctequery) for c in query.cteList}
        stack = list(query.children())
        while stack:
            node = stack.pop()
            if isinstance(node, Query):
                if id(node) not in done:
                    self.query(node, open_views)
            else:
                stack += node.children()

    # -- calls --------------------------------------------------------------------------------

    def calls(self, query: Query, active: tuple[int, ...]) -> None:
        """Complete the arguments of calls, and inline SQL functions, in every part."""
        for name, kind in query.FIELDS.items():
            if kind in ("NodeRef", "NodeList") and name != "rtable":
                value = getattr(query, name)
                setattr(query, name, self._rewritten(value, active))
        for rte in query.rtable:
            if rte.rtekind == RTEKind.RTE_SUBQUERY:
                self.calls(rte.subquery, active)
                continue
            self._function_item(rte, active)
            for name in ("joinaliasvars", "functions", "values_lists", "groupexprs", "tablefunc"):
                setattr(rte, name, self._rewritten(getattr(rte, name), active))

    def _rewritten(self, node: Any, active: tuple[int, ...]) -> Any:
        if isinstance(node, list):
            return type(node)(
                self._rewritten(item, active) if isinstance(item, (list, Node)) else item
                for item in node
            )
        if not isinstance(node, Node):
            return node
        if isinstance(node, Query):
            self.calls(node, active)
            return node
        made = mutate(node, lambda child: self._rewritten(child, active))
        if isinstance(made, FuncExpr):
            args = complete_arguments(self.session, made.funcid, made.args)
            if args is not made.args:
                made = made.copy(args=[self._rewritten(arg, active) for arg in args])
            expr = inline_scalar(self.session, made, active)
            if expr is not None:
                return self._rewritten(expr, (*active, made.funcid))
        elif isinstance(made, WindowFunc):
            args = complete_arguments(self.session, made.winfnoid, made.args)
            if args is not made.args:
                made = made.copy(args=args)
        return made

    def _function_item(self, rte: RangeTblEntry, active: tuple[int, ...]) -> None:
        """A set-returning SQL function in FROM becomes a subquery, where it may."""
        for item in rte.functions:
            call = item.funcexpr
            if isinstance(call, FuncExpr):
                args = complete_arguments(self.session, call.funcid, call.args)
                item.funcexpr = call.copy(args=args)
        query = inline_from(self.session, rte, active)
        if query is None:
            for item in rte.functions:
                check_record_columns(self.session, item)
            return
        funcid = rte.functions[0].funcexpr.funcid
        self.query(query, ())
        self.calls(query, (*active, funcid))
        rte.rtekind, rte.subquery, rte.functions = RTEKind.RTE_SUBQUERY, query, []

    def _relation(
        self, query: Query, index: int, rte: RangeTblEntry, open_views: tuple[int, ...]
    ) -> None:
        row = self.cache.one("pg_class", "oid", rte.relid)
        if row is None:
            raise SqlError(f"could not open relation with OID {rte.relid}", "XX000")
        if row.relkind == "v":
            if rte.inFromCl:
                self._view(query, index, rte, row, open_views)
            return
        if row.relkind == "f":
            raise Unsupported(f'foreign table "{row.relname}"')
        if row.relrowsecurity and self._bound_by_policies(row):
            raise Unsupported(f'row-level security of table "{row.relname}"')
        self._generated(query, index, rte, row)

    def _view(
        self, query: Query, index: int, rte: RangeTblEntry, row: Any, open_views: tuple[int, ...]
    ) -> None:
        if rte.relid in open_views:
            raise SqlError(f'infinite recursion detected in rules for relation "{row.relname}"',
                           INFINITE_RECURSION)  # fmt: skip
        if rte.tablesample is not None:
            raise Unsupported("TABLESAMPLE")
        inner = view_query(self.session, rte.relid)
        self.query(inner, (*open_views, rte.relid))
        options = row.reloptions or ()
        rte.rtekind = RTEKind.RTE_SUBQUERY
        rte.subquery = inner
        rte.security_barrier = is_on("security_barrier", options)
        rte.inh = False
        rte.tablesample = None
        query.rowMarks = [mark for mark in query.rowMarks if mark.rti != index]

    def _bound_by_policies(self, row: Any) -> bool:
        if self.session.is_superuser:
            return False
        user = self.cache.one("pg_authid", "oid", self.session.user_oid)
        if user is not None and user.rolbypassrls:
            return False
        return bool(row.relowner != self.session.user_oid or row.relforcerowsecurity)

    # -- virtual generated columns -----------------------------------------------------------

    def _generated(self, query: Query, index: int, rte: RangeTblEntry, row: Any) -> None:
        """A table with virtual generated columns is read through a query that computes them."""
        computed = self._virtual_columns(rte.relid)
        if not computed or not rte.inFromCl:
            return
        for node in walk(query):
            if isinstance(node, Var) and node.varno == index and node.varattno < 0:
                raise Unsupported(
                    f'system columns of table "{row.relname}", which has virtual generated columns'
                )
        rte.subquery = self._computing(rte, computed)
        rte.rtekind = RTEKind.RTE_SUBQUERY
        rte.inh = False

    def _virtual_columns(self, relid: int) -> dict[int, str]:
        """Attribute number → stored expression of each virtual generated column."""
        if self.session.database.cluster.major < FIRST_VIRTUAL:
            return {}
        found = [
            row.attnum for row in self.cache.lookup("pg_attribute", "attrelid", relid)
            if row.attgenerated == "v"
        ]  # fmt: skip
        defaults = {
            row.adnum: row.adbin for row in self.cache.lookup("pg_attrdef", "adrelid", relid)
        } if found else {}  # fmt: skip
        return {number: defaults[number] for number in found}

    def _computing(self, rte: RangeTblEntry, computed: dict[int, str]) -> Query:
        """SELECT every column FROM the table, the computed ones by their expressions."""
        table = rte.copy(perminfoindex=0, alias=None)
        query = Query(canSetTag=True, rtable=[table])
        query.jointree = FromExpr(fromlist=[RangeTblRef(rtindex=1)])
        names = strings(rte.eref.colnames)
        for a in self.session.database.relation(rte.relid).attributes:
            expr: Any = Var(
                varno=1, varattno=a.attnum, vartype=a.atttypid, vartypmod=a.atttypmod,
                varcollid=a.attcollation, varnosyn=1, varattnosyn=a.attnum,
            )  # fmt: skip
            if a.attisdropped:
                expr = Const(consttype=25, consttypmod=-1, constlen=-1, constisnull=True)
            if a.attnum in computed:
                expr = text_to_node(computed[a.attnum], self.session.database.cluster.major)
            query.targetList.append(
                TargetEntry(expr=copy_tree(expr), resno=a.attnum, resname=names[a.attnum - 1])
            )
        table.eref = Alias(aliasname=rte.eref.aliasname,
                           colnames=[ValueString(sval=name) for name in names])  # fmt: skip
        return query


def _located(expr: Any, index: int, returning: Any) -> Any:
    """A stored expression's columns as those of a range table entry."""

    def change(node: Any) -> Any:
        if isinstance(node, Var):
            return node.copy(varno=index, varnosyn=index, varreturningtype=returning)
        return mutate(node, change)

    return change(expr)


FIRST_VIRTUAL = 18
