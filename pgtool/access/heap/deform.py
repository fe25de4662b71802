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
    """

    start: Places_
    length: npt.NDArray[np.int64] | None
    present: Mask | None
    missing: Mask | None = None
    special: npt.NDArray[np.int64] | None = None

    def take(self, keep: Mask) -> Places:
        """The rows that a mask picks."""
        special = None
        if self.special is not None:
            renumber = np.cumsum(keep) - 1
            special = renumber[self.special[keep[self.special]]]
            special = special if len(special) else None
        return Places(
            self.start[keep],
            None if self.length is None else self.length[keep],
            None if self.present is None else self.present[keep],
            None if self.missing is None else self.missing[keep],
            special,
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
    tuples: Tuples, attrs: Sequence[Attr], wanted: Sequence[int], damage: Damage
) -> tuple[Tuples, dict[int, Places]]:
    """(sound tuples, places of the wanted attributes by index into ``attrs``).

    The places hold for the tuples that come back, in their order.
    """
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
