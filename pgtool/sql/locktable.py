"""LOCK TABLE: who may, on what, and when.

A directory has one process at a time, and where its sessions meet at a table an error tells
so; a lock on a whole table has nobody to keep out as long as the session is the only one.
"""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.functions.sysfuncs.acl import is_superuser
from pgtool.functions.sysfuncs.privileges import relation_rights
from pgtool.sql.analyze.from_clause import find_relation
from pgtool.sql.analyze.state import ParseState, Shared
from pgtool.sql.answer import Outcome
from pgtool.sql.permissions import relation_denied

__all__ = ["lock_table"]

ACCESS_SHARE, ROW_EXCLUSIVE = 1, 3
_INSERT, _SELECT, _UPDATE, _DELETE, _TRUNCATE, _MAINTAIN = 1, 2, 4, 8, 16, 1 << 14
_KINDS = "rpv"
_PLURALS = {
    "m": "materialized views", "i": "indexes", "I": "partitioned indexes", "S": "sequences",
    "t": "TOAST tables", "c": "composite types", "f": "foreign tables",
}  # fmt: skip


def lock_table(engine: Any, raw: Any, text: str) -> Outcome:
    """Run the statement."""
    session: Session = engine.session
    if not session.in_block:
        raise SqlError("LOCK TABLE can only be used in transaction blocks", "25P01")
    if session.xact is not None:
        procs = engine.session.database.cluster.instance.procarray.procs
        if any(proc is not session.xact.proc for proc in procs):
            raise Unsupported("LOCK TABLE beside other sessions or prepared transactions")
    for node in raw.relations:
        state = ParseState(Shared(session, text, []))
        row = find_relation(state, node.copy(location=-1))
        if row.relkind not in _KINDS:
            raise SqlError(f'cannot lock relation "{row.relname}"', "42809",
                           f"This operation is not supported for {_PLURALS[row.relkind]}.")
        _check_rights(session, row, raw.mode)
    return Outcome("LOCK TABLE")


def _check_rights(session: Session, row: Any, mode: int) -> None:
    """Some of the privileges to do what such a lock is taken for."""
    enough = _UPDATE | _DELETE | _TRUNCATE | _MAINTAIN
    enough |= _SELECT if mode == ACCESS_SHARE else 0
    enough |= _INSERT if mode <= ROW_EXCLUSIVE else 0
    user = session.user_oid
    if not is_superuser(session, user) and not relation_rights(session, user, row) & enough:
        raise relation_denied(row)
