"""Points, boxes, circles and segments: position, measure, movement.

Values are the stored datums, all doubles. Comparisons allow for a difference of
:data:`EPSILON`, except where containment asks exactly; arithmetic refuses to overflow.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import NamedTuple

from pgtool.errors import SqlError
from pgtool.functions.registry import builtin

__all__ = [
    "Box", "Circle", "Point", "add", "box_of", "circle_of", "distance", "divide", "eq", "le", "lt",
    "multiply", "pack", "points_of", "same_point", "subtract",
]  # fmt: skip

EPSILON = 1e-6
Predicate = Callable[[bytes, bytes], bool]


class Point(NamedTuple):
    """A place."""

    x: float
    y: float


class Box(NamedTuple):
    """An upright rectangle by two corners."""

    high: Point
    low: Point


class Circle(NamedTuple):
    """A circle."""

    center: Point
    radius: float


# -- arithmetic that refuses what does not fit ----------------------------------------------


def _checked(value: float, a: float, b: float, *, vanishes: bool) -> float:
    if math.isinf(value) and not (math.isinf(a) or math.isinf(b)):
        raise SqlError("value out of range: overflow", "22003")
    if vanishes and value == 0.0:
        raise SqlError("value out of range: underflow", "22003")
    return value


def add(a: float, b: float) -> float:
    """a + b."""
    return _checked(a + b, a, b, vanishes=False)


def subtract(a: float, b: float) -> float:
    """a − b."""
    return _checked(a - b, a, b, vanishes=False)


def multiply(a: float, b: float) -> float:
    """a · b."""
    return _checked(a * b, a, b, vanishes=a != 0.0 and b != 0.0)


def divide(a: float, b: float) -> float:
    """a / b."""
    if b == 0.0 and not math.isnan(a):
        raise SqlError("division by zero", "22012")
    if math.isnan(a) or math.isnan(b):
        return math.nan
    return _checked(a / b, a, 0.0, vanishes=a != 0.0 and not math.isinf(b))


def hypot(x: float, y: float) -> float:
    """The length of a vector."""
    if math.isinf(x) or math.isinf(y):
        return math.inf
    if math.isnan(x) or math.isnan(y):
        return math.nan
    x, y = max(abs(x), abs(y)), min(abs(x), abs(y))
    if y == 0.0:
        return x
    ratio = y / x
    return _checked(x * math.sqrt(1.0 + ratio * ratio), x, y, vanishes=True)


def eq(a: float, b: float) -> bool:
    """Equal but for EPSILON."""
    return a == b or abs(a - b) <= EPSILON


def lt(a: float, b: float) -> bool:
    """Less by more than EPSILON."""
    return b - a > EPSILON


def le(a: float, b: float) -> bool:
    """Not greater by more than EPSILON."""
    return a - b <= EPSILON


def gt(a: float, b: float) -> bool:
    """Greater by more than EPSILON."""
    return a - b > EPSILON


def ge(a: float, b: float) -> bool:
    """Not less by more than EPSILON."""
    return b - a <= EPSILON


# -- stored form ---------------------------------------------------------------------------


def points_of(datum: bytes) -> list[Point]:
    """The points of a value that consists of points only."""
    numbers = struct.unpack(f"<{len(datum) // 8}d", datum)
    return [Point(*pair) for pair in zip(numbers[0::2], numbers[1::2])]


def pack(*parts: Point | float) -> bytes:
    """Points and numbers in stored form."""
    out = b""
    for part in parts:
        out += struct.pack("<dd", *part) if isinstance(part, tuple) else struct.pack("<d", part)
    return out


def point_of(datum: bytes) -> Point:
    """A point."""
    return points_of(datum)[0]


def box_of(datum: bytes) -> Box:
    """A box."""
    return Box(*points_of(datum))


def circle_of(datum: bytes) -> Circle:
    """A circle."""
    x, y, radius = struct.unpack("<3d", datum)
    return Circle(Point(x, y), radius)


def make_box(a: Point, b: Point) -> bytes:
    """The box with these opposite corners; NaN is the greatest number."""
    (low_x, x), (low_y, y) = (
        sorted(pair, key=lambda v: (math.isnan(v), v)) for pair in zip(a, b)
    )
    return pack(Point(x, y), Point(low_x, low_y))


def same_point(a: Point, b: Point) -> bool:
    """Whether two points are the same but for EPSILON."""
    if any(math.isnan(v) for v in (*a, *b)):
        return all(x == y or (math.isnan(x) and math.isnan(y)) for x, y in zip(a, b))
    return eq(a.x, b.x) and eq(a.y, b.y)


def distance(a: Point, b: Point) -> float:
    """How far two points are apart."""
    return hypot(subtract(a.x, b.x), subtract(a.y, b.y))


def _middle(a: Point, b: Point) -> Point:
    return Point(divide(add(a.x, b.x), 2.0), divide(add(a.y, b.y), 2.0))


def _plus(a: Point, b: Point) -> Point:
    return Point(add(a.x, b.x), add(a.y, b.y))


def _minus(a: Point, b: Point) -> Point:
    return Point(subtract(a.x, b.x), subtract(a.y, b.y))


def _times(a: Point, b: Point) -> Point:
    return Point(
        subtract(multiply(a.x, b.x), multiply(a.y, b.y)),
        add(multiply(a.x, b.y), multiply(a.y, b.x)),
    )


def _over(a: Point, b: Point) -> Point:
    square = add(multiply(b.x, b.x), multiply(b.y, b.y))
    return Point(
        divide(add(multiply(a.x, b.x), multiply(a.y, b.y)), square),
        divide(subtract(multiply(a.y, b.x), multiply(a.x, b.y)), square),
    )


def slope(a: Point, b: Point) -> float:
    """The slope of the line through two points; infinite where it is vertical."""
    if eq(a.x, b.x):
        return math.inf
    if eq(a.y, b.y):
        return 0.0
    return divide(subtract(a.y, b.y), subtract(a.x, b.x))


def inverse_slope(a: Point, b: Point) -> float:
    """The slope of a perpendicular to that line."""
    if eq(a.x, b.x):
        return 0.0
    if eq(a.y, b.y):
        return math.inf
    return divide(subtract(a.x, b.x), subtract(b.y, a.y))


MOVES: dict[str, Callable[[Point, Point], Point]] = {
    "add": _plus, "sub": _minus, "mul": _times, "div": _over,
}  # fmt: skip


def _register_moves(name: str, move: Callable[[Point, Point], Point]) -> None:
    @builtin(f"point_{name}")
    def moved_point(a: bytes, by: bytes) -> bytes:
        return pack(move(point_of(a), point_of(by)))

    @builtin(f"box_{name}")
    def moved_box(a: bytes, by: bytes) -> bytes:
        box, other = box_of(a), point_of(by)
        high, low = move(box.high, other), move(box.low, other)
        return pack(high, low) if name in ("add", "sub") else make_box(high, low)

    @builtin(f"circle_{name}_pt")
    def moved_circle(a: bytes, by: bytes) -> bytes:
        circle, other = circle_of(a), point_of(by)
        radius = circle.radius
        if name == "mul":
            radius = multiply(radius, hypot(*other))
        elif name == "div":
            radius = divide(radius, hypot(*other))
        return pack(move(circle.center, other), radius)


for _name, _move in MOVES.items():
    _register_moves(_name, _move)


# -- relations ------------------------------------------------------------------------------


def _points(test: Callable[[Point, Point], bool]) -> Predicate:
    return lambda a, b: test(point_of(a), point_of(b))


def _boxes(test: Callable[[Box, Box], bool]) -> Predicate:
    return lambda a, b: test(box_of(a), box_of(b))


def _circles(test: Callable[[Circle, Circle], bool]) -> Predicate:
    return lambda a, b: test(circle_of(a), circle_of(b))


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes have anything in common."""
    across = le(a.low.x, b.high.x) and le(b.low.x, a.high.x)
    return across and le(a.low.y, b.high.y) and le(b.low.y, a.high.y)


def holds_box(a: Box, b: Box) -> bool:
    """Whether the second box lies in the first."""
    across = ge(a.high.x, b.high.x) and le(a.low.x, b.low.x)
    return across and ge(a.high.y, b.high.y) and le(a.low.y, b.low.y)


def holds_point(a: Box, p: Point) -> bool:
    """Whether a point lies in a box, exactly."""
    return a.low.x <= p.x <= a.high.x and a.low.y <= p.y <= a.high.y


def _area(box: Box) -> float:
    return multiply(subtract(box.high.x, box.low.x), subtract(box.high.y, box.low.y))


def _disc(circle: Circle) -> float:
    return multiply(multiply(circle.radius, circle.radius), math.pi)


def _same_circle(a: Circle, b: Circle) -> bool:
    same = eq(a.radius, b.radius) or (math.isnan(a.radius) and math.isnan(b.radius))
    return same and same_point(a.center, b.center)


def _near(a: Circle, b: Circle) -> float:
    return distance(a.center, b.center)


RELATIONS: dict[str, Predicate] = {
    "point_left": _points(lambda a, b: lt(a.x, b.x)),
    "point_right": _points(lambda a, b: gt(a.x, b.x)),
    "point_above": _points(lambda a, b: gt(a.y, b.y)),
    "point_below": _points(lambda a, b: lt(a.y, b.y)),
    "point_vert": _points(lambda a, b: eq(a.x, b.x)),
    "point_horiz": _points(lambda a, b: eq(a.y, b.y)),
    "point_eq": _points(same_point),
    "point_ne": _points(lambda a, b: not same_point(a, b)),
    "box_same": _boxes(lambda a, b: same_point(a.high, b.high) and same_point(a.low, b.low)),
    "box_overlap": _boxes(overlap),
    "box_left": _boxes(lambda a, b: lt(a.high.x, b.low.x)),
    "box_overleft": _boxes(lambda a, b: le(a.high.x, b.high.x)),
    "box_right": _boxes(lambda a, b: gt(a.low.x, b.high.x)),
    "box_overright": _boxes(lambda a, b: ge(a.low.x, b.low.x)),
    "box_below": _boxes(lambda a, b: lt(a.high.y, b.low.y)),
    "box_overbelow": _boxes(lambda a, b: le(a.high.y, b.high.y)),
    "box_above": _boxes(lambda a, b: gt(a.low.y, b.high.y)),
    "box_overabove": _boxes(lambda a, b: ge(a.low.y, b.low.y)),
    "box_below_eq": _boxes(lambda a, b: le(a.high.y, b.low.y)),
    "box_above_eq": _boxes(lambda a, b: ge(a.low.y, b.high.y)),
    "box_contain": _boxes(holds_box),
    "box_contained": _boxes(lambda a, b: holds_box(b, a)),
    "box_contain_pt": lambda a, b: holds_point(box_of(a), point_of(b)),
    "on_pb": lambda a, b: holds_point(box_of(b), point_of(a)),
    "circle_same": _circles(_same_circle),
    "circle_overlap": _circles(lambda a, b: le(_near(a, b), add(a.radius, b.radius))),
    "circle_left": _circles(
        lambda a, b: lt(add(a.center.x, a.radius), subtract(b.center.x, b.radius))),
    "circle_overleft": _circles(
        lambda a, b: le(add(a.center.x, a.radius), add(b.center.x, b.radius))),
    "circle_right": _circles(
        lambda a, b: gt(subtract(a.center.x, a.radius), add(b.center.x, b.radius))),
    "circle_overright": _circles(
        lambda a, b: ge(subtract(a.center.x, a.radius), subtract(b.center.x, b.radius))),
    "circle_below": _circles(
        lambda a, b: lt(add(a.center.y, a.radius), subtract(b.center.y, b.radius))),
    "circle_overbelow": _circles(
        lambda a, b: le(add(a.center.y, a.radius), add(b.center.y, b.radius))),
    "circle_above": _circles(
        lambda a, b: gt(subtract(a.center.y, a.radius), add(b.center.y, b.radius))),
    "circle_overabove": _circles(
        lambda a, b: ge(subtract(a.center.y, a.radius), subtract(b.center.y, b.radius))),
    "circle_contain": _circles(lambda a, b: le(_near(a, b), subtract(a.radius, b.radius))),
    "circle_contained": _circles(lambda a, b: le(_near(a, b), subtract(b.radius, a.radius))),
    "circle_contain_pt":
        lambda a, b: distance(circle_of(a).center, point_of(b)) <= circle_of(a).radius,
    "pt_contained_circle":
        lambda a, b: distance(circle_of(b).center, point_of(a)) <= circle_of(b).radius,
}  # fmt: skip
for _relation, _predicate in RELATIONS.items():
    builtin(_relation)(_predicate)

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "eq": eq, "lt": lt, "le": le, "gt": gt, "ge": ge,
}  # fmt: skip


def by_size(prefix: str, size: Callable[[bytes], float], signs: str, *, unequal: bool) -> None:
    """Register the comparisons of a type that orders by size."""
    for name in signs.split():
        test = _SIGNS[name]

        def compare(a: bytes, b: bytes, test: Callable[[float, float], bool] = test) -> bool:
            return test(size(a), size(b))

        builtin(f"{prefix}_{name}")(compare)
    if unequal:
        builtin(f"{prefix}_ne")(lambda a, b: not eq(size(a), size(b)))


by_size("box", lambda a: _area(box_of(a)), "eq lt le gt ge", unequal=False)
by_size("circle", lambda a: _disc(circle_of(a)), "eq lt le gt ge", unequal=True)


# -- measures and conversions --------------------------------------------------------------------


@builtin("construct_point")
def construct_point(x: float, y: float) -> bytes:
    return pack(Point(x, y))


@builtin("point_distance")
def point_distance(a: bytes, b: bytes) -> float:
    return distance(point_of(a), point_of(b))


@builtin("point_slope")
def point_slope(a: bytes, b: bytes) -> float:
    return slope(point_of(a), point_of(b))


@builtin("point_box")
def point_box(a: bytes) -> bytes:
    return a + a


@builtin("points_box")
def points_box(a: bytes, b: bytes) -> bytes:
    return make_box(point_of(a), point_of(b))


@builtin("box_area")
def box_area(a: bytes) -> float:
    return _area(box_of(a))


@builtin("box_width")
def box_width(a: bytes) -> float:
    return subtract(box_of(a).high.x, box_of(a).low.x)


@builtin("box_height")
def box_height(a: bytes) -> float:
    return subtract(box_of(a).high.y, box_of(a).low.y)


@builtin("box_center")
def box_center(a: bytes) -> bytes:
    return pack(_middle(*box_of(a)))


@builtin("box_diagonal")
def box_diagonal(a: bytes) -> bytes:
    return a


@builtin("box_distance")
def box_distance(a: bytes, b: bytes) -> float:
    return distance(_middle(*box_of(a)), _middle(*box_of(b)))


@builtin("box_intersect")
def box_intersect(a: bytes, b: bytes) -> bytes | None:
    x, y = box_of(a), box_of(b)
    if not overlap(x, y):
        return None
    high = Point(min(x.high.x, y.high.x), min(x.high.y, y.high.y))
    return pack(high, Point(max(x.low.x, y.low.x), max(x.low.y, y.low.y)))


@builtin("boxes_bound_box")
def boxes_bound_box(a: bytes, b: bytes) -> bytes:
    x, y = box_of(a), box_of(b)
    high = Point(max(x.high.x, y.high.x), max(x.high.y, y.high.y))
    return pack(high, Point(min(x.low.x, y.low.x), min(x.low.y, y.low.y)))


@builtin("box_circle")
def box_circle(a: bytes) -> bytes:
    center = _middle(*box_of(a))
    return pack(center, distance(center, box_of(a).high))


@builtin("cr_circle")
def cr_circle(center: bytes, radius: float) -> bytes:
    return pack(point_of(center), radius)


@builtin("circle_area")
def circle_area(a: bytes) -> float:
    return _disc(circle_of(a))


@builtin("circle_diameter")
def circle_diameter(a: bytes) -> float:
    return multiply(circle_of(a).radius, 2.0)


@builtin("circle_radius")
def circle_radius(a: bytes) -> float:
    return circle_of(a).radius


@builtin("circle_center")
def circle_center(a: bytes) -> bytes:
    return pack(circle_of(a).center)


@builtin("circle_box")
def circle_box(a: bytes) -> bytes:
    circle = circle_of(a)
    delta = divide(circle.radius, math.sqrt(2.0))
    by = Point(delta, delta)
    return pack(_plus(circle.center, by), _minus(circle.center, by))


@builtin("circle_distance")
def circle_distance(a: bytes, b: bytes) -> float:
    x, y = circle_of(a), circle_of(b)
    return max(subtract(_near(x, y), add(x.radius, y.radius)), 0.0)


@builtin("dist_pc")
def dist_pc(point: bytes, circle: bytes) -> float:
    found = circle_of(circle)
    return max(subtract(distance(point_of(point), found.center), found.radius), 0.0)


@builtin("dist_cpoint")
def dist_cpoint(circle: bytes, point: bytes) -> float:
    return dist_pc(point, circle)
