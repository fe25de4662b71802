"""ON CONFLICT's inference: the unique indexes that match its columns, expressions, predicate."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.nodes.exprs import Var
from pgtool.sql.planner import fold, implied, trees
from pgtool.sql.planner.base import Rel, Root

__all__ = ["arbiter_indexes"]

_NO_MATCH = "there is no unique or exclusion constraint matching the ON CONFLICT specification"


def arbiter_indexes(root: Root, conflict: Any) -> list[int]:
    """The OIDs of the arbiter indexes; none means every unique index (DO NOTHING)."""
    from pgtool.sql.planner import indexes

    query = root.query
    if not conflict.arbiterElems and not conflict.constraint:
        return []
    target = query.resultRelation
    rte = query.rtable[target - 1]
    relation = root.glob.cache.database.relation(rte.relid)
    rel = Rel(frozenset((target,)), rti=target, rte=rte)
    rel.relation = relation
    found = indexes.load(root, rel)
    if conflict.constraint:
        return _of_constraint(root, conflict, found)
    columns = {
        elem.expr.varattno for elem in conflict.arbiterElems
        if isinstance(elem.expr, Var) and elem.expr.varattno > 0
    }  # fmt: skip
    exprs = [e for e in conflict.arbiterElems if not isinstance(e.expr, Var)]
    where = trees.conjuncts(conflict.arbiterWhere)
    out = [
        i.oid for i in found
        if i.unique and _matches(root, i, columns, exprs, conflict.arbiterElems)
        and (not i.predicate or implied.implied(root.glob, i.predicate, where))
    ]  # fmt: skip
    if not out:
        raise SqlError(_NO_MATCH, "42P10")
    return out


def _of_constraint(root: Root, conflict: Any, found: list[Any]) -> list[int]:
    row = root.glob.cache.one("pg_constraint", "oid", conflict.constraint)
    if row is None or not row.conindid:
        raise SqlError("constraint in ON CONFLICT clause has no associated index", "42809")
    if not any(i.oid == row.conindid and i.unique for i in found):
        raise SqlError("ON CONFLICT DO UPDATE not supported with exclusion constraints", "42809")
    return [int(row.conindid)]


def _matches(root: Root, index: Any, columns: set[int], exprs: list[Any], elems: list[Any]) -> bool:
    """Whether an index has exactly the inferred columns and expressions as its keys."""
    keys = index.keys[: index.nkeys]
    if {k for k in keys if k} != columns:
        return False
    own = [trees.key(e) for e in index.exprs[: sum(1 for k in keys if not k)]]
    wanted = [trees.key(fold.fold(root.glob, e.expr)) for e in exprs]
    if set(own) != set(wanted):
        return False
    return all(_operator_fits(root, index, elem) for elem in elems)


def _operator_fits(root: Root, index: Any, elem: Any) -> bool:
    """A collation or operator class that was named has to be the index's."""
    if not elem.infercollid and not elem.inferopclass:
        return True
    opclass = (
        root.glob.cache.one("pg_opclass", "oid", elem.inferopclass) if elem.inferopclass else None
    )
    for n in range(index.nkeys):
        if elem.infercollid and index.collations[n] != elem.infercollid:
            continue
        if opclass is not None and index.opfamilies[n] != opclass.opcfamily:
            continue
        return True
    return False
