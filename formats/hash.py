"""Hash index pages: meta, bucket, overflow and bitmap pages.

Source: ``access/hash.h``. Every page ends with HashPageOpaqueData, whose last two bytes
are HASHO_PAGE_ID. Bucket and overflow pages hold index tuples whose only attribute is
the 32-bit hash of the key, sorted by it; bitmap pages tell which overflow pages are
free; the meta page (block 0) maps buckets to blocks.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from construct import Array, Struct

from formats.derive import reader, sizeof
from formats.errors import CorruptData
from formats.itup import begin_layout, tuple_size
from formats.layout import (
    Item,
    PageView,
    Piece,
    Problems,
    array,
    contents_piece,
    corrupt,
    header_piece,
    line_pointer_page,
    special_piece,
)
from formats.page import SIZE_OF_PAGE_HEADER
from formats.units import BlockNumber, Flags, Oid, Raw, float8, uint16, uint32

HASH_METAPAGE = 0
HASH_MAGIC = 0x6440640
HASH_VERSION = 4
HASHO_PAGE_ID = 0xFF80
HASH_MAX_SPLITPOINTS = 98
HASH_MAX_BITMAPS = 1024
HASH_SPLITPOINT_GROUPS_WITH_ONE_PHASE = 10
HASH_SPLITPOINT_PHASE_BITS = 2


class LhFlags(enum.IntFlag):
    """``hasho_flag``; the low four bits are the page type."""

    LH_OVERFLOW_PAGE = 0x0001
    LH_BUCKET_PAGE = 0x0002
    LH_BITMAP_PAGE = 0x0004
    LH_META_PAGE = 0x0008
    LH_BUCKET_BEING_POPULATED = 0x0010
    LH_BUCKET_BEING_SPLIT = 0x0020
    LH_BUCKET_NEEDS_SPLIT_CLEANUP = 0x0040
    LH_PAGE_HAS_DEAD_TUPLES = 0x0080


LH_PAGE_TYPE = 0x000F

HashPageOpaqueData = Struct(
    "hasho_prevblkno" / BlockNumber
    * "overflow page: previous page of the chain; bucket page: highest bucket at its last split",
    "hasho_nextblkno" / BlockNumber * "next page of the chain, 4294967295 at its end",
    "hasho_bucket" / uint32 * "the bucket that the page belongs to",
    "hasho_flag" / Flags(uint16, LhFlags) * "page type and state",
    "hasho_page_id" / uint16 * "0xFF80: a hash index",
)  # fmt: skip
assert HashPageOpaqueData.sizeof() == 16

HashMetaPageData = Struct(
    "hashm_magic" / uint32 * "0x6440640",
    "hashm_version" / uint32 * "version of the format, 4 since PostgreSQL 10",
    "hashm_ntuples" / float8 * "tuples in the index",
    "hashm_ffactor" / uint16 * "tuples wanted in a bucket",
    "hashm_bsize" / uint16 * "bytes of a page that tuples may use",
    "hashm_bmsize" / uint16 * "bytes of a bitmap page's bitmap",
    "hashm_bmshift" / uint16 * "log2 of the bits in a bitmap page",
    "hashm_maxbucket" / uint32 * "highest bucket in use",
    "hashm_highmask" / uint32 * "mask of a hash to a bucket of the table's full size",
    "hashm_lowmask" / uint32 * "mask to the lower half, where the full one gives no bucket yet",
    "hashm_ovflpoint" / uint32 * "splitpoint that overflow pages are now allocated at",
    "hashm_firstfree" / uint32 * "lowest overflow bit that may be free",
    "hashm_nmaps" / uint32 * "number of bitmap pages",
    "hashm_procid" / Oid * "the hash function",
    "hashm_spares" / Array(HASH_MAX_SPLITPOINTS, uint32)
    * "overflow pages allocated before each splitpoint",
    "hashm_mapp" / Array(HASH_MAX_BITMAPS, BlockNumber) * "blocks of the bitmap pages",
    "padding" / Raw(4) * "alignment",
)  # fmt: skip
assert HashMetaPageData.sizeof() == 4544

#: The key of a hash index tuple.
HashKey = Struct("hash" / uint32 * "hash of the indexed value")

read_opaque = reader(HashPageOpaqueData)
read_meta = reader(HashMetaPageData)


def total_buckets(phase: int) -> int:
    """Buckets that exist when the splitpoint phase is complete.

    The first ten splitpoints double the table at once; later ones do so in four phases.
    """
    if phase < HASH_SPLITPOINT_GROUPS_WITH_ONE_PHASE:
        return 1 << phase
    past = phase - HASH_SPLITPOINT_GROUPS_WITH_ONE_PHASE
    half = 1 << (HASH_SPLITPOINT_GROUPS_WITH_ONE_PHASE + (past >> HASH_SPLITPOINT_PHASE_BITS) - 1)
    done = (past & (1 << HASH_SPLITPOINT_PHASE_BITS) - 1) + 1
    return half + (half >> HASH_SPLITPOINT_PHASE_BITS) * done


def overflow_bit(spares: list[int], ovflpoint: int, block: int) -> int | None:
    """The bit number of an overflow page in the bitmaps, None where the block is no such page."""
    for phase in range(1, min(ovflpoint, HASH_MAX_SPLITPOINTS - 1) + 1):
        before = total_buckets(phase)
        if block <= before:
            return None
        bit = block - before
        if spares[phase - 1] < bit <= spares[phase]:
            return bit - 1
    return None


def layout(view: PageView, problems: Problems) -> Iterator[Piece]:
    """The pieces of a hash index page."""
    special = special_piece(view, "HashPageOpaqueData", HashPageOpaqueData)
    yield special
    kind = read_opaque(view.data, special.offset).hasho_flag & LH_PAGE_TYPE
    if kind == LhFlags.LH_META_PAGE:
        yield header_piece()
        yield contents_piece("HashMetaPageData", HashMetaPageData)
    elif kind == LhFlags.LH_BITMAP_PAGE:
        size = view.header.pd_lower - SIZE_OF_PAGE_HEADER
        if not 0 <= size <= special.offset - SIZE_OF_PAGE_HEADER:
            raise corrupt("pd_lower", f"bitmap of {size} bytes")
        yield header_piece()
        words = array(size // sizeof(uint32), uint32)
        yield contents_piece("bitmap", words, "a set bit: the overflow page is in use")
    else:
        yield from line_pointer_page(view, _tuple, problems)


def _tuple(view: PageView, item: Item) -> list[Piece]:
    out, head = begin_layout(view, item)
    end = item.offset + tuple_size(head.t_info)
    if end - out.at < sizeof(HashKey):
        raise CorruptData(f"tuple {item.number} has no hash", offset=item.offset)
    out.add("key", HashKey)
    out.raw("padding", item.end)
    return out.pieces
