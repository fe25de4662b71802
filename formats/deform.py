"""Where the attributes of a tuple begin and end, given their lengths and alignments.

Heap tuples and index tuples store attributes the same way: NULLs take no room, fixed
lengths begin at their alignment, a varlena begins at its alignment unless its header is
the unaligned 1-byte form, a cstring ends with a zero byte. This is the plain, checked
walk for one tuple; scans over many pages have vectorised ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from formats.errors import CorruptData
from formats.varlena import read_varlena

#: pg_attribute.attalign → bytes.
ALIGNMENT = {"c": 1, "s": 2, "i": 4, "d": 8}
ATTLEN_VARLENA = -1
ATTLEN_CSTRING = -2


class Attribute(NamedTuple):
    """What pg_attribute says about storage: attlen, attalign and a name for messages."""

    attlen: int
    attalign: str
    attname: str = ""


def align(offset: int, attalign: str) -> int:
    """``offset`` rounded up to the alignment that ``attalign`` names."""
    n = ALIGNMENT[attalign]
    return (offset + n - 1) & -n


def spans(
    data: Any, start: int, end: int, attributes: Sequence[Attribute], nulls: Sequence[bool] = ()
) -> list[tuple[int, int] | None]:
    """[start, end) of each attribute in ``data``, None where it is NULL.

    Alignment counts from ``start``; ``nulls`` may be shorter than ``attributes`` (the
    rest is not null). CorruptData where an attribute does not fit before ``end``.
    """
    out: list[tuple[int, int] | None] = []
    at = start
    for number, attribute in enumerate(attributes):
        if number < len(nulls) and nulls[number]:
            out.append(None)
            continue
        try:
            first, at = _span(data, start, at, end, attribute)
        except CorruptData as error:
            error.field = attribute.attname or f"attribute {number + 1}"
            raise
        out.append((first, at))
    return out


def _span(data: Any, base: int, at: int, end: int, attribute: Attribute) -> tuple[int, int]:
    attlen, attalign, _name = attribute
    if attlen == ATTLEN_VARLENA and at < end and data[at] & 1:
        return at, read_varlena(data, at, end).end  # 1-byte headers are not aligned
    first = base + align(at - base, attalign)
    if attlen == ATTLEN_VARLENA:
        return first, read_varlena(data, first, end).end
    if attlen == ATTLEN_CSTRING:
        stop = bytes(data[first:end]).find(b"\0")
        if stop < 0:
            raise CorruptData("cstring without its end", offset=first)
        return first, first + stop + 1
    if first + attlen > end:
        raise CorruptData(f"attribute of {attlen} bytes does not fit", offset=first)
    return first, first + attlen
