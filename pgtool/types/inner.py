"""Values inside values: how arrays, rows and ranges store what they contain.

The containers keep their parts as tuples keep attributes (alignment, varlena headers), so
the walk is :func:`formats.deform.spans`; here is what turns a span into a datum, and back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from formats.compression import decompress
from formats.deform import ATTLEN_CSTRING, ATTLEN_VARLENA, align
from formats.varlena import VarattForm, pack_plain, pack_short, read_varlena
from pgtool.errors import CorruptData

__all__ = ["Packer", "datum_at", "quoted", "read_wire"]

_METHODS = {0: "pglz", 1: "lz4"}
_MAX_SHORT = 0x7F - 1


def datum_at(data: bytes, first: int, last: int, typlen: int) -> bytes:
    """The datum of a value that is stored in [first, last)."""
    if typlen == ATTLEN_CSTRING:
        return data[first : last - 1]
    if typlen != ATTLEN_VARLENA:
        return data[first:last]
    value = read_varlena(data, first, last)
    if value.form is VarattForm.EXTERNAL:
        raise CorruptData("TOAST pointer inside a value", offset=first)
    if value.method is not None:
        if value.method not in _METHODS:
            raise CorruptData(f"compression method {value.method}", offset=first)
        return decompress(_METHODS[value.method], data[value.body : value.end], value.rawsize)
    return data[value.body : value.end]


class Packer:
    """Lays datums one after the other, as a tuple or an array would."""

    def __init__(self, base: int = 0) -> None:
        self.out = bytearray()
        self.base = base

    def add(self, datum: bytes, typlen: int, typalign: str, *, packable: bool) -> None:
        """Append one value; ``packable`` allows the 1-byte header."""
        if typlen == ATTLEN_VARLENA:
            if packable and len(datum) <= _MAX_SHORT:
                self.out += pack_short(datum)
                return
            datum = pack_plain(datum)
        elif typlen == ATTLEN_CSTRING:
            datum += b"\0"
        self.pad(typalign)
        self.out += datum

    def pad(self, typalign: str) -> None:
        """Zero bytes up to the next multiple of an alignment."""
        at = self.base + len(self.out)
        self.out += bytes(align(at, typalign) - at)


def quoted(text: bytes, special: Callable[[bytes], Any], doubled: bool) -> bytes:
    """``text`` in double quotes where it is empty or ``special`` finds something in it.

    Quotes and backslashes inside are written twice (rows, ranges) or after a backslash
    (arrays).
    """
    if text and not special(text):
        return text
    if doubled:
        return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'""') + b'"'
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def read_wire(wire: bytes, at: int) -> tuple[bytes | None, int]:
    """A length word and so many bytes (None for −1), and the offset behind them."""
    size = int.from_bytes(wire[at : at + 4], "big", signed=True)
    at += 4
    if size == -1 and at <= len(wire):
        return None, at
    if size < 0 or at + size > len(wire):
        raise ValueError("insufficient data left in message")
    return wire[at : at + size], at + size
