"""ALTER TABLE … SET LOGGED and UNLOGGED: a table changes sides with all that goes with it.

It gets new files like a table that is rewritten; so do its TOAST table and indexes, and the
sequences that its columns own.
"""

from __future__ import annotations

from typing import Any

from pgtool.catalog.index import indexes_of
from pgtool.commands.context import Ddl
from pgtool.commands.owner import owned_sequences
from pgtool.errors import SqlError
from pgtool.nodes.raw_enums import AlterTableType as At

__all__ = ["check_persistence", "set_persistence"]

PERMANENT, UNLOGGED = "p", "u"
_WANTED = {At.AT_SetLogged: PERMANENT, At.AT_SetUnLogged: UNLOGGED}
INVALID_TABLE_DEFINITION = "42P16"


def check_persistence(alter: Any, row: Any, command: Any, recurse: bool) -> None:
    """Foreign keys of logged tables refer to logged tables; and once is enough."""
    wanted = _WANTED[command.subtype]
    if alter.persistence:
        raise SqlError("cannot change persistence setting twice", INVALID_TABLE_DEFINITION)
    if row.relpersistence == wanted:
        return
    alter.persistence = wanted
    if row.relkind != "r":
        return
    ddl, logged = alter.ddl, wanted == PERMANENT
    for key in ddl.cache.lookup("pg_constraint", "conrelid" if logged else "confrelid", row.oid):
        if key.contype != "f":
            continue
        other = ddl.relation_row(key.confrelid if logged else key.conrelid)
        if other.oid == row.oid or (other.relpersistence == PERMANENT) == logged:
            continue
        to, has = ("logged", "unlogged") if logged else ("unlogged", "logged")
        raise SqlError(
            f'could not change table "{row.relname}" to {to} because it references {has} table '
            f'"{other.relname}"', INVALID_TABLE_DEFINITION)  # fmt: skip


def set_persistence(alter: Any, row: Any, command: Any, recurse: bool) -> None:
    """SET LOGGED, SET UNLOGGED."""
    ddl, wanted = alter.ddl, _WANTED[command.subtype]
    if row.relpersistence == wanted:
        return
    if row.relkind == "S":
        _change_sequence(ddl, row, wanted)
        return
    tables = [row.oid]
    if row.reltoastrelid:
        tables.append(row.reltoastrelid)
    for table in tables:
        for oid in (table, *(index.indexrelid for index in indexes_of(ddl.writer, table))):
            ddl.writer.update("pg_class", ddl.relation_row(oid), relpersistence=wanted)
    ddl.advance()
    alter.work(row.oid).rewrite = True
    for oid in owned_sequences(ddl, row.oid):
        _change_sequence(ddl, ddl.relation_row(oid), wanted)


def _change_sequence(ddl: Ddl, row: Any, wanted: str) -> None:
    state = ddl.store.read_sequence(row.oid)
    ddl.writer.update("pg_class", row, relpersistence=wanted)
    ddl.advance()
    ddl.store.rewrite_sequence(row.oid, *state)
