"""Writing the visibility map: two bits for every heap block.

A set bit is a promise that index-only scans and VACUUM rely on, so bits are set only by a
logged record that also sets PD_ALL_VISIBLE on the heap page, and are cleared in the very
change that breaks the promise, before its record is written. Redo clears them even where
the heap page has its change already: the map page may have been written without it.

The fork is made and grown as needed, its pages all zero until then; that is not logged.
"""

from __future__ import annotations

from typing import Any

from formats.vm import BITS_PER_HEAPBLOCK, HEAPBLOCKS_PER_BYTE, MAP, VisibilityMapBits, locate
from pgtool.access.heap import tupleedit
from pgtool.storage import page as bufpage
from pgtool.storage.smgr import ForkNumber, RelFileLocator

ALL_VISIBLE = int(VisibilityMapBits.VISIBILITYMAP_ALL_VISIBLE)
ALL_FROZEN = int(VisibilityMapBits.VISIBILITYMAP_ALL_FROZEN)
VALID_BITS = ALL_VISIBLE | ALL_FROZEN
_VM = ForkNumber.VM


def _place(heap_block: int) -> tuple[int, int]:
    """(byte of the page, shift in it) of a heap block's bits."""
    byte, part = divmod(locate(heap_block)[1], HEAPBLOCKS_PER_BYTE)
    return MAP + byte, BITS_PER_HEAPBLOCK * part


def bits_at(page: Any, heap_block: int) -> int:
    """The bits of a heap block on its page of the map."""
    byte, shift = _place(heap_block)
    return int(page[byte] >> shift & VALID_BITS)


def set_bits(page: bytearray, heap_block: int, bits: int) -> bool:
    """Set bits of a heap block; whether any of them was clear. A zero page becomes a map page."""
    return bool(tupleedit.set_map_bits(page, heap_block, bits))


def clear_bits(page: bytearray, heap_block: int, bits: int = VALID_BITS) -> bool:
    """Clear bits of a heap block; whether any of them was set."""
    return bool(tupleedit.clear_map_bits(page, heap_block, bits))


def pin(pool: Any, where: RelFileLocator, heap_block: int) -> Any:
    """The map page of a heap block, pinned; the fork is made long enough for it."""
    block = locate(heap_block)[0]
    if not pool.exists(where, _VM):
        pool.create(where, _VM)
    have = pool.nblocks(where, _VM)
    if block >= have:
        pool.extend(where, _VM, block + 1 - have)
    return pool.pin(where, block, _VM)


def covers(buffer: Any, heap_block: int) -> bool:
    """Whether a pinned map page is the one of a heap block."""
    return bool(buffer.tag.block == locate(heap_block)[0])


def status(pool: Any, where: RelFileLocator, heap_block: int) -> int:
    """The bits of a heap block, 0 where the map does not reach so far."""
    block = locate(heap_block)[0]
    if not pool.exists(where, _VM) or block >= pool.nblocks(where, _VM):
        return 0
    with pool.read(where, block, _VM) as buffer:
        return 0 if bufpage.is_new(buffer.page) else bits_at(buffer.page, heap_block)


def clear_unlogged(pool: Any, where: RelFileLocator, heap_block: int, bits: int) -> None:
    """Clear bits without touching the map page's LSN: the heap's record tells redo to."""
    buffer = pin(pool, where, heap_block)
    try:
        if clear_bits(buffer.page, heap_block, bits):
            pool.mark_dirty(buffer)
    finally:
        pool.unpin(buffer)


def truncate_page(page: bytearray, nblocks: int) -> bool:
    """Clear the bits of heap blocks from ``nblocks`` on, on the page where they begin."""
    byte, shift = _place(nblocks)
    before = bytes(page[byte:])
    page[byte:] = bytes([before[0] & (1 << shift) - 1]) + bytes(len(before) - 1)
    return bytes(page[byte:]) != before


def blocks_for(nblocks: int) -> int:
    """Pages of the map that a heap of so many blocks needs at most."""
    block, index = locate(nblocks)
    return block + (index > 0)
