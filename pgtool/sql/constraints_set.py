"""SET CONSTRAINTS: when deferrable constraints of this transaction are checked."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.session import Session
from pgtool.sql.answer import Notice, Outcome
from pgtool.sql.executor.queued import queue_of

__all__ = ["set_constraints"]

_NO_BLOCK = "25P01"


def set_constraints(engine: Any, raw: Any, _text: str) -> Outcome:
    """Run the statement; SET CONSTRAINTS … IMMEDIATE checks what waits."""
    session: Session = engine.session
    notices = engine.telling()
    if not session.in_block:
        notices.append(Notice(
            "WARNING", "SET CONSTRAINTS can only be used in transaction blocks", _NO_BLOCK
        ))  # fmt: skip
    found = None
    if raw.constraints:
        found = [oid for node in raw.constraints for oid in _named(session, node)]
    if session.xact is not None or session.in_block:
        queue_of(session).set(found, bool(raw.deferred))
    return Outcome("SET CONSTRAINTS", notices=notices)


def _named(session: Session, node: Any) -> list[int]:
    """The constraints of a name: all of those in the first schema of the path that has any."""
    if node.catalogname and node.catalogname != session.database.name:
        raise SqlError(
            "cross-database references are not implemented: "
            f'"{node.catalogname}.{node.schemaname}.{node.relname}"', "0A000",
        )  # fmt: skip
    if node.schemaname is not None:
        space = session.cache.namespace_oid(node.schemaname)
        if space is None:
            raise SqlError(f'schema "{node.schemaname}" does not exist', "3F000")
        spaces = [space]
    else:
        spaces = session.search_path
    for space in spaces:
        rows = session.cache.lookup(
            "pg_constraint", ("conname", "connamespace"), (node.relname, space)
        )
        out = []
        for row in rows:
            if not row.condeferrable:
                raise SqlError(f'constraint "{node.relname}" is not deferrable', "42809")
            out += _with_children(session, row)
        if out:
            return out
    raise SqlError(f'constraint "{node.relname}" does not exist', "42704")


def _with_children(session: Session, row: Any) -> list[int]:
    """A constraint and those of partitions that come from it."""
    out = [row.oid]
    for child in session.cache.lookup("pg_constraint", "conparentid", row.oid):
        out += _with_children(session, child)
    return out
