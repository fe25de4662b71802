"""Keys → small numbers: the tables under hash grouping and hash joins.

An :class:`IntTable` gives every 64-bit code a dense number from 0, over any number of
batches: by a look-up array while the codes lie close together, by open addressing (whole
batches probing at once) otherwise. An :class:`Interner` turns a column of one type into
codes such that equal values have equal codes; a :class:`GroupTable` puts several columns
together. All exact: a hash never stands for a value unverified.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np

from pgtool.functions.compare_text import text_eq_v
from pgtool.functions.values import ArrayValue, Interval, RangeValue, RecordValue
from pgtool.sql.executor.batch import Batch, nulls, stored, values
from pgtool.sql.executor.keys import KeySpec, float_bits, interval_span
from pgtool.sql.executor.spans import span_hash, trimmed
from pgtool.sql.executor.vcalls import numeric_argument
from pgtool.types.column import VarColumn
from pgtool.types.numeric import EXACT

__all__ = ["GroupTable", "IntTable", "Interner"]

_LUT_LIMIT = 1 << 23
_LUT_SLACK = 1 << 16
#: Places of a look-up array for each code, at most.
_SPARSE = 64
_K = np.uint64(0x9E3779B97F4A7C15)
_LONG = 256
_EXTRA = 1 << 48
_EXTRA_DIGITS = 15
#: The code of what is not known where nothing is inserted; nothing has it.
_UNKNOWN = -(1 << 62)
BPCHAR = 1042
JSONB = 3802


class IntTable:
    """int64 codes → numbers from 0, in the order of first appearance (within a batch: any)."""

    def __init__(self) -> None:
        self.count = 0
        self.base = 0
        self.lut: Any = np.zeros(0, np.int32)
        self.bits = 0
        self.keys: Any = None
        self.ids: Any = None

    def numbers(self, codes: Any, insert: bool = True) -> Any:
        """The number of every code; −1 for unknown ones where nothing is inserted."""
        if not len(codes):
            return np.zeros(0, np.int64)
        if self.keys is None:
            low, high = int(codes.min()), int(codes.max())
            if not insert:
                return self._peek(codes, low, high)
            if self._widen(low, high, len(codes)):
                return self._direct(codes)
            self._to_hash()
        return self._probe(codes, insert)

    # -- look-up array --------------------------------------------------------------

    def _widen(self, low: int, high: int, n: int) -> bool:
        """Make room for the codes of ``n`` rows; not where few would lie far apart."""
        size = len(self.lut)
        if size and self.base <= low and high < self.base + size:
            return True
        first = min(low, self.base) if size else low
        last = max(high + 1, self.base + size) if size else high + 1
        dense = last - first <= _LUT_SLACK + 8 * self.count
        sparse = last - first > _LUT_SLACK + _SPARSE * (self.count + n)
        if not dense and (sparse or last - first > _LUT_LIMIT):
            return False
        room = min((last - first) // 2, _LUT_LIMIT)
        grow_down = room if size and low < self.base else 0
        grow_up = room if size and high >= self.base + size else 0
        first -= grow_down
        last += grow_up
        lut = np.full(last - first, -1, np.int32)
        if size:
            lut[self.base - first : self.base - first + size] = self.lut
        self.base, self.lut = first, lut
        return True

    def _direct(self, codes: Any) -> Any:
        place = codes - self.base
        found = self.lut[place]
        fresh = np.flatnonzero(found < 0)
        if len(fresh):
            new = place[fresh]
            # The first row of each new code names it, so numbers follow the rows.
            self.lut[new[::-1]] = np.arange(len(new) - 1, -1, -1, dtype=np.int32)
            owner = self.lut[new] == np.arange(len(new), dtype=np.int32)
            firsts = new[owner]
            self.lut[firsts] = np.arange(self.count, self.count + len(firsts), dtype=np.int32)
            self.count += len(firsts)
            found[fresh] = self.lut[new]
        return found.astype(np.int64)

    def _peek(self, codes: Any, low: int, high: int) -> Any:
        size = len(self.lut)
        if not size:
            return np.full(len(codes), -1, np.int64)
        if self.base <= low and high < self.base + size:
            return self.lut[codes - self.base].astype(np.int64)
        inside = (codes >= self.base) & (codes < self.base + size)
        place = np.where(inside, codes - self.base, 0)
        return np.where(inside, self.lut[place], -1).astype(np.int64)

    # -- open addressing ------------------------------------------------------------

    def _to_hash(self) -> None:
        place = np.flatnonzero(self.lut >= 0)
        self._allocate(max(2 * self.count, 1 << 15))
        keys, ids = _mixed(place + self.base), self.lut[place].astype(np.int64)
        self.lut = np.zeros(0, np.int32)
        self._insert(keys, ids)

    def _allocate(self, room: int) -> None:
        self.bits = max(int(2 * room - 1).bit_length(), 4)
        self.keys = np.zeros(1 << self.bits, np.uint64)
        self.ids = np.full(1 << self.bits, -1, np.int64)

    def _slots(self, keys: Any) -> Any:
        return (keys >> np.uint64(64 - self.bits)).astype(np.int64)

    def _insert(self, keys: Any, ids: Any) -> None:
        """Different keys that are not in the table."""
        mask = (1 << self.bits) - 1
        slots = self._slots(keys)
        while len(keys):
            free = self.ids[slots] < 0
            where = slots[free]
            self.ids[where] = ids[free]
            self.keys[where] = keys[free]
            placed = free
            placed[free] = self.ids[where] == ids[free]
            rest = ~placed
            keys, ids, slots = keys[rest], ids[rest], (slots[rest] + 1) & mask

    def _find(self, keys: Any) -> Any:
        mask = (1 << self.bits) - 1
        slots = self._slots(keys)
        out = self.ids[slots]
        wrong = np.flatnonzero((self.keys[slots] != keys) & (out >= 0))
        slots = (slots[wrong] + 1) & mask
        while len(wrong):
            found = self.ids[slots]
            out[wrong] = found
            again = (self.keys[slots] != keys[wrong]) & (found >= 0)
            wrong, slots = wrong[again], (slots[again] + 1) & mask
        return out

    def _probe(self, codes: Any, insert: bool) -> Any:
        keys = _mixed(codes)
        out = self._find(keys)
        if not insert:
            return out
        fresh = np.flatnonzero(out < 0)
        if len(fresh):
            # Sorted keys meet the table's slots in the order in which they lie.
            keys = keys[fresh]
            order = np.argsort(keys)
            keys = keys[order]
            first = np.ones(len(keys), bool)
            first[1:] = keys[1:] != keys[:-1]
            new = keys[first]
            if self.count + len(new) > 1 << (self.bits - 1):
                self._grow(self.count + len(new))
            self._insert(new, np.arange(self.count, self.count + len(new)))
            out[fresh[order]] = np.cumsum(first) + (self.count - 1)
            self.count += len(new)
        return out

    def _grow(self, count: int) -> None:
        used = np.flatnonzero(self.ids >= 0)
        keys, ids = self.keys[used], self.ids[used]
        self._allocate(2 * count)
        self._insert(keys, ids)


def _mixed(codes: Any) -> Any:
    """Codes as the hash table has them: another number for each, its high bits the slot."""
    return np.ascontiguousarray(codes, np.int64).view(np.uint64) * _K


class SpanInterner:
    """Byte strings → codes."""

    def __init__(self) -> None:
        self.table = IntTable()
        self.buffer = np.zeros(1 << 12, np.uint8)
        self.used = 0
        self.start = np.zeros(1 << 8, np.int64)
        self.length = np.zeros(1 << 8, np.int64)
        self.others: dict[bytes, int] = {}

    def codes(self, column: VarColumn, insert: bool = True) -> Any:
        """One code a row; the values must all be there (no NULLs)."""
        most = int(column.length.max(initial=0))
        if most > _LONG:
            return self._some_long(column, insert)
        hashes = span_hash(column, most).view(np.int64)
        if not insert:
            return self._known(column, self.table.numbers(hashes, insert=False))
        before = self.table.count
        numbers = self.table.numbers(hashes)
        rows = None
        if self.table.count > before:
            rows = self._remember(column, numbers, before)
            column = VarColumn(column.buffer, column.start[rows], column.length[rows])
        ids = numbers if rows is None else numbers[rows]
        known = VarColumn(self.buffer, self.start[ids], self.length[ids].astype(np.int32))
        same = text_eq_v(column, known)
        if not same.all():
            for i in np.flatnonzero(~same).tolist():
                numbers[i if rows is None else rows[i]] = self._other(column.datum(i) or b"")
        return numbers

    def _known(self, column: VarColumn, numbers: Any) -> Any:
        """The codes of values that were kept; nothing new is."""
        out = np.full(len(numbers), _UNKNOWN, np.int64)
        rows = np.flatnonzero(numbers >= 0)
        ids = numbers[rows]
        same = text_eq_v(
            VarColumn(column.buffer, column.start[rows], column.length[rows]),
            VarColumn(self.buffer, self.start[ids], self.length[ids].astype(np.int32)),
        )
        out[rows[same]] = ids[same]
        for row in rows[~same].tolist():
            out[row] = self._other(column.datum(row) or b"", insert=False)
        return out

    def _other(self, datum: bytes, insert: bool = True) -> int:
        if not insert:
            return self.others.get(datum, _UNKNOWN)
        return self.others.setdefault(datum, _EXTRA + len(self.others))

    def _some_long(self, column: VarColumn, insert: bool) -> Any:
        short = column.length <= _LONG
        out = np.empty(len(column), np.int64)
        rows = np.flatnonzero(short)
        if len(rows):
            out[rows] = self.codes(
                VarColumn(column.buffer, column.start[rows], column.length[rows]), insert
            )
        for row in np.flatnonzero(~short).tolist():
            out[row] = self._other(column.datum(row) or b"", insert)
        return out

    def _remember(self, column: VarColumn, numbers: Any, before: int) -> Any:
        """Keep the value of each new number; the rows that were not taken as that come back."""
        ids = np.arange(before, self.table.count)
        fresh = np.flatnonzero(numbers >= before)
        rows = np.empty(len(ids), np.int64)
        rows[numbers[fresh] - before] = fresh
        length = column.length[rows].astype(np.int64)
        need = self.used + int(length.sum())
        if need > len(self.buffer):
            self.buffer = np.concatenate([self.buffer, np.zeros(2 * need, np.uint8)])
        if self.table.count > len(self.start):
            grow = np.zeros(2 * self.table.count, np.int64)
            self.start = np.concatenate([self.start, grow])
            self.length = np.concatenate([self.length, grow])
        from pgtool.storage import ragged

        offsets = ragged.offsets_of(length) + self.used
        ragged.copy_spans(self.buffer, offsets[:-1], column.buffer, column.start[rows], length)
        self.start[ids], self.length[ids] = offsets[:-1], length
        self.used = need
        others = np.ones(len(numbers), bool)
        others[rows] = False
        return np.flatnonzero(others)


class Interner:
    """A column of one type → int64 codes: equal values, equal codes; NULL rows arbitrary."""

    def __init__(self, spec: KeySpec) -> None:
        self.kind = spec.kind
        self.spans = SpanInterner()
        self.scale: int | None = None
        self.objects: dict[Any, int] = {}

    def codes(
        self, column: Any, spec: KeySpec, n: int, insert: bool = True
    ) -> tuple[Any, Any]:
        """(codes, NULL rows or None). ``spec`` is that of this column.

        What is only looked up is not kept: memory is that of what was inserted.
        """
        missing = nulls(column)
        kind = self.kind
        if kind in ("int", "enum"):
            return stored(column, spec.codec).values.astype(np.int64), missing
        if kind == "float":
            bits = float_bits(stored(column, spec.codec).values)
            return bits.view(np.int64), missing
        if kind == "numeric":
            return self._numerics(column, spec, insert), missing
        if kind in ("text", "bytes", "bpchar", "bpchar-bytes", "fixed"):
            return self._texts(column, spec, missing, n, insert), missing
        items = values(column, spec.codec)
        return self._objects([freeze(v, spec) for v in items], insert), missing

    def _texts(self, column: Any, spec: KeySpec, missing: Any, n: int, insert: bool) -> Any:
        found = stored(column, spec.codec)
        if self.kind == "fixed":
            raw = np.ascontiguousarray(found.values)
            width = raw.dtype.itemsize
            spans = VarColumn(
                raw.view(np.uint8).reshape(-1), np.arange(n, dtype=np.int64) * width,
                np.full(n, width, np.int32),
            )  # fmt: skip
        else:
            spans = trimmed(found) if self.kind.startswith("bpchar") else found
        if missing is None:
            return self.spans.codes(spans, insert)
        rows = np.flatnonzero(~missing)
        out = np.zeros(n, np.int64)
        out[rows] = self.spans.codes(
            VarColumn(spans.buffer, spans.start[rows], spans.length[rows]), insert
        )
        return out

    def _objects(self, keys: list[Any], insert: bool) -> Any:
        out = np.empty(len(keys), np.int64)
        for i, key in enumerate(keys):
            out[i] = self._object(key, insert)
        return out

    def _object(self, key: Any, insert: bool) -> int:
        if not insert:
            return self.objects.get(key, _UNKNOWN)
        return self.objects.setdefault(key, _EXTRA + len(self.objects))

    def _numerics(self, column: Any, spec: KeySpec, insert: bool) -> Any:
        found = numeric_argument(column, spec.codec)
        if found is not NotImplemented and np.ndim(found.values):
            if self.scale is None:
                self.scale = found.scale
            if found.scale == self.scale:
                small = np.abs(found.values) < _EXTRA
                if small.all():
                    return found.values
        if self.scale is None:
            self.scale = 0
        return np.fromiter(
            (self._one_numeric(v, insert) for v in values(column, spec.codec)), np.int64,
            len(column),
        )  # fmt: skip

    def _one_numeric(self, value: Any, insert: bool) -> int:
        if value is None:
            return 0
        if value == value and not value.is_infinite():
            scale = self.scale or 0
            # The default context would round to its 28 digits.
            if value.adjusted() + scale < _EXTRA_DIGITS:
                scaled = EXACT.scaleb(value, scale)
                if abs(scaled) < _EXTRA and scaled == int(scaled):
                    return int(scaled)
        else:
            value = str(value)
        return self._object(value, insert)


def freeze(value: Any, spec: KeySpec) -> Any:
    """A hashable stand-in: equal exactly where the values are equal."""
    if spec.kind.startswith("bpchar") and isinstance(value, str):
        return value.rstrip(" ")
    return frozen(value, spec.codec.typid, spec.session)


def frozen(value: Any, typid: int, session: Any) -> Any:
    """Arrays, rows and ranges as tuples, down to elements that are equal as their type says."""
    if value is None:
        return None
    if isinstance(value, Interval):
        return interval_span(value)
    if isinstance(value, ArrayValue):
        return ("a", value.dims, value.lbounds,
                tuple(frozen(v, value.elemtype, session) for v in value.elements))  # fmt: skip
    if isinstance(value, RecordValue):
        return ("r", tuple(frozen(v, kind, session)
                           for v, kind in zip(value.fields, value.fieldtypes)))  # fmt: skip
    if isinstance(value, RangeValue):
        return ("g", value.empty, frozen(value.lower, 0, session),
                frozen(value.upper, 0, session), value.lower_inc, value.upper_inc)  # fmt: skip
    if isinstance(value, tuple):
        return tuple(frozen(v, 0, session) for v in value)
    if isinstance(value, (float, Decimal)) and value != value:
        return "nan"
    if typid == BPCHAR:
        return value.rstrip(" ")
    if typid == JSONB:
        text = session.types.io_of(JSONB).output(value)
        return _frozen_json(json.loads(text, parse_float=Decimal, parse_int=Decimal))
    return value


def _frozen_json(value: Any) -> Any:
    if isinstance(value, dict):
        return ("o", frozenset((k, _frozen_json(v)) for k, v in value.items()))
    if isinstance(value, list):
        return ("l", tuple(_frozen_json(v) for v in value))
    if isinstance(value, bool) or value is None:
        return ("b", value)
    return value


def paired(a: Any, b: Any) -> Any:
    """Two numbers from 0 as one; small where both are small (Szudzik's pairing)."""
    return np.where(a < b, b * b + a, a * a + a + b)


class GroupTable:
    """Rows of several key columns → numbers from 0. NULLs are equal to one another."""

    def __init__(self, specs: list[KeySpec]) -> None:
        self.specs = specs
        self.interners = [Interner(s) for s in specs]
        self.single = [IntTable() for _ in specs]
        self.pairs = [IntTable() for _ in specs[1:]]
        self.nulls: list[int] = [-1] * len(specs)

    @property
    def count(self) -> int:
        """How many different rows there are."""
        return (self.pairs[-1] if self.pairs else self.single[0]).count

    def numbers(
        self, batch: Batch, specs: list[KeySpec] | None = None, insert: bool = True
    ) -> tuple[Any, Any]:
        """(number of each row or −1, rows with a NULL among the keys or None).

        ``specs`` are those of this batch where its key columns stand elsewhere.
        """
        out: Any = None
        any_null: Any = None
        for i, spec in enumerate(specs or self.specs):
            column = batch.col(spec.column)
            codes, missing = self.interners[i].codes(column, spec, batch.n, insert)
            if missing is not None and not missing.any():
                missing = None
            found = self._one(i, codes, missing, insert)
            if missing is not None:
                any_null = missing if any_null is None else any_null | missing
            if out is None:
                out = found
            else:
                unknown = (out < 0) | (found < 0)
                out = self.pairs[i - 1].numbers(paired(out, found), insert)
                if unknown.any():
                    out = np.where(unknown, -1, out)
        return out, any_null

    def _one(self, i: int, codes: Any, missing: Any, insert: bool) -> Any:
        table = self.single[i]
        if missing is None:
            return table.numbers(codes, insert)
        if self.nulls[i] < 0 and insert:
            self.nulls[i] = table.count
            table.count += 1
        out = np.empty(len(codes), np.int64)
        rows = np.flatnonzero(~missing)
        out[rows] = table.numbers(codes[rows], insert)
        out[missing] = self.nulls[i]
        return out
