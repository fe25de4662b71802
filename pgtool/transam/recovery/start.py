"""Where recovery begins, and along which timelines it reads.

The starting checkpoint is named by backup_label where there is one (then pg_control, which
was copied at some later moment, is not believed), else by pg_control. Its record must be
there and sound; so must the record at its redo point.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from construct import Container

from formats import backup
from formats.control import DBState
from formats.timeline import Branch
from formats.units import Lsn
from formats.version import XLOG_PAGE_MAGIC
from formats.wal.page import parse_segment_name, segment_name
from formats.wal.record import DecodedRecord
from formats.wal.xlog import CheckPoint
from pgtool.errors import CorruptData, PgtoolError, UserError
from pgtool.storage.backend import Backend
from pgtool.storage.datadir import read_control, refuse_incremental
from pgtool.transam.recovery.promotion import is_done, latest_timeline
from pgtool.transam.recovery.targets import Kind, Target
from pgtool.wal import rmgr
from pgtool.wal.archive import WalArchive, read_history
from pgtool.wal.desc.text import POSTGRES_EPOCH_SECS, timestamptz
from pgtool.wal.reader import WalReader
from pgtool.wal.source import SegmentInfo

XLOG_DIRECTORY = "pg_wal"
STANDBY = "standby.signal"
SIGNALS = (STANDBY, "recovery.signal")
RM_XLOG = 0
NOWHERE = Lsn(0)
CHECKPOINTS = ("CHECKPOINT_SHUTDOWN", "CHECKPOINT_ONLINE")


@dataclass
class Start:
    """Everything that is known before the first record is replayed.

    ``archive`` tells that this is archive recovery (a backup, or asked for): then there is a
    point before which the files are not whole, :attr:`min_recovery_point` or the end of
    the backup. ``requested`` tells that it was asked for (a target, an archive, a signal
    file), so that it may end on a new timeline.
    """

    major: int
    control: Container
    source: WalArchive
    checkpoint_lsn: Lsn
    checkpoint: Container
    record: DecodedRecord
    tli: int
    label: backup.Label | None = None
    archive: bool = False
    requested: bool = False
    promoted: bool = False
    min_recovery_point: Lsn = NOWHERE
    backup_start: Lsn = NOWHERE
    backup_end: Lsn = NOWHERE
    backup_end_required: bool = False
    branches: list[Branch] = field(default_factory=list)

    @property
    def redo(self) -> Lsn:
        """Where replay begins."""
        return Lsn(self.checkpoint.redo)

    @property
    def needed(self) -> bool:
        """Whether there is anything to recover."""
        if self.promoted:
            return False
        return (
            self.label is not None
            or self.requested
            or self.redo < self.checkpoint_lsn
            or self.control.state != DBState.DB_SHUTDOWNED
        )


def read_label(backend: Backend) -> backup.Label | None:
    """backup_label, if there is one."""
    try:
        return backup.parse_label(backend.read(backup.BACKUP_LABEL))
    except FileNotFoundError:
        return None


def directories_of(backend: Backend, archives: Sequence[str]) -> list[str]:
    """Where WAL is looked for: the archives given, pg_wal last."""
    for path in archives:
        if not os.path.isdir(path):
            raise UserError(f'WAL directory "{path}" does not exist')
    return [*archives, os.path.join(backend.root, XLOG_DIRECTORY)]


def find_start(
    backend: Backend, *, archives: Sequence[str] = (), target_timeline: str | int | None = None,
    requested: bool = False,
) -> Start:  # fmt: skip
    """Find the starting checkpoint and read it; an error says what is missing."""
    major, found = read_control(backend)
    refuse_incremental(backend)
    label = read_label(backend)
    requested = requested or any(backend.exists(name) for name in SIGNALS)
    if label is None:
        lsn, tli = Lsn(found.checkPoint), found.checkPointCopy.ThisTimeLineID
    else:
        assert label.checkpoint_location is not None and label.start_wal_file is not None
        lsn = label.checkpoint_location
        tli = parse_segment_name(label.start_wal_file, found.xlog_seg_size)[0]
    directories = directories_of(backend, archives)
    branches, target = _line(backend, directories, found, tli, target_timeline, requested)
    info = SegmentInfo(
        found.xlog_seg_size, major, XLOG_PAGE_MAGIC[major], found.system_identifier
    )
    source = WalArchive(directories, info, target, branches, standby=backend.exists(STANDBY))
    _check_line(source, tli, lsn)
    record = read_checkpoint(source, lsn, label)
    checkpoint = CheckPoint[major].parse(record.main)
    start = Start(major, found, source, lsn, checkpoint, record, target, label, branches=branches)
    start.requested = requested
    start.promoted = is_done(backend, found, branches)
    _settle_archive(start)
    _check_redo(start)
    return start


def _line(
    backend: Backend, directories: list[str], found: Container, tli: int,
    wanted: str | int | None, requested: bool,
) -> tuple[list[Branch], int]:  # fmt: skip
    """(ancestors, target timeline)."""
    start = max(tli, found.minRecoveryPointTLI, found.checkPointCopy.ThisTimeLineID)
    if wanted in (None, "latest"):
        target = latest_timeline(backend, directories, start) if requested else start
    elif wanted == "current":
        target = tli
    else:
        target = int(wanted)
    branches = read_history(directories, target)
    if branches is None:
        if target != tli and wanted not in (None, "latest"):
            raise UserError(f"recovery target timeline {target} does not exist")
        branches = []
    return branches, target


def _check_line(source: WalArchive, tli: int, lsn: Lsn) -> None:
    if tli not in source.line():
        raise UserError(
            f"requested timeline {source.tli} is not a child of this server's history: "
            f"the checkpoint at {lsn} is on timeline {tli}"
        )
    owner = source.tli_at(lsn)
    if owner != tli:
        raise UserError(
            f"requested timeline {source.tli} is not a child of this server's history: "
            f"it forked off timeline {tli} before the checkpoint at {lsn}"
        )


def missing_wal(source: WalArchive, lsn: int) -> str | None:
    """The name of the segment that a position needs and that is not there."""
    if source.has(lsn):
        return None
    segno = lsn // source.segment_size
    return segment_name(source.tli_at(lsn), segno, source.segment_size)


def _read_one(source: WalArchive, lsn: int) -> tuple[DecodedRecord | None, str]:
    reader = WalReader(source, sysid=source.info.sysid)
    reader.begin(lsn)
    try:
        record = reader.read()
    except PgtoolError as error:
        return None, str(error)
    if record is not None and (foreign := reader.foreign_timeline(source.line())) is not None:
        return None, foreign
    return record, reader.error or ""


def read_checkpoint(source: WalArchive, lsn: Lsn, label: backup.Label | None) -> DecodedRecord:
    """The checkpoint record at ``lsn``; an error with the segment's name where it is missing."""
    where = "backup_label" if label is not None else "pg_control"
    absent = missing_wal(source, lsn)
    if absent is not None:
        raise UserError(
            f"could not locate required checkpoint record at {lsn} (named by {where}): "
            f"WAL segment {absent} is missing"
        )
    record, problem = _read_one(source, lsn)
    if record is None:
        raise CorruptData(
            f"could not locate a valid checkpoint record at {lsn} (named by {where}): {problem}",
            file=source.file_name(lsn // source.segment_size), offset=lsn % source.segment_size,
        )  # fmt: skip
    size = CheckPoint[source.info.major].sizeof()
    if record.rmid != RM_XLOG or rmgr.identify(record) not in CHECKPOINTS or (
        len(record.main) != size
    ):
        raise CorruptData(
            f"invalid checkpoint record at {lsn} (named by {where})",
            file=source.file_name(lsn // source.segment_size), offset=lsn % source.segment_size,
        )  # fmt: skip
    return record


def _settle_archive(start: Start) -> None:
    """Minimum recovery point and the ends of a backup."""
    found = start.control
    state_in_archive = found.state in (
        DBState.DB_IN_ARCHIVE_RECOVERY, DBState.DB_SHUTDOWNED_IN_RECOVERY,
    )  # fmt: skip
    start.archive = start.label is not None or start.requested or (
        state_in_archive and found.minRecoveryPoint != 0
    )
    if not start.archive:
        return
    start.min_recovery_point = Lsn(found.minRecoveryPoint)
    if start.label is None:
        start.backup_start = Lsn(found.backupStartPoint)
        start.backup_end = Lsn(found.backupEndPoint)
        start.backup_end_required = bool(found.backupEndRequired)
        if not start.min_recovery_point:
            start.min_recovery_point = start.redo
        return
    start.min_recovery_point = max(start.redo, start.min_recovery_point)
    start.backup_start = start.redo
    start.backup_end_required = start.label.backup_method == "streamed"
    if start.label.backup_from == "standby":
        if not state_in_archive:
            raise CorruptData(
                "backup_label contains data inconsistent with control file", file="backup_label"
            )
        start.backup_end = Lsn(found.minRecoveryPoint)


def check_moment(start: Start, target: Target) -> None:
    """Refuse a moment that the files are ahead of, or may be.

    A backup holds nothing from after its end, a cluster shut down (or a standby) nothing from
    after its last checkpoint (its minimum recovery point). A crashed primary wrote pages,
    hint bits and commit status up to the crash, and what was before is gone. What was before
    the checkpoint that replay starts from nobody can bring back: a server would stop at its
    first chance, with rows that are newer than the moment.
    """
    whole = (
        DBState.DB_SHUTDOWNED, DBState.DB_SHUTDOWNED_IN_RECOVERY, DBState.DB_IN_ARCHIVE_RECOVERY,
    )  # fmt: skip
    if target.wanted and start.label is None and start.control.state not in whole:
        raise UserError(
            "a crashed cluster can be recovered to the end of its WAL only, as its files may "
            "hold changes that were made later than the moment asked for; an earlier moment "
            "needs a base backup from before it"
        )
    made = (int(start.checkpoint.time) - POSTGRES_EPOCH_SECS) * 1_000_000
    begins = {Kind.LSN: int(start.redo), Kind.TIME: made}.get(target.kind)
    if begins is not None and int(target.value) < begins:
        at = start.redo if target.kind is Kind.LSN else timestamptz(made)
        raise UserError(
            f"recovery starts at a checkpoint of {at}, and {target} is before it; an earlier "
            "moment needs an older base backup"
        )


def _check_redo(start: Start) -> None:
    if start.redo > start.checkpoint_lsn:
        raise CorruptData(f"invalid redo in checkpoint record at {start.checkpoint_lsn}")
    if start.redo == start.checkpoint_lsn:
        return
    if rmgr.identify(start.record) == "CHECKPOINT_SHUTDOWN":
        raise CorruptData(f"invalid redo record in shutdown checkpoint at {start.checkpoint_lsn}")
    absent = missing_wal(start.source, start.redo)
    if absent is not None:
        raise UserError(
            f"could not find redo location {start.redo} referenced by checkpoint record at "
            f"{start.checkpoint_lsn}: WAL segment {absent} is missing"
        )
    record, problem = _read_one(start.source, start.redo)
    if record is None:
        raise CorruptData(
            f"could not find redo location {start.redo} referenced by checkpoint record at "
            f"{start.checkpoint_lsn}: {problem}"
        )

