"""A page with all its items, made at once.

The same page as :mod:`pgtool.storage.page` makes item by item: line pointers in the order of
the items, the first item highest. For files that are made whole, by the thousand pages.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from formats.derive import struct_of
from formats.page import (
    PG_PAGE_LAYOUT_VERSION,
    SIZE_OF_PAGE_HEADER,
    ItemIdData,
    LpFlags,
    PageHeaderData,
)
from formats.units import BLCKSZ

__all__ = ["full_page"]

_HEADER = struct_of(PageHeaderData)
_OFF_SHIFT, _LEN_SHIFT = ItemIdData.bits["lp_off"][0], ItemIdData.bits["lp_len"][0]
_NORMAL = int(LpFlags.LP_NORMAL) << ItemIdData.bits["lp_flags"][0]
_VERSION = BLCKSZ | PG_PAGE_LAYOUT_VERSION

Item = bytes | bytearray


def full_page(
    items: Sequence[Item], flags: int = 0, special_size: int = 0, first: Item | None = None
) -> bytearray:
    """A page that holds the items in the order of their line pointers, its LSN zero.

    ``first`` is one more item, the lowest on the page, whose line pointer comes first.
    """
    if first is not None:
        items = [*items, first]
    at = end = BLCKSZ - special_size
    parts: list[Item] = [bytes(special_size)]
    pointers: Sequence[int]
    lengths = set(map(len, items))
    if len(lengths) == 1 and not (size := lengths.pop()) & 7:
        at -= size * len(items)
        step = size << _OFF_SHIFT
        begin = (end - size) << _OFF_SHIFT | _NORMAL | size << _LEN_SHIFT
        pointers = range(begin, begin - step * len(items), -step)
        parts += items
    else:
        made = []
        for item in items:
            size = len(item)
            pad = -size & 7
            at -= size + pad
            made.append(at << _OFF_SHIFT | _NORMAL | size << _LEN_SHIFT)
            parts.append(item + bytes(pad) if pad else item)
        pointers = made
    if first is not None:
        pointers = [pointers[-1], *pointers[:-1]]
    lower = SIZE_OF_PAGE_HEADER + ItemIdData.sizeof() * len(items)
    page = bytearray(_HEADER.pack(0, 0, 0, flags, lower, at, end, _VERSION, 0))
    page += struct.pack(f"<{len(items)}I", *pointers)
    page += bytes(at - lower)
    page += b"".join(reversed(parts))
    return page
