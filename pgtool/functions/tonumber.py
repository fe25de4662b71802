"""to_number: a number read out of a text by a picture.

The picture is followed from left to right; a digit position takes one digit or the point
(and the sign before or behind the number), everything else passes over what it stands for.
"""

from __future__ import annotations

from decimal import Decimal

from pgtool.errors import SqlError
from pgtool.functions.numpicture import Picture, number_picture
from pgtool.functions.registry import Call, builtin, find

_NUMERIC = 1700
_VARHDRSZ = 4
_DATA = "0123456789.,+-"
_ROMAN_WIDTH = 15
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_ROMAN_SPACE = " \t\n\v\f\r"


class _Reader:
    """One text read by one picture."""

    def __init__(self, picture: Picture, text: str) -> None:
        self.picture = picture
        self.text = text
        self.at = 0
        self.sign = " "
        self.digits = ""
        self.read_pre = 0
        self.read_post = 0
        self.seen_point = False

    @property
    def done(self) -> bool:
        return self.at >= len(self.text)

    def here(self, offset: int = 0) -> str:
        return self.text[self.at + offset : self.at + offset + 1]

    def pass_over(self, count: int) -> None:
        """Skip characters that are no part of a number."""
        while count and not self.done and self.here() not in _DATA:
            self.at += 1
            count -= 1

    # -- digits --------------------------------------------------------------------------

    def leading_sign(self) -> None:
        picture, char = self.picture, self.here()
        if picture.locale_sign == "pre":
            signs = "-+"
        else:
            signs = "-+<" if picture.bracket and not picture.locale_sign else "-+"
        if char and char in signs:
            self.sign = "+" if char == "+" else "-"
            self.at += 1

    def digit(self, pattern: str) -> None:
        """One digit position; leaves ``at`` on the last character used."""
        picture = self.picture
        if self.here() == " ":
            self.at += 1
        if self.done:
            return
        if self.sign == " " and pattern in "09" and not self.read_pre + self.read_post:
            self.leading_sign()
        if self.done:
            return
        read = False
        char = self.here()
        if char in "0123456789":
            if self.seen_point and self.read_post == picture.post:
                return
            self.digits += char
            if self.seen_point:
                self.read_post += 1
            else:
                self.read_pre += 1
            read = True
        elif picture.has_point and not self.seen_point and char == ".":
            self.digits += "."
            self.seen_point = read = True
        if self.sign == " " and self.read_pre + self.read_post > 0:
            self.trailing_sign(read)

    def trailing_sign(self, read: bool) -> None:
        picture, following = self.picture, self.here(1)
        if picture.locale_sign and read and following and following not in "0123456789":
            if following in "+-":
                self.sign = following
                self.at += 1
        elif not (read or picture.locale_sign) and (picture.plus or picture.minus):
            self.sign = self.here() if self.here() in ("+", "-") else self.sign

    # -- the rest ---------------------------------------------------------------------------

    def own_sign(self, signs: str) -> bool:
        """A sign pattern: whether it took a character."""
        if self.here() and self.here() in signs:
            self.sign = self.here()
            return True
        self.pass_over(1)
        return False

    def element(self, pattern: str) -> bool:
        """Follow a pattern; whether the character at ``at`` is used up."""
        picture = self.picture
        if pattern in ("9", "0", ".", "D"):
            self.digit(pattern)
            return True
        if pattern in (",", "G"):
            return not picture.fill and self.here() == ","
        if pattern == "L":
            self.pass_over(1)
        elif pattern in ("TH", "th"):
            if not (picture.roman or self.sign == "-" or picture.has_point):
                self.pass_over(2)
        elif pattern in ("RN", "rn"):
            self.numerals()
        elif pattern in ("MI", "PL", "SG"):
            return self.own_sign({"MI": "-", "PL": "+", "SG": "-+"}[pattern])
        return False

    def numerals(self) -> None:
        while self.here() and self.here() in _ROMAN_SPACE:
            self.at += 1
        first = self.at
        while (
            not self.done and self.at - first < _ROMAN_WIDTH and self.here().upper() in _ROMAN
        ):
            self.at += 1
        value = _roman_value(self.text[first : self.at].upper())
        self.digits = str(value)
        self.picture.pre, self.picture.post = len(self.digits), 0

    def run(self) -> str:
        """The number's text."""
        for pattern, _literal in self.picture.elements:
            if self.done:
                break
            if not pattern or self.element(pattern):
                self.at += 1
        digits = self.digits[:-1] if self.digits.endswith(".") else self.digits
        return self.sign + digits


def _roman_value(text: str) -> int:
    """The value of a well-formed numeral: each part at its place, none too often."""
    parts = (
        ("M", "", "", 1000), ("C", "D", "M", 100), ("X", "L", "C", 10), ("I", "V", "X", 1),
    )  # fmt: skip
    value, rest = 0, text
    for one, five, ten, worth in parts:
        for form, times in (
            (one + ten if ten else "", 9), (one + five if five else "", 4),
            *((five + one * n, 5 + n) for n in (3, 2, 1, 0) if five),
            *((one * n, n) for n in (3, 2, 1)),
        ):  # fmt: skip
            if form and rest.startswith(form):
                value += times * worth
                rest = rest[len(form) :]
                break
    if rest or not text:
        raise SqlError("invalid Roman numeral", "22P02")
    return value


@builtin("numeric_to_number", call=True)
def numeric_to_number(call: Call, value: str, text: str) -> Decimal | None:
    if not text:
        return None
    picture = number_picture(text).copy()
    if picture.scientific:
        raise SqlError('"EEEE" not supported for input', "0A000")
    reader = _Reader(picture, value)
    number = reader.run()
    scale = reader.read_post
    precision = picture.pre + picture.multi + scale
    typmod = (precision << 16 | scale) + _VARHDRSZ
    from pgtool.types.numeric import numeric_decimal

    result = numeric_decimal(call.session.types.io_of(_NUMERIC).input(number, typmod))
    if picture.multiplied:
        factor = find("numeric_power").scalar(call, Decimal(10), Decimal(-picture.multi))
        made: Decimal = find("numeric_mul").scalar(result, factor)
        return made
    return result
