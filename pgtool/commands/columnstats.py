"""Statistics of one column from a sample of its values: what ANALYZE computes.

Three ways, by what the type can: values that order (most common ones, a histogram, how far
the order is the physical one), values that are only equal or not, and values of which only
width and NULLs are known. The rules and constants are the server's; where the sample is the
whole table, so are the results.
"""

from __future__ import annotations

import functools
import itertools
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ColumnStats", "Sample", "by_equality", "by_order", "by_width", "float4"]

MCV, HISTOGRAM, CORRELATION = 1, 2, 3
FEW_TRACKED = 10


@dataclass
class Sample:
    """The sampled values of a column in physical order: datums without NULLs and wide ones."""

    #: Datums to be compared; keys that order (or are equal) as the datums do.
    datums: list[bytes]
    keys: list[Any]
    rows: int
    total_rows: float
    nulls: int
    wide: int
    #: Bytes of all values as stored, and of a fixed-width type (0: varying).
    total_width: int
    fixed_width: int


@dataclass
class Slot:
    """One kind of statistics: values and numbers, either may be missing.

    Operator, collation and type of the values where they are not the column's.
    """

    kind: int
    values: list[bytes] | None = None
    numbers: list[float] | None = None
    operator: int | None = None
    collation: int | None = None
    typid: int = 0


@dataclass
class ColumnStats:
    """A row of pg_statistic, without its key."""

    nullfrac: float = 0.0
    width: int = 0
    distinct: float = 0.0
    slots: list[Slot] = field(default_factory=list)


def float4(value: float) -> float:
    """The value as pg_statistic keeps it."""
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


def _common(sample: Sample) -> ColumnStats | None:
    """What does not depend on values; None where there are no values to look at."""
    present = sample.rows - sample.nulls
    out = ColumnStats()
    if present > 0:
        out.nullfrac = float4(sample.nulls / sample.rows)
        out.width = sample.fixed_width or int(sample.total_width / present)
        if not sample.datums:
            out.distinct = -1.0 * (1.0 - out.nullfrac)
        return out
    if sample.nulls:
        out.nullfrac, out.width = 1.0, sample.fixed_width
        return out
    return None


def by_width(sample: Sample) -> ColumnStats | None:
    """Only NULLs and width."""
    out = _common(sample)
    if out is not None:
        out.distinct = 0.0
    return out


def _estimate(sample: Sample, stats: ColumnStats, distinct: int, once: int) -> float:
    """How many different values the table has, from those that the sample has."""
    n = sample.rows - sample.nulls
    rows = sample.total_rows * (1.0 - stats.nullfrac)
    found = (n * distinct) / ((n - once) + once * n / rows) if rows > 0 else 0.0
    found = min(max(found, float(distinct)), rows)
    return math.floor(found + 0.5)


def _relative(sample: Sample, distinct: float) -> float:
    """A number that grows with the table is given as a share of it."""
    return -(distinct / sample.total_rows) if distinct > 0.1 * sample.total_rows else distinct


def worth_keeping(
    counts: Sequence[int], number: int, sample: Sample, stats: ColumnStats
) -> int:
    """How many of the most common values are certainly more common than the others."""
    rows, total = sample.rows, sample.total_rows
    if rows == total or total <= 1.0:
        return number
    distinct = stats.distinct if stats.distinct >= 0 else -stats.distinct * total
    before = float(sum(counts[: number - 1]))
    while number > 0:
        chance = min(max(1.0 - before / rows - stats.nullfrac, 0.0), 1.0)
        others = distinct - (number - 1)
        if others > 1:
            chance /= others
        of_value = total * counts[number - 1] / rows
        variance = (
            rows * of_value * (total - of_value) * (total - rows)
            / (total * total * (total - 1))
        )  # fmt: skip
        if counts[number - 1] > chance * rows + 2 * math.sqrt(variance) + 0.5:
            break
        number -= 1
        if number:
            before -= counts[number - 1]
    return number


# -- values that order ------------------------------------------------------------------------


@dataclass
class _Run:
    """Equal values in the sorted sample."""

    first: int
    count: int


def by_order(
    sample: Sample, target: int, compare: Callable[[Any, Any], int] | None = None
) -> ColumnStats | None:
    """Most common values, histogram, correlation. Keys order by ``compare``, or by themselves."""
    out = _common(sample)
    if out is None or not sample.datums:
        return out
    keys = sample.keys
    if compare is None:
        order = sorted(range(len(keys)), key=keys.__getitem__)
    else:
        ranked = functools.cmp_to_key(compare)
        order = sorted(range(len(keys)), key=lambda i: ranked(keys[i]))
    runs = _runs(keys, order, compare)
    several = [run for run in runs if run.count > 1]
    out.distinct = _distinct(sample, out, runs, several)
    tracked = sorted(several, key=lambda run: -run.count)[:target]
    number = _most_common(sample, out, runs, tracked, target)
    common = tracked[:number]
    if common:
        out.slots.append(Slot(
            MCV, [sample.datums[order[run.first]] for run in common],
            [run.count / sample.rows for run in common],
        ))  # fmt: skip
    _histogram(sample, out, order, len(runs), common, target)
    if len(order) > 1:
        out.slots.append(Slot(CORRELATION, None, [_correlation(order)]))
    return out


def _runs(keys: list[Any], order: list[int], compare: Any) -> list[_Run]:
    runs: list[_Run] = []
    if compare is None:
        place = 0
        for _key, group in itertools.groupby(map(keys.__getitem__, order)):
            count = len(list(group))
            runs.append(_Run(place, count))
            place += count
        return runs
    for place, at in enumerate(order):
        if runs and not compare(keys[order[place - 1]], keys[at]):
            runs[-1].count += 1
        else:
            runs.append(_Run(place, 1))
    return runs


def _distinct(
    sample: Sample, stats: ColumnStats, runs: list[_Run], several: list[_Run]
) -> float:
    if not several:
        found = -1.0 * (1.0 - stats.nullfrac)
    elif not sample.wide and len(several) == len(runs):
        found = float(len(runs))
    else:
        once = len(runs) - len(several) + sample.wide
        found = _estimate(sample, stats, once + len(several), once)
    return _relative(sample, found)


def _most_common(
    sample: Sample, stats: ColumnStats, runs: list[Any], tracked: list[Any], target: int
) -> int:
    if len(tracked) == len(runs) and not sample.wide and stats.distinct > 0:
        return len(tracked)
    number = min(target, len(tracked))
    if not number:
        return 0
    return worth_keeping([run.count for run in tracked], number, sample, stats)


def _histogram(
    sample: Sample, stats: ColumnStats, order: list[int], distinct: int, common: list[_Run],
    target: int,
) -> None:  # fmt: skip
    bins = distinct - len(common)
    if bins > target:
        bins = target + 1
    if bins < 2:
        return
    left: list[int] = []
    at = 0
    for run in sorted(common, key=lambda run: run.first):
        left += order[at : run.first]
        at = run.first + run.count
    left += order[at:]
    step, rest = divmod(len(left) - 1, bins - 1)
    place = over = 0
    values = []
    for _ in range(bins):
        values.append(sample.datums[left[place]])
        place += step
        over += rest
        if over >= bins - 1:
            place += 1
            over -= bins - 1
    stats.slots.append(Slot(HISTOGRAM, values))


def _correlation(order: list[int]) -> float:
    count = len(order)
    products = float(sum(i * at for i, at in enumerate(order)))
    total = (count - 1) * count / 2.0
    squares = (count - 1) * count * (2 * count - 1) / 6.0
    return (count * products - total * total) / (count * squares - total * total)


# -- values that are equal or not -----------------------------------------------------------------


@dataclass
class _Tracked:
    key: Any
    datum: bytes
    count: int = 1


def by_equality(
    sample: Sample, target: int, equal: Callable[[Any, Any], bool]
) -> ColumnStats | None:
    """Most common values, found with a list of those seen lately."""
    out = _common(sample)
    if out is None or not sample.datums:
        return out
    most = max(FEW_TRACKED, 2 * target)
    track: list[_Tracked] = []
    for key, datum in zip(sample.keys, sample.datums):
        _see(track, key, datum, most, equal)
    several = [one for one in track if one.count > 1]
    if not several:
        found = -1.0 * (1.0 - out.nullfrac)
    elif len(track) < most and not sample.wide and len(several) == len(track):
        found = float(len(track))
    else:
        once = sample.rows - sample.nulls - sum(one.count for one in several)
        found = _estimate(sample, out, once + len(several), once)
    out.distinct = _relative(sample, found)
    if len(track) < most and not sample.wide and out.distinct > 0 and len(track) <= target:
        number = len(track)
    else:
        number = min(target, len(several))
        if number:
            number = worth_keeping([one.count for one in track], number, sample, out)
    if number:
        out.slots.append(Slot(
            MCV, [one.datum for one in track[:number]],
            [one.count / sample.rows for one in track[:number]],
        ))  # fmt: skip
    return out


def _see(track: list[_Tracked], key: Any, datum: bytes, most: int, equal: Any) -> None:
    once = len(track)
    for place, one in enumerate(track):
        if equal(key, one.key):
            one.count += 1
            while place > 0 and track[place].count > track[place - 1].count:
                track[place], track[place - 1] = track[place - 1], track[place]
                place -= 1
            return
        if once == len(track) and one.count == 1:
            once = place
    if len(track) >= most:
        if once >= len(track):
            return
        track.pop()
    track.insert(once, _Tracked(key, datum))
