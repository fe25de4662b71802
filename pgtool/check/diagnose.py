"""Why a data directory will not start: everything a start needs, looked at without writing.

Each check yields :class:`pgtool.check.findings.Finding`. :func:`diagnose` runs them in the
order in which a server would meet the trouble, with a rehearsal of recovery over an overlay
near the end and a look at the catalogs as it leaves them, and names the safest next command.
That is never one that throws WAL away: before anything is mended, a copy comes first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from construct import Container

from formats import control as control_file
from formats.control import DBState
from formats.units import Lsn
from formats.version import CATALOG_VERSION_NO
from formats.wal.page import is_segment_name, parse_segment_name, segment_name
from pgtool.catalog.cluster import Cluster
from pgtool.check import contents
from pgtool.check.backups import BACKUP_MANIFEST, manifest_differences
from pgtool.check.files import closed, permissions, places, some, tablespaces
from pgtool.check.findings import Finding, Level, Report
from pgtool.errors import CorruptData, PgtoolError, UserError
from pgtool.storage.backend import ReadOnly
from pgtool.storage.datadir import POSTMASTER_PID, live_postmaster, refuse_incremental
from pgtool.transam.recovery.overlay import recovered_directory
from pgtool.transam.recovery.run import Rehearsal, Request, rehearse
from pgtool.transam.recovery.start import SIGNALS

LEAST_SEGMENTS = 3
_PID = re.compile(rb"\s*-?\d+")
COPY = "copy the whole directory first"


def diagnose(root: str, archives: tuple[str, ...] = ()) -> Report:
    """Look at everything; the directory is not changed."""
    report = Report()
    backend = ReadOnly(root)
    if os.path.isdir(root):
        os.scandir(root).close()  # what may not be looked into is not taken for empty
    if not backend.exists("PG_VERSION") and not backend.exists("global"):
        raise UserError(f'"{root}" is not a data directory (no PG_VERSION)')
    report.findings += _identity(backend)
    server = live_postmaster(backend)
    report.findings += _lock(backend, server)
    if server is not None:
        report.verdict = "a server is running on this directory"
        report.advice = "connect to it, or read its log; nothing is to be done to its files"
        return report
    hidden = list(closed(root))
    report.findings += [*places(root), *permissions(root), *hidden]
    if hidden:
        report.verdict = "not all of the directory can be looked at by the user who asks"
        report.advice = "run pgtool diagnose as a user who may read all of it, as its owner"
        return report
    known = _control(backend, report)
    if known is None:
        report.verdict = "the control file cannot be used"
        report.advice = (
            f"{COPY}; then look for pg_control in a backup of the same "
            "cluster (its system identifier stands in every WAL segment: pgtool waldump)"
        )
        return report
    major, found = known
    if _stated(backend) != str(major):
        report.verdict = f"PG_VERSION is not what a cluster of PostgreSQL {major} has"
        report.advice = (
            f"{COPY}; if the files are all of one cluster and were not mixed with another's, put "
            f"back PG_VERSION from a backup, or one that holds the line {major}; then run pgtool "
            "diagnose again"
        )
        return report
    if (incremental := _incremental(backend)) is not None:
        report.findings.append(Finding(Level.BLOCKS, incremental, "backup_label"))
        report.verdict = "it is an incremental backup: the files of a cluster are not all in it"
        report.advice = (
            "let pg_combinebackup make a data directory of it and of the backups that it builds "
            "on, in a new place; then run pgtool diagnose on that"
        )
        return report
    report.findings += [
        *_recovery_files(backend, found), *_space(root, found), *_gaps(root, found),
        *contents.statuses(backend, found, major), *contents.prepared(backend, major),
        *contents.slots(backend), *contents.settings(backend),
    ]
    seen = _rehearse(root, archives, report)
    report.findings += _catalogs(root, backend, seen)
    _conclude(seen, found.state, archives, report)
    return report


# -- what the directory is ------------------------------------------------------------------


def _stated(backend: ReadOnly) -> str | None:
    """What PG_VERSION says; None where it is missing."""
    try:
        return backend.read("PG_VERSION", 0, 64).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None


def _identity(backend: ReadOnly) -> Iterator[Finding]:
    text = _stated(backend)
    if text is None:
        yield Finding(Level.BLOCKS, "PG_VERSION is missing: a server takes this for no data "
                      "directory", "PG_VERSION")  # fmt: skip
        return
    if not text.isdigit() or int(text) not in CATALOG_VERSION_NO:
        yield Finding(Level.BLOCKS, f'PG_VERSION says "{text[:20]}", which is not known',
                      "PG_VERSION")  # fmt: skip
        return
    yield Finding(Level.FACT, f"a data directory of PostgreSQL {text}: only a server of that "
                  "major can start on it", "PG_VERSION")  # fmt: skip


def _lock(backend: ReadOnly, server: int | None) -> Iterator[Finding]:
    if server is not None:
        yield Finding(Level.BLOCKS, f"a server is running here (PID {server})", POSTMASTER_PID)
    elif backend.exists(POSTMASTER_PID) and not _PID.match(backend.read(POSTMASTER_PID, 0, 32)):
        yield Finding(Level.BLOCKS, "postmaster.pid holds no process number: a server refuses to "
                      "start until the file is removed; make sure that none is just starting",
                      POSTMASTER_PID)  # fmt: skip
    elif (pid := _reused(backend)) is not None:
        yield Finding(Level.BLOCKS, f"postmaster.pid names process {pid}, which is alive and of "
                      "the same user, but no server of this directory: a server refuses to start "
                      "until the file is removed; make sure of what that process is first",
                      POSTMASTER_PID)  # fmt: skip
    elif backend.exists(POSTMASTER_PID):
        yield Finding(Level.WARNING, "postmaster.pid was left behind by a process that is gone; "
                      "a server removes it itself", POSTMASTER_PID)  # fmt: skip


def _reused(backend: ReadOnly) -> int | None:
    """The process that has the number in postmaster.pid now, if a server would mind it."""
    try:
        pid = int(backend.read(POSTMASTER_PID, 0, 32).split(b"\n")[0])
        if pid <= 0 or os.stat(f"/proc/{pid}").st_uid != os.stat(backend.root).st_uid:
            return None
    except (OSError, ValueError):
        return None
    return pid


# -- pg_control and WAL -----------------------------------------------------------------------


def _control(backend: ReadOnly, report: Report) -> tuple[int, Container] | None:
    try:
        major, found = control_file.parse(backend.read(control_file.CONTROL_FILE))
    except FileNotFoundError:
        report.findings.append(
            Finding(Level.BLOCKS, "pg_control is missing", control_file.CONTROL_FILE)
        )
        return None
    except PgtoolError as error:
        report.findings.append(Finding(Level.BLOCKS, str(error), control_file.CONTROL_FILE))
        return None
    state = found.state.name if isinstance(found.state, DBState) else str(found.state)
    report.findings.append(
        Finding(Level.FACT, f"pg_control is sound: state {state}, last checkpoint "
                f"{found.checkPoint} (redo from {found.checkPointCopy.redo}), timeline "
                f"{found.checkPointCopy.ThisTimeLineID}, page checksums "
                f"{'on' if found.data_checksum_version else 'off'}", control_file.CONTROL_FILE)
    )  # fmt: skip
    stated = _stated(backend)
    if stated and stated != str(major):
        report.findings.append(
            Finding(Level.BLOCKS, f"pg_control belongs to PostgreSQL {major}, PG_VERSION says "
                    f"{stated[:20]}", "PG_VERSION")
        )  # fmt: skip
    return major, found


def _recovery_files(backend: ReadOnly, found: Container) -> Iterator[Finding]:
    if _label_lost(backend, found):
        yield Finding(Level.BLOCKS, "backup_manifest tells that this is a base backup, but its "
                      "backup_label is gone: a server would start from the wrong checkpoint, and "
                      "the cluster would be silently corrupt", BACKUP_MANIFEST)  # fmt: skip
    if backend.exists("backup_label"):
        yield Finding(Level.WARNING, "it is a base backup that was never recovered; removing "
                      "backup_label would make it silently corrupt", "backup_label")  # fmt: skip
    for bad in manifest_differences(backend) if backend.exists("backup_label") else ():
        yield Finding(Level.BLOCKS, f"the backup is not what its manifest says: {bad}",
                      BACKUP_MANIFEST)  # fmt: skip
    for name in SIGNALS:
        if backend.exists(name):
            yield Finding(Level.WARNING, f"{name} is there: the server would go on recovering "
                          "and wait for more WAL", name)  # fmt: skip


def _space(root: str, found: Container) -> Iterator[Finding]:
    for name in ("", "pg_wal"):
        full = os.path.join(root, name)
        try:
            status = os.statvfs(full)
        except OSError:
            continue
        free = status.f_bavail * status.f_frsize
        needed = LEAST_SEGMENTS * int(found.xlog_seg_size)
        if free < needed:
            yield Finding(Level.BLOCKS, f"only {free >> 20} MB are free; a start needs room for "
                          f"WAL segments of {found.xlog_seg_size >> 20} MB", full)  # fmt: skip
        if not status.f_favail and status.f_files:
            yield Finding(Level.BLOCKS, "the file system has no inodes left", full)


def _gaps(root: str, found: Container) -> Iterator[Finding]:
    """Segments of the checkpoint's timeline that lie between others and are missing."""
    size, tli = int(found.xlog_seg_size), int(found.checkPointCopy.ThisTimeLineID)
    try:
        names = os.listdir(os.path.join(root, "pg_wal"))
    except OSError:
        return
    numbers = sorted(
        number for name in names if is_segment_name(name)
        for owner, number in (parse_segment_name(name, size),) if owner == tli
    )  # fmt: skip
    if not numbers:
        yield Finding(Level.BLOCKS, f"pg_wal holds no segment of timeline {tli}", "pg_wal")
        return
    first, last = (segment_name(tli, number, size) for number in (numbers[0], numbers[-1]))
    yield Finding(Level.FACT, f"pg_wal holds {len(numbers)} segments of timeline {tli}, "
                  f"{first} to {last}", "pg_wal")  # fmt: skip
    present = set(numbers)
    start = int(found.checkPointCopy.redo) // size
    missing = [n for n in range(start, numbers[-1]) if n not in present]
    if missing:
        names = [segment_name(tli, number, size) for number in missing]
        yield Finding(Level.BLOCKS, f"{len(missing)} segments are missing that replay needs",
                      some(names))  # fmt: skip


def _incremental(backend: ReadOnly) -> str | None:
    """What is said of an incremental backup; None where it is none, or its label is damaged."""
    try:
        refuse_incremental(backend)
    except UserError as error:
        return str(error)
    except PgtoolError:
        pass
    return None


def _label_lost(backend: ReadOnly, found: Container) -> bool:
    """A backup's pg_control was copied from a running server; a start would rename the label."""
    return (
        backend.exists(BACKUP_MANIFEST)
        and not any(backend.exists(f"backup_label{end}") for end in ("", ".old"))
        and found.state == DBState.DB_IN_PRODUCTION
        and not backend.exists(POSTMASTER_PID)
    )


# -- recovery, rehearsed ------------------------------------------------------------------------


def _rehearse(root: str, archives: tuple[str, ...], report: Report) -> Rehearsal | None:
    """Recovery in memory; None where it could not even begin."""
    try:
        seen = rehearse(root, Request(archives=archives))
    except PgtoolError as error:
        report.findings.append(Finding(Level.BLOCKS, str(error), _place(error)))
        return None
    run = seen.run
    if seen.needed:
        report.findings.append(
            Finding(Level.FACT, f"recovery would replay {run.progress.records} records from "
                    f"{seen.start.redo} to {run.end}: {seen.commits} commits, {seen.aborts} "
                    "aborts", run.why_ended)
        )  # fmt: skip
    if seen.failure is not None:
        text = f"replay fails: {seen.failure}"
        report.findings.append(Finding(Level.BLOCKS, text, _place(seen.failure)))
    return seen


def _catalogs(root: str, backend: ReadOnly, seen: Rehearsal | None) -> Iterator[Finding]:
    """What the catalogs know and the files lack, as recovery would leave them if it can."""
    known: dict[int, str] = {}
    whole = seen is not None and seen.failure is None
    try:
        if seen is not None and whole and seen.needed:
            cluster = Cluster(root, directory=recovered_directory(seen.run))
        else:
            cluster = Cluster(root, inconsistent=True)
        known = cluster.tablespaces
        if whole:
            yield from contents.relations(cluster)
    except (PgtoolError, OSError) as error:
        if whole:
            yield Finding(Level.DAMAGE, "the shared catalogs cannot be read, so nobody can "
                          f"connect: {error}", "global")  # fmt: skip
    crashed = seen is not None and seen.needed
    yield from tablespaces(backend, known, Level.BLOCKS if crashed else Level.DAMAGE)


def _conclude(
    seen: Rehearsal | None, state: DBState, archives: tuple[str, ...], report: Report
) -> None:
    """The verdict and what to do next."""
    mend = (
        f"{COPY}, then mend what is marked above (a file that is missing comes from a backup, "
        "not from nowhere; pgtool export --salvage gets out what can be read)"
    )
    if seen is None or seen.failure is not None:
        report.verdict = "recovery could not even begin" if seen is None else (
            f"recovery would fail at {Lsn(seen.run.end)}"
        )  # fmt: skip
        report.advice = _without_wal(archives)
        return
    if not seen.needed:
        report.verdict = "the cluster was shut down cleanly"
        then, report.advice = "start the server", (
            "start the server; if it refuses, its log says what is not seen from the files "
            "(pages are looked at by pgtool checksums --check)"
        )
    else:
        what = "is a backup" if seen.start.label is not None else (
            "crashed" if state != DBState.DB_SHUTDOWNED
            else "was shut down cleanly, but is told to go on recovering"
        )  # fmt: skip
        report.verdict = f"the cluster {what}; recovery would succeed"
        then = report.advice = (
            "pgtool recover --dry-run shows more; then start the server, or run pgtool recover"
        )
    if report.blocked:
        report.verdict += ", but a server will not start before what is marked above is mended"
    elif report.damaged:
        report.verdict += ", but not all of it can be read"
    if report.damaged:
        report.advice = f"{mend}; then {then}"


def _place(error: Exception) -> str:
    if isinstance(error, CorruptData) and error.file is not None:
        return error.file if error.block is None else f"{error.file} block {error.block}"
    return ""


def _without_wal(archives: tuple[str, ...]) -> str:
    archive = "" if archives else (
        "; if there is a WAL archive, pgtool diagnose --wal DIR tells whether pgtool recover --wal "
        "DIR would succeed with it"
    )  # fmt: skip
    return (
        f"{COPY}, and keep the copy{archive}; otherwise rows can be read from it as "
        "they lie with pgtool export --inconsistent --salvage, or restored from a base backup"
    )
