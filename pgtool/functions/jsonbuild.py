"""Making json and jsonb: to_json, json_build_*, json_object, and the aggregates."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.jsonbtree import pack
from pgtool.functions.jsonvalue import (
    json_key,
    json_text,
    kind_of,
    node_key,
    node_of,
    quoted,
)
from pgtool.functions.registry import Aggregate, Call, aggregate, builtin
from pgtool.functions.values import ArrayValue, RecordValue

__all__ = ["arguments"]

_TEXT = 25


@builtin("to_json", call=True)
def to_json(call: Call, value: Any) -> str:
    return json_text(call.session, call.argtypes[0], value)


@builtin("to_jsonb", call=True)
def to_jsonb(call: Call, value: Any) -> bytes:
    return pack(node_of(call.session, call.argtypes[0], value))


@builtin("array_to_json", call=True)
def array_to_json(call: Call, value: ArrayValue) -> str:
    return json_text(call.session, call.argtypes[0], value)


@builtin("array_to_json_pretty", call=True)
def array_to_json_pretty(call: Call, value: ArrayValue, pretty: bool) -> str:
    return json_text(call.session, call.argtypes[0], value, pretty)


@builtin("row_to_json", call=True)
def row_to_json(call: Call, value: RecordValue) -> str:
    return json_text(call.session, call.argtypes[0], value)


@builtin("row_to_json_pretty", call=True)
def row_to_json_pretty(call: Call, value: RecordValue, pretty: bool) -> str:
    return json_text(call.session, call.argtypes[0], value, pretty)


# -- json_build_* -------------------------------------------------------------------------


def arguments(call: Call, args: tuple[Any, ...]) -> list[tuple[int, Any]] | None:
    """(type, value) of variable arguments; None for a NULL array."""
    if not call.variadic:
        return list(zip(call.argtypes, args))
    array: ArrayValue | None = args[0]
    if array is None:
        return None
    return [(array.elemtype, value) for value in array.elements]


def _pairs(call: Call, name: str, args: list[tuple[int, Any]]) -> list[tuple[Any, Any]]:
    if len(args) % 2:
        raise SqlError(
            "argument list must have even number of elements", "22023", None,
            f"The arguments of {name} must consist of alternating keys and values.",
        )  # fmt: skip
    for number, (_typid, key) in enumerate(args[::2]):
        if key is None:
            raise _null_key(call.session.settings.major, 2 * number + 1, name)
    return list(zip(args[::2], args[1::2]))


#: The first major that calls a NULL key so.
_NULL_NOT_ALLOWED = 16


def _null_key(major: int, number: int, name: str) -> SqlError:
    if name.startswith("jsonb"):
        return SqlError(f"argument {number}: key must not be null", "22023")
    if major >= _NULL_NOT_ALLOWED:
        return SqlError("null value not allowed for object key", "22004")
    return SqlError(
        f"argument {number} cannot be null", "22023", None, "Object keys should be text."
    )


@builtin("json_build_object", call=True)
def json_build_object(call: Call, *args: Any) -> str | None:
    given = arguments(call, args)
    if given is None:
        return None
    session = call.session
    parts = [
        f"{json_key(session, *key)} : {json_text(session, *value)}"
        for key, value in _pairs(call, "json_build_object()", given)
    ]
    return "{" + ", ".join(parts) + "}"


@builtin("jsonb_build_object", call=True)
def jsonb_build_object(call: Call, *args: Any) -> bytes | None:
    given = arguments(call, args)
    if given is None:
        return None
    pairs = _pairs(call, "jsonb_build_object()", given)
    session = call.session
    return pack({node_key(session, *key): node_of(session, *value) for key, value in pairs})


@builtin("json_build_array", call=True)
def json_build_array(call: Call, *args: Any) -> str | None:
    given = arguments(call, args)
    if given is None:
        return None
    return "[" + ", ".join([json_text(call.session, t, v) for t, v in given]) + "]"


@builtin("jsonb_build_array", call=True)
def jsonb_build_array(call: Call, *args: Any) -> bytes | None:
    given = arguments(call, args)
    if given is None:
        return None
    return pack([node_of(call.session, t, v) for t, v in given])


builtin("json_build_object_noargs")(lambda: "{}")
builtin("json_build_array_noargs")(lambda: "[]")
builtin("jsonb_build_object_noargs")(lambda: pack({}))
builtin("jsonb_build_array_noargs")(lambda: pack([]))


# -- json_object --------------------------------------------------------------------------


def _text_pairs(array: ArrayValue) -> list[tuple[str, str | None]]:
    items = array.elements
    if len(array.dims) > 1:
        if len(array.dims) > 2:
            raise SqlError("wrong number of array subscripts", "2202E")
        if array.dims[1] != 2:
            raise SqlError("array must have two columns", "2202E")
    elif len(items) % 2:
        raise SqlError("array must have even number of elements", "2202E")
    return [_with_key(k, v) for k, v in zip(items[::2], items[1::2])]


def _with_key(key: str | None, value: str | None) -> tuple[str, str | None]:
    if key is None:
        raise SqlError("null value not allowed for object key", "22004")
    return key, value


def _two_arrays(keys: ArrayValue, values: ArrayValue) -> list[tuple[str, str | None]]:
    if len(keys.dims) > 1 or len(keys.dims) != len(values.dims):
        raise SqlError("wrong number of array subscripts", "2202E")
    if len(keys.elements) != len(values.elements):
        raise SqlError("mismatched array dimensions", "2202E")
    return [_with_key(k, v) for k, v in zip(keys.elements, values.elements)]


def _object_text(pairs: list[tuple[str, str | None]]) -> str:
    parts = [f"{quoted(k)} : {'null' if v is None else quoted(v)}" for k, v in pairs]
    return "{" + ", ".join(parts) + "}"


def _object_datum(call: Call, pairs: list[tuple[str, str | None]]) -> bytes:
    encode = call.session.settings.encoding.encode
    return pack({encode(k): None if v is None else encode(v) for k, v in pairs})


@builtin("json_object")
def json_object(array: ArrayValue) -> str:
    return _object_text(_text_pairs(array))


@builtin("json_object_two_arg")
def json_object_two_arg(keys: ArrayValue, values: ArrayValue) -> str:
    return _object_text(_two_arrays(keys, values))


@builtin("jsonb_object", call=True)
def jsonb_object(call: Call, array: ArrayValue) -> bytes:
    return _object_datum(call, _text_pairs(array))


@builtin("jsonb_object_two_arg", call=True)
def jsonb_object_two_arg(call: Call, keys: ArrayValue, values: ArrayValue) -> bytes:
    return _object_datum(call, _two_arrays(keys, values))


# -- aggregates ---------------------------------------------------------------------------


class _ArrayAgg(Aggregate):
    """Elements in order; NULL where there was no row."""

    strict = False

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.items: list[Any] | None = None

    def step(self, *args: Any) -> None:
        if self.items is None:
            self.items = []
        if args[0] is not None or not self.strict:
            self.items.append(self.made(args[0]))

    def made(self, value: Any) -> Any:
        """An element's JSON."""
        return json_text(self.call.session, self.call.argtypes[0], value)

    def final(self) -> Any:
        if self.items is None:
            return None
        structured = kind_of(self.call.session, self.call.argtypes[0]) in ("array", "record")
        return "[" + (", \n " if structured else ", ").join(self.items) + "]"


class _ArrayAggB(_ArrayAgg):
    def made(self, value: Any) -> Any:
        return node_of(self.call.session, self.call.argtypes[0], value)

    def final(self) -> Any:
        return None if self.items is None else pack(self.items)


class _ObjectAgg(Aggregate):
    """Pairs in order; ``strict`` leaves out NULL values, ``unique`` refuses a key again."""

    strict = unique = False
    separator = ", "

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.pairs: list[tuple[Any, Any]] | None = None
        self.keys: set[Any] = set()

    def step(self, *args: Any) -> None:
        if self.pairs is None:
            self.pairs = []
        key, value = args
        if key is None:
            raise self.null_key()
        if value is None and self.strict and not self.unique:
            return
        session, argtypes = self.call.session, self.call.argtypes
        made = self.key(session, argtypes[0], key)
        if self.unique:
            # A key counts even where its pair is left out.
            if made in self.keys:
                self.repeated(made)
            self.keys.add(made)
            if value is None and self.strict:
                return
        self.pairs.append((made, self.value(session, argtypes[1], value)))

    def null_key(self) -> SqlError:
        """The error of a NULL key."""
        if self.call.session.settings.major < _NULL_NOT_ALLOWED:
            return SqlError("field name must not be null", "22023")
        return SqlError("null value not allowed for object key", "22004")

    def repeated(self, key: Any) -> None:
        """A key came again."""
        raise SqlError(f"duplicate JSON object key value: {key}", "22030")

    key: Any = staticmethod(json_key)
    value: Any = staticmethod(json_text)

    def final(self) -> Any:
        if self.pairs is None:
            return None
        return "{ " + ", ".join([f"{k} : {v}" for k, v in self.pairs]) + " }"


class _ObjectAggB(_ObjectAgg):
    key = staticmethod(node_key)
    value = staticmethod(node_of)

    def null_key(self) -> SqlError:
        return SqlError("field name must not be null", "22023")

    is_repeated = False

    def repeated(self, key: Any) -> None:
        """Found only when the object is made."""
        self.is_repeated = True

    def final(self) -> Any:
        if self.is_repeated:
            raise SqlError("duplicate JSON object key value", "22030")
        if self.pairs is None:
            return None
        # Where NULL is left out, so is what is null in JSON.
        return pack({k: v for k, v in self.pairs if v is not None or not self.strict})


def _register() -> None:
    for prefix, array, pairs in (("json", _ArrayAgg, _ObjectAgg),
                                 ("jsonb", _ArrayAggB, _ObjectAggB)):  # fmt: skip
        for strict in (False, True):
            word = "_strict" if strict else ""
            aggregate((f"{prefix}_agg{word}_transfn", f"{prefix}_agg_finalfn"))(
                type(f"{array.__name__}{word}", (array,), {"strict": strict})
            )
            for unique in (False, True):
                middle = ("_unique" if unique else "") + word
                key = (f"{prefix}_object_agg{middle}_transfn", f"{prefix}_object_agg_finalfn")
                made = {"strict": strict, "unique": unique}
                aggregate(key)(type(f"{pairs.__name__}{middle}", (pairs,), made))


_register()
