"""A column's text and wire form, with the damaged values told.

The types convert whole columns and raise at the first value that they cannot read; only
then is the column gone through value by value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pgtool.errors import CorruptData
from pgtool.storage import ragged
from pgtool.types.column import Column, TextColumn
from pgtool.types.composite import Domain
from pgtool.types.registry import TypeRegistry
from pgtool.types.vector import text_column, wire_column

#: Told (row, problem) of a value that its type cannot read; the row becomes NULL.
Lost = Callable[[int, CorruptData], None]


def text_of(registry: TypeRegistry, typid: int, column: Column, lost: Lost) -> TextColumn:
    """The text form of every row."""
    try:
        return text_column(registry, typid, column)
    except CorruptData:
        return _each(registry.io_of(typid).text, column, lost)


def wire_of(registry: TypeRegistry, typid: int, column: Column, lost: Lost) -> TextColumn:
    """The binary form of every row."""
    try:
        return wire_column(registry, typid, column)
    except CorruptData:
        return _each(registry.io_of(typid).send, column, lost)


def check_has_wire(registry: TypeRegistry, typid: int) -> None:
    """An error where a type has no binary form, whether there are values or not."""
    io = registry.io_of(typid)
    while isinstance(io, Domain):
        io = io.base
    if not io.sends:
        io._send(b"")  # says so


def _each(form: Callable[[bytes], bytes], column: Column, lost: Lost) -> TextColumn:
    """One call for each value, so that it shows which one cannot be read."""
    pieces: list[bytes] = []
    for row in range(len(column)):
        datum = column.datum(row)
        if datum is None:
            pieces.append(b"")
            continue
        try:
            pieces.append(form(datum))
        except CorruptData as problem:
            lost(row, problem)
            mark_null(column, row)
            pieces.append(b"")
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
