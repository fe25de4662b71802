"""ALTER … SET SCHEMA."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog import pg_type
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import change_dependency
from pgtool.catalog.index import indexes_of
from pgtool.commands.context import Ddl, begin
from pgtool.commands.dropcmds import RELATIONS
from pgtool.commands.owner import owned_sequences
from pgtool.commands.ownership import check_ownership
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.raw_enums import ObjectType as Kind
from pgtool.sql.answer import Outcome
from pgtool.sql.permissions import require

__all__ = ["alter"]


def move_relation(ddl: Ddl, row: Any, new: int, *, has_dependency: bool = True) -> None:
    """A relation with its type, indexes, sequences and constraints goes to another schema."""
    old = row.relnamespace
    key = (row.relname, new)
    if ddl.cache.one("pg_class", ("relname", "relnamespace"), key) is not None:
        schema = ddl.database.namespaces[new]
        raise SqlError(f'relation "{row.relname}" already exists in schema "{schema}"', "42P07")
    ddl.writer.update("pg_class", row, relnamespace=new)
    if has_dependency:
        change_dependency(ddl.writer, Address(c.RELATION, row.oid), c.NAMESPACE, old, new)
    if row.reltype:
        move_type(ddl, row.reltype, new, has_dependency=row.relkind == "c")
    for index in indexes_of(ddl.writer, row.oid):
        relation = ddl.relation_row(index.indexrelid)
        ddl.writer.update("pg_class", relation, relnamespace=new)
    for sequence in owned_sequences(ddl, row.oid):
        move_relation(ddl, ddl.relation_row(sequence), new)
    _move_constraints(ddl, "conrelid", row.oid, new)


def _move_constraints(ddl: Ddl, column: str, oid: int, new: int) -> None:
    for found in ddl.cache.lookup("pg_constraint", column, oid):
        ddl.writer.update("pg_constraint", found, connamespace=new)


def move_type(ddl: Ddl, oid: int, new: int, *, has_dependency: bool) -> None:
    """A type and its array type go to another schema."""
    row = ddl.cache.type(oid)
    old = row.typnamespace
    if pg_type.type_oid(ddl.writer, row.typname, new):
        schema = ddl.database.namespaces[new]
        raise SqlError(f'type "{row.typname}" already exists in schema "{schema}"', "42710")
    ddl.writer.update("pg_type", row, typnamespace=new)
    if has_dependency:
        change_dependency(ddl.writer, Address(c.TYPE, oid), c.NAMESPACE, old, new)
    if row.typtype == "d":
        _move_constraints(ddl, "contypid", oid, new)
    if row.typarray:
        array = ddl.cache.type(row.typarray)
        ddl.writer.update("pg_type", array, typnamespace=new)


def _relation(ddl: Ddl, raw: Any) -> None:
    row = ddl.find_relation(raw.relation, missing_ok=raw.missing_ok)
    if row is None:
        ddl.notice(f'relation "{raw.relation.relname}" does not exist, skipping')
        return
    ddl.check_owner(row)
    if row.relkind == "S":
        for found in ddl.cache.lookup("pg_depend", ("classid", "objid"), (c.RELATION, row.oid)):
            if found.refclassid == c.RELATION and found.refobjsubid and found.deptype in "ai":
                table = ddl.relation_row(found.refobjid).relname
                raise SqlError("cannot move an owned sequence into another schema", "0A000",
                               f'Sequence "{row.relname}" is linked to table "{table}".')
    new = _target(ddl, raw.newschema)
    if new != row.relnamespace:
        move_relation(ddl, row, new)


def _target(ddl: Ddl, name: str) -> int:
    new = ddl.namespace(name)
    require(ddl.session, "schema", new, "CREATE")
    if new == c.PG_TOAST_NAMESPACE:
        raise SqlError("cannot move objects into or out of TOAST schema", "0A000")
    return new


def _type(ddl: Ddl, raw: Any) -> None:
    oid = ddl.type_oid(raw.object)
    row = ddl.cache.type(oid)
    check_ownership(ddl, Address(c.TYPE, oid))
    new = _target(ddl, raw.newschema)
    if row.typtype == "c":
        relation = ddl.relation_row(row.typrelid)
        if relation.relkind != "c":
            raise SqlError(f"{ddl.types.format_type(oid)} is a table's row type", "42809",
                           hint="Use ALTER TABLE instead.")  # fmt: skip
        if new != row.typnamespace:
            move_relation(ddl, relation, new, has_dependency=False)
    elif new != row.typnamespace:
        move_type(ddl, oid, new, has_dependency=True)


def alter(engine: Any, raw: Any, text: str) -> Outcome:
    """ALTER … SET SCHEMA."""
    ddl = begin(engine, text)
    if raw.objectType in RELATIONS:
        _relation(ddl, raw)
        return ddl.done(f"ALTER {RELATIONS[raw.objectType].noun.upper()}")
    word = raw.objectType.name.removeprefix("OBJECT_").replace("_", " ")
    if raw.objectType not in (Kind.OBJECT_TYPE, Kind.OBJECT_DOMAIN):
        raise Unsupported(f"ALTER {word} SET SCHEMA")
    _type(ddl, raw)
    return ddl.done(f"ALTER {word}")
