"""pg_waldump's words for the records of ``RM_GIN_ID``, the same in every major.

What an insertion does to its page stands in the data of block 0; where the record has a
page image, the text says that instead, even if the data is there too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from formats.derive import reader, sizeof, struct_of
from formats.gin import GinPostingListHeader
from formats.itemptr import ItemPointerData
from formats.version import ByMajor
from formats.wal.gin import (
    InsertFlags,
    SegmentAction,
    ginxlogAddItems,
    ginxlogDeleteListPages,
    ginxlogInsert,
    ginxlogInsertChildren,
    ginxlogInsertDataInternal,
    ginxlogInsertEntryHeader,
    ginxlogRecompressDataLeaf,
    ginxlogSegmentAction,
    ginxlogSplit,
)
from pgtool.wal.desc.text import no_text
from pgtool.wal.desc.values import needed_data, true_false

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_INSERT = struct_of(ginxlogInsert).unpack_from
_CHILDREN = struct_of(ginxlogInsertChildren).unpack_from
_RECOMPRESS = struct_of(ginxlogRecompressDataLeaf).unpack_from
_ACTION = struct_of(ginxlogSegmentAction).unpack_from
_ADD_ITEMS = struct_of(ginxlogAddItems).unpack_from
_entry_row = reader(ginxlogInsertEntryHeader)
_internal_row = reader(ginxlogInsertDataInternal)
_list_row = reader(GinPostingListHeader)
_split_row = reader(ginxlogSplit)
_delete_list_row = reader(ginxlogDeleteListPages)

_IS_DATA = int(InsertFlags.GIN_INSERT_ISDATA)
_IS_LEAF = int(InsertFlags.GIN_INSERT_ISLEAF)
_IS_ROOT = int(InsertFlags.GIN_SPLIT_ROOT)


def _kind(flags: int) -> str:
    return f"isdata: {true_false(flags & _IS_DATA)} isleaf: {true_false(flags & _IS_LEAF)}"


def _image(rec: DecodedRecord) -> str:
    """What stands in place of the page's changes where the record has its image."""
    ref = rec.block(0)
    if ref is None or ref.image is None:
        return ""
    return " (full page image)" if ref.image.apply else " (full page image, for WAL verification)"


def _insert(rec: DecodedRecord) -> str:
    (flags,) = _INSERT(rec.main)
    text = _kind(flags)
    if not flags & _IS_LEAF:
        left_hi, left_lo, right_hi, right_lo = _CHILDREN(rec.main, sizeof(ginxlogInsert))
        text += f" children: {left_hi << 16 | left_lo}/{right_hi << 16 | right_lo}"
    return text + (_image(rec) or _inserted(needed_data(rec), flags))


def _inserted(data: bytes, flags: int) -> str:
    if not flags & _IS_DATA:
        return f" isdelete: {true_false(_entry_row(data, 0).isDelete)}"
    if flags & _IS_LEAF:
        return _segments(data)
    _off, child_hi, child_lo, key_hi, key_lo, key_off = _internal_row(data, 0)
    return f" pitem: {child_hi << 16 | child_lo}-{key_hi << 16 | key_lo}/{key_off}"


def _segments(data: bytes) -> str:
    """What becomes of each segment of a posting tree leaf; ends at an unknown action."""
    (count,) = _RECOMPRESS(data)
    pos = sizeof(ginxlogRecompressDataLeaf)
    text = f" {count} segments:"
    for _ in range(count):
        segno, action = _ACTION(data, pos)
        pos += sizeof(ginxlogSegmentAction)
        if action == SegmentAction.GIN_SEGMENT_ADDITEMS:
            (nitems,) = _ADD_ITEMS(data, pos)
            pos += sizeof(ginxlogAddItems) + nitems * sizeof(ItemPointerData)
            text += f" {segno} (add {nitems} items)"
        elif action == SegmentAction.GIN_SEGMENT_DELETE:
            text += f" {segno} (delete)"
        elif action in _WHOLE:
            nbytes = _list_row(data, pos).nbytes
            pos += sizeof(GinPostingListHeader) + nbytes + (nbytes & 1)
            text += f" {segno} ({_WHOLE[action]})"
        else:
            return f"{text} {segno} unknown action {action} ???"
    return text


_WHOLE: Mapping[int, str] = {
    SegmentAction.GIN_SEGMENT_INSERT: "insert",
    SegmentAction.GIN_SEGMENT_REPLACE: "replace",
}


def _split(rec: DecodedRecord) -> str:
    flags = _split_row(rec.main, 0).flags
    return f"isrootsplit: {true_false(flags & _IS_ROOT)} {_kind(flags)}"


def _vacuum_data_leaf_page(rec: DecodedRecord) -> str:
    return _image(rec) or _segments(needed_data(rec))


def _delete_listpage(rec: DecodedRecord) -> str:
    return f"ndeleted: {_delete_list_row(rec.main, 0).ndeleted}"


DESCRIBE: Mapping[str, Describe | ByMajor[Describe]] = {
    "CREATE_PTREE": no_text,
    "INSERT": _insert,
    "SPLIT": _split,
    "VACUUM_PAGE": no_text,
    "DELETE_PAGE": no_text,
    "UPDATE_META_PAGE": no_text,
    "INSERT_LISTPAGE": no_text,
    "DELETE_LISTPAGE": _delete_listpage,
    "VACUUM_DATA_LEAF_PAGE": _vacuum_data_leaf_page,
}
