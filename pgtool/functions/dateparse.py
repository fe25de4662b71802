"""to_timestamp and to_date: text read with a template.

:class:`_Reader` goes through template and text side by side and notes what the fields say;
:func:`_complete` makes a date and a time of it. Without FX the text may have more spaces
than the template, and any separator for any other.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, NoReturn

from pgtool.errors import SqlError
from pgtool.functions.datefields import monday
from pgtool.functions.dateformat import DAYS_FULL, FIELDS, MONTHS_FULL, ROMAN, Part, parts_of
from pgtool.functions.registry import Call, builtin
from pgtool.functions.timestamp import checked
from pgtool.functions.timezones import Clock, abbreviation_clock, session_clock
from pgtool.types import calendar as cal
from pgtool.types.dates_in import round_timestamp

__all__ = ["Parsed", "parsed"]

_SPACE = " \t\n\v\f\r"
_NUMBER = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+", re.ASCII)
_THOUSANDS = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+),[ \t\n\v\f\r]*([+-]?[0-9]{1,3})", re.ASCII)
_GREGORIAN = frozenset(
    ("DDD", "DD", "D", "MM", "MONTH", "MON", "RM", "WW", "W", "Y,YYY", "YYYY", "YYY", "YY", "Y")
)
_ISO = frozenset(("IDDD", "ID", "IW", "IYYY", "IYY", "IY", "I"))
#: Field → (what it tells, most digits).
_NUMBERS = {
    "HH": ("hour", 2), "HH12": ("hour", 2), "HH24": ("hour", 2), "MI": ("minute", 2),
    "SS": ("second", 2), "SSSS": ("day_second", 4), "SSSSS": ("day_second", 5),
    "MM": ("month", 2), "DDD": ("day_of_year", 3), "IDDD": ("day_of_year", 3), "DD": ("day", 2),
    "D": ("weekday", 1), "WW": ("week", 2), "IW": ("week", 2), "CC": ("century", 2),
    "YYYY": ("year", 4), "IYYY": ("year", 4), "W": ("week_of_month", 1), "J": ("julian", 1),
}  # fmt: skip
_SHORT_YEARS = {"YYY": 3, "IYY": 3, "YY": 2, "IY": 2, "Y": 1, "I": 1}
_NAMES: dict[str, tuple[str, tuple[str, ...], int]] = {
    "MONTH": ("month", MONTHS_FULL, 1), "MON": ("month", cal.MONTHS, 1),
    "DAY": ("weekday", DAYS_FULL, 1), "DY": ("weekday", cal.WEEKDAYS, 1),
    "AM": ("pm", ("am", "pm"), 0), "PM": ("pm", ("am", "pm"), 0),
    "A.M.": ("pm", ("a.m.", "p.m."), 0), "P.M.": ("pm", ("a.m.", "p.m."), 0),
    "AD": ("bc", ("ad", "bc"), 0), "BC": ("bc", ("ad", "bc"), 0),
    "A.D.": ("bc", ("a.d.", "b.c."), 0), "B.C.": ("bc", ("a.d.", "b.c."), 0),
}  # fmt: skip
_FM_HINT = 'If your source string is not fixed-width, try using the "FM" modifier.'
_I32 = 1 << 31


def _fail(message: str, detail: str | None = None, hint: str | None = None,
          sqlstate: str = "22007") -> NoReturn:  # fmt: skip
    raise SqlError(message, sqlstate, detail, hint)


def _is_separator(char: str) -> bool:
    return "!" <= char <= "~" and not char.isalnum()


class _Reader:
    """The place in the text, and what its fields have told."""

    def __init__(
        self, session: Any, text: str, parts: tuple[Part, ...], strict: bool = False
    ) -> None:
        self.session = session
        self.text = text
        self.parts = parts
        self.at = 0
        self.skipped = 0
        self.exact = self.strict = strict
        self.mode = ""
        self.told: dict[str, int] = {}
        self.year_digits = 4
        self.half_day = False
        self.decimals = 0
        self.zone_sign = 0
        self.clock: Clock | None = None

    def get(self, what: str) -> int:
        return self.told.get(what, 0)

    def tell(self, what: str, value: int, part: Part) -> None:
        if self.told.get(what, 0) not in (0, value):
            _fail(
                f'conflicting values for "{part.field}" field in formatting string',
                "This value contradicts a previous setting for the same field type.",
            )
        self.told[what] = value

    # -- going through ---------------------------------------------------------------

    def skip_spaces(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1
            self.skipped += 1

    def read(self) -> None:
        for number, part in enumerate(self.parts):
            if self.at >= len(self.text):
                if self.strict:
                    _fail("input string is too short for datetime format")
                return
            if not self.exact and (part.field or number == 0) and part.name != "FX":
                self.skip_spaces()
            if not part.field:
                self.literal(part)
                continue
            self.check_mode(part)
            self.field(number, part)
            if not self.exact:
                self.skipped = 0
                self.skip_spaces()
        if self.strict and self.at < len(self.text):
            _fail("trailing characters remain in input string after datetime format")

    def literal(self, part: Part) -> None:
        """A character of the template: whatever stands in the text will do."""
        loose = not part.translated and (part.is_separator or part.text in _SPACE)
        if self.strict and self.text[self.at] != part.text:
            what = "separator" if loose else "character"
            _fail(f'unmatched format {what} "{part.text}"')
        if self.exact:
            self.at += 1
        elif loose:
            self.skipped -= 1
            char = self.text[self.at : self.at + 1]
            if char and (char in _SPACE or _is_separator(char)):
                self.at += 1
                self.skipped += 1
        elif self.skipped > 0:
            self.skipped -= 1
        else:
            self.at += 1

    def check_mode(self, part: Part) -> None:
        mode = "g" if part.name in _GREGORIAN else "i" if part.name in _ISO else ""
        if mode and self.mode and mode != self.mode:
            _fail(
                "invalid combination of date conventions", None,
                "Do not mix Gregorian and ISO week date conventions in a formatting template.",
            )  # fmt: skip
        self.mode = self.mode or mode

    def before_non_digit(self, number: int) -> bool:
        """Whether a field's digits end by themselves."""
        if self.parts[number].ordinal:
            return True
        if number + 1 == len(self.parts):
            return True
        following = self.parts[number + 1]
        if following.field:
            return not FIELDS[following.name]
        return not (following.text.isascii() and following.text.isdigit())

    # -- numbers ---------------------------------------------------------------------

    def integer(self, number: int, width: int) -> tuple[int, int]:
        """(value, characters taken)."""
        part, start = self.parts[number], self.at
        self.skip_for_number()
        piece = self.text[self.at : self.at + width]
        if part.fill or self.before_non_digit(number):
            match = _NUMBER.match(self.text, start)
            self.at = match.end() if match else start
        else:
            if len(piece) < width:
                _fail(
                    f'source string too short for "{part.field}" formatting field',
                    f"Field requires {width} characters, but only {len(piece)} remain.", _FM_HINT,
                )  # fmt: skip
            match = _NUMBER.match(piece)
            used = match.end() if match else 0
            if 0 < used < width:
                _fail(
                    f'invalid value "{piece}" for "{part.field}"',
                    f"Field requires {width} characters, but only {used} could be parsed.",
                    _FM_HINT,
                )
            self.at += used
        if self.at == start:
            _fail(f'invalid value "{piece}" for "{part.field}"', "Value must be an integer.")
        value = int(match[0]) if match else 0
        if not -_I32 <= value < _I32:
            _fail(
                f'value for "{part.field}" in source string is out of range',
                f"Value must be in the range {-_I32} to {_I32 - 1}.", None, "22008",
            )  # fmt: skip
        return value, self.at - start

    def skip_for_number(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1

    def ordinal(self, part: Part) -> None:
        if part.ordinal:
            self.at = min(self.at + 2, len(self.text))

    # -- fields ----------------------------------------------------------------------

    def field(self, number: int, part: Part) -> None:
        name = part.name
        if name == "FX":
            self.exact = True
        elif name in _NUMBERS:
            what, width = _NUMBERS[name]
            value, _ = self.integer(number, width)
            self.tell(what, value, part)
            self.half_day = self.half_day or name in ("HH", "HH12")
            self.year_digits = 4 if what == "year" else self.year_digits
            self.ordinal(part)
        elif name in _SHORT_YEARS:
            self.short_year(number, part)
        elif name in _NAMES:
            self.word(part)
        elif name in ("MS", "US") or name.startswith("FF"):
            self.fraction(number, part)
        elif name in ("TZ", "OF", "TZH", "TZM"):
            self.zone(number, part)
        else:
            self.rare(number, part)

    def rare(self, number: int, part: Part) -> None:
        name = part.name
        if name == "ID":
            value, _ = self.integer(number, 1)
            self.tell("weekday", value, part)
            self.told["weekday"] = 1 if value + 1 > 7 else value + 1
        elif name == "Q":
            self.integer(number, 1)
        elif name == "RM":
            self.tell("month", 12 - self.search(part, tuple(r.lower() for r in ROMAN)), part)
            return
        else:
            match = _THOUSANDS.match(self.text, self.at)
            if match is None:
                _fail('invalid input string for "Y,YYY"')
            year = int(match[1]) * 1000 + int(match[2])
            if not -_I32 <= year < _I32:
                _fail(f'value for "{part.field}" in source string is out of range',
                      sqlstate="22008")  # fmt: skip
            self.tell("year", year, part)
            self.year_digits = 4
            self.at = match.end()
        self.ordinal(part)

    def short_year(self, number: int, part: Part) -> None:
        digits = _SHORT_YEARS[part.name]
        year, length = self.integer(number, digits)
        self.tell("year", year, part)
        if length < 4:
            self.told["year"] = _near_2020(year)
        self.year_digits = digits
        self.ordinal(part)

    def fraction(self, number: int, part: Part) -> None:
        name = part.name
        what, width = ("ms", 3) if name == "MS" else ("us", 6)
        if name.startswith("FF"):
            width = self.decimals = int(name[2])
        value, length = self.integer(number, width)
        self.tell(what, value, part)
        full = 3 if what == "ms" else 6
        self.told[what] = value * 10 ** max(full - length, 0)
        self.ordinal(part)

    def search(self, part: Part, words: tuple[str, ...]) -> int:
        """Which of some words the text goes on with."""
        rest = self.text[self.at :]
        for number, word in enumerate(words):
            if rest[: len(word)].lower() == word.lower():
                self.at += len(word)
                return number
        shown = re.split(r"[ \t\n\v\f\r]", rest, maxsplit=1)[0]
        _fail(
            f'invalid value "{shown}" for "{part.field}"',
            "The given value did not match any of the allowed values for this field.",
        )

    def word(self, part: Part) -> None:
        what, words, first = _NAMES[part.name]
        found = self.search(part, words)
        if what == "weekday":
            self.tell(what, found, part)
            self.told[what] = found + first
            return
        self.tell(what, found + first, part)
        self.half_day = self.half_day or what == "pm"

    def zone(self, number: int, part: Part) -> None:
        name = part.name
        if name == "TZM":
            self.zone_sign = self.zone_sign or 1
            self.tell("zone_minute", self.integer(number, 2)[0], part)
            return
        if name == "TZ" and self.abbreviation(part):
            return
        char = self.text[self.at : self.at + 1]
        if char in ("+", "-", " ") and char:
            self.zone_sign = -1 if char == "-" else 1
            self.at += 1
        else:
            minus = self.skipped > 0 and self.text[self.at - 1 : self.at] == "-"
            self.zone_sign = -1 if minus else 1
        self.tell("zone_hour", self.integer(number, 2)[0], part)
        if name != "TZH" and self.text[self.at : self.at + 1] == ":":
            self.at += 1
            self.tell("zone_minute", self.integer(number, 2)[0], part)

    def abbreviation(self, part: Part) -> bool:
        match = re.compile(r"[A-Za-z]{1,10}").match(self.text, self.at)
        if match is None:
            return False
        word = match[0].lower()
        for length in range(len(word), 0, -1):
            found = abbreviation_clock(self.session, word[:length])
            if found is not None:
                self.clock, self.zone_sign = found, 0
                self.at += length
                return True
        _fail(
            f'invalid value "{self.text[self.at :]}" for "{part.field}"',
            "Time zone abbreviation is not recognized.",
        )


def _near_2020(year: int) -> int:
    """A year of fewer than four digits, taken to be near 2020."""
    for limit, add in ((70, 2000), (100, 1900), (520, 2000), (1000, 1000)):
        if year < limit:
            return year + add
    return year


class Parsed(NamedTuple):
    """A date, a time, decimals to round to, and the clock that was named."""

    days: int
    us: int
    decimals: int
    clock: Clock | None


class _Date:
    """Year, month and day as they come together; what was told is in ``seen``."""

    def __init__(self) -> None:
        self.year, self.month, self.day = 0, 1, 1
        self.seen: set[str] = set()

    def set_days(self, days: int) -> None:
        self.year, self.month, self.day = cal.civil(days)
        self.seen |= {"year", "month", "day"}


def _out_of_range(text: str) -> SqlError:
    return SqlError(f'date/time field value out of range: "{text}"', "22008")


def _year(r: _Reader, date: _Date) -> None:
    year, century, bc = r.get("year"), r.get("century"), r.get("bc")
    century = -century if bc else century
    if year:
        if century and r.year_digits <= 2:
            short = year % 100 if year >= 0 else -(-year % 100)
            if not short:
                date.year = century * 100 + (century < 0)
            elif century >= 0:
                date.year = short + (century - 1) * 100
            else:
                date.year = (century + 1) * 100 - short + 1
        else:
            year = -year if bc else year
            date.year = year + (year < 0)
        date.seen.add("year")
    elif century:
        date.year = (century - 1) * 100 + 1 if century >= 0 else century * 100 + 1
        date.seen.add("year")
    if not -_I32 <= date.year < _I32:
        raise _out_of_range(r.text)


def _date(r: _Reader) -> _Date:
    date = _Date()
    _year(r, date)
    if r.get("julian"):
        date.set_days(r.get("julian") - 2_451_545)
    day_of_year, week = r.get("day_of_year"), r.get("week")
    if week and r.mode == "i":
        first = monday(cal.day_number(date.year, 1, 4))
        weekday = r.get("weekday")
        offset = (weekday - 2 if weekday > 1 else 6) if weekday else 0
        date.set_days(first + (week - 1) * 7 + offset)
    elif week:
        day_of_year = (week - 1) * 7 + 1
    day = (r.get("week_of_month") - 1) * 7 + 1 if r.get("week_of_month") else r.get("day")
    if day:
        date.day = day
        date.seen.add("day")
    if r.get("month"):
        date.month = r.get("month")
        date.seen.add("month")
    if day_of_year and (date.month <= 1 or date.day <= 1):
        _from_day_of_year(r, date, day_of_year)
    return date


def _from_day_of_year(r: _Reader, date: _Date, day_of_year: int) -> None:
    if not date.year and not r.get("bc"):
        _fail("cannot calculate day of year without year information")
    if r.mode == "i":
        date.set_days(monday(cal.day_number(date.year, 1, 4)) - 1 + day_of_year)
        return
    month, before = 1, 0
    while month <= 12 and day_of_year > before + cal.month_length(date.year, month):
        before += cal.month_length(date.year, month)
        month += 1
    if date.month <= 1:
        date.month = month
    if date.day <= 1:
        date.day = day_of_year - before
    date.seen |= {"month", "day"}


def _check_date(date: _Date, text: str) -> None:
    wrong = ("month" in date.seen and not 1 <= date.month <= 12) or (
        "day" in date.seen and not 1 <= date.day <= 31
    )
    if not wrong and len(date.seen) == 3:
        wrong = date.day > cal.month_length(date.year, date.month)
    if wrong:
        raise _out_of_range(text)


def _time(r: _Reader) -> int:
    """Microseconds of the day."""
    seconds = r.get("day_second")
    hour, minute, second = seconds // 3600, seconds % 3600 // 60, seconds % 60
    hour, minute, second = (
        r.get("hour") or hour, r.get("minute") or minute, r.get("second") or second
    )  # fmt: skip
    if r.half_day:
        if not 1 <= hour <= 12:
            _fail(
                f'hour "{hour}" is invalid for the 12-hour clock', None,
                "Use the 24-hour clock, or give an hour between 1 and 12.", "22007",
            )  # fmt: skip
        hour = hour % 12 + (12 if r.get("pm") else 0)
    us = r.get("ms") * 1000 + r.get("us")
    in_range = 0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60 and 0 <= us < cal.SECOND_US
    if not in_range:
        raise _out_of_range(r.text)
    return ((hour * 60 + minute) * 60 + second) * cal.SECOND_US + us


def _zone_of(r: _Reader) -> Clock | None:
    if not r.zone_sign:
        return r.clock
    hour, minute = r.get("zone_hour"), r.get("zone_minute")
    if not (0 <= hour <= 15 and 0 <= minute < 60):
        raise SqlError(f'time zone displacement out of range: "{r.text}"', "22009")
    return Clock(None, r.zone_sign * (hour * 60 + minute) * 60)


def parsed(session: Any, text: str, template: str, strict: bool = False) -> Parsed:
    """A text read with a template; ``strict``: to the letter, as SQL's standard has it."""
    reader = _Reader(session, text, parts_of(template), strict)
    reader.read()
    us = _time(reader)
    date = _date(reader)
    _check_date(date, text)
    clock = _zone_of(reader)
    if not -5000 <= date.year < 6_000_000:
        raise SqlError(f'date out of range: "{text}"', "22008")
    days = cal.day_number(date.year, date.month, date.day)
    return Parsed(days, us, reader.decimals, clock)


@builtin("to_timestamp", call=True)
def to_timestamp(call: Call, text: str, template: str) -> int:
    found = parsed(call.session, text, template)
    local = found.days * cal.DAY_US + found.us
    us = checked((found.clock or session_clock(call.session)).utc(local))
    return round_timestamp(us, found.decimals) if found.decimals else us


@builtin("to_date", call=True)
def to_date(call: Call, text: str, template: str) -> int:
    days = parsed(call.session, text, template).days
    if not cal.MIN_DAYS <= days < cal.END_DAYS:
        raise SqlError(f'date out of range: "{text}"', "22008")
    return days
