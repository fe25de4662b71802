"""Index tuples of many rows at once, laid end to end in the order given.

The same tuples as :meth:`pgtool.access.indextuple.IndexShape.form` makes one by one. Runs
of equal rows become posting lists where the index deduplicates (:func:`merge_equal`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from formats.deform import ALIGNMENT, ATTLEN_CSTRING, ATTLEN_VARLENA
from formats.derive import dtype_of
from formats.itup import INDEX_SIZE_MASK, SIZEOF_INDEX_TUPLE, IndexInfo, IndexTupleData
from formats.nbtree import BT_IS_POSTING, INDEX_ALT_TID_MASK, SIZEOF_TID
from pgtool.access.btree.tuples import BUILD_POSTING_SIZE
from pgtool.access.indextuple import TOAST_INDEX_TARGET, IndexAttribute, IndexShape
from pgtool.storage import ragged
from pgtool.types.column import FixedColumn, VarColumn

__all__ = ["Formed", "form_rows", "merge_equal"]

_HEAD = dtype_of(IndexTupleData)
_HIGH, _LOW, _POSID, _INFO = _HEAD.names or ("",) * 4
_NULLS, _VAR = int(IndexInfo.INDEX_NULL_MASK), int(IndexInfo.INDEX_VAR_MASK)
_MAX_SHORT = 126


class Formed(NamedTuple):
    """Tuples end to end: bytes, n + 1 offsets, bytes of each that are its posting list."""

    data: Any
    offsets: Any
    posting: Any | None = None

    def tuple(self, number: int) -> bytes:
        """One tuple."""
        out: bytes = self.data[int(self.offsets[number]) : int(self.offsets[number + 1])].tobytes()
        return out


class _Part(NamedTuple):
    """One attribute of all rows: where it goes in its tuple, where its bytes are."""

    at: Any
    header: Any
    source: Any
    start: Any
    length: Any


def heads(tids: Any, info: Any) -> Any:
    """Tuple headers of plain tuples."""
    out = np.empty(len(tids), _HEAD)
    out[_HIGH], out[_LOW] = tids >> 32, tids >> 16 & 0xFFFF
    out[_POSID], out[_INFO] = tids & 0xFFFF, info
    return out


def form_rows(shape: IndexShape, columns: list[FixedColumn | VarColumn], tids: Any) -> Formed:
    """The tuples of rows that are in order already."""
    if all(
        attribute.attlen > 0 and column.valid is None
        for attribute, column in zip(shape.attributes, columns)
    ):
        return _fixed_rows(shape, columns, tids)
    count = len(tids)
    nulls = [_nulls(column) for column in columns]
    any_null = np.zeros(count, bool)
    for one in nulls:
        if one is not None:
            any_null |= one
    at = np.where(any_null, SIZEOF_INDEX_TUPLE + 8, SIZEOF_INDEX_TUPLE).astype(np.int64)
    info = np.where(any_null, _NULLS, 0)
    parts: list[_Part] = []
    for attribute, column, null in zip(shape.attributes, columns, nulls):
        part, end = _place(shape, attribute, column, null, at)
        parts.append(part)
        at = end if null is None else np.where(null, at, end)
        if attribute.attlen < 0:
            info |= _VAR if null is None else np.where(null, 0, _VAR)
    size = at + 7 & ~7
    offsets = ragged.offsets_of(size)
    out = np.zeros(int(offsets[-1]), np.uint8)
    start = offsets[:-1]
    ragged.scatter_bytes(out, start, heads(tids, info | size & INDEX_SIZE_MASK))
    if any_null.any():
        bitmap = np.zeros(count, np.uint32)
        for number, null in enumerate(nulls):
            bitmap |= np.uint32(1 << number) if null is None else np.where(
                null, np.uint32(0), np.uint32(1 << number)
            )
        rows = np.flatnonzero(any_null)
        ragged.scatter_bytes(out, start[rows] + SIZEOF_INDEX_TUPLE, bitmap[rows])
    for part, null in zip(parts, nulls):
        _write(out, start, part, null)
    return Formed(out, offsets)


def _nulls(column: Any) -> Any | None:
    if column.valid is None or column.valid.all():
        return None
    return ~column.valid


def _fixed_rows(shape: IndexShape, columns: list[Any], tids: Any) -> Formed:
    """Tuples of fixed width without NULLs: one array of records."""
    names, formats, offsets = ["head"], [_HEAD], [0]
    at = SIZEOF_INDEX_TUPLE
    for number, attribute in enumerate(shape.attributes):
        at += -at % ALIGNMENT[attribute.attalign]
        names.append(str(number))
        formats.append(np.dtype(f"V{attribute.attlen}"))
        offsets.append(at)
        at += attribute.attlen
    size = at + 7 & ~7
    dtype = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})
    out = np.zeros(len(tids), dtype)
    out["head"] = heads(tids, size)
    for number, (attribute, column) in enumerate(zip(shape.attributes, columns)):
        values = np.ascontiguousarray(column.values)
        out[str(number)] = values.view(f"V{attribute.attlen}")
    return Formed(out.view(np.uint8), np.arange(len(tids) + 1, dtype=np.int64) * size)


def _place(
    shape: IndexShape, attribute: IndexAttribute, column: Any, null: Any | None, at: Any
) -> tuple[_Part, Any]:
    """(the attribute's part, where the next one may begin)."""
    if attribute.attlen > 0:
        gap = ALIGNMENT[attribute.attalign] - 1
        at = at + gap & ~gap
        values = np.ascontiguousarray(column.values).view(np.uint8)
        width = attribute.attlen
        start = np.arange(len(at), dtype=np.int64) * width
        return _Part(at, None, values, start, np.full(len(at), width)), at + width
    source, start, length = column.buffer, column.start, column.length.astype(np.int64)
    if null is not None:
        length = np.where(null, 0, length)
    if attribute.attlen == ATTLEN_CSTRING:
        return _Part(at, None, source, start, length), at + length + 1
    assert attribute.attlen == ATTLEN_VARLENA
    header = np.where((length <= _MAX_SHORT) & (attribute.attstorage != "p"), 1, 4)
    if attribute.attstorage in "xm" and int(length.max(initial=0)) + 4 > TOAST_INDEX_TARGET:
        source, start, length, header = _compress(shape, attribute, source, start, length, header)
    gap = ALIGNMENT[attribute.attalign] - 1
    at = np.where(header == 1, at, at + gap & ~gap)
    return _Part(at, header, source, start, length), at + header + length


def _compress(
    shape: IndexShape, attribute: IndexAttribute, source: Any, start: Any, length: Any, header: Any
) -> tuple[Any, Any, Any, Any]:
    """Long values, one by one: what is compressed brings its header along (0 is to be added)."""
    extra: list[bytes] = []
    end = len(source)
    start, length, header = start.copy(), length.copy(), header.copy()
    for row in np.flatnonzero(length + 4 > TOAST_INDEX_TARGET).tolist():
        first = int(start[row])
        packed = shape.compressed(attribute, source[first : first + int(length[row])].tobytes())
        if packed is not None:
            extra.append(packed)
            start[row], length[row], header[row] = end, len(packed), 0
            end += len(packed)
    if extra:
        source = np.concatenate([source, np.frombuffer(b"".join(extra), np.uint8)])
    return source, start, length, header


def _write(out: Any, base: Any, part: _Part, null: Any | None) -> None:
    at, header, source, start, length = part
    to = base + at
    if null is not None:
        rows = np.flatnonzero(~null)
        to, start, length = to[rows], start[rows], length[rows]
        header = None if header is None else header[rows]
    if header is not None:
        short = np.flatnonzero(header == 1)
        out[to[short]] = ((length[short] + 1) << 1 | 1).astype(np.uint8)
        long = np.flatnonzero(header == 4)
        ragged.scatter_bytes(out, to[long], ((length[long] + 4) << 2).astype("<u4"))
        to = to + header
    ragged.copy_spans(out, to, source, start, length)


# -- merging ------------------------------------------------------------------------------------


def merge_equal(formed: Formed, tids: Any, same: Any) -> tuple[Formed, Any]:
    """Runs of rows with equal keys become posting lists, as long as they may be.

    (the tuples, which row each begins with).
    """
    count = len(tids)
    if not same.any():
        return formed, np.arange(count)
    size = np.diff(formed.offsets)
    run_start = np.maximum.accumulate(np.where(same, 0, np.arange(count)))
    key_size = size[run_start]
    most = np.maximum(((BUILD_POSTING_SIZE & ~7) - key_size) // SIZEOF_TID, 1)
    place = (np.arange(count) - run_start) % most
    first = np.flatnonzero(place == 0)
    members = np.diff(np.append(first, count))
    key_size = key_size[first]
    many = members > 1
    new_size = np.where(many, key_size + members * SIZEOF_TID + 7 & ~7, size[first])
    offsets = ragged.offsets_of(new_size)
    out = np.zeros(int(offsets[-1]), np.uint8)
    ragged.copy_spans(out, offsets[:-1], formed.data, formed.offsets[first], size[first])
    groups = np.flatnonzero(many)
    info_at = offsets[:-1][groups]
    head = np.empty(len(groups), _HEAD)
    old = ragged.windows(formed.data, SIZEOF_INDEX_TUPLE)[formed.offsets[first[groups]]].view(_HEAD)
    head[_HIGH], head[_LOW] = 0, key_size[groups]
    head[_POSID] = members[groups] | BT_IS_POSTING
    head[_INFO] = old[_INFO] & (0xFFFF ^ INDEX_SIZE_MASK) | INDEX_ALT_TID_MASK | new_size[groups]
    ragged.scatter_bytes(out, info_at, head)
    group = np.cumsum(place == 0) - 1
    listed = many[group]
    rows = np.flatnonzero(listed)
    group = group[rows]
    to = offsets[group] + key_size[group] + place[rows] * SIZEOF_TID
    ragged.scatter_bytes(out, to, _tid_bytes(tids[rows]))
    return Formed(out, offsets, np.where(many, new_size - key_size, 0)), first


def _tid_bytes(tids: Any) -> Any:
    flat = np.empty((len(tids), 3), "<u2")
    flat[:, 0], flat[:, 1], flat[:, 2] = tids >> 32, tids >> 16 & 0xFFFF, tids & 0xFFFF
    return flat.view(f"V{SIZEOF_TID}").reshape(-1)
