"""NestLoop: all pairs that pass, or the inner plan run for each outer row's parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.errors import Unsupported
from pgtool.nodes.enums import JoinType
from pgtool.sql.executor.batch import Batch, concat_batches, values
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.joins import JoinExec, empty_batch
from pgtool.sql.executor.spill import Store, batch_bytes, compacted
from pgtool.sql.executor.vectors import VectorCompiler

__all__ = ["NestLoopExec"]

_PAIRS = 1 << 16
_GATHER = 4096
_KINDS = (JoinType.JOIN_INNER, JoinType.JOIN_LEFT, JoinType.JOIN_SEMI, JoinType.JOIN_ANTI)


class NestLoopExec(JoinExec):
    """See the module."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        if plan.jointype not in _KINDS:
            raise Unsupported(f"nested loop of kind {plan.jointype.name}")
        compiler = VectorCompiler(self.env, self.scope)
        self.params = [
            (p.paramno, compiler.compile(p.paramval), self.env.codec(p.paramval.vartype))
            for p in plan.nestParams
        ]
        #: Whether an outer row wants to know no more than one partner.
        self.first_only = self.kind in (JoinType.JOIN_SEMI, JoinType.JOIN_ANTI)
        from pgtool.sql.executor.lookupjoin import lookup_join

        self.lookup = lookup_join(self) if self.params and not plan.initPlan else None

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        if self.params:
            yield from self._parameterised(ctx)
        else:
            yield from self._pairs(ctx)

    # -- the inner side stays the same ----------------------------------------------

    def _pairs(self, ctx: Context) -> Iterator[Batch]:
        store: Any = None
        whole: Batch | None = None
        for outer in self.left.run(ctx):
            if not outer.n:
                continue
            if store is None:
                store = Store(self.right.codecs, ctx.work_mem)
                for batch in self.right.run(ctx):
                    store.add(batch)
                if store.file is None:
                    kept = list(store.read())
                    whole = (concat_batches(kept, self.right.codecs) if kept
                             else empty_batch(self.right.codecs))  # fmt: skip
            # What lies in a file is read for each outer row, whose pairs so stay together.
            step = 1 if whole is None else max(1, _PAIRS // max(store.rows, 1))
            for low in range(0, outer.n, step):
                ctx.check()
                part = outer.slice(low, low + step)
                yield from (self._one_row(part, store, ctx) if whole is None
                            else self._block(part, whole, ctx))  # fmt: skip

    def _block(self, outer: Batch, inner: Batch, ctx: Context) -> Iterator[Batch]:
        o = np.repeat(np.arange(outer.n), inner.n)
        i = np.tile(np.arange(inner.n), outer.n)
        o, i = self.pairs(outer, inner, o, i, ctx)
        o, i = self.by_outer(outer.n, o, i)
        return self.emit(outer, inner, o, i, ctx)

    def _one_row(self, outer: Batch, store: Store, ctx: Context) -> Iterator[Batch]:
        alone = True
        for inner in store.read():
            ctx.check()
            o, i = np.zeros(inner.n, np.int64), np.arange(inner.n)
            o, i = self.pairs(outer, inner, o, i, ctx)
            if not len(o):
                continue
            alone = False
            if self.kind == JoinType.JOIN_ANTI:
                return
            if self.kind == JoinType.JOIN_SEMI:
                yield from self.emit(outer, inner, o[:1], i[:1], ctx)
                return
            yield from self.emit(outer, inner, o, i, ctx)
        if alone and self.kind in (JoinType.JOIN_LEFT, JoinType.JOIN_ANTI):
            missing = empty_batch(self.right.codecs)
            yield from self.emit(outer, missing, np.zeros(1, np.int64), np.full(1, -1), ctx)

    # -- the inner side depends on the outer row --------------------------------------

    def _parameterised(self, ctx: Context) -> Iterator[Batch]:
        for outer in self.left.run(ctx):
            lookup = self.lookup
            if lookup is None or ctx.measures is not None:
                yield from self._row_by_row(outer, ctx)
                continue
            table = lookup.table(outer.n, ctx)
            if table is not None:
                yield from self._looked_up(outer, table, ctx)
                continue
            done = 0
            if outer.n > 1:
                for part, table in lookup.looked_up(outer, ctx):
                    yield from self._looked_up(part, table, ctx)
                    done += part.n
            if done < outer.n:
                yield from self._row_by_row(outer.slice(done, outer.n), ctx)

    def _looked_up(self, outer: Batch, table: Any, ctx: Context) -> Iterator[Batch]:
        assert self.lookup is not None
        inner, o, i = self.lookup.pairs(outer, table, ctx)
        o, i = self.by_outer(outer.n, o, i)
        for low in range(0, len(o), _PAIRS):
            part = slice(low, low + _PAIRS)
            yield from self.emit(outer, inner, o[part], i[part], ctx)

    def _row_by_row(self, outer: Batch, ctx: Context) -> Iterator[Batch]:
        if outer.n:
            lists = [values(v.run(outer, ctx), codec) for _, v, codec in self.params]
            waiting: list[Batch] = []
            origin: list[Any] = []
            start, rows, size = 0, 0, 0
            for number in range(outer.n):
                ctx.check()
                for (param, _, _), items in zip(self.params, lists):
                    ctx.set_param(param, items[number])
                for inner in self.right.run(ctx):
                    o, i = self.pairs(
                        outer, inner, np.full(inner.n, number), np.arange(inner.n), ctx
                    )
                    if not len(o):
                        continue
                    small = compacted(inner.take(i), self.right.codecs)
                    waiting.append(small)
                    origin.append(o - start)
                    rows += small.n
                    size += batch_bytes(small)
                    if self.first_only:
                        break
                if rows >= _GATHER or size > ctx.work_mem:
                    yield from self._gathered(outer, start, number + 1, waiting, origin, ctx)
                    start, rows, size, waiting, origin = number + 1, 0, 0, [], []
            yield from self._gathered(outer, start, outer.n, waiting, origin, ctx)

    def _gathered(
        self, outer: Batch, low: int, high: int, waiting: list[Batch], origin: list[Any],
        ctx: Context,
    ) -> Iterator[Batch]:  # fmt: skip
        part = outer.slice(low, high)
        if not part.n:
            return
        codecs = self.right.codecs
        inner = concat_batches(waiting, codecs) if waiting else empty_batch(codecs)
        o = np.concatenate(origin) if origin else np.zeros(0, np.int64)
        o, i = self.by_outer(part.n, o, np.arange(inner.n))
        if len(o):
            yield from self.emit(part, inner, o, i, ctx)
