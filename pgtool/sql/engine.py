"""Running statements: text → parse → analyze → rewrite → plan → execute, or a command.

An :class:`Engine` is a connection's worth of state over one session: transaction block,
prepared statements, plan cache. :meth:`Engine.run` yields one
:class:`~pgtool.sql.answer.Outcome` after the other; a statement starts when it is asked for,
so the rows of the one before must be read first. What would write is refused by name.

Plans are kept by statement text, parameter types and the settings' generation: any SET, RESET
or rollback begins a new one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pgtool.errors import PgtoolError, SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.nodes.raw import RawStmt
from pgtool.sql.answer import Answer, Outcome, TextAnswer
from pgtool.sql.internal import reported
from pgtool.sql.transactions import Transactions
from pgtool.sql.variables import set_variable, show_variable

__all__ = ["Engine", "Prepared", "statement_name"]

MAX_PLANS = 256
IN_FAILED_TRANSACTION = "25P02"
_ABORTED = "current transaction is aborted, commands ignored until end of transaction block"
_READ_ONLY = "25006"
#: Parse nodes whose SQL name their class name does not tell.
_NAMES = {
    "CreateStmt": "CREATE TABLE", "IndexStmt": "CREATE INDEX", "ViewStmt": "CREATE VIEW",
    "CreateTableAsStmt": "CREATE TABLE AS", "RefreshMatViewStmt": "REFRESH MATERIALIZED VIEW",
    "CreateSeqStmt": "CREATE SEQUENCE", "AlterSeqStmt": "ALTER SEQUENCE",
    "CreatedbStmt": "CREATE DATABASE", "DropdbStmt": "DROP DATABASE", "DropStmt": "DROP",
    "CreateTrigStmt": "CREATE TRIGGER", "RuleStmt": "CREATE RULE", "DefineStmt": "CREATE",
    "CheckPointStmt": "CHECKPOINT", "DeclareCursorStmt": "DECLARE CURSOR", "RenameStmt": "ALTER",
    "CompositeTypeStmt": "CREATE TYPE", "CreateEnumStmt": "CREATE TYPE",
    "ClosePortalStmt": "CLOSE", "VacuumStmt": "VACUUM", "LockStmt": "LOCK TABLE",
    "ConstraintsSetStmt": "SET CONSTRAINTS", "AlterSystemStmt": "ALTER SYSTEM",
    "CreateFunctionStmt": "CREATE FUNCTION", "CommentStmt": "COMMENT", "SecLabelStmt":
    "SECURITY LABEL", "TruncateStmt": "TRUNCATE TABLE",
}  # fmt: skip
_QUERIES = {"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"}
_WRITES = {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "TruncateStmt"}


def statement_name(raw: Any) -> str:
    """What SQL calls the statement of a parse node."""
    name = type(raw).__name__
    if name == "GrantStmt":
        return "GRANT" if raw.is_grant else "REVOKE"
    if name == "VacuumStmt" and not raw.is_vacuumcmd:
        return "ANALYZE"
    words = re.findall(r"[A-Z][a-z]*", name.removesuffix("Stmt"))
    return _NAMES.get(name) or " ".join(words).upper()


@dataclass
class Prepared:
    """PREPARE's statement: analyzed once, planned through the cache."""

    stmt: RawStmt
    text: str
    types: list[int]


class Engine:
    """One connection: a session and what lasts from statement to statement."""

    def __init__(self, session: Session, *, read_only: bool = False) -> None:
        self.session = session
        self.read_only = read_only
        self.transactions = Transactions(session)
        self.prepared: dict[str, Prepared] = {}
        self._plans: dict[Any, tuple[Any, list[int]]] = {}
        self._parsed: dict[str, list[RawStmt]] = {}

    # -- statements --------------------------------------------------------------------

    def run(
        self, text: str, params: Sequence[Any] = (), param_types: Sequence[int] | None = None
    ) -> Iterator[Outcome]:
        """Run every statement of a text, as one simple query of a client does.

        ``params`` are values of $1, $2 … of the types ``param_types`` (0: as its use says).
        """
        try:
            with reported():
                statements = self._parse(text)
        except PgtoolError:
            self.transactions.fail()
            raise
        for stmt in statements:
            self.session.start_statement()
            try:
                with reported():
                    outcome = self._statement(stmt, text, tuple(params), param_types)
            except PgtoolError:
                self.transactions.fail()
                raise
            yield outcome

    def parameter_types(self, text: str, param_types: Sequence[int]) -> list[int]:
        """The types of a statement's parameters, those given as 0 found by their use."""
        return self._planned(self._parse(text)[0], text, param_types)[1]

    def _parse(self, text: str) -> list[RawStmt]:
        from pgtool.sql.parse import parse

        found = self._parsed.get(text)
        if found is None:
            found = parse(text)
            if len(self._parsed) >= MAX_PLANS:
                self._parsed.clear()
            self._parsed[text] = found
        return found

    def _statement(
        self, stmt: RawStmt, text: str, params: tuple[Any, ...], types: Sequence[int] | None
    ) -> Outcome:
        raw: Any = stmt.stmt
        kind = type(raw).__name__
        if self.transactions.failed and not self.transactions.may_end(raw):
            raise SqlError(_ABORTED, IN_FAILED_TRANSACTION)
        if kind == "SelectStmt":
            _refuse_into(raw)
            return Outcome("SELECT", self._select(stmt, text, params, types))
        handler = _HANDLERS.get(kind)
        if handler is not None:
            outcome: Outcome = handler(self, raw, text)
            return outcome
        if self.read_only and kind in _WRITES:
            raise SqlError(
                f"cannot execute {statement_name(raw)} in a read-only transaction", _READ_ONLY
            )
        raise Unsupported(statement_name(raw))

    # -- queries -----------------------------------------------------------------------

    def _select(
        self, stmt: RawStmt, text: str, params: tuple[Any, ...], types: Sequence[int] | None
    ) -> Answer:
        from pgtool.sql.executor.run import execute

        planned, _types = self._planned(stmt, text, types)
        return Answer(execute(planned, self.session, params), self.transactions.fail)

    def _planned(
        self, stmt: RawStmt, text: str, types: Sequence[int] | None
    ) -> tuple[Any, list[int]]:
        """The plan of a statement and its parameters' types."""
        key = (text, stmt.stmt_location, None if types is None else tuple(types),
               self.session.gucs.generation)  # fmt: skip
        found = self._plans.get(key)
        if found is None:
            self.session.settings.now_was_read = False
            found = self.plan(stmt, text, types)
            if self.session.settings.now_was_read:
                return found  # a constant 'now' is another one the next time
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            self._plans[key] = found
        return found

    def plan(
        self, stmt: RawStmt, text: str, types: Sequence[int] | None = None
    ) -> tuple[Any, list[int]]:
        """Plan a SELECT anew."""
        from pgtool.sql.analyze.query import analyze_in, check_params
        from pgtool.sql.analyze.state import Shared
        from pgtool.sql.planner import plan
        from pgtool.sql.rewrite import rewrite

        _refuse_into(stmt.stmt)
        shared = Shared(self.session, text, [] if types is None else None)
        shared.param_types = list(types or ())
        query = analyze_in(shared, stmt)
        check_params(shared)
        return plan(rewrite(query, self.session), self.session), shared.param_types

    # -- commands ----------------------------------------------------------------------

    def _set(self, raw: Any, _text: str) -> Outcome:
        notices = set_variable(self.session, raw)
        return Outcome("RESET" if raw.kind >= 4 else "SET", notices=notices)

    def _show(self, raw: Any, _text: str) -> Outcome:
        names, lines = show_variable(self.session, raw.name)
        return Outcome("SHOW", TextAnswer(self.session, names, lines))

    def _transaction(self, raw: Any, _text: str) -> Outcome:
        return self.transactions.run(raw)

    def _discard(self, raw: Any, _text: str) -> Outcome:
        target = raw.target.name.removeprefix("DISCARD_")
        if target == "ALL":
            if self.session.in_transaction:
                raise SqlError("DISCARD ALL cannot run inside a transaction block", "25001")
            self.prepared.clear()
            self.session.reset_all()
        self._plans.clear()
        return Outcome(f"DISCARD {target}")

    def _load(self, raw: Any, _text: str) -> Outcome:
        raise Unsupported(f'LOAD "{raw.filename}"')

    def _explain(self, raw: Any, text: str) -> Outcome:
        from pgtool.sql.explain import explain

        stmt, params, types = RawStmt(stmt=raw.query), (), None
        if type(raw.query).__name__ == "ExecuteStmt":
            prepared = self._found(raw.query.name)
            params, types = self._arguments(raw.query, prepared, text), prepared.types
            stmt, text = prepared.stmt, prepared.text
        elif type(raw.query).__name__ not in _QUERIES:
            raise Unsupported(f"EXPLAIN {statement_name(raw.query)}")
        begin = time.perf_counter()
        planned, _types = self.plan(stmt, text, types)
        planning = time.perf_counter() - begin
        answer = explain(planned, self.session, raw.options, params, text, planning)
        names, lines, kinds = answer
        return Outcome("EXPLAIN", TextAnswer(self.session, names, lines, kinds))

    # -- prepared statements -----------------------------------------------------------

    def _prepare(self, raw: Any, text: str) -> Outcome:
        from pgtool.sql.analyze.state import ParseState, Shared
        from pgtool.sql.analyze.typenames import typename_type

        if type(raw.query).__name__ != "SelectStmt":
            raise Unsupported(f"PREPARE of {statement_name(raw.query)}")
        state = ParseState(Shared(self.session, text, None))
        types = [typename_type(state, name)[0] for name in raw.argtypes]
        stmt = RawStmt(stmt=raw.query)
        if raw.name in self.prepared:
            raise SqlError(f'prepared statement "{raw.name}" already exists', "42P05")
        _planned, found = self.plan(stmt, text, types)
        self.prepared[raw.name] = Prepared(stmt, text, found)
        return Outcome("PREPARE")

    def _found(self, name: str) -> Prepared:
        found = self.prepared.get(name)
        if found is None:
            raise SqlError(f'prepared statement "{name}" does not exist', "26000")
        return found

    def _execute(self, raw: Any, text: str) -> Outcome:
        prepared = self._found(raw.name)
        values = self._arguments(raw, prepared, text)
        return Outcome(
            "SELECT", self._select(prepared.stmt, prepared.text, values, prepared.types)
        )

    def _arguments(self, raw: Any, prepared: Prepared, text: str) -> tuple[Any, ...]:
        """EXECUTE's arguments as values of the parameters' types."""
        from pgtool.sql.analyze.arguments import analyze_arguments
        from pgtool.sql.executor.run import execute
        from pgtool.sql.planner import plan
        from pgtool.sql.rewrite import rewrite

        if len(raw.params) != len(prepared.types):
            raise SqlError(
                f'wrong number of parameters for prepared statement "{raw.name}"', "42601",
                f"Expected {len(prepared.types)} parameters but got {len(raw.params)}.",
            )  # fmt: skip
        if not raw.params:
            return ()
        query = analyze_arguments(self.session, text, list(raw.params), prepared.types)
        planned = plan(rewrite(query, self.session), self.session)
        rows = list(execute(planned, self.session, ()).rows())
        values: tuple[Any, ...] = rows[0]
        return values

    def _deallocate(self, raw: Any, _text: str) -> Outcome:
        if raw.isall or not raw.name:
            self.prepared.clear()
            return Outcome("DEALLOCATE ALL")
        self._found(raw.name)
        del self.prepared[raw.name]
        return Outcome("DEALLOCATE")


def _refuse_into(raw: Any) -> None:
    if type(raw).__name__ != "SelectStmt":
        return
    leaf = raw
    while leaf.larg is not None:
        leaf = leaf.larg
    if leaf.intoClause is not None:
        raise Unsupported("SELECT INTO")


_HANDLERS: dict[str, Any] = {
    "VariableSetStmt": Engine._set, "VariableShowStmt": Engine._show,
    "TransactionStmt": Engine._transaction, "DiscardStmt": Engine._discard,
    "LoadStmt": Engine._load, "ExplainStmt": Engine._explain, "PrepareStmt": Engine._prepare,
    "ExecuteStmt": Engine._execute, "DeallocateStmt": Engine._deallocate,
}  # fmt: skip

