"""``json``, and the JSON parser that json and jsonb share, with the server's complaints.

A json value is its text, kept as it was written once it has been found to be JSON. The
parser works on bytes in the database's encoding: strings come out as bytes, numbers as
their text, because jsonb keeps every digit.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from pgtool.errors import SqlError
from pgtool.types.info import Settings
from pgtool.types.strings import Text

__all__ = ["Json", "JsonNumber", "escape_json", "parse_json"]

_ESCAPES = {
    8: b"\\b", 12: b"\\f", 10: b"\\n", 13: b"\\r", 9: b"\\t", 0x22: b'\\"', 0x5C: b"\\\\",
}  # fmt: skip
_ESCAPE_TABLE = {i: _ESCAPES.get(i, b"\\u%04x" % i) for i in (*range(32), 0x22, 0x5C)}
_NEEDS_ESCAPE = re.compile(rb'[\x00-\x1f"\\]')


def escape_json(text: bytes) -> bytes:
    """A string between double quotes, escaped as the server writes it."""
    if _NEEDS_ESCAPE.search(text):
        text = _NEEDS_ESCAPE.sub(lambda match: _ESCAPE_TABLE[match[0][0]], text)
    return b'"' + text + b'"'


class JsonNumber(NamedTuple):
    """A number as it was written."""

    text: str


_TOKEN = re.compile(
    rb"[ \t\n\r]*(?:([{}\[\],:])|(\")|"
    rb"((?=[-0-9])-?(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?[A-Za-z0-9_\x80-\xff]*)|"
    rb"([A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)|($)|(.))",
    re.DOTALL,
)
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_STRING = re.compile(rb'((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"')
_STRING_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|(.))")
_SIMPLE = {
    b'"': b'"', b"\\": b"\\", b"/": b"/", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r",
    b"t": b"\t",
}  # fmt: skip
_WORDS: dict[bytes, Any] = {b"true": True, b"false": False, b"null": None}
_MAX_DEPTH = 6000
_INVALID, _UNSUPPORTED = (
    "invalid input syntax for type json", "unsupported Unicode escape sequence",
)
#: Of a line before an error so many bytes are shown.
_SHOWN, _MORE = 50, "..."
_END = object()


class _Parser:
    """One pass over a text, without recursion, so that depth costs no stack."""

    def __init__(self, text: bytes, settings: Settings, unescape: bool) -> None:
        self.text = text
        self.settings = settings
        self.unescape = unescape
        self.at = 0
        self.start = 0

    def fail(
        self, detail: str, end: int | None = None, message: str = _INVALID, code: str = "22P02"
    ) -> SqlError:
        """The error of the token that ends at ``end`` (the one just read without it)."""
        error = SqlError(message, code, detail)
        error.context = self._context(self.at if end is None else end)
        return error

    def _context(self, end: int) -> str:
        """The line up to the wrong token, of a long one the last 50 bytes or so."""
        text, decode = self.text, self.settings.encoding.decode
        number = text.count(b"\n", 0, self.start) + 1
        line = text.rfind(b"\n", 0, self.start) + 1
        begin = line
        while end - begin >= _SHOWN:
            begin += max(1, self.settings.encoding.char_length(text[begin]))
        if begin - line <= len(_MORE):
            begin = line
        more = end < len(text) and text[end] not in b"\r\n"
        return (f"JSON data, line {number}: {_MORE if begin > line else ''}"
                f"{decode(text[begin:end])}{_MORE if more else ''}")  # fmt: skip

    def shown(self) -> str:
        return self.settings.encoding.decode(self.text[self.start : self.at])

    def expected(self, what: str) -> SqlError:
        """The error at the current token, or at the end of the input."""
        if self.start >= len(self.text):
            return self.fail("The input string ended unexpectedly.")
        return self.fail(f'Expected {what}, but found "{self.shown()}".')

    def token(self) -> tuple[bytes, Any]:
        """(kind, value): kind is punctuation, or one of b"s", b"n", b"w", b"" at the end."""
        match = _TOKEN.match(self.text, self.at)
        assert match is not None
        punctuation, quote, number, word, end, other = match.groups()
        self.start = match.start(match.lastindex or 0)
        self.at = match.end()
        if punctuation:
            return punctuation, None
        if quote:
            return b"s", self.string()
        if number is not None and _NUMBER.fullmatch(number):
            return b"n", JsonNumber(number.decode("ascii"))
        if word in _WORDS:
            return b"w", _WORDS[word]
        if end is not None:
            return b"", _END
        shown = self.settings.encoding.decode(number or word or other)
        raise self.fail(f'Token "{shown}" is invalid.')

    def string(self) -> bytes:
        """The string whose opening quote has just been read."""
        match = _STRING.match(self.text, self.at)
        if match is None:
            raise self.bad_string()
        self.at = match.end()
        body = match[1]
        return self.unescaped(body) if b"\\" in body else body

    def bad_string(self) -> SqlError:
        at = self.at
        while at < len(self.text):
            byte = self.text[at]
            if byte == 0x22:
                break
            if byte < 32:
                return self.fail(f"Character with value 0x{byte:02x} must be escaped.", at)
            if byte == 0x5C:
                tail = self.text[at + 1 : at + 6]
                if tail[:1] == b"u" and not re.fullmatch(rb"u[0-9a-fA-F]{4}", tail):
                    good = re.match(rb"u[0-9a-fA-F]{0,4}", tail)
                    end = at + 1 + good.end() if good else at + 1
                    if end == len(self.text):
                        break
                    end += self._char(end)
                    return self.fail('"\\u" must be followed by four hexadecimal digits.', end)
                if tail[:1] and tail[:1] not in _SIMPLE and tail[:1] != b"u":
                    end = at + 1 + self._char(at + 1)
                    shown = self.settings.encoding.decode(self.text[at + 1 : end])
                    return self.fail(f'Escape sequence "\\{shown}" is invalid.', end)
                at += 1
            at += 1
        self.at = len(self.text)
        return self.fail(f'Token "{self.shown()}" is invalid.')

    def _char(self, at: int) -> int:
        """Length of the character at a place, 0 at the end."""
        if at >= len(self.text):
            return 0
        return max(1, self.settings.encoding.char_length(self.text[at]))

    def unescaped(self, body: bytes) -> bytes:
        if not self.unescape:
            return body
        out, at, high = [], 0, 0
        begin = self.at - 1 - len(body)
        for match in _STRING_ESCAPE.finditer(body):
            if match.start() > at and high:
                raise self.low_wanted(begin + at + self._char(begin + at))
            out.append(body[at : match.start()])
            at = match.end()
            if match[1] is None:
                if high:
                    raise self.low_wanted(begin + at)
                out.append(_SIMPLE[match[2]])
                continue
            code = int(match[1], 16)
            high, character = self._combine(high, code, begin + at)
            if character:
                out.append(self._encoded(character, begin + at))
        if high:
            raise self.low_wanted(begin + at + self._char(begin + at))
        return b"".join([*out, body[at:]])

    def low_wanted(self, end: int) -> SqlError:
        return self.fail("Unicode low surrogate must follow a high surrogate.", end)

    def _combine(self, high: int, code: int, end: int) -> tuple[int, int]:
        """(pending high surrogate, finished code point)."""
        if 0xD800 <= code < 0xDC00:
            if high:
                raise self.fail("Unicode high surrogate must not follow a high surrogate.", end)
            return code, 0
        if 0xDC00 <= code < 0xE000:
            if not high:
                raise self.low_wanted(end)
            return 0, 0x10000 + ((high & 0x3FF) << 10) + (code & 0x3FF)
        if high:
            raise self.low_wanted(end)
        if code == 0:
            raise self.fail("\\u0000 cannot be converted to text.", end, _UNSUPPORTED, "22P05")
        return 0, code

    def _encoded(self, code: int, end: int) -> bytes:
        encoding = self.settings.encoding
        if code < 0x80:
            return bytes([code])
        try:
            if encoding.codec is None or encoding.name == "SQL_ASCII":
                raise UnicodeError
            return chr(code).encode(encoding.codec)
        except UnicodeError:
            raise self.fail(
                "Unicode escape value could not be translated to the server's encoding "
                f"{encoding.name}.", end, _UNSUPPORTED, "22P05",
            ) from None  # fmt: skip

    def parse(self) -> Any:
        value = self.value(*self.token(), "JSON value")
        kind, _ = self.token()
        if kind:
            raise self.fail(f'Expected end of input, but found "{self.shown()}".')
        return value

    def value(self, kind: bytes, found: Any, what: str) -> Any:
        """The value that begins with this token."""
        if kind in (b"s", b"n", b"w"):
            return found
        if kind not in (b"{", b"["):
            raise self.expected(what)
        root: Any = {} if kind == b"{" else []
        stack: list[tuple[Any, bytes | None]] = [(root, None)]
        fresh = True
        while stack:
            holder, _key = stack[-1]
            done, key, kind, found = self._next(holder, fresh)
            if done:
                stack.pop()
                fresh = False
                continue
            fresh = kind in (b"{", b"[")
            inner: Any = ({} if kind == b"{" else []) if fresh else found
            if isinstance(holder, dict):
                assert key is not None
                holder[key] = inner
            else:
                holder.append(inner)
            if fresh:
                if len(stack) >= _MAX_DEPTH:
                    raise SqlError("stack depth limit exceeded", "54001")
                stack.append((inner, key))
        return root

    def _next(self, holder: Any, fresh: bool) -> tuple[bool, bytes | None, bytes, Any]:
        """(closed, key, token kind, token value) of a container's next member."""
        is_object = isinstance(holder, dict)
        closer = b"}" if is_object else b"]"
        kind, found = self.token()
        if kind == closer and (fresh or kind != b","):
            return True, None, b"", None
        if not fresh:
            if kind != b",":
                raise self.expected(f'"," or "{closer.decode()}"')
            kind, found = self.token()
        key = None
        if is_object:
            if kind != b"s":
                raise self.expected('string or "}"' if fresh else "string")
            key = found
            kind, _ = self.token()
            if kind != b":":
                raise self.expected('":"')
            kind, found = self.token()
        if kind not in (b"s", b"n", b"w", b"{", b"["):
            raise self.expected("JSON value")
        return False, key, kind, found


def parse_json(text: bytes, settings: Settings, *, unescape: bool) -> Any:
    """dict (bytes keys, the last of equal ones wins), list, bytes, JsonNumber, bool, None."""
    return _Parser(text, settings, unescape).parse()


class Json(Text):
    """``json``."""

    def _input(self, text: bytes, typmod: int) -> bytes:
        text = super()._input(text, typmod)
        parse_json(text, self.settings, unescape=False)
        return text

    def _python(self, datum: bytes) -> Any:
        import json

        return json.loads(self.settings.encoding.decode(datum))
