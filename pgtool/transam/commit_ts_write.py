"""pg_commit_ts while running: times of commits, where track_commit_timestamp is on."""

from __future__ import annotations

from collections.abc import Iterable

from construct import Container

from formats.derive import struct_of
from formats.slru import COMMIT_TS, SLRU_PAGES_PER_SEGMENT, CommitTimestampEntry
from formats.units import FIRST_NORMAL_XID
from formats.wal import commit_ts as records
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.storage.backend import WritableBackend
from pgtool.transam.commit_ts import CommitTimestamps
from pgtool.transam.settings import InstanceSettings
from pgtool.transam.slru import SlruBuffers
from pgtool.transam.xid import precedes
from pgtool.wal.insert import Record, Wal

_ENTRY = struct_of(CommitTimestampEntry)
_ZEROPAGE, _TRUNCATE = (opcode(records.RECORDS, name) for name in ("ZEROPAGE", "TRUNCATE"))


class RunningCommitTimestamps(CommitTimestamps):
    """Commit times of a running instance."""

    def __init__(
        self, backend: WritableBackend, major: int, wal: Wal, settings: InstanceSettings,
        checkpoint: Container,
    ) -> None:  # fmt: skip
        super().__init__(
            backend, major, settings.track_commit_timestamp,
            int(checkpoint.oldestCommitTsXid), int(checkpoint.newestCommitTsXid),
        )  # fmt: skip
        self.buffers = SlruBuffers(backend, COMMIT_TS, major, wal.flush)
        self.files = self.buffers
        self.wal = wal
        self._pack_page = struct_of(records.commit_ts_zeropage[major]).pack
        self._pack_truncate = struct_of(records.xl_commit_ts_truncate[major]).pack

    def areas(self) -> list[SlruBuffers]:
        """What a checkpoint writes."""
        return [self.buffers]

    def startup(self, next_xid: int) -> None:
        """Begin to record from the next xid on, or forget everything where it is off."""
        if not self.tracked:
            if self.oldest:
                self.oldest = self.newest = 0
                self.buffers.remove_segments(lambda page: True)
            return
        if not self.oldest:
            self.oldest = self.newest = next_xid
        if not self.buffers.has_page(next_xid // COMMIT_TS.per_page):
            self.buffers.zero_page(next_xid // COMMIT_TS.per_page)

    def extend(self, xid: int) -> None:
        """Begin a page, with its record, where ``xid`` is the first on it."""
        if not self.tracked or (xid % COMMIT_TS.per_page and xid != FIRST_NORMAL_XID):
            return
        page = xid // COMMIT_TS.per_page
        self.buffers.zero_page(page)
        lsn = self.wal.insert(Record(RmgrId.RM_COMMIT_TS_ID, _ZEROPAGE, self._pack_page(page)))
        self.buffers.touch(page, lsn)

    def set_tree(self, xid: int, children: Iterable[int], time: int) -> None:
        """When a transaction and its subtransactions committed, in microseconds since 2000."""
        newest = xid
        for one in (xid, *children):
            data, index, page = self.buffers.place(one)
            _ENTRY.pack_into(data, index * _ENTRY.size, time, 0)
            self.buffers.touch(page)
            if precedes(newest, one):
                newest = one
        if not self.newest or precedes(self.newest, newest):
            self.newest = newest

    def advance_oldest(self, oldest: int) -> None:
        """Times of transactions before ``oldest`` are not asked for any more."""
        if self.oldest and precedes(self.oldest, oldest):
            self.oldest = oldest

    def truncate(self, oldest: int) -> None:
        """Forget the times of transactions before ``oldest``."""
        page = oldest // COMMIT_TS.per_page
        cut = page * COMMIT_TS.per_page

        def unwanted(first_page: int) -> bool:
            first = first_page * COMMIT_TS.per_page
            last = first + COMMIT_TS.per_segment - 1 & 0xFFFFFFFF
            return precedes(max(first, FIRST_NORMAL_XID), cut) and precedes(last, cut)

        segments = self.buffers.segments()
        if not any(unwanted(number * SLRU_PAGES_PER_SEGMENT) for number in segments):
            return
        data = self._pack_truncate(page, oldest)
        self.wal.flush(self.wal.insert(Record(RmgrId.RM_COMMIT_TS_ID, _TRUNCATE, data)))
        self.buffers.remove_segments(unwanted)
