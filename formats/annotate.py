"""Decoded structures as flat lists of fields with offsets, values and documentation.

Where :mod:`formats.derive` turns a declaration into fast decoders, this module turns a
declaration *and a value* into what a reader wants to see: one :class:`Leaf` for each
field, with adapters applied (an LSN as ``0/1A2B3C``, flags by name) and the line of
documentation that the declaration carries. Nothing here is for hot paths.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import NamedTuple

from construct import Array, Bytes, Construct, Renamed, Struct

from formats.derive import sizeof
from formats.heap import HeapInfomask2
from formats.itup import IndexInfo
from formats.meanings import meaning
from formats.units import BitFieldsAdapter, ChoiceAdapter, FlagsAdapter

#: Longer arrays show their elements that are not zero, runs of zeros as one leaf.
MAX_ELEMENTS = 64
MAX_SHOWN = 1024
#: What the bits without a flag's name mean, where they have a meaning.
REST: dict[type[enum.IntFlag], tuple[str, str]] = {
    HeapInfomask2: ("natts", "number of attributes in the tuple"),
    IndexInfo: ("size", "bytes of the tuple"),
}


class Leaf(NamedTuple):
    """One field: ``value`` as text, ``details`` one line for each flag or bit range."""

    name: str
    offset: int
    size: int
    value: str
    doc: str
    details: tuple[tuple[str, str], ...] = ()


def leaves(con: Construct, data: bytes, offset: int, name: str = "", doc: str = "") -> list[Leaf]:
    """The fields of a fixed-size declaration over ``data``, which begins at ``offset``."""
    return list(_walk(con, data, offset, name, doc))


def _walk(con: Construct, data: bytes, offset: int, name: str, doc: str) -> Iterator[Leaf]:
    if isinstance(con, Renamed):
        inner = con.name if con.name and con.name != name.rpartition(".")[2] else ""
        path = ".".join(p for p in (name, str(inner)) if p)
        yield from _walk(con.subcon, data, offset, path, con.docs or doc)
    elif isinstance(con, Struct):
        at = 0
        for sub in con.subcons:
            size = sizeof(sub)
            yield from _walk(sub, data[at : at + size], offset + at, name, doc)
            at += size
    elif isinstance(con, Array):
        yield from _array(con, data, offset, name, doc)
    else:
        value, details = _shown(con, data)
        yield Leaf(name, offset, len(data), value, doc, details)


def _array(con: Array, data: bytes, offset: int, name: str, doc: str) -> Iterator[Leaf]:
    size = sizeof(con.subcon)
    sparse = con.count > MAX_ELEMENTS
    shown = run = 0
    for index in range(con.count + 1):
        part = data[index * size : (index + 1) * size]
        if index < con.count and sparse and (not any(part) or shown >= MAX_SHOWN):
            continue
        if run < index:
            skipped = data[run * size : index * size]
            what = "not shown" if any(skipped) else "zero"
            label = f"{name}[{run}]" if index == run + 1 else f"{name}[{run}..{index - 1}]"
            yield Leaf(label, offset + run * size, len(skipped), f"{index - run} × {what}", doc)
        if index < con.count:
            yield from _walk(con.subcon, part, offset + index * size, f"{name}[{index}]", doc)
            shown += 1
        run = index + 1


def _shown(con: Construct, data: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    if isinstance(con, Bytes):
        return raw_text(data), ()
    value = con.parse(data)
    if isinstance(con, FlagsAdapter):
        return _flags(con.kind, int(value), len(data))
    if isinstance(con, ChoiceAdapter):
        named = isinstance(value, enum.Enum)
        text = f"{value.name} ({int(value)})" if named else str(value)
        return text, ((value.name, meaning(value)),) if named else ()
    if isinstance(con, BitFieldsAdapter):
        parts = tuple(
            (f"bits {shift}–{shift + width - 1}" if width > 1 else f"bit {shift}",
             f"{name} = {value[name]}")
            for name, (shift, width) in con.bits.items()
        )  # fmt: skip
        return ", ".join(f"{name} {value[name]}" for name in con.bits), parts
    return str(value), ()


def _flags(
    kind: type[enum.IntFlag], value: int, size: int
) -> tuple[str, tuple[tuple[str, str], ...]]:
    found = [flag for flag in kind if value & flag]
    rest = value & ~sum(int(flag) for flag in kind)
    details = [(str(flag.name), meaning(flag)) for flag in found]
    shown = [str(flag.name) for flag in found]
    if rest:
        number, what = REST.get(kind, ("unknown", "bits without a name"))
        shown.append(f"{number} {rest}")
        details.append((f"{number} {rest}", what))
    return f"0x{value:0{size * 2}x} " + " | ".join(shown) if shown else "0", tuple(details)


def raw_text(data: bytes) -> str:
    """Bytes as a reader can take them in: nothing, zeroes, or text where it is text."""
    if not data:
        return "empty"
    if not any(data):
        return f"{len(data)} zero bytes" if len(data) > 1 else "a zero byte"
    shown = "".join(chr(b) if 0x20 <= b < 0x7F else "·" for b in data[:64])
    return shown + ("…" if len(data) > 64 else "")
