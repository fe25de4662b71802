"""WAL records of GIN indexes (``RM_GIN_ID``).

Source: ``access/ginxlog.h``. Two trees live in one index: the entry tree, whose tuples
are index tuples, and below an entry with many rows a posting tree, whose leaves are lists
of compressed segments. A change of a posting tree leaf says, segment by segment, what
becomes of it (:data:`ginxlogSegmentAction`). Splits log whole pages as images.
"""

from __future__ import annotations

import enum
from typing import Any

from construct import Error, IfThenElse, Struct, Switch, this

from formats.gin import GinMetaPageData, GinPostingListHeader, PostingItem
from formats.itemptr import BlockIdData, ItemPointerData
from formats.units import (
    BlockNumber,
    Bool,
    Choice,
    Flags,
    OffsetNumber,
    Raw,
    TransactionId,
    int32,
    uint8,
    uint16,
    uint32,
)
from formats.wal.record import RelFileLocator
from formats.wal.rmgrs import Counted, RecordType, always
from formats.wal.tuples import All, IndexTuple


class InsertFlags(enum.IntFlag):
    """``flags`` of insertions and splits."""

    GIN_INSERT_ISDATA = 0x01
    GIN_INSERT_ISLEAF = 0x02
    GIN_SPLIT_ROOT = 0x04


class SegmentAction(enum.IntEnum):
    """``type``: what becomes of one segment of a posting tree leaf."""

    GIN_SEGMENT_UNMODIFIED = 0
    GIN_SEGMENT_DELETE = 1
    GIN_SEGMENT_INSERT = 2
    GIN_SEGMENT_REPLACE = 3
    GIN_SEGMENT_ADDITEMS = 4


GinPostingList = Struct(
    *GinPostingListHeader.subcons,
    "bytes" / Raw(this.nbytes) * "differences from row to row, seven bits to a byte",
    "padding" / Raw(this.nbytes & 1) * "alignment",
)

ginxlogCreatePostingTree = Struct("size" / uint32 * "bytes of the compressed lists")

ginxlogInsert = Struct("flags" / Flags(uint16, InsertFlags) * "kind of the page")

ginxlogInsertChildren = Struct(
    "leftChildBlkno" / BlockIdData * "left half of the split that this finishes",
    "rightChildBlkno" / BlockIdData * "right half of it",
)
assert ginxlogInsertChildren.sizeof() == 8

ginxlogInsertEntryHeader = Struct(
    "offset" / OffsetNumber * "line pointer of the new tuple",
    "isDelete" / Bool * "whether the tuple there is replaced",
    "padding" / Raw(1) * "alignment",
)
assert ginxlogInsertEntryHeader.sizeof() == 4

ginxlogInsertEntry = Struct(
    *ginxlogInsertEntryHeader.subcons,
    "tuple" / IndexTuple * "the new tuple",
)

ginxlogInsertDataInternal = Struct(
    "offset" / OffsetNumber * "place of the new item",
    "newitem" / PostingItem * "the new item",
)
assert ginxlogInsertDataInternal.sizeof() == 12

ginxlogRecompressDataLeaf = Struct("nactions" / uint16 * "number of segments that change")

ginxlogSegmentAction = Struct(
    "segno" / uint8 * "number of the segment",
    "type" / Choice(uint8, SegmentAction) * "what becomes of it",
)
ginxlogAddItems = Struct("nitems" / uint16 * "number of rows")

SegmentActionData = Struct(
    *ginxlogSegmentAction.subcons,
    "data"
    / Switch(
        this.type,
        {
            SegmentAction.GIN_SEGMENT_DELETE: Struct(),
            SegmentAction.GIN_SEGMENT_INSERT: GinPostingList,
            SegmentAction.GIN_SEGMENT_REPLACE: GinPostingList,
            SegmentAction.GIN_SEGMENT_ADDITEMS: Struct(
                *ginxlogAddItems.subcons,
                "items" / Counted(this.nitems, ItemPointerData) * "the rows",
            ),
        },
        default=Error,
    )
    * "new contents, or the rows added",
)

RecompressDataLeaf = Struct(
    *ginxlogRecompressDataLeaf.subcons,
    "actions" / Counted(this.nactions, SegmentActionData) * "what becomes of each",
)

ginxlogSplit = Struct(
    "locator" / RelFileLocator * "the index's file",
    "rrlink" / BlockNumber * "right link of the page; the root's number if the root is split",
    "leftChildBlkno" / BlockNumber * "left half of the split below that this finishes",
    "rightChildBlkno" / BlockNumber * "right half of it",
    "flags" / Flags(uint16, InsertFlags) * "kind of the page",
    "padding" / Raw(2) * "alignment",
)
assert ginxlogSplit.sizeof() == 28

ginxlogDeletePage = Struct(
    "parentOffset" / OffsetNumber * "place of the downlink in the parent page",
    "padding" / Raw(2) * "alignment",
    "rightLink" / BlockNumber * "page to the right",
    "deleteXid" / TransactionId * "newest xid that may still be on its way to the page",
)
assert ginxlogDeletePage.sizeof() == 12

ginxlogUpdateMeta = Struct(
    "locator" / RelFileLocator * "the index's file",
    "padding" / Raw(4) * "alignment",
    "metadata" / GinMetaPageData * "the metapage's new contents",
    "prevTail" / BlockNumber * "page that was the list's last",
    "newRightlink" / BlockNumber * "page that follows it now",
    "ntuples" / int32 * "number of tuples put on the last page; 0: pages were added",
    "padding2" / Raw(4) * "alignment",
)
assert ginxlogUpdateMeta.sizeof() == 88

ginxlogInsertListPage = Struct(
    "rightlink" / BlockNumber * "next page of the pending list",
    "ntuples" / int32 * "number of tuples",
)
assert ginxlogInsertListPage.sizeof() == 8

ginxlogDeleteListPages = Struct(
    "metadata" / GinMetaPageData * "the metapage's new contents",
    "ndeleted" / int32 * "number of pages taken off the list",
    "padding" / Raw(4) * "alignment",
)
assert ginxlogDeleteListPages.sizeof() == 64


def _inner(context: Any) -> bool:
    return not context.flags & InsertFlags.GIN_INSERT_ISLEAF


_is_data = this._params.main.flags & InsertFlags.GIN_INSERT_ISDATA
_is_leaf = this._params.main.flags & InsertFlags.GIN_INSERT_ISLEAF

RECORDS = (
    RecordType(
        0x10,
        "CREATE_PTREE",
        always(
            ginxlogCreatePostingTree,
            "segments" / All(GinPostingList) * "the compressed lists",
        ),
    ),
    RecordType(
        0x20,
        "INSERT",
        always(
            ginxlogInsert,
            "children"
            / IfThenElse(_inner, ginxlogInsertChildren, Struct())
            * "inner page: the two halves of a page below",
        ),
        {
            0: always(
                "insert"
                / IfThenElse(
                    _is_data,
                    IfThenElse(_is_leaf, RecompressDataLeaf, ginxlogInsertDataInternal),
                    ginxlogInsertEntry,
                )
                * "what is put in, by kind of page"
            )
        },
    ),
    RecordType(0x30, "SPLIT", always(ginxlogSplit)),
    RecordType(0x40, "VACUUM_PAGE", always()),
    RecordType(0x50, "DELETE_PAGE", always(ginxlogDeletePage)),
    RecordType(
        0x60,
        "UPDATE_META_PAGE",
        always(ginxlogUpdateMeta),
        {1: always("tuples" / All(IndexTuple) * "tuples put on the list's last page")},
    ),
    RecordType(
        0x70,
        "INSERT_LISTPAGE",
        always(ginxlogInsertListPage),
        {0: always("tuples" / All(IndexTuple) * "the page's tuples")},
    ),
    RecordType(0x80, "DELETE_LISTPAGE", always(ginxlogDeleteListPages)),
    RecordType(
        0x90,
        "VACUUM_DATA_LEAF_PAGE",
        always(),
        {0: always("data" / RecompressDataLeaf * "what becomes of the page's segments")},
    ),
)
