"""pg_waldump's words for the records of ``RM_GIST_ID``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from formats.derive import reader
from formats.version import ByMajor
from formats.wal.gist import (
    gistxlogDelete,
    gistxlogPageDelete,
    gistxlogPageReuse,
    gistxlogPageSplit,
)
from pgtool.wal.desc.text import no_text
from pgtool.wal.desc.values import catalog_mark, full_xid

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_delete_row_14 = reader(gistxlogDelete[14])
_delete_row = reader(gistxlogDelete[16])
_reuse_row_14 = reader(gistxlogPageReuse[14])
_reuse_row = reader(gistxlogPageReuse[16])
_split_row = reader(gistxlogPageSplit)
_page_delete_row = reader(gistxlogPageDelete)


def _delete_14(rec: DecodedRecord) -> str:
    row = _delete_row_14(rec.main, 0)
    return f"delete: latestRemovedXid {row.snapshotConflictHorizon}, nitems: {row.ntodelete}"


def _delete_16(rec: DecodedRecord) -> str:
    row = _delete_row(rec.main, 0)
    return (
        f"delete: snapshotConflictHorizon {row.snapshotConflictHorizon}, "
        f"nitems: {row.ntodelete}{catalog_mark(rec, row.isCatalogRel, 'isCatalogRel ')}"
    )


def _page_reuse_14(rec: DecodedRecord) -> str:
    row = _reuse_row_14(rec.main, 0)
    return (
        f"rel {row.locator_spcOid}/{row.locator_dbOid}/{row.locator_relNumber}; "
        f"blk {row.block}; latestRemovedXid {full_xid(row.snapshotConflictHorizon)}"
    )


def _page_reuse_16(rec: DecodedRecord) -> str:
    row = _reuse_row(rec.main, 0)
    return (
        f"rel {row.locator_spcOid}/{row.locator_dbOid}/{row.locator_relNumber}; "
        f"blk {row.block}; snapshotConflictHorizon {full_xid(row.snapshotConflictHorizon)}"
        f"{catalog_mark(rec, row.isCatalogRel, 'isCatalogRel ')}"
    )


def _page_split(rec: DecodedRecord) -> str:
    return f"page_split: splits to {_split_row(rec.main, 0).npage} pages"


def _page_delete(rec: DecodedRecord) -> str:
    row = _page_delete_row(rec.main, 0)
    return f"deleteXid {full_xid(row.deleteXid)}; downlink {row.downlinkOffset}"


DESCRIBE: Mapping[str, Describe | ByMajor[Describe]] = {
    "PAGE_UPDATE": no_text,
    "DELETE": ByMajor({14: _delete_14, 16: _delete_16}),
    "PAGE_REUSE": ByMajor({14: _page_reuse_14, 16: _page_reuse_16}),
    "PAGE_SPLIT": _page_split,
    "PAGE_DELETE": _page_delete,
    "ASSIGN_LSN": no_text,
}
