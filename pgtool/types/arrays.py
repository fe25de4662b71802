"""Arrays of any element type, dimensions and lower bounds; int2vector and oidvector.

Stored: number of dimensions, offset of the elements, element type, the dimensions' sizes,
their lower bounds, a null bitmap where there are nulls, then the elements in row-major
order, each with a 4-byte varlena header and aligned.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from formats import datum as layout
from formats.deform import ATTLEN_VARLENA, Attribute, align, spans
from formats.derive import sizeof, struct_of
from formats.heap import bitmap_length, null_flags, pack_bitmap
from pgtool.errors import CorruptData, SqlError, Unsupported
from pgtool.types.array_text import parse_array_text
from pgtool.types.base import TypeIO, bad_input
from pgtool.types.info import TypeInfo
from pgtool.types.inner import Packer, datum_at, quoted, read_wire

__all__ = ["ArrayIO", "ArrayValue", "Int2Vector", "OidVector", "pack_array", "read_array"]

_HEAD = struct_of(layout.ArrayType)
_VECTOR = struct_of(layout.VectorType)
_MAX_ITEMS = (1 << 30) // 8


class ArrayValue:
    """An array taken apart: bounds, and datums in row-major order (None for NULL)."""

    __slots__ = ("dims", "elemtype", "items", "lower")

    def __init__(
        self, elemtype: int, dims: list[int], lower: list[int], items: list[bytes | None]
    ) -> None:
        self.elemtype = elemtype
        self.dims = dims
        self.lower = lower
        self.items = items


def read_array(datum: bytes, elem: TypeInfo | None, lookup: Any = None) -> ArrayValue:
    """Take a stored array apart. ``elem`` is the element type's row, or None with a
    ``lookup`` from the OID that the array itself names."""
    ndim, dataoffset, elemtype = _HEAD.unpack_from(datum)
    if not 0 <= ndim <= layout.MAXDIM:
        raise CorruptData(f"array of {ndim} dimensions", field="ndim")
    bounds = struct.unpack_from(f"<{2 * ndim}i", datum, _HEAD.size)
    dims, lower = list(bounds[:ndim]), list(bounds[ndim:])
    count = 1 if ndim else 0
    for size in dims:
        if size < 0 or count * size > len(datum) * 8:
            raise CorruptData(f"array dimension of {size} elements", field="dims")
        count *= size
    at = _HEAD.size + 8 * ndim
    if lookup is not None and (elem is None or elem.oid != elemtype):
        try:
            elem = lookup(elemtype)
        except Unsupported:
            message = f"array of element type {elemtype}, which is not in pg_type"
            raise CorruptData(message, field="elemtype") from None
    assert elem is not None
    nulls: list[bool] = []
    if dataoffset:
        bitmap = datum[at : at + bitmap_length(count)]
        nulls = null_flags(bitmap, count)
        start = dataoffset - layout.ALIGN_BASE
        if start < at + len(bitmap):
            raise CorruptData(f"array elements at {dataoffset}", field="dataoffset")
    else:
        start = align(at + layout.ALIGN_BASE, "d") - layout.ALIGN_BASE
    return ArrayValue(elemtype, dims, lower, _items(datum, start, count, elem, nulls))


def _items(
    datum: bytes, start: int, count: int, elem: TypeInfo, nulls: list[bool]
) -> list[bytes | None]:
    size = elem.typlen
    if size > 0 and not any(nulls) and align(size, elem.typalign) == size:
        if start + count * size > len(datum):
            raise CorruptData("array is shorter than its elements")
        return [datum[at : at + size] for at in range(start, start + count * size, size)]
    attributes = [Attribute(size, elem.typalign)] * count
    places = spans(datum, start, len(datum), attributes, nulls)
    return [place and datum_at(datum, *place, size) for place in places]


def pack_array(value: ArrayValue, elem: TypeInfo, *, bitmap: bool = False) -> bytes:
    """An array in stored form; with ``bitmap`` it tells of NULLs also where it has none."""
    ndim = len(value.dims)
    if not value.items:
        return _HEAD.pack(0, 0, value.elemtype)
    nulls = [item is None for item in value.items]
    head = struct.pack(f"<{2 * ndim}i", *value.dims, *value.lower)
    bitmap = bitmap or any(nulls)
    if bitmap:
        head += pack_bitmap(nulls)
    body = Packer()
    for item in value.items:
        if item is not None:
            body.add(item, elem.typlen, elem.typalign, packable=False)
            body.pad(elem.typalign)
    at = layout.ALIGN_BASE + _HEAD.size + len(head)
    offset = align(at, "d")
    out = _HEAD.pack(ndim, offset if bitmap else 0, value.elemtype)
    return out + head + bytes(offset - at) + bytes(body.out)


class ArrayIO(TypeIO):
    """An array type; also the pseudo-types that hold arrays of any type."""

    _SPECIAL: dict[str, re.Pattern[bytes]] = {}

    def _read(self, datum: bytes) -> tuple[ArrayValue, TypeIO]:
        registry = self.registry
        elem = registry.info(self.info.typelem) if self.info.typelem else None
        value = read_array(datum, elem, registry.info)
        return value, registry.io_of(value.elemtype)

    def _text(self, datum: bytes) -> bytes:
        value, io = self._read(datum)
        if not value.items:
            return b"{}"
        delim = io.info.typdelim
        special = self._SPECIAL.get(delim)
        if special is None:
            pattern = rb'["\\{} \t-\r%s]|\A[nN][uU][lL][lL]\Z' % re.escape(delim.encode())
            special = self._SPECIAL[delim] = re.compile(pattern)
        search, text = special.search, io._text
        parts = [
            b"NULL" if item is None else quoted(text(item), search, False) for item in value.items
        ]
        for size in reversed(value.dims):
            joint = delim.encode()
            parts = [
                b"{" + joint.join(parts[i : i + size]) + b"}" for i in range(0, len(parts), size)
            ]
        head = b""
        if any(low != 1 for low in value.lower):
            pairs = zip(value.lower, value.dims)
            head = b"".join(b"[%d:%d]" % (low, low + n - 1) for low, n in pairs) + b"="
        return head + parts[0]

    def _send(self, datum: bytes) -> bytes:
        value, io = self._read(datum)
        ndim = len(value.dims)
        has_null = _HEAD.unpack_from(datum)[1] != 0
        parts = [struct.pack(">iiI", ndim, has_null, value.elemtype)]
        parts += [struct.pack(">ii", *pair) for pair in zip(value.dims, value.lower)]
        for item in value.items:
            if item is None:
                parts.append(b"\xff\xff\xff\xff")
            else:
                wire = io._send(item)
                parts += [len(wire).to_bytes(4, "big"), wire]
        return b"".join(parts)

    def _input(self, text: bytes, typmod: int) -> bytes:
        io = self.registry.io_of(self.info.typelem)
        parsed = parse_array_text(text, io.info.typdelim.encode(), self.settings)
        items = [
            io.null_input() if item is None else io._input(item, typmod) for item in parsed.items
        ]
        value = ArrayValue(self.info.typelem, parsed.dims, parsed.lower, items)
        return pack_array(value, io.info)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        ndim, has_null, elemtype = struct.unpack_from(">iiI", wire)
        if not 0 <= ndim <= layout.MAXDIM:
            raise SqlError(
                f"number of array dimensions ({ndim}) exceeds the maximum allowed ({layout.MAXDIM})"
                if ndim > 0 else f"invalid number of dimensions: {ndim}",
                "54000" if ndim > 0 else "22P03",
            )  # fmt: skip
        if has_null not in (0, 1):
            raise SqlError("invalid array flags", "22P03")
        if elemtype != self.info.typelem:
            raise SqlError(
                f"binary data has array element type {elemtype} instead of expected "
                f"{self.info.typelem}", "42804",
            )  # fmt: skip
        bounds = struct.unpack_from(f">{2 * ndim}i", wire, 12)
        dims, lower = list(bounds[0::2]), list(bounds[1::2])
        count = 1 if ndim else 0
        for size in dims:
            count *= size
        if min([0, *dims]) < 0 or count > min(_MAX_ITEMS, len(wire)):
            raise self.bad_wire()
        io = self.registry.io_of(elemtype)
        items: list[bytes | None] = []
        at = 12 + 8 * ndim
        for _ in range(count):
            item, at = read_wire(wire, at)
            items.append(None if item is None else io._receive(item, typmod))
        return pack_array(ArrayValue(elemtype, dims, lower, items), io.info)

    def _python(self, datum: bytes) -> list[Any]:
        value, io = self._read(datum)
        flat: list[Any] = [None if item is None else io._python(item) for item in value.items]
        for size in reversed(value.dims[1:]):
            flat = [flat[i : i + size] for i in range(0, len(flat), size)]
        return flat


class _Vector(TypeIO):
    """An array of one dimension from 0 that is written as numbers and spaces."""

    code = ""
    elemtype = 0
    sql_element = ""

    def _values(self, datum: bytes) -> tuple[int, ...]:
        ndim, dataoffset, _elemtype, count, _lower = _VECTOR.unpack_from(datum)
        if ndim != 1 or dataoffset or count < 0:
            raise CorruptData(f"{self.info.name} of {ndim} dimensions", field="ndim")
        size = struct.calcsize(self.code)
        return struct.unpack_from(f"<{min(count, len(datum) // size + 1)}{self.code}",
                                  datum, _VECTOR.size)  # fmt: skip

    def _text(self, datum: bytes) -> bytes:
        return " ".join(map(str, self._values(datum))).encode("ascii")

    def _send(self, datum: bytes) -> bytes:
        _ndim, _offset, elemtype, count, lower = _VECTOR.unpack_from(datum)
        size = struct.calcsize(self.code)
        parts = [struct.pack(">iiIii", 1, 0, elemtype, count, lower)]
        parts += [struct.pack(f">i{self.code}", size, value) for value in self._values(datum)]
        return b"".join(parts)

    def _input(self, text: bytes, typmod: int) -> bytes:
        io = self.registry.io_of(self.elemtype)
        return self._pack([io._input(word, -1) for word in text.split()])

    def _pack(self, items: list[bytes]) -> bytes:
        return _VECTOR.pack(1, 0, self.elemtype, len(items), 0) + b"".join(items)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        ndim, has_null, elemtype, count, lower = struct.unpack_from(">iiIii", wire)
        if (ndim, has_null, elemtype, lower) != (1, 0, self.elemtype, 0):
            raise SqlError(f"invalid {self.info.name} data", "22P03")
        at, items = sizeof(layout.VectorType), []
        for _ in range(count):
            item, at = read_wire(wire, at)
            if item is None:
                raise self.bad_wire()
            items.append(item[::-1])
        return self._pack(items)

    def _python(self, datum: bytes) -> list[int]:
        return list(self._values(datum))


class Int2Vector(_Vector):
    """``int2vector``: decimal numbers only, in every major."""

    code, elemtype = "h", 21

    def _input(self, text: bytes, typmod: int) -> bytes:
        for word in text.split():
            if not re.fullmatch(rb"[+-]?[0-9]+", word):
                raise bad_input("smallint", self.settings.encoding.decode(text))
        return super()._input(text, typmod)


class OidVector(_Vector):
    """``oidvector``."""

    code, elemtype = "I", 26


assert ATTLEN_VARLENA == -1
