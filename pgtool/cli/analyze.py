"""``pgtool analyze``: statistics for the planner, as ANALYZE computes them."""

from __future__ import annotations

import click

from pgtool.cli.maintenance import Log, maintenance_options
from pgtool.cli.options import pgdata_option
from pgtool.cli.vacuum import run


@click.command(short_help="Compute the planner's statistics.")
@pgdata_option()
@click.option(
    "-d", "--dbname", metavar="NAME", envvar="PGDATABASE",
    help="The database (default: $PGDATABASE, else postgres).",
)  # fmt: skip
@click.option("-a", "--all", "everything", is_flag=True, help="All databases.")
@click.option(
    "-t", "--table", "tables", multiple=True, metavar="PATTERN",
    help="Only these tables: schema.name with * and ?. Repeatable.",
)
@click.option("-n", "--schema", "schemas", multiple=True, metavar="SCHEMA",
              help="Only tables of this schema. Repeatable.")  # fmt: skip
@click.option("-N", "--exclude-schema", "excluded", multiple=True, metavar="SCHEMA",
              help="No tables of this schema. Repeatable.")  # fmt: skip
@click.option("-c", "settings", multiple=True, metavar="NAME=VALUE",
              help="A run-time setting. Repeatable.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("-P", "--progress", is_flag=True, help="Show progress.")
@click.option("-v", "--verbose", is_flag=True, help="Tell what was done to each table.")
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
