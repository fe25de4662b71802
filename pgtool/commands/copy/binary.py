"""COPY's binary format: a signature, tuples of counted fields, a trailer.

Fields are big-endian lengths, -1 for NULL, each followed by the type's wire form.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from pgtool.commands.copy.rows import Bytes
from pgtool.storage import ragged
from pgtool.types.column import TextColumn

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = SIGNATURE + struct.pack(">II", 0, 0)
TRAILER = struct.pack(">h", -1)
_COUNT, _LENGTH = np.dtype(">i2"), np.dtype(">i4")


def tuples(columns: Sequence[tuple[TextColumn, Any]], rows: int) -> Bytes:
    """The tuples of a batch; each column is (wire form, valid or None)."""
    widths = np.full(rows, _COUNT.itemsize + _LENGTH.itemsize * len(columns), np.int64)
    lengths = []
    for wire, valid in columns:
        length = wire.length if valid is None else np.where(valid, wire.length, 0)
        lengths.append(length)
        widths += length
    offsets = ragged.offsets_of(widths)
    out = np.empty(int(offsets[-1]), np.uint8)
    at = offsets[:-1].copy()
    ragged.fill_spans(out, at, struct.pack(">h", len(columns)))
    at += _COUNT.itemsize
    for (wire, valid), length in zip(columns, lengths):
        shown = length if valid is None else np.where(valid, length, -1)
        ragged.scatter_bytes(out, at, shown.astype(_LENGTH))
        at += _LENGTH.itemsize
        ragged.copy_spans(out, at, wire.buffer, wire.start, length)
        at += length
    return out
