"""Descriptions of the BRIN resource manager's records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from formats.derive import reader, struct_of
from formats.wal import brin

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_CREATE = struct_of(brin.xl_brin_createidx).unpack_from
_INSERT = struct_of(brin.xl_brin_insert).unpack_from
_UPDATE = reader(brin.xl_brin_update)
_SAMEPAGE = struct_of(brin.xl_brin_samepage_update).unpack_from
_EXTEND = struct_of(brin.xl_brin_revmap_extend).unpack_from
_DESUMMARIZE = struct_of(brin.xl_brin_desummarize).unpack_from


def _create_index(rec: DecodedRecord) -> str:
    pages, version = _CREATE(rec.main)
    return f"v{version} pagesPerRange {pages}"


def _insert(rec: DecodedRecord) -> str:
    heap_block, pages, offnum = _INSERT(rec.main)
    return f"heapBlk {heap_block} pagesPerRange {pages} offnum {offnum}"


def _update(rec: DecodedRecord) -> str:
    row = _UPDATE(rec.main, 0)
    return (
        f"heapBlk {row.insert_heapBlk} pagesPerRange {row.insert_pagesPerRange} "
        f"old offnum {row.oldOffnum}, new offnum {row.insert_offnum}"
    )


def _samepage_update(rec: DecodedRecord) -> str:
    return f"offnum {_SAMEPAGE(rec.main)[0]}"


def _revmap_extend(rec: DecodedRecord) -> str:
    return f"targetBlk {_EXTEND(rec.main)[0]}"


def _desummarize(rec: DecodedRecord) -> str:
    pages, heap_block, offnum = _DESUMMARIZE(rec.main)
    return f"pagesPerRange {pages}, heapBlk {heap_block}, page offset {offnum}"


DESCRIBE: dict[str, Describe] = {
    "CREATE_INDEX": _create_index,
    "INSERT": _insert,
    "UPDATE": _update,
    "SAMEPAGE_UPDATE": _samepage_update,
    "REVMAP_EXTEND": _revmap_extend,
    "DESUMMARIZE": _desummarize,
}
