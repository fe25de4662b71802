"""The base of all executor nodes: inputs, output types, filter and projection, measuring.

A node is built once from its plan and can be run any number of times: :meth:`Exec.run`
gives a fresh iterator of batches under the parameters that the context holds then. What a
node keeps between runs it keeps in ``ctx.kept``, under the versions of the parameters that
its subtree reads (:attr:`Exec.depends`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pgtool.errors import SqlError
from pgtool.functions.codec import Codec
from pgtool.functions.session import QUERY_CANCELED
from pgtool.nodes.base import walk
from pgtool.nodes.enums import ParamKind
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.executor.batch import Batch, truth
from pgtool.sql.executor.context import Context, Measure
from pgtool.sql.executor.scope import Env, Scope
from pgtool.sql.executor.vectors import Vector, VectorCompiler

if TYPE_CHECKING:
    from pgtool.sql.executor.build import Builder

__all__ = ["BATCH_ROWS", "Exec", "Filter", "Project", "chunks", "in_row_order", "is_of_a_row"]

BATCH_ROWS = 16384
_SELECTIVE = 0.3


class Filter:
    """A list of conditions that must all be true, in their order."""

    def __init__(self, env: Env, scope: Scope, quals: list[Any]) -> None:
        compiler = VectorCompiler(env, scope)
        self.quals: list[Vector] = [compiler.compile(q) for q in quals]

    def __bool__(self) -> bool:
        return bool(self.quals)

    def mask(self, batch: Batch, ctx: Context) -> Any:
        """Which rows pass."""
        keep: Any = None
        rows: Any = None
        for qual in self.quals:
            if keep is None:
                keep = truth(qual.run(batch, ctx), batch.n)
                continue
            count = int(np.count_nonzero(keep))
            if not count:
                return keep
            if count == batch.n or (qual.total and count > _SELECTIVE * batch.n):
                keep = keep & truth(qual.run(batch, ctx), batch.n)
                continue
            rows = np.flatnonzero(keep)
            part = truth(qual.run(batch.take(rows), ctx), len(rows))
            keep = np.zeros(batch.n, bool)
            keep[rows[part]] = True
        return np.ones(batch.n, bool) if keep is None else keep

    def apply(self, batch: Batch, ctx: Context) -> Batch:
        """The rows that pass."""
        if not self.quals or not batch.n:
            return batch
        keep = self.mask(batch, ctx)
        if keep.all():
            return batch
        return batch.filter(keep)


class Project:
    """A target list over a batch."""

    def __init__(self, env: Env, scope: Scope, targetlist: list[Any]) -> None:
        compiler = VectorCompiler(env, scope)
        self.vectors = [compiler.compile(t.expr) for t in targetlist]
        positions = [v.position for v in self.vectors]
        self.plain = positions if all(p >= 0 for p in positions) else None

    def apply(self, batch: Batch, ctx: Context) -> Batch:
        """The projected rows."""
        if self.plain is not None:
            return batch.pick(self.plain)
        columns = [
            batch.pick([v.position]).col(0) if v.position >= 0 else v.run(batch, ctx)
            for v in self.vectors
        ]
        return Batch(batch.n, columns)


class Exec:
    """A node of a running plan."""

    def __init__(self, builder: Builder, plan: Any) -> None:
        self.builder = builder
        self.env = builder.env
        self.plan = plan
        self.types = [expr_type(t.expr) for t in plan.targetlist]
        self.codecs: list[Codec] = [self.env.codec(t) for t in self.types]
        self.left: Any = None
        self.right: Any = None
        self.filter: Any = None
        self.project: Any = None
        self.depends: tuple[int, ...] = tuple(sorted(params_below(plan, builder)))
        self.init_plans = list(plan.initPlan)

    # -- what subclasses implement --------------------------------------------------

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """The rows."""
        raise NotImplementedError

    # -- running --------------------------------------------------------------------

    def run(self, ctx: Context) -> Iterator[Batch]:
        """The rows, initplans made known first; measured where wanted."""
        if self.init_plans:
            from pgtool.sql.executor.subplans import register_initplans

            register_initplans(self, ctx)
        rows = self.batches(ctx)
        if ctx.measures is not None:
            rows = self._measured(rows, ctx)
        return rows

    def _measured(self, rows: Iterator[Batch], ctx: Context) -> Iterator[Batch]:
        assert ctx.measures is not None
        found = ctx.measures.setdefault(self.plan.plan_node_id, Measure())
        found.loops += 1
        first = True
        while True:
            begin = time.perf_counter()
            batch = next(rows, None)
            spent = time.perf_counter() - begin
            found.total += spent
            if first:
                found.startup += spent
                first = False
            if batch is None:
                return
            found.rows += batch.n
            yield batch

    def measure(self, ctx: Context) -> Measure | None:
        """Where a node notes more than rows and time."""
        if ctx.measures is None:
            return None
        return ctx.measures.setdefault(self.plan.plan_node_id, Measure())

    # -- helpers --------------------------------------------------------------------

    def child(self, plan: Any) -> Exec:
        """The executor of an input."""
        return self.builder.build(plan)

    def over(self, scope: Scope) -> tuple[Filter, Project]:
        """The node's own filter and projection."""
        return (
            Filter(self.env, scope, self.plan.qual),
            Project(self.env, scope, self.plan.targetlist),
        )

    def output(self, batch: Batch, ctx: Context) -> Iterator[Batch]:
        """What the node's own filter and projection (made by :meth:`over`) leave of a batch."""

        def run(rows: Batch) -> Batch:
            out = self.filter.apply(rows, ctx)
            return self.project.apply(out, ctx) if out.n else out

        return in_row_order(batch, run)

    def key(self, ctx: Context) -> tuple[Any, ...]:
        """Where and under which parameters this node keeps things."""
        return id(self), ctx.version(self.depends)


_INPUTS = ("lefttree", "righttree", "appendplans", "mergeplans", "bitmapplans", "subplan")


def params_below(plan: Any, builder: Builder) -> set[int]:
    """The PARAM_EXEC parameters that a subtree reads and does not itself set."""
    known = builder.params_known.get(id(plan))
    if known is not None:
        return known
    out: set[int] = set()
    for name, kind in plan.FIELDS.items():
        if kind not in ("NodeRef", "NodeList"):
            continue
        value = getattr(plan, name)
        if name in _INPUTS:
            for child in value if isinstance(value, list) else [value]:
                if child is not None:
                    out |= params_below(child, builder)
        else:
            out |= _params_in(value, builder)
    kind = type(plan).__name__
    if kind == "WorkTableScan":
        out.add(plan.wtParam)
    elif kind == "CteScan":
        out |= builder.subplan_params(plan.ctePlanId)
    elif kind == "RecursiveUnion":
        out.discard(plan.wtParam)
    elif kind == "NestLoop":
        out -= {p.paramno for p in plan.nestParams}
    builder.params_known[id(plan)] = out
    return out


def _params_in(value: Any, builder: Builder) -> set[int]:
    out: set[int] = set()
    for node in walk(value):
        kind = type(node).__name__
        if kind == "Param" and node.paramkind == ParamKind.PARAM_EXEC:
            out.add(node.paramid)
            source = builder.init_params.get(node.paramid)
            if source is not None:
                out |= builder.subplan_params(source)
        elif kind == "SubPlan":
            out |= builder.subplan_params(node.plan_id) - set(node.parParam)
            out -= set(node.paramIds)
    return out


def chunks(batch: Batch, size: int = BATCH_ROWS) -> Iterator[Batch]:
    """A large batch in pieces."""
    if batch.n <= size:
        if batch.n:
            yield batch
        return
    for low in range(0, batch.n, size):
        yield batch.slice(low, low + size)


def is_of_a_row(error: SqlError) -> bool:
    """Whether an error comes from values, not from outside (a cancelled statement)."""
    return error.sqlstate != QUERY_CANCELED


def in_row_order(batch: Batch, run: Callable[[Batch], Batch]) -> Iterator[Batch]:
    """``run`` on a batch, its results without rows left out.

    Columns are computed one after the other, so where one fails, another may have to fail in
    an earlier row, and rows before that may be all that anybody wants: the batch is halved
    until what comes before the first row that fails is given out, and then that row fails.
    """
    try:
        out = run(batch)
    except SqlError as error:
        if batch.n < 2 or not is_of_a_row(error):
            raise
    else:
        if out.n:
            yield out
        return
    half = batch.n // 2
    yield from in_row_order(batch.slice(0, half), run)
    yield from in_row_order(batch.slice(half, batch.n), run)
