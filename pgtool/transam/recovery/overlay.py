"""Opening any directory for reading: one that is not whole is recovered over an overlay.

What is at rest is read as it is. A crashed cluster or a backup is replayed, from its
checkpoint to the end of its WAL or to the moment asked for, into an
:class:`pgtool.storage.overlay.Overlay`; not a byte of it changes.

A backup can be seen as of any moment after it ended, as by a server's point-in-time
recovery. The files of a crashed cluster may be ahead of any moment before its end, so it is
seen as of its end only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

from formats.control import DBState
from pgtool.errors import PgtoolError, UserError
from pgtool.storage.backend import ReadOnly
from pgtool.storage.datadir import ClusterState, DataDirectory, examine, open_directory
from pgtool.storage.overlay import SPILL_BYTES, Overlay
from pgtool.transam.recovery import finish
from pgtool.transam.recovery.driver import Progress, Recovery
from pgtool.transam.recovery.start import check_moment, find_start, read_control
from pgtool.transam.recovery.targets import Target


def _silent(_progress: Progress) -> None:
    pass


@dataclass(frozen=True)
class Wish:
    """How directories are to be opened: as of when, with WAL from where."""

    target: Target = field(default_factory=Target)
    archives: Sequence[str] = ()
    timeline: str | None = None
    spill_bytes: int = SPILL_BYTES
    report: Callable[[Progress], None] = _silent


_wish: ContextVar[Wish | None] = ContextVar("recovery_wish", default=None)


@contextlib.contextmanager
def wishing(wish: Wish) -> Iterator[None]:
    """Directories opened meanwhile are opened so."""
    token = _wish.set(wish)
    try:
        yield
    finally:
        _wish.reset(token)


def current_wish() -> Wish:
    """How directories are to be opened now."""
    return _wish.get() or Wish()


def open_recovered(root: str, *, inconsistent: bool = False) -> DataDirectory:
    """Open a data directory for reading, whatever state it is in.

    With ``inconsistent`` its files are read as they lie.
    """
    wish = current_wish()
    if inconsistent:
        if wish.target.wanted:
            raise UserError("--inconsistent and a moment to read as of exclude each other")
        return open_directory(root, inconsistent=True)
    state = _state(root)
    if state is None or state.live or (state.reason is None and not wish.target.wanted):
        return open_directory(root)
    try:
        return _recovered(root, state, wish)
    except PgtoolError as error:
        error.args = (f"{error.args[0]} (the cluster is not at rest: {state.reason}; "
                      "--inconsistent reads its files as they are)", *error.args[1:])  # fmt: skip
        if hasattr(error, "message"):
            error.message = error.args[0]
        raise


def _state(root: str) -> ClusterState | None:
    """What state the directory is in; None where that cannot be told."""
    try:
        backend = ReadOnly(root)
        return examine(backend, read_control(backend)[1])
    except PgtoolError:
        return None


def _recovered(root: str, state: ClusterState, wish: Wish) -> DataDirectory:
    base = ReadOnly(root)
    overlay = Overlay(base, wish.spill_bytes)
    requested = wish.target.wanted or bool(wish.archives) or wish.timeline is not None
    start = find_start(
        overlay, archives=wish.archives, target_timeline=wish.timeline, requested=requested
    )
    check_moment(start, wish.target.wanted)
    run = recover_overlay(
        overlay, Recovery(overlay, start, wish.target, report=wish.report, durable=False)
    )
    directory = DataDirectory(
        overlay, run.major, run.control, ClusterState("recovered", None), []
    )
    where = f"of {run.target} " if run.target.wanted else ""
    directory.warnings.append(
        f"the cluster is not at rest ({state.name}): it is read as recovery would leave it as "
        f"{where or 'of the end of its WAL '}({run.progress.records} records replayed from "
        f"{start.redo} to {run.end}, into memory only)"
    )
    behind = finish.wal_behind(run)
    if behind is not None:
        directory.warnings.append(
            f"WAL cannot be read at {run.end} ({run.why_ended}); what segment {behind} behind it "
            "tells is not seen"
        )
    return directory


def recover_overlay(overlay: Overlay, run: Recovery) -> Recovery:
    """Run recovery into an overlay."""
    run.begin()
    run.replay()
    finish.check_end(run, lost_wal_is_an_error=False)
    finish.settle(run)
    finish.write_out(run)
    finish.finish_overlay(run)
    assert run.control.state == DBState.DB_SHUTDOWNED
    return run
