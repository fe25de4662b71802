"""Replay of SP-GiST records."""

from __future__ import annotations

import struct
from typing import Any

from formats.derive import reader, sizeof, struct_of
from formats.page import SIZE_OF_PAGE_HEADER
from formats.spgist import SpGistFlags, SpGistInnerTupleData, SpGistLeafTupleData, TupState
from formats.units import INVALID_BLOCK_NUMBER
from formats.wal import spgist as layout
from formats.wal.record import DecodedRecord
from pgtool.access.spgist import pageops
from pgtool.access.spgist.pageops import State
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.storage.bufmask import (
    mask_page_hint_bits,
    mask_page_lsn_and_checksum,
    mask_unused_space,
)
from pgtool.storage.redopool import RedoBuffer
from pgtool.wal.redo import RedoContext

_add_leaf = reader(layout.spgxlogAddLeaf)
_move = reader(layout.spgxlogMoveLeafs)
_add_node = reader(layout.spgxlogAddNode)
_split = reader(layout.spgxlogSplitTuple)
_pick = reader(layout.spgxlogPickSplit)
_vacuum_leaf = reader(layout.spgxlogVacuumLeaf)
_INNER = struct_of(SpGistInnerTupleData)
_LEAF = struct_of(SpGistLeafTupleData)


class _Parts:
    """The main data behind its fixed head, taken piece by piece."""

    def __init__(self, rec: DecodedRecord, head: Any) -> None:
        self.data = rec.main
        self.at = sizeof(head)
        self.rec = rec

    def offsets(self, count: int) -> tuple[int, ...]:
        out = struct.unpack_from(f"<{count}H", self.data, self.at)
        self.at += 2 * count
        return out

    def raw(self, size: int) -> bytes:
        out = self.data[self.at : self.at + size]
        if len(out) != size:
            raise CorruptData(f"SPGiST record at {self.rec.lsn} ends too early")
        self.at += size
        return out

    def leaf(self) -> bytes:
        return self.raw(_LEAF.unpack_from(self.data, self.at)[0] >> 2)

    def inner(self) -> bytes:
        return self.raw(_INNER.unpack_from(self.data, self.at)[1])


def _state(data: Any) -> State:
    return State(data.stateSrc_redirectXid, bool(data.stateSrc_isBuild))


def _block(rec: DecodedRecord, block_id: int) -> int:
    ref = rec.block(block_id)
    if ref is None:
        raise CorruptData(f"SPGiST record at {rec.lsn} has no block reference {block_id}")
    return ref.block


def _leaf_flags(data: Any) -> int:
    return SpGistFlags.SPGIST_LEAF | (SpGistFlags.SPGIST_NULLS if data.storesNulls else 0)


def _page(
    rec: DecodedRecord, ctx: RedoContext, block_id: int, fresh: int, flags: int
) -> RedoBuffer | None:
    """A page that needs the change, made empty with ``flags`` where ``fresh``."""
    buf = ctx.needed(rec, block_id, init=bool(fresh))
    if fresh and buf is not None:
        pageops.init(buf.page, flags)
    return buf


def _link(
    rec: DecodedRecord, ctx: RedoContext, block_id: int, data: Any, block: int, offset: int
) -> None:
    """Let the parent's node lead to the new place."""
    buf = ctx.needed(rec, block_id)
    if buf is not None:
        pageops.update_node_link(buf.page, data.offnumParent, data.nodeI, block, offset)
        ctx.done(buf, rec)


def add_leaf(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A leaf tuple, linked into its chain and to its parent."""
    data = _add_leaf(rec.main, 0)
    leaf = _Parts(rec, layout.spgxlogAddLeaf).leaf()
    buf = _page(rec, ctx, 0, data.newPage, _leaf_flags(data))
    if buf is not None:
        if data.offnumLeaf != data.offnumHeadLeaf:
            pageops.add_or_replace(buf.page, leaf, data.offnumLeaf)
            if data.offnumHeadLeaf:
                pageops.set_next_offset(buf.page, data.offnumHeadLeaf, data.offnumLeaf)
        else:
            pageops.replace(buf.page, leaf, data.offnumLeaf)
        ctx.done(buf, rec)
    if data.offnumParent:
        _link(rec, ctx, 1, data, _block(rec, 0), data.offnumLeaf)


def move_leafs(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A chain of leaf tuples moves to another page."""
    data = _move(rec.main, 0)
    count = 1 if data.replaceDead else data.nMoves + 1
    parts = _Parts(rec, layout.spgxlogMoveLeafs)
    to_delete, to_insert = parts.offsets(data.nMoves), parts.offsets(count)
    state, target = _state(data), _block(rec, 1)
    buf = _page(rec, ctx, 1, data.newPage, _leaf_flags(data))
    if buf is not None:
        for offnum in to_insert:
            pageops.add_or_replace(buf.page, parts.leaf(), offnum)
        ctx.done(buf, rec)
    buf = ctx.needed(rec, 0)
    if buf is not None:
        first = TupState.PLACEHOLDER if state.is_build else TupState.REDIRECT
        pageops.multi_delete(
            buf.page, to_delete, first, TupState.PLACEHOLDER, state.xid, target, to_insert[-1]
        )
        ctx.done(buf, rec)
    _link(rec, ctx, 2, data, target, to_insert[-1])


def add_node(rec: DecodedRecord, ctx: RedoContext) -> None:
    """An inner tuple gets one more node; where it does not fit it moves to another page."""
    data = _add_node(rec.main, 0)
    inner = _Parts(rec, layout.spgxlogAddNode).inner()
    if rec.block(1) is None:
        buf = ctx.needed(rec, 0)
        if buf is not None:
            pageops.replace(buf.page, inner, data.offnum)
            ctx.done(buf, rec)
        return
    target = _block(rec, 1)
    buf = _page(rec, ctx, 1, data.newPage, 0)
    if buf is not None:
        pageops.add_or_replace(buf.page, inner, data.offnumNew)
        _link_here(buf.page, data, 1, target)
        ctx.done(buf, rec)
    buf = ctx.needed(rec, 0)
    if buf is not None:
        pageops.replace_by_dead(buf.page, data.offnum, _state(data), target, data.offnumNew)
        _link_here(buf.page, data, 0, target)
        ctx.done(buf, rec)
    if data.parentBlk == 2:
        _link(rec, ctx, 2, data, target, data.offnumNew)


def _link_here(page: bytearray, data: Any, block_id: int, target: int) -> None:
    """Update the parent where it stands on this very page."""
    if data.parentBlk == block_id:
        pageops.update_node_link(page, data.offnumParent, data.nodeI, target, data.offnumNew)


def split_tuple(rec: DecodedRecord, ctx: RedoContext) -> None:
    """An inner tuple is cut in two: a shorter prefix above, the rest below."""
    data = _split(rec.main, 0)
    parts = _Parts(rec, layout.spgxlogSplitTuple)
    prefix, postfix = parts.inner(), parts.inner()
    if not data.postfixBlkSame:
        buf = _page(rec, ctx, 1, data.newPage, 0)
        if buf is not None:
            pageops.add_or_replace(buf.page, postfix, data.offnumPostfix)
            ctx.done(buf, rec)
    buf = ctx.needed(rec, 0)
    if buf is not None:
        pageops.replace(buf.page, prefix, data.offnumPrefix)
        if data.postfixBlkSame:
            pageops.add_or_replace(buf.page, postfix, data.offnumPostfix)
        ctx.done(buf, rec)


def _pick_source(
    rec: DecodedRecord, ctx: RedoContext, data: Any, to_delete: tuple[int, ...]
) -> RedoBuffer | None:
    """The source page without the tuples that leave it; None where it needs nothing."""
    if data.isRootSplit:
        return None
    buf = _page(rec, ctx, 0, data.initSrc, _leaf_flags(data))
    if buf is not None and not data.initSrc:
        state = _state(data)
        if state.is_build:
            pageops.multi_delete(
                buf.page, to_delete, TupState.PLACEHOLDER, TupState.PLACEHOLDER
            )
        else:
            pageops.multi_delete(
                buf.page, to_delete, TupState.REDIRECT, TupState.PLACEHOLDER,
                state.xid, _block(rec, 2), data.offnumInner,
            )  # fmt: skip
    return buf


def pick_split(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A leaf chain becomes an inner tuple with several chains."""
    data = _pick(rec.main, 0)
    parts = _Parts(rec, layout.spgxlogPickSplit)
    to_delete, to_insert = parts.offsets(data.nDelete), parts.offsets(data.nInsert)
    chosen = parts.raw(data.nInsert)
    inner = parts.inner()
    source = _pick_source(rec, ctx, data, to_delete)
    target: RedoBuffer | None = None
    if rec.block(1) is not None:
        target = _page(rec, ctx, 1, data.initDest, _leaf_flags(data))
    for offnum, which in zip(to_insert, chosen, strict=True):
        leaf = parts.leaf()
        page = target if which else source
        if page is not None:
            pageops.add_or_replace(page.page, leaf, offnum)
    for page in (source, target):
        if page is not None:
            ctx.done(page, rec)
    place = _block(rec, 2)
    nulls = SpGistFlags.SPGIST_NULLS if data.storesNulls else 0
    buf = _page(rec, ctx, 2, data.initInner, nulls)
    if buf is not None:
        pageops.add_or_replace(buf.page, inner, data.offnumInner)
        if data.innerIsParent:
            pageops.update_node_link(
                buf.page, data.offnumParent, data.nodeI, place, data.offnumInner
            )
        ctx.done(buf, rec)
    if rec.block(3) is not None:
        _link(rec, ctx, 3, data, place, data.offnumInner)


def vacuum_leaf(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Dead tuples of a leaf page become dead, placeholders, or are moved over."""
    data = _vacuum_leaf(rec.main, 0)
    parts = _Parts(rec, layout.spgxlogVacuumLeaf)
    dead, placeholder = parts.offsets(data.nDead), parts.offsets(data.nPlaceholder)
    source, target = parts.offsets(data.nMove), parts.offsets(data.nMove)
    chain, following = parts.offsets(data.nChain), parts.offsets(data.nChain)
    buf = ctx.needed(rec, 0)
    if buf is None:
        return
    pageops.multi_delete(buf.page, dead, TupState.DEAD, TupState.DEAD)
    both = (TupState.PLACEHOLDER, TupState.PLACEHOLDER)
    pageops.multi_delete(buf.page, placeholder, *both)
    for one, other in zip(source, target, strict=True):
        pageops.swap_pointers(buf.page, one, other)
    pageops.multi_delete(buf.page, source, *both)
    for offnum, link in zip(chain, following, strict=True):
        pageops.set_next_offset(buf.page, offnum, link)
    ctx.done(buf, rec)


def vacuum_root(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Dead tuples of a root that is a leaf."""
    buf = ctx.needed(rec, 0)
    if buf is not None:
        count = int.from_bytes(rec.main[:2], "little")
        bufpage.index_multi_delete(buf.page, _Parts(rec, layout.spgxlogVacuumRoot).offsets(count))
        ctx.done(buf, rec)


def vacuum_redirect(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Redirections become placeholders, those at the end go."""
    buf = ctx.needed(rec, 0)
    if buf is None:
        return
    head = layout.spgxlogVacuumRedirect[rec.major]
    count, first = struct.unpack_from("<2H", rec.main, 0)
    pageops.redirects_to_placeholders(buf.page, _Parts(rec, head).offsets(count))
    if first:
        pageops.drop_placeholders(buf.page, first)
    ctx.done(buf, rec)


def mask(page: bytearray, block: int) -> None:
    """Blank what replay need not restore."""
    mask_page_lsn_and_checksum(page)
    mask_page_hint_bits(page)
    if bufpage.bounds(page)[0] >= SIZE_OF_PAGE_HEADER:
        mask_unused_space(page)


assert INVALID_BLOCK_NUMBER == 0xFFFFFFFF

REDO = {
    "ADD_LEAF": add_leaf,
    "MOVE_LEAFS": move_leafs,
    "ADD_NODE": add_node,
    "SPLIT_TUPLE": split_tuple,
    "PICKSPLIT": pick_split,
    "VACUUM_LEAF": vacuum_leaf,
    "VACUUM_ROOT": vacuum_root,
    "VACUUM_REDIRECT": vacuum_redirect,
}
