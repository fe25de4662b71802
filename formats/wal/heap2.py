"""WAL records of the heap's second resource manager (``RM_HEAP2_ID``).

Source: ``access/heapam_xlog.h``. The heap ran out of opcodes and took a second manager;
the bits are shared out as in :mod:`formats.wal.heap`.

Pruning, freezing and vacuuming a page were three records up to 16: counts in the main
data, line pointers in the data of block 0. Since 17 they are one record under three
opcodes that tell why it was written; its flags say which arrays follow in block 0.
Freezing changed in 16 from one entry per tuple to plans shared by many tuples.

Names are those of the newest major: ``snapshotConflictHorizon`` was ``latestRemovedXid``
or ``cutoff_xid`` before 16.
"""

from __future__ import annotations

import enum
from typing import Any

from construct import If, Struct, this

from formats.heap import SIZEOF_HEAP_TUPLE_HEADER, HeapInfomask, HeapInfomask2
from formats.itemptr import ItemPointerData
from formats.units import (
    Bool,
    Choice,
    CommandId,
    Flags,
    OffsetNumber,
    Oid,
    Raw,
    TransactionId,
    XLogRecPtr,
    int64,
    uint8,
    uint16,
    uint32,
)
from formats.version import ByMajor
from formats.wal.heap import INIT, XLOG_HEAP_INIT_PAGE, InsertFlags, xl_heap_lock
from formats.wal.record import RelFileLocator
from formats.wal.rmgrs import Counted, PadTo, RecordType, always, record
from formats.wal.tuples import left, offsets, xl_heap_header


class PruneFlags(enum.IntFlag):
    """``flags`` of a prune record since 17; those named HAS tell which arrays are there."""

    XLHP_IS_CATALOG_REL = 0x02
    XLHP_CLEANUP_LOCK = 0x04
    XLHP_HAS_CONFLICT_HORIZON = 0x08
    XLHP_HAS_FREEZE_PLANS = 0x10
    XLHP_HAS_REDIRECTIONS = 0x20
    XLHP_HAS_DEAD_ITEMS = 0x40
    XLHP_HAS_NOW_UNUSED_ITEMS = 0x80


class PruneReason(enum.IntEnum):
    """``reason`` of a prune record since 17: why the page was pruned."""

    PRUNE_ON_ACCESS = 0
    PRUNE_VACUUM_SCAN = 1
    PRUNE_VACUUM_CLEANUP = 2


class FreezeFlags(enum.IntFlag):
    """``frzflags``: what becomes of xvac, which a VACUUM FULL before 9.0 left."""

    XLH_FREEZE_XVAC = 0x02
    XLH_INVALID_XVAC = 0x04


class VisibleFlags(enum.IntFlag):
    """``flags`` of a record that sets bits of the visibility map."""

    VISIBILITYMAP_ALL_VISIBLE = 0x01
    VISIBILITYMAP_ALL_FROZEN = 0x02
    VISIBILITYMAP_XLOG_CATALOG_REL = 0x04


xl_heap_rewrite_mapping = Struct(
    "mapped_xid" / TransactionId * "transaction that may need to see the rows",
    "mapped_db" / Oid * "database, 0 for a shared catalog",
    "mapped_rel" / Oid * "the rewritten catalog",
    "padding" / Raw(4) * "alignment",
    "offset" / int64 * "bytes of the mapping file before these",
    "num_mappings" / uint32 * "number of mappings that follow",
    "padding2" / Raw(4) * "alignment",
    "start_lsn" / XLogRecPtr * "where in the WAL the rewrite began",
)
assert xl_heap_rewrite_mapping.sizeof() == 40

LogicalRewriteMappingData = Struct(
    "old_locator" / RelFileLocator * "relation file before the rewrite",
    "new_locator" / RelFileLocator * "relation file after it",
    "old_tid" / ItemPointerData * "where the tuple was",
    "new_tid" / ItemPointerData * "where it is now",
)
assert LogicalRewriteMappingData.sizeof() == 36

_prune_fields = (
    "snapshotConflictHorizon" / TransactionId * "newest xid whose row is removed",
    "nredirected" / uint16 * "number of line pointers turned into redirects",
    "ndead" / uint16 * "number of line pointers that become dead",
)
xl_heap_prune = ByMajor(
    {
        14: Struct(*_prune_fields),
        16: Struct(*_prune_fields, "isCatalogRel" / Bool * "whether it is a catalog"),
        17: Struct(
            "reason" / Choice(uint8, PruneReason) * "why the page was pruned",
            "flags" / Flags(uint8, PruneFlags) * "which parts follow",
        ),
    }
)
assert [s.sizeof() for s in xl_heap_prune.distinct()] == [8, 9, 2]

xl_heap_vacuum = Struct("nunused" / uint16 * "number of line pointers that become unused")

xl_heap_freeze_tuple = Struct(
    "xmax" / TransactionId * "new xmax",
    "offset" / OffsetNumber * "line pointer",
    "t_infomask2" / Flags(uint16, HeapInfomask2) * "new t_infomask2",
    "t_infomask" / Flags(uint16, HeapInfomask) * "new t_infomask",
    "frzflags" / Flags(uint8, FreezeFlags) * "what becomes of xvac",
    "padding" / Raw(1) * "alignment",
)
assert xl_heap_freeze_tuple.sizeof() == 12

xlhp_freeze_plan = Struct(
    "xmax" / TransactionId * "new xmax",
    "t_infomask2" / Flags(uint16, HeapInfomask2) * "new t_infomask2",
    "t_infomask" / Flags(uint16, HeapInfomask) * "new t_infomask",
    "frzflags" / Flags(uint8, FreezeFlags) * "what becomes of xvac",
    "padding" / Raw(1) * "alignment",
    "ntuples" / uint16 * "number of tuples that the plan is for",
)
assert xlhp_freeze_plan.sizeof() == 12

xl_heap_freeze_page = ByMajor(
    {
        14: Struct(
            "snapshotConflictHorizon" / TransactionId * "newest frozen xid",
            "ntuples" / uint16 * "number of frozen tuples",
        ),
        16: Struct(
            "snapshotConflictHorizon" / TransactionId * "newest frozen xid",
            "nplans" / uint16 * "number of freeze plans",
            "isCatalogRel" / Bool * "whether it is a catalog",
        ),
    }
)
assert [s.sizeof() for s in xl_heap_freeze_page.distinct()] == [6, 7]

xl_heap_visible = Struct(
    "snapshotConflictHorizon" / TransactionId * "newest xmin on the page",
    "flags" / Flags(uint8, VisibleFlags) * "bits that are set",
)
assert xl_heap_visible.sizeof() == 5

xl_heap_multi_insert = Struct(
    "flags" / Flags(uint8, InsertFlags) * "what else happened",
    "padding" / Raw(1) * "alignment",
    "ntuples" / uint16 * "number of tuples",
)
assert xl_heap_multi_insert.sizeof() == 4

xl_heap_lock_updated = xl_heap_lock

xl_heap_new_cid = Struct(
    "top_xid" / TransactionId * "top-level transaction",
    "cmin" / CommandId * "command that inserted the tuple",
    "cmax" / CommandId * "command that deleted it",
    "combocid" / CommandId * "combo command id, if any",
    "target_locator" / RelFileLocator * "the catalog's file",
    "target_tid" / ItemPointerData * "the tuple",
)
assert xl_heap_new_cid.sizeof() == 34

# -- data of block 0 -----------------------------------------------------------------------

Redirect = Struct(
    "offset" / OffsetNumber * "line pointer that becomes a redirect",
    "target" / OffsetNumber * "line pointer that it leads to",
)

xlhp_freeze_plans_header = Struct(
    "nplans" / uint16 * "number of plans",
    "padding" / Raw(2) * "alignment",
)
xlhp_freeze_plans = Struct(
    *xlhp_freeze_plans_header.subcons,
    "plans" / Counted(this.nplans, xlhp_freeze_plan) * "the plans",
)
xlhp_redirect_items = Struct(
    "ntargets" / uint16 * "number of redirects",
    "data" / Counted(this.ntargets, Redirect) * "the redirects",
)
xlhp_prune_items = Struct(
    "ntargets" / uint16 * "number of line pointers",
    "data" / offsets(this.ntargets) * "the line pointers",
)


def _frozen(plans: Any) -> int:
    return sum(int(plan.ntuples) for plan in plans)


def _frozen_by_plans(context: Any) -> int:
    return _frozen(context.freeze_plans.plans) if context.freeze_plans else 0


def _unused_count(context: Any) -> int:
    """Line pointers up to the end of the data: their number is not stored before 17."""
    return left(context._io) // 2


_flags = this._params.main.flags
_prune_block = ByMajor(
    {
        14: record(
            "redirected" / Counted(this._params.main.nredirected, Redirect) * "the redirects",
            "nowdead" / offsets(this._params.main.ndead) * "line pointers that become dead",
            "nowunused" / offsets(_unused_count) * "line pointers that become unused",
        ),
        17: record(
            "freeze_plans"
            / If(_flags & PruneFlags.XLHP_HAS_FREEZE_PLANS, xlhp_freeze_plans)
            * "how tuples are frozen",
            "redirected"
            / If(_flags & PruneFlags.XLHP_HAS_REDIRECTIONS, xlhp_redirect_items)
            * "line pointers that become redirects",
            "nowdead"
            / If(_flags & PruneFlags.XLHP_HAS_DEAD_ITEMS, xlhp_prune_items)
            * "line pointers that become dead",
            "nowunused"
            / If(_flags & PruneFlags.XLHP_HAS_NOW_UNUSED_ITEMS, xlhp_prune_items)
            * "line pointers that become unused",
            "frz_offsets" / offsets(_frozen_by_plans) * "frozen tuples, plan after plan",
        ),
    }
)
_freeze_block = ByMajor(
    {
        14: record(
            "tuples"
            / Counted(this._params.main.ntuples, xl_heap_freeze_tuple)
            * "how each tuple is frozen",
        ),
        16: record(
            "plans" / Counted(this._params.main.nplans, xlhp_freeze_plan) * "the plans",
            "offsets"
            / offsets(lambda context: _frozen(context.plans))
            * "frozen tuples, plan after plan",
        ),
    }
)

xl_multi_insert_tuple = Struct(
    "datalen" / uint16 * "bytes that follow the header",
    *xl_heap_header.subcons,
)
assert xl_multi_insert_tuple.sizeof() == 7


def _bits_length(context: Any) -> int:
    return int(context.t_hoff) - SIZEOF_HEAP_TUPLE_HEADER


MultiInsertTuple = Struct(
    *xl_multi_insert_tuple.subcons,
    "t_bits" / Raw(_bits_length) * "null bitmap and padding, up to t_hoff",
    "data" / Raw(lambda context: context.datalen - _bits_length(context)) * "the attributes",
    "padding" / PadTo(2) * "alignment of the next tuple",
)

_prune_main = ByMajor(
    {
        14: record(xl_heap_prune[14]),
        16: record(xl_heap_prune[16]),
        17: record(
            xl_heap_prune[17],
            "snapshotConflictHorizon"
            / If(this.flags & PruneFlags.XLHP_HAS_CONFLICT_HORIZON, TransactionId)
            * "newest xid that is removed or frozen",
        ),
    }
)


def _keeps_page(context: Any) -> bool:
    return not context._params.info & XLOG_HEAP_INIT_PAGE


def _prune(opcode: int, name: str) -> RecordType:
    return RecordType(opcode, name, ByMajor({17: _prune_main[17]}), {0: _prune_block})


RECORDS = (
    RecordType(
        0x00,
        "REWRITE",
        always(
            xl_heap_rewrite_mapping,
            "mappings"
            / Counted(this.num_mappings, LogicalRewriteMappingData)
            * "where each tuple went",
        ),
    ),
    RecordType(0x10, "PRUNE", _prune_main, {0: _prune_block}, until=16),
    _prune(0x10, "PRUNE_ON_ACCESS"),
    RecordType(
        0x20,
        "VACUUM",
        always(xl_heap_vacuum),
        {0: always("nowunused" / offsets(this._params.main.nunused) * "the line pointers")},
        until=16,
    ),
    _prune(0x20, "PRUNE_VACUUM_SCAN"),
    RecordType(
        0x30,
        "FREEZE_PAGE",
        ByMajor({major: record(s) for major, s in xl_heap_freeze_page.items()}),
        {0: _freeze_block},
        until=16,
    ),
    _prune(0x30, "PRUNE_VACUUM_CLEANUP"),
    RecordType(0x40, "VISIBLE", always(xl_heap_visible)),
    RecordType(
        0x50,
        "MULTI_INSERT",
        always(
            xl_heap_multi_insert,
            "offsets"
            / If(_keeps_page, offsets(this.ntuples))
            * "line pointers; 1 and up where the page was empty",
        ),
        {0: always("tuples" / Counted(this._params.main.ntuples, MultiInsertTuple) * "the tuples")},
        INIT,
    ),
    RecordType(0x60, "LOCK_UPDATED", always(xl_heap_lock_updated)),
    RecordType(0x70, "NEW_CID", always(xl_heap_new_cid)),
)
