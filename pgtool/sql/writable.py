"""Whether a relation can be written by INSERT, UPDATE, DELETE or COPY, and by this one."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.nodes.enums import CmdType
from pgtool.nodes.query import Query
from pgtool.sql.permissions import require_relation

__all__ = ["check_relation", "check_writable"]

#: pg_rewrite.ev_type of the rules on each command.
_EVENTS = {CmdType.CMD_UPDATE: "2", CmdType.CMD_INSERT: "3", CmdType.CMD_DELETE: "4"}
#: pg_trigger.tgtype bits.
TRIGGER_INSERT, TRIGGER_DELETE, TRIGGER_UPDATE = 4, 8, 16
_TRIGGERS = {CmdType.CMD_INSERT: TRIGGER_INSERT, CmdType.CMD_UPDATE: TRIGGER_UPDATE,
             CmdType.CMD_DELETE: TRIGGER_DELETE}  # fmt: skip
_ACLS = {CmdType.CMD_INSERT: 1, CmdType.CMD_UPDATE: 4, CmdType.CMD_DELETE: 8}
FIRST_NORMAL_OID = 16384
HEAP_AM = 2


def check_writable(session: Session, query: Query, rte: Any) -> Any:
    """Refuse a target that this command cannot write, or not yet; its row of pg_class."""
    command = query.commandType
    row: Any = session.cache.one("pg_class", "oid", rte.relid)
    if row.oid < FIRST_NORMAL_OID:
        require_relation(session, row, _ACLS[command])
    check_relation(row)
    for rule in session.cache.lookup("pg_rewrite", "ev_class", rte.relid):
        if rule.ev_type == _EVENTS.get(command) and rule.ev_enabled != "D":
            raise Unsupported(f'rule "{rule.rulename}" on table "{row.relname}"')
    if row.relrowsecurity and row_security_binds(session, row):
        raise Unsupported(f'row-level security of table "{row.relname}"')
    commands = {command}
    if query.onConflict is not None and query.onConflict.onConflictSet:
        commands.add(CmdType.CMD_UPDATE)
    for one in commands:
        check_triggers(session, row, _TRIGGERS[one])
    return row


def check_relation(row: Any) -> None:
    """The server's refusals by kind of relation."""
    name = row.relname
    if row.relkind == "S":
        raise SqlError(f'cannot change sequence "{name}"', "42809")
    if row.relkind == "t":
        raise SqlError(f'cannot change TOAST relation "{name}"', "42809")
    if row.relkind == "m":
        raise SqlError(f'cannot change materialized view "{name}"', "42809")
    if row.relkind == "f":
        raise Unsupported(f'foreign table "{name}"')
    if row.oid < FIRST_NORMAL_OID and row.relnamespace in (11, 99):
        raise Unsupported(f'INSERT, UPDATE or DELETE on system catalog "{name}"')
    if row.relkind == "r" and row.relam not in (0, HEAP_AM):
        raise Unsupported(f'table access method {row.relam} of "{name}"')


def check_triggers(session: Session, row: Any, event: int) -> None:
    """Triggers of users' functions would have to run: refused by name."""
    replica = session.setting("session_replication_role") == "replica"
    for trigger in session.cache.lookup("pg_trigger", "tgrelid", row.oid):
        if trigger.tgisinternal or not trigger.tgtype & event or trigger.tgenabled == "D":
            continue
        if trigger.tgenabled in ("R", "O") and (trigger.tgenabled == "R") != replica:
            continue
        raise Unsupported(f'trigger "{trigger.tgname}" on table "{row.relname}"')


def row_security_binds(session: Session, row: Any) -> bool:
    if session.is_superuser:
        return False
    user = session.cache.one("pg_authid", "oid", session.user_oid)
    if user is not None and user.rolbypassrls:
        return False
    return bool(row.relowner != session.user_oid or row.relforcerowsecurity)
