r"""Lists of relations: \dt \di \dv \dm \ds \dE and together, \dP, \dp."""

from __future__ import annotations

from typing import Any

from pgtool.cli.psql.describe.listing import Column, Listing, acl, print_listing, select, show
from pgtool.cli.psql.describe.lists import not_system
from pgtool.cli.psql.describe.pattern import Names, NotFound

__all__ = ["KINDS", "list_partitioned", "list_privileges", "list_relations"]

#: relkind → its word.
KINDS = {
    "r": "table", "v": "view", "m": "materialized view", "i": "index", "S": "sequence",
    "t": "TOAST table", "f": "foreign table", "p": "partitioned table", "I": "partitioned index",
}  # fmt: skip
#: Letter → the kinds it lists, and the word for several.
_LETTERS = {
    "t": ("rp", "tables"), "i": ("iI", "indexes"), "v": ("v", "views"),
    "m": ("m", "materialized views"), "s": ("S", "sequences"), "E": ("f", "foreign tables"),
}  # fmt: skip
_NAMES = Names("c.relname", "n.nspname", visible="pg_catalog.pg_table_is_visible(c.oid)")
_USER = not_system() + " AND n.nspname !~ '^pg_toast'"
_SOURCE = ("pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
           "LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam "
           "LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid "
           "LEFT JOIN pg_catalog.pg_class tab ON tab.oid = i.indrelid")  # fmt: skip
Flags = tuple[bool, bool, bool]


def _words(column: str, words: dict[str, str]) -> str:
    cases = " ".join(f"WHEN '{key}' THEN '{word}'" for key, word in words.items())
    return f"CASE {column} {cases} END"


def _in(column: str, kinds: str) -> str:
    return f"{column} IN (" + ", ".join(f"'{kind}'" for kind in kinds) + ")"


_OWNER = Column("Owner", "pg_catalog.pg_get_userbyid(c.relowner)")
_ABOUT = Column("Description", "pg_catalog.obj_description(c.oid, 'pg_class')", True)
_PERSISTENCE = {"p": "permanent", "t": "temporary", "u": "unlogged"}


def list_relations(runner: Any, letters: str, pattern: str | None, flags: Flags) -> None:
    r"""The relations of some kinds."""
    verbose, system, expanded = flags
    every = not set(letters) & set(_LETTERS)
    chosen = [letter for letter in _LETTERS if letter in letters] or list("tvmsE")
    kinds = "".join(_LETTERS[letter][0] for letter in chosen)
    if "t" in chosen and (system or pattern is not None):
        kinds += "t"
    if "s" in chosen and (system or pattern is not None):
        kinds += "s"
    what = _LETTERS[chosen[0]][1] if len(chosen) == 1 and not every else "relations"
    columns = [
        Column("Schema", "n.nspname"), Column("Name", "c.relname"),
        Column("Type", _words("c.relkind", {**KINDS, "s": "special"})), _OWNER,
    ]  # fmt: skip
    if "i" in chosen:
        columns.append(Column("Table", "tab.relname"))
    columns.append(Column("Persistence", _words("c.relpersistence", _PERSISTENCE), True))
    if set(chosen) & set("tmi") and not runner.variables.on("HIDE_TABLEAM"):
        columns.append(Column("Access method", "am.amname", True))
    columns += [
        Column("Size", "pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(c.oid))", True), _ABOUT,
    ]  # fmt: skip
    listing = Listing(f"List of {what}", tuple(columns), _SOURCE, _NAMES,
                      (_in("c.relkind", kinds),), _USER)  # fmt: skip
    extra = ["n.nspname !~ '^pg_toast'"] if system and pattern is None else []
    if system and pattern is None and "t" in chosen:
        extra = []
    text = select(listing, runner, pattern, verbose=verbose, system=system, extra=extra)
    names, types, rows = runner.query(text)
    if not rows and names and not runner.quiet:
        named = "" if pattern is None else f' named "{pattern}"'
        raise NotFound(f"Did not find any {what}{named}.")
    show(runner, names, types, rows, f"List of {what}", expanded)


def list_partitioned(runner: Any, letters: str, pattern: str | None, flags: Flags) -> None:
    r"""\dP: partitioned tables and indexes, the outermost unless a pattern or n asks for all."""
    verbose, system, expanded = flags
    tables, indexes = "t" in letters, "i" in letters
    if not tables and not indexes:
        tables = indexes = True
    nested = "n" in letters or pattern is not None
    columns = [Column("Schema", "n.nspname"), Column("Name", "c.relname"), _OWNER]
    order = ['"Schema"']
    if tables and indexes:
        columns.append(Column("Type", _words("c.relkind", {k: KINDS[k] for k in "pI"})))
        order.append('"Type" DESC')
    if nested:
        columns.append(Column("Parent name", "h.inhparent::pg_catalog.regclass"))
        order.append('"Parent name" NULLS FIRST')
    if indexes:
        columns.append(Column("Table", "tab.oid::pg_catalog.regclass"))
    columns.append(Column("Access method", "am.amname", True))
    if nested:
        columns.append(Column("Leaf partition size", "sizes.leaves", True))
    columns += [Column("Total size", "sizes.total", True), _ABOUT]
    listing = Listing(
        "List of partitioned " + ("relations" if tables and indexes else
                                  "tables" if tables else "indexes"),
        tuple(columns), _SOURCE + " LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = c.oid",
        _NAMES, (_in("c.relkind", "p" * tables + "I" * indexes),
                 *([] if nested else ["NOT c.relispartition"])),
        _USER, ", ".join([*order, '"Name"']), more_source=_SIZES,
    )  # fmt: skip
    print_listing(listing, runner, pattern, verbose=verbose, system=system, expanded=expanded)


_SIZES = (
    " CROSS JOIN LATERAL (SELECT pg_catalog.pg_size_pretty(pg_catalog.sum("
    "CASE WHEN t.isleaf AND t.level = 1 THEN pg_catalog.pg_table_size(t.relid) ELSE 0 END)) "
    "AS leaves, pg_catalog.pg_size_pretty(pg_catalog.sum(pg_catalog.pg_table_size(t.relid))) "
    "AS total FROM pg_catalog.pg_partition_tree(c.oid) t) sizes"
)

_POLICIES = (
    "pg_catalog.array_to_string(ARRAY(SELECT q.polname || "
    "CASE WHEN q.polpermissive THEN '' ELSE ' (RESTRICTIVE)' END || "
    "CASE q.polcmd WHEN '*' THEN ':' ELSE ' (' || q.polcmd::pg_catalog.text || '):' END || "
    "COALESCE(E'\\n  (u): ' || pg_catalog.pg_get_expr(q.polqual, q.polrelid), '') || "
    "COALESCE(E'\\n  (c): ' || pg_catalog.pg_get_expr(q.polwithcheck, q.polrelid), '') || "
    "CASE WHEN q.polroles <> '{0}' THEN E'\\n  to: ' || pg_catalog.array_to_string(ARRAY("
    "SELECT r.rolname FROM pg_catalog.pg_roles r WHERE r.oid = ANY (q.polroles) ORDER BY 1), "
    "', ') ELSE '' END FROM pg_catalog.pg_policy q WHERE q.polrelid = c.oid), E'\\n')"
)
_PRIVILEGES = Listing(
    "Access privileges", (
        Column("Schema", "n.nspname"), Column("Name", "c.relname"),
        Column("Type", _words("c.relkind", {k: KINDS[k] for k in "rvmSfp"})),
        Column("Access privileges", acl("c.relacl")),
        Column("Column privileges", "pg_catalog.array_to_string(ARRAY(SELECT a.attname || "
               "E':\\n  ' || pg_catalog.array_to_string(a.attacl, E'\\n  ') FROM "
               "pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped "
               "AND a.attacl IS NOT NULL), E'\\n')"),
        Column("Policies", _POLICIES),
    ), "pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
    _NAMES, (_in("c.relkind", "rvmSfp"),), not_system(),
)  # fmt: skip


def list_privileges(runner: Any, pattern: str | None, flags: Flags) -> None:
    r"""\dp, \z."""
    _verbose, system, expanded = flags
    print_listing(_PRIVILEGES, runner, pattern, system=system, expanded=expanded)
