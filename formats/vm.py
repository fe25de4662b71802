"""Visibility map pages.

Source: ``access/heap/visibilitymap.c``. After the page header, two bits for every heap
block, lowest bits first: all tuples on it are visible to everyone; all are frozen.
"""

from __future__ import annotations

import enum

from construct import Array, Struct

from formats.derive import offset_of, sizeof
from formats.page import PageHeaderData
from formats.units import BLCKSZ, BitFields, maxalign, uint8

BITS_PER_HEAPBLOCK = 2
HEAPBLOCKS_PER_BYTE = 4
MAPSIZE = BLCKSZ - maxalign(sizeof(PageHeaderData))
HEAPBLOCKS_PER_PAGE = MAPSIZE * HEAPBLOCKS_PER_BYTE


class VisibilityMapBits(enum.IntFlag):
    """The bits of one heap block."""

    VISIBILITYMAP_ALL_VISIBLE = 0x01
    VISIBILITYMAP_ALL_FROZEN = 0x02


MapByte = BitFields(uint8, block_0=2, block_1=2, block_2=2, block_3=2)

VMPage = Struct(
    "header" / PageHeaderData * "page header",
    "map" / Array(MAPSIZE, MapByte) * "two bits for each heap block",
)
assert sizeof(VMPage) == BLCKSZ

MAP = offset_of(VMPage, "map")


def locate(heap_block: int) -> tuple[int, int]:
    """(block of the fork, index on it) that stand for a heap block."""
    return divmod(heap_block, HEAPBLOCKS_PER_PAGE)


def status(page: bytes | memoryview, index: int) -> VisibilityMapBits:
    """The bits at an index of a page."""
    byte, part = divmod(index, HEAPBLOCKS_PER_BYTE)
    return VisibilityMapBits(page[MAP + byte] >> (BITS_PER_HEAPBLOCK * part) & 3)
