"""Row locks: SELECT … FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE, FOR KEY SHARE.

A lock stands in the row's xmax with its strength in the flags. One that this transaction
holds already, as strong or stronger, is not taken again. A version that was updated without
touching its key can still be locked FOR KEY SHARE; then the newer versions are locked too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from formats.heap import HeapInfomask, HeapInfomask2, xmax_is_locked_only
from formats.itemptr import MOVED_PARTITIONS_OFFSET_NUMBER
from formats.page import LpFlags
from pgtool.access.heap import pageops, records, visibilitymap
from pgtool.access.heap.xmax import LockTupleMode, mode_of
from pgtool.errors import SqlError
from pgtool.storage import page as bufpage
from pgtool.transam.tqual import Header, TmResult, header_of

if TYPE_CHECKING:
    from pgtool.access.heap.heapam import Failure, HeapRelation, Tid
    from pgtool.storage.bufmgr import Buffer
    from pgtool.transam.xact import Xact

LOCK_NOT_AVAILABLE = "55P03"
_KEYS_UPDATED = int(HeapInfomask2.HEAP_KEYS_UPDATED)
_XMAX_INVALID = int(HeapInfomask.HEAP_XMAX_INVALID)


def lock(
    rel: HeapRelation, xact: Xact, tid: Tid, mode: LockTupleMode, wait_policy: str, *,
    cid: int | None = None,
) -> tuple[TmResult, Failure | None]:  # fmt: skip
    """Lock a version; see :meth:`pgtool.access.heap.heapam.HeapRelation.lock`."""
    if cid is None:
        cid = xact.cid(used=False)
    block, offnum = tid
    with rel.pinned(block) as buffer:
        at = rel.tuple_at(buffer, offnum)
        result = rel.rules.satisfies_update(xact, buffer, at, cid)
        h = header_of(buffer.page, at)
        if result == TmResult.TM_Invisible:
            return result, rel.failure_of(xact, h, result, ())
        if result != TmResult.TM_Ok:
            if holds(rel, xact, h, mode):
                return TmResult.TM_Ok, None
            blockers = rel.blockers(xact, h, mode)
            if blockers:
                return _blocked(rel, xact, h, blockers, wait_policy)
            if result != TmResult.TM_SelfModified:
                result = rel.outcome(xact, h, tid)
            key_kept = not h.infomask2 & _KEYS_UPDATED
            if mode == LockTupleMode.KeyShare and key_kept and result == TmResult.TM_Updated:
                result = TmResult.TM_Ok  # the key is the same in the newer version
            if result != TmResult.TM_Ok:
                return result, rel.failure_of(xact, h, result, ())
            if not xmax_is_locked_only(h.infomask) and not h.infomask & _XMAX_INVALID:
                lock_updated(rel, xact, (h.block, h.offnum), mode)
        _take(rel, xact, buffer, tid, h, mode)
    return TmResult.TM_Ok, None


def holds(rel: HeapRelation, xact: Xact, h: Header, mode: LockTupleMode) -> bool:
    """Whether this transaction holds the version at least so strongly."""
    return any(
        xact.is_mine(member.xid) and mode_of(member.status) >= mode
        for member in rel.holders.of(h.xmax, h.infomask, h.infomask2)
        if not member.is_update
    )


def _blocked(
    rel: HeapRelation, xact: Xact, h: Header, blockers: tuple[int, ...], wait_policy: str
) -> tuple[TmResult, Failure]:
    """Somebody else holds the row; nobody can wait for him here."""
    if wait_policy == "skip":
        return TmResult.TM_WouldBlock, rel.failure_of(xact, h, TmResult.TM_WouldBlock, blockers)
    if wait_policy == "error":
        raise SqlError(
            f'could not obtain lock on row in relation "{rel.target.name}"', LOCK_NOT_AVAILABLE
        )
    return TmResult.TM_BeingModified, rel.failure_of(
        xact, h, TmResult.TM_BeingModified, blockers
    )


def _take(
    rel: HeapRelation, xact: Xact, buffer: Buffer, tid: Tid, h: Header, mode: LockTupleMode, *,
    newer_version: bool = False,
) -> None:  # fmt: skip
    """Put the lock into the tuple, logged; the page stays all-visible but not all-frozen."""
    block, offnum = tid
    xid = xact.current_xid()
    new = rel.holders.new_xmax(h.xmax, h.infomask, h.infomask2, xid, mode, False)
    mark = pageops.mark_updated_version_locked if newer_version else None
    with rel.map_page(buffer) as vm, rel.wal.critical():
        if mark is not None:
            mark(buffer.page, offnum, new.xid, new.infomask, new.infomask2)
        else:
            pageops.mark_locked(buffer.page, block, offnum, new.xid, new.infomask, new.infomask2)
        cleared = vm is not None and visibilitymap.clear_bits(
            vm.page, block, visibilitymap.ALL_FROZEN
        )
        if vm is not None and cleared:
            rel.pool.mark_dirty(vm)
        rel.pool.mark_dirty(buffer)
        rel.log(
            records.lock(buffer, offnum, new.xid, vm if cleared else None,
                         newer_version=newer_version), xact,
        )  # fmt: skip


def lock_updated(rel: HeapRelation, xact: Xact, tid: Tid, mode: LockTupleMode) -> None:
    """Lock the versions that follow one which is being locked."""
    block, offnum = tid
    while offnum != MOVED_PARTITIONS_OFFSET_NUMBER and block < rel.nblocks:
        with rel.pinned(block) as buffer:
            page = buffer.page
            if offnum > bufpage.max_offset(page):
                return
            if bufpage.item_id(page, offnum).flags != LpFlags.LP_NORMAL:
                return
            h = header_of(page, pageops.tuple_at(page, offnum))
            if not holds(rel, xact, h, mode):
                _take(rel, xact, buffer, (block, offnum), h, mode, newer_version=True)
            if h.infomask & _XMAX_INVALID or (h.block, h.offnum) == (block, offnum):
                return
            if xmax_is_locked_only(h.infomask):
                return
            block, offnum = h.block, h.offnum
