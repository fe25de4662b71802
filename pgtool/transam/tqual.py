"""What one stored row version is to its transaction, decided one by one.

Where :mod:`pgtool.transam.snapshot` answers for many rows at once and changes nothing, these
rules serve those who are about to change a row: may it be updated, who else is at it, can
its space be had. They set hint bits on the way. The rules are PostgreSQL's
HeapTupleSatisfies functions; they take the page's buffer and the offset of the tuple.

Invariant: a hint that a transaction committed is set only where its commit record is
on disk, or must come to disk before this page does (:meth:`Rules.hint`).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from formats.derive import offset_of, struct_of
from formats.heap import HEAP_LOCK_MASK, HEAP_MOVED, HeapInfomask, HeapTupleHeaderData
from formats.units import uint16
from pgtool.storage import page as page_of
from pgtool.storage.bufmgr import Buffer
from pgtool.transam.snapshot import (
    XMAX_COMMITTED,
    XMAX_INVALID,
    XMAX_IS_MULTI,
    XMAX_LOCK_ONLY,
    XMIN_COMMITTED,
    XMIN_INVALID,
    only_locked,
)
from pgtool.transam.xid import precedes

if TYPE_CHECKING:
    from pgtool.transam.instance import Instance
    from pgtool.transam.xact import Xact

_HEADER = struct_of(HeapTupleHeaderData).unpack_from
_INFOMASK_AT = offset_of(HeapTupleHeaderData, "t_infomask")
_pack_infomask = struct_of(uint16).pack_into
_FROZEN = XMIN_COMMITTED | XMIN_INVALID
_MOVED_OFF = int(HeapInfomask.HEAP_MOVED_OFF)
_SPECULATIVE_OFFSET = 0xFFFE


class TmResult(enum.IntEnum):
    """TM_Result: what came of trying to change a row version."""

    TM_Ok = 0
    TM_Invisible = 1
    TM_SelfModified = 2
    TM_Updated = 3
    TM_Deleted = 4
    TM_BeingModified = 5
    TM_WouldBlock = 6


class VacuumState(enum.IntEnum):
    """HTSV_Result: what VACUUM and pruning may do with a row version."""

    HEAPTUPLE_DEAD = 0
    HEAPTUPLE_LIVE = 1
    HEAPTUPLE_RECENTLY_DEAD = 2
    HEAPTUPLE_INSERT_IN_PROGRESS = 3
    HEAPTUPLE_DELETE_IN_PROGRESS = 4


_OK, _INVISIBLE, _SELF, _UPDATED, _DELETED, _BEING_MODIFIED, _ = TmResult
_DEAD, _LIVE, _RECENTLY_DEAD, _INSERTING, _DELETING = VacuumState


class Dirty(NamedTuple):
    """The answer of :meth:`Rules.satisfies_dirty`: who, if anybody, is still at the row."""

    visible: bool
    xmin: int = 0
    xmax: int = 0
    speculative_token: int = 0


class Header(NamedTuple):
    """The header of a tuple on a page."""

    xmin: int
    xmax: int
    field3: int
    block: int
    offnum: int
    infomask2: int
    infomask: int
    hoff: int


def header_of(page: bytearray | bytes | memoryview, at: int) -> Header:
    """The header of the tuple at an offset."""
    xmin, xmax, field3, high, low, offnum, infomask2, infomask, hoff = _HEADER(page, at)
    return Header(xmin, xmax, field3, high << 16 | low, offnum, infomask2, infomask, hoff)


def locked_upgraded(infomask: int) -> bool:
    """A multixact from before 9.3: it locks, and its members are gone."""
    return (
        infomask & XMAX_IS_MULTI != 0
        and infomask & XMAX_LOCK_ONLY != 0
        and infomask & HEAP_LOCK_MASK == 0
    )


class Rules:
    """The rules over one instance's transactions."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.clog = instance.clog
        self.running = instance.procarray.is_running
        self.multixacts = instance.multixact

    # -- hints --------------------------------------------------------------------------

    def hint(self, buffer: Buffer, at: int, bits: int, xid: int = 0) -> None:
        """Set hint bits; ``xid`` is the transaction that they say committed, else 0."""
        if xid:
            lsn = self.clog.commit_lsn(xid)
            if lsn and buffer.lsn < lsn:
                return
        place = at + _INFOMASK_AT
        page = buffer.page
        _pack_infomask(page, place, page[place] | page[place + 1] << 8 | bits)
        self.instance.pool.mark_dirty_hint(buffer)

    def update_xid(self, infomask: int, xmax: int) -> int:
        """Who replaced or deleted the version, through a multixact; 0 where nobody did."""
        if infomask & XMAX_IS_MULTI and not infomask & XMAX_LOCK_ONLY:
            return self.multixacts.updater(xmax)
        return 0 if infomask & XMAX_LOCK_ONLY else xmax

    def multi_running(self, multi: int) -> bool:
        """Whether any member of a multixact is in progress."""
        return any(self.running(member.xid) for member in self.multixacts.members(multi))

    def _inserted(self, xact: Xact | None, buffer: Buffer, at: int, h: Header) -> bool | None:
        """Whether the inserter committed; None where it is in progress. Sets hints."""
        if h.infomask & HEAP_MOVED:
            done = self.clog.did_commit(h.field3) != bool(h.infomask & _MOVED_OFF)
            self.hint(buffer, at, XMIN_COMMITTED if done else XMIN_INVALID)
            return done
        if self.running(h.xmin):
            return None
        if self.clog.did_commit(h.xmin):
            self.hint(buffer, at, XMIN_COMMITTED, h.xmin)
            return True
        self.hint(buffer, at, XMIN_INVALID)
        return False

    # -- updating -----------------------------------------------------------------------

    def satisfies_update(self, xact: Xact, buffer: Buffer, at: int, curcid: int) -> TmResult:
        """HeapTupleSatisfiesUpdate: whether a command may change this version now."""
        h = header_of(buffer.page, at)
        if not h.infomask & XMIN_COMMITTED:
            if h.infomask & XMIN_INVALID:
                return _INVISIBLE
            if xact.is_mine(h.xmin):
                return self._update_own(xact, buffer, at, h, curcid)
            if not self._inserted(xact, buffer, at, h):
                return _INVISIBLE
        if h.infomask & XMAX_INVALID:
            return _OK
        gone = self._gone(buffer, at, h)
        if h.infomask & XMAX_COMMITTED:
            return _OK if only_locked(h.infomask) else gone
        if h.infomask & XMAX_IS_MULTI:
            return self._update_multi(xact, buffer, at, h, curcid, gone)
        if xact.is_mine(h.xmax):
            if only_locked(h.infomask):
                return _BEING_MODIFIED
            return self._self_modified(xact, h, curcid)
        if self.running(h.xmax):
            return _BEING_MODIFIED
        if only_locked(h.infomask) or not self.clog.did_commit(h.xmax):
            self.hint(buffer, at, XMAX_INVALID)
            return _OK
        self.hint(buffer, at, XMAX_COMMITTED, h.xmax)
        return gone

    @staticmethod
    def _gone(buffer: Buffer, at: int, h: Header) -> TmResult:
        """Updated or deleted: does the tuple point to another one?"""
        if h.block != buffer.tag.block:
            return _UPDATED
        if not 0 < h.offnum <= page_of.max_offset(buffer.page):
            return _UPDATED
        return _DELETED if page_of.item_id(buffer.page, h.offnum).offset == at else _UPDATED

    @staticmethod
    def _self_modified(xact: Xact, h: Header, curcid: int) -> TmResult:
        return _SELF if xact.cmax(h.infomask, h.field3) >= curcid else _INVISIBLE

    def _update_own(
        self, xact: Xact, buffer: Buffer, at: int, h: Header, curcid: int
    ) -> TmResult:
        """The version is of this transaction."""
        if xact.cmin(h.infomask, h.field3) >= curcid:
            return _INVISIBLE
        if h.infomask & XMAX_INVALID:
            return _OK
        if only_locked(h.infomask):
            held = self.multi_running(h.xmax) if h.infomask & XMAX_IS_MULTI else (
                self.running(h.xmax)
            )
            return _BEING_MODIFIED if held else _OK
        if h.infomask & XMAX_IS_MULTI:
            if xact.is_mine(self.multixacts.updater(h.xmax)):
                return self._self_modified(xact, h, curcid)
            return _BEING_MODIFIED if self.multi_running(h.xmax) else _OK
        if not xact.is_mine(h.xmax):
            self.hint(buffer, at, XMAX_INVALID)
            return _OK
        return self._self_modified(xact, h, curcid)

    def _update_multi(
        self, xact: Xact, buffer: Buffer, at: int, h: Header, curcid: int, gone: TmResult
    ) -> TmResult:
        if locked_upgraded(h.infomask):
            return _OK
        running = self.multi_running(h.xmax)
        if only_locked(h.infomask):
            if running:
                return _BEING_MODIFIED
            self.hint(buffer, at, XMAX_INVALID)
            return _OK
        updater = self.multixacts.updater(h.xmax)
        if updater and xact.is_mine(updater):
            return self._self_modified(xact, h, curcid)
        if running:
            return _BEING_MODIFIED
        if updater and self.clog.did_commit(updater):
            return gone
        self.hint(buffer, at, XMAX_INVALID)
        return _OK

    # -- unique checks ------------------------------------------------------------------

    def satisfies_dirty(self, xact: Xact | None, buffer: Buffer, at: int) -> Dirty:
        """HeapTupleSatisfiesDirty: visible with everything in progress taken as done.

        ``xmin`` or ``xmax`` name the transaction in progress that this depends on.
        """
        h = header_of(buffer.page, at)
        if not h.infomask & XMIN_COMMITTED:
            if h.infomask & XMIN_INVALID:
                return Dirty(False)
            if xact is not None and xact.is_mine(h.xmin):
                return self._dirty_own(xact, buffer, at, h)
            done = self._inserted(xact, buffer, at, h)
            if done is None:
                token = h.block if h.offnum == _SPECULATIVE_OFFSET else 0
                return Dirty(True, xmin=h.xmin, speculative_token=token)
            if not done:
                return Dirty(False)
        if h.infomask & XMAX_INVALID:
            return Dirty(True)
        if h.infomask & XMAX_COMMITTED and not h.infomask & XMAX_IS_MULTI:
            return Dirty(only_locked(h.infomask))
        if only_locked(h.infomask):
            return Dirty(True)
        updater = self.update_xid(h.infomask, h.xmax)
        if not updater:
            return Dirty(True)
        if xact is not None and xact.is_mine(updater):
            return Dirty(False)
        if self.running(updater):
            return Dirty(True, xmax=updater)
        if self.clog.did_commit(updater):
            if not h.infomask & XMAX_IS_MULTI:
                self.hint(buffer, at, XMAX_COMMITTED, updater)
            return Dirty(False)
        if not h.infomask & XMAX_IS_MULTI:
            self.hint(buffer, at, XMAX_INVALID)
        return Dirty(True)

    def _dirty_own(self, xact: Xact, buffer: Buffer, at: int, h: Header) -> Dirty:
        if h.infomask & XMAX_INVALID or only_locked(h.infomask):
            return Dirty(True)
        if xact.is_mine(self.update_xid(h.infomask, h.xmax)):
            return Dirty(False)
        if not h.infomask & XMAX_IS_MULTI:
            self.hint(buffer, at, XMAX_INVALID)
        return Dirty(True)

    def satisfies_self(self, xact: Xact | None, buffer: Buffer, at: int) -> bool:
        """HeapTupleSatisfiesSelf: committed, or done by this transaction up to now."""
        found = self.satisfies_dirty(xact, buffer, at)
        return found.visible and not found.xmin

    # -- pruning and VACUUM -------------------------------------------------------------

    def satisfies_vacuum(
        self, buffer: Buffer, at: int, horizon: int, xact: Xact | None = None
    ) -> VacuumState:
        """HeapTupleSatisfiesVacuum: rows deleted before ``horizon`` are dead for everybody."""
        state, dead_after = self.satisfies_vacuum_horizon(buffer, at, xact)
        if state == _RECENTLY_DEAD and precedes(dead_after, horizon):
            return _DEAD
        return state

    def satisfies_vacuum_horizon(
        self, buffer: Buffer, at: int, xact: Xact | None = None
    ) -> tuple[VacuumState, int]:
        """(state, deleter): RECENTLY_DEAD rows are dead once nobody can see ``deleter`` run."""
        h = header_of(buffer.page, at)
        if not h.infomask & XMIN_COMMITTED:
            if h.infomask & XMIN_INVALID:
                return _DEAD, 0
            done = self._inserted(xact, buffer, at, h)
            if done is None:
                return self._vacuum_inserting(xact, h), 0
            if not done:
                return _DEAD, 0
        if h.infomask & XMAX_INVALID:
            return _LIVE, 0
        if only_locked(h.infomask):
            return self._vacuum_locked(buffer, at, h), 0
        if h.infomask & XMAX_IS_MULTI:
            return self._vacuum_multi(buffer, at, h)
        if not h.infomask & XMAX_COMMITTED:
            if self.running(h.xmax):
                return _DELETING, 0
            if not self.clog.did_commit(h.xmax):
                self.hint(buffer, at, XMAX_INVALID)
                return _LIVE, 0
            self.hint(buffer, at, XMAX_COMMITTED, h.xmax)
        return _RECENTLY_DEAD, h.xmax

    def _vacuum_inserting(self, xact: Xact | None, h: Header) -> VacuumState:
        if xact is None or not xact.is_mine(h.xmin):
            return _INSERTING
        if h.infomask & XMAX_INVALID or only_locked(h.infomask):
            return _INSERTING
        mine = xact.is_mine(self.update_xid(h.infomask, h.xmax))
        return _DELETING if mine else _INSERTING

    def _vacuum_locked(self, buffer: Buffer, at: int, h: Header) -> VacuumState:
        if not h.infomask & XMAX_COMMITTED:
            if h.infomask & XMAX_IS_MULTI:
                if locked_upgraded(h.infomask) or self.multi_running(h.xmax):
                    return _LIVE
            elif self.running(h.xmax):
                return _LIVE
            self.hint(buffer, at, XMAX_INVALID)
        return _LIVE

    def _vacuum_multi(self, buffer: Buffer, at: int, h: Header) -> tuple[VacuumState, int]:
        updater = self.update_xid(h.infomask, h.xmax)
        if updater and self.running(updater):
            return _DELETING, 0
        if updater and self.clog.did_commit(updater):
            return _RECENTLY_DEAD, updater
        if not self.multi_running(h.xmax):
            self.hint(buffer, at, XMAX_INVALID)
        return _LIVE, 0
