"""Writing catalog rows: a dict of values → tuple in the heap, entries in the catalog's indexes.

A :class:`CatalogWriter` belongs to one session that writes. What it changed becomes visible
with :meth:`CatalogWriter.advance` (the next command id), which also brings the session's own
caches up to date; every change registers the messages that tell other servers' caches.

Rows to be changed are given as the :class:`~pgtool.catalog.syscache.Row` they were read as.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pgtool.catalog.database import Database
from pgtool.catalog.inval import messages_for
from pgtool.catalog.rowforms import encode_value
from pgtool.catalog.syscache import Row, SysCache
from pgtool.storage.smgr import RelFileLocator
from pgtool.types.registry import TypeRegistry

__all__ = ["CatalogStore", "CatalogWriter"]

_Tid = tuple[int, int]
#: The primary keys of catalogs that do not have an OID; () where there is none.
_KEYS: dict[str, tuple[str, ...]] = {
    "pg_attribute": ("attrelid", "attnum"), "pg_index": ("indexrelid",),
    "pg_sequence": ("seqrelid",), "pg_inherits": ("inhrelid", "inhseqno"),
    "pg_partitioned_table": ("partrelid",), "pg_description": ("objoid", "classoid", "objsubid"),
    "pg_shdescription": ("objoid", "classoid"), "pg_statistic":
    ("starelid", "staattnum", "stainherit"), "pg_range": ("rngtypid",),
    "pg_depend": ("_tid",), "pg_shdepend": ("_tid",),
}  # fmt: skip


class CatalogStore(Protocol):
    """Where tuples and their index entries go."""

    def insert(self, relation: Any, datums: list[bytes | None]) -> _Tid:
        """Store a new row."""

    def update(self, relation: Any, tid: _Tid, datums: list[bytes | None]) -> _Tid:
        """A new version of a row."""

    def delete(self, relation: Any, tid: _Tid) -> None:
        """A row's end."""

    def create(self, where: RelFileLocator, persistence: str) -> None:
        """Make a relation's main fork, to go again if the transaction does."""

    def drop(self, where: RelFileLocator) -> None:
        """A relation's files go when the transaction commits."""

    def exists(self, where: RelFileLocator) -> bool:
        """Whether there is such a file."""

    def reopen(self) -> None:
        """Catalogs or their indexes have other files: what is kept open is of no use."""

    def fill_index(self, index: int, *, checked: bool = True) -> int:
        """Fill a new index from its table, and tell nobody its size yet; the entries."""

    def note_size(self, index: int, entries: int, *, checked: bool = True) -> None:
        """Tell the size of a filled index."""

    def build_index(self, index: int, *, checked: bool = True) -> None:
        """Fill a new index from its table, and tell its size."""

    def fill_sequence(self, oid: int, last_value: int, log_cnt: int, is_called: bool) -> None:
        """Make the page of a new sequence."""

    def read_sequence(self, oid: int) -> tuple[int, int, bool]:
        """(last_value, log_cnt, is_called)."""

    def rewrite_sequence(self, oid: int, last_value: int, log_cnt: int, is_called: bool) -> None:
        """Give a sequence a new file."""

    def rewrite(self, ddl: Any, row: Any, work: Any) -> None:
        """Give a table a new file with converted rows."""

    def horizons(self) -> tuple[int, int]:
        """(relfrozenxid, relminmxid) of a relation that begins now."""


#: Catalogs whose rows say how a relation is stored and read, and the column that names it.
_LOCKED_BY = {"pg_class": "oid", "pg_attribute": "attrelid"}
#: Columns that also change under weaker locks.
_SHARED_CHANGES = frozenset({
    "relhasindex", "relhasrules", "relhastriggers", "relhassubclass", "relchecks", "relacl",
    "relpages", "reltuples", "relallvisible", "relallfrozen", "relowner", "reloptions",
    "attstattarget", "attacl", "attoptions",
})  # fmt: skip


class CatalogWriter:
    """The catalogs of one session's database, to be written."""

    def __init__(
        self, database: Database, cache: SysCache, types: TypeRegistry, store: CatalogStore,
        xact: Any, next_oid: Callable[[], int],
    ) -> None:  # fmt: skip
        self.database = database
        self.cache = cache
        self.types = types
        self.store = store
        self.xact = xact
        self._next_oid = next_oid
        self._changes: dict[str, tuple[list[_Tid], list[tuple[_Tid, dict[str, Any]]]]] = {}
        self._given: set[tuple[str, int]] = set()
        #: The (sub)transaction that is to tell when it is undone.
        self._level: Any = None

    # -- rows --------------------------------------------------------------------------

    def insert(self, catalog: str, values: dict[str, Any]) -> None:
        """A new row; columns that are not named are NULL."""
        relation, datums = self._datums(catalog, values)
        if catalog == "pg_class" and values["relkind"] != "c":
            self._lock(catalog, values)
        tid = self.store.insert(relation, list(datums.values()))
        self._change(catalog)[1].append((tid, datums))
        self._tell(catalog, relation, values)

    def insert_many(self, catalog: str, rows: list[dict[str, Any]]) -> None:
        """Several new rows."""
        for values in rows:
            self.insert(catalog, values)

    def update(self, catalog: str, row: Row, **changes: Any) -> None:
        """Change columns of a row."""
        given, row = row, self._settled(catalog, row)
        values = {name: v for name, v in vars(row).items() if name != "_tid"}
        values.update(changes)
        if not _SHARED_CHANGES.issuperset(changes):
            self._lock(catalog, values)
        relation, datums = self._datums(catalog, values)
        tid = self.store.update(relation, row._tid, list(datums.values()))
        removed, added = self._change(catalog)
        self._forget_added(added, row._tid) or removed.append(row._tid)
        added.append((tid, datums))
        # The row itself follows, so that it can be changed again before the next command.
        for kept in (row, given):
            vars(kept).update(changes, _tid=tid)
        self._tell(catalog, relation, values)

    def delete(self, catalog: str, row: Row) -> None:
        """Delete a row."""
        row = self._settled(catalog, row)
        self._lock(catalog, vars(row))
        relation = self._relation(catalog)
        self.store.delete(relation, row._tid)
        removed, added = self._change(catalog)
        self._forget_added(added, row._tid) or removed.append(row._tid)
        self._tell(catalog, relation, vars(row))

    def _lock(self, catalog: str, values: dict[str, Any]) -> None:
        """AccessExclusiveLock on the relation that a row describes; standbys take it too."""
        column = _LOCKED_BY.get(catalog)
        if column is None:
            return
        oid = int(values[column])
        if (self.database.oid, oid) in self.xact.exclusive_locks:
            return
        row = values
        if column != "oid":
            found = self.cache.one("pg_class", "oid", oid)
            row = {} if found is None else vars(found)
        database = 0 if row.get("relisshared") else self.database.oid
        self.xact.lock_exclusively(database, oid, str(row.get("relname", "")))

    def _settled(self, catalog: str, row: Row) -> Row:
        """The newest version of a row, which is not of the current command."""
        row = self._current(catalog, row)
        added = self._changes.get(catalog, ((), ()))[1]
        if any(tid == row._tid for tid, _datums in added):
            self.advance()
            row = self._current(catalog, row)
        return row

    def _current(self, catalog: str, row: Row) -> Row:
        """The newest version of a row that was read some commands ago."""
        key = _KEYS.get(catalog, ("oid",))
        if key == ("_tid",) or not all(hasattr(row, name) for name in key):
            return row
        value = tuple(getattr(row, name) for name in key)
        found = self.cache.one(catalog, key, value if len(key) > 1 else value[0])
        return row if found is None else found

    @staticmethod
    def _forget_added(added: list[Any], tid: _Tid) -> bool:
        for place, (found, _datums) in enumerate(added):
            if found == tid:
                del added[place]
                return True
        return False

    def advance(self) -> None:
        """The next command: what was written is seen."""
        if self._changes:
            self.xact.command_counter_increment()
            changes, self._changes = self._changes, {}
            self.database.changed(changes)

    def forget(self) -> None:
        """The (sub)transaction was undone: read everything anew."""
        self._changes.clear()
        self._given.clear()
        self._level = None
        self.store.reopen()
        self.database.invalidate()

    def row(self, catalog: str, key: str | tuple[str, ...], value: Any) -> Any:
        """The row with this key as the next command sees it; None where there is none."""
        return self.cache.one(catalog, key, value)

    # -- numbers -----------------------------------------------------------------------

    def new_oid(self, catalog: str, column: str = "oid") -> int:
        """An OID that no row of the catalog has."""
        while True:
            oid = self._next_oid()
            if (catalog, oid) not in self._given and self.cache.one(catalog, column, oid) is None:
                self._given.add((catalog, oid))
                return oid

    def new_relfilenumber(self, tablespace: int, oid: int = 0) -> int:
        """A file number that no file has: the OID itself where it is free."""
        while True:
            number = oid or self.new_oid("pg_class")
            oid = 0
            if not self.store.exists(self.locator(tablespace, number)):
                return number

    def locator(self, tablespace: int, number: int) -> RelFileLocator:
        """Where a relation of this database lies."""
        return RelFileLocator(tablespace or self.database.tablespace, self.database.oid, number)

    # -- how ---------------------------------------------------------------------------

    def catalog_oid(self, catalog: str) -> int:
        """The OID of a catalog by name."""
        return self.database.catalog_oids[catalog]

    def _relation(self, catalog: str) -> Any:
        return self.database.relation(self.catalog_oid(catalog))

    def _datums(self, catalog: str, values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        relation = self._relation(catalog)
        encoding, info = self.database.encoding, self.types.info
        major = self.database.cluster.major
        out = {}
        for attribute in relation.attributes:
            name = attribute.attname
            value = values.get(name)
            out[name] = encode_value(attribute.atttypid, value, encoding, info, major)
            if out[name] is None and attribute.attnotnull:
                raise ValueError(f"{catalog}.{name} is not given")
        unknown = values.keys() - out.keys() - {"_tid"}
        if unknown:
            raise ValueError(f"{catalog} has no column {sorted(unknown)}")
        return relation, out

    def _change(self, catalog: str) -> Any:
        level = self.xact.levels[-1] if self.xact.levels else None
        if level is not self._level:
            self._level = level
            self.xact.on_abort(self.forget)
        return self._changes.setdefault(catalog, ([], []))

    def invalidate_relation(self, row: Row) -> None:
        """Others' caches are to forget a relation whose row does not change."""
        self._tell("pg_class", self._relation("pg_class"), vars(row))

    def _tell(self, catalog: str, relation: Any, row: dict[str, Any]) -> None:
        for message in messages_for(
            catalog, relation.oid, relation.relisshared, self.database.oid, row
        ):
            self.xact.invalidate(message)
