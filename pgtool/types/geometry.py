"""Geometric types: all made of doubles, written with the delimiters that tell them apart."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from formats import datum as layout
from formats.derive import struct_of
from pgtool.errors import CorruptData, SqlError
from pgtool.types.base import FixedIO, TypeIO
from pgtool.types.cstdlib import SPACE
from pgtool.types.floats import float8_text, parse_float

__all__ = ["Box", "Circle", "Line", "Lseg", "Path", "PointIO", "Polygon"]

_PATH = struct_of(layout.PathHeader)
_POLYGON = struct_of(layout.PolygonHeader)
_POINT = struct_of(layout.Point)
_EPSILON = 1e-6
Points = list[tuple[float, float]]


class _Scanner:
    """Reads points and delimiters as the input functions do: white space before numbers,
    parentheses that may be left out."""

    def __init__(self, text: str, type_name: str) -> None:
        self.text = text
        self.type_name = type_name
        self.at = 0

    def fail(self) -> SqlError:
        return SqlError(f'invalid input syntax for type {self.type_name}: "{self.text}"', "22P02")

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in SPACE:
            self.at += 1

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, char: str) -> bool:
        found = self.peek() == char
        self.at += found
        return found

    def number(self) -> float:
        value, rest = parse_float(self.text[self.at :], self.type_name, self.text)
        self.at = len(self.text) - len(rest)
        return value

    def pair(self) -> tuple[float, float]:
        self.skip()
        wrapped = self.take("(")
        x = self.number()
        if not self.take(","):
            raise self.fail()
        y = self.number()
        if wrapped:
            if not self.take(")"):
                raise self.fail()
            self.skip()
        return x, y

    def end(self) -> None:
        if self.at != len(self.text):
            raise self.fail()

    def points(self, count: int, *, may_open: bool) -> tuple[Points, bool]:
        """(points, whether the list stood in square brackets)."""
        self.skip()
        depth = 0
        is_open = self.take("[")
        if is_open:
            if not may_open:
                raise self.fail()
            depth = 1
        elif self.peek() == "(":
            inner = self.at + 1
            while inner < len(self.text) and self.text[inner] in SPACE:
                inner += 1
            if self.text[inner : inner + 1] == "(" or self.text.rfind("(") == self.at:
                depth, self.at = 1, inner
        out = []
        for _ in range(count):
            out.append(self.pair())
            self.take(",")
        for _ in range(depth):
            if not (self.take(")") or (is_open and self.take("]"))):
                raise self.fail()
            self.skip()
        return out, is_open


def _pair_count(text: str) -> int:
    commas = text.count(",")
    return (commas + 1) // 2 if commas % 2 else -1


class _Doubles(FixedIO):
    """A fixed number of doubles."""

    def __init_subclass__(cls) -> None:
        cls.packer = struct.Struct(f"<{len(cls.wire)}d")

    packer: struct.Struct

    def _numbers(self, datum: bytes) -> list[str]:
        digits = self.settings.extra_float_digits
        return [float8_text(value, digits) for value in self.packer.unpack(datum)]

    def _pairs(self, datum: bytes) -> str:
        numbers = self._numbers(datum)
        return ",".join([f"({x},{y})" for x, y in zip(numbers[0::2], numbers[1::2])])

    def _scan(self, text: str) -> _Scanner:
        return _Scanner(text, self.sql_name)


class PointIO(_Doubles):
    """``point``: (x,y)."""

    wire = (8,) * 2

    def _ascii(self, datum: bytes) -> str:
        return self._pairs(datum)

    def _parse(self, text: str, typmod: int) -> bytes:
        scan = self._scan(text)
        point = scan.pair()
        scan.end()
        return self.packer.pack(*point)


class Lseg(_Doubles):
    """``lseg``: [(x1,y1),(x2,y2)]."""

    wire = (8,) * 4

    def _ascii(self, datum: bytes) -> str:
        return f"[{self._pairs(datum)}]"

    def _parse(self, text: str, typmod: int) -> bytes:
        scan = self._scan(text)
        (first, second), _open = scan.points(2, may_open=True)
        scan.end()
        return self.packer.pack(*first, *second)


def _less(a: float, b: float) -> bool:
    """a < b where NaN is the greatest."""
    return not math.isnan(a) and (math.isnan(b) or a < b)


class Box(_Doubles):
    """``box``: (high corner),(low corner)."""

    wire = (8,) * 4

    def _ascii(self, datum: bytes) -> str:
        return self._pairs(datum)

    def _ordered(self, x1: float, y1: float, x2: float, y2: float) -> bytes:
        if _less(x1, x2):
            x1, x2 = x2, x1
        if _less(y1, y2):
            y1, y2 = y2, y1
        return self.packer.pack(x1, y1, x2, y2)

    def _parse(self, text: str, typmod: int) -> bytes:
        scan = self._scan(text)
        (first, second), _open = scan.points(2, may_open=False)
        scan.end()
        return self._ordered(*first, *second)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        return self._ordered(*self.packer.unpack(super()._receive(wire, typmod)))


def _near(a: float, b: float) -> bool:
    return a == b or abs(a - b) <= _EPSILON


class Line(_Doubles):
    """``line``: {A,B,C} of Ax + By + C = 0."""

    wire = (8,) * 3
    _BOTH_ZERO = "invalid line specification: A and B cannot both be zero"

    def _ascii(self, datum: bytes) -> str:
        return "{" + ",".join(self._numbers(datum)) + "}"

    def _parse(self, text: str, typmod: int) -> bytes:
        scan = self._scan(text)
        scan.skip()
        if scan.take("{"):
            a = scan.number()
            numbers = [a]
            for _ in range(2):
                if not scan.take(","):
                    raise scan.fail()
                numbers.append(scan.number())
            if not scan.take("}"):
                raise scan.fail()
            scan.skip()
            scan.end()
            if abs(numbers[0]) <= _EPSILON and abs(numbers[1]) <= _EPSILON:
                raise SqlError(self._BOTH_ZERO, "22P02")
            return self.packer.pack(*numbers)
        (first, second), _open = scan.points(2, may_open=True)
        scan.end()
        return self._through(first, second)

    def _through(self, first: tuple[float, float], second: tuple[float, float]) -> bytes:
        (x1, y1), (x2, y2) = first, second
        if _near(x1, x2) and _near(y1, y2):
            raise SqlError("invalid line specification: must be two distinct points", "22P02")
        if _near(x1, x2):
            return self.packer.pack(-1.0, 0.0, x1)
        if _near(y1, y2):
            return self.packer.pack(0.0, -1.0, y1)
        slope = (y1 - y2) / (x1 - x2)
        return self.packer.pack(slope, -1.0, (y1 - slope * x1) or 0.0)

    def _check(self, datum: bytes, typmod: int) -> None:
        a, b, _c = self.packer.unpack(datum)
        if abs(a) <= _EPSILON and abs(b) <= _EPSILON:
            raise SqlError(self._BOTH_ZERO, "22P03")


class Circle(_Doubles):
    """``circle``: <(x,y),r>."""

    wire = (8,) * 3

    def _ascii(self, datum: bytes) -> str:
        x, y, radius = self._numbers(datum)
        return f"<({x},{y}),{radius}>"

    def _parse(self, text: str, typmod: int) -> bytes:
        scan = self._scan(text)
        scan.skip()
        depth = 0
        if scan.take("<"):
            depth = 1
        elif scan.peek() == "(":
            inner = scan.text[scan.at + 1 :]
            if inner.lstrip(SPACE).startswith("("):
                depth = 1
                scan.at = len(scan.text) - len(inner.lstrip(SPACE))
        x, y = scan.pair()
        scan.take(",")
        radius = scan.number()
        if radius < 0:
            raise scan.fail()
        if depth:
            if not (scan.take(")") or scan.take(">")):
                raise scan.fail()
            scan.skip()
        scan.end()
        return self.packer.pack(x, y, radius)

    def _check(self, datum: bytes, typmod: int) -> None:
        if self.packer.unpack(datum)[2] < 0:
            raise SqlError('invalid radius in external "circle" value', "22P03")


class _PointList(TypeIO):
    """A counted list of points behind a header."""

    def _points(self, datum: bytes, at: int, count: int) -> Points:
        if count < 0 or at + _POINT.size * count > len(datum):
            raise CorruptData(f"{self.info.name} of {count} points", field="npts")
        flat = struct.unpack_from(f"<{2 * count}d", datum, at)
        return list(zip(flat[0::2], flat[1::2]))

    def _joined(self, points: Points) -> str:
        digits = self.settings.extra_float_digits
        return ",".join([f"({float8_text(x, digits)},{float8_text(y, digits)})" for x, y in points])

    def _wire_points(self, wire: bytes, at: int) -> Points:
        (count,) = struct.unpack_from(">i", wire, at)
        if not 0 < count <= len(wire):
            raise SqlError(
                f'invalid number of points in external "{self.info.name}" value', "22P03"
            )
        flat = struct.unpack(f">{2 * count}d", wire[at + 4 :])
        return list(zip(flat[0::2], flat[1::2]))

    def _decoded(self, text: bytes) -> str:
        return self.settings.encoding.decode(text)


def _flat(points: Sequence[tuple[float, float]]) -> list[float]:
    return [value for point in points for value in point]


class Path(_PointList):
    """``path``: ((x1,y1),…) closed, [(x1,y1),…] open."""

    def _split(self, datum: bytes) -> tuple[bool, Points]:
        count, closed, _dummy = _PATH.unpack_from(datum)
        return bool(closed), self._points(datum, _PATH.size, count)

    def _text(self, datum: bytes) -> bytes:
        closed, points = self._split(datum)
        first, last = "()" if closed else "[]"
        return f"{first}{self._joined(points)}{last}".encode("ascii")

    def _send(self, datum: bytes) -> bytes:
        closed, points = self._split(datum)
        return struct.pack(f">Bi{2 * len(points)}d", closed, len(points), *_flat(points))

    def _pack(self, closed: bool, points: Points) -> bytes:
        head = _PATH.pack(len(points), closed, bytes(4))
        return head + struct.pack(f"<{2 * len(points)}d", *_flat(points))

    def _input(self, text: bytes, typmod: int) -> bytes:
        shown = self._decoded(text)
        scan = _Scanner(shown, "path")
        count = _pair_count(shown)
        if count <= 0:
            raise scan.fail()
        scan.skip()
        lone = scan.peek() == "(" and shown.rfind("(") == scan.at
        scan.at += lone
        points, is_open = scan.points(count, may_open=True)
        if lone:
            if not scan.take(")"):
                raise scan.fail()
            scan.skip()
        scan.end()
        return self._pack(not is_open, points)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        return self._pack(bool(wire[0]), self._wire_points(wire, 1))


class Polygon(_PointList):
    """``polygon``: ((x1,y1),…), stored with its bounding box."""

    def _split(self, datum: bytes) -> Points:
        count = _POLYGON.unpack_from(datum)[0]
        return self._points(datum, _POLYGON.size, count)

    def _text(self, datum: bytes) -> bytes:
        return f"({self._joined(self._split(datum))})".encode("ascii")

    def _send(self, datum: bytes) -> bytes:
        points = self._split(datum)
        return struct.pack(f">i{2 * len(points)}d", len(points), *_flat(points))

    def _pack(self, points: Points) -> bytes:
        low_x = high_x = points[0][0]
        low_y = high_y = points[0][1]
        for x, y in points[1:]:
            low_x, high_x = (x if _less(x, low_x) else low_x), (x if _less(high_x, x) else high_x)
            low_y, high_y = (y if _less(y, low_y) else low_y), (y if _less(high_y, y) else high_y)
        head = _POLYGON.pack(len(points), high_x, high_y, low_x, low_y)
        return head + struct.pack(f"<{2 * len(points)}d", *_flat(points))

    def _input(self, text: bytes, typmod: int) -> bytes:
        shown = self._decoded(text)
        scan = _Scanner(shown, "polygon")
        count = _pair_count(shown)
        if count <= 0:
            raise scan.fail()
        points, _open = scan.points(count, may_open=False)
        scan.end()
        return self._pack(points)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        return self._pack(self._wire_points(wire, 0))
