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
from pgtool.access.heap import pageops, pruneheap, visibilitymap
from pgtool.access.heap.freeze import Freezer
from pgtool.access.heap.judge import Judged, judge
from pgtool.access.heap.pageverdict import PageVerdict
from pgtool.access.heap.records import visible
from pgtool.access.heap.skipping import Skipper
from pgtool.access.heap.truncate import truncate_relation
from pgtool.storage import freespace
from pgtool.storage import page as bufpage
from pgtool.transam.cutoffs import Cutoffs
from pgtool.transam.tqual import VacuumState
from pgtool.transam.xid import multi_precedes, precedes
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
#: Pages that are judged together.
BATCH_PAGES = 64
#: Bytes that a remembered TID takes here.
TID_BYTES = 8
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
        indexed: bool | None = None,
    ) -> None:  # fmt: skip
        """``old_*`` are pg_class' relpages and reltuples; ``check`` raises when cancelled.

        ``indexed`` tells of indexes that are not among ``indexes``: line pointers that they
        may lead to stay dead then.
        """
        self.rel = rel
        self.indexes = list(indexes)
        self.cutoffs = cutoffs
        self.options = options
        self.old_pages, self.old_tuples = old_pages, old_tuples
        self.failsafe, self.check = failsafe, check
        self.failsafe_active = False
        self.report = Report()
        #: block → dead line pointers.
        self.dead: dict[int, list[int]] = {}
        #: Such blocks that all can see but for these: (all frozen, newest inserter).
        self.after: dict[int, tuple[bool, int]] = {}
        self.ndead = 0
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
        skipped_visible = self._scan()
        if self.dead:
            self._vacuum()
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
        rel, report, options = self.rel, self.report, self.options
        skipper = Skipper(rel, report.rel_pages, self.cutoffs, options, count_map(rel))
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
            batch.append((block, was_visible))
            if len(batch) == BATCH_PAGES:
                self._batch(batch, room)
        self._batch(batch, room)
        return skipper.skipped_visible

    #: Whether the page last looked at is all-frozen.
    _last_frozen = False

    def _batch(self, blocks: list[tuple[int, bool]], room: int) -> None:
        """Scan some pages, judged together; the list is emptied."""
        if not blocks:
            return
        self.check()
        rel, report = self.rel, self.report
        before = report.scanned_pages // FAILSAFE_EVERY_PAGES
        report.scanned_pages += len(blocks)
        if report.scanned_pages // FAILSAFE_EVERY_PAGES > before:
            self._failsafe()
        if self.ndead > room:
            self.may_bypass = False
            self._vacuum()
            freespace.vacuum(rel.pool, rel.where, self._fsm_from, blocks[0][0])
            self._fsm_from = blocks[0][0]
        buffers = [rel.pool.pin(rel.where, block) for block, _ in blocks]
        try:
            full = [b for b in buffers
                    if not bufpage.is_new(b.page) and not bufpage.is_empty(b.page)]  # fmt: skip
            verdicts = dict(zip(map(id, full), judge(rel, full, self.cutoffs)))
            for (block, was_visible), buffer in zip(blocks, buffers):
                if bufpage.is_new(buffer.page):
                    self._new_page(block)
                elif bufpage.is_empty(buffer.page):
                    self._empty_page(buffer, block)
                else:
                    self._last_frozen = self._page(
                        buffer, block, was_visible, verdicts[id(buffer)]
                    )
        finally:
            for buffer in buffers:
                rel.pool.unpin(buffer)
        blocks.clear()

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

    def _page(
        self, buffer: Buffer, block: int, was_visible: bool, judged: Judged | None
    ) -> bool:
        """Prune, freeze and mark one page; whether it is all-frozen now."""
        rel, report = self.rel, self.report
        if judged is not None and judged.unhinted and not judged.required:
            judged = None
        images = rel.wal.images
        if judged is None:
            what = pruneheap.decide(
                rel, buffer, self.cutoffs.oldest_xmin, free_at_once=not self.indexed
            )
            seen = PageVerdict(self, buffer, what)
        else:
            what = pruneheap.Pruning(horizon=judged.horizon, ndeleted=len(judged.dead))
            if self.indexed:
                what.dead = judged.dead
            else:
                what.unused = judged.dead
            seen = PageVerdict.of(self, judged)
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
            self.dead[block] = dead
            self.ndead += len(dead)
            if seen.all_visible:
                self.after[block] = (seen.all_frozen, seen.visible_horizon)
        if seen.has_tuples:
            self.nonempty_pages = block + 1
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
        dead = np.fromiter(
            (block << 16 | number for block, numbers in self.dead.items() for number in numbers),
            np.int64, self.ndead,
        )  # fmt: skip
        for place, index in enumerate(self.indexes):
            self.check()
            self.stats[place] = index.bulk_delete(dead, self.stats[place])
            self._failsafe()
            if self.failsafe_active:
                report.index_scan = "failsafe"
                self._forget()
                return
        for block, numbers in self.dead.items():
            self.check()
            with self.rel.pinned(block) as buffer:
                self._sweep(buffer, block, numbers)
        self._forget()

    #: Whether dead line pointers were left because there are so few.
    bypassed = False

    def _little_dead(self) -> bool:
        return (
            self.report.index_scans == 0
            and self.report.rel_pages > 0
            and self.report.lpdead_item_pages < self.report.rel_pages * BYPASS_SHARE
            and self.ndead * TID_BYTES < BYPASS_TIDS_BYTES
        )

    def _record_spaces(self) -> None:
        rel = self.rel
        for block in self.dead:
            with rel.pinned(block) as buffer:
                freespace.record(rel.pool, rel.where, block, bufpage.heap_free_space(buffer.page))

    def _forget(self) -> None:
        self.dead.clear()
        self.after.clear()
        self.ndead = 0

    def _sweep(self, buffer: Buffer, block: int, numbers: list[int]) -> None:
        """Free the dead line pointers of a page; it may then be visible to all."""
        rel, report = self.rel, self.report
        pruneheap.free_dead_items(rel, buffer, numbers)
        known = self.after.pop(block, None)
        if known is not None:
            frozen, horizon = known
            bits = visibilitymap.status(rel.pool, rel.where, block)
            wanted = visibilitymap.VALID_BITS if frozen else visibilitymap.ALL_VISIBLE
            self._mark(buffer, block, wanted, INVALID_XID if frozen else horizon)
            report.new_visible_pages += not bits & visibilitymap.ALL_VISIBLE
            if frozen and not bits & visibilitymap.ALL_FROZEN:
                report.new_visible_frozen_pages += 1
        freespace.record(rel.pool, rel.where, block, bufpage.heap_free_space(buffer.page))

    def _clean_indexes(self) -> None:
        if not self.indexes or not self.use_indexes or self.failsafe_active:
            return
        for place, index in enumerate(self.indexes):
            self.stats[place] = index.vacuum_cleanup(self.stats[place])

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
    from formats import vm as vm_format
    from pgtool.storage.smgr import ForkNumber

    pool, where = rel.pool, rel.where
    if not pool.exists(where, ForkNumber.VM):
        return 0, 0
    visible = frozen = 0
    for block in range(pool.nblocks(where, ForkNumber.VM)):
        with pool.read(where, block, ForkNumber.VM) as buffer:
            packed = np.frombuffer(bytes(buffer.page[vm_format.MAP :]), np.uint8)
            bits = np.unpackbits(packed, bitorder="little")
            visible += int(bits[0::2].sum())
            frozen += int(bits[1::2].sum())
    return visible, frozen


