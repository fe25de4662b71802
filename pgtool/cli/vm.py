"""``pgtool vm``: the visibility map, as pg_visibility shows it."""

from __future__ import annotations

import click

from pgtool.cli import render
from pgtool.cli.options import format_option
from pgtool.cli.relation import relation_file, relation_options
from pgtool.errors import UserError


@click.command(short_help="Show the visibility map of a relation.")
@relation_options
@click.option("--page-bit", is_flag=True, help="Also show the bit that each page itself carries.")
@click.option("--summary", is_flag=True, help="Count the all-visible and all-frozen blocks.")
@format_option("table", "csv", "json", "jsonl")
def command(
    pgdata: str | None,
    dbname: str | None,
    file: str | None,
    block: int | None,
    relation: str | None,
    inconsistent: bool,
    page_bit: bool,
    summary: bool,
    fmt: str,
) -> None:
    """Show which blocks of a relation are all-visible and all-frozen.

    Rows are those of pg_visibility_map(), with --page-bit those of pg_visibility(), with
    --summary that of pg_visibility_map_summary().
    """
    from pgtool.inspect import maps

    found = maps.Maps(*relation_file(pgdata, dbname, file, relation, inconsistent))
    if summary:
        if page_bit or block is not None:
            raise UserError("--summary goes with neither --page-bit nor --block")
        render.emit(maps.SUMMARY_COLUMNS, [found.summary()], fmt, command="vm")
    elif page_bit:
        render.emit(maps.VISIBILITY_COLUMNS, found.visibility(block), fmt, command="vm")
    else:
        render.emit(maps.VISIBILITY_MAP_COLUMNS, found.visibility_map(block), fmt, command="vm")
