"""A data directory as a whole: its major, its pg_control, and whether its files agree.

A directory is *at rest* when no server runs on it and the last one was shut down: then
every committed row is in the relation files. In any other state the newest truth is still
in the WAL (or in a server's memory) and the files are a mixture of times; reading them is
a user's explicit choice, and :class:`ClusterState` says why.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field

from construct import Container

from formats import control
from formats.control import DBState
from formats.errors import ClusterInUse, UserError
from formats.version import CATALOG_VERSION_NO, MAJORS
from pgtool.storage.backend import Backend, ReadOnly
from pgtool.storage.smgr import ForkNumber, RelationFile, RelFileLocator, relation_path

POSTMASTER_PID = "postmaster.pid"
BACKUP_LABEL = "backup_label"

#: What pg_control's state means in words, and whether the files are whole then.
_STATES = {
    DBState.DB_STARTUP: ("starting up", False),
    DBState.DB_SHUTDOWNED: ("shut down", True),
    DBState.DB_SHUTDOWNED_IN_RECOVERY: ("shut down in recovery", True),
    DBState.DB_SHUTDOWNING: ("crashed while shutting down", False),
    DBState.DB_IN_CRASH_RECOVERY: ("crashed in crash recovery", False),
    DBState.DB_IN_ARCHIVE_RECOVERY: ("crashed in archive recovery", False),
    DBState.DB_IN_PRODUCTION: ("crashed (in production when its server ended)", False),
}
#: No record of a checkpoint is longer, with a page's head in its midst.
_CHECKPOINT_SIZE = 256
#: What a reader may do about a cluster that is not at rest.
READ_ANYWAY = "; use --inconsistent to read it as it is"


@dataclass(frozen=True)
class ClusterState:
    """``name`` in words; ``reason`` is None where the files are whole, else why they are not."""

    name: str
    reason: str | None = None
    notes: tuple[str, ...] = ()
    live: bool = False


@dataclass
class DataDirectory:
    """An opened data directory: where bytes come from and what pg_control says."""

    backend: Backend
    major: int
    control: Container
    state: ClusterState
    warnings: list[str] = field(default_factory=list)
    #: Off where pages are to be read although their checksum is wrong.
    verify: bool = True

    @property
    def checksums(self) -> bool:
        """Whether pages carry checksums that are to be verified."""
        return self.verify and bool(self.control.data_checksum_version)

    @property
    def catalog_version(self) -> int:
        """The catalog version that names tablespace directories."""
        return CATALOG_VERSION_NO[self.major]

    def file(
        self,
        where: RelFileLocator,
        fork: ForkNumber = ForkNumber.MAIN,
        expected: int | None = None,
    ) -> RelationFile:
        """A relation's fork."""
        path = relation_path(where, self.major, fork)
        return RelationFile(self.backend, path, self.control.relseg_size, expected)


def open_directory(root: str, *, inconsistent: bool = False) -> DataDirectory:
    """Open a data directory for reading; UserError where its state forbids that.

    With ``inconsistent`` a live, crashed or half-restored cluster is opened all the same,
    and the reason becomes a warning.
    """
    backend = ReadOnly(root)
    major, found = read_control(backend)
    refuse_incremental(backend)
    state = examine(backend, found)
    out = DataDirectory(backend, major, found, state)
    if state.reason is not None:
        if not inconsistent:
            raise (ClusterInUse if state.live else UserError)(
                f"the cluster is not at rest: {state.reason}{READ_ANYWAY}"
            )
        out.warnings.append(f"reading an inconsistent cluster: {state.reason}")
    out.warnings += state.notes
    return out


def refuse_incremental(backend: Backend) -> None:
    """UserError for an incremental backup, most of whose files are not those of a cluster."""
    if not backend.exists(BACKUP_LABEL):
        return
    from formats.backup import parse_label

    if parse_label(backend.read(BACKUP_LABEL)).incremental_from is not None:
        raise UserError(
            "this is an incremental backup, not a data directory; use pg_combinebackup to "
            "reconstruct one"
        )


def read_control(backend: Backend) -> tuple[int, Container]:
    """(major, pg_control) of a directory that PG_VERSION and pg_control call one of that major.

    What is no data directory, or none that can be told, is the user's mistake; bytes of a
    whole pg_control that contradict each other are damage.
    """
    stated = _stated_version(backend)
    if stated not in map(str, MAJORS):
        raise UserError(
            f'PG_VERSION of "{backend.root}" says "{stated}"; '
            f"what can be read is {MAJORS[0]} to {MAJORS[-1]}"
        )
    path = control.CONTROL_FILE
    try:
        data = backend.read(path)
    except FileNotFoundError:
        raise UserError(f'"{backend.root}" is not a data directory (no {path})') from None
    if len(data) < control.LEAST_SIZE:
        raise UserError(f'could not read file "{path}": read {len(data)} of {control.LEAST_SIZE}')
    major, found = control.parse(data)
    if stated != str(major):
        raise UserError(
            f'PG_VERSION says "{stated}", but pg_control belongs to PostgreSQL {major}: '
            f'"{backend.root}" is no data directory of either'
        )
    return major, found


def _stated_version(backend: Backend) -> str:
    """The first line of PG_VERSION, made harmless to print."""
    try:
        text = backend.read("PG_VERSION", 0, 64)
    except FileNotFoundError:
        raise UserError(f'"{backend.root}" is not a data directory (no PG_VERSION)') from None
    line = text.decode("ascii", "replace").strip().partition("\n")[0]
    return "".join(c if " " <= c <= "~" else "?" for c in line[:20])


def examine(backend: Backend, found: Container) -> ClusterState:
    """What state the files of a cluster are in."""
    name, whole = _STATES.get(found.state, (f"in unknown state {found.state}", False))
    server = live_postmaster(backend)
    if server is not None:
        return ClusterState(
            "live", f"a postmaster is running on it (PID {server})", (), live=True
        )
    if backend.exists(BACKUP_LABEL):
        return ClusterState(
            "base backup", "it is a base backup that was never recovered (backup_label is there)"
        )
    if not whole:
        return ClusterState(name, f"its state is: {name}; changes in its WAL were not replayed")
    if _replayed_on(found):
        return ClusterState(
            name, "it was shut down in recovery; what pg_control says is older than its files"
        )
    notes = [
        f"{signal} is there: the cluster would go on recovering when started"
        for signal in ("standby.signal", "recovery.signal")
        if backend.exists(signal) and found.state == DBState.DB_SHUTDOWNED
    ]
    return ClusterState(name, None, tuple(notes))


def _replayed_on(found: Container) -> bool:
    """Whether a cluster in recovery replayed more than the shutdown checkpoint it stands at."""
    return found.state == DBState.DB_SHUTDOWNED_IN_RECOVERY and (
        found.checkPointCopy.redo != found.checkPoint
        or found.minRecoveryPoint > found.checkPoint + _CHECKPOINT_SIZE
    )


def live_postmaster(backend: Backend) -> int | None:
    """The PID of the server that seems to run on this directory, or None.

    The process named in postmaster.pid must exist and, where that can be seen, must have
    this very directory as its working directory, as every server has; or it is one of
    pgtool's, which keeps the file locked.
    """
    try:
        raw = backend.read(POSTMASTER_PID, 0, 4096)
    except FileNotFoundError:
        return None
    try:
        number = int(raw.split(b"\n", 1)[0])
    except ValueError:
        return None
    pid = abs(number)
    if number < 0 and pid != os.getpid() and _locked(os.path.join(backend.root, POSTMASTER_PID)):
        return pid
    if pid <= 1 or pid == os.getpid() or pid > 1 << 30:
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    try:
        where = os.stat(f"/proc/{pid}/cwd")
    except OSError:
        return pid
    ours = os.stat(backend.root)
    return pid if (where.st_dev, where.st_ino) == (ours.st_dev, ours.st_ino) else None


def _locked(path: str) -> bool:
    """Whether another process holds a lock on a file."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
