"""Cumulative statistics of a writing instance: counted in memory, kept from run to run.

As in the server: the file that a clean shutdown left is read at the start and removed at
once, so that after a crash nobody believes old counts; the next clean shutdown writes it
anew. Rows are counted per relation while a transaction runs (:class:`TableCounts`) and
reported when it ends, because what an abort leaves behind is dead rows and what a commit
leaves is live ones.

Autovacuum's decisions rest on these counts (the manual's "The Cumulative Statistics System").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from construct import Container

from formats import pgstat
from formats.derive import fields, struct_of
from formats.errors import CorruptData
from pgtool.storage.backend import WritableBackend

__all__ = ["Statistics", "TableCounts"]

PATH = pgstat.PGSTAT_STAT_PERMANENT_FILENAME


@dataclass(slots=True)
class TableCounts:
    """Rows that one (sub)transaction inserted, updated and deleted in one relation."""

    inserted: int = 0
    updated: int = 0
    hot_updated: int = 0
    newpage_updated: int = 0
    deleted: int = 0
    truncated: bool = False

    def add(self, other: TableCounts) -> None:
        """What a released subtransaction counted."""
        if other.truncated:
            self.truncated = True
            self.inserted = self.updated = self.deleted = 0
        self.inserted += other.inserted
        self.updated += other.updated
        self.hot_updated += other.hot_updated
        self.newpage_updated += other.newpage_updated
        self.deleted += other.deleted


class Statistics:
    """The counters of one cluster, by (kind, database, object).

    Entries are decoded when they are first asked for; all others are written as they came.
    """

    def __init__(self, major: int) -> None:
        self.major = major
        self.kinds = pgstat.KINDS[major]
        self._key = struct_of(pgstat.PgStat_HashKey[major])
        #: Entries that are not changed here: what exists once, slots.
        self.others: list[pgstat.RawEntry] = []
        self.entries: dict[tuple[int, int, int], Any] = {}

    @classmethod
    def take(cls, backend: WritableBackend, major: int) -> Statistics:
        """Read what a shutdown left, and remove the file; an unreadable one counts nothing."""
        out = cls(major)
        if not backend.exists(PATH):
            return out
        try:
            found = pgstat.split(backend.read(PATH), major, file=PATH)
        except CorruptData:
            found = []
        for entry in found:
            if entry.mark == pgstat.ENTRY_HASH:
                out.entries[out._key.unpack(entry.key)] = entry.body
            else:
                out.others.append(entry)
        backend.unlink(PATH)
        return out

    def write(self, backend: WritableBackend) -> None:
        """The file, written aside and renamed; the last thing before a clean shutdown."""
        entries = list(self.others)
        for (kind, db, objid), body in self.entries.items():
            name = self.kinds(kind).name
            if not isinstance(body, bytes):
                body = struct_of(pgstat.BODY[name][self.major]).pack(*body.values())
            key = self._key.pack(kind, db, objid)
            entries.append(pgstat.RawEntry(pgstat.ENTRY_HASH, name, key, body, 0))
        aside = PATH.removesuffix("stat") + "tmp"
        if backend.exists(aside):
            backend.unlink(aside)
        backend.write(aside, 0, pgstat.join(entries, self.major))
        backend.sync(aside)
        backend.rename(aside, PATH)

    # -- entries ---------------------------------------------------------------------

    def _entry(self, kind: str, db: int, objid: int) -> Any:
        key = (self.kinds[kind].value, db, objid)
        found = self.entries.get(key)
        if isinstance(found, Container):
            return found
        layout = pgstat.BODY[kind][self.major]
        names = [field.name for field in fields(layout)]
        values = struct_of(layout).unpack(found) if found else [0] * len(names)
        made = self.entries[key] = Container(zip(names, values))
        return made

    def find(self, kind: str, db: int, objid: int) -> Any:
        """An entry, or None where nothing was counted."""
        if (self.kinds[kind].value, db, objid) not in self.entries:
            return None
        return self._entry(kind, db, objid)

    def table(self, db: int, relid: int) -> Any:
        """The counters of a relation (``db`` 0: a shared one), begun where there are none."""
        return self._entry("RELATION", db, relid)

    def drop(self, kind: int, db: int, objid: int) -> None:
        """An object is gone."""
        self.entries.pop((kind, db, objid), None)

    def drop_database(self, db: int) -> None:
        """A database is gone, and all that is in it."""
        for key in [key for key in self.entries if key[1] == db]:
            del self.entries[key]

    # -- reports ---------------------------------------------------------------------

    def transaction(self, db: int, committed: bool) -> None:
        """A transaction of a database has ended."""
        entry = self._entry("DATABASE", db, 0)
        entry["xact_commit" if committed else "xact_rollback"] += 1

    def rows(self, db: int, relid: int, counts: TableCounts, committed: bool) -> None:
        """What an ended transaction did to a relation."""
        entry = self.table(db, relid)
        entry["tuples_inserted"] += counts.inserted
        entry["tuples_updated"] += counts.updated
        entry["tuples_deleted"] += counts.deleted
        entry["tuples_hot_updated"] += counts.hot_updated
        if "tuples_newpage_updated" in entry:
            entry["tuples_newpage_updated"] += counts.newpage_updated
        if committed and counts.truncated:
            entry["live_tuples"] = entry["dead_tuples"] = entry["ins_since_vacuum"] = 0
        entry["ins_since_vacuum"] += counts.inserted
        if committed:
            entry["live_tuples"] += counts.inserted - counts.deleted
            entry["dead_tuples"] += counts.updated + counts.deleted
            entry["mod_since_analyze"] += counts.inserted + counts.updated + counts.deleted
        else:
            entry["dead_tuples"] += counts.inserted + counts.updated
        entry["live_tuples"] = max(entry["live_tuples"], 0)
        database = self._entry("DATABASE", db, 0)
        database["tuples_inserted"] += counts.inserted
        database["tuples_updated"] += counts.updated
        database["tuples_deleted"] += counts.deleted

    def vacuumed(
        self, db: int, relid: int, live: int, dead: int, now: int, milliseconds: int, *,
        auto: bool = False,
    ) -> None:  # fmt: skip
        """A relation was vacuumed; ``now`` in microseconds since 2000."""
        entry = self.table(db, relid)
        entry.live_tuples, entry.dead_tuples, entry.ins_since_vacuum = live, dead, 0
        self._done(entry, "vacuum", now, milliseconds, auto)

    def analyzed(
        self, db: int, relid: int, live: int, dead: int, now: int, milliseconds: int, *,
        auto: bool = False, reset: bool = True,
    ) -> None:  # fmt: skip
        """A relation was analyzed; ``reset``: all columns were."""
        entry = self.table(db, relid)
        entry.live_tuples, entry.dead_tuples = live, dead
        if reset:
            entry.mod_since_analyze = 0
        self._done(entry, "analyze", now, milliseconds, auto)

    @staticmethod
    def _done(entry: Any, what: str, now: int, milliseconds: int, auto: bool) -> None:
        name = f"auto{what}" if auto else what
        entry[f"last_{name}_time"] = now
        entry[f"{name}_count"] += 1
        if f"total_{name}_time" in entry:
            entry[f"total_{name}_time"] += milliseconds
