"""``pgtool reindex``: indexes built anew from their tables."""

from __future__ import annotations

from typing import Any

import click

from pgtool.cli.maintenance import (
    Log,
    Progress,
    database_options,
    databases_of,
    engine_on,
    maintenance_options,
    opened,
    setting_options,
    work_options,
    writing,
)
from pgtool.cli.options import pgdata_option
from pgtool.errors import CorruptData, Panic, PgtoolError

FINDINGS = 2


@click.command(short_help="Build indexes anew, as reindexdb does.")
@pgdata_option()
@database_options()
@click.option("-t", "--table", "tables", multiple=True, metavar="PATTERN",
              help="Only indexes of these tables. Repeatable.")  # fmt: skip
@click.option("-i", "--index", "indexes", multiple=True, metavar="PATTERN",
              help="Only these indexes. Repeatable.")  # fmt: skip
@click.option("-S", "--schema", "schemas", multiple=True, metavar="SCHEMA",
              help="Only indexes of tables in this schema. Repeatable.")  # fmt: skip
@click.option("-s", "--system", is_flag=True, help="Only the system catalogs' indexes.")
@work_options(verbose="Name every index.")
@maintenance_options
def command(
    pgdata: str, dbname: str | None, everything: bool, tables: tuple[str, ...],
    indexes: tuple[str, ...], schemas: tuple[str, ...], system: bool,
    settings: tuple[str, ...], dry_run: bool, progress: bool, verbose: bool, log: Log,
    lock_timeout: float,
) -> int:  # fmt: skip
    """Build indexes anew from their tables, in a data directory that no server has open.

    The exit status is 3 where a server has the directory open, 2 where damage was met, and 1
    after any other error; other indexes are worked on all the same.
    """
    options = setting_options(settings)
    cluster = opened(pgdata, lock_timeout)
    names = databases_of(cluster, dbname, everything)
    wishes = (tables, indexes, schemas, system)
    if dry_run:
        from pgtool.functions.session import Session

        for name in names:
            for _oid, shown in _chosen(Session.open(cluster, name, None, options), *wishes):
                click.echo(f"reindex {name}.{shown}")
        return 0
    status = 0
    with writing(cluster, lock_timeout):
        for name in names:
            log.note(f'reindexing database "{name}"')
            with engine_on(cluster.root, name, options) as engine:
                todo = _chosen(engine.session, *wishes)
                meter = Progress(progress, len(todo))
                for oid, shown in todo:
                    meter.step(f"{name}.{shown}")
                    status = max(status, _one(engine, oid, f"{name}.{shown}", log, verbose))
                meter.finish()
    return status


def _one(engine: Any, oid: int, name: str, log: Log, verbose: bool) -> int:
    """Build one index anew; the exit status that what happened deserves."""
    from pgtool.commands.reindex import reindex_alone

    try:
        reindex_alone(engine, oid)
    except Panic:
        raise
    except PgtoolError as problem:
        log.warn(f'error: index "{name}": {problem}')
        return FINDINGS if isinstance(problem, CorruptData) else 1
    if verbose:
        log.note(f'index "{name}" was reindexed')
    return 0


def _chosen(
    session: Any, tables: tuple[str, ...], indexes: tuple[str, ...], schemas: tuple[str, ...],
    system: bool,
) -> list[tuple[int, str]]:  # fmt: skip
    """(OID, name) of the indexes that were asked for; without a wish, of all."""
    from pgtool.commands.reindex import chosen_indexes

    return chosen_indexes(session, tables, indexes, schemas, system)
