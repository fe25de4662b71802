"""Types made of other types by the catalogs: rows, enums, domains, ranges, multiranges.

A row value is a heap tuple with the header's transaction fields put to other use; ranges
keep their bounds as a tuple keeps attributes and end with a flag byte; a multirange holds
the flags and bounds of all its ranges; an enum value is the OID of its label's row.
"""

from __future__ import annotations

import re
import struct
from typing import Any, NamedTuple

from formats import datum as layout
from formats.deform import ATTLEN_VARLENA, Attribute, align, spans
from formats.derive import struct_of
from formats.heap import (
    HEAP_NATTS_MASK,
    HeapInfomask,
    bitmap_length,
    header_length,
    null_flags,
    pack_bitmap,
)  # fmt: skip
from formats.itemptr import ItemPointerData
from pgtool.errors import CorruptData, SqlError, Unsupported
from pgtool.types.base import TypeIO
from pgtool.types.container_text import parse_multirange_text, parse_range_text, parse_row_text
from pgtool.types.info import AttributeInfo, RangeInfo, TypeInfo
from pgtool.types.inner import Packer, datum_at, quoted, read_wire

__all__ = ["Domain", "Enum", "Multirange", "Range", "RangeValue", "Record"]

_HEAD = struct_of(layout.DatumTupleHeader)
_RANGE = struct_of(layout.RangeType)
_MULTIRANGE = struct_of(layout.MultirangeType)
_BITMAP_AT = _HEAD.size
_NO_CTID = ItemPointerData.build((0xFFFFFFFF, 0))
_SPECIAL_IN_ROW = re.compile(rb'["\\(), \t-\r]').search
_SPECIAL_IN_RANGE = re.compile(rb'["\\()\[\], \t-\r]').search
_RECORD_OID = 2249


class Record(TypeIO):
    """A composite type's value, or a ``record`` that names its type itself."""

    def _columns(self, typid: int, typmod: int) -> list[AttributeInfo]:
        columns = self.registry.lookups.attributes(typid, typmod)
        if columns is None:
            raise Unsupported(f"row type {typid} with type modifier {typmod} is not known")
        return columns

    def _fields(self, datum: bytes) -> list[tuple[AttributeInfo, bytes | None]]:
        unpacked = _HEAD.unpack_from(datum)
        typmod, typid = unpacked[:2]
        infomask2, infomask, hoff = unpacked[-3:]
        columns = self._columns(typid, typmod)
        stored = infomask2 & HEAP_NATTS_MASK
        start = hoff - layout.ALIGN_BASE
        nulls: list[bool] = []
        if infomask & HeapInfomask.HEAP_HASNULL:
            bitmap = datum[_BITMAP_AT : _BITMAP_AT + bitmap_length(stored)]
            nulls = null_flags(bitmap, stored)
        if start < _HEAD.size:
            raise CorruptData(f"row value begins at {hoff}", field="t_hoff")
        attributes = [Attribute(c.attlen, c.attalign, c.attname) for c in columns[:stored]]
        places = spans(datum, start, len(datum), attributes, nulls)
        out: list[tuple[AttributeInfo, bytes | None]] = [
            (column, place and datum_at(datum, *place, column.attlen))
            for column, place in zip(columns, places)
        ]
        out += [(column, column.missing) for column in columns[len(out) :]]
        return [(column, value) for column, value in out if not column.attisdropped]

    def _text(self, datum: bytes) -> bytes:
        parts = []
        for column, value in self._fields(datum):
            if value is None:
                parts.append(b"")
            else:
                text = self.registry.io_of(column.atttypid).text(value)
                parts.append(quoted(text, _SPECIAL_IN_ROW, True))
        return b"(" + b",".join(parts) + b")"

    def _send(self, datum: bytes) -> bytes:
        fields = self._fields(datum)
        parts = [len(fields).to_bytes(4, "big")]
        for column, value in fields:
            parts.append(column.atttypid.to_bytes(4, "big"))
            if value is None:
                parts.append(b"\xff\xff\xff\xff")
            else:
                wire = self.registry.io_of(column.atttypid).send(value)
                parts += [len(wire).to_bytes(4, "big"), wire]
        return b"".join(parts)

    def pack(self, values: list[bytes | None], columns: list[AttributeInfo]) -> bytes:
        """One datum per column (dropped ones included) → a row value."""
        nulls = [value is None for value in values]
        hoff = header_length(len(columns), any(nulls))
        body = Packer()
        has_varwidth = False
        for value, column in zip(values, columns):
            if value is not None:
                has_varwidth |= column.attlen < 0
                packable = column.attlen == ATTLEN_VARLENA and column.attstorage != "p"
                body.add(value, column.attlen, column.attalign, packable=packable)
        mask = HeapInfomask.HEAP_HASNULL if any(nulls) else 0
        mask |= HeapInfomask.HEAP_HASVARWIDTH if has_varwidth else 0
        head = struct.pack("<iI", -1, self.info.oid) + _NO_CTID
        head += struct.pack("<HHB", len(columns), mask, hoff)
        head += pack_bitmap(nulls) if any(nulls) else b""
        return head.ljust(hoff - layout.ALIGN_BASE, b"\0") + bytes(body.out)

    def _input(self, text: bytes, typmod: int) -> bytes:
        if self.info.oid == _RECORD_OID:
            raise SqlError("input of anonymous composite types is not implemented", "0A000")
        columns = self._columns(self.info.oid, typmod)
        shown = self.settings.encoding.decode(text)
        live = [column for column in columns if not column.attisdropped]
        parts = iter(parse_row_text(text, shown, len(live)))
        values: list[bytes | None] = []
        for column in columns:
            part = None if column.attisdropped else next(parts)
            if part is None:
                if not column.attisdropped:
                    self.registry.io_of(column.atttypid).null_input()
                values.append(None)
            else:
                io = self.registry.io_of(column.atttypid)
                values.append(io._input(part, column.atttypmod))
        return self.pack(values, columns)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        columns = self._columns(self.info.oid, typmod)
        live = [column for column in columns if not column.attisdropped]
        (count,) = struct.unpack_from(">i", wire)
        if count != len(live):
            raise SqlError(f"wrong number of columns: {count}, expected {len(live)}", "42804")
        at = 4
        values: list[bytes | None] = []
        for column in columns:
            if column.attisdropped:
                values.append(None)
                continue
            (typid,) = struct.unpack_from(">I", wire, at)
            if typid != column.atttypid:
                raise SqlError(
                    f"binary data has type {typid} instead of expected {column.atttypid} "
                    f"in record column {len(values) + 1}", "42804",
                )  # fmt: skip
            part, at = read_wire(wire, at + 4)
            io = self.registry.io_of(typid)
            values.append(None if part is None else io._receive(part, column.atttypmod))
        return self.pack(values, columns)

    def _python(self, datum: bytes) -> dict[str, Any]:
        return {
            column.attname: None if value is None
            else self.registry.io_of(column.atttypid).to_python(value)
            for column, value in self._fields(datum)
        }  # fmt: skip


class Enum(TypeIO):
    """An enum: the label of a pg_enum row."""

    def _label(self, datum: bytes) -> str:
        oid = int.from_bytes(datum, "little")
        label = self.registry.lookups.enum_label(oid)
        if label is None:
            raise CorruptData(f"enum {self.info.name} has no value with OID {oid}")
        return label

    def _text(self, datum: bytes) -> bytes:
        return self.settings.encoding.encode(self._label(datum))

    _send = _text

    def _input(self, text: bytes, typmod: int) -> bytes:
        label = self.settings.encoding.decode(text)
        oid = self.registry.lookups.enum_oid(self.info.oid, label)
        if oid is None:
            name = self.registry.format_type(self.info.oid)
            raise SqlError(f'invalid input value for enum {name}: "{label}"', "22P02")
        if oid in self.registry.uncommitted_enums:
            name = self.registry.format_type(self.info.oid)
            raise SqlError(f'unsafe use of new value "{label}" of enum type {name}', "55P04",
                           hint="New enum values must be committed before they can be used.")
        return oid.to_bytes(4, "little")

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        return self._input(wire, typmod)

    def _python(self, datum: bytes) -> str:
        return self._label(datum)


class Domain(TypeIO):
    """A domain: its base type's forms.

    Text that is read must meet the domain's constraints where the registry knows how to check.
    """

    @property
    def base(self) -> TypeIO:
        """The type below."""
        return self.registry.io_of(self.info.typbasetype)

    def _text(self, datum: bytes) -> bytes:
        return self.base._text(datum)

    def _send(self, datum: bytes) -> bytes:
        return self.base._send(datum)

    def _input(self, text: bytes, typmod: int) -> bytes:
        io: Domain = self
        while isinstance(io.base, Domain):
            io = io.base
        return self._checked(io.base._input(text, io.info.typtypmod))

    def null_input(self) -> bytes | None:
        check = self.registry.domain_check
        if check is not None:
            check(self.info.oid, None)
        return None

    def _checked(self, datum: bytes) -> bytes:
        check = self.registry.domain_check
        if check is not None:
            check(self.info.oid, datum)
        return datum

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        return self.base._receive(wire, self.info.typtypmod)

    def _python(self, datum: bytes) -> Any:
        return self.base._python(datum)


class RangeValue(NamedTuple):
    """A range taken apart: flag byte and the bounds' datums (None where there is none)."""

    flags: int
    lower: bytes | None
    upper: bytes | None


def _has_lower(flags: int) -> bool:
    return not flags & (layout.RANGE_EMPTY | layout.RANGE_LB_INF | 0x20)


def _has_upper(flags: int) -> bool:
    return not flags & (layout.RANGE_EMPTY | layout.RANGE_UB_INF | 0x40)


class _RangeBase(TypeIO):
    """What ranges and multiranges share: the subtype."""

    def _range_info(self, typid: int) -> RangeInfo:
        info = self.registry.lookups.range_info(typid)
        if info is None:
            raise Unsupported(f"range type {typid} is not in pg_range")
        return info

    def _subtype(self, info: RangeInfo) -> TypeIO:
        return self.registry.io_of(info.rngsubtype)

    def _bounds(self, data: bytes, start: int, end: int, flags: int, sub: TypeInfo) -> RangeValue:
        count = _has_lower(flags) + _has_upper(flags)
        attributes = [Attribute(sub.typlen, sub.typalign)] * count
        places = spans(data, start, end, attributes)
        found = [datum_at(data, *place, sub.typlen) for place in places if place]
        lower = found.pop(0) if _has_lower(flags) else None
        return RangeValue(flags, lower, found[0] if found else None)

    def _range_text(self, value: RangeValue, sub: TypeIO) -> bytes:
        flags, lower, upper = value
        if flags & layout.RANGE_EMPTY:
            return b"empty"
        out = b"[" if flags & layout.RANGE_LB_INC else b"("
        out += b"" if lower is None else quoted(sub.text(lower), _SPECIAL_IN_RANGE, True)
        out += b","
        out += b"" if upper is None else quoted(sub.text(upper), _SPECIAL_IN_RANGE, True)
        return out + (b"]" if flags & layout.RANGE_UB_INC else b")")

    def _range_wire(self, value: RangeValue, sub: TypeIO) -> bytes:
        out = bytes([value.flags])
        for bound in value[1:]:
            if bound is not None:
                wire = sub.send(bound)
                out += len(wire).to_bytes(4, "big") + wire
        return out

    def _range_python(self, value: RangeValue, sub: TypeIO) -> Any:
        return self.settings.encoding.decode(self._range_text(value, sub))

    def _read_wire(self, wire: bytes, sub: TypeIO, info: RangeInfo) -> RangeValue:
        from pgtool.types.rangemath import make_range

        flags, at = wire[0], 1
        flags &= 0x1F
        bounds: list[bytes | None] = []
        for has in (_has_lower(flags), _has_upper(flags)):
            part = None
            if has:
                part, at = read_wire(wire, at)
                part = None if part is None else sub._receive(part, -1)
            bounds.append(part)
        if at != len(wire):
            raise self.bad_wire()
        return make_range(RangeValue(flags, *bounds), sub, info)

    def _pack_bounds(self, packer: Packer, value: RangeValue, sub: TypeInfo) -> None:
        for bound in value[1:]:
            if bound is not None:
                packable = sub.typlen == ATTLEN_VARLENA and sub.typstorage != "p"
                packer.add(bound, sub.typlen, sub.typalign, packable=packable)


class Range(_RangeBase):
    """A range type."""

    def _read(self, datum: bytes) -> tuple[RangeValue, TypeIO]:
        (typid,) = _RANGE.unpack_from(datum)
        sub = self._subtype(self._range_info(typid))
        return self._bounds(datum, _RANGE.size, len(datum) - 1, datum[-1], sub.info), sub

    def _text(self, datum: bytes) -> bytes:
        return self._range_text(*self._read(datum))

    def _send(self, datum: bytes) -> bytes:
        return self._range_wire(*self._read(datum))

    def _pack(self, value: RangeValue, sub: TypeInfo) -> bytes:
        packer = Packer()
        self._pack_bounds(packer, value, sub)
        return _RANGE.pack(self.info.oid) + bytes(packer.out) + bytes([value.flags])

    def _input(self, text: bytes, typmod: int) -> bytes:
        from pgtool.types.rangemath import make_range

        info = self._range_info(self.info.oid)
        sub = self._subtype(info)
        flags, lower, upper = parse_range_text(text, self.settings.encoding.decode(text))
        bounds = [None if b is None else sub._input(b, typmod) for b in (lower, upper)]
        value = make_range(RangeValue(flags, *bounds), sub, info)
        return self._pack(value, sub.info)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        info = self._range_info(self.info.oid)
        sub = self._subtype(info)
        return self._pack(self._read_wire(wire, sub, info), sub.info)


class Multirange(_RangeBase):
    """A multirange type: ranges in order that neither touch nor overlap."""

    def _read(self, datum: bytes) -> tuple[list[RangeValue], TypeIO]:
        typid, count = _MULTIRANGE.unpack_from(datum)
        info = self._range_info(typid)
        sub = self._subtype(info)
        if count > len(datum):
            raise CorruptData(f"multirange of {count} ranges", field="rangeCount")
        items_at = _MULTIRANGE.size
        flags_at = items_at + 4 * max(0, count - 1)
        items = struct.unpack_from(f"<{max(0, count - 1)}I", datum, items_at)
        start = align(flags_at + count + layout.ALIGN_BASE, sub.info.typalign) - layout.ALIGN_BASE
        out, offset = [], 0
        for i in range(count):
            if i:
                item = items[i - 1]
                length = item & ~layout.MULTIRANGE_ITEM_OFF_BIT
                offset = length if item & layout.MULTIRANGE_ITEM_OFF_BIT else offset + length
            at, flags = start + offset, datum[flags_at + i]
            out.append(self._bounds(datum, at, len(datum), flags, sub.info))
        return out, sub

    def _text(self, datum: bytes) -> bytes:
        ranges, sub = self._read(datum)
        return b"{" + b",".join([self._range_text(value, sub) for value in ranges]) + b"}"

    def _send(self, datum: bytes) -> bytes:
        ranges, sub = self._read(datum)
        parts = [len(ranges).to_bytes(4, "big")]
        for value in ranges:
            wire = self._range_wire(value, sub)
            parts += [len(wire).to_bytes(4, "big"), wire]
        return b"".join(parts)

    def _pack(self, ranges: list[RangeValue], sub: TypeInfo) -> bytes:
        body, items = Packer(), []
        previous = 0
        for i, value in enumerate(ranges):
            if i:
                body.pad(sub.typalign)
                here = len(body.out)
                stride = i % layout.MULTIRANGE_ITEM_OFFSET_STRIDE
                items.append(here - previous if stride else here | layout.MULTIRANGE_ITEM_OFF_BIT)
                previous = here
            self._pack_bounds(body, value, sub)
        body.pad(sub.typalign)
        head = _MULTIRANGE.pack(self.info.oid, len(ranges)) + struct.pack(f"<{len(items)}I", *items)
        head += bytes(value.flags for value in ranges)
        size = align(len(head) + layout.ALIGN_BASE, sub.typalign) - layout.ALIGN_BASE
        return head.ljust(size, b"\0") + bytes(body.out)

    def _input(self, text: bytes, typmod: int) -> bytes:
        from pgtool.types.rangemath import make_range, merge_ranges

        info = self._range_info(self.info.oid)
        sub = self._subtype(info)
        ranges = []
        for part in parse_multirange_text(text, self.settings.encoding.decode(text)):
            flags, lower, upper = parse_range_text(part, self.settings.encoding.decode(part))
            bounds = [None if b is None else sub._input(b, typmod) for b in (lower, upper)]
            ranges.append(make_range(RangeValue(flags, *bounds), sub, info))
        return self._pack(merge_ranges(ranges, sub, info), sub.info)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        from pgtool.types.rangemath import merge_ranges

        info = self._range_info(self.info.oid)
        sub = self._subtype(info)
        (count,) = struct.unpack_from(">I", wire)
        ranges, at = [], 4
        for _ in range(min(count, len(wire))):
            part, at = read_wire(wire, at)
            ranges.append(self._read_wire(part or b"", sub, info))
        return self._pack(merge_ranges(ranges, sub, info), sub.info)
