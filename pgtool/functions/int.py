"""Integers: arithmetic and comparison of int2, int4, int8 in every mix.

Generated from small tables: PostgreSQL names these functions by widths (``int24pl`` adds
an int2 and an int4), and the wider side gives the result.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from pgtool.errors import SqlError
from pgtool.functions.registry import builtin, vector

_BITS = {2: 16, 4: 32, 8: 64}
_NAMES = {2: "smallint", 4: "integer", 8: "bigint"}
_DTYPES: dict[int, Any] = {2: np.int16, 4: np.int32, 8: np.int64}
#: Prefix of the function's name → widths of the two sides.
_PAIRS = {
    "int2": (2, 2), "int4": (4, 4), "int8": (8, 8), "int24": (2, 4), "int42": (4, 2),
    "int28": (2, 8), "int82": (8, 2), "int48": (4, 8), "int84": (8, 4),
}  # fmt: skip
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le,
    "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip


def out_of_range(width: int) -> SqlError:
    """The error of a result that does not fit."""
    return SqlError(f"{_NAMES[width]} out of range", "22003")


def division_by_zero() -> SqlError:
    """The error of dividing by zero."""
    return SqlError("division by zero", "22012")


def _checked(compute: Callable[[int, int], int], width: int) -> Callable[[int, int], int]:
    low, high = -(1 << _BITS[width] - 1), (1 << _BITS[width] - 1) - 1

    def scalar(a: int, b: int) -> int:
        result = compute(a, b)
        if not low <= result <= high:
            raise out_of_range(width)
        return result

    return scalar


def truncated(a: int, b: int) -> int:
    """Division towards zero."""
    if b == 0:
        raise division_by_zero()
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def remainder(a: int, b: int) -> int:
    """The remainder with the dividend's sign."""
    if b == 0:
        raise division_by_zero()
    rest = abs(a) % abs(b)
    return -rest if a < 0 else rest


def _sum_vector(sign: int, width: int) -> Callable[[Any, Any], Any]:
    dtype = _DTYPES[width]

    def compute(a: Any, b: Any) -> Any:
        if width < 8:
            a, b = np.asarray(a).astype(np.int64), np.asarray(b).astype(np.int64)
            result = a + b if sign > 0 else a - b
            narrow = result.astype(dtype)
            if not np.array_equal(narrow, result):
                raise out_of_range(width)
            return narrow
        a, b = np.asarray(a).astype(dtype), np.asarray(b).astype(dtype)
        with np.errstate(over="ignore"):
            result = a + b if sign > 0 else a - b
            wrong = ((a ^ result) & (b ^ result)) if sign > 0 else ((a ^ b) & (a ^ result))
        if (wrong < 0).any():
            raise out_of_range(width)
        return result

    return compute


def _product_vector(width: int) -> Callable[[Any, Any], Any]:
    dtype = _DTYPES[width]

    def compute(a: Any, b: Any) -> Any:
        a, b = np.asarray(a).astype(np.int64), np.asarray(b).astype(np.int64)
        if width == 8:
            size = np.abs(a.astype(np.float64)) * np.abs(b.astype(np.float64))
            if (size >= 2.0**62).any():
                return NotImplemented
            return a * b
        result = a * b
        narrow = result.astype(dtype)
        if not np.array_equal(narrow, result):
            raise out_of_range(width)
        return narrow

    return compute


def _quotient_vector(width: int, rest: bool) -> Callable[[Any, Any], Any]:
    dtype = _DTYPES[width]

    def compute(a: Any, b: Any) -> Any:
        if np.ndim(b) == 0 and b != 0 and b != -1:
            a, b = np.asarray(a).astype(dtype, copy=False), dtype(b)
        else:
            a, b = np.asarray(a).astype(np.int64), np.asarray(b).astype(np.int64)
            if not b.all():
                raise division_by_zero()
            if (b == -1).any():
                return NotImplemented
        if rest:
            return np.fmod(a, b).astype(dtype, copy=False)
        quotient = a // b
        inexact = (quotient * b != a) & ((a < 0) != (b < 0))
        return (quotient + inexact).astype(dtype, copy=False)

    return compute


def _register() -> None:
    for prefix, (left, right) in _PAIRS.items():
        wide = max(left, right)
        for suffix, compare in _COMPARISONS.items():
            builtin(prefix + suffix)(compare)
            vector(prefix + suffix, total=True)(compare)
        arithmetic: dict[str, tuple[Callable[[int, int], int], Callable[[Any, Any], Any]]] = {
            "pl": (operator.add, _sum_vector(1, wide)),
            "mi": (operator.sub, _sum_vector(-1, wide)),
            "mul": (operator.mul, _product_vector(wide)),
            "div": (truncated, _quotient_vector(wide, False)),
        }  # fmt: skip
        if left == right:
            arithmetic["mod"] = (remainder, _quotient_vector(wide, True))
        for suffix, (scalar, vectorised) in arithmetic.items():
            builtin(prefix + suffix)(_checked(scalar, wide))
            vector(prefix + suffix)(vectorised)


_register()


@builtin("int48", "int28", "i2toi4", "oidtoi8", "int2up", "int4up", "int8up")
def widen(a: int) -> int:
    """A wider integer type holds every value of a narrower one."""
    return a


def _narrow(width: int) -> Callable[[int], int]:
    low, high = -(1 << _BITS[width] - 1), (1 << _BITS[width] - 1) - 1

    def scalar(a: int) -> int:
        if not low <= a <= high:
            raise out_of_range(width)
        return a

    return scalar


def _convert_v(width: int) -> Callable[[Any], Any]:
    dtype = _DTYPES[width]

    def compute(a: Any) -> Any:
        a = np.asarray(a)
        made = a.astype(dtype)
        if not np.array_equal(made, a):
            raise out_of_range(width)
        return made

    return compute


for _name, _width in {"i4toi2": 2, "int82": 2, "int84": 4}.items():
    builtin(_name)(_narrow(_width))
for _name, _width in {"i4toi2": 2, "int82": 2, "int84": 4, "i2toi4": 4, "int48": 8, "int28": 8,
                      "oidtoi8": 8}.items():  # fmt: skip
    vector(_name)(_convert_v(_width))


@builtin("i8tooid")
def i8tooid(a: int) -> int:
    """A bigint as OID."""
    if not 0 <= a <= 0xFFFFFFFF:
        raise SqlError("OID out of range", "22003")
    return a


@builtin("bool_int4")
def bool_int4(a: bool) -> int:
    """1 for true."""
    return int(a)


@builtin("int4_bool")
def int4_bool(a: int) -> bool:
    """Whether it is not zero."""
    return a != 0


@vector("int4_bool", total=True)
def int4_bool_v(a: Any) -> Any:
    """Whether it is not zero."""
    return a != 0


def _wrapped(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def _divisor(width: int, compute: Callable[[int, int], int]) -> Callable[[int, int], int]:
    check = _narrow(width)
    return lambda a, b: check(compute(a, b))


def _register_bits() -> None:
    for width, bits in _BITS.items():
        prefix, check = f"int{width}", _narrow(width)
        shift = 63 if width == 8 else 31
        builtin(f"{prefix}um")(lambda a, check=check: check(-a))
        builtin(f"{prefix}abs")(lambda a, check=check: check(abs(a)))
        builtin(f"{prefix}not")(operator.invert)
        vector(f"{prefix}not", total=True)(np.invert)
        for suffix, compute, ufunc in (
            ("and", operator.and_, np.bitwise_and), ("or", operator.or_, np.bitwise_or),
            ("xor", operator.xor, np.bitwise_xor),
        ):  # fmt: skip
            builtin(prefix + suffix)(compute)
            vector(prefix + suffix, total=True)(ufunc)
        builtin(f"{prefix}shl")(
            lambda a, n, bits=bits, shift=shift: _wrapped(a << (n & shift), bits)
        )
        builtin(f"{prefix}shr")(lambda a, n, shift=shift: a >> (n & shift))
        if width > 2:
            builtin(f"{prefix}gcd")(_divisor(width, math.gcd))
            builtin(f"{prefix}lcm")(_divisor(width, math.lcm))
            builtin(f"{prefix}inc")(lambda a, check=check: check(a + 1))
    for name in ("int2_int2", "int2_int4", "int2_int8", "int4_int2", "int4_int4", "int4_int8",
                 "int8_int8"):  # fmt: skip
        builtin(f"in_range_{name}")(in_range)


def in_range(value: int, base: int, offset: int, sub: bool, less: bool) -> bool:
    """Whether ``value`` lies on the asked side of base - offset or base + offset."""
    if offset < 0:
        raise SqlError("invalid preceding or following size in window function", "22013")
    bound = base - offset if sub else base + offset
    return value <= bound if less else value >= bound


_register_bits()


@builtin("int8dec")
def int8dec(a: int) -> int:
    """a - 1."""
    return _narrow(8)(a - 1)


@builtin("btint4cmp", "btint8cmp", "btint2cmp", "btint24cmp", "btint42cmp", "btint48cmp",
         "btint84cmp", "btint28cmp", "btint82cmp")  # fmt: skip
def compare(a: int, b: int) -> int:
    """-1, 0 or 1."""
    return (a > b) - (a < b)


@builtin("generate_series_int4", "generate_series_int8", "generate_series_step_int4",
         "generate_series_step_int8", returns_set=True)  # fmt: skip
def generate_series(first: int, last: int, step: int = 1) -> Any:
    """Integers from first to last."""
    if step == 0:
        raise SqlError("step size cannot equal zero", "22023")
    return range(first, last + (1 if step > 0 else -1), step)
