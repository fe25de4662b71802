"""A table's indexes as a statement writes them: their expressions, predicates and order.

What the catalogs say is put together by :mod:`pgtool.catalog.indexinfo`; here come in what
only this layer can: compiled expressions over a written row, the order of types whose
comparison is a function, and a key in words for the error of a duplicate.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pgtool.access.index import TableIndexes
from pgtool.nodes.text import text_to_node
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.written import RowShape, encoder, row_scope
from pgtool.sql.permissions import shown_columns

__all__ = ["key_function", "open_indexes"]


def open_indexes(env: Any, shape: RowShape, instance: Any) -> TableIndexes:
    """All indexes of a table, for writing."""
    if not env.session.cache.lookup("pg_index", "indrelid", shape.relation.oid):
        return TableIndexes(instance, [])
    from pgtool.catalog.indexinfo import table_indexes

    database = env.session.database
    made: TableIndexes = table_indexes(
        database, instance, shape.relation.oid,
        keys=functools.partial(key_function, env),
    )
    for index in made:
        _complete(env, shape, index.descriptor)
    return made


def _complete(env: Any, shape: RowShape, descriptor: Any) -> None:
    """Expressions, predicate and description of one index."""
    cache = env.session.cache
    row = cache.one("pg_index", "indexrelid", descriptor.oid)
    compiler = ScalarCompiler(env, row_scope(shape.natts))
    ctx = Context(env.session)
    if row.indexprs:
        nodes = text_to_node(row.indexprs, cache.major)
        nodes = nodes if isinstance(nodes, list) else [nodes]
        descriptor.expressions = [_encoded(env, compiler, node, ctx) for node in nodes]
    if row.indpred:
        from pgtool.sql.planner.trees import and_of

        node = text_to_node(row.indpred, cache.major)
        condition = compiler.compile(and_of(node) if isinstance(node, list) else node)
        descriptor.predicate = lambda values: condition(values, ctx) is True
    descriptor.describe = functools.partial(describe_key, env, descriptor.oid)


def _encoded(
    env: Any, compiler: ScalarCompiler, node: Any, ctx: Context
) -> Callable[[Any], bytes | None]:
    """An index expression: row → datum."""
    from pgtool.sql.analyze.nodetypes import expr_type

    compute = compiler.compile(node)
    encode = encoder(env.codec(expr_type(node)))

    def run(row: Any) -> bytes | None:
        value = compute(row, ctx)
        return None if value is None else encode(value)

    return run


def describe_key(env: Any, index: int, datums: Any) -> str | None:
    """``(a, lower(b))=(1, x)``; None where the user may not see one of them."""
    from pgtool.functions.ruleutils.indexes import index_column

    session = env.session
    relation = session.database.relation(index)
    row = session.cache.one("pg_index", "indexrelid", index)
    shown = shown_columns(session, row.indrelid)
    if shown is not None and not shown.issuperset(row.indkey[: row.indnkeyatts]):
        return None
    names = [index_column(session, index, n + 1) for n in range(row.indnkeyatts)]
    texts = []
    for attribute, datum in zip(relation.attributes, datums):
        if datum is None:
            texts.append("null")
            continue
        datum = bytes(datum)
        texts.append(env.registry.io_of(_shown_type(session, row, attribute)).output(datum))
    return f"({', '.join(names)})=({', '.join(texts)})"


def _shown_type(session: Any, row: Any, attribute: Any) -> int:
    """The type whose output shows a key."""
    return int(attribute.atttypid)


def key_function(env: Any, prosrc: str, typid: int, collation: int) -> Callable[[bytes], Any]:
    """Datum → something that Python orders as a comparison function does."""
    compare = env.ops.comparison(prosrc, typid, collation)
    decode = env.codec(typid).decode
    order = functools.cmp_to_key(compare)
    return lambda datum: order(decode(datum))
