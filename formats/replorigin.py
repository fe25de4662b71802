"""Replication origin progress on disk: ``pg_logical/replorigin_checkpoint``.

Source: ``replication/logical/origin.c``. A magic number, one entry per origin, a CRC over
all bytes before it. Written at checkpoints, moved on by commit records that carry an origin.
"""

from __future__ import annotations

from construct import Struct

from formats.crc import crc32c
from formats.derive import struct_of
from formats.errors import CorruptData
from formats.units import Raw, RepOriginId, XLogRecPtr

REPLORIGIN_FILE = "pg_logical/replorigin_checkpoint"
REPLICATION_STATE_MAGIC = 0x1257DADE

ReplicationStateOnDisk = Struct(
    "roident" / RepOriginId * "the origin",
    "pad" / Raw(6) * "alignment",
    "remote_lsn" / XLogRecPtr * "how far it has been replayed",
)
assert ReplicationStateOnDisk.sizeof() == 16
_ENTRY = struct_of(ReplicationStateOnDisk)


def parse(data: bytes, *, file: str = REPLORIGIN_FILE) -> dict[int, int]:
    """Origin → position, checked."""
    if len(data) < 8 or (len(data) - 8) % _ENTRY.size:
        raise CorruptData(f"replication checkpoint has {len(data)} bytes", file=file)
    if int.from_bytes(data[:4], "little") != REPLICATION_STATE_MAGIC:
        raise CorruptData("replication checkpoint has wrong magic", file=file, offset=0)
    if crc32c(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise CorruptData("replication checkpoint has wrong checksum", file=file, field="crc")
    return {node: lsn for node, _pad, lsn in _ENTRY.iter_unpack(data[4:-4])}


def build(origins: dict[int, int]) -> bytes:
    """The file's bytes."""
    out = REPLICATION_STATE_MAGIC.to_bytes(4, "little")
    out += b"".join(_ENTRY.pack(node, b"", lsn) for node, lsn in sorted(origins.items()))
    return out + crc32c(out).to_bytes(4, "little")
