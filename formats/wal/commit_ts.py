"""Records of the CommitTs resource manager: pages of pg_commit_ts begun and removed.

Source: ``access/commit_ts.h``. Page numbers grew to 64 bits in PostgreSQL 17. The time
stamps themselves come with the commit records.
"""

from __future__ import annotations

from construct import Construct, Struct

from formats.units import TransactionId, int32, int64
from formats.version import ByMajor
from formats.wal.rmgrs import RecordType, record


def _zero_page(number: Construct) -> Struct:
    return Struct("pageno" / number * "page of pg_commit_ts that begins, all zeros")


def _truncate(number: Construct) -> Struct:
    return Struct(
        "pageno" / number * "first page that stays",
        "oldestXid" / TransactionId * "oldest transaction whose time stamp is kept",
    )


commit_ts_zeropage = ByMajor({14: _zero_page(int32), 17: _zero_page(int64)})
xl_commit_ts_truncate = ByMajor({14: _truncate(int32), 17: _truncate(int64)})
assert [layout.sizeof() for layout in xl_commit_ts_truncate.distinct()] == [8, 12]

RECORDS = (
    RecordType(
        0x00,
        "ZEROPAGE",
        ByMajor({14: record(commit_ts_zeropage[14]), 17: record(commit_ts_zeropage[17])}),
    ),
    RecordType(
        0x10,
        "TRUNCATE",
        ByMajor({14: record(xl_commit_ts_truncate[14]), 17: record(xl_commit_ts_truncate[17])}),
    ),
)
