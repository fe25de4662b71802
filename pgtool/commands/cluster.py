"""VACUUM FULL: a table, its TOAST table and their indexes in new files without waste.

The rows are copied by :mod:`pgtool.access.heap.rewriteheap`. The TOAST table is rewritten
for itself, its values keep their numbers, so that the pointers in the rows stay right. The old
files go when the transaction commits.
"""

from __future__ import annotations

import resource
from typing import Any

from pgtool.access.heap.heapam import HeapRelation
from pgtool.access.heap.rewriteheap import Rewriter
from pgtool.catalog.heaptarget import heap_target
from pgtool.catalog.index import indexes_of
from pgtool.commands.rewrite_rows import new_file
from pgtool.commands.vacuumoptions import VacuumParams
from pgtool.errors import Unsupported

__all__ = ["rewrite_table"]


def rewrite_table(run: Any, row: Any, params: VacuumParams) -> None:
    """Rewrite one table; ``run`` is the VACUUM."""
    ddl = run.ddl
    relation = ddl.database.relation(row.oid)
    if relation.relpersistence == "t":
        return
    if not row.relfilenode:
        raise Unsupported(f'rewriting the mapped catalog "{row.relname}"')
    run.refuse_locked(row)
    name = f"{relation.nspname}.{relation.relname}"
    if params.verbose:
        run.say("INFO", f'vacuuming "{name}"')
    before = resource.getrusage(resource.RUSAGE_SELF)
    pages, done = _rewrite(run, ddl, row)
    if row.reltoastrelid:
        _rewrite(run, ddl, ddl.relation_row(row.reltoastrelid))
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


def _rewrite(run: Any, ddl: Any, row: Any) -> tuple[int, Rewriter]:
    """(pages before, what was copied) of one heap with its indexes."""
    database, instance, session = ddl.database, run.instance, ddl.session
    relation = database.relation(row.oid)
    heap = HeapRelation(instance, heap_target(session.cache, relation, instance))
    oldest, oldest_multi = heap.horizon, instance.oldest_member()
    pages = heap.nblocks
    new_file(ddl, row)
    ddl.advance()
    fresh = database.relation(row.oid)
    assert fresh.locator is not None
    work = Rewriter(heap, fresh.locator, session.xact.latest_snapshot(), oldest)
    directory = database.cluster.directory
    blocks = work.run(directory.file(relation.locator), directory.checksums)
    ddl.writer.update(
        "pg_class", ddl.relation_row(row.oid), relpages=blocks, reltuples=float(work.live),
        relfrozenxid=oldest, relminmxid=oldest_multi,
    )  # fmt: skip
    ddl.advance()
    for found in indexes_of(ddl.writer, row.oid):
        rebuild_index(ddl, int(found.indexrelid))
    return pages, work


def rebuild_index(ddl: Any, oid: int) -> None:
    """Fill a new file of an index."""
    new_file(ddl, ddl.relation_row(oid))
    ddl.advance()
    ddl.store.build_index(oid)
    ddl.advance()
