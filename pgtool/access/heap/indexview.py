"""What the heap tells an index of the rows that its TIDs lead to.

An index knows the root of a HOT chain. :class:`IndexView` follows the chain on its page and
answers: is there a version that a dirty snapshot sees (unique checks), and which TIDs lead
to nothing that anybody can see any more (deletion before a page split)?

Source of the rules for the latter: ``heap_index_delete_tuples``. A simple deletion looks at
every block of its candidates; a bottom-up one at a few blocks, the most promising first, and
stops when enough is freed or a block frees nothing.
"""

from __future__ import annotations

from typing import Any

from formats.heap import HEAP_MOVED, HeapInfomask, HeapInfomask2
from pgtool.access.btree.delete import Candidate, DeleteOperation
from pgtool.access.btree.unique import Dirty
from pgtool.access.heap.chains import versions
from pgtool.storage import pageedit
from pgtool.storage.bufmgr import Buffer
from pgtool.storage.smgr import RelFileLocator
from pgtool.transam.snapshot import only_locked
from pgtool.transam.tqual import Header, VacuumState, header_of
from pgtool.transam.xid import precedes

__all__ = ["IndexView"]

BOTTOMUP_MAX_NBLOCKS = 6
_XMAX_INVALID = int(HeapInfomask.HEAP_XMAX_INVALID)
#: xmax is nobody's, known to have committed, or several.
_ENDED = _XMAX_INVALID | int(HeapInfomask.HEAP_XMAX_COMMITTED | HeapInfomask.HEAP_XMAX_IS_MULTI)
_HEAP_ONLY = int(HeapInfomask2.HEAP_ONLY_TUPLE)
_CHAINED = _HEAP_ONLY | int(HeapInfomask2.HEAP_HOT_UPDATED)
_XMIN_COMMITTED = int(HeapInfomask.HEAP_XMIN_COMMITTED)
_XMIN_INVALID = int(HeapInfomask.HEAP_XMIN_INVALID)
_NOTHING, _LEAVING = Dirty(None, 0, True), Dirty(None, 0, False)


class IndexView:
    """The rows of one table, for its indexes. ``xact`` is the transaction that looks."""

    def __init__(
        self, instance: Any, where: RelFileLocator, *, shared: bool = False, catalog: bool = False
    ) -> None:
        self.instance = instance
        self.where = where
        self.shared = shared
        self.catalog = catalog
        self.pool = instance.pool
        self.rules = instance.tqual
        self.xact: Any = None

    @property
    def horizon(self) -> int:
        """Rows deleted by transactions before this xid are dead for everybody."""
        found: int = self.instance.procarray.horizon(self.shared, self.where.db, self.catalog)
        return found

    # -- chains -----------------------------------------------------------------------------

    def dirty(self, tid: int) -> Dirty:
        """The version of a chain that a dirty snapshot sees."""
        block, first = tid >> 16, tid & 0xFFFF
        if block >= self.pool.nblocks(self.where):
            return _NOTHING
        buffer = self.pool.pin(self.where, block)
        try:
            page = buffer.page
            if self._taken(page, pageedit.normal_item(page, first)):
                return _LEAVING
            dead, horizon = True, self.horizon
            for offnum, at, *_ in versions(self.rules, page, first):
                seen = self.rules.satisfies_dirty(self.xact, buffer, at)
                if seen.visible:
                    return Dirty(block << 16 | offnum, seen.xmin or seen.xmax, False)
                dead = dead and self._dead(buffer, at, horizon)
        finally:
            self.pool.unpin(buffer)
        return Dirty(None, 0, dead)

    def _taken(self, page: bytearray, at: int) -> bool:
        """Whether a row's only version is one that the transaction itself has replaced by one
        elsewhere, or deleted: then there is no more to be known about it."""
        if not at or self.xact is None:
            return False
        h = header_of(page, at)
        return (
            h.infomask & (_XMIN_COMMITTED | _XMIN_INVALID | _ENDED) == _XMIN_COMMITTED
            and not h.infomask2 & _CHAINED
            and h.xmax in self.xact.live_xids
            and not only_locked(h.infomask)
        )

    def still_live(self, tid: int) -> bool:
        """Whether a version of the chain is live for the transaction itself."""
        if tid >> 16 >= self.pool.nblocks(self.where):
            return False
        with self.pool.read(self.where, tid >> 16) as buffer:
            return any(
                self.rules.satisfies_self(self.xact, buffer, at)
                for _offnum, at, *_ in versions(self.rules, buffer.page, tid & 0xFFFF)
            )

    def _dead(self, buffer: Buffer, at: int, horizon: int) -> bool:
        mine = () if self.xact is None else self.xact.live_xids
        h = header_of(buffer.page, at)
        if h.infomask & _XMIN_COMMITTED:
            if h.infomask & _XMAX_INVALID or (h.xmax in mine and not h.infomask & _ENDED):
                return False
        elif h.xmin in mine and not h.infomask & HEAP_MOVED:
            return False
        state = self.rules.satisfies_vacuum(buffer, at, horizon, self.xact)
        return bool(state == VacuumState.HEAPTUPLE_DEAD)

    # -- deletion ---------------------------------------------------------------------------

    def index_delete_tuples(self, operation: DeleteOperation) -> int:
        """Mark the candidates that may go; the newest xid that removed one of their rows."""
        blocks: dict[int, list[Candidate]] = {}
        for one in operation.candidates:
            blocks.setdefault(one.tid >> 16, []).append(one)
        order = sorted(blocks)
        if operation.bottom_up:
            order.sort(key=lambda b: (-sum(c.promising for c in blocks[b]), -len(blocks[b]), b))
            order = order[:BOTTOMUP_MAX_NBLOCKS]
        newest, freed, wanted = 0, 0, operation.free_wanted
        horizon = self.horizon
        for number, block in enumerate(order):
            if block >= self.pool.nblocks(self.where):
                continue
            before = freed
            with self.pool.read(self.where, block) as buffer:
                for one in sorted(blocks[block], key=lambda c: c.tid):
                    newest = self._judge(buffer, one, horizon, newest)
                    freed += one.space if one.deletable else 0
            if operation.bottom_up:
                if freed >= wanted or (number and freed == before):
                    break
                wanted //= 2  # the first blocks are the best: what more would cost is worth less
        return newest

    def _judge(self, buffer: Buffer, one: Candidate, horizon: int, newest: int) -> int:
        """Decide about one candidate; the newest xid so far."""
        page = buffer.page
        first = pageedit.normal_item(page, one.tid & 0xFFFF)
        if first and not one.deletable and not (
            header_of(page, first).infomask2 & _HEAP_ONLY or self._dead(buffer, first, horizon)
        ):
            return newest
        chain = [at for _offnum, at, *_ in versions(self.rules, page, one.tid & 0xFFFF)]
        if not one.deletable:
            if not all(self._dead(buffer, at, horizon) for at in chain):
                return newest
            one.deletable = True
        for at in chain:
            header = header_of(page, at)
            removed = self.rules.update_xid(header.infomask, header.xmax)
            if (
                removed and not header.infomask & _XMAX_INVALID and removed != header.xmin
                and self._inserted(header) and (not newest or precedes(newest, removed))
            ):
                newest = removed
        return newest

    def _inserted(self, header: Header) -> bool:
        """Whether the inserting transaction committed."""
        if header.infomask & _XMIN_COMMITTED:
            return True
        if header.infomask & _XMIN_INVALID:
            return False
        return bool(self.instance.clog.did_commit(header.xmin))
