"""Parts that records of several resource managers carry: tuples, offset arrays, paddings.

A record seldom holds a whole tuple as it lies on a page. A heap tuple comes as five bytes
of :data:`xl_heap_header` and what follows the 23-byte tuple header (null bitmap, padding,
attributes); an index tuple comes as it is, its length in its own ``t_info``. Compilers pad
structs, writers align tuples: such bytes are kept under a name, since a record must build
to the same bytes.
"""

from __future__ import annotations

import io
from typing import Any

from construct import Construct, GreedyBytes, ListContainer, StreamError, Struct

from formats.heap import SIZEOF_HEAP_TUPLE_HEADER, HeapInfomask, HeapInfomask2
from formats.itup import INDEX_SIZE_MASK, SIZEOF_INDEX_TUPLE, IndexTupleData
from formats.units import Flags, OffsetNumber, Raw, maxalign, uint8, uint16
from formats.wal.rmgrs import Counted


def left(stream: Any) -> int:
    """Bytes between the stream's position and its end."""
    here = stream.tell()
    out = stream.seek(0, io.SEEK_END) - here
    stream.seek(here)
    return int(out)


class All(Construct):
    """Items up to the end of the data; unlike a greedy range it does not hide an error."""

    def __init__(self, item: Construct) -> None:
        super().__init__()
        self.item = item

    def _parse(self, stream: Any, context: Any, path: str) -> ListContainer:
        out = ListContainer()
        end = stream.tell() + left(stream)
        while stream.tell() < end:
            before = stream.tell()
            out.append(self.item._parsereport(stream, context, path))
            if stream.tell() == before:
                raise StreamError("an item takes no bytes", path=path)
        return out

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        for value in obj:
            self.item._build(value, stream, context, path)
        return obj


def offsets(count: Any) -> Construct:
    """``count`` line pointer numbers."""
    return Counted(count, OffsetNumber)


# -- heap ----------------------------------------------------------------------------------

xl_heap_header = Struct(
    "t_infomask2" / Flags(uint16, HeapInfomask2) * "t_infomask2 of the tuple",
    "t_infomask" / Flags(uint16, HeapInfomask) * "t_infomask of the tuple",
    "t_hoff" / uint8 * "offset of the first attribute from the start of the tuple",
)
assert xl_heap_header.sizeof() == 5


def _bits_length(context: Any) -> int:
    return int(context.t_hoff) - SIZEOF_HEAP_TUPLE_HEADER


def heap_tuple(data: Construct) -> Struct:
    """A logged heap tuple: short header, bitmap and padding, and the attributes."""
    return Struct(
        *xl_heap_header.subcons,
        "t_bits" / Raw(_bits_length) * "null bitmap and padding, up to t_hoff",
        "data" / data * "the attributes",
    )


#: A heap tuple that ends where the data ends.
HeapTuple = heap_tuple(GreedyBytes)

# -- index ---------------------------------------------------------------------------------


def _index_data_length(context: Any) -> int:
    return (int(context.t_info) & INDEX_SIZE_MASK) - SIZEOF_INDEX_TUPLE


def _index_padding_length(context: Any) -> int:
    size = int(context.t_info) & INDEX_SIZE_MASK
    return maxalign(size) - size


#: An index tuple of its own length.
IndexTuple = Struct(
    *IndexTupleData.subcons,
    "data" / Raw(_index_data_length) * "null bitmap, if any, and the keys",
)

#: An index tuple as it lies on a page, where the next one starts at a multiple of 8.
PageIndexTuple = Struct(
    *IndexTuple.subcons,
    "padding" / Raw(_index_padding_length) * "alignment",
)
