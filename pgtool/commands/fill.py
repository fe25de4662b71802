"""Filling files: a new index from its table, a table's new file from its old rows.

Rows are read by the newest snapshot. An index entry leads to the root of its row's HOT chain.
Where a table gets new files, so do its TOAST table and its indexes; the old ones go when the
transaction commits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.access.heap.heapam import open_heap
from pgtool.access.heap.hot import index_places
from pgtool.access.heap.scan import HeapScan
from pgtool.access.heap.tuple import form_tuple
from pgtool.access.toast import Detoaster
from pgtool.catalog.heaptarget import heap_target
from pgtool.catalog.index import indexes_of
from pgtool.catalog.indexinfo import open_index_of
from pgtool.catalog.indexing import CatalogWriter
from pgtool.catalog.relation import Attribute
from pgtool.commands.query import up_to_here
from pgtool.errors import Unsupported
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.indexwrite import complete_index, key_function
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.scope import Env
from pgtool.sql.executor.written import Row, RowShape, row_scope

__all__ = ["build_index", "new_files", "rewrite_table"]

BATCH = 1000


# -- indexes ----------------------------------------------------------------------------------


def build_index(session: Any, writer: CatalogWriter, oid: int) -> None:
    """Fill an index whose file is empty, and note what pg_class says of size and rows."""
    writer.advance()
    database, xact = session.database, session.xact
    instance = database.cluster.instance
    relation = database.relation(oid)
    if relation.relpersistence == "u":
        raise Unsupported("indexes of unlogged tables")
    facts = session.cache.one("pg_index", "indexrelid", oid)
    heap = database.relation(facts.indrelid)
    env = Env(session)
    keys = lambda *args: key_function(env, *args)  # noqa: E731
    index = open_index_of(database, instance, oid, keys)
    shape = RowShape(env, heap)
    complete_index(env, shape, index.descriptor)
    with database.cluster.read_by(xact.latest_snapshot()):
        batches = list(_batches(database, heap, shape, index.descriptor))
        total = sum(int(rows) for rows, _batch in batches)
        index.build((batch for _rows, batch in batches), xid=xact.current_xid())
    _note(session, writer, relation, heap, total)


def _batches(database: Any, heap: Any, shape: RowShape, descriptor: Any) -> Iterator[Any]:
    """(rows of the table, (columns, TIDs)) by batches."""
    scan = database.scan(heap)
    simple = not descriptor.expressions and descriptor.predicate is None
    if simple:
        wanted = [number - 1 for number in descriptor.attnums]
        for batch in scan.batches(wanted):
            yield len(batch), (batch.columns, index_places(batch.tuples))
        return
    for batch in scan.batches(range(len(heap.attributes))):
        yield len(batch), _computed(batch, shape, descriptor)


def _computed(batch: Any, shape: RowShape, descriptor: Any) -> tuple[Any, Any]:
    """An index's columns of a batch, row by row: expressions and predicates."""
    places = index_places(batch.tuples)
    keep: list[int] = []
    columns: list[list[Any]] = [[] for _ in descriptor.attnums]
    for place in range(len(batch)):
        row = Row(shape, [column.datum(place) for column in batch.columns])
        if descriptor.predicate is not None and not descriptor.predicate(row):
            continue
        keep.append(place)
        computed = iter(descriptor.expressions)
        for column, number in zip(columns, descriptor.attnums, strict=True):
            column.append(row.datums[number - 1] if number > 0 else next(computed)(row))
    return columns, places[np.array(keep, np.int64)] if keep else np.zeros(0, np.int64)


def _note(session: Any, writer: CatalogWriter, relation: Any, heap: Any, total: int) -> None:
    """relpages and reltuples of the index and, where it has rows, of the table."""
    pool = session.database.cluster.instance.pool
    row = session.cache.one("pg_class", "oid", relation.oid)
    writer.update("pg_class", row, relpages=pool.nblocks(relation.locator),
                  reltuples=float(total))  # fmt: skip
    table = session.cache.one("pg_class", "oid", heap.oid)
    if (not total and table.reltuples < 0) or heap.relkind == "t":
        return
    options = dict(item.split("=", 1) for item in table.reloptions or ())
    automatic = str(options.get("autovacuum_enabled", "true")).lower() in ("true", "on", "yes", "1")
    if not session.get("autovacuum") or not automatic:
        return
    pages = pool.nblocks(heap.locator)
    if (table.relpages, table.reltuples) != (pages, float(total)):
        writer.update("pg_class", table, relpages=pages, reltuples=float(total))


# -- tables -------------------------------------------------------------------------------------


def new_files(ddl: Any, row: Any, *, empty: bool = True) -> list[int]:
    """New, empty files of a table and its TOAST table; the indexes that are to be filled.

    Those of the TOAST table are filled at once.
    """
    writer = ddl.writer
    _new_file(ddl, row)
    indexes = [int(found.indexrelid) for found in indexes_of(writer, row.oid)]
    if row.reltoastrelid:
        toast = ddl.relation_row(row.reltoastrelid)
        _new_file(ddl, toast)
        for found in indexes_of(writer, toast.oid):
            _new_file(ddl, ddl.relation_row(found.indexrelid))
            ddl.advance()
            ddl.store.build_index(found.indexrelid)
    for oid in indexes:
        _new_file(ddl, ddl.relation_row(oid))
    ddl.advance()
    if empty:
        for oid in indexes:
            ddl.store.build_index(oid)
        ddl.advance()
    return indexes


def _new_file(ddl: Any, row: Any) -> None:
    writer = ddl.writer
    number = writer.new_relfilenumber(row.reltablespace)
    ddl.store.drop(writer.locator(row.reltablespace, row.relfilenode))
    ddl.store.create(writer.locator(row.reltablespace, number), row.relpersistence)
    changes: dict[str, Any] = {
        "relfilenode": number, "relpages": 0, "reltuples": -1.0, "relallvisible": 0,
        "relallfrozen": 0,
    }  # fmt: skip
    if row.relkind in "rmt":
        frozen, minmulti = ddl.store.horizons()
        changes |= {"relfrozenxid": frozen, "relminmxid": minmulti}
    writer.update("pg_class", row, **changes)


def _stored(row: Any, missing: Any) -> Attribute:
    return Attribute(
        row.attname, row.atttypid, row.attlen, row.attnum, row.attalign, row.attbyval,
        row.attstorage, row.atttypmod, row.attnotnull, row.atthasmissing, row.attidentity,
        row.attgenerated, row.attisdropped, row.attcollation, row.attndims, missing,
    )  # fmt: skip


def rewrite_table(ddl: Any, row: Any, work: Any) -> None:
    """Read every row as it was, convert it, write it to new files, build the indexes."""
    from pgtool.catalog.missing import missing_datum

    database, session = ddl.database, ddl.session
    relation = database.relation(row.oid)
    old: list[Attribute] = []
    for a in work.old_attributes:
        missing = missing_datum(a.attmissingval, _stored(a, None)) if a.atthasmissing else None
        old.append(_stored(a, missing))
    directory = database.cluster.directory
    with up_to_here(ddl):
        scan = HeapScan(
            directory.file(relation.locator), [a.stored for a in old], database.cluster.sees,
            Detoaster(database.toast_table(relation)), directory.checksums,
        )  # fmt: skip
        batches = list(scan.batches(range(len(old))))
    indexes = new_files(ddl, row, empty=False)
    for a in ddl.attributes(row.oid):
        if a.atthasmissing:
            ddl.writer.update("pg_attribute", a, atthasmissing=False, attmissingval=None)
    ddl.advance()
    relation = database.relation(row.oid)
    instance = database.cluster.instance
    heap = open_heap(instance, heap_target(session.cache, relation, instance))
    convert = _converter(ddl, old, relation.attributes, work.new_values)
    waiting: list[bytes] = []
    for batch in batches:
        for place in range(len(batch)):
            datums = convert([column.datum(place) for column in batch.columns])
            waiting.append(form_tuple(relation.attributes, datums))
            if len(waiting) >= BATCH:
                heap.multi_insert(session.xact, waiting)
                waiting = []
    if waiting:
        heap.multi_insert(session.xact, waiting)
    ddl.database.invalidate(())
    session.xact.command_counter_increment()
    for oid in indexes:
        ddl.store.build_index(oid)
    ddl.advance()


class _Old:
    """What a RowShape needs of the relation as it was."""

    def __init__(self, oid: int, attributes: list[Attribute]) -> None:
        self.oid, self.attributes, self.reltype = oid, attributes, 0


def _converter(ddl: Any, old: list[Attribute], new: list[Attribute], values: Any) -> Any:
    """Old datums → new ones: a function."""
    from pgtool.sql.executor.written import encoder

    env = Env(ddl.session)
    shape = RowShape(env, _Old(0, old))
    compiler = ScalarCompiler(env, row_scope(shape.natts))
    plain: list[tuple[int, Any, Any]] = []
    generated: list[tuple[int, Any, Any]] = []
    added = RowShape(env, _Old(0, new))
    after = ScalarCompiler(env, row_scope(added.natts))
    for number, expr in values.items():
        encode = encoder(env.codec(new[number - 1].atttypid))
        if new[number - 1].attgenerated == "s":
            generated.append((number - 1, after.compile(expr), encode))
        else:
            plain.append((number - 1, compiler.compile(expr), encode))
    ctx = Context(ddl.session)

    def convert(datums: list[Any]) -> list[Any]:
        row = Row(shape, datums)
        out = [
            None if a.attisdropped or i >= len(datums) else datums[i] for i, a in enumerate(new)
        ]  # fmt: skip
        for place, compute, encode in plain:
            value = compute(row, ctx)
            out[place] = None if value is None else encode(value)
        if generated:
            made = Row(added, out)
            for place, compute, encode in generated:
                value = compute(made, ctx)
                made.set(place, None if value is None else encode(value))
        return out

    return convert
