"""brin_page_type, brin_metapage_info, brin_revmap_data."""

from __future__ import annotations

from collections.abc import Iterator

from formats import brin
from formats.brin import BrinPageType
from formats.derive import sizeof
from formats.itup import read_tids
from formats.page import SIZE_OF_PAGE_HEADER
from pgtool.inspect.rawpage import PageError, RawPage, Row, int4

_SPECIAL = sizeof(brin.BrinSpecialSpace)
_NOT_BRIN = "input page is not a valid BRIN page"
_TYPE_NAMES = {
    BrinPageType.BRIN_PAGETYPE_META: "meta",
    BrinPageType.BRIN_PAGETYPE_REVMAP: "revmap",
    BrinPageType.BRIN_PAGETYPE_REGULAR: "regular",
}


def _page_type(page: RawPage) -> int:
    page.require_special_size(_SPECIAL, _NOT_BRIN)
    return int(brin.read_special(page.data, page.special).type)


def verify(page: RawPage, wanted: BrinPageType, name: str) -> None:
    """PageError unless the page is of the wanted type."""
    got = _page_type(page)
    if got != wanted:
        raise PageError(
            f'page is not a BRIN page of type "{name}"',
            f"Expected special type {int(wanted):08x}, got {got:08x}.",
        )


def brin_page_type(page: RawPage) -> Iterator[Row]:
    """meta, revmap or regular."""
    if page.is_new:
        yield (None,)
        return
    got = _page_type(page)
    yield (_TYPE_NAMES[BrinPageType(got)] if got in _TYPE_NAMES else f"unknown ({got:02x})",)


def brin_metapage_info(page: RawPage) -> Iterator[Row]:
    """The meta page."""
    if page.is_new:
        yield (None,) * 4
        return
    verify(page, BrinPageType.BRIN_PAGETYPE_META, "metapage")
    meta = brin.read_meta(page.data, SIZE_OF_PAGE_HEADER)
    yield (
        f"0x{meta.brinMagic:08X}", int4(meta.brinVersion), int4(meta.pagesPerRange),
        meta.lastRevmapPage,
    )  # fmt: skip


def brin_revmap_data(page: RawPage) -> Iterator[Row]:
    """The TIDs of a range map page; (0,0) where a range has no summary."""
    if page.is_new:
        yield (None,)
        return
    verify(page, BrinPageType.BRIN_PAGETYPE_REVMAP, "revmap")
    for tid in read_tids(page.data, SIZE_OF_PAGE_HEADER, brin.REVMAP_PAGE_MAXITEMS):
        yield (str(tid),)
