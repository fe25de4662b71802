"""What the fields of a date/time text add up to (see :mod:`~pgtool.types.dates_in`)."""

from __future__ import annotations

import re
from collections.abc import Callable

from formats.version import ByMajor
from pgtool.errors import Unsupported
from pgtool.types import calendar as cal
from pgtool.types.date_fields import DATE_WORDS, DateFail, Field
from pgtool.types.zone_names import DYNAMIC, fixed_abbreviations
from pgtool.types.zones import LocalTime, Zone, find_zone

__all__ = ["Reading", "fraction_us", "meaning", "read_clock", "read_displacement"]

_INT_MAX = 0x7FFFFFFF
_NOON = 12
_TOKEN_LENGTH = 10
_MAX_HOUR = 15
_SIGNED_INFINITY = ByMajor({14: False, 16: True})
DATE = frozenset({"year", "month", "day"})
#: Whether abbreviations of the session's own zone come before the default set.
_SESSION_ABBREVIATIONS = ByMajor({14: False, 18: True})


def number(text: str) -> int:
    """An int4; out of range is out of range for the field."""
    value = int(text[:30])
    if not -_INT_MAX - 1 <= value <= _INT_MAX:
        raise DateFail("range")
    return value


def fraction_us(digits: str) -> int:
    """Decimals of a second → microseconds, rounded."""
    if not digits:
        return 0
    if not digits.isdigit():
        raise DateFail("format")
    return round(float("0." + digits) * cal.SECOND_US)


_CLOCK = re.compile(r"([0-9]+):([0-9]*)(?::([0-9]*))?(?:\.([0-9]*))?", re.ASCII)


def read_clock(text: str, *, minute_second: bool = False) -> tuple[int, int, int, int]:
    """hh:mm, hh:mm:ss.s, mm:ss.s → (hour, minute, second, us)."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise DateFail("format")
    hour = int(match[1][:30])
    if hour >= 1 << 63:
        raise DateFail("range")
    minute, second = number(match[2] or "0"), number(match[3] or "0")
    us = fraction_us(match[4] or "")
    if match[3] is None and (match[4] is not None or minute_second):
        if hour > _INT_MAX:
            raise DateFail("range")
        hour, minute, second = 0, hour, minute
    if minute > 59 or second > 60 or us > cal.SECOND_US:
        raise DateFail("range")
    return hour, minute, second, us


_DISPLACEMENT = re.compile(r"([+-])([0-9]+)(?::([0-9]*)(?::([0-9]*))?)?", re.ASCII)


def read_displacement(text: str) -> int:
    """+hh, +hhmm, +hh:mm, +hh:mm:ss → seconds west."""
    match = _DISPLACEMENT.match(text)
    if match is None:
        raise DateFail("format")
    sign, hours, minutes, seconds = match.groups()
    hour, minute, second = (int((part or "0")[:12]) for part in (hours, minutes, seconds))
    if minutes is None and match.end() == len(text) and len(text) > 3:
        hour, minute = divmod(hour, 100)
    if hour > _MAX_HOUR or minute > 59 or second > 59:
        raise DateFail("displacement")
    if match.end() != len(text):
        raise DateFail("format")
    east = hour * 3600 + minute * 60 + second
    return east if sign == "-" else -east


def _zone(name: str) -> Zone | None:
    try:
        return find_zone(name)
    except Unsupported:
        return None


class Reading:
    """The state between fields. ``seen`` are the parts that some field has told."""

    def __init__(self, order: str, major: int, zone: Zone, *, time_only: bool) -> None:
        self.order = order
        self.major = major
        self.session = zone
        self.time_only = time_only
        self.seen: set[str] = set()
        self.year = self.month = self.day = self.day_of_year = 0
        self.hour = self.minute = self.second = self.us = 0
        self.west = 0
        self.text_month = self.two_digits = self.bc = self.julian = False
        self.meridian = ""
        self.prefix = ""
        self.special = ""
        self.named: Zone | None = None
        self.dynamic: tuple[str, Zone] | None = None
        self.now: Callable[[], tuple[int, int]] = lambda: (0, 0)

    @property
    def time_us(self) -> int:
        """The time of day in microseconds."""
        seconds = (self.hour * 60 + self.minute) * 60 + self.second
        return seconds * cal.SECOND_US + self.us

    @property
    def date_complete(self) -> bool:
        """Whether year, month and day are known."""
        return self.seen >= DATE

    # -- fields ------------------------------------------------------------------

    def take_all(self, fields: list[Field]) -> None:
        """Take the fields from left to right."""
        self.fields = fields
        for position, field in enumerate(fields):
            told = getattr(self, "take_" + field.kind)(position, field.text)
            if told & self.seen:
                raise DateFail("format")
            self.seen |= told
        if self.prefix:
            raise DateFail("format")

    def take_time(self, position: int, text: str) -> set[str]:
        """A field with a colon."""
        if self.prefix not in ("", "time"):
            raise DateFail("format")
        self.prefix = ""
        self.hour, self.minute, self.second, self.us = read_clock(text)
        self.check_clock()
        return {"time"}

    def check_clock(self) -> None:
        """Refuse times after 24:00:00."""
        if self.hour > _INT_MAX or self.time_us > cal.DAY_US:
            raise DateFail("range")

    def take_zone(self, position: int, text: str) -> set[str]:
        """A field with a sign and digits."""
        self.west = read_displacement(text)
        return {"zone"}

    def take_date(self, position: int, text: str) -> set[str]:
        """A field with a date's punctuation; once the date is known, a zone's name."""
        if self.prefix == "julian":
            return self._julian_with_zone(text)
        late = bool(self.prefix) or self.seen >= {"month", "day"}
        if self.time_only:
            kinds = [field.kind for field in self.fields]
            may_be_date = position == 0 and len(kinds) >= 2 and (
                kinds[-1] == "date" or kinds[1] == "time"
            )  # fmt: skip
            late = not may_be_date
        if not late:
            return self._date(text)
        if not (text[:1].isdigit() or self.prefix):
            self.named = _zone(text)
            if self.named is None:
                raise DateFail("zone", text)
            return {"zone"}
        if self.prefix not in ("", "time") or "time" in self.seen or "-" not in text:
            raise DateFail("format")
        self.prefix = ""
        digits, sign, tail = text.partition("-")
        self.west = read_displacement(sign + tail)
        return self._run_together(digits) | {"zone"}

    def _julian_with_zone(self, text: str) -> set[str]:
        match = re.match(r"[0-9]+", text)
        if match is None:
            raise DateFail("format")
        self.prefix = ""
        self._julian(match[0])
        self.west = read_displacement(text[match.end() :])
        return {*DATE, "time", "zone"}

    def take_number(self, position: int, text: str) -> set[str]:
        """A field of digits, with a decimal point or without."""
        whole, point, fraction = text.partition(".")
        if self.prefix == "julian":
            self.prefix = ""
            return self._julian_number(whole, point, fraction)
        if self.prefix == "time":
            self.prefix = ""
            told = self._run_together(text, date_known=True)
            if told != {"time"}:
                raise DateFail("format")
            return told
        if self.prefix:
            raise DateFail("format")
        if self.time_only:
            return self._time_number(position, text)
        if point and not self.seen & DATE:
            return self._date(text)
        if point and len(whole) > 2:
            return self._run_together(text)
        if len(text) >= 6 and not (self.seen & DATE and "time" in self.seen):
            return self._run_together(text)
        return self._number(text)

    def _time_number(self, position: int, text: str) -> set[str]:
        whole, point, _fraction = text.partition(".")
        kinds = [field.kind for field in self.fields]
        if point and position == 0 and len(kinds) >= 2 and kinds[-1] == "date":
            return self._date(text)
        if point and len(whole) <= 2:
            raise DateFail("format")
        if point or len(text) > 4:
            return self._run_together(text, date_known=True)
        return self._number(text, date_known=True)

    def _julian_number(self, whole: str, point: str, fraction: str) -> set[str]:
        self._julian(whole or "0")
        if not point:
            return set(DATE)
        if fraction and not fraction.isdigit():
            raise DateFail("format")
        us = int(float("0." + (fraction or "0")) * cal.DAY_US)
        self.hour, self.minute, self.second, self.us = cal.clock(us)
        return {*DATE, "time"}

    def _julian(self, text: str) -> None:
        self.year, self.month, self.day = cal.civil(number(text) + cal.MIN_DAYS)
        self.julian = True

    # -- numbers -------------------------------------------------------------------

    def _date(self, text: str) -> set[str]:
        """A whole date in one field."""
        told: set[str] = set()
        had_text = False
        parts = re.split(r"[^0-9a-z]+", text)
        if re.search(r"[^0-9a-z]{2}\Z", text):
            raise DateFail("format")
        pieces = [piece for part in parts for piece in re.findall(r"[0-9]+|[a-z]+", part)]
        numbers = []
        for piece in pieces:
            if piece.isdigit():
                numbers.append(piece)
                continue
            kind, value = DATE_WORDS.get(piece[:_TOKEN_LENGTH], ("", None))
            if kind == "ignore":
                continue
            if kind != "month" or "month" in told | self.seen:
                raise DateFail("format")
            assert isinstance(value, int)
            self.month, had_text = value, True
            told.add("month")
        before, text_month = self.seen, self.text_month
        self.text_month = had_text
        for piece in numbers:
            self.seen = before | told
            more = self._number(piece)
            if more & (before | told):
                raise DateFail("format")
            told |= more
        self.seen, self.text_month = before, text_month
        if (before | told) - {"day of year", "zone"} != DATE:
            raise DateFail("format")
        return told

    def _number(self, text: str, *, date_known: bool = False) -> set[str]:
        """One number that may be a year, month, day, day of the year or run-together time."""
        whole, point, fraction = text.partition(".")
        known = DATE if date_known else self.seen & DATE
        value = number(whole or "0")
        if point:
            if len(whole) > 2:
                return self._run_together(text, date_known=True)
            self.us = fraction_us(fraction)
        if len(text) == 3 and known == {"year"} and 1 <= value <= 366:
            self.day_of_year = value
            return {"day of year", "month", "day"}
        if known == DATE:
            return self._run_together(text, date_known=date_known)
        part = self._part_of(len(text), known)
        if part == "swap":
            self.day, self.year, self.two_digits = self.year, value, False
            return {"day"}
        setattr(self, part, value)
        if part == "year":
            self.two_digits = len(text) <= 2
        return {part}

    def _part_of(self, width: int, known: set[str] | frozenset[str]) -> str:
        """Which part of a date the next number is."""
        year_like = width >= 3 or self.order == "YMD"
        if not known:
            return "year" if year_like else "day" if self.order == "DMY" else "month"
        if known == {"month"} and self.text_month:
            return "year" if year_like else "day"
        if known == {"year", "month"} and self.text_month and width >= 3 and self.two_digits:
            return "swap"
        if known in ({"year"}, {"day"}):
            return "month"
        if known in ({"month"}, {"year", "month"}):
            return "day"
        if known == {"month", "day"}:
            return "year"
        raise DateFail("format")

    def _run_together(self, text: str, *, date_known: bool = False) -> set[str]:
        """yyyymmdd, yymmdd, hhmmss, hhmm, with decimals of a second or without."""
        if not re.fullmatch(r"[0-9.]*", text):
            raise DateFail("format")
        digits, point, fraction = text.partition(".")
        if point:
            self.us = fraction_us(fraction)
        elif not date_known and not self.seen >= DATE and len(digits) >= 6:
            self.day, self.month = int(digits[-2:]), int(digits[-4:-2])
            self.year = number(digits[:-4])
            if len(digits) == 6:
                self.two_digits = True
            return set(DATE)
        if "time" not in self.seen and len(digits) in (4, 6):
            self.hour, self.minute = int(digits[:2]), int(digits[2:4])
            self.second = int(digits[4:] or "0")
            return {"time"}
        raise DateFail("format")

    # -- words -----------------------------------------------------------------------

    def take_string(self, position: int, text: str) -> set[str]:
        """A field of letters."""
        found = self._abbreviation(text)
        if found is not None:
            return found
        kind, value = DATE_WORDS.get(text[:_TOKEN_LENGTH], ("", None))
        if not kind:
            self.named = _zone(text)
            if self.named is None:
                raise DateFail("format")
            return {"zone"}
        if kind == "ignore":
            return set()
        if text[0] == "+" and not _SIGNED_INFINITY[self.major]:
            raise DateFail("format")
        word = getattr(self, "word_" + kind, None)
        if word is None:
            raise DateFail("format")
        told: set[str] = word(value)
        return told

    take_special = take_string

    def _abbreviation(self, text: str) -> set[str] | None:
        if _SESSION_ABBREVIATIONS[self.major]:
            _times, kinds = self.session.table(1970)
            mine = {kind.offset for kind in kinds if kind.abbreviation.lower() == text}
            if len(mine) == 1:
                self.west = -mine.pop()
                return {"zone"}
            if mine:
                self.dynamic = (text, self.session)
                return {"zone"}
        if text in DYNAMIC:
            self.dynamic = (text, find_zone(DYNAMIC[text]))
            return {"zone"}
        fixed = fixed_abbreviations().get(text)
        if fixed is None:
            return None
        self.west = -fixed[0]
        return {"zone", "summer"} if fixed[1] else {"zone"}

    def word_month(self, value: int) -> set[str]:
        """A month's name; a number taken for the month before was the day."""
        told = {"month"}
        if "month" in self.seen and not self.text_month and "day" not in self.seen:
            if not 1 <= self.month <= 31:
                raise DateFail("format")
            self.day, told = self.month, {"day"}
        self.text_month, self.month = True, value
        return told

    def word_weekday(self, value: int) -> set[str]:
        """A day's name, which nobody checks."""
        return {"weekday"}

    def word_era(self, value: bool) -> set[str]:
        """AD or BC."""
        self.bc = value
        return {"era"}

    def word_meridian(self, value: str) -> set[str]:
        """AM or PM."""
        self.meridian = value
        return {"meridian"}

    def word_dst(self, value: int) -> set[str]:
        """DST behind a zone: an hour more."""
        self.west -= value
        return {"dst", "summer"}

    def word_units(self, value: str) -> set[str]:
        """A word that says what the next number is."""
        if self.prefix:
            raise DateFail("format")
        self.prefix = value
        return set()

    def word_isotime(self, value: str) -> set[str]:
        """T between date and time."""
        if self.prefix or not (self.date_complete or self.time_only):
            raise DateFail("format")
        self.prefix = value
        return set()

    def word_reserved(self, value: str) -> set[str]:
        """now, today, infinity and kin."""
        if self.time_only and value not in ("now", "allballs"):
            raise DateFail("format")
        if value in ("infinity", "-infinity", "epoch"):
            self.special = value
            return {*DATE, "time", "zone"}
        if value == "allballs":
            return {"time", "zone"}
        local, west = self.now()
        days, rest = divmod(local, cal.DAY_US)
        days += {"tomorrow": 1, "yesterday": -1}.get(value, 0)
        if not self.time_only:
            self.year, self.month, self.day = cal.civil(days)
            self.julian = True
        if value != "now":
            return set(DATE)
        self.hour, self.minute, self.second, self.us = cal.clock(rest)
        if self.time_only:
            return {"time"}
        self.west = west
        return {*DATE, "time", "zone"}

    # -- the end ---------------------------------------------------------------------

    def finish(self) -> None:
        """Check and complete what has been read."""
        if self.special:
            return
        self._finish_date()
        if self.meridian:
            if self.hour > _NOON:
                raise DateFail("range")
            self.hour = self.hour % _NOON + (_NOON if self.meridian == "pm" else 0)
        if not self.time_only and not self.date_complete:
            raise DateFail("format")
        self.check_clock()
        if self.minute > 59 or self.second > 60:
            raise DateFail("range")
        if self.time_only and "time" not in self.seen:
            raise DateFail("format")
        self._finish_zone()

    def _finish_date(self) -> None:
        if "year" in self.seen and not self.julian:
            if self.bc:
                if self.year <= 0:
                    raise DateFail("range")
                self.year = 1 - self.year
            elif self.two_digits:
                self.year += 2000 if self.year < 70 else 1900 if self.year < 100 else 0
            elif self.year <= 0:
                raise DateFail("range")
        if "day of year" in self.seen:
            first = cal.day_number(self.year, 1, 1)
            self.year, self.month, self.day = cal.civil(first + self.day_of_year - 1)
        if "month" in self.seen and not 1 <= self.month <= 12:
            raise DateFail("order")
        if "day" in self.seen and not 1 <= self.day <= 31:
            raise DateFail("order")
        if self.date_complete and self.day > cal.month_length(self.year, self.month):
            raise DateFail("range")

    def _finish_zone(self) -> None:
        if "dst" in self.seen and (self.named or self.dynamic or "zone" not in self.seen):
            raise DateFail("format")
        if self.dynamic is not None:
            self.west = -self._dynamic_offset(*self.dynamic)
        elif self.named is not None:
            if self.time_only and not self.date_complete and self.named.next_change(0) is not None:
                raise DateFail("format")
            self.west = -meaning(self.named, self._local_seconds()).offset
        elif "zone" not in self.seen:
            if self.seen & DATE and not self.date_complete:
                raise DateFail("format")
            self.west = -meaning(self.session, self._local_seconds()).offset

    def _local_seconds(self) -> int:
        """The wall clock as seconds since 1970; today where no date is known."""
        if self.date_complete:
            days = cal.day_number(self.year, self.month, self.day)
        else:
            days = self.now()[0] // cal.DAY_US
        return (days + cal.EPOCH_DAYS) * 86_400 + self.time_us // cal.SECOND_US

    def _dynamic_offset(self, name: str, zone: Zone) -> int:
        local = self._local_seconds()
        found_now = meaning(zone, local)
        instant = local - found_now.offset
        times, kinds = zone.table(1970)
        uses = [(t, k) for t, k in zip(times, kinds) if k.abbreviation.lower() == name]
        before = [k for t, k in uses if t <= instant]
        after = [k for t, k in uses if t > instant]
        found = before[-1] if before else after[0] if after else found_now
        return found.offset


def meaning(zone: Zone, local: int) -> LocalTime:
    """What a zone says about a wall clock reading; in a gap, what held before it; in an
    overlap, what holds after it."""
    found = zone.around(local)
    if isinstance(found, LocalTime):
        return found
    before, after, change = found
    early, late = local - before.offset, local - after.offset
    if early < change and late < change:
        return before
    if early > change and late >= change:
        return after
    return before if early > late else after
