"""Where catalog rows, files and new indexes go: the catalogs' writer over heap and btree.

Implements :class:`pgtool.catalog.indexing.CatalogStore` for a session's running instance.
A file that is made goes again with the transaction that made it; one that is dropped stays
until the commit. What a new index holds is computed by the executor (:mod:`.indexbuild`).
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from formats.derive import struct_of
from formats.wal import smgr as smgr_records
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.access.heap.heapam import HeapRelation, open_heap
from pgtool.access.heap.tuple import form_tuple
from pgtool.access.index import TableIndexes
from pgtool.access.sequence import SequenceFile, State
from pgtool.catalog.heaptarget import heap_target
from pgtool.catalog.indexinfo import table_indexes
from pgtool.errors import SqlError
from pgtool.functions.sysfuncs.sequences import sequence_file
from pgtool.storage.smgr import ForkNumber, RelFileLocator
from pgtool.transam.tqual import TmResult
from pgtool.wal.insert import Record

__all__ = ["Store", "log_create"]

_Tid = tuple[int, int]
_CREATE = opcode(smgr_records.RECORDS, "CREATE")
_create_record = struct_of(smgr_records.xl_smgr_create).pack
_TRUE = ("true", "on", "yes", "1")
UNLOGGED, TEMPORARY = "u", "t"
#: What rewrites a table's rows; commands stand above this layer.
_REWRITE = ("pgtool.commands.rewrite_rows", "rewrite")


class Store:
    """See the module."""

    def __init__(self, engine: Any, instance: Any) -> None:
        self.engine = engine
        self.session = engine.session
        self.instance = instance
        self._heaps: dict[tuple[int, Any], tuple[HeapRelation, TableIndexes]] = {}

    @property
    def xact(self) -> Any:
        """The session's transaction."""
        return self.session.xact

    # -- rows ------------------------------------------------------------------------

    def _opened(self, relation: Any) -> tuple[HeapRelation, TableIndexes]:
        """A catalog's heap and indexes, kept as long as its file is the same."""
        key = (relation.oid, relation.locator)
        found = self._heaps.get(key)
        if found is None:
            session = self.session
            heap = open_heap(self.instance, heap_target(session.cache, relation, self.instance))
            indexes = table_indexes(session.database, self.instance, relation.oid)
            found = self._heaps[key] = heap, indexes
        return found

    def insert(self, relation: Any, datums: list[bytes | None]) -> _Tid:
        """Store a new row."""
        heap, indexes = self._opened(relation)
        tid = heap.insert(self.xact, form_tuple(relation.attributes, datums))
        indexes.insert(self.xact, datums, tid)
        return tid

    def update(self, relation: Any, tid: _Tid, datums: list[bytes | None]) -> _Tid:
        """A new version of a row."""
        heap, indexes = self._opened(relation)
        done = heap.update(self.xact, tid, form_tuple(relation.attributes, datums))
        if done.result != TmResult.TM_Ok:
            raise _concurrent(done.result)
        if done.update_indexes == "all":
            indexes.insert(self.xact, datums, done.tid)
        return done.tid

    def delete(self, relation: Any, tid: _Tid) -> None:
        """A row's end."""
        heap, _indexes = self._opened(relation)
        result = heap.delete(self.xact, tid)
        if result != TmResult.TM_Ok:
            raise _concurrent(result)

    # -- files -----------------------------------------------------------------------

    def create(self, where: RelFileLocator, persistence: str) -> None:
        """Make a relation's main fork (and the init fork of an unlogged one).

        Recovery makes the main fork of an unlogged relation from its init fork, so it must
        not find one that it has made itself.
        """
        self.instance.pool.create(where)
        self.xact.pending_delete(where, at_commit=False)
        if persistence not in (TEMPORARY, UNLOGGED):
            log_create(self.xact, where, ForkNumber.MAIN)
        if persistence == UNLOGGED:
            self.instance.pool.create(where, ForkNumber.INIT)
            log_create(self.xact, where, ForkNumber.INIT)

    def drop(self, where: RelFileLocator) -> None:
        """A relation's files go when the transaction commits."""
        self.xact.pending_delete(where, at_commit=True)

    def exists(self, where: RelFileLocator) -> bool:
        """Whether there is such a file."""
        return bool(self.instance.pool.exists(where))

    def horizons(self) -> tuple[int, int]:
        """(relfrozenxid, relminmxid) of a relation that begins now."""
        instance = self.instance
        return int(instance.procarray.oldest_xmin()), int(instance.multixact.next_multi)

    def reopen(self) -> None:
        """Catalogs or their indexes have other files."""
        self._heaps.clear()

    def fill_index(self, index: int, *, checked: bool = True) -> int:
        """Fill a new index from its table; how many entries it has.

        Where not ``checked``, a unique one that is not valid may hold equal keys.
        """
        from pgtool.sql.indexbuild import build_index

        count = build_index(self.session, self.instance, index, checked=checked)
        if self.session.database.relation(index).relpersistence == UNLOGGED:
            from pgtool.catalog.indexinfo import open_index_of
            from pgtool.sql.executor.indexwrite import key_function
            from pgtool.sql.executor.scope import Env

            env = Env(self.session)
            keys = functools.partial(key_function, env)
            made = open_index_of(self.session.database, self.instance, index, keys)
            made.build_init_fork(xid=self.xact.current_xid())
        return count

    def build_index(self, index: int, *, checked: bool = True) -> None:
        """Fill a new index from its table, and tell its size."""
        self.note_size(index, self.fill_index(index, checked=checked), checked=checked)

    def note_size(self, oid: int, entries: int, *, checked: bool = True) -> None:
        """relpages and reltuples of a built index, and of its table where it tells them.

        An index that was left behind unfinished is a good one from now on.
        """
        session, pool = self.session, self.instance.pool
        writer = self.engine.catalog_writer()
        writer.advance()
        relation = session.database.relation(oid)
        row = session.cache.one("pg_class", "oid", oid)
        facts = session.cache.one("pg_index", "indexrelid", oid)
        if not facts.indisready and (checked or not facts.indisunique):
            writer.update("pg_index", facts, indisvalid=True, indisready=True)
        if not entries and row.reltuples < 0:
            return  # an index that was emptied: not looked at yet
        writer.update("pg_class", row, relpages=pool.nblocks(relation.locator),
                      reltuples=float(entries))  # fmt: skip
        table = session.cache.one("pg_class", "oid", facts.indrelid)
        options = dict(item.split("=", 1) for item in table.reloptions or ())
        vacuumed = options.get("autovacuum_enabled", "true").lower() in _TRUE
        if (not entries and table.reltuples < 0) or facts.indpred is not None or not (
            session.get("autovacuum") and vacuumed and table.relkind != "t"
        ):
            return
        pages = pool.nblocks(session.database.relation(table.oid).locator)
        if (table.relpages, table.reltuples) != (pages, float(entries)):
            writer.update("pg_class", table, relpages=pages, reltuples=float(entries))

    def rewrite(self, ddl: Any, row: Any, work: Any) -> None:
        """Give a table a new file with converted rows."""
        getattr(importlib.import_module(_REWRITE[0]), _REWRITE[1])(ddl, row, work)

    # -- sequences -------------------------------------------------------------------

    def _sequence(self, oid: int) -> SequenceFile:
        return sequence_file(self.session, oid)

    def fill_sequence(self, oid: int, last_value: int, log_cnt: int, is_called: bool) -> None:
        """Make the page of a new sequence."""
        self._sequence(oid).fill(self.xact, State(last_value, log_cnt, is_called))

    def read_sequence(self, oid: int) -> tuple[int, int, bool]:
        """(last_value, log_cnt, is_called)."""
        state = self._sequence(oid).read()
        return state.last_value, state.log_cnt, state.is_called

    def rewrite_sequence(
        self, oid: int, last_value: int, log_cnt: int, is_called: bool
    ) -> None:
        """Give a sequence a new file: unlike setval() this is part of the transaction."""
        writer = self.engine.catalog_writer()
        row = self.session.cache.one("pg_class", "oid", oid)
        number = writer.new_relfilenumber(row.reltablespace)
        self.drop(writer.locator(row.reltablespace, row.relfilenode))
        self.create(writer.locator(row.reltablespace, number), row.relpersistence)
        writer.update("pg_class", row, relfilenode=number)
        writer.advance()
        self.fill_sequence(oid, last_value, log_cnt, is_called)


def log_create(xact: Any, where: RelFileLocator, fork: ForkNumber) -> None:
    """Tell recovery of a new fork."""
    main = _create_record(where.spc, where.db, where.rel, int(fork))
    xact.instance.wal.insert(Record(int(RmgrId.RM_SMGR_ID), _CREATE, main), xact.current_xid())


def _concurrent(result: TmResult) -> SqlError:
    word = "deleted" if result == TmResult.TM_Deleted else "updated"
    if result == TmResult.TM_SelfModified:
        return SqlError("tuple already updated by self", "XX000")
    return SqlError(f"tuple concurrently {word}", "XX000")
