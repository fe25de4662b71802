"""Type names and collation names in SQL → OIDs and type modifiers."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.nodes.raw import A_Const, TypeName
from pgtool.sql.analyze.state import ParseState
from pgtool.sql.analyze.typmods import typmod_in

__all__ = ["collation_oid", "type_label", "typename_type"]

UNDEFINED_OBJECT = "42704"


def _position(location: int) -> int | None:
    return location + 1 if location >= 0 else None


def type_label(node: TypeName) -> str:
    """The name as messages show it."""
    name = ".".join(part.sval for part in node.names)
    return name + "[]" * bool(node.arrayBounds)


def typename_type(state: ParseState, node: TypeName) -> tuple[int, int]:
    """(type OID, type modifier) of a type name; SqlError where there is none."""
    if node.typeOid and not node.names:
        return node.typeOid, node.typemod
    if node.pct_type:
        return _column_type(state, node)
    names = [part.sval for part in node.names]
    schema, _name = state.split_name(names)
    if schema is not None and state.cache.namespace_oid(schema) is None:
        raise SqlError(f'schema "{schema}" does not exist', "3F000",
                       position=_position(node.location))  # fmt: skip
    oid = state.lookup_type_oid(names)
    if not oid:
        raise SqlError(f'type "{type_label(node)}" does not exist', UNDEFINED_OBJECT,
                       position=_position(node.location))  # fmt: skip
    row = state.types.row(oid)
    if not row.typisdefined:
        raise SqlError(f'type "{type_label(node)}" is only a shell', UNDEFINED_OBJECT,
                       position=_position(node.location))  # fmt: skip
    typmod = _typmod(state, node, row)
    if node.arrayBounds:
        array = state.types.array_type(oid)
        if not array:
            raise SqlError(f'type "{type_label(node)}" does not exist', UNDEFINED_OBJECT,
                           position=_position(node.location))  # fmt: skip
        oid = array
    return oid, typmod


def _column_type(state: ParseState, node: TypeName) -> tuple[int, int]:
    """``table.column%TYPE``."""
    names = [part.sval for part in node.names]
    *relation, column = names
    schema, name = state.split_name(relation)
    spaces = [state.namespace_oid(schema)] if schema else state.search_path
    for space in spaces:
        row = state.cache.one("pg_class", ("relname", "relnamespace"), (name, space))
        if row is None:
            continue
        for attribute in state.session.database.relation(row.oid).attributes:
            if attribute.attname == column and not attribute.attisdropped:
                oid = attribute.atttypid
                if node.arrayBounds:
                    oid = state.types.array_type(oid)
                return oid, attribute.atttypmod
        raise SqlError(f'column "{column}" of relation "{name}" does not exist', "42703",
                       position=_position(node.location))  # fmt: skip
    raise SqlError(f'relation "{".".join(relation)}" does not exist', "42P01",
                   position=_position(node.location))  # fmt: skip


def _typmod(state: ParseState, node: TypeName, row: Any) -> int:
    if not node.typmods:
        return int(node.typemod)
    if not row.typmodin:
        raise SqlError(
            f'type modifier is not allowed for type "{type_label(node)}"', "42601",
            position=_position(node.location),
        )  # fmt: skip
    values = [_typmod_text(item, node) for item in node.typmods]
    try:
        return typmod_in(state.cache.proc(row.typmodin).prosrc, values)
    except SqlError as error:
        error.position = error.position or _position(node.location)
        raise


def _typmod_text(item: Any, node: TypeName) -> str:
    if isinstance(item, A_Const) and item.val is not None:
        value = item.val
        kind = type(value).__name__
        if kind == "ValueInteger":
            return str(value.ival)
        if kind == "ValueFloat":
            return str(value.fval)
        if kind == "ValueString":
            return str(value.sval)
    if type(item).__name__ == "ColumnRef" and len(item.fields) == 1:
        return str(item.fields[0].sval)
    raise SqlError("type modifiers must be simple constants or identifiers", "42601",
                   position=_position(node.location))  # fmt: skip


def collation_oid(state: ParseState, names: list[str], location: int) -> int:
    """A collation's OID by name, for the database's encoding or any."""
    schema, name = state.split_name(names)
    spaces = [state.namespace_oid(schema)] if schema else state.search_path
    encoding = state.session.database.row["encoding"]
    for space in spaces:
        for wanted in (encoding, -1):
            key = ("collname", "collencoding", "collnamespace")
            row = state.cache.one("pg_collation", key, (name, wanted, space))
            if row is not None:
                return int(row.oid)
    shown = ".".join(names)
    encoding_name = state.session.database.encoding.name
    raise SqlError(
        f'collation "{shown}" for encoding "{encoding_name}" does not exist', UNDEFINED_OBJECT,
        position=_position(location),
    )  # fmt: skip


