"""CREATE TYPE of enums and composite types, ALTER TYPE of enums."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog import pg_type
from pgtool.catalog.classids import Address
from pgtool.catalog.heap import RelationSpec, heap_create
from pgtool.commands.context import Ddl, begin
from pgtool.commands.ownership import check_ownership
from pgtool.commands.tabledef import TableDefinition
from pgtool.errors import SqlError
from pgtool.sql.answer import Outcome

__all__ = ["alter_enum", "create_composite", "create_enum", "new_type_name"]

ENUM_IN, ENUM_OUT, ENUM_RECV, ENUM_SEND = 3506, 3507, 3532, 3533
NAMEDATALEN = 64


def new_type_name(ddl: Ddl, names: list[Any]) -> tuple[int, str]:
    """(schema, name) of a type to be made; an array type of this name gives way."""
    schema, name = ddl.split([part.sval for part in names])
    namespace = ddl.creation_namespace(schema, name)
    old = pg_type.type_oid(ddl.writer, name, namespace)
    if old and not pg_type.move_array_type_name(ddl.writer, old, name, namespace):
        raise SqlError(f'type "{name}" already exists', "42710")
    return namespace, name


def add_array_type(ddl: Ddl, row: dict[str, Any], oid: int) -> None:
    """The array type of a new type."""
    name = pg_type.make_array_type_name(ddl.writer, row["typname"], row["typnamespace"])
    made = pg_type.array_row(
        name, row["typnamespace"], row["typowner"], oid, row["oid"], row["typalign"],
        row["typcollation"], row["typdelim"],
    )  # fmt: skip
    pg_type.create_type(ddl.writer, made)


def _check_label(label: str) -> None:
    if len(label.encode()) > NAMEDATALEN - 1:
        raise SqlError(f'invalid enum label "{label}"', "42602",
                       f"Labels must be {NAMEDATALEN - 1} bytes or less.")  # fmt: skip


def create_enum(engine: Any, raw: Any, text: str) -> Outcome:
    """CREATE TYPE … AS ENUM."""
    ddl = begin(engine, text)
    namespace, name = new_type_name(ddl, raw.typeName)
    writer = ddl.writer
    array, oid = writer.new_oid("pg_type"), writer.new_oid("pg_type")
    row = pg_type.base_row(
        name, namespace, ddl.owner, oid, typlen=4, typbyval=True, typtype="e", typcategory="E",
        typarray=array, typinput=ENUM_IN, typoutput=ENUM_OUT, typreceive=ENUM_RECV,
        typsend=ENUM_SEND, typalign="i", typstorage="p",
    )  # fmt: skip
    pg_type.create_type(writer, row)
    labels = [value.sval for value in raw.vals]
    for place, label in enumerate(labels):
        _check_label(label)
        if label in labels[:place]:
            raise SqlError(
                'duplicate key value violates unique constraint "pg_enum_typid_label_index"',
                "23505", f"Key (enumtypid, enumlabel)=({oid}, {label}) already exists.")
        insert_label(ddl, _even_oid(ddl), oid, label, float(place + 1))
    add_array_type(ddl, row, array)
    ddl.types.made_enums.add(oid)
    return ddl.done("CREATE TYPE")


def _even_oid(ddl: Ddl) -> int:
    """Even OIDs tell that labels compare as their OIDs do."""
    while True:
        oid = ddl.writer.new_oid("pg_enum")
        if not oid & 1:
            return oid


def insert_label(ddl: Ddl, oid: int, typid: int, label: str, order: float) -> None:
    """A row of pg_enum."""
    ddl.writer.insert("pg_enum", {
        "oid": oid, "enumtypid": typid, "enumsortorder": order, "enumlabel": label,
    })  # fmt: skip


def _labels(ddl: Ddl, typid: int) -> list[Any]:
    rows = ddl.cache.lookup("pg_enum", "enumtypid", typid)
    return sorted(rows, key=lambda row: float(row.enumsortorder))


def alter_enum(engine: Any, raw: Any, text: str) -> Outcome:
    """ALTER TYPE … ADD VALUE, RENAME VALUE."""
    ddl = begin(engine, text)
    typid = ddl.type_oid(raw.typeName)
    row = ddl.cache.type(typid)
    shown = ddl.types.format_type(typid)
    if row.typtype != "e":
        raise SqlError(f"{shown} is not an enum", "42809")
    check_ownership(ddl, Address(c.TYPE, typid))
    labels = _labels(ddl, typid)
    names = [found.enumlabel for found in labels]
    if raw.oldVal:
        _rename(ddl, raw, labels, names)
    else:
        _add(ddl, raw, typid, labels, names)
    return ddl.done("ALTER TYPE")


def _rename(ddl: Ddl, raw: Any, labels: list[Any], names: list[str]) -> None:
    _check_label(raw.newVal)
    if raw.oldVal not in names:
        raise SqlError(f'"{raw.oldVal}" is not an existing enum label', "22023")
    if raw.newVal in names:
        raise SqlError(f'enum label "{raw.newVal}" already exists', "42710")
    ddl.writer.update("pg_enum", labels[names.index(raw.oldVal)], enumlabel=raw.newVal)


def _add(ddl: Ddl, raw: Any, typid: int, labels: list[Any], names: list[str]) -> None:
    _check_label(raw.newVal)
    if raw.newVal in names:
        if raw.skipIfNewValExists:
            ddl.notice(f'enum label "{raw.newVal}" already exists, skipping', "42710")
            return
        raise SqlError(f'enum label "{raw.newVal}" already exists', "42710")
    orders = [float(found.enumsortorder) for found in labels]
    if raw.newValNeighbor is None:
        place = len(labels)
    else:
        if raw.newValNeighbor not in names:
            raise SqlError(f'"{raw.newValNeighbor}" is not an existing enum label', "22023")
        place = names.index(raw.newValNeighbor) + (1 if raw.newValIsAfter else 0)
    if not labels:
        order = 1.0
    elif place == 0:
        order = orders[0] - 1
    elif place == len(labels):
        order = orders[-1] + 1
    else:
        order = (orders[place - 1] + orders[place]) / 2
    oid = _fitting_oid(ddl, labels, place)
    insert_label(ddl, oid, typid, raw.newVal, order)
    if typid not in ddl.types.made_enums:
        ddl.types.uncommitted_enums.add(oid)


def _fitting_oid(ddl: Ddl, labels: list[Any], place: int) -> int:
    """An even OID where it sorts as the label does, an odd one otherwise."""
    evens = [(i, found.oid) for i, found in enumerate(labels) if not found.oid & 1]
    while True:
        oid = ddl.writer.new_oid("pg_enum")
        sorts = all((other < oid) == (i < place) for i, other in evens)
        if sorts != bool(oid & 1):
            return oid


def create_composite(engine: Any, raw: Any, text: str) -> Outcome:
    """CREATE TYPE … AS (…)."""
    ddl = begin(engine, text)
    node = raw.typevar
    namespace = ddl.creation_namespace(node.schemaname, node.relname)
    old = pg_type.type_oid(ddl.writer, node.relname, namespace)
    if old and not pg_type.move_array_type_name(ddl.writer, old, node.relname, namespace):
        raise SqlError(f'type "{node.relname}" already exists', "42710")
    made = TableDefinition(ddl, node.relname, namespace)
    for element in raw.coldeflist:
        if made.column(element.colname) is not None:
            raise SqlError(f'column "{element.colname}" specified more than once', "42701")
        made.columns.append(made.make_column(element))
    spec = RelationSpec(
        node.relname, namespace, ddl.owner, "c", [plan.spec for plan in made.columns]
    )
    heap_create(ddl.writer, spec)
    return ddl.done("CREATE TYPE")
