"""``numeric``: base-10000 digits under one of three headers.

A value is sign, digits d0 d1 … with weight w (the value is Σ dᵢ·10000^(w−i)) and a display
scale: how many decimals are shown, which may hide or invent digits only in damaged data.
Leading and trailing zero digits are never stored, so equal values have equal bytes but
for the display scale. A header of one word holds the sign, the scale up to 63 and the
weight from −64 to 63; two words hold more; NaN and the infinities are a lone word.

In between, a finite value is (unscaled int, scale): exact, and cheap in Python.
"""

from __future__ import annotations

import re
import struct
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from typing import NamedTuple

from formats import datum as layout
from formats.derive import struct_of
from formats.version import ByMajor
from pgtool.errors import CorruptData, SqlError
from pgtool.types.base import AsciiIO, bad_input
from pgtool.types.cstdlib import SPACE

__all__ = ["NumericIO", "NumericParts", "numeric_decimal", "numeric_parts", "numeric_text",
           "pack_numeric", "parse_numeric"]  # fmt: skip

_WORD = struct_of(layout.NumericHeader)
_LONG = struct_of(layout.NumericLong)
_SPECIAL_TEXT = {
    layout.NUMERIC_NAN: "NaN",
    layout.NUMERIC_PINF: "Infinity",
    layout.NUMERIC_NINF: "-Infinity",
}
_SPECIAL_SIGN = {text: sign for sign, text in _SPECIAL_TEXT.items()}
EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


class NumericParts(NamedTuple):
    """A stored numeric, taken apart. ``sign`` is the wire form's sign word."""

    sign: int
    weight: int
    dscale: int
    digits: tuple[int, ...]


def numeric_parts(datum: bytes) -> NumericParts:
    """Header and digits of a stored value."""
    header = _WORD.unpack_from(datum)[0]
    kind = header & layout.NUMERIC_SIGN_MASK
    if kind == layout.NUMERIC_SPECIAL:
        sign = header & layout.NUMERIC_EXT_SIGN_MASK
        if sign not in _SPECIAL_TEXT:
            raise CorruptData(f"invalid numeric sign 0x{sign:X}", field="n_header")
        return NumericParts(sign, 0, 0, ())
    if kind == layout.NUMERIC_SHORT:
        sign = layout.NUMERIC_NEG if header & layout.NUMERIC_SHORT_SIGN_MASK else 0
        weight = header & layout.NUMERIC_SHORT_WEIGHT_MASK
        if header & layout.NUMERIC_SHORT_WEIGHT_SIGN_MASK:
            weight -= layout.NUMERIC_SHORT_WEIGHT_SIGN_MASK
        dscale = header >> layout.NUMERIC_SHORT_DSCALE_SHIFT & layout.NUMERIC_SHORT_DSCALE_MAX
        body = datum[_WORD.size :]
    else:
        sign, (word, weight) = kind, _LONG.unpack_from(datum)
        dscale = word & layout.NUMERIC_DSCALE_MASK
        body = datum[_LONG.size :]
    if len(body) % 2:
        raise CorruptData("numeric with half a digit", field="n_data")
    digits = struct.unpack(f"<{len(body) // 2}H", body)
    if digits and max(digits) >= layout.NBASE:
        raise CorruptData("numeric digit out of range", field="n_data")
    return NumericParts(sign, weight, dscale, digits)


def numeric_text(datum: bytes) -> str:
    """The text of a stored value."""
    sign, weight, dscale, digits = numeric_parts(datum)
    if sign in _SPECIAL_TEXT:
        return _SPECIAL_TEXT[sign]
    minus = "-" if sign == layout.NUMERIC_NEG else ""
    text = "".join([f"{digit:04d}" for digit in digits])
    point = (weight + 1) * layout.DEC_DIGITS
    if point <= 0:
        whole, fraction = "0", "0" * -point + text
    else:
        whole, fraction = text[:point].ljust(point, "0").lstrip("0") or "0", text[point:]
    if not dscale:
        return minus + whole
    return f"{minus}{whole}.{fraction[:dscale].ljust(dscale, '0')}"


def numeric_decimal(datum: bytes) -> Decimal:
    """The value as Decimal, trailing zeros of the display scale kept."""
    return EXACT.create_decimal(numeric_text(datum))


def pack_numeric(
    negative: bool, unscaled: int | str, scale: int, dscale: int | None = None
) -> bytes:
    """(−1)^negative · unscaled · 10^−scale in stored form.

    Digits as text cost no conversion, which for a long number is what takes the time.
    """
    dscale = max(scale, 0) if dscale is None else dscale
    text = unscaled if isinstance(unscaled, str) else str(Decimal(unscaled))
    pad = -scale % layout.DEC_DIGITS
    fraction_digits = (scale + pad) // layout.DEC_DIGITS
    text = text.lstrip("0")
    text = text + "0" * pad if text else ""
    text = text.zfill(-(-len(text) // layout.DEC_DIGITS) * layout.DEC_DIGITS)
    digits = [int(text[i : i + 4]) for i in range(0, len(text), 4)]
    weight = len(digits) - 1 - fraction_digits
    while digits and digits[-1] == 0:
        digits.pop()
    return _pack(layout.NUMERIC_NEG if negative else 0, weight, dscale, digits)


def _pack(sign: int, weight: int, dscale: int, digits: list[int]) -> bytes:
    if not digits:
        sign, weight = layout.NUMERIC_POS, 0
    body = struct.pack(f"<{len(digits)}H", *digits)
    short_weight = layout.NUMERIC_SHORT_WEIGHT_MASK
    if dscale <= layout.NUMERIC_SHORT_DSCALE_MAX and -short_weight - 1 <= weight <= short_weight:
        header = layout.NUMERIC_SHORT | dscale << layout.NUMERIC_SHORT_DSCALE_SHIFT
        header |= layout.NUMERIC_SHORT_SIGN_MASK if sign else 0
        header |= layout.NUMERIC_SHORT_WEIGHT_SIGN_MASK if weight < 0 else 0
        return _WORD.pack(header | weight & short_weight) + body
    if dscale > layout.NUMERIC_DSCALE_MASK or not -0x8000 <= weight < 0x8000:
        raise _overflow()
    return _LONG.pack(sign | dscale, weight) + body


def _overflow() -> SqlError:
    return SqlError("value overflows numeric format", "22003")


_DECIMAL = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?"
_UNDERSCORED = (
    r"([0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)?|\.[0-9](?:_?[0-9])*)"
    r"(?:[eE]([+-]?[0-9](?:_?[0-9])*))?"
)
_NUMBER = ByMajor({14: re.compile(_DECIMAL), 16: re.compile(_UNDERSCORED)})
_NON_DECIMAL = ByMajor(
    {
        14: re.compile(r"(?!)()"),
        16: re.compile(r"(0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+)"),
    }
)
_EXPONENT_LIMIT = 0x7FFFFFFF // 2
_WORDS = {"nan": "NaN", "infinity": "Infinity", "inf": "Infinity"}


def parse_numeric(text: str, major: int) -> tuple[bool, str, int] | str:
    """Text → (negative, digits, scale), or the text of a special value."""
    body = text.strip(SPACE)
    word = _WORDS.get(body.lstrip("+-").lower()) if len(body.lstrip("+-")) > len(body) - 2 else None
    if word and (word != "NaN" or body[0] in "nN"):
        return "-Infinity" if body[0] == "-" else word
    negative = body[:1] == "-"
    body = body[1:] if body[:1] in ("+", "-") else body
    match = _NON_DECIMAL[major].fullmatch(body)
    if match:
        base = {"x": 16, "o": 8, "b": 2}[body[1].lower()]
        return negative, str(Decimal(int(body[2:].replace("_", ""), base))), 0
    match = _NUMBER[major].fullmatch(body)
    if match is None:
        raise bad_input("numeric", text)
    mantissa, exponent = match[1].replace("_", ""), int((match[2] or "0").replace("_", "")[:20])
    if abs(exponent) > _EXPONENT_LIMIT:
        raise _overflow()
    whole, _, fraction = mantissa.partition(".")
    unscaled = (whole + fraction).lstrip("0")
    scale = len(fraction) - exponent
    if unscaled and (scale < -200_000 or scale > 200_000):
        raise _overflow()
    return negative, unscaled, scale if unscaled else min(max(scale, 0), 0x10000)


class NumericIO(AsciiIO):
    """``numeric(precision, scale)``."""

    _SCALE_BITS = ByMajor({14: (0xFFFF, 0), 15: (0x7FF, 0x400)})

    def _ascii(self, datum: bytes) -> str:
        return numeric_text(datum)

    def _send(self, datum: bytes) -> bytes:
        sign, weight, dscale, digits = numeric_parts(datum)
        if sign in _SPECIAL_TEXT:
            header = _WORD.unpack_from(datum)[0]
            dscale = header >> layout.NUMERIC_SHORT_DSCALE_SHIFT & layout.NUMERIC_SHORT_DSCALE_MAX
        head = struct.pack(layout.NUMERIC_WIRE_HEADER, len(digits), weight, sign, dscale)
        return head + struct.pack(f">{len(digits)}H", *digits)

    def _parse(self, text: str, typmod: int) -> bytes:
        value = parse_numeric(text, self.settings.major)
        if isinstance(value, str):
            return self._special(_SPECIAL_SIGN[value], typmod)
        return self._finite(*value, typmod)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        size = struct.calcsize(layout.NUMERIC_WIRE_HEADER)
        count, weight, sign, dscale = struct.unpack_from(layout.NUMERIC_WIRE_HEADER, wire)
        count &= 0xFFFF
        if sign not in (*_SPECIAL_TEXT, layout.NUMERIC_POS, layout.NUMERIC_NEG):
            raise self._bad_wire("sign")
        if dscale > layout.NUMERIC_DSCALE_MASK:
            raise self._bad_wire("scale")
        digits = struct.unpack(f">{count}H", wire[size:])
        if digits and max(digits) >= layout.NBASE:
            raise self._bad_wire("digit")
        if sign in _SPECIAL_TEXT:
            return self._special(sign, typmod)
        unscaled = "".join([f"{digit:04d}" for digit in digits])
        scale = (count - 1 - weight) * layout.DEC_DIGITS
        if scale > dscale:
            unscaled, scale = unscaled[: max(0, len(unscaled) - scale + dscale)], dscale
        if typmod < layout.ALIGN_BASE:
            return pack_numeric(sign != 0, unscaled, scale, dscale)
        return self._finite(sign != 0, unscaled + "0" * (dscale - scale), dscale, typmod)

    def _bad_wire(self, what: str) -> SqlError:
        return SqlError(f'invalid {what} in external "numeric" value', "22P03")

    def _precision_scale(self, typmod: int) -> tuple[int, int]:
        mask, flip = self._SCALE_BITS[self.settings.major]
        typmod -= layout.ALIGN_BASE
        return typmod >> 16 & 0xFFFF, ((typmod & mask) ^ flip) - flip

    def _special(self, sign: int, typmod: int) -> bytes:
        if typmod >= layout.ALIGN_BASE and sign != layout.NUMERIC_NAN:
            precision, scale = self._precision_scale(typmod)
            raise SqlError(
                "numeric field overflow", "22003",
                f"A field with precision {precision}, scale {scale} "
                "cannot hold an infinite value.",
            )  # fmt: skip
        return _WORD.pack(sign)

    def _finite(self, negative: bool, digits: str, scale: int, typmod: int) -> bytes:
        if typmod < layout.ALIGN_BASE:
            return pack_numeric(negative, digits, scale)
        precision, target = self._precision_scale(typmod)
        digits = digits.lstrip("0")
        if digits and len(digits) - scale > precision - target + 1:
            raise self._too_large(precision, target)
        if digits:
            value = EXACT.create_decimal(f"{digits}E{-scale}")
            unit = EXACT.create_decimal(f"1E{-target}")
            value = value.quantize(unit, ROUND_HALF_UP, context=EXACT)
            digits = f"{value.scaleb(target, context=EXACT):f}".lstrip("0")
        if len(digits) > precision:
            raise self._too_large(precision, target)
        return pack_numeric(negative, digits, target, max(target, 0))

    @staticmethod
    def _too_large(precision: int, scale: int) -> SqlError:
        room = precision - scale
        return SqlError(
            "numeric field overflow", "22003",
            f"A field with precision {precision}, scale {scale} must round to an "
            f"absolute value less than {f'10^{room}' if room else '1'}.",
        )  # fmt: skip

    def _python(self, datum: bytes) -> Decimal:
        return numeric_decimal(datum)
