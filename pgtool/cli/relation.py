"""How commands that look into one relation are told which: by file or by name.

One function turns either into a path; what it needs of the catalogs is loaded only then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pgtool.cli.options import pgdata_option
from pgtool.errors import UserError

if TYPE_CHECKING:
    from pgtool.storage.backend import Backend

MAX_BLOCK = 0xFFFFFFFE


def relation_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``-D DIR -d DB --relation NAME`` or ``[-D DIR] --file PATH``, and ``--block N``."""
    for add in (
        click.option(
            "--inconsistent", is_flag=True,
            help="With --relation: read the catalogs of a cluster that is running, crashed or "
            "half restored.",
        ),
        click.option(
            "--block", type=click.IntRange(0, MAX_BLOCK), metavar="N", help="Only this block."
        ),
        click.option(
            "--file", metavar="PATH",
            help="A file of the relation: main fork or map, below DIR or anywhere.",
        ),
        click.option(
            "-d", "--dbname", metavar="NAME", envvar="PGDATABASE",
            help="The database of --relation (default: $PGDATABASE).",
        ),
        click.option(
            "--relation", metavar="NAME", help="The relation by its name or OID."
        ),
        pgdata_option(required=False),
    ):  # fmt: skip
        function = add(function)
    return function


def relation_file(
    pgdata: str | None,
    dbname: str | None,
    file: str | None,
    relation: str | None,
    inconsistent: bool,
) -> tuple[Backend, str]:
    """(where its bytes come from, main fork's path) of the relation that the options name."""
    from pgtool.inspect.maps import relation_path

    if (file is None) == (relation is None):
        raise UserError("give either --relation NAME (with -D and -d) or --file PATH")
    if file is not None:
        return relation_path(pgdata, file)
    if pgdata is None:
        raise UserError("no data directory given: use -D DIR or set PGDATA")
    if dbname is None:
        raise UserError("no database given: use -d NAME or set PGDATABASE")
    from pgtool.catalog import resolve

    cluster, path = resolve.relation_file(
        pgdata, dbname, str(relation), inconsistent=inconsistent
    )
    for warning in cluster.warnings:
        click.echo(f"pgtool: warning: {warning}", err=True)
    return cluster.directory.backend, path
