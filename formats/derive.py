"""From a declaration to the fast decoders, so that nobody writes an offset twice.

construct is the declaration language; it is far too slow for hot paths. This module
walks a fixed-size declaration once and gives

* :func:`fields`: the flat list of scalar fields with offsets, units and documentation;
* :func:`struct_of`: a ``struct.Struct`` over the same bytes;
* :func:`reader`: a function (buffer, offset) → named tuple, for scalar hot paths;
* :func:`dtype_of`: a structured ``numpy.dtype`` (numpy is imported only here, lazily);
* :func:`offset_of`: the offset of one field, for vectorised code.

Adapters (flags, choices, LSNs, bit fields) are seen through: derived decoders give raw
integers. A page LSN, which is stored as two words, appears as ``pd_lsn.xlogid`` and
``pd_lsn.xrecoff``.
"""

from __future__ import annotations

import re
import struct
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from construct import Array, Bytes, Construct, FormatField, Renamed, Struct, Subconstruct

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Field:
    """One scalar (or raw byte run, or fixed array) of a declaration.

    ``offset`` and ``size`` are bytes; ``code`` is the ``struct`` code without byte order;
    ``subcon`` the declared construct, adapters included.
    """

    name: str
    offset: int
    size: int
    code: str
    doc: str
    subcon: Construct


def _scalar_code(con: Construct) -> str | None:
    if isinstance(con, FormatField):
        assert con.fmtstr[0] in "<=" or con.length == 1, f"{con} is not little-endian"
        return str(con.fmtstr[1:])
    if isinstance(con, Bytes):
        return f"{con.length}s"
    return None


def _walk(con: Construct, prefix: str, offset: int, doc: str, outer: Construct) -> list[Field]:
    if isinstance(con, Renamed) and isinstance(con.subcon, Renamed):  # name, then docs
        return _walk(con.subcon, prefix, offset, con.docs or doc, outer)
    if isinstance(con, Renamed):
        name = f"{prefix}.{con.name}" if prefix else str(con.name)
        return _walk(con.subcon, name, offset, con.docs or doc, con.subcon)
    if isinstance(con, Struct):
        out: list[Field] = []
        for sub in con.subcons:
            out += _walk(sub, prefix, offset, doc, sub)
            offset += sub.sizeof()
        return out
    code = _scalar_code(con)
    if code is not None:
        return [Field(prefix, offset, con.sizeof(), code, doc, outer)]
    if isinstance(con, Array):
        out = []
        for i in range(con.count):
            out += _walk(con.subcon, f"{prefix}[{i}]", offset, doc, con.subcon)
            offset += con.subcon.sizeof()
        return out
    if isinstance(con, Subconstruct):  # adapters: see through
        return _walk(con.subcon, prefix, offset, doc, outer)
    raise TypeError(f"{prefix}: {con!r} has no fixed layout")


@cache
def fields(con: Construct) -> tuple[Field, ...]:
    """The flat fields of a fixed-size declaration, in byte order."""
    return tuple(_walk(con, "", 0, "", con))


@cache
def sizeof(con: Construct) -> int:
    """Bytes of a fixed-size declaration.

    Each part's size is found once; construct's own method goes through all of them again.
    """
    while isinstance(con, Subconstruct) and not isinstance(con, Array):
        con = con.subcon
    if isinstance(con, FormatField):
        return int(con.length)
    if isinstance(con, Struct):
        return sum(map(sizeof, con.subcons))
    return int(con.sizeof())


@cache
def struct_of(con: Construct) -> struct.Struct:
    """The declaration as a little-endian ``struct.Struct`` without alignment."""
    out = struct.Struct("<" + "".join(f.code for f in fields(con)))
    assert out.size == sizeof(con)
    return out


@cache
def offset_of(con: Construct, name: str) -> int:
    """Byte offset of the field ``name`` (dotted for nested structs)."""
    own = _own_offset(con, name)
    if own is not None:
        return own
    for field in fields(con):
        if field.name == name or field.name.startswith((name + ".", name + "[")):
            return field.offset
    raise KeyError(name)


def _own_offset(con: Construct, name: str) -> int | None:
    """The offset of a struct's own field, found without unrolling what lies before it."""
    while isinstance(con, Subconstruct) and not isinstance(con, Array):
        con = con.subcon
    if not isinstance(con, Struct):
        return None
    offset = 0
    for sub in con.subcons:
        if sub.name == name:
            return offset
        offset += sizeof(sub)
    return None


@cache
def reader(con: Construct) -> Callable[[Any, int], Any]:
    """(buffer, offset) → named tuple of raw integers; dots in names become underscores."""
    unpack_from = struct_of(con).unpack_from
    make: Callable[[Any], Any] | None = None

    def read(buffer: Any, offset: int = 0) -> Any:
        nonlocal make
        if make is None:  # most modules declare more readers than a command uses
            make = _row_maker(con)
        return make(unpack_from(buffer, offset))

    return read


def _row_maker(con: Construct) -> Callable[[Any], Any]:
    names = [re.sub(r"[.\[]", "_", f.name).replace("]", "") for f in fields(con)]
    make: Callable[[Any], Any] = getattr(namedtuple("Row", names), "_make")  # noqa: B009
    return make


def _numpy_kind(code: str) -> str:
    """numpy's kind letter; its size follows from the field, as its codes differ from struct's."""
    kind = code[-1]
    if kind == "s":
        return "V"
    if kind in "efd":
        return "f"
    return "i" if kind.islower() else "u"


@cache
def dtype_of(con: Construct) -> np.dtype[Any]:
    """The declaration as a structured numpy dtype with the same offsets."""
    import numpy as np

    flat = fields(con)
    formats = [np.dtype(f"<{_numpy_kind(f.code)}{f.size}") for f in flat]
    return np.dtype(
        {
            "names": [f.name for f in flat],
            "formats": formats,
            "offsets": [f.offset for f in flat],
            "itemsize": sizeof(con),
        }
    )
