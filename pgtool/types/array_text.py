"""The text form of arrays, taken apart: ``[1:2][0:1]={{a,NULL},{"b c",d}}``."""

from __future__ import annotations

import re
from typing import NamedTuple

from formats.datum import MAXDIM
from pgtool.errors import SqlError
from pgtool.types.info import Settings

__all__ = ["ArrayText", "parse_array_text"]

_BLANK = rb" \t\n\r\v\f"
_BOUND = re.compile(rb"\[([+-]?[0-9]*)(?:(:)([+-]?[0-9]*))?(\])?")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"[%s]*(.?)' % _BLANK, re.S)
_INT_MAX = 0x7FFFFFFF


class ArrayText(NamedTuple):
    """Bounds, and the elements' texts in row-major order (None for NULL)."""

    dims: list[int]
    lower: list[int]
    items: list[bytes | None]


class _Reader:
    def __init__(self, text: bytes, delim: bytes, settings: Settings) -> None:
        self.text = text
        self.delim = delim
        self.shown = settings.encoding.decode(text)
        self.at = 0
        special = re.escape(delim)
        self.plain = re.compile(rb'((?:[^{}"\\%s]|\\.)*)([{}"%s\\]|\Z)' % (special, special), re.S)

    def fail(self, detail: str) -> SqlError:
        return SqlError(f'malformed array literal: "{self.shown}"', "22P02", detail)

    def skip(self) -> None:
        match = re.compile(rb"[%s]*" % _BLANK).match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def bounds(self) -> tuple[list[int], list[int]]:
        dims: list[int] = []
        lower: list[int] = []
        while True:
            self.skip()
            if self.text[self.at : self.at + 1] != b"[":
                return dims, lower
            if len(dims) >= MAXDIM:
                raise _too_many()
            match = _BOUND.match(self.text, self.at)
            assert match is not None
            first, colon, second, closed = match.groups()
            if first in (b"", b"+", b"-"):
                raise self.fail('"[" must introduce explicitly-specified array dimensions.')
            if colon and second in (b"", b"+", b"-"):
                raise self.fail("Missing array dimension value.")
            if not closed:
                raise self.fail('Missing "]" after array dimensions.')
            low, high = (_bound(first), _bound(second)) if colon else (1, _bound(first))
            if high < low:
                raise SqlError("upper bound cannot be less than lower bound", "2202E")
            if high == _INT_MAX:
                raise SqlError(f"array upper bound is too large: {high}", "54000")
            dims.append(high - low + 1)
            lower.append(low)
            self.at = match.end()

    def token(self) -> tuple[bytes, bytes | None]:
        """(kind, element): kind is a brace, the delimiter, or b"e" for an element."""
        self.skip()
        char = self.text[self.at : self.at + 1]
        if not char:
            raise self.fail("Unexpected end of input.")
        if char in (b"{", b"}", self.delim):
            self.at += 1
            return char, None
        if char == b'"':
            return b"e", self.quoted()
        match = self.plain.match(self.text, self.at)
        assert match is not None
        body, stop = match.groups()
        if stop == b"{":
            raise self.fail('Unexpected "{" character.')
        if stop == b'"':
            raise self.fail("Incorrectly quoted array element.")
        if stop in (b"", b"\\"):
            raise self.fail("Unexpected end of input.")
        self.at = match.start(2)
        if b"\\" not in body:
            value = body.rstrip(_BLANK.decode("unicode_escape").encode())
            return b"e", None if value.upper() == b"NULL" else value
        return b"e", _unescaped(body)

    def quoted(self) -> bytes:
        match = re.compile(rb'"((?:[^"\\]|\\.)*)"[%s]*(.?)' % _BLANK, re.S).match(
            self.text, self.at
        )
        if match is None or not match[2]:
            raise self.fail("Unexpected end of input.")
        if match[2] not in (b"{", b"}", self.delim):
            raise self.fail("Incorrectly quoted array element.")
        self.at = match.start(2)
        return re.sub(rb"\\(.)", rb"\1", match[1], flags=re.S)


def _unescaped(body: bytes) -> bytes:
    """Drop backslashes, and white space at the end unless a backslash protects it."""
    pieces = re.findall(rb"\\(.)|([^\\])", body, re.S)
    while pieces and pieces[-1][1] and pieces[-1][1] in b" \t\n\r\v\f":
        pieces.pop()
    return b"".join(escaped or plain for escaped, plain in pieces)


def _too_many() -> SqlError:
    return SqlError(f"number of array dimensions exceeds the maximum allowed ({MAXDIM})", "54000")


def _bound(text: bytes) -> int:
    value = int(text[:20])
    if not -_INT_MAX - 1 <= value <= _INT_MAX:
        raise SqlError("array bound is out of integer range", "54000")
    return value


def parse_array_text(text: bytes, delim: bytes, settings: Settings) -> ArrayText:
    """Take an array's text apart."""
    reader = _Reader(text, delim, settings)
    dims, lower = reader.bounds()
    given = bool(dims)
    if given:
        if reader.text[reader.at : reader.at + 1] != b"=":
            raise reader.fail('Missing "=" after array dimensions.')
        reader.at += 1
        reader.skip()
        if reader.text[reader.at : reader.at + 1] != b"{":
            raise reader.fail('Array contents must start with "{".')
    elif reader.text[reader.at : reader.at + 1] != b"{":
        raise reader.fail('Array value must start with "{" or dimension information.')
    items = _contents(reader, dims, given)
    reader.skip()
    if reader.at != len(text):
        raise reader.fail("Junk after closing right brace.")
    if not items:
        return ArrayText([], [], [])
    return ArrayText(dims, lower if given else [1] * len(dims), items)


def _contents(reader: _Reader, dims: list[int], given: bool) -> list[bytes | None]:
    """The elements; ``dims`` is filled where it was not given."""
    detail = "Multidimensional arrays must have sub-arrays with matching dimensions."
    mismatch = "Specified array dimensions do not match array contents." if given else detail
    items: list[bytes | None] = []
    counts: list[int] = []
    sizes: list[int] = list(dims) if given else [-1] * MAXDIM
    frozen, ndim, want_delim = given, len(dims), False
    while True:
        kind, item = reader.token()
        if kind == b"{":
            if want_delim:
                raise reader.fail('Unexpected "{" character.')
            if len(counts) >= MAXDIM:
                raise _too_many()
            counts.append(0)
            if len(counts) > ndim:
                if frozen:
                    raise reader.fail(mismatch)
                ndim = len(counts)
        elif kind == b"}":
            if counts[-1] and not want_delim:
                raise reader.fail('Unexpected "}" character.')
            size = counts.pop()
            if sizes[len(counts)] < 0:
                sizes[len(counts)] = size
            elif sizes[len(counts)] != size:
                raise reader.fail(mismatch)
            if not counts:
                dims[:] = sizes[:ndim]
                return items
            counts[-1] += 1
            want_delim = True
        elif kind == reader.delim:
            if not want_delim:
                raise reader.fail(f'Unexpected "{reader.delim.decode()}" character.')
            want_delim = False
        else:
            if want_delim:
                raise reader.fail("Unexpected array element.")
            items.append(item)
            frozen = True
            if len(counts) != ndim:
                raise reader.fail(mismatch)
            counts[-1] += 1
            want_delim = True
