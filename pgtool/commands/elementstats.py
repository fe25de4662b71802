"""Statistics of what values consist of: elements of arrays, lexemes, bounds of ranges.

Elements and lexemes are counted in one pass with a table that is thinned out every so many
of them (lossy counting): what is left is certainly common. Ranges give histograms of their
bounds and lengths. The rules and constants are the server's.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pgtool.commands.columnstats import ColumnStats, Slot, float4
from pgtool.functions.codec import codec_of
from pgtool.functions.compare_containers import range_facts
from pgtool.functions.opcache import opcache
from pgtool.functions.rangeops import range_type
from pgtool.functions.values import RangeValue
from pgtool.types.arrays import read_array
from pgtool.types.ordering import key_function

__all__ = ["array_slots", "range_stats", "tsvector_stats"]

MCELEM, DECHIST, LENGTHS, BOUNDS = 4, 5, 6, 7
TEXT, FLOAT8 = 25, 701
TEXT_EQUAL, FLOAT8_LESS = 98, 672
DEFAULT_COLLATION = 100
ARRAY_WIDTH_THRESHOLD = 0x10000
VARHDRSZ = 4


class _Counted:
    """How often one element was seen, and how often it may have been before it was noted."""

    __slots__ = ("delta", "frequency", "value")

    def __init__(self, value: bytes, delta: int) -> None:
        self.value, self.frequency, self.delta = value, 1, delta


class _Counter:
    """Lossy counting of elements, each once for a container."""

    def __init__(self, target: int) -> None:
        self.most = target * 10
        self.bucket = (self.most + 10) * 1000 // 7
        self.seen = 0
        self.table: dict[Any, _Counted] = {}
        self._number = 1

    def add(self, key: Any, value: bytes) -> None:
        """One element of a container that had no such element yet."""
        found = self.table.get(key)
        if found is None:
            self.table[key] = _Counted(value, self._number - 1)
        else:
            found.frequency += 1
        self.seen += 1
        if self.seen % self.bucket == 0:
            self.table = {
                key: one for key, one in self.table.items()
                if one.frequency + one.delta > self._number
            }  # fmt: skip
            self._number += 1

    def common(self, order: Callable[[Any], Any]) -> tuple[list[bytes], list[int], int, int]:
        """Common elements in order with their frequencies, and the least and greatest of these."""
        least = 9 * self.seen // self.bucket
        kept = [(key, one) for key, one in self.table.items() if one.frequency > least]
        if not kept:
            return [], [], 0, 0
        frequencies = [one.frequency for _key, one in kept]
        low, high = min(frequencies), max(frequencies)
        if self.most < len(kept):
            kept.sort(key=lambda item: -item[1].frequency)
            kept = kept[: self.most]
            low = kept[-1][1].frequency
        kept.sort(key=lambda item: order(item[0]))
        return [one.value for _k, one in kept], [one.frequency for _k, one in kept], low, high


# -- arrays -----------------------------------------------------------------------------------


def array_slots(
    session: Any, elemtype: int, equal: int, collation: int, datums: Iterable[bytes | None],
    target: int,
) -> list[Slot]:  # fmt: skip
    """MCELEM and DECHIST of arrays; ``equal`` is the elements' equality."""
    ops = opcache(session)
    family, kind = ops.default_family(elemtype)
    prosrc = ops.support(family, kind, kind)
    made = key_function(prosrc)
    key: Callable[[bytes], Any] = made or codec_of(session.types, elemtype).decode
    order: Callable[[Any], Any] = (lambda item: item) if made else functools.cmp_to_key(
        ops.comparison(prosrc, kind, collation))  # fmt: skip
    info = session.types.info(elemtype)
    counter = _Counter(target)
    lengths: dict[int, int] = {}
    arrays = with_null = 0
    for datum in datums:
        if datum is None or len(datum) + VARHDRSZ > ARRAY_WIDTH_THRESHOLD:
            continue
        arrays += 1
        different: dict[Any, bytes] = {}
        null = False
        for item in read_array(datum, info).items:
            if item is None:
                null = True
            else:
                different.setdefault(key(item), item)
        for one, value in different.items():
            counter.add(one, value)
        with_null += null
        lengths[len(different)] = lengths.get(len(different), 0) + 1
    if not arrays:
        return []
    out = []
    values, counts, low, high = counter.common(order)
    if values:
        numbers = [n / arrays for n in (*counts, low, high, with_null)]
        out.append(Slot(MCELEM, values, numbers, equal, collation, elemtype))
    out.append(Slot(DECHIST, None, [
        *_lengths(lengths, arrays, max(target, 2)), counter.seen / arrays,
    ], equal, collation))  # fmt: skip
    return out


def _lengths(lengths: dict[int, int], arrays: int, bins: int) -> Iterator[float]:
    """The histogram of how many different elements arrays have."""
    ordered = sorted(lengths.items())
    step = arrays - 1
    place = 0
    left = ordered[0][1] * (bins - 1)
    for _ in range(bins):
        while left <= 0:
            place += 1
            left += ordered[place][1] * (bins - 1)
        yield float(ordered[place][0])
        left -= step


# -- text search vectors ------------------------------------------------------------------------


def tsvector_stats(
    session: Any, typid: int, datums: list[bytes | None], widths: int, target: int
) -> ColumnStats:
    """MCELEM of lexemes."""
    out, present = _plain(datums, widths)
    if not present:
        return out
    counter = _Counter(target)
    lexemes = session.types.io_of(typid)._lexemes
    for datum in datums:
        if datum is not None:
            for lexeme, _positions in lexemes(datum):
                counter.add(lexeme, lexeme)
    values, counts, low, high = counter.common(lambda lexeme: (len(lexeme), lexeme))
    if values:
        numbers = [n / present for n in (*counts, low, high)]
        out.slots.append(Slot(MCELEM, values, numbers, TEXT_EQUAL, DEFAULT_COLLATION, TEXT))
    return out


def _plain(datums: list[bytes | None], widths: int) -> tuple[ColumnStats, int]:
    """NULLs, width, and all values taken as different; how many values there are."""
    nulls = sum(datum is None for datum in datums)
    present = len(datums) - nulls
    if not present:
        return ColumnStats(1.0, 0, 0.0), 0
    share = float4(nulls / len(datums))
    return ColumnStats(share, widths // present, -1.0 * (1.0 - share)), present


# -- ranges -------------------------------------------------------------------------------------


def range_stats(
    session: Any, typid: int, datums: list[bytes | None], widths: int, target: int
) -> ColumnStats:
    """Histograms of bounds and of lengths; of a multirange, from its beginning to its end."""
    out, present = _plain(datums, widths)
    if not present:
        return out
    facts = range_facts(session, typid)
    kind = range_type(session, facts.rngtypid)
    decode = codec_of(session.types, typid).decode
    spans: list[RangeValue] = []
    for datum in datums:
        value = None if datum is None else decode(datum)
        if isinstance(value, tuple):
            value = kind.span(value[0], value[-1]) if value else None
        if value is not None and not value.empty:
            spans.append(value)
    bins = max(target, 2) + 1
    lengths: list[bytes] = []
    if len(spans) >= 2:
        encode = codec_of(session.types, kind.oid).encode
        lowers = sorted(spans, key=functools.cmp_to_key(kind.lowers))
        uppers = sorted(spans, key=functools.cmp_to_key(kind.uppers))
        bounds = [
            encode(RangeValue(kind.oid, low.lower, up.upper, low.lower_inc, up.upper_inc))
            for low, up in zip(_spread(lowers, bins), _spread(uppers, bins))
        ]
        out.slots.append(Slot(BOUNDS, bounds, None, 0, 0, kind.oid))
        subdiff = _subdiff(session, facts)
        measured = sorted(
            (_length(value, subdiff) for value in spans), key=lambda x: (x != x, x)
        )
        lengths = [codec_of(session.types, FLOAT8).encode(x) for x in _spread(measured, bins)]
    empty = present - len(spans)
    out.slots.append(Slot(LENGTHS, lengths, [empty / present], FLOAT8_LESS, 0, FLOAT8))
    return out


def _subdiff(session: Any, facts: Any) -> Callable[[Any, Any], float] | None:
    row = session.cache.one("pg_range", "rngtypid", facts.rngtypid)
    if not row.rngsubdiff:
        return None
    subtype = facts.rngsubtype
    return opcache(session).callable(row.rngsubdiff, (subtype, subtype), FLOAT8)


def _length(value: RangeValue, subdiff: Callable[[Any, Any], float] | None) -> float:
    if value.lower is None or value.upper is None:
        return math.inf
    return 1.0 if subdiff is None else float(subdiff(value.upper, value.lower))


def _spread(values: list[Any], bins: int) -> Iterator[Any]:
    """So many values, evenly from the first to the last."""
    bins = min(bins, len(values))
    step, rest = divmod(len(values) - 1, bins - 1)
    place = over = 0
    for _ in itertools.repeat(None, bins):
        yield values[place]
        place += step
        over += rest
        if over >= bins - 1:
            place += 1
            over -= bins - 1
