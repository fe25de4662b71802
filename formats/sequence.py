"""The page of a sequence: one heap tuple, one magic number.

Source: ``commands/sequence.{h,c}``. A sequence's file is a single page that looks like a
heap page: line pointer 1 leads to a tuple whose data is :data:`FormData`; the special
space holds the magic number. The tuple is frozen and updated in place.
"""

from __future__ import annotations

from construct import Struct

from formats.derive import sizeof
from formats.units import BLCKSZ, Raw, int64, uint8, uint32

SEQ_MAGIC = 0x1717

SequenceSpecial = Struct(
    "magic" / uint32 * "SEQ_MAGIC",
    "pad" / Raw(4) * "to the alignment of the special space",
)
assert sizeof(SequenceSpecial) == 8
SPECIAL_OFFSET = BLCKSZ - sizeof(SequenceSpecial)

FormData = Struct(
    "last_value" / int64 * "the value given out last, or the first one to give out",
    "log_cnt" / int64 * "values that may be given out before the next WAL record",
    "is_called" / uint8 * "1 if last_value was given out already",
)
