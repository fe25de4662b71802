"""The columns that ``--dirty`` puts before a row: where it is, who made and removed it.

Every stored version is shown, with the outcome and time of the transactions in its header
and the reason why the server does not show it (NULL where it does).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from formats.derive import offset_of
from formats.heap import (
    HeapInfomask,
    HeapTupleHeaderData,
    xmax_is_locked_only,
    xmin_frozen,
)
from formats.itemptr import ItemPointerData
from formats.slru import MULTIXACT_STATUS_NAMES
from pgtool.access.heap.page import Tuples
from pgtool.commands.copy.source import OutColumn
from pgtool.errors import CorruptData
from pgtool.transam.cluster import Transactions
from pgtool.types.column import Column, FixedColumn, VarColumn

BOOL, TEXT, TID, XID, TIMESTAMPTZ = 16, 25, 27, 28, 1184

DIRTY_COLUMNS = tuple(
    OutColumn(name, typid, -1, None)
    for name, typid in (
        ("_ctid", TID), ("_xmin", XID), ("_xmin_state", TEXT), ("_xmin_time", TIMESTAMPTZ),
        ("_xmax", XID), ("_xmax_state", TEXT), ("_xmax_time", TIMESTAMPTZ),
        ("_next", TID), ("_visible", BOOL), ("_why", TEXT),
    )
)  # fmt: skip
_IGNORED = ~int(
    HeapInfomask.HEAP_HASNULL | HeapInfomask.HEAP_HASVARWIDTH | HeapInfomask.HEAP_HASEXTERNAL
    | HeapInfomask.HEAP_COMBOCID
) & 0xFFFF  # fmt: skip
_CTID = offset_of(HeapTupleHeaderData, "t_ctid")
_TID_SIZE = ItemPointerData.sizeof()


class _Fate:
    """What one combination of header fields means."""

    def __init__(
        self, known: Transactions, infomask: int, xmin: int, xmax: int, replaced: bool
    ) -> None:
        self.known = known
        self.verb = "updated" if replaced else "deleted"
        self.xmin_state = self._inserter(infomask, xmin)
        self.xmin_time = known.commit_ts.microseconds(xmin)
        self.deleter = 0
        self.xmax_state: str | None = None
        self._deleted(infomask, xmax)
        self.xmax_time = known.commit_ts.microseconds(self.deleter) if self.deleter else None
        self.why = self._why(xmin, xmax)

    def _inserter(self, infomask: int, xmin: int) -> str:
        if xmin_frozen(infomask):
            return "frozen"
        if infomask & HeapInfomask.HEAP_XMIN_COMMITTED:
            return "committed"
        if infomask & HeapInfomask.HEAP_XMIN_INVALID:
            return "aborted"
        return self.known.outcome(xmin)

    def _deleted(self, infomask: int, xmax: int) -> None:
        if infomask & HeapInfomask.HEAP_XMAX_INVALID or not xmax:
            if xmax:
                self.xmax_state = "aborted"
            return
        if infomask & HeapInfomask.HEAP_XMAX_IS_MULTI:
            self._deleted_by_multi(infomask, xmax)
            return
        outcome = "committed"
        if not infomask & HeapInfomask.HEAP_XMAX_COMMITTED:
            outcome = self.known.outcome(xmax)
        if xmax_is_locked_only(infomask):
            self.xmax_state = f"locked only ({outcome})"
            return
        self.deleter = xmax
        self.xmax_state = outcome

    def _deleted_by_multi(self, infomask: int, xmax: int) -> None:
        try:
            members = self.known.multixacts.members(xmax)
        except CorruptData as problem:
            self.xmax_state = "locked only (multixact)"
            if not xmax_is_locked_only(infomask):
                self.xmax_state = f"unknown ({problem.message})"
            return
        listed = ", ".join(f"{m.xid} {MULTIXACT_STATUS_NAMES[m.status]}" for m in members)
        updater = 0
        if not xmax_is_locked_only(infomask):
            updater = next((m.xid for m in members if m.is_update), 0)
        if not updater:
            self.xmax_state = f"locked only (multixact: {listed})"
            return
        self.deleter = updater
        self.xmax_state = f"{self.known.outcome(updater)} (multixact: {listed})"

    def _why(self, xmin: int, xmax: int) -> str | None:
        if self.xmin_state not in ("frozen", "committed"):
            return f"inserted by transaction {xmin}: {self.xmin_state}"
        state = (self.xmax_state or "").partition(" (")[0]
        if self.deleter and state == "committed":
            return f"{self.verb} by transaction {self.deleter}: committed"
        if state == "unknown":
            return f"the fate of xmax {xmax} is unknown"
        return None


def dirty_columns(tuples: Tuples, known: Transactions) -> list[Column]:
    """The values of DIRTY_COLUMNS for some tuples."""
    xmin, xmax = tuples.u32("t_xmin"), tuples.u32("t_xmax")
    bits = tuples.infomask & np.uint16(_IGNORED)
    own, following = _tids(tuples), _next(tuples)
    replaced = own != following
    shape: Any = np.empty(len(tuples), "u2,u4,u4,?")
    shape["f0"], shape["f1"], shape["f2"], shape["f3"] = bits, xmin, xmax, replaced
    kinds, which = np.unique(shape, return_inverse=True)
    fates = [_Fate(known, *kind) for kind in kinds.tolist()]
    which = which.ravel()
    why = [fate.why for fate in fates]
    seen = np.array([reason is None for reason in why], np.uint8)
    return [
        FixedColumn(own),
        FixedColumn(xmin),
        _texts([fate.xmin_state for fate in fates], which),
        _times([fate.xmin_time for fate in fates], which),
        FixedColumn(xmax),
        _texts([fate.xmax_state for fate in fates], which),
        _times([fate.xmax_time for fate in fates], which),
        FixedColumn(following),
        FixedColumn(seen[which]),
        _texts(why, which),
    ]


def _tids(tuples: Tuples) -> Any:
    """Each tuple's own place as a tid datum: block in two halves (high first), offset."""
    block = tuples.page.astype(np.uint32) + np.uint32(tuples.first_block)
    out = np.empty((len(tuples), 3), np.uint16)
    out[:, 0] = block >> np.uint32(16)
    out[:, 1] = block & np.uint32(0xFFFF)
    out[:, 2] = tuples.offnum
    return out.view(f"V{_TID_SIZE}").ravel()


def _next(tuples: Tuples) -> Any:
    steps = np.arange(_TID_SIZE)
    raw = tuples.buffer[(tuples.start + _CTID)[:, None] + steps]
    return np.ascontiguousarray(raw).view(f"V{_TID_SIZE}").ravel()


def _texts(values: list[str | None], which: Any) -> VarColumn:
    column = VarColumn.of([None if v is None else v.encode() for v in values])
    valid = None if column.valid is None else column.valid[which]
    return VarColumn(column.buffer, column.start[which], column.length[which], valid)


def _times(values: list[int | None], which: Any) -> FixedColumn:
    known = np.array([value is not None for value in values], bool)
    numbers = np.array([value or 0 for value in values], np.int64)
    return FixedColumn(numbers[which], None if known.all() else known[which])


