"""Errors of a path's evaluation that predicates and the silent forms swallow."""

from __future__ import annotations

from pgtool.errors import SqlError

__all__ = ["PathError"]


class PathError(SqlError):
    """Such an error; on its own it is the statement's error."""

    @classmethod
    def of(cls, error: SqlError) -> PathError:
        """Another error, made one of these."""
        return cls(error.message, error.sqlstate, error.detail, error.hint)
