"""Arrays of plain numbers in a record's bytes, read and written out for the descriptions."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from construct import Construct

from formats.derive import struct_of
from formats.version import ByMajor
from pgtool.wal.desc.text import texts

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord


@cache
def _code(unit: Construct) -> str:
    return struct_of(unit).format[1:]


def scalars(unit: Construct, data: bytes, offset: int, count: int) -> tuple[int, ...]:
    """``count`` numbers of one unit; struct.error where the data holds fewer."""
    if not 0 <= count <= len(data):
        raise struct.error(f"{count} items do not fit into {len(data)} bytes")
    return struct.unpack_from(f"<{count}{_code(unit)}", data, offset)


def pairs(flat: Sequence[int]) -> str:
    """Pairs of line pointers, as pg_waldump shows redirects: ``1->2, 3->4``."""
    numbers = texts(flat)
    return ", ".join([f"{a}->{b}" for a, b in zip(numbers[::2], numbers[1::2], strict=True)])


def full_xid(value: int) -> str:
    """A 64-bit transaction id as epoch and xid."""
    return f"{value >> 32}:{value & 0xFFFFFFFF}"


def true_false(value: int) -> str:
    """A truth value as one letter."""
    return "T" if value else "F"


#: Whether the wording of a major tells that a record is about a catalog; 16 has it, unsaid.
_TELLS_CATALOG = ByMajor({14: False, 17: True})


def catalog_mark(rec: DecodedRecord, value: int, label: str = "isCatalogRel: ") -> str:
    """The last item of a conflict's text, where the record's major has it there."""
    return f", {label}{true_false(value)}" if _TELLS_CATALOG[rec.major] else ""


def block_data(rec: DecodedRecord) -> bytes | None:
    """The data of block 0; None where the record has none, as a page image replaced it."""
    ref = rec.block(0)
    return ref.data if ref is not None and ref.has_data else None


def needed_data(rec: DecodedRecord) -> bytes:
    """The data of block 0 of a record that cannot be described without it."""
    data = block_data(rec)
    if data is None:
        raise ValueError("block 0 carries no data")
    return data


def six_digits(value: float) -> str:
    """A floating point number with six significant digits, as C's ``%g`` writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return f"{value:g}"
