"""Types of their own kind: uuid, bit strings, snapshots, aclitem."""

from __future__ import annotations

import re
import struct
import uuid
from typing import Any

from formats import datum as layout
from formats.derive import struct_of
from pgtool.errors import CorruptData, SqlError
from pgtool.types.base import AsciiIO, FixedIO, TypeIO

__all__ = ["AclItem", "Bit", "Snapshot", "Uuid", "VarBit"]


class Uuid(FixedIO):
    """``uuid``: sixteen bytes as they are written."""

    wire = (1,) * 16
    _FORM = re.compile(
        r"\{(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}\}|(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}"
    )

    def _ascii(self, datum: bytes) -> str:
        text = datum.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _send(self, datum: bytes) -> bytes:
        return datum

    def _parse(self, text: str, typmod: int) -> bytes:
        if not self._FORM.fullmatch(text):
            raise self.bad_input(text)
        return bytes.fromhex(text.strip("{}").replace("-", ""))

    def _python(self, datum: bytes) -> uuid.UUID:
        return uuid.UUID(bytes=datum)


_BITLEN = struct_of(layout.VarBit)
_MAX_BITS = 83886080 * 8


class _BitString(AsciiIO):
    """A bit string: its length in bits, then the bits from the left."""

    def _split(self, datum: bytes) -> tuple[int, bytes]:
        (length,) = _BITLEN.unpack_from(datum)
        body = datum[_BITLEN.size :]
        if length < 0 or (length + 7) // 8 > len(body):
            raise CorruptData(f"bit string of {length} bits in {len(body)} bytes", field="bit_len")
        return length, body

    def _ascii(self, datum: bytes) -> str:
        length, body = self._split(datum)
        if not length:
            return ""
        return f"{int.from_bytes(body, 'big'):0{8 * len(body)}b}"[:length]

    def _send(self, datum: bytes) -> bytes:
        length, body = self._split(datum)
        return length.to_bytes(4, "big") + body

    def _fit(self, bits: int, typmod: int) -> None:
        raise NotImplementedError

    def _parse(self, text: str, typmod: int) -> bytes:
        is_hex = text[:1] in ("x", "X")
        digits = text[1:] if text[:1] in ("b", "B", "x", "X") else text
        allowed = "[^0-9a-fA-F]" if is_hex else "[^01]"
        length = len(digits) * (4 if is_hex else 1)
        if is_hex and length > 0x7FFFFFFF:
            raise SqlError("bit string length exceeds the maximum allowed", "54000")
        self._fit(length, typmod)
        bad = re.search(allowed, digits)
        if bad:
            kind = "hexadecimal" if is_hex else "binary"
            raise SqlError(f'"{bad[0]}" is not a valid {kind} digit', "22P02")
        return self._pack(length, int(digits or "0", 16 if is_hex else 2))

    @staticmethod
    def _pack(length: int, value: int) -> bytes:
        size = (length + 7) // 8
        return _BITLEN.pack(length) + (value << 8 * size - length).to_bytes(size, "big")

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        (length,) = struct.unpack_from(">i", wire)
        if not 0 <= length <= _MAX_BITS or len(wire) - 4 != (length + 7) // 8:
            raise SqlError("invalid length in external bit string", "22P03")
        self._fit(length, typmod)
        value = int.from_bytes(wire[4:], "big") >> 8 * (len(wire) - 4) - length
        return self._pack(length, value)


class Bit(_BitString):
    """``bit(n)``: exactly n bits."""

    def _fit(self, bits: int, typmod: int) -> None:
        if typmod > 0 and bits != typmod:
            raise SqlError(f"bit string length {bits} does not match type bit({typmod})", "22026")


class VarBit(_BitString):
    """``bit varying(n)``: at most n bits."""

    def _fit(self, bits: int, typmod: int) -> None:
        if typmod > 0 and bits > typmod:
            raise SqlError(f"bit string too long for type bit varying({typmod})", "22001")


_SNAPSHOT = struct_of(layout.PgSnapshot)


class Snapshot(AsciiIO):
    """``pg_snapshot`` and ``txid_snapshot``: xmin:xmax:xip,xip,…"""

    _FORM = re.compile(r"([0-9]+):([0-9]+):((?:[0-9]+,)*[0-9]*)")
    sql_name = "pg_snapshot"

    def _split(self, datum: bytes) -> tuple[int, int, tuple[int, ...]]:
        count, xmin, xmax = _SNAPSHOT.unpack_from(datum)
        if _SNAPSHOT.size + 8 * count != len(datum):
            raise CorruptData(f"snapshot of {count} transactions", field="nxip")
        return xmin, xmax, struct.unpack_from(f"<{count}Q", datum, _SNAPSHOT.size)

    def _ascii(self, datum: bytes) -> str:
        xmin, xmax, xip = self._split(datum)
        return f"{xmin}:{xmax}:{','.join(map(str, xip))}"

    def _send(self, datum: bytes) -> bytes:
        xmin, xmax, xip = self._split(datum)
        return struct.pack(f">IQQ{len(xip)}Q", len(xip), xmin, xmax, *xip)

    def _valid(self, xmin: int, xmax: int, xip: list[int]) -> bool:
        inside = all(xmin <= x < xmax for x in xip)
        return 0 < xmin <= xmax < 1 << 64 and inside and xip == sorted(xip)

    def _pack(self, xmin: int, xmax: int, xip: list[int]) -> bytes:
        xip = sorted(set(xip))
        return _SNAPSHOT.pack(len(xip), xmin, xmax) + struct.pack(f"<{len(xip)}Q", *xip)

    def _parse(self, text: str, typmod: int) -> bytes:
        match = self._FORM.fullmatch(text)
        if match is None:
            raise self.bad_input(text)
        xmin, xmax = int(match[1][:30]), int(match[2][:30])
        xip = [int(x[:30]) for x in match[3].split(",") if x]
        if not self._valid(xmin, xmax, xip):
            raise self.bad_input(text)
        return self._pack(xmin, xmax, xip)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        count, xmin, xmax = struct.unpack_from(">IQQ", wire)
        xip = list(struct.unpack(f">{count}Q", wire[20:]))
        if not self._valid(xmin, xmax, xip):
            raise SqlError("invalid external pg_snapshot data", "22P03")
        return self._pack(xmin, xmax, xip)


class AclItem(TypeIO):
    """``aclitem``: grantee=privileges/grantor."""

    _UNSAFE = re.compile(rb"[^0-9A-Za-z_]")

    def _role(self, oid: int) -> bytes:
        name = self.registry.lookups.role_name(oid)
        if name is None:
            return str(oid).encode("ascii")
        raw = self.settings.encoding.encode(name)
        unsafe = self._UNSAFE.search(raw)
        return b'"' + raw.replace(b'"', b'""') + b'"' if unsafe else raw

    def _text(self, datum: bytes) -> bytes:
        layout_of = layout.AclItem[self.settings.major]
        grantee, grantor, word = struct_of(layout_of).unpack(datum)
        half = 16 if len(datum) == 12 else 32
        letters = ""
        for bit, letter in enumerate(layout.ACL_ALL_RIGHTS_STR[self.settings.major]):
            letters += letter if word >> bit & 1 else ""
            letters += "*" if word >> bit + half & 1 else ""
        who = self._role(grantee) if grantee else b""
        return who + b"=" + letters.encode("ascii") + b"/" + self._role(grantor)

    def _input(self, text: bytes, typmod: int) -> bytes:
        major = self.settings.major
        keyword, rest = self._identifier(text)
        if not rest.startswith(b"="):
            if keyword not in (b"group", b"user"):
                shown = self.settings.encoding.decode(keyword)
                raise SqlError(
                    f'unrecognized key word: "{shown}"', "22P02", None,
                    'ACL key word must be "group" or "user".',
                )  # fmt: skip
            keyword, rest = self._identifier(rest)
            if not keyword:
                raise SqlError(
                    "missing name", "22P02", None,
                    'A name must follow the "group" or "user" key word.',
                )  # fmt: skip
        if not rest.startswith(b"="):
            raise SqlError('missing "=" sign', "22P02")
        letters = layout.ACL_ALL_RIGHTS_STR[major]
        match = re.match(rb"[A-Za-z*]*", rest[1:])
        assert match is not None
        word, last = 0, 0
        half = 4 * struct_of(layout.AclItem[major]).size - 32
        for letter in match[0].decode("ascii"):
            if letter == "*":
                word |= last << half
            elif letter in letters:
                last = 1 << letters.index(letter)
                word |= last
            else:
                raise SqlError(f'invalid mode character: must be one of "{letters}"', "22P02")
        rest = rest[1 + match.end() :]
        grantor = 10
        if rest.startswith(b"/"):
            name, rest = self._identifier(rest[1:])
            if not name:
                raise SqlError('a name must follow the "/" sign', "22P02")
            grantor = self._role_oid(name)
        if rest.strip(b" \t-\r"):
            raise SqlError("extra garbage at the end of the ACL specification", "22P02")
        grantee = self._role_oid(keyword) if keyword else 0
        return struct_of(layout.AclItem[major]).pack(grantee, grantor, word)

    def _role_oid(self, name: bytes) -> int:
        shown = self.settings.encoding.decode(name)
        oid = self.registry.lookups.role_oid(shown)
        if oid is None:
            raise SqlError(f'role "{shown}" does not exist', "42704")
        return oid

    def _identifier(self, text: bytes) -> tuple[bytes, bytes]:
        """A role name, quoted or not, and what follows it."""
        text = text.lstrip(b" \t\n\v\f\r")
        match = re.match(rb'(?:"(?:[^"]|"")*"?|[0-9A-Za-z_\x80-\xff])*', text)
        assert match is not None
        pieces = re.findall(rb'"((?:[^"]|"")*)"?|([0-9A-Za-z_\x80-\xff]+)', match[0])
        name = b"".join(quoted.replace(b'""', b'"') or plain for quoted, plain in pieces)
        if len(name) >= layout.NAMEDATALEN:
            raise SqlError(
                "identifier too long", "42622",
                f"Identifier must be less than {layout.NAMEDATALEN} characters.",
            )  # fmt: skip
        return name, text[match.end() :].lstrip(b" \t\n\v\f\r")

    def _python(self, datum: bytes) -> Any:
        return self.settings.encoding.decode(self._text(datum))
