"""``pgtool fsm``: the free space map, as pg_freespacemap shows it."""

from __future__ import annotations

import click

from pgtool.cli import render
from pgtool.cli.options import format_option
from pgtool.cli.relation import relation_file, relation_options


@click.command(short_help="Show the free space map of a relation.")
@relation_options
@format_option("table", "csv", "json", "jsonl")
def command(
    pgdata: str | None,
    dbname: str | None,
    file: str | None,
    block: int | None,
    relation: str | None,
    inconsistent: bool,
    fmt: str,
) -> None:
    """Show how many bytes are recorded as free in each block of a relation.

    Rows are those of pg_freespace(): the map keeps free space in steps of 32 bytes.
    """
    from pgtool.inspect import maps

    found = maps.Maps(*relation_file(pgdata, dbname, file, relation, inconsistent))
    render.emit(maps.FREE_SPACE_COLUMNS, found.free_space(block), fmt, command="fsm")
