"""Verdicts on many heap pages at once, for VACUUM: what is dead, what must freeze.

Most pages are simple: every row version on them was inserted by a transaction that ended, and
is either untouched or deleted for everybody; no HOT chains, no multixacts, no locks. Those
are judged here, a run of pages in one go (numpy), for :mod:`pgtool.access.heap.vacuumrun` to
change. All others are odd, and :mod:`pgtool.access.heap.pruneheap` and
:mod:`pgtool.access.heap.freeze` look at them version by version; the two ways come to the
same page and the same record.

Nothing is changed here; no verdict depends on a hint bit that is not set yet but on what the
hint would say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from formats.heap import HEAP_MOVED, HEAP_XMIN_FROZEN, HeapInfomask, HeapInfomask2
from formats.page import ItemIdData, LpFlags
from formats.units import BLCKSZ, FIRST_NORMAL_XID, INVALID_XID
from pgtool.access.damage import strict
from pgtool.access.heap.heapam import HeapRelation
from pgtool.access.heap.page import Tuples, tuples_of
from pgtool.errors import CorruptData
from pgtool.storage.pagearrays import header_field, pointer_words
from pgtool.storage.pageruns import Run
from pgtool.transam.cutoffs import Cutoffs

__all__ = ["Judged", "judge"]

Ints = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
_LP = ItemIdData.sizeof()
_FLAG_SHIFT, _FLAG_WIDTH = ItemIdData.bits["lp_flags"]
_FLAGS = np.uint32((1 << _FLAG_WIDTH) - 1)
_LEN_SHIFT = ItemIdData.bits["lp_len"][0]
_HOT = np.uint16(HeapInfomask2.HEAP_HOT_UPDATED | HeapInfomask2.HEAP_ONLY_TUPLE)
_IS_MULTI = np.uint16(HeapInfomask.HEAP_XMAX_IS_MULTI)
_NOT_SIMPLE = np.uint16(HeapInfomask.HEAP_XMAX_IS_MULTI | HEAP_MOVED)
_LOCK_ONLY = np.uint16(HeapInfomask.HEAP_XMAX_LOCK_ONLY)
_XMIN_COMMITTED, _XMIN_INVALID, _XMAX_COMMITTED, _XMAX_INVALID = (
    np.uint16(flag) for flag in (
        HeapInfomask.HEAP_XMIN_COMMITTED, HeapInfomask.HEAP_XMIN_INVALID,
        HeapInfomask.HEAP_XMAX_COMMITTED, HeapInfomask.HEAP_XMAX_INVALID,
    )
)  # fmt: skip
_FROZEN = np.uint16(HEAP_XMIN_FROZEN)


@dataclass(slots=True)
class Judged:
    """Some pages: what holds for each, an array each; and for each of their row versions.

    Ages count back from the removable cutoff: a large one is old.
    """

    tuples: Tuples
    #: Pages that need a closer look, version by version.
    odd: Mask
    #: Versions: dead to all; living and frozen if the page is.
    dead: Mask
    freezable: Mask
    #: Living versions whose inserter's end is not noted on them yet.
    unhinted: Mask
    live: Ints
    #: The newest deleter of a dead version, 0 where there is none.
    horizon: Ints
    #: The newest and the oldest inserter of a living version that is not frozen, 0 likewise.
    newest: Ints
    oldest: Ints
    #: Every living version is seen by all, and will be frozen if the page is.
    visible: Mask
    #: Some id is past the limit.
    required: Mask

    def count(self, which: Mask) -> Ints:
        """How many of the versions each page has."""
        return np.bincount(self.tuples.page[which], minlength=len(self.odd))


class _Verdicts:
    """The versions of some pages, one array a question."""

    def __init__(self, rel: HeapRelation, tuples: Tuples, cutoffs: Cutoffs) -> None:
        self.rel = rel
        mask = self.mask = tuples.infomask
        mask2 = tuples.u16("t_infomask2")
        xmin, xmax = tuples.u32("t_xmin"), tuples.u32("t_xmax")
        oldest = np.uint32(cutoffs.oldest_xmin)
        #: How far before the horizon: small is new, "negative" is not before it.
        self.age = (oldest - xmin).view(np.int32)
        frozen = (mask & _FROZEN) == _FROZEN
        frozen |= xmin < FIRST_NORMAL_XID
        hints = mask & (_XMIN_COMMITTED | _XMIN_INVALID)
        hinted = frozen | (hints == _XMIN_COMMITTED)
        aborted = (hints == _XMIN_INVALID) & ~frozen
        odd = (mask2 & _HOT) != 0
        odd |= (mask & _NOT_SIMPLE) != 0
        open_ = ~(hinted | aborted)
        committed = hinted
        if open_.any():
            done, running = self._outcomes(xmin, open_)
            committed = hinted | done
            aborted |= open_ & ~done
            odd |= running
        self.dead: Mask = aborted
        self.committed_dead: Mask = np.zeros(len(mask), np.bool_)
        self.deleter_age = self.age
        touched = xmax != 0
        if touched.any():
            odd |= self._deleted(xmin, xmax, touched, committed, oldest)
        odd |= ~frozen & ((xmin - np.uint32(cutoffs.relfrozenxid)).view(np.int32) < 0)
        self.odd: Mask = odd
        live = ~self.dead
        self.fresh: Mask = live & ~frozen
        self.unhinted: Mask = live & open_

    def _deleted(
        self, xmin: Ints, xmax: Ints, touched: Mask, committed: Mask, oldest: np.uint32
    ) -> Mask:
        """Who has a deleter, and whether he counts; which versions are odd for it."""
        mask = self.mask
        self.deleter_age = (oldest - xmax).view(np.int32)
        gone = touched & ((mask & _XMAX_INVALID) == 0)
        known = gone & ((mask & _XMAX_COMMITTED) != 0)
        # A multixact is no xid: its page is looked at closer anyway.
        done, running = self._outcomes(xmax, gone & ~known & ((mask & _IS_MULTI) == 0))
        deleted = known | done
        self.committed_dead = committed & deleted & (xmin != xmax)
        self.dead = self.dead | (committed & deleted)
        odd = (touched & ~gone) | (gone & ((mask & _LOCK_ONLY) != 0))
        return np.asarray(odd | (gone & ~deleted) | running | (deleted & (self.deleter_age <= 0)))

    def _outcomes(self, xids: Ints, which: Mask) -> tuple[Mask, Mask]:
        """(committed, in progress) of the xids of some versions."""
        done = np.zeros(len(xids), bool)
        running = np.zeros(len(xids), bool)
        rows = np.flatnonzero(which)
        if len(rows):
            unique, back = np.unique(xids[rows], return_inverse=True)
            rules = self.rel.rules
            runs = np.array([rules.running(xid) for xid in unique.tolist()], bool)
            ends = np.array(
                [not run and rules.clog.did_commit(xid)
                 for xid, run in zip(unique.tolist(), runs.tolist())], bool,
            )  # fmt: skip
            done[rows], running[rows] = ends[back], runs[back]
        return done, running


def judge(rel: HeapRelation, run: Run, cutoffs: Cutoffs) -> Judged | None:
    """What the pages of a run are; None where something on them is damaged."""
    count = len(run.blocks)
    try:
        tuples = tuples_of(run.flat, count, 0, rel.pool.path(rel.where), strict)
    except CorruptData:
        return None  # the closer look says where
    v = _Verdicts(rel, tuples, cutoffs)
    page = tuples.page
    odd = odd_pointers(run.pages)
    _flag(odd, page, v.odd)
    _flag(odd, page, _too_low(run.pages, tuples))
    limit = (cutoffs.oldest_xmin - cutoffs.freeze_limit) & 0xFFFFFFFF
    newest, oldest = _extremes(page, v.age, v.fresh, count)
    deleter, _ = _extremes(page, v.deleter_age, v.committed_dead, count)
    any_fresh = newest != _NONE
    dead = np.bincount(page[v.dead], minlength=count)
    return Judged(
        tuples, odd, v.dead, v.fresh & (v.age > 0), v.unhinted,
        live=np.bincount(page, minlength=count) - dead,
        horizon=_xid(deleter, deleter != _NONE, cutoffs), newest=_xid(newest, any_fresh, cutoffs),
        oldest=_xid(oldest, any_fresh, cutoffs), visible=~any_fresh | (newest > 0),
        required=any_fresh & (oldest > limit),
    )  # fmt: skip


_NONE = np.int64(1 << 40)


def _flag(pages: Mask, page: Ints, which: Mask) -> None:
    """Mark the pages of some versions."""
    if which.any():
        pages[page[which]] = True


def _extremes(page: Ints, ages: Ints, which: Mask, count: int) -> tuple[Ints, Ints]:
    """(least, greatest) age of some versions, by page."""
    low, high = np.full(count, _NONE), np.full(count, -_NONE)
    rows = np.flatnonzero(which)
    if len(rows):
        mine, values = page[rows], ages[rows].astype(np.int64)
        begin = np.flatnonzero(np.concatenate([[True], mine[1:] != mine[:-1]]))
        low[mine[begin]] = np.minimum.reduceat(values, begin)
        high[mine[begin]] = np.maximum.reduceat(values, begin)
    return low, high


def _xid(ages: Ints, which: Mask, cutoffs: Cutoffs) -> Ints:
    return np.where(which, (cutoffs.oldest_xmin - ages) & 0xFFFFFFFF, INVALID_XID)


def odd_pointers(pages: npt.NDArray[np.uint8]) -> Mask:
    """Pages with redirecting line pointers, or unused ones that are not clear."""
    words, _used = pointer_words(pages)
    flags = (words >> np.uint32(_FLAG_SHIFT)) & _FLAGS
    odd = flags == LpFlags.LP_REDIRECT
    odd |= (flags == LpFlags.LP_UNUSED) & (words != 0)
    odd |= (flags == LpFlags.LP_DEAD) & ((words >> np.uint32(_LEN_SHIFT)) != 0)
    return np.asarray(odd.any(axis=1))


def _too_low(pages: npt.NDArray[np.uint8], tuples: Tuples) -> Mask:
    """Versions that do not lie in the items' space of their page."""
    upper, special = header_field(pages, "pd_upper"), header_field(pages, "pd_special")
    base = tuples.page.astype(np.int64) * BLCKSZ
    return (tuples.start - base < upper[tuples.page]) | (
        tuples.end - base > special[tuples.page]
    )
