"""Arrays, rows and ranges: stored form ↔ value, on top of the types' own reading.

A row of the anonymous type RECORD names its columns by a number in place of a type
modifier; :func:`bless` hands such numbers out, one for each shape, as a session does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from formats import datum as layout
from formats.deform import align
from formats.derive import sizeof, struct_of
from pgtool.errors import CorruptData
from pgtool.functions.values import ArrayValue, RangeValue, RecordValue
from pgtool.types import arrays, composite
from pgtool.types.info import AttributeInfo, TypeInfo
from pgtool.types.registry import TypeRegistry

__all__ = ["bless", "container_codec"]

RECORDOID = 2249
CodecOf = Callable[[TypeRegistry, int], Any]
Pair = tuple[Callable[[bytes], Any], Callable[[Any], bytes]]


class BlessedRecords:
    """Catalog look-ups that also know the anonymous row types of a session."""

    def __init__(self, below: Any) -> None:
        self.below = below
        self.shapes: list[list[AttributeInfo]] = []
        self.numbers: dict[tuple[Any, ...], int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)

    def attributes(self, typid: int, typmod: int) -> list[AttributeInfo] | None:
        """See :class:`pgtool.types.info.Lookups`."""
        if typid == RECORDOID and 0 <= typmod < len(self.shapes):
            return self.shapes[typmod]
        found: list[AttributeInfo] | None = self.below.attributes(typid, typmod)
        return found


def bless(registry: TypeRegistry, types: tuple[int, ...], names: tuple[str, ...]) -> int:
    """The type modifier that stands for rows of these columns."""
    lookups = registry.lookups
    if not isinstance(lookups, BlessedRecords):
        lookups = registry.lookups = cast(Any, BlessedRecords(lookups))
    blessed = cast(BlessedRecords, lookups)
    names = names or tuple(f"f{i}" for i in range(1, len(types) + 1))
    key = (types, names)
    if key not in blessed.numbers:
        blessed.numbers[key] = len(blessed.shapes)
        infos = [registry.info(t) for t in types]
        blessed.shapes.append([
            AttributeInfo(n, i.oid, -1, False, i.typlen, i.typalign, i.typstorage)
            for n, i in zip(names, infos)
        ])  # fmt: skip
    return blessed.numbers[key]


def container_codec(info: TypeInfo, registry: TypeRegistry, codec_of: CodecOf) -> Pair | None:
    """(decode, encode) of a type that holds others; None for other types."""
    io: Any = registry.io_of(info.oid)
    if isinstance(io, (arrays.Int2Vector, arrays.OidVector)):
        return _vector(io, registry, codec_of)
    if isinstance(io, arrays.ArrayIO):
        return _array(info, registry, codec_of)
    if isinstance(io, composite.Record):
        return _record(io, info, registry, codec_of)
    if isinstance(io, composite.Range):
        return _range(io, info, registry, codec_of)
    if isinstance(io, composite.Multirange):
        return _multirange(io, info, registry, codec_of)
    return None


def _array(info: TypeInfo, registry: TypeRegistry, codec_of: CodecOf) -> Pair:
    def decode(datum: bytes) -> ArrayValue:
        plain = _plain_numbers(datum, registry, codec_of)
        if plain is not None:
            return plain
        found = arrays.read_array(datum, None, registry.info)
        one = codec_of(registry, found.elemtype).decode
        items = [None if i is None else one(i) for i in found.items]
        bitmap = bool(_ARRAY.unpack_from(datum)[1])
        return ArrayValue(found.elemtype, tuple(found.dims), tuple(found.lower), items, bitmap)

    def encode(value: ArrayValue) -> bytes:
        elem = registry.info(value.elemtype)
        codec = codec_of(registry, value.elemtype)
        items = [None if v is None else _padded(codec, codec.encode(v)) for v in value.elements]
        made = arrays.ArrayValue(value.elemtype, list(value.dims), list(value.lbounds), items)
        return arrays.pack_array(made, elem, bitmap=value.bitmap)

    return decode, encode


_ARRAY = struct_of(layout.ArrayType)
#: Where the elements of an array of one dimension without NULLs begin.
_PLAIN_AT = align(_ARRAY.size + 8 + layout.ALIGN_BASE, "d") - layout.ALIGN_BASE


def _plain_numbers(datum: bytes, registry: TypeRegistry, of: CodecOf) -> ArrayValue | None:
    """The short way for one dimension of numbers without NULLs; None for other arrays."""
    ndim, dataoffset, elemtype = _ARRAY.unpack_from(datum)
    if ndim != 1 or dataoffset:
        return None
    codec = of(registry, elemtype)
    count, lower = struct.unpack_from("<ii", datum, _ARRAY.size)
    if not codec.is_number or not 0 < count * codec.dtype.itemsize <= len(datum) - _PLAIN_AT:
        return None
    items = np.frombuffer(datum, codec.dtype, count, _PLAIN_AT).tolist()
    return ArrayValue(elemtype, (count,), (lower,), items)


def _vector(io: arrays.Int2Vector | arrays.OidVector, registry: TypeRegistry, of: CodecOf) -> Pair:
    """int2vector and oidvector: one dimension from 0, even where it is empty."""
    codec = of(registry, io.elemtype)

    def decode(datum: bytes) -> ArrayValue:
        items = list(io._guard(io._values, datum))
        return ArrayValue(io.elemtype, (len(items),), (0,), items)

    return decode, lambda value: io._pack([codec.encode(v) for v in value.elements])


def _padded(codec: Any, datum: bytes) -> bytes:
    """A name inside another value takes its whole width."""
    return datum.ljust(64, b"\0") if codec.is_name else datum


def _record(io: composite.Record, info: TypeInfo, registry: TypeRegistry, of: CodecOf) -> Pair:
    def decode(datum: bytes) -> RecordValue:
        typid = int.from_bytes(datum[4:8], "little")
        fields = io._guard(io._fields, datum)
        return RecordValue(
            typid, tuple(c.atttypid for c, _ in fields),
            tuple(None if v is None else of(registry, c.atttypid).decode(v) for c, v in fields),
            tuple(c.attname for c, _ in fields),
        )  # fmt: skip

    def encode(value: RecordValue) -> bytes:
        typid = value.typeoid or RECORDOID
        typmod = -1
        if typid == RECORDOID:
            typmod = bless(registry, value.fieldtypes, value.names)
        columns = cast(Any, registry.lookups.attributes(typid, typmod))
        fields = iter(value.fields)
        data: list[bytes | None] = []
        for column in columns:
            field = None if column.attisdropped else next(fields, None)
            codec = of(registry, column.atttypid) if field is not None else None
            data.append(None if codec is None else _padded(codec, codec.encode(field)))
        packed = cast(composite.Record, registry.io_of(typid)).pack(data, columns)
        return typmod.to_bytes(4, "little", signed=True) + packed[4:]

    return decode, encode


def _to_range(typid: int, found: composite.RangeValue, codec: Any) -> RangeValue:
    flags = found.flags
    return RangeValue(
        typid, None if found.lower is None else codec.decode(found.lower),
        None if found.upper is None else codec.decode(found.upper),
        bool(flags & layout.RANGE_LB_INC), bool(flags & layout.RANGE_UB_INC),
        bool(flags & layout.RANGE_EMPTY),
    )  # fmt: skip


def _from_range(value: RangeValue, codec: Any) -> composite.RangeValue:
    if value.empty:
        return composite.RangeValue(layout.RANGE_EMPTY, None, None)
    flags = 0
    flags |= layout.RANGE_LB_INF if value.lower is None else 0
    flags |= layout.RANGE_UB_INF if value.upper is None else 0
    flags |= layout.RANGE_LB_INC if value.lower_inc and value.lower is not None else 0
    flags |= layout.RANGE_UB_INC if value.upper_inc and value.upper is not None else 0
    return composite.RangeValue(
        flags, None if value.lower is None else codec.encode(value.lower),
        None if value.upper is None else codec.encode(value.upper),
    )  # fmt: skip


_RANGE_AT = sizeof(layout.RangeType)


def _plain_range(
    datum: bytes, typid: int, size: int, decode: Callable[[bytes], Any]
) -> RangeValue:
    """A range of numbers that lie side by side."""
    flags = datum[-1]
    at, bounds = _RANGE_AT, []
    for infinite in (layout.RANGE_LB_INF, layout.RANGE_UB_INF):
        bound = None
        if not flags & (layout.RANGE_EMPTY | infinite):
            if at + size >= len(datum):
                raise CorruptData("range is shorter than its bounds")
            bound = decode(datum[at : at + size])
            at += size
        bounds.append(bound)
    return RangeValue(
        typid, bounds[0], bounds[1], bool(flags & layout.RANGE_LB_INC),
        bool(flags & layout.RANGE_UB_INC), bool(flags & layout.RANGE_EMPTY),
    )  # fmt: skip


def _range(io: Any, info: TypeInfo, registry: TypeRegistry, of: CodecOf) -> Pair:
    subtype = registry.info(io._range_info(info.oid).rngsubtype)
    size = subtype.typlen
    is_plain = size in (4, 8) and subtype.typbyval and size == {"i": 4, "d": 8}[subtype.typalign]

    def decode(datum: bytes) -> RangeValue:
        if is_plain and len(datum) > _RANGE_AT:
            return _plain_range(datum, info.oid, size, of(registry, subtype.oid).decode)
        found, sub = io._guard(io._read, datum)
        return _to_range(info.oid, found, of(registry, sub.info.oid))

    def encode(value: RangeValue) -> bytes:
        sub = registry.info(io._range_info(info.oid).rngsubtype)
        packed: bytes = io._pack(_from_range(value, of(registry, sub.oid)), sub)
        return packed

    return decode, encode


def _multirange(io: Any, info: TypeInfo, registry: TypeRegistry, of: CodecOf) -> Pair:
    def decode(datum: bytes) -> tuple[RangeValue, ...]:
        ranges, sub = io._guard(io._read, datum)
        codec = of(registry, sub.info.oid)
        typid = io._range_info(info.oid).rngtypid
        return tuple(_to_range(typid, one, codec) for one in ranges)

    def encode(value: tuple[RangeValue, ...]) -> bytes:
        sub = registry.info(io._range_info(info.oid).rngsubtype)
        codec = of(registry, sub.oid)
        packed: bytes = io._pack([_from_range(one, codec) for one in value], sub)
        return packed

    return decode, encode
