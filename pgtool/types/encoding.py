"""Server encodings: PostgreSQL's numbers and names, Python's codecs, character lengths.

Text lies on disk in the database's encoding and COPY gives it out as it lies; only what
needs characters (varchar(n), escapes in jsonb, Python strings) decodes. Every server
encoding is a superset of ASCII in which multibyte characters have no ASCII bytes, so all
quoting can work on bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pgtool.errors import Unsupported

__all__ = ["ENCODINGS", "SQL_ASCII", "UTF8", "Encoding", "encoding_by_id", "encoding_by_name"]

_SS2, _SS3 = 0x8E, 0x8F


def _one(byte: int) -> int:
    return 1


def _utf8(byte: int) -> int:
    return 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4 if byte < 0xF8 else 1


def _euc(byte: int) -> int:
    return 1 if byte < 0x80 else 3 if byte == _SS3 else 2


def _euc_cn(byte: int) -> int:
    return 1 if byte < 0x80 else 2


def _euc_tw(byte: int) -> int:
    return 4 if byte == _SS2 else _euc(byte)


def _mule(byte: int) -> int:
    if 0x81 <= byte <= 0x8D:
        return 2
    if 0x90 <= byte <= 0x9B:
        return 3
    return 4 if byte in (0x9C, 0x9D) else 1


@dataclass(frozen=True, slots=True)
class Encoding:
    """One encoding. ``codec`` is None where Python has none."""

    id: int
    name: str
    codec: str | None
    char_length: Callable[[int], int] = _one

    def decode(self, data: bytes) -> str:
        """Bytes → str; undecodable bytes become lone surrogates that encode back."""
        if self.codec is None:
            return data.decode("ascii", "surrogateescape")
        return data.decode(self.codec, "surrogateescape")

    def encode(self, text: str) -> bytes:
        """str → bytes; Unsupported where a character has no place in this encoding."""
        try:
            return text.encode(self.codec or "ascii", "surrogateescape")
        except UnicodeEncodeError as error:
            bad = ascii(text[error.start])
            raise Unsupported(f"character {bad} has no equivalent in {self.name}") from None

    def invalid_at(self, data: bytes) -> int | None:
        """Where the first byte sequence lies that is no character, or None."""
        if data.isascii() or self.char_length is _one:
            at = data.find(0)
            return at if at >= 0 else None
        if self.char_length is _utf8:
            try:
                data.decode("utf-8")
            except UnicodeDecodeError as error:
                return error.start
            return self._zero(data)
        least = 0x80 if self.char_length is _mule else 0xA1
        for at in self.starts(data):
            length = self.char_length(data[at])
            tail = data[at + 1 : at + length]
            if len(tail) < length - 1 or any(byte < least for byte in tail):
                return at
        return self._zero(data)

    @staticmethod
    def _zero(data: bytes) -> int | None:
        at = data.find(0)
        return at if at >= 0 else None

    def count(self, data: bytes) -> int:
        """Characters in ``data``, as the server counts them."""
        if self.char_length is _one or data.isascii():
            return len(data)
        return len(self.starts(data))

    def starts(self, data: bytes) -> list[int]:
        """Offset of each character."""
        out, at = [], 0
        while at < len(data):
            out.append(at)
            at += self.char_length(data[at])
        return out

    def clip(self, data: bytes, limit: int) -> bytes:
        """The longest prefix of whole characters with at most ``limit`` bytes."""
        if len(data) <= limit:
            return data
        if self.char_length is _one:
            return data[:limit]
        last = 0
        for start in self.starts(data):
            if start > limit:
                break
            last = start
        return data[:last]

    def head(self, data: bytes, characters: int) -> bytes:
        """The first so many characters."""
        if self.char_length is _one or data.isascii():
            return data[:characters]
        starts = self.starts(data)
        return data[: starts[characters]] if characters < len(starts) else data


#: (name, codec, length function), in the order of PostgreSQL's encoding numbers.
_TABLE: tuple[tuple[str, str | None, Callable[[int], int]], ...] = (
    ("SQL_ASCII", "utf-8", _one), ("EUC_JP", "euc_jp", _euc), ("EUC_CN", "gb2312", _euc_cn),
    ("EUC_KR", "euc_kr", _euc_cn), ("EUC_TW", None, _euc_tw),
    ("EUC_JIS_2004", "euc_jis_2004", _euc), ("UTF8", "utf-8", _utf8),
    ("MULE_INTERNAL", None, _mule), ("LATIN1", "iso8859-1", _one), ("LATIN2", "iso8859-2", _one),
    ("LATIN3", "iso8859-3", _one), ("LATIN4", "iso8859-4", _one), ("LATIN5", "iso8859-9", _one),
    ("LATIN6", "iso8859-10", _one), ("LATIN7", "iso8859-13", _one), ("LATIN8", "iso8859-14", _one),
    ("LATIN9", "iso8859-15", _one), ("LATIN10", "iso8859-16", _one), ("WIN1256", "cp1256", _one),
    ("WIN1258", "cp1258", _one), ("WIN866", "cp866", _one), ("WIN874", "cp874", _one),
    ("KOI8R", "koi8-r", _one), ("WIN1251", "cp1251", _one), ("WIN1252", "cp1252", _one),
    ("ISO_8859_5", "iso8859-5", _one), ("ISO_8859_6", "iso8859-6", _one),
    ("ISO_8859_7", "iso8859-7", _one), ("ISO_8859_8", "iso8859-8", _one),
    ("WIN1250", "cp1250", _one), ("WIN1253", "cp1253", _one), ("WIN1254", "cp1254", _one),
    ("WIN1255", "cp1255", _one), ("WIN1257", "cp1257", _one), ("KOI8U", "koi8-u", _one),
)  # fmt: skip

ENCODINGS = tuple(Encoding(i, *row) for i, row in enumerate(_TABLE))
SQL_ASCII, UTF8 = ENCODINGS[0], ENCODINGS[6]
assert UTF8.name == "UTF8" and ENCODINGS[34].name == "KOI8U"


def encoding_by_id(number: int) -> Encoding:
    """The encoding of pg_database.encoding."""
    if 0 <= number < len(ENCODINGS):
        return ENCODINGS[number]
    raise Unsupported(f"server encoding {number}")


def encoding_by_name(name: str) -> Encoding:
    """The encoding with this name, written in any of the usual ways."""
    wanted = "".join(c for c in name.lower() if c.isalnum())
    aliases = {"unicode": "utf8", "koi8": "koi8r", "alt": "win866", "win": "win1251"}
    wanted = aliases.get(wanted, wanted)
    for encoding in ENCODINGS:
        if encoding.name.lower().replace("_", "") == wanted:
            return encoding
    raise Unsupported(f'server encoding "{name}"')
