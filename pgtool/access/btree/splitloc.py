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
from typing import NamedTuple

from formats.nbtree import P_HIKEY
from formats.page import SIZE_OF_PAGE_HEADER
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
        self.ids = bufpage.item_ids(page)
        self.last = len(self.ids)
        self.left_space = self.right_space = _SPACE
        if not self.rightmost:
            self.right_space -= _aligned(self.ids[0].length) + SIZE_OF_ITEM_ID
        self.total = self.right_space - bufpage.exact_free_space(page)
        self.cuts = self._legal_cuts()

    def item(self, offnum: int) -> bytes:
        """An item of the page."""
        _state, offset, length = self.ids[offnum - 1]
        return bytes(self.page[offset : offset + length])

    # -- legal cuts -------------------------------------------------------------------------

    def _legal_cuts(self) -> list[_Cut]:
        out: list[_Cut] = []
        left = 0
        for offnum in range(self.first, self.last + 1):
            size = _aligned(self.ids[offnum - 1].length) + SIZE_OF_ITEM_ID
            if offnum <= self.offnum:
                self._add(out, offnum, False, left, size)
            if offnum >= self.offnum:
                self._add(out, offnum, True, left, size)
            left += size
        if self.offnum > self.last:
            self._add(out, self.offnum, False, left, 0)
        if not out:
            raise CorruptData(
                f'could not find a feasible split point for index "{self.tree.descriptor.name}"'
            )
        return out

    def _add(self, out: list[_Cut], first_right: int, on_left: bool, left: int, size: int) -> None:
        new_is_first = first_right == self.offnum and not on_left
        posting = 0
        if new_is_first:
            size = self.new_size
        elif self.leaf and size > 64:
            # A high key never has a posting list.
            tup = self.item(first_right)
            if tuples.is_posting(tup):
                posting = len(tup) - tuples.key_size(tup)
        left_free = self.left_space - left
        right_free = self.right_space - (self.total - left)
        if self.leaf:
            left_free -= size - posting + tuples.PIVOT_TID_SPACE
        else:
            left_free -= size
        if on_left:
            left_free -= self.new_size
        else:
            right_free -= self.new_size
        if not self.leaf:
            right_free += size - _MINUS_INFINITY
        if left_free >= 0 and right_free >= 0:
            out.append(_Cut(first_right, on_left, left_free, right_free, size))

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
        smallest = min(cut.size for cut in self.cuts)
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


def _sorted(cuts: list[_Cut], fillfactor: float | None) -> list[_Cut]:
    """The cuts, the one nearest to the aim first."""
    if fillfactor is None:
        return sorted(cuts, key=lambda cut: abs(cut.left_free - cut.right_free))
    left, right = fillfactor, 1.0 - fillfactor
    return sorted(cuts, key=lambda cut: abs(int(left * cut.left_free - right * cut.right_free)))


def _interval(state: _Page, cuts: list[_Cut]) -> int:
    """How many of the sorted cuts are near enough to the best."""
    tolerance = int(state.total * (LEAF_SPLIT_DISTANCE if state.leaf else INTERNAL_SPLIT_DISTANCE))
    best = cuts[0]
    for number, cut in enumerate(cuts):
        if (
            abs(cut.left_free - best.left_free) > tolerance
            or abs(cut.right_free - best.right_free) > tolerance
        ):
            return number
    return len(cuts)


def _edges(cuts: list[_Cut]) -> tuple[_Cut, _Cut]:
    """The leftmost and the rightmost of some cuts."""
    order = sorted(cuts, key=lambda cut: (cut.first_right, cut.on_left))
    return order[0], order[-1]


def _strategy(state: _Page, near: list[_Cut]) -> tuple[_Strategy, int]:
    """(strategy, penalty that need not be improved on) of a leaf."""
    nkeyatts = state.tree.nkeyatts
    left, right = _edges(near)
    same = state.tree.shape.same_images
    perfect = same(state.last_left(left), state.first_right(right))
    if perfect <= nkeyatts:
        return _Strategy.DEFAULT, perfect
    left, right = _edges(state.cuts)
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
        if group is False:
            for cut in state.cuts:
                if cut.on_left and cut.first_right == offnum:
                    return offnum, True
        elif group:
            aim = fillfactor
    cuts = _sorted(state.cuts, aim)
    count = _interval(state, cuts)
    strategy, perfect = _Strategy.DEFAULT, min(cut.size for cut in cuts)
    if state.leaf:
        strategy, perfect = _strategy(state, cuts[:count])
        if strategy is _Strategy.MANY_DUPLICATES:
            count = len(cuts)
        elif strategy is _Strategy.SINGLE_VALUE:
            cuts, count = _sorted(state.cuts, BTREE_SINGLEVAL_FILLFACTOR / 100), 1
    best = _best(state, cuts[:count], perfect)
    if strategy is _Strategy.MANY_DUPLICATES and not state.rightmost and not best.on_left and (
        offnum <= best.first_right < offnum + MAX_LEAF_INTERVAL
    ):
        # Ever lower keys behind a run of duplicates would always cut here.
        best = cuts[0]
    return best.first_right, best.on_left


def _best(state: _Page, cuts: list[_Cut], perfect: int) -> _Cut:
    best, lowest = cuts[0], 1 << 30
    for cut in cuts:
        penalty = state.penalty(cut)
        if penalty <= perfect:
            return cut
        if penalty < lowest:
            best, lowest = cut, penalty
    return best
