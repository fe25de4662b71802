"""WAL records of btree indexes (``RM_BTREE_ID``).

Source: ``access/nbtxlog.h``. Index tuples travel in the data of block 0 (the page that is
changed), whole pages of them where a page is written anew: the right half of a split in
block 1, a new root in block 0. The metapage's contents, where they change, are the data of
its own block reference.

Names are those of the newest major: ``snapshotConflictHorizon`` was ``latestRemovedXid``
before 16.
"""

from __future__ import annotations

from typing import Any

from construct import If, Struct, this

from formats.units import (
    BlockNumber,
    Bool,
    FullTransactionId,
    OffsetNumber,
    Raw,
    TransactionId,
    uint16,
    uint32,
)
from formats.version import ByMajor
from formats.wal.record import RelFileLocator
from formats.wal.rmgrs import Counted, RecordType, always, record
from formats.wal.tuples import All, IndexTuple, PageIndexTuple, offsets

xl_btree_metadata = Struct(
    "version" / uint32 * "version of the index format",
    "root" / BlockNumber * "root page",
    "level" / uint32 * "level of the root",
    "fastroot" / BlockNumber * "page where descents begin",
    "fastlevel" / uint32 * "level of that page",
    "last_cleanup_num_delpages" / uint32 * "deleted pages left by the last VACUUM",
    "allequalimage" / Bool * "whether equal keys have equal bytes, so that duplicates can merge",
    "padding" / Raw(3) * "alignment",
)
assert xl_btree_metadata.sizeof() == 28

xl_btree_insert = Struct("offnum" / OffsetNumber * "line pointer of the new tuple")

xl_btree_split = Struct(
    "level" / uint32 * "level of the page",
    "firstrightoff" / OffsetNumber * "first line pointer that moves to the right page",
    "newitemoff" / OffsetNumber * "line pointer of the tuple that caused the split",
    "postingoff" / uint16 * "where that tuple cuts a posting list in two; 0 if it does not",
)
assert xl_btree_split.sizeof() == 10

xl_btree_dedup = Struct("nintervals" / uint16 * "number of merged runs")

BTDedupInterval = Struct(
    "baseoff" / OffsetNumber * "first line pointer of the run",
    "nitems" / uint16 * "number of tuples that become one",
)
assert BTDedupInterval.sizeof() == 4

_reuse_fields = (
    "locator" / RelFileLocator * "the index's file",
    "block" / BlockNumber * "the page",
    "snapshotConflictHorizon" / FullTransactionId * "newest xid that could still see the page",
)
xl_btree_reuse_page = ByMajor(
    {
        14: Struct(*_reuse_fields),
        16: Struct(*_reuse_fields, "isCatalogRel" / Bool * "whether its table is a catalog"),
    }
)
assert [s.sizeof() for s in xl_btree_reuse_page.distinct()] == [24, 25]

xl_btree_vacuum = Struct(
    "ndeleted" / uint16 * "number of deleted tuples",
    "nupdated" / uint16 * "number of posting lists that become shorter",
)
assert xl_btree_vacuum.sizeof() == 4

_delete_fields = (
    "snapshotConflictHorizon" / TransactionId * "newest xid whose row the tuples led to",
    *xl_btree_vacuum.subcons,
)
xl_btree_delete = ByMajor(
    {
        14: Struct(*_delete_fields),
        16: Struct(*_delete_fields, "isCatalogRel" / Bool * "whether its table is a catalog"),
    }
)
assert [s.sizeof() for s in xl_btree_delete.distinct()] == [8, 9]

xl_btree_update = Struct(
    "ndeletedtids" / uint16 * "number of tids taken out",
    "ptids" / Counted(this.ndeletedtids, uint16) * "their places in the posting list, from 0",
)

xl_btree_mark_page_halfdead = Struct(
    "poffset" / OffsetNumber * "line pointer of the downlink in the parent page",
    "padding" / Raw(2) * "alignment",
    "leafblk" / BlockNumber * "the leaf page to be deleted",
    "leftblk" / BlockNumber * "its left sibling, 0 if none",
    "rightblk" / BlockNumber * "its right sibling",
    "topparent" / BlockNumber * "topmost page of the subtree that goes with it",
)
assert xl_btree_mark_page_halfdead.sizeof() == 20

xl_btree_unlink_page = Struct(
    "leftsib" / BlockNumber * "the page's left sibling, 0 if none",
    "rightsib" / BlockNumber * "its right sibling",
    "level" / uint32 * "its level",
    "padding" / Raw(4) * "alignment",
    "safexid" / FullTransactionId * "when no snapshot sees this xid the page can be reused",
    "leafleftsib" / BlockNumber * "left sibling of the subtree's leaf",
    "leafrightsib" / BlockNumber * "right sibling of the leaf",
    "leaftopparent" / BlockNumber * "next page of the subtree to go",
)
assert xl_btree_unlink_page.sizeof() == 36

xl_btree_newroot = Struct(
    "rootblk" / BlockNumber * "the new root page",
    "level" / uint32 * "its level",
)
assert xl_btree_newroot.sizeof() == 8

_insert = always(xl_btree_insert)
_tuple = always("tuple" / IndexTuple * "the new tuple")
_page = always("tuples" / All(PageIndexTuple) * "the page's tuples, last line pointer first")
_metadata = always("metadata" / xl_btree_metadata * "the metapage's new contents")
_unlink = always(xl_btree_unlink_page)
_lefthighkey = "lefthighkey" / PageIndexTuple * "new high key of the left page"


def _cuts_posting_list(context: Any) -> bool:
    return bool(context._params.main.postingoff)


_deletion = always(
    "deleted" / offsets(this._params.main.ndeleted) * "line pointers of deleted tuples",
    "updatedoffsets"
    / offsets(this._params.main.nupdated)
    * "line pointers of shortened posting lists",
    "updates"
    / Counted(this._params.main.nupdated, xl_btree_update)
    * "what is taken out of each of them",
)

RECORDS = (
    RecordType(0x00, "INSERT_LEAF", _insert, {0: _tuple}),
    RecordType(0x10, "INSERT_UPPER", _insert, {0: _tuple}),
    RecordType(0x20, "INSERT_META", _insert, {0: _tuple, 2: _metadata}),
    RecordType(
        0x30,
        "SPLIT_L",
        always(xl_btree_split),
        {
            0: always(
                "newitem" / PageIndexTuple * "the new tuple, as it was before any cut",
                _lefthighkey,
            ),
            1: _page,
        },
    ),
    RecordType(
        0x40,
        "SPLIT_R",
        always(xl_btree_split),
        {
            0: always(
                "newitem"
                / If(_cuts_posting_list, PageIndexTuple)
                * "the new tuple, where it cuts a posting list of the left page",
                _lefthighkey,
            ),
            1: _page,
        },
    ),
    RecordType(
        0x50,
        "INSERT_POST",
        _insert,
        {
            0: always(
                "postingoff" / uint16 * "where the new tuple cuts the posting list before it",
                "tuple" / IndexTuple * "the new tuple, as it was before the cut",
            )
        },
    ),
    RecordType(
        0x60,
        "DEDUP",
        always(xl_btree_dedup),
        {
            0: always(
                "intervals"
                / Counted(this._params.main.nintervals, BTDedupInterval)
                * "runs of tuples with equal keys"
            )
        },
    ),
    RecordType(
        0x70,
        "DELETE",
        ByMajor({major: record(s) for major, s in xl_btree_delete.items()}),
        {0: _deletion},
    ),
    RecordType(0x80, "UNLINK_PAGE", _unlink),
    RecordType(0x90, "UNLINK_PAGE_META", _unlink, {4: _metadata}),
    RecordType(0xA0, "NEWROOT", always(xl_btree_newroot), {0: _page, 2: _metadata}),
    RecordType(0xB0, "MARK_PAGE_HALFDEAD", always(xl_btree_mark_page_halfdead)),
    RecordType(0xC0, "VACUUM", always(xl_btree_vacuum), {0: _deletion}),
    RecordType(
        0xD0,
        "REUSE_PAGE",
        ByMajor({major: record(s) for major, s in xl_btree_reuse_page.items()}),
    ),
    RecordType(0xE0, "META_CLEANUP", always(), {0: _metadata}),
)
