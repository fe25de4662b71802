"""Rows of pg_attrdef: defaults and generation expressions."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import AUTO, INTERNAL, NORMAL, record
from pgtool.catalog.exprdeps import record_on_relation
from pgtool.catalog.indexing import CatalogWriter
from pgtool.nodes.text import node_to_text

__all__ = ["column_row", "default_of", "remove_default", "store_default"]


def column_row(writer: CatalogWriter, relid: int, number: int) -> Any:
    """The pg_attribute row of a column."""
    return writer.row("pg_attribute", ("attrelid", "attnum"), (relid, number))


def default_of(writer: CatalogWriter, relid: int, number: int) -> Any:
    """The pg_attrdef row of a column, or None."""
    return writer.row("pg_attrdef", ("adrelid", "adnum"), (relid, number))


def store_default(writer: CatalogWriter, relid: int, number: int, expr: Any) -> int:
    """Give a column its default (or generation) expression."""
    oid = writer.new_oid("pg_attrdef")
    writer.insert("pg_attrdef", {
        "oid": oid, "adrelid": relid, "adnum": number, "adbin": node_to_text(expr),
    })  # fmt: skip
    row = column_row(writer, relid, number)
    if not row.atthasdef:
        writer.update("pg_attribute", row, atthasdef=True)
    own, column = Address(c.ATTR_DEFAULT, oid), Address(c.RELATION, relid, number)
    record(writer, own, column, INTERNAL if row.attgenerated else AUTO)
    record_on_relation(writer, own, expr, relid, NORMAL, NORMAL)
    return oid


def remove_default(writer: CatalogWriter, row: Any) -> None:
    """Take a pg_attrdef row away; its dependencies are the caller's."""
    writer.delete("pg_attrdef", row)
    column = column_row(writer, row.adrelid, row.adnum)
    if column is not None and not column.attisdropped:
        writer.update("pg_attribute", column, atthasdef=False)
