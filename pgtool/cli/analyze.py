"""``pgtool analyze``: statistics for the planner, as ANALYZE computes them."""

from __future__ import annotations

import click

from pgtool.cli.maintenance import (
    Log,
    database_options,
    maintenance_options,
    table_options,
    work_options,
)
from pgtool.cli.options import pgdata_option
from pgtool.cli.vacuum import run


@click.command(short_help="Compute the planner's statistics.")
@pgdata_option()
@database_options()
@table_options
@work_options(verbose="Tell what was done to each table.")
@maintenance_options
def command(
    pgdata: str, dbname: str | None, everything: bool, tables: tuple[str, ...],
    schemas: tuple[str, ...], excluded: tuple[str, ...], settings: tuple[str, ...],
    dry_run: bool, progress: bool, verbose: bool, log: Log, lock_timeout: float,
) -> int:  # fmt: skip
    """Compute the planner's statistics of tables that no server has open.

    The exit status is 3 where a server has the directory open, 2 where damage was met, and 1
    after any other error; other tables are worked on all the same.
    """
    from pgtool.commands.vacuumlist import Choice

    choice = Choice(tables=tables, schemas=schemas, excluded=excluded, analyze_only=True)
    return run(
        pgdata, dbname, everything, choice, settings, dry_run=dry_run, progress=progress,
        verbose=verbose, log=log, lock_timeout=lock_timeout,
    )  # fmt: skip
