"""Units: the named scalar types that every declaration is written in.

Each name is PostgreSQL's own (``src/include/c.h``, ``access/*.h``, ``storage/*.h``). All
integers are little-endian: pgtool reads the files of little-endian machines, which is
checked against pg_control before anything else is believed.

Four helpers keep declarations exact in both directions (parse → build gives the same
bytes back): :func:`Flags` and :func:`Choice` keep bits and values that they have no name
for, :func:`BitFields` splits one integer into named bit ranges, :func:`Raw` names bytes
that carry no meaning (padding included) instead of zeroing them.
"""

from __future__ import annotations

import enum
from typing import Any, TypeVar

import construct
from construct import Adapter, Bytes, Construct, Container, Struct

float4, float8 = construct.Float32l, construct.Float64l
int8, int16, int32, int64 = (
    construct.Int8sl, construct.Int16sl, construct.Int32sl, construct.Int64sl,
)  # fmt: skip
uint8, uint16, uint32, uint64 = (
    construct.Int8ul, construct.Int16ul, construct.Int32ul, construct.Int64ul,
)  # fmt: skip

BLCKSZ = 8192
MAXALIGN = 8
INVALID_OFFSET_NUMBER = 0
INVALID_BLOCK_NUMBER = 0xFFFFFFFF
INVALID_XID = 0
BOOTSTRAP_XID = 1
FROZEN_XID = 2
FIRST_NORMAL_XID = 3


def maxalign(n: int) -> int:
    """Round ``n`` bytes up to PostgreSQL's MAXALIGN (8 on every 64-bit platform)."""
    return (n + 7) & ~7


class Lsn(int):
    """A WAL position in bytes; prints as PostgreSQL's ``%X/%X``."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self >> 32:X}/{self & 0xFFFFFFFF:X}"

    __repr__ = __str__
    __format__ = lambda self, spec: format(str(self), spec)  # noqa: E731

    @classmethod
    def parse(cls, text: str) -> Lsn:
        """Read ``hi/lo`` in hexadecimal; ValueError where it is not one."""
        hi, slash, lo = text.partition("/")
        if not slash or not 0 < len(hi) <= 8 or not 0 < len(lo) <= 8:
            raise ValueError(f"invalid LSN: {text!r}")
        return cls(int(hi, 16) << 32 | int(lo, 16))


class _LsnAdapter(Adapter):
    """u64 ↔ :class:`Lsn`."""

    def _decode(self, obj: int, context: Any, path: Any) -> Lsn:
        return Lsn(obj)

    def _encode(self, obj: int, context: Any, path: Any) -> int:
        return int(obj)


class _PageLsnAdapter(Adapter):
    """Two u32 (high word first, as pd_lsn is stored) ↔ :class:`Lsn`."""

    def _decode(self, obj: Any, context: Any, path: Any) -> Lsn:
        return Lsn(obj.xlogid << 32 | obj.xrecoff)

    def _encode(self, obj: int, context: Any, path: Any) -> dict[str, int]:
        return {"xlogid": obj >> 32, "xrecoff": obj & 0xFFFFFFFF}


E_ = TypeVar("E_", bound=enum.Enum)


class FlagsAdapter(Adapter):
    """Integer ↔ ``enum.IntFlag`` that keeps the bits it has no name for."""

    def __init__(self, subcon: Construct, kind: type[enum.IntFlag]) -> None:
        super().__init__(subcon)
        self.kind = kind

    def _decode(self, obj: int, context: Any, path: Any) -> enum.IntFlag:
        return self.kind(obj)

    def _encode(self, obj: int, context: Any, path: Any) -> int:
        return int(obj)


class ChoiceAdapter(Adapter):
    """Integer ↔ ``enum.IntEnum``; a value without a name stays a plain int."""

    def __init__(self, subcon: Construct, kind: type[enum.IntEnum]) -> None:
        super().__init__(subcon)
        self.kind = kind

    def _decode(self, obj: int, context: Any, path: Any) -> int:
        try:
            return self.kind(obj)
        except ValueError:
            return obj

    def _encode(self, obj: int, context: Any, path: Any) -> int:
        return int(obj)


class BitFieldsAdapter(Adapter):
    """One integer ↔ a Container of named bit ranges, lowest bits first.

    ``bits`` maps each name to (shift, width); the widths must fill the integer, so
    nothing is lost on the way back.
    """

    def __init__(self, subcon: Construct, widths: dict[str, int]) -> None:
        super().__init__(subcon)
        self.bits: dict[str, tuple[int, int]] = {}
        shift = 0
        for name, width in widths.items():
            self.bits[name] = (shift, width)
            shift += width
        assert shift == subcon.sizeof() * 8, f"{widths} do not fill {subcon.sizeof()} bytes"

    def _decode(self, obj: int, context: Any, path: Any) -> Container:
        return Container(
            {n: obj >> shift & ((1 << width) - 1) for n, (shift, width) in self.bits.items()}
        )

    def _encode(self, obj: Any, context: Any, path: Any) -> int:
        return sum(obj[n] << shift for n, (shift, _width) in self.bits.items())


def Flags(subcon: Construct, kind: type[enum.IntFlag]) -> FlagsAdapter:
    """A flag word; unknown bits survive the round trip."""
    return FlagsAdapter(subcon, kind)


def Choice(subcon: Construct, kind: type[enum.IntEnum]) -> ChoiceAdapter:
    """A coded value; unknown codes survive the round trip."""
    return ChoiceAdapter(subcon, kind)


def BitFields(subcon: Construct, **widths: int) -> BitFieldsAdapter:
    """One integer split into named bit ranges, lowest bits first."""
    return BitFieldsAdapter(subcon, widths)


def Raw(length: Any) -> Construct:
    """Bytes without inner meaning, padding included; kept exactly."""
    return Bytes(length)


class _Bool(Adapter):
    """One byte ↔ False or True; a byte that is neither stays a number."""

    def _decode(self, obj: int, context: Any, path: Any) -> int:
        return bool(obj) if obj < 2 else obj

    def _encode(self, obj: int, context: Any, path: Any) -> int:
        return int(obj)


# Scalars under the names that PostgreSQL's headers give them.
Bool = _Bool(uint8)
Oid = uint32
RelFileNumber = uint32
TransactionId = uint32
MultiXactId = uint32
MultiXactOffset = uint32
CommandId = uint32
FullTransactionId = uint64
BlockNumber = uint32
OffsetNumber = uint16
LocationIndex = uint16
TimeLineID = uint32
pg_crc32c = uint32
TimestampTz = int64  # microseconds since 2000-01-01 00:00:00 UTC
pg_time_t = int64  # seconds since 1970-01-01 00:00:00 UTC
RepOriginId = uint16
XLogRecPtr = _LsnAdapter(uint64)
PageXLogRecPtr = _PageLsnAdapter(Struct("xlogid" / uint32, "xrecoff" / uint32))

__all__ = [
    "BLCKSZ",
    "BOOTSTRAP_XID",
    "FIRST_NORMAL_XID",
    "FROZEN_XID",
    "INVALID_BLOCK_NUMBER",
    "INVALID_OFFSET_NUMBER",
    "INVALID_XID",
    "MAXALIGN",
    "BitFields",
    "BitFieldsAdapter",
    "BlockNumber",
    "Bool",
    "Choice",
    "ChoiceAdapter",
    "CommandId",
    "Flags",
    "FlagsAdapter",
    "FullTransactionId",
    "LocationIndex",
    "Lsn",
    "MultiXactId",
    "MultiXactOffset",
    "OffsetNumber",
    "Oid",
    "PageXLogRecPtr",
    "Raw",
    "RelFileNumber",
    "RepOriginId",
    "TimeLineID",
    "TimestampTz",
    "TransactionId",
    "XLogRecPtr",
    "float4",
    "float8",
    "int8",
    "int16",
    "int32",
    "int64",
    "maxalign",
    "pg_crc32c",
    "pg_time_t",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]  # fmt: skip
