"""What replay of a btree page need not restore."""

from __future__ import annotations

from formats.nbtree import BtpFlags
from pgtool.access.btree import pageops
from pgtool.storage import bufmask

__all__ = ["mask"]

_UNLOGGED = int(BtpFlags.BTP_HAS_GARBAGE | BtpFlags.BTP_SPLIT_END)


def mask(page: bytearray, block: int) -> None:
    """Blank the page's hints, in place."""
    bufmask.mask_page_lsn_and_checksum(page)
    bufmask.mask_page_hint_bits(page)
    bufmask.mask_unused_space(page)
    if pageops.is_leaf(page):
        bufmask.mask_lp_flags(page)
    pageops.clear_flags(page, _UNLOGGED)
    pageops.set_cycleid(page, 0)
