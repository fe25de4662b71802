"""The type modifier of interval: which fields are kept, how many decimals of seconds."""

from __future__ import annotations

__all__ = ["FULL_PRECISION", "FULL_RANGE", "RANGES", "interval_typmod_text", "split_typmod"]

FULL_RANGE, FULL_PRECISION = 0x7FFF, 0xFFFF
_MONTH, _YEAR, _DAY, _HOUR, _MINUTE, _SECOND = (1 << bit for bit in (1, 2, 3, 10, 11, 12))
#: Field mask → how SQL writes it.
RANGES = {
    _YEAR: "year", _MONTH: "month", _DAY: "day", _HOUR: "hour", _MINUTE: "minute",
    _SECOND: "second", _YEAR | _MONTH: "year to month", _DAY | _HOUR: "day to hour",
    _DAY | _HOUR | _MINUTE: "day to minute", _DAY | _HOUR | _MINUTE | _SECOND: "day to second",
    _HOUR | _MINUTE: "hour to minute", _HOUR | _MINUTE | _SECOND: "hour to second",
    _MINUTE | _SECOND: "minute to second", FULL_RANGE: "",
}  # fmt: skip


def split_typmod(typmod: int) -> tuple[int, int]:
    """(field mask, decimals of seconds)."""
    if typmod < 0:
        return FULL_RANGE, FULL_PRECISION
    return typmod >> 16 & 0x7FFF, typmod & 0xFFFF


def interval_typmod_text(typmod: int) -> str:
    """The modifier as it stands behind ``interval``."""
    fields, precision = split_typmod(typmod)
    words = RANGES.get(fields, "")
    text = f" {words}" if words else ""
    return text if precision == FULL_PRECISION else f"{text}({precision})"
