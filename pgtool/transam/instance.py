"""One running read-write engine on one data directory of this process.

Starting takes the directory's lock file, checks that it was shut down, reads the last
checkpoint, and marks pg_control as in production: from then on only crash recovery mends a
process that dies. :meth:`Instance.shutdown` makes the shutdown checkpoint and lets go of
the directory. Sessions of the process share one instance (:func:`running_instance`).

Everything below hangs here: the files (``backend``), the buffer pool and what reading code
sees through it (``pooled``), the WAL, transaction status, counters, running transactions.

After a panic (:meth:`pgtool.wal.insert.Wal.critical`) nothing is written any more and
:attr:`Instance.panicked` is set; :meth:`shutdown` then only lets go of the lock.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from functools import partial

from construct import Container

from formats import control as control_file
from formats.control import CheckPoint, DBState
from formats.derive import struct_of
from formats.twophase import (
    LockTagType,
    TwoPhaseLockRecord,
    TwoPhaseMultiXactRecord,
    TwoPhaseRmgrId,
)
from formats.units import Lsn
from formats.version import CATALOG_VERSION_NO, WRITE_MAJOR, XLOG_PAGE_MAGIC
from formats.wal import xlog
from formats.wal.record import DecodedRecord
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.errors import CorruptData, Panic, PgtoolError, Unsupported, UserError
from pgtool.storage.backend import Directory
from pgtool.storage.bufmgr import BufferPool
from pgtool.storage.conf import configured
from pgtool.storage.datadir import BACKUP_LABEL, read_control
from pgtool.storage.interrupts import INTERRUPTS
from pgtool.storage.lockfile import LockFile
from pgtool.storage.pooled import PooledBackend
from pgtool.transam.checkpoint import WAL_LEVELS, create_checkpoint
from pgtool.transam.clog_write import RunningCommitLog
from pgtool.transam.commit_ts_write import RunningCommitTimestamps
from pgtool.transam.multixact_write import RunningMultiXacts
from pgtool.transam.pgstat import Statistics
from pgtool.transam.procarray import Proc, ProcArray
from pgtool.transam.recovery.run import recover_if_crashed
from pgtool.transam.settings import InstanceSettings
from pgtool.transam.slru import SlruBuffers
from pgtool.transam.subtrans import SubTransactions
from pgtool.transam.tqual import Rules
from pgtool.transam.twophase import prepared_states
from pgtool.transam.varsup import VariableCache
from pgtool.transam.xact import Xact
from pgtool.wal.insert import Record, Wal
from pgtool.wal.reader import WalReader
from pgtool.wal.retention import remove_old_segments, slot_limits
from pgtool.wal.rmgr import consistency_checked
from pgtool.wal.source import SegmentDirectory, SegmentInfo
from pgtool.wal.writer import XLOG_DIRECTORY, WalWriter

_SHUTDOWN, _PARAMETERS, _FPW = (
    opcode(xlog.RECORDS, name) for name in ("CHECKPOINT_SHUTDOWN", "PARAMETER_CHANGE", "FPW_CHANGE")
)
#: checkpoint_completion_target, on top of the WAL since the checkpoint before.
COMPLETION = 1.9
LOOK_SECONDS = 1.0
_RUNNING: dict[str, Instance] = {}
_SIGNALS = ("standby.signal", "recovery.signal")


def running_instance(root: str) -> Instance | None:
    """The instance that this process runs on a directory."""
    return _RUNNING.get(os.path.realpath(root)) if _RUNNING else None


class Instance:
    """See the module. Made by :meth:`start`."""

    def __init__(
        self, backend: Directory, control: Container, settings: InstanceSettings, lock: LockFile
    ) -> None:
        self.backend = backend
        self.control = control
        self.settings = settings
        self.lock = lock
        self.major = WRITE_MAJOR
        checkpoint = control.checkPointCopy
        self.tli = int(checkpoint.ThisTimeLineID)
        self.segment_size = int(control.xlog_seg_size)
        self.checksums = bool(control.data_checksum_version)
        self.sessions: list[Xact] = []
        #: Counts commits that changed catalogs: what sessions know of these is then stale.
        self.catalog_changes = 0
        self.stats = Statistics(self.major)
        writer = WalWriter(
            backend, major=self.major, tli=self.tli, sysid=int(control.system_identifier),
            segment_size=self.segment_size, init_zero=settings.wal_init_zero,
        )  # fmt: skip
        writer.archiving = settings.archiving
        self.wal = wal = Wal(
            writer, self.major, compression=settings.wal_compression,
            full_page_writes=settings.full_page_writes,
        )  # fmt: skip
        wal.consistency = consistency_checked(settings.wal_consistency_checking)
        self.pool = BufferPool(
            backend, self.major, max(16, settings.shared_buffers // 8192),
            checksums=self.checksums, relseg_size=int(control.relseg_size), flush_wal=wal.flush,
            log_hint=wal.log_hint if self.checksums or settings.wal_log_hints else None,
        )  # fmt: skip
        self.pooled = PooledBackend(backend, self.pool)
        self._begin_transam(checkpoint)
        self._last_flush = self._last_checkpoint = self._last_look = time.monotonic()
        self._async_lsn = 0
        #: WAL between the redo points of checkpoints, as it has been lately.
        self._distance = 0.0
        self._prior_redo = 0

    def _begin_transam(self, checkpoint: Container) -> None:
        backend, major, wal = self.backend, self.major, self.wal
        next_full = int(checkpoint.nextXid)
        self.subtrans = SubTransactions(backend, major)
        self.clog = RunningCommitLog(backend, major, next_full & 0xFFFFFFFF, wal, self.subtrans)
        self.commit_ts = RunningCommitTimestamps(backend, major, wal, self.settings, checkpoint)
        self.varsup = VariableCache(wal, next_full, int(checkpoint.nextOid), self._begin_pages)
        self.varsup.set_limits(
            int(checkpoint.oldestXid), int(checkpoint.oldestXidDB),
            self.settings.autovacuum_freeze_max_age,
        )  # fmt: skip
        self.multixact = RunningMultiXacts(backend, major, wal, checkpoint)
        self.procarray = ProcArray(self.varsup)
        self.tqual = Rules(self)

    def _begin_pages(self, xid: int) -> None:
        self.clog.extend(xid)
        self.commit_ts.extend(xid)
        self.subtrans.extend(xid)

    # -- start --------------------------------------------------------------------------

    @classmethod
    def start(
        cls, root: str, settings: InstanceSettings | None = None, *,
        backend: Directory | None = None,
    ) -> Instance:  # fmt: skip
        """Open a directory for writing; UserError where its state forbids that."""
        real = os.path.realpath(root)
        if real in _RUNNING:
            raise UserError(f'data directory "{root}" is already open for writing')
        files = backend or Directory(root)
        lock = LockFile(files)
        lock.acquire()
        try:
            out = cls._opened(files, settings, lock)
            _RUNNING[real] = out
            out._begin()
        except BaseException:
            _RUNNING.pop(real, None)
            lock.release()
            files.close()
            raise
        INTERRUPTS.install()
        atexit.register(out._at_exit)
        return out

    @classmethod
    def _opened(
        cls, files: Directory, settings: InstanceSettings | None, lock: LockFile
    ) -> Instance:
        major, control = read_control(files)
        if major != WRITE_MAJOR:
            raise Unsupported(f"writing in a directory of PostgreSQL {major}")
        if _crashed(files, control):
            recover_if_crashed(files)
            major, control = read_control(files)
        if settings is None:
            settings = _defaults(files, control)
        files.fsync = files.fsync and settings.fsync
        return cls(files, control, settings, lock)

    def _begin(self) -> None:
        """From the last shutdown checkpoint into production."""
        record = self._read_checkpoint()
        wal, control = self.wal, self.control
        wal.writer.start(int(record.end))
        wal.prev = wal.last_important = int(record.lsn)
        wal.redo_lsn = self._prior_redo = int(control.checkPointCopy.redo)
        next_xid = self.varsup.next_xid
        self._restore_prepared()
        self.clog.startup(next_xid)
        self.subtrans.startup(self.procarray.oldest_running(), next_xid)
        for proc in self.procarray.procs:
            for xid in proc.subxids:
                self.subtrans.set_parent(xid, proc.xid)
        self.multixact.startup()
        self.commit_ts.startup(next_xid)
        self._read_slots()
        self._remove_init_files()
        self.stats = Statistics.take(self.backend, self.major)
        control.state = DBState.DB_IN_PRODUCTION
        self.write_control()
        self._report_settings()

    def _read_checkpoint(self) -> DecodedRecord:
        """The shutdown checkpoint that pg_control names."""
        at = Lsn(self.control.checkPoint)
        sysid = int(self.control.system_identifier)
        info = SegmentInfo(self.segment_size, self.major, XLOG_PAGE_MAGIC[self.major], sysid)
        source = SegmentDirectory(self.backend.full(XLOG_DIRECTORY), info, self.tli)
        reader = WalReader(source, sysid=sysid)
        reader.begin(at)
        record = reader.read()
        if record is None:
            raise CorruptData(
                f"could not locate a valid checkpoint record at {at}: {reader.error}",
                file=control_file.CONTROL_FILE, field="checkPoint",
            )  # fmt: skip
        if record.rmid != RmgrId.RM_XLOG_ID or record.info & 0xF0 != _SHUTDOWN:
            raise CorruptData(
                f"no shutdown checkpoint record at {at}", file=control_file.CONTROL_FILE,
                field="checkPoint",
            )  # fmt: skip
        if record.main != CheckPoint[self.major].build(self.control.checkPointCopy):
            raise CorruptData(
                f"checkpoint record at {at} differs from its copy in pg_control",
                file=control_file.CONTROL_FILE, field="checkPointCopy",
            )  # fmt: skip
        source.close()
        return record

    def _restore_prepared(self) -> None:
        """Prepared transactions go on being in progress."""
        for state in prepared_states(self.backend, self.major):
            proc = Proc(int(state.database), int(state.xid), gid=str(state.gid))
            for xid in state.subxacts:
                proc.subxids[int(xid)] = None
            locks = set()
            for record in state.records:
                if record.rmid == TwoPhaseRmgrId.TWOPHASE_RM_MULTIXACT_ID:
                    proc.oldest_multi = TwoPhaseMultiXactRecord.parse(record.data).multi
                elif record.rmid == TwoPhaseRmgrId.TWOPHASE_RM_LOCK_ID:
                    lock = TwoPhaseLockRecord.parse(record.data)
                    if lock.locktag_type == LockTagType.LOCKTAG_RELATION:
                        locks.add((lock.locktag_field1, lock.locktag_field2))
            proc.locks = frozenset(locks)
            self.procarray.add(proc)

    def _read_slots(self) -> None:
        found = slot_limits(self.backend)
        self.procarray.slot_xmin, self.procarray.slot_catalog_xmin = found.xmin, found.catalog_xmin

    def _remove_init_files(self) -> None:
        """Relation cache files that servers left would not show what changes from here on."""
        files = self.backend
        places = ["global", *(f"base/{name}" for name in files.list("base") if name.isdigit())]
        for space in files.list("pg_tblspc") if files.exists("pg_tblspc") else ():
            version = f"pg_tblspc/{space}/PG_{self.major}_{CATALOG_VERSION_NO[self.major]}"
            if files.exists(version):
                places += [f"{version}/{name}" for name in files.list(version)]
        for place in places:
            if self.backend.exists(f"{place}/pg_internal.init"):
                self.backend.unlink(f"{place}/pg_internal.init")

    def _report_settings(self) -> None:
        """Tell standbys of settings that differ from the last time."""
        settings, control = self.settings, self.control
        changed = self.wal.full_page_writes != bool(control.checkPointCopy.fullPageWrites)
        if changed and settings.standby_info:
            data = struct_of(xlog.xl_fpw_change).pack(int(self.wal.full_page_writes))
            self.wal.insert(Record(RmgrId.RM_XLOG_ID, _FPW, data))
        new = {
            "MaxConnections": settings.max_connections,
            "max_worker_processes": settings.max_worker_processes,
            "max_wal_senders": settings.max_wal_senders,
            "max_prepared_xacts": settings.max_prepared_transactions,
            "max_locks_per_xact": settings.max_locks_per_transaction,
            "wal_level": WAL_LEVELS[settings.wal_level],
            "wal_log_hints": int(settings.wal_log_hints),
            "track_commit_timestamp": settings.track_commit_timestamp,
        }
        if all(control[name] == value for name, value in new.items()):
            return
        if control.wal_level != new["wal_level"] or settings.standby_info:
            data = struct_of(xlog.xl_parameter_change).pack(*map(int, new.values()), b"")
            self.wal.flush(self.wal.insert(Record(RmgrId.RM_XLOG_ID, _PARAMETERS, data)))
        control.update(new)
        self.write_control()

    # -- sessions -----------------------------------------------------------------------

    def session(self, database: int = 0, tablespace: int = 1663) -> Xact:
        """The transaction state of a new session on a database."""
        xact = Xact(self, database, tablespace)
        self.sessions.append(xact)
        return xact

    def end_session(self, xact: Xact) -> None:
        """The session is over; a transaction in progress is rolled back."""
        if xact in self.sessions:
            self.sessions.remove(xact)
            if self.panicked is None:
                xact.close()

    @property
    def panicked(self) -> BaseException | None:
        """Why nothing is written any more."""
        return self.backend.failed

    def oldest_member(self) -> int:
        """The oldest multixact that anybody may still be a member of."""
        return self.procarray.oldest_member(self.multixact.next_multi)

    def note_async_commit(self, lsn: int) -> None:
        """A commit that nobody waits for is on disk before long all the same."""
        self._async_lsn = lsn

    # -- checkpoints and the end --------------------------------------------------------

    def tick(self) -> None:
        """What other processes of a server see to: called between commands, no page in hand.

        A checkpoint where much WAL was written since the last one, or long ago; commits that
        nobody waited for are brought to disk; the lock file must still be ours.
        """
        wal, settings = self.wal, self.settings
        if (wal.end - wal.redo_lsn) * COMPLETION > settings.max_wal_size:
            self.checkpoint()
        now = time.monotonic()
        if self._async_lsn and (now - self._last_flush) * 1000 >= settings.wal_writer_delay:
            self._last_flush = now
            wal.flush(self._async_lsn)
            self._async_lsn = 0
        if now - self._last_look > LOOK_SECONDS:
            self._last_look = now
            if not self.lock.check():
                wal.panic(Panic('data directory lock file "postmaster.pid" is not ours any more'))
            if (now - self._last_checkpoint) * 1000 >= settings.checkpoint_timeout:
                self.checkpoint(force=False)

    def checkpoint(self, *, force: bool = True) -> bool:
        """An online checkpoint."""
        self._last_checkpoint = time.monotonic()
        with INTERRUPTS.hold():
            return create_checkpoint(self, force=force)

    def slru_areas(self) -> list[SlruBuffers]:
        """What a checkpoint writes beside the pool."""
        return [
            self.clog.buffers, *self.commit_ts.areas(), self.subtrans.files,
            *self.multixact.areas(),
        ]  # fmt: skip

    def remove_old_wal(self, redo: int) -> None:
        """Remove, or keep for reuse, segments that nothing needs any more."""
        nbytes = redo - self._prior_redo
        self._prior_redo = redo
        self._distance = max(float(nbytes), 0.9 * self._distance + 0.1 * nbytes)
        remove_old_segments(
            self.wal.writer, redo, self.settings, slot_limits(self.backend), self._distance
        )

    def write_control(self) -> None:
        """Bring pg_control to disk."""
        self.control.time = int(time.time())
        write = partial(self.backend.write, control_file.CONTROL_FILE, 0)
        with self.wal.critical():
            write(control_file.build(self.major, self.control, crc=True))
            self.backend.sync(control_file.CONTROL_FILE)

    def shutdown(self) -> None:
        """End it: transactions rolled back, a shutdown checkpoint, the lock given back."""
        with INTERRUPTS.hold():
            self._shutdown()

    def _shutdown(self) -> None:
        try:
            if self.panicked is None:
                for xact in list(self.sessions):
                    self.end_session(xact)
                create_checkpoint(self, shutdown=True)
                self.stats.write(self.backend)
        finally:
            self._let_go()

    def abandon(self) -> None:
        """Let go without writing anything more, as if the process had been killed."""
        self.backend.failed = self.backend.failed or Panic("the instance was abandoned")
        self._let_go()

    def _let_go(self) -> None:
        """The directory is anybody's again."""
        _RUNNING.pop(os.path.realpath(self.backend.root), None)
        atexit.unregister(self._at_exit)
        if not _RUNNING:
            INTERRUPTS.restore()
        self.lock.release()
        self.backend.close()

    def _at_exit(self) -> None:
        """The process ends without having said so: end in order all the same."""
        if os.getpid() == self.lock.pid:
            try:
                self.shutdown()
            except (PgtoolError, OSError) as error:
                sys.stderr.write(f"pgtool: {error}\n")


def _crashed(files: Directory, control: Container) -> bool:
    """Whether crash recovery must come first; UserError where more is to be decided."""
    if files.exists(BACKUP_LABEL):
        raise UserError(
            f'"{files.root}" is a base backup that was never recovered: use pgtool recover'
        )
    for name in _SIGNALS:
        if files.exists(name):
            raise Unsupported(f"writing where {name} asks for recovery")
    return bool(control.state != DBState.DB_SHUTDOWNED)


def _defaults(files: Directory, control: Container) -> InstanceSettings:
    """The directory's configuration; where it has none, the settings of its last server."""
    out = InstanceSettings()
    if not files.exists("postgresql.conf"):
        out = out.changed({
            "max_connections": str(control.MaxConnections),
            "max_worker_processes": str(control.max_worker_processes),
            "max_wal_senders": str(control.max_wal_senders),
            "max_prepared_transactions": str(control.max_prepared_xacts),
            "max_locks_per_transaction": str(control.max_locks_per_xact),
            "wal_level": ("minimal", "replica", "logical")[control.wal_level],
            "wal_log_hints": str(int(control.wal_log_hints)),
            "track_commit_timestamp": str(int(control.track_commit_timestamp)),
        })  # fmt: skip
    return out.changed(configured(files))
