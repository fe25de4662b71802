"""Rows of pg_trigger that constraints need: foreign keys' checks and actions, late uniqueness."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import INTERNAL, NORMAL, record
from pgtool.commands.context import Ddl

__all__ = ["constraint_trigger", "unique_recheck_trigger"]

ROW, INSERT, DELETE, UPDATE = 1, 4, 8, 16
UNIQUE_KEY_RECHECK = 1250


def constraint_trigger(
    ddl: Ddl, relid: int, prefix: str, function: int, events: int, constraint: int, *,
    other: int = 0, index: int = 0, deferrable: bool = False, deferred: bool = False,
    parent: int = 0,
) -> int:  # fmt: skip
    """An internal AFTER ROW trigger of a constraint; its OID, which its name ends with."""
    writer = ddl.writer
    oid = writer.new_oid("pg_trigger")
    writer.insert("pg_trigger", {
        "oid": oid, "tgrelid": relid, "tgparentid": parent, "tgname": f"{prefix}_{oid}",
        "tgfoid": function, "tgtype": ROW | events, "tgenabled": "O", "tgisinternal": True,
        "tgconstrrelid": other, "tgconstrindid": index, "tgconstraint": constraint,
        "tgdeferrable": deferrable, "tginitdeferred": deferred, "tgnargs": 0, "tgattr": (),
        "tgargs": b"",
    })  # fmt: skip
    own = Address(c.TRIGGER, oid)
    record(writer, own, Address(c.PROCEDURE, function), NORMAL)
    record(writer, own, Address(c.CONSTRAINT, constraint), INTERNAL)
    row = ddl.relation_row(relid)
    if not row.relhastriggers:
        writer.update("pg_class", row, relhastriggers=True)
    return oid


def unique_recheck_trigger(
    ddl: Ddl, row: Any, constraint: int, index: int, primary: bool, deferred: bool
) -> None:
    """Checks a deferrable unique or primary key at the end."""
    prefix = "PK_ConstraintTrigger" if primary else "Unique_ConstraintTrigger"
    constraint_trigger(
        ddl, row.oid, prefix, UNIQUE_KEY_RECHECK, INSERT | UPDATE, constraint, index=index,
        deferrable=True, deferred=deferred,
    )  # fmt: skip
