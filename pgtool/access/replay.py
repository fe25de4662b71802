# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
# cython: cdivision=True, initializedcheck=False
"""Replay of the frequent record types in one pass over the log, compiled where possible.

A :class:`Replayer` walks WAL as :class:`pgtool.wal.walk.Walker` does and replays, in the
order of the log, what it knows: changes of heap and btree pages, full-page images, plain
commits. For any other record, and for one of those that has something out of the ordinary
(a page that is not there, a checksum that is wrong), it calls the plain redo functions.

That works because replay of a record may be begun twice: a page that got its change has
the record's LSN and is left alone, and what a function here does to a page before it
declines is what the plain one does first.

The changes to pages are those of :mod:`pgtool.storage.pageedit` and
:mod:`pgtool.access.heap.tupleedit`, which the writer makes too.

A hot loop: ``replay.pxd`` gives the C types.
"""

from __future__ import annotations

from formats.derive import offset_of
from formats.slru import CLOG_XACTS_PER_BYTE, XACT
from formats.units import FIRST_NORMAL_XID
from formats.wal.btree import xl_btree_delete, xl_btree_vacuum
from pgtool.access.indexreplay import IndexReplay
from pgtool.wal.opcodes import BLOCK_SLOTS, Page, Slot, Stop

try:
    import cython

    COMPILED = cython.compiled
except ImportError:
    COMPILED = False

(PLAIN, NOTHING_TO_DO, IMAGES, HINT_IMAGES, COMMIT, HEAP_INSERT, HEAP_DELETE, HEAP_UPDATE,
 HEAP_HOT_UPDATE, HEAP_LOCK, HEAP_LOCK_UPDATED, MULTI_INSERT, PRUNE, OLD_PRUNE, OLD_VACUUM, VISIBLE,
 LEAF_INSERT, UPPER_INSERT, POSTING_INSERT, SPLIT_LEFT, SPLIT_RIGHT, DEDUP, BTREE_VACUUM,
 BTREE_DELETE, HASH_INSERT, GIN_UPDATE_META, GIST_UPDATE) = range(27)  # fmt: skip

#: Which of the functions below replays a record type; what is not named is left to ``plain``.
KINDS = {
    ("XLOG", "FPI"): IMAGES, ("XLOG", "FPI_FOR_HINT"): HINT_IMAGES,
    ("Transaction", "COMMIT"): COMMIT, ("Transaction", "INVALIDATION"): NOTHING_TO_DO,
    ("Standby", "RUNNING_XACTS"): NOTHING_TO_DO, ("Standby", "LOCK"): NOTHING_TO_DO,
    ("Heap", "INSERT"): HEAP_INSERT, ("Heap", "DELETE"): HEAP_DELETE,
    ("Heap", "UPDATE"): HEAP_UPDATE, ("Heap", "HOT_UPDATE"): HEAP_HOT_UPDATE,
    ("Heap", "LOCK"): HEAP_LOCK, ("Heap2", "LOCK_UPDATED"): HEAP_LOCK_UPDATED,
    ("Heap2", "MULTI_INSERT"): MULTI_INSERT, ("Heap2", "PRUNE_ON_ACCESS"): PRUNE,
    ("Heap2", "PRUNE_VACUUM_SCAN"): PRUNE, ("Heap2", "PRUNE_VACUUM_CLEANUP"): PRUNE,
    ("Heap2", "PRUNE"): OLD_PRUNE, ("Heap2", "VACUUM"): OLD_VACUUM,
    ("Heap2", "VISIBLE"): VISIBLE, ("Heap2", "NEW_CID"): NOTHING_TO_DO,
    ("Btree", "INSERT_LEAF"): LEAF_INSERT, ("Btree", "INSERT_UPPER"): UPPER_INSERT,
    ("Btree", "INSERT_POST"): POSTING_INSERT, ("Btree", "SPLIT_L"): SPLIT_LEFT,
    ("Btree", "SPLIT_R"): SPLIT_RIGHT, ("Btree", "DEDUP"): DEDUP,
    ("Btree", "VACUUM"): BTREE_VACUUM, ("Btree", "DELETE"): BTREE_DELETE,
    ("Hash", "INSERT"): HASH_INSERT, ("Gin", "UPDATE_META_PAGE"): GIN_UPDATE_META,
    ("Gist", "PAGE_UPDATE"): GIST_UPDATE, ("Btree", "REUSE_PAGE"): NOTHING_TO_DO,
}  # fmt: skip

IRREGULAR = int(Stop.IRREGULAR)
SLOTS, ID, IMAGE = BLOCK_SLOTS, int(Slot.ID), int(Slot.IMAGE)
RESTORED = int(Page.RESTORED)
VACUUM, DELETE = offset_of(xl_btree_vacuum, "ndeleted"), offset_of(xl_btree_delete[14], "ndeleted")
NORMAL_XID = FIRST_NORMAL_XID
SIGN, ALL_ONES = 0x80000000, 0xFFFFFFFF  # variables: Cython takes such literals for objects
XACTS_PER_PAGE, XACTS_PER_BYTE = XACT.per_page, CLOG_XACTS_PER_BYTE


class Replayer(IndexReplay):
    """Walks and replays; see the module.

    ``world`` is what the driver gives: the ``pool`` of pages, and functions for what is not
    done here; see :class:`pgtool.transam.recovery.fast.World`. ``kinds`` has an entry of
    :data:`KINDS` for each (rmid, high half of the info byte).
    """

    def __init__(self, world, segment_size, valid_rmids, kinds):
        IndexReplay.__init__(self, world, segment_size, valid_rmids)
        self.kinds = kinds
        self.next_xid = self.seen_xid = 0
        #: Whether commits are for the plain functions.
        self.plain_commits = False
        #: Whether ``world.check`` is to see every record after its replay.
        self.checking = False
        self.status = bytearray(0)
        self.status_number = -1

    def use(self, p, holder, off, at, end):
        """Replay the record just decoded."""
        self.end = end
        xid = self.xid
        if xid >= NORMAL_XID and (xid - self.next_xid) & SIGN == 0:
            self.seen_xid = xid
            self.next_xid = xid + 1 & ALL_ONES
        kinds = self.kinds
        kind = kinds[self.rmid << 4 | self.info >> 4]
        if kind == PLAIN or not self.replay(p, kind):
            self.tell()
            if self.world.plain(bytes(holder[off : off + self.total]), at, end):
                return IRREGULAR
            self.ask()
        elif self.checking:
            self.world.check(bytes(holder[off : off + self.total]), at, end)
        self.shown += 1
        return 0

    def ask(self):
        """Somebody else replayed: see what is known now."""
        self.next_xid = self.world.next_xid
        self.plain_commits = self.world.plain_commits
        self.status_number = -1

    def tell(self):
        """Somebody else is to go on: say which transactions were in use."""
        if self.seen_xid:
            self.world.advance(self.seen_xid)
            self.seen_xid = 0

    def replay(self, p, kind):
        """Replay a record of a known kind; False where it is left to the plain functions."""
        if kind == NOTHING_TO_DO:
            return True
        if kind == COMMIT:
            return self.commit()
        if self.nblocks == 0 or self.blocks[ID] != 0:
            return False
        if kind >= LEAF_INSERT:
            return self.replay_index(p, kind)
        if kind in (HEAP_HOT_UPDATE, HEAP_UPDATE):
            return self.heap_update(p, kind == HEAP_HOT_UPDATE)
        if kind == HEAP_INSERT:
            return self.heap_insert(p)
        if kind == HEAP_DELETE:
            return self.heap_delete(p)
        if kind in (HEAP_LOCK, HEAP_LOCK_UPDATED):
            return self.heap_lock(p, kind == HEAP_LOCK_UPDATED)
        if kind in (IMAGES, HINT_IMAGES):
            return self.images(p, kind == HINT_IMAGES)
        if kind == PRUNE:
            return self.prune(p)
        if kind in (OLD_PRUNE, OLD_VACUUM):
            return self.old_prune(p, kind == OLD_VACUUM)
        if kind == MULTI_INSERT:
            return self.multi_insert(p)
        if kind == VISIBLE:
            return self.visible(p)
        return False

    def replay_index(self, p, kind):
        """:meth:`replay` of records of indexes."""
        if kind <= POSTING_INSERT:
            return self.index_insert(p, kind == UPPER_INSERT, kind == POSTING_INSERT)
        if kind in (SPLIT_LEFT, SPLIT_RIGHT):
            return self.split(p, kind == SPLIT_LEFT)
        if kind == DEDUP:
            return self.deduplicate(p)
        if kind in (BTREE_VACUUM, BTREE_DELETE):
            return self.take_out(p, VACUUM if kind == BTREE_VACUUM else DELETE)
        if kind == HASH_INSERT:
            return self.hash_insert(p)
        if kind == GIN_UPDATE_META:
            return self.gin_update_meta(p)
        return kind == GIST_UPDATE and self.gist_update(p)

    def commit(self):
        """A commit that says no more than its time."""
        if self.info & 0xF0 or self.plain_commits:
            return False
        xid = self.xid
        number = xid // XACTS_PER_PAGE
        if number != self.status_number:
            self.status = self.world.status_page(number)
            self.status_number = number
        g = self.status
        at = xid % XACTS_PER_PAGE // XACTS_PER_BYTE
        shift = 2 * (xid % XACTS_PER_BYTE)
        g[at] = g[at] & ~(3 << shift) & 0xFF | 1 << shift
        return True

    def images(self, p, hints):
        """Pages as images; of hints there may be none."""
        for i in range(self.nblocks):
            if hints and not self.blocks[i * SLOTS + IMAGE]:
                continue
            if self.page(p, i, False) is None or self.state != RESTORED:
                return False
        return True
