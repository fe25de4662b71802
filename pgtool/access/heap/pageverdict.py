"""One page in a VACUUM: what its row versions are after pruning, and whether it is frozen.

A :class:`PageVerdict` is made of the versions one by one, for pages that are not simple enough
to be judged together (:mod:`pgtool.access.heap.judge`). Freezing is a duty where an id is
past the limits, and a kindness where the page goes into the WAL as a whole anyway and would
be all-frozen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from formats.heap import HeapInfomask, xmin_frozen
from formats.units import FIRST_NORMAL_XID, INVALID_XID
from pgtool.access.heap import pruneheap
from pgtool.access.heap.freeze import FreezePlan, FreezeTuple, PageFreeze, grouped
from pgtool.access.heap.records import needs_image
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer
from pgtool.transam.tqual import Header, VacuumState, header_of
from pgtool.transam.xid import precedes

if TYPE_CHECKING:
    from pgtool.access.heap.vacuumlazy import LazyVacuum

__all__ = ["PageVerdict"]

_XMIN_COMMITTED = int(HeapInfomask.HEAP_XMIN_COMMITTED)
_LIVE, _RECENTLY_DEAD = VacuumState.HEAPTUPLE_LIVE, VacuumState.HEAPTUPLE_RECENTLY_DEAD
_INSERTING = VacuumState.HEAPTUPLE_INSERT_IN_PROGRESS


class PageVerdict:
    """What one page's tuples are after pruning, and how they would be frozen."""

    def __init__(self, run: LazyVacuum, buffer: Buffer, what: pruneheap.Pruning) -> None:
        self.rel = run.rel
        self.oldest_xmin = run.cutoffs.oldest_xmin
        self.live = self.recently_dead = 0
        self.all_visible = self.all_frozen = True
        self.visible_horizon = INVALID_XID
        self.has_tuples = False
        self.freeze = PageFreeze.begin(run.frozen_xid, run.min_multi)
        self.changes: list[FreezeTuple] = []
        self.has_tuples = bool(what.kept)
        page = buffer.page
        for number in what.kept:
            h = header_of(page, bufpage.item_id(page, number).offset)
            state = what.states[number]
            if state == _RECENTLY_DEAD:
                self.recently_dead += 1
            elif state != _INSERTING:
                self.live += 1
            self._visibility(h, state)
            change, wholly = run.freezer.prepare(number, h, self.freeze)
            self.all_frozen = self.all_frozen and wholly
            if change is not None:
                self.changes.append(change)

    def plans(self) -> list[FreezePlan]:
        """How the page's tuples are frozen."""
        return grouped(self.changes)

    def _visibility(self, h: Header, state: VacuumState) -> None:
        if state != _LIVE or not h.infomask & _XMIN_COMMITTED:
            self.all_visible = False
        if not self.all_visible or not _unfrozen(h):
            return
        if not precedes(h.xmin, self.oldest_xmin):
            self.all_visible = False
        elif not self.visible_horizon or precedes(self.visible_horizon, h.xmin):
            self.visible_horizon = h.xmin

    def decide(self, buffer: Buffer, what: pruneheap.Pruning, hint_logged: bool) -> bool:
        """Freeze if some id is too old, or if the page is logged whole anyway."""
        if not self.changes:
            return False
        if self.freeze.required:
            return True
        whole = self.all_visible and self.all_frozen and self.rel.target.logged
        if whole and (
            hint_logged or (what.any and needs_image(self.rel.wal, buffer))
        ):
            return True
        self.all_frozen = False
        return False

    def oldest(self, frozen: bool) -> tuple[int, int]:
        """The oldest xid and multixact that stay on the pages seen so far."""
        if frozen:
            return self.freeze.frozen_xid, self.freeze.frozen_multi
        return self.freeze.unfrozen_xid, self.freeze.unfrozen_multi

    def freeze_horizon(self) -> int:
        """The newest xid that standbys must have seen end before they replay the freezing."""
        if self.all_visible and self.all_frozen:
            return self.visible_horizon
        before = (self.oldest_xmin - 1) & 0xFFFFFFFF
        return max(before, FIRST_NORMAL_XID)


def _unfrozen(h: Header) -> bool:
    """Whether a tuple's xmin still is a number that comes round again."""
    return h.xmin >= FIRST_NORMAL_XID and not xmin_frozen(h.infomask)
