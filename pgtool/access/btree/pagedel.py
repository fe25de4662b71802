"""Deleting empty pages: first nothing leads to the page from above, then it leaves its level.

Two steps, a record each. **Half-dead**: the parent's link to the page now leads to its right
sibling (so keys of the page's range are looked for there), and the page says so. If the page
is its parent's only child, the parent goes as well, and so on upwards: the topmost page of
that branch is noted in the leaf. **Unlinked**: from the topmost down, each page of the branch
is taken out of its siblings' links and marked deleted, with the next transaction id: it can
be used again when nobody is left who may be on the way to it.

Not deleted are the root, the rightmost page of a level, the rightmost child of a parent that
has others, and pages whose split is unfinished.
"""

from __future__ import annotations

from typing import NamedTuple

from formats.derive import struct_of
from formats.nbtree import BTREE_METAPAGE, P_HIKEY, P_NONE, BtpFlags
from formats.units import INVALID_BLOCK_NUMBER
from formats.wal.btree import xl_btree_mark_page_halfdead, xl_btree_unlink_page
from pgtool.access.btree import pageops, tuples
from pgtool.access.btree.keys import ScanKey
from pgtool.access.btree.relation import BTree, is_ignored
from pgtool.access.btree.search import Stack, descend
from pgtool.access.btree.split import parent_of
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer

__all__ = ["delete_page"]

_HALFDEAD = struct_of(xl_btree_mark_page_halfdead)
_UNLINK = struct_of(xl_btree_unlink_page)
_ROOT, _LEAF, _META = int(BtpFlags.BTP_ROOT), int(BtpFlags.BTP_LEAF), int(BtpFlags.BTP_META)
_INCOMPLETE, _HALF = int(BtpFlags.BTP_INCOMPLETE_SPLIT), int(BtpFlags.BTP_HALF_DEAD)
_DELETED = int(BtpFlags.BTP_DELETED)
_PADDING2, _PADDING4 = bytes(2), bytes(4)


class _Branch(NamedTuple):
    """What goes with a leaf: the parent that stays, its item, and the topmost page to go."""

    parent: Buffer
    offnum: int
    top: int


def delete_page(tree: BTree, block: int) -> list[int]:
    """Delete an empty leaf, and empty right siblings; the blocks that were deleted."""
    deleted: list[int] = []
    while True:
        buffer = tree.pin(block)
        try:
            page = buffer.page
            if not _deletable(page):
                return deleted
            if not pageops.flags_of(page) & _HALF and not _mark_half_dead(tree, buffer):
                return deleted
            following = pageops.opaque(page).next
            while pageops.flags_of(page) & _HALF:
                gone = _unlink(tree, buffer)
                if gone is None:
                    return deleted
                deleted.append(gone)
        finally:
            tree.unpin(buffer)
        with tree.page(following) as right:
            if not _empty(right.page):
                return deleted
        block = following


def _empty(page: bytes | bytearray) -> bool:
    return bufpage.max_offset(page) < pageops.first_data(page)


def _deletable(page: bytes | bytearray) -> bool:
    flags = pageops.flags_of(page)
    return (
        bool(flags & _LEAF) and not flags & (_ROOT | _DELETED | _META | _INCOMPLETE)
        and not pageops.is_rightmost(page) and _empty(page)
    )


# -- the first step -----------------------------------------------------------------------------


def _mark_half_dead(tree: BTree, leaf: Buffer) -> bool:
    """Cut a leaf off its parent; False where the tree's shape forbids it."""
    page, block = leaf.page, leaf.tag.block
    opaque = pageops.opaque(page)
    if _sibling_has(tree, opaque.prev, _INCOMPLETE) or _sibling_has(tree, opaque.next, _HALF):
        return False
    key = ScanKey(tree.keys.of_tuple(bufpage.item(page, P_HIKEY)), None, False)
    key.tid = tuples.pivot_tid(bufpage.item(page, P_HIKEY))
    found, stack = descend(tree, key)
    tree.unpin(found)
    branch = _branch(tree, leaf, stack)
    if branch is None:
        return False
    parent = branch.parent
    try:
        with tree.page(branch.top) as top:
            right = pageops.opaque(top.page).next
        after = tuples.child_block(bufpage.item(parent.page, branch.offnum + 1))
        if after != right:
            raise CorruptData(
                f"right sibling {right} of block {branch.top} is not next child {after} of "
                f'block {parent.tag.block} in index "{tree.descriptor.name}"',
                block=parent.tag.block,
            )
        top_parent = None if branch.top == block else branch.top
        built = bytearray(parent.page)
        pageops.remove_downlink(built, branch.offnum)
        with tree.change(parent, leaf):
            parent.page[:] = built
            lsn = bufpage.lsn(page)
            pageops.make_half_dead(page, opaque.prev, opaque.next, top_parent)
            bufpage.set_lsn(page, lsn)
            main = _HALFDEAD.pack(
                branch.offnum, _PADDING2, block, opaque.prev, opaque.next,
                INVALID_BLOCK_NUMBER if top_parent is None else top_parent,
            )
            record = tree.record("MARK_PAGE_HALFDEAD", main)
            record.block(0, leaf, will_init=True)
            record.block(1, parent)
            tree.log(record)
    finally:
        tree.unpin(parent)
    return True


def _sibling_has(tree: BTree, block: int, flag: int) -> bool:
    """Whether a sibling is in a state that forbids the deletion."""
    if block == P_NONE:
        return False
    with tree.page(block) as buffer:
        return bool(pageops.flags_of(buffer.page) & flag)


def _branch(tree: BTree, child: Buffer, stack: list[Stack]) -> _Branch | None:
    """Upwards while pages are only children."""
    top, held = child.tag.block, child
    while True:
        parent, offnum, stack = parent_of(tree, held, stack)
        if held is not child:
            tree.unpin(held)
        if parent is None:
            raise CorruptData(
                f'failed to re-find parent key in index "{tree.descriptor.name}" for deletion '
                f"target page {top}",
                block=top,
            )
        page = parent.page
        if offnum < bufpage.max_offset(page):
            return _Branch(parent, offnum, top)
        flags = pageops.flags_of(page)
        if (
            offnum > pageops.first_data(page) or flags & (_ROOT | _INCOMPLETE)
            or pageops.is_rightmost(page)
            or _sibling_has(tree, pageops.opaque(page).prev, _INCOMPLETE)
        ):
            tree.unpin(parent)
            return None
        top, held = parent.tag.block, parent


# -- the second step ----------------------------------------------------------------------------


def _unlink(tree: BTree, leaf: Buffer) -> int | None:
    """Take the topmost page of a half-dead leaf's branch out of its level; its block."""
    leaf_block = leaf.tag.block
    block = tuples.top_parent(bufpage.item(leaf.page, P_HIKEY))
    if block is None:
        block = leaf_block
    target = tree.pin(block)
    opaque = pageops.opaque(target.page)
    next_top: int | None = None
    if block != leaf_block:
        page = target.page
        if bufpage.max_offset(page) != pageops.first_data(page) or is_ignored(page):
            tree.unpin(target)
            raise CorruptData(
                f'half-dead page changed status unexpectedly in block {block} of index '
                f'"{tree.descriptor.name}"', block=block,
            )  # fmt: skip
        below = tuples.child_block(bufpage.item(page, pageops.first_data(page)))
        next_top = None if below == leaf_block else below
    left = _left_sibling(tree, block, opaque.prev)
    right = tree.pin(opaque.next)
    if pageops.opaque(right.page).prev != block:
        found = pageops.opaque(right.page).prev
        tree.unpin(target, left, right)
        raise CorruptData(
            f"right sibling's left-link doesn't match: block {opaque.next} links to {found} "
            f'instead of expected {block} in index "{tree.descriptor.name}"',
            block=opaque.next, field="btpo_prev",
        )  # fmt: skip
    meta_buffer, meta = _new_fast_root(tree, left, right, opaque.level)
    _log_unlink(tree, leaf, target, left, right, meta_buffer, meta, next_top)
    tree.unpin(target, left, right, meta_buffer)
    return block


def _left_sibling(tree: BTree, block: int, prev: int) -> Buffer | None:
    """The page whose right link leads to a page."""
    if prev == P_NONE:
        return None
    buffer = tree.pin(prev)
    for _ in range(tree.pool.nblocks(tree.where)):
        following = pageops.opaque(buffer.page).next
        if following == block and not pageops.flags_of(buffer.page) & _DELETED:
            return buffer
        tree.unpin(buffer)
        if following == P_NONE:
            break
        buffer = tree.pin(following)
    raise CorruptData(
        f'valid left sibling for deletion target could not be located: left sibling {prev} of '
        f'target {block} in index "{tree.descriptor.name}"',
        block=block,
    )


def _new_fast_root(
    tree: BTree, left: Buffer | None, right: Buffer, level: int
) -> tuple[Buffer | None, pageops.Meta | None]:
    """Where the right sibling is then alone on its level, searches can begin there."""
    if left is not None or not pageops.is_rightmost(right.page):
        return None, None
    buffer = tree.pin(BTREE_METAPAGE)
    meta = pageops.read_meta(buffer.page)
    if meta.fastlevel > level + 1:
        tree.unpin(buffer)
        return None, None
    return buffer, meta._replace(fastroot=right.tag.block, fastlevel=level)


def _log_unlink(
    tree: BTree, leaf: Buffer, target: Buffer, left: Buffer | None, right: Buffer,
    meta_buffer: Buffer | None, meta: pageops.Meta | None, next_top: int | None,
) -> None:  # fmt: skip
    block, opaque = target.tag.block, pageops.opaque(target.page)
    own = pageops.opaque(leaf.page)
    is_leaf = block == leaf.tag.block
    safe = int(tree.instance.varsup.next_full_xid)
    with tree.change(*(b for b in (target, left, right, leaf, meta_buffer) if b is not None)):
        record = tree.record(
            "UNLINK_PAGE_META" if meta_buffer is not None else "UNLINK_PAGE",
            _UNLINK.pack(
                opaque.prev, opaque.next, opaque.level, _PADDING4, safe, own.prev, own.next,
                INVALID_BLOCK_NUMBER if next_top is None else next_top,
            ),
        )
        if left is not None:
            pageops.set_siblings(left.page, next_=opaque.next)
            record.block(1, left)
        pageops.set_siblings(right.page, prev=opaque.prev)
        record.block(2, right)
        if not is_leaf:
            pageops.make_half_dead(leaf.page, own.prev, own.next, next_top)
            record.block(3, leaf, will_init=True)
        pageops.make_deleted(target.page, opaque.prev, opaque.next, opaque.level, safe)
        record.block(0, target, will_init=True)
        if meta_buffer is not None and meta is not None:
            tree.put_meta(meta_buffer, meta)
            tree.with_meta(record, 4, meta_buffer, meta)
        tree.log(record)
