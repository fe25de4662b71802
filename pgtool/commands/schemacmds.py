"""CREATE SCHEMA."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import record_owner
from pgtool.commands.context import Ddl, begin
from pgtool.errors import SqlError, Unsupported
from pgtool.sql.answer import Outcome

__all__ = ["create", "create_namespace"]


def create_namespace(ddl: Ddl, name: str, owner: int) -> int:
    """A row of pg_namespace; its OID."""
    oid = ddl.writer.new_oid("pg_namespace")
    ddl.writer.insert("pg_namespace", {
        "oid": oid, "nspname": name, "nspowner": owner, "nspacl": None,
    })  # fmt: skip
    record_owner(ddl.writer, Address(c.NAMESPACE, oid), owner)
    ddl.advance()
    return oid


def create(engine: Any, raw: Any, text: str) -> Outcome:
    """CREATE SCHEMA, without elements."""
    ddl = begin(engine, text)
    owner = ddl.owner if raw.authrole is None else ddl.role_oid(raw.authrole)
    name = raw.schemaname
    if name is None:
        name = str(ddl.cache.one("pg_authid", "oid", owner).rolname)
    if raw.schemaElts:
        raise Unsupported("CREATE SCHEMA with elements")
    if name.startswith("pg_"):
        raise SqlError(f'unacceptable schema name "{name}"', "42939",
                       'The prefix "pg_" is reserved for system schemas.')  # fmt: skip
    if ddl.cache.namespace_oid(name) is not None:
        if raw.if_not_exists:
            ddl.notice(f'schema "{name}" already exists, skipping', "42P06")
            return ddl.done("CREATE SCHEMA")
        raise SqlError(f'schema "{name}" already exists', "42P06")
    create_namespace(ddl, name, owner)
    return ddl.done("CREATE SCHEMA")
