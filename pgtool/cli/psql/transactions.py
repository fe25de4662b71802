"""What variables do around a statement: AUTOCOMMIT opens blocks, ON_ERROR_ROLLBACK savepoints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass
class Guard:
    """How a statement ended."""

    done: bool = False


@contextmanager
def guarded(runner: Any, text: str) -> Iterator[Guard]:
    """Around one text: open a block before it, set a savepoint, go back to it after an error."""
    guard = Guard()
    session = runner.engine.session
    if not runner.variables.on("AUTOCOMMIT") and not session.in_transaction and _needs_block(text):
        _quietly(runner, "BEGIN")
    wanted = runner.variables.word("ON_ERROR_ROLLBACK")
    saved = (
        session.in_transaction and not runner.engine.transactions.failed
        and (runner.interactive if wanted == "interactive" else
             runner.variables.on("ON_ERROR_ROLLBACK"))
    )  # fmt: skip
    if saved:
        _quietly(runner, f"SAVEPOINT {SAVEPOINT}")
    try:
        yield guard
    except Stopped:
        guard.done = False
    if saved:
        _settle(runner, text)


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
