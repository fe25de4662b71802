"""Which pages a VACUUM looks at: those that the visibility map does not excuse.

All-visible pages need no look, all-frozen ones not even in an *aggressive* scan, which must
see every unfrozen id. Short rows of excused pages are read all the same (read-ahead is
cheaper than skipping), and so is the last page, so that an empty tail is noticed. An
ordinary scan of a large table whose oldest id is past the freeze limit looks *eagerly* at
some all-visible pages too, as long as freezing them mostly succeeds, so that the next
aggressive scan finds less to do.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from formats.units import FIRST_NORMAL_XID
from pgtool.access.heap import visibilitymap
from pgtool.transam.cutoffs import Cutoffs
from pgtool.transam.xid import multi_precedes, precedes

__all__ = ["Skipper"]

SKIP_PAGES_THRESHOLD = 32
EAGER_REGION_PAGES = 4096
EAGER_SUCCESS_SHARE = 0.2
_VISIBLE, _FROZEN = visibilitymap.ALL_VISIBLE, visibilitymap.ALL_FROZEN


class Skipper:
    """Iterates over (block, all-visible by the map, looked at eagerly)."""

    def __init__(
        self, bits: npt.NDArray[np.uint8], cutoffs: Cutoffs, options: Any, counts: tuple[int, int]
    ) -> None:
        """``bits`` are the map's of each page; ``counts`` the all-visible and all-frozen ones.

        The map is looked at once: a VACUUM changes it only where it has been.
        """
        self.bits = bits.data
        self._visible = (bits & _VISIBLE).tobytes()
        self.pages = len(bits)
        self.aggressive = cutoffs.aggressive
        self.page_skipping = options.page_skipping
        #: Whether pages were skipped that are all-visible but not all-frozen.
        self.skipped_visible = False
        self._fails_left = self._successes_left = 0
        self._region_fails = 0
        self._region_end = 0
        if not self.aggressive:
            self._plan_eager(cutoffs, options.eager_failure_rate, counts)

    def _plan_eager(self, cutoffs: Cutoffs, rate: float, counts: tuple[int, int]) -> None:
        if rate <= 0 or self.pages < EAGER_REGION_PAGES:
            return
        successes = int(EAGER_SUCCESS_SHARE * (counts[0] - counts[1]))
        old = cutoffs.freeze_limit >= FIRST_NORMAL_XID and precedes(
            cutoffs.relfrozenxid, cutoffs.freeze_limit
        )
        old = old or multi_precedes(cutoffs.relminmxid, cutoffs.multi_cutoff)
        if successes <= 0 or not old:
            return
        self._successes_left = successes
        self._region_end = random.randrange(EAGER_REGION_PAGES)
        self._region_fails = int(EAGER_REGION_PAGES * rate)
        rest = 1 - self._region_end / EAGER_REGION_PAGES
        self._fails_left = int(self._region_fails * rest)

    def tell(self, frozen: bool) -> None:
        """What came of a page that was looked at eagerly."""
        if frozen:
            self._successes_left -= 1
            if self._successes_left <= 0:
                self._fails_left = self._region_fails = 0
        else:
            self._fails_left -= 1

    def __iter__(self) -> Iterator[tuple[int, bool, bool]]:
        block = 0
        while block < self.pages:
            stop = self._visible.find(_VISIBLE, block)
            for hidden in range(block, self.pages if stop < 0 else stop):
                yield hidden, False, False
            if stop < 0:
                return
            block = stop
            target, visible, eager, left_visible = self._next_needed(block)
            if target - block >= SKIP_PAGES_THRESHOLD:
                self.skipped_visible |= left_visible
                block = target
            while block < target:
                yield block, True, False
                block += 1
            if target < self.pages:
                yield target, visible, eager
            block = target + 1

    def _next_needed(self, block: int) -> tuple[int, bool, bool, bool]:
        """The next page that must be seen: (block, all-visible, eager, visible ones between)."""
        left_visible = False
        while block < self.pages:
            while self._region_fails and block >= self._region_end:
                self._fails_left = self._region_fails
                self._region_end += EAGER_REGION_PAGES
            bits = self.bits[block]
            visible = bool(bits & _VISIBLE)
            if not visible or block == self.pages - 1 or not self.page_skipping:
                return block, visible, False, left_visible
            if not bits & _FROZEN:
                if self.aggressive:
                    return block, True, False, left_visible
                if self._fails_left > 0 and self._successes_left > 0:
                    return block, True, True, left_visible
                left_visible = True
            block += 1
        return block, False, False, left_visible

