"""Rows put aside: in memory up to a limit, in temporary files beyond it.

Files are anonymous (unlinked at once) and lie where Python's :mod:`tempfile` puts them,
never in the data directory.
"""

from __future__ import annotations

import pickle
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from typing import IO, Any

from pgtool.functions.codec import Codec
from pgtool.functions.columns import NumericColumn
from pgtool.sql.executor.batch import Batch, ConstColumn, column_bytes, compact, concat_batches

#: A block is written when it has so many rows, or bytes.
_WRITE_ROWS, _WRITE_BYTES = 4096, 1 << 18

__all__ = ["Queue", "SpillFile", "Store", "batch_bytes", "compacted"]


def compacted(batch: Batch, codecs: Sequence[Codec]) -> Batch:
    """The batch without the page buffers below it."""
    return Batch(batch.n, [compact(batch.col(i)) for i in range(len(codecs))])


def batch_bytes(batch: Batch) -> int:
    """About how much memory a compacted batch takes."""
    return 64 + sum(column_bytes(batch.col(i)) for i in range(batch.width))


def _plain(column: Any) -> Any:
    if isinstance(column, NumericColumn):
        return (column.buffer, column.start, column.length, column.valid)
    if type(column) is ConstColumn:
        return (column.value, column.n)
    return column


def _back(column: Any) -> Any:
    if isinstance(column, tuple):
        return NumericColumn(*column) if len(column) == 4 else ConstColumn(*column)
    return column


class SpillFile:
    """Batches in a temporary file, read in the order they were written, or by number."""

    def __init__(self, codecs: Sequence[Codec]) -> None:
        self.codecs = codecs
        self.file: IO[bytes] = tempfile.TemporaryFile(prefix="pgtool")  # noqa: SIM115
        self.rows = 0
        self.bytes = 0
        #: Where each block begins.
        self.places: list[int] = []
        self.waiting: list[Batch] = []
        self.waiting_rows = 0
        self.waiting_bytes = 0

    def write(self, batch: Batch) -> None:
        """Append rows; small batches wait for one another."""
        if not batch.n:
            return
        self.rows += batch.n
        small = compacted(batch, self.codecs)
        self.waiting.append(small)
        self.waiting_rows += batch.n
        self.waiting_bytes += batch_bytes(small)
        if self.waiting_rows >= _WRITE_ROWS or self.waiting_bytes >= _WRITE_BYTES:
            self._flush()

    def append(self, batch: Batch) -> None:
        """Append rows as a block of their own."""
        self._flush()
        self.rows += batch.n
        self._dump(compacted(batch, self.codecs))

    def _flush(self) -> None:
        if self.waiting:
            whole = concat_batches(self.waiting, self.codecs)
            self.waiting, self.waiting_rows, self.waiting_bytes = [], 0, 0
            self._dump(whole)

    def _dump(self, whole: Batch) -> None:
        self.file.seek(self.bytes)
        self.places.append(self.bytes)
        pickle.dump((whole.n, [_plain(c) for c in whole.cols()]), self.file, protocol=5)
        self.bytes = self.file.tell()

    def block(self, number: int) -> Batch:
        """One block."""
        self.file.seek(self.places[number])
        n, columns = pickle.load(self.file)
        return Batch(n, [_back(c) for c in columns])

    def read(self) -> Iterator[Batch]:
        """All rows from the start."""
        self._flush()
        for number in range(len(self.places)):
            yield self.block(number)

    def close(self) -> None:
        """Drop the file."""
        self.file.close()


class Store:
    """Rows kept for reading again."""

    def __init__(self, codecs: Sequence[Codec], limit: int) -> None:
        self.codecs = codecs
        self.limit = limit
        self.kept: list[Batch] = []
        self.size = 0
        self.rows = 0
        self.file: SpillFile | None = None

    def add(self, batch: Batch) -> None:
        """Take in rows."""
        if not batch.n:
            return
        self.rows += batch.n
        if self.file is not None:
            self.file.write(batch)
            return
        small = compacted(batch, self.codecs)
        self.kept.append(small)
        self.size += batch_bytes(small)
        if self.size > self.limit:
            self.file = SpillFile(self.codecs)
            for one in self.kept:
                self.file.write(one)
            self.kept = []

    def read(self) -> Iterator[Batch]:
        """All rows in order."""
        if self.file is not None:
            yield from self.file.read()
        else:
            yield from list(self.kept)


class Queue:
    """Rows that are taken away once, in order, while more come in behind."""

    def __init__(self, codecs: Sequence[Codec], limit: int) -> None:
        self.codecs = codecs
        self.limit = limit
        self.size = 0
        #: Batches, and numbers of blocks in the file behind them.
        self.waiting: deque[Batch | int] = deque()
        self.file: SpillFile | None = None

    def add(self, batch: Batch) -> None:
        """Put rows at the end."""
        if not batch.n:
            return
        small = compacted(batch, self.codecs)
        size = batch_bytes(small)
        if self.file is None and self.size + size > self.limit:
            self.file = SpillFile(self.codecs)
        if self.file is None:
            self.size += size
            self.waiting.append(small)
        else:
            self.waiting.append(len(self.file.places))
            self.file.append(small)

    def take(self, count: int) -> Iterator[Batch]:
        """The first rows, which are no longer here then."""
        while count:
            batch = self.waiting.popleft()
            if isinstance(batch, int):
                assert self.file is not None
                batch = self.file.block(batch)
            else:
                self.size -= batch_bytes(batch)
            if batch.n > count:
                rest = compacted(batch.slice(count, batch.n), self.codecs)
                self.waiting.appendleft(rest)
                self.size += batch_bytes(rest)
                batch = batch.slice(0, count)
            count -= batch.n
            yield batch
        if not self.waiting and self.file is not None:
            self.file.close()
            self.file = None
