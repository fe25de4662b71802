"""Rows of pg_type: the types that come with relations, and their array types."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.acl import acl_of_new, record_acl
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import (
    INTERNAL,
    NORMAL,
    change_owner_dependency,
    delete_dependencies_of,
    record,
    record_owner,
)
from pgtool.catalog.exprdeps import record_expression
from pgtool.catalog.indexing import CatalogWriter
from pgtool.errors import SqlError

__all__ = ["array_row", "create_type", "make_array_type_name", "row_type"]

NAMEDATALEN = 64
RECORD_IN, RECORD_OUT, RECORD_RECV, RECORD_SEND = 2290, 2291, 2402, 2403
ARRAY_IN, ARRAY_OUT, ARRAY_RECV, ARRAY_SEND = 750, 751, 2400, 2401
ARRAY_TYPANALYZE, ARRAY_SUBSCRIPT_HANDLER = 3816, 6179
#: A type whose columns are the most frequent ones.
_PLAIN: dict[str, Any] = {
    "typlen": -1, "typbyval": False, "typtype": "b", "typcategory": "U",
    "typispreferred": False, "typisdefined": True, "typdelim": ",", "typrelid": 0,
    "typsubscript": 0, "typelem": 0, "typarray": 0, "typreceive": 0, "typsend": 0,
    "typmodin": 0, "typmodout": 0, "typanalyze": 0, "typalign": "i", "typstorage": "x",
    "typnotnull": False, "typbasetype": 0, "typtypmod": -1, "typndims": 0, "typcollation": 0,
}  # fmt: skip


def make_array_type_name(writer: CatalogWriter, name: str, namespace: int) -> str:
    """The first of _name, __name, … that is free, cut to fit."""
    made = name
    for dashes in range(1, NAMEDATALEN):
        made = "_" * dashes + cut(writer, name, NAMEDATALEN - 1 - dashes)
        if type_oid(writer, made, namespace) == 0:
            return made
    raise SqlError(f'could not form array type name for type "{name}"', "42710")


def cut(writer: CatalogWriter, name: str, most: int) -> str:
    """A name of at most so many bytes, whole characters."""
    encoding = writer.database.encoding
    while len(encoding.encode(name)) > most:
        name = name[:-1]
    return name


def type_oid(writer: CatalogWriter, name: str, namespace: int) -> int:
    """A type's OID by name and schema, 0 where there is none."""
    row = writer.row("pg_type", ("typname", "typnamespace"), (name, namespace))
    return int(row.oid) if row is not None else 0


def row_type(name: str, namespace: int, owner: int, oid: int, array: int,
             relid: int) -> dict[str, Any]:  # fmt: skip
    """The row type of a relation."""
    return _PLAIN | {
        "oid": oid, "typname": name, "typnamespace": namespace, "typowner": owner,
        "typtype": "c", "typcategory": "C", "typrelid": relid, "typarray": array,
        "typinput": RECORD_IN, "typoutput": RECORD_OUT, "typreceive": RECORD_RECV,
        "typsend": RECORD_SEND, "typalign": "d",
    }  # fmt: skip


def array_row(
    name: str, namespace: int, owner: int, oid: int, element: int, align: str = "i",
    collation: int = 0, delim: str = ",",
) -> dict[str, Any]:  # fmt: skip
    """The array type over a type."""
    return _PLAIN | {
        "oid": oid, "typname": name, "typnamespace": namespace, "typowner": owner,
        "typcategory": "A", "typsubscript": ARRAY_SUBSCRIPT_HANDLER, "typelem": element,
        "typinput": ARRAY_IN, "typoutput": ARRAY_OUT, "typreceive": ARRAY_RECV,
        "typsend": ARRAY_SEND, "typanalyze": ARRAY_TYPANALYZE, "typdelim": delim,
        "typalign": "d" if align == "d" else "i", "typcollation": collation,
    }  # fmt: skip


def base_row(name: str, namespace: int, owner: int, oid: int, **columns: Any) -> dict[str, Any]:
    """Any other type."""
    return _PLAIN | {
        "oid": oid, "typname": name, "typnamespace": namespace, "typowner": owner, **columns,
    }  # fmt: skip


def create_type(
    writer: CatalogWriter, row: dict[str, Any], relkind: str = "", default: Any = None
) -> Address:
    """Store a type and what it depends on; ``relkind`` is that of its relation, if it has one."""
    address = Address(c.TYPE, row["oid"])
    implicit_array = row["typcategory"] == "A" and bool(row["typelem"])
    dependent = implicit_array or (row["typrelid"] and relkind != "c")
    if not dependent:
        acl = acl_of_new(writer, "T", row["typowner"], row["typnamespace"])
        row = row | {"typacl": acl}
        record_acl(writer, address, acl, row["typowner"])
    writer.insert("pg_type", row)
    if not dependent:
        record(writer, address, Address(c.NAMESPACE, row["typnamespace"]), NORMAL)
        record_owner(writer, address, row["typowner"])
    functions = ("typinput", "typoutput", "typreceive", "typsend", "typmodin", "typmodout",
                 "typanalyze", "typsubscript")  # fmt: skip
    for name in functions:
        if row[name]:
            record(writer, address, Address(c.PROCEDURE, row[name]), NORMAL)
    if row["typelem"]:
        kind = INTERNAL if implicit_array else NORMAL
        record(writer, address, Address(c.TYPE, row["typelem"]), kind)
    if row["typrelid"]:
        relation = Address(c.RELATION, row["typrelid"])
        if relkind == "c":
            record(writer, relation, address, INTERNAL)
        else:
            record(writer, address, relation, INTERNAL)
    if row["typbasetype"]:
        record(writer, address, Address(c.TYPE, row["typbasetype"]), NORMAL)
    if row["typcollation"] and row["typcollation"] != c.DEFAULT_COLLATION:
        record(writer, address, Address(c.COLLATION, row["typcollation"]), NORMAL)
    if default is not None:
        record_expression(writer, address, default, [], NORMAL)
    return address


def rename_type(writer: CatalogWriter, oid: int, name: str, namespace: int) -> None:
    """A type and its array type get a new name."""
    row = writer.cache.type(oid)
    clash = type_oid(writer, name, namespace)
    if clash and not move_array_type_name(writer, clash, name, namespace):
        raise SqlError(f'type "{name}" already exists', "42710")
    writer.update("pg_type", row, typname=name)
    writer.advance()
    if row.typarray:
        array = writer.cache.type(row.typarray)
        made = make_array_type_name(writer, name, namespace)
        writer.update("pg_type", array, typname=made)
        writer.advance()


def move_array_type_name(
    writer: CatalogWriter, oid: int, name: str, namespace: int
) -> bool:
    """Give way to a user's type of this name: False where the type is no implicit array."""
    row = writer.cache.type(oid)
    element = writer.cache.type(row.typelem) if row.typelem else None
    if element is None or element.typarray != oid:
        return False
    writer.update("pg_type", row, typname=make_array_type_name(writer, name, namespace))
    writer.advance()
    return True


def change_type_owner(writer: CatalogWriter, oid: int, owner: int, record_it: bool) -> None:
    """A type and its array type belong to another role."""
    for number in (oid, writer.cache.type(oid).typarray):
        if number:
            writer.update("pg_type", writer.cache.type(number), typowner=owner)
    if record_it:
        change_owner_dependency(writer, Address(c.TYPE, oid), owner)


def replace_default(writer: CatalogWriter, row: Any, default: Any) -> None:
    """A type's dependencies anew, after its default changed."""
    address = Address(c.TYPE, row.oid)
    delete_dependencies_of(writer, address, shared=False, keep_extension=True)
    record(writer, address, Address(c.NAMESPACE, row.typnamespace), NORMAL)
    if row.typbasetype:
        record(writer, address, Address(c.TYPE, row.typbasetype), NORMAL)
    if default is not None:
        record_expression(writer, address, default, [], NORMAL)


