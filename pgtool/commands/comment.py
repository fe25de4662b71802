"""COMMENT ON: rows of pg_description, and of pg_shdescription for what databases share."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.commands.context import Ddl, begin
from pgtool.commands.dropcmds import RELATIONS, relation_kind
from pgtool.commands.objects import object_address
from pgtool.commands.ownership import check_ownership
from pgtool.nodes.raw_enums import ObjectType as Kind
from pgtool.sql.answer import Outcome

__all__ = ["comment", "store_comment"]

_SHARED = {Kind.OBJECT_DATABASE, Kind.OBJECT_ROLE, Kind.OBJECT_TABLESPACE}


def store_comment(ddl: Ddl, address: Address, text: str | None) -> None:
    """Set, change or (None, '') remove a comment."""
    key = ("objoid", "classoid", "objsubid")
    value = (address.objid, address.classid, address.subid)
    _store(ddl, "pg_description", ddl.cache.one("pg_description", key, value), {
        "objoid": address.objid, "classoid": address.classid, "objsubid": address.subid,
        "description": text,
    })  # fmt: skip


def _store(ddl: Ddl, catalog: str, row: Any, values: dict[str, Any]) -> None:
    text = values["description"]
    if row is not None and text:
        ddl.writer.update(catalog, row, description=text)
    elif row is not None:
        ddl.writer.delete(catalog, row)
    elif text:
        ddl.writer.insert(catalog, values)


def comment(engine: Any, raw: Any, text: str) -> Outcome:
    """COMMENT."""
    ddl = begin(engine, text)
    if raw.objtype == Kind.OBJECT_DATABASE:
        row = ddl.cache.one("pg_database", "datname", raw.object.sval)
        if row is None:
            ddl.notice(f'database "{raw.object.sval}" does not exist', "3D000",
                       severity="WARNING")  # fmt: skip
            return ddl.done("COMMENT")
        address = Address(c.DATABASE, row.oid)
    else:
        address = object_address(ddl, raw.objtype, raw.object)
    if raw.objtype in RELATIONS:
        ddl.check_owner(ddl.relation_row(address.objid))
    elif not ddl.session.is_superuser:
        check_ownership(ddl, address)
    if raw.objtype == Kind.OBJECT_COLUMN:
        relation_kind(ddl, address.objid, "rpvmcf")
    if raw.objtype in _SHARED:
        found = ddl.cache.one(
            "pg_shdescription", ("objoid", "classoid"), (address.objid, address.classid)
        )
        _store(ddl, "pg_shdescription", found, {
            "objoid": address.objid, "classoid": address.classid, "description": raw.comment,
        })  # fmt: skip
    else:
        store_comment(ddl, address, raw.comment)
    return ddl.done("COMMENT")


