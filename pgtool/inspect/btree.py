"""bt_metap, bt_page_stats, bt_multi_page_stats and bt_page_items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from formats import nbtree
from formats.derive import reader, sizeof
from formats.errors import CorruptData
from formats.itemptr import ItemPointer, ItemPointerData
from formats.itup import IndexInfo, checked_header, data_offset, read_tids, tid_of, tuple_size
from formats.layout import Item
from formats.nbtree import BtpFlags
from formats.page import SIZE_OF_PAGE_HEADER, LpFlags
from formats.units import BLCKSZ, maxalign
from pgtool.inspect.rawpage import Float8, PageError, RawPage, Row, int4

_read_meta = reader(nbtree.BTMetaPageData)
_SPECIAL = sizeof(nbtree.BTPageOpaqueData)
_SIZEOF_TID = sizeof(ItemPointerData)


def bt_metap(page: RawPage) -> Iterator[Row]:
    """The meta page."""
    meta = _read_meta(page.data, SIZE_OF_PAGE_HEADER)
    extended: Row = (0, Float8(-1), False)
    if meta.btm_version >= nbtree.BTREE_NOVAC_VERSION:
        # The extension prints six decimals and reads them back as a float8.
        tuples = Float8(f"{meta.btm_last_cleanup_num_heap_tuples:f}")
        extended = (meta.btm_last_cleanup_num_delpages, tuples, bool(meta.btm_allequalimage))
    yield (
        int4(meta.btm_magic), int4(meta.btm_version), meta.btm_root, meta.btm_level,
        meta.btm_fastroot, meta.btm_fastlevel, *extended,
    )  # fmt: skip


def _opaque(page: RawPage) -> Any:
    special = int(page.header.pd_special)
    if special + _SPECIAL > BLCKSZ:
        raise CorruptData("special space ends beyond the page", field="pd_special")
    return nbtree.read_opaque(page.data, special)


def bt_page_stats(page: RawPage) -> Iterator[Row]:
    """Type, fill and links of a page; any page but the meta page."""
    if page.block == nbtree.BTREE_METAPAGE:
        raise PageError("block 0 is a meta page")
    opaque = _opaque(page)
    flags = opaque.btpo_flags
    live = dead = total = 0
    if not flags & BtpFlags.BTP_DELETED:
        for item in page.items:
            total += tuple_size(checked_header(page, item).t_info)
            dead += item.flags == LpFlags.LP_DEAD
        live = len(page.items) - dead
    yield (
        page.block, _page_type(flags), live, dead, total // (live + dead) if live + dead else 0,
        page.page_size, page.free_space, opaque.btpo_prev, opaque.btpo_next, opaque.btpo_level,
        flags,
    )  # fmt: skip


def _page_type(flags: int) -> str:
    leaf = flags & BtpFlags.BTP_LEAF
    if flags & BtpFlags.BTP_DELETED:
        return "d" if leaf or not flags & BtpFlags.BTP_HAS_FULLXID else "D"
    if flags & BtpFlags.BTP_HALF_DEAD:
        return "e"
    if leaf:
        return "l"
    return "r" if flags & BtpFlags.BTP_ROOT else "i"


def bt_page_items(page: RawPage) -> Iterator[Row]:
    """The index tuples of a page, posting lists unfolded."""
    if page.is_new:
        yield (None,) * 9
        return
    page.require_special_size(_SPECIAL, "input page is not a valid btree page")
    opaque = _opaque(page)
    flags = opaque.btpo_flags
    if flags & BtpFlags.BTP_META:
        raise PageError("block is a meta page")
    if flags & BtpFlags.BTP_LEAF and opaque.btpo_level != 0:
        raise PageError("block is not a valid btree leaf page")
    if flags & BtpFlags.BTP_DELETED:
        page.notice("page is deleted")
        return
    leaf = bool(flags & BtpFlags.BTP_LEAF)
    rightmost = opaque.btpo_next == nbtree.P_NONE
    for item in page.items:
        yield _item(page, item, not leaf or (not rightmost and item.number == nbtree.P_HIKEY))


def _item(page: RawPage, item: Item, must_be_pivot: bool) -> Row:
    head = checked_header(page, item)
    info, size = head.t_info, tuple_size(head.t_info)
    start, end = item.offset + data_offset(info), item.offset + size
    tid = tid_of(head)
    htid: ItemPointer | None = tid
    tids = None
    if nbtree.is_posting(info, tid.offset):
        tids = nbtree.posting_tids(page.data, item.offset, end)
        htid = tids[0] if tids else None
        end = item.offset + tid.block
    elif nbtree.is_pivot(info, tid.offset):
        htid = None
        if tid.offset & nbtree.BT_PIVOT_HEAP_TID_ATTR:
            (htid,) = read_tids(page.data, end - _SIZEOF_TID, 1)
            end -= maxalign(_SIZEOF_TID)
    elif must_be_pivot:
        htid = None  # before version 4 a pivot's TID means nothing
    if end < start:
        raise CorruptData(
            f"invalid tuple length {end - start} for tuple at offset number {item.number}",
            offset=item.offset,
        )
    return (
        item.number, str(tid), size, bool(info & IndexInfo.INDEX_NULL_MASK),
        bool(info & IndexInfo.INDEX_VAR_MASK), page.data[start:end].hex(" "),
        None if must_be_pivot else item.flags == LpFlags.LP_DEAD,
        None if htid is None else str(htid),
        None if tids is None else [str(t) for t in tids],
    )  # fmt: skip
