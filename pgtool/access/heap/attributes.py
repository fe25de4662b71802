# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""Finding the attributes of sound tuples in one walk, compiled where possible.

:mod:`pgtool.access.heap.deform` is the only caller. As :mod:`pgtool.access.heap.pointers`
does, the walk stops at the first thing that is not as it should be, and at a tuple that ends
before a wanted attribute; the caller then goes over the same tuples with numpy.

Values of 1, 2, 4 and 8 bytes are fetched on the way, which costs less than to note where they
lie. ``attributes.pxd`` gives the C types.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

COMPILED: bool = cython.compiled
#: What is wanted of an attribute, beside the sizes 1, 2, 4 and 8 of a value.
NOTHING, PLACE, SPAN = 0, 3, 5


def blank(
    what: Any, slot: Any, i: Any, at: Any, ones: Any, twos: Any, fours: Any, eights: Any,
    place: Any, length: Any,
) -> None:  # fmt: skip
    """A NULL: zero, or a span of nothing."""
    if what == 4:
        fours[slot, i] = 0
    elif what == 8:
        eights[slot, i] = 0
    elif what == 1:
        ones[slot, i] = 0
    elif what == 2:
        twos[slot, i] = 0
    else:
        place[slot, i] = at
        if what == 5:
            length[slot, i] = 0


def fetch(
    what: Any, slot: Any, i: Any, at: Any, octets: Any, halves: Any, words: Any, longs: Any,
    ones: Any, twos: Any, fours: Any, eights: Any, place: Any,
) -> None:  # fmt: skip
    """A fixed-width attribute: its value, or its place."""
    if what == 4:
        fours[slot, i] = words[at >> 2]
    elif what == 8:
        eights[slot, i] = longs[at >> 3]
    elif what == 1:
        ones[slot, i] = octets[at]
    elif what == 2:
        twos[slot, i] = halves[at >> 1]
    else:
        place[slot, i] = at


def locate(
    octets: Any, halves: Any, words: Any, longs: Any, start: Any, end: Any, hoff: Any,
    infomask: Any, natts: Any, attlen: Any, align: Any, want: Any, slot: Any, row: Any,
    ones: Any, twos: Any, fours: Any, eights: Any, place: Any, length: Any, special: Any,
    present: Any, counts: Any, most: int,
) -> int:  # fmt: skip
    """0, or -1 for tuples to be looked at more closely.

    ``octets``, ``halves``, ``words`` and ``longs`` are the same bytes. Of each attribute:
    ``want`` what of it is wanted, ``slot`` the row of the array of that kind to be filled,
    ``row`` that of ``present``, which is filled only where it is as long as the tuples are
    many. ``counts`` has for each span the number of its special rows; ``most`` is how many
    attributes a tuple may have.
    """
    nullable = present.shape[1] == start.shape[0]
    last = attlen.shape[0]
    with cython.nogil:
        for i in range(start.shape[0]):
            if natts[i] < last or natts[i] > most:
                return -1
            begin = start[i]
            at = begin + hoff[i]
            stop = end[i]
            nulls = infomask[i] & 1
            for k in range(last):
                what = want[k]
                size = attlen[k]
                if nulls and not (octets[begin + 23 + (k >> 3)] >> (k & 7)) & 1:
                    if what:
                        present[row[k], i] = 0
                        blank(what, slot[k], i, at, ones, twos, fours, eights, place, length)
                    continue
                if what and nullable:
                    present[row[k], i] = 1
                if size > 0:
                    at = (at + align[k] - 1) & -align[k]
                    if at + size > stop:
                        return -1
                    if what:
                        fetch(what, slot[k], i, at, octets, halves, words, longs, ones, twos,
                              fours, eights, place)  # fmt: skip
                    at += size
                    continue
                if at >= stop:
                    return -1
                first = octets[at]
                if first & 1:
                    odd = first == 1
                    head = 0 if odd else 1
                    total = 18 if odd else first >> 1
                else:
                    at = (at + align[k] - 1) & -align[k]
                    if at + 4 > stop:
                        return -1
                    odd = (words[at >> 2] & 3) == 2
                    head = 0 if odd else 4
                    total = words[at >> 2] >> 2
                    if odd and total < 8:
                        return -1
                if total < head or at + total > stop:
                    return -1
                if what:
                    s = slot[k]
                    place[s, i] = at + head
                    length[s, i] = total - head
                    if odd:
                        special[s, counts[s]] = i
                        counts[s] += 1
                at += total
    return 0
