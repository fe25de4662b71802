"""Heap tuples of whole column batches at once, laid out in pages.

The inverse of :mod:`pgtool.access.heap.deform`: one pass over the attributes finds, for all
rows at once, where each value will lie in its tuple (:class:`Layout`); then each column is
written in a few moves, wherever its rows' tuples are to lie. So tuples are written right
into their pages, and a WAL record's tuples are gathered from there.

:func:`fill_pages` fills empty pages in the order of rows, as many rows to a page as fit
beside the reserve of ``fillfactor``, the first one highest, as inserting one by one does.

Rows whose tuples are too large, or that hold values stored elsewhere, come as finished
tuples (``given``) and are laid between the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from formats.deform import ALIGNMENT, ATTLEN_VARLENA
from formats.derive import dtype_of, sizeof
from formats.heap import (
    SIZEOF_HEAP_TUPLE_HEADER,
    HeapInfomask,
    HeapTupleHeaderData,
    bitmap_length,
    header_length,
)
from formats.page import PG_PAGE_LAYOUT_VERSION, SIZE_OF_PAGE_HEADER, LpFlags, PageHeaderData
from formats.units import BLCKSZ, maxalign
from formats.varlena import VARHDRSZ
from formats.wal.heap2 import xl_multi_insert_tuple
from pgtool.access.heap.tuple import SHORT_MAX, StoredAttr, packable
from pgtool.errors import Unsupported
from pgtool.storage import ragged
from pgtool.storage.page import MAX_HEAP_TUPLES_PER_PAGE, SIZE_OF_ITEM_ID
from pgtool.types.column import Column, FixedColumn, VarColumn

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_HEADER = dtype_of(HeapTupleHeaderData)
_MULTI = dtype_of(xl_multi_insert_tuple)
_PAGE = dtype_of(PageHeaderData)
_CTID = [f"t_ctid.{name}" for name in ("ip_blkid.bi_hi", "ip_blkid.bi_lo", "ip_posid")]
_ROOM = BLCKSZ - SIZE_OF_PAGE_HEADER
_HASNULL, _HASVARWIDTH, _XMAX_INVALID = (
    int(flag) for flag in (
        HeapInfomask.HEAP_HASNULL, HeapInfomask.HEAP_HASVARWIDTH, HeapInfomask.HEAP_XMAX_INVALID
    )
)  # fmt: skip


@dataclass(slots=True)
class Value:
    """Where one attribute lies in each tuple, from the start of the attributes.

    ``rows`` are the rows that have it (None: all); ``short`` which of them have the 1-byte
    header.
    """

    column: Column
    place: Ints | int
    rows: Ints | None
    short: Mask | None = None


@dataclass(slots=True)
class Layout:
    """The shape of the tuples of a batch. ``hoff`` and ``length`` are bytes of each tuple."""

    n: int
    natts: int
    hoff: npt.NDArray[np.uint8]
    length: Ints
    infomask: npt.NDArray[np.uint16]
    bitmap: npt.NDArray[np.uint8] | None
    values: list[Value]
    given: dict[int, bytes]

    def take(self, first: int, end: int) -> Layout:
        """Rows [first, end)."""
        values = []
        for v in self.values:
            if v.rows is None:
                rows = None
                place = v.place if isinstance(v.place, int) else v.place[first:end]
                short = None if v.short is None else v.short[first:end]
                column = _slice(v.column, first, end)
            else:
                low, high = np.searchsorted(v.rows, [first, end])
                rows = v.rows[low:high] - first
                place = v.place if isinstance(v.place, int) else v.place[low:high]
                short = None if v.short is None else v.short[low:high]
                column = _slice(v.column, int(low), int(high))
            values.append(Value(column, place, rows, short))
        return Layout(
            end - first, self.natts, self.hoff[first:end], self.length[first:end],
            self.infomask[first:end], None if self.bitmap is None else self.bitmap[first:end],
            values, {row - first: t for row, t in self.given.items() if first <= row < end},
        )  # fmt: skip


def _slice(column: Column, first: int, end: int) -> Column:
    if isinstance(column, FixedColumn):
        return FixedColumn(column.values[first:end])
    return VarColumn(column.buffer, column.start[first:end], column.length[first:end])


def _picked(column: Column, rows: Ints | None) -> Column:
    """The values of the rows that have one, without validity."""
    if isinstance(column, FixedColumn):
        return FixedColumn(column.values if rows is None else column.values[rows])
    if rows is None:
        return VarColumn(column.buffer, column.start, column.length)
    return VarColumn(column.buffer, column.start[rows], column.length[rows])


def _align(at: Any, attalign: str) -> Any:
    mask = ALIGNMENT[attalign] - 1
    return at if not mask else (at + mask) & ~mask


def plan(attrs: Sequence[StoredAttr], columns: Sequence[Column | None], n: int) -> Layout:
    """Find where everything lies. A column None is NULL in every row."""
    valid = [_validity(column) for column in columns]
    some_null = any(column is None for column in columns)
    has_null = np.full(n, some_null)
    for mask in valid:
        if mask is not None:
            has_null |= ~mask
    at: Any = 0
    flags = 0
    values: list[Value] = []
    for attr, column, mask in zip(attrs, columns, valid):
        if column is None:
            continue
        rows = None if mask is None else np.flatnonzero(mask)
        if rows is not None and not isinstance(at, np.ndarray):
            at = np.full(n, at, np.int64)
        here = at if rows is None else at[rows]
        value, end = _place(attr, _picked(column, rows), here, rows)
        if attr.attlen == ATTLEN_VARLENA and (rows is None or len(rows)):
            flags |= _HASVARWIDTH
        values.append(value)
        if rows is None:
            at = end
        else:
            at = at.copy()
            at[rows] = end
    natts = len(columns)
    hoff = np.where(has_null, header_length(natts, True), header_length(natts, False))
    bitmap = _bitmap(columns, valid, n) if has_null.any() else None
    infomask = np.full(n, flags | _XMAX_INVALID, np.uint16)
    infomask[has_null] |= np.uint16(_HASNULL)
    if flags & _HASVARWIDTH and bitmap is not None:
        infomask &= ~np.where(_some_varwidth(attrs, columns, valid, n), 0, _HASVARWIDTH).astype(
            np.uint16
        )
    length = hoff.astype(np.int64) + at
    return Layout(n, natts, hoff.astype(np.uint8), length, infomask, bitmap, values, {})


def _validity(column: Column | None) -> Mask | None:
    if column is None or column.valid is None or column.valid.all():
        return None
    return column.valid


def _some_varwidth(
    attrs: Sequence[StoredAttr], columns: Sequence[Column | None], valid: list[Mask | None], n: int
) -> Mask:
    """Which rows have any value of variable width."""
    out = np.zeros(n, bool)
    for attr, column, mask in zip(attrs, columns, valid):
        if column is not None and attr.attlen == ATTLEN_VARLENA:
            if mask is None:
                return np.ones(n, bool)
            out |= mask
    return out


def _bitmap(
    columns: Sequence[Column | None], valid: list[Mask | None], n: int
) -> npt.NDArray[np.uint8]:
    """The null bitmap of every row, padding bits zero."""
    bits = np.zeros((n, 8 * bitmap_length(len(columns))), bool)
    for i, (column, mask) in enumerate(zip(columns, valid)):
        if column is not None:
            bits[:, i] = True if mask is None else mask
    return np.packbits(bits, axis=1, bitorder="little")


def _place(attr: StoredAttr, column: Column, at: Any, rows: Ints | None) -> tuple[Value, Any]:
    """(where an attribute lies, where the next one may begin)."""
    if isinstance(column, FixedColumn):
        if attr.attlen < 0 or column.values.dtype.itemsize != attr.attlen:
            raise Unsupported(f"a column of {column.values.dtype} for {attr.attname}")
        place = _align(at, attr.attalign)
        return Value(column, place, rows), place + attr.attlen
    if attr.attlen != ATTLEN_VARLENA:
        raise Unsupported(f"a column of variable width for {attr.attname}")
    length = column.length.astype(np.int64)
    short = length <= SHORT_MAX if packable(attr) else np.zeros(len(length), bool)
    place = np.where(short, at, _align(at, attr.attalign))
    return Value(column, place, rows, short), place + length + np.where(short, 1, VARHDRSZ)


# -- writing -------------------------------------------------------------------------------


def write(
    layout: Layout, out: npt.NDArray[np.uint8], start: Ints, xid: int, cid: int, block: Ints,
    offnum: Ints,
) -> None:  # fmt: skip
    """Write the tuples at ``start`` in a zeroed buffer, with headers of a fresh insertion."""
    head = np.zeros(layout.n, _HEADER)
    head["t_xmin"], head["t_field3"] = xid, cid
    for name, part in zip(_CTID, (block >> 16, block & 0xFFFF, offnum)):
        head[name] = part
    head["t_infomask2"] = layout.natts
    head["t_infomask"] = layout.infomask
    head["t_hoff"] = layout.hoff
    for row, tup in layout.given.items():
        old = np.frombuffer(tup, _HEADER, 1)[0]
        head["t_infomask2"][row], head["t_infomask"][row] = old["t_infomask2"], old["t_infomask"]
        head["t_infomask"][row] |= _XMAX_INVALID
        head["t_hoff"][row] = old["t_hoff"]
    ragged.scatter_bytes(out, start, head.view(f"V{sizeof(HeapTupleHeaderData)}"))
    formed = np.ones(layout.n, bool)
    if layout.given:
        formed[list(layout.given)] = False
    if layout.bitmap is not None:
        rows = np.flatnonzero(formed & ((layout.infomask & _HASNULL) != 0))
        bits = np.ascontiguousarray(layout.bitmap[rows])
        width = bits.shape[1]
        flat = bits.view(f"V{width}").reshape(-1) if width > 1 else bits.reshape(-1)
        ragged.scatter_bytes(out, start[rows] + SIZEOF_HEAP_TUPLE_HEADER, flat)
    data = start + layout.hoff
    for value in layout.values:
        _write_value(value, out, data, formed if layout.given else None)
    for row, tup in layout.given.items():
        at = int(start[row]) + SIZEOF_HEAP_TUPLE_HEADER
        rest = np.frombuffer(tup, np.uint8)[SIZEOF_HEAP_TUPLE_HEADER:]
        out[at : at + len(rest)] = rest


def _write_value(
    value: Value, out: npt.NDArray[np.uint8], data: Ints, formed: Mask | None
) -> None:
    column, rows = value.column, value.rows
    place = (data if rows is None else data[rows]) + value.place
    short = value.short
    if formed is not None:
        keep = np.flatnonzero(formed if rows is None else formed[rows])
        place, column = place[keep], _picked(column, keep)
        short = None if short is None else short[keep]
    if isinstance(column, FixedColumn):
        ragged.scatter_bytes(out, place, column.values)
        return
    assert short is not None
    length = column.length.astype(np.int64)
    out[place[short]] = ((length[short] + 1) << 1 | 1).astype(np.uint8)
    if not short.all():
        long = ~short
        words = ((length[long] + VARHDRSZ) << 2).astype("<u4")
        ragged.scatter_bytes(out, place[long], words)
    ragged.copy_spans(
        out, place + np.where(short, 1, VARHDRSZ), column.buffer,
        column.start.astype(np.int64), length,
    )  # fmt: skip


# -- pages ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Pages:
    """Filled pages: ``first[i]`` is the first row of page ``i`` (one more at the end)."""

    buffer: npt.NDArray[np.uint8]
    first: list[int]
    start: Ints
    offnum: Ints

    def __len__(self) -> int:
        return len(self.first) - 1


def split(length: Ints, reserved: int) -> list[int]:
    """The first row of each page, and the number of rows at the end."""
    stride = (length + 7) & ~np.int64(7)
    used = np.cumsum(stride + SIZE_OF_ITEM_ID)
    first = [0]
    n, before = len(length), 0
    while first[-1] < n:
        row = first[-1]
        # The first tuple goes on an empty page whatever the reserve; others respect it.
        end = int(np.searchsorted(used, before + _ROOM - reserved, "right"))
        end = min(max(end, row + 1), row + MAX_HEAP_TUPLES_PER_PAGE, n)
        before = int(used[end - 1])
        first.append(end)
    return first


def fill_pages(
    layout: Layout, first: list[int], first_block: int, xid: int, cid: int
) -> Pages:
    """Empty pages from ``first_block`` on, filled with the rows as :func:`split` divides them."""
    pages = len(first) - 1
    counts = np.diff(first)
    page = np.repeat(np.arange(pages), counts)
    offnum = np.arange(layout.n) - np.repeat(np.asarray(first[:-1]), counts) + 1
    stride = (layout.length + 7) & ~np.int64(7)
    total = np.cumsum(stride)
    before = np.repeat(np.concatenate(([0], total))[first[:-1]], counts)
    upper = BLCKSZ - (total - before)
    buffer = np.zeros(pages * BLCKSZ, np.uint8)
    start = page * BLCKSZ + upper
    write(layout, buffer, start, xid, cid, first_block + page, offnum)
    words = upper | LpFlags.LP_NORMAL << 15 | layout.length << 17
    at = page * BLCKSZ + SIZE_OF_PAGE_HEADER + SIZE_OF_ITEM_ID * (offnum - 1)
    ragged.scatter_bytes(buffer, at, words.astype("<u4"))
    head = np.zeros(pages, _PAGE)
    head["pd_lower"] = SIZE_OF_PAGE_HEADER + SIZE_OF_ITEM_ID * counts
    head["pd_upper"] = upper[np.asarray(first[1:]) - 1]
    head["pd_special"] = BLCKSZ
    head["pd_pagesize_version"] = BLCKSZ | PG_PAGE_LAYOUT_VERSION
    ragged.scatter_bytes(
        buffer, np.arange(pages) * BLCKSZ, head.view(f"V{SIZE_OF_PAGE_HEADER}")
    )
    return Pages(buffer, first, start, offnum)


def logged(layout: Layout, pages: Pages) -> tuple[npt.NDArray[np.uint8], Ints]:
    """(the tuples of all pages as multi-insert records carry them, where each page's begin)."""
    size = layout.length - SIZEOF_HEAP_TUPLE_HEADER
    step = size + _MULTI.itemsize
    padded = (step + 1) & ~np.int64(1)
    last = np.asarray(pages.first[1:]) - 1
    padded[last] = step[last]  # nothing follows on that page
    at = ragged.offsets_of(padded)
    out = np.zeros(int(at[-1]), np.uint8)
    head = np.zeros(layout.n, _MULTI)
    stored = np.frombuffer(pages.buffer, np.uint8)
    fields = ragged.windows(stored, _HEADER.itemsize)[pages.start].view(_HEADER).reshape(-1)
    head["datalen"] = size
    for name in ("t_infomask2", "t_infomask", "t_hoff"):
        head[name] = fields[name]
    ragged.scatter_bytes(out, at[:-1], head.view(f"V{_MULTI.itemsize}"))
    ragged.copy_spans(
        out, at[:-1] + _MULTI.itemsize, pages.buffer, pages.start + SIZEOF_HEAP_TUPLE_HEADER, size
    )
    return out, at[np.asarray(pages.first)]


assert maxalign(SIZEOF_HEAP_TUPLE_HEADER) == header_length(8, False)
