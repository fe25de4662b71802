"""``pgtool vacuum``: VACUUM without a server, with vacuumdb's options and autovacuum's mind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pgtool.cli.maintenance import (
    Log,
    Progress,
    database_options,
    databases_of,
    engine_on,
    maintenance_options,
    opened,
    setting_options,
    table_options,
    work_options,
    writing,
)
from pgtool.cli.options import pgdata_option
from pgtool.errors import CorruptData, PgtoolError, Unsupported

if TYPE_CHECKING:
    from pgtool.commands.vacuumlist import Choice, Task

FINDINGS = 2


def _flag(*names: str, help: str) -> Any:
    return click.option(*names, is_flag=True, help=help)


@click.command(short_help="Vacuum, freeze and analyze databases, as vacuumdb and autovacuum do.")
@pgdata_option()
@database_options("All databases, template0 too.")
@table_options
@_flag("-F", "--freeze", help="Freeze all rows that can be.")
@_flag("-f", "--full", help="Rewrite the tables without dead and free space.")
@_flag("-z", "--analyze", help="Compute statistics, too.")
@_flag("-Z", "--analyze-only", help="Compute statistics and do nothing else.")
@_flag("--analyze-in-stages", help="Compute only statistics, in three rounds: coarse ones soon.")
@_flag("--missing-stats-only", help="Analyze only relations that lack statistics.")
@_flag("--skip-locked", help="Pass over tables that a prepared transaction keeps from a rewrite.")
@_flag("--auto", help="Only what autovacuum would do now, by its thresholds.")
@click.option("--min-xid-age", type=click.IntRange(min=1), metavar="N",
              help="Only tables whose oldest transaction id is at least so old.")  # fmt: skip
@click.option("--min-mxid-age", type=click.IntRange(min=1), metavar="N",
              help="Only tables whose oldest multixact is at least so old.")  # fmt: skip
@_flag("--disable-page-skipping", help="Look at every page, whatever the visibility map says.")
@_flag("--force-index-cleanup", help="Always remove index entries of dead rows.")
@_flag("--no-index-cleanup", help="Never remove index entries of dead rows.")
@_flag("--no-process-main", help="Leave the tables themselves alone.")
@_flag("--no-process-toast", help="Leave their TOAST tables alone.")
@_flag("--no-truncate", help="Leave empty pages at the end of tables.")
@work_options(verbose="Tell what was done to each table.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", default=1,
              help="Only 1: a directory has one writer.")  # fmt: skip
@maintenance_options
def command(
    pgdata: str, dbname: str | None, everything: bool, settings: tuple[str, ...],
    dry_run: bool, progress: bool, verbose: bool, log: Log, lock_timeout: float, jobs: int,
    **wishes: Any,
) -> int:  # fmt: skip
    """Vacuum tables of a data directory that no server has open.

    The exit status is 3 where a server has it open, 2 where damage was met, and 1 after any
    other error; other tables are worked on all the same.
    """
    from pgtool.commands.vacuumlist import Choice

    if jobs > 1:
        raise Unsupported(f"vacuum with {jobs} jobs: a directory has one writer at a time")
    return run(
        pgdata, dbname, everything, Choice(**wishes), settings, dry_run=dry_run,
        progress=progress, verbose=verbose, log=log, lock_timeout=lock_timeout,
    )  # fmt: skip


def run(
    pgdata: str, dbname: str | None, everything: bool, choice: Choice,
    settings: tuple[str, ...], *, dry_run: bool, progress: bool, verbose: bool, log: Log,
    lock_timeout: float,
) -> int:  # fmt: skip
    """Do it in each database; the exit status."""
    choice.check()
    options = setting_options(settings)
    cluster = opened(pgdata, lock_timeout)
    for warning in cluster.warnings:
        log.note(f"warning: {warning}")
    # Like autovacuum, into template0 too: its age holds everybody back.
    names = databases_of(cluster, dbname, everything, closed=not choice.analyze_only)
    if dry_run:
        return _dry_run(cluster, names, choice, options)
    verb = "analyzing" if choice.analyze_only else "vacuuming"
    status = 0
    with writing(cluster, lock_timeout):
        for stage in choice.stages:
            for name in names:
                what = f": {stage.text}" if stage.text else ""
                log.note(f'{verb} database "{name}"{what}')
                status = max(status, _database(
                    cluster.root, name, choice, stage.settings | options, log, progress, verbose
                ))  # fmt: skip
    return status


def _database(
    root: str, name: str, choice: Choice, options: dict[str, str], log: Log, progress: bool,
    verbose: bool,
) -> int:  # fmt: skip
    """One database; the exit status that what happened deserves."""
    from pgtool.commands.vacuumlist import run_task, tasks, update_ages

    status = 0
    with engine_on(root, name, options) as engine:
        todo = tasks(engine, choice)
        meter = Progress(progress, len(todo))
        for task in todo:
            meter.step(f"{name}.{task.name}")
            try:
                notices = run_task(engine, task, verbose)
            except PgtoolError as problem:
                status = max(status, _complain(log, name, task, problem, engine))
                continue
            for notice in notices:
                (log.warn if notice.severity == "WARNING" else log.note)(_text(notice))
                if notice.sqlstate == "0A000":
                    status = max(status, 1)
        if not choice.analyze_only:
            update_ages(engine)
        meter.finish()
    return status


def _complain(log: Log, database: str, task: Task, problem: PgtoolError, engine: Any) -> int:
    from pgtool.errors import Panic

    if isinstance(problem, Panic) or engine.session.database.cluster.instance.panicked:
        raise problem
    log.warn(f'error: table "{database}.{task.name}": {problem}')
    return FINDINGS if isinstance(problem, CorruptData) else 1


def _text(notice: Any) -> str:
    parts = [f"{notice.severity}:  {notice.message}"]
    parts += [f"{name}:  {words}" for name, words in (
        ("DETAIL", notice.detail), ("HINT", notice.hint)) if words]  # fmt: skip
    return "\n".join(parts)


def _dry_run(cluster: Any, names: list[str], choice: Choice, options: dict[str, str]) -> int:
    from pgtool.commands.vacuumlist import tasks
    from pgtool.functions.session import Session
    from pgtool.sql.engine import Engine

    for name in names:
        engine = Engine(Session.open(cluster, name, None, options), read_only=True)
        for task in tasks(engine, choice):
            reason = f" ({task.reason})" if task.reason else ""
            click.echo(f"{task.words} {name}.{task.name}{reason}")
    return 0


