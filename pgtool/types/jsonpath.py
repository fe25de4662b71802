"""``jsonpath``: the stored tree of path items, shown as the server shows it.

Each item is a type byte, padding to four, the place of the next item in the path, and what
the type needs: places of arguments (relative to the item itself), or a string, a numeric,
a boolean. Item types are numbered once for all majors; later majors have more of them.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from formats import datum as layout
from formats.derive import struct_of
from formats.varlena import read_varlena
from formats.version import ByMajor
from pgtool.errors import CorruptData, SqlError
from pgtool.types.base import TypeIO
from pgtool.types.json import escape_json
from pgtool.types.numeric import numeric_text

__all__ = ["KINDS", "REGEX_FLAGS", "JsonPath"]

VERSION = 1
_HEAD = struct_of(layout.JsonPathHeader)
_INT = struct.Struct("<i")
_ANY_LAST = 0xFFFFFFFF
_MAX_DEPTH = 900
_PRIORITY_OTHER = 6


class _Kind(NamedTuple):
    """How one item type is stored (``form``) and written (``word``)."""

    name: str
    form: str
    word: str = ""
    priority: int = _PRIORITY_OTHER


#: By item type number. Forms: none, string, numeric, bool, args (two), arg (one), index,
#: any, regex.
KINDS = (
    _Kind("Null", "none", "null"), _Kind("String", "string"), _Kind("Numeric", "numeric"),
    _Kind("Bool", "bool"), _Kind("And", "args", "&&", 1), _Kind("Or", "args", "||", 0),
    _Kind("Not", "arg", "!("), _Kind("IsUnknown", "arg", "("), _Kind("Equal", "args", "==", 2),
    _Kind("NotEqual", "args", "!=", 2), _Kind("Less", "args", "<", 2),
    _Kind("Greater", "args", ">", 2), _Kind("LessOrEqual", "args", "<=", 2),
    _Kind("GreaterOrEqual", "args", ">=", 2), _Kind("Add", "args", "+", 3),
    _Kind("Sub", "args", "-", 3), _Kind("Mul", "args", "*", 4), _Kind("Div", "args", "/", 4),
    _Kind("Mod", "args", "%", 4), _Kind("Plus", "arg", "+", 5), _Kind("Minus", "arg", "-", 5),
    _Kind("AnyArray", "none", "[*]"), _Kind("AnyKey", "none", "*"), _Kind("IndexArray", "index"),
    _Kind("Any", "any"), _Kind("Key", "string"), _Kind("Current", "none", "@"),
    _Kind("Root", "none", "$"), _Kind("Variable", "string"), _Kind("Filter", "arg", "?("),
    _Kind("Exists", "arg", "exists ("), _Kind("Type", "none", ".type()"),
    _Kind("Size", "none", ".size()"), _Kind("Abs", "none", ".abs()"),
    _Kind("Floor", "none", ".floor()"), _Kind("Ceiling", "none", ".ceiling()"),
    _Kind("Double", "none", ".double()"), _Kind("Datetime", "arg", ".datetime("),
    _Kind("KeyValue", "none", ".keyvalue()"), _Kind("Subscript", "none"),
    _Kind("Last", "none", "last"), _Kind("StartsWith", "args", "starts with", 2),
    _Kind("LikeRegex", "regex", "like_regex"), _Kind("Bigint", "none", ".bigint()"),
    _Kind("Boolean", "none", ".boolean()"), _Kind("Date", "none", ".date()"),
    _Kind("Decimal", "args", ".decimal("), _Kind("Integer", "none", ".integer()"),
    _Kind("Number", "none", ".number()"), _Kind("StringFunc", "none", ".string()"),
    _Kind("Time", "arg", ".time("), _Kind("TimeTz", "arg", ".time_tz("),
    _Kind("Timestamp", "arg", ".timestamp("), _Kind("TimestampTz", "arg", ".timestamp_tz("),
)  # fmt: skip
#: Whether a number that a path continues stands in parentheses.
_NUMBER_WRAPPED = ByMajor({14: False, 15: True})
REGEX_FLAGS = ((1, "i"), (2, "s"), (4, "m"), (8, "x"), (16, "q"))


class _Printer:
    """Writes the items of one path; places are offsets from the end of the header."""

    def __init__(self, data: bytes, major: int) -> None:
        self.data = data
        self.wrap_numbers = _NUMBER_WRAPPED[major]
        self.out: list[bytes] = []

    def ints(self, at: int, count: int) -> tuple[int, ...]:
        return struct.unpack_from(f"<{count}i", self.data, at)

    def kind_at(self, at: int) -> _Kind:
        number = self.data[at]
        if number >= len(KINDS):
            raise CorruptData(f"unknown jsonpath item type {number}", offset=at)
        return KINDS[number]

    def path(self, at: int, in_key: bool, brackets: bool, depth: int = 0) -> None:
        """An item and all that follow it in the path."""
        while True:
            if not 0 <= at < len(self.data) or depth > _MAX_DEPTH:
                raise CorruptData("jsonpath item points nowhere", offset=at)
            kind = self.kind_at(at)
            content = (at + 1 + 3) & ~3
            (following,) = _INT.unpack_from(self.data, content)
            self.item(kind, at, content + 4, in_key, brackets, following != 0, depth)
            if not following:
                return
            if following < 0:
                raise CorruptData("jsonpath item points backwards", offset=at)
            at, in_key, brackets = at + following, True, True

    def item(
        self, kind: _Kind, at: int, body: int, in_key: bool, brackets: bool, more: bool, depth: int
    ) -> None:
        write = getattr(self, "form_" + kind.form)
        write(kind, at, body, in_key, brackets, more, depth)

    def child(self, kind: _Kind, at: int, place: int, depth: int, *, operand: bool) -> None:
        if place <= 0:
            raise CorruptData("jsonpath argument points nowhere", offset=at)
        brackets = operand and self.kind_at(at + place).priority <= kind.priority
        self.path(at + place, False, brackets, depth + 1)

    def string(self, at: int, length: int) -> bytes:
        value = self.data[at : at + length]
        if length < 0 or len(value) != length:
            raise CorruptData("jsonpath string does not fit", offset=at)
        return escape_json(value)

    def form_none(self, kind: _Kind, at: int, body: int, in_key: bool, *_rest: object) -> None:
        dot = "." if in_key and kind.name == "AnyKey" else ""
        self.out.append((dot + kind.word).encode("ascii"))

    def form_string(self, kind: _Kind, at: int, body: int, in_key: bool, *_rest: object) -> None:
        head = b"." if kind.name == "Key" and in_key else b"$" if kind.name == "Variable" else b""
        self.out.append(head + self.string(body + 4, self.ints(body, 1)[0]))

    def form_numeric(
        self, kind: _Kind, at: int, body: int, in_key: bool, brackets: bool, more: bool, depth: int
    ) -> None:
        value = read_varlena(self.data, body)
        text = numeric_text(self.data[value.body : value.end]).encode("ascii")
        self.out.append(b"(" + text + b")" if more and self.wrap_numbers else text)

    def form_bool(self, kind: _Kind, at: int, body: int, *_rest: object) -> None:
        self.out.append(b"true" if self.data[body] else b"false")

    def form_args(
        self, kind: _Kind, at: int, body: int, in_key: bool, brackets: bool, more: bool, depth: int
    ) -> None:
        left, right = self.ints(body, 2)
        if kind.name == "Decimal":
            self.out.append(b".decimal(")
            if left:
                self.child(kind, at, left, depth, operand=False)
            if right:
                self.out.append(b",")
                self.child(kind, at, right, depth, operand=False)
            self.out.append(b")")
            return
        self.out.append(b"(" if brackets else b"")
        self.child(kind, at, left, depth, operand=True)
        self.out.append(f" {kind.word} ".encode("ascii"))
        self.child(kind, at, right, depth, operand=True)
        self.out.append(b")" if brackets else b"")

    def form_arg(
        self, kind: _Kind, at: int, body: int, in_key: bool, brackets: bool, more: bool, depth: int
    ) -> None:
        (arg,) = self.ints(body, 1)
        if kind.name in ("Plus", "Minus"):
            self.out.append(b"(" if brackets else b"")
            self.out.append(kind.word.encode("ascii"))
            self.child(kind, at, arg, depth, operand=True)
            self.out.append(b")" if brackets else b"")
            return
        self.out.append(kind.word.encode("ascii"))
        if arg:
            self.child(kind, at, arg, depth, operand=False)
        self.out.append(b") is unknown" if kind.name == "IsUnknown" else b")")

    def form_index(
        self, kind: _Kind, at: int, body: int, in_key: bool, brackets: bool, more: bool, depth: int
    ) -> None:
        (count,) = self.ints(body, 1)
        if not 0 <= count <= len(self.data):
            raise CorruptData(f"jsonpath with {count} subscripts", offset=at)
        self.out.append(b"[")
        for i in range(count):
            first, last = self.ints(body + 4 + 8 * i, 2)
            self.out.append(b"," if i else b"")
            self.child(kind, at, first, depth, operand=False)
            if last:
                self.out.append(b" to ")
                self.child(kind, at, last, depth, operand=False)
        self.out.append(b"]")

    def form_any(self, kind: _Kind, at: int, body: int, in_key: bool, *_rest: object) -> None:
        first, last = struct.unpack_from("<II", self.data, body)
        low = "last" if first == _ANY_LAST else str(first)
        high = "last" if last == _ANY_LAST else str(last)
        text = "**" if (first, last) == (0, _ANY_LAST) else "**{" + low
        if first != last and text != "**":
            text += f" to {high}"
        text += "" if text == "**" else "}"
        self.out.append((("." if in_key else "") + text).encode("ascii"))

    def form_regex(
        self, kind: _Kind, at: int, body: int, in_key: bool, brackets: bool, more: bool, depth: int
    ) -> None:
        flags, expr, length = self.ints(body, 3)
        self.out.append(b"(" if brackets else b"")
        self.child(kind, at, expr, depth, operand=True)
        self.out.append(b" like_regex " + self.string(body + 12, length))
        if flags:
            letters = "".join(letter for bit, letter in REGEX_FLAGS if flags & bit)
            self.out.append(f' flag "{letters}"'.encode("ascii"))
        self.out.append(b")" if brackets else b"")


class JsonPath(TypeIO):
    """``jsonpath``."""

    def _text(self, datum: bytes) -> bytes:
        (header,) = _HEAD.unpack_from(datum)
        if header & ~layout.JSONPATH_LAX != layout.JSONPATH_VERSION:
            raise CorruptData(f"unsupported jsonpath version {header & ~layout.JSONPATH_LAX}")
        printer = _Printer(datum[_HEAD.size :], self.settings.major)
        printer.path(0, False, True)
        strict = b"" if header & layout.JSONPATH_LAX else b"strict "
        return strict + b"".join(printer.out)

    def _send(self, datum: bytes) -> bytes:
        return bytes([VERSION]) + self._text(datum)

    def _input(self, text: bytes, typmod: int) -> bytes:
        from pgtool.types.jsonpath_in import parse_jsonpath

        return parse_jsonpath(text, self.settings.encoding, self.settings.major)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        if wire[:1] != bytes([VERSION]):
            raise SqlError(f"unsupported jsonpath version number: {wire[0]}", "XX000")
        return self._input(wire[1:], typmod)
