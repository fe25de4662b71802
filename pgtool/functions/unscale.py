# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""Stored numerics of one display scale → scaled integers, in one walk, compiled where possible.

:mod:`pgtool.functions.scaled` is the only caller. The walk stops at the first value that it
does not hold (another scale, NaN, too many digits); numpy then goes over them all.
``unscale.pxd`` gives the C types.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

COMPILED: bool = cython.compiled


def unscale(
    octets: Any, start: Any, length: Any, valid: Any, scale: int, powers: Any, out: Any
) -> int:
    """0 with ``out`` filled, or -1.

    ``valid`` is empty where no row is NULL; ``powers`` are those of ten up to the 18th.
    """
    nullable = valid.shape[0] > 0
    with cython.nogil:
        for i in range(start.shape[0]):
            if nullable and not valid[i]:
                out[i] = 0
                continue
            at = start[i]
            digits = (length[i] - 2) >> 1
            header = octets[at] | octets[at + 1] << 8
            if header & 0xC000 != 0x8000 or (header >> 7) & 63 != scale or digits > 4:
                return -1
            weight = header & 63
            if header & 64:
                weight -= 64
            total = 0
            for _k in range(digits):
                at += 2
                total = total * 10000 + (octets[at] | octets[at + 1] << 8)
            behind = 4 * (weight + 1 - digits) + scale
            if total == 0:
                out[i] = 0
                continue
            if 4 * (weight + 1) + scale > 18 or behind < -18:
                return -1
            if behind >= 0:
                total *= powers[behind]
            elif total % powers[-behind] != 0:
                return -1
            else:
                total //= powers[-behind]
            out[i] = -total if header & 0x2000 else total
    return 0
