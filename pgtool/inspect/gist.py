"""gist_page_opaque_info and gist_page_items_bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from formats import gist
from formats.derive import sizeof
from formats.gist import GistFlags
from formats.itup import checked_header, tid_of, tuple_size
from formats.page import LpFlags
from formats.units import Lsn
from pgtool.inspect.rawpage import PageError, RawPage, Row, flag_names

_SPECIAL = sizeof(gist.GISTPageOpaqueData)
_NAMES = tuple((int(flag), str(flag.name).removeprefix("F_").lower()) for flag in GistFlags)
_NOT_GIST = "input page is not a valid GiST page"


def opaque_of(page: RawPage) -> Any:
    """The special space; PageError where the page is not GiST's."""
    page.require_special_size(_SPECIAL, _NOT_GIST)
    opaque = gist.read_opaque(page.data, page.special)
    if opaque.gist_page_id != gist.GIST_PAGE_ID:
        raise PageError(
            _NOT_GIST, f"Expected {gist.GIST_PAGE_ID:08x}, got {opaque.gist_page_id:08x}."
        )
    return opaque


def gist_page_opaque_info(page: RawPage) -> Iterator[Row]:
    """The special space of any GiST page."""
    if page.is_new:
        yield (None,) * 4
        return
    opaque = opaque_of(page)
    nsn = Lsn(opaque.nsn_xlogid << 32 | opaque.nsn_xrecoff)
    yield str(page.lsn), str(nsn), opaque.rightlink, flag_names(opaque.flags, _NAMES)


def gist_page_items_bytea(page: RawPage) -> Iterator[Row]:
    """The index tuples of a page, whole."""
    if page.is_new:
        return
    if opaque_of(page).flags & GistFlags.F_DELETED:
        page.notice("page is deleted")
        return
    for item in page.items:
        head = checked_header(page, item)
        size = tuple_size(head.t_info)
        yield (
            item.number, str(tid_of(head)), size, item.flags == LpFlags.LP_DEAD,
            page.data[item.offset : item.offset + size],
        )  # fmt: skip
