"""The dead TIDs that an index is to forget: which of many TIDs are among them.

A table of bits where the TIDs lie close together, as they do; else a search.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["TidSet"]

Ints = npt.NDArray[Any]
#: Bytes that a table takes at most.
TABLE_BYTES = 64 << 20


class TidSet:
    """An ascending array of TIDs (block << 16 | number) to be asked."""

    def __init__(self, tids: Any) -> None:
        self.tids = np.asarray(tids, np.int64)
        self._table: npt.NDArray[np.bool_] | None = None
        self.first = self.stride = self.span = 0
        if not len(self.tids):
            return
        blocks, numbers = self.tids >> 16, self.tids & 0xFFFF
        self.first, self.stride = int(blocks[0]), int(numbers.max()) + 1
        self.span = int(blocks[-1]) - self.first + 1
        if self.span * self.stride <= TABLE_BYTES:
            self._table = np.zeros(self.span * self.stride, np.bool_)
            self._table[(blocks - self.first) * self.stride + numbers] = True

    def __len__(self) -> int:
        return len(self.tids)

    def among(self, tids: Ints) -> npt.NDArray[np.bool_]:
        """Which of these are dead."""
        if not len(self.tids) or not len(tids):
            return np.zeros(len(tids), np.bool_)
        if self._table is None:
            place = np.searchsorted(self.tids, tids)
            place[place == len(self.tids)] = 0
            return np.asarray(self.tids[place] == tids)
        block, number = (tids >> 16) - self.first, tids & 0xFFFF
        inside = (block >= 0) & (block < self.span) & (number < self.stride)
        return self._table[np.where(inside, block * self.stride + number, 0)] & inside
