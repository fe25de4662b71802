"""CREATE INDEX's rows: the table scanned, keys computed, handed to the btree's builder.

Every version that the transaction sees is entered under the root of its HOT chain. Versions
that only older snapshots see are left out, so the session must be the only one of the
process with a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from pgtool.access.heap.hot import index_places
from pgtool.catalog.indexinfo import open_index_of
from pgtool.errors import Unsupported
from pgtool.functions.opcache import opcache
from pgtool.nodes.exprs import Var
from pgtool.nodes.text import text_to_node
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.executor.batch import stored
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.indexwrite import describe_key, key_function
from pgtool.sql.executor.node import Filter
from pgtool.sql.executor.run import named
from pgtool.sql.executor.scan import HeapSource
from pgtool.sql.executor.scope import Env
from pgtool.sql.executor.vectors import VectorCompiler

__all__ = ["build_index"]


def build_index(session: Any, instance: Any, oid: int, *, checked: bool = True) -> int:
    """Fill an index's empty file; how many rows it has. ``checked``: see the store."""
    import functools

    env = Env(session)
    assert env.ops is opcache(session)
    index = open_index_of(
        session.database, instance, oid, keys=functools.partial(key_function, env)
    )
    index.descriptor.describe = functools.partial(describe_key, env, oid)
    index.descriptor.unique &= checked or index.descriptor.valid
    _refuse_older_snapshots(session, instance)
    cluster = session.database.cluster
    with cluster.read_latest():
        count: int = index.build(
            _rows(env, index.descriptor.heap_oid, oid), xid=session.xact.current_xid()
        )
    return count


def _refuse_older_snapshots(session: Any, instance: Any) -> None:
    for proc in instance.procarray.procs:
        if proc is not session.xact.proc and proc.xmin:
            raise Unsupported("building an index while another session reads")


def _rows(env: Any, heap_oid: int, oid: int) -> Iterator[tuple[list[Any], Any]]:
    """(columns, root TIDs) by batches."""
    session = env.session
    cache = session.cache
    row = cache.one("pg_index", "indexrelid", oid)
    heap = session.database.relation(heap_oid)
    exprs = _key_expressions(cache, heap, row)
    predicate = text_to_node(row.indpred, cache.major) if row.indpred else []
    predicate = predicate if isinstance(predicate, list) else [predicate]
    rte = SimpleNamespace(relid=heap_oid)
    source = HeapSource(env, rte, 1, [*exprs, *predicate])
    vectors = [VectorCompiler(env, source.scope).compile(expr) for expr in exprs]
    codecs = [env.codec(expr_type(expr)) for expr in exprs]
    condition = Filter(env, source.scope, predicate)
    ctx = Context(session)
    for tuples in source.runs():
        ctx.check()
        for batch in source.batches(tuples):
            keep = condition.mask(batch, ctx) if condition else None
            places = index_places(batch.tuples)  # type: ignore[attr-defined]
            if keep is not None and not keep.all():
                picked = np.flatnonzero(keep)
                batch, places = batch.take(picked), places[picked]
            if not batch.n:
                continue
            columns = []
            for vector, codec in zip(vectors, codecs):
                found = batch.col(vector.position) if vector.position >= 0 else vector.run(
                    batch, ctx)  # fmt: skip
                columns.append(named(stored(found, codec), codec))
            yield columns, places


def _key_expressions(cache: Any, heap: Any, row: Any) -> list[Any]:
    """Every column of the index as an expression over the table."""
    nodes = text_to_node(row.indexprs, cache.major) if row.indexprs else []
    nodes = list(nodes) if isinstance(nodes, list) else [nodes]
    out: list[Any] = []
    for number in row.indkey:
        if not number:
            out.append(nodes.pop(0))
            continue
        a = heap.attributes[number - 1]
        out.append(Var(varno=1, varattno=number, vartype=a.atttypid, vartypmod=a.atttypmod,
                       varcollid=a.attcollation))  # fmt: skip
    return out
