"""Number scanning as C's library does it, which the input functions inherit."""

from __future__ import annotations

import re

__all__ = ["SPACE", "strtod", "strtoul"]

#: C's isspace() in ASCII.
SPACE = " \t\n\v\f\r"

_UNSIGNED = {
    10: re.compile(r"[ \t-\r]*([+-]?)([0-9]+)"),
    0: re.compile(r"[ \t-\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)"),
}
_FLOAT = re.compile(
    r"[ \t-\r]*([+-]?)("
    r"0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?"
    r"|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
    r"|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN])"
)


def strtoul(text: str, base: int) -> tuple[int, str | None, bool]:
    """(64-bit value, rest or None where no number was seen, overflow)."""
    match = _UNSIGNED[base].match(text)
    if match is None:
        return 0, None, False
    sign, digits = match.groups()
    rest = text[match.end() :]
    if len(digits) > 4000:
        return (1 << 64) - 1, rest, True
    if base == 10 or digits[0] != "0":
        value = int(digits)
    else:
        value = int(digits, 16) if digits[1:2] in ("x", "X") else int(digits, 8)
    if value >= 1 << 64:
        return (1 << 64) - 1, rest, True
    return (-value if sign == "-" else value) & ((1 << 64) - 1), rest, False


def strtod(text: str) -> tuple[float, str, bool] | None:
    """(value, the number's own text, out of range); None where there is no number.

    Out of range means what errno would say with a result of zero or infinity.
    """
    match = _FLOAT.match(text)
    if match is None:
        return None
    number = match[2]
    lower = number.lower()
    if lower.startswith("0x"):
        try:
            value = float.fromhex(number)
        except OverflowError:
            value = float("inf")
        is_zero = not re.search("[1-9a-f]", lower[2:].partition("p")[0])
    else:
        value = float(number)
        is_zero = not re.search("[1-9]", lower.partition("e")[0])
    overflow = lower[0] not in "in" and (value == float("inf") or (value == 0 and not is_zero))
    return (-value if match[1] == "-" else value), match[0], overflow
