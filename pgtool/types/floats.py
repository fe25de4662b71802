"""``real`` and ``double precision``: the shortest text that reads back as the same number.

Two rules make the server's text differ from Python's ``repr``: the exponent form is used
from 1e15 (double) or 1e6 (real) up and below 1e-4, with two digits of exponent; and a
decimal that lies *exactly* half-way between two floats is not used for either of them,
although round-to-even would read it back (1e23 prints as 9.999999999999999e+22).
"""

from __future__ import annotations

import math
import struct
from fractions import Fraction

from pgtool.errors import SqlError
from pgtool.types.base import FixedIO
from pgtool.types.cstdlib import SPACE, strtod

__all__ = [
    "Float4", "Float8", "float4_text", "float8_text", "nearest_single", "parse_float",
]  # fmt: skip

_DOUBLE = struct.Struct("<d")
_SINGLE = struct.Struct("<f")
#: The bits that a double has and a single has not.
_HALF_MASK = (1 << 29) - 1
_SINGLE_MAX = float.fromhex("0x1.fffffep127")
_SINGLE_END = Fraction((1 << 128) - (1 << 103))
_MANTISSA_END = float(1 << 53)


def float8_text(value: float, extra_float_digits: int = 1) -> str:
    """A double as float8out gives it."""
    if value != value:
        return "NaN"
    if value in (math.inf, -math.inf):
        return "Infinity" if value > 0 else "-Infinity"
    if extra_float_digits <= 0:
        return f"{value:.{max(1, 15 + extra_float_digits)}g}"
    if abs(value) < 1e15 and value == int(value):
        return "-0" if value == 0 and math.copysign(1, value) < 0 else str(int(value))
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text if abs(value) < 1e15 else _exponent_form(text)
    if abs(value) >= _MANTISSA_END:
        mantissa, exponent = _off_the_boundary(value, mantissa, exponent)
    return f"{mantissa}e{exponent}"


def _exponent_form(text: str) -> str:
    """``repr`` of a value from 1e15 to 1e16, which PostgreSQL writes with exponent."""
    sign = "-" if text[0] == "-" else ""
    whole, _, fraction = text.lstrip("-").partition(".")
    digits = (whole + fraction.rstrip("0")).rstrip("0")
    return f"{sign}{digits[0]}{'.' if len(digits) > 1 else ''}{digits[1:]}e+{len(whole) - 1:02d}"


def _off_the_boundary(value: float, mantissa: str, exponent: str) -> tuple[str, str]:
    exact = Fraction(abs(value))
    low = (exact + Fraction(math.nextafter(abs(value), 0.0))) / 2
    above = math.nextafter(abs(value), math.inf)
    high = (exact + Fraction(above)) / 2 if above != math.inf else exact + (exact - low)
    for places in range(len(mantissa.lstrip("-").replace(".", "")) - 1, 17):
        if low < abs(Fraction(f"{mantissa}e{exponent}")) < high:
            break
        mantissa, _, exponent = f"{value:.{places}e}".partition("e")
    return mantissa, exponent


def float4_text(value: float, extra_float_digits: int = 1) -> str:
    """A real (given as the equal double) as float4out gives it."""
    if value != value:
        return "NaN"
    if value in (math.inf, -math.inf):
        return "Infinity" if value > 0 else "-Infinity"
    if extra_float_digits <= 0:
        return f"{value:.{max(1, 6 + extra_float_digits)}g}"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    first = 5 if abs(value) >= 1e-37 else 0  # six digits always survive, except below
    for places in range(first, 9):
        text = f"{value:.{places}e}"
        if _reads_back(text, value):
            break
    mantissa, _, exponent = text.partition("e")
    sign = "-" if value < 0 else ""
    digits = mantissa.lstrip("-").replace(".", "").rstrip("0")
    return sign + _place_point(digits, int(exponent), 6)


def _reads_back(text: str, value: float) -> bool:
    """Whether the decimal is nearer to ``value`` than to its neighbours, strictly."""
    number = float(text)
    try:
        if _SINGLE.unpack(_SINGLE.pack(number))[0] != value:
            return False
    except OverflowError:
        return False
    if number == value:
        return True
    bits = int.from_bytes(_SINGLE.pack(value), "little") & 0x7FFFFFFF
    away = 1 if abs(number) > abs(value) else -1
    if bits + away >= 0x7F800000:
        return True
    neighbour = _SINGLE.unpack((bits + away).to_bytes(4, "little"))[0]
    if abs(number) != (abs(value) + neighbour) / 2:
        return True
    return abs(Fraction(text)) != Fraction((abs(value) + neighbour) / 2) and (
        abs(abs(Fraction(text)) - Fraction(abs(value)))
        < abs(abs(Fraction(text)) - Fraction(neighbour))
    )


def _place_point(digits: str, exponent: int, limit: int) -> str:
    """Decimal digits with the point after the first and an exponent → PostgreSQL's text."""
    if not -4 <= exponent < limit:
        point = "." if len(digits) > 1 else ""
        return f"{digits[0]}{point}{digits[1:]}e{exponent:+03d}"
    if exponent < 0:
        return f"0.{'0' * (-exponent - 1)}{digits}"
    if len(digits) <= exponent + 1:
        return digits.ljust(exponent + 1, "0")
    return f"{digits[: exponent + 1]}.{digits[exponent + 1 :]}"


def parse_float(text: str, type_name: str, original: str | None = None) -> tuple[float, str]:
    """The number at the start of ``text`` and what follows it and its white space."""
    shown = text if original is None else original
    found = strtod(text)
    if found is None:
        raise SqlError(f'invalid input syntax for type {type_name}: "{shown}"', "22P02")
    value, used, overflow = found
    if overflow:
        raise _float_range(used.lstrip(SPACE), "double precision")
    return value, text[len(used) :].lstrip(SPACE)


def nearest_single(value: float, text: str) -> bytes:
    """The single nearest to a decimal, of which ``value`` is the nearest double; b"" where
    none is. Two roundings differ from one only where the double lies half-way between
    singles and the decimal does not."""
    exact = Fraction(text) if math.isfinite(value) and "x" not in text.lower() else None
    try:
        datum = _SINGLE.pack(value)
    except OverflowError:
        if exact is None or abs(exact) >= _SINGLE_END:
            return b""
        return _SINGLE.pack(math.copysign(_SINGLE_MAX, value))
    bits = int.from_bytes(_DOUBLE.pack(value), "little")
    if exact is None or bits & _HALF_MASK != _HALF_MASK + 1 >> 1 or exact == value:
        return datum
    return _SINGLE.pack(math.nextafter(value, math.inf if exact > value else -math.inf))


def _float_range(number: str, type_name: str) -> SqlError:
    return SqlError(f'"{number}" is out of range for type {type_name}', "22003")


class Float8(FixedIO):
    """``double precision``."""

    sql_name = "double precision"
    wire = (8,)

    def _ascii(self, datum: bytes) -> str:
        return float8_text(_DOUBLE.unpack(datum)[0], self.settings.extra_float_digits)

    def _parse(self, text: str, typmod: int) -> bytes:
        value, rest = parse_float(text, self.sql_name)
        if rest:
            raise self.bad_input(text)
        return _DOUBLE.pack(value)

    def _python(self, datum: bytes) -> float:
        return float(_DOUBLE.unpack(datum)[0])


class Float4(FixedIO):
    """``real``."""

    sql_name = "real"
    wire = (4,)

    def _ascii(self, datum: bytes) -> str:
        return float4_text(_SINGLE.unpack(datum)[0], self.settings.extra_float_digits)

    def _parse(self, text: str, typmod: int) -> bytes:
        found = strtod(text)
        if found is None or text[len(found[1]) :].strip(SPACE):
            raise self.bad_input(text)
        value, used, overflow = found
        datum = b"" if overflow else nearest_single(value, used.strip(SPACE))
        if not datum or (value and not _SINGLE.unpack(datum)[0]):
            raise _float_range(used.lstrip(SPACE), self.sql_name)
        return datum

    def _python(self, datum: bytes) -> float:
        return float(_SINGLE.unpack(datum)[0])
