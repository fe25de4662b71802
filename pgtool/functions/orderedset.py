"""Ordered-set and hypothetical-set aggregates: percentiles, mode, ranks of a supposed row.

The executor sets ``direct`` (the direct arguments) and gives the rows in the order of
WITHIN GROUP; for hypothetical sets also ``orders``: comparison, whether descending, whether
NULLs come first, for each column.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.compare_containers import element_cmp
from pgtool.functions.registry import Aggregate, Call, aggregate, find
from pgtool.functions.values import ArrayValue

__all__ = ["HypotheticalSet", "Order", "OrderedSet"]

#: (comparison of two non-null values, descending, nulls first)
Order = tuple[Callable[[Any, Any], int], bool, bool]


class OrderedSet(Aggregate):
    """The sorted values that are not NULL."""

    direct: tuple[Any, ...] = ()

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.items: list[Any] = []

    def step(self, *args: Any) -> None:
        """Take in the next value in order."""
        if args[0] is not None:
            self.items.append(args[0])


def _percentile(value: float) -> float:
    if not 0 <= value <= 1:
        raise SqlError(f"percentile value {value:g} is not between 0 and 1", "22003")
    return value


def discrete(items: list[Any], at: float) -> Any:
    """The first value whose place is not below the fraction."""
    return items[max(math.ceil(at * len(items)), 1) - 1]


def _between_floats(call: Call, low: float, high: float, part: float) -> float:
    return low + part * (high - low)


def _between_intervals(call: Call, low: Any, high: Any, part: float) -> Any:
    difference = find("interval_mi").scalar(high, low)
    return find("interval_pl").scalar(find("interval_mul").scalar(difference, part), low)


def _continuous(between: Callable[..., Any]) -> Callable[..., Any]:
    def compute(call: Call, items: list[Any], at: float) -> Any:
        place = at * (len(items) - 1)
        first, second = math.floor(place), math.ceil(place)
        if first == second:
            return items[first]
        return between(call, items[first], items[second], place - first)

    return compute


def _register(name: str, compute: Callable[[Call, list[Any], float], Any]) -> None:
    class Percentile(OrderedSet):
        """One percentile."""

        def final(self) -> Any:
            """The value there; NULL of no rows."""
            at = self.direct[0] if self.direct else None
            if at is None:
                return None
            at = _percentile(at)
            return compute(self.call, self.items, at) if self.items else None

    class Percentiles(OrderedSet):
        """An array of percentiles."""

        def final(self) -> ArrayValue | None:
            """An array of the same shape."""
            wanted = self.direct[0] if self.direct else None
            if wanted is None or not self.items:
                return None
            elemtype = self.call.session.types.info(self.call.rettype).typelem
            found = [
                None if at is None else compute(self.call, self.items, _percentile(at))
                for at in wanted.elements
            ]
            return ArrayValue(elemtype, wanted.dims, wanted.lbounds, found)

    aggregate(("ordered_set_transition", f"{name}_final"))(Percentile)
    aggregate(("ordered_set_transition", f"{name}_multi_final"))(Percentiles)


_register("percentile_disc", lambda call, items, at: discrete(items, at))
_register("percentile_cont_float8", _continuous(_between_floats))
_register("percentile_cont_interval", _continuous(_between_intervals))


@aggregate(("ordered_set_transition", "mode_final"))
class Mode(OrderedSet):
    """The most frequent value, the first of several."""

    def final(self) -> Any:
        """The value; NULL of no rows."""
        if not self.items:
            return None
        compare = element_cmp(self.call.session, self.call.argtypes[-1], self.call.collation)
        best, most, start = self.items[0], 0, 0
        for i in range(1, len(self.items) + 1):
            if i == len(self.items) or compare(self.items[start], self.items[i]):
                if i - start > most:
                    best, most = self.items[start], i - start
                start = i
        return best


class HypotheticalSet(Aggregate):
    """Where the row of the direct arguments would stand among the rows."""

    direct: tuple[Any, ...] = ()
    orders: list[Order] | None = None

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.rows: list[tuple[Any, ...]] = []

    def step(self, *args: Any) -> None:
        """Take in the next row in order."""
        self.rows.append(args)

    def compare(self, a: tuple[Any, ...], b: tuple[Any, ...]) -> int:
        """Two rows in the order of WITHIN GROUP."""
        if self.orders is None:
            types = self.call.argtypes[len(self.call.argtypes) // 2 :]
            session, collation = self.call.session, self.call.collation
            self.orders = [(element_cmp(session, t, collation), False, False) for t in types]
        for x, y, (compare, descending, nulls_first) in zip(a, b, self.orders):
            if x is None or y is None:
                found = int(x is None) - int(y is None)
                found = -found if nulls_first else found
            else:
                found = compare(x, y)
                found = -found if descending else found
            if found:
                return found
        return 0

    def before(self, peers: bool) -> int:
        """How many rows come before the supposed one, its peers included or not."""
        count = 0
        for row in self.rows:
            found = self.compare(row, self.direct)
            count += found < 0 or (peers and found == 0)
        return count


@aggregate(("ordered_set_transition_multi", "hypothetical_rank_final"))
class HypotheticalRank(HypotheticalSet):
    """rank."""

    def final(self) -> int:
        """1 and the rows before."""
        return self.before(False) + 1


@aggregate(("ordered_set_transition_multi", "hypothetical_dense_rank_final"))
class HypotheticalDenseRank(HypotheticalSet):
    """dense_rank."""

    def final(self) -> int:
        """1 and the different rows before."""
        count, last = 1, None
        for row in self.rows:
            if self.compare(row, self.direct) >= 0:
                break
            count += last is None or self.compare(last, row) != 0
            last = row
        return count


@aggregate(("ordered_set_transition_multi", "hypothetical_percent_rank_final"))
class HypotheticalPercentRank(HypotheticalSet):
    """percent_rank."""

    def final(self) -> float:
        """The rows before as a share of all rows."""
        return self.before(False) / len(self.rows) if self.rows else 0.0


@aggregate(("ordered_set_transition_multi", "hypothetical_cume_dist_final"))
class HypotheticalCumeDist(HypotheticalSet):
    """cume_dist."""

    def final(self) -> float:
        """The rows before and its peers, itself included, as a share."""
        return (self.before(True) + 1) / (len(self.rows) + 1)
