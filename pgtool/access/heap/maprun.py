"""The visibility map for many heap blocks at once, whose bits lie on one of its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from formats.vm import BITS_PER_HEAPBLOCK, HEAPBLOCKS_PER_BYTE, HEAPBLOCKS_PER_PAGE, MAP
from pgtool.access.heap import visibilitymap
from pgtool.storage import page as bufpage
from pgtool.storage.smgr import ForkNumber

if TYPE_CHECKING:
    from pgtool.access.heap.heapam import HeapRelation
    from pgtool.storage.bufmgr import Buffer

__all__ = ["HEAPBLOCKS_PER_PAGE", "all_bits", "image_needed", "pin", "set_bits"]

Ints = npt.NDArray[Any]


def pin(rel: HeapRelation, blocks: Ints) -> Buffer:
    """The page of the map that tells of all these blocks, pinned."""
    first, last = int(blocks[0]), int(blocks[-1])
    assert first // HEAPBLOCKS_PER_PAGE == last // HEAPBLOCKS_PER_PAGE, "one page of the map"
    buffer: Buffer = visibilitymap.pin(rel.pool, rel.where, first)
    return buffer


def image_needed(rel: HeapRelation, vm: Buffer) -> bool:
    """Whether the next record about a page of the map carries its image."""
    return bool(rel.target.logged and rel.wal.full_page_writes and vm.lsn <= rel.wal.redo_lsn)


def set_bits(page: bytearray, blocks: Ints, bits: Ints) -> None:
    """Set bits of heap blocks on their page of the map."""
    if bufpage.is_new(page):
        bufpage.init(page)
    index = blocks % HEAPBLOCKS_PER_PAGE
    octets = np.frombuffer(page, np.uint8)
    shifted = (bits << BITS_PER_HEAPBLOCK * (index % HEAPBLOCKS_PER_BYTE)).astype(np.uint8)
    np.bitwise_or.at(octets, MAP + index // HEAPBLOCKS_PER_BYTE, shifted)


def all_bits(rel: HeapRelation, nblocks: int) -> npt.NDArray[np.uint8]:
    """The bits of every heap block."""
    pool, where = rel.pool, rel.where
    out = np.zeros(nblocks, np.uint8)
    if not pool.exists(where, ForkNumber.VM):
        return out
    for number in range(pool.nblocks(where, ForkNumber.VM)):
        low = number * HEAPBLOCKS_PER_PAGE
        if low >= nblocks:
            break
        with pool.read(where, number, ForkNumber.VM) as buffer:
            packed = np.frombuffer(bytes(buffer.page[MAP:]), np.uint8)
        pairs = np.unpackbits(packed, bitorder="little").reshape(-1, BITS_PER_HEAPBLOCK)
        bits = pairs[:, 0] | pairs[:, 1] << 1
        out[low : low + HEAPBLOCKS_PER_PAGE] = bits[: nblocks - low]
    return out
