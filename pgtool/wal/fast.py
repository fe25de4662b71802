"""The fast walk and the plain reader taking turns over one range of WAL.

The walker passes over regular records in chunks; whatever it stops before (a segment
switch, a lost continuation, the end, damage) the plain reader reads or refuses. Both see
the same links, so neither can skip a record of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from formats.derive import reader as reader_of
from formats.wal.page import XLOG_BLCKSZ, XLogLongPageHeaderData
from formats.wal.record import DecodedRecord
from pgtool.errors import PgtoolError
from pgtool.wal.desc.text import USECS_PER_SEC, timestamptz
from pgtool.wal.opcodes import CHUNK, Action, Stop
from pgtool.wal.programs import compile_programs
from pgtool.wal.reader import WalReader
from pgtool.wal.rmgr import rmgrs
from pgtool.wal.source import SegmentDirectory
from pgtool.wal.walk import Walker

read_long_header = reader_of(XLogLongPageHeaderData)
Describe = Callable[[bytes, int, int], bytes]


def make_walker(source: SegmentDirectory, action: int, details: bool, describe: Describe) -> Any:
    """A walker for a source's major and segment size."""
    major = source.info.major
    known = rmgrs(major)
    valid = bytes(rmid in known for rmid in range(256))
    walker = Walker(major, source.segment_size, valid, action, details)
    if action == Action.TEXT:
        programs = compile_programs(major)
        walker.code, walker.starts = programs.code, programs.starts
        walker.choices, walker.methods = programs.choices, programs.methods
        walker.describe, walker.second_text = describe, second_text
    return walker


def second_text(second: int) -> tuple[bytes, bytes]:
    """What stands before and behind the microseconds of a time stamp."""
    head, _zeros, zone = timestamptz(second * USECS_PER_SEC).rpartition("000000")
    return head.encode(), zone.encode()


def fill(
    source: SegmentDirectory, walker: Any, lsn: int, end: int | None, sysid: int | None = None
) -> None:
    """Load the chunk that begins with the page of ``lsn``; nothing where there is no file.

    With ``sysid`` it ends before a segment of another cluster, which the walker does not notice.
    """
    base = lsn - lsn % XLOG_BLCKSZ
    size = CHUNK if end is None else max(0, min(CHUNK, end - base))
    view = memoryview(walker.buffer)
    got = 0
    while got < size and source.has(base + got):
        try:
            count = source.read_into(base + got, view[got:size])
        except (PgtoolError, OSError):  # the plain reader will meet and report it
            break
        if count <= 0 or (sysid is not None and _is_foreign(source, base + got, view[got:], sysid)):
            break
        got += count
    if got < size:  # a file that ends inside a page: the plain reader refuses the whole page
        got -= got % XLOG_BLCKSZ
    walker.base, walker.avail = base, got


def _is_foreign(source: SegmentDirectory, lsn: int, data: memoryview, sysid: int) -> bool:
    """Whether a segment begins at ``lsn``, and is not that of this cluster."""
    return lsn % source.segment_size == 0 and read_long_header(data, 0).xlp_sysid != sysid


class FastWalk:
    """Runs a walker over a reader's range from the reader's position."""

    def __init__(self, reader: WalReader, walker: Any) -> None:
        self.reader = reader
        self.walker = walker
        walker.next_lsn, walker.prev_lsn = int(reader.next_lsn), reader.previous
        walker.passed_tli = reader.latest_tli

    def run(self, write: Callable[[memoryview], object], stopped: Callable[[], bool]) -> bool:
        """Walk until the plain reader is needed; False at the limit or when ``stopped``."""
        walker, loaded = self.walker, False
        while not stopped():
            before = walker.next_lsn
            if not loaded:
                fill(self.reader.source, walker, before, self.reader.end)
                walker.checked, walker.latest_tli = -1, walker.passed_tli
            try:
                reason = walker.walk()
            finally:
                if walker.out_len:
                    write(memoryview(walker.out)[: walker.out_len])
                    walker.out_len = 0
            if reason == Stop.LIMIT:
                return False
            loaded = reason == Stop.FULL
            if reason == Stop.MORE and walker.next_lsn != before:
                continue
            if reason != Stop.FULL:
                self.reader.resume(walker.next_lsn, walker.prev_lsn, walker.passed_tli)
                return True
        self.reader.resume(walker.next_lsn, walker.prev_lsn, walker.passed_tli)
        return False

    def passed(self, rec: DecodedRecord) -> None:
        """The plain reader read ``rec``: go on behind it."""
        self.walker.next_lsn, self.walker.prev_lsn = int(rec.end), int(rec.lsn)
        self.walker.passed_tli = self.reader.latest_tli
