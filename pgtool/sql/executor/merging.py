"""Sorted inputs as one, in steps whose cost follows the rows that they give out.

Every input shows a *head*: its next rows, in order. What all heads have up to the least of
the heads' last rows is final: the heads that reach below it are sorted together and that much
of them is given out. So hardly a row is sorted twice, whether the inputs lie one behind the
other or are mixed. :func:`aligned` cuts two inputs in the same way (at a place found by
:func:`place_of`, which looks at a few rows), so that equal rows of both come together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pgtool.sql.executor.batch import Batch, concat_batches
from pgtool.sql.executor.keys import KeySpec, sort_order
from pgtool.sql.executor.node import chunks
from pgtool.sql.executor.spill import compacted

__all__ = ["Keys", "aligned", "merge_sorted"]

#: Rows looked at in one step of a search.
_PROBES = 63
_FIRST_ROWS = 16
_MOST_ROWS = 8192


class Keys:
    """The key columns of sorted rows, by themselves."""

    def __init__(self, specs: list[KeySpec]) -> None:
        self.columns = [s.column for s in specs]
        self.specs = [replace(s, column=i) for i, s in enumerate(specs)]
        self.codecs = [s.codec for s in specs]

    def of(self, batch: Batch) -> Batch:
        """A batch's keys."""
        return batch.pick(self.columns)

    def row(self, batch: Batch, number: int) -> Batch:
        """One row's keys."""
        return compacted(self.of(batch).take(np.array([number])), self.codecs)


def place_of(keys: Keys, bound: Batch, rows: Batch, after_equal: bool) -> int:
    """How many of the sorted ``rows`` come before ``bound`` (one row of keys).

    With ``after_equal`` those that are equal to it count too.
    """
    low, high = 0, rows.n
    while low < high:
        probes = np.unique(np.linspace(low, high - 1, min(_PROBES, high - low)).astype(np.int64))
        few = rows.take(probes)
        both = [few, bound] if after_equal else [bound, few]
        order = sort_order(concat_batches(both, keys.codecs), keys.specs)
        before = int(np.flatnonzero(order == (len(probes) if after_equal else 0))[0])
        if before < len(probes):
            high = int(probes[before])
        if before:
            low = int(probes[before - 1]) + 1
    return low


class _Head:
    """The next rows of one input."""

    def __init__(self, rows: Iterator[Batch], keys: Keys) -> None:
        self.rows = rows
        self.keys = keys
        self.batch: Batch | None = None
        self.done = False
        self._ends: list[Batch] | None = None

    @property
    def ends(self) -> list[Batch]:
        """The keys of the first and of the last row."""
        assert self.batch is not None
        if self._ends is None:
            places = (0, self.batch.n - 1)
            self._ends = [self.keys.row(self.batch, place) for place in places]
        return self._ends

    def fill(self, want: int, codecs: list[Any]) -> Batch | None:
        """At least so many rows, unless the input ends; None where it has."""
        parts = [] if self.batch is None else [self.batch]
        have = sum(p.n for p in parts)
        if have >= want or self.done:
            return self.batch
        while have < want and not self.done:
            found = next(self.rows, None)
            if found is None:
                self.done = True
            elif found.n:
                parts.append(found)
                have += found.n
        self.batch = self._ends = None
        if parts:
            self.batch = parts[0] if len(parts) == 1 else concat_batches(parts, codecs)
        return self.batch

    def cut(self, count: int) -> Batch:
        """Take the first rows away."""
        assert self.batch is not None
        out = self.batch.slice(0, count)
        rest = self.batch.n - count
        self.batch = self.batch.slice(count, self.batch.n) if rest else None
        self._ends = None
        return out


def merge_sorted(
    inputs: list[Iterator[Batch]], specs: list[KeySpec], codecs: list[Any],
    most: int = _MOST_ROWS,
) -> Iterator[Batch]:  # fmt: skip
    """Several sorted inputs as one; rows that are equal come in the order of the inputs.

    ``most``: rows of each input that are looked at together; fewer at first, since whoever
    reads may want only the first rows.
    """
    keys = Keys(specs)
    heads = [_Head(rows, keys) for rows in inputs]
    want = min(_FIRST_ROWS, most)
    while True:
        heads = [h for h in heads if h.fill(want, codecs) is not None]
        if len(heads) < 2:
            break
        yield from _merged(*_overlapping(heads, keys), specs, codecs)
        want = min(4 * want, most)
    for head in heads:
        if head.batch is not None:
            yield from chunks(head.batch)
        yield from (b for b in head.rows if b.n)


def _overlapping(heads: list[_Head], keys: Keys) -> tuple[list[_Head], _Head | None]:
    """The heads that begin before the least of the last rows, and the head whose row that is.

    None where nothing is unread: then all rows are final.
    """
    going = [h for h in heads if not h.done]
    if not going:
        return heads, None
    lasts = concat_batches([h.ends[1] for h in going], keys.codecs)
    least = going[int(sort_order(lasts, keys.specs)[0])]
    # The bound stands before and behind the heads' first rows: equal ones lie in between.
    bound = least.ends[1]
    around = concat_batches([bound, *[h.ends[0] for h in heads], bound], keys.codecs)
    place = np.empty(around.n, np.int64)
    place[sort_order(around, keys.specs)] = np.arange(around.n)
    at = heads.index(least)
    return [
        h for i, h in enumerate(heads)
        if i == at or place[i + 1] < place[0 if i > at else -1]
    ], least  # fmt: skip


def _merged(
    heads: list[_Head], least: _Head | None, specs: list[KeySpec], codecs: list[Any]
) -> Iterator[Batch]:
    """The rows of some heads up to the last one of ``least``, in order."""
    batches = [h.batch for h in heads if h.batch is not None]
    if len(heads) == 1:
        yield from chunks(heads[0].cut(batches[0].n))
        return
    whole = concat_batches(batches, codecs)
    order = sort_order(whole, specs)
    final = whole.n
    ends = np.cumsum([b.n for b in batches])
    if least is not None:
        final = int(np.flatnonzero(order == ends[heads.index(least)] - 1)[0]) + 1
    order = order[:final]
    counts = np.bincount(np.searchsorted(ends, order, side="right"), minlength=len(heads))
    for head, count in zip(heads, counts.tolist()):
        head.cut(count)
    yield from chunks(whole.take(order))


def aligned(
    left: Iterator[Batch], right: Iterator[Batch], keys: tuple[Keys, Keys],
    codecs: tuple[list[Any], list[Any]],
) -> Iterator[tuple[Batch | None, Batch | None]]:  # fmt: skip
    """Two sorted inputs in pieces that no key reaches beyond: (left rows, right rows).

    The columns of the two keys may be of different types that :mod:`.keys` orders alike.
    """
    heads = _Head(left, keys[0]), _Head(right, keys[1])
    while True:
        batches = [h.fill(_MOST_ROWS, c) for h, c in zip(heads, codecs)]
        counts = _whole_keys(heads, keys, codecs) if all(batches) else [
            0 if b is None else b.n for b in batches
        ]
        if not any(counts):
            return
        yield tuple(h.cut(n) if n else None for h, n in zip(heads, counts))  # type: ignore[misc]


def _whole_keys(
    heads: tuple[_Head, _Head], keys: tuple[Keys, Keys], codecs: tuple[list[Any], list[Any]]
) -> list[int]:
    """How many rows of both heads belong to keys that nothing unread belongs to."""
    while True:
        batches = [h.batch for h in heads if h.batch is not None]
        going = [i for i, h in enumerate(heads) if not h.done]
        if not going:
            return [batch.n for batch in batches]
        lasts = [heads[i].ends[1] for i in going]
        order = sort_order(concat_batches(lasts, keys[0].codecs), keys[0].specs)
        bound = lasts[int(order[0])]
        counts = [place_of(k, bound, k.of(batch), False) for batch, k in zip(batches, keys)]
        if any(counts):
            return counts
        # One key fills the head, and its rows go on.
        for i in going:
            heads[i].fill(2 * batches[i].n, codecs[i])
