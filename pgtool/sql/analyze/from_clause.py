"""FROM: tables, views, WITH queries, subqueries, functions, joins → range table and join tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.base import IntList, OidList, ValueString, strings
from pgtool.nodes.enums import CmdType, JoinType, RTEKind
from pgtool.nodes.query import (
    Alias,
    JoinExpr,
    RangeTblEntry,
    RangeTblRef,
    RTEPermissionInfo,
)
from pgtool.sql.analyze import names
from pgtool.sql.analyze.coerce import coerce_to_boolean
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.analyze.searchcycle import added_columns
from pgtool.sql.analyze.state import Column, Namespace, ParseState
from pgtool.sql.permissions import usable_namespace

__all__ = ["add_relation", "transform_from"]

ACL_SELECT = 2
ACCESS_SHARE_LOCK, ROW_SHARE_LOCK = 1, 2
_ROWLESS = {"i": "indexes", "I": "partitioned indexes", "c": "composite types"}


def transform_from(state: ParseState, items: list[Any]) -> list[Any]:
    """A FROM list: join tree items; the names they give come into scope."""
    out = []
    for item in items:
        node, _top, found = _item(state, item)
        _check_conflicts(state.namespace, found)
        for one in found:
            one.lateral_only, one.lateral_ok = True, True
        state.namespace += found
        out.append(node)
    for one in state.namespace:
        one.lateral_only, one.lateral_ok = False, True
    return out


def _item(state: ParseState, node: Any) -> tuple[Any, Namespace, list[Namespace]]:
    """One FROM item: (join tree node, the item itself, everything it brings into scope)."""
    handler = _ITEMS.get(type(node).__name__)
    if handler is None:
        raise Unsupported(f"FROM item {type(node).__name__}")
    return handler(state, node)


def _ref(item: Namespace) -> tuple[Any, Namespace, list[Namespace]]:
    return RangeTblRef(rtindex=item.index), item, [item]


def _check_conflicts(old: list[Namespace], new: list[Namespace]) -> None:
    for one in new:
        if not one.rel_visible:
            continue
        for other in old:
            if not other.rel_visible or other.refname != one.refname:
                continue
            both = one.rte.rtekind == other.rte.rtekind == RTEKind.RTE_RELATION
            if both and not one.rte.alias and not other.rte.alias and (
                one.rte.relid != other.rte.relid
            ):
                continue
            raise SqlError(f'table name "{one.refname}" specified more than once', "42712")


def eref_of(alias: Any, default: str, columns: list[str], what: str) -> Alias:
    """The effective names of an item: its alias, with column aliases over its own names."""
    given = strings(alias.colnames) if alias is not None else []
    name = alias.aliasname if alias is not None else default
    if len(given) > len(columns):
        raise SqlError(
            f'{what} "{name}" has {len(columns)} columns available but {len(given)} columns '
            "specified", "42P10",
        )  # fmt: skip
    merged = given + columns[len(given) :]
    return Alias(aliasname=name, colnames=[ValueString(sval=c) for c in merged])


# -- relations ------------------------------------------------------------------------------


def _range_var(state: ParseState, node: Any) -> tuple[Any, Namespace, list[Namespace]]:
    if node.schemaname is None:
        found = state.find_cte_by_name(node.relname)
        if found is not None:
            return _ref(_cte_item(state, node, *found))
    return _ref(add_relation(state, node))


def find_relation(state: ParseState, node: Any) -> Any:
    """The pg_class row that a RangeVar names; SqlError 42P01 where there is none."""
    position = node.location + 1 if node.location >= 0 else None
    if node.catalogname and node.catalogname != state.session.database.name:
        raise SqlError(
            "cross-database references are not implemented: "
            f'"{node.catalogname}.{node.schemaname}.{node.relname}"', "0A000", position=position,
        )  # fmt: skip
    if node.schemaname is not None:
        space = state.cache.namespace_oid(node.schemaname)
        usable_namespace(state.session, space, position)
        spaces = [space] if space is not None else []
    else:
        spaces = state.search_path
    for space in spaces:
        row = state.cache.one("pg_class", ("relname", "relnamespace"), (node.relname, space))
        if row is not None:
            return row
    if node.schemaname is not None:
        raise SqlError(f'relation "{node.schemaname}.{node.relname}" does not exist', "42P01",
                       position=position)  # fmt: skip
    hidden = next((cte for cte in state.all_future_ctes() if cte.ctename == node.relname), None)
    if hidden is not None:
        raise SqlError(
            f'relation "{node.relname}" does not exist', "42P01",
            f'There is a WITH item named "{node.relname}", but it cannot be referenced from this '
            "part of the query.", "Use WITH RECURSIVE, or re-order the WITH items to remove "
            "forward references.", position=position,
        )  # fmt: skip
    raise SqlError(f'relation "{node.relname}" does not exist', "42P01", position=position)


def add_relation(state: ParseState, node: Any, in_from: bool = True) -> Namespace:
    """A table, view or sequence as a range table entry."""
    row = find_relation(state, node)
    kinds = _ROWLESS.get(row.relkind)
    if kinds is not None:
        raise SqlError(f'cannot open relation "{row.relname}"', "42809",
                       f"This operation is not supported for {kinds}.",
                       position=node.location + 1 if node.location >= 0 else None)  # fmt: skip
    attributes = state.session.database.relation(row.oid).attributes
    columns = [
        Column("" if a.attisdropped else a.attname, a.atttypid, a.atttypmod, a.attcollation,
               a.attisdropped)
        for a in attributes
    ]  # fmt: skip
    visible = [column.name for column in columns if not column.dropped]
    eref = eref_of(node.alias, row.relname, visible, "table")
    labels = iter(strings(eref.colnames))
    for column in columns:
        if not column.dropped:
            column.name = next(labels)
    eref.colnames = [ValueString(sval=column.name) for column in columns]
    info = RTEPermissionInfo(relid=row.oid, inh=node.inh, requiredPerms=ACL_SELECT)
    state.perminfos.append(info)
    rte = RangeTblEntry(
        alias=node.alias, eref=eref, rtekind=RTEKind.RTE_RELATION, relid=row.oid, inh=node.inh,
        relkind=row.relkind, rellockmode=_lock_mode(state, eref.aliasname),
        perminfoindex=len(state.perminfos), inFromCl=in_from,
    )  # fmt: skip
    return state.add_rte(rte, columns)


def _lock_mode(state: ParseState, name: str | None) -> int:
    """ROW SHARE where a locking clause of this level, or of one around it, names the item."""
    if _is_locked(state, name):
        return ROW_SHARE_LOCK
    return ACCESS_SHARE_LOCK


def _is_locked(state: ParseState, name: str | None) -> bool:
    for lock in state.locking:
        if not lock.lockedRels or any(node.relname == name for node in lock.lockedRels):
            return True
    return state.locked_from_parent


def _cte_item(state: ParseState, node: Any, cte: Any, level: int) -> Namespace:
    self_reference = state.is_open(cte)
    position = node.location + 1
    if self_reference and not cte.ctecolnames:
        raise SqlError(
            f'recursive reference to query "{cte.ctename}" must not appear within its '
            "non-recursive term", "42P19", position=position,
        )  # fmt: skip
    if not self_reference:
        cte.cterefcount += 1
    query = cte.ctequery
    if hasattr(query, "commandType") and query.commandType != CmdType.CMD_SELECT and (
        not query.returningList
    ):
        raise SqlError(f'WITH query "{cte.ctename}" does not have a RETURNING clause', "0A000",
                       position=position)  # fmt: skip
    columns = [
        Column(name, typid, typmod, collation)
        for name, typid, typmod, collation in zip(
            strings(cte.ctecolnames), cte.ctecoltypes, cte.ctecoltypmods, cte.ctecolcollations
        )
    ]
    added = added_columns(cte)
    for column in added:
        column.hidden = level > 0
    columns += added
    labels = [column.name for column in columns]
    eref = eref_of(node.alias, cte.ctename, labels, "table")
    for column, name in zip(columns, strings(eref.colnames)):
        column.name = name
    rte = RangeTblEntry(
        alias=node.alias, eref=eref, rtekind=RTEKind.RTE_CTE, ctename=cte.ctename,
        ctelevelsup=level, self_reference=self_reference, inFromCl=True,
        coltypes=OidList(c.typid for c in columns), coltypmods=IntList(c.typmod for c in columns),
        colcollations=OidList(c.collation for c in columns),
    )  # fmt: skip
    return state.add_rte(rte, columns)


# -- subqueries and functions ---------------------------------------------------------------------


def _subselect(state: ParseState, node: Any) -> tuple[Any, Namespace, list[Namespace]]:
    from pgtool.sql.analyze.query import analyze_subquery

    state.lateral_active = node.lateral
    saved, state.kind = state.kind, "FROM SUBSELECT"
    try:
        alias = node.alias.aliasname if node.alias is not None else None
        query = analyze_subquery(state, node.subquery, locked=_is_locked(state, alias))
    finally:
        state.lateral_active, state.kind = False, saved
    return _ref(add_subquery(state, query, node.alias, node.lateral))


def add_subquery(
    state: ParseState, query: Any, alias: Any, lateral: bool = False, in_from: bool = True
) -> Namespace:
    """An analyzed query as a range table entry."""
    entries = [entry for entry in query.targetList if not entry.resjunk]
    labels = [entry.resname or "?column?" for entry in entries]
    eref = eref_of(alias, "unnamed_subquery", labels, "table")
    columns = [
        Column(name, expr_type(entry.expr), expr_typmod(entry.expr), expr_collation(entry.expr))
        for name, entry in zip(strings(eref.colnames), entries)
    ]
    rte = RangeTblEntry(alias=alias, eref=eref, rtekind=RTEKind.RTE_SUBQUERY, subquery=query,
                        lateral=lateral, inFromCl=in_from)  # fmt: skip
    item = state.add_rte(rte, columns)
    item.rel_visible = alias is not None or not in_from
    return item


def _function(state: ParseState, node: Any) -> tuple[Any, Namespace, list[Namespace]]:
    from pgtool.sql.analyze.from_functions import function_item

    return _ref(function_item(state, node))


def _table_sample(state: ParseState, node: Any) -> tuple[Any, Namespace, list[Namespace]]:
    raise Unsupported("TABLESAMPLE")


def _table_function(state: ParseState, node: Any) -> tuple[Any, Namespace, list[Namespace]]:
    raise Unsupported("XMLTABLE" if type(node).__name__ == "RangeTableFunc" else "JSON_TABLE")


# -- joins ----------------------------------------------------------------------------------------


def _join(state: ParseState, node: Any) -> tuple[Any, Namespace, list[Namespace]]:
    left_node, left, left_names = _item(state, node.larg)
    # The right side sees the left side's names where it is LATERAL.
    lateral_ok = node.jointype in (JoinType.JOIN_INNER, JoinType.JOIN_LEFT)
    for one in left_names:
        one.lateral_only, one.lateral_ok = True, lateral_ok
    before = len(state.namespace)
    state.namespace += left_names
    right_node, right, right_names = _item(state, node.rarg)
    del state.namespace[before:]
    _check_conflicts(left_names, right_names)
    for one in left_names + right_names:
        one.lateral_only, one.lateral_ok = False, True
    using = _using_columns(node, left, right)
    index = _reserve(state)
    made = JoinExpr(jointype=node.jointype, isNatural=node.isNatural, larg=left_node,
                    rarg=right_node, alias=node.alias, rtindex=index)  # fmt: skip
    quals = [_using_qual(state, left, right, pair) for pair in using]
    if node.quals is not None:
        made.quals = _on_clause(state, node.quals, left_names + right_names)
    elif quals:
        made.quals = _and(quals)
    if using:
        made.usingClause = [ValueString(sval=name) for name, _l, _r in using]
        if node.join_using_alias is not None:
            node.join_using_alias.colnames = made.usingClause
        made.join_using_alias = node.join_using_alias
    # From here on, columns of a nullable side are nulled by this join.
    _mark_nullable(state, node.jointype, index, left_node, right_node)
    merged = [_merged_column(state, node.jointype, left, right, pair) for pair in using]
    item = _join_rte(state, node, index, left, right, using, merged)
    if node.alias is not None:
        return made, item, [item]
    item.rel_visible = False
    for one in left_names + right_names:
        one.cols_visible = False
    found = [*left_names, *right_names, item]
    if node.join_using_alias is not None:
        found.append(_using_alias_item(node, item, len(using)))
    return made, item, found


def _reserve(state: ParseState) -> int:
    """A place in the range table for the join; filled in when its columns are known."""
    state.rtable.append(RangeTblEntry(rtekind=RTEKind.RTE_JOIN))
    return len(state.rtable)


def _and(quals: list[Any]) -> Any:
    from pgtool.nodes.enums import BoolExprType
    from pgtool.nodes.exprs import BoolExpr

    return quals[0] if len(quals) == 1 else BoolExpr(boolop=BoolExprType.AND_EXPR, args=quals)


def _using_columns(
    node: Any, left: Namespace, right: Namespace
) -> list[tuple[str, int, int]]:
    """(name, left column, right column) of each column that USING or NATURAL merges."""
    if node.isNatural:
        right_names = {c.name for c in right.columns if not c.dropped}
        wanted = [c.name for c in left.columns if not c.dropped and c.name in right_names]
    else:
        wanted = strings(node.usingClause)
        for name in wanted:
            if wanted.count(name) > 1:
                raise SqlError(f'column name "{name}" appears more than once in USING clause',
                               "42701")  # fmt: skip
    return [(name, _position(left, name, "left"), _position(right, name, "right"))
            for name in wanted]  # fmt: skip


def _position(item: Namespace, name: str, side: str) -> int:
    found = [i for i, c in enumerate(item.columns, 1) if c.name == name and not c.dropped]
    if len(found) > 1:
        raise SqlError(f'common column name "{name}" appears more than once in {side} table',
                       "42702")  # fmt: skip
    if not found:
        raise SqlError(f'column "{name}" specified in USING clause does not exist in {side} table',
                       "42703")  # fmt: skip
    return found[0]


def _using_qual(
    state: ParseState, left: Namespace, right: Namespace, pair: tuple[str, int, int]
) -> Any:
    from pgtool.sql.analyze.operators import make_op

    one = names.column_var(state, left, pair[1], 0, -1)
    two = names.column_var(state, right, pair[2], 0, -1)
    return coerce_to_boolean(state, make_op(state, ["="], one, two, -1), "JOIN/USING")


def _on_clause(state: ParseState, quals: Any, scope: list[Namespace]) -> Any:
    saved, state.namespace = state.namespace, scope
    try:
        made = transform_expr(state, quals, "JOIN/ON")
    finally:
        state.namespace = saved
    return coerce_to_boolean(state, made, "JOIN/ON")


def _merged_column(
    state: ParseState, jointype: JoinType, left: Namespace, right: Namespace,
    pair: tuple[str, int, int],
) -> Any:  # fmt: skip
    """The value of a merged column: the side that is never null, or the first non-null."""
    from pgtool.nodes.exprs import CoalesceExpr
    from pgtool.sql.analyze.coerce import coerce_to_common, select_common_type

    one = names.column_var(state, left, pair[1], 0, -1)
    two = names.column_var(state, right, pair[2], 0, -1)
    common = select_common_type(state, [one, two], "JOIN/USING")
    one = coerce_to_common(state, one, common, "JOIN/USING")
    two = coerce_to_common(state, two, common, "JOIN/USING")
    if jointype == JoinType.JOIN_FULL:
        from pgtool.sql.analyze.collations import assign_collations

        made = CoalesceExpr(coalescetype=common, args=[one, two])
        assign_collations(state, made)
        return made
    return two if jointype == JoinType.JOIN_RIGHT else one


def _join_rte(
    state: ParseState, node: Any, index: int, left: Namespace, right: Namespace,
    using: list[tuple[str, int, int]], merged: list[Any],
) -> Namespace:  # fmt: skip
    used_left = {pair[1] for pair in using}
    used_right = {pair[2] for pair in using}
    rows: list[tuple[str, Any, Callable[..., Any] | None, int, int]] = []
    for (name, lcol, rcol), value in zip(using, merged):
        source = None
        if type(value).__name__ == "Var":
            side, number = (right, rcol) if node.jointype == JoinType.JOIN_RIGHT else (left, lcol)
            source = _source(state, side, number)
        rows.append((name, value, source, lcol, rcol))
    for side, used, at in ((left, used_left, 0), (right, used_right, 1)):
        for number, column in enumerate(side.columns, 1):
            if number in used or column.dropped:
                continue
            value = names.column_var(state, side, number, 0, -1, False)
            left_number, right_number = (number, 0) if at == 0 else (0, number)
            rows.append((column.name, value, _source(state, side, number), left_number,
                         right_number))  # fmt: skip
    labels = [row[0] for row in rows]
    eref = eref_of(node.alias, "unnamed_join", labels, "join expression")
    columns = [
        Column(name, expr_type(row[1]), expr_typmod(row[1]), expr_collation(row[1]))
        for name, row in zip(strings(eref.colnames), rows)
    ]
    rte = state.rtable[index - 1]
    rte.__dict__.update(
        alias=node.alias, eref=eref, jointype=node.jointype, joinmergedcols=len(using),
        joinaliasvars=[row[1] for row in rows],
        joinleftcols=IntList(row[3] for row in rows if row[3]),
        joinrightcols=IntList(row[4] for row in rows if row[4]), inFromCl=True,
        join_using_alias=node.join_using_alias,
    )  # fmt: skip
    item = Namespace(rte, index, columns)
    state.items[index] = item
    for number, row in enumerate(rows, 1):
        if row[2] is not None:
            item.merged[number] = _through(row[2], index, number, node.alias is not None)
    return item


def _source(state: ParseState, side: Namespace, number: int) -> Callable[..., Any]:
    def make(level: int, location: int, mark: bool = True) -> Any:
        return names.column_var(_at_level(state, level), side, number, level, location, mark)

    return make


class _Level:
    """Stands for the state ``level`` levels further in, so that the join's own level is found."""

    def __init__(self, state: ParseState) -> None:
        self.state = state

    def level(self, _up: int) -> ParseState:
        """The join's state, whatever the distance."""
        return self.state

    def __getattr__(self, name: str) -> Any:
        return getattr(self.state, name)


def _at_level(state: ParseState, level: int) -> Any:
    return state if level == 0 else _Level(state)


def _through(
    source: Callable[..., Any], index: int, number: int, aliased: bool
) -> Callable[..., Any]:
    """A join column is the underlying Var; under an alias it still shows as the join's."""

    def make(level: int, location: int, mark: bool = True) -> Any:
        var = source(level, location, mark)
        if aliased and type(var).__name__ == "Var":
            return var.copy(varnosyn=index, varattnosyn=number)
        return var

    return make


def _mark_nullable(
    state: ParseState, jointype: JoinType, index: int, left: Any, right: Any
) -> None:
    """Record which entries this outer join can null."""
    sides = {
        JoinType.JOIN_LEFT: (right,), JoinType.JOIN_RIGHT: (left,),
        JoinType.JOIN_FULL: (left, right),
    }.get(jointype, ())  # fmt: skip
    for side in sides:
        for member in _members(side):
            state.nulling.setdefault(member, set()).add(index)


def _members(node: Any) -> list[int]:
    if isinstance(node, RangeTblRef):
        return [node.rtindex]
    return [node.rtindex, *_members(node.larg), *_members(node.rarg)]


def _using_alias_item(node: Any, item: Namespace, count: int) -> Namespace:
    """``JOIN … USING (…) AS x``: an item that holds the merged columns only."""
    return Namespace(
        item.rte, item.index, item.columns[:count], cols_visible=False,
        names=Alias(aliasname=node.join_using_alias.aliasname,
                    colnames=item.rte.eref.colnames[:count]),
        merged={n: made for n, made in item.merged.items() if n <= count},
    )  # fmt: skip


_ITEMS: dict[str, Callable[[ParseState, Any], tuple[Any, Namespace, list[Namespace]]]] = {
    "RangeVar": _range_var, "RangeSubselect": _subselect, "RangeFunction": _function,
    "JoinExpr": _join, "RangeTableSample": _table_sample, "RangeTableFunc": _table_function,
    "JsonTable": _table_function,
}  # fmt: skip
