"""Descriptions of the records about whole directories: Database, Tablespace and RelMap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from formats.derive import sizeof, struct_of
from formats.units import Oid
from formats.wal import dbase, relmap, tblspc
from pgtool.wal.desc.text import items

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_FILE_COPY = struct_of(dbase.xl_dbase_create_file_copy_rec).unpack_from
_WAL_LOG = struct_of(dbase.xl_dbase_create_wal_log_rec).unpack_from
_DROP = struct_of(dbase.xl_dbase_drop_rec).unpack_from
_DROP_SIZE = sizeof(dbase.xl_dbase_drop_rec)
_OID = struct_of(Oid)
_TABLESPACE = struct_of(tblspc.xl_tblspc_rec).unpack_from
_TABLESPACE_SIZE = sizeof(tblspc.xl_tblspc_rec)
_RELMAP = struct_of(relmap.xl_relmap_update).unpack_from


def _create_file_copy(rec: DecodedRecord) -> str:
    db, tablespace, source_db, source_tablespace = _FILE_COPY(rec.main)
    return f"copy dir {source_tablespace}/{source_db} to {tablespace}/{db}"


def _create_wal_log(rec: DecodedRecord) -> str:
    db, tablespace = _WAL_LOG(rec.main)
    return f"create dir {tablespace}/{db}"


def _drop(rec: DecodedRecord) -> str:
    db, count = _DROP(rec.main)
    return "dir" + "".join(f" {oid}/{db}" for (oid,) in items(_OID, rec.main, _DROP_SIZE, count))


def _tablespace_create(rec: DecodedRecord) -> str:
    (oid,) = _TABLESPACE(rec.main)
    path = rec.main[_TABLESPACE_SIZE:].partition(b"\0")[0].decode("utf-8", "surrogateescape")
    return f'{oid} "{path}"'


def _tablespace_drop(rec: DecodedRecord) -> str:
    return str(_TABLESPACE(rec.main)[0])


def _relmap_update(rec: DecodedRecord) -> str:
    db, tablespace, size = _RELMAP(rec.main)
    return f"database {db} tablespace {tablespace} size {size}"


DATABASE: dict[str, Describe] = {
    "CREATE": _create_file_copy,
    "CREATE_FILE_COPY": _create_file_copy,
    "CREATE_WAL_LOG": _create_wal_log,
    "DROP": _drop,
}
TABLESPACE: dict[str, Describe] = {"CREATE": _tablespace_create, "DROP": _tablespace_drop}
RELMAP: dict[str, Describe] = {"UPDATE": _relmap_update}
