"""pg_get_constraintdef: constraints of tables and domains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.registry import Call, builtin
from pgtool.functions.ruleutils.deparser import INDENT
from pgtool.functions.ruleutils.entry import flags_of, read_tree, relation_expr
from pgtool.functions.ruleutils.indexes import index_text
from pgtool.functions.ruleutils.names import Names
from pgtool.functions.session import Session

_ACTIONS = {"a": "", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_MATCHES = {"f": " MATCH FULL", "p": " MATCH PARTIAL", "s": ""}


def _columns(names: Names, relid: int, numbers: Any, period: bool = False) -> str:
    shown = [names.quote(names.column(relid, number)) for number in numbers]
    if period:
        shown[-1] = "PERIOD " + shown[-1]
    return ", ".join(shown)


def _foreign(session: Session, row: Any, _flags: int) -> str:
    names = Names(session)
    period = getattr(row, "conperiod", False)
    text = f"FOREIGN KEY ({_columns(names, row.conrelid, row.conkey, period)})"
    text += f" REFERENCES {names.relation(row.confrelid)}"
    text += f"({_columns(names, row.confrelid, row.confkey, period)})"
    text += _MATCHES[row.confmatchtype]
    for words, action in ((" ON UPDATE ", row.confupdtype), (" ON DELETE ", row.confdeltype)):
        text += words + _ACTIONS[action] if _ACTIONS[action] else ""
    columns = getattr(row, "confdelsetcols", None)
    return text + (f" ({_columns(names, row.conrelid, columns)})" if columns else "")


def _unique(session: Session, row: Any, _flags: int) -> str:
    names = Names(session)
    index = session.cache.one("pg_index", "indexrelid", row.conindid)
    if index is None:
        raise SqlError(f"cache lookup failed for index {row.conindid}", "XX000")
    text = "PRIMARY KEY (" if row.contype == "p" else "UNIQUE ("
    if row.contype == "u" and getattr(index, "indnullsnotdistinct", False):
        text = "UNIQUE NULLS NOT DISTINCT ("
    text += _columns(names, row.conrelid, row.conkey)
    text += " WITHOUT OVERLAPS)" if getattr(row, "conperiod", False) else ")"
    included = index.indkey[len(row.conkey) : index.indnatts]
    return text + (f" INCLUDE ({_columns(names, row.conrelid, included)})" if included else "")


def _check(session: Session, row: Any, flags: int) -> str:
    text = relation_expr(session, read_tree(session, row.conbin), row.conrelid, flags)
    return f"CHECK ({text})" + (" NO INHERIT" if row.connoinherit else "")


def _not_null(session: Session, row: Any, _flags: int) -> str:
    if not row.conrelid:
        return "NOT NULL"
    names = Names(session)
    text = f"NOT NULL {_columns(names, row.conrelid, row.conkey)}"
    return text + (" NO INHERIT" if row.connoinherit else "")


def _exclusion(session: Session, row: Any, flags: int) -> str:
    return index_text(session, row.conindid, flags, row.conexclop) or ""


_KINDS: dict[str, Callable[[Session, Any, int], str]] = {
    "f": _foreign, "p": _unique, "u": _unique, "c": _check, "n": _not_null, "x": _exclusion,
    "t": lambda _session, _row, _flags: "TRIGGER",
}  # fmt: skip


def constraint_text(session: Session, oid: int, flags: int) -> str | None:
    """A constraint as ALTER TABLE ADD CONSTRAINT takes it."""
    row = session.cache.one("pg_constraint", "oid", oid)
    if row is None:
        return None
    if row.contype not in _KINDS:
        raise SqlError(f'invalid constraint type "{row.contype}"', "XX000")
    text = _KINDS[row.contype](session, row, flags)
    text += " DEFERRABLE" if row.condeferrable else ""
    text += " INITIALLY DEFERRED" if row.condeferred else ""
    if not getattr(row, "conenforced", True):
        return text + " NOT ENFORCED"
    return text + ("" if row.convalidated else " NOT VALID")


@builtin("pg_get_constraintdef", call=True)
def pg_get_constraintdef(call: Call, oid: int) -> str | None:
    """A constraint's definition."""
    return constraint_text(call.session, oid, INDENT)


@builtin("pg_get_constraintdef_ext", call=True)
def pg_get_constraintdef_ext(call: Call, oid: int, pretty: bool) -> str | None:
    """A constraint's definition, pretty or not."""
    return constraint_text(call.session, oid, flags_of(pretty))
