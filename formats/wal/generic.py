"""Records of the Generic resource manager: byte ranges of pages that an extension changed.

Source: ``access/generic_xlog.c``. Each block reference carries a list of changed ranges;
the info byte has no meaning, so every value of it is the same record type.
"""

from __future__ import annotations

from construct import GreedyRange, Struct, this

from formats.units import OffsetNumber, Raw
from formats.wal.rmgrs import RecordType, always

MAX_GENERIC_XLOG_PAGES = 4

generic_fragment = Struct(
    "offset" / OffsetNumber * "where the range lies in the page",
    "length" / OffsetNumber * "bytes of the range",
)
assert generic_fragment.sizeof() == 4

_FRAGMENTS = always(
    "fragments"
    / GreedyRange(Struct(*generic_fragment.subcons, "data" / Raw(this.length) * "new bytes"))
    * "changed ranges in ascending order"
)

RECORDS = (
    RecordType(
        0x00,
        "Generic",
        _FRAGMENTS,
        blocks=dict.fromkeys(range(MAX_GENERIC_XLOG_PAGES), _FRAGMENTS),
        flags=dict.fromkeys((0x10, 0x20, 0x40, 0x80), ""),
    ),
)
