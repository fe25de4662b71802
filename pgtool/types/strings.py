"""The text family and other strings of bytes: text, varchar, char, name, "char", bytea, xml …

Text lies in the database's encoding and leaves as it lies. What a length counts is
characters, so varchar(n) and char(n) go through the encoding.
"""

from __future__ import annotations

import re

from formats.datum import ALIGN_BASE, NAMEDATALEN
from formats.version import ByMajor
from pgtool.errors import SqlError
from pgtool.types.base import TypeIO, bad_input

__all__ = [
    "BpChar",
    "Bytea",
    "CString",
    "Char",
    "Hexed",
    "Name",
    "ReadOnlyText",
    "Text",
    "VarChar",
    "Xml",
    "bytea_text",
    "parse_bytea",
]  # fmt: skip


class Text(TypeIO):
    """``text`` and everything that is stored alike."""

    def _text(self, datum: bytes) -> bytes:
        return datum

    def _send(self, datum: bytes) -> bytes:
        return datum

    def _input(self, text: bytes, typmod: int) -> bytes:
        encoding = self.settings.encoding
        at = encoding.invalid_at(text)
        if at is not None:
            sequence = text[at : at + encoding.char_length(text[at])]
            shown = " ".join(f"0x{byte:02x}" for byte in sequence)
            raise SqlError(
                f'invalid byte sequence for encoding "{encoding.name}": {shown}', "22021"
            )
        return text

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        return self._input(wire, typmod)

    def _python(self, datum: bytes) -> str:
        return self.settings.encoding.decode(datum)


class CString(Text):
    """``cstring`` and ``unknown``: text that ends with a zero byte, which the datum lacks."""


class ReadOnlyText(Text):
    """Text that the server itself makes and takes from nobody: pg_node_tree."""

    def _input(self, text: bytes, typmod: int) -> bytes:
        raise SqlError(f"cannot accept a value of type {self.info.name}", "0A000")


class _Limited(Text):
    """Text with a length limit in characters."""

    label = ""

    def _fit(self, text: bytes, limit: int) -> bytes:
        """Cut what is too long, if only spaces are lost."""
        head = self.settings.encoding.head(text, limit)
        if text[len(head) :].strip(b" "):
            raise SqlError(f"value too long for type {self.label}({limit})", "22001")
        return head

    def _input(self, text: bytes, typmod: int) -> bytes:
        text = super()._input(text, typmod)
        if typmod < ALIGN_BASE:
            return text
        limit = typmod - ALIGN_BASE
        if len(text) > limit and self.settings.encoding.count(text) > limit:
            return self._fit(text, limit)
        return text


class VarChar(_Limited):
    """``character varying(n)``."""

    label = "character varying"


class BpChar(_Limited):
    """``character(n)``: filled up with spaces."""

    label = "character"

    def _input(self, text: bytes, typmod: int) -> bytes:
        text = super()._input(text, typmod)
        missing = typmod - ALIGN_BASE - self.settings.encoding.count(text)
        return text + b" " * max(0, missing) if typmod >= ALIGN_BASE else text


class Name(TypeIO):
    """``name``: 64 bytes, of which the last is zero."""

    def _text(self, datum: bytes) -> bytes:
        return datum.split(b"\0", 1)[0]

    def _send(self, datum: bytes) -> bytes:
        return self._text(datum)

    def _input(self, text: bytes, typmod: int) -> bytes:
        return self.settings.encoding.clip(text, NAMEDATALEN - 1).ljust(NAMEDATALEN, b"\0")

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        if len(wire) >= NAMEDATALEN:
            raise SqlError(
                "identifier too long",
                "42622",
                f"Identifier must be less than {NAMEDATALEN} characters.",
            )
        return wire.ljust(NAMEDATALEN, b"\0")


class Char(TypeIO):
    """``"char"``: one byte; from 15 on, bytes above 127 are shown in octal."""

    sql_name = '"char"'
    _OCTAL = ByMajor({14: False, 15: True})
    _ESCAPE = re.compile(rb"\\([0-7]{3})")

    def _text(self, datum: bytes) -> bytes:
        if datum[0] >= 0x80 and self._OCTAL[self.settings.major]:
            return b"\\%03o" % datum[0]
        return datum if datum[0] else b""

    def _send(self, datum: bytes) -> bytes:
        return datum

    def _input(self, text: bytes, typmod: int) -> bytes:
        match = self._ESCAPE.fullmatch(text)
        if match and self._OCTAL[self.settings.major]:
            return bytes([int(match[1], 8) & 0xFF])
        return text[:1] or b"\0"

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        if len(wire) != 1:
            raise self.bad_wire()
        return wire


_ESCAPED = [
    b"\\\\" if i == 0x5C else bytes([i]) if 0x20 <= i <= 0x7E else b"\\%03o" % i for i in range(256)
]
_BACKSLASH = re.compile(rb"\\(?:([0-3][0-7][0-7])|(\\)|)")
_NOT_HEX = re.compile(rb"[^0-9a-fA-F \n\t\r]")


def bytea_text(data: bytes, bytea_output: str) -> bytes:
    """A byte string in one of its two text forms."""
    if bytea_output == "hex":
        return b"\\x" + data.hex().encode("ascii")
    return b"".join([_ESCAPED[byte] for byte in data])


def parse_bytea(text: bytes) -> bytes:
    """Either text form → the byte string."""
    if text.startswith(b"\\x"):
        return _parse_hex(text[2:])

    def unescape(match: re.Match[bytes]) -> bytes:
        octal, backslash = match.groups()
        if octal:
            return bytes([int(octal, 8)])
        if backslash:
            return b"\\"
        raise SqlError("invalid input syntax for type bytea", "22P02")

    return _BACKSLASH.sub(unescape, text)


def _parse_hex(text: bytes) -> bytes:
    bad = _NOT_HEX.search(text)
    if bad:
        shown = bad[0].decode("latin-1")
        raise SqlError(f'invalid hexadecimal digit: "{shown}"', "22023")
    pairs = re.sub(rb"([0-9a-fA-F]{2})[ \n\t\r]+", rb"\1", text.lstrip(b" \n\t\r"))
    inside = re.search(rb"[ \n\t\r]", pairs)
    if inside:
        raise SqlError(f'invalid hexadecimal digit: "{inside[0].decode()}"', "22023")
    if len(pairs) % 2:
        raise SqlError("invalid hexadecimal data: odd number of digits", "22023")
    return bytes.fromhex(pairs.decode("ascii"))


class Bytea(TypeIO):
    """``bytea``."""

    def _text(self, datum: bytes) -> bytes:
        return bytea_text(datum, self.settings.bytea_output)

    def _send(self, datum: bytes) -> bytes:
        return datum

    def _input(self, text: bytes, typmod: int) -> bytes:
        return parse_bytea(text)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        return wire

    def _python(self, datum: bytes) -> bytes:
        return datum


class ReadOnlyBytea(Bytea):
    """Bytes that the server itself makes and takes from nobody: pg_mcv_list."""

    def _input(self, text: bytes, typmod: int) -> bytes:
        raise SqlError(f"cannot accept a value of type {self.info.name}", "0A000")

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        return self._input(wire, typmod)


class Xml(Text):
    """``xml``: text; on the way out the encoding in its declaration is dropped."""

    _DECLARATION = re.compile(
        rb"<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:\"([^\"]*)\"|'([^']*)')"
        rb"(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:\"[^\"]*\"|'[^']*'))?"
        rb"(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:\"(yes|no)\"|'(yes|no)'))?"
        rb"[ \t\r\n]*\?>"
    )

    def _text(self, datum: bytes) -> bytes:
        return self._declared(datum, b"")

    def _send(self, datum: bytes) -> bytes:
        name = self.settings.encoding.name
        return self._declared(datum, b"" if name in ("UTF8", "SQL_ASCII") else name.encode())

    def _input(self, text: bytes, typmod: int) -> bytes:
        text = super()._input(text, typmod)
        _check_xml(self.settings.encoding.decode(text).encode("utf-8", "surrogateescape"))
        return text

    def _declared(self, datum: bytes, encoding: bytes) -> bytes:
        """The value under a declaration that says what it must and no more."""
        match = self._DECLARATION.match(datum)
        version = standalone = None
        rest = datum
        if match is not None:
            version = match[1] if match[1] is not None else match[2]
            standalone = match[3] or match[4]
            rest = datum[match.end() :]
        if version in (b"1.0", None) and not standalone and not encoding:
            return rest[1:] if rest[:1] == b"\n" else rest
        head = b'<?xml version="%s"' % (version or b"1.0")
        head += b' encoding="%s"' % encoding if encoding else b""
        head += b' standalone="%s"' % standalone if standalone else b""
        return head + b"?>" + rest


def _check_xml(text: bytes) -> None:
    """Refuse what is neither an XML document nor content of one."""
    from xml.parsers import expat

    body = text.lstrip(b" \t\r\n")
    is_document = body.startswith(b"<?xml") or b"<!DOCTYPE" in body
    declaration = Xml._DECLARATION.match(body)
    content = body[declaration.end() :] if declaration else text
    for candidate in [text] * is_document + [b"<x>" + content + b"</x>"]:
        try:
            expat.ParserCreate("utf-8").Parse(candidate, True)
        except expat.ExpatError:
            continue
        return
    raise SqlError("invalid XML content", "2200N")


class Hexed(TypeIO):
    """A type that pgtool has no implementation for: ``name:\\x…``, its bytes in hexadecimal.

    The form is pgtool's own: the type's name, schema-qualified unless it is a built-in
    one, a colon, and the stored bytes as bytea shows them. There is no binary form: a server
    would take the stored bytes for what the type's own function sends.
    """

    def _text(self, datum: bytes) -> bytes:
        info = self.info
        name = info.name if info.namespace == "pg_catalog" else f"{info.namespace}.{info.name}"
        return self.settings.encoding.encode(name) + b":\\x" + datum.hex().encode("ascii")

    @property
    def sends(self) -> bool:
        """Not from here."""
        return False

    def _send(self, datum: bytes) -> bytes:
        self.unsupported("binary output")

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        self.unsupported("binary input")

    def _input(self, text: bytes, typmod: int) -> bytes:
        name, mark, hexed = text.rpartition(b":\\x")
        if not mark or not name:
            raise bad_input(self.info.name, self.settings.encoding.decode(text))
        return _parse_hex(hexed)

    def _python(self, datum: bytes) -> bytes:
        return datum
