"""The index tuple: btree, hash and GiST pages and GIN's entry pages hold these.

Source: ``access/itup.h``. Eight bytes of header, then (where INDEX_NULL_MASK is set) a
null bitmap of fixed size, then the key attributes at the next 8-byte boundary. The
access methods use ``t_tid`` and INDEX_AM_RESERVED_BIT in their own ways.
"""

from __future__ import annotations

import enum

from construct import Struct

from formats.itemptr import ItemPointerData
from formats.units import Flags, maxalign, uint16

INDEX_MAX_KEYS = 32
INDEX_SIZE_MASK = 0x1FFF
INDEX_ATTRIBUTE_BITMAP_SIZE = (INDEX_MAX_KEYS + 7) // 8


class IndexInfo(enum.IntFlag):
    """``t_info``; its low thirteen bits hold the size of the tuple."""

    INDEX_AM_RESERVED_BIT = 0x2000
    INDEX_VAR_MASK = 0x4000
    INDEX_NULL_MASK = 0x8000


IndexTupleData = Struct(
    "t_tid" / ItemPointerData * "the heap tuple; in inner tuples the child page",
    "t_info" / Flags(uint16, IndexInfo) * "size in bytes, and whether there are nulls or varlenas",
)
SIZEOF_INDEX_TUPLE = IndexTupleData.sizeof()
assert SIZEOF_INDEX_TUPLE == 8


def tuple_size(t_info: int) -> int:
    """Bytes of the tuple, header included, as the tuple itself says."""
    return t_info & INDEX_SIZE_MASK


def data_offset(t_info: int) -> int:
    """Offset of the first key attribute from the start of the tuple."""
    if t_info & IndexInfo.INDEX_NULL_MASK:
        return maxalign(SIZEOF_INDEX_TUPLE + INDEX_ATTRIBUTE_BITMAP_SIZE)
    return SIZEOF_INDEX_TUPLE
