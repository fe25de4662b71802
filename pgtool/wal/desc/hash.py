"""pg_waldump's words for the records of ``RM_HASH_ID``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from formats.derive import reader
from formats.version import ByMajor
from formats.wal.hash import (
    SplitFlags,
    xl_hash_add_ovfl_page,
    xl_hash_delete,
    xl_hash_init_bitmap_page,
    xl_hash_init_meta_page,
    xl_hash_insert,
    xl_hash_move_page_contents,
    xl_hash_split_allocate_page,
    xl_hash_split_complete,
    xl_hash_squeeze_page,
    xl_hash_update_meta_page,
    xl_hash_vacuum_one_page,
)
from pgtool.wal.desc.text import no_text
from pgtool.wal.desc.values import catalog_mark, six_digits, true_false

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_init_meta_row = reader(xl_hash_init_meta_page)
_init_bitmap_row = reader(xl_hash_init_bitmap_page)
_insert_row = reader(xl_hash_insert)
_add_ovfl_row = reader(xl_hash_add_ovfl_page)
_allocate_row = reader(xl_hash_split_allocate_page)
_complete_row = reader(xl_hash_split_complete)
_move_row = reader(xl_hash_move_page_contents)
_squeeze_row = reader(xl_hash_squeeze_page)
_delete_row = reader(xl_hash_delete)
_update_meta_row = reader(xl_hash_update_meta_page)
_vacuum_row_14 = reader(xl_hash_vacuum_one_page[14])
_vacuum_row = reader(xl_hash_vacuum_one_page[16])


def _init_meta_page(rec: DecodedRecord) -> str:
    row = _init_meta_row(rec.main, 0)
    return f"num_tuples {six_digits(row.num_tuples)}, fillfactor {row.ffactor}"


def _init_bitmap_page(rec: DecodedRecord) -> str:
    return f"bmsize {_init_bitmap_row(rec.main, 0).bmsize}"


def _insert(rec: DecodedRecord) -> str:
    return f"off {_insert_row(rec.main, 0).offnum}"


def _add_ovfl_page(rec: DecodedRecord) -> str:
    row = _add_ovfl_row(rec.main, 0)
    return f"bmsize {row.bmsize}, bmpage_found {true_false(row.bmpage_found)}"


def _split_allocate_page(rec: DecodedRecord) -> str:
    row = _allocate_row(rec.main, 0)
    masks = true_false(row.flags & SplitFlags.XLH_SPLIT_META_UPDATE_MASKS)
    splitpoint = true_false(row.flags & SplitFlags.XLH_SPLIT_META_UPDATE_SPLITPOINT)
    return (
        f"new_bucket {row.new_bucket}, meta_page_masks_updated {masks}, "
        f"issplitpoint_changed {splitpoint}"
    )


def _split_complete(rec: DecodedRecord) -> str:
    row = _complete_row(rec.main, 0)
    return f"old_bucket_flag {row.old_bucket_flag}, new_bucket_flag {row.new_bucket_flag}"


def _move_page_contents(rec: DecodedRecord) -> str:
    row = _move_row(rec.main, 0)
    return f"ntups {row.ntups}, is_primary {true_false(row.is_prim_bucket_same_wrt)}"


def _squeeze_page(rec: DecodedRecord) -> str:
    row = _squeeze_row(rec.main, 0)
    return (
        f"prevblkno {row.prevblkno}, nextblkno {row.nextblkno}, ntups {row.ntups}, "
        f"is_primary {true_false(row.is_prim_bucket_same_wrt)}"
    )


def _delete(rec: DecodedRecord) -> str:
    row = _delete_row(rec.main, 0)
    return (
        f"clear_dead_marking {true_false(row.clear_dead_marking)}, "
        f"is_primary {true_false(row.is_primary_bucket_page)}"
    )


def _update_meta_page(rec: DecodedRecord) -> str:
    return f"ntuples {six_digits(_update_meta_row(rec.main, 0).ntuples)}"


def _vacuum_one_page_14(rec: DecodedRecord) -> str:
    row = _vacuum_row_14(rec.main, 0)
    return f"ntuples {row.ntuples}, latestRemovedXid {row.snapshotConflictHorizon}"


def _vacuum_one_page_16(rec: DecodedRecord) -> str:
    row = _vacuum_row(rec.main, 0)
    return (
        f"ntuples {row.ntuples}, snapshotConflictHorizon {row.snapshotConflictHorizon}"
        f"{catalog_mark(rec, row.isCatalogRel, 'isCatalogRel ')}"
    )


DESCRIBE: Mapping[str, Describe | ByMajor[Describe]] = {
    "INIT_META_PAGE": _init_meta_page,
    "INIT_BITMAP_PAGE": _init_bitmap_page,
    "INSERT": _insert,
    "ADD_OVFL_PAGE": _add_ovfl_page,
    "SPLIT_ALLOCATE_PAGE": _split_allocate_page,
    "SPLIT_PAGE": no_text,
    "SPLIT_COMPLETE": _split_complete,
    "MOVE_PAGE_CONTENTS": _move_page_contents,
    "SQUEEZE_PAGE": _squeeze_page,
    "DELETE": _delete,
    "SPLIT_CLEANUP": no_text,
    "UPDATE_META_PAGE": _update_meta_page,
    "VACUUM_ONE_PAGE": ByMajor({14: _vacuum_one_page_14, 16: _vacuum_one_page_16}),
}
