"""Heap files made in one go: rows become frozen tuples on full pages, without WAL.

For relations that nobody else can see yet, as those of a new cluster. The tuples carry a
transaction that every snapshot sees, so the pages are all-visible and all-frozen from the
start; :mod:`pgtool.access.heap.bulkmaps` makes the forks that say so.

A :class:`RowFormer` is compiled from the attributes of one relation. The run of never-NULL
fixed-width attributes that most catalogs begin with is one ``struct`` call; what follows
goes one by one. Values are Python's own for fixed widths (numbers, bytes for names) and
payload bytes for varlenas; :class:`Stored` brings its own header (compressed, out of line).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from formats import heap, page
from formats.deform import ATTLEN_CSTRING, ATTLEN_VARLENA
from formats.derive import struct_of
from formats.units import BLCKSZ, BOOTSTRAP_XID, maxalign
from formats.varlena import VARHDRSZ, VARHDRSZ_SHORT, pack_plain, pack_short

Tid = tuple[int, int]

_HEADER = struct_of(heap.HeapTupleHeaderData)
_PAGE = struct_of(page.PageHeaderData)
_FROZEN = heap.HEAP_XMIN_FROZEN | heap.HeapInfomask.HEAP_XMAX_INVALID
_ALIGN = {"c": 1, "s": 2, "i": 4, "d": 8}
_SHORT_MAX = 0x7F - VARHDRSZ_SHORT
_LP = page.ItemIdData.bits
_OFF_SHIFT, _LEN_SHIFT = _LP["lp_off"][0], _LP["lp_len"][0]
_NORMAL = int(page.LpFlags.LP_NORMAL) << _LP["lp_flags"][0]
#: What MaxHeapTuplesPerPage limits.
MAX_TUPLES = (BLCKSZ - page.SIZE_OF_PAGE_HEADER) // (
    maxalign(heap.SIZEOF_HEAP_TUPLE_HEADER) + page.ItemIdData.sizeof()
)


class Stored(bytes):
    """A varlena with its header on: compressed, or a pointer to where it lies."""

    external = False
    align = "i"


class External(Stored):
    """A TOAST pointer."""

    external = True
    align = "c"


class FormAttr(NamedTuple):
    """What forming needs to know: ``code`` is the struct format of a fixed width."""

    attlen: int
    attalign: str
    attstorage: str
    notnull: bool
    code: str


class RowFormer:
    """Makes the stored tuples of one relation."""

    def __init__(self, attrs: Sequence[FormAttr]) -> None:
        self.attrs = list(attrs)
        count = 0
        at = 0
        code = "<"
        for attr in self.attrs:
            if attr.attlen < 0 or not attr.notnull:
                break
            pad = -at % _ALIGN[attr.attalign]
            code += f"{pad}x{attr.code}" if pad else attr.code
            at += pad + attr.attlen
            count += 1
        self.prefix = struct.Struct(code)
        self.fixed = count
        self.rest = [(i, a, _ALIGN[a.attalign]) for i, a in enumerate(self.attrs)][count:]
        self.hoff = heap.header_length(len(self.attrs), False)
        self._heads: dict[tuple[bool, ...], bytes] = {}

    def form(self, values: Sequence[Any]) -> bytearray:
        """One tuple with its header; the place it will have is filled in later."""
        data = bytearray(self.prefix.pack(*values[: self.fixed]))
        external = False
        kinds = []
        for i, attr, align in self.rest:
            value = values[i]
            if value is None:
                kinds.append(True)
                continue
            kinds.append(False)
            if attr.attlen > 0:
                data += bytes(-len(data) % align) + struct.pack("<" + attr.code, value)
                continue
            append_variable(data, value, attr.attlen, align, attr.attstorage != "p")
            external |= isinstance(value, External)
        key = (external, *kinds)
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = self._head(kinds, external)
        return bytearray(head) + data

    def _head(self, nulls: list[bool], external: bool) -> bytes:
        """Header and null bitmap of tuples with NULLs in these places behind the fixed ones."""
        mask = int(_FROZEN)
        if any(not null and a.attlen < 0 for null, (_, a, _) in zip(nulls, self.rest)):
            mask |= heap.HeapInfomask.HEAP_HASVARWIDTH
        mask |= heap.HeapInfomask.HEAP_HASEXTERNAL if external else 0
        bits, hoff = b"", self.hoff
        if any(nulls):
            mask |= heap.HeapInfomask.HEAP_HASNULL
            bits = heap.pack_bitmap([False] * self.fixed + nulls)
            hoff = heap.header_length(len(self.attrs), True)
        out = _HEADER.pack(BOOTSTRAP_XID, 0, 0, 0, 0, 0, len(self.attrs), mask, hoff) + bits
        return out + bytes(hoff - len(out))


def append_variable(
    data: bytearray, value: bytes, attlen: int, align: int, packable: bool
) -> None:
    """Put a value of variable width behind others, aligned as its form demands."""
    if attlen == ATTLEN_CSTRING:
        data += value + b"\0"
    elif isinstance(value, Stored):
        data += bytes(-len(data) % _ALIGN[value.align]) + value
    elif packable and len(value) <= _SHORT_MAX:
        data += pack_short(value)
    else:
        assert attlen == ATTLEN_VARLENA
        data += bytes(-len(data) % align) + pack_plain(value)


def page_header(flags: int, lower: int, upper: int, special: int) -> bytes:
    """The header of a page that no WAL record has touched."""
    version = BLCKSZ | page.PG_PAGE_LAYOUT_VERSION
    return _PAGE.pack(0, 0, 0, flags, lower, upper, special, version, 0)


def assemble(items: Sequence[bytes | bytearray], flags: int = 0, special: bytes = b"") -> bytes:
    """A page that holds the items in the order of their line pointers."""
    at = end = BLCKSZ - len(special)
    pointers: Sequence[int]
    lengths = set(map(len, items))
    if len(lengths) == 1 and not (size := lengths.pop()) & 7:
        at -= size * len(items)
        step = size << _OFF_SHIFT
        first = (end - size) << _OFF_SHIFT | _NORMAL | size << _LEN_SHIFT
        pointers = range(first, first - step * len(items), -step)
        return _put_together(flags, pointers, at, end, [special, *items])
    pointers = []
    parts: list[bytes | bytearray] = [special]
    for item in items:
        size = len(item) + 7 & ~7
        at -= size
        pointers.append(at << _OFF_SHIFT | _NORMAL | len(item) << _LEN_SHIFT)
        parts.append(item if size == len(item) else item + bytes(size - len(item)))
    return _put_together(flags, pointers, at, end, parts)


def _put_together(
    flags: int, pointers: Sequence[int], at: int, end: int, parts: Sequence[bytes | bytearray]
) -> bytes:
    """A page of its line pointers and what lies behind the hole, last part first."""
    lower = page.SIZE_OF_PAGE_HEADER + 4 * len(pointers)
    head = page_header(flags, lower, at, end) + struct.pack(f"<{len(pointers)}I", *pointers)
    return head + bytes(at - lower) + b"".join(reversed(parts))


def heap_pages(tuples: Iterable[bytearray]) -> tuple[list[bytes], list[Tid], list[int]]:
    """(pages, place of each tuple, free bytes of each page)."""
    pages: list[bytes] = []
    tids: list[Tid] = []
    free: list[int] = []
    now: list[bytearray] = []
    room = capacity = BLCKSZ - page.SIZE_OF_PAGE_HEADER
    flags = page.PageFlags.PD_ALL_VISIBLE

    def finish() -> None:
        pages.append(assemble(now, flags))
        free.append(max(room - 4, 0))

    for one in tuples:
        need = maxalign(len(one)) + 4
        if need > room or len(now) == MAX_TUPLES:
            finish()
            now, room = [], capacity
        now.append(one)
        room -= need
        block, number = len(pages), len(now)
        _CTID.pack_into(one, _CTID_AT, block >> 16, block & 0xFFFF, number)
        tids.append((block, number))
    if now:
        finish()
    return pages, tids, free


_CTID = struct.Struct("<HHH")
_CTID_AT = heap.offset_of(heap.HeapTupleHeaderData, "t_ctid")
assert VARHDRSZ == 4
