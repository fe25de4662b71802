"""Making relations: rows of pg_class, pg_attribute and pg_type, the file, the dependencies.

:func:`heap_create` makes a table, view, sequence, composite type or TOAST table;
:class:`ColumnSpec` is one column of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog import pg_type
from pgtool.catalog.acl import Packed, acl_of_new, record_acl
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import NORMAL, record, record_owner, record_shared
from pgtool.catalog.indexing import CatalogWriter
from pgtool.errors import SqlError

__all__ = ["ColumnSpec", "RelationSpec", "heap_create", "insert_attributes"]

STORED = frozenset("rtmS")
WITH_ACCESS_METHOD = frozenset("rtm")
WITH_SYSTEM_COLUMNS = frozenset("rtmSfp")
DEFAULT_REPLICA_IDENTITY, NO_REPLICA_IDENTITY = "d", "n"
MAX_HEAP_ATTRIBUTES = 1600
TABLESPACE_USE = "t"
_PSEUDO_ALLOWED_ARRAYS = "anyarray"


@dataclass
class ColumnSpec:
    """A column to be made: what pg_attribute will say of it."""

    name: str
    typid: int
    typmod: int = -1
    ndims: int = 0
    collation: int = 0
    not_null: bool = False
    has_default: bool = False
    identity: str = ""
    generated: str = ""
    storage: str = ""
    compression: str = ""
    is_local: bool = True
    inhcount: int = 0
    options: tuple[str, ...] | None = None
    missing: bytes | None = None
    #: A dropped column: what remains of it in storage.
    dropped: tuple[int, bool, str, str] | None = None
    stattarget: int | None = None


@dataclass
class RelationSpec:
    """A relation to be made."""

    name: str
    namespace: int
    owner: int
    kind: str
    columns: list[ColumnSpec]
    persistence: str = "p"
    tablespace: int = 0
    access_method: int = 0
    of_type: int = 0
    options: tuple[str, ...] | None = None
    acl: Packed | None = None
    row_type: bool = True
    oid: int = 0
    file_number: int = 0
    rewrite_of: int = 0
    overrides: dict[str, Any] = field(default_factory=dict)


def attribute_row(writer: CatalogWriter, relid: int, number: int,
                  column: ColumnSpec) -> dict[str, Any]:  # fmt: skip
    """The pg_attribute row of a column."""
    if column.dropped is not None:
        length, by_value, align, storage = column.dropped
    else:
        info = writer.types.info(column.typid)
        length, by_value, align = info.typlen, info.typbyval, info.typalign
        storage = column.storage or info.typstorage
    return {
        "attrelid": relid, "attname": column.name, "atttypid": column.typid, "attlen": length,
        "attnum": number, "atttypmod": column.typmod, "attndims": column.ndims,
        "attbyval": by_value, "attalign": align, "attstorage": storage,
        "attcompression": column.compression, "attnotnull": column.not_null,
        "atthasdef": column.has_default, "atthasmissing": column.missing is not None,
        "attidentity": column.identity, "attgenerated": column.generated,
        "attisdropped": column.dropped is not None, "attislocal": column.is_local,
        "attinhcount": column.inhcount, "attcollation": column.collation,
        "attoptions": column.options, "attmissingval": column.missing,
        "attstattarget": column.stattarget,
    }  # fmt: skip


def insert_attributes(
    writer: CatalogWriter, relid: int, columns: list[ColumnSpec], kind: str, first: int = 1
) -> None:
    """The rows of a relation's columns, its system columns, and what the columns depend on."""
    for number, column in enumerate(columns, first):
        writer.insert("pg_attribute", attribute_row(writer, relid, number, column))
        if kind in "iI" or column.dropped is not None:
            continue
        address = Address(c.RELATION, relid, number)
        record(writer, address, Address(c.TYPE, column.typid), NORMAL)
        if column.collation and column.collation != c.DEFAULT_COLLATION:
            record(writer, address, Address(c.COLLATION, column.collation), NORMAL)
    if kind in WITH_SYSTEM_COLUMNS and first == 1:
        rows = writer.cache.lookup("pg_attribute", "attrelid", c.RELATION)
        for row in sorted(rows, key=lambda r: -r.attnum):
            if row.attnum < 0:
                values = {n: v for n, v in vars(row).items() if n != "_tid"}
                writer.insert("pg_attribute", values | {"attrelid": relid})


def class_row(writer: CatalogWriter, spec: RelationSpec, **columns: Any) -> dict[str, Any]:
    """The pg_class row of a new relation."""
    row: dict[str, Any] = {
        "oid": spec.oid, "relname": spec.name, "relnamespace": spec.namespace, "reltype": 0,
        "reloftype": spec.of_type, "relowner": spec.owner, "relam": spec.access_method,
        "relfilenode": spec.file_number, "reltablespace": spec.tablespace, "relpages": 0,
        "reltuples": -1.0, "relallvisible": 0, "relallfrozen": 0, "reltoastrelid": 0,
        "relhasindex": False, "relisshared": False, "relpersistence": spec.persistence,
        "relkind": spec.kind, "relnatts": len(spec.columns), "relchecks": 0,
        "relhasrules": False, "relhastriggers": False, "relhassubclass": False,
        "relrowsecurity": False, "relforcerowsecurity": False, "relispopulated": True,
        "relreplident": DEFAULT_REPLICA_IDENTITY if spec.kind in "rmfp" else NO_REPLICA_IDENTITY,
        "relispartition": False, "relrewrite": spec.rewrite_of, "relfrozenxid": 0,
        "relminmxid": 0, "relacl": spec.acl, "reloptions": spec.options,
    }  # fmt: skip
    if spec.kind == "S":
        row.update(relpages=1, reltuples=1.0)
    if spec.kind in WITH_ACCESS_METHOD:
        row["relfrozenxid"], row["relminmxid"] = writer.store.horizons()
    return row | spec.overrides | columns


def create_file(writer: CatalogWriter, spec: RelationSpec) -> None:
    """Choose the relation's OID and file number, and make its file."""
    if spec.tablespace == writer.database.tablespace:
        spec.tablespace = 0
    if not spec.oid:
        spec.oid = writer.new_relfilenumber(spec.tablespace)
    if spec.kind in STORED or spec.kind == "i":
        if not spec.file_number:
            spec.file_number = writer.new_relfilenumber(spec.tablespace, spec.oid)
        writer.store.create(writer.locator(spec.tablespace, spec.file_number), spec.persistence)


def _check_free(writer: CatalogWriter, spec: RelationSpec) -> None:
    key = (spec.name, spec.namespace)
    if writer.row("pg_class", ("relname", "relnamespace"), key) is not None:
        raise SqlError(f'relation "{spec.name}" already exists', "42P07")
    clash = pg_type.type_oid(writer, spec.name, spec.namespace)
    if clash and spec.row_type and not pg_type.move_array_type_name(
        writer, clash, spec.name, spec.namespace
    ):
        raise SqlError(
            f'type "{spec.name}" already exists', "42710",
            hint="A relation has an associated type of the same name, so you must use a name "
            "that doesn't conflict with any existing type.",
        )  # fmt: skip


def heap_create(writer: CatalogWriter, spec: RelationSpec) -> int:
    """Make a relation; its OID. The rows are seen after :meth:`CatalogWriter.advance`."""
    _check_free(writer, spec)
    create_file(writer, spec)
    typid = 0
    if spec.row_type:
        typid = _row_types(writer, spec)
    if spec.kind in "rvmfpS" and not spec.rewrite_of:
        letter = "S" if spec.kind == "S" else "r"
        spec.acl = acl_of_new(writer, letter, spec.owner, spec.namespace)
    writer.insert("pg_class", class_row(writer, spec, reltype=typid))
    insert_attributes(writer, spec.oid, spec.columns, spec.kind)
    if spec.kind not in "ct":
        address = Address(c.RELATION, spec.oid)
        record_owner(writer, address, spec.owner)
        record_acl(writer, address, spec.acl, spec.owner)
        record(writer, address, Address(c.NAMESPACE, spec.namespace), NORMAL)
        if spec.of_type:
            record(writer, address, Address(c.TYPE, spec.of_type), NORMAL)
        if spec.kind in WITH_ACCESS_METHOD or (spec.kind == "p" and spec.access_method):
            record(writer, address, Address(c.ACCESS_METHOD, spec.access_method), NORMAL)
        if spec.tablespace and spec.kind not in STORED:
            record_shared(writer, address, c.TABLESPACE, spec.tablespace, TABLESPACE_USE)
    return spec.oid


def _row_types(writer: CatalogWriter, spec: RelationSpec) -> int:
    """The relation's row type and, where rows can be collected, its array type."""
    with_array = spec.kind in "rvmfpc"
    array = writer.new_oid("pg_type") if with_array else 0  # the server's order
    typid = writer.new_oid("pg_type")
    row = pg_type.row_type(spec.name, spec.namespace, spec.owner, typid, array, spec.oid)
    pg_type.create_type(writer, row, spec.kind)
    if with_array:
        name = pg_type.make_array_type_name(writer, spec.name, spec.namespace)
        made = pg_type.array_row(name, spec.namespace, spec.owner, array, typid, "d")
        pg_type.create_type(writer, made)
    return typid


def check_column_count(count: int, kind: str) -> None:
    """A heap row holds no more."""
    if kind in "rtmpf" and count > MAX_HEAP_ATTRIBUTES:
        raise SqlError(f"tables can have at most {MAX_HEAP_ATTRIBUTES} columns", "54011")
