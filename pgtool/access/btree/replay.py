# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
# cython: cdivision=True, initializedcheck=False
"""Replay of the frequent btree records in the compiled loop; :mod:`.xlog` has all of them.

A hot loop: ``replay.pxd`` gives the C types.
"""

from __future__ import annotations

from formats.derive import offset_of, sizeof
from formats.nbtree import BTPageOpaqueData, BtpFlags
from formats.units import BLCKSZ, uint16
from formats.wal.btree import (
    BTDedupInterval,
    xl_btree_insert,
    xl_btree_split,
    xl_btree_vacuum,
)
from pgtool.access.btree.itemedit import (
    dedup,
    insert_posting,
    restore,
    split_left,
    thin,
    tuple_size,
)
from pgtool.access.heap.replay import HeapReplay
from pgtool.storage.pageedit import add_item, copy, delete_items, init, put16, put32, u16, u32
from pgtool.wal.opcodes import BLOCK_SLOTS, Page, Slot

ID, DATA_LEN, DATA_AT, BLKNO = int(Slot.ID), int(Slot.DATA_LEN), int(Slot.DATA_AT), int(Slot.BLKNO)
SLOTS, NEEDS_REDO, PAGE = BLOCK_SLOTS, int(Page.NEEDS_REDO), BLCKSZ
INS_OFF, INS_SIZE = offset_of(xl_btree_insert, "offnum"), sizeof(xl_btree_insert)
SPL_LEVEL, SPL_RIGHT, SPL_OFF, SPL_POSTING = (
    offset_of(xl_btree_split, name)
    for name in ("level", "firstrightoff", "newitemoff", "postingoff")
)
SPL_SIZE = sizeof(xl_btree_split)
COUNTS = sizeof(xl_btree_vacuum)
U16, INTERVAL = sizeof(uint16), sizeof(BTDedupInterval)
OPAQUE_SIZE = sizeof(BTPageOpaqueData)
PREV, NEXT, LEVEL, FLAGS = (
    PAGE - OPAQUE_SIZE + offset_of(BTPageOpaqueData, name)
    for name in ("btpo_prev", "btpo_next", "btpo_level", "btpo_flags")
)
INCOMPLETE, LEAF, GARBAGE = (
    int(BtpFlags.BTP_INCOMPLETE_SPLIT), int(BtpFlags.BTP_LEAF), int(BtpFlags.BTP_HAS_GARBAGE),
)  # fmt: skip


class BtreeReplay(HeapReplay):
    """The functions of btree records: True, or False where the record is for plain redo."""

    def __init__(self, world, segment_size, valid_rmids):
        HeapReplay.__init__(self, world, segment_size, valid_rmids)
        self.kept = bytearray(PAGE)

    def place_of(self, block_id):
        """Which of the record's block references has that id; -1 if none."""
        for i in range(self.nblocks):
            if self.blocks[i * SLOTS + ID] == block_id:
                return i
        return -1

    def split_completed(self, p, block_id):
        """The child has its sibling's link from above."""
        i = self.place_of(block_id)
        if i < 0:
            return False
        child = self.page(p, i, False)
        if child is None:
            return False
        if self.state == NEEDS_REDO:
            g = child.page
            put16(g, FLAGS, u16(g, FLAGS) & ~INCOMPLETE)
            self.done(child)
        return True

    def index_insert(self, p, upper, posting):
        """A tuple goes between others, perhaps behind a posting list that takes its TID."""
        b = self.blocks
        if self.main_len < INS_SIZE or (upper and not self.split_completed(p, 1)):
            return False
        buffer = self.page(p, 0, False)
        if buffer is None:
            return False
        if self.state != NEEDS_REDO:
            return True
        number = u16(p, self.main_at + INS_OFF)
        at = b[DATA_AT]
        size = b[DATA_LEN]
        if number == 0 or (posting and size < U16):
            return False
        g = buffer.page
        if posting:
            if not insert_posting(g, number, p, at + U16, size - U16, u16(p, at)):
                return False
        elif add_item(g, number, p, at, size, False, False) <= 0:
            return False
        self.done(buffer)
        return True

    def split(self, p, on_left):
        """A page is cut in two."""
        b = self.blocks
        main = self.main_at
        if self.main_len < SPL_SIZE or u16(p, main + SPL_POSTING) != 0:
            return False
        level = u32(p, main + SPL_LEVEL)
        i = self.place_of(1)
        beyond = self.place_of(2)
        if i < 0 or (level > 0 and not self.split_completed(p, 3)):
            return False
        right_block = b[i * SLOTS + BLKNO]
        right = self.page(p, i, True)
        if right is None:
            return False
        if self.state == NEEDS_REDO:
            g = right.page
            init(g, OPAQUE_SIZE)
            put32(g, PREV, b[BLKNO])
            put32(g, NEXT, b[beyond * SLOTS + BLKNO] if beyond >= 0 else 0)
            put32(g, LEVEL, level)
            put16(g, FLAGS, LEAF if level == 0 else 0)
            if not restore(g, p, b[i * SLOTS + DATA_AT], b[i * SLOTS + DATA_LEN]):
                return False
            self.done(right)
        if not self.keep_left(p, on_left, right_block):
            return False
        if beyond >= 0:
            sibling = self.page(p, beyond, False)
            if sibling is None:
                return False
            if self.state == NEEDS_REDO:
                g = sibling.page
                put32(g, PREV, right_block)
                self.done(sibling)
        return True

    def keep_left(self, p, on_left, right_block):
        """The left half of :meth:`split`."""
        b = self.blocks
        left = self.page(p, 0, False)
        if left is None:
            return False
        if self.state != NEEDS_REDO:
            return True
        at = b[DATA_AT]
        end = at + b[DATA_LEN]
        new = at
        new_size = 0
        if on_left:
            if at + 8 > end:
                return False
            new_size = tuple_size(p, at) + 7 & ~7
            at += new_size
        if at + 8 > end:
            return False
        key_size = tuple_size(p, at) + 7 & ~7
        if at + key_size > end:
            return False
        first_right = u16(p, self.main_at + SPL_RIGHT)
        offnum = u16(p, self.main_at + SPL_OFF)
        g = left.page
        if not split_left(
            g, first_right, offnum, on_left, p, new, new_size, at, key_size, right_block
        ):
            return False
        self.done(left)
        return True

    def deduplicate(self, p):
        """Runs of items become posting lists."""
        b = self.blocks
        buffer = self.page(p, 0, False)
        if buffer is None:
            return False
        if self.state == NEEDS_REDO:
            if not dedup(buffer.page, p, b[DATA_AT], b[DATA_LEN] // INTERVAL):
                return False
            self.done(buffer)
        return True

    def take_out(self, p, counts_at):
        """VACUUM, or an insertion in need of room: items go, posting lists get shorter."""
        if self.main_len < counts_at + COUNTS:
            return False
        ndeleted = u16(p, self.main_at + counts_at)
        nupdated = u16(p, self.main_at + counts_at + U16)
        buffer = self.page(p, 0, False)
        if buffer is None:
            return False
        if self.state != NEEDS_REDO:
            return True
        g = buffer.page
        k = self.kept
        copy(k, 0, g, 0, PAGE)
        if not self.take_items(g, p, ndeleted, nupdated):
            copy(g, 0, k, 0, PAGE)
            return False
        put16(g, FLAGS, u16(g, FLAGS) & ~GARBAGE)
        self.done(buffer)
        return True

    def take_items(self, g, p, ndeleted, nupdated):
        """The change of :meth:`take_out`; where it fails, the page is to be put back."""
        at = self.blocks[DATA_AT]
        end = at + self.blocks[DATA_LEN]
        lists = at + U16 * (ndeleted + nupdated)
        if lists > end:
            return False
        for i in range(nupdated):
            if lists + U16 > end:
                return False
            count = u16(p, lists)
            lists += U16
            if lists + U16 * count > end:
                return False
            if not thin(g, u16(p, at + U16 * (ndeleted + i)), p, lists, count):
                return False
            lists += U16 * count
        return ndeleted == 0 or delete_items(g, p, at, ndeleted)
