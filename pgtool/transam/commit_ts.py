"""Commit times: pg_commit_ts, kept where track_commit_timestamp is on."""

from __future__ import annotations

import datetime

from formats.errors import CorruptData
from formats.slru import (
    COMMIT_TS_XACTS_PER_PAGE,
    SIZE_OF_COMMIT_TS_ENTRY,
    SLRU_PAGES_PER_SEGMENT,
)
from formats.units import BLCKSZ, FIRST_NORMAL_XID
from pgtool.storage.backend import Backend
from pgtool.transam.slru import SlruDirectory
from pgtool.transam.xid import precedes

_EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


class CommitTimestamps:
    """When transactions committed, as far as the cluster recorded it."""

    def __init__(self, backend: Backend, tracked: bool, oldest: int, newest: int) -> None:
        self.files = SlruDirectory(backend, "pg_commit_ts")
        self.tracked = tracked
        self.oldest = oldest
        self.newest = newest

    def microseconds(self, xid: int) -> int | None:
        """Microseconds since 2000-01-01 UTC, None where nothing was recorded."""
        if not self.tracked or xid < FIRST_NORMAL_XID or not self.oldest:
            return None
        if precedes(xid, self.oldest):
            return None
        page, entry = divmod(xid, COMMIT_TS_XACTS_PER_PAGE)
        segment, page = divmod(page, SLRU_PAGES_PER_SEGMENT)
        try:
            raw = self.files.one(
                segment, page * BLCKSZ + entry * SIZE_OF_COMMIT_TS_ENTRY, SIZE_OF_COMMIT_TS_ENTRY
            )
        except CorruptData:
            return None
        return int.from_bytes(raw[:8], "little", signed=True) or None

    def time(self, xid: int) -> datetime.datetime | None:
        """The commit time in UTC, None where nothing was recorded or it has no date."""
        found = self.microseconds(xid)
        if found is None:
            return None
        try:
            return _EPOCH + datetime.timedelta(microseconds=found)
        except OverflowError:
            return None
