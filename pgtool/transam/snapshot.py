"""Snapshots of a running instance: which row versions a command sees.

A snapshot says which transactions had ended when it was taken. Those from ``xmax`` on and
those in ``xip`` were running; the others are as pg_xact says. The session's own
transaction is seen up to the command before ``curcid``::

    inserted by me       seen where cmin < curcid
    deleted by me        gone where cmax < curcid
    inserted by another  seen where it committed before the snapshot
    deleted by another   gone where it committed before the snapshot

The vectorised rules are those of :class:`pgtool.transam.visibility.Visibility` with these
two questions put differently; :meth:`Snapshot.sees` decides for one row version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from formats.heap import HEAP_LOCK_MASK, HEAP_MOVED, HEAP_XMIN_FROZEN, HeapInfomask
from formats.units import FIRST_NORMAL_XID
from pgtool.errors import CorruptData
from pgtool.transam.visibility import Headers, Ints, Mask, Unknown, Visibility
from pgtool.transam.xid import precede, precedes

if TYPE_CHECKING:
    from pgtool.transam.xact import Xact

XMIN_COMMITTED, XMIN_INVALID = (
    int(HeapInfomask.HEAP_XMIN_COMMITTED), int(HeapInfomask.HEAP_XMIN_INVALID)
)  # fmt: skip
XMAX_INVALID, XMAX_IS_MULTI = (
    int(HeapInfomask.HEAP_XMAX_INVALID), int(HeapInfomask.HEAP_XMAX_IS_MULTI)
)  # fmt: skip
XMAX_LOCK_ONLY, XMAX_COMMITTED = (
    int(HeapInfomask.HEAP_XMAX_LOCK_ONLY), int(HeapInfomask.HEAP_XMAX_COMMITTED)
)  # fmt: skip
COMBOCID = int(HeapInfomask.HEAP_COMBOCID)
_OLD_LOCK = XMAX_IS_MULTI | HEAP_LOCK_MASK
_EXCL_LOCK = int(HeapInfomask.HEAP_XMAX_EXCL_LOCK)
_MAX_CID = 0xFFFFFFFF


def only_locked(infomask: int) -> bool:
    """HEAP_XMAX_IS_LOCKED_ONLY: xmax does not replace or delete."""
    return bool(infomask & XMAX_LOCK_ONLY) or infomask & _OLD_LOCK == _EXCL_LOCK


class Snapshot(Visibility):
    """What one command of a session sees."""

    def __init__(
        self, xact: Xact, xmin: int, xmax: int, xip: frozenset[int], curcid: int
    ) -> None:
        super().__init__(xact.instance.clog, xact.instance.multixact)
        self.xact = xact
        self.xmin = xmin
        self.xmax = xmax
        self.xip = xip
        self.curcid = curcid

    def __repr__(self) -> str:
        return f"Snapshot({self.xmin}:{self.xmax}:{sorted(self.xip)}, curcid={self.curcid})"

    def with_cid(self, curcid: int) -> Snapshot:
        """The same snapshot for a later command of its transaction."""
        if curcid == self.curcid:
            return self
        return Snapshot(self.xact, self.xmin, self.xmax, self.xip, curcid)

    def running(self, xid: int) -> bool:
        """XidInMVCCSnapshot: whether a transaction counts as in progress."""
        if precedes(xid, self.xmin):
            return False
        return not precedes(xid, self.xmax) or xid in self.xip

    # -- one row version ----------------------------------------------------------

    def sees(self, infomask: int, xmin: int, xmax: int, field3: int) -> bool:
        """Whether the version with these header fields is visible."""
        if not self._inserter(infomask, xmin, field3):
            return False
        if infomask & XMAX_INVALID or only_locked(infomask):
            return True
        if infomask & XMAX_IS_MULTI:
            xmax = self.multixacts.updater(xmax)
            if not xmax:
                return True
        if self.xact.is_mine(xmax):
            return self.xact.cmax(infomask, field3) >= self.curcid
        if infomask & XMAX_COMMITTED and not infomask & XMAX_IS_MULTI:
            return self.running(xmax)
        return self.running(xmax) or not self.xact.instance.clog.did_commit(xmax)

    def _inserter(self, infomask: int, xmin: int, field3: int) -> bool:
        hint = infomask & HEAP_XMIN_FROZEN
        if hint == HEAP_XMIN_FROZEN:
            return True
        if hint == XMIN_INVALID:
            return False
        if infomask & HEAP_MOVED:
            moved_off = infomask & int(HeapInfomask.HEAP_MOVED_OFF)
            return self.xact.instance.clog.did_commit(field3) != bool(moved_off)
        if hint == 0 and self.xact.is_mine(xmin):
            return self.xact.cmin(infomask, field3) < self.curcid
        if self.running(xmin):
            return False
        return bool(hint) or self.xact.instance.clog.did_commit(xmin)

    # -- many ---------------------------------------------------------------------

    def visible(self, h: Headers, unknown: Unknown) -> Mask:
        """Which of the tuples are visible. Rows handed to ``unknown`` come out as False."""
        if not self.xact.wrote and not self._any_running(h):
            return super().visible(h, unknown)
        return self._visible(h, unknown)

    def _any_running(self, h: Headers) -> bool:
        """Whether the snapshot takes any transaction in these headers for running."""
        normal = np.uint32(FIRST_NORMAL_XID)
        for xids in (h.xmin, h.xmax):
            late = ~precede(xids, self.xmin) & (xids >= normal)
            if late.any():
                return True
        return False

    def _visible(self, h: Headers, unknown: Unknown) -> Mask:
        doubtful = np.zeros(len(h.xmin), bool)

        def note(rows: npt.NDArray[np.int64], xid: int, problem: CorruptData) -> None:
            doubtful[rows] = True
            unknown(rows, xid, problem)

        frozen = h.infomask & np.uint16(HEAP_XMIN_FROZEN) == np.uint16(HEAP_XMIN_FROZEN)
        mine = self._mine(h.xmin) & ~frozen
        out = self._inserted(h, note)
        out &= frozen | ~self._running(h.xmin)
        if mine.any():
            rows = np.flatnonzero(mine & (h.infomask & np.uint16(XMIN_INVALID) == 0))
            out[mine] = False
            out[rows] = self._cids(h, rows, self.xact.cmin) < self.curcid
        gone = self._gone(h, out, note)
        if gone is not None:
            out &= ~gone
        out &= ~doubtful
        return out

    def _gone(self, h: Headers, inserted: Mask, unknown: Unknown) -> Mask | None:
        """Which of the inserted tuples a deleter removed for this snapshot."""
        bits = h.infomask
        rows = np.flatnonzero(inserted & (bits & np.uint16(XMAX_INVALID) == 0))
        if not len(rows):
            return None
        held = bits[rows]
        locks = (held & np.uint16(XMAX_LOCK_ONLY)) != 0
        locks |= (held & np.uint16(_OLD_LOCK)) == _EXCL_LOCK
        rows = rows[~locks]
        deleter = h.xmax[rows].copy()
        multi = (bits[rows] & np.uint16(XMAX_IS_MULTI)) != 0
        for i in np.flatnonzero(multi).tolist():
            try:
                deleter[i] = self.multixacts.updater(int(deleter[i]))
            except CorruptData as problem:
                unknown(rows[i : i + 1], int(h.xmax[rows[i]]), problem)
                deleter[i] = 0
        rows, multi, deleter = (part[deleter != 0] for part in (rows, multi, deleter))
        out = np.zeros(len(inserted), bool)
        mine = self._mine(deleter)
        if mine.any():
            out[rows[mine]] = self._cids(h, rows[mine], self.xact.cmax) < self.curcid
        rest = ~mine & ~self._running(deleter)
        rows, multi, deleter = rows[rest], multi[rest], deleter[rest]
        hinted = ((bits[rows] & np.uint16(XMAX_COMMITTED)) != 0) & ~multi
        out[rows[hinted]] = True
        rows, deleter = rows[~hinted], deleter[~hinted]
        if len(rows):
            out[rows] = self._committed(deleter, rows, unknown)
        return out

    def _running(self, xids: npt.NDArray[np.uint32]) -> Mask:
        normal = xids >= np.uint32(FIRST_NORMAL_XID)
        out = normal & ~precede(xids, self.xmax)
        if self.xip:
            out |= np.isin(xids, np.array(sorted(self.xip), np.uint32))
        return np.asarray(out)

    def _mine(self, xids: npt.NDArray[np.uint32]) -> Mask:
        own = self.xact.live_xids
        if len(own) == 1:
            return np.asarray(xids == np.uint32(next(iter(own))))
        if not own:
            return np.zeros(len(xids), bool)
        return np.isin(xids, np.fromiter(own, np.uint32, len(own)))

    def _cids(self, h: Headers, rows: Ints, of: Any) -> npt.NDArray[np.int64]:
        """cmin or cmax of some rows of this transaction."""
        out = h.xvac[rows].astype(np.int64)
        combo = np.flatnonzero(h.infomask[rows] & np.uint16(COMBOCID))
        for i in combo.tolist():
            out[i] = of(COMBOCID, int(out[i]))
        return out
