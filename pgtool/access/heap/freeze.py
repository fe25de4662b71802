"""Freezing: xids and multixacts leave tuples before their numbers come around again.

:func:`prepare` decides for one tuple what its header becomes if its page is frozen, and
notes in a :class:`PageFreeze` whether the page must be (something on it is older than the
limits) and how old the oldest xid would be either way: VACUUM takes its new relfrozenxid
from that. :func:`grouped` puts equal decisions together, as records carry them.

``oldest_xmin`` bounds what may be frozen, ``freeze_limit`` and ``multi_cutoff`` what must.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from formats.heap import (
    HEAP_MOVED,
    HEAP_XMAX_BITS,
    HEAP_XMIN_FROZEN,
    HeapInfomask,
    HeapInfomask2,
    xmax_is_locked_only,
    xmin_frozen,
)
from formats.units import FIRST_NORMAL_XID, INVALID_XID
from formats.wal.heap2 import FreezeFlags
from pgtool.access.heap.xmax import locked_upgraded, multi_bits
from pgtool.errors import CorruptData
from pgtool.transam.cutoffs import Cutoffs
from pgtool.transam.multixact import Member
from pgtool.transam.xid import multi_precedes, precedes

if TYPE_CHECKING:
    from pgtool.transam.instance import Instance
    from pgtool.transam.tqual import Header

_XMAX_INVALID, _XMAX_COMMITTED, _IS_MULTI = (
    int(flag) for flag in (
        HeapInfomask.HEAP_XMAX_INVALID, HeapInfomask.HEAP_XMAX_COMMITTED,
        HeapInfomask.HEAP_XMAX_IS_MULTI,
    )
)  # fmt: skip
_KEYS_UPDATED, _HOT_UPDATED = (
    int(HeapInfomask2.HEAP_KEYS_UPDATED), int(HeapInfomask2.HEAP_HOT_UPDATED)
)  # fmt: skip
_MOVED_OFF = int(HeapInfomask.HEAP_MOVED_OFF)


class FreezeTuple(NamedTuple):
    """What a tuple's header becomes."""

    number: int
    xmax: int
    infomask: int
    infomask2: int
    flags: int = 0


class FreezePlan(NamedTuple):
    """The same change for several tuples."""

    xmax: int
    infomask2: int
    infomask: int
    flags: int
    numbers: tuple[int, ...]


@dataclass(slots=True)
class PageFreeze:
    """What is known of a page so far: the oldest xid and multixact that would be left."""

    required: bool
    frozen_xid: int
    frozen_multi: int
    unfrozen_xid: int
    unfrozen_multi: int

    @classmethod
    def begin(cls, xid: int, multi: int) -> PageFreeze:
        """Before the first tuple: the oldest of the pages before."""
        return cls(False, xid, multi, xid, multi)


def grouped(tuples: Sequence[FreezeTuple]) -> list[FreezePlan]:
    """Equal changes as one plan each, in the order that records have."""
    plans: dict[tuple[int, int, int, int], list[int]] = {}
    for t in tuples:
        plans.setdefault((t.xmax, t.infomask2, t.infomask, t.flags), []).append(t.number)
    return [FreezePlan(*key, tuple(sorted(numbers))) for key, numbers in sorted(plans.items())]


class _Xmax(NamedTuple):
    """What freezing makes of a multixact: kept, gone, or another xmax with its bits."""

    kept: bool
    xmax: int = INVALID_XID
    infomask: int = 0
    infomask2: int | None = None


class Freezer:
    """Freeze decisions in one instance under one set of limits."""

    def __init__(self, instance: Instance, cutoffs: Cutoffs) -> None:
        self.cutoffs = cutoffs
        self.multixacts = instance.multixact
        self.clog = instance.clog
        self.running: Callable[[int], bool] = instance.procarray.is_running

    def prepare(
        self, number: int, h: Header, page: PageFreeze
    ) -> tuple[FreezeTuple | None, bool]:
        """(the change, None where there is none; whether the tuple is then wholly frozen)."""
        c = self.cutoffs
        infomask, infomask2, xmax, flags = h.infomask, h.infomask2, h.xmax, 0
        xmin_was = xmin_frozen(infomask) or h.xmin < FIRST_NORMAL_XID
        freeze_xmin = freeze_xmax = replaced = xmax_was = False
        if not xmin_was:
            self._check_xid(h.xmin, "xmin")
            freeze_xmin = precedes(h.xmin, c.oldest_xmin)
        if infomask & HEAP_MOVED:
            page.required = replaced = True
            flags = int(
                FreezeFlags.XLH_INVALID_XVAC if infomask & _MOVED_OFF
                else FreezeFlags.XLH_FREEZE_XVAC
            )  # fmt: skip
        if infomask & _IS_MULTI:
            found = self._multi(xmax, infomask, page)
            if not found.kept and found.xmax == INVALID_XID:
                freeze_xmax = True
            elif not found.kept:
                replaced, xmax = True, found.xmax
                infomask = infomask & ~HEAP_XMAX_BITS | found.infomask
                if found.infomask2 is not None:
                    infomask2 = infomask2 & ~_KEYS_UPDATED | found.infomask2
        elif xmax >= FIRST_NORMAL_XID:
            self._check_xid(xmax, "xmax")
            freeze_xmax = precedes(xmax, c.oldest_xmin)
        elif xmax == INVALID_XID:
            xmax_was = True
        else:
            raise CorruptData(
                f"found raw xmax {xmax} (infomask 0x{infomask:04x}) not invalid, not multi"
            )
        if freeze_xmin:
            infomask |= HEAP_XMIN_FROZEN
        if freeze_xmax:
            xmax = INVALID_XID
            infomask = infomask & ~HEAP_XMAX_BITS | _XMAX_INVALID
            infomask2 &= ~(_HOT_UPDATED | _KEYS_UPDATED)
        if not page.required and not (xmin_was and xmax_was):
            page.required = self._must(h, page)
        wholly = (freeze_xmin or xmin_was) and (freeze_xmax or xmax_was)
        if not (freeze_xmin or freeze_xmax or replaced):
            return None, wholly
        self._check_outcome(h, freeze_xmin, freeze_xmax)
        return FreezeTuple(number, xmax, infomask, infomask2, flags), wholly

    def _check_xid(self, xid: int, what: str) -> None:
        if precedes(xid, self.cutoffs.relfrozenxid):
            raise CorruptData(
                f"found {what} {xid} from before relfrozenxid {self.cutoffs.relfrozenxid}",
                field=f"t_{what}",
            )

    def _check_outcome(self, h: Header, freeze_xmin: bool, freeze_xmax: bool) -> None:
        """What is frozen away must be decided."""
        if freeze_xmin and not h.infomask & HeapInfomask.HEAP_XMIN_COMMITTED and not (
            self.clog.did_commit(h.xmin)
        ):
            raise CorruptData(f"uncommitted xmin {h.xmin} needs to be frozen", field="t_xmin")
        if freeze_xmax and not h.infomask & (_XMAX_INVALID | _IS_MULTI) and not (
            xmax_is_locked_only(h.infomask)
        ) and self.clog.did_commit(h.xmax):
            raise CorruptData(f"cannot freeze committed xmax {h.xmax}", field="t_xmax")

    # -- must it be? ----------------------------------------------------------------------

    def _note(self, xid: int, page: PageFreeze) -> bool:
        """An xid that stays unless the page is frozen; whether it is past the limit."""
        if precedes(xid, page.unfrozen_xid):
            page.unfrozen_xid = xid
        return precedes(xid, self.cutoffs.freeze_limit)

    def _must(self, h: Header, page: PageFreeze) -> bool:
        """Whether the tuple holds anything past the limits; notes the oldest it holds."""
        must = False
        if not xmin_frozen(h.infomask) and h.xmin >= FIRST_NORMAL_XID:
            must = self._note(h.xmin, page)
        if not h.infomask & _IS_MULTI:
            if h.xmax >= FIRST_NORMAL_XID:
                must |= self._note(h.xmax, page)
        elif h.xmax:
            if multi_precedes(h.xmax, page.unfrozen_multi):
                page.unfrozen_multi = h.xmax
            if locked_upgraded(h.infomask):
                return True
            must |= multi_precedes(h.xmax, self.cutoffs.multi_cutoff)
            for member in self.multixacts.members(h.xmax):
                must |= self._note(member.xid, page)
        return must or bool(h.infomask & HEAP_MOVED)

    # -- multixacts -------------------------------------------------------------------------

    def _multi(self, multi: int, infomask: int, page: PageFreeze) -> _Xmax:
        """What becomes of a multixact in xmax."""
        c = self.cutoffs
        gone = _Xmax(False)
        if not multi or locked_upgraded(infomask):
            page.required = True
            return gone
        if multi_precedes(multi, c.relminmxid):
            raise CorruptData(
                f"found multixact {multi} from before relminmxid {c.relminmxid}", field="t_xmax"
            )
        members = self.multixacts.members(multi)
        if multi_precedes(multi, c.oldest_mxact):
            page.required = True
            return self._old_multi(multi, infomask, members)
        must = multi_precedes(multi, c.multi_cutoff)
        oldest = page.frozen_xid
        for member in members:
            if precedes(member.xid, c.freeze_limit):
                must = True
            elif precedes(member.xid, oldest):
                oldest = member.xid
        if not must:
            page.frozen_xid = oldest
            if multi_precedes(multi, page.frozen_multi):
                page.frozen_multi = multi
            return _Xmax(True)
        page.required = True
        return self._rewritten(members, page)

    def _old_multi(self, multi: int, infomask: int, members: tuple[Member, ...]) -> _Xmax:
        """One that nobody can still hold: only a committed or running updater counts."""
        c = self.cutoffs
        if any(self.running(member.xid) for member in members):
            raise CorruptData(
                f"multixact {multi} from before multi freeze cutoff {c.oldest_mxact} found to be "
                "still running", field="t_xmax",
            )  # fmt: skip
        updater = next((member.xid for member in members if member.is_update), INVALID_XID)
        if xmax_is_locked_only(infomask) or not updater:
            return _Xmax(False)
        self._check_xid(updater, "xmax")
        if precedes(updater, c.oldest_xmin):
            if self.clog.did_commit(updater):
                raise CorruptData(
                    f"multixact {multi} contains committed update XID {updater} from before "
                    f"removable cutoff {c.oldest_xmin}", field="t_xmax",
                )  # fmt: skip
            return _Xmax(False)
        return _Xmax(False, updater)

    def _rewritten(self, members: tuple[Member, ...], page: PageFreeze) -> _Xmax:
        """A multixact of those members that still count."""
        kept: list[Member] = []
        updater = INVALID_XID
        lockers = committed = False
        for member in members:
            running = self.running(member.xid)
            if not member.is_update:
                if running:
                    kept.append(member)
                    lockers = True
                continue
            self._check_xid(member.xid, "xmax")
            done = not running and self.clog.did_commit(member.xid)
            if running or done:
                updater, committed = member.xid, done
                kept.append(member)
        if not kept:
            return _Xmax(False)
        for member in kept:
            if precedes(member.xid, page.frozen_xid):
                page.frozen_xid = member.xid
        if updater and not lockers:
            return _Xmax(False, updater, _XMAX_COMMITTED if committed else 0)
        made = self.multixacts.create(kept)
        return _Xmax(False, made, *multi_bits(tuple(kept)))
