"""VACUUM of a run of btree leaves at once: entries of dead rows leave, as arrays.

Sound leaves that keep some entry, and whose posting lists lose either no TID or all, are
done here, with their records made together. All other pages are had singly by
:mod:`pgtool.access.btree.vacuum`; both come to the same pages and records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from formats.derive import dtype_of, offset_of
from formats.itup import IndexTupleData
from formats.nbtree import (
    BT_IS_POSTING,
    BT_OFFSET_MASK,
    INDEX_ALT_TID_MASK,
    SIZEOF_TID,
    BTPageOpaqueData,
    BtpFlags,
)
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, PageHeaderData
from formats.units import BLCKSZ
from formats.wal.btree import xl_btree_vacuum
from pgtool.access.btree import pageops
from pgtool.access.btree.relation import OPCODES, RM_BTREE, BTree
from pgtool.access.tidset import TidSet
from pgtool.storage.pagearrays import (
    compact,
    header_field,
    item_places,
    pointer_words,
    put_u16,
    relocate,
)
from pgtool.storage.pageruns import Run
from pgtool.storage.ragged import offsets_of
from pgtool.wal import bulk
from pgtool.wal.bulk import Kind, Reference, Spans

__all__ = ["Counts", "vacuum_run"]

Ints = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
_OPAQUE = BLCKSZ - BTPageOpaqueData.sizeof()
_FLAGS, _CYCLE, _NEXT = (
    _OPAQUE + offset_of(BTPageOpaqueData, f"btpo_{name}") for name in ("flags", "cycleid", "next")
)
_INFO = offset_of(IndexTupleData, "t_info") // 2
_LEAF, _GARBAGE = int(BtpFlags.BTP_LEAF), int(BtpFlags.BTP_HAS_GARBAGE)
_OTHER = int(BtpFlags.BTP_DELETED | BtpFlags.BTP_HALF_DEAD | BtpFlags.BTP_META)
_LP = ItemIdData.sizeof()
_LOWER = offset_of(PageHeaderData, "pd_lower")
_VACUUM = dtype_of(xl_btree_vacuum)
#: As many deletions are done one by one, and leave the items in their order on the page.
_FEW = 2


@dataclass(slots=True)
class Counts:
    """What is on the leaves of a run, and was."""

    tids: int = 0
    removed: int = 0


@dataclass(slots=True)
class _Items:
    """The entries of the leaves of a run (high keys left out): row, number, place."""

    row: Ints
    number: Ints
    at: Ints

    def without(self, rows: Ints) -> _Items:
        """The entries that are not on these pages."""
        keep = ~np.isin(self.row, rows)
        return _Items(self.row[keep], self.number[keep], self.at[keep])


def vacuum_run(tree: BTree, run: Run, dead: TidSet) -> tuple[Counts, list[int]]:
    """Do what can be done at once; the rows of pages that must be seen singly."""
    pages = run.pages
    flags = pages[:, _FLAGS : _FLAGS + 2].view(np.uint16)[:, 0]
    lower, upper, special = (
        header_field(pages, name) for name in ("pd_lower", "pd_upper", "pd_special")
    )
    sound = (special == pageops.OPAQUE_AT) & (lower >= SIZE_OF_PAGE_HEADER)
    sound &= (lower <= upper) & (upper <= special) & ((flags & _OTHER) == 0)
    leaf = sound & ((flags & _LEAF) != 0)
    singly = ~sound
    rows = np.flatnonzero(leaf)
    if not len(rows):
        return Counts(), np.flatnonzero(singly).tolist()
    items = _items(run, rows)
    bad = _unsound(run, items)
    if len(bad):
        singly[bad] = True
        items = items.without(bad)
    tid_item, tids = _tids(run, items)
    gone = dead.among(tids)
    ntids = np.bincount(tid_item, minlength=len(items.row))
    ndead = np.bincount(tid_item[gone], minlength=len(items.row))
    singly[items.row[(ndead > 0) & (ndead < ntids)]] = True
    whole = (ndead > 0) & (ndead == ntids)
    n = len(pages)
    removed = np.bincount(items.row[whole], minlength=n)
    entries = np.bincount(items.row, minlength=n)
    singly |= leaf & (removed == entries)  # it will be empty, or is
    if not bulk.possible(tree.wal, RM_BTREE):
        singly |= removed > 0
    mine = whole & ~singly[items.row]
    counts = Counts(int(ntids[~singly[items.row]].sum()), int(ndead[mine].sum()))
    counts.tids -= counts.removed
    if mine.any():
        _delete(tree, run, items, mine)
    return counts, np.flatnonzero(singly).tolist()


def _items(run: Run, rows: Ints) -> _Items:
    pages = run.some(rows)
    words, used = pointer_words(pages)
    last = pages[:, _NEXT : _NEXT + 4].view(np.uint32)[:, 0] == 0
    there = np.arange(words.shape[1]) < used[:, None]
    if there.shape[1]:
        there[:, 0] &= last  # others begin with their high key
    row, number = np.nonzero(there)
    offset, _length = item_places(words[row, number])
    return _Items(rows[row], number + 1, rows[row] * BLCKSZ + offset)


def _unsound(run: Run, items: _Items) -> Ints:
    """Rows of pages with an item outside its space."""
    low = header_field(run.pages, "pd_upper")[items.row]
    place = items.at - items.row * BLCKSZ
    size = run.flat.view(np.uint16)[np.minimum(items.at >> 1, len(run.flat) // 2 - 8) + _INFO]
    bad = (place < low) | (place & 7 != 0) | (place + (size & 0x1FFF) > pageops.OPAQUE_AT)
    return np.unique(items.row[bad])


def _tids(run: Run, items: _Items) -> tuple[Ints, Ints]:
    """(which entry, TID) of every heap TID."""
    halves = run.flat.view(np.uint16)
    at = items.at >> 1
    block = halves[at].astype(np.int64) << 16 | halves[at + 1]
    posid = halves[at + 2].astype(np.int64)
    special = (halves[at + _INFO] & INDEX_ALT_TID_MASK) != 0
    plain = np.arange(len(at))
    tids = block << 16 | posid
    if not special.any():
        return plain, tids
    lists = np.flatnonzero(special & ((posid & BT_IS_POSTING) != 0))
    count = posid[lists] & BT_OFFSET_MASK
    inside = items.at[lists] % BLCKSZ + block[lists] + count * SIZEOF_TID <= pageops.OPAQUE_AT
    lists, count = lists[inside], count[inside]
    step = np.arange(int(count.sum())) - np.repeat(offsets_of(count)[:-1], count)
    place = np.repeat(items.at[lists] + block[lists], count) + step * SIZEOF_TID >> 1
    listed = (
        halves[place].astype(np.int64) << 32 | halves[place + 1].astype(np.int64) << 16
        | halves[place + 2]
    )  # fmt: skip
    return (np.concatenate([plain[~special], np.repeat(lists, count)]),
            np.concatenate([tids[~special], listed]))  # fmt: skip


def _delete(tree: BTree, run: Run, items: _Items, gone: Mask) -> None:
    """Take entries off their pages, with a record for each page."""
    rows = np.unique(items.row[gone])
    place = np.full(len(run.pages), -1)
    place[rows] = np.arange(len(rows))
    row, number = place[items.row[gone]], items.number[gone]
    count = np.bincount(row, minlength=len(rows))
    pages = run.pages[rows]
    words, used = pointer_words(pages)
    drop = np.zeros(words.shape, np.bool_)
    drop[row, number - 1] = True
    few = count <= _FEW
    for which, change in ((~few, _compacted), (few, _closed)):
        some = np.flatnonzero(which)
        if len(some):
            part = pages[some]
            change(part, words[some], used[some], drop[some])
            pages[some] = part
    put_u16(pages, _CYCLE, np.zeros(len(rows), np.int64))
    flags = pages[:, _FLAGS : _FLAGS + 2].view(np.uint16)[:, 0]
    put_u16(pages, _FLAGS, flags & np.uint16(0xFFFF & ~_GARBAGE))
    with tree.wal.critical():
        run.pages[rows] = pages
        run.dirty[rows] = True
        if tree.descriptor.needs_wal:
            _log(tree, run, rows, number, count)


def _kept(words: Ints, used: Ints, drop: Mask) -> tuple[Ints, Ints, Any]:
    """(words of the items that stay, how many, where they were)."""
    there = np.arange(words.shape[1]) < used[:, None]
    keep = there & ~drop
    row, old = np.nonzero(keep)
    out = np.zeros_like(words)
    new = np.cumsum(keep, axis=1)[row, old] - 1
    out[row, new] = words[row, old]
    return out, keep.sum(axis=1), (row, old, new)


def _compacted(pages: Any, words: Ints, used: Ints, drop: Mask) -> None:
    kept, count, _ = _kept(words, used, drop)
    put_u16(pages, _LOWER, SIZE_OF_PAGE_HEADER + _LP * count)
    compact(pages, kept, count)


def _closed(pages: Any, words: Ints, used: Ints, drop: Mask) -> None:
    """Close the gaps of a few items, the others staying in their order."""
    offset, length = item_places(words)
    row, place = np.nonzero(drop)
    shift = np.zeros(words.shape, np.int64)
    freed = np.zeros(len(pages), np.int64)
    for r, k in zip(row.tolist(), place.tolist()):
        shift[r] += np.where(offset[r] < offset[r, k], length[r, k], 0)
        freed[r] += length[r, k]
    kept, count, (at, old, new) = _kept(words, used, drop)
    to = np.zeros(words.shape, np.int64)
    to[at, new] = (offset + shift)[at, old]
    put_u16(pages, _LOWER, SIZE_OF_PAGE_HEADER + _LP * count)
    relocate(pages, kept, count, to, header_field(pages, "pd_upper") + freed)


def _log(tree: BTree, run: Run, rows: Ints, number: Ints, count: Ints) -> None:
    wal = tree.wal
    imaged = (run.lsns()[rows] <= wal.redo_lsn) & wal.full_page_writes
    start = offsets_of(count)[:-1]
    data = number.astype(np.uint16).view(np.uint8)
    main = np.zeros(len(rows), _VACUUM)
    main["ndeleted"] = count
    kinds = []
    for with_image in (True, False):
        some = np.flatnonzero(imaged == with_image)
        if len(some):
            one = Reference(0, tree.where, run.blocks[rows[some]])
            if with_image:
                one.image = run.pages[rows[some]]
            else:
                one.data = Spans(data, start[some] * 2, count[some] * 2)
            octets = main[some].view(np.uint8).reshape(len(some), -1)
            kinds.append(Kind(RM_BTREE, OPCODES["VACUUM"], octets, [one], some))
    run.set_lsn(rows, bulk.insert(wal, kinds))
