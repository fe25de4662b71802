"""Changes of hash index pages, as pure functions of (page, arguments)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from formats.derive import offset_of, sizeof, struct_of
from formats.errors import CorruptData
from formats.hash import (
    HASH_MAGIC,
    HASH_MAX_BITMAPS,
    HASH_MAX_SPLITPOINTS,
    HASH_SPLITPOINT_GROUPS_WITH_ONE_PHASE,
    HASH_SPLITPOINT_PHASE_BITS,
    HASH_VERSION,
    HASHO_PAGE_ID,
    LH_PAGE_TYPE,
    HashMetaPageData,
    HashPageOpaqueData,
    LhFlags,
    total_buckets,
)
from formats.page import SIZE_OF_PAGE_HEADER
from formats.units import BLCKSZ, INVALID_BLOCK_NUMBER, float8
from pgtool.storage import page as bufpage

INVALID_BUCKET = 0xFFFFFFFF
LH_UNUSED_PAGE = 0
MAX_BUCKETS_ESTIMATE = 0x40000000

_OPAQUE = struct_of(HashPageOpaqueData)
_AT = BLCKSZ - _OPAQUE.size
_PREV, _NEXT, _FLAG = (
    _AT + offset_of(HashPageOpaqueData, f"hasho_{name}")
    for name in ("prevblkno", "nextblkno", "flag")
)
_U16, _U32, _F8 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<d")
assert float8.sizeof() == _F8.size
_META_AT = SIZE_OF_PAGE_HEADER
_PHASES = (1 << HASH_SPLITPOINT_PHASE_BITS) - 1


def _meta(name: str) -> int:
    return _META_AT + offset_of(HashMetaPageData, f"hashm_{name}")


def init(page: bytearray, prev: int, bucket: int, flag: int) -> None:
    """An empty page of a bucket (or of none)."""
    bufpage.init(page, _OPAQUE.size)
    _OPAQUE.pack_into(page, _AT, prev, INVALID_BLOCK_NUMBER, bucket, flag, HASHO_PAGE_ID)


def init_unused(page: bytearray) -> None:
    """A page that was freed."""
    init(page, INVALID_BLOCK_NUMBER, INVALID_BUCKET, LH_UNUSED_PAGE)


def init_bitmap(page: bytearray, size: int) -> None:
    """A bitmap page of ``size`` bytes, every bit set."""
    init(page, INVALID_BLOCK_NUMBER, INVALID_BUCKET, LhFlags.LH_BITMAP_PAGE)
    end = SIZE_OF_PAGE_HEADER + size
    if end > _AT:
        raise CorruptData(f"bitmap of {size} bytes", field="pd_lower")
    page[SIZE_OF_PAGE_HEADER:end] = b"\xff" * size
    bufpage.set_bounds(page, end, _AT)


def init_meta(page: bytearray, num_tuples: float, procid: int, ffactor: int) -> None:
    """The metapage of an index that is to hold so many tuples."""
    buckets = _first_buckets(num_tuples, ffactor)
    spare = spare_index(buckets)
    init(page, INVALID_BLOCK_NUMBER, INVALID_BUCKET, LhFlags.LH_META_PAGE)
    bsize = BLCKSZ - SIZE_OF_PAGE_HEADER - _OPAQUE.size
    shift = bsize.bit_length() - 1
    highmask = (1 << buckets.bit_length()) - 1
    spares = [0] * HASH_MAX_SPLITPOINTS
    spares[spare] = 1
    struct_of(HashMetaPageData).pack_into(
        page, _META_AT, HASH_MAGIC, HASH_VERSION, 0.0, ffactor, bsize, 1 << shift, shift + 3,
        buckets - 1, highmask, highmask >> 1, spare, 0, 0, procid,
        *spares, *[0] * HASH_MAX_BITMAPS, bytes(4),
    )  # fmt: skip
    bufpage.set_bounds(page, _META_AT + sizeof(HashMetaPageData), _AT)


def _first_buckets(num_tuples: float, ffactor: int) -> int:
    wanted = num_tuples / ffactor if ffactor else 0.0
    if wanted <= 2.0:
        return 2
    if wanted >= MAX_BUCKETS_ESTIMATE:
        return MAX_BUCKETS_ESTIMATE
    return total_buckets(spare_index(int(wanted)))


def spare_index(buckets: int) -> int:
    """The splitpoint phase at which there are this many buckets."""
    group = (buckets - 1).bit_length()
    if group < HASH_SPLITPOINT_GROUPS_WITH_ONE_PHASE:
        return group
    phases = HASH_SPLITPOINT_GROUPS_WITH_ONE_PHASE + (
        group - HASH_SPLITPOINT_GROUPS_WITH_ONE_PHASE << HASH_SPLITPOINT_PHASE_BITS
    )
    return phases + ((buckets - 1) >> (group - HASH_SPLITPOINT_PHASE_BITS - 1) & _PHASES)


def flag(page: bytes | bytearray) -> int:
    """The page's type and state."""
    return int(_U16.unpack_from(page, _FLAG)[0])


def page_type(page: bytes | bytearray) -> int:
    """The page's type."""
    return flag(page) & LH_PAGE_TYPE


def set_flag(page: bytearray, value: int) -> None:
    """Set type and state."""
    _U16.pack_into(page, _FLAG, value)


def clear_flag(page: bytearray, bits: int) -> None:
    """Clear bits of the state."""
    set_flag(page, flag(page) & ~bits & 0xFFFF)


def set_prev(page: bytearray, block: int) -> None:
    """Set the previous page of the chain (of a bucket page: the highest bucket)."""
    _U32.pack_into(page, _PREV, block)


def set_next(page: bytearray, block: int) -> None:
    """Set the next page of the chain."""
    _U32.pack_into(page, _NEXT, block)


def set_bit(page: bytearray, bit: int, on: bool) -> None:
    """Mark an overflow page used or free in a bitmap page."""
    at = SIZE_OF_PAGE_HEADER + (bit >> 5) * 4
    if at + 4 > bufpage.bounds(page)[0]:
        raise CorruptData(f"bitmap page has no bit {bit}")
    (word,) = _U32.unpack_from(page, at)
    mask = 1 << (bit & 31)
    _U32.pack_into(page, at, word | mask if on else word & ~mask)


def meta_get(page: bytes | bytearray, name: str) -> int:
    """A whole-number field of the metapage."""
    return int(_U32.unpack_from(page, _meta(name))[0])


def meta_set(page: bytearray, name: str, value: int) -> None:
    """Set a whole-number field of the metapage."""
    _U32.pack_into(page, _meta(name), value)


def meta_tuples(page: bytes | bytearray) -> float:
    """``hashm_ntuples``."""
    return float(_F8.unpack_from(page, _meta("ntuples"))[0])


def meta_set_tuples(page: bytearray, value: float) -> None:
    """Set ``hashm_ntuples``."""
    _F8.pack_into(page, _meta("ntuples"), value)


def meta_add_bitmap(page: bytearray, block: int) -> None:
    """Append a bitmap page to the metapage's list."""
    count = meta_get(page, "nmaps")
    if count >= HASH_MAX_BITMAPS:
        raise CorruptData("hash metapage lists too many bitmap pages", field="hashm_nmaps")
    _U32.pack_into(page, _meta("mapp") + 4 * count, block)
    meta_set(page, "nmaps", count + 1)


def meta_set_spares(page: bytearray, phase: int, value: int) -> None:
    """Set the number of overflow pages before a splitpoint."""
    if phase >= HASH_MAX_SPLITPOINTS:
        raise CorruptData(f"there is no splitpoint {phase}", field="hashm_ovflpoint")
    _U32.pack_into(page, _meta("spares") + 4 * phase, value)


def meta_more_spares(page: bytearray) -> None:
    """One more overflow page at the present splitpoint."""
    phase = meta_get(page, "ovflpoint")
    if phase >= HASH_MAX_SPLITPOINTS:
        raise CorruptData(f"there is no splitpoint {phase}", field="hashm_ovflpoint")
    at = _meta("spares") + 4 * phase
    meta_set_spares(page, phase, _U32.unpack_from(page, at)[0] + 1)


def add_tuples(page: bytearray, offsets: Sequence[int], tuples: Sequence[bytes]) -> None:
    """Put tuples at these line pointers."""
    for offnum, data in zip(offsets, tuples, strict=True):
        bufpage.must_add_item(page, data, offnum)
