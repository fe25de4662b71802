"""Insertion into a heap: one row, many rows, and speculatively for ON CONFLICT.

Many rows fill page after page; each page's share is one record. A tuple that is alone on
its page makes the record say so: redo then begins with an empty page and none is logged.
A speculative insertion carries a token in place of its TID until it is known that no unique
index objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from formats.itemptr import SPEC_TOKEN_OFFSET_NUMBER
from formats.units import INVALID_XID, maxalign
from pgtool.access.heap import hio, pageops, records, visibilitymap
from pgtool.access.heap.target import TOASTABLE_RELKINDS
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer
from pgtool.transam.tqual import Header, header_of

if TYPE_CHECKING:
    from pgtool.access.heap.heapam import HeapRelation, Tid
    from pgtool.transam.xact import Xact


def prepare(rel: HeapRelation, xact: Xact, tup: bytes, cid: int, frozen: bool) -> bytes:
    """The tuple as it goes on a page: values stored away, its header filled in."""
    if rel.target.relkind in TOASTABLE_RELKINDS:
        from pgtool.access.heap import toast_write

        if toast_write.needed(tup):
            tup = toast_write.toast(rel, xact, tup, None)
    return rel.new_header(tup, xact.current_xid(), cid, frozen=frozen)


def insert(
    rel: HeapRelation, xact: Xact, tup: bytes, *, cid: int | None = None, frozen: bool = False,
    speculative: int = 0,
) -> Tid:  # fmt: skip
    """One tuple; see :meth:`pgtool.access.heap.heapam.HeapRelation.insert`."""
    if cid is None:
        cid = xact.cid()
    tup = prepare(rel, xact, tup, cid, frozen)
    if speculative:
        head = bytearray(tup)
        pageops.set_ctid(head, 0, speculative, SPEC_TOKEN_OFFSET_NUMBER)
        tup = bytes(head)
    pool, target = rel.pool, rel.target
    buffer = hio.page_for(pool, target, len(tup))
    try:
        with rel.map_page(buffer) as vm, rel.wal.critical():
            block = buffer.tag.block
            offnum = _put(buffer, tup, speculative)
            rel.clear_visible(buffer, vm)
            pool.mark_dirty(buffer)
            if target.logged:
                if rel.decoded_catalog:
                    rel.log_new_cid(xact, (block, offnum), _header(buffer, offnum))
                record = records.insert(
                    buffer, offnum, vm, logical=rel.logical, toast=target.is_toast,
                    speculative=speculative > 0,
                )  # fmt: skip
                rel.log(record, xact)
    finally:
        pool.unpin(buffer)
    return block, offnum


def _header(buffer: Buffer, offnum: int) -> Header:
    return header_of(buffer.page, pageops.tuple_at(buffer.page, offnum))


def _put(buffer: Buffer, tup: bytes, speculative: int = 0) -> int:
    offnum = pageops.insert(buffer.page, buffer.tag.block, tup, speculative=speculative)
    if not offnum:
        raise CorruptData("failed to add tuple to page", block=buffer.tag.block)
    return offnum


def _pages_needed(tuples: Sequence[bytes], first: int, reserved: int) -> int:
    """How many empty pages the tuples from ``first`` on would fill."""
    room = bufpage.BLCKSZ - bufpage.SIZE_OF_PAGE_HEADER - reserved
    left, pages = room, 1
    for tup in tuples[first:]:
        size = maxalign(len(tup)) + bufpage.SIZE_OF_ITEM_ID
        if left < size:
            pages += 1
            left = room
            if pages >= hio.MAX_EXTEND:
                break
        left -= size
    return pages


def multi_insert(
    rel: HeapRelation, xact: Xact, tuples: Sequence[bytes], *, cid: int | None = None,
    frozen: bool = False, bulk: object = None,
) -> list[Tid]:  # fmt: skip
    """Many tuples; see :meth:`pgtool.access.heap.heapam.HeapRelation.multi_insert`."""
    if cid is None:
        cid = xact.cid()
    ready = [prepare(rel, xact, tup, cid, frozen) for tup in tuples]
    assert bulk is None or isinstance(bulk, hio.BulkInsert)
    reserved = rel.target.reserved
    out: list[Tid] = []
    empty_before, pages = False, 0
    while len(out) < len(ready):
        if not (empty_before and pages > 1):
            pages = _pages_needed(ready, len(out), reserved)
        else:
            pages -= 1
        first = len(out)
        buffer = hio.page_for(
            rel.pool, rel.target, len(ready[first]), bulk=bulk, pages=pages,
            use_fsm=bulk is None or not rel.target.is_new,
        )  # fmt: skip
        try:
            empty_before = bufpage.max_offset(buffer.page) == 0
            out += fill_page(rel, xact, buffer, ready, first, frozen and empty_before)
        finally:
            rel.pool.unpin(buffer)
    return out


def fill_page(
    rel: HeapRelation, xact: Xact, buffer: Buffer, tuples: list[bytes], first: int,
    all_frozen: bool,
) -> list[Tid]:  # fmt: skip
    """Put as many tuples on a page as fit; their TIDs."""
    page, block = buffer.page, buffer.tag.block
    init = bufpage.max_offset(page) == 0
    reserved = rel.target.reserved
    vm_for_frozen = None
    if all_frozen:
        vm_for_frozen = visibilitymap.pin(rel.pool, rel.where, block)
    with rel.map_page(buffer) as vm, rel.wal.critical():
        offnums = [_put(buffer, tuples[first])]
        for tup in tuples[first + 1 :]:
            if bufpage.heap_free_space(page) < maxalign(len(tup)) + reserved:
                break
            offnums.append(_put(buffer, tup))
        if rel.decoded_catalog:
            for offnum in offnums:
                rel.log_new_cid(xact, (block, offnum), _header(buffer, offnum))
        if not all_frozen:
            rel.clear_visible(buffer, vm)
        else:
            pageops.set_all_visible(page)
        rel.pool.mark_dirty(buffer)
        if rel.target.logged:
            end = first + len(offnums)
            record = records.multi_insert(
                buffer, offnums, tuples[first:end], None if all_frozen else vm, init=init,
                logical=rel.logical, last=end == len(tuples), frozen_page=all_frozen,
            )  # fmt: skip
            rel.log(record, xact)
    if vm_for_frozen is not None:
        try:
            set_visible(rel, buffer, vm_for_frozen, INVALID_XID, visibilitymap.VALID_BITS)
        finally:
            rel.pool.unpin(vm_for_frozen)
    return [(block, offnum) for offnum in offnums]


def set_visible(
    rel: HeapRelation, buffer: Buffer, vm: Buffer, horizon: int, bits: int
) -> None:
    """Set bits of the visibility map; the heap page says PD_ALL_VISIBLE already."""
    if visibilitymap.bits_at(vm.page, buffer.tag.block) & bits == bits and not (
        bufpage.is_new(vm.page)
    ):
        return
    with rel.wal.critical():
        visibilitymap.set_bits(vm.page, buffer.tag.block, bits)
        rel.pool.mark_dirty(vm)
        if rel.target.logged:
            flags = bits | (VISIBLE_CATALOG if rel.decoded_catalog else 0)
            image = rel.instance.checksums or rel.instance.settings.wal_log_hints
            rel.wal.insert(records.visible(buffer, vm, horizon, flags, image=image))


#: VISIBILITYMAP_XLOG_CATALOG_REL
VISIBLE_CATALOG = 0x04


def confirm_speculative(rel: HeapRelation, xact: Xact, tid: Tid) -> None:
    """The insertion stays: the token gives way to the tuple's own TID."""
    block, offnum = tid
    with rel.pinned(block) as buffer:
        rel.tuple_at(buffer, offnum)
        with rel.wal.critical():
            pageops.confirm_speculative(buffer.page, block, offnum)
            rel.pool.mark_dirty(buffer)
            rel.log(records.confirm(buffer, offnum), xact)


def abort_speculative(rel: HeapRelation, xact: Xact, tid: Tid) -> None:
    """The insertion is taken back at once, with its values out of line."""
    from pgtool.access.heap import toast_write

    block, offnum = tid
    with rel.pinned(block) as buffer:
        rel.tuple_at(buffer, offnum)
        tup = bufpage.item(buffer.page, offnum)
        xid = xact.current_xid()
        with rel.wal.critical():
            pageops.set_prunable(buffer.page, xid)
            pageops.abort_speculative(buffer.page, block, offnum)
            rel.pool.mark_dirty(buffer)
            rel.log(records.delete(buffer, offnum, xid, None, None, super_=True), xact)
    toast_write.delete_values(rel, xact, tup, speculative=True)
