"""Commit status: pg_xact with pg_subtrans behind it.

Two bits for each xid. A directory at rest has no running transactions: a xid without an
outcome belongs to one that a crash ended (so it aborted) or to a prepared one (so it is
still pending). A subtransaction marked committed counts as its parent does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from formats.errors import CorruptData
from formats.slru import (
    CLOG_XACTS_PER_BYTE,
    SUBTRANS,
    XACT,
    XidStatus,
    subtrans_parent,
    xact_status,
)
from formats.units import BOOTSTRAP_XID, FIRST_NORMAL_XID, FROZEN_XID
from pgtool.storage.backend import Backend
from pgtool.transam.slru import SlruDirectory
from pgtool.transam.xid import precede, precedes

Xids = npt.NDArray[np.uint32]
Lost = Callable[[npt.NDArray[np.int64], CorruptData], None]

IN_PROGRESS, COMMITTED, ABORTED, SUB_COMMITTED = XidStatus


class CommitLog:
    """Outcome of transactions, for one xid or for arrays of them."""

    def __init__(
        self, backend: Backend, major: int, next_xid: int, at_rest: bool,
        xact: SlruDirectory | None = None, subtrans: SlruDirectory | None = None,
    ) -> None:  # fmt: skip
        """``at_rest``: xids from ``next_xid`` on cannot exist."""
        self.xact = xact or SlruDirectory(backend, XACT, major)
        self.subtrans = subtrans or SlruDirectory(backend, SUBTRANS, major)
        self.next_xid = next_xid
        self.at_rest = at_rest

    def statuses(self, xids: Xids, lost: Lost) -> npt.NDArray[np.uint8]:
        """:class:`XidStatus` of every xid; SUB_COMMITTED is resolved to the parent's.

        Entries that no file holds come out as IN_PROGRESS and are handed to ``lost``.
        """
        out = np.zeros(len(xids), np.uint8)
        out[(xids == FROZEN_XID) | (xids == BOOTSTRAP_XID)] = COMMITTED
        known = xids >= FIRST_NORMAL_XID
        if self.at_rest:
            known &= precede(xids, self.next_xid)
        rows = np.flatnonzero(known)
        if not len(rows):
            return out
        asked = xids[rows]
        found = self.xact.gather(
            asked // np.uint32(XACT.per_segment),
            asked % np.uint32(XACT.per_segment) // np.uint32(CLOG_XACTS_PER_BYTE), 1,
            lambda missing, problem: lost(rows[missing], problem),
        )[:, 0]  # fmt: skip
        bits = (found >> ((asked & np.uint32(3)) << np.uint32(1)).astype(np.uint8)) & np.uint8(3)
        for i in np.flatnonzero(bits == SUB_COMMITTED).tolist():
            bits[i] = self._through_parent(int(asked[i]))
        out[rows] = bits
        return out

    def committed(self, xids: Xids, lost: Lost) -> npt.NDArray[np.bool_]:
        """Which of the xids committed."""
        return np.asarray(self.statuses(xids, lost) == COMMITTED)

    def status(self, xid: int) -> XidStatus:
        """The status of one xid; CorruptData where no file holds it."""

        def lost(rows: npt.NDArray[np.int64], problem: CorruptData) -> None:
            raise self.unknown(xid, problem)

        return XidStatus(int(self.statuses(np.array([xid], np.uint32), lost)[0]))

    @staticmethod
    def unknown(xid: int, problem: CorruptData) -> CorruptData:
        """The error for a xid whose status cannot be read."""
        return CorruptData(
            f"could not access status of transaction {xid}: {problem.message}",
            file=problem.file, offset=problem.offset,
        )  # fmt: skip

    def parent(self, xid: int) -> int:
        """The immediate parent that pg_subtrans records, 0 for a top-level transaction."""
        try:
            return subtrans_parent(*self.subtrans.page(xid))
        except CorruptData:
            return 0

    def _through_parent(self, xid: int) -> int:
        """A sub-committed xid: committed only if its top-level transaction did."""
        seen = xid
        while True:
            parent = self.parent(seen)
            if parent < FIRST_NORMAL_XID or not precedes(parent, seen):
                return ABORTED
            try:
                status = xact_status(*self.xact.page(parent))
            except CorruptData:
                return ABORTED
            if status != SUB_COMMITTED:
                return status
            seen = parent
