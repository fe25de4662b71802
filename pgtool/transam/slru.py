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
from pgtool.storage.backend import Backend

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
