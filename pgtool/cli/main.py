"""The root command: registers the others by name and turns errors into exit codes.

Commands are loaded only when called, so that ``pgtool --help`` and completion import
click and nothing else. Exit codes: 0 fine, 1 error, 2 findings or corruption,
130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from typing import Any

import click

from formats.errors import DamageWarning, PgtoolError
from pgtool import __version__

#: name → (module below pgtool.cli, one line for the overview)
COMMANDS: dict[str, tuple[str, str]] = {
    "age": ("age", "Show the age of databases and relations, against wraparound."),
    "analyze": ("analyze", "Compute the planner's statistics."),
    "bloat": ("bloat", "Show dead and free space of tables and indexes, as pgstattuple does."),
    "checkpoint": ("checkpoint", "Recover if need be, and shut down cleanly."),
    "checksums": ("checksums", "Verify, enable or disable page checksums."),
    "completion": ("completion", "Print the shell completion script."),
    "controldata": ("controldata", "Show pg_control, as pg_controldata does."),
    "diagnose": ("diagnose", "Say why a data directory will not start, and what is safe to do."),
    "export": ("export", "Write the rows of relations as COPY, CSV, JSON, SQL, Parquet or Arrow."),
    "fsm": ("fsm", "Show the free space map of a relation."),
    "initdb": ("initdb", "Make a data directory, without any PostgreSQL file."),
    "ls": ("ls", "List databases, schemas and relations; OIDs and file nodes."),
    "pageinspect": ("pageinspect", "Look into a page, with pageinspect's functions."),
    "query": ("query", "Run SQL over a data directory, as psql does over a connection."),
    "recover": ("recover", "Recover a crashed directory or a backup, as a server's start would."),
    "reindex": ("reindex", "Build indexes anew, as reindexdb does."),
    "relmap": ("relmap", "Show pg_filenode.map: the files of the mapped catalogs."),
    "single": ("single", "Run statements in single-user mode, as postgres --single does."),
    "slru": ("slru", "Show transaction status, subtransactions, multixacts, commit times."),
    "vacuum": ("vacuum", "Vacuum, freeze and analyze, as vacuumdb and autovacuum do."),
    "vm": ("vm", "Show the visibility map of a relation."),
    "waldump": ("waldump", "Show write-ahead log records, as pg_waldump does."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported at their first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"pgtool.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        command.name = cmd_name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="pgtool")
def cli() -> None:
    """Work on PostgreSQL data directories without a server.

    Reads majors 14 to 18. Reading never writes a byte to the directory.
    """


def main(argv: list[str] | None = None) -> None:
    """Entry point: run the command, print one line per error, exit with the right code."""
    warnings.showwarning = _warn
    try:
        sys.exit(_run(argv))
    except BrokenPipeError:
        # The reader went away (head, less): not an error, and nothing left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _warn(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: object = None, line: str | None = None,
) -> None:  # fmt: skip
    """What readers warn of, as commands do; other libraries' warnings are not for users."""
    if issubclass(category, DamageWarning):
        click.echo(f"pgtool: warning: {message}", err=True)


def _usage(error: click.ClickException) -> str:
    """What is wrong with the arguments, in one line; options in the words of getopt_long."""
    said = " ".join(error.format_message().split())
    if isinstance(error, click.NoSuchOption):
        name, near = error.option_name, error.possibilities
        said = f"unrecognized option '{name}'" if name[1:2] == "-" else (
            f"invalid option -- '{name[1:]}'"
        )  # fmt: skip
        said += f" (perhaps {' or '.join(near)})" if near else ""
    context = getattr(error, "ctx", None)
    help_of = f'; try "{context.command_path} --help"' if context is not None else ""
    return said[:1].lower() + said[1:].rstrip(".") + help_of


def _run(argv: list[str] | None) -> int:
    try:
        result: Any = cli.main(args=argv, prog_name="pgtool", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        click.echo("pgtool: interrupted", err=True)
        return 130
    except KeyboardInterrupt:
        click.echo("pgtool: interrupted", err=True)
        return 130
    except click.ClickException as error:
        click.echo(f"pgtool: error: {_usage(error)}", err=True)
        return 1
    except PgtoolError as error:
        sys.stdout.flush()
        click.echo(f"pgtool: error: {error}", err=True)
        return error.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        place = f' "{os.fspath(error.filename)}"' if error.filename is not None else ""
        click.echo(f"pgtool: error: could not access{place}: {error.strerror or error}", err=True)
        return 1
    except Exception as error:
        if os.environ.get("PGTOOL_TRACEBACK"):
            raise
        said = " ".join(str(error).split()) or "no message"
        click.echo(
            f"pgtool: internal error: {type(error).__name__}: {said} "
            "(PGTOOL_TRACEBACK=1 shows where)", err=True,
        )  # fmt: skip
        return 1
