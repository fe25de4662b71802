"""sum and avg of intervals. Infinities count apart, as rows with them may come and go."""

from __future__ import annotations

from pgtool.errors import SqlError
from pgtool.functions.interval import INFINITY, MINUS_INFINITY, interval_div, interval_pl
from pgtool.functions.registry import Aggregate, Call, aggregate
from pgtool.functions.values import Interval


class _IntervalSums(Aggregate):
    """The finite ones' number and sum, and which infinities there were."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.count = 0
        self.total = Interval(0, 0, 0)
        self.infinite: set[Interval] = set()

    def step(self, *args: Interval | None) -> None:
        """Add."""
        value = args[0]
        if value is None:
            return
        if value in (INFINITY, MINUS_INFINITY):
            self.infinite.add(value)
            return
        self.count += 1
        self.total = interval_pl(self.total, value)

    def special(self) -> Interval | None:
        """The result if infinities decide it."""
        if len(self.infinite) > 1:
            raise SqlError("interval out of range", "22008")
        return next(iter(self.infinite), None)


@aggregate(("interval_avg_accum", "interval_sum"), ("interval_pl", ""))
class IntervalSum(_IntervalSums):
    """sum(interval)."""

    def final(self) -> Interval | None:
        """The sum; NULL of nothing."""
        special = self.special()
        if special is not None:
            return special
        return self.total if self.count else None


@aggregate(("interval_avg_accum", "interval_avg"), ("interval_accum", "interval_avg"))
class IntervalAverage(_IntervalSums):
    """avg(interval)."""

    def final(self) -> Interval | None:
        """The average; NULL of nothing."""
        special = self.special()
        if special is not None:
            return special
        return interval_div(self.total, float(self.count)) if self.count else None
