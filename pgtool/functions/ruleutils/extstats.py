"""pg_get_statisticsobjdef: CREATE STATISTICS, its columns, its expressions."""

from __future__ import annotations

from typing import Any

from pgtool.functions.registry import Call, builtin
from pgtool.functions.ruleutils.calls import looks_like_call
from pgtool.functions.ruleutils.deparser import INDENT, PAREN
from pgtool.functions.ruleutils.entry import read_tree, relation_expr
from pgtool.functions.ruleutils.names import Names
from pgtool.functions.session import Session
from pgtool.functions.values import ArrayValue
from pgtool.types.names import format_name

TEXTOID = 25
_KINDS = {"d": "ndistinct", "f": "dependencies", "m": "mcv"}


def _exprs(session: Session, row: Any) -> list[Any]:
    return list(read_tree(session, row.stxexprs)) if row.stxexprs else []


def _columns(session: Session, row: Any) -> list[str]:
    names = Names(session)
    out = [names.quote(names.column(row.stxrelid, number)) for number in row.stxkeys]
    for expr in _exprs(session, row):
        text = relation_expr(session, expr, row.stxrelid, PAREN)
        out.append(text if looks_like_call(expr) else f"({text})")
    return out


@builtin("pg_get_statisticsobjdef", call=True)
def pg_get_statisticsobjdef(call: Call, oid: int) -> str | None:
    """CREATE STATISTICS."""
    session = call.session
    row = session.cache.one("pg_statistic_ext", "oid", oid)
    if row is None:
        return None
    names, columns = Names(session), _columns(session, row)
    namespace = session.database.namespaces[row.stxnamespace]
    text = f"CREATE STATISTICS {format_name(namespace, row.stxname, names.major)}"
    kinds = [word for kind, word in _KINDS.items() if kind in row.stxkind]
    if len(kinds) < len(_KINDS) and len(columns) > 1:
        text += f" ({', '.join(kinds)})"
    return f"{text} ON {', '.join(columns)} FROM {names.relation(row.stxrelid)}"


@builtin("pg_get_statisticsobjdef_columns", call=True)
def pg_get_statisticsobjdef_columns(call: Call, oid: int) -> str | None:
    """The columns and expressions."""
    row = call.session.cache.one("pg_statistic_ext", "oid", oid)
    return None if row is None else ", ".join(_columns(call.session, row))


@builtin("pg_get_statisticsobjdef_expressions", call=True)
def pg_get_statisticsobjdef_expressions(call: Call, oid: int) -> ArrayValue | None:
    """The expressions, one array element each."""
    row = call.session.cache.one("pg_statistic_ext", "oid", oid)
    if row is None or not row.stxexprs:
        return None
    texts = [
        relation_expr(call.session, expr, row.stxrelid, INDENT)
        for expr in _exprs(call.session, row)
    ]
    return ArrayValue.of(TEXTOID, list(texts))
