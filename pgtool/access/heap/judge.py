"""Verdicts on many heap pages at once, for VACUUM: what is dead, what must freeze.

Most pages are simple: every row version on them was inserted by a transaction that ended, and
is either untouched or deleted for everybody; no HOT chains, no multixacts, no locks. Those
are judged here, some dozen pages in one go (numpy). For all others the answer is None, and
:mod:`pgtool.access.heap.pruneheap` and :mod:`pgtool.access.heap.freeze` look at them version
by version; the two ways come to the same page and the same record.

Nothing is changed here; no verdict depends on a hint bit that is not set yet but on what the
hint would say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from formats.derive import offset_of
from formats.heap import HEAP_MOVED, HEAP_XMIN_FROZEN, HeapInfomask, HeapInfomask2
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, LpFlags, PageHeaderData
from formats.units import BLCKSZ, FIRST_NORMAL_XID, INVALID_XID
from pgtool.access.damage import strict
from pgtool.access.heap.freeze import FreezePlan
from pgtool.access.heap.heapam import HeapRelation
from pgtool.access.heap.page import Tuples, tuples_of
from pgtool.errors import CorruptData
from pgtool.storage.bufmgr import Buffer
from pgtool.storage.bulk import SPARE
from pgtool.transam.cutoffs import Cutoffs

__all__ = ["Judged", "judge"]

Ints = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
_LP = ItemIdData.sizeof()
_LOWER = offset_of(PageHeaderData, "pd_lower") // 2
_FLAG_SHIFT, _FLAG_WIDTH = ItemIdData.bits["lp_flags"]
_FLAGS = np.uint32((1 << _FLAG_WIDTH) - 1)
_HOT = np.uint16(HeapInfomask2.HEAP_HOT_UPDATED | HeapInfomask2.HEAP_ONLY_TUPLE)
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
    """One simple page. ``horizon`` is the newest deleter of a dead version, ``newest`` the
    newest inserter of a living one that is not frozen; ``oldest`` likewise the oldest."""

    dead: list[int] = field(default_factory=list)
    live: int = 0
    horizon: int = INVALID_XID
    newest: int = INVALID_XID
    oldest: int = INVALID_XID
    #: Every living version is seen by all; and will be frozen if the page is.
    visible: bool = True
    #: Some id is past the limit.
    required: bool = False
    #: Versions that freezing changes, by what they become.
    plans: list[FreezePlan] = field(default_factory=list)
    frozen: int = 0
    #: Versions whose hints would have to be set if the page is not frozen.
    unhinted: bool = False


class _Verdicts:
    """The versions of some pages, one array a question."""

    def __init__(self, rel: HeapRelation, tuples: Tuples, cutoffs: Cutoffs) -> None:
        self.rel = rel
        self.cutoffs = cutoffs
        self.page = tuples.page.astype(np.int64)
        self.offnum = tuples.offnum
        self.mask = tuples.infomask
        self.mask2 = tuples.u16("t_infomask2")
        self.xmin: Any = tuples.u32("t_xmin")
        self.xmax: Any = tuples.u32("t_xmax")
        oldest = np.uint32(cutoffs.oldest_xmin)
        #: How far before the horizon: small is new, "negative" is not before it.
        self.age = (oldest - self.xmin).view(np.int32).astype(np.int64)
        self.deleter_age = (oldest - self.xmax).view(np.int32).astype(np.int64)
        special = self.xmin < FIRST_NORMAL_XID
        self.frozen: Mask = ((self.mask & _FROZEN) == _FROZEN) | special
        hinted = self.frozen | ((self.mask & (_XMIN_COMMITTED | _XMIN_INVALID)) == _XMIN_COMMITTED)
        aborted = ((self.mask & _XMIN_INVALID) != 0) & ~self.frozen
        odd = ((self.mask2 & _HOT) != 0) | ((self.mask & _NOT_SIMPLE) != 0)
        open_ = ~(hinted | aborted)
        done, running = self._outcomes(self.xmin, open_)
        committed = hinted | done
        aborted |= open_ & ~done
        touched = self.xmax != 0
        gone = touched & ((self.mask & _XMAX_INVALID) == 0)
        odd |= running | (touched & ~gone) | (gone & ((self.mask & _LOCK_ONLY) != 0))
        known = gone & ((self.mask & _XMAX_COMMITTED) != 0)
        done_too, running = self._outcomes(self.xmax, gone & ~known)
        deleted = known | done_too
        odd |= (gone & ~deleted) | running | (deleted & (self.deleter_age <= 0))
        old = np.uint32(cutoffs.relfrozenxid)
        odd |= ~self.frozen & ((self.xmin - old).view(np.int32) < 0)
        self.odd: Mask = odd
        self.dead: Mask = aborted | (committed & deleted)
        self.live: Mask = ~self.dead
        self.committed_dead: Mask = committed & deleted & (self.xmin != self.xmax)
        self.fresh: Mask = self.live & ~self.frozen
        self.unhinted: Mask = self.live & open_

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


def judge(
    rel: HeapRelation, buffers: Sequence[Buffer], cutoffs: Cutoffs
) -> list[Judged | None]:
    """What the pages (initialised, not empty) are; None where a page needs a closer look."""
    count = len(buffers)
    raw = np.frombuffer(b"".join([*(b.page for b in buffers), bytes(SPARE)]), np.uint8)
    try:
        tuples = tuples_of(raw, count, 0, rel.pool.path(rel.where), strict)
    except CorruptData:
        return [None] * count  # the closer look says where
    v = _Verdicts(rel, tuples, cutoffs)
    odd = _with_other_pointers(raw, count)
    odd |= np.bincount(v.page[v.odd], minlength=count) > 0
    begin = np.searchsorted(v.page, np.arange(count + 1))
    freezable = v.fresh & (v.age > 0)
    limit = (cutoffs.oldest_xmin - cutoffs.freeze_limit) & 0xFFFFFFFF
    out: list[Judged | None] = []
    for number in range(count):
        if odd[number]:
            out.append(None)
            continue
        part = slice(int(begin[number]), int(begin[number + 1]))
        out.append(_page(v, part, freezable, limit))
    return out


def _with_other_pointers(raw: Ints, count: int) -> Mask:
    """Pages that have redirecting or dead line pointers."""
    words = raw[: count * BLCKSZ].view(np.uint32).reshape(count, BLCKSZ // _LP)
    halves = raw[: count * BLCKSZ].view(np.uint16).reshape(count, BLCKSZ // 2)
    used = (halves[:, _LOWER].astype(np.int64) - SIZE_OF_PAGE_HEADER) // _LP
    most = int(used.max(initial=0))
    first = SIZE_OF_PAGE_HEADER // _LP
    flags = (words[:, first : first + most] >> np.uint32(_FLAG_SHIFT)) & _FLAGS
    other = flags > LpFlags.LP_NORMAL
    other &= np.arange(most) < used[:, None]
    return np.asarray(other.any(axis=1))


def _page(v: _Verdicts, part: slice, freezable: Mask, limit: int) -> Judged:
    """The verdict on one page, whose versions are ``part``."""
    dead, fresh = v.dead[part], v.fresh[part]
    out = Judged(dead=v.offnum[part][dead].tolist(), live=int((~dead).sum()))
    if out.dead:
        ages = v.deleter_age[part][v.committed_dead[part]]
        if len(ages):
            out.horizon = (v.cutoffs.oldest_xmin - int(ages.min())) & 0xFFFFFFFF
    if not fresh.any():
        return out
    ages = v.age[part][fresh]
    newest, oldest = int(ages.min()), int(ages.max())
    out.newest = (v.cutoffs.oldest_xmin - newest) & 0xFFFFFFFF
    out.oldest = (v.cutoffs.oldest_xmin - oldest) & 0xFFFFFFFF
    out.visible = newest > 0
    out.required = oldest > limit
    out.unhinted = bool(v.unhinted[part].any())
    wanted = freezable[part]
    numbers = v.offnum[part][wanted]
    key = v.mask2[part][wanted].astype(np.int64) << 16 | (v.mask[part][wanted] | _FROZEN)
    out.frozen = len(numbers)
    if not len(numbers):
        return out
    if (key == key[0]).all():
        kinds = [(int(key[0]), numbers)]
    else:
        kinds = [(k, numbers[key == k]) for k in np.unique(key).tolist()]
    out.plans = [
        FreezePlan(INVALID_XID, k >> 16, k & 0xFFFF, 0, tuple(n.tolist())) for k, n in kinds
    ]
    return out
