"""Every change to a heap page, as a pure function of the page and its arguments.

The writer (:mod:`pgtool.access.heap.heapam`) and redo (:mod:`pgtool.access.heap.xlog`)
call the same functions, so that a page looks the same whichever way it came about. A tuple
is named by its line pointer's number. What the flags of xmax should be is decided by
:mod:`pgtool.access.heap.xmax`; in WAL records they travel as five bits
(:func:`infobits_of`, :func:`masks_of`).

Invariants: tuples are whole heap tuples, header included; their ``t_ctid`` is set here,
since only here it is known where they come to lie. Whoever changes a page marks it dirty
and logs it; nothing here knows of buffers or WAL.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Sequence
from typing import Any

from formats.derive import offset_of, struct_of
from formats.heap import (
    HEAP_MOVED,
    HEAP_XMAX_BITS,
    HeapInfomask,
    HeapInfomask2,
    HeapTupleHeaderData,
    xmax_is_locked_only,
)
from formats.itemptr import MOVED_PARTITIONS_OFFSET_NUMBER
from formats.page import PageFlags
from formats.units import INVALID_BLOCK_NUMBER, INVALID_XID
from formats.wal.heap import Infobits
from formats.wal.heap2 import FreezeFlags
from pgtool.access.heap import tupleedit
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.storage import pageedit

HEADER = struct_of(HeapTupleHeaderData)
XMIN = offset_of(HeapTupleHeaderData, "t_xmin")
XMAX = offset_of(HeapTupleHeaderData, "t_xmax")
FIELD3 = offset_of(HeapTupleHeaderData, "t_field3")
CTID = offset_of(HeapTupleHeaderData, "t_ctid")
MASK2 = offset_of(HeapTupleHeaderData, "t_infomask2")
MASK = offset_of(HeapTupleHeaderData, "t_infomask")
HOFF = offset_of(HeapTupleHeaderData, "t_hoff")
assert MASK == MASK2 + 2

_U16, _U32, _MASKS, _CTID = (struct.Struct(c) for c in ("<H", "<I", "<HH", "<HHH"))
_NOT_XMAX = 0xFFFF & ~(HEAP_XMAX_BITS | HEAP_MOVED)
_KEYS_UPDATED = int(HeapInfomask2.HEAP_KEYS_UPDATED)
_HOT_UPDATED = int(HeapInfomask2.HEAP_HOT_UPDATED)
_COMBOCID = int(HeapInfomask.HEAP_COMBOCID)
_ALL_VISIBLE = int(PageFlags.PD_ALL_VISIBLE)
FROZEN_XID = 2
_FREEZE_XVAC = int(FreezeFlags.XLH_FREEZE_XVAC)

#: (bit in the record, bit of t_infomask, bit of t_infomask2)
_INFOBITS: tuple[tuple[int, int, int], ...] = tuple(
    (int(bit), int(in_mask), int(in_mask2)) for bit, in_mask, in_mask2 in (
        (Infobits.XLHL_XMAX_IS_MULTI, HeapInfomask.HEAP_XMAX_IS_MULTI, 0),
        (Infobits.XLHL_XMAX_LOCK_ONLY, HeapInfomask.HEAP_XMAX_LOCK_ONLY, 0),
        (Infobits.XLHL_XMAX_EXCL_LOCK, HeapInfomask.HEAP_XMAX_EXCL_LOCK, 0),
        (Infobits.XLHL_XMAX_KEYSHR_LOCK, HeapInfomask.HEAP_XMAX_KEYSHR_LOCK, 0),
        (Infobits.XLHL_KEYS_UPDATED, 0, HeapInfomask2.HEAP_KEYS_UPDATED),
    )
)  # fmt: skip


_IN_MASK, _IN_MASK2 = sum(row[1] for row in _INFOBITS), sum(row[2] for row in _INFOBITS)


def infobits_of(infomask: int, infomask2: int) -> int:
    """What a record says of xmax, from a tuple's flag words."""
    return _infobits(infomask & _IN_MASK, infomask2 & _IN_MASK2)


@functools.cache
def _infobits(infomask: int, infomask2: int) -> int:
    out = 0
    for bit, in_mask, in_mask2 in _INFOBITS:
        if infomask & in_mask or infomask2 & in_mask2:
            out |= bit
    return out


_MASKS_OF = [
    (
        sum(int(mask) for bit, mask, _mask2 in _INFOBITS if bits & bit),
        sum(int(mask2) for bit, _mask, mask2 in _INFOBITS if bits & bit),
    )
    for bits in range(32)
]


def masks_of(infobits: int) -> tuple[int, int]:
    """The bits of (t_infomask, t_infomask2) that a record's five bits stand for."""
    return _MASKS_OF[infobits & 31]


# -- one tuple -----------------------------------------------------------------------------


def tuple_at(page: Any, number: int) -> int:
    """Where a tuple begins; CorruptData where there is none of that number."""
    at: int = pageedit.normal_item(page, number)
    if at:
        return at
    raise CorruptData(f"line pointer {number} leads to no tuple", field="lp_flags")


def masks_at(page: Any, at: int) -> tuple[int, int]:
    """(t_infomask, t_infomask2) of the tuple at an offset."""
    mask2, mask = _MASKS.unpack_from(page, at + MASK2)
    return mask, mask2


def set_masks(page: bytearray, at: int, infomask: int, infomask2: int) -> None:
    """Write both flag words."""
    _MASKS.pack_into(page, at + MASK2, infomask2, infomask)


def set_ctid(page: bytearray, at: int, block: int, number: int) -> None:
    """Write ``t_ctid``."""
    tupleedit.set_ctid(page, at, block, number)


def set_xid(page: bytearray, at: int, field: int, xid: int) -> None:
    """Write one of the header's 4-byte fields (:data:`XMIN`, :data:`XMAX`, :data:`FIELD3`)."""
    _U32.pack_into(page, at + field, xid)


def xid_at(page: Any, at: int, field: int) -> int:
    """One of the header's 4-byte fields."""
    return int(_U32.unpack_from(page, at + field)[0])


def set_prunable(page: bytearray, xid: int) -> None:
    """Note that pruning pays once ``xid`` is no longer seen by anybody; the oldest counts."""
    tupleedit.set_prunable(page, xid)


def set_cmax(page: bytearray, number: int, cid: int, combo: bool) -> None:
    """Note the command that deletes or locks a tuple."""
    tupleedit.set_cmax(page, tuple_at(page, number), cid, combo)


# -- changes -------------------------------------------------------------------------------


def insert(
    page: bytearray, block: int, tup: bytes | bytearray, number: int = 0, *,
    speculative: int = 0,
) -> int:  # fmt: skip
    """Put a tuple on the page; its line pointer's number, 0 where it does not fit.

    With a ``number`` that line pointer is taken (it is free, or the next one).
    ``speculative`` is the token that stands in t_ctid until the insertion is confirmed.
    """
    found = bufpage.add_item(page, tup, number, overwrite=number > 0, heap=True)
    if found and not speculative:
        tupleedit.set_ctid(page, pageedit.normal_item(page, found), block, found)
    return found


def mark_deleted(
    page: bytearray, block: int, number: int, xmax: int, infomask: int, infomask2: int,
    cid: int = 0, combo: bool = False, *, moved: bool = False,
) -> None:  # fmt: skip
    """Give a tuple its deleter; ``moved`` where an UPDATE put the row into another partition."""
    at = tuple_at(page, number)
    tupleedit.mark(page, at, xmax, infomask, infomask2, False)
    tupleedit.set_cmax(page, at, cid, combo)
    if moved:
        set_ctid(page, at, INVALID_BLOCK_NUMBER, MOVED_PARTITIONS_OFFSET_NUMBER)
    else:
        tupleedit.set_ctid(page, at, block, number)


def mark_updated(
    page: bytearray, number: int, xmax: int, infomask: int, infomask2: int,
    new: tuple[int, int], hot: bool, cid: int = 0, combo: bool = False,
) -> None:  # fmt: skip
    """Give a tuple its updater and the place of the new version."""
    at = tuple_at(page, number)
    tupleedit.mark(page, at, xmax, infomask, infomask2, hot)
    tupleedit.set_cmax(page, at, cid, combo)
    tupleedit.set_ctid(page, at, *new)


def mark_locked(
    page: bytearray, block: int, number: int, xmax: int, infomask: int, infomask2: int
) -> None:
    """Give a tuple a locker, or the multixact of its lockers and updater."""
    at = tuple_at(page, number)
    only_locks = xmax_is_locked_only(infomask)
    hot = not only_locks and bool(masks_at(page, at)[1] & _HOT_UPDATED)
    tupleedit.mark(page, at, xmax, infomask, infomask2, hot)
    if only_locks:
        set_ctid(page, at, block, number)


def mark_updated_version_locked(
    page: bytearray, number: int, xmax: int, infomask: int, infomask2: int
) -> None:
    """Lock a newer version of a row whose older one is being locked; t_ctid stays."""
    at = tuple_at(page, number)
    hot = bool(masks_at(page, at)[1] & _HOT_UPDATED)
    tupleedit.mark(page, at, xmax, infomask, infomask2, hot)


def confirm_speculative(page: bytearray, block: int, number: int) -> None:
    """A speculative insertion stays: its t_ctid becomes an ordinary one."""
    set_ctid(page, tuple_at(page, number), block, number)


def abort_speculative(page: bytearray, block: int, number: int) -> None:
    """A speculative insertion goes: nobody will ever see it."""
    at = tuple_at(page, number)
    mask, mask2 = masks_at(page, at)
    set_masks(page, at, mask & _NOT_XMAX, mask2 & ~(_KEYS_UPDATED | _HOT_UPDATED))
    _U32.pack_into(page, at + XMIN, INVALID_XID)
    tupleedit.set_cmax(page, at, 0, False)
    set_ctid(page, at, block, number)


def overwrite_inplace(page: bytearray, number: int, attributes: bytes) -> None:
    """Put new attributes of the same length in the place of a tuple's."""
    at = tuple_at(page, number)
    _state, _offset, length = bufpage.item_id(page, number)
    start = at + page[at + HOFF]
    if at + length - start != len(attributes):
        raise CorruptData(
            f"wrong tuple length: {len(attributes)} bytes of attributes in the place of "
            f"{at + length - start}",
            offset=at, field="lp_len",
        )  # fmt: skip
    page[start : start + len(attributes)] = attributes


def all_visible(page: Any) -> bool:
    """Whether the page says that all tuples on it are visible to everybody."""
    return bool(bufpage.flags(page) & _ALL_VISIBLE)


def set_all_visible(page: bytearray, on: bool = True) -> None:
    """Set or clear PD_ALL_VISIBLE."""
    bufpage.set_flag(page, _ALL_VISIBLE, on)


# -- pruning and freezing ------------------------------------------------------------------


def prune(
    page: bytearray,
    redirected: Iterable[tuple[int, int]],
    dead: Iterable[int],
    unused: Iterable[int],
    *,
    lines_only: bool = False,
    truncate: bool = True,
) -> None:
    """Redirect, kill and free line pointers; then close the gaps that their tuples left.

    ``lines_only`` is the second pass of VACUUM: dead line pointers, which have no tuple,
    become free, and no tuple moves. See :func:`pgtool.storage.page.repair_fragmentation`
    for ``truncate``.
    """
    pairs, dead, unused = list(redirected), list(dead), list(unused)
    numbers = [number for pair in pairs for number in pair] + dead + unused
    data = struct.pack(f"<{len(numbers)}H", *numbers)
    if not tupleedit.change_lines(page, data, 0, len(pairs), len(dead), len(unused)):
        raise CorruptData(
            f"a line pointer to be pruned is not among the page's {bufpage.max_offset(page)}",
            field="pd_lower",
        )
    if not tupleedit.settle_lines(page, lines_only, truncate):
        bufpage.repair_fragmentation(page, truncate=truncate)  # says what is wrong


def freeze(
    page: bytearray, numbers: Sequence[int], xmax: int, infomask: int, infomask2: int, flags: int
) -> None:
    """Give tuples the xmax and flags that a freeze plan says."""
    data = struct.pack(f"<{len(numbers)}H", *numbers)
    if not tupleedit.freeze_tuples(
        page, data, 0, len(numbers), xmax, infomask, infomask2, flags
    ):
        for number in numbers:
            tuple_at(page, number)  # says what is wrong
