"""The heap access method for writing: rows go in, get new versions, get locked, go.

A :class:`HeapRelation` is a table of one running instance. Every change follows the same
order: find and pin the pages, decide, do whatever can fail; then, in one critical section,
change the pages (:mod:`pgtool.access.heap.pageops`), mark them dirty, log the change
(:mod:`pgtool.access.heap.records`). Indexes are not its business: the caller enters the TID
that it gets, and asks :class:`UpdateResult` whether it must.

Who may change a row version is decided by :class:`pgtool.transam.tqual.Rules`; an answer
other than TM_Ok comes with what is in the way (:class:`Failure`), and nothing was changed.
Nobody waits: another session of this process cannot go on while this one stands.

The parts: :mod:`pgtool.access.heap.hio` (which page), ``insert``, ``update``, ``lock``,
:mod:`pgtool.access.heap.pruneheap`, :mod:`pgtool.access.heap.toast_write`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from formats.deform import align
from formats.derive import struct_of
from formats.heap import (
    HEAP2_XACT_MASK,
    HEAP_XACT_MASK,
    HEAP_XMIN_FROZEN,
    SIZEOF_HEAP_TUPLE_HEADER,
    HeapInfomask,
    HeapTupleHeaderData,
    xmax_is_locked_only,
    xmin_frozen,
)
from formats.page import LpFlags
from pgtool.access.heap import insert as inserting
from pgtool.access.heap import lock as locking
from pgtool.access.heap import pageops, pruneheap, records, visibilitymap
from pgtool.access.heap import update as updating
from pgtool.access.heap.chains import search
from pgtool.access.heap.held import NO_MAP, Failure, MapPage, Pinned, Tid, UpdateResult
from pgtool.access.heap.target import HeapTarget
from pgtool.access.heap.xmax import Holders, LockTupleMode, conflict
from pgtool.errors import CorruptData, SqlError
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer
from pgtool.transam.tqual import Header, Rules, TmResult, header_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pgtool.transam.instance import Instance
    from pgtool.transam.pgstat import TableCounts
    from pgtool.transam.snapshot import Snapshot
    from pgtool.transam.xact import Xact
    from pgtool.types.column import Column

OBJECT_NOT_IN_PREREQUISITE_STATE = "55000"
_HEADER = struct_of(HeapTupleHeaderData)
_XMAX_INVALID, _XMIN_COMMITTED, _COMBOCID = (
    int(flag) for flag in (
        HeapInfomask.HEAP_XMAX_INVALID, HeapInfomask.HEAP_XMIN_COMMITTED,
        HeapInfomask.HEAP_COMBOCID,
    )
)  # fmt: skip
_XMIN_HINTS = HEAP_XMIN_FROZEN


class HeapRelation:
    """A table that can be written. See the module."""

    def __init__(self, instance: Instance, target: HeapTarget) -> None:
        self.instance = instance
        self.target = target
        self.where = target.locator
        self.pool = instance.pool
        self.wal = instance.wal
        self.rules: Rules = instance.tqual
        self.holders = Holders(instance)
        if target.persistence == "u":
            self.pool.unlogged.add(self.where)
        logical_level = instance.settings.wal_level == "logical"
        #: Whether records carry what logical decoding of the rows needs.
        self.logical = logical_level and target.logged and not target.is_catalog
        #: Whether logical decoding looks at the rows themselves, so needs their command ids.
        #: Columns whose change matters to indexes, keys or the replica identity.
        self.interesting = (
            target.hot_attrs | target.summarized_attrs | target.key_attrs | target.identity_attrs
        )
        self.decoded_catalog = (
            logical_level and target.logged and (target.is_catalog or target.is_user_catalog)
        )

    @cached_property
    def leading(self) -> int:
        """The bytes that hold the columns whose change matters, where such rows without NULLs
        begin with them at a fixed width; else 0."""
        end, last = 0, max(self.interesting, default=0)
        for attr in self.target.attrs[:last]:
            if attr.attlen <= 0:
                return 0
            end = align(end, attr.attalign) + attr.attlen
        return end

    @property
    def horizon(self) -> int:
        """Rows deleted by transactions before this xid are dead for everybody."""
        target = self.target
        return self.instance.procarray.horizon(
            target.is_shared, target.locator.db, target.is_catalog
        )

    def counts(self, xact: Xact) -> TableCounts:
        """Where the rows that a transaction changes here are counted."""
        return xact.counts(self.where.db, self.target.oid)

    # -- pages and tuples ---------------------------------------------------------------

    @property
    def nblocks(self) -> int:
        """Blocks of the main fork."""
        return self.pool.nblocks(self.where)

    def pinned(self, block: int) -> Pinned:
        """A page of the table, as a context; CorruptData where it lies beyond the end."""
        return Pinned(self.pool, self.pool.pin(self.where, block))

    def tuple_at(self, buffer: Buffer, offnum: int) -> int:
        """Where a tuple begins on its page; CorruptData, with the place, where there is none."""
        try:
            return pageops.tuple_at(buffer.page, offnum)
        except CorruptData as problem:
            raise problem.at(
                file=self.pool.path(self.where), block=buffer.tag.block
            ) from None

    def fetch(self, tid: Tid, snapshot: Snapshot | None = None) -> bytes | None:
        """The tuple of a TID; None where there is none, or the snapshot does not see it."""
        block, offnum = tid
        if block >= self.nblocks:
            return None
        with self.pinned(block) as buffer:
            page = buffer.page
            if not 0 < offnum <= bufpage.max_offset(page):
                return None
            state, at, length = bufpage.item_id(page, offnum)
            if state != LpFlags.LP_NORMAL:
                return None
            if snapshot is not None:
                h = header_of(page, at)
                if not snapshot.sees(h.infomask, h.xmin, h.xmax, h.field3):
                    return None
            return bytes(page[at : at + length])

    def fetch_chain(self, tid: Tid, snapshot: Snapshot) -> tuple[Tid, bytes] | None:
        """The version visible to a snapshot in the HOT chain that a TID of an index leads to."""
        return search(self, tid, snapshot)

    # -- the visibility map -------------------------------------------------------------

    def map_page(self, buffer: Buffer) -> MapPage:
        """The map's page where the heap page is marked all-visible, else None; a context."""
        if not pageops.all_visible(buffer.page):
            return NO_MAP
        return MapPage(
            self.pool, visibilitymap.pin(self.pool, self.where, buffer.tag.block)
        )

    def clear_visible(self, buffer: Buffer, vm: Buffer | None) -> None:
        """The page has changed: it is no longer all-visible (in the critical section)."""
        if vm is not None:
            pageops.set_all_visible(buffer.page, False)
            visibilitymap.clear_bits(vm.page, buffer.tag.block)
            self.pool.mark_dirty(vm)

    def log(self, record: records.Record, xact: Xact) -> None:
        """Insert a record of this transaction, where the table is logged."""
        if self.target.logged:
            self.wal.insert(record, xact.current_xid())

    # -- inserting ----------------------------------------------------------------------

    def insert(
        self, xact: Xact, tup: bytes, *, cid: int | None = None, frozen: bool = False,
        speculative: int = 0,
    ) -> Tid:  # fmt: skip
        """Put a tuple in; large values are compressed or go out of line. Its TID."""
        tid = inserting.insert(self, xact, tup, cid=cid, frozen=frozen, speculative=speculative)
        self.counts(xact).inserted += 1
        return tid

    def multi_insert(
        self, xact: Xact, tuples: Sequence[bytes], *, cid: int | None = None,
        frozen: bool = False, bulk: object = None,
    ) -> list[Tid]:  # fmt: skip
        """Put many tuples in, page by page, each page's with one record."""
        tids = inserting.multi_insert(self, xact, tuples, cid=cid, frozen=frozen, bulk=bulk)
        self.counts(xact).inserted += len(tids)
        return tids

    def insert_columns(
        self, xact: Xact, columns: Sequence[Column | None], n: int, *, cid: int | None = None
    ) -> npt.NDArray[np.int64]:
        """Put ``n`` rows in, given as a column for each attribute (None: NULL everywhere).

        Their TIDs, as block << 16 | offset. For thousands of rows at once.
        """
        from pgtool.access.heap import bulk

        return bulk.insert_columns(self, xact, columns, n, cid=cid)

    def finish_speculative(self, xact: Xact, tid: Tid, *, keep: bool) -> None:
        """A speculative insertion stays, or is taken back (it found a conflict)."""
        if keep:
            inserting.confirm_speculative(self, xact, tid)
        else:
            inserting.abort_speculative(self, xact, tid)

    # -- changing -----------------------------------------------------------------------

    def delete(
        self, xact: Xact, tid: Tid, *, cid: int | None = None, moved: bool = False
    ) -> TmResult:
        """Delete a row version; :attr:`failure` tells more where the answer is not TM_Ok."""
        result, self.failure = updating.delete(self, xact, tid, cid=cid, moved=moved)
        if result == TmResult.TM_Ok:
            self.counts(xact).deleted += 1
        return result

    #: What was in the way of the last :meth:`delete`.
    failure: Failure | None = None

    def update(
        self, xact: Xact, tid: Tid, tup: bytes, *, cid: int | None = None
    ) -> UpdateResult:
        """Give a row a new version."""
        done = updating.update(self, xact, tid, tup, cid=cid)
        if done.result == TmResult.TM_Ok:
            counts = self.counts(xact)
            counts.updated += 1
            counts.hot_updated += done.hot
            counts.newpage_updated += done.tid[0] != tid[0]
        return done

    def lock(
        self, xact: Xact, tid: Tid, mode: LockTupleMode, wait_policy: str = "block", *,
        cid: int | None = None,
    ) -> tuple[TmResult, Failure | None]:  # fmt: skip
        """Lock a row version; ``wait_policy`` is block, skip (TM_WouldBlock) or error."""
        return locking.lock(self, xact, tid, mode, wait_policy, cid=cid)

    def inplace_update(
        self, xact: Xact, tid: Tid, tup: bytes, messages: Sequence[bytes] = (),
        init_file: bool = False,
    ) -> None:  # fmt: skip
        """Overwrite a catalog row where it lies, without a new version; not undone by abort."""
        updating.inplace(self, xact, tid, tup, messages, init_file)

    def prune(
        self, block: int, xact: Xact | None = None, *, opportunistic: bool = True
    ) -> None:
        """Remove what nobody can see any more from a page, if that looks worth while."""
        xid = xact.levels[-1].xid if xact is not None and xact.active else 0
        pruneheap.prune_on_access(self, block, force=not opportunistic, xid=xid)

    # -- shared by the changes ------------------------------------------------------------

    def new_header(
        self, tup: bytes, xid: int, cid: int, *, frozen: bool = False
    ) -> bytes:
        """The tuple with the header of one just inserted."""
        *_, mask2, mask, hoff = _HEADER.unpack_from(tup, 0)
        mask = mask & ~HEAP_XACT_MASK | _XMAX_INVALID | (HEAP_XMIN_FROZEN if frozen else 0)
        head = _HEADER.pack(xid, 0, cid, 0, 0, 0, mask2 & ~HEAP2_XACT_MASK, mask, hoff)
        return head + tup[SIZEOF_HEAP_TUPLE_HEADER:]

    def cmax(self, xact: Xact, h: Header, cid: int) -> tuple[int, bool]:
        """(command id, whether a combination) for a version that this command ends."""
        if not h.infomask & _XMIN_COMMITTED and xact.is_mine(h.xmin):
            cmin = xact.cmin(h.infomask, h.field3)
            return xact.combo_cid(cmin, cid), True
        return cid, False

    def may_change(
        self, xact: Xact, buffer: Buffer, at: int, tid: Tid, cid: int, mode: LockTupleMode
    ) -> tuple[TmResult, Failure | None]:
        """Whether a version may be changed by one who needs it in ``mode``."""
        result = self.rules.satisfies_update(xact, buffer, at, cid)
        if result == TmResult.TM_Ok:
            return result, None
        h = header_of(buffer.page, at)
        blockers: tuple[int, ...] = ()
        if result == TmResult.TM_BeingModified:
            blockers = self.blockers(xact, h, mode)
            if not blockers:
                result = self.outcome(xact, h, tid)
                if result == TmResult.TM_Ok:
                    return result, None
        return result, self.failure_of(xact, h, result, blockers)

    def blockers(self, xact: Xact, h: Header, mode: LockTupleMode) -> tuple[int, ...]:
        """Other transactions in progress whose hold on the version excludes ``mode``."""
        from pgtool.access.heap.xmax import mode_of

        running = self.instance.procarray.is_running
        return tuple(
            member.xid
            for member in self.holders.of(h.xmax, h.infomask, h.infomask2)
            if not xact.is_mine(member.xid) and running(member.xid)
            and conflict(mode_of(member.status), mode)
        )  # fmt: skip

    def outcome(self, xact: Xact, h: Header, tid: Tid) -> TmResult:
        """What a version is, with nobody in the way who is still running."""
        if xmax_is_locked_only(h.infomask):
            return TmResult.TM_Ok
        updater = self.rules.update_xid(h.infomask, h.xmax)
        if not updater or not self.instance.clog.did_commit(updater):
            return TmResult.TM_Ok
        return TmResult.TM_Deleted if (h.block, h.offnum) == tid else TmResult.TM_Updated

    def failure_of(
        self, xact: Xact, h: Header, result: TmResult, blockers: tuple[int, ...]
    ) -> Failure:
        """What to tell the caller."""
        xmax = self.rules.update_xid(h.infomask, h.xmax)
        mine = result == TmResult.TM_SelfModified
        return Failure((h.block, h.offnum), xmax, xact.cmax(h.infomask, h.field3) if mine else 0,
                       blockers)  # fmt: skip

    def log_new_cid(self, xact: Xact, tid: Tid, h: Header) -> None:
        """Tell logical decoding the command ids of a catalog tuple."""
        none = records.INVALID_COMMAND_ID
        if h.infomask & _COMBOCID:
            cmin, cmax = xact.cmin(h.infomask, h.field3), xact.cmax(h.infomask, h.field3)
            combo = h.field3
        elif h.infomask & _XMAX_INVALID or xmax_is_locked_only(h.infomask):
            cmin, cmax, combo = h.field3, none, none
        else:
            cmin, cmax, combo = none, h.field3, none
        where = self.where
        self.wal.insert(
            records.new_cid(xact.top_xid, (where.spc, where.db, where.rel), tid, cmin, cmax, combo),
            xact.current_xid(),
        )

    def invisible(self, what: str) -> SqlError:
        """The error for a change of a version that this command cannot see."""
        return SqlError(f"attempted to {what} invisible tuple", OBJECT_NOT_IN_PREREQUISITE_STATE)


def open_heap(instance: Instance, target: HeapTarget) -> HeapRelation:
    """A table of a running instance."""
    return HeapRelation(instance, target)


__all__ = ["Failure", "HeapRelation", "Tid", "UpdateResult", "open_heap", "xmin_frozen"]
