"""Nodes that pass rows on: Result, Append, SubqueryScan, Values, Material, Memoize, Hash."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from pgtool.errors import SqlError
from pgtool.nodes.exprs import Const
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.executor.batch import Batch, ConstColumn, concat_batches
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.node import BATCH_ROWS, Exec, Filter, chunks
from pgtool.sql.executor.rowtype import scan_scope, with_whole_row
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.scope import Scope
from pgtool.sql.executor.spill import Store
from pgtool.sql.executor.stepwise import draws, steps
from pgtool.sql.executor.vectors import from_items

ONE_ROW = Batch(1, [])


class ResultExec(Exec):
    """A target list over the input, or over one empty row; gated by a constant condition."""

    def __init__(self, builder: Any, plan: Any) -> None:
        gate = plan.resconstantqual
        gate = [] if gate is None else gate if isinstance(gate, list) else [gate]
        if any(_never(clause) for clause in gate):
            # Nothing comes out, and the columns may be of relations that are not even read.
            plan = plan.copy(targetlist=[t.copy(expr=_null(t.expr)) for t in plan.targetlist],
                             qual=[], lefttree=None)  # fmt: skip
        super().__init__(builder, plan)
        if plan.lefttree is not None:
            self.left = self.child(plan.lefttree)
            scope = Scope.of(len(self.left.codecs))
        else:
            scope = Scope()
        self.filter, self.project = self.over(scope)
        self.gate = Filter(self.env, Scope(), gate)
        self.rows = ScalarCompiler(self.env, Scope()).many([t.expr for t in plan.targetlist])

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        if self.gate and not self.gate.mask(ONE_ROW, ctx).all():
            return
        if self.left is None:
            if not self.filter or self.filter.mask(ONE_ROW, ctx).all():
                yield Batch(1, [ConstColumn(fn((), ctx), 1) for fn in self.rows])
            return
        for batch in self.left.run(ctx):
            yield from self.output(batch, ctx)


def _never(clause: Any) -> bool:
    """Whether a condition is the constant false or NULL."""
    return isinstance(clause, Const) and (
        clause.constisnull or not any(clause.constvalue or b"")
    )


def _null(expr: Any) -> Const:
    """A NULL of an expression's type."""
    return Const(consttype=expr_type(expr), consttypmod=expr_typmod(expr),
                 constcollid=expr_collation(expr), constisnull=True)  # fmt: skip


class AppendExec(Exec):
    """The inputs' rows, one input after the other."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.children = [self.child(p) for p in plan.appendplans]

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        for child in self.children:
            yield from child.run(ctx)


class SubqueryExec(Exec):
    """The rows of a subquery's plan."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.subplan)
        visible = [i for i, t in enumerate(plan.subplan.targetlist) if not t.resjunk]
        # The row's fields have the names of the alias, not those inside.
        outside = [getattr(n, "sval", n) for n in builder.rte(plan.scanrelid).eref.colnames]
        names = [t.resname or f"column{t.resno}" for t in plan.subplan.targetlist]
        self.names = outside if len(outside) == len(visible) else [names[i] for i in visible]
        self.whole = (visible, self.names, [self.left.types[i] for i in visible])
        self.filter, self.project = self.over(scan_scope(plan.scanrelid, len(self.left.codecs)))

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        visible, names, types = self.whole
        for batch in self.left.run(ctx):
            full = with_whole_row(self.env, batch, types, names, visible)
            yield from self.output(full, ctx)


class ValuesExec(Exec):
    """VALUES lists.

    Rows before one that fails are given first: on their way into a table they may fail sooner.
    """

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        from pgtool.sql.analyze.nodetypes import expr_type

        compiler = ScalarCompiler(self.env, Scope())
        self.drawing = any(draws(self.env.session, row) for row in plan.values_lists)
        self.lists = [compiler.many(row) for row in plan.values_lists]
        first = plan.values_lists[0] if plan.values_lists else []
        self.value_types = [expr_type(e) for e in first]
        self.value_codecs = [self.env.codec(t) for t in self.value_types]
        outside = [getattr(n, "sval", n) for n in builder.rte(plan.scanrelid).eref.colnames]
        self.names = outside or [f"column{i + 1}" for i in range(len(first))]
        self.filter, self.project = self.over(scan_scope(plan.scanrelid, len(first)))

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        sizes = steps() if self.drawing else itertools.repeat(BATCH_ROWS)
        low = 0
        while low < len(self.lists):
            size, rows, problem = next(sizes), [], None
            try:
                for row in self.lists[low : low + size]:
                    rows.append([fn((), ctx) for fn in row])
            except SqlError as error:
                problem = error
            low += size
            columns = [
                from_items([row[i] for row in rows], codec)
                for i, codec in enumerate(self.value_codecs)
            ]
            batch = with_whole_row(
                self.env, Batch(len(rows), columns), self.value_types, self.names
            )
            if rows:
                yield from self.output(batch, ctx)
            if problem is not None:
                raise problem


class MaterialExec(Exec):
    """Keeps its input's rows as long as the parameters below it stay."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.lefttree)

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        key, version = self.key(ctx)
        found = ctx.kept.get(key)
        if found is not None and found[0] == version:
            yield from found[1].read()
            return
        store = Store(self.codecs, ctx.work_mem)
        for batch in self.left.run(ctx):
            ctx.check()
            store.add(batch)
        ctx.kept[key] = (version, store)
        yield from store.read()


class MemoizeExec(Exec):
    """Keeps the inner rows of a parameterised join by the values of its keys."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.lefttree)
        self.keys = ScalarCompiler(self.env, Scope()).many(plan.param_exprs)
        self.key_codecs = [self.env.codec(t) for t in self._key_types()]
        keyed = set(plan.keyparamids) | {
            e.paramid for e in plan.param_exprs if type(e).__name__ == "Param"
        }
        self.others = tuple(p for p in self.depends if p not in keyed)

    def _key_types(self) -> list[int]:
        from pgtool.sql.analyze.nodetypes import expr_type

        return [expr_type(e) for e in self.plan.param_exprs]

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        version = ctx.version(self.others)
        state = ctx.kept.get(id(self))
        if state is None or state[0] != version:
            state = ctx.kept[id(self)] = (version, dict[Any, Any](), [0])
        _version, cache, size = state
        values = [fn((), ctx) for fn in self.keys]
        key = tuple(
            None if v is None else codec.encode(v) for v, codec in zip(values, self.key_codecs)
        )
        found = cache.get(key)
        if found is None:
            rows = [b for b in self.left.run(ctx) if b.n]
            found = [concat_batches(rows, self.codecs)] if rows else []
            size[0] += 200 + sum(100 * b.n * max(b.width, 1) for b in found)
            if size[0] > ctx.hash_mem:
                cache.clear()
                size[0] = 0
            cache[key] = found
        for batch in found:
            yield from chunks(batch)


class HashExec(Exec):
    """The input of a hash join's table: passes its rows on."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.lefttree)
        self.project = self.over(Scope.of(len(self.left.codecs)))[1]

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        rows = 0
        for batch in self.left.run(ctx):
            rows += batch.n
            yield self.project.apply(batch, ctx) if self.plan.targetlist else batch
        measure = self.measure(ctx)
        if measure is not None:
            measure.extra = self._table(rows, ctx)

    def _table(self, rows: int, ctx: Context) -> tuple[int, int, int, int]:
        """The server's table of so many rows: buckets, planned buckets, batches, bytes."""
        planned = _power(max(int(self.plan.plan_rows), _BUCKETS))
        size = rows * (_TUPLE + -(-self.plan.plan_width // 4) * 4)
        batches = _power(-(-size // max(ctx.hash_mem, 1)))
        buckets = max(planned, _power(rows)) if batches == 1 else planned
        return buckets, planned, batches, size // batches + 8 * buckets


#: Fewest buckets of a hash table, and what it spends on a row beside its columns.
_BUCKETS, _TUPLE = 1024, 32


def _power(n: int) -> int:
    """The least power of two that is not below ``n``."""
    return 1 << max(n - 1, 0).bit_length()
