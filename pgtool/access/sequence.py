"""A sequence's file: one page with one row, read and changed in place.

A sequence is no part of a transaction: what was given out stays so, whoever rolls back.
Values are logged ahead: a record says that the next :data:`SEQ_LOG_VALS` are taken, and
until these are used up (or a checkpoint has begun meanwhile) no further one is written. So a
crash may skip values, and never gives one out twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from formats.derive import struct_of
from formats.heap import (
    HEAP_XMIN_FROZEN,
    SIZEOF_HEAP_TUPLE_HEADER,
    HeapInfomask,
    HeapTupleHeaderData,
    header_length,
)
from formats.sequence import FormData
from formats.units import FROZEN_XID
from formats.wal import seq
from formats.wal.record import RelFileLocator as WalLocator
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.errors import SqlError
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer
from pgtool.storage.smgr import ForkNumber, RelFileLocator
from pgtool.transam.redo.pages import init_sequence
from pgtool.wal.insert import Record

if TYPE_CHECKING:
    from pgtool.transam.instance import Instance
    from pgtool.transam.xact import Xact

__all__ = ["SEQ_LOG_VALS", "Rules", "SequenceFile", "State"]

SEQ_LOG_VALS = 32
GENERATOR_LIMIT_EXCEEDED = "2200H"
_LOG = opcode(seq.RECORDS, "LOG")
_LOCATOR = struct_of(WalLocator).pack
_FORM = struct_of(FormData)
_HEADER = struct_of(HeapTupleHeaderData)
_COLUMNS = 3
_XMAX_INVALID = int(HeapInfomask.HEAP_XMAX_INVALID)


@dataclass(frozen=True)
class Rules:
    """A row of pg_sequence, as far as values are concerned."""

    name: str
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool


@dataclass(frozen=True)
class State:
    """The row on the page."""

    last_value: int
    log_cnt: int
    is_called: bool


class SequenceFile:
    """One sequence of a running instance."""

    def __init__(self, instance: Instance, where: RelFileLocator, logged: bool) -> None:
        self.instance = instance
        self.where = where
        self.logged = logged

    def read(self) -> State:
        """What the page says."""
        with self.instance.pool.read(self.where, 0) as buffer:
            return _state(buffer)

    def fill(self, xact: Xact, state: State) -> None:
        """Make the page of a new file; of an unlogged sequence also what a crash leaves of it."""
        self._fill(xact, state, ForkNumber.MAIN)
        if not self.logged and self.instance.pool.exists(self.where, ForkNumber.INIT):
            self._fill(xact, state, ForkNumber.INIT)

    def _fill(self, xact: Xact, state: State, fork: ForkNumber) -> None:
        pool = self.instance.pool
        logged = self.logged or fork == ForkNumber.INIT
        buffer = pool.zeroed(self.where, 0, fork)
        try:
            if logged:
                xact.current_xid()
            hoff = header_length(_COLUMNS, False)
            head = _HEADER.pack(
                FROZEN_XID, 0, 0, 0, 0, 1, _COLUMNS, HEAP_XMIN_FROZEN | _XMAX_INVALID, hoff
            )
            tup = head + bytes(hoff - SIZEOF_HEAP_TUPLE_HEADER) + _pack(state)
            with self.instance.wal.critical():
                init_sequence(buffer.page, tup)
                pool.mark_dirty(buffer)
                if logged:
                    self._log_page(xact, buffer)
        finally:
            pool.unpin(buffer)

    def set(self, xact: Xact, state: State) -> None:
        """Put the sequence at a value."""
        pool = self.instance.pool
        with pool.read(self.where, 0) as buffer:
            if self.logged:
                xact.current_xid()
            with self.instance.wal.critical():
                _store(buffer, state)
                pool.mark_dirty(buffer)
                self._log(xact, buffer)

    def next(self, xact: Xact, rules: Rules) -> tuple[int, int]:
        """(the next value, the last one of those that the session may give out by itself)."""
        pool, wal = self.instance.pool, self.instance.wal
        with pool.read(self.where, 0) as buffer:
            state = _state(buffer)
            ahead, logs = state.log_cnt, False
            wanted = rules.cache - (0 if state.is_called else 1)
            if ahead < wanted or not state.is_called or bufpage.lsn(buffer.page) <= wal.redo_lsn:
                wanted = ahead = wanted + SEQ_LOG_VALS
                logs = True
            taken = _take(rules, state, wanted)
            if logs and self.logged:
                xact.current_xid()
            with wal.critical():
                pool.mark_dirty(buffer)
                if logs:
                    _store(buffer, State(taken.furthest, 0, True))
                    self._log(xact, buffer)
                log_cnt = ahead - taken.given - taken.left
                _store(buffer, State(taken.last, log_cnt, True))
        return taken.first, taken.last

    def _log(self, xact: Xact, buffer: Buffer) -> None:
        if self.logged:
            self._log_page(xact, buffer)

    def _log_page(self, xact: Xact, buffer: Buffer) -> None:
        where = self.where
        main = _LOCATOR(where.spc, where.db, where.rel) + bufpage.item(buffer.page, 1)
        record = Record(int(RmgrId.RM_SEQ_ID), _LOG, main).block(0, buffer, will_init=True)
        self.instance.wal.insert(record, xact.current_xid())


@dataclass
class _Taken:
    """What a look ahead gave: the first value, the last of the cache, the last of all."""

    first: int = 0
    last: int = 0
    furthest: int = 0
    #: Values for the session beyond a first one that was there already, and not found at all.
    given: int = 0
    left: int = 0


def _take(rules: Rules, state: State, wanted: int) -> _Taken:
    """Step as far as is wanted, or as far as the sequence goes."""
    value = state.last_value
    out = _Taken(value, value, value)
    found = 0 if state.is_called else 1
    left = wanted
    while left:
        following = _step(rules, value)
        if following is None and found:
            break
        if following is None and rules.cycle:
            following = rules.minimum if rules.increment > 0 else rules.maximum
        if following is None:
            word = "maximum" if rules.increment > 0 else "minimum"
            limit = rules.maximum if rules.increment > 0 else rules.minimum
            raise SqlError(f'nextval: reached {word} value of sequence "{rules.name}" ({limit})',
                           GENERATOR_LIMIT_EXCEEDED)  # fmt: skip
        value = following
        left -= 1
        if found < rules.cache:
            found += 1
            out.given += 1
            out.last = value
            if found == 1:
                out.first = value
    out.furthest, out.left = value, left
    return out


def _step(rules: Rules, value: int) -> int | None:
    """The value after another one; None where the sequence ends."""
    following = value + rules.increment
    if rules.increment > 0:
        return following if following <= rules.maximum else None
    return following if following >= rules.minimum else None


def _pack(state: State) -> bytes:
    packed: bytes = _FORM.pack(state.last_value, state.log_cnt, int(state.is_called))
    return packed


def _place(buffer: Buffer) -> int:
    """Where the row's columns begin on the page."""
    _state, at, _length = bufpage.item_id(buffer.page, 1)
    return at + int(_HEADER.unpack_from(buffer.page, at)[-1])


def _state(buffer: Buffer) -> State:
    last, log_cnt, called = _FORM.unpack_from(buffer.page, _place(buffer))
    return State(last, log_cnt, bool(called))


def _store(buffer: Buffer, state: State) -> None:
    _FORM.pack_into(
        buffer.page, _place(buffer), state.last_value, state.log_cnt, int(state.is_called)
    )
