r"""\df, \do, \dC: lists whose patterns name types too."""

from __future__ import annotations

from typing import Any

from pgtool.cli.psql.describe.listing import Column, Listing, acl, select, show
from pgtool.cli.psql.describe.lists import in_schema, not_system, yes_no
from pgtool.cli.psql.describe.pattern import Names, conditions
from pgtool.errors import UserError

__all__ = ["list_casts", "list_functions", "list_operators", "type_name"]

#: Names of types that the grammar knows and pg_type does not.
_GRAMMAR = {
    "decimal": "numeric", "float": "double precision", "int": "integer", "bool": "boolean",
    "char": "character", "varchar": "character varying", "time": "time without time zone",
    "timestamp": "timestamp without time zone", "timetz": "time with time zone",
    "timestamptz": "timestamp with time zone", "bit varying": "bit varying",
    "float4": "real", "float8": "double precision", "int2": "smallint", "int4": "integer",
    "int8": "bigint", "varbit": "bit varying",
}  # fmt: skip
_BY_GRAMMAR = ("decimal", "float", "int", "bool", "char", "varchar", "time", "timestamp",
               "timetz", "timestamptz")  # fmt: skip
_KINDS = {
    "a": "p.prokind = 'a'", "w": "p.prokind = 'w'", "p": "p.prokind = 'p'",
    "t": "p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype",
    "n": "(p.prokind NOT IN ('a', 'w', 'p') AND "
         "p.prorettype <> 'pg_catalog.trigger'::pg_catalog.regtype)",
}  # fmt: skip


def type_name(pattern: str) -> str:
    """A type as the catalogs name it: arrays and the grammar's short forms too."""
    base = pattern.removesuffix("[]")
    found = _GRAMMAR[base.lower()] if base.lower() in _BY_GRAMMAR else base
    return found + pattern[len(base) :]


def _of_type(alias: str, pattern: str, dbname: str) -> list[str]:
    names = Names(f"{alias}.typname", f"n{alias}.nspname",
                  f"pg_catalog.format_type({alias}.oid, NULL)",
                  f"pg_catalog.pg_type_is_visible({alias}.oid)")  # fmt: skip
    return conditions(pattern, names, dbname)


def _joined(alias: str, oid: str) -> str:
    return (f" LEFT JOIN pg_catalog.pg_type {alias} ON {alias}.oid = {oid}"
            f" LEFT JOIN pg_catalog.pg_namespace n{alias} ON n{alias}.oid = {alias}.typnamespace")


_FUNCTIONS = Listing(
    "List of functions", (
        Column("Schema", "n.nspname"), Column("Name", "p.proname"),
        Column("Result data type", "pg_catalog.pg_get_function_result(p.oid)"),
        Column("Argument data types", "pg_catalog.pg_get_function_arguments(p.oid)"),
        Column("Type", "CASE p.prokind WHEN 'a' THEN 'agg' WHEN 'w' THEN 'window' "
               "WHEN 'p' THEN 'proc' ELSE 'func' END"),
        Column("Volatility", "CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' "
               "WHEN 'v' THEN 'volatile' END", True),
        Column("Parallel", "CASE p.proparallel WHEN 'r' THEN 'restricted' WHEN 's' THEN 'safe' "
               "WHEN 'u' THEN 'unsafe' END", True),
        Column("Owner", "pg_catalog.pg_get_userbyid(p.proowner)", True),
        Column("Security", "CASE WHEN p.prosecdef THEN 'definer' ELSE 'invoker' END", True),
        Column("Leakproof?", yes_no("p.proleakproof"), True),
        Column("Access privileges", acl("p.proacl"), True), Column("Language", "l.lanname", True),
        Column("Internal name",
               "CASE WHEN l.lanname IN ('internal', 'c') THEN p.prosrc END", True),
        Column("Description", "pg_catalog.obj_description(p.oid, 'pg_proc')", True),
    ), "pg_catalog.pg_proc p LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
    " LEFT JOIN pg_catalog.pg_language l ON l.oid = p.prolang",
    Names("p.proname", "n.nspname", visible="pg_catalog.pg_function_is_visible(p.oid)"),
    user=not_system(), order="1, 2, 4",
)  # fmt: skip
_OPERATORS = Listing(
    "List of operators", (
        Column("Schema", "n.nspname"), Column("Name", "o.oprname"),
        Column("Left arg type", "CASE WHEN o.oprkind <> 'l' THEN "
               "pg_catalog.format_type(o.oprleft, NULL) END"),
        Column("Right arg type", "CASE WHEN o.oprkind <> 'r' THEN "
               "pg_catalog.format_type(o.oprright, NULL) END"),
        Column("Result type", "pg_catalog.format_type(o.oprresult, NULL)"),
        Column("Function", "o.oprcode", True),
        Column("Leakproof?", yes_no("p.proleakproof"), True),
        Column("Description", "COALESCE(pg_catalog.obj_description(o.oid, 'pg_operator'), "
               "pg_catalog.obj_description(o.oprcode, 'pg_proc'))"),
    ), in_schema("pg_catalog.pg_operator o", "o.oprnamespace",
                 " LEFT JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode"),
    Names("o.oprname", "n.nspname", visible="pg_catalog.pg_operator_is_visible(o.oid)"),
    user=not_system(), order="1, 2, 3, 4",
)  # fmt: skip
_CASTS = Listing(
    "List of casts", (
        Column("Source type", "pg_catalog.format_type(c.castsource, NULL)"),
        Column("Target type", "pg_catalog.format_type(c.casttarget, NULL)"),
        Column("Function", "CASE c.castmethod WHEN 'b' THEN '(binary coercible)' "
               "WHEN 'i' THEN '(with inout)' ELSE p.proname END"),
        Column("Implicit?", "CASE c.castcontext WHEN 'e' THEN 'no' WHEN 'a' THEN 'in assignment' "
               "ELSE 'yes' END"),
        Column("Leakproof?", yes_no("p.proleakproof"), True),
        Column("Description", "d.description", True),
    ), "pg_catalog.pg_cast c LEFT JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc"
    + _joined("ts", "c.castsource") + _joined("tt", "c.casttarget"),
    Names("ts.typname"), more_source=" LEFT JOIN pg_catalog.pg_description d ON d.classoid = "
    "c.tableoid AND d.objoid = c.oid AND d.objsubid = 0",
)  # fmt: skip


def _print(
    runner: Any, listing: Listing, joins: str, extra: list[str], pattern: str | None,
    flags: tuple[bool, bool, bool],
) -> None:  # fmt: skip
    from dataclasses import replace

    verbose, system, expanded = flags
    widened = replace(listing, source=listing.source + joins)
    text = select(widened, runner, pattern, verbose=verbose, system=system, extra=extra)
    names, types, rows = runner.query(text)
    show(runner, names, types, rows, listing.title, expanded)


def list_functions(
    runner: Any, kinds: str, words: list[str], flags: tuple[bool, bool, bool]
) -> None:
    r"""\df: the kinds by letter; types of arguments behind the pattern."""
    extra = []
    if kinds and set(kinds) != set("anptw"):
        extra.append("(" + " OR ".join(_KINDS[kind] for kind in "anptw" if kind in kinds) + ")")
    dbname = runner.engine.session.database.name
    joins = ""
    for number, word in enumerate(words[1:]):
        alias = f"t{number}"
        joins += _joined(alias, f"p.proargtypes[{number}]")
        if word == "-":
            extra.append(f"{alias}.typname IS NULL")
        else:
            extra += _of_type(alias, type_name(word), dbname)
    _print(runner, _FUNCTIONS, joins, extra, words[0] if words else None, flags)


def list_operators(runner: Any, words: list[str], flags: tuple[bool, bool, bool]) -> None:
    r"""\do: one type behind the pattern means a prefix operator's."""
    types = words[1:3]
    dbname = runner.engine.session.database.name
    sides = ["o.oprright"] if len(types) == 1 else ["o.oprleft", "o.oprright"]
    extra, joins = [], ""
    if len(types) == 1:
        extra.append("o.oprleft = 0")
    for number, (side, word) in enumerate(zip(sides, types)):
        joins += _joined(f"t{number}", side)
        if word == "-":
            extra.append(f"t{number}.typname IS NULL")
        else:
            extra += _of_type(f"t{number}", type_name(word), dbname)
    _print(runner, _OPERATORS, joins, extra, words[0] if words else None, flags)


def list_casts(runner: Any, pattern: str | None, flags: tuple[bool, bool, bool]) -> None:
    r"""\dC: casts from or to the types of a pattern."""
    dbname = runner.engine.session.database.name
    extra = []
    if pattern is not None:
        sides = [_of_type(alias, pattern, dbname) or ["true"] for alias in ("ts", "tt")]
        extra.append("(" + " OR ".join("(" + " AND ".join(side) + ")" for side in sides) + ")")
    else:
        visible = [f"pg_catalog.pg_type_is_visible({alias}.oid)" for alias in ("ts", "tt")]
        extra.append(f"({visible[0]} OR {visible[1]})")
    _print(runner, _CASTS, "", extra, None, flags)


def check_kinds(letters: str) -> str:
    r"""The kinds behind \df; UserError for what is none."""
    if set(letters) - set("anptw"):
        raise UserError("\\df only takes [anptwSx+] as options")
    return letters
