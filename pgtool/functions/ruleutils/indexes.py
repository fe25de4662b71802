"""pg_get_indexdef: CREATE INDEX, or one of its columns."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.nodetypes import expr_collation, expr_type
from pgtool.functions.registry import Call, builtin
from pgtool.functions.ruleutils.calls import looks_like_call
from pgtool.functions.ruleutils.deparser import INDENT, SCHEMA
from pgtool.functions.ruleutils.entry import flags_of, read_tree, relation_expr
from pgtool.functions.ruleutils.names import Names, quote_literal
from pgtool.functions.session import Session

__all__ = ["index_text", "options_text"]

DESC, NULLS_FIRST = 1, 2
#: Access methods whose indexes have an order.
_ORDERED = frozenset({"btree"})


def options_text(names: Names, options: Any) -> str:
    """``name=value, …`` of reloptions; values that are no plain words as literals."""
    out = []
    for option in options or ():
        name, _equals, value = option.partition("=")
        shown = value if names.quote(value) == value else quote_literal(value)
        out.append(f"{names.quote(name)}={shown}")
    return ", ".join(out)


class _Index:
    """One index's rows."""

    def __init__(self, session: Session, row: Any, flags: int) -> None:
        self.session, self.row, self.flags = session, row, flags
        self.names = Names(session)
        self.relation: Any = session.cache.one("pg_class", "oid", row.indexrelid)
        if self.relation is None:
            raise SqlError(f"cache lookup failed for relation {row.indexrelid}", "XX000")
        method = session.cache.one("pg_am", "oid", self.relation.relam)
        self.method = str(method.amname) if method is not None else ""
        self.exprs = list(read_tree(session, row.indexprs)) if row.indexprs else []

    def columns(self) -> list[tuple[str, int, int]]:
        """Text, type and collation of each column, included ones too."""
        exprs = iter(self.exprs)
        out = []
        for number in self.row.indkey:
            if number:
                a = self.names.attribute(self.row.indrelid, number)
                out.append((self.names.quote(a.attname), a.atttypid, a.attcollation))
                continue
            expr = next(exprs, None)
            if expr is None:
                raise SqlError("too few entries in indexprs list", "XX000")
            text = relation_expr(self.session, expr, self.row.indrelid, self.flags)
            shown = text if looks_like_call(expr) else f"({text})"
            out.append((shown, expr_type(expr), expr_collation(expr)))
        return out

    def key(self, i: int, typid: int, collation: int) -> str:
        """What follows a key column."""
        text = ""
        wanted = self.row.indcollation[i]
        if wanted and wanted != collation:
            text += " COLLATE " + self.names.collation(wanted)
        options = self.names.attribute(self.row.indexrelid, i + 1).attoptions
        text += self.names.opclass(self.row.indclass[i], 0 if options else typid)
        if options:
            text += f" ({options_text(self.names, options)})"
        flags = self.row.indoption[i]
        if self.method in _ORDERED:
            if flags & DESC:
                text += " DESC" + ("" if flags & NULLS_FIRST else " NULLS LAST")
            elif flags & NULLS_FIRST:
                text += " NULLS FIRST"
        return text

    def head(self) -> str:
        """CREATE INDEX … ON … USING …"""
        unique = "UNIQUE " if self.row.indisunique else ""
        only = "ONLY " if self.relation.relkind == "I" else ""
        table = (
            self.names.relation(self.row.indrelid) if self.flags & SCHEMA
            else self.names.qualified_relation(self.row.indrelid)
        )  # fmt: skip
        name, method = self.names.quote(self.relation.relname), self.names.quote(self.method)
        return f"CREATE {unique}INDEX {name} ON {only}{table} USING {method}"

    def tail(self, enclosed: bool) -> str:
        """What follows the columns."""
        text = ""
        if getattr(self.row, "indnullsnotdistinct", False):
            text += " NULLS NOT DISTINCT"
        if self.relation.reloptions:
            text += f" WITH ({options_text(self.names, self.relation.reloptions)})"
        if self.row.indpred:
            predicate = read_tree(self.session, self.row.indpred)
            shown = relation_expr(self.session, predicate, self.row.indrelid, self.flags)
            text += f" WHERE ({shown})" if enclosed else f" WHERE {shown}"
        return text


def index_text(
    session: Session, oid: int, flags: int, operators: Any = None
) -> str | None:
    """CREATE INDEX, or with ``operators`` an EXCLUDE constraint; None where there is none."""
    row = session.cache.one("pg_index", "indexrelid", oid)
    if row is None:
        return None
    index = _Index(session, row, flags)
    keys, included = [], []
    for i, (text, typid, collation) in enumerate(index.columns()):
        if i >= row.indnkeyatts:
            included.append(text)
            continue
        text += index.key(i, typid, collation)
        if operators is not None:
            text += " WITH " + index.names.operator(operators[i])
        keys.append(text)
    method = index.names.quote(index.method)
    head = index.head() if operators is None else f"EXCLUDE USING {method}"
    more = f" INCLUDE ({', '.join(included)})" if included else ""
    return f"{head} ({', '.join(keys)}){more}" + index.tail(operators is not None)


def index_column(session: Session, oid: int, column: int) -> str:
    """One column of an index, from 1, as errors name it."""
    row = session.cache.one("pg_index", "indexrelid", oid)
    if row is None:
        return ""
    text: str = _Index(session, row, flags_of(True)).columns()[column - 1][0]
    return text


@builtin("pg_get_indexdef", call=True)
def pg_get_indexdef(call: Call, oid: int) -> str | None:
    """CREATE INDEX."""
    return index_text(call.session, oid, INDENT)


@builtin("pg_get_indexdef_ext", call=True)
def pg_get_indexdef_ext(call: Call, oid: int, column: int, pretty: bool) -> str | None:
    """CREATE INDEX, or one column where its number is given."""
    flags = flags_of(pretty)
    if column == 0:
        return index_text(call.session, oid, flags)
    row = call.session.cache.one("pg_index", "indexrelid", oid)
    if row is None:
        return None
    columns = _Index(call.session, row, flags).columns()
    return columns[column - 1][0] if 0 < column <= len(columns) else ""
