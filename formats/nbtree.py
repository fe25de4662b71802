"""B-tree pages: meta page, leaf and internal pages, deleted pages; pivot and posting tuples.

Source: ``access/nbtree.h``. The special space is BTPageOpaqueData on every page. The
meta page (block 0) and deleted pages hold a struct where others hold line pointers.
An index tuple with INDEX_ALT_TID_MASK uses ``t_tid`` in its own way:

* a *pivot* tuple (internal pages, high keys): block = child page, offset = number of key
  attributes in the low bits, BT_PIVOT_HEAP_TID_ATTR where a heap TID ends the tuple;
* a *posting list* tuple: block = where in the tuple the TID array begins, offset = number
  of TIDs, with BT_IS_POSTING.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from construct import Struct

from formats.derive import reader, sizeof
from formats.errors import CorruptData
from formats.itemptr import ItemPointer, ItemPointerData
from formats.itup import (
    IndexInfo,
    begin_layout,
    checked_header,
    key_layout,
    read_index_tuple,
    read_tids,
    tid_of,
    tuple_size,
)
from formats.layout import (
    Item,
    PageView,
    Piece,
    Problems,
    array,
    contents_piece,
    header_piece,
    line_pointer_page,
    special_piece,
)
from formats.units import (
    BlockNumber,
    Flags,
    FullTransactionId,
    Raw,
    float8,
    uint8,
    uint16,
    uint32,
)

BTREE_METAPAGE = 0
BTREE_MAGIC = 0x053162
BTREE_VERSION = 4
BTREE_MIN_VERSION = 2
BTREE_NOVAC_VERSION = 3
MAX_BT_CYCLE_ID = 0xFF7F
P_NONE = 0
P_HIKEY = 1
INDEX_ALT_TID_MASK = int(IndexInfo.INDEX_AM_RESERVED_BIT)
BT_OFFSET_MASK = 0x0FFF
BT_PIVOT_HEAP_TID_ATTR = 0x1000
BT_IS_POSTING = 0x2000


class BtpFlags(enum.IntFlag):
    """``btpo_flags``."""

    BTP_LEAF = 0x0001
    BTP_ROOT = 0x0002
    BTP_DELETED = 0x0004
    BTP_META = 0x0008
    BTP_HALF_DEAD = 0x0010
    BTP_SPLIT_END = 0x0020
    BTP_HAS_GARBAGE = 0x0040
    BTP_INCOMPLETE_SPLIT = 0x0080
    BTP_HAS_FULLXID = 0x0100


BTPageOpaqueData = Struct(
    "btpo_prev" / BlockNumber * "left sibling, 0 on the leftmost page",
    "btpo_next" / BlockNumber * "right sibling, 0 on the rightmost page",
    "btpo_level" / uint32 * "height above the leaves, which are level 0",
    "btpo_flags" / Flags(uint16, BtpFlags) * "what kind of page, and its state",
    "btpo_cycleid" / uint16 * "VACUUM cycle of the latest split",
)
assert BTPageOpaqueData.sizeof() == 16

BTMetaPageData = Struct(
    "btm_magic" / uint32 * "0x053162",
    "btm_version" / uint32 * "version of the format, 4 since PostgreSQL 12",
    "btm_root" / BlockNumber * "the root page, 0 in an empty index",
    "btm_level" / uint32 * "level of the root page",
    "btm_fastroot" / BlockNumber * "the lowest page that is alone on its level",
    "btm_fastlevel" / uint32 * "level of the fast root",
    "btm_last_cleanup_num_delpages" / uint32 * "deleted pages not yet reusable at last cleanup",
    "padding1" / Raw(4) * "alignment",
    "btm_last_cleanup_num_heap_tuples" / float8 * "no longer used",
    "btm_allequalimage" / uint8 * "whether equal keys are equal bytes, so deduplication is safe",
    "padding2" / Raw(7) * "alignment",
)
assert BTMetaPageData.sizeof() == 48

BTDeletedPageData = Struct(
    "safexid" / FullTransactionId * "the page may be reused when no older snapshot is left",
)
assert BTDeletedPageData.sizeof() == 8

#: The last bytes of a pivot tuple with BT_PIVOT_HEAP_TID_ATTR.
PivotHeapTid = Struct("htid" / ItemPointerData * "heap TID that breaks ties between equal keys")

read_opaque = reader(BTPageOpaqueData)
SIZEOF_TID = sizeof(ItemPointerData)


def is_pivot(t_info: int, posid: int) -> bool:
    """Whether a tuple is a (version 4) pivot tuple."""
    return bool(t_info & INDEX_ALT_TID_MASK) and not posid & BT_IS_POSTING


def is_posting(t_info: int, posid: int) -> bool:
    """Whether a tuple holds a posting list."""
    return bool(t_info & INDEX_ALT_TID_MASK) and bool(posid & BT_IS_POSTING)


def pivot_natts(posid: int) -> int:
    """Number of key attributes that a pivot tuple keeps."""
    return posid & BT_OFFSET_MASK


def posting_tids(data: bytes, start: int, end: int) -> list[ItemPointer]:
    """The TIDs of the posting list tuple in [start, end) of a page."""
    block, posid = tid_of(read_index_tuple(data, start))
    count = posid & BT_OFFSET_MASK
    if start + block + count * SIZEOF_TID > end:
        raise CorruptData(
            f"posting list of {count} TIDs at {block} does not fit into its tuple", offset=start
        )
    return read_tids(data, start + block, count)


def layout(view: PageView, problems: Problems) -> Iterator[Piece]:
    """The pieces of a btree page."""
    special = special_piece(view, "BTPageOpaqueData", BTPageOpaqueData)
    flags = read_opaque(view.data, special.offset).btpo_flags
    yield special
    if flags & BtpFlags.BTP_META:
        yield header_piece()
        yield contents_piece("BTMetaPageData", BTMetaPageData)
    elif flags & BtpFlags.BTP_DELETED and flags & BtpFlags.BTP_HAS_FULLXID:
        yield header_piece()
        yield contents_piece("BTDeletedPageData", BTDeletedPageData)
    else:
        yield from line_pointer_page(view, _tuple, problems)


def _tuple(view: PageView, item: Item) -> list[Piece]:
    """Header, key and (posting list or heap TID) of one tuple."""
    head = checked_header(view, item)
    block, posid = tid_of(head)
    count = posid & BT_OFFSET_MASK
    note, tail, width = "", PivotHeapTid, 0
    if is_posting(head.t_info, posid):
        note = f"posting list of {count} TIDs, {block} bytes into the tuple"
        tail, width = array(count, ItemPointerData), tuple_size(head.t_info) - block
        if count * SIZEOF_TID > width:
            raise CorruptData(
                f"posting list of tuple {item.number} does not fit", offset=item.offset
            )
    elif is_pivot(head.t_info, posid):
        note = f"pivot: child block {block}, {pivot_natts(posid)} key attributes"
        if posid & BT_PIVOT_HEAP_TID_ATTR:
            width = SIZEOF_TID
    out, head = begin_layout(view, item, note)
    key_layout(out, head.t_info, item.offset + tuple_size(head.t_info) - width)
    if width:
        out.add("heap TIDs", tail)
    out.raw("after the tuple", item.end)
    return out.pieces
