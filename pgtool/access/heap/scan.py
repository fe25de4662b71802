"""The vectorised heap scan: runs of pages → visible tuples → column batches.

The stages, each over a whole run of pages at once::

    storage.bulk.read_runs     pages, checksums verified
    heap.page.tuples_of        line pointers → tuples
    visibility                 (transam) which of them the snapshot sees
    heap.deform.walk           where each wanted attribute lies
    heap.columns               fixed-width values, spans of variable-width ones
    toast                      compressed and out-of-line values, fetched for the batch

Memory is bounded by the run plus :data:`FETCHED_BYTES` of fetched values: a run whose
out-of-line values are larger comes as several batches, and a row of more than that alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from formats.units import BLCKSZ
from pgtool.access.damage import Damage, strict
from pgtool.access.heap.columns import fetched_sizes, materialise
from pgtool.access.heap.deform import Attr, Places, walk
from pgtool.access.heap.page import Tuples, tuples_of
from pgtool.errors import CorruptData
from pgtool.storage.bulk import RUN_PAGES, SPARE, read_runs
from pgtool.storage.checksum import verify_runs
from pgtool.storage.smgr import RelationFile
from pgtool.types.column import Column

FETCHED_BYTES = 16 << 20


class Sees(Protocol):
    """Which tuples a snapshot sees; the transam layer implements it."""

    def __call__(self, tuples: Tuples, damage: Damage) -> Tuples:
        """The visible ones."""


class Fetch(Protocol):
    """Gives the real payloads of compressed and out-of-line values."""

    def __call__(
        self, tuples: Tuples, attr: Attr, place: Places, damage: Damage
    ) -> list[bytes | memoryview | None]:
        """One payload for each of ``place.special``; None where it is lost (and reported)."""


@dataclass(slots=True)
class Batch:
    """Some rows: where they were found, and the wanted columns in the order asked for."""

    tuples: Tuples
    columns: list[Column]

    def __len__(self) -> int:
        return len(self.tuples)


@dataclass
class HeapScan:
    """A scan of one heap. ``attrs`` are all attributes of the relation, dropped ones too."""

    file: RelationFile
    attrs: Sequence[Attr]
    sees: Sees | None
    fetch: Fetch | None
    checksums: bool = False
    damage: Damage = strict
    run_pages: int = RUN_PAGES
    #: Blocks of zeroes that were met.
    empty: list[int] = field(default_factory=list)
    #: Told of all stored tuples of every run, whether somebody sees them or not.
    watch: Callable[[Tuples], None] | None = None

    def runs(
        self, first: int = 0, stop: int | None = None, reuse: bool = False
    ) -> Iterator[Tuples]:
        """Visible tuples (all stored ones where ``sees`` is None), run by run."""
        for run in read_runs(
            self.file, self.damage, checksums=self.checksums, first=first, stop=stop,
            run_pages=self.run_pages, spare=self.spare, reuse=reuse,
        ):  # fmt: skip
            empty: list[int] = []
            tuples = tuples_of(
                run.buffer, run.pages, run.first, run.path, self.damage, empty=empty
            )
            self.empty += set(empty).difference(run.dropped)
            if self.watch is not None:
                self.watch(tuples)
            if self.sees is not None and len(tuples):
                tuples = self.sees(tuples, self.damage)
            if len(tuples):
                yield tuples

    def some(self, blocks: Sequence[int]) -> Iterator[Tuples]:
        """The same of chosen blocks, ascending, many of them a chunk."""
        for at in range(0, len(blocks), self.run_pages):
            part = np.asarray(blocks[at : at + self.run_pages], np.int64)
            tuples = self._gathered(part)
            if tuples is None:  # something on them is damaged: one by one they say what
                for block in part.tolist():
                    yield from self.runs(block, block + 1)
                continue
            if self.watch is not None:
                self.watch(tuples)
            if self.sees is not None and len(tuples):
                tuples = self.sees(tuples, self.damage)
            if len(tuples):
                yield tuples

    def _gathered(self, blocks: npt.NDArray[np.int64]) -> Tuples | None:
        """The stored tuples of some blocks in one buffer; None where a page is not sound."""
        size = len(blocks) * BLCKSZ
        buffer = np.zeros(size + self.spare, np.uint8)
        bounds = [0, *(np.flatnonzero(np.diff(blocks) != 1) + 1).tolist(), len(blocks)]
        runs = []
        try:
            for low, high in itertools.pairwise(bounds):
                first = int(blocks[low])
                for run in self.file.runs(high - low, first, first + high - low):
                    start = (low + run.first - first) * BLCKSZ
                    self.file.readinto(run, buffer[start : start + run.blocks * BLCKSZ].data)
                runs.append((high - low, first))
            if self.checksums and verify_runs(buffer[:size], runs):
                return None
            tuples = tuples_of(buffer, len(blocks), 0, self.file.path, strict)
        except CorruptData:
            return None
        tuples.scattered = blocks
        return tuples

    def batches(
        self, wanted: Sequence[int], first: int = 0, stop: int | None = None, reuse: bool = False
    ) -> Iterator[Batch]:
        """Batches of the attributes with these indexes into ``attrs``.

        With ``reuse`` a batch is valid only until the next one is asked for.
        """
        for tuples in self.runs(first, stop, reuse):
            yield from self.decode(tuples, wanted)

    def decode(self, tuples: Tuples, wanted: Sequence[int]) -> Iterator[Batch]:
        """The columns of some tuples; more than one batch where values are large."""
        tuples, places = walk(tuples, self.attrs, wanted, self.damage, fetch=True)
        for part, part_places in _split(tuples, places):
            columns = [
                materialise(part, self.attrs[i], part_places[i], self.fetch, self.damage)
                for i in wanted
            ]
            yield Batch(part, columns)

    @property
    def spare(self) -> int:
        """Bytes that a load at the end of a run may reach beyond it."""
        return max(SPARE, max((a.attlen for a in self.attrs), default=0) + SPARE)


def _split(
    tuples: Tuples, places: dict[int, Places]
) -> Iterator[tuple[Tuples, dict[int, Places]]]:
    """Cut where the values to be fetched would take more than FETCHED_BYTES."""
    if all(place.special is None for place in places.values()):
        yield tuples, places
        return
    sizes = np.zeros(len(tuples), np.int64)
    for place in places.values():
        if place.special is not None:
            sizes[place.special] += fetched_sizes(tuples, place)
    if int(sizes.sum()) <= FETCHED_BYTES:
        yield tuples, places
        return
    chunk = np.cumsum(sizes) // FETCHED_BYTES
    cuts = np.diff(chunk) != 0
    cuts[1:] |= cuts[:-1] & (sizes[1:-1] > FETCHED_BYTES)  # a row that is too large is alone
    borders = [0, *(np.flatnonzero(cuts) + 1).tolist(), len(tuples)]
    for low, high in itertools.pairwise(borders):
        pick: npt.NDArray[np.bool_] = np.zeros(len(tuples), bool)
        pick[low:high] = True
        yield tuples.take(pick), {n: place.take(pick) for n, place in places.items()}
