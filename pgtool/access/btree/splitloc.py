"""Where to cut a page that is full: equal halves, short high keys, full left pages.

Source of the rules: ``access/nbtree/nbtsplitloc.c``. Every legal cut leaves some free space
on both sides. The best cut of a leaf is the one near the aim for free space whose
neighbours differ in the earliest attribute, for all others are cut off the high key. The
aim is

* equal free space, as a rule;
* the fillfactor on the left where the page is the rightmost, or a group of ascending
  insertions is under way (then perhaps right behind the new tuple);
* a left page almost full where the page holds one value only (**single value**);
* wherever a run of duplicates ends where it holds many of them (**many duplicates**).
"""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import numpy as np

from formats.nbtree import P_HIKEY
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData
from formats.units import BLCKSZ
from pgtool.access.btree import pageops, tuples
from pgtool.access.btree.relation import (
    BTREE_NONLEAF_FILLFACTOR,
    BTREE_SINGLEVAL_FILLFACTOR,
    BTree,
)
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage

__all__ = ["find_split"]

SIZE_OF_ITEM_ID = bufpage.SIZE_OF_ITEM_ID
MAX_LEAF_INTERVAL = 9
LEAF_SPLIT_DISTANCE, INTERNAL_SPLIT_DISTANCE = 0.050, 0.075
#: Smaller items have no posting list.
_WITH_LIST = 24
_OFF_MASK = (1 << ItemIdData.bits["lp_off"][1]) - 1
_LEN_SHIFT = ItemIdData.bits["lp_len"][0]
#: Room of a page without items.
_SPACE = BLCKSZ - SIZE_OF_PAGE_HEADER - pageops.OPAQUE_SIZE
#: An inner page's first item, without key.
_MINUS_INFINITY = 8 + SIZE_OF_ITEM_ID
#: Only narrow tuples (two int8, say) count as a group of ascending insertions.
_NARROW = 8 + 16 + SIZE_OF_ITEM_ID


class _Strategy(enum.Enum):
    DEFAULT = "short high keys"
    MANY_DUPLICATES = "between runs of duplicates"
    SINGLE_VALUE = "left page almost full"


class _Cut(NamedTuple):
    """A legal cut: first old item on the right, whether the new one stays on the left."""

    first_right: int
    on_left: bool
    left_free: int
    right_free: int
    #: What the high key may take at most, with its line pointer.
    size: int


class _Page:
    """A page to be cut, as if the new tuple were already on it."""

    def __init__(self, tree: BTree, page: bytes | bytearray, offnum: int, new: bytes) -> None:
        self.tree = tree
        self.page = page
        self.leaf = pageops.is_leaf(page)
        self.rightmost = pageops.is_rightmost(page)
        self.first = pageops.first_data(page)
        self.offnum = offnum
        self.new = new
        self.new_size = len(new) + SIZE_OF_ITEM_ID
        self.words = bufpage.item_words(page)
        self.last = len(self.words)
        self.left_space = self.right_space = _SPACE
        if not self.rightmost:
            self.right_space -= _aligned(self.words[0] >> _LEN_SHIFT) + SIZE_OF_ITEM_ID
        self.total = self.right_space - bufpage.exact_free_space(page)
        self._legal_cuts()

    def item(self, offnum: int) -> bytes:
        """An item of the page."""
        word = self.words[offnum - 1]
        offset = word & _OFF_MASK
        return bytes(self.page[offset : offset + (word >> _LEN_SHIFT)])

    # -- legal cuts -------------------------------------------------------------------------

    def _legal_cuts(self) -> None:
        """All cuts that leave no side too full: between old items, left and right of the new."""
        length = np.array(self.words[self.first - 1 :], np.int64) >> _LEN_SHIFT
        size = (length + 7 & ~7) + SIZE_OF_ITEM_ID
        before = np.cumsum(size) - size
        place = self.offnum - self.first  # of the new item among the old ones
        if self.offnum > self.last:
            # Behind the last item only the new one can be on the right.
            size, before = np.append(size, self.new_size), np.append(before, size.sum())
        number = len(size)
        # Each gap once, the new item's own twice: with it on the right, then on the left.
        twice = place < number and self.offnum <= self.last
        at = np.insert(np.arange(number), place, place) if twice else np.arange(number)
        on_left = np.arange(len(at)) > place
        left, size = before[at], size[at].copy()
        size[(at == place) & ~on_left] = self.new_size
        posting = np.zeros(len(at), np.int64)
        if self.leaf:
            posting = self._posting_sizes(at, size, place, on_left)
        left_free = self.left_space - left - size + posting
        right_free = self.right_space - (self.total - left)
        if self.leaf:
            left_free -= tuples.PIVOT_TID_SPACE
        else:
            right_free += size - _MINUS_INFINITY
        left_free -= np.where(on_left, self.new_size, 0)
        right_free -= np.where(on_left, 0, self.new_size)
        legal = np.flatnonzero((left_free >= 0) & (right_free >= 0))
        if not len(legal):
            raise CorruptData(
                f'could not find a feasible split point for index "{self.tree.descriptor.name}"'
            )
        self.first_rights, self.on_left = at[legal] + self.first, on_left[legal]
        self.left_free, self.right_free = left_free[legal], right_free[legal]
        self.sizes = size[legal]

    def _posting_sizes(self, at: Any, size: Any, place: int, on_left: Any) -> Any:
        """What a high key leaves out of its item: it never has a posting list."""
        out = np.zeros(len(at), np.int64)
        for row in np.flatnonzero(size > _WITH_LIST).tolist():
            if at[row] == place and not on_left[row]:
                continue
            tup = self.item(int(at[row]) + self.first)
            if tuples.is_posting(tup):
                out[row] = len(tup) - tuples.key_size(tup)
        return out

    def cut(self, row: int) -> _Cut:
        """One of the legal cuts."""
        return _Cut(
            int(self.first_rights[row]), bool(self.on_left[row]), int(self.left_free[row]),
            int(self.right_free[row]), int(self.sizes[row]),
        )

    def sorted(self, fillfactor: float | None) -> Any:
        """The cuts, the one nearest to the aim first."""
        if fillfactor is None:
            delta = np.abs(self.left_free - self.right_free)
        else:
            aim = fillfactor * self.left_free - (1.0 - fillfactor) * self.right_free
            delta = np.abs(aim.astype(np.int64))
        return np.argsort(delta, kind="stable")

    def interval(self, order: Any) -> int:
        """How many of the sorted cuts are near enough to the best."""
        share = LEAF_SPLIT_DISTANCE if self.leaf else INTERNAL_SPLIT_DISTANCE
        tolerance = int(self.total * share)
        left, right = self.left_free[order], self.right_free[order]
        far = (np.abs(left - left[0]) > tolerance) | (np.abs(right - right[0]) > tolerance)
        found = np.flatnonzero(far)
        return int(found[0]) if len(found) else len(order)

    def edges(self, rows: Any) -> tuple[_Cut, _Cut]:
        """The leftmost and the rightmost of some cuts."""
        place = self.first_rights[rows] * 2 + self.on_left[rows]
        return self.cut(int(rows[place.argmin()])), self.cut(int(rows[place.argmax()]))

    # -- neighbours -------------------------------------------------------------------------

    def last_left(self, cut: _Cut) -> bytes:
        """The last tuple on the left of a cut."""
        if cut.on_left and cut.first_right == self.offnum:
            return self.new
        return self.item(cut.first_right - 1)

    def first_right(self, cut: _Cut) -> bytes:
        """The first tuple on the right of a cut."""
        if not cut.on_left and cut.first_right == self.offnum:
            return self.new
        return self.item(cut.first_right)

    def penalty(self, cut: _Cut) -> int:
        """How bad a high key the cut gives."""
        if not self.leaf:
            return cut.size
        return self.tree.shape.same_images(self.last_left(cut), self.first_right(cut))

    # -- ascending groups -------------------------------------------------------------------

    def after_new(self, fillfactor: float) -> bool | None:
        """Whether to apply the fillfactor to an ascending group; None where there is none.

        False: cut right behind the new tuple.
        """
        if self.tree.nkeyatts == 1 or self.offnum == self.first:
            return None
        smallest = int(self.sizes.min())
        if self.new_size != smallest or self.new_size > _NARROW or (
            self.new_size * (self.last - 1) != self.total
        ):
            return None
        before = self.item(self.last if self.offnum > self.last else self.offnum - 1)
        if self.offnum <= self.last and not _adjacent(before, self.new):
            return None
        keep = self.tree.shape.same_images(before, self.new)
        if not 1 < keep <= self.tree.nkeyatts:
            return None
        return self.offnum > self.last or self.offnum / (self.last + 1) > fillfactor


def _aligned(size: int) -> int:
    return size + 7 & ~7


def _adjacent(low: bytes, high: bytes) -> bool:
    """Whether one heap tuple was probably inserted right after the other."""
    low_tid, high_tid = tuples.first_tid(low), tuples.first_tid(high)
    return low_tid >> 16 == high_tid >> 16 or (
        (low_tid >> 16) + 1 == high_tid >> 16 and high_tid & 0xFFFF == 1
    )


def _strategy(state: _Page, near: Any) -> tuple[_Strategy, int]:
    """(strategy, penalty that need not be improved on) of a leaf."""
    nkeyatts = state.tree.nkeyatts
    same = state.tree.shape.same_images
    left, right = state.edges(near)
    perfect = same(state.last_left(left), state.first_right(right))
    if perfect <= nkeyatts:
        return _Strategy.DEFAULT, perfect
    left, right = state.edges(np.arange(len(state.sizes)))
    perfect = same(state.last_left(left), state.first_right(right))
    if perfect <= nkeyatts:
        return _Strategy.MANY_DUPLICATES, nkeyatts
    if state.rightmost:
        return _Strategy.SINGLE_VALUE, perfect
    high_key = bufpage.item(state.page, P_HIKEY)
    if same(high_key, state.new) <= nkeyatts:
        return _Strategy.SINGLE_VALUE, perfect
    return _Strategy.DEFAULT, perfect


def find_split(
    tree: BTree, page: bytes | bytearray, offnum: int, new: bytes
) -> tuple[int, bool]:
    """(first old item that goes to the right, whether the new tuple stays on the left)."""
    state = _Page(tree, page, offnum, new)
    fillfactor = tree.descriptor.fillfactor / 100
    aim: float | None = None
    if not state.leaf:
        aim = BTREE_NONLEAF_FILLFACTOR / 100 if state.rightmost else None
    elif state.rightmost:
        aim = fillfactor
    else:
        group = state.after_new(fillfactor)
        if group is False and bool(((state.first_rights == offnum) & state.on_left).any()):
            return offnum, True
        if group:
            aim = fillfactor
    order = state.sorted(aim)
    near = order[: state.interval(order)]
    strategy, perfect = _Strategy.DEFAULT, int(state.sizes.min())
    if state.leaf:
        strategy, perfect = _strategy(state, near)
        if strategy is _Strategy.MANY_DUPLICATES:
            near = order
        elif strategy is _Strategy.SINGLE_VALUE:
            order = state.sorted(BTREE_SINGLEVAL_FILLFACTOR / 100)
            near = order[:1]
    best = _best(state, near, perfect)
    if strategy is _Strategy.MANY_DUPLICATES and not state.rightmost and not best.on_left and (
        offnum <= best.first_right < offnum + MAX_LEAF_INTERVAL
    ):
        # Ever lower keys behind a run of duplicates would always cut here.
        best = state.cut(int(order[0]))
    return best.first_right, best.on_left


def _best(state: _Page, rows: Any, perfect: int) -> _Cut:
    """The first cut whose penalty is perfect, or the one with the lowest."""
    best, lowest = state.cut(int(rows[0])), 1 << 30
    for row in rows.tolist():
        cut = state.cut(row)
        penalty = state.penalty(cut)
        if penalty <= perfect:
            return cut
        if penalty < lowest:
            best, lowest = cut, penalty
    return best
