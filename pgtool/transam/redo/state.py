"""What redo knows beyond pages: counters, commit status, prepared transactions, origins.

:class:`RecoveryState` starts from a checkpoint and is moved on by the records; at the end
of recovery it becomes the next checkpoint. Counters only ever go forward, except where a
shutdown checkpoint states them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from construct import Container

from formats.derive import struct_of
from formats.slru import (
    CLOG_XACTS_PER_BYTE,
    COMMIT_TS,
    MULTIXACT_MEMBERS,
    MULTIXACT_OFFSETS,
    SUBTRANS,
    XACT,
    CommitTimestampEntry,
)
from formats.units import FIRST_NORMAL_XID
from pgtool.storage.backend import WritableBackend
from pgtool.transam.redo.slrupages import SlruPages
from pgtool.transam.xid import multi_precedes, precedes

COMMITTED, ABORTED = 1, 2
_TS = struct_of(CommitTimestampEntry)


@dataclass
class Prepared:
    """A pending prepared transaction: its state, and where its PREPARE record stands.

    ``start`` and ``end`` are 0 where the state came from its file in pg_twophase.
    """

    state: bytes
    start: int = 0
    end: int = 0
    on_disk: bool = False


@dataclass
class RecoveryState:
    """The transaction state that redo moves on."""

    backend: WritableBackend
    major: int
    control: Container
    next_xid: int  # 64 bits
    next_oid: int
    next_multi: int
    next_multi_offset: int
    oldest_xid: int
    oldest_xid_db: int
    oldest_multi: int
    oldest_multi_db: int
    oldest_commit_ts: int
    newest_commit_ts: int
    oldest_active_xid: int
    full_page_writes: bool
    wal_level: int
    track_commit_timestamp: bool = False
    prepared: dict[int, Prepared] = field(default_factory=dict)
    origins: dict[int, int] = field(default_factory=dict)
    #: Set by every redo function that changed pg_control's parameters.
    control_changed: bool = False

    def __post_init__(self) -> None:
        def area(which: object) -> SlruPages:
            return SlruPages(self.backend, which, self.major)  # type: ignore[arg-type]

        self.clog = area(XACT)
        self.subtrans = area(SUBTRANS)
        self.offsets = area(MULTIXACT_OFFSETS)
        self.members = area(MULTIXACT_MEMBERS)
        self.commit_ts = area(COMMIT_TS)

    @classmethod
    def at(
        cls, backend: WritableBackend, major: int, control: Container, checkpoint: Container
    ) -> RecoveryState:
        """The state at a checkpoint."""
        return cls(
            backend, major, control,
            next_xid=int(checkpoint.nextXid), next_oid=checkpoint.nextOid,
            next_multi=checkpoint.nextMulti, next_multi_offset=checkpoint.nextMultiOffset,
            oldest_xid=checkpoint.oldestXid, oldest_xid_db=checkpoint.oldestXidDB,
            oldest_multi=checkpoint.oldestMulti, oldest_multi_db=checkpoint.oldestMultiDB,
            oldest_commit_ts=checkpoint.oldestCommitTsXid,
            newest_commit_ts=checkpoint.newestCommitTsXid,
            oldest_active_xid=checkpoint.oldestActiveXid,
            full_page_writes=bool(checkpoint.fullPageWrites),
            wal_level=int(checkpoint.get("wal_level", control.wal_level)),
            track_commit_timestamp=bool(control.track_commit_timestamp),
        )  # fmt: skip

    # -- counters -------------------------------------------------------------------------

    def advance_past(self, xid: int) -> None:
        """The xid was in use: the next one comes after it."""
        if xid < FIRST_NORMAL_XID:
            return
        following = self.next_xid & 0xFFFFFFFF
        if (xid - following) & 0x80000000:
            return
        epoch = self.next_xid >> 32
        if xid < following:
            epoch += 1
        following = xid + 1
        if following > 0xFFFFFFFF:
            epoch, following = epoch + 1, FIRST_NORMAL_XID
        self.next_xid = epoch << 32 | following

    def latest(self, xid: int, children: Iterable[int]) -> int:
        """The last of a transaction and its subtransactions."""
        for child in children:
            if precedes(xid, child):
                xid = child
        return xid

    def advance_multi(self, multi: int, offset: int) -> None:
        """The next multixact and member offset are these or later ones."""
        if multi_precedes(self.next_multi, multi):
            self.next_multi = multi
        if multi_precedes(self.next_multi_offset, offset):
            self.next_multi_offset = offset

    def advance_oldest_multi(self, multi: int, database: int) -> None:
        """The oldest multixact that may be needed moves on."""
        if multi_precedes(self.oldest_multi, multi):
            self.oldest_multi, self.oldest_multi_db = multi, database

    # -- outcomes ---------------------------------------------------------------------------

    def set_status(self, xids: Iterable[int], status: int) -> None:
        """The outcome of transactions."""
        for xid in xids:
            number, entry = divmod(xid, XACT.per_page)
            byte, index = divmod(entry, CLOG_XACTS_PER_BYTE)
            page = self.clog.change(number)
            shift = 2 * index
            page[byte] = page[byte] & ~(3 << shift) | status << shift

    def status(self, xid: int) -> int:
        """The two bits of a transaction in pg_xact."""
        number, entry = divmod(xid, XACT.per_page)
        byte, index = divmod(entry, CLOG_XACTS_PER_BYTE)
        return self.clog.read(number)[byte] >> 2 * index & 3

    def set_parent(self, xid: int, parent: int) -> None:
        """The parent of a subtransaction."""
        number, entry = divmod(xid, SUBTRANS.per_page)
        self.subtrans.change(number)[4 * entry : 4 * entry + 4] = parent.to_bytes(4, "little")

    def set_commit_time(self, xid: int, children: Iterable[int], time: int, origin: int) -> None:
        """When a transaction and its subtransactions committed, if that is being kept."""
        if not self.track_commit_timestamp:
            return
        newest = xid
        for one in (xid, *children):
            number, entry = divmod(one, COMMIT_TS.per_page)
            _TS.pack_into(self.commit_ts.change(number), entry * _TS.size, time, origin)
            if precedes(newest, one):
                newest = one
        if not self.oldest_commit_ts:
            self.oldest_commit_ts = xid
        if not self.newest_commit_ts or precedes(self.newest_commit_ts, newest):
            self.newest_commit_ts = newest

    def areas(self) -> tuple[SlruPages, ...]:
        """Every SLRU area."""
        return self.clog, self.subtrans, self.offsets, self.members, self.commit_ts
