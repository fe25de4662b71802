# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
"""pglz, the other direction: compress as PostgreSQL does, byte for byte.

Source: ``common/pg_lzcompress``. The format is :mod:`formats.pglz`'s. Every position of the
last 4096 is kept in chains by a hash of four bytes; the longest match wins, but the longer
the best one so far and the more candidates were tried, the sooner the search is content.
Compression gives up where it gains too little.

A hot loop: ``pglz_pack.pxd`` gives the C types with which Cython compiles this very source.
"""

from __future__ import annotations

from array import array
from typing import Any, NamedTuple

try:
    import cython

    COMPILED = cython.compiled
except ImportError:
    COMPILED = False

HISTORY_SIZE = 4096
MAX_MATCH = 273
MAX_DISTANCE = 0x0FFF


class Strategy(NamedTuple):
    """When compressing is worth while: sizes in bytes, rates in per cent."""

    min_input: int
    min_rate: int
    first_success_by: int
    good_match: int
    good_drop: int


#: What the server uses for values and page images.
DEFAULT = Strategy(32, 25, 1024, 128, 10)
#: Whatever it gains.
ALWAYS = Strategy(0, 0, 0x7FFFFFFF, 128, 6)


def compress(data: bytes, strategy: Strategy = DEFAULT) -> bytes | None:
    """The compressed form, None where that gains too little."""
    size = len(data)
    if size < strategy.min_input:
        return None
    limit = size * (100 - strategy.min_rate) // 100
    buckets = 512
    while buckets < 8192 and size >= buckets >> 2:
        buckets <<= 1
    out = bytearray(limit + 8)
    history = [array("i", bytes(4 * (HISTORY_SIZE + 1))) for _ in range(4)]
    made = deflate(
        data, size, out, limit, buckets - 1, strategy.first_success_by, strategy.good_match,
        strategy.good_drop, array("i", bytes(4 * buckets)), *history,
    )  # fmt: skip
    return bytes(out[:made]) if made >= 0 else None


def deflate(
    data: bytes, size: int, target: bytearray, limit: int, mask: int, success_by: int,
    good_match: int, good_drop: int, heads: Any, place: Any, older: Any, newer: Any, bucket: Any,
) -> int:  # fmt: skip
    """Fill ``target``; the bytes made, -1 where they reach ``limit``.

    ``heads`` has a bucket's newest entry of the history. An entry (from 1 on; they are used
    in turn) has its position in ``place``, its neighbours in the chain, its ``bucket``.
    """
    src = data
    dst = target
    at = made = control_at = 0
    control = bits = 0
    entry = 1
    full = found_any = False
    while at < size:
        if made >= limit or (not found_any and made >= success_by):
            return -1
        match = _longest(src, at, size, mask, good_match, good_drop, heads, place, older)
        best = match >> 16
        distance = match & 0xFFFF
        # An item: its control bit comes with those of up to seven others, in front of them.
        if bits & 0xFF == 0:
            dst[control_at] = control
            control_at = made
            made += 1
            control = 0
            bits = 1
        count = 1
        if best > 2:
            control |= bits
            count = best
            found_any = True
            dst[made] = (distance & 0xF00) >> 4 | (0x0F if best > 17 else best - 3)
            dst[made + 1] = distance & 0xFF
            made += 2
            if best > 17:
                dst[made] = best - 18
                made += 1
        else:
            dst[made] = src[at]
            made += 1
        bits <<= 1
        # The positions that it covers become part of the history, which may be full.
        while count:
            if full:
                if newer[entry]:
                    older[newer[entry]] = older[entry]
                else:
                    heads[bucket[entry]] = older[entry]
                newer[older[entry]] = newer[entry]
            n = _hash(src, at, size, mask)
            older[entry] = heads[n]
            newer[entry] = 0
            bucket[entry] = n
            place[entry] = at
            newer[heads[n]] = entry
            heads[n] = entry
            entry += 1
            if entry > HISTORY_SIZE:
                entry = 1
                full = True
            at += 1
            count -= 1
    dst[control_at] = control
    return made if made < limit else -1


def _hash(src: bytes, at: int, size: int, mask: int) -> int:
    """The bucket of the four bytes at a position, of the first byte near the end."""
    if size - at < 4:
        return src[at] & mask
    return (src[at] << 6 ^ src[at + 1] << 4 ^ src[at + 2] << 2 ^ src[at + 3]) & mask


def _longest(
    src: bytes, at: int, size: int, mask: int, good: int, drop: int, heads: Any, place: Any,
    older: Any,
) -> int:  # fmt: skip
    """Of what follows in the history: length << 16 | distance of the match to take."""
    best = distance = 0
    n = heads[_hash(src, at, size, mask)]
    while n:
        back = place[n]
        if at - back >= MAX_DISTANCE:
            break
        count = 0
        while at + count < size and count < MAX_MATCH and src[at + count] == src[back + count]:
            count += 1
        if count > best:
            best = count
            distance = at - back
        n = older[n]
        if n:
            if best >= good:
                break
            good -= good * drop // 100
    return best << 16 | distance
