"""Number pictures: what a to_char or to_number format says, taken apart.

A picture is a row of elements (a pattern's name or a literal) and what follows from all
of them together: how many digits before and after the point, where signs go.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NoReturn

from pgtool.errors import SqlError

__all__ = ["Picture", "number_picture"]

#: Patterns, longest first where one begins another; all large or all small letters.
_UPPER = (
    ",", ".", "0", "9", "B", "C", "D", "EEEE", "FM", "G", "L", "MI", "PL", "PR", "RN", "SG", "SP",
    "S", "TH", "V",
)  # fmt: skip
_PATTERNS = (*_UPPER, *[p.lower() for p in _UPPER if p.isalpha()])
#: Patterns whose case shows in the result.
_CASED = ("th", "rn")


@dataclass(slots=True)
class Picture:
    """A number format. ``elements`` are (pattern, text): the text of a literal has no pattern."""

    elements: list[tuple[str, str]] = field(default_factory=list)
    pre: int = 0
    post: int = 0
    multi: int = 0
    zero_start: int = 0
    zero_end: int = 0
    pre_before_sign: int = 0
    has_point: bool = False
    zero: bool = False
    blank: bool = False
    fill: bool = False
    locale_sign: str = ""  # "pre" or "post"
    bracket: bool = False
    minus: bool = False
    plus: bool = False
    multiplied: bool = False
    roman: bool = False
    scientific: bool = False

    def copy(self) -> Picture:
        """One to change while it is used."""
        return replace(self)

    # -- what each pattern adds --------------------------------------------------------

    def add(self, pattern: str) -> None:
        """Take in the next pattern."""
        if self.scientific and pattern != "EEEE":
            _fail('"EEEE" must be the last pattern used')
        handler = _HANDLERS.get(pattern)
        if handler is not None:
            handler(self)
        others = (
            self.has_point or self.zero or self.blank or self.locale_sign or self.bracket
            or self.minus or self.plus or self.multiplied or self.scientific
        )  # fmt: skip
        if self.roman and others:
            _fail('"RN" is incompatible with other formats',
                  '"RN" may only be used together with "FM".')  # fmt: skip

    def digit(self) -> None:
        if self.bracket:
            _fail('"9" must be ahead of "PR"')
        if self.multiplied:
            self.multi += 1
        elif self.has_point:
            self.post += 1
        else:
            self.pre += 1

    def zero_digit(self) -> None:
        if self.bracket:
            _fail('"0" must be ahead of "PR"')
        if not self.zero and not self.has_point:
            self.zero = True
            self.zero_start = self.pre + 1
        if self.has_point:
            self.post += 1
        else:
            self.pre += 1
        self.zero_end = self.pre + self.post

    def blank_zero(self) -> None:
        if not (self.pre or self.post or self.zero):
            self.blank = True

    def point(self) -> None:
        if self.has_point:
            _fail("multiple decimal points")
        if self.multiplied:
            _fail('cannot use "V" and decimal point together')
        self.has_point = True

    def fill_mode(self) -> None:
        self.fill = True

    def sign(self) -> None:
        if self.locale_sign:
            _fail('cannot use "S" twice')
        if self.plus or self.minus or self.bracket:
            _fail('cannot use "S" and "PL"/"MI"/"SG"/"PR" together')
        self.locale_sign = "post" if self.has_point else "pre"
        self.pre_before_sign = self.pre

    def minus_sign(self) -> None:
        if self.locale_sign:
            _fail('cannot use "S" and "MI" together')
        self.minus = True

    def plus_sign(self) -> None:
        if self.locale_sign:
            _fail('cannot use "S" and "PL" together')
        self.plus = True

    def either_sign(self) -> None:
        if self.locale_sign:
            _fail('cannot use "S" and "SG" together')
        self.minus = self.plus = True

    def brackets(self) -> None:
        if self.locale_sign or self.plus or self.minus:
            _fail('cannot use "PR" and "S"/"PL"/"MI"/"SG" together')
        self.bracket = True

    def numerals(self) -> None:
        if self.roman:
            _fail('cannot use "RN" twice')
        self.roman = True

    def shift(self) -> None:
        if self.has_point:
            _fail('cannot use "V" and decimal point together')
        self.multiplied = True

    def exponent(self) -> None:
        if self.scientific:
            _fail('cannot use "EEEE" twice')
        if (self.blank or self.fill or self.locale_sign or self.bracket or self.minus or self.plus
                or self.roman or self.multiplied):  # fmt: skip
            _fail(
                '"EEEE" is incompatible with other formats',
                '"EEEE" may only be used together with digit and decimal point patterns.',
            )
        self.scientific = True


_HANDLERS = {
    "9": Picture.digit, "0": Picture.zero_digit, "B": Picture.blank_zero, "D": Picture.point,
    ".": Picture.point, "FM": Picture.fill_mode, "S": Picture.sign, "MI": Picture.minus_sign,
    "PL": Picture.plus_sign, "SG": Picture.either_sign, "PR": Picture.brackets,
    "RN": Picture.numerals, "rn": Picture.numerals, "V": Picture.shift,
    "EEEE": Picture.exponent,
}  # fmt: skip


def _fail(message: str, detail: str | None = None) -> NoReturn:
    raise SqlError(message, "42601", detail)


def _elements(text: str) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        found = next((p for p in _PATTERNS if text.startswith(p, at)), None)
        if found is not None:
            out.append((found if found in _CASED else found.upper(), ""))
            at += len(found)
        elif text[at] == '"':
            at += 1
            while at < len(text) and text[at] != '"':
                at += text[at] == "\\" and at + 1 < len(text)
                out.append(("", text[at]))
                at += 1
            at += 1
        else:
            at += text.startswith('\\"', at)
            out.append(("", text[at]))
            at += 1
    return out


@lru_cache(maxsize=128)
def number_picture(text: str) -> Picture:
    """The picture of a format; SqlError where its patterns do not go together."""
    picture = Picture(_elements(text))
    for pattern, _literal in picture.elements:
        if pattern:
            picture.add(pattern)
    return picture
