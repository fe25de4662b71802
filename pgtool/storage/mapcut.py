"""Cutting a relation's free space map and visibility map when the relation is cut.

The last map page that stays loses the entries of the blocks that go; whole pages behind it
are cut off. Shared by truncation and its replay. ``pool`` is anything with the buffer
manager's ``nblocks``, ``pin``, ``mark_dirty`` and ``truncate``.
"""

from __future__ import annotations

from typing import Any

from formats import fsm, vm
from pgtool.storage import freespace
from pgtool.storage import page as bufpage
from pgtool.storage.smgr import ForkNumber, RelFileLocator


def cut_free_space_map(pool: Any, where: RelFileLocator, blocks: int) -> None:
    """The free space map of a relation that is cut to ``blocks`` blocks."""
    page_number, slot = fsm.locate(blocks)
    keep = page_number
    if slot:
        keep += 1
        if page_number < pool.nblocks(where, ForkNumber.FSM):
            buf = pool.pin(where, page_number, ForkNumber.FSM)
            if not bufpage.is_new(buf.page):
                freespace.truncate_slots(buf.page, slot)
                pool.mark_dirty(buf)
            pool.unpin(buf)
    if keep < pool.nblocks(where, ForkNumber.FSM):
        pool.truncate(where, ForkNumber.FSM, keep)


def cut_visibility_map(pool: Any, where: RelFileLocator, blocks: int) -> None:
    """The visibility map of a relation that is cut to ``blocks`` blocks."""
    page_number, index = vm.locate(blocks)
    keep = page_number
    if index:
        keep += 1
        if page_number < pool.nblocks(where, ForkNumber.VM):
            buf = pool.pin(where, page_number, ForkNumber.VM)
            if not bufpage.is_new(buf.page):
                cut_bits(buf.page, index)
                pool.mark_dirty(buf)
            pool.unpin(buf)
    if keep < pool.nblocks(where, ForkNumber.VM):
        pool.truncate(where, ForkNumber.VM, keep)


def cut_bits(page: bytearray, index: int) -> None:
    """Clear the bits of the heap blocks from ``index`` on."""
    byte, part = divmod(index, vm.HEAPBLOCKS_PER_BYTE)
    at = vm.MAP + byte
    page[at] &= (1 << vm.BITS_PER_HEAPBLOCK * part) - 1
    page[at + 1 :] = bytes(len(page) - at - 1)
