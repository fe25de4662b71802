"""Lazy VACUUM of one heap: dead rows go, old ids freeze, the maps come true, the tail goes.

Three phases, the first two in turns if memory for dead TIDs runs out::

    scan      every page that the visibility map does not let us skip: prune and freeze;
              dead line pointers are remembered; pages that everybody sees whole are marked
    indexes   entries that lead to the remembered TIDs go
    sweep     the remembered line pointers become free

and at the end index clean-up, the free space map's upper pages, and the empty tail of the
file. The rules are the manual's "Routine Vacuuming"; which pages are skipped, when indexes
are passed over and when the tail is worth its lock follow the server, because sizes and
ages on a twin are compared.

Invariants: a line pointer becomes free only after no index leads to it; relfrozenxid and
relminmxid move only as far as every page has been seen, or is marked all-frozen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from formats.heap import HeapInfomask
from formats.page import SIZE_OF_PAGE_HEADER, LpFlags
from formats.units import BLCKSZ, INVALID_XID
from formats.wal.heap2 import PruneReason, VisibleFlags
from formats.wal.rmgrs import RmgrId
from pgtool.access.heap import maprun, pageops, pruneheap, vacuumrun, visibilitymap
from pgtool.access.heap.deaditems import TID_BYTES, DeadItems
from pgtool.access.heap.freeze import Freezer
from pgtool.access.heap.judge import judge
from pgtool.access.heap.pageverdict import PageVerdict
from pgtool.access.heap.records import visible
from pgtool.access.heap.skipping import Skipper
from pgtool.access.heap.truncate import truncate_relation
from pgtool.errors import Panic
from pgtool.storage import freespace
from pgtool.storage import page as bufpage
from pgtool.storage.freespacemany import record_many
from pgtool.storage.pagearrays import header_field, pointer_words
from pgtool.storage.pageruns import Run, runs_of
from pgtool.transam.cutoffs import Cutoffs
from pgtool.transam.tqual import VacuumState
from pgtool.transam.xid import multi_precedes, precedes
from pgtool.wal import bulk
from pgtool.wal.insert import XLOG_FPI, Record

if TYPE_CHECKING:
    from pgtool.access.heap.heapam import HeapRelation
    from pgtool.storage.bufmgr import Buffer

__all__ = ["LazyVacuum", "Options", "Report"]

BYPASS_SHARE = 0.02
BYPASS_TIDS_BYTES = 32 << 20
TRUNCATE_MINIMUM, TRUNCATE_FRACTION = 1000, 16
FAILSAFE_EVERY_PAGES = 4 * 1024 * 1024 * 1024 // BLCKSZ
FSM_EVERY_PAGES = 8 * 1024 * 1024 * 1024 // BLCKSZ
#: Pages that are worked on together.
BATCH_PAGES = 256
_XMIN_COMMITTED = int(HeapInfomask.HEAP_XMIN_COMMITTED)
_LIVE, _RECENTLY_DEAD = VacuumState.HEAPTUPLE_LIVE, VacuumState.HEAPTUPLE_RECENTLY_DEAD
_INSERTING = VacuumState.HEAPTUPLE_INSERT_IN_PROGRESS


@dataclass(frozen=True)
class Options:
    """How one table is vacuumed. ``index_cleanup`` is auto, on or off; ``memory`` in bytes."""

    index_cleanup: str = "auto"
    truncate: bool = True
    page_skipping: bool = True
    memory: int = 64 << 20
    #: vacuum_max_eager_freeze_failure_rate
    eager_failure_rate: float = 0.03


@dataclass
class Report:
    """What a VACUUM did to a table, in the server's terms."""

    rel_pages: int = 0
    removed_pages: int = 0
    scanned_pages: int = 0
    eager_scanned_pages: int = 0
    new_frozen_pages: int = 0
    new_visible_pages: int = 0
    new_visible_frozen_pages: int = 0
    new_frozen_map_pages: int = 0
    lpdead_item_pages: int = 0
    tuples_deleted: int = 0
    tuples_frozen: int = 0
    lpdead_items: int = 0
    live_tuples: int = 0
    recently_dead_tuples: int = 0
    index_scans: int = 0
    #: Why indexes were or were not vacuumed: needed, not needed, bypassed, failsafe.
    index_scan: str = "not needed"
    new_rel_tuples: float = 0.0
    new_live_tuples: float = 0.0
    #: relfrozenxid and relminmxid to be stored; 0 where they stay.
    new_frozen_xid: int = 0
    new_min_multi: int = 0
    all_visible: int = 0
    all_frozen: int = 0
    indexes: list[Any] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


class LazyVacuum:
    """One run over one table."""

    def __init__(
        self, rel: HeapRelation, indexes: Sequence[Any], cutoffs: Cutoffs, options: Options, *,
        old_pages: int, old_tuples: float, failsafe: Callable[[], bool], check: Callable[[], None],
        lock: Callable[[], bool] = lambda: True, indexed: bool | None = None,
    ) -> None:  # fmt: skip
        """``old_*`` are pg_class' relpages and reltuples; ``check`` raises when cancelled;
        ``lock`` takes the exclusive lock that cutting the file needs, False if it cannot be had.

        ``indexed`` tells of indexes that are not among ``indexes``: line pointers that they
        may lead to stay dead then.
        """
        self.rel = rel
        self.indexes = list(indexes)
        self.cutoffs = cutoffs
        self.options = options
        self.old_pages, self.old_tuples = old_pages, old_tuples
        self.failsafe, self.check, self.lock = failsafe, check, lock
        self.failsafe_active = False
        self.report = Report()
        self.dead = DeadItems()
        self.runs = runs_of(rel.pool, rel.where)
        self.map_bits = maprun.all_bits(rel, rel.nblocks)
        self.nonempty_pages = 0
        self.frozen_xid, self.min_multi = cutoffs.oldest_xmin, cutoffs.oldest_mxact
        self.freezer = Freezer(rel.instance, cutoffs)
        self.stats: list[Any] = [None] * len(self.indexes)
        self.indexed = bool(self.indexes) if indexed is None else indexed
        self.use_indexes = bool(self.indexes) and options.index_cleanup != "off"
        self.may_bypass = options.index_cleanup == "auto"
        self.may_truncate = options.truncate

    # -- the whole -------------------------------------------------------------------

    def run(self) -> Report:
        """Vacuum the table; pg_class is the caller's to update."""
        report = self.report
        report.rel_pages = self.rel.nblocks
        self._failsafe()
        try:
            skipped_visible = self._scan()
            if len(self.dead):
                self._vacuum()
        except Panic:
            raise
        except BaseException:
            self.runs.abandon()
            raise
        self._free_space_map()
        self._estimate()
        self._clean_indexes()
        if self._worth_truncating():
            self._truncate()
        self._new_ages(skipped_visible)
        self._count_map()
        report.indexes = self.stats
        return report

    def _failsafe(self) -> None:
        if not self.failsafe_active and self.failsafe():
            self.failsafe_active = True
            self.use_indexes = self.may_bypass = self.may_truncate = False

    # -- phase 1 -----------------------------------------------------------------------

    def _scan(self) -> bool:
        """Scan; whether all-visible pages were skipped that are not all-frozen."""
        report, options = self.report, self.options
        counts = int((self.map_bits & 1).sum()), int((self.map_bits >> 1).sum())
        skipper = Skipper(self.map_bits, self.cutoffs, options, counts)
        room = max(options.memory // TID_BYTES, 1024)
        self._fsm_from = 0
        batch: list[tuple[int, bool]] = []
        for block, was_visible, eager in skipper:
            if eager:
                self._batch(batch, room)
                report.eager_scanned_pages += 1
                self._batch([(block, was_visible)], room)
                skipper.tell(self._last_frozen)
                continue
            if batch and not block % maprun.HEAPBLOCKS_PER_PAGE:
                self._batch(batch, room)
            batch.append((block, was_visible))
            if len(batch) == BATCH_PAGES:
                self._batch(batch, room)
        self._batch(batch, room)
        self.runs.settle()
        return skipper.skipped_visible

    #: Whether the page last looked at is all-frozen.
    _last_frozen = False

    def _batch(self, blocks: list[tuple[int, bool]], room: int) -> None:
        """Scan some pages, ascending; the list is emptied."""
        if not blocks:
            return
        self.check()
        if not self.runs.waiting:
            self.rel.instance.tick()
        rel, report = self.rel, self.report
        before = report.scanned_pages // FAILSAFE_EVERY_PAGES
        report.scanned_pages += len(blocks)
        if report.scanned_pages // FAILSAFE_EVERY_PAGES > before:
            self._failsafe()
        if len(self.dead) > room:
            self.may_bypass = False
            self._vacuum()
            freespace.vacuum(rel.pool, rel.where, self._fsm_from, blocks[0][0])
            self._fsm_from = blocks[0][0]
        run = self.runs.load([block for block, _ in blocks])
        aside = self._together(run)
        buffers = self.runs.save(run, aside)
        try:
            for row, buffer in zip(aside, buffers):
                block, was_visible = blocks[row]
                if bufpage.is_new(buffer.page):
                    self._new_page(block)
                elif bufpage.is_empty(buffer.page):
                    self._empty_page(buffer, block)
                else:
                    frozen = self._page(buffer, block, was_visible)
                    if row == len(blocks) - 1:
                        self._last_frozen = frozen
        finally:
            for buffer in buffers:
                rel.pool.unpin(buffer)
        blocks.clear()

    def _together(self, run: Run) -> list[int]:
        """Do what can be done to all simple pages of a run at once; the rows of the others."""
        rel, everything = self.rel, list(range(len(run.blocks)))
        if not bulk.possible(rel.wal, RmgrId.RM_HEAP2_ID):
            return everything
        judged = judge(rel, run, self.cutoffs)
        if judged is None:
            return everything
        bits = self.map_bits[run.blocks].astype(np.int64)
        p = vacuumrun.plan(rel, run, judged, bits, indexed=self.indexed)
        vacuumrun.carry_out(
            rel, run, p, oldest_xmin=self.cutoffs.oldest_xmin, indexed=self.indexed
        )
        self._account(run, p)
        return [int(row) for row in np.flatnonzero(p.aside)]

    def _account(self, run: Run, p: vacuumrun.Plan) -> None:
        """Count what was done to a run, and remember what is left to do."""
        report, judged, done = self.report, p.judged, ~p.aside
        report.new_frozen_pages += int(p.freeze.sum())
        report.tuples_frozen += int(p.nfrozen[p.freeze].sum())
        report.tuples_deleted += int(p.ndead[done].sum())
        report.live_tuples += int(judged.live[done].sum())
        marked = p.wanted > 0
        hidden = marked & ((p.bits & 1) == 0)
        report.new_visible_pages += int(hidden.sum())
        report.new_visible_frozen_pages += int((hidden & (p.wanted == 3)).sum())
        report.new_frozen_map_pages += int((marked & ~hidden & (p.wanted == 3)).sum())
        filled = np.flatnonzero(done & (judged.live > 0))
        if len(filled):
            self.nonempty_pages = max(self.nonempty_pages, int(run.blocks[filled[-1]]) + 1)
        left = done & ~p.freeze & (judged.oldest > 0)
        for oldest in set(judged.oldest[left].tolist()):
            if precedes(oldest, self.frozen_xid):
                self.frozen_xid = oldest
        dead = np.flatnonzero(p.dead_left)
        if len(dead):
            words, _used = pointer_words(run.pages[dead])
            row, number = np.nonzero((words >> 15 & 3) == LpFlags.LP_DEAD)
            report.lpdead_item_pages += len(dead)
            report.lpdead_items += len(row)
            wanted = np.where(p.visible, np.where(p.frozen, 3, 1), 0)[dead]
            horizon = np.where(p.frozen, INVALID_XID, judged.newest)[dead]
            blocks = run.blocks[dead]
            self.dead.add(blocks, blocks[row] << 16 | (number + 1), wanted, horizon)
        if done[-1]:
            self._last_frozen = bool(p.visible[-1] and p.frozen[-1] and not p.dead_left[-1])
        rows = np.flatnonzero(done & ~p.dead_left if self.use_indexes else done)
        self._record_free(run, rows)

    def _record_free(self, run: Run, rows: Any) -> None:
        """Tell the free space map of some pages of a run."""
        lower = header_field(run.pages, "pd_lower")[rows]
        upper = header_field(run.pages, "pd_upper")[rows]
        free = np.maximum(upper - lower - bufpage.SIZE_OF_ITEM_ID, 0)
        lines = (lower - SIZE_OF_PAGE_HEADER) // bufpage.SIZE_OF_ITEM_ID
        for row in np.flatnonzero(lines >= bufpage.MAX_HEAP_TUPLES_PER_PAGE).tolist():
            free[row] = bufpage.heap_free_space(run.pages[rows[row]].tobytes())
        record_many(self.rel.pool, self.rel.where, run.blocks[rows], free)

    def _new_page(self, block: int) -> None:
        """A page that was added and never used: remember its room."""
        if not freespace.recorded(self.rel.pool, self.rel.where, block):
            freespace.record(self.rel.pool, self.rel.where, block, BLCKSZ - SIZE_OF_PAGE_HEADER)

    def _empty_page(self, buffer: Buffer, block: int) -> None:
        """A page without line pointers is visible and frozen."""
        rel = self.rel
        if not pageops.all_visible(buffer.page):
            with rel.wal.critical():
                rel.pool.mark_dirty(buffer)
                if rel.target.logged and bufpage.lsn(buffer.page) == 0:
                    rel.wal.insert(Record(RmgrId.RM_XLOG_ID, XLOG_FPI).block(
                        0, buffer, force_image=True))
            self._mark(buffer, block, visibilitymap.VALID_BITS, INVALID_XID)
            self.report.new_visible_pages += 1
            self.report.new_visible_frozen_pages += 1
        freespace.record(rel.pool, rel.where, block, bufpage.heap_free_space(buffer.page))

    def _page(self, buffer: Buffer, block: int, was_visible: bool) -> bool:
        """Prune, freeze and mark one page; whether it is all-frozen now."""
        rel, report = self.rel, self.report
        images = rel.wal.images
        what = pruneheap.decide(
            rel, buffer, self.cutoffs.oldest_xmin, free_at_once=not self.indexed
        )
        seen = PageVerdict(self, buffer, what)
        freeze = seen.decide(buffer, what, rel.wal.images > images)
        plans = seen.plans() if freeze else []
        pruneheap.apply(
            rel, buffer, what, PruneReason.PRUNE_VACUUM_SCAN, plans,
            seen.freeze_horizon() if freeze else INVALID_XID,
        )  # fmt: skip
        self.frozen_xid, self.min_multi = seen.oldest(freeze)
        if freeze:
            report.new_frozen_pages += 1
            report.tuples_frozen += sum(len(plan.numbers) for plan in plans)
        report.tuples_deleted += what.ndeleted
        report.live_tuples += seen.live
        report.recently_dead_tuples += seen.recently_dead
        dead = sorted([*what.dead_before, *what.dead])
        if dead:
            report.lpdead_item_pages += 1
            report.lpdead_items += len(dead)
            wanted = visibilitymap.ALL_VISIBLE if seen.all_visible else 0
            if seen.all_visible and seen.all_frozen:
                wanted = visibilitymap.VALID_BITS
            horizon = INVALID_XID if seen.all_frozen else seen.visible_horizon
            self.dead.add_page(block, dead, wanted, horizon)
        if seen.has_tuples:
            self.nonempty_pages = max(self.nonempty_pages, block + 1)
        all_visible = seen.all_visible and not dead
        all_frozen = all_visible and seen.all_frozen
        self._maps(buffer, block, was_visible, all_visible, all_frozen, seen, bool(dead))
        if not dead or not self.use_indexes:
            freespace.record(rel.pool, rel.where, block, bufpage.heap_free_space(buffer.page))
        return all_frozen

    def _maps(
        self, buffer: Buffer, block: int, was_visible: bool, all_visible: bool,
        all_frozen: bool, seen: PageVerdict, dead: bool,
    ) -> None:  # fmt: skip
        """Bring the page's bits in the visibility map up to date."""
        report = self.report
        bits = visibilitymap.status(self.rel.pool, self.rel.where, block)
        horizon = INVALID_XID if all_frozen else seen.visible_horizon
        if all_visible and not was_visible:
            wanted = visibilitymap.VALID_BITS if all_frozen else visibilitymap.ALL_VISIBLE
            self._mark(buffer, block, wanted, horizon)
            report.new_visible_pages += not bits & visibilitymap.ALL_VISIBLE
            if all_frozen and not bits & visibilitymap.ALL_FROZEN:
                if bits & visibilitymap.ALL_VISIBLE:
                    report.new_frozen_map_pages += 1
                else:
                    report.new_visible_frozen_pages += 1
        elif was_visible and (dead or not pageops.all_visible(buffer.page)) and bits:
            # The map promised too much (or the page too little): take it back.
            self._unmark(buffer, block)
        elif was_visible and all_frozen and not bits & visibilitymap.ALL_FROZEN:
            self._mark(buffer, block, visibilitymap.VALID_BITS, INVALID_XID)
            report.new_frozen_map_pages += 1

    def _mark(self, buffer: Buffer, block: int, bits: int, horizon: int) -> None:
        mark_visible(self.rel, buffer, block, bits, horizon)

    def _unmark(self, buffer: Buffer, block: int) -> None:
        pageops.set_all_visible(buffer.page, False)
        self.rel.pool.mark_dirty(buffer)
        visibilitymap.clear_unlogged(
            self.rel.pool, self.rel.where, block, visibilitymap.VALID_BITS
        )

    # -- phases 2 and 3 --------------------------------------------------------------------

    def _vacuum(self) -> None:
        """Indexes, then line pointers, of the dead TIDs that were remembered."""
        report = self.report
        if not self.indexed:
            self._forget()
            return
        if not self.use_indexes:
            report.index_scan = "failsafe" if self.failsafe_active else "bypassed"
            self._forget()
            return
        if self.may_bypass and self._little_dead():
            report.index_scan = "bypassed"
            self.bypassed = True
            self._record_spaces()
            self._forget()
            return
        report.index_scan = "needed"
        report.index_scans += 1
        self.runs.settle()
        dead = self.dead.tids()
        for place, index in enumerate(self.indexes):
            self.check()
            self.stats[place] = index.bulk_delete(dead, self.stats[place], self.check)
            self._failsafe()
            if self.failsafe_active:
                report.index_scan = "failsafe"
                self._forget()
                return
        for blocks, tids, wanted, horizon in self.dead.runs(
            BATCH_PAGES, maprun.HEAPBLOCKS_PER_PAGE
        ):
            self.check()
            if not self.runs.waiting:
                self.rel.instance.tick()
            self._sweep(self.runs.load(blocks.tolist()), tids, wanted, horizon)
        self.runs.settle()
        self._forget()

    #: Whether dead line pointers were left because there are so few.
    bypassed = False

    def _little_dead(self) -> bool:
        return (
            self.report.index_scans == 0
            and self.report.rel_pages > 0
            and self.report.lpdead_item_pages < self.report.rel_pages * BYPASS_SHARE
            and len(self.dead) * TID_BYTES < BYPASS_TIDS_BYTES
        )

    def _record_spaces(self) -> None:
        rel = self.rel
        self.runs.settle()
        for block in self.dead.blocks().tolist():
            with rel.pinned(block) as buffer:
                freespace.record(rel.pool, rel.where, block, bufpage.heap_free_space(buffer.page))

    def _forget(self) -> None:
        self.dead.clear()

    def _sweep(self, run: Run, tids: Any, wanted: Any, horizon: Any) -> None:
        """Free the dead line pointers of some pages; they may then be visible to all."""
        rel, report = self.rel, self.report
        page = np.searchsorted(run.blocks, tids >> 16)
        if bulk.possible(rel.wal, RmgrId.RM_HEAP2_ID):
            vacuumrun.free_lines(rel, run, page, tids & 0xFFFF, wanted, horizon)
            self._record_free(run, np.arange(len(run.blocks)))
            self.runs.save(run)
        else:
            self._sweep_singly(run, page, tids & 0xFFFF, wanted, horizon)
        report.new_visible_pages += int((wanted > 0).sum())
        report.new_visible_frozen_pages += int((wanted == visibilitymap.VALID_BITS).sum())

    def _sweep_singly(self, run: Run, page: Any, numbers: Any, wanted: Any, horizon: Any) -> None:
        """The same, page by page, where records are not made in bulk."""
        rel, aside = self.rel, list(range(len(run.blocks)))
        for row, buffer in zip(aside, self.runs.save(run, aside)):
            block = int(run.blocks[row])
            try:
                pruneheap.free_dead_items(rel, buffer, numbers[page == row].tolist())
                if wanted[row]:
                    self._mark(buffer, block, int(wanted[row]), int(horizon[row]))
                freespace.record(rel.pool, rel.where, block, bufpage.heap_free_space(buffer.page))
            finally:
                rel.pool.unpin(buffer)

    def _clean_indexes(self) -> None:
        if not self.indexes or not self.use_indexes or self.failsafe_active:
            return
        report = self.report
        for place, index in enumerate(self.indexes):
            stats = self.stats[place] = index.vacuum_cleanup(self.stats[place], self.check)
            if stats is not None and report.scanned_pages >= report.rel_pages:
                # More entries than rows are those of rows still being inserted.
                stats.num_index_tuples = min(stats.num_index_tuples, int(report.new_rel_tuples))

    def _free_space_map(self) -> None:
        freespace.vacuum(self.rel.pool, self.rel.where, 0, None)

    # -- the end -----------------------------------------------------------------------------

    def _estimate(self) -> None:
        """reltuples: what was seen, the old density where nothing was looked at."""
        report = self.report
        scanned, total, seen = report.scanned_pages, report.rel_pages, report.live_tuples
        if scanned >= total:
            report.new_live_tuples = float(seen)
        elif scanned == 0 or (
            self.old_pages == total and scanned < total * BYPASS_SHARE
        ) or (scanned <= 1 and self.old_tuples >= 0):
            report.new_live_tuples = self.old_tuples
        elif self.old_tuples < 0 or self.old_pages == 0:
            report.new_live_tuples = float(int(seen / scanned * total + 0.5))
        else:
            density = self.old_tuples / self.old_pages
            report.new_live_tuples = float(int(density * (total - scanned) + seen + 0.5))
        report.new_rel_tuples = max(report.new_live_tuples, 0) + report.recently_dead_tuples

    def _new_ages(self, skipped_visible: bool) -> None:
        report, cutoffs = self.report, self.cutoffs
        if skipped_visible:
            return
        if precedes(cutoffs.relfrozenxid, self.frozen_xid):
            report.new_frozen_xid = self.frozen_xid
        if multi_precedes(cutoffs.relminmxid, self.min_multi):
            report.new_min_multi = self.min_multi

    def _count_map(self) -> None:
        self.report.all_visible, self.report.all_frozen = count_map(self.rel)

    def _worth_truncating(self) -> bool:
        if not self.may_truncate or self.failsafe_active:
            return False
        free = self.report.rel_pages - self.nonempty_pages
        return free > 0 and (
            free >= TRUNCATE_MINIMUM or free >= self.report.rel_pages // TRUNCATE_FRACTION
        )

    def _truncate(self) -> None:
        """Cut the empty tail off, as far as it is still empty."""
        report, rel = self.report, self.rel
        if not self.lock():
            report.messages.append(
                f'"{rel.target.name}": stopping truncate due to conflicting lock request'
            )
            return
        keep = report.rel_pages
        while keep > self.nonempty_pages:
            with rel.pinned(keep - 1) as buffer:
                if not bufpage.is_new(buffer.page) and any(
                    item.flags != LpFlags.LP_UNUSED for item in bufpage.item_ids(buffer.page)
                ):
                    break
            keep -= 1
        if keep < report.rel_pages:
            truncate_relation(rel.instance, rel.where, keep, logged=rel.target.logged)
            report.messages.append(
                f'table "{rel.target.name}": truncated {report.rel_pages} to {keep} pages'
            )
            report.removed_pages = report.rel_pages - keep
            report.rel_pages = keep


def mark_visible(
    rel: HeapRelation, buffer: Buffer, block: int, bits: int, horizon: int
) -> None:
    """Set a page's bits in the map and on itself, with the record that says so."""
    vm = visibilitymap.pin(rel.pool, rel.where, block)
    try:
        with rel.wal.critical():
            if not pageops.all_visible(buffer.page):
                pageops.set_all_visible(buffer.page)
                rel.pool.mark_dirty(buffer)
            if visibilitymap.set_bits(vm.page, block, bits):
                rel.pool.mark_dirty(vm)
                if rel.target.logged:
                    flags = bits
                    if rel.decoded_catalog:
                        flags |= int(VisibleFlags.VISIBILITYMAP_XLOG_CATALOG_REL)
                    image = rel.pool.log_hint is not None
                    rel.wal.insert(visible(buffer, vm, horizon, flags, image=image))
    finally:
        rel.pool.unpin(vm)


def count_map(rel: HeapRelation) -> tuple[int, int]:
    """(all-visible, all-frozen) blocks by the map."""
    bits = maprun.all_bits(rel, rel.nblocks)
    return int((bits & 1).sum()), int((bits >> 1).sum())
