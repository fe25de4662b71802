"""Line pointers of many heap pages at once.

A chunk is a run of pages in one buffer (``uint8``, with some spare bytes behind the last
page so that wide loads near the end stay inside). :func:`tuples_of` finds every stored
row version in it and gives parallel arrays; nothing is copied.

Invariants of what it returns: a tuple lies between ``pd_upper``'s page start and end,
begins MAXALIGNed, is long enough for its header, and its ``t_hoff`` and null bitmap lie
inside it. Whatever breaks one of these is reported with block and offset and left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from formats.derive import offset_of
from formats.heap import HEAP_NATTS_MASK, SIZEOF_HEAP_TUPLE_HEADER, HeapInfomask
from formats.heap import HeapTupleHeaderData as Tuple
from formats.page import (
    PG_PAGE_LAYOUT_VERSION,
    SIZE_OF_PAGE_HEADER,
    ItemIdData,
    LpFlags,
    PageFlags,
    PageHeaderData,
)
from formats.units import BLCKSZ, MAXALIGN
from pgtool.access.damage import Damage
from pgtool.access.heap import pointers
from pgtool.errors import CorruptData

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[Any]

_LOWER, _UPPER, _SPECIAL, _VERSION, _FLAGS = (
    offset_of(PageHeaderData, name) // 2
    for name in ("pd_lower", "pd_upper", "pd_special", "pd_pagesize_version", "pd_flags")
)
_PAGE_VERSION = BLCKSZ | PG_PAGE_LAYOUT_VERSION
_OFF_SHIFT, _OFF_WIDTH = ItemIdData.bits["lp_off"]
_FLAG_SHIFT, _FLAG_WIDTH = ItemIdData.bits["lp_flags"]
_LEN_SHIFT, _LEN_WIDTH = ItemIdData.bits["lp_len"]
_OFF_MASK = np.uint32((1 << _OFF_WIDTH) - 1)
_FLAG_BITS = np.uint32(((1 << _FLAG_WIDTH) - 1) << _FLAG_SHIFT)
_NORMAL = np.uint32(LpFlags.LP_NORMAL << _FLAG_SHIFT)
_LP_BYTES = 4
_MAX_LP = (BLCKSZ - SIZE_OF_PAGE_HEADER) // _LP_BYTES
_INFOMASK = offset_of(Tuple, "t_infomask")
_HOFF = offset_of(Tuple, "t_hoff")
_IOTA = np.arange(_MAX_LP, dtype=np.int32)


@dataclass(slots=True)
class Tuples:
    """Row versions of a chunk, in the order of block and line pointer.

    ``start`` and ``end`` are byte offsets in ``buffer``; ``page`` is the page's index in
    the chunk, ``offnum`` the line pointer's number (from 1). ``all_visible`` tells for each
    page of the chunk whether its header says that every tuple on it is visible to all.
    """

    buffer: Bytes
    first_block: int
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    page: npt.NDArray[np.int32]
    offnum: npt.NDArray[np.int32]
    all_visible: npt.NDArray[np.bool_]
    path: str
    #: t_hoff, t_infomask and the number of attributes, once they were read.
    head: tuple[Ints, Ints, Ints] | None = None
    #: Each page's block number, where the chunk's pages do not follow one another.
    scattered: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.start)

    def take(self, keep: Ints) -> Tuples:
        """The tuples that a mask or an index array picks."""
        return Tuples(
            self.buffer, self.first_block, self.start[keep], self.end[keep],
            self.page[keep], self.offnum[keep], self.all_visible, self.path,
            self.head and tuple(part[keep] for part in self.head),  # type: ignore[arg-type]
            self.scattered,
        )  # fmt: skip

    def blocks(self) -> npt.NDArray[np.int64]:
        """The block number of every tuple."""
        if self.scattered is not None:
            return self.scattered[self.page]
        return self.first_block + self.page.astype(np.int64)

    def u16(self, name: str) -> Ints:
        """A 2-byte header field of every tuple."""
        return self.buffer[: len(self.buffer) & ~1].view(np.uint16)[
            (self.start + offset_of(Tuple, name)) >> 1
        ]

    def u32(self, name: str) -> Ints:
        """A 4-byte header field of every tuple."""
        return self.buffer[: len(self.buffer) & ~3].view(np.uint32)[
            (self.start + offset_of(Tuple, name)) >> 2
        ]

    def u8(self, name: str) -> Ints:
        """A 1-byte header field of every tuple."""
        return self.buffer[self.start + offset_of(Tuple, name)]

    def heads(self) -> tuple[Ints, Ints, Ints]:
        """(t_hoff, t_infomask, number of attributes) of every tuple."""
        if self.head is None:
            natts = self.u16("t_infomask2") & HEAP_NATTS_MASK
            self.head = self.u8("t_hoff").astype(np.int64), self.u16("t_infomask"), natts
        return self.head

    @property
    def infomask(self) -> Ints:
        """``t_infomask``."""
        return self.heads()[1]

    def block_of(self, row: int) -> int:
        """The block number of one tuple."""
        page = int(self.page[row])
        return self.first_block + page if self.scattered is None else int(self.scattered[page])

    def corrupt(self, row: int, message: str, field: str, offset: int | None = None) -> CorruptData:
        """An error about one tuple; ``offset`` is a byte offset in the chunk."""
        at = int(self.start[row]) if offset is None else offset
        return CorruptData(
            f"tuple {int(self.offnum[row])}: {message}", file=self.path,
            block=self.block_of(row), offset=at % BLCKSZ, field=field,
        )  # fmt: skip


def _check_pages(
    pages: Ints, first_block: int, path: str, damage: Damage, empty: list[int] | None
) -> npt.NDArray[np.bool_] | None:
    """Which pages of the chunk hold tuples to look at; None where all do."""
    lower, upper, special = pages[:, _LOWER], pages[:, _UPPER], pages[:, _SPECIAL]
    sound = (
        (lower >= SIZE_OF_PAGE_HEADER) & (lower <= upper) & (upper <= special)
        & (special <= BLCKSZ) & (pages[:, _VERSION] == _PAGE_VERSION)
    )  # fmt: skip
    if sound.all():
        return None
    for i in np.flatnonzero(~sound).tolist():
        page = pages[i]
        if not page.any():
            if empty is not None:  # a page that was added and never used, or one zeroed since
                empty.append(first_block + i)
            continue
        for name, index, bad in (
            ("pd_pagesize_version", _VERSION, page[_VERSION] != _PAGE_VERSION),
            ("pd_lower", _LOWER, not SIZE_OF_PAGE_HEADER <= page[_LOWER] <= page[_UPPER]),
            ("pd_special", _SPECIAL, not page[_UPPER] <= page[_SPECIAL] <= BLCKSZ),
        ):
            if bad:
                damage(
                    CorruptData(f"invalid page header: {name} is {int(page[index])}", file=path,
                                block=first_block + i, offset=2 * index, field=name)
                )  # fmt: skip
                break
    return sound


def tuples_of(
    buffer: Bytes, npages: int, first_block: int, path: str, damage: Damage,
    *, empty: list[int] | None = None, header: int = 0,
) -> Tuples:  # fmt: skip
    """Every stored row version of a chunk (line pointers in state LP_NORMAL).

    Pages of zeroes are noted in ``empty``. With a ``header`` size the items are not heap
    tuples but others with (at least) that many bytes.
    """
    pages = buffer[: npages * BLCKSZ].view(np.uint16).reshape(npages, BLCKSZ // 2)
    if pointers.COMPILED and not header:
        quick = _collect(buffer, npages, pages, first_block, path)
        if quick is not None:
            return quick
    nlp = (pages[:, _LOWER].astype(np.int32) - SIZE_OF_PAGE_HEADER) >> 2
    sound = _check_pages(pages, first_block, path, damage, empty)
    if sound is not None:
        nlp = np.where(sound, nlp, 0)
    most = int(nlp.max(initial=0))
    first_lp = SIZE_OF_PAGE_HEADER // _LP_BYTES
    items = buffer[: npages * BLCKSZ].view(np.uint32).reshape(npages, BLCKSZ // _LP_BYTES)
    items = items[:, first_lp : first_lp + most]
    normal = (items & _FLAG_BITS) == _NORMAL
    if not (nlp == most).all():
        normal &= _IOTA[:most] < nlp[:, None]
    if not header:
        _check_unused(items, normal, nlp, first_block, path, damage)
    counts = np.count_nonzero(normal, axis=1)
    pointer = items[normal]
    page: Any = np.repeat(_IOTA[:npages] if npages <= _MAX_LP else np.arange(npages), counts)
    slot: Any
    if int(counts.min(initial=0)) == most:
        slot = np.tile(_IOTA[:most], npages)
    else:
        slot = np.broadcast_to(_IOTA[:most], normal.shape)[normal]
    offset = (pointer & _OFF_MASK).astype(np.int64)
    length = (pointer >> np.uint32(_LEN_SHIFT)).astype(np.int64)
    start = page.astype(np.int64)
    start *= BLCKSZ
    start += offset
    all_visible = (pages[:, _FLAGS] & PageFlags.PD_ALL_VISIBLE) != 0
    found = Tuples(
        buffer, first_block, start, start + length, page, slot + 1, all_visible, path,
    )  # fmt: skip
    found, length = _check_pointers(
        found, offset, length, header or SIZEOF_HEAP_TUPLE_HEADER + 1, damage
    )
    return found if header else _check_headers(found, length, damage)


def _check_unused(
    items: Ints, normal: Ints, nlp: Ints, first_block: int, path: str, damage: Damage
) -> None:
    """Report line pointers in another state than LP_NORMAL that have a length all the same.

    A heap leaves none such: it was a tuple's, and is not what it was.
    """
    odd = ~normal & (items >> np.uint32(_LEN_SHIFT) != 0)
    if odd.any():
        odd &= _IOTA[: odd.shape[1]] < nlp[:, None]
        for page, slot in np.argwhere(odd).tolist():
            state = LpFlags(int(items[page, slot] & _FLAG_BITS) >> _FLAG_SHIFT)
            damage(
                CorruptData(
                    f"tuple {slot + 1}: line pointer is {state.name}, but has length "
                    f"{int(items[page, slot]) >> _LEN_SHIFT}", file=path,
                    block=first_block + page,
                    offset=SIZE_OF_PAGE_HEADER + _LP_BYTES * slot, field="lp_flags",
                )
            )  # fmt: skip


def _collect(
    buffer: Bytes, npages: int, pages: Ints, first_block: int, path: str
) -> Tuples | None:
    """The tuples, found by the compiled walk; None where some page needs a closer look."""
    room = int((pages[:, _LOWER].astype(np.int64) >> 2).sum())
    start, end, hoff = (np.empty(room, np.int64) for _ in range(3))
    page, offnum = (np.empty(room, np.int32) for _ in range(2))
    infomask, natts = (np.empty(room, np.uint16) for _ in range(2))
    flat = buffer[: npages * BLCKSZ]
    found = pointers.collect(
        flat, flat.view(np.uint16), flat.view(np.uint32), npages, start, end, page, offnum,
        hoff, infomask, natts,
    )  # fmt: skip
    if found < 0:
        return None
    all_visible = (pages[:, _FLAGS] & PageFlags.PD_ALL_VISIBLE) != 0
    return Tuples(
        buffer, first_block, start[:found], end[:found], page[:found], offnum[:found],
        all_visible, path, (hoff[:found], infomask[:found], natts[:found]),
    )  # fmt: skip


# What pointers.py has written into its code.
assert (_LOWER, _UPPER, _SPECIAL, _VERSION, _PAGE_VERSION) == (6, 7, 8, 9, 8196)
assert (BLCKSZ, SIZE_OF_PAGE_HEADER, SIZEOF_HEAP_TUPLE_HEADER, MAXALIGN) == (8192, 24, 23, 8)
assert (offset_of(Tuple, "t_infomask2"), _INFOMASK, _HOFF, HEAP_NATTS_MASK) == (18, 20, 22, 2047)
assert (_OFF_SHIFT, _OFF_MASK, _FLAG_SHIFT, _LEN_SHIFT) == (0, 32767, 15, 17)
assert (LpFlags.LP_NORMAL, HeapInfomask.HEAP_HASNULL) == (1, 1)


def _check_pointers(
    t: Tuples, offset: Ints, length: Ints, least: int, damage: Damage
) -> tuple[Tuples, Ints]:
    """Leave out items whose line pointer is impossible."""
    inside = (offset & (MAXALIGN - 1)) == 0
    inside &= length >= least
    inside &= offset + length <= BLCKSZ
    inside &= offset >= SIZE_OF_PAGE_HEADER
    if not inside.all():
        for row in np.flatnonzero(~inside).tolist():
            damage(
                t.corrupt(row, f"line pointer says offset {offset[row]}, length {length[row]}",
                          "lp_off",
                          SIZE_OF_PAGE_HEADER + _LP_BYTES * (int(t.offnum[row]) - 1))
            )  # fmt: skip
        t = t.take(inside)
        length = length[inside]
    return t, length


def _check_headers(t: Tuples, length: Ints, damage: Damage) -> Tuples:
    """Leave out tuples whose header is impossible."""
    if not len(t):
        return t
    hoff, infomask, natts = t.heads()
    sound = hoff <= length
    sound &= (hoff & (MAXALIGN - 1)) == 0
    sound &= hoff >= SIZEOF_HEAP_TUPLE_HEADER
    nulls = (infomask & HeapInfomask.HEAP_HASNULL) != 0
    if nulls.any():
        bitmap = (natts.astype(np.int64) + 7) >> 3
        sound &= ~nulls | (hoff >= bitmap + SIZEOF_HEAP_TUPLE_HEADER)
    if not sound.all():
        for row in np.flatnonzero(~sound).tolist():
            damage(t.corrupt(row, f"t_hoff is {hoff[row]} in a tuple of {length[row]} bytes",
                             "t_hoff", int(t.start[row]) + _HOFF))  # fmt: skip
        t = t.take(sound)
    return t
