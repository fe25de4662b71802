"""Records of the Sequence resource manager: a sequence's only row, whole.

Source: ``commands/sequence.h``. The page is written anew from the tuple in the record.
"""

from __future__ import annotations

from construct import Struct, this

from formats.heap import SIZEOF_HEAP_TUPLE_HEADER, HeapTupleHeaderData
from formats.sequence import FormData
from formats.units import Raw
from formats.wal.record import RelFileLocator
from formats.wal.rmgrs import RecordType, always

xl_seq_rec = Struct("locator" / RelFileLocator * "the sequence's file")
assert xl_seq_rec.sizeof() == 12

RECORDS = (
    RecordType(
        0x00,
        "LOG",
        always(
            xl_seq_rec,
            "header" / HeapTupleHeaderData * "header of the row's tuple",
            "pad" / Raw(this.header.t_hoff - SIZEOF_HEAP_TUPLE_HEADER) * "up to t_hoff",
            FormData,
        ),
    ),
)
