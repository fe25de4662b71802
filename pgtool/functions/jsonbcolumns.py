"""``jsonb -> 'key'`` and ``->> 'key'`` over a whole column.

Rows with equally many members are done together: their entries as a matrix, the members'
places as running sums, the wanted key by its length and bytes. Strings and containers come
back as spans of the column's own buffer, numbers are shown all at once, the rest one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from formats import datum as layout
from formats.varlena import VARHDRSZ
from pgtool.functions import jsonbtree as tree
from pgtool.functions.columns import NumericColumn
from pgtool.functions.registry import vector
from pgtool.functions.scaled import scaled_column
from pgtool.storage import ragged
from pgtool.types.column import VarColumn
from pgtool.types.vector_digits import numeric_text

__all__ = ["Found", "constant_of", "find_member", "lone_numbers", "numbers_of", "words_at"]

Ints = npt.NDArray[np.int64]
_MAX_MEMBERS = 64
_FEW = 16
_WORD = 4
_SCALAR = layout.JB_FSCALAR | layout.JB_FARRAY | 1


def words_at(buffer: Any, at: Ints) -> Ints:
    """The 32-bit words at some places."""
    found = np.zeros(at.shape, np.int64)
    for byte in range(4):
        found |= buffer[at + byte].astype(np.int64) << 8 * byte
    return found


def constant_of(column: Any) -> bytes | None:
    """The value that all rows share, where the column says so."""
    if not isinstance(column, VarColumn) or not len(column):
        return None
    if len(column) > 1 and column.start.strides[0] != 0:
        return None
    return column.datum(0)


class Found:
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
    buffer: Any, start: Ints, limit: Ints, rows: Ints, count: int, key: bytes, out: Found
) -> bool:
    """Rows whose objects have ``count`` members; False where one is damaged."""
    at = start[rows]
    base = at + 4 + 8 * count
    if (base > limit[rows]).any():
        return False
    entries = words_at(buffer, at[:, None] + 4 + 4 * np.arange(2 * count))
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


def find_member(column: VarColumn, key: bytes) -> Found | None:
    """A member of each row's object; None where the rows must be done one by one."""
    buffer, start = column.buffer, column.start.astype(np.int64)
    limit = start + column.length
    if (column.length < 4).any():
        return None
    headers = words_at(buffer, start)
    counts = np.where(headers & layout.JB_FOBJECT, headers & layout.JB_CMASK, 0)
    different = np.unique(counts)
    if len(different) > _FEW or (len(different) and different[-1] > _MAX_MEMBERS):
        return None
    out = Found(len(column))
    for count in different.tolist():
        rows = np.flatnonzero(counts == count)
        if count and not _search(buffer, start, limit, rows, count, key, out):
            return None
    return out


def numbers_of(buffer: Any, start: Ints, length: Ints) -> VarColumn | None:
    """Numbers inside documents as stored numerics; None where a header is not the usual one."""
    if (length < VARHDRSZ).any():
        return None
    header = words_at(buffer, start)
    if (header & 3).any() or (header >> 2 != length).any():
        return None
    return VarColumn(buffer, start + VARHDRSZ, (length - VARHDRSZ).astype(np.int32))


def lone_numbers(column: VarColumn) -> VarColumn | None:
    """Documents that are a number each, as stored numerics; None where one is not."""
    start, length = column.start.astype(np.int64), column.length.astype(np.int64)
    if (length < 2 * _WORD).any() or (words_at(column.buffer, start) != _SCALAR).any():
        return None
    kind = words_at(column.buffer, start + _WORD) & layout.JENTRY_TYPEMASK
    if (kind != tree.NUMERIC).any():
        return None
    return numbers_of(column.buffer, start + 2 * _WORD, length - 2 * _WORD)


@vector("jsonb_numeric")
def jsonb_numeric_v(column: Any) -> Any:
    found = lone_numbers(column)
    if found is None:
        return NotImplemented
    return NumericColumn(found.buffer, found.start, found.length)


def _to_integer(dtype: str) -> Any:
    limits = np.iinfo(dtype)

    def compute(column: Any) -> Any:
        numbers = lone_numbers(column)
        scaled: Any = False if numbers is None else scaled_column(numbers)
        if scaled is False or scaled.scale or not len(column):
            return NotImplemented
        if int(scaled.values.min()) < limits.min or int(scaled.values.max()) > limits.max:
            return NotImplemented
        return scaled.values.astype(dtype)

    return compute


for _name, _dtype in (("int2", "<i2"), ("int4", "<i4"), ("int8", "<i8")):
    vector(f"jsonb_{_name}")(_to_integer(_dtype))


def _add(buffer: Any, out: Found, rows: Ints, data: Any, start: Ints, length: Ints) -> Any:
    """Texts that some rows now have, put behind the buffer."""
    out.start[rows], out.length[rows] = start + len(buffer), length
    return np.concatenate([buffer, data])


@vector("jsonb_object_field_text")
def jsonb_object_field_text_v(column: Any, key: Any) -> Any:
    wanted = constant_of(key)
    found = find_member(column, wanted) if wanted is not None else None
    if found is None:
        return NotImplemented
    valid = (found.kind != -1) & (found.kind != tree.NULL)
    buffer = column.buffer
    others = valid & (found.kind != tree.STRING)
    rows = np.flatnonzero(found.kind == tree.NUMERIC)
    numbers = numbers_of(column.buffer, found.start[rows], found.length[rows])
    if numbers is not None and len(rows):
        shown, missing = numeric_text(numbers)
        done = np.ones(len(rows), bool)
        done[missing] = False
        others[rows[done]] = False
        buffer = _add(
            buffer, found, rows[done], shown.buffer, shown.start[done], shown.length[done]
        )
    left = np.flatnonzero(others)
    if len(left):
        texts = []
        for row in left.tolist():
            first, last = int(found.start[row]), int(found.length[row])
            child = tree.Child(int(found.kind[row]), 0, last)
            data = column.buffer[first : first + last].tobytes()
            texts.append(tree.child_text(data, child) or b"")
        made = VarColumn.of(list(texts))
        size = made.length.astype(np.int64)
        buffer = _add(buffer, found, left, made.buffer, made.start, size)
    return VarColumn(buffer, found.start, found.length.astype(np.int32), valid)


@vector("jsonb_object_field")
def jsonb_object_field_v(column: Any, key: Any) -> Any:
    wanted = constant_of(key)
    found = find_member(column, wanted) if wanted is not None else None
    if found is None:
        return NotImplemented
    buffer = column.buffer
    valid = found.kind != -1
    rows = np.flatnonzero(valid & (found.kind != tree.CONTAINER))
    if len(rows):
        # A scalar by itself: the header of an array of one, its entry, its content.
        length = found.length[rows]
        head = np.empty((len(rows), 2), np.dtype("<u4"))
        head[:, 0] = _SCALAR
        head[:, 1] = found.kind[rows] | layout.JENTRY_HAS_OFF | length
        size = head.shape[1] * head.itemsize
        offsets = ragged.offsets_of(length + size)
        made = np.empty(int(offsets[-1]), np.uint8)
        places = np.arange(len(rows)) * size
        ragged.copy_spans(
            made, offsets[:-1], head.reshape(-1).view(np.uint8), places, np.full(len(rows), size)
        )
        ragged.copy_spans(made, offsets[:-1] + size, buffer, found.start[rows], length)
        buffer = _add(buffer, found, rows, made, offsets[:-1], length + size)
    return VarColumn(buffer, found.start, found.length.astype(np.int32), valid)
