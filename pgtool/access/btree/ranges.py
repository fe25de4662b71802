"""Btree scans: the heap tuples between two places of the index's order.

A :class:`Tree` reads pages of one index (a bounded number stays). What a key is, only the
caller knows: a bound is a function that compares an index tuple's attributes with it. The
scan goes down to the leaf where the range begins (or ends, backwards), then along the
leaves' links, and yields the tuples' TIDs a page at a time.

Invariants used: keys never decrease along a page and along the leaves; the first tuple of
an inner page counts as less than everything; an attribute that a pivot tuple lacks counts
as less than every value; a page that is not the rightmost has a high key as first tuple.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from formats.deform import Attribute, spans
from formats.derive import offset_of, reader, sizeof, struct_of
from formats.heap import null_flags
from formats.itemptr import ItemPointerData
from formats.itup import (
    INDEX_ATTRIBUTE_BITMAP_SIZE,
    INDEX_SIZE_MASK,
    SIZEOF_INDEX_TUPLE,
    IndexInfo,
    IndexTupleData,
    data_offset,
    read_index_tuple,
    tid_of,
    tuple_size,
)
from formats.nbtree import (
    BT_OFFSET_MASK,
    BT_PIVOT_HEAP_TID_ATTR,
    INDEX_ALT_TID_MASK,
    P_HIKEY,
    P_NONE,
    BTPageOpaqueData,
    BtpFlags,
    is_pivot,
    is_posting,
    pivot_natts,
    read_opaque,
)
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, LpFlags, PageHeaderData
from formats.units import BLCKSZ, maxalign
from pgtool.access.btree.meta import read_meta
from pgtool.errors import CorruptData
from pgtool.storage.bulk import drop_bad_pages
from pgtool.storage.smgr import RelationFile
from pgtool.types.inner import datum_at

__all__ = ["Bound", "Equal", "Tree"]

_read_header = reader(PageHeaderData)
_OPAQUE = BLCKSZ - sizeof(BTPageOpaqueData)
_SIZEOF_TID = sizeof(ItemPointerData)
_PAGES = 1024
_HEAD = struct_of(IndexTupleData)
_SPECIAL = int(IndexInfo.INDEX_NULL_MASK | INDEX_ALT_TID_MASK)
_NULLS = int(IndexInfo.INDEX_NULL_MASK)
_INFO = offset_of(IndexTupleData, "t_info") // 2
_OFF, _OFF_BITS = ItemIdData.bits["lp_off"]
_FLAGS, _FLAG_BITS = ItemIdData.bits["lp_flags"]

Datums = Sequence[bytes | None]


@dataclass(slots=True)
class Bound:
    """One end of a range. ``compare`` tells how a tuple's attributes stand to the key (< 0:
    before it), given as many as there are; ``after``: the end lies behind tuples equal to
    the key, not before them."""

    compare: Callable[[Datums], int]
    natts: int
    after: bool


@dataclass(slots=True)
class Equal:
    """What a number in every wanted tuple is, where it lies at a known place: ``offset``
    bytes behind the start of a tuple without NULLs."""

    offset: int
    value: Any


class _Page:
    """One page: its tuples' places and links."""

    def __init__(self, data: bytes, block: int) -> None:
        self.data = data
        self.block = block
        #: The tuples' places as an array, once they were asked for.
        self.array: Any = None
        #: Attributes that searches have looked at, by place and how many.
        self.datums: dict[tuple[int, int], list[bytes | None]] = {}
        opaque = read_opaque(data, _OPAQUE)
        self.flags = int(opaque.btpo_flags)
        self.is_leaf = bool(self.flags & BtpFlags.BTP_LEAF)
        self.ignored = bool(self.flags & (BtpFlags.BTP_DELETED | BtpFlags.BTP_HALF_DEAD))
        self.prev, self.next, self.level = opaque.btpo_prev, opaque.btpo_next, opaque.btpo_level
        lower = _read_header(data, 0).pd_lower
        if not SIZE_OF_PAGE_HEADER <= lower <= _OPAQUE:
            raise CorruptData(f"pd_lower is {lower}", block=block, field="pd_lower")
        count = (lower - SIZE_OF_PAGE_HEADER) // 4
        pointers = struct.unpack_from(f"<{count}I", data, SIZE_OF_PAGE_HEADER)
        first = 0 if self.next == P_NONE else P_HIKEY
        off_mask, flag_mask = (1 << _OFF_BITS) - 1, (1 << _FLAG_BITS) - 1
        places = [p >> _OFF & off_mask for p in pointers]
        self.high = places[0] if first and places else None
        # Dead tuples of a leaf keep their place in the order, and nobody wants them.
        normal = int(LpFlags.LP_NORMAL)
        self.items = [
            place for place, pointer in zip(places[first:], pointers[first:])
            if pointer >> _FLAGS & flag_mask == normal
        ] if self.is_leaf else places[first:]  # fmt: skip


class Tree:
    """One btree index. ``attributes`` are those of its tuples."""

    def __init__(
        self, file: RelationFile, attributes: Sequence[Attribute], checksums: bool = False
    ) -> None:
        self.file = file
        self.attributes = list(attributes)
        self.checksums = checksums
        self._pages: OrderedDict[int, _Page] = OrderedDict()
        self.meta = read_meta(file)
        self.first_fixed = max(self.attributes[0].attlen, 0)
        self.reads = 0
        #: Where the blocks that a scan enters are noted, if somebody wants to know.
        self.touched: list[int] | None = None

    # -- pages and tuples -------------------------------------------------------------

    def page(self, block: int) -> _Page:
        """A page, read or remembered."""
        if self.touched is not None:
            self.touched.append(block)
        found = self._pages.get(block)
        if found is None:
            if not 0 < block < self.file.nblocks:
                raise CorruptData(f"link to block {block}", file=self.file.path, block=block)
            data = self.file.read_block(block)
            if self.checksums:
                _verify(data, block, self.file.path)
            self.reads += 1
            try:
                found = self._pages[block] = _Page(data, block)
            except (struct.error, IndexError) as error:
                raise CorruptData(f"btree page: {error}", file=self.file.path,
                                  block=block) from None  # fmt: skip
            if len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        else:
            self._pages.move_to_end(block)
        return found

    def _datums(self, page: _Page, place: int, natts: int) -> list[bytes | None]:
        """The first attributes of a tuple; fewer where a pivot has fewer."""
        data = page.data
        _high, block, posid, info = _HEAD.unpack_from(data, place)
        end = place + tuple_size(info)
        if not info & _SPECIAL and self.first_fixed and natts == 1:
            # One fixed-width key in a plain leaf tuple: most point look-ups.
            start = place + SIZEOF_INDEX_TUPLE
            return [data[start : start + self.first_fixed]]
        if is_pivot(info, posid):
            natts = min(natts, pivot_natts(posid))
            end -= maxalign(_SIZEOF_TID) if posid & BT_PIVOT_HEAP_TID_ATTR else 0
        elif is_posting(info, posid):
            end = place + block
        nulls: list[bool] = []
        if info & _NULLS:
            start = place + SIZEOF_INDEX_TUPLE
            bitmap = data[start : start + INDEX_ATTRIBUTE_BITMAP_SIZE]
            nulls = null_flags(bitmap, len(self.attributes))[:natts]
        key = data[place + data_offset(info) : end]
        attributes = self.attributes[:natts]
        places = spans(key, 0, len(key), attributes, nulls)
        return [
            found and datum_at(key, *found, attribute.attlen)
            for found, attribute in zip(places, attributes)
        ]

    def _side(self, page: _Page, place: int, bound: Bound) -> bool:
        """Whether a tuple lies before the bound."""
        try:
            key = place, bound.natts
            datums = page.datums.get(key)
            if datums is None:
                datums = page.datums[key] = self._datums(page, place, bound.natts)
            result = bound.compare(datums)
        except (struct.error, IndexError) as error:
            raise CorruptData(f"index tuple: {error}", file=self.file.path, block=page.block,
                              offset=place) from None  # fmt: skip
        return result < 0 or (result == 0 and bound.after)

    def _position(self, page: _Page, bound: Bound, low: int = 0) -> int:
        """The number of items before the bound."""
        high = len(page.items)
        while low < high:
            middle = (low + high) // 2
            if self._side(page, page.items[middle], bound):
                low = middle + 1
            else:
                high = middle
        return low

    def _child(self, page: _Page, number: int) -> int:
        return tid_of(read_index_tuple(page.data, page.items[number])).block

    # -- finding leaves -----------------------------------------------------------------

    def _leaf(self, bound: Bound | None, last: bool = False) -> _Page | None:
        """The leaf where a bound lies; without one the first leaf or the last."""
        block = self.meta.btm_fastroot or self.meta.btm_root
        if block == P_NONE:
            return None
        for _ in range(64):
            page = self._moved_right(self.page(block), bound, last)
            if page.is_leaf:
                return page
            if not page.items:
                raise CorruptData("inner btree page without tuples", file=self.file.path,
                                  block=page.block)  # fmt: skip
            if bound is None:
                number = len(page.items) - 1 if last else 0
            else:
                # The first tuple stands for everything before the second.
                number = self._position(page, bound, 1) - 1
            block = self._child(page, number)
        raise CorruptData("btree too deep", file=self.file.path)

    def _moved_right(self, page: _Page, bound: Bound | None, last: bool) -> _Page:
        """Past deleted pages, and past splits that lack their link from above."""
        for _ in range(self.file.nblocks):
            if page.next == P_NONE:
                return page
            if not page.ignored and (
                not last if bound is None
                else page.high is None or not self._side(page, page.high, bound)
            ):
                return page
            page = self.page(page.next)
        raise CorruptData("links of btree pages go round", file=self.file.path)

    # -- ranges -------------------------------------------------------------------------

    def tids(
        self, lower: Bound | None, upper: Bound | None, backward: bool = False,
        equal: Sequence[Equal] = (),
    ) -> Iterator[Any]:  # fmt: skip
        """The TIDs (block << 16 | offset) between two bounds, in index order, by page.

        Of tuples that say of themselves that something else is not ``equal``, none.
        """
        leaves = self._backward(lower, upper) if backward else self._forward(lower, upper)
        for page, low, high in leaves:
            if low < high:
                found = self._page_tids(page, low, high, equal)
                if len(found):
                    yield found[::-1] if backward else found

    def _forward(
        self, lower: Bound | None, upper: Bound | None
    ) -> Iterator[tuple[_Page, int, int]]:
        page = self._leaf(lower)
        if page is None:
            return
        low = 0 if lower is None else self._position(page, lower)
        for _ in range(self.file.nblocks):
            high = len(page.items)
            done = False
            if not page.ignored and upper is not None and high and not self._side(
                page, page.items[-1], upper
            ):
                high, done = self._position(page, upper, low), True
            if not page.ignored:
                yield page, low, high
                # What follows is not before the high key.
                done = done or (upper is not None and page.high is not None
                                and not self._side(page, page.high, upper))  # fmt: skip
            if done or page.next == P_NONE:
                return
            page, low = self.page(page.next), 0
        raise CorruptData("links of btree pages go round", file=self.file.path)

    def _backward(
        self, lower: Bound | None, upper: Bound | None
    ) -> Iterator[tuple[_Page, int, int]]:
        page = self._leaf(upper, last=True)
        if page is None:
            return
        high = len(page.items) if upper is None else self._position(page, upper)
        for _ in range(self.file.nblocks):
            low, done = 0, False
            if not page.ignored and lower is not None and page.items and self._side(
                page, page.items[0], lower
            ):
                low, done = self._position(page, lower), True
            if not page.ignored:
                yield page, low, high
            if done or page.prev == P_NONE:
                return
            page = self.page(page.prev)
            high = len(page.items)
        raise CorruptData("links of btree pages go round", file=self.file.path)

    def _page_tids(self, page: _Page, low: int, high: int, equal: Sequence[Equal]) -> Any:
        data = page.data
        halves = np.frombuffer(data, "<u2")
        if page.array is None:
            page.array = np.array(page.items, np.int64)
        at = page.array[low:high] >> 1
        if int(at.max()) + _INFO >= len(halves):
            raise CorruptData("index tuple beyond its page", file=self.file.path, block=page.block)
        if equal:
            at = at[_may_be_wanted(data, halves, at, equal)]
        if not (halves[at + _INFO] & INDEX_ALT_TID_MASK).any():
            return _tids_at(halves, at)
        out: list[Any] = []
        for place in (at << 1).tolist():
            head = read_index_tuple(data, place)
            tid = tid_of(head)
            if is_posting(head.t_info, tid.offset):
                end = place + tuple_size(head.t_info)
                count = tid.offset & BT_OFFSET_MASK
                if place + tid.block + count * _SIZEOF_TID > end or end > len(data):
                    raise CorruptData("posting list does not fit", file=self.file.path,
                                      block=page.block, offset=place)  # fmt: skip
                first = (place + tid.block) >> 1
                out.append(_tids_at(halves, first + 3 * np.arange(count)))
            else:
                out.append(np.array([tid.block << 16 | tid.offset], np.int64))
        return np.concatenate(out)


def _may_be_wanted(data: bytes, halves: Any, at: Any, equal: Sequence[Equal]) -> Any:
    """Which tuples of a page are not said by their own numbers to be unwanted."""
    info = halves[at + _INFO]
    size = info & INDEX_SIZE_MASK
    end = max(one.offset + one.value.itemsize for one in equal)
    last = 2 * int(at.max()) + end
    if int(size.min()) < end or last > len(data):
        return np.ones(len(at), bool)  # a tuple that is too short is for others to find
    fits: Any = None
    for one in equal:
        width = one.value.itemsize
        words = np.frombuffer(data, one.value.dtype)
        same = words[((at << 1) + one.offset) // width] == one.value
        fits = same if fits is None else fits & same
    nulls = (info & _NULLS) != 0
    return fits | nulls if nulls.any() else fits


def _tids_at(halves: Any, at: Any) -> Any:
    block = halves[at].astype(np.int64) << 16 | halves[at + 1]
    return block << 16 | halves[at + 2]


def _verify(data: bytes, block: int, path: str) -> None:
    def fail(problem: CorruptData) -> None:
        raise problem

    drop_bad_pages(np.frombuffer(bytearray(data), np.uint8), block, path, fail)
