"""Ways in: deparse a query, an expression over one relation, or an expression of a plan."""

from __future__ import annotations

from typing import Any

from pgtool.functions.ruleutils import calls, dml, exprs, jsonxml, query
from pgtool.functions.ruleutils.columns import Namespace
from pgtool.functions.ruleutils.deparser import INDENT, PRETTY, Deparser, Namer
from pgtool.functions.ruleutils.names import Names
from pgtool.functions.session import Session
from pgtool.nodes.base import ValueString
from pgtool.nodes.enums import RTEKind
from pgtool.nodes.query import Alias, RangeTblEntry
from pgtool.nodes.text import text_to_node

#: Modules that only register writers.
WRITERS = (calls, dml, exprs, jsonxml, query)

__all__ = ["deparse_expr", "deparse_query", "flags_of", "read_tree", "relation_expr"]


def flags_of(pretty: bool | None) -> int:
    """The layout that a function's ``pretty`` argument means; views are always indented."""
    return PRETTY if pretty else INDENT


def read_tree(session: Session, text: str) -> Any:
    """A stored tree as it is, in the shape of 18."""
    return text_to_node(text, session.database.cluster.major)


def deparse_expr(
    session: Session, node: Any, namer: Namer | None = None, *, implicit: bool = False,
    flags: int = 0,
) -> str:  # fmt: skip
    """An expression of a plan: ``namer`` says what Vars, Params and the like are called.

    It is asked for every node first; None means that the node is written as usual.
    """
    d = Deparser(Names(session), [], flags, namer=namer)
    d.expr(node, implicit)
    return d.text


def deparse_query(
    session: Session, tree: Any, flags: int = INDENT, *, wrap: int = 0, indent: int = 0,
    result_names: list[str] | None = None, parents: list[Namespace] | None = None,
) -> str:  # fmt: skip
    """A query as text."""
    d = Deparser(Names(session), parents or [], flags, wrap=wrap, indent=indent)
    query.write_query(d, tree, result_names=result_names, indent=indent)
    return d.text


def relation_entry(names: Names, relid: int, alias: str | None = None) -> RangeTblEntry:
    """A range table entry for a relation."""
    called = Alias(aliasname=alias or names.bare_relation(relid))
    eref = called.copy(
        colnames=[ValueString(sval=name or "") for name in names.columns(relid)]
    )
    return RangeTblEntry(
        alias=called, eref=eref, rtekind=RTEKind.RTE_RELATION, relid=relid, inh=False, inFromCl=True
    )


def relation_expr(
    session: Session, node: Any, relid: int, flags: int = INDENT, *, prefix: bool = False,
    implicit: bool = False,
) -> str:  # fmt: skip
    """An expression over one relation (or none), as it stands in a definition."""
    names = Names(session)
    spaces = []
    if relid:
        spaces = [Namespace(names, None, rtable=[relation_entry(names, relid)])]
    d = Deparser(names, spaces, flags, prefix=prefix)
    d.expr(node, implicit)
    return d.text
