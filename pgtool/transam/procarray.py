"""Who is running: the sessions of this process and the prepared transactions.

Snapshots ask it which transactions are in progress, pruning and VACUUM ask how far back
anybody may still look. Invariant: a xid is in progress exactly as long as it stands here;
it is taken out only after its outcome stands in pg_xact.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pgtool.transam.varsup import VariableCache
from pgtool.transam.xid import multi_precedes, precedes

INVALID_OID = 0


@dataclass(slots=True, eq=False)
class Proc:
    """One that may run a transaction: a session, or a prepared transaction (``gid``)."""

    database: int = INVALID_OID
    xid: int = 0
    subxids: dict[int, None] = field(default_factory=dict)
    #: The oldest xid that a snapshot of it may take for running; 0: it has none.
    xmin: int = 0
    gid: str | None = None
    #: (database, relation) that a prepared transaction holds locks on.
    locks: frozenset[tuple[int, int]] = frozenset()
    #: The oldest multixact that it may be a member of, or look at; 0: none.
    oldest_multi: int = 0
    #: VACUUM's own transaction holds nobody's rows.
    in_vacuum: bool = False


def _older(a: int, b: int) -> int:
    """The older of two xids; 0 stands for none."""
    if not a or not b:
        return a or b
    return a if precedes(a, b) else b


class ProcArray:
    """The running ones of an instance."""

    def __init__(self, varsup: VariableCache) -> None:
        self.varsup = varsup
        self.procs: list[Proc] = []
        #: What replication slots hold: (xmin, catalog_xmin), 0 where none.
        self.slot_xmin = self.slot_catalog_xmin = 0

    def add(self, proc: Proc) -> None:
        """A session begins, or a transaction is prepared."""
        self.procs.append(proc)

    def remove(self, proc: Proc) -> None:
        """It is gone."""
        if proc in self.procs:
            self.procs.remove(proc)

    def end(self, proc: Proc) -> None:
        """The transaction of a session has ended; its outcome is in pg_xact."""
        if proc.xid:
            latest = proc.xid
            for xid in proc.subxids:
                if precedes(latest, xid):
                    latest = xid
            self.varsup.completed(latest)
        proc.xid = proc.xmin = proc.oldest_multi = 0
        proc.subxids.clear()
        proc.in_vacuum = False

    def forget_subxids(self, proc: Proc, xids: list[int]) -> None:
        """Subtransactions of a session have aborted."""
        latest = 0
        for xid in xids:
            proc.subxids.pop(xid, None)
            if not latest or precedes(latest, xid):
                latest = xid
        if latest:
            self.varsup.completed(latest)

    def running(self, but: Proc | None = None) -> list[int]:
        """All xids in progress, subtransactions included."""
        out: list[int] = []
        for proc in self.procs:
            if proc.xid and proc is not but:
                out.append(proc.xid)
                out += proc.subxids
        return out

    def is_running(self, xid: int) -> bool:
        """Whether a transaction or subtransaction is in progress."""
        return any(xid == proc.xid or xid in proc.subxids for proc in self.procs)

    def owner(self, xid: int) -> Proc | None:
        """Who runs a transaction."""
        for proc in self.procs:
            if xid == proc.xid or xid in proc.subxids:
                return proc
        return None

    def oldest_running(self) -> int:
        """The oldest xid in progress, or the next one."""
        oldest = self.varsup.next_xid
        for proc in self.procs:
            oldest = _older(oldest, proc.xid)
        return oldest

    def oldest_xmin(self) -> int:
        """Nobody, in no database, takes an xid before this one for running."""
        return self._horizon(None)

    def oldest_member(self, next_multi: int) -> int:
        """Nobody is a member of, or looks at, a multixact before this one."""
        oldest = next_multi
        for proc in self.procs:
            if proc.oldest_multi and not proc.in_vacuum and (
                multi_precedes(proc.oldest_multi, oldest)
            ):
                oldest = proc.oldest_multi
        return oldest

    def horizon(self, shared: bool, database: int = INVALID_OID, catalog: bool = False) -> int:
        """Rows deleted by transactions before this xid are dead for everybody.

        ``shared``: of a catalog that all databases share; else only the sessions of
        ``database`` count. ``catalog``: slots of logical decoding count too.
        """
        out = self._horizon(None if shared or not database else database)
        out = _older(out, self.slot_xmin)
        return _older(out, self.slot_catalog_xmin) if shared or catalog else out

    def _horizon(self, database: int | None) -> int:
        oldest = self.varsup.latest_completed + 1 & 0xFFFFFFFF or 3
        for proc in self.procs:
            if proc.in_vacuum:
                continue
            if database is None or proc.database in (database, INVALID_OID):
                oldest = _older(oldest, proc.xmin)
            oldest = _older(oldest, proc.xid) if (
                database is None or proc.database in (database, INVALID_OID)
            ) else oldest
        return oldest
