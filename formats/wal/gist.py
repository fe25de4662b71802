"""WAL records of GiST indexes (``RM_GIST_ID``).

Source: ``access/gistxlog.h``. A split may make several pages at once: each is a block
reference from 1 on, with the page's number and its tuples as data; block 0, where it is
there, is the left half of an earlier split that this one finishes.

Names are those of the newest major: ``snapshotConflictHorizon`` was ``latestRemovedXid``
before 16.
"""

from __future__ import annotations

from construct import Struct, this

from formats.units import (
    BlockNumber,
    Bool,
    FullTransactionId,
    OffsetNumber,
    Raw,
    TransactionId,
    XLogRecPtr,
    int32,
    uint16,
)
from formats.version import ByMajor
from formats.wal.record import XLR_MAX_BLOCK_ID, RelFileLocator
from formats.wal.rmgrs import RecordType, always, record
from formats.wal.tuples import All, IndexTuple, offsets

gistxlogPageUpdate = Struct(
    "ntodelete" / uint16 * "number of tuples taken out",
    "ntoinsert" / uint16 * "number of tuples put in",
)
assert gistxlogPageUpdate.sizeof() == 4

_delete_fields = (
    "snapshotConflictHorizon" / TransactionId * "newest xid whose row the tuples led to",
    "ntodelete" / uint16 * "number of deleted tuples",
)
gistxlogDelete = ByMajor(
    {
        14: Struct(*_delete_fields),
        16: Struct(
            *_delete_fields,
            "isCatalogRel" / Bool * "whether its table is a catalog",
            "padding" / Raw(1) * "alignment",
        ),
    }
)
assert [s.sizeof() for s in gistxlogDelete.distinct()] == [6, 8]

gistxlogPageSplit = Struct(
    "origrlink" / BlockNumber * "right link of the page before the split",
    "padding" / Raw(4) * "alignment",
    "orignsn" / XLogRecPtr * "node sequence number of the page before the split",
    "origleaf" / Bool * "whether it is a leaf",
    "padding2" / Raw(1) * "alignment",
    "npage" / uint16 * "number of pages that it becomes",
    "markfollowright" / Bool * "whether F_FOLLOW_RIGHT is set on the halves",
    "padding3" / Raw(3) * "alignment",
)
assert gistxlogPageSplit.sizeof() == 24

gistxlogPageDelete = Struct(
    "deleteXid" / FullTransactionId * "newest xid that may still be on its way to the page",
    "downlinkOffset" / OffsetNumber * "line pointer of the downlink in the parent page",
)
assert gistxlogPageDelete.sizeof() == 10

_reuse_fields = (
    "locator" / RelFileLocator * "the index's file",
    "block" / BlockNumber * "the page",
    "snapshotConflictHorizon" / FullTransactionId * "newest xid that could still see the page",
)
gistxlogPageReuse = ByMajor(
    {
        14: Struct(*_reuse_fields),
        16: Struct(*_reuse_fields, "isCatalogRel" / Bool * "whether its table is a catalog"),
    }
)
assert [s.sizeof() for s in gistxlogPageReuse.distinct()] == [24, 25]

_todelete = "todelete" / offsets(this.ntodelete) * "line pointers of deleted tuples"
_split_page = always(
    "num" / int32 * "number of tuples",
    "tuples" / All(IndexTuple) * "the page's tuples",
)

RECORDS = (
    RecordType(
        0x00,
        "PAGE_UPDATE",
        always(gistxlogPageUpdate),
        {
            0: always(
                "todelete"
                / offsets(this._params.main.ntodelete)
                * "line pointers of tuples taken out",
                "tuples" / All(IndexTuple) * "tuples put in",
            )
        },
    ),
    RecordType(
        0x10,
        "DELETE",
        ByMajor({major: record(s, _todelete) for major, s in gistxlogDelete.items()}),
    ),
    RecordType(
        0x20,
        "PAGE_REUSE",
        ByMajor({major: record(s) for major, s in gistxlogPageReuse.items()}),
    ),
    RecordType(
        0x30,
        "PAGE_SPLIT",
        always(gistxlogPageSplit),
        dict.fromkeys(range(1, XLR_MAX_BLOCK_ID + 1), _split_page),
    ),
    RecordType(0x60, "PAGE_DELETE", always(gistxlogPageDelete)),
    RecordType(0x70, "ASSIGN_LSN", always("dummy" / int32 * "0: a record must not be empty")),
)
