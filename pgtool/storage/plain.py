"""Stand-in for the few names of Cython that an uncompiled hot loop runs through."""

from __future__ import annotations

import contextlib

compiled = False
nogil = contextlib.nullcontext()
longlong = int


def cast(kind: type[int], value: float) -> int:
    """C's conversion: towards zero."""
    return kind(value)
