"""The values that functions and the scalar executor work on.

A stored datum is bytes (:mod:`pgtool.types`); a *value* is the Python object that a
function takes and gives. None is SQL's NULL.

====================================  ====================================================
type                                  value
====================================  ====================================================
bool                                  bool
int2 int4 int8 oid reg* xid xid8 cid  int (money: int, in cents)
float4 float8                         float (float4 already rounded to single precision)
numeric                               Decimal; its exponent is the display scale; NaN and
                                      ±Infinity are Decimal's
text varchar bpchar name cstring      str (bpchar with its padding)
json xml unknown refcursor            str
"char"                                str of one character, or "" for the zero byte
bytea                                 bytes
date                                  int, days since 2000-01-01; ±infinity as stored
time timestamp timestamptz            int, microseconds since midnight or 2000-01-01
timetz                                (microseconds, seconds west of UTC)
interval                              :class:`Interval`
uuid                                  bytes of length 16
bit varbit                            :class:`Bits`
enum                                  int, the OID of the pg_enum row
array, oidvector, int2vector          :class:`ArrayValue`
composite, record                     :class:`RecordValue`
range                                 :class:`RangeValue`
multirange                            tuple of RangeValue
domain                                its base type's value
everything else                       the stored datum, bytes (jsonb, inet, geometric, …)
====================================  ====================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["ArrayValue", "Bits", "Interval", "RangeValue", "RecordValue"]


class Interval(NamedTuple):
    """An interval: three parts that do not convert into each other."""

    usec: int
    day: int
    month: int


class Bits(NamedTuple):
    """A bit string: ``length`` bits, most significant first, in ``data``."""

    length: int
    data: bytes


@dataclass(slots=True, eq=False)
class ArrayValue:
    """An array: element type, dimensions with lower bounds, elements in row-major order.

    ``bitmap``: it is stored with a bitmap of NULLs although it may have none, as a part of an
    array with NULLs is. Index entries are compared byte by byte, so this is kept.
    """

    elemtype: int
    dims: tuple[int, ...]
    lbounds: tuple[int, ...]
    elements: list[Any]
    bitmap: bool = False

    @property
    def has_bitmap(self) -> bool:
        """Whether the stored form tells of NULLs."""
        return self.bitmap or None in self.elements

    @classmethod
    def of(cls, elemtype: int, elements: list[Any]) -> ArrayValue:
        """A one-dimensional array with lower bound 1; no dimension where it is empty."""
        if not elements:
            return cls(elemtype, (), (), [])
        return cls(elemtype, (len(elements),), (1,), elements)


@dataclass(slots=True, eq=False)
class RecordValue:
    """A row: its type (RECORD with a blessed descriptor, or a composite) and its fields."""

    typeoid: int
    fieldtypes: tuple[int, ...]
    fields: tuple[Any, ...]
    names: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class RangeValue:
    """A range of type ``typeoid``; a bound of None is infinite."""

    typeoid: int
    lower: Any = None
    upper: Any = None
    lower_inc: bool = False
    upper_inc: bool = False
    empty: bool = False
