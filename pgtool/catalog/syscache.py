"""Catalog rows as objects, found by OID, by name and by key: what SQL analysis looks up.

One :class:`SysCache` for a database. A catalog is read whole at its first use (through
:class:`~pgtool.catalog.table.CatalogTable`); a row becomes a :class:`Row` with the
catalog's column names as attributes when it is first asked for, and stays. Arrays and
vectors of numbers are tuples, names and text are str, node trees stay text; ``_tid`` is
where the row lies.

Indexes are built per key on demand: ``cache.lookup("pg_cast", ("castsource", "casttarget"),
(23, 20))`` and :meth:`SysCache.one`, with shorthands for the frequent ones.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from formats.errors import CorruptData
from pgtool.catalog.database import Database
from pgtool.catalog.table import CatalogTable

__all__ = ["Row", "SysCache"]

Row = SimpleNamespace
_Tid = tuple[int, int]

_CHAR, _NAME, _INT2, _INT4, _TEXT, _OID = 18, 19, 21, 23, 25, 26
_NODE_TREE, _FLOAT4 = 194, 700
#: Vector and array types of the catalogs → (element width, struct code), or None for text.
_VECTORS: dict[int, tuple[int, str] | None] = {
    22: (2, "h"), 30: (4, "I"), 1005: (2, "h"), 1007: (4, "i"), 1028: (4, "I"), 1021: (4, "f"),
    1002: (1, "c"), 1009: None,
}  # fmt: skip


def decode_vector(payload: bytes, typid: int, encoding: Any) -> tuple[Any, ...]:
    """A one-dimensional catalog array: elements as int, float, str; None for NULL."""
    try:
        ndim, dataoffset, _elemtype = struct.unpack_from("<iII", payload)
        if ndim == 0:
            return ()
        (count,) = struct.unpack_from("<i", payload, 12)
        if ndim != 1 or not 0 <= count <= len(payload):
            raise ValueError
        # dataoffset counts from the varlena header, which the payload lacks.
        start = dataoffset - 4 if dataoffset else 12 + 8 * ndim
        bitmap = payload[20 : 20 + (count + 7) // 8] if dataoffset else None
        present = [bitmap is None or bool(bitmap[i >> 3] >> (i & 7) & 1) for i in range(count)]
        return tuple(_elements(payload, start, present, _VECTORS[typid], encoding))
    except (struct.error, ValueError, IndexError) as error:
        raise CorruptData("malformed array in a catalog row") from error


def _elements(
    payload: bytes, start: int, present: list[bool], kind: tuple[int, str] | None, encoding: Any
) -> list[Any]:
    out: list[Any] = []
    for there in present:
        if not there:
            out.append(None)
        elif kind is not None:
            (value,) = struct.unpack_from("<" + kind[1], payload, start)
            out.append(encoding.decode(value) if kind[1] == "c" else value)
            start += kind[0]
        else:
            value, start = _text_element(payload, start)
            out.append(encoding.decode(value))
    return out


def _text_element(payload: bytes, at: int) -> tuple[bytes, int]:
    """A text element inside an array: short header, or aligned long one."""
    if at % 4 and payload[at] == 0:
        at += -at % 4
    first = payload[at]
    if first & 1:
        size = first >> 1
        return payload[at + 1 : at + size], at + size
    at += -at % 4
    size = int.from_bytes(payload[at : at + 4], "little") >> 2
    if size < 4 or at + size > len(payload):
        raise ValueError(size)
    return payload[at + 4 : at + size], at + size


class SysCache:
    """The catalogs of one database as rows."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.major = database.cluster.major
        self._rows: dict[str, dict[_Tid, Row]] = {}
        self._indexes: dict[str, dict[tuple[str, ...], dict[Any, list[_Tid]]]] = {}
        database.listeners.add(self)

    def invalidate(self, names: frozenset[str] | None) -> None:
        """Forget the rows of these catalogs, or of all."""
        for kept in (self._rows, self._indexes):
            if names is None:
                kept.clear()
            else:
                for name in names:
                    kept.pop(name, None)

    def changing(self, changes: dict[str, tuple[list[_Tid], Any]]) -> None:
        """Rows are about to go: take them out of the indexes."""
        for catalog, (removed, _added) in changes.items():
            rows = self._rows.get(catalog, {})
            for tid in removed:
                rows.pop(tid, None)
            indexes = self._indexes.get(catalog)
            if not indexes or not removed:
                continue
            table = self.table(catalog)
            for tid in removed:
                number = table.place(tid)
                if number is None:
                    continue
                for key, index in indexes.items():
                    index[self._key(table, number, key)].remove(tid)

    def changed(self, changes: dict[str, tuple[list[_Tid], Any]]) -> None:
        """Rows came: put them into the indexes."""
        for catalog, (_removed, added) in changes.items():
            indexes = self._indexes.get(catalog)
            if not indexes or not added:
                continue
            table = self.table(catalog)
            for tid, _row in added:
                number = table.place(tid)
                if number is None:
                    continue
                for key, index in indexes.items():
                    places = index.setdefault(self._key(table, number, key), [])
                    if tid not in places:
                        places.append(tid)

    @staticmethod
    def _key(table: CatalogTable, number: int, key: tuple[str, ...]) -> Any:
        if len(key) == 1:
            return table.get(number, key[0])
        return tuple(table.get(number, name) for name in key)

    def table(self, catalog: str) -> CatalogTable:
        """The catalog itself."""
        return self.database.catalog(catalog)

    def row(self, catalog: str, number: int) -> Row:
        """Row ``number`` of a catalog, decoded."""
        table = self.table(catalog)
        return self._decoded(catalog, table, table.tids[number], number)

    def _decoded(self, catalog: str, table: CatalogTable, tid: _Tid, number: int) -> Row:
        rows = self._rows.setdefault(catalog, {})
        found = rows.get(tid)
        if found is None:
            found = Row(**{name: self._value(table, number, name) for name in table.columns})
            found._tid = tid
            rows[tid] = found
        return found

    def _value(self, table: CatalogTable, number: int, name: str) -> Any:
        typid = table.types[name]
        value = table.get(number, name)
        if value is None or not isinstance(value, bytes):
            return value
        if typid in _VECTORS:
            return decode_vector(value, typid, table.encoding)
        if typid in (_NODE_TREE, _TEXT):
            return table.encoding.decode(value)
        return value

    def rows(self, catalog: str) -> list[Row]:
        """Every row, in physical order."""
        return [self.row(catalog, i) for i in range(len(self.table(catalog)))]

    def _index(self, catalog: str, key: tuple[str, ...]) -> dict[Any, list[_Tid]]:
        indexes = self._indexes.setdefault(catalog, {})
        found = indexes.get(key)
        if found is None:
            table = self.table(catalog)
            columns = [self._keys(table, name) for name in key]
            made: dict[Any, list[_Tid]] = defaultdict(list)
            tids = table.tids
            for number, values in enumerate(zip(*columns, strict=True)):
                made[values if len(key) > 1 else values[0]].append(tids[number])
            found = indexes[key] = dict(made)
        return found

    @staticmethod
    def _keys(table: CatalogTable, name: str) -> list[Any]:
        column = table.columns[name]
        if name in table.valid and column.dtype.kind not in "SV":
            return list(column.tolist())
        return [table.get(i, name) for i in range(len(table))]

    def lookup(self, catalog: str, key: str | tuple[str, ...], value: Any) -> list[Row]:
        """All rows whose key column(s) have this value (a tuple for several columns)."""
        names = (key,) if isinstance(key, str) else key
        tids = self._index(catalog, names).get(value, ())
        if not tids:
            return []
        table, rows = self.table(catalog), self._rows.setdefault(catalog, {})
        out = []
        for tid in tids:
            found = rows.get(tid)
            if found is None:
                number = table.place(tid)
                assert number is not None
                found = self._decoded(catalog, table, tid, number)
            out.append(found)
        return out

    def one(self, catalog: str, key: str | tuple[str, ...], value: Any) -> Any:
        """The row with this key, or None (typed loosely: most callers know that it is there)."""
        found = self.lookup(catalog, key, value)
        return found[0] if found else None

    # -- shorthands: a row or None -----------------------------------------------------------

    def type(self, oid: int) -> Any:
        """pg_type by OID."""
        return self.one("pg_type", "oid", oid)

    def proc(self, oid: int) -> Any:
        """pg_proc by OID."""
        return self.one("pg_proc", "oid", oid)

    def operator(self, oid: int) -> Any:
        """pg_operator by OID."""
        return self.one("pg_operator", "oid", oid)

    def namespace_oid(self, name: str) -> int | None:
        """A schema's OID."""
        found = self.one("pg_namespace", "nspname", name)
        return found.oid if found else None

    def cast(self, source: int, target: int) -> Any:
        """pg_cast by its two types."""
        return self.one("pg_cast", ("castsource", "casttarget"), (source, target))
