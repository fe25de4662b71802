# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
# cython: cdivision=True, initializedcheck=False
"""Replay of the frequent hash, GIN and GiST records in the compiled loop.

Each access method's ``xlog`` has all of its records. A function answers True, or False where
the record is for the plain redo functions: see :mod:`pgtool.access.replay`.

A hot loop: ``indexreplay.pxd`` gives the C types.
"""

from __future__ import annotations

from formats.derive import offset_of, sizeof
from formats.gin import GinFlags, GinMetaPageData, GinPageOpaqueData
from formats.gist import GistFlags, GISTPageOpaqueData
from formats.itup import INDEX_SIZE_MASK, IndexTupleData
from formats.page import SIZE_OF_PAGE_HEADER, PageHeaderData
from formats.units import BLCKSZ, INVALID_BLOCK_NUMBER, uint16
from formats.wal.gin import ginxlogUpdateMeta
from formats.wal.gist import gistxlogPageUpdate
from formats.wal.hash import xl_hash_insert
from pgtool.access.btree.replay import BtreeReplay
from pgtool.access.hash import pageops
from pgtool.storage.pageedit import (
    add_item,
    add_tuples,
    copy,
    count_items,
    delete_items,
    init,
    overwrite_item,
    put16,
    put32,
    u16,
    u32,
)
from pgtool.wal.opcodes import BLOCK_SLOTS, Page, Slot

DATA_LEN, DATA_AT = int(Slot.DATA_LEN), int(Slot.DATA_AT)
NEEDS_REDO, DONE = int(Page.NEEDS_REDO), int(Page.DONE)
SLOTS, PAGE, U16, HEADER = BLOCK_SLOTS, BLCKSZ, sizeof(uint16), SIZE_OF_PAGE_HEADER
LOWER_AT = offset_of(PageHeaderData, "pd_lower")
INFO, SIZE_MASK, TUPLE_HEADER = (
    offset_of(IndexTupleData, "t_info"), int(INDEX_SIZE_MASK), sizeof(IndexTupleData),
)  # fmt: skip
HASH_OFF, HASH_SIZE = offset_of(xl_hash_insert, "offnum"), sizeof(xl_hash_insert)
META_AT, TAIL_AT, LINK_AT, COUNT_AT = (
    offset_of(ginxlogUpdateMeta, name)
    for name in ("metadata", "prevTail", "newRightlink", "ntuples")
)
META_SIZE, GIN_SIZE = sizeof(GinMetaPageData), sizeof(ginxlogUpdateMeta)
GIN_OPAQUE = sizeof(GinPageOpaqueData)
GIN_RIGHT, GIN_MAXOFF, GIN_FLAGS = (
    PAGE - GIN_OPAQUE + offset_of(GinPageOpaqueData, name)
    for name in ("rightlink", "maxoff", "flags")
)
LOW_HALF = 0xFFFFFFFF  # a variable: Cython takes so large a literal for an object
GIN_META, NO_BLOCK = int(GinFlags.GIN_META), INVALID_BLOCK_NUMBER
GIST_DELETED, GIST_INSERTED, GIST_SIZE = (
    offset_of(gistxlogPageUpdate, "ntodelete"), offset_of(gistxlogPageUpdate, "ntoinsert"),
    sizeof(gistxlogPageUpdate),
)  # fmt: skip
GIST_NSN, GIST_FLAGS = (
    PAGE - sizeof(GISTPageOpaqueData) + offset_of(GISTPageOpaqueData, name)
    for name in ("nsn", "flags")
)
GIST_LEAF, GIST_TUPLES_DELETED, GIST_FOLLOW_RIGHT = (
    int(GistFlags.F_LEAF), int(GistFlags.F_TUPLES_DELETED), int(GistFlags.F_FOLLOW_RIGHT),
)  # fmt: skip


class IndexReplay(BtreeReplay):
    """The functions of hash, GIN and GiST records."""

    def hash_insert(self, p):
        """A tuple, counted in the metapage."""
        b = self.blocks
        if self.main_len < HASH_SIZE or self.place_of(1) != 1:
            return False
        buffer = self.page(p, 0, False)
        if buffer is None:
            return False
        if self.state == NEEDS_REDO:
            number = u16(p, self.main_at + HASH_OFF)
            size = b[DATA_LEN]
            if number == 0:
                return False
            if add_item(buffer.page, number, p, b[DATA_AT], size, False, False) <= 0:
                return False
            self.done(buffer)
        meta = self.page(p, 1, False)
        if meta is None:
            return False
        if self.state == NEEDS_REDO:
            pageops.meta_set_tuples(meta.page, pageops.meta_tuples(meta.page) + 1)
            self.done(meta)
        return True

    def gin_update_meta(self, p):
        """The metapage anew; rows put on the pending list's last page, or a new last page."""
        b = self.blocks
        main = self.main_at
        if self.main_len < GIN_SIZE:
            return False
        count = u32(p, main + COUNT_AT)
        i = self.place_of(1)
        more = count != 0 or u32(p, main + TAIL_AT) != NO_BLOCK
        if count > PAGE or (more and i < 0):
            return False
        meta = self.page(p, 0, True)
        if meta is None:
            return False
        if self.state == NEEDS_REDO:
            g = meta.page
            init(g, GIN_OPAQUE)
            put32(g, GIN_RIGHT, NO_BLOCK)
            put16(g, GIN_FLAGS, GIN_META)
            copy(g, HEADER, p, main + META_AT, META_SIZE)
            put16(g, LOWER_AT, HEADER + META_SIZE)
            self.done(meta)
        if not more:
            return True
        tail = self.page(p, i, False)
        if tail is None:
            return False
        if self.state != NEEDS_REDO:
            return True
        g = tail.page
        if count == 0:
            put32(g, GIN_RIGHT, u32(p, main + LINK_AT))
        else:
            k = self.kept
            copy(k, 0, g, 0, PAGE)
            at = b[i * SLOTS + DATA_AT]
            if not add_tuples(g, count_items(g) + 1, p, at, at + b[i * SLOTS + DATA_LEN], count):
                copy(g, 0, k, 0, PAGE)
                return False
            put16(g, GIN_MAXOFF, u16(g, GIN_MAXOFF) + 1)
        self.done(tail)
        return True

    def gist_update(self, p):
        """Tuples taken out and put in; perhaps the end of a split below."""
        b = self.blocks
        if self.main_len < GIST_SIZE:
            return False
        buffer = self.page(p, 0, False)
        if buffer is None:
            return False
        if self.state == NEEDS_REDO:
            g = buffer.page
            k = self.kept
            copy(k, 0, g, 0, PAGE)
            if not self.gist_change(g, p, b[DATA_AT], b[DATA_AT] + b[DATA_LEN]):
                copy(g, 0, k, 0, PAGE)
                return False
            self.done(buffer)
        i = self.place_of(1)
        if i < 0:
            return True
        child = self.page(p, i, False)
        if child is None:
            return False
        if self.state != DONE:
            g = child.page
            put32(g, GIST_NSN, self.end >> 32)
            put32(g, GIST_NSN + 4, self.end & LOW_HALF)
            put16(g, GIST_FLAGS, u16(g, GIST_FLAGS) & ~GIST_FOLLOW_RIGHT)
            self.done(child)
        return True

    def gist_change(self, g, p, at, end):
        """The change of :meth:`gist_update`; where it fails, the page is to be put back."""
        main = self.main_at
        deleted = u16(p, main + GIST_DELETED)
        tuples = at + U16 * deleted
        if tuples > end:
            return False
        if deleted == 1 and u16(p, main + GIST_INSERTED) == 1:
            if tuples + TUPLE_HEADER > end:
                return False
            size = u16(p, tuples + INFO) & SIZE_MASK
            if size < TUPLE_HEADER or tuples + size != end:
                return False
            return overwrite_item(g, u16(p, at), p, tuples, size) > 0
        if deleted > 0:
            if not delete_items(g, p, at, deleted):
                return False
            if u16(g, GIST_FLAGS) & GIST_LEAF:
                put16(g, GIST_FLAGS, u16(g, GIST_FLAGS) | GIST_TUPLES_DELETED)
        return add_tuples(g, count_items(g) + 1, p, tuples, end, -1)
