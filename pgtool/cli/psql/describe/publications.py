r"""\dRp: publications, with + each with what it publishes."""

from __future__ import annotations

from typing import Any

from pgtool.cli.psql.describe.listing import Column, Listing, print_listing
from pgtool.cli.psql.describe.pattern import Names, NotFound, conditions

__all__ = ["list_publications"]

_OWNER = Column("Owner", "pg_catalog.pg_get_userbyid(p.pubowner)")
_FACTS = (
    Column("All tables", "p.puballtables"), Column("Inserts", "p.pubinsert"),
    Column("Updates", "p.pubupdate"), Column("Deletes", "p.pubdelete"),
    Column("Truncates", "p.pubtruncate"),
    Column("Generated columns", "CASE p.pubgencols WHEN 'n' THEN 'none' WHEN 's' THEN 'stored' END",
           since=18),
    Column("Via root", "p.pubviaroot"),
)  # fmt: skip
_LISTING = Listing(
    "List of publications", (Column("Name", "p.pubname"), _OWNER, *_FACTS),
    "pg_catalog.pg_publication p", Names("p.pubname"), order="1",
)  # fmt: skip


def list_publications(
    runner: Any, pattern: str | None, flags: tuple[bool, bool, bool]
) -> None:
    r"""The list, or with + each in detail."""
    verbose, _system, expanded = flags
    if not verbose:
        print_listing(_LISTING, runner, pattern, expanded=expanded)
        return
    session = runner.engine.session
    major = session.cache.major
    columns = [c for c in (_OWNER, *_FACTS) if c.shown(major, True)]
    where = conditions(pattern, Names("p.pubname"), session.database.name)
    shown = ", ".join(f'{c.expression} AS "{c.head}"' for c in columns)
    names, types, rows = runner.query(
        f"SELECT p.oid, p.pubname, {shown} FROM pg_catalog.pg_publication p "
        + ("WHERE " + " AND ".join(where) if where else "") + "\nORDER BY 2"
    )
    if not rows and not runner.quiet:
        named = "publications" if pattern is None else f'publication named "{pattern}"'
        raise NotFound(f"Did not find any {named}.")
    for oid, name, *facts in rows:
        footers: list[str] = []
        if facts[1] != "t":
            footers = _tables(runner, str(oid), major)
        _print(runner, names[2:], types[2:], facts, f"Publication {name}", footers, expanded)


def _print(
    runner: Any, names: list[str], types: list[int], row: Any, title: str, footers: list[str],
    expanded: bool,
) -> None:  # fmt: skip
    from dataclasses import replace

    style = replace(runner.style, null="", title=None)
    if expanded:
        style.expanded = "on"
    runner.rows(names, types, [row], title=title, footers=footers or None, style=style)


def _tables(runner: Any, oid: str, major: int) -> list[str]:
    """The tables and schemas of a publication."""
    filters = major >= 15
    where = "pg_catalog.pg_get_expr(r.prqual, c.oid)" if filters else "NULL"
    columns = (
        "CASE WHEN r.prattrs IS NOT NULL THEN pg_catalog.array_to_string(ARRAY("
        "SELECT a.attname FROM pg_catalog.unnest(r.prattrs::pg_catalog.int2[]) WITH ORDINALITY "
        "k(n, place) JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.n "
        "ORDER BY k.place), ', ') END" if filters else "NULL"
    )  # fmt: skip
    _names, _types, rows = runner.query(
        f"SELECT n.nspname, c.relname, {where}, {columns} FROM pg_catalog.pg_publication_rel r "
        "JOIN pg_catalog.pg_class c ON c.oid = r.prrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE r.prpubid = '{oid}'\nORDER BY 1, 2"
    )
    out = ["Tables:"] if rows else []
    for schema, name, condition, shown in rows:
        line = f'    "{schema}.{name}"'
        line += f" ({shown})" if shown else ""
        out.append(line + (f" WHERE {condition}" if condition else ""))
    if not filters:
        return out
    _names, _types, rows = runner.query(
        "SELECT n.nspname FROM pg_catalog.pg_publication_namespace p "
        "JOIN pg_catalog.pg_namespace n ON n.oid = p.pnnspid "
        f"WHERE p.pnpubid = '{oid}'\nORDER BY 1"
    )
    if rows:
        out += ["Tables from schemas:", *(f'    "{row[0]}"' for row in rows)]
    return out
