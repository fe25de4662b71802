"""``jsonb``: the binary tree, its text, and the way back.

A container is a header word (number of children and kind), one JEntry per child (all
keys of an object, then all its values), then the children's contents. An entry holds the
length of its content, or every 32nd its end offset. Numerics and containers begin at
multiples of four within the whole. A lone scalar is an array of one with a flag.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from formats import datum as layout
from formats.derive import struct_of
from formats.varlena import pack_plain, read_varlena
from pgtool.errors import CorruptData, SqlError
from pgtool.types.base import TypeIO
from pgtool.types.json import JsonNumber, escape_json, parse_json
from pgtool.types.numeric import numeric_decimal, numeric_text, pack_numeric, parse_numeric

__all__ = ["Jsonb", "NumericDatum", "children", "jsonb_python", "jsonb_text", "pack_jsonb"]

_WORD = struct_of(layout.JsonbContainer)
_KIND = layout.JENTRY_TYPEMASK
_LITERALS: dict[int, tuple[bytes, Any]] = {
    layout.JENTRY_ISBOOL_FALSE: (b"false", False),
    layout.JENTRY_ISBOOL_TRUE: (b"true", True),
    layout.JENTRY_ISNULL: (b"null", None),
}
_MAX_DEPTH = 6000
VERSION = 1


class NumericDatum(NamedTuple):
    """A number of a JSON value as a stored numeric."""

    datum: bytes


def children(data: bytes, at: int, end: int) -> tuple[int, list[tuple[int, int, int]]]:
    """A container's header and its children as (kind, first, last), padding taken off."""
    if at + _WORD.size > end:
        raise CorruptData("jsonb container does not fit", offset=at)
    (header,) = _WORD.unpack_from(data, at)
    count = header & layout.JB_CMASK
    if header & layout.JB_FOBJECT:
        count *= 2
    base = at + _WORD.size + 4 * count
    if base > end:
        raise CorruptData(f"jsonb container of {count} children does not fit", offset=at)
    entries = struct.unpack_from(f"<{count}I", data, at + _WORD.size)
    out = []
    first = 0
    for entry in entries:
        length = entry & layout.JENTRY_OFFLENMASK
        last = length if entry & layout.JENTRY_HAS_OFF else first + length
        kind = entry & _KIND
        start = base + first
        if kind in (layout.JENTRY_ISNUMERIC, layout.JENTRY_ISCONTAINER):
            start = (start + 3) & ~3
        if base + last > end or start > base + last:
            raise CorruptData("jsonb entry does not fit", offset=at)
        out.append((kind, start, base + last))
        first = last
    return header, out


def jsonb_text(data: bytes) -> bytes:
    """The text of a stored jsonb."""
    header, inside = children(data, 0, len(data))
    if header & layout.JB_FSCALAR:
        if header & layout.JB_FOBJECT or len(inside) != 1:
            raise CorruptData("jsonb scalar that is no array of one", field="header")
        return _child_text(data, *inside[0], 0)
    return _container_text(data, header, inside, 0)


def _container_text(
    data: bytes, header: int, inside: list[tuple[int, int, int]], depth: int
) -> bytes:
    if depth > _MAX_DEPTH:
        raise CorruptData("jsonb is nested too deeply")
    if header & layout.JB_FOBJECT:
        half = len(inside) // 2
        keys = [escape_json(data[first:last]) for _kind, first, last in inside[:half]]
        values = [_child_text(data, *child, depth) for child in inside[half:]]
        return b"{" + b", ".join([k + b": " + v for k, v in zip(keys, values)]) + b"}"
    if not header & layout.JB_FARRAY:
        raise CorruptData("jsonb container is neither array nor object", field="header")
    return b"[" + b", ".join([_child_text(data, *child, depth) for child in inside]) + b"]"


def _child_text(data: bytes, kind: int, first: int, last: int, depth: int) -> bytes:
    if kind == layout.JENTRY_ISSTRING:
        return escape_json(data[first:last])
    if kind == layout.JENTRY_ISNUMERIC:
        return numeric_text(_numeric(data, first, last)).encode("ascii")
    if kind == layout.JENTRY_ISCONTAINER:
        return _container_text(data, *children(data, first, last), depth + 1)
    if kind in _LITERALS:
        return _LITERALS[kind][0]
    raise CorruptData(f"unknown jsonb entry type 0x{kind:08X}", offset=first)


def _numeric(data: bytes, first: int, last: int) -> bytes:
    value = read_varlena(data, first, last)
    return data[value.body : value.end]


def jsonb_python(data: bytes, decode: Any) -> Any:
    """dict, list, str, int, Decimal, bool, None."""

    def value(kind: int, first: int, last: int) -> Any:
        if kind == layout.JENTRY_ISSTRING:
            return decode(data[first:last])
        if kind == layout.JENTRY_ISNUMERIC:
            number = numeric_decimal(_numeric(data, first, last))
            return int(number) if number.as_tuple().exponent == 0 else number
        if kind == layout.JENTRY_ISCONTAINER:
            return container(*children(data, first, last))
        return _LITERALS[kind][1]

    def container(header: int, inside: list[tuple[int, int, int]]) -> Any:
        if header & layout.JB_FOBJECT:
            half = len(inside) // 2
            keys = [decode(data[first:last]) for _kind, first, last in inside[:half]]
            return dict(zip(keys, [value(*child) for child in inside[half:]]))
        values = [value(*child) for child in inside]
        return values[0] if header & layout.JB_FSCALAR else values

    return container(*children(data, 0, len(data)))


def pack_jsonb(value: Any, major: int = 18) -> bytes:
    """A parsed JSON value (:func:`pgtool.types.json.parse_json`) in stored form."""
    out = bytearray()
    if isinstance(value, (dict, list)):
        _pack_container(out, value, major)
    else:
        _pack_entries(out, layout.JB_FSCALAR | layout.JB_FARRAY | 1, [value], major)
    return bytes(out)


def _pack_container(out: bytearray, value: dict[bytes, Any] | list[Any], major: int) -> None:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key), key))
        nodes: list[Any] = [*keys, *[value[key] for key in keys]]
        _pack_entries(out, layout.JB_FOBJECT | len(keys), nodes, major)
    else:
        _pack_entries(out, layout.JB_FARRAY | len(value), value, major)


def _pack_entries(out: bytearray, header: int, nodes: list[Any], major: int) -> None:
    _check_count(header & layout.JB_CMASK, header)
    out += bytes(-len(out) % 4)
    start = len(out)
    out += _WORD.pack(header) + bytes(4 * len(nodes))
    base = len(out)
    for number, node in enumerate(nodes):
        before = len(out)
        kind = _pack_node(out, node, major)
        total, length = len(out) - base, len(out) - before
        if total > layout.JENTRY_OFFLENMASK:
            raise SqlError(
                f"total size of jsonb {'object' if header & layout.JB_FOBJECT else 'array'} "
                f"elements exceeds the maximum of {layout.JENTRY_OFFLENMASK} bytes", "54000",
            )  # fmt: skip
        entry = kind | length
        if number % layout.JB_OFFSET_STRIDE == 0:
            entry = kind | total | layout.JENTRY_HAS_OFF
        at = start + _WORD.size + 4 * number
        out[at : at + 4] = entry.to_bytes(4, "little")


def _check_count(count: int, header: int) -> None:
    if count >= layout.JB_CMASK // 2:
        what = "object pairs" if header & layout.JB_FOBJECT else "array elements"
        raise SqlError(f"number of jsonb {what} exceeds the maximum allowed", "54000")


def _pack_node(out: bytearray, node: Any, major: int) -> int:
    """Append a child's content, padding first; its entry's type comes back."""
    if isinstance(node, bytes):
        if len(node) > layout.JENTRY_OFFLENMASK:
            raise SqlError("string too long to represent as jsonb string", "54000")
        out += node
        return layout.JENTRY_ISSTRING
    if isinstance(node, JsonNumber):
        parsed = parse_numeric(node.text, major)
        assert not isinstance(parsed, str)
        out += bytes(-len(out) % 4) + pack_plain(pack_numeric(*parsed))
        return layout.JENTRY_ISNUMERIC
    if isinstance(node, NumericDatum):
        out += bytes(-len(out) % 4) + pack_plain(node.datum)
        return layout.JENTRY_ISNUMERIC
    if isinstance(node, (dict, list)):
        out += bytes(-len(out) % 4)
        _pack_container(out, node, major)
        return layout.JENTRY_ISCONTAINER
    if node is None:
        return layout.JENTRY_ISNULL
    return layout.JENTRY_ISBOOL_TRUE if node else layout.JENTRY_ISBOOL_FALSE


class Jsonb(TypeIO):
    """``jsonb``."""

    def _text(self, datum: bytes) -> bytes:
        return jsonb_text(datum)

    def _send(self, datum: bytes) -> bytes:
        return bytes([VERSION]) + jsonb_text(datum)

    def _input(self, text: bytes, typmod: int) -> bytes:
        return pack_jsonb(parse_json(text, self.settings, unescape=True), self.settings.major)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        if not wire or wire[0] != VERSION:
            number = wire[0] if wire else 0
            raise SqlError(f"unsupported jsonb version number {number}", "XX000")
        return self._input(wire[1:], typmod)

    def _python(self, datum: bytes) -> Any:
        return jsonb_python(datum, self.settings.encoding.decode)
