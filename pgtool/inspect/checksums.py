"""Verifying the page checksums of a data directory, as pg_checksums does.

Which files count, which are left out, and how block numbers run on over segments follow
that tool: ``global``, ``base`` and the tablespaces below ``pg_tblspc`` are walked, every
regular file there is taken to consist of pages unless its name is on the list of those
that do not. Work is cut into units of at most :data:`UNIT_PAGES` pages, which threads
take from one queue; reading and summing both release the GIL.
"""

from __future__ import annotations

import os
import stat
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from formats.control import DBState
from formats.errors import CorruptData, UserError
from formats.units import BLCKSZ
from formats.version import CATALOG_VERSION_NO
from pgtool.inspect import controldata
from pgtool.storage import checksum

UNIT_PAGES = 8192
TABLESPACES = "pg_tblspc"
TEMPORARY = "pgsql_tmp"
DIRECTORIES = ("global", "base", TABLESPACES)
#: Files that do not consist of pages: by their whole name, by the start of it.
OTHER_FILES = ("pg_control", "pg_filenode.map", "PG_VERSION")
OTHER_PREFIXES = ("pg_internal.init",)


@dataclass
class File:
    """One file of pages; ``first_block`` counts from the start of its fork."""

    path: str
    size: int
    segment: int
    first_block: int
    open_units: int = 0
    bad: list[checksum.BadPage] = field(default_factory=list)
    bad_pages: int = 0
    partial: CorruptData | None = None

    @property
    def pages(self) -> int:
        """Whole pages in the file."""
        return self.size // BLCKSZ


@dataclass(frozen=True)
class Unit:
    """Pages [start, start + pages) of one file, for one thread to verify."""

    file: File
    start: int
    pages: int


def check_cluster(pgdata: str) -> tuple[int, Any]:
    """(major, pg_control) of a cluster whose checksums can be verified, else one clear error."""
    major, control = controldata.load_checked(pgdata)
    if control.state not in (DBState.DB_SHUTDOWNED, DBState.DB_SHUTDOWNED_IN_RECOVERY):
        raise UserError("cluster must be shut down")
    if control.data_checksum_version == 0:
        raise UserError("data checksums are not enabled in cluster")
    return major, control


def list_files(pgdata: str, major: int, relseg_size: int, filenode: str | None) -> list[File]:
    """Every file to verify, in the order of their names."""
    version = f"PG_{major}_{CATALOG_VERSION_NO[major]}"
    out: list[File] = []
    for directory in DIRECTORIES:
        out += _walk(os.path.join(pgdata, directory), version, relseg_size, filenode)
    return out


def _walk(path: str, version: str, relseg_size: int, filenode: str | None) -> Iterator[File]:
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f'could not open directory "{path}": {error.strerror}') from None
    in_tablespaces = os.path.basename(path).startswith(TABLESPACES)
    for entry in entries:
        if entry.name.startswith(TEMPORARY) or entry.name == ".DS_Store":
            continue
        mode, size = _lstat(entry.path)
        if stat.S_ISREG(mode):
            file = _file(entry.path, entry.name, size, relseg_size)
            if file and (filenode is None or _filenode(entry.name) == filenode):
                yield file
        elif stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
            below = os.path.join(entry.path, version) if in_tablespaces else entry.path
            _lstat(below)
            yield from _walk(below, version, relseg_size, filenode)


def _lstat(path: str) -> tuple[int, int]:
    try:
        found = os.lstat(path)
    except OSError as error:
        raise UserError(f'could not stat file "{path}": {error.strerror}') from None
    return found.st_mode, found.st_size


def _filenode(name: str) -> str:
    return name.partition(".")[0].partition("_")[0]


def _file(path: str, name: str, size: int, relseg_size: int) -> File | None:
    if name in OTHER_FILES or name.startswith(OTHER_PREFIXES):
        return None
    _, dot, suffix = name.partition(".")
    segment = int(suffix) if suffix.isascii() and suffix.isdigit() else 0
    if dot and segment == 0:
        raise UserError(f'invalid segment number {segment} in file name "{path}"')
    return File(path, size, segment, segment * relseg_size & 0xFFFFFFFF)


def units(files: list[File]) -> deque[Unit]:
    """The work, cut so that no unit keeps one thread busy at the end for long."""
    out: deque[Unit] = deque()
    for file in files:
        starts = range(0, file.pages, UNIT_PAGES) or [0]
        file.open_units = len(starts)
        out += [Unit(file, at, min(UNIT_PAGES, file.pages - at)) for at in starts]
    return out


class Verifier(threading.Thread):
    """Takes units until none is left; puts every verified unit, or an exception, into ``done``."""

    def __init__(self, work: deque[Unit], done: SimpleQueue[Any]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._done = done
        self._buffer = memoryview(bytearray(checksum.BATCH * BLCKSZ))
        self._filled = 0
        self._runs: list[tuple[Unit, int, int]] = []
        self._finished: list[Unit] = []

    def run(self) -> None:
        """The thread's body."""
        try:
            while self._work:
                try:
                    unit = self._work.popleft()
                except IndexError:
                    break
                self._read(unit)
            self._flush()
        except BaseException as error:  # handed to the main thread, which raises it
            self._done.put(error)
        self._done.put(None)

    def _read(self, unit: Unit) -> None:
        try:
            descriptor = os.open(unit.file.path, os.O_RDONLY)
        except OSError as error:
            raise UserError(f'could not open file "{unit.file.path}": {error.strerror}') from None
        try:
            at = unit.start
            while at < unit.start + unit.pages:
                room = checksum.BATCH - self._filled
                wanted = min(room, unit.start + unit.pages - at)
                self._fill(descriptor, unit, at, wanted)
                at += wanted
                if self._filled == checksum.BATCH:
                    self._flush()
        finally:
            os.close(descriptor)
        self._finished.append(unit)

    def _fill(self, descriptor: int, unit: Unit, at: int, pages: int) -> None:
        begin, end = self._filled * BLCKSZ, (self._filled + pages) * BLCKSZ
        while begin < end:
            offset = at * BLCKSZ + begin - self._filled * BLCKSZ
            try:
                got = os.preadv(descriptor, [self._buffer[begin:end]], offset)
            except OSError as error:
                raise UserError(
                    f"could not read block {offset // BLCKSZ} in file "
                    f'"{unit.file.path}": {error.strerror}'
                ) from None
            if got == 0:
                raise CorruptData("file became shorter while it was read", file=unit.file.path)
            begin += got
        self._runs.append((unit, at, pages))
        self._filled += pages

    def _flush(self) -> None:
        runs = [(pages, unit.file.first_block + at) for unit, at, pages in self._runs]
        bad = checksum.verify_runs(self._buffer[: self._filled * BLCKSZ], runs)
        begin = 0
        for unit, at, pages in self._runs:
            unit.file.bad += [
                page._replace(block=at + page.block - begin)
                for page in bad
                if begin <= page.block < begin + pages
            ]
            begin += pages
        for unit in self._finished:
            self._done.put(unit)
        self._runs, self._finished, self._filled = [], [], 0


def verify(files: list[File], jobs: int) -> Iterator[Unit]:
    """Verify all files; yields each unit once done, in no particular order."""
    done: SimpleQueue[Any] = SimpleQueue()
    work = units(files)
    threads = [Verifier(work, done) for _ in range(max(1, min(jobs, len(work))))]
    for thread in threads:
        thread.start()
    running = len(threads)
    try:
        while running:
            found = done.get()
            if found is None:
                running -= 1
            elif isinstance(found, BaseException):
                raise found
            else:
                found.file.open_units -= 1
                if found.file.open_units == 0:
                    _finish(found.file)
                yield found
    finally:
        work.clear()


def _finish(file: File) -> None:
    file.bad.sort()
    file.bad_pages = len(file.bad)
    rest = file.size % BLCKSZ
    if rest:
        file.partial = CorruptData(
            f'could not read block {file.pages} in file "{file.path}": read {rest} of {BLCKSZ}'
        )
