"""Transactions of a session: blocks, savepoints, failure, and the text as a unit.

Every statement runs in a transaction: the block that BEGIN opened, else one of its own;
several statements sent as one text share one (an *implicit block*), which ends with the
text. As long as the session only reads there is one snapshot, the directory at rest, and
all this changes only now(), SET LOCAL, and that after an error nothing runs until the block
ends. Once it writes, an :class:`~pgtool.transam.xact.Xact` follows every step here::

    at rest ──BEGIN──▶ block ──error──▶ failed ──ROLLBACK──▶ at rest
                         ▲                 │
                         └──ROLLBACK TO────┘
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.catalog.cluster import Reading
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.nodes.raw_enums import TransactionStmtKind as Kind
from pgtool.sql.answer import Notice, Outcome

__all__ = ["Transactions"]

_ACTIVE = "25001"
_NONE = "25P01"
_ENDING = (Kind.TRANS_STMT_COMMIT, Kind.TRANS_STMT_ROLLBACK, Kind.TRANS_STMT_ROLLBACK_TO,
           Kind.TRANS_STMT_PREPARE)  # fmt: skip
_READ_UNCOMMITTED, _READ_COMMITTED = "read uncommitted", "read committed"


class Transactions:
    """The transaction block of one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.failed = False
        #: Whether the block had a statement that needs a snapshot.
        self.queried = False
        #: (name, settings) of each savepoint.
        self.savepoints: list[tuple[str, dict[str, Any]]] = []
        #: Whether several statements of one text run as one transaction.
        self.implicit = False
        #: Commits of this session that changed catalogs: what it knows of those holds.
        self.own_changes = 0
        #: Called before a commit: what was deferred until then.
        self.before_commit: list[Callable[[], None]] = []
        #: Called when a transaction is over, however it ended.
        self.at_end: list[Callable[[], None]] = []
        #: Called when a transaction or subtransaction ended without a commit.
        self.after_abort: list[Callable[[], None]] = []

    # -- statements ------------------------------------------------------------------

    def start_text(self, statements: int) -> None:
        """A text of so many statements begins."""
        self.end_text()
        self.implicit = statements > 1
        self._begin_implicit()

    def end_text(self) -> None:
        """The statements of a text are done."""
        if self.implicit and not self.session.in_transaction:
            self.session.gucs.commit()
            self._default_modes()
        self.implicit = False

    def _begin_implicit(self) -> None:
        if self.implicit and not self.session.in_transaction:
            self.session.gucs.begin()
            self._default_modes()
            self.queried = False

    def start_statement(self) -> None:
        """A statement begins: inside a transaction, with a snapshot, where the session writes."""
        session = self.session
        xact = session.xact
        if xact is None:
            return
        if not xact.active:
            self._begin_xact()
        reading = session.database.cluster.reading = Reading(xact)
        if xact.isolation != _READ_COMMITTED:
            assert reading.snapshot is not None  # the transaction's, from its first statement on

    def new_snapshot(self) -> None:
        """Let the statement see what it has done itself so far."""
        xact = self.session.xact
        xact.command_counter_increment()
        self.session.database.cluster.reading = Reading(xact)

    def _begin_xact(self) -> None:
        """Begin the transaction that the session is in, with the savepoints it has."""
        xact = self.session.xact
        xact.begin()
        isolation = self.session.setting("transaction_isolation" if self.session.in_block
                                         else "default_transaction_isolation")  # fmt: skip
        xact.isolation = _READ_COMMITTED if isolation == _READ_UNCOMMITTED else isolation
        xact.synchronous = self.session.setting("synchronous_commit") != "off"
        for name, _values in self.savepoints:
            xact.savepoint(name)

    def end_statement(self, last: bool = True) -> None:
        """A statement is done: commit what is a transaction of its own."""
        xact = self.session.xact
        if xact is None or not xact.active:
            return
        xact.command_counter_increment()
        if not self.session.in_transaction and (last or not self.implicit):
            self.commit()

    def commit(self) -> None:
        """Commit; an error (of a deferred constraint, say) aborts instead."""
        xact = self.session.xact
        if xact is None or not xact.active:
            return
        try:
            for hook in self.before_commit:
                hook()
        except BaseException:
            self.abort()
            raise
        changed = any(level.ending.messages for level in xact.levels)
        xact.synchronous = self.session.setting("synchronous_commit") != "off"
        xact.commit()
        self._ended(changed)

    def abort(self) -> None:
        """Roll the transaction back."""
        xact = self.session.xact
        if xact is not None and xact.active:
            xact.abort()
            for hook in self.after_abort:
                hook()
        self._ended(False)

    def _ended(self, changed: bool) -> None:
        cluster = self.session.database.cluster
        cluster.reading = None
        for hook in self.at_end:
            hook()
        if changed and cluster.instance is not None:
            # Other sessions of this process drop what they know of catalogs.
            cluster.instance.catalog_changes += 1
            self.own_changes += 1

    def fail(self) -> None:
        """A statement raised an error: a block is then aborted, anything else rolled back."""
        self.failed = self.session.in_transaction
        if not self.failed:
            self.abort()
            self._undo_settings()

    def _undo_settings(self) -> None:
        """What statements of a text have set goes back with what they have done."""
        if self.implicit:
            self.session.gucs.rollback()
            self._default_modes()
            self.implicit = False

    def upgrade(self) -> None:
        """The session begins to write in the middle of a statement."""
        self._begin_xact()
        self.start_statement()

    def may_end(self, raw: Any) -> bool:
        """Whether an aborted block lets this statement through."""
        return type(raw).__name__ == "TransactionStmt" and raw.kind in _ENDING

    @property
    def read_only(self) -> bool:
        """Whether the transaction may not write."""
        name = "transaction_read_only" if self.session.in_block else (
            "default_transaction_read_only")  # fmt: skip
        return bool(self.session.setting(name))

    def prevent_in_block(self, what: str) -> None:
        """SqlError 25001 for a command that has to be a transaction of its own."""
        if self.session.in_transaction or self.implicit:
            raise SqlError(f"{what} cannot run inside a transaction block", _ACTIVE)

    # -- transaction statements --------------------------------------------------------

    def run(self, raw: Any) -> Outcome:
        """One transaction statement."""
        kind = Kind(raw.kind)
        if kind in (Kind.TRANS_STMT_BEGIN, Kind.TRANS_STMT_START):
            return self._begin(raw)
        if kind == Kind.TRANS_STMT_COMMIT:
            return self._end(not self.failed, raw.chain, "COMMIT")
        if kind == Kind.TRANS_STMT_ROLLBACK:
            return self._end(False, raw.chain, "ROLLBACK")
        if kind == Kind.TRANS_STMT_SAVEPOINT:
            self._need_block("SAVEPOINT")
            self.savepoints.append((raw.savepoint_name, dict(self.session.gucs.values)))
            self._tell("savepoint", raw.savepoint_name)
            return Outcome("SAVEPOINT")
        if kind == Kind.TRANS_STMT_RELEASE:
            self._need_block("RELEASE SAVEPOINT")
            del self.savepoints[self._place(raw.savepoint_name) :]
            self._tell("release", raw.savepoint_name)
            return Outcome("RELEASE")
        if kind == Kind.TRANS_STMT_ROLLBACK_TO:
            return self._rollback_to(raw.savepoint_name)
        raise Unsupported(kind.name.removeprefix("TRANS_STMT_").replace("_", " "))

    def _tell(self, what: str, name: str) -> None:
        xact = self.session.xact
        if xact is not None and xact.active:
            getattr(xact, what)(name)

    def _begin(self, raw: Any) -> Outcome:
        tag = "START TRANSACTION" if raw.kind == Kind.TRANS_STMT_START else "BEGIN"
        if self.session.in_transaction:
            notice = Notice("WARNING", "there is already a transaction in progress", _ACTIVE)
            return Outcome(tag, notices=[notice])
        self.open()
        for option in raw.options:
            self.set_option(option)
        return Outcome(tag)

    def open(self) -> None:
        """A block begins, by the session's defaults."""
        session = self.session
        began = session.transaction_time
        session.begin()
        self.queried = False
        if session.xact is not None and session.xact.active:
            session.transaction_time = began
        values = session.gucs.values
        self._default_modes()
        if session.xact is not None and session.xact.active:
            # The statements before BEGIN in the same text are of the block too.
            values["transaction_isolation"] = session.xact.isolation

    def _default_modes(self) -> None:
        values = self.session.gucs.values
        for name in ("isolation", "read_only", "deferrable"):
            values[f"transaction_{name}"] = values[f"default_transaction_{name}"]

    def set_option(self, option: Any) -> None:
        """One transaction mode of BEGIN or SET TRANSACTION."""
        value = option.arg.val
        values = self.session.gucs.values
        if option.defname != "transaction_isolation":
            self._check_mode(option.defname, bool(value.ival))
            values[option.defname] = bool(value.ival)
            return
        xact = self.session.xact
        if value.sval != values["transaction_isolation"]:
            if self.queried:
                raise SqlError("SET TRANSACTION ISOLATION LEVEL must be called before any query",
                               _ACTIVE)  # fmt: skip
            if self.savepoints:
                raise SqlError("SET TRANSACTION ISOLATION LEVEL must not be called in a "
                               "subtransaction", _ACTIVE)  # fmt: skip
        if xact is not None and xact.active:
            isolation = value.sval
            xact.isolation = _READ_COMMITTED if isolation == _READ_UNCOMMITTED else isolation
        values["transaction_isolation"] = value.sval

    def _check_mode(self, name: str, wanted: bool) -> None:
        """READ WRITE and DEFERRABLE come before the block's first query."""
        if name == "transaction_deferrable":
            what = "SET TRANSACTION [NOT] DEFERRABLE"
            if self.savepoints:
                raise SqlError(f"{what} cannot be called within a subtransaction", _ACTIVE)
            if self.queried:
                raise SqlError(f"{what} must be called before any query", _ACTIVE)
        elif not wanted and self.session.gucs.values["transaction_read_only"]:
            if self.savepoints:
                raise SqlError("cannot set transaction read-write mode inside a read-only "
                               "transaction", _ACTIVE)  # fmt: skip
            if self.queried:
                raise SqlError("transaction read-write mode must be set before any query",
                               _ACTIVE)  # fmt: skip

    def _need_block(self, what: str) -> None:
        if not self.session.in_transaction:
            raise SqlError(f"{what} can only be used in transaction blocks", _NONE)

    def _end(self, commit: bool, chain: bool, word: str) -> Outcome:
        session = self.session
        if not session.in_transaction:
            if chain:
                raise SqlError(f"{word} AND CHAIN can only be used in transaction blocks", _NONE)
            notice = Notice("WARNING", "there is no transaction in progress", _NONE)
            self._finish(commit)
            implicit = self.implicit
            if commit:
                self.end_text()
            else:
                self._undo_settings()
            self.implicit = implicit
            self._begin_implicit()
            return Outcome(word, notices=[notice])
        kept = {
            name: session.gucs.values[name]
            for name in ("transaction_isolation", "transaction_read_only",
                         "transaction_deferrable")
        }  # fmt: skip
        self.failed = False
        self.savepoints.clear()
        try:
            self._finish(commit)
        except BaseException:
            session.rollback()
            raise
        if commit:
            session.commit()
        else:
            session.rollback()
        self._default_modes()
        self._begin_implicit()
        if chain:
            self.open()
            session.gucs.values.update(kept)
        return Outcome("COMMIT" if commit else "ROLLBACK")

    def _finish(self, commit: bool) -> None:
        if commit:
            self.commit()
        else:
            self.abort()

    def _place(self, name: str) -> int:
        for place in range(len(self.savepoints) - 1, -1, -1):
            if self.savepoints[place][0] == name:
                return place
        raise SqlError(f'savepoint "{name}" does not exist', "3B001")

    def _rollback_to(self, name: str) -> Outcome:
        self._need_block("ROLLBACK TO SAVEPOINT")
        place = self._place(name)
        self.session.gucs.restore(self.savepoints[place][1])
        del self.savepoints[place + 1 :]
        self.failed = False
        xact = self.session.xact
        if xact is not None and xact.active:
            xact.rollback_to(name)
            for hook in self.after_abort:
                hook()
        return Outcome("ROLLBACK")
