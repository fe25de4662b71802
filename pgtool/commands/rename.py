"""ALTER … RENAME: relations with their row types, columns, constraints, schemas, types."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog import pg_type
from pgtool.catalog.classids import Address
from pgtool.catalog.pg_constraint import named
from pgtool.commands.context import Ddl, begin, plural
from pgtool.commands.dbcommands import may_create_databases
from pgtool.commands.dropcmds import RELATIONS
from pgtool.commands.indexcmds import children_of
from pgtool.commands.ownership import check_ownership
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.raw_enums import ObjectType as Kind
from pgtool.sql.answer import Outcome
from pgtool.sql.permissions import require

__all__ = ["rename", "rename_relation"]

_SYSTEM = ("tableoid", "cmax", "xmax", "cmin", "xmin", "ctid")


def rename_relation(ddl: Ddl, row: Any, name: str, *, internal: bool = False) -> None:
    """A relation gets a new name, and so do its row type and its index's constraint."""
    key = (name, row.relnamespace)
    if ddl.cache.one("pg_class", ("relname", "relnamespace"), key) is not None:
        raise SqlError(f'relation "{name}" already exists', "42P07")
    ddl.writer.update("pg_class", row, relname=name)
    ddl.advance()
    if row.reltype:
        pg_type.rename_type(ddl.writer, row.reltype, name, row.relnamespace)
    if row.relkind in "iI" and not internal:
        for found in ddl.cache.lookup("pg_constraint", "conindid", row.oid):
            if found.contype in "pux":
                ddl.writer.update("pg_constraint", found, conname=name)
    ddl.advance()


def _relation(ddl: Ddl, raw: Any) -> str:
    row = ddl.find_relation(raw.relation, missing_ok=raw.missing_ok)
    noun = RELATIONS[raw.renameType].noun.upper()
    if row is None:
        ddl.notice(f'relation "{raw.relation.relname}" does not exist, skipping')
        return f"ALTER {noun}"
    ddl.check_owner(row)
    facts = RELATIONS[raw.renameType]
    plain = raw.renameType in (Kind.OBJECT_TABLE, Kind.OBJECT_INDEX)
    if not plain and row.relkind not in facts.relkinds:
        raise SqlError(f'"{row.relname}" is not {facts.article}', "42809")
    if row.relkind == "c":
        raise SqlError(f'"{row.relname}" is a composite type', "42809",
                       hint="Use ALTER TYPE instead.")  # fmt: skip
    rename_relation(ddl, row, raw.newname)
    return f"ALTER {noun}"


def rename_column(ddl: Ddl, row: Any, old: str, new: str, recurse: bool) -> None:
    """A column gets a new name, in the children too."""
    if recurse:
        for child, parents in _below(ddl, row.oid).items():
            _rename_one(ddl, ddl.relation_row(child), old, new, parents)
    _rename_one(ddl, row, old, new, 0, alone=not recurse)


def _below(ddl: Ddl, relid: int) -> dict[int, int]:
    """The tables that inherit from one → how many of their parents do, or are that one."""
    out: dict[int, int] = {}
    todo = [relid]
    while todo:
        for child in children_of(ddl, todo.pop()):
            if child not in out:
                todo.append(child)
            out[child] = out.get(child, 0) + 1
    return out


def _rename_one(
    ddl: Ddl, row: Any, old: str, new: str, expected: int, *, alone: bool = False
) -> None:
    attribute = ddl.attribute(row.oid, old)
    if attribute is None:
        raise SqlError(f'column "{old}" does not exist', "42703")
    if attribute.attnum <= 0:
        raise SqlError(f'cannot rename system column "{old}"', "0A000")
    if alone and children_of(ddl, row.oid):
        raise SqlError(
            f'inherited column "{old}" must be renamed in child tables too', "42P16")
    if attribute.attinhcount > expected:
        raise SqlError(f'cannot rename inherited column "{old}"', "42P16")
    if new in _SYSTEM:
        raise SqlError(f'column name "{new}" conflicts with a system column name', "42701")
    if ddl.attribute(row.oid, new) is not None:
        raise SqlError(
            f'column "{new}" of relation "{row.relname}" already exists', "42701")
    ddl.writer.update("pg_attribute", attribute, attname=new)


def _column(ddl: Ddl, raw: Any) -> str:
    row = ddl.find_relation(raw.relation, missing_ok=raw.missing_ok)
    composite = raw.renameType == Kind.OBJECT_ATTRIBUTE
    tag = "ALTER TYPE" if composite else f"ALTER {RELATIONS[raw.relationType].noun.upper()}"
    if row is None:
        ddl.notice(f'relation "{raw.relation.relname}" does not exist, skipping')
        return tag
    ddl.check_owner(row)
    if row.relkind not in "rvmcfpiI":
        raise SqlError(f'cannot rename columns of relation "{row.relname}"', "42809",
                       f"This operation is not supported for {plural(row.relkind)}.")
    if row.relkind == "c" and not composite:
        raise SqlError(f'"{row.relname}" is a composite type', "42809",
                       hint="Use ALTER TYPE instead.")  # fmt: skip
    rename_column(ddl, row, raw.subname, raw.newname, bool(raw.relation.inh))
    return tag


def rename_constraint(ddl: Ddl, row: Any, old: str, new: str, recurse: bool, top: bool) -> None:
    """A table's constraint gets a new name, its index too, in the children too."""
    found = named(ddl.writer, row.oid, old)
    if found is None:
        raise SqlError(f'constraint "{old}" for table "{row.relname}" does not exist', "42704")
    if found.contype in "cn" and not found.connoinherit:
        children = children_of(ddl, row.oid)
        if children and not recurse:
            raise SqlError(
                f'inherited constraint "{old}" must be renamed in child tables too', "42P16")
        for child in children:
            rename_constraint(ddl, ddl.relation_row(child), old, new, recurse, False)
    if found.coninhcount > 0 and top:
        raise SqlError(f'cannot rename inherited constraint "{old}"', "42P16")
    if named(ddl.writer, row.oid, new) is not None:
        raise SqlError(
            f'constraint "{new}" for relation "{row.relname}" already exists', "42710")
    if found.conindid and found.contype in "pux":
        rename_relation(ddl, ddl.relation_row(found.conindid), new)
    else:
        ddl.writer.update("pg_constraint", found, conname=new)


def _constraint(ddl: Ddl, raw: Any) -> str:
    row = ddl.find_relation(raw.relation, missing_ok=raw.missing_ok)
    if row is None:
        ddl.notice(f'relation "{raw.relation.relname}" does not exist, skipping')
        return "ALTER TABLE"
    ddl.check_owner(row)
    rename_constraint(ddl, row, raw.subname, raw.newname, bool(raw.relation.inh), True)
    return "ALTER TABLE"


def _schema(ddl: Ddl, raw: Any) -> str:
    row = ddl.cache.one("pg_namespace", "nspname", raw.subname)
    if row is None:
        raise SqlError(f'schema "{raw.subname}" does not exist', "3F000")
    check_ownership(ddl, Address(c.NAMESPACE, row.oid))
    require(ddl.session, "database", ddl.database.oid, "CREATE")
    if ddl.cache.namespace_oid(raw.newname) is not None:
        raise SqlError(f'schema "{raw.newname}" already exists', "42P06")
    if raw.newname.startswith("pg_"):
        raise SqlError(f'unacceptable schema name "{raw.newname}"', "42939",
                       'The prefix "pg_" is reserved for system schemas.')  # fmt: skip
    ddl.writer.update("pg_namespace", row, nspname=raw.newname)
    return "ALTER SCHEMA"


def _type(ddl: Ddl, raw: Any) -> str:
    parts = [part.sval for part in raw.object]
    oid = ddl.state().lookup_type_oid(parts)
    tag = "ALTER DOMAIN" if raw.renameType == Kind.OBJECT_DOMAIN else "ALTER TYPE"
    shown = ".".join(parts)
    if not oid:
        raise SqlError(f'type "{shown}" does not exist', "42704")
    row = ddl.cache.type(oid)
    check_ownership(ddl, Address(c.TYPE, oid))
    if raw.renameType == Kind.OBJECT_DOMAIN and row.typtype != "d":
        raise SqlError(f"{ddl.types.format_type(oid)} is not a domain", "42809")
    if row.typtype == "c":
        relation = ddl.relation_row(row.typrelid)
        if relation.relkind != "c":
            raise SqlError(f"{ddl.types.format_type(oid)} is a table's row type", "42809",
                           hint="Use ALTER TABLE instead.")  # fmt: skip
        rename_relation(ddl, relation, raw.newname)
        return tag
    element = ddl.cache.type(row.typelem) if row.typelem else None
    if element is not None and element.typarray == oid:
        name = ddl.types.format_type(oid)
        raise SqlError(f"cannot alter array type {name}", "42809",
                       hint=f"You can alter type {ddl.types.format_type(row.typelem)}, which will "
                       "alter the array type as well.")  # fmt: skip
    pg_type.rename_type(ddl.writer, oid, raw.newname, row.typnamespace)
    return tag


def _domain_constraint(ddl: Ddl, raw: Any) -> str:
    parts = [part.sval for part in raw.object]
    oid = ddl.state().lookup_type_oid(parts)
    key = ("contypid", "conname")
    found = ddl.cache.one("pg_constraint", key, (oid, raw.subname))
    shown = ddl.types.format_type(oid)
    if found is None:
        raise SqlError(f'constraint "{raw.subname}" for domain {shown} does not exist', "42704")
    if ddl.cache.one("pg_constraint", key, (oid, raw.newname)) is not None:
        raise SqlError(f'constraint "{raw.newname}" for domain {shown} already exists', "42710")
    ddl.writer.update("pg_constraint", found, conname=raw.newname)
    return "ALTER DOMAIN"


def _database(ddl: Ddl, raw: Any) -> str:
    row = ddl.cache.one("pg_database", "datname", raw.subname)
    if row is None:
        raise SqlError(f'database "{raw.subname}" does not exist', "3D000")
    check_ownership(ddl, Address(c.DATABASE, row.oid))
    may_create_databases(ddl)
    if ddl.cache.one("pg_database", "datname", raw.newname) is not None:
        raise SqlError(f'database "{raw.newname}" already exists', "42P04")
    if row.oid == ddl.database.oid:
        raise SqlError("current database cannot be renamed", "0A000")
    ddl.writer.update("pg_database", row, datname=raw.newname)
    return "ALTER DATABASE"


_HANDLERS = {
    Kind.OBJECT_COLUMN: _column, Kind.OBJECT_ATTRIBUTE: _column,
    Kind.OBJECT_TABCONSTRAINT: _constraint, Kind.OBJECT_SCHEMA: _schema, Kind.OBJECT_TYPE: _type,
    Kind.OBJECT_DOMAIN: _type, Kind.OBJECT_DOMCONSTRAINT: _domain_constraint,
    Kind.OBJECT_DATABASE: _database, **dict.fromkeys(RELATIONS, _relation),
}  # fmt: skip


def rename(engine: Any, raw: Any, text: str) -> Outcome:
    """ALTER … RENAME."""
    handler = _HANDLERS.get(raw.renameType)
    if handler is None:
        word = raw.renameType.name.removeprefix("OBJECT_").replace("_", " ")
        raise Unsupported(f"ALTER {word} RENAME")
    ddl = begin(engine, text)
    return ddl.done(handler(ddl, raw))
