"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from formats.errors import UserError

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def pgdata_option(required: bool = True) -> Decorator:
    """``-D/--pgdata DIR``, from PGDATA where it is not given."""

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is None:
            if required:
                raise UserError("no data directory given: use -D DIR or set PGDATA")
            return None
        if not os.path.isdir(value):
            raise UserError(f'data directory "{value}" does not exist')
        return value

    return click.option(
        "-D", "--pgdata", "pgdata", metavar="DIR", envvar="PGDATA", callback=check,
        help="The data directory (default: $PGDATA).",
    )  # fmt: skip


def format_option(*kinds: str) -> Decorator:
    """``--format`` with the given kinds, the first one being the default."""
    return click.option(
        "--format", "fmt", type=click.Choice(kinds), default=kinds[0], show_default=True,
        help="Output form.",
    )  # fmt: skip


def jobs_option() -> Decorator:
    """``-j/--jobs N``."""
    return click.option(
        "-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
        help="Work in N parallel processes or threads.",
    )  # fmt: skip
