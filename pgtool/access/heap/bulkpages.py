"""Heap files made in one go: rows become frozen tuples on full pages, without WAL.

For relations that nobody else can see yet, as those of a new cluster. The tuples carry a
transaction that every snapshot sees, so the pages are all-visible and all-frozen from the
start, and the maps say so.

A :class:`RowFormer` is compiled from the attributes of one relation: the run of never-NULL
fixed-width attributes that most catalogs begin with is one ``struct`` call; what follows
goes one by one, as in :mod:`pgtool.access.heap.tuple`. Values are Python's own where the
width is fixed (numbers, bytes for names), else payloads or :class:`StoredVarlena`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from formats import fsm, heap, vm
from formats.deform import ALIGNMENT, ATTLEN_CSTRING
from formats.derive import offset_of, struct_of
from formats.page import SIZE_OF_PAGE_HEADER, PageFlags
from formats.units import BLCKSZ, BOOTSTRAP_XID
from pgtool.access.heap.tuple import StoredVarlena, stored_form
from pgtool.access.heap.visibilitymap import VALID_BITS, set_bits
from pgtool.storage import freespace
from pgtool.storage import page as bufpage
from pgtool.storage.fullpage import full_page

_HEADER = struct_of(heap.HeapTupleHeaderData)
_CTID = struct_of(heap.ItemPointerData)
_CTID_AT = offset_of(heap.HeapTupleHeaderData, "t_ctid")
_FROZEN = int(heap.HEAP_XMIN_FROZEN | heap.HeapInfomask.HEAP_XMAX_INVALID)
_HASNULL, _HASVARWIDTH, _HASEXTERNAL = (
    int(flag) for flag in (
        heap.HeapInfomask.HEAP_HASNULL, heap.HeapInfomask.HEAP_HASVARWIDTH,
        heap.HeapInfomask.HEAP_HASEXTERNAL,
    )
)  # fmt: skip
_CAPACITY = BLCKSZ - SIZE_OF_PAGE_HEADER


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
            pad = -at % ALIGNMENT[attr.attalign]
            code += f"{pad}x{attr.code}" if pad else attr.code
            at += pad + attr.attlen
            count += 1
        self.prefix = struct.Struct(code)
        self.fixed = count
        self.rest = list(enumerate(self.attrs))[count:]
        self._heads: dict[tuple[bool, ...], bytes] = {}

    def form(self, values: Sequence[Any]) -> bytearray:
        """One tuple with its header; the place it will have is filled in later."""
        data = bytearray(self.prefix.pack(*values[: self.fixed]))
        external = False
        nulls = []
        for i, attr in self.rest:
            value = values[i]
            nulls.append(value is None)
            if value is None:
                continue
            if attr.attlen > 0:
                data += bytes(-len(data) % ALIGNMENT[attr.attalign])
                data += struct.pack("<" + attr.code, value)
                continue
            append_variable(data, value, attr)
            external |= isinstance(value, StoredVarlena) and value[0] == 1
        key = (external, *nulls)
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = self._head(nulls, external)
        return bytearray(head) + data

    def _head(self, nulls: list[bool], external: bool) -> bytes:
        """Header and null bitmap of tuples with NULLs in these places behind the fixed ones."""
        mask = _FROZEN
        if any(not null and a.attlen < 0 for null, (_, a) in zip(nulls, self.rest)):
            mask |= _HASVARWIDTH
        mask |= _HASEXTERNAL if external else 0
        bits = b""
        if any(nulls):
            mask |= _HASNULL
            bits = heap.pack_bitmap([False] * self.fixed + nulls)
        hoff = heap.header_length(len(self.attrs), any(nulls))
        out = _HEADER.pack(BOOTSTRAP_XID, 0, 0, 0, 0, 0, len(self.attrs), mask, hoff) + bits
        return out + bytes(hoff - len(out))


def append_variable(data: bytearray, value: bytes, attr: Any) -> None:
    """Put a value of variable width behind others, aligned as its form demands."""
    if attr.attlen == ATTLEN_CSTRING:
        data += value + b"\0"
        return
    stored, aligned = stored_form(value, attr.attstorage != "p")
    if aligned:
        data += bytes(-len(data) % ALIGNMENT[attr.attalign])
    data += stored


def heap_pages(tuples: Iterable[bytearray]) -> tuple[list[bytearray], list[int], list[int]]:
    """(pages, place of each tuple as ``block << 16 | number``, free bytes of each page)."""
    pages: list[bytearray] = []
    tids: list[int] = []
    free: list[int] = []
    now: list[bytearray] = []
    room = _CAPACITY

    def finish() -> None:
        pages.append(full_page(now, int(PageFlags.PD_ALL_VISIBLE)))
        free.append(bufpage.heap_free_space(pages[-1]))

    for one in tuples:
        need = (len(one) + 7 & ~7) + bufpage.SIZE_OF_ITEM_ID
        if need > room or len(now) == bufpage.MAX_HEAP_TUPLES_PER_PAGE:
            finish()
            now, room = [], _CAPACITY
        now.append(one)
        room -= need
        block, number = len(pages), len(now)
        _CTID.pack_into(one, _CTID_AT, block >> 16, block & 0xFFFF, number)
        tids.append(block << 16 | number)
    if now:
        finish()
    return pages, tids, free


def visibility_map(blocks: int) -> list[bytearray]:
    """The pages of the map over so many heap pages, all of them frozen."""
    out: list[bytearray] = []
    for block in range(blocks):
        number, _index = vm.locate(block)
        if number == len(out):
            out.append(bytearray(BLCKSZ))
        set_bits(out[number], block, VALID_BITS)
    return out


def free_space_map(free: Sequence[int]) -> list[bytearray]:
    """The three levels of the map over pages with so many free bytes each, as VACUUM leaves it."""
    assert len(free) <= fsm.SLOTS_PER_FSM_PAGE, "one bottom page is all that is made here"
    out: list[bytearray] = []
    slots = [fsm.bytes_to_category(size) for size in free]
    for _level in range(fsm.FSM_TREE_DEPTH):
        page = bytearray(BLCKSZ)
        bufpage.init(page)
        for slot, category in enumerate(slots):
            freespace.set_category(page, slot, category)
        out.append(page)
        slots = [freespace.max_category(page)]
    return out[::-1]
