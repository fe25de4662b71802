# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""Stored numerics → integers that order as they do, compiled where possible.

An integer holds a number's sign, weight and up to four base-10000 digits, which is all
there is to most of them; where a value has more, or is NaN or infinite, or its header is a
long one, the caller compares in another way. ``numeric_rank.pxd`` gives the C types.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

COMPILED: bool = cython.compiled
_DIGITS = 4


def ranks(octets: Any, start: Any, length: Any, valid: Any, out: Any) -> int:
    """0 with ``out`` filled, or -1. ``valid`` is empty where no row is NULL; those are 0."""
    nullable = valid.shape[0] > 0
    with cython.nogil:
        for i in range(start.shape[0]):
            out[i] = 0
            if nullable and not valid[i]:
                continue
            at = start[i]
            if length[i] < 2:
                return -1
            header = octets[at] | octets[at + 1] << 8
            if header & 0xC000 != 0x8000:
                return -1
            digits = (length[i] - 2) >> 1
            if digits > _DIGITS:
                return -1
            weight = header & 63
            if header & 64:
                weight -= 64
            total = 0
            some = 0
            for k in range(_DIGITS):
                total <<= 14
                if k < digits:
                    at += 2
                    digit = octets[at] | octets[at + 1] << 8
                    total |= digit
                    some |= digit
            if some == 0:
                continue
            if total >> 42 == 0:  # not in its normal form: the weight is not its size
                return -1
            lifted = weight + 64
            total |= lifted << 56
            out[i] = -total if header & 0x2000 else total
    return 0
