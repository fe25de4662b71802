"""WAL for recovery: segment files from several directories, of several timelines, compressed
or not.

Recovery reads a segment from the newest of the expected timelines that has a file for it
and had begun by then, looking in the archives first and in pg_wal last, as a server does
with its restore_command. A file may be plain or compressed (``.gz``, ``.lz4``, ``.zst``),
and where there is none of these ``.partial`` too: the last one of an old timeline, or one
that was still being received, whose compressed stream may end anywhere. Compressed ones are
unpacked into a nameless temporary file when first needed.

As for a server, a file from an archive has the size of a segment or is refused; what lies
in pg_wal is read as far as it goes.
"""

from __future__ import annotations

import gzip
import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence

from formats import timeline
from formats.errors import CorruptData, Unsupported, UserError
from formats.units import Lsn
from formats.wal.page import is_segment_name, segment_name
from pgtool.wal.source import (
    SegmentDirectory,
    SegmentInfo,
    TimelineSwitch,
    WalReadError,
)

COMPRESSED = (".gz", ".lz4", ".zst")
WHOLE = ("", *COMPRESSED)
PARTIAL = (".partial", *(f".partial{suffix}" for suffix in COMPRESSED),
           *(f"{suffix}.partial" for suffix in COMPRESSED))  # fmt: skip


def _unpack(path: str) -> bytes:
    """A compressed file's contents; of one that was being received what has come."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        if path.endswith(".partial"):
            return _unpack_begun(path.removesuffix(".partial"), data)
        if path.endswith(".gz"):
            return gzip.decompress(data)
        if path.endswith(".lz4"):
            import lz4.frame

            return bytes(lz4.frame.decompress(data))
        import zstandard

        return bytes(zstandard.ZstdDecompressor().stream_reader(data).read())
    except ImportError as error:
        raise Unsupported(f'reading "{os.path.basename(path)}" needs {error.name}') from None
    except Exception as error:  # every codec has errors of its own
        raise CorruptData(f"could not decompress: {error}", file=path) from None


def _unpack_begun(path: str, data: bytes) -> bytes:
    """The beginning of a compressed stream."""
    if path.endswith(".gz"):
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data)
    if path.endswith(".lz4"):
        import lz4.frame

        return bytes(lz4.frame.LZ4FrameDecompressor().decompress(data))
    import zstandard

    return bytes(zstandard.ZstdDecompressor().decompressobj().decompress(data))


def is_packed(path: str) -> bool:
    """Whether a file is compressed, by its name."""
    return path.removesuffix(".partial").endswith(COMPRESSED)


def forms(directories: Sequence[str], name: str) -> Iterator[str]:
    """The paths of a WAL file of that name in all its forms, the one to be taken first.

    What is whole comes before what is not, wherever it lies: a server does not know of
    the latter, and goes on in pg_wal.
    """
    for suffixes in (WHOLE, PARTIAL):
        for directory in directories:
            for suffix in suffixes:
                path = os.path.join(directory, name + suffix)
                if os.path.exists(path):
                    yield path


def find(directories: Sequence[str], name: str) -> str | None:
    """The path of a WAL file of that name, in any of its forms."""
    return next(forms(directories, name), None)


def open_segment(path: str) -> int:
    """A file descriptor on a segment's plain bytes."""
    if is_packed(path):
        data = _unpack(path)
        with tempfile.TemporaryFile(prefix="pgtool-wal-") as file:
            file.write(data)
            file.flush()
            return os.dup(file.fileno())
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UserError(f'could not open file "{path}": {error.strerror}') from None


def read_history(directories: Sequence[str], tli: int) -> list[timeline.Branch] | None:
    """The ancestors of a timeline, oldest first; None where it has no history file."""
    if tli == 1:
        return []
    path = find(directories, timeline.file_name(tli))
    return None if path is None else timeline.parse(contents(path), file=path).branches


def contents(path: str) -> bytes:
    """The plain bytes of a small file."""
    if is_packed(path):
        return _unpack(path)
    with open(path, "rb") as file:
        return file.read()


def newest_timeline(directories: Sequence[str], start: int) -> int:
    """The highest timeline in an unbroken row of history files from ``start`` on."""
    tli = start
    while find(directories, timeline.file_name(tli + 1)) is not None:
        tli += 1
    return tli


class WalArchive(SegmentDirectory):
    """Reads WAL by position from several directories along one line of timelines."""

    def __init__(
        self, directories: Sequence[str], info: SegmentInfo, tli: int,
        branches: Sequence[timeline.Branch] = (), *, standby: bool = False,
    ) -> None:  # fmt: skip
        """``directories``: the archives, then pg_wal.

        ``standby``: a plain file in an archive that is too short is one that is still being
        copied there, as for a standby, and passed over.
        """
        switches = [TimelineSwitch(branch.tli, branch.switchpoint) for branch in branches]
        super().__init__(directories[-1], info, tli, history=switches)
        self.directories = tuple(directories)
        self.standby = standby
        self._found: dict[int, tuple[str, int] | None] = {}
        self.used: set[str] = set()

    def begin_of(self, tli: int) -> Lsn:
        """Where a timeline of this line begins."""
        begin = Lsn(0)
        for switch in self.history:
            if switch.tli == tli:
                return begin
            begin = switch.end
        return begin

    def line(self) -> list[int]:
        """The timelines, newest first."""
        return [self.tli, *(switch.tli for switch in reversed(self.history))]

    def tli_at(self, lsn: int) -> int:
        """The timeline that owns a position."""
        for switch in self.history:
            if lsn < switch.end:
                return switch.tli
        return self.tli

    def locate(self, segno: int) -> tuple[str, int] | None:
        """(path, timeline) of a segment's file; None where there is none."""
        if segno not in self._found:
            self._found[segno] = self._search(segno)
        return self._found[segno]

    def _search(self, segno: int) -> tuple[str, int] | None:
        """The newest timeline's file that can hold a part of this line.

        Not of a timeline that begins behind the segment, nor of one that was left before it:
        an archive may hold what was written on that one after the others had gone their way.
        """
        ends = {switch.tli: int(switch.end) // self.segment_size for switch in self.history}
        for tli in self.line():
            if int(self.begin_of(tli)) // self.segment_size > segno:
                continue
            if ends.get(tli, segno) < segno:
                continue
            for path in forms(self.directories, segment_name(tli, segno, self.segment_size)):
                if not self._on_its_way(path):
                    return path, tli
        return None

    def _is_archived(self, path: str) -> bool:
        return os.path.dirname(path) != self.directories[-1]

    def _on_its_way(self, path: str) -> bool:
        return (
            self.standby and self._is_archived(path) and not is_packed(path)
            and os.path.getsize(path) < self.segment_size
        )  # fmt: skip

    def tli_of(self, segno: int) -> int:
        """The timeline in whose file a segment is read."""
        found = self.locate(segno)
        return super().tli_of(segno) if found is None else found[1]

    def has(self, lsn: int) -> bool:
        """Whether the file of a position is there."""
        return self.locate(lsn // self.segment_size) is not None

    def _open(self, segno: int) -> None:
        if segno == self._segno:
            return
        found = self.locate(segno)
        if found is None:
            name = segment_name(super().tli_of(segno), segno, self.segment_size)
            raise WalReadError(f'could not find file "{name}": No such file or directory')
        handle = open_segment(found[0])
        if self._is_archived(found[0]):
            self._check_size(handle, found[0])
        self.used.add(found[0])
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._segno = handle, segno

    def _check_size(self, handle: int, path: str) -> None:
        size, name = os.fstat(handle).st_size, os.path.basename(path)
        if size == self.segment_size or (size < self.segment_size and ".partial" in name):
            return
        os.close(handle)
        unpacked = " unpacked" if is_packed(path) else ""
        raise CorruptData(
            f'archive file "{name}" has wrong size{unpacked}: {size} instead of '
            f"{self.segment_size}", file=path,
        )  # fmt: skip


def inventory(directories: Sequence[str]) -> list[str]:
    """The names of all segments that are there in any form, sorted, each once."""
    names: set[str] = set()
    for directory in directories:
        try:
            entries = os.listdir(directory)
        except OSError:
            continue
        names.update(entry[:24] for entry in entries if is_segment_name(entry[:24]))
    return sorted(names)
