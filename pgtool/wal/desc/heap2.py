"""pg_waldump's words for the records of ``RM_HEAP2_ID``.

Since 16 the arrays in the data of block 0 are spelled out, as long as the record has that
data: where a page image replaced it, only what the main data holds is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from formats.derive import sizeof, struct_of
from formats.units import OffsetNumber, TransactionId, uint16
from formats.version import ByMajor
from formats.wal.heap import XLOG_HEAP_INIT_PAGE
from formats.wal.heap2 import (
    PruneFlags,
    xl_heap_freeze_page,
    xl_heap_lock_updated,
    xl_heap_multi_insert,
    xl_heap_new_cid,
    xl_heap_prune,
    xl_heap_vacuum,
    xl_heap_visible,
    xlhp_freeze_plan,
    xlhp_freeze_plans_header,
)
from pgtool.wal.desc.heap import INFOBITS_14, lock
from pgtool.wal.desc.text import no_text, number_list
from pgtool.wal.desc.values import block_data, pairs, scalars, true_false

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_PRUNE_14 = struct_of(xl_heap_prune[14]).unpack_from
_PRUNE_16 = struct_of(xl_heap_prune[16]).unpack_from
_PRUNE = struct_of(xl_heap_prune[17]).unpack_from
_PRUNE_SIZE = sizeof(xl_heap_prune[17])
_XID = struct_of(TransactionId).unpack_from
_VACUUM = struct_of(xl_heap_vacuum).unpack_from
_FREEZE_14 = struct_of(xl_heap_freeze_page[14]).unpack_from
_FREEZE_16 = struct_of(xl_heap_freeze_page[16]).unpack_from
_PLANS = struct_of(xlhp_freeze_plans_header).unpack_from
_PLANS_SIZE = sizeof(xlhp_freeze_plans_header)
_PLAN = struct_of(xlhp_freeze_plan).unpack_from
_PLAN_SIZE = sizeof(xlhp_freeze_plan)
_COUNT = struct_of(uint16).unpack_from
_COUNT_SIZE = sizeof(uint16)
_OFFSET_SIZE = sizeof(OffsetNumber)
_VISIBLE = struct_of(xl_heap_visible).unpack_from
_MULTI_INSERT = struct_of(xl_heap_multi_insert).unpack_from
_MULTI_INSERT_SIZE = sizeof(xl_heap_multi_insert)
_LOCK_UPDATED = struct_of(xl_heap_lock_updated).unpack_from
_NEW_CID = struct_of(xl_heap_new_cid).unpack_from

_HAS_HORIZON = int(PruneFlags.XLHP_HAS_CONFLICT_HORIZON)
_HAS_PLANS = int(PruneFlags.XLHP_HAS_FREEZE_PLANS)
_HAS_REDIRECTIONS = int(PruneFlags.XLHP_HAS_REDIRECTIONS)
_HAS_DEAD = int(PruneFlags.XLHP_HAS_DEAD_ITEMS)
_HAS_UNUSED = int(PruneFlags.XLHP_HAS_NOW_UNUSED_ITEMS)
_IS_CATALOG = int(PruneFlags.XLHP_IS_CATALOG_REL)


def _offsets(data: bytes, pos: int, count: int) -> tuple[int, ...]:
    return scalars(OffsetNumber, data, pos, count)


def _prune_14(rec: DecodedRecord) -> str:
    horizon, nredirected, ndead = _PRUNE_14(rec.main)
    return f"latestRemovedXid {horizon} nredirected {nredirected} ndead {ndead}"


def _prune_16(rec: DecodedRecord) -> str:
    horizon, nredirected, ndead, _catalog = _PRUNE_16(rec.main)
    text = f"snapshotConflictHorizon: {horizon}, nredirected: {nredirected}, ndead: {ndead}"
    data = block_data(rec)
    if data is None:
        return text
    numbers = _offsets(data, 0, len(data) // _OFFSET_SIZE)
    dead = 2 * nredirected
    unused = dead + ndead
    if unused > len(numbers):
        raise ValueError(f"{unused} line pointers in {len(data)} bytes")
    return (
        f"{text}, nunused: {len(numbers) - unused}, redirected: [{pairs(numbers[:dead])}], "
        f"dead:{number_list(numbers[dead:unused])}, unused:{number_list(numbers[unused:])}"
    )


def _prune(rec: DecodedRecord) -> str:
    main = rec.main
    _reason, flags = _PRUNE(main)
    text = f", isCatalogRel: {true_false(flags & _IS_CATALOG)}"
    if flags & _HAS_HORIZON:
        text = f"snapshotConflictHorizon: {_XID(main, _PRUNE_SIZE)[0]}{text}"
    data = block_data(rec)
    return text if data is None else text + _prune_data(data, flags)


def _prune_data(data: bytes, flags: int) -> str:
    """The counts of all arrays in the block's data, then each array that is there."""
    pos = nplans = nredirected = ndead = nunused = 0
    plans_at = 0
    redirected: tuple[int, ...] = ()
    dead: tuple[int, ...] = ()
    unused: tuple[int, ...] = ()
    if flags & _HAS_PLANS:
        nplans = _PLANS(data)[0]
        plans_at = _PLANS_SIZE
        pos = plans_at + nplans * _PLAN_SIZE
    if flags & _HAS_REDIRECTIONS:
        nredirected = _COUNT(data, pos)[0]
        redirected = _offsets(data, pos + _COUNT_SIZE, 2 * nredirected)
        pos += _COUNT_SIZE + 2 * nredirected * _OFFSET_SIZE
    if flags & _HAS_DEAD:
        ndead = _COUNT(data, pos)[0]
        dead = _offsets(data, pos + _COUNT_SIZE, ndead)
        pos += _COUNT_SIZE + ndead * _OFFSET_SIZE
    if flags & _HAS_UNUSED:
        nunused = _COUNT(data, pos)[0]
        unused = _offsets(data, pos + _COUNT_SIZE, nunused)
        pos += _COUNT_SIZE + nunused * _OFFSET_SIZE
    text = f", nplans: {nplans}, nredirected: {nredirected}, ndead: {ndead}, nunused: {nunused}"
    if nplans:
        text += f", plans:{_plans(data, plans_at, nplans, pos)}"
    if redirected:
        text += f", redirected: [{pairs(redirected)}]"
    if dead:
        text += f", dead:{number_list(dead)}"
    if unused:
        text += f", unused:{number_list(unused)}"
    return text


def _plans(data: bytes, at: int, count: int, offsets_at: int) -> str:
    """Freeze plans, each with its share of the line pointers that follow the other arrays."""
    out = []
    for i in range(count):
        xmax, infomask2, infomask, _flags, _pad, ntuples = _PLAN(data, at + i * _PLAN_SIZE)
        numbers = _offsets(data, offsets_at, ntuples)
        offsets_at += ntuples * _OFFSET_SIZE
        out.append(
            f"{{ xmax: {xmax}, infomask: {infomask}, infomask2: {infomask2}, "
            f"ntuples: {ntuples}, offsets:{number_list(numbers)} }}"
        )
    return f" [{', '.join(out)}]"


def _vacuum_14(rec: DecodedRecord) -> str:
    return f"nunused {_VACUUM(rec.main)[0]}"


def _vacuum_16(rec: DecodedRecord) -> str:
    (nunused,) = _VACUUM(rec.main)
    text = f"nunused: {nunused}"
    data = block_data(rec)
    return text if data is None else f"{text}, unused:{number_list(_offsets(data, 0, nunused))}"


def _freeze_14(rec: DecodedRecord) -> str:
    cutoff, ntuples = _FREEZE_14(rec.main)
    return f"cutoff xid {cutoff} ntuples {ntuples}"


def _freeze_16(rec: DecodedRecord) -> str:
    horizon, nplans, _catalog = _FREEZE_16(rec.main)
    text = f"snapshotConflictHorizon: {horizon}, nplans: {nplans}"
    data = block_data(rec)
    return text if data is None else f"{text}, plans:{_plans(data, 0, nplans, nplans * _PLAN_SIZE)}"


def _visible_14(rec: DecodedRecord) -> str:
    cutoff, flags = _VISIBLE(rec.main)
    return f"cutoff xid {cutoff} flags 0x{flags:02X}"


def _visible(rec: DecodedRecord) -> str:
    horizon, flags = _VISIBLE(rec.main)
    return f"snapshotConflictHorizon: {horizon}, flags: 0x{flags:02X}"


def _multi_insert_14(rec: DecodedRecord) -> str:
    flags, _pad, ntuples = _MULTI_INSERT(rec.main)
    return f"{ntuples} tuples flags 0x{flags:02X}"


def _multi_insert(rec: DecodedRecord) -> str:
    main = rec.main
    flags, _pad, ntuples = _MULTI_INSERT(main)
    text = f"ntuples: {ntuples}, flags: 0x{flags:02X}"
    if rec.info & XLOG_HEAP_INIT_PAGE or block_data(rec) is None:
        return text
    return f"{text}, offsets:{number_list(_offsets(main, _MULTI_INSERT_SIZE, ntuples))}"


def _lock_updated_14(rec: DecodedRecord) -> str:
    xmax, off, infobits, flags = _LOCK_UPDATED(rec.main)
    return f"off {off}: xmax {xmax}: flags 0x{flags:02X} {INFOBITS_14[infobits]}"


def _new_cid_14(rec: DecodedRecord) -> str:
    rel, tid, cids = _new_cid_parts(rec)
    return f"rel {rel}; tid {tid}; {cids}"


def _new_cid(rec: DecodedRecord) -> str:
    rel, tid, cids = _new_cid_parts(rec)
    return f"rel: {rel}, tid: {tid}, {cids}"


def _new_cid_parts(rec: DecodedRecord) -> tuple[str, str, str]:
    _top, cmin, cmax, combo, spc, db, rel, hi, lo, off = _NEW_CID(rec.main)
    return (
        f"{spc}/{db}/{rel}",
        f"{hi << 16 | lo}/{off}",
        f"cmin: {cmin}, cmax: {cmax}, combo: {combo}",
    )


DESCRIBE: Mapping[str, Describe | ByMajor[Describe]] = {
    "REWRITE": no_text,
    "PRUNE": ByMajor({14: _prune_14, 16: _prune_16}),
    "VACUUM": ByMajor({14: _vacuum_14, 16: _vacuum_16}),
    "FREEZE_PAGE": ByMajor({14: _freeze_14, 16: _freeze_16}),
    "PRUNE_ON_ACCESS": _prune,
    "PRUNE_VACUUM_SCAN": _prune,
    "PRUNE_VACUUM_CLEANUP": _prune,
    "VISIBLE": ByMajor({14: _visible_14, 16: _visible}),
    "MULTI_INSERT": ByMajor({14: _multi_insert_14, 16: _multi_insert}),
    "LOCK_UPDATED": ByMajor({14: _lock_updated_14, 16: lock}),
    "NEW_CID": ByMajor({14: _new_cid_14, 16: _new_cid}),
}
