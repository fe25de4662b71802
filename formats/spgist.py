"""SP-GiST pages: meta page, inner pages, leaf pages.

Source: ``access/spgist_private.h``. Every page ends with SpGistPageOpaqueData, whose last
two bytes are SPGIST_PAGE_ID. Block 0 is the meta page, 1 the root, 2 the root for nulls.
An inner tuple is a header, an optional prefix and an array of nodes (each with an index
tuple's header, ``t_tid`` pointing to a child tuple, and a label); leaf tuples of one node
are chained by ``nextOffset``. A tuple whose state is not LIVE has the dead tuple's
header on either kind of page.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

from construct import Array, Struct

from formats.derive import reader, sizeof
from formats.errors import CorruptData
from formats.itemptr import ItemPointerData
from formats.itup import INDEX_ATTRIBUTE_BITMAP_SIZE, IndexTupleData, tid_of, tuple_size
from formats.layout import (
    Item,
    PageView,
    Piece,
    Problems,
    TupleWriter,
    contents_piece,
    header_piece,
    line_pointer_page,
    raw,
    special_piece,
)
from formats.units import (
    BitFields,
    BlockNumber,
    Flags,
    Raw,
    TransactionId,
    int32,
    maxalign,
    uint16,
    uint32,
)

SPGIST_METAPAGE_BLKNO = 0
SPGIST_ROOT_BLKNO = 1
SPGIST_NULL_BLKNO = 2
SPGIST_PAGE_ID = 0xFF82
SPGIST_MAGIC_NUMBER = 0xBA0BABEE
SPGIST_CACHED_PAGES = 8


class SpGistFlags(enum.IntFlag):
    """``flags``."""

    SPGIST_META = 0x0001
    SPGIST_DELETED = 0x0002
    SPGIST_LEAF = 0x0004
    SPGIST_NULLS = 0x0008


class TupState(enum.IntEnum):
    """``tupstate``."""

    LIVE = 0
    REDIRECT = 1
    DEAD = 2
    PLACEHOLDER = 3


SpGistPageOpaqueData = Struct(
    "flags" / Flags(uint16, SpGistFlags) * "meta, leaf, and whether it stores nulls",
    "nRedirection" / uint16 * "redirection tuples on the page",
    "nPlaceholder" / uint16 * "placeholder tuples on the page",
    "spgist_page_id" / uint16 * "0xFF82: an SP-GiST index",
)
assert SpGistPageOpaqueData.sizeof() == 8

SpGistLastUsedPage = Struct(
    "blkno" / BlockNumber * "the page, 4294967295 if none",
    "freeSpace" / int32 * "its free space, perhaps out of date",
)
SpGistMetaPageData = Struct(
    "magicNumber" / uint32 * "0xBA0BABEE",
    "lastUsedPages" / Array(SPGIST_CACHED_PAGES, SpGistLastUsedPage)
    * "page last used for each kind: three parities of inner pages, leaves; then for nulls",
)  # fmt: skip
assert SpGistMetaPageData.sizeof() == 68

SpGistInnerTupleData = Struct(
    "bits" / BitFields(uint32, tupstate=2, allTheSame=1, nNodes=13, prefixSize=16)
    * "state, whether all nodes are equivalent, number of nodes, bytes of the prefix",
    "size" / uint16 * "bytes of the tuple",
    "padding" / Raw(2) * "alignment",
)  # fmt: skip
assert SpGistInnerTupleData.sizeof() == 8

SpGistLeafTupleData = Struct(
    "bits" / BitFields(uint32, tupstate=2, size=30) * "state, and bytes of the tuple",
    "t_info" / BitFields(uint16, nextOffset=14, unused=1, hasNullMask=1)
    * "next tuple of the chain on this page, and whether there is a null bitmap",
    "heapPtr" / ItemPointerData * "the heap tuple",
)  # fmt: skip
assert SpGistLeafTupleData.sizeof() == 12

SpGistDeadTupleData = Struct(
    "bits" / BitFields(uint32, tupstate=2, size=30) * "state, and bytes of the tuple",
    "t_info" / uint16 * "not used",
    "pointer" / ItemPointerData * "where a REDIRECT leads",
    "xid" / TransactionId * "transaction that made the redirection",
)
assert SpGistDeadTupleData.sizeof() == 16

read_opaque = reader(SpGistPageOpaqueData)
read_meta = reader(SpGistMetaPageData)
read_inner = reader(SpGistInnerTupleData)
read_leaf = reader(SpGistLeafTupleData)
read_dead = reader(SpGistDeadTupleData)
_read_node = reader(IndexTupleData)


def _bits(con: Struct, field: str) -> dict[str, tuple[int, int]]:
    (found,) = (f for f in con.subcons if f.name == field)
    return {
        name: (shift, (1 << width) - 1)
        for name, (shift, width) in found.subcon.subcon.bits.items()
    }


_RANGES = {
    "inner": _bits(SpGistInnerTupleData, "bits"),
    "leaf": _bits(SpGistLeafTupleData, "bits"),
    "leaf t_info": _bits(SpGistLeafTupleData, "t_info"),
}


def bit_range(word: int, where: str, name: str) -> int:
    """One bit range of a header word: ``inner``, ``leaf`` (and dead) or ``leaf t_info``."""
    shift, mask = _RANGES[where][name]
    return word >> shift & mask


def nodes(data: bytes, start: int, end: int, count: int) -> list[tuple[int, Any]]:
    """(offset, IndexTupleData) of the nodes of an inner tuple, checked to lie before ``end``."""
    out = []
    for _ in range(count):
        if start + sizeof(IndexTupleData) > end:
            raise CorruptData(f"{count} nodes do not fit into the tuple", offset=start)
        head = _read_node(data, start)
        size = tuple_size(head.t_info)
        if size < sizeof(IndexTupleData) or start + size > end:
            raise CorruptData(f"node of {size} bytes", offset=start, field="t_info")
        out.append((start, head))
        start += size
    return out


def layout(view: PageView, problems: Problems) -> Iterator[Piece]:
    """The pieces of an SP-GiST page."""
    special = special_piece(view, "SpGistPageOpaqueData", SpGistPageOpaqueData)
    yield special
    flags = read_opaque(view.data, special.offset).flags
    if flags & SpGistFlags.SPGIST_META:
        yield header_piece()
        yield contents_piece("SpGistMetaPageData", SpGistMetaPageData)
    elif flags & SpGistFlags.SPGIST_LEAF:
        yield from line_pointer_page(view, _leaf_tuple, problems)
    else:
        yield from line_pointer_page(view, _inner_tuple, problems)


def _leaf_tuple(view: PageView, item: Item) -> list[Piece]:
    out = TupleWriter(item)
    if item.length < sizeof(SpGistLeafTupleData):
        raise CorruptData(f"tuple {item.number} is too short", offset=item.offset)
    head = read_leaf(view.data, item.offset)
    if bit_range(head.bits, "leaf", "tupstate") != TupState.LIVE:
        return _dead_tuple(out, head.bits)
    out.add("SpGistLeafTupleData", SpGistLeafTupleData)
    nulls = bit_range(head.t_info, "leaf t_info", "hasNullMask")
    if nulls:
        out.add("null bitmap", raw(INDEX_ATTRIBUTE_BITMAP_SIZE))
    out.raw("padding", min(item.offset + maxalign(out.at - item.offset), item.end))
    out.raw("leaf datum", item.end)
    return out.pieces


def _dead_tuple(out: TupleWriter, bits: int) -> list[Piece]:
    state = TupState(bit_range(bits, "leaf", "tupstate"))
    out.add("SpGistDeadTupleData", SpGistDeadTupleData, state.name)
    out.raw("remains", out.item.end)
    return out.pieces


def _inner_tuple(view: PageView, item: Item) -> list[Piece]:
    out = TupleWriter(item)
    if item.length < sizeof(SpGistInnerTupleData):
        raise CorruptData(f"tuple {item.number} is too short", offset=item.offset)
    head = read_inner(view.data, item.offset)
    if bit_range(head.bits, "inner", "tupstate") != TupState.LIVE:
        return _dead_tuple(out, head.bits)
    out.add("SpGistInnerTupleData", SpGistInnerTupleData)
    prefix = bit_range(head.bits, "inner", "prefixSize")
    if prefix:
        out.add("prefix", raw(prefix))
    count = bit_range(head.bits, "inner", "nNodes")
    for number, (start, node) in enumerate(nodes(view.data, out.at, item.end, count)):
        target = f"node {number}: child {tid_of(node)}"
        out.add(f"node {number}", IndexTupleData, target)
        out.raw(f"label of node {number}", start + tuple_size(node.t_info))
    out.raw("after the nodes", item.end)
    return out.pieces
