"""Bit strings: parts, logic, shifts, casts from and to integers.

A value's bits fill its bytes from the left; what is left over in the last byte is zero.
"""

from __future__ import annotations

from pgtool.errors import SqlError
from pgtool.functions.registry import builtin
from pgtool.functions.text import INT4_MAX, int_out_of_range, negative_length
from pgtool.functions.values import Bits

_MAX_BITS = INT4_MAX - 7


def of_int(length: int, value: int) -> Bits:
    """The bit string whose bits are the binary digits of ``value``."""
    size = (length + 7) // 8
    return Bits(length, (value << 8 * size - length).to_bytes(size, "big"))


def to_int(bits: Bits) -> int:
    """The bits as a number."""
    return int.from_bytes(bits.data, "big") >> 8 * len(bits.data) - bits.length


@builtin("bit")
def bit(value: Bits, length: int, explicit: bool) -> Bits:
    if length <= 0 or length > _MAX_BITS or length == value.length:
        return value
    if not explicit:
        raise SqlError(
            f"bit string length {value.length} does not match type bit({length})", "22026"
        )
    return _resized(value, length)


def _resized(value: Bits, length: int) -> Bits:
    number = to_int(value)
    shift = length - value.length
    return of_int(length, number << shift if shift >= 0 else number >> -shift)


@builtin("varbit")
def varbit(value: Bits, length: int, explicit: bool) -> Bits:
    if length <= 0 or value.length <= length:
        return value
    if not explicit:
        raise SqlError(f"bit string too long for type bit varying({length})", "22001")
    return _resized(value, length)


@builtin("bitlength")
def bitlength(value: Bits) -> int:
    return value.length


@builtin("bitoctetlength")
def bitoctetlength(value: Bits) -> int:
    return (value.length + 7) // 8


@builtin("bit_bit_count")
def bit_bit_count(value: Bits) -> int:
    return to_int(value).bit_count()


@builtin("bitcat")
def bitcat(a: Bits, b: Bits) -> Bits:
    return of_int(a.length + b.length, to_int(a) << b.length | to_int(b))


def _part(value: Bits, start: int, end: int) -> Bits:
    """The bits from ``start`` (from 1) up to before ``end``."""
    first, last = max(start, 1), min(end, value.length + 1)
    if first > value.length or last <= first:
        return Bits(0, b"")
    count = last - first
    return of_int(count, to_int(value) >> value.length - last + 1 & (1 << count) - 1)


@builtin("bitsubstr")
def bitsubstr(value: Bits, start: int, length: int) -> Bits:
    if length < 0:
        raise negative_length()
    return _part(value, start, start + length)


@builtin("bitsubstr_no_len")
def bitsubstr_no_len(value: Bits, start: int) -> Bits:
    return _part(value, start, value.length + 1)


@builtin("bitoverlay")
def bitoverlay(value: Bits, new: Bits, start: int, length: int) -> Bits:
    if start <= 0:
        raise negative_length()
    if not -INT4_MAX - 1 <= start + length <= INT4_MAX:
        raise int_out_of_range()
    head = _part(value, 1, start)
    return bitcat(bitcat(head, new), _part(value, start + length, value.length + 1))


@builtin("bitoverlay_no_len")
def bitoverlay_no_len(value: Bits, new: Bits, start: int) -> Bits:
    return bitoverlay(value, new, start, new.length)


@builtin("bitposition")
def bitposition(value: Bits, part: Bits) -> int:
    if not value.length or part.length > value.length:
        return 0
    if not part.length:
        return 1
    text = f"{to_int(value):0{value.length}b}"
    return text.find(f"{to_int(part):0{part.length}b}") + 1


def _same_size(a: Bits, b: Bits, what: str) -> None:
    if a.length != b.length:
        raise SqlError(f"cannot {what} bit strings of different sizes", "22026")


@builtin("bit_and")
def bit_and(a: Bits, b: Bits) -> Bits:
    _same_size(a, b, "AND")
    return of_int(a.length, to_int(a) & to_int(b))


@builtin("bit_or")
def bit_or(a: Bits, b: Bits) -> Bits:
    _same_size(a, b, "OR")
    return of_int(a.length, to_int(a) | to_int(b))


@builtin("bitxor")
def bitxor(a: Bits, b: Bits) -> Bits:
    _same_size(a, b, "XOR")
    return of_int(a.length, to_int(a) ^ to_int(b))


@builtin("bitnot")
def bitnot(value: Bits) -> Bits:
    return of_int(value.length, to_int(value) ^ (1 << value.length) - 1)


@builtin("bitshiftleft")
def bitshiftleft(value: Bits, shift: int) -> Bits:
    if shift < 0:
        return bitshiftright(value, min(-shift, _MAX_BITS))
    if shift >= value.length:
        return of_int(value.length, 0)
    return of_int(value.length, to_int(value) << shift & (1 << value.length) - 1)


@builtin("bitshiftright")
def bitshiftright(value: Bits, shift: int) -> Bits:
    if shift < 0:
        return bitshiftleft(value, min(-shift, _MAX_BITS))
    return of_int(value.length, to_int(value) >> min(shift, value.length))


def _check(value: Bits, index: int) -> None:
    if not 0 <= index < value.length:
        raise SqlError(f"bit index {index} out of valid range (0..{value.length - 1})", "2202E")


@builtin("bitgetbit")
def bitgetbit(value: Bits, index: int) -> int:
    _check(value, index)
    return to_int(value) >> value.length - 1 - index & 1


@builtin("bitsetbit")
def bitsetbit(value: Bits, index: int, new: int) -> Bits:
    _check(value, index)
    if new not in (0, 1):
        raise SqlError("new bit must be 0 or 1", "22023")
    one = 1 << value.length - 1 - index
    number = to_int(value)
    return of_int(value.length, number | one if new else number & ~one)


def _from_int(value: int, width: int, typmod: int) -> Bits:
    length = typmod if 0 < typmod <= _MAX_BITS else 1
    return of_int(length, value & (1 << length) - 1)


@builtin("bitfromint4")
def bitfromint4(value: int, typmod: int) -> Bits:
    return _from_int(value, 32, typmod)


@builtin("bitfromint8")
def bitfromint8(value: int, typmod: int) -> Bits:
    return _from_int(value, 64, typmod)


def _as_int(value: Bits, width: int, name: str) -> int:
    if value.length > width:
        raise SqlError(f"{name} out of range", "22003")
    number = to_int(value)
    return number - (1 << width) if value.length == width and number >> width - 1 else number


@builtin("bittoint4")
def bittoint4(value: Bits) -> int:
    return _as_int(value, 32, "integer")


@builtin("bittoint8")
def bittoint8(value: Bits) -> int:
    return _as_int(value, 64, "bigint")
