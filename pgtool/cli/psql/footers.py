r"""What stands below a relation's columns in \d: asked of the catalogs, in psql's order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.errors import Unsupported

__all__ = ["above_indexes", "below_constraints"]

_PARTITION = """
SELECT i.inhparent::pg_catalog.regclass, pg_catalog.pg_get_expr(c.relpartbound, c.oid)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_inherits i ON c.oid = i.inhrelid
WHERE c.relispartition AND c.oid = {oid}"""
_KEY = "SELECT pg_catalog.pg_get_partkeydef({oid})"
_REFERENCED = """
SELECT conrelid::pg_catalog.regclass, conname, pg_catalog.pg_get_constraintdef(oid, true)
FROM pg_catalog.pg_constraint
WHERE confrelid = {oid} AND contype = 'f' AND conparentid = 0 ORDER BY conname"""
_POLICIES = """
SELECT polname, polpermissive, polcmd::pg_catalog.text,
       CASE WHEN polroles <> '{{0}}' THEN pg_catalog.array_to_string(ARRAY(
           SELECT rolname FROM pg_catalog.pg_roles WHERE oid = ANY (polroles) ORDER BY 1), ',')
       END,
       pg_catalog.pg_get_expr(polqual, polrelid), pg_catalog.pg_get_expr(polwithcheck, polrelid)
FROM pg_catalog.pg_policy WHERE polrelid = {oid} ORDER BY 1"""
_SECURITY = "SELECT relrowsecurity, relforcerowsecurity FROM pg_catalog.pg_class WHERE oid = {oid}"
_STATISTICS = """
SELECT stxnamespace::pg_catalog.regnamespace, stxname,
       pg_catalog.pg_get_statisticsobjdef_columns(oid), stxkind
FROM pg_catalog.pg_statistic_ext WHERE stxrelid = {oid} ORDER BY 1::pg_catalog.text, 2"""
_RULES = """
SELECT pg_catalog.pg_get_ruledef(oid, true) FROM pg_catalog.pg_rewrite
WHERE ev_class = {oid} AND rulename <> '_RETURN' ORDER BY rulename"""
_PUBLICATIONS = """
SELECT pubname FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r
    ON p.oid = r.prpubid WHERE r.prrelid = {oid}
UNION SELECT pubname FROM pg_catalog.pg_publication WHERE puballtables ORDER BY 1"""
_TRIGGERS = """
SELECT pg_catalog.pg_get_triggerdef(oid, true) FROM pg_catalog.pg_trigger
WHERE tgrelid = {oid} AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY tgname"""
_INHERITS = """
SELECT i.inhparent::pg_catalog.regclass FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
WHERE i.inhrelid = {oid} AND p.relkind NOT IN ('p', 'I') ORDER BY i.inhseqno"""
_CHILDREN = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_inherits WHERE inhparent = {oid}"
_TABLESPACE = """
SELECT t.spcname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_tablespace t
    ON t.oid = c.reltablespace WHERE c.oid = {oid}"""
_COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


def _rows(runner: Any, query: str, oid: int) -> list[tuple[str | None, ...]]:
    try:
        return [
            tuple(row) for outcome in runner.engine.run(query.format(oid=oid))
            for row in outcome.answer.texts()
        ]  # fmt: skip
    except Unsupported as error:
        return [(f"({error} not supported)",) * 6]


def above_indexes(runner: Any, relation: Any) -> Iterator[str]:
    """What a table is a partition of, and by what it is partitioned."""
    for parent, bound in _rows(runner, _PARTITION, relation.oid):
        yield f"Partition of: {parent} {bound}"
    if relation.relkind == "p":
        yield f"Partition key: {_rows(runner, _KEY, relation.oid)[0][0]}"


def below_constraints(runner: Any, relation: Any) -> Iterator[str]:
    """From references to the table down to its tablespace."""
    oid = relation.oid
    if relation.relkind in "rp":
        yield from _section("Referenced by:", (
            f'TABLE "{table}" CONSTRAINT "{name}" {text}'
            for table, name, text in _rows(runner, _REFERENCED, oid)))
        yield from _policies(runner, oid)
        yield from _section("Statistics objects:", (
            _statistics(relation, *row) for row in _rows(runner, _STATISTICS, oid)))
    if relation.relkind in "rpv":
        yield from _section("Rules:", (
            str(text).removeprefix("CREATE RULE ").removesuffix(";")
            for (text, *_) in _rows(runner, _RULES, oid)))
    if relation.relkind in "rp":
        yield from _section("Publications:", (
            f'"{name}"' for (name, *_) in _rows(runner, _PUBLICATIONS, oid)))
    yield from _section("Triggers:", (
        str(text).partition(" TRIGGER ")[2] for (text, *_) in _rows(runner, _TRIGGERS, oid)))
    if relation.relkind in "rpf":
        yield from _family(runner, relation)


def _section(heading: str, lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if not number:
            yield heading
        yield "    " + line


def _policies(runner: Any, oid: int) -> Iterator[str]:
    enabled, forced = (value == "t" for value in _rows(runner, _SECURITY, oid)[0])
    found = _rows(runner, _POLICIES, oid)
    if not found and not enabled:
        return
    state = ("Policies (forced row security enabled):" if forced else
             "Policies:" if found else "Policies (row security enabled):")  # fmt: skip
    if not enabled:
        state = "Policies (row security disabled):"
    yield state if found else state + " (none)"
    for name, permissive, command, roles, using, check in found:
        kind = "" if permissive == "t" else " AS RESTRICTIVE"
        purpose = f" FOR {_COMMANDS[command]}" if command in _COMMANDS else ""
        yield f'    POLICY "{name}"{kind}{purpose}'
        if roles is not None:
            yield f"      TO {roles}"
        if using is not None:
            yield f"      USING ({using})"
        if check is not None:
            yield f"      WITH CHECK ({check})"


def _statistics(
    relation: Any, schema: str | None, name: str | None, columns: str | None, kinds: str | None
) -> str:
    """A statistics object; its kinds are named where they are not all."""
    words = {"d": "ndistinct", "f": "dependencies", "m": "mcv"}
    chosen = [word for letter, word in words.items() if letter in (kinds or "")]
    shown = f" ({', '.join(chosen)})" if 0 < len(chosen) < len(words) else ""
    return f'"{schema}.{name}"{shown} ON {columns} FROM {relation.relname}'


def _family(runner: Any, relation: Any) -> Iterator[str]:
    parents = [str(row[0]) for row in _rows(runner, _INHERITS, relation.oid)]
    for number, parent in enumerate(parents):
        lead = "Inherits: " if not number else " " * len("Inherits: ")
        yield lead + parent + ("," if number < len(parents) - 1 else "")
    children = int(_rows(runner, _CHILDREN, relation.oid)[0][0] or 0)
    what = "partitions" if relation.relkind == "p" else "child tables"
    if children:
        yield f"Number of {what}: {children} (Use \\d+ to list them.)"
    elif relation.relkind == "p":
        yield f"Number of {what}: 0"
    for (name, *_rest) in _rows(runner, _TABLESPACE, relation.oid):
        yield f'Tablespace: "{name}"'
