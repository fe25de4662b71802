"""One session's transaction: begin, commands, subtransactions, commit and abort.

A transaction gets its xid when it first changes something, a subtransaction too (and its
parents before it). What is to happen at the end (files to remove, caches to invalidate,
functions to call) is kept at the subtransaction that asked for it, goes to the parent when
that one is released, and is undone or dropped when it is rolled back.

The order at a commit: the commit record; the WAL on disk (unless nobody waits); pg_xact;
out of the list of running ones; files removed; functions called. A transaction without an
xid leaves no trace but the WAL that it may have written.

Combo command ids: a row version has room for one command id. Where the transaction that
inserted it also deletes it, the field holds the number of a (cmin, cmax) pair that only
this transaction knows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from formats.slru import XidStatus
from pgtool.errors import SqlError
from pgtool.storage.interrupts import INTERRUPTS
from pgtool.storage.smgr import RelFileLocator
from pgtool.transam import xactlog
from pgtool.transam.pgstat import TableCounts
from pgtool.transam.procarray import Proc
from pgtool.transam.snapshot import COMBOCID, Snapshot
from pgtool.transam.xid import precedes

if TYPE_CHECKING:
    from pgtool.transam.instance import Instance

MAX_COMMAND_ID = 0xFFFFFFFE
INVALID_SAVEPOINT, LOCK_NOT_AVAILABLE = "3B001", "55P03"
_EPOCH_2000 = 946684800
_COMMITTED = XidStatus.TRANSACTION_STATUS_COMMITTED
_ABORTED = XidStatus.TRANSACTION_STATUS_ABORTED

READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE = (
    "read committed", "repeatable read", "serializable",
)  # fmt: skip
Hook = Callable[[], None]
_NOBODY: frozenset[int] = frozenset()


def now_microseconds() -> int:
    """The time as WAL records carry it: microseconds since 2000."""
    return time.time_ns() // 1000 - _EPOCH_2000 * 1_000_000


@dataclass(slots=True)
class Ending:
    """What is to be done when a transaction or subtransaction ends."""

    #: (relation, whether at commit).
    deletes: list[tuple[RelFileLocator, bool]] = field(default_factory=list)
    #: (kind, database, object, whether at commit): statistics to drop.
    stats: list[tuple[int, int, int, bool]] = field(default_factory=list)
    messages: dict[bytes, None] = field(default_factory=dict)
    #: What must be on disk before the commit record is.
    before_commit: list[Hook] = field(default_factory=list)
    at_commit: list[Hook] = field(default_factory=list)
    at_abort: list[Hook] = field(default_factory=list)
    at_subabort: list[Hook] = field(default_factory=list)
    #: Rows changed, by (database or 0, relation).
    counts: dict[tuple[int, int], TableCounts] = field(default_factory=dict)

    def take_over(self, other: Ending) -> None:
        """What a released subtransaction left to its parent."""
        for key, counts in other.counts.items():
            self.counts.setdefault(key, TableCounts()).add(counts)
        self.deletes += other.deletes
        self.stats += other.stats
        self.messages |= other.messages
        self.before_commit += other.before_commit
        self.at_commit += other.at_commit
        self.at_abort += other.at_abort
        self.at_subabort += other.at_subabort


@dataclass(slots=True, eq=False)
class Level:
    """A transaction (the first level) or a subtransaction."""

    name: str | None = None
    xid: int = 0
    #: xids of its released subtransactions.
    children: list[int] = field(default_factory=list)
    ending: Ending = field(default_factory=Ending)


class Xact:
    """The transaction state of one session on one database."""

    def __init__(self, instance: Instance, database: int = 0, tablespace: int = 1663) -> None:
        """``tablespace`` is the database's default one."""
        self.instance = instance
        self.database = database
        self.tablespace = tablespace
        self.proc = Proc(database)
        instance.procarray.add(self.proc)
        self.isolation = READ_COMMITTED
        self.synchronous = instance.settings.synchronous_commit
        #: Called when a command's effects become visible to the next one.
        self.at_command: list[Hook] = []
        self.levels: list[Level] = []
        #: The xids of this transaction that count as its own: not those rolled back.
        self.live_xids: dict[int, None] = {}
        self._reset()

    def _reset(self) -> None:
        self.levels = []
        self.live_xids = {}
        self.started = 0
        self._cid, self._cid_used = 0, False
        self._combos: list[tuple[int, int]] = []
        self._combo_of: dict[tuple[int, int], int] = {}
        self._unreported: list[int] = []
        #: Invalidations of the current command.
        self._command_messages: list[bytes] = []
        self._snapshot: Snapshot | None = None
        self._wal_before = 0
        self.init_file_stale = False
        self.force_sync = False
        self.exclusive_locks: dict[tuple[int, int], None] = {}

    # -- what it is -----------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Whether a transaction has begun."""
        return bool(self.levels)

    @property
    def top_xid(self) -> int:
        """The xid of the transaction, 0 where it has none."""
        return self.proc.xid

    @property
    def wrote(self) -> bool:
        """Whether any xid was assigned."""
        return bool(self.proc.xid)

    @property
    def depth(self) -> int:
        """1 in a transaction, more in its subtransactions."""
        return len(self.levels)

    def is_mine(self, xid: int) -> bool:
        """Whether a xid is this transaction's or that of a subtransaction not rolled back."""
        return xid in self.live_xids

    # -- begin and end ----------------------------------------------------------------

    def begin(self) -> None:
        """Start a transaction."""
        assert not self.levels, "a transaction is in progress"
        self._reset()
        self.levels = [Level()]
        self.proc.oldest_multi = self.instance.multixact.next_multi
        self.started = now_microseconds()
        self._wal_before = self.instance.wal.end
        self.isolation = self.instance.settings.default_isolation

    def commit(self) -> None:
        """End the transaction; what it did is there to stay when this returns."""
        with INTERRUPTS.hold():
            self._commit()
        self.instance.tick()

    def _commit(self) -> None:
        while len(self.levels) > 1:
            self.commit_sub()
        top = self.levels[0]
        instance = self.instance
        if top.xid:
            self._record_commit(top)
        else:
            self._without_xid(top)
        instance.procarray.end(self.proc)
        ending = top.ending
        self._reset()
        self._report(ending, committed=True)
        self._remove_files(ending, at_commit=True)
        for hook in ending.at_commit:
            hook()

    def _without_xid(self, top: Level) -> None:
        wal = self.instance.wal
        if top.ending.messages:
            xactlog.log_invalidations(self, top.ending.messages)
        if wal.end > self._wal_before and self.synchronous:
            wal.flush_all()

    def _record_commit(self, top: Level) -> None:
        instance, wal = self.instance, self.instance.wal
        rels = [where for where, at_commit in top.ending.deletes if at_commit]
        wait = self.synchronous and wal.end > self._wal_before
        with wal.critical():
            for hook in top.ending.before_commit:
                hook()
            now = now_microseconds()
            lsn = xactlog.log_commit(self, now, top.children, rels)
            if instance.commit_ts is not None and instance.commit_ts.tracked:
                instance.commit_ts.set_tree(top.xid, top.children, now)
            if wait or rels or self.force_sync:
                wal.flush(lsn)
                instance.clog.set_tree(top.xid, top.children, _COMMITTED)
            else:
                instance.clog.set_tree(top.xid, top.children, _COMMITTED, lsn)
                instance.note_async_commit(lsn)

    def abort(self) -> None:
        """End the transaction; nothing of it remains."""
        with INTERRUPTS.hold():
            self._abort()

    def _abort(self) -> None:
        while len(self.levels) > 1:
            self.abort_sub()
        if not self.levels:
            return
        top = self.levels[0]
        if len(self.instance.sessions) == 1:
            self.instance.pool.let_go()
        if top.xid:
            self._record_abort(top)
        self.instance.procarray.end(self.proc)
        ending = top.ending
        self._reset()
        self._report(ending, committed=False)
        self._remove_files(ending, at_commit=False)
        for hook in ending.at_abort:
            hook()

    def _record_abort(self, level: Level) -> None:
        rels = [where for where, at_commit in level.ending.deletes if not at_commit]
        with self.instance.wal.critical():
            xactlog.log_abort(self, level, now_microseconds(), rels)
            self.instance.clog.set_tree(level.xid, level.children, _ABORTED)

    def _remove_files(self, ending: Ending, *, at_commit: bool) -> None:
        for where, when in ending.deletes:
            if when == at_commit:
                self.instance.pool.unlink(where)

    def close(self) -> None:
        """The session ends."""
        if self.levels:
            self.abort()
        self.instance.procarray.remove(self.proc)

    # -- subtransactions ----------------------------------------------------------------

    def begin_sub(self, name: str | None = None) -> None:
        """Start a subtransaction."""
        self.levels.append(Level(name))

    def commit_sub(self) -> None:
        """Make the innermost subtransaction a part of its parent."""
        level = self.levels.pop()
        parent = self.levels[-1]
        if level.xid:
            parent.children.append(level.xid)
            parent.children += level.children
        parent.ending.take_over(level.ending)
        self.command_counter_increment()

    def abort_sub(self) -> None:
        """Undo the innermost subtransaction."""
        level = self.levels.pop()
        if level.xid:
            self._record_abort(level)
            gone = [level.xid, *level.children]
            for xid in gone:
                self.live_xids.pop(xid, None)
                self.instance.wal.pending_top.pop(xid, None)
            self.instance.procarray.forget_subxids(self.proc, gone)
        self._report(level.ending, committed=False, whole=False)
        self._remove_files(level.ending, at_commit=False)
        for hook in (*level.ending.at_subabort, *level.ending.at_abort):
            hook()

    def savepoint(self, name: str) -> None:
        """SAVEPOINT."""
        self.begin_sub(name)

    def release(self, name: str) -> None:
        """RELEASE SAVEPOINT."""
        target = self._find(name)
        while len(self.levels) > target:
            self.commit_sub()

    def rollback_to(self, name: str) -> None:
        """ROLLBACK TO SAVEPOINT: the savepoint itself stays."""
        target = self._find(name)
        while len(self.levels) > target:
            self.abort_sub()
        self.begin_sub(name)

    def has_savepoint(self, name: str) -> bool:
        """Whether there is a savepoint of this name."""
        return any(level.name == name for level in self.levels[1:])

    def _find(self, name: str) -> int:
        for at in range(len(self.levels) - 1, 0, -1):
            if self.levels[at].name == name:
                return at
        raise SqlError(f'savepoint "{name}" does not exist', INVALID_SAVEPOINT)

    # -- xids ---------------------------------------------------------------------------

    def current_xid(self) -> int:
        """The xid of the innermost level, assigned now where it has none."""
        level = self.levels[-1]
        return level.xid or self._assign()

    def _assign(self) -> int:
        """Give every level an xid, the outermost first."""
        instance = self.instance
        for depth, level in enumerate(self.levels):
            if level.xid:
                continue
            xid = level.xid = instance.varsup.assign_xid()
            self.live_xids[xid] = None
            if depth == 0:
                self.proc.xid = xid
            else:
                self.proc.subxids[xid] = None
                instance.subtrans.set_parent(xid, self.levels[depth - 1].xid)
                self._tell_standbys(xid)
        return self.levels[-1].xid

    def _tell_standbys(self, xid: int) -> None:
        """Standbys must know whose a subtransaction is once there are many of them."""
        settings = self.instance.settings
        if settings.wal_level == "minimal":
            return
        self._unreported.append(xid)
        if settings.wal_level == "logical":
            self.instance.wal.pending_top[xid] = self.proc.xid
        if len(self._unreported) >= xactlog.MAX_CACHED_SUBXIDS:
            xactlog.log_assignment(self, self._unreported)
            self._unreported = []

    # -- commands -------------------------------------------------------------------------

    def cid(self, used: bool = True) -> int:
        """The current command's number; ``used``: it marks a row."""
        if used:
            self._cid_used = True
        return self._cid

    def command_counter_increment(self) -> None:
        """The next command will see what was done up to here."""
        if not self._cid_used:
            return
        if self._cid >= MAX_COMMAND_ID:
            raise SqlError("cannot have more than 2^32-2 commands in a transaction", "54000")
        self._cid += 1
        self._cid_used = False
        self._end_command()
        for hook in self.at_command:
            hook()
        self.instance.tick()

    def _end_command(self) -> None:
        """Logical decoding must know at once what a command made stale."""
        messages, self._command_messages = self._command_messages, []
        if messages and self.instance.settings.wal_level == "logical":
            xactlog.log_command_invalidations(self, messages)

    def combo_cid(self, cmin: int, cmax: int) -> int:
        """The number of a pair of command ids, for a row that is deleted by its inserter."""
        pair = (cmin, cmax)
        found = self._combo_of.get(pair)
        if found is None:
            found = self._combo_of[pair] = len(self._combos)
            self._combos.append(pair)
        return found

    def cmin(self, infomask: int, field3: int) -> int:
        """The inserting command of a row version of this transaction."""
        return self._combos[field3][0] if infomask & COMBOCID else field3

    def cmax(self, infomask: int, field3: int) -> int:
        """The deleting command of a row version of this transaction."""
        return self._combos[field3][1] if infomask & COMBOCID else field3

    def snapshot(self) -> Snapshot:
        """What the current command sees, by the transaction's isolation level."""
        if self._snapshot is not None and self.isolation != READ_COMMITTED:
            return self._snapshot.with_cid(self._cid)
        self._snapshot = self.latest_snapshot()
        if not self.proc.xmin or precedes(self._snapshot.xmin, self.proc.xmin):
            self.proc.xmin = self._snapshot.xmin
        return self._snapshot

    def latest_snapshot(self) -> Snapshot:
        """Everything that has committed up to now, whatever the isolation level."""
        varsup = self.instance.varsup
        xmax = varsup.latest_completed + 1 & 0xFFFFFFFF
        others = self.instance.procarray.running(self.proc)
        xip = frozenset([xid for xid in others if precedes(xid, xmax)]) if others else _NOBODY
        xmin = self.proc.xid if self.proc.xid and precedes(self.proc.xid, xmax) else xmax
        for xid in xip:
            if precedes(xid, xmin):
                xmin = xid
        return Snapshot(self, xmin, xmax, xip, self._cid)

    # -- what is to be done at the end ------------------------------------------------------

    def pending_delete(self, where: RelFileLocator, at_commit: bool) -> None:
        """Remove a relation's files when the transaction ends one way or the other."""
        self.levels[-1].ending.deletes.append((where, at_commit))

    def keep(self, where: RelFileLocator, at_commit: bool) -> None:
        """Take back a :meth:`pending_delete`."""
        for level in self.levels:
            if (where, at_commit) in level.ending.deletes:
                level.ending.deletes.remove((where, at_commit))

    def drop_stats(self, kind: int, database: int, objid: int, at_commit: bool) -> None:
        """Statistics of an object go with it (at commit), or were begun with it (at abort)."""
        self.levels[-1].ending.stats.append((kind, database, objid, at_commit))

    def counts(self, database: int, relid: int) -> TableCounts:
        """The rows that the innermost level changed in a relation (``database`` 0: shared)."""
        counts = self.levels[-1].ending.counts
        found = counts.get((database, relid))
        if found is None:
            found = counts[database, relid] = TableCounts()
        return found

    def _report(self, ending: Ending, committed: bool, *, whole: bool = True) -> None:
        """Count what an ended transaction, or subtransaction rolled back, did."""
        stats = self.instance.stats
        for (database, relid), counts in ending.counts.items():
            stats.rows(database, relid, counts, committed)
        for kind, database, objid, at_commit in ending.stats:
            if at_commit == committed:
                stats.drop(kind, database, objid)
        if whole:
            stats.transaction(self.database, committed)

    def invalidate(self, message: bytes, *, init_file: bool = False) -> None:
        """A cache invalidation message for the commit record (16 bytes); duplicates fold."""
        self.levels[-1].ending.messages[message] = None
        self._command_messages.append(message)
        self.init_file_stale |= init_file

    def before_commit(self, hook: Hook) -> None:
        """Call as the last thing before the commit record, where nothing may fail any more."""
        self.levels[-1].ending.before_commit.append(hook)

    def on_commit(self, hook: Hook) -> None:
        """Call after the commit."""
        self.levels[-1].ending.at_commit.append(hook)

    def on_abort(self, hook: Hook) -> None:
        """Call when what is going on now was rolled back, with a subtransaction or with all."""
        self.levels[-1].ending.at_abort.append(hook)

    def on_subabort(self, hook: Hook) -> None:
        """Call when the current subtransaction was rolled back, not at the end of all."""
        self.levels[-1].ending.at_subabort.append(hook)

    def lock_exclusively(self, database: int, relation: int, name: str = "") -> None:
        """AccessExclusiveLock: standbys must take it too, so it goes into the WAL.

        SqlError where another transaction holds any lock on the relation: it would not let go
        before this one ends.
        """
        key = (database, relation)
        if key in self.exclusive_locks:
            return
        for proc in self.instance.procarray.procs:
            if key in proc.locks:
                raise SqlError(
                    f'could not obtain lock on relation "{name or relation}"', LOCK_NOT_AVAILABLE,
                    f'Prepared transaction "{proc.gid}" holds a lock on it.',
                )  # fmt: skip
        if any(key in xact.exclusive_locks for xact in self.instance.sessions):
            raise SqlError(
                f'could not obtain lock on relation "{name or relation}"', LOCK_NOT_AVAILABLE
            )
        self.current_xid()
        self.exclusive_locks[key] = None
        if self.instance.settings.standby_info:
            xactlog.log_locks(self.instance, [(self.proc.xid, database, relation)])
