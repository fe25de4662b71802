"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import click

from formats.errors import UserError

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _directory(path: str) -> str:
    """The path, which must be a directory's."""
    if not os.path.isdir(path):
        wrong = "is not a directory" if os.path.exists(path) else "does not exist"
        raise UserError(f'data directory "{path}" {wrong}')
    return path


def pgdata_option(required: bool = True) -> Decorator:
    """``-D/--pgdata DIR``, from PGDATA where it is not given."""

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is None:
            if required:
                raise UserError("no data directory given: use -D DIR or set PGDATA")
            return None
        return _directory(value)

    return click.option(
        "-D", "--pgdata", "pgdata", metavar="DIR", envvar="PGDATA", callback=check,
        help="The data directory (default: $PGDATA).",
    )  # fmt: skip


def datadir_option() -> Decorator:
    """``[-D] DIR``: as :func:`pgdata_option`, or as the one argument, as the real tools take it."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @click.option(
            "-D", "--pgdata", "pgdata", metavar="DIR",
            help="The data directory (default: $PGDATA).",
        )
        @click.argument("datadir", required=False, metavar="[DATADIR]")
        @functools.wraps(function)
        def call(pgdata: str | None, datadir: str | None, **rest: Any) -> Any:
            if pgdata is not None and datadir is not None:
                raise UserError(f'too many command-line arguments (first is "{datadir}")')
            chosen = pgdata or datadir or os.environ.get("PGDATA")
            if not chosen:
                raise UserError("no data directory given: use -D DIR or set PGDATA")
            return function(pgdata=_directory(chosen), **rest)

        return call

    return decorate


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
