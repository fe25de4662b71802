"""Deleting index tuples before a page is split: dead ones, and old versions.

The index knows candidates, the heap knows what is dead: :func:`delete_checked` hands the
candidates to the heap, which marks those that may go and tells the newest transaction whose
rows they led to. Standbys must not have a query that still sees it; so it goes into the
record.

* **simple**: items marked dead, and other items that lead to the same heap blocks;
* **bottom-up**: all items of the page, duplicates first (:mod:`.dedup`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from formats.derive import struct_of
from formats.wal.btree import xl_btree_delete, xl_btree_vacuum
from pgtool.access.btree import pageops, tuples
from pgtool.access.btree.relation import BTree
from pgtool.access.btree.xlog import pack_deletion
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer

__all__ = [
    "Candidate", "DeleteOperation", "DeletesFromHeap", "delete_checked", "delete_items_logged",
    "simple_delete_pass", "vacuum_page",
]  # fmt: skip

_DELETE = struct_of(xl_btree_delete[18])
_VACUUM = struct_of(xl_btree_vacuum)
_ID = bufpage.SIZE_OF_ITEM_ID
_TID = 6


@dataclass(slots=True)
class Candidate:
    """A TID that may go: which item has it, whether it probably can, whether it can."""

    tid: int
    offnum: int
    promising: bool
    deletable: bool
    space: int


@dataclass(slots=True)
class DeleteOperation:
    """What the heap is asked. ``free_wanted`` bytes are enough for a bottom-up pass."""

    bottom_up: bool = False
    free_wanted: int = 0
    candidates: list[Candidate] = field(default_factory=list)


class DeletesFromHeap(Protocol):
    """What the heap does for deletion."""

    def index_delete_tuples(self, operation: DeleteOperation) -> int:
        """Mark what can go as deletable; the newest xid removed, 0 if that is none."""


def simple_delete_pass(tree: BTree, buffer: Buffer, dead: list[int], new_tid: int) -> None:
    """Delete items that are marked dead, and what else leads to dead rows of their blocks."""
    page = buffer.page
    marked = set(dead)
    blocks = {new_tid >> 16}
    for offnum in dead:
        blocks.update(tid >> 16 for tid in tuples.tids(bufpage.item(page, offnum)))
    operation = DeleteOperation()
    for offnum in range(pageops.first_data(page), bufpage.max_offset(page) + 1):
        tup = bufpage.item(page, offnum)
        known = offnum in marked
        posting = tuples.is_posting(tup)
        for tid in tuples.tids(tup):
            if known or tid >> 16 in blocks:
                space = _TID if posting else bufpage.item_id(page, offnum).length + _ID
                operation.candidates.append(Candidate(tid, offnum, False, known, space))
    delete_checked(tree, buffer, operation)


def delete_checked(tree: BTree, buffer: Buffer, operation: DeleteOperation) -> None:
    """Ask the heap, then delete what it allows."""
    if not operation.candidates or tree.heap is None:
        return
    horizon = tree.heap.index_delete_tuples(operation)
    gone: dict[int, set[int]] = {}
    for one in operation.candidates:
        if one.deletable:
            gone.setdefault(one.offnum, set()).add(one.tid)
    if not gone:
        return
    deleted, updated = _sorted_out(buffer.page, gone)
    delete_items_logged(tree, buffer, deleted, updated, horizon)


def _sorted_out(
    page: bytes | bytearray, gone: dict[int, set[int]]
) -> tuple[list[int], dict[int, list[int]]]:
    """(items that go as a whole, places that go from posting lists)."""
    deleted: list[int] = []
    updated: dict[int, list[int]] = {}
    for offnum in sorted(gone):
        heap_tids = tuples.tids(bufpage.item(page, offnum))
        places = [place for place, tid in enumerate(heap_tids) if tid in gone[offnum]]
        if len(places) == len(heap_tids):
            deleted.append(offnum)
        elif places:
            updated[offnum] = places
    return deleted, updated


def delete_items_logged(
    tree: BTree, buffer: Buffer, deleted: list[int], updated: dict[int, list[int]], horizon: int
) -> None:
    """Take items and TIDs out, with a record that names the horizon."""
    built = bytearray(buffer.page)
    pageops.delete_items(built, deleted, updated)
    with tree.change(buffer):
        buffer.page[:] = built
        main = _DELETE.pack(horizon, len(deleted), len(updated),
                            int(tree.descriptor.heap_is_catalog))  # fmt: skip
        record = tree.record("DELETE", main)
        record.block(0, buffer, pack_deletion(deleted, updated))
        tree.log(record)


def vacuum_page(
    tree: BTree, buffer: Buffer, deleted: list[int], updated: dict[int, list[int]]
) -> None:
    """Take items out whose rows VACUUM removes; the heap's own records tell the horizon."""
    built = bytearray(buffer.page)
    pageops.delete_items(built, deleted, updated)
    pageops.set_cycleid(built, 0)
    with tree.change(buffer):
        buffer.page[:] = built
        record = tree.record("VACUUM", _VACUUM.pack(len(deleted), len(updated)))
        record.block(0, buffer, pack_deletion(deleted, updated))
        tree.log(record)
