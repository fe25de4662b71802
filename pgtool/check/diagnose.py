"""Why a data directory will not start: everything a start needs, looked at without writing.

Each check yields :class:`pgtool.check.findings.Finding`. :func:`diagnose` runs them in the
order in which a server would meet the trouble, with a rehearsal of recovery over an overlay
near the end, and names the safest next command. That is never one that throws WAL away: where
nothing else helps, a copy comes first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from construct import Container

from formats import control as control_file
from formats.control import DBState
from formats.slru import SLRU_PAGES_PER_SEGMENT, XACT
from formats.units import Lsn
from formats.version import CATALOG_VERSION_NO
from formats.wal.page import is_segment_name, parse_segment_name, segment_name
from pgtool.check.backups import BACKUP_MANIFEST, manifest_differences
from pgtool.check.files import closed, permissions, places, some, tablespaces
from pgtool.check.findings import Finding, Level, Report
from pgtool.errors import CorruptData, PgtoolError, UserError
from pgtool.storage.backend import ReadOnly
from pgtool.storage.datadir import POSTMASTER_PID, live_postmaster
from pgtool.transam.recovery.run import Rehearsal, Request, rehearse
from pgtool.transam.recovery.start import SIGNALS

LEAST_SEGMENTS = 3
_XIDS_PER_FILE = XACT.per_page * SLRU_PAGES_PER_SEGMENT


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
    if hidden:
        report.findings += [*places(root), *permissions(root), *hidden]
        report.verdict = "not all of the directory can be looked at by the user who asks"
        report.advice = "run pgtool diagnose as a user who may read all of it, as its owner"
        return report
    report.findings += [*places(root), *permissions(root)]
    known = _control(backend, report)
    if known is None:
        report.verdict = "the control file cannot be used"
        report.advice = (
            "copy the whole directory first; then look for pg_control in a backup of the same "
            "cluster (its system identifier stands in every WAL segment: pgtool waldump)"
        )
        return report
    major, found = known
    report.findings += [
        *_recovery_files(backend), *_space(root, found), *_gaps(root, found),
        *_statuses(backend, found, major),
    ]
    _rehearse(root, archives, report)
    report.findings += tablespaces(backend)
    return report


# -- what the directory is ------------------------------------------------------------------


def _identity(backend: ReadOnly) -> Iterator[Finding]:
    try:
        text = backend.read("PG_VERSION", 0, 64).decode("ascii", "replace").strip()
    except FileNotFoundError:
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
    stated = backend.read("PG_VERSION", 0, 64).strip() if backend.exists("PG_VERSION") else b""
    if stated and stated != str(major).encode():
        report.findings.append(
            Finding(Level.BLOCKS, f"pg_control belongs to PostgreSQL {major}, PG_VERSION says "
                    f"{stated.decode('ascii', 'replace')}", "PG_VERSION")
        )  # fmt: skip
    return major, found


def _recovery_files(backend: ReadOnly) -> Iterator[Finding]:
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


def _statuses(backend: ReadOnly, found: Container, major: int) -> Iterator[Finding]:
    """Files of pg_xact that rows may need; what is after the last checkpoint redo makes."""
    copy = found.checkPointCopy
    most = (1 << 32) // _XIDS_PER_FILE
    number, last = int(copy.oldestXid) // _XIDS_PER_FILE, int(copy.nextXid) - 1 & 0xFFFFFFFF
    missing = []
    while True:
        path = XACT.path(number, major)
        if not backend.exists(path):
            missing.append(path)
        if number == last // _XIDS_PER_FILE:
            break
        number = (number + 1) % most
    if missing:
        yield Finding(
            Level.BLOCKS, f"{len(missing)} files of pg_xact are missing: which transactions "
            "committed is not known without them", some(missing),
        )  # fmt: skip


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


# -- recovery, rehearsed ------------------------------------------------------------------------


def _rehearse(root: str, archives: tuple[str, ...], report: Report) -> None:
    try:
        seen = rehearse(root, Request(archives=archives))
    except PgtoolError as error:
        report.findings.append(Finding(Level.BLOCKS, str(error), _place(error)))
        report.verdict = "recovery could not even begin"
        report.advice = _without_wal(archives)
        return
    run = seen.run
    if not seen.start.needed:
        report.verdict = "the cluster was shut down cleanly"
        report.advice = (
            "copy the whole directory first, then mend what is marked above (a file that is "
            "missing comes from a backup, not from nowhere), and start the server"
            if report.blocked
            else "start the server; if it refuses, its log says what is not seen from the files"
        )
        return
    report.findings.append(
        Finding(Level.FACT, f"recovery would replay {run.progress.records} records from "
                f"{seen.start.redo} to {run.end}: {seen.commits} commits, {seen.aborts} aborts",
                run.why_ended)
    )  # fmt: skip
    _judge(seen, archives, report)


def _judge(seen: Rehearsal, archives: tuple[str, ...], report: Report) -> None:
    run = seen.run
    if seen.failure is not None:
        error = seen.failure
        report.findings.append(Finding(Level.BLOCKS, f"replay fails: {error}", _place(error)))
        report.verdict = f"recovery would fail at {Lsn(run.end)}"
        report.advice = _without_wal(archives)
        return
    what = "is a backup" if seen.start.label is not None else "crashed"
    report.verdict = f"the cluster {what}; recovery would succeed"
    report.advice = (
        "pgtool recover --dry-run shows more; then start the server, or run pgtool recover"
    )
    if report.blocked:
        report.verdict += ", once what is named above is mended"
        report.advice = (
            "copy the whole directory first, then mend what is marked above (a file that is "
            f"missing comes from a backup, not from nowhere); then {report.advice}"
        )


def _place(error: Exception) -> str:
    if isinstance(error, CorruptData) and error.file is not None:
        return error.file if error.block is None else f"{error.file} block {error.block}"
    return ""


def _without_wal(archives: tuple[str, ...]) -> str:
    first = "if there is a WAL archive, pgtool recover --wal DIR uses it; otherwise "
    if archives:
        first = ""
    return (
        f"{first}copy the whole directory first, and keep the copy; rows can be read from it as "
        "they lie with pgtool export --inconsistent --salvage, or restored from a base backup"
    )
