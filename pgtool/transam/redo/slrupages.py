"""SLRU pages while redo runs: set in memory, written together at the end.

In recovery a page that is missing counts as all zero: its file may have been removed by a
later truncation, which the log will come to.
"""

from __future__ import annotations

from collections.abc import Callable

from formats.slru import SLRU_PAGES_PER_SEGMENT, Area
from formats.units import BLCKSZ
from pgtool.storage.backend import WritableBackend


class SlruPages:
    """The pages of one area by page number."""

    def __init__(self, backend: WritableBackend, area: Area, major: int) -> None:
        self.backend = backend
        self.area = area
        self.major = major
        self._pages: dict[int, bytearray] = {}
        self._dirty: set[int] = set()
        self.touched: set[str] = set()

    def read(self, number: int) -> bytearray:
        """A page; zeroes where no file holds it."""
        page = self._pages.get(number)
        if page is None:
            segment, inside = divmod(number, SLRU_PAGES_PER_SEGMENT)
            path = self.area.path(segment, self.major)
            try:
                data = self.backend.read(path, inside * BLCKSZ, BLCKSZ)
            except FileNotFoundError:
                data = b""
            page = self._pages[number] = bytearray(data.ljust(BLCKSZ, b"\0"))
        return page

    def change(self, number: int) -> bytearray:
        """A page that will be changed."""
        self._dirty.add(number)
        return self.read(number)

    def zero(self, number: int) -> None:
        """A page begins, all zero."""
        self._pages[number] = bytearray(BLCKSZ)
        self._dirty.add(number)

    def exists(self, number: int) -> bool:
        """Whether a page is there, in memory or on disk."""
        if number in self._pages:
            return True
        segment, inside = divmod(number, SLRU_PAGES_PER_SEGMENT)
        path = self.area.path(segment, self.major)
        return self.backend.exists(path) and self.backend.size(path) >= (inside + 1) * BLCKSZ

    def flush(self) -> None:
        """Write what was changed."""
        for number in sorted(self._dirty):
            segment, inside = divmod(number, SLRU_PAGES_PER_SEGMENT)
            path = self.area.path(segment, self.major)
            self.backend.extend(path, inside * BLCKSZ)
            self.backend.write(path, inside * BLCKSZ, bytes(self._pages[number]))
            self.touched.add(path)
        self._dirty.clear()

    def sync(self) -> None:
        """Make what was written survive a crash."""
        for path in sorted(self.touched):
            if self.backend.exists(path):
                self.backend.sync(path)
        if self.touched:
            self.backend.sync(self.area.directory)
        self.touched.clear()

    def segments(self) -> list[int]:
        """Numbers of the segment files that are there."""
        try:
            names = self.backend.list(self.area.directory)
        except FileNotFoundError:
            return []
        found = (self.area.segment_of(name, self.major) for name in names)
        return [number for number in found if number is not None]

    def remove(self, gone: Callable[[int], bool]) -> None:
        """Remove the segments for whose number ``gone`` says so, pages in memory too."""
        for number in list(self._pages):
            if gone(number // SLRU_PAGES_PER_SEGMENT):
                del self._pages[number]
                self._dirty.discard(number)
        for segment in self.segments():
            if gone(segment):
                path = self.area.path(segment, self.major)
                self.backend.unlink(path)
                self.touched.add(path)
