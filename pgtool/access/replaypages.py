# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
# cython: cdivision=True, initializedcheck=False
"""The pages of a record that is being replayed in the compiled loop.

:class:`ReplayPages` is what :mod:`pgtool.wal.redo` is to the plain redo functions: it finds the
page of a block reference, or puts the page's image in its place, and tells what is to be
done with it. It judges nothing: None where anything is out of the ordinary.

A hot loop: ``replaypages.pxd`` gives the C types.
"""

from __future__ import annotations

from formats.fsm import (
    FSM_CAT_STEP,
    FSM_CATEGORIES,
    FSM_TREE_DEPTH,
    MAX_FSM_REQUEST_SIZE,
    SLOTS_PER_FSM_PAGE,
)
from formats.units import BLCKSZ
from formats.vm import HEAPBLOCKS_PER_PAGE
from formats.wal.record import BKPBLOCK_FORK_MASK, BkpBlockFlags
from pgtool.access.heap.tupleedit import clear_map_bits
from pgtool.errors import PgtoolError
from pgtool.storage.pageedit import copy, is_new, lsn, set_category, set_lsn, zero
from pgtool.storage.redobuffer import RedoBuffer
from pgtool.storage.smgr import ForkNumber
from pgtool.wal.opcodes import BLOCK_SLOTS, Action, Page, Slot
from pgtool.wal.walk import Walker

__all__ = ["RedoBuffer", "ReplayPages"]

(ID, FLAGS, DATA_LEN, DATA_AT, IMAGE, IMAGE_LEN, HOLE_AT, HOLE_LEN, INFO, SPC, DB, REL,
 BLKNO) = Slot  # fmt: skip
SLOTS = BLOCK_SLOTS
NEEDS_REDO, DONE, RESTORED = Page
PAGE, PLACES = BLCKSZ, 64
FSM, VM = int(ForkNumber.FSM), int(ForkNumber.VM)
FORK_MASK, WILL_INIT = BKPBLOCK_FORK_MASK, int(BkpBlockFlags.BKPBLOCK_WILL_INIT)
FSM_STEP, FSM_BEST, FSM_MOST, FSM_SLOTS, FSM_LEVELS = (
    FSM_CAT_STEP, FSM_CATEGORIES - 1, MAX_FSM_REQUEST_SIZE, SLOTS_PER_FSM_PAGE, FSM_TREE_DEPTH
)  # fmt: skip
MAP_PER_PAGE = HEAPBLOCKS_PER_PAGE


class ReplayPages(Walker):
    """The pages of the record in hand; ``world`` is as :class:`.replay.Replayer` has it."""

    def __init__(self, world, segment_size, valid_rmids):
        Walker.__init__(self, world.major, segment_size, valid_rmids, Action.NOTHING, False)
        self.world = world
        self.pool = world.pool
        #: What :meth:`page` found: one of :class:`pgtool.wal.opcodes.Page`.
        self.state = NEEDS_REDO
        self.end = 0
        # Relations whose pages are at hand: (tablespace, database, file, fork), and the pages.
        self.tags = list(bytes(4 * PLACES))  # no tablespace is 0
        self.maps = [None] * PLACES

    def find(self, spc, db, rel, fork, block):
        """The page; None where there is none or it cannot be read (plain redo says why)."""
        place = (rel * 4 + fork) % PLACES
        tags = self.tags
        t = 4 * place
        if tags[t] != spc or tags[t + 1] != db or tags[t + 2] != rel or tags[t + 3] != fork:
            self.maps[place] = self.pool.pages_of((spc, db, rel, fork))
            tags[t] = spc
            tags[t + 1] = db
            tags[t + 2] = rel
            tags[t + 3] = fork
        pages = self.maps[place]
        buffer = pages.get(block)
        if buffer is None:
            try:
                buffer = self.pool.get((spc, db, rel, fork, block))
            except (PgtoolError, OSError):
                return None
        return buffer

    def page(self, p, i, begun):
        """The page of block reference ``i``, its image put in place; ``state`` tells the rest.

        ``begun``: the record makes the page anew; it is handed out all zero.
        """
        b = self.blocks
        at = i * SLOTS
        fork = b[at + FLAGS] & FORK_MASK
        spc = b[at + SPC]
        db = b[at + DB]
        rel = b[at + REL]
        block = b[at + BLKNO]
        image = b[at + IMAGE] and b[at + INFO] & self.apply_bit
        if not image and (b[at + FLAGS] & WILL_INIT != 0) != begun:
            return None
        if image or begun:
            buffer = self.fresh(spc, db, rel, fork, block)
            g = buffer.page
            if image:
                if not self.restore(g, p, at):
                    return None
                self.state = RESTORED
            else:
                zero(g, 0, PAGE)
                self.state = NEEDS_REDO
            buffer.dirty = True
            return buffer
        buffer = self.find(spc, db, rel, fork, block)
        if buffer is None:
            return None
        g = buffer.page
        if is_new(g):
            return None
        self.state = DONE if self.end <= lsn(g) else NEEDS_REDO
        return buffer

    def fresh(self, spc, db, rel, fork, block):
        """A page whose contents do not matter; its relation grows as needed."""
        place = (rel * 4 + fork) % PLACES
        tags = self.tags
        t = 4 * place
        if tags[t] == spc and tags[t + 1] == db and tags[t + 2] == rel and tags[t + 3] == fork:
            pages = self.maps[place]
            buffer = pages.get(block)
            if buffer is not None:
                return buffer
        return self.pool.put((spc, db, rel, fork, block), bytearray(PAGE))

    def restore(self, g, p, at):
        """Put the full-page image of the reference at ``at`` in the page's place."""
        b = self.blocks
        size = b[at + IMAGE_LEN]
        start = b[at + DATA_AT] - size
        hole = b[at + HOLE_AT]
        gap = b[at + HOLE_LEN]
        raw = PAGE - gap
        if raw < 0 or hole > raw:
            return False
        if b[at + INFO] & self.compressed_bits:
            body = self.world.unpack(b[at + INFO], bytes(p[start : start + size]), raw)
            if body is None or len(body) != raw:
                return False
            self.lay(g, body, 0, raw, hole, gap)
        elif size != raw:
            return False
        else:
            self.lay(g, p, start, raw, hole, gap)
        if not is_new(g):
            set_lsn(g, self.end)
        return True

    def lay(self, g, p, start, raw, hole, gap):
        """Fill a page from an image with a hole in it."""
        copy(g, 0, p, start, hole)
        zero(g, hole, gap)
        copy(g, hole + gap, p, start + hole, raw - hole)

    def done(self, buffer):
        """The page has its change."""
        set_lsn(buffer.page, self.end)
        buffer.dirty = True
        return 0

    def clear_map(self, p, at, other, bits):
        """Clear bits of the heap blocks referred to at ``at`` and, if it is not -1, ``other``.

        False where plain redo must do it: also where their bits lie on different pages.
        """
        b = self.blocks
        block = b[at + BLKNO]
        number = block // MAP_PER_PAGE
        second = b[other + BLKNO] if other >= 0 else block
        if second // MAP_PER_PAGE != number:
            return False
        for i in range(self.nblocks):
            if b[i * SLOTS + FLAGS] & FORK_MASK == VM and b[i * SLOTS + BLKNO] == number:
                buffer = self.page(p, i, False)
                if buffer is None:
                    return False
                if self.state == NEEDS_REDO:
                    clear_map_bits(buffer.page, block, bits)
                    clear_map_bits(buffer.page, second, bits)
                    self.done(buffer)
                return True
        buffer = self.find(b[at + SPC], b[at + DB], b[at + REL], VM, number)
        if buffer is None:
            return False
        if clear_map_bits(buffer.page, block, bits):
            buffer.dirty = True
        if clear_map_bits(buffer.page, second, bits):
            buffer.dirty = True
        return True

    def note_space(self, at, free):
        """Tell the free space map of the heap block referred to at ``at``."""
        b = self.blocks
        block = b[at + BLKNO]
        leaf = block // FSM_SLOTS
        number = -1
        for _ in range(FSM_LEVELS):
            number += leaf + 1
            leaf //= FSM_SLOTS
        buffer = self.find(b[at + SPC], b[at + DB], b[at + REL], FSM, number)
        if buffer is None or is_new(buffer.page):
            self.world.note_space(b[at + SPC], b[at + DB], b[at + REL], block, free)
            return 0
        category = FSM_BEST if free >= FSM_MOST else min(free // FSM_STEP, FSM_BEST - 1)
        if set_category(buffer.page, block % FSM_SLOTS, category):
            buffer.dirty = True
        return 0
