"""Evaluation of jsonpath over jsonb.

A step is a generator: it takes one value and gives those that the rest of the path makes
of it, so that whoever needs only the first (an existence test in lax mode) stops there.
Errors that a predicate turns into "unknown" and the silent forms into nothing are
:class:`PathError`; other errors get through always.

Values: None, bool, bytes (strings), Decimal, :class:`Box` (a container where it lies in
its document) and :class:`~pgtool.functions.jsonpathtime.DateTime`.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from pgtool.errors import SqlError
from pgtool.functions import jsonbtree as tree
from pgtool.functions.codec import encode_numeric
from pgtool.functions.jsonpatherror import PathError
from pgtool.functions.jsonpathmethods import convert
from pgtool.functions.jsonpathtime import DateTime, TimeMethods, compare_times
from pgtool.functions.jsonpathtree import ANY_LAST, Item, Path
from pgtool.functions.registry import find
from pgtool.types.jsonb import NumericDatum

__all__ = ["Box", "Evaluator", "node_of_value", "value_of_child"]

_ARITHMETIC = {"Add": "numeric_add", "Sub": "numeric_sub", "Mul": "numeric_mul",
               "Div": "numeric_div", "Mod": "numeric_mod"}  # fmt: skip
_NUMERIC_METHODS = {"Abs": "numeric_abs", "Floor": "numeric_floor", "Ceiling": "numeric_ceil"}
_COMPARISONS: dict[str, Callable[[int], bool]] = {
    "Equal": lambda c: c == 0, "NotEqual": lambda c: c != 0, "Less": lambda c: c < 0,
    "Greater": lambda c: c > 0, "LessOrEqual": lambda c: c <= 0, "GreaterOrEqual": lambda c: c >= 0,
}  # fmt: skip
_TIME_METHODS = frozenset(("Datetime", "Date", "Time", "TimeTz", "Timestamp", "TimestampTz"))
_CONVERSIONS = frozenset(("Double", "Bigint", "Boolean", "Decimal", "Number", "Integer",
                          "StringFunc"))  # fmt: skip
_ID_STEP = 10_000_000_000
_I32 = 1 << 31


class Box(NamedTuple):
    """An array or object: its place in ``data``; ``base`` numbers the document."""

    data: bytes
    first: int
    last: int
    base: int

    @property
    def is_object(self) -> bool:
        """Whether this is an object."""
        return tree.is_object(self.data, self.first)


def value_of_child(data: bytes, child: tree.Child, base: int) -> Any:
    """A part of a document as a path's value."""
    if child.kind == tree.CONTAINER:
        return Box(data, child.first, child.last, base)
    node = tree.child_node(data, child)
    return tree.decimal_of(node) if isinstance(node, NumericDatum) else node


def node_of_value(value: Any) -> Any:
    """A path's value as a jsonb tree."""
    if isinstance(value, Box):
        child = tree.Child(tree.CONTAINER, value.first, value.last)
        return tree.child_node(value.data, child)
    if isinstance(value, Decimal):
        return NumericDatum(encode_numeric(value))
    return value.text.encode("ascii") if isinstance(value, DateTime) else value


def _is_array(value: Any) -> bool:
    return isinstance(value, Box) and not value.is_object


def _children(box: Box) -> Iterator[Any]:
    if box.is_object:
        for _key, child in tree.items(box.data, box.first, box.last):
            yield value_of_child(box.data, child, box.base)
    else:
        for child in tree.elements(box.data, box.first, box.last):
            yield value_of_child(box.data, child, box.base)


def _type_name(value: Any) -> bytes:
    if isinstance(value, Box):
        return b"object" if value.is_object else b"array"
    if isinstance(value, DateTime):
        return value.type_name.encode("ascii")
    if value is None:
        return b"null"
    if isinstance(value, bool):
        return b"boolean"
    return b"number" if isinstance(value, Decimal) else b"string"


class Evaluator:
    """One path on one document."""

    def __init__(
        self, session: Any, path: Path, data: bytes, variables: bytes | None, use_tz: bool
    ) -> None:
        self.session = session
        self.path = path
        self.lax = self.ignoring = path.lax
        self.root = self.current = value_of_child(data, tree.root(data), 0)
        self.variables = variables
        self.use_tz = use_tz
        self.size = -1
        #: Only whether there is a value is asked: some wrong values then count as none.
        self.only_exists = False
        self.made = [1 if variables is None else 2]
        self.times = TimeMethods(session, use_tz)
        if variables is not None and not tree.is_object(variables):
            raise SqlError(
                '"vars" argument is not an object', "22023",
                'Jsonpath parameters should be encoded as key-value pairs of "vars" object.',
            )  # fmt: skip

    def run(self) -> Iterator[Any]:
        """The values of the whole path."""
        return self.step(self.path.first, self.root, self.lax)

    # -- steps -----------------------------------------------------------------------

    def step(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        """What an item and those after it make of a value."""
        kind = item.kind
        method = getattr(self, "do_" + kind.lower(), None)
        if method is not None:
            return method(item, value, unwrap)
        if kind in _ARITHMETIC:
            return self.arithmetic(item, value)
        if kind in ("Plus", "Minus"):
            return self.sign(item, value)
        if kind in ("Null", "Bool", "Numeric", "String"):
            return self.after(item, item.value)
        if kind in _NUMERIC_METHODS or kind in _CONVERSIONS or kind in _TIME_METHODS:
            return self.method(item, value, unwrap)
        return self.after(item, self.truth(item, value))

    def after(self, item: Item, value: Any) -> Iterator[Any]:
        """The rest of the path on a value."""
        if item.next is None:
            yield value
        else:
            yield from self.step(item.next, value, self.lax)

    def elements(self, item: Item | None, box: Box, unwrap: bool) -> Iterator[Any]:
        """An item on each child of a container."""
        for value in _children(box):
            if item is None:
                yield value
            else:
                yield from self.step(item, value, unwrap)

    def fail(self, structural: str, sqlstate: str) -> None:
        """An error of structure, which lax mode passes over."""
        if not self.ignoring:
            raise PathError(structural, sqlstate)

    def do_variable(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        data = self.variables
        found = None if data is None else tree.find_key(data, 0, len(data), item.value)
        if data is None or found is None:
            name = self.session.settings.encoding.decode(item.value)
            raise SqlError(f'could not find jsonpath variable "{name}"', "42704")
        yield from self.after(item, value_of_child(data, found, 1))

    def do_root(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        return self.after(item, self.root)

    def do_current(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        return self.after(item, self.current)

    def do_anyarray(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        if _is_array(value):
            yield from self.elements(item.next, value, self.lax)
        elif self.lax:
            yield from self.after(item, value)
        else:
            self.fail("jsonpath wildcard array accessor can only be applied to an array", "22039")

    def do_anykey(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        if isinstance(value, Box) and value.is_object:
            yield from self.elements(item.next, value, self.lax)
        elif unwrap and _is_array(value):
            yield from self.elements(item, value, False)
        else:
            self.fail(
                "jsonpath wildcard member accessor can only be applied to an object", "2203C"
            )

    def do_key(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        if isinstance(value, Box) and value.is_object:
            found = tree.find_key(value.data, value.first, value.last, item.value)
            if found is not None:
                yield from self.after(item, value_of_child(value.data, found, value.base))
                return
            name = self.session.settings.encoding.decode(item.value)
            self.fail(f'JSON object does not contain key "{name}"', "2203A")
        elif unwrap and _is_array(value):
            yield from self.elements(item, value, False)
        else:
            self.fail("jsonpath member accessor can only be applied to an object", "2203A")

    def do_indexarray(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        if not (_is_array(value) or self.lax):
            self.fail("jsonpath array accessor can only be applied to an array", "22039")
            return
        array = value if _is_array(value) else None
        size = 1 if array is None else tree.size(array.data, array.first)
        for number in range(0, len(item.args), 2):
            first, last = self.bounds(item, number, value, size)
            for index in range(max(first, 0), min(last, size - 1) + 1):
                if array is None:
                    yield from self.after(item, value)
                    continue
                found = tree.find_index(array.data, array.first, array.last, index)
                assert found is not None
                yield from self.after(item, value_of_child(array.data, found, array.base))

    def bounds(self, item: Item, number: int, value: Any, size: int) -> tuple[int, int]:
        """The first and last index of a subscript."""
        saved, self.size = self.size, size
        try:
            first = self.index(item.arg(number), value)
            to = item.args[number + 1]
            last = first if to is None else self.index(to, value)
        finally:
            self.size = saved
        if first < 0 or first > last or last >= size:
            self.fail("jsonpath array subscript is out of bounds", "22033")
        return first, last

    def listed(self, item: Item, value: Any, only_exists: bool = False) -> list[Any]:
        """All values of an argument, or for an existence test the first."""
        saved, self.only_exists = self.only_exists, only_exists
        try:
            found = self.step(item, value, self.lax)
            return list(itertools.islice(found, 1)) if only_exists else list(found)
        finally:
            self.only_exists = saved

    def index(self, item: Item, value: Any) -> int:
        found = self.listed(item, value)
        if len(found) != 1 or not isinstance(found[0], Decimal):
            raise PathError("jsonpath array subscript is not a single numeric value", "22033")
        index = int(found[0])
        if not -_I32 <= index < _I32:
            raise PathError("jsonpath array subscript is out of integer range", "22033")
        return index

    def do_last(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        return self.after(item, Decimal(self.size - 1))

    def do_any(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        """``.**``: the value itself and what is inside, down some levels."""
        first, last = item.value
        forgiving = copy.copy(self)
        forgiving.ignoring = True
        if first == 0:
            yield from forgiving.after(item, value)
        if isinstance(value, Box):
            yield from forgiving.inside(item.next, value, 1, first, last)

    def inside(
        self, item: Item | None, box: Box, level: int, first: int, last: int
    ) -> Iterator[Any]:
        if level > last:
            return
        leaves = first == last == ANY_LAST
        for value in _children(box):
            if level >= first or (leaves and not isinstance(value, Box)):
                if item is None:
                    yield value
                else:
                    yield from self.step(item, value, self.lax)
            if level < last and isinstance(value, Box):
                yield from self.inside(item, value, level + 1, first, last)

    def do_filter(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        if unwrap and _is_array(value):
            yield from self.elements(item, value, False)
            return
        saved, self.current = self.current, value
        try:
            passes = self.truth(item.arg(), value)
        finally:
            self.current = saved
        if passes:
            yield from self.after(item, value)

    # -- methods ---------------------------------------------------------------------

    def do_type(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        return self.after(item, _type_name(value))

    def do_size(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        if _is_array(value):
            yield from self.after(item, Decimal(tree.size(value.data, value.first)))
        elif self.lax:
            yield from self.after(item, Decimal(1))
        else:
            self.fail("jsonpath item method .size() can only be applied to an array", "22039")

    def method(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        """A method of scalars, which goes into an array."""
        if unwrap and _is_array(value):
            yield from self.elements(item, value, False)
        elif item.kind in _TIME_METHODS:
            yield from self.after(item, self.times.apply(item, value))
        elif item.kind in _CONVERSIONS:
            yield from self.after(item, convert(self.session, item, value))
        elif not isinstance(value, Decimal):
            raise PathError(
                f"jsonpath item method .{item.name}() can only be applied to a numeric value",
                "22036",
            )
        else:
            yield from self.after(item, find(_NUMERIC_METHODS[item.kind]).scalar(value))

    def do_keyvalue(self, item: Item, value: Any, unwrap: bool) -> Iterator[Any]:
        if unwrap and _is_array(value):
            yield from self.elements(item, value, False)
            return
        if not isinstance(value, Box) or not value.is_object:
            raise PathError(
                "jsonpath item method .keyvalue() can only be applied to an object", "2203C"
            )
        number = NumericDatum(encode_numeric(Decimal(value.first + value.base * _ID_STEP)))
        for key, child in tree.items(value.data, value.first, value.last):
            node = {b"key": key, b"value": tree.child_node(value.data, child), b"id": number}
            data = tree.pack(node)
            base = self.made[0]
            self.made[0] += 1
            yield from self.after(item, Box(data, 0, len(data), base))

    # -- arithmetic ------------------------------------------------------------------

    def unwrapped(self, item: Item, value: Any) -> list[Any]:
        """An operand's values, arrays taken apart in lax mode."""
        out: list[Any] = []
        for one in self.listed(item, value):
            out += _children(one) if self.lax and _is_array(one) else [one]
        return out

    def arithmetic(self, item: Item, value: Any) -> Iterator[Any]:
        sides = [self.unwrapped(item.arg(number), value) for number in (0, 1)]
        for found, word in zip(sides, ("left", "right")):
            if len(found) != 1 or not isinstance(found[0], Decimal):
                raise PathError(
                    f"{word} operand of jsonpath operator {item.name} is not a single numeric "
                    "value", "22038",
                )  # fmt: skip
        try:
            result = find(_ARITHMETIC[item.kind]).scalar(sides[0][0], sides[1][0])
        except SqlError as error:
            raise PathError.of(error) from None
        yield from self.after(item, result)

    def sign(self, item: Item, value: Any) -> Iterator[Any]:
        for one in self.unwrapped(item.arg(), value):
            if not isinstance(one, Decimal):
                if self.only_exists and item.next is None:
                    continue
                raise PathError(
                    f"operand of unary jsonpath operator {item.name} is not a numeric value",
                    "2203B",
                )
            yield from self.after(item, -one if item.kind == "Minus" and one else one)

    # -- predicates: True, False, None for unknown ------------------------------------

    def truth(self, item: Item, value: Any) -> bool | None:
        """A predicate's truth."""
        kind = item.kind
        if kind in ("And", "Or"):
            decided = kind == "Or"
            left = self.truth(item.arg(0), value)
            if left is decided:
                return decided
            right = self.truth(item.arg(1), value)
            return left if right is not decided and right is not None else right
        if kind == "Not":
            inner = self.truth(item.arg(), value)
            return None if inner is None else not inner
        if kind == "IsUnknown":
            return self.truth(item.arg(), value) is None
        if kind == "Exists":
            return self.exists(item.arg(), value)
        if kind in _COMPARISONS:
            return self.predicate(item, value, True, lambda a, b: self.compared(kind, a, b))
        if kind == "StartsWith":
            return self.predicate(item, value, False, _starts_with)
        if kind == "LikeRegex":
            return self.predicate(item, value, False, lambda a, b: self.like(item, a))
        raise SqlError(f"invalid boolean jsonpath item type: {kind}", "XX000")

    def exists(self, item: Item, value: Any) -> bool | None:
        try:
            return bool(self.listed(item, value, self.lax))
        except PathError:
            return None

    def predicate(
        self, item: Item, value: Any, unwrap_right: bool,
        compute: Callable[[Any, Any], bool | None],
    ) -> bool | None:  # fmt: skip
        """True if a pair of the two sides' values has it (in strict mode: and no error)."""
        try:
            left = self.unwrapped(item.arg(0), value)
            right: list[Any] = [None]
            if len(item.args) > 1:
                if unwrap_right:
                    right = self.unwrapped(item.arg(1), value)
                else:
                    right = self.listed(item.arg(1), value)
        except PathError:
            return None
        error = found = False
        for a in left:
            for b in right:
                result = compute(a, b)
                if result is None and not self.lax:
                    return None
                if result and self.lax:
                    return True
                error, found = error or result is None, found or bool(result)
        return True if found else None if error else False

    def compared(self, kind: str, a: Any, b: Any) -> bool | None:
        if a is None or b is None:
            if a is b:
                return _COMPARISONS[kind](0)
            return kind == "NotEqual"
        if type(a) is not type(b) or isinstance(a, Box):
            return None
        if isinstance(a, DateTime):
            found = compare_times(self.times, a, b)
            return None if found is None else _COMPARISONS[kind](found)
        return _COMPARISONS[kind](int(a > b) - int(a < b))

    def like(self, item: Item, value: Any) -> bool | None:
        if not isinstance(value, bytes):
            return None
        from pgtool.functions.jsonpathmethods import like_regex

        return like_regex(self.session, item.value, value)


def _starts_with(value: Any, initial: Any) -> bool | None:
    if not isinstance(value, bytes) or not isinstance(initial, bytes):
        return None
    return value.startswith(initial)
