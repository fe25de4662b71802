"""``pgtool slru``: transaction status, subtransactions, multixacts and commit times."""

from __future__ import annotations

import click

from pgtool.cli import render
from pgtool.cli.options import format_option, pgdata_option
from pgtool.errors import UserError

AREAS = ("xact", "subtrans", "multixact", "commit_ts")
MAX_ID = (1 << 32) - 1


def _range(text: str | None) -> tuple[int, int] | None:
    """``ID`` or ``FROM-TO``; None for everything."""
    if text is None:
        return None
    first, dash, last = text.partition("-")
    if not (first.isdecimal() and (last.isdecimal() or not dash)) or not text.isascii():
        raise UserError(f'invalid ID or range: "{text}" (give ID or FROM-TO)')
    low, high = int(first), int(last if dash else first)
    if high > MAX_ID:
        raise UserError(f"ID {high} is out of range: the largest one is {MAX_ID}")
    if low > high:
        raise UserError(f'invalid range: "{text}" (FROM is larger than TO)')
    return low, high


@click.command(short_help="Show transaction status, subtransactions, multixacts, commit times.")
@pgdata_option()
@format_option("table", "csv", "json", "jsonl")
@click.argument("area", type=click.Choice(AREAS))
@click.argument("ids", required=False, metavar="[ID|FROM-TO]")
def command(pgdata: str, fmt: str, area: str, ids: str | None) -> None:
    """Show what the SLRU files say of one transaction, of a range, or of all.

    xact: status of transactions; subtrans: their parents; multixact: members of
    multixacts and what each does to the row; commit_ts: commit times (in UTC) and
    replication origins, where the server recorded them.
    """
    from pgtool.inspect import slru

    asked = _range(ids)
    found = slru.Slrus(pgdata)
    if area == "multixact":
        render.emit(slru.MULTIXACT_COLUMNS, found.multixacts(asked), fmt, command="slru")
    else:
        columns = slru.KINDS[area].columns
        render.emit(columns, found.rows(area, asked), fmt, command="slru")
