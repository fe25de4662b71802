"""to_char of numbers: digits poured into a picture.

A number arrives as its sign and its digits, already rounded to as many places as the
picture has. :class:`_Pouring` then goes through the picture from left to right; it keeps
count of the digit positions passed, since blanks, zeros and the sign depend on it.
"""

from __future__ import annotations

import decimal
import math
from decimal import Decimal

from pgtool.errors import SqlError
from pgtool.functions.numpicture import Picture, number_picture
from pgtool.functions.registry import builtin

__all__ = ["pour"]

_DECIMAL_POINT, _GROUP, _CURRENCY = ".", ",", " "
#: Stands where a place finds no digit left; the server's text ends there.
_END = "\0"
_ROMAN_WIDTH = 15
_INT4_MAX = 0x7FFFFFFF
_EXACT = decimal.Context(prec=400_000, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
_FLT_DIG, _DBL_DIG = 6, 15


class _Pouring:
    """One number into one picture."""

    def __init__(self, picture: Picture, digits: str, spaces: int, sign: str) -> None:
        self.picture = picture
        self.digits = digits
        self.at = 0
        self.position = 0
        self.spaces = spaces
        self.sign = sign
        self.inside = False
        self.out: list[str] = []
        self.bracket = picture.bracket
        self.locale_sign = picture.locale_sign
        self.zero_start = picture.zero_start - 1 if picture.zero_start else 0
        self.sign_done = self._sign_is_done()
        self.count = picture.post + picture.pre - 1
        self.last_relevant = self._last_relevant()
        if not self.sign_done and spaces == 0:
            self.count += 1

    def _sign_is_done(self) -> bool:
        picture = self.picture
        if picture.plus or picture.minus:
            return picture.minus
        if self.sign != "-" and picture.fill:
            self.bracket = False
        if self.locale_sign == "pre" and picture.pre == picture.pre_before_sign:
            self.locale_sign = "post"
        return self.sign == "+" and picture.fill and not self.locale_sign

    def _last_relevant(self) -> int | None:
        """The last digit after the point that fill mode keeps, or the point itself."""
        picture = self.picture
        point = self.digits.find(".")
        if not (picture.fill and picture.has_point) or point < 0:
            return None
        last = max(len(self.digits.rstrip("0")) - 1, point)
        if picture.zero_end > self.spaces:
            last = max(last, min(len(self.digits) - 1, picture.zero_end - self.spaces))
        return last

    # -- digits ------------------------------------------------------------------------

    @property
    def current(self) -> str:
        """The next digit or point; nothing behind the last."""
        return self.digits[self.at : self.at + 1]

    @property
    def keeps_only_point(self) -> bool:
        """Whether fill mode leaves nothing behind the point."""
        return self.last_relevant is not None and self.digits[self.last_relevant] == "."

    @property
    def hides_zero(self) -> bool:
        """Whether the next digit is the zero before a point that need not show."""
        picture = self.picture
        return (
            not picture.zero and self.at == 0 and self.digits[:1] == "0" and picture.post != 0
        )

    def put_sign(self) -> None:
        """The sign goes before the first digit that shows."""
        picture = self.picture
        shows = self.position >= self.spaces or (
            picture.zero and self.zero_start == self.position
        )
        if self.sign_done or not shows or (self.hides_zero and not self.keeps_only_point):
            return
        if self.locale_sign:
            if self.locale_sign == "pre":
                self.out.append(self.sign)
                self.sign_done = True
            return
        if self.bracket:
            self.out.append(" " if self.sign == "+" else "<")
        elif self.sign == "-":
            self.out.append("-")
        elif not picture.fill:
            self.out.append(" ")
        self.sign_done = True

    def put_digit(self, pattern: str) -> None:
        """A place for a digit or the point."""
        self.put_sign()
        picture = self.picture
        if self.position < self.spaces:
            if picture.zero and self.zero_start <= self.position:
                self.out.append("0")
                self.inside = True
            elif not picture.fill:
                self.out.append(" ")
        else:
            self.out.append(self.take(pattern))
        end = self.count + (1 if self.spaces else 0) + (1 if picture.has_point else 0)
        if self.last_relevant is not None and self.last_relevant == self.at:
            end = self.position
        if self.position + 1 == end:
            if self.sign_done and self.bracket:
                self.out.append(" " if self.sign == "+" else ">")
            elif self.locale_sign == "post":
                self.out.append(self.sign)
        self.position += 1

    def take(self, pattern: str) -> str:
        """What the next digit shows as."""
        picture, char = self.picture, self.current
        last = self.last_relevant
        shown = char
        if char == ".":
            hidden = self.keeps_only_point and not picture.fill
            shown = "" if hidden else _DECIMAL_POINT
        elif last is not None and self.at > last and pattern != "0":
            shown = ""
        elif self.hides_zero:
            if not picture.fill:
                shown = " "
            else:
                shown = "0" if self.keeps_only_point else ""
        else:
            self.inside = True
            shown = char or _END
        if char:
            self.at += 1
        return shown

    # -- the rest of the picture -----------------------------------------------------------

    def ordinal(self, pattern: str) -> str:
        """The ending of an ordinal number: st, nd, rd, th."""
        picture, digits = self.picture, self.digits
        if picture.roman or digits[:1] == "#" or self.sign == "-" or picture.has_point:
            return ""
        if not digits[-1:].isdecimal():
            raise SqlError(f'"{digits}" is not a number', "22P02")
        teen = len(digits) > 1 and digits[-2] == "1"
        ending = "th" if teen else {"1": "st", "2": "nd", "3": "rd"}.get(digits[-1], "th")
        return ending.upper() if pattern == "TH" else ending

    def put(self, pattern: str) -> None:
        """Any pattern."""
        fill = self.picture.fill
        if pattern in ("9", "0", ".", "D"):
            if not self.picture.roman:
                self.inside = False
                self.put_digit(pattern)
        elif pattern in (",", "G"):
            self.out.append(_GROUP if self.inside else "" if fill else " ")
        elif pattern == "L":
            self.out.append(_CURRENCY)
        elif pattern in ("RN", "rn"):
            shown = self.digits if pattern == "RN" else self.digits.lower()
            self.out.append(shown if fill else shown.rjust(_ROMAN_WIDTH))
        elif pattern in ("TH", "th"):
            self.out.append(self.ordinal(pattern))
        elif pattern == "SG":
            self.out.append(self.sign)
        elif pattern in ("MI", "PL"):
            wanted = "-" if pattern == "MI" else "+"
            self.out.append(wanted if self.sign == wanted else "" if fill else " ")

    def run(self) -> str:
        for pattern, literal in self.picture.elements:
            if pattern:
                self.put(pattern)
            else:
                self.out.append(literal)
        return "".join(self.out).partition(_END)[0]


# -- numbers as digits ---------------------------------------------------------------------

_NUMERALS = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
    (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip


def _roman(value: int) -> str:
    if not 1 <= value <= 3999:
        return "#" * _ROMAN_WIDTH
    out = []
    for worth, sign in _NUMERALS:
        count, value = divmod(value, worth)
        out.append(sign * count)
    return "".join(out)


def pour(picture: Picture, text: str) -> str:
    """A plain decimal number's text into a picture."""
    sign = "-" if text.startswith("-") else "+"
    digits = text.lstrip("-")
    before = digits.find(".") if "." in digits else len(digits)
    spaces = max(picture.pre - before, 0)
    if before > picture.pre:
        digits = "#" * picture.pre + "." + "#" * picture.post
    return _Pouring(picture, digits, spaces, sign).run()


def _pour_roman(picture: Picture, value: int) -> str:
    # The sign stays unset, so that no sign pattern shows; the picture has none anyway.
    return _Pouring(picture, _roman(value), 0, "").run()


def _no_exponent(picture: Picture) -> str:
    """What stands for NaN and infinity in scientific notation."""
    filled = ["#"] * (picture.pre + picture.post + 6)
    filled[0] = " "
    if picture.pre + 1 < len(filled):
        filled[picture.pre + 1] = "."
    return "".join(filled)


def _scientific(picture: Picture, value: Decimal) -> str:
    if not value.is_finite():
        return _no_exponent(picture)
    sign = "-" if value < 0 else " "
    places = picture.post
    exponent = value.adjusted() if value else 0
    scaled = abs(value).scaleb(-exponent, _EXACT)
    rounded = scaled.quantize(Decimal(1).scaleb(-places), decimal.ROUND_HALF_UP, _EXACT)
    # 9.99 rounded to 10.0 keeps its exponent, as the server has it.
    return f"{sign}{rounded:f}e{exponent:+03d}"


def _integer(value: int, text: str, bits: int) -> str:
    if not text:
        return ""
    picture = number_picture(text)
    if picture.roman:
        return _pour_roman(picture, max(min(value, _INT4_MAX), -_INT4_MAX))
    if picture.scientific:
        if bits == 32:
            return f"{float(value): .{picture.post}e}"
        return _scientific(picture, Decimal(value))
    if picture.multiplied:
        picture = picture.copy()
        picture.pre += picture.multi
        value *= 10**picture.multi
        if bits == 64 and not -(1 << 63) <= value < 1 << 63:
            raise SqlError("bigint out of range", "22003")
        if bits == 32:
            value = (value + (1 << 31)) % (1 << 32) - (1 << 31)
    return pour(picture, f"{value}.{'0' * picture.post}" if picture.post else str(value))


@builtin("int4_to_char")
def int4_to_char(value: int, text: str) -> str:
    return _integer(value, text, 32)


@builtin("int8_to_char")
def int8_to_char(value: int, text: str) -> str:
    return _integer(value, text, 64)


@builtin("numeric_to_char")
def numeric_to_char(value: Decimal, text: str) -> str:
    if not text:
        return ""
    picture = number_picture(text)
    if picture.roman:
        known = value.is_finite() and abs(value) < 10_000
        rounded = value.quantize(Decimal(1), decimal.ROUND_HALF_UP) if known else Decimal(0)
        return _pour_roman(picture, int(rounded))
    if picture.scientific:
        return _scientific(picture, value)
    if picture.multiplied:
        picture = picture.copy()
        picture.pre += picture.multi
        value = value.scaleb(picture.multi, _EXACT) if value.is_finite() else value
    if not value.is_finite():
        return pour(picture, str(value))
    places = Decimal(1).scaleb(-picture.post)
    rounded = value.quantize(places, decimal.ROUND_HALF_UP, _EXACT)
    shown = f"{rounded:f}"
    return pour(picture, shown.lstrip("-") if not rounded else shown)


def _float_text(value: float, places: int) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return f"{value:.{places}f}"


def _float(value: float, text: str, dig: int) -> str:
    if not text:
        return ""
    picture = number_picture(text)
    if picture.roman:
        known = math.isfinite(value) and abs(value) < _INT4_MAX
        return _pour_roman(picture, round(value) if known else 0)
    if picture.scientific:
        if not math.isfinite(value):
            return _no_exponent(picture)
        return f"{value: .{picture.post}e}"
    picture = picture.copy()
    if picture.multiplied:
        picture.pre += picture.multi
        factor = math.pow(10, picture.multi) if picture.multi < 309 else math.inf
        value = value * factor
        if dig == _FLT_DIG and abs(value) > 3.4028235677973366e38:
            value = math.copysign(math.inf, value)
    length = len(_float_text(abs(value), 0))
    if length >= dig:
        picture.post = 0
    elif length + picture.post > dig:
        picture.post = dig - length
    return pour(picture, _float_text(value, picture.post))


@builtin("float4_to_char")
def float4_to_char(value: float, text: str) -> str:
    return _float(value, text, _FLT_DIG)


@builtin("float8_to_char")
def float8_to_char(value: float, text: str) -> str:
    return _float(value, text, _DBL_DIG)
