"""Splits of pages, the links that they need from above, and splits left unfinished.

A split is two records. The first makes the right page and marks the left one as *split
incompletely*: searches that come from above find their way over the left page's right link.
The second puts a link to the right page into the parent (which may split in turn) or makes a
new root, and clears the mark. A crash between the two leaves the mark; the next insertion
that comes by finishes the split.
"""

from __future__ import annotations

from formats.derive import struct_of
from formats.nbtree import BTREE_METAPAGE, P_HIKEY, P_NONE, BtpFlags
from formats.units import BLCKSZ
from formats.wal.btree import xl_btree_insert, xl_btree_newroot, xl_btree_split
from pgtool.access.btree import pageops, tuples
from pgtool.access.btree.keys import ScanKey
from pgtool.access.btree.pageops import SplitPoint
from pgtool.access.btree.relation import BTree, is_ignored
from pgtool.access.btree.search import Stack, descend
from pgtool.access.btree.splitloc import find_split
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer

__all__ = ["finish_split", "insert_on_page", "pack_insert", "parent_of"]

pack_insert = struct_of(xl_btree_insert).pack
_SPLIT = struct_of(xl_btree_split)
_NEWROOT = struct_of(xl_btree_newroot)
_INCOMPLETE, _ROOT = int(BtpFlags.BTP_INCOMPLETE_SPLIT), int(BtpFlags.BTP_ROOT)


def insert_on_page(
    tree: BTree, buffer: Buffer, stack: list[Stack], offnum: int, tup: bytes, *,
    postingoff: int = 0, child: Buffer | None = None, only_page: bool = False,
) -> None:  # fmt: skip
    """Put a tuple on a page, which is split if it is full. Unpins ``buffer`` and ``child``.

    ``child`` is the left page of the split whose right page the tuple leads to (inner pages);
    ``only_page`` says that this was the only page of its level.
    """
    page = buffer.page
    if bufpage.free_space(page) < len(tup):
        root = bool(pageops.flags_of(page) & _ROOT)
        only = pageops.is_rightmost(page) and pageops.opaque(page).prev == P_NONE
        right = _split(tree, buffer, offnum, tup, postingoff, child)
        tree.unpin(child)
        insert_parent(tree, buffer, right, stack, root, only)
        return
    leaf = pageops.is_leaf(page)
    meta_buffer = meta = None
    if only_page:
        meta_buffer, meta = _lower_fast_root(tree, buffer)
    main = pack_insert(offnum)
    # Made beside the page: what a damaged one can make fail has failed before it changes.
    built = bytearray(page)
    if postingoff:
        pageops.insert_posting(built, offnum, tup, postingoff)
    else:
        pageops.insert(built, offnum, tup)
    with tree.change(*(b for b in (buffer, child, meta_buffer) if b is not None)):
        page[:] = built
        if postingoff:
            record = tree.record("INSERT_POST", main)
            record.block(0, buffer, postingoff.to_bytes(2, "little") + tup)
        else:
            name = "INSERT_LEAF" if leaf else "INSERT_META" if meta else "INSERT_UPPER"
            record = tree.record(name, main)
            record.block(0, buffer, tup)
        if child is not None:
            pageops.clear_incomplete_split(child.page)
            record.block(1, child)
        if meta_buffer is not None and meta is not None:
            tree.put_meta(meta_buffer, meta)
            tree.with_meta(record, 2, meta_buffer, meta)
        tree.log(record)
    if leaf:
        tree.recent_leaf = buffer.tag.block
    tree.unpin(buffer, child, meta_buffer)


def _lower_fast_root(tree: BTree, buffer: Buffer) -> tuple[Buffer | None, pageops.Meta | None]:
    """A level below the fast root has two pages now: the fast root is their parent."""
    meta_buffer = tree.pin(BTREE_METAPAGE)
    meta = pageops.read_meta(meta_buffer.page)
    level = pageops.opaque(buffer.page).level
    if meta.fastlevel >= level:
        tree.unpin(meta_buffer)
        return None, None
    return meta_buffer, meta._replace(fastroot=buffer.tag.block, fastlevel=level)


# -- splitting --------------------------------------------------------------------------------


def _split(
    tree: BTree, buffer: Buffer, offnum: int, tup: bytes, postingoff: int, child: Buffer | None
) -> Buffer:
    """Cut a page in two; the new right page, pinned."""
    page = buffer.page
    old = pageops.opaque(page)
    final = tup
    if postingoff:
        final, _ = tuples.swap_posting(tup, bufpage.item(page, offnum - 1), postingoff)
    first_right, on_left = find_split(tree, page, offnum, final)
    cut = SplitPoint(offnum, first_right, on_left, postingoff, tup)
    last, first = pageops.split_neighbours(page, cut)
    high_key = tree.keys.separator(last, first) if old.level == 0 else first
    right = tree.new_page()
    left_block, right_block = buffer.tag.block, right.tag.block
    # Both halves are made beside the pages: what can fail has failed before they change.
    right_page = pageops.right_half(page, cut, left_block)
    left_page = bytearray(page)
    pageops.left_half(left_page, cut, high_key, right_block)
    bufpage.set_lsn(left_page, bufpage.lsn(page))
    sibling = tree.pin(old.next) if old.next != P_NONE else None
    if sibling is not None and pageops.opaque(sibling.page).prev != left_block:
        found = pageops.opaque(sibling.page).prev
        tree.unpin(sibling, right)
        raise CorruptData(
            f"right sibling's left-link doesn't match: block {old.next} links to {found} "
            f'instead of expected {left_block} in index "{tree.descriptor.name}"',
            block=old.next, field="btpo_prev",
        )  # fmt: skip
    with tree.change(*(b for b in (buffer, right, sibling, child) if b is not None)):
        page[:] = left_page
        right.page[:] = right_page
        if sibling is not None:
            pageops.set_siblings(sibling.page, prev=right_block)
        if child is not None:
            pageops.clear_incomplete_split(child.page)
        _log_split(tree, (buffer, right, sibling, child), old.level, cut, high_key)
    tree.unpin(sibling)
    return right


def _log_split(
    tree: BTree, buffers: tuple[Buffer, Buffer, Buffer | None, Buffer | None], level: int,
    cut: SplitPoint, high_key: bytes,
) -> None:  # fmt: skip
    left, right, sibling, child = buffers
    # A posting list that went to the right page is logged there as it is now.
    posting = cut.postingoff if cut.offnum - 1 < cut.first_right else 0
    main = _SPLIT.pack(level, cut.first_right, cut.offnum, posting)
    data = high_key
    if posting or cut.on_left:
        data = cut.new + data
    record = tree.record("SPLIT_L" if cut.on_left else "SPLIT_R", main)
    record.block(0, left, data)
    record.block(1, right, pageops.items_data(right.page), will_init=True)
    if sibling is not None:
        record.block(2, sibling)
    if child is not None:
        record.block(3, child)
    tree.log(record)


# -- links from above -------------------------------------------------------------------------


def insert_parent(
    tree: BTree, left: Buffer, right: Buffer, stack: list[Stack], root: bool, only: bool
) -> None:
    """The second half of a split. Unpins both pages."""
    if root:
        _new_root(tree, left, right)
        tree.unpin(left, right)
        return
    high_key = bufpage.item(left.page, P_HIKEY)
    item = tuples.with_child(high_key, right.tag.block)
    block = left.tag.block
    parent, offnum, above = parent_of(tree, left, stack)
    tree.unpin(right)
    if parent is None:
        tree.unpin(left)
        raise CorruptData(
            f'failed to re-find parent key in index "{tree.descriptor.name}" for split pages '
            f"{block}/{right.tag.block}",
            block=block,
        )
    insert_on_page(tree, parent, above, offnum + 1, item, child=left, only_page=only)


def _new_root(tree: BTree, left: Buffer, right: Buffer) -> None:
    """The root was split: a new one above the two halves."""
    root = tree.new_page()
    level = pageops.opaque(left.page).level + 1
    high_key = bufpage.item(left.page, P_HIKEY)
    built = bytearray(BLCKSZ)
    pageops.write_root(built, level)
    pageops.add(built, tuples.minus_infinity(left.tag.block))
    pageops.add(built, tuples.with_child(high_key, right.tag.block))
    block = root.tag.block
    with tree.page(BTREE_METAPAGE) as meta_buffer:
        meta = pageops.read_meta(meta_buffer.page)._replace(
            root=block, level=level, fastroot=block, fastlevel=level
        )
        with tree.change(root, left, meta_buffer):
            root.page[:] = built
            pageops.clear_incomplete_split(left.page)
            tree.put_meta(meta_buffer, meta)
            record = tree.record("NEWROOT", _NEWROOT.pack(block, level))
            record.block(0, root, pageops.items_data(root.page), will_init=True)
            record.block(1, left)
            tree.with_meta(record, 2, meta_buffer, meta)
            tree.log(record)
    tree.unpin(root)


def parent_of(
    tree: BTree, child: Buffer, stack: list[Stack]
) -> tuple[Buffer | None, int, list[Stack]]:
    """(parent page, pinned; the item that leads to the child; the stack above the parent)."""
    level = pageops.opaque(child.page).level
    block = child.tag.block
    if stack:
        above = stack[:-1]
        start, offnum = stack[-1].block, stack[-1].offnum
    else:
        # The search began below the parent, or the tree grew above it since.
        buffer, above = descend(tree, _key_of(tree, child.page), finish_split, to_level=level + 1)
        start, offnum = buffer.tag.block, pageops.first_data(buffer.page)
        tree.unpin(buffer)
    for _ in range(tree.pool.nblocks(tree.where)):
        buffer = tree.pin(start)
        page = buffer.page
        if pageops.flags_of(page) & _INCOMPLETE:
            finish_split(tree, buffer, above)
        if not is_ignored(page):
            found = _find_child(page, block, offnum)
            if found:
                return buffer, found, above
        following = pageops.opaque(page).next
        tree.unpin(buffer)
        if following == P_NONE:
            break
        start, offnum = following, 0
    return None, 0, above


def _key_of(tree: BTree, page: bytes | bytearray) -> ScanKey:
    """What to search by to come to the page: its high key, else its last item."""
    tup = bufpage.item(page, P_HIKEY if not pageops.is_rightmost(page) else
                       bufpage.max_offset(page))  # fmt: skip
    return ScanKey(tree.keys.of_tuple(tup), None, False)


def _find_child(page: bytes | bytearray, block: int, hint: int) -> int:
    """The item that leads to a child, looked for from a likely place on; 0: none."""
    first, last = pageops.first_data(page), bufpage.max_offset(page)
    hint = min(max(hint, first), last + 1)
    for offnum in (*range(hint, last + 1), *range(hint - 1, first - 1, -1)):
        place = bufpage.item_id(page, offnum).offset
        if tuples.child_block(page, place) == block:
            return offnum
    return 0


def finish_split(tree: BTree, left: Buffer, stack: list[Stack]) -> None:
    """Give a right page the link from above that a crash kept it from. ``left`` stays pinned."""
    opaque = pageops.opaque(left.page)
    right = tree.pin(opaque.next)
    root = False
    if not stack:
        root = tree.meta().root == left.tag.block
    only = opaque.prev == P_NONE and pageops.is_rightmost(right.page)
    again = tree.pin(left.tag.block)
    insert_parent(tree, again, right, stack, root, only)
