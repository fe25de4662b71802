"""Batches of rows and the operations on their columns.

A :class:`Batch` is ``n`` rows of columns. A column is one of the stored forms
(FixedColumn, VarColumn), a ScaledColumn, an ObjectColumn, or a :class:`ConstColumn`. A
batch that was taken out of another one gathers a column only when it is asked for, so a
filter or join costs nothing for columns that nobody reads above it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pgtool.functions.codec import Codec
from pgtool.functions.columns import MixedColumn, NumericColumn, ObjectColumn, ScaledColumn
from pgtool.storage import ragged
from pgtool.types.column import FixedColumn, VarColumn

__all__ = [
    "Batch", "ConstColumn", "column_bytes", "compact", "concat", "nulls", "take", "truth", "values",
]  # fmt: skip

Array = npt.NDArray[Any]
_SPARE = 1 << 16
Index = npt.NDArray[np.int64]


class ConstColumn:
    """The same value in every row."""

    __slots__ = ("cache", "n", "value")

    def __init__(self, value: Any, n: int, cache: dict[int, Any] | None = None) -> None:
        self.value = value
        self.n = n
        self.cache = cache if cache is not None else {}

    def __len__(self) -> int:
        return self.n


class _Later:
    """A column of another batch, not yet gathered. An index of −1 gives NULL."""

    __slots__ = ("batch", "index", "nullable", "number")

    def __init__(self, batch: Batch, number: int, index: Index, nullable: bool) -> None:
        self.batch = batch
        self.number = number
        self.index = index
        self.nullable = nullable


class Batch:
    """Some rows."""

    __slots__ = ("_columns", "n")

    def __init__(self, n: int, columns: list[Any]) -> None:
        self.n = n
        self._columns = columns

    def __len__(self) -> int:
        return self.n

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self._columns)

    def col(self, number: int) -> Any:
        """One column."""
        found = self._columns[number]
        if type(found) is _Later:
            source = found.batch.col(found.number)
            found = take_outer(source, found.index) if found.nullable else take(source, found.index)
            self._columns[number] = found
        return found

    def cols(self) -> list[Any]:
        """Every column."""
        return [self.col(i) for i in range(len(self._columns))]

    def take(self, index: Index, nullable: bool = False) -> Batch:
        """The rows with these indexes, gathered when needed."""
        columns: list[Any] = [
            _Later(self, i, index, nullable) for i in range(len(self._columns))
        ]  # fmt: skip
        return Batch(len(index), columns)

    def filter(self, mask: Array) -> Batch:
        """The rows that a mask picks."""
        return self.take(np.flatnonzero(mask))

    def pick(self, numbers: Sequence[int]) -> Batch:
        """Some columns."""
        out = Batch.__new__(Batch)
        out.n = self.n
        out._columns = [self.raw(i) for i in numbers]
        return out

    def raw(self, number: int) -> Any:
        """A column as it stands, to be gathered by whoever asks first."""
        found = self._columns[number]
        if found is None:
            return self.col(number)
        if type(found) is _Later:
            return _Later(found.batch, found.number, found.index, found.nullable)
        return found

    def beside(self, other: Batch) -> Batch:
        """This batch's columns and another's, row by row."""
        mine = [self.raw(i) for i in range(self.width)]
        return Batch(self.n, mine + [other.raw(i) for i in range(other.width)])

    def head(self, count: int) -> Batch:
        """The first rows."""
        return self if count >= self.n else self.take(np.arange(count))

    def slice(self, low: int, high: int) -> Batch:
        """A run of rows."""
        if low == 0 and high >= self.n:
            return self
        return self.take(np.arange(low, min(high, self.n)))

    def rows(self, codecs: Sequence[Codec]) -> Iterator[tuple[Any, ...]]:
        """The rows as tuples of values."""
        if not codecs:
            return iter([()] * self.n)
        return zip(*[values(self.col(i), codec) for i, codec in enumerate(codecs)])


def values(column: Any, codec: Codec) -> list[Any]:
    """The values of any column."""
    if type(column) is ConstColumn:
        return [column.value] * column.n
    return codec.values(column)


def stored(column: Any, codec: Codec) -> Any:
    """Any column in stored form, one element a row."""
    if type(column) is ConstColumn:
        one = codec.column([column.value])
        return take(one, np.zeros(column.n, np.int64))
    return codec.stored(column)


def take(column: Any, index: Index) -> Any:
    """The rows of a column with these indexes."""
    kind = type(column)
    if kind is FixedColumn:
        valid = column.valid
        return FixedColumn(column.values[index], None if valid is None else valid[index])
    if kind is NumericColumn:
        out = NumericColumn(
            column.buffer, column.start[index], column.length[index],
            None if column.valid is None else column.valid[index],
        )  # fmt: skip
        if isinstance(column.scaled, (ScaledColumn, MixedColumn)):
            out.scaled = take(column.scaled, index)
        return out
    if kind is VarColumn:
        valid = column.valid
        return VarColumn(
            column.buffer, column.start[index], column.length[index],
            None if valid is None else valid[index],
        )  # fmt: skip
    if kind is ScaledColumn:
        valid = column.valid
        values_ = column.values[index]
        return ScaledColumn(values_, column.scale, None if valid is None else valid[index])
    if kind is MixedColumn:
        valid = None if column.valid is None else column.valid[index]
        return MixedColumn(column.values[index], column.scale, column.shown[index], valid)
    if kind is ConstColumn:
        return ConstColumn(column.value, len(index), column.cache)
    items = column.items
    return ObjectColumn([items[i] for i in index.tolist()])


def take_outer(column: Any, index: Index) -> Any:
    """As :func:`take`, with NULL where the index is −1."""
    missing = index < 0
    if not missing.any():
        return take(column, index)
    kind = type(column)
    if kind is ObjectColumn:
        items = column.items
        return ObjectColumn([items[i] if i >= 0 else None for i in index.tolist()])
    if kind is ConstColumn:
        value = column.value
        return ObjectColumn([None if gone else value for gone in missing.tolist()])
    if not len(column):
        return ObjectColumn([None] * len(index))
    out = take(column, np.where(missing, 0, index))
    out.valid = ~missing if out.valid is None else out.valid & ~missing
    if kind is NumericColumn:
        out.scaled = None
    return out


def nulls(column: Any) -> Array | None:
    """Which rows are NULL; None where none is."""
    if type(column) is ConstColumn:
        return np.ones(column.n, bool) if column.value is None else None
    valid = column.valid
    return None if valid is None else ~valid


def truth(column: Any, n: int) -> Array:
    """Which rows of a boolean column are true."""
    kind = type(column)
    if kind is ConstColumn:
        return np.full(n, column.value is True)
    if kind is ObjectColumn:
        return np.fromiter((v is True for v in column.items), np.bool_, n)
    out: Array = column.values
    return out if column.valid is None else out & column.valid


def compact(column: Any) -> Any:
    """The column without the page buffers that it may point into."""
    if type(column) in (ConstColumn, ScaledColumn, MixedColumn):
        return column
    if isinstance(column, VarColumn):
        length = column.length.astype(np.int64)
        if column.valid is not None:
            length = np.where(column.valid, length, 0)
        data, offsets = ragged.gather(column.buffer, column.start, length)
        out: Any = type(column)(data, offsets[:-1], length.astype(np.int32), column.valid)
        if isinstance(column, NumericColumn):
            out.scaled = column.scaled
        return out
    return column


def column_bytes(column: Any) -> int:
    """About how much memory a compacted column takes."""
    if isinstance(column, VarColumn):
        return len(column.buffer) + 13 * len(column)
    if isinstance(column, (FixedColumn, ScaledColumn, MixedColumn)):
        return int(column.values.nbytes) + (0 if column.valid is None else len(column))
    return 8 if type(column) is ConstColumn else 100 * len(column)


def _valid_concat(columns: Sequence[Any]) -> Array | None:
    if all(c.valid is None for c in columns):
        return None
    return np.concatenate(
        [np.ones(len(c), bool) if c.valid is None else c.valid for c in columns]
    )


def concat(columns: Sequence[Any], codec: Codec) -> Any:
    """Columns of one type, one after the other."""
    if len(columns) == 1:
        return columns[0]
    kinds = {type(c) for c in columns}
    if kinds == {ConstColumn}:
        first = columns[0].value
        if all(c.value is first for c in columns):
            return ConstColumn(first, sum(c.n for c in columns))
    if ObjectColumn in kinds and not codec.is_number:
        return ObjectColumn([v for c in columns for v in values(c, codec)])
    if kinds == {ScaledColumn} and len({c.scale for c in columns}) == 1:
        return ScaledColumn(
            np.concatenate([c.values for c in columns]), columns[0].scale, _valid_concat(columns)
        )
    plain = [stored(c, codec) for c in columns]
    valid = _valid_concat(plain)
    if isinstance(plain[0], FixedColumn):
        return FixedColumn(np.concatenate([c.values for c in plain]), valid)
    return _concat_spans(plain, valid)


def _concat_spans(columns: Sequence[Any], valid: Array | None) -> VarColumn:
    used = sum(int(c.length.sum(dtype=np.int64)) for c in columns)
    if sum({id(c.buffer): len(c.buffer) for c in columns}.values()) > 2 * used + _SPARE:
        columns = [compact(c) for c in columns]
    starts, base = [], 0
    buffers: list[Any] = []
    seen: dict[int, int] = {}
    for column in columns:
        at = seen.get(id(column.buffer))
        if at is None:
            at = seen[id(column.buffer)] = base
            buffers.append(column.buffer)
            base += len(column.buffer)
        starts.append(column.start + at)
    out = type(columns[0])(
        np.concatenate(buffers), np.concatenate(starts),
        np.concatenate([c.length for c in columns]), valid,
    )  # fmt: skip
    if isinstance(out, NumericColumn):
        parts = [c.scaled for c in columns]
        if all(isinstance(p, ScaledColumn) for p in parts) and len({p.scale for p in parts}) == 1:
            out.scaled = ScaledColumn(
                np.concatenate([p.values for p in parts]), parts[0].scale, valid
            )
    return out


def concat_batches(batches: Sequence[Batch], codecs: Sequence[Codec]) -> Batch:
    """Batches of the same columns as one, compacted."""
    if len(batches) == 1:
        only = batches[0]
        return Batch(only.n, [compact(only.col(i)) for i in range(len(codecs))])
    total = sum(b.n for b in batches)
    return Batch(total, [
        concat([b.col(i) for b in batches], codec) for i, codec in enumerate(codecs)
    ])  # fmt: skip


def merge_rows(n: int, parts: Iterable[tuple[Index, Any]], codec: Codec) -> Any:
    """A column of ``n`` rows put together from columns for some of them each."""
    found = [(index, column) for index, column in parts if len(index)]
    if len(found) == 1 and len(found[0][0]) == n:
        return found[0][1]
    if not found:
        return codec.column([])
    place = np.concatenate([index for index, _ in found])
    order = np.empty(n, np.int64)
    order[place] = np.arange(n)
    return take(concat([column for _, column in found], codec), order)
