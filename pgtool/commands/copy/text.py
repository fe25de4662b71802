"""COPY's text format: tab-separated, backslash escapes, ``\\N`` for NULL.

Escapes are rare, and which columns need them shows in the finished output: a batch
without any holds exactly as many tabs, newlines, backslashes and control bytes as the
format itself puts in. Only where the counts differ are the columns searched; one in which
something was found is escaped from then on before it is joined.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgtool.commands.copy import quoting
from pgtool.commands.copy.rows import (
    Bytes,
    Cells,
    Ints,
    count,
    expand,
    join,
    pack,
    spans_of,
    table_of,
)
from pgtool.storage import ragged

NULL = b"\\N"
TAB, NEWLINE, BACKSLASH = b"\t", b"\n", 92
#: Byte → the letter that follows the backslash.
_LETTERS = {8: b"b", 9: b"t", 10: b"n", 11: b"v", 12: b"f", 13: b"r", 92: b"\\"}
_ESCAPED = table_of(list(_LETTERS))
_LETTER_OR_NOT = np.zeros(256, np.uint8)
for _byte, _letter in _LETTERS.items():
    _LETTER_OR_NOT[_byte] = _letter[0]
_FIRST_PRINTABLE = 32


class TextFormat:
    """Turns batches of cells into COPY text."""

    null = NULL

    def __init__(self, columns: int) -> None:
        self.escapes = [False] * columns

    def rows(self, cells: Sequence[Cells], rows: int) -> Bytes:
        """The lines of one batch."""
        ready = [escape(c) if e else c for c, e in zip(cells, self.escapes)]
        out = join(ready, rows, NULL, TAB, NEWLINE)
        if self._clean(out, ready, rows):
            return out
        for number, cell in enumerate(cells):
            if not self.escapes[number]:
                done = escape(cell)
                if done is not cell:
                    self.escapes[number] = True
                    ready[number] = done
        return join(ready, rows, NULL, TAB, NEWLINE)

    def _clean(self, out: Bytes, ready: Sequence[Cells], rows: int) -> bool:
        """Whether every special byte of the output was put there by the format."""
        if all(self.escapes):
            return True
        # All of these are in the output anyway, so one sum tells as much as two.
        own = rows * max(len(ready), 1)
        own += sum(cell.null_count + _added(cell) for cell in ready)
        return special_bytes(out) == own


def special_bytes(text: Bytes) -> int:
    """How many bytes are control characters or backslashes."""
    if quoting.COMPILED:
        return int(quoting.special_bytes(text))
    return int(np.count_nonzero(text < _FIRST_PRINTABLE)) + count(text, BACKSLASH)


class Escaped(Cells):
    """Cells that were searched: ``added`` backslashes and plain control bytes are in them."""

    added = 0


def _added(cell: Cells) -> int:
    return cell.added if isinstance(cell, Escaped) else 0


def escape(cell: Cells) -> Cells:
    """The cells with escapes; the very same object where nothing needs one."""
    if quoting.COMPILED:
        return _escape_compiled(cell)
    packed, offsets = pack(cell)
    hits = np.flatnonzero((packed < _FIRST_PRINTABLE) | (packed == BACKSLASH))
    hits = hits[_ESCAPED[packed[hits]]]
    if not len(hits):
        return cell
    out, moved, places = expand(packed, offsets, hits, BACKSLASH)
    out[places] = _LETTER_OR_NOT[packed[hits]]
    return _escaped(out, moved, cell)


def _escaped(out: Bytes, offsets: Ints, cell: Cells) -> Cells:
    lengths = offsets[1:] - offsets[:-1]
    if cell.nulls is not None:
        lengths[cell.nulls] = len(NULL)
    done = Escaped(out, offsets[:-1], lengths, cell.nulls)
    done.added = special_bytes(out)
    return done


def _escape_compiled(cell: Cells) -> Cells:
    source, start, length = spans_of(cell)
    widths = np.empty(len(start), np.int64)
    if not quoting.escaped_widths(source, start, length, _LETTER_OR_NOT, widths):
        return cell
    target = ragged.offsets_of(widths)
    out = np.empty(int(target[-1]), np.uint8)
    quoting.write_escaped(source, start, length, _LETTER_OR_NOT, out, target[:-1])
    return _escaped(out, target, cell)


def escape_one(value: bytes) -> bytes:
    """One value with escapes."""
    return b"".join(
        b"\\" + _LETTERS[c] if c in _LETTERS else bytes((c,)) for c in value
    )
