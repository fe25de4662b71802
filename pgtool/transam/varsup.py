"""The variable cache: the next xid, OID and what limits them.

Sources of the numbers: ``access/transam/varsup.c``. Xids must not come nearer than
three million to the point where the oldest unfrozen xid would look like the future, which is
half the circle ahead of it; forty million before, every assignment warns. OIDs are
taken from a stock that one WAL record announces in advance.
"""

from __future__ import annotations

from collections.abc import Callable

from formats.derive import struct_of
from formats.units import FIRST_NORMAL_XID
from formats.wal import xlog
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.errors import SqlError
from pgtool.transam.limits import xid_limits
from pgtool.transam.xid import precedes
from pgtool.wal.insert import Record, Wal

FIRST_NORMAL_OBJECT_ID = 16384
OID_PREFETCH = 8192
AUTOVACUUM_FREEZE_MAX_AGE = 200_000_000
PROGRAM_LIMIT_EXCEEDED = "54000"
_XID_MASK = 0xFFFFFFFF
_NEXTOID = opcode(xlog.RECORDS, "NEXTOID")
_MORE = (
    "\nYou might also need to commit or roll back old prepared transactions, "
    "or drop stale replication slots."
)


class VariableCache:
    """Counters of a running instance. ``begin_pages`` makes room for a new xid."""

    def __init__(
        self, wal: Wal, next_full_xid: int, next_oid: int, begin_pages: Callable[[int], None]
    ) -> None:
        self.wal = wal
        self.next_full_xid = next_full_xid
        self.next_oid = next_oid
        #: OIDs that may be handed out before the next NEXTOID record.
        self.oid_count = 0
        self.latest_completed_full = next_full_xid - 1
        self.limits = xid_limits(FIRST_NORMAL_XID, AUTOVACUUM_FREEZE_MAX_AGE)
        #: A database whose datfrozenxid is the oldest.
        self.oldest_database = 1
        self.oldest_clog_xid = FIRST_NORMAL_XID
        #: Names a database by OID, for messages; None where it is not known.
        self.database_name: Callable[[int], str | None] = lambda oid: None
        #: Told (message, hint) of warnings.
        self.warn: Callable[[str, str], None] = lambda message, hint: None
        #: The only backend there is may go past the stop limit, to vacuum.
        self.single_user = False
        self._begin_pages = begin_pages

    @property
    def next_xid(self) -> int:
        """The next xid to be assigned."""
        return self.next_full_xid & _XID_MASK

    @property
    def latest_completed(self) -> int:
        """The newest xid that has ended."""
        return self.latest_completed_full & _XID_MASK

    def full(self, xid: int) -> int:
        """The 64-bit form of an xid that is not from the future."""
        if xid < FIRST_NORMAL_XID:
            return xid
        epoch = self.next_full_xid >> 32
        return (epoch - (xid > self.next_xid)) << 32 | xid

    def set_limits(self, oldest: int, database: int, freeze_max_age: int) -> None:
        """New limits after the oldest datfrozenxid became known or moved."""
        self.limits = xid_limits(oldest, freeze_max_age)
        self.oldest_database = database

    def assign_xid(self) -> int:
        """A new xid; SqlError where wraparound is too near."""
        xid = self.next_xid
        if not precedes(xid, self.limits.vacuum):
            self._check_limits(xid)
        self._begin_pages(xid)
        self.next_full_xid += 1
        if self.next_full_xid & _XID_MASK < FIRST_NORMAL_XID:
            self.next_full_xid += FIRST_NORMAL_XID
        return xid

    def completed(self, xid: int) -> None:
        """A transaction has ended: snapshots taken from here on may see it."""
        full = self.full(xid)
        if full > self.latest_completed_full:
            self.latest_completed_full = full

    def _check_limits(self, xid: int) -> None:
        limits = self.limits
        name = self.database_name(self.oldest_database)
        if not self.single_user and not precedes(xid, limits.stop):
            place = f'"{name}"' if name is not None else f"with OID {self.oldest_database}"
            raise SqlError(
                "database is not accepting commands that assign new transaction IDs to avoid "
                f"wraparound data loss in database {place}",
                PROGRAM_LIMIT_EXCEEDED,
                hint="Execute a database-wide VACUUM in that database." + _MORE,
            )
        if not precedes(xid, limits.warn):
            place = f'database "{name}"' if name is not None else (
                f"database with OID {self.oldest_database}"
            )
            left = limits.wrap - xid & _XID_MASK
            self.warn(
                f"{place} must be vacuumed within {left} transactions",
                ("To avoid transaction ID assignment failures" if name is not None
                 else "To avoid XID assignment failures")
                + ", execute a database-wide VACUUM in that database." + _MORE,
            )  # fmt: skip

    def new_oid(self) -> int:
        """The next OID of the counter; the caller sees to it that it is not in use."""
        if self.next_oid < FIRST_NORMAL_OBJECT_ID:
            self.next_oid, self.oid_count = FIRST_NORMAL_OBJECT_ID, 0
        if self.oid_count == 0:
            data = struct_of(xlog.xl_nextoid).pack(self.next_oid + OID_PREFETCH & _XID_MASK)
            self.wal.insert(Record(RmgrId.RM_XLOG_ID, _NEXTOID, data))
            self.oid_count = OID_PREFETCH
        out = self.next_oid
        self.next_oid = out + 1 & _XID_MASK
        self.oid_count -= 1
        return out
