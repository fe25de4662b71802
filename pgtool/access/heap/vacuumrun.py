"""VACUUM of a run of simple pages at once: pruned, frozen, logged and marked as arrays.

What :mod:`pgtool.access.heap.judge` found is done here to all pages that are not odd; their
records are made together (:mod:`pgtool.wal.bulk`), a prune record and one of the visibility
map for each page, in the order in which they would come one by one. Pages that need more
(odd ones, ones whose map bits and header disagree, ones whose hints alone must be logged)
are left to :mod:`pgtool.access.heap.vacuumlazy`, page by page.

Invariant: nothing changes outside the critical section, and within it pages and records
change together; a record's image is the page as it is after that record's change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from formats.derive import dtype_of, offset_of
from formats.heap import HEAP_XMIN_FROZEN, HeapInfomask
from formats.heap import HeapTupleHeaderData as Tuple
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, LpFlags, PageFlags, PageHeaderData
from formats.units import BLCKSZ
from formats.wal import heap2
from formats.wal.heap2 import PruneFlags, PruneReason, VisibleFlags
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.access.heap import maprun
from pgtool.access.heap.judge import Judged
from pgtool.storage import page as bufpage
from pgtool.storage.pagearrays import compact, header_field, pointer_words, put_u16, put_words
from pgtool.storage.pageruns import Run
from pgtool.storage.ragged import copy_spans, offsets_of
from pgtool.wal import bulk
from pgtool.wal.bulk import Kind, Reference, Spans

if TYPE_CHECKING:
    from pgtool.access.heap.heapam import HeapRelation

__all__ = ["Plan", "carry_out", "free_lines", "plan"]

Ints = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
_RMID = int(RmgrId.RM_HEAP2_ID)
_OPCODES = {
    reason: opcode(heap2.RECORDS, reason.name) for reason in (
        PruneReason.PRUNE_VACUUM_SCAN, PruneReason.PRUNE_VACUUM_CLEANUP)
}  # fmt: skip
_VISIBLE_OPCODE = opcode(heap2.RECORDS, "VISIBLE")
_PRUNE, _PLAN, _PLANS, _VISIBLE = (
    dtype_of(layout) for layout in (
        heap2.xl_heap_prune[18], heap2.xlhp_freeze_plan, heap2.xlhp_freeze_plans_header,
        heap2.xl_heap_visible,
    )
)  # fmt: skip
_INFOMASK, _INFOMASK2 = offset_of(Tuple, "t_infomask"), offset_of(Tuple, "t_infomask2")
_PRUNE_XID, _FLAGS = (offset_of(PageHeaderData, name) for name in ("pd_prune_xid", "pd_flags"))
_LOWER, _UPPER = (offset_of(PageHeaderData, name) for name in ("pd_lower", "pd_upper"))
_FROZEN = np.uint16(HEAP_XMIN_FROZEN)
_XMIN_COMMITTED = np.uint16(HeapInfomask.HEAP_XMIN_COMMITTED)
_FULL, _FREE_LINES, _ALL_VISIBLE = (
    int(PageFlags[f"PD_{name}"]) for name in ("PAGE_FULL", "HAS_FREE_LINES", "ALL_VISIBLE")
)
_FLAG_SHIFT = np.uint32(ItemIdData.bits["lp_flags"][0])
_LEN_SHIFT = np.uint32(ItemIdData.bits["lp_len"][0])
_OFF_MASK = np.uint32((1 << ItemIdData.bits["lp_off"][1]) - 1)
_FLAG_MASK = np.uint32(3)
_LP = bufpage.SIZE_OF_ITEM_ID
_FIRST_WORD, _WORDS = SIZE_OF_PAGE_HEADER // _LP, BLCKSZ // _LP


@dataclass(slots=True)
class Plan:
    """What becomes of the pages of a run, an array for each question."""

    judged: Judged
    #: Map bits at the start.
    bits: Ints
    #: Pages that are left for a closer look.
    aside: Mask
    pruned: Mask
    freeze: Mask
    #: How many versions go, and how many line pointers were dead before.
    ndead: Ints
    before: Ints
    nfrozen: Ints
    #: A record about the page will carry its image.
    imaged: Mask
    #: Once no dead line pointers are left: everybody sees all; and all is frozen.
    visible: Mask
    frozen: Mask
    #: Dead line pointers stay for now.
    dead_left: Mask
    #: Map bits that are to be set now, 0 where none.
    wanted: Ints


def plan(
    rel: HeapRelation, run: Run, judged: Judged, bits: Ints, *, indexed: bool
) -> Plan:
    """Decide what is done to each page, by the rules of one page at a time."""
    pages, wal = run.pages, rel.wal
    logged = rel.target.logged
    behind = run.lsns() <= wal.redo_lsn
    imaged = behind & wal.full_page_writes
    hint_logged = behind & (rel.pool.log_hint is not None and logged)
    flags = header_field(pages, "pd_flags")
    words, used = pointer_words(pages)
    before = ((words >> _FLAG_SHIFT & _FLAG_MASK) == LpFlags.LP_DEAD).sum(axis=1)
    ndead, nfrozen = judged.count(judged.dead), judged.count(judged.freezable)
    unhinted = judged.count(judged.unhinted) > 0
    pruned = ndead > 0
    kindness = judged.visible & logged & ((unhinted & hint_logged) | (pruned & imaged))
    freeze = (nfrozen > 0) & (judged.required | kindness)
    hints = (header_field(pages, "pd_flags") & _FULL) != 0
    hints |= pages[:, _PRUNE_XID : _PRUNE_XID + 4].any(axis=1) | (unhinted & ~freeze)
    marked = (flags & _ALL_VISIBLE) != 0
    aside = judged.odd | (used <= 0) | (hints & ~(pruned | freeze) & hint_logged)
    aside |= ((bits & 1) != 0) != marked
    aside |= marked & (~judged.visible | pruned | (before > 0))
    dead_left = (pruned | (before > 0)) if indexed else np.zeros(len(used), np.bool_)
    if not indexed:
        aside |= before > 0
    frozen = judged.visible & (freeze | (nfrozen == 0))
    wanted = np.where(judged.visible & ~dead_left, np.where(frozen, 3, 1), 0)
    wanted[(wanted & ~bits) == 0] = 0
    wanted[aside] = 0
    return Plan(judged, bits, aside, pruned & ~aside, freeze & ~aside, ndead, before, nfrozen,
                imaged, judged.visible, frozen, dead_left & ~aside, wanted)  # fmt: skip


def carry_out(rel: HeapRelation, run: Run, p: Plan, *, oldest_xmin: int, indexed: bool) -> None:
    """Do it: pages, records, map."""
    changed = p.pruned | p.freeze
    before = run.pages[~p.aside, _FLAGS : _PRUNE_XID + 4]
    before = before.copy()
    with rel.wal.critical():
        _hint(run, p)
        _freeze(run, p)
        if p.pruned.any():
            _prune(run, p, indexed)
        _clear_hints(run, np.flatnonzero(~p.aside))
        kinds = []
        if rel.target.logged:
            kinds = _prune_kinds(rel, run, p, changed, oldest_xmin, indexed)
        horizon = np.where(p.frozen, 0, p.judged.newest)
        run.dirty |= changed
        _mark(rel, run, kinds, changed, p.imaged & ~changed, p.wanted, horizon)
    run.dirty[~p.aside] |= (run.pages[~p.aside, _FLAGS : _PRUNE_XID + 4] != before).any(axis=1)


# -- pages ---------------------------------------------------------------------------------


def _hint(run: Run, p: Plan) -> None:
    """Note on living versions that their inserter committed, where they are not frozen."""
    judged, page = p.judged, p.judged.tuples.page
    if judged.unhinted.any():
        rows = judged.unhinted & ~(p.freeze | p.aside)[page]
        _or_infomask(run, judged.tuples.start[rows], _XMIN_COMMITTED)
        run.dirty[page[rows]] = True


def _freeze(run: Run, p: Plan) -> None:
    rows = p.judged.freezable
    if not p.freeze.all():
        rows = rows & p.freeze[p.judged.tuples.page]
    _or_infomask(run, p.judged.tuples.start[rows], _FROZEN)


def _or_infomask(run: Run, start: Ints, bits: np.uint16) -> None:
    halves = run.flat.view(np.uint16)
    halves[(start + _INFOMASK) >> 1] |= bits


def _prune(run: Run, p: Plan, indexed: bool) -> None:
    """Dead versions leave; the others are pushed together, in the order of line pointers."""
    rows = np.flatnonzero(p.pruned)
    pages = run.some(rows)
    words, used = pointer_words(pages)
    tuples = p.judged.tuples
    gone = p.judged.dead & p.pruned[tuples.page]
    place = np.full(len(run.pages), -1)
    place[rows] = np.arange(len(rows))
    words[place[tuples.page[gone]], tuples.offnum[gone] - 1] = bufpage.DEAD_WORD if indexed else 0
    compact(pages, words, used)
    flags = words >> _FLAG_SHIFT & _FLAG_MASK
    filled = flags != LpFlags.LP_UNUSED
    last = np.where(filled.any(axis=1), words.shape[1] - filled[:, ::-1].argmax(axis=1), 0)
    put_u16(pages, _LOWER, SIZE_OF_PAGE_HEADER + _LP * last)
    _set_flag(pages, _FREE_LINES, filled.sum(axis=1) < last)
    if pages is not run.pages:
        run.pages[rows] = pages


def _set_flag(pages: Bytes, flag: int, on: Mask) -> None:
    flags = header_field(pages, "pd_flags")
    put_u16(pages, _FLAGS, np.where(on, flags | flag, flags & ~flag))


def _clear_hints(run: Run, rows: Ints) -> None:
    """Nothing is left to be pruned, and there is room to see to."""
    run.pages[rows, _PRUNE_XID : _PRUNE_XID + 4] = 0
    low = run.pages[:, _FLAGS : _FLAGS + 2].view(np.uint16)
    low[rows, 0] &= np.uint16(0xFFFF & ~_FULL)


# -- records -------------------------------------------------------------------------------


def _prune_kinds(
    rel: HeapRelation, run: Run, p: Plan, changed: Mask, oldest_xmin: int, indexed: bool
) -> list[Kind]:
    """The records of pruning and freezing; a page's place is twice its row."""
    horizon = _horizons(p, oldest_xmin)
    removal = int(PruneFlags.XLHP_HAS_DEAD_ITEMS if indexed else
                  PruneFlags.XLHP_HAS_NOW_UNUSED_ITEMS)  # fmt: skip
    flags = np.full(len(changed), int(PruneFlags.XLHP_CLEANUP_LOCK))
    if rel.decoded_catalog:
        flags |= int(PruneFlags.XLHP_IS_CATALOG_REL)
    flags |= np.where(p.pruned, removal, 0)
    flags |= np.where(p.freeze, int(PruneFlags.XLHP_HAS_FREEZE_PLANS), 0)
    flags |= np.where(horizon > 0, int(PruneFlags.XLHP_HAS_CONFLICT_HORIZON), 0)
    out = []
    for imaged in (True, False):
        for far in (True, False):
            rows = np.flatnonzero(changed & (p.imaged == imaged) & ((horizon > 0) == far))
            if not len(rows):
                continue
            one = Reference(0, rel.where, run.blocks[rows])
            if imaged:
                one.image = run.some(rows)
            else:
                one.data = _prune_data(run, p, rows)
            main = prune_main(PruneReason.PRUNE_VACUUM_SCAN, flags[rows],
                              horizon[rows] if far else None)  # fmt: skip
            opcode_ = _OPCODES[PruneReason.PRUNE_VACUUM_SCAN]
            out.append(Kind(_RMID, opcode_, main, [one], rows * 2))
    return out


def prune_main(reason: PruneReason, flags: Ints, horizon: Ints | None) -> Bytes:
    """Main data of prune records."""
    head = np.zeros(len(flags), _PRUNE)
    head["reason"], head["flags"] = int(reason), flags
    main = head.view(np.uint8).reshape(len(flags), -1)
    if horizon is None:
        return main
    xids = horizon.astype("<u4").view(np.uint8).reshape(len(flags), -1)
    return np.concatenate([main, xids], axis=1)


def _horizons(p: Plan, oldest_xmin: int) -> Ints:
    """The newest xid that standbys must have seen end, of each page."""
    before = max((oldest_xmin - 1) & 0xFFFFFFFF, 3)
    newest = np.where(p.visible & p.frozen, p.judged.newest, before)
    freezing = np.where(p.freeze, newest, 0)
    pruning = p.judged.horizon
    later = (pruning == 0) | (
        (freezing != 0)
        & ((pruning.astype(np.uint32) - freezing.astype(np.uint32)).view(np.int32) < 0)
    )
    return np.where(later, freezing, pruning)


def _prune_data(run: Run, p: Plan, rows: Ints) -> Spans:
    """Freeze plans, line pointers that become dead or unused, frozen ones."""
    n = len(rows)
    place = np.full(len(p.pruned), -1)
    place[rows] = np.arange(n)
    plans, nplans, numbers, nfrozen = _plans(run, p, place, n)
    tuples = p.judged.tuples
    dead = p.judged.dead & (place[tuples.page] >= 0) & p.pruned[tuples.page]
    gone = tuples.offnum[dead].astype(np.uint16)
    ngone = np.bincount(place[tuples.page[dead]], minlength=n)
    heads = np.zeros(n, _PLANS)
    heads["nplans"] = nplans
    counts = ngone.astype(np.uint16)
    pieces = (
        (heads.view(np.uint8), np.where(nplans > 0, _PLANS.itemsize, 0), _PLANS.itemsize),
        (plans.view(np.uint8), nplans * _PLAN.itemsize, 0),
        (counts.view(np.uint8), np.where(ngone > 0, 2, 0), 2),
        (gone.view(np.uint8), ngone * 2, 0),
        (numbers.astype(np.uint16).view(np.uint8), nfrozen * 2, 0),
    )
    length = np.zeros(n, np.int64)
    for _, size, _ in pieces:
        length += size
    offsets = offsets_of(length)
    out = np.zeros(int(offsets[-1]), np.uint8)
    at = offsets[:-1].copy()
    for source, size, stride in pieces:
        start = np.arange(n, dtype=np.int64) * stride if stride else offsets_of(size)[:-1]
        copy_spans(out, at, source, start, size)
        at += size
    return Spans(out, offsets[:-1], length)


def _plans(run: Run, p: Plan, place: Ints, n: int) -> tuple[Any, Ints, Ints, Ints]:
    """(freeze plans, how many a page, the tuples they are for, how many a page)."""
    tuples = p.judged.tuples
    mine = np.flatnonzero(p.judged.freezable & (place[tuples.page] >= 0) & p.freeze[tuples.page])
    halves = run.flat.view(np.uint16)
    mask = halves[(tuples.start[mine] + _INFOMASK) >> 1].astype(np.int64)
    mask2 = halves[(tuples.start[mine] + _INFOMASK2) >> 1].astype(np.int64)
    page = place[tuples.page[mine]]
    key = mask2 << 16 | mask
    order = np.lexsort((tuples.offnum[mine], key, page))
    key, page = key[order], page[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (key[1:] != key[:-1]) | (page[1:] != page[:-1])
    begin = np.flatnonzero(first)
    plans = np.zeros(len(begin), _PLAN)
    plans["t_infomask2"], plans["t_infomask"] = key[begin] >> 16, key[begin] & 0xFFFF
    plans["ntuples"] = np.diff(np.append(begin, len(order)))
    return (plans, np.bincount(page[begin], minlength=n), tuples.offnum[mine][order],
            np.bincount(page, minlength=n))  # fmt: skip


def _mark(
    rel: HeapRelation, run: Run, kinds: list[Kind], logged: Mask, imaged: Mask, wanted: Ints,
    horizon: Ints,
) -> None:  # fmt: skip
    """Set map bits and PD_ALL_VISIBLE, and insert all records.

    ``kinds`` are the records at even places, of the pages in ``logged``; ``imaged`` are those
    whose image goes with the record of the map.
    """
    marked = np.flatnonzero(wanted > 0)
    images = rel.pool.log_hint is not None
    early = marked[imaged[marked] & images]
    _set_visible(run, early)
    vm = None
    try:
        if len(marked):
            vm = maprun.pin(rel, run.blocks)
            first = maprun.image_needed(rel, vm)
            made = _visible_kinds(rel, run, marked, wanted, horizon, imaged & images, vm, first)
            if rel.target.logged:
                kinds = [*kinds, *made]
        if kinds:
            ends = _insert(rel, kinds, 2 * len(run.blocks))
            own = ends[0::2]
            if images:
                own = np.maximum(own, ends[1::2])
            rows = np.flatnonzero(own)
            run.set_lsn(rows, own[rows])
            if vm is not None:
                vm.set_lsn(int(ends[1::2].max()))
        _set_visible(run, marked)
    finally:
        if vm is not None:
            rel.pool.unpin(vm)


def _insert(rel: HeapRelation, kinds: list[Kind], places: int) -> Ints:
    """Insert records whose places have gaps between them; the ends, 0 at the gaps."""
    used = np.zeros(places, np.bool_)
    for kind in kinds:
        used[kind.places] = True
    rank = np.cumsum(used) - 1
    for kind in kinds:
        kind.places = rank[kind.places]
    ends = np.zeros(places, np.int64)
    ends[used] = bulk.insert(rel.wal, kinds)
    return ends


def _set_visible(run: Run, rows: Ints) -> None:
    low = run.pages[:, _FLAGS : _FLAGS + 2].view(np.uint16)
    fresh = rows[(low[rows, 0] & _ALL_VISIBLE) == 0]
    low[fresh, 0] |= np.uint16(_ALL_VISIBLE)
    run.dirty[fresh] = True


def _visible_kinds(
    rel: HeapRelation, run: Run, marked: Ints, wanted: Ints, horizon: Ints, imaged: Mask,
    vm: Any, vm_image: bool,
) -> list[Kind]:  # fmt: skip
    """Set the bits on the page of the map; the records that say so, at odd places."""
    flags = wanted[marked].copy()
    if rel.decoded_catalog:
        flags |= int(VisibleFlags.VISIBILITYMAP_XLOG_CATALOG_REL)
    image = None
    if vm_image:  # the map's page as it is after its first change
        maprun.set_bits(vm.page, run.blocks[marked[:1]], wanted[marked[:1]])
        image = np.frombuffer(bytes(vm.page), np.uint8).reshape(1, -1)
    maprun.set_bits(vm.page, run.blocks[marked], wanted[marked])
    rel.pool.mark_dirty(vm)
    main = np.zeros(len(marked), _VISIBLE)
    main["snapshotConflictHorizon"], main["flags"] = horizon[marked], flags
    first = np.zeros(len(marked), np.bool_)
    first[0] = vm_image
    out = []
    for with_map in (True, False):
        for with_page in (True, False):
            mine = np.flatnonzero((first == with_map) & (imaged[marked] == with_page))
            if not len(mine):
                continue
            rows = marked[mine]
            map_page = Reference(0, rel.where, np.full(len(mine), vm.tag.block),
                                 fork=int(vm.tag.fork), standard=False)  # fmt: skip
            if with_map:
                map_page.image = image
            heap_page = Reference(1, rel.where, run.blocks[rows], same_rel=True)
            if with_page:
                heap_page.image = run.some(rows)
            octets = main[mine].view(np.uint8).reshape(len(mine), -1)
            out.append(Kind(_RMID, _VISIBLE_OPCODE, octets, [map_page, heap_page], rows * 2 + 1))
    return out


# -- the second pass -----------------------------------------------------------------------


def free_lines(
    rel: HeapRelation, run: Run, page: Ints, offnum: Ints, wanted: Ints, horizon: Ints
) -> None:
    """No index leads to these dead line pointers (row of the run, number) any more."""
    n = len(run.blocks)
    words, used = pointer_words(run.pages)
    words[page, offnum - 1] = 0
    filled = (words >> _FLAG_SHIFT & _FLAG_MASK) != LpFlags.LP_UNUSED
    last = np.where(filled.any(axis=1), words.shape[1] - filled[:, ::-1].argmax(axis=1), 1)
    imaged = (run.lsns() <= rel.wal.redo_lsn) & rel.wal.full_page_writes
    counts = np.bincount(page, minlength=n)
    with rel.wal.critical():
        put_words(run.pages, words, used)
        put_u16(run.pages, _LOWER, SIZE_OF_PAGE_HEADER + _LP * last)
        _set_flag(run.pages, _FREE_LINES, filled.sum(axis=1) < last)
        run.dirty[:] = True
        kinds = []
        if rel.target.logged:
            kinds = _cleanup_kinds(rel, run, offnum, counts, imaged)
        _mark(rel, run, kinds, np.ones(n, np.bool_), np.zeros(n, np.bool_), wanted, horizon)


def _cleanup_kinds(
    rel: HeapRelation, run: Run, offnum: Ints, counts: Ints, imaged: Mask
) -> list[Kind]:
    flags = int(PruneFlags.XLHP_HAS_NOW_UNUSED_ITEMS)
    if rel.decoded_catalog:
        flags |= int(PruneFlags.XLHP_IS_CATALOG_REL)
    start = offsets_of(counts)[:-1]
    out = []
    for with_image in (True, False):
        rows = np.flatnonzero(imaged == with_image)
        if not len(rows):
            continue
        one = Reference(0, rel.where, run.blocks[rows])
        if with_image:
            one.image = run.some(rows)
        else:
            size = 2 + 2 * counts[rows]
            offsets = offsets_of(size)
            data = np.zeros(int(offsets[-1]), np.uint8)
            data.view(np.uint16)[offsets[:-1] >> 1] = counts[rows]
            numbers = offnum.astype(np.uint16).view(np.uint8)
            copy_spans(data, offsets[:-1] + 2, numbers, start[rows] * 2, counts[rows] * 2)
            one.data = Spans(data, offsets[:-1], size)
        main = prune_main(PruneReason.PRUNE_VACUUM_CLEANUP, np.full(len(rows), flags), None)
        opcode_ = _OPCODES[PruneReason.PRUNE_VACUUM_CLEANUP]
        out.append(Kind(_RMID, opcode_, main, [one], rows * 2))
    return out
