"""TRUNCATE: new, empty files for tables, their TOAST tables and indexes."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.commands.context import Ddl, begin
from pgtool.commands.indexcmds import children_of
from pgtool.commands.owner import owned_sequences
from pgtool.commands.rewrite_rows import new_files
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.raw_enums import DropBehavior
from pgtool.sql.answer import Outcome
from pgtool.sql.permissions import require_relation

ACL_TRUNCATE = 16
__all__ = ["truncate"]

TRUNCATE_EVENT = 32


def _tables(ddl: Ddl, raw: Any) -> list[Any]:
    """The tables named, with their children."""
    out: dict[int, Any] = {}
    for node in raw.relations:
        row = ddl.find_relation(node)
        _check(ddl, row)
        out.setdefault(row.oid, row)
        if node.inh:
            for oid in _below(ddl, row.oid):
                child = ddl.relation_row(oid)
                ddl.check_unused(child, "TRUNCATE")
                out.setdefault(oid, child)
        elif row.relkind == "p":
            raise SqlError("cannot truncate only a partitioned table", "42809",
                           hint="Do not specify the ONLY keyword, or use TRUNCATE ONLY on the "
                           "partitions directly.")  # fmt: skip
    return list(out.values())


def _below(ddl: Ddl, oid: int) -> list[int]:
    out = []
    for child in children_of(ddl, oid):
        out += [child, *_below(ddl, child)]
    return out


def _check(ddl: Ddl, row: Any) -> None:
    if row.relkind not in "rp":
        raise SqlError(f'"{row.relname}" is not a table', "42809")
    if row.oid < c.FIRST_UNPINNED_OBJECT_ID:
        raise SqlError(f'permission denied: "{row.relname}" is a system catalog', "42501")
    require_relation(ddl.session, row, ACL_TRUNCATE)
    for trigger in ddl.cache.lookup("pg_trigger", "tgrelid", row.oid):
        if trigger.tgtype & TRUNCATE_EVENT and trigger.tgenabled != "D":
            raise Unsupported(f'TRUNCATE trigger "{trigger.tgname}"')
    ddl.check_unused(row, "TRUNCATE")


def _referencing(ddl: Ddl, oids: set[int]) -> list[int]:
    """Tables outside of a set whose foreign keys refer into it."""
    found = []
    for oid in oids:
        for row in ddl.cache.lookup("pg_constraint", "confrelid", oid):
            if row.contype == "f" and row.conrelid not in oids:
                found.append(int(row.conrelid))
    return sorted(set(found))


def _with_referencing(ddl: Ddl, tables: list[Any], cascade: bool) -> list[Any]:
    oids = {row.oid for row in tables}
    while True:
        found = _referencing(ddl, oids)
        if not found:
            return tables
        if not cascade:
            other = ddl.relation_row(found[0])
            for row in ddl.cache.lookup("pg_constraint", "conrelid", other.oid):
                if row.contype == "f" and row.confrelid in oids:
                    own = ddl.relation_row(row.confrelid).relname
                    raise SqlError(
                        "cannot truncate a table referenced in a foreign key constraint", "0A000",
                        f'Table "{other.relname}" references "{own}".',
                        f'Truncate table "{other.relname}" at the same time, or use TRUNCATE ... '
                        "CASCADE.",
                    )  # fmt: skip
        for oid in found:
            row = ddl.relation_row(oid)
            ddl.notice(f'truncate cascades to table "{row.relname}"')
            _check(ddl, row)
            tables.append(row)
            oids.add(oid)


def truncate(engine: Any, raw: Any, text: str) -> Outcome:
    """TRUNCATE."""
    ddl = begin(engine, text)
    tables = _tables(ddl, raw)
    tables = _with_referencing(ddl, tables, raw.behavior == DropBehavior.DROP_CASCADE)
    if raw.restart_seqs:
        for row in tables:
            for oid in owned_sequences(ddl, row.oid):
                start = ddl.cache.one("pg_sequence", "seqrelid", oid).seqstart
                ddl.store.rewrite_sequence(oid, start, 0, False)
    for row in tables:
        if row.relkind == "r":
            new_files(ddl, ddl.relation_row(row.oid))
    return ddl.done("TRUNCATE TABLE")
