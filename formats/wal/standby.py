"""Records of the Standby resource manager: what a hot standby must know of the primary.

Source: ``storage/standbydefs.h``, ``storage/lockdefs.h``.
"""

from __future__ import annotations

from construct import Struct, this

from formats.units import Bool, Oid, Raw, TransactionId, int32
from formats.wal.rmgrs import Counted, RecordType, always
from formats.wal.sinval import SharedInvalidationMessage

xl_standby_lock = Struct(
    "xid" / TransactionId * "transaction that holds the AccessExclusiveLock",
    "dbOid" / Oid * "database of the table",
    "relOid" / Oid * "the table",
)
assert xl_standby_lock.sizeof() == 12

xl_standby_locks = Struct("nlocks" / int32 * "number of locks")

xl_running_xacts = Struct(
    "xcnt" / int32 * "number of running transactions",
    "subxcnt" / int32 * "number of running subtransactions that are listed",
    "subxid_overflow" / Bool * "whether there are too many subtransactions to list",
    "pad" / Raw(3) * "alignment",
    "nextXid" / TransactionId * "next transaction ID to assign",
    "oldestRunningXid" / TransactionId * "oldest transaction still running",
    "latestCompletedXid" / TransactionId * "newest transaction that has ended",
)
assert xl_running_xacts.sizeof() == 24

xl_invalidations = Struct(
    "dbId" / Oid * "database of the sender",
    "tsId" / Oid * "that database's default tablespace",
    "relcacheInitFileInval" / Bool * "whether the relation cache's start file is stale too",
    "pad" / Raw(3) * "alignment",
    "nmsgs" / int32 * "number of messages",
)
assert xl_invalidations.sizeof() == 16

RECORDS = (
    RecordType(
        0x00,
        "LOCK",
        always(xl_standby_locks, "locks" / Counted(this.nlocks, xl_standby_lock) * "the locks"),
    ),
    RecordType(
        0x10,
        "RUNNING_XACTS",
        always(
            xl_running_xacts,
            "xids"
            / Counted(this.xcnt + this.subxcnt, TransactionId)
            * "the transactions, then the subtransactions",
        ),
    ),
    RecordType(
        0x20,
        "INVALIDATIONS",
        always(
            xl_invalidations,
            "msgs" / Counted(this.nmsgs, SharedInvalidationMessage) * "the messages",
        ),
    ),
)
