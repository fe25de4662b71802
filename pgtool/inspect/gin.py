"""gin_metapage_info, gin_page_opaque_info and gin_leafpage_items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from formats import gin
from formats.derive import sizeof
from formats.gin import GinFlags
from formats.page import SIZE_OF_PAGE_HEADER
from pgtool.inspect.rawpage import PageError, RawPage, Row, flag_names, int4

_SPECIAL = sizeof(gin.GinPageOpaqueData)
_NAMES = tuple((int(flag), str(flag.name).removeprefix("GIN_").lower()) for flag in GinFlags)
_COMPRESSED_LEAF = int(GinFlags.GIN_DATA | GinFlags.GIN_LEAF | GinFlags.GIN_COMPRESSED)


def _opaque(page: RawPage, message: str) -> Any:
    page.require_special_size(_SPECIAL, message)
    return gin.read_opaque(page.data, page.special)


def gin_metapage_info(page: RawPage) -> Iterator[Row]:
    """The meta page."""
    if page.is_new:
        yield (None,) * 10
        return
    flags = _opaque(page, "input page is not a valid GIN metapage").flags
    if flags != GinFlags.GIN_META:
        raise PageError(
            "input page is not a GIN metapage",
            f"Flags {flags:04X}, expected {int(GinFlags.GIN_META):04X}",
        )
    meta = gin.read_meta(page.data, SIZE_OF_PAGE_HEADER)
    yield (
        meta.head, meta.tail, int4(meta.tailFreeSize), meta.nPendingPages,
        meta.nPendingHeapTuples, meta.nTotalPages, meta.nEntryPages, meta.nDataPages,
        meta.nEntries, meta.ginVersion,
    )  # fmt: skip


def gin_page_opaque_info(page: RawPage) -> Iterator[Row]:
    """The special space of any GIN page."""
    if page.is_new:
        yield (None,) * 3
        return
    opaque = _opaque(page, "input page is not a valid GIN data leaf page")
    yield opaque.rightlink, opaque.maxoff, flag_names(opaque.flags, _NAMES)


def gin_leafpage_items(page: RawPage) -> Iterator[Row]:
    """The compressed posting lists of a posting tree leaf."""
    if page.is_new:
        yield (None,) * 3
        return
    flags = _opaque(page, "input page is not a valid GIN data leaf page").flags
    if flags != _COMPRESSED_LEAF:
        raise PageError(
            "input page is not a compressed GIN data leaf page",
            f"Flags {flags:04X}, expected {_COMPRESSED_LEAF:04X}",
        )
    for _start, nbytes, tids in gin.posting_segments(page):
        yield str(tids[0]), nbytes, [str(t) for t in tids]
