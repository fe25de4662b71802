"""COPY's CSV format: quotes where they are needed, an unquoted nothing for NULL.

A value is quoted if it holds a delimiter, a quote, a line end, or nothing at all (so that
it is told from NULL), and, as the only column, if it reads ``\\.``. As in the text format
the finished output shows whether any column has such values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from pgtool.commands.copy import quoting
from pgtool.commands.copy.large import octets
from pgtool.commands.copy.rows import (
    Bytes,
    Cells,
    count,
    expand,
    join,
    pack,
    spans_of,
    wrapped,
)
from pgtool.storage import ragged
from pgtool.types.column import TextColumn

COMMA, NEWLINE, RETURN, QUOTE = 44, 10, 13, 34
END_MARKER = b"\\."


class CsvFormat:
    """Turns batches of cells into CSV."""

    null = b""

    def __init__(self, columns: int) -> None:
        self.quotes = [columns == 1] * columns
        self.alone = columns == 1

    def header(self, names: Sequence[bytes]) -> bytes:
        """The header line."""
        return b",".join(quote_one(name, len(names) == 1) for name in names) + b"\n"

    def rows(self, cells: Sequence[Cells], rows: int) -> Bytes:
        """The lines of one batch."""
        if not any(self.quotes):
            out = join(cells, rows, b"", b",", b"\n")
            if self._clean(out, cells, rows):
                return out
        ready = []
        for number, cell in enumerate(cells):
            done = quote(cell, self.alone)
            self.quotes[number] = self.quotes[number] or done is not cell
            ready.append(done)
        return join(ready, rows, b"", b",", b"\n")

    def _clean(self, out: Bytes, cells: Sequence[Cells], rows: int) -> bool:
        if any(_has_empty(cell) for cell in cells):
            return False
        # The format puts in a comma or a line end behind every value, so one sum tells all.
        return csv_bytes(out) == rows * max(len(cells), 1)


def csv_bytes(text: Bytes) -> int:
    """How many bytes are commas, quotes or line ends."""
    if quoting.COMPILED:
        return int(quoting.csv_bytes(text))
    return sum(count(text, byte) for byte in (COMMA, QUOTE, NEWLINE, RETURN))


def _has_empty(cell: Cells) -> bool:
    empty = cell.length == 0
    if cell.nulls is not None:
        empty &= ~cell.nulls
    return bool(empty.any())


def quote_one(value: bytes, alone: bool) -> bytes:
    """One value, quoted where it must be."""
    if not value or (alone and value == END_MARKER) or any(c in value for c in b',\n\r"'):
        return b'"' + value.replace(b'"', b'""') + b'"'
    return value


def quoted_pieces(pieces: Callable[[], Iterator[TextColumn]]) -> Iterator[Any]:
    """A value that comes in pieces (the same at each call), quoted where it must be."""
    needed = any(bool(_KINDS[octets(piece)].any()) for piece in pieces())
    if needed:
        yield b'"'
    for piece in pieces():
        found = octets(piece)
        yield found.tobytes().replace(b'"', b'""') if needed else found
    if needed:
        yield b'"'


def quote(cell: Cells, alone: bool) -> Cells:
    """The cells with quotes; the very same object where none needs them."""
    if quoting.COMPILED and not alone:
        return _quote_compiled(cell)
    packed, offsets = pack(cell)
    length = offsets[1:] - offsets[:-1]
    special = np.flatnonzero(
        (packed == QUOTE) | (packed == COMMA) | (packed == NEWLINE) | (packed == RETURN)
    )
    needs = length == 0
    if len(special):
        needs[np.searchsorted(offsets, special, "right") - 1] = True
    if alone:
        for row in np.flatnonzero(length == len(END_MARKER)).tolist():
            start = int(offsets[row])
            needs[row] |= packed[start : start + len(END_MARKER)].tobytes() == END_MARKER
    if cell.nulls is not None:
        needs &= ~cell.nulls
    if not needs.any():
        return cell
    inner = special[packed[special] == QUOTE]
    if len(inner):
        packed, offsets, _places = expand(packed, offsets, inner, QUOTE)
    out, target = wrapped(packed, offsets, needs, b'"', b'"')
    length = target[1:] - target[:-1]
    return Cells(out, target[:-1], length, cell.nulls)


def _quote_compiled(cell: Cells) -> Cells:
    source, start, length = spans_of(cell)
    widths = np.empty(len(start), np.int64)
    needing = quoting.quoted_widths(source, start, length, _KINDS, widths)
    if cell.nulls is not None:
        needing -= int(cell.nulls.sum())  # a NULL looks like an empty text
        widths[cell.nulls] = 0
    if not needing:
        return cell
    target = ragged.offsets_of(widths)
    out = np.empty(int(target[-1]), np.uint8)
    quoting.write_quoted(source, start, length, widths, out, target[:-1])
    return Cells(out, target[:-1], widths, cell.nulls)


_KINDS = np.zeros(256, np.uint8)
_KINDS[[COMMA, NEWLINE, RETURN]] = 1
_KINDS[QUOTE] = 2
