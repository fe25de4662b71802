"""Replaying the log: the loop, when the cluster is whole, and where to stop.

One :class:`Recovery` is one run over one backend. ``begin`` prepares the backend as the
server does (pg_control says that recovery is under way, unlogged relations are emptied, a
backup's label is put aside), ``replay`` runs, and :mod:`.finish` ends it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from struct import error as struct_error

from formats import control
from formats.backup import BACKUP_LABEL, TABLESPACE_MAP, parse_tablespace_map
from formats.control import DBState
from formats.units import Lsn
from formats.wal.page import SIZE_OF_LONG_PHD
from formats.wal.record import DecodedRecord
from pgtool.errors import CorruptData, PgtoolError, UserError
from pgtool.storage.backend import WritableBackend
from pgtool.storage.redopool import DEFAULT_PAGES, RedoPool
from pgtool.transam.recovery import origins, unlogged
from pgtool.transam.recovery.fast import STEP, FastReplay, is_compiled
from pgtool.transam.recovery.start import NOWHERE, RM_XLOG, Start
from pgtool.transam.recovery.targets import Kind, Target
from pgtool.transam.redo import twophase
from pgtool.transam.redo.state import RecoveryState
from pgtool.wal import redo, rmgr
from pgtool.wal.reader import WalReader
from pgtool.wal.source import WalReadError

FOREVER = (1 << 64) - 1


@dataclass
class Progress:
    """How far a run has come."""

    records: int = 0
    lsn: Lsn = NOWHERE
    started: float = 0.0

    @property
    def seconds(self) -> float:
        """Time since the run began."""
        return time.monotonic() - self.started


def _silent(_progress: Progress) -> None:
    pass


class Recovery:
    """One run of recovery over one backend."""

    def __init__(
        self, backend: WritableBackend, start: Start, target: Target | None = None, *,
        pages: int = DEFAULT_PAGES, report: Callable[[Progress], None] = _silent,
        durable: bool = True, jobs: int = 1,
    ) -> None:  # fmt: skip
        """``durable``: the backend is a real directory, pg_control is kept up on the way.

        ``jobs``: so many processes write pages and sync files (of a real directory only).
        """
        self.backend = backend
        self.start = start
        self.target = target or Target()
        self.durable = durable
        self.report = report
        self.major = start.major
        self.control = start.control
        self.state = RecoveryState.at(backend, self.major, self.control, start.checkpoint)
        self.pool = RedoPool(
            backend, self.major, self.control.relseg_size, pages=pages,
            checksums=bool(self.control.data_checksum_version), before_write=self._before_write,
            jobs=jobs if durable else 1,
        )  # fmt: skip
        self.context = redo.RedoContext(self.pool, self.state, self.major)
        self.context.wal_log_hints = bool(self.control.wal_log_hints)
        self.progress = Progress()
        self.end = Lsn(0)
        self.last = Lsn(0)
        self.end_tli = start.tli
        self.reached_target = False
        self.why_ended = ""
        self.aborted: tuple[Lsn, Lsn] | None = None
        self.last_commit_time: int | None = None
        #: Where the cluster was whole first.
        self.consistent_at: Lsn | None = None
        #: Whether every commit is looked at, be it for the target or for somebody who asked.
        self.commits_matter = self.target.of_commits
        #: Whether the compiled loop is to be used.
        self.fast = is_compiled()
        #: The last timeline on a page that was found to be one of this log's.
        self._seen_tli = 0
        self._consistent = False
        self._every = False
        self._check: Callable[[DecodedRecord], None] | None = None

    # -- before ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Prepare the backend."""
        start = self.start
        if start.archive:
            self.control.state = DBState.DB_IN_ARCHIVE_RECOVERY
        else:
            self.control.state = DBState.DB_IN_CRASH_RECOVERY
        self.control.checkPoint = start.checkpoint_lsn
        self.control.checkPointCopy = start.checkpoint
        if start.archive:
            if start.min_recovery_point > self.control.minRecoveryPoint or start.label is not None:
                self.control.minRecoveryPoint = start.min_recovery_point
                self.control.minRecoveryPointTLI = start.checkpoint.ThisTimeLineID
            self.control.backupStartPoint = start.backup_start
            self.control.backupEndPoint = start.backup_end
            self.control.backupEndRequired = start.backup_end_required
        else:
            self.control.minRecoveryPoint = self.control.minRecoveryPointTLI = 0
        self._make_links()
        twophase.load(self.state)
        origins.load(self.state)
        unlogged.clean_up(self.backend, self.major)
        self.write_control()
        for name in (BACKUP_LABEL, TABLESPACE_MAP) if start.label is not None else ():
            if self.backend.exists(name):
                self.backend.rename(name, f"{name}.old")
                self.backend.sync("")

    def _make_links(self) -> None:
        if self.start.label is None or not self.backend.exists(TABLESPACE_MAP):
            return
        for space in parse_tablespace_map(self.backend.read(TABLESPACE_MAP)):
            self.backend.symlink(space.path, f"pg_tblspc/{space.oid}")

    def write_control(self) -> None:
        """Write pg_control as it stands in memory."""
        self.control.time = int(time.time())
        data = control.build(self.major, self.control, crc=True)
        self.backend.write(control.CONTROL_FILE, 0, data)
        self.backend.sync(control.CONTROL_FILE)
        self.state.control_changed = False

    def _before_write(self, lsn: int) -> None:
        """Pages up to ``lsn`` reach the disk: from now on recovery must come this far."""
        if self.durable and self.start.archive and lsn > self.control.minRecoveryPoint:
            self.control.minRecoveryPoint = Lsn(max(lsn, self.end))
            self.control.minRecoveryPointTLI = self.end_tli
            self.write_control()

    # -- the loop ---------------------------------------------------------------------------

    def replay(self) -> None:
        """Replay until the end of WAL or the target.

        Nothing that is made meanwhile goes in circles, and there is much of it: the collector
        of circles would go over all pages again and again.
        """
        collecting = gc.isenabled()
        gc.disable()
        try:
            self._replay()
        finally:
            if collecting:
                gc.enable()

    def _replay(self) -> None:
        reader = self._reader()
        self.progress.started = time.monotonic()
        fast = FastReplay(self, self._every) if self.fast else None
        while not self.reached_target:
            if fast is not None:
                fast.stretch(reader, self._stretch_end())
                self._settle()
                if self.reached_target:
                    break
            rec = self._read(reader)
            if rec is None or self.stops_before(rec):
                break
            self.apply(rec)
            self.stops_after(rec)
            self.passed(1)
        if not self.reached_target:
            self.aborted = reader.aborted if not self.start.requested else None
        self.report(self.progress)

    def _stretch_end(self) -> int:
        """Where the compiled loop has to stop, since what is there is to be judged."""
        start, ends = self.start, [FOREVER]
        if self.target.kind in (Kind.LSN, Kind.REST):
            ends.append(int(self.target.value) - SIZE_OF_LONG_PHD)
        if start.archive and not self._consistent:
            if not (start.backup_start or start.backup_end_required):
                ends.append(int(start.min_recovery_point))
            elif start.backup_end:
                ends.append(int(start.backup_end))
            # else the record that ends the backup tells; it is for the plain functions
        return max(0, min(ends))

    def stops_before(self, rec: DecodedRecord) -> bool:
        """Whether the target lies before a record; noted if so."""
        if self.target.wanted and self.target.stops_before(rec, self._consistent):
            self._stop(f"before {rec.lsn}")
        return self.reached_target

    def stops_after(self, rec: DecodedRecord) -> bool:
        """Whether the target lies behind a record just replayed; noted if so."""
        if self.target.wanted and self.target.stops_after(rec, self._consistent):
            self._stop(f"after {rec.lsn}")
        return self.reached_target

    def passed(self, records: int) -> None:
        """Between records: count them, look at memory and progress from time to time."""
        progress = self.progress
        before = progress.records
        progress.records += records
        if progress.records // STEP != before // STEP:
            progress.lsn = self.end
            self.pool.trim()
            self.report(progress)

    def _reader(self) -> WalReader:
        start = self.start
        reader = WalReader(start.source, sysid=start.source.info.sysid)
        if start.redo < start.checkpoint_lsn:
            reader.begin(start.redo)
            self.end = self.last = start.redo
        else:
            reader.begin(start.record.end, int(start.record.lsn))
            self.end, self.last = start.record.end, start.record.lsn
        self.end_tli = start.source.tli_at(self.last)
        return reader

    def _read(self, reader: WalReader) -> DecodedRecord | None:
        try:
            rec = reader.read()
        except WalReadError as error:
            self.why_ended = str(error)
            return None
        if rec is None:
            self.why_ended = reader.error or ""
        elif reader.latest_tli != self._seen_tli:
            foreign = reader.foreign_timeline(self.start.source.line())
            if foreign is not None:
                self.why_ended = foreign
                return None
            self._seen_tli = reader.latest_tli
        return rec

    def _stop(self, where: str) -> None:
        self.reached_target = True
        self.why_ended = f"recovery target {self.target} reached {where}"

    def apply(self, rec: DecodedRecord) -> None:
        """Replay one record."""
        if rec.xid:
            self.state.advance_past(rec.xid)
        try:
            redo.apply(rec, self.context)
        except PgtoolError as error:
            raise self._in_record(rec, error) from error
        except (IndexError, ValueError, struct_error, KeyError, OverflowError) as error:
            found = rmgr.entry(rec.major, rec.rmid, rec.info)
            raise CorruptData(
                f"invalid {found.rmgr.name} {found.name} record at {rec.lsn}: {error}"
            ) from error
        self.look_at(rec)
        self.end, self.last = rec.end, rec.lsn
        if rec.rmid == RM_XLOG:
            self._note(rec)
        self._settle()

    def look_at(self, rec: DecodedRecord) -> None:
        """Show a record just replayed to whoever asked."""
        if self._check is not None:
            self._check(rec)

    def _settle(self) -> None:
        if not self._consistent and self.start.archive:
            self._check_consistency()

    def _in_record(self, rec: DecodedRecord, error: PgtoolError) -> PgtoolError:
        found = rmgr.entry(rec.major, rec.rmid, rec.info)
        text = f"redo of {found.rmgr.name} {found.name} at {rec.lsn}"
        if isinstance(error, CorruptData):
            return CorruptData(
                f"{text}: {error.message}", file=error.file, block=error.block,
                offset=error.offset, field=error.field,
            )  # fmt: skip
        return error

    def _note(self, rec: DecodedRecord) -> None:
        """What a record about the log itself means for the run."""
        name = rmgr.identify(rec)
        if name in ("CHECKPOINT_SHUTDOWN", "END_OF_RECOVERY"):
            self.end_tli = max(self.end_tli, self.start.source.tli_at(rec.lsn))
        if name == "CHECKPOINT_SHUTDOWN" and self.start.requested:
            canceled = self.start.backup_start and not self.start.backup_end
            if canceled:
                raise UserError("online backup was canceled, recovery cannot continue")
        if name == "BACKUP_END":
            began = int.from_bytes(rec.main[:8], "little")
            if self.start.backup_start and began == self.start.backup_start:
                self.start.backup_end = rec.end
        if self.state.control_changed and self.durable:
            self.write_control()

    # -- consistency -----------------------------------------------------------------------------

    def _check_consistency(self) -> None:
        start = self.start
        if start.backup_start and start.backup_end and start.backup_end <= self.end:
            start.backup_start, start.backup_end = Lsn(0), Lsn(0)
            start.backup_end_required = False
            if self.control.minRecoveryPoint < self.end:
                self.control.minRecoveryPoint = self.end
                self.control.minRecoveryPointTLI = self.end_tli
            self.control.backupStartPoint = self.control.backupEndPoint = 0
            self.control.backupEndRequired = False
            start.min_recovery_point = self.end
            if self.durable:
                self.write_control()
        if start.backup_end_required or start.backup_start:
            return
        if start.min_recovery_point <= self.end:
            self.reach_consistency()

    def reach_consistency(self) -> None:
        """The cluster is whole from here on."""
        self.context.reached_consistency()
        self._consistent = True
        self.consistent_at = self.consistent_at or self.last

    @property
    def consistent(self) -> bool:
        """Whether the cluster is whole."""
        return self._consistent

    def check_every(self, check: Callable[[DecodedRecord], None]) -> None:
        """Have ``check`` look at each record right after it was replayed."""
        self._check, self._every, self.commits_matter = check, True, True

    def watch_transactions(self, watch: Callable[[DecodedRecord], None]) -> None:
        """Have ``watch`` look at the end of each transaction and at each restore point."""
        self._check, self.commits_matter = watch, True
