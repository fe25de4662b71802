"""WAL records of hash indexes (``RM_HASH_ID``).

Source: ``access/hash_xlog.h``. An action that touches a bucket's chain refers to many
pages (bucket, overflow pages, bitmap, metapage); each reference carries the few bytes that
its own page needs.

Names are those of the newest major: ``snapshotConflictHorizon`` was ``latestRemovedXid``
before 16.
"""

from __future__ import annotations

import enum

from construct import If, Struct, this

from formats.units import (
    BlockNumber,
    Bool,
    Flags,
    OffsetNumber,
    Oid,
    Raw,
    TransactionId,
    float8,
    int32,
    uint8,
    uint16,
    uint32,
)
from formats.version import ByMajor
from formats.wal.rmgrs import Counted, RecordType, always, record
from formats.wal.tuples import All, IndexTuple, PageIndexTuple, offsets


class SplitFlags(enum.IntFlag):
    """``flags`` of the allocation of a new bucket: what changes in the metapage."""

    XLH_SPLIT_META_UPDATE_MASKS = 0x01
    XLH_SPLIT_META_UPDATE_SPLITPOINT = 0x02


xl_hash_insert = Struct("offnum" / OffsetNumber * "line pointer of the new tuple")

xl_hash_add_ovfl_page = Struct(
    "bmsize" / uint16 * "bytes of a bitmap page's bitmap",
    "bmpage_found" / Bool * "whether a bitmap page had a free bit",
)
assert xl_hash_add_ovfl_page.sizeof() == 3

xl_hash_split_allocate_page = Struct(
    "new_bucket" / uint32 * "number of the new bucket",
    "old_bucket_flag" / uint16 * "page flags of the bucket that is split",
    "new_bucket_flag" / uint16 * "page flags of the new bucket",
    "flags" / Flags(uint8, SplitFlags) * "what changes in the metapage",
)
assert xl_hash_split_allocate_page.sizeof() == 9

xl_hash_split_complete = Struct(
    "old_bucket_flag" / uint16 * "page flags of the bucket that was split",
    "new_bucket_flag" / uint16 * "page flags of the new bucket",
)
assert xl_hash_split_complete.sizeof() == 4

xl_hash_move_page_contents = Struct(
    "ntups" / uint16 * "number of moved tuples",
    "is_prim_bucket_same_wrt" / Bool * "whether they go to the bucket's primary page",
)
assert xl_hash_move_page_contents.sizeof() == 3

xl_hash_squeeze_page = Struct(
    "prevblkno" / BlockNumber * "page before the freed overflow page",
    "nextblkno" / BlockNumber * "page after it",
    "ntups" / uint16 * "number of tuples moved away from it",
    "is_prim_bucket_same_wrt" / Bool * "whether they go to the bucket's primary page",
    "is_prev_bucket_same_wrt" / Bool * "whether they go to the page before",
)
assert xl_hash_squeeze_page.sizeof() == 12

xl_hash_delete = Struct(
    "clear_dead_marking" / Bool * "whether LH_PAGE_HAS_DEAD_TUPLES is cleared",
    "is_primary_bucket_page" / Bool * "whether it is the bucket's primary page",
)
assert xl_hash_delete.sizeof() == 2

xl_hash_update_meta_page = Struct("ntuples" / float8 * "number of tuples in the index")

xl_hash_init_meta_page = Struct(
    "num_tuples" / float8 * "expected number of tuples",
    "procid" / Oid * "hash function",
    "ffactor" / uint16 * "tuples per bucket to aim at",
)
assert xl_hash_init_meta_page.sizeof() == 14

xl_hash_init_bitmap_page = Struct("bmsize" / uint16 * "bytes of the page's bitmap")

xl_hash_vacuum_one_page = ByMajor(
    {
        14: Struct(
            "snapshotConflictHorizon" / TransactionId * "newest xid whose row the tuples led to",
            "ntuples" / int32 * "number of deleted tuples",
        ),
        16: Struct(
            "snapshotConflictHorizon" / TransactionId * "newest xid whose row the tuples led to",
            "ntuples" / uint16 * "number of deleted tuples",
            "isCatalogRel" / Bool * "whether its table is a catalog",
            "padding" / Raw(1) * "alignment",
        ),
    }
)
assert [s.sizeof() for s in xl_hash_vacuum_one_page.distinct()] == [8, 8]

_one_page_offsets = "offsets" / offsets(this.ntuples) * "line pointers of deleted tuples"
_moved = always(
    "offsets" / offsets(this._params.main.ntups) * "line pointers that the tuples get",
    "tuples" / Counted(this._params.main.ntups, PageIndexTuple) * "the tuples",
)
_deleted = always("offsets" / All(OffsetNumber) * "line pointers of tuples that are gone")
_firstfree = always("hashm_firstfree" / uint32 * "metapage: first overflow page that may be free")
_bit = always("bitmapbit" / uint32 * "the overflow page's bit in the bitmap")
_masks = this._params.main.flags & SplitFlags.XLH_SPLIT_META_UPDATE_MASKS
_splitpoint = this._params.main.flags & SplitFlags.XLH_SPLIT_META_UPDATE_SPLITPOINT

RECORDS = (
    RecordType(0x00, "INIT_META_PAGE", always(xl_hash_init_meta_page)),
    RecordType(0x10, "INIT_BITMAP_PAGE", always(xl_hash_init_bitmap_page)),
    RecordType(
        0x20, "INSERT", always(xl_hash_insert), {0: always("tuple" / IndexTuple * "the new tuple")}
    ),
    RecordType(
        0x30,
        "ADD_OVFL_PAGE",
        always(xl_hash_add_ovfl_page),
        {
            0: always("hasho_bucket" / uint32 * "bucket that the new page belongs to"),
            2: _bit,
            4: _firstfree,
        },
    ),
    RecordType(
        0x40,
        "SPLIT_ALLOCATE_PAGE",
        always(xl_hash_split_allocate_page),
        {
            2: always(
                "hashm_lowmask" / If(_masks, uint32) * "metapage: mask of the buckets' lower half",
                "hashm_highmask" / If(_masks, uint32) * "metapage: mask of all buckets",
                "hashm_ovflpoint" / If(_splitpoint, uint32) * "metapage: current splitpoint",
                "hashm_spares" / If(_splitpoint, uint32) * "metapage: overflow pages before it",
            )
        },
    ),
    RecordType(0x50, "SPLIT_PAGE", always()),
    RecordType(0x60, "SPLIT_COMPLETE", always(xl_hash_split_complete)),
    RecordType(
        0x70, "MOVE_PAGE_CONTENTS", always(xl_hash_move_page_contents), {1: _moved, 2: _deleted}
    ),
    RecordType(
        0x80,
        "SQUEEZE_PAGE",
        always(xl_hash_squeeze_page),
        {1: _moved, 5: _bit, 6: _firstfree},
    ),
    RecordType(0x90, "DELETE", always(xl_hash_delete), {1: _deleted}),
    RecordType(0xA0, "SPLIT_CLEANUP", always()),
    RecordType(0xB0, "UPDATE_META_PAGE", always(xl_hash_update_meta_page)),
    RecordType(
        0xC0,
        "VACUUM_ONE_PAGE",
        ByMajor(
            {major: record(s, _one_page_offsets) for major, s in xl_hash_vacuum_one_page.items()}
        ),
    ),
)
