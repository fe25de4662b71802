"""Blanking what a replayed page need not share with the page it is compared with.

Replay restores what was logged. Hint bits, free-space bytes, checksums and the like are
not, so before two pages are compared (``wal_consistency_checking``) each access method
blanks them with these parts.
"""

from __future__ import annotations

from formats.page import SIZE_OF_PAGE_HEADER, PageFlags
from formats.units import BLCKSZ
from pgtool.storage import bufpage

_HINTS = int(PageFlags.PD_HAS_FREE_LINES | PageFlags.PD_PAGE_FULL | PageFlags.PD_ALL_VISIBLE)


def mask_lsn_and_checksum(page: bytearray) -> None:
    """The LSN of a page may be later, its checksum is set at writing only."""
    page[bufpage.LSN_AT : bufpage.LSN_AT + 8] = bytes(8)
    page[bufpage.CHECKSUM_AT : bufpage.CHECKSUM_AT + 2] = bytes(2)


def mask_hint_bits(page: bytearray) -> None:
    """``pd_prune_xid`` and the hint flags of the header."""
    page[bufpage.PRUNE_XID_AT : bufpage.PRUNE_XID_AT + 4] = bytes(4)
    bufpage.set_flags(page, off=_HINTS)


def mask_unused_space(page: bytearray) -> None:
    """The hole between line pointers and items."""
    low, high, _end = bufpage.bounds(page)
    page[low:high] = bytes(high - low)


def mask_line_pointer_flags(page: bytearray) -> None:
    """The state of every line pointer in use (items are marked dead without WAL)."""
    for number in range(1, bufpage.max_offset(page) + 1):
        offset, state, length = bufpage.pointer(page, number)
        if state != bufpage.UNUSED:
            bufpage.set_pointer(page, number, offset, bufpage.UNUSED, length)


def mask_content(page: bytearray) -> None:
    """Everything behind the header, and its bounds."""
    page[SIZE_OF_PAGE_HEADER:] = bytes(BLCKSZ - SIZE_OF_PAGE_HEADER)
    page[bufpage.LOWER_AT : bufpage.LOWER_AT + 6] = bytes(6)
