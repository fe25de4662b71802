"""``pgtool query``: SQL over a data directory without a server."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from pgtool.cli.options import pgdata_option
from pgtool.cli.ordered import OrderedOption, in_order
from pgtool.cli.recovery_options import as_of_options
from pgtool.errors import UserError
from pgtool.storage.interrupts import INTERRUPTS

if TYPE_CHECKING:
    from pgtool.cli.psql.run import Runner

FORMATS = ("table", "csv", "json", "jsonl", "arrow", "parquet")
_FLAGS = (
    ("-A", "--no-align", "Unaligned output."),
    ("-t", "--tuples-only", "Rows only: no header, no row count."),
    ("-x", "--expanded", "One line a column in table output."),
    ("-H", "--html", "Rows as an HTML table."),
    ("", "--csv", "The same as --format csv."),
    ("-z", "--field-separator-zero", "A zero byte between fields of unaligned output."),
    ("-0", "--record-separator-zero", "A zero byte between records of unaligned output."),
    ("-q", "--quiet", "No command tags, no confirmations, no warnings."),
    ("-a", "--echo-all", "Print all input."),
    ("-b", "--echo-errors", "Print statements that failed, on standard error."),
    ("-e", "--echo-queries", "Print statements before they run."),
    ("-E", "--echo-hidden", "Print the queries that backslash commands run."),
    ("-S", "--single-line", "The end of a line ends a statement."),
    ("-1", "--single-transaction", "Run all of -c and -f in one transaction."),
    ("-l", "--list", "List the databases, and exit."),
    ("-X", "--no-psqlrc", "As psql's; there is no start-up file to leave out."),
)
#: Option → (variable, value) that it sets.
_SETS = {
    "quiet": ("QUIET", "on"), "echo_all": ("ECHO", "all"), "echo_errors": ("ECHO", "errors"),
    "echo_queries": ("ECHO", "queries"), "echo_hidden": ("ECHO_HIDDEN", "on"),
    "single_line": ("SINGLELINE", "on"), "verbose": ("VERBOSITY", "verbose"),
}  # fmt: skip
#: Option → the option of \\pset that it sets, and its value.
_FORMS = {
    "no_align": ("format", "unaligned"), "html": ("format", "html"), "csv": ("format", "csv"),
    "tuples_only": ("tuples_only", "on"), "expanded": ("expanded", "on"),
    "field_separator_zero": ("fieldsep_zero", None),
    "record_separator_zero": ("recordsep_zero", None),
}  # fmt: skip


def _flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """The switches of psql that are here."""
    for short, long, text in reversed(_FLAGS):
        names = [name for name in (short, long) if name]
        function = click.option(*names, is_flag=True, help=text)(function)
    return function


@click.command(short_help="Run SQL over a data directory, as psql does over a connection.")
@pgdata_option()
@click.option(
    "-d", "--dbname", metavar="NAME", envvar="PGDATABASE", default="postgres", show_default=True,
    help="The database.",
)  # fmt: skip
@click.option(
    "-U", "--user", "--username", metavar="NAME", envvar="PGUSER",
    help="The role to be (default: the bootstrap superuser).",
)  # fmt: skip
@click.option(
    "-c", "--command", "commands", multiple=True, metavar="SQL", cls=OrderedOption,
    help="Run this text, or one backslash command, and exit. Repeatable.",
)
@click.option(
    "-f", "--file", "files", multiple=True, metavar="FILE", cls=OrderedOption,
    help="Run the statements of a file; - is standard input. Repeatable.",
)
@click.option(
    "-v", "--set", "--variable", "variables", multiple=True, metavar="NAME=VALUE",
    help="A variable, put in for :NAME, :'NAME' and :\"NAME\". Repeatable.",
)
@click.option(
    "--format", "fmt", type=click.Choice(FORMATS), default="table", show_default=True,
    help="Output form.",
)  # fmt: skip
@click.option(
    "-P", "--pset", "psets", multiple=True, metavar="NAME[=VALUE]",
    help="An option of output, as \\\\pset sets it. Repeatable.",
)
@click.option(
    "-F", "--field-separator", metavar="TEXT", help="Between fields of unaligned output."
)
@click.option(
    "-R", "--record-separator", metavar="TEXT", help="Between records of unaligned output."
)
@click.option("-o", "--output", metavar="FILE", help="Write rows to a file, or to |COMMAND.")
@_flags
@click.option("--verbose", is_flag=True, help="Show the SQLSTATE of errors.")
@click.option("--read-only", is_flag=True, help="Refuse statements that write.")
@click.option(
    "--inconsistent", is_flag=True,
    help="Read a cluster that is running, crashed or half restored, as its files are.",
)
@click.argument("sql", required=False)
@as_of_options()
@click.pass_context
def command(
    ctx: click.Context, pgdata: str, dbname: str, user: str | None, commands: tuple[str, ...],
    files: tuple[str, ...], output: str | None, read_only: bool, inconsistent: bool,
    sql: str | None, **switches: Any,
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
    if not switches["quiet"]:
        for warning in cluster.warnings:
            click.echo(f"pgtool: warning: {warning}", err=True)
    session = Session.open(cluster, dbname, user, {"application_name": "pgtool"})
    engine = Engine(session, read_only=read_only or current_wish().target.wanted)
    runner = Runner(engine)
    _settings(runner, switches)
    work = [("commands", sql)] if sql is not None else []
    work += [("commands", "\\l")] if switches["list"] else in_order(ctx)
    if switches["single_transaction"] and not work:
        raise UserError("-1 can only be used with -c or -f")
    with ended(runner), _output(runner, output):
        if switches["single_transaction"]:
            return _in_one(runner, work)
        return _work(runner, work)


def _settings(runner: Runner, switches: dict[str, Any]) -> None:
    """Switches to options of output and variables."""
    from pgtool.cli.psql.connect import note_connection
    from pgtool.cli.psql.pset import pset

    style = runner.style
    style.format = {"table": "aligned"}.get(switches["fmt"], switches["fmt"])
    for switch, (name, value) in _FORMS.items():
        if switches[switch]:
            pset(style, name, value)
    for switch, name in (("field_separator", "fieldsep"), ("record_separator", "recordsep")):
        if switches[switch] is not None:
            pset(style, name, switches[switch])
    for text in switches["psets"]:
        name, equals, value = text.partition("=")
        pset(style, name, value if equals else None)
    for switch, (name, value) in _SETS.items():
        if switches[switch]:
            runner.variables[name] = value
    note_connection(runner)
    for text in switches["variables"]:
        _variable(runner, text)


#: Signals that end the program (the second: its terminal is gone).
_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended(opened: Any) -> Iterator[None]:
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
        opened.close()


def _variable(runner: Runner, text: str) -> None:
    """-v NAME=VALUE, or -v NAME to unset it."""
    from pgtool.cli.psql.variables import Refused

    name, equals, value = text.partition("=")
    if not name:
        raise UserError(f"-v needs NAME=VALUE, not {text}")
    try:
        if equals:
            runner.variables.assign(name, value)
        else:
            runner.variables.remove(name)
    except Refused as refused:
        raise UserError(str(refused)) from None


@contextmanager
def _output(runner: Runner, path: str | None) -> Iterator[None]:
    from pgtool.cli.psql.printing import open_output

    if path is not None:
        runner.out = open_output(path)
    try:
        yield
    finally:
        if runner.out is not sys.stdout:
            runner.out.close()
            runner.out = sys.stdout


def _work(runner: Runner, work: list[tuple[str, str]]) -> int:
    """Commands and files in their order, else standard input."""
    from pgtool.cli.psql.loop import run_file, run_script

    for kind, text in work:
        go_on = runner.text(text) if kind == "commands" else run_file(runner, text)
        if not go_on:
            break
    if work:
        return runner.status
    runner.terse = True
    if sys.stdin.isatty():
        from pgtool.cli.psql.prompt import interactive

        return interactive(runner)
    return run_script(runner, sys.stdin, None)


def _in_one(runner: Runner, work: list[tuple[str, str]]) -> int:
    """All of it in one transaction, which is rolled back after an error that stops."""
    for _outcome in runner.engine.run("BEGIN"):
        pass
    status = _work(runner, work)
    stopped = status and runner.variables.on("ON_ERROR_STOP")
    for _outcome in runner.engine.run("ROLLBACK" if stopped else "COMMIT"):
        pass
    return status
