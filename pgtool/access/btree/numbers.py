"""Look-ups of one integer in a btree on integers, for statements about one row.

As :class:`pgtool.access.btree.ranges.Tree` goes down to a leaf, with the number itself in the
place of bounds: the first key of a tuple without NULLs lies right behind its header. Whatever
is out of the ordinary gives None, and the caller asks the tree in the general way.
"""

from __future__ import annotations

import struct
from typing import Any

from formats.derive import struct_of
from formats.itup import SIZEOF_INDEX_TUPLE, IndexInfo, IndexTupleData
from formats.nbtree import INDEX_ALT_TID_MASK, P_NONE
from pgtool.access.btree.ranges import Tree

__all__ = ["tids_of"]

_HEAD = struct_of(IndexTupleData)
_NULLS = int(IndexInfo.INDEX_NULL_MASK)
_DEPTH = 64


def tids_of(tree: Tree, number: int, key: struct.Struct) -> list[tuple[int, int]] | None:
    """The (block, line pointer)s of an ascending index's tuples with this key."""
    block = tree.meta.btm_fastroot or tree.meta.btm_root
    if block == P_NONE:
        return []
    read = key.unpack_from
    for _ in range(_DEPTH):
        page = tree.page(block)
        if page.ignored:
            return None
        if page.high is not None and read(page.data, page.high + SIZEOF_INDEX_TUPLE)[0] < number:
            block = page.next
            continue
        place = _position(page, number, read)
        if page.is_leaf:
            return _equal(tree, page, place, number, read)
        if not page.items:
            return None
        # The first tuple of an inner page stands for everything before the second.
        _high, low, _pos, _info = _HEAD.unpack_from(page.data, page.items[max(place - 1, 0)])
        block = _high << 16 | low
    return None


def _position(page: Any, number: int, read: Any) -> int:
    """The number of items before the key."""
    data, items = page.data, page.items
    low, high = (0 if page.is_leaf else 1), len(items)
    while low < high:
        middle = (low + high) // 2
        if read(data, items[middle] + SIZEOF_INDEX_TUPLE)[0] < number:
            low = middle + 1
        else:
            high = middle
    return low


def _equal(
    tree: Tree, page: Any, place: int, number: int, read: Any
) -> list[tuple[int, int]] | None:
    out: list[tuple[int, int]] = []
    for _ in range(_DEPTH):
        for item in page.items[place:]:
            if read(page.data, item + SIZEOF_INDEX_TUPLE)[0] != number:
                return out
            high, low, offset, info = _HEAD.unpack_from(page.data, item)
            if info & (INDEX_ALT_TID_MASK | _NULLS):
                return None
            out.append((high << 16 | low, offset))
        if page.next == P_NONE:
            return out
        page, place = tree.page(page.next), 0
        if page.ignored:
            return None
    return None
