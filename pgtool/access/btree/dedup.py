"""Merging duplicates into posting lists, and looking for dead versions among them.

Source of the rules: ``access/nbtree/nbtdedup.c``. A **deduplication pass** merges each run
of equal tuples as far as a posting list of a sixth of a page goes. On a page that holds one
value only (**single value**) it stops after six lists and leaves the last tuples alone: the
page will be split there. A **bottom-up pass** comes before it where duplicates are versions
of the same rows: the heap is asked which of them are dead.
"""

from __future__ import annotations

from dataclasses import dataclass

from formats.derive import struct_of
from formats.itup import IndexTupleData
from formats.nbtree import INDEX_ALT_TID_MASK
from formats.page import SIZE_OF_PAGE_HEADER
from formats.units import BLCKSZ
from formats.wal.btree import BTDedupInterval, xl_btree_dedup
from pgtool.access.btree import itemedit, pageops, tuples
from pgtool.access.btree.delete import Candidate, DeleteOperation, delete_checked
from pgtool.access.btree.relation import BTREE_SINGLEVAL_FILLFACTOR, BTree
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer

__all__ = ["MAX_POSTING_SIZE", "Run", "bottom_up_pass", "dedup_pass", "runs_of"]

_DEDUP = struct_of(xl_btree_dedup)
_INTERVAL = struct_of(BTDedupInterval)
_ID = bufpage.SIZE_OF_ITEM_ID
_TID = 6
_head = struct_of(IndexTupleData).unpack_from
#: A sixth of a page: half of what an item may take.
MAX_POSTING_SIZE = 2704 // 2
#: Which items of a page repeat the one before, and one more.
_REPEATS = bytearray(BLCKSZ // _ID + 1)
#: From so many TIDs on a list counts as one that is full.
_MANY = 50


#: An item of a page: its heap TIDs, its length, whether it is a posting list.
Item = tuple[list[int], int, bool]


@dataclass(slots=True)
class Run:
    """Neighbours with equal keys: first line pointer, size and bytes of the key, all TIDs."""

    first: int
    key_size: int
    image: bytes
    tids: list[int]
    items: list[Item]

    @property
    def count(self) -> int:
        """How many items it has."""
        return len(self.items)


def runs_of(
    tree: BTree, page: bytes | bytearray, limit: int, single_value: int = 0, *,
    singles: bool = True,
) -> list[Run]:  # fmt: skip
    """The runs of a page's items. ``single_value`` is the new tuple's size where the page
    holds one value only; without ``singles`` runs of one item need not be told."""
    raw, first = bytes(page), pageops.first_data(page)
    runs: list[Run] = []
    run: Run | None = None
    full, merging = 0, True
    for offnum, (at, length) in enumerate(bufpage.item_places(page)[first - 1 :], first):
        end = at + length
        high, low, posid, info = _head(raw, at)
        if info & INDEX_ALT_TID_MASK:
            tup = raw[at:end]
            image, key_size = tuples.key_image(tup), tuples.key_size(tup)
            heap_tids = tuples.tids(tup)
            item: Item = heap_tids, length, True
        else:  # a plain tuple: all but its TID is its key
            image, key_size = raw[at + _TID : end], length
            heap_tids = [high << 32 | low << 16 | posid]
            item = heap_tids, length, False
        if run is not None and merging and image == run.image:
            size = key_size + (len(run.tids) + len(heap_tids)) * _TID + 7 & ~7
            if size <= limit:
                run.items.append(item)
                run.tids += heap_tids
                continue
            if len(run.tids) > _MANY:
                full += 1
        if run is not None and single_value:
            if full == 5:
                limit = _last_limit(limit, single_value)
            elif full == 6:
                merging, single_value = False, 0
        if run is None or singles or len(run.items) > 1:
            run = Run(offnum, key_size, image, heap_tids[:], [item])
            runs.append(run)
        else:  # nobody asks for the one before: cheaper than a new one
            run.first, run.key_size, run.image = offnum, key_size, image
            run.tids, run.items = heap_tids[:], [item]
    return runs


def _last_limit(limit: int, new_size: int) -> int:
    """The sixth list is smaller, so that the left page of the split keeps a little room."""
    left = BLCKSZ - SIZE_OF_PAGE_HEADER - pageops.OPAQUE_SIZE - new_size - tuples.PIVOT_TID_SPACE
    reduction = int(left * ((100 - BTREE_SINGLEVAL_FILLFACTOR) / 100.0))
    return max(limit - reduction, 0)


def dedup_pass(tree: BTree, buffer: Buffer, new: bytes, *, single_value: bool) -> None:
    """Merge the page's duplicates. ``single_value`` allows that strategy."""
    page = buffer.page
    first, last = pageops.first_data(page), bufpage.max_offset(page)
    if last < first:
        return
    count = itemedit.plain_repeats(page, _REPEATS)
    if count >= 0 and 1 not in _REPEATS[:count]:
        return
    size = 0
    if single_value and _holds_only(tree, page, new):
        size = len(new) + _ID
    runs = runs_of(tree, page, MAX_POSTING_SIZE, size, singles=False)
    intervals = [(run.first, run.count) for run in runs if run.count > 1]
    if not intervals:
        return
    built = bytearray(page)
    pageops.apply_dedup(built, intervals)
    with tree.change(buffer):
        page[:] = built
        record = tree.record("DEDUP", _DEDUP.pack(len(intervals)))
        record.block(0, buffer, b"".join(_INTERVAL.pack(*one) for one in intervals))
        tree.log(record)


def _holds_only(tree: BTree, page: bytes | bytearray, new: bytes) -> bool:
    """Whether all items of a page have the new tuple's key."""
    nkeyatts = tree.nkeyatts
    return all(
        tree.shape.same_images(new, bufpage.item(page, offnum)) > nkeyatts
        for offnum in (pageops.first_data(page), bufpage.max_offset(page))
    )


def bottom_up_pass(tree: BTree, buffer: Buffer, new_size: int) -> bool:
    """Delete versions that nobody sees any more; whether a split is off for a while."""
    page = buffer.page
    operation = DeleteOperation(bottom_up=True, free_wanted=max(BLCKSZ // 16, new_size + _ID))
    count = itemedit.plain_repeats(page, _REPEATS)
    if count >= 0:
        duplicates = 1 in _REPEATS[:count]
        _plain_candidates(page, count, operation)
    else:
        duplicates = False
        for run in runs_of(tree, page, BLCKSZ):
            duplicates = duplicates or run.count > 1
            _candidates(run, operation)
    delete_checked(tree, buffer, operation)
    if not duplicates:
        return True  # merging would find nothing either
    return bufpage.exact_free_space(page) >= max(BLCKSZ // 24, new_size + _ID)


def _plain_candidates(
    page: bytes | bytearray, count: int, operation: DeleteOperation
) -> None:
    """The TIDs of a page without posting lists."""
    first = pageops.first_data(page)
    _REPEATS[count] = 0
    for i, (at, length) in enumerate(bufpage.item_places(page)[first - 1 :]):
        high, low, posid, _info = _head(page, at)
        likely = bool(_REPEATS[i] or _REPEATS[i + 1])
        operation.candidates.append(
            Candidate(high << 32 | low << 16 | posid, first + i, likely, False, length + _ID)
        )


def _candidates(run: Run, operation: DeleteOperation) -> None:
    """The TIDs of a run; duplicates are likely to be old versions."""
    likely = run.count > 1
    for offnum, (heap_tids, length, posting) in enumerate(run.items, run.first):
        if not posting:
            operation.candidates.append(
                Candidate(heap_tids[0], offnum, likely, False, length + _ID)
            )
            continue
        low, middle, high = (
            tid >> 16 for tid in (heap_tids[0], heap_tids[len(heap_tids) // 2], heap_tids[-1])
        )
        # At most one row of a posting list is taken to have changed lately.
        chosen = -1
        if likely:
            chosen = 0 if low == middle else len(heap_tids) - 1 if middle == high else -1
        operation.candidates += [
            Candidate(tid, offnum, place == chosen, False, _TID)
            for place, tid in enumerate(heap_tids)
        ]
