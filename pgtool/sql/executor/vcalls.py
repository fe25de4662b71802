"""Calls of strict functions over columns: vectorised where there is a form, else by value."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from pgtool.functions import registry
from pgtool.functions.codec import Codec
from pgtool.functions.columns import MixedColumn, NumericColumn, ObjectColumn, ScaledColumn
from pgtool.functions.compare import FLIPPED, against
from pgtool.functions.mixed import over_mixed
from pgtool.functions.scaled import scaled_column
from pgtool.sql.executor.batch import ConstColumn, nulls, take, values
from pgtool.types.column import FixedColumn, VarColumn

__all__ = ["VectorCall", "argument", "over_array"]


def argument(column: Any, codec: Codec) -> Any:
    """A column as a vectorised function takes it; NotImplemented where it cannot be."""
    if type(column) is ConstColumn:
        found = column.cache.get(codec.typid)
        if found is None:
            found = column.cache[codec.typid] = _constant(column.value, codec)
        if isinstance(found, VarColumn):
            n = column.n
            return VarColumn(
                found.buffer, np.broadcast_to(found.start, (n,)),
                np.broadcast_to(found.length, (n,)),
            )  # fmt: skip
        return found
    if codec.is_numeric:
        return integers_of(column, codec)
    column = codec.stored(column)
    return column.values if isinstance(column, FixedColumn) else column


def _constant(value: Any, codec: Codec) -> Any:
    one = codec.column([value])
    if codec.is_numeric:
        return integers_of(one, codec)
    return one.values[0] if isinstance(one, FixedColumn) else one


def numeric_argument(column: Any, codec: Codec) -> Any:
    """A numeric column as integers of one scale and display scale, or NotImplemented."""
    found = integers_of(column, codec)
    return found if isinstance(found, ScaledColumn) else NotImplemented


def integers_of(column: Any, codec: Codec) -> Any:
    """A numeric column as scaled integers, with one display scale or several."""
    if isinstance(column, (ScaledColumn, MixedColumn)):
        return column
    if isinstance(column, ObjectColumn):
        column = codec.stored(column)
    if isinstance(column, NumericColumn):
        if column.scaled is None:
            column.scaled = scaled_column(column)
        if column.scaled is not False:
            return column.scaled
    return NotImplemented


_COMPARISONS = {f"numeric_{suffix}": suffix for suffix in FLIPPED}
_SAFE = {"texteq", "textne", "bpchareq", "bpcharne"}


class VectorCall:
    """One function bound to how it is called."""

    def __init__(
        self, prosrc: str, scalar: Callable[..., Any], codecs: list[Codec], result: Codec
    ) -> None:
        self.scalar = scalar
        self.codecs = codecs
        self.result = result
        self.vector = registry.VECTORS.get(prosrc)
        if prosrc in registry.VECTOR_CALLS and self.vector is not None:
            # The scalar form is bound to its Call in the same way.
            self.vector = functools.partial(self.vector, *getattr(scalar, "args", ()))
        self.prosrc = prosrc
        self.total = prosrc in registry.TOTAL
        #: It cannot fail on any row, though it may not be asked about NULLs.
        self.safe = self.total or prosrc in _SAFE
        self.comparison = _COMPARISONS.get(prosrc, "")

    def __call__(self, n: int, columns: list[Any]) -> Any:
        if all(type(c) is ConstColumn for c in columns):
            args = [c.value for c in columns]
            if None in args or not n:
                return ConstColumn(None, n)
            return ConstColumn(self.scalar(*args), n)
        if any(type(c) is ConstColumn and c.value is None for c in columns):
            return ConstColumn(None, n)
        if self.vector is not None and n > 4:
            found = self._vectorised(n, columns)
            if found is not NotImplemented:
                return found
        return self._by_value(n, columns)

    def _vectorised(self, n: int, columns: list[Any]) -> Any:
        missing: Any = None
        for column in columns:
            gone = nulls(column)
            if gone is not None:
                missing = gone if missing is None else missing | gone
        valid = None if missing is None else ~missing
        rows = None
        if valid is not None and not self.total:
            rows = np.flatnonzero(valid)
            columns = [take(c, rows) for c in columns]
        if self.comparison:
            found = self._against_constant(columns)
            if found is not NotImplemented:
                return self._column(found, n, valid, rows)
        args = [argument(c, codec) for c, codec in zip(columns, self.codecs)]
        if any(a is NotImplemented for a in args):
            return NotImplemented
        assert self.vector is not None
        if any(type(a) is MixedColumn for a in args):
            found = over_mixed(self.prosrc, self.vector, args)
        else:
            found = self.vector(*args)
        if found is NotImplemented:
            return NotImplemented
        return self._column(found, n, valid, rows)

    def _against_constant(self, columns: list[Any]) -> Any:
        """Numerics compared with a constant, which may have more decimals than they."""
        suffix, (column, constant) = self.comparison, columns
        if type(column) is ConstColumn:
            suffix, column, constant = FLIPPED[suffix], constant, column
        if type(constant) is not ConstColumn:
            return NotImplemented
        found = integers_of(column, self.codecs[0])
        if found is NotImplemented:
            return NotImplemented
        return against(suffix, found.values, found.scale, constant.value)

    def _column(self, found: Any, n: int, valid: Any, rows: Any) -> Any:
        if isinstance(found, np.ndarray):
            if self.result.dtype is not None and found.dtype != self.result.dtype:
                found = found.astype(self.result.dtype)
            found = FixedColumn(found)
        if rows is None:
            if valid is not None:
                found.valid = valid if found.valid is None else found.valid & valid
            return found
        where = np.zeros(n, np.int64)
        where[rows] = np.arange(len(rows))
        if not len(rows):
            return ConstColumn(None, n)
        out = take(found, where)
        out.valid = valid if out.valid is None else out.valid & valid
        return out

    def _by_value(self, n: int, columns: list[Any]) -> Any:
        scalar = self.scalar
        if len(columns) == 1:
            lists = [values(columns[0], self.codecs[0])]
            items = [None if a is None else scalar(a) for a in lists[0]]
        elif len(columns) == 2:
            left, right = (values(c, codec) for c, codec in zip(columns, self.codecs))
            items = [
                None if a is None or b is None else scalar(a, b) for a, b in zip(left, right)
            ]
        else:
            lists = [values(c, codec) for c, codec in zip(columns, self.codecs)]
            items = [None if None in row else scalar(*row) for row in zip(*lists)]
        return self.result.column(items) if self.result.is_number else ObjectColumn(items)


def over_array(call: VectorCall, column: Any, array: Any, n: int, wanted: bool) -> Any:
    """``column op ANY/ALL (array)`` for a constant array."""
    if array is None:
        return ConstColumn(None, n)
    if not array.elements:
        return ConstColumn(not wanted, n)
    decided = np.zeros(n, bool)
    unknown = nulls(column)
    unknown = np.zeros(n, bool) if unknown is None else unknown.copy()
    for item in array.elements:
        if item is None:
            unknown |= True
            continue
        found = call(n, [column, ConstColumn(item, n)])
        if type(found) is ConstColumn:
            if found.value is wanted:
                decided |= True
            continue
        if type(found) is ObjectColumn:
            found = call.result.column(found.items)
        hit = found.values if wanted else ~found.values
        decided |= hit if found.valid is None else hit & found.valid
    return FixedColumn(decided if wanted else ~decided, decided | ~unknown)
