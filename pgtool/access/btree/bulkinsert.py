"""Insertion of many rows at once: the rows of a COPY or an INSERT … SELECT.

The batch is sorted as a build sorts, so neighbours go to the same leaf. A leaf takes all
its rows in one change, logged as one image of the page, which is shorter than a record for
each of them. Behind the end of the tree (ascending keys) whole new leaves are appended, with
their links from above, in one record of images.

What needs judgement row by row is left to :func:`.insert.insert`: equal keys that are there
already, pages that must be split, few rows for a page.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import numpy as np

from formats.itup import SIZEOF_INDEX_TUPLE, IndexInfo
from formats.nbtree import INDEX_ALT_TID_MASK, P_HIKEY, P_NONE, BtpFlags
from formats.page import ItemIdData
from formats.units import BLCKSZ
from formats.wal import xlog
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.access.btree import pageops, tuples
from pgtool.access.btree.build import equal_rows, gather_rows, taken
from pgtool.access.btree.buildpages import append_items, deal, lay_page
from pgtool.access.btree.formrows import Formed, form_rows, merge_equal
from pgtool.access.btree.insert import MAX_ITEM_SIZE, insert
from pgtool.access.btree.keys import ScanKey
from pgtool.access.btree.relation import BTree
from pgtool.access.btree.search import Stack, descend
from pgtool.access.btree.sortrows import sort_rows
from pgtool.access.btree.split import finish_split, parent_of
from pgtool.access.btree.unique import UniqueCheck
from pgtool.storage import page as bufpage
from pgtool.storage import ragged
from pgtool.storage.bufmgr import Buffer
from pgtool.wal.insert import Record

__all__ = ["insert_batch"]

_XLOG, _FPI = int(RmgrId.RM_XLOG_ID), opcode(xlog.RECORDS, "FPI")
_ID = bufpage.SIZE_OF_ITEM_ID
#: Fewer rows for a leaf are inserted one by one.
FEW = 16
#: Leaves that one record appends.
APPENDED = 28
_OFF_MASK = (1 << ItemIdData.bits["lp_off"][1]) - 1
#: t_info's high byte: NULLs, or t_tid used in another way.
_INFO_HIGH, _SPECIAL_BITS = 7, (int(IndexInfo.INDEX_NULL_MASK) | INDEX_ALT_TID_MASK) >> 8
_INCOMPLETE, _ROOT = int(BtpFlags.BTP_INCOMPLETE_SPLIT), int(BtpFlags.BTP_ROOT)
_LEAF = int(BtpFlags.BTP_LEAF)


def insert_batch(tree: BTree, columns: list[Any], tids: Any, check: UniqueCheck) -> None:
    """Insert rows given as columns; for :attr:`UniqueCheck.NO` and YES."""
    rows = gather_rows(tree, [(columns, tids)])
    found = sort_rows(rows, tree.keys.columns)
    ordered = [taken(column, found.order) for column in rows.columns]
    work = _Batch(tree, ordered, rows.tids[found.order], found.same, check)
    if len(tids) < FEW or work.too_large or (
        check is not UniqueCheck.NO and bool(equal_rows(tree, rows, found).any())
    ):
        # In the order that they came in: the first offender is the one to be named.
        for row in range(len(tids)):
            datums = [column.datum(row) for column in rows.columns]
            insert(tree, datums, int(rows.tids[row]), check)
        return
    work.run()


class _Batch:
    """Sorted rows on their way into a tree, equal ones merged where the tree does that."""

    def __init__(
        self, tree: BTree, columns: list[Any], tids: Any, same: Any, check: UniqueCheck
    ) -> None:
        self.tree = tree
        self.check = check
        self.unique = check is not UniqueCheck.NO
        formed, self.last_tids = form_rows(tree.shape, columns, tids), tids
        self.heap_rows = np.arange(len(tids) + 1)
        if not self.unique and same.any() and tree.deduplicates:
            formed, first = merge_equal(formed, tids, same)
            columns = [taken(column, first) for column in columns]
            self.heap_rows = np.append(first, len(tids))
            self.last_tids = tids[np.append(first[1:], len(tids)) - 1]
            tids = tids[first]
        self.formed: Formed = formed
        self.columns = columns
        self.tids = tids
        self.count = len(tids)
        sizes = np.diff(self.formed.offsets)
        self.too_large = bool(len(sizes)) and int(sizes.max()) > MAX_ITEM_SIZE
        #: Bytes that rows take on a page, line pointers included, as running sums.
        self.used = self.formed.offsets + np.arange(self.count + 1) * _ID
        self.keys: dict[int, tuple[Any, ...]] = {}
        #: The keys themselves, where they are one ascending number.
        self.numbers: Any | None = None
        dtype = tree.keys.single_number
        if dtype and columns[0].valid is None:
            self.numbers = np.ascontiguousarray(columns[0].values).view(dtype)

    def key(self, row: int) -> tuple[Any, ...]:
        """The key of a row."""
        found = self.keys.get(row)
        if found is None:
            found = self.keys[row] = self.tree.keys.of_tuple(self.formed.tuple(row))
        return found

    def _few(self, row: int, stop: int) -> bool:
        """Whether rows are better inserted one by one."""
        return int(self.heap_rows[stop] - self.heap_rows[row]) < FEW

    def run(self) -> None:
        """Insert all rows."""
        row = 0
        while row < self.count:
            row = self._next(row)

    def _one(self, row: int) -> int:
        """Insert one row with all that may come of it."""
        datums = [column.datum(row) for column in self.columns]
        for tid in tuples.tids(self.formed.tuple(row)):
            insert(self.tree, datums, tid, self.check)
        return row + 1

    def _next(self, row: int) -> int:
        """Insert some rows from ``row`` on; the first that is left."""
        tree = self.tree
        key = ScanKey(self.key(row), None if self.unique else int(self.tids[row]), False)
        buffer, stack = descend(tree, key, finish_split)
        try:
            stop = self._stop(buffer.page, row)
            if self._few(row, stop):
                tree.recent_leaf = buffer.tag.block
                for one in range(row, stop):
                    self._one(one)
            elif self._behind(buffer.page, row):
                return self._append(buffer, stack, row, stop)
            else:
                stop = self._merge(buffer, row, stop)
        finally:
            tree.unpin(buffer)
        return self._one(row) if stop == row else stop

    def _stop(self, page: bytes | bytearray, row: int) -> int:
        """The first row from ``row`` on that belongs to a page further right."""
        if pageops.is_rightmost(page):
            return self.count
        if self.numbers is not None:
            bound = self.tree.keys.at(page, P_HIKEY)[0]
            if bound[0] == 1:  # a number: what is equal to it is the next page's, or to be judged
                return row + int(np.searchsorted(self.numbers[row:], bound[1]))
        compare = self.tree.keys.compare
        high_key = self.tree.keys.at(page, P_HIKEY)[0]
        low, high = row, self.count
        while low < high:
            middle = (low + high) // 2
            key = ScanKey(self.key(middle), int(self.last_tids[middle]), False)
            if compare(key, page, P_HIKEY) > 0 or (
                self.unique and self.key(middle) == high_key  # its equals may lie further right
            ):
                high = middle
            else:
                low = middle + 1
        return low

    def _behind(self, page: bytes | bytearray, row: int) -> bool:
        """Whether a row comes behind all of a page."""
        last = bufpage.max_offset(page)
        if last < pageops.first_data(page):
            return True
        return self._follows(page, last, row)

    def _follows(self, page: bytes | bytearray, offnum: int, row: int) -> bool:
        """Whether a row comes behind an item."""
        mine, theirs = self.key(row), self.tree.keys.at(page, offnum)[0]
        if mine != theirs:
            return mine > theirs
        return not self.unique and tuples.max_tid(bufpage.item(page, offnum)) < self.tids[row]

    def _room(self, page: bytes | bytearray, row: int, stop: int, reserve: int = 0) -> int:
        """How far rows fit on a page."""
        limit = int(self.used[row]) + bufpage.exact_free_space(page) - reserve
        return min(int(np.searchsorted(self.used, limit, "right")) - 1, stop)

    # -- one page ---------------------------------------------------------------------------

    def _merge(self, buffer: Buffer, row: int, stop: int) -> int:
        """Put rows between those of a page; the first row that was not put."""
        page = buffer.page
        stop = self._room(page, row, stop)
        places = self._number_places(page, row, stop)
        if places is None:
            places = self._places(page, row, stop)
        stop = row + len(places)
        if self._few(row, stop):
            return row
        before = pageops.first_data(page) - 1
        words = bufpage.item_words(page)
        built = bytearray(page)
        append_items(built, self.formed, row, stop)
        new = bufpage.item_words(built)[len(words) :]
        merged = np.insert(np.array(words, np.int64), np.asarray(places) + before, new)
        bufpage.put_item_words(built, merged.tolist())
        self._change([(buffer, built)])
        return stop

    def _places(self, page: bytes | bytearray, row: int, stop: int) -> list[int]:
        """Before which item (from 0) each row belongs, up to one that needs judgement."""
        first, last = pageops.first_data(page), bufpage.max_offset(page)
        present = [self.tree.keys.at(page, n)[0] for n in range(first, last + 1)]
        places: list[int] = []
        low = 0
        for one in range(row, stop):
            key = self.key(one)
            low = bisect_right(present, key, low)
            if low and present[low - 1] == key and not self._follows(page, first + low - 1, one):
                break
            places.append(low)
        return places

    def _number_places(self, page: bytes | bytearray, row: int, stop: int) -> Any | None:
        """The same for numbers; None where not all items of the page are plain."""
        if self.numbers is None:
            return None
        first = pageops.first_data(page)
        words = np.array(bufpage.item_words(page)[first - 1 :], np.int64)
        raw = np.frombuffer(bytes(page), np.uint8)
        at = words & _OFF_MASK
        if (raw[at + _INFO_HIGH] & _SPECIAL_BITS).any():
            return None
        rows = self.numbers[row:stop]
        present = ragged.windows(raw, rows.dtype.itemsize)[at + SIZEOF_INDEX_TUPLE].view(rows.dtype)
        places = np.searchsorted(present, rows, "right")
        before = np.maximum(places - 1, 0)
        wrong = (places > 0) & (present[before] == rows)
        if not self.unique and wrong.any():
            halves = raw.view("<u2").astype(np.int64)
            half = at[before] >> 1
            tids = halves[half] << 32 | halves[half + 1] << 16 | halves[half + 2]
            wrong &= tids >= self.tids[row:stop]
        found = np.flatnonzero(wrong)
        return places[: int(found[0])] if len(found) else places

    # -- behind the end -----------------------------------------------------------------------

    def _append(self, buffer: Buffer, stack: list[Stack], row: int, stop: int) -> int:
        """Put rows behind those of a page, and where it is the last one, on new pages."""
        page = buffer.page
        if not pageops.is_rightmost(page):
            stop = self._room(page, row, stop)
            if self._few(row, stop):
                return self._one(row)
            built = bytearray(page)
            append_items(built, self.formed, row, stop)
            self._change([(buffer, built)])
            return stop
        reserve = BLCKSZ * (100 - self.tree.descriptor.fillfactor) // 100
        here = max(self._room(page, row, stop, reserve), row)
        if here == stop:
            built = bytearray(page)
            append_items(built, self.formed, row, stop)
            self._change([(buffer, built)])
            return stop
        if pageops.flags_of(page) & (_ROOT | _INCOMPLETE):
            return self._fill_then_split(buffer, row, stop)
        return self._new_leaves(buffer, stack, row, here, reserve)

    def _fill_then_split(self, buffer: Buffer, row: int, stop: int) -> int:
        """Fill the page wholly; the next row splits it."""
        end = self._room(buffer.page, row, stop)
        if end > row:
            built = bytearray(buffer.page)
            append_items(built, self.formed, row, end)
            self._change([(buffer, built)])
            row = end
        return self._one(row) if row < stop else row

    def _new_leaves(
        self, buffer: Buffer, stack: list[Stack], row: int, here: int, reserve: int
    ) -> int:
        """Fill the last leaf up to row ``here``, then new ones, and link them from above."""
        tree = self.tree
        parent, offnum, _above = parent_of(tree, buffer, stack)
        if parent is None:
            return self._one(row)
        try:
            room = bufpage.exact_free_space(parent.page)
            if (
                offnum != bufpage.max_offset(parent.page) or not pageops.is_rightmost(parent.page)
                or pageops.flags_of(parent.page) & _INCOMPLETE
                or tree.meta().fastlevel < 1
            ):
                return self._fill_then_split(buffer, row, self.count)
            return self._link(buffer, parent, row, here, reserve, room)
        finally:
            tree.unpin(parent)

    def _link(
        self, buffer: Buffer, parent: Buffer, row: int, here: int, reserve: int, room: int
    ) -> int:
        tree, formed = self.tree, self.formed
        ends = deal(formed, reserve, tuples.PIVOT_TID_SPACE, here, APPENDED)
        last_item = (
            formed.tuple(here - 1) if here > row
            else bufpage.item(buffer.page, bufpage.max_offset(buffer.page))
        )  # fmt: skip
        starts = [here, *ends[:-1]]
        separators = [tree.keys.separator(last_item, formed.tuple(here))]
        separators += [
            tree.keys.separator(formed.tuple(start - 1), formed.tuple(start))
            for start in starts[1:]
        ]
        fitting, total = 0, 0
        for one in separators:
            total += len(one) + _ID
            if total > room:
                break
            fitting += 1
        left = bufpage.exact_free_space(buffer.page) - int(self.used[here] - self.used[row])
        if not fitting or left < len(separators[0]) + _ID:
            return self._fill_then_split(buffer, row, self.count)
        pages = [tree.new_page() for _ in range(fitting)]
        blocks = [page.tag.block for page in pages]
        changes = [(buffer, self._old_leaf(buffer, row, here, separators[0], blocks[0]))]
        for number, page in enumerate(pages):
            more = number + 1 < fitting
            built = bytearray(BLCKSZ)
            lay_page(
                built, formed, starts[number], ends[number],
                prev=blocks[number - 1] if number else buffer.tag.block,
                next_=blocks[number + 1] if more else P_NONE, level=0, flags=_LEAF,
                high_key=separators[number + 1] if more else None,
            )
            changes.append((page, built))
        above = bytearray(parent.page)
        for one, block in zip(separators, blocks):
            pageops.add(above, tuples.with_child(one, block))
        changes.append((parent, above))
        self._change(changes)
        tree.recent_leaf = blocks[-1]
        tree.unpin(*pages)
        return ends[fitting - 1]

    def _old_leaf(
        self, buffer: Buffer, row: int, here: int, high_key: bytes, right: int
    ) -> bytearray:
        """The last leaf with its new rows, a high key and a right sibling."""
        page = buffer.page
        opaque = pageops.opaque(page)
        words = bufpage.item_words(page)
        built = bytearray(page)
        append_items(built, self.formed, row, here)
        pageops.add(built, high_key, P_HIKEY)
        pageops.set_siblings(built, next_=right)
        assert opaque.next == P_NONE and len(words) <= bufpage.max_offset(built)
        return built

    # -- logging ------------------------------------------------------------------------------

    def _change(self, changes: list[tuple[Buffer, bytearray]]) -> None:
        """Exchange pages, with one record of their images."""
        tree = self.tree
        with tree.change(*(buffer for buffer, _built in changes)):
            record = Record(_XLOG, _FPI)
            for number, (buffer, built) in enumerate(changes):
                buffer.page[:] = built
                record.block(number, buffer, force_image=True)
            tree.log(record)
