"""Which row versions are visible, decided for whole arrays of tuple headers.

The snapshot is that of a directory at rest: everything that committed is seen, nothing
else. Then a version is visible if its inserter committed (or it is frozen) and it has no
deleter that committed. Hint bits decide most rows without a look-up; pg_xact the others;
multixacts, which are few, go one by one. Nothing is written back.

::

    inserter   HEAP_XMIN_COMMITTED (alone or as FROZEN)  → in
               HEAP_XMIN_INVALID                         → out
               else pg_xact[xmin]
    deleter    HEAP_XMAX_INVALID, or xmax only locks     → none
               HEAP_XMAX_COMMITTED                       → out
               HEAP_XMAX_IS_MULTI                        → its updating member, pg_xact
               else pg_xact[xmax]

Of a tuple that is not inserted it is asked whether that can be: a xid that was never given
out, or a hint that pg_xact contradicts, is a :class:`~formats.errors.SuspectedLoss`. (A server
does not show such tuples either; after pg_resetwal there are some.)

``HEAP_MOVED_*`` are left over from VACUUM FULL before 9.0: there ``t_xvac`` committing
decides between the two copies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from formats.errors import CorruptData, SuspectedLoss
from formats.heap import HEAP_LOCK_MASK, HEAP_MOVED, HEAP_XMIN_FROZEN, HeapInfomask
from formats.units import FIRST_NORMAL_XID
from pgtool.transam.clog import CommitLog
from pgtool.transam.multixact import MultiXacts
from pgtool.transam.xid import precede

Ints = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
#: Handed the rows whose fate cannot be told, and why.
Unknown = Callable[[npt.NDArray[np.int64], int, CorruptData], None]

_LOCK_OR_OLD_LOCK = HeapInfomask.HEAP_XMAX_IS_MULTI | HEAP_LOCK_MASK


class Headers(NamedTuple):
    """The header fields of some tuples that visibility depends on."""

    infomask: Ints
    xmin: npt.NDArray[np.uint32]
    xmax: npt.NDArray[np.uint32]
    xvac: npt.NDArray[np.uint32]


class Visibility:
    """The rules above, over one cluster's transaction status."""

    def __init__(self, clog: CommitLog, multixacts: MultiXacts) -> None:
        self.clog = clog
        self.multixacts = multixacts

    def visible(self, h: Headers, unknown: Unknown) -> Mask:
        """Which of the tuples are visible. Rows handed to ``unknown`` come out as False."""
        doubtful = np.zeros(len(h.xmin), bool)

        def note(rows: npt.NDArray[np.int64], xid: int, problem: CorruptData) -> None:
            if not isinstance(problem, SuspectedLoss):
                doubtful[rows] = True
            unknown(rows, xid, problem)

        out = self._inserted(h, note)
        gone = self._deleted(h, out, note)
        if gone is not None:
            out &= ~gone
        out &= ~doubtful
        return out

    def _committed(self, xids: npt.NDArray[np.uint32], rows: Ints, unknown: Unknown) -> Mask:
        """Whether each xid committed; ``rows`` says whose they are."""

        def lost(missing: npt.NDArray[np.int64], problem: CorruptData) -> None:
            for xid in np.unique(xids[missing]).tolist():
                unknown(
                    rows[missing[xids[missing] == xid]], xid, self.clog.unknown(xid, problem)
                )

        return self.clog.committed(xids, lost)

    def _inserted(self, h: Headers, unknown: Unknown) -> Mask:
        hint = h.infomask & np.uint16(HEAP_XMIN_FROZEN)
        out: Mask = (hint & np.uint16(HeapInfomask.HEAP_XMIN_COMMITTED)) != 0
        open_ = hint == 0
        if open_.any():
            rows = np.flatnonzero(open_)
            moved = (h.infomask[rows] & np.uint16(HEAP_MOVED)) != 0
            if moved.any():
                self._moved(h, rows[moved], out, unknown)
                rows = rows[~moved]
            out[rows] = self._committed(h.xmin[rows], rows, unknown)
        if not out.all():
            self._doubt(h, np.flatnonzero(~out), hint, unknown)
        return out

    def _doubt(self, h: Headers, rows: Ints, hint: Ints, unknown: Unknown) -> None:
        """Tell of tuples that are left out for a reason that cannot be true."""
        if not self.clog.at_rest:
            return
        xmin = h.xmin[rows]
        future = (xmin >= FIRST_NORMAL_XID) & ~precede(xmin, self.clog.next_xid)
        self._tell(rows[future], xmin[future], unknown,
                   f"xmin {{}} is not before the next transaction, {self.clog.next_xid}")
        rows, xmin = rows[~future], xmin[~future]
        hinted = (hint[rows] == HeapInfomask.HEAP_XMIN_INVALID) & (xmin >= FIRST_NORMAL_XID)
        rows, xmin = rows[hinted], xmin[hinted]
        if len(rows):
            # What is not known any more contradicts nothing.
            wrong = self.clog.committed(xmin, lambda missing, problem: None)
            self._tell(rows[wrong], xmin[wrong], unknown,
                       "the hint says that transaction {} aborted, but it committed")

    @staticmethod
    def _tell(rows: Ints, xmin: npt.NDArray[np.uint32], unknown: Unknown, words: str) -> None:
        for xid in np.unique(xmin).tolist():
            unknown(rows[xmin == xid], xid, SuspectedLoss(words.format(xid)))

    def _moved(self, h: Headers, rows: Ints, out: Mask, unknown: Unknown) -> None:
        done = self._committed(h.xvac[rows], rows, unknown)
        off = (h.infomask[rows] & np.uint16(HeapInfomask.HEAP_MOVED_OFF)) != 0
        out[rows] = np.where(off, ~done, done)

    def _deleted(self, h: Headers, inserted: Mask, unknown: Unknown) -> Mask | None:
        """Which of the inserted tuples a committed transaction deleted; None: none."""
        rows = np.flatnonzero(
            inserted & ((h.infomask & np.uint16(HeapInfomask.HEAP_XMAX_INVALID)) == 0)
        )
        if not len(rows):
            return None
        bits = h.infomask[rows]
        locks = (bits & np.uint16(HeapInfomask.HEAP_XMAX_LOCK_ONLY)) != 0
        locks |= (bits & np.uint16(_LOCK_OR_OLD_LOCK)) == HeapInfomask.HEAP_XMAX_EXCL_LOCK
        rows, bits = rows[~locks], bits[~locks]
        out = np.zeros(len(inserted), bool)
        multi = (bits & np.uint16(HeapInfomask.HEAP_XMAX_IS_MULTI)) != 0
        if multi.any():
            self._deleted_by_multi(h, rows[multi], out, unknown)
            rows, bits = rows[~multi], bits[~multi]
        hinted = (bits & np.uint16(HeapInfomask.HEAP_XMAX_COMMITTED)) != 0
        out[rows[hinted]] = True
        rows = rows[~hinted]
        if len(rows):
            out[rows] = self._committed(h.xmax[rows], rows, unknown)
        return out

    def _deleted_by_multi(self, h: Headers, rows: Ints, out: Mask, unknown: Unknown) -> None:
        multis, which = np.unique(h.xmax[rows], return_inverse=True)
        updaters = np.zeros(len(multis), np.uint32)
        for i, multi in enumerate(multis.tolist()):
            try:
                updaters[i] = self.multixacts.updater(multi)
            except CorruptData as problem:
                unknown(rows[which == i], multi, problem)
        xids = updaters[which]
        some = xids != 0
        out[rows[some]] = self._committed(xids[some], rows[some], unknown)
