"""TidScan and TidRangeScan, and fetching heap rows by their tids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.access.heap.hot import index_places
from pgtool.access.heap.page import Tuples
from pgtool.sql.executor.batch import Batch
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.node import Exec, Filter
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.scan import CTID, HeapSource, scanned
from pgtool.sql.executor.scope import Scope

_GAP = 2
#: Most blocks from here and there that are read into one chunk.
_SCATTERED = 128

__all__ = ["TidRangeExec", "TidScanExec", "fetch_placed", "fetch_tids", "tid_parts"]


def tid_parts(value: bytes) -> tuple[int, int]:
    """(block, line pointer) of a stored tid."""
    high, low, position = (int.from_bytes(value[i : i + 2], "little") for i in (0, 2, 4))
    return high << 16 | low, position


def fetch_tids(
    source: HeapSource, block: Any, offnum: Any, chains: bool = False
) -> Iterator[Batch]:
    """The visible rows at some places, in the places' order; each place once.

    With ``chains`` the places are an index's: they name the roots of HOT chains.
    """
    place = np.unique((block.astype(np.int64) << 16) | offnum.astype(np.int64))
    for batch, _found in _fetched(source, place, chains):
        yield batch


def _fetched(source: HeapSource, place: Any, chains: bool) -> Iterator[tuple[Batch, Any]]:
    """The visible rows at sorted, different places, with their places."""
    heap = source.heap
    place = place[(place >> 16) < heap.file.nblocks]
    if not len(place):
        return
    blocks = np.unique(place >> 16)
    for tuples in _chunks(source, blocks):
        mine = index_places(tuples) if chains else places_of(tuples)
        spot = np.searchsorted(place, mine).clip(0, len(place) - 1)
        keep = place[spot] == mine
        if not keep.any():
            continue
        if chains and (np.diff(mine) < 0).any():
            # Newer versions lie behind the places by which the index knows them.
            keep = np.flatnonzero(keep)
            keep = keep[np.argsort(mine[keep], kind="stable")]
        for batch in source.batches(tuples.take(keep)):
            rows = batch.tuples  # type: ignore[attr-defined]
            yield batch, index_places(rows) if chains else places_of(rows)


def _chunks(source: HeapSource, blocks: Any) -> Iterator[Tuples]:
    """The visible tuples of some blocks and perhaps of some between them, in order."""
    gaps = np.flatnonzero(np.diff(blocks) > _GAP)
    if len(gaps):
        for low in range(0, len(blocks), _SCATTERED):
            part = blocks[low : low + _SCATTERED]
            found = source.scattered(part)
            if found is None:
                yield from _runs(source, part)
            elif len(found):
                yield found
    else:
        yield from _runs(source, blocks)


def _runs(source: HeapSource, blocks: Any) -> Iterator[Tuples]:
    gaps = np.flatnonzero(np.diff(blocks) > _GAP)
    starts = blocks[np.concatenate([[0], gaps + 1])]
    ends = blocks[np.concatenate([gaps, [len(blocks) - 1]])] + 1
    for first, stop in zip(starts.tolist(), ends.tolist()):
        yield from source.runs_at(first, stop)


def places_of(tuples: Tuples) -> Any:
    """``block << 16 | offset`` of the tuples themselves."""
    return (tuples.blocks() << 16) | tuples.offnum


def fetch_placed(source: HeapSource, places: Any) -> Iterator[tuple[Batch, Any]]:
    """The visible rows at an index's TIDs (block << 16 | offset), with each row's place there."""
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    for batch, found in _fetched(source, np.unique(ordered), True):
        yield batch, order[np.searchsorted(ordered, found)]


class TidScanExec(Exec):
    """Rows at given tids: ``ctid = x`` and ``ctid = ANY (array)``, joined by OR."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        rte = builder.rte(plan.scanrelid)
        expressions = [*plan.targetlist, *plan.qual]
        self.source = HeapSource(self.env, rte, plan.scanrelid, expressions)
        self.filter, self.project = self.over(self.source.scope)
        compiler = ScalarCompiler(self.env, Scope())
        self.values = [compiler.compile(self._value(q)) for q in self._clauses(plan.tidquals)]

    @staticmethod
    def _clauses(quals: list[Any]) -> list[Any]:
        out: list[Any] = []
        for qual in quals:
            out += qual.args if type(qual).__name__ == "BoolExpr" else [qual]
        return out

    @staticmethod
    def _value(clause: Any) -> Any:
        """The side that is not the ctid."""
        left, right = clause.args
        is_ctid = type(left).__name__ == "Var" and left.varattno == CTID
        return right if is_ctid else left

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        found: list[tuple[int, int]] = []
        for value in self.values:
            one = value((), ctx)
            if one is None:
                continue
            items = one.elements if hasattr(one, "elements") else [one]
            found += [tid_parts(v) for v in items if v is not None]
        if not found:
            return
        pairs = np.array(found, np.int64)
        for batch in fetch_tids(self.source, pairs[:, 0], pairs[:, 1]):
            yield from scanned(self, batch, ctx)


class TidRangeExec(Exec):
    """Rows whose ctid lies in a range: the blocks that can hold them, and the conditions."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        rte = builder.rte(plan.scanrelid)
        expressions = [*plan.targetlist, *plan.qual, *plan.tidrangequals]
        self.source = HeapSource(self.env, rte, plan.scanrelid, expressions)
        self.filter, self.project = self.over(self.source.scope)
        self.ranges = Filter(self.env, self.source.scope, plan.tidrangequals)

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        for tuples in self.source.runs():
            ctx.check()
            for batch in self.source.batches(tuples):
                yield from scanned(self, batch, ctx, before=self.ranges)
