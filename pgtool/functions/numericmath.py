"""Roots, powers, exponentials and logarithms of numeric.

Results are rounded once, from more digits than are shown; how many are shown depends on an
estimate of the result's size that is part of the rules (it decides the display scale) and is
made with the same roundings as the server's.
"""

from __future__ import annotations

import math
from decimal import Decimal

from formats.version import ByMajor
from pgtool.errors import SqlError
from pgtool.functions.numeric import (
    INFINITY,
    MAX_DISPLAY_SCALE,
    MIN_SIG_DIGITS,
    NAN,
    ZERO,
    context,
    divide,
    fitted,
    numeric_digits,
    overflow,
    rounded,
    scale_of,
)
from pgtool.functions.registry import Call, builtin
from pgtool.types.numeric import EXACT

_LOG10_E = 0.434294481903252
_LN_10 = 2.302585092994046
_MAX_RESULT_SCALE = 2000
_WEIGHT_MAX = 32767
_ONE = Decimal(1)
_BASE = 10000


def _scale(estimate: int, *least: int) -> int:
    return min(max(MIN_SIG_DIGITS - estimate, *least, 0), MAX_DISPLAY_SCALE)


def _invalid_power(message: str) -> SqlError:
    return SqlError(message, "2201F")


@builtin("numeric_sqrt")
def numeric_sqrt(a: Decimal) -> Decimal:
    """Square root."""
    if a.is_nan():
        return a
    if a < 0:
        raise _invalid_power("cannot take square root of a negative number")
    if a.is_infinite():
        return a
    weight = a.adjusted() // 4 if a else 0
    doubled = weight * 4
    scale = _scale((doubled // 2 if doubled >= 0 else -(-doubled // 2)) + 1, scale_of(a))
    return fitted(square_root(a, scale))


def square_root(a: Decimal, scale: int) -> Decimal:
    """The root of a finite, positive number with so many decimals."""
    # One digit more, cut off: that one decides how to round.
    more = scale + 1
    whole = int(a.scaleb(2 * more, EXACT))
    return rounded(Decimal(math.isqrt(whole)).scaleb(-more, EXACT), scale)


# -- exponential ------------------------------------------------------------------------------


def _exp(a: Decimal, scale: int, size: float) -> Decimal:
    if abs(size) >= _MAX_RESULT_SCALE * 3:
        if size > 0:
            raise overflow()
        return Decimal((0, (0,), -scale))
    digits = max(int(size * _LOG10_E), 0) + scale + 12
    return rounded(context(digits).exp(a), scale)


@builtin("numeric_exp")
def numeric_exp(a: Decimal) -> Decimal:
    """e to the power of a."""
    if not a.is_finite():
        return ZERO if a == -INFINITY else a
    size = float(a)
    weight = int(min(max(size * _LOG10_E, -_MAX_RESULT_SCALE), _MAX_RESULT_SCALE))
    return fitted(_exp(a, _scale(weight, scale_of(a)), size))


# -- logarithms -------------------------------------------------------------------------------

_NEAR_ONE = (Decimal("0.9"), Decimal("1.1"))


def ln_weight(a: Decimal) -> int:
    """About the decimal weight of ln(a); 0 for what has no logarithm."""
    if a <= 0:
        return 0
    if _NEAR_ONE[0] <= a <= _NEAR_ONE[1]:
        groups, weight = numeric_digits(EXACT.subtract(a, _ONE))
        return weight * 4 + int(math.log10(groups[0])) if groups else 0
    groups, weight = numeric_digits(a)
    digits, power = groups[0], weight * 4
    if len(groups) > 1:
        digits, power = digits * _BASE + groups[1], power - 4
    return int(math.log10(abs(math.log(digits) + power * _LN_10)))


def _no_logarithm(a: Decimal) -> None:
    if not a:
        raise SqlError("cannot take logarithm of zero", "2201E")
    if a < 0:
        raise SqlError("cannot take logarithm of a negative number", "2201E")


def _ln(a: Decimal, scale: int) -> Decimal:
    """ln(a) with so many decimals."""
    if a == 1:
        return Decimal((0, (0,), -scale))
    digits = max(ln_weight(a), 0) + scale + 10
    return rounded(context(digits).ln(a), scale)


@builtin("numeric_ln")
def numeric_ln(a: Decimal) -> Decimal:
    """Natural logarithm."""
    if a.is_nan():
        return a
    _no_logarithm(a)
    if a.is_infinite():
        return a
    return _ln(a, _scale(ln_weight(a), scale_of(a)))


@builtin("numeric_log")
def numeric_log(base: Decimal, a: Decimal) -> Decimal:
    """Logarithm to a base."""
    if base.is_nan() or a.is_nan():
        return NAN
    if base.is_infinite() or a.is_infinite():
        for value in (base, a):
            if value < 0:
                _no_logarithm(value)
        for value in (base, a):
            _no_logarithm(value)
        if base.is_infinite():
            return NAN if a.is_infinite() else ZERO
        return INFINITY
    weight_base, weight = ln_weight(base), ln_weight(a)
    scale = _scale(weight - weight_base, scale_of(base), scale_of(a))
    for value in (base, a):
        _no_logarithm(value)
    if base == 1:
        raise SqlError("division by zero", "22012")
    above = _ln(a, max(scale + weight - weight_base - weight + 8, 0) + 8)
    below = _ln(base, max(scale + weight - 2 * weight_base + 8, 0) + 8)
    return fitted(divide(above, below, scale))


# -- powers -----------------------------------------------------------------------------------


def _is_whole(a: Decimal) -> bool:
    return a == a.to_integral_value(context=EXACT)


def _is_odd(a: Decimal) -> bool:
    return bool(EXACT.remainder(a, Decimal(2)))


def _special_power(a: Decimal, b: Decimal) -> Decimal:
    """Powers where either side is NaN or infinite."""
    if a.is_nan():
        return _ONE if b == 0 else NAN
    if b.is_nan():
        return _ONE if a == 1 else NAN
    if not a and b < 0:
        raise _invalid_power("zero raised to a negative power is undefined")
    if a < 0 and b.is_finite() and not _is_whole(b):
        raise _invalid_power(
            "a negative number raised to a non-integer power yields a complex result"
        )
    if a == 1 or not b:
        return _ONE
    if not a:
        return ZERO
    if b.is_infinite():
        if a == -1:
            return _ONE
        return INFINITY if (a.copy_abs() > 1) == (b > 0) else ZERO
    if b < 0:
        return ZERO
    return -INFINITY if a < 0 and _is_odd(b) else INFINITY


@builtin("numeric_power", call=True)
def numeric_power(call: Call, a: Decimal, b: Decimal) -> Decimal:
    """a to the power of b."""
    if not a.is_finite() or not b.is_finite():
        return _special_power(a, b)
    if not a and b < 0:
        raise _invalid_power("zero raised to a negative power is undefined")
    if _is_whole(b) and -(1 << 31) <= b < 1 << 31:
        major = call.session.settings.major
        return fitted(_whole_power(a, int(b), scale_of(b), _SIZE_COUNTS[major]))
    if not a:
        return Decimal((0, (0,), -MIN_SIG_DIGITS))
    negative = False
    if a < 0:
        if not _is_whole(b):
            raise _invalid_power(
                "a negative number raised to a non-integer power yields a complex result"
            )
        negative, a = _is_odd(b), a.copy_abs()
    result = fitted(_real_power(a, b))
    return result.copy_negate() if negative and result else result


def _real_power(a: Decimal, b: Decimal) -> Decimal:
    weight = ln_weight(a)
    rough_scale = max(8 - weight, 0)
    rough = rounded(EXACT.multiply(_ln(a, rough_scale), b), rough_scale)
    size = float(rough)
    if abs(size) > _MAX_RESULT_SCALE * 3.01:
        if size > 0:
            raise overflow()
        return Decimal((0, (0,), -MAX_DISPLAY_SCALE))
    digits = int(size * _LOG10_E)
    scale = _scale(digits, scale_of(a), scale_of(b))
    places = max(max(scale + digits, 0) - weight + 8, 0)
    exponent = rounded(EXACT.multiply(_ln(a, places), b), places)
    return _exp(exponent, scale, float(exponent))


#: Whether the scale of a power with an integer depends on how large the result is.
_SIZE_COUNTS = ByMajor({14: False, 16: True})


def _whole_power(a: Decimal, n: int, scale_b: int, size_counts: bool) -> Decimal:
    groups, weight = numeric_digits(a)
    estimate = 0.0
    if groups:
        lead, power = float(groups[0]), weight * 4
        for group in groups[1:4]:
            lead, power = lead * _BASE + group, power - 4
        estimate = n * (math.log10(lead) + power)
    if estimate > (_WEIGHT_MAX + 1) * 4:
        raise overflow()
    if size_counts:
        if estimate + 1 < -MAX_DISPLAY_SCALE:
            return Decimal((0, (0,), -MAX_DISPLAY_SCALE))
        scale = _scale(int(estimate), scale_of(a), scale_b)
    else:
        scale = _scale(0, scale_of(a))
        if estimate + 1 < -scale:
            return Decimal((0, (0,), -scale))
    if n == 0:
        return rounded(_ONE, scale)
    if not a:
        if n < 0:
            raise SqlError("division by zero", "22012")
        return Decimal((0, (0,), -scale))
    if n == -1:
        return divide(_ONE, a, scale)
    digits = max(scale + int(estimate) + len(str(n)) + 12, 20)
    exact = context(digits if n < 0 or len(groups) * 4 * abs(n) > digits else 1_000_000)
    return rounded(exact.power(a, n), scale)


# -- random -----------------------------------------------------------------------------------


@builtin("numeric_random", call=True)
def numeric_random(call: Call, low: Decimal, high: Decimal) -> Decimal:
    """random(low, high): with the larger of both scales."""
    from pgtool.functions.floatmath import random_of

    for value, what in ((low, "lower"), (high, "upper")):
        if not value.is_finite():
            kind = "NaN" if value.is_nan() else "infinity"
            raise SqlError(f"{what} bound cannot be {kind}", "22023")
    if low > high:
        raise SqlError("lower bound must be less than or equal to upper bound", "22023")
    scale = max(scale_of(low), scale_of(high))
    first = int(low.scaleb(scale, EXACT))
    span = int(high.scaleb(scale, EXACT)) - first
    generator = random_of(call.session)
    if span < 1 << 64:
        found = generator.between(0, span)
    else:
        found, bits = span + 1, span.bit_length()
        while found > span:
            words = [generator.bits() for _ in range(-(-bits // 64))]
            found = sum(word << 64 * i for i, word in enumerate(words)) >> -bits % 64
    return Decimal(first + found).scaleb(-scale, EXACT)
