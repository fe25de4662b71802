"""WITH CHECK OPTION: rows written through a view have to be rows of the view."""

from __future__ import annotations

from typing import Any, NamedTuple

from pgtool.errors import SqlError
from pgtool.sql.executor.constraints import failing_row
from pgtool.sql.executor.scalar import Scalar, ScalarCompiler
from pgtool.sql.executor.written import Row, RowShape, row_scope

__all__ = ["ViewCheck", "check_views", "view_checks"]

CHECK_OPTION_VIOLATION = "44000"


class ViewCheck(NamedTuple):
    """The condition of one view."""

    env: Any
    view: str
    condition: Scalar


def view_checks(env: Any, plan: Any, shape: RowShape) -> list[ViewCheck]:
    """The conditions that a statement's rows have to meet."""
    if not plan.withCheckOptionLists:
        return []
    compiler = ScalarCompiler(env, row_scope(shape.natts))
    return [
        ViewCheck(env, option.relname, compiler.compile(option.qual))
        for option in plan.withCheckOptionLists if option.qual is not None
    ]


def check_views(checks: list[ViewCheck], row: Row, stored: Row, ctx: Any) -> None:
    """Raise the error of the first view that the row is not of."""
    for check in checks:
        if check.condition(row, ctx) is not True:
            raise SqlError(
                f'new row violates check option for view "{check.view}"', CHECK_OPTION_VIOLATION,
                failing_row(check.env, stored),
            )  # fmt: skip
