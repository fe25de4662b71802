"""B-trees made in one go from sorted entries, level by level, without WAL.

Entries come in key order (ties by TID). Leaves are filled to nine tenths, upper pages to
seven. A page's high key is the first entry of its right neighbour cut down to the attributes
that tell the two apart, with the last TID of the left page where all attributes are equal;
the same pivot tuple is the neighbour's downlink. Block 0 is the meta page, leaves follow in
order, the root is last.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from formats import itup, nbtree, page
from formats.derive import struct_of
from formats.units import BLCKSZ, maxalign
from pgtool.access.heap.bulkpages import Tid, append_variable, assemble, page_header

LEAF_FILL, UPPER_FILL = 0.9, 0.7
_HEAD = struct_of(itup.IndexTupleData)
_OPAQUE = struct_of(nbtree.BTPageOpaqueData)
_META = struct_of(nbtree.BTMetaPageData)
_TID = struct.Struct("<HHH")
_ROOM = BLCKSZ - page.SIZE_OF_PAGE_HEADER - _OPAQUE.size
_VARIES = int(itup.IndexInfo.INDEX_VAR_MASK)
#: One index entry: the key's values in stored form, and the row's place.
Entry = tuple[tuple[Any, ...], Tid]
_ALIGN = {"c": 1, "s": 2, "i": 4, "d": 8}


class KeyAttr(NamedTuple):
    """A key column as the index stores it."""

    attlen: int
    attalign: str
    attstorage: str
    code: str


class _Pivot(NamedTuple):
    """What separates two pages: some of the key's values, and a TID where they do not do."""

    values: tuple[Any, ...]
    tid: Tid | None


class Former:
    """Makes index tuples of the same key columns."""

    def __init__(self, attrs: Sequence[KeyAttr]) -> None:
        self.attrs = list(attrs)
        self._marks = _VARIES if any(a.attlen < 0 for a in attrs) else 0
        self._fixed: dict[int, Callable[..., bytes]] = {}
        self._whole: tuple[int, Callable[..., bytes]] | None = None
        code = "<"
        at = 0
        for i, attr in enumerate(attrs):
            if attr.attlen < 0:
                break
            pad = -at % _ALIGN[attr.attalign]
            code += (f"{pad}x" if pad else "") + attr.code
            at += pad + attr.attlen
            padded = f"{code}{-at % 8}x"
            self._fixed[i + 1] = struct.Struct(padded).pack
            if i + 1 == len(self.attrs):
                whole = struct.Struct(_HEAD.format + padded[1:])
                self._whole = whole.size, whole.pack

    def key(self, values: tuple[Any, ...]) -> bytes:
        """The stored key, padded to the size that the tuple has."""
        return self._fixed.get(len(values), self._packed)(*values)

    def _packed(self, *values: Any) -> bytes:
        """A key with attributes of variable width."""
        data = bytearray()
        for attr, value in zip(self.attrs, values):
            align = _ALIGN[attr.attalign]
            if attr.attlen > 0:
                data += bytes(-len(data) % align) + struct.pack("<" + attr.code, value)
            else:
                append_variable(data, value, attr.attlen, align, attr.attstorage != "p")
        return bytes(data) + bytes(-len(data) % 8)

    def leaves(self, entries: Sequence[Entry]) -> list[bytes]:
        """The tuples of entries."""
        if self._whole is not None:
            size, whole = self._whole
            return [
                whole(block >> 16, block & 0xFFFF, number, size, *values)
                for values, (block, number) in entries
            ]
        pack, head = self._packed, _HEAD.pack
        out = []
        for values, (block, number) in entries:
            key = pack(*values)
            info = _HEAD.size + len(key) | self._marks
            out.append(head(block >> 16, block & 0xFFFF, number, info) + key)
        return out

    def pivot(self, pivot: _Pivot, child: int = 0) -> bytes:
        """The tuple of a high key or downlink."""
        key = self.key(pivot.values) if pivot.values else b""
        marks = len(pivot.values)
        if pivot.tid is not None:
            block, number = pivot.tid
            marks |= nbtree.BT_PIVOT_HEAP_TID_ATTR
            tail = _TID.pack(block >> 16, block & 0xFFFF, number)
            key += bytes(maxalign(_TID.size) - _TID.size) + tail
        varies = any(a.attlen < 0 for a, _ in zip(self.attrs, pivot.values))
        info = _HEAD.size + len(key) | nbtree.INDEX_ALT_TID_MASK | (_VARIES if varies else 0)
        return _HEAD.pack(child >> 16, child & 0xFFFF, marks, info) + key

    def between(self, left: Entry, right: Entry) -> _Pivot:
        """The shortest pivot that is above one entry and not above the other."""
        for i, (a, b) in enumerate(zip(left[0], right[0]), 1):
            if a != b:
                return _Pivot(right[0][:i], None)
        return _Pivot(right[0], left[1])


def btree_pages(attrs: Sequence[KeyAttr], entries: Sequence[Entry], equal: bool) -> list[bytes]:
    """The pages of an index; ``equal`` tells whether equal keys are equal bytes."""
    if not entries:
        return [_meta(nbtree.P_NONE, 0, equal)]
    former = Former(attrs)
    items = former.leaves(entries)
    cuts = _cuts([len(item) for item in items], LEAF_FILL)
    highs = [former.between(entries[c - 1], entries[c]) for c in cuts[1:-1]]
    pages = _level(former, [items[a:b] for a, b in itertools.pairwise(cuts)], highs, 1, 0)
    first, level = 1, 0
    while len(cuts) > 2:
        count, level = len(cuts) - 1, level + 1
        lows = [_Pivot((), None), *highs]
        items = [former.pivot(low, first + i) for i, low in enumerate(lows)]
        cuts = _cuts([len(item) for item in items], UPPER_FILL)
        rows = [items[a:b] for a, b in itertools.pairwise(cuts)]
        for row, at in zip(rows[1:], cuts[1:]):
            row[0] = former.pivot(_Pivot((), None), first + at)
        highs = [lows[c] for c in cuts[1:-1]]
        first += count
        pages += _level(former, rows, highs, first, level)
    return [_meta(first, level, equal), *pages]


def _cuts(sizes: Sequence[int], fill: float) -> list[int]:
    """Where pages begin, and the end; each leaves room for its high key."""
    cuts, used, limit = [0], 0, int(_ROOM * fill)
    if len(set(sizes)) == 1:
        need = maxalign(sizes[0]) + 4
        return [*range(0, len(sizes), max(limit // need, 1)), len(sizes)]
    for i, size in enumerate(sizes):
        need = (size + 7 & ~7) + 4
        if used and used + need > limit:
            cuts.append(i)
            used = 0
        used += need
    return [*cuts, len(sizes)]


def _level(
    former: Former, rows: Sequence[list[bytes]], highs: Sequence[_Pivot], first: int, level: int
) -> list[bytes]:
    """The pages of one level, linked to their neighbours."""
    out = []
    flags = nbtree.BtpFlags.BTP_LEAF if level == 0 else nbtree.BtpFlags(0)
    if len(rows) == 1:
        flags |= nbtree.BtpFlags.BTP_ROOT
    for i, row in enumerate(rows):
        left = first + i - 1 if i else nbtree.P_NONE
        right = first + i + 1 if i + 1 < len(rows) else nbtree.P_NONE
        items = [former.pivot(highs[i]), *row] if right else row
        out.append(assemble(items, 0, _OPAQUE.pack(left, right, level, flags, 0)))
    return out


def _meta(root: int, level: int, equal: bool) -> bytes:
    """Block 0."""
    body = _META.pack(
        nbtree.BTREE_MAGIC, nbtree.BTREE_VERSION, root, level, root, level, 0, bytes(4), -1.0,
        equal, bytes(7),
    )  # fmt: skip
    end = BLCKSZ - _OPAQUE.size
    lower = page.SIZE_OF_PAGE_HEADER + len(body)
    head = page_header(0, lower, end, end) + body
    special = _OPAQUE.pack(nbtree.P_NONE, nbtree.P_NONE, 0, nbtree.BtpFlags.BTP_META, 0)
    return head + bytes(end - lower) + special
