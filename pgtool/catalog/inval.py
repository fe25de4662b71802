"""Invalidation messages: what a commit tells other servers' caches (a hot standby's sessions).

A change of a catalog row makes: for catalogs that no system cache holds, a message that
snapshots are stale; for the others, one that every entry of the catalog is stale (the server
names single entries by hash; whole catalogs mean the same and more); and where the row
describes a relation, one that the relation's description is stale.
"""

from __future__ import annotations

from typing import Any

from construct import Container

from formats.wal import sinval
from formats.wal.sinval import SharedInvalidation as Kind

__all__ = ["INIT_FILE_LIMIT", "messages_for", "relation_message", "storage_message"]

#: Catalogs without a system cache.
_SNAPSHOT_ONLY = frozenset({
    "pg_db_role_setting", "pg_depend", "pg_shdepend", "pg_description", "pg_shdescription",
    "pg_seclabel", "pg_shseclabel",
})  # fmt: skip
#: Catalog → column that names the relation whose description the row is part of.
_DESCRIBES = {
    "pg_class": "oid", "pg_attribute": "attrelid", "pg_index": "indexrelid",
    "pg_constraint": "conrelid",
}  # fmt: skip
#: Relations below are described in the file that new sessions read first.
INIT_FILE_LIMIT = 16384


def messages_for(
    catalog: str, catalog_oid: int, shared: bool, database: int, row: dict[str, Any]
) -> list[bytes]:
    """The messages of one changed row."""
    where = 0 if shared else database
    if catalog in _SNAPSHOT_ONLY:
        return [_build(Kind.SHAREDINVALSNAPSHOT_ID, dbId=where, relId=catalog_oid)]
    out = [_build(Kind.SHAREDINVALCATALOG_ID, dbId=where, catId=catalog_oid)]
    column = _DESCRIBES.get(catalog)
    if column is not None and row.get(column):
        if catalog == "pg_constraint" and row.get("contype") != "f":
            return out
        home = 0 if row.get("relisshared") else database
        out.append(relation_message(home, row[column]))
    return out


def relation_message(database: int, relid: int) -> bytes:
    """A relation's description is stale."""
    return _build(Kind.SHAREDINVALRELCACHE_ID, dbId=database, relId=relid)


def storage_message(where: Any) -> bytes:
    """Open files of a relation are stale; ``where`` is its RelFileLocator."""
    locator = Container(spcOid=where.spc, dbOid=where.db, relNumber=where.rel)
    made = Container(id=Kind.SHAREDINVALSMGR_ID, backend_hi=-1, backend_lo=0xFFFF,
                     rlocator=locator)  # fmt: skip
    return bytes(sinval.SharedInvalSmgrMsg.build(made))


def _build(kind: Kind, **fields: int) -> bytes:
    made = Container(id=kind, pad_id=bytes(3), pad_end=bytes(4), **fields)
    return bytes(sinval.MESSAGES[kind].build(made))
