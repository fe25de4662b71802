"""Where WAL bytes come from: a directory of segment files, read by WAL position.

:class:`SegmentDirectory` finds out what the files are (segment size and major stand in
the first page of each), names the file of a position and reads windows of it. It checks
nothing else: page headers and records are the business of :mod:`pgtool.wal.reader`.
A timeline history lets one source span timelines: each segment is then read from the
file of the timeline that owned its last byte, as the server does at recovery.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from formats.derive import reader as reader_of
from formats.errors import PgtoolError, Unsupported, UserError
from formats.units import Lsn
from formats.version import XLOG_PAGE_MAGIC, major_of_page_magic
from formats.wal.page import (
    SIZE_OF_LONG_PHD,
    XLOG_BLCKSZ,
    XLogLongPageHeaderData,
    is_segment_name,
    is_valid_segment_size,
    segment_name,
)
from pgtool.wal.wording import WORDING

WINDOW = 64 * XLOG_BLCKSZ
#: How often, and how long apart, a missing next file is looked for while following.
FOLLOW_TRIES, FOLLOW_SLEEP_S = 10, 0.5

_read_long_header = reader_of(XLogLongPageHeaderData)


class WalReadError(PgtoolError):
    """Reading WAL ended with an error; the text is the server's. Exit code 1, as its tool's."""


@dataclass(frozen=True)
class SegmentInfo:
    """What the first page of a segment file says about all of them."""

    segment_size: int
    major: int
    magic: int
    sysid: int


@dataclass(frozen=True)
class TimelineSwitch:
    """One line of a history file: timeline ``tli`` ended at ``end`` (exclusive)."""

    tli: int
    end: Lsn


def in_order(history: Sequence[TimelineSwitch]) -> tuple[TimelineSwitch, ...]:
    """The switches, oldest first, none of them behind a later one.

    A server that was to follow a timeline, but stopped before that one began, names it as the
    parent of its own all the same: the history then goes back, and what lies between counts
    for nothing.
    """
    out: list[TimelineSwitch] = []
    for switch in reversed(history):
        end = min(switch.end, out[-1].end) if out else switch.end
        out.append(TimelineSwitch(switch.tli, end))
    return tuple(reversed(out))


def segment_info(directory: str, name: str) -> SegmentInfo:
    """Read segment size and major from a file's first page."""
    path = os.path.join(directory, name)
    with open(path, "rb") as file:
        page = file.read(XLOG_BLCKSZ)
    if len(page) < XLOG_BLCKSZ:
        raise WalReadError(f'could not read file "{name}": read {len(page)} of {XLOG_BLCKSZ}')
    assert len(page) >= SIZE_OF_LONG_PHD
    header = _read_long_header(page, 0)
    if not is_valid_segment_size(header.xlp_seg_size):
        size = header.xlp_seg_size - (1 << 32 if header.xlp_seg_size >> 31 else 0)
        raise WalReadError(
            f'invalid WAL segment size in WAL file "{name}" ({size} bytes): '
            "it must be a power of two between 1 MB and 1 GB"
        )
    magic = header.std_xlp_magic
    major = major_of_page_magic(magic)
    if major is None:
        known = ", ".join(f"{m}: {v:04X}" for m, v in XLOG_PAGE_MAGIC.items())
        raise Unsupported(
            f'WAL file "{name}" begins with magic number {magic:04X}; known are {known}'
        )
    return SegmentInfo(header.xlp_seg_size, major, magic, header.xlp_sysid)


def segment_names(directory: str) -> list[str]:
    """The WAL files of a directory, sorted by name; none where it cannot be read."""
    try:
        return sorted(name for name in os.listdir(directory) if is_segment_name(name))
    except OSError:
        return []


def any_segment_info(directory: str, names: Sequence[str]) -> SegmentInfo:
    """What the first of these files says that says anything.

    A server makes the next files beforehand, empty; they are passed over.
    """
    problem: PgtoolError | None = None
    for name in names:
        try:
            return segment_info(directory, name)
        except PgtoolError as error:
            problem = problem or error
    raise problem or UserError("could not find any WAL file")


class SegmentDirectory:
    """Reads WAL by position from the segment files of one directory."""

    def __init__(
        self,
        directory: str,
        info: SegmentInfo,
        tli: int,
        *,
        follow: bool = False,
        history: Sequence[TimelineSwitch] = (),
    ) -> None:
        self.directory = directory
        self.info = info
        self.segment_size = info.segment_size
        self.tli = tli
        self.follow = follow
        self.history = in_order(history)
        self._fd = -1
        self._segno = -1
        self._window = b""
        self._window_at = -1

    def close(self) -> None:
        """Close the open file and forget what was read."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = self._segno = -1
        self.forget()

    def forget(self) -> None:
        """Drop the window, so that the next read sees the file as it is then."""
        self._window, self._window_at = b"", -1

    def tli_of(self, segno: int) -> int:
        """The timeline in whose file a segment is read: the owner of the segment's last byte."""
        last = (segno + 1) * self.segment_size - 1
        for switch in self.history:
            if last < switch.end:
                return switch.tli
        return self.tli

    def file_name(self, segno: int) -> str:
        """The file that holds a segment."""
        return segment_name(self.tli_of(segno), segno, self.segment_size)

    def page(self, lsn: int) -> bytes:
        """The page at ``lsn``; shorter only where the file ends inside it."""
        at = lsn - self._window_at
        if self._window_at < 0 or not 0 <= at < len(self._window):
            self._window = self.read(lsn, WINDOW)
            self._window_at = lsn
            at = 0
        return self._window[at : at + XLOG_BLCKSZ]

    def read(self, lsn: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``lsn``, ending with the segment's file."""
        segno, offset = divmod(lsn, self.segment_size)
        self._open(segno)
        return os.pread(self._fd, min(size, self.segment_size - offset), offset)

    def has(self, lsn: int) -> bool:
        """Whether the file of a position is there now."""
        segno = lsn // self.segment_size
        return segno == self._segno or os.path.exists(
            os.path.join(self.directory, self.file_name(segno))
        )

    def known_end(self, lsn: int) -> int:
        """The end of the last segment in the unbroken row of files from ``lsn`` on."""
        end = lsn
        while self.has(end):
            end = end - end % self.segment_size + self.segment_size
        return end

    def read_into(self, lsn: int, buffer: memoryview) -> int:
        """Like :meth:`read`, into a buffer of the caller; returns the bytes read."""
        segno, offset = divmod(lsn, self.segment_size)
        self._open(segno)
        room = min(len(buffer), self.segment_size - offset)
        return os.preadv(self._fd, [buffer[:room]], offset)

    def short_read(self, lsn: int, want: int) -> WalReadError:
        """The error for a file that ends at ``lsn`` where ``want`` more bytes are needed."""
        segno, offset = divmod(lsn, self.segment_size)
        text = WORDING[self.info.major]["short_read"]
        return WalReadError(
            text.format(file=self.file_name(segno), offset=offset, got=0, want=want)
        )

    def _open(self, segno: int) -> None:
        if segno == self._segno:
            return
        name = self.file_name(segno)
        for _ in range(FOLLOW_TRIES if self.follow else 1):
            try:
                fd = os.open(os.path.join(self.directory, name), os.O_RDONLY | os.O_CLOEXEC)
                break
            except FileNotFoundError:
                if self.follow:
                    time.sleep(FOLLOW_SLEEP_S)
            except OSError as error:
                raise UserError(f'could not open file "{name}": {error.strerror}') from None
        else:
            raise WalReadError(f'could not find file "{name}": No such file or directory')
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._segno = fd, segno
