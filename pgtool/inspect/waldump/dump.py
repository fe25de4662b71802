"""The run of ``pgtool waldump``: read, choose, show; stop as pg_waldump stops.

Text goes to a binary stream in records' order. Where reading ends with an error, what
came before it has been written and the error is raised last, after the statistics.
"""

from __future__ import annotations

import io
import json
import signal
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any, BinaryIO

from formats.errors import PgtoolError
from formats.units import Lsn
from formats.version import ByMajor
from formats.wal.record import DecodedRecord
from pgtool.inspect.waldump.filters import Filter
from pgtool.inspect.waldump.images import save_images
from pgtool.inspect.waldump.lines import as_dict, line
from pgtool.inspect.waldump.quick import make_quick, usable
from pgtool.inspect.waldump.stats import Stats
from pgtool.inspect.waldump.target import Target
from pgtool.wal.opcodes import Action
from pgtool.wal.reader import WalReader
from pgtool.wal.source import SegmentDirectory, WalReadError

if TYPE_CHECKING:
    from pgtool.wal.parallel import Result, Unit

FOLLOW_SLEEP_S = 1.0
UNIT_BYTES = 4 << 20
NO_STOP = (1 << 64) - 1
#: Whether the note on skipped bytes is part of the data (stdout) or a message (stderr).
NOTE_IS_DATA: ByMajor[bool] = ByMajor({14: True, 17: False})


@dataclass(frozen=True)
class Options:
    """What is shown and how; names follow pg_waldump's options."""

    bkp_details: bool = False
    follow: bool = False
    limit: int = 0
    quiet: bool = False
    stats: str | None = None
    save_fullpage: str | None = None
    fmt: str = "text"
    jobs: int = 1
    filter: Filter = field(default_factory=Filter)


class Interrupt:
    """SIGINT as a flag: the run ends between two records, with its statistics."""

    def __init__(self) -> None:
        self.seen = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.seen = True

    @contextmanager
    def watching(self) -> Iterator[Interrupt]:
        """Catch SIGINT inside the block (where signals can be caught at all)."""
        try:
            before: Any = signal.signal(signal.SIGINT, self._note)
        except ValueError:  # not the main thread
            yield self
            return
        try:
            yield self
        finally:
            signal.signal(signal.SIGINT, before)


def dump(target: Target, options: Options, out: BinaryIO, note: Callable[[str], None]) -> None:
    """Show the records of ``target``; ``note`` prints a message beside the data."""
    source = SegmentDirectory(
        target.directory, target.info, target.tli, follow=options.follow, history=target.history
    )
    reader = WalReader(source, end=target.end)
    try:
        first = reader.find_next(target.start)
        if first is None:
            raise WalReadError(f"could not find a valid record after {target.start}")
        skipped = first - target.start
        if skipped and target.start % target.info.segment_size:
            _note_skipped(target, first, skipped, out, note)
        with Interrupt().watching() as interrupt:
            _Run(reader, options, out, interrupt, first).run()
    finally:
        source.close()


def _note_skipped(
    target: Target, first: Lsn, skipped: int, out: BinaryIO, note: Callable[[str], None]
) -> None:
    text = (
        f"first record is after {target.start}, at {first}, "
        f"skipping over {skipped & 0xFFFFFFFF} byte{'' if skipped == 1 else 's'}"
    )
    if NOTE_IS_DATA[target.info.major]:
        out.write(text.encode() + b"\n")
    else:
        note(text)


class _Run:
    """One pass over the records."""

    def __init__(
        self,
        reader: WalReader,
        options: Options,
        out: BinaryIO,
        interrupt: Interrupt,
        first: Lsn,
    ) -> None:
        self.reader = reader
        self.options = options
        self.out = out
        self.interrupt = interrupt
        self.stats = Stats(reader.major, 0 if options.quiet else first)
        self.shown = 0
        #: No record from here on; above every position unless a unit ends before.
        self.stop_at = NO_STOP

    def run(self) -> None:
        """Until the end, an error, the limit or SIGINT; then the statistics."""
        options = self.options
        if options.jobs > 1 and self._divisible():
            self._run_parallel()
        self._run_alone()
        if options.stats is not None and not options.quiet:
            self._show_stats(options.stats)
        self.out.flush()
        if self.reader.error is not None and not self.interrupt.seen:
            raise WalReadError(
                f"error in WAL record at {self.reader.read_lsn}: {self.reader.error}"
            )

    def _run_alone(self) -> None:
        """From the reader's position to the end, the limit, or ``stop_at``."""
        options = self.options
        if usable(options.fmt, options.stats, options.save_fullpage):
            self._run_fast()
        else:
            self._run_plain()

    def _divisible(self) -> bool:
        options = self.options
        return options.limit <= 0 and not options.follow and options.save_fullpage is None

    def _run_parallel(self) -> None:
        """Take the results of worker processes as far as they fit together."""
        from pgtool.wal.parallel import in_order, split

        reader, start = self.reader, int(self.reader.next_lsn)
        stop = reader.source.known_end(start)
        units = split(start, min(stop, reader.end or stop), UNIT_BYTES)
        at, last, tli = start, 0, 0
        with in_order(self._work, units, min(self.options.jobs, len(units))) as results:
            for unit, (done, payload) in zip(units, results, strict=False):
                if self.interrupt.seen:
                    break
                if at >= unit.stop:
                    continue
                linked = done.first_prev == last or last == 0
                if not (done.sound and done.first == at and linked and done.first_tli >= tli):
                    break
                self._accept(payload, done.next)
                at, last, tli = done.next, done.last, done.last_tli
        reader.resume(at, last, tli)

    def _accept(self, payload: bytes, end: int) -> None:
        if self.options.stats is not None:
            counts = array("Q", payload)
            self.stats.merge(counts, counts.pop())
        else:
            self.out.write(payload)

    def _work(self, unit: Unit) -> Result:
        """One unit, in a worker process: everything of its own but the options."""
        from pgtool.wal.parallel import Done

        theirs = self.reader.source
        source = SegmentDirectory(theirs.directory, theirs.info, theirs.tli, history=theirs.history)
        reader = WalReader(source, end=self.reader.end)
        out = io.BytesIO()
        try:
            if not reader.seek(unit.start):
                return Done(sound=False), b""
            first, first_tli = int(reader.next_lsn), reader.latest_tli
            raw = reader.read_raw()
            if raw is None:
                return Done(sound=False), b""
            reader.begin(first)
            run = _Run(reader, self.options, out, self.interrupt, raw.lsn)
            run.stop_at = unit.stop
            run._run_alone()
        except (PgtoolError, OSError):  # the parent meets it again, in its place
            return Done(sound=False), b""
        finally:
            source.close()
        payload = out.getvalue()
        if self.options.stats is not None:
            payload = run.stats.counts.tobytes() + int(run.stats.end).to_bytes(8, sys.byteorder)
        done = Done(
            sound=reader.error is None and int(reader.next_lsn) >= unit.stop,
            first=int(raw.lsn), first_prev=raw.prev, first_tli=first_tli,
            last=reader.previous, next=int(reader.next_lsn), last_tli=reader.latest_tli,
        )  # fmt: skip
        return done, payload

    def _run_plain(self) -> None:
        while (rec := self._next()) is not None:
            if self._consider(rec):
                return

    def _run_fast(self) -> None:
        """The fast walk does the regular part, the plain reader one record at a time."""
        options = self.options
        quick = make_quick(
            self.reader, options.filter, self._action(), options.bkp_details, options.limit
        )
        walker = quick.walker
        walker.stop_at = self.stop_at
        while quick.run(self.out.write, lambda: self.interrupt.seen):
            rec = self._next()
            self.shown += walker.shown
            walker.shown = 0
            if rec is None or self._consider(rec):
                break
            walker.limit = options.limit - self.shown if options.limit > 0 else 0
            quick.passed(rec)
        self.stats.merge(walker.counts, walker.counted_end)

    def _action(self) -> Action:
        if self.options.quiet:
            return Action.NOTHING
        return Action.TEXT if self.options.stats is None else Action.COUNT

    def _consider(self, rec: DecodedRecord) -> bool:
        """Show a record if it is wanted; True where that was the last one."""
        if not self.options.filter.matches(rec):
            return False
        self._show(rec)
        self.shown += 1
        return 0 < self.options.limit <= self.shown

    def _next(self) -> DecodedRecord | None:
        """The next record; while following, wait for it."""
        while not self.interrupt.seen and self.reader.next_lsn < self.stop_at:
            rec = self.reader.read()
            if rec is not None or not self.options.follow or self.reader.end_reached:
                return rec
            self.out.flush()
            time.sleep(FOLLOW_SLEEP_S)
        return None

    def _show(self, rec: DecodedRecord) -> None:
        options = self.options
        if not options.quiet:
            if options.stats is not None:
                self.stats.add(rec.rmid, rec.info, rec.total_len, rec.fpi_len, rec.end)
            elif options.fmt == "jsonl":
                self.out.write(json.dumps(as_dict(rec)).encode() + b"\n")
            else:
                text = line(rec, options.bkp_details)
                self.out.write(text.encode("utf-8", "surrogateescape"))
        if options.save_fullpage is not None:
            save_images(rec, options.save_fullpage)

    def _show_stats(self, kind: str) -> None:
        if self.options.fmt == "jsonl":
            self.out.write(json.dumps(self.stats.as_dict(kind == "record")).encode() + b"\n")
        else:
            for text in self.stats.lines(kind == "record"):
                self.out.write(text.encode())


def stdout() -> BinaryIO:
    """Standard output for bytes."""
    return sys.stdout.buffer
