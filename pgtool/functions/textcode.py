"""Text and bytes into each other: encode, decode, convert, digests and checksums."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable
from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.registry import Call, builtin
from pgtool.types.encoding import Encoding, encoding_by_name

_BASE64_LINE = 76
_SPACES = re.compile(rb"[ \t\n\r]")


def _to_base64(data: bytes) -> str:
    text = base64.b64encode(data).decode("ascii")
    return "\n".join([text[i : i + _BASE64_LINE] for i in range(0, len(text), _BASE64_LINE)])


def _escaped(data: bytes) -> str:
    out = []
    for byte in data:
        if byte == 0 or byte >= 0x80:
            out.append(f"\\{byte:03o}")
        else:
            out.append("\\\\" if byte == 0x5C else chr(byte))
    return "".join(out)


_ENCODERS: dict[str, Callable[[bytes], str]] = {
    "hex": lambda data: data.hex(), "base64": _to_base64, "escape": _escaped,
}  # fmt: skip


def _bad_end() -> SqlError:
    return SqlError(
        "invalid base64 end sequence", "22023",
        hint="Input data is missing padding, is truncated, or is otherwise corrupted.",
    )  # fmt: skip


def _from_base64(call: Call, text: bytes) -> bytes:
    body = _SPACES.sub(b"", text)
    bits = count = end = 0
    out = bytearray()
    for at, byte in enumerate(body):
        if byte == 0x3D:
            if not end:
                if count not in (2, 3):
                    raise SqlError('unexpected "=" while decoding base64 sequence', "22023")
                end = 1 if count == 2 else 2
            value = 0
        else:
            value = _BASE64.get(byte, -1)
            if value < 0:
                shown = call.session.settings.encoding.decode(body[at : at + 4])[:1]
                raise SqlError(
                    f'invalid symbol "{shown}" found while decoding base64 sequence', "22023"
                )
        bits, count = bits << 6 | value, count + 1
        if count == 4:
            three = bits.to_bytes(3, "big")
            out += three[: {0: 3, 1: 1, 2: 2}[end]]
            bits = count = 0
    if count:
        raise _bad_end()
    return bytes(out)


_BASE64 = {
    byte: i
    for i, byte in enumerate(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}


def _from_hex(call: Call, text: bytes) -> bytes:
    out, at = bytearray(), 0
    while at < len(text):
        if text[at] in b" \n\t\r":
            at += 1
            continue
        pair = text[at : at + 2]
        for offset in range(len(pair)):
            if pair[offset] not in b"0123456789abcdefABCDEF":
                shown = call.session.settings.encoding.decode(text[at + offset :])[:1]
                raise SqlError(f'invalid hexadecimal digit: "{shown}"', "22023")
        if len(pair) < 2:
            raise SqlError("invalid hexadecimal data: odd number of digits", "22023")
        out.append(int(pair, 16))
        at += 2
    return bytes(out)


_BACKSLASH = re.compile(rb"\\(?:([0-3][0-7][0-7])|(\\)|)")


def _from_escaped(call: Call, text: bytes) -> bytes:
    def unescape(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return bytes([int(match[1], 8)])
        if match[2]:
            return b"\\"
        raise SqlError("invalid input syntax for type bytea", "22P02")

    return _BACKSLASH.sub(unescape, text)


_DECODERS: dict[str, Callable[[Call, bytes], bytes]] = {
    "hex": _from_hex, "base64": _from_base64, "escape": _from_escaped,
}  # fmt: skip


def _known(table: dict[str, Any], name: str) -> Any:
    found = table.get(name.lower())
    if found is None:
        raise SqlError(f'unrecognized encoding: "{name}"', "22023")
    return found


@builtin("binary_encode")
def binary_encode(data: bytes, name: str) -> str:
    made: str = _known(_ENCODERS, name)(data)
    return made


@builtin("binary_decode", call=True)
def binary_decode(call: Call, text: str, name: str) -> bytes:
    decoder = _known(_DECODERS, name)
    made: bytes = decoder(call, call.session.settings.encoding.encode(text))
    return made


# -- character encodings --------------------------------------------------------------------


def _encoding(name: str, role: str) -> Encoding:
    try:
        return encoding_by_name(name)
    except Unsupported:
        message = f'invalid {role} encoding name "{name}"'
        raise SqlError(message, "22023") from None


def _check(encoding: Encoding, data: bytes) -> None:
    at = encoding.invalid_at(data)
    if at is not None:
        bad = data[at : at + encoding.char_length(data[at])]
        shown = " ".join(f"0x{byte:02x}" for byte in bad)
        raise SqlError(f'invalid byte sequence for encoding "{encoding.name}": {shown}', "22021")


def _untranslatable(char: str, source: Encoding, target: Encoding) -> SqlError:
    raw = source.encode(char)
    shown = " ".join(f"0x{byte:02x}" for byte in raw)
    return SqlError(
        f'character with byte sequence {shown} in encoding "{source.name}" has no equivalent '
        f'in encoding "{target.name}"', "22P05",
    )  # fmt: skip


#: Encodings that convert into each other directly; all others only from and to UTF8.
_FAMILIES = (
    frozenset(("KOI8R", "WIN1251", "WIN866", "ISO_8859_5")), frozenset(("LATIN2", "WIN1250")),
    frozenset(("EUC_TW", "BIG5")), frozenset(("EUC_JP", "SJIS")),
    frozenset(("EUC_JIS_2004", "SHIFT_JIS_2004")),
)  # fmt: skip


def _convertible(source: str, target: str) -> bool:
    pair = {source, target}
    return bool(pair & {"UTF8", "SQL_ASCII"}) or any(pair <= family for family in _FAMILIES)


def _convert(data: bytes, source: Encoding, target: Encoding) -> bytes:
    if not data:
        return data
    _check(source, data)
    if source.id == target.id:
        return data
    if not _convertible(source.name, target.name):
        raise SqlError(
            f'default conversion function for encoding "{source.name}" to "{target.name}" '
            "does not exist", "42883",
        )  # fmt: skip
    if data.isascii():
        return data
    if "SQL_ASCII" in (source.name, target.name):
        _check(target, data)
        return data
    if source.codec is None or target.codec is None:
        raise Unsupported(f"conversion from {source.name} to {target.name}")
    text = source.decode(data)
    try:
        return text.encode(target.codec)
    except UnicodeEncodeError as error:
        raise _untranslatable(text[error.start], source, target) from None


@builtin("pg_convert", call=True)
def pg_convert(call: Call, data: bytes, source: str, target: str) -> bytes:
    return _convert(data, _encoding(source, "source"), _encoding(target, "destination"))


@builtin("pg_convert_to", call=True)
def pg_convert_to(call: Call, text: str, target: str) -> bytes:
    own = call.session.settings.encoding
    return _convert(own.encode(text), own, _encoding(target, "destination"))


@builtin("pg_convert_from", call=True)
def pg_convert_from(call: Call, data: bytes, source: str) -> str:
    own = call.session.settings.encoding
    made: str = own.decode(_convert(data, _encoding(source, "source"), own))
    return made


@builtin("length_in_encoding")
def length_in_encoding(data: bytes, name: str) -> int:
    try:
        encoding = encoding_by_name(name)
    except Unsupported:
        raise SqlError(f'invalid encoding name "{name}"', "22023") from None
    _check(encoding, data)
    return encoding.count(data)


# -- digests -------------------------------------------------------------------------------


@builtin("md5_text", call=True)
def md5_text(call: Call, text: str) -> str:
    raw = call.session.settings.encoding.encode(text)
    return hashlib.md5(raw, usedforsecurity=False).hexdigest()


@builtin("md5_bytea")
def md5_bytea(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@builtin("sha224_bytea")
def sha224_bytea(data: bytes) -> bytes:
    return hashlib.sha224(data).digest()


@builtin("sha256_bytea")
def sha256_bytea(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@builtin("sha384_bytea")
def sha384_bytea(data: bytes) -> bytes:
    return hashlib.sha384(data).digest()


@builtin("sha512_bytea")
def sha512_bytea(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()


@builtin("crc32_bytea")
def crc32_bytea(data: bytes) -> int:
    return zlib.crc32(data)


@builtin("crc32c_bytea")
def crc32c_bytea(data: bytes) -> int:
    import crc32c

    return int(crc32c.crc32c(data))
