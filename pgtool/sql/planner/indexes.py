"""The btree indexes of a table: what the planner must know to use them."""

from __future__ import annotations

from typing import Any

from formats.errors import CorruptData
from pgtool.nodes.text import text_to_node
from pgtool.sql.planner import implied, stats, trees
from pgtool.sql.planner.base import IndexInfo, Rel, Root
from pgtool.sql.planner.operators import BTREE_AM

_DESC, _NULLS_FIRST = 1, 2


def load(root: Root, rel: Rel) -> list[IndexInfo]:
    """The valid btree indexes of a base relation, newest last."""
    cache = root.glob.cache
    out: list[IndexInfo] = []
    for row in cache.lookup("pg_index", "indrelid", rel.relation.oid):
        if not row.indisvalid or not row.indisready or not row.indislive:
            continue
        relation = cache.database.relation(row.indexrelid)
        if relation.relam != BTREE_AM or relation.relkind not in "iI":
            continue
        if relation.relkind == "I" and rel.relation.relkind != "p":
            continue
        out.append(_info(root, rel, row, relation))
    out.sort(key=lambda i: i.oid)
    return out


def _info(root: Root, rel: Rel, row: Any, relation: Any) -> IndexInfo:
    glob = root.glob
    pages, tuples = 0, 0.0
    if relation.relkind == "i":
        pages, tuples, _ = stats.relation_size(glob, relation)
    predicate = _nodes(root, rel, row.indpred)
    if not predicate:
        tuples = min(tuples, rel.tuples) if rel.tuples and relation.relkind == "i" else rel.tuples
        if relation.relkind == "i":
            tuples = rel.tuples
    elif tuples > rel.tuples:
        tuples = rel.tuples
    classes = [glob.cache.one("pg_opclass", "oid", oid) for oid in row.indclass]
    n = row.indnkeyatts
    return IndexInfo(
        oid=relation.oid, pages=pages, tuples=tuples, height=_height(glob, relation),
        keys=list(row.indkey), ncols=row.indnatts, nkeys=n,
        opfamilies=[c.opcfamily for c in classes[:n]],
        opcintypes=[c.opcintype for c in classes[:n]],
        collations=list(row.indcollation[:n]),
        reverse=[bool(o & _DESC) for o in row.indoption[:n]],
        nulls_first=[bool(o & _NULLS_FIRST) for o in row.indoption[:n]],
        unique=bool(row.indisunique), immediate=bool(row.indimmediate),
        predicate=[c for p in predicate for c in trees.conjuncts(p)], pred_ok=False,
        exprs=_nodes(root, rel, row.indexprs), canreturn=True, rel=rel,
    )  # fmt: skip


def _nodes(root: Root, rel: Rel, text: str | None) -> list[Any]:
    """Stored expressions (over range table index 1) as this relation's."""
    from pgtool.sql.planner.fold import canonical_qual, fold

    if not text:
        return []
    found = text_to_node(text, root.glob.cache.major)
    found = found if isinstance(found, list) else [found]
    if rel.rti != 1:
        found = trees.shift_varnos(found, rel.rti - 1)
    del canonical_qual
    return list(fold(root.glob, found))


def _height(glob: Any, relation: Any) -> int:
    """Levels of the tree above the leaves."""
    from pgtool.access.btree.meta import tree_height

    if relation.relkind != "i" or relation.locator is None:
        return 0
    try:
        return tree_height(glob.cache.database, relation)
    except CorruptData:
        return 0


def check_predicates(root: Root, rel: Rel) -> None:
    """Find out which partial indexes the query's restrictions allow to use."""
    for index in rel.indexes:
        if index.predicate and not index.pred_ok:
            known = [r.clause for r in rel.baserestrict]
            index.pred_ok = implied.implied(root.glob, index.predicate, known)
