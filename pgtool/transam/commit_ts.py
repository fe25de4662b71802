"""Commit times: pg_commit_ts, kept where track_commit_timestamp is on."""

from __future__ import annotations

import datetime

from formats.errors import CorruptData
from formats.slru import COMMIT_TS, commit_timestamp
from formats.units import FIRST_NORMAL_XID
from pgtool.storage.backend import Backend
from pgtool.transam.slru import SlruDirectory
from pgtool.transam.xid import precedes

_EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


class CommitTimestamps:
    """When transactions committed, as far as the cluster recorded it."""

    def __init__(
        self, backend: Backend, major: int, tracked: bool, oldest: int, newest: int
    ) -> None:
        self.files = SlruDirectory(backend, COMMIT_TS, major)
        self.tracked = tracked
        self.oldest = oldest
        self.newest = newest

    def microseconds(self, xid: int) -> int | None:
        """Microseconds since 2000-01-01 UTC, None where nothing was recorded."""
        if not self.tracked or xid < FIRST_NORMAL_XID or not self.oldest:
            return None
        if precedes(xid, self.oldest):
            return None
        try:
            return commit_timestamp(*self.files.page(xid))[0] or None
        except CorruptData:
            return None

    def time(self, xid: int) -> datetime.datetime | None:
        """The commit time in UTC, None where nothing was recorded or it has no date."""
        found = self.microseconds(xid)
        if found is None:
            return None
        try:
            return _EPOCH + datetime.timedelta(microseconds=found)
        except OverflowError:
            return None
