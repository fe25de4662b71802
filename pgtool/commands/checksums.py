"""Turning page checksums on and off in a cluster that is shut down, as pg_checksums does.

Enabling writes into every page the checksum that it lacks, makes the files durable, and
only then says so in pg_control. Killed at any moment before that, the cluster is as it was:
without checksums nobody reads the two bytes. Run again, it passes over the pages that
already carry theirs, so nothing is done twice. Disabling changes pg_control alone.

Invariant: the caller holds the directory's lock file (:mod:`pgtool.storage.lockfile`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from formats import control as control_format
from formats.errors import CorruptData
from formats.units import BLCKSZ
from pgtool.storage.backend import WritableBackend
from pgtool.storage.checksum import stamp_missing
from pgtool.storage.pagefiles import File, Unit
from pgtool.storage.pagework import PageRun, PageWorker, bad_pages, work

__all__ = ["enable", "set_version", "sync_files"]

#: Several threads count the changed pages of one file.
_counting = threading.Lock()


class Counter(PageWorker):
    """Counts the pages whose checksum is missing."""

    def batch(self, pages: memoryview, runs: list[PageRun]) -> None:
        for run, _page in bad_pages(pages, runs):
            with _counting:
                run.unit.file.written += 1


class Enabler(PageWorker):
    """Writes the checksums that are missing."""

    def batch(self, pages: memoryview, runs: list[PageRun]) -> None:
        for run in runs:
            part = pages[run.first * BLCKSZ : (run.first + run.pages) * BLCKSZ]
            changed = stamp_missing(part, run.unit.file.first_block + run.at)
            if not changed:
                continue
            handle = os.open(run.unit.file.path, os.O_WRONLY)
            try:
                for first, count in _neighbours(changed):
                    some = part[first * BLCKSZ : (first + count) * BLCKSZ]
                    _write(handle, some, (run.at + first) * BLCKSZ)
            finally:
                os.close(handle)
            with _counting:
                run.unit.file.written += len(changed)


def _neighbours(blocks: list[int]) -> Iterator[tuple[int, int]]:
    """(first, count) of each row of consecutive numbers in a sorted list."""
    first = last = blocks[0]
    for block in blocks[1:]:
        if block != last + 1:
            yield first, last + 1 - first
            first = block
        last = block
    yield first, last + 1 - first


def _write(handle: int, data: memoryview, offset: int) -> None:
    while data:
        done = os.pwrite(handle, data, offset)
        data, offset = data[done:], offset + done


def enable(files: list[File], jobs: int, *, dry_run: bool = False) -> Iterator[Unit]:
    """Write what is missing into all files; yields each unit once done, in no order.

    A file that ends inside a page is CorruptData before anything is written.
    """
    for file in files:
        if file.size % BLCKSZ:
            raise CorruptData(
                f"could not read block {file.pages}: read {file.size % BLCKSZ} of {BLCKSZ}",
                file=file.path, block=file.pages,
            )  # fmt: skip
    return work(files, jobs, Counter if dry_run else Enabler)


def sync_files(paths: Iterable[str]) -> None:
    """Make files durable, and the directories that they are in."""
    directories = set()
    for path in paths:
        _sync(path)
        directories.add(os.path.dirname(path))
    for path in sorted(directories):
        _sync(path)


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def set_version(backend: WritableBackend, major: int, control: Any, version: int) -> None:
    """Say in pg_control whether pages carry checksums (1) or not (0), durably."""
    control.data_checksum_version = version
    control.time = int(time.time())
    data = control_format.build(major, control, crc=True)
    assert len(data) == control_format.PG_CONTROL_FILE_SIZE
    backend.write(control_format.CONTROL_FILE, 0, data)
    backend.sync(control_format.CONTROL_FILE)
