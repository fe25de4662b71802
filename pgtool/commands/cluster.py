"""VACUUM FULL: a table, its TOAST table and their indexes in new files without waste.

The rows are copied by :mod:`pgtool.access.heap.rewriteheap`. The TOAST table is rewritten
for itself, its values keep their numbers, so that the pointers in the rows stay right. Values of
dropped columns stay behind. The old files go when the transaction commits.
"""

from __future__ import annotations

import resource
from typing import Any

from pgtool.access.heap.heapam import HeapRelation
from pgtool.access.heap.reform import Reformer
from pgtool.access.heap.rewriteheap import Rewriter
from pgtool.catalog import classids as c
from pgtool.catalog.heaptarget import heap_target
from pgtool.catalog.index import indexes_of
from pgtool.catalog.relmapper import is_mapped, new_mapped_file, point_to
from pgtool.commands.rewrite_rows import new_file
from pgtool.commands.vacuumoptions import VacuumParams

__all__ = ["rewrite_table"]


def rewrite_table(run: Any, row: Any, params: VacuumParams) -> None:
    """Rewrite one table; ``run`` is the VACUUM."""
    ddl = run.ddl
    relation = ddl.database.relation(row.oid)
    if relation.relpersistence == "t":
        return
    run.refuse_locked(row)
    name = f"{relation.nspname}.{relation.relname}"
    if params.verbose:
        run.say("INFO", f'vacuuming "{name}"')
    before = resource.getrusage(resource.RUSAGE_SELF)
    attributes = relation.attributes
    reformer = Reformer(attributes) if any(a.attisdropped for a in attributes) else None
    pages, done = _rewrite(run, ddl, row, reformer)
    if row.reltoastrelid:
        values = reformer.values if reformer is not None else None
        _rewrite(run, ddl, ddl.relation_row(row.reltoastrelid), values=values)
        if row.relnamespace != c.PG_CATALOG_NAMESPACE:
            _forget_toast_sizes(ddl, row.reltoastrelid)
    if params.verbose:
        after = resource.getrusage(resource.RUSAGE_SELF)
        run.say(
            "INFO",
            f'"{name}": found {done.dead} removable, {done.live + done.recently_dead} '
            f"nonremovable row versions in {pages} pages", detail=(
                f"{done.recently_dead} dead row versions cannot be removed yet.\n"
                f"CPU: user: {after.ru_utime - before.ru_utime:.2f} s, system: "
                f"{after.ru_stime - before.ru_stime:.2f} s, elapsed: "
                f"{after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime:.2f} s."
            ),
        )  # fmt: skip


def _forget_toast_sizes(ddl: Any, toast: int) -> None:
    """The server gives the table a new TOAST table, whose sizes nobody has looked at yet."""
    ddl.writer.update("pg_class", ddl.relation_row(toast), relpages=0, reltuples=-1.0)
    for index in indexes_of(ddl.writer, toast):
        ddl.writer.update("pg_class", ddl.relation_row(index.indexrelid), relpages=1,
                          reltuples=0.0)  # fmt: skip
    ddl.advance()


def _rewrite(
    run: Any, ddl: Any, row: Any, reformer: Reformer | None = None,
    values: set[int] | None = None,
) -> tuple[int, Rewriter]:  # fmt: skip
    """(pages before, what was copied) of one heap with its indexes."""
    database, instance, session = ddl.database, run.instance, ddl.session
    relation = database.relation(row.oid)
    heap = HeapRelation(instance, heap_target(session.cache, relation, instance))
    oldest, oldest_multi = heap.horizon, instance.oldest_member()
    pages = heap.nblocks
    mapped = is_mapped(row)
    if mapped:
        # The rows are copied before anything is written through the new map: one of them may
        # be the row of the catalog itself.
        ddl.advance()
        where = new_mapped_file(ddl.writer, row)
    else:
        new_file(ddl, row)
        ddl.advance()
        fresh = database.relation(row.oid)
        assert fresh.locator is not None
        where = fresh.locator
    work = Rewriter(
        heap, where, session.xact.latest_snapshot(), oldest, session.xact.proc.xid, reformer,
        values,
    )  # fmt: skip
    directory = database.cluster.directory
    blocks = work.run(directory.file(relation.locator), directory.checksums)
    if mapped:
        point_to(ddl.writer, row, where)
    facts = {
        "relpages": blocks, "reltuples": float(work.live + work.recently_dead),
        "relfrozenxid": oldest, "relminmxid": oldest_multi,
    }  # fmt: skip
    if mapped:
        rebuild_indexes(ddl, row.oid)
        ddl.writer.update("pg_class", ddl.relation_row(row.oid), **facts)
        ddl.advance()
    else:
        ddl.writer.update("pg_class", ddl.relation_row(row.oid), **facts)
        ddl.advance()
        rebuild_indexes(ddl, row.oid)
    return pages, work


def rebuild_indexes(ddl: Any, table: int) -> None:
    """Fill new files of all indexes of a table, and then tell their sizes.

    In this order, because a size is noted in pg_class, whose indexes these may be.
    """
    oids = [int(found.indexrelid) for found in indexes_of(ddl.writer, table)]
    for oid in oids:
        new_file(ddl, ddl.relation_row(oid))
    ddl.advance()
    entries = [ddl.store.fill_index(oid, checked=False) for oid in oids]
    for oid, count in zip(oids, entries):
        ddl.store.note_size(oid, count, checked=False)
        ddl.advance()


def rebuild_index(ddl: Any, oid: int, *, anew: bool = False) -> None:
    """Fill a new file of an index; ``anew``: it tells its size like an index that is new."""
    again = {"reltuples": 0.0} if anew else {}
    new_file(ddl, ddl.relation_row(oid), **again)
    ddl.advance()
    ddl.store.build_index(oid)
    ddl.advance()
