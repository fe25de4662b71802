"""Variance and standard deviation of integers and numerics over many groups at once.

Sums of squares are exact: a value is split into an upper and a lower half of 31 bits, whose
squares and product fit 64 bits and are summed apart. What does not fit goes one by one.
"""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import numpy as np

from pgtool.functions.aggregates import NumericSums
from pgtool.functions.aggstats import SPREADS, exact_spread
from pgtool.functions.codec import codec_of
from pgtool.functions.columns import ScaledColumn
from pgtool.functions.grouped import ExactSum, grown, present
from pgtool.functions.numeric import NAN
from pgtool.functions.registry import GroupedAggregate, grouped
from pgtool.types.column import FixedColumn
from pgtool.types.numeric import EXACT

Array = Any
_HALF = 31
_LOW = np.int64((1 << _HALF) - 1)
_ROOM = 1 << 62


class _Squares:
    """Sums of values and of their squares by group."""

    def __init__(self) -> None:
        self.total, self.upper, self.middle, self.lower = (ExactSum() for _ in range(4))

    def add(self, ids: Array, groups: int, values: Array) -> None:
        """Take in values below 2^62."""
        self.total.add(ids, groups, values)
        high, low = values >> _HALF, values & _LOW
        self.lower.add(ids, groups, low * low)
        if high.any():
            self.upper.add(ids, groups, high * high)
            self.middle.add(ids, groups, high * low)

    def squares(self, groups: int) -> list[int]:
        """Each group's sum of squares."""
        parts = [one.total(groups) for one in (self.upper, self.middle, self.lower)]
        return [
            ((high or 0) << 2 * _HALF) + ((middle or 0) << _HALF + 1) + (low or 0)
            for high, middle, low in zip(*parts)
        ]


class _Spread(GroupedAggregate):
    """The sums of each group: by scale, and one by one."""

    is_variance = is_sample = False

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        self.by_scale: dict[int, _Squares] = {}
        self.rest: dict[int, NumericSums] = {}

    def step(self, ids: Array, groups: int, *columns: Any) -> bool:
        """Add."""
        column = columns[0]
        if isinstance(column, (FixedColumn, ScaledColumn)):
            scale = column.scale if isinstance(column, ScaledColumn) else 0
            ids, groups, values = present(ids, column, groups)
            values = values.astype(np.int64, copy=False)
            large = (values >= _ROOM) | (values <= -_ROOM)
            if large.any():
                for group, value in zip(ids[large].tolist(), values[large].tolist()):
                    self._one(group).step(Decimal(value).scaleb(-scale, EXACT))
                ids, values = ids[~large], values[~large]
            self.by_scale.setdefault(scale, _Squares()).add(ids, groups, values)
            return True
        codec = codec_of(self.call.session.types, self.call.argtypes[0])
        for group, value in zip(ids.tolist(), codec.values(column)):
            self._one(group).step(value)
        return True

    def _one(self, group: int) -> NumericSums:
        if group not in self.rest:
            self.rest[group] = NumericSums(self.call)
            self.rest[group].squares = True
        return self.rest[group]

    def final(self, groups: int) -> Any:
        """The results."""
        sums = [copy.copy(self.rest.get(i)) or NumericSums(self.call) for i in range(groups)]
        for scale, found in self.by_scale.items():
            counts = grown(found.total.counts, groups).tolist()
            totals, squares = found.total.total(groups), found.squares(groups)
            for i, one in enumerate(sums):
                if counts[i]:
                    one.count += counts[i]
                    total = Decimal(totals[i] or 0).scaleb(-scale, EXACT)
                    total2 = Decimal(squares[i]).scaleb(-2 * scale, EXACT)
                    one.total = EXACT.add(one.total, total)
                    one.total2 = EXACT.add(one.total2, total2)
        return [self._result(one) for one in sums]

    def _result(self, sums: NumericSums) -> Decimal | None:
        if sums.seen <= self.is_sample:
            return None
        if sums.specials:
            return NAN
        return exact_spread(
            sums.count, sums.total, sums.total2, self.is_variance, self.is_sample
        )


for _kind, (_is_variance, _is_sample) in SPREADS.items():
    grouped(
        ("int2_accum", f"numeric_poly_{_kind}"), ("int4_accum", f"numeric_poly_{_kind}"),
        ("int8_accum", f"numeric_{_kind}"), ("numeric_accum", f"numeric_{_kind}"),
    )(type(f"Spread_{_kind}", (_Spread,),
           {"is_variance": _is_variance, "is_sample": _is_sample}))  # fmt: skip
