r"""\dF+ and \dFp+: text search configurations and parsers in detail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pgtool.cli.psql.describe.pattern import Names, NotFound, conditions

__all__ = ["describe_configurations", "describe_parsers"]

#: What the functions of a parser are for.
_METHODS = (
    ("Start parse", "prsstart"), ("Get next token", "prstoken"), ("End parse", "prsend"),
    ("Get headline", "prsheadline"), ("Get token types", "prslextype"),
)
Flags = tuple[bool, bool, bool]


def _found(runner: Any, text: str, names: Names, pattern: str | None, what: str) -> list[Any]:
    where = conditions(pattern, names, runner.engine.session.database.name)
    _names, _types, rows = runner.query(
        text + (" WHERE " + " AND ".join(where) if where else "") + "\nORDER BY 3, 2"
    )
    if not rows and not runner.quiet:
        named = f"{what}s" if pattern is None else f'{what} named "{pattern}"'
        raise NotFound(f"Did not find any {named}.")
    return list(rows)


def _print(
    runner: Any, answer: Any, title: str, expanded: bool, counted: bool = False
) -> None:
    style = replace(runner.style, null="", title=None)
    style.footer = style.footer and counted
    if expanded:
        style.expanded = "on"
    names, types, rows = answer
    if names:
        runner.rows(names, types, rows, title=title, style=style, footers=None)


def describe_configurations(runner: Any, pattern: str | None, flags: Flags) -> None:
    r"""\dF+: which dictionaries see which tokens."""
    rows = _found(
        runner, "SELECT c.oid, c.cfgname, n.nspname, p.prsname, pn.nspname FROM "
        "pg_catalog.pg_ts_config c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace "
        "JOIN pg_catalog.pg_ts_parser p ON p.oid = c.cfgparser "
        "LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.prsnamespace",
        Names("c.cfgname", "n.nspname", visible="pg_catalog.pg_ts_config_is_visible(c.oid)"),
        pattern, "text search configuration",
    )  # fmt: skip
    for oid, name, schema, parser, parser_schema in rows:
        answer = runner.query(
            'SELECT (SELECT k.alias FROM pg_catalog.ts_token_type(c.cfgparser) k WHERE '
            'k.tokid = m.maptokentype) AS "Token", pg_catalog.btrim(ARRAY(SELECT '
            "d.mapdict::pg_catalog.regdictionary FROM pg_catalog.pg_ts_config_map d WHERE "
            "d.mapcfg = m.mapcfg AND d.maptokentype = m.maptokentype ORDER BY d.mapseqno"
            ")::pg_catalog.text, '{}') AS \"Dictionaries\"\n"
            "FROM pg_catalog.pg_ts_config c JOIN pg_catalog.pg_ts_config_map m ON m.mapcfg = c.oid "
            f"WHERE c.oid = '{oid}' GROUP BY m.mapcfg, m.maptokentype, c.cfgparser\nORDER BY 1"
        )
        title = f'Text search configuration "{schema}.{name}"\nParser: "{parser_schema}.{parser}"'
        _print(runner, answer, title, flags[2])


def describe_parsers(runner: Any, pattern: str | None, flags: Flags) -> None:
    r"""\dFp+: the functions of a parser, and the tokens it finds."""
    rows = _found(
        runner, "SELECT p.oid, p.prsname, n.nspname FROM pg_catalog.pg_ts_parser p "
        "LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.prsnamespace",
        Names("p.prsname", "n.nspname", visible="pg_catalog.pg_ts_parser_is_visible(p.oid)"),
        pattern, "text search parser",
    )  # fmt: skip
    for oid, name, schema in rows:
        methods = "\nUNION ALL ".join(
            f"SELECT '{label}' AS \"Method\", p.{column}::pg_catalog.regproc AS \"Function\", "
            f"pg_catalog.obj_description(p.{column}, 'pg_proc') AS \"Description\" "
            f"FROM pg_catalog.pg_ts_parser p WHERE p.oid = '{oid}'" for label, column in _METHODS
        )  # fmt: skip
        _print(runner, runner.query(methods), f'Text search parser "{schema}.{name}"', flags[2])
        tokens = runner.query(
            'SELECT k.alias AS "Token name", k.description AS "Description" FROM '
            f"pg_catalog.ts_token_type('{oid}'::pg_catalog.oid) k ORDER BY 1"
        )
        title = f'Token types for parser "{schema}.{name}"'
        _print(runner, tokens, title, flags[2], counted=True)
