"""Redo of the heap's second resource manager: pruning, freezing, the visibility map.

Since 17 pruning, freezing and vacuuming a page are one record whose flags say which arrays
follow; before they were three, with the same arrays laid out otherwise. All come down to
the same two page functions. See :mod:`pgtool.access.heap.xlog` for the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from formats.derive import reader, sizeof, struct_of
from formats.version import ByMajor
from formats.wal.heap2 import (
    LogicalRewriteMappingData,
    PruneFlags,
    xl_heap_freeze_page,
    xl_heap_freeze_tuple,
    xl_heap_prune,
    xl_heap_rewrite_mapping,
    xl_heap_vacuum,
    xl_heap_visible,
    xlhp_freeze_plan,
    xlhp_freeze_plans_header,
)
from formats.wal.record import DecodedRecord
from pgtool.access.heap import pageops, visibilitymap
from pgtool.access.heap.xlog import (
    Redo,
    mask,
    note_space,
    nothing,
    redo_lock_updated,
    redo_multi_insert,
    reference,
)
from pgtool.storage import page as bufpage
from pgtool.wal.redo import BLK_NEEDS_REDO

if TYPE_CHECKING:
    from pgtool.wal.redo import RedoContext

__all__ = ["REDO", "mask"]

_prune_record = reader(xl_heap_prune[17])
_vacuum = reader(xl_heap_vacuum)
_visible = reader(xl_heap_visible)
_rewrite = reader(xl_heap_rewrite_mapping)
_PLAN = struct_of(xlhp_freeze_plan)
_PLANS_HEADER = struct_of(xlhp_freeze_plans_header)
_FREEZE_TUPLE = struct_of(xl_heap_freeze_tuple)
_U16 = struct.Struct("<H")
#: Whether pruning a page takes unused line pointers off its end.
TRUNCATES_WHEN_PRUNING: ByMajor[bool] = ByMajor({14: False, 15: True})
_CHANGES_LINES = int(
    PruneFlags.XLHP_HAS_REDIRECTIONS | PruneFlags.XLHP_HAS_DEAD_ITEMS
    | PruneFlags.XLHP_HAS_NOW_UNUSED_ITEMS
)  # fmt: skip


class Plan(NamedTuple):
    """How some tuples are frozen."""

    xmax: int
    infomask2: int
    infomask: int
    flags: int
    numbers: Sequence[int]


class Pruning(NamedTuple):
    """What a record does to a page."""

    redirected: Sequence[tuple[int, int]]
    dead: Sequence[int]
    unused: Sequence[int]
    plans: Sequence[Plan]


def _numbers(data: bytes, at: int, count: int) -> tuple[int, ...]:
    return struct.unpack_from(f"<{count}H", data, at)


def _pairs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(numbers[::2], numbers[1::2]))


def _plans(data: bytes, at: int, count: int, numbers_at: int) -> list[Plan]:
    """``count`` plans that begin at ``at``; the tuples of all of them at ``numbers_at``."""
    out = []
    for _ in range(count):
        xmax, mask2, infomask, flags, _pad, ntuples = _PLAN.unpack_from(data, at)
        at += _PLAN.size
        out.append(Plan(xmax, mask2, infomask, flags, _numbers(data, numbers_at, ntuples)))
        numbers_at += 2 * ntuples
    return out


def parse_pruning(data: bytes, flags: int) -> Pruning:
    """The arrays in block 0's data of a prune record since 17; none where an image replaced it."""
    if not data:
        return Pruning((), (), (), ())
    at, nplans, plans_at = 0, 0, 0
    if flags & PruneFlags.XLHP_HAS_FREEZE_PLANS:
        nplans = _PLANS_HEADER.unpack_from(data, 0)[0]
        plans_at = _PLANS_HEADER.size
        at = plans_at + nplans * _PLAN.size
    arrays: list[tuple[int, ...]] = []
    for flag, width in (
        (PruneFlags.XLHP_HAS_REDIRECTIONS, 2),
        (PruneFlags.XLHP_HAS_DEAD_ITEMS, 1),
        (PruneFlags.XLHP_HAS_NOW_UNUSED_ITEMS, 1),
    ):
        found: tuple[int, ...] = ()
        if flags & flag:
            count = width * _U16.unpack_from(data, at)[0]
            found = _numbers(data, at + 2, count)
            at += 2 + 2 * count
        arrays.append(found)
    redirected, dead, unused = arrays
    return Pruning(_pairs(redirected), dead, unused, _plans(data, plans_at, nplans, at))


def _apply(page: bytearray, what: Pruning, lines_only: bool, truncate: bool) -> None:
    if what.redirected or what.dead or what.unused:
        pageops.prune(
            page, what.redirected, what.dead, what.unused,
            lines_only=lines_only, truncate=truncate,
        )  # fmt: skip
    for plan in what.plans:
        pageops.freeze(page, plan.numbers, plan.xmax, plan.infomask, plan.infomask2, plan.flags)


def _redo(
    rec: DecodedRecord, ctx: RedoContext, what: Pruning, *, lines_only: bool, space: bool
) -> None:
    action, buffer = ctx.buffer(rec, 0)
    if buffer is None:
        return
    if action == BLK_NEEDS_REDO:
        _apply(buffer.page, what, lines_only, TRUNCATES_WHEN_PRUNING[rec.major])
        ctx.done(buffer, rec)
    free = bufpage.heap_free_space(buffer.page)
    ctx.pool.unpin(buffer)
    if space:
        note_space(ctx, reference(rec, 0), free)


def redo_prune_freeze(rec: DecodedRecord, ctx: RedoContext) -> None:
    """The one record of 17 and later."""
    flags = _prune_record(rec.main, 0).flags
    cleanup = bool(flags & PruneFlags.XLHP_CLEANUP_LOCK)
    what = parse_pruning(reference(rec, 0).data, flags)
    _redo(rec, ctx, what, lines_only=not cleanup, space=bool(flags & _CHANGES_LINES))


def redo_prune(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Pruning up to 16: the unused line pointers are what is left of the data."""
    main = reader(xl_heap_prune[rec.major])(rec.main, 0)
    data = reference(rec, 0).data
    numbers = _numbers(data, 0, len(data) // 2)
    first, second = 2 * main.nredirected, 2 * main.nredirected + main.ndead
    what = Pruning(_pairs(numbers[:first]), numbers[first:second], numbers[second:], ())
    _redo(rec, ctx, what, lines_only=False, space=True)


def redo_vacuum(rec: DecodedRecord, ctx: RedoContext) -> None:
    """VACUUM's second pass up to 16: dead line pointers become free."""
    count = _vacuum(rec.main, 0).nunused
    data = reference(rec, 0).data
    what = Pruning((), (), _numbers(data, 0, count if data else 0), ())
    _redo(rec, ctx, what, lines_only=True, space=True)


def redo_freeze_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Freezing up to 16: an entry for each tuple, since 16 plans."""
    main = reader(xl_heap_freeze_page[rec.major])(rec.main, 0)
    data = reference(rec, 0).data
    plans: list[Plan]
    if not data:
        plans = []
    elif hasattr(main, "nplans"):
        plans = _plans(data, 0, main.nplans, main.nplans * _PLAN.size)
    else:
        plans = []
        for i in range(main.ntuples):
            xmax, offset, mask2, infomask, flags, _pad = _FREEZE_TUPLE.unpack_from(
                data, i * _FREEZE_TUPLE.size
            )
            plans.append(Plan(xmax, mask2, infomask, flags, (offset,)))
    _redo(rec, ctx, Pruning((), (), (), plans), lines_only=False, space=False)


def redo_visible(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Bits of the map are set; the heap page says so too, with a new LSN if hints are logged."""
    main = _visible(rec.main, 0)
    heap = reference(rec, 1)
    action, buffer = ctx.buffer(rec, 1)
    free = None
    if buffer is not None:
        if action == BLK_NEEDS_REDO:
            pageops.set_all_visible(buffer.page)
            if hints_are_logged(ctx):
                ctx.done(buffer, rec)
            else:
                ctx.pool.mark_dirty(buffer)
        free = bufpage.free_space(buffer.page)
        ctx.pool.unpin(buffer)
    if free is not None and main.flags & visibilitymap.VALID_BITS:
        note_space(ctx, heap, free)
    action, buffer = ctx.buffer(rec, 0, zero_on_error=True)
    if buffer is not None:
        if action == BLK_NEEDS_REDO:
            bits = main.flags & visibilitymap.VALID_BITS
            visibilitymap.set_bits(buffer.page, heap.block, bits)
            ctx.done(buffer, rec)
        ctx.pool.unpin(buffer)


def hints_are_logged(ctx: RedoContext) -> bool:
    """Whether checksums or wal_log_hints make mere hints worth an image."""
    return bool(ctx.pool.checksums or ctx.wal_log_hints)


def redo_rewrite(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A rewritten catalog's mappings go to their file again, from the offset in the record."""
    main = _rewrite(rec.main, 0)
    path = (
        f"pg_logical/mappings/map-{main.mapped_db:x}-{main.mapped_rel:x}-"
        f"{main.start_lsn >> 32:X}_{main.start_lsn & 0xFFFFFFFF:X}-{main.mapped_xid:x}-{rec.xid:x}"
    )
    head = sizeof(xl_heap_rewrite_mapping)
    data = rec.main[head : head + main.num_mappings * sizeof(LogicalRewriteMappingData)]
    backend = ctx.backend
    if backend.exists(path):
        backend.truncate(path, main.offset)
    backend.extend(path, main.offset)
    backend.write(path, main.offset, data)
    backend.sync(path)


REDO: dict[str, Redo] = {
    "REWRITE": redo_rewrite,
    "PRUNE": redo_prune,
    "PRUNE_ON_ACCESS": redo_prune_freeze,
    "VACUUM": redo_vacuum,
    "PRUNE_VACUUM_SCAN": redo_prune_freeze,
    "FREEZE_PAGE": redo_freeze_page,
    "PRUNE_VACUUM_CLEANUP": redo_prune_freeze,
    "VISIBLE": redo_visible,
    "MULTI_INSERT": redo_multi_insert,
    "LOCK_UPDATED": redo_lock_updated,
    "NEW_CID": nothing,
}
