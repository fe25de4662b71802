"""Replication slots: ``pg_replslot/<name>/state``.

Source: ``replication/slot.c``, ``replication/slot.h``. Magic and CRC come first; the CRC
covers everything from ``version`` on. The version number, not the major, decides how the
data behind it is laid out.
"""

from __future__ import annotations

import enum

from construct import Container, Struct

from formats.crc import crc32c
from formats.derive import offset_of, sizeof
from formats.errors import CorruptData, Unsupported
from formats.units import (
    Bool,
    Choice,
    Oid,
    Raw,
    TransactionId,
    XLogRecPtr,
    int32,
    pg_crc32c,
    uint32,
)
from formats.version import ByMajor

SLOT_DIRECTORY = "pg_replslot"
SLOT_MAGIC = 0x1051CA1
SLOT_VERSION = ByMajor({14: 2, 16: 3, 17: 5})
NAMEDATALEN = 64


class ReplicationSlotPersistency(enum.IntEnum):
    """``persistency``: what ends a slot's life."""

    RS_PERSISTENT = 0
    RS_EPHEMERAL = 1
    RS_TEMPORARY = 2


class InvalidationCause16(enum.IntEnum):
    """``invalidated`` in 16 and 17."""

    RS_INVAL_NONE = 0
    RS_INVAL_WAL_REMOVED = 1
    RS_INVAL_HORIZON = 2
    RS_INVAL_WAL_LEVEL = 3


class InvalidationCause18(enum.IntEnum):
    """``invalidated`` in 18, where the causes became bits."""

    RS_INVAL_NONE = 0
    RS_INVAL_WAL_REMOVED = 1
    RS_INVAL_HORIZON = 2
    RS_INVAL_WAL_LEVEL = 4
    RS_INVAL_IDLE_TIMEOUT = 8


#: The number is the same file format in 17 and 18; what it means is the major's.
INVALIDATION_CAUSE = ByMajor({16: InvalidationCause16, 18: InvalidationCause18})

_HEAD = Struct(
    "magic" / uint32 * "SLOT_MAGIC",
    "checksum" / pg_crc32c * "CRC-32C of everything after it",
    "version" / uint32 * "format of the data",
    "length" / uint32 * "bytes of the data",
)
assert sizeof(_HEAD) == 16

_IDENTITY = (
    "name" / Raw(NAMEDATALEN) * "the slot's name, filled up with zeroes",
    "database" / Oid * "database of a logical slot, 0 for a physical one",
    "persistency" / Choice(int32, ReplicationSlotPersistency) * "what ends the slot's life",
    "xmin" / TransactionId * "rows this transaction may see must stay",
    "catalog_xmin" / TransactionId * "catalog rows this transaction may see must stay",
    "restart_lsn" / XLogRecPtr * "oldest WAL that may still be needed",
)
_INVALIDATED = (
    "invalidated" / uint32 * "why the slot became useless, 0 if it did not",
    "pad_invalidated" / Raw(4) * "alignment",
)
_POSITION = (
    "confirmed_flush" / XLogRecPtr * "the receiver has everything before this",
    "two_phase_at" / XLogRecPtr * "from here on prepared transactions are decoded",
    "two_phase" / Bool * "whether prepared transactions are decoded",
    "plugin" / Raw(NAMEDATALEN) * "output plugin of a logical slot",
)

#: By the version number in the file.
ReplicationSlotOnDisk = {
    2: Struct(
        *_HEAD.subcons,
        *_IDENTITY,
        "invalidated_at" / XLogRecPtr * "restart_lsn at the time it became useless, else 0",
        *_POSITION,
        "pad" / Raw(7) * "alignment",
    ),
    3: Struct(*_HEAD.subcons, *_IDENTITY, *_INVALIDATED, *_POSITION, "pad" / Raw(7) * "alignment"),
    5: Struct(
        *_HEAD.subcons,
        *_IDENTITY,
        *_INVALIDATED,
        *_POSITION,
        "synced" / Bool * "whether the slot is kept in step with the primary's",
        "failover" / Bool * "whether standbys should keep a copy",
        "pad" / Raw(5) * "alignment",
    ),
}
assert {sizeof(layout) for layout in ReplicationSlotOnDisk.values()} == {200}
_COVERED = offset_of(_HEAD, "version")


def parse(data: bytes, *, file: str = SLOT_DIRECTORY) -> Container:
    """The slot, checked: magic, version, length, CRC."""
    if len(data) < sizeof(_HEAD):
        raise CorruptData(f"slot file has only {len(data)} bytes", file=file)
    head = _HEAD.parse(data)
    if head.magic != SLOT_MAGIC:
        raise CorruptData(
            f"slot file has wrong magic number 0x{head.magic:X}", file=file, offset=0, field="magic"
        )
    layout = ReplicationSlotOnDisk.get(head.version)
    if layout is None:
        raise Unsupported(f'slot file "{file}" has unsupported version {head.version}')
    if head.length != sizeof(layout) - sizeof(_HEAD) or len(data) != sizeof(layout):
        raise CorruptData(
            f"slot file has corrupted length {head.length} (file of {len(data)} bytes)",
            file=file, offset=offset_of(_HEAD, "length"), field="length",
        )  # fmt: skip
    if crc32c(data[_COVERED:]) != head.checksum:
        raise CorruptData(
            "checksum mismatch for slot file",
            file=file, offset=offset_of(_HEAD, "checksum"), field="checksum",
        )  # fmt: skip
    return Container(layout.parse(data))


def build(slot: Container, *, crc: bool = False) -> bytes:
    """The bytes of a slot file; with ``crc`` the checksum is computed instead of kept."""
    data = bytes(ReplicationSlotOnDisk[slot.version].build(slot))
    if crc:
        at = offset_of(_HEAD, "checksum")
        data = data[:at] + pg_crc32c.build(crc32c(data[_COVERED:])) + data[_COVERED:]
    return data


def text(name: bytes) -> str:
    """A name field without its zeroes."""
    return name.partition(b"\0")[0].decode("utf-8", "backslashreplace")
