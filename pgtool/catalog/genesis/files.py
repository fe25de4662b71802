"""Rows become files: heap pages, TOAST, indexes, maps, and what pg_class says of them.

Every relation's file has the relation's OID as its name. pg_class comes last, since it
holds the sizes of all others; its own size does not depend on them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from formats import datum, pglz_pack, varlena
from formats.derive import struct_of
from pgtool.access.btree.bulkpages import Entry, KeyAttr, btree_pages
from pgtool.access.heap.bulkpages import (
    FormAttr,
    RowFormer,
    free_space_map,
    heap_pages,
    visibility_map,
)
from pgtool.access.heap.toast_write import (
    TOAST_MAX_CHUNK_SIZE,
    TOAST_TUPLE_THRESHOLD,
    compress,
)
from pgtool.access.heap.tuple import StoredVarlena
from pgtool.catalog.genesis.declared import Catalog, Index
from pgtool.catalog.genesis.facts import Row
from pgtool.catalog.genesis.rows import TOAST_COLUMNS, Rows

#: struct formats of fixed-width types.
CODES = {
    "oid": "I", "int2": "h", "int4": "i", "int8": "q", "bool": "?", "char": "B", "name": "64s",
    "float4": "f", "float8": "d", "regproc": "I", "xid": "I", "timestamptz": "q", "pg_lsn": "Q",
}  # fmt: skip
_POINTER = struct_of(varlena.varatt_external)
_VECTOR = struct_of(datum.VectorType)
PGLZ = "p"


@dataclass
class Forks:
    """The pages of a relation; the maps are empty where nothing is in it."""

    main: list[bytearray] = field(default_factory=list)
    fsm: list[bytearray] = field(default_factory=list)
    vm: list[bytearray] = field(default_factory=list)


class FileMaker:
    """Makes the files of all catalogs of some rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.sizes: dict[int, tuple[int, int]] = {}

    def files(self) -> Iterator[tuple[bool, dict[int, Forks]]]:
        """Each catalog's files by OID as soon as they are made, and whether they are shared."""
        own = self.rows.catalogs["pg_class"]
        for catalog in self.rows.catalogs.values():
            if catalog is not own:
                yield catalog.shared, self._catalog(catalog)
        self._catalog(own)
        self._record_sizes()
        yield own.shared, self._catalog(own)

    def _record_sizes(self) -> None:
        """relpages, reltuples and what the maps hold, in the rows of pg_class."""
        at = {name: i for i, name in enumerate(self.rows.catalogs["pg_class"].names)}
        for row in self.rows.of["pg_class"]:
            size = self.sizes.get(row[at["oid"]])
            if size is None:
                continue
            row[at["relpages"]], row[at["reltuples"]] = size[0], float(size[1])
            if row[at["relkind"]] != ord("i"):
                row[at["relallvisible"]] = row[at["relallfrozen"]] = size[0]

    def _put(self, files: dict[int, Forks], oid: int, forks: Forks, tuples: int) -> None:
        files[oid] = forks
        self.sizes[oid] = (len(forks.main), tuples)

    def _catalog(self, catalog: Catalog) -> dict[int, Forks]:
        files: dict[int, Forks] = {}
        rows = self.rows.of[catalog.name]
        former = RowFormer([self._attr(c.type, c.notnull) for c in catalog.columns])
        chunks: list[tuple[int, int, bytes]] = []
        tuples = []
        for row in rows:
            made = former.form(row)
            if len(made) > TOAST_TUPLE_THRESHOLD and catalog.toast:
                made = self._shrunk(catalog, former, row, chunks)
            tuples.append(made)
        tids = self._heap(files, catalog.oid, tuples)
        columns = {c.name: i for i, c in enumerate(catalog.columns)}
        for index in catalog.indexes:
            self._put(files, index.oid, self._index(catalog, index, columns, rows, tids), len(rows))
        if catalog.toast:
            self._toast(files, catalog, chunks)
        return files

    def _heap(self, files: dict[int, Forks], oid: int, tuples: list[bytearray]) -> list[int]:
        pages, tids, free = heap_pages(tuples)
        forks = Forks(pages)
        if pages:
            forks.fsm, forks.vm = free_space_map(free), visibility_map(len(pages))
        self._put(files, oid, forks, len(tuples))
        return tids

    def _attr(self, type_: str, notnull: bool) -> FormAttr:
        facts = self.rows.facts.types[type_]
        code = CODES[type_] if facts.typlen > 0 else ""
        return FormAttr(facts.typlen, facts.align, facts.storage, notnull, code)

    # -- TOAST -------------------------------------------------------------------------

    def _shrunk(
        self, catalog: Catalog, former: RowFormer, row: Row, chunks: list[tuple[int, int, bytes]]
    ) -> bytearray:
        """The tuple with its largest values compressed, then moved out, until it fits."""
        values = list(row)
        made = former.form(values)
        wide = [i for i, a in enumerate(former.attrs) if a.attlen < 0 and a.attstorage in "xe"]
        wide = sorted((i for i in wide if values[i]), key=lambda i: -len(values[i]))
        for i in wide:
            if pglz_pack.COMPILED:  # else it takes seconds, and plain values serve as well
                values[i] = compress(values[i], PGLZ) or values[i]
            if len(values[i]) > TOAST_TUPLE_THRESHOLD:
                values[i] = self._moved(catalog, row[i], values[i], chunks)
            made = former.form(values)
            if len(made) <= TOAST_TUPLE_THRESHOLD:
                return made
        inside = [i for i in wide if not _external(values[i])]
        for i in sorted(inside, key=lambda i: -len(values[i])):
            values[i] = self._moved(catalog, row[i], values[i], chunks)
            made = former.form(values)
            if len(made) <= TOAST_TUPLE_THRESHOLD:
                break
        return made

    def _moved(
        self, catalog: Catalog, raw: bytes, value: bytes, chunks: list[tuple[int, int, bytes]]
    ) -> StoredVarlena:
        """Put a value into chunks; the pointer that stands for it."""
        stored = value[varlena.VARHDRSZ :] if value is not raw else raw
        oid = self.rows.oid()
        for seq, at in enumerate(range(0, len(stored), TOAST_MAX_CHUNK_SIZE)):
            chunks.append((oid, seq, stored[at : at + TOAST_MAX_CHUNK_SIZE]))
        size = len(raw) + varlena.VARHDRSZ
        pointer = _POINTER.pack(size, len(stored), oid, catalog.toast)
        return StoredVarlena(bytes([1, varlena.VarTag.VARTAG_ONDISK]) + pointer)

    def _toast(
        self, files: dict[int, Forks], catalog: Catalog, chunks: list[tuple[int, int, bytes]]
    ) -> None:
        attrs = [self._attr(type_, False) for _, type_ in TOAST_COLUMNS]
        attrs = [a._replace(attstorage="p", notnull=a.attlen > 0) for a in attrs]
        tuples = [RowFormer(attrs).form(chunk) for chunk in chunks]
        tids = self._heap(files, catalog.toast, tuples)
        keys = [KeyAttr(4, "i", "p", "I"), KeyAttr(4, "i", "p", "i")]
        entries = sorted((chunk[:2], tid) for chunk, tid in zip(chunks, tids))
        pages = btree_pages(keys, entries, True)
        self._put(files, catalog.toast_index, Forks(pages), len(chunks))

    # -- indexes -----------------------------------------------------------------------

    def _index(
        self, catalog: Catalog, index: Index, columns: dict[str, int], rows: Sequence[Row],
        tids: Sequence[int],
    ) -> Forks:  # fmt: skip
        places = [columns[name] for name, _ in index.keys]
        types = [catalog.columns[i].type for i in places]
        attrs = [self._key_attr(type_) for type_ in types]
        entries: list[Entry]
        if len(places) == 1:
            entries = [((row[places[0]],), tid) for row, tid in zip(rows, tids)]
        else:
            entries = list(zip(map(itemgetter(*places), rows), tids))
        if "oidvector" in types:
            entries.sort(key=lambda e: ([_ordered(t, v) for t, v in zip(types, e[0])], e[1]))
        else:
            entries.sort()
        equal = all(self.rows.equal_is_identical(opclass) for _, opclass in index.keys)
        return Forks(btree_pages(attrs, entries, equal, equal and not index.unique))

    def _key_attr(self, type_: str) -> KeyAttr:
        facts = self.rows.facts.types["cstring" if type_ == "name" else type_]
        code = CODES[type_] if facts.typlen > 0 else ""
        return KeyAttr(facts.typlen, facts.align, facts.storage, code)


def _ordered(type_: str, value: Any) -> Any:
    """What compares as the type's values do: vectors by length, then by elements."""
    if type_ != "oidvector":
        return value
    count = (len(value) - _VECTOR.size) // 4
    return count, struct.unpack_from(f"<{count}I", value, _VECTOR.size)


def _external(value: bytes) -> bool:
    return isinstance(value, StoredVarlena) and value[0] == 1
