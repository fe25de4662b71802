"""Sorting an array of words that hold a key above a row's place.

Where :mod:`pgtool.storage.radix` is compiled, it sorts by the key's bits only; the places
below are in order already.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pgtool.storage import radix

__all__ = ["sort_words"]

#: With fewer words, numpy's sort is as fast.
_FEW = 4096


def sort_words(words: Any, low: int) -> None:
    """Sort 64-bit words that are not negative, in place, by their bits from ``low`` on.

    What lies below ascends already among those that have the others alike.
    """
    if not radix.COMPILED or len(words) < _FEW:
        words.sort()
        return
    counts = np.empty(radix.COUNTERS, np.int64)
    high = int(words.max()).bit_length()
    radix.sort(words.view(np.uint64), np.empty(len(words), np.uint64), counts, low, high)
