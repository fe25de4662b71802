"""Pruning: what nobody can see any more leaves a page, and so does the room it took.

A HOT chain whose first versions are dead shrinks to a redirecting line pointer at its root,
which is where indexes point; a chain that is dead altogether leaves a dead line pointer,
which VACUUM frees once no index leads there. Heap-only tuples that are dead leave nothing.

:func:`decide` looks at a page and says what to do, with freeze decisions of VACUUM's as it
goes; it changes only hint bits. :func:`apply` does it with its record. Both are shared by
pruning on access, which only happens where a page is getting full, and by VACUUM.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from formats.derive import struct_of
from formats.heap import HeapInfomask, HeapInfomask2, xmin_frozen
from formats.itemptr import MOVED_PARTITIONS_OFFSET_NUMBER
from formats.page import LpFlags, PageFlags
from formats.units import BLCKSZ, INVALID_XID
from formats.wal import heap2
from formats.wal.heap2 import PruneFlags, PruneReason
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.access.heap import pageops, tupleedit
from pgtool.access.heap.freeze import FreezePlan
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.transam.tqual import Header, VacuumState, header_of
from pgtool.transam.xid import precedes
from pgtool.wal.insert import Record

if TYPE_CHECKING:
    from pgtool.access.heap.heapam import HeapRelation
    from pgtool.storage.bufmgr import Buffer
    from pgtool.transam.xact import Xact

_HOT_UPDATED = int(HeapInfomask2.HEAP_HOT_UPDATED)
_HEAP_ONLY = int(HeapInfomask2.HEAP_ONLY_TUPLE)
_XMAX_INVALID = int(HeapInfomask.HEAP_XMAX_INVALID)
_XMIN_COMMITTED, _XMIN_INVALID = (
    int(HeapInfomask.HEAP_XMIN_COMMITTED), int(HeapInfomask.HEAP_XMIN_INVALID)
)  # fmt: skip
_DEAD, _LIVE, _RECENTLY_DEAD, _INSERTING, _DELETING = VacuumState
FROZEN_XID = 2
_OPCODE = {
    PruneReason.PRUNE_ON_ACCESS: opcode(heap2.RECORDS, "PRUNE_ON_ACCESS"),
    PruneReason.PRUNE_VACUUM_SCAN: opcode(heap2.RECORDS, "PRUNE_VACUUM_SCAN"),
    PruneReason.PRUNE_VACUUM_CLEANUP: opcode(heap2.RECORDS, "PRUNE_VACUUM_CLEANUP"),
}
_prune = struct_of(heap2.xl_heap_prune[18]).pack
_plan = struct_of(heap2.xlhp_freeze_plan).pack
_plans_header = struct_of(heap2.xlhp_freeze_plans_header).pack
_xid = struct.Struct("<I").pack
#: Numbers of line pointers, two bytes each.
_NUMBERS = bytearray(2 * (BLCKSZ // bufpage.SIZE_OF_ITEM_ID))


@dataclass(slots=True)
class Pruning:
    """What is to become of a page.

    ``horizon`` is the newest deleter of a removed row (for standbys), ``prune_xid`` the
    oldest one of a row that cannot go yet; ``states`` the verdict on every tuple.
    """

    redirected: list[tuple[int, int]] = field(default_factory=list)
    dead: list[int] = field(default_factory=list)
    unused: list[int] = field(default_factory=list)
    horizon: int = INVALID_XID
    prune_xid: int = INVALID_XID
    states: dict[int, VacuumState] = field(default_factory=dict)
    #: Tuples that stay, and line pointers that were dead already.
    kept: list[int] = field(default_factory=list)
    dead_before: list[int] = field(default_factory=list)
    redirects: list[int] = field(default_factory=list)
    #: Removed tuples (those that had storage).
    ndeleted: int = 0

    @property
    def any(self) -> bool:
        """Whether the page changes."""
        return bool(self.redirected or self.dead or self.unused)


def is_hot_updated(h: Header) -> bool:
    """Whether a version has a heap-only successor that counts."""
    return (
        h.infomask2 & _HOT_UPDATED != 0
        and not h.infomask & _XMAX_INVALID
        and h.infomask & (_XMIN_COMMITTED | _XMIN_INVALID) != _XMIN_INVALID
    )


class _Page:
    """One page being looked at."""

    def __init__(
        self, rel: HeapRelation, buffer: Buffer, horizon: int, free_at_once: bool, xact: Xact | None
    ) -> None:
        self.rel = rel
        self.buffer = buffer
        self.page = buffer.page
        self.horizon = horizon
        self.free_at_once = free_at_once
        self.out = Pruning()
        self.items: Sequence[bufpage.ItemId] = bufpage.item_ids(self.page)
        self.headers: dict[int, Header] = {}
        self.done: set[int] = set()
        for number, (state, at, _length) in enumerate(self.items, 1):
            if state == LpFlags.LP_NORMAL:
                verdict = rel.rules.satisfies_vacuum(buffer, at, horizon, xact)
                self.out.states[number] = verdict
                self.headers[number] = header_of(self.page, at)

    def decide(self) -> Pruning:
        """Chains first, from their roots; then heap-only tuples that no chain leads to."""
        dead = [n for n, item in enumerate(self.items, 1) if item.flags == LpFlags.LP_DEAD]
        if self.free_at_once:
            for number in reversed(dead):  # the order that records have
                self._unused(number, False)
        else:
            self.out.dead_before = dead
        for number, (state, _at, _length) in enumerate(self.items, 1):
            if state == LpFlags.LP_REDIRECT or (
                state == LpFlags.LP_NORMAL and not self.headers[number].infomask2 & _HEAP_ONLY
            ):
                self._chain(number)
        self._unlinked(self.headers)
        return self.out

    def _unlinked(self, numbers: Iterable[int]) -> None:
        """Heap-only tuples that no chain led to."""
        for number in numbers:
            if number not in self.done:
                if self.out.states[number] == _DEAD:
                    h = self.headers[number]
                    if is_hot_updated(h):
                        raise CorruptData(
                            f"dead heap-only tuple {number} is not linked to from any HOT chain",
                            block=self.buffer.tag.block, field="t_ctid",
                        )  # fmt: skip
                    self._advance(h)
                    self._unused(number, True)
                else:
                    self._keep(number)

    def _chain(self, root: int) -> None:
        chain, dead = self._walk(root)
        state = self.items[root - 1].flags
        if state == LpFlags.LP_REDIRECT and len(chain) < 2:
            self._dead_or_unused(root, False)  # it leads nowhere
            return
        normal = state == LpFlags.LP_NORMAL
        if not dead:
            kept = chain
        elif dead == len(chain):
            self._dead_or_unused(root, normal)
            for number in chain[1:]:
                self._unused(number, True)
            return
        else:
            self.out.redirected.append((root, chain[dead]))
            self.out.redirects.append(root)
            self.out.ndeleted += normal
            self.done.add(root)
            for number in chain[1:dead]:
                self._unused(number, True)
            kept = chain[dead:]
        for number in kept:
            if number == root and not normal:
                self.out.redirects.append(root)
                self.done.add(root)
            else:
                self._keep(number)

    def _walk(self, root: int) -> tuple[list[int], int]:
        """(line pointers of a chain from its root, how many of them are dead)."""
        chain: list[int] = []
        dead, ended_by, number = 0, INVALID_XID, root
        while 0 < number <= len(self.items) and number not in self.done and number not in chain:
            state, target, _length = self.items[number - 1]
            if state == LpFlags.LP_REDIRECT:
                if chain:
                    break
                chain.append(number)
                number = target
                continue
            if state != LpFlags.LP_NORMAL:
                break
            h = self.headers[number]
            if ended_by and h.xmin != ended_by:
                break
            chain.append(number)
            verdict = self.out.states[number]
            if verdict == _DEAD:
                dead = len(chain)
                self._advance(h)
            elif verdict != _RECENTLY_DEAD:
                break
            if not is_hot_updated(h) or h.offnum == MOVED_PARTITIONS_OFFSET_NUMBER:
                break
            ended_by = self.rel.rules.update_xid(h.infomask, h.xmax)
            number = h.offnum
        return chain, dead

    def _advance(self, h: Header) -> None:
        """A row goes whose deleter standbys may not have seen end yet."""
        xmin = FROZEN_XID if xmin_frozen(h.infomask) else h.xmin
        committed = h.infomask & _XMIN_COMMITTED or (
            not h.infomask & _XMIN_INVALID and self.rel.instance.clog.did_commit(xmin)
        )
        xmax = self.rel.rules.update_xid(h.infomask, h.xmax)
        if committed and xmax != xmin and precedes(self.out.horizon, xmax):
            self.out.horizon = xmax

    def _keep(self, number: int) -> None:
        self.done.add(number)
        self.out.kept.append(number)
        if self.out.states[number] in (_RECENTLY_DEAD, _DELETING):
            h = self.headers[number]
            xid = self.rel.rules.update_xid(h.infomask, h.xmax)
            known = self.out.prune_xid
            if xid and (not known or precedes(xid, known)):
                self.out.prune_xid = xid

    def _dead_or_unused(self, number: int, had_tuple: bool) -> None:
        if self.free_at_once:
            self._unused(number, had_tuple)
            return
        self.done.add(number)
        self.out.dead.append(number)
        self.out.ndeleted += had_tuple

    def _unused(self, number: int, had_tuple: bool) -> None:
        self.done.add(number)
        self.out.unused.append(number)
        self.out.ndeleted += had_tuple


class _Lines:
    """The line pointers of a page, read as they are asked for."""

    def __init__(self, page: bytearray) -> None:
        self.page = page
        self.count = bufpage.max_offset(page)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, at: int) -> bufpage.ItemId:
        return bufpage.item_id(self.page, at + 1)


class _States(dict[int, VacuumState]):
    """The verdicts on tuples, made as they are asked for; a tuple's header comes with it."""

    def __init__(self, looked: _Suspects) -> None:
        super().__init__()
        self.looked = looked

    def __missing__(self, number: int) -> VacuumState:
        found = self[number] = self.looked.judge(number)
        return found


class _Headers(dict[int, Header]):
    """The headers of tuples, as their hints are once they were judged."""

    def __init__(self, looked: _Suspects) -> None:
        super().__init__()
        self.looked = looked

    def __missing__(self, number: int) -> Header:
        looked = self.looked
        looked.out.states[number]
        found = self[number] = header_of(looked.page, looked.items[number - 1].offset)
        return found


class _Suspects(_Page):
    """A page of which only some tuples can be anything but live: what it keeps is not told."""

    def __init__(self, rel: HeapRelation, buffer: Buffer, horizon: int) -> None:
        self.rel = rel
        self.buffer = buffer
        self.page = buffer.page
        self.horizon = horizon
        self.free_at_once = False
        self.items = cast("Sequence[bufpage.ItemId]", _Lines(buffer.page))
        self.out = Pruning(states=_States(self))
        self.headers = _Headers(self)
        self.done = set()

    def judge(self, number: int) -> VacuumState:
        """The verdict on one tuple."""
        at = self.items[number - 1].offset
        return self.rel.rules.satisfies_vacuum(self.buffer, at, self.horizon)

    def decide(self) -> Pruning:
        """As :meth:`_Page.decide`, of the chains in which something is to be judged."""
        count = tupleedit.suspects(self.page, _NUMBERS)
        numbers = struct.unpack_from(f"<{count}H", _NUMBERS)
        rest: list[int] = []
        for number in numbers:
            if self.items[number - 1].flags == LpFlags.LP_REDIRECT:
                self._chain(number)
            elif self.headers[number].infomask2 & _HEAP_ONLY:
                rest.append(number)
            else:
                self._chain(number)
        self._unlinked(rest)
        return self.out


def decide(
    rel: HeapRelation, buffer: Buffer, horizon: int, *, free_at_once: bool = False,
    xact: Xact | None = None,
) -> Pruning:  # fmt: skip
    """What pruning a page means; ``free_at_once`` where no index can lead to its rows."""
    return _Page(rel, buffer, horizon, free_at_once, xact).decide()


def apply(
    rel: HeapRelation, buffer: Buffer, what: Pruning, reason: PruneReason,
    plans: Sequence[FreezePlan] = (), freeze_horizon: int = INVALID_XID, xid: int = 0,
) -> bool:  # fmt: skip
    """Prune and freeze a page; whether it changed more than in hints."""
    page = buffer.page
    full = bool(bufpage.flags(page) & PageFlags.PD_PAGE_FULL)
    hint = bufpage.prune_xid(page) != what.prune_xid or full
    if not what.any and not plans:
        if hint:
            bufpage.set_prune_xid(page, what.prune_xid)
            bufpage.set_flag(page, PageFlags.PD_PAGE_FULL, False)
            rel.pool.mark_dirty_hint(buffer)
        return False
    with rel.wal.critical():
        if hint:
            bufpage.set_prune_xid(page, what.prune_xid)
            bufpage.set_flag(page, PageFlags.PD_PAGE_FULL, False)
        if what.any:
            pageops.prune(page, what.redirected, what.dead, what.unused)
        for plan in plans:
            pageops.freeze(
                page, plan.numbers, plan.xmax, plan.infomask, plan.infomask2, plan.flags
            )
        rel.pool.mark_dirty(buffer)
        if rel.target.logged:
            horizon = what.horizon
            if freeze_horizon and (not horizon or precedes(horizon, freeze_horizon)):
                horizon = freeze_horizon
            record = prune_record(
                buffer, reason, what.redirected, what.dead, what.unused, plans, horizon,
                catalog=rel.decoded_catalog, cleanup=True,
            )  # fmt: skip
            rel.wal.insert(record, xid)
    return True


def prune_record(
    buffer: Buffer, reason: PruneReason, redirected: Sequence[tuple[int, int]],
    dead: Sequence[int], unused: Sequence[int], plans: Sequence[FreezePlan], horizon: int, *,
    catalog: bool, cleanup: bool,
) -> Record:  # fmt: skip
    """The record of pruning, freezing, and freeing line pointers."""
    flags = 0
    data: list[bytes] = []
    if plans:
        flags |= PruneFlags.XLHP_HAS_FREEZE_PLANS
        data.append(_plans_header(len(plans), bytes(2)))
        data += [
            _plan(p.xmax, p.infomask2, p.infomask, p.flags, b"\0", len(p.numbers)) for p in plans
        ]
    pairs = [number for pair in redirected for number in pair]
    for flag, count, numbers in (
        (PruneFlags.XLHP_HAS_REDIRECTIONS, len(redirected), pairs),
        (PruneFlags.XLHP_HAS_DEAD_ITEMS, len(dead), dead),
        (PruneFlags.XLHP_HAS_NOW_UNUSED_ITEMS, len(unused), unused),
    ):
        if count:
            flags |= flag
            data.append(struct.pack(f"<{len(numbers) + 1}H", count, *numbers))
    frozen = [number for p in plans for number in p.numbers]
    data.append(struct.pack(f"<{len(frozen)}H", *frozen))
    if catalog:
        flags |= PruneFlags.XLHP_IS_CATALOG_REL
    if cleanup:
        flags |= PruneFlags.XLHP_CLEANUP_LOCK
    main = b""
    if horizon:
        flags |= PruneFlags.XLHP_HAS_CONFLICT_HORIZON
        main = _xid(horizon)
    record = Record(RmgrId.RM_HEAP2_ID, _OPCODE[reason], _prune(reason, flags) + main)
    return record.block(0, buffer, b"".join(data))


def prune_on_access(
    rel: HeapRelation, block: int, *, force: bool = False, xid: int = INVALID_XID
) -> bool:
    """Prune a page where something on it may be dead and it is getting full.

    ``xid`` is the transaction's that comes by, if it has one: its record says so.
    """
    if block >= rel.nblocks:
        return False
    with rel.pinned(block) as buffer:
        page = buffer.page
        oldest = bufpage.prune_xid(page)
        if bufpage.is_new(page) or (not force and oldest in (INVALID_XID, xid)):
            return False
        horizon = rel.horizon
        if not force:
            if not precedes(oldest, horizon):
                return False
            least = max(rel.target.reserved, BLCKSZ // 10)
            full = bufpage.flags(page) & PageFlags.PD_PAGE_FULL
            if not full and bufpage.heap_free_space(page) >= least:
                return False
        if buffer.pins > 1:
            return False  # somebody is reading here
        what = _Suspects(rel, buffer, horizon).decide()
        return apply(rel, buffer, what, PruneReason.PRUNE_ON_ACCESS, xid=xid)


def free_dead_items(rel: HeapRelation, buffer: Buffer, numbers: Sequence[int]) -> None:
    """VACUUM's second pass: no index leads to these dead line pointers any more."""
    with rel.wal.critical():
        pageops.prune(buffer.page, (), (), numbers, lines_only=True)
        rel.pool.mark_dirty(buffer)
        if rel.target.logged:
            record = prune_record(
                buffer, PruneReason.PRUNE_VACUUM_CLEANUP, (), (), numbers, (), INVALID_XID,
                catalog=rel.decoded_catalog, cleanup=False,
            )  # fmt: skip
            rel.wal.insert(record)


__all__ = [
    "Pruning", "apply", "decide", "free_dead_items", "prune_on_access", "prune_record",
]  # fmt: skip
