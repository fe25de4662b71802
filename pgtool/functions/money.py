"""money: arithmetic in cents, casts. The locale is one with two decimals, as for its text."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

from pgtool.errors import SqlError
from pgtool.functions.float import overflow, underflow
from pgtool.functions.int import division_by_zero, truncated
from pgtool.functions.numeric import fitted, to_integer
from pgtool.functions.registry import builtin
from pgtool.types.numeric import EXACT

CENTS = 100


def _checked(cents: int, name: str = "money") -> int:
    if not -(1 << 63) <= cents < 1 << 63:
        raise SqlError(f"{name} out of range", "22003")
    return cents


@builtin("cash_pl")
def cash_pl(a: int, b: int) -> int:
    """Sum."""
    return _checked(a + b)


@builtin("cash_mi")
def cash_mi(a: int, b: int) -> int:
    """Difference."""
    return _checked(a - b)


def _times(a: int, b: int) -> int:
    return _checked(a * b)


def _rounded(cents: float) -> int:
    if not math.isfinite(cents):
        raise SqlError("money out of range", "22003")
    return _checked(round(cents))


def _times_float(a: int, b: float) -> int:
    result = float(a) * b
    if math.isinf(result) and not math.isinf(b):
        raise overflow()
    if result == 0 and a != 0 and b != 0:
        raise underflow()
    return _rounded(result)


def _by_float(a: int, b: float) -> int:
    if b == 0:
        raise division_by_zero()
    result = float(a) / b
    if math.isinf(result):
        raise overflow()
    if result == 0 and a != 0 and not math.isinf(b):
        raise underflow()
    return _rounded(result)


def _swapped(compute: Callable[..., int]) -> Callable[..., int]:
    return lambda a, b: compute(b, a)


for _name in ("int2", "int4", "int8"):
    builtin(f"cash_mul_{_name}")(_times)
    builtin(f"{_name}_mul_cash")(_times)
    builtin(f"cash_div_{_name}")(lambda a, b: _checked(truncated(a, b)))
for _name in ("flt4", "flt8"):
    builtin(f"cash_mul_{_name}")(_times_float)
    builtin(f"{_name}_mul_cash")(_swapped(_times_float))
    builtin(f"cash_div_{_name}")(_by_float)


@builtin("cash_div_cash")
def cash_div_cash(a: int, b: int) -> float:
    """Ratio."""
    if b == 0:
        raise division_by_zero()
    return float(a) / float(b)


@builtin("int4_cash", "int8_cash")
def to_cash(a: int) -> int:
    """A whole amount."""
    return _checked(a * CENTS, "bigint")


@builtin("numeric_cash")
def numeric_cash(a: Decimal) -> int:
    """An amount, rounded to cents."""
    return to_integer(fitted(EXACT.multiply(a, Decimal(CENTS))) if a.is_finite() else a, 8)


@builtin("cash_numeric")
def cash_numeric(a: int) -> Decimal:
    """Cents as numeric with two decimals."""
    return Decimal(a).scaleb(-2, EXACT)


_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_THOUSANDS = ("", " thousand ", " million ", " billion ", " trillion ", " quadrillion ")


def _below_hundred(value: int) -> str:
    if value < 20:
        return _SMALL[value]
    tens, rest = divmod(value, 10)
    return _TENS[tens - 2] + (f" {_SMALL[rest]}" if rest else "")


def _below_thousand(value: int) -> str:
    hundreds, rest = divmod(value, 100)
    if not hundreds:
        return _below_hundred(rest)
    if not rest:
        return f"{_SMALL[hundreds]} hundred"
    joint = " and " if rest < 20 else " "
    return f"{_SMALL[hundreds]} hundred{joint}{_below_hundred(rest)}"


@builtin("cash_words")
def cash_words(a: int) -> str:
    """An amount in words."""
    dollars, cents = divmod(abs(a), CENTS)
    text = "minus " if a < 0 else ""
    for power in range(len(_THOUSANDS) - 1, -1, -1):
        group = dollars // 1000**power % 1000
        if group:
            text += _below_thousand(group) + _THOUSANDS[power]
    text += "" if dollars else "zero"
    text += f" {'dollar' if dollars == 1 else 'dollars'} and {_below_thousand(cents)}"
    text += " cent" if cents == 1 else " cents"
    return text[0].upper() + text[1:]
