"""What of a page a redo need not restore: blanked before two pages are compared.

Under ``wal_consistency_checking`` a record carries its page as it was after the change.
Hints (flags, line pointer states, the hole) may differ between that image and what redo
makes; each resource manager's ``mask`` blanks them with these functions, in both pages.
"""

from __future__ import annotations

from formats.derive import offset_of
from formats.page import SIZE_OF_PAGE_HEADER, LpFlags, PageFlags, PageHeaderData
from formats.units import BLCKSZ
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage

__all__ = [
    "mask_lp_flags", "mask_page_content", "mask_page_hint_bits", "mask_page_lsn_and_checksum",
    "mask_unused_space",
]  # fmt: skip

_CHECKSUM = offset_of(PageHeaderData, "pd_checksum")
_HINTS = PageFlags.PD_PAGE_FULL | PageFlags.PD_HAS_FREE_LINES | PageFlags.PD_ALL_VISIBLE


def mask_page_lsn_and_checksum(page: bytearray) -> None:
    """The LSN is the record's end, which the image cannot hold yet; so with the checksum."""
    bufpage.set_lsn(page, 0)
    page[_CHECKSUM : _CHECKSUM + 2] = bytes(2)


def mask_page_hint_bits(page: bytearray) -> None:
    """``pd_prune_xid`` and the flags that are hints (all-visible is set by another record)."""
    bufpage.set_prune_xid(page, 0)
    bufpage.set_flag(page, _HINTS, False)


def mask_unused_space(page: bytearray) -> None:
    """The hole between line pointers and items."""
    lower, upper, special = bufpage.bounds(page)
    if not SIZE_OF_PAGE_HEADER <= lower <= upper <= special <= BLCKSZ:
        raise CorruptData(
            f"invalid page pd_lower {lower} pd_upper {upper} pd_special {special}",
            field="pd_lower",
        )
    page[lower:upper] = bytes(upper - lower)


def mask_lp_flags(page: bytearray) -> None:
    """The state of every line pointer in use: hash and B-tree pages mark dead items unlogged."""
    for number, (state, offset, length) in enumerate(bufpage.item_ids(page), 1):
        if state:
            bufpage.set_item_id(page, number, LpFlags.LP_UNUSED, offset, length)


def mask_page_content(page: bytearray) -> None:
    """Everything behind the header, and ``pd_lower`` and ``pd_upper``: a deleted page."""
    page[SIZE_OF_PAGE_HEADER:] = bytes(BLCKSZ - SIZE_OF_PAGE_HEADER)
    bufpage.set_bounds(page, 0, 0)
