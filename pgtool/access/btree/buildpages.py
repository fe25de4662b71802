"""The pages of a btree that is built from all its items at once, level by level.

Items are dealt out to leaves, each full up to the fillfactor, and the separators between
leaves to the levels above. Leaves are laid many at a time, as arrays. The file is written
past the buffer pool, 32 pages at a time, each such batch logged as one record of page images.

Invariants: the last item that would still fit goes to the next page, where it is the first;
the separator from it and its predecessor is the high key. The meta page is block 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from formats.derive import offset_of
from formats.nbtree import BTREE_VERSION, P_NONE, BtpFlags
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, LpFlags, PageHeaderData
from formats.units import BLCKSZ
from formats.wal import xlog
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.access.btree import pageops, tuples
from pgtool.access.btree.formrows import Formed
from pgtool.access.btree.relation import BTREE_NONLEAF_FILLFACTOR, BTree
from pgtool.storage import page as bufpage
from pgtool.storage import ragged
from pgtool.storage.bufmgr import Buffer, BufferTag
from pgtool.storage.smgr import ForkNumber
from pgtool.wal.insert import Record

__all__ = ["append_items", "deal", "lay_page", "write_tree"]

_XLOG, _FPI = int(RmgrId.RM_XLOG_ID), opcode(xlog.RECORDS, "FPI")
#: Pages of one record, and leaves that are laid at once.
BULK_PAGES, LEAVES_AT_ONCE = 32, 512
_ID = ItemIdData.sizeof()
_LEN_SHIFT = ItemIdData.bits["lp_len"][0]
_NORMAL = int(LpFlags.LP_NORMAL) << ItemIdData.bits["lp_flags"][0]
#: Free space of a page that holds room for a high key's line pointer, and one more.
_EMPTY = pageops.OPAQUE_AT - SIZE_OF_PAGE_HEADER - 2 * _ID
_LEAF, _ROOT = int(BtpFlags.BTP_LEAF), int(BtpFlags.BTP_ROOT)
_LOWER, _UPPER = (offset_of(PageHeaderData, name) // 2 for name in ("pd_lower", "pd_upper"))
_PREV, _NEXT = pageops.PREV_AT // 4, pageops.NEXT_AT // 4


# -- dealing out ------------------------------------------------------------------------------


class _Level:
    """The pages of one level: which items each holds, and the high keys between them."""

    def __init__(self, items: Formed, ends: list[int], high_keys: list[bytes]) -> None:
        self.items = items
        self.ends = ends
        self.high_keys = high_keys
        self.first_block = 0

    def __len__(self) -> int:
        return len(self.ends)


def deal(
    items: Formed, reserve: int, fixed: int, start: int = 0, most: int | None = None
) -> list[int]:
    """Behind which item each page ends, from item ``start`` on, of ``most`` pages. ``reserve``
    bytes stay free, ``fixed`` more than an item's own size must be there for it."""
    count = len(items.offsets) - 1
    size = np.diff(items.offsets)
    used = items.offsets + np.arange(count + 1) * _ID
    large = np.flatnonzero(size + fixed > reserve)
    posting = items.posting
    ends: list[int] = []
    while True:
        # The first item before which the page has less than the reserve left.
        limit = int(used[start]) + _EMPTY - reserve
        stop = max(int(np.searchsorted(used, limit, "right")), start + 2)
        if len(large):
            stop = _stop_at_large(large, size, used, start, stop, fixed)
        if posting is not None:
            while stop < count and _EMPTY - int(used[stop] - used[start]) + int(
                posting[stop - 1]
            ) >= reserve and _EMPTY - int(used[stop] - used[start]) >= int(size[stop]) + fixed:
                stop += 1
        if stop >= count:
            ends.append(count)
            return ends
        start = stop - 1  # the last one goes to the next page
        ends.append(start)
        if len(ends) == most:
            return ends


def _stop_at_large(
    large: Any, size: Any, used: Any, start: int, stop: int, fixed: int
) -> int:
    """An item that takes more than the reserve may not fit earlier."""
    low = int(np.searchsorted(large, start + 2))
    high = int(np.searchsorted(large, stop))
    for item in large[low:high].tolist():
        if _EMPTY - int(used[item] - used[start]) < int(size[item]) + fixed:
            return int(item)
    return stop


def _levels(tree: BTree, leaves: Formed) -> list[_Level]:
    """All levels, from the leaves to the root."""
    reserve = BLCKSZ * (100 - tree.descriptor.fillfactor) // 100
    ends = deal(leaves, reserve, tuples.PIVOT_TID_SPACE)
    high_keys = [
        tree.keys.separator(leaves.tuple(end - 1), leaves.tuple(end)) for end in ends[:-1]
    ]
    out = [_Level(leaves, ends, high_keys)]
    block = 1
    while True:
        level = out[-1]
        level.first_block = block
        block += len(level)
        if len(level) == 1:
            return out
        # One item for each page, the first without a key.
        links = [tuples.minus_infinity(level.first_block)] + [
            tuples.with_child(key, level.first_block + number)
            for number, key in enumerate(level.high_keys, 1)
        ]
        items = Formed(np.frombuffer(b"".join(links), np.uint8),
                       np.cumsum([0, *(len(link) for link in links)]))  # fmt: skip
        ends = deal(items, BLCKSZ * (100 - BTREE_NONLEAF_FILLFACTOR) // 100, 0)
        high_keys = [items.tuple(end) for end in ends[:-1]]
        out.append(_Level(items, ends, high_keys))


# -- pages ----------------------------------------------------------------------------------------


def write_tree(tree: BTree, leaves: Formed) -> None:
    """Deal the items out and write the whole file."""
    out = _Bulk(tree)
    if len(leaves.offsets) == 1:
        out.meta(P_NONE, 0)
        out.finish()
        return
    levels = _levels(tree, leaves)
    root = levels[-1].first_block
    out.meta(root, len(levels) - 1)
    for first in range(0, len(levels[0]), LEAVES_AT_ONCE):
        _lay_leaves(out, levels[0], first, min(first + LEAVES_AT_ONCE, len(levels[0])))
    for height, level in enumerate(levels[1:], 1):
        for number in range(len(level)):
            _fill(out.page(), level, number, height, height == len(levels) - 1)
    out.finish()


def _lay_leaves(out: _Bulk, level: _Level, first: int, stop: int) -> None:
    """Lay leaves [first, stop) of a level, all at once: :func:`lay_page` for each."""
    count, only = stop - first, len(level) == 1
    bounds = np.array([level.ends[first - 1] if first else 0, *level.ends[first:stop]], np.int64)
    begin, end = level.items.offsets[bounds[:-1]], level.items.offsets[bounds[1:]]
    keys = level.high_keys[first:stop]
    key_size = np.fromiter((*map(len, keys), *[0] * (count - len(keys))), np.int64, count)
    has_key = (key_size > 0).astype(np.int64)
    empty = bytearray(BLCKSZ)
    pageops.init(empty)
    pageops.set_opaque(empty, P_NONE, P_NONE, 0, _LEAF | (_ROOT if only else 0))
    buffer = np.tile(np.frombuffer(empty, np.uint8), count)
    halves, words = buffer.view("<u2").reshape(count, -1), buffer.view("<u4").reshape(count, -1)
    block = np.arange(level.first_block + first, level.first_block + stop)
    words[:, _PREV], words[:, _NEXT] = block - 1, block + 1
    if first == 0:
        words[0, _PREV] = P_NONE
    if stop == len(level):
        words[-1, _NEXT] = P_NONE
    base = np.arange(count) * BLCKSZ
    key_at = pageops.OPAQUE_AT - key_size
    upper = key_at - (end - begin)
    items = np.diff(bounds)
    halves[:, _LOWER] = SIZE_OF_PAGE_HEADER + (items + has_key) * _ID
    halves[:, _UPPER] = upper
    key_data = np.frombuffer(b"".join(keys), np.uint8)
    ragged.copy_spans(buffer, base + key_at, key_data, np.cumsum(key_size) - key_size, key_size)
    ragged.copy_spans(buffer, base + upper, level.items.data, begin, end - begin)
    pointer = key_at | _NORMAL | key_size << _LEN_SHIFT
    words[: len(keys), SIZE_OF_PAGE_HEADER // 4] = pointer[: len(keys)]
    at = level.items.offsets[bounds[0] : bounds[-1] + 1]
    where = at[:-1] + np.repeat(upper - begin, items)
    pointer = where | _NORMAL | np.diff(at) << _LEN_SHIFT
    # A page's items follow one another, so each one's place is its page's plus its number.
    shift = base + SIZE_OF_PAGE_HEADER + (has_key - (bounds[:-1] - bounds[0])) * _ID
    place = np.repeat(shift, items) + np.arange(len(pointer)) * _ID
    ragged.scatter_bytes(buffer, place, pointer.astype("<u4"))
    for number in range(count):
        out.add(buffer[number * BLCKSZ : (number + 1) * BLCKSZ].data)


def _fill(page: bytearray, level: _Level, number: int, height: int, root: bool) -> None:
    """Lay one page of a level."""
    items = level.items
    first = level.ends[number - 1] if number else 0
    block = level.first_block + number
    rightmost = number == len(level) - 1
    lay_page(
        page, items, first, level.ends[number], prev=P_NONE if number == 0 else block - 1,
        next_=P_NONE if rightmost else block + 1, level=height,
        flags=(_LEAF if height == 0 else 0) | (_ROOT if root else 0),
        high_key=None if rightmost else level.high_keys[number],
    )


def lay_page(
    page: bytearray, items: Formed, first: int, last: int, *, prev: int, next_: int, level: int,
    flags: int, high_key: bytes | None,
) -> None:  # fmt: skip
    """Make a page of items [first, last): high key, then the items as they lie end to end."""
    pageops.init(page)
    pageops.set_opaque(page, prev, next_, level, flags)
    if high_key is not None:
        pageops.add(page, high_key)
    if level and prev != P_NONE and first < last:
        # An inner page's first item has no key.
        pageops.add(page, tuples.minus_infinity(tuples.child_block(items.tuple(first))))
        first += 1
    append_items(page, items, first, last)


def append_items(page: bytearray, items: Formed, first: int, last: int) -> None:
    """Put items that must fit behind those of a page."""
    offsets = items.offsets[first : last + 1]
    lower, upper, _special = bufpage.bounds(page)
    size = int(offsets[-1] - offsets[0])
    upper -= size
    page[upper : upper + size] = items.data[int(offsets[0]) : int(offsets[-1])].tobytes()
    pointers = (offsets[1:] - offsets[:-1] << _LEN_SHIFT) | _NORMAL | (
        offsets[:-1] - offsets[0] + upper
    )
    raw = pointers.astype("<u4").tobytes()
    page[lower : lower + len(raw)] = raw
    bufpage.set_bounds(page, lower + len(raw), upper)


class _Bulk:
    """Writes the pages of a new file in order, each batch logged first."""

    def __init__(self, tree: BTree) -> None:
        self.tree = tree
        self.pages: list[Any] = []
        self.block = 0

    def meta(self, root: int, level: int) -> None:
        """The meta page."""
        page = self.page()
        equal = self.tree.keys.all_equal_image
        pageops.write_meta(
            page, pageops.Meta(BTREE_VERSION, root, level, root, level, 0, equal)
        )

    def page(self) -> bytearray:
        """A page to be filled before the next one is asked for."""
        page = bytearray(BLCKSZ)
        self.add(page)
        return page

    def add(self, page: Any) -> None:
        """The next page, as it is when the one behind it is added."""
        if len(self.pages) == BULK_PAGES:
            self._flush()
        self.pages.append(page)

    def _flush(self) -> None:
        tree = self.tree
        if tree.descriptor.needs_wal:
            record = Record(_XLOG, _FPI)
            for number, page in enumerate(self.pages):
                tag = BufferTag(tree.where, ForkNumber.MAIN, self.block + number)
                record.block(number, Buffer(tag, page), force_image=True)
            tree.wal.insert(record, tree.xid)
        tree.pool.write_blocks(tree.where, ForkNumber.MAIN, self.block, b"".join(self.pages))
        self.block += len(self.pages)
        self.pages = []

    def finish(self) -> None:
        """Write what is left."""
        if self.pages:
            self._flush()
