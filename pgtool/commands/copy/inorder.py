"""One file written by several processes, each its parts at their places.

Where a part belongs is known when all before it know how long they are. A small file beside
the output (``….part.order``), mapped by every process, says so: entry *n* is where part *n*
begins, once that is known. A part that is done before its turn comes waits; one that grows
large before is held back when :data:`HELD` bytes of it are in memory. Parts are begun in
order, so the first unfinished one always has its place and nobody waits for ever; where a
part fails, or the whole export does, the others are told.
"""

from __future__ import annotations

import mmap
import os
import time
from typing import Any

HELD = 32 << 20
_UNKNOWN, _BROKEN = -1, -2
_SIZE = 8
_PAUSE, _LONGEST = 0.0002, 0.01


class Broken(Exception):
    """Another part of the file failed: this one is not wanted any more."""


def order_path(path: str) -> str:
    """The file that tells where parts begin."""
    return path + ".order"


def prepare(path: str, parts: int) -> None:
    """Make an empty output file and its order."""
    with open(path, "wb"):
        pass
    entries = [0] + [_UNKNOWN] * parts
    with open(order_path(path), "wb") as file:
        file.write(b"".join(entry.to_bytes(_SIZE, "little", signed=True) for entry in entries))


class _Order:
    """The mapped entries."""

    def __init__(self, path: str) -> None:
        with open(order_path(path), "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        self.entries = memoryview(self.map).cast("q")

    def close(self) -> None:
        self.entries.release()
        self.map.close()


def stop(path: str) -> None:
    """Tell all that the file is not wanted any more."""
    order = _Order(path)
    for number in range(len(order.entries)):
        order.entries[number] = _BROKEN
    order.close()


class Part:
    """A binary file to write to, which lands in its place in the whole."""

    def __init__(self, path: str, number: int) -> None:
        self.number = number
        self.order = _Order(path)
        self.file = os.open(path, os.O_WRONLY)
        self.at = _UNKNOWN
        self.held: list[Any] = []
        self.size = 0

    def write(self, data: Any) -> int:
        """Write, or hold until the place is known."""
        if not len(data):
            return 0
        view = memoryview(data).cast("B")
        if self.at == _UNKNOWN:
            self.at = self._place()
        if self.at == _UNKNOWN and self.size + len(view) > HELD:
            self._wait()
        self.held.append(view)
        self.size += len(view)
        if self.at != _UNKNOWN:
            self._put()
        return len(view)

    def close(self) -> None:
        """Let the next part begin, and write what was held."""
        if self.at == _UNKNOWN:
            self._wait()
        self.order.entries[self.number + 1] = self.at + self.size
        self._put()

    def end(self, whole: bool) -> None:
        """Let go of the files; where the part is not whole, the others are told."""
        if not whole:
            self.order.entries[self.number + 1] = _BROKEN
        self.order.close()
        os.close(self.file)

    def _place(self) -> int:
        place: int = self.order.entries[self.number]
        if place == _BROKEN:
            raise Broken
        return place

    def _wait(self) -> None:
        pause = _PAUSE
        while (place := self._place()) == _UNKNOWN:
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST)
        self.at = place

    def _put(self) -> None:
        """Write what is held at its place."""
        for view in self.held:
            while len(view):
                done = os.pwrite(self.file, view, self.at)
                self.at += done
                view = view[done:]
        self.held.clear()
        self.size = 0
