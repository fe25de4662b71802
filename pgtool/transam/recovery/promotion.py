"""A new timeline at the end of recovery, and a promotion that was cut short.

The new timeline's segment comes first, whole, then its history file, then pg_control tells of
it. Who is killed between the last two and asked again for the same moment must not follow the
new timeline: there recovery ends where it ended before, and a target that lies behind that
point is never reached. So a file in pg_wal, which servers take no notice of, marks the
timeline as begun; it goes once pg_control has told. Where it is left over behind that, all
that is missing is the tidying up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from construct import Container

from formats import timeline
from formats.control import DBState
from formats.timeline import Branch
from formats.wal.page import SIZE_OF_LONG_PHD
from pgtool.storage.backend import Backend, WritableBackend
from pgtool.wal.archive import newest_timeline
from pgtool.wal.writer import XLOG_DIRECTORY, install

if TYPE_CHECKING:
    from pgtool.transam.recovery.driver import Recovery

PREFIX = "promoting."


def _marker(tli: int) -> str:
    return f"{XLOG_DIRECTORY}/{PREFIX}{tli:08X}"


def latest_timeline(backend: Backend, directories: list[str], start: int) -> int:
    """The newest timeline to follow: not one that a promotion of this directory only began."""
    tli = newest_timeline(directories, start)
    while tli > start and backend.exists(_marker(tli)):
        tli -= 1
    return tli


def is_done(backend: Backend, control: Container, branches: list[Branch]) -> bool:
    """Whether the promotion that was asked for is complete, but for its tidying up."""
    if not branches or control.state != DBState.DB_SHUTDOWNED:
        return False
    behind = control.checkPoint - branches[-1].switchpoint
    marked = backend.exists(_marker(control.checkPointCopy.ThisTimeLineID))
    return marked and 0 <= behind <= SIZE_OF_LONG_PHD


def new_timeline(run: Recovery) -> int:
    """Choose the next timeline and mark it as begun."""
    source = run.start.source
    tli = newest_timeline(source.directories, source.tli) + 1
    run.backend.create(_marker(tli))
    run.backend.sync(XLOG_DIRECTORY)
    return tli


def write_history(run: Recovery, tli: int) -> None:
    """The new timeline's history file: from now on it is one that can be followed."""
    branches = [branch for branch in run.start.branches if branch.tli < run.end_tli]
    reason = run.why_ended if run.reached_target else "no recovery target specified"
    branches.append(Branch(run.end_tli, run.end, reason.replace("\n", " ")))
    install(run.backend, timeline.file_name(tli), timeline.make(branches).render())


def tidy_up(backend: WritableBackend, signals: tuple[str, ...]) -> None:
    """Recovery is over: no signal file asks for it any more, and no timeline is half made."""
    for name in signals:
        if backend.exists(name):
            backend.unlink(name)
    backend.sync("")
    for name in backend.list(XLOG_DIRECTORY):
        if name.startswith(PREFIX):
            backend.unlink(f"{XLOG_DIRECTORY}/{name}")
