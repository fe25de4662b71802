"""``pgtool recover``: crash recovery and point-in-time recovery without a server."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import click

from formats.errors import UserError
from pgtool.cli.options import pgdata_option
from pgtool.cli.recovery_options import ProgressLine, make_target

if TYPE_CHECKING:
    from pgtool.transam.recovery.run import Outcome, Rehearsal, Request
    from pgtool.transam.recovery.start import Start

FINDINGS = 2


@click.command(short_help="Recover a crashed directory or a backup, as a server's start would.")
@pgdata_option()
@click.option("-n", "--dry-run", is_flag=True,
              help="Say what would be done, and what would fail; write nothing.")
@click.option("--target-lsn", metavar="LSN", help="Stop at this WAL position.")
@click.option("--target-time", metavar="TIME", help="Stop at this moment.")
@click.option("--target-xid", metavar="XID", help="Stop where this transaction ends.")
@click.option("--target-name", metavar="NAME", help="Stop at this restore point.")
@click.option("--target", "immediate", type=click.Choice(["immediate"]),
              help="Stop as soon as the cluster is consistent.")
@click.option("--inclusive/--exclusive", default=True, show_default=True,
              help="Stop after the target, or before it.")
@click.option("--target-timeline", metavar="TLI",
              help="Follow this timeline: a number, current, or latest (the default).")
@click.option("--wal", "wal_dirs", multiple=True, metavar="DIR",
              help="Look for WAL in this archive first; .gz, .lz4, .zst and .partial files "
              "count. Repeatable.")
@click.option("--action", type=click.Choice(["shutdown", "promote"]),
              help="End shut down, or on a new timeline (the default with a target or an "
              "archive).")
@click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", default=1,
              show_default=True,
              help="Write pages and sync files with N processes; replay itself is one.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def command(
    pgdata: str, dry_run: bool, target_lsn: str | None, target_time: str | None,
    target_xid: str | None, target_name: str | None, immediate: str | None, inclusive: bool,
    target_timeline: str | None, wal_dirs: tuple[str, ...], action: str | None, jobs: int,
    quiet: bool,
) -> int:  # fmt: skip
    """Replay the write-ahead log and leave the directory cleanly shut down.

    What the server would do when it starts: from the last checkpoint (or the one that
    backup_label names) to the end of the WAL, or to a target. Killed at any point it can
    be run again, or the server started instead, with the same result.
    """
    from pgtool.transam.recovery.run import Request

    if target_timeline is not None and not (
        target_timeline in ("current", "latest") or target_timeline.isdigit()
    ):
        raise UserError(f'invalid timeline "{target_timeline}"')
    target = make_target(
        lsn=target_lsn, moment=target_time, xid=target_xid, name=target_name,
        immediate=immediate is not None, inclusive=inclusive,
    )  # fmt: skip
    request = Request(target, wal_dirs, target_timeline, action, jobs=jobs)
    if dry_run:
        return _rehearse(pgdata, request, quiet)
    return _recover(pgdata, request, quiet)


def _say(quiet: bool, text: str) -> None:
    if not quiet:
        click.echo(f"pgtool: {text}", err=True)


def _recover(pgdata: str, request: Request, quiet: bool) -> int:
    from pgtool.storage.backend import Directory
    from pgtool.storage.lockfile import LockFile
    from pgtool.transam.recovery.run import recover

    backend = Directory(pgdata)
    line = ProgressLine(quiet)

    def starting(start: Start) -> None:
        _say(quiet, f"redo starts at {start.redo}")

    with _stoppable(), LockFile(backend):
        outcome = recover(backend, request, line, starting)
    line.end()
    _tell(outcome, quiet)
    return 0


def _tell(outcome: Outcome, quiet: bool) -> None:
    run = outcome.run
    if run is None:
        _say(quiet, "the cluster was shut down cleanly: there is nothing to recover")
        return
    rate = run.progress.records / max(run.progress.seconds, 0.001)
    _say(quiet, f"redo done at {run.last}: {run.progress.records} records, {rate:,.0f}/s")
    if run.why_ended:
        _say(quiet, run.why_ended)
    if run.state.prepared:
        xids = ", ".join(str(xid) for xid in sorted(run.state.prepared))
        _say(quiet, f"prepared transactions are pending: {xids}")
    how = {"promote": f"promoted to timeline {outcome.tli}"}.get(
        outcome.action or "", "shut down"
    )
    _say(quiet, f"the cluster is {how}")


class _stoppable:
    """SIGTERM ends the run as an interrupt does, so that the lock file goes."""

    def __enter__(self) -> None:
        def terminate(number: int, _frame: Any) -> None:
            raise SystemExit(128 + number)

        self.before = signal.signal(signal.SIGTERM, terminate)

    def __exit__(self, *_exc: object) -> None:
        signal.signal(signal.SIGTERM, self.before)


def _rehearse(pgdata: str, request: Request, quiet: bool) -> int:
    from pgtool.transam.recovery.run import rehearse

    line = ProgressLine(quiet)
    seen = rehearse(pgdata, request, line)
    line.end()
    for text in _report(seen, request):
        click.echo(text)
    return FINDINGS if seen.failure is not None else 0


def _report(seen: Rehearsal, request: Request) -> list[str]:
    from pgtool.transam.recovery.run import choose_action
    from pgtool.wal.desc.text import timestamptz

    start, run = seen.start, seen.run
    named = "backup_label" if start.label is not None else "pg_control"
    out = [
        f"starting checkpoint:  {start.checkpoint_lsn} (named by {named}), timeline "
        f"{start.checkpoint.ThisTimeLineID}",
        f"redo:                 {start.redo} to {run.end}, {run.progress.records} records",
        f"follows timeline:     {start.tli}",
        f"ends because:         {run.why_ended or 'of an error'}",
    ]
    if start.archive:
        where = run.consistent_at
        out.append(f"consistent from:      {where if where is not None else 'never'}")
    out.append(f"transactions:         {seen.commits} commits, {seen.aborts} aborts")
    for label, commit in (("first commit", seen.first_commit), ("last commit", seen.last_commit)):
        if commit is not None:
            lsn, xid, when = commit
            out.append(f"{label + ':':21} {timestamptz(when)} (transaction {xid}, at {lsn})")
    out += [f"restore point:        \"{name}\" at {lsn}" for name, lsn in seen.points]
    if run.state.prepared:
        xids = ", ".join(str(xid) for xid in sorted(run.state.prepared))
        out.append(f"prepared, pending:    {xids}")
    if seen.failure is not None:
        out.append(f"would fail:           {seen.failure}")
    elif start.needed:
        out.append(f"would end:            {choose_action(request, start)}")
    else:
        out.append("would end:            at once: the cluster was shut down cleanly")
    return out
