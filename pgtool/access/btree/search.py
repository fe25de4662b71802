"""Going down a btree by a key, and finding a place on a page.

A search goes from the (fast) root to a leaf and notes on the way which items it followed:
the **stack**, by which an insertion finds the parent of a page that it splits. A page may
have been split since its link from above was read, or its split may never have been
finished: then the search moves right past high keys that are less than the key.

Invariants: every key of a page is at most its high key; the first data item of an inner
page counts as less than every key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from formats.nbtree import P_HIKEY, P_NONE, BtpFlags
from pgtool.access.btree import pageops, tuples
from pgtool.access.btree.keys import ScanKey
from pgtool.access.btree.relation import BTree, is_ignored
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer

__all__ = ["Stack", "binary_search", "descend", "move_right", "posting_place"]

_INCOMPLETE = int(BtpFlags.BTP_INCOMPLETE_SPLIT)
_LEAF = int(BtpFlags.BTP_LEAF)

Finish = Callable[[BTree, Buffer, "list[Stack]"], None]


class Stack(NamedTuple):
    """An inner page, the item that was followed, and the child that it led to."""

    block: int
    offnum: int
    child: int


def compare(tree: BTree, key: ScanKey, page: bytes | bytearray, offnum: int) -> int:
    """How the key stands to an item of a page, the first one of an inner page included."""
    if not pageops.flags_of(page) & _LEAF and offnum == pageops.first_data(page):
        return 1
    return tree.keys.compare(key, page, offnum)


def binary_search(tree: BTree, key: ScanKey, page: bytes | bytearray) -> int:
    """On a leaf the first item that is not before the key; on an inner page the last that is."""
    low, high = pageops.first_data(page), bufpage.max_offset(page) + 1
    inner = not pageops.flags_of(page) & _LEAF
    if inner:
        low += 1  # the first stands for everything before the second
    if not inner and low < high and pageops.is_rightmost(page) and (
        tree.keys.compare(key, page, high - 1) > 0
    ):
        return high  # the next of ascending keys
    low = tree.keys.search(key, page, low, high)
    return low - 1 if inner else low


def posting_place(tree: BTree, key: ScanKey, page: bytes | bytearray, offnum: int) -> int:
    """Where the key's TID belongs in the posting list at ``offnum``; 0: it is not within."""
    tup = bufpage.item(page, offnum)
    assert key.tid is not None
    if not tuples.is_posting(tup):
        return 0
    low, heap_tids = 0, tuples.tids(tup)
    high = len(heap_tids)
    while low < high:
        middle = (low + high) // 2
        if heap_tids[middle] < key.tid:
            low = middle + 1
        elif heap_tids[middle] == key.tid:
            return -1
        else:
            high = middle
    return low


def move_right(
    tree: BTree, buffer: Buffer, key: ScanKey, stack: list[Stack], finish: Finish | None = None
) -> Buffer:
    """Step right while the key lies behind the page; finish splits on the way if asked to."""
    for _ in range(tree.pool.nblocks(tree.where) + 1):
        page = buffer.page
        if pageops.is_rightmost(page):
            if is_ignored(page):
                raise CorruptData(
                    f'fell off the end of index "{tree.descriptor.name}"', block=buffer.tag.block
                )
            return buffer
        if finish is not None and pageops.flags_of(page) & _INCOMPLETE:
            finish(tree, buffer, stack)
        if not is_ignored(page) and tree.keys.compare(key, page, P_HIKEY) <= 0:
            return buffer
        following = pageops.opaque(page).next
        tree.unpin(buffer)
        buffer = tree.pin(following)
    raise CorruptData(f'links of index "{tree.descriptor.name}" go round')


def descend(
    tree: BTree, key: ScanKey, finish: Finish | None = None, *, to_level: int = 0
) -> tuple[Buffer, list[Stack]]:
    """The page of a level where the key lies, pinned, and the way there from above.

    A leaf is looked for from the fast root; other levels from the true root.
    """
    if to_level:
        meta = tree.meta()
        block, level = meta.root, meta.level
    else:
        block, level = tree.root()
    stack: list[Stack] = []
    while True:
        buffer = move_right(tree, tree.pin(block), key, stack, finish)
        page = buffer.page
        if pageops.opaque(page).level != level:
            found = pageops.opaque(page).level
            tree.unpin(buffer)
            raise CorruptData(
                f'page of index "{tree.descriptor.name}" has level {found}, expected {level}',
                block=block, field="btpo_level",
            )  # fmt: skip
        if level == to_level:
            return buffer, stack
        offnum = binary_search(tree, key, page)
        child = tuples.child_block(bufpage.item(page, offnum))
        stack.append(Stack(buffer.tag.block, offnum, child))
        tree.unpin(buffer)
        block, level = child, level - 1


def leftmost(tree: BTree) -> Buffer | None:
    """The first leaf, pinned; None in an empty index."""
    meta = tree.meta()
    block, level = meta.fastroot, meta.fastlevel
    if block == P_NONE:
        return None
    while True:
        buffer = tree.pin(block)
        while is_ignored(buffer.page):
            following = pageops.opaque(buffer.page).next
            tree.unpin(buffer)
            buffer = tree.pin(following)
        if level == 0:
            return buffer
        block = tuples.child_block(bufpage.item(buffer.page, pageops.first_data(buffer.page)))
        level -= 1
        tree.unpin(buffer)
