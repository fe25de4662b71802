"""Records of the CLOG resource manager: pages of pg_xact begun and segments removed.

Source: ``access/clog.h``. Page numbers grew to 64 bits in PostgreSQL 17.
"""

from __future__ import annotations

from construct import Construct, Struct

from formats.units import Oid, TransactionId, int32, int64
from formats.version import ByMajor
from formats.wal.rmgrs import RecordType, record


def _zero_page(number: Construct) -> Struct:
    return Struct("pageno" / number * "page of pg_xact that begins, all zeros")


def _truncate(number: Construct) -> Struct:
    return Struct(
        "pageno" / number * "first page that stays",
        "oldestXact" / TransactionId * "oldest transaction whose status is kept",
        "oldestXactDb" / Oid * "a database that still needs it",
    )


clog_zeropage = ByMajor({14: _zero_page(int32), 17: _zero_page(int64)})
xl_clog_truncate = ByMajor({14: _truncate(int32), 17: _truncate(int64)})
assert [layout.sizeof() for layout in xl_clog_truncate.distinct()] == [12, 16]

RECORDS = (
    RecordType(
        0x00, "ZEROPAGE", ByMajor({14: record(clog_zeropage[14]), 17: record(clog_zeropage[17])})
    ),
    RecordType(
        0x10,
        "TRUNCATE",
        ByMajor({14: record(xl_clog_truncate[14]), 17: record(xl_clog_truncate[17])}),
    ),
)
