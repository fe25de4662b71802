"""Dead line pointers that VACUUM remembers until no index leads to them any more.

Arrays of TIDs (block << 16 | number) and, for every block, what it will be once they are
free: visible to all, with the newest inserter, or all frozen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["DeadItems"]

Ints = npt.NDArray[Any]
#: Bytes that a remembered TID takes here.
TID_BYTES = 8


class DeadItems:
    """The dead line pointers of some blocks."""

    def __init__(self) -> None:
        self.clear()

    def __len__(self) -> int:
        return self._count

    def clear(self) -> None:
        """Forget all."""
        self._tids: list[Ints] = []
        self._blocks: list[Ints] = []
        self._wanted: list[Ints] = []
        self._horizons: list[Ints] = []
        self._count = 0

    def add(self, blocks: Ints, tids: Ints, wanted: Ints, horizons: Ints) -> None:
        """Some blocks with their TIDs; the map bits that they get in the end, the newest xid."""
        self._tids.append(tids)
        self._blocks.append(blocks)
        self._wanted.append(wanted)
        self._horizons.append(horizons)
        self._count += len(tids)

    def add_page(self, block: int, numbers: list[int], wanted: int, horizon: int) -> None:
        """The dead line pointers of one block."""
        one = np.array([block], np.int64)
        tids = block << 16 | np.array(numbers, np.int64)
        self.add(one, tids, np.array([wanted], np.int64), np.array([horizon], np.int64))

    def tids(self) -> Ints:
        """All TIDs, ascending."""
        out = _joined(self._tids)
        if len(out) > 1 and not (out[1:] > out[:-1]).all():
            out.sort()
        self._tids = [out]
        return out

    def blocks(self) -> Ints:
        """The blocks, ascending."""
        return np.sort(_joined(self._blocks))

    def runs(self, most: int, boundary: int) -> Iterator[tuple[Ints, Ints, Ints, Ints]]:
        """(blocks, TIDs, map bits, horizons) in portions that cross no multiple of ``boundary``."""
        tids = self.tids()
        blocks = _joined(self._blocks)
        order = np.argsort(blocks, kind="stable")
        blocks = blocks[order]
        wanted, horizons = _joined(self._wanted)[order], _joined(self._horizons)[order]
        at = 0
        while at < len(blocks):
            edge = (int(blocks[at]) // boundary + 1) * boundary
            end = min(at + most, int(np.searchsorted(blocks, edge)))
            edges = [int(blocks[at]) << 16, int(blocks[end - 1] + 1) << 16]
            low, high = np.searchsorted(tids, edges)
            yield blocks[at:end], tids[low:high], wanted[at:end], horizons[at:end]
            at = end


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
