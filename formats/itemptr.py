"""Tuple identifiers: a block number and a line pointer number, six bytes.

Source: ``storage/block.h``, ``storage/itemptr.h``, ``storage/off.h``. The block number is
two 16-bit halves, high half first, so that the whole needs only 2-byte alignment.
Tuple headers, index tuples, posting lists and many WAL records hold one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from construct import Adapter, Struct

from formats.units import OffsetNumber, uint16

#: Offset number that marks a heap tuple's ctid as "moved to another partition".
MOVED_PARTITIONS_OFFSET_NUMBER = 0xFFFD
#: Offset number that marks a ctid as the token of a speculative insertion.
SPEC_TOKEN_OFFSET_NUMBER = 0xFFFE


class ItemPointer(NamedTuple):
    """A tuple identifier; prints as PostgreSQL's ``tid``."""

    block: int
    offset: int

    def __str__(self) -> str:
        return f"({self.block},{self.offset})"


class _BlockIdAdapter(Adapter):
    """Two u16 (high half first) ↔ block number."""

    def _decode(self, obj: Any, context: Any, path: Any) -> int:
        return int(obj.bi_hi << 16 | obj.bi_lo)

    def _encode(self, obj: int, context: Any, path: Any) -> dict[str, int]:
        return {"bi_hi": obj >> 16, "bi_lo": obj & 0xFFFF}


class _ItemPointerAdapter(Adapter):
    """ip_blkid and ip_posid ↔ :class:`ItemPointer`."""

    def _decode(self, obj: Any, context: Any, path: Any) -> ItemPointer:
        return ItemPointer(obj.ip_blkid, obj.ip_posid)

    def _encode(self, obj: Any, context: Any, path: Any) -> dict[str, int]:
        block, offset = obj
        return {"ip_blkid": block, "ip_posid": offset}


BlockIdData = _BlockIdAdapter(Struct("bi_hi" / uint16, "bi_lo" / uint16))

ItemPointerData = _ItemPointerAdapter(
    Struct(
        "ip_blkid" / BlockIdData * "block number",
        "ip_posid" / OffsetNumber * "line pointer number, from 1",
    )
)
assert ItemPointerData.sizeof() == 6


def pointer_in(row: Any, name: str) -> ItemPointer:
    """The TID ``name`` of a row that a derived reader gave."""
    high, low = getattr(row, f"{name}_ip_blkid_bi_hi"), getattr(row, f"{name}_ip_blkid_bi_lo")
    return ItemPointer(high << 16 | low, getattr(row, f"{name}_ip_posid"))
