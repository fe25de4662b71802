"""Where WAL bytes go: pages with their headers, segment files, and the disk.

The end of the WAL is kept in memory as whole pages from the one that is not full yet; what
is appended lands there, with page headers laid down as pages begin. :meth:`WalWriter.flush`
writes the pages out and syncs the file; full pages are written earlier when much has
gathered. A segment file is made under another name, filled with zeroes and synced before
it gets its own; one that an earlier checkpoint left for later use is taken as it is.

Invariants: a page in a file is always written whole; nothing behind the end of WAL is
valid (a page in hand is padded with zeroes, and page addresses and prev-links tell the
remains of a recycled file); ``flushed <= written <= end``.
"""

from __future__ import annotations

import os

from formats.derive import sizeof, struct_of
from formats.units import Lsn, maxalign
from formats.version import XLOG_PAGE_MAGIC
from formats.wal.page import (
    SIZE_OF_LONG_PHD,
    SIZE_OF_SHORT_PHD,
    XLOG_BLCKSZ,
    XLogLongPageHeaderData,
    XLogPageFlags,
    XLogPageHeaderData,
    segment_name,
)
from formats.wal.record import SIZE_OF_XLOG_RECORD
from pgtool.errors import UserError
from pgtool.storage.backend import WritableBackend

XLOG_DIRECTORY = "pg_wal"
#: Bytes that gather in memory before full pages are written without being asked for.
WAL_BUFFERS = 4 << 20
_ZEROES = 1 << 20
_ROOM = memoryview(bytes(_ZEROES))

_short_header = struct_of(XLogPageHeaderData).pack
_long_header = struct_of(XLogLongPageHeaderData).pack
_PAGE_MASK = XLOG_BLCKSZ - 1
_CONTRECORD, _LONG, _REMOVABLE, _OVERWRITE = (
    int(XLogPageFlags.XLP_FIRST_IS_CONTRECORD), int(XLogPageFlags.XLP_LONG_HEADER),
    int(XLogPageFlags.XLP_BKP_REMOVABLE), int(XLogPageFlags.XLP_FIRST_IS_OVERWRITE_CONTRECORD),
)  # fmt: skip
_PADDING = tuple(bytes(n) for n in range(8))
assert sizeof(XLogPageHeaderData) == SIZE_OF_SHORT_PHD


class WalWriter:
    """The end of the WAL of one timeline."""

    def __init__(
        self, backend: WritableBackend, *, major: int, tli: int, sysid: int, segment_size: int,
        init_zero: bool = True,
    ) -> None:  # fmt: skip
        self.backend = backend
        self.tli = tli
        self.sysid = sysid
        self.segment_size = segment_size
        self.init_zero = init_zero
        self.magic = XLOG_PAGE_MAGIC[major]
        #: The pages in hand, the first one at ``_base``.
        self._pages = bytearray()
        self._base = 0
        self.end = 0
        self.written = 0
        self.flushed = 0
        #: Pages that begin now say that no backup needs them (XLP_BKP_REMOVABLE).
        self.removable = True
        #: archive_mode: complete segments are announced.
        self.archiving = False
        self.syncs = 0
        self._prepared: int | None = None

    def start(self, end: int) -> None:
        """Go on behind ``end``, which is on disk: the rest of its page becomes zeroes."""
        self._base = end & ~_PAGE_MASK
        used = end - self._base
        self._pages = bytearray()
        if used:
            path = self.segment_path(self._base)
            self._pages += self.backend.read(path, self._offset(self._base), used)
            if len(self._pages) != used:
                raise UserError(f"WAL ends before {Lsn(end)}")
        self.end = self.written = self.flushed = end

    def segment_path(self, lsn: int) -> str:
        """The file that holds a position."""
        name = segment_name(self.tli, lsn // self.segment_size, self.segment_size)
        return f"{XLOG_DIRECTORY}/{name}"

    def next_start(self) -> int:
        """Where the next record will begin: behind a page header where a page is full."""
        at = self.end
        if at & _PAGE_MASK:
            return at
        return at + (SIZE_OF_SHORT_PHD if at % self.segment_size else SIZE_OF_LONG_PHD)

    # -- appending ----------------------------------------------------------------

    def append(self, record: bytes) -> int:
        """Add a record; its start. ``end`` is then its end, aligned."""
        at = self.end
        if not at & _PAGE_MASK:
            self._begin_page(0)
            at = self.end
        room = XLOG_BLCKSZ - (at & _PAGE_MASK)
        size = len(record)
        if size <= room:
            padding = -size & 7
            self._pages += record + _PADDING[padding] if padding else record
            self.end = at + size + padding
        else:
            self._pages += record[:room]
            self.end += room
            self._append_rest(memoryview(record)[room:])
        if self.end - self.written > WAL_BUFFERS:
            self._write_full_pages()
        return at

    def grow(self, end: int) -> tuple[bytearray, int]:
        """(the pages in hand with room up to ``end``, the LSN they begin at).

        The caller fills the room, page headers included, keeps no view of it, and calls
        :meth:`filled`.
        """
        while self.end < end:
            size = min(end - self.end, len(_ROOM))
            self._pages += _ROOM[:size]
            self.end += size
        return self._pages, self._base

    def filled(self) -> None:
        """What :meth:`grow` made room for is there."""
        if self.end - self.written > WAL_BUFFERS:
            self._write_full_pages()

    def _append_rest(self, rest: memoryview) -> None:
        while rest:
            self._begin_page(len(rest))
            part = rest[: XLOG_BLCKSZ - (self.end & _PAGE_MASK)]
            rest = rest[len(part) :]
            self._pages += part
            self.end += len(part)
        padding = maxalign(self.end) - self.end
        self._pages += bytes(padding)
        self.end += padding

    def overwrite_rest(self) -> None:
        """Begin the page at ``end`` as one that lacks the rest of a record which is lost."""
        self._begin_page(0, _OVERWRITE)

    def _begin_page(self, remaining: int, info: int = 0) -> None:
        """Lay down the header of the page at ``end``; ``remaining`` bytes of a record follow."""
        header = self.page_header(self.end, remaining, info)
        self._pages += header
        self.end += len(header)

    def page_header(self, at: int, remaining: int, info: int = 0) -> bytes:
        """What the page at ``at`` begins with."""
        info |= self.page_info | (_CONTRECORD if remaining else 0)
        if at % self.segment_size:
            return _short_header(self.magic, info, self.tli, at, remaining, b"")
        return _long_header(
            self.magic, info | _LONG, self.tli, at, remaining, b"",
            self.sysid, self.segment_size, XLOG_BLCKSZ,
        )  # fmt: skip

    @property
    def page_info(self) -> int:
        """Flags of every page that begins now."""
        return _REMOVABLE if self.removable else 0

    def fill_segment(self) -> None:
        """Zeroes up to the end of the segment, as a switch leaves them."""
        rest = -self.end % self.segment_size
        self._pages += bytes(rest)
        self.end += rest

    # -- writing ------------------------------------------------------------------

    def flush(self, lsn: int) -> None:
        """Return when everything up to ``lsn`` will survive a crash."""
        if lsn <= self.flushed:
            return
        if lsn > self.end:
            raise UserError(
                f"xlog flush request {Lsn(lsn)} is not satisfied --- "
                f"flushed only to {Lsn(self.end)}"
            )
        self._write(self.end)
        if self.flushed < self.end:
            self._sync(self.end)

    def _sync(self, upto: int) -> None:
        self.backend.sync(self.segment_path(upto - 1))
        self.syncs += 1
        self.flushed = upto

    def _write_full_pages(self) -> None:
        self._write(self.end & ~_PAGE_MASK)

    def _write(self, upto: int) -> None:
        """Write the pages in hand up to the one that holds ``upto - 1``; keep the last partial."""
        while self.written < upto:
            start = self._base
            stop = min(upto, start - start % self.segment_size + self.segment_size)
            if start % self.segment_size == 0 or self._prepared != start // self.segment_size:
                self._prepare(start)
            size = stop - start
            whole = size & ~_PAGE_MASK
            if whole:
                with memoryview(self._pages) as pages:
                    self.backend.write(
                        self.segment_path(start), self._offset(start), pages[:whole]
                    )
            if size > whole:
                last = bytes(self._pages[whole:size]).ljust(XLOG_BLCKSZ, b"\0")
                at = start + whole
                self.backend.write(self.segment_path(at), self._offset(at), last)
            self.written = stop
            del self._pages[:whole]
            self._base += whole
            if stop % self.segment_size == 0:
                self._sync(stop)
                if self.archiving:
                    self._notify_archiver(stop - 1)

    def _notify_archiver(self, lsn: int) -> None:
        """A segment is complete: a server's archiver will find that it is to be archived."""
        name = self.segment_path(lsn).removeprefix(XLOG_DIRECTORY)
        self.backend.create(f"{XLOG_DIRECTORY}/archive_status{name}.ready")

    def _offset(self, lsn: int) -> int:
        return lsn % self.segment_size

    # -- segment files --------------------------------------------------------------

    def _prepare(self, lsn: int) -> None:
        """The segment of a position has its file."""
        path = self.segment_path(lsn)
        if not self.backend.exists(path):
            self.make_segment(path)
        self._prepared = lsn // self.segment_size

    def make_segment(self, path: str) -> None:
        """A file of zeroes, complete and synced before it gets its name."""
        temporary = f"{XLOG_DIRECTORY}/xlogtemp.{os.getpid()}"
        if self.backend.exists(temporary):
            self.backend.unlink(temporary)
        if self.init_zero:
            zeroes = bytes(_ZEROES)
            for at in range(0, self.segment_size, _ZEROES):
                self.backend.write(temporary, at, zeroes)
        else:
            self.backend.extend(temporary, self.segment_size)
        self.backend.sync(temporary)
        self.backend.rename(temporary, path)
        self.backend.sync(XLOG_DIRECTORY)


def install(backend: WritableBackend, name: str, data: bytes, size: int = 0) -> None:
    """A file of pg_wal, zeroes behind its data up to ``size``: complete before it gets its name."""
    temporary = f"{XLOG_DIRECTORY}/xlogtemp.{os.getpid()}"
    backend.create(temporary)
    backend.truncate(temporary, 0)
    if data:
        backend.write(temporary, 0, data)
    backend.extend(temporary, max(size, len(data)))
    backend.sync(temporary)
    backend.rename(temporary, f"{XLOG_DIRECTORY}/{name}")
    backend.sync(XLOG_DIRECTORY)


assert SIZE_OF_XLOG_RECORD == 24
