"""WAL records of the heap's first resource manager (``RM_HEAP_ID``).

Source: ``access/heapam_xlog.h``. The opcode has three bits; the fourth,
:data:`XLOG_HEAP_INIT_PAGE`, says that the record's tuple is the only one of its page, so
that replay starts from an empty page. New tuples travel in the data of block 0, old ones
(for logical decoding only) behind the main data.

Names are those of the newest major: before 16 ``xl_heap_lock.xmax`` was ``locking_xid``.
"""

from __future__ import annotations

import enum

from construct import GreedyBytes, If, Struct, this

from formats.units import (
    Bool,
    Flags,
    OffsetNumber,
    Oid,
    Raw,
    TransactionId,
    int32,
    uint8,
    uint16,
    uint32,
)
from formats.version import ByMajor
from formats.wal.rmgrs import Counted, RecordType, always, record
from formats.wal.sinval import SharedInvalidationMessage
from formats.wal.tuples import HeapTuple

XLOG_HEAP_OPMASK = 0x70
XLOG_HEAP_INIT_PAGE = 0x80
INIT = {XLOG_HEAP_INIT_PAGE: "+INIT"}


class InsertFlags(enum.IntFlag):
    """``flags`` of an insertion, single or multiple."""

    XLH_INSERT_ALL_VISIBLE_CLEARED = 0x01
    XLH_INSERT_LAST_IN_MULTI = 0x02
    XLH_INSERT_IS_SPECULATIVE = 0x04
    XLH_INSERT_CONTAINS_NEW_TUPLE = 0x08
    XLH_INSERT_ON_TOAST_RELATION = 0x10
    XLH_INSERT_ALL_FROZEN_SET = 0x20


class UpdateFlags(enum.IntFlag):
    """``flags`` of an update."""

    XLH_UPDATE_OLD_ALL_VISIBLE_CLEARED = 0x01
    XLH_UPDATE_NEW_ALL_VISIBLE_CLEARED = 0x02
    XLH_UPDATE_CONTAINS_OLD_TUPLE = 0x04
    XLH_UPDATE_CONTAINS_OLD_KEY = 0x08
    XLH_UPDATE_CONTAINS_NEW_TUPLE = 0x10
    XLH_UPDATE_PREFIX_FROM_OLD = 0x20
    XLH_UPDATE_SUFFIX_FROM_OLD = 0x40


XLH_UPDATE_CONTAINS_OLD = 0x0C


class DeleteFlags(enum.IntFlag):
    """``flags`` of a deletion."""

    XLH_DELETE_ALL_VISIBLE_CLEARED = 0x01
    XLH_DELETE_CONTAINS_OLD_TUPLE = 0x02
    XLH_DELETE_CONTAINS_OLD_KEY = 0x04
    XLH_DELETE_IS_SUPER = 0x08
    XLH_DELETE_IS_PARTITION_MOVE = 0x10


XLH_DELETE_CONTAINS_OLD = 0x06


class TruncateFlags(enum.IntFlag):
    """``flags`` of a TRUNCATE."""

    XLH_TRUNCATE_CASCADE = 0x01
    XLH_TRUNCATE_RESTART_SEQS = 0x02


class LockFlags(enum.IntFlag):
    """``flags`` of a row lock."""

    XLH_LOCK_ALL_FROZEN_CLEARED = 0x01


class Infobits(enum.IntFlag):
    """``infobits_set``: what xmax means, in five bits instead of two infomasks."""

    XLHL_XMAX_IS_MULTI = 0x01
    XLHL_XMAX_LOCK_ONLY = 0x02
    XLHL_XMAX_EXCL_LOCK = 0x04
    XLHL_XMAX_KEYSHR_LOCK = 0x08
    XLHL_KEYS_UPDATED = 0x10


xl_heap_insert = Struct(
    "offnum" / OffsetNumber * "line pointer of the new tuple",
    "flags" / Flags(uint8, InsertFlags) * "what else happened",
)
assert xl_heap_insert.sizeof() == 3

xl_heap_delete = Struct(
    "xmax" / TransactionId * "xmax of the deleted tuple",
    "offnum" / OffsetNumber * "its line pointer",
    "infobits_set" / Flags(uint8, Infobits) * "meaning of xmax",
    "flags" / Flags(uint8, DeleteFlags) * "what else happened",
)
assert xl_heap_delete.sizeof() == 8

xl_heap_update = Struct(
    "old_xmax" / TransactionId * "xmax of the old version",
    "old_offnum" / OffsetNumber * "line pointer of the old version",
    "old_infobits_set" / Flags(uint8, Infobits) * "meaning of old_xmax",
    "flags" / Flags(uint8, UpdateFlags) * "what the record holds and what else happened",
    "new_xmax" / TransactionId * "xmax of the new version: 0, or the lockers it inherits",
    "new_offnum" / OffsetNumber * "line pointer of the new version",
)
assert xl_heap_update.sizeof() == 14

xl_heap_truncate = Struct(
    "dbId" / Oid * "database of the relations",
    "nrelids" / uint32 * "number of relations",
    "flags" / Flags(uint8, TruncateFlags) * "options of the command",
    "padding" / Raw(3) * "alignment",
)
assert xl_heap_truncate.sizeof() == 12

xl_heap_confirm = Struct(
    "offnum" / OffsetNumber * "line pointer of the tuple that stays",
)
assert xl_heap_confirm.sizeof() == 2

xl_heap_lock = Struct(
    "xmax" / TransactionId * "the locking transaction, or a multixact",
    "offnum" / OffsetNumber * "line pointer of the locked tuple",
    "infobits_set" / Flags(uint8, Infobits) * "meaning of xmax",
    "flags" / Flags(uint8, LockFlags) * "what else happened",
)
assert xl_heap_lock.sizeof() == 8


xl_heap_inplace = ByMajor(
    {
        14: Struct("offnum" / OffsetNumber * "line pointer of the overwritten tuple"),
        18: Struct(
            "offnum" / OffsetNumber * "line pointer of the overwritten tuple",
            "padding" / Raw(2) * "alignment",
            "dbId" / Oid * "database that the invalidations are for",
            "tsId" / Oid * "its default tablespace",
            "relcacheInitFileInval" / Bool * "whether relation cache files become invalid",
            "padding2" / Raw(3) * "alignment",
            "nmsgs" / int32 * "number of invalidation messages",
        ),
    }
)
assert xl_heap_inplace[14].sizeof() == 2
assert xl_heap_inplace[18].sizeof() == 20

_insert_block = record("tuple" / HeapTuple * "the new tuple")
_update_block = record(
    "prefixlen"
    / If(this._params.main.flags & UpdateFlags.XLH_UPDATE_PREFIX_FROM_OLD, uint16)
    * "bytes of attributes that equal the start of the old version's",
    "suffixlen"
    / If(this._params.main.flags & UpdateFlags.XLH_UPDATE_SUFFIX_FROM_OLD, uint16)
    * "bytes of attributes that equal the end of the old version's",
    "tuple" / HeapTuple * "the new version without prefix and suffix",
)
_update_main = always(
    xl_heap_update,
    "old_tuple"
    / If(this.flags & XLH_UPDATE_CONTAINS_OLD, HeapTuple)
    * "the old version or its replica identity, for logical decoding",
)

RECORDS = (
    RecordType(0x00, "INSERT", always(xl_heap_insert), {0: ByMajor({14: _insert_block})}, INIT),
    RecordType(
        0x10,
        "DELETE",
        always(
            xl_heap_delete,
            "old_tuple"
            / If(this.flags & XLH_DELETE_CONTAINS_OLD, HeapTuple)
            * "the deleted tuple or its replica identity, for logical decoding",
        ),
    ),
    RecordType(0x20, "UPDATE", _update_main, {0: ByMajor({14: _update_block})}, INIT),
    RecordType(
        0x30,
        "TRUNCATE",
        always(xl_heap_truncate, "relids" / Counted(this.nrelids, Oid) * "the relations"),
    ),
    RecordType(0x40, "HOT_UPDATE", _update_main, {0: ByMajor({14: _update_block})}, INIT),
    RecordType(0x50, "HEAP_CONFIRM", always(xl_heap_confirm)),
    RecordType(0x60, "LOCK", always(xl_heap_lock)),
    RecordType(
        0x70,
        "INPLACE",
        ByMajor(
            {
                14: record(xl_heap_inplace[14]),
                18: record(
                    xl_heap_inplace[18],
                    "msgs"
                    / Counted(this.nmsgs, SharedInvalidationMessage)
                    * "caches that other sessions must invalidate",
                ),
            }
        ),
        {0: always("data" / GreedyBytes * "the tuple's attributes, all of them")},
    ),
)
