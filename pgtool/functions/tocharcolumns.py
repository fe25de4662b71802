"""to_char over whole columns, for a constant format.

A number's text depends on its digits only through its shape: the sign, how many digits
there are, a zero before the point, zeros at the end. The picture is filled once for each
shape, with marks for the digits; the rows' digits then go where the marks are. A
timestamp's text is put together from that of its template's pieces, each of which has
few different values (days, hours, minutes …) and is shown once for each.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pgtool.functions.columns import ScaledColumn
from pgtool.functions.dateformat import Part, parts_of, show, shown_timestamp
from pgtool.functions.jsonbcolumns import constant_of
from pgtool.functions.numformat import pour
from pgtool.functions.numpicture import Picture, number_picture
from pgtool.functions.registry import vector
from pgtool.storage import ragged
from pgtool.types import calendar as cal
from pgtool.types.column import VarColumn

__all__: list[str] = []

Ints = npt.NDArray[np.int64]
_ZERO = ord("0")
_MARK = 0xE000
_LIMIT = 10**17
_MOST_DECIMALS = 15


def _ascii_constant(column: Any) -> str | None:
    datum = constant_of(column)
    return datum.decode("ascii") if datum is not None and datum.isascii() and datum else None


# -- numbers ------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _picture(text: str) -> Picture | None:
    """A picture whose digits all go through alike; None for another."""
    picture = number_picture(text)
    odd = picture.roman or picture.scientific or picture.multiplied
    ordinals = any(pattern in ("TH", "th") for pattern, _ in picture.elements)
    return None if odd or ordinals or picture.post > _MOST_DECIMALS else picture


@lru_cache(maxsize=4096)
def _template(
    text: str, negative: bool, before: int, zero: bool, trailing: int
) -> tuple[bytes, tuple[int, ...], tuple[int, ...]]:
    """(text, places of digits in it, which digit each is) of one shape."""
    picture = number_picture(text)
    after = picture.post
    total = before + after
    marks = ["0" if i == 0 and zero else chr(_MARK + i) for i in range(total)]
    for i in range(total - trailing, total):
        marks[i] = "0"
    digits = "".join(marks[:before]) + ("." + "".join(marks[before:]) if after else "")
    found = pour(picture, ("-" if negative else "") + digits)
    places = [i for i, char in enumerate(found) if ord(char) >= _MARK]
    which = [ord(found[i]) - _MARK for i in places]
    plain = "".join("0" if ord(char) >= _MARK else char for char in found)
    return plain.encode("ascii"), tuple(places), tuple(which)


def _digit_counts(values: Ints) -> Ints:
    powers = 10 ** np.arange(1, 19, dtype=np.int64)
    return np.searchsorted(powers, values, "right") + 1


def _trailing_zeros(values: Ints, most: int) -> Ints:
    out = np.zeros(len(values), np.int64)
    open_ = np.ones(len(values), bool)
    for i in range(most):
        open_ &= values % 10 ** (i + 1) == 0
        out += open_
    return out


def _filled(text: str, picture: Picture, unscaled: Ints) -> VarColumn:
    """Numbers with the picture's decimals, as integers."""
    post = picture.post
    negative, size = unscaled < 0, np.abs(unscaled)
    count = np.maximum(_digit_counts(size), post + 1)
    whole_zero = size < 10**post
    keeps = picture.fill and picture.has_point
    trailing = _trailing_zeros(size, post) if keeps else np.zeros(len(size), np.int64)
    shape = ((count * 2 + whole_zero) * 2 + negative) * (_MOST_DECIMALS + 1) + trailing
    shapes, which = np.unique(shape, return_inverse=True)
    width = 0
    made = []
    for one in shapes.tolist():
        rest, zeros = divmod(one, _MOST_DECIMALS + 1)
        rest, minus = divmod(rest, 2)
        digits, zero = divmod(rest, 2)
        template = _template(text, bool(minus), digits - post, bool(zero), zeros)
        made.append((digits, template))
        width = max(width, len(template[0]))
    out = np.zeros((len(size), width), np.uint8)
    length = np.zeros(len(size), np.int32)
    for number, (digits, (plain, places, numbers)) in enumerate(made):
        rows = np.flatnonzero(which == number)
        block = np.empty((len(rows), len(plain)), np.uint8)
        block[:] = np.frombuffer(plain, np.uint8)
        for place, digit in zip(places, numbers):
            block[:, place] = size[rows] // 10 ** (digits - 1 - digit) % 10 + _ZERO
        out[rows, : len(plain)] = block
        length[rows] = len(plain)
    return VarColumn(out.reshape(-1), np.arange(len(size), dtype=np.int64) * width, length)


@vector("int4_to_char", "int8_to_char")
def int_to_char_v(values: Any, template: Any) -> Any:
    text = _ascii_constant(template)
    picture = None if text is None else _picture(text)
    if text is None or picture is None or not isinstance(values, np.ndarray) or not len(values):
        return NotImplemented
    wide = values.astype(np.int64)
    most = _LIMIT // 10**picture.post
    if int(wide.max()) >= most or int(wide.min()) <= -most:
        return NotImplemented
    return _filled(text, picture, wide * 10**picture.post)


@vector("numeric_to_char")
def numeric_to_char_v(column: Any, template: Any) -> Any:
    text = _ascii_constant(template)
    picture = None if text is None else _picture(text)
    if text is None or picture is None or not isinstance(column, ScaledColumn) or not len(column):
        return NotImplemented
    values = column.values
    if not isinstance(values, np.ndarray) or int(np.abs(values).max()) >= _LIMIT:
        return NotImplemented
    less = column.scale - picture.post
    if less > 17:
        return NotImplemented
    if less > 0:
        rounded = (np.abs(values) + 10**less // 2) // 10**less
        values = np.where(values < 0, -rounded, rounded)
    elif less < 0:
        if int(np.abs(values).max()) >= _LIMIT // 10**-less:
            return NotImplemented
        values = values * 10**-less
    return _filled(text, picture, values)


# -- timestamps ---------------------------------------------------------------------------

_HOUR, _MINUTE = 3_600_000_000, 60_000_000
_UNITS: dict[str, tuple[int, int]] = {
    "HH24": (_HOUR, cal.DAY_US), "HH12": (_HOUR, cal.DAY_US), "HH": (_HOUR, cal.DAY_US),
    "AM": (_HOUR, cal.DAY_US), "PM": (_HOUR, cal.DAY_US), "A.M.": (_HOUR, cal.DAY_US),
    "P.M.": (_HOUR, cal.DAY_US), "MI": (_MINUTE, _HOUR), "SS": (cal.SECOND_US, _MINUTE),
    "MS": (1000, cal.SECOND_US), "US": (1, cal.SECOND_US),
}  # fmt: skip
_OF_DAYS = frozenset(
    ("CC", "DDD", "DD", "D", "IDDD", "ID", "IW", "IYYY", "IYY", "IY", "I", "J", "MM", "Q", "WW",
     "W", "Y,YYY", "YYYY", "YYY", "YY", "Y", "A.D.", "AD", "B.C.", "BC", "DAY", "DY", "MONTH",
     "MON", "RM")
)  # fmt: skip


@lru_cache(maxsize=64)
def _pieces(template: str) -> tuple[tuple[int, int, tuple[Part, ...]], ...] | None:
    """(unit, its period, parts) of each piece; period 0 for days. None where one is neither."""
    out: list[tuple[int, int, list[Part]]] = []
    for part in parts_of(template):
        if not part.field:
            if out:
                out[-1][2].append(part)
            else:
                out.append((cal.DAY_US, 0, [part]))
            continue
        unit = (cal.DAY_US, 0) if part.name in _OF_DAYS else _UNITS.get(part.name)
        if unit is None:
            return None
        if out and out[-1][:2] == unit:
            out[-1][2].append(part)
        else:
            out.append((*unit, [part]))
    return tuple((unit, period, tuple(parts)) for unit, period, parts in out)


def _piece(us: Ints, unit: int, period: int, parts: tuple[Part, ...]) -> tuple[Any, Ints, Ints]:
    """(buffer, start, length) of a piece's text in each row."""
    key = us // unit if period == 0 else us % period // unit
    different, which = np.unique(key, return_inverse=True)
    texts: list[bytes | None] = [_shown(parts, k * unit) for k in different.tolist()]
    made = VarColumn.of(texts)
    return made.buffer, made.start[which], made.length[which].astype(np.int64)


@lru_cache(maxsize=1 << 16)
def _shown(parts: tuple[Part, ...], us: int) -> bytes:
    return show(parts, shown_timestamp(us)).encode("ascii")


@vector("timestamp_to_char")
def timestamp_to_char_v(us: Any, template: Any) -> Any:
    text = _ascii_constant(template)
    pieces = None if text is None else _pieces(text)
    if not pieces or not isinstance(us, np.ndarray) or not len(us):
        return NotImplemented
    limits = np.iinfo(np.int64)
    if int(us.min()) == limits.min or int(us.max()) == limits.max:
        return NotImplemented
    found = [_piece(us, *piece) for piece in pieces]
    length = sum((one[2] for one in found), np.zeros(len(us), np.int64))
    offsets = ragged.offsets_of(length)
    out = np.empty(int(offsets[-1]), np.uint8)
    at = offsets[:-1].copy()
    for buffer, start, size in found:
        ragged.copy_spans(out, at, buffer, start, size)
        at += size
    return VarColumn(out, offsets[:-1], length.astype(np.int32))
