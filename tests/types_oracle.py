"""Stored datums of a live server's table, beside what the server says they look like."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg

from formats.deform import Attribute, spans
from formats.heap import HeapInfomask, HeapTupleHeaderData, bitmap_length, natts, null_flags
from formats.page import ItemIdData, PageHeaderData
from formats.units import BLCKSZ
from pgtool.types.info import AttributeInfo, ObjectName, RangeInfo, TypeInfo
from pgtool.types.inner import datum_at


def heap_rows(data: bytes, attributes: list[Attribute]) -> list[list[bytes | None]]:
    """The datums of every normal tuple in a heap file, in order of their place."""
    rows = []
    for start in range(0, len(data), BLCKSZ):
        page = data[start : start + BLCKSZ]
        header = PageHeaderData.parse(page)
        first = PageHeaderData.sizeof()
        for at in range(first, header.pd_lower, ItemIdData.sizeof()):
            item = ItemIdData.parse(page[at:])
            word = int.from_bytes(page[at : at + 4], "little")
            offset, flags, length = word & 0x7FFF, word >> 15 & 3, word >> 17
            del item
            if flags == 1:
                rows.append(_row(page[offset : offset + length], attributes))
    return rows


def _row(raw: bytes, attributes: list[Attribute]) -> list[bytes | None]:
    head = HeapTupleHeaderData.parse(raw)
    count = natts(int(head.t_infomask2))
    nulls: list[bool] = []
    if head.t_infomask & HeapInfomask.HEAP_HASNULL:
        begin = HeapTupleHeaderData.sizeof()
        nulls = null_flags(raw[begin : begin + bitmap_length(count)], count)
    places = spans(raw, head.t_hoff, len(raw), attributes[:count], nulls)
    return [
        None if place is None else datum_at(raw, *place, attribute.attlen)
        for place, attribute in zip(places, attributes)
    ]


class Stored(NamedTuple):
    """A table's columns (name, type OID, typmod) and its rows as stored datums."""

    columns: list[tuple[str, int, int]]
    rows: list[list[bytes | None]]


def stored(server: Any, table: str, db: str = "postgres") -> Stored:
    """Read a table's file after a checkpoint. No row may be dead, no value out of line."""
    with server.connect(db, client_encoding="utf8") as conn:
        columns = conn.execute(
            "SELECT attname, atttypid::int8, atttypmod, attlen, attalign::text FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum", [table],
        ).fetchall()  # fmt: skip
        conn.execute("CHECKPOINT")
        (path,) = conn.execute("SELECT pg_relation_filepath(%s::regclass)", [table]).fetchone()
    attributes = [Attribute(attlen, align, name) for name, _, _, attlen, align in columns]
    data = (server.data / path).read_bytes()
    return Stored([(c[0], c[1], c[2]) for c in columns], heap_rows(data, attributes))


class ServerLookups:
    """The catalogs of a live server, asked by SQL."""

    def __init__(self, conn: Any) -> None:
        conn.prepare_threshold = None
        self.conn = conn

    def _one(self, sql: str, *args: object) -> Any:
        return self.conn.execute(sql, args).fetchone()

    def type_info(self, oid: int) -> TypeInfo | None:
        row = self._one(
            "SELECT t.oid::int8, typname, nspname, typlen, typbyval, typalign::text,"
            " typstorage::text, typtype::text, typcategory::text, typdelim::text,"
            " typelem::int8, typarray::int8, typbasetype::int8, typtypmod, typrelid::int8,"
            " typcollation::int8, p.prosrc FROM pg_type t JOIN pg_namespace n ON"
            " n.oid = typnamespace JOIN pg_proc p ON p.oid = typoutput WHERE t.oid = %s", oid,
        )  # fmt: skip
        return row and TypeInfo(
            row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10],
            row[11], row[12], row[13], row[14], row[15], row[16],
        )  # fmt: skip

    def type_is_visible(self, oid: int) -> bool:
        return bool(self._one("SELECT pg_type_is_visible(%s)", oid)[0])

    def enum_label(self, oid: int) -> str | None:
        row = self._one("SELECT enumlabel FROM pg_enum WHERE oid = %s", oid)
        return row and row[0]

    def enum_oid(self, typid: int, label: str) -> int | None:
        row = self._one(
            "SELECT oid::int8 FROM pg_enum WHERE enumtypid = %s AND enumlabel = %s", typid, label
        )
        return row and row[0]

    def attributes(self, typid: int, typmod: int) -> list[AttributeInfo] | None:
        rows = self.conn.execute(
            "SELECT attname, atttypid::int8, atttypmod, attisdropped, attlen, attalign::text,"
            " attstorage::text FROM pg_attribute a JOIN pg_type t ON t.typrelid = a.attrelid"
            " WHERE t.oid = %s AND attnum > 0 ORDER BY attnum", [typid],
        ).fetchall()  # fmt: skip
        return [AttributeInfo(*row) for row in rows] or None

    def range_info(self, typid: int) -> RangeInfo | None:
        row = self._one(
            "SELECT rngtypid::int8, rngsubtype::int8, rngmultitypid::int8, rngcanonical::text,"
            " rngcollation::int8 FROM pg_range WHERE %s IN (rngtypid, rngmultitypid)", typid,
        )  # fmt: skip
        return row and RangeInfo(*row)

    def role_name(self, oid: int) -> str | None:
        row = self._one("SELECT rolname FROM pg_roles WHERE oid = %s", oid)
        return row and row[0]

    def role_oid(self, name: str) -> int | None:
        row = self._one("SELECT oid::int8 FROM pg_roles WHERE rolname = %s", name)
        return row and row[0]

    def object_name(self, kind: str, oid: int) -> ObjectName | None:
        sql = _OBJECTS.get(kind)
        row = sql and self._one(sql, oid)
        if not row:
            return None
        return ObjectName(row[0], row[1], not row[2], tuple(row[3]) if len(row) > 3 else ())

    def object_oid(
        self, kind: str, names: tuple[str, ...], args: tuple[int, ...] | None
    ) -> int | None:
        quoted = ".".join('"' + name.replace('"', '""') + '"' for name in names)
        if kind in ("regoper", "regoperator"):
            quoted = ".".join([*(f'"{name}"' for name in names[:-1]), names[-1]])
        if args is not None:
            spelled = ",".join(self._one("SELECT format_type(%s, NULL)", a)[0] if a else "NONE"
                               for a in args)
            quoted += f"({spelled})"
        try:
            row = self._one(f"SELECT %s::{kind}::oid::int8", quoted)
        except psycopg.Error:
            return None
        return row and row[0]


_NAMED = "SELECT nspname, {0}name, pg_{2}_is_visible(o.oid) FROM {1} o JOIN pg_namespace n" \
    " ON n.oid = {0}namespace WHERE o.oid = %s"
_OBJECTS = {
    "regclass": _NAMED.format("rel", "pg_class", "table"),
    "regcollation": _NAMED.format("coll", "pg_collation", "collation"),
    "regconfig": _NAMED.format("cfg", "pg_ts_config", "ts_config"),
    "regdictionary": _NAMED.format("dict", "pg_ts_dict", "ts_dict"),
    "regproc": "SELECT nspname, proname, (SELECT count(*) FROM pg_proc x WHERE x.proname ="
    " o.proname AND pg_function_is_visible(x.oid)) = 1 AND pg_function_is_visible(o.oid)"
    " FROM pg_proc o JOIN pg_namespace n ON n.oid = pronamespace WHERE o.oid = %s",
    "regprocedure": "SELECT nspname, proname, pg_function_is_visible(o.oid),"
    " proargtypes::oid[]::int8[] FROM pg_proc o JOIN pg_namespace n ON n.oid = pronamespace"
    " WHERE o.oid = %s",
    "regoper": "SELECT nspname, oprname, (SELECT count(*) FROM pg_operator x WHERE x.oprname ="
    " o.oprname AND pg_operator_is_visible(x.oid)) = 1 AND pg_operator_is_visible(o.oid)"
    " FROM pg_operator o JOIN pg_namespace n ON n.oid = oprnamespace WHERE o.oid = %s",
    "regoperator": "SELECT nspname, oprname, pg_operator_is_visible(o.oid),"
    " ARRAY[oprleft, oprright]::int8[] FROM pg_operator o JOIN pg_namespace n"
    " ON n.oid = oprnamespace WHERE o.oid = %s",
    "regrole": "SELECT '', rolname, true FROM pg_roles WHERE oid = %s",
    "regnamespace": "SELECT '', nspname, true FROM pg_namespace WHERE oid = %s",
}
