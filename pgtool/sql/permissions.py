"""Privileges of the session's user, checked where the server checks them: as a query starts.

A planned query carries what it needs: ``permInfos``, one entry for each relation that it
names (also of those inside views, checked as the views' owners, ``checkAsUser``), and the
functions that it calls. :func:`check_planned` holds them against the catalogs' access lists;
a superuser's query that needs no other user's privileges costs one comparison.

Commands ask by :func:`require` for a privilege on an object, by :func:`require_owner` for
ownership; name lookup asks by :func:`usable_namespace` for a schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.session import BOOTSTRAP_SUPERUSERID, Session
from pgtool.functions.sysfuncs.acl import is_superuser
from pgtool.functions.sysfuncs.privileges import (
    KINDS,
    check,
    has_right,
    owns,
    relation_rights,
)
from pgtool.nodes.base import walk
from pgtool.nodes.enums import CmdType
from pgtool.nodes.exprs import (
    Aggref,
    DistinctExpr,
    FuncExpr,
    NullIfExpr,
    OpExpr,
    ScalarArrayOpExpr,
    WindowFunc,
)
from pgtool.nodes.query import Query, RTEPermissionInfo

__all__ = [
    "as_owner", "check_planned", "functions_of", "needed", "relation_denied", "require",
    "require_owner", "require_relation", "require_type", "shown_columns", "usable_namespace",
]  # fmt: skip

DENIED = "42501"
INSERT, SELECT, UPDATE = 1, 2, 4
_BY_COLUMN = INSERT | SELECT | UPDATE
FIRST_LOW_INVALID = -7
#: pg_class.relkind → what messages call such a relation.
_RELATION_NOUNS = {"S": "sequence", "v": "view", "m": "materialized view", "f": "foreign table",
                   "i": "index", "I": "index"}  # fmt: skip
_CALLS = {
    FuncExpr: "funcid", Aggref: "aggfnoid", WindowFunc: "winfnoid", OpExpr: "opfuncid",
    DistinctExpr: "opfuncid", NullIfExpr: "opfuncid", ScalarArrayOpExpr: "opfuncid",
}  # fmt: skip


# -- queries --------------------------------------------------------------------------------


def check_planned(planned: Any, session: Session) -> None:
    """SqlError 42501 where the user, or the owner of a view, may not do what a query does."""
    if session.is_superuser and not planned.asOthers:
        return
    for info in planned.permInfos:
        if info.requiredPerms:
            _check_relation(session, info)
    session.__dict__["_given_columns"] = {
        info.relid: info.insertedCols | info.updatedCols for info in planned.permInfos
    }
    for funcid in planned.functions:
        require(session, "function", funcid, "EXECUTE")


def needed(planned: Any, query: Query, session: Session) -> None:
    """Note in a plan what its rewritten query needs privileges for."""
    planned.permInfos = list(_infos(query))
    planned.asOthers = any(
        info.checkAsUser not in (0, BOOTSTRAP_SUPERUSERID) for info in planned.permInfos
    )
    if not session.is_superuser:
        planned.functions = sorted(functions_of(session, query))


def _infos(query: Query) -> Iterator[RTEPermissionInfo]:
    """The entries of a query and of all below it; WITH queries that nobody reads do not count."""
    yield from query.rteperminfos
    done = set()
    for rte in query.rtable:
        if rte.subquery is not None:
            done.add(id(rte.subquery))
            yield from _infos(rte.subquery)
    for cte in query.cteList:
        done.add(id(cte.ctequery))
        if cte.cterefcount or cte.ctequery.commandType != CmdType.CMD_SELECT:
            yield from _infos(cte.ctequery)
    if query.hasSubLinks:
        stack = list(query.children())
        while stack:
            node = stack.pop()
            if not isinstance(node, Query):
                stack += node.children()
            elif id(node) not in done:
                yield from _infos(node)


def functions_of(session: Session, query: Any) -> set[int]:
    """The functions that a query calls, of those that not everybody may call."""
    found = {
        getattr(node, _CALLS[type(node)]) for node in walk(query) if type(node) in _CALLS
    }
    return {oid for oid in found if oid and _is_restricted(session, oid)}


def as_owner(query: Query, owner: int) -> None:
    """A view's query: what it reads is read with the rights of the view's owner."""
    for node in walk(query):
        if isinstance(node, RTEPermissionInfo):
            node.checkAsUser = owner


def _is_restricted(session: Session, oid: int) -> bool:
    row = session.cache.one("pg_proc", "oid", oid)
    return row is not None and row.proacl is not None


def _check_relation(session: Session, info: RTEPermissionInfo) -> None:
    user = info.checkAsUser or session.user_oid
    if is_superuser(session, user):
        return
    row = session.cache.one("pg_class", "oid", info.relid)
    missing = info.requiredPerms & ~relation_rights(session, user, row)
    if not missing:
        return
    allowed = not missing & ~_BY_COLUMN and all(
        not missing & bit or _by_columns(session, user, row, bit, columns)
        for bit, columns in (
            (SELECT, info.selectedCols), (INSERT, info.insertedCols), (UPDATE, info.updatedCols),
        )
    )  # fmt: skip
    if not allowed:
        raise relation_denied(row)


def relation_denied(row: Any) -> SqlError:
    """The error of who may not do something with a relation."""
    return _denied(_RELATION_NOUNS.get(row.relkind, "table"), row.relname)


def _by_columns(
    session: Session, user: int, row: Any, bit: int, columns: frozenset[int]
) -> bool:
    """Whether a privilege is there on each of these columns (on any, where none is named)."""
    granted = {
        a.attnum: bool(has_right(session, user, a, row.relowner, bit))
        for a in session.cache.lookup("pg_attribute", "attrelid", row.oid)
        if a.attnum > 0 and not a.attisdropped
    }
    if not columns:
        return any(granted.values())
    for column in columns:
        number = column + FIRST_LOW_INVALID
        if not (all(granted.values()) if number == 0 else granted.get(number, False)):
            return False
    return True


def shown_columns(session: Session, relid: int, *, given: bool = True) -> set[int] | None:
    """The columns whose values an error may show; None where it may show all.

    Those that the user may read, and (``given``) those that the statement itself gives values.
    """
    if session.is_superuser:
        return None
    row = session.cache.one("pg_class", "oid", relid)
    if relation_rights(session, session.user_oid, row) & SELECT:
        return None
    known = session.__dict__.get("_given_columns", {}).get(relid, ()) if given else ()
    return {
        a.attnum for a in session.cache.lookup("pg_attribute", "attrelid", relid)
        if a.attnum > 0 and (
            a.attnum - FIRST_LOW_INVALID in known
            or has_right(session, session.user_oid, a, row.relowner, SELECT)
        )
    }  # fmt: skip


# -- objects --------------------------------------------------------------------------------


def _denied(noun: str, name: str) -> SqlError:
    return SqlError(f"permission denied for {noun} {name}", DENIED)


def require(session: Session, kind: str, oid: int, privilege: str) -> None:
    """The user has a privilege on an object (``kind`` as in has_…_privilege)."""
    if session.is_superuser or check(session, KINDS[kind], session.user_oid, oid, privilege):
        return
    row = session.cache.one(KINDS[kind].catalog, "oid", oid)
    noun = kind
    if kind in ("table", "sequence"):
        noun = _RELATION_NOUNS.get(row.relkind, "table")
    elif kind == "function" and row.prokind in "ap":
        noun = "aggregate" if row.prokind == "a" else "procedure"
    raise _denied(noun, getattr(row, KINDS[kind].name))


def require_relation(
    session: Session, row: Any, bits: int, columns: frozenset[int] = frozenset()
) -> None:
    """The user has privileges on a relation, or those that columns can have on all of these."""
    if not session.is_superuser:
        numbers = frozenset(number - FIRST_LOW_INVALID for number in columns)
        _check_relation(session, RTEPermissionInfo(
            relid=row.oid, requiredPerms=bits, selectedCols=numbers, insertedCols=numbers,
            updatedCols=numbers,
        ))  # fmt: skip


def require_owner(session: Session, owner: int, noun: str, name: str) -> None:
    """The user owns an object, or has its owner's privileges."""
    if not session.is_superuser and not owns(session, session.user_oid, owner):
        raise SqlError(f"must be owner of {noun} {name}", DENIED)


def require_type(session: Session, oid: int) -> None:
    """The user may make columns of a type."""
    if session.is_superuser:
        return
    element = session.cache.type(oid).typelem
    if not check(session, KINDS["type"], session.user_oid, element or oid, "USAGE"):
        raise _denied("type", session.types.format_type(element or oid))


def usable_namespace(session: Session, oid: int | None, position: int | None = None) -> int | None:
    """A schema that a name mentions: the user needs USAGE on it."""
    if oid is not None and not session.is_superuser:
        try:
            require(session, "schema", oid, "USAGE")
        except SqlError as error:
            error.position = position
            raise
    return oid
