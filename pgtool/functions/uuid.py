"""uuid: making random and time-ordered ones, and what they tell about themselves."""

from __future__ import annotations

import os
import time

from formats.version import ByMajor
from pgtool.errors import SqlError
from pgtool.functions.interval import is_finite
from pgtool.functions.registry import Call, builtin
from pgtool.functions.values import Interval

_EPOCH_2000_USEC = 946684800 * 1_000_000
#: From the Gregorian calendar's first day to 2000-01-01, in units of 100 ns.
_GREGORIAN_TO_2000 = 0x01B21DD213814000 + 946684800 * 10_000_000
_VARIANT = 0x80
#: The last microsecond since 1970 of 48 bits of milliseconds.
_LAST_USEC = ((1 << 48) - 1) * 1000
#: Versions of uuid whose time each major reads.
_TIMED_VERSIONS = ByMajor({14: (1,), 18: (1, 7)})
_last_ns = 0
_STEP_NS = 1_000_000 // 4096 + 1


def _random(version: int) -> bytearray:
    data = bytearray(os.urandom(16))
    data[6] = data[6] & 0x0F | version << 4
    data[8] = data[8] & 0x3F | _VARIANT
    return data


@builtin("gen_random_uuid")
def gen_random_uuid() -> bytes:
    return bytes(_random(4))


def _v7(nanoseconds: int) -> bytes:
    data = _random(7)
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    data[:6] = (milliseconds & (1 << 48) - 1).to_bytes(6, "big")
    fraction = (rest << 12) // 1_000_000
    data[6], data[7] = 0x70 | fraction >> 8, fraction & 0xFF
    return bytes(data)


def _now_ns() -> int:
    """A time that never stands still between two calls."""
    global _last_ns
    _last_ns = max(time.time_ns(), _last_ns + _STEP_NS)
    return _last_ns


@builtin("uuidv7")
def uuidv7() -> bytes:
    return _v7(_now_ns())


@builtin("uuidv7_interval")
def uuidv7_interval(shift: Interval) -> bytes:
    from pgtool.functions.registry import find

    if not is_finite(shift):
        raise SqlError("interval out of range for UUID version 7", "22008",
                       "UUID version 7 does not support infinite intervals.")  # fmt: skip
    now = _now_ns()
    usec = now // 1000 - _EPOCH_2000_USEC
    shifted: int = find("timestamp_pl_interval").scalar(usec, shift)
    if not 0 <= shifted + _EPOCH_2000_USEC <= _LAST_USEC:
        raise SqlError("timestamp out of range for UUID version 7", "22008",
                       "UUID version 7 supports timestamps from 1970-01-01 to approximately"
                       " year 10889.")  # fmt: skip
    return _v7((shifted + _EPOCH_2000_USEC) * 1000 + now % 1000)


@builtin("uuid_extract_version")
def uuid_extract_version(data: bytes) -> int | None:
    return data[6] >> 4 if data[8] & 0xC0 == _VARIANT else None


@builtin("uuid_extract_timestamp", call=True)
def uuid_extract_timestamp(call: Call, data: bytes) -> int | None:
    version = uuid_extract_version(data)
    if version not in _TIMED_VERSIONS[call.session.settings.major]:
        return None
    if version == 1:
        ticks = int.from_bytes(data[:4], "big")
        ticks |= int.from_bytes(data[4:6], "big") << 32
        ticks |= (int.from_bytes(data[6:8], "big") & 0x0FFF) << 48
        return _toward_zero(ticks - _GREGORIAN_TO_2000)
    return int.from_bytes(data[:6], "big") * 1000 - _EPOCH_2000_USEC


def _toward_zero(ticks: int) -> int:
    return ticks // 10 if ticks >= 0 else -(-ticks // 10)
