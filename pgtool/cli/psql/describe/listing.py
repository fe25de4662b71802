r"""Lists of objects: which columns, from where, and how a pattern is held against them.

A :class:`Listing` is data; the columns that a major lacks, and those that ``+`` adds, are
marked with it. The headings, titles and the order of rows are psql's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pgtool.cli.psql.describe.pattern import Names, conditions

__all__ = ["Column", "Listing", "acl", "print_listing", "select"]

NEWEST = 99


def acl(expression: str) -> str:
    """Privileges, one a line."""
    return f"pg_catalog.array_to_string({expression}, E'\\n')"


@dataclass(frozen=True)
class Column:
    """One column: its heading and the expression; ``more``: only with +."""

    head: str
    expression: str
    more: bool = False
    since: int = 0
    until: int = NEWEST

    def shown(self, major: int, verbose: bool) -> bool:
        return self.since <= major <= self.until and (verbose or not self.more)


@dataclass(frozen=True)
class Listing:
    """One kind of list."""

    title: str
    columns: tuple[Column, ...]
    source: str
    names: Names
    where: tuple[str, ...] = ()
    #: What is left out without S and without a pattern.
    user: str = ""
    order: str = "1, 2"
    #: Whether the count of rows stands below.
    counted: bool = True
    #: What + adds to the source.
    more_source: str = ""


def select(
    listing: Listing, runner: Any, pattern: str | None, *, verbose: bool = False,
    system: bool = False, extra: Iterable[str] = (),
) -> str:  # fmt: skip
    """The query of a list."""
    session = runner.engine.session
    columns = [c for c in listing.columns if c.shown(session.cache.major, verbose)]
    where = [*listing.where, *extra]
    if listing.user and not system and pattern is None:
        where.append(listing.user)
    where += conditions(pattern, listing.names, session.database.name)
    shown = ",\n  ".join(f'{c.expression} AS "{c.head}"' for c in columns)
    source = listing.source + (listing.more_source if verbose else "")
    text = f"SELECT {shown}\nFROM {source}"
    if where:
        text += "\nWHERE " + "\n  AND ".join(where)
    return f"{text}\nORDER BY {listing.order}"


def print_listing(
    listing: Listing, runner: Any, pattern: str | None, *, verbose: bool = False,
    system: bool = False, expanded: bool = False, extra: Sequence[str] = (),
) -> None:  # fmt: skip
    """Ask for a list and print it."""
    text = select(listing, runner, pattern, verbose=verbose, system=system, extra=extra)
    names, types, rows = runner.query(text)
    show(runner, names, types, rows, listing.title, expanded, listing.counted)


def show(
    runner: Any, names: list[str], types: list[int], rows: list[Any], title: str,
    expanded: bool = False, counted: bool = True,
) -> None:  # fmt: skip
    """Print rows under a title: NULL is nothing here, unless the query was not run at all."""
    if not names:
        return
    style = replace(runner.style, null="", title=None)
    if expanded:
        style.expanded = "on"
    runner.rows(names, types, rows, title=title, style=style, footers=None if counted else ())
