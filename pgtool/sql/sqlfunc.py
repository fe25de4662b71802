"""Functions in LANGUAGE sql: inlined where PostgreSQL inlines them, else run.

A function's body (source text, or the tree of a SQL-standard body) is analyzed once for
the actual types of a call (:class:`Body`). Then, in this order:

1. a scalar function whose body is one plain ``SELECT expression`` becomes that expression
   (:func:`inline_scalar`);
2. a set-returning one that is alone in a FROM item becomes a subquery
   (:func:`inline_from`);
3. any other is executed, statement by statement (:func:`runner`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.functions.values import RecordValue
from pgtool.nodes.base import mutate, walk
from pgtool.nodes.enums import CmdType, CoercionForm, ParamKind, RTEKind
from pgtool.nodes.exprs import CollateExpr, FuncExpr, OpExpr, Param, Var
from pgtool.nodes.query import FromExpr, Query, RangeTblEntry, RangeTblRef, TargetEntry
from pgtool.sql.analyze.coerce import Context, coerce_to_target
from pgtool.sql.analyze.from_clause import eref_of
from pgtool.sql.analyze.levels import deepen
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.analyze.query import analyze_in
from pgtool.sql.analyze.rows import row_columns
from pgtool.sql.analyze.state import FunctionScope, ParseState, Shared
from pgtool.sql.parse import parse
from pgtool.sql.stored import copy_tree, stored_queries
from pgtool.sql.volatility import is_strict, volatility

__all__ = ["check_record_columns", "inline_from", "inline_scalar", "planned_volatility", "runner"]

SQL_LANGUAGE = 14
INVALID_FUNCTION_DEFINITION = "42P13"
_IMPLICIT = CoercionForm.COERCE_IMPLICIT_CAST
#: Parts of a query that keep it from being a plain expression.
_MORE_THAN_EXPRESSION = (
    "hasAggs", "hasWindowFuncs", "hasTargetSRFs", "hasSubLinks", "cteList", "rtable",
    "groupClause", "groupingSets", "havingQual", "windowClause", "distinctClause", "sortClause",
    "limitOffset", "limitCount", "setOperations",
)  # fmt: skip
#: An argument that the body uses several times must not cost more than this many operators.
MAX_REPEATED_OPERATORS = 10


class Body:
    """The analyzed statements of a function for one set of argument types."""

    def __init__(self, session: Session, row: Any, argtypes: tuple[int, ...], collation: int):
        self.session = session
        self.row = row
        self.argtypes = argtypes
        names = _input_names(row)
        scope = FunctionScope(str(row.proname), names, list(argtypes), collation)
        self.shared = Shared(session, "", list(argtypes), scope)
        self.queries = self._queries()

    def _queries(self) -> list[Query]:
        if self.row.prosqlbody:
            return stored_queries(self.session, self.row.prosqlbody)
        text = str(self.row.prosrc)
        self.shared.text = text
        return [analyze_in(self.shared, raw) for raw in parse(text)]

    def state(self) -> ParseState:
        """A state to convert expressions of the body with."""
        return ParseState(self.shared)

    def result(self, rettype: int, columns: list[tuple[int, int]] | None) -> Query | None:
        """The last statement with its columns brought to the declared types.

        ``columns`` are (type, typmod) of a composite result that is wanted column by column.
        None where the last statement is not a SELECT or does not fit as it stands.
        """
        if not self.queries or self.queries[-1].commandType != CmdType.CMD_SELECT:
            return None
        query: Query = copy_tree(self.queries[-1])
        visible = [entry for entry in query.targetList if not entry.resjunk]
        if columns is None:
            if len(visible) != 1:
                raise self._mismatch(rettype, "Final statement must return exactly one column.")
            columns = [(rettype, -1)]
        elif len(visible) != len(columns):
            few = "few" if len(visible) < len(columns) else "many"
            raise self._mismatch(rettype, f"Final statement returns too {few} columns.")
        return self._coerced(query, visible, columns, rettype)

    def own_columns(self) -> list[tuple[int, int]]:
        """(type, typmod) of the columns that the last statement gives by itself."""
        entries = self.queries[-1].targetList if self.queries else []
        return [(expr_type(e.expr), expr_typmod(e.expr)) for e in entries if not e.resjunk]

    def _coerced(
        self, query: Query, visible: list[Any], columns: list[tuple[int, int]], rettype: int
    ) -> Query:
        state = self.state()
        plain = query.setOperations is None and not query.distinctClause
        made, changed = [], False
        for number, (entry, (typid, typmod)) in enumerate(zip(visible, columns), 1):
            source = expr_type(entry.expr)
            expr = coerce_to_target(state, entry.expr, source, typid, typmod, Context.assignment,
                                    _IMPLICIT)  # fmt: skip
            if expr is None:
                raise self._mismatch(rettype, self._wrong_type(source, typid, number, columns))
            plain &= expr is entry.expr or not entry.ressortgroupref
            changed |= expr is not entry.expr
            made.append(expr)
        if plain or not changed:
            for entry, expr in zip(visible, made):
                entry.expr = expr
            return query
        return self._wrapped(query, visible, columns)

    def _wrong_type(
        self, source: int, typid: int, number: int, columns: list[tuple[int, int]]
    ) -> str:
        have, want = self.shared.facts.names(source, typid)
        if len(columns) == 1:
            return f"Actual return type is {have}."
        return f"Final statement returns {have} instead of {want} at column {number}."

    def _wrapped(
        self, query: Query, visible: list[Any], columns: list[tuple[int, int]]
    ) -> Query:
        """SELECT the coerced columns FROM the query."""
        names = [entry.resname or "?column?" for entry in visible]
        rte = RangeTblEntry(rtekind=RTEKind.RTE_SUBQUERY, subquery=query, inFromCl=True,
                            eref=eref_of(None, "*SELECT*", names, "table"))  # fmt: skip
        outer = Query(commandType=CmdType.CMD_SELECT, canSetTag=True, rtable=[rte],
                      jointree=FromExpr(fromlist=[RangeTblRef(rtindex=1)]))  # fmt: skip
        state = self.state()
        for number, (entry, (typid, typmod)) in enumerate(zip(visible, columns), 1):
            source = expr_type(entry.expr)
            var = Var(
                varno=1, varattno=entry.resno, vartype=source, vartypmod=expr_typmod(entry.expr),
                varcollid=expr_collation(entry.expr), varnosyn=1, varattnosyn=entry.resno,
            )  # fmt: skip
            expr = coerce_to_target(state, var, source, typid, typmod, Context.assignment,
                                    _IMPLICIT)  # fmt: skip
            outer.targetList.append(TargetEntry(expr=expr, resno=number, resname=entry.resname))
        return outer

    def _mismatch(self, rettype: int, detail: str) -> SqlError:
        name = self.shared.facts.name(rettype)
        return SqlError(f"return type mismatch in function declared to return {name}",
                        INVALID_FUNCTION_DEFINITION, detail)  # fmt: skip


def _input_names(row: Any) -> list[str]:
    names = list(row.proargnames or ())
    if row.proargmodes is None:
        return names
    return [name for name, mode in zip(names, row.proargmodes) if mode in ("i", "b", "v")]


def _body(session: Session, row: Any, argtypes: tuple[int, ...], collation: int) -> Body:
    cache: dict[Any, Body] = session.__dict__.setdefault("_sql_bodies", {})
    key = (row.oid, argtypes, collation, tuple(session.search_path))
    found = cache.get(key)
    if found is None:
        found = cache[key] = Body(session, row, argtypes, collation)
    return found


def _actual_types(row: Any, args: list[Any]) -> tuple[int, ...]:
    """The declared argument types, polymorphic ones as the call has them."""
    return tuple(
        expr_type(arg) if declared in t.POLYMORPHIC or declared == t.ANYOID else declared
        for declared, arg in zip(row.proargtypes, args)
    )


# -- scalar functions -----------------------------------------------------------------------------


def inline_scalar(session: Session, call: FuncExpr, active: tuple[int, ...]) -> Any | None:
    """The expression that a call stands for; None where it cannot be inlined."""
    row = session.cache.proc(call.funcid)
    if (
        row is None or row.prolang != SQL_LANGUAGE or row.prokind != "f" or row.prosecdef
        or row.proretset or row.prorettype == t.RECORDOID or row.proconfig is not None
        or row.prorettype == t.VOIDOID or len(row.proargtypes) != len(call.args)
        or call.funcid in active
    ):  # fmt: skip
        return None
    body = _body(session, row, _actual_types(row, call.args), call.inputcollid)
    if len(body.queries) != 1 or not _is_expression(body.queries[0]):
        return None
    query = body.result(call.funcresulttype, None)
    if query is None:
        return None
    expr = query.targetList[0].expr
    cache = session.cache
    letter = volatility(expr, cache)
    if (row.provolatile == "i" and letter != "i") or (row.provolatile == "s" and letter == "v"):
        return None
    if row.proisstrict and not is_strict(expr, cache):
        return None
    if not _may_substitute(row, expr, call.args, cache):
        return None
    made = _substitute(expr, call.args, 0)
    collation = expr_collation(made)
    if call.funccollid and collation and collation != call.funccollid:
        made = CollateExpr(arg=made, collOid=call.funccollid, location=call.location)
    return made


def planned_volatility(session: Session, expr: Any) -> str:
    """The volatility of an expression as it is run: of what its SQL functions stand for."""
    return volatility(_inlined(session, expr, ()), session.cache)


def _inlined(session: Session, node: Any, active: tuple[int, ...]) -> Any:
    made = mutate(node, lambda child: _inlined(session, child, active))
    call = made
    if isinstance(made, OpExpr):
        call = FuncExpr(
            funcid=made.opfuncid or session.cache.operator(made.opno).oprcode,
            funcresulttype=made.opresulttype, funccollid=made.opcollid,
            inputcollid=made.inputcollid, args=made.args,
        )  # fmt: skip
    if not isinstance(call, FuncExpr):
        return made
    found = inline_scalar(session, call, active)
    return made if found is None else _inlined(session, found, (*active, call.funcid))


def _is_expression(query: Query) -> bool:
    tree = query.jointree
    plain = tree is None or (not tree.fromlist and tree.quals is None)
    return (
        query.commandType == CmdType.CMD_SELECT and plain and len(query.targetList) == 1
        and not any(getattr(query, name) for name in _MORE_THAN_EXPRESSION)
    )  # fmt: skip


def _may_substitute(row: Any, expr: Any, args: list[Any], cache: Any) -> bool:
    """Arguments used several times must be cheap and steady; unused ones not matter."""
    uses = [0] * len(args)
    for node in walk([expr]):
        if isinstance(node, Param) and node.paramkind == ParamKind.PARAM_EXTERN:
            uses[node.paramid - 1] += 1
    for count, arg in zip(uses, args):
        if count == 0 and row.proisstrict:
            return False
        if count > 1 and (_is_costly(arg) or volatility(arg, cache) == "v"):
            return False
    return True


def _is_costly(arg: Any) -> bool:
    operators = 0
    for node in walk([arg]):
        name = type(node).__name__
        if name in ("SubLink", "SubPlan"):
            return True
        operators += name in ("FuncExpr", "OpExpr", "ScalarArrayOpExpr", "CoerceViaIO")
    return operators > MAX_REPEATED_OPERATORS


def _substitute(node: Any, args: list[Any], depth: int) -> Any:
    """Parameters replaced by the arguments, seen from ``depth`` query levels further in."""
    if isinstance(node, Param) and node.paramkind == ParamKind.PARAM_EXTERN:
        made = copy_tree(args[node.paramid - 1])
        return deepen(made, depth) if depth else made
    if isinstance(node, Query):
        depth += 1
    return mutate(node, lambda child: _substitute(child, args, depth))


# -- set-returning functions in FROM ----------------------------------------------------------


def inline_from(session: Session, rte: RangeTblEntry, active: tuple[int, ...]) -> Query | None:
    """The query that a function in FROM stands for; None where it has to be called."""
    if rte.rtekind != RTEKind.RTE_FUNCTION or rte.funcordinality or len(rte.functions) != 1:
        return None
    call = rte.functions[0].funcexpr
    if not isinstance(call, FuncExpr) or not call.funcretset or call.funcid in active:
        return None
    row = session.cache.proc(call.funcid)
    if (
        row is None or row.prolang != SQL_LANGUAGE or row.prokind != "f" or row.proisstrict
        or row.provolatile == "v" or row.prorettype == t.VOIDOID or row.prosecdef
        or not row.proretset or row.proconfig is not None
        or len(row.proargtypes) != len(call.args)
    ):  # fmt: skip
        return None
    if any(type(node).__name__ == "SubLink" for node in walk(call.args)):
        return None
    if volatility(call.args, session.cache) == "v":
        return None
    body = _body(session, row, _actual_types(row, call.args), call.inputcollid)
    if len(body.queries) != 1:
        return None
    query = body.result(call.funcresulttype, _columns(body, call, rte.functions[0]))
    if query is None or query.commandType != CmdType.CMD_SELECT:
        return None
    made: Query = _substitute(query, call.args, 0)
    return made


def check_record_columns(session: Session, item: Any) -> None:
    """Refuse a column definition list whose types a called function does not give by itself."""
    call = item.funcexpr
    row = session.cache.proc(call.funcid) if isinstance(call, FuncExpr) else None
    if row is None or row.prolang != SQL_LANGUAGE or not item.funccolnames:
        return
    body = _body(session, row, _actual_types(row, call.args), call.inputcollid)
    if [typid for typid, _typmod in body.own_columns()] != list(item.funccoltypes):
        raise Unsupported(f"function {row.proname} with other column types than it gives")


def _columns(body: Body, call: FuncExpr, item: Any) -> list[tuple[int, int]] | None:
    """(type, typmod) of each column of a composite result; None of a scalar one."""
    facts = body.shared.facts
    if not facts.is_complex(call.funcresulttype):
        return None
    if item.funccolnames:
        return list(zip(item.funccoltypes, item.funccoltypmods))
    columns = row_columns(body.state(), call)
    if columns is None or any(column.dropped for column in columns):
        raise Unsupported(f"function {body.row.proname} with this result type")
    return [(column.typid, column.typmod) for column in columns]


# -- running ------------------------------------------------------------------------------------


def runner(
    session: Session, row: Any, argtypes: tuple[int, ...], rettype: int, collation: int = 0
) -> Callable[..., Any]:
    """A callable that runs a function's statements with values as arguments.

    It returns the value of a scalar function, an iterator of a set-returning one.
    """
    body = _body(session, row, argtypes, collation)
    for query in body.queries:
        if query.commandType != CmdType.CMD_SELECT:
            raise Unsupported(f"SQL function {row.proname}, which does more than SELECT")
    params = [Param(paramid=i, paramtype=typid) for i, typid in enumerate(argtypes, 1)]
    call = FuncExpr(funcid=row.oid, funcresulttype=rettype, funcretset=row.proretset, args=params)
    composite = body.shared.facts.is_complex(rettype)
    columns: list[tuple[int, int]] | None = None
    names: tuple[str, ...] = ()
    if composite:
        found = row_columns(body.state(), call)
        columns = body.own_columns() if found is None else [(c.typid, c.typmod) for c in found]
        names = tuple(column.name for column in found or ())
    last = None if rettype == t.VOIDOID else body.result(rettype, columns)
    statements = [*body.queries[:-1], last] if last is not None else body.queries

    prepared = _Prepared(session, statements)
    def value(one: tuple[Any, ...]) -> Any:
        if columns is None:
            return one[0]
        return RecordValue(rettype, tuple(typid for typid, _ in columns), one, names)

    def call_function(*args: Any) -> Any:
        if row.proisstrict and any(arg is None for arg in args):
            return iter(()) if row.proretset else None
        rows = prepared.run(args, row.proretset)
        if row.proretset:
            return map(value, rows)
        for one in rows:
            return None if rettype == t.VOIDOID else value(one)
        return None

    return call_function


class _Prepared:
    """The statements of a function, planned at the first call."""

    def __init__(self, session: Session, statements: list[Query]) -> None:
        self.session = session
        self.statements = statements
        self.plans: list[Any] = []
        self.simple: _Simple | None = None

    def run(self, args: tuple[Any, ...], whole: bool) -> Iterator[tuple[Any, ...]]:
        """Run every statement; the rows of the last (only the first row unless ``whole``)."""
        from pgtool.sql.executor.run import execute

        if not self.plans:
            self.plans = [self._plan(statement) for statement in self.statements]
            self.simple = _simple(self.session, self.plans)
        simple = self.simple
        if simple is not None and not simple.busy:
            return iter((simple.row(args),))
        for planned in self.plans[:-1]:
            for _row in execute(planned, self.session, args).rows():
                self.session.check()
        rows: Iterator[tuple[Any, ...]] = execute(self.plans[-1], self.session, args).rows()
        if _is_bare(self.plans[-1].planTree):
            # Read to the end, which is one row: the executor is then free for the next call.
            return iter(list(rows))
        return rows if whole else islice(rows, 1)

    def _plan(self, statement: Query) -> Any:
        from pgtool.sql.planner import plan
        from pgtool.sql.rewrite import rewrite

        return plan(rewrite(copy_tree(statement), self.session), self.session)


class _Simple:
    """A body that is one row of expressions: evaluated without an executor.

    The closures have one set of cells, so that a call inside the same call (``busy``) has to
    go the general way.
    """

    def __init__(self, session: Session, targets: list[Any]) -> None:
        from pgtool.sql.executor.context import Context as Execution
        from pgtool.sql.executor.scalar import ScalarCompiler
        from pgtool.sql.executor.scope import Env, Scope

        self.context = Execution(session)
        self.columns = ScalarCompiler(Env(session), Scope()).many(targets)
        self.busy = False

    def row(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The row for these arguments."""
        ctx = self.context
        ctx.check()
        ctx.externs = args
        self.busy = True
        try:
            return tuple([column((), ctx) for column in self.columns])
        finally:
            self.busy = False


def _simple(session: Session, plans: list[Any]) -> _Simple | None:
    """The direct form of a function that is one ``SELECT expressions``; None of any other."""
    tree = plans[0].planTree
    if (
        len(plans) > 1 or plans[0].subplans or not _is_bare(tree) or tree.resconstantqual
        or tree.qual or tree.initPlan
    ):  # fmt: skip
        return None
    return _Simple(session, [entry.expr for entry in tree.targetlist if not entry.resjunk])


def _is_bare(tree: Any) -> bool:
    """Whether a plan is expressions over no input: one row at most."""
    return type(tree).__name__ == "Result" and tree.lefttree is None
