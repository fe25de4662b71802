"""Transition and combine functions of aggregates, called as functions.

Inside an aggregate :mod:`pgtool.functions.aggregates` and its kin keep their states in a form
of their own; these are for who calls the functions by name, which views and user-defined
aggregates may do. States are the arrays that PostgreSQL gives them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.aggstats import FLOAT8, state_of
from pgtool.functions.float import overflow
from pgtool.functions.numeric import numeric_add, quotient
from pgtool.functions.registry import builtin
from pgtool.functions.values import ArrayValue

INT8 = 20
_ONE_MORE = (1 << 63) - 1


@builtin("booland_statefunc")
def booland_statefunc(a: bool, b: bool) -> bool:
    """bool_and's step."""
    return a and b


@builtin("boolor_statefunc")
def boolor_statefunc(a: bool, b: bool) -> bool:
    """bool_or's step."""
    return a or b


@builtin("any_value_transfn")
def any_value_transfn(a: Any, b: Any) -> Any:
    """any_value's step."""
    return a


@builtin("btequalimage")
def equal_image(opcintype: int) -> bool:
    """Whether values that compare as equal have the same bytes."""
    return True


@builtin("int8inc_any", "int8inc_float8_float8")
def int8inc_any(state: int, *args: Any) -> int:
    """count's step."""
    if state == _ONE_MORE:
        raise SqlError("bigint out of range", "22003")
    return state + 1


@builtin("int8dec_any")
def int8dec_any(state: int, *args: Any) -> int:
    """count's step back."""
    if state == -_ONE_MORE - 1:
        raise SqlError("bigint out of range", "22003")
    return state - 1


def _wrapped(value: int) -> int:
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


@builtin("int2_sum", "int4_sum")
def int_sum(state: int | None, value: int | None) -> int | None:
    """sum's step; the sum wraps, as nobody can add so many."""
    if state is None or value is None:
        return value if state is None else state
    return _wrapped(state + value)


@builtin("int8_sum")
def int8_sum(state: Decimal | None, value: int | None) -> Decimal | None:
    """sum(bigint)'s old step."""
    if state is None or value is None:
        return state if value is None else Decimal(value)
    return numeric_add(state, Decimal(value))


# -- averages of integers: {count, sum} -----------------------------------------------------


def _pair(state: ArrayValue) -> list[int]:
    if len(state.dims) != 1 or len(state.elements) != 2 or None in state.elements:
        raise SqlError("expected 2-element int8 array", "XX000")
    return list(state.elements)


def _average_step(sign: int) -> Callable[[ArrayValue, int], ArrayValue]:
    def step(state: ArrayValue, value: int) -> ArrayValue:
        count, total = _pair(state)
        return ArrayValue(
            state.elemtype, state.dims, state.lbounds,
            [_wrapped(count + sign), _wrapped(total + sign * value)],
        )  # fmt: skip

    return step


builtin("int2_avg_accum", "int4_avg_accum")(_average_step(1))
builtin("int2_avg_accum_inv", "int4_avg_accum_inv")(_average_step(-1))


@builtin("int8_avg")
def int8_avg(state: ArrayValue) -> Decimal | None:
    """avg's result."""
    count, total = _pair(state)
    return quotient(Decimal(total), Decimal(count)) if count else None


@builtin("int2int4_sum")
def int2int4_sum(state: ArrayValue) -> int | None:
    """sum's result in a moving frame."""
    count, total = _pair(state)
    return total if count else None


# -- sums of floats -------------------------------------------------------------------------


def _sum(a: float, b: float) -> float:
    if math.isinf(a + b) and not math.isinf(a) and not math.isinf(b):
        raise overflow()
    return a + b


def _spread(a: float, b: float, more: float) -> float:
    if math.isinf(a + b + more) and not math.isinf(a) and not math.isinf(b):
        raise overflow()
    return a + b + more


def _combined(name: str, size: int) -> Callable[[ArrayValue, ArrayValue], ArrayValue]:
    """N, then sum and sum of squares of each variable, then the sum of products."""

    def combine(first: ArrayValue, second: ArrayValue) -> ArrayValue:
        a, b = state_of(first, name, size), state_of(second, name, size)
        if not a[0] or not b[0]:
            return ArrayValue.of(FLOAT8, a if a[0] else b)
        n = a[0] + b[0]
        out, distances = [n], []
        for i in range(1, 5 if size == 6 else 3, 2):
            total = _sum(a[i], b[i])
            distances.append(a[i] / a[0] - b[i] / b[0])
            square = a[0] * b[0] * distances[-1] * distances[-1] / n
            out += [total, _spread(a[i + 1], b[i + 1], square)]
        if size == 6:
            product = a[0] * b[0] * distances[0] * distances[1] / n
            out.append(_spread(a[5], b[5], product))
        return ArrayValue.of(FLOAT8, out)

    return combine


builtin("float8_combine")(_combined("float8_combine", 3))
builtin("float8_regr_combine")(_combined("float8_regr_combine", 6))
