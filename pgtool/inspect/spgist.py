"""SP-GiST pages, which the pageinspect extension does not know: our own functions.

They follow the extension's manner: spgist_metapage_info, spgist_page_opaque_info,
spgist_page_items (one row for each tuple) and spgist_page_nodes (one row for each node
of an inner tuple).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from formats import spgist
from formats.derive import sizeof
from formats.errors import CorruptData
from formats.itemptr import pointer_in
from formats.itup import IndexInfo, IndexTupleData, tid_of, tuple_size
from formats.layout import Item
from formats.page import SIZE_OF_PAGE_HEADER
from formats.spgist import SpGistFlags, TupState, bit_range
from formats.units import maxalign
from pgtool.inspect.rawpage import PageError, RawPage, Row, flag_names, int4

_SPECIAL = sizeof(spgist.SpGistPageOpaqueData)
_NAMES = tuple((int(flag), str(flag.name).removeprefix("SPGIST_").lower()) for flag in SpGistFlags)
_NOT_SPGIST = "input page is not a valid SP-GiST page"
_LEAF_DATA = maxalign(sizeof(spgist.SpGistLeafTupleData))


def _opaque(page: RawPage) -> Any:
    page.require_special_size(_SPECIAL, _NOT_SPGIST)
    opaque = spgist.read_opaque(page.data, page.special)
    if opaque.spgist_page_id != spgist.SPGIST_PAGE_ID:
        raise PageError(
            _NOT_SPGIST, f"Expected {spgist.SPGIST_PAGE_ID:08x}, got {opaque.spgist_page_id:08x}."
        )
    return opaque


def spgist_metapage_info(page: RawPage) -> Iterator[Row]:
    """The meta page: the pages last used for each purpose."""
    if page.is_new:
        yield (None,) * 3
        return
    if not _opaque(page).flags & SpGistFlags.SPGIST_META:
        raise PageError("input page is not an SP-GiST metapage")
    magic, *pairs = spgist.read_meta(page.data, SIZE_OF_PAGE_HEADER)
    yield f"0x{magic:08X}", list(pairs[::2]), [int4(n & 0xFFFFFFFF) for n in pairs[1::2]]


def spgist_page_opaque_info(page: RawPage) -> Iterator[Row]:
    """The special space of any SP-GiST page."""
    if page.is_new:
        yield (None,) * 4
        return
    opaque = _opaque(page)
    flags = flag_names(opaque.flags, _NAMES)
    yield str(page.lsn), flags, opaque.nRedirection, opaque.nPlaceholder


def _tuples(page: RawPage) -> Iterator[tuple[Item, bool, TupState, Any]]:
    """(item, on a leaf page, state, header) of each tuple."""
    flags = _opaque(page).flags
    if flags & SpGistFlags.SPGIST_META:
        raise PageError("block is a meta page")
    leaf = bool(flags & SpGistFlags.SPGIST_LEAF)
    for item in page.items:
        if not item.length:
            continue
        page.item_bytes(item)
        if item.length < sizeof(spgist.SpGistDeadTupleData):
            raise CorruptData(f"tuple {item.number} is too short", offset=item.offset)
        dead = spgist.read_dead(page.data, item.offset)
        state = TupState(bit_range(dead.bits, "leaf", "tupstate"))
        read = spgist.read_leaf if leaf else spgist.read_inner
        yield item, leaf, state, dead if state != TupState.LIVE else read(page.data, item.offset)


def spgist_page_items(page: RawPage) -> Iterator[Row]:
    """The tuples of an inner or leaf page; columns of the other kind are NULL."""
    if page.is_new:
        return
    for item, leaf, state, head in _tuples(page):
        shown = (item.number, "leaf" if leaf else "inner", state.name.lower(), item.length)
        data = page.data[item.offset : item.end]
        if state != TupState.LIVE:
            pointer, xid = None, None
            if state == TupState.REDIRECT:
                pointer, xid = str(pointer_in(head, "pointer")), head.xid
            yield (*shown, pointer, xid, None, None, None, None, None, None)
        elif leaf:
            tid = str(pointer_in(head, "heapPtr"))
            nulls = bool(bit_range(head.t_info, "leaf t_info", "hasNullMask"))
            following = bit_range(head.t_info, "leaf t_info", "nextOffset")
            yield (*shown, tid, None, following, nulls, None, None, None, data[_LEAF_DATA:])
        else:
            prefix = bit_range(head.bits, "inner", "prefixSize")
            at = sizeof(spgist.SpGistInnerTupleData)
            yield (
                *shown, None, None, None, None,
                bit_range(head.bits, "inner", "nNodes"),
                bool(bit_range(head.bits, "inner", "allTheSame")),
                data[at : at + prefix] if prefix else None, None,
            )  # fmt: skip


def spgist_page_nodes(page: RawPage) -> Iterator[Row]:
    """The nodes of the inner tuples of a page: child pointer and label."""
    if page.is_new:
        return
    for item, leaf, state, head in _tuples(page):
        if leaf:
            raise PageError("input page is not an SP-GiST inner page")
        if state != TupState.LIVE:
            continue
        start = item.offset + sizeof(spgist.SpGistInnerTupleData)
        start += bit_range(head.bits, "inner", "prefixSize")
        count = bit_range(head.bits, "inner", "nNodes")
        for number, (at, node) in enumerate(spgist.nodes(page.data, start, item.end, count)):
            label = page.data[at + sizeof(IndexTupleData) : at + tuple_size(node.t_info)]
            null = bool(node.t_info & IndexInfo.INDEX_NULL_MASK)
            tid = tid_of(node)
            child = None if tid.offset == 0 else str(tid)
            yield item.number, number, child, tuple_size(node.t_info), null, label or None
