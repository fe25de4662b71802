"""``pgtool export``: the rows of relations, in files or on standard output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from pgtool.cli.options import jobs_option, pgdata_option
from pgtool.cli.recovery_options import as_of_options
from pgtool.errors import UserError

if TYPE_CHECKING:
    from pgtool.catalog.relation import Relation
    from pgtool.commands.copy.export import Exporter, Failure, Outcome

FORMATS = ("copy", "binary", "csv", "jsonl", "sql", "parquet", "arrow")


@click.command(
    short_help="Write the rows of relations as COPY, CSV, JSON, SQL, Parquet or Arrow."
)
@pgdata_option()
@click.option(
    "-d", "--dbname", metavar="NAME", envvar="PGDATABASE", required=True,
    help="The database (default: $PGDATABASE).",
)  # fmt: skip
@click.option(
    "-t", "--table", "tables", multiple=True, metavar="PATTERN",
    help="Relations to export, as psql's \\d takes them. Repeatable.",
)
@click.option(
    "-n", "--schema", "schemas", multiple=True, metavar="PATTERN",
    help="Export all relations of these schemas. Repeatable.",
)
@click.option(
    "--format", "fmt", type=click.Choice(FORMATS), default="copy", show_default=True,
    help="Output format.",
)  # fmt: skip
@click.option(
    "-o", "--output", metavar="PATH",
    callback=lambda _context, _option, value: None if value == "-" else value,
    help="A file for one relation, a directory for several (default, or -: standard output).",
)
@jobs_option()
@click.option("--header", is_flag=True, help="A header line (copy, csv).")
@click.option("--resume", is_flag=True, help="Skip relations whose file is already there.")
@click.option(
    "--dirty", is_flag=True,
    help="Every stored row version, with ctid, xmin, xmax, their outcomes and times.",
)  # fmt: skip
@click.option("--dropped-columns", is_flag=True, help="Also dropped columns, as raw bytes.")
@click.option("--salvage", is_flag=True, help="Go on past damage; what is lost is reported.")
@click.option("--report", metavar="FILE", help="Where --salvage lists every loss, as JSON lines.")
@click.option(
    "--ignore-checksum-failure", is_flag=True, help="Read pages whose checksum is wrong."
)
@click.option(
    "-c", "--set", "settings", multiple=True, metavar="NAME=VALUE",
    help="A session setting: timezone, datestyle, intervalstyle, bytea_output … Repeatable.",
)  # fmt: skip
@click.option(
    "--inconsistent", is_flag=True,
    help="Read a cluster that is running, crashed or half restored, as its files are.",
)
@click.option("-q", "--quiet", is_flag=True, help="No counts; only warnings of lost rows.")
@as_of_options()
def command(
    pgdata: str, dbname: str, tables: tuple[str, ...], schemas: tuple[str, ...], fmt: str,
    output: str | None, jobs: int, header: bool, resume: bool, dirty: bool, dropped_columns: bool,
    salvage: bool, report: str | None, ignore_checksum_failure: bool, settings: tuple[str, ...],
    inconsistent: bool, quiet: bool,
) -> int:  # fmt: skip
    """Write the rows of relations without a server.

    copy, binary and csv are byte for byte what the server's COPY would write; sql is what
    pg_dump --data-only --inserts would. Without -t and -n all tables outside the
    system schemas are written.
    """
    from pgtool.catalog.cluster import Cluster
    from pgtool.commands.copy.export import Exporter, Options
    from pgtool.commands.copy.losses import Losses
    from pgtool.commands.copy.pick import pick

    if report and not salvage:
        raise UserError("--report needs --salvage")
    options = Options(
        fmt, header, dirty, dropped_columns, salvage,
        dict(_setting(s) for s in settings),
    )  # fmt: skip
    losses = Losses(salvage, "(catalogs)")
    cluster = Cluster(
        pgdata, inconsistent=inconsistent, damage=losses,
        verify_checksums=not ignore_checksum_failure,
    )  # fmt: skip
    if not quiet:
        for warning in cluster.warnings:
            click.echo(f"pgtool: warning: {warning}", err=True)
    database = cluster.database(dbname)
    relations = pick(database, tables, schemas, fmt, losses)
    exporter = Exporter(database, options)
    say = _Talk(quiet, report, resume)
    with say:
        if output is None or (fmt == "sql" and not _is_directory(output)):
            _to_one_file(exporter, relations, output, say)
        else:
            _to_files(exporter, relations, output, jobs, resume, say)
        say.lost(losses.found)
    return say.code


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"-c needs NAME=VALUE, not {text}")
    return name, value


def _is_directory(path: str) -> bool:
    return os.path.isdir(path) or path.endswith("/")


class _Talk:
    """Counts and losses as they come, and the exit code that they make."""

    #: Losses of one relation that are told where no report takes them.
    TOLD = 10

    def __init__(self, quiet: bool, report: str | None, append: bool) -> None:
        self.quiet = quiet
        self.path = report
        self.mode = "a" if append else "w"
        self.file: Any = None
        self.code = 0

    def __enter__(self) -> _Talk:
        if self.path:
            self.file = open(self.path, self.mode, encoding="utf-8", errors="surrogateescape")
        return self

    def __exit__(self, *error: object) -> None:
        if self.file:
            self.file.close()

    def lost(self, found: list[dict[str, Any]]) -> None:
        """Losses, for the report; without one some of them are told."""
        from pgtool.commands.copy.losses import words

        if found:
            self.code = 2
        suspected = [loss for loss in found if loss["suspected"]]
        for loss in suspected[: self.TOLD]:
            click.echo(f"pgtool: warning: {words(loss)}", err=True)
        if self.file:
            for loss in found:
                self.file.write(json.dumps(loss, ensure_ascii=False) + "\n")
            self.file.flush()
            return
        certain = [loss for loss in found if not loss["suspected"]]
        if not self.quiet:
            for loss in certain[: self.TOLD]:
                click.echo(f"pgtool: lost: {words(loss)}", err=True)
        more = max(len(certain) - self.TOLD, 0) + max(len(suspected) - self.TOLD, 0)
        if more and not self.quiet:
            click.echo(f"pgtool: lost: {more} more; --salvage --report FILE lists all", err=True)

    def failed(self, relation: Relation, failure: Failure, alone: bool) -> None:
        """One relation could not be written."""
        whose = "" if alone else f"{relation.qualified}: "
        click.echo(f"pgtool: error: {whose}{failure.message}", err=True)
        self.code = max(self.code, failure.exit_code)

    def done(self, relation: Relation, outcome: Outcome) -> None:
        """One relation is written."""
        self.lost(outcome.losses)
        if not self.quiet:
            lost, unused = len(outcome.losses), outcome.unused_pages
            click.echo(
                f"{relation.qualified}: {outcome.rows} row{'' if outcome.rows == 1 else 's'}"
                + (f", {lost} loss{'' if lost == 1 else 'es'}" if lost else "")
                + (f" ({unused} page{'' if unused == 1 else 's'} of zeroes)" if unused else ""),
                err=True,
            )


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty() or total < 4096:
        yield lambda blocks: None
        return
    with click.progressbar(length=total, label="pages", file=sys.stderr) as bar:
        yield bar.update


def _to_one_file(
    exporter: Exporter, relations: list[Relation], output: str | None, say: _Talk
) -> None:
    from pgtool.commands.copy.sql import preamble
    from pgtool.storage.aside import written_aside

    if len(relations) > 1 and exporter.options.fmt != "sql":
        raise UserError(f"{len(relations)} relations were found: use -o DIR")
    total = sum(max(relation.relpages, 0) for relation in relations)

    def write(out: Any) -> Any:
        outcome = None
        if exporter.options.fmt == "sql":
            out.write(preamble(exporter.registry))
        with _progress(total) as progress:
            for relation in relations:
                outcome = exporter.run(relation, out, progress=progress)
                say.done(relation, outcome)
        return outcome

    if output is None:
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        with written_aside(output) as out:
            write(out)


def _to_files(
    exporter: Exporter, relations: list[Relation], output: str, jobs: int, resume: bool,
    say: _Talk,
) -> None:  # fmt: skip
    from pgtool.commands.copy.export import file_name
    from pgtool.commands.copy.jobs import clear_parts, run_parallel, run_serial
    from pgtool.storage.aside import is_replaceable

    if len(relations) == 1 and not _is_directory(output):
        wanted = [(relations[0], output)]
    else:
        os.makedirs(output, exist_ok=True)
        fmt = exporter.options.fmt
        wanted = [(r, os.path.join(output, file_name(r, fmt))) for r in relations]
    if resume:
        wanted = [(r, path) for r, path in wanted if not os.path.isfile(path)]
    for _relation, path in wanted:
        if is_replaceable(path):
            clear_parts(path)
    total = sum(max(relation.relpages, 1) for relation, _path in wanted)
    with _progress(total) as progress:
        run = (
            run_serial(exporter, wanted, progress) if jobs == 1
            else run_parallel(exporter, wanted, jobs, progress)
        )  # fmt: skip
        for relation, outcome in run:
            if outcome.failure:
                say.failed(relation, outcome.failure, alone=len(relations) == 1)
            else:
                say.done(relation, outcome)

