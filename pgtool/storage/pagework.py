"""Threads that go through files of pages, batch by batch, from one queue of units.

A :class:`PageWorker` fills its buffer with pages of as many units as fit and hands them to
:meth:`PageWorker.batch`, which verifies them or changes them; reading, summing and writing
release the GIL. :func:`work` runs some workers and yields every unit once it is done.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any, NamedTuple

from formats.errors import CorruptData, UserError
from formats.units import BLCKSZ
from pgtool.storage import checksum
from pgtool.storage.pagefiles import File, Unit, units

__all__ = ["PageRun", "PageWorker", "work"]


class PageRun(NamedTuple):
    """Pages of a unit in the buffer: pages [at, at + pages) of its file, from ``first`` on."""

    unit: Unit
    at: int
    pages: int
    first: int


class PageWorker(threading.Thread):
    """Takes units until none is left; puts every unit done, or an exception, into ``done``."""

    def __init__(self, todo: deque[Unit], done: SimpleQueue[Any]) -> None:
        super().__init__(daemon=True)
        self._todo = todo
        self._done = done
        self.buffer = memoryview(bytearray(checksum.BATCH * BLCKSZ))
        self._filled = 0
        self._runs: list[PageRun] = []
        self._finished: list[Unit] = []

    def batch(self, pages: memoryview, runs: list[PageRun]) -> None:
        """Work on some pages, which lie run after run in ``pages``."""
        raise AssertionError("a worker says what it does")

    def finish(self, file: File) -> None:
        """A file's last unit is done (called by the main thread)."""

    def run(self) -> None:
        """The thread's body."""
        try:
            while self._todo:
                try:
                    unit = self._todo.popleft()
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
                got = os.preadv(descriptor, [self.buffer[begin:end]], offset)
            except OSError as error:
                raise UserError(
                    f"could not read block {offset // BLCKSZ} in file "
                    f'"{unit.file.path}": {error.strerror}'
                ) from None
            if got == 0:
                raise CorruptData("file became shorter while it was read", file=unit.file.path)
            begin += got
        self._runs.append(PageRun(unit, at, pages, self._filled))
        self._filled += pages

    def _flush(self) -> None:
        if self._filled:
            self.batch(self.buffer[: self._filled * BLCKSZ], self._runs)
        for unit in self._finished:
            self._done.put(unit)
        self._runs, self._finished, self._filled = [], [], 0


def bad_pages(pages: memoryview, runs: list[PageRun]) -> Iterator[tuple[PageRun, Any]]:
    """(run, bad page) for each page whose checksum is not right; its block is the index in
    ``pages``."""
    bad = checksum.verify_runs(pages, [(r.pages, r.unit.file.first_block + r.at) for r in runs])
    for run in runs:
        for page in bad:
            if run.first <= page.block < run.first + run.pages:
                yield run, page


def work(files: list[File], jobs: int, kind: type[PageWorker]) -> Iterator[Unit]:
    """Go through all files; yields each unit once done, in no particular order."""
    done: SimpleQueue[Any] = SimpleQueue()
    todo = units(files)
    threads = [kind(todo, done) for _ in range(max(1, min(jobs, len(todo))))]
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
                    threads[0].finish(found.file)
                yield found
    finally:
        todo.clear()
