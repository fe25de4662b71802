"""pg_mcv_list_items: the most common combinations of columns that CREATE STATISTICS keeps."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from construct import ConstructError

from formats import datum
from formats.derive import sizeof
from pgtool.errors import CorruptData
from pgtool.functions.registry import Call, builtin
from pgtool.functions.values import ArrayValue

__all__: list[str] = []

TEXTOID, BOOLOID = 25, 16
MAX_DIMENSIONS = 8
VARLENA, CSTRING = -1, -2
_HEADER = sizeof(datum.ExtendedStatsHeader)
_INFO = sizeof(datum.DimensionInfo)
_COUNT = sizeof(datum.MCVDimensions)
_FREQUENCIES = sizeof(datum.MCVFrequencies)


@builtin("pg_stats_ext_mcvlist_items", call=True, returns_set=True)
def pg_stats_ext_mcvlist_items(call: Call, data: bytes) -> Iterator[tuple[Any, ...]]:
    """The items: number, values as text, which are NULL, two frequencies."""
    try:
        yield from _items(call, bytes(data))
    except (ConstructError, struct.error, IndexError) as problem:
        raise CorruptData("malformed pg_mcv_list") from problem


def _items(call: Call, data: bytes) -> Iterator[tuple[Any, ...]]:
    header = datum.ExtendedStatsHeader.parse(data)
    count = datum.MCVDimensions.parse(data[_HEADER:]).ndimensions
    if (header.magic != datum.STATS_MCV_MAGIC or not 0 < count <= MAX_DIMENSIONS
            or header.nitems > datum.STATS_MCVLIST_MAX_ITEMS):  # fmt: skip
        raise CorruptData("malformed pg_mcv_list")
    at = _HEADER + _COUNT
    types = struct.unpack_from(f"<{count}I", data, at)
    at += 4 * count
    infos = [datum.DimensionInfo.parse(data[at + _INFO * i :]) for i in range(count)]
    at += _INFO * count
    columns = []
    for typid, info in zip(types, infos):
        io = call.session.types.io_of(typid)
        columns.append([io.output(value) for value in _values(data, at, info)])
        at += info.nbytes
    for number in range(header.nitems):
        nulls = [bool(flag) for flag in struct.unpack_from(f"{count}B", data, at)]
        share = datum.MCVFrequencies.parse(data[at + count :])
        at += count + _FREQUENCIES
        places = struct.unpack_from(f"<{count}H", data, at)
        at += 2 * count
        values = [
            None if null else column[place]
            for null, column, place in zip(nulls, columns, places)
        ]
        yield (number, ArrayValue.of(TEXTOID, values), ArrayValue.of(BOOLOID, nulls),
               share.frequency, share.base_frequency)  # fmt: skip


def _values(data: bytes, at: int, info: Any) -> Iterator[bytes]:
    """The stored values of one dimension."""
    end = at + info.nbytes
    if not at <= end <= len(data) or not 0 <= info.nvalues <= info.nbytes:
        raise CorruptData("malformed pg_mcv_list")
    for _ in range(info.nvalues):
        size = info.typlen
        if size in (VARLENA, CSTRING):
            (size,) = struct.unpack_from("<I", data, at)
            at += 4
        if at + size > end:
            raise CorruptData("malformed pg_mcv_list")
        yield data[at : at + size - (info.typlen == CSTRING)]
        at += size

