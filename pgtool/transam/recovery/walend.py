"""The end of WAL after recovery: where the next record goes.

On the same timeline WAL goes on in the page where it ended. Where the last record was cut
off in the middle, WAL goes on at the page that lacks its rest, whose header says so, with a
record that names the lost one. On a new timeline the segment is first copied under its new
name, up to the end.
"""

from __future__ import annotations

import os
import struct
import time

from formats.derive import struct_of
from formats.units import Lsn
from formats.version import XLOG_PAGE_MAGIC
from formats.wal import xlog
from formats.wal.page import (
    SIZE_OF_LONG_PHD,
    SIZE_OF_SHORT_PHD,
    XLOG_BLCKSZ,
    XLogLongPageHeaderData,
    XLogPageFlags,
    XLogPageHeaderData,
    segment_name,
)
from pgtool.transam.recovery.driver import Recovery
from pgtool.transam.recovery.start import XLOG_DIRECTORY

_SHORT = struct_of(XLogPageHeaderData)
_LONG = struct_of(XLogLongPageHeaderData)
OVERWRITE = next(row.opcode for row in xlog.RECORDS if row.name == "OVERWRITE_CONTRECORD")
_EPOCH = 946684800


class WalEnd:
    """Appends the few records that end recovery, and syncs them."""

    def __init__(self, run: Recovery, tli: int) -> None:
        self.run = run
        self.backend = run.backend
        self.tli = tli
        self.segment_size = run.start.source.segment_size
        self.previous = int(run.last)
        self.at = int(run.end)
        self._page = bytearray()
        self._page_at = 0
        self._done: list[tuple[int, bytes]] = []
        if tli != run.end_tli:
            self._new_segment()
        elif run.aborted is not None:
            self._overwrite(*run.aborted)
            return
        self._load()

    def _path(self, lsn: int) -> str:
        segno = lsn // self.segment_size
        return f"{XLOG_DIRECTORY}/{segment_name(self.tli, segno, self.segment_size)}"

    def _load(self) -> None:
        """Take the page where WAL ends in hand; what lies behind the end becomes zero."""
        self._page_at = self.at - self.at % XLOG_BLCKSZ
        used = self.at - self._page_at
        self._page = bytearray()
        if used:
            self._page += self._read(self._page_at, used)

    def _read(self, lsn: int, size: int) -> bytes:
        source = self.run.start.source
        return source.read(lsn, size)

    def _new_segment(self) -> None:
        """The segment of the switch under the new timeline's name, zeroes behind the end."""
        start = self.at - self.at % self.segment_size
        path = self._path(self.at)
        temporary = f"{XLOG_DIRECTORY}/xlogtemp.{os.getpid()}"
        size = self.at - start
        data = self._read(start, size) if size else b""
        self.backend.create(temporary)
        self.backend.truncate(temporary, 0)
        if data:
            self.backend.write(temporary, 0, data)
        self.backend.extend(temporary, self.segment_size)
        self.backend.sync(temporary)
        self.backend.rename(temporary, path)
        self.backend.sync(XLOG_DIRECTORY)

    def _overwrite(self, lost: Lsn, page: Lsn) -> None:
        from pgtool.transam.recovery.finish import RM_XLOG, record_bytes

        self.at = self._page_at = int(page)
        self._page = bytearray()
        self._begin_page(XLogPageFlags.XLP_FIRST_IS_OVERWRITE_CONTRECORD, 0)
        now = int((time.time() - _EPOCH) * 1_000_000)
        main = struct.pack("<Qq", int(lost), now)
        self.append(record_bytes(self.run.major, RM_XLOG, OVERWRITE, main, self.previous))

    def next_start(self) -> int:
        """Where the next record will begin."""
        if self.at % XLOG_BLCKSZ:
            return self.at
        return self.at + (SIZE_OF_SHORT_PHD if self.at % self.segment_size else SIZE_OF_LONG_PHD)

    def _begin_page(self, info: int, remaining: int) -> None:
        magic = XLOG_PAGE_MAGIC[self.run.major]
        self._page_at = self.at
        if self.at % self.segment_size:
            header = _SHORT.pack(magic, info, self.tli, self.at, remaining, b"")
        else:
            header = _LONG.pack(
                magic, info | XLogPageFlags.XLP_LONG_HEADER, self.tli, self.at, remaining, b"",
                self.run.start.source.info.sysid, self.segment_size, XLOG_BLCKSZ,
            )  # fmt: skip
        self._page = bytearray(header)
        self.at += len(header)

    def append(self, record: bytes) -> None:
        """Add a record, across pages where it must."""
        if self.at % XLOG_BLCKSZ == 0:
            self._begin_page(0, 0)
        start = self.at
        rest = memoryview(record)
        while True:
            part = rest[: XLOG_BLCKSZ - self.at % XLOG_BLCKSZ or XLOG_BLCKSZ]
            self._page += part
            self.at += len(part)
            rest = rest[len(part) :]
            if self.at % XLOG_BLCKSZ == 0:
                self._done.append((self._page_at, bytes(self._page)))
                self._page = bytearray()
            if not rest:
                break
            self._begin_page(XLogPageFlags.XLP_FIRST_IS_CONTRECORD, len(rest))
        padding = -self.at % 8
        self._page += bytes(padding)
        self.at += padding
        self.previous = start

    def flush(self) -> None:
        """Write the pages and sync their files."""
        if self._page:
            self._done.append((self._page_at, bytes(self._page).ljust(XLOG_BLCKSZ, b"\0")))
        paths = set()
        for lsn, data in self._done:
            path = self._path(lsn)
            if not self.backend.exists(path):
                self.backend.create(path)
                self.backend.extend(path, self.segment_size)
            self.backend.write(path, lsn % self.segment_size, data)
            paths.add(path)
        for path in sorted(paths):
            self.backend.sync(path)
        self.backend.sync(XLOG_DIRECTORY)
        self._done.clear()
