"""ALTER … OWNER TO."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog import pg_type
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import AUTO, INTERNAL, change_owner_dependency, referencing
from pgtool.catalog.index import indexes_of
from pgtool.commands.context import Ddl, begin, plural
from pgtool.commands.dbcommands import may_create_databases
from pgtool.commands.ownership import become_owner, check_ownership, owner_privilege
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.raw_enums import ObjectType as Kind
from pgtool.sql.answer import Outcome
from pgtool.sql.permissions import require

__all__ = ["alter_owner", "change_relation_owner", "owned_sequences"]


def acl_of_new_owner(ddl: Ddl, raw: Any, old: int, new: int) -> Any:
    """An access control list in which the new owner stands for the old one."""
    from pgtool.functions.sysfuncs.acl import object_acl

    if raw is None:
        return None
    items: dict[tuple[int, int], tuple[int, int]] = {}
    for item in object_acl(ddl.session, raw, "r", old):
        grantee = new if item.grantee == old else item.grantee
        grantor = new if item.grantor == old else item.grantor
        rights, options = items.get((grantee, grantor), (0, 0))
        items[grantee, grantor] = rights | item.privileges, options | item.options
    return [(*key, rights | options << 32) for key, (rights, options) in items.items()]


def owned_sequences(ddl: Ddl, relid: int, number: int = 0) -> list[int]:
    """The sequences that go with a table's columns."""
    out = []
    for row in referencing(ddl.writer, Address(c.RELATION, relid, number)):
        if row.classid == c.RELATION and row.refobjsubid and row.deptype in (AUTO, INTERNAL):
            found = ddl.cache.one("pg_class", "oid", row.objid)
            if found is not None and found.relkind == "S":
                out.append(int(row.objid))
    return out


def change_relation_owner(ddl: Ddl, row: Any, owner: int, *, follows: bool = False) -> None:
    """A relation, its row type, indexes, TOAST table and sequences belong to another role."""
    if row.relkind in "iI" and not follows:
        raise SqlError(f'cannot change owner of index "{row.relname}"', "42809",
                       hint="Change the ownership of the index's table instead.")  # fmt: skip
    if row.relkind == "S" and not follows:
        _refuse_owned(ddl, row)
    if row.relkind == "t" and not follows:
        raise SqlError(f'cannot change owner of relation "{row.relname}"', "42809",
                       f"This operation is not supported for {plural(row.relkind)}.")
    if row.relowner == owner:
        return
    if not follows:
        become_owner(ddl, owner)
        owner_privilege(ddl, row.relnamespace, owner, "schema", "CREATE")
    old = row.relowner
    ddl.writer.update("pg_class", row, relowner=owner,
                      relacl=acl_of_new_owner(ddl, row.relacl, old, owner))  # fmt: skip
    for a in ddl.attributes(row.oid):
        if a.attacl is not None and not a.attisdropped:
            ddl.writer.update("pg_attribute", a,
                              attacl=acl_of_new_owner(ddl, a.attacl, old, owner))  # fmt: skip
    if row.relkind not in "iIct":
        change_owner_dependency(ddl.writer, Address(c.RELATION, row.oid), owner)
    if row.reltype:
        record = row.relkind == "c"
        pg_type.change_type_owner(ddl.writer, row.reltype, owner, record)
    for index in indexes_of(ddl.writer, row.oid):
        change_relation_owner(ddl, ddl.relation_row(index.indexrelid), owner, follows=True)
    if row.reltoastrelid:
        change_relation_owner(ddl, ddl.relation_row(row.reltoastrelid), owner, follows=True)
    for sequence in owned_sequences(ddl, row.oid):
        change_relation_owner(ddl, ddl.relation_row(sequence), owner, follows=True)


def _refuse_owned(ddl: Ddl, row: Any) -> None:
    for found in ddl.cache.lookup("pg_depend", ("classid", "objid"), (c.RELATION, row.oid)):
        if found.refclassid == c.RELATION and found.refobjsubid and found.deptype in "ai":
            table = ddl.relation_row(found.refobjid).relname
            raise SqlError(f'cannot change owner of sequence "{row.relname}"', "0A000",
                           f'Sequence "{row.relname}" is linked to table "{table}".')


def _type(ddl: Ddl, raw: Any, owner: int) -> None:
    oid = ddl.type_oid(raw.object)
    row = ddl.cache.type(oid)
    if row.typtype == "c":
        relation = ddl.relation_row(row.typrelid)
        if relation.relkind != "c":
            raise SqlError(f"{ddl.types.format_type(oid)} is a table's row type", "42809",
                           hint="Use ALTER TABLE instead.")  # fmt: skip
        check_ownership(ddl, Address(c.TYPE, oid))
        change_relation_owner(ddl, relation, owner)
        return
    if raw.objectType == Kind.OBJECT_DOMAIN and row.typtype != "d":
        raise SqlError(f"{ddl.types.format_type(oid)} is not a domain", "42809")
    if row.typowner != owner:
        check_ownership(ddl, Address(c.TYPE, oid))
        become_owner(ddl, owner)
        owner_privilege(ddl, row.typnamespace, owner, "schema", "CREATE")
        pg_type.change_type_owner(ddl.writer, oid, owner, True)


def _schema(ddl: Ddl, raw: Any, owner: int) -> None:
    row = ddl.cache.one("pg_namespace", "nspname", raw.object.sval)
    if row is None:
        raise SqlError(f'schema "{raw.object.sval}" does not exist', "3F000")
    if row.nspowner == owner:
        return
    check_ownership(ddl, Address(c.NAMESPACE, row.oid))
    become_owner(ddl, owner)
    require(ddl.session, "database", ddl.database.oid, "CREATE")
    ddl.writer.update("pg_namespace", row, nspowner=owner,
                      nspacl=acl_of_new_owner(ddl, row.nspacl, row.nspowner, owner))  # fmt: skip
    change_owner_dependency(ddl.writer, Address(c.NAMESPACE, row.oid), owner)


def _database(ddl: Ddl, raw: Any, owner: int) -> None:
    row = ddl.cache.one("pg_database", "datname", raw.object.sval)
    if row is None:
        raise SqlError(f'database "{raw.object.sval}" does not exist', "3D000")
    if row.datdba == owner:
        return
    check_ownership(ddl, Address(c.DATABASE, row.oid))
    become_owner(ddl, owner)
    may_create_databases(ddl)
    ddl.writer.update("pg_database", row, datdba=owner,
                      datacl=acl_of_new_owner(ddl, row.datacl, row.datdba, owner))  # fmt: skip
    change_owner_dependency(ddl.writer, Address(c.DATABASE, row.oid), owner)


_HANDLERS = {
    Kind.OBJECT_TYPE: _type, Kind.OBJECT_DOMAIN: _type, Kind.OBJECT_SCHEMA: _schema,
    Kind.OBJECT_DATABASE: _database,
}  # fmt: skip


def alter_owner(engine: Any, raw: Any, text: str) -> Outcome:
    """ALTER … OWNER TO, of what is no relation."""
    word = raw.objectType.name.removeprefix("OBJECT_").replace("_", " ")
    handler = _HANDLERS.get(raw.objectType)
    if handler is None:
        raise Unsupported(f"ALTER {word} OWNER")
    ddl = begin(engine, text)
    handler(ddl, raw, ddl.role_oid(raw.newowner))
    return ddl.done(f"ALTER {word}")
