"""Types of extensions: hstore, ltree with its queries, cube, seg, and pgvector's.

A server finds their output in a shared library; here they are found by the name of the
function in it and of the type, both as the extension's script has them. Text and wire form
only: values of other types are shown as :class:`~pgtool.types.strings.Hexed` does, and
none of them is read from text. (isn's need tables of hyphens that differ between majors.)
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Any

import numpy as np

from formats import contrib as layout
from formats.datum import ALIGN_BASE
from formats.derive import struct_of
from formats.units import maxalign
from pgtool.errors import CorruptData, Unsupported
from pgtool.types.base import TypeIO
from pgtool.types.floats import float4_text, float8_text

__all__ = [
    "Cube", "HStore", "HalfVec", "LQuery", "LTree", "LTxtQuery", "Seg", "SparseVec", "Vec",
]  # fmt: skip

#: What text output and binary output of ltree's types begin with on the wire.
_VERSION = b"\1"
#: Elements from which numpy is faster than one number after the other.
_MANY = 16


@cache
def _head(name: str) -> struct.Struct:
    return struct_of(getattr(layout, name))


def _aligned(size: int) -> int:
    """Where what is behind a value's header begins in the payload."""
    return maxalign(ALIGN_BASE + size) - ALIGN_BASE


class HStore(TypeIO):
    """``hstore``: text keys with text values or NULL."""

    def _pairs(self, datum: bytes) -> list[tuple[bytes, bytes | None]]:
        (size,) = _head("HStore").unpack_from(datum)
        if not size & layout.HS_FLAG_NEWVERSION:
            raise Unsupported("hstore in the format of PostgreSQL 8.4")
        count = size & layout.HS_COUNT_MASK
        entry = _head("HEntry")
        at = _head("HStore").size
        strings = at + 2 * count * entry.size
        words = [word for (word,) in entry.iter_unpack(datum[at:strings])]
        if len(words) != 2 * count:
            raise CorruptData(f"hstore of {count} pairs in {len(datum)} bytes")
        out: list[bytes | None] = []
        start = 0
        for word in words:
            end = word & layout.HENTRY_POSMASK
            if not start <= end <= len(datum) - strings:
                raise CorruptData(f"hstore entry ends at {end}")
            text = datum[strings + start : strings + end]
            out.append(None if word & layout.HENTRY_ISNULL else text)
            start = end
        return [(key or b"", value) for key, value in zip(out[::2], out[1::2])]

    def _text(self, datum: bytes) -> bytes:
        return b", ".join(
            _quoted(key) + b"=>" + (b"NULL" if value is None else _quoted(value))
            for key, value in self._pairs(datum)
        )

    def _send(self, datum: bytes) -> bytes:
        pairs = self._pairs(datum)
        out = [struct.pack(">i", len(pairs))]
        for pair in pairs:
            for text in pair:
                out.append(struct.pack(">i", -1 if text is None else len(text)) + (text or b""))
        return b"".join(out)

    def _python(self, datum: bytes) -> dict[str, str | None]:
        decode = self.settings.encoding.decode
        return {
            decode(key): None if value is None else decode(value)
            for key, value in self._pairs(datum)
        }


def _quoted(text: bytes) -> bytes:
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


class _Versioned(TypeIO):
    """A type whose wire form is its text behind a version byte."""

    def _send(self, datum: bytes) -> bytes:
        return _VERSION + self._text(datum)


class LTree(_Versioned):
    """``ltree``: a path of labels."""

    def _text(self, datum: bytes) -> bytes:
        (count,) = _head("LTree").unpack_from(datum)
        at = _aligned(_head("LTree").size)
        level = _head("LTreeLevel")
        labels = []
        for _ in range(count):
            (length,) = level.unpack_from(datum, at)
            labels.append(_cut(datum, at + level.size, length))
            at += maxalign(level.size + length)
        return b".".join(labels)


def _cut(datum: bytes, at: int, length: int) -> bytes:
    """Bytes that must be there."""
    if at + length > len(datum):
        raise CorruptData(f"a label of {length} bytes ends behind its value")
    return datum[at : at + length]


def _matching(flag: int) -> bytes:
    """The marks behind a name that say how it matches."""
    return b"".join(
        mark for bit, mark in (
            (layout.LVAR_SUBLEXEME, b"%"), (layout.LVAR_INCASE, b"@"), (layout.LVAR_ANYEND, b"*"),
        ) if flag & bit
    )  # fmt: skip


class LQuery(_Versioned):
    """``lquery``: a pattern over paths."""

    def _text(self, datum: bytes) -> bytes:
        (count, _firstgood, _flag) = _head("LQuery").unpack_from(datum)
        at = _aligned(_head("LQuery").size)
        levels = []
        for _ in range(count):
            total, flag, variants, low, high = _head("LQueryLevel").unpack_from(datum, at)
            text = self._variants(datum, at, variants) if variants else b"*"
            text = b"!" + text if variants and flag & layout.LQL_NOT else text
            if flag & layout.LQL_COUNT or not variants:
                text += _repeated(low, high, any_label=not variants)
            levels.append(text)
            at += maxalign(total)
        return b".".join(levels)

    @staticmethod
    def _variants(datum: bytes, at: int, count: int) -> bytes:
        head = _head("LQueryVariant")
        at += maxalign(_head("LQueryLevel").size)
        names = []
        for _ in range(count):
            _hash, length, flag = head.unpack_from(datum, at)
            names.append(_cut(datum, at + head.size, length) + _matching(flag))
            at += maxalign(head.size) + maxalign(length)
        return b"|".join(names)


def _repeated(low: int, high: int, *, any_label: bool) -> bytes:
    if low == high:
        return b"{%d}" % low
    most = b"" if high == layout.LTREE_MAX_LEVELS else b"%d" % high
    if not low and not most and any_label:
        return b""
    return b"{" + (b"%d" % low if low else b"") + b"," + most + b"}"


class LTxtQuery(_Versioned):
    """``ltxtquery``: a Boolean expression over labels."""

    def _text(self, datum: bytes) -> bytes:
        (count,) = _head("LTxtQuery").unpack_from(datum)
        item = _head("LTxtQueryItem")
        at = _head("LTxtQuery").size
        operands = at + count * item.size
        items = list(item.iter_unpack(datum[at:operands]))
        if len(items) != count:
            raise CorruptData(f"ltxtquery of {count} items in {len(datum)} bytes")
        text, used = self._infix(items, 0, datum[operands:], True)
        if used != count:
            raise CorruptData(f"ltxtquery of {count} items, {used} of them in its expression")
        return text

    def _infix(
        self, items: list[Any], at: int, operands: bytes, first: bool
    ) -> tuple[bytes, int]:
        """The expression that begins with an item (right operand before left), and its end."""
        kind, _left, value, flag, length, distance = items[at]
        if kind == layout.LTXT_VAL:
            return _cut(operands, distance, length) + _matching(flag), at + 1
        if value == ord("!"):
            nested = items[at + 1][0] == layout.LTXT_OPR
            text, at = self._infix(items, at + 1, operands, nested)
            return (b"!( %s )" if nested else b"!%s") % text, at
        right, at = self._infix(items, at + 1, operands, False)
        left, at = self._infix(items, at, operands, False)
        text = b"%s %c %s" % (left, value, right)
        return b"( %s )" % text if value == ord("|") and not first else text, at


class Cube(TypeIO):
    """``cube``: a point or a box in any number of dimensions."""

    def _corners(self, datum: bytes) -> list[tuple[float, ...]]:
        (header,) = _head("Cube").unpack_from(datum)
        dim = header & layout.CUBE_DIM_MASK
        corners = 1 if header & layout.CUBE_POINT_BIT else 2
        at = _head("Cube").size
        numbers = struct.unpack(f"<{dim * corners}d", datum[at:])
        return [numbers[:dim], numbers[dim:]][:corners]

    def _text(self, datum: bytes) -> bytes:
        corners = self._corners(datum)
        if len(corners) == 2 and corners[0] == corners[1]:
            corners.pop()
        digits = self.settings.extra_float_digits
        return ",".join(
            "(" + ", ".join(float8_text(x, digits) for x in corner) + ")" for corner in corners
        ).encode("ascii")

    def _send(self, datum: bytes) -> bytes:
        head = _head("Cube")
        numbers = [x for corner in self._corners(datum) for x in corner]
        return struct.pack(
            f">I{len(numbers)}d", head.unpack_from(datum)[0], *numbers
        )


class Seg(TypeIO):
    """``seg``: an interval whose boundaries remember how exactly they were measured."""

    def _text(self, datum: bytes) -> bytes:
        lower, upper, low_digits, up_digits, low_mark, up_mark = _head("Seg").unpack(datum)
        low = _mark(low_mark) + _significant(lower, low_digits)
        if lower == upper and low_mark == up_mark:
            return low.encode("ascii")
        parts = [low] if low_mark != ord("-") else []
        parts.append("..")
        if up_mark != ord("-"):
            parts.append(_mark(up_mark) + _significant(upper, up_digits))
        return " ".join(parts).encode("ascii")


def _mark(char: int) -> str:
    return chr(char) if chr(char) in "<>~" else ""


def _significant(value: float, digits: int) -> str:
    """A number with so many significant digits (six at most), trailing zeroes kept.

    An exponent is written where the number is very large or small, or where the decimal
    point would not lie inside its digits.
    """
    digits = min(digits, 6)
    text = f"{value:.{max(digits - 1, 0)}e}"
    mantissa, e, exponent = text.partition("e")
    if not e or int(exponent) == 0:
        return mantissa
    power = int(exponent)
    if abs(power) > 4:
        return text
    sign = "-" if mantissa.startswith("-") else ""
    plain = mantissa.lstrip("-").replace(".", "")
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{plain}"
    if power + 1 >= digits:
        return f"{mantissa}e{power}"
    return f"{sign}{plain[: power + 1]}.{plain[power + 1 :]}"


class _Vector(TypeIO):
    """pgvector's dense types: elements of one floating point format."""

    element = "f"

    def _elements(self, datum: bytes) -> Any:
        dim, _unused = _head("Vector").unpack_from(datum)
        found = np.frombuffer(datum, f"<{self.element}{self._size}", offset=_head("Vector").size)
        if len(found) != dim:
            raise CorruptData(f"{self.info.name} of {dim} dimensions has {len(found)} elements")
        return found

    @property
    def _size(self) -> int:
        return 4

    def _text(self, datum: bytes) -> bytes:
        return b"[" + b",".join(_singles(self._elements(datum))) + b"]"

    def _send(self, datum: bytes) -> bytes:
        head = struct.pack(">hh", *_head("Vector").unpack_from(datum))
        return head + bytes(self._elements(datum).byteswap().tobytes())

    def _python(self, datum: bytes) -> list[float]:
        return [float(x) for x in self._elements(datum)]


class Vec(_Vector):
    """``vector``: 4-byte elements."""


class HalfVec(_Vector):
    """``halfvec``: 2-byte elements."""

    @property
    def _size(self) -> int:
        return 2


class SparseVec(TypeIO):
    """``sparsevec``: indices and values of the elements that are not zero."""

    def _parts(self, datum: bytes) -> tuple[int, Any, Any]:
        dim, count, _unused = _head("SparseVec").unpack_from(datum)
        at = _head("SparseVec").size
        if count < 0 or len(datum) != at + 8 * count:
            raise CorruptData(f"sparsevec of {count} elements in {len(datum)} bytes")
        indices = np.frombuffer(datum, "<i4", count, at)
        return dim, indices, np.frombuffer(datum, "<f4", count, at + 4 * count)

    def _text(self, datum: bytes) -> bytes:
        dim, indices, values = self._parts(datum)
        pairs = [b"%d:%s" % (i + 1, x) for i, x in zip(indices.tolist(), _singles(values))]
        return b"{" + b",".join(pairs) + b"}/%d" % dim

    def _send(self, datum: bytes) -> bytes:
        _dim, indices, values = self._parts(datum)
        head = struct.pack(">iii", *_head("SparseVec").unpack_from(datum))
        return head + bytes(indices.byteswap().tobytes()) + bytes(values.byteswap().tobytes())


def _singles(values: Any) -> list[bytes]:
    """The shortest texts that read back as these single-precision numbers."""
    if len(values) < _MANY:
        return [float4_text(x).encode("ascii") for x in values.tolist()]
    from pgtool.types.vector_floats import float_text

    text, declined = float_text(values.astype("<f4"))
    out = text.tolist()
    for row in declined.tolist():
        out[row] = float4_text(float(values[row])).encode("ascii")
    return out
