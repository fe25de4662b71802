"""Records of the Sequence resource manager: a sequence's only row, whole.

Source: ``commands/sequence.h``. The page is written anew from the tuple in the record.
"""

from __future__ import annotations

from construct import Struct, this

from formats.heap import SIZEOF_HEAP_TUPLE_HEADER, HeapTupleHeaderData
from formats.units import Raw, int64, uint8
from formats.wal.record import RelFileLocator
from formats.wal.rmgrs import RecordType, always

xl_seq_rec = Struct("locator" / RelFileLocator * "the sequence's file")
assert xl_seq_rec.sizeof() == 12

FormData_pg_sequence_data = Struct(
    "last_value" / int64 * "the value that nextval gave last, or that it gives first",
    "log_cnt" / int64 * "values that may be given out before the next record",
    "is_called" / uint8 * "1 if last_value has been given out",
)

RECORDS = (
    RecordType(
        0x00,
        "LOG",
        always(
            xl_seq_rec,
            "header" / HeapTupleHeaderData * "header of the row's tuple",
            "pad" / Raw(this.header.t_hoff - SIZEOF_HEAP_TUPLE_HEADER) * "up to t_hoff",
            FormData_pg_sequence_data,
        ),
    ),
)
