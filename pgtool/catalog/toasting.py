"""TOAST tables: when a relation needs one, and how it is made."""

from __future__ import annotations

from typing import Any

from formats.deform import align
from formats.heap import header_length
from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import INTERNAL, record
from pgtool.catalog.heap import ColumnSpec, RelationSpec, heap_create
from pgtool.catalog.index import IndexColumn, IndexSpec, index_create
from pgtool.catalog.indexing import CatalogWriter

__all__ = ["create_toast_table", "needs_toast_table"]

TOAST_TUPLE_THRESHOLD = 2032
BYTEA, INT4, OID, BPCHAR, VARCHAR, BIT, VARBIT, NUMERIC = 17, 23, 26, 1042, 1043, 1560, 1562, 1700
OID_OPS, INT4_OPS = 1981, 1978
VARHDRSZ = 4
#: Encoding → the most bytes of a character.
_WIDEST = {"UTF8": 4, "EUC_JP": 3, "EUC_CN": 2, "EUC_KR": 3, "EUC_TW": 4, "EUC_JIS_2004": 3,
           "MULE_INTERNAL": 4}  # fmt: skip


def _most(writer: CatalogWriter, attribute: Any) -> int | None:
    """The most bytes that a value of a column may take; None where there is no limit."""
    typmod, width = attribute.atttypmod, _WIDEST.get(writer.database.encoding.name, 1)
    if typmod < 0:
        return None
    if attribute.atttypid in (BPCHAR, VARCHAR):
        return int((typmod - VARHDRSZ) * width + VARHDRSZ)
    if attribute.atttypid in (BIT, VARBIT):
        return int((typmod + 7) // 8 + 2 * 4)
    if attribute.atttypid == NUMERIC:
        precision = (typmod - VARHDRSZ) >> 16 & 0xFFFF
        return 8 + 2 * ((precision + 2 * 4 + 3) // 4)
    return None


def needs_toast_table(writer: CatalogWriter, attributes: list[Any]) -> bool:
    """Whether rows can be too long for a page, and a column's values can be moved out."""
    length, unlimited, movable = 0, False, False
    for attribute in attributes:
        if attribute.attisdropped or attribute.attgenerated == "v":
            continue
        length = align(length, attribute.attalign)
        if attribute.attlen > 0:
            length += attribute.attlen
            continue
        most = _most(writer, attribute)
        if most is None:
            unlimited = True
        else:
            length += most
        movable = movable or attribute.attstorage != "p"
    if not movable:
        return False
    if unlimited:
        return True
    header = header_length(len(attributes), True)
    return align(header + align(length, "d"), "d") > TOAST_TUPLE_THRESHOLD


def create_toast_table(
    writer: CatalogWriter, relid: int, options: tuple[str, ...] | None = None
) -> int:
    """Give a relation its TOAST table where it needs one and has none; its OID or 0."""
    row = writer.row("pg_class", "oid", relid)
    attributes = [
        a for a in writer.cache.lookup("pg_attribute", "attrelid", relid) if a.attnum > 0
    ]
    attributes.sort(key=lambda a: int(a.attnum))
    if row.relkind not in "rm" or row.reltoastrelid or not needs_toast_table(writer, attributes):
        return 0
    return make_toast_table(writer, row, options)


def make_toast_table(
    writer: CatalogWriter, row: Any, options: tuple[str, ...] | None = None
) -> int:
    """The TOAST table of a pg_class row, its index, the dependency."""
    columns = [
        ColumnSpec("chunk_id", OID), ColumnSpec("chunk_seq", INT4),
        ColumnSpec("chunk_data", BYTEA, storage="p"),
    ]  # fmt: skip
    name = f"pg_toast_{row.oid}"
    spec = RelationSpec(
        name, c.PG_TOAST_NAMESPACE, row.relowner, "t", columns, row.relpersistence,
        row.reltablespace, c.HEAP_AM, options=options, row_type=False,
    )  # fmt: skip
    oid = heap_create(writer, spec)
    writer.advance()
    keys = [
        IndexColumn(1, "chunk_id", OID, opclass=OID_OPS),
        IndexColumn(2, "chunk_seq", INT4, opclass=INT4_OPS),
    ]
    toast = writer.row("pg_class", "oid", oid)
    index, _ = index_create(writer, IndexSpec(
        f"{name}_index", toast, keys, 2, tablespace=row.reltablespace, unique=True, primary=True,
    ))  # fmt: skip
    writer.update("pg_class", toast, relhasindex=True)
    writer.update("pg_class", row, reltoastrelid=oid)
    record(writer, Address(c.RELATION, oid), Address(c.RELATION, row.oid), INTERNAL)
    writer.advance()
    writer.store.build_index(index)
    return oid
