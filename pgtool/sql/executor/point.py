"""Statements about one row, without batches: closures from parameters to the row and back.

An INSERT of one row, and an UPDATE, DELETE or SELECT whose conditions fix every column of a
unique index, are found by :func:`point_of` among plans; whatever else a plan does makes it
no point. The index is looked up whichever scan the plan chose: at most one row is visible
either way. The rows go through the same :class:`~pgtool.sql.executor.target.Target` as those
of batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pgtool.access.btree.lookup import equal_tids
from pgtool.errors import Unsupported
from pgtool.nodes import plan as p
from pgtool.nodes.base import walk
from pgtool.nodes.enums import CmdType
from pgtool.nodes.exprs import OpExpr, RelabelType, Var
from pgtool.sql.analyze.nodetypes import expr_type, expr_typmod
from pgtool.sql.executor.build import Builder
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.modifytable import ModifyTableExec, Writing
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.scope import Scope
from pgtool.sql.executor.target import Target, Targets
from pgtool.sql.executor.written import Row, encoder, row_scope

__all__ = ["Point", "point_of"]

EQUAL = 3
BTREE_AM = 403
#: Integer types that compare with each other → their ranges.
_INTEGERS = {21: (-(2**15), 2**15), 23: (-(2**31), 2**31), 20: (-(2**63), 2**63)}


class Point:
    """One plan's closures. ``run`` gives the rows that come out and how many were written."""

    def __init__(self, planned: Any, writes: bool) -> None:
        self.planned = planned
        self.writes = writes
        entries = [e for e in planned.planTree.targetlist if not e.resjunk]
        self.names = [e.resname or "?column?" for e in entries]
        self.types = [expr_type(e.expr) for e in entries]
        self.typmods = [expr_typmod(e.expr) for e in entries]

    def run(self, ctx: Context) -> tuple[list[tuple[Any, ...]], int]:
        """Run it under a context with the parameters."""
        raise NotImplementedError


class _Insert(Point):
    def __init__(self, planned: Any, node: ModifyTableExec, exprs: list[Any]) -> None:
        super().__init__(planned, True)
        self.node = node
        values = ScalarCompiler(node.env, Scope()).many(exprs)
        self.columns = list(zip(values, node.encoders))

    def run(self, ctx: Context) -> tuple[list[tuple[Any, ...]], int]:
        """See the base."""
        datums: list[Any] = []
        for compute, encode in self.columns:
            value = compute((), ctx)
            datums.append(None if value is None else encode(value))
        writing = Writing(self.node, ctx)
        writing.insert_row(Row(self.node.targets.root.shape, datums), ())
        writing.end()
        return writing.out, writing.count


class _Lookup:
    """Finds the row of a unique key."""

    def __init__(
        self, target: Target, env: Any, varno: int, index: Any, keys: list[Any],
        conditions: list[Any],
    ) -> None:  # fmt: skip
        self.target = target
        self.index = index
        constants = ScalarCompiler(env, Scope())
        self.keys: list[tuple[Any, Callable[[Any], bytes], tuple[int, int] | None]] = [
            (constants.compile(expr), encode, limits) for expr, encode, limits in keys
        ]
        natts = target.shape.natts
        self.conditions = ScalarCompiler(env, row_scope(natts, varno)).many(conditions)

    def rows(self, ctx: Context) -> Iterator[Row]:
        """The visible row, if it passes the conditions."""
        datums: list[bytes | None] = []
        for compute, encode, limits in self.keys:
            value = compute((), ctx)
            if value is None or (limits is not None and not limits[0] <= value < limits[1]):
                return
            datums.append(encode(value))
        target = self.target
        snapshot = ctx.session.database.cluster.reading.snapshot
        for place in equal_tids(self.index.tree, datums):
            found = target.heap.fetch_chain((place >> 16, place & 0xFFFF), snapshot)
            if found is None:
                continue
            tid, stored = found
            row = target.stored(target.deform(stored), tid, stored)
            if all(condition(row, ctx) is True for condition in self.conditions):
                yield row
                return


class _Change(Point):
    def __init__(
        self, planned: Any, node: ModifyTableExec, lookup: _Lookup, exprs: list[Any], varno: int
    ) -> None:
        super().__init__(planned, True)
        self.node = node
        self.lookup = lookup
        natts = lookup.target.shape.natts
        values = ScalarCompiler(node.env, row_scope(natts, varno)).many(exprs)
        self.columns = list(zip(node.colnos, values, node.encoders))
        self.deletes = node.operation == CmdType.CMD_DELETE

    def run(self, ctx: Context) -> tuple[list[tuple[Any, ...]], int]:
        """See the base."""
        writing = Writing(self.node, ctx)
        target = self.lookup.target
        for old in self.lookup.rows(ctx):
            if self.deletes:
                writing.delete_row(target, old, ())
                continue
            new = Row(target.shape, list(old.datums))
            for colno, compute, encode in self.columns:
                value = compute(old, ctx)
                new.datums[colno] = None if value is None else encode(value)
            writing.update_row(target, old, new, ())
        writing.end()
        return writing.out, writing.count


class _Select(Point):
    def __init__(
        self, planned: Any, env: Any, lookup: _Lookup, exprs: list[Any], varno: int
    ) -> None:
        super().__init__(planned, False)
        self.lookup = lookup
        natts = lookup.target.shape.natts
        self.columns = ScalarCompiler(env, row_scope(natts, varno)).many(exprs)

    def run(self, ctx: Context) -> tuple[list[tuple[Any, ...]], int]:
        """See the base."""
        self.lookup.target.xact = ctx.session.xact
        return [
            tuple(column(row, ctx) for column in self.columns) for row in self.lookup.rows(ctx)
        ], 0


def point_of(planned: Any, session: Any) -> Point | None:
    """The closures of a plan, None where it is no point."""
    tree = planned.planTree
    if planned.subplans or tree.initPlan:
        return None
    try:
        if isinstance(tree, p.ModifyTable):
            return _modifying(planned, tree, session)
        if isinstance(tree, (p.SeqScan, p.IndexScan)) and planned.commandType == (
            CmdType.CMD_SELECT
        ):
            return _selecting(planned, tree, session)
    except Unsupported:
        return None
    return None


def _modifying(planned: Any, tree: p.ModifyTable, session: Any) -> Point | None:
    below = tree.lefttree
    if tree.operation == CmdType.CMD_INSERT:
        plain = isinstance(below, p.Result) and below.lefttree is None and not below.qual
        if not plain or below.resconstantqual is not None or below.initPlan:
            return None
        node = _node(planned, tree, session)
        if any(e.resjunk for e in below.targetlist):
            return None
        return _Insert(planned, node, [e.expr for e in below.targetlist])
    if not isinstance(below, (p.SeqScan, p.IndexScan)) or below.initPlan:
        return None
    if below.scanrelid != tree.nominalRelation or tree.rootRelation:
        return None
    node = _node(planned, tree, session)
    if node.returning is not None and node.returning.reads_input:
        return None
    target = node.targets.root
    lookup = _lookup(target, node.env, below)
    if lookup is None:
        return None
    exprs = [e.expr for e in below.targetlist[: len(node.colnos)]]
    return _Change(planned, node, lookup, exprs, below.scanrelid)


def _node(planned: Any, tree: Any, session: Any) -> ModifyTableExec:
    made = Builder(session, planned).build(tree)
    assert isinstance(made, ModifyTableExec)
    return made


def _selecting(planned: Any, tree: Any, session: Any) -> Point | None:
    builder = Builder(session, planned)
    rte = builder.rte(tree.scanrelid)
    relation = session.database.relation(rte.relid)
    if relation.relkind != "r" or any(
        isinstance(v, Var) and v.varattno < 0 for v in walk([tree.targetlist, tree.qual])
    ):
        return None
    target = Targets(builder.env, relation).root
    lookup = _lookup(target, builder.env, tree)
    if lookup is None:
        return None
    exprs = [e.expr for e in tree.targetlist if not e.resjunk]
    return _Select(planned, builder.env, lookup, exprs, tree.scanrelid)


def _lookup(target: Target, env: Any, scan: Any) -> _Lookup | None:
    """The look-up of a scan's row by a unique index, None where there is no such index."""
    conditions = list(scan.qual)
    if isinstance(scan, p.IndexScan):
        conditions = list(scan.indexqualorig) + conditions
    if any(isinstance(v, Var) and v.varattno < 0 for v in walk(conditions)):
        return None
    cache = env.session.cache
    for index in target.indexes:
        descriptor = index.descriptor
        row = cache.one("pg_index", "indexrelid", descriptor.oid)
        if not (descriptor.unique and descriptor.immediate and row.indisvalid) or row.indpred:
            continue
        if 0 in descriptor.attnums[: descriptor.nkeyatts]:
            continue
        keys = []
        used: list[Any] = []
        for number in range(descriptor.nkeyatts):
            found = _equality(target, env, scan.scanrelid, row, number, conditions)
            if found is None:
                break
            keys.append(found[1:])
            used.append(found[0])
        else:
            rest = [c for c in conditions if not any(c is u for u in used)]
            return _Lookup(target, env, scan.scanrelid, index, keys, rest)
    return None


def _equality(
    target: Target, env: Any, varno: int, row: Any, number: int, conditions: list[Any]
) -> tuple[Any, Any, Any, tuple[int, int] | None] | None:
    """(condition, value's expression, encoder, limits) that fixes a key column."""
    cache = env.session.cache
    attribute = target.shape.attributes[row.indkey[number] - 1]
    family = cache.one("pg_opclass", "oid", row.indclass[number]).opcfamily
    for condition in conditions:
        if not isinstance(condition, OpExpr) or len(condition.args) != 2:
            continue
        left, right = condition.args
        while isinstance(left, RelabelType):
            left = left.arg
        if not isinstance(left, Var) or (left.varno, left.varattno) != (varno, attribute.attnum):
            continue
        if any(isinstance(v, Var) for v in walk([right])):
            continue
        if row.indcollation[number] and condition.inputcollid != row.indcollation[number]:
            continue
        op = cache.one("pg_amop", ("amopfamily", "amopopr"), (family, condition.opno))
        if op is None or op.amopstrategy != EQUAL or op.amopmethod != BTREE_AM:
            continue
        limits = None
        if op.amoplefttype != op.amoprighttype:
            limits = _INTEGERS.get(attribute.atttypid)
            if limits is None or op.amoprighttype not in _INTEGERS:
                continue
        return condition, right, encoder(env.codec(attribute.atttypid)), limits
    return None
