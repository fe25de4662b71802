"""New files of tables: empty ones (TRUNCATE), and ones with converted rows (ALTER TABLE).

Where a table gets new files, so do its TOAST table and its indexes; the old ones go when the
transaction commits. Old rows are read by the newest snapshot.
"""

from __future__ import annotations

from typing import Any

from pgtool.access.heap.heapam import open_heap
from pgtool.access.heap.scan import HeapScan
from pgtool.access.heap.tuple import form_tuple
from pgtool.access.toast import Detoaster
from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import delete_dependencies_of
from pgtool.catalog.heaptarget import heap_target
from pgtool.catalog.index import indexes_of
from pgtool.catalog.relation import Attribute
from pgtool.catalog.relmapper import is_mapped, new_mapped_file, point_to
from pgtool.catalog.toasting import needs_toast_table
from pgtool.commands.dropcmds import drop_objects
from pgtool.commands.query import up_to_here
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.scope import Env
from pgtool.sql.executor.written import Row, RowShape, row_scope

__all__ = ["new_file", "new_files", "rewrite"]

BATCH = 1000
PG_CATALOG_NAMESPACE = 11


def new_files(ddl: Any, row: Any, *, empty: bool = True) -> list[int]:
    """New, empty files of a table and its TOAST table; the indexes that are to be filled.

    Those of the TOAST table are filled at once.
    """
    writer = ddl.writer
    new_file(ddl, row)
    indexes = [int(found.indexrelid) for found in indexes_of(writer, row.oid)]
    if row.reltoastrelid:
        toast = ddl.relation_row(row.reltoastrelid)
        new_file(ddl, toast)
        for found in indexes_of(writer, toast.oid):
            # The server gives a rewritten table a TOAST table that is new altogether.
            again = {} if empty else {"reltuples": 0.0}
            new_file(ddl, ddl.relation_row(found.indexrelid), **again)
            ddl.advance()
            ddl.store.build_index(found.indexrelid)
    for oid in indexes:
        new_file(ddl, ddl.relation_row(oid))
    ddl.advance()
    if empty:
        for oid in indexes:
            ddl.store.build_index(oid, checked=False)
        ddl.advance()
    return indexes


def new_file(ddl: Any, row: Any, **columns: float) -> None:
    """A new, empty file of one relation; the old one goes at commit."""
    writer = ddl.writer
    if is_mapped(row):
        point_to(writer, row, new_mapped_file(writer, row))
        return
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
    writer.update("pg_class", row, **changes | columns)
    if row.relnamespace == PG_CATALOG_NAMESPACE:
        ddl.store.reopen()


def _stored(row: Any, missing: Any) -> Attribute:
    return Attribute(
        row.attname, row.atttypid, row.attlen, row.attnum, row.attalign, row.attbyval,
        row.attstorage, row.atttypmod, row.attnotnull, row.atthasmissing, row.attidentity,
        row.attgenerated, row.attisdropped, row.attcollation, row.attndims, missing,
    )  # fmt: skip


def rewrite(ddl: Any, row: Any, work: Any) -> None:
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
    if row.reltoastrelid and not needs_toast_table(ddl.writer, ddl.attributes(row.oid)):
        _drop_toast_table(ddl, row)
        row = ddl.relation_row(row.oid)
    indexes = new_files(ddl, row, empty=False)
    for a in ddl.attributes(row.oid):
        if a.atthasmissing:
            ddl.writer.update("pg_attribute", a, atthasmissing=False, attmissingval=None)
    ddl.advance()
    relation = database.relation(row.oid)
    instance = database.cluster.instance
    heap = open_heap(instance, heap_target(session.cache, relation, instance))
    convert = _converter(ddl, old, relation.attributes, work)
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


def _drop_toast_table(ddl: Any, row: Any) -> None:
    """The new rows are never too long for a page."""
    toast = Address(c.RELATION, row.reltoastrelid)
    ddl.writer.update("pg_class", row, reltoastrelid=0)
    delete_dependencies_of(ddl.writer, toast)
    ddl.advance()
    drop_objects(ddl, [toast], True)
    ddl.advance()


class _Old:
    """What a RowShape needs of the relation as it was."""

    def __init__(self, oid: int, attributes: list[Attribute]) -> None:
        self.oid, self.attributes, self.reltype = oid, attributes, 0


def _converter(ddl: Any, old: list[Attribute], new: list[Attribute], work: Any) -> Any:
    """Old datums → new ones: a function."""
    from pgtool.sql.executor.written import encoder

    env = Env(ddl.session)
    shape = RowShape(env, _Old(0, old))
    compiler = ScalarCompiler(env, row_scope(shape.natts))
    plain: list[tuple[int, Any, Any]] = []
    generated: list[tuple[int, Any, Any]] = []
    added = RowShape(env, _Old(0, new))
    after = ScalarCompiler(env, row_scope(added.natts))
    for number, expr in work.new_values.items():
        encode = encoder(env.codec(new[number - 1].atttypid))
        if new[number - 1].attgenerated == "s" and number not in work.converted:
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
