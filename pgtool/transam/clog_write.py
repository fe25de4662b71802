"""pg_xact while running: outcomes are set here, and looked up one by one.

Invariant: an outcome that nobody waited for (synchronous_commit off) is written to disk
only behind its commit record, and no hint bit may tell of it before that record is on
disk: :meth:`RunningCommitLog.commit_lsn` says what to wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from formats.derive import struct_of
from formats.slru import CLOG_BITS_PER_XACT, CLOG_XACTS_PER_BYTE, XACT
from formats.units import BOOTSTRAP_XID, FIRST_NORMAL_XID, FROZEN_XID
from formats.wal import clog as clog_records
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.errors import CorruptData
from pgtool.storage.backend import WritableBackend
from pgtool.transam.clog import ABORTED, COMMITTED, SUB_COMMITTED, CommitLog
from pgtool.transam.slru import SlruBuffers
from pgtool.transam.subtrans import SubTransactions
from pgtool.transam.xid import precedes
from pgtool.wal.insert import Record, Wal

_ZEROPAGE, _TRUNCATE = (opcode(clog_records.RECORDS, name) for name in ("ZEROPAGE", "TRUNCATE"))


class RunningCommitLog(CommitLog):
    """The outcome of transactions in a running instance."""

    def __init__(
        self, backend: WritableBackend, major: int, next_xid: int, wal: Wal,
        subtrans: SubTransactions,
    ) -> None:  # fmt: skip
        self.buffers = SlruBuffers(backend, XACT, major, wal.flush)
        super().__init__(backend, major, next_xid, False, self.buffers, subtrans.files)
        self.wal = wal
        self._pack_page = struct_of(clog_records.clog_zeropage[major]).pack
        self._pack_truncate = struct_of(clog_records.xl_clog_truncate[major]).pack
        #: Commits that may not be on disk yet: xid → end of the commit record.
        self._waiting: dict[int, int] = {}
        #: A transaction that committed.
        self._committed = 0

    def startup(self, next_xid: int) -> None:
        """Blank what lies behind the next xid on its page."""
        page = next_xid // XACT.per_page
        if next_xid % XACT.per_page == 0 or not self.buffers.has_page(page):
            return
        data, index, page = self.buffers.place(next_xid)
        byte, bit = divmod(index, CLOG_XACTS_PER_BYTE)
        keep = data[byte] & (1 << CLOG_BITS_PER_XACT * bit) - 1
        if data[byte] != keep or any(data[byte + 1 :]):
            data[byte] = keep
            data[byte + 1 :] = bytes(len(data) - byte - 1)
            self.buffers.touch(page)

    def extend(self, xid: int) -> None:
        """Begin a page, with its record, where ``xid`` is the first on it."""
        if xid % XACT.per_page and xid != FIRST_NORMAL_XID:
            return
        page = xid // XACT.per_page
        self.buffers.zero_page(page)
        lsn = self.wal.insert(Record(RmgrId.RM_CLOG_ID, _ZEROPAGE, self._pack_page(page)))
        self.buffers.touch(page, lsn)

    def set_tree(self, xid: int, children: Iterable[int], status: int, lsn: int = 0) -> None:
        """The outcome of a transaction and its subtransactions.

        ``lsn`` is the end of a commit record that nobody waited for.
        """
        for one in (*children, xid):
            self.set_status(one, status, lsn)
            if lsn and status == COMMITTED:
                self._waiting[one] = lsn

    def set_status(self, xid: int, status: int, lsn: int = 0) -> None:
        """The outcome of one xid."""
        data, index, page = self.buffers.place(xid)
        byte, bit = divmod(index, CLOG_XACTS_PER_BYTE)
        shift = CLOG_BITS_PER_XACT * bit
        data[byte] = data[byte] & ~(3 << shift) | status << shift
        self.buffers.touch(page, lsn)

    def status_of(self, xid: int) -> int:
        """The outcome of one xid, subtransactions resolved; CorruptData where it is lost."""
        if xid < FIRST_NORMAL_XID:
            return COMMITTED if xid in (FROZEN_XID, BOOTSTRAP_XID) else ABORTED
        try:
            data, index, _ = self.buffers.place(xid)
        except CorruptData as problem:
            raise self.unknown(xid, problem) from None
        byte, bit = divmod(index, CLOG_XACTS_PER_BYTE)
        status = data[byte] >> CLOG_BITS_PER_XACT * bit & 3
        return self._through_parent(xid) if status == SUB_COMMITTED else status

    def did_commit(self, xid: int) -> bool:
        """Whether a transaction committed. That it did is remembered of the last one asked for."""
        if xid == self._committed:
            return True
        if self.status_of(xid) != COMMITTED:
            return False
        self._committed = xid
        return True

    def did_abort(self, xid: int) -> bool:
        """Whether it is known to have aborted (one that a crash ended is not)."""
        return self.status_of(xid) == ABORTED

    def commit_lsn(self, xid: int) -> int:
        """What must be on disk before a hint may say that ``xid`` committed; 0: nothing."""
        if not self._waiting:
            return 0
        lsn = self._waiting.get(xid, 0)
        if lsn and lsn <= self.wal.flushed:
            flushed = self.wal.flushed
            self._waiting = {x: at for x, at in self._waiting.items() if at > flushed}
            return 0
        return lsn

    def truncate(self, oldest: int, database: int) -> None:
        """Forget outcomes before ``oldest``: VACUUM froze what they decided."""
        page = oldest // XACT.per_page
        cut = page * XACT.per_page
        unwanted = self._before(cut)
        if not any(unwanted(n * 32) for n in self.buffers.segments()):
            return
        self._committed = 0
        data = self._pack_truncate(page, oldest, database)
        self.wal.flush(self.wal.insert(Record(RmgrId.RM_CLOG_ID, _TRUNCATE, data)))
        self.buffers.remove_segments(unwanted)

    @staticmethod
    def _before(cut: int) -> Callable[[int], bool]:
        def unwanted(page: int) -> bool:
            first = page * XACT.per_page
            last = first + XACT.per_segment - 1 & 0xFFFFFFFF
            return precedes(max(first, FIRST_NORMAL_XID), cut) and precedes(last, cut)

        return unwanted
