"""Writing FROM: tables, subqueries, functions, joins, their aliases and columns."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.ruleutils.calls import function_item
from pgtool.functions.ruleutils.columns import ColumnNames
from pgtool.functions.ruleutils.deparser import JOIN, STD, Deparser
from pgtool.functions.ruleutils.jsonxml import table_function
from pgtool.nodes.enums import JoinType, RTEKind
from pgtool.nodes.exprs import FuncExpr
from pgtool.nodes.query import JoinExpr, RangeTblRef

__all__ = ["alias", "from_clause", "only"]

_JOINS = {
    JoinType.JOIN_LEFT: " LEFT JOIN ", JoinType.JOIN_FULL: " FULL JOIN ",
    JoinType.JOIN_RIGHT: " RIGHT JOIN ",
}  # fmt: skip


def from_clause(d: Deparser, query: Any, word: str) -> None:
    """FROM (or USING) and its items; entries of rules themselves are not written."""
    first = True
    for item in query.jointree.fromlist:
        if isinstance(item, RangeTblRef) and not query.rtable[item.rtindex - 1].inFromCl:
            continue
        if first:
            d.clause(word, 2)
            _item(d, item, query)
            first = False
            continue
        d.put(", ")
        text, _nothing = d.captured(lambda item=item: _item(d, item, query))  # type: ignore[misc]
        d.wrapped(text, False)


def only(rte: Any) -> str:
    """ONLY, where children are left out."""
    return "" if rte.inh else "ONLY "


def _item(d: Deparser, item: Any, query: Any) -> None:
    if isinstance(item, JoinExpr):
        _join(d, item, query)
        return
    rte = query.rtable[item.rtindex - 1]
    columns = d.namespaces[0].columns[item.rtindex - 1]
    d.put("LATERAL " if rte.lateral else "")
    definitions = _source(d, rte)
    alias(d, rte, item.rtindex)
    if definitions is not None:
        _definitions(d, definitions, columns)
    else:
        _aliases(d, columns)
    if rte.rtekind == RTEKind.RTE_RELATION and rte.tablesample is not None:
        _sample(d, rte.tablesample)


def _source(d: Deparser, rte: Any) -> Any:
    """What an item is; a function's column definitions, if it has any, come back."""
    from pgtool.functions.ruleutils.query import values, write_query

    kind = rte.rtekind
    if kind == RTEKind.RTE_RELATION:
        hidden = {cte.ctename for space in d.namespaces for cte in space.ctes}
        d.put(only(rte), d.names.relation(rte.relid, hidden))
    elif kind == RTEKind.RTE_SUBQUERY:
        d.put("(")
        write_query(d, rte.subquery)
        d.put(")")
    elif kind == RTEKind.RTE_FUNCTION:
        return _functions(d, rte)
    elif kind == RTEKind.RTE_TABLEFUNC:
        table_function(d, rte.tablefunc, True)
    elif kind == RTEKind.RTE_VALUES:
        d.put("(")
        values(d, rte.values_lists)
        d.put(")")
    elif kind == RTEKind.RTE_CTE:
        d.put(d.names.quote(rte.ctename))
    else:
        raise SqlError(f"unrecognized RTE kind: {int(kind)}", "XX000")
    return None


def _is_unnest(d: Deparser, item: Any) -> bool:
    if not isinstance(item.funcexpr, FuncExpr) or item.funccolnames:
        return False
    row = d.names.cache.proc(item.funcexpr.funcid)
    return bool(row is not None and row.prosrc == "array_unnest")


def _functions(d: Deparser, rte: Any) -> Any:
    first = rte.functions[0]
    definitions = None
    if len(rte.functions) == 1 and (not first.funccolnames or not rte.funcordinality):
        function_item(d, first.funcexpr)
        definitions = first if first.funccolnames else None
    elif all(_is_unnest(d, item) for item in rte.functions):
        d.put("UNNEST(")
        d.listed([arg for item in rte.functions for arg in item.funcexpr.args], True)
        d.put(")")
    else:
        d.put("ROWS FROM(")
        for i, item in enumerate(rte.functions):
            d.put(", " if i else "")
            function_item(d, item.funcexpr)
            if item.funccolnames:
                d.put(" AS ")
                _definitions(d, item, None)
        d.put(")")
    d.put(" WITH ORDINALITY" if rte.funcordinality else "")
    return definitions


def _definitions(d: Deparser, item: Any, columns: ColumnNames | None) -> None:
    d.put("(")
    facts = zip(item.funccoltypes, item.funccoltypmods, item.funccolcollations)
    for i, (typid, typmod, collation) in enumerate(facts):
        name = columns.names[i] if columns is not None else item.funccolnames[i].sval
        d.put(", " if i else "", d.names.quote(str(name)), " ", d.names.type(typid, typmod))
        if collation and collation != d.names.type_collation(typid):
            d.put(" COLLATE ", d.names.collation(collation))
    d.put(")")


def _sample(d: Deparser, sample: Any) -> None:
    d.put(f" TABLESAMPLE {d.names.function(sample.tsmhandler)} (")
    d.listed(sample.args)
    d.put(")")
    if sample.repeatable is not None:
        d.put(" REPEATABLE (")
        d.expr(sample.repeatable)
        d.put(")")


def _join(d: Deparser, node: Any, query: Any) -> None:
    columns = d.namespaces[0].columns[node.rtindex - 1]
    enclosed = not d.pretty or node.alias is not None
    d.put("(" if enclosed else "")
    _item(d, node.larg, query)
    word = _JOINS.get(node.jointype, " JOIN " if node.quals is not None else " CROSS JOIN ")
    d.keyword(word, -STD, STD, JOIN)
    right = node.rarg
    inner = d.pretty and isinstance(right, JoinExpr) and right.alias is None
    d.put("(" if inner else "")
    _item(d, right, query)
    d.put(")" if inner else "")
    if node.usingClause:
        d.put(" USING (", ", ".join(map(d.names.quote, columns.using)), ")")
        if node.join_using_alias is not None:
            d.put(" AS ", d.names.quote(node.join_using_alias.aliasname))
    elif node.quals is not None:
        d.put(" ON ")
        d.opened()
        d.expr(node.quals)
        d.closed()
    elif node.jointype != JoinType.JOIN_INNER:
        d.put(" ON TRUE")
    d.put(")" if enclosed else "")
    if node.alias is not None:
        d.put(" ", d.names.quote(str(d.namespaces[0].tables[node.rtindex - 1])))
        _aliases(d, columns)


_ALWAYS_NAMED = (RTEKind.RTE_FUNCTION, RTEKind.RTE_SUBQUERY, RTEKind.RTE_VALUES)


def alias(d: Deparser, rte: Any, number: int, word: str = " ") -> None:
    """A table's name in the query, where it is another than its own."""
    name = str(d.namespaces[0].tables[number - 1])
    shown = (
        rte.alias is not None
        or d.namespaces[0].columns[number - 1].print_aliases
        or (rte.rtekind == RTEKind.RTE_RELATION and name != d.names.bare_relation(rte.relid))
        or rte.rtekind in _ALWAYS_NAMED
        or (rte.rtekind == RTEKind.RTE_CTE and name != rte.ctename)
    )
    if shown:
        d.put(word, d.names.quote(name))


def _aliases(d: Deparser, columns: ColumnNames) -> None:
    if columns.print_aliases and columns.current:
        d.put("(", ", ".join(d.names.quote(name) for name, _new in columns.current), ")")
