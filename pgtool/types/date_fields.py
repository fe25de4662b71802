"""The first half of date/time input: text → fields, each with the kind its shape tells.

=========== ========================================================
``time``     digits with a colon: 12:34:56.7
``date``     digits with - / or . and more, or letters with them
``number``   digits alone, or with one decimal point
``zone``     a sign and digits: +01:30; also signed numbers
``special``  a sign and letters: -infinity
``string``   letters
=========== ========================================================
"""

from __future__ import annotations

import re
from typing import NamedTuple

from formats.version import ByMajor
from pgtool.errors import SqlError

__all__ = ["DATE_WORDS", "DateFail", "Field", "split_fields"]

_DATESTYLE = ByMajor({14: "datestyle", 18: "DateStyle"})
_MAX_FIELDS = 25
_MAX_LENGTH = 256


class Field(NamedTuple):
    """One field, in lower case."""

    kind: str
    text: str


class DateFail(Exception):
    """Input refused; :meth:`error` words it as the server does."""

    def __init__(self, why: str, name: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.name = name

    def error(self, text: str, type_name: str, major: int = 18) -> SqlError:
        """The error for this input text and type."""
        if self.why == "format":
            return SqlError(f'invalid input syntax for type {type_name}: "{text}"', "22007")
        if self.why == "zone":
            return SqlError(f'time zone "{self.name}" not recognized', "22023")
        if self.why == "displacement":
            return SqlError(f'time zone displacement out of range: "{text}"', "22009")
        if self.why == "interval":
            return SqlError(f'interval field value out of range: "{text}"', "22015")
        hint = None
        if self.why == "order":
            hint = f'Perhaps you need a different "{_DATESTYLE[major]}" setting.'
        return SqlError(
            f'date/time field value out of range: "{text}"', "22008", None, hint or None
        )


_MONTHS = (
    "jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july",
    "aug august", "sep sept september", "oct october", "nov november", "dec december",
)  # fmt: skip
_DAYS = (
    "sun sunday", "mon monday", "tue tues tuesday", "wed weds wednesday",
    "thu thur thurs thursday", "fri friday", "sat saturday",
)  # fmt: skip
#: Word → (what it is, its value).
DATE_WORDS: dict[str, tuple[str, object]] = {
    **{word: ("month", i + 1) for i, words in enumerate(_MONTHS) for word in words.split()},
    **{word: ("weekday", i) for i, words in enumerate(_DAYS) for word in words.split()},
    **{word: ("reserved", word) for word in
       ("now", "today", "tomorrow", "yesterday", "epoch", "allballs", "infinity", "-infinity")},
    "+infinity": ("reserved", "infinity"),
    "ad": ("era", False), "bc": ("era", True), "am": ("meridian", "am"), "pm": ("meridian", "pm"),
    "at": ("ignore", None), "on": ("ignore", None), "dst": ("dst", 3600),
    "j": ("units", "julian"), "jd": ("units", "julian"), "julian": ("units", "julian"),
    "t": ("isotime", "time"),
    **{word: ("units", word) for word in
       ("d", "dow", "doy", "h", "isodow", "isoyear", "m", "mm", "s", "y")},
}  # fmt: skip
#: The server compares no more of a word than this.
_TOKEN_LENGTH = 10
DATE_WORDS.update({k[:_TOKEN_LENGTH]: v for k, v in list(DATE_WORDS.items())})

_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.ASCII))
    for kind, pattern in (
        ("time", r"[0-9]+:[0-9:.]*"),
        ("date", r"[0-9]+-(?:[0-9]+(?:-[0-9-]*)?|[A-Za-z-][A-Za-z0-9-]*|)"),
        ("date", r"[0-9]+/(?:[0-9]+(?:/[0-9/]*)?|[A-Za-z/][A-Za-z0-9/]*|)"),
        ("date", r"[0-9]+\.(?:[0-9]+\.[0-9.]*|[A-Za-z.][A-Za-z0-9.]*)"),
        ("number", r"[0-9]+\.[0-9]+"),
        ("date", r"[0-9]+\."),
        ("number", r"[0-9]+|\.[0-9]*"),
        ("zone", r"[+-]\s*[0-9][0-9:.\-]*"),
        ("special", r"[+-]\s*[A-Za-z]+"),
    )
)
_WORD = re.compile(r"[A-Za-z]+", re.ASCII)
_ZONE_TAIL = re.compile(r"[-+/_.:A-Za-z0-9]+", re.ASCII)
_IGNORED = re.compile(r"""[\s!"#$%&'()*,/:;<=>?@\[\\\]^_`{|}~]""", re.ASCII)


def _date_is_words(word: str, rest: str) -> bool:
    """Whether letters go on as a date with a month's name or as a zone's name."""
    if rest[:1] in ("-", "/", ".") and rest:
        return True
    return (rest[:1] == "+" or rest[:1].isdigit()) and word[:_TOKEN_LENGTH] not in DATE_WORDS


def split_fields(text: str) -> list[Field]:
    """Text → fields. DateFail where a character has no place."""
    out: list[Field] = []
    at = 0
    if len(text) > 8 * _MAX_LENGTH:
        raise DateFail("format")
    while at < len(text):
        if _IGNORED.match(text, at):
            at += 1
            continue
        field, at = _field(text, at)
        out.append(field)
        if len(out) > _MAX_FIELDS or sum(len(f.text) + 1 for f in out) > _MAX_LENGTH:
            raise DateFail("format")
    return out


def _field(text: str, at: int) -> tuple[Field, int]:
    word = _WORD.match(text, at)
    if word:
        lower, end = word[0].lower(), word.end()
        if _date_is_words(lower, text[end:]):
            tail = _ZONE_TAIL.match(text, end)
            assert tail is not None
            return Field("date", lower + tail[0].lower()), tail.end()
        return Field("string", lower), end
    for kind, shape in _SHAPES:
        match = shape.match(text, at)
        if match:
            return Field(kind, re.sub(r"\s+", "", match[0]).lower()), match.end()
    raise DateFail("format")
