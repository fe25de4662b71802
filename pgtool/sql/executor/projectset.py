"""ProjectSet: set-returning functions in the target list, expanded in step."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from pgtool.errors import SqlError
from pgtool.functions.values import RecordValue
from pgtool.sql.executor.batch import Batch
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.node import BATCH_ROWS, Exec, in_row_order, is_of_a_row
from pgtool.sql.executor.plain import ONE_ROW
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.scope import Scope
from pgtool.sql.executor.setreturning import set_caller
from pgtool.sql.executor.vectors import VectorCompiler, from_items

__all__ = ["ProjectSetExec"]


def returns_set(node: Any) -> bool:
    """Whether a target is a set-returning call."""
    kind = type(node).__name__
    return bool(
        (kind == "FuncExpr" and node.funcretset) or (kind == "OpExpr" and node.opretset)
    )


class ProjectSetExec(Exec):
    """Each input row as many times as its longest set has rows."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = None if plan.lefttree is None else self.child(plan.lefttree)
        width = 0 if self.left is None else len(self.left.codecs)
        scope = Scope.of(width)
        self.input_codecs = [] if self.left is None else self.left.codecs
        scalars, vectors = ScalarCompiler(self.env, scope), VectorCompiler(self.env, scope)
        self.sets = {
            i: set_caller(scalars, t.expr)
            for i, t in enumerate(plan.targetlist) if returns_set(t.expr)
        }  # fmt: skip
        self.plain = {
            i: vectors.compile(t.expr)
            for i, t in enumerate(plan.targetlist) if i not in self.sets
        }  # fmt: skip
        self.records = {i: self.types[i] for i in self.sets}

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        source = iter([ONE_ROW]) if self.left is None else self.left.run(ctx)
        width = len(self.plain)

        def with_plain(rows: Batch) -> Batch:
            return Batch(rows.n, [v.run(rows, ctx) for v in self.plain.values()]).beside(rows)

        for batch in source:
            for both in in_row_order(batch, with_plain):
                flat = both.pick(range(width))
                yield from self._expanded(flat, both.pick(range(width, both.width)), ctx)

    def _expanded(self, flat: Batch, batch: Batch, ctx: Context) -> Iterator[Batch]:
        """As many rows for each row as its longest set has."""
        waiting: dict[int, list[Any]] = {i: [] for i in self.sets}
        origin: list[int] = []
        failed: SqlError | None = None
        try:
            for number, row in enumerate(batch.rows(self.input_codecs)):
                ctx.check()
                sets = [self._values(i, call(row, ctx)) for i, call in self.sets.items()]
                for items in itertools.zip_longest(*sets):
                    origin.append(number)
                    for place, item in zip(waiting.values(), items):
                        place.append(item)
                    if len(origin) >= BATCH_ROWS:
                        yield self._batch(flat, origin, waiting)
                        origin = []
                        waiting = {i: [] for i in self.sets}
        except SqlError as error:
            # The rows before it may be all that anybody wants.
            if not is_of_a_row(error):
                raise
            failed = error
        if origin:
            yield self._batch(flat, origin, waiting)
        if failed is not None:
            raise failed

    def _values(self, number: int, rows: Iterable[Any]) -> Iterable[Any]:
        """Composite results come as tuples; in a target list they are rows."""
        info = self.env.registry.info(self.types[number])
        if info.typtype != "c" and self.types[number] != 2249:
            return rows
        return (self._record(number, v) if isinstance(v, tuple) else v for v in rows)

    def _record(self, number: int, fields: tuple[Any, ...]) -> RecordValue:
        typid = self.types[number]
        node = self.plan.targetlist[number].expr
        if typid == 2249:
            row = self.env.ops.function(node.funcid).row
            modes, kinds = row.proargmodes or (), row.proallargtypes or ()
            shape = [(n, t) for n, m, t in zip(row.proargnames or (), modes, kinds) if m in "obt"]
            return RecordValue(
                typid, tuple(t for _, t in shape), fields, tuple(n for n, _ in shape)
            )
        columns = [
            a for a in self.env.registry.lookups.attributes(typid, -1) or [] if not a.attisdropped
        ]
        return RecordValue(
            typid, tuple(a.atttypid for a in columns), fields, tuple(a.attname for a in columns)
        )

    def _batch(self, flat: Batch, origin: list[int], waiting: dict[int, list[Any]]) -> Batch:
        plain = flat.take(np.array(origin, np.int64))
        places = {i: n for n, i in enumerate(self.plain)}
        return Batch(len(origin), [
            from_items(waiting[i], self.codecs[i]) if i in waiting else plain.col(places[i])
            for i in range(len(self.types))
        ])  # fmt: skip
