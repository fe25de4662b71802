"""Rows out of columns: the assembly that all textual output shares.

Each column comes as spans (:class:`~pgtool.types.column.TextColumn`). The length of every
output row is known before a byte is written, so the output is one allocation, every
column one exact ragged copy into it, and every separator one scatter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pgtool.storage import ragged, spans
from pgtool.types.column import TextColumn

#: Widths of single stores.
_STORES = (8, 16, 32)

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@dataclass(slots=True)
class Cells:
    """One column ready for output: its text, with what stands for NULL put in."""

    buffer: Bytes
    start: Ints
    length: Ints
    nulls: npt.NDArray[np.bool_] | None

    @property
    def null_count(self) -> int:
        """How many rows are NULL."""
        return 0 if self.nulls is None else int(self.nulls.sum())


def cells_of(text: TextColumn, valid: npt.NDArray[np.bool_] | None, null: bytes) -> Cells:
    """The cells of a column; NULL rows have the length of ``null``, written in :func:`join`."""
    if valid is None:
        return Cells(text.buffer, text.start, text.length, None)
    return Cells(text.buffer, text.start, np.where(valid, text.length, len(null)), ~valid)


def join(
    cells: Sequence[Cells], rows: int, null: bytes, separator: bytes, end: bytes,
    before: bytes = b"",
) -> Bytes:  # fmt: skip
    """The rows: ``before``, cells with ``separator`` between them, ``end``."""
    fixed = len(before) + len(separator) * max(len(cells) - 1, 0) + len(end)
    widths = np.full(rows, fixed, np.int64)
    for cell in cells:
        widths += cell.length
    offsets = ragged.offsets_of(widths)
    out = np.empty(int(offsets[-1]), np.uint8)
    at = offsets[:-1].copy()
    ragged.fill_spans(out, at, before)
    at += len(before)
    ends = offsets[1:]
    if spans.COMPILED and cells:
        _join_compiled(cells, out, at, null, separator, end)
        return out
    for number, cell in enumerate(cells):
        if number:
            ragged.fill_spans(out, at, separator)
            at += len(separator)
        _place(out, at, ends, cell)
        if cell.nulls is not None:
            ragged.fill_spans(out, at[np.flatnonzero(cell.nulls)], null)
        at += cell.length
    ragged.fill_spans(out, at, end)
    return out


_NOTHING = np.zeros(0, np.uint8)


def _join_compiled(
    cells: Sequence[Cells], out: Bytes, at: Ints, null: bytes, separator: bytes, end: bytes
) -> None:
    word = np.frombuffer(null, np.uint8)
    for number, cell in enumerate(cells):
        tail = separator if number < len(cells) - 1 else end
        used = cell.length if cell.nulls is None else np.where(cell.nulls, 0, cell.length)
        ragged.check_spans(cell.buffer, cell.start, used)
        spans.put(
            out, at, cell.buffer, ragged.as_spans(cell.start), ragged.as_spans(cell.length),
            _NOTHING if cell.nulls is None else cell.nulls.view(np.uint8), word,
            np.frombuffer(tail, np.uint8),
        )  # fmt: skip


def _place(out: Bytes, at: Ints, ends: Ints, cell: Cells) -> None:
    """Write one column's texts at their places.

    Rows are written from left to right, so a text may be stored with a fixed width that
    spills into what comes behind it, as long as it stays in its own row: that part is
    written later. One wide store for all rows is much cheaper than exact copies by length.
    """
    rows = len(at)
    if not rows:
        return
    longest = int(cell.length.max())
    width = next((w for w in _STORES if longest <= w), 0)
    last = len(cell.buffer) - width
    if width and last >= 0 and int((ends - at).min()) >= width:
        start = cell.start
        if int(start.max()) > last or int(start.min()) < 0:
            texts = np.empty(len(cell.buffer) + width, np.uint8)
            texts[: len(cell.buffer)] = cell.buffer
        else:
            texts = cell.buffer
        ragged.windows(out, width)[at] = ragged.windows(texts, width)[start]
        return
    if cell.nulls is None:
        ragged.copy_spans(out, at, cell.buffer, cell.start, cell.length)
    else:
        rest = np.flatnonzero(~cell.nulls)
        ragged.copy_spans(out, at[rest], cell.buffer, cell.start[rest], cell.length[rest])


def spans_of(cell: Cells) -> tuple[Bytes, Ints, Ints]:
    """(bytes, starts, lengths) for the compiled loops, checked; NULL rows are empty."""
    length = cell.length if cell.nulls is None else np.where(cell.nulls, 0, cell.length)
    ragged.check_spans(cell.buffer, cell.start, length)
    return cell.buffer, ragged.as_spans(cell.start), ragged.as_spans(length)


def pack(cell: Cells) -> tuple[Bytes, Ints]:
    """The texts of a column end to end, NULL rows empty."""
    length = cell.length if cell.nulls is None else np.where(cell.nulls, 0, cell.length)
    return ragged.gather(cell.buffer, cell.start, length)


def wrapped(
    packed: Bytes, offsets: Ints, which: npt.NDArray[np.bool_], before: bytes, after: bytes
) -> tuple[Bytes, Ints]:
    """(bytes, offsets) with something before and after each of the chosen texts."""
    length = offsets[1:] - offsets[:-1]
    target = ragged.offsets_of(length + (len(before) + len(after)) * which)
    out = np.empty(int(target[-1]), np.uint8)
    ragged.copy_spans(out, target[:-1] + len(before) * which, packed, offsets[:-1], length)
    rows = np.flatnonzero(which)
    ragged.fill_spans(out, target[:-1][rows], before)
    ragged.fill_spans(out, target[1:][rows] - len(after), after)
    return out, target


def expand(packed: Bytes, offsets: Ints, hits: Ints, escape: int) -> tuple[Bytes, Ints, Ints]:
    """Put one byte before each hit: (bytes, offsets, where the hits are now)."""
    out = np.empty(len(packed) + len(hits), np.uint8)
    moved = hits + np.arange(1, len(hits) + 1)
    keep = np.ones(len(out), bool)
    keep[moved - 1] = False
    out[keep] = packed
    out[moved - 1] = escape
    return out, offsets + np.searchsorted(hits, offsets), moved


def count(output: Bytes, byte: int) -> int:
    """How often a byte occurs."""
    return int(np.count_nonzero(output == byte))


def table_of(members: Sequence[int]) -> npt.NDArray[np.bool_]:
    """A look-up table over byte values."""
    out: Any = np.zeros(256, bool)
    out[list(members)] = True
    return out
