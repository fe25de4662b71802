"""Queries that a directory stores (rules of views, bodies of SQL functions), as 18 has them.

The text is read by :mod:`pgtool.nodes.text`; what older majors did not store is added here,
so that whoever comes after sees one kind of tree:

* 14 and 15 put two entries for OLD and NEW before a view's range table: taken out;
* 14 and 15 did not say which outer joins null a Var (``varnullingrels``): worked out;
* up to 17 sort clauses did not say whether they are reversed: seen from the operator;
* up to 17 grouped queries had no GROUP entry: made, as analysis makes it;
* array sublinks get their array type, which the text does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.errors import CorruptData
from pgtool.functions.session import Session
from pgtool.nodes.base import Node, walk
from pgtool.nodes.enums import JoinType, RTEKind, SubLinkType
from pgtool.nodes.exprs import SubLink, Var
from pgtool.nodes.query import JoinExpr, Query, RangeTblRef, RowMarkClause, SortGroupClause
from pgtool.nodes.text import text_to_node
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.analyze.typefacts import TypeFacts
from pgtool.sql.permissions import as_owner

__all__ = ["copy_tree", "is_on", "stored_queries", "view_query"]

#: The last majors whose trees lack something.
NO_NULLING, NO_GROUP, NO_REVERSE = 15, 17, 17
PLACEHOLDERS = 2
BTREE_AM, GREATER = 403, 5


def copy_tree(value: Any) -> Any:
    """A tree of its own: nothing is shared with the original."""
    if isinstance(value, list):
        return type(value)(copy_tree(item) for item in value)
    if not isinstance(value, Node):
        return value
    new = object.__new__(type(value))
    for name, field in value.__dict__.items():
        new.__dict__[name] = copy_tree(field) if isinstance(field, (list, Node)) else field
    return new


def view_query(session: Session, relid: int) -> Query:
    """The query of a view or materialized view, a copy that the caller may change."""
    cache: dict[int, Query] = session.__dict__.setdefault("_view_queries", {})
    if relid not in cache:
        cache[relid] = _read_view(session, relid)
    made: Query = copy_tree(cache[relid])
    return made


def _read_view(session: Session, relid: int) -> Query:
    for rule in session.cache.lookup("pg_rewrite", "ev_class", relid):
        if rule.ev_type == "1" and rule.is_instead:
            queries = stored_queries(session, rule.ev_action)
            if len(queries) == 1:
                made = _without_placeholders(queries[0], relid)
                _read_as(session, relid, made)
                return made
    raise CorruptData(f"there is no rule for view {relid}", file="pg_rewrite")


def _read_as(session: Session, relid: int, query: Query) -> None:
    """What a view reads is read as its owner, unless it is a security_invoker view."""
    row = session.cache.one("pg_class", "oid", relid)
    if not is_on("security_invoker", row.reloptions or ()):
        as_owner(query, row.relowner)


def is_on(name: str, options: tuple[str, ...]) -> bool:
    """Whether a view's reloptions switch an option on."""
    for option in options:
        key, _, value = option.partition("=")
        if key == name:
            return value.lower() in ("true", "on", "yes", "1", "t", "y", "")
    return False


def stored_queries(session: Session, text: str) -> list[Query]:
    """The queries in a stored list of them."""
    major = session.database.cluster.major
    made = text_to_node(text, major)
    queries = list(_flat(made))
    if not all(isinstance(query, Query) for query in queries):
        raise CorruptData("a stored rule that is no query", field="pg_node_tree")
    for query in queries:
        if major <= NO_NULLING:
            for inner in _queries(query):
                _Nulling(inner).mark()
        if major <= NO_REVERSE:
            _mark_descending(session, query)
        if major <= NO_GROUP:
            _add_groups(session, query)
        _type_arrays(session, query)
    return queries


def _flat(value: Any) -> Iterator[Any]:
    """The items of a list of any depth: a function's body has a list in a list."""
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _queries(tree: Any) -> Iterator[Query]:
    for node in walk([tree]):
        if isinstance(node, Query):
            yield node


def _type_arrays(session: Session, tree: Any) -> None:
    facts = TypeFacts(session.cache, session.types)
    for node in list(walk([tree])):
        if isinstance(node, SubLink) and node.subLinkType == SubLinkType.ARRAY_SUBLINK:
            assert isinstance(node.subselect, Query)
            element = expr_type(node.subselect.targetList[0].expr)
            node.__dict__["array_type"] = facts.promoted_array_type(element)


def _mark_descending(session: Session, tree: Any) -> None:
    """A sort by a btree family's greater-than operator is a reversed one."""
    for node in walk([tree]):
        if isinstance(node, SortGroupClause) and node.sortop:
            rows = session.cache.lookup("pg_amop", "amopopr", node.sortop)
            node.reverse_sort = any(
                row.amopmethod == BTREE_AM and row.amopstrategy == GREATER for row in rows
            )


# -- OLD and NEW -----------------------------------------------------------------------------


def _without_placeholders(query: Query, relid: int) -> Query:
    """Drop the entries for OLD and NEW that rules of older majors begin with."""
    head = query.rtable[:PLACEHOLDERS]
    names = [rte.eref.aliasname for rte in head if rte.eref is not None]
    if names != ["old", "new"] or any(rte.relid != relid or rte.inFromCl for rte in head):
        return query
    dropped = {rte.perminfoindex for rte in head if rte.perminfoindex}
    query.rtable = query.rtable[PLACEHOLDERS:]
    kept = [n for n in range(1, len(query.rteperminfos) + 1) if n not in dropped]
    numbers = {old: new for new, old in enumerate(kept, 1)}
    query.rteperminfos = [query.rteperminfos[n - 1] for n in kept]
    for rte in query.rtable:
        rte.perminfoindex = numbers.get(rte.perminfoindex, 0)
    for name, kind in query.FIELDS.items():
        if kind in ("NodeRef", "NodeList"):
            _renumber(getattr(query, name), 0)
    return query


def _renumber(value: Any, depth: int) -> None:
    """Move references to the range table ``depth`` levels out down by two."""
    if isinstance(value, list):
        for item in value:
            _renumber(item, depth)
        return
    if not isinstance(value, Node):
        return
    if isinstance(value, Var):
        if value.varlevelsup == depth:
            value.varno -= PLACEHOLDERS
            value.varnosyn = max(value.varnosyn - PLACEHOLDERS, 0)
            value.varnullingrels = frozenset(n - PLACEHOLDERS for n in value.varnullingrels)
        return
    if depth == 0 and isinstance(value, (RangeTblRef, JoinExpr)):
        value.rtindex = max(value.rtindex - PLACEHOLDERS, 0)
    elif depth == 0 and isinstance(value, RowMarkClause):
        value.rti -= PLACEHOLDERS
    deeper = depth + isinstance(value, Query)
    for name, kind in value.FIELDS.items():
        if kind in ("NodeRef", "NodeList"):
            _renumber(getattr(value, name), deeper)


# -- which outer joins null a Var ---------------------------------------------------------------


class _Nulling:
    """Sets ``varnullingrels`` of every reference to one query's range table.

    A Var is nulled by the outer joins whose nullable side holds its table, except by those
    inside which it stands itself (in an ON clause, or in a LATERAL item).
    """

    def __init__(self, query: Query) -> None:
        self.query = query
        #: Table → outer joins that null it; table or join → joins that contain it.
        self.nulled: dict[int, set[int]] = {}
        self.inside: dict[int, set[int]] = {}
        self.conditions: list[tuple[Any, set[int]]] = []
        if query.jointree is not None:
            for item in query.jointree.fromlist:
                self._explore(item, set())

    def _explore(self, node: Any, around: set[int]) -> list[int]:
        if not isinstance(node, JoinExpr):
            index = int(node.rtindex)
            self.inside[index] = around
            return [index]
        within = around | {node.rtindex}
        left, right = self._explore(node.larg, within), self._explore(node.rarg, within)
        nullable = {
            JoinType.JOIN_LEFT: right, JoinType.JOIN_RIGHT: left,
            JoinType.JOIN_FULL: left + right,
        }.get(node.jointype, [])  # fmt: skip
        for member in nullable:
            self.nulled.setdefault(member, set()).add(node.rtindex)
        self.inside[node.rtindex] = around
        self.conditions.append((node.quals, within))
        return [node.rtindex, *left, *right]

    def mark(self) -> None:
        """Visit every expression of the query."""
        if not self.nulled:
            return
        query = self.query
        for name, kind in query.FIELDS.items():
            if name not in ("rtable", "jointree", "cteList") and kind in ("NodeRef", "NodeList"):
                self._visit(getattr(query, name), 0, set())
        assert query.jointree is not None
        self._visit(query.jointree.quals, 0, set())
        for quals, within in self.conditions:
            self._visit(quals, 0, within)
        for index, rte in enumerate(query.rtable, 1):
            around = self.inside.get(index, set())
            if rte.rtekind == RTEKind.RTE_JOIN:
                self._visit(rte.joinaliasvars, 0, around)
            else:
                self._visit([rte.functions, rte.values_lists, rte.tablefunc], 0, around)
                self._visit(rte.subquery, 0, around)

    def _visit(self, value: Any, depth: int, within: set[int]) -> None:
        if isinstance(value, list):
            for item in value:
                self._visit(item, depth, within)
        elif isinstance(value, Var):
            if value.varlevelsup == depth:
                value.varnullingrels = frozenset(self.nulled.get(value.varno, set()) - within)
        elif isinstance(value, Node):
            deeper = depth + isinstance(value, Query)
            for child in value.children():
                self._visit(child, deeper, within)


# -- groups -------------------------------------------------------------------------------------


def _add_groups(session: Session, tree: Any) -> None:
    """Give every grouped query, inner ones first, its GROUP entry."""
    from pgtool.sql.analyze.aggregates import check_ungrouped
    from pgtool.sql.analyze.state import ParseState, Shared

    for query in reversed(list(_queries(tree))):
        if query.groupClause and not query.hasGroupRTE:
            state = ParseState(Shared(session, "", []))
            state.adopt(query)
            check_ungrouped(state, query)
