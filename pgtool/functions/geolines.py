"""Lines, and where shapes meet or come closest.

A line is Ax + By + C = 0. Everything comes down to the place where two lines cross and
whether it lies on the segments asked about; the closest places follow by dropping
perpendiculars. A distance of NaN means that there is no such place.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from pgtool.errors import SqlError
from pgtool.functions.geo import (
    Box,
    Point,
    add,
    box_of,
    circle_of,
    distance,
    divide,
    eq,
    holds_box,
    holds_point,
    hypot,
    inverse_slope,
    multiply,
    overlap,
    pack,
    point_of,
    points_of,
    same_point,
    slope,
    subtract,
)  # fmt: skip
from pgtool.functions.geopaths import bounds_of, inside_polygon, path_of, polygon_of
from pgtool.functions.registry import Call, builtin

Segment = tuple[Point, Point]
Closest = tuple[Point, float]


class Line(NamedTuple):
    """Ax + By + C = 0."""

    a: float
    b: float
    c: float


def _line(datum: bytes) -> Line:
    return Line(*struct.unpack("<3d", datum))


def _segment(datum: bytes) -> Segment:
    first, second = points_of(datum)
    return first, second


def _zero(value: float) -> bool:
    return eq(value, 0.0)


def _less(a: float, b: float) -> bool:
    """Less, where NaN is the greatest number."""
    return a < b or (math.isnan(b) and not math.isnan(a))


def _through(point: Point, steep: float) -> Line:
    if math.isinf(steep):
        return Line(-1.0, 0.0, point.x)
    if steep == 0:
        return Line(0.0, -1.0, point.y)
    return Line(steep, -1.0, subtract(point.y, multiply(steep, point.x)) + 0.0)


def _crossing(first: Line, second: Line) -> Point | None:
    if _zero(first.b):
        first, second = second, first
    if _zero(first.b):
        return None
    if eq(second.a, multiply(first.a, divide(second.b, first.b))):
        return None
    x = divide(
        subtract(multiply(first.b, second.c), multiply(second.b, first.c)),
        subtract(multiply(first.a, second.b), multiply(second.a, first.b)),
    )
    y = divide(-add(multiply(first.a, x), first.c), first.b)
    return Point(x + 0.0, y + 0.0)


def _on_line(line: Line, point: Point) -> bool:
    return _zero(add(add(multiply(line.a, point.x), multiply(line.b, point.y)), line.c))


def _on_segment(segment: Segment, point: Point) -> bool:
    near = distance(point, segment[0]) + distance(point, segment[1])
    return eq(near, distance(*segment))


def _segment_line(segment: Segment, line: Line) -> Point | None:
    """Where a segment meets a line."""
    found = _crossing(_through(segment[0], slope(*segment)), line)
    if found is None or not _on_segment(segment, found):
        return None
    return next((end for end in segment if same_point(end, found)), found)


def _segments(first: Segment, second: Segment) -> Point | None:
    """Where two segments meet."""
    found = _segment_line(first, _through(second[0], slope(*second)))
    return found if found is not None and _on_segment(second, found) else None


# -- closest places ------------------------------------------------------------------------


def _line_slope(line: Line) -> float:
    if _zero(line.a):
        return 0.0
    return math.inf if _zero(line.b) else divide(line.a, -line.b)


def _line_inverse_slope(line: Line) -> float:
    if _zero(line.a):
        return math.inf
    return 0.0 if _zero(line.b) else divide(line.b, line.a)


def _line_point(line: Line, point: Point) -> Closest:
    found = _crossing(_through(point, _line_inverse_slope(line)), line)
    return (point, math.nan) if found is None else (found, distance(found, point))


def _to_line(segment: Segment, line: Line) -> Closest:
    """The place of a segment that is closest to a line."""
    met = _segment_line(segment, line)
    if met is not None:
        return met, 0.0
    first, second = (_line_point(line, end)[1] for end in segment)
    return (segment[0], first) if first < second else (segment[1], second)


def _to_point(segment: Segment, point: Point) -> Closest:
    """The place of a segment that is closest to a point."""
    found, _far = _to_line(segment, _through(point, inverse_slope(*segment)))
    return found, distance(found, point)


def _best(candidates: Iterable[Closest]) -> Closest:
    best: Closest | None = None
    for one in candidates:
        if best is None or _less(one[1], best[1]):
            best = one
    assert best is not None
    return best


def _to_segment(on: Segment, other: Segment) -> Closest:
    """The place of a segment that is closest to another."""
    met = _segments(on, other)
    if met is not None:
        return met, 0.0
    return _best([
        _to_point(on, other[0]), _to_point(on, other[1]),
        (on[0], _to_point(other, on[0])[1]), (on[1], _to_point(other, on[1])[1]),
    ])  # fmt: skip


def _sides(box: Box) -> list[Segment]:
    left, right = Point(box.low.x, box.high.y), Point(box.high.x, box.low.y)
    return [(box.low, left), (box.high, left), (box.low, right), (box.high, right)]


def _box_point(box: Box, point: Point) -> Closest:
    if holds_point(box, point):
        return point, 0.0
    return _best(_to_point(side, point) for side in _sides(box))


def _box_meets(box: Box, segment: Segment) -> bool:
    if not overlap(bounds_of(list(segment)), box):
        return False
    if any(holds_point(box, end) for end in segment):
        return True
    return any(_segments(side, segment) is not None for side in _sides(box))


def _box_segment(box: Box, segment: Segment) -> Closest:
    if _box_meets(box, segment):
        center = Point(
            divide(add(box.high.x, box.low.x), 2.0), divide(add(box.high.y, box.low.y), 2.0)
        )
        return _to_point(segment, center)[0], 0.0
    return _best(_to_segment(side, segment) for side in _sides(box))


def _closest(name: str, find: Callable[[bytes, bytes], Closest]) -> None:
    @builtin(name)
    def closest(a: bytes, b: bytes) -> bytes | None:
        point, far = find(a, b)
        return None if math.isnan(far) else pack(point)


_closest("close_pb", lambda a, b: _box_point(box_of(b), point_of(a)))
_closest("close_sb", lambda a, b: _box_segment(box_of(b), _segment(a)))
_closest("close_ps", lambda a, b: _to_point(_segment(b), point_of(a)))
_closest("close_pl", lambda a, b: _line_point(_line(b), point_of(a)))


@builtin("close_ls")
def close_ls(line: bytes, segment: bytes) -> bytes | None:
    if slope(*_segment(segment)) == _line_slope(_line(line)):
        return None
    point, far = _to_line(_segment(segment), _line(line))
    return None if math.isnan(far) else pack(point)


@builtin("close_lseg")
def close_lseg(a: bytes, b: bytes) -> bytes | None:
    if slope(*_segment(a)) == slope(*_segment(b)):
        return None
    point, far = _to_segment(_segment(b), _segment(a))
    return None if math.isnan(far) else pack(point)


_DISTANCES: dict[str, Callable[[bytes, bytes], float]] = {
    "dist_pl": lambda a, b: _line_point(_line(b), point_of(a))[1],
    "dist_lp": lambda a, b: _line_point(_line(a), point_of(b))[1],
    "dist_ps": lambda a, b: _to_point(_segment(b), point_of(a))[1],
    "dist_sp": lambda a, b: _to_point(_segment(a), point_of(b))[1],
    "dist_pb": lambda a, b: _box_point(box_of(b), point_of(a))[1],
    "dist_bp": lambda a, b: _box_point(box_of(a), point_of(b))[1],
    "dist_sl": lambda a, b: _to_line(_segment(a), _line(b))[1],
    "dist_ls": lambda a, b: _to_line(_segment(b), _line(a))[1],
    "dist_sb": lambda a, b: _box_segment(box_of(b), _segment(a))[1],
    "dist_bs": lambda a, b: _box_segment(box_of(a), _segment(b))[1],
    "lseg_distance": lambda a, b: _to_segment(_segment(a), _segment(b))[1],
}  # fmt: skip
for _name, _function in _DISTANCES.items():
    builtin(_name)(_function)


# -- lines ------------------------------------------------------------------------------------


@builtin("line_construct_pp")
def line_construct_pp(a: bytes, b: bytes) -> bytes:
    first, second = point_of(a), point_of(b)
    if same_point(first, second):
        raise SqlError("invalid line specification: must be two distinct points", "22023")
    return pack(*_through(first, slope(first, second)))


@builtin("line_interpt")
def line_interpt(a: bytes, b: bytes) -> bytes | None:
    found = _crossing(_line(a), _line(b))
    return None if found is None else pack(found)


@builtin("line_intersect")
def line_intersect(a: bytes, b: bytes) -> bool:
    return _crossing(_line(a), _line(b)) is not None


@builtin("line_parallel")
def line_parallel(a: bytes, b: bytes) -> bool:
    return _crossing(_line(a), _line(b)) is None


@builtin("line_vertical")
def line_vertical(a: bytes) -> bool:
    return _zero(_line(a).b)


@builtin("line_horizontal")
def line_horizontal(a: bytes) -> bool:
    return _zero(_line(a).a)


@builtin("line_perp")
def line_perp(a: bytes, b: bytes) -> bool:
    x, y = _line(a), _line(b)
    for tested, other in ((x.a, y.b), (y.a, x.b), (x.b, y.a), (y.b, x.a)):
        if _zero(tested):
            return _zero(other)
    return eq(divide(multiply(x.a, y.a), multiply(x.b, y.b)), -1.0)


@builtin("line_eq")
def line_eq(a: bytes, b: bytes) -> bool:
    x, y = _line(a), _line(b)
    if any(math.isnan(v) for v in (*x, *y)):
        return all(p == q or (math.isnan(p) and math.isnan(q)) for p, q in zip(x, y))
    ratio = next((divide(p, q) for p, q in zip(x, y) if not _zero(q)), 1.0)
    return all(eq(p, multiply(ratio, q)) for p, q in zip(x, y))


@builtin("line_distance")
def line_distance(a: bytes, b: bytes) -> float:
    x, y = _line(a), _line(b)
    if _crossing(x, y) is not None:
        return 0.0
    ratio = next(
        (
            divide(p, q) for p, q in zip(x[:2], y[:2])
            if not (_zero(p) or _zero(q) or math.isnan(p) or math.isnan(q))
        ), 1.0,
    )  # fmt: skip
    return divide(abs(subtract(x.c, multiply(ratio, y.c))), hypot(x.a, x.b))


@builtin("on_pl")
def on_pl(point: bytes, line: bytes) -> bool:
    return _on_line(_line(line), point_of(point))


@builtin("on_sl")
def on_sl(segment: bytes, line: bytes) -> bool:
    return all(_on_line(_line(line), end) for end in _segment(segment))


@builtin("lseg_intersect")
def lseg_intersect(a: bytes, b: bytes) -> bool:
    return _segments(_segment(a), _segment(b)) is not None


@builtin("lseg_interpt")
def lseg_interpt(a: bytes, b: bytes) -> bytes | None:
    found = _segments(_segment(a), _segment(b))
    return None if found is None else pack(found)


@builtin("inter_sl")
def inter_sl(segment: bytes, line: bytes) -> bool:
    return _segment_line(_segment(segment), _line(line)) is not None


@builtin("inter_sb")
def inter_sb(segment: bytes, box: bytes) -> bool:
    return _box_meets(box_of(box), _segment(segment))


@builtin("inter_lb")
def inter_lb(line: bytes, box: bytes) -> bool:
    return any(_segment_line(side, _line(line)) is not None for side in _sides(box_of(box)))


# -- paths and polygons ---------------------------------------------------------------------


def _edges(points: list[Point], closed: bool = True) -> list[Segment]:
    return [(points[i - 1], points[i]) for i in range(0 if closed else 1, len(points))]


@builtin("path_inter", call=True)
def path_inter(call: Call, a: bytes, b: bytes) -> bool:
    (closed, points), (other_closed, others) = path_of(call, a), path_of(call, b)
    if not overlap(bounds_of(points), bounds_of(others)):
        return False
    return any(
        _segments(x, y) is not None
        for x in _edges(points, closed) for y in _edges(others, other_closed)
    )  # fmt: skip


def _least(distances: Iterable[float]) -> float | None:
    best: float | None = None
    for one in distances:
        if best is None or _less(one, best):
            best = one
    return best


@builtin("path_distance", call=True)
def path_distance(call: Call, a: bytes, b: bytes) -> float | None:
    (closed, points), (other_closed, others) = path_of(call, a), path_of(call, b)
    return _least(
        _to_segment(x, y)[1]
        for x in _edges(points, closed) for y in _edges(others, other_closed)
    )  # fmt: skip


def _point_path(call: Call, point: bytes, path: bytes) -> float:
    closed, points = path_of(call, path)
    where = point_of(point)
    return _least(_to_point(edge, where)[1] for edge in _edges(points, closed)) or 0.0


def _point_polygon(call: Call, where: Point, polygon: bytes) -> float:
    points = polygon_of(call, polygon)
    if inside_polygon(where, points):
        return 0.0
    edges = [(points[0], points[-1]), *itertools.pairwise(points)]
    return _least(_to_point(edge, where)[1] for edge in edges) or 0.0


def _circle_polygon(call: Call, circle: bytes, polygon: bytes) -> float:
    center, radius = circle_of(circle)
    return max(subtract(_point_polygon(call, center, polygon), radius), 0.0)


_CALLED: dict[str, Callable[[Call, Any, Any], Any]] = {
    "dist_ppath": lambda call, a, b: _point_path(call, a, b),
    "dist_pathp": lambda call, a, b: _point_path(call, b, a),
    "dist_ppoly": lambda call, a, b: _point_polygon(call, point_of(a), b),
    "dist_polyp": lambda call, a, b: _point_polygon(call, point_of(b), a),
    "dist_cpoly": lambda call, a, b: _circle_polygon(call, a, b),
    "dist_polyc": lambda call, a, b: _circle_polygon(call, b, a),
}  # fmt: skip
for _called, _method in _CALLED.items():
    builtin(_called, call=True)(_method)


def _overlapping(first: list[Point], second: list[Point]) -> bool:
    if not overlap(bounds_of(first), bounds_of(second)):
        return False
    if any(_segments(x, y) is not None for x in _edges(first) for y in _edges(second)):
        return True
    return inside_polygon(first[0], second) or inside_polygon(second[0], first)


@builtin("poly_overlap", call=True)
def poly_overlap(call: Call, a: bytes, b: bytes) -> bool:
    return _overlapping(polygon_of(call, a), polygon_of(call, b))


@builtin("poly_distance", call=True)
def poly_distance(call: Call, a: bytes, b: bytes) -> float | None:
    first, second = polygon_of(call, a), polygon_of(call, b)
    if _overlapping(first, second):
        return 0.0
    return _least(_to_segment(x, y)[1] for x in _edges(first) for y in _edges(second))


@builtin("poly_same", call=True)
def poly_same(call: Call, a: bytes, b: bytes) -> bool:
    first, second = polygon_of(call, a), polygon_of(call, b)
    count = len(first)
    if count != len(second):
        return False
    return any(
        all(same_point(second[(start + way * i) % count], first[i]) for i in range(count))
        for start in range(count) for way in (1, -1)
    )  # fmt: skip


class _Within:
    """Whether segments lie in a polygon: followed from edge to edge, cut where they cross."""

    def __init__(self, points: list[Point]) -> None:
        self.points = points
        self.edges = _edges(points)

    def holds(self, a: Point, b: Point, start: int = 0) -> bool:
        crossed = False
        for number in range(start, len(self.edges)):
            edge = self.edges[number]
            on_a, on_b = _on_segment(edge, a), _on_segment(edge, b)
            if on_a and on_b:
                return True
            if on_a or on_b:
                good = self.touched(*((a, b) if on_a else (b, a)), edge, number + 1)
            else:
                met = _segments((a, b), edge)
                if met is None:
                    continue
                crossed = True
                good = self.holds(a, met, number + 1) and self.holds(b, met, number + 1)
            if not good:
                return False
        if crossed:
            return True
        middle = Point(divide(add(a.x, b.x), 2.0), divide(add(a.y, b.y), 2.0))
        return inside_polygon(middle, self.points)

    def touched(self, a: Point, b: Point, edge: Segment, start: int) -> bool:
        """The rest of a segment that begins on an edge."""
        first, second = edge
        if same_point(a, first):
            ends = [second]
        elif same_point(a, second):
            ends = [first]
        else:
            ends = [first, second]
        for end in ends:
            if _on_segment((a, b), end):
                return self.holds(b, end, start)
        return True


def _contains(outer: list[Point], inner: list[Point]) -> bool:
    if not holds_box(bounds_of(outer), bounds_of(inner)):
        return False
    within = _Within(outer)
    return all(within.holds(*edge) for edge in _edges(inner))


@builtin("poly_contain", call=True)
def poly_contain(call: Call, a: bytes, b: bytes) -> bool:
    return _contains(polygon_of(call, a), polygon_of(call, b))


@builtin("poly_contained", call=True)
def poly_contained(call: Call, a: bytes, b: bytes) -> bool:
    return _contains(polygon_of(call, b), polygon_of(call, a))
