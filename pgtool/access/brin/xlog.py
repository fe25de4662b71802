"""Replay of BRIN records."""

from __future__ import annotations

from typing import Any

from formats.brin import BrinPageType
from formats.derive import offset_of, reader, struct_of
from formats.page import SIZE_OF_PAGE_HEADER
from formats.wal import brin as layout
from formats.wal.brin import XLOG_BRIN_INIT_PAGE
from formats.wal.record import DecodedRecord
from pgtool.access.brin import pageops
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.storage.bufmask import (
    mask_page_hint_bits,
    mask_page_lsn_and_checksum,
    mask_unused_space,
)
from pgtool.wal.redo import RedoContext

_CREATE = struct_of(layout.xl_brin_createidx)
_insert = reader(layout.xl_brin_insert)
_desummarize = reader(layout.xl_brin_desummarize)
_INSERT_AT = offset_of(layout.xl_brin_update, "insert")


def create_index(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A new index's metapage."""
    buf = ctx.needed(rec, 0, init=True)
    if buf is not None:
        pageops.init_meta(buf.page, *_CREATE.unpack_from(rec.main, 0))
        ctx.done(buf, rec)


def _insert_update(rec: DecodedRecord, ctx: RedoContext, data: Any) -> None:
    fresh = bool(rec.info & XLOG_BRIN_INIT_PAGE)
    buf = ctx.needed(rec, 0, init=fresh)
    ref = rec.block(0)
    assert ref is not None
    if buf is not None:
        if fresh:
            pageops.init(buf.page, BrinPageType.BRIN_PAGETYPE_REGULAR)
        if bufpage.max_offset(buf.page) + 1 < data.offnum:
            raise CorruptData(f"BRIN record at {rec.lsn} has an invalid max offset number")
        bufpage.must_add_item(buf.page, ref.data, data.offnum, overwrite=True)
        ctx.done(buf, rec)
    buf = ctx.needed(rec, 1)
    if buf is not None:
        place = (ref.block, data.offnum)
        pageops.set_range(buf.page, data.pagesPerRange, data.heapBlk, place)
        ctx.done(buf, rec)


def insert(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A new summary."""
    _insert_update(rec, ctx, _insert(rec.main, 0))


def update(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A summary that moves to another page."""
    buf = ctx.needed(rec, 2)
    if buf is not None:
        bufpage.index_tuple_delete_no_compact(buf.page, int.from_bytes(rec.main[:2], "little"))
        ctx.done(buf, rec)
    _insert_update(rec, ctx, _insert(rec.main, _INSERT_AT))


def samepage_update(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A summary replaced where it is."""
    buf = ctx.needed(rec, 0)
    if buf is not None:
        ref = rec.block(0)
        assert ref is not None
        bufpage.must_overwrite(buf.page, int.from_bytes(rec.main[:2], "little"), ref.data)
        ctx.done(buf, rec)


def revmap_extend(rec: DecodedRecord, ctx: RedoContext) -> None:
    """One more page of the range map."""
    (target,) = struct_of(layout.xl_brin_revmap_extend).unpack_from(rec.main, 0)
    buf = ctx.needed(rec, 0)
    if buf is not None:
        pageops.set_last_revmap_page(buf.page, target)
        ctx.done(buf, rec)
    buf = ctx.needed(rec, 1, init=True)
    if buf is not None:
        pageops.init(buf.page, BrinPageType.BRIN_PAGETYPE_REVMAP)
        ctx.done(buf, rec)


def desummarize(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A range loses its summary."""
    data = _desummarize(rec.main, 0)
    buf = ctx.needed(rec, 0)
    if buf is not None:
        pageops.set_range(buf.page, data.pagesPerRange, data.heapBlk, None)
        ctx.done(buf, rec)
    buf = ctx.needed(rec, 1)
    if buf is not None:
        bufpage.index_tuple_delete_no_compact(buf.page, data.regOffset)
        ctx.done(buf, rec)


def mask(page: bytearray, block: int) -> None:
    """Blank what replay need not restore."""
    mask_page_lsn_and_checksum(page)
    mask_page_hint_bits(page)
    kind = pageops.page_type(page)
    if kind == BrinPageType.BRIN_PAGETYPE_REGULAR or (
        kind == BrinPageType.BRIN_PAGETYPE_META and bufpage.bounds(page)[0] > SIZE_OF_PAGE_HEADER
    ):
        mask_unused_space(page)


REDO = {
    "CREATE_INDEX": create_index,
    "INSERT": insert,
    "UPDATE": update,
    "SAMEPAGE_UPDATE": samepage_update,
    "REVMAP_EXTEND": revmap_extend,
    "DESUMMARIZE": desummarize,
}
