"""COPY's binary format: a signature, tuples of counted fields, a trailer.

Fields are big-endian lengths, -1 for NULL, each followed by the type's wire form. What has
the same size in every row (the field count, the lengths, values of fixed width that are
never NULL) stands together in runs between the values of variable size; each run is made
as a small table and stored row by row with one scatter.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from pgtool.commands.copy.rows import Bytes
from pgtool.storage import ragged, spans
from pgtool.types.column import TextColumn

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = SIGNATURE + struct.pack(">II", 0, 0)
TRAILER = struct.pack(">h", -1)
_COUNT, _SIZE = struct.Struct(">h"), struct.Struct(">i")
_LENGTH = np.dtype(">i4")
_WIDEST = 64


def count(fields: int) -> bytes:
    """What a tuple begins with."""
    return _COUNT.pack(fields)


def length(value: Any) -> bytes:
    """What comes before a field; None is NULL."""
    return _SIZE.pack(-1 if value is None else len(value))


class _Run:
    """Columns of bytes that have the same width in every row."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.pieces: list[Any] = []
        self.width = 0

    def add(self, piece: Any) -> None:
        """Append a (rows, n) table of bytes."""
        self.pieces.append(piece)
        self.width += piece.shape[1]

    def table(self) -> Any:
        """The pieces side by side, one element for each row."""
        out = np.empty((self.rows, self.width), np.uint8)
        at = 0
        for piece in self.pieces:
            out[:, at : at + piece.shape[1]] = piece
            at += piece.shape[1]
        return out.view(f"V{self.width}").ravel()


def tuples(columns: Sequence[tuple[TextColumn, Any]], rows: int) -> Bytes:
    """The tuples of a batch; each column is (wire form, valid or None)."""
    if spans.COMPILED:
        return _tuples_compiled(columns, rows)
    run = _Run(rows)
    run.add(_constant(struct.pack(">h", len(columns)), rows))
    parts: list[tuple[_Run, TextColumn | None, Any]] = []
    for wire, valid in columns:
        length = wire.length if valid is None else np.where(valid, wire.length, 0)
        width = int(length[0]) if rows else 0
        if valid is None and 0 < width <= _WIDEST and bool((length == width).all()):
            run.add(_constant(struct.pack(">i", width), rows))
            run.add(ragged.windows(wire.buffer, width)[wire.start].view(np.uint8)
                    .reshape(rows, width))  # fmt: skip
            continue
        shown = length if valid is None else np.where(valid, length, -1)
        run.add(shown.astype(_LENGTH).view(np.uint8).reshape(rows, _LENGTH.itemsize))
        parts.append((run, wire, length))
        run = _Run(rows)
    parts.append((run, None, 0))
    return _write(parts, rows)


def _tuples_compiled(columns: Sequence[tuple[TextColumn, Any]], rows: int) -> Bytes:
    widths = np.full(rows, 2 + _LENGTH.itemsize * len(columns), np.int64)
    used = []
    for wire, valid in columns:
        length = wire.length if valid is None else np.where(valid, wire.length, 0)
        ragged.check_spans(wire.buffer, wire.start, length)
        used.append(length)
        widths += length
    offsets = ragged.offsets_of(widths)
    out = np.empty(int(offsets[-1]), np.uint8)
    at = offsets[:-1].copy()
    ragged.fill_spans(out, at, struct.pack(">h", len(columns)))
    at += 2
    for (wire, valid), length in zip(columns, used):
        spans.put_counted(
            out, at, wire.buffer, ragged.as_spans(wire.start), ragged.as_spans(length),
            _NOTHING if valid is None else (~valid).view(np.uint8),
        )  # fmt: skip
    return out


_NOTHING = np.zeros(0, np.uint8)


def _constant(value: bytes, rows: int) -> Any:
    return np.broadcast_to(np.frombuffer(value, np.uint8), (rows, len(value)))


def _write(parts: list[tuple[_Run, TextColumn | None, Any]], rows: int) -> Bytes:
    """Lay the runs and the values between them into one buffer."""
    widths = np.full(rows, sum(run.width for run, _wire, _length in parts), np.int64)
    for _run, wire, length in parts:
        if wire is not None:
            widths += length
    offsets = ragged.offsets_of(widths)
    out = np.empty(int(offsets[-1]), np.uint8)
    at = offsets[:-1].copy()
    for run, wire, length in parts:
        if run.width:
            ragged.scatter_bytes(out, at, run.table())
            at += run.width
        if wire is not None:
            ragged.copy_spans(out, at, wire.buffer, wire.start, length)
            at += length
    return out
