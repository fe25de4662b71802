"""Replay of GiST records."""

from __future__ import annotations

import struct

from formats.derive import offset_of, reader, sizeof, struct_of
from formats.gist import GIST_ROOT_BLKNO, GistFlags
from formats.units import INVALID_BLOCK_NUMBER
from formats.wal import gist as layout
from formats.wal.record import DecodedRecord
from pgtool.access.gist import pageops
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.storage.bufmask import (
    mask_lp_flags,
    mask_page_hint_bits,
    mask_page_lsn_and_checksum,
    mask_unused_space,
)
from pgtool.wal.redo import BLK_NEEDS_REDO, BLK_RESTORED, RedoContext

_UPDATE = struct_of(layout.gistxlogPageUpdate)
_split = reader(layout.gistxlogPageSplit)
_page_delete = reader(layout.gistxlogPageDelete)


def _clear_follow_right(rec: DecodedRecord, ctx: RedoContext, block_id: int) -> None:
    action, buf = ctx.optional(rec, block_id)
    if action in (BLK_NEEDS_REDO, BLK_RESTORED):
        assert buf is not None
        pageops.clear_follow_right(buf.page, rec.end)
        ctx.done(buf, rec)


def page_update(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Tuples taken out and put in."""
    ndelete, ninsert = _UPDATE.unpack_from(rec.main, 0)
    buf = ctx.needed(rec, 0)
    if buf is not None:
        ref = rec.block(0)
        assert ref is not None
        offsets = struct.unpack_from(f"<{ndelete}H", ref.data, 0)
        at = 2 * ndelete
        if ndelete == 1 and ninsert == 1:
            bufpage.must_overwrite(buf.page, offsets[0], ref.data[at:])
            at = len(ref.data)
        elif ndelete:
            bufpage.index_multi_delete(buf.page, offsets)
            if pageops.flags(buf.page) & GistFlags.F_LEAF:
                pageops.set_flags(buf.page, on=GistFlags.F_TUPLES_DELETED)
        pageops.fill(buf.page, ref.data, at)
        ctx.done(buf, rec)
    _clear_follow_right(rec, ctx, 1)


def delete(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Dead tuples removed from a leaf."""
    buf = ctx.needed(rec, 0)
    if buf is None:
        return
    head = layout.gistxlogDelete[rec.major]
    (count,) = struct.unpack_from("<H", rec.main, offset_of(head, "ntodelete"))
    if len(rec.main) > sizeof(head):
        gone = struct.unpack_from(f"<{count}H", rec.main, sizeof(head))
        bufpage.index_multi_delete(buf.page, gone)
    pageops.set_flags(buf.page, on=GistFlags.F_TUPLES_DELETED, off=GistFlags.F_HAS_GARBAGE)
    ctx.done(buf, rec)


def page_reuse(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A deleted page will be used again: matters to queries on a standby only."""


def page_split(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A page becomes several, each made anew."""
    data = _split(rec.main, 0)
    root = False
    for i in range(data.npage):
        ref = rec.block(i + 1)
        if ref is None:
            raise CorruptData(f"GiST split at {rec.lsn} lacks block reference {i + 1}")
        is_root = ref.block == GIST_ROOT_BLKNO
        root = root or is_root
        buf = ctx.needed(rec, i + 1, init=True)
        if buf is None:
            continue
        leaf = data.origleaf and not is_root
        pageops.init(buf.page, GistFlags.F_LEAF if leaf else 0)
        pageops.fill(buf.page, ref.data, 4)
        last = i == data.npage - 1
        if not is_root:
            following = rec.block(i + 2)
            right = data.origrlink if last or following is None else following.block
            pageops.set_rightlink(buf.page, right)
            if not last and not root and data.markfollowright:
                pageops.set_flags(buf.page, on=GistFlags.F_FOLLOW_RIGHT)
        else:
            pageops.set_rightlink(buf.page, INVALID_BLOCK_NUMBER)
        pageops.set_nsn(buf.page, data.orignsn)
        ctx.done(buf, rec)
    _clear_follow_right(rec, ctx, 0)


def page_delete(rec: DecodedRecord, ctx: RedoContext) -> None:
    """An empty leaf removed from the tree."""
    data = _page_delete(rec.main, 0)
    buf = ctx.needed(rec, 0)
    if buf is not None:
        pageops.set_deleted(buf.page, data.deleteXid)
        ctx.done(buf, rec)
    buf = ctx.needed(rec, 1)
    if buf is not None:
        bufpage.index_tuple_delete(buf.page, data.downlinkOffset)
        ctx.done(buf, rec)


def assign_lsn(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Only made the WAL position advance."""


def mask(page: bytearray, block: int) -> None:
    """Blank what replay need not restore."""
    mask_page_lsn_and_checksum(page)
    mask_page_hint_bits(page)
    mask_unused_space(page)
    pageops.set_nsn(page, 0)
    pageops.set_flags(page, on=GistFlags.F_FOLLOW_RIGHT)
    if pageops.flags(page) & GistFlags.F_LEAF:
        mask_lp_flags(page)
    pageops.set_flags(page, off=GistFlags.F_HAS_GARBAGE)


REDO = {
    "PAGE_UPDATE": page_update,
    "DELETE": delete,
    "PAGE_REUSE": page_reuse,
    "PAGE_SPLIT": page_split,
    "PAGE_DELETE": page_delete,
    "ASSIGN_LSN": assign_lsn,
}
