"""Relation files: which path holds which block of which fork.

A relation fork is a row of segment files, each of ``relseg_size`` blocks (1 GB as
PostgreSQL is built) but the last: ``16384``, ``16384.1``, … This module names them,
checks that the row is whole, and reads runs of blocks across segment borders.

Invariants: a segment that is followed by another is full; a file is a whole number of
blocks. What contradicts this is CorruptData, never a silently shorter relation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple

from formats.errors import CorruptData
from formats.units import BLCKSZ
from formats.version import CATALOG_VERSION_NO
from pgtool.storage.backend import Backend

DEFAULTTABLESPACE_OID = 1663
GLOBALTABLESPACE_OID = 1664
RELSEG_SIZE = 131072


class ForkNumber(IntEnum):
    """The forks of a relation; the value is what WAL records store."""

    MAIN = 0
    FSM = 1
    VM = 2
    INIT = 3


FORK_SUFFIX = {
    ForkNumber.MAIN: "", ForkNumber.FSM: "_fsm", ForkNumber.VM: "_vm", ForkNumber.INIT: "_init",
}  # fmt: skip
FILE_NAME = re.compile(r"(?:t(\d+)_)?(\d+)(?:_(fsm|vm|init))?(?:\.(\d+))?")


class RelFileLocator(NamedTuple):
    """Where a relation's storage lies: tablespace, database (0: shared), file number.

    ``temp`` is the owning backend's number of a temporary relation, else None.
    """

    spc: int
    db: int
    rel: int
    temp: int | None = None


def database_path(spc: int, db: int, major: int) -> str:
    """The directory of a database's files in a tablespace."""
    if spc == GLOBALTABLESPACE_OID:
        return "global"
    if spc == DEFAULTTABLESPACE_OID:
        return f"base/{db}"
    return f"pg_tblspc/{spc}/PG_{major}_{CATALOG_VERSION_NO[major]}/{db}"


def relation_path(where: RelFileLocator, major: int, fork: ForkNumber = ForkNumber.MAIN) -> str:
    """The path of a fork's first segment, relative to the data directory."""
    prefix = "" if where.temp is None else f"t{where.temp}_"
    return f"{database_path(where.spc, where.db, major)}/{prefix}{where.rel}{FORK_SUFFIX[fork]}"


@dataclass(frozen=True)
class Segment:
    """One file of a fork: ``blocks`` blocks from block ``first`` of the relation on."""

    path: str
    first: int
    blocks: int


class RelationFile:
    """One fork of one relation, read through a backend."""

    def __init__(
        self, backend: Backend, path: str, relseg_size: int = RELSEG_SIZE,
        expected: int | None = None,
    ) -> None:  # fmt: skip
        """``expected`` is pg_class.relpages, where the fork has one.

        It may be stale; it is asked only where the last segment is full, which it hardly
        ever is unless another one should follow.
        """
        self.backend = backend
        self.path = path
        self.relseg_size = relseg_size
        self.expected = expected
        self.tolerated: list[CorruptData] = []

    @cached_property
    def segments(self) -> list[Segment]:
        """The segment files, in order; CorruptData where one is missing or torn."""
        found, problems = self.survey()
        if problems:
            raise problems[0]
        return found

    def tolerate(self) -> list[CorruptData]:
        """Accept what is there: later reads skip the gaps; returns what is wrong."""
        found, problems = self.survey()
        self.__dict__["segments"] = found
        return problems

    def survey(self) -> tuple[list[Segment], list[CorruptData]]:
        """(segments present, what contradicts their being whole)."""
        directory, _, name = self.path.rpartition("/")
        numbers = self._segment_numbers(directory, name)
        # What a truncation cut away stays as empty files; they are no part of the fork.
        while len(numbers) > 1 and not self._size_of(max(numbers)):
            full = self.relseg_size * BLCKSZ
            if max(numbers) - 1 in numbers and self._size_of(max(numbers) - 1) >= full:
                break
            numbers.discard(max(numbers))
        problems: list[CorruptData] = []
        found: list[Segment] = []
        last = max(numbers, default=-1)
        for number in range(last + 1):
            path = self.path if number == 0 else f"{self.path}.{number}"
            first = number * self.relseg_size
            if number not in numbers:
                problems.append(CorruptData("segment file is missing", file=path, block=first))
                continue
            size = self.backend.size(path)
            blocks, torn = divmod(size, BLCKSZ)
            if torn:
                problems.append(
                    CorruptData(
                        f"file ends inside a block ({torn} bytes of {BLCKSZ})",
                        file=path, block=first + blocks, offset=torn,
                    )
                )  # fmt: skip
            if blocks > self.relseg_size:
                problems.append(
                    CorruptData(f"segment has {blocks} blocks, the limit is {self.relseg_size}",
                                file=path, block=first + self.relseg_size)
                )  # fmt: skip
                blocks = self.relseg_size
            if number < last and blocks < self.relseg_size:
                problems.append(
                    CorruptData(
                        f"segment has {blocks} blocks and is followed by another one",
                        file=path, block=first + blocks,
                    )
                )  # fmt: skip
            found.append(Segment(path, first, blocks))
        if last < 0:
            problems.append(CorruptData("relation file is missing", file=self.path))
        elif not problems and found[-1].blocks == self.relseg_size:
            end = found[-1].first + self.relseg_size
            if self.expected is not None and self.expected != end:
                problems.append(
                    CorruptData(
                        "segment file is missing: the one before it is full, and the catalog "
                        f"counts {self.expected} blocks",
                        file=f"{self.path}.{last + 1}", block=end,
                    )
                )  # fmt: skip
        return found, problems

    def _size_of(self, number: int) -> int:
        return self.backend.size(f"{self.path}.{number}" if number else self.path)

    def _segment_numbers(self, directory: str, name: str) -> set[int]:
        """Segment numbers present, looking past a gap."""
        present: set[int] = set()
        number = 0
        while self.backend.exists(self.path if number == 0 else f"{self.path}.{number}"):
            present.add(number)
            number += 1
        full = number > 0 and self.backend.size(
            self.path if number == 1 else f"{self.path}.{number - 1}"
        ) >= self.relseg_size * BLCKSZ
        if number == 0 or full or (self.expected or 0) > number * self.relseg_size:
            try:
                names = self.backend.list(directory)
            except FileNotFoundError:
                return present
            for other in names:
                if other.startswith(name + ".") and other[len(name) + 1 :].isdigit():
                    present.add(int(other[len(name) + 1 :]))
        return present

    @property
    def nblocks(self) -> int:
        """Blocks up to the end of the last segment."""
        return self.segments[-1].first + self.segments[-1].blocks if self.segments else 0

    def runs(self, size: int, first: int = 0, stop: int | None = None) -> Iterator[Segment]:
        """Runs of at most ``size`` blocks, none of which crosses a segment border.

        ``first`` of a run is the block in the relation; see :meth:`readinto`.
        """
        for segment in self.segments:
            low = max(first, segment.first)
            high = segment.first + segment.blocks
            high = high if stop is None else min(stop, high)
            while low < high:
                n = min(size, high - low)
                yield Segment(segment.path, low, n)
                low += n

    def readinto(self, run: Segment, buffer: memoryview) -> None:
        """Fill ``buffer`` with the blocks of a run."""
        offset = run.first % self.relseg_size * BLCKSZ
        wanted = run.blocks * BLCKSZ
        got = self.backend.readinto(run.path, offset, buffer[:wanted])
        if got != wanted:
            raise CorruptData("file ends before its block does", file=run.path,
                              block=run.first + got // BLCKSZ)  # fmt: skip

    def gather(self, blocks: Sequence[int], buffer: memoryview) -> None:
        """Blocks from here and there, in order, into a buffer."""
        gather = getattr(self.backend, "gather", None)
        number = blocks[0] // self.relseg_size
        if gather is not None and blocks[-1] // self.relseg_size == number:
            for run in self.runs(1, blocks[0], blocks[0] + 1):
                offsets = [block % self.relseg_size * BLCKSZ for block in blocks]
                if gather(run.path, offsets, BLCKSZ, buffer):
                    return
        for i, block in enumerate(blocks):
            buffer[i * BLCKSZ : (i + 1) * BLCKSZ] = self.read_block(block)

    def read_block(self, block: int) -> bytes:
        """One block of the relation."""
        for run in self.runs(1, block, block + 1):
            out = self.backend.read(run.path, block % self.relseg_size * BLCKSZ, BLCKSZ)
            if len(out) == BLCKSZ:
                return out
        raise CorruptData(f"block {block} is beyond the end of the relation", file=self.path)
