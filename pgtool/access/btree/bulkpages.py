"""B-trees of some thousand rows made in one go, in memory, without WAL and without numpy.

Entries come in key order (ties by TID). Pages end where :mod:`pgtool.access.btree.build` and
the server end them: leaves nine tenths full, inner pages seven. A page's high key is the
first entry of its right neighbour cut down to the attributes that tell the two apart, with
the last TID of the left page where all attributes are equal; the same pivot tuple is the
neighbour's downlink. Block 0 is the meta page, leaves follow in order, the root is last.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from formats import itup, nbtree
from formats.deform import ALIGNMENT
from formats.derive import struct_of
from formats.page import SIZE_OF_PAGE_HEADER
from formats.units import BLCKSZ
from pgtool.access.btree import pageops, tuples
from pgtool.access.heap.bulkpages import append_variable
from pgtool.storage.fullpage import full_page
from pgtool.storage.page import SIZE_OF_ITEM_ID

LEAF_FILL, UPPER_FILL = 90, 70
#: Free space of a page that holds room for a high key's line pointer, and one more.
_EMPTY = pageops.OPAQUE_AT - SIZE_OF_PAGE_HEADER - 2 * SIZE_OF_ITEM_ID
_HEAD = struct_of(itup.IndexTupleData)
_VARIES = int(itup.IndexInfo.INDEX_VAR_MASK)
_LEAF, _ROOT = int(nbtree.BtpFlags.BTP_LEAF), int(nbtree.BtpFlags.BTP_ROOT)

#: One index entry: the key's values as the index takes them, and the row's place.
Entry = tuple[tuple[Any, ...], int]


class KeyAttr(NamedTuple):
    """A key column as the index stores it; ``code`` is the struct format of a fixed width."""

    attlen: int
    attalign: str
    attstorage: str
    code: str


class Former:
    """Makes index tuples of the same key columns."""

    def __init__(self, attrs: Sequence[KeyAttr]) -> None:
        self.attrs = list(attrs)
        self._fixed: dict[int, Callable[..., bytes]] = {}
        code = _HEAD.format
        at = 0
        for i, attr in enumerate(attrs):
            if attr.attlen < 0:
                break
            pad = -at % ALIGNMENT[attr.attalign]
            code += (f"{pad}x" if pad else "") + attr.code
            at += pad + attr.attlen
            self._fixed[i + 1] = struct.Struct(f"{code}{-at % 8}x").pack

    def leaves(self, entries: Sequence[Entry]) -> list[bytes]:
        """The tuples of entries."""
        pack = self._fixed.get(len(self.attrs))
        if pack is None:
            return [self.form(values, tid) for values, tid in entries]
        size = len(pack(0, 0, 0, 0, *entries[0][0]))
        return [
            pack(tid >> 32, tid >> 16 & 0xFFFF, tid & 0xFFFF, size, *values)
            for values, tid in entries
        ]

    def form(self, values: tuple[Any, ...], tid: int) -> bytes:
        """A tuple of the first so many attributes."""
        data = bytearray(_HEAD.size)
        marks = 0
        for attr, value in zip(self.attrs, values):
            if attr.attlen > 0:
                data += bytes(-len(data) % ALIGNMENT[attr.attalign])
                data += struct.pack("<" + attr.code, value)
            else:
                append_variable(data, value, attr)
                marks = _VARIES
        data += bytes(-len(data) % 8)
        _HEAD.pack_into(data, 0, tid >> 32, tid >> 16 & 0xFFFF, tid & 0xFFFF, len(data) | marks)
        return bytes(data)

    def between(self, left: Entry, right: Entry) -> bytes:
        """The shortest pivot that is above one entry and not above the other."""
        for i, (a, b) in enumerate(zip(left[0], right[0]), 1):
            if a != b:
                plain = self.form(right[0][:i], 0)
                return tuples.as_pivot(plain, len(plain), i)
        plain = self.form(right[0], 0)
        return tuples.as_pivot(plain, len(plain), len(self.attrs), left[1])


def btree_pages(
    attrs: Sequence[KeyAttr], entries: Sequence[Entry], equal: bool
) -> list[bytearray]:
    """The pages of an index; ``equal`` tells whether equal keys are equal bytes."""
    if not entries:
        return [_meta(nbtree.P_NONE, 0, equal)]
    former = Former(attrs)
    items = former.leaves(entries)
    cuts = _cuts(items, LEAF_FILL, tuples.PIVOT_TID_SPACE)
    highs = [former.between(entries[c - 1], entries[c]) for c in cuts[1:-1]]
    pages = _level([items[a:b] for a, b in pairwise(cuts)], highs, 1, 0)
    first, level = 1, 0
    while len(cuts) > 2:
        count, level = len(cuts) - 1, level + 1
        items = [tuples.minus_infinity(first)]
        items += [tuples.with_child(high, first + i) for i, high in enumerate(highs, 1)]
        cuts = _cuts(items, UPPER_FILL, 0)
        rows = [items[a:b] for a, b in pairwise(cuts)]
        for row in rows[1:]:
            row[0] = tuples.minus_infinity(tuples.child_block(row[0]))
        highs = [highs[c - 1] for c in cuts[1:-1]]
        first += count
        pages += _level(rows, highs, first, level)
    return [_meta(first, level, equal), *pages]


def _cuts(items: Sequence[bytes], fill: int, fixed: int) -> list[int]:
    """Where pages begin, and the end. The last item that still fits begins the next page."""
    reserve = BLCKSZ * (100 - fill) // 100
    cuts, start, used = [0], 0, 0
    for i, item in enumerate(items):
        size = len(item)
        space = _EMPTY - used
        if i - start > 1 and (space < size + fixed or space < reserve):
            start = i - 1
            cuts.append(start)
            used = len(items[start]) + SIZE_OF_ITEM_ID
        used += size + SIZE_OF_ITEM_ID
    return [*cuts, len(items)]


def _level(
    rows: Sequence[list[bytes]], highs: Sequence[bytes], first: int, level: int
) -> list[bytearray]:
    """The pages of one level, linked to their neighbours."""
    out = []
    flags = (_LEAF if level == 0 else 0) | (_ROOT if len(rows) == 1 else 0)
    for i, row in enumerate(rows):
        left = first + i - 1 if i else nbtree.P_NONE
        right = first + i + 1 if i + 1 < len(rows) else nbtree.P_NONE
        page = full_page([highs[i], *row] if right else row, 0, pageops.OPAQUE_SIZE)
        pageops.set_opaque(page, left, right, level, flags)
        out.append(page)
    return out


def _meta(root: int, level: int, equal: bool) -> bytearray:
    """Block 0."""
    page = bytearray(BLCKSZ)
    version = nbtree.BTREE_VERSION
    pageops.write_meta(page, pageops.Meta(version, root, level, root, level, 0, equal))
    return page
