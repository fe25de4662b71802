"""Making indexes: rows of pg_class, pg_attribute, pg_index, the constraint, the dependencies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import (
    AUTO,
    INTERNAL,
    NORMAL,
    PARTITION_PRI,
    PARTITION_SEC,
    record,
)
from pgtool.catalog.exprdeps import record_on_relation
from pgtool.catalog.heap import ColumnSpec, RelationSpec, attribute_row, class_row, create_file
from pgtool.catalog.indexing import CatalogWriter
from pgtool.catalog.pg_constraint import ConstraintSpec, create_constraint
from pgtool.errors import SqlError
from pgtool.nodes.text import node_to_text

__all__ = ["IndexSpec", "index_create", "indexes_of"]

ANYELEMENT, ANYARRAY = 2283, 2277


@dataclass
class IndexColumn:
    """One column: a heap column's number (0: the next expression) and how it is indexed."""

    attnum: int
    name: str
    typid: int
    typmod: int = -1
    collation: int = 0
    opclass: int = 0
    option: int = 0
    ndims: int = 0
    compression: str = ""
    storage: str = ""
    options: tuple[str, ...] | None = None


@dataclass
class IndexSpec:
    """An index to be made."""

    name: str
    heap: Any
    columns: list[IndexColumn]
    key_count: int
    access_method: int = c.BTREE_AM
    tablespace: int = 0
    exprs: list[Any] = field(default_factory=list)
    predicate: Any = None
    unique: bool = False
    primary: bool = False
    nulls_not_distinct: bool = False
    exclusion: tuple[int, ...] = ()
    #: contype of the constraint it serves: p, u, x or ''.
    constraint: str = ""
    deferrable: bool = False
    deferred: bool = False
    parent: int = 0
    parent_constraint: int = 0
    options: tuple[str, ...] | None = None
    partitioned: bool = False
    valid: bool = True
    #: Whether rows are to be entered already.
    ready: bool = True
    is_local: bool = True
    inhcount: int = 0
    no_inherit: bool = True
    without_overlaps: bool = False
    oid: int = 0
    file_number: int = 0


def index_create(writer: CatalogWriter, spec: IndexSpec) -> tuple[int, int]:
    """Make an index, empty; (its OID, its constraint's OID or 0)."""
    heap = spec.heap
    key = (spec.name, heap.relnamespace)
    if writer.row("pg_class", ("relname", "relnamespace"), key) is not None:
        raise SqlError(f'relation "{spec.name}" already exists', "42P07")
    made = RelationSpec(
        spec.name, heap.relnamespace, heap.relowner, "I" if spec.partitioned else "i",
        _columns(writer, spec), heap.relpersistence, spec.tablespace, spec.access_method,
        options=spec.options, oid=spec.oid, file_number=spec.file_number,
    )  # fmt: skip
    create_file(writer, made)
    spec.oid = made.oid
    writer.insert("pg_class", class_row(
        writer, made, relispartition=bool(spec.parent), reltuples=0.0
    ))  # fmt: skip
    for number, column in enumerate(made.columns, 1):
        writer.insert("pg_attribute", attribute_row(writer, made.oid, number, column))
    writer.insert("pg_index", _index_row(spec))
    if spec.parent:
        store_inheritance(writer, made.oid, spec.parent, 1)
        parent = writer.row("pg_class", "oid", spec.parent)
        if not parent.relhassubclass:
            writer.update("pg_class", parent, relhassubclass=True)
    constraint = _constraint(writer, spec) if spec.constraint else 0
    _dependencies(writer, spec, constraint)
    return made.oid, constraint


def _columns(writer: CatalogWriter, spec: IndexSpec) -> list[ColumnSpec]:
    out = []
    for place, column in enumerate(spec.columns):
        made = ColumnSpec(
            column.name, column.typid, column.typmod, column.ndims, column.collation,
            storage=column.storage, compression=column.compression, options=column.options,
        )  # fmt: skip
        if place < spec.key_count:
            opclass = writer.row("pg_opclass", "oid", column.opclass)
            key_type = opclass.opckeytype
            if key_type == ANYELEMENT and opclass.opcintype == ANYARRAY:
                key_type = writer.types.info(column.typid).typelem
            if key_type and key_type != column.typid:
                made.typid, made.typmod, made.ndims, made.storage = key_type, -1, 0, ""
                made.compression = ""
        out.append(made)
    return out


def _index_row(spec: IndexSpec) -> dict[str, Any]:
    keys = spec.columns[: spec.key_count]
    return {
        "indexrelid": spec.oid, "indrelid": spec.heap.oid, "indnatts": len(spec.columns),
        "indnkeyatts": spec.key_count, "indisunique": spec.unique,
        "indnullsnotdistinct": spec.nulls_not_distinct, "indisprimary": spec.primary,
        "indisexclusion": bool(spec.exclusion), "indimmediate": not spec.deferrable,
        "indisclustered": False, "indisvalid": spec.valid, "indcheckxmin": False,
        "indisready": spec.ready, "indislive": True, "indisreplident": False,
        "indkey": tuple(column.attnum for column in spec.columns),
        "indcollation": tuple(column.collation for column in keys),
        "indclass": tuple(column.opclass for column in keys),
        "indoption": tuple(column.option for column in keys),
        "indexprs": node_to_text(spec.exprs) if spec.exprs else None,
        "indpred": None if spec.predicate is None else node_to_text(spec.predicate),
    }  # fmt: skip


def store_inheritance(writer: CatalogWriter, child: int, parent: int, number: int) -> None:
    """A row of pg_inherits."""
    writer.insert("pg_inherits", {
        "inhrelid": child, "inhparent": parent, "inhseqno": number, "inhdetachpending": False,
    })  # fmt: skip


def _constraint(writer: CatalogWriter, spec: IndexSpec) -> int:
    heap = spec.heap
    numbers = tuple(column.attnum for column in spec.columns)
    oid = create_constraint(writer, ConstraintSpec(
        spec.name, heap.relnamespace, spec.constraint, heap.oid, numbers[: spec.key_count],
        numbers, index=spec.oid, deferrable=spec.deferrable, deferred=spec.deferred,
        parent=spec.parent_constraint, is_local=spec.is_local, inhcount=spec.inhcount,
        no_inherit=spec.no_inherit, excl_ops=spec.exclusion, period=spec.without_overlaps,
    ))  # fmt: skip
    own = Address(c.CONSTRAINT, oid)
    record(writer, Address(c.RELATION, spec.oid), own, INTERNAL)
    if spec.parent_constraint:
        record(writer, own, Address(c.CONSTRAINT, spec.parent_constraint), PARTITION_PRI)
        record(writer, own, Address(c.RELATION, heap.oid), PARTITION_SEC)
    return oid


def _dependencies(writer: CatalogWriter, spec: IndexSpec, constraint: int) -> None:
    own, heap = Address(c.RELATION, spec.oid), spec.heap
    numbers = sorted({column.attnum for column in spec.columns if column.attnum})
    if not constraint:
        columns = [Address(c.RELATION, heap.oid, n) for n in numbers]
        if columns:
            record(writer, own, columns, AUTO)
        else:
            record(writer, own, Address(c.RELATION, heap.oid), AUTO)
    if spec.parent:
        record(writer, own, Address(c.RELATION, spec.parent), PARTITION_PRI)
        record(writer, own, Address(c.RELATION, heap.oid), PARTITION_SEC)
    keys = spec.columns[: spec.key_count]
    collations = {col.collation for col in keys} - {0, c.DEFAULT_COLLATION}
    record(writer, own, [Address(c.COLLATION, oid) for oid in sorted(collations)], NORMAL)
    opclasses = sorted({col.opclass for col in keys})
    record(writer, own, [Address(c.OPERATOR_CLASS, oid) for oid in opclasses], NORMAL)
    for tree in (spec.exprs or None, spec.predicate):
        if tree is not None:
            record_on_relation(writer, own, tree, heap.oid, NORMAL, AUTO)


def indexes_of(writer: CatalogWriter, relid: int) -> list[Any]:
    """The pg_index rows of a table, by OID."""
    rows = writer.cache.lookup("pg_index", "indrelid", relid)
    return sorted(rows, key=lambda row: int(row.indexrelid))
