"""pg_get_viewdef, pg_get_ruledef, pg_get_expr: stored trees as their text."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.registry import Call, builtin
from pgtool.functions.ruleutils.columns import Namespace
from pgtool.functions.ruleutils.deparser import INDENT, PRETTY, SCHEMA, STD, Deparser
from pgtool.functions.ruleutils.entry import flags_of, read_tree, relation_expr
from pgtool.functions.ruleutils.names import Names
from pgtool.functions.ruleutils.query import write_query
from pgtool.functions.session import Session
from pgtool.nodes.base import walk
from pgtool.nodes.enums import CmdType
from pgtool.nodes.exprs import Var
from pgtool.types.names import split_names

_EVENTS = {"1": "SELECT", "2": "UPDATE", "3": "INSERT", "4": "DELETE"}
_RETURN_RULE = "_RETURN"


def _queries(session: Session, text: str) -> list[Any]:
    tree = read_tree(session, text)
    return tree if isinstance(tree, list) else [tree]


def view_text(session: Session, oid: int, flags: int, wrap: int = 0) -> str | None:
    """A view's query; None where the relation has no view rule."""
    rows = session.cache.lookup("pg_rewrite", "ev_class", oid)
    rule = next((row for row in rows if row.rulename == _RETURN_RULE), None)
    if rule is None:
        return None
    queries = _queries(session, rule.ev_action)
    if (len(queries) != 1 or rule.ev_type != "1" or not rule.is_instead
            or rule.ev_qual not in ("<>", None)
            or queries[0].commandType != CmdType.CMD_SELECT):  # fmt: skip
        return "Not a view"
    names = Names(session)
    d = Deparser(names, [], flags, wrap=wrap)
    columns = [name for name in names.columns(oid) if name is not None]
    write_query(d, queries[0], result_names=columns)
    return d.text + ";"


@builtin("pg_get_viewdef", call=True)
def pg_get_viewdef(call: Call, oid: int) -> str | None:
    """A view's query, indented."""
    return view_text(call.session, oid, INDENT)


@builtin("pg_get_viewdef_ext", call=True)
def pg_get_viewdef_ext(call: Call, oid: int, pretty: bool) -> str | None:
    """A view's query, pretty or not."""
    return view_text(call.session, oid, flags_of(pretty))


@builtin("pg_get_viewdef_wrap", call=True)
def pg_get_viewdef_wrap(call: Call, oid: int, wrap: int) -> str | None:
    """A view's query, pretty, lines wrapped at a width."""
    return view_text(call.session, oid, PRETTY, wrap)


def _relation(session: Session, text: str) -> int:
    oid = session.types.lookups.object_oid("regclass", split_names(text), None)
    if oid is None:
        raise SqlError(f'relation "{text}" does not exist', "42P01")
    return oid


@builtin("pg_get_viewdef_name", call=True)
def pg_get_viewdef_name(call: Call, name: str) -> str | None:
    """A view's query by its name."""
    return view_text(call.session, _relation(call.session, name), INDENT)


@builtin("pg_get_viewdef_name_ext", call=True)
def pg_get_viewdef_name_ext(call: Call, name: str, pretty: bool) -> str | None:
    """A view's query by its name, pretty or not."""
    return view_text(call.session, _relation(call.session, name), flags_of(pretty))


# -- rules ---------------------------------------------------------------------------------


def rule_text(session: Session, oid: int, flags: int) -> str | None:
    """CREATE RULE."""
    row = session.cache.one("pg_rewrite", "oid", oid)
    if row is None:
        return None
    names = Names(session)
    queries = _queries(session, row.ev_action)
    event = _EVENTS[row.ev_type]
    d = Deparser(names, [], flags, indent=STD if flags & INDENT else 0)
    d.put(f"CREATE RULE {names.quote(row.rulename)} AS")
    d.put(f"\n    ON {event} TO " if d.indented else f" ON {event} TO ")
    bare = flags & SCHEMA
    d.put(names.relation(row.ev_class) if bare else names.qualified_relation(row.ev_class))
    if row.ev_qual not in ("<>", None):
        d.put("\n  " if d.indented else "", " WHERE ")
        _rule_condition(d, queries[0], read_tree(session, row.ev_qual))
    d.put(" DO ", "INSTEAD " if row.is_instead else "")
    result = None
    if event == "SELECT":
        result = [name for name in names.columns(row.ev_class) if name is not None]
    many = len(queries) > 1
    d.put("(" if many else "")
    for query in queries:
        inner = Deparser(names, [], flags, parts=d.parts)
        write_query(inner, query, result_names=result, indent=0)
        d.put(";\n" if many and flags else "; " if many else ";")
    d.put(");" if many else "")
    return d.text


def _rule_condition(d: Deparser, query: Any, condition: Any) -> None:
    """A rule's WHERE names OLD and NEW as the first action's range table does."""
    source = _insert_select(query)
    inner = Deparser(
        d.names, [Namespace(d.names, source)], d.flags, indent=STD, parts=d.parts,
        prefix=len(source.rtable) != 1,
    )  # fmt: skip
    inner.expr(condition)


def _insert_select(query: Any) -> Any:
    """The query that holds OLD and NEW: of INSERT … SELECT it is the inner one."""
    if query.commandType != CmdType.CMD_INSERT:
        return query
    for rte in query.rtable:
        inner = rte.subquery
        if inner is not None and len(inner.rtable) > 1:
            names = [r.eref.aliasname for r in inner.rtable[:2]]
            if names == ["old", "new"]:
                return inner
    return query


@builtin("pg_get_ruledef", call=True)
def pg_get_ruledef(call: Call, oid: int) -> str | None:
    """CREATE RULE."""
    return rule_text(call.session, oid, INDENT)


@builtin("pg_get_ruledef_ext", call=True)
def pg_get_ruledef_ext(call: Call, oid: int, pretty: bool) -> str | None:
    """CREATE RULE, pretty or not."""
    return rule_text(call.session, oid, flags_of(pretty))


# -- expressions ---------------------------------------------------------------------------


def expr_text(session: Session, text: str, relid: int, flags: int) -> str | None:
    """A stored expression over one relation; None where that is gone."""
    tree = read_tree(session, text)
    tables = {node.varno for node in walk([tree]) if isinstance(node, Var) and not node.varlevelsup}
    if relid == 0 and tables:
        raise SqlError("expression contains variables", "22023")
    if tables - {1}:
        raise SqlError("expression contains variables of more than one relation", "22023")
    if relid and session.cache.one("pg_class", "oid", relid) is None:
        return None
    return relation_expr(session, tree, relid, flags)


@builtin("pg_get_expr", call=True)
def pg_get_expr(call: Call, text: str, relid: int) -> str | None:
    """A stored expression's text."""
    return expr_text(call.session, text, relid, INDENT)


@builtin("pg_get_expr_ext", call=True)
def pg_get_expr_ext(call: Call, text: str, relid: int, pretty: bool) -> str | None:
    """A stored expression's text, pretty or not."""
    return expr_text(call.session, text, relid, flags_of(pretty))
