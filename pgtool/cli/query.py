"""``pgtool query``: SQL over a data directory without a server."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from pgtool.cli.options import pgdata_option
from pgtool.cli.recovery_options import as_of_options
from pgtool.errors import UserError
from pgtool.storage.interrupts import INTERRUPTS

if TYPE_CHECKING:
    from pgtool.cli.psql.run import Runner
    from pgtool.sql.engine import Engine

FORMATS = ("table", "csv", "json", "jsonl", "arrow", "parquet")


@click.command(short_help="Run SQL over a data directory, as psql does over a connection.")
@pgdata_option()
@click.option(
    "-d", "--dbname", metavar="NAME", envvar="PGDATABASE", default="postgres", show_default=True,
    help="The database.",
)  # fmt: skip
@click.option(
    "-U", "--user", metavar="NAME", envvar="PGUSER",
    help="The role to be (default: the bootstrap superuser).",
)  # fmt: skip
@click.option(
    "-c", "--command", "commands", multiple=True, metavar="SQL",
    help="Run this text, or one backslash command, and exit. Repeatable.",
)
@click.option(
    "-f", "--file", "files", multiple=True, metavar="FILE",
    help="Run the statements of a file; - is standard input. Repeatable.",
)
@click.option(
    "-v", "--set", "variables", multiple=True, metavar="NAME=VALUE",
    help="A variable, put in for :NAME, :'NAME' and :\"NAME\". Repeatable.",
)
@click.option(
    "--format", "fmt", type=click.Choice(FORMATS), default="table", show_default=True,
    help="Output form.",
)  # fmt: skip
@click.option("-o", "--output", metavar="FILE", help="Write rows to a file.")
@click.option("-x", "--expanded", is_flag=True, help="One line a column in table output.")
@click.option("-t", "--tuples-only", is_flag=True, help="Rows only: no header, no row count.")
@click.option("-q", "--quiet", is_flag=True, help="No command tags, no warnings.")
@click.option("--verbose", is_flag=True, help="Show the SQLSTATE of errors.")
@click.option("--read-only", is_flag=True, help="Refuse statements that write.")
@click.option(
    "--inconsistent", is_flag=True,
    help="Read a cluster that is running, crashed or half restored, as its files are.",
)
@click.argument("sql", required=False)
@as_of_options()
def command(
    pgdata: str, dbname: str, user: str | None, commands: tuple[str, ...],
    files: tuple[str, ...], variables: tuple[str, ...], fmt: str, output: str | None,
    expanded: bool, tuples_only: bool, quiet: bool, verbose: bool, read_only: bool,
    inconsistent: bool, sql: str | None,
) -> int:  # fmt: skip
    """Run SQL over a data directory without a server.

    SQL is one text; without it, -c and -f, statements come from standard input, with a
    prompt on a terminal. Reading never writes a byte to the directory; the first statement
    that writes opens it as a server would, unless --read-only forbids that.
    """
    from pgtool.catalog.cluster import Cluster
    from pgtool.cli.psql.run import Runner
    from pgtool.functions.session import Session
    from pgtool.sql.engine import Engine
    from pgtool.transam.recovery.opening import current_wish

    cluster = Cluster(pgdata, inconsistent=inconsistent)
    if not quiet:
        for warning in cluster.warnings:
            click.echo(f"pgtool: warning: {warning}", err=True)
    session = Session.open(cluster, dbname, user, {"application_name": "pgtool"})
    engine = Engine(session, read_only=read_only or current_wish().target.wanted)
    runner = Runner(engine, fmt)
    runner.expanded, runner.style.tuples_only = expanded, tuples_only
    runner.quiet = runner.quiet or quiet
    runner.variables.update(_variable(text) for text in variables)
    if verbose:
        runner.variables["VERBOSITY"] = "verbose"
    with ended(engine), _output(runner, output):
        return _work(runner, [*([sql] if sql is not None else []), *commands], files)


#: Signals that end the program (the second: its terminal is gone).
_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended(engine: Engine) -> Iterator[None]:
    """However it ends, by a signal too: what is open is rolled back, the directory let go."""

    def terminate(number: int, _frame: Any) -> None:
        INTERRUPTS.signal(lambda: sys.exit(128 + number))

    before = {
        number: signal.signal(number, terminate) for number in _ENDING
        if signal.getsignal(number) != signal.SIG_IGN
    }  # fmt: skip
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        engine.close()


def _variable(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name:
        raise UserError(f"-v needs NAME=VALUE, not {text}")
    return name, value


@contextmanager
def _output(runner: Runner, path: str | None) -> Iterator[None]:
    if path is None:
        yield
        return
    with open(path, "w", encoding="utf-8", newline="") as file:
        runner.out = file
        try:
            yield
        finally:
            runner.out = sys.stdout


def _work(runner: Runner, commands: list[str], files: tuple[str, ...]) -> int:
    """Commands, then files, else standard input."""
    for text in commands:
        if not runner.text(text):
            return runner.status
    for name in files:
        _file(runner, name)
        if runner.stopped:
            break
    if commands or files:
        return runner.status
    if sys.stdin.isatty():
        from pgtool.cli.psql.prompt import interactive

        return interactive(runner)
    return runner.script(sys.stdin, None)


def _file(runner: Runner, name: str) -> Any:
    if name == "-":
        return runner.script(sys.stdin, "<stdin>")
    with open(name, encoding="utf-8") as file:
        return runner.script(file, name)
