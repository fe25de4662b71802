"""Descriptions of the Standby resource manager's records, and of invalidation messages.

Messages stand in standby records, in commits and prepares, and in heap changes in place:
:func:`invalidations` words them for all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from formats.derive import offset_of, reader, sizeof, struct_of
from formats.errors import CorruptData
from formats.units import TransactionId
from formats.version import ByMajor
from formats.wal import sinval, standby
from formats.wal.sinval import SharedInvalidation
from pgtool.wal.desc.text import items

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_LOCKS = struct_of(standby.xl_standby_locks).unpack_from
_LOCKS_SIZE = sizeof(standby.xl_standby_locks)
_LOCK = struct_of(standby.xl_standby_lock)
_RUNNING = reader(standby.xl_running_xacts)
_RUNNING_SIZE = sizeof(standby.xl_running_xacts)
_XID = struct_of(TransactionId)
_INVALIDATIONS = reader(standby.xl_invalidations)
_INVALIDATIONS_SIZE = sizeof(standby.xl_invalidations)

_MESSAGE_SIZE = sinval.SIZEOF_SHARED_INVALIDATION_MESSAGE
_KIND = offset_of(sinval.SharedInvalCatcacheMsg, "id")


def _worded(text: str, layout: Any, field: str) -> Callable[[bytes, int], str]:
    row = reader(layout)
    return lambda data, at: f"{text} {getattr(row(data, at), field)}"


#: How each kind of message reads. A kind that a major does not know is told by its number.
_KINDS_14: dict[int, Callable[[bytes, int], str]] = {
    SharedInvalidation.SHAREDINVALCATALOG_ID: _worded(
        " catalog", sinval.SharedInvalCatalogMsg, "catId"
    ),
    SharedInvalidation.SHAREDINVALRELCACHE_ID: _worded(
        " relcache", sinval.SharedInvalRelcacheMsg, "relId"
    ),
    SharedInvalidation.SHAREDINVALSMGR_ID: lambda data, at: " smgr",
    SharedInvalidation.SHAREDINVALRELMAP_ID: _worded(
        " relmap db", sinval.SharedInvalRelmapMsg, "dbId"
    ),
    SharedInvalidation.SHAREDINVALSNAPSHOT_ID: _worded(
        " snapshot", sinval.SharedInvalSnapshotMsg, "relId"
    ),
}
_KINDS = ByMajor(
    {
        14: _KINDS_14,
        18: _KINDS_14
        | {
            SharedInvalidation.SHAREDINVALRELSYNC_ID: _worded(
                " relsync", sinval.SharedInvalRelSyncMsg, "relid"
            )
        },
    }
)


def invalidations(
    major: int, data: bytes, at: int, count: int, db: int, tablespace: int, init_file: bool
) -> str:
    """The text of ``count`` messages that begin at ``at``; empty where there are none."""
    if count <= 0:
        return ""
    if at + count * _MESSAGE_SIZE > len(data):
        raise CorruptData(f"{count} invalidation messages do not fit", offset=at, field="nmsgs")
    words = []
    if init_file:
        words.append(f"; relcache init file inval dbid {db} tsid {tablespace}")
    words.append("; inval msgs:")
    kinds = _KINDS[major]
    for start in range(at, at + count * _MESSAGE_SIZE, _MESSAGE_SIZE):
        kind = data[start + _KIND]
        if kind < 128:
            words.append(f" catcache {kind}")
            continue
        word = kinds.get(kind - 256)
        words.append(word(data, start) if word else f" unrecognized id {kind - 256}")
    return "".join(words)


def _lock(rec: DecodedRecord) -> str:
    (count,) = _LOCKS(rec.main)
    return "".join(
        f"xid {xid} db {db} rel {rel} "
        for xid, db, rel in items(_LOCK, rec.main, _LOCKS_SIZE, count)
    )


def _running(rec: DecodedRecord, overflow: str, subxacts: bool) -> str:
    now = _RUNNING(rec.main, 0)
    out = (
        f"nextXid {now.nextXid} latestCompletedXid {now.latestCompletedXid} "
        f"oldestRunningXid {now.oldestRunningXid}"
    )
    if now.xcnt > 0:
        out += f"; {now.xcnt} xacts:{_xids(rec.main, 0, now.xcnt)}"
    if now.subxid_overflow:
        out += overflow
    if subxacts and now.subxcnt > 0:
        out += f"; {now.subxcnt} subxacts:{_xids(rec.main, now.xcnt, now.subxcnt)}"
    return out


def _xids(main: bytes, first: int, count: int) -> str:
    start = _RUNNING_SIZE + first * _XID.size
    return "".join(f" {xid}" for (xid,) in items(_XID, main, start, count))


def _invalidations(rec: DecodedRecord) -> str:
    head = _INVALIDATIONS(rec.main, 0)
    return invalidations(
        rec.major, rec.main, _INVALIDATIONS_SIZE, head.nmsgs, head.dbId, head.tsId,
        bool(head.relcacheInitFileInval),
    )  # fmt: skip


DESCRIBE: dict[str, Describe | ByMajor[Describe]] = {
    "LOCK": _lock,
    "RUNNING_XACTS": ByMajor(
        {
            14: lambda rec: _running(rec, "; subxid ovf", False),
            16: lambda rec: _running(rec, "; subxid overflowed", True),
        }
    ),
    "INVALIDATIONS": _invalidations,
}
