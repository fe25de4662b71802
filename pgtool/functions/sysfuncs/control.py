"""pg_control and transactions: pg_control_*, ages, states of transactions, WAL positions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from formats.units import FIRST_NORMAL_XID
from pgtool.errors import SqlError
from pgtool.functions.registry import Call, builtin
from pgtool.functions.values import RecordValue

__all__: list[str] = []

RECORD = 2249
INT_MAX = 2**31 - 1
_EPOCH_2000 = 946684800
FIRST_WITH_SIGNEDNESS = 18
LAST_WITH_PREVIOUS = 16
INT4, INT8, BOOL, TEXT, LSN, XID, OID, TIMESTAMPTZ = 23, 20, 16, 25, 3220, 28, 26, 1184


def _control(call: Call) -> Any:
    return call.session.database.cluster.control


def _lsn(value: int) -> bytes:
    return int(value).to_bytes(8, "little")


def _time(seconds: int) -> int:
    return (int(seconds) - _EPOCH_2000) * 1_000_000


@builtin("pg_control_system", call=True)
def pg_control_system(call: Call) -> RecordValue:
    """Identity of the cluster."""
    c = _control(call)
    # The identifier is unsigned there and printed signed here.
    identifier = (int(c.system_identifier) + 2**63) % 2**64 - 2**63
    return RecordValue(
        RECORD, (INT4, INT4, INT8, TIMESTAMPTZ),
        (c.pg_control_version, c.catalog_version_no, identifier, _time(c.time)),
    )  # fmt: skip


@builtin("pg_control_init", call=True)
def pg_control_init(call: Call) -> RecordValue:
    """What initdb and the build determined."""
    c = _control(call)
    values = [
        c.maxAlign, c.blcksz, c.relseg_size, c.xlog_blcksz, c.xlog_seg_size, c.nameDataLen,
        c.indexMaxKeys, c.toast_max_chunk_size, c.loblksize, bool(c.float8ByVal),
        c.data_checksum_version,
    ]  # fmt: skip
    types = [INT4] * 9 + [BOOL, INT4]
    if call.session.settings.major >= FIRST_WITH_SIGNEDNESS:
        values.append(bool(c.default_char_signedness))
        types.append(BOOL)
    return RecordValue(RECORD, tuple(types), tuple(values))


@builtin("pg_control_recovery", call=True)
def pg_control_recovery(call: Call) -> RecordValue:
    """How far recovery must go."""
    c = _control(call)
    return RecordValue(
        RECORD, (LSN, INT4, LSN, LSN, BOOL),
        (_lsn(c.minRecoveryPoint), c.minRecoveryPointTLI, _lsn(c.backupStartPoint),
         _lsn(c.backupEndPoint), bool(c.backupEndRequired)),
    )  # fmt: skip


def wal_file(call: Call, lsn: int, timeline: int) -> str:
    """The name of the WAL file that holds a position."""
    size = int(_control(call).xlog_seg_size)
    segment = lsn // size
    per_id = (1 << 32) // size
    return f"{timeline:08X}{segment // per_id:08X}{segment % per_id:08X}"


@builtin("pg_control_checkpoint", call=True)
def pg_control_checkpoint(call: Call) -> RecordValue:
    """The last checkpoint."""
    c = _control(call)
    p = c.checkPointCopy
    full = int(p.nextXid)
    return RecordValue(
        RECORD,
        (LSN, LSN, TEXT, INT4, INT4, BOOL, TEXT, OID, XID, XID, XID, OID, XID, XID, OID, XID, XID,
         TIMESTAMPTZ),
        (_lsn(c.checkPoint), _lsn(p.redo), wal_file(call, int(p.redo), int(p.ThisTimeLineID)),
         p.ThisTimeLineID, p.PrevTimeLineID, bool(p.fullPageWrites),
         f"{full >> 32}:{full & 0xFFFFFFFF}", p.nextOid, p.nextMulti, p.nextMultiOffset,
         p.oldestXid, p.oldestXidDB, p.oldestActiveXid, p.oldestMulti, p.oldestMultiDB,
         p.oldestCommitTsXid, p.newestCommitTsXid, _time(p.time)),
    )  # fmt: skip


# -- transactions --------------------------------------------------------------------------


def _signed(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


@builtin("xid_age", call=True)
def xid_age(call: Call, xid: int) -> int:
    """How many transactions ago; frozen ones are as old as can be."""
    if xid < FIRST_NORMAL_XID:
        return INT_MAX
    return _signed(call.session.database.cluster.transactions.next_xid - xid)


@builtin("mxid_age", call=True)
def mxid_age(call: Call, xid: int) -> int:
    """The same of multixacts."""
    if xid == 0:
        return INT_MAX
    return _signed(call.session.database.cluster.transactions.next_multi - xid)


@builtin("pg_xact_status", call=True)
def pg_xact_status(call: Call, full: int) -> str | None:
    """What became of a transaction; NULL where that is forgotten."""
    transactions = call.session.database.cluster.transactions
    if full >= transactions.next_full_xid:
        raise SqlError(f"transaction ID {full} is in the future", "22023")
    xid = full & 0xFFFFFFFF
    if xid < FIRST_NORMAL_XID:
        return "committed" if xid else None
    if full < transactions.next_full_xid - 2**31:
        return None
    if _signed(xid - int(_control(call).checkPointCopy.oldestXid)) < 0:
        return None
    words = {"committed": "committed", "prepared": "in progress", "unknown": None}
    return words.get(transactions.outcome(xid), "aborted")


@builtin("pg_current_snapshot", call=True)
def pg_current_snapshot(call: Call) -> bytes:
    """All transactions have ended."""
    full = call.session.database.cluster.transactions.next_full_xid
    datum: bytes = call.session.types.io_of(call.rettype).input(f"{full}:{full}:")
    return datum


@builtin("pg_current_wal_lsn", "pg_current_wal_insert_lsn", "pg_current_wal_flush_lsn", call=True)
def pg_current_wal_lsn(call: Call) -> bytes:
    """The last checkpoint: after a clean shutdown nothing follows it."""
    return _lsn(_control(call).checkPoint)


@builtin("pg_wal_lsn_diff")
def pg_wal_lsn_diff(a: bytes, b: bytes) -> Decimal:
    """Bytes between two positions."""
    return Decimal(int.from_bytes(a, "little") - int.from_bytes(b, "little"))


@builtin("pg_walfile_name", call=True)
def pg_walfile_name(call: Call, lsn: bytes) -> str:
    """The WAL file of a position on this timeline."""
    timeline = int(_control(call).checkPointCopy.ThisTimeLineID)
    # Up to 16 a position at a boundary belongs to the file that ends there.
    before = call.session.settings.major <= LAST_WITH_PREVIOUS
    return wal_file(call, int.from_bytes(lsn, "little") - before, timeline)


@builtin("pg_prepared_xact", call=True, returns_set=True)
def pg_prepared_xact(call: Call) -> Any:
    """Prepared transactions: refused where there are any, empty where there are none."""
    from pgtool.errors import Unsupported

    if call.session.database.cluster.transactions.prepared:
        raise Unsupported("pg_prepared_xact with prepared transactions")
    return iter(())
