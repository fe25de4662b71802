# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
"""pglz: the LZ variant that PostgreSQL uses for TOASTed values and page images.

Source: ``common/pg_lzcompress``. The data is a sequence of groups: one control byte, then
up to eight items, one for each of its bits from the lowest. A clear bit is a literal
byte. A set bit is a match: two bytes with a 12-bit distance and a 4-bit length (3 to 17;
the code 15 means that a third byte adds 0 to 255 to 18), copied from what has come out
so far. Neither end is marked: the compressed and the raw size are known from elsewhere.

Compression gives the server's own bytes: positions are chained by a hash of the four bytes
there; the longest match within 4,094 bytes wins, and the longer the search goes on the
shorter a match is enough to end it.

A hot loop: ``pglz.pxd`` gives the C types with which Cython compiles this very source.
"""

from __future__ import annotations

from array import array

from formats.errors import CorruptData

try:
    import cython

    COMPILED = cython.compiled
except ImportError:
    COMPILED = False

#: A match has at most this length, so a byte of input gives at most 273/3 of output.
MAX_MATCH = 273
MAX_DISTANCE = 0x0FFF
#: Less is not worth trying; the result must save a quarter; a first match must come early.
MIN_INPUT = 32
MIN_SAVED_PERCENT = 25
FIRST_MATCH_BY = 1024
GOOD_MATCH = 128
_HISTORY = 4096


def decompress(data: bytes, raw_size: int) -> bytes:
    """The ``raw_size`` bytes that ``data`` holds; all of ``data`` must be used for them.

    CorruptData where a match points before the start, or the sizes do not meet.
    """
    if raw_size < 0 or raw_size > len(data) * MAX_MATCH:
        raise CorruptData(f"invalid pglz data: {len(data)} bytes cannot give {raw_size}")
    out = bytearray(raw_size)
    used = inflate(data, len(data), out, raw_size, True)
    if used < 0:
        raise CorruptData("invalid pglz data")
    return bytes(out)


def decompress_slice(data: bytes, size: int) -> bytes:
    """The first ``size`` bytes at most; ``data`` itself may be cut off."""
    out = bytearray(max(0, min(size, len(data) * MAX_MATCH)))
    made = inflate(data, len(data), out, len(out), False)
    if made < 0:
        raise CorruptData("invalid pglz data")
    return bytes(out[:made])


def inflate(data: bytes, length: int, target: bytearray, size: int, complete: bool) -> int:
    """Fill ``target``; the bytes made, -1 where the data is damaged.

    ``complete`` demands that input and output end together.
    """
    src = data
    dst = target
    by_slices = not COMPILED
    pos = made = 0
    while pos < length and made < size:
        control = src[pos] | 0x100
        pos += 1
        while control != 1 and pos < length and made < size:
            if control & 1:
                if pos + 2 > length:
                    return -1
                count = (src[pos] & 0x0F) + 3
                distance = (src[pos] & 0xF0) << 4 | src[pos + 1]
                pos += 2
                if count == 18:
                    if pos >= length:
                        return -1
                    count += src[pos]
                    pos += 1
                if distance == 0 or distance > made:
                    return -1
                count = min(count, size - made)
                back = made - distance
                if by_slices and distance >= count:
                    target[made : made + count] = target[back : back + count]
                else:
                    for i in range(count):
                        dst[made + i] = dst[back + i]
                made += count
            else:
                dst[made] = src[pos]
                made += 1
                pos += 1
            control >>= 1
    if complete and (pos != length or made != size):
        return -1
    return made


def compress(data: bytes) -> bytes | None:
    """``data`` compressed by the server's default strategy; None where it gains too little."""
    size = len(data)
    if size < MIN_INPUT:
        return None
    limit = size * (100 - MIN_SAVED_PERCENT) // 100
    buckets = next((512 << i for i in range(4) if size < 128 << i), 8192)
    # An item takes three bytes at most, and a control byte may come with it.
    target = bytearray(limit + 4)
    heads = array("i", [-1]) * buckets
    used = deflate(data, size, target, limit, heads, buckets - 1, array("i", [-1]) * _HISTORY)
    return None if used < 0 else bytes(target[:used])


def deflate(
    data: bytes, length: int, target: bytearray, limit: int, heads: array[int], mask: int,
    chain: array[int],
) -> int:  # fmt: skip
    """Fill ``target``; the bytes made, -1 where they are ``limit`` or more.

    A match of ``GOOD_MATCH`` bytes ends the search, a tenth less with every further look.
    ``heads`` (by hash) and ``chain`` (by position modulo 4096) link the places seen so far.
    """
    src = data
    dst = target
    link = chain
    pos = made = control_at = control = items = matched = 0
    bit, wrap = 256, _HISTORY - 1
    while pos < length:
        if made >= limit or (not matched and made >= FIRST_MATCH_BY):
            return -1
        best = distance = 0
        good = GOOD_MATCH
        farthest = pos - MAX_DISTANCE
        longest = min(length - pos, MAX_MATCH)
        place = heads[hashed(src, pos, length, mask)]
        while place >= 0 and place > farthest:
            count = 0
            if best < longest and src[place + best] == src[pos + best]:
                while count < longest and src[place + count] == src[pos + count]:
                    count += 1
            if count > best:
                best = count
                distance = pos - place
            place = link[place & wrap]
            if place >= 0:
                if best >= good:
                    break
                good -= good * 10 // 100
        if bit == 256:
            if items:
                dst[control_at] = control
            items = 1
            control_at = made
            made += 1
            control, bit = 0, 1
        if best > 2:
            control |= bit
            matched = 1
            if best > 17:
                dst[made] = (distance & 0xF00) >> 4 | 0x0F
                dst[made + 1] = distance & 0xFF
                dst[made + 2] = best - 18
                made += 3
            else:
                dst[made] = (distance & 0xF00) >> 4 | best - 3
                dst[made + 1] = distance & 0xFF
                made += 2
        else:
            dst[made] = src[pos]
            made += 1
            best = 1
        bit <<= 1
        while best:
            bucket = hashed(src, pos, length, mask)
            link[pos & wrap] = heads[bucket]
            heads[bucket] = pos
            pos += 1
            best -= 1
    if items:
        dst[control_at] = control
    return made if made < limit else -1


def hashed(src: bytes, pos: int, length: int, mask: int) -> int:
    """The bucket of the four bytes at a place, of the first one alone near the end."""
    if pos + 4 > length:
        return src[pos] & mask
    return (src[pos] << 6 ^ src[pos + 1] << 4 ^ src[pos + 2] << 2 ^ src[pos + 3]) & mask
