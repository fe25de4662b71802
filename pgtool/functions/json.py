"""json: operators and functions on JSON text that is kept as it was written.

A json value has been found to be JSON when it came in, so going through it needs no
parser: :func:`members` steps over the children of one container and gives their text.
Only strings are another matter: input accepts escapes that no text can hold, and a
function that needs a document's strings complains about all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.jsonb import index_text
from pgtool.functions.jsonvalue import quoted
from pgtool.functions.registry import Call, builtin
from pgtool.functions.values import ArrayValue
from pgtool.types.json import parse_json

__all__ = ["Scan", "elements", "members", "plain", "type_of"]

_SPACE = " \t\n\r"
_SKIP = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SCALAR = re.compile(r"[^ \t\n\r,\]}:]+")
#: What matters inside a container when looking for its end.
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def end_of(text: str, at: int) -> int:
    """Where the value that begins at a place ends."""
    first = text[at]
    if first == '"':
        match = _STRING.match(text, at)
        assert match is not None
        return match.end()
    if first not in "[{":
        match = _SCALAR.match(text, at)
        assert match is not None
        return match.end()
    depth = 0
    for match in _STRUCTURE.finditer(text, at):
        found = match[0]
        if found in ("[", "{"):
            depth += 1
        elif found in ("]", "}"):
            depth -= 1
            if not depth:
                return match.end()
    raise AssertionError("a json value that is not JSON")


def _skip(text: str, at: int) -> int:
    match = _SKIP.match(text, at)
    assert match is not None
    return match.end()


def elements(text: str) -> Iterator[str]:
    """The text of an array's elements; ``text`` begins with its bracket."""
    at = _skip(text, 1)
    while text[at] != "]":
        end = end_of(text, at)
        yield text[at:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def members(text: str) -> Iterator[tuple[str, str]]:
    """(key with its quotes, text of the value) of an object's members."""
    at = _skip(text, 1)
    while text[at] != "}":
        end = end_of(text, at)
        key = text[at:end]
        at = _skip(text, _skip(text, end) + 1)
        end = end_of(text, at)
        yield key, text[at:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


_ESCAPE = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([0-9a-fA-F]{4})|u([0-9a-fA-F]{4})|(.))", re.DOTALL
)


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        high, low = int(match[1], 16), int(match[2], 16)
        return chr(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF))
    return chr(int(match[3], 16)) if match[3] else _ESCAPES[match[4]]


def plain(string: str) -> str:
    """A string without its quotes and escapes (which have been checked)."""
    body = string[1:-1]
    return _ESCAPE.sub(_unescaped, body) if "\\" in body else body


def text_form(value: str) -> str | None:
    """A value as text: a string itself, null as None."""
    if value[0] == '"':
        return plain(value)
    return None if value == "null" else value


def type_of(value: str) -> str:
    """What json_typeof calls a value."""
    first = value[0]
    return {'"': "string", "{": "object", "[": "array", "t": "boolean", "f": "boolean",
            "n": "null"}.get(first, "number")  # fmt: skip


class Scan:
    """A document, its spaces off, whose strings can all be made text."""

    def __init__(self, call: Call, text: str, *, strings: bool = True) -> None:
        if strings and "\\u" in text:
            settings = call.session.settings
            parse_json(settings.encoding.encode(text), settings, unescape=True)
        self.text = text.strip(_SPACE)
        self.kind = self.text[0] if self.text[0] in "[{" else ""

    def field(self, key: str) -> str | None:
        """The last member of that key."""
        found = None
        if self.kind == "{":
            for name, value in members(self.text):
                if plain(name) == key:
                    found = value
        return found

    def element(self, index: int) -> str | None:
        """An element by number."""
        if self.kind != "[":
            return None
        if index < 0:
            every = list(elements(self.text))
            return every[index] if -index <= len(every) else None
        return next((v for i, v in enumerate(elements(self.text)) if i == index), None)


# -- one child ----------------------------------------------------------------------------


@builtin("json_object_field", call=True)
def json_object_field(call: Call, text: str, key: str) -> str | None:
    return Scan(call, text).field(key)


@builtin("json_object_field_text", call=True)
def json_object_field_text(call: Call, text: str, key: str) -> str | None:
    found = Scan(call, text).field(key)
    return None if found is None else text_form(found)


@builtin("json_array_element", call=True)
def json_array_element(call: Call, text: str, index: int) -> str | None:
    return Scan(call, text).element(index)


@builtin("json_array_element_text", call=True)
def json_array_element_text(call: Call, text: str, index: int) -> str | None:
    found = Scan(call, text).element(index)
    return None if found is None else text_form(found)


def _at_path(call: Call, text: str, path: list[str | None]) -> str | None:
    if None in path:
        return None
    scan: Scan = Scan(call, text)
    for step in path:
        assert step is not None
        if scan.kind == "{":
            found = scan.field(step)
        else:
            index = index_text(step) if step else None
            found = None if index is None else scan.element(index)
        if found is None:
            return None
        scan = Scan(call, found, strings=False)
    return scan.text


@builtin("json_extract_path", call=True)
def json_extract_path(call: Call, text: str, path: ArrayValue) -> str | None:
    return _at_path(call, text, path.elements)


@builtin("json_extract_path_text", call=True)
def json_extract_path_text(call: Call, text: str, path: ArrayValue) -> str | None:
    found = _at_path(call, text, path.elements)
    return None if found is None else text_form(found)


# -- facts and sets -----------------------------------------------------------------------


@builtin("json_typeof")
def json_typeof(text: str) -> str:
    return type_of(text.lstrip(_SPACE))


@builtin("json_array_length", call=True)
def json_array_length(call: Call, text: str) -> int:
    scan = Scan(call, text, strings=False)
    if scan.kind == "{":
        raise SqlError("cannot get array length of a non-array", "22023")
    if not scan.kind:
        raise SqlError("cannot get array length of a scalar", "22023")
    return sum(1 for _ in elements(scan.text))


def _object(call: Call, text: str) -> Iterator[tuple[str, str]]:
    scan = Scan(call, text)
    if scan.kind != "{":
        what = "an array as an object" if scan.kind else "a scalar"
        raise SqlError(f"cannot deconstruct {what}", "22023")
    return members(scan.text)


@builtin("json_each", call=True, returns_set=True)
def json_each(call: Call, text: str) -> Iterator[tuple[str, str]]:
    for key, value in _object(call, text):
        yield plain(key), value


@builtin("json_each_text", call=True, returns_set=True)
def json_each_text(call: Call, text: str) -> Iterator[tuple[str, str | None]]:
    for key, value in _object(call, text):
        yield plain(key), text_form(value)


@builtin("json_object_keys", call=True, returns_set=True)
def json_object_keys(call: Call, text: str) -> Iterator[str]:
    scan = Scan(call, text)
    if scan.kind != "{":
        what = "an array" if scan.kind else "a scalar"
        raise SqlError(f"cannot call json_object_keys on {what}", "22023")
    for key, _value in members(scan.text):
        yield plain(key)


def _array(call: Call, text: str, name: str, strings: bool) -> Iterator[str]:
    scan = Scan(call, text, strings=strings)
    if scan.kind != "[":
        what = "a non-array" if scan.kind else "a scalar"
        raise SqlError(f"cannot call {name} on {what}", "22023")
    return elements(scan.text)


@builtin("json_array_elements", call=True, returns_set=True)
def json_array_elements(call: Call, text: str) -> Iterator[str]:
    yield from _array(call, text, "json_array_elements", False)


@builtin("json_array_elements_text", call=True, returns_set=True)
def json_array_elements_text(call: Call, text: str) -> Iterator[str | None]:
    for value in _array(call, text, "json_array_elements_text", True):
        yield text_form(value)


# -- stripping ----------------------------------------------------------------------------


def _stripped(value: str, in_arrays: bool) -> str:
    if value[0] == "{":
        parts = [
            f"{quoted(plain(key))}:{_stripped(one, in_arrays)}"
            for key, one in members(value) if one != "null"
        ]  # fmt: skip
        return "{" + ",".join(parts) + "}"
    if value[0] == "[":
        kept = [one for one in elements(value) if not in_arrays or one != "null"]
        return "[" + ",".join([_stripped(one, in_arrays) for one in kept]) + "]"
    return quoted(plain(value)) if value[0] == '"' else value


@builtin("json_strip_nulls", call=True)
def json_strip_nulls(call: Call, text: str, in_arrays: bool = False) -> str:
    return _stripped(Scan(call, text).text, in_arrays)


def node(call: Call, text: str) -> Any:
    """A document as a jsonb tree."""
    settings = call.session.settings
    return parse_json(settings.encoding.encode(text), settings, unescape=True)
