"""Deletion and update of row versions, and overwriting in place.

The new version goes on the old one's page if it fits there; then, if no indexed column
changed, it is a heap-only tuple that indexes need not know. Where it does not fit, or values
must first go out of line, the old version is locked, logged so, before the rest may take
its time: nobody must see it half done after a crash in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from formats.derive import struct_of
from formats.heap import (
    HEAP2_XACT_MASK,
    HEAP_XACT_MASK,
    HeapInfomask,
    HeapInfomask2,
    HeapTupleHeaderData,
)
from formats.page import PageFlags
from formats.units import maxalign
from pgtool.access.heap import hio, pageops, records, toast_write, visibilitymap
from pgtool.access.heap.held import NO_MAP, Failure, Tid, UpdateResult
from pgtool.access.heap.identity import old_identity
from pgtool.access.heap.tuple import raw_spans
from pgtool.access.heap.xmax import LockTupleMode, Xmax
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer
from pgtool.transam.tqual import Header, TmResult, header_of

if TYPE_CHECKING:
    from pgtool.access.heap.heapam import HeapRelation
    from pgtool.transam.xact import Xact

_HEADER = struct_of(HeapTupleHeaderData)
_UPDATED = int(HeapInfomask.HEAP_UPDATED)
_HEAP_ONLY = int(HeapInfomask2.HEAP_ONLY_TUPLE)
_HASNULL = int(HeapInfomask.HEAP_HASNULL)
assert _HASNULL < 0x100
_PAGE_FULL = int(PageFlags.PD_PAGE_FULL)


def delete(
    rel: HeapRelation, xact: Xact, tid: Tid, *, cid: int | None = None, moved: bool = False
) -> tuple[TmResult, Failure | None]:
    """Delete a version; (what came of it, what is in the way)."""
    if cid is None:
        cid = xact.cid()
    block, offnum = tid
    rel.prune(block, xact)
    with rel.pinned(block) as buffer:
        at = rel.tuple_at(buffer, offnum)
        mode = LockTupleMode.Exclusive
        result, failure = rel.may_change(xact, buffer, at, tid, cid, mode)
        if result == TmResult.TM_Invisible:
            raise rel.invisible("delete")
        if result != TmResult.TM_Ok:
            return result, failure
        xid = xact.current_xid()
        h = header_of(buffer.page, at)
        tup = bufpage.item(buffer.page, offnum)
        new = rel.holders.new_xmax(h.xmax, h.infomask, h.infomask2, xid, mode, True)
        old = old_identity(rel, tup, True)
        cmax, combo = rel.cmax(xact, h, cid)
        with rel.map_page(buffer) as vm, rel.wal.critical():
            page = buffer.page
            pageops.set_prunable(page, xid)
            rel.clear_visible(buffer, vm)
            pageops.mark_deleted(
                page, block, offnum, new.xid, new.infomask, new.infomask2, cmax, combo, moved=moved
            )
            rel.pool.mark_dirty(buffer)
            if rel.target.logged:
                if rel.decoded_catalog:
                    rel.log_new_cid(xact, tid, header_of(page, at))
                rel.log(records.delete(buffer, offnum, new.xid, vm, old, moved=moved), xact)
    toast_write.delete_values(rel, xact, tup)
    return TmResult.TM_Ok, None


# -- update --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Old:
    """The version that an update ends."""

    buffer: Buffer
    tid: Tid
    h: Header
    tup: bytes
    cmax: int
    combo: bool
    mode: LockTupleMode


def modified_attributes(
    rel: HeapRelation, old: bytes, new: bytes, interesting: frozenset[int]
) -> frozenset[int]:
    """Of the attributes that matter, those whose stored bytes differ between two tuples."""
    if not interesting:
        return frozenset()
    lead = rel.leading
    if lead and not (old[pageops.MASK] | new[pageops.MASK]) & _HASNULL:
        first, second = old[pageops.HOFF], new[pageops.HOFF]
        if old[first : first + lead] == new[second : second + lead]:
            return frozenset()
    attrs = rel.target.attrs
    if old[old[pageops.HOFF] :] == new[new[pageops.HOFF] :] and _bits(old) == _bits(new):
        return frozenset()
    needed = attrs[: max(interesting)]
    before, after = raw_spans(old, needed), raw_spans(new, needed)
    out: set[int] = set()
    for number in interesting:
        a = _stored(old, before, number, attrs)
        if a != _stored(new, after, number, attrs):
            out.add(number)
    return frozenset(out)


def _bits(tup: bytes) -> bytes:
    """Attribute count and null bitmap of a tuple."""
    return tup[pageops.MASK2 : pageops.MASK2 + 2] + tup[pageops.HOFF + 1 : tup[pageops.HOFF]]


def _stored(
    tup: bytes, spans: list[tuple[int, int] | None], number: int, attrs: Sequence[object]
) -> object:
    """What an attribute holds: its bytes, None for NULL, its missing value where it is absent."""
    if number < 1:
        return None  # system columns do not change
    if number > len(spans):
        return ("missing", getattr(attrs[number - 1], "missing", None))
    span = spans[number - 1]
    return None if span is None else tup[span[0] : span[1]]


def update(
    rel: HeapRelation, xact: Xact, tid: Tid, tup: bytes, *, cid: int | None = None
) -> UpdateResult:
    """Give a row a new version; see :class:`pgtool.access.heap.heapam.UpdateResult`."""
    if cid is None:
        cid = xact.cid()
    block, offnum = tid
    target = rel.target
    rel.prune(block, xact)
    with rel.pinned(block) as buffer:
        at = rel.tuple_at(buffer, offnum)
        old_tup = bufpage.item(buffer.page, offnum)
        modified = modified_attributes(rel, old_tup, tup, rel.interesting)
        mode = (
            LockTupleMode.Exclusive if modified & target.key_attrs
            else LockTupleMode.NoKeyExclusive
        )  # fmt: skip
        result, failure = rel.may_change(xact, buffer, at, tid, cid, mode)
        if result == TmResult.TM_Invisible:
            raise rel.invisible("update")
        if result != TmResult.TM_Ok:
            return UpdateResult(result, failure=failure, mode=mode)
        h = header_of(buffer.page, at)
        cmax, combo = rel.cmax(xact, h, cid)
        old = _Old(buffer, tid, h, old_tup, cmax, combo, mode)
        return _put_new_version(rel, xact, old, tup, cid, modified)


def _put_new_version(
    rel: HeapRelation, xact: Xact, old: _Old, tup: bytes, cid: int, modified: frozenset[int]
) -> UpdateResult:
    xid = xact.current_xid()
    buffer, target = old.buffer, rel.target
    h = old.h
    xmax = rel.holders.new_xmax(h.xmax, h.infomask, h.infomask2, xid, old.mode, True)
    inherited = rel.holders.inherited(h.xmax, h.infomask, True)
    toasting = target.may_toast and (toast_write.has_external(old.tup) or toast_write.needed(tup))
    free = bufpage.heap_free_space(buffer.page)
    new_buffer = None
    if toasting or maxalign(len(tup)) > free:
        if not toasting:
            hio.check_size(len(tup))
        _lock_old(rel, xact, old, xid)
        if toasting:
            tup = toast_write.toast(rel, xact, tup, old.tup)
        if maxalign(len(tup)) > bufpage.heap_free_space(buffer.page):
            new_buffer = hio.page_for(rel.pool, target, len(tup))
    same = new_buffer is None or new_buffer is buffer
    hot = same and not modified & target.hot_attrs
    tup = _new_version(tup, xid, cid, inherited, hot)
    identity = old_identity(rel, old.tup, bool(modified & target.identity_attrs))
    place = buffer if same else new_buffer
    try:
        tid = _change_pages(rel, xact, old, xmax, place, tup, hot, identity)
    finally:
        if new_buffer is not None:
            rel.pool.unpin(new_buffer)
    which = "all"
    if hot:
        which = "summarizing" if modified & target.summarized_attrs else "none"
    return UpdateResult(TmResult.TM_Ok, tid, which, mode=old.mode)


def _new_version(tup: bytes, xid: int, cid: int, inherited: Xmax, hot: bool) -> bytes:
    *_, mask2, mask, hoff = _HEADER.unpack_from(tup, 0)
    mask = mask & ~HEAP_XACT_MASK | _UPDATED | inherited.infomask
    mask2 = mask2 & ~HEAP2_XACT_MASK | inherited.infomask2 | (_HEAP_ONLY if hot else 0)
    head = _HEADER.pack(xid, inherited.xid, cid, 0, 0, 0, mask2, mask, hoff)
    return head + tup[len(head) :]


def _lock_old(rel: HeapRelation, xact: Xact, old: _Old, xid: int) -> None:
    """Hold the old version, logged, until its new one is in place."""
    h, (block, offnum) = old.h, old.tid
    held = rel.holders.new_xmax(h.xmax, h.infomask, h.infomask2, xid, old.mode, False)
    with rel.map_page(old.buffer) as vm, rel.wal.critical():
        page = old.buffer.page
        pageops.mark_locked(page, block, offnum, held.xid, held.infomask, held.infomask2)
        pageops.set_cmax(page, offnum, old.cmax, old.combo)
        cleared = vm is not None and visibilitymap.clear_bits(
            vm.page, block, visibilitymap.ALL_FROZEN
        )
        if vm is not None and cleared:
            rel.pool.mark_dirty(vm)
        rel.pool.mark_dirty(old.buffer)
        rel.log(records.lock(old.buffer, offnum, held.xid, vm if cleared else None), xact)


def _change_pages(
    rel: HeapRelation, xact: Xact, old: _Old, xmax: Xmax, new_buffer: Buffer | None, tup: bytes,
    hot: bool, identity: records.OldTuple | None,
) -> Tid:  # fmt: skip
    """The critical section of an update; the new version's TID."""
    buffer, offnum = old.buffer, old.tid[1]
    assert new_buffer is not None
    same = new_buffer is buffer
    with (
        rel.map_page(buffer) as old_vm,
        (NO_MAP if same else rel.map_page(new_buffer)) as new_vm,
        rel.wal.critical(),
    ):
        if not same:
            bufpage.set_flag(buffer.page, _PAGE_FULL)
        pageops.set_prunable(buffer.page, xact.current_xid())
        new_block = new_buffer.tag.block
        number = pageops.insert(new_buffer.page, new_block, tup)
        if not number:
            raise CorruptData("failed to add tuple to page", block=new_block)
        pageops.mark_updated(
            buffer.page, offnum, xmax.xid, xmax.infomask, xmax.infomask2, (new_block, number), hot,
            old.cmax, old.combo,
        )  # fmt: skip
        rel.clear_visible(buffer, old_vm)
        rel.clear_visible(new_buffer, new_vm)
        rel.pool.mark_dirty(new_buffer)
        rel.pool.mark_dirty(buffer)
        if rel.target.logged:
            if rel.decoded_catalog:
                for tid, page in ((old.tid, buffer.page), ((new_block, number), new_buffer.page)):
                    rel.log_new_cid(xact, tid, header_of(page, pageops.tuple_at(page, tid[1])))
            record = records.update(
                rel.wal, buffer, offnum, new_buffer, number, hot=hot, old_vm=old_vm, vm=new_vm,
                logical=rel.logical, old=identity,
            )  # fmt: skip
            rel.log(record, xact)
    return new_block, number


# -- in place ------------------------------------------------------------------------------


def inplace(
    rel: HeapRelation, xact: Xact, tid: Tid, tup: bytes, messages: Sequence[bytes],
    init_file: bool,
) -> None:  # fmt: skip
    """Overwrite the attributes of a tuple by others of the same length."""
    block, offnum = tid
    with rel.pinned(block) as buffer:
        rel.tuple_at(buffer, offnum)
        attributes = tup[tup[pageops.HOFF] :]
        with rel.wal.critical():
            pageops.overwrite_inplace(buffer.page, offnum, attributes)
            rel.pool.mark_dirty(buffer)
            if rel.target.logged:
                xid = xact.levels[-1].xid if xact.active else 0
                rel.wal.insert(
                    records.inplace(
                        buffer, offnum, attributes, xact.database, xact.tablespace, messages,
                        init_file,
                    ),
                    xid,
                )  # fmt: skip
