# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
# cython: cdivision=True, initializedcheck=False
"""Length, prev-link and CRC of many records that lie in one buffer, compiled where possible.

:mod:`pgtool.wal.bulk` lays the records out and checks every bound; ``sign.pxd`` gives the C
types. A record's CRC is that of what follows its header, and then of the header before the
CRC itself.
"""

from __future__ import annotations

from typing import Any

from formats.derive import offset_of, sizeof
from formats.wal.record import XLogRecord

try:
    import cython

    COMPILED = cython.compiled
except ImportError:
    COMPILED = False
#: The same in C, and 2³² - 1: Cython takes a module's own names, and so large a literal, for
#: Python objects.
IN_C, ONES = COMPILED, 0xFFFFFFFF

R_SIZE = sizeof(XLogRecord)
R_LEN, R_PREV, R_CRC = (offset_of(XLogRecord, f"xl_{name}") for name in ("tot_len", "prev", "crc"))


def sign(stream: Any, begin: Any, size: Any, prev: Any) -> None:
    """Put in the fields of the records at ``begin``; ``prev``: where the one before begins."""
    if not IN_C:
        _sign(stream.data, begin, size, prev)
        return
    for i in range(begin.shape[0]):
        p = cython.address(stream[begin[i]])
        total = size[i]
        before = prev[i]
        memcpy(p + R_LEN, cython.address(total), 4)  # type: ignore  # noqa
        memcpy(p + R_PREV, cython.address(before), 8)  # type: ignore  # noqa
        crc = extend_crc32c(ONES, p, R_SIZE, total - R_SIZE)  # type: ignore  # noqa
        crc = extend_crc32c(crc, p, 0, R_CRC) ^ ONES  # type: ignore  # noqa
        memcpy(p + R_CRC, cython.address(crc), 4)  # type: ignore  # noqa


def _sign(stream: Any, begin: Any, size: Any, prev: Any) -> None:
    """The same, not compiled."""
    from crc32c import crc32c

    for at, total, before in zip(begin.tolist(), size.tolist(), prev.tolist()):
        stream[at + R_LEN : at + R_LEN + 4] = total.to_bytes(4, "little")
        stream[at + R_PREV : at + R_PREV + 8] = before.to_bytes(8, "little")
        crc = crc32c(stream[at : at + R_CRC], crc32c(stream[at + R_SIZE : at + total]))
        stream[at + R_CRC : at + R_CRC + 4] = crc.to_bytes(4, "little")
