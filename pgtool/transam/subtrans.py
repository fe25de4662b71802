"""pg_subtrans while running: each subtransaction's parent, for the life of the server only.

Nothing of it survives a restart: its pages are begun anew from the oldest running
transaction on, no WAL is written, and a checkpoint writes them only to bound memory.
"""

from __future__ import annotations

from formats.derive import struct_of
from formats.slru import SUBTRANS
from formats.units import FIRST_NORMAL_XID, TransactionId
from pgtool.storage.backend import WritableBackend
from pgtool.transam.slru import SlruBuffers
from pgtool.transam.xid import precedes

_XID = struct_of(TransactionId)


class SubTransactions:
    """Parents of subtransactions."""

    def __init__(self, backend: WritableBackend, major: int) -> None:
        self.files = SlruBuffers(backend, SUBTRANS, major)

    def startup(self, oldest_active: int, next_xid: int) -> None:
        """Begin the pages that running transactions use, all zeroes."""
        page, last = oldest_active // SUBTRANS.per_page, next_xid // SUBTRANS.per_page
        while True:
            self.files.zero_page(page)
            if page == last:
                return
            page = 0 if page == 0xFFFFFFFF // SUBTRANS.per_page else page + 1

    def extend(self, xid: int) -> None:
        """Begin a page where ``xid`` is the first on it."""
        if xid % SUBTRANS.per_page == 0 or xid == FIRST_NORMAL_XID:
            self.files.zero_page(xid // SUBTRANS.per_page)

    def set_parent(self, xid: int, parent: int) -> None:
        """Note whose subtransaction ``xid`` is."""
        data, index, page = self.files.place(xid)
        _XID.pack_into(data, index * _XID.size, parent)
        self.files.touch(page)

    def parent(self, xid: int) -> int:
        """The immediate parent, 0 for a top-level transaction."""
        if xid < FIRST_NORMAL_XID:
            return 0
        data, index, _ = self.files.place(xid)
        return int(_XID.unpack_from(data, index * _XID.size)[0])

    def top(self, xid: int, oldest: int) -> int:
        """The topmost ancestor that is not older than ``oldest``."""
        out = xid
        while not precedes(out, oldest):
            parent = self.parent(out)
            if parent < FIRST_NORMAL_XID or precedes(parent, oldest):
                return out
            out = parent
        return out

    def truncate(self, oldest: int) -> None:
        """Remove segments that lie wholly before the oldest transaction still asked about."""
        cut = oldest // SUBTRANS.per_page * SUBTRANS.per_page
        span = SUBTRANS.per_segment
        self.files.remove_segments(
            lambda page: precedes(
                page * SUBTRANS.per_page + span - 1 + FIRST_NORMAL_XID & 0xFFFFFFFF, cut
            ) and cut >= FIRST_NORMAL_XID
        )  # fmt: skip
