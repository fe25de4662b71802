"""Giving mapped catalogs new files: pg_class and the few whose file no row of it can tell.

A rewritten or reindexed mapped catalog has its new file number in memory until the commit;
then the whole map goes into the WAL and, written beside the old one, takes its place, before
the commit record. A crash between leaves a map whose files hold the same rows as the old
ones, which are not yet removed: so nothing is lost either way.

Invariant: the file is never changed in place, and its record is on disk before it.
"""

from __future__ import annotations

from typing import Any

from formats.derive import struct_of
from formats.relmap import RELMAPPER_FILENAME, remapped
from formats.wal import relmap
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.errors import SqlError
from pgtool.storage.smgr import GLOBALTABLESPACE_OID, RelFileLocator
from pgtool.wal.insert import Record

__all__ = ["is_mapped", "new_mapped_file", "point_to"]

_UPDATE = opcode(relmap.RECORDS, "UPDATE")
_record = struct_of(relmap.xl_relmap_update).pack
TEMPORARY = ".tmp"


def is_mapped(row: Any) -> bool:
    """Whether a relation's file is told by a map (``row`` is pg_class')."""
    return row.relkind in "rit" and not row.relfilenode


def new_mapped_file(writer: Any, row: Any) -> RelFileLocator:
    """A new, empty file for a mapped catalog or its index; the old one goes at commit."""
    database, store = writer.database, writer.store
    writer.xact.lock_exclusively(
        0 if row.relisshared else database.oid, int(row.oid), str(row.relname)
    )
    old = database.relation(row.oid).locator
    while True:
        where = RelFileLocator(old.spc, old.db, writer.new_oid("pg_class"))
        if not store.exists(where):
            break
    store.drop(old)
    store.create(where, row.relpersistence)
    return where


def point_to(writer: Any, row: Any, where: RelFileLocator) -> None:
    """From now on the catalog is in that file; for others, and for good, with the commit."""
    database, xact = writer.database, writer.xact
    if len(xact.levels) > 1:
        raise SqlError("cannot change relation mapping within subtransaction", "XX000")
    holder = database.cluster if row.relisshared else database
    first = _Pending.of(xact, holder)
    first.numbers[int(row.oid)] = where.rel
    holder.relmap[int(row.oid)] = where.rel
    writer.invalidate_relation(row)
    store_again(writer)


def store_again(writer: Any) -> None:
    """What is kept of the catalogs and their files is found anew."""
    writer.store.reopen()
    writer.database.invalidate()


class _Pending:
    """What a transaction changes in one map."""

    def __init__(self, xact: Any, holder: Any) -> None:
        self.xact = xact
        self.holder = holder
        self.numbers: dict[int, int] = {}

    @classmethod
    def of(cls, xact: Any, holder: Any) -> _Pending:
        """The one of this transaction, which ends with it."""
        known: _Pending | None = holder.__dict__.get("_relmap_pending")
        if known is None:
            known = holder.__dict__["_relmap_pending"] = cls(xact, holder)
            xact.before_commit(known.write)
            xact.on_commit(known.forget)
            xact.on_abort(known.undo)
        return known

    def write(self) -> None:
        """Into the WAL, and to disk."""
        holder, instance = self.holder, self.xact.instance
        if hasattr(holder, "cluster"):
            directory, db, spc = holder.path, holder.oid, holder.tablespace
        else:
            directory, db, spc = "global", 0, GLOBALTABLESPACE_OID
        backend, path = instance.backend, f"{directory}/{RELMAPPER_FILENAME}"
        data = remapped(backend.read(path, 0, 1 << 16), self.numbers, file=path)
        main = _record(db, spc, len(data)) + data
        record = Record(RmgrId.RM_RELMAP_ID, _UPDATE, main)
        instance.wal.flush(instance.wal.insert(record, self.xact.top_xid))
        new = path + TEMPORARY
        backend.create(new)
        backend.truncate(new, 0)
        backend.write(new, 0, data)
        backend.sync(new)
        backend.rename(new, path)
        backend.sync(directory)

    def forget(self) -> None:
        """It is done."""
        self.holder.__dict__.pop("_relmap_pending", None)

    def undo(self) -> None:
        """The transaction was rolled back: the file tells."""
        self.forget()
        self.holder.__dict__.pop("relmap", None)
