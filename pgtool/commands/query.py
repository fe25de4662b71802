"""Queries that commands run for themselves: checks over rows, values of expressions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pgtool.commands.context import Ddl
from pgtool.functions.ruleutils.entry import relation_expr
from pgtool.sql.analyze.query import analyze_in
from pgtool.sql.analyze.state import Shared
from pgtool.types.names import format_name, quote_identifier

__all__ = ["evaluate", "expression_text", "qualified", "rows_of"]


def qualified(ddl: Ddl, row: Any) -> str:
    """A relation's name with its schema, as SQL writes it."""
    return format_name(ddl.database.namespaces[row.relnamespace], row.relname)


def expression_text(ddl: Ddl, row: Any, expr: Any) -> str:
    """An expression over a relation's columns as SQL."""
    return relation_expr(ddl.session, expr, row.oid, 0)


def rows_of(ddl: Ddl, text: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, as values, with all that was done up to here."""
    from pgtool.sql.executor.run import execute
    from pgtool.sql.parse import parse
    from pgtool.sql.planner import plan
    from pgtool.sql.rewrite import rewrite

    query = analyze_in(Shared(ddl.session, text, []), parse(text)[0])
    planned = plan(rewrite(query, ddl.session), ddl.session)
    with up_to_here(ddl):
        return iter(list(execute(planned, ddl.session, ()).rows()))


@contextmanager
def up_to_here(ddl: Ddl) -> Iterator[None]:
    """Read what this transaction has done so far, and what has committed."""
    cluster = ddl.database.cluster
    if cluster.xact is None:
        yield
        return
    with cluster.read_latest():
        yield


def names_of(ddl: Ddl, relid: int, numbers: tuple[int, ...]) -> list[str]:
    """Columns' names, quoted where SQL needs it."""
    attributes = ddl.attributes(relid)
    return [quote_identifier(attributes[number - 1].attname) for number in numbers]


def evaluate(ddl: Ddl, expr: Any) -> bytes | None:
    """The datum of an expression without Vars."""
    from pgtool.functions.codec import codec_of
    from pgtool.nodes.enums import CmdType
    from pgtool.nodes.query import FromExpr, Query, TargetEntry
    from pgtool.sql.analyze.nodetypes import expr_type
    from pgtool.sql.executor.run import execute
    from pgtool.sql.planner import plan
    from pgtool.sql.rewrite import rewrite

    query = Query(commandType=CmdType.CMD_SELECT, jointree=FromExpr(), canSetTag=True)
    query.targetList.append(TargetEntry(expr=expr, resno=1, resname="value"))
    planned = plan(rewrite(query, ddl.session), ddl.session)
    ((value,),) = list(execute(planned, ddl.session, ()).rows())
    return None if value is None else codec_of(ddl.types, expr_type(expr)).encode(value)
