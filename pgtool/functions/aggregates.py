"""Aggregates, one group at a time: counts, sums, averages, extremes, collections.

The many-groups forms of the common ones are in :mod:`pgtool.functions.grouped`, variances
and regression in :mod:`pgtool.functions.aggstats`, ordered sets in
:mod:`pgtool.functions.orderedset`. ``final`` may be asked for more than once, and more
rows may come after it, as a window frame that grows does.
"""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.compare_containers import bound_cmp, range_cmp, subtype_cmp
from pgtool.functions.numeric import NAN, fitted, quotient
from pgtool.functions.registry import Aggregate, Call, aggregate, find
from pgtool.functions.values import ArrayValue, RangeValue
from pgtool.types.numeric import EXACT

__all__ = ["NumericSums", "average_of", "merged_ranges", "sum_of"]

#: Strict transition functions whose state is simply the value so far.
FOLDS = (
    "array_larger", "array_smaller", "bit_and", "bit_or", "bitxor", "booland_statefunc",
    "boolor_statefunc", "bpchar_larger", "bpchar_smaller", "bytea_larger", "bytea_smaller",
    "cash_pl", "cashlarger", "cashsmaller", "date_larger", "date_smaller", "enum_larger",
    "enum_smaller", "float4larger", "float4smaller", "float8larger", "float8smaller", "int2and",
    "int2larger", "int2or", "int2smaller", "int2xor", "int4and", "int4larger", "int4or",
    "int4smaller", "int4xor", "int8and", "int8larger", "int8or", "int8smaller", "int8xor",
    "interval_larger", "interval_smaller", "multirange_intersect_agg_transfn", "network_larger",
    "network_smaller", "numeric_larger", "numeric_smaller", "oidlarger", "oidsmaller",
    "pg_lsn_larger", "pg_lsn_smaller", "range_intersect_agg_transfn", "record_larger",
    "record_smaller", "text_larger", "text_smaller", "tidlarger", "tidsmaller", "time_larger",
    "time_smaller", "timestamp_larger", "timestamp_smaller", "timetz_larger", "timetz_smaller",
    "xid8_larger", "xid8_smaller", "float4pl", "float8pl",
)  # fmt: skip
_SAME_AS = {
    "booland_statefunc": lambda a, b: a and b,
    "boolor_statefunc": lambda a, b: a or b,
}
_RENAMED = {
    "range_intersect_agg_transfn": "range_intersect",
    "multirange_intersect_agg_transfn": "multirange_intersect",
}  # fmt: skip


def _fold(name: str) -> type[Aggregate]:
    """An aggregate whose transition function combines two values of the same type."""

    class Fold(Aggregate):
        def __init__(self, call: Call) -> None:
            super().__init__(call)
            self.state: Any = None
            combine = _SAME_AS.get(name)
            if combine is None:
                builtin = find(_RENAMED.get(name, name))
                combine = builtin.scalar
                if builtin.call:
                    both = Call(
                        (call.argtypes[0],) * 2, call.rettype, call.collation, call.session
                    )
                    scalar = builtin.scalar
                    combine = lambda a, b: scalar(both, a, b)  # noqa: E731
            self.combine = combine

        def step(self, *args: Any) -> None:
            value = args[0]
            self.state = value if self.state is None else self.combine(self.state, value)

        def final(self) -> Any:
            return self.state

    Fold.__name__ = Fold.__qualname__ = f"Fold_{name}"
    return Fold


for _name in FOLDS:
    aggregate((_name, ""))(_fold(_name))


@aggregate(("any_value_transfn", ""))
class AnyValue(Aggregate):
    """any_value: the first that is not NULL."""

    state: Any = None

    def step(self, *args: Any) -> None:
        """Keep the first."""
        if self.state is None:
            self.state = args[0]

    def final(self) -> Any:
        """The first."""
        return self.state


@aggregate(("int8inc", ""), ("int8inc_any", ""), ("int8inc_float8_float8", ""))
class Count(Aggregate):
    """count(*), count(x), regr_count."""

    state = 0

    def step(self, *args: Any) -> None:
        """Count."""
        self.state += 1

    def final(self) -> int:
        """The count."""
        return self.state


@aggregate(("int2_sum", ""), ("int4_sum", ""))
class SumInteger(Aggregate):
    """sum of smallint and integer, a bigint."""

    state: int | None = None

    def step(self, *args: Any) -> None:
        """Add."""
        if args[0] is not None:
            self.state = args[0] + (self.state or 0)

    def final(self) -> int | None:
        """The sum."""
        if self.state is not None and not -(1 << 63) <= self.state < 1 << 63:
            raise SqlError("bigint out of range", "22003")
        return self.state


class NumericSums(Aggregate):
    """Count, sum and, where asked for, sum of squares of numerics, specials apart."""

    squares = False

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.count = 0
        self.total = Decimal(0)
        self.total2 = Decimal(0)
        self.specials: dict[str, int] = {}

    def step(self, *args: Any) -> None:
        """Add."""
        value = args[0]
        if value is None:
            return
        value = Decimal(value)
        if not value.is_finite():
            self.specials[str(value)] = self.specials.get(str(value), 0) + 1
            return
        self.count += 1
        self.total = EXACT.add(self.total, value)
        if self.squares:
            self.total2 = EXACT.add(self.total2, EXACT.multiply(value, value))

    def special(self) -> Decimal | None:
        """The sum if NaN or an infinity decides it."""
        if not self.specials:
            return None
        return Decimal(next(iter(self.specials))) if len(self.specials) == 1 else NAN

    @property
    def seen(self) -> int:
        """How many values there were, NaN and infinities included."""
        return self.count + sum(self.specials.values())

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing but NULL."""
        return not self.count and not self.specials


def sum_of(sums: NumericSums) -> Decimal | None:
    """The sum; NULL of nothing."""
    if sums.is_empty:
        return None
    special = sums.special()
    return fitted(sums.total) if special is None else special


def average_of(sums: NumericSums) -> Decimal | None:
    """The average; NULL of nothing."""
    if sums.is_empty:
        return None
    special = sums.special()
    return quotient(sums.total, Decimal(sums.count)) if special is None else special


@aggregate(("int8_avg_accum", "numeric_poly_sum"), ("numeric_avg_accum", "numeric_sum"))
class SumNumeric(NumericSums):
    """sum of bigint and numeric, a numeric."""

    def final(self) -> Decimal | None:
        """The sum."""
        return sum_of(self)


@aggregate(
    ("int2_avg_accum", "int8_avg"), ("int4_avg_accum", "int8_avg"),
    ("int8_avg_accum", "numeric_poly_avg"), ("numeric_avg_accum", "numeric_avg"),
)  # fmt: skip
class AverageNumeric(NumericSums):
    """avg of integers and numeric, a numeric."""

    def final(self) -> Decimal | None:
        """The average."""
        return average_of(self)


# -- collections ------------------------------------------------------------------------------


class _Joined(Aggregate):
    """string_agg: values with delimiters between them; the first delimiter does not count."""

    empty: Any = ""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.parts: list[Any] | None = None

    def step(self, *args: Any) -> None:
        """Append."""
        value, delimiter = args
        if value is None:
            return
        if self.parts is None:
            self.parts = [value]
            return
        if delimiter is not None:
            self.parts.append(delimiter)
        self.parts.append(value)

    def final(self) -> Any:
        """All together."""
        return None if self.parts is None else self.empty.join(self.parts)


@aggregate(("string_agg_transfn", "string_agg_finalfn"))
class StringAgg(_Joined):
    """string_agg(text, text)."""


@aggregate(("bytea_string_agg_transfn", "bytea_string_agg_finalfn"))
class ByteaAgg(_Joined):
    """string_agg(bytea, bytea)."""

    empty = b""


@aggregate(("array_agg_transfn", "array_agg_finalfn"))
class ArrayAgg(Aggregate):
    """array_agg of anything but arrays."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.items: list[Any] = []

    def step(self, *args: Any) -> None:
        """Append, NULL too."""
        self.items.append(args[0])

    def final(self) -> ArrayValue | None:
        """The array; NULL of no rows."""
        if not self.items:
            return None
        elemtype = self.call.session.types.info(self.call.rettype).typelem
        return ArrayValue.of(elemtype, list(self.items))


@aggregate(("array_agg_array_transfn", "array_agg_array_finalfn"))
class ArrayAggArray(Aggregate):
    """array_agg of arrays, one dimension more."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.first: ArrayValue | None = None
        self.count = 0
        self.items: list[Any] = []

    def step(self, *args: Any) -> None:
        """Append an array of the same shape."""
        value = args[0]
        if value is None:
            raise SqlError("cannot accumulate null arrays", "22004")
        if not value.dims:
            raise SqlError("cannot accumulate empty arrays", "2202E")
        if self.first is None:
            if len(value.dims) + 1 > 6:
                raise SqlError(
                    f"number of array dimensions ({len(value.dims) + 1}) exceeds "
                    "the maximum allowed (6)", "54000",
                )  # fmt: skip
            self.first = value
        elif (self.first.dims, self.first.lbounds) != (value.dims, value.lbounds):
            raise SqlError("cannot accumulate arrays of different dimensionality", "2202E")
        self.count += 1
        self.items += value.elements

    def final(self) -> ArrayValue | None:
        """The array; NULL of no rows."""
        if self.first is None:
            return None
        dims = (self.count, *self.first.dims)
        lbounds = (1, *self.first.lbounds)
        return ArrayValue(self.first.elemtype, dims, lbounds, list(self.items))


# -- ranges -----------------------------------------------------------------------------------


def merged_ranges(call: Call, ranges: list[RangeValue]) -> tuple[RangeValue, ...]:
    """Ranges in order, empty ones left out, those that touch or overlap made one."""
    live = [one for one in ranges if not one.empty]
    if not live:
        return ()
    compare = subtype_cmp(call.session, live[0].typeoid)
    live.sort(key=functools.cmp_to_key(lambda a, b: range_cmp(call, a, b)))
    out = [live[0]]
    for one in live[1:]:
        last = out[-1]
        if bound_cmp(compare, one, False, last, True) > 0 and not _touch(compare, last, one):
            out.append(one)
        elif bound_cmp(compare, last, True, one, True) < 0:
            out[-1] = RangeValue(
                last.typeoid, last.lower, one.upper, last.lower_inc, one.upper_inc
            )
    return tuple(out)


def _touch(compare: Any, first: RangeValue, second: RangeValue) -> bool:
    """Whether the second begins exactly where the first ends."""
    if first.upper is None or second.lower is None or compare(first.upper, second.lower):
        return False
    return first.upper_inc != second.lower_inc


@aggregate(("range_agg_transfn", "range_agg_finalfn"))
class RangeAgg(Aggregate):
    """range_agg of ranges."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.ranges: list[RangeValue] | None = None

    def step(self, *args: Any) -> None:
        """Append."""
        if args[0] is not None:
            self.ranges = self.ranges or []
            self.ranges.append(args[0])

    def final(self) -> tuple[RangeValue, ...] | None:
        """The multirange; NULL where there was nothing but NULL."""
        return None if self.ranges is None else merged_ranges(self.call, self.ranges)


@aggregate(("multirange_agg_transfn", "range_agg_finalfn"))
class MultirangeAgg(RangeAgg):
    """range_agg of multiranges."""

    def step(self, *args: Any) -> None:
        """Append the ranges."""
        if args[0] is not None:
            self.ranges = self.ranges or []
            self.ranges += args[0]
