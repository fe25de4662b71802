"""Who holds a row: what xmax becomes when one more transaction locks, updates or deletes it.

xmax is nobody, one transaction with the strength of its hold in the flag words, or a
multixact of several. :func:`new_xmax` decides, given the old xmax and what is to be added;
it makes a multixact where the old holder still counts: it is running, or its update
committed. Strengths are ordered: KEY SHARE, SHARE, NO KEY UPDATE, UPDATE.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from formats.heap import (
    HEAP_LOCK_MASK,
    HEAP_XMAX_SHR_LOCK,
    HeapInfomask,
    HeapInfomask2,
    xmax_is_locked_only,
)
from formats.slru import MultiXactStatus
from pgtool.transam.multixact import Member

if TYPE_CHECKING:
    from pgtool.transam.instance import Instance

_INVALID, _COMMITTED, _IS_MULTI, _LOCK_ONLY, _KEYSHR, _EXCL = (
    int(getattr(HeapInfomask, f"HEAP_XMAX_{name}"))
    for name in ("INVALID", "COMMITTED", "IS_MULTI", "LOCK_ONLY", "KEYSHR_LOCK", "EXCL_LOCK")
)
_SHR = HEAP_XMAX_SHR_LOCK
_KEYS_UPDATED = int(HeapInfomask2.HEAP_KEYS_UPDATED)
_FOR_KEY_SHARE, _FOR_SHARE, _FOR_NO_KEY_UPDATE, _FOR_UPDATE, _NO_KEY_UPDATE, _UPDATE = (
    MultiXactStatus
)


class LockTupleMode(enum.IntEnum):
    """How strongly a row is held, weakest first."""

    KeyShare = 0
    Share = 1
    NoKeyExclusive = 2
    Exclusive = 3


#: mode → (status of a mere lock, status of an update; None where it cannot update)
_STATUS: dict[LockTupleMode, tuple[MultiXactStatus, MultiXactStatus | None]] = {
    LockTupleMode.KeyShare: (_FOR_KEY_SHARE, None),
    LockTupleMode.Share: (_FOR_SHARE, None),
    LockTupleMode.NoKeyExclusive: (_FOR_NO_KEY_UPDATE, _NO_KEY_UPDATE),
    LockTupleMode.Exclusive: (_FOR_UPDATE, _UPDATE),
}
_MODE = {
    status: mode for mode, pair in _STATUS.items() for status in pair if status is not None
}
#: mode → bits of (t_infomask, t_infomask2) of a mere lock
_LOCK_BITS = {
    LockTupleMode.KeyShare: (_KEYSHR, 0),
    LockTupleMode.Share: (_SHR, 0),
    LockTupleMode.NoKeyExclusive: (_EXCL, 0),
    LockTupleMode.Exclusive: (_EXCL, _KEYS_UPDATED),
}
#: Pairs of modes that two transactions cannot hold at once.
_CONFLICTS = {
    LockTupleMode.KeyShare: {LockTupleMode.Exclusive},
    LockTupleMode.Share: {LockTupleMode.NoKeyExclusive, LockTupleMode.Exclusive},
    LockTupleMode.NoKeyExclusive: {
        LockTupleMode.Share, LockTupleMode.NoKeyExclusive, LockTupleMode.Exclusive,
    },
    LockTupleMode.Exclusive: set(LockTupleMode),
}  # fmt: skip


class Xmax(NamedTuple):
    """An xmax with the bits of both flag words that go with it."""

    xid: int
    infomask: int
    infomask2: int


NOBODY = Xmax(0, _INVALID, 0)


def conflict(held: LockTupleMode, wanted: LockTupleMode) -> bool:
    """Whether one transaction's hold keeps another from its own."""
    return wanted in _CONFLICTS[held]


def status_of(mode: LockTupleMode, is_update: bool) -> MultiXactStatus:
    """The member status of a hold."""
    status = _STATUS[mode][is_update]
    assert status is not None, f"no update holds a row in mode {mode.name}"
    return status


def mode_of(status: MultiXactStatus) -> LockTupleMode:
    """The strength of a member."""
    return _MODE[status]


def locked_upgraded(infomask: int) -> bool:
    """A multixact of lockers from before 9.3, which hold nothing any more."""
    return (
        infomask & (_IS_MULTI | _LOCK_ONLY) == _IS_MULTI | _LOCK_ONLY
        and not infomask & HEAP_LOCK_MASK
    )


def single_status(infomask: int, infomask2: int) -> MultiXactStatus | None:
    """The status of an xmax that is one transaction; None where the flags say no strength."""
    if not xmax_is_locked_only(infomask):
        return _UPDATE if infomask2 & _KEYS_UPDATED else _NO_KEY_UPDATE
    strength = infomask & HEAP_LOCK_MASK
    if strength == _KEYSHR:
        return _FOR_KEY_SHARE
    if strength == _SHR:
        return _FOR_SHARE
    if strength == _EXCL:
        return _FOR_UPDATE if infomask2 & _KEYS_UPDATED else _FOR_NO_KEY_UPDATE
    return None


def multi_bits(members: tuple[Member, ...]) -> tuple[int, int]:
    """The bits of (t_infomask, t_infomask2) that go with a multixact of these members."""
    infomask, infomask2 = _IS_MULTI, 0
    strongest = LockTupleMode.KeyShare
    updated = False
    for member in members:
        strongest = max(strongest, mode_of(member.status))
        updated |= member.is_update
        if member.status in (_FOR_UPDATE, _UPDATE):
            infomask2 |= _KEYS_UPDATED
    if strongest >= LockTupleMode.NoKeyExclusive:
        infomask |= _EXCL
    else:
        infomask |= _SHR if strongest == LockTupleMode.Share else _KEYSHR
    return infomask | (0 if updated else _LOCK_ONLY), infomask2


class Holders:
    """Decisions about xmax in one running instance."""

    def __init__(self, instance: Instance) -> None:
        self.multixacts = instance.multixact
        self.clog = instance.clog
        self.running = instance.procarray.is_running

    def of(self, xmax: int, infomask: int, infomask2: int) -> tuple[Member, ...]:
        """Everybody who stands in an xmax, whether or not they still count."""
        if infomask & _INVALID or locked_upgraded(infomask):
            return ()
        if infomask & _IS_MULTI:
            return self.multixacts.members(xmax)
        status = single_status(infomask, infomask2)
        return () if status is None else (Member(xmax, status),)

    def _counts(self, member: Member) -> bool:
        """Whether a member stays in a multixact that is made anew."""
        return self.running(member.xid) or (member.is_update and self.clog.did_commit(member.xid))

    def _create(self, members: list[Member]) -> Xmax:
        multi = self.multixacts.create(members)
        return Xmax(multi, *multi_bits(self.multixacts.members(multi)))

    def new_xmax(
        self, xmax: int, infomask: int, infomask2: int, xid: int, mode: LockTupleMode,
        is_update: bool,
    ) -> Xmax:  # fmt: skip
        """What xmax becomes when ``xid`` takes the row too."""
        if infomask & _INVALID or locked_upgraded(infomask):
            return self._alone(xid, mode, is_update)
        if infomask & _IS_MULTI:
            return self._with_multi(xmax, infomask, xid, mode, is_update)
        if infomask & _COMMITTED:
            old = _UPDATE if infomask2 & _KEYS_UPDATED else _NO_KEY_UPDATE
        elif self.running(xmax):
            status = single_status(infomask, infomask2)
            if status is None:
                return self._alone(xid, mode, is_update)
            if xmax == xid:  # a stronger hold by the same
                return self._alone(xid, max(mode, mode_of(status)), is_update)
            old = status
        elif not xmax_is_locked_only(infomask) and self.clog.did_commit(xmax):
            old = _UPDATE if infomask2 & _KEYS_UPDATED else _NO_KEY_UPDATE
        else:
            return self._alone(xid, mode, is_update)
        return self._create([Member(xmax, old), Member(xid, status_of(mode, is_update))])

    @staticmethod
    def _alone(xid: int, mode: LockTupleMode, is_update: bool) -> Xmax:
        if is_update:
            return Xmax(xid, 0, _KEYS_UPDATED if mode == LockTupleMode.Exclusive else 0)
        infomask, infomask2 = _LOCK_BITS[mode]
        return Xmax(xid, infomask | _LOCK_ONLY, infomask2)

    def _with_multi(
        self, multi: int, infomask: int, xid: int, mode: LockTupleMode, is_update: bool
    ) -> Xmax:
        members = self.multixacts.members(multi)
        if not any(self.running(member.xid) for member in members):
            updater = 0 if xmax_is_locked_only(infomask) else self.multixacts.updater(multi)
            if not updater or not self.clog.did_commit(updater):
                return self._alone(xid, mode, is_update)
        new = Member(xid, status_of(mode, is_update))
        found = self.multixacts.expand(multi, new, self._counts)
        return Xmax(found, *multi_bits(self.multixacts.members(found)))

    def inherited(self, xmax: int, infomask: int, locker_remains: bool) -> Xmax:
        """The xmax of a new version: those who only lock the old one go on doing so."""
        if infomask & _INVALID or locked_upgraded(infomask) or not locker_remains:
            return NOBODY
        if infomask & _IS_MULTI:
            return Xmax(xmax, *multi_bits(self.multixacts.members(xmax)))
        return Xmax(xmax, _KEYSHR | _LOCK_ONLY, 0)
