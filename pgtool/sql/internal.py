"""Exceptions that nobody meant: one line for the user instead of a traceback.

A statement must end in rows or in an error that a client can print. What escapes from
planning or execution without being a :class:`~pgtool.errors.PgtoolError` is a mistake of
ours; :func:`reported` gives it SQLSTATE XX000 (54001 where the stack ran out, 53200 where
memory did). With ``PGTOOL_TRACEBACK`` set in the environment it passes through as it is.
"""

from __future__ import annotations

import os
from types import TracebackType

from pgtool.errors import PgtoolError, SqlError

__all__ = ["TRACEBACK_VARIABLE", "reported"]

TRACEBACK_VARIABLE = "PGTOOL_TRACEBACK"
#: What is not about the statement: output that cannot be written, files that cannot be read.
_OTHERS = (PgtoolError, OSError)


class _Reported:
    """The ``with`` of :func:`reported`; the library's way takes ten times as long."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if error is None or isinstance(error, _OTHERS) or not isinstance(error, Exception):
            return
        if not os.environ.get(TRACEBACK_VARIABLE):
            raise as_sql_error(error) from error


_REPORTED = _Reported()


def reported() -> _Reported:
    """Turn what is not an error of pgtool's own into one."""
    return _REPORTED


def as_sql_error(error: Exception) -> SqlError:
    """The error that a client sees for an unexpected exception."""
    if isinstance(error, RecursionError):
        return SqlError("stack depth limit exceeded", "54001")
    if isinstance(error, MemoryError):
        return SqlError("out of memory", "53200")
    text = " ".join(str(error).split())[:200]
    kind = type(error).__name__
    return SqlError(f"internal error: {kind}: {text}" if text else f"internal error: {kind}",
                    "XX000")  # fmt: skip
