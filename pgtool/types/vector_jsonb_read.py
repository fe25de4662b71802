"""Columns of JSON text → columns of jsonb, many rows in one walk."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgtool.types import jsonb_read
from pgtool.types.column import VarColumn
from pgtool.types.vector_numeric import MARKS, POWERS

__all__ = ["read_jsonb"]

#: Nodes of a row at most, and bytes of a row: what is larger is parsed as a tree of its own.
_NODES, _BYTES = 4096, 1 << 16


def read_jsonb(column: VarColumn) -> tuple[VarColumn, Any]:
    """(stored values, which rows were read); the others are for the type's input function."""
    n = len(column)
    length = np.ascontiguousarray(column.length, np.int64)
    fits = length <= _BYTES
    if column.valid is not None:
        fits &= column.valid
    length = np.where(fits, length, 0)
    start = np.where(length > 0, column.start, 0).astype(np.int64, copy=False)
    longest, total = int(length.max(initial=0)), int(length.sum())
    nodes = np.zeros((min(longest, _NODES) + 2, jsonb_read.FIELDS), np.int64)
    out = np.empty(total * jsonb_read.GROWTH + n * jsonb_read.ROW, np.uint8)
    at, size, good = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, bool)
    jsonb_read.read(
        column.buffer.copy(), start, length, nodes, POWERS, MARKS, out, at, size,
        good.view(np.uint8),
    )  # fmt: skip
    return VarColumn(out, at, size.astype(np.int32), column.valid), good
