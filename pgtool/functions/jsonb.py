"""jsonb: operators that look into a value, comparison, containment, casts.

``->`` and its kin go straight to one child of the stored form. A lone scalar is stored as
an array of one, and in the places where PostgreSQL forgets that, so do we.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from formats import datum as layout
from pgtool.errors import SqlError
from pgtool.functions import jsonbtree as tree
from pgtool.functions.collation import collation_key
from pgtool.functions.compare import SIGNS
from pgtool.functions.hashing import hash_bytes, hash_word
from pgtool.functions.jsonbtree import Child
from pgtool.functions.registry import Call, builtin, find
from pgtool.functions.values import ArrayValue
from pgtool.types.jsonb import NumericDatum, jsonb_text
from pgtool.types.numeric import numeric_decimal

__all__ = ["NULL_IS_NULL", "compare_nodes", "index_text", "path_elements", "type_name"]

DEFAULT_COLLATION = 100
#: The first major whose casts take JSON's null for SQL's.
NULL_IS_NULL = 18
_INTEGER = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+")


def _encoded(call: Call, text: str) -> bytes:
    return call.session.settings.encoding.encode(text)


def _decoded(call: Call, data: bytes | None) -> str | None:
    return None if data is None else call.session.settings.encoding.decode(data)


def index_text(text: str) -> int | None:
    """A path's step as an array index; None where it is no int4."""
    if _INTEGER.fullmatch(text) is None:
        return None
    value = int(text)
    return value if -(1 << 31) <= value < 1 << 31 else None


def path_elements(path: ArrayValue) -> list[str | None]:
    """A path given as text[]."""
    return path.elements


# -- one child ----------------------------------------------------------------------------


def _field(call: Call, data: bytes, key: str) -> Child | None:
    if not tree.is_object(data):
        return None
    return tree.find_key(data, 0, len(data), _encoded(call, key))


@builtin("jsonb_object_field", call=True)
def jsonb_object_field(call: Call, data: bytes, key: str) -> bytes | None:
    found = _field(call, data, key)
    return None if found is None else tree.child_datum(data, found)


@builtin("jsonb_object_field_text", call=True)
def jsonb_object_field_text(call: Call, data: bytes, key: str) -> str | None:
    found = _field(call, data, key)
    return None if found is None else _decoded(call, tree.child_text(data, found))


def _element(data: bytes, index: int) -> Child | None:
    return tree.find_index(data, 0, len(data), index) if tree.is_array(data) else None


@builtin("jsonb_array_element")
def jsonb_array_element(data: bytes, index: int) -> bytes | None:
    found = _element(data, index)
    return None if found is None else tree.child_datum(data, found)


@builtin("jsonb_array_element_text", call=True)
def jsonb_array_element_text(call: Call, data: bytes, index: int) -> str | None:
    found = _element(data, index)
    return None if found is None else _decoded(call, tree.child_text(data, found))


def at_path(call: Call, data: bytes, path: list[str | None]) -> Child | None:
    """The value at the end of a path."""
    if None in path:
        return None
    at = tree.root(data)
    for step in path:
        assert step is not None
        if at.kind != tree.CONTAINER:
            return None
        if tree.is_object(data, at.first):
            found = tree.find_key(data, at.first, at.last, _encoded(call, step))
        else:
            index = index_text(step)
            if index is None:
                return None
            found = tree.find_index(data, at.first, at.last, index)
        if found is None:
            return None
        at = found
    return at


@builtin("jsonb_extract_path", call=True)
def jsonb_extract_path(call: Call, data: bytes, path: ArrayValue) -> bytes | None:
    found = at_path(call, data, path_elements(path))
    return None if found is None else tree.child_datum(data, found)


@builtin("jsonb_extract_path_text", call=True)
def jsonb_extract_path_text(call: Call, data: bytes, path: ArrayValue) -> str | None:
    found = at_path(call, data, path_elements(path))
    return None if found is None else _decoded(call, tree.child_text(data, found))


# -- existence and containment ------------------------------------------------------------


def _exists(call: Call, data: bytes, key: str) -> bool:
    wanted = _encoded(call, key)
    if tree.is_object(data):
        return tree.find_key(data, 0, len(data), wanted) is not None
    return any(
        c.kind == tree.STRING and data[c.first : c.last] == wanted for c in tree.elements(data)
    )


@builtin("jsonb_exists", call=True)
def jsonb_exists(call: Call, data: bytes, key: str) -> bool:
    return _exists(call, data, key)


@builtin("jsonb_exists_any", call=True)
def jsonb_exists_any(call: Call, data: bytes, keys: ArrayValue) -> bool:
    return any(_exists(call, data, key) for key in keys.elements if key is not None)


@builtin("jsonb_exists_all", call=True)
def jsonb_exists_all(call: Call, data: bytes, keys: ArrayValue) -> bool:
    return all(_exists(call, data, key) for key in keys.elements if key is not None)


def _same_scalar(a: Any, b: Any) -> bool:
    if isinstance(a, NumericDatum) and isinstance(b, NumericDatum):
        return a.datum == b.datum or numeric_decimal(a.datum) == numeric_decimal(b.datum)
    return type(a) is type(b) and bool(a == b)


def contains(a: Any, b: Any) -> bool:
    """Whether one tree contains another: members by key, elements anywhere."""
    if isinstance(b, dict):
        if not isinstance(a, dict) or len(a) < len(b):
            return False
        return all(key in a and contains(a[key], value) for key, value in b.items())
    if isinstance(b, list):
        return isinstance(a, list) and all(_is_element(a, one) for one in b)
    return not isinstance(a, (dict, list)) and _same_scalar(a, b)


def _is_element(array: list[Any], wanted: Any) -> bool:
    if isinstance(wanted, (dict, list)):
        return any(isinstance(one, (dict, list)) and contains(one, wanted) for one in array)
    return any(_same_scalar(one, wanted) for one in array)


@builtin("jsonb_contains")
def jsonb_contains(a: bytes, b: bytes) -> bool:
    left, right = tree.unpack(a), tree.unpack(b)
    if isinstance(left, list) and not isinstance(right, (dict, list)):
        return _is_element(left, right)
    return contains(left, right)


@builtin("jsonb_contained")
def jsonb_contained(a: bytes, b: bytes) -> bool:
    return jsonb_contains(b, a)


# -- comparison ---------------------------------------------------------------------------


def _order(node: Any) -> int:
    """null < string < number < boolean < array < object."""
    if node is None:
        return 0
    if isinstance(node, bytes):
        return 1
    if isinstance(node, bool):
        return 3
    if isinstance(node, list):
        return 4
    return 5 if isinstance(node, dict) else 2


class _Order:
    """Comparison in a session's default collation."""

    def __init__(self, session: Any) -> None:
        self.key = collation_key(session, DEFAULT_COLLATION)
        self.decode = session.settings.encoding.decode

    def strings(self, a: bytes, b: bytes) -> int:
        if a == b:
            return 0
        if self.key is None:
            return 1 if a > b else -1
        x, y = self.key(self.decode(a)), self.key(self.decode(b))
        return int(x > y) - int(x < y)

    def nodes(self, a: Any, b: Any) -> int:
        left, right = _order(a), _order(b)
        if left != right:
            return 1 if left > right else -1
        if left == 1:
            return self.strings(a, b)
        if left == 2:
            x, y = tree.decimal_of(a), tree.decimal_of(b)
            return int(x > y) - int(x < y)
        if left == 3:
            return int(a) - int(b)
        if left == 0:
            return 0
        if len(a) != len(b):
            return 1 if len(a) > len(b) else -1
        if left == 4:
            return next((c for c in map(self.nodes, a, b) if c), 0)
        for (key_a, value_a), (key_b, value_b) in zip(a.items(), b.items()):
            found = self.strings(key_a, key_b) or self.nodes(value_a, value_b)
            if found:
                return found
        return 0


def compare_nodes(session: Any, a: Any, b: Any) -> int:
    """Three-way comparison of trees."""
    return _Order(session).nodes(a, b)


def _compare(call: Call, a: bytes, b: bytes) -> int:
    if a == b:
        return 0
    left, right = tree.unpack(a), tree.unpack(b)
    scalars = not isinstance(left, (dict, list)), not isinstance(right, (dict, list))
    if scalars[0] != scalars[1] and list in (type(left), type(right)):
        array: Any = right if scalars[0] else left
        if len(array) != 1:
            longer = len(array) > 1
            return 1 if longer == scalars[1] else -1
        return -1 if scalars[0] else 1
    return compare_nodes(call.session, left, right)


builtin("jsonb_cmp", call=True)(_compare)
for _suffix, _sign in SIGNS.items():
    builtin(f"jsonb_{_suffix}", call=True)(
        lambda call, a, b, sign=_sign: sign(_compare(call, a, b))
    )


def _tokens(node: Any) -> Iterator[Any]:
    """What hashing goes through: container marks as ints, keys and scalars."""
    if isinstance(node, dict):
        yield layout.JB_FOBJECT
        for key, value in node.items():
            yield key
            yield from _tokens(value)
    elif isinstance(node, list):
        yield layout.JB_FARRAY
        for value in node:
            yield from _tokens(value)
    else:
        yield node


def _all_tokens(data: bytes) -> Iterator[Any]:
    if tree.is_scalar(data):
        yield layout.JB_FARRAY
    yield from _tokens(tree.unpack(data))


_M32, _M64 = 0xFFFFFFFF, (1 << 64) - 1


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def _rotated(value: int) -> int:
    return (value << 1 | value >> 31) & _M32


@builtin("jsonb_hash")
def jsonb_hash(data: bytes) -> int:
    if tree.size(data) == 0:
        return 0
    numeric = find("hash_numeric").scalar
    result = 0
    for token in _all_tokens(data):
        if type(token) is int:
            result ^= token
            continue
        if token is None:
            one = 1
        elif isinstance(token, bool):
            one = 2 if token else 4
        elif isinstance(token, bytes):
            one = hash_bytes(token) & _M32
        else:
            one = numeric(tree.decimal_of(token)) & _M32
        result = _rotated(result) ^ one
    return _signed(result, 32)


@builtin("jsonb_hash_extended")
def jsonb_hash_extended(data: bytes, seed: int) -> int:
    if tree.size(data) == 0:
        return seed
    numeric = find("hash_numeric_extended").scalar
    unsigned, result = seed & _M64, 0
    for token in _all_tokens(data):
        if type(token) is int:
            result ^= token << 32 | token
            continue
        if token is None:
            one = unsigned + 1
        elif isinstance(token, bool):
            one = hash_word(int(token), unsigned) if unsigned else 2 if token else 4
        elif isinstance(token, bytes):
            one = hash_bytes(token, unsigned)
        else:
            one = numeric(tree.decimal_of(token), seed)
        result = _rotated(result >> 32) << 32 | _rotated(result & _M32)
        result ^= one & _M64
    return _signed(result, 64)


# -- facts and casts ----------------------------------------------------------------------


def type_name(node: Any) -> str:
    """What jsonb_typeof calls a tree."""
    return ("null", "string", "number", "boolean", "array", "object")[_order(node)]


@builtin("jsonb_typeof")
def jsonb_typeof(data: bytes) -> str:
    if tree.is_object(data):
        return "object"
    return type_name(tree.unpack(data)) if tree.is_scalar(data) else "array"


@builtin("jsonb_array_length")
def jsonb_array_length(data: bytes) -> int:
    if tree.is_scalar(data):
        raise SqlError("cannot get array length of a scalar", "22023")
    if not tree.is_array(data):
        raise SqlError("cannot get array length of a non-array", "22023")
    return tree.size(data)


_CAST_NAMES = ("null", "string", "numeric", "boolean", "array", "object")


def _scalar(call: Call, data: bytes, kind: int, name: str) -> Any:
    """The lone scalar of a kind; None for null where casts take it so."""
    node = tree.unpack(data)
    if node is None and call.session.settings.major >= NULL_IS_NULL:
        return None
    if _order(node) != kind:
        raise SqlError(f"cannot cast jsonb {_CAST_NAMES[_order(node)]} to type {name}", "22023")
    return node


@builtin("jsonb_bool", call=True)
def jsonb_bool(call: Call, data: bytes) -> bool | None:
    return _scalar(call, data, 3, "boolean")


@builtin("jsonb_numeric", call=True)
def jsonb_numeric(call: Call, data: bytes) -> Decimal | None:
    node = _scalar(call, data, 2, "numeric")
    return None if node is None else tree.decimal_of(node)


def _number_cast(prosrc: str, name: str) -> Any:
    def cast(call: Call, data: bytes) -> Any:
        node = _scalar(call, data, 2, name)
        return None if node is None else find(prosrc).scalar(tree.decimal_of(node))

    return cast


for _target, _name in (("int2", "smallint"), ("int4", "integer"), ("int8", "bigint"),
                       ("float4", "real"), ("float8", "double precision")):  # fmt: skip
    builtin(f"jsonb_{_target}", call=True)(_number_cast(f"numeric_{_target}", _name))


# -- sets ---------------------------------------------------------------------------------


def _wanted_array(data: bytes) -> list[Child]:
    if tree.is_scalar(data):
        raise SqlError("cannot extract elements from a scalar", "22023")
    if not tree.is_array(data):
        raise SqlError("cannot extract elements from an object", "22023")
    return tree.elements(data)


@builtin("jsonb_array_elements", returns_set=True)
def jsonb_array_elements(data: bytes) -> Iterator[bytes]:
    for child in _wanted_array(data):
        yield tree.child_datum(data, child)


@builtin("jsonb_array_elements_text", call=True, returns_set=True)
def jsonb_array_elements_text(call: Call, data: bytes) -> Iterator[str | None]:
    for child in _wanted_array(data):
        yield _decoded(call, tree.child_text(data, child))


def _wanted_object(data: bytes, function: str) -> Iterator[tuple[bytes, Child]]:
    if not tree.is_object(data):
        raise SqlError(f"cannot call {function} on a non-object", "22023")
    return tree.items(data)


@builtin("jsonb_each", call=True, returns_set=True)
def jsonb_each(call: Call, data: bytes) -> Iterator[tuple[str | None, bytes]]:
    for key, child in _wanted_object(data, "jsonb_each"):
        yield _decoded(call, key), tree.child_datum(data, child)


@builtin("jsonb_each_text", call=True, returns_set=True)
def jsonb_each_text(call: Call, data: bytes) -> Iterator[tuple[str | None, str | None]]:
    for key, child in _wanted_object(data, "jsonb_each_text"):
        yield _decoded(call, key), _decoded(call, tree.child_text(data, child))


@builtin("jsonb_object_keys", call=True, returns_set=True)
def jsonb_object_keys(call: Call, data: bytes) -> Iterator[str | None]:
    if tree.is_scalar(data):
        raise SqlError("cannot call jsonb_object_keys on a scalar", "22023")
    if tree.is_array(data):
        raise SqlError("cannot call jsonb_object_keys on an array", "22023")
    for key, _child in tree.items(data):
        yield _decoded(call, key)


def shown(call: Call, data: bytes) -> str:
    """The text of a jsonb."""
    return call.session.settings.encoding.decode(jsonb_text(data))
