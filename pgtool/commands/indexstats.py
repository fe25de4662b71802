"""What ANALYZE learns of indexes: values of their expressions, and how many rows they have.

Expressions and predicate are computed over the rows that the table's sample keeps.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from pgtool.catalog.index import indexes_of
from pgtool.commands.context import Ddl
from pgtool.nodes.text import text_to_node
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.executor.batch import stored
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.node import Filter
from pgtool.sql.executor.run import named
from pgtool.sql.executor.scan import HeapSource
from pgtool.sql.executor.scope import Env
from pgtool.sql.executor.vectors import VectorCompiler

__all__ = ["IndexSample", "index_samples"]

VARHDRSZ = 4


class IndexSample:
    """One index with expressions or a predicate: values of the sample's rows."""

    def __init__(self, ddl: Ddl, row: Any, exprs: list[Any], predicate: list[Any]) -> None:
        self.session = ddl.session
        self.oid = int(row.indexrelid)
        env = Env(ddl.session)
        self.source = HeapSource(env, SimpleNamespace(relid=row.indrelid), 1, [*exprs, *predicate])
        self.vectors = [VectorCompiler(env, self.source.scope).compile(expr) for expr in exprs]
        self.codecs = [env.codec(expr_type(expr)) for expr in exprs]
        self.condition = Filter(env, self.source.scope, predicate)
        self.attributes = list(_attributes(ddl, row, exprs)) if exprs else []
        self.values: list[list[bytes | None]] = [[] for _ in exprs]
        self.widths = [0] * len(exprs)
        self.rows = self.seen = 0

    def add(self, tuples: Any) -> None:
        """More rows of the sample."""
        ctx = Context(self.session)
        self.seen += len(tuples)
        for batch in self.source.batches(tuples):
            keep = self.condition.mask(batch, ctx) if self.condition else None
            if keep is not None and not keep.all():
                batch = batch.take(np.flatnonzero(keep))
            self.rows += batch.n
            if not batch.n:
                continue
            for place, (vector, codec) in enumerate(zip(self.vectors, self.codecs)):
                made = batch.col(vector.position) if vector.position >= 0 else vector.run(
                    batch, ctx)  # fmt: skip
                column = named(stored(made, codec), codec)
                found = [column.datum(i) for i in range(batch.n)]
                self.values[place] += found
                self.widths[place] += sum(len(v) + VARHDRSZ for v in found if v is not None)

    @property
    def share(self) -> float:
        """The share of the table's rows that the index has."""
        return self.rows / self.seen if self.seen else 1.0


def _attributes(ddl: Ddl, row: Any, exprs: list[Any]) -> Any:
    """The index's columns that are expressions, of the expressions' types."""
    waiting = iter(exprs)
    for place, (number, attribute) in enumerate(zip(row.indkey, ddl.attributes(row.indexrelid))):
        if number:
            continue
        expr = next(waiting)
        collation = row.indcollation[place] if place < row.indnkeyatts else 0
        yield SimpleNamespace(
            attnum=attribute.attnum, attname=attribute.attname, attisdropped=False,
            attgenerated="", attstattarget=attribute.attstattarget, atttypid=expr_type(expr),
            atttypmod=expr_typmod(expr), attcollation=collation or expr_collation(expr),
            attstorage=attribute.attstorage,
        )  # fmt: skip


def index_samples(ddl: Ddl, relid: int, *, expressions: bool) -> list[IndexSample]:
    """The indexes of a table whose rows or values are not simply the table's."""
    out = []
    for row in indexes_of(ddl.writer, relid):
        exprs = _nodes(ddl, row.indexprs) if expressions else []
        predicate = _nodes(ddl, row.indpred)
        if exprs or predicate:
            out.append(IndexSample(ddl, row, exprs, predicate))
    return out


def _nodes(ddl: Ddl, text: str | None) -> list[Any]:
    if not text:
        return []
    made = text_to_node(text, ddl.cache.major)
    return list(made) if isinstance(made, list) else [made]
