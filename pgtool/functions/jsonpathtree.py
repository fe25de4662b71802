"""Stored jsonpath → items that can be walked.

An :class:`Item` is one step with its arguments and the step after it. Their stored form is
:mod:`pgtool.types.jsonpath`'s; names of kinds are the ones there.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any

from formats import datum as layout
from formats.derive import struct_of
from formats.varlena import read_varlena
from pgtool.errors import CorruptData
from pgtool.types.jsonpath import KINDS
from pgtool.types.numeric import numeric_decimal

__all__ = ["ANY_LAST", "Item", "Path", "path_of"]

_HEAD = struct_of(layout.JsonPathHeader)
ANY_LAST = 0xFFFFFFFF
_MAX_DEPTH = 900


class Item:
    """One step: ``value`` is a literal, name or bounds, ``args`` the argument items."""

    __slots__ = ("args", "kind", "next", "value", "word")

    def __init__(self, kind: str, word: str) -> None:
        self.kind = kind
        self.word = word
        self.value: Any = None
        self.args: list[Item | None] = []
        self.next: Item | None = None

    @property
    def name(self) -> str:
        """What messages call it: an operator or a method."""
        return self.word.strip(".()") if self.word.startswith(".") else self.word

    def arg(self, number: int = 0) -> Item:
        """An argument that must be there."""
        found = self.args[number]
        assert found is not None
        return found


class Path:
    """A whole path."""

    def __init__(self, first: Item, lax: bool) -> None:
        self.first = first
        self.lax = lax


class _Decoder:
    """Places are offsets from the end of the header."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def ints(self, at: int, count: int) -> tuple[int, ...]:
        return struct.unpack_from(f"<{count}i", self.data, at)

    def item(self, at: int, depth: int = 0) -> Item:
        """An item and those after it."""
        if not 0 <= at < len(self.data) or depth > _MAX_DEPTH:
            raise CorruptData("jsonpath item points nowhere", offset=at)
        if self.data[at] >= len(KINDS):
            raise CorruptData(f"unknown jsonpath item type {self.data[at]}", offset=at)
        kind = KINDS[self.data[at]]
        content = (at + 1 + 3) & ~3
        (following,) = self.ints(content, 1)
        made = Item(kind.name, kind.word)
        getattr(self, "form_" + kind.form)(made, at, content + 4, depth)
        if following < 0:
            raise CorruptData("jsonpath item points backwards", offset=at)
        if following:
            made.next = self.item(at + following, depth + 1)
        return made

    def child(self, at: int, place: int, depth: int) -> Item | None:
        if place < 0:
            raise CorruptData("jsonpath argument points backwards", offset=at)
        return self.item(at + place, depth + 1) if place else None

    def string(self, at: int, length: int) -> bytes:
        value = self.data[at : at + length]
        if length < 0 or len(value) != length:
            raise CorruptData("jsonpath string does not fit", offset=at)
        return value

    def form_none(self, made: Item, at: int, body: int, depth: int) -> None:
        return

    def form_string(self, made: Item, at: int, body: int, depth: int) -> None:
        made.value = self.string(body + 4, self.ints(body, 1)[0])

    def form_numeric(self, made: Item, at: int, body: int, depth: int) -> None:
        value = read_varlena(self.data, body)
        made.value = numeric_decimal(self.data[value.body : value.end])

    def form_bool(self, made: Item, at: int, body: int, depth: int) -> None:
        made.value = bool(self.data[body])

    def form_args(self, made: Item, at: int, body: int, depth: int) -> None:
        made.args = [self.child(at, place, depth) for place in self.ints(body, 2)]

    def form_arg(self, made: Item, at: int, body: int, depth: int) -> None:
        made.args = [self.child(at, self.ints(body, 1)[0], depth)]

    def form_index(self, made: Item, at: int, body: int, depth: int) -> None:
        (count,) = self.ints(body, 1)
        if not 0 <= count <= len(self.data):
            raise CorruptData(f"jsonpath with {count} subscripts", offset=at)
        places = self.ints(body + 4, 2 * count)
        made.args = [self.child(at, place, depth) for place in places]

    def form_any(self, made: Item, at: int, body: int, depth: int) -> None:
        made.value = struct.unpack_from("<II", self.data, body)

    def form_regex(self, made: Item, at: int, body: int, depth: int) -> None:
        flags, expr, length = self.ints(body, 3)
        made.args = [self.child(at, expr, depth)]
        made.value = (flags, self.string(body + 12, length))


@lru_cache(maxsize=256)
def path_of(datum: bytes) -> Path:
    """A stored path, decoded."""
    try:
        (header,) = _HEAD.unpack_from(datum)
        if header & ~layout.JSONPATH_LAX != layout.JSONPATH_VERSION:
            raise CorruptData(f"unsupported jsonpath version {header & ~layout.JSONPATH_LAX}")
        first = _Decoder(datum[_HEAD.size :]).item(0)
    except (struct.error, IndexError):
        raise CorruptData("jsonpath is cut short") from None
    return Path(first, bool(header & layout.JSONPATH_LAX))
