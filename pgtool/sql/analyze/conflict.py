"""ON CONFLICT: which unique indexes arbitrate, and what happens to the row in the way.

The inference's expressions are analyzed over the target; the planner finds the indexes.
DO UPDATE sees the row that was to be inserted as the relation EXCLUDED.
"""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.nodes.base import ValueString
from pgtool.nodes.enums import OnConflictAction
from pgtool.nodes.exprs import InferenceElem
from pgtool.nodes.query import Alias, OnConflictExpr, RangeVar, TargetEntry
from pgtool.nodes.raw import ColumnRef
from pgtool.sql.analyze.coerce import coerce_to_boolean
from pgtool.sql.analyze.collations import assign_collations
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.from_clause import add_relation
from pgtool.sql.analyze.state import Namespace, ParseState, make_var

__all__ = ["transform_conflict"]

BTREE_AM = 403
COMPOSITE = "c"


def transform_conflict(state: ParseState, clause: Any, target: Namespace) -> OnConflictExpr:
    """ON CONFLICT … as an OnConflictExpr."""
    out = OnConflictExpr(action=clause.action)
    infer = clause.infer
    if clause.action == OnConflictAction.ONCONFLICT_UPDATE and infer is None:
        raise SqlError("ON CONFLICT DO UPDATE requires inference specification or constraint name",
                       "42601", hint="For example, ON CONFLICT (column_name).",
                       position=clause.location + 1)  # fmt: skip
    if target.rte.relid < 16384:
        raise SqlError("ON CONFLICT is not supported with system catalog tables", "0A000",
                       position=clause.location + 1)  # fmt: skip
    if infer is not None:
        _infer(state, out, infer, target)
    if clause.action != OnConflictAction.ONCONFLICT_UPDATE:
        return out
    excluded = _excluded(state, target)
    out.exclRelIndex = excluded.index
    out.exclRelTlist = [
        TargetEntry(expr=make_var(excluded, n, c, 0, -1), resno=n, resname=c.name)
        for n, c in enumerate(excluded.columns, 1)
    ]  # fmt: skip
    state.namespace.append(excluded)
    try:
        _update(state, out, clause, target)
    finally:
        state.namespace.remove(excluded)
    return out


def _excluded(state: ParseState, target: Namespace) -> Namespace:
    """EXCLUDED: a row of the target's type that is in no table."""
    relation = state.session.database.relation(target.rte.relid)
    node = RangeVar(schemaname=relation.nspname, relname=relation.relname,
                    alias=Alias(aliasname="excluded"))  # fmt: skip
    item = add_relation(state, node, in_from=False)
    item.rte.relkind, item.rte.inh = COMPOSITE, False
    state.perminfos.pop()
    item.rte.perminfoindex = 0
    return item


def _update(state: ParseState, out: OnConflictExpr, clause: Any, target: Namespace) -> None:
    from pgtool.sql.analyze.update import _sources, update_target_list

    sources = _sources(state, clause.targetList)
    out.onConflictSet = update_target_list(state, target, clause.targetList, sources)
    if clause.whereClause is not None:
        made = transform_expr(state, clause.whereClause, "WHERE")
        out.onConflictWhere = coerce_to_boolean(state, made, "WHERE")


def _infer(state: ParseState, out: OnConflictExpr, infer: Any, target: Namespace) -> None:
    if infer.conname:
        out.constraint = _constraint(state, infer, target)
        return
    elems: list[Any] = []
    for elem in infer.indexElems:
        if int(elem.ordering):
            raise SqlError("ASC/DESC is not allowed in ON CONFLICT clause", "42P10",
                           position=infer.location + 1)  # fmt: skip
        if int(elem.nulls_ordering):
            raise SqlError("NULLS FIRST/LAST is not allowed in ON CONFLICT clause", "42P10",
                           position=infer.location + 1)  # fmt: skip
        raw = elem.expr
        if raw is None:
            raw = ColumnRef(fields=[ValueString(sval=elem.name)], location=infer.location)
        made = InferenceElem(expr=transform_expr(state, raw, "INDEX"))
        if elem.collation:
            from pgtool.sql.analyze.typenames import collation_oid

            made.infercollid = collation_oid(
                state, [n.sval for n in elem.collation], infer.location
            )
        if elem.opclass:
            made.inferopclass = _opclass(state, [n.sval for n in elem.opclass])
        elems.append(made)
    out.arbiterElems = elems
    if infer.whereClause is not None:
        made = transform_expr(state, infer.whereClause, "INDEX PREDICATE")
        out.arbiterWhere = coerce_to_boolean(state, made, "WHERE")
        assign_collations(state, out.arbiterWhere)


def _opclass(state: ParseState, names: list[str]) -> int:
    schema, name = state.split_name(names)
    spaces = [state.namespace_oid(schema)] if schema else state.search_path
    for space in spaces:
        for row in state.cache.lookup("pg_opclass", ("opcname", "opcnamespace"), (name, space)):
            if row.opcmethod == BTREE_AM:
                return int(row.oid)
    raise SqlError(f'operator class "{name}" does not exist for access method "btree"', "42704")


def _constraint(state: ParseState, infer: Any, target: Namespace) -> int:
    for row in state.cache.lookup("pg_constraint", "conrelid", target.rte.relid):
        if row.conname == infer.conname:
            return int(row.oid)
    relation = state.session.database.relation(target.rte.relid)
    raise SqlError(f'constraint "{infer.conname}" for table "{relation.relname}" does not exist',
                   "42704")  # fmt: skip
