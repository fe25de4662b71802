"""Relations whose row of pg_class is lost, put together from what else tells of them.

For a salvage only. pg_attribute still has their columns, pg_type the name and schema of a
table's row type, pg_depend which table a TOAST table belongs to; and a relation that was
never rewritten has its OID for a file number. What has no such file in the database's own
directory (indexes moved, views, tables of other tablespaces) stays lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pgtool.catalog.classids import HEAP_AM, PG_TOAST_NAMESPACE, RELATION
from pgtool.catalog.relation import Relation
from pgtool.errors import CorruptData
from pgtool.storage.smgr import RelFileLocator, relation_path

if TYPE_CHECKING:
    from pgtool.catalog.database import Database

_TOAST_COLUMNS = ["chunk_id", "chunk_seq", "chunk_data"]


def lost_relations(database: Database) -> dict[int, Relation]:
    """OID → what can be said of each relation that pg_class lacks."""
    table = database.pg_attribute
    described = np.unique(table.columns["attrelid"][table.columns["attnum"] > 0])
    gone = np.setdiff1d(described, database.pg_class.columns["oid"]).tolist()
    owners = _owners(database)
    toast = {owner: oid for oid, owner in owners.items()}
    out: dict[int, Relation] = {}
    for oid in gone:
        where = RelFileLocator(database.tablespace, database.oid, database.relmap.get(oid, oid))
        major = database.cluster.major
        if not database.cluster.directory.backend.exists(relation_path(where, major)):
            continue
        found = _described(database, oid, owners)
        if found is not None:
            found.locator = where
            found.reltoastrelid = toast.get(oid, 0)
            out[oid] = found
    return out


def _owners(database: Database) -> dict[int, int]:
    """TOAST table → its table, by pg_depend."""
    try:
        return {
            row["objid"]: row["refobjid"] for row in database.catalog("pg_depend")
            if row["classid"] == row["refclassid"] == RELATION and row["deptype"] == "i"
        }  # fmt: skip
    except CorruptData:
        return {}


def _described(database: Database, oid: int, owners: dict[int, int]) -> Relation | None:
    try:
        columns = [a.attname for a in database.attributes(oid)]
    except CorruptData:
        return None  # nothing of its rows can be read
    types = database.pg_type
    row = types.find("typrelid", oid)
    if row is not None:
        kind, reltype = "r", types.get(row, "oid")
        name, namespace = types.get(row, "typname"), types.get(row, "typnamespace")
    elif columns == _TOAST_COLUMNS:
        kind, reltype = "t", 0
        name, namespace = f"pg_toast_{owners.get(oid, oid)}", PG_TOAST_NAMESPACE
    else:
        return None
    return Relation(
        oid=oid, relname=name, nspname=database.namespaces.get(namespace, str(namespace)),
        relkind=kind, relnamespace=namespace, relowner=0, relam=HEAP_AM,
        relfilenode=oid, relpages=0, reltuples=-1.0, reltoastrelid=0, reltype=reltype,
        relpersistence="p", relisshared=False, relispartition=False, relhassubclass=False,
        relfrozenxid=0, relminmxid=0, reltablespace=0,
    )  # fmt: skip
