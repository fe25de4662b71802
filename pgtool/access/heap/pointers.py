# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""Finding the tuples of sound pages in one walk, compiled where possible.

:mod:`pgtool.access.heap.page` is the only caller. The walk stops at the first thing that is
not as it should be; the caller then goes over the same pages with numpy, which says what is
wrong and goes on. So nothing is judged here, and no damaged byte gets past.

``pointers.pxd`` gives the C types.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

COMPILED: bool = cython.compiled


def collect(
    octets: Any, halves: Any, words: Any, pages: int, start: Any, end: Any, page: Any,
    offnum: Any, hoff: Any, infomask: Any, natts: Any,
) -> int:  # fmt: skip
    """How many tuples there are, their places and headers filled in; -1 for unsound pages.

    ``octets``, ``halves`` and ``words`` are the same bytes; the arrays to be filled have
    room for every line pointer.
    """
    found = 0
    with cython.nogil:
        for p in range(pages):
            lower = halves[p * 4096 + 6]
            upper = halves[p * 4096 + 7]
            special = halves[p * 4096 + 8]
            if lower < 24 or lower > upper or upper > special or special > 8192:
                return -1
            if halves[p * 4096 + 9] != 8196:
                return -1
            for k in range((lower - 24) >> 2):
                pointer = words[p * 2048 + 6 + k]
                if (pointer >> 15) & 3 != 1:
                    if pointer >> 17:
                        return -1
                    continue
                offset = pointer & 32767
                length = pointer >> 17
                if offset & 7 or offset < 24 or length < 24 or offset + length > 8192:
                    return -1
                at = p * 8192 + offset
                header = octets[at + 22]
                mask = halves[(at + 20) >> 1]
                count = halves[(at + 18) >> 1] & 2047
                least = 23
                if mask & 1:
                    least += (count + 7) >> 3
                if header > length or header & 7 or header < least:
                    return -1
                start[found] = at
                end[found] = at + length
                page[found] = p
                offnum[found] = k + 1
                hoff[found] = header
                infomask[found] = mask
                natts[found] = count
                found += 1
    return found
