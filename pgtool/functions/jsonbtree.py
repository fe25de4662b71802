"""The inside of a stored jsonb: finding one child without the others, and whole trees.

:func:`find_key` and :func:`find_index` walk the entries of one container only; what they
give is a :class:`Child`, a place in the datum that can be shown, stored by itself or gone
into. Where many children change, :func:`unpack` makes a tree of dicts (keys as bytes, in
stored order), lists, bytes, :class:`~pgtool.types.jsonb.NumericDatum`, bools and None,
which :func:`pgtool.types.jsonb.pack_jsonb` stores again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from formats import datum as layout
from formats.derive import struct_of
from formats.varlena import read_varlena
from pgtool.errors import CorruptData
from pgtool.types.json import JsonNumber, escape_json
from pgtool.types.jsonb import NumericDatum, children, jsonb_text, pack_jsonb
from pgtool.types.numeric import numeric_decimal, numeric_text

__all__ = [
    "Child", "child_datum", "child_node", "child_text", "decimal_of", "elements", "find_index",
    "find_key", "is_array", "is_object", "is_scalar", "items", "number_of", "pack", "root",
    "size", "unpack",
]  # fmt: skip

_WORD = struct_of(layout.JsonbContainer)
STRING, NUMERIC = layout.JENTRY_ISSTRING, layout.JENTRY_ISNUMERIC
CONTAINER, NULL = layout.JENTRY_ISCONTAINER, layout.JENTRY_ISNULL
TRUE, FALSE = layout.JENTRY_ISBOOL_TRUE, layout.JENTRY_ISBOOL_FALSE
_SCALAR_HEADER = _WORD.pack(layout.JB_FSCALAR | layout.JB_FARRAY | 1)


class Child(NamedTuple):
    """A value inside a datum: its entry's type and where its content is."""

    kind: int
    first: int
    last: int


def header_of(data: bytes, at: int = 0) -> int:
    """A container's header word."""
    if at + _WORD.size > len(data):
        raise CorruptData("jsonb container does not fit", offset=at)
    return int(_WORD.unpack_from(data, at)[0])


def is_object(data: bytes, at: int = 0) -> bool:
    """Whether a container is an object."""
    return bool(header_of(data, at) & layout.JB_FOBJECT)


def is_array(data: bytes, at: int = 0) -> bool:
    """Whether a container is an array; a lone scalar counts as one."""
    return bool(header_of(data, at) & layout.JB_FARRAY)


def is_scalar(data: bytes) -> bool:
    """Whether the whole is a lone scalar."""
    return bool(header_of(data) & layout.JB_FSCALAR)


def size(data: bytes, at: int = 0) -> int:
    """Members or elements of a container."""
    return header_of(data, at) & layout.JB_CMASK


def root(data: bytes) -> Child:
    """The whole as a child: a lone scalar is that scalar."""
    if is_scalar(data):
        return Child(*children(data, 0, len(data))[1][0])
    return Child(CONTAINER, 0, len(data))


def _entries(data: bytes, at: int, end: int, count: int) -> tuple[tuple[int, ...], int]:
    base = at + _WORD.size + 4 * count
    if base > end:
        raise CorruptData(f"jsonb container of {count} children does not fit", offset=at)
    return struct.unpack_from(f"<{count}I", data, at + _WORD.size), base


def _offset(entries: tuple[int, ...], index: int) -> int:
    """Where a child begins: the nearest offset before it, and the lengths since."""
    offset = 0
    while index > 0:
        index -= 1
        entry = entries[index]
        offset += entry & layout.JENTRY_OFFLENMASK
        if entry & layout.JENTRY_HAS_OFF:
            break
    return offset


def _child(entries: tuple[int, ...], index: int, base: int, end: int) -> Child:
    first = _offset(entries, index)
    entry = entries[index]
    length = entry & layout.JENTRY_OFFLENMASK
    last = base + (length if entry & layout.JENTRY_HAS_OFF else first + length)
    kind = entry & layout.JENTRY_TYPEMASK
    start = base + first
    if kind in (NUMERIC, CONTAINER):
        start = (start + 3) & ~3
    if last > end or start > last:
        raise CorruptData("jsonb entry does not fit", offset=base)
    return Child(kind, start, last)


def find_key(data: bytes, at: int, end: int, key: bytes) -> Child | None:
    """The member of an object by its key."""
    count = header_of(data, at) & layout.JB_CMASK
    entries, base = _entries(data, at, end, 2 * count)
    wanted = (len(key), key)
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        found = _child(entries, middle, base, end)
        name = data[found.first : found.last]
        if name == key:
            return _child(entries, middle + count, base, end)
        if (len(name), name) < wanted:
            low = middle + 1
        else:
            high = middle
    return None


def find_index(data: bytes, at: int, end: int, index: int) -> Child | None:
    """The element of an array by its number, from the end if it is negative."""
    count = header_of(data, at) & layout.JB_CMASK
    if index < 0:
        index += count
    if not 0 <= index < count:
        return None
    entries, base = _entries(data, at, end, count)
    return _child(entries, index, base, end)


def elements(data: bytes, at: int = 0, end: int | None = None) -> list[Child]:
    """The elements of an array."""
    found = children(data, at, len(data) if end is None else end)[1]
    return [Child(*one) for one in found]


def items(data: bytes, at: int = 0, end: int | None = None) -> Iterator[tuple[bytes, Child]]:
    """The members of an object."""
    inside = children(data, at, len(data) if end is None else end)[1]
    half = len(inside) // 2
    for (_kind, first, last), value in zip(inside[:half], inside[half:]):
        yield data[first:last], Child(*value)


def number_of(data: bytes, child: Child) -> bytes:
    """The stored numeric of a number."""
    value = read_varlena(data, child.first, child.last)
    return data[value.body : value.end]


def child_datum(data: bytes, child: Child) -> bytes:
    """A child as a jsonb of its own."""
    content = data[child.first : child.last]
    if child.kind == CONTAINER:
        return content
    entry = child.kind | layout.JENTRY_HAS_OFF | len(content)
    return _SCALAR_HEADER + entry.to_bytes(4, "little") + content


def child_text(data: bytes, child: Child) -> bytes | None:
    """A child as text: a string without its quotes, null as None."""
    kind, first, last = child
    if kind == STRING:
        return data[first:last]
    if kind == NULL:
        return None
    if kind == NUMERIC:
        return numeric_text(number_of(data, child)).encode("ascii")
    if kind == CONTAINER:
        return jsonb_text(data[first:last])
    return b"true" if kind == TRUE else b"false"


def child_node(data: bytes, child: Child) -> Any:
    """A child as a tree."""
    kind, first, last = child
    if kind == STRING:
        return data[first:last]
    if kind == NUMERIC:
        return NumericDatum(number_of(data, child))
    if kind == CONTAINER:
        if is_object(data, first):
            return {key: child_node(data, one) for key, one in items(data, first, last)}
        return [child_node(data, one) for one in elements(data, first, last)]
    if kind == NULL:
        return None
    if kind in (TRUE, FALSE):
        return kind == TRUE
    raise CorruptData(f"unknown jsonb entry type 0x{kind:08X}", offset=first)


def unpack(data: bytes) -> Any:
    """A stored jsonb as a tree."""
    return child_node(data, root(data))


def pack(node: Any) -> bytes:
    """A tree as a stored jsonb."""
    return pack_jsonb(node)


def decimal_of(number: Any) -> Decimal:
    """The number of a tree's leaf."""
    if isinstance(number, JsonNumber):
        return Decimal(number.text)
    return numeric_decimal(number.datum)


def scalar_text(node: Any) -> bytes:
    """A scalar of a tree as JSON."""
    if isinstance(node, bytes):
        return escape_json(node)
    if isinstance(node, NumericDatum):
        return numeric_text(node.datum).encode("ascii")
    if node is None:
        return b"null"
    return b"true" if node else b"false"
