"""Where recovery stops: at the end of WAL, or at a time, transaction, position or name.

The server's rules: only commits and aborts have a time and count as a transaction's end; a
time target stops before the first one that is later, all others stop before or after the
record that they name, as ``inclusive`` says.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from formats.units import Lsn

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord

RM_XLOG, RM_XACT = 0, 1
_ENDS = {"COMMIT": False, "ABORT": True, "COMMIT_PREPARED": False, "ABORT_PREPARED": True}
_NAME_AT = 8


class Kind(enum.Enum):
    """What a target is."""

    END = "end of WAL"
    IMMEDIATE = "immediate"
    LSN = "LSN"
    TIME = "time"
    XID = "transaction"
    NAME = "restore point"
    #: Up to a position that was replayed to before; WAL may end there.
    REST = "where it was shut down"


@dataclass(frozen=True)
class Target:
    """Where to stop. ``value`` is an LSN, microseconds since 2000, an xid or a name."""

    kind: Kind = Kind.END
    value: int | str = 0
    inclusive: bool = True

    @property
    def wanted(self) -> bool:
        """Whether recovery is to stop anywhere but at the end of WAL."""
        return self.kind is not Kind.END

    @property
    def of_commits(self) -> bool:
        """Whether the end of each transaction is to be looked at."""
        return self.kind in (Kind.TIME, Kind.XID)

    def __str__(self) -> str:
        if self.kind is Kind.LSN:
            return f"LSN {Lsn(int(self.value))}"
        if self.kind is Kind.TIME:
            from pgtool.wal.desc.text import timestamptz

            return f"time {timestamptz(int(self.value))}"
        if self.kind in (Kind.XID, Kind.NAME):
            return f'{self.kind.value} "{self.value}"'
        return self.kind.value

    def stops_before(self, rec: DecodedRecord, consistent: bool) -> bool:
        """Whether to stop before this record."""
        if self.kind is Kind.IMMEDIATE:
            return consistent
        if self.kind is Kind.LSN:
            return not self.inclusive and rec.lsn >= int(self.value)
        if self.kind is Kind.REST:
            return rec.lsn >= int(self.value)
        if self.kind is Kind.XID:
            return not self.inclusive and ended_xid(rec) == self.value
        if self.kind is Kind.TIME:
            when = end_time(rec)
            if when is None:
                return False
            return when > int(self.value) if self.inclusive else when >= int(self.value)
        return False

    def stops_after(self, rec: DecodedRecord, consistent: bool) -> bool:
        """Whether to stop after this record."""
        if self.kind is Kind.IMMEDIATE:
            return consistent
        if self.kind is Kind.LSN:
            return self.inclusive and rec.lsn >= int(self.value)
        if self.kind is Kind.XID:
            return self.inclusive and ended_xid(rec) == self.value
        if self.kind is Kind.NAME:
            return restore_point(rec) == self.value
        return False


def _end_kind(rec: DecodedRecord) -> bool | None:
    """Whether the record ends a transaction: False a commit, True an abort, None neither."""
    if rec.rmid != RM_XACT:
        return None
    from pgtool.wal import rmgr

    return _ENDS.get(rmgr.identify(rec))


class End(NamedTuple):
    """How a transaction ended."""

    time: int
    aborted: bool
    xid: int


def parse_end_of(rec: DecodedRecord) -> End | None:
    """What the record says of the end of a transaction; None where it is about none."""
    abort = _end_kind(rec)
    if abort is None:
        return None
    from pgtool.transam.redo.xact import parse_end

    ended = parse_end(rec, abort=abort)
    return End(ended.time, abort, ended.twophase or rec.xid)


def ended_xid(rec: DecodedRecord) -> int | None:
    """The transaction that the record ends."""
    ended = parse_end_of(rec)
    return None if ended is None else ended.xid


def end_time(rec: DecodedRecord) -> int | None:
    """When the transaction that the record ends ended."""
    ended = parse_end_of(rec)
    return None if ended is None else ended.time


def restore_point(rec: DecodedRecord) -> str | None:
    """The name of the restore point that the record is."""
    from pgtool.wal import rmgr

    if rec.rmid != RM_XLOG or rmgr.identify(rec) != "RESTORE_POINT":
        return None
    return rec.main[_NAME_AT:].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
