"""Comparison of plain types: operators, btree support, greater and lesser of two.

One line a family: how its functions are named and what order its values have. Values that
Python orders as PostgreSQL does need no key; NaN of floats and numerics equals itself and
is greater than everything. Operators of types whose columns are numbers have a vectorised
form too. Text is in :mod:`pgtool.functions.compare_text`, what is made of other types in
:mod:`pgtool.functions.compare_containers`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any

import numpy as np

from formats import datum as layout
from formats.derive import struct_of
from pgtool.functions.columns import ScaledColumn
from pgtool.functions.registry import builtin, vector
from pgtool.functions.values import Bits, Interval
from pgtool.types.numeric import EXACT

__all__ = ["OPERATORS", "SIGNS", "family", "inet_cmp", "interval_key", "number_cmp", "timetz_key"]

#: Suffix of a function's name → what the sign of a comparison must be.
SIGNS: dict[str, Callable[[int], bool]] = {
    "eq": lambda c: c == 0, "ne": lambda c: c != 0, "lt": lambda c: c < 0,
    "le": lambda c: c <= 0, "gt": lambda c: c > 0, "ge": lambda c: c >= 0,
}  # fmt: skip
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name) for name in SIGNS
}
Compare = Callable[..., int]
_TID = struct_of(layout.ItemPointerData)
_INET = struct_of(layout.InetHeader)
_DAY_US = 86_400_000_000
_SECOND_US = 1_000_000


def plain_cmp(a: Any, b: Any) -> int:
    """Three-way comparison of what Python orders rightly."""
    return int(a > b) - int(a < b)


def number_cmp(a: Any, b: Any) -> int:
    """Floats and numerics: NaN equals NaN and is greater than everything."""
    if a != a or b != b:
        return int(a != a) - int(b != b)
    return int(a > b) - int(a < b)


def by_key(key: Callable[[Any], Any]) -> Compare:
    """Three-way comparison of keys."""
    return lambda a, b: plain_cmp(key(a), key(b))


def family(
    pattern: str,
    compare: Compare,
    *,
    cmp: tuple[str, ...] = (),
    larger: str = "",
    smaller: str = "",
    call: bool = False,
    only: tuple[str, ...] = tuple(SIGNS),
    first_of_equals: bool = False,
) -> None:
    """Register a type's comparisons. ``pattern`` has ``{}`` where the operator's name goes.

    Of two that are equal but not the same, larger and smaller take the second, or the first.
    """
    tie = -1 if first_of_equals else 0
    for suffix in only:
        sign = SIGNS[suffix]
        builtin(pattern.format(suffix), call=call)(_asked(sign, compare))
    builtin(*cmp, call=call)(compare)
    if larger:
        builtin(larger, call=call)(lambda *args: args[-2] if compare(*args) > tie else args[-1])
        builtin(smaller, call=call)(lambda *args: args[-2] if compare(*args) < -tie else args[-1])


def _asked(sign: Callable[[int], bool], compare: Compare) -> Callable[..., bool]:
    return lambda *args: sign(compare(*args))


def _direct(pattern: str, cmp: tuple[str, ...], larger: str = "", smaller: str = "") -> None:
    """A type whose values and columns order as PostgreSQL orders them."""
    for suffix, compute in OPERATORS.items():
        builtin(pattern.format(suffix))(compute)
        vector(pattern.format(suffix), total=True)(compute)
    builtin(*cmp)(plain_cmp)
    if larger:
        builtin(larger)(max)
        builtin(smaller)(min)


def interval_key(value: Interval) -> int:
    """An interval in microseconds, with days of 24 hours and months of 30 days."""
    return value.usec + (value.day + 30 * value.month) * _DAY_US


def timetz_key(value: tuple[int, int]) -> tuple[int, int]:
    """A time with zone: by the instant, then by the zone."""
    usec, west = value
    return usec + west * _SECOND_US, west


def char_key(value: str) -> bytes:
    """The byte of a ``"char"``."""
    return value.encode("utf-8", "surrogateescape") or b"\0"


def tid_key(value: bytes) -> tuple[int, int]:
    """(block, line pointer)."""
    high, low, position = _TID.unpack(value)
    return high << 16 | low, position


def unsigned_key(value: bytes) -> int:
    """A stored unsigned number."""
    return int.from_bytes(value, "little")


def bits_cmp(a: Bits, b: Bits) -> int:
    """Bit strings: by their bytes, then the shorter first."""
    return plain_cmp((a.data, a.length), (b.data, b.length))


def inet_cmp(a: bytes, b: bytes) -> int:
    """Family, the common bits of the network, the netmask's length, the whole address."""
    (family_a, bits_a), (family_b, bits_b) = _INET.unpack_from(a), _INET.unpack_from(b)
    if family_a != family_b:
        return plain_cmp(family_a, family_b)
    address_a, address_b = a[_INET.size :], b[_INET.size :]
    drop = 8 * len(address_a) - min(bits_a, bits_b)
    network_a = int.from_bytes(address_a, "big") >> drop
    network_b = int.from_bytes(address_b, "big") >> drop
    return plain_cmp((network_a, bits_a, address_a), (network_b, bits_b, address_b))


_direct("bool{}", ("btboolcmp",))
_direct("oid{}", ("btoidcmp",), "oidlarger", "oidsmaller")
_direct("cash_{}", ("cash_cmp",), "cashlarger", "cashsmaller")
_direct("xid8{}", ("xid8cmp",), "xid8_larger", "xid8_smaller")
_direct("date_{}", ("date_cmp",), "date_larger", "date_smaller")
_direct("time_{}", ("time_cmp",), "time_larger", "time_smaller")
_direct("timestamp_{}", ("timestamp_cmp",), "timestamp_larger", "timestamp_smaller")
for _prefix in ("int2", "int4", "int8"):
    builtin(f"{_prefix}larger")(max)
    builtin(f"{_prefix}smaller")(min)
family("char{}", by_key(char_key), cmp=("btcharcmp",))
family("bytea{}", plain_cmp, cmp=("byteacmp",), larger="bytea_larger", smaller="bytea_smaller")
family("uuid_{}", plain_cmp, cmp=("uuid_cmp",))
family("macaddr_{}", plain_cmp, cmp=("macaddr_cmp",))
family("macaddr8_{}", plain_cmp, cmp=("macaddr8_cmp",))
family("network_{}", inet_cmp, cmp=("network_cmp",), larger="network_larger",
       smaller="network_smaller")  # fmt: skip
family("tid{}", by_key(tid_key), cmp=("bttidcmp",), larger="tidlarger", smaller="tidsmaller")
family("pg_lsn_{}", by_key(unsigned_key), cmp=("pg_lsn_cmp",), larger="pg_lsn_larger",
       smaller="pg_lsn_smaller")  # fmt: skip
family("bit{}", bits_cmp, cmp=("bitcmp",))
family("interval_{}", by_key(interval_key), cmp=("interval_cmp",), larger="interval_larger",
       smaller="interval_smaller")  # fmt: skip
family("timetz_{}", by_key(timetz_key), cmp=("timetz_cmp",), larger="timetz_larger",
       smaller="timetz_smaller")  # fmt: skip
#: Comparison of floats, NaN as in :func:`number_cmp`, without its detour.
_FLOATS: dict[str, Callable[[float, float], bool]] = {
    "eq": lambda a, b: a == b or (a != a and b != b),
    "ne": lambda a, b: a != b and (a == a or b == b),
    "lt": lambda a, b: a < b or (b != b and a == a),
    "le": lambda a, b: a <= b or b != b,
    "gt": lambda a, b: a > b or (a != a and b == b),
    "ge": lambda a, b: a >= b or a != a,
}  # fmt: skip


def _decimals(suffix: str) -> Callable[[Decimal, Decimal], bool]:
    compute, sign = OPERATORS[suffix], SIGNS[suffix]

    def scalar(a: Decimal, b: Decimal) -> bool:
        try:
            return bool(compute(a, b))
        except InvalidOperation:
            return sign(number_cmp(a, b))

    return scalar


for _suffix in SIGNS:
    for _prefix in ("float4", "float8", "float48", "float84"):
        builtin(_prefix + _suffix)(_FLOATS[_suffix])
    # Equality does not fail on NaN, so it is asked for in the way of floats.
    builtin(f"numeric_{_suffix}")(
        _FLOATS[_suffix] if _suffix in ("eq", "ne") else _decimals(_suffix)
    )
builtin("numeric_cmp", "btfloat4cmp", "btfloat8cmp", "btfloat48cmp", "btfloat84cmp")(number_cmp)
for _prefix in ("float4", "float8", "numeric_"):
    builtin(f"{_prefix}larger")(lambda a, b: a if number_cmp(a, b) > 0 else b)
    builtin(f"{_prefix}smaller")(lambda a, b: a if number_cmp(a, b) < 0 else b)


@builtin("xideq", "cideq", "aclitem_eq")
def same(a: Any, b: Any) -> bool:
    """Equality of what has no order; an int4 beside an xid is taken as its bits."""
    if isinstance(b, int):
        return bool(a & 0xFFFFFFFF == b & 0xFFFFFFFF)
    return bool(a == b)


@builtin("xidneq")
def differs(a: int, b: int) -> bool:
    """Inequality of transaction ids."""
    return a & 0xFFFFFFFF != b & 0xFFFFFFFF


# -- columns ------------------------------------------------------------------------------


def _float_v(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compute(a: Any, b: Any) -> Any:
        if np.isnan(a).any() or np.isnan(b).any():
            return NotImplemented
        return compare(a, b)

    return compute


def _largest(values: Any) -> int:
    return int(np.abs(np.asarray(values)).max(initial=0))


def _scaled_v(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compute(a: ScaledColumn, b: ScaledColumn) -> Any:
        x, y = a.values, b.values
        if a.scale != b.scale:
            grow = abs(a.scale - b.scale)
            if _largest(x if a.scale < b.scale else y) * 10**grow >= 1 << 63:
                return NotImplemented
            if a.scale < b.scale:
                x = x * 10**grow
            else:
                y = y * 10**grow
        return compare(x, y)

    return compute


#: Comparison → the same with its sides exchanged.
FLIPPED = {"eq": "eq", "ne": "ne", "lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}


def against(suffix: str, values: Any, scale: int, constant: Decimal) -> Any:
    """Scaled integers compared with a number of any scale; NotImplemented for one too large."""
    if not constant.is_finite():
        return NotImplemented
    scaled = constant.scaleb(scale, EXACT)
    floor = int(scaled.to_integral_value(ROUND_FLOOR, EXACT))
    if not -(1 << 63) <= floor < 1 << 63:
        return NotImplemented
    if scaled == floor:
        return OPERATORS[suffix](values, floor)
    # It lies between two of the numbers that there can be.
    if suffix in ("eq", "ne"):
        return np.full(len(values), suffix == "ne")
    return values <= floor if suffix in ("lt", "le") else values > floor


for _suffix, _compute in OPERATORS.items():
    vector(f"numeric_{_suffix}", total=True)(_scaled_v(_compute))
    for _prefix in ("float4", "float8", "float48", "float84"):
        vector(_prefix + _suffix, total=True)(_float_v(_compute))
for _suffix in ("eq", "ne"):
    vector(f"uuid_{_suffix}", total=True)(OPERATORS[_suffix])
