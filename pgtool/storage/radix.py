# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""Words sorted by some of their bits: a stable sort in a few passes over all of them.

Compiled where possible; the callers use numpy's sort where it is not. That one compares, so
on a million words it takes several times as long. ``radix.pxd`` gives the C types.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

COMPILED: bool = cython.compiled
#: Bits that one pass sorts by, and as many counters are needed.
DIGIT = 11
COUNTERS = 1 << DIGIT


def sort(words: Any, spare: Any, counts: Any, low: int, high: int) -> None:
    """Sort unsigned 64-bit words by their bits [low, high), stable.

    ``spare`` is memory for as many words, ``counts`` for COUNTERS numbers.
    """
    with cython.nogil:
        n = words.shape[0]
        at = low
        here = True
        while at < high:
            bits = high - at if high - at < DIGIT else DIGIT
            mask = (1 << bits) - 1
            for k in range(mask + 1):
                counts[k] = 0
            if here:
                for i in range(n):
                    counts[words[i] >> at & mask] += 1
            else:
                for i in range(n):
                    counts[spare[i] >> at & mask] += 1
            total = 0
            for k in range(mask + 1):
                count = counts[k]
                counts[k] = total
                total += count
            if here:
                for i in range(n):
                    digit = words[i] >> at & mask
                    spare[counts[digit]] = words[i]
                    counts[digit] += 1
            else:
                for i in range(n):
                    digit = spare[i] >> at & mask
                    words[counts[digit]] = spare[i]
                    counts[digit] += 1
            here = not here
            at += bits
        if not here:
            for i in range(n):
                words[i] = spare[i]
