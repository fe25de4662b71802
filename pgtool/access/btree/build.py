"""Building a btree from all rows at once: sort, form, pack pages from the left, write.

Rows are sorted by :mod:`.sortrows`, formed into tuples by :mod:`.formrows`; here they are
dealt out to leaves, each full up to the fillfactor, and the separators between leaves to
the levels above. The file is written past the buffer pool, 32 pages at a time, each such
batch logged as one record of page images.

Invariants: the last tuple that would still fit goes to the next page, where it is the first;
the separator from it and its predecessor is the high key. The meta page is block 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from formats.deform import ATTLEN_CSTRING
from formats.nbtree import BTREE_VERSION, P_NONE, BtpFlags
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, LpFlags
from formats.units import BLCKSZ
from formats.wal import xlog
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.access.btree import pageops, tuples
from pgtool.access.btree.formrows import Formed, form_rows, merge_equal
from pgtool.access.btree.insert import MAX_ITEM_SIZE, check_size
from pgtool.access.btree.relation import BTREE_NONLEAF_FILLFACTOR, BTree
from pgtool.access.btree.sortrows import Rows, Sorted, sort_rows
from pgtool.errors import SqlError
from pgtool.storage import page as bufpage
from pgtool.storage import ragged
from pgtool.storage.bufmgr import Buffer, BufferTag
from pgtool.storage.smgr import ForkNumber
from pgtool.types.column import FixedColumn, VarColumn
from pgtool.wal.insert import Record

__all__ = [
    "append_items", "build", "build_init_fork", "deal", "equal_rows", "gather_rows", "lay_page",
    "taken",
]  # fmt: skip

Batches = Iterable[tuple[Any, ...]]
_XLOG, _FPI = int(RmgrId.RM_XLOG_ID), opcode(xlog.RECORDS, "FPI")
#: Pages of one record.
BULK_PAGES = 32
_ID = ItemIdData.sizeof()
_LEN_SHIFT = ItemIdData.bits["lp_len"][0]
_NORMAL = int(LpFlags.LP_NORMAL) << ItemIdData.bits["lp_flags"][0]
#: Free space of a page that holds room for a high key's line pointer, and one more.
_EMPTY = pageops.OPAQUE_AT - SIZE_OF_PAGE_HEADER - 2 * _ID
_LEAF, _ROOT = int(BtpFlags.BTP_LEAF), int(BtpFlags.BTP_ROOT)
UNIQUE_VIOLATION = "23505"


def build(tree: BTree, rows: Batches) -> int:
    """Fill the empty file of an index with the entries of all rows; their number."""
    gathered = gather_rows(tree, rows)
    found = sort_rows(gathered, tree.keys.columns)
    if tree.descriptor.unique:
        _check_unique(tree, gathered, found)
    columns = [taken(column, found.order) for column in gathered.columns]
    tids = gathered.tids[found.order]
    formed = form_rows(tree.shape, columns, tids)
    _check_sizes(tree, formed, tids)
    merging = tree.descriptor.deduplicate and tree.keys.all_equal_image
    if merging and not tree.descriptor.unique:
        formed, _first = merge_equal(formed, tids, found.same)
    _write_tree(tree, formed)
    return len(tids)


def build_init_fork(tree: BTree) -> None:
    """What an unlogged index begins as after a crash: a meta page, logged in any case."""
    page = bytearray(BLCKSZ)
    equal = tree.keys.all_equal_image
    pageops.write_meta(page, pageops.Meta(BTREE_VERSION, P_NONE, 0, P_NONE, 0, 0, equal))
    if not tree.pool.exists(tree.where, ForkNumber.INIT):
        tree.pool.create(tree.where, ForkNumber.INIT)
    tree.wal.log_newpage(tree.where, ForkNumber.INIT, 0, page, xid=tree.xid)
    tree.pool.write_blocks(tree.where, ForkNumber.INIT, 0, page)


# -- rows -----------------------------------------------------------------------------------------


def gather_rows(tree: BTree, batches: Batches) -> Rows:
    """All batches as one: (columns, tids) each, perhaps with a mask of rows that are alive."""
    attributes = tree.shape.attributes
    parts: list[list[Any]] = [[] for _ in attributes]
    tids: list[Any] = []
    alive: list[Any] = []
    for batch in batches:
        columns, rows = batch[0], np.asarray(batch[1], np.int64)
        mask = batch[2] if len(batch) > 2 else None
        for part, attribute, column in zip(parts, attributes, columns):
            if isinstance(column, list) and attribute.attlen < 0:
                # Values that come compressed or out of line are taken for what they hold.
                column = [
                    d if d is None or type(d) is bytes else tree.shape.payload(attribute, d)
                    for d in column
                ]
            part.append(_own(column, attribute.attlen))
        tids.append(rows)
        alive.append(np.ones(len(rows), bool) if mask is None else mask)
    joined = [_joined(part, attribute.attlen) for part, attribute in zip(parts, attributes)]
    if not tids:
        return Rows(joined, np.zeros(0, np.int64), None)
    return Rows(joined, np.concatenate(tids), np.concatenate(alive))


def _own(column: Any, attlen: int) -> FixedColumn | VarColumn:
    """A batch's column with memory of its own (scans use theirs again)."""
    if attlen == ATTLEN_CSTRING and isinstance(column, FixedColumn):
        column = _ended(column)
    if isinstance(column, VarColumn):
        length = column.length
        if column.valid is not None:
            length = np.where(column.valid, length, 0)
        data, offsets = ragged.gather(column.buffer, np.where(length, column.start, 0), length)
        valid = None if column.valid is None else column.valid.copy()
        return VarColumn(data, offsets[:-1], length.astype(np.int32), valid)
    if isinstance(column, FixedColumn):
        return FixedColumn(
            column.values.copy(), None if column.valid is None else column.valid.copy()
        )
    return _of_datums(column, attlen)


def _ended(column: FixedColumn) -> VarColumn:
    """Names as strings that end at their first zero byte."""
    table = np.ascontiguousarray(column.values).view(np.uint8).reshape(len(column), -1)
    ended = np.concatenate([table == 0, np.ones((len(table), 1), bool)], axis=1)
    start = np.arange(len(table), dtype=np.int64) * table.shape[1]
    return VarColumn(table.reshape(-1), start, ended.argmax(axis=1).astype(np.int32), column.valid)


def _of_datums(datums: Sequence[bytes | None], attlen: int) -> FixedColumn | VarColumn:
    if attlen == ATTLEN_CSTRING:
        datums = [None if d is None else d.split(b"\0", 1)[0] for d in datums]
    if attlen <= 0:
        return VarColumn.of([None if d is None else bytes(d) for d in datums])
    valid = np.array([d is not None for d in datums], bool)
    data = b"".join(bytes(attlen) if d is None else d for d in datums)
    return FixedColumn(np.frombuffer(data, f"V{attlen}"), None if valid.all() else valid)


def _joined(parts: list[Any], attlen: int) -> FixedColumn | VarColumn:
    """The batches of one column end to end."""
    if not parts:
        return _of_datums([], attlen)
    if len(parts) == 1:
        one: FixedColumn | VarColumn = parts[0]
        return one
    valid = None
    if any(part.valid is not None for part in parts):
        valid = np.concatenate([
            np.ones(len(part), bool) if part.valid is None else part.valid for part in parts
        ])  # fmt: skip
    if isinstance(parts[0], FixedColumn):
        return FixedColumn(np.concatenate([part.values for part in parts]), valid)
    base = np.cumsum([0, *(len(part.buffer) for part in parts[:-1])])
    return VarColumn(
        np.concatenate([part.buffer for part in parts]),
        np.concatenate([part.start + shift for part, shift in zip(parts, base)]),
        np.concatenate([part.length for part in parts]), valid,
    )  # fmt: skip


def taken(column: FixedColumn | VarColumn, order: Any) -> FixedColumn | VarColumn:
    """A column's rows in another order."""
    valid = None if column.valid is None else column.valid[order]
    if isinstance(column, FixedColumn):
        return FixedColumn(column.values[order], valid)
    return VarColumn(column.buffer, column.start[order], column.length[order], valid)


def equal_rows(tree: BTree, rows: Rows, found: Sorted) -> Any:
    """Which rows are equal to their predecessor as a unique index counts."""
    same = found.same
    if not tree.descriptor.nulls_not_distinct and same.any():
        for column in rows.columns[: tree.nkeyatts]:
            if column.valid is not None:
                same = same & column.valid[found.order]
    return same


def _check_unique(tree: BTree, rows: Rows, found: Sorted) -> None:
    """23505 where two living rows have the same keys."""
    same, order = equal_rows(tree, rows, found), found.order
    keys = rows.columns[: tree.nkeyatts]
    if not same.any():
        return
    assert rows.alive is not None
    live = rows.alive[order]
    group = np.cumsum(~same)
    counts = np.bincount(group[live], minlength=int(group[-1]) + 1)
    if not (counts > 1).any():
        return
    row = int(order[int(np.flatnonzero(group == int(np.flatnonzero(counts > 1)[0]))[0])])
    descriptor = tree.descriptor
    datums = [_datum(column, row) for column in keys]
    said = descriptor.describe(datums) if descriptor.describe is not None else None
    raise SqlError(
        f'could not create unique index "{descriptor.name}"', UNIQUE_VIOLATION,
        detail="Duplicate keys exist." if said is None else f"Key {said} is duplicated.",
    )  # fmt: skip


def _datum(column: FixedColumn | VarColumn, row: int) -> bytes | None:
    return column.datum(row)


def _check_sizes(tree: BTree, formed: Formed, tids: Any) -> None:
    size = np.diff(formed.offsets)
    if not len(size) or int(size.max()) <= MAX_ITEM_SIZE:
        return
    row = int(np.flatnonzero(size > MAX_ITEM_SIZE)[0])
    check_size(tree, bytes(int(size[row])), int(tids[row]))


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


def _write_tree(tree: BTree, leaves: Formed) -> None:
    out = _Bulk(tree)
    if len(leaves.offsets) == 1:
        out.meta(P_NONE, 0)
        out.finish()
        return
    levels = _levels(tree, leaves)
    root = levels[-1].first_block
    out.meta(root, len(levels) - 1)
    for height, level in enumerate(levels):
        for number in range(len(level)):
            _fill(out.page(), level, number, height, height == len(levels) - 1)
    out.finish()


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
        self.pages: list[bytearray] = []
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
        if len(self.pages) == BULK_PAGES:
            self._flush()
        page = bytearray(BLCKSZ)
        self.pages.append(page)
        return page

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
