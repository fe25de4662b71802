"""What each flag and code means, in a few words: for annotated pages.

The names and values are declared beside the structs; here stand sentences about them,
by enumeration and member name. A test holds the table complete.
"""

from __future__ import annotations

import enum

from formats.brin import BrinPageFlags, BrinPageType
from formats.gin import GinFlags
from formats.gist import GistFlags
from formats.hash import LhFlags
from formats.heap import HeapInfomask, HeapInfomask2
from formats.itup import IndexInfo
from formats.nbtree import BtpFlags
from formats.page import LpFlags, PageFlags
from formats.spgist import SpGistFlags, TupState

MEANINGS: dict[type[enum.IntEnum] | type[enum.IntFlag], dict[str, str]] = {
    PageFlags: {
        "PD_HAS_FREE_LINES": "some line pointers are unused and may be taken again",
        "PD_PAGE_FULL": "an UPDATE found no room here; pruning is worth a try",
        "PD_ALL_VISIBLE": "every tuple is visible to every transaction",
    },
    LpFlags: {
        "LP_UNUSED": "free for a new tuple",
        "LP_NORMAL": "points to a tuple on this page",
        "LP_REDIRECT": "points to another line pointer, where a HOT chain goes on",
        "LP_DEAD": "its tuple is gone or dead; index entries may still point here",
    },
    HeapInfomask: {
        "HEAP_HASNULL": "some attribute is NULL; there is a null bitmap",
        "HEAP_HASVARWIDTH": "some attribute has variable width",
        "HEAP_HASEXTERNAL": "some value is stored in the TOAST table",
        "HEAP_HASOID_OLD": "carries an OID, as tables WITH OIDS had before version 12",
        "HEAP_XMAX_KEYSHR_LOCK": "xmax holds a FOR KEY SHARE lock",
        "HEAP_COMBOCID": "t_cid is a combo cid of insert and delete",
        "HEAP_XMAX_EXCL_LOCK": "xmax holds an exclusive lock",
        "HEAP_XMAX_LOCK_ONLY": "xmax only locked the row, it did not delete it",
        "HEAP_XMIN_COMMITTED": "the inserting transaction is known to have committed",
        "HEAP_XMIN_INVALID": "the inserting transaction is known to have aborted",
        "HEAP_XMAX_COMMITTED": "the deleting transaction is known to have committed",
        "HEAP_XMAX_INVALID": "there is no deleter, or it aborted",
        "HEAP_XMAX_IS_MULTI": "xmax is a multixact: several transactions",
        "HEAP_UPDATED": "this is the new version that an UPDATE made",
        "HEAP_MOVED_OFF": "moved away by a VACUUM FULL before version 9.0",
        "HEAP_MOVED_IN": "moved here by a VACUUM FULL before version 9.0",
    },
    HeapInfomask2: {
        "HEAP_KEYS_UPDATED": "deleted, or an UPDATE changed key columns",
        "HEAP_HOT_UPDATED": "the next version is on this page and has no index entry",
        "HEAP_ONLY_TUPLE": "no index points here; reached through an older version",
    },
    IndexInfo: {
        "INDEX_AM_RESERVED_BIT": "the access method uses t_tid in its own way",
        "INDEX_VAR_MASK": "some attribute has variable width",
        "INDEX_NULL_MASK": "some attribute is NULL",
    },
    BtpFlags: {
        "BTP_LEAF": "leaf page",
        "BTP_ROOT": "root page",
        "BTP_DELETED": "deleted from the tree",
        "BTP_META": "meta page",
        "BTP_HALF_DEAD": "empty, about to be deleted",
        "BTP_SPLIT_END": "rightmost page of a group of splits",
        "BTP_HAS_GARBAGE": "some tuples are LP_DEAD",
        "BTP_INCOMPLETE_SPLIT": "the right sibling's downlink is still missing",
        "BTP_HAS_FULLXID": "the deleted page holds a 64-bit safexid",
    },
    LhFlags: {
        "LH_OVERFLOW_PAGE": "overflow page of a bucket",
        "LH_BUCKET_PAGE": "first page of a bucket",
        "LH_BITMAP_PAGE": "bitmap of overflow pages",
        "LH_META_PAGE": "meta page",
        "LH_BUCKET_BEING_POPULATED": "a split is filling this bucket",
        "LH_BUCKET_BEING_SPLIT": "a split is taking tuples from this bucket",
        "LH_BUCKET_NEEDS_SPLIT_CLEANUP": "tuples that a split copied are still here",
        "LH_PAGE_HAS_DEAD_TUPLES": "some tuples are LP_DEAD",
    },
    GistFlags: {
        "F_LEAF": "leaf page",
        "F_DELETED": "deleted from the tree",
        "F_TUPLES_DELETED": "some tuples were deleted",
        "F_FOLLOW_RIGHT": "the page to the right has no downlink yet",
        "F_HAS_GARBAGE": "some tuples are LP_DEAD",
    },
    GinFlags: {
        "GIN_DATA": "posting tree page",
        "GIN_LEAF": "leaf page",
        "GIN_DELETED": "deleted page",
        "GIN_META": "meta page",
        "GIN_LIST": "pending list page",
        "GIN_LIST_FULLROW": "the last row on this pending list page ends on it",
        "GIN_INCOMPLETE_SPLIT": "the right sibling's downlink is still missing",
        "GIN_COMPRESSED": "posting lists are compressed",
    },
    SpGistFlags: {
        "SPGIST_META": "meta page",
        "SPGIST_DELETED": "deleted (never set any more)",
        "SPGIST_LEAF": "leaf page",
        "SPGIST_NULLS": "holds entries of NULL values",
    },
    TupState: {
        "LIVE": "an ordinary tuple",
        "REDIRECT": "the tuples moved; follow the pointer",
        "DEAD": "dead, kept because something points here",
        "PLACEHOLDER": "keeps the line pointers after it in their places",
    },
    BrinPageFlags: {"BRIN_EVACUATE_PAGE": "the range map is about to take this page over"},
    BrinPageType: {
        "BRIN_PAGETYPE_META": "meta page",
        "BRIN_PAGETYPE_REVMAP": "range map page",
        "BRIN_PAGETYPE_REGULAR": "page of summary tuples",
    },
}


def meaning(member: enum.Enum) -> str:
    """The sentence about a flag or code, empty where there is none."""
    known = MEANINGS.get(type(member), {})  # type: ignore[arg-type]
    return str(known.get(member.name, ""))
