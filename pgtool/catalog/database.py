"""One database of a cluster: its relations, by OID, by name, by file.

Read in this order, each step resting on the one before: pg_filenode.map gives the files of
pg_class and pg_attribute; pg_attribute describes every catalog; pg_class names every
relation and its file. pg_namespace, pg_type and the others are then ordinary relations,
read when first asked for.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from formats.heap import MAX_TUPLE_ATTRIBUTE_NUMBER
from pgtool.access.damage import Damage, accept_gaps, strict
from pgtool.access.heap.evidence import Witnesses
from pgtool.access.heap.scan import HeapScan
from pgtool.access.toast import Detoaster, ToastTable
from pgtool.catalog import bootstrap, whole
from pgtool.catalog.mapping import read_map
from pgtool.catalog.missing import missing_datum
from pgtool.catalog.relation import HEAP_RELKINDS, STORAGE_RELKINDS, Attribute, Relation
from pgtool.catalog.table import CatalogTable
from pgtool.errors import CorruptData, Unsupported, UserError
from pgtool.storage.bulk import RUN_PAGES
from pgtool.storage.smgr import (
    FILE_NAME,
    GLOBALTABLESPACE_OID,
    RelFileLocator,
    database_path,
)
from pgtool.types.encoding import Encoding, encoding_by_id

if TYPE_CHECKING:
    from pgtool.catalog.cluster import Cluster

HEAP_TABLE_AM_OID = 2
_Tid = tuple[int, int]
_Added = list[tuple[_Tid, dict[str, Any]]]


class Listener(Protocol):
    """Who keeps something read from the catalogs."""

    def invalidate(self, names: frozenset[str] | None) -> None:
        """These catalogs changed; None: anything may have."""


@runtime_checkable
class Follower(Protocol):
    """A listener that follows changes row by row: told before and after."""

    def changing(self, changes: dict[str, tuple[list[_Tid], _Added]]) -> None:
        """Rows are about to be removed and added."""

    def changed(self, changes: dict[str, tuple[list[_Tid], _Added]]) -> None:
        """They were."""
BTREE_AM_OID = 403


class Database:
    """An opened database. Everything is read lazily and kept."""

    def __init__(self, cluster: Cluster, row: dict[str, Any]) -> None:
        self.cluster = cluster
        self.row = row
        self.oid: int = row["oid"]
        self.name: str = row["datname"]
        self.tablespace: int = row["dattablespace"]
        self.encoding: Encoding = encoding_by_id(row["encoding"])
        self._catalogs: dict[
            tuple[str, frozenset[str] | None], CatalogTable | CorruptData
        ] = {}
        self._relations: dict[int, Relation] = {}
        self._toast: dict[int, ToastTable | None] = {}
        self._toast_reading: object = None
        #: Names of the catalogs that are known beforehand and were found to be damaged.
        self.damaged: set[str] = set()
        #: Who keeps something read from the catalogs: told of every change.
        self.listeners: weakref.WeakSet[Listener] = weakref.WeakSet()
        #: Counts the changes that were told: whoever keeps a plan compares it.
        self.generation = 0

    @property
    def path(self) -> str:
        """The directory of the database's own files."""
        return database_path(self.tablespace, self.oid, self.cluster.major)

    # -- catalogs -----------------------------------------------------------------

    @cached_property
    def relmap(self) -> dict[int, int]:
        """OID → file number of the database's mapped catalogs."""
        return read_map(self.cluster.directory.backend, self.path, self.cluster.damage)

    def _bootstrap(self, name: str, wanted: set[str] | None = None) -> CatalogTable:
        known = bootstrap.catalogs(self.cluster.major)[name]
        numbers = self.cluster.relmap if known.shared else self.relmap
        if known.oid not in numbers:
            raise CorruptData(f"{name} is not in the relation map", file=self.path)
        where = (
            RelFileLocator(GLOBALTABLESPACE_OID, 0, numbers[known.oid]) if known.shared
            else RelFileLocator(self.tablespace, self.oid, numbers[known.oid])
        )  # fmt: skip
        directory = self.cluster.directory

        def damage(problem: CorruptData) -> None:
            self.damaged.add(name)
            self.cluster.damage(problem)

        scan = HeapScan(
            directory.file(where), known.attrs, self.cluster.catalog_snapshot,
            Detoaster(None), directory.checksums, damage,
        )  # fmt: skip
        accept_gaps(scan.file, damage)
        table = CatalogTable(scan, known.types, self.encoding, wanted)
        self.cluster.check_whole(scan, where, numbers.get(bootstrap.INDEXES.get(known.oid, 0)))
        return table

    def _unlisted(self, name: str, wanted: set[str] | None) -> CatalogTable:
        """A catalog that the others do not describe any more, as initdb made it."""
        known = bootstrap.catalogs(self.cluster.major)[name]
        self.relmap.setdefault(known.oid, known.oid)
        return self._bootstrap(name, wanted)

    @cached_property
    def _lost(self) -> dict[int, Relation]:
        """Relations that a damaged pg_class lacks."""
        if not self.pg_class or "pg_class" not in self.damaged:
            return {}
        from pgtool.catalog.rebuilt import lost_relations

        self.__dict__["_lost"] = {}  # what reads catalogs meanwhile does without
        return lost_relations(self)

    @cached_property
    def pg_class(self) -> CatalogTable:
        """pg_class without its variable-width columns (their values may be out of line)."""
        known = bootstrap.catalogs(self.cluster.major)["pg_class"]
        plain = {a.attname for a in known.attrs if a.attlen > 0}
        return self._bootstrap("pg_class", plain)

    @cached_property
    def pg_attribute(self) -> CatalogTable:
        """pg_attribute, without privileges and options."""
        known = bootstrap.catalogs(self.cluster.major)["pg_attribute"]
        return self._bootstrap(
            "pg_attribute", {a.attname for a in known.attrs if a.attlen > 0} | {"attmissingval"}
        )

    @cached_property
    def pg_type(self) -> CatalogTable:
        """pg_type, without defaults and privileges."""
        known = bootstrap.catalogs(self.cluster.major)["pg_type"]
        return self._bootstrap("pg_type", {a.attname for a in known.attrs if a.attlen > 0})

    @cached_property
    def _attribute_rows(self) -> tuple[Any, Any]:
        relids = self.pg_attribute.columns["attrelid"]
        numbers = self.pg_attribute.columns["attnum"]
        order = np.lexsort((numbers, relids))
        order = order[numbers[order] > 0]
        return order, relids[order]

    def catalog(self, name: str, wanted: set[str] | None = None) -> CatalogTable:
        """A catalog of pg_catalog by name, shared or the database's own."""
        key = (name, None if wanted is None else frozenset(wanted))
        found = self._catalogs.get(key)
        if found is None:
            try:
                found = self._read_catalog(name, wanted)
            except CorruptData as problem:
                # Kept: not to be tried again for every value that asks.
                self._catalogs[key] = found = problem
                if name in bootstrap.catalogs(self.cluster.major):
                    self.cluster.damage(problem)
                    found = self._unlisted(name, wanted)
            self._catalogs[key] = found
        if isinstance(found, CorruptData):
            raise found
        return found

    def _read_catalog(self, name: str, wanted: set[str] | None) -> CatalogTable:
        oid = self.catalog_oids.get(name)
        if oid is None:
            raise CorruptData(f"there is no catalog {name}", file=self.path)
        relation = self.relation(oid)
        types = {a.attname: a.atttypid for a in relation.columns}
        scan = self.scan(relation, self.cluster.damage)
        scan.sees = self.cluster.catalog_snapshot
        accept_gaps(scan.file, self.cluster.damage)
        table = CatalogTable(scan, types, self.encoding, wanted)
        assert relation.locator is not None
        index = None
        if scan.empty and name != "pg_index":  # it tells which index a catalog has
            found = next(iter(self._indexes.get(oid, [])), 0)
            locator = self.relation(found).locator if found else None
            index = locator and locator.rel
        self.cluster.check_whole(scan, relation.locator, index)
        return table

    @cached_property
    def catalog_oids(self) -> dict[str, int]:
        """Name → OID of the relations of pg_catalog."""
        table = self.pg_class
        rows = np.flatnonzero(table.columns["relnamespace"] == PG_CATALOG_NAMESPACE)
        return {table.get(i, "relname"): table.get(i, "oid") for i in rows.tolist()}

    @cached_property
    def namespaces(self) -> dict[int, str]:
        """OID → name of every schema."""
        return {row["oid"]: row["nspname"] for row in self.catalog("pg_namespace")}

    # -- changes --------------------------------------------------------------------

    def invalidate(self, names: Iterable[str] | None = None) -> None:
        """Forget what was read from these catalogs, or everything."""
        if names is None:
            self._catalogs.clear()
            for kept in (*_TABLES, *_DERIVED):
                self.__dict__.pop(kept, None)
            self._told(None)
            return
        changed = frozenset(names)
        for key in [key for key in self._catalogs if key[0] in changed]:
            del self._catalogs[key]
        for name in changed & set(_TABLES):
            self.__dict__.pop(name, None)
        self._told(changed)

    def changed(self, changes: dict[str, tuple[list[_Tid], _Added]]) -> None:
        """Rows were removed from and added to catalogs: bring what is kept up to date."""
        followers = [one for one in list(self.listeners) if isinstance(one, Follower)]
        described = self._described(changes)
        for one in followers:
            one.changing(changes)
        for key, kept in self._catalogs.items():
            if key[0] in changes and isinstance(kept, CatalogTable):
                kept.change(*changes[key[0]])
        for name in _TABLES:
            table: CatalogTable | None = self.__dict__.get(name)
            if table is not None and name in changes:
                table.change(*changes[name])
        for one in followers:
            one.changed(changes)
        self._told(frozenset(changes), followers, described)

    def _described(self, changes: dict[str, tuple[list[_Tid], _Added]]) -> set[int] | None:
        """The relations whose descriptions changed; None where it may be any."""
        if "pg_namespace" in changes:
            return None
        out: set[int] = set()
        for name, column in (("pg_class", "oid"), ("pg_attribute", "attrelid")):
            removed, added = changes.get(name, ((), ()))
            table: CatalogTable | None = self.__dict__.get(name)
            if table is None and removed:
                return None
            for tid in removed:
                assert table is not None
                place = table.place(tid)
                if place is not None:
                    out.add(table.get(place, column))
            out.update(int.from_bytes(row[column], "little") for _tid, row in added)
        return out

    def _told(
        self, names: frozenset[str] | None, informed: Sequence[object] = (),
        described: set[int] | None = None,
    ) -> None:  # fmt: skip
        for kept, sources in _DERIVED.items():
            if names is None or names & sources:
                self.__dict__.pop(kept, None)
        for kept, source in _SHARED.items():
            if names is None or source in names:
                self.cluster.__dict__.pop(kept, None)
        if names is None or (names & _DESCRIBING and described is None):
            self._relations.clear()
            self._toast.clear()
        for oid in described or ():
            self._relations.pop(oid, None)
            self._toast.pop(oid, None)
        self.generation += 1
        for listener in list(self.listeners):
            if listener not in informed:
                listener.invalidate(names)

    # -- relations ------------------------------------------------------------------

    def relation(self, oid: int) -> Relation:
        """The relation with this OID; UserError where there is none."""
        found = self._relations.get(oid)
        if found is None:
            row = self.pg_class.find("oid", oid)
            if row is None and oid not in self._lost:
                raise UserError(f'relation with OID {oid} does not exist in "{self.name}"')
            found = self._lost[oid] if row is None else self._relation(row)
            found.attributes = self.attributes(oid)
            self._relations[oid] = found
        return found

    def relations(self) -> Iterator[Relation]:
        """Every relation of pg_class, without attributes, in the order of OIDs."""
        order = np.argsort(self.pg_class.columns["oid"], kind="stable")
        for row in order.tolist():
            yield self._relation(row)
        yield from self._lost.values()

    def _relation(self, row: int) -> Relation:
        get = self.pg_class.get
        namespace = get(row, "relnamespace")
        relation = Relation(
            nspname=_PINNED_NAMESPACES.get(namespace)
            or self.namespaces.get(namespace, str(namespace)),
            **{name: get(row, name) for name in _PLAIN},
        )  # fmt: skip
        relation.locator = self._locator(relation)
        return relation

    def _locator(self, relation: Relation) -> RelFileLocator | None:
        if relation.relkind not in STORAGE_RELKINDS:
            return None
        number = relation.relfilenode
        if number == 0:
            mapped = self.cluster.relmap if relation.relisshared else self.relmap
            number = mapped.get(relation.oid, 0)
            if number == 0:
                return None
        if relation.relisshared:
            return RelFileLocator(GLOBALTABLESPACE_OID, 0, number)
        spc = relation.reltablespace or self.tablespace
        temp = self._temporary.get(number) if relation.relpersistence == "t" else None
        return RelFileLocator(spc, self.oid, number, temp)

    @cached_property
    def _temporary(self) -> dict[int, int]:
        """File number → backend of the temporary files in the database's directory."""
        names = self.cluster.directory.backend.list(self.path)
        found = (FILE_NAME.fullmatch(name) for name in names if name.startswith("t"))
        return {int(m[2]): int(m[1]) for m in found if m}

    def attributes(self, oid: int) -> list[Attribute]:
        """The user attributes of a relation, dropped ones included, in order."""
        order, relids = self._attribute_rows
        low, high = np.searchsorted(relids, [oid, oid + 1])
        table = self.pg_attribute
        out = []
        for number, row in enumerate(order[low:high].tolist(), 1):
            fact = {name: table.get(row, name) for name in _ATTRIBUTE}
            if fact["attnum"] != number or number > MAX_TUPLE_ATTRIBUTE_NUMBER:
                raise CorruptData(
                    f"pg_attribute lacks attribute {number} of relation {oid}", file=self.path
                )
            attribute = Attribute(**fact)
            if attribute.atthasmissing:
                datum = missing_datum(table.columns["attmissingval"][row], attribute)
                attribute = Attribute(**fact, missing=datum)
            out.append(attribute)
        return out

    @cached_property
    def children(self) -> dict[int, list[int]]:
        """Parent → its inheritance children and partitions, in the order of OIDs."""
        out: dict[int, list[int]] = {}
        for row in self.catalog("pg_inherits"):
            out.setdefault(row["inhparent"], []).append(row["inhrelid"])
        return {parent: sorted(found) for parent, found in out.items()}

    def leaves(self, relation: Relation) -> list[Relation]:
        """The relations that hold a relation's own rows: itself, or a partitioned one's leaves."""
        if relation.relkind != "p":
            return [relation]
        out: list[Relation] = []
        waiting = [relation.oid]
        while waiting:
            found = [self.relation(oid) for oid in self.children.get(waiting.pop(0), [])]
            waiting += [r.oid for r in found if r.relkind == "p"]
            out += [r for r in found if r.relkind in HEAP_RELKINDS]
        return out

    # -- reading --------------------------------------------------------------------

    def scan(
        self, relation: Relation, damage: Damage = strict, *, visible: bool = True,
        run_pages: int = RUN_PAGES,
    ) -> HeapScan:  # fmt: skip
        """A scan over the relation's own rows (not its children's)."""
        if relation.locator is None or relation.relkind not in HEAP_RELKINDS:
            raise UserError(f'"{relation.relname}" is a {relation.kind} and holds no rows')
        if relation.relam not in (0, HEAP_TABLE_AM_OID):
            raise Unsupported(f'table access method {relation.relam} of "{relation.relname}"')
        directory = self.cluster.directory
        sees = self.cluster.sees
        # A sequence is one frozen row that no visibility rule applies to.
        seen = sees if visible and relation.relkind != "S" else None
        return HeapScan(
            directory.file(relation.locator, expected=relation.relpages),
            [a.stored for a in relation.attributes], seen,
            Detoaster(self.toast_table(relation, damage)), directory.checksums, damage, run_pages,
        )  # fmt: skip

    def witnesses(self, relation: Relation) -> Witnesses:
        """What knows of a heap's blocks: its maps and a B-tree over all rows, if there are."""
        index = None
        for oid in self._indexes.get(relation.oid, []):
            row = self.pg_class.find("oid", oid)
            found = None if row is None else self._relation(row)
            if found is not None and found.locator and found.relam == BTREE_AM_OID:
                index = found.locator
                break
        return whole.witnesses(self.cluster.directory, relation.locator, index)

    @cached_property
    def _indexes(self) -> dict[int, list[int]]:
        """Table → its valid indexes without a predicate."""
        out: dict[int, list[int]] = {}
        for row in self.catalog("pg_index", {"indexrelid", "indrelid", "indisvalid", "indpred"}):
            if row["indisvalid"] and row["indpred"] is None:
                out.setdefault(row["indrelid"], []).append(row["indexrelid"])
        return out

    def toast_table(self, relation: Relation, damage: Damage = strict) -> ToastTable | None:
        """The reader of a relation's TOAST table, if it has one."""
        oid = relation.reltoastrelid
        if not oid:
            return None
        if self._toast_reading is not self.cluster.reading:
            # What was found in a TOAST table does not hold for the next command.
            self._toast.clear()
            self._toast_reading = self.cluster.reading
        if oid not in self._toast:
            known = self.pg_class.find("oid", oid) is not None or oid in self._lost
            table = self.relation(oid) if known else None
            if table is None or table.locator is None:
                what = "has no file" if known else "is not in pg_class"
                damage(CorruptData(f"TOAST table {oid} {what}", file=self.path))
                self._toast[oid] = None
                return None
            directory = self.cluster.directory
            self._toast[oid] = ToastTable(
                oid, directory.file(table.locator, expected=table.relpages),
                directory.checksums, directory.control.toast_max_chunk_size, None, damage,
            )  # fmt: skip
        return self._toast[oid]


PG_CATALOG_NAMESPACE = 11
#: Tables kept as attributes; what is derived from which catalogs; what makes a Relation.
_TABLES = ("pg_class", "pg_attribute", "pg_type")
_DERIVED: dict[str, frozenset[str]] = {
    "_attribute_rows": frozenset({"pg_attribute"}), "catalog_oids": frozenset({"pg_class"}),
    "namespaces": frozenset({"pg_namespace"}), "_lost": frozenset({"pg_class"}),
    "_temporary": frozenset({"pg_class"}),
    "children": frozenset({"pg_inherits"}), "_indexes": frozenset({"pg_index", "pg_class"}),
    "_statistics": frozenset({"pg_statistic", "pg_class"}),
}  # fmt: skip
_SHARED = {"pg_database": "pg_database", "roles": "pg_authid", "tablespaces": "pg_tablespace"}
_DESCRIBING = frozenset({"pg_class", "pg_attribute", "pg_namespace"})
#: Schemas whose OIDs are fixed: their relations must be nameable before pg_namespace is read.
_PINNED_NAMESPACES = {PG_CATALOG_NAMESPACE: "pg_catalog", 99: "pg_toast"}
_PLAIN = (
    "oid", "relname", "relkind", "relnamespace", "relowner", "relam", "relfilenode", "relpages",
    "reltuples", "reltoastrelid", "reltype", "relpersistence", "relisshared", "relispartition",
    "relhassubclass", "relfrozenxid", "relminmxid", "reltablespace",
)  # fmt: skip
_ATTRIBUTE = (
    "attname", "atttypid", "attlen", "attnum", "attalign", "attbyval", "attstorage", "atttypmod",
    "attnotnull", "atthasmissing", "attidentity", "attgenerated", "attisdropped", "attcollation",
    "attndims", "attcompression",
)  # fmt: skip
