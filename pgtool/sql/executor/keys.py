"""Sort keys: a column → arrays of integers that order as its values do.

What orders a column is found from the comparison function behind the sort operator
(:data:`KINDS`); what is not there goes through that function value by value. Arrays of
several keys are packed into as few 64-bit words as their ranges need; leading bits with the
row number below them are sorted as a plain array of integers, ties by the bits that follow.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from pgtool.errors import Unsupported
from pgtool.functions.codec import Codec
from pgtool.functions.collation import collation_key
from pgtool.sql.executor.batch import Batch, nulls, stored, values
from pgtool.sql.executor.spans import padded_words, ranks, trimmed
from pgtool.sql.executor.vcalls import numeric_argument
from pgtool.storage.wordsort import sort_words
from pgtool.types import numeric_rank
from pgtool.types.column import VarColumn
from pgtool.types.vector_numeric import numeric_ranks

__all__ = ["KeySpec", "key_specs", "order_arrays", "pack", "sort_order"]

#: Comparison's source name → kind of key.
KINDS = {
    **dict.fromkeys((
        "btint2cmp", "btint4cmp", "btint8cmp", "date_cmp", "timestamp_cmp", "time_cmp",
        "cash_cmp", "btoidcmp", "btboolcmp", "xid8cmp", "timestamptz_cmp", "=xid", "=int",
        "btint24cmp", "btint42cmp", "btint48cmp", "btint84cmp", "btint28cmp", "btint82cmp",
    ), "int"),
    **dict.fromkeys(("btfloat4cmp", "btfloat8cmp", "btfloat48cmp", "btfloat84cmp"), "float"),
    **dict.fromkeys(("bttextcmp", "btnamecmp", "btnametextcmp", "bttextnamecmp"), "text"),
    **dict.fromkeys(("bttext_pattern_cmp", "byteacmp"), "bytes"),
    "bpcharcmp": "bpchar", "btbpchar_pattern_cmp": "bpchar-bytes", "uuid_cmp": "fixed",
    "btcharcmp": "fixed", "=bytes": "fixed", "numeric_cmp": "numeric", "interval_cmp": "interval",
    "timetz_cmp": "timetz", "enum_cmp": "enum", "macaddr_cmp": "fixed", "macaddr8_cmp": "fixed",
}  # fmt: skip
_SIGN = np.uint64(1 << 63)
_USEC_A_DAY = 86_400_000_000
_MAX_WORDS = 16
_FEW_ROWS = 256


@dataclass(slots=True)
class KeySpec:
    """One key column and how it orders."""

    column: int
    codec: Codec
    kind: str
    cmp: str
    collation: int
    reverse: bool
    nulls_first: bool
    session: Any
    ops: Any


def key_specs(
    node: Any, columns: list[int], operators: list[int], collations: list[int],
    nulls_first: list[bool] | None = None, codecs: list[Codec] | None = None,
) -> list[KeySpec]:  # fmt: skip
    """The keys of a plan node: columns count from 1."""
    codecs = codecs or node.codecs
    out = []
    for i, (number, operator) in enumerate(zip(columns, operators)):
        collation = collations[i] if i < len(collations) else 0
        first = bool(nulls_first[i]) if nulls_first is not None and i < len(nulls_first) else False
        out.append(
            key_spec(node.env, number - 1, codecs[number - 1], operator, collation, first)
        )
    return out


def key_spec(
    env: Any, column: int, codec: Codec, operator: int, collation: int, nulls_first: bool = False
) -> KeySpec:
    """One key, from the operator that orders or equates it."""
    ordering = env.ops.ordering(operator)
    if ordering is None:
        raise Unsupported(f"sorting or grouping by operator {operator}")
    kind = KINDS.get(ordering.cmp, "generic")
    if kind in ("int", "float") and not codec.is_number:
        kind = "generic"
    return KeySpec(
        column, codec, kind, ordering.cmp, collation, ordering.reverse, nulls_first,
        env.session, env.ops,
    )  # fmt: skip


# -- one column → arrays of unsigned integers, most significant first ---------------------


def _signed(values_: Any) -> Any:
    return values_.astype(np.int64).view(np.uint64) ^ _SIGN


def _ints(column: Any, spec: KeySpec) -> list[Any]:
    found = stored(column, spec.codec).values
    if found.dtype.kind in "ub":
        return [found.astype(np.uint64)]
    return [_signed(found)]


def float_bits(values_: Any) -> Any:
    """Doubles as unsigned integers in order; −0 is 0, NaN is greatest."""
    values_ = values_.astype(np.float64) + 0.0
    bits = np.where(np.isnan(values_), np.nan, values_).view(np.uint64)
    bits = np.where(np.isnan(values_), np.uint64(0x7FF8 << 48), bits)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _floats(column: Any, spec: KeySpec) -> list[Any]:
    return [float_bits(stored(column, spec.codec).values)]


def _text(column: Any, spec: KeySpec) -> list[Any]:
    collation = 950 if spec.codec.is_name and not spec.collation else spec.collation
    key = collation_key(spec.session, collation)
    if key is None:
        return _spans(_var(column, spec), False)
    items = values(column, spec.codec)
    return _ranked([None if v is None else key(v) for v in items])


def _var(column: Any, spec: KeySpec) -> VarColumn:
    found: VarColumn = stored(column, spec.codec)
    return found


def _bytes(column: Any, spec: KeySpec) -> list[Any]:
    return _spans(_var(column, spec), True)


def _bpchar(column: Any, spec: KeySpec) -> list[Any]:
    key = None if spec.kind == "bpchar-bytes" else collation_key(spec.session, spec.collation)
    if key is None:
        return _spans(trimmed(_var(column, spec)), False)
    items = values(column, spec.codec)
    return _ranked([None if v is None else key(v.rstrip(" ")) for v in items])


def _spans(column: VarColumn, with_length: bool) -> list[Any]:
    """Bytes in order; zero padding tells them apart unless zeros can end them."""
    length = column.length if column.valid is None else np.where(column.valid, column.length, 0)
    most = int(length.max(initial=0))
    if most > 8 * _MAX_WORDS:
        return [ranks(column)]
    words = padded_words(column, most)
    return [*words, length.astype(np.uint64)] if with_length else words


def _ranked(items: list[Any], key: Any = None) -> list[Any]:
    """Dense ranks of values that Python can order."""
    present = [i for i, v in enumerate(items) if v is not None]
    lookup = (lambda i: items[i]) if key is None else (lambda i: key(items[i]))
    present.sort(key=lookup)
    out = np.zeros(len(items), np.uint64)
    rank, last = 0, None
    for place, i in enumerate(present):
        this = lookup(i)
        if place and (last < this or this < last):
            rank += 1
        out[i] = rank
        last = this
    return [out]


def _fixed(column: Any, spec: KeySpec) -> list[Any]:
    found = np.ascontiguousarray(stored(column, spec.codec).values)
    width = found.dtype.itemsize
    rows = np.zeros((len(found), -(-width // 8) * 8), np.uint8)
    rows[:, :width] = found.view(np.uint8).reshape(len(found), width)
    words = rows.view(">u8").astype(np.uint64)
    return [words[:, i] for i in range(words.shape[1])]


def _numeric(column: Any, spec: KeySpec) -> list[Any]:
    found = numeric_argument(column, spec.codec)
    if found is not NotImplemented and np.ndim(found.values):
        return [_signed(found.values)]
    held = stored(column, spec.codec)
    if numeric_rank.COMPILED and isinstance(held, VarColumn):
        ranked = numeric_ranks(held)
        if ranked is not None:
            return [_signed(ranked)]
    items = [None if v is None else ((1, 0) if v != v else (0, v))
             for v in values(column, spec.codec)]  # fmt: skip
    return _ranked(items)


def interval_span(value: Any) -> int:
    """What intervals compare by."""
    return int((value.month * 30 + value.day) * _USEC_A_DAY + value.usec)


def _interval(column: Any, spec: KeySpec) -> list[Any]:
    return _ranked([None if v is None else interval_span(v) for v in values(column, spec.codec)])


def _timetz(column: Any, spec: KeySpec) -> list[Any]:
    return _ranked(
        [None if v is None else (v[0] + v[1] * 1_000_000, v[1])
         for v in values(column, spec.codec)]
    )  # fmt: skip


def _enum(column: Any, spec: KeySpec) -> list[Any]:
    rows = spec.session.cache.lookup("pg_enum", "enumtypid", spec.codec.typid)
    ranked = sorted(rows, key=lambda r: r.enumsortorder)
    oids = np.array([r.oid for r in ranked], np.int64)
    order = np.argsort(oids)
    found = stored(column, spec.codec).values.astype(np.int64)
    if not len(oids):
        return [np.zeros(len(found), np.uint64)]
    place = np.searchsorted(oids[order], found).clip(0, len(oids) - 1)
    return [order[place].astype(np.uint64)]


def _generic(column: Any, spec: KeySpec) -> list[Any]:
    compare = spec.ops.comparison(spec.cmp, spec.codec.typid, spec.collation)
    return _ranked(values(column, spec.codec), functools.cmp_to_key(compare))


_MAKERS = {
    "int": _ints, "float": _floats, "text": _text, "bytes": _bytes, "bpchar": _bpchar,
    "bpchar-bytes": _bpchar, "fixed": _fixed, "numeric": _numeric, "interval": _interval,
    "timetz": _timetz, "enum": _enum, "generic": _generic,
}  # fmt: skip


def order_arrays(batch: Batch, specs: list[KeySpec]) -> list[Any]:
    """The keys of all rows as unsigned integers, most significant first."""
    out: list[Any] = []
    for spec in specs:
        column = batch.col(spec.column)
        missing = nulls(column)
        arrays = _MAKERS[spec.kind](column, spec)
        if spec.reverse:
            arrays = [~a for a in arrays]
        if missing is not None:
            out.append((missing ^ spec.nulls_first).astype(np.uint64))
            arrays = [np.where(missing, a[np.argmin(missing)] if len(a) else a, a) for a in arrays]
        out += arrays
    return out


def pack(arrays: list[Any]) -> list[tuple[Any, int]]:
    """The same order in as few words as possible: (array, bits that it uses)."""
    out: list[tuple[Any, int]] = []
    for array in arrays:
        if not len(array):
            return [(array, 0)]
        low, high = int(array.min()), int(array.max())
        bits = (high - low).bit_length()
        if not bits:
            continue
        array = array - np.uint64(low)
        if out and out[-1][1] + bits <= 64:
            word, used = out[-1]
            out[-1] = ((word << np.uint64(bits)) | array, used + bits)
        else:
            out.append((array, bits))
    return out


def sort_order(batch: Batch, specs: list[KeySpec]) -> Any:
    """The row numbers in order; equal rows keep theirs."""
    first = next((i for i, s in enumerate(specs) if i and _is_slow(s, batch)), len(specs))
    words = pack(order_arrays(batch, specs[:first]))
    order = _words_order(words, batch.n)
    if first < len(specs):
        _order_ties(batch, specs[first:], words, order)
    return order


def _is_slow(spec: KeySpec, batch: Batch) -> bool:
    """Whether a key is better made for few rows: compared value by value, or long."""
    if spec.kind in ("text", "bpchar") and not (spec.codec.is_name and not spec.collation) \
            and collation_key(spec.session, spec.collation) is not None:  # fmt: skip
        return True
    if spec.kind in ("text", "bytes", "bpchar", "bpchar-bytes"):
        length = _var(batch.col(spec.column), spec).length
        return int(length.max(initial=0)) > 8 * _MAX_WORDS
    return spec.kind == "generic"


def _words_order(words: list[tuple[Any, int]], n: int) -> Any:
    if not words:
        return np.arange(n)
    if len(words) > 1 and n <= _FEW_ROWS:
        return np.lexsort([w for w, _ in reversed(words)])
    return _sorted_words(words, n)


def _order_ties(
    batch: Batch, specs: list[KeySpec], words: list[tuple[Any, int]], order: Any
) -> None:
    """Order by further keys the rows that the keys before leave equal."""
    new = np.zeros(len(order), bool)
    new[:1] = True
    for word, _bits in words:
        sorted_ = word[order]
        new[1:] |= sorted_[1:] != sorted_[:-1]
    places = np.flatnonzero(~(new & np.append(new[1:], True)))
    if not len(places):
        return
    rows = order[places]
    tie = np.cumsum(new[places]).astype(np.uint64)
    more = order_arrays(batch.take(rows), specs)
    order[places] = rows[_words_order(pack([tie, *more]), len(rows))]


def _sorted_words(words: list[tuple[Any, int]], n: int) -> Any:
    """The order of rows by several words.

    As many leading bits as fit beside the row number are sorted as one plain array; rows
    that they leave equal go on among themselves, led by the number of their tie.
    """
    order = np.arange(n)
    places = np.arange(n)
    tie, tie_bits = np.zeros(n, np.uint64), 0
    while words:
        count = len(tie)
        place = max(count - 1, 1).bit_length()
        key, words = _leading(tie, 64 - place - tie_bits, words)
        mixed = (key << np.uint64(place)) | np.arange(count, dtype=np.uint64)
        sort_words(mixed, place)
        moved = (mixed & np.uint64((1 << place) - 1)).astype(np.int64)
        order[places] = order[places[moved]]
        mixed >>= np.uint64(place)
        same = mixed[1:] == mixed[:-1]
        tied = np.zeros(count, bool)
        tied[1:] = same
        tied[:-1] |= same
        left = np.flatnonzero(tied)
        if not words or not len(left):
            break
        first = np.ones(count, bool)
        first[1:] = ~same
        tie = np.cumsum(first[left]).astype(np.uint64) - np.uint64(1)
        tie_bits = int(tie[-1]).bit_length()
        places, rows = places[left], moved[left]
        words = [(word[rows], bits) for word, bits in words]
    return order


def _leading(
    key: Any, room: int, words: list[tuple[Any, int]]
) -> tuple[Any, list[tuple[Any, int]]]:
    """``room`` more bits of the words behind a key, and the bits that are left."""
    rest = list(words)
    while rest and room:
        word, bits = rest.pop(0)
        if bits > room:
            low = np.uint64(bits - room)
            rest.insert(0, (word & ((np.uint64(1) << low) - np.uint64(1)), bits - room))
            word, bits = word >> low, room
        # A shift by 64 is no shift.
        key = word if bits == 64 else (key << np.uint64(bits)) | word
        room -= bits
    return key, rest
