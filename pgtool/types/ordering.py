"""How a btree orders stored datums of plain types: datum → something that Python compares.

A *key function* takes a datum (stored bytes, varlena header off) and gives a value whose
``<`` and ``==`` are the operator class's. Types are told by the source name of the
operator class's comparison function. What orders by more than its bytes (text of a locale,
containers, enums) comes from above; this is what catalogs, system tables and most keys need.

:data:`NUMBERS` and :data:`BYTES` also say how a whole column is sorted by numpy.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from formats.derive import struct_of
from formats.itemptr import ItemPointerData
from pgtool.types.numeric import numeric_decimal

__all__ = ["BYTES", "EQUAL_IMAGE", "NUMBERS", "KeyFunction", "key_function", "text_key"]

KeyFunction = Callable[[bytes], Any]

#: Comparison → numpy type of the datum; the numbers themselves are the order.
NUMBERS = {
    "btboolcmp": "<u1", "btcharcmp": "<u1", "btint2cmp": "<i2", "btint4cmp": "<i4",
    "btint8cmp": "<i8", "btoidcmp": "<u4", "date_cmp": "<i4", "time_cmp": "<i8",
    "timestamp_cmp": "<i8", "cash_cmp": "<i8", "xid8cmp": "<u8", "pg_lsn_cmp": "<u8",
    "btfloat4cmp": "<f4", "btfloat8cmp": "<f8",
}  # fmt: skip
#: Comparisons of datums as strings of bytes.
BYTES = {
    "byteacmp", "uuid_cmp", "macaddr_cmp", "macaddr8_cmp", "bttext_pattern_cmp",
    "btnametextcmp",
}  # fmt: skip
#: Comparisons whose equal datums are the same bytes: duplicates may be merged.
EQUAL_IMAGE = frozenset({
    "btboolcmp", "btcharcmp", "btint2cmp", "btint4cmp", "btint8cmp", "btoidcmp", "date_cmp",
    "time_cmp", "timestamp_cmp", "cash_cmp", "xid8cmp", "pg_lsn_cmp", "byteacmp", "uuid_cmp",
    "macaddr_cmp", "macaddr8_cmp", "bttext_pattern_cmp", "btnamecmp", "bttextcmp",
    "btoidvectorcmp", "bttidcmp", "timetz_cmp", "network_cmp", "enum_cmp", "bpcharcmp",
    "btbpchar_pattern_cmp",
})  # fmt: skip
_CODES = {
    "<u1": "<B", "<i2": "<h", "<i4": "<i", "<i8": "<q", "<u4": "<I", "<u8": "<Q", "<f4": "<f",
    "<f8": "<d",
}  # fmt: skip
_FLOATS = {"<f4", "<f8"}
_TID = struct_of(ItemPointerData)
_NAN = (1, 0.0)
#: A vector's elements follow ndim, dataoffset, elemtype, dim1 and lbound1.
_VECTOR_HEAD = 20


def _number(code: str) -> KeyFunction:
    unpack = struct.Struct(_CODES[code]).unpack
    if code in _FLOATS:
        def number(datum: bytes) -> Any:
            value = unpack(datum)[0]
            return _NAN if math.isnan(value) else (0, value)

        return number
    return lambda datum: unpack(datum)[0]


def text_key(datum: bytes) -> bytes:
    """Text whose order is that of its bytes."""
    return datum


def _name(datum: bytes) -> bytes:
    return datum.split(b"\0", 1)[0]


def _padded(datum: bytes) -> bytes:
    return datum.rstrip(b" ")


def _oidvector(datum: bytes) -> Any:
    count = (len(datum) - _VECTOR_HEAD) // 4
    return count, struct.unpack_from(f"<{count}I", datum, _VECTOR_HEAD)


def _tid(datum: bytes) -> Any:
    high, low, offset = _TID.unpack(datum)
    return high << 16 | low, offset


def _numeric(datum: bytes) -> Any:
    value: Decimal = numeric_decimal(datum)
    return _NAN if value.is_nan() else (0, value)


_OTHER: dict[str, KeyFunction] = {
    "btnamecmp": _name, "bttextcmp": text_key, "bpcharcmp": _padded,
    "btbpchar_pattern_cmp": _padded, "btoidvectorcmp": _oidvector, "bttidcmp": _tid,
    "numeric_cmp": _numeric,
}  # fmt: skip


def key_function(prosrc: str) -> KeyFunction | None:
    """The key function behind a comparison; None where it is not known here.

    Text is ordered by its bytes: whoever asks has seen to the collation.
    """
    if prosrc in NUMBERS:
        return _number(NUMBERS[prosrc])
    if prosrc in BYTES:
        return text_key
    return _OTHER.get(prosrc)
