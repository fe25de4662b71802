"""The first few built-ins of the other families: float8, text, bool, numeric comparison."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from pgtool.errors import SqlError
from pgtool.functions.collation import collation_key
from pgtool.functions.columns import ScaledColumn
from pgtool.functions.registry import Call, builtin, vector
from pgtool.storage import ragged
from pgtool.types.column import VarColumn

_SIGNS: dict[str, Callable[[int], bool]] = {
    "eq": lambda c: c == 0, "ne": lambda c: c != 0, "lt": lambda c: c < 0,
    "le": lambda c: c <= 0, "gt": lambda c: c > 0, "ge": lambda c: c >= 0,
}  # fmt: skip
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name) for name in _SIGNS
}


def number_cmp(a: Any, b: Any) -> int:
    """Floats and numerics: NaN equals NaN and is greater than everything."""
    if a != a or b != b:
        return int(a != a) - int(b != b)
    return (a > b) - (a < b)


def text_cmp(call: Call, a: str, b: str) -> int:
    """Text in its collation."""
    if a == b:
        return 0
    key = collation_key(call.session, call.collation)
    if key is None:
        x, y = a.encode("utf-8", "surrogateescape"), b.encode("utf-8", "surrogateescape")
    else:
        x, y = key(a), key(b)
    return (x > y) - (x < y)


def _float_v(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compute(a: Any, b: Any) -> Any:
        if np.isnan(a).any() or np.isnan(b).any():
            return NotImplemented
        return compare(a, b)

    return compute


def _scaled_v(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compute(a: ScaledColumn, b: ScaledColumn) -> Any:
        x, y = a.values, b.values
        if a.scale != b.scale:
            grow = abs(a.scale - b.scale)
            if grow > 9 or max(_largest(x), _largest(y)) >= 1 << 31:
                return NotImplemented
            if a.scale < b.scale:
                x = x * 10**grow
            else:
                y = y * 10**grow
        return compare(x, y)

    return compute


def _largest(values: Any) -> int:
    values = np.asarray(values)
    return int(np.abs(values).max(initial=0))


def text_eq_v(a: VarColumn, b: VarColumn) -> Any:
    """Equality of spans: lengths first, then bytes in steps of 8."""
    same = np.asarray(a.length == b.length)
    rows = np.flatnonzero(same)
    if not len(rows):
        return same
    x = np.broadcast_to(a.start, same.shape)[rows]
    y = np.broadcast_to(b.start, same.shape)[rows]
    length = np.broadcast_to(a.length, same.shape)[rows].astype(np.int64)
    done = 0
    most = int(length.max(initial=0))
    for width in (8, 4, 2, 1):
        while most - done >= width and len(rows):
            open_ = length - done >= width
            if not open_.any():
                break
            wx, wy = ragged.windows(a.buffer, width), ragged.windows(b.buffer, width)
            sel = slice(None) if open_.all() else open_
            equal = wx[x[sel] + done] == wy[y[sel] + done]
            if width < 8:
                equal_all = np.ones(len(rows), bool)
                equal_all[sel] = equal
                x, y, length = x + width * open_, y + width * open_, length - width * open_
            else:
                equal_all = np.ones(len(rows), bool)
                equal_all[sel] = equal
                x, y = x + 8 * open_, y + 8 * open_
                length = length - 8 * open_
            same[rows[~equal_all]] = False
            rows, x, y, length = rows[equal_all], x[equal_all], y[equal_all], length[equal_all]
            most = int(length.max(initial=0))
    return same


def _register() -> None:
    for suffix, sign in _SIGNS.items():
        compare = _OPERATORS[suffix]
        for prefix in ("float8", "float4", "float48", "float84"):
            builtin(prefix + suffix)(lambda a, b, sign=sign: sign(number_cmp(a, b)))
            vector(prefix + suffix, total=True)(_float_v(compare))
        builtin(f"numeric_{suffix}")(lambda a, b, sign=sign: sign(number_cmp(a, b)))
        vector(f"numeric_{suffix}", total=True)(_scaled_v(compare))
        for prefix in ("date_", "timestamp_", "time_", "bool", "oid", "char"):
            builtin(prefix + suffix)(compare)
            vector(prefix + suffix, total=True)(compare)
    for name, suffix in (("text_lt", "lt"), ("text_le", "le"), ("text_gt", "gt"),
                         ("text_ge", "ge")):  # fmt: skip
        sign = _SIGNS[suffix]
        builtin(name, call=True)(lambda call, a, b, sign=sign: sign(text_cmp(call, a, b)))


_register()


@builtin("texteq", "nameeq", "nameeqtext", "texteqname")
def texteq(a: str, b: str) -> bool:
    """Equality of text of a deterministic collation."""
    return a == b


@builtin("textne", "namene")
def textne(a: str, b: str) -> bool:
    """Inequality."""
    return a != b


@vector("texteq", "nameeq", "nameeqtext", "texteqname", total=True)
def texteq_v(a: VarColumn, b: VarColumn) -> Any:
    """Equality of text."""
    return text_eq_v(a, b)


@vector("textne", "namene", total=True)
def textne_v(a: VarColumn, b: VarColumn) -> Any:
    """Inequality."""
    return ~text_eq_v(a, b)


@builtin("bttextcmp", "btnamecmp", "btnametextcmp", "bttextnamecmp", call=True)
def bttextcmp(call: Call, a: str, b: str) -> int:
    """Three-way comparison of text."""
    return text_cmp(call, a, b)


@builtin("btfloat8cmp", "btfloat4cmp", "btfloat48cmp", "btfloat84cmp", "numeric_cmp",
         "date_cmp", "timestamp_cmp", "btboolcmp", "btoidcmp", "time_cmp")  # fmt: skip
def number_compare(a: Any, b: Any) -> int:
    """Three-way comparison of numbers."""
    return number_cmp(a, b)


def _float_result(result: float, *args: float) -> float:
    if math.isinf(result) and not any(math.isinf(a) for a in args):
        raise SqlError("value out of range: overflow", "22003")
    return result


@builtin("float8pl")
def float8pl(a: float, b: float) -> float:
    """Sum."""
    return _float_result(a + b, a, b)


@builtin("float8mi")
def float8mi(a: float, b: float) -> float:
    """Difference."""
    return _float_result(a - b, a, b)


@builtin("float8mul")
def float8mul(a: float, b: float) -> float:
    """Product."""
    result = _float_result(a * b, a, b)
    if result == 0 and a != 0 and b != 0:
        raise SqlError("value out of range: underflow", "22003")
    return result


@builtin("int4_numeric", "int8_numeric", "int2_numeric")
def to_numeric(a: int) -> Decimal:
    """An integer as numeric."""
    return Decimal(a)


@vector("int4_numeric", "int8_numeric", "int2_numeric")
def to_numeric_v(a: Any) -> ScaledColumn:
    """Integers as numerics."""
    return ScaledColumn(a.astype(np.int64), 0)


@builtin("numeric_add")
def numeric_add(a: Decimal, b: Decimal) -> Decimal:
    """Sum, exact."""
    from pgtool.types.numeric import EXACT

    return EXACT.add(a, b)


@builtin("generate_series_int4", "generate_series_int8", "generate_series_step_int4",
         "generate_series_step_int8", returns_set=True)  # fmt: skip
def generate_series(first: int, last: int, step: int = 1) -> Any:
    """Integers from first to last."""
    if step == 0:
        raise SqlError("step size cannot equal zero", "22023")
    yield from range(first, last + (1 if step > 0 else -1), step)
