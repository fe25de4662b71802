"""Byte strings: parts, bits and bytes by number, casts from and to integers."""

from __future__ import annotations

from pgtool.errors import SqlError
from pgtool.functions.registry import builtin
from pgtool.functions.text import overlay, substring


@builtin("byteaoctetlen")
def byteaoctetlen(data: bytes) -> int:
    return len(data)


@builtin("byteacat")
def byteacat(a: bytes, b: bytes) -> bytes:
    return a + b


@builtin("bytea_substr")
def bytea_substr(data: bytes, start: int, length: int) -> bytes:
    found: bytes = substring(data, start, length)
    return found


@builtin("bytea_substr_no_len")
def bytea_substr_no_len(data: bytes, start: int) -> bytes:
    return data[max(start, 1) - 1 :]


@builtin("byteaoverlay")
def byteaoverlay(data: bytes, new: bytes, start: int, length: int) -> bytes:
    made: bytes = overlay(data, new, start, length)
    return made


@builtin("byteaoverlay_no_len")
def byteaoverlay_no_len(data: bytes, new: bytes, start: int) -> bytes:
    made: bytes = overlay(data, new, start, len(new))
    return made


@builtin("byteapos")
def byteapos(data: bytes, part: bytes) -> int:
    return data.find(part) + 1


@builtin("byteatrim")
def byteatrim(data: bytes, chars: bytes) -> bytes:
    return data.strip(chars) if chars else data


@builtin("bytealtrim")
def bytealtrim(data: bytes, chars: bytes) -> bytes:
    return data.lstrip(chars) if chars else data


@builtin("byteartrim")
def byteartrim(data: bytes, chars: bytes) -> bytes:
    return data.rstrip(chars) if chars else data


@builtin("bytea_reverse")
def bytea_reverse(data: bytes) -> bytes:
    return data[::-1]


@builtin("bytea_bit_count")
def bytea_bit_count(data: bytes) -> int:
    return int.from_bytes(data, "big").bit_count()


def _check(index: int, count: int) -> None:
    if not 0 <= index < count:
        raise SqlError(f"index {index} out of valid range, 0..{count - 1}", "2202E")


@builtin("byteaGetByte")
def bytea_get_byte(data: bytes, index: int) -> int:
    _check(index, len(data))
    return data[index]


@builtin("byteaGetBit")
def bytea_get_bit(data: bytes, index: int) -> int:
    _check(index, 8 * len(data))
    return data[index // 8] >> index % 8 & 1


@builtin("byteaSetByte")
def bytea_set_byte(data: bytes, index: int, value: int) -> bytes:
    _check(index, len(data))
    return data[:index] + bytes([value & 0xFF]) + data[index + 1 :]


@builtin("byteaSetBit")
def bytea_set_bit(data: bytes, index: int, value: int) -> bytes:
    _check(index, 8 * len(data))
    if value not in (0, 1):
        raise SqlError("new bit must be 0 or 1", "22023")
    at, bit = index // 8, 1 << index % 8
    byte = data[at] | bit if value else data[at] & ~bit
    return data[:at] + bytes([byte]) + data[at + 1 :]


@builtin("int2_bytea")
def int2_bytea(value: int) -> bytes:
    return value.to_bytes(2, "big", signed=True)


@builtin("int4_bytea")
def int4_bytea(value: int) -> bytes:
    return value.to_bytes(4, "big", signed=True)


@builtin("int8_bytea")
def int8_bytea(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def _number(data: bytes, size: int, name: str) -> int:
    """Big-endian two's complement of at most ``size`` bytes; shorter is filled with zeros."""
    if len(data) > size:
        raise SqlError(f"{name} out of range", "22003")
    return int.from_bytes(data.rjust(size, b"\0"), "big", signed=True)


@builtin("bytea_int2")
def bytea_int2(data: bytes) -> int:
    return _number(data, 2, "smallint")


@builtin("bytea_int4")
def bytea_int4(data: bytes) -> int:
    return _number(data, 4, "integer")


@builtin("bytea_int8")
def bytea_int8(data: bytes) -> int:
    return _number(data, 8, "bigint")
