"""SLRU directories as arrays: pg_xact, pg_multixact, pg_subtrans, pg_commit_ts.

A directory of segment files of 32 pages each, named by their number. Segments are read
when first asked for and kept, the least recently used ones leaving, so that memory stays
bounded; look-ups take whole arrays of positions at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from formats.errors import CorruptData
from formats.slru import SLRU_PAGES_PER_SEGMENT, Area
from formats.units import BLCKSZ
from pgtool.storage.backend import Backend, WritableBackend

SEGMENT_BYTES = SLRU_PAGES_PER_SEGMENT * BLCKSZ
KEPT_SEGMENTS = 64

Bytes = npt.NDArray[np.uint8]


class SlruDirectory:
    """One SLRU area, read through a backend."""

    def __init__(self, backend: Backend, area: Area, major: int) -> None:
        self.backend = backend
        self.area = area
        self.major = major
        self._kept: OrderedDict[int, Bytes] = OrderedDict()

    def name_of(self, segment: int) -> str:
        """The path of a segment file."""
        return self.area.path(segment, self.major)

    def segment(self, number: int) -> Bytes:
        """A segment's bytes, shorter where the file is; FileNotFoundError where it is missing."""
        found = self._kept.get(number)
        if found is None:
            raw = self.backend.read(self.name_of(number), 0, SEGMENT_BYTES)
            found = np.frombuffer(raw, np.uint8)
            self._kept[number] = found
            if len(self._kept) > KEPT_SEGMENTS:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(number)
        return found

    def gather(
        self, segment: npt.NDArray[Any], byte: npt.NDArray[Any], width: int,
        lost: Callable[[npt.NDArray[np.int64], CorruptData], None],
    ) -> npt.NDArray[np.uint8]:  # fmt: skip
        """``width`` bytes at each (segment, byte in segment): an array (n, width).

        Places that no file covers are zero and handed to ``lost`` with the reason.
        """
        out = np.zeros((len(segment), width), np.uint8)
        steps = np.arange(width)
        low, high = (int(segment.min()), int(segment.max())) if len(segment) else (0, -1)
        numbers = [low] if low == high else np.unique(segment).tolist()
        for number in numbers:
            rows = np.arange(len(segment)) if low == high else np.flatnonzero(segment == number)
            at = byte[rows].astype(np.int64)
            try:
                raw = self.segment(number)
            except FileNotFoundError:
                lost(rows, CorruptData("segment file is missing", file=self.name_of(number)))
                continue
            short = at + width > len(raw)
            if short.any():
                first = int(at[short].min())
                lost(
                    rows[short],
                    CorruptData(f"segment file has {len(raw)} bytes", file=self.name_of(number),
                                offset=first),
                )  # fmt: skip
                rows, at = rows[~short], at[~short]
            if width == 1:
                out[rows, 0] = raw[at]
            else:
                out[rows] = raw[at[:, None] + steps]
        return out

    def page(self, number: int) -> tuple[bytes, int]:
        """(the page that holds the entry of an ID, the entry's index in it).

        CorruptData where no file covers it.
        """
        place = self.area.locate(number)
        try:
            raw = self.segment(place.segment)
        except FileNotFoundError:
            raise CorruptData(
                "segment file is missing", file=self.name_of(place.segment)
            ) from None
        start = place.page * BLCKSZ
        if start + BLCKSZ > len(raw):
            raise CorruptData(
                f"segment file has {len(raw)} bytes", file=self.name_of(place.segment),
                offset=start,
            )  # fmt: skip
        return raw[start : start + BLCKSZ].tobytes(), place.entry


class SlruBuffers(SlruDirectory):
    """An SLRU area that is written: whole segments in memory, changed pages noted.

    Reading it is reading a :class:`SlruDirectory`, so what looks up many entries at once
    sees every change. ``flush_wal``: a page must not reach the disk before the WAL up to
    the position that :meth:`touch` was given last for it (commit records that nobody
    waited for).
    """

    def __init__(
        self, backend: WritableBackend, area: Area, major: int,
        flush_wal: Callable[[int], None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(backend, area, major)
        self.writable = backend
        self.flush_wal = flush_wal
        #: Page number → WAL position that it waits for.
        self.dirty: dict[int, int] = {}
        self._unsynced: set[str] = set()

    def segment(self, number: int) -> Bytes:
        """A segment's bytes; they can be changed (see :meth:`touch`)."""
        found = self._kept.get(number)
        if found is None:
            raw = self.backend.read(self.name_of(number), 0, SEGMENT_BYTES)
            found = self._keep(number, np.frombuffer(bytearray(raw), np.uint8))
        return found

    def _keep(self, number: int, data: Bytes) -> Bytes:
        self._kept[number] = data
        if len(self._kept) > KEPT_SEGMENTS:
            busy = {page // SLRU_PAGES_PER_SEGMENT for page in self.dirty}
            for old in [n for n in self._kept if n not in busy and n != number][:1]:
                del self._kept[old]
        return data

    def has_page(self, page: int) -> bool:
        """Whether a page exists."""
        number, at = divmod(page, SLRU_PAGES_PER_SEGMENT)
        try:
            return len(self.segment(number)) >= (at + 1) * BLCKSZ
        except FileNotFoundError:
            return False

    def zero_page(self, page: int) -> None:
        """Begin a page, all zeroes; pages between it and the segment's end appear with it."""
        number, at = divmod(page, SLRU_PAGES_PER_SEGMENT)
        try:
            data = self.segment(number)
        except FileNotFoundError:
            data = np.zeros(0, np.uint8)
        end = (at + 1) * BLCKSZ
        first = min(len(data) // BLCKSZ, at)
        if len(data) < end:
            grown = np.zeros(end, np.uint8)
            grown[: len(data)] = data
            data = self._keep(number, grown)
        data[at * BLCKSZ : end] = 0
        for other in range(first, at + 1):
            self.touch(number * SLRU_PAGES_PER_SEGMENT + other)

    def place(self, entry: int) -> tuple[memoryview, int, int]:
        """(the page that holds an entry, to be changed; index in it; the page's number).

        CorruptData where the page does not exist.
        """
        page, index = divmod(entry, self.area.per_page)
        number, at = divmod(page, SLRU_PAGES_PER_SEGMENT)
        start = at * BLCKSZ
        try:
            data = self.segment(number)
        except FileNotFoundError:
            raise CorruptData("segment file is missing", file=self.name_of(number)) from None
        if start + BLCKSZ > len(data):
            raise CorruptData(
                f"segment file has {len(data)} bytes", file=self.name_of(number), offset=start
            )
        return data[start : start + BLCKSZ].data, index, page

    def touch(self, page: int, lsn: int = 0) -> None:
        """A page was changed; it may be written once the WAL up to ``lsn`` is on disk."""
        self.dirty[page] = max(lsn, self.dirty.get(page, 0))

    def flush(self) -> None:
        """Write the changed pages (they are not synced yet)."""
        if not self.dirty:
            return
        if self.flush_wal is not None:
            self.flush_wal(max(self.dirty.values()))
        for page in sorted(self.dirty):
            number, at = divmod(page, SLRU_PAGES_PER_SEGMENT)
            start = at * BLCKSZ
            path = self.name_of(number)
            if not self.writable.exists(path):
                self._unsynced.add(self.area.directory)
            self.writable.write(path, start, self.segment(number)[start : start + BLCKSZ].data)
            self._unsynced.add(path)
        self.dirty.clear()

    def sync(self) -> None:
        """Bring to disk what :meth:`flush` wrote."""
        for path in sorted(self._unsynced):
            if self.writable.exists(path):
                self.writable.sync(path)
        self._unsynced.clear()

    def segments(self) -> list[int]:
        """Numbers of the segment files."""
        names = self.backend.list(self.area.directory)
        found = (self.area.segment_of(name, self.major) for name in names)
        return sorted(number for number in found if number is not None)

    def remove_segments(self, unwanted: Callable[[int], bool]) -> None:
        """Remove the segments whose first page ``unwanted`` says is not needed."""
        for number in self.segments():
            if unwanted(number * SLRU_PAGES_PER_SEGMENT):
                self._kept.pop(number, None)
                for page in [p for p in self.dirty if p // SLRU_PAGES_PER_SEGMENT == number]:
                    del self.dirty[page]
                self._unsynced.discard(self.name_of(number))
                self.writable.unlink(self.name_of(number))
