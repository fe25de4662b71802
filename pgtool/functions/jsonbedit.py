"""jsonb: what makes a changed value — set, insert, delete, concatenate, strip, pretty.

All go through a tree (:mod:`pgtool.functions.jsonbtree`) and store it anew.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions import jsonbtree as tree
from pgtool.functions.jsonb import at_path, index_text
from pgtool.functions.registry import Call, builtin
from pgtool.functions.values import ArrayValue
from pgtool.types.json import escape_json

__all__ = ["Change", "jsonb_assign", "jsonb_subscript", "set_path", "strip_nulls"]


class Change(IntFlag):
    """What happens at the end of a path."""

    CREATE = 1
    DELETE = 2
    REPLACE = 4
    INSERT_BEFORE = 8
    INSERT_AFTER = 16
    #: As an assignment to a subscript: missing steps and elements are made.
    FILL_GAPS = 32
    CONSISTENT_POSITION = 64


_MAKES = Change.CREATE | Change.INSERT_BEFORE | Change.INSERT_AFTER
_INSERTS = Change.INSERT_BEFORE | Change.INSERT_AFTER
_INT_MIN = -(1 << 31)
_SCALAR_DETAIL = "The path assumes key is a composite object, but it is a scalar value."


class _Path:
    """A path, a new value, and what to do with it."""

    def __init__(self, call: Call, steps: list[str | None], new: Any, change: Change) -> None:
        self.call = call
        self.steps = steps
        self.new = new
        self.change = change

    def key(self, level: int) -> bytes:
        step = self.steps[level]
        assert step is not None
        encoded: bytes = self.call.session.settings.encoding.encode(step)
        return encoded

    def apply(self, node: Any, level: int) -> Any:
        """The changed node."""
        if self.steps[level] is None:
            raise SqlError(f"path element at position {level + 1} is null", "22004")
        if isinstance(node, dict):
            return self._object(node, level)
        if isinstance(node, list):
            return self._array(node, level)
        if self.change & Change.FILL_GAPS:
            raise SqlError("cannot replace existing key", "22023", _SCALAR_DETAIL)
        return node

    def _object(self, node: dict[bytes, Any], level: int) -> dict[bytes, Any]:
        key, last = self.key(level), level == len(self.steps) - 1
        out = dict(node)
        if key not in node:
            if last and self.change & _MAKES:
                out[key] = self.new
            elif not last and self.change & Change.FILL_GAPS:
                out[key] = self._chain(level + 1)
        elif not last:
            out[key] = self.apply(node[key], level + 1)
        elif self.change & _INSERTS:
            raise SqlError(
                "cannot replace existing key", "22023", None,
                "Try using the function jsonb_set to replace key value.",
            )  # fmt: skip
        elif self.change & Change.DELETE:
            del out[key]
        else:
            out[key] = self.new
        return out

    def _index(self, level: int, count: int) -> int:
        step = self.steps[level]
        assert step is not None
        index = index_text(step)
        if index is None:
            raise SqlError(
                f'path element at position {level + 1} is not an integer: "{step}"', "22P02"
            )
        if index < 0:
            if -index > count:
                if self.change & Change.CONSISTENT_POSITION:
                    raise SqlError(
                        f"path element at position {level + 1} is out of range: {index}", "22023"
                    )
                return _INT_MIN
            return index + count
        return index if self.change & Change.FILL_GAPS else min(index, count)

    def _array(self, node: list[Any], level: int) -> list[Any]:
        count, last = len(node), level == len(self.steps) - 1
        index = self._index(level, count)
        fill = self.change & Change.FILL_GAPS
        if 0 <= index < count:
            if not last:
                return [*node[:index], self.apply(node[index], level + 1), *node[index + 1 :]]
            return [*node[:index], *self._at(node[index]), *node[index + 1 :]]
        if last and self.change & _MAKES:
            if index == _INT_MIN:
                return [self.new, *node]
            gap = [None] * (index - count) if fill else []
            return [*node, *gap, self.new]
        if not last and fill:
            gap = [None] * (index - count) if index > 0 else []
            return [*node, *gap, self._chain(level + 1)]
        return node

    def _at(self, old: Any) -> list[Any]:
        """What stands at the index in the end."""
        if self.change & Change.INSERT_BEFORE:
            return [self.new, old]
        if self.change & Change.INSERT_AFTER:
            return [old, self.new]
        return [] if self.change & Change.DELETE else [self.new]

    def _chain(self, level: int) -> Any:
        """Fresh containers down the rest of the path."""
        if level == len(self.steps):
            return self.new
        step = self.steps[level]
        if step is None:
            raise SqlError(f"path element at position {level + 1} is null", "22004")
        index = index_text(step)
        if index is None:
            return {self.key(level): self._chain(level + 1)}
        return [*[None] * index, self._chain(level + 1)]


def set_path(
    call: Call, data: bytes, path: list[str | None], new: Any, change: Change
) -> bytes:
    """A jsonb changed at the end of a path."""
    if not path:
        return data
    return tree.pack(_Path(call, path, new, change).apply(tree.unpack(data), 0))


def _steps(path: ArrayValue) -> list[str | None]:
    if len(path.dims) > 1:
        raise SqlError("wrong number of array subscripts", "2202E")
    return path.elements


def _refuse_scalar(data: bytes, what: str) -> None:
    if tree.is_scalar(data):
        raise SqlError(f"cannot {what} scalar", "22023")


@builtin("jsonb_set", call=True)
def jsonb_set(call: Call, data: bytes, path: ArrayValue, new: bytes, create: bool) -> bytes:
    steps = _steps(path)
    _refuse_scalar(data, "set path in")
    if tree.size(data) == 0 and not create:
        return data
    change = Change.CREATE if create else Change.REPLACE
    return set_path(call, data, steps, tree.unpack(new), change)


_LAX = (
    'null_value_treatment must be "delete_key", "return_target", "use_json_null", '
    'or "raise_exception"'
)


@builtin("jsonb_set_lax", call=True)
def jsonb_set_lax(
    call: Call, data: bytes | None, path: ArrayValue | None, new: bytes | None,
    create: bool | None, treatment: str | None,
) -> bytes | None:  # fmt: skip
    if data is None or path is None or create is None:
        return None
    if treatment is None:
        raise SqlError(_LAX, "22023")
    if new is not None:
        return jsonb_set(call, data, path, new, create)
    if treatment == "raise_exception":
        raise SqlError(
            "JSON value must not be null", "22004",
            'Exception was raised because null_value_treatment is "raise_exception".',
            "To avoid, either change the null_value_treatment argument or ensure that an "
            "SQL NULL is not passed.",
        )  # fmt: skip
    if treatment == "use_json_null":
        return jsonb_set(call, data, path, tree.pack(None), create)
    if treatment == "delete_key":
        return jsonb_delete_path(call, data, path)
    if treatment == "return_target":
        return data
    raise SqlError(_LAX, "22023")


@builtin("jsonb_insert", call=True)
def jsonb_insert(call: Call, data: bytes, path: ArrayValue, new: bytes, after: bool) -> bytes:
    steps = _steps(path)
    _refuse_scalar(data, "set path in")
    change = Change.INSERT_AFTER if after else Change.INSERT_BEFORE
    return set_path(call, data, steps, tree.unpack(new), change)


@builtin("jsonb_delete_path", call=True)
def jsonb_delete_path(call: Call, data: bytes, path: ArrayValue) -> bytes:
    steps = _steps(path)
    _refuse_scalar(data, "delete path in")
    if tree.size(data) == 0:
        return data
    return set_path(call, data, steps, None, Change.DELETE)


def _without(data: bytes, keys: set[bytes]) -> bytes:
    node = tree.unpack(data)
    if isinstance(node, dict):
        return tree.pack({k: v for k, v in node.items() if k not in keys})
    return tree.pack([v for v in node if not (isinstance(v, bytes) and v in keys)])


@builtin("jsonb_delete", call=True)
def jsonb_delete(call: Call, data: bytes, key: str) -> bytes:
    _refuse_scalar(data, "delete from")
    return _without(data, {call.session.settings.encoding.encode(key)})


@builtin("jsonb_delete_array", call=True)
def jsonb_delete_array(call: Call, data: bytes, keys: ArrayValue) -> bytes:
    wanted = _steps(keys)
    _refuse_scalar(data, "delete from")
    encode = call.session.settings.encoding.encode
    return _without(data, {encode(key) for key in wanted if key is not None})


@builtin("jsonb_delete_idx")
def jsonb_delete_idx(data: bytes, index: int) -> bytes:
    _refuse_scalar(data, "delete from")
    if tree.is_object(data):
        raise SqlError("cannot delete from object using integer index", "22023")
    node = tree.unpack(data)
    if index < 0:
        index += len(node)
    if not 0 <= index < len(node):
        return data
    return tree.pack([*node[:index], *node[index + 1 :]])


@builtin("jsonb_concat")
def jsonb_concat(a: bytes, b: bytes) -> bytes:
    left, right = tree.unpack(a), tree.unpack(b)
    if isinstance(left, dict) and isinstance(right, dict):
        return tree.pack({**left, **right})
    first = left if isinstance(left, list) else [left]
    second = right if isinstance(right, list) else [right]
    return tree.pack([*first, *second])


def strip_nulls(node: Any, in_arrays: bool) -> Any:
    """A tree without members (and elements) that are null."""
    if isinstance(node, dict):
        return {k: strip_nulls(v, in_arrays) for k, v in node.items() if v is not None}
    if isinstance(node, list):
        return [strip_nulls(v, in_arrays) for v in node if v is not None or not in_arrays]
    return node


@builtin("jsonb_strip_nulls")
def jsonb_strip_nulls(data: bytes, in_arrays: bool = False) -> bytes:
    return data if tree.is_scalar(data) else tree.pack(strip_nulls(tree.unpack(data), in_arrays))


def _pretty(node: Any, indent: bytes) -> bytes:
    if not isinstance(node, (dict, list)):
        return tree.scalar_text(node)
    inner = indent + b"    "
    if isinstance(node, dict):
        lines = [escape_json(k) + b": " + _pretty(v, inner) for k, v in node.items()]
        brackets = b"{}"
    else:
        lines = [_pretty(v, inner) for v in node]
        brackets = b"[]"
    body = (b",\n" + inner).join(lines)
    body = b"\n" + inner + body if lines else b""
    return brackets[:1] + body + b"\n" + indent + brackets[1:]


@builtin("jsonb_pretty", call=True)
def jsonb_pretty(call: Call, data: bytes) -> str:
    text: str = call.session.settings.encoding.decode(_pretty(tree.unpack(data), b""))
    return text


def jsonb_assign(
    call: Call, data: bytes | None, path: list[str | None], is_array: bool, new: bytes | None
) -> bytes:
    """``SET jsonb[…][…] = new``; ``is_array``: what a missing value begins as."""
    if None in path:
        raise SqlError("jsonb subscript in assignment must not be null", "22004")
    if data is None:
        data = tree.pack([] if is_array else {})
    change = Change.CREATE | Change.FILL_GAPS | Change.CONSISTENT_POSITION
    return set_path(call, data, path, None if new is None else tree.unpack(new), change)


def jsonb_subscript(call: Call, data: bytes, path: list[str | None]) -> bytes | None:
    """``jsonb[…][…]``: subscripts as text; NULL where there is nothing."""
    found = at_path(call, data, path)
    return None if found is None else tree.child_datum(data, found)
