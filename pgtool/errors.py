"""The errors of :mod:`formats.errors` under the name that the layers above use, and SQL's own."""

from __future__ import annotations

from typing import Any

from formats.errors import (
    ClusterInUse,
    CorruptData,
    DamageWarning,
    PgtoolError,
    SuspectedLoss,
    Unsupported,
    UserError,
)

__all__ = [
    "ClusterInUse", "CorruptData", "DamageWarning", "Panic", "PgtoolError", "SqlError",
    "SuspectedLoss", "Unsupported", "UserError",
]  # fmt: skip


class Panic(PgtoolError):
    """A change of the files failed half-way: this process must write nothing more and end.

    Crash recovery then brings the directory to a sound state.
    """


class SqlError(PgtoolError):
    """An error that the server would report for the same request: its wording, its SQLSTATE.

    ``position`` is the place in the query text, in bytes from 1, or None.
    """

    def __init__(
        self,
        message: str,
        sqlstate: str,
        detail: str | None = None,
        hint: str | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.detail = detail
        self.hint = hint
        self.position = position
        #: Where the error came up, for data that is no part of the query text.
        self.context: str | None = None
        #: What the statement told before it failed (sql.answer.Notice).
        self.notices: list[Any] = []

    def within(self, place: str) -> SqlError:
        """The same error, told to have come up in a place around the one it names."""
        self.context = place if self.context is None else f"{self.context}\n{place}"
        return self
