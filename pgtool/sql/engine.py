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
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pgtool.errors import PgtoolError, SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.nodes.enums import CmdType
from pgtool.nodes.raw import RawStmt
from pgtool.nodes.raw_enums import TransactionStmtKind
from pgtool.sql.analyze.locking import STRENGTHS
from pgtool.sql.answer import Answer, Notice, Outcome, TextAnswer
from pgtool.sql.executor.queued import queue_of
from pgtool.sql.internal import reported
from pgtool.sql.permissions import check_planned
from pgtool.sql.points import PointReads, Points
from pgtool.sql.transactions import Transactions
from pgtool.sql.utility import SELECT_INTO, command_of, run_command
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
_TAGS = {CmdType.CMD_INSERT: "INSERT", CmdType.CMD_UPDATE: "UPDATE",
         CmdType.CMD_DELETE: "DELETE", CmdType.CMD_MERGE: "MERGE"}  # fmt: skip
_QUERIES = {"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"}
#: Statements that need no snapshot: SET TRANSACTION may still follow them.
_NO_SNAPSHOT = {"TransactionStmt", "VariableSetStmt", "VariableShowStmt", "ConstraintsSetStmt",
                "CheckPointStmt", "LockStmt"}  # fmt: skip
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
        #: Whether a statement that writes opens a block, as drivers do.
        self.autobegin = False
        #: Gives the data that a client sends for COPY FROM STDIN, as pieces of bytes.
        self.copy_in: Callable[[], Iterator[bytes]] | None = None
        self.transactions = Transactions(session)
        self.prepared: dict[str, Prepared] = {}
        session.prepared = self.prepared
        self._plans: dict[Any, tuple[Any, list[int]]] = {}
        self._parsed: dict[str, list[RawStmt]] = {}
        self._seen_changes = 0
        self._catalogs: Any = None
        self.points = Points(self)
        self.point_reads = PointReads(session)
        self._warnings: list[Notice] = []
        #: Lists of what the running statement has told so far: they go with its error, too.
        self._told: list[list[Notice]] = []
        session.begin_writing = self.writer

    # -- statements --------------------------------------------------------------------

    def run(
        self, text: str, params: Sequence[Any] = (), param_types: Sequence[int] | None = None
    ) -> Iterator[Outcome]:
        """Run every statement of a text, as one simple query of a client does.

        ``params`` are values of $1, $2 … of the types ``param_types`` (0: as its use says).
        """
        if not params and param_types is None and self.session.xact is not None:
            point = None if self.transactions.failed else self._point(text)
            if point is not None:
                yield point
                return
        self.transactions.end_text()
        try:
            with reported():
                statements = self.parse(text)
                self._join_writers()
        except PgtoolError:
            self.transactions.fail()
            raise
        self.transactions.start_text(len(statements))
        for number, stmt in enumerate(statements, 1):
            last = number == len(statements)
            self.session.start_statement()
            self._told.clear()
            try:
                with reported():
                    self.transactions.start_statement()
                    outcome = self._statement(stmt, text, tuple(params), param_types)
                    outcome.notices += self._warnings
                    self._warnings.clear()
                    if outcome.copy_out is not None:
                        outcome.copy_out = self._sent(outcome.copy_out)
                    elif outcome.answer is None or outcome.count is not None:
                        self.transactions.end_statement(last)
            except BaseException as error:
                if isinstance(error, SqlError):
                    error.notices = [notice for told in self._told for notice in told]
                self.transactions.fail()
                raise
            yield from self._handed_on(outcome, last)
        self.transactions.end_text()

    def telling(self) -> list[Notice]:
        """A list for what a command tells as it goes."""
        told: list[Notice] = []
        self._told.append(told)
        return told

    def _point(self, text: str) -> Outcome | None:
        """A statement about one row, by the plan kept for others like it."""
        try:
            with reported():
                self._join_writers()
                found = self.points.find(text)
                if found is None:
                    return None
                self.transactions.start_text(1)
                self.session.start_statement()
                self.transactions.start_statement()
                outcome = self.points.run(*found, text)
                outcome.notices += self._warnings
                self._warnings.clear()
                self.transactions.end_statement()
        except BaseException:
            self.transactions.fail()
            raise
        return outcome

    def _handed_on(self, outcome: Outcome, last: bool) -> Iterator[Outcome]:
        """Let the rows be read; what was not read when the next is asked for is kept."""
        try:
            yield outcome
        except GeneratorExit:
            if last:
                self.transactions.end_statement()
            elif not self.session.in_transaction:
                self.transactions.abort()
            raise
        xact = self.session.xact
        if outcome.copy_out is not None:
            for _piece in outcome.copy_out:
                pass
            self.transactions.end_statement(last)
        elif outcome.answer is not None and xact is not None and xact.active:
            try:
                with reported():
                    outcome.answer.detach()
                    self.transactions.end_statement(last)
            except BaseException:
                self.transactions.fail()
                raise

    def _sent(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Data on its way to the client; an error in it is the statement's."""
        try:
            with reported():
                yield from pieces
        except GeneratorExit:
            raise
        except BaseException:
            self.transactions.fail()
            raise

    def parameter_types(self, text: str, param_types: Sequence[int]) -> list[int]:
        """The types of a statement's parameters, those given as 0 found by their use."""
        return self._planned(self.parse(text)[0], text, param_types)[1]

    def parse(self, text: str) -> list[RawStmt]:
        """The statements of a text; kept for when it comes again."""
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
        if kind not in _NO_SNAPSHOT:
            self.transactions.queried = True
        if kind in _QUERIES:
            if _has_into(raw):
                return run_command(self, SELECT_INTO, raw, text)
            return self._query(stmt, text, params, types)
        handler = _HANDLERS.get(kind)
        if handler is not None:
            outcome: Outcome = handler(self, raw, text)
            return outcome
        command = command_of(kind)
        if command is not None:
            return run_command(self, command, raw, text)
        if kind in _WRITES:
            self._may_write(raw)
        raise Unsupported(statement_name(raw))

    # -- writing -----------------------------------------------------------------------

    def writer(self, raw: Any = None) -> Any:
        """The running instance: a session that only read so far begins to write.

        ``raw`` is the statement that needs it, for the error of a session that may not.
        """
        self._may_write(raw)
        session = self.session
        if self.autobegin and not session.in_transaction:
            self.transactions.open()
        if session.xact is None:
            self._attach()
        cluster = session.database.cluster
        if not session.xact.active:
            self.transactions.upgrade()
        return cluster.instance

    def catalog_writer(self) -> Any:
        """The writer of the session's catalogs; the session begins to write."""
        instance = self.writer()
        session = self.session
        if self._catalogs is None or self._catalogs.xact is not session.xact:
            from pgtool.catalog.indexing import CatalogWriter
            from pgtool.sql.store import Store

            store = Store(self, instance)
            self._catalogs = CatalogWriter(
                session.database, session.cache, session.types, store, session.xact,
                instance.varsup.new_oid,
            )  # fmt: skip
            self.transactions.after_abort.append(self._catalogs.forget)
        return self._catalogs

    @property
    def _others_changes(self) -> int:
        """Commits of other sessions that changed catalogs."""
        return int(self._instance.catalog_changes) - self.transactions.own_changes

    @property
    def _instance(self) -> Any:
        return self.session.database.cluster.instance

    def _may_write(self, raw: Any) -> None:
        if self.read_only or self.transactions.read_only:
            word = "this statement" if raw is None else raw
            word = word if isinstance(word, str) else statement_name(word)
            marks = getattr(raw, "lockingClause", None)
            if marks:
                word += f" {STRENGTHS[marks[0].strength]}"
            raise SqlError(f"cannot execute {word} in a read-only transaction", _READ_ONLY)

    def _attach(self) -> None:
        """Take part in the running instance, starting it where need be."""
        database = self.session.database
        self.session.xact = database.cluster.start_writing(database)
        instance = self._instance
        self._seen_changes = instance.catalog_changes - self.transactions.own_changes
        instance.varsup.database_name = instance.multixact.database_name = self._database_name
        instance.varsup.warn = instance.multixact.warn = self._warn
        queue = queue_of(self.session)
        self.transactions.before_commit.append(queue.run_deferred)
        self.transactions.at_end += [queue.end, self.session.types.settle_enums]
        self._forget()

    def _database_name(self, oid: int) -> str | None:
        row = self.session.cache.one("pg_database", "oid", oid)
        return None if row is None else str(row.datname)

    def _warn(self, message: str, hint: str) -> None:
        """A warning from below goes with the statement's outcome."""
        self._warnings.append(Notice("WARNING", message, "01000", None, hint))

    def standalone(self) -> None:
        """Be the only backend, as in single-user mode: the limits of ids do not stop it."""
        instance = self.writer()
        instance.varsup.single_user = instance.multixact.single_user = True
        self.transactions.commit()

    def _join_writers(self) -> None:
        """Another session of this process may have begun to write in the directory."""
        session, cluster = self.session, self.session.database.cluster
        if session.xact is None:
            if _runs_here(cluster.root):
                self._attach()
        elif self._others_changes != self._seen_changes:
            self._seen_changes = self._others_changes
            session.database.invalidate()

    def _forget(self) -> None:
        """What was kept of files and plans no longer holds."""
        self._plans.clear()
        self.session.__dict__.pop("_trees", None)

    def close(self) -> None:
        """The session ends: an open transaction is rolled back, the directory let go."""
        session = self.session
        if session.xact is None:
            return
        cluster = session.database.cluster
        try:
            if session.xact.active and self._instance.panicked is None:
                self.transactions.abort()
        finally:
            session.xact = None
            cluster.stop_writing()

    # -- queries -----------------------------------------------------------------------

    def _query(
        self, stmt: RawStmt, text: str, params: tuple[Any, ...], types: Sequence[int] | None
    ) -> Outcome:
        """SELECT, or a statement that writes rows."""
        from pgtool.sql.executor.run import execute

        planned, _types = self._planned(stmt, text, types)
        check_planned(planned, self.session)
        if planned.writes:
            self.writer(stmt.stmt)
        elif (point := self.point_reads.answer(planned, params)) is not None:
            return Outcome("SELECT", point)
        result = execute(planned, self.session, params)
        if not planned.writes:
            return Outcome("SELECT", Answer(result, self.transactions.fail))
        result.source.take_all()
        result.context.finish()
        answer = Answer(result, self.transactions.fail) if result.names else None
        return self._written(planned, answer, result.context)

    def result_of(self, stmt: RawStmt, text: str) -> Any:
        """The rows of a query that is a part of a statement (COPY TO, say)."""
        from pgtool.sql.executor.run import execute

        planned, _types = self.plan(stmt, text, [])
        check_planned(planned, self.session)
        if planned.writes:
            self.writer(stmt.stmt)
        return execute(planned, self.session, ())

    def _written(self, planned: Any, answer: Answer | None, context: Any) -> Outcome:
        """The outcome of a statement that wrote."""
        word = _TAGS.get(planned.commandType)
        if word is None:
            return Outcome("SELECT", answer)
        count = context.processed
        tag = f"INSERT 0 {count}" if word == "INSERT" else f"{word} {count}"
        return Outcome(tag, answer, count=count)

    def _planned(
        self, stmt: RawStmt, text: str, types: Sequence[int] | None
    ) -> tuple[Any, list[int]]:
        """The plan of a statement and its parameters' types."""
        key = (text, stmt.stmt_location, None if types is None else tuple(types),
               self.session.gucs.generation, self.session.database.generation)  # fmt: skip
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
        """Plan a query anew."""
        from pgtool.sql.analyze.query import analyze_in, check_params
        from pgtool.sql.analyze.state import Shared
        from pgtool.sql.planner import plan
        from pgtool.sql.rewrite import rewrite

        if _has_into(stmt.stmt):
            raise Unsupported("SELECT INTO here")
        shared = Shared(self.session, text, [] if types is None else None)
        shared.param_types = list(types or ())
        query = analyze_in(shared, stmt)
        check_params(shared)
        return plan(rewrite(query, self.session), self.session), shared.param_types

    # -- commands ----------------------------------------------------------------------

    def _set(self, raw: Any, _text: str) -> Outcome:
        notices = set_variable(self.session, raw, self.transactions.set_option)
        return Outcome("RESET" if raw.kind >= 4 else "SET", notices=notices)

    def _show(self, raw: Any, _text: str) -> Outcome:
        names, lines = show_variable(self.session, raw.name)
        return Outcome("SHOW", TextAnswer(self.session, names, lines))

    def _transaction(self, raw: Any, _text: str) -> Outcome:
        beginning = self.autobegin and not self.session.in_transaction
        if beginning and raw.kind == TransactionStmtKind.TRANS_STMT_SAVEPOINT:
            self.transactions.open()
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
            prepared = self.found(raw.query.name)
            params, types = self.arguments(raw.query, prepared, text), prepared.types
            stmt, text = prepared.stmt, prepared.text
        elif type(raw.query).__name__ not in _QUERIES:
            raise Unsupported(f"EXPLAIN {statement_name(raw.query)}")
        begin = time.perf_counter()
        planned, _types = self.plan(stmt, text, types)
        planning = time.perf_counter() - begin
        check_planned(planned, self.session)
        if planned.writes and _runs(raw.options, self.session.cache.major):
            self.writer(stmt.stmt)
        answer = explain(planned, self.session, raw.options, params, text, planning)
        names, lines, kinds = answer
        return Outcome("EXPLAIN", TextAnswer(self.session, names, lines, kinds))

    # -- prepared statements -----------------------------------------------------------

    def _prepare(self, raw: Any, text: str) -> Outcome:
        from pgtool.sql.analyze.state import ParseState, Shared
        from pgtool.sql.analyze.typenames import typename_type

        if type(raw.query).__name__ not in _QUERIES:
            raise Unsupported(f"PREPARE of {statement_name(raw.query)}")
        state = ParseState(Shared(self.session, text, None))
        types = [typename_type(state, name)[0] for name in raw.argtypes]
        stmt = RawStmt(stmt=raw.query)
        if raw.name in self.prepared:
            raise SqlError(f'prepared statement "{raw.name}" already exists', "42P05")
        _planned, found = self.plan(stmt, text, types)
        self.prepared[raw.name] = Prepared(stmt, text, found)
        return Outcome("PREPARE")

    def found(self, name: str) -> Prepared:
        """A prepared statement."""
        found = self.prepared.get(name)
        if found is None:
            raise SqlError(f'prepared statement "{name}" does not exist', "26000")
        return found

    def _execute(self, raw: Any, text: str) -> Outcome:
        prepared = self.found(raw.name)
        values = self.arguments(raw, prepared, text)
        return self._query(prepared.stmt, prepared.text, values, prepared.types)

    def arguments(self, raw: Any, prepared: Prepared, text: str) -> tuple[Any, ...]:
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
        self.found(raw.name)
        del self.prepared[raw.name]
        return Outcome("DEALLOCATE")


def _runs_here(root: str) -> bool:
    """Whether this process has the directory open for writing."""
    module = sys.modules.get("pgtool.transam.instance")
    return module is not None and module.running_instance(root) is not None


def _runs(options: list[Any], major: int) -> bool:
    """Whether EXPLAIN runs its statement."""
    from pgtool.sql.explain import Options

    return bool(Options(options, major).analyze)


def _has_into(raw: Any) -> bool:
    """Whether a query makes a table of its rows."""
    if type(raw).__name__ != "SelectStmt":
        return False
    leaf = raw
    while leaf.larg is not None:
        leaf = leaf.larg
    return leaf.intoClause is not None


_HANDLERS: dict[str, Any] = {
    "VariableSetStmt": Engine._set, "VariableShowStmt": Engine._show,
    "TransactionStmt": Engine._transaction, "DiscardStmt": Engine._discard,
    "LoadStmt": Engine._load, "ExplainStmt": Engine._explain, "PrepareStmt": Engine._prepare,
    "ExecuteStmt": Engine._execute, "DeallocateStmt": Engine._deallocate,
}  # fmt: skip

