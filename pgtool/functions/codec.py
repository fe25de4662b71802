"""Stored datum ↔ value, for every type, one at a time and by column.

``codec_of(registry, typid)`` gives the :class:`Codec` of a type as one registry sees it:
``decode`` (stored bytes → value of :mod:`pgtool.functions.values`), ``encode`` (back),
``values`` (column → list), ``column`` (list → stored column). Stored columns are canonical:
``dtype`` is the numpy type of a fixed-width one (numbers are numbers, others ``V<n>``);
``name`` is kept as a VarColumn, its padding off.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import numpy as np

from pgtool.errors import CorruptData, Unsupported
from pgtool.functions.columns import MixedColumn, NumericColumn, ObjectColumn, ScaledColumn
from pgtool.functions.containers import container_codec
from pgtool.functions.mixed import mixed_values
from pgtool.functions.values import Bits, Interval
from pgtool.storage import ragged
from pgtool.types.column import FixedColumn, VarColumn
from pgtool.types.info import TypeInfo
from pgtool.types.numeric import numeric_decimal, pack_numeric
from pgtool.types.registry import TypeRegistry
from pgtool.types.vector_numeric import MOST_DIGITS, MOST_SHOWN, pack_scaled

__all__ = ["Codec", "codec_of"]

NAMEDATALEN = 64
_INTERVAL = struct.Struct("<qii")
_TIMETZ = struct.Struct("<qi")
_BITS = struct.Struct("<i")

#: Output function → numpy type of fixed-width numbers.
_NUMBERS = {
    "boolout": "?", "int2out": "<i2", "int4out": "<i4", "int8out": "<i8", "cash_out": "<i8",
    "oidout": "<u4", "xidout": "<u4", "cidout": "<u4", "xid8out": "<u8", "float4out": "<f4",
    "float8out": "<f8", "date_out": "<i4", "time_out": "<i8", "timestamp_out": "<i8",
    "timestamptz_out": "<i8", "enum_out": "<u4", "regprocout": "<u4", "regprocedureout": "<u4",
    "regoperout": "<u4", "regoperatorout": "<u4", "regclassout": "<u4", "regtypeout": "<u4",
    "regroleout": "<u4", "regnamespaceout": "<u4", "regconfigout": "<u4",
    "regdictionaryout": "<u4", "regcollationout": "<u4",
}  # fmt: skip
_TEXTS = {
    "textout", "varcharout", "bpcharout", "nameout", "json_out", "xml_out", "unknownout",
    "cstring_out", "pg_node_tree_out",
}  # fmt: skip
_SPECIAL_NUMERIC = {"NaN": b"\0\xc0", "Infinity": b"\0\xd0", "-Infinity": b"\0\xf0"}


class Codec:
    """One type's way between stored and computed form."""

    def __init__(self, info: TypeInfo, registry: TypeRegistry) -> None:
        self.info = info
        self.registry = registry
        self.typid = info.oid
        out = "enum_out" if info.typtype == "e" else info.typoutput
        self.is_name = out == "nameout"
        self.is_text = out in _TEXTS
        self.is_numeric = out == "numeric_out"
        self.dtype: np.dtype[Any] | None = None
        if out in _NUMBERS:
            self.dtype = np.dtype(_NUMBERS[out])
        elif info.typlen > 0 and not self.is_name:
            self.dtype = np.dtype(f"V{info.typlen}")
        self.decode, self.encode = self._pair(out)

    @property
    def is_number(self) -> bool:
        """Whether values are plain Python numbers of a numpy array."""
        return self.dtype is not None and self.dtype.kind != "V"

    def _pair(self, out: str) -> tuple[Callable[[bytes], Any], Callable[[Any], bytes]]:
        if out in _NUMBERS:
            unpack = struct.Struct("<" + np.dtype(_NUMBERS[out]).char.replace("l", "q")
                                   .replace("L", "Q"))  # fmt: skip
            return lambda b: unpack.unpack(b)[0], unpack.pack
        if self.is_text:
            encoding = self.registry.settings.encoding
            if self.is_name:
                return (lambda b: encoding.decode(b.split(b"\0", 1)[0]),
                        lambda v: encoding.encode(v)[: NAMEDATALEN - 1])  # fmt: skip
            return encoding.decode, encoding.encode
        if out == "charout":
            encoding = self.registry.settings.encoding
            return (lambda b: encoding.decode(b) if b != b"\0" else "",
                    lambda v: encoding.encode(v)[:1] or b"\0")  # fmt: skip
        simple = _SIMPLE.get(out)
        if simple is not None:
            return simple
        return container_codec(self.info, self.registry, codec_of) or (bytes, bytes)

    # -- columns --------------------------------------------------------------------

    def canonical(self, column: Any) -> Any:
        """A column as the heap gives it → the canonical stored form."""
        if isinstance(column, VarColumn):
            if self.is_numeric and not isinstance(column, NumericColumn):
                return NumericColumn(column.buffer, column.start, column.length, column.valid)
            return column
        if self.is_name:
            return _name_spans(column)
        if column.values.dtype != self.dtype:
            values = np.ascontiguousarray(column.values).view(cast(Any, self.dtype))
            return FixedColumn(values, column.valid)
        return column

    def values(self, column: Any) -> list[Any]:
        """The values of a column, None for NULL."""
        if isinstance(column, ObjectColumn):
            return column.items
        if isinstance(column, ScaledColumn):
            out: list[Any] = [
                Decimal(v).scaleb(-column.scale) for v in column.values.tolist()
            ]
        elif isinstance(column, MixedColumn):
            out = mixed_values(column)
        elif isinstance(column, FixedColumn):
            out = column.values.tolist()
            if not self.is_number:
                valid = column.valid
                decode = self.decode
                return [
                    decode(v) if valid is None or valid[i] else None for i, v in enumerate(out)
                ]
        else:
            return self._var_values(column)
        if column.valid is not None:
            for i in np.flatnonzero(~column.valid).tolist():
                out[i] = None
        return out

    def _var_values(self, column: VarColumn) -> list[Any]:
        length = column.length.astype(np.int64)
        if column.valid is not None:
            length = np.where(column.valid, length, 0)
        data, offsets = ragged.gather(column.buffer, np.where(length, column.start, 0), length)
        raw: Any = data.tobytes()
        at = offsets.tolist()
        if self.is_text and raw.isascii():
            text = raw.decode("ascii")
            out: list[Any] = [text[a:b] for a, b in itertools.pairwise(at)]
            if column.valid is None:
                return out
            return [v if ok else None for v, ok in zip(out, column.valid.tolist())]
        decode = self.decode
        if column.valid is None:
            return [decode(raw[a:b]) for a, b in itertools.pairwise(at)]
        return [
            decode(raw[a:b]) if ok else None
            for a, b, ok in zip(at, at[1:], column.valid.tolist())
        ]  # fmt: skip

    def column(self, items: list[Any]) -> Any:
        """The stored column of some values."""
        if self.is_number:
            dtype = cast(Any, self.dtype)
            if None not in items:
                return FixedColumn(np.array(items, dtype))
            valid = np.fromiter((v is not None for v in items), np.bool_, len(items))
            return FixedColumn(np.array([0 if v is None else v for v in items], dtype), valid)
        encode = self.encode
        data = [None if v is None else encode(v) for v in items]
        if self.dtype is not None:
            size = self.dtype.itemsize
            raw = b"".join(b"\0" * size if d is None else d for d in data)
            valid = np.fromiter((d is not None for d in data), np.bool_, len(data))
            return FixedColumn(np.frombuffer(raw, self.dtype), None if valid.all() else valid)
        made = VarColumn.of(data)
        return self.canonical(made)

    def stored(self, column: Any) -> Any:
        """Any column in canonical stored form."""
        if isinstance(column, ObjectColumn):
            if column.stored is None:
                column.stored = self.column(column.items)
            return column.stored
        if isinstance(column, (ScaledColumn, MixedColumn)):
            made = _stored_numerics(column)
            return self.column(self.values(column)) if made is None else made
        return column


def _stored_numerics(column: ScaledColumn | MixedColumn) -> NumericColumn | None:
    """Numerics in stored form; None where one has too many digits for doing it at once."""
    shown = column.shown if isinstance(column, MixedColumn) else column.scale
    values, scale = column.values, column.scale
    if column.valid is not None:
        values = np.where(column.valid, values, 0)
    most = MOST_DIGITS - -scale % 4
    if not len(values) or scale < 0 or int(np.max(shown)) > MOST_SHOWN:
        return None
    if max(int(values.max()), -int(values.min())) >= 10**most:
        return None
    scales = np.full(len(values), scale, np.int64)
    made = pack_scaled(values.astype(np.int64), scales, np.asarray(shown), column.valid)
    return NumericColumn(made.buffer, made.start, made.length, made.valid)


def _name_spans(column: FixedColumn) -> VarColumn:
    rows = np.ascontiguousarray(column.values).view(np.uint8).reshape(len(column), NAMEDATALEN)
    ends = rows == 0
    length = np.where(ends.any(1), ends.argmax(1), NAMEDATALEN) if len(rows) else np.zeros(0)
    start = np.arange(len(column), dtype=np.int64) * NAMEDATALEN
    return VarColumn(rows.reshape(-1), start, length.astype(np.int32), column.valid)


def encode_numeric(value: Decimal) -> bytes:
    """A Decimal in stored form; its exponent is the display scale."""
    sign, digits, exponent = value.as_tuple()
    if isinstance(exponent, str):
        return _SPECIAL_NUMERIC["NaN" if exponent != "F" else "-Infinity" if sign else "Infinity"]
    unscaled = int(Decimal((0, digits, 0)))
    return pack_numeric(bool(sign), unscaled, -exponent, max(-exponent, 0))


def _decode_bits(datum: bytes) -> Bits:
    (length,) = _BITS.unpack_from(datum)
    if not 0 <= length <= 8 * (len(datum) - 4):
        raise CorruptData(f"bit string of {length} bits in {len(datum)} bytes")
    return Bits(length, datum[4:])


_BIT_PAIR: tuple[Any, Any] = (_decode_bits, lambda v: _BITS.pack(v.length) + v.data)
_SIMPLE: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {
    "numeric_out": (numeric_decimal, encode_numeric),
    "byteaout": (bytes, bytes),
    "uuid_out": (bytes, bytes),
    "interval_out": (lambda b: Interval(*_INTERVAL.unpack(b)), lambda v: _INTERVAL.pack(*v)),
    "timetz_out": (_TIMETZ.unpack, lambda v: _TIMETZ.pack(*v)),
    "bit_out": _BIT_PAIR, "varbit_out": _BIT_PAIR,
}  # fmt: skip


def codec_of(registry: TypeRegistry, typid: int) -> Codec:
    """The codec of a type; a domain's is its base type's."""
    known: dict[int, Codec] = registry.__dict__.setdefault("_codecs", {})
    found = known.get(typid)
    if found is None:
        info = registry.info(typid)
        depth = 0
        while info.typtype == "d":
            info = registry.info(info.typbasetype)
            depth += 1
            if depth > 100:
                raise Unsupported(f"domain {typid} nested too deep")
        found = known[typid] = Codec(info, registry)
    return found
