"""ALTER TABLE's commands on the relation as a whole: owner, parameters, triggers, row security."""

from __future__ import annotations

from typing import Any

from pgtool.catalog.index import indexes_of
from pgtool.commands.altertable import AlterTable
from pgtool.commands.owner import change_relation_owner
from pgtool.commands.reloptions import changed_options
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.raw_enums import AlterTableType as At

__all__ = ["change_owner", "reset_options", "set_options"]

_ROW_SECURITY = {
    At.AT_EnableRowSecurity: ("relrowsecurity", True),
    At.AT_DisableRowSecurity: ("relrowsecurity", False),
    At.AT_ForceRowSecurity: ("relforcerowsecurity", True),
    At.AT_NoForceRowSecurity: ("relforcerowsecurity", False),
}  # fmt: skip
#: Command → (tgenabled, whether all triggers, whether internal ones too).
_TRIGGERS = {
    At.AT_EnableTrig: ("O", False, False), At.AT_EnableAlwaysTrig: ("A", False, False),
    At.AT_EnableReplicaTrig: ("R", False, False), At.AT_DisableTrig: ("D", False, False),
    At.AT_EnableTrigAll: ("O", True, True), At.AT_DisableTrigAll: ("D", True, True),
    At.AT_EnableTrigUser: ("O", True, False), At.AT_DisableTrigUser: ("D", True, False),
}  # fmt: skip


def change_owner(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """OWNER TO."""
    change_relation_owner(alter.ddl, row, alter.ddl.role_oid(command.newowner))


def _options(alter: AlterTable, row: Any, command: Any, reset: bool) -> None:
    ddl = alter.ddl
    if row.relkind in "iI":
        kind = str(ddl.cache.one("pg_am", "oid", row.relam).amname)
    else:
        kind = {"v": "view", "p": "partitioned"}.get(row.relkind, "heap")
    own = changed_options(row.reloptions, command.def_, kind, reset=reset)
    if own != row.reloptions:
        ddl.writer.update("pg_class", row, reloptions=own)
    if row.reltoastrelid:
        toast = ddl.relation_row(row.reltoastrelid)
        made = changed_options(toast.reloptions, command.def_, "toast", "toast", reset)
        if made != toast.reloptions:
            ddl.writer.update("pg_class", toast, reloptions=made)


def set_options(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """SET (name = value)."""
    _options(alter, row, command, False)


def reset_options(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """RESET (name)."""
    _options(alter, row, command, True)


def _index_named(alter: AlterTable, row: Any, name: str) -> Any:
    key = ("relname", "relnamespace")
    found = alter.ddl.cache.one("pg_class", key, (name, row.relnamespace))
    index = None if found is None else alter.ddl.cache.one("pg_index", "indexrelid", found.oid)
    if index is None:
        raise SqlError(f'index "{name}" for table "{row.relname}" does not exist', "42704")
    if index.indrelid != row.oid:
        raise SqlError(f'"{name}" is not an index for table "{row.relname}"', "42809")
    return index


def _mark(alter: AlterTable, row: Any, column: str, oid: int) -> None:
    """One of a table's indexes, or none, has a mark."""
    if column == "indisclustered" and row.relkind == "p":
        raise SqlError("cannot mark index clustered in partitioned table", "0A000")
    for index in indexes_of(alter.ddl.writer, row.oid):
        wanted = index.indexrelid == oid
        if getattr(index, column) != wanted:
            alter.ddl.writer.update("pg_index", index, **{column: wanted})


def cluster_on(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """CLUSTER ON."""
    _mark(alter, row, "indisclustered", _index_named(alter, row, command.name).indexrelid)


def drop_cluster(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """SET WITHOUT CLUSTER."""
    _mark(alter, row, "indisclustered", 0)


def replica_identity(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """REPLICA IDENTITY."""
    node = command.def_
    oid = 0
    if node.identity_type == "i":
        index = _index_named(alter, row, node.name)
        oid = index.indexrelid
        for bad, message in (
            (not index.indisunique,
             f'cannot use non-unique index "{node.name}" as replica identity'),
            (not index.indimmediate,
             f'cannot use non-immediate index "{node.name}" as replica identity'),
            (index.indexprs is not None,
             f'cannot use expression index "{node.name}" as replica identity'),
            (index.indpred is not None,
             f'cannot use partial index "{node.name}" as replica identity'),
        ):  # fmt: skip
            if bad:
                raise SqlError(message, "42809")
        attributes = alter.ddl.attributes(row.oid)
        for number in index.indkey[: index.indnkeyatts]:
            if not attributes[number - 1].attnotnull:
                raise SqlError(
                    f'index "{node.name}" cannot be used as replica identity because column '
                    f'"{attributes[number - 1].attname}" is nullable', "42809")  # fmt: skip
    if row.relreplident != node.identity_type:
        alter.ddl.writer.update("pg_class", row, relreplident=node.identity_type)
    _mark(alter, row, "indisreplident", oid)


def row_security(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """ENABLE, DISABLE, FORCE, NO FORCE ROW LEVEL SECURITY."""
    column, value = _ROW_SECURITY[command.subtype]
    alter.ddl.writer.update("pg_class", row, **{column: value})


def drop_oids(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """SET WITHOUT OIDS: no table has them any more."""


def set_access_method(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """SET ACCESS METHOD, where it is the one that the table has."""
    name = command.name or str(alter.ddl.session.get("default_table_access_method"))
    found = alter.ddl.cache.one("pg_am", "amname", name)
    if found is None:
        raise SqlError(f'access method "{name}" does not exist', "42704")
    if found.amtype != "t":
        raise SqlError(f'access method "{name}" is not of type TABLE', "42809")
    if row.relkind == "p" or row.relam != found.oid:
        raise Unsupported("ALTER TABLE SET ACCESS METHOD to another one")


def check_tablespace(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """There is such a tablespace, and it is named once."""
    if alter.tablespace is not None:
        raise SqlError("cannot have multiple SET TABLESPACE subcommands", "42601")
    alter.tablespace = alter.ddl.tablespace_oid(command.name)


def set_tablespace(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """SET TABLESPACE, where the relation is there already."""
    if row.reltablespace != alter.tablespace:
        raise Unsupported("ALTER TABLE SET TABLESPACE to another one")


def enable_triggers(alter: AlterTable, row: Any, command: Any, recurse: bool) -> None:
    """ENABLE, DISABLE TRIGGER."""
    letter, every, internal = _TRIGGERS[command.subtype]
    found = False
    for trigger in alter.ddl.cache.lookup("pg_trigger", "tgrelid", row.oid):
        if not every and trigger.tgname != command.name:
            continue
        if trigger.tgisinternal and every and not internal:
            continue
        found = True
        if trigger.tgenabled != letter:
            alter.ddl.writer.update("pg_trigger", trigger, tgenabled=letter)
    if not every and not found:
        raise SqlError(
            f'trigger "{command.name}" for table "{row.relname}" does not exist', "42704")
