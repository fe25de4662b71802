"""Transaction blocks of a session that only reads: BEGIN, COMMIT, savepoints, failure.

There is one snapshot, the directory at rest, so a block changes no row anyone sees; what it
does change is now(), SET LOCAL, and that after an error nothing runs until it ends.
"""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.nodes.raw_enums import TransactionStmtKind as Kind
from pgtool.sql.answer import Notice, Outcome

__all__ = ["Transactions"]

_ACTIVE = "25001"
_NONE = "25P01"
_ENDING = (Kind.TRANS_STMT_COMMIT, Kind.TRANS_STMT_ROLLBACK, Kind.TRANS_STMT_ROLLBACK_TO,
           Kind.TRANS_STMT_PREPARE)  # fmt: skip


class Transactions:
    """The transaction block of one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.failed = False
        self.savepoints: list[tuple[str, dict[str, Any]]] = []

    def fail(self) -> None:
        """A statement raised an error: a block is then aborted."""
        self.failed = self.session.in_transaction

    def may_end(self, raw: Any) -> bool:
        """Whether an aborted block lets this statement through."""
        return type(raw).__name__ == "TransactionStmt" and raw.kind in _ENDING

    def run(self, raw: Any) -> Outcome:
        """One transaction statement."""
        kind = Kind(raw.kind)
        if kind in (Kind.TRANS_STMT_BEGIN, Kind.TRANS_STMT_START):
            return self._begin(raw)
        if kind == Kind.TRANS_STMT_COMMIT:
            return self._end("ROLLBACK" if self.failed else "COMMIT", raw.chain)
        if kind == Kind.TRANS_STMT_ROLLBACK:
            return self._end("ROLLBACK", raw.chain)
        if kind == Kind.TRANS_STMT_SAVEPOINT:
            self._need_block("SAVEPOINT")
            self.savepoints.append((raw.savepoint_name, dict(self.session.gucs.values)))
            return Outcome("SAVEPOINT")
        if kind == Kind.TRANS_STMT_RELEASE:
            self._need_block("RELEASE SAVEPOINT")
            del self.savepoints[self._place(raw.savepoint_name) :]
            return Outcome("RELEASE")
        if kind == Kind.TRANS_STMT_ROLLBACK_TO:
            return self._rollback_to(raw.savepoint_name)
        raise Unsupported(kind.name.removeprefix("TRANS_STMT_").replace("_", " "))

    def _begin(self, raw: Any) -> Outcome:
        tag = "START TRANSACTION" if raw.kind == Kind.TRANS_STMT_START else "BEGIN"
        if self.session.in_transaction:
            notice = Notice("WARNING", "there is already a transaction in progress", _ACTIVE)
            return Outcome(tag, notices=[notice])
        self.session.begin()
        for option in raw.options:
            if option.defname == "transaction_read_only" and not option.arg.val.ival:
                raise Unsupported("READ WRITE transactions")
        return Outcome(tag)

    def _end(self, tag: str, chain: bool) -> Outcome:
        if not self.session.in_transaction:
            if chain:
                raise SqlError(f"{tag} AND CHAIN can only be used in transaction blocks", _NONE)
            notice = Notice("WARNING", "there is no transaction in progress", _NONE)
            return Outcome(tag, notices=[notice])
        if tag == "COMMIT":
            self.session.commit()
        else:
            self.session.rollback()
        self.failed = False
        self.savepoints.clear()
        if chain:
            self.session.begin()
        return Outcome(tag)

    def _need_block(self, what: str) -> None:
        if not self.session.in_transaction:
            raise SqlError(f"{what} can only be used in transaction blocks", _NONE)

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
        return Outcome("ROLLBACK")
