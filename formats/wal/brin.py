"""Records of the BRIN resource manager: summaries of block ranges written and removed.

Source: ``access/brin_xlog.h``. Where a summary tuple is written it stands in the data of
block reference 0.
"""

from __future__ import annotations

from construct import Construct, GreedyBytes, Struct

from formats.brin import BrinTuple
from formats.units import BlockNumber, OffsetNumber, Raw, uint16
from formats.version import ByMajor
from formats.wal.rmgrs import RecordType, always

XLOG_BRIN_INIT_PAGE = 0x80

xl_brin_createidx = Struct(
    "pagesPerRange" / BlockNumber * "heap blocks that one summary covers",
    "version" / uint16 * "version of the index's format",
)
assert xl_brin_createidx.sizeof() == 6

xl_brin_insert = Struct(
    "heapBlk" / BlockNumber * "first heap block of the range",
    "pagesPerRange" / BlockNumber * "heap blocks that one summary covers",
    "offnum" / OffsetNumber * "line pointer that the tuple gets",
)
assert xl_brin_insert.sizeof() == 10

xl_brin_update = Struct(
    "oldOffnum" / OffsetNumber * "line pointer of the old tuple on its page",
    "pad" / Raw(2) * "alignment",
    "insert" / xl_brin_insert * "the new tuple",
)
assert xl_brin_update.sizeof() == 14

xl_brin_samepage_update = Struct("offnum" / OffsetNumber * "line pointer of the tuple")
xl_brin_revmap_extend = Struct("targetBlk" / BlockNumber * "block that becomes part of the map")

xl_brin_desummarize = Struct(
    "pagesPerRange" / BlockNumber * "heap blocks that one summary covers",
    "heapBlk" / BlockNumber * "first heap block of the range that loses its summary",
    "regOffset" / OffsetNumber * "line pointer of the summary tuple",
)
assert xl_brin_desummarize.sizeof() == 10

_TUPLE: dict[int, ByMajor[Construct]] = {
    0: always(BrinTuple, "values" / GreedyBytes * "null bits and values of the summary")
}
_INIT = {XLOG_BRIN_INIT_PAGE: "+INIT"}

RECORDS = (
    RecordType(0x00, "CREATE_INDEX", always(xl_brin_createidx)),
    RecordType(0x10, "INSERT", always(xl_brin_insert), blocks=_TUPLE, flags=_INIT),
    RecordType(0x20, "UPDATE", always(xl_brin_update), blocks=_TUPLE, flags=_INIT),
    RecordType(0x30, "SAMEPAGE_UPDATE", always(xl_brin_samepage_update), blocks=_TUPLE),
    RecordType(0x40, "REVMAP_EXTEND", always(xl_brin_revmap_extend)),
    RecordType(0x50, "DESUMMARIZE", always(xl_brin_desummarize)),
)
