"""Writing to indexes: one index, and all indexes of a table.

    index = open_index(instance, descriptor, heap)
    index.insert(xact, datums, tid, UniqueCheck.YES)

    indexes = TableIndexes(instance, descriptors, heap)
    recheck = indexes.insert(xact, datums, tid, row=values)

An :class:`pgtool.access.indexdesc.IndexDescriptor` comes from the catalog above
(``pgtool.catalog.indexinfo``), ``heap`` answers what rows a TID leads to
(:class:`pgtool.access.heap.indexview.IndexView`). Datums are stored bytes without varlena
header; a TID is ``(block, line pointer)``.

Only btrees are written. The descriptor of another access method raises
:class:`Unsupported`, so that no table is changed behind the back of such an index.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from pgtool.access.btree.build import build, build_init_fork
from pgtool.access.btree.bulkinsert import insert_batch
from pgtool.access.btree.insert import insert
from pgtool.access.btree.relation import BTree
from pgtool.access.btree.search import descend
from pgtool.access.btree.split import finish_split
from pgtool.access.btree.unique import UNIQUE_VIOLATION, UniqueCheck, find_equal, violation
from pgtool.access.btree.vacuum import BulkDeleteResult, bulk_delete, cleanup
from pgtool.access.indexdesc import IndexDescriptor
from pgtool.errors import CorruptData, SqlError, Unsupported

__all__ = [
    "BulkDeleteResult", "IndexRelation", "TableIndexes", "UniqueCheck", "open_index",
    "refuse_other_methods",
]  # fmt: skip

#: What reading a damaged page can end in.
DAMAGE = (CorruptData, struct.error, IndexError)
Datums = Sequence[bytes | None]
Tid = tuple[int, int]
#: Index → number of a row in its batch → the datums of its entry.
Keys = dict[int, dict[int, list[bytes | None]]]
BTREE_AM_OID = 403
OBJECT_NOT_IN_PREREQUISITE_STATE = "55000"
NO_ARBITER = ("ON CONFLICT does not support deferrable unique constraints/exclusion constraints as "
              "arbiters")  # fmt: skip


Pause = Callable[[], None]


def _no_pause() -> None:
    """Go on at once."""


def refuse_other_methods(name: str, relam: int, method: str = "") -> None:
    """Unsupported where an index is no btree: its table cannot be written to."""
    if relam != BTREE_AM_OID:
        what = f' of type "{method}"' if method else ", which is no btree"
        raise Unsupported(f'writing to a table with index "{name}"{what}')


def _flat(tid: Tid) -> int:
    return tid[0] << 16 | tid[1]


class IndexRelation:
    """One index, open for writing."""

    def __init__(self, instance: Any, descriptor: IndexDescriptor, heap: Any = None) -> None:
        self.descriptor = descriptor
        self.tree = BTree(instance, descriptor, heap)

    def insert(
        self, xact: Any, datums: Datums, heap_tid: Tid, check: UniqueCheck | None = None, *,
        unchanged: bool = False,
    ) -> bool:  # fmt: skip
        """Insert the entry of a row; False where a deferred check found another row.

        ``check`` left out means at once for a unique index. A violation raises 23505.
        """
        if check is None:
            check = UniqueCheck.YES if self.descriptor.unique else UniqueCheck.NO
        self._begin(xact)
        try:
            return insert(self.tree, datums, _flat(heap_tid), check, unchanged=unchanged)
        except DAMAGE as error:
            raise self._damaged(error) from None

    def insert_batch(
        self, xact: Any, columns: list[Any], tids: Any, check: UniqueCheck | None = None
    ) -> None:
        """Insert the entries of many rows: columns (or lists of datums), flat TIDs.

        A violation raises 23505, as with :meth:`insert`, when some rows may be in already.
        """
        if check is None:
            check = UniqueCheck.YES if self.descriptor.unique else UniqueCheck.NO
        self._begin(xact)
        try:
            insert_batch(self.tree, columns, tids, check)
        except DAMAGE as error:
            raise self._damaged(error) from None

    def check_existing(self, xact: Any, datums: Datums, heap_tid: Tid) -> None:
        """The deferred check of a row that is in the index: 23505 where another one is live."""
        self.insert(xact, datums, heap_tid, UniqueCheck.EXISTING)

    def find_conflict(self, xact: Any, datums: Datums, own: Tid | None = None) -> Tid | None:
        """The live row with the same key, other than ``own``; None where there is none."""
        tree = self.tree
        self._begin(xact)
        key = tree.keys.scan_key(datums[: tree.nkeyatts])
        if key.has_null and not self.descriptor.nulls_not_distinct:
            return None
        try:
            buffer, _stack = descend(tree, key, finish_split)
            try:
                found = find_equal(tree, buffer, key, None if own is None else _flat(own))
            finally:
                tree.unpin(buffer)
        except DAMAGE as error:
            raise self._damaged(error) from None
        return None if found is None else (found >> 16, found & 0xFFFF)

    def bulk_delete(
        self, dead: Any, result: BulkDeleteResult | None = None, pause: Pause = _no_pause
    ) -> BulkDeleteResult:
        """VACUUM: take out the entries of dead rows (ascending TIDs, ``block << 16 | offset``).

        ``pause`` is called between runs of pages.
        """
        self.tree.xid = 0
        try:
            return bulk_delete(self.tree, dead, result, pause)
        except DAMAGE as error:
            raise self._damaged(error) from None

    def vacuum_cleanup(
        self, result: BulkDeleteResult | None = None, pause: Pause = _no_pause
    ) -> BulkDeleteResult | None:
        """VACUUM: the end, whether or not there were dead rows."""
        self.tree.xid = 0
        return cleanup(self.tree, result, pause)

    def build(self, rows: Any, *, xid: int = 0) -> int:
        """Fill the empty file of the index; see :func:`pgtool.access.btree.build.build`."""
        self.tree.xid = xid
        return build(self.tree, rows)

    def build_empty(self, *, xid: int = 0) -> None:
        """An index of no rows: its meta page only."""
        self.build((), xid=xid)

    def build_init_fork(self, *, xid: int = 0) -> None:
        """The init fork of an unlogged index."""
        self.tree.xid = xid
        build_init_fork(self.tree)

    def _damaged(self, error: Exception) -> CorruptData:
        """A damaged page, with the index's file."""
        tree = self.tree
        if not isinstance(error, CorruptData):
            error = CorruptData(f'damaged page in index "{self.descriptor.name}": {error}')
        return error.at(file=tree.pool.path(tree.where))

    def _begin(self, xact: Any) -> None:
        """Records name the transaction; the heap is seen through its eyes."""
        if xact is not None:
            self.tree.xid = xact.current_xid()
            if self.tree.heap is not None:
                self.tree.heap.xact = xact


def open_index(instance: Any, descriptor: IndexDescriptor, heap: Any = None) -> IndexRelation:
    """An index for writing."""
    return IndexRelation(instance, descriptor, heap)


class TableIndexes:
    """All indexes of one table, as inserting and updating rows needs them."""

    def __init__(
        self, instance: Any, descriptors: Iterable[IndexDescriptor], heap: Any = None
    ) -> None:
        self.indexes = [IndexRelation(instance, one, heap) for one in descriptors if one.ready]

    def __iter__(self) -> Any:
        return iter(self.indexes)

    def __len__(self) -> int:
        return len(self.indexes)

    def insert(
        self, xact: Any, datums: Datums, tid: Tid, *, row: Any = None,
        arbiters: Collection[int] | None = None, unchanged: Collection[int] = (),
    ) -> list[IndexRelation]:  # fmt: skip
        """Entries of a new row version; the indexes whose deferred check must be repeated.

        ``datums`` are the row's attributes, ``row`` what expressions and predicates take
        (the datums where left out). ``arbiters``, OIDs, are indexes that decide about ON
        CONFLICT: they only tell (empty: all unique ones do). ``unchanged`` are OIDs of
        indexes whose keys an UPDATE left as they were.
        """
        again: list[IndexRelation] = []
        seen = datums if row is None else row
        for index in self.indexes:
            descriptor = index.descriptor
            if descriptor.predicate is not None and not descriptor.predicate(seen):
                continue
            keys = index_datums(descriptor, datums, seen)
            check = _check(descriptor, arbiters)
            unique = index.insert(xact, keys, tid, check, unchanged=descriptor.oid in unchanged)
            if check is UniqueCheck.PARTIAL and not unique:
                again.append(index)
        return again

    def takes_batches(self) -> bool:
        """Whether :meth:`insert_batch` serves all indexes of the table."""
        return all(
            index.descriptor.immediate or not index.descriptor.unique for index in self.indexes
        )

    @property
    def reads_rows(self) -> bool:
        """Whether expressions or predicates of indexes read whole rows."""
        return any(_reads_rows(index.descriptor) for index in self.indexes)

    def keys_of(self, rows: Iterable[tuple[Datums, Any]]) -> Keys:
        """The entries of such indexes for rows, given as (datums, what expressions take)."""
        found: Keys = {
            index.descriptor.oid: {} for index in self.indexes if _reads_rows(index.descriptor)
        }
        special = [one.descriptor for one in self.indexes if one.descriptor.oid in found]
        for number, (datums, row) in enumerate(rows):
            for descriptor in special:
                if descriptor.predicate is None or descriptor.predicate(row):
                    found[descriptor.oid][number] = index_datums(descriptor, datums, row)
        return found

    def insert_batch(
        self, xact: Any, columns: Sequence[Any], tids: Any, keys: Keys | None = None
    ) -> None:
        """Entries of many new rows: all attributes as columns or lists of datums, flat TIDs.

        ``keys`` are what :meth:`keys_of` gave, where :attr:`reads_rows` says so.
        """
        keys = keys or {}
        try:
            for index in self.indexes:
                known = keys.get(index.descriptor.oid)
                if known is None:
                    plain = [columns[attnum - 1] for attnum in index.descriptor.attnums]
                    index.insert_batch(xact, plain, tids)
                elif known:
                    lists = [list(column) for column in zip(*known.values())]
                    index.insert_batch(xact, lists, [int(tids[number]) for number in known])
        except SqlError as error:
            if error.sqlstate != UNIQUE_VIOLATION:
                raise
            raise self._first_violation(xact, columns, tids, keys) or error from None

    def _first_violation(
        self, xact: Any, columns: Sequence[Any], tids: Any, keys: Keys
    ) -> SqlError | None:
        """The error of the first row, as they came in, that a key stands against."""
        for number in range(len(tids)):
            own = int(tids[number])
            for index in self.indexes:
                if not index.descriptor.unique:
                    continue
                known = keys.get(index.descriptor.oid)
                if known is None:
                    datums = [
                        column[number] if isinstance(column, list) else column.datum(number)
                        for column in (columns[n - 1] for n in index.descriptor.attnums)
                    ]
                elif number in known:
                    datums = known[number]
                else:
                    continue
                if index.find_conflict(xact, datums, (own >> 16, own & 0xFFFF)) is not None:
                    found = violation(index.tree, datums[: index.tree.nkeyatts])
                    found.__dict__["row_number"] = number
                    return found
        return None

    def find_conflict(
        self, xact: Any, datums: Datums, *, row: Any = None,
        arbiters: Collection[int] | None = None, own: Tid | None = None,
    ) -> tuple[IndexRelation, Tid] | None:  # fmt: skip
        """A live row that the new one would collide with: (index, its TID)."""
        seen = datums if row is None else row
        for index in self.indexes:
            descriptor = index.descriptor
            if not descriptor.unique or (arbiters and descriptor.oid not in arbiters):
                continue
            if not descriptor.immediate:
                raise SqlError(NO_ARBITER, OBJECT_NOT_IN_PREREQUISITE_STATE)
            if descriptor.predicate is not None and not descriptor.predicate(seen):
                continue
            found = index.find_conflict(xact, index_datums(descriptor, datums, seen), own)
            if found is not None:
                return index, found
        return None


def _reads_rows(descriptor: IndexDescriptor) -> bool:
    return descriptor.predicate is not None or 0 in descriptor.attnums


def _check(descriptor: IndexDescriptor, arbiters: Collection[int] | None) -> UniqueCheck:
    if not descriptor.unique:
        return UniqueCheck.NO
    if arbiters is not None and (not arbiters or descriptor.oid in arbiters):
        return UniqueCheck.PARTIAL
    return UniqueCheck.YES if descriptor.immediate else UniqueCheck.PARTIAL


def index_datums(descriptor: IndexDescriptor, datums: Datums, row: Any) -> list[bytes | None]:
    """The columns of an index's entry for a row."""
    expressions = iter(descriptor.expressions)
    return [
        datums[attnum - 1] if attnum > 0 else next(expressions)(row)
        for attnum in descriptor.attnums
    ]
