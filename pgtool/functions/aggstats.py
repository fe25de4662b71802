"""Variance, standard deviation, correlation and regression.

Of floats by Youngs and Cramer's running sums, in the order of the rows; of integers and
numerics from exact sums, with the scale that a quotient has. The transition functions of
floats are also callable as functions, over arrays of their state.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.aggregates import NumericSums
from pgtool.functions.float import overflow
from pgtool.functions.numeric import NAN, divide, fitted, quotient_scale
from pgtool.functions.numericmath import square_root
from pgtool.functions.registry import Aggregate, Call, aggregate, builtin
from pgtool.functions.values import ArrayValue
from pgtool.types.numeric import EXACT

FLOAT8 = 701
State = list[float]
Final = Callable[[State], float | None]


# -- exact ------------------------------------------------------------------------------------


def exact_spread(
    count: int, total: Decimal, total2: Decimal, is_variance: bool, is_sample: bool
) -> Decimal:
    """Variance or standard deviation from the sums of values and of squares."""
    n = Decimal(count)
    spread = EXACT.subtract(EXACT.multiply(n, total2), EXACT.multiply(total, total))
    if spread <= 0:
        return Decimal(0)
    below = EXACT.multiply(n, n - 1 if is_sample else n)
    scale = quotient_scale(spread, below)
    result = divide(spread, below, scale)
    return fitted(result if is_variance else square_root(result, scale))


def _numeric(is_variance: bool, is_sample: bool) -> type[NumericSums]:
    class Spread(NumericSums):
        """Variance or standard deviation of exact numbers."""

        squares = True

        def final(self) -> Decimal | None:
            """The result; NULL of too few rows."""
            if self.seen <= is_sample:
                return None
            if self.specials:
                return NAN
            return exact_spread(self.count, self.total, self.total2, is_variance, is_sample)

    return Spread


#: End of the final function's name → (variance rather than deviation, sample).
SPREADS = {
    "var_pop": (True, False), "var_samp": (True, True), "stddev_pop": (False, False),
    "stddev_samp": (False, True),
}  # fmt: skip
for _kind, _options in SPREADS.items():
    aggregate(
        ("int2_accum", f"numeric_poly_{_kind}"), ("int4_accum", f"numeric_poly_{_kind}"),
        ("int8_accum", f"numeric_{_kind}"), ("numeric_accum", f"numeric_{_kind}"),
    )(_numeric(*_options))  # fmt: skip


# -- floats: the steps ------------------------------------------------------------------------


def _over(value: float) -> float:
    return value if not math.isinf(value) else math.nan


def float8_step(state: State, value: float) -> None:
    """N, Sx, Sxx."""
    n, total, spread = state
    count = n + 1.0
    new_total = total + value
    if n > 0:
        distance = value * count - new_total
        spread += distance * distance / (count * n)
        if math.isinf(new_total) or math.isinf(spread):
            if not math.isinf(total) and not math.isinf(value):
                raise overflow()
            spread = math.nan
    elif not math.isfinite(value):
        spread = math.nan
    state[:] = (count, new_total, spread)


def regr_step(state: State, y: float, x: float) -> None:
    """N, Sx, Sxx, Sy, Syy, Sxy."""
    n, sx, sxx, sy, syy, sxy = state
    count, new_sx, new_sy = n + 1.0, sx + x, sy + y
    if n > 0:
        dx, dy = x * count - new_sx, y * count - new_sy
        scale = 1.0 / (count * n)
        sxx += dx * dx * scale
        syy += dy * dy * scale
        sxy += dx * dy * scale
        if any(map(math.isinf, (new_sx, sxx, new_sy, syy, sxy))):
            x_was = math.isinf(sx) or math.isinf(x)
            y_was = math.isinf(sy) or math.isinf(y)
            if (
                ((math.isinf(new_sx) or math.isinf(sxx)) and not x_was)
                or ((math.isinf(new_sy) or math.isinf(syy)) and not y_was)
                or (math.isinf(sxy) and not x_was and not y_was)
            ):
                raise overflow()
            sxx, syy, sxy = _over(sxx), _over(syy), _over(sxy)
    else:
        if not math.isfinite(x):
            sxx = sxy = math.nan
        if not math.isfinite(y):
            syy = sxy = math.nan
    state[:] = (count, new_sx, sxx, new_sy, syy, sxy)


# -- floats: the results ----------------------------------------------------------------------


def _ratio(above: float, below: float) -> float:
    if below == 0:
        return math.nan if above == 0 or above != above else math.copysign(math.inf, above)
    return above / below


def _spread(part: int, less: float, least: float) -> Final:
    return lambda s: None if s[0] < least else _ratio(s[part], s[0] - less)


def _rooted(compute: Final) -> Final:
    def final(state: State) -> float | None:
        found = compute(state)
        return None if found is None else math.sqrt(found)

    return final


def _corr(s: State) -> float | None:
    if s[0] < 1 or s[2] == 0 or s[4] == 0:
        return None
    return _ratio(s[5], math.sqrt(s[2] * s[4]))


def _r2(s: State) -> float | None:
    if s[0] < 1 or s[2] == 0:
        return None
    return 1.0 if s[4] == 0 else _ratio(s[5] * s[5], s[2] * s[4])


def _slope(s: State) -> float | None:
    return None if s[0] < 1 or s[2] == 0 else s[5] / s[2]


def _intercept(s: State) -> float | None:
    return None if s[0] < 1 or s[2] == 0 else (s[3] - s[1] * s[5] / s[2]) / s[0]


def _part(number: int) -> Final:
    return lambda s: None if s[0] < 1 else s[number]


_SAMPLE = math.nextafter(1.0, 2.0)
_FLOAT_FINALS: dict[str, Final] = {
    "float8_avg": _spread(1, 0.0, 1.0),
    "float8_var_pop": _spread(2, 0.0, 1.0),
    "float8_var_samp": _spread(2, 1.0, _SAMPLE),
    "float8_stddev_pop": _rooted(_spread(2, 0.0, 1.0)),
    "float8_stddev_samp": _rooted(_spread(2, 1.0, _SAMPLE)),
}  # fmt: skip
#: The sums that regr_step keeps.
REGR_SUMS = 6
REGR_FINALS: dict[str, Final] = {
    "float8_regr_sxx": _part(2), "float8_regr_syy": _part(4), "float8_regr_sxy": _part(5),
    "float8_regr_avgx": _spread(1, 0.0, 1.0), "float8_regr_avgy": _spread(3, 0.0, 1.0),
    "float8_covar_pop": _spread(5, 0.0, 1.0), "float8_covar_samp": _spread(5, 1.0, _SAMPLE),
    "float8_corr": _corr, "float8_regr_r2": _r2, "float8_regr_slope": _slope,
    "float8_regr_intercept": _intercept,
}  # fmt: skip


def _float_aggregate(
    step: Callable[..., None], size: int, compute: Final
) -> type[Aggregate]:
    class FloatAggregate(Aggregate):
        """An aggregate over a state of running sums."""

        def __init__(self, call: Call) -> None:
            super().__init__(call)
            self.state: State = [0.0] * size

        def step(self, *args: Any) -> None:
            """Take in one row."""
            step(self.state, *args)

        def final(self) -> float | None:
            """The result."""
            return compute(self.state)

    return FloatAggregate


def state_of(value: ArrayValue, name: str, size: int) -> State:
    if value.elemtype != FLOAT8 or value.dims != (size,) or None in value.elements:
        raise SqlError(f"{name}: expected {size}-element float8 array", "XX000")
    return list(value.elements)


def _register_final(name: str, compute: Final, size: int) -> None:
    builtin(name)(lambda value: compute(state_of(value, name, size)))


for _name, _compute in _FLOAT_FINALS.items():
    aggregate(("float8_accum", _name), ("float4_accum", _name))(
        _float_aggregate(float8_step, 3, _compute)
    )
    _register_final(_name, _compute, 3)
for _name, _compute in REGR_FINALS.items():
    aggregate(("float8_regr_accum", _name))(_float_aggregate(regr_step, REGR_SUMS, _compute))
    _register_final(_name, _compute, REGR_SUMS)


@builtin("float8_accum", "float4_accum")
def float8_accum(value: ArrayValue, new: float) -> ArrayValue:
    """One step of a float aggregate."""
    state = state_of(value, "float8_accum", 3)
    float8_step(state, new)
    return ArrayValue.of(FLOAT8, state)


@builtin("float8_regr_accum")
def float8_regr_accum(value: ArrayValue, y: float, x: float) -> ArrayValue:
    """One step of a regression aggregate."""
    state = state_of(value, "float8_regr_accum", 6)
    regr_step(state, y, x)
    return ArrayValue.of(FLOAT8, state)
