"""The exact ragged copy: many spans of one buffer to many spans of another, without a loop.

This is the primitive under all bulk output (COPY text and binary, CSV, WAL text, jsonb
text) and under gathering variable-width columns out of pages. Spans are three parallel
integer arrays: where each starts in the destination, where in the source, how long it is.

A span of ``n`` bytes is copied with at most two moves of the power of two below ``n``:
one that begins where the span begins, one that ends where it ends; they overlap where ``n``
is no power of two. So spans sort into a few width classes, each class is two numpy
gather/scatter operations, and **no byte outside the destination spans is written** and
none outside the source spans is read: neighbours may hold finished output, and no buffer
needs padding. Long spans go in steps of 64 bytes; very long ones are few and are copied
as slices.

Where :mod:`pgtool.storage.spans` is compiled, its loop does the copying (three to six times
faster still); the checks are the same.

Invariants: destination spans do not overlap one another; source and destination are
different memory. Spans that reach outside their buffer raise CorruptData before anything
is copied.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pgtool.errors import CorruptData
from pgtool.storage import spans

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[Any]

#: Spans at least this long are copied one by one: a slice costs about 300 ns.
_LONG = 4096
_WIDEST = 64

__all__ = [
    "Bytes", "Ints", "as_spans", "check_spans", "copy_spans", "fill_spans", "gather",
    "offsets_of", "scatter_bytes", "windows",
]  # fmt: skip


def windows(buffer: Bytes, width: int) -> npt.NDArray[Any]:
    """Every ``width``-byte window of ``buffer``, as elements that overlap one another."""
    dtype = np.dtype(f"V{width}") if width > 1 else np.dtype("u1")
    return np.ndarray((max(0, buffer.size - width + 1),), dtype, buffer, 0, (1,))


def _check(buffer: Bytes, start: Ints, length: Ints, what: str) -> None:
    if int(start.min()) < 0 or int((start + length).max()) > buffer.size:
        raise CorruptData(f"span reaches outside its {what} buffer of {buffer.size} bytes")


def check_spans(src: Bytes, start: Ints, length: Ints) -> None:
    """CorruptData where a span reaches outside its buffer."""
    if not len(length):
        return
    if int(length.min()) < 0:
        raise CorruptData("span of negative length")
    used = length > 0
    if not used.all():
        start, length = start[used], length[used]
    if len(length):
        _check(src, start, length, "source")


def copy_spans(dst: Bytes, dst_start: Ints, src: Bytes, src_start: Ints, length: Ints) -> None:
    """Copy ``src[src_start[i]:][:length[i]]`` to ``dst[dst_start[i]:]`` for every i."""
    if not len(length):
        return
    low, high = int(length.min()), int(length.max())
    if low < 0:
        raise CorruptData("span of negative length")
    if high == 0:
        return
    if low == 0:
        some = np.flatnonzero(length)
        dst_start, src_start, length = dst_start[some], src_start[some], length[some]
        low = 1
    _check(dst, dst_start, length, "destination")
    _check(src, src_start, length, "source")
    if spans.COMPILED:
        spans.copy(dst, as_spans(dst_start), src, as_spans(src_start), as_spans(length))
        return
    if high >= _LONG:
        dst_start, src_start, length = _copy_long(dst, dst_start, src, src_start, length)
        if not len(length):
            return
        high = int(length.max())
    width = 1
    while width <= high:
        nxt = 2 * width
        if low < nxt and width < _WIDEST:
            if low >= width and high < nxt:
                _copy_class(dst, dst_start, src, src_start, length, width)
                return
            pick = np.flatnonzero((length >= width) & (length < nxt))
            if len(pick):
                _copy_class(dst, dst_start[pick], src, src_start[pick], length[pick], width)
        elif width == _WIDEST:
            pick = np.flatnonzero(length >= width)
            _copy_steps(dst, dst_start[pick], src, src_start[pick], length[pick])
            return
        width = nxt


def _copy_class(
    dst: Bytes, dst_start: Ints, src: Bytes, src_start: Ints, length: Ints, width: int
) -> None:
    """Spans of width ≤ length < 2·width: the head, then the tail that overlaps it."""
    source, target = windows(src, width), windows(dst, width)
    target[dst_start] = source[src_start]
    if width > 1:
        rest = length - width
        target[dst_start + rest] = source[src_start + rest]


def _copy_steps(dst: Bytes, dst_start: Ints, src: Bytes, src_start: Ints, length: Ints) -> None:
    """Spans of 64 bytes and more: the tail once, then steps from the front."""
    source, target = windows(src, _WIDEST), windows(dst, _WIDEST)
    rest = length - _WIDEST
    target[dst_start + rest] = source[src_start + rest]
    while True:
        target[dst_start] = source[src_start]
        more = np.flatnonzero(rest > _WIDEST)  # the tail move has written the last 64 bytes
        if not len(more):
            return
        dst_start, src_start = dst_start[more] + _WIDEST, src_start[more] + _WIDEST
        rest = rest[more] - _WIDEST


def _copy_long(
    dst: Bytes, dst_start: Ints, src: Bytes, src_start: Ints, length: Ints
) -> tuple[Ints, Ints, Ints]:
    """Copy the very long spans as slices; the others come back."""
    is_long = length >= _LONG
    for i in np.flatnonzero(is_long).tolist():
        to, frm, n = int(dst_start[i]), int(src_start[i]), int(length[i])
        dst[to : to + n] = src[frm : frm + n]
    rest = np.flatnonzero(~is_long)
    return dst_start[rest], src_start[rest], length[rest]


def as_spans(numbers: Ints) -> npt.NDArray[np.int64]:
    """An integer array as the compiled loops want it."""
    return np.ascontiguousarray(numbers, np.int64)


def offsets_of(length: Ints) -> npt.NDArray[np.int64]:
    """n lengths → n + 1 offsets of the spans laid end to end."""
    out = np.zeros(len(length) + 1, np.int64)
    np.cumsum(length, out=out[1:])
    return out


def gather(src: Bytes, start: Ints, length: Ints) -> tuple[Bytes, npt.NDArray[np.int64]]:
    """The spans laid end to end: (bytes, n + 1 offsets)."""
    offsets = offsets_of(length)
    out = np.empty(int(offsets[-1]), np.uint8)
    copy_spans(out, offsets[:-1], src, start, length)
    return out, offsets


def fill_spans(dst: Bytes, dst_start: Ints, piece: bytes) -> None:
    """Write the same short ``piece`` at every one of the places."""
    if not len(dst_start) or not piece:
        return
    _check(dst, dst_start, np.full(1, len(piece)), "destination")
    windows(dst, len(piece))[dst_start] = np.frombuffer(
        piece, np.dtype(f"V{len(piece)}") if len(piece) > 1 else np.uint8
    )[0]


def scatter_bytes(dst: Bytes, dst_start: Ints, values: npt.NDArray[Any]) -> None:
    """Write a contiguous array of fixed-width elements, one at each place, as they lie."""
    if not len(dst_start):
        return
    width = values.dtype.itemsize
    _check(dst, dst_start, np.full(1, width), "destination")
    flat = np.ascontiguousarray(values)
    windows(dst, width)[dst_start] = flat.view(windows(dst, width).dtype)
