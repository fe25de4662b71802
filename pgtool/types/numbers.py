"""Integers and their kin: int2/4/8, oid, xid, xid8, cid, tid, pg_lsn, bool, money.

All are fixed-width, so the stored form is the value itself and the wire form its byte
reversal. What text is accepted differs between majors (hexadecimal, octal, binary and
underscores came with 16); that difference is data below.
"""

from __future__ import annotations

import re

from formats import datum as layout
from formats.derive import struct_of
from formats.units import Lsn
from formats.version import ByMajor
from pgtool.errors import Unsupported
from pgtool.types.base import AsciiIO, FixedIO, bad_input, out_of_range
from pgtool.types.cstdlib import SPACE, strtoul

__all__ = [
    "Bool", "Cid", "Int2", "Int4", "Int8", "Money", "OidIO", "PgLsn", "Tid", "Xid", "Xid8",
    "parse_int",
]  # fmt: skip

_DECIMAL = re.compile(r"([+-]?)([0-9]+)")
_ANY_BASE = re.compile(
    r"([+-]?)(0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|[0-9](?:_?[0-9])*)"
)
_INTEGER = ByMajor({14: _DECIMAL, 16: _ANY_BASE})
_BASES = {"x": 16, "o": 8, "b": 2}


def parse_int(text: str, major: int, bits: int, type_name: str) -> int:
    """A signed integer of so many bits as the input functions int2in … int8in read it."""
    match = _INTEGER[major].fullmatch(text.strip(SPACE))
    if match is None:
        # Too many digits are seen before what is wrong behind them.
        head = _DECIMAL.match(text.strip(SPACE))
        if head and len(head[2].lstrip("0")) >= len(str(1 << bits - 1)):
            parse_int(head[0], major, bits, type_name)
        raise bad_input(type_name, text)
    sign, digits = match.groups()
    digits = digits.replace("_", "")
    base = _BASES.get(digits[1:2].lower(), 10)
    if len(digits) > 4000:
        raise out_of_range(type_name, text)
    value = int(digits[2:] if base != 10 else digits, base)
    value = -value if sign == "-" else value
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise out_of_range(type_name, text)
    return value


class _Integer(FixedIO):
    """A signed integer."""

    width = 0

    def _ascii(self, datum: bytes) -> str:
        return str(int.from_bytes(datum, "little", signed=True))

    def _parse(self, text: str, typmod: int) -> bytes:
        value = parse_int(text, self.settings.major, 8 * self.width, self.sql_name)
        return value.to_bytes(self.width, "little", signed=True)

    def _python(self, datum: bytes) -> int:
        return int.from_bytes(datum, "little", signed=True)


class Int2(_Integer):
    """``smallint``."""

    sql_name, width, wire = "smallint", 2, (2,)


class Int4(_Integer):
    """``integer``."""

    sql_name, width, wire = "integer", 4, (4,)


class Int8(_Integer):
    """``bigint``."""

    sql_name, width, wire = "bigint", 8, (8,)


class _Unsigned(FixedIO):
    """An unsigned integer, read with C's strtoul."""

    width = 4
    wire = (4,)
    #: The base given to strtoul; None: anything goes and nothing is refused.
    base = ByMajor({14: 10, 16: 0})
    checked = ByMajor({14: True})

    def _ascii(self, datum: bytes) -> str:
        return str(int.from_bytes(datum, "little"))

    def _parse(self, text: str, typmod: int) -> bytes:
        value = self._number(text)
        return (value & ((1 << 8 * self.width) - 1)).to_bytes(self.width, "little")

    def _number(self, text: str) -> int:
        major = self.settings.major
        value, rest, overflow = strtoul(text, self.base[major])
        if not self.checked[major]:
            return value
        if rest is None or rest.strip(SPACE):
            raise bad_input(self.sql_name, text)
        if overflow or not (value < 1 << 8 * self.width or value >= (1 << 64) - (1 << 31)):
            raise out_of_range(self.sql_name, text)
        return value

    def _python(self, datum: bytes) -> int:
        return int.from_bytes(datum, "little")


class OidIO(_Unsigned):
    """``oid``."""


class Xid(_Unsigned):
    """``xid``; before 16 any text is taken, for what strtoul makes of it."""

    base = ByMajor({14: 0})
    checked = ByMajor({14: False, 16: True})


class Cid(Xid):
    """``cid``."""


class Xid8(Xid):
    """``xid8``."""

    width, wire = 8, (8,)


_TID = struct_of(layout.ItemPointerData)


class Tid(FixedIO):
    """``tid``: (block, line pointer). The block lies as two halves, the high one first."""

    wire = (2, 2, 2)
    _FORM = re.compile(r"[^,()]*\(([^,()]*),([^,()]*)\)", re.DOTALL)

    def _ascii(self, datum: bytes) -> str:
        high, low, position = _TID.unpack(datum)
        return f"({high << 16 | low},{position})"

    def _parse(self, text: str, typmod: int) -> bytes:
        match = self._FORM.match(text)
        if match is None:
            raise self.bad_input(text)
        block, rest, overflow = strtoul(match[1], 10)
        if rest != "" or overflow or not (block < 1 << 32 or block >= (1 << 64) - (1 << 31)):
            raise self.bad_input(text)
        position, rest, overflow = strtoul(match[2], 10)
        if rest != "" or overflow or position > 0xFFFF:
            raise self.bad_input(text)
        return _TID.pack(block >> 16 & 0xFFFF, block & 0xFFFF, position)

    def _python(self, datum: bytes) -> tuple[int, int]:
        high, low, position = _TID.unpack(datum)
        return high << 16 | low, position


class PgLsn(FixedIO):
    """``pg_lsn``."""

    wire = (8,)
    _FORM = re.compile(r"[0-9a-fA-F]{1,8}/[0-9a-fA-F]{1,8}")

    def _ascii(self, datum: bytes) -> str:
        return str(Lsn.from_bytes(datum, "little"))

    def _parse(self, text: str, typmod: int) -> bytes:
        if not self._FORM.fullmatch(text):
            raise self.bad_input(text)
        return Lsn.parse(text).to_bytes(8, "little")

    def _python(self, datum: bytes) -> Lsn:
        return Lsn.from_bytes(datum, "little")


class Bool(FixedIO):
    """``boolean``: t or f; any prefix of true, false, yes, no, and on, off, 1, 0 is read."""

    sql_name = "boolean"
    wire = (1,)
    _WORDS = {
        **{word[:n]: True for word in ("true", "yes") for n in range(1, len(word) + 1)},
        **{word[:n]: False for word in ("false", "no") for n in range(1, len(word) + 1)},
        "on": True, "off": False, "of": False, "1": True, "0": False,
    }  # fmt: skip

    def _ascii(self, datum: bytes) -> str:
        return "t" if datum[0] else "f"

    def _send(self, datum: bytes) -> bytes:
        return b"\1" if datum[0] else b"\0"

    def _parse(self, text: str, typmod: int) -> bytes:
        try:
            return bytes([self._WORDS[text.strip(SPACE).lower()]])
        except KeyError:
            raise self.bad_input(text) from None

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        if len(wire) != 1:
            raise self.bad_wire()
        return b"\1" if wire[0] else b"\0"

    def _python(self, datum: bytes) -> bool:
        return bool(datum[0])


class Money(FixedIO):
    """``money``: cents, grouped by comma, sign before the dollar.

    That is the form of ``lc_monetary = C`` and of the American locales; others are
    Unsupported rather than written wrongly.
    """

    sql_name = "money"
    wire = (8,)
    _HEAD = re.compile(r"[ \t-\r]*\$?[ \t-\r]*(-|\(|\+)?[ \t-\r]*\$?[ \t-\r]*")
    _TAIL = re.compile(r"(?:[ \t-\r)]|-|\+|\$)*")

    _LOCALE = re.compile(r"(?:C|POSIX|en_US)(?:\..*)?|")

    def _check_locale(self) -> None:
        locale = self.settings.lc_monetary
        if not self._LOCALE.fullmatch(locale):
            raise Unsupported(f'type money under lc_monetary = "{locale}"')

    def _ascii(self, datum: bytes) -> str:
        self._check_locale()
        value = int.from_bytes(datum, "little", signed=True)
        whole, cents = divmod(abs(value), 100)
        return f"{'-' if value < 0 else ''}${whole:,}.{cents:02d}"

    def _parse(self, text: str, typmod: int) -> bytes:
        self._check_locale()
        head = self._HEAD.match(text)
        assert head is not None
        number = re.compile(r"[0-9.,]*").match(text, head.end())
        assert number is not None
        cents, used = self._cents(number[0])
        digits = re.compile(r"[0-9]*").match(text, head.end() + used)
        assert digits is not None
        tail = text[digits.end() :]
        if not self._TAIL.fullmatch(tail):
            raise self.bad_input(text)
        negative = head[1] in ("-", "(") or "-" in tail
        value = -cents if negative else cents
        if not -(1 << 63) <= value < 1 << 63:
            raise out_of_range(self.sql_name, text)
        return value.to_bytes(8, "little", signed=True)

    @staticmethod
    def _cents(number: str) -> tuple[int, int]:
        """Cents, rounded by the third decimal, and how many characters they took."""
        value, decimals, seen_point = 0, 0, False
        used = len(number)
        for at, char in enumerate(number):
            if char.isdigit() and (not seen_point or decimals < 2):
                value = value * 10 + int(char)
                decimals += seen_point
            elif char == "." and not seen_point:
                seen_point = True
            elif char != ",":
                used = at
                break
        if used < len(number) and number[used] in "56789":
            value += 1 if decimals == 2 else 0
        return value * 10 ** (2 - decimals), used


class Void(AsciiIO):
    """``void``: nothing."""

    def _ascii(self, datum: bytes) -> str:
        return ""

    def _send(self, datum: bytes) -> bytes:
        return b""
