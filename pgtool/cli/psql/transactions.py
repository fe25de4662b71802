"""What variables do around a statement: AUTOCOMMIT opens blocks, ON_ERROR_ROLLBACK savepoints."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pgtool.cli.psql.results import Stopped

__all__ = ["guarded"]

SAVEPOINT = "pg_psql_temporary_savepoint"
_COMMENTS = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.S)
#: First words of statements before which AUTOCOMMIT off opens no block.
_NO_BLOCK = {"abort", "begin", "start", "commit", "end", "rollback", "vacuum"}
_PAIRS = {
    "create": {"database", "tablespace"}, "drop": {"database", "system", "tablespace"},
    "alter": {"system"}, "prepare": {"transaction"}, "discard": {"all"},
    "reindex": {"database", "system", "schema"},
}  # fmt: skip
_CONCURRENT = re.compile(
    r"(?:create(?:\s+unique)?\s+index|drop\s+index|reindex\s+(?:table|index))\s+concurrently\b"
    r"|cluster\s*;?\s*$", re.I,
)  # fmt: skip


def guarded(runner: Any, text: str, run: Callable[[str], bool]) -> bool:
    """Run one text: open a block before it, set a savepoint, go back to it after an error."""
    session = runner.engine.session
    if not runner.variables.on("AUTOCOMMIT") and not session.in_transaction and _needs_block(text):
        _quietly(runner, "BEGIN")
    saved = session.in_transaction and not runner.engine.transactions.failed and (
        _wants_savepoint(runner)
    )
    if saved:
        _quietly(runner, f"SAVEPOINT {SAVEPOINT}")
    try:
        done = run(text)
    except Stopped:
        done = False
    if saved:
        _settle(runner, text)
    return done


def _wants_savepoint(runner: Any) -> bool:
    if runner.variables.word("ON_ERROR_ROLLBACK") == "interactive":
        return bool(runner.interactive)
    return bool(runner.variables.on("ON_ERROR_ROLLBACK"))


def _settle(runner: Any, text: str) -> None:
    """The savepoint's end: back to it in a failed block, else it is given up."""
    transactions = runner.engine.transactions
    if not runner.engine.session.in_transaction:
        return
    if transactions.failed:
        _quietly(runner, f"ROLLBACK TO {SAVEPOINT}")
    elif any(name == SAVEPOINT for name, _values in transactions.savepoints[-1:]):
        _quietly(runner, f"RELEASE {SAVEPOINT}")


def _quietly(runner: Any, text: str) -> None:
    for _outcome in runner.engine.run(text):
        pass


def _needs_block(text: str) -> bool:
    """Whether a statement is one that a block may hold."""
    match = _COMMENTS.match(text)
    bare = text[match.end() if match else 0 :]
    words = re.findall(r"\w+", bare[:200].lower())[:2]
    if not words or words[0] in _NO_BLOCK or _CONCURRENT.match(bare):
        return False
    return not (len(words) > 1 and words[1] in _PAIRS.get(words[0], ()))
