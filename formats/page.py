"""The page: header and line pointers, shared by heap, index and sequence files.

Source: ``storage/bufpage.h``, ``storage/itemid.h``. A page is BLCKSZ bytes: the header,
line pointers growing up to ``pd_lower``, a hole, tuples growing down to ``pd_upper``,
and the access method's special space from ``pd_special`` to the end.
"""

from __future__ import annotations

import enum

from construct import Struct

from formats.units import (
    BitFields,
    Flags,
    LocationIndex,
    PageXLogRecPtr,
    TransactionId,
    uint16,
    uint32,
)

SIZE_OF_PAGE_HEADER = 24
PG_PAGE_LAYOUT_VERSION = 4


class PageFlags(enum.IntFlag):
    """``pd_flags``."""

    PD_HAS_FREE_LINES = 0x0001
    PD_PAGE_FULL = 0x0002
    PD_ALL_VISIBLE = 0x0004


class LpFlags(enum.IntEnum):
    """``lp_flags`` of a line pointer."""

    LP_UNUSED = 0
    LP_NORMAL = 1
    LP_REDIRECT = 2
    LP_DEAD = 3


PageHeaderData = Struct(
    "pd_lsn" / PageXLogRecPtr * "end of the WAL record of the last change; 0 if never logged",
    "pd_checksum" / uint16 * "page checksum, 0 where checksums are off",
    "pd_flags" / Flags(uint16, PageFlags) * "free-line, full and all-visible hints",
    "pd_lower" / LocationIndex * "offset of the end of the line pointers",
    "pd_upper" / LocationIndex * "offset of the start of tuple data",
    "pd_special" / LocationIndex * "offset of the special space",
    "pd_pagesize_version" / uint16 * "page size in bytes | layout version (4)",
    "pd_prune_xid" / TransactionId * "oldest xid whose removal makes pruning worth while",
)
assert PageHeaderData.sizeof() == SIZE_OF_PAGE_HEADER

ItemIdData = BitFields(uint32, lp_off=15, lp_flags=2, lp_len=15)
assert ItemIdData.sizeof() == 4
