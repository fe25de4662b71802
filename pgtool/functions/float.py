"""float4 and float8: arithmetic, rounding, casts.

A float4 value is a Python float that single precision holds exactly (:func:`single`). A
result that is infinite or zero although no argument made it so is an overflow or an
underflow, which PostgreSQL reports rather than returns.
"""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from pgtool.errors import SqlError
from pgtool.functions.compare import number_cmp
from pgtool.functions.registry import builtin, vector

__all__ = ["overflow", "single", "underflow"]

_SINGLE = struct.Struct("<f")
_MIXES = {"float4": True, "float8": False, "float48": False, "float84": False}
_INTEGERS = {"2": (16, "smallint"), "4": (32, "integer"), "8": (64, "bigint")}


def overflow() -> SqlError:
    """The error of a result too large."""
    return SqlError("value out of range: overflow", "22003")


def underflow() -> SqlError:
    """The error of a result too small."""
    return SqlError("value out of range: underflow", "22003")


def single(value: float) -> float:
    """The nearest number of single precision."""
    try:
        rounded: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return rounded


def _sum(a: float, b: float, result: float) -> bool:
    return False


def _product(a: float, b: float, result: float) -> bool:
    return result == 0 and a != 0 and b != 0


def _quotient(a: float, b: float, result: float) -> bool:
    return result == 0 and a != 0 and not math.isinf(b)


def divide(a: float, b: float) -> float:
    """Division, which is by zero even where the dividend is infinite."""
    if b == 0 and a == a:
        raise SqlError("division by zero", "22012")
    return a / b if b else a


#: Suffix → (operation, when a zero result is an underflow).
_ARITHMETIC: dict[str, tuple[Callable[[float, float], float], Callable[..., bool]]] = {
    "pl": (operator.add, _sum), "mi": (operator.sub, _sum),
    "mul": (operator.mul, _product), "div": (divide, _quotient),
}  # fmt: skip


def _checked(
    compute: Callable[[float, float], float], vanished: Callable[..., bool], is_single: bool,
    divides: bool,
) -> Callable[[float, float], float]:  # fmt: skip
    def scalar(a: float, b: float) -> float:
        result = compute(a, b)
        if is_single:
            result = single(result)
        if result in (math.inf, -math.inf):
            # The quotient of something finite and infinity is never infinite.
            if not math.isinf(a) and (divides or not math.isinf(b)):
                raise overflow()
        elif vanished(a, b, result):
            raise underflow()
        return result

    return scalar


_UFUNCS: dict[str, Any] = {
    "pl": np.add, "mi": np.subtract, "mul": np.multiply, "div": np.divide,
}  # fmt: skip


def _vectorised(suffix: str, is_single: bool) -> Callable[[Any, Any], Any]:
    ufunc, dtype = _UFUNCS[suffix], np.float32 if is_single else np.float64

    def compute(a: Any, b: Any) -> Any:
        with np.errstate(all="ignore"):
            result = ufunc(np.asarray(a).astype(dtype, copy=False),
                           np.asarray(b).astype(dtype, copy=False))  # fmt: skip
        suspect = ~np.isfinite(result)
        if suffix in ("mul", "div"):
            suspect |= result == 0
        # Infinities, NaN and zeros go one by one through the scalar form, which raises.
        return NotImplemented if suspect.any() else result

    return compute


for _prefix, _is_single in _MIXES.items():
    for _suffix, (_compute, _vanished) in _ARITHMETIC.items():
        builtin(_prefix + _suffix)(
            _checked(_compute, _vanished, _is_single, _suffix == "div")
        )
        vector(_prefix + _suffix)(_vectorised(_suffix, _is_single))


@builtin("float4abs", "float8abs")
def absolute(a: float) -> float:
    """|a|."""
    return abs(a)


@builtin("float4um", "float8um")
def negative(a: float) -> float:
    """-a."""
    return -a


@builtin("float4up", "float8up", "ftod")
def unchanged(a: float) -> float:
    """+a; and single precision to double."""
    return a


@vector("ftod")
def ftod_v(a: Any) -> Any:
    """Single to double precision."""
    return a.astype(np.float64)


@vector("float4um", "float8um", total=True)
def negative_v(a: Any) -> Any:
    """-a."""
    return -a


@vector("float4abs", "float8abs", total=True)
def absolute_v(a: Any) -> Any:
    """|a|."""
    return np.abs(a)


# -- rounding -------------------------------------------------------------------------------


def _whole(compute: Callable[[float], Any]) -> Callable[[float], float]:
    def scalar(a: float) -> float:
        if not math.isfinite(a):
            return a
        return math.copysign(float(compute(a)), a)

    return scalar


_ROUNDING: dict[str, Callable[[float], Any]] = {
    "dround": round, "dceil": math.ceil, "dfloor": math.floor, "dtrunc": math.trunc,
}  # fmt: skip
for _name, _compute1 in _ROUNDING.items():
    builtin(_name)(_whole(_compute1))
for _name, _ufunc in {
    "dround": np.rint, "dceil": np.ceil, "dfloor": np.floor, "dtrunc": np.trunc,
}.items():  # fmt: skip
    vector(_name, total=True)(_ufunc)


@builtin("dsign")
def dsign(a: float) -> float:
    """-1, 0 or 1; NaN stays."""
    if a != a:
        return 0.0
    return float((a > 0) - (a < 0))


# -- casts ----------------------------------------------------------------------------------


@builtin("dtof")
def dtof(a: float) -> float:
    """Double to single precision."""
    result = single(a)
    if math.isinf(result) and not math.isinf(a):
        raise overflow()
    if result == 0 and a != 0:
        raise underflow()
    return result


def _to_integer(bits: int, name: str) -> Callable[[float], int]:
    def scalar(a: float) -> int:
        if math.isfinite(a):
            result = round(a)
            if -(1 << bits - 1) <= result < 1 << bits - 1:
                return result
        raise SqlError(f"{name} out of range", "22003")

    return scalar


def _to_integer_v(bits: int, name: str) -> Callable[[Any], Any]:
    dtype: Any = {16: np.int16, 32: np.int32, 64: np.int64}[bits]
    low, high = -float(1 << bits - 1), float(1 << bits - 1)

    def compute(a: Any) -> Any:
        with np.errstate(invalid="ignore"):
            result = np.rint(a.astype(np.float64, copy=False))
            if not ((result >= low) & (result < high)).all():
                raise SqlError(f"{name} out of range", "22003")
        return result.astype(dtype)

    return compute


for _width, (_bits, _type) in _INTEGERS.items():
    for _prefix in ("dtoi", "ftoi"):
        builtin(_prefix + _width)(_to_integer(_bits, _type))
        vector(_prefix + _width)(_to_integer_v(_bits, _type))
    builtin(f"i{_width}tod")(float)
    vector(f"i{_width}tod")(lambda a: a.astype(np.float64))
    vector(f"i{_width}tof")(lambda a: a.astype(np.float32))


@builtin("i2tof", "i4tof", "i8tof")
def to_single(a: int) -> float:
    """An integer to single precision, rounded once."""
    return float(np.float32(np.int64(a)))


def _to_numeric(digits: int) -> Callable[[float], Decimal]:
    """Through text with as many digits as the type is sure of."""

    def scalar(a: float) -> Decimal:
        if not math.isfinite(a):
            return Decimal("NaN" if a != a else "Infinity" if a > 0 else "-Infinity")
        return plain(Decimal(f"{a:.{digits}g}"))

    return scalar


def plain(value: Decimal) -> Decimal:
    """A numeric as its input function would read it: no negative scale, no negative zero."""
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if exponent > 0:
        value = Decimal((int(value < 0), digits + (0,) * exponent, 0))
    return value if value else abs(value)


builtin("float4_numeric")(_to_numeric(6))
builtin("float8_numeric")(_to_numeric(15))


@builtin("numeric_float8")
def numeric_float8(a: Decimal) -> float:
    """The nearest double; 22003 where there is none."""
    if not a.is_finite():
        return float(a)
    result = float(a)
    if math.isinf(result) or (result == 0 and a):
        raise SqlError(f'"{a:f}" is out of range for type double precision', "22003")
    return result


@builtin("numeric_float4")
def numeric_float4(a: Decimal) -> float:
    """The nearest single; 22003 where there is none."""
    from pgtool.types.floats import nearest_single

    if not a.is_finite():
        return float(a)
    datum = nearest_single(float(a), f"{a:f}")
    result: float = _SINGLE.unpack(datum)[0] if datum else 0.0
    if result == 0 and (a or not datum):
        raise SqlError(f'"{a:f}" is out of range for type real', "22003")
    return result


# -- for window frames ----------------------------------------------------------------------


@builtin("in_range_float8_float8", "in_range_float4_float8")
def in_range(value: float, base: float, offset: float, sub: bool, less: bool) -> bool:
    """Whether ``value`` lies on the asked side of base - offset or base + offset."""
    if not offset >= 0:
        raise SqlError("invalid preceding or following size in window function", "22013")
    if value != value or base != base:
        found = number_cmp(value, base)
        return found <= 0 if less else found >= 0
    if math.isinf(offset) and math.isinf(base) and (base > 0 if sub else base < 0):
        return True
    bound = base - offset if sub else base + offset
    return value <= bound if less else value >= bound
