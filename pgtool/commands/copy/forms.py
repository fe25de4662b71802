"""A column's text and wire form, vectorised where its type can, value by value otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pgtool.errors import CorruptData
from pgtool.storage import ragged
from pgtool.types.base import TypeIO
from pgtool.types.column import Column, TextColumn

#: Told (row, problem) of a value that its type cannot read; the row becomes NULL.
Lost = Callable[[int, CorruptData], None]


def text_of(io: TypeIO, column: Column, lost: Lost) -> TextColumn:
    """The text form of every row."""
    return _each(io.text, column, lost)


def wire_of(io: TypeIO, column: Column, lost: Lost) -> TextColumn:
    """The binary form of every row."""
    return _each(io.send, column, lost)


def _each(form: Callable[[bytes], bytes], column: Column, lost: Lost) -> TextColumn:
    """One call for each value; equal values in one batch share it."""
    known: dict[bytes, bytes] = {}
    pieces: list[bytes] = []
    for row in range(len(column)):
        datum = column.datum(row)
        if datum is None:
            pieces.append(b"")
            continue
        piece = known.get(datum)
        if piece is None:
            try:
                piece = known[datum] = form(datum)
            except CorruptData as problem:
                lost(row, problem)
                mark_null(column, row)
                piece = b""
        pieces.append(piece)
    length = np.fromiter(map(len, pieces), np.int64, len(pieces))
    buffer = np.frombuffer(b"".join(pieces), np.uint8)
    return TextColumn(buffer, ragged.offsets_of(length)[:-1], length)


def mark_null(column: Any, row: int) -> None:
    """Make one row of a column NULL."""
    if column.valid is None:
        column.valid = np.ones(len(column), bool)
    elif not column.valid.flags.writeable:
        column.valid = column.valid.copy()
    column.valid[row] = False
