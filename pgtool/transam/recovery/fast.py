"""Replay by the compiled loop, wherever the order of things allows.

:class:`pgtool.access.replay.Replayer` goes over the log and replays what is frequent;
:class:`World` is what it asks for the rest. It is handed stretches of the log that end
before anything that the driver has to judge: the recovery target, the point from which the
cluster is consistent, a record that the walk does not understand. There the plain reader
goes on, record by record.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any

from formats import compression
from formats.units import Lsn
from formats.wal import record as wal_record
from formats.wal.record import IMAGE_BITS, BlockRef, DecodedRecord
from pgtool.errors import CorruptData, PgtoolError
from pgtool.wal import rmgr
from pgtool.wal.fast import fill
from pgtool.wal.opcodes import Stop
from pgtool.wal.reader import WalReader

if TYPE_CHECKING:
    from pgtool.transam.recovery.driver import Recovery

#: Modules of a layer above, found by name as the resource manager table's functions are.
REPLAY, PLAIN = "pgtool.access.replay", "pgtool.access.heap.xlog2"
#: Records between two looks at memory and progress.
STEP = 16384


@cache
def is_compiled() -> bool:
    """Whether the loop is compiled, it and all that it stands on.

    A class of Python cannot take the place of a compiled one's inner functions, so it is all
    of them or none: what is compiled from other sources than those at hand is not used.
    """
    try:
        return bool(importlib.import_module(REPLAY).COMPILED)
    except (ImportError, ValueError, TypeError, AttributeError):
        return False


class World:
    """What the compiled loop asks of recovery."""

    def __init__(self, run: Recovery, replayed: Any) -> None:
        self.run = run
        self.major = run.major
        self.pool = run.pool
        self.truncates = replayed.TRUNCATES_WHEN_PRUNING[run.major]
        self.walker: Any = None
        self._replayed = replayed
        self._methods = IMAGE_BITS[run.major].methods

    @property
    def hints_logged(self) -> bool:
        """Whether a page gets a new LSN by a record that only sets hints on it."""
        return bool(self._replayed.hints_are_logged(self.run.context))

    @property
    def plain_commits(self) -> bool:
        """Whether commits are for the plain functions."""
        return self.run.commits_matter or self.run.state.track_commit_timestamp

    @property
    def next_xid(self) -> int:
        """The low half of the next transaction's number."""
        return self.run.state.next_xid & 0xFFFFFFFF

    def advance(self, xid: int) -> None:
        """A transaction was in use."""
        self.run.state.advance_past(xid)

    def status_page(self, number: int) -> bytearray:
        """A page of pg_xact, to be changed."""
        return self.run.state.clog.change(number)

    def unpack(self, info: int, data: bytes, size: int) -> bytes | None:
        """A page image's bytes; None where they cannot be unpacked."""
        method = next((name for bit, name in self._methods if info & bit), "")
        try:
            return compression.decompress(method, data, size)
        except PgtoolError:
            return None

    def note_space(self, spc: int, db: int, rel: int, block: int, free: int) -> None:
        """Tell the free space map, whose page has to be made first."""
        ref = BlockRef(0, spc, db, rel, 0, block, 0, None, 0)
        self._replayed.note_space(self.run.context, ref, free)

    def decode(self, data: bytes, lsn: int, end: int) -> DecodedRecord:
        """The record, taken apart."""
        source = self.run.start.source
        return wal_record.decode(
            data, lsn, end, self.major, source.tli_of(lsn // source.segment_size)
        )

    def plain(self, data: bytes, lsn: int, end: int) -> bool:
        """Replay a record by the plain functions; True where the walk has to stop before it."""
        try:
            rec = self.decode(data, lsn, end)
        except CorruptData:
            return True
        if self.run.stops_before(rec):
            return True
        self.run.apply(rec)
        if self.run.stops_after(rec):
            self.walker.stop_at = 0
        return False

    def check(self, data: bytes, lsn: int, end: int) -> None:
        """The record was replayed by the compiled loop."""
        self.run.look_at(self.decode(data, lsn, end))


@cache
def kinds(major: int) -> bytes:
    """Which function of the loop replays a record, by rmid * 16 + the info byte's high half."""
    known = importlib.import_module(REPLAY).KINDS
    out = bytearray(4096)
    for rmid in rmgr.rmgrs(major):
        for half in range(16):
            entry = rmgr.entry(major, rmid, half << 4)
            if entry.type is not None:
                out[rmid << 4 | half] = known.get((entry.rmgr.name, entry.type.name), 0)
    return bytes(out)


class FastReplay:
    """Runs the compiled loop over stretches of the log."""

    def __init__(self, run: Recovery, checking: bool) -> None:
        module = importlib.import_module(REPLAY)
        self.run = run
        world = World(run, importlib.import_module(PLAIN))
        known = rmgr.rmgrs(run.major)
        valid = bytes(rmid in known for rmid in range(256))
        segment_size = run.start.source.segment_size
        self.walker = module.Replayer(world, segment_size, valid, kinds(run.major))
        self.walker.checking = checking
        world.walker = self.walker

    def stretch(self, reader: WalReader, stop_at: int) -> None:
        """Go on from the reader's place, to ``stop_at`` at most; the reader goes along."""
        if int(reader.next_lsn) >= stop_at:
            return
        walker, run = self.walker, self.run
        walker.next_lsn, walker.prev_lsn = int(reader.next_lsn), reader.previous
        walker.passed_tli = reader.latest_tli
        walker.ask()
        walker.stop_at = stop_at
        first, loaded = walker.next_lsn, False
        while True:
            before, shown = walker.next_lsn, walker.shown
            if not loaded:
                fill(reader.source, walker, before, None, reader.sysid)
                walker.checked, walker.latest_tli = -1, walker.passed_tli
            walker.limit = shown + STEP
            try:
                reason = walker.walk()
            except BaseException:  # nothing is written any more
                self._came(first)
                run.progress.records += walker.shown - shown
                raise
            self._came(first)
            run.passed(walker.shown - shown)
            loaded = reason == Stop.LIMIT and walker.next_lsn < walker.stop_at
            if not loaded and (reason != Stop.MORE or walker.next_lsn == before):
                break
        walker.tell()
        reader.resume(walker.next_lsn, walker.prev_lsn, walker.passed_tli)

    def _came(self, first: int) -> None:
        """Tell how far the walk that began at ``first`` has come."""
        if self.walker.next_lsn != first:
            self.run.end, self.run.last = Lsn(self.walker.next_lsn), Lsn(self.walker.prev_lsn)
