"""``jsonpath`` input: text → tokens → tree → stored form.

The tree's nodes are paths: lists of items, each applied to what the one before it gives.
An operator is one item with paths as arguments. Expressions and predicates share one
recursive descent; :attr:`Item.is_predicate` tells them apart where the grammar cares.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import Any

from formats import datum as layout
from formats.derive import struct_of
from formats.varlena import pack_plain
from formats.version import ByMajor
from pgtool.errors import SqlError
from pgtool.types.encoding import Encoding
from pgtool.types.jsonpath import KINDS, REGEX_FLAGS
from pgtool.types.numeric import pack_numeric, parse_numeric

__all__ = ["parse_jsonpath"]

_HEAD = struct_of(layout.JsonPathHeader)
_NUMBER_OF = {kind.name: number for number, kind in enumerate(KINDS)}
_ANY_LAST = 0xFFFFFFFF
_MAX_DEPTH = 250
Path = list["Item"]


@dataclass
class Item:
    """One item: its kind's name, its arguments (None for one left out), its own value."""

    kind: str
    args: list[Path | None] = field(default_factory=list)
    value: Any = None

    @property
    def is_predicate(self) -> bool:
        """Whether it gives true, false or unknown rather than values."""
        return self.kind in _PREDICATES


_COMPARISONS = {
    "==": "Equal", "!=": "NotEqual", "<>": "NotEqual", "<": "Less", ">": "Greater",
    "<=": "LessOrEqual", ">=": "GreaterOrEqual",
}  # fmt: skip
_PREDICATES = {*_COMPARISONS.values(), "And", "Or", "Not", "IsUnknown", "Exists", "StartsWith",
               "LikeRegex"}  # fmt: skip
_SUMS, _PRODUCTS = {"+": "Add", "-": "Sub"}, {"*": "Mul", "/": "Div", "%": "Mod"}
_PLAIN_METHODS = {
    "type": "Type", "size": "Size", "abs": "Abs", "floor": "Floor", "ceiling": "Ceiling",
    "double": "Double", "keyvalue": "KeyValue",
}  # fmt: skip
_LATER_METHODS = {
    "bigint": "Bigint", "boolean": "Boolean", "date": "Date", "integer": "Integer",
    "number": "Number", "string": "StringFunc",
}  # fmt: skip
_METHODS = ByMajor({14: _PLAIN_METHODS, 17: {**_PLAIN_METHODS, **_LATER_METHODS}})
_TIMES = {"time": "Time", "time_tz": "TimeTz", "timestamp": "Timestamp",
          "timestamp_tz": "TimestampTz"}  # fmt: skip
_WITH_ARGUMENT = ByMajor(
    {14: {"datetime": "Datetime"}, 17: {"datetime": "Datetime", "decimal": "Decimal", **_TIMES}}
)

_TOKEN = re.compile(
    rb"""(?:[ \t\n\r\f]|/\*.*?\*/)*(?:
    (?P<number>0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+
        |(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?)
    |(?P<variable>\$(?:"(?:[^"\\]|\\.)*"|(?:[^ \t\n\r\f?%$.\[\]{}()|&!=<>@#,*:\-+/"\\]|\\.)+))
    |(?P<string>"(?:[^"\\]|\\.)*")
    |(?P<op>&&|\|\||==|!=|<>|<=|>=|\*\*|[?%$.\[\]{}()|&!=<>@\#,*:\-+/])
    |(?P<word>(?:[^ \t\n\r\f?%$.\[\]{}()|&!=<>@#,*:\-+/"\\]|\\.)+)
    |(?P<end>\Z))""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(
    rb"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL
)
_SIMPLE = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
#: Words that mean something only as they are written here.
_LITERALS = ("null", "true", "false")


class _Parser:
    def __init__(self, text: bytes, encoding: Encoding, major: int) -> None:
        self.text = text
        self.encoding = encoding
        self.major = major
        self.tokens = self._tokens()
        self.at = 0
        self.depth = 0

    def _tokens(self) -> list[tuple[str, bytes]]:
        out, at = [], 0
        while True:
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise self._error(self.text[at:].strip()[:1])
            kind = match.lastgroup or "end"
            out.append((kind, match[kind]))
            if kind == "end":
                return out
            following = self.text[match.end() : match.end() + 1]
            if kind == "number" and (following.isalnum() or following == b"_"):
                near = self.encoding.decode(match[kind] + following)
                raise SqlError(
                    f'trailing junk after numeric literal at or near "{near}" of jsonpath input',
                    "42601",
                )
            at = match.end()

    def _error(self, near: bytes) -> SqlError:
        if not near:
            return SqlError("syntax error at end of jsonpath input", "42601")
        shown = self.encoding.decode(near)
        return SqlError(f'syntax error at or near "{shown}" of jsonpath input', "42601")

    def fail(self) -> SqlError:
        return self._error(self.tokens[self.at][1])

    def peek(self, *wanted: str) -> bool:
        kind, text = self.tokens[self.at]
        return kind == "op" and text.decode("ascii") in wanted

    def word(self) -> str:
        """The word here in lower case, or ""."""
        kind, text = self.tokens[self.at]
        if kind != "word":
            return ""
        lower = text.decode("latin-1").lower()
        return "" if lower in _LITERALS and text.decode("latin-1") != lower else lower

    def take(self, *wanted: str) -> str:
        """Take one of these operators or words; "" where it is something else."""
        if self.peek(*wanted):
            found = self.tokens[self.at][1].decode("ascii")
        elif self.word() in wanted:
            found = self.word()
        else:
            return ""
        self.at += 1
        return found

    def need(self, *wanted: str) -> str:
        found = self.take(*wanted)
        if not found:
            raise self.fail()
        return found

    # -- the grammar --------------------------------------------------------------

    def parse(self) -> tuple[bool, Path]:
        mode = self.take("strict", "lax")
        path = self.disjunction()
        if self.tokens[self.at][0] != "end":
            raise self.fail()
        return mode != "strict", path

    def _nested(self) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise SqlError("stack depth limit exceeded", "54001")

    def disjunction(self) -> Path:
        return self._logic("||", "Or", lambda: self._logic("&&", "And", self.comparison))

    def _logic(self, symbol: str, kind: str, operand: Any) -> Path:
        left: Path = operand()
        while self.peek(symbol):
            self.predicate(left)
            self.at += 1
            left = [Item(kind, [left, self.predicate(operand())])]
        return left

    def predicate(self, path: Path) -> Path:
        if not path[-1].is_predicate or len(path) > 1:
            raise self.fail()
        return path

    def value(self, path: Path) -> Path:
        if path[-1].is_predicate:
            raise self.fail()
        return path

    def comparison(self) -> Path:
        if self.take("!"):
            if not (self.peek("(") or self.word() == "exists"):
                raise self.fail()
            return [Item("Not", [self.predicate(self.primary())])]
        left = self.sum()
        if self.peek(*_COMPARISONS):
            self.value(left)
            kind = _COMPARISONS[self.need(*_COMPARISONS)]
            return [Item(kind, [left, self.value(self.sum())])]
        if self.take("starts"):
            self.need("with")
            self.value(left)
            if self.tokens[self.at][0] not in ("string", "variable"):
                raise self.fail()
            return [Item("StartsWith", [left, self.primary()])]
        if self.take("like_regex"):
            self.value(left)
            return [self.regex(left)]
        return left

    def regex(self, left: Path) -> Item:
        pattern = self.string()
        flags = 0
        if self.take("flag"):
            bits = {letter: bit for bit, letter in REGEX_FLAGS}
            for letter in self.encoding.decode(self.string()):
                if letter not in bits:
                    raise SqlError(
                        "invalid input syntax for type jsonpath", "42601",
                        f'Unrecognized flag character "{letter}" in LIKE_REGEX predicate.',
                    )  # fmt: skip
                flags |= bits[letter]
        return Item("LikeRegex", [left], (flags, pattern))

    def sum(self) -> Path:
        return self._arithmetic(_SUMS, lambda: self._arithmetic(_PRODUCTS, self.unary))

    def _arithmetic(self, kinds: dict[str, str], operand: Any) -> Path:
        left: Path = operand()
        while self.peek(*kinds):
            self.value(left)
            kind = kinds[self.need(*kinds)]
            left = [Item(kind, [left, self.value(operand())])]
        return left

    def unary(self) -> Path:
        sign = self.take("+", "-")
        if not sign:
            return self.primary()
        self._nested()
        path = self.value(self.unary())
        self.depth -= 1
        if len(path) == 1 and path[0].kind == "Numeric":
            if sign == "-":
                negative, digits, scale = path[0].value
                path[0].value = (not negative, digits, scale)
            return path
        return [Item("Plus" if sign == "+" else "Minus", [path])]

    def primary(self) -> Path:
        """A scalar, $, @, last, or something in parentheses, with its accessors."""
        if self.take("("):
            self._nested()
            path = self.disjunction()
            self.need(")")
            self.depth -= 1
            if path[-1].is_predicate and len(path) == 1 and self.take("is"):
                self.need("unknown")
                return [Item("IsUnknown", [path])]
            return self.accessors(list(path))
        if self.word() == "exists":
            self.at += 1
            self.need("(")
            path = self.value(self.disjunction())
            self.need(")")
            return [Item("Exists", [path])]
        return self.accessors([self.scalar()])

    def scalar(self) -> Item:
        kind, text = self.tokens[self.at]
        if kind == "string":
            return Item("String", value=self.string())
        self.at += 1
        if kind == "number":
            return Item("Numeric", value=self.numeric(text))
        if kind == "variable":
            body = text[1:]
            return Item("Variable", value=self.unescaped(body.strip(b'"')))
        if kind == "op" and text in (b"$", b"@"):
            return Item("Root" if text == b"$" else "Current")
        self.at -= 1
        word = self.take("null", "true", "false", "last")
        if word == "last":
            return Item("Last")
        if word == "null":
            return Item("Null")
        if not word:
            raise self.fail()
        return Item("Bool", value=word == "true")

    def numeric(self, text: bytes) -> tuple[bool, str, int]:
        parsed = parse_numeric(text.decode("ascii"), self.major)
        assert not isinstance(parsed, str)
        return parsed

    def accessors(self, path: Path) -> Path:
        while True:
            if self.take("."):
                path.append(self.member())
            elif self.peek("["):
                path.append(self.subscripts())
            elif self.take("?"):
                self.need("(")
                self._nested()
                inner = self.predicate(self.disjunction())
                self.depth -= 1
                self.need(")")
                path.append(Item("Filter", [inner]))
            else:
                return path

    def member(self) -> Item:
        """What follows a dot."""
        if self.take("*"):
            return Item("AnyKey")
        if self.take("**"):
            return self.levels()
        kind, text = self.tokens[self.at]
        if kind == "string":
            return Item("Key", value=self.string())
        if kind != "word":
            raise self.fail()
        word = self.word()
        self.at += 1
        known = word in _METHODS[self.major] or word in _WITH_ARGUMENT[self.major]
        if known and self.peek("("):
            return self.method(word)
        return Item("Key", value=self.unescaped(text))

    def method(self, word: str) -> Item:
        self.need("(")
        if word in _METHODS[self.major]:
            self.need(")")
            return Item(_METHODS[self.major][word])
        args: list[Path | None] = []
        while not self.peek(")"):
            if args:
                self.need(",")
            args.append(self.literal(word))
        self.at += 1
        if word == "decimal":
            if len(args) > 2:
                raise SqlError(
                    "invalid input syntax for type jsonpath", "42601",
                    ".decimal() can only have an optional precision[,scale].",
                )  # fmt: skip
            return Item("Decimal", [*args, None, None][:2])
        if len(args) > 1:
            raise self.fail()
        return Item(_WITH_ARGUMENT[self.major][word], [*args, None][:1])

    def literal(self, word: str) -> Path:
        """An argument of a method: a template, or a number with its sign."""
        if word == "datetime":
            return [Item("String", value=self.string())]
        sign = self.take("+", "-") if word == "decimal" else ""
        kind, text = self.tokens[self.at]
        if kind != "number":
            raise self.fail()
        self.at += 1
        negative, digits, scale = self.numeric(text)
        return [Item("Numeric", value=(negative != (sign == "-"), digits, scale))]

    def levels(self) -> Item:
        if not self.take("{"):
            return Item("Any", value=(0, _ANY_LAST))
        first = last = self.level()
        if self.take("to"):
            last = self.level()
        self.need("}")
        return Item("Any", value=(first, last))

    def level(self) -> int:
        if self.take("last"):
            return _ANY_LAST
        kind, text = self.tokens[self.at]
        if kind != "number" or not text.isdigit():
            raise self.fail()
        self.at += 1
        return int(text[:12]) & 0xFFFFFFFF

    def subscripts(self) -> Item:
        self.need("[")
        if self.take("*"):
            self.need("]")
            return Item("AnyArray")
        pairs: list[Path | None] = []
        while True:
            self._nested()
            pairs.append(self.value(self.sum()))
            pairs.append(self.value(self.sum()) if self.take("to") else None)
            self.depth -= 1
            if self.need(",", "]") == "]":
                return Item("IndexArray", pairs)

    # -- strings ------------------------------------------------------------------

    def string(self) -> bytes:
        kind, text = self.tokens[self.at]
        if kind != "string":
            raise self.fail()
        self.at += 1
        return self.unescaped(text[1:-1])

    def unescaped(self, body: bytes) -> bytes:
        if b"\\" not in body:
            return body
        units: list[bytes | int] = []
        at = 0
        for match in _ESCAPE.finditer(body):
            units.append(body[at : match.start()])
            at = match.end()
            code = match[1] or match[2] or match[3]
            units.append(int(code, 16) if code else _SIMPLE.get(match[4], match[4]))
        units.append(body[at:])
        out, high = b"", 0
        for unit in units:
            if isinstance(unit, bytes):
                out += unit
                continue
            if high:
                unit, high = 0x10000 + ((high & 0x3FF) << 10) + (unit & 0x3FF), 0
            elif 0xD800 <= unit < 0xDC00:
                high = unit
                continue
            if unit == 0:
                raise SqlError("unsupported Unicode escape sequence", "22P05",
                               "\\u0000 cannot be converted to text.")  # fmt: skip
            out += self.encoding.encode(chr(unit))
        return out


class _Packer:
    """Lays the items of a tree out; places are relative to each item."""

    def __init__(self) -> None:
        self.out = bytearray()

    def word(self, value: int = 0) -> int:
        """Append an int32; its place comes back."""
        at = len(self.out)
        self.out += (value & 0xFFFFFFFF).to_bytes(4, "little")
        return at

    def path(self, path: Path, nesting: int, in_subscript: bool, first: int = 0) -> int:
        """Append the items of a path from ``first``; the place of its beginning comes back."""
        item = path[first]
        start = len(self.out)
        if item.kind == "Current" and nesting <= 0:
            raise SqlError("@ is not allowed in root expressions", "42601")
        if item.kind == "Last" and not in_subscript:
            raise SqlError("LAST is allowed only in array subscripts", "42601")
        self.out.append(_NUMBER_OF[item.kind])
        self.out += bytes(-len(self.out) % 4)
        following = self.word()
        form = KINDS[_NUMBER_OF[item.kind]].form
        getattr(self, "form_" + form)(item, start, nesting, in_subscript)
        if first + 1 < len(path):
            place = self.path(path, nesting, in_subscript, first + 1)
            self.patch(following, place - start)
        return start

    def patch(self, at: int, value: int) -> None:
        struct.pack_into("<i", self.out, at, value)

    def arguments(self, item: Item, start: int, nesting: int, in_subscript: bool) -> None:
        places = [self.word() for _ in item.args]
        for place, arg in zip(places, item.args):
            if arg is not None:
                self.patch(place, self.path(arg, nesting, in_subscript) - start)

    def form_none(self, item: Item, *_rest: object) -> None:
        """Nothing but its kind."""

    def form_string(self, item: Item, *_rest: object) -> None:
        self.word(len(item.value))
        self.out += item.value + b"\0"

    def form_numeric(self, item: Item, *_rest: object) -> None:
        self.out += pack_plain(pack_numeric(*item.value))

    def form_bool(self, item: Item, *_rest: object) -> None:
        self.out.append(item.value)

    def form_args(self, item: Item, start: int, nesting: int, in_subscript: bool) -> None:
        self.arguments(item, start, nesting, in_subscript)

    def form_arg(self, item: Item, start: int, nesting: int, in_subscript: bool) -> None:
        self.arguments(item, start, nesting + (item.kind == "Filter"), in_subscript)

    def form_index(self, item: Item, start: int, nesting: int, in_subscript: bool) -> None:
        self.word(len(item.args) // 2)
        self.arguments(item, start, nesting, True)

    def form_any(self, item: Item, *_rest: object) -> None:
        for bound in item.value:
            self.word(bound)

    def form_regex(self, item: Item, start: int, nesting: int, in_subscript: bool) -> None:
        flags, pattern = item.value
        self.word(flags)
        expr = self.word()
        self.word(len(pattern))
        self.out += pattern + b"\0"
        assert item.args[0] is not None
        self.patch(expr, self.path(item.args[0], nesting, in_subscript) - start)


def parse_jsonpath(text: bytes, encoding: Encoding, major: int) -> bytes:
    """Text → stored form."""
    if not text.strip(b" \t\n\r\f"):
        shown = encoding.decode(text)
        raise SqlError(f'invalid input syntax for type jsonpath: "{shown}"', "22P02")
    lax, path = _Parser(text, encoding, major).parse()
    packer = _Packer()
    packer.path(path, 0, False)
    header = layout.JSONPATH_VERSION | (layout.JSONPATH_LAX if lax else 0)
    return _HEAD.pack(header) + bytes(packer.out)
