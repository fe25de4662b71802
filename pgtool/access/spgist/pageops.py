"""Changes of SP-GiST pages, as pure functions of (page, arguments)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from formats.derive import offset_of, sizeof, struct_of
from formats.errors import CorruptData
from formats.itup import INDEX_SIZE_MASK, IndexTupleData
from formats.spgist import (
    SPGIST_PAGE_ID,
    SpGistDeadTupleData,
    SpGistInnerTupleData,
    SpGistLeafTupleData,
    SpGistPageOpaqueData,
    TupState,
)
from formats.units import BLCKSZ, INVALID_BLOCK_NUMBER, maxalign
from pgtool.storage import page as bufpage

_OPAQUE = struct_of(SpGistPageOpaqueData)
_AT = BLCKSZ - _OPAQUE.size
_REDIRECTION = _AT + offset_of(SpGistPageOpaqueData, "nRedirection")
_PLACEHOLDER = _AT + offset_of(SpGistPageOpaqueData, "nPlaceholder")
_U16, _U32 = struct.Struct("<H"), struct.Struct("<I")
_DEAD = struct_of(SpGistDeadTupleData)
_POINTER = offset_of(SpGistDeadTupleData, "pointer")
_NEXT = offset_of(SpGistLeafTupleData, "t_info")
_INNER_HEAD = maxalign(sizeof(SpGistInnerTupleData))
_T_INFO = offset_of(IndexTupleData, "t_info")
_NEXT_MASK = 0x3FFF
_STATE_MASK = 3
_SIZE_SHIFT = 2
_NODES_SHIFT, _NODES_MASK, _PREFIX_SHIFT = 3, 0x1FFF, 16
_bits = SpGistInnerTupleData.subcons[0].subcon
_TID = struct.Struct("<3H")


class State(NamedTuple):
    """What replay must know of the moment of a change."""

    xid: int
    is_build: bool


def init(page: bytearray, flags: int) -> None:
    """An empty page."""
    bufpage.init(page, _OPAQUE.size)
    _OPAQUE.pack_into(page, _AT, flags, 0, 0, SPGIST_PAGE_ID)


def _count(page: bytearray, at: int, change: int) -> None:
    value = int(_U16.unpack_from(page, at)[0]) + change
    if not 0 <= value <= 0xFFFF:
        raise CorruptData("SP-GiST page counts fewer dead tuples than it has")
    _U16.pack_into(page, at, value)


def dead_tuple(state: TupState, xid: int, block: int, offset: int) -> bytes:
    """A redirection, a dead tuple or a placeholder."""
    size = maxalign(_DEAD.size)
    if state != TupState.REDIRECT:
        block, offset, xid = INVALID_BLOCK_NUMBER, 0, 0
    head = int(state) | size << _SIZE_SHIFT
    return _DEAD.pack(head, 0, block >> 16, block & 0xFFFF, offset, xid).ljust(size, b"\0")


def tuple_state(page: bytearray, offnum: int) -> int:
    """The state of a tuple."""
    return int(page[bufpage.own_item_id(page, offnum).offset]) & _STATE_MASK


def add_or_replace(page: bytearray, data: bytes, offnum: int) -> None:
    """Put a tuple at a new line pointer, or in the place of a placeholder."""
    if offnum <= bufpage.max_offset(page):
        if tuple_state(page, offnum) != TupState.PLACEHOLDER:
            raise CorruptData("SPGiST tuple to be replaced is not a placeholder")
        _count(page, _PLACEHOLDER, -1)
        bufpage.index_tuple_delete(page, offnum)
    bufpage.must_add_item(page, data, offnum)


def replace(page: bytearray, data: bytes, offnum: int) -> None:
    """Put a tuple in the place of another one."""
    bufpage.index_tuple_delete(page, offnum)
    bufpage.must_add_item(page, data, offnum)


def replace_by_dead(page: bytearray, offnum: int, state: State, block: int, offset: int) -> None:
    """An inner tuple moved away: leave a redirection (in a build, a placeholder)."""
    kind = TupState.PLACEHOLDER if state.is_build else TupState.REDIRECT
    replace(page, dead_tuple(kind, state.xid, block, offset), offnum)
    _count(page, _PLACEHOLDER if state.is_build else _REDIRECTION, 1)


def multi_delete(
    page: bytearray, offnums: Sequence[int], first: TupState, rest: TupState,
    xid: int = 0, block: int = INVALID_BLOCK_NUMBER, offset: int = 0,
) -> None:  # fmt: skip
    """Replace tuples by dead ones: the first of the list in one state, the others in another."""
    if not offnums:
        return
    head = offnums[0]
    ordered = sorted(offnums)
    bufpage.index_multi_delete(page, ordered)
    for offnum in ordered:
        state = first if offnum == head else rest
        bufpage.must_add_item(page, dead_tuple(state, xid, block, offset), offnum)
        if state == TupState.REDIRECT:
            _count(page, _REDIRECTION, 1)
        elif state == TupState.PLACEHOLDER:
            _count(page, _PLACEHOLDER, 1)


def set_next_offset(page: bytearray, offnum: int, following: int) -> None:
    """Link a leaf tuple to the next of its chain."""
    at = bufpage.own_item_id(page, offnum).offset + _NEXT
    info = int(_U16.unpack_from(page, at)[0])
    _U16.pack_into(page, at, info & ~_NEXT_MASK | following & _NEXT_MASK)


def update_node_link(page: bytearray, offnum: int, node: int, block: int, offset: int) -> None:
    """Let a node of an inner tuple lead to another tuple."""
    _flags, start, length = bufpage.own_item_id(page, offnum)
    (bits,) = _U32.unpack_from(page, start)
    count = bits >> _NODES_SHIFT & _NODES_MASK
    at = start + _INNER_HEAD + (bits >> _PREFIX_SHIFT)
    if node >= count:
        raise CorruptData(f"failed to find requested node {node} in SPGiST inner tuple")
    for _ in range(node):
        at += int(_U16.unpack_from(page, at + _T_INFO)[0]) & INDEX_SIZE_MASK
    if at + sizeof(IndexTupleData) > start + length:
        raise CorruptData("SPGiST node does not lie in its tuple", offset=at)
    _TID.pack_into(page, at, block >> 16, block & 0xFFFF, offset)


def swap_pointers(page: bytearray, one: int, other: int) -> None:
    """Exchange two line pointers."""
    first, second = bufpage.own_item_id(page, one), bufpage.own_item_id(page, other)
    bufpage.set_item_id(page, one, *second)
    bufpage.set_item_id(page, other, *first)


def redirects_to_placeholders(page: bytearray, offnums: Sequence[int]) -> None:
    """Redirections that nobody follows any more become placeholders."""
    for offnum in offnums:
        at = bufpage.own_item_id(page, offnum).offset
        (bits,) = _U32.unpack_from(page, at)
        _U32.pack_into(page, at, bits & ~_STATE_MASK | TupState.PLACEHOLDER)
        _TID.pack_into(page, at + _POINTER, 0xFFFF, 0xFFFF, 0)
    _count(page, _REDIRECTION, -len(offnums))
    _count(page, _PLACEHOLDER, len(offnums))


def drop_placeholders(page: bytearray, first: int) -> None:
    """Remove the placeholders at the end of the page."""
    last = bufpage.max_offset(page)
    if not 1 <= first <= last:
        raise CorruptData(f"there is no line pointer {first}")
    _count(page, _PLACEHOLDER, -(last - first + 1))
    bufpage.index_multi_delete(page, range(first, last + 1))


assert (_bits.bits["nNodes"], _bits.bits["prefixSize"]) == (
    (_NODES_SHIFT, 13), (_PREFIX_SHIFT, 16),
)  # fmt: skip
