"""CREATE SCHEMA."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.acl import acl_of_new, record_acl
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import record_owner
from pgtool.commands.context import Ddl, begin
from pgtool.commands.ownership import become_owner
from pgtool.errors import SqlError, Unsupported
from pgtool.sql.answer import Outcome
from pgtool.sql.permissions import require
from pgtool.types.names import quote_identifier

__all__ = ["create", "create_namespace"]

#: Elements in the order in which they are made → where their name is.
_ORDER = {"CreateSeqStmt": "sequence", "CreateStmt": "relation", "ViewStmt": "view",
          "IndexStmt": "relation", "GrantStmt": ""}  # fmt: skip


def create_namespace(ddl: Ddl, name: str, owner: int) -> int:
    """A row of pg_namespace; its OID."""
    oid = ddl.writer.new_oid("pg_namespace")
    acl = acl_of_new(ddl.writer, "n", owner)
    ddl.writer.insert("pg_namespace", {
        "oid": oid, "nspname": name, "nspowner": owner, "nspacl": acl,
    })  # fmt: skip
    address = Address(c.NAMESPACE, oid)
    record_owner(ddl.writer, address, owner)
    record_acl(ddl.writer, address, acl, owner)
    ddl.advance()
    return oid


def create(engine: Any, raw: Any, text: str) -> Outcome:
    """CREATE SCHEMA, without elements."""
    ddl = begin(engine, text)
    owner = ddl.owner if raw.authrole is None else ddl.role_oid(raw.authrole)
    require(ddl.session, "database", ddl.database.oid, "CREATE")
    become_owner(ddl, owner)
    name = raw.schemaname
    if name is None:
        name = str(ddl.cache.one("pg_authid", "oid", owner).rolname)
    if name.startswith("pg_"):
        raise SqlError(f'unacceptable schema name "{name}"', "42939",
                       'The prefix "pg_" is reserved for system schemas.')  # fmt: skip
    if ddl.cache.namespace_oid(name) is not None:
        if raw.if_not_exists:
            ddl.notice(f'schema "{name}" already exists, skipping', "42P06")
            return ddl.done("CREATE SCHEMA")
        raise SqlError(f'schema "{name}" already exists', "42P06")
    create_namespace(ddl, name, owner)
    if raw.schemaElts:
        if owner != ddl.owner:
            raise Unsupported("CREATE SCHEMA AUTHORIZATION of another role with elements")
        _elements(ddl, engine, name, raw.schemaElts, text)
    return ddl.done("CREATE SCHEMA")


def _elements(ddl: Ddl, engine: Any, schema: str, elements: list[Any], text: str) -> None:
    """What stands in the statement goes into the schema: tables before views before indexes."""
    from pgtool.commands.dispatch import run

    session = ddl.session
    before = str(session.gucs.values["search_path"])
    session.gucs.values["search_path"] = f"{quote_identifier(schema)}, {before}"
    session.invalidate(frozenset({"pg_namespace"}))
    try:
        for kind, place in _ORDER.items():
            for node in elements:
                if type(node).__name__ == kind:
                    target = getattr(node, place) if place else None
                    if target is not None:
                        if target.schemaname not in (None, schema):
                            raise SqlError(
                                f"CREATE specifies a schema ({target.schemaname}) different from "
                                f"the one being created ({schema})", "42P15")  # fmt: skip
                        target.schemaname = schema
                    ddl.notices += run(engine, node, text).notices
        others = {type(node).__name__ for node in elements} - set(_ORDER)
        if others:
            raise Unsupported(f"CREATE SCHEMA with {sorted(others)[0]}")
    finally:
        session.gucs.values["search_path"] = before
        session.invalidate(frozenset({"pg_namespace"}))
