"""HashJoin: the inner side as a table of keys, probed by whole outer batches.

The inner rows' keys get dense numbers (:class:`.interning.GroupTable`); a row list by key
number gives each outer row its partners. An inner side beyond the memory limit is written
to partition files by a hash of the keys, the outer side likewise, and each pair of files is
joined by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.catalog import typeoids as t
from pgtool.nodes.enums import JoinType
from pgtool.nodes.exprs import FuncExpr
from pgtool.nodes.plan import INNER_VAR, OUTER_VAR
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.executor.batch import Batch, concat_batches
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.interning import GroupTable
from pgtool.sql.executor.joins import JoinExec, empty_batch
from pgtool.sql.executor.keys import KeySpec, key_spec
from pgtool.sql.executor.node import BATCH_ROWS
from pgtool.sql.executor.partition import Partitions
from pgtool.sql.executor.scope import Scope
from pgtool.sql.executor.spill import batch_bytes, compacted
from pgtool.sql.executor.vectors import VectorCompiler

__all__ = ["HashJoinExec"]

_PAIRS = 1 << 18
_DEEPEST = 4
_KEEPS_INNER = (JoinType.JOIN_RIGHT, JoinType.JOIN_FULL, JoinType.JOIN_RIGHT_ANTI)
_INNER_ONCE = (JoinType.JOIN_RIGHT_SEMI, JoinType.JOIN_RIGHT_ANTI)


#: Types that equal one another at different numbers → the cast from the one to the other.
_CASTS = {
    (t.DATEOID, t.TIMESTAMPOID): 2024,
    (t.DATEOID, t.TIMESTAMPTZOID): 1174,
    (t.TIMESTAMPOID, t.TIMESTAMPTZOID): 2028,
}


def _alike(outer: Any, inner: Any) -> tuple[Any, Any]:
    """Both sides of a join's equality, in one type where their numbers differ."""
    left, right = expr_type(outer), expr_type(inner)
    if (left, right) in _CASTS:
        outer = FuncExpr(funcid=_CASTS[left, right], funcresulttype=right, args=[outer])
    elif (right, left) in _CASTS:
        inner = FuncExpr(funcid=_CASTS[right, left], funcresulttype=left, args=[inner])
    return outer, inner


class _Table:
    """The inner rows by key."""

    def __init__(self, rows: Batch, specs: list[KeySpec]) -> None:
        self.rows = rows
        self.keys = GroupTable(specs) if specs else None
        if self.keys is None:
            ids: Any = np.zeros(rows.n, np.int64)
            missing: Any = None
            count = 1
        else:
            ids, missing = self.keys.numbers(rows)
            count = self.keys.count
        if missing is not None:
            # A NULL key equals nothing: such rows go behind the last list.
            ids = np.where(missing, count, ids)
        self.counts = np.bincount(ids, minlength=count)[:count]
        self.unique = missing is None and count == rows.n
        self.order = np.argsort(ids, kind="stable")
        self.starts = np.zeros(count + 1, np.int64)
        np.cumsum(self.counts, out=self.starts[1:])
        self.seen: Any = None

    def probe(self, batch: Batch, specs: list[KeySpec]) -> tuple[Any, Any]:
        """(outer row, inner row) of every pair with equal keys, by outer row."""
        if self.keys is None:
            ids: Any = np.zeros(batch.n, np.int64)
        else:
            ids, missing = self.keys.numbers(batch, specs, insert=False)
            if missing is not None:
                ids = np.where(missing, -1, ids)
        outer = np.flatnonzero(ids >= 0)
        if len(outer) < len(ids):
            ids = ids[outer]
        if self.unique:
            return outer, self.order[ids]
        counts = self.counts[ids]
        total = int(counts.sum())
        o = np.repeat(outer, counts)
        within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
        return o, self.order[np.repeat(self.starts[ids], counts) + within]


class HashJoinExec(JoinExec):
    """See the module."""

    CLAUSES = "hashclauses"

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        clauses = getattr(plan, self.CLAUSES)
        self.outer_width, self.inner_width = len(self.left.codecs), len(self.right.codecs)
        inner_scope = Scope({(INNER_VAR, i + 1): i for i in range(self.inner_width)})
        outer_scope = Scope({(OUTER_VAR, i + 1): i for i in range(self.outer_width)})
        outer_compiler = VectorCompiler(self.env, outer_scope)
        inner_compiler = VectorCompiler(self.env, inner_scope)
        sides = [_alike(*c.args) for c in clauses]
        self.outer_keys = [outer_compiler.compile(outer) for outer, _ in sides]
        self.inner_keys = [inner_compiler.compile(inner) for _, inner in sides]
        self.outer_specs = self._specs(clauses, [outer for outer, _ in sides], self.outer_width)
        self.inner_specs = self._specs(clauses, [inner for _, inner in sides], self.inner_width)
        self.outer_codecs = [*self.left.codecs, *[s.codec for s in self.outer_specs]]
        self.inner_codecs = [*self.right.codecs, *[s.codec for s in self.inner_specs]]

    def _specs(self, clauses: list[Any], keys: list[Any], base: int) -> list[KeySpec]:
        return [
            key_spec(self.env, base + i, self.env.codec(expr_type(key)), c.opno, c.inputcollid)
            for i, (c, key) in enumerate(zip(clauses, keys))
        ]

    def _keyed(self, rows: Iterator[Batch], keys: list[Any], ctx: Context) -> Iterator[Batch]:
        """Rows with their key columns behind them."""
        for batch in rows:
            ctx.check()
            if batch.n:
                columns = [batch.raw(i) for i in range(batch.width)]
                yield Batch(batch.n, columns + [k.run(batch, ctx) for k in keys])

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        key = ("hash", id(self))
        version = ctx.version(self.right.depends)
        found = ctx.kept.get(key)
        outer = self._keyed(self.left.run(ctx), self.outer_keys, ctx)
        if found is not None and found[0] == version:
            found[1].seen = None
            yield from self._probe_all(outer, found[1], ctx)
            return
        inner = self._keyed(self.right.run(ctx), self.inner_keys, ctx)
        yield from self._join(outer, inner, ctx, 0, (key, version))

    def _join(
        self, outer: Iterator[Batch], inner: Iterator[Batch], ctx: Context, depth: int,
        keep: Any = None,
    ) -> Iterator[Batch]:  # fmt: skip
        kept: list[Batch] = []
        size = 0
        spilled: Partitions | None = None
        for batch in inner:
            if spilled is not None:
                spilled.add(batch, self.inner_specs)
                continue
            small = compacted(batch, self.inner_codecs)
            kept.append(small)
            size += batch_bytes(small)
            if size > ctx.hash_mem and depth < _DEEPEST and self.inner_specs:
                spilled = self._spill(kept, depth)
                kept = []
        if spilled is not None:
            yield from self._join_parts(outer, spilled, ctx, depth)
            return
        rows = (concat_batches(kept, self.inner_codecs) if kept
                else empty_batch(self.inner_codecs))  # fmt: skip
        table = _Table(rows, self.inner_specs)
        if keep is not None:
            ctx.kept[keep[0]] = (keep[1], table)
        if not rows.n and self.kind in (JoinType.JOIN_INNER, JoinType.JOIN_SEMI,
                                        JoinType.JOIN_RIGHT, *_INNER_ONCE):  # fmt: skip
            return
        yield from self._probe_all(outer, table, ctx)

    def _spill(self, kept: list[Batch], depth: int) -> Partitions:
        out = Partitions(self.inner_codecs, depth)
        for batch in kept:
            out.add(batch, self.inner_specs)
        return out

    def _join_parts(
        self, outer: Iterator[Batch], inner: Partitions, ctx: Context, depth: int
    ) -> Iterator[Batch]:
        other = Partitions(self.outer_codecs, depth)
        for batch in outer:
            other.add(batch, self.outer_specs)
        for left, right in zip(other.spills, inner.spills):
            if left.rows or (right.rows and self.kind in _KEEPS_INNER):
                yield from self._join(left.read(), right.read(), ctx, depth + 1)
            left.close()
            right.close()

    def _probe_all(self, outer: Iterator[Batch], table: _Table, ctx: Context) -> Iterator[Batch]:
        if self.kind in _KEEPS_INNER or self.kind in _INNER_ONCE:
            table.seen = np.zeros(table.rows.n, bool)
        for batch in outer:
            yield from self._probe(batch, table, ctx)
        if self.kind in _KEEPS_INNER:
            alone = np.flatnonzero(~table.seen)
            if len(alone):
                none = empty_batch(self.left.codecs)
                inner = table.rows.pick(range(self.inner_width))
                for low in range(0, len(alone), BATCH_ROWS):
                    part = alone[low : low + BATCH_ROWS]
                    yield from self.emit(none, inner, np.full(len(part), -1), part, ctx)

    def _probe(self, batch: Batch, table: _Table, ctx: Context) -> Iterator[Batch]:
        o, i = table.probe(batch, self.outer_specs)
        outer = batch.pick(range(self.outer_width))
        inner = table.rows.pick(range(self.inner_width))
        if len(o) > _PAIRS and self.joinqual:
            parts = []
            for low in range(0, len(o), _PAIRS):
                ctx.check()
                high = low + _PAIRS
                parts.append(self.pairs(outer, inner, o[low:high], i[low:high], ctx))
            o, i = (np.concatenate([p[n] for p in parts]) for n in (0, 1))
        else:
            o, i = self.pairs(outer, inner, o, i, ctx)
        if self.kind in _INNER_ONCE:
            rows = np.unique(i)
            rows = rows[~table.seen[rows]]
            table.seen[rows] = True
            if self.kind == JoinType.JOIN_RIGHT_SEMI and len(rows):
                none = empty_batch(self.left.codecs)
                yield from self.emit(none, inner, np.full(len(rows), -1), rows, ctx)
            return
        if table.seen is not None:
            table.seen[i] = True
        o, i = self.by_outer(batch.n, o, i)
        for low in range(0, len(o), _PAIRS):
            yield from self.emit(outer, inner, o[low : low + _PAIRS], i[low : low + _PAIRS], ctx)
