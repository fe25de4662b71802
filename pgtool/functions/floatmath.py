"""Mathematical functions of double precision, with the server's domain errors.

What the C library computes is taken from it through :mod:`math`. The trigonometric
functions in degrees are exact where a pupil expects it (sind(30) = 0.5), by scaling the
library's results so that they are exact at the ends of every 30, 45 or 60 degrees.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from functools import cache
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.float import overflow, underflow
from pgtool.functions.registry import Call, builtin

__all__ = ["Random", "random_of"]

RADIANS_PER_DEGREE = 0.0174532925199432957692


def _out_of_domain() -> SqlError:
    return SqlError("input is out of range", "22003")


@builtin("dsqrt")
def dsqrt(a: float) -> float:
    """Square root."""
    if a < 0:
        raise SqlError("cannot take square root of a negative number", "2201F")
    return math.sqrt(a)


@builtin("dcbrt")
def dcbrt(a: float) -> float:
    """Cube root."""
    return math.cbrt(a)


@builtin("dpow")
def dpow(a: float, b: float) -> float:
    """a to the power of b."""
    if a == 0 and b < 0:
        raise SqlError("zero raised to a negative power is undefined", "2201F")
    if a < 0 and math.isfinite(b) and b != math.floor(b):
        raise SqlError(
            "a negative number raised to a non-integer power yields a complex result", "2201F"
        )
    try:
        result = math.pow(a, b)
    except OverflowError:
        raise overflow() from None
    if result == 0 and a != 0 and math.isfinite(a) and math.isfinite(b):
        raise underflow()
    return result


@builtin("dexp")
def dexp(a: float) -> float:
    """e to the power of a."""
    try:
        result = math.exp(a)
    except OverflowError:
        raise overflow() from None
    if result == 0 and not math.isinf(a):
        raise underflow()
    return result


def _logarithm(compute: Callable[[float], float]) -> Callable[[float], float]:
    def scalar(a: float) -> float:
        if a == 0:
            raise SqlError("cannot take logarithm of zero", "2201E")
        if a < 0:
            raise SqlError("cannot take logarithm of a negative number", "2201E")
        return compute(a)

    return scalar


builtin("dlog1")(_logarithm(math.log))
builtin("dlog10")(_logarithm(math.log10))


def _inside(compute: Callable[[float], float], low: float, high: float) -> Callable[..., float]:
    """A function that is defined between two numbers; NaN passes."""

    def scalar(a: float) -> float:
        if a != a:
            return a
        if not low <= a <= high:
            raise _out_of_domain()
        return compute(a)

    return scalar


def _finite(compute: Callable[[float], float]) -> Callable[[float], float]:
    def scalar(a: float) -> float:
        if math.isinf(a):
            raise _out_of_domain()
        return a if a != a else compute(a)

    return scalar


def _cotangent(a: float) -> float:
    tangent = math.tan(a)
    return 1 / tangent if tangent else math.copysign(math.inf, tangent)


def _atanh(a: float) -> float:
    return math.copysign(math.inf, a) if abs(a) == 1 else math.atanh(a)


builtin("dacos")(_inside(math.acos, -1, 1))
builtin("dasin")(_inside(math.asin, -1, 1))
builtin("dacosh")(_inside(math.acosh, 1, math.inf))
builtin("datanh")(_inside(_atanh, -1, 1))
for _name, _compute in {
    "dsin": math.sin, "dcos": math.cos, "dtan": math.tan, "dcot": _cotangent,
}.items():  # fmt: skip
    builtin(_name)(_finite(_compute))
for _name, _plain in {
    "datan": math.atan, "dtanh": math.tanh, "dasinh": math.asinh, "derf": math.erf,
}.items():  # fmt: skip
    builtin(_name)(_plain)
builtin("datan2")(math.atan2)


@builtin("derfc")
def derfc(a: float) -> float:
    """1 - erf(a)."""
    return math.erfc(a)


@builtin("dsinh")
def dsinh(a: float) -> float:
    """Hyperbolic sine; infinite where it is too large."""
    try:
        return math.sinh(a)
    except OverflowError:
        return math.copysign(math.inf, a)


@builtin("dcosh")
def dcosh(a: float) -> float:
    """Hyperbolic cosine; infinite where it is too large."""
    try:
        return math.cosh(a)
    except OverflowError:
        return math.inf


@cache
def _library(name: str) -> Callable[[float], float]:
    """A function of the C library; Python's own where that cannot be had."""
    try:
        found = getattr(ctypes.CDLL("libm.so.6"), name)
    except (OSError, AttributeError):
        return math.gamma if name == "tgamma" else math.lgamma
    found.restype, found.argtypes = ctypes.c_double, [ctypes.c_double]
    made: Callable[[float], float] = found
    return made


@builtin("dgamma")
def dgamma(a: float) -> float:
    """The gamma function."""
    if a != a or a == math.inf:
        return a
    if a == -math.inf or (a <= 0 and a == math.floor(a)):
        raise overflow()
    result = _library("tgamma")(a)
    if result == 0:
        raise underflow()
    if not math.isfinite(result):
        raise overflow()
    return result


@builtin("dlgamma")
def dlgamma(a: float) -> float:
    """The logarithm of the gamma function's absolute value."""
    if not math.isfinite(a):
        return abs(a)
    if a <= 0 and a == math.floor(a):
        raise overflow()
    result = _library("lgamma")(a)
    if math.isinf(result):
        raise overflow()
    return result


# -- degrees --------------------------------------------------------------------------------

_SIN_30 = math.sin(30.0 * RADIANS_PER_DEGREE)
_ONE_MINUS_COS_60 = 1.0 - math.cos(60.0 * RADIANS_PER_DEGREE)
_ASIN_HALF = math.asin(0.5)
_ACOS_HALF = math.acos(0.5)
_ATAN_ONE = math.atan(1.0)


def _sin_30(x: float) -> float:
    return math.sin(x * RADIANS_PER_DEGREE) / _SIN_30 / 2.0


def _cos_60(x: float) -> float:
    return 1.0 - (1.0 - math.cos(x * RADIANS_PER_DEGREE)) / _ONE_MINUS_COS_60 / 2.0


def _sin_q1(x: float) -> float:
    return _sin_30(x) if x <= 30 else _cos_60(90.0 - x)


def _cos_q1(x: float) -> float:
    return _cos_60(x) if x <= 60 else _sin_30(90.0 - x)


_TAN_45 = _sin_q1(45.0) / _cos_q1(45.0)
_COT_45 = _cos_q1(45.0) / _sin_q1(45.0)


def _asin_q1(x: float) -> float:
    if x <= 0.5:
        return math.asin(x) / _ASIN_HALF * 30.0
    return 90.0 - math.acos(x) / _ACOS_HALF * 60.0


def _acos_q1(x: float) -> float:
    if x <= 0.5:
        return 90.0 - math.asin(x) / _ASIN_HALF * 30.0
    return math.acos(x) / _ACOS_HALF * 60.0


def _folded(x: float) -> tuple[float, int, int]:
    """An angle in [0, 90] with the signs of its sine and cosine."""
    x = math.fmod(x, 360.0)
    sine = cosine = 1
    if x < 0:
        x, sine = -x, -1
    if x > 180:
        x, sine = 360.0 - x, -sine
    if x > 90:
        x, cosine = 180.0 - x, -1
    return x, sine, cosine


@builtin("dsind")
def dsind(a: float) -> float:
    """Sine in degrees."""
    return _finite(_sind)(a)


def _sind(a: float) -> float:
    x, sine, _ = _folded(a)
    return sine * _sin_q1(x)


@builtin("dcosd")
def dcosd(a: float) -> float:
    """Cosine in degrees."""
    return _finite(_cosd)(a)


def _cosd(a: float) -> float:
    x, _, cosine = _folded(a)
    return cosine * _cos_q1(x)


def _tand(a: float) -> float:
    x, sine, cosine = _folded(a)
    below = _cos_q1(x)
    ratio = _sin_q1(x) / below if below else math.copysign(math.inf, below)
    result = sine * cosine * (ratio / _TAN_45)
    return result if result else 0.0


def _cotd(a: float) -> float:
    x, sine, cosine = _folded(a)
    below = _sin_q1(x)
    ratio = _cos_q1(x) / below if below else math.copysign(math.inf, below)
    result = sine * cosine * (ratio / _COT_45)
    return result if result else 0.0


builtin("dtand")(_finite(_tand))
builtin("dcotd")(_finite(_cotd))
builtin("dasind")(_inside(lambda x: _asin_q1(x) if x >= 0 else -_asin_q1(-x), -1, 1))
builtin("dacosd")(_inside(lambda x: _acos_q1(x) if x >= 0 else 90.0 + _asin_q1(-x), -1, 1))
builtin("datand")(lambda x: math.atan(x) / _ATAN_ONE * 45.0)
builtin("datan2d")(lambda y, x: math.atan2(y, x) / _ATAN_ONE * 45.0)


@builtin("degrees")
def degrees(a: float) -> float:
    """Radians to degrees."""
    result = a / RADIANS_PER_DEGREE
    if math.isinf(result) and not math.isinf(a):
        raise overflow()
    return result


@builtin("radians")
def radians(a: float) -> float:
    """Degrees to radians."""
    result = a * RADIANS_PER_DEGREE
    if result == 0 and a != 0:
        raise underflow()
    return result


@builtin("dpi")
def dpi() -> float:
    """π."""
    return math.pi


@builtin("width_bucket_float8")
def width_bucket(value: float, low: float, high: float, count: int) -> int:
    """The bucket of an equal-width histogram; 0 and count + 1 outside."""
    if count <= 0:
        raise SqlError("count must be greater than zero", "2201G")
    if value != value or low != low or high != high:
        raise SqlError("operand, lower bound, and upper bound cannot be NaN", "2201G")
    if math.isinf(low) or math.isinf(high):
        raise SqlError("lower and upper bounds must be finite", "2201G")
    if low == high:
        raise SqlError("lower bound cannot equal upper bound", "2201G")
    before, after = (value < low, value >= high) if low < high else (value > low, value <= high)
    if before:
        return 0
    if after:
        if count == 0x7FFFFFFF:
            raise SqlError("integer out of range", "22003")
        return count + 1
    if math.isinf(high - low):
        value, low, high = value / 2, low / 2, high / 2
    return min(int(count * ((value - low) / (high - low))), count - 1) + 1


# -- random numbers -------------------------------------------------------------------------

_M64 = (1 << 64) - 1


class Random:
    """xoroshiro128**, seeded by splitmix64: setseed gives the server's sequence."""

    def __init__(self, seed: int) -> None:
        self.s0, self.s1 = 0, 0
        for attribute in ("s0", "s1"):
            seed = seed + 0x9E3779B97F4A7C15 & _M64
            value = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9 & _M64
            value = (value ^ value >> 27) * 0x94D049BB133111EB & _M64
            setattr(self, attribute, value ^ value >> 31)

    def bits(self) -> int:
        """The next 64 bits."""
        first = self.s0
        other = self.s1 ^ first
        value = first * 5 & _M64
        value = (value << 7 & _M64 | value >> 57) * 9 & _M64
        self.s0 = (first << 24 & _M64 | first >> 40) ^ other ^ (other << 16 & _M64)
        self.s1 = other << 37 & _M64 | other >> 27
        return value

    def double(self) -> float:
        """A number in [0, 1)."""
        return math.ldexp(self.bits() >> 12, -52)

    def normal(self) -> float:
        """A number of the normal distribution."""
        first, second = 1.0 - self.double(), 1.0 - self.double()
        return math.sqrt(-2.0 * math.log(first)) * math.sin(2.0 * math.pi * second)

    def between(self, low: int, high: int) -> int:
        """An integer from low to high; high - low is below 2^64."""
        span = high - low
        if span <= 0:
            return low
        shift = 64 - span.bit_length()
        while (value := self.bits() >> shift) > span:
            pass
        return low + value


def random_of(session: Any) -> Random:
    """The session's generator."""
    import secrets

    state: dict[str, Any] = session.__dict__
    if "_random" not in state:
        state["_random"] = Random(secrets.randbits(64))
    found: Random = state["_random"]
    return found


@builtin("drandom", call=True)
def drandom(call: Call) -> float:
    """random()."""
    return random_of(call.session).double()


@builtin("drandom_normal", call=True)
def drandom_normal(call: Call, mean: float, stddev: float) -> float:
    """random_normal()."""
    return stddev * random_of(call.session).normal() + mean


@builtin("setseed", call=True)
def setseed(call: Call, seed: float) -> bytes:
    """setseed()."""
    if not -1 <= seed <= 1:
        from pgtool.types.floats import float8_text

        raise SqlError(
            f"setseed parameter {float8_text(seed)} is out of allowed range [-1,1]", "22023"
        )
    call.session.__dict__["_random"] = Random(int(float((1 << 52) - 1) * seed) & _M64)
    return bytes(4)


@builtin("int4random", "int8random", call=True)
def random_between(call: Call, low: int, high: int) -> int:
    """random(low, high) of integers."""
    if low > high:
        raise SqlError("lower bound must be less than or equal to upper bound", "22023")
    return random_of(call.session).between(low, high)
