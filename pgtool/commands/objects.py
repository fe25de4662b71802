"""Objects by the names that statements use: (kind, parse node) → address."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.commands.context import Ddl
from pgtool.commands.dropcmds import RELATIONS, address_of
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.query import RangeVar
from pgtool.nodes.raw_enums import ObjectType as Kind
from pgtool.sql.analyze.typenames import typename_type

__all__ = ["object_address"]

#: Kind → (catalog, name column, class, noun, SQLSTATE) of things without a schema.
_FLAT = {
    Kind.OBJECT_SCHEMA: ("pg_namespace", "nspname", c.NAMESPACE, "schema", "3F000"),
    Kind.OBJECT_ROLE: ("pg_authid", "rolname", c.AUTH_ID, "role", "42704"),
    Kind.OBJECT_TABLESPACE: ("pg_tablespace", "spcname", c.TABLESPACE, "tablespace", "42704"),
    Kind.OBJECT_DATABASE: ("pg_database", "datname", c.DATABASE, "database", "3D000"),
    Kind.OBJECT_EXTENSION: ("pg_extension", "extname", c.EXTENSION, "extension", "42704"),
    Kind.OBJECT_LANGUAGE: ("pg_language", "lanname", c.LANGUAGE, "language", "42704"),
}  # fmt: skip


def relation_of(ddl: Ddl, parts: list[str]) -> Any:
    """The pg_class row that a list of names means."""
    schema, name = ddl.split(parts)
    return ddl.find_relation(RangeVar(schemaname=schema, relname=name))


def _column(ddl: Ddl, parts: list[str]) -> Address:
    if len(parts) == 1:
        raise SqlError("column name must be qualified", "42601")
    row = relation_of(ddl, parts[:-1])
    attribute = ddl.attribute(row.oid, parts[-1])
    if attribute is None:
        raise SqlError(
            f'column "{parts[-1]}" of relation "{row.relname}" does not exist', "42703")
    return Address(c.RELATION, row.oid, attribute.attnum)


def _constraint(ddl: Ddl, parts: list[str]) -> Address:
    row = relation_of(ddl, parts[:-1])
    key = ("conrelid", "conname")
    found = ddl.cache.one("pg_constraint", key, (row.oid, parts[-1]))
    if found is None:
        raise SqlError(
            f'constraint "{parts[-1]}" for table "{row.relname}" does not exist', "42704")
    return Address(c.CONSTRAINT, found.oid)


def _domain_constraint(ddl: Ddl, node: list[Any]) -> Address:
    typid, _typmod = typename_type(ddl.state(), node[0])
    name = node[1].sval
    found = ddl.cache.one("pg_constraint", ("contypid", "conname"), (typid, name))
    if found is None:
        shown = ddl.types.format_type(typid)
        raise SqlError(f'constraint "{name}" for domain {shown} does not exist', "42704")
    return Address(c.CONSTRAINT, found.oid)


def object_address(ddl: Ddl, kind: Any, node: Any) -> Address:
    """The object that a statement names; SqlError where there is none."""
    if kind in RELATIONS:
        row = relation_of(ddl, [part.sval for part in node])
        facts = RELATIONS[kind]
        if row.relkind not in facts.relkinds:
            raise SqlError(f'"{row.relname}" is not {facts.article}', "42809")
        return Address(c.RELATION, row.oid)
    if kind == Kind.OBJECT_COLUMN:
        return _column(ddl, [part.sval for part in node])
    if kind == Kind.OBJECT_TABCONSTRAINT:
        return _constraint(ddl, [part.sval for part in node])
    if kind == Kind.OBJECT_DOMCONSTRAINT:
        return _domain_constraint(ddl, node)
    if kind in _FLAT:
        catalog, column, classid, noun, code = _FLAT[kind]
        row = ddl.cache.one(catalog, column, node.sval)
        if row is None:
            raise SqlError(f'{noun} "{node.sval}" does not exist', code)
        return Address(classid, row.oid)
    found = address_of(ddl, node, kind, False)
    if found is None:
        raise Unsupported(f"{kind.name.removeprefix('OBJECT_')} here")
    return found


