"""Rewriting a heap: every row version that anybody may still see goes to new, full pages.

What VACUUM FULL does. Row versions keep their own inserter (frozen where everybody sees
it) and, where that still counts, their deleter and their successor; HOT chains come apart,
since the new table gets new indexes. Pages are made many at a time (numpy: whole runs are
packed, copied and given their line pointers at once), logged as images and written past the
buffer pool.

Invariant: nothing that a snapshot may see is left out; what is left out is dead for all.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from formats.derive import offset_of
from formats.fsm import MAX_HEAP_TUPLE_SIZE
from formats.heap import (
    HEAP_MOVED,
    HEAP_XMAX_BITS,
    HEAP_XMIN_FROZEN,
    HeapInfomask,
    HeapInfomask2,
    HeapTupleHeaderData,
)
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, LpFlags, PageHeaderData
from formats.units import BLCKSZ, FIRST_NORMAL_XID, INVALID_XID
from pgtool.access.damage import strict
from pgtool.access.heap.heapam import HeapRelation
from pgtool.access.heap.page import Tuples, tuples_of
from pgtool.access.heap.reform import Reformer
from pgtool.storage import page as bufpage
from pgtool.storage import ragged
from pgtool.storage.bulk import read_runs
from pgtool.storage.smgr import ForkNumber, RelationFile, RelFileLocator
from pgtool.transam.snapshot import Snapshot
from pgtool.transam.tqual import VacuumState
from pgtool.transam.visibility import Headers
from pgtool.transam.xid import precede

__all__ = ["Rewriter"]

Ints = npt.NDArray[Any]
_LP = ItemIdData.sizeof()
_OFF_SHIFT, _FLAG_SHIFT, _LEN_SHIFT = (
    ItemIdData.bits[name][0] for name in ("lp_off", "lp_flags", "lp_len")
)
_LOWER, _UPPER = offset_of(PageHeaderData, "pd_lower"), offset_of(PageHeaderData, "pd_upper")
_XMAX, _CTID, _MASK2, _MASK = (
    offset_of(HeapTupleHeaderData, name)
    for name in ("t_xmax", "t_ctid", "t_infomask2", "t_infomask")
)
_HOT = int(HeapInfomask2.HEAP_HOT_UPDATED | HeapInfomask2.HEAP_ONLY_TUPLE)
_KEYS_UPDATED = int(HeapInfomask2.HEAP_KEYS_UPDATED)
_XMAX_INVALID, _XMAX_COMMITTED, _IS_MULTI = (
    int(flag) for flag in (
        HeapInfomask.HEAP_XMAX_INVALID, HeapInfomask.HEAP_XMAX_COMMITTED,
        HeapInfomask.HEAP_XMAX_IS_MULTI,
    )
)  # fmt: skip


class Pieces(NamedTuple):
    """Tuples in a buffer, with their old places (block << 16 | line pointer)."""

    buffer: Ints
    start: Ints
    length: Ints
    old: Ints

    def taken(self, part: slice) -> Pieces:
        """Some of them, in a buffer of their own where they are few."""
        start, length = self.start[part], self.length[part]
        if part.start is None:
            return Pieces(self.buffer, start, length, self.old[part])
        buffer, begins = ragged.gather(self.buffer, start, length)
        return Pieces(buffer, begins[:-1], length, self.old[part])

    def followed_by(self, other: Pieces) -> Pieces:
        """Both, one after the other."""
        shift = len(self.buffer)
        return Pieces(
            np.concatenate([self.buffer, other.buffer]),
            np.concatenate([self.start, other.start + shift]),
            np.concatenate([self.length, other.length]), np.concatenate([self.old, other.old]),
        )  # fmt: skip


class Rewriter:
    """Copies one heap into the empty file ``new``."""

    def __init__(
        self, rel: HeapRelation, new: RelFileLocator, snapshot: Snapshot, oldest_xmin: int,
        own_xid: int, reformer: Reformer | None = None, values: set[int] | None = None,
    ) -> None:  # fmt: skip
        """``own_xid`` is the rewriting transaction's, which wrote nothing in this heap.

        ``reformer`` forms the tuples anew; of a TOAST table only the ``values`` are kept.
        """
        self.reformer = reformer
        self.values = None if values is None else np.array(sorted(values), np.uint32)
        self.rel = rel
        self.new = new
        self.snapshot = snapshot
        self.oldest_xmin = oldest_xmin
        self.blocks = 0
        self.live = self.dead = self.recently_dead = 0
        self._blank = bytearray(BLCKSZ)
        bufpage.init(self._blank)
        self._capacity = BLCKSZ - SIZE_OF_PAGE_HEADER - rel.target.reserved
        self._waiting: Pieces | None = None
        #: Whether anybody else is there, who may still want a version that we do not see.
        self._held = oldest_xmin != own_xid
        #: Old and new places, and pairs of (version, successor) by their old places.
        self._moved: list[tuple[Ints, Ints]] = []
        self._chained: list[tuple[int, int]] = []

    def run(self, file: RelationFile, checksums: bool) -> int:
        """Copy everything; the number of pages."""
        for run in read_runs(file, strict, checksums=checksums):
            tuples = tuples_of(run.buffer, run.pages, run.first, run.path, strict)
            if len(tuples):
                tuples = tuples.take(self._kept(tuples))
            if len(tuples):
                self._add(tuples)
        if self._waiting is not None:
            self._write(self._waiting, last=True)
        self._link()
        return self.blocks

    def _add(self, tuples: Tuples) -> None:
        """More tuples, behind those that did not fill a page."""
        self._note(tuples)
        old = tuples.blocks() << 16 | tuples.offnum
        new = Pieces(tuples.buffer, tuples.start, tuples.end - tuples.start, old)
        if self.reformer is not None:
            formed = self.reformer.reform(
                tuples.buffer, tuples.start, tuples.end, MAX_HEAP_TUPLE_SIZE
            )
            new = Pieces(*formed, old)
        before = self._waiting
        self._write(new if before is None else before.followed_by(new), last=False)

    # -- which versions ------------------------------------------------------------------

    def _kept(self, tuples: Tuples) -> npt.NDArray[np.bool_]:
        """Versions that somebody may see; those that all see are frozen here, in the buffer."""
        xmin: Any = tuples.u32("t_xmin")
        headers = Headers(tuples.infomask, xmin, tuples.u32("t_xmax"), tuples.u32("t_field3"))

        def unknown(_rows: Any, _xid: int, problem: Exception) -> None:
            raise problem

        seen = self.snapshot.visible(headers, unknown)
        if self.values is not None:
            words = tuples.buffer[: len(tuples.buffer) & ~3].view(np.uint32)
            chunk_id = words[(tuples.start + tuples.heads()[0]) >> 2]
            seen &= np.isin(chunk_id, self.values)
        kept = seen.copy()
        if self._held:
            for row in np.flatnonzero(~seen & ~self._finished(headers)).tolist():
                kept[row] = self._state(tuples, row) != VacuumState.HEAPTUPLE_DEAD
        self.live += int(seen.sum())
        self.recently_dead += int((kept & ~seen).sum())
        self.dead += int((~kept).sum())
        self._clean(tuples, seen, kept, xmin)
        return kept

    def _finished(self, headers: Headers) -> npt.NDArray[np.bool_]:
        """Versions made and unmade by transactions that are over for everybody.

        One of these that is not seen now is dead: its inserter failed, or its deleter did not.
        """
        odd = np.uint16(HeapInfomask.HEAP_XMAX_IS_MULTI | HEAP_MOVED)
        plain = (headers.infomask & odd) == 0
        unmade = (headers.xmax == 0) | precede(headers.xmax, self.oldest_xmin)
        return plain & unmade & precede(headers.xmin, self.oldest_xmin)

    def _state(self, tuples: Tuples, row: int) -> VacuumState:
        """The verdict on one version that the snapshot does not see."""
        block, offnum = tuples.block_of(row), int(tuples.offnum[row])
        with self.rel.pinned(block) as buffer:
            at = self.rel.tuple_at(buffer, offnum)
            return self.rel.rules.satisfies_vacuum(buffer, at, self.oldest_xmin)

    def _clean(
        self, tuples: Tuples, seen: npt.NDArray[np.bool_], kept: npt.NDArray[np.bool_], xmin: Ints
    ) -> None:  # fmt: skip
        """Take off what does not count any more: HOT flags, deleters that failed, old ids.

        A version that is kept for others was made by somebody who committed, if its inserter
        is older than the horizon: it would be dead otherwise.
        """
        buffer = tuples.buffer
        halves = buffer[: len(buffer) & ~1].view(np.uint16)
        words = buffer[: len(buffer) & ~3].view(np.uint32)
        at = tuples.start
        taken = np.where(seen, np.uint16(_HOT | _KEYS_UPDATED), np.uint16(_HOT))
        halves[(at + _MASK2) >> 1] &= ~taken
        mask = halves[(at + _MASK) >> 1].copy()
        everybody = kept & ((xmin < FIRST_NORMAL_XID) | precede(xmin, self.oldest_xmin))
        mask[everybody] |= np.uint16(HEAP_XMIN_FROZEN)
        free = seen & ~self._in_progress(tuples, mask)
        mask[free] &= np.uint16(0xFFFF & ~int(HEAP_XMAX_BITS))
        mask[free] |= np.uint16(_XMAX_INVALID)
        words[(at[free] + _XMAX) >> 2] = 0
        for row in np.flatnonzero(kept & ~seen & ((mask & np.uint16(_IS_MULTI)) != 0)).tolist():
            updater = self._updater(int(words[(at[row] + _XMAX) >> 2]))
            words[(at[row] + _XMAX) >> 2] = updater
            mask[row] = int(mask[row]) & ~HEAP_XMAX_BITS | (
                _XMAX_COMMITTED if updater else _XMAX_INVALID
            )
        halves[(at + _MASK) >> 1] = mask
        tuples.head = None

    def _updater(self, multi: int) -> int:
        """The transaction that a multixact updates for; who locks a dead version says nothing."""
        members = self.rel.instance.multixact.members(multi)
        return next((member.xid for member in members if member.is_update), INVALID_XID)

    def _in_progress(self, tuples: Tuples, mask: Ints) -> npt.NDArray[np.bool_]:
        """Visible versions whose xmax still is somebody's: a transaction in progress."""
        out = np.zeros(len(tuples), bool)
        if not self._held:
            return out
        running = set(self.rel.instance.procarray.running())
        xmax: Any = tuples.u32("t_xmax")
        multi = (mask & np.uint16(_IS_MULTI)) != 0
        maybe = multi | np.isin(xmax, np.fromiter(running, np.uint32))
        for row in np.flatnonzero((xmax != 0) & maybe).tolist():
            xid = int(xmax[row])
            if xid in running or (multi[row] and self.rel.rules.multi_running(xid)):
                out[row] = True
        return out

    # -- new pages -------------------------------------------------------------------------

    def _write(self, some: Pieces, *, last: bool) -> None:
        """Lay tuples out on pages; what does not fill the last one waits for more."""
        page, upto = self._assign((some.length + 7) & ~7)
        self._waiting = None
        if not last:
            end = int(np.searchsorted(page, page[-1]))
            self._waiting = some.taken(slice(end, None))
            some = some.taken(slice(end))
            page, upto = page[:end], upto[:end]
            if not len(page):
                return
        count = int(page[-1]) + 1
        out = np.tile(np.frombuffer(bytes(self._blank), np.uint8), count)
        first_of_page = np.searchsorted(page, np.arange(count))
        number = np.arange(len(page)) - first_of_page[page] + 1
        start = BLCKSZ - upto
        target = page * BLCKSZ + start
        ragged.copy_spans(out, target, some.buffer, some.start, some.length)
        block = self.blocks + page
        self._pointers(out, page, number, start, some.length)
        self._places(out, target, block, number)
        self._bounds(out, page, first_of_page, start, count)
        if self._held:
            self._moved.append((some.old, block << 16 | number))
        self._log(out, count)

    def _assign(self, size: Ints) -> tuple[Ints, Ints]:
        """(page of each tuple, bytes from the page's end to the tuple's start)."""
        total = np.cumsum(size)
        slots = total + np.arange(1, len(size) + 1) * _LP
        page = np.empty(len(size), np.int64)
        upto = np.empty(len(size), np.int64)
        at, number = 0, 0
        while at < len(size):
            base = int(slots[at - 1]) if at else 0
            end = int(np.searchsorted(slots, base + self._capacity, "right"))
            end = min(max(end, at + 1), at + bufpage.MAX_HEAP_TUPLES_PER_PAGE)
            page[at:end] = number
            upto[at:end] = total[at:end] - (int(total[at - 1]) if at else 0)
            at, number = end, number + 1
        return page, upto

    @staticmethod
    def _pointers(out: Ints, page: Ints, number: Ints, start: Ints, length: Ints) -> None:
        words = out.view(np.uint32)
        where = (page * BLCKSZ + SIZE_OF_PAGE_HEADER) // _LP + number - 1
        words[where] = (
            (start << _OFF_SHIFT) | (int(LpFlags.LP_NORMAL) << _FLAG_SHIFT) | (length << _LEN_SHIFT)
        ).astype(np.uint32)

    @staticmethod
    def _places(out: Ints, target: Ints, block: Ints, number: Ints) -> None:
        """Every tuple points to itself; successors are linked at the end."""
        halves = out.view(np.uint16)
        at = (target + _CTID) >> 1
        halves[at] = block >> 16
        halves[at + 1] = block & 0xFFFF
        halves[at + 2] = number

    @staticmethod
    def _bounds(out: Ints, page: Ints, first: Ints, start: Ints, count: int) -> None:
        halves = out.view(np.uint16).reshape(count, BLCKSZ // 2)
        per_page = np.bincount(page, minlength=count)
        halves[:, _LOWER >> 1] = SIZE_OF_PAGE_HEADER + per_page * _LP
        halves[:, _UPPER >> 1] = start[first + per_page - 1]

    def _note(self, tuples: Tuples) -> None:
        """Remember which versions have a successor that somebody may need to find."""
        if not self._held:
            return
        old = tuples.blocks() << 16 | tuples.offnum
        halves = tuples.buffer[: len(tuples.buffer) & ~1].view(np.uint16)
        at = (tuples.start + _CTID) >> 1
        following = (
            halves[at].astype(np.int64) << 32 | halves[at + 1].astype(np.int64) << 16
            | halves[at + 2]
        )
        chained = (following != old) & ((tuples.u16("t_infomask") & _XMAX_INVALID) == 0)
        self._chained += zip(old[chained].tolist(), following[chained].tolist())

    def _log(self, out: Ints, count: int) -> None:
        """Images into the WAL, pages into the file."""
        rel = self.rel
        raw = out.tobytes()
        pages = [bytearray(raw[i * BLCKSZ : (i + 1) * BLCKSZ]) for i in range(count)]
        if rel.target.logged:
            rel.wal.log_newpages(self.new, ForkNumber.MAIN, self.blocks, pages)
        rel.pool.write_blocks(self.new, ForkNumber.MAIN, self.blocks, b"".join(pages))
        self.blocks += count

    def _link(self) -> None:
        """Versions that have a successor point to its new place."""
        if not self._chained:
            return
        places = dict(zip(
            np.concatenate([old for old, _ in self._moved]).tolist(),
            np.concatenate([new for _, new in self._moved]).tolist(),
        ))  # fmt: skip
        for version, following in self._chained:
            place, there = places[version], places.get(following)
            if there is None:
                continue
            with self.rel.pool.read(self.new, place >> 16) as buffer:
                at = bufpage.item_id(buffer.page, place & 0xFFFF).offset + _CTID
                parts = (there >> 32, there >> 16 & 0xFFFF, there & 0xFFFF)
                with self.rel.wal.critical():
                    buffer.page[at : at + 6] = b"".join(p.to_bytes(2, "little") for p in parts)
                    self.rel.pool.mark_dirty(buffer)
                    if self.rel.target.logged:
                        self.rel.wal.log_newpage(
                            self.new, ForkNumber.MAIN, place >> 16, buffer.page
                        )

