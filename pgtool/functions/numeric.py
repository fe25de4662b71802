"""numeric: exact arithmetic on Decimal, rounding, casts.

A value's exponent is minus its display scale, so scales follow from PostgreSQL's rules and
not from Decimal's: sums have the larger of both scales, products their sum, quotients what
:func:`quotient_scale` selects. Halves round away from zero. There is no negative zero, and
no result with more than 131072 digits before the point. The transcendental functions are in
:mod:`pgtool.functions.numericmath`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
)
from functools import cache
from typing import Any

import numpy as np

from formats import datum as layout
from formats.version import ByMajor
from pgtool.errors import SqlError
from pgtool.functions.columns import ScaledColumn
from pgtool.functions.registry import Call, builtin, vector
from pgtool.types.numeric import EXACT, numeric_decimal

__all__ = [
    "INFINITY", "MAX_DISPLAY_SCALE", "MIN_SIG_DIGITS", "NAN", "ZERO", "context", "divide", "fitted",
    "numeric_digits", "overflow", "quotient", "quotient_scale", "rounded", "scale_of", "sign_of",
    "signed_zero",
]  # fmt: skip

NAN, INFINITY, ZERO = Decimal("NaN"), Decimal("Infinity"), Decimal(0)
MIN_SIG_DIGITS = 16
MAX_DISPLAY_SCALE = 1000
_DSCALE_MAX = layout.NUMERIC_DSCALE_MASK
_WHOLE_DIGITS = 131072
_NAMES = {2: "smallint", 4: "integer", 8: "bigint"}
Binary = Callable[[Decimal, Decimal], Decimal]


@cache
def context(precision: int, rounding: str = ROUND_HALF_UP) -> Context:
    """A context of so many digits that never traps on size."""
    return Context(prec=max(precision, 1), rounding=rounding, Emax=MAX_EMAX, Emin=MIN_EMIN,
                   traps=[])  # fmt: skip


def overflow() -> SqlError:
    """The error of a number too large to store."""
    return SqlError("value overflows numeric format", "22003")


def scale_of(value: Decimal) -> int:
    """The display scale of a finite value."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent


def sign_of(value: Decimal) -> int:
    """-1, 0 or 1; not for NaN."""
    return 0 if not value else -1 if value.is_signed() else 1


def rounded(value: Decimal, scale: int, rounding: str = ROUND_HALF_UP) -> Decimal:
    """A finite value with so many decimals."""
    out = value.quantize(Decimal((0, (1,), -scale)), rounding, EXACT)
    return out if out else out.copy_abs()


def signed_zero(value: Decimal) -> Decimal:
    """Zero without a sign; anything else as it is."""
    return value if value else value.copy_abs()


def fitted(value: Decimal) -> Decimal:
    """A finite result as it can be stored."""
    if not value:
        return value.copy_abs()
    if value.adjusted() >= _WHOLE_DIGITS:
        raise overflow()
    return rounded(value, _DSCALE_MAX) if scale_of(value) > _DSCALE_MAX else value


def numeric_digits(value: Decimal) -> tuple[list[int], int]:
    """Base-10000 digits without zeros at either end, and the first one's weight."""
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)) + "0" * (exponent % layout.DEC_DIGITS)
    exponent -= exponent % layout.DEC_DIGITS
    text = text.lstrip("0")
    text = text.zfill(-(-len(text) // 4) * 4)
    groups = [int(text[i : i + 4]) for i in range(0, len(text), 4)]
    weight = len(groups) - 1 + exponent // layout.DEC_DIGITS
    while groups and not groups[-1]:
        groups.pop()
    return groups, weight if groups else 0


# -- sums and products ------------------------------------------------------------------------


def _finite_or(compute: Binary, special: Binary) -> Binary:
    def scalar(a: Decimal, b: Decimal) -> Decimal:
        if a.is_finite() and b.is_finite():
            return fitted(compute(a, b))
        if a.is_nan() or b.is_nan():
            return NAN
        return special(a, b)

    return scalar


def _infinite_sum(a: Decimal, b: Decimal) -> Decimal:
    if a.is_infinite() and b.is_infinite() and a != b:
        return NAN
    return a if a.is_infinite() else b


def _infinite_product(a: Decimal, b: Decimal) -> Decimal:
    if not a or not b:
        return NAN
    return INFINITY if a.is_signed() == b.is_signed() else -INFINITY


numeric_add = _finite_or(EXACT.add, _infinite_sum)
builtin("numeric_add")(numeric_add)
builtin("numeric_sub")(
    _finite_or(EXACT.subtract, lambda a, b: _infinite_sum(a, b.copy_negate()))
)
builtin("numeric_mul")(_finite_or(EXACT.multiply, _infinite_product))


# -- quotients --------------------------------------------------------------------------------


def _head(value: Decimal) -> tuple[int, int]:
    """(weight, first digit) in base 10000; zeros for zero."""
    if not value:
        return 0, 0
    weight = value.adjusted() // 4
    return weight, int(value.copy_abs().scaleb(-4 * weight, EXACT))


def quotient_scale(a: Decimal, b: Decimal) -> int:
    """At least 16 significant digits, at least the scales of both."""
    (weight_a, first_a), (weight_b, first_b) = _head(a), _head(b)
    weight = weight_a - weight_b - (first_a <= first_b)
    return min(
        max(MIN_SIG_DIGITS - weight * layout.DEC_DIGITS, scale_of(a), scale_of(b), 0),
        MAX_DISPLAY_SCALE,
    )


def divide(a: Decimal, b: Decimal, scale: int, rounding: str = ROUND_HALF_UP) -> Decimal:
    """a / b with so many decimals; b is not zero."""
    if not a:
        return Decimal((0, (0,), -scale))
    digits = a.adjusted() - b.adjusted() + scale + 4
    # Cut off behind the digit that decides, so it rounds only once.
    quotient = context(digits, ROUND_DOWN).divide(a, b)
    return rounded(quotient, scale, rounding)


def _division(finite: Binary) -> Binary:
    def scalar(a: Decimal, b: Decimal) -> Decimal:
        if a.is_nan() or b.is_nan():
            return NAN
        if a.is_infinite() and b.is_infinite():
            return NAN
        if not b:
            raise SqlError("division by zero", "22012")
        if a.is_infinite():
            return INFINITY if a.is_signed() == b.is_signed() else -INFINITY
        return ZERO if b.is_infinite() else fitted(finite(a, b))

    return scalar


def quotient(a: Decimal, b: Decimal) -> Decimal:
    """a / b of finite numbers, b not zero, with the scale that a quotient has."""
    return fitted(divide(a, b, quotient_scale(a, b)))


numeric_div = _division(quotient)
builtin("numeric_div")(numeric_div)
builtin("numeric_div_trunc")(_division(lambda a, b: divide(a, b, 0, ROUND_DOWN)))


@builtin("numeric_mod")
def numeric_mod(a: Decimal, b: Decimal) -> Decimal:
    """The remainder, with the dividend's sign."""
    if a.is_nan() or b.is_nan():
        return NAN
    if a.is_infinite():
        if not b:
            raise SqlError("division by zero", "22012")
        return NAN
    if b.is_infinite():
        return a
    if not b:
        raise SqlError("division by zero", "22012")
    return rounded(EXACT.remainder(a, b), max(scale_of(a), scale_of(b)))


def _whole(value: Decimal, scale: int) -> int:
    return int(value.scaleb(scale, EXACT))


def _common(compute: Callable[[int, int], int]) -> Binary:
    def scalar(a: Decimal, b: Decimal) -> Decimal:
        if not a.is_finite() or not b.is_finite():
            return NAN
        scale = max(scale_of(a), scale_of(b))
        found = compute(_whole(a, scale), _whole(b, scale))
        return fitted(Decimal(found).scaleb(-scale, EXACT))

    return scalar


builtin("numeric_gcd")(_common(math.gcd))
builtin("numeric_lcm")(_common(math.lcm))


# -- one argument -----------------------------------------------------------------------------


@builtin("numeric_abs")
def numeric_abs(a: Decimal) -> Decimal:
    """|a|."""
    return a.copy_abs()


@builtin("numeric_uminus")
def numeric_uminus(a: Decimal) -> Decimal:
    """-a."""
    return a if a.is_nan() or not a else a.copy_negate()


@builtin("numeric_uplus")
def numeric_uplus(a: Decimal) -> Decimal:
    """+a."""
    return a


@builtin("numeric_inc")
def numeric_inc(a: Decimal) -> Decimal:
    """a + 1."""
    return fitted(EXACT.add(a, Decimal(1))) if a.is_finite() else a


@builtin("numeric_sign")
def numeric_sign(a: Decimal) -> Decimal:
    """-1, 0 or 1."""
    return NAN if a.is_nan() else Decimal(sign_of(a))


_MIN_SCALE = -(32767 + 1) * 4 - 1


def _to_scale(rounding: str) -> Callable[[Decimal, int], Decimal]:
    def scalar(a: Decimal, scale: int) -> Decimal:
        if not a.is_finite():
            return a
        scale = min(max(scale, _MIN_SCALE), _DSCALE_MAX)
        out = rounded(a, scale, rounding)
        return fitted(out if scale >= 0 else rounded(out, 0))

    return scalar


builtin("numeric_round")(_to_scale(ROUND_HALF_UP))
builtin("numeric_trunc")(_to_scale(ROUND_DOWN))
for _name, _rounding in {"numeric_ceil": ROUND_CEILING, "numeric_floor": ROUND_FLOOR}.items():
    builtin(_name)(
        lambda a, rounding=_rounding: fitted(rounded(a, 0, rounding)) if a.is_finite() else a
    )


@builtin("numeric_scale")
def numeric_scale(a: Decimal) -> int | None:
    """The display scale."""
    return scale_of(a) if a.is_finite() else None


@builtin("numeric_min_scale")
def numeric_min_scale(a: Decimal) -> int | None:
    """The least scale that shows all digits."""
    return max(scale_of(a.normalize(EXACT)), 0) if a.is_finite() else None


@builtin("numeric_trim_scale")
def numeric_trim_scale(a: Decimal) -> Decimal:
    """Without trailing zeros behind the point."""
    return rounded(a, max(scale_of(a.normalize(EXACT)), 0)) if a.is_finite() else a


@builtin("numeric_fac")
def numeric_fac(n: int) -> Decimal:
    """n!."""
    if n < 0:
        raise SqlError("factorial of a negative number is undefined", "22003")
    if n > 32177:
        raise overflow()
    return Decimal(math.factorial(n))


# -- casts ------------------------------------------------------------------------------------


@builtin("int2_numeric", "int4_numeric", "int8_numeric")
def to_numeric(a: int) -> Decimal:
    """An integer as numeric."""
    return Decimal(a)


def to_integer(value: Decimal, width: int, type_name: str = "") -> int:
    """A numeric rounded to an integer of so many bytes."""
    name = type_name or _NAMES[width]
    if not value.is_finite():
        what = "NaN" if value.is_nan() else "infinity"
        raise SqlError(f"cannot convert {what} to {name}", "0A000")
    if value.adjusted() < 40:
        result = int(rounded(value, 0))
        if -(1 << 8 * width - 1) <= result < 1 << 8 * width - 1:
            return result
    raise SqlError(f"{name} out of range", "22003")


for _width in _NAMES:
    builtin(f"numeric_int{_width}")(lambda a, width=_width: to_integer(a, width))


@builtin("numeric", call=True)
def apply_typmod(call: Call, a: Decimal, typmod: int) -> Decimal:
    """Cast to numeric(precision, scale)."""
    if typmod < layout.ALIGN_BASE:
        return a
    io: Any = call.session.types.io_of(1700)
    return numeric_decimal(io.input(f"{a:f}" if a.is_finite() else str(a), typmod))


# -- others -----------------------------------------------------------------------------------


#: Whether the share of the range is cut off rather than rounded like a quotient.
_BUCKETS_CUT = ByMajor({14: False, 16: True})


@builtin("width_bucket_numeric", call=True)
def width_bucket(call: Call, value: Decimal, low: Decimal, high: Decimal, count: int) -> int:
    """The bucket of an equal-width histogram; 0 and count + 1 outside."""
    if count <= 0:
        raise SqlError("count must be greater than zero", "2201G")
    if value.is_nan() or low.is_nan() or high.is_nan():
        raise SqlError("operand, lower bound, and upper bound cannot be NaN", "2201G")
    if low.is_infinite() or high.is_infinite():
        raise SqlError("lower and upper bounds must be finite", "2201G")
    if low == high:
        raise SqlError("lower bound cannot equal upper bound", "2201G")
    before, after = (value < low, value >= high) if low < high else (value > low, value <= high)
    if before:
        return 0
    result = count + 1
    if not after:
        parts = EXACT.multiply(EXACT.subtract(value, low), Decimal(count))
        width = EXACT.subtract(high, low)
        is_cut = _BUCKETS_CUT[call.session.settings.major]
        share = divide(parts, width, 0, ROUND_DOWN) if is_cut else quotient(parts, width)
        result = int(share) + 1
    if result > 0x7FFFFFFF:
        raise SqlError("integer out of range", "22003")
    return result


@builtin("in_range_numeric_numeric")
def in_range(value: Decimal, base: Decimal, offset: Decimal, sub: bool, less: bool) -> bool:
    """Whether ``value`` lies on the asked side of base - offset or base + offset."""
    if offset.is_nan() or offset < 0:
        raise SqlError("invalid preceding or following size in window function", "22013")
    if value.is_nan() or base.is_nan():
        found = int(value.is_nan()) - int(base.is_nan())
        return found <= 0 if less else found >= 0
    if offset.is_infinite() and base.is_infinite() and base.is_signed() != sub:
        return True
    step = offset.copy_negate() if sub else offset
    finite = base.is_finite() and offset.is_finite()
    bound = EXACT.add(base, step) if finite else _infinite_sum(base, step)
    return value <= bound if less else value >= bound


def _series_value(value: Decimal, what: str) -> Decimal:
    if not value.is_finite():
        kind = "NaN" if value.is_nan() else "infinity"
        raise SqlError(f"{what} cannot be {kind}", "22023")
    return value


@builtin("generate_series_numeric", "generate_series_step_numeric", returns_set=True)
def generate_series(first: Decimal, last: Decimal, step: Decimal | None = None) -> Any:
    """Numbers from first to last."""
    current = _series_value(first, "start value")
    _series_value(last, "stop value")
    if step is None:
        step = Decimal(1)
    elif not _series_value(step, "step size"):
        raise SqlError("step size cannot equal zero", "22023")
    while current <= last if step > 0 else current >= last:
        yield current
        current = EXACT.add(current, step)


# -- columns ----------------------------------------------------------------------------------

_ROOM = 1 << 62


def _largest(values: Any) -> int:
    values = np.asarray(values)
    return max(int(values.max(initial=0)), -int(values.min(initial=0)))


def _sum_v(sign: int) -> Callable[[Any, Any], Any]:
    def compute(a: ScaledColumn, b: ScaledColumn) -> Any:
        scale = max(a.scale, b.scale)
        grow_a, grow_b = 10 ** (scale - a.scale), 10 ** (scale - b.scale)
        if _largest(a.values) * grow_a + _largest(b.values) * grow_b >= _ROOM:
            return NotImplemented
        x = a.values * grow_a if grow_a > 1 else a.values
        y = b.values * grow_b if grow_b > 1 else b.values
        return ScaledColumn(x + y if sign > 0 else x - y, scale)

    return compute


vector("numeric_add")(_sum_v(1))
vector("numeric_sub")(_sum_v(-1))


@vector("numeric_mul")
def numeric_mul_v(a: ScaledColumn, b: ScaledColumn) -> Any:
    """Product."""
    if a.scale + b.scale > 30 or _largest(a.values) * _largest(b.values) >= _ROOM:
        return NotImplemented
    return ScaledColumn(a.values * b.values, a.scale + b.scale)


@vector("numeric_uminus")
def numeric_uminus_v(a: ScaledColumn) -> Any:
    """-a."""
    return ScaledColumn(-a.values, a.scale)


@vector("numeric_abs")
def numeric_abs_v(a: ScaledColumn) -> Any:
    """|a|."""
    return ScaledColumn(np.abs(a.values), a.scale)


@vector("int2_numeric", "int4_numeric", "int8_numeric")
def to_numeric_v(a: Any) -> Any:
    """Integers as numerics."""
    values = np.asarray(a).astype(np.int64)
    return NotImplemented if _largest(values) >= _ROOM else ScaledColumn(values, 0)


@vector("numeric_float8")
def numeric_float8_v(a: ScaledColumn) -> Any:
    """To double precision, where one division rounds once."""
    if a.scale > 22 or _largest(a.values) >= 1 << 53:
        return NotImplemented
    return np.asarray(a.values).astype(np.float64) / 10.0**a.scale
