"""What makes text of values of any type: concat, format, quoting, radix forms.

:func:`text_of` is the text form of a value, as the type's output function gives it.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from pgtool.errors import SqlError
from pgtool.functions.codec import codec_of
from pgtool.functions.registry import Call, builtin
from pgtool.functions.textcase import ASCII_RULES
from pgtool.functions.values import ArrayValue
from pgtool.types.names import quote_identifier

__all__ = ["text_of"]

BOOL, INT8, INT2, INT4, TEXT, BPCHAR, VARCHAR = 16, 20, 21, 23, 25, 1042, 1043
_SAME = frozenset((TEXT, BPCHAR, VARCHAR, 19, 705, 2275))
_INTEGERS = frozenset((INT8, INT2, INT4, 26))


def text_of(session: Any, typid: int, value: Any) -> str:
    """The text form of a value that is not NULL."""
    if typid in _SAME:
        return str(value)
    if typid in _INTEGERS:
        return str(value)
    if typid == BOOL:
        return "t" if value else "f"
    registry = session.types
    return str(registry.io_of(typid).output(codec_of(registry, typid).encode(value)))


def _arguments(call: Call, first: int, args: tuple[Any, ...]) -> list[tuple[int, Any]]:
    """(type, value) of the variable arguments, an explicit array spread out."""
    if not call.variadic:
        return list(zip(call.argtypes[first:], args))
    array: ArrayValue | None = args[0]
    return [] if array is None else [(array.elemtype, v) for v in array.elements]


@builtin("text_concat", call=True)
def text_concat(call: Call, *args: Any) -> str | None:
    if call.variadic and args[0] is None:
        return None
    shown = _arguments(call, 0, args)
    return "".join([text_of(call.session, t, v) for t, v in shown if v is not None])


@builtin("text_concat_ws", call=True)
def text_concat_ws(call: Call, separator: str | None, *args: Any) -> str | None:
    if separator is None or (call.variadic and args[0] is None):
        return None
    shown = _arguments(call, 1, args)
    return separator.join([text_of(call.session, t, v) for t, v in shown if v is not None])


@builtin("textanycat", call=True)
def textanycat(call: Call, text: str, value: Any) -> str:
    return text + text_of(call.session, call.argtypes[1], value)


@builtin("anytextcat", call=True)
def anytextcat(call: Call, value: Any, text: str) -> str:
    return text_of(call.session, call.argtypes[0], value) + text


# -- quoting --------------------------------------------------------------------------


@builtin("quote_ident", call=True)
def quote_ident(call: Call, name: str) -> str:
    return quote_identifier(name, call.session.settings.major)


@builtin("quote_literal")
def quote_literal(text: str) -> str:
    body = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{body}'" if "\\" in text else f"'{body}'"


@builtin("quote_nullable")
def quote_nullable(text: str | None) -> str:
    return "NULL" if text is None else quote_literal(text)


_NAME_START = r"[A-Za-z_\x80-\U0010ffff]"
_NAME_PART = re.compile(
    rf'"((?:[^"]|"")*)"|({_NAME_START}(?:{_NAME_START}|[0-9$])*)|(")', re.DOTALL
)
_NAME_SPACE = " \t\n\r\f\v"


@builtin("parse_ident")
def parse_ident(text: str, strict: bool) -> ArrayValue:
    parts: list[Any] = []

    def wrong(detail: str | None = None) -> SqlError:
        return SqlError(f'string is not a valid identifier: "{text}"', "22023", detail)

    rest = text.lstrip(_NAME_SPACE)
    while True:
        match = _NAME_PART.match(rest)
        if match is None:
            if rest.startswith("."):
                raise wrong('No valid identifier before ".".')
            raise wrong('No valid identifier after ".".' if parts else None)
        if match[3]:
            raise wrong("String has unclosed double quotes.")
        if match[1] == "":
            raise wrong("Quoted identifier must not be empty.")
        plain = match[2]
        parts.append(ASCII_RULES.lower(plain) if plain else match[1].replace('""', '"'))
        rest = rest[match.end() :].lstrip(_NAME_SPACE)
        if not rest.startswith("."):
            if rest and strict:
                raise wrong()
            return ArrayValue.of(TEXT, parts)
        rest = rest[1:].lstrip(_NAME_SPACE)


# -- format ---------------------------------------------------------------------------

_MAX_TEXT = 0x3FFFFFFF
_ONE_PERCENT = 'For a single "%" use "%%".'
#: Position, flags, then a width: its value, or a star and perhaps an argument's position.
_SPECIFIER = re.compile(r"(?:([0-9]+)\$)?(-*)(?:(\*)(?:([0-9]+)(\$?))?|([0-9]*))", re.DOTALL)
_WIDTH_FIRST = re.compile(r"([0-9]+)(?![0-9$])")


def _fail(message: str, hint: str | None = None, sqlstate: str = "22023") -> NoReturn:
    raise SqlError(message, sqlstate, hint=hint)


def _small(digits: str) -> int:
    value = int(digits[:20])
    if value > 0x7FFFFFFF:
        _fail("number is out of range", sqlstate="22003")
    return value


def _position(digits: str | None) -> int | None:
    if digits is None:
        return None
    if _small(digits) == 0:
        _fail("format specifies argument 0, but arguments are numbered from 1")
    return _small(digits)


class _Formatter:
    """One run over a format string."""

    def __init__(self, call: Call, args: list[tuple[int, Any]]) -> None:
        self.call = call
        self.args = args
        self.next = 0

    def take(self, position: int | None) -> tuple[int, Any]:
        if position is not None:
            self.next = position - 1
        if self.next >= len(self.args):
            _fail("too few arguments for format()")
        self.next += 1
        return self.args[self.next - 1]

    def width(self, position: int | None) -> int:
        typid, value = self.take(position)
        if value is None:
            return 0
        if typid in (INT4, INT2):
            return int(value)
        from pgtool.types.numbers import parse_int

        text = text_of(self.call.session, typid, value)
        return parse_int(text, self.call.session.settings.major, 32, "integer")

    def convert(self, kind: str, typid: int, value: Any) -> str:
        if value is None:
            if kind == "I":
                _fail("null values cannot be formatted as an SQL identifier", None, "22004")
            return "NULL" if kind == "L" else ""
        text = text_of(self.call.session, typid, value)
        if kind == "I":
            return quote_ident(self.call, text)
        return quote_literal(text) if kind == "L" else text

    def one(self, text: str, at: int) -> tuple[str, int]:
        """The result of the specifier whose rest begins at ``at``, and where it ends."""
        plain = _WIDTH_FIRST.match(text, at)
        left, position, star = False, None, False
        star_position: int | None = None
        width = 0
        if plain and text[plain.end() : plain.end() + 1] != "$":
            width, at = _small(plain[1]), plain.end()
        else:
            match = _SPECIFIER.match(text, at)
            assert match is not None
            position, left, at = _position(match[1]), bool(match[2]), match.end()
            star = match[3] is not None
            if match[4] is not None:
                _small(match[4])
                if at < len(text) and not match[5]:
                    _fail('width argument position must be ended by "$"')
                star_position = _position(match[4])
            elif match[6]:
                width = _small(match[6])
        if at >= len(text):
            _fail("unterminated format() type specifier", _ONE_PERCENT)
        kind = text[at]
        if kind not in "sIL":
            _fail(f'unrecognized format() type specifier "{kind}"', _ONE_PERCENT)
        if star:
            width = self.width(star_position)
        made = self.convert(kind, *self.take(position))
        if width < 0:
            left, width = True, -width
            if width > 0x7FFFFFFF:
                _fail("number is out of range", sqlstate="22003")
        if width > _MAX_TEXT:
            message = f"string buffer exceeds maximum allowed length ({_MAX_TEXT} bytes)"
            _fail(message, None, "54000")
        return (made.ljust(width) if left else made.rjust(width)), at + 1

    def run(self, text: str) -> str:
        out: list[str] = []
        at = 0
        while True:
            percent = text.find("%", at)
            if percent < 0:
                return "".join([*out, text[at:]])
            out.append(text[at:percent])
            at = percent + 1
            if at >= len(text):
                _fail("unterminated format() type specifier", _ONE_PERCENT)
            if text[at] == "%":
                out.append("%")
                at += 1
            else:
                made, at = self.one(text, at)
                out.append(made)


@builtin("text_format", "text_format_nv", call=True)
def text_format(call: Call, text: str | None, *args: Any) -> str | None:
    if text is None:
        return None
    return _Formatter(call, _arguments(call, 1, args)).run(text)


# -- radix forms -----------------------------------------------------------------------


@builtin("to_hex32")
def to_hex32(value: int) -> str:
    return f"{value & 0xFFFFFFFF:x}"


@builtin("to_hex64")
def to_hex64(value: int) -> str:
    return f"{value & 0xFFFFFFFFFFFFFFFF:x}"


@builtin("to_oct32")
def to_oct32(value: int) -> str:
    return f"{value & 0xFFFFFFFF:o}"


@builtin("to_oct64")
def to_oct64(value: int) -> str:
    return f"{value & 0xFFFFFFFFFFFFFFFF:o}"


@builtin("to_bin32")
def to_bin32(value: int) -> str:
    return f"{value & 0xFFFFFFFF:b}"


@builtin("to_bin64")
def to_bin64(value: int) -> str:
    return f"{value & 0xFFFFFFFFFFFFFFFF:b}"
