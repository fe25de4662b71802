"""``pgtool initdb``: make a data directory for PostgreSQL 18."""

from __future__ import annotations

import os
from typing import Any

import click

from formats.errors import UserError

_LC = ("collate", "ctype", "messages", "monetary", "numeric", "time")


def _locale_options(function: Any) -> Any:
    for name in reversed(_LC):
        function = click.option(
            f"--lc-{name}", metavar="LOCALE", help=f"Locale of the category {name} alone."
        )(function)
    return function


@click.command(short_help="Make a data directory, without any PostgreSQL file.")
@click.option("-D", "--pgdata", metavar="DIR", help="The directory to make (default: $PGDATA).")
@click.argument("datadir", required=False, metavar="[DATADIR]")
@click.option("-U", "--username", metavar="NAME", help="Name of the superuser (default: yours).")
@click.option("-A", "--auth", metavar="METHOD", help="Authentication of all local connections.")
@click.option("--auth-local", metavar="METHOD", help="Authentication over Unix sockets.")
@click.option("--auth-host", metavar="METHOD", help="Authentication over TCP.")
@click.option("-W", "--pwprompt", is_flag=True, help="Ask for the superuser's password.")
@click.option("--pwfile", metavar="FILE", help="Read the superuser's password from a file.")
@click.option("-E", "--encoding", metavar="NAME", help="Encoding of new databases.")
@click.option("--locale", metavar="LOCALE", help="Locale of all categories.")
@click.option("--no-locale", is_flag=True, help="The same as --locale=C.")
@_locale_options
@click.option("--locale-provider", type=click.Choice(["builtin", "libc"]), default="libc",
              show_default=True, help="Who sorts and classifies text in new databases.")
@click.option("--builtin-locale", metavar="LOCALE", help="C, C.UTF-8 or PG_UNICODE_FAST.")
@click.option("-k", "--data-checksums/--no-data-checksums", "checksums", default=True,
              show_default=True, help="Checksums on data pages.")
@click.option("-T", "--text-search-config", "text_search", metavar="NAME",
              help="Default text search configuration (default: by the locale's language).")
@click.option("--wal-segsize", type=int, default=16, show_default=True, metavar="MB",
              help="Size of WAL segment files in megabytes.")
@click.option("-c", "--set", "settings", multiple=True, metavar="NAME=VALUE",
              help="Put a setting into postgresql.conf.")
@click.option("-X", "--waldir", metavar="DIR", help="Keep the write-ahead log in this directory.")
@click.option("-g", "--allow-group-access", is_flag=True, help="Let the group read the files.")
@click.option("-N", "--no-sync", is_flag=True, help="Do not wait until files are on disk.")
def command(
    pgdata: str | None, datadir: str | None, no_locale: bool, locale: str | None,
    locale_provider: str, allow_group_access: bool, no_sync: bool, **given: Any,
) -> int:  # fmt: skip
    """Make a data directory that PostgreSQL 18 starts on.

    It holds the databases template0, template1 and postgres with all built-in catalogs and
    the system views. Not made yet: information_schema.
    """
    from pgtool.commands.initdb.options import Options, trusting
    from pgtool.commands.initdb.run import run

    if pgdata is not None and datadir is not None:
        raise UserError(f'too many command-line arguments (first is "{datadir}")')
    where = pgdata or datadir or os.environ.get("PGDATA")
    if not where:
        raise UserError("no data directory given: use -D DIR or set PGDATA")
    if no_locale and locale is not None:
        raise UserError("--locale and --no-locale cannot be used together")
    lc = {name: given.pop(f"lc_{name}") for name in _LC}
    options = Options(
        where, lc=lc, locale="C" if no_locale else locale, provider=locale_provider,
        group_access=allow_group_access, sync=not no_sync, **given,
    )  # fmt: skip
    named = bool(given["auth"] or (given["auth_local"] and given["auth_host"]))
    run(options, click.echo, _ask_password)
    click.echo(f"Made {where}.")
    if trusting(options, named):
        click.echo(
            "pgtool: warning: everybody on this machine may connect as any user; "
            "edit pg_hba.conf, or use -A", err=True,
        )  # fmt: skip
    return 0


def _ask_password() -> str:
    password = click.prompt("Enter new superuser password", hide_input=True, err=True)
    again = click.prompt("Enter it again", hide_input=True, err=True)
    if password != again:
        raise UserError("Passwords didn't match.")
    if not password:
        raise UserError("the superuser's password must not be empty")
    return str(password)
