"""Whole column batches → text or wire form, with the result of the scalar code.

:func:`text_column` and :func:`wire_column` take a batch column and give spans of bytes,
one for each row (length 0 where the row is NULL: the column's ``valid`` tells). Types
with a vectorised implementation are in the two tables at the end; rows that an
implementation declines (rare or damaged values), and all rows of other types, go through
:class:`~pgtool.types.base.TypeIO`, a fixed-width type once for each *different* value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pgtool.storage import ragged
from pgtool.types import digit_walk, vector_digits, vector_floats, vector_jsonb, vector_time
from pgtool.types.base import FixedIO, TypeIO
from pgtool.types.column import Column, FixedColumn, TextColumn, VarColumn
from pgtool.types.composite import Domain
from pgtool.types.jsonb import VERSION as JSONB_VERSION
from pgtool.types.registry import TypeRegistry
from pgtool.types.zones import find_zone

__all__ = ["text_column", "wire_column"]

Array = npt.NDArray[Any]
#: A vectorised form: text, and the rows that it declined; None declines the whole column.
Result = tuple[TextColumn, Array] | None
_NONE = np.zeros(0, np.int64)


def text_column(registry: TypeRegistry, typid: int, column: Column) -> TextColumn:
    """The text of every row, in the database's encoding."""
    io = _base(registry.io_of(typid))
    return _convert(io, column, _TEXT.get(io.info.typoutput), io.text)


def wire_column(registry: TypeRegistry, typid: int, column: Column) -> TextColumn:
    """The wire form of every row, without its length word."""
    io = _base(registry.io_of(typid))
    vectorised = _WIRE.get(io.info.typoutput)
    if vectorised is None and isinstance(io, FixedIO) and type(io)._send is FixedIO._send:
        vectorised = _fixed_wire
    return _convert(io, column, vectorised, io.send)


def _base(io: TypeIO) -> TypeIO:
    while isinstance(io, Domain):
        io = io.base
    return io


def _convert(
    io: TypeIO,
    column: Column,
    vectorised: Callable[[TypeIO, Any], Result] | None,
    scalar: Callable[[bytes], bytes],
) -> TextColumn:
    result = vectorised(io, column) if vectorised is not None and len(column) else None
    if result is None:
        if isinstance(column, FixedColumn):
            return _each_different(column, scalar)
        return _each_row(column, scalar)
    text, declined = result
    if column.valid is not None:
        declined = declined[column.valid[declined]]
    if len(declined):
        data = [column.datum(row) for row in declined.tolist()]
        texts = [b"" if datum is None else scalar(datum) for datum in data]
        text = vector_digits.join_rows(text, declined, texts)
    if column.valid is not None:
        text.length = np.where(column.valid, text.length, 0)
    return text


def _each_row(column: VarColumn, scalar: Callable[[bytes], bytes]) -> TextColumn:
    rows = len(column)
    raw = column.buffer.tobytes() if rows * 64 > column.buffer.size else None
    starts, lengths = column.start.tolist(), column.length.tolist()
    valid = [True] * rows if column.valid is None else column.valid.tolist()
    texts = []
    for row in range(rows):
        if not valid[row]:
            texts.append(b"")
            continue
        first, last = starts[row], starts[row] + lengths[row]
        datum = raw[first:last] if raw is not None else column.buffer[first:last].tobytes()
        texts.append(scalar(datum))
    return _spans(texts)


def _spans(texts: list[bytes]) -> TextColumn:
    length = np.fromiter(map(len, texts), np.int64, len(texts))
    buffer = np.frombuffer(b"".join(texts), np.uint8)
    return TextColumn(buffer, ragged.offsets_of(length)[:-1], length)


def _each_different(column: FixedColumn, scalar: Callable[[bytes], bytes]) -> TextColumn:
    values = column.values
    width = values.dtype.itemsize
    raw = np.ascontiguousarray(values).view(np.dtype(f"V{width}"))
    if column.valid is not None:
        raw = raw[column.valid]
    places: dict[bytes, int] = {}
    inverse = [places.setdefault(one, len(places)) for one in raw.tolist()]
    table = _spans([scalar(one) for one in places])
    rows = np.arange(len(column)) if column.valid is None else np.flatnonzero(column.valid)
    start, length = np.zeros(len(column), np.int64), np.zeros(len(column), np.int64)
    start[rows], length[rows] = table.start[inverse], table.length[inverse]
    return TextColumn(table.buffer, start, length)


def _as(column: FixedColumn, kind: str) -> Array:
    """The values as numbers of a kind (i, u, f), whatever the batch calls them."""
    dtype = np.dtype(f"<{kind}{column.values.dtype.itemsize}")
    if column.values.dtype == dtype:
        return column.values
    return np.ascontiguousarray(column.values).view(dtype)


def _integers(io: TypeIO, column: FixedColumn) -> Result:
    return vector_digits.integer_text(_as(column, "i")), _NONE


def _unsigned(io: TypeIO, column: FixedColumn) -> Result:
    return vector_digits.integer_text(_as(column, "u")), _NONE


def _booleans(io: TypeIO, column: FixedColumn) -> Result:
    start = (_as(column, "u") != 0).astype(np.int64)
    buffer = np.frombuffer(b"ft", np.uint8)
    return TextColumn(buffer, start, np.ones(len(start), np.int64)), _NONE


def _boolean_wire(io: TypeIO, column: FixedColumn) -> Result:
    start = (_as(column, "u") != 0).astype(np.int64)
    buffer = np.frombuffer(b"\0\1", np.uint8)
    return TextColumn(buffer, start, np.ones(len(start), np.int64)), _NONE


def _floats(io: TypeIO, column: FixedColumn) -> Result:
    if io.settings.extra_float_digits <= 0:
        return None
    return vector_floats.float_text(_as(column, "f"))


def _numerics(io: TypeIO, column: VarColumn) -> Result:
    return vector_digits.numeric_text(column)


def _jsonbs(io: TypeIO, column: VarColumn) -> Result:
    return vector_jsonb.jsonb_text(column)


def _jsonb_wire(io: TypeIO, column: VarColumn) -> Result:
    """A version byte, then the text."""
    text, declined = vector_jsonb.jsonb_text(column)
    offsets = ragged.offsets_of(text.length + 1)
    out = np.full(int(offsets[-1]), JSONB_VERSION, np.uint8)
    ragged.copy_spans(out, offsets[:-1] + 1, text.buffer, text.start, text.length)
    return TextColumn(out, offsets[:-1].copy(), text.length + 1), declined


def _numeric_wire(io: TypeIO, column: VarColumn) -> Result:
    return vector_digits.numeric_wire(column)


def _as_stored(io: TypeIO, column: Column) -> Result:
    """Text and bytea on the wire: the payload itself."""
    assert isinstance(column, VarColumn)
    return TextColumn(column.buffer, column.start.copy(), column.length.astype(np.int64)), _NONE


def _names(io: TypeIO, column: FixedColumn) -> Result:
    rows = np.ascontiguousarray(column.values).view(np.uint8).reshape(len(column), -1)
    ends = rows == 0
    length = np.where(ends.any(1), ends.argmax(1), rows.shape[1])
    start = np.arange(len(column), dtype=np.int64) * rows.shape[1]
    return TextColumn(rows.reshape(-1), start, length.astype(np.int64)), _NONE


@cache
def _hex_table() -> Array:
    return np.frombuffer(bytes(range(256)).hex().encode("ascii"), "<u2")


_HEX = b"0123456789abcdef"
_DASHES = ((0, 0, 8), (8, 9, 4), (12, 14, 4), (16, 19, 4), (20, 24, 12))


def _uuids(io: TypeIO, column: FixedColumn) -> Result:
    rows = len(column)
    raw = np.ascontiguousarray(column.values).view(np.uint8)
    at = np.arange(rows) * digit_walk.UUID
    if digit_walk.COMPILED:
        out = np.empty(rows * digit_walk.UUID, np.uint8)
        digit_walk.uuids(raw.data, _HEX, out.data)
        return TextColumn(out, at, np.full(rows, digit_walk.UUID)), _NONE
    digits = _hex_table()[raw].view(np.uint8)
    out = np.full(rows * 36, ord("-"), np.uint8)
    for source, target, width in _DASHES:
        piece = np.ndarray((rows,), f"V{width}", digits, source, (32,))
        np.ndarray((rows,), f"V{width}", out, target, (36,))[:] = piece
    return TextColumn(out, at, np.full(rows, 36)), _NONE


def _byteas(io: TypeIO, column: VarColumn) -> Result:
    if io.settings.bytea_output != "hex":
        return None
    size = column.length.astype(np.int64)
    if column.valid is not None:
        size = np.where(column.valid, size, 0)
    payload, source = ragged.gather(column.buffer, column.start, size)
    length = 2 * size + 2
    offsets = ragged.offsets_of(length)
    out = np.empty(int(offsets[-1]), np.uint8)
    ragged.fill_spans(out, offsets[:-1], b"\\x")
    digits = _hex_table()[payload].view(np.uint8)
    ragged.copy_spans(out, offsets[:-1] + 2, digits, 2 * source[:-1], 2 * size)
    return TextColumn(out, offsets[:-1].copy(), length), _NONE


def _iso(io: TypeIO) -> bool:
    return io.settings.date_style == "ISO"


def _dates(io: TypeIO, column: FixedColumn) -> Result:
    return vector_time.date_text(_as(column, "i")) if _iso(io) else None


def _times(io: TypeIO, column: FixedColumn) -> Result:
    return vector_time.time_text(_as(column, "i"))


def _timestamps(io: TypeIO, column: FixedColumn) -> Result:
    return vector_time.timestamp_text(_as(column, "i"), None) if _iso(io) else None


def _timestamptzs(io: TypeIO, column: FixedColumn) -> Result:
    if not _iso(io):
        return None
    return vector_time.timestamp_text(_as(column, "i"), find_zone(io.settings.timezone))


def _fixed_wire(io: TypeIO, column: FixedColumn) -> Result:
    assert isinstance(io, FixedIO)
    rows, width = len(column), column.values.dtype.itemsize
    raw = np.ascontiguousarray(column.values)
    if io.wire == (width,) and width in (1, 2, 4, 8):
        out = raw.view(f"<u{width}").byteswap().view(np.uint8)
    else:
        table = raw.view(np.uint8).reshape(rows, width)
        out = np.ascontiguousarray(table[:, list(io.wire_order)]).reshape(-1)
    return TextColumn(out, np.arange(rows) * width, np.full(rows, width)), _NONE


def _fixed_as_stored(io: TypeIO, column: FixedColumn) -> Result:
    rows, width = len(column), column.values.dtype.itemsize
    raw = np.ascontiguousarray(column.values).view(np.uint8).reshape(-1)
    return TextColumn(raw, np.arange(rows) * width, np.full(rows, width)), _NONE


#: By output function, as in :data:`pgtool.types.registry.BUILTINS`.
_TEXT: dict[str, Callable[[TypeIO, Any], Result]] = {
    "int2out": _integers, "int4out": _integers, "int8out": _integers, "oidout": _unsigned,
    "xidout": _unsigned, "cidout": _unsigned, "xid8out": _unsigned, "boolout": _booleans,
    "float4out": _floats, "float8out": _floats, "numeric_out": _numerics,
    "jsonb_out": _jsonbs, "textout": _as_stored,
    "varcharout": _as_stored, "bpcharout": _as_stored, "json_out": _as_stored,
    "pg_node_tree_out": _as_stored, "byteaout": _byteas, "nameout": _names, "uuid_out": _uuids,
    "date_out": _dates, "time_out": _times, "timestamp_out": _timestamps,
    "timestamptz_out": _timestamptzs,
}  # fmt: skip
_WIRE: dict[str, Callable[[TypeIO, Any], Result]] = {
    "boolout": _boolean_wire, "numeric_out": _numeric_wire, "jsonb_out": _jsonb_wire,
    "textout": _as_stored,
    "varcharout": _as_stored, "bpcharout": _as_stored, "json_out": _as_stored,
    "pg_node_tree_out": _as_stored, "byteaout": _as_stored, "nameout": _names,
    "uuid_out": _fixed_as_stored,
}  # fmt: skip
