"""B-trees of some thousand rows made in one go, in memory, without WAL and without numpy.

Entries come in key order (ties by TID). Pages end where :mod:`pgtool.access.btree.buildpages` and
the server end them: leaves nine tenths full, inner pages seven. A page's high key is the
first entry of its right neighbour cut down to the attributes that tell the two apart, with
the last TID of the left page where all attributes are equal; the same pivot tuple is the
neighbour's downlink. Block 0 is the meta page; the others lie in the order in which the
server's build makes them.
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


class _Level(NamedTuple):
    """Items of one level, where its pages begin (and the end), the high keys between them."""

    items: list[bytes]
    cuts: list[int]
    highs: list[bytes]


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

    def between(self, left: Entry, right: Entry, items: Sequence[bytes]) -> bytes:
        """The shortest pivot that is above one entry and not above the other.

        ``items`` are their tuples. What the right one has for its block, the server leaves
        in the high key.
        """
        kept = len(self.attrs)
        for i, (a, b) in enumerate(zip(left[0], right[0]), 1):
            if a != b:
                kept = i
                break
        equal = left[0] == right[0]
        plain = self.form(right[0][:kept], 0)
        last = tuples.max_tid(items[0]) if equal else None
        pivot = tuples.as_pivot(plain, len(plain), kept, last)
        return tuples.with_child(pivot, tuples.child_block(items[1]))


def btree_pages(
    attrs: Sequence[KeyAttr], entries: Sequence[Entry], equal: bool, merge: bool = False
) -> list[bytearray]:
    """The pages of an index; ``equal`` tells whether equal keys are equal bytes.

    ``merge``: entries with the same key share a tuple.
    """
    if not entries:
        return [_meta(nbtree.P_NONE, 0, equal)]
    former = Former(attrs)
    items = former.leaves(entries)
    lists: list[int] | None = None
    if merge:
        items, entries, lists = _merged(items, entries)
    cuts = _cuts(items, LEAF_FILL, tuples.PIVOT_TID_SPACE, lists)
    highs = [former.between(entries[c - 1], entries[c], items[c - 1 : c + 1]) for c in cuts[1:-1]]
    levels = [_Level(items, cuts, highs)]
    while highs:
        items = [tuples.minus_infinity(0), *highs]
        cuts = _cuts(items, UPPER_FILL, 0)
        highs = [items[c] for c in cuts[1:-1]]
        levels.append(_Level(items, cuts, highs))
    numbers = _numbers([level.cuts for level in levels])
    made: dict[int, bytearray] = {}
    for height, level in enumerate(levels):
        below = numbers[height - 1] if height else []
        made.update(_pages(level, height, numbers[height], below, height + 1 == len(levels)))
    root = numbers[-1][0]
    return [_meta(root, len(levels) - 1, equal), *(made[number] for number in sorted(made))]


def _numbers(cuts: Sequence[list[int]]) -> list[list[int]]:
    """The blocks of each level's pages, in the order in which a build from the left makes them.

    A page is made when its second item comes, the first having moved to it from the page
    before; that page is then finished and gets its link from the level above, which may make
    a page there.
    """
    starts = [set(c[1:-1]) for c in cuts]
    out: list[list[int]] = [[1], *([] for _ in cuts[1:])]
    made = 1

    def make(level: int) -> None:
        nonlocal made
        made += 1
        out[level].append(made)

    def link(level: int, child: int) -> None:
        """The link of a child comes: perhaps as the second item of a new page."""
        if not out[level]:
            make(level)
        if child - 1 in starts[level]:
            finish(level)

    def finish(level: int) -> None:
        make(level)
        link(level + 1, len(out[level]) - 2)

    for _page in range(len(cuts[0]) - 2):
        finish(0)
    for level in range(len(cuts) - 1):
        link(level + 1, len(cuts[level]) - 2)
    return out


def _merged(
    items: Sequence[bytes], entries: Sequence[Entry]
) -> tuple[list[bytes], list[Entry], list[int]]:
    """Tuples of runs of equal keys, the first entry of each, bytes of each that are TIDs."""
    out: list[bytes] = []
    firsts: list[Entry] = []
    lists: list[int] = []
    tids: list[int] = []

    def finish() -> None:
        base = out[-1]
        if len(tids) > 1:
            out[-1] = tuples.form_posting(base, tids)
        lists.append(len(out[-1]) - len(base))

    for item, entry in zip(items, entries):
        size = len(item) + (len(tids) + 1) * nbtree.SIZEOF_TID + 7 & ~7
        if tids and entry[0] == firsts[-1][0] and size <= tuples.BUILD_POSTING_SIZE:
            tids.append(entry[1])
            continue
        if tids:
            finish()
        tids = [entry[1]]
        out.append(item)
        firsts.append(entry)
    finish()
    return out, firsts, lists


def _cuts(
    items: Sequence[bytes], fill: int, fixed: int, lists: Sequence[int] | None = None
) -> list[int]:
    """Where pages begin, and the end. The last item that still fits begins the next page.

    ``lists`` are the bytes of each item that a high key made of it would not have.
    """
    reserve = BLCKSZ * (100 - fill) // 100
    cuts, start, used = [0], 0, 0
    for i, item in enumerate(items):
        size = len(item)
        space = _EMPTY - used
        spare = space + lists[i - 1] if lists and i else space
        if i - start > 1 and (space < size + fixed or spare < reserve):
            start = i - 1
            cuts.append(start)
            used = len(items[start]) + SIZE_OF_ITEM_ID
        used += size + SIZE_OF_ITEM_ID
    return [*cuts, len(items)]


def _pages(
    level: _Level, height: int, numbers: Sequence[int], below: Sequence[int], root: bool
) -> dict[int, bytearray]:
    """The pages of one level by number, linked to their neighbours and to what lies below."""
    out = {}
    flags = (_LEAF if height == 0 else 0) | (_ROOT if root else 0)
    for i, (start, end) in enumerate(pairwise(level.cuts)):
        row = level.items[start:end]
        if height:
            links = [tuples.with_child(item, below[start + n]) for n, item in enumerate(row)]
            row = [tuples.minus_infinity(below[start]), *links[1:]]
        left = numbers[i - 1] if i else nbtree.P_NONE
        right = numbers[i + 1] if i + 1 < len(numbers) else nbtree.P_NONE
        high = level.highs[i] if right else None
        if high is not None and height:
            high = tuples.with_child(high, below[end])
        page = full_page(row, 0, pageops.OPAQUE_SIZE, high)
        pageops.set_opaque(page, left, right, height, flags)
        out[numbers[i]] = page
    return out


def _meta(root: int, level: int, equal: bool) -> bytearray:
    """Block 0."""
    page = bytearray(BLCKSZ)
    version = nbtree.BTREE_VERSION
    pageops.write_meta(page, pageops.Meta(version, root, level, root, level, 0, equal))
    return page
