"""Finding relations by name: psql's patterns, and the search path.

In a pattern ``*`` stands for any characters, ``?`` for one, a dot parts schema from name,
letters fold to lower case, and double quotes take all of this away from what they
enclose. Other characters mean what they mean in a regular expression, ``$`` excepted. A
pattern without schema looks at what the search path shows (pg_catalog, then public);
where that finds nothing, at all schemas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pgtool.catalog.database import Database
from pgtool.catalog.relation import Relation
from pgtool.errors import UserError

SEARCH_PATH = ("pg_catalog", "public")
SYSTEM_SCHEMAS = ("pg_catalog", "information_schema")
_SPECIAL = frozenset("|*+?()[]{}.^$\\")


def is_system_schema(nspname: str) -> bool:
    """Whether a schema belongs to PostgreSQL itself (TOAST and temporary ones too)."""
    return nspname in SYSTEM_SCHEMAS or nspname.startswith(("pg_toast", "pg_temp"))


@dataclass(frozen=True)
class Pattern:
    """A compiled pattern; ``schema`` None matches by visibility."""

    text: str
    schema: re.Pattern[str] | None
    name: re.Pattern[str]


def pattern_parts(text: str) -> tuple[list[str], bool]:
    """What stands between a psql pattern's dots, as regular expressions, and whether a
    quoted name was left open."""
    parts = [""]
    quoted = False
    i = 0
    while i < len(text):
        char = text[i]
        if char == '"':
            if quoted and text[i + 1 : i + 2] == '"':
                parts[-1] += '"'
                i += 1
            else:
                quoted = not quoted
        elif quoted:
            parts[-1] += f"\\{char}" if char in _SPECIAL else char
        elif char == ".":
            parts.append("")
        elif char in "*?":
            parts[-1] += {"*": ".*", "?": "."}[char]
        elif char == "$" or text[i : i + 2] == "[]":
            parts[-1] += f"\\{char}"
        else:
            parts[-1] += char.lower()
        i += 1
    return parts, quoted


def parse_pattern(text: str) -> Pattern:
    """A psql pattern; UserError where it cannot be one."""
    parts, quoted = pattern_parts(text)
    if quoted:
        raise UserError(f"unterminated quoted identifier in pattern: {text}")
    if len(parts) > 2:
        raise UserError(f"improper qualified name (too many dotted names): {text}")
    try:
        compiled = [re.compile(f"(?:{part})", re.DOTALL) for part in parts]
    except re.error as error:
        raise UserError(f"invalid pattern {text}: {error}") from None
    return Pattern(text, compiled[0] if len(parts) == 2 else None, compiled[-1])


def visible_names(database: Database) -> dict[str, int]:
    """Name → OID of the relations that the search path shows."""
    table = database.pg_class
    schemas = {name: oid for oid, name in database.namespaces.items()}
    out: dict[str, int] = {}
    namespace = table.columns["relnamespace"]
    for schema in reversed(SEARCH_PATH):
        for row in (namespace == schemas.get(schema, 0)).nonzero()[0].tolist():
            out[table.get(row, "relname")] = table.get(row, "oid")
    return out


def matching(
    database: Database, patterns: Iterable[str], kinds: str, *, must: bool = True
) -> list[Relation]:
    """Relations of these kinds that match any pattern, in the order of OIDs.

    UserError where a pattern matches nothing (unless ``must`` is False).
    """
    shown: dict[str, int] | None = None
    picked: dict[int, Relation] = {}
    everything = [r for r in database.relations() if r.relkind in kinds]
    for pattern in map(parse_pattern, patterns):
        named = [r for r in everything if pattern.name.fullmatch(r.relname)]
        if pattern.schema is not None:
            found = [r for r in named if pattern.schema.fullmatch(r.nspname)]
        else:
            if shown is None:
                shown = visible_names(database)
            found = [r for r in named if shown.get(r.relname) == r.oid] or named
        if not found and must:
            raise UserError(f'no matching relations were found for "{pattern.text}"')
        picked.update((r.oid, r) for r in found)
    return [picked[oid] for oid in sorted(picked)]


def find_relation(database: Database, name: str, kinds: str = "rmtSiv") -> Relation:
    """The one relation that a name (or pattern) picks; UserError where it is not one."""
    if name.isdigit():
        return database.relation(int(name))
    found = matching(database, [name], kinds)
    if len(found) > 1:
        listed = ", ".join(r.qualified for r in found[:5])
        raise UserError(f'"{name}" matches more than one relation: {listed}')
    return database.relation(found[0].oid)
