"""Cutting a relation's free space map and visibility map when the relation is cut.

The last map page that stays loses the entries of the blocks that go; whole pages behind it
are cut off. Shared by truncation and its replay. ``pool`` is anything with the buffer
manager's ``nblocks``, ``pin``, ``mark_dirty`` and ``truncate``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from formats import fsm, vm
from pgtool.storage import freespace
from pgtool.storage import page as bufpage
from pgtool.storage.smgr import ForkNumber, RelFileLocator


def cut_free_space_map(pool: Any, where: RelFileLocator, blocks: int) -> None:
    """The free space map of a relation that is cut to ``blocks`` blocks."""
    _cut(pool, where, ForkNumber.FSM, *fsm.locate(blocks), freespace.truncate_slots)


def cut_visibility_map(pool: Any, where: RelFileLocator, blocks: int) -> None:
    """The visibility map of a relation that is cut to ``blocks`` blocks."""
    _cut(pool, where, ForkNumber.VM, *vm.locate(blocks), cut_bits)


def _cut(
    pool: Any, where: RelFileLocator, fork: ForkNumber, page_number: int, entry: int,
    clear: Callable[[bytearray, int], object],
) -> None:  # fmt: skip
    """Keep a fork up to an entry of one page; ``clear`` takes what follows off that page."""
    keep = page_number
    if entry:
        keep += 1
        if page_number < pool.nblocks(where, fork):
            buf = pool.pin(where, page_number, fork)
            if not bufpage.is_new(buf.page):
                clear(buf.page, entry)
                pool.mark_dirty(buf)
            pool.unpin(buf)
    if keep < pool.nblocks(where, fork):
        pool.truncate(where, fork, keep)


def cut_bits(page: bytearray, index: int) -> None:
    """Clear the bits of the heap blocks from ``index`` on."""
    byte, part = divmod(index, vm.HEAPBLOCKS_PER_BYTE)
    at = vm.MAP + byte
    page[at] &= (1 << vm.BITS_PER_HEAPBLOCK * part) - 1
    page[at + 1 :] = bytes(len(page) - at - 1)
