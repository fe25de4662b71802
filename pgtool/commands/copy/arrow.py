"""Parquet and Arrow files: column batches handed to pyarrow without going through text.

A PostgreSQL type becomes the Arrow type that can hold every value of it; where there is
none (numeric without a scale, intervals, ranges, rows …) the column is a string of the
text form. So it is where a column's type could hold its values but for some (an infinite
date, 24:00:00, NaN in a decimal, an array of several dimensions): :func:`probe` reads such columns
beforehand. No value is rounded or made NULL.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from formats.units import BLCKSZ
from pgtool.commands.copy.forms import Lost, text_of
from pgtool.commands.copy.source import OutColumn, Source
from pgtool.errors import CorruptData, Unsupported, UserError
from pgtool.types.arrays import read_array
from pgtool.types.base import TypeIO
from pgtool.types.column import Column, FixedColumn, TextColumn, VarColumn
from pgtool.types.encoding import SQL_ASCII, UTF8
from pgtool.types.registry import TypeRegistry

#: Days and microseconds between 1970-01-01 and 2000-01-01.
_EPOCH_DAYS = 10957
_DAY_US = 86_400_000_000
_EPOCH_US = _EPOCH_DAYS * _DAY_US
_INFINITE_DATES = (-(2**31), 2**31 - 1)
_INFINITE_TIMES = (-(2**63), 2**63 - 1)
VARHDRSZ = 4
MAX_DECIMAL128, MAX_DECIMAL256 = 38, 76
NUMERIC, UUID = 1700, 2950
PLAIN = "p"
#: Pages of a TOAST table that may hold a value too large to be held several times.
MANY_CHUNKS = (16 << 20) // BLCKSZ


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise UserError(
            "this format needs the package pyarrow: pip install 'pgtool[arrow]'"
        ) from None
    return pyarrow


class Writer:
    """Writes one relation as a Parquet or an Arrow (IPC) file."""

    def __init__(self, out: BinaryIO, fmt: str, source: Source, registry: TypeRegistry) -> None:
        pa = _pyarrow()
        self.columns = [ArrowColumn(c, registry) for c in source.columns]
        probe(self.columns, source)
        self.schema = pa.schema([c.field for c in self.columns])
        self.file = _sink(pa, out)
        if fmt == "parquet":
            from pyarrow import parquet

            if not self.columns:
                raise Unsupported("rows without columns: a Parquet file cannot tell how many")

            self.writer = parquet.ParquetWriter(self.file, self.schema, **_encoding(source))
        else:
            self.writer = pa.ipc.new_file(self.file, self.schema)

    def write(self, columns: Sequence[Column], rows: int, unreadable: Any) -> None:
        """One batch."""
        self.writer.write_batch(record_batch(self.columns, columns, rows, unreadable))

    def close(self) -> None:
        """Write the file's footer."""
        self.writer.close()
        if not isinstance(self.file, _pyarrow().PythonFile):  # else it is the caller's to close
            self.file.close()


def _encoding(source: Source) -> dict[str, Any]:
    """Options of the Parquet writer: dictionaries and statistics copy every value they see.

    So where a relation has much out of line, columns whose values may be there go without, and
    are compressed by zstd, whose buffer is the smallest.
    """
    tables = [source.database.toast_table(heap.relation, source.damage) for heap in source.heaps]
    if sum(table.file.nblocks for table in tables if table is not None) < MANY_CHUNKS:
        return {}
    small = [c.name for c in source.columns if c.attribute and c.attribute.attstorage == PLAIN]
    codecs = dict.fromkeys(small, "snappy")
    for column in source.columns:
        if column.name not in small:
            codecs |= {column.name: "zstd", f"{column.name}.list.element": "zstd"}
    return {"use_dictionary": small, "write_statistics": small, "compression": codecs}


def _sink(pa: Any, out: BinaryIO) -> Any:
    """Where Arrow writes to: a file of ours by itself, which saves a copy of every page."""
    name = getattr(out, "name", None)
    try:
        known = isinstance(name, str) and os.path.samestat(os.stat(name), os.fstat(out.fileno()))
    except OSError:
        known = False
    if known and stat.S_ISREG(os.fstat(out.fileno()).st_mode) and out.tell() == 0:
        return pa.OSFile(name, "w")
    return pa.PythonFile(out, "w")


def probe(columns: list[ArrowColumn], source: Source) -> None:
    """Turn columns to text whose Arrow type cannot hold some of their values."""
    doubtful = [c for c in columns if c.doubtful and c.column.number is not None]
    if not doubtful:
        return
    part = source.narrowed([c.column for c in doubtful])
    for _heap, batch in part.batches():
        for column, values in zip(doubtful, batch.columns):
            if column.doubtful and not column.holds(values):
                column.become_text()
        if not any(c.doubtful for c in doubtful):
            return


def record_batch(
    columns: Sequence[ArrowColumn], values: Sequence[Column], rows: int, unreadable: Any
) -> Any:
    """A batch as a ``pyarrow.RecordBatch``."""
    pa = _pyarrow()
    arrays = []
    for i, (column, value) in enumerate(zip(columns, values)):
        lost = partial(unreadable, i)
        arrays.append(column.array(value, lost))
    schema = pa.schema([c.field for c in columns])
    if not columns:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def table_of(columns: Sequence[ArrowColumn], batches: list[Any]) -> Any:
    """Batches of these columns as one ``pyarrow.Table``."""
    pa = _pyarrow()
    return pa.Table.from_batches(batches, pa.schema([c.field for c in columns]))


class ArrowColumn:
    """How one column becomes Arrow."""

    def __init__(self, column: OutColumn, registry: TypeRegistry) -> None:
        pa = _pyarrow()
        self.column = column
        self.registry = registry
        self.io = registry.io_of(column.typid)
        self.element: ArrowColumn | None = None
        info = self.io.info
        base, typmod = column.typid, column.typmod
        for _ in range(32):
            if info.typtype != "d":
                break
            typmod = info.typtypmod if typmod == -1 else typmod
            base = info.typbasetype
            info = registry.info(base)
        self.base, self.typmod = base, typmod
        self.type = self._type(pa, base, typmod)
        if info.is_true_array and column.attribute is not None and column.attribute.attndims <= 1:
            inner = OutColumn(column.name, info.typelem, typmod, None)
            self.element = ArrowColumn(inner, registry)
            self.type = pa.list_(self.element.type)
        self.field = pa.field(column.name, self.type)
        self.doubtful = (
            self.element is not None or pa.types.is_decimal(self.type)
            or base in (DATE, TIME, TIMESTAMP, TIMESTAMPTZ)
        )  # fmt: skip

    def become_text(self) -> None:
        """Use the text form from here on."""
        pa = _pyarrow()
        self.element, self.doubtful, self.base = None, False, 0
        self.type = pa.string()
        self.field = pa.field(self.column.name, self.type)

    def holds(self, column: Column) -> bool:
        """Whether the Arrow type can hold every value of a batch."""
        pa = _pyarrow()
        try:
            self.array(column, lambda row, problem: None)
        except (Unsupported, pa.ArrowInvalid):
            return False
        return True

    @staticmethod
    def _type(pa: Any, base: int, typmod: int) -> Any:
        if base == NUMERIC and typmod >= VARHDRSZ:
            packed = typmod - VARHDRSZ
            precision, scale = packed >> 16 & 0xFFFF, (packed & 0x7FF ^ 1024) - 1024
            if 0 <= scale <= precision <= MAX_DECIMAL128:
                return pa.decimal128(precision, scale)
            if 0 <= scale <= precision <= MAX_DECIMAL256:
                return pa.decimal256(precision, scale)
        if base == UUID:
            return pa.uuid() if hasattr(pa, "uuid") else pa.binary(16)
        return getattr(pa, _PLAIN[base])() if base in _PLAIN else _times(pa).get(base, pa.string())

    def array(self, column: Column, lost: Lost) -> Any:
        """A batch of the column as a ``pyarrow.Array``."""
        pa = _pyarrow()
        if self.element is not None:
            return self._list(pa, column, lost)
        if self.base == NUMERIC and not pa.types.is_string(self.type):
            return self._decimal(pa, column, lost)
        if self.base == UUID:
            return self._uuid(pa, column)
        if isinstance(column, FixedColumn) and self.base in _VIEW:
            values = column.values.view(_VIEW[self.base])
            return self._fixed(pa, values, column.valid)
        if self.base == BYTEA and isinstance(column, VarColumn):
            return _binary(pa, pa.binary(), TextColumn(
                column.buffer, column.start, column.length.astype(np.int64)
            ), column.valid)  # fmt: skip
        text = text_of(self.registry, self.column.typid, column, lost)
        encoding = self.registry.settings.encoding
        if encoding not in (UTF8, SQL_ASCII):
            rows = [encoding.decode(v).encode("utf-8", "replace") for v in text.tolist()]
            recoded = VarColumn.of(list(rows))
            text = TextColumn(recoded.buffer, recoded.start, recoded.length.astype(np.int64))
        out = _binary(pa, pa.string(), text, column.valid)
        return out

    def _fixed(self, pa: Any, values: Any, valid: Any) -> Any:
        if self.base == TIME:
            late = values >= _DAY_US if valid is None else valid & (values >= _DAY_US)
            if late.any():
                raise Unsupported(f'24:00:00 in column "{self.column.name}" as {self.type}')
        if self.base in (DATE, TIMESTAMP, TIMESTAMPTZ):
            low, high = _INFINITE_DATES if self.base == DATE else _INFINITE_TIMES
            bad = (values == low) | (values == high)
            if valid is not None:
                bad &= valid
            if bad.any():
                raise Unsupported(f'infinity in column "{self.column.name}" as {self.type}')
            values = values + values.dtype.type(_EPOCH_DAYS if self.base == DATE else _EPOCH_US)
        if self.base == BOOL:
            bits = np.packbits(values.astype(bool), bitorder="little")
            buffer = pa.py_buffer(bits)
        else:
            buffer = pa.py_buffer(np.ascontiguousarray(values))
        return pa.Array.from_buffers(self.type, len(values), [_bitmap(pa, valid), buffer])

    def _uuid(self, pa: Any, column: Column) -> Any:
        assert isinstance(column, FixedColumn)
        buffers = [_bitmap(pa, column.valid), pa.py_buffer(np.ascontiguousarray(column.values))]
        plain = pa.Array.from_buffers(pa.binary(16), len(column), buffers)
        if not hasattr(pa, "uuid"):
            return plain
        return pa.ExtensionArray.from_storage(pa.uuid(), plain)

    def _decimal(self, pa: Any, column: Column, lost: Lost) -> Any:
        from decimal import Decimal

        text = text_of(self.registry, self.column.typid, column, lost).tolist()
        out: list[Any] = []
        for row, value in enumerate(text):
            if column.valid is not None and not column.valid[row]:
                out.append(None)
                continue
            number = Decimal(value.decode())
            if not number.is_finite():
                raise Unsupported(f'{number} in column "{self.column.name}" as {self.type}')
            out.append(number)
        return pa.array(out, self.type)

    def _list(self, pa: Any, column: Column, lost: Lost) -> Any:
        assert self.element is not None
        elem = self.element.io.info
        offsets, items, valid = [0], [], []
        for row in range(len(column)):
            datum = column.datum(row)
            found: list[bytes | None] = []
            if datum is not None:
                try:
                    value = self.io._guard(lambda d: read_array(d, elem), datum)
                except CorruptData as problem:
                    lost(row, problem)
                    datum = None
                else:
                    if len(value.dims) > 1:
                        raise Unsupported(
                            f'array of {len(value.dims)} dimensions in column '
                            f'"{self.column.name}" as {self.type}'
                        )
                    found = value.items
            valid.append(datum is not None)
            items += found
            offsets.append(len(items))
        inner = self.element.array(_column_of(items, self.element.io), lost)
        mask = np.array(valid, bool)
        buffers = [_bitmap(pa, None if mask.all() else mask), pa.py_buffer(np.array(offsets, "i4"))]
        return pa.Array.from_buffers(self.type, len(valid), buffers, children=[inner])


def _column_of(items: list[bytes | None], io: TypeIO) -> Column:
    """Datums as a column."""
    size = io.info.typlen
    if size <= 0:
        return VarColumn.of(items)
    valid = np.array([item is not None for item in items], bool)
    raw = b"".join(bytes(size) if item is None else item for item in items)
    return FixedColumn(np.frombuffer(raw, f"V{size}"), None if valid.all() else valid)


def _bitmap(pa: Any, valid: Any) -> Any:
    return None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))


def _binary(pa: Any, kind: Any, text: TextColumn, valid: Any) -> Any:
    if valid is not None:
        text = TextColumn(text.buffer, text.start, np.where(valid, text.length, 0))
    packed, offsets = _end_to_end(text)
    if int(offsets[-1]) >= 2**31:
        raise Unsupported("more than 2 GB of one column in a batch")
    buffers = [_bitmap(pa, valid), pa.py_buffer(offsets.astype("<i4")), pa.py_buffer(packed)]
    return pa.Array.from_buffers(kind, len(offsets) - 1, buffers)


def _end_to_end(text: TextColumn) -> Any:
    """(bytes, offsets) of the rows; a single one, which may be very large, is not copied."""
    if len(text) != 1:
        return text.packed()
    start, length = int(text.start[0]), int(text.length[0])
    return text.buffer[start : start + length], np.array([0, length], np.int64)


BOOL, BYTEA, DATE, TIME, TIMESTAMP, TIMESTAMPTZ = 16, 17, 1082, 1083, 1114, 1184
_PLAIN = {
    BOOL: "bool_", 20: "int64", 21: "int16", 23: "int32", 26: "uint32", 28: "uint32",
    29: "uint32", 5069: "uint64", 700: "float32", 701: "float64", BYTEA: "binary", DATE: "date32",
}  # fmt: skip
_VIEW = {
    BOOL: "u1", 20: "<i8", 21: "<i2", 23: "<i4", 26: "<u4", 28: "<u4", 29: "<u4", 5069: "<u8",
    700: "<f4", 701: "<f8", DATE: "<i4", TIME: "<i8", TIMESTAMP: "<i8", TIMESTAMPTZ: "<i8",
}  # fmt: skip


def _times(pa: Any) -> dict[int, Any]:
    return {
        TIME: pa.time64("us"), TIMESTAMP: pa.timestamp("us"),
        TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
    }  # fmt: skip
