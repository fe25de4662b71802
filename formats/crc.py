"""CRC-32C (Castagnoli), the checksum in pg_control, relation maps, state files and WAL.

Short inputs are summed in plain Python, because importing the compiled module costs more
than summing the few hundred bytes of a state file; long ones go to ``crc32c``.
PostgreSQL starts from all ones and inverts at the end, the common convention.
"""

from __future__ import annotations

import sys
from functools import cache

_POLYNOMIAL = 0x82F63B78  # reflected
_SHORT = 1024


@cache
def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


def _plain(data: bytes | bytearray | memoryview, crc: int) -> int:
    table = _table()
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def crc32c(data: bytes | bytearray | memoryview, crc: int = 0) -> int:
    """CRC-32C of ``data``; ``crc`` is the result for the bytes that came before."""
    if len(data) <= _SHORT and "crc32c" not in sys.modules:
        return _plain(data, crc)
    import crc32c as compiled

    return int(compiled.crc32c(data, crc))
