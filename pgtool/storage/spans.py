# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""The inner loops of the ragged copy and of row assembly, compiled where possible.

:mod:`pgtool.storage.ragged` and the COPY formats are the callers; they check every bound
beforehand and hand in all memory. Not compiled, they use numpy instead, which beats these
loops as plain Python. ``spans.pxd`` gives the C types.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

COMPILED: bool = cython.compiled
#: Pieces shorter than this are not worth a call.
SHORT = 16


def copy(dst: Any, dst_start: Any, src: Any, src_start: Any, length: Any) -> None:
    """Copy ``src[src_start[i]:][:length[i]]`` to ``dst[dst_start[i]:]`` for every i."""
    with cython.nogil:
        for i in range(dst_start.shape[0]):
            to = dst_start[i]
            place = src_start[i]
            n = length[i]
            if n < SHORT:
                for k in range(n):
                    dst[to + k] = src[place + k]
            else:
                memcpy(  # type: ignore  # noqa
                    cython.address(dst[to]), cython.address(src[place]), n
                )


def put(
    out: Any, at: Any, src: Any, start: Any, length: Any, nulls: Any, null: Any, tail: Any
) -> None:
    """Write one column of every row, then ``tail``, and move ``at`` behind it.

    ``nulls`` is empty, or tells for each row whether ``null`` is written instead.
    """
    some = nulls.shape[0] > 0
    with cython.nogil:
        for i in range(at.shape[0]):
            to = at[i]
            if some and nulls[i]:
                for k in range(null.shape[0]):
                    out[to + k] = null[k]
                to += null.shape[0]
            else:
                place = start[i]
                for k in range(length[i]):
                    out[to + k] = src[place + k]
                to += length[i]
            for k in range(tail.shape[0]):
                out[to + k] = tail[k]
            at[i] = to + tail.shape[0]


def put_counted(out: Any, at: Any, src: Any, start: Any, length: Any, nulls: Any) -> None:
    """Write one column of every row behind its length, four bytes, highest first.

    NULL is the length -1. ``at`` is moved behind what was written.
    """
    some = nulls.shape[0] > 0
    with cython.nogil:
        for i in range(at.shape[0]):
            to = at[i]
            if some and nulls[i]:
                for k in range(4):
                    out[to + k] = 255
                at[i] = to + 4
                continue
            n = length[i]
            out[to] = n >> 24 & 255
            out[to + 1] = n >> 16 & 255
            out[to + 2] = n >> 8 & 255
            out[to + 3] = n & 255
            to += 4
            place = start[i]
            for k in range(n):
                out[to + k] = src[place + k]
            at[i] = to + n
