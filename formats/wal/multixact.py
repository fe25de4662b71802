"""Records of the MultiXact resource manager: sets of row lockers made and forgotten.

Source: ``access/multixact.h``. Page numbers grew to 64 bits in PostgreSQL 17.
"""

from __future__ import annotations

from construct import Construct, Struct, this

from formats.slru import MultiXactStatus
from formats.units import Choice, MultiXactId, MultiXactOffset, Oid, TransactionId, int32, int64
from formats.version import ByMajor
from formats.wal.rmgrs import Counted, RecordType, always, record


def _zero_page(number: Construct) -> Struct:
    return Struct("pageno" / number * "page that begins, all zeros")


multixact_zeropage = ByMajor({14: _zero_page(int32), 17: _zero_page(int64)})

MultiXactMember = Struct(
    "xid" / TransactionId * "transaction",
    "status" / Choice(int32, MultiXactStatus) * "what it does to the row",
)
assert MultiXactMember.sizeof() == 8

xl_multixact_create = Struct(
    "mid" / MultiXactId * "the new multixact",
    "moff" / MultiXactOffset * "its first slot in pg_multixact/members",
    "nmembers" / int32 * "number of members",
)
assert xl_multixact_create.sizeof() == 12

xl_multixact_truncate = Struct(
    "oldestMultiDB" / Oid * "a database that still needs the oldest multixact kept",
    "startTruncOff" / MultiXactId * "first multixact removed",
    "endTruncOff" / MultiXactId * "first multixact kept",
    "startTruncMemb" / MultiXactOffset * "first member slot removed",
    "endTruncMemb" / MultiXactOffset * "first member slot kept",
)
assert xl_multixact_truncate.sizeof() == 20

_ZERO_PAGE = ByMajor({14: record(multixact_zeropage[14]), 17: record(multixact_zeropage[17])})

RECORDS = (
    RecordType(0x00, "ZERO_OFF_PAGE", _ZERO_PAGE),
    RecordType(0x10, "ZERO_MEM_PAGE", _ZERO_PAGE),
    RecordType(
        0x20,
        "CREATE_ID",
        always(
            xl_multixact_create,
            "members" / Counted(this.nmembers, MultiXactMember) * "who holds the row and how",
        ),
    ),
    RecordType(0x30, "TRUNCATE_ID", always(xl_multixact_truncate)),
)
