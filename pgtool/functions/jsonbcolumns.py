"""``jsonb ->> 'key'`` over a whole column.

Rows with equally many members are done together: their entries as a matrix, the members'
places as running sums, the wanted key by its length and bytes. Strings come back as spans
of the column's own buffer; other members are shown one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from formats import datum as layout
from pgtool.functions import jsonbtree as tree
from pgtool.functions.registry import vector
from pgtool.types.column import VarColumn

Ints = npt.NDArray[np.int64]
_MAX_MEMBERS = 64
_FEW = 16


def _words(buffer: Any, at: Ints) -> Ints:
    """The 32-bit words at some places."""
    found = np.zeros(at.shape, np.int64)
    for byte in range(4):
        found |= buffer[at + byte].astype(np.int64) << 8 * byte
    return found


def _constant(column: Any) -> bytes | None:
    if not isinstance(column, VarColumn) or not len(column):
        return None
    if len(column) > 1 and column.start.strides[0] != 0:
        return None
    return column.datum(0)


class _Found:
    """For each row the member's kind (−1: none), place and length."""

    def __init__(self, rows: int) -> None:
        self.kind = np.full(rows, -1, np.int64)
        self.start = np.zeros(rows, np.int64)
        self.length = np.zeros(rows, np.int64)


def _ends(entries: Ints) -> Ints:
    """Where each child ends, counted from the end of the entries."""
    lengths = entries & layout.JENTRY_OFFLENMASK
    absolute = (entries & layout.JENTRY_HAS_OFF) != 0
    ends = np.empty_like(lengths)
    at = np.zeros(len(entries), np.int64)
    for i in range(entries.shape[1]):
        at = np.where(absolute[:, i], lengths[:, i], at + lengths[:, i])
        ends[:, i] = at
    return ends


def _search(
    buffer: Any, start: Ints, limit: Ints, rows: Ints, count: int, key: bytes, out: _Found
) -> bool:
    """Rows whose objects have ``count`` members; False where one is damaged."""
    at = start[rows]
    base = at + 4 + 8 * count
    if (base > limit[rows]).any():
        return False
    entries = _words(buffer, at[:, None] + 4 + 4 * np.arange(2 * count))
    ends = _ends(entries)
    if (base + ends[:, -1] > limit[rows]).any() or (np.diff(ends, axis=1) < 0).any():
        return False
    wanted = np.frombuffer(key, np.uint8)
    for i in range(count):
        before = ends[:, i - 1] if i else np.zeros(len(rows), np.int64)
        hit = np.flatnonzero(ends[:, i] - before == len(key))
        if len(key):
            places = (base + before)[hit][:, None] + np.arange(len(key))
            hit = hit[(buffer[places] == wanted).all(1)]
        if not len(hit):
            continue
        value = count + i
        kind = entries[hit, value] & layout.JENTRY_TYPEMASK
        first = base[hit] + ends[hit, value - 1]
        aligned = (kind == tree.NUMERIC) | (kind == tree.CONTAINER)
        first = np.where(aligned, at[hit] + (first - at[hit] + 3 & ~3), first)
        out.kind[rows[hit]], out.start[rows[hit]] = kind, first
        out.length[rows[hit]] = base[hit] + ends[hit, value] - first
    return True


def find_member(column: VarColumn, key: bytes) -> _Found | None:
    """A member of each row's object; None where the rows must be done one by one."""
    buffer, start = column.buffer, column.start.astype(np.int64)
    limit = start + column.length
    if (column.length < 4).any():
        return None
    headers = _words(buffer, start)
    counts = np.where(headers & layout.JB_FOBJECT, headers & layout.JB_CMASK, 0)
    different = np.unique(counts)
    if len(different) > _FEW or (len(different) and different[-1] > _MAX_MEMBERS):
        return None
    out = _Found(len(column))
    for count in different.tolist():
        rows = np.flatnonzero(counts == count)
        if count and not _search(buffer, start, limit, rows, count, key, out):
            return None
    return out


@vector("jsonb_object_field_text")
def jsonb_object_field_text_v(column: Any, key: Any) -> Any:
    wanted = _constant(key)
    found = find_member(column, wanted) if wanted is not None else None
    if found is None:
        return NotImplemented
    valid = (found.kind != -1) & (found.kind != tree.NULL)
    others = np.flatnonzero(valid & (found.kind != tree.STRING))
    buffer, start, length = column.buffer, found.start, found.length
    if len(others):
        texts = []
        for row in others.tolist():
            first, size = int(start[row]), int(length[row])
            child = tree.Child(int(found.kind[row]), 0, size)
            texts.append(tree.child_text(buffer[first : first + size].tobytes(), child) or b"")
        sizes = np.array([len(text) for text in texts], np.int64)
        start[others] = len(buffer) + np.cumsum(sizes) - sizes
        length[others] = sizes
        buffer = np.concatenate([buffer, np.frombuffer(b"".join(texts), np.uint8)])
    return VarColumn(buffer, start, length.astype(np.int32), valid)
