"""Aggregates over many groups at once: count, sum, min, max, avg of the number types.

States are arrays with an element for each group. Sums of integers and numerics are exact:
kept as two 64-bit sums, of the upper and the lower halves. Sums of floats go in the order
of the rows, as the server adds them.
"""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import numpy as np

from pgtool.errors import SqlError
from pgtool.functions.aggregates import NumericSums, average_of, sum_of
from pgtool.functions.codec import codec_of
from pgtool.functions.columns import MixedColumn, ScaledColumn
from pgtool.functions.compare import number_cmp
from pgtool.functions.float import overflow
from pgtool.functions.mixed import MixedSums, extremes
from pgtool.functions.numeric import quotient
from pgtool.functions.quotients import averages
from pgtool.functions.registry import GroupedAggregate, grouped
from pgtool.types.column import FixedColumn
from pgtool.types.numeric import EXACT

__all__ = ["ExactSum", "grown", "present"]

Array = Any
_LOW = np.int64(0xFFFFFFFF)
#: Sums of squares of numbers up to here cannot overflow.
_SQUARE_ROOM = 1e140


def grown(state: Array, groups: int, fill: Any = 0) -> Array:
    """An array of at least so many elements."""
    if len(state) >= groups:
        return state
    out = np.full(max(groups, 2 * len(state)), fill, state.dtype)
    out[: len(state)] = state
    return out


def present(ids: Array, column: Any, groups: int) -> tuple[Array, int, Array]:
    """The rows of a column that are not NULL, as :meth:`ExactSum.add` takes them."""
    if column.valid is None:
        return ids, groups, column.values
    rows = np.flatnonzero(column.valid)
    return ids[rows], groups, column.values[rows]


@grouped(("int8inc", ""), ("int8inc_any", ""), ("int8inc_float8_float8", ""))
class Count(GroupedAggregate):
    """count(*) and count(x)."""

    mixed = True

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        self.counts = np.zeros(0, np.int64)

    def step(self, ids: Array, groups: int, *columns: Any) -> bool:
        """Count rows by group."""
        self.counts = grown(self.counts, groups)
        if groups == 1:
            self.counts[0] += len(ids)
        else:
            found = np.bincount(ids, minlength=groups)
            self.counts[: len(found)] += found
        return True

    def final(self, groups: int) -> Any:
        """The counts."""
        return FixedColumn(grown(self.counts, groups)[:groups].copy())


class ExactSum:
    """Sums of int64 values by group, without overflow."""

    def __init__(self) -> None:
        self.high = np.zeros(0, np.int64)
        self.low = np.zeros(0, np.int64)
        self.counts = np.zeros(0, np.int64)

    def add(self, ids: Array, groups: int, values: Array) -> None:
        self.high, self.low = grown(self.high, groups), grown(self.low, groups)
        self.counts = grown(self.counts, groups)
        if not len(values):
            return
        small = values.dtype.itemsize < 8 or (
            int(values.max()) < 1 << 31 and int(values.min()) >= -(1 << 31)
        )
        if groups == 1:
            self.counts[0] += len(values)
            if small:
                self.low[0] += int(values.sum(dtype=np.int64))
            else:
                self.high[0] += int((values >> 32).sum())
                self.low[0] += int((values & _LOW).sum())
        else:
            found = np.bincount(ids, minlength=groups)
            self.counts[: len(found)] += found
            if small:
                self._add_small(ids, groups, values)
            else:
                np.add.at(self.high, ids, values >> 32)
                np.add.at(self.low, ids, values & _LOW)
        if int(np.abs(self.low[:groups]).max()) > 1 << 60:
            self.high += self.low >> 32
            self.low &= _LOW

    def _add_small(self, ids: Array, groups: int, values: Array) -> None:
        if groups <= 4 * len(values) and len(values) < 1 << 21:
            # Below 2^52 a sum of doubles is exact.
            found = np.bincount(ids, values.astype(np.float64), groups)
            self.low[: len(found)] += found.astype(np.int64)
        else:
            np.add.at(self.low, ids, values.astype(np.int64, copy=False))

    def fitting(self, groups: int) -> tuple[Array, Array] | None:
        """(sums, counts), where all sums fit 64 bits."""
        high, low = (grown(part, groups)[:groups] for part in (self.high, self.low))
        if len(high) and int(np.abs(high).max()) >= 1 << 28:
            return None
        return (high << 32) + low, grown(self.counts, groups)[:groups]

    def total(self, groups: int) -> list[int | None]:
        """Each group's sum; None where nothing was added."""
        high, low = grown(self.high, groups).tolist(), grown(self.low, groups).tolist()
        counts = grown(self.counts, groups).tolist()
        return [
            (high[i] << 32) + low[i] if counts[i] else None for i in range(groups)
        ]


def averages_of(call: Any, sums: ExactSum, scale: int, groups: int) -> Any:
    """Each group's average; None where they are to be computed one by one."""
    found = sums.fitting(groups)
    if found is None:
        return None
    return averages(found[0], scale, found[1], codec_of(call.session.types, call.rettype).encode)


@grouped(("int4_sum", ""), ("int2_sum", ""))
class SumInt(GroupedAggregate):
    """sum(int2), sum(int4) → bigint."""

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        self.sums = ExactSum()

    def step(self, ids: Array, groups: int, *columns: Any) -> bool:
        """Add."""
        self.sums.add(*present(ids, columns[0], groups))
        return True

    def final(self, groups: int) -> Any:
        """The sums."""
        found = self.sums.fitting(groups)
        if found is not None:
            sums, counts = found
            return FixedColumn(sums, None if (counts > 0).all() else counts > 0)
        out = self.sums.total(groups)
        if any(v is not None and not -(1 << 63) <= v < 1 << 63 for v in out):
            raise SqlError("bigint out of range", "22003")
        return out


@grouped(("int8_avg_accum", "numeric_poly_sum"))
class SumBigint(SumInt):
    """sum(int8) → numeric."""

    def final(self, groups: int) -> Any:
        """The sums."""
        found = self.sums.fitting(groups)
        if found is not None:
            sums, counts = found
            return ScaledColumn(sums, 0, None if (counts > 0).all() else counts > 0)
        return [None if v is None else Decimal(v) for v in self.sums.total(groups)]


@grouped(("int4_avg_accum", "int8_avg"), ("int2_avg_accum", "int8_avg"),
         ("int8_avg_accum", "numeric_poly_avg"))  # fmt: skip
class AvgInt(SumInt):
    """avg of integers → numeric."""

    def final(self, groups: int) -> Any:
        """The averages."""
        found = averages_of(self.call, self.sums, 0, groups)
        if found is not None:
            return found
        counts = grown(self.sums.counts, groups).tolist()
        totals = self.sums.total(groups)
        return [
            None if v is None else quotient(Decimal(v), Decimal(counts[i]))
            for i, v in enumerate(totals)
        ]


class _Scaled(GroupedAggregate):
    """sum and avg of numerics: scaled 64-bit integers by scale, others one by one."""

    mixed = True

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        self.by_scale: dict[int, ExactSum] = {}
        self.by_value = MixedSums()
        self.single: dict[int, NumericSums] = {}

    def step(self, ids: Array, groups: int, *columns: Any) -> bool:
        """Add."""
        column = columns[0]
        if isinstance(column, ScaledColumn):
            sums = self.by_scale.setdefault(column.scale, ExactSum())
            sums.add(*present(ids, column, groups))
            return True
        if isinstance(column, MixedColumn):
            sums = self.by_value.sums.setdefault(column.scale, ExactSum())
            sums.add(ids, groups, column.values)
            self.by_value.show(ids, groups, column.shown)
            return True
        codec = codec_of(self.call.session.types, self.call.argtypes[0])
        for group, value in zip(ids.tolist(), codec.values(column)):
            if group not in self.single:
                self.single[group] = NumericSums(self.call)
            self.single[group].step(value)
        return True

    def only(self) -> tuple[int, ExactSum] | None:
        """The scale and the sums, where all numbers had one scale."""
        if len(self.by_scale) != 1 or self.by_value.sums or self.single:
            return None
        return next(iter(self.by_scale.items()))

    def totals(self, groups: int) -> list[NumericSums]:
        """Each group's sums."""
        out = [self.single.get(i) or NumericSums(self.call) for i in range(groups)]
        for scale, sums in self.by_scale.items():
            self._join(out, sums, scale)
        for scale, sums in self.by_value.sums.items():
            self._join(out, sums, scale, grown(self.by_value.shown, groups).tolist())
        return out

    def _join(
        self, out: list[NumericSums], sums: ExactSum, scale: int, shown: list[int] | None = None
    ) -> None:
        counts = grown(sums.counts, len(out)).tolist()
        for i, value in enumerate(sums.total(len(out))):
            if value is not None:
                out[i] = joined = copy.copy(out[i])
                joined.count += counts[i]
                total = Decimal(value).scaleb(-scale, EXACT)
                if shown is not None:
                    total = total.quantize(Decimal((0, (1,), -shown[i])), context=EXACT)
                joined.total = EXACT.add(joined.total, total)


@grouped(("numeric_avg_accum", "numeric_sum"))
class SumNumeric(_Scaled):
    """sum(numeric)."""

    def final(self, groups: int) -> Any:
        """The sums; scaled as they are where all numbers had one scale."""
        only = self.only()
        found = None if only is None else only[1].fitting(groups)
        if only is None or found is None:
            return [sum_of(one) for one in self.totals(groups)]
        sums, counts = found
        return ScaledColumn(sums, only[0], None if counts.all() else counts > 0)


@grouped(("numeric_avg_accum", "numeric_avg"))
class AvgNumeric(_Scaled):
    """avg(numeric)."""

    def final(self, groups: int) -> Any:
        """The averages."""
        only = self.only()
        found = None if only is None else averages_of(self.call, only[1], only[0], groups)
        return [average_of(one) for one in self.totals(groups)] if found is None else found


class _FloatSum(GroupedAggregate):
    """Sums of floats in row order. ``unbounded`` are the groups that were given infinities."""

    dtype: Any = np.float64

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        self.sums = np.zeros(0, self.dtype)
        self.counts = np.zeros(0, np.int64)
        self.unbounded = np.zeros(0, bool)

    def step(self, ids: Array, groups: int, *columns: Any) -> bool:
        """Add."""
        self.sums, self.counts = grown(self.sums, groups), grown(self.counts, groups)
        self.unbounded = grown(self.unbounded, groups, False)
        values = columns[0].values.astype(self.dtype, copy=False)
        if not len(values):
            return True
        with np.errstate(all="ignore"):
            if np.isinf(values).any():
                self._in_order(ids, values)
            else:
                self._add(ids, groups, values)
        if (np.isinf(self.sums) & ~self.unbounded).any():
            raise overflow()
        return True

    def _in_order(self, ids: Array, values: Array) -> None:
        """One by one: a sum may overflow before an infinity comes that would hide it."""
        for group, value in zip(ids.tolist(), values):
            old = self.sums[group]
            self.sums[group] = value if not self.counts[group] else old + value
            self.counts[group] += 1
            self.unbounded[group] |= np.isinf(value)
            if np.isinf(self.sums[group]) and not self.unbounded[group]:
                raise overflow()

    def _add(self, ids: Array, groups: int, values: Array) -> None:
        if groups == 1:
            line = np.empty(len(values) + 1, self.dtype)
            line[0], line[1:] = self.sums[0], values
            # The first value starts the sum: 0 + -0 would lose the sign.
            line = line if self.counts[0] else line[1:]
            self.sums[0] = np.cumsum(line)[-1]
            self.counts[0] += len(values)
            return
        # -0 is what nothing has been added to yet: it leaves any sum as it is.
        self.sums[:groups][self.counts[:groups] == 0] = -0.0
        np.add.at(self.sums, ids, values)
        found = np.bincount(ids, minlength=groups)
        self.counts[: len(found)] += found

    def _valid(self, groups: int) -> Array | None:
        counts = grown(self.counts, groups)[:groups]
        return None if (counts > 0).all() else counts > 0


@grouped(("float8pl", ""))
class SumFloat8(_FloatSum):
    """sum(float8)."""

    def final(self, groups: int) -> Any:
        """The sums."""
        return FixedColumn(grown(self.sums, groups)[:groups].copy(), self._valid(groups))


@grouped(("float4pl", ""))
class SumFloat4(SumFloat8):
    """sum(float4)."""

    dtype = np.float32


@grouped(("float8_accum", "float8_avg"), ("float4_accum", "float8_avg"))
class AvgFloat(_FloatSum):
    """avg of floats. The server's running sum of squares may overflow, so large values are
    left to the scalar form, which has it too."""

    def step(self, ids: Array, groups: int, *columns: Any) -> bool:
        """Add."""
        values = columns[0].values
        with np.errstate(invalid="ignore"):
            if np.isinf(values).any() or (np.abs(values.astype(np.float64)) > _SQUARE_ROOM).any():
                return False
        return super().step(ids, groups, *columns)

    def final(self, groups: int) -> Any:
        """The averages."""
        counts = grown(self.counts, groups)[:groups]
        # The server adds to 0, which no sum of negative zeros leaves.
        sums = grown(self.sums, groups)[:groups] + 0.0
        with np.errstate(all="ignore"):
            return FixedColumn(sums / np.maximum(counts, 1), self._valid(groups))


class _Extreme(GroupedAggregate):
    """The greatest or least of fixed-width numbers."""

    largest = True

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        self.state: Array = None
        self.seen = np.zeros(0, bool)

    def step(self, ids: Array, groups: int, *columns: Any) -> bool:
        """Compare."""
        values = columns[0].values
        if values.dtype.kind not in "iuf":
            return False
        floats = values.dtype.kind == "f"
        low, high = (-np.inf, np.inf) if floats else (
            np.iinfo(values.dtype).min, np.iinfo(values.dtype).max)  # fmt: skip
        fill = low if self.largest else (np.nan if floats else high)
        if self.state is None:
            self.state = np.zeros(0, values.dtype)
        self.state, self.seen = grown(self.state, groups, fill), grown(self.seen, groups, False)
        if not len(values):
            return True
        ufunc: Any = np.maximum if self.largest else (np.fmin if floats else np.minimum)
        with np.errstate(invalid="ignore"):
            self._compare(ids, groups, values, ufunc)
        self.seen[ids] = True
        return True

    def _compare(self, ids: Array, groups: int, values: Array, ufunc: Any) -> None:
        if groups == 1:
            self.state[0] = ufunc(self.state[0], ufunc.reduce(values))
        else:
            ufunc.at(self.state, ids, values)

    def final(self, groups: int) -> Any:
        """The extremes."""
        if self.state is None:
            return [None] * groups
        seen = grown(self.seen, groups, False)[:groups]
        state = grown(self.state, groups)[:groups]
        return FixedColumn(state.copy(), None if seen.all() else seen)


@grouped(*[(name, "") for name in (
    "int2larger", "int4larger", "int8larger", "float4larger", "float8larger", "date_larger",
    "timestamp_larger", "timestamptz_larger", "oidlarger", "cashlarger", "time_larger",
)])  # fmt: skip
class Max(_Extreme):
    """max."""


@grouped(*[(name, "") for name in (
    "int2smaller", "int4smaller", "int8smaller", "float4smaller", "float8smaller",
    "date_smaller", "timestamp_smaller", "timestamptz_smaller", "oidsmaller", "cashsmaller",
    "time_smaller",
)])  # fmt: skip
class Min(_Extreme):
    """min."""

    largest = False


class _ScaledExtreme(GroupedAggregate):
    """The greatest or least of numerics: by columns as long as all have the same scale."""

    largest = True
    mixed = True

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        self.inner = Max(call) if self.largest else Min(call)
        self.scale: int | None = None
        self.items: list[Decimal | None] | None = None

    def step(self, ids: Array, groups: int, *columns: Any) -> bool:
        """Compare."""
        column = columns[0]
        plain = self.items is None and isinstance(column, ScaledColumn)
        if plain and self.scale in (None, column.scale):
            self.scale = column.scale
            return self.inner.step(ids, groups, column)
        codec = codec_of(self.call.session.types, self.call.argtypes[0])
        if isinstance(column, MixedColumn):
            rows = extremes(ids, groups, column.values, self.largest)
            part = MixedColumn(column.values[rows], column.scale, column.shown[rows])
            ids, column = ids[rows], part
        items = self._one_by_one(groups)
        sign = 1 if self.largest else -1
        for group, value in zip(ids.tolist(), codec.values(column)):
            old = items[group]
            if old is None or sign * number_cmp(old, value) <= 0:
                items[group] = value
        return True

    def _one_by_one(self, groups: int) -> list[Decimal | None]:
        if self.items is None:
            self.items = []
            found = self.inner.final(len(self.inner.seen)) if self.scale is not None else []
            if not isinstance(found, list):
                scaled = ScaledColumn(found.values, self.scale or 0, found.valid)
                codec = codec_of(self.call.session.types, self.call.argtypes[0])
                self.items = codec.values(scaled)
        self.items += [None] * (groups - len(self.items))
        return self.items

    def final(self, groups: int) -> Any:
        """The extremes."""
        if self.items is not None:
            return self._one_by_one(groups)[:groups]
        found = self.inner.final(groups)
        if isinstance(found, list):
            return found
        return ScaledColumn(found.values, self.scale or 0, found.valid)


@grouped(("numeric_larger", ""))
class MaxNumeric(_ScaledExtreme):
    """max(numeric)."""


@grouped(("numeric_smaller", ""))
class MinNumeric(_ScaledExtreme):
    """min(numeric)."""

    largest = False


# -- folds of bits and truth ----------------------------------------------------------------


def _fold(ufunc: Any, start: int) -> type[GroupedAggregate]:
    class Fold(GroupedAggregate):
        """An aggregate that numpy folds."""

        def __init__(self, call: Any) -> None:
            super().__init__(call)
            self.state: Array = None
            self.seen = np.zeros(0, bool)

        def step(self, ids: Array, groups: int, *columns: Any) -> bool:
            """Combine."""
            values = columns[0].values
            if values.dtype.kind not in "ib":
                return False
            if self.state is None:
                self.state = np.zeros(0, values.dtype)
            fill = values.dtype.type(start)
            self.state = grown(self.state, groups, fill)
            self.seen = grown(self.seen, groups, False)
            ufunc.at(self.state, ids, values)
            self.seen[ids] = True
            return True

        def final(self, groups: int) -> Any:
            """The results."""
            if self.state is None:
                return [None] * groups
            seen = grown(self.seen, groups, False)[:groups]
            state = grown(self.state, groups)[:groups]
            return FixedColumn(state.copy(), None if seen.all() else seen)

    return Fold


grouped(("booland_statefunc", ""))(_fold(np.logical_and, 1))
grouped(("boolor_statefunc", ""))(_fold(np.logical_or, 0))
for _suffix, _ufunc, _start in (
    ("and", np.bitwise_and, -1), ("or", np.bitwise_or, 0), ("xor", np.bitwise_xor, 0),
):  # fmt: skip
    grouped(*[(f"int{width}{_suffix}", "") for width in (2, 4, 8)])(_fold(_ufunc, _start))
