"""Insertion into a btree: where the tuple goes, and how room is made for it.

1. :func:`.search.descend` finds the leaf (or the leaf that took the last tuple is the one);
2. for a unique index :func:`.unique.check` looks for another live row with the same key;
3. the page is left for its right siblings while the heap TID lies behind it;
4. a full page first loses dead tuples, then versions that nobody sees any more, then merges
   duplicates; if that does not do,
5. :func:`.split.insert_on_page` splits it.
"""

from __future__ import annotations

from collections.abc import Sequence

from formats.nbtree import BTREE_VERSION, P_HIKEY, P_NONE
from formats.page import SIZE_OF_PAGE_HEADER, LpFlags
from formats.units import BLCKSZ, maxalign
from pgtool.access.btree import pageops, pointed, tuples
from pgtool.access.btree.dedup import bottom_up_pass, dedup_pass
from pgtool.access.btree.delete import simple_delete_pass
from pgtool.access.btree.keys import ScanKey
from pgtool.access.btree.relation import BTree, is_ignored
from pgtool.access.btree.search import Stack, binary_search, descend, move_right, posting_place
from pgtool.access.btree.split import finish_split, insert_on_page
from pgtool.access.btree.unique import UniqueCheck, check_unique
from pgtool.errors import CorruptData, SqlError
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer

__all__ = ["MAX_ITEM_SIZE", "insert"]

_ID = bufpage.SIZE_OF_ITEM_ID
#: Three items must fit on a page, each with room for a heap TID.
MAX_ITEM_SIZE = (
    (BLCKSZ - maxalign(SIZE_OF_PAGE_HEADER + 3 * _ID) - pageops.OPAQUE_SIZE) // 3 & ~7
) - tuples.PIVOT_TID_SPACE
assert MAX_ITEM_SIZE == 2704
_PROGRAM_LIMIT_EXCEEDED = "54000"
_DEAD = int(LpFlags.LP_DEAD)
_PLAIN = (UniqueCheck.NO, UniqueCheck.YES)


def check_size(tree: BTree, tup: bytes, tid: int) -> None:
    """An item takes a third of a page at most."""
    size = len(tup)
    if size <= MAX_ITEM_SIZE:
        return
    descriptor = tree.descriptor
    raise SqlError(
        f"index row size {size} exceeds btree version {BTREE_VERSION} maximum {MAX_ITEM_SIZE} "
        f'for index "{descriptor.name}"',
        _PROGRAM_LIMIT_EXCEEDED,
        detail=f"Index row references tuple ({tid >> 16},{tid & 0xFFFF}) in relation "
               f'"{descriptor.heap_name}".',
        hint="Values larger than 1/3 of a buffer page cannot be indexed.\nConsider a function "
             "index of an MD5 hash of the value, or use full text indexing.",
    )  # fmt: skip


def insert(
    tree: BTree, datums: Sequence[bytes | None], tid: int,
    check: UniqueCheck = UniqueCheck.NO, *, unchanged: bool = False,
) -> bool:  # fmt: skip
    """Insert the tuple of a row; False where a deferred check found another one.

    ``unchanged`` says that the row is a new version whose keys of this index are the old
    ones: then older versions are likely dead. With :attr:`UniqueCheck.EXISTING` nothing is
    inserted, only checked.
    """
    tup = tree.shape.form(datums, tid)
    first = datums[0]
    if tree.keys.kind and first is not None and check in _PLAIN and len(tup) <= MAX_ITEM_SIZE:
        number = tree.keys.number_of(first)
        if pointed.insert(tree, number, tid, tup, check is UniqueCheck.YES):
            return True
    key = tree.keys.scan_key(datums[: tree.nkeyatts], tid)
    checking = check is not UniqueCheck.NO and not (
        key.has_null and not tree.descriptor.nulls_not_distinct
    )
    if checking:
        key.tid = None
    buffer, stack = _find_leaf(tree, key)
    unique, duplicates = True, False
    if checking:
        try:
            unique, duplicates = check_unique(tree, buffer, key, tid, check)
        except BaseException:
            tree.unpin(buffer)
            raise
        key.tid = tid
    if check is UniqueCheck.EXISTING:
        tree.unpin(buffer)
        return unique
    if len(tup) > MAX_ITEM_SIZE:
        tree.unpin(buffer)
        check_size(tree, tup, tid)
    if checking:
        before = buffer.tag.block
        buffer = move_right(tree, buffer, key, stack, finish_split)
        duplicates = duplicates or buffer.tag.block != before
    if bufpage.free_space(buffer.page) < len(tup):
        _make_room(tree, buffer, tup, tid, checking=checking, duplicates=duplicates,
                   unchanged=unchanged)  # fmt: skip
    offnum, postingoff = _place(tree, buffer, key, tup, tid)
    insert_on_page(tree, buffer, stack, offnum, tup, postingoff=postingoff)
    return unique


def _find_leaf(tree: BTree, key: ScanKey) -> tuple[Buffer, list[Stack]]:
    """The leaf where the key lies, pinned."""
    recent = tree.recent_leaf
    if recent != P_NONE:
        if recent < tree.pool.nblocks(tree.where):
            buffer: Buffer = tree.pool.pin(tree.where, recent)
            if _is_place(tree, buffer.page, key):
                return buffer, []
            tree.unpin(buffer)
        tree.recent_leaf = P_NONE
    return descend(tree, key, finish_split)


def _is_place(tree: BTree, page: bytes | bytearray, key: ScanKey) -> bool:
    """Whether a page is the leaf for a key, as its own items tell."""
    if bufpage.is_new(page) or not pageops.is_leaf(page) or is_ignored(page):
        return False
    if pageops.flags_of(page) & pageops.BTP_INCOMPLETE_SPLIT:
        return False
    first = pageops.first_data(page)
    if bufpage.max_offset(page) < first or tree.keys.compare(key, page, first) <= 0:
        return False
    return first == 1 or tree.keys.compare(key, page, P_HIKEY) <= 0


def _make_room(
    tree: BTree, buffer: Buffer, tup: bytes, tid: int, *, checking: bool, duplicates: bool,
    unchanged: bool, simple_only: bool = False,
) -> None:  # fmt: skip
    """Try everything before a split."""
    page = buffer.page
    first, dead_bits = pageops.first_data(page), bufpage.DEAD_WORD
    words = bufpage.item_words(page)[first - 1 :]
    dead = [n for n, word in enumerate(words, first) if word & dead_bits == dead_bits]
    if dead:
        simple_delete_pass(tree, buffer, dead, tid)
        if bufpage.free_space(page) >= len(tup):
            return
    if simple_only or (checking and not duplicates):
        return
    likely = unchanged or duplicates
    if likely and bottom_up_pass(tree, buffer, len(tup)):
        return
    if tree.deduplicates:
        dedup_pass(tree, buffer, tup, single_value=not likely)


def _place(tree: BTree, buffer: Buffer, key: ScanKey, tup: bytes, tid: int) -> tuple[int, int]:
    """(line pointer, place in the posting list before it) for a new tuple."""
    page = buffer.page
    for _ in range(2):
        offnum = binary_search(tree, key, page)
        if offnum > bufpage.max_offset(page) or tree.keys.compare(key, page, offnum) != 0:
            return offnum, 0
        postingoff = posting_place(tree, key, page, offnum)
        if postingoff > 0 and bufpage.item_id(page, offnum).flags != _DEAD:
            return offnum + 1, postingoff
        if bufpage.item_id(page, offnum).flags != _DEAD:
            break
        _make_room(tree, buffer, tup, tid, checking=False, duplicates=False, unchanged=False,
                   simple_only=True)  # fmt: skip
    block = buffer.tag.block
    tree.unpin(buffer)
    raise CorruptData(
        f"table tid from new index tuple ({tid >> 16},{tid & 0xFFFF}) overlaps with invalid "
        f'duplicate tuple at offset {offnum} of block {block} in index "{tree.descriptor.name}"',
        block=block,
    )


