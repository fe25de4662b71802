"""``pgtool controldata``: pg_control in the words of that major's pg_controldata."""

from __future__ import annotations

import sys

import click

from pgtool.cli import render
from pgtool.cli.options import datadir_option, format_option

CORRUPT = 2


@click.command(short_help="Show pg_control, as pg_controldata does.")
@datadir_option()
@format_option("text", "json")
def command(pgdata: str, fmt: str) -> int:
    """Show the control file of a data directory, as pg_controldata of its major does.

    A damaged file is shown as it lies, after a warning; the exit status is then 2.
    """
    from pgtool.inspect import controldata

    loaded = controldata.load(pgdata)
    for warning in loaded.warnings:
        if not warning.inline:
            for line in warning.text.replace("\ndetail: ", "\0detail: ").split("\0"):
                click.echo(f"pgtool: {line}", err=True)
        elif fmt == "text":
            sys.stdout.write(warning.text)
        else:
            click.echo(f"pgtool: {warning.text.strip()}", err=True)
    if fmt == "json":
        render.emit_object(controldata.facts(loaded), command="controldata")
        return 0 if loaded.sound else CORRUPT
    _use_locale()
    sys.stdout.write("\n".join(controldata.lines(loaded)) + "\n")
    return 0 if loaded.sound else CORRUPT


def _use_locale() -> None:
    """Times are printed in the user's locale, as C programs print them."""
    import locale

    try:
        locale.setlocale(locale.LC_TIME, "")
    except locale.Error:
        return
