"""Who may change what: ownership and the privileges that commands ask for.

Messages name objects as the server's do. Superusers pass everywhere before a catalog is read.
"""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.errors import SqlError
from pgtool.functions.sysfuncs.acl import is_member, is_superuser
from pgtool.functions.sysfuncs.privileges import KINDS, check, owns

__all__ = ["become_owner", "check_ownership", "may_maintain", "owner_privilege"]

DENIED = "42501"
#: Class of objects → catalog, owner's column, name's column, noun.
_OWNED = {
    c.NAMESPACE: ("pg_namespace", "nspowner", "nspname", "schema"),
    c.DATABASE: ("pg_database", "datdba", "datname", "database"),
    c.PROCEDURE: ("pg_proc", "proowner", "proname", "function"),
    c.RELATION: ("pg_class", "relowner", "relname", "relation"),
}
#: Class of objects that belong to a relation or domain → catalog, columns of those.
_PARTS = {
    c.CONSTRAINT: ("pg_constraint", "conrelid", "contypid"),
    c.TRIGGER: ("pg_trigger", "tgrelid", ""), c.REWRITE: ("pg_rewrite", "ev_class", ""),
}  # fmt: skip


def check_ownership(ddl: Any, address: Address) -> None:
    """SqlError unless the user has the privileges of the object's owner."""
    session = ddl.session
    if session.is_superuser:
        return
    part = _PARTS.get(address.classid)
    if part is not None:
        row = session.cache.one(part[0], "oid", address.objid)
        relid = getattr(row, part[1])
        address = Address(c.RELATION, relid) if relid else Address(c.TYPE, getattr(row, part[2]))
    if address.classid == c.TYPE:
        _type(ddl, address.objid)
    elif address.classid == c.AUTH_ID:
        user = session.cache.one("pg_authid", "oid", session.user_oid)
        if not user.rolcreaterole:
            raise SqlError("permission denied", DENIED,
                           "The current user must have the CREATEROLE attribute.")  # fmt: skip
    elif address.classid in _OWNED:
        catalog, owner, name, noun = _OWNED[address.classid]
        row = session.cache.one(catalog, "oid", address.objid)
        if not owns(session, session.user_oid, getattr(row, owner)):
            raise SqlError(f"must be owner of {noun} {getattr(row, name)}", DENIED)
    else:
        raise SqlError("must be superuser", DENIED)


def _type(ddl: Any, oid: int) -> None:
    session = ddl.session
    row = session.cache.type(oid)
    if not owns(session, session.user_oid, row.typowner):
        raise SqlError(f"must be owner of type {ddl.types.format_type(oid)}", DENIED)


def may_maintain(ddl: Any, row: Any) -> None:
    """SqlError unless the user has MAINTAIN on a table, or on an index's table."""
    session = ddl.session
    if session.is_superuser:
        return
    if row.relkind in "iI":
        index = ddl.cache.one("pg_index", "indexrelid", row.oid)
        table = ddl.relation_row(index.indrelid)
        if not check(session, KINDS["table"], session.user_oid, table.oid, "MAINTAIN"):
            raise SqlError(f"permission denied for index {row.relname}", DENIED)
    elif not check(session, KINDS["table"], session.user_oid, row.oid, "MAINTAIN"):
        noun = "materialized view" if row.relkind == "m" else "table"
        raise SqlError(f"permission denied for {noun} {row.relname}", DENIED)


def owner_privilege(ddl: Any, oid: int, role: int, kind: str, privilege: str) -> None:
    """A role has a privilege that a command needs in its name (as a new owner, say)."""
    session = ddl.session
    if session.is_superuser or is_superuser(session, role):
        return
    if not check(session, KINDS[kind], role, oid, privilege):
        facts = KINDS[kind]
        name = getattr(session.cache.one(facts.catalog, "oid", oid), facts.name)
        raise SqlError(f"permission denied for {kind} {name}", DENIED)


def become_owner(ddl: Any, owner: int) -> None:
    """The user may give an object to a role: it could become that role itself."""
    session = ddl.session
    if not session.is_superuser and not is_member(
        session, session.user_oid, owner, "set_option"
    ):
        name = session.cache.one("pg_authid", "oid", owner).rolname
        raise SqlError(f'must be able to SET ROLE "{name}"', DENIED)
