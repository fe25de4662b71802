"""page_header, page_checksum and fsm_page_contents: for pages of any kind."""

from __future__ import annotations

from collections.abc import Iterator

from formats.fsm import FSMPage
from pgtool.inspect.rawpage import PAGE_VERSION_MASK, RawPage, Row, int2
from pgtool.storage.checksum import page_checksum as checksum_of


def page_header(page: RawPage) -> Iterator[Row]:
    """The fields of the page header."""
    head = page.header
    yield (
        str(page.lsn), int2(head.pd_checksum), int2(head.pd_flags), head.pd_lower, head.pd_upper,
        head.pd_special, page.page_size, head.pd_pagesize_version & PAGE_VERSION_MASK,
        head.pd_prune_xid,
    )  # fmt: skip


def page_checksum(page: RawPage) -> Iterator[Row]:
    """The checksum that the page should have in its place."""
    yield (None if page.is_new else int2(checksum_of(page.data, page.block)),)


def fsm_page_contents(page: RawPage) -> Iterator[Row]:
    """The nodes of a free space map page that are not zero."""
    if page.is_new:
        yield (None,)
        return
    fsm = FSMPage.parse(page.data)
    lines = [f"{i}: {node}\n" for i, node in enumerate(fsm.fp_nodes) if node]
    yield ("".join(lines) + f"fp_next_slot: {fsm.fp_next_slot}\n",)
