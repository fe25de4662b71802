"""What making a range asks for: order of the bounds, canonical form, merging of ranges."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from formats import datum as layout
from pgtool.errors import SqlError, Unsupported
from pgtool.types import calendar as cal
from pgtool.types.base import TypeIO
from pgtool.types.composite import Domain, RangeValue
from pgtool.types.dates import Date, Time, Timestamp
from pgtool.types.floats import Float4, Float8
from pgtool.types.info import RangeInfo
from pgtool.types.misc import Uuid
from pgtool.types.numbers import Int2, Int4, Int8, Money, OidIO, PgLsn
from pgtool.types.numeric import NumericIO, numeric_decimal
from pgtool.types.strings import Bytea, Text

__all__ = ["make_range", "merge_ranges", "sort_key"]


def _signed(datum: bytes) -> Any:
    return int.from_bytes(datum, "little", signed=True)


def _unsigned(datum: bytes) -> Any:
    return int.from_bytes(datum, "little")


def _numeric(datum: bytes) -> Any:
    value = numeric_decimal(datum)
    return (1, 0) if value.is_nan() else (0, value)


def _float(io: TypeIO, datum: bytes) -> Any:
    value = io.to_python(datum)
    return (1, 0.0) if value != value else (0, value)


#: Collations that order text by its bytes: C and POSIX.
_BYTE_ORDER = (950, 951)


def sort_key(io: TypeIO, datum: bytes, collation: int = 0) -> Any:
    """A Python value that sorts as the type's default order does."""
    while isinstance(io, Domain):
        io = io.base
    if isinstance(io, (Int2, Int4, Int8, Date, Timestamp, Money)) or type(io) is Time:
        return _signed(datum)
    if isinstance(io, (OidIO, PgLsn)):
        return _unsigned(datum)
    if isinstance(io, NumericIO):
        return _numeric(datum)
    if isinstance(io, (Float4, Float8)):
        return _float(io, datum)
    if isinstance(io, (Uuid, Bytea)):
        return datum
    if isinstance(io, Text) and collation in _BYTE_ORDER:
        return datum
    raise Unsupported(f"order of type {io.info.name} in a range")


_Order = Callable[[bytes], Any]


def _order(io: TypeIO, info: RangeInfo) -> _Order:
    return lambda datum: sort_key(io, datum, info.rngcollation)


def _compare(a: RangeValue, b: RangeValue, of_a: int, of_b: int, sub: _Order) -> int:
    """Compare bound ``of_a`` (0 lower, 1 upper) of one range with one of another."""
    infinite = (layout.RANGE_LB_INF, layout.RANGE_UB_INF)
    a_inf, b_inf = a.flags & infinite[of_a], b.flags & infinite[of_b]
    if a_inf or b_inf:
        left = (-1 if of_a == 0 else 1) if a_inf else 0
        right = (-1 if of_b == 0 else 1) if b_inf else 0
        return left - right
    bound_a = a.upper if of_a else a.lower
    bound_b = b.upper if of_b else b.lower
    a_key, b_key = sub(bound_a or b""), sub(bound_b or b"")
    if a_key != b_key:
        return -1 if a_key < b_key else 1
    return _step(a, of_a) - _step(b, of_b)


def _step(value: RangeValue, side: int) -> int:
    """Where a bound lies beside its value: −1 before it, 0 on it, 1 after it."""
    if side == 0:
        return 0 if value.flags & layout.RANGE_LB_INC else 1
    return 0 if value.flags & layout.RANGE_UB_INC else -1


EMPTY = RangeValue(layout.RANGE_EMPTY, None, None)
#: Canonical function → (bytes of the value, greatest value, error's words, SQLSTATE, fixed points).
_DISCRETE = {
    "int4range_canonical": (4, 0x7FFFFFFF, "integer out of range", "22003", ()),
    "int8range_canonical": (8, (1 << 63) - 1, "bigint out of range", "22003", ()),
    "daterange_canonical": (
        4, 2145031948, "date out of range", "22008", (cal.DATE_INFINITY, cal.DATE_MINUS_INFINITY),
    ),
}  # fmt: skip


def make_range(value: RangeValue, sub: TypeIO, info: RangeInfo) -> RangeValue:
    """Check the order of the bounds; give the canonical form."""
    flags, lower, upper = value
    if flags & layout.RANGE_EMPTY:
        return EMPTY
    if flags & layout.RANGE_LB_INF:
        flags &= ~layout.RANGE_LB_INC
    if flags & layout.RANGE_UB_INF:
        flags &= ~layout.RANGE_UB_INC
    if lower is not None and upper is not None:
        order = _order(sub, info)
        low, high = order(lower), order(upper)
        if low > high:
            message = "range lower bound must be less than or equal to range upper bound"
            raise SqlError(message, "22000")
        both = layout.RANGE_LB_INC | layout.RANGE_UB_INC
        if low == high and flags & both != both:
            return EMPTY
    value = RangeValue(flags, lower, upper)
    return _canonical(value, info.rngcanonical) if info.rngcanonical in _DISCRETE else value


def _canonical(value: RangeValue, canonical: str) -> RangeValue:
    size, top, words, sqlstate, fixed = _DISCRETE[canonical]
    flags, lower, upper = value

    def plus_one(datum: bytes) -> bytes:
        number = int.from_bytes(datum, "little", signed=True) + 1
        if number > top:
            raise SqlError(words, sqlstate)
        return number.to_bytes(size, "little", signed=True)

    def moves(datum: bytes | None) -> bool:
        return datum is not None and int.from_bytes(datum, "little", signed=True) not in fixed

    if moves(lower) and not flags & layout.RANGE_LB_INC:
        assert lower is not None
        lower, flags = plus_one(lower), flags | layout.RANGE_LB_INC
    if moves(upper) and flags & layout.RANGE_UB_INC:
        assert upper is not None
        upper, flags = plus_one(upper), flags & ~layout.RANGE_UB_INC
    if lower is not None and lower == upper and flags & (2 | 4) != (2 | 4):
        return EMPTY
    return RangeValue(flags, lower, upper)


def merge_ranges(ranges: list[RangeValue], io: TypeIO, info: RangeInfo) -> list[RangeValue]:
    """Sorted, empty ones dropped, those that touch or overlap made one."""
    sub = _order(io, info)
    live = [value for value in ranges if not value.flags & layout.RANGE_EMPTY]

    def order(a: RangeValue, b: RangeValue) -> int:
        return _compare(a, b, 0, 0, sub) or _compare(a, b, 1, 1, sub)

    out: list[RangeValue] = []
    for value in sorted(live, key=functools.cmp_to_key(order)):
        if out and _joins(out[-1], value, sub):
            last = out[-1]
            if _compare(last, value, 1, 1, sub) < 0:
                kept = last.flags & ~(layout.RANGE_UB_INC | layout.RANGE_UB_INF)
                taken = value.flags & (layout.RANGE_UB_INC | layout.RANGE_UB_INF)
                out[-1] = RangeValue(kept | taken, last.lower, value.upper)
        else:
            out.append(value)
    return out


def _joins(first: RangeValue, second: RangeValue, sub: _Order) -> bool:
    """Whether the second range begins before the first ends, or exactly there."""
    if _compare(second, first, 0, 1, sub) <= 0:
        return True
    if first.upper is None or second.lower is None:
        return False
    same = sub(first.upper) == sub(second.lower)
    return (
        same
        and _step(first, 1) + _step(second, 0) in (-1, 1)
        and (_step(first, 1) == 0 or _step(second, 0) == 0)
    )
