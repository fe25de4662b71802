"""Commit status: pg_xact with pg_subtrans behind it.

Two bits for each xid. A directory at rest has no running transactions: a xid without an
outcome belongs to one that a crash ended (so it aborted) or to a prepared one (so it is
still pending). A subtransaction marked committed counts as its parent does.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from formats.errors import CorruptData
from formats.slru import CLOG_XACTS_PER_PAGE, SLRU_PAGES_PER_SEGMENT, SUBTRANS_XACTS_PER_PAGE
from formats.units import BOOTSTRAP_XID, FIRST_NORMAL_XID, FROZEN_XID
from pgtool.storage.backend import Backend
from pgtool.transam.slru import SlruDirectory
from pgtool.transam.xid import precede, precedes

Xids = npt.NDArray[np.uint32]
Lost = Callable[[npt.NDArray[np.int64], CorruptData], None]

_XACTS_PER_SEGMENT = CLOG_XACTS_PER_PAGE * SLRU_PAGES_PER_SEGMENT
_SUBTRANS_PER_SEGMENT = SUBTRANS_XACTS_PER_PAGE * SLRU_PAGES_PER_SEGMENT
_XIDS_PER_BYTE = 4


class XidStatus(IntEnum):
    """The two bits of pg_xact."""

    IN_PROGRESS = 0
    COMMITTED = 1
    ABORTED = 2
    SUB_COMMITTED = 3


class CommitLog:
    """Outcome of transactions, for one xid or for arrays of them."""

    def __init__(self, backend: Backend, next_xid: int, oldest_xid: int, at_rest: bool) -> None:
        """``at_rest``: xids from ``next_xid`` on cannot exist."""
        self.xact = SlruDirectory(backend, "pg_xact")
        self.subtrans = SlruDirectory(backend, "pg_subtrans")
        self.next_xid = next_xid
        self.oldest_xid = oldest_xid
        self.at_rest = at_rest

    def statuses(self, xids: Xids, lost: Lost) -> npt.NDArray[np.uint8]:
        """:class:`XidStatus` of every xid; SUB_COMMITTED is resolved to the parent's.

        Entries that no file holds come out as IN_PROGRESS and are handed to ``lost``.
        """
        out = np.zeros(len(xids), np.uint8)
        out[(xids == FROZEN_XID) | (xids == BOOTSTRAP_XID)] = XidStatus.COMMITTED
        known = xids >= FIRST_NORMAL_XID
        if self.at_rest:
            known &= precede(xids, self.next_xid)
        rows = np.flatnonzero(known)
        if not len(rows):
            return out
        asked = xids[rows]
        found = self.xact.gather(
            asked // np.uint32(_XACTS_PER_SEGMENT),
            asked % np.uint32(_XACTS_PER_SEGMENT) // np.uint32(_XIDS_PER_BYTE), 1,
            lambda missing, problem: lost(rows[missing], problem),
        )[:, 0]  # fmt: skip
        bits = (found >> ((asked & np.uint32(3)) << np.uint32(1)).astype(np.uint8)) & np.uint8(3)
        for i in np.flatnonzero(bits == XidStatus.SUB_COMMITTED).tolist():
            bits[i] = self._through_parent(int(asked[i]))
        out[rows] = bits
        return out

    def committed(self, xids: Xids, lost: Lost) -> npt.NDArray[np.bool_]:
        """Which of the xids committed."""
        return np.asarray(self.statuses(xids, lost) == XidStatus.COMMITTED)

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
        segment, entry = divmod(xid, _SUBTRANS_PER_SEGMENT)
        try:
            raw = self.subtrans.one(segment, 4 * entry, 4)
        except CorruptData:
            return 0
        return int.from_bytes(raw, "little")

    def _through_parent(self, xid: int) -> int:
        """A sub-committed xid: committed only if its top-level transaction did."""
        seen = xid
        while True:
            parent = self.parent(seen)
            if parent < FIRST_NORMAL_XID or not precedes(parent, seen):
                return XidStatus.ABORTED
            segment, entry = divmod(parent, _XACTS_PER_SEGMENT)
            try:
                byte = self.xact.one(segment, entry // _XIDS_PER_BYTE, 1)[0]
            except CorruptData:
                return XidStatus.ABORTED
            status = byte >> 2 * (parent & 3) & 3
            if status != XidStatus.SUB_COMMITTED:
                return status
            seen = parent


def ignore_lost(rows: Any, problem: CorruptData) -> None:
    """For callers that treat an unknown transaction as one without an outcome."""
