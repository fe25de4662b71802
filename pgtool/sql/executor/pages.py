"""What EXPLAIN ANALYZE counts of a scan: pages, searches of an index, heap fetches.

A page that the session touches for the first time counts as read, any other as hit; the
counts follow what the server would touch: an index page each time the search enters it, a
heap page each time a row lies on another page than the row before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from formats import vm
from pgtool.sql.executor.context import Context, Measure
from pgtool.storage.smgr import ForkNumber

__all__ = ["AllVisible", "HeapVisits", "counted_tids", "touch"]

_VISIBLE = int(vm.VisibilityMapBits.VISIBILITYMAP_ALL_VISIBLE)


def touch(measure: Measure, ctx: Context, path: str, blocks: Any) -> None:
    """Count accesses to blocks of a file."""
    if not len(blocks):
        return
    files = ctx.session.__dict__.setdefault("_touched_pages", {})
    known: set[int] = files.setdefault(path, set())
    before = len(known)
    known.update(blocks.tolist() if isinstance(blocks, np.ndarray) else blocks)
    measure.read += len(known) - before
    measure.hit += len(blocks) - (len(known) - before)


def counted_tids(
    tree: Any, keys: Any, backward: bool, measure: Measure | None, ctx: Context
) -> Iterator[Any]:
    """The TIDs of an index for its conditions; searches and index pages counted.

    A range that begins on the leaf where the one before ended needs no search of its own.
    """
    last = -1
    equal = keys.equal(ctx)
    for lower, upper in keys.ranges(ctx, backward):
        if measure is None:
            yield from tree.tids(lower, upper, backward, equal)
            continue
        seen: list[int] = []
        rows = tree.tids(lower, upper, backward, equal)
        try:
            while True:
                tree.touched = seen
                found = next(rows, None)
                tree.touched = None
                if found is None:
                    break
                yield found
        finally:
            depth = int(tree.meta.btm_fastlevel)
            if last >= 0 and len(seen) > depth and seen[depth] == last:
                seen = seen[depth + 1 :]
            else:
                measure.searches += 1
            touch(measure, ctx, tree.file.path, seen)
            last = seen[-1] if seen else last


class HeapVisits:
    """Counts the heap pages of one index scan."""

    def __init__(self, measure: Measure, ctx: Context, path: str) -> None:
        self.measure, self.ctx, self.path = measure, ctx, path
        self.last = -1

    def add(self, places: Any) -> None:
        """Rows at some places (block << 16 | offset), in the order of the scan."""
        blocks = places >> 16
        if not len(blocks):
            return
        other = np.flatnonzero(np.diff(blocks, prepend=self.last))
        self.last = int(blocks[-1])
        touch(self.measure, self.ctx, self.path, blocks[other])


class AllVisible:
    """A relation's visibility map, its pages kept."""

    def __init__(self, database: Any, relation: Any) -> None:
        self.file = database.cluster.directory.file(relation.locator, ForkNumber.VM)
        self.file.tolerate()
        self.pages: dict[int, Any] = {}
        self.pinned = -1

    def _bits(self, number: int) -> Any:
        """The all-visible bits of one page of the map."""
        found = self.pages.get(number)
        if found is None:
            data = self.file.read_block(number) if number < self.file.nblocks else b""
            packed = np.frombuffer(data, np.uint8)[vm.MAP :] if data else np.zeros(
                vm.MAPSIZE, np.uint8)  # fmt: skip
            shifts = np.arange(vm.HEAPBLOCKS_PER_BYTE, dtype=np.uint8) * vm.BITS_PER_HEAPBLOCK
            found = ((packed[:, None] >> shifts) & _VISIBLE).astype(bool).ravel()
            self.pages[number] = found
        return found

    def of(self, places: Any, measure: Measure | None, ctx: Context) -> Any:
        """Which places (block << 16 | offset) lie on pages that everybody sees whole."""
        blocks = places >> 16
        out = np.zeros(len(blocks), bool)
        numbers = blocks // vm.HEAPBLOCKS_PER_PAGE
        for number in np.unique(numbers).tolist():
            mine = numbers == number
            out[mine] = self._bits(number)[blocks[mine] % vm.HEAPBLOCKS_PER_PAGE]
            if measure is not None and number != self.pinned and number < self.file.nblocks:
                touch(measure, ctx, self.file.path, [number])
                self.pinned = number
        return out
