"""The end of recovery: what only now can be decided, and everything written out.

Order, for a directory that must survive being killed at any point: data pages and SLRUs are
written and synced first; then a checkpoint record goes behind the end of WAL; the files of
prepared transactions get their names; then pg_control says that the cluster is shut down.
Until that last step a server (or another run) would recover from the same checkpoint as
before, and find the same.
"""

from __future__ import annotations

import time
from struct import error as StructFault

from construct import Container

from formats.control import CheckPoint, DBState
from formats.derive import reader
from formats.slru import (
    CLOG_XACTS_PER_BYTE,
    COMMIT_TS,
    MULTIXACT_MEMBERGROUP_SIZE,
    MULTIXACT_MEMBERS,
    MULTIXACT_MEMBERS_PER_MEMBERGROUP,
    MULTIXACT_OFFSETS,
    SUBTRANS,
    XACT,
)
from formats.units import BLCKSZ, Lsn
from formats.wal import xlog
from formats.wal.page import SIZE_OF_SHORT_PHD, XLogPageHeaderData, parse_segment_name
from formats.wal.record import DecodedRecord, FragmentId
from pgtool.errors import CorruptData, PgtoolError, UserError
from pgtool.transam.recovery import origins, promotion, unlogged
from pgtool.transam.recovery.driver import Recovery
from pgtool.transam.recovery.start import SIGNALS
from pgtool.transam.recovery.targets import Kind
from pgtool.transam.redo import twophase
from pgtool.transam.redo.state import RecoveryState
from pgtool.wal.archive import inventory
from pgtool.wal.walk import checksum

RM_XLOG = 0
read_page_header = reader(XLogPageHeaderData)
SHUTDOWN = next(row.opcode for row in xlog.RECORDS if row.name == "CHECKPOINT_SHUTDOWN")


def wal_behind(run: Recovery) -> str | None:
    """A segment with valid WAL behind the end; None where there is none, as there should be.

    A segment is on disk, whole, before the next one is begun. So where the next one is
    valid and replay ended before it, what is in between is damaged or missing. Not valid is
    one of the timeline that was left, which a server renames for later use on the new one.
    """
    if run.reached_target:
        return None
    source = run.start.source
    size = source.segment_size
    for name in inventory(source.directories):
        tli, segno = parse_segment_name(name, size)
        if segno <= int(run.end) // size or tli not in source.line():
            continue
        found = source.locate(segno)
        if found is None or found[1] != tli:
            continue
        try:
            head = read_page_header(source.read(segno * size, SIZE_OF_SHORT_PHD), 0)
        except (PgtoolError, StructFault):
            continue
        if (
            head.xlp_pageaddr == segno * size
            and head.xlp_magic == source.info.magic
            and head.xlp_tli == source.tli_at(segno * size)
        ):
            return name
    return None


def check_end(run: Recovery, *, lost_wal_is_an_error: bool = True) -> None:
    """Whether recovery got far enough; an error in the server's words where not."""
    behind = wal_behind(run) if lost_wal_is_an_error else None
    if behind is not None:
        segment = run.start.source.file_name(int(run.end) // run.start.source.segment_size)
        raise CorruptData(
            f"WAL cannot be read at {run.end} in {segment} ({run.why_ended}), but segment {behind} "
            "behind it holds valid WAL, which would be lost; to accept that, move it away",
            file=behind,
        )
    if run.target.wanted and not run.reached_target and run.target.kind is not Kind.REST:
        raise UserError(
            "recovery ended before configured recovery target was reached "
            f"({run.target}; WAL ends at {run.end}: {run.why_ended})"
        )
    if not run.start.archive:
        run.reach_consistency()
        return
    if run.consistent:
        return
    start = run.start
    if run.reached_target:
        raise UserError("requested recovery stop point is before consistent recovery point")
    if start.backup_start or start.backup_end_required:
        raise CorruptData(
            f"WAL ends before end of online backup ({run.end}: {run.why_ended}); all WAL "
            "generated while online backup was taken must be available at recovery"
        )
    raise CorruptData(
        f"WAL ends before consistent recovery point ({run.end}, "
        f"{start.min_recovery_point} is needed): {run.why_ended}"
    )


# -- what only the end decides ----------------------------------------------------------------


def settle(run: Recovery) -> None:
    """Prepared transactions, SLRU pages at the counters' ends, unlogged relations."""
    state = run.state
    twophase.settle(state)
    trim_clog(state)
    _start_subtrans(state)
    _trim_multixacts(state)
    _start_commit_ts(state)
    run.pool.flush_all()
    run.pool.touched.update(unlogged.make_anew(run.backend, run.major))


def trim_clog(state: RecoveryState) -> None:
    """Zero what follows the next xid on its page of pg_xact."""
    number, entry = divmod(state.next_xid & 0xFFFFFFFF, XACT.per_page)
    if not entry:
        return
    byte, index = divmod(entry, CLOG_XACTS_PER_BYTE)
    page = state.clog.change(number)
    page[byte] &= (1 << 2 * index) - 1
    page[byte + 1 :] = bytes(BLCKSZ - byte - 1)


def _start_subtrans(state: RecoveryState) -> None:
    """pg_subtrans does not survive a crash: it begins anew at the oldest prepared xid."""
    following = state.next_xid & 0xFFFFFFFF
    oldest = following
    for xid in state.prepared:
        if (xid - oldest) & 0x80000000:
            oldest = xid
    number, last = oldest // SUBTRANS.per_page, following // SUBTRANS.per_page
    most = 0xFFFFFFFF // SUBTRANS.per_page
    while True:
        state.subtrans.zero(number)
        if number == last:
            break
        number = 0 if number == most else number + 1
    for xid, known in state.prepared.items():
        for child in twophase.children_of(known.state, state.major):
            state.set_parent(child, xid)


def _trim_multixacts(state: RecoveryState) -> None:
    """Zero what follows the next multixact and the next member."""
    number, entry = divmod(state.next_multi, MULTIXACT_OFFSETS.per_page)
    if entry or state.offsets.exists(number):
        page = state.offsets.change(number)
        page[4 * entry :] = bytes(BLCKSZ - 4 * entry)
        if state.next_multi > 1:
            page[4 * entry : 4 * entry + 4] = state.next_multi_offset.to_bytes(4, "little")
    number, entry = divmod(state.next_multi_offset, MULTIXACT_MEMBERS.per_page)
    if entry:
        page = state.members.change(number)
        group, index = divmod(entry, MULTIXACT_MEMBERS_PER_MEMBERGROUP)
        base = group * MULTIXACT_MEMBERGROUP_SIZE
        at = base + MULTIXACT_MEMBERS_PER_MEMBERGROUP + 4 * index
        page[at:] = bytes(BLCKSZ - at)


def _start_commit_ts(state: RecoveryState) -> None:
    """Where commit times are kept, the page of the next xid is there."""
    if not state.track_commit_timestamp:
        return
    if not state.oldest_commit_ts:
        state.oldest_commit_ts = state.newest_commit_ts = state.next_xid & 0xFFFFFFFF
    number = (state.next_xid & 0xFFFFFFFF) // COMMIT_TS.per_page
    if not state.commit_ts.exists(number):
        state.commit_ts.zero(number)


def write_out(run: Recovery) -> None:
    """Everything but prepared transactions reaches the backend, and there the disk."""
    run.pool.flush_all()
    for area in run.state.areas():
        area.flush()
    origins.write(run.state)
    if run.durable:
        run.pool.sync()
        for area in run.state.areas():
            area.sync()


# -- pg_control and the last checkpoint ---------------------------------------------------------


def checkpoint_at(run: Recovery, redo: int, tli: int, previous: int) -> Container:
    """The body of the checkpoint that ends recovery."""
    state = run.state
    values: dict[str, object] = {
        "redo": Lsn(redo), "ThisTimeLineID": tli, "PrevTimeLineID": previous,
        "fullPageWrites": state.full_page_writes, "wal_level": run.control.wal_level,
        "nextXid": state.next_xid, "nextOid": state.next_oid, "nextMulti": state.next_multi,
        "nextMultiOffset": state.next_multi_offset, "oldestXid": state.oldest_xid,
        "oldestXidDB": state.oldest_xid_db, "oldestMulti": state.oldest_multi,
        "oldestMultiDB": state.oldest_multi_db, "time": int(time.time()),
        "oldestCommitTsXid": state.oldest_commit_ts, "newestCommitTsXid": state.newest_commit_ts,
        "oldestActiveXid": 0,
    }  # fmt: skip
    old = run.start.checkpoint
    return Container({key: values.get(key, old[key]) for key in old if not key.startswith("_")})


def record_bytes(major: int, rmid: int, info: int, main: bytes, prev: int) -> bytes:
    """A record without block references."""
    short = int(FragmentId.XLR_BLOCK_ID_DATA_SHORT)
    size = 24 + 2 + len(main)
    rec = DecodedRecord(
        Lsn(0), Lsn(0), Lsn(prev), major, 0, size, 0, info, rmid, 0, bytes(2), [], [short],
        main=main,
    )  # fmt: skip
    rec.crc = checksum(rec.build())
    return rec.build()


def finish_overlay(run: Recovery) -> None:
    """Over an overlay: pg_control alone tells that the cluster is whole."""
    twophase.write(run.state)
    control = run.control
    control.state = DBState.DB_SHUTDOWNED
    control.checkPoint = run.last
    control.checkPointCopy = checkpoint_at(run, run.end, run.end_tli, run.end_tli)
    _no_recovery(run)
    for name in SIGNALS:
        if run.backend.exists(name):
            run.backend.unlink(name)
    run.write_control()


def finish_paused(run: Recovery) -> None:
    """Stop in recovery: a later start goes on replaying from the checkpoint before."""
    from pgtool.transam.recovery.walend import keep_wal

    keep_wal(run)
    control = run.control
    control.state = DBState.DB_SHUTDOWNED_IN_RECOVERY
    control.minRecoveryPoint = max(run.end, control.minRecoveryPoint)
    control.minRecoveryPointTLI = run.end_tli
    run.write_control()


def finish_directory(run: Recovery, *, promote: bool) -> int:
    """A checkpoint behind the end of WAL, then pg_control; the timeline is returned."""
    from pgtool.transam.recovery.walend import open_end

    twophase.stage(run.state)
    previous = run.end_tli
    tli = promotion.new_timeline(run) if promote else previous
    writer, last = open_end(run, tli)
    redo = writer.next_start()
    body = checkpoint_at(run, redo, tli, previous if promote else tli)
    writer.append(
        record_bytes(run.major, RM_XLOG, SHUTDOWN, CheckPoint[run.major].build(body), last)
    )
    writer.flush(writer.end)
    if promote:
        promotion.write_history(run, tli)
    twophase.publish(run.state)
    control = run.control
    control.state = DBState.DB_SHUTDOWNED
    control.checkPoint = Lsn(redo)
    control.checkPointCopy = body
    _no_recovery(run)
    run.write_control()
    promotion.tidy_up(run.backend, SIGNALS)
    return tli


def _no_recovery(run: Recovery) -> None:
    control = run.control
    control.minRecoveryPoint = control.minRecoveryPointTLI = 0
    control.backupStartPoint = control.backupEndPoint = 0
    control.backupEndRequired = False
