"""``pgtool relmap``: pg_filenode.map, the files of the mapped catalogs."""

from __future__ import annotations

import click

from pgtool.cli import render
from pgtool.cli.options import format_option, pgdata_option
from pgtool.errors import UserError


@click.command(short_help="Show pg_filenode.map: the files of the mapped catalogs.")
@pgdata_option(required=False)
@click.option("--db", type=click.IntRange(0), metavar="OID", help="The map of this database.")
@click.option("--file", metavar="FILE", help="A map file by its name.")
@format_option("table", "csv", "json", "jsonl")
def command(pgdata: str | None, db: int | None, file: str | None, fmt: str) -> None:
    """Show which file holds each mapped catalog.

    Without --db or --file the map of the catalogs that all databases share.
    """
    from pgtool.inspect import relmap

    if pgdata is None and file is None:
        raise UserError("no data directory given: use -D DIR or set PGDATA")
    if db is not None and file is not None:
        raise UserError("--db and --file exclude each other")
    path = relmap.map_path(pgdata or "", db, file)
    render.emit(relmap.COLUMNS, list(relmap.rows(path)), fmt, command="relmap")
