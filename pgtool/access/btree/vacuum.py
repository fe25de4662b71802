"""VACUUM of a btree: entries of dead rows go, empty pages go, deleted pages become free.

One pass over the file in physical order. :func:`bulk_delete` takes out the entries whose TID
is among the dead ones; :func:`cleanup` is the pass where there were none. Pages that are
empty then are deleted (:mod:`.pagedel`); deleted pages that nobody can look for any more go
into the free space map. The meta page notes how many are left for the next time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from formats.itup import IndexInfo
from formats.nbtree import BTREE_METAPAGE, INDEX_ALT_TID_MASK, BtpFlags
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData
from pgtool.access.btree import pageops, tuples
from pgtool.access.btree.delete import vacuum_page
from pgtool.access.btree.leafrun import vacuum_run
from pgtool.access.btree.pagedel import delete_page
from pgtool.access.btree.relation import BTree, recyclable
from pgtool.access.tidset import TidSet
from pgtool.errors import Panic
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer
from pgtool.storage.indexfsm import record_free_index_page, vacuum_index_map
from pgtool.storage.pageruns import Runs, runs_of

#: Pages that are looked at together.
RUN_PAGES = 256

__all__ = ["BulkDeleteResult", "bulk_delete", "cleanup"]

_OFF_MASK = (1 << ItemIdData.bits["lp_off"][1]) - 1
_LEAF, _DELETED = int(BtpFlags.BTP_LEAF), int(BtpFlags.BTP_DELETED)
_HALF = int(BtpFlags.BTP_HALF_DEAD)
_ALT = INDEX_ALT_TID_MASK
assert int(IndexInfo.INDEX_AM_RESERVED_BIT) == _ALT


@dataclass
class BulkDeleteResult:
    """What a pass found and did."""

    num_pages: int = 0
    num_index_tuples: int = 0
    tuples_removed: int = 0
    pages_newly_deleted: int = 0
    pages_deleted: int = 0
    pages_free: int = 0
    #: Whether the entries counted are no more than an estimate (posting lists not opened).
    estimated_count: bool = False
    deleted_blocks: list[int] = field(default_factory=list)


def bulk_delete(
    tree: BTree, dead: Any, result: BulkDeleteResult | None = None,
    pause: Callable[[], None] = lambda: None,
) -> BulkDeleteResult:  # fmt: skip
    """Take out the entries of ``dead``, an ascending array of TIDs."""
    out = result or BulkDeleteResult()
    _scan(tree, TidSet(dead), out, pause)
    return out


def cleanup(
    tree: BTree, result: BulkDeleteResult | None = None, pause: Callable[[], None] = lambda: None
) -> BulkDeleteResult | None:
    """The end of a VACUUM; a pass of its own only where no other was made and it is worth it.

    None where no pass was made at all.
    """
    if result is not None:
        return result
    pages = tree.pool.nblocks(tree.where)
    left = tree.meta().last_cleanup_num_delpages
    # A twentieth of the index: then there is something to be gained.
    if not left or left <= pages / 20:
        return None
    out = BulkDeleteResult(num_pages=pages, estimated_count=True)
    _scan(tree, TidSet(np.zeros(0, np.int64)), out, pause)
    return out


def _scan(
    tree: BTree, dead: TidSet, out: BulkDeleteResult, pause: Callable[[], None]
) -> None:
    out.num_index_tuples = out.pages_deleted = out.pages_free = 0
    runs = runs_of(tree.pool, tree.where)
    block = BTREE_METAPAGE + 1
    try:
        while block < (end := tree.pool.nblocks(tree.where)):
            pause()
            if not runs.waiting:
                tree.instance.tick()
            _run(tree, runs, range(block, min(block + RUN_PAGES, end)), dead, out)
            block += RUN_PAGES
        runs.settle()
    except Panic:
        raise
    except BaseException:
        runs.abandon()
        raise
    out.num_pages = tree.pool.nblocks(tree.where)
    _free_again(tree, out)
    _note_left(tree, out.pages_deleted - out.pages_free)
    if out.pages_free:
        vacuum_index_map(tree.pool, tree.where)


def _run(
    tree: BTree, runs: Runs, blocks: range, dead: TidSet, out: BulkDeleteResult
) -> None:
    """Some pages: most at once, the others singly."""
    run = runs.load(blocks)
    counts, singly = vacuum_run(tree, run, dead)
    out.num_index_tuples += counts.tids
    out.tuples_removed += counts.removed
    buffers = runs.save(run, singly)
    try:
        for row in singly:
            _page(tree, runs, blocks[row], buffers.pop(0), dead, out)
    finally:
        for buffer in buffers:
            tree.unpin(buffer)


def _page(
    tree: BTree, runs: Runs, block: int, buffer: Buffer, dead: TidSet, out: BulkDeleteResult
) -> None:
    """One page, which is pinned; it is let go of."""
    empty = False
    try:
        page = buffer.page
        if not bufpage.is_new(page):
            tree.unpin(tree.pin(block))  # it is a sound page
        if recyclable(tree, page):
            record_free_index_page(tree.pool, tree.where, block)
            out.pages_deleted += 1
            out.pages_free += 1
        elif pageops.flags_of(page) & _DELETED:
            out.pages_deleted += 1
        elif pageops.flags_of(page) & _HALF:
            empty = True
        elif pageops.flags_of(page) & _LEAF:
            empty = _leaf(tree, buffer, dead, out)
    finally:
        tree.unpin(buffer)
    if empty:
        runs.settle()
        gone = delete_page(tree, block)
        out.deleted_blocks += gone
        out.pages_newly_deleted += len(gone)
        # Blocks that the scan is still to come to are counted there.
        out.pages_deleted += sum(one <= block for one in gone)


def _leaf(tree: BTree, buffer: Buffer, dead: TidSet, out: BulkDeleteResult) -> bool:
    """Take dead entries out of a leaf; whether it is empty then."""
    page = buffer.page
    first = pageops.first_data(page)
    if len(dead):
        deleted, updated, removed = _dead_items(page, dead)
        if deleted or updated:
            vacuum_page(tree, buffer, deleted, updated)
            out.tuples_removed += removed
    items, lists = _tids(page)
    out.num_index_tuples += len(items) + sum(len(tuples.tids(one)) for one in lists.values())
    return bufpage.max_offset(page) < first


def _tids(page: bytes | bytearray) -> tuple[Any, dict[int, bytes]]:
    """(TIDs of the plain items, posting list tuples by line pointer) of a leaf."""
    numbers, tids, lists = _entries(page)
    del numbers
    return tids, lists


def _entries(page: bytes | bytearray) -> tuple[Any, Any, dict[int, bytes]]:
    """(line pointers and TIDs of the plain items, posting list tuples by line pointer)."""
    first, count = pageops.first_data(page), bufpage.max_offset(page)
    if count < first:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), {}
    words = np.array(
        struct.unpack_from(f"<{count}I", page, SIZE_OF_PAGE_HEADER)[first - 1 :], np.int64
    )
    halves = np.frombuffer(bytes(page), "<u2")
    at = (words & _OFF_MASK) >> 1
    numbers = np.arange(first, count + 1)
    plain = (halves[at + 3] & _ALT) == 0
    lists = {int(n): bufpage.item(page, int(n)) for n in numbers[~plain]}
    at = at[plain]
    tids = (
        halves[at].astype(np.int64) << 32 | halves[at + 1].astype(np.int64) << 16 | halves[at + 2]
    )
    return numbers[plain], tids, lists


def _dead_items(
    page: bytes | bytearray, dead: TidSet
) -> tuple[list[int], dict[int, list[int]], int]:
    """(items that go as a whole, places that go from posting lists, number of TIDs)."""
    numbers, tids, lists = _entries(page)
    deleted = numbers[dead.among(tids)].tolist() if len(tids) else []
    removed = len(deleted)
    updated: dict[int, list[int]] = {}
    for number, tup in lists.items():
        gone = dead.among(np.array(tuples.tids(tup), np.int64))
        count = int(gone.sum())
        removed += count
        if count == len(gone):
            deleted.append(number)
        elif count:
            updated[number] = np.flatnonzero(gone).tolist()
    return sorted(deleted), updated, removed


def _free_again(tree: BTree, out: BulkDeleteResult) -> None:
    """Pages deleted by this very pass may be free by its end."""
    for block in out.deleted_blocks:
        with tree.pool.read(tree.where, block) as buffer:
            if recyclable(tree, buffer.page):
                record_free_index_page(tree.pool, tree.where, block)
                out.pages_free += 1
    out.deleted_blocks = []


def _note_left(tree: BTree, left: int) -> None:
    """The meta page's number of deleted pages that could not be freed yet."""
    meta = tree.meta()
    if meta.last_cleanup_num_delpages == left:
        return
    with tree.page(BTREE_METAPAGE) as buffer:
        new = meta._replace(last_cleanup_num_delpages=left)
        with tree.change(buffer):
            tree.put_meta(buffer, new)
            tree.log(tree.with_meta(tree.record("META_CLEANUP"), 0, buffer, new))
