"""Type modifiers as written, ``numeric(10, 2)``, → the number that pg_attribute stores.

One function a ``typmodin`` of pg_type, found by its source name.
"""

from __future__ import annotations

from collections.abc import Callable

from pgtool.errors import SqlError, Unsupported
from pgtool.types.interval_fields import FULL_PRECISION, FULL_RANGE, RANGES

__all__ = ["typmod_in"]

INVALID_PARAMETER_VALUE = "22023"
VARHDRSZ = 4
MAX_ATTR_SIZE = 10 * 1024 * 1024
MAX_PRECISION = 1000
MAX_TIME_PRECISION = 6
INT4_MAX = 2**31 - 1


def typmod_in(prosrc: str, values: list[str]) -> int:
    """The modifier that the named input function makes of the values."""
    read = _READERS.get(prosrc)
    if read is None:
        raise Unsupported(f"function {prosrc}")
    return read([_integer(value) for value in values])


def _integer(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise SqlError(f'invalid input syntax for type integer: "{text}"', "22P02") from None
    if not -INT4_MAX - 1 <= value <= INT4_MAX:
        raise SqlError(f'value "{text}" is out of range for type integer', "22003")
    return value


def _invalid(message: str) -> SqlError:
    return SqlError(message, INVALID_PARAMETER_VALUE)


def _length(label: str, most: int, extra: int) -> Callable[[list[int]], int]:
    def read(values: list[int]) -> int:
        if len(values) != 1:
            raise _invalid("invalid type modifier")
        if values[0] < 1:
            raise _invalid(f"length for type {label} must be at least 1")
        if values[0] > most:
            raise _invalid(f"length for type {label} cannot exceed {most}")
        return values[0] + extra

    return read


def _numeric(values: list[int]) -> int:
    if len(values) not in (1, 2):
        raise _invalid("invalid NUMERIC type modifier")
    precision, scale = (*values, 0)[:2]
    if not 1 <= precision <= MAX_PRECISION:
        raise _invalid(f"NUMERIC precision {precision} must be between 1 and {MAX_PRECISION}")
    if not -MAX_PRECISION <= scale <= MAX_PRECISION:
        raise _invalid(
            f"NUMERIC scale {scale} must be between -{MAX_PRECISION} and {MAX_PRECISION}"
        )
    return (precision << 16 | scale & 0x7FF) + VARHDRSZ


def _seconds(label: str) -> Callable[[list[int]], int]:
    def read(values: list[int]) -> int:
        if len(values) != 1:
            raise _invalid("invalid type modifier")
        if values[0] < 0:
            name, _, rest = label.partition(" ")
            shown = f"{name}({values[0]})" + (f" {rest}" if rest else "")
            raise _invalid(f"{shown} precision must not be negative")
        return min(values[0], MAX_TIME_PRECISION)

    return read


def _interval(values: list[int]) -> int:
    if len(values) not in (1, 2) or values[0] not in (*RANGES, FULL_RANGE):
        raise _invalid("invalid INTERVAL type modifier")
    fields = values[0]
    if len(values) == 1:
        return -1 if fields == FULL_RANGE else fields << 16 | FULL_PRECISION
    if values[1] < 0:
        raise _invalid(f"INTERVAL({values[1]}) precision must not be negative")
    return fields << 16 | min(values[1], MAX_TIME_PRECISION)


_READERS: dict[str, Callable[[list[int]], int]] = {
    "bpchartypmodin": _length("char", MAX_ATTR_SIZE, VARHDRSZ),
    "varchartypmodin": _length("varchar", MAX_ATTR_SIZE, VARHDRSZ),
    "bittypmodin": _length("bit", MAX_ATTR_SIZE * 8, 0),
    "varbittypmodin": _length("varbit", MAX_ATTR_SIZE * 8, 0),
    "numerictypmodin": _numeric,
    "timetypmodin": _seconds("TIME"), "timetztypmodin": _seconds("TIME WITH TIME ZONE"),
    "timestamptypmodin": _seconds("TIMESTAMP"),
    "timestamptztypmodin": _seconds("TIMESTAMP WITH TIME ZONE"),
    "intervaltypmodin": _interval,
}  # fmt: skip
