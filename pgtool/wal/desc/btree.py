"""pg_waldump's words for the records of ``RM_BTREE_ID``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from formats.derive import reader, sizeof, struct_of
from formats.units import OffsetNumber, uint16
from formats.version import ByMajor
from formats.wal.btree import (
    xl_btree_dedup,
    xl_btree_delete,
    xl_btree_insert,
    xl_btree_mark_page_halfdead,
    xl_btree_metadata,
    xl_btree_newroot,
    xl_btree_reuse_page,
    xl_btree_split,
    xl_btree_unlink_page,
    xl_btree_vacuum,
)
from pgtool.wal.desc.text import number_list
from pgtool.wal.desc.values import block_data, catalog_mark, full_xid, needed_data, scalars

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_INSERT = struct_of(xl_btree_insert).unpack_from
_SPLIT = struct_of(xl_btree_split).unpack_from
_DEDUP = struct_of(xl_btree_dedup).unpack_from
_VACUUM = struct_of(xl_btree_vacuum).unpack_from
_DELETE_14 = struct_of(xl_btree_delete[14]).unpack_from
_DELETE = struct_of(xl_btree_delete[16]).unpack_from
_COUNT = struct_of(uint16).unpack_from
_COUNT_SIZE = sizeof(uint16)
_OFFSET_SIZE = sizeof(OffsetNumber)
_metadata = reader(xl_btree_metadata)
_halfdead = reader(xl_btree_mark_page_halfdead)
_unlink = reader(xl_btree_unlink_page)
_newroot = reader(xl_btree_newroot)
_reuse_14 = reader(xl_btree_reuse_page[14])
_reuse = reader(xl_btree_reuse_page[16])


def _insert_14(rec: DecodedRecord) -> str:
    return f"off {_INSERT(rec.main)[0]}"


def _insert_16(rec: DecodedRecord) -> str:
    return f"off: {_INSERT(rec.main)[0]}"


def _split_14(rec: DecodedRecord) -> str:
    level, right, new, posting = _SPLIT(rec.main)
    return f"level {level}, firstrightoff {right}, newitemoff {new}, postingoff {posting}"


def _split_16(rec: DecodedRecord) -> str:
    level, right, new, posting = _SPLIT(rec.main)
    return f"level: {level}, firstrightoff: {right}, newitemoff: {new}, postingoff: {posting}"


def _dedup_14(rec: DecodedRecord) -> str:
    return f"nintervals {_DEDUP(rec.main)[0]}"


def _dedup_16(rec: DecodedRecord) -> str:
    return f"nintervals: {_DEDUP(rec.main)[0]}"


def _vacuum_14(rec: DecodedRecord) -> str:
    ndeleted, nupdated = _VACUUM(rec.main)
    return f"ndeleted {ndeleted}; nupdated {nupdated}"


def _vacuum_16(rec: DecodedRecord) -> str:
    ndeleted, nupdated = _VACUUM(rec.main)
    return f"ndeleted: {ndeleted}, nupdated: {nupdated}{_deletion(rec, ndeleted, nupdated)}"


def _delete_14(rec: DecodedRecord) -> str:
    horizon, ndeleted, nupdated = _DELETE_14(rec.main)
    return f"latestRemovedXid {horizon}; ndeleted {ndeleted}; nupdated {nupdated}"


def _delete_16(rec: DecodedRecord) -> str:
    horizon, ndeleted, nupdated, catalog = _DELETE(rec.main)
    return (
        f"snapshotConflictHorizon: {horizon}, ndeleted: {ndeleted}, nupdated: {nupdated}"
        f"{catalog_mark(rec, catalog)}{_deletion(rec, ndeleted, nupdated)}"
    )


def _deletion(rec: DecodedRecord, ndeleted: int, nupdated: int) -> str:
    """The arrays in the data of block 0, nothing where a page image replaced it."""
    data = block_data(rec)
    if data is None:
        return ""
    deleted = scalars(OffsetNumber, data, 0, ndeleted)
    pos = ndeleted * _OFFSET_SIZE
    updated = scalars(OffsetNumber, data, pos, nupdated)
    pos += nupdated * _OFFSET_SIZE
    updates = []
    for off in updated:
        (count,) = _COUNT(data, pos)
        ptids = scalars(uint16, data, pos + _COUNT_SIZE, count)
        pos += _COUNT_SIZE + count * sizeof(uint16)
        updates.append(f"{{ off: {off}, nptids: {count}, ptids:{number_list(ptids)} }}")
    return f", deleted:{number_list(deleted)}, updated: [{', '.join(updates)}]"


def _halfdead_14(rec: DecodedRecord) -> str:
    row = _halfdead(rec.main, 0)
    return (
        f"topparent {row.topparent}; leaf {row.leafblk}; left {row.leftblk}; right {row.rightblk}"
    )


def _halfdead_16(rec: DecodedRecord) -> str:
    row = _halfdead(rec.main, 0)
    return (
        f"topparent: {row.topparent}, leaf: {row.leafblk}, "
        f"left: {row.leftblk}, right: {row.rightblk}"
    )


def _unlink_14(rec: DecodedRecord) -> str:
    row = _unlink(rec.main, 0)
    return (
        f"left {row.leftsib}; right {row.rightsib}; level {row.level}; "
        f"safexid {full_xid(row.safexid)}; leafleft {row.leafleftsib}; "
        f"leafright {row.leafrightsib}; leaftopparent {row.leaftopparent}"
    )


def _unlink_16(rec: DecodedRecord) -> str:
    row = _unlink(rec.main, 0)
    return (
        f"left: {row.leftsib}, right: {row.rightsib}, level: {row.level}, "
        f"safexid: {full_xid(row.safexid)}, leafleft: {row.leafleftsib}, "
        f"leafright: {row.leafrightsib}, leaftopparent: {row.leaftopparent}"
    )


def _newroot_14(rec: DecodedRecord) -> str:
    return f"lev {_newroot(rec.main, 0).level}"


def _newroot_16(rec: DecodedRecord) -> str:
    return f"level: {_newroot(rec.main, 0).level}"


def _reuse_page_14(rec: DecodedRecord) -> str:
    row = _reuse_14(rec.main, 0)
    return (
        f"rel {row.locator_spcOid}/{row.locator_dbOid}/{row.locator_relNumber}; "
        f"latestRemovedXid {full_xid(row.snapshotConflictHorizon)}"
    )


def _reuse_page_16(rec: DecodedRecord) -> str:
    row = _reuse(rec.main, 0)
    return (
        f"rel: {row.locator_spcOid}/{row.locator_dbOid}/{row.locator_relNumber}, "
        f"snapshotConflictHorizon: {full_xid(row.snapshotConflictHorizon)}"
        f"{catalog_mark(rec, row.isCatalogRel)}"
    )


def _cleanup_14(rec: DecodedRecord) -> str:
    return f"last_cleanup_num_delpages {_metadata(needed_data(rec), 0).last_cleanup_num_delpages}"


def _cleanup_16(rec: DecodedRecord) -> str:
    return f"last_cleanup_num_delpages: {_metadata(needed_data(rec), 0).last_cleanup_num_delpages}"


_insert: ByMajor[Describe] = ByMajor({14: _insert_14, 16: _insert_16})
_split: ByMajor[Describe] = ByMajor({14: _split_14, 16: _split_16})
_unlink_page: ByMajor[Describe] = ByMajor({14: _unlink_14, 16: _unlink_16})

DESCRIBE: Mapping[str, Describe | ByMajor[Describe]] = {
    "INSERT_LEAF": _insert,
    "INSERT_UPPER": _insert,
    "INSERT_META": _insert,
    "INSERT_POST": _insert,
    "SPLIT_L": _split,
    "SPLIT_R": _split,
    "DEDUP": ByMajor({14: _dedup_14, 16: _dedup_16}),
    "DELETE": ByMajor({14: _delete_14, 16: _delete_16}),
    "UNLINK_PAGE": _unlink_page,
    "UNLINK_PAGE_META": _unlink_page,
    "NEWROOT": ByMajor({14: _newroot_14, 16: _newroot_16}),
    "MARK_PAGE_HALFDEAD": ByMajor({14: _halfdead_14, 16: _halfdead_16}),
    "VACUUM": ByMajor({14: _vacuum_14, 16: _vacuum_16}),
    "REUSE_PAGE": ByMajor({14: _reuse_page_14, 16: _reuse_page_16}),
    "META_CLEANUP": ByMajor({14: _cleanup_14, 16: _cleanup_16}),
}
