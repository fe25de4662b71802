"""Executing a planned statement: :func:`execute` and what it gives back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.codec import Codec
from pgtool.nodes.enums import SubLinkType
from pgtool.nodes.plan import ModifyTable
from pgtool.sql.analyze.nodetypes import expr_type, expr_typmod
from pgtool.sql.executor.batch import Batch, stored
from pgtool.sql.executor.build import Builder
from pgtool.sql.executor.context import Context, Measure
from pgtool.sql.executor.cte import shared_rows
from pgtool.sql.executor.spill import compacted
from pgtool.types.vector import text_column

__all__ = ["Result", "execute"]


class Rows:
    """Batches as they are asked for; :meth:`take_all` computes those that are left."""

    def __init__(self, source: Iterator[Batch], codecs: list[Codec]) -> None:
        self.source = source
        self.codecs = codecs
        self.taken: deque[Batch] = deque()

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        return self.taken.popleft() if self.taken else next(self.source)

    def take_all(self) -> None:
        """Compute and keep the rest."""
        self.taken += [compacted(batch, self.codecs) for batch in self.source if batch.n]


@dataclass
class Result:
    """The answer to a query: its columns, and its rows as they are asked for (once)."""

    names: list[str]
    types: list[int]
    typmods: list[int]
    codecs: list[Codec]
    context: Context
    columns: list[int]
    source: Rows
    measures: dict[int, Measure] = field(default_factory=dict)

    def batches(self) -> Iterator[Batch]:
        """Batches of the visible columns."""
        for batch in self.source:
            self.context.check()
            if batch.n:
                yield batch.pick(self.columns)

    def stored_batches(self) -> Iterator[tuple[int, list[Any]]]:
        """(rows, columns in stored form) for text and wire output."""
        for batch in self.batches():
            columns = [
                named(stored(batch.col(i), codec), codec) for i, codec in enumerate(self.codecs)
            ]
            yield batch.n, columns

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of values (:mod:`pgtool.functions.values`)."""
        for batch in self.batches():
            yield from batch.rows(self.codecs)

    def texts(self) -> Iterator[tuple[str | None, ...]]:
        """Rows in text form, None for NULL."""
        registry = self.context.registry
        decode = registry.settings.encoding.decode
        for n, columns in self.stored_batches():
            lists: list[list[str | None]] = []
            for typid, column in zip(self.types, columns):
                texts = [decode(t) for t in text_column(registry, typid, column).tolist()]
                if column.valid is not None:
                    valid = column.valid.tolist()
                    lists.append([t if ok else None for t, ok in zip(texts, valid)])
                else:
                    lists.append(list(texts))
            yield from zip(*lists) if lists else iter([()] * n)


def named(column: Any, codec: Codec) -> Any:
    """A name column back in its stored width."""
    if not codec.is_name:
        return column
    import numpy as np

    from pgtool.storage import ragged
    from pgtool.types.column import FixedColumn

    out = np.zeros((len(column), 64), np.uint8)
    length = column.length.astype(np.int64)
    if column.valid is not None:
        length = np.where(column.valid, length, 0)
    place = np.arange(len(column), dtype=np.int64) * 64
    ragged.copy_spans(out.reshape(-1), place, column.buffer, column.start, length)
    return FixedColumn(out.view("V64").reshape(-1), column.valid)


#: Nodes that keep everything in their generators: several executions may share one.
_STATELESS = {"IndexScan", "IndexOnlyScan"}


def _started(planned: Any, session: Any, ctx: Context) -> tuple[Any, Iterator[Batch]]:
    """The plan's executor and its rows. An executor that is not in use is used again."""
    idle: list[tuple[Any, Any]] = planned.__dict__.setdefault("_idle", [])
    if idle and idle[-1][0] is session:
        root = idle.pop()[1]
    else:
        root = Builder(session, planned).build(planned.planTree)

    if not planned.subplans and type(planned.planTree).__name__ in _STATELESS:
        # Rows that nobody fetched leave nothing behind in such a node.
        idle[:] = [(session, root)]

    def rows() -> Iterator[Batch]:
        yield from root.run(ctx)
        idle[:] = [(session, root)]

    return root, rows()


def _note_writing_queries(root: Any, planned: Any, ctx: Context) -> None:
    """WITH queries that write run to their end, whoever reads them or not."""
    for plan in [planned.planTree, *planned.subplans]:
        for init in plan.initPlan if plan is not None else ():
            below = planned.subplans[init.plan_id - 1]
            if init.subLinkType == SubLinkType.CTE_SUBLINK and isinstance(below, ModifyTable):
                ctx.unfinished.append(partial(_drain, root.builder, init.plan_id, ctx))


def _check_populated(planned: Any, session: Any) -> None:
    """A materialized view has rows only once they were computed."""
    for rte in planned.rtable:
        if rte.relkind == "m":
            row = session.cache.one("pg_class", "oid", rte.relid)
            if not row.relispopulated:
                raise SqlError(
                    f'materialized view "{row.relname}" has not been populated', "55000",
                    hint="Use the REFRESH MATERIALIZED VIEW command.")  # fmt: skip


def _drain(builder: Builder, number: int, ctx: Context) -> None:
    for _batch in shared_rows(builder.subplan(number), number, ctx).read():
        pass


def execute(planned: Any, session: Any, params: tuple[Any, ...] = (), *,
            measure: bool = False) -> Result:  # fmt: skip
    """Run a planned SELECT; ``params`` are the values of $1, $2 …

    Nothing is computed before the first batch is asked for. With ``measure`` the result's
    ``measures`` tells times and rows by ``plan_node_id`` afterwards.
    """
    _check_populated(planned, session)
    ctx = Context(session, params, measure)
    root, rows = _started(planned, session, ctx)
    if planned.writes:
        _note_writing_queries(root, planned, ctx)
    entries = planned.planTree.targetlist
    visible = [i for i, t in enumerate(entries) if not t.resjunk]
    return Result(
        [entries[i].resname or "?column?" for i in visible],
        [expr_type(entries[i].expr) for i in visible],
        [expr_typmod(entries[i].expr) for i in visible],
        [root.env.codec(expr_type(entries[i].expr)) for i in visible],
        ctx, visible, Rows(rows, root.codecs), ctx.measures if ctx.measures is not None else {},
    )  # fmt: skip
