"""How this process keeps memory that it has freed.

Bulk work takes and frees arrays of a few megabytes over and over. glibc gives each back to
the kernel, which hands out zeroed pages again: a fifth of VACUUM's time. Only commands of
our own ask for this; in somebody else's process it would be none of our business.
"""

from __future__ import annotations

import sys

#: mallopt's parameters, and what they are set to: bytes.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT, _MAPPED = 64 << 20, 32 << 20


def keep_freed() -> None:
    """Keep what is freed, up to a bound; where the C library has no such setting, nothing."""
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        mallopt = ctypes.CDLL(None).mallopt
    except (ImportError, OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, _MAPPED)
    mallopt(_TRIM_THRESHOLD, _KEPT)
