# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
"""pglz: the LZ variant that PostgreSQL uses for TOASTed values and page images.

Source: ``common/pg_lzcompress``. The data is a sequence of groups: one control byte, then
up to eight items, one for each of its bits from the lowest. A clear bit is a literal
byte. A set bit is a match: two bytes with a 12-bit distance and a 4-bit length (3 to 17;
the code 15 means that a third byte adds 0 to 255 to 18), copied from what has come out
so far. Neither end is marked: the compressed and the raw size are known from elsewhere.

A hot loop: ``pglz.pxd`` gives the C types with which Cython compiles this very source.
"""

from __future__ import annotations

from formats.errors import CorruptData

try:
    import cython

    COMPILED = cython.compiled
except ImportError:
    COMPILED = False

#: A match has at most this length, so a byte of input gives at most 273/3 of output.
MAX_MATCH = 273


def decompress(data: bytes, raw_size: int) -> bytes:
    """The ``raw_size`` bytes that ``data`` holds; all of ``data`` must be used for them.

    CorruptData where a match points before the start, or the sizes do not meet.
    """
    return bytes(decompress_view(data, raw_size))


def decompress_view(data: bytes, raw_size: int) -> memoryview:
    """The same as a view of what was filled: a value of hundreds of megabytes is held once."""
    if raw_size < 0 or raw_size > len(data) * MAX_MATCH:
        raise CorruptData(f"invalid pglz data: {len(data)} bytes cannot give {raw_size}")
    out = bytearray(raw_size)
    used = inflate(data, len(data), out, raw_size, True)
    if used < 0:
        raise CorruptData("invalid pglz data")
    return memoryview(out)


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
