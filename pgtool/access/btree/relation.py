"""One btree index, open for writing: its pages, its meta page, new pages, its records.

A :class:`BTree` holds what every operation on the tree needs: the descriptor, the keys'
comparison, the buffer pool and the WAL of the running instance. The operations themselves
are functions of a tree, in the modules beside.

Invariants: a page is pinned while it is changed; new pages come from the free space map
where it knows one that nobody can look for any more, else from the end of the file; every
change of permanent indexes is logged before the page can be written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from formats.derive import struct_of
from formats.nbtree import BTREE_METAPAGE, BTREE_VERSION, P_NONE, BtpFlags
from formats.wal import btree as btree_records
from formats.wal.btree import xl_btree_newroot, xl_btree_reuse_page
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.access.btree import pageops
from pgtool.access.btree.keys import Keys
from pgtool.access.btree.xlog import pack_metadata
from pgtool.access.indexdesc import IndexDescriptor
from pgtool.errors import CorruptData, Unsupported
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer
from pgtool.storage.indexfsm import free_index_page
from pgtool.wal.insert import Record

__all__ = [
    "BTREE_NONLEAF_FILLFACTOR", "BTREE_SINGLEVAL_FILLFACTOR", "OPCODES", "RM_BTREE", "BTree",
    "is_ignored", "recyclable",
]  # fmt: skip

BTREE_NONLEAF_FILLFACTOR = 70
BTREE_SINGLEVAL_FILLFACTOR = 96
RM_BTREE = int(RmgrId.RM_BTREE_ID)
OPCODES = {kind.name: opcode(btree_records.RECORDS, kind.name) for kind in btree_records.RECORDS}
_NEWROOT = struct_of(xl_btree_newroot)
_REUSE = struct_of(xl_btree_reuse_page[18])
_IGNORED = int(BtpFlags.BTP_DELETED | BtpFlags.BTP_HALF_DEAD)


class BTree:
    """An index and the running instance that it belongs to.

    ``heap`` answers what the heap knows of TIDs (:mod:`pgtool.access.index`); ``xid`` is
    the transaction that changes the index, noted in records.
    """

    def __init__(self, instance: Any, descriptor: IndexDescriptor, heap: Any = None) -> None:
        self.instance = instance
        self.pool = instance.pool
        self.wal = instance.wal
        self.descriptor = descriptor
        self.where = descriptor.where
        if not descriptor.needs_wal:
            self.pool.unlogged.add(self.where)
        self.shape = descriptor.shape
        self.keys = Keys(descriptor.shape, descriptor.columns)
        self.nkeyatts = descriptor.nkeyatts
        self.heap = heap
        self.xid = 0
        #: A leaf that took a tuple lately: neighbours often follow.
        self.recent_leaf = P_NONE
        #: The fast root (block, level) as last seen on the meta page.
        self.fast_root: tuple[int, int] | None = None

    # -- pages ----------------------------------------------------------------------------

    def pin(self, block: int) -> Buffer:
        """A page of the tree, pinned."""
        buffer: Buffer = self.pool.pin(self.where, block)
        page = buffer.page
        if bufpage.is_new(page):
            self.pool.unpin(buffer)
            raise CorruptData(
                f'index "{self.descriptor.name}" contains unexpected zero page',
                block=block,
            )
        if bufpage.bounds(page)[2] != pageops.OPAQUE_AT:
            self.pool.unpin(buffer)
            raise CorruptData(
                f'index "{self.descriptor.name}" contains corrupted page', block=block,
                field="pd_special",
            )  # fmt: skip
        return buffer

    def unpin(self, *buffers: Buffer | None) -> None:
        """Let go of pages."""
        for buffer in buffers:
            if buffer is not None:
                self.pool.unpin(buffer)

    @contextmanager
    def page(self, block: int) -> Iterator[Buffer]:
        """A page, pinned while the ``with`` block runs."""
        buffer = self.pin(block)
        try:
            yield buffer
        finally:
            self.pool.unpin(buffer)

    def meta(self) -> pageops.Meta:
        """The meta page's contents."""
        with self.page(BTREE_METAPAGE) as buffer:
            meta = pageops.read_meta(buffer.page)
        if meta.version != BTREE_VERSION:
            raise Unsupported(f"writing to btree index of version {meta.version}")
        return meta

    @cached_property
    def deduplicates(self) -> bool:
        """Whether duplicates may be merged in this index."""
        return self.descriptor.deduplicate and self.meta().allequalimage

    # -- records --------------------------------------------------------------------------

    def record(self, name: str, main: bytes = b"") -> Record:
        """A record of this resource manager."""
        return Record(RM_BTREE, OPCODES[name], main)

    def log(self, record: Record) -> None:
        """Insert a record, unless the index is not logged; pages get its LSN."""
        if self.descriptor.needs_wal:
            self.wal.insert(record, self.xid)

    def change(self, *buffers: Buffer) -> Any:
        """The section in which pages change and are logged: an error in it is a panic.

        To be dirty for nothing does a page no harm, so the marks come first.
        """
        for buffer in buffers:
            self.pool.mark_dirty(buffer)
        return self.wal.critical()

    # -- new pages ------------------------------------------------------------------------

    def new_page(self) -> Buffer:
        """A page for a new part of the tree, pinned; its contents are the caller's to write."""
        while True:
            block = free_index_page(self.pool, self.where)
            if block is None:
                break
            buffer: Buffer = self.pool.pin(self.where, block)
            if bufpage.is_new(buffer.page):
                return buffer
            if recyclable(self, buffer.page):
                self._log_reuse(block, pageops.safexid(buffer.page))
                return buffer
            self.pool.unpin(buffer)
        block = self.pool.extend(self.where)
        buffer = self.pool.pin(self.where, block)
        return buffer

    def _log_reuse(self, block: int, xid: int) -> None:
        """A standby must not have queries that still look for the page."""
        where = self.where
        main = _REUSE.pack(where.spc, where.db, where.rel, block, xid,
                           int(self.descriptor.heap_is_catalog))  # fmt: skip
        self.log(self.record("REUSE_PAGE", main))

    # -- the root -------------------------------------------------------------------------

    def root(self) -> tuple[int, int]:
        """(block, level) of the fast root, which is made if there is none."""
        known = self.fast_root
        if known is not None and self._is_fast_root(*known):
            return known
        meta = self.meta()
        if meta.root == P_NONE:
            return self._first_root(), 0
        self.fast_root = meta.fastroot, meta.fastlevel
        return self.fast_root

    def _is_fast_root(self, block: int, level: int) -> bool:
        """Whether a page that was the fast root can still be gone down from."""
        if block >= self.pool.nblocks(self.where):
            return False
        buffer = self.pin(block)
        found = pageops.opaque(buffer.page)
        self.pool.unpin(buffer)
        alone = found.prev == P_NONE and found.next == P_NONE
        return alone and found.level == level and not found.flags & _IGNORED

    def _first_root(self) -> int:
        """An empty leaf becomes the root."""
        buffer = self.new_page()
        with self.page(BTREE_METAPAGE) as meta_buffer:
            block = buffer.tag.block
            meta = pageops.read_meta(meta_buffer.page)
            new = meta._replace(root=block, level=0, fastroot=block, fastlevel=0,
                                last_cleanup_num_delpages=0)  # fmt: skip
            with self.change(buffer, meta_buffer):
                pageops.write_root(buffer.page, 0)
                self.put_meta(meta_buffer, new)
                record = self.record("NEWROOT", _NEWROOT.pack(block, 0))
                record.block(0, buffer, will_init=True)
                self.with_meta(record, 2, meta_buffer, new)
                self.log(record)
        self.unpin(buffer)
        return int(block)

    def put_meta(self, buffer: Buffer, meta: pageops.Meta) -> None:
        """Write the meta page; its LSN comes from the record."""
        pageops.write_meta(buffer.page, meta)

    def with_meta(
        self, record: Record, block_id: int, buffer: Buffer, meta: pageops.Meta
    ) -> Record:
        """Register the meta page with its new contents."""
        return record.block(block_id, buffer, pack_metadata(meta), will_init=True)


def recyclable(tree: BTree, page: bytes | bytearray) -> bool:
    """Whether nobody can come upon a page any more."""
    if bufpage.is_new(page):
        return True
    if not pageops.flags_of(page) & BtpFlags.BTP_DELETED:
        return False
    return pageops.safexid(page) < full_horizon(tree)


def full_horizon(tree: BTree) -> int:
    """The oldest transaction, epoch included, that anybody may still look for."""
    varsup, where = tree.instance.varsup, tree.where
    xid: int = tree.instance.procarray.horizon(
        where.db == 0, where.db, tree.descriptor.heap_is_catalog
    )
    age = (varsup.next_full_xid - xid) & 0xFFFFFFFF
    return int(varsup.next_full_xid) - age


def is_ignored(page: bytes | bytearray) -> bool:
    """Whether a page is deleted or about to be."""
    return bool(pageops.flags_of(page) & _IGNORED)

