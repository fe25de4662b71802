"""Statements about one row in a btree on one number: look-ups and insertions without detours.

Pages are read by :mod:`pgtool.access.btree.numberpage`; where it asks for the general way,
None is the answer here and nothing has been changed.
"""

from __future__ import annotations

from formats.nbtree import P_NONE
from pgtool.access.btree.numberpage import child_of, place_of, tids_of
from pgtool.access.btree.relation import OPCODES, RM_BTREE, BTree
from pgtool.access.btree.split import pack_insert
from pgtool.errors import CorruptData
from pgtool.storage import pageedit
from pgtool.storage.bufmgr import Buffer
from pgtool.wal.insert import Record

__all__ = ["entries", "insert"]

_INSERT_LEAF = OPCODES["INSERT_LEAF"]


def _leaf(tree: BTree, key: int) -> tuple[Buffer, bool] | None:
    """(the leaf where the first entry of a key would be, pinned; whether it is the root)."""
    known = tree.fast_root
    if known is None:
        return None
    pool, where, kind = tree.pool, tree.where, tree.keys.kind
    block, level = known
    if block >= pool.nblocks(where):
        return None
    alone = True
    while level:
        buffer = pool.pin(where, block)
        block = child_of(buffer.page, level, alone, key, kind)
        pool.unpin(buffer)
        if block < 0:
            return None
        level -= 1
        alone = False
    return pool.pin(where, block), alone


def entries(tree: BTree, key: int) -> list[int] | None:
    """``block << 16 | offset`` of every entry with a key."""
    found = _leaf(tree, key)
    if found is None:
        return None
    buffer, alone = found
    out: list[int] | None = tids_of(buffer.page, alone, key, tree.keys.kind)
    tree.pool.unpin(buffer)
    return out


def insert(tree: BTree, key: int, tid: int, tup: bytes, checking: bool) -> bool | None:
    """Put an entry on its leaf, which has room for it; True, or None where it is not done.

    ``checking`` asks that no other living row has the key.
    """
    pool, kind = tree.pool, tree.keys.kind
    buffer: Buffer | None = None
    place = -1
    alone = False
    recent = tree.recent_leaf
    if recent != P_NONE and recent < pool.nblocks(tree.where):
        buffer = pool.pin(tree.where, recent)
        place = place_of(buffer.page, False, True, key, kind, tid)
        if place < 0:
            pool.unpin(buffer)
    if place < 0 or buffer is None:
        found = _leaf(tree, key)
        if found is None:
            return None
        buffer, alone = found
        place = place_of(buffer.page, alone, False, key, kind, tid)
    try:
        if place < 0 or pageedit.free_space(buffer.page) < len(tup):
            return None
        if checking and not _is_free(tree, buffer, alone, key):
            return None
        pool.mark_dirty(buffer)
        with tree.wal.critical():
            if pageedit.add_item(buffer.page, place, tup, 0, len(tup), False, False) != place:
                raise CorruptData("failed to add an item to a btree page", block=buffer.tag.block)
            if tree.descriptor.needs_wal:
                record = Record(RM_BTREE, _INSERT_LEAF, pack_insert(place))
                record.block(0, buffer, tup)
                tree.wal.insert(record, tree.xid)
        tree.recent_leaf = buffer.tag.block
    finally:
        pool.unpin(buffer)
    return True


def _is_free(tree: BTree, buffer: Buffer, alone: bool, key: int) -> bool:
    """Whether the entries of a key lead to rows that are gone, though not for everybody yet."""
    others = tids_of(buffer.page, alone, key, tree.keys.kind)
    if others is None:
        return False
    for other in others:
        seen = tree.heap.dirty(other)
        if seen.tid is not None or seen.dead:
            return False
    return True
