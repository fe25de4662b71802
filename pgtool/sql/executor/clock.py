"""CURRENT_DATE, CURRENT_TIMESTAMP and kin: the statement's time in the session's zone."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.enums import SQLValueFunctionOp as Op
from pgtool.types.zones import find_zone

__all__ = ["clock_value"]

_DAY = 86_400_000_000
_EPOCH = 946_684_800


def rounded(usec: int, typmod: int) -> int:
    """Microseconds at a precision of so many digits."""
    if not 0 <= typmod < 6:
        return usec
    unit = 10 ** (6 - typmod)
    return (usec + unit // 2) // unit * unit


def clock_value(session: Any, op: Any, typmod: int) -> Any:
    """The value of one of the clock's SQL functions."""
    now: int = session.now
    offset = find_zone(session.settings.timezone).at(now // 1_000_000 + _EPOCH).offset
    local = now + offset * 1_000_000
    if op == Op.SVFOP_CURRENT_DATE:
        return local // _DAY
    if op in (Op.SVFOP_CURRENT_TIMESTAMP, Op.SVFOP_CURRENT_TIMESTAMP_N):
        return rounded(now, typmod)
    if op in (Op.SVFOP_LOCALTIMESTAMP, Op.SVFOP_LOCALTIMESTAMP_N):
        return rounded(local, typmod)
    time = rounded(local % _DAY, typmod)
    if op in (Op.SVFOP_LOCALTIME, Op.SVFOP_LOCALTIME_N):
        return time
    return time, -offset
