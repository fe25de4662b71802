"""A directory that is not whole, recovered in memory: redo over an overlay.

A crashed cluster or a backup is replayed, from its checkpoint to the end of its WAL or to the
moment asked for, into an :class:`pgtool.storage.overlay.Overlay`; not a byte of it changes.
:mod:`.opening` decides when that is needed.

A backup can be seen as of any moment after it ended, as by a server's point-in-time
recovery. The files of a crashed cluster may be ahead of any moment before its end, so it is
seen as of its end only. One that was shut down in recovery is seen where it stood then,
though there may be more WAL.
"""

from __future__ import annotations

from formats.control import DBState
from pgtool.storage.backend import ReadOnly
from pgtool.storage.datadir import ClusterState, DataDirectory, read_control
from pgtool.storage.overlay import Overlay
from pgtool.transam.recovery import finish
from pgtool.transam.recovery.driver import Recovery
from pgtool.transam.recovery.opening import Wish
from pgtool.transam.recovery.start import check_moment, find_start
from pgtool.transam.recovery.targets import Kind, Target


def recovered(root: str, state: ClusterState, wish: Wish) -> DataDirectory:
    """The directory as recovery would leave it, for reading."""
    base = ReadOnly(root)
    overlay = Overlay(base, wish.spill_bytes)
    requested = wish.target.wanted or bool(wish.archives) or wish.timeline is not None
    target, timeline = wish.target, wish.timeline
    _major, found = read_control(base)
    if found.state == DBState.DB_SHUTDOWNED_IN_RECOVERY and not requested:
        target, timeline = Target(Kind.REST, found.minRecoveryPoint), found.minRecoveryPointTLI
    start = find_start(
        overlay, archives=wish.archives, target_timeline=timeline, requested=requested
    )
    check_moment(start, target)
    run = recover_overlay(
        overlay, Recovery(overlay, start, target, report=wish.report, durable=False)
    )
    directory = _opened(run)
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


def recovered_directory(run: Recovery) -> DataDirectory:
    """What a rehearsal that went well has in memory, for reading."""
    finish.write_out(run)
    finish.finish_overlay(run)
    return _opened(run)


def _opened(run: Recovery) -> DataDirectory:
    return DataDirectory(run.backend, run.major, run.control, ClusterState("recovered", None), [])
