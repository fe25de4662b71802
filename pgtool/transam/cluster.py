"""The transaction state of a data directory at rest, opened from pg_control's numbers."""

from __future__ import annotations

from functools import cached_property

from construct import Container

from formats.errors import CorruptData
from formats.units import FIRST_NORMAL_XID
from pgtool.storage.backend import Backend
from pgtool.transam.clog import ABORTED, COMMITTED, CommitLog
from pgtool.transam.commit_ts import CommitTimestamps
from pgtool.transam.multixact import MultiXacts
from pgtool.transam.visibility import Visibility
from pgtool.transam.xid import precedes


class Transactions:
    """Everything that a data directory knows about its transactions."""

    def __init__(self, backend: Backend, major: int, control: Container, at_rest: bool) -> None:
        checkpoint = control.checkPointCopy
        self.backend = backend
        self.at_rest = at_rest
        self.next_full_xid = int(checkpoint.nextXid)
        self.next_xid = self.next_full_xid & 0xFFFFFFFF
        self.next_multi = int(checkpoint.nextMulti)
        self.clog = CommitLog(backend, major, self.next_xid, at_rest)
        self.multixacts = MultiXacts(
            backend, major, self.next_multi, int(checkpoint.nextMultiOffset)
        )
        self.commit_ts = CommitTimestamps(
            backend, major, bool(control.track_commit_timestamp),
            int(checkpoint.oldestCommitTsXid), int(checkpoint.newestCommitTsXid),
        )  # fmt: skip
        self.visibility = Visibility(self.clog, self.multixacts)

    @cached_property
    def prepared(self) -> frozenset[int]:
        """Top-level xids of prepared transactions that are still pending."""
        from pgtool.transam.twophase import prepared_xids  # slow to import, seldom needed

        return prepared_xids(self.backend)

    def outcome(self, xid: int) -> str:
        """What became of a transaction, in a word, for people."""
        try:
            status = self.clog.status(xid)
        except CorruptData:
            return "unknown"
        if status == COMMITTED:
            return "committed"
        if status == ABORTED:
            return "aborted"
        if self.pending(xid):
            return "prepared"
        return "ended by a crash" if self.at_rest else "in progress"

    def pending(self, xid: int) -> bool:
        """Whether a xid, or the transaction that it is a part of, is prepared."""
        while xid not in self.prepared:
            parent = self.clog.parent(xid)
            if parent < FIRST_NORMAL_XID or not precedes(parent, xid):
                return False
            xid = parent
        return True
