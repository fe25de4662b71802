"""Rows with a value so large that the row is not put together in memory.

The scan gives such a row as a batch of its own. Its values are written one after the other,
and those whose text form goes byte by byte in pieces, so that little more than the value
itself is held. Other types have no values of that size, or (jsonb, arrays) need the whole
value to be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pgtool.commands.copy.forms import Lost, text_of
from pgtool.types.column import Column, TextColumn, VarColumn
from pgtool.types.composite import Domain

if TYPE_CHECKING:
    from pgtool.types.registry import TypeRegistry

LARGE, PIECE = 16 << 20, 1 << 20
_BYTEA = "byteaout"
#: Output functions whose text is that of the value's pieces, end to end.
_IN_PIECES = frozenset(("textout", "varcharout", "bpcharout", "json_out", _BYTEA))
_HEX_PREFIX = 2


def is_large(columns: Sequence[Column], rows: int) -> bool:
    """Whether a batch is one row with a large value."""
    return rows == 1 and any(
        isinstance(c, VarColumn) and int(c.length[0]) >= LARGE for c in columns
    )


def is_null(column: Column) -> bool:
    """Whether the one row is NULL."""
    return column.valid is not None and not column.valid[0]


def goes_in_pieces(registry: TypeRegistry, typid: int, column: Column) -> bool:
    """Whether a value is large and of a type that can be cut."""
    if not isinstance(column, VarColumn) or is_null(column) or int(column.length[0]) < LARGE:
        return False
    io = registry.io_of(typid)
    while isinstance(io, Domain):
        io = io.base
    return io.info.typoutput in _IN_PIECES


def text_pieces(
    registry: TypeRegistry, typid: int, column: Column, lost: Lost
) -> Iterator[TextColumn]:
    """The text of the one row, in pieces."""
    if not goes_in_pieces(registry, typid, column):
        yield text_of(registry, typid, column, lost)
        return
    assert isinstance(column, VarColumn)
    hexed = registry.info(typid).typoutput == _BYTEA and registry.settings.bytea_output == "hex"
    length = int(column.length[0])
    for at in range(0, length, PIECE):
        size = np.array([min(PIECE, length - at)], np.int32)
        text = text_of(registry, typid, VarColumn(column.buffer, column.start + at, size), lost)
        if at and hexed:
            text = TextColumn(text.buffer, text.start + _HEX_PREFIX, text.length - _HEX_PREFIX)
        yield text


def octets(text: Any) -> Any:
    """The bytes of a column of one row."""
    start, length = int(text.start[0]), int(text.length[0])
    return text.buffer[start : start + length]
