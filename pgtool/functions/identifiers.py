"""pg_lsn and transaction ids: arithmetic and casts; the wire form of every type."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.codec import NAMEDATALEN, codec_of
from pgtool.functions.numeric import rounded
from pgtool.functions.registry import Call, builtin
from pgtool.types.numeric import EXACT

#: Source names of the functions that give a value's binary wire form.
SEND = (
    "anyarray_send", "anycompatiblearray_send", "array_send", "bit_send", "boolsend", "box_send",
    "bpcharsend", "brin_bloom_summary_send", "byteasend", "cash_send", "charsend", "cidr_send",
    "cidsend", "circle_send", "date_send", "enum_send", "float4send", "float8send", "inet_send",
    "int2send", "int2vectorsend", "int4send", "int8send", "interval_send", "json_send",
    "jsonb_send", "jsonpath_send", "line_send", "lseg_send", "macaddr8_send", "macaddr_send",
    "multirange_send", "namesend", "numeric_send", "oidsend", "oidvectorsend", "path_send",
    "pg_lsn_send", "pg_snapshot_send", "point_send", "poly_send", "range_send", "record_send",
    "regclasssend", "regcollationsend", "regconfigsend", "regdictionarysend",
    "regnamespacesend", "regoperatorsend", "regopersend", "regproceduresend", "regprocsend",
    "regrolesend", "regtypesend", "textsend", "tidsend", "time_send", "timestamp_send",
    "timestamptz_send", "timetz_send", "tsquerysend", "tsvectorsend", "unknownsend", "uuid_send",
    "varbit_send", "varcharsend", "xid8send", "xidsend", "xml_send",
)  # fmt: skip


@builtin(*SEND, call=True)
def send(call: Call, value: Any) -> bytes:
    """The binary wire form."""
    types, typid = call.session.types, call.argtypes[0]
    codec = codec_of(types, typid)
    datum = codec.encode(value)
    return types.io_of(typid).send(datum.ljust(NAMEDATALEN, b"\0") if codec.is_name else datum)


@builtin("void_send")
def void_send(value: Any) -> bytes:
    """The wire form of nothing."""
    return b""


def _number(lsn: bytes) -> int:
    return int.from_bytes(lsn, "little")


def _lsn(number: Decimal) -> bytes:
    """A numeric as WAL location."""
    if number.is_nan():
        raise SqlError("cannot convert NaN to pg_lsn", "0A000")
    if number.is_infinite():
        raise SqlError("cannot convert infinity to pg_lsn", "0A000")
    if number.adjusted() < 30:
        whole = int(rounded(number, 0, ROUND_HALF_UP))
        if 0 <= whole < 1 << 64:
            return whole.to_bytes(8, "little")
    raise SqlError("pg_lsn out of range", "22023")


builtin("numeric_pg_lsn")(_lsn)


@builtin("pg_lsn_mi")
def pg_lsn_mi(a: bytes, b: bytes) -> Decimal:
    """Bytes from b to a."""
    return Decimal(_number(a) - _number(b))


@builtin("pg_lsn_pli")
def pg_lsn_pli(a: bytes, count: Decimal) -> bytes:
    """So many bytes further."""
    if count.is_nan():
        raise SqlError("cannot add NaN to pg_lsn", "0A000")
    return _lsn(EXACT.add(Decimal(_number(a)), count))


@builtin("pg_lsn_mii")
def pg_lsn_mii(a: bytes, count: Decimal) -> bytes:
    """So many bytes back."""
    if count.is_nan():
        raise SqlError("cannot subtract NaN from pg_lsn", "0A000")
    return _lsn(EXACT.subtract(Decimal(_number(a)), count))


@builtin("xid8toxid")
def xid8toxid(a: int) -> int:
    """The lower 32 bits."""
    return a & 0xFFFFFFFF
