"""The files of a data directory that consist of pages: which they are, cut into units of work.

Which files count, which are left out, and how block numbers run on over segments follow
pg_checksums: ``global``, ``base`` and the tablespaces below ``pg_tblspc`` are walked, every
regular file there is taken to consist of pages unless its name is on the list of those
that do not.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from formats.errors import CorruptData, UserError
from formats.units import BLCKSZ
from formats.version import CATALOG_VERSION_NO
from pgtool.storage.checksum import BadPage

UNIT_PAGES = 8192
TABLESPACES = "pg_tblspc"
TEMPORARY = "pgsql_tmp"
DIRECTORIES = ("global", "base", TABLESPACES)
#: Files that do not consist of pages: by their whole name, by the start of it.
OTHER_FILES = ("pg_control", "pg_filenode.map", "PG_VERSION")
OTHER_PREFIXES = ("pg_internal.init",)


@dataclass(eq=False)
class File:
    """One file of pages; ``first_block`` counts from the start of its fork."""

    path: str
    size: int
    segment: int
    first_block: int
    open_units: int = 0
    bad: list[BadPage] = field(default_factory=list)
    bad_pages: int = 0
    #: Pages that were changed.
    written: int = 0
    partial: CorruptData | None = None

    @property
    def pages(self) -> int:
        """Whole pages in the file."""
        return self.size // BLCKSZ


@dataclass(frozen=True)
class Unit:
    """Pages [start, start + pages) of one file, for one thread to work on."""

    file: File
    start: int
    pages: int


def list_files(pgdata: str, major: int, relseg_size: int, filenode: str | None) -> list[File]:
    """Every file of pages, in the order of their names."""
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
