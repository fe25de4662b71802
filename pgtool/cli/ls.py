"""``pgtool ls``: what is in a data directory."""

from __future__ import annotations

import click

from pgtool.cli.options import format_option, pgdata_option
from pgtool.cli.recovery_options import as_of_options
from pgtool.errors import UserError


@click.command(short_help="List databases, schemas and relations; OIDs and file nodes.")
@pgdata_option()
@click.option(
    "-d", "--dbname", metavar="NAME", envvar="PGDATABASE",
    help="List the relations of this database (default: $PGDATABASE, else the databases).",
)  # fmt: skip
@click.option(
    "--filenode", "files", multiple=True, metavar="FILE",
    help="Tell which relation a file belongs to: a file number or a path. Repeatable.",
)
@click.option("-S", "--system", is_flag=True, help="Also list the system schemas.")
@click.option(
    "--inconsistent", is_flag=True,
    help="Read a cluster that is running, crashed or half restored, as its files are.",
)
@click.option("-q", "--quiet", is_flag=True, help="No warnings.")
@format_option("table", "csv", "json", "jsonl")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@as_of_options()
def command(
    pgdata: str, dbname: str | None, files: tuple[str, ...], system: bool, inconsistent: bool,
    quiet: bool, fmt: str, patterns: tuple[str, ...],
) -> None:  # fmt: skip
    """List databases, or the relations of one database, without a server.

    PATTERN picks relations as psql's \\d does: schema.name with * and ?.
    """
    from pgtool.catalog import listing
    from pgtool.catalog.cluster import Cluster
    from pgtool.cli.render import emit

    if patterns and dbname is None:
        raise UserError("a PATTERN needs a database: use -d NAME")
    cluster = Cluster(pgdata, inconsistent=inconsistent)
    if not quiet:
        for warning in cluster.warnings:
            click.echo(f"pgtool: warning: {warning}", err=True)
    database = None if dbname is None else cluster.database(dbname)
    if files:
        rows = [row for file in files for row in listing.owners_of_file(cluster, file, database)]
        if not rows:
            raise UserError(f"no relation has the file {', '.join(files)}")
        emit(listing.FILE_COLUMNS, rows, fmt, command="ls")
    elif database is None:
        emit(listing.DATABASE_COLUMNS, listing.databases(cluster), fmt, command="ls")
    else:
        found = listing.relations(database, list(patterns), system=system)
        emit(listing.RELATION_COLUMNS, found, fmt, command="ls")
