"""One JSON object a line, as the server's ``row_to_json`` makes it.

Numbers and booleans stand bare, json and jsonb values are taken as they are, arrays and
rows become JSON arrays and objects, dates and times ISO 8601 with a ``T``, everything
else is a JSON string of its text form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from pgtool.commands.copy.forms import Lost, mark_null
from pgtool.commands.copy.large import goes_in_pieces, octets, text_pieces
from pgtool.commands.copy.rows import Cells, join
from pgtool.commands.copy.source import OutColumn
from pgtool.errors import CorruptData
from pgtool.storage import ragged
from pgtool.types.arrays import read_array
from pgtool.types.base import TypeIO
from pgtool.types.column import Column
from pgtool.types.composite import Record
from pgtool.types.info import Settings
from pgtool.types.registry import TypeRegistry

BOOL, JSON, JSONB = 16, 114, 3802
NUMBERS = frozenset((20, 21, 23, 700, 701, 1700))
DATE, TIMESTAMP, TIMESTAMPTZ = 1082, 1114, 1184
#: int2vector and oidvector, which are arrays to JSON.
VECTORS = frozenset((22, 30))
_NUMBER = re.compile(rb"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_CONTROL = re.compile(rb'["\\\x00-\x1f]')
_ESCAPES = {
    b'"': b'\\"', b"\\": b"\\\\", b"\b": b"\\b", b"\f": b"\\f", b"\n": b"\\n", b"\r": b"\\r",
    b"\t": b"\\t",
}  # fmt: skip
_HOUR_ZONE = re.compile(rb"([+-]\d\d)( BC)?$")
MAX_DEPTH = 100


def json_string(text: bytes) -> bytes:
    """A JSON string in the same encoding."""
    return b'"' + _escaped(text) + b'"'


def _escaped(text: bytes) -> bytes:
    def escape(match: re.Match[bytes]) -> bytes:
        found = match[0]
        return _ESCAPES.get(found) or b"\\u%04x" % found[0]

    return _CONTROL.sub(escape, text)


class JsonLines:
    """One relation's rows as JSON lines."""

    def __init__(self, columns: list[OutColumn], registry: TypeRegistry) -> None:
        self.columns = columns
        settings = registry.settings
        iso = Settings(major=settings.major, encoding=settings.encoding)
        iso.timezone = settings.timezone
        # Dates in JSON are ISO whatever the session's DateStyle; the rest follows the session.
        self.iso = TypeRegistry(iso, registry.lookups)
        self.registry = registry
        encode = settings.encoding.encode
        self.keys = [json_string(encode(c.name)) + b":" for c in columns]

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def end(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, columns: Sequence[Column], rows: int, unreadable: Any) -> Any:
        """The lines of one batch."""
        cells = []
        for i, column in enumerate(columns):
            lost = partial(unreadable, i)
            cells.append(self._cells(i, column, lost))
        return join(cells, rows, b"", b",", b"}\n", b"{")

    def pieces(self, columns: Sequence[Column], unreadable: Any) -> Iterator[Any]:
        """One line, piece by piece."""
        for i, column in enumerate(columns):
            yield b"," if i else b"{"
            lost, typid = partial(unreadable, i), self.columns[i].typid
            if not goes_in_pieces(self.registry, typid, column):
                yield octets(self._cells(i, column, lost))
                continue
            plain = self.registry.info(typid).typoutput == "json_out"
            yield self.keys[i] if plain else self.keys[i] + b'"'
            for text in text_pieces(self.registry, typid, column, lost):
                yield octets(text) if plain else _escaped(octets(text).tobytes())
            yield b"" if plain else b'"'
        yield b"}\n"

    def _cells(self, number: int, column: Column, lost: Lost) -> Cells:
        typid = self.columns[number].typid
        key = self.keys[number]
        null = key + b"null"
        pieces = []
        known: dict[bytes, bytes] = {}
        for row in range(len(column)):
            datum = column.datum(row)
            if datum is None:
                pieces.append(null)
                continue
            piece = known.get(datum)
            if piece is None:
                try:
                    io = self.registry.io_of(typid)
                    piece = key + io._guard(lambda d: self.value(d, typid), datum)
                    known[datum] = piece
                except CorruptData as problem:
                    lost(row, problem)
                    mark_null(column, row)
                    piece = null
            pieces.append(piece)
        length = np.fromiter(map(len, pieces), np.int64, len(pieces))
        buffer = np.frombuffer(b"".join(pieces), np.uint8)
        return Cells(buffer, ragged.offsets_of(length)[:-1], length, None)

    def value(self, datum: bytes, typid: int, depth: int = 0) -> bytes:
        """One datum as JSON."""
        if depth > MAX_DEPTH:
            raise CorruptData("value is nested too deeply")
        io = self.registry.io_of(typid)
        info = io.info
        if info.typtype == "d":
            return self.value(datum, info.typbasetype, depth + 1)
        if typid == BOOL:
            return b"true" if io.text(datum) == b"t" else b"false"
        if typid in NUMBERS:
            text = io.text(datum)
            return text if _NUMBER.fullmatch(text) else b'"' + text + b'"'
        if typid in (JSON, JSONB):
            return io.text(datum)
        if typid in (DATE, TIMESTAMP, TIMESTAMPTZ):
            return b'"' + self._iso(datum, typid) + b'"'
        if info.is_true_array or typid in VECTORS:
            return self._array(datum, info.typelem, depth)
        if isinstance(io, Record):
            return self._record(io, datum, depth)
        return json_string(io.text(datum))

    def _iso(self, datum: bytes, typid: int) -> bytes:
        text = self.iso.io_of(typid).text(datum)
        if typid != DATE:
            text = text.replace(b" ", b"T", 1)
        if typid == TIMESTAMPTZ:
            text = _HOUR_ZONE.sub(rb"\1:00\2", text)
        return text

    def _array(self, datum: bytes, typelem: int, depth: int) -> bytes:
        value = read_array(datum, self.registry.info(typelem))
        parts = [
            b"null" if item is None else self.value(item, value.elemtype, depth + 1)
            for item in value.items
        ]
        if not parts:
            return b"[]"
        for size in reversed(value.dims):
            parts = [
                b"[" + b",".join(parts[i : i + size]) + b"]" for i in range(0, len(parts), size)
            ]
        return parts[0]

    def _record(self, io: TypeIO, datum: bytes, depth: int) -> bytes:
        assert isinstance(io, Record)
        encode = self.registry.settings.encoding.encode
        parts = []
        for field, item in io._fields(datum):
            shown = b"null" if item is None else self.value(item, field.atttypid, depth + 1)
            parts.append(json_string(encode(field.attname)) + b":" + shown)
        return b"{" + b",".join(parts) + b"}"
