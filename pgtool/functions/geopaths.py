"""Segments, paths and polygons: measure, order, simple conversions."""

from __future__ import annotations

import itertools
import math
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.geo import (
    MOVES,
    Box,
    Point,
    add,
    box_of,
    by_size,
    circle_of,
    distance,
    divide,
    eq,
    gt,
    inverse_slope,
    lt,
    multiply,
    pack,
    point_of,
    points_of,
    same_point,
    slope,
    subtract,
)  # fmt: skip
from pgtool.functions.registry import Call, builtin

Points = list[Point]


def _length(datum: bytes) -> float:
    return distance(*points_of(datum))


by_size("lseg", _length, "lt le gt ge", unequal=False)


@builtin("lseg_construct")
def lseg_construct(a: bytes, b: bytes) -> bytes:
    return a + b


@builtin("lseg_length")
def lseg_length(a: bytes) -> float:
    return _length(a)


@builtin("lseg_center")
def lseg_center(a: bytes) -> bytes:
    p, q = points_of(a)
    return pack(Point(divide(add(p.x, q.x), 2.0), divide(add(p.y, q.y), 2.0)))


@builtin("lseg_eq")
def lseg_eq(a: bytes, b: bytes) -> bool:
    return all(same_point(p, q) for p, q in zip(points_of(a), points_of(b)))


@builtin("lseg_ne")
def lseg_ne(a: bytes, b: bytes) -> bool:
    return not all(same_point(p, q) for p, q in zip(points_of(a), points_of(b)))


@builtin("lseg_parallel")
def lseg_parallel(a: bytes, b: bytes) -> bool:
    return eq(slope(*points_of(a)), slope(*points_of(b)))


@builtin("lseg_perp")
def lseg_perp(a: bytes, b: bytes) -> bool:
    return eq(slope(*points_of(a)), inverse_slope(*points_of(b)))


@builtin("lseg_vertical")
def lseg_vertical(a: bytes) -> bool:
    p, q = points_of(a)
    return eq(p.x, q.x)


@builtin("lseg_horizontal")
def lseg_horizontal(a: bytes) -> bool:
    p, q = points_of(a)
    return eq(p.y, q.y)


def _on_segment(p: Point, a: Point, b: Point) -> bool:
    return eq(add(distance(p, a), distance(p, b)), distance(a, b))


@builtin("on_ps")
def on_ps(point: bytes, segment: bytes) -> bool:
    return _on_segment(point_of(point), *points_of(segment))


@builtin("on_sb")
def on_sb(segment: bytes, box: bytes) -> bool:
    found = box_of(box)
    return all(
        found.low.x <= p.x <= found.high.x and found.low.y <= p.y <= found.high.y
        for p in points_of(segment)
    )


# -- paths ---------------------------------------------------------------------------------


def path_of(call: Call, datum: bytes) -> tuple[bool, Points]:
    io: Any = call.session.types.by_name("path")
    closed, points = io._guard(io._split, datum)
    return closed, [Point(*p) for p in points]


def _make_path(call: Call, closed: bool, points: Points) -> bytes:
    io: Any = call.session.types.by_name("path")
    packed: bytes = io._pack(closed, points)
    return packed


@builtin("path_npoints", call=True)
def path_npoints(call: Call, a: bytes) -> int:
    return len(path_of(call, a)[1])


@builtin("path_isclosed", call=True)
def path_isclosed(call: Call, a: bytes) -> bool:
    return path_of(call, a)[0]


@builtin("path_isopen", call=True)
def path_isopen(call: Call, a: bytes) -> bool:
    return not path_of(call, a)[0]


@builtin("path_close", call=True)
def path_close(call: Call, a: bytes) -> bytes:
    return _make_path(call, True, path_of(call, a)[1])


@builtin("path_open", call=True)
def path_open(call: Call, a: bytes) -> bytes:
    return _make_path(call, False, path_of(call, a)[1])


@builtin("path_length", call=True)
def path_length(call: Call, a: bytes) -> float:
    closed, points = path_of(call, a)
    total = 0.0
    for i, point in enumerate(points):
        if i or closed:
            total = add(total, distance(points[i - 1], point))
    return total


@builtin("path_area", call=True)
def path_area(call: Call, a: bytes) -> float | None:
    closed, points = path_of(call, a)
    if not closed:
        return None
    total = 0.0
    for i, point in enumerate(points):
        after = points[(i + 1) % len(points)]
        total = add(total, multiply(point.x, after.y))
        total = subtract(total, multiply(point.y, after.x))
    return divide(abs(total), 2.0)


@builtin("path_add", call=True)
def path_add(call: Call, a: bytes, b: bytes) -> bytes | None:
    (closed, points), (other_closed, others) = path_of(call, a), path_of(call, b)
    return None if closed or other_closed else _make_path(call, False, points + others)


def _register_moves(name: str) -> None:
    @builtin(f"path_{name}_pt", call=True)
    def moved(call: Call, a: bytes, by: bytes) -> bytes:
        closed, points = path_of(call, a)
        return _make_path(call, closed, [MOVES[name](p, point_of(by)) for p in points])


def _register_counts(name: str) -> None:
    @builtin(f"path_n_{name}", call=True)
    def compare(call: Call, a: bytes, b: bytes) -> bool:
        x, y = path_npoints(call, a), path_npoints(call, b)
        return {"eq": x == y, "lt": x < y, "le": x <= y, "gt": x > y, "ge": x >= y}[name]


for _name in MOVES:
    _register_moves(_name)
for _name in ("eq", "lt", "le", "gt", "ge"):
    _register_counts(_name)


# -- polygons -------------------------------------------------------------------------------


def polygon_of(call: Call, datum: bytes) -> Points:
    io: Any = call.session.types.by_name("polygon")
    return [Point(*p) for p in io._guard(io._split, datum)]


def _make_polygon(call: Call, points: Points) -> bytes:
    io: Any = call.session.types.by_name("polygon")
    packed: bytes = io._pack(points)
    return packed


def bounds_of(points: Points) -> Box:
    xs, ys = [p.x for p in points], [p.y for p in points]
    return Box(Point(max(xs), max(ys)), Point(min(xs), min(ys)))


@builtin("poly_npoints", call=True)
def poly_npoints(call: Call, a: bytes) -> int:
    return len(polygon_of(call, a))


@builtin("poly_box", call=True)
def poly_box(call: Call, a: bytes) -> bytes:
    return pack(*bounds_of(polygon_of(call, a)))


@builtin("poly_path", call=True)
def poly_path(call: Call, a: bytes) -> bytes:
    return _make_path(call, True, polygon_of(call, a))


@builtin("path_poly", call=True)
def path_poly(call: Call, a: bytes) -> bytes:
    closed, points = path_of(call, a)
    if not closed:
        raise SqlError("open path cannot be converted to polygon", "22023")
    return _make_polygon(call, points)


@builtin("box_poly", call=True)
def box_poly(call: Call, a: bytes) -> bytes:
    high, low = box_of(a)
    corners = [low, Point(low.x, high.y), high, Point(high.x, low.y)]
    return _make_polygon(call, corners)


@builtin("circle_poly", call=True)
def circle_poly(call: Call, count: int, a: bytes) -> bytes:
    center, radius = circle_of(a)
    if eq(radius, 0.0):
        raise SqlError("cannot convert circle with radius zero to polygon", "0A000")
    if count < 2:
        raise SqlError("must request at least 2 points", "22023")
    if count > 0x3FFFFFFF // 16:
        raise SqlError("too many points requested", "54000")
    step = divide(2.0 * math.pi, float(count))
    points = []
    for i in range(count):
        angle = multiply(step, float(i)) if i else 0.0
        points.append(Point(
            subtract(center.x, multiply(radius, math.cos(angle))),
            add(center.y, radius * math.sin(angle)),
        ))  # fmt: skip
    return _make_polygon(call, points)


def _middle(points: Points) -> Point:
    x = y = 0.0
    for point in points:
        x, y = add(x, point.x), add(y, point.y)
    return Point(divide(x, float(len(points))), divide(y, float(len(points))))


@builtin("poly_center", call=True)
def poly_center(call: Call, a: bytes) -> bytes:
    return pack(_middle(polygon_of(call, a)))


@builtin("poly_circle", call=True)
def poly_circle(call: Call, a: bytes) -> bytes:
    points = polygon_of(call, a)
    center, total = _middle(points), 0.0
    for point in points:
        total = add(total, distance(point, center))
    return pack(center, divide(total, float(len(points))))


def _register_sides() -> None:
    sides = {
        "left": lambda a, b: a.high.x < b.low.x, "overleft": lambda a, b: a.high.x <= b.high.x,
        "right": lambda a, b: a.low.x > b.high.x, "overright": lambda a, b: a.low.x >= b.low.x,
        "below": lambda a, b: a.high.y < b.low.y, "overbelow": lambda a, b: a.high.y <= b.high.y,
        "above": lambda a, b: a.low.y > b.high.y, "overabove": lambda a, b: a.low.y >= b.low.y,
    }  # fmt: skip
    for side, test in sides.items():

        def compare(call: Call, a: bytes, b: bytes, test: Any = test) -> bool:
            return bool(test(bounds_of(polygon_of(call, a)), bounds_of(polygon_of(call, b))))

        builtin(f"poly_{side}", call=True)(compare)


_register_sides()


def _crossing(x: float, y: float, before_x: float, before_y: float) -> int | None:
    """How a side crosses the positive x axis (twice if wholly); None where 0,0 is on it."""
    if eq(y, 0.0):
        if eq(x, 0.0):
            return None
        if eq(before_y, 0.0):
            return 0 if (gt(before_x, 0.0) if gt(x, 0.0) else lt(before_x, 0.0)) else None
        return (1 if lt(before_y, 0.0) else -1) if gt(x, 0.0) else 0
    sign = 1 if gt(y, 0.0) else -1
    if eq(before_y, 0.0):
        return 0 if lt(before_x, 0.0) else sign
    if (gt(before_y, 0.0) and sign > 0) or (lt(before_y, 0.0) and sign < 0):
        return 0
    if x >= -1e-6 and gt(before_x, 0.0):
        return 2 * sign
    if lt(x, 0.0) and before_x <= 1e-6:
        return 0
    z = subtract(
        multiply(subtract(x, before_x), y), multiply(subtract(y, before_y), x)
    )
    if eq(z, 0.0):
        return None
    return 0 if (sign < 0 and lt(z, 0.0)) or (sign > 0 and gt(z, 0.0)) else 2 * sign


def inside_polygon(p: Point, points: Points) -> bool:
    """Whether a point lies in a polygon or on its edge."""
    around = [Point(subtract(q.x, p.x), subtract(q.y, p.y)) for q in points]
    total = 0
    for i, here in enumerate([*around[1:], around[0]], 1):
        crossed = _crossing(here.x, here.y, *around[i - 1])
        if crossed is None:
            return True
        total += crossed
    return total != 0


@builtin("poly_contain_pt", call=True)
def poly_contain_pt(call: Call, a: bytes, point: bytes) -> bool:
    return inside_polygon(point_of(point), polygon_of(call, a))


@builtin("pt_contained_poly", call=True)
def pt_contained_poly(call: Call, point: bytes, a: bytes) -> bool:
    return inside_polygon(point_of(point), polygon_of(call, a))


@builtin("on_ppath", call=True)
def on_ppath(call: Call, point: bytes, a: bytes) -> bool:
    closed, points = path_of(call, a)
    where = point_of(point)
    if closed:
        return inside_polygon(where, points)
    return any(
        eq(add(distance(where, p), distance(where, q)), distance(p, q))
        for p, q in itertools.pairwise(points)
    )
