"""pgtool: PostgreSQL data directories without a server.

An independent implementation of PostgreSQL's files and of the engine that works on
them. Imports point down only (a test enforces it)::

    pgtool.api        the Python API: pgtool.open(directory)
    pgtool.dbapi      DB-API 2.0: pgtool.connect(directory, dbname=…)
    pgtool.cli        one module per command; render prints
    pgtool.check      ages against wraparound, space that is dead or free
    pgtool.inspect    pages and records shown as the real inspection tools show them
    pgtool.commands   utility statements: DDL, COPY, VACUUM, ANALYZE, REINDEX, initdb
    pgtool.sql        parse, analyze, rewrite, plan, execute, EXPLAIN
    pgtool.functions  built-in functions, aggregates, window functions; sessions, settings
    pgtool.catalog    relations and types found through the directory's own catalogs
    pgtool.access     heap, indexes, toast: pure page functions and scans
    pgtool.transam    xids, pg_xact, multixacts, visibility; instances, checkpoints, recovery
    pgtool.types      datum ↔ text and binary
    pgtool.nodes      parse, query and plan trees; their stored text
    pgtool.wal        WAL reader, insertion, resource manager table, redo
    pgtool.storage    backends, overlays, segments, buffer pool, FSM, checksums, lock file
    formats           byte layouts; the only place that knows an offset

**A byte becomes a row** (``pgtool export``, ``pgtool.open``):

1. :func:`pgtool.storage.datadir.open_directory` tells what state the directory is in.
2. :class:`pgtool.catalog.cluster.Cluster` and :class:`pgtool.catalog.database.Database`
   find the relation and its file through ``formats.relmap``, pg_class and pg_attribute.
3. :func:`pgtool.storage.bulk.read_runs` reads a run of pages and
   :func:`pgtool.storage.checksum.verify_runs` checks them.
4. :func:`pgtool.access.heap.page.tuples_of` finds the tuples, by the layout of
   :data:`formats.page.PageHeaderData`.
5. :class:`pgtool.transam.visibility.Visibility` keeps those that a snapshot sees.
6. :func:`pgtool.access.heap.deform.walk` and
   :func:`pgtool.access.heap.columns.materialise` make column batches of them; values out
   of line come from :class:`pgtool.access.toast.Detoaster`.
7. :class:`pgtool.types.registry.TypeRegistry` turns columns into text, and
   :mod:`pgtool.storage.ragged` lays the texts out.
8. :class:`pgtool.commands.copy.export.Exporter` writes them in the form asked for.

**A statement becomes rows** (``pgtool query``, ``pgtool.connect``):

1. :func:`pgtool.sql.parse.parse` gives raw trees (:mod:`pgtool.nodes.raw`) of the text.
2. :func:`pgtool.sql.analyze.query.analyze` resolves names, types, operators and functions by
   the catalogs (:class:`pgtool.catalog.syscache.SysCache`): a :class:`pgtool.nodes.query.Query`.
3. :func:`pgtool.sql.rewrite.rewrite` puts stored queries in the place of views.
4. :func:`pgtool.sql.planner.plan` chooses paths by cost: a tree of :mod:`pgtool.nodes.plan`.
5. :func:`pgtool.sql.executor.run.execute` runs it in column batches;
   :class:`pgtool.sql.executor.vectors.VectorCompiler` and
   :class:`pgtool.sql.executor.scalar.ScalarCompiler` make the expressions, with the built-ins
   of :mod:`pgtool.functions.registry`.
6. :class:`pgtool.cli.psql.run.Runner` prints what comes out, as psql would.

**A row becomes bytes** (``pgtool query`` with INSERT):

1. :meth:`pgtool.sql.engine.Engine.writer` opens the directory for writing:
   :class:`pgtool.transam.instance.Instance` takes the lock file and recovers if need be.
2. :func:`pgtool.access.heap.tuple.form_tuple` makes the tuple of the values.
3. :class:`pgtool.access.heap.heapam.HeapRelation` finds a page (:mod:`pgtool.access.heap.hio`,
   :mod:`pgtool.storage.freespace`), large values going out of line
   (:mod:`pgtool.access.heap.toast_write`).
4. :func:`pgtool.access.heap.pageops.insert` changes the page in the
   :class:`pgtool.storage.bufmgr.BufferPool`.
5. :meth:`pgtool.wal.insert.Wal.insert` appends the record, which gives the page its LSN.
6. :class:`pgtool.access.index.TableIndexes` enters the row into the table's indexes.
7. :meth:`pgtool.transam.xact.Xact.commit` writes the commit record and waits for the disk;
   the page itself follows behind the WAL, at the latest with
   :func:`pgtool.transam.checkpoint.create_checkpoint`.

**Facts become a cluster** (``pgtool initdb``):

1. :func:`pgtool.commands.initdb.run.run` settles options, locales and settings.
2. :class:`pgtool.commands.initdb.directory.NewDirectory` makes the directory, and clears it
   away where something fails.
3. :class:`pgtool.catalog.genesis.facts.Facts` reads ``catalog/data/initdb``;
   :func:`pgtool.catalog.genesis.contents.contents` makes the rows of every catalog.
4. :class:`pgtool.catalog.genesis.files.FileMaker` forms them:
   :func:`pgtool.access.heap.bulkpages.heap_pages` and
   :func:`pgtool.access.btree.bulkpages.btree_pages` fill whole pages.
5. :func:`pgtool.commands.initdb.databases.write_databases` writes them three times.
6. :func:`pgtool.commands.initdb.control.control_file` says that it was shut down cleanly.

**A record becomes a line** (``pgtool waldump``):

1. :func:`pgtool.inspect.waldump.target.resolve` settles where to start and end.
2. :class:`pgtool.wal.source.SegmentDirectory` gives pages of segment files.
3. :class:`pgtool.wal.reader.WalReader` puts records together, all cross-checks on;
   :class:`pgtool.wal.walk.Walker` is its compiled twin.
4. :mod:`formats.wal.record` decodes header, block references and images.
5. :func:`pgtool.wal.rmgr.entry` finds the record type's row: name, layout, description.
6. :func:`pgtool.wal.rmgr.describe` words it; :func:`pgtool.inspect.waldump.lines.line`
   prints it.

**A row becomes bytes** (``insert``, ``update``, ``delete``):

1. :class:`pgtool.sql.executor.modifytable.ModifyTableExec` has the row's values, checked.
2. :func:`pgtool.access.heap.tuple.form_tuple` lays them out (whole batches:
   :func:`pgtool.access.heap.form_columns.plan`); large ones are stored away by
   :func:`pgtool.access.heap.toast_write.toast`.
3. :func:`pgtool.access.heap.hio.page_for` chooses a page, with what
   :mod:`pgtool.storage.freespace` knows.
4. :func:`pgtool.access.heap.pageops.insert` (or another pure function of that module)
   changes the page, in a critical section of :class:`pgtool.wal.insert.Wal`.
5. :func:`pgtool.access.heap.records.insert` makes the record;
   :meth:`pgtool.wal.insert.Wal.insert` appends it, which gives the page its LSN.
6. :class:`pgtool.storage.bufmgr.BufferPool` writes the page, behind its WAL.

**A record becomes a page** (``pgtool recover``, and every command on a crashed directory):

1. :class:`pgtool.transam.recovery.driver.Recovery` goes over the log in order.
2. :class:`pgtool.access.replay.Replayer`, compiled, walks regular stretches of it and replays
   what is frequent: :class:`pgtool.access.replaypages.ReplayPages` finds the pages,
   :class:`pgtool.access.heap.replay.HeapReplay` and its kin take the record apart.
3. Any other record is put together by :class:`pgtool.wal.reader.WalReader`, all cross-checks
   on; :func:`pgtool.wal.redo.apply` finds its redo function by the table of
   :func:`pgtool.wal.rmgr.entry`, and :class:`pgtool.wal.redo.RedoContext` gives it the pages.
4. Both ways call *the same* functions of a page as the writer, such as
   :func:`pgtool.storage.pageedit.add_item` and :func:`pgtool.access.heap.tupleedit.mark`,
   by way of :func:`pgtool.access.heap.pageops.insert` where they are not compiled in.
5. The page gets the record's end as its LSN; :class:`pgtool.storage.redopool.RedoPool`
   writes it to the directory, or to an :class:`pgtool.storage.overlay.Overlay` in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgtool.api import open as open
    from pgtool.dbapi import connect as connect

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``pgtool.open`` and ``pgtool.connect``; what they need is imported at first use."""
    if name == "open":
        from pgtool import api

        return api.open
    if name == "connect":
        from pgtool import dbapi

        return dbapi.connect
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
