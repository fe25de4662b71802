"""Rows put aside: in memory up to a limit, in temporary files beyond it.

Files are anonymous (unlinked at once) and lie where Python's :mod:`tempfile` puts them,
never in the data directory.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Any

from pgtool.functions.codec import Codec
from pgtool.functions.columns import NumericColumn
from pgtool.sql.executor.batch import Batch, ConstColumn, column_bytes, compact, concat_batches

_WRITE_ROWS = 4096

__all__ = ["SpillFile", "Store", "batch_bytes", "compacted"]


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
    """Batches in a temporary file, read in the order they were written."""

    def __init__(self, codecs: Sequence[Codec]) -> None:
        self.codecs = codecs
        self.file: IO[bytes] = tempfile.TemporaryFile(prefix="pgtool")  # noqa: SIM115
        self.rows = 0
        self.bytes = 0
        self.waiting: list[Batch] = []
        self.waiting_rows = 0

    def write(self, batch: Batch) -> None:
        """Append rows; small batches wait for one another."""
        if not batch.n:
            return
        self.rows += batch.n
        self.waiting.append(compacted(batch, self.codecs))
        self.waiting_rows += batch.n
        if self.waiting_rows >= _WRITE_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self.waiting:
            whole = concat_batches(self.waiting, self.codecs)
            self.waiting, self.waiting_rows = [], 0
            columns = [_plain(c) for c in whole.cols()]
            pickle.dump((whole.n, columns), self.file, protocol=5)
            self.bytes = self.file.tell()

    def read(self) -> Iterator[Batch]:
        """All rows from the start. One reader at a time."""
        self._flush()
        place = 0
        end = self.bytes
        while place < end:
            self.file.seek(place)
            n, columns = pickle.load(self.file)
            place = self.file.tell()
            yield Batch(n, [_back(c) for c in columns])
        self.file.seek(0, 2)

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
