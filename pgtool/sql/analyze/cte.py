"""WITH: queries that the statement names, recursive ones included."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.base import IntList, Node, OidList, ValueString, strings
from pgtool.nodes.query import CommonTableExpr, Query, TargetEntry
from pgtool.sql.analyze.nodetypes import expr_collation, expr_location, expr_type, expr_typmod
from pgtool.sql.analyze.searchcycle import check_clauses, transform_mark
from pgtool.sql.analyze.state import ParseState
from pgtool.sql.analyze.wellformed import check_recursive_form

__all__ = ["transform_with"]


def transform_with(state: ParseState, clause: Any, query: Query) -> None:
    """Analyze the WITH queries of a statement, in an order that their references allow."""
    if clause is None:
        return
    names: set[str] = set()
    for cte in clause.ctes:
        if cte.ctename in names:
            raise SqlError(f'WITH query name "{cte.ctename}" specified more than once', "42712",
                           position=cte.location + 1)  # fmt: skip
        names.add(cte.ctename)
    made = [cte.copy(cterefcount=0) for cte in clause.ctes]
    query.hasRecursive = clause.recursive
    if not clause.recursive:
        state.future_ctes = list(made)
        for cte in made:
            _analyze(state, cte)
            state.ctes.append(cte)
            state.future_ctes.pop(0)
    else:
        made = _recursive(state, made)
    query.cteList = made


def _references(raw: Any, names: set[str]) -> set[str]:
    """The WITH names that a raw query refers to; an inner WITH query of the name hides it."""
    if isinstance(raw, list):
        return {name for item in raw for name in _references(item, names)}
    if not isinstance(raw, Node) or not names:
        return set()
    if type(raw).__name__ == "RangeVar":
        own = raw.__dict__
        hit = own.get("schemaname") is None and own.get("relname") in names
        return {own["relname"]} if hit else set()
    clause = getattr(raw, "withClause", None)
    if clause is None:
        return _references(list(raw.children()), names)
    inner = {str(cte.ctename) for cte in clause.ctes}
    found: set[str] = set()
    visible = names - inner if clause.recursive else names
    for cte in clause.ctes:
        found |= _references(cte.ctequery, visible)
        visible = visible - {str(cte.ctename)}
    rest = [child for child in raw.children() if child is not clause]
    return found | _references(rest, visible)


def _recursive(state: ParseState, ctes: list[CommonTableExpr]) -> list[CommonTableExpr]:
    """Analyze in the order of dependency; a query that refers to itself is recursive."""
    by_name = {str(cte.ctename): cte for cte in ctes}
    needs = {name: _references(cte.ctequery, set(by_name)) for name, cte in by_name.items()}
    done: dict[str, CommonTableExpr] = {}
    state.ctes += ctes
    while len(done) < len(ctes):
        ready = [n for n in by_name if n not in done and needs[n] - {n} <= done.keys()]
        if not ready:
            stuck = next(cte for n, cte in by_name.items() if n not in done)
            raise SqlError("mutual recursion between WITH items is not implemented", "0A000",
                           position=stuck.location + 1)  # fmt: skip
        cte = by_name[ready[0]]
        cte.cterecursive = ready[0] in needs[ready[0]]
        _analyze(state, cte)
        done[ready[0]] = cte
    return list(done.values())


def _analyze(state: ParseState, cte: CommonTableExpr) -> None:
    from pgtool.sql.analyze.query import analyze_subquery

    raw = cte.ctequery
    transform_mark(state, cte)
    if cte.cterecursive:
        check_recursive_form(cte)
        inner = ParseState(state.shared, state)
        query = _analyze_recursive(inner, cte, raw)
    else:
        query = analyze_subquery(state, raw, cte=cte)
    query.canSetTag = False
    cte.ctequery = query
    if cte.cterecursive:
        _check_recursive_types(state, cte, query)
    else:
        _set_columns(cte, query.returningList if query.resultRelation else query.targetList)
    check_clauses(cte)


def _analyze_recursive(state: ParseState, cte: CommonTableExpr, raw: Any) -> Query:
    """The recursive term sees the columns that the non-recursive one gave."""
    from pgtool.sql.analyze.query import transform_select

    def columns(entries: list[TargetEntry]) -> None:
        from pgtool.sql.analyze.target import resolve_unknowns

        resolve_unknowns(state, entries)
        _set_columns(cte, entries)

    state.recursive_cte = cte
    state.recursive_columns = columns
    return transform_select(state, raw)


def _set_columns(cte: CommonTableExpr, entries: list[Any]) -> None:
    """Column names (aliases first), types and collations of a WITH query."""
    visible = [entry for entry in entries if not entry.resjunk]
    aliases = strings(cte.aliascolnames)
    if len(aliases) > len(visible):
        raise SqlError(
            f'WITH query "{cte.ctename}" has {len(visible)} columns available but {len(aliases)} '
            "columns specified", "42P10", position=cte.location + 1,
        )  # fmt: skip
    labels = aliases + [entry.resname or "?column?" for entry in visible[len(aliases) :]]
    cte.ctecolnames = [ValueString(sval=label) for label in labels]
    types = [expr_type(entry.expr) for entry in visible]
    cte.ctecoltypes = OidList(t.TEXTOID if typid == t.UNKNOWNOID else typid for typid in types)
    cte.ctecoltypmods = IntList(expr_typmod(entry.expr) for entry in visible)
    cte.ctecolcollations = OidList(
        expr_collation(entry.expr) or (100 if typid in (t.UNKNOWNOID, t.TEXTOID) else 0)
        for entry, typid in zip(visible, types)
    )


def _check_recursive_types(state: ParseState, cte: CommonTableExpr, query: Query) -> None:
    visible = [entry for entry in query.targetList if not entry.resjunk]
    for number, entry in enumerate(visible):
        want = (cte.ctecoltypes[number], cte.ctecoltypmods[number])
        have = (expr_type(entry.expr), expr_typmod(entry.expr))
        if want != have:
            raise SqlError(
                f'recursive query "{cte.ctename}" column {number + 1} has type '
                f"{state.types.name(*want)} in non-recursive term but type "
                f"{state.types.name(*have)} overall", "42804",
                hint="Cast the output of the non-recursive term to the correct type.",
                position=expr_location(entry.expr) + 1 or None,
            )  # fmt: skip
