"""Crash recovery of a real directory, and what a dry run finds out.

The caller holds the directory's lock file. Everything that may refuse is done before the
first byte is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from formats.units import Lsn
from formats.wal.record import DecodedRecord
from pgtool.storage.backend import Directory, ReadOnly
from pgtool.storage.overlay import Overlay
from pgtool.storage.redopool import DEFAULT_PAGES
from pgtool.transam.recovery import finish
from pgtool.transam.recovery.driver import Progress, Recovery
from pgtool.transam.recovery.promotion import tidy_up
from pgtool.transam.recovery.start import SIGNALS, Start, check_moment, find_start
from pgtool.transam.recovery.targets import Target, ended_xid, parse_end_of, restore_point

SHUTDOWN, PROMOTE = "shutdown", "promote"


def _silent(_progress: Progress) -> None:
    pass


@dataclass(frozen=True)
class Request:
    """What recovery is to do. ``action`` None: what fits the directory."""

    target: Target = field(default_factory=Target)
    archives: Sequence[str] = ()
    timeline: str | None = None
    action: str | None = None
    pages: int = DEFAULT_PAGES
    jobs: int = 1

    @property
    def asked(self) -> bool:
        """Whether archive recovery is asked for."""
        return self.target.wanted or bool(self.archives) or self.timeline is not None


@dataclass
class Outcome:
    """What was done. ``action`` is how it ended, None where nothing was needed."""

    start: Start
    run: Recovery | None
    action: str | None
    tli: int


def choose_action(request: Request, start: Start) -> str:
    """How recovery ends, where it was not said."""
    if request.action is not None:
        return request.action
    return PROMOTE if request.asked else SHUTDOWN


def recover(
    backend: Directory, request: Request, report: Callable[[Progress], None] = _silent,
    starting: Callable[[Start], None] = lambda _start: None,
) -> Outcome:  # fmt: skip
    """Bring a directory to a clean shutdown (or promote it); its lock is held by the caller."""
    requested = request.asked or request.action == PROMOTE
    start = find_start(
        backend, archives=request.archives, target_timeline=request.timeline,
        requested=requested,
    )  # fmt: skip
    if start.promoted:
        tidy_up(backend, SIGNALS)
    if not start.needed:
        return Outcome(start, None, None, start.tli)
    check_moment(start, request.target)
    starting(start)
    action = choose_action(request, start)
    run = Recovery(
        backend, start, request.target, pages=request.pages, report=report, jobs=request.jobs
    )
    run.begin()
    run.replay()
    finish.check_end(run)
    finish.settle(run)
    finish.write_out(run)
    if action == SHUTDOWN and start.requested:
        finish.finish_paused(run)
        return Outcome(start, run, action, run.end_tli)
    tli = finish.finish_directory(run, promote=action == PROMOTE)
    return Outcome(start, run, action, tli)


def recover_if_crashed(backend: Directory, request: Request | None = None) -> Outcome:
    """What a server does before it opens a directory that was not shut down."""
    return recover(backend, request or Request())


@dataclass
class Rehearsal:
    """What a dry run saw: transactions that ended, restore points, how far it would get."""

    start: Start
    run: Recovery
    #: Whether there was anything to recover, before this run did.
    needed: bool
    commits: int = 0
    aborts: int = 0
    first_commit: tuple[Lsn, int, int] | None = None
    last_commit: tuple[Lsn, int, int] | None = None
    points: list[tuple[str, Lsn]] = field(default_factory=list)
    #: The first thing that would fail.
    failure: Exception | None = None


def rehearse(
    root: str, request: Request, report: Callable[[Progress], None] = _silent
) -> Rehearsal:
    """Recovery over an overlay, to its end or to the first failure; nothing is written."""
    overlay = Overlay(ReadOnly(root))
    start = find_start(
        overlay, archives=request.archives, target_timeline=request.timeline,
        requested=request.asked or request.action == PROMOTE,
    )  # fmt: skip
    if start.needed:
        check_moment(start, request.target)
    run = Recovery(overlay, start, request.target, report=report, durable=False)
    out = Rehearsal(start, run, start.needed)
    if not out.needed:
        run.end = run.last = start.record.end
        run.why_ended = "the cluster was shut down cleanly"
        return out

    def see(rec: DecodedRecord) -> None:
        name = restore_point(rec)
        if name is not None:
            out.points.append((name, rec.lsn))
        ended = parse_end_of(rec)
        if ended is None:
            return
        if ended.aborted:
            out.aborts += 1
            return
        out.commits += 1
        xid = ended_xid(rec) or 0
        out.last_commit = (rec.lsn, xid, ended.time)
        out.first_commit = out.first_commit or out.last_commit

    run.watch_transactions(see)
    try:
        run.begin()
        run.replay()
        finish.check_end(run)
        finish.settle(run)
    except Exception as error:  # whatever it is, it is what the user asked for
        out.failure = error
    return out
