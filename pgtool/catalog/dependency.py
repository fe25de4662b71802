"""pg_depend and pg_shdepend: who depends on whom, and what goes when something is dropped.

Dependencies on pinned objects are not recorded. The kinds are ``n`` normal, ``a`` auto, ``i``
internal, ``P`` and ``S`` of partitions (primary, secondary), ``e`` extension, ``x`` automatic
of an extension; shared ones ``o`` owner, ``a`` ACL, ``i`` initial ACL, ``r`` policy, ``t``
tablespace.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address, is_pinned
from pgtool.catalog.indexing import CatalogWriter

__all__ = [
    "change_owner_dependency", "delete_dependencies_of", "record", "record_owner", "record_shared",
    "referencing", "without_duplicates",
]  # fmt: skip

NORMAL, AUTO, INTERNAL, EXTENSION, AUTO_EXTENSION = "n", "a", "i", "e", "x"
PARTITION_PRI, PARTITION_SEC = "P", "S"
OWNER, TABLESPACE_USE, ACL, POLICY = "o", "t", "a", "r"


def record(
    writer: CatalogWriter, dependent: Address, referenced: Address | Iterable[Address], kind: str
) -> None:
    """One object depends on others."""
    targets = [referenced] if isinstance(referenced, Address) else list(referenced)
    for target in targets:
        if not is_pinned(target.classid, target.objid):
            writer.insert("pg_depend", {
                "classid": dependent.classid, "objid": dependent.objid,
                "objsubid": dependent.subid, "refclassid": target.classid,
                "refobjid": target.objid, "refobjsubid": target.subid, "deptype": kind,
            })  # fmt: skip


def without_duplicates(addresses: Iterable[Address]) -> list[Address]:
    """Each once; a whole object is left out where parts of it are named."""
    found = sorted(set(addresses))
    parts = {(a.classid, a.objid) for a in found if a.subid}
    return [a for a in found if a.subid or (a.classid, a.objid) not in parts]


def _database_of(writer: CatalogWriter, classid: int) -> int:
    shared = (c.DATABASE, c.TABLESPACE, c.AUTH_ID)
    return 0 if classid in shared else writer.database.oid


def record_shared(
    writer: CatalogWriter, dependent: Address, classid: int, oid: int, kind: str
) -> None:
    """An object depends on a role or tablespace."""
    if is_pinned(classid, oid):
        return
    writer.insert("pg_shdepend", {
        "dbid": _database_of(writer, dependent.classid), "classid": dependent.classid,
        "objid": dependent.objid, "objsubid": dependent.subid, "refclassid": classid,
        "refobjid": oid, "deptype": kind,
    })  # fmt: skip


def record_owner(writer: CatalogWriter, dependent: Address, owner: int) -> None:
    """An object belongs to a role."""
    record_shared(writer, dependent, c.AUTH_ID, owner, OWNER)


def change_owner_dependency(writer: CatalogWriter, dependent: Address, owner: int) -> None:
    """An object belongs to another role now."""
    for row in _shared_rows(writer, dependent):
        mine = row.deptype == ACL and row.refobjid == owner  # an owner needs no mention
        if (row.deptype == OWNER and not row.objsubid) or mine:
            writer.delete("pg_shdepend", row)
    record_owner(writer, dependent, owner)


def change_tablespace_dependency(writer: CatalogWriter, relid: int, tablespace: int) -> None:
    """A relation without storage has this default tablespace (0: none) now."""
    address = Address(c.RELATION, relid)
    for row in _shared_rows(writer, address):
        if row.deptype == TABLESPACE_USE:
            writer.delete("pg_shdepend", row)
    if tablespace:
        record_shared(writer, address, c.TABLESPACE, tablespace, TABLESPACE_USE)


def _shared_rows(writer: CatalogWriter, dependent: Address) -> list[Any]:
    key = ("dbid", "classid", "objid")
    value = (_database_of(writer, dependent.classid), dependent.classid, dependent.objid)
    return writer.cache.lookup("pg_shdepend", key, value)


def dependencies_of(writer: CatalogWriter, address: Address) -> list[Any]:
    """pg_depend rows whose dependent is this object (any part of it)."""
    key = ("classid", "objid")
    return writer.cache.lookup("pg_depend", key, (address.classid, address.objid))


def referencing(writer: CatalogWriter, address: Address) -> list[Any]:
    """pg_depend rows that refer to this object, or for subid ≠ 0 to this part of it."""
    key = ("refclassid", "refobjid")
    rows = writer.cache.lookup("pg_depend", key, (address.classid, address.objid))
    return [r for r in rows if not address.subid or r.refobjsubid == address.subid]


def delete_dependencies_of(
    writer: CatalogWriter, address: Address, *, shared: bool = True, keep_extension: bool = False
) -> None:
    """The object depends on nothing any more (with subid ≠ 0: that part of it)."""
    for row in dependencies_of(writer, address):
        if address.subid and row.objsubid != address.subid:
            continue
        if not (keep_extension and row.deptype == EXTENSION):
            writer.delete("pg_depend", row)
    if shared:
        for row in _shared_rows(writer, address):
            if not address.subid or row.objsubid == address.subid:
                writer.delete("pg_shdepend", row)


def change_dependency(
    writer: CatalogWriter, dependent: Address, refclass: int, old: int, new: int
) -> None:
    """The object depends on another object of the same catalog now."""
    for row in dependencies_of(writer, dependent):
        if row.refclassid != refclass or row.refobjid != old or row.objsubid != dependent.subid:
            continue
        if is_pinned(refclass, new):
            writer.delete("pg_depend", row)
        else:
            writer.update("pg_depend", row, refobjid=new)
        return
    if is_pinned(refclass, old):
        record(writer, dependent, Address(refclass, new), NORMAL)
