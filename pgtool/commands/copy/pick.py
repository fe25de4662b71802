"""Which relations an export is about."""

from __future__ import annotations

from collections.abc import Sequence

from pgtool.access.damage import Damage, strict
from pgtool.catalog.database import Database
from pgtool.catalog.names import is_system_schema, matching, parse_pattern
from pgtool.catalog.relation import Relation
from pgtool.commands.copy.dumporder import extension_members, in_dump_order, owned_sequences
from pgtool.errors import CorruptData, UserError

#: What can be exported when it is asked for by name; what is when nothing is.
NAMED_KINDS, ALL_KINDS = "rmpt", "rm"
#: The same as pg_dump has it: values of sequences, but no rows of materialized views.
SQL_NAMED_KINDS, SQL_KINDS = "rmptS", "rS"


def pick(
    database: Database, tables: Sequence[str], schemas: Sequence[str], fmt: str,
    damage: Damage = strict,
) -> list[Relation]:  # fmt: skip
    """The relations, with their attributes, in the order of schema and name (or of a dump).

    Partitioned tables are picked only by name: their rows come with their partitions.
    ``damage`` is told of relations that the catalogs no longer describe whole.
    """
    sql = fmt == "sql"
    kinds, named = (SQL_KINDS, SQL_NAMED_KINDS) if sql else (ALL_KINDS, NAMED_KINDS)
    found = {r.oid: r for r in matching(database, tables, named)} if tables else {}
    if sql and tables:
        found.update((oid, database.relation(oid)) for oid in owned_sequences(database, found))
    if schemas:
        patterns = [parse_pattern(schema) for schema in schemas]
        inside = [
            r for r in database.relations()
            if r.relkind in kinds and any(p.name.fullmatch(r.nspname) for p in patterns)
        ]  # fmt: skip
        if not inside:
            raise UserError(f"no matching schemas were found for {', '.join(schemas)}")
        found.update((r.oid, r) for r in inside)
    if not tables and not schemas:
        theirs = extension_members(database) if sql else set()
        found = {
            r.oid: r for r in database.relations()
            if r.relkind in kinds and not is_system_schema(r.nspname) and r.oid not in theirs
        }  # fmt: skip
    if len(found) > 1:
        found = {oid: r for oid, r in found.items() if r.relkind != "p"} or found
    chosen = []
    for oid in found:
        try:
            chosen.append(database.relation(oid))
        except CorruptData as problem:
            damage(problem)
    if sql:
        return in_dump_order(database, chosen)
    return sorted(chosen, key=lambda r: (r.nspname, r.relname))
