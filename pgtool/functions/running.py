# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""Running sums of floats by group, row after row: compiled where possible.

The digits of a result depend on the order of the additions, so these are the steps of
:func:`pgtool.functions.aggstats.float8_step` and :func:`~pgtool.functions.aggstats.regr_step`
in the order of the rows. :mod:`pgtool.functions.groupedfloat` is the only caller;
``running.pxd`` gives the C types.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

COMPILED: bool = cython.compiled
_INFINITE = float("inf")
_UNKNOWN = float("nan")


def is_infinite(value: Any) -> Any:
    """Whether it is, of either sign."""
    return value == _INFINITE or value == -_INFINITE


def settled(value: Any) -> Any:
    """The number; NaN in the place of an infinity."""
    return _UNKNOWN if is_infinite(value) else value


def spread(ids: Any, values: Any, count: Any, total: Any, squares: Any) -> int:
    """Take in values; how many there were before a sum was too large for a number."""
    with cython.nogil:
        for i in range(ids.shape[0]):
            group = ids[i]
            value = values[i]
            n = count[group]
            old = total[group]
            new = old + value
            if n > 0:
                distance = value * (n + 1.0) - new
                square = squares[group] + distance * distance / ((n + 1.0) * n)
                if is_infinite(new) or is_infinite(square):
                    if not is_infinite(old) and not is_infinite(value):
                        return i
                    square = _UNKNOWN
                squares[group] = square
            elif value - value != 0:
                squares[group] = _UNKNOWN
            count[group] = n + 1.0
            total[group] = new
    return ids.shape[0]


def regress(
    ids: Any, ys: Any, xs: Any, count: Any, sx: Any, sxx: Any, sy: Any, syy: Any, sxy: Any
) -> int:
    """Take in pairs; how many there were before a sum was too large for a number."""
    with cython.nogil:
        for i in range(ids.shape[0]):
            group = ids[i]
            x = xs[i]
            y = ys[i]
            n = count[group]
            old_x = sx[group]
            old_y = sy[group]
            new_x = old_x + x
            new_y = old_y + y
            if n > 0:
                dx = x * (n + 1.0) - new_x
                dy = y * (n + 1.0) - new_y
                scale = 1.0 / ((n + 1.0) * n)
                xx = sxx[group] + dx * dx * scale
                yy = syy[group] + dy * dy * scale
                xy = sxy[group] + dx * dy * scale
                over_x = is_infinite(new_x) or is_infinite(xx)
                over_y = is_infinite(new_y) or is_infinite(yy)
                if over_x or over_y or is_infinite(xy):
                    was_x = is_infinite(old_x) or is_infinite(x)
                    was_y = is_infinite(old_y) or is_infinite(y)
                    if (over_x and not was_x) or (over_y and not was_y):
                        return i
                    if is_infinite(xy) and not was_x and not was_y:
                        return i
                    xx = settled(xx)
                    yy = settled(yy)
                    xy = settled(xy)
                sxx[group] = xx
                syy[group] = yy
                sxy[group] = xy
            else:
                if x - x != 0:
                    sxx[group] = _UNKNOWN
                    sxy[group] = _UNKNOWN
                if y - y != 0:
                    syy[group] = _UNKNOWN
                    sxy[group] = _UNKNOWN
            count[group] = n + 1.0
            sx[group] = new_x
            sy[group] = new_y
    return ids.shape[0]
