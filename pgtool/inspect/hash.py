"""hash_page_type, hash_page_stats, hash_page_items, hash_bitmap_info, hash_metapage_info."""

from __future__ import annotations

from collections.abc import Iterator

from formats import hash
from formats.derive import reader, sizeof
from formats.errors import CorruptData
from formats.hash import LhFlags
from formats.itup import checked_header, data_offset, tid_of
from formats.page import SIZE_OF_PAGE_HEADER, LpFlags
from formats.units import BLCKSZ, uint32
from pgtool.inspect.rawpage import Float8, PageError, RawPage, Row

_SPECIAL = sizeof(hash.HashPageOpaqueData)
_NOT_HASH = "input page is not a valid hash page"
_read_key = reader(hash.HashKey)
_BUCKET_OR_OVERFLOW = int(LhFlags.LH_BUCKET_PAGE | LhFlags.LH_OVERFLOW_PAGE)
_TYPE_NAMES = {
    0: "unused",
    int(LhFlags.LH_OVERFLOW_PAGE): "overflow",
    int(LhFlags.LH_BUCKET_PAGE): "bucket",
    int(LhFlags.LH_BITMAP_PAGE): "bitmap",
    int(LhFlags.LH_META_PAGE): "metapage",
}
_WANTED = {
    int(LhFlags.LH_META_PAGE): "page is not a hash meta page",
    _BUCKET_OR_OVERFLOW: "page is not a hash bucket or overflow page",
    int(LhFlags.LH_BITMAP_PAGE): "page is not a hash bitmap page",
}


def _verify(page: RawPage, wanted: int = 0) -> int:
    """The page type, after the extension's checks."""
    kind = 0
    if not page.is_new:
        page.require_special_size(_SPECIAL, _NOT_HASH)
        opaque = hash.read_opaque(page.data, page.special)
        if opaque.hasho_page_id != hash.HASHO_PAGE_ID:
            raise PageError(
                _NOT_HASH, f"Expected {hash.HASHO_PAGE_ID:08x}, got {opaque.hasho_page_id:08x}."
            )
        kind = opaque.hasho_flag & hash.LH_PAGE_TYPE
    if kind not in _TYPE_NAMES:
        raise PageError(f"invalid hash page type {kind:08x}")
    if wanted and not kind & wanted:
        raise PageError(_WANTED[wanted])
    if kind == LhFlags.LH_META_PAGE:
        meta = hash.read_meta(page.data, SIZE_OF_PAGE_HEADER)
        if meta.hashm_magic != hash.HASH_MAGIC:
            raise CorruptData(
                "invalid magic number for metadata: "
                f"Expected 0x{hash.HASH_MAGIC:08x}, got 0x{meta.hashm_magic:08x}.",
                field="hashm_magic",
            )
        if meta.hashm_version != hash.HASH_VERSION:
            raise CorruptData(
                "invalid version for metadata: "
                f"Expected {hash.HASH_VERSION}, got {meta.hashm_version}.",
                field="hashm_version",
            )
    return int(kind)


def hash_page_type(page: RawPage) -> Iterator[Row]:
    """metapage, bucket, overflow, bitmap or unused."""
    yield (_TYPE_NAMES[_verify(page)],)


def hash_page_stats(page: RawPage) -> Iterator[Row]:
    """Fill and links of a bucket or overflow page."""
    _verify(page, _BUCKET_OR_OVERFLOW)
    opaque = hash.read_opaque(page.data, page.special)
    dead = sum(item.flags == LpFlags.LP_DEAD for item in page.items)
    yield (
        len(page.items) - dead, dead, page.page_size, page.free_space, opaque.hasho_prevblkno,
        opaque.hasho_nextblkno, opaque.hasho_bucket, opaque.hasho_flag, opaque.hasho_page_id,
    )  # fmt: skip


def hash_page_items(page: RawPage) -> Iterator[Row]:
    """The index tuples of a bucket or overflow page: heap tuple and hash."""
    _verify(page, _BUCKET_OR_OVERFLOW)
    for item in page.items:
        head = checked_header(page, item)
        at = item.offset + data_offset(head.t_info)
        if at + sizeof(hash.HashKey) > BLCKSZ:
            raise CorruptData(f"tuple {item.number} has no hash", offset=item.offset)
        yield item.number, str(tid_of(head)), _read_key(page.data, at).hash


def hash_metapage_info(page: RawPage) -> Iterator[Row]:
    """The meta page."""
    _verify(page, int(LhFlags.LH_META_PAGE))
    meta = hash.read_meta(page.data, SIZE_OF_PAGE_HEADER)
    spares, mapp = _arrays(meta)
    yield (
        meta.hashm_magic, meta.hashm_version, Float8(meta.hashm_ntuples), meta.hashm_ffactor,
        meta.hashm_bsize, meta.hashm_bmsize, meta.hashm_bmshift, meta.hashm_maxbucket,
        meta.hashm_highmask, meta.hashm_lowmask, meta.hashm_ovflpoint, meta.hashm_firstfree,
        meta.hashm_nmaps, meta.hashm_procid, spares, mapp,
    )  # fmt: skip


def _arrays(meta: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """hashm_spares and hashm_mapp: the last fields of the meta page before its padding."""
    first = len(meta) - 1 - hash.HASH_MAX_BITMAPS - hash.HASH_MAX_SPLITPOINTS
    middle = first + hash.HASH_MAX_SPLITPOINTS
    return list(meta[first:middle]), list(meta[middle:-1])


def hash_bitmap_info(page: RawPage) -> Iterator[Row]:
    """Where the bit of an overflow page lies and whether the page is in use.

    The page given names the block asked about; the meta page and the bitmap page are
    fetched.
    """
    block = page.block
    meta_page = RawPage(page.fetch(hash.HASH_METAPAGE), 0, page.major)
    _verify(meta_page, int(LhFlags.LH_META_PAGE))
    meta = hash.read_meta(meta_page.data, SIZE_OF_PAGE_HEADER)
    spares, mapp = _arrays(meta)
    used = mapp[: meta.hashm_nmaps]
    bit = None
    if block != hash.HASH_METAPAGE and block not in used:
        bit = hash.overflow_bit(spares, meta.hashm_ovflpoint, block)
    if bit is None:
        raise PageError(f"invalid overflow block number {block}")
    shift = meta.hashm_bmshift
    if bit >> shift >= len(used):
        raise PageError(f"invalid overflow block number {block}")
    bitmap_page = RawPage(page.fetch(used[bit >> shift]), used[bit >> shift], page.major)
    _verify(bitmap_page, int(LhFlags.LH_BITMAP_PAGE))
    within = bit & (1 << shift) - 1
    at = SIZE_OF_PAGE_HEADER + within // 32 * sizeof(uint32)
    if at + sizeof(uint32) > BLCKSZ:
        raise CorruptData("bit beyond the bitmap page", field="hashm_bmshift")
    word = int.from_bytes(bitmap_page.data[at : at + sizeof(uint32)], "little")
    yield used[bit >> shift], within, bool(word >> within % 32 & 1)
