"""From row versions to columns: the vectorised walk over the attributes of many tuples.

One pass over the attribute list keeps, for all tuples of a chunk at once, where the next
attribute begins. As long as only fixed-width, never-NULL attributes were met, that is one
number for all tuples; from the first variable width or NULL on it is an array. The pass
gives places only (:class:`Places`); nothing is read from an attribute but length headers,
and values are fetched afterwards for the columns that are wanted.

Invariants: a NULL takes no room; an attribute beyond the tuple's stored count is missing
(``attmissingval`` or NULL); a varlena with a 1-byte header is not aligned, a zero byte
where one could begin is padding; **no attribute ends behind its tuple**: tuples that break
this are reported with the attribute's name and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from formats.deform import ALIGNMENT, ATTLEN_CSTRING, ATTLEN_VARLENA
from formats.heap import SIZEOF_HEAP_TUPLE_HEADER, HeapInfomask
from formats.varlena import (
    VARHDRSZ,
    VARHDRSZ_COMPRESSED,
    VARHDRSZ_EXTERNAL,
    VARHDRSZ_SHORT,
    varatt_external,
)
from pgtool.access.damage import Damage
from pgtool.access.heap import attributes
from pgtool.access.heap.page import Tuples

Bytes = npt.NDArray[np.uint8]
Places_ = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_TOAST_POINTER = VARHDRSZ_EXTERNAL + varatt_external.sizeof()


@dataclass(frozen=True, slots=True)
class Attr:
    """What the walk needs of pg_attribute.

    ``missing`` is the datum of ``attmissingval`` (None where there is none), ``atthasdef``
    plays no part: a stored row is complete up to its own attribute count.
    """

    attname: str
    attlen: int
    attalign: str
    attnum: int = 0
    missing: bytes | None = None


@dataclass(slots=True)
class Places:
    """Where one attribute lies in every tuple of a chunk.

    ``start`` is the first byte of the payload (or of the whole fixed-width value);
    ``length`` the payload's, None for fixed width; ``present`` None where no row is
    NULL; ``missing`` the rows whose tuple ends before this attribute; ``special`` the rows
    whose payload is not the value itself (compressed or out of line), in order.
    ``values`` are those of a fixed-width attribute, if they were fetched on the way:
    ``start`` is empty then.
    """

    start: Places_
    length: npt.NDArray[np.int64] | None
    present: Mask | None
    missing: Mask | None = None
    special: npt.NDArray[np.int64] | None = None
    values: npt.NDArray[Any] | None = None

    def take(self, keep: Mask) -> Places:
        """The rows that a mask picks."""
        special = None
        if self.special is not None:
            renumber = np.cumsum(keep) - 1
            special = renumber[self.special[keep[self.special]]]
            special = special if len(special) else None
        return Places(
            self.start[keep] if self.values is None else self.start,
            None if self.length is None else self.length[keep],
            None if self.present is None else self.present[keep],
            None if self.missing is None else self.missing[keep],
            special,
            None if self.values is None else self.values[keep],
        )


class _Walk:
    """The moving state of one pass."""

    def __init__(self, tuples: Tuples, attrs: Sequence[Attr], damage: Damage) -> None:
        self.t = tuples
        self.attrs = attrs
        self.damage = damage
        self.buffer = tuples.buffer
        self.words = self.buffer[: len(self.buffer) & ~3].view(np.uint32)
        hoff, infomask, natts = tuples.heads()
        self.at: Places_ = tuples.start + hoff
        self.fixed: int | None = 0  # offset from self.at that is the same in all tuples
        self.bad = np.zeros(len(tuples), bool)
        self.any_bad = False
        has_null = (infomask & HeapInfomask.HEAP_HASNULL) != 0
        self.full = ~has_null if has_null.any() else None
        self.bits: dict[int, Bytes] = {}
        self.natts = natts
        self.fewest = int(natts.min(initial=len(attrs)))
        most = int(natts.max(initial=0))
        if most > len(attrs):
            self.reject(
                natts > len(attrs), "t_infomask2",
                lambda row: f"{natts[row]} attributes, the relation has {len(attrs)}",
            )  # fmt: skip

    def reject(self, wrong: Mask, field: str, message: Any) -> None:
        """Report tuples; their places become harmless and they are left out in the end."""
        fresh = np.flatnonzero(wrong & ~self.bad)
        for row in fresh.tolist():
            self.damage(self.t.corrupt(row, message(row), field))
        self.bad |= wrong
        self.any_bad = True
        self.at[wrong] = self.t.start[wrong]

    def present(self, number: int) -> tuple[Mask | None, Mask | None]:
        """(rows that store a value, rows that end before the attribute); None: all, none."""
        missing = None
        if number >= self.fewest:
            missing = self.natts <= number
        if self.full is None:
            return (None, None) if missing is None else (~missing, missing)
        byte = number >> 3
        if byte not in self.bits:
            found = self.buffer[self.t.start + (SIZEOF_HEAP_TUPLE_HEADER + byte)]
            found[self.full] = 0xFF
            self.bits = {byte: found}
        out = (self.bits[byte] & np.uint8(1 << (number & 7))) != 0
        if missing is not None:
            out &= ~missing
        elif out.all():
            return None, None
        return out, missing

    def settle(self) -> None:
        """Give up the common offset: from here on every tuple has its own."""
        if self.fixed is not None:
            self.at = self.at + self.fixed if self.fixed else self.at
            self.fixed = None

    def fixed_width(self, attr: Attr, present: Mask | None) -> Places_:
        align = ALIGNMENT[attr.attalign]
        if self.fixed is not None and present is None:
            offset = (self.fixed + align - 1) & -align
            self.fixed = offset + attr.attlen
            return self.at + offset
        self.settle()
        start = (self.at + (align - 1)) & -align if align > 1 else self.at
        after = start + attr.attlen
        self.at = after if present is None else np.where(present, after, self.at)
        return start

    def check(self, attr: Attr) -> None:
        """No tuple may have been walked past its end."""
        reached = self.at + self.fixed if self.fixed else self.at
        over = reached > self.t.end
        if over.any():
            over &= ~self.bad
            if over.any():
                self.reject(over, attr.attname, lambda row: "attribute ends behind its tuple")

    def varlena(
        self, attr: Attr, present: Mask | None
    ) -> tuple[Places_, npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
        """Payload start and length of every row, and the rows that need more work."""
        self.settle()
        at = self.at
        first = self.buffer[at]
        short = (first & 1) != 0
        if short.all():
            total = (first >> 1).astype(np.int64)
            start = at + VARHDRSZ_SHORT
            length = total - VARHDRSZ_SHORT
            special = first == 1
            base = at
        else:
            align = ALIGNMENT[attr.attalign]
            base = np.where(short, at, (at + (align - 1)) & -align)
            word = self.words[base >> 2]
            header = np.where(short, VARHDRSZ_SHORT, VARHDRSZ)
            total = np.where(short, first >> 1, word >> np.uint32(2)).astype(np.int64)
            start = base + header
            length = total - header
            special = np.where(short, first == 1, (word & np.uint32(3)) == 2)
        rows = None
        if present is not None:
            special &= present
        if special.any():
            rows = np.flatnonzero(special)
            external = rows[first[rows] == 1]
            total[external] = _TOAST_POINTER
            start[rows] = base[rows]
            length[rows] = total[rows]
        after = base + total
        if present is not None:
            after = np.where(present, after, at)
            length = np.where(present, length, 0)
        wrong = (length < 0) | (after > self.t.end)
        if rows is not None:
            packed = rows[first[rows] != 1]
            wrong[packed] |= total[packed] < VARHDRSZ_COMPRESSED
        self.at = after
        if wrong.any():
            self.reject(wrong, attr.attname, lambda row: "value does not fit into its tuple")
            length[wrong] = 0
            start[wrong] = 0
            rows = None if rows is None else rows[~wrong[rows]]
        return start, length, rows

    def cstring(self, attr: Attr, present: Mask | None) -> tuple[Places_, npt.NDArray[np.int64]]:
        """Zero-terminated values: rare enough for a loop."""
        self.settle()
        start = self.at.copy()
        length = np.zeros(len(start), np.int64)
        wrong = np.zeros(len(start), bool)
        raw = self.buffer
        for row in range(len(start)) if present is None else np.flatnonzero(present).tolist():
            low, high = int(start[row]), int(self.t.end[row])
            stop = raw[low:high].tobytes().find(0) if low < high else -1
            wrong[row] = stop < 0
            length[row] = max(stop, 0)
            self.at[row] = min(low + length[row] + 1, max(high, low))
        if wrong.any():
            self.reject(wrong, attr.attname, lambda row: "value has no terminator in its tuple")
        return start, length


def walk(
    tuples: Tuples, attrs: Sequence[Attr], wanted: Sequence[int], damage: Damage,
    *, fetch: bool = False,
) -> tuple[Tuples, dict[int, Places]]:  # fmt: skip
    """(sound tuples, places of the wanted attributes by index into ``attrs``).

    The places hold for the tuples that come back, in their order. With ``fetch`` those of
    numbers may come with their values.
    """
    if attributes.COMPILED and len(tuples):
        quick = _located(tuples, attrs, wanted, fetch)
        if quick is not None:
            return tuples, quick
    state = _Walk(tuples, attrs, damage)
    keep = set(wanted)
    out: dict[int, Places] = {}
    # Fixed-width attributes are checked in runs: before a length header is read behind
    # them, and at the end.
    unchecked: Attr | None = None
    for number in range(max(keep, default=-1) + 1):
        attr = attrs[number]
        present, missing = state.present(number)
        if attr.attlen > 0:
            start = state.fixed_width(attr, present)
            unchecked = attr
            if number in keep:
                out[number] = Places(start, None, present, missing)
            continue
        if unchecked is not None:
            state.check(unchecked)
            unchecked = None
        if attr.attlen == ATTLEN_VARLENA:
            start, length, special = state.varlena(attr, present)
        else:
            assert attr.attlen == ATTLEN_CSTRING, attr
            special = None
            start, length = state.cstring(attr, present)
        if number in keep:
            out[number] = Places(start, length, present, missing, special)
    if unchecked is not None:
        state.check(unchecked)
    if state.any_bad:
        good = ~state.bad
        tuples = tuples.take(good)
        out = {number: place.take(good) for number, place in out.items()}
    return tuples, out


@dataclass(frozen=True, slots=True)
class _Wants:
    """What the compiled walk is told of the attributes, up to the last wanted one."""

    attlen: Places_
    align: Places_
    want: Places_
    slot: Places_
    row: Places_
    #: How many arrays of each kind of result there are.
    counts: dict[int, int]
    #: For each wanted attribute: its number, the kind of its result, and the result's place.
    results: tuple[tuple[int, int, int], ...]


def _wants(attrs: Sequence[Attr], wanted: Sequence[int], fetch: bool) -> _Wants | None:
    keep = {number: row for row, number in enumerate(sorted(set(wanted)))}
    part = attrs[: max(keep, default=-1) + 1]
    if any(a.attlen <= 0 and a.attlen != ATTLEN_VARLENA for a in part):
        return None
    counts = dict.fromkeys((*_WORDS, attributes.PLACE, attributes.SPAN), 0)
    want, slot, row = (np.zeros(len(part), np.int64) for _ in range(3))
    results = []
    for number in keep:
        attr = part[number]
        kind = attributes.SPAN if attr.attlen < 0 else attributes.PLACE
        if fetch and attr.attlen in _WORDS and ALIGNMENT[attr.attalign] >= attr.attlen:
            kind = attr.attlen
        want[number], slot[number], row[number] = kind, counts[kind], keep[number]
        results.append((number, kind, counts[kind]))
        counts[kind] += 1
    return _Wants(
        np.array([a.attlen for a in part], np.int64),
        np.array([ALIGNMENT[a.attalign] for a in part], np.int64), want, slot, row, counts,
        tuple(results),
    )  # fmt: skip


_NOWHERE = np.zeros(0, np.int64)
#: Sizes of values that the compiled walk fetches, and what it sees them as.
_WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
#: As columns: the numbers are signed but for single bytes.
_SIGNED = {1: np.uint8, 2: np.int16, 4: np.int32, 8: np.int64}


def _located(
    tuples: Tuples, attrs: Sequence[Attr], wanted: Sequence[int], fetch: bool
) -> dict[int, Places] | None:
    """The places, found by the compiled walk; None where some tuple needs a closer look."""
    wants = _wants(attrs, wanted, fetch)
    if wants is None:
        return None
    n, counts = len(tuples), wants.counts
    hoff, infomask, natts = tuples.heads()
    nullable = bool((infomask & HeapInfomask.HEAP_HASNULL).any())
    present = np.empty((len(wants.results), n) if nullable else (1, 0), np.bool_)
    values = {size: np.empty((counts[size], n), kind) for size, kind in _WORDS.items()}
    spans = counts[attributes.SPAN]
    # Places of fixed-width attributes come behind those of the spans.
    place = np.empty((spans + counts[attributes.PLACE], n), np.int64)
    length, special = (np.empty((spans, n), np.int64) for _ in range(2))
    found = np.zeros(spans, np.int64)
    slot = np.where(wants.want == attributes.PLACE, wants.slot + spans, wants.slot)
    octets = tuples.buffer[: len(tuples.buffer) & ~7]
    if attributes.locate(
        octets, octets.view(np.uint16), octets.view(np.uint32), octets.view(np.uint64),
        tuples.start, tuples.end, hoff, infomask, natts, wants.attlen, wants.align, wants.want,
        slot, wants.row, values[1], values[2], values[4], values[8], place, length, special,
        present.view(np.uint8), found, len(attrs),
    ):  # fmt: skip
        return None
    out: dict[int, Places] = {}
    for row, (number, kind, at) in enumerate(wants.results):
        there = present[row] if nullable and not present[row].all() else None
        if kind == attributes.SPAN:
            rows = special[at, : found[at]].copy() if found[at] else None
            out[number] = Places(place[at], length[at], there, None, rows)
        elif kind == attributes.PLACE:
            out[number] = Places(place[spans + at], None, there)
        else:
            fetched = values[kind][at].view(_SIGNED[kind])
            out[number] = Places(_NOWHERE, None, there, values=fetched)
    return out
